package analyze

import (
	"cmp"
	"fmt"
	"slices"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/naming"
	"lastcall/collectors/record"
)

// breakage is a moment at which several requests of one container broke: what its death looks like from the router, and its deploy.
type breakage struct {
	container uint32
	at        record.Time
	requests  []int // of the pending
}

// findBreaks finds those moments, in the order of time.
func (q *inquiry) findBreaks() {
	on := map[uint32][]int{}
	for i := range q.traffic.pend {
		if p := &q.traffic.pend[i]; p.Outcome == record.Cut {
			on[p.Container] = append(on[p.Container], i)
		}
	}
	for container, cut := range on {
		slices.SortStableFunc(cut, func(a, b int) int { return cmp.Compare(q.traffic.pend[a].End, q.traffic.pend[b].End) })
		for _, requests := range naming.InRuns(cut, naming.BreakGap, func(i int) record.Time { return q.traffic.pend[i].End }) {
			if len(requests) >= naming.MinBroken {
				q.breaks = append(q.breaks, breakage{container, q.traffic.pend[requests[0]].End, requests})
			}
		}
	}
	slices.SortFunc(q.breaks, func(a, b breakage) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.container, b.container)) })
}

// breakEvents are those moments for the timeline, each with the request that had run the longest.
func (q *inquiry) breakEvents() (ev []finding.Event) {
	for _, b := range q.breaks {
		oldest := &q.traffic.pend[slices.MinFunc(b.requests, func(i, j int) int { return cmp.Compare(q.traffic.pend[i].Start, q.traffic.pend[j].Start) })]
		name := q.traffic.containers[b.container]
		if name == "" {
			name = "one container"
		}
		ev = append(ev, finding.Event{Time: b.at.Std(), Kind: finding.EventBroken, Container: q.traffic.containers[b.container], Observed: true, Source: q.traffic.ev.Sources.Name(oldest.Source), Line: int64(oldest.Line),
			Text: fmt.Sprintf("%d requests on %s break at once; the oldest, %s, had run for %s", len(b.requests), name, q.traffic.endpoints[oldest.Endpoint], seconds(oldest.End.Sub(oldest.Start).Seconds()))})
	}
	return ev
}
