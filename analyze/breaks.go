package analyze

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// breakage is a moment at which several requests of one container broke: what its death looks like from the router, and its deploy.
type breakage struct {
	container uint32
	at        record.Time
	requests  []int // of the pending
}

const (
	// breakGap: connections that break within this of one another broke at once.
	breakGap = 2 * time.Second
	// minBroken is how many make it a moment of the container's rather than of a client's.
	minBroken = 3
)

// findBreaks finds those moments, in the order of time.
func (q *inquiry) findBreaks() {
	on := map[uint32][]int{}
	for i := range q.pend {
		if p := &q.pend[i]; p.Outcome == record.Cut {
			on[p.Container] = append(on[p.Container], i)
		}
	}
	for container, cut := range on {
		slices.SortStableFunc(cut, func(a, b int) int { return cmp.Compare(q.pend[a].End, q.pend[b].End) })
		for len(cut) > 0 {
			n := 1
			for n < len(cut) && q.pend[cut[n]].End.Sub(q.pend[cut[n-1]].End) <= breakGap {
				n++
			}
			if n >= minBroken {
				q.breaks = append(q.breaks, breakage{container, q.pend[cut[0]].End, cut[:n]})
			}
			cut = cut[n:]
		}
	}
	slices.SortFunc(q.breaks, func(a, b breakage) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.container, b.container)) })
}

// breakEvents are those moments for the timeline, each with the request that had run the longest.
func (q *inquiry) breakEvents() (ev []finding.Event) {
	for _, b := range q.breaks {
		oldest := &q.pend[b.requests[0]]
		for _, i := range b.requests {
			if p := &q.pend[i]; p.Start < oldest.Start {
				oldest = p
			}
		}
		name := q.containers[b.container]
		if name == "" {
			name = "one container"
		}
		ev = append(ev, finding.Event{Time: b.at.Std(), Kind: "broken", Container: q.containers[b.container], Observed: true, Source: q.all.sources.name(oldest.Source), Line: int64(oldest.Line),
			Text: fmt.Sprintf("%d requests on %s break at once; the oldest, %s, had run for %s", len(b.requests), name, q.endpoints[oldest.Endpoint], seconds(oldest.End.Sub(oldest.Start).Seconds()))})
	}
	return ev
}
