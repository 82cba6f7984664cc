package analyze

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/life"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

// pressureWindows marks the time around deaths: [death - lookback, death + after] of the container that died, and
// [death, death + after] of the others.
func (t *traffic) pressureWindows() {
	alive := t.aliveSpans()
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
		t.aliveSecs, t.quietSecs = 0, 0
		for c := range t.before {
			t.before[c] = newPressure(minus(union(own[c]), everywhere), 1)
			for _, s := range alive[c] {
				t.aliveSecs += s.To.Sub(s.From).Seconds()
				t.quietSecs += (s.To.Sub(s.From) - overlap(s, everywhere) - overlap(s, t.before[c].spans)).Seconds()
			}
		}
		if t.quietSecs >= minQuietShare*t.aliveSecs || t.lookback < time.Minute {
			break
		}
	}
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
		if c == 0 || spans[c].first == 0 {
			continue // serves no requests (a dependency, a worker)
		}
		s := life.Span{From: max(l.Start, t.from, spans[c].first), To: min(l.End, t.to)}
		if l.Start == 0 {
			s.From = max(t.from, spans[c].first)
		}
		if s.To > s.From {
			alive[c] = append(alive[c], s)
		}
	}
	for c := range spans {
		if c > 0 && len(alive[c]) == 0 && spans[c].first != 0 {
			alive[c] = []life.Span{{From: spans[c].first, To: spans[c].last}}
		}
		alive[c] = minus(t.fetched(t.containers[c], union(alive[c])), unlogged)
	}
	return alive
}

// unlogged returns the times without a single request of anyone, as where the logs of two days are given but not those of the days
// between: nothing is known of them, and they are no quiet times.
func (t *traffic) unlogged() (gaps []life.Span) {
	last := record.Time(0)
	for _, s := range t.all.log.Stats() {
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
	stats := t.all.log.Stats()
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

// caseRequests gathers the requests of one case: of those that ended the latest, of those that did not the oldest.
type caseRequests struct {
	ended, open []inflight.Request
	most        int  // of those that ended
	cut         bool // there were more
	load        int  // requests in the ten minutes before the last one
}

func (c *caseRequests) add(q inflight.Request) {
	if q.End == 0 {
		if len(c.open) < maxCaseOpen {
			c.open = append(c.open, q)
		}
		return
	}
	c.ended = append(c.ended, q)
	if len(c.ended) >= 2*c.most {
		c.cut = true
		c.ended = c.ended[:copy(c.ended, c.latest())]
	}
}

func (c *caseRequests) latest() []inflight.Request {
	return c.ended[max(0, len(c.ended)-c.most):]
}

// measure makes the pass over all requests: base rates, the requests of each case, block counts, slow requests, impact.
func (t *traffic) measure() error {
	t.pressureWindows()
	nE := len(t.endpoints)
	hours := t.to.Sub(t.from) >= 36*time.Hour
	t.base = &inflight.Baseline{Open: make([][inflight.Bins]float64, nE), Durations: make([]inflight.Histogram, nE), Seconds: max(t.quietSecs, 1)}
	var byHour [][24][inflight.Bins]float64
	var quietHour [24]float64
	if hours {
		byHour = make([][24][inflight.Bins]float64, nE)
		for h := range quietHour {
			quietHour[h] = t.quietSecs / 24
		}
	}
	t.cases = make([]inflight.Case, len(t.life.Deaths))
	t.lastMinute = make([]int, len(t.cases))
	gathered := make([]caseRequests, len(t.cases))
	// By container, in the order of their times on the clock of the requests.
	byContainer, diedAt := make([][]int, len(t.containers)), make([]cursor, len(t.containers))
	for d := range t.life.Deaths {
		gathered[d].most = min(maxCaseRequests, maxAllCases/len(t.cases))
		t.cases[d].Time = t.deathAt[d]
		t.cases[d].Hour = t.deathAt[d].Std().Hour()
		c := t.deathContainer(&t.life.Deaths[d])
		byContainer[c] = append(byContainer[c], d)
	}
	for c, deaths := range byContainer {
		slices.SortStableFunc(deaths, func(a, b int) int { return cmp.Compare(t.deathAt[a], t.deathAt[b]) })
		for _, d := range deaths {
			diedAt[c].times = append(diedAt[c].times, t.deathAt[d])
		}
	}
	// deathsFrom are the deaths of a container from an instant on.
	deathsFrom := func(c uint32, from record.Time) []int { return byContainer[c][diedAt[c].since(from):] }
	// nextDeaths are the first of them.
	nextDeaths := func(c uint32, from record.Time) []int {
		next := deathsFrom(c, from)
		if len(next) <= maxNextDeaths {
			return next
		}
		if d := next[maxNextDeaths]; t.deathAt[d].Sub(from) <= inflight.Lookback {
			gathered[d].cut = true
		}
		return next[:maxNextDeaths]
	}
	t.block = max(minBlock, (t.to.Sub(t.from)/maxBlocks + time.Second).Truncate(time.Second))
	t.nBlocks = int(t.to.Sub(t.from)/t.block) + 1
	if t.remembers() {
		t.cells = newCells(nE, len(t.containers), t.nBlocks)
	}
	blocks, steps := newCalendar(t.from, t.block), newCalendar(t.from, loadStep)
	t.latency = newLatencies(t.from, t.to)
	t.perEp = make([]int64, nE)
	t.users = map[uint32]struct{}{}
	t.fleet = make([]float64, int(t.to.Sub(t.from)/loadStep)+1)
	t.serves = make([]bool, len(t.containers))

	openBins := func(e uint32, start, end record.Time) {
		age := end.Sub(start).Seconds()
		hour := 0
		if hours {
			hour = start.Std().Hour()
		}
		for k := range inflight.Bins {
			lo, hi := inflight.Ages[k], inflight.Ages[k+1]
			if age <= lo {
				break
			}
			in := min(age, hi) - lo
			t.base.Open[e][k] += in
			if hours {
				byHour[e][hour][k] += in
			}
		}
	}
	count := func(r *reqlog.Rec) {
		t.total++
		t.perEp[r.Endpoint]++
		if t.cells != nil {
			t.cells.add(r.Endpoint, r.Container, blocks.at(r.Start))
		}
		t.fleet[steps.at(r.Start)]++
		t.serves[r.Container] = true
		for _, d := range nextDeaths(r.Container, r.Start.Add(loadUntil)) {
			if t.deathAt[d].Sub(r.Start) > loadFrom {
				break
			}
			gathered[d].load++
		}
		if r.Status >= 500 {
			t.errors5xx++
		}
	}
	err := t.each(func(r *reqlog.Rec) {
		dur := r.End.Sub(r.Start)
		bin := inflight.DurationBin(dur.Seconds())
		t.latency.add(r.Start, bin)
		if mayRunOn(r.Outcome) {
			return // below, with what the joins know
		}
		count(r)
		if limit, quiet := t.quietUntil(r.Container, r.Start); quiet {
			t.base.Durations[r.Endpoint].AddBin(bin)
			openBins(r.Endpoint, r.Start, min(r.End, limit))
		}
		if dur >= slowFrom && len(t.slow) < maxSlow && r.Outcome == record.Answered {
			t.slow = append(t.slow, slowRequest{r.Endpoint, r.Container, r.Start, dur, r.Source, r.Line})
		}
		for _, d := range nextDeaths(r.Container, r.Start) {
			at := t.deathAt[d]
			if at.Sub(r.Start) > inflight.Lookback {
				break
			}
			if at.Sub(r.End) <= time.Minute {
				t.lastMinute[d]++
			}
			// Answered after the death of its container: clocks differ by that much. It was alive: no suspect.
			gathered[d].add(inflight.Request{Endpoint: int(r.Endpoint), Start: r.Start, End: min(r.End, at), Ref: -1})
		}
	})
	if err != nil {
		return err
	}
	for i := range t.pend {
		p := &t.pend[i]
		count(&p.Rec)
		if p.Outcome != record.OutcomeUnknown && p.Phase == record.Completed {
			t.failed++
			if p.User != 0 {
				t.users[p.User] = struct{}{}
			}
		}
		if p.Outcome == record.Refused {
			continue
		}
		end := p.end()
		// The death that it was open at: the first of its container after its start, unless it had ended before.
		for _, d := range deathsFrom(p.Container, p.Start.Add(-5*time.Second)) {
			at := t.deathAt[d]
			if at < p.Start {
				if t.cutAt[d] || at.Add(5*time.Second) < p.Start {
					continue
				}
			}
			cutHere := p.Outcome == record.Cut && p.done == 0 && end != 0 && end.Sub(at).Abs() <= cutLate
			if end != 0 && end < at && !cutHere {
				break
			}
			if at.Sub(p.Start) > p.unknownFor() && !cutHere {
				break
			}
			p.death = d
			break
		}
		if p.death >= 0 && p.Phase == record.Started {
			t.failed++ // cut by the death, as far as its log tells
			if p.User != 0 {
				t.users[p.User] = struct{}{}
			}
		}
		if d := p.death; d >= 0 {
			q := inflight.Request{Endpoint: int(p.Endpoint), Start: min(p.Start, t.deathAt[d]), Ref: i}
			if p.Path != 0 && p.User != 0 {
				q.Same = uint64(p.Path)<<32 | uint64(p.User)
			}
			gathered[d].add(q)
		}
		if limit, quiet := t.quietUntil(p.Container, p.Start); quiet {
			until := end
			if until == 0 {
				until = p.Start.Add(p.unknownFor())
			}
			if p.death >= 0 {
				until = min(until, t.deathAt[p.death])
			}
			until = min(until, limit, t.to)
			openBins(p.Endpoint, p.Start, until)
			seen := until.Sub(p.Start)
			if p.Phase == record.Completed {
				seen = max(seen, p.End.Sub(p.Start))
			}
			t.base.Durations[p.Endpoint].Add(seen.Seconds())
		}
		// It ran elsewhere in its life as well: a request that was given up on and finished later is part of the case's history.
		if p.death < 0 && end != 0 {
			for _, d := range nextDeaths(p.Container, p.Start) {
				at := t.deathAt[d]
				if at.Sub(p.Start) > inflight.Lookback {
					break
				}
				gathered[d].add(inflight.Request{Endpoint: int(p.Endpoint), Start: p.Start, End: min(end, at), Ref: i})
			}
		}
	}
	// One more request that stays the whole bin: a never-seen event keeps a finite likelihood ratio (method.md 3.1).
	for e := range t.base.Open {
		for k := range inflight.Bins {
			one := min(inflight.Ages[k+1]-inflight.Ages[k], 600)
			mean := (t.base.Open[e][k] + one) / t.base.Seconds
			if hours {
				const kappa = 18_000
				for h := range 24 {
					byHour[e][h][k] = (byHour[e][h][k] + kappa*mean) / (quietHour[h] + kappa)
				}
			}
			t.base.Open[e][k] = mean
		}
	}
	if hours {
		t.base.HourOpen = byHour
	}
	for d := range t.cases {
		c := &t.cases[d]
		c.Requests = append(gathered[d].latest(), gathered[d].open...)
		slices.SortStableFunc(c.Requests, func(a, b inflight.Request) int {
			switch {
			case a.Start != b.Start:
				return int(min(1, max(-1, a.Start-b.Start)))
			case a.Endpoint != b.Endpoint:
				return a.Endpoint - b.Endpoint
			}
			return int(min(1, max(-1, a.End-b.End)))
		})
		c.Load = t.loadBefore(d, gathered[d].load)
		if gathered[d].cut {
			t.left.cases++
		}
	}
	t.chains()
	return nil
}

// loadFrom and loadUntil bound the time before a death whose traffic is the load (method.md 3.1): not the last minute, in which a
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

// chains numbers deaths that may follow from one another: less than 20 minutes apart (method.md 4.5).
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
	for k, s := range t.series {
		if slices.Contains(memoryMetrics[:], k.metric) && len(s.points) > 0 {
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
