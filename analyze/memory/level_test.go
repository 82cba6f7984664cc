package memory

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// ratchet generates a fleet of managed runtimes of which only resident memory is known: what lives grows by itself, and a request of one
// endpoint needs much for a moment. Resident memory is the most that was ever needed. Where leaks is set it is those requests that keep
// memory, and nothing grows by itself.
func ratchet(seed uint64, leaks bool) fleet {
	const limit, block, n, containers = 128e6, 5 * time.Second, 5760, 4
	rng := rand.New(rand.NewPCG(seed, 3))
	from := record.TimeOf(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	f := fleet{ex: Exposure{From: from, Block: block, N: n}}
	rates := []float64{1, 0.6, 0.4, 0.3, 0.2, 0.1, 0.012, 0.05}
	const heavy = 6
	for e := range rates {
		by := map[string][]float64{}
		for c := range containers {
			by[fmt.Sprintf("web-%d", c)] = make([]float64, n)
		}
		f.ex.Endpoints = append(f.ex.Endpoints, Counts{Endpoint: fmt.Sprintf("GET /e%d", e), ByContainer: by})
	}
	for c := range containers {
		name := fmt.Sprintf("web-%d", c)
		live, peak, start, life := 30e6, 40e6, 0, 0
		var rss []Point
		for i := range n {
			at := from.Add(time.Duration(i) * block)
			for e, rate := range rates {
				k := poisson(rng, rate)
				f.ex.Endpoints[e].ByContainer[name][i] = k
				if e == heavy && k > 0 {
					peak = max(peak, live+25e6*(0.7+0.6*rng.Float64()))
					if leaks {
						live += 19e6 * k
					}
				}
			}
			if !leaks {
				live += 0.23e6
			}
			peak = max(peak, live+2e6)
			if i%6 == 0 {
				rss = append(rss, Point{at, min(peak, limit) + 0.2e6*rng.Float64()})
			}
			if live >= limit-10e6 {
				f.lives = append(f.lives, Life{Container: name, Instance: fmt.Sprint(life), Start: from.Add(time.Duration(start) * block), End: at, Died: true, Kind: record.CrashOOMKill,
					Series: map[record.Metric][]Point{record.RSS: rss}, LimitBytes: 512e6})
				live, peak, start, rss = 30e6, 40e6, i+1, nil
				life++
			}
		}
	}
	return f
}

// againstLead is what the deaths say against the endpoint that leads before it is asked what it adds to its own recent traffic, which most
// innocents do not survive.
func againstLead(f fleet) string {
	pick := pickLives(f.lives, f.ex.Load())
	d := chooseDesign(pick.lives, pick.growth.Metric, newTraffic(f.ex, nil))
	d.prepare(noiseGrid[:])
	for _, r := range d.regressors() {
		d.fit(r)
	}
	lead := d.ranked()[0]
	share, _ := lead.estimates()
	return d.sameLevel(pick.lives, lead, share.Value)
}

// TestAHighWaterMarkAccusesNobody: resident memory rises with the requests of an endpoint that keeps nothing.
func TestAHighWaterMarkAccusesNobody(t *testing.T) {
	contradicted, right := 0, 0
	const fleets = 12
	for seed := range uint64(fleets) {
		f := ratchet(seed, false)
		a := Attribute(f.lives, f.ex, nil, Options{Placebos: 39})
		if a.Endpoint != "" || a.Cause == finding.RequestLeak {
			t.Errorf("seed %d: %s %s %q: %s", seed, a.Cause, a.Grade, a.Endpoint, a.Explanation)
		}
		if againstLead(f) != "" {
			contradicted++
		}
		f = ratchet(seed, true)
		if a = Attribute(f.lives, f.ex, nil, Options{Placebos: 39}); a.Endpoint == "GET /e6" {
			right++
		}
	}
	t.Logf("%d contradicted by the deaths, %d leaks found, of %d", contradicted, right, fleets)
	if contradicted == 0 {
		t.Error("the ages at death contradicted nobody: the test shows nothing")
	}
	if right < fleets*3/4 {
		t.Errorf("%d of %d endpoints that do leak are found", right, fleets)
	}
}

// TestFewReadingsAcquitNobody: time is the simplest explanation, and where little tells it from the requests that proves nothing.
func TestFewReadingsAcquitNobody(t *testing.T) {
	for _, c := range []struct {
		share, drift float64
		containers   int
		every        time.Duration
	}{{0.05, 0.01, 2, time.Minute}, {0.05, 0.003, 3, 5 * time.Minute}, {0.2, 0.01, 5, time.Minute}} {
		for seed := range uint64(20) {
			w := world{kind: "endpoint", share: c.share, containers: c.containers, rps: 8, life: 50 * time.Minute, span: 110 * time.Minute, every: c.every, gc: 0.03, drift: c.drift, roundRobin: true, endpoints: 12, seed: seed}
			f := w.run()
			if a := Attribute(f.lives, f.ex, f.jobs, Options{Load: f.ex.Load(), Placebos: 39}); a.Cause == finding.BackgroundLeak {
				t.Errorf("%s: the leak of an endpoint is said to be nobody's: %s", w, a.Explanation)
			}
		}
	}
}

// TestMemoryThatStandsAtItsCeilingGrewBefore: the last minutes of a full heap say nothing of how it was filled.
func TestMemoryThatStandsAtItsCeilingGrewBefore(t *testing.T) {
	level := func(form func(passed float64) float64, kind record.CrashKind) (before float64) {
		l := Life{Container: "web-1", Start: record.TimeOf(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)), Died: kind != record.CrashKind("alive"), Kind: kind}
		var pts []Point
		for i := range 120 {
			pts = append(pts, Point{l.Start.Add(time.Duration(i) * 30 * time.Second), 100e6 * form(float64(i)/120)})
		}
		t, _ := l.settled(pts)
		return t[len(t)-1]
	}
	grows := func(until float64) func(float64) float64 {
		return func(x float64) float64 { return 0.4 + 0.6*min(1, x/until) }
	}
	for name, c := range map[string]struct {
		form func(float64) float64
		kind record.CrashKind
		cut  bool
	}{
		"grows, then stands for a third of its life": {grows(0.67), record.CrashHeapLimit, true},
		"the same, killed by nobody knows what":      {grows(0.67), record.CrashOther, true},
		"the same, of an exception":                  {grows(0.67), record.CrashException, false},
		"the same, and lives on":                     {grows(0.67), "alive", false},
		"grows to the end":                           {grows(1), record.CrashHeapLimit, false},
		"a cache that filled at first":               {func(x float64) float64 { return 0.4 + 0.6*(1-math.Exp(-8*x)) }, record.CrashHeapLimit, false},
		"rises a little, then stands":                {func(x float64) float64 { return 0.8 + 0.2*min(1, x/0.67) }, record.CrashHeapLimit, false},
		"rises and falls again": {func(x float64) float64 {
			if x > 0.8 {
				return 0.5
			}
			return 0.4 + 0.6*min(1, x/0.67)
		}, record.CrashHeapLimit, false},
	} {
		if last := level(c.form, c.kind); last < 0.9 != c.cut {
			t.Errorf("%s: read until %.2f h of 1 h, cut %v", name, last, c.cut)
		}
	}
}
