package memory

import (
	"fmt"
	"os"
	"testing"

	"lastcall/collectors/record"
)

func TestProbeDesigns(t *testing.T) {
	if os.Getenv("PROBE") == "" {
		t.Skip()
	}
	for _, name := range []string{"S2-2", "S8-1", "S12-1", "S13-1"} {
		in := load(t, name)
		p := pickLives(in.lives)
		tr := newTraffic(in.ex, nil)
		for _, m := range []record.Metric{record.HeapUsed, record.HeapTotal, record.RSS, record.External} {
			for _, b := range []int{1, 2, 3, 5, 8, 13, 21, 34} {
				d := newDesign(p.lives, m, tr, b)
				if d.rows < minRows {
					continue
				}
				d.prepare(noiseGrid[:])
				for _, r := range d.regressors() {
					d.fit(r)
				}
				rk := d.ranked()
				nz := d.noise[rk[0].best]
				q := nz.drift.logDet
				fmt.Printf("%s %-10s b=%-3d rows %d: %s %.1f, %s %.1f all %.1f none %.1f q %.1f best %d\n", name, m, b, d.rows, rk[0].name, rk[0].logBF, rk[1].name, rk[1].logBF, d.all.logBF, d.logNone-d.logTime, q, rk[0].best)
			}
		}
	}
}

func TestProbeWorld(t *testing.T) {
	if os.Getenv("WORLD") == "" {
		t.Skip()
	}
	n := 0
	for _, w := range sweepWorlds(3) {
		if w.name == os.Getenv("WORLD") {
			f := w.run()
			a := Attribute(f.lives, f.ex, f.jobs, Options{Load: f.ex.Load()})
			fmt.Println(w, f.culprit, len(f.lives))
			dumpAttribution(a)
			n++
			if n == 2 {
				break
			}
		}
	}
}
