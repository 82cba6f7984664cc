package traffic

import (
	"maps"
	"slices"
	"time"

	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// answers are those that one request got that is sent time and again.
type answers struct {
	at   []record.Time
	open time.Duration // how long it waited for them in all
}

const (
	returningBits = 12
	// maxReturning bounds the requests that are looked for, maxAnswers their answers that are kept, the first ones.
	maxReturning = 20_000
	maxAnswers   = 100_000
)

// sameness is by what a request is known that is sent again: its caller and its path; 0 where one of them is not known.
func sameness(r *reqlog.Rec) uint64 {
	if r.Path == 0 || r.User == 0 {
		return 0
	}
	return uint64(r.Path)<<32 | uint64(r.User)
}

// expectReturning finds the requests whose answers are to be looked for.
func (m *measuring) expectReturning() {
	times := map[uint64]int{}
	for i := range m.t.Pending {
		if k := sameness(&m.t.Pending[i].Rec); k != 0 {
			times[k]++
		}
	}
	m.returning = map[uint64]*answers{}
	for _, k := range slices.Sorted(maps.Keys(times)) {
		if times[k] > 1 && len(m.returning) < maxReturning {
			m.returning[k] = &answers{}
			bit := k >> (64 - returningBits)
			m.mayReturn[bit>>6] |= 1 << (bit & 63)
		}
	}
}

// countReturning remembers an answer to one of these requests.
func (m *measuring) countReturning(r *reqlog.Rec) {
	if a := m.returning[sameness(r)]; a != nil && r.Outcome == record.Answered && r.Status < 400 {
		if len(a.at) < maxAnswers {
			a.at = append(a.at, r.End)
		}
		a.open += max(0, r.End.Sub(r.Start))
	}
}

// countElsewhere remembers the answers that only lines tell of that do not count as requests: where a start that the application logged is
// looked for, under the caller that the application knows, the router's lines name another.
func (m *measuring) countElsewhere() error {
	elsewhere := map[uint64]bool{}
	for i := range m.t.Pending {
		r := &m.t.Pending[i].Rec
		if k := sameness(r); m.returning[k] != nil && !m.t.useGroup[intake.TallyOf(r.Source, r.Layer)] {
			elsewhere[k] = true
		}
	}
	if len(elsewhere) == 0 {
		return nil
	}
	return m.t.lines(m.t.Evidence.Log.EachUnsorted, completedLines, func(r *reqlog.Rec) {
		if elsewhere[sameness(r)] && !m.t.useGroup[intake.TallyOf(r.Source, r.Layer)] {
			m.countReturning(r)
		}
	})
}

// returned is what they come to.
func (m *measuring) returned() map[uint64]inflight.Returning {
	out := map[uint64]inflight.Returning{}
	for k, a := range m.returning {
		if len(a.at) > 0 {
			slices.Sort(a.at)
			out[k] = inflight.Returning{Open: a.open.Seconds() / max(m.t.Quiet.AliveSeconds, 1), Answers: a.at}
		}
	}
	return out
}
