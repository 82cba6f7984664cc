package intake

import (
	"cmp"
	"slices"
	"time"

	"lastcall/analyze/internal/reqlog"
)

// maxQuotable bounds the unanswered requests of which the path, id and caller are kept, as they may be cited. One goroutine holds twice as
// many for a while, which is about 30 MB.
const maxQuotable = 100_000

// quotable is an unanswered request of which the details are kept.
type quotable struct {
	took time.Duration
	mark uint64 // what else it is known by
	id   uint32 // of its details
}

// longestRunning are the unanswered requests that ran longest, whichever goroutine reads which of them.
type longestRunning struct {
	all  []quotable
	left int64
}

func (l *longestRunning) add(rec *reqlog.Rec, details map[uint32]Detail) {
	mark := rec.ID ^ uint64(rec.Path)<<32 ^ uint64(rec.User) ^ uint64(rec.Line)*0x9e3779b97f4a7c15 ^ uint64(rec.End)*0xc2b2ae3d27d4eb4f
	l.all = append(l.all, quotable{took: rec.End.Sub(rec.Start), mark: mark, id: rec.Detail})
	if len(l.all) >= 2*maxQuotable {
		l.cut(details)
	}
}

// join takes what another knows, whose details were added.
func (l *longestRunning) join(other *longestRunning, details map[uint32]Detail) {
	l.all, l.left = append(l.all, other.all...), l.left+other.left
	if len(l.all) >= 2*maxQuotable {
		l.cut(details)
	}
}

// cut forgets all but the maxQuotable that ran longest.
func (l *longestRunning) cut(details map[uint32]Detail) {
	if len(l.all) <= maxQuotable {
		return
	}
	slices.SortFunc(l.all, func(a, b quotable) int { return cmp.Or(cmp.Compare(b.took, a.took), cmp.Compare(a.mark, b.mark)) })
	for _, q := range l.all[maxQuotable:] {
		delete(details, q.id)
		l.left++
	}
	l.all = l.all[:maxQuotable]
}
