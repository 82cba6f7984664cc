package traffic

import (
	"slices"
	"sort"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// quietStep is the distance of the quiet moments that deaths are compared with.
const quietStep = time.Minute

// Control is what quiet moments show of one endpoint: how often a request of it was open that old.
type Control struct {
	Age         float64 // seconds
	With, Total int
}

// Controls counts, at one quiet moment a minute on every container, whether a request of each endpoint was open at least as old as ages
// says, in seconds by index of the endpoint; 0 asks for nothing. In the same pass it measures the latency of the culprits by themselves.
func (t *Traffic) Controls(ages map[int]float64, culprits map[uint32]bool) (map[int]Control, Singles, error) {
	singles := Singles{latencyCalendar(t.Window), map[uint32]*latencyRow{}}
	moments := make([][]record.Time, len(t.Quiet.Alive))
	total := 0
	for c := range t.Quiet.Alive {
		for _, s := range t.Quiet.Alive[c] {
			first := s.From.Add(quietStep / 2)
			for at := first; at < s.To; at = at.Add(quietStep) {
				if _, quiet := t.quietUntil(uint32(c), at); quiet {
					moments[c] = append(moments[c], at)
				}
			}
		}
		total += len(moments[c])
	}
	hits := map[int]map[[2]int]bool{}
	for e := range ages {
		hits[e] = map[[2]int]bool{}
	}
	mark := func(e int, c uint32, start, end record.Time) {
		h, ok := hits[e]
		if !ok || ages[e] == 0 {
			return
		}
		m := moments[c]
		i, _ := slices.BinarySearch(m, start.Add(time.Duration(ages[e]*1e9)))
		for ; i < len(m) && m[i] <= end; i++ {
			h[[2]int{int(c), i}] = true
		}
	}
	// Of most requests nothing is wanted any more. Their order only serves to tell lines that were read twice, if there are any.
	pass := t.Evidence.Log.EachUnsorted
	if t.copies {
		pass = t.Evidence.Log.Each
	}
	wanted := make([]bool, len(t.Endpoints.Names))
	for e, age := range ages {
		wanted[e] = age > 0
	}
	for e := range culprits {
		wanted[e] = true
		singles.rows[e] = &latencyRow{}
	}
	err := t.lines(pass, countedLines, func(r *reqlog.Rec) {
		if !wanted[r.Endpoint] {
			return
		}
		singles.add(r)
		if intake.MayRunOn(r.Outcome) {
			return
		}
		if h := ages[int(r.Endpoint)]; h > 0 && r.End.Sub(r.Start).Seconds() >= h {
			mark(int(r.Endpoint), r.Container, r.Start, r.End)
		}
	})
	if err != nil {
		return nil, singles, err
	}
	for i := range t.Pending {
		p := &t.Pending[i]
		if p.Outcome == record.Refused {
			continue
		}
		end := p.DoneAt()
		if end == 0 {
			end = p.Start.Add(p.unknownFor())
		}
		if p.Death >= 0 {
			end = min(end, t.Deaths.At[p.Death])
		}
		mark(int(p.Endpoint), p.Container, p.Start, end)
	}
	out := map[int]Control{}
	for e := range ages {
		out[e] = Control{Age: ages[e], With: len(hits[e]), Total: total}
	}
	return out, singles, nil
}

const (
	// waitsFrom: requests that were open for so long before a death can have let others be answered meanwhile.
	waitsFrom = 10 * time.Second
	// waitsSettle is left out at the beginning: what was being answered already may have ended then.
	waitsSettle = 2 * time.Second
	// waitsUsual is the time before it began that says what is usual.
	waitsUsual = 5 * time.Minute
)

// Meanwhile is what a container answered while a request was open until it died.
type Meanwhile struct {
	Answered int     // others that began later and were answered
	Usual    float64 // as many are in so long a time
}

// AnsweredMeanwhile counts, for each of some deaths at which requests of an endpoint were open, what the container answered from two seconds
// after the oldest of them began. Deaths before which they were open for less than waitsFrom are left out.
func (t *Traffic) AnsweredMeanwhile(deaths []int, endpoint int) ([]Meanwhile, error) {
	type span struct {
		from, to        record.Time // while the oldest request of the endpoint was open, up to the death
		usual, answered int
	}
	on := make([][]*span, len(t.Containers.Names))
	of := map[int]*span{}
	for i := range t.Pending {
		p := &t.Pending[i]
		if p.Death < 0 || int(p.Endpoint) != endpoint || !slices.Contains(deaths, p.Death) {
			continue
		}
		from, to := p.Start.Add(waitsSettle), t.Deaths.At[p.Death]
		if s := of[p.Death]; s == nil && to.Sub(from) >= waitsFrom {
			of[p.Death] = &span{from: from, to: to}
			on[p.Container] = append(on[p.Container], of[p.Death])
		} else if s != nil {
			s.from = min(s.from, from)
		}
	}
	if len(of) == 0 {
		return nil, nil
	}
	err := t.lines(t.Evidence.Log.EachUnsorted, countedLines, func(r *reqlog.Rec) {
		if r.Outcome != record.Answered {
			return
		}
		for _, s := range on[r.Container] {
			switch {
			case r.Start >= s.from && r.End <= s.to:
				s.answered++
			case r.Start >= s.from.Add(-waitsUsual) && r.End < s.from:
				s.usual++
			}
		}
	})
	out := make([]Meanwhile, 0, len(of))
	for _, s := range of {
		out = append(out, Meanwhile{s.answered, float64(s.usual) * s.to.Sub(s.from).Seconds() / waitsUsual.Seconds()})
	}
	return out, err
}

// Meantime is what became of the requests of an endpoint, on all containers, that began while some of it were open until a container died.
type Meantime struct{ Answered, Unanswered int }

// InTheMeantime counts what became of the requests of an endpoint, on all containers, from when the oldest of it began that was open at one of
// some deaths until that death.
func (t *Traffic) InTheMeantime(deaths []int, endpoint int) (m Meantime, err error) {
	since := map[int]record.Time{} // by death
	for i := range t.Pending {
		p := &t.Pending[i]
		if p.Death < 0 || int(p.Endpoint) != endpoint || !slices.Contains(deaths, p.Death) {
			continue
		}
		if first, ok := since[p.Death]; !ok || p.Start < first {
			since[p.Death] = p.Start
		}
	}
	var spans []life.Span
	for d, first := range since {
		spans = append(spans, life.Span{From: first, To: t.Deaths.At[d]})
	}
	spans = union(spans)
	within := func(at record.Time) bool {
		i := sort.Search(len(spans), func(i int) bool { return spans[i].To >= at })
		return i < len(spans) && spans[i].Contains(at)
	}
	for i := range t.Pending {
		if p := &t.Pending[i]; int(p.Endpoint) == endpoint && p.Outcome != record.Refused && within(p.Start) {
			m.Unanswered++
		}
	}
	if len(spans) == 0 {
		return m, nil
	}
	return m, t.lines(t.Evidence.Log.EachUnsorted, countedLines, func(r *reqlog.Rec) {
		if int(r.Endpoint) == endpoint && r.Outcome == record.Answered && within(r.Start) {
			m.Answered++
		}
	})
}

// Arrivals are the requests that began within a stretch of time.
type Arrivals struct {
	Total, Before int                 // and those of as long a time before
	PerEndpoint   map[uint32]int      // by index
	Users         map[uint32]struct{} // callers, by hash
	Broken        int                 // cut, given up on or refused
	Slow          int                 // answered after verySlow or longer
}

// verySlow: a request that waits for what is down, rather than an ordinary one.
const verySlow = 10 * slowFrom

// ArrivedIn counts the requests that began within a stretch of time.
func (t *Traffic) ArrivedIn(w life.Span) (Arrivals, error) {
	a := Arrivals{PerEndpoint: map[uint32]int{}, Users: map[uint32]struct{}{}}
	span := w.To.Sub(w.From)
	err := t.each(func(r *reqlog.Rec) {
		if r.Start < w.From && r.Start >= w.From.Add(-span) {
			a.Before++
		}
		if r.Start < w.From || r.Start > w.To {
			return
		}
		a.Total++
		a.PerEndpoint[r.Endpoint]++
		if r.User != 0 {
			a.Users[r.User] = struct{}{}
		}
		switch r.Outcome {
		case record.Cut, record.GaveUp, record.Refused:
			a.Broken++
		case record.Answered:
			if r.End.Sub(r.Start) >= verySlow {
				a.Slow++
			}
		}
	})
	return a, err
}
