package evidence

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// endsTold are the ends of containers that a run tells of, and the ends of which some source keeps no time: of restarts, and of evicted
// pods. What a pod or `docker inspect` has forgotten the events of the same run may tell of, so that the warning waits until all is read. The
// zero value is ready.
type endsTold struct {
	of     map[string][]endTold // by container, and by "pod/" those of all containers of a pod
	count  int
	untold []record.Warning
	words  []*record.Crash // by which processes aborted, without a time
}

type endTold struct {
	time   record.Time
	exited bool // otherwise what led to an end, of which another record may tell as well
	abort  bool // with SIGABRT
	pos    record.Pos
}

// maxEndsTold bounds the ends that are remembered; what is beyond is told as missing.
const maxEndsTold = 20_000

func (e *endsTold) add(container string, end endTold) {
	if container == "" || end.time == 0 || e.count >= maxEndsTold {
		return
	}
	if e.of == nil {
		e.of = map[string][]endTold{}
	}
	e.of[container] = append(e.of[container], end)
	if pod, inner := containers.PodOf(container); inner {
		e.of[pod+"/"] = append(e.of[pod+"/"], end)
	}
	e.count++
}

// addAll takes what another knows, who is done.
func (e *endsTold) addAll(other *endsTold) {
	e.untold = append(e.untold, other.untold...)
	e.words = append(e.words, other.words...)
	if e.count == 0 {
		e.of, e.count = other.of, other.count
		return
	}
	for _, container := range slices.Sorted(maps.Keys(other.of)) { // which are too many must not be chance
		if strings.HasSuffix(container, "/") {
			continue // they come with their containers
		}
		for _, end := range other.of[container] {
			e.add(container, end)
		}
	}
}

// ends are those of a container: some sources tell of a pod and not of its containers, and others of these.
func (e *endsTold) ends(container string) []endTold {
	own := e.of[container]
	other := e.of[container+"/"]
	if pod, inner := containers.PodOf(container); inner {
		other = e.of[pod]
	}
	return slices.Concat(own, other)
}

// place gives last words without a time, as `docker compose logs` has them unless it is asked for times, those of the ends that other
// sources tell of: where a container aborted as often as its log has such words, each was said by one, in their order. All others are
// counted.
func (e *endsTold) place(q record.Query, sink record.Sink) error {
	of := map[string][]*record.Crash{}
	for _, c := range e.words {
		of[c.Container] = append(of[c.Container], c)
	}
	var lost []*record.Crash
	for _, container := range slices.Sorted(maps.Keys(of)) {
		words, ends := of[container], e.aborts(container)
		sortByPlace(words)
		if len(words) != len(ends) || words[0].Pos.Source != words[len(words)-1].Pos.Source {
			lost = append(lost, words...)
			continue
		}
		for i, c := range words {
			c.Time = ends[i]
			if q.From != 0 && c.Time < q.From || q.To != 0 && c.Time > q.To {
				continue
			}
			if err := sink.Crash(c); err != nil {
				return err
			}
		}
	}
	sortByPlace(lost)
	for len(lost) > 0 {
		n := 1
		for n < len(lost) && lost[n].Pos.Source == lost[0].Pos.Source {
			n++
		}
		w := record.Warning{Code: "no_time", Pos: lost[0].Pos, Count: int64(n), Text: warning.NoTime, Example: lost[0].Text}
		if err := sink.Warn(&w); err != nil {
			return err
		}
		lost = lost[n:]
	}
	return nil
}

func sortByPlace(words []*record.Crash) {
	slices.SortStableFunc(words, func(a, b *record.Crash) int {
		return cmp.Or(cmp.Compare(a.Pos.Source.Name, b.Pos.Source.Name), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
}

// aborts are the times at which a container aborted, each once although two sources tell of it.
func (e *endsTold) aborts(container string) (times []record.Time) {
	for _, end := range e.ends(container) {
		if end.abort {
			times = append(times, end.time)
		}
	}
	slices.Sort(times)
	return slices.CompactFunc(times, func(a, b record.Time) bool { return a.Sub(b).Abs() < time.Second })
}

// warn tells of the restarts of which no source told the end, merged by source.
func (e *endsTold) warn(sink record.Sink) error {
	for i := range e.untold {
		w := &e.untold[i]
		w.Count -= e.elsewhere(w.Example, w.Pos)
	}
	missing := slices.DeleteFunc(e.untold, func(w record.Warning) bool { return w.Count <= 0 })
	slices.SortStableFunc(missing, func(a, b record.Warning) int {
		return cmp.Or(cmp.Compare(a.Pos.Source.Name, b.Pos.Source.Name), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	for len(missing) > 0 {
		w, n := missing[0], 1
		for n < len(missing) && missing[n].Pos.Source == w.Pos.Source && missing[n].Text == w.Text {
			w.Count += missing[n].Count
			n++
		}
		if err := sink.Warn(&w); err != nil {
			return err
		}
		missing = missing[n:]
	}
	return nil
}

// elsewhere counts the ends of a container that are told of, except for what the source at pos tells itself, once or again.
func (e *endsTold) elsewhere(container string, pos record.Pos) (n int64) {
	ends := slices.SortedFunc(slices.Values(e.ends(container)), func(a, b endTold) int { return cmp.Compare(a.time, b.time) })
	var own []record.Time
	var others []record.Time
	for i, end := range ends {
		switch {
		case end.pos == pos:
			own = append(own, end.time)
		case end.exited || !leadsTo(end, ends[i+1:], pos):
			others = append(others, end.time)
		}
	}
	for _, at := range own {
		// The nearest of the others is this end as well.
		near := -1
		for i, t := range others {
			if d := t.Sub(at).Abs(); d <= orchestrator.SoonAgain && (near < 0 || d < others[near].Sub(at).Abs()) {
				near = i
			}
		}
		if near >= 0 {
			others = slices.Delete(others, near, near+1)
		}
	}
	return int64(len(others))
}

// leadsTo reports whether what is no end by itself has one soon after it.
func leadsTo(end endTold, later []endTold, pos record.Pos) bool {
	for _, l := range later {
		if l.time.Sub(end.time) > orchestrator.SoonAgain {
			return false
		}
		if l.pos != pos {
			return true // also what leads to the same end
		}
	}
	return false
}
