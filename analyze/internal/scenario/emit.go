package scenario

import (
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// NamePeople makes the parameters of all paths names, of so many people, rather than ids. Paths then look like endpoints of their own.
func (s *Scenario) NamePeople(n int) { s.cfg.people = n }

// Fastify makes the logs those of the application alone, as a framework for Node.js writes them: ends have no path, and every life numbers
// its requests from one on.
func (s *Scenario) Fastify() {
	l := &s.cfg.logs
	l.router, l.app, l.started, l.ids, l.routes = false, true, true, true, false
	s.cfg.fastify = true
}

// MeasureEvery sets the time between readings of memory and CPU, where they are measured at all.
func (s *Scenario) MeasureEvery(d time.Duration) {
	if s.cfg.metrics.every > 0 {
		s.cfg.metrics.every = d.Seconds()
	}
}

// Emit lets the world happen and pushes what was written down into sink, source after source. The same scenario gives the same
// records, and completes Truth. The error is the sink's.
func (s *Scenario) Emit(sink record.Sink) error {
	cfg := s.cfg
	w := newWorld(&cfg)
	w.run()
	s.Truth = w.truth()
	e := &emitter{cfg: &cfg, eps: w.eps, rng: rand.New(rand.NewPCG(cfg.seed, 13)), sink: sink, numbers: map[inLife]int{}, count: map[*life]int{}}
	for i := range w.eps {
		e.routes = append(e.routes, routeOf(w.eps[i].path))
	}
	l := cfg.logs
	app := &record.Source{Name: "app.ndjson", Format: "pino"}
	var steps []func() error
	if l.events {
		steps = append(steps, func() error { return e.platform(w.trace.events, "platform", "platform.log", "scalingo-platform") })
	}
	if l.lastWords {
		steps = append(steps, func() error { return e.platform(w.trace.words, "app", "stderr.log", "last-words") })
	}
	if cfg.metrics.every > 0 {
		steps = append(steps, func() error { return e.samples(w.trace.samples) })
	}
	if l.router {
		steps = append(steps, func() error {
			return e.requests(w.trace.router, "router", "router.log", "scalingo-router", record.LayerRouter)
		})
	}
	if l.app {
		steps = append(steps,
			func() error { return e.requests(w.trace.app, "app", app.Name, app.Format, record.LayerApp) },
			func() error { return e.jobs(w.trace.jobs, app) })
	}
	// The order of the files means nothing.
	e.rng.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// truth says what happened in a run.
func (w *world) truth() Truth {
	t := Truth{CanTell: true, Requests: w.total}
	t.Deaths = append(t.Deaths, w.deaths...)
	slices.SortStableFunc(t.Deaths, func(a, b Death) int { return a.Time.Compare(b.Time) })

	// The cause of most deaths is the main one.
	by := map[finding.Cause]int{}
	culprits := map[string]int{}
	for _, d := range t.Deaths {
		by[d.Cause]++
		if d.Endpoint != "" {
			culprits[d.Endpoint]++
		}
	}
	best := 0
	for _, c := range []finding.Cause{
		finding.RequestBurst, finding.RequestLeak, finding.CPUStall, finding.RequestCrash, finding.BackgroundLeak, finding.HostFailure,
		finding.Capacity, finding.HungDependency, finding.Undetermined,
	} {
		if by[c] > best {
			best, t.Cause = by[c], c
		}
	}
	grown, growth := w.growth()
	has := func(kinds ...string) bool {
		for i := range w.cfg.acts {
			a := &w.cfg.acts[i]
			begins := 0.0
			if len(a.at) > 0 {
				begins = a.at[0]
			}
			if slices.Contains(kinds, a.kind) && begins < w.cfg.duration {
				return true
			}
		}
		return false
	}
	size := w.cfg.limit
	if w.cfg.heap > 0 {
		size = min(size, w.cfg.heap)
	}
	if t.Cause == finding.Undetermined && (growth[grown] > 0.12*size && grown != "" || growth[""] > 0.12*size) {
		// A death that nothing explains, beside a leak that has not killed yet.
		t.Cause = ""
	}
	if t.Cause == "" {
		switch {
		case growth[grown] > 0.12*size && grown != "":
			t.Cause = finding.RequestLeak
			culprits[grown] = 1
		case growth[""] > 0.12*size:
			t.Cause = finding.BackgroundLeak
		case has("hang", "slowdb"):
			t.Cause = finding.HungDependency
		case has("deploy", "cycling", "maintenance", "scale"):
			t.Cause = finding.PlannedRestart
		case w.capacityPain():
			t.Cause = finding.Capacity
		default:
			t.Cause = finding.None
		}
	}
	t.Accept = []finding.Cause{t.Cause}
	switch t.Cause {
	case finding.PlannedRestart:
		t.Accept = append(t.Accept, finding.None) // nothing is wrong, either way
	case finding.Capacity:
		if len(t.Deaths) == 0 {
			t.Accept = append(t.Accept, finding.None, finding.Undetermined)
		}
	case finding.HungDependency:
		switch {
		case !has("hang"):
			// A slow dependency does not hang: "something is wrong that kills nobody" is as right.
			t.Accept = append(t.Accept, finding.Undetermined, finding.None)
		case w.stuck < 10:
			t.Accept = append(t.Accept, finding.None)
		}
	case finding.Undetermined:
		if has("pressure") {
			// Work that no log tells of takes memory: the contract's nearest word for it.
			t.Accept = append(t.Accept, finding.BackgroundLeak)
		}
	}
	if has("deploy", "cycling", "maintenance", "scale") && t.Cause == finding.None {
		t.Accept = append(t.Accept, finding.PlannedRestart)
	}
	if by[finding.Undetermined] > 0 && best == by[finding.Undetermined] && t.Cause != finding.Undetermined {
		t.Accept = append(t.Accept, finding.Undetermined)
	}
	// With several culprits every cause that killed is right for the main verdict.
	for c, n := range by {
		if n > 0 && c != t.Cause && c != finding.Undetermined && c != finding.Capacity {
			t.Accept = append(t.Accept, c)
		}
	}
	slices.Sort(t.Accept[1:])
	t.Accept = slices.Compact(t.Accept)
	var names []string
	for e := range culprits {
		names = append(names, e)
	}
	sort.Slice(names, func(i, j int) bool {
		if culprits[names[i]] != culprits[names[j]] {
			return culprits[names[i]] > culprits[names[j]]
		}
		return names[i] < names[j]
	})
	if len(names) > 0 {
		t.Endpoint, t.Also = names[0], names[1:]
	}
	// Memory that an endpoint keeps is a leak whether it has killed yet or not: naming it is no wrong accusation.
	for e, g := range growth {
		if e != "" && g > 0 && t.Endpoint != "" && !t.Guilty(e) {
			t.Also = append(t.Also, e)
		}
	}
	slices.Sort(t.Also)
	w.canTell(&t)
	return t
}

// growth is how much each endpoint (or, as "", background work) has made one life keep, at most; grown is the worst endpoint.
func (w *world) growth() (grown string, by map[string]float64) {
	by = map[string]float64{}
	for _, c := range w.lives {
		for i := range w.acts {
			if a := &w.acts[i]; a.kind == "leak" {
				n := w.eps[a.ep].name()
				by[n] = max(by[n], c.grown[a.ep])
			}
		}
		by[""] = max(by[""], c.jobHeap)
	}
	for e, g := range by {
		if e != "" && (grown == "" || g > by[grown] || g == by[grown] && e < grown) {
			grown = e
		}
	}
	return grown, by
}

// capacityPain reports whether load made the fleet slow without any other cause.
func (w *world) capacityPain() bool {
	for i := range w.cfg.acts {
		if w.cfg.acts[i].kind == "surge" {
			n := 0
			for j := range w.trace.router {
				if w.trace.router[j].outcome == record.GaveUp || w.trace.router[j].outcome == record.Refused {
					n++
				}
			}
			return n > 20
		}
	}
	return false
}

// canTell decides whether what is written down can hold the culprit.
func (w *world) canTell(t *Truth) {
	l, m := w.cfg.logs, w.cfg.metrics
	no := func(why string) {
		if t.CanTell {
			t.CanTell, t.Why = false, why
		}
	}
	deathsSeen := l.events || l.lastWords
	// How long a life is in the window.
	span := w.cfg.duration * float64(w.cfg.containers) / float64(w.cfg.containers+len(t.Deaths))
	switch t.Cause {
	case finding.RequestBurst, finding.CPUStall, finding.RequestCrash:
		if !l.router && !l.started {
			no("only requests that finished are logged: the culprit never did")
		}
		if !l.containers {
			no("no line says which container served a request")
		}
		if !deathsSeen {
			no("nothing tells of the deaths")
		}
	case finding.RequestLeak:
		if m.every == 0 {
			no("no memory was measured")
		}
		if !l.router && !l.app {
			no("no request was logged")
		}
		if !l.containers || !m.named {
			no("memory or requests do not say which container they belong to")
		}
		if m.every > span/10 {
			no("memory was sampled too rarely")
		}
	case finding.BackgroundLeak:
		if m.every == 0 || m.every > span/10 || !m.named {
			no("memory was measured too rarely or not per container")
		}
		if !l.router && !l.app {
			no("without requests, time and traffic cannot be told apart")
		}
	case finding.Capacity:
		if !l.router && !l.app || m.every == 0 || m.every > 300 {
			no("load or memory are not seen closely enough")
		}
		if !deathsSeen {
			no("nothing tells of the deaths")
		}
	case finding.HungDependency:
		if !l.router && !l.app {
			no("no request was logged")
		}
		if w.stuck < 10 {
			no("too few requests met the dependency that hung")
		}
	case finding.HostFailure:
		if w.cfg.hosts == 0 || !l.events {
			no("nothing names hosts")
		}
	case finding.PlannedRestart:
		if !l.events {
			no("nothing tells of the restarts")
		}
	}
	if w.cfg.runtime != "" && !deathsSeen && len(t.Deaths) > 0 {
		no("nothing tells of the deaths")
	}
}
