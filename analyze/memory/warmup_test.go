package memory

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// A container that was added two hours ago warms up as the others did this morning.
func TestYoungLivesBelowWhereOlderOnesStayedWarmUp(t *testing.T) {
	fills := func(h float64) float64 { return 260e6 - 160e6*math.Exp(-h/1.3) }
	leaks := func(h float64) float64 { return 100e6 + 45e6*h }
	steady := func(h float64) float64 { return 10 }
	quietLater := func(h float64) float64 {
		if h > 4 {
			return 1
		}
		return 10
	}
	for _, c := range []struct {
		name       string
		old, young func(h float64) float64
		load       func(h float64) float64
		died       bool
		leak       bool
	}{
		{name: "a cache that fills in every life", old: fills, young: fills, load: steady},
		{name: "all lives leak", old: leaks, young: leaks, load: steady, leak: true},
		{name: "the young rise above where the old stayed", old: fills, young: func(h float64) float64 { return 160e6 + 90e6*h }, load: steady, leak: true},
		{name: "the old stood still because less was asked of them", old: fills, young: fills, load: quietLater, leak: true},
		{name: "the load is not known", old: fills, young: fills, leak: true},
		{name: "the young died", old: fills, young: fills, load: steady, died: true, leak: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lives []Life
			load := map[string][]Point{}
			add := func(n int, length time.Duration, f func(float64) float64, died bool) {
				for range n {
					l := life(fmt.Sprintf("web-%d", len(lives)), series(length, time.Minute, uint64(len(lives)+1), f))
					if died {
						l.Died, l.Kind, l.End = true, record.CrashOOMKill, t0.Add(length)
					}
					lives = append(lives, l)
					if c.load != nil {
						load[l.Container] = series(length, time.Minute, 9, func(h float64) float64 { return 1e9 * c.load(h) })
					}
				}
			}
			add(3, 8*time.Hour, c.old, false)
			add(5, 150*time.Minute, c.young, c.died)
			gate := pickLives(lives, load).gate
			if gate.Open != c.leak {
				t.Errorf("gate: %+v", gate)
			}
			found := 0
			for _, x := range Curves(lives, Options{Load: load}) {
				if x.Life >= 3 && x.Shape == finding.ShapeLeak {
					found++
				}
			}
			if !c.leak && (found > 0 || !strings.Contains(gate.Why, "warm-up")) || c.leak && c.load != nil && found == 0 {
				t.Errorf("%d young lives are called leaks (%s)", found, gate.Why)
			}
		})
	}
}
