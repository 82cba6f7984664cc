package traffic

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

const (
	// lostAfter: a start that never ended in the log, on a container that did not die, counts as open for this long. Logs that
	// lose lines so make their endpoints look open often, and weaken accusations by themselves.
	lostAfter = time.Hour
	// abandonedAfter is the same for a request that the router gave up on or whose client left: the process goes on with it for
	// minutes at most (recorded: up to 100 s), and holding each for an hour would hide real culprits.
	abandonedAfter = 10 * time.Minute
)

// Pending is a request that did not end with an answer as the primary log has it, or whose end is not known.
type Pending struct {
	reqlog.Rec
	// done is when the application says it finished; 0 when it never said so.
	done record.Time
	// Death is the index of the death it was open at, -1 for none; [Traffic.Measure] finds it.
	Death int
}

// DoneAt returns when the process was done with the request: 0 when that is not known.
func (p *Pending) DoneAt() record.Time {
	if p.done != 0 {
		return p.done
	}
	if p.Phase == record.Completed && p.Outcome == record.Cut {
		return p.End
	}
	if p.Outcome == record.Refused {
		return p.End
	}
	return 0
}

// unknownFor is how long a request without a known end counts as open.
func (p *Pending) unknownFor() time.Duration {
	if p.Phase == record.Started {
		return lostAfter
	}
	return abandonedAfter
}

// join gathers the requests without an answer and looks up what the application says of them.
func (t *Traffic) join() error {
	starts, err := t.unfinished()
	if err != nil {
		return err
	}
	left := map[uint64]bool{} // ids of starts without an end that has their id
	for _, r := range t.openStarts() {
		left[r.ID] = true
		starts = append(starts, r)
	}
	if err := t.findSpans(); err != nil {
		return err
	}
	if err := t.readUnanswered(); err != nil {
		return err
	}
	ended, err := t.readEnds(left)
	if err != nil {
		return err
	}
	seen := byRequest{}
	for i := range t.Pending {
		if p := &t.Pending[i]; left[p.ID] {
			seen.add(&p.Rec)
		}
	}
	for _, r := range starts {
		if r.ID == 0 || !ended.tell(&r) && !seen.tell(&r) {
			t.Pending = append(t.Pending, Pending{Rec: r, Death: -1})
		}
	}
	slices.SortFunc(t.Pending, comparePending)
	return nil
}

// openStarts returns the starts whose end was not seen by their id.
func (t *Traffic) openStarts() (starts []reqlog.Rec) {
	keys := make([]intake.OpenKey, 0, len(t.Evidence.Open))
	for k := range t.Evidence.Open {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b intake.OpenKey) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	for _, k := range keys {
		if t.Containers.of[k.Container] == notLookedAt {
			continue
		}
		q := t.Evidence.Open[k]
		slices.SortFunc(q, func(a, b reqlog.Rec) int { return reqlog.CompareAll(&a, &b) })
		q = slices.DeleteFunc(q, func(r reqlog.Rec) bool {
			return r.Start < t.Window.From || r.Start > t.Window.To || t.Evidence.Again[intake.TallyOf(r.Source, r.Layer)]
		})
		for _, r := range slices.CompactFunc(q, func(a, b reqlog.Rec) bool { return reqlog.SameLine(&a, &b) }) {
			r.Endpoint, r.Container = t.Endpoints.of[r.Endpoint], t.Containers.of[r.Container]
			starts = append(starts, r)
		}
	}
	return starts
}

// readUnanswered gathers the requests whose lines say that the process may not have been done with them.
func (t *Traffic) readUnanswered() error {
	// Nothing here depends on the order but for duplicates, which are dropped after sorting.
	err := t.lines(t.Evidence.Unanswered.EachUnsorted, countedLines, func(r *reqlog.Rec) {
		t.Pending = append(t.Pending, Pending{Rec: *r, Death: -1})
	})
	slices.SortFunc(t.Pending, comparePending)
	t.Pending = slices.CompactFunc(t.Pending, func(a, b Pending) bool { return reqlog.SameLine(&a.Rec, &b.Rec) })
	return err
}

// readEnds returns the ends of the requests that are left by their ids, and sets when the application was done with those without an
// answer.
func (t *Traffic) readEnds(left map[uint64]bool) (byRequest, error) {
	apps := false
	for g := range t.groups {
		apps = apps || g.layer == record.LayerApp
	}
	// A request that is tried again elsewhere may keep its id: what is said of it is of one container, where that is known.
	byID := map[idAt]int{}
	for i := range t.Pending {
		if p := &t.Pending[i]; p.ID != 0 && apps {
			byID[idAt{p.ID, p.Container}] = i
			byID[idAt{p.ID, anywhere}] = i
		}
	}
	ended := byRequest{}
	if len(byID) == 0 && len(left) == 0 {
		return ended, nil
	}
	err := t.lines(t.Evidence.Log.EachUnsorted, completedLines, func(r *reqlog.Rec) {
		if r.ID == 0 {
			return
		}
		if left[r.ID] && (r.Layer == record.LayerApp || r.Outcome == record.Answered) {
			ended.add(r)
		}
		if !t.useGroup[intake.TallyOf(r.Source, r.Layer)] || r.Layer == record.LayerApp && t.Layer != record.LayerApp {
			i, ok := byID[idAt{r.ID, r.Container}]
			if !ok {
				i, ok = byID[idAt{r.ID, 0}]
			}
			if !ok && r.Container == 0 {
				i, ok = byID[idAt{r.ID, anywhere}]
			}
			if ok && r.Layer == record.LayerApp && t.Pending[i].Layer != record.LayerApp {
				t.Pending[i].done = max(t.Pending[i].done, r.End)
				if r.Container != 0 && t.Pending[i].Container == 0 {
					t.Pending[i].Container = r.Container
				}
			}
		}
	})
	return ended, err
}

// byRequest are lines by the id of their request, on each container and anywhere.
type byRequest map[idAt][]reqlog.Rec

func (m byRequest) add(r *reqlog.Rec) {
	m[idAt{r.ID, r.Container}] = append(m[idAt{r.ID, r.Container}], *r)
	m[idAt{r.ID, anywhere}] = append(m[idAt{r.ID, anywhere}], *r)
}

// tell reports whether one of the lines is the end of a start.
func (m byRequest) tell(r *reqlog.Rec) bool {
	of := func(container uint32) bool {
		return slices.ContainsFunc(m[idAt{r.ID, container}], func(end reqlog.Rec) bool { return intake.SameRequest(r, &end) })
	}
	return of(r.Container) || of(0) || r.Container == 0 && of(anywhere)
}

// findSpans finds when the requests of each container began and ended, as far as they lie within the window.
func (t *Traffic) findSpans() error {
	t.spans = make(intake.Spans, len(t.Containers.Names))
	// What was gathered by layer holds where all lines of a layer count, or none, and none lies outside.
	var counted, left [intake.Layers]bool
	for at, x := range t.Evidence.Tallies {
		if x != nil && x.N > 0 {
			use := t.useGroup[at] && !t.Evidence.Again[at]
			counted[at%intake.Layers] = counted[at%intake.Layers] || use
			left[at%intake.Layers] = left[at%intake.Layers] || !use
		}
	}
	known := true
	for layer, on := range t.Evidence.Finished {
		known = known && !(counted[layer] && left[layer])
		if !counted[layer] {
			continue
		}
		for raw, s := range on {
			if s.First != 0 && t.Containers.of[raw] != notLookedAt {
				known = known && s.First >= t.Window.From && s.Last <= t.Window.To
				t.spans.Add(t.Containers.of[raw], s.First, s.Last)
			}
		}
	}
	if known {
		return nil
	}
	clear(t.spans)
	return t.lines(t.Evidence.Log.EachUnsorted, countedLines, func(r *reqlog.Rec) {
		t.spans.Add(r.Container, r.Start, min(r.End, t.Window.To))
	})
}

// idAt is an id on one container.
type idAt struct {
	id        uint64
	container uint32
}

// anywhere stands for all containers of an id.
const anywhere = math.MaxUint32

// unfinished pairs starts and ends that carry no ids, in the order of time, and returns the starts that got no end. An end that says
// how long it took closes the start that lies there, another one the oldest of its endpoint and container, so that what stays open is
// as young as it can be: ages are lower bounds.
func (t *Traffic) unfinished() ([]reqlog.Rec, error) {
	if t.Evidence.Unnamed == 0 {
		return nil, nil
	}
	type key struct {
		intake.OpenKey
		layer record.Layer
	}
	open := map[key][]reqlog.Rec{}
	n := 0
	var ends endHeap
	closeUntil := func(at record.Time) {
		for len(ends) > 0 && ends[0].End < at {
			e := heap.Pop(&ends).(reqlog.Rec)
			k := key{intake.KeyOf(&e), e.Layer}
			q := open[k]
			if len(q) == 0 || q[0].Start > e.End {
				continue
			}
			i := 0
			if e.End > e.Start {
				i = slices.IndexFunc(q, func(s reqlog.Rec) bool { return s.Start.Sub(e.Start).Abs() <= intake.SameStart })
			}
			if i >= 0 {
				open[k] = slices.Delete(q, i, i+1)
				n--
			}
		}
	}
	err := t.lines(t.Evidence.Log.Each, allLines, func(r *reqlog.Rec) {
		if r.ID != 0 || !t.useGroup[intake.TallyOf(r.Source, r.Layer)] {
			return // what a router tells of as well is told by its lines
		}
		closeUntil(r.Start)
		switch {
		case r.Phase == record.Completed:
			heap.Push(&ends, *r)
		case n >= intake.MaxOpen:
			t.Left.Open++
		default:
			k := key{intake.KeyOf(r), r.Layer}
			open[k] = append(open[k], *r)
			n++
		}
	})
	closeUntil(math.MaxInt64)
	var left []reqlog.Rec
	for _, q := range open {
		left = append(left, q...)
	}
	slices.SortFunc(left, func(a, b reqlog.Rec) int { return reqlog.CompareAll(&a, &b) })
	return left, err
}

// endHeap holds ends, the earliest first.
type endHeap []reqlog.Rec

func (h endHeap) Len() int { return len(h) }

func (h endHeap) Less(i, j int) bool {
	return h[i].End < h[j].End || h[i].End == h[j].End && reqlog.CompareAll(&h[i], &h[j]) < 0
}

func (h endHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *endHeap) Push(x any) { *h = append(*h, x.(reqlog.Rec)) }

func (h *endHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func comparePending(a, b Pending) int { return reqlog.CompareAll(&a.Rec, &b.Rec) }
