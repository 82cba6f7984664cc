package analyze

import (
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/life"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

// pressureWindows marks the time around deaths: [death - lookback, death + after] of the container that died, and
// [death, death + after] of the others.
func (t *traffic) pressureWindows() {
	t.alive = t.aliveSpans()
	for t.lookback = pressureBefore; ; t.lookback /= 2 {
		after := min(pressureAfter, t.lookback)
		everywhere, own := []life.Span(nil), make([][]life.Span, len(t.containers))
		for d := range t.life.Deaths {
			at := t.deathAt[d]
			everywhere = append(everywhere, life.Span{From: at, To: at.Add(after)})
			c := t.deathContainer(&t.life.Deaths[d])
			own[c] = append(own[c], life.Span{From: at.Add(-t.lookback), To: at})
		}
		everywhere = union(everywhere)
		t.everywhere, t.before = newPressure(everywhere, len(t.containers)), make([]pressure, len(t.containers))
		t.aliveSecs = 0
		for c := range t.before {
			t.before[c] = newPressure(minus(union(own[c]), everywhere), 1)
			for _, s := range t.alive[c] {
				t.aliveSecs += s.To.Sub(s.From).Seconds()
			}
		}
		t.quietSecs = t.quietWithin(math.MinInt64, math.MaxInt64)
		if t.quietSecs >= minQuietShare*t.aliveSecs || t.lookback < time.Minute {
			break
		}
	}
}

// quietWithin is how long it is quiet within a span, in seconds over all containers.
func (t *traffic) quietWithin(from, to record.Time) (secs float64) {
	for c, spans := range t.alive {
		for _, s := range spans {
			s.From, s.To = max(s.From, from), min(s.To, to)
			if s.From < s.To {
				secs += (s.To.Sub(s.From) - overlap(s, t.everywhere.spans) - overlap(s, t.before[c].spans)).Seconds()
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
func (t *traffic) aliveSpans() [][]life.Span {
	alive, unlogged := make([][]life.Span, len(t.containers)), t.unlogged()
	if !t.named {
		alive[0] = minus([]life.Span{{From: t.from, To: t.to}}, unlogged)
		return alive
	}
	spans := t.spans
	for i := range t.life.Lives {
		l := &t.life.Lives[i]
		c := t.containerIndex(l.Container)
		if c == 0 || spans[c].First == 0 {
			continue // serves no requests (a dependency, a worker)
		}
		s := life.Span{From: max(l.Start, t.from, spans[c].First), To: min(l.End, t.to)}
		if l.Start == 0 {
			s.From = max(t.from, spans[c].First)
		}
		if s.To > s.From {
			alive[c] = append(alive[c], s)
		}
	}
	for c := range spans {
		if c > 0 && len(alive[c]) == 0 && spans[c].First != 0 {
			alive[c] = []life.Span{{From: spans[c].First, To: spans[c].Last}}
		}
		alive[c] = minus(t.fetched(t.containers[c], union(alive[c])), unlogged)
	}
	return alive
}

// unlogged returns the times without a single request of anyone, as where the logs of two days are given but not those of the days
// between: nothing is known of them, and they are no quiet times.
func (t *traffic) unlogged() (gaps []life.Span) {
	last := record.Time(0)
	for _, s := range t.ev.Log.Stats() {
		if last != 0 && s.First.Sub(last) >= unloggedAfter {
			gaps = append(gaps, life.Span{From: last, To: s.First})
		}
		last = max(last, s.Last)
	}
	return gaps
}

// logged reports for each of the first n steps of the load whether there were logs to tell it.
func (t *traffic) logged(n int) []bool {
	out := make([]bool, n)
	stats := t.ev.Log.Stats()
	if len(stats) == 0 {
		return out
	}
	all := life.Span{From: max(t.from, stats[0].First), To: min(t.to, stats[len(stats)-1].Last)}
	for _, s := range minus([]life.Span{all}, t.unlogged()) {
		for k := int(s.From.Sub(t.from) / loadStep); k < n && t.from.Add(time.Duration(k)*loadStep) <= s.To; k++ {
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
func (t *traffic) quietUntil(c uint32, t0 record.Time) (record.Time, bool) {
	end, ok := t.fetchedUntil(c, t0)
	if !ok {
		return 0, false
	}
	before, ok := t.before[c].next(0, t0)
	if !ok {
		return 0, false
	}
	after, ok := t.everywhere.next(c, t0)
	return min(end, before, after), ok
}

// loadFrom and loadUntil bound the time before a death whose traffic is the load: not the last minute, in which a
// container that is about to die may get less.
const (
	loadFrom  = 11 * time.Minute
	loadUntil = time.Minute
)

// loadBefore is the traffic of the container before a death, n requests, over the usual traffic.
func (t *traffic) loadBefore(d, n int) float64 {
	at := t.deathAt[d]
	secs := at.Add(-loadUntil).Sub(max(at.Add(-loadFrom), t.from)).Seconds()
	if t.aliveSecs == 0 || secs < 60 || !t.serves[t.deathContainer(&t.life.Deaths[d])] {
		return 1
	}
	expected := float64(t.total) / t.aliveSecs * secs
	return min(max((float64(n)+5)/(expected+5), 0.5), 5)
}

// chains numbers deaths that may follow from one another: less than 20 minutes apart.
func (t *traffic) chains() {
	chain := 0
	for d := range t.cases {
		if d > 0 && t.cases[d].Time.Sub(t.cases[d-1].Time) > 20*time.Minute {
			chain++
		}
		t.cases[d].Chain = chain
	}
}

// remembers reports whether there are readings of memory that traffic could explain.
func (t *traffic) remembers() bool {
	for k, s := range t.ev.Series {
		if slices.Contains(memoryMetrics[:], k.Metric) && len(s.Points) > 0 {
			return true
		}
	}
	return false
}

// exposure turns the block counts into what the memory regression takes.
func (t *traffic) exposure() memory.Exposure {
	if t.sampled.fraction > 0 && t.sampled.counted {
		return t.countedExposure()
	}
	ex := memory.Exposure{From: t.from, Block: t.block, N: t.nBlocks}
	if t.cells == nil {
		return ex
	}
	by := make([]map[string][]float64, len(t.endpoints))
	t.cells.each(func(e, c uint32, row []float64) {
		if c == 0 || e == 0 {
			return
		}
		if by[e] == nil {
			by[e] = map[string][]float64{}
		}
		by[e][t.containers[c]] = row
	})
	for e, m := range by {
		if m != nil {
			ex.Endpoints = append(ex.Endpoints, memory.Counts{Endpoint: t.endpoints[e], ByContainer: m})
		}
	}
	return ex
}
