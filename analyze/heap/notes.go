package heap

import (
	"fmt"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

// maxHoldings bounds the single profiles of which it is said what they hold, maxHolders the functions named of each.
const (
	maxHoldings = 5
	maxHolders  = 3
)

// notesFor says what the profiles can and cannot show.
func (a *analysis) notesFor(res *Result, lives []*series) {
	n := notes{res}
	n.ofOtherKinds(a.heaps)
	single, pairs := 0, 0
	for _, s := range lives {
		switch {
		case len(s.snaps) == 1 && !s.oom():
			single++
		case len(s.snaps) == 2:
			pairs++
		}
	}
	if len(lives) > 0 && single == len(lives) {
		n.add("no life of a process has two profiles: growth cannot be told")
		a.holdings(n, lives)
	} else if len(lives) > 0 && single+pairs == len(lives) && res.Leading == nil {
		n.add("no life of a process has %d profiles: growth can be shown, but a leak cannot be told from a step", minLeakProfiles)
	}
	if res.Outside != nil {
		n.add("%s grew by %s: %s", res.Outside.Function, megabytes(res.Outside.GrowthBytes), res.Outside.Note)
	}
	n.ofDeathsBetween(lives)
	if res.Leading == nil && res.Outside == nil && len(lives) > single+pairs {
		n.add("nothing in the heap profiles keeps growing")
	}
}

// notes adds sentences to a result.
type notes struct{ res *Result }

func (n notes) add(format string, args ...any) {
	n.res.Notes = append(n.res.Notes, fmt.Sprintf(format, args...))
}

// ofOtherKinds says which profiles are not of the memory in use of one process.
func (n notes) ofOtherKinds(heaps []*snapshot) {
	var deltas, diffs, merged int
	for _, s := range heaps {
		switch s.measures {
		case delta:
			deltas++
		case diffed:
			diffs++
		}
		if s.merged {
			merged++
		}
	}
	if deltas > 0 {
		n.add("%d profiles are deltas (they span a time, as ?seconds=N makes them): they say what changed within it, not what is in use, and are compared with no other", deltas)
	}
	if diffs > 0 {
		n.add("%d profiles are differences already (they hold negative values): they are compared with no other", diffs)
	}
	if merged > 0 {
		n.add("%d profiles seem merged from several processes: the leak of one hides in the sum", merged)
	}
}

// ofDeathsBetween says where containers died of what no profile shows.
func (n notes) ofDeathsBetween(lives []*series) {
	if n.res.Leading != nil && n.res.Leading.Shape == finding.ShapeLeak {
		return
	}
	died, between := 0, 0
	var longest time.Duration
	for _, s := range lives {
		if s.death == nil {
			continue
		}
		if s.oom() {
			return // its last profile shows it
		}
		died++
		if s.total.shape != finding.ShapeLeak {
			between++
			longest = max(longest, s.blind)
		}
	}
	if between > 0 {
		n.add("%d of %d containers died between two profiles (up to %s after the last one) without growth before: what grew then is in no profile", between, died, longest.Round(time.Second))
	}
}

// holdings names what single profiles hold, where there is no growth to rank.
func (a *analysis) holdings(n notes, lives []*series) {
	held := make([]float64, a.stacks.len())
	for _, s := range lives {
		for _, v := range s.last().values {
			held[v.stack] += float64(v.bytes)
		}
	}
	own := a.findOwners(held)
	for i, s := range lives {
		if i == maxHoldings {
			n.add("… and %d more", len(lives)-i)
			return
		}
		byName := map[string]float64{}
		for _, v := range s.last().values {
			fn, _ := own.owner(v.stack)
			byName[a.display(fn, 0)] += float64(v.bytes)
		}
		var top []string
		for _, f := range topKeys(byName, maxHolders) {
			top = append(top, f+" "+megabytes(int64(byName[f])))
		}
		n.add("%s holds %s: %s", s.last().name, megabytes(s.last().total), strings.Join(top, ", "))
	}
}

func megabytes(b int64) string { return fmt.Sprintf("%.1f MB", float64(b)/1e6) }
