package memory

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lastcall/analyze/finding"
)

// TestNoInnocentEndpointIsAccusedOverGeneratedFleets runs one fleet of most kinds; TestSweep runs many.
func TestNoInnocentEndpointIsAccusedOverGeneratedFleets(t *testing.T) {
	right, culprits := 0, 0
	for i, w := range sweepWorlds(1) {
		if w.span > 12*time.Hour || i%2 == 1 && !strings.HasPrefix(w.name, "endpoint/") {
			continue // the big and every other one: left to TestSweep
		}
		f := w.run()
		a := Attribute(f.lives, f.ex, f.jobs, Options{Load: f.ex.Load(), Placebos: 39})
		v := verdictOf(f, a)
		if v == "WRONG" {
			t.Errorf("%s (%s): accuses %s: %s", w.name, w, a.Endpoint, a.Explanation)
		}
		if strings.HasPrefix(w.name, "endpoint/") {
			culprits++
			if v == "right" {
				right++
			}
		}
	}
	if culprits == 0 || 10*right < 8*culprits {
		t.Errorf("%d of %d culprits found", right, culprits)
	}
}

func verdictOf(f fleet, a Attribution) string {
	switch {
	case a.Endpoint != "" && f.culprit[a.Endpoint]:
		return "right"
	case a.Endpoint != "":
		return "WRONG"
	case a.Cause == finding.RequestLeak && len(f.culprit) > 0:
		return "cause"
	case a.Cause == finding.RequestLeak:
		return "requests"
	case len(f.culprit) == 0:
		return string(a.Cause)
	case a.Cause == finding.Undetermined || a.Cause == finding.None:
		return "undecided:" + string(a.Cause)
	}
	return "MISS:" + string(a.Cause)
}

func sweepWorlds(seeds int) []world {
	var ws []world
	add := func(w world) {
		for s := range seeds {
			w.seed = uint64(s)*7919 + uint64(len(ws))
			ws = append(ws, w)
		}
	}
	base := world{containers: 6, rps: 8, life: 45 * time.Minute, span: 2 * time.Hour, every: 10 * time.Second, gc: 0.03, drift: 0.003}
	with := func(name string, f func(*world)) world {
		w := base
		w.name = name
		f(&w)
		return w
	}
	scale := []struct {
		n                 string
		life, span, every time.Duration
		rps               float64
	}{
		{"short10s", 45 * time.Minute, 2 * time.Hour, 10 * time.Second, 8},
		{"short60s", 60 * time.Minute, 3 * time.Hour, 60 * time.Second, 8},
		{"mid60s", 6 * time.Hour, 24 * time.Hour, 60 * time.Second, 4},
		{"long15m", 24 * time.Hour, 72 * time.Hour, 15 * time.Minute, 3},
	}
	for _, sc := range scale {
		set := func(w *world) { w.life, w.span, w.every, w.rps = sc.life, sc.span, sc.every, sc.rps }
		for _, sh := range []float64{0.002, 0.01, 0.05, 0.2} {
			add(with("endpoint/"+sc.n+"/"+fmt.Sprint(sh), func(w *world) { set(w); w.kind, w.share = "endpoint", sh }))
		}
		for _, k := range []string{"two", "time", "job", "all", "bysize", "healthy", "warmup", "cache", "load", "rampload", "drift"} {
			add(with(k+"/"+sc.n, func(w *world) { set(w); w.kind, w.share = k, 0.06 }))
		}
		for _, k := range []string{"endpoint", "time", "all"} {
			add(with(k+"+drift/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.drift = k, 0.05, 0.03 }))
			add(with(k+"+go/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.goHeap = k, 0.05, true }))
			add(with(k+"+sticky/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.sticky = k, 0.05, true }))
			add(with(k+"+bursty/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.bursty = k, 0.05, true }))
			add(with(k+"+roundrobin/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.roundRobin = k, 0.05, true }))
			add(with(k+"+two containers/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.containers, w.rps = k, 0.05, 2, w.rps/3 }))
			add(with(k+"+one container/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.containers, w.rps = k, 0.05, 1, w.rps/6 }))
			add(with(k+"+lost 10%/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.lost = k, 0.05, 0.1 }))
			add(with(k+"+deploy/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.deploy = k, 0.05, true }))
		}
		add(with("endpoint+heavy/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.heavy = "endpoint", 0.05, true }))
		add(with("endpoint+partner/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.partner = "endpoint", 0.05, true }))
	}
	for _, sc := range scale {
		set := func(w *world) { w.life, w.span, w.every, w.rps = sc.life, sc.span, sc.every, sc.rps }
		for _, sh := range []float64{0.01, 0.1} {
			add(with(fmt.Sprintf("hard/hidden %g/%s", sh, sc.n), func(w *world) { set(w); w.kind, w.share, w.hidden = "endpoint", sh, true }))
			add(with(fmt.Sprintf("hard/hidden sticky %g/%s", sh, sc.n), func(w *world) { set(w); w.kind, w.share, w.hidden, w.sticky = "endpoint", sh, true, true }))
			add(with(fmt.Sprintf("hard/hidden bursty %g/%s", sh, sc.n), func(w *world) { set(w); w.kind, w.share, w.hidden, w.bursty = "endpoint", sh, true, true }))
		}
		for _, k := range []string{"endpoint", "time"} {
			add(with("hard/"+k+" paced sticky/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.paced, w.sticky = k, 0.05, 0.3, true }))
			add(with("hard/"+k+" spikes/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.spikes = k, 0.05, true }))
			add(with("hard/"+k+" steps/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.steps = k, 0.05, true }))
			add(with("hard/"+k+" 200 endpoints/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.endpoints = k, 0.02, 200 }))
			add(with("hard/"+k+" low traffic/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.rps = k, 0.05, w.rps/10 }))
			add(with("hard/"+k+" slow leak/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.life = k, 0.05, w.life*8 }))
			add(with("hard/"+k+" 15m samples/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.every = k, 0.05, 15*time.Minute }))
			add(with("hard/"+k+" sticky one container/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.containers, w.rps, w.bursty = k, 0.05, 1, w.rps/6, true }))
		}
		for _, k := range []string{"endpoint", "time", "all"} {
			for _, back := range []time.Duration{30 * time.Second, 2 * time.Minute, 15 * time.Minute} {
				add(with("hard/"+k+" needs, back in "+back.String()+"/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.needs, w.returns = k, 0.05, 0.06, back }))
			}
		}
		add(with("hard/healthy steps/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.steps = "healthy", 0.05, true }))
		add(with("hard/healthy spikes/"+sc.n, func(w *world) { set(w); w.kind, w.share, w.spikes = "healthy", 0.05, true }))
	}
	return ws
}

// TestSweep prints the table of right, undecided and wrong over generated fleets (SWEEP=seeds per cell).
func TestSweep(t *testing.T) {
	seeds, _ := strconv.Atoi(os.Getenv("SWEEP"))
	if seeds == 0 {
		t.Skip("SWEEP=seeds runs the whole sweep")
	}
	ws := sweepWorlds(seeds)
	res := make([]string, len(ws))
	atts := make([]Attribution, len(ws))
	keeps := make([]float64, len(ws))
	var wg sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wg.Go(func() {
			for i := range next {
				f := ws[i].run()
				atts[i] = Attribute(f.lives, f.ex, f.jobs, Options{Load: f.ex.Load()})
				res[i] = verdictOf(f, atts[i])
				keeps[i] = f.keeps[atts[i].Endpoint]
			}
		})
	}
	only := os.Getenv("ONLY")
	var kept []world
	for _, w := range ws {
		if strings.HasPrefix(w.name, only) {
			kept = append(kept, w)
		}
	}
	ws = kept
	for i := range ws {
		next <- i
	}
	close(next)
	wg.Wait()
	cells := map[string]map[string]int{}
	var names []string
	total, covered := map[string]int{}, 0
	for i, w := range ws {
		if a := atts[i]; a.Endpoint != "" {
			total[string(a.Grade)+" "+res[i]]++
			if b := a.Endpoints[0].BytesPerRequest; res[i] == "right" && b.Low <= keeps[i] && keeps[i] <= b.High {
				covered++
			} else if res[i] == "right" && os.Getenv("MISSED") != "" {
				fmt.Printf("%-40s %.2f [%.2f %.2f] of the truth, share %.2f [%.2f %.2f]\n", w.name, b.Value/keeps[i], b.Low/keeps[i], b.High/keeps[i], a.Endpoints[0].ShareOfGrowth.Value, a.Endpoints[0].ShareOfGrowth.Low, a.Endpoints[0].ShareOfGrowth.High)
			}
		}
		if cells[w.name] == nil {
			cells[w.name] = map[string]int{}
			names = append(names, w.name)
		}
		cells[w.name][res[i]]++
		if res[i] == "WRONG" {
			fmt.Println("WRONG", w)
			dumpAttribution(atts[i])
		}
	}
	sort.Strings(names)
	fmt.Println(len(ws), total, "bytes per request within its interval:", covered)
	for _, n := range names {
		fmt.Printf("%-45s %v\n", n, cells[n])
	}
}
