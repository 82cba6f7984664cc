package traffic

import (
	"cmp"
	"slices"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// group is a set of sources of one layer and format: two groups of one layer tell of the same requests.
type group struct {
	layer  record.Layer
	format string
}

// each visits every counted request line once, in time order: exact duplicates, lines outside the window and lines of groups
// that tell of the same requests again are passed over. Endpoint and Container are indexes of Endpoints and Containers.
func (t *Traffic) each(f func(r *reqlog.Rec)) error {
	return t.lines(t.Evidence.Log.Each, countedLines, f)
}

// which lines a pass is for.
type which int

const (
	allLines       which = iota // starts as well
	completedLines              // also of groups that tell of the same requests again
	countedLines
)

// lines calls f, over a pass of the log, for the lines of every page that linesOf visits.
func (t *Traffic) lines(pass func(func(*reqlog.Page)) error, w which, f func(r *reqlog.Rec)) error {
	return pass(func(page *reqlog.Page) { t.linesOf(page, w, f) })
}

// linesOf calls f for the lines within the window on containers that are looked at; where the page is in order, for none that is told
// twice. The record is f's until it returns.
func (t *Traffic) linesOf(page *reqlog.Page, w which, f func(r *reqlog.Rec)) {
	var r reqlog.Rec // one for all of them, as it goes to the heap
	last := &reqlog.Rec{}
	for i := range page.Len() {
		raw := page.At(i)
		if !t.within(raw) {
			continue
		}
		if page.Sorted() && reqlog.SameLine(last, raw) {
			t.copies = true
			continue
		}
		last = raw
		if w >= completedLines && raw.Phase != record.Completed || w == countedLines && !t.counted(raw) {
			continue
		}
		r = *raw
		r.Endpoint = t.Endpoints.of[raw.Endpoint]
		r.Container = t.Containers.of[raw.Container]
		f(&r)
	}
}

// within reports whether a line, as it came, lies in the window, on a container that is looked at, and is of no source given twice.
func (t *Traffic) within(raw *reqlog.Rec) bool {
	return raw.Start >= t.Window.From && raw.Start <= t.Window.To && !t.Evidence.Again[intake.TallyOf(raw.Source, raw.Layer)] && t.Containers.of[raw.Container] != notLookedAt
}

// counted reports whether a line is one of countedLines.
func (t *Traffic) counted(raw *reqlog.Rec) bool {
	return raw.Phase == record.Completed && t.useGroup[intake.TallyOf(raw.Source, raw.Layer)]
}

// chooseGroups decides whose lines count as the requests. The router's view is preferred: it sees every request and when it gave
// up on it. Another group is counted as well only where it tells of other containers.
func (t *Traffic) chooseGroups() {
	list := t.Evidence.Sources
	by := map[group]*intake.Tally{}
	groupOf := make([]group, intake.Layers*len(list))
	for at, x := range t.Evidence.Tallies {
		if x == nil || t.Evidence.Again[at] {
			continue
		}
		g := group{layer: record.Layer(at % intake.Layers)}
		if src := list[at/intake.Layers]; src != nil {
			g.format = src.Format
		}
		groupOf[at] = g
		if by[g] == nil {
			by[g] = &intake.Tally{}
		}
		by[g].Add(x)
	}
	groups := make([]group, 0, len(by))
	t.groups = map[group]int64{}
	for g, e := range by {
		groups = append(groups, g)
		t.groups[g] = e.N
	}
	score := func(g group) float64 {
		e := by[g]
		s := float64(e.Named) + 0.1*float64(e.N-e.Named)
		if g.layer == record.LayerRouter {
			s *= 3
		}
		return s
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(score(b), score(a)), cmp.Compare(a.layer, b.layer), cmp.Compare(a.format, b.format))
	})
	use := map[group]bool{}
	covered := map[uint32]bool{}
	for i, g := range groups {
		e := by[g]
		if i == 0 {
			t.Layer = g.layer
			t.Containers.Named = e.Named*2 >= e.N
		} else {
			fresh, all := 0, 0
			for raw, seen := range e.Containers {
				if seen && t.Containers.of[raw] != notLookedAt {
					all++
					if !covered[t.Containers.of[raw]] {
						fresh++
					}
				}
			}
			if all == 0 || fresh*2 < all {
				continue
			}
		}
		use[g] = true
		for raw, seen := range e.Containers {
			if seen {
				covered[t.Containers.of[raw]] = true
			}
		}
	}
	t.useGroup = make([]bool, len(groupOf))
	for at, g := range groupOf {
		t.useGroup[at] = use[g]
	}
	if !t.Containers.Named {
		// Without names all containers are one: whatever is open anywhere at a death may be its cause.
		only := t.soleContainer()
		for i := range t.Containers.of {
			if t.Containers.of[i] == 0 {
				t.Containers.of[i] = only
			}
		}
		t.Containers.Named = only != 0
	}
}
