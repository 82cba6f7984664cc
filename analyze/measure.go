package analyze

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// measuring is the pass over all requests: base rates, the requests of each case, block counts, slow requests, impact.
type measuring struct {
	*traffic
	gathered    []caseRequests // by death
	byContainer [][]int        // the deaths of each, in the order of their times on the clock of the requests
	diedAt      []cursor       // those times
	died        []int          // all deaths, in the order of their times there
	dying       []bool         // see findDying
	blocks      calendar
	steps       calendar
	// open and openByHour are how long requests of each endpoint were open at each age, in microseconds. Sums of whole numbers are the
	// same in any order, up to three hundred years.
	open       [][inflight.Bins]float64
	openByHour [][24][inflight.Bins]float64 // nil for evidence of less than two days or so
	// returning are requests that were open without an answer more than once, by caller and path; mayReturn has a bit for some of each path.
	returning map[uint64]*answers
	mayReturn [1 << (returningBits - 6)]uint64
	near      *around // nil where it would be too much, or there are no deaths
	// answered are the durations of the requests that were answered, of the endpoints of those that were not.
	answered map[uint32]inflight.Histogram
}

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
	for i := range m.traffic.pend {
		if k := sameness(&m.traffic.pend[i].Rec); k != 0 {
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

// returned is what they come to.
func (m *measuring) returned() map[uint64]inflight.Returning {
	out := map[uint64]inflight.Returning{}
	for k, a := range m.returning {
		if len(a.at) > 0 {
			slices.Sort(a.at)
			out[k] = inflight.Returning{Open: a.open.Seconds() / max(m.traffic.aliveSecs, 1), Answers: a.at}
		}
	}
	return out
}

// microsecond is in seconds: how long requests were open is summed in microseconds.
const microsecond = 1e-6

// hourly: evidence of this long tells of base rates by the hour of the day.
const hourly = 36 * time.Hour

// measure makes the pass.
func (t *traffic) measure() error {
	t.pressureWindows()
	m := t.newMeasuring()
	m.expectReturning()
	m.lookAround()
	if err := t.ev.Log.EachUnsorted(m.page); err != nil {
		return err
	}
	m.keepAnswered()
	for i := range t.pend {
		m.pending(i)
	}
	m.baseline()
	m.traffic.base.Returning = m.returned()
	for d := range t.cases {
		c := &t.cases[d]
		c.Requests = append(m.gathered[d].latest(), m.gathered[d].open...)
		slices.SortStableFunc(c.Requests, func(a, b inflight.Request) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.End, b.End))
		})
		c.Load = t.loadBefore(d, m.gathered[d].load)
		c.Nearby = m.nearbyOf(d)
		if m.gathered[d].cut {
			t.left.cases++
		}
	}
	t.chains()
	return nil
}

func (t *traffic) newMeasuring() *measuring {
	nE, nC, nD := len(t.endpoints), len(t.containers), len(t.life.Deaths)
	m := &measuring{traffic: t, gathered: make([]caseRequests, nD), byContainer: make([][]int, nC), diedAt: make([]cursor, nC), open: make([][inflight.Bins]float64, nE)}
	if t.to.Sub(t.from) >= hourly {
		m.openByHour = make([][24][inflight.Bins]float64, nE)
	}
	t.total, t.errors5xx, t.failed, t.slow, t.cells = 0, 0, 0, nil, nil
	t.base = &inflight.Baseline{Durations: make([]inflight.Histogram, nE), Seconds: max(t.quietSecs, 1)}
	t.cases = make([]inflight.Case, nD)
	t.lastMinute = make([]int, nD)
	for d := range t.life.Deaths {
		m.gathered[d].most = min(maxCaseRequests, maxAllCases/nD)
		t.cases[d].Time = t.deathAt[d]
		t.cases[d].Hour = t.deathAt[d].Std().Hour()
		m.died = append(m.died, d)
	}
	m.dying = make([]bool, nC)
	slices.SortStableFunc(m.died, func(a, b int) int { return cmp.Compare(t.deathAt[a], t.deathAt[b]) })
	for _, d := range m.died {
		c := t.deathContainer(&t.life.Deaths[d])
		m.byContainer[c] = append(m.byContainer[c], d)
		m.diedAt[c].times = append(m.diedAt[c].times, t.deathAt[d])
	}
	t.block = max(minBlock, (t.to.Sub(t.from)/maxBlocks + time.Second).Truncate(time.Second))
	t.nBlocks = int(t.to.Sub(t.from)/t.block) + 1
	if t.remembers() {
		t.cells = newCells(nE, nC, t.nBlocks)
	}
	m.blocks, m.steps = newCalendar(t.from, t.block), newCalendar(t.from, loadStep)
	t.latency = newLatencies(t.from, t.to)
	t.perEp = make([]int64, nE)
	t.users = map[uint32]struct{}{}
	t.fleet = make([]float64, int(t.to.Sub(t.from)/loadStep)+1)
	t.serves = make([]bool, nC)
	return m
}

// page measures the requests of one slot. Their order matters only to the cases, and where a line may be told of twice: all others are
// taken as they lie.
func (m *measuring) page(page *reqlog.Page) {
	slow := len(m.traffic.slow)
	if m.traffic.cells != nil {
		first, last := max(page.First, m.traffic.from), min(page.LastStart, m.traffic.to)
		if first <= last {
			m.traffic.cells.expect(m.blocks.at(first), m.blocks.at(last))
		}
	}
	if page.MayRepeat() || m.traffic.cells != nil && m.traffic.cells.crowded() {
		page.Sort()
		m.traffic.linesOf(page, countedLines, m.line)
	} else {
		if m.findDying(page) {
			cases := page.Split(func(r *reqlog.Rec) bool { c := m.traffic.contOf[r.Container]; return c != notLookedAt && m.dying[c] })
			cases.Sort()
			m.traffic.linesOf(&cases, countedLines, m.line)
		}
		m.calmLines(page)
	}
	slices.SortFunc(m.traffic.slow[slow:], func(a, b slowRequest) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.dur, b.dur), cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.container, b.container),
			cmp.Compare(a.line, b.line), cmp.Compare(a.source, b.source))
	})
	m.traffic.slow = m.traffic.slow[:min(len(m.traffic.slow), maxSlow)]
}

// findDying marks the containers to whose cases requests of a slot may belong, and reports whether there are any.
func (m *measuring) findDying(page *reqlog.Page) bool {
	clear(m.dying)
	i := sort.Search(len(m.died), func(i int) bool { return m.traffic.deathAt[m.died[i]] >= page.First })
	found := false
	for ; i < len(m.died) && m.traffic.deathAt[m.died[i]].Sub(page.LastStart) <= inflight.Lookback; i++ {
		m.dying[m.traffic.deathContainer(&m.traffic.life.Deaths[m.died[i]])], found = true, true
	}
	return found
}

// calmLines is line for what belongs to no case. Nearly all of those requests are over in less than a second, at a quiet time.
func (m *measuring) calmLines(page *reqlog.Page) {
	quiet := m.quietFrom(page.First)
	if m.traffic.sampled.windows != nil {
		quiet = life.Span{} // what was not fetched is not quiet
	}
	var moved reqlog.Rec
	for i := range page.Len() {
		r := page.At(i)
		if !m.traffic.within(r) || !m.traffic.counted(r) {
			continue
		}
		e, c := m.traffic.epOf[r.Endpoint], m.traffic.contOf[r.Container]
		dur := r.End.Sub(r.Start)
		if dur >= slowFrom || r.Start < quiet.From || r.Start >= quiet.To || r.End > quiet.To || intake.MayRunOn(r.Outcome) {
			moved = *r
			moved.Endpoint, moved.Container = e, c
			m.line(&moved)
			continue
		}
		bin := inflight.DurationBin(dur.Seconds())
		m.traffic.latency.add(r.Start, bin)
		m.count(e, c, r)
		m.traffic.base.Durations[e].AddBin(bin)
		m.openFor(e, r.Start, 0, max(dur, 0)) // less than nothing where a line gives a start only
	}
}

// quietFrom is the first time from an instant on in which nothing is unusual where no death of the container itself is near (pressureBefore
// is less than inflight.Lookback).
func (m *measuring) quietFrom(at record.Time) life.Span {
	after := m.traffic.everywhere.spans
	i := sort.Search(len(after), func(i int) bool { return after[i].To >= at })
	quiet := life.Span{From: at, To: math.MaxInt64}
	if i < len(after) && after[i].From <= at {
		quiet.From = after[i].To + 1
		i++
	}
	if i < len(after) {
		quiet.To = after[i].From
	}
	return quiet
}

// line measures a request.
func (m *measuring) line(r *reqlog.Rec) {
	dur := r.End.Sub(r.Start)
	bin := inflight.DurationBin(dur.Seconds())
	m.traffic.latency.add(r.Start, bin)
	if intake.MayRunOn(r.Outcome) {
		return // it is among the pending, with what the joins know
	}
	m.count(r.Endpoint, r.Container, r)
	m.countLoad(r)
	if limit, quiet := m.traffic.quietUntil(r.Container, r.Start); quiet {
		m.traffic.base.Durations[r.Endpoint].AddBin(bin)
		m.openUntil(r.Endpoint, r.Start, min(r.End, limit))
	}
	if dur >= slowFrom && r.Outcome == record.Answered {
		m.traffic.slow = append(m.traffic.slow, slowRequest{r.Endpoint, r.Container, r.Start, dur, r.Source, r.Line})
	}
	for _, d := range m.nextDeaths(r.Container, r.Start) {
		at := m.traffic.deathAt[d]
		if at.Sub(r.Start) > inflight.Lookback {
			break
		}
		if at.Sub(r.End) <= time.Minute {
			m.traffic.lastMinute[d]++
		}
		// Answered after the death of its container: clocks differ by that much. It was alive: no suspect.
		m.gathered[d].add(inflight.Request{Endpoint: int(r.Endpoint), Start: r.Start, End: min(r.End, at), Ref: -1})
	}
}

// count counts a request of an endpoint on a container where it belongs by its time.
func (m *measuring) count(endpoint, container uint32, r *reqlog.Rec) {
	m.traffic.total++
	m.traffic.perEp[endpoint]++
	if m.traffic.cells != nil {
		m.traffic.cells.add(endpoint, container, m.blocks.at(r.Start))
	}
	m.traffic.fleet[m.steps.at(r.Start)]++
	m.traffic.serves[container] = true
	if r.Status >= 500 {
		m.traffic.errors5xx++
	}
	if bit := r.Path >> (32 - returningBits); m.mayReturn[bit>>6]>>(bit&63)&1 != 0 {
		m.countReturning(r)
	}
}

// countLoad counts a request as load before the deaths that it is of.
func (m *measuring) countLoad(r *reqlog.Rec) {
	for _, d := range m.nextDeaths(r.Container, r.Start.Add(loadUntil)) {
		if m.traffic.deathAt[d].Sub(r.Start) > loadFrom {
			break
		}
		m.gathered[d].load++
	}
}

// deathsFrom are the deaths of a container from an instant on.
func (m *measuring) deathsFrom(c uint32, from record.Time) []int {
	return m.byContainer[c][m.diedAt[c].since(from):]
}

// nextDeaths are the first of them.
func (m *measuring) nextDeaths(c uint32, from record.Time) []int {
	next := m.deathsFrom(c, from)
	if len(next) <= maxNextDeaths {
		return next
	}
	if d := next[maxNextDeaths]; m.traffic.deathAt[d].Sub(from) <= inflight.Lookback {
		m.gathered[d].cut = true
	}
	return next[:maxNextDeaths]
}

// openUntil counts how long a request was open, at each age.
func (m *measuring) openUntil(e uint32, start, end record.Time) {
	age := end.Sub(start)
	for k := range inflight.Bins {
		lo, hi := ageAt(k), ageAt(k+1)
		if age <= lo {
			break
		}
		m.openFor(e, start, k, min(age, hi)-lo)
	}
}

// openQuietly counts how long a request was open at quiet moments, at each age, also where it began at another: a stream begins when the
// container does, right after a death.
func (m *measuring) openQuietly(p *pending, until record.Time) {
	if m.traffic.sampled.windows != nil {
		if limit, quiet := m.traffic.quietUntil(p.Container, p.Start); quiet {
			m.openUntil(p.Endpoint, p.Start, min(until, limit))
		}
		return
	}
	quiet := minus(minus([]life.Span{{From: p.Start, To: until}}, m.traffic.everywhere.spans), m.traffic.before[p.Container].spans)
	for _, s := range quiet {
		from, to := s.From.Sub(p.Start), s.To.Sub(p.Start)
		for k := range inflight.Bins {
			if lo, hi := max(ageAt(k), from), min(ageAt(k+1), to); lo < hi {
				m.openFor(p.Endpoint, p.Start.Add(lo), k, hi-lo)
			}
		}
	}
}

// openFor counts how long a request was open in one bin of ages, from an instant on.
func (m *measuring) openFor(e uint32, start record.Time, bin int, d time.Duration) {
	us := float64(d / time.Microsecond)
	m.open[e][bin] += us
	if m.near != nil && m.near.row[e] >= 0 {
		m.near.open(int(m.near.row[e]), start, bin, us)
	}
	if m.openByHour != nil {
		m.openByHour[e][start.Std().Hour()][bin] += us
	}
}

// ageAt is the k-th edge of the bins of ages.
func ageAt(k int) time.Duration { return time.Duration(inflight.Ages[k]) * time.Second }

// pending measures a request that did not end with an answer, and finds the death that it was open at.
func (m *measuring) pending(i int) {
	p := &m.traffic.pend[i]
	m.count(p.Endpoint, p.Container, &p.Rec)
	m.countLoad(&p.Rec)
	fails := func() {
		m.traffic.failed++
		if p.User != 0 {
			m.traffic.users[p.User] = struct{}{}
		}
	}
	if p.Outcome != record.OutcomeUnknown && p.Phase == record.Completed {
		fails()
	}
	if p.Outcome == record.Refused {
		return
	}
	end := p.end()
	p.death = m.openAt(p, end)
	if d := p.death; d >= 0 {
		if p.Phase == record.Started {
			fails() // cut by the death, as far as its log tells
		}
		q := inflight.Request{Endpoint: int(p.Endpoint), Start: min(p.Start, m.traffic.deathAt[d]), Ref: i}
		q.Same = sameness(&p.Rec)
		m.gathered[d].add(q)
	}
	until := end
	if until == 0 {
		until = p.Start.Add(p.unknownFor())
	}
	if p.death >= 0 {
		until = min(until, m.traffic.deathAt[p.death])
	}
	until = min(until, m.traffic.to)
	if limit, quiet := m.traffic.quietUntil(p.Container, p.Start); quiet {
		seen := min(until, limit).Sub(p.Start)
		if p.Phase == record.Completed {
			seen = max(seen, p.End.Sub(p.Start))
		}
		m.traffic.base.Durations[p.Endpoint].Add(seen.Seconds())
	}
	m.openQuietly(p, until)
	// It ran elsewhere in its life as well: a request that was given up on and finished later is part of the case's history.
	if p.death < 0 && end != 0 {
		for _, d := range m.nextDeaths(p.Container, p.Start) {
			at := m.traffic.deathAt[d]
			if at.Sub(p.Start) > inflight.Lookback {
				break
			}
			m.gathered[d].add(inflight.Request{Endpoint: int(p.Endpoint), Start: p.Start, End: min(end, at), Ref: i})
		}
	}
}

// openAt finds the death that a request was open at: the first of its container after its start, unless it had ended before; -1 for none.
func (m *measuring) openAt(p *pending, end record.Time) int {
	for _, d := range m.deathsFrom(p.Container, p.Start.Add(-5*time.Second)) {
		at := m.traffic.deathAt[d]
		if at < p.Start {
			if m.traffic.cutAt[d] || at.Add(5*time.Second) < p.Start {
				continue
			}
		}
		cutHere := p.Outcome == record.Cut && p.done == 0 && end != 0 && end.Sub(at).Abs() <= cutLate
		if !cutHere && (end != 0 && end < at || at.Sub(p.Start) > p.unknownFor()) {
			return -1
		}
		return d
	}
	return -1
}

// baseline turns how long requests were open into how many are, at a random quiet moment: one more request that stays the whole bin
// keeps the likelihood ratio of what was never seen finite.
func (m *measuring) baseline() {
	b := m.traffic.base
	b.Open, b.HourOpen = m.open, m.openByHour
	lasting := map[int][inflight.Bins]float64{}
	for e := range m.answered {
		lasting[int(e)] = m.lasting(e)
	}
	for e := range b.Open {
		for k := range inflight.Bins {
			one := min(inflight.Ages[k+1]-inflight.Ages[k], 600)
			mean := (b.Open[e][k]*microsecond + one) / b.Seconds
			if b.HourOpen != nil {
				const kappa = 18_000
				for h := range 24 {
					b.HourOpen[e][h][k] = (b.HourOpen[e][h][k]*microsecond + kappa*mean) / (m.traffic.quietSecs/24 + kappa)
				}
			}
			b.Open[e][k] = mean
		}
	}
	for e, open := range lasting {
		for k := range open {
			b.Open[e][k] = max(b.Open[e][k], open[k])
			if b.HourOpen != nil {
				for h := range 24 {
					b.HourOpen[e][h][k] = max(b.HourOpen[e][h][k], open[k])
				}
			}
		}
	}
}

// keepAnswered keeps the durations of answered requests of the endpoints of those that were not, before these are added to them.
func (m *measuring) keepAnswered() {
	m.answered = map[uint32]inflight.Histogram{}
	for _, e := range m.traffic.unansweredEndpoints() {
		m.answered[e] = m.traffic.base.Durations[e]
	}
}

// unansweredEndpoints are the endpoints of the requests that were not answered, each once, but for the one that stands for many.
func (t *traffic) unansweredEndpoints() (out []uint32) {
	seen := make([]bool, len(t.endpoints))
	for i := range t.pend {
		if e := t.pend[i].Endpoint; e != 0 && !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}

// minExposure is for how many times its width, and at least how many seconds, requests must have been seen open in a bin of ages for the
// hazard of their end there to be known.
const minExposure, minExposed = 5, 300

// lasting is how many requests of an endpoint are open at each age if only their own end ends them: their starts times the share that lasts
// so long (Kaplan and Meier 1958, where the end of a container is censoring). How often such are seen at quiet moments understates that for
// streams and other requests that never end by themselves: they are as old as the life of their container, so the oldest are seen just
// before its death, which is no quiet time. Ages at which none were seen at quiet moments, as of what kills, tell nothing: 0.
func (m *measuring) lasting(e uint32) (open [inflight.Bins]float64) {
	h := m.answered[e]
	starts := max(float64(m.traffic.base.Durations[e].N)/m.traffic.base.Seconds, float64(m.traffic.perEp[e])/max(m.traffic.aliveSecs, 1))
	survival := 1.0
	for k := range open {
		width := inflight.Ages[k+1] - inflight.Ages[k]
		exposed := m.open[e][k] * microsecond
		if exposed < max(minExposed, minExposure*width) {
			return open
		}
		hazard := float64(h.OfAge(k)) / exposed
		// The mean survival within the bin.
		share := 1.0
		if x := hazard * width; x > 1e-9 {
			share = (1 - math.Exp(-x)) / x
		}
		if k > 0 { // the first bin is of all that begin, and needs no model
			open[k] = starts * survival * share * width
		}
		survival *= math.Exp(-hazard * width)
	}
	return open
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
