package traffic

import (
	"math"
	"sort"
	"time"

	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

const (
	// PressureBefore is the time before a death in which everything is slow: it is no base rate.
	PressureBefore = 15 * time.Minute
	// PressureAfter is the time after a death that is none either.
	PressureAfter = 5 * time.Minute
	// minQuietShare: when less of the time than this is quiet, the pressure window before deaths is shortened.
	minQuietShare = 0.3
	// unloggedAfter: so long without a request of anyone is a time without logs, or one in which there was nothing to compare with.
	unloggedAfter = 30 * time.Minute
)

// Quiet is when containers served requests and nothing was unusual.
type Quiet struct {
	Alive        [][]life.Span // per container, when it could serve requests
	everywhere   pressure      // after deaths
	before       []pressure    // per container, before its own deaths
	Lookback     time.Duration // how long before a death is not quiet
	AliveSeconds float64       // over all containers
	Seconds      float64       // the quiet part of it
}

// pressureWindows marks the time around deaths: [death - lookback, death + after] of the container that died, and
// [death, death + after] of the others.
func (t *Traffic) pressureWindows() {
	t.Quiet.Alive = t.aliveSpans()
	for t.Quiet.Lookback = PressureBefore; ; t.Quiet.Lookback /= 2 {
		after := min(PressureAfter, t.Quiet.Lookback)
		everywhere, own := []life.Span(nil), make([][]life.Span, len(t.Containers.Names))
		for d := range t.Life.Deaths {
			at := t.Deaths.At[d]
			everywhere = append(everywhere, life.Span{From: at, To: at.Add(after)})
			c := t.Containers.died(&t.Life.Deaths[d])
			own[c] = append(own[c], life.Span{From: at.Add(-t.Quiet.Lookback), To: at})
		}
		everywhere = union(everywhere)
		t.Quiet.everywhere, t.Quiet.before = newPressure(everywhere, len(t.Containers.Names)), make([]pressure, len(t.Containers.Names))
		t.Quiet.AliveSeconds = 0
		for c := range t.Quiet.before {
			t.Quiet.before[c] = newPressure(minus(union(own[c]), everywhere), 1)
			for _, s := range t.Quiet.Alive[c] {
				t.Quiet.AliveSeconds += s.To.Sub(s.From).Seconds()
			}
		}
		t.Quiet.Seconds = t.quietWithin(math.MinInt64, math.MaxInt64)
		if t.Quiet.Seconds >= minQuietShare*t.Quiet.AliveSeconds || t.Quiet.Lookback < time.Minute {
			break
		}
	}
}

// quietWithin is how long it is quiet within a span, in seconds over all containers.
func (t *Traffic) quietWithin(from, to record.Time) (secs float64) {
	for c, spans := range t.Quiet.Alive {
		for _, s := range spans {
			s.From, s.To = max(s.From, from), min(s.To, to)
			if s.From < s.To {
				secs += (s.To.Sub(s.From) - overlap(s, t.Quiet.everywhere.spans) - overlap(s, t.Quiet.before[c].spans)).Seconds()
			}
		}
	}
	return secs
}

// pressure is times in which nothing is usual, in order, and for each who asks the one that the last question was answered with.
type pressure struct {
	spans []life.Span
	at    []int
}

func newPressure(spans []life.Span, who int) pressure {
	if len(spans) == 0 {
		return pressure{}
	}
	return pressure{spans, make([]int, who)}
}

// next returns when the next time of pressure from t0 on begins, and false when t0 is in one. Questions come in the order of time, so the
// answer is looked for from the last one on.
func (p *pressure) next(who uint32, t0 record.Time) (from record.Time, quiet bool) {
	if len(p.spans) == 0 {
		return math.MaxInt64, true
	}
	i := p.at[who]
	for i > 0 && p.spans[i-1].To >= t0 {
		i--
	}
	for i < len(p.spans) && p.spans[i].To < t0 {
		i++
	}
	p.at[who] = i
	if i == len(p.spans) {
		return math.MaxInt64, true
	}
	return p.spans[i].From, t0 < p.spans[i].From
}

// aliveSpans returns per container when it could serve requests.
func (t *Traffic) aliveSpans() [][]life.Span {
	alive, unlogged := make([][]life.Span, len(t.Containers.Names)), t.unlogged()
	if !t.Containers.Named {
		alive[0] = minus([]life.Span{{From: t.Window.From, To: t.Window.To}}, unlogged)
		return alive
	}
	spans := t.spans
	for i := range t.Life.Lives {
		l := &t.Life.Lives[i]
		c := t.Containers.Index(l.Container)
		if c == 0 || spans[c].First == 0 {
			continue // serves no requests (a dependency, a worker)
		}
		s := life.Span{From: max(l.Start, t.Window.From, spans[c].First), To: min(l.End, t.Window.To)}
		if l.Start == 0 {
			s.From = max(t.Window.From, spans[c].First)
		}
		if s.To > s.From {
			alive[c] = append(alive[c], s)
		}
	}
	for c := range spans {
		if c > 0 && len(alive[c]) == 0 && spans[c].First != 0 {
			alive[c] = []life.Span{{From: spans[c].First, To: spans[c].Last}}
		}
		alive[c] = minus(t.fetched(t.Containers.Names[c], union(alive[c])), unlogged)
	}
	return alive
}

// unlogged returns the times without a single request of anyone, as where the logs of two days are given but not those of the days
// between: nothing is known of them, and they are no quiet times.
func (t *Traffic) unlogged() (gaps []life.Span) {
	last := record.Time(0)
	for _, s := range t.Evidence.Log.Stats() {
		if last != 0 && s.First.Sub(last) >= unloggedAfter {
			gaps = append(gaps, life.Span{From: last, To: s.First})
		}
		last = max(last, s.Last)
	}
	return gaps
}

// logged reports for each of the first n steps of the load whether there were logs to tell it.
func (t *Traffic) logged(n int) []bool {
	out := make([]bool, n)
	stats := t.Evidence.Log.Stats()
	if len(stats) == 0 {
		return out
	}
	all := life.Span{From: max(t.Window.From, stats[0].First), To: min(t.Window.To, stats[len(stats)-1].Last)}
	for _, s := range minus([]life.Span{all}, t.unlogged()) {
		for k := int(s.From.Sub(t.Window.From) / LoadStep); k < n && t.Window.From.Add(time.Duration(k)*LoadStep) <= s.To; k++ {
			out[k] = true
		}
	}
	return out
}

func union(s []life.Span) []life.Span {
	sort.Slice(s, func(i, j int) bool { return s[i].From < s[j].From })
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && x.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, x.To)
			continue
		}
		out = append(out, x)
	}
	return out
}

// minus returns what of some spans is in none of others; both are in order and do not touch one another.
func minus(spans, others []life.Span) []life.Span {
	var out []life.Span
	for _, s := range spans {
		i := sort.Search(len(others), func(i int) bool { return others[i].To > s.From })
		for ; i < len(others) && others[i].From < s.To; i++ {
			if s.From < others[i].From {
				out = append(out, life.Span{From: s.From, To: others[i].From})
			}
			s.From = others[i].To
		}
		if s.From < s.To {
			out = append(out, s)
		}
	}
	return out
}

func overlap(s life.Span, with []life.Span) (total time.Duration) {
	for _, w := range with[sort.Search(len(with), func(i int) bool { return with[i].To > s.From }):] {
		if w.From >= s.To {
			break
		}
		total += min(s.To, w.To).Sub(max(s.From, w.From))
	}
	return total
}

// quietUntil reports whether t0 is quiet on container c and until when.
func (t *Traffic) quietUntil(c uint32, t0 record.Time) (record.Time, bool) {
	end, ok := t.fetchedUntil(c, t0)
	if !ok {
		return 0, false
	}
	before, ok := t.Quiet.before[c].next(0, t0)
	if !ok {
		return 0, false
	}
	after, ok := t.Quiet.everywhere.next(c, t0)
	return min(end, before, after), ok
}
