package traffic

import (
	"cmp"
	"slices"

	"lastcall/analyze/internal/naming"
	"lastcall/collectors/record"
)

// Break is a moment at which several requests of one container broke: what its death looks like from the router, and its deploy.
type Break struct {
	Container uint32      // index
	At        record.Time // of the first
	Requests  []int       // indexes of Traffic.Pending, at least three
}

// Breaks finds those moments, in the order of time.
func (t *Traffic) Breaks() (breaks []Break) {
	on := map[uint32][]int{}
	for i := range t.Pending {
		if p := &t.Pending[i]; p.Outcome == record.Cut {
			on[p.Container] = append(on[p.Container], i)
		}
	}
	for container, cut := range on {
		slices.SortStableFunc(cut, func(a, b int) int { return cmp.Compare(t.Pending[a].End, t.Pending[b].End) })
		for _, requests := range naming.InRuns(cut, naming.BreakGap, func(i int) record.Time { return t.Pending[i].End }) {
			if len(requests) >= naming.MinBroken {
				breaks = append(breaks, Break{container, t.Pending[requests[0]].End, requests})
			}
		}
	}
	slices.SortFunc(breaks, func(a, b Break) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Container, b.Container)) })
	return breaks
}
