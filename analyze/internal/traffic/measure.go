package traffic

import (
	"cmp"
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

const (
	// maxSlow bounds the slow requests kept to look for a constant timeout.
	maxSlow = 300_000
	// slowFrom is what counts as slow there.
	slowFrom = time.Second
)

// measuring is the pass over all requests: base rates, the requests of each case, block counts, slow requests, impact.
type measuring struct {
	t           *Traffic
	out         *Measured
	gathered    []caseRequests // by death
	byContainer [][]int        // the deaths of each, in the order of their times on the clock of the requests
	diedAt      []cursor       // those times
	died        []int          // all deaths, in the order of their times there
	dying       []bool         // see findDying
	cells       *cells         // nil where there is no memory that they could explain
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

// microsecond is in seconds: how long requests were open is summed in microseconds.
const microsecond = 1e-6

// hourly: evidence of this long tells of base rates by the hour of the day.
const hourly = 36 * time.Hour

// Measure makes the pass, and finds the death that each request without an answer was open at.
func (t *Traffic) Measure() (*Measured, error) {
	m := t.newMeasuring()
	m.expectReturning()
	m.lookAround()
	if err := t.Evidence.Log.EachUnsorted(m.page); err != nil {
		return nil, err
	}
	m.keepAnswered()
	for i := range t.Pending {
		m.pending(i)
	}
	m.baseline()
	if err := m.countElsewhere(); err != nil {
		return nil, err
	}
	m.out.Base.Returning = m.returned()
	m.writeCases()
	if len(m.out.Base.Open) > 0 {
		m.muteOverflow()
	}
	m.out.Load.Logged = t.logged(len(m.out.Load.Steps))
	return m.out, nil
}

func (t *Traffic) newMeasuring() *measuring {
	nE, nC, nD := len(t.Endpoints.Names), len(t.Containers.Names), len(t.Life.Deaths)
	m := &measuring{t: t, gathered: make([]caseRequests, nD), byContainer: make([][]int, nC), diedAt: make([]cursor, nC), open: make([][inflight.Bins]float64, nE)}
	if t.Window.To.Sub(t.Window.From) >= hourly {
		m.openByHour = make([][24][inflight.Bins]float64, nE)
	}
	m.out = &Measured{
		t:          t,
		Base:       &inflight.Baseline{Durations: make([]inflight.Histogram, nE), Seconds: max(t.Quiet.Seconds, 1)},
		Cases:      make([]inflight.Case, nD),
		LastMinute: make([]int, nD),
		Latency:    &Latencies{buckets: latencyCalendar(t.Window)},
		Counts:     Counts{PerEndpoint: make([]int64, nE), Users: map[uint32]struct{}{}},
		Load:       Load{Steps: make([]float64, int(t.Window.To.Sub(t.Window.From)/LoadStep)+1)},
		Serves:     make([]bool, nC),
		calls:      newCalls(nE),
	}
	for d := range t.Life.Deaths {
		m.gathered[d].most = min(maxCaseRequests, maxAllCases/nD)
		m.out.Cases[d].Time = t.Deaths.At[d]
		m.out.Cases[d].Hour = t.Deaths.At[d].Std().Hour()
		m.died = append(m.died, d)
	}
	m.dying = make([]bool, nC)
	slices.SortStableFunc(m.died, func(a, b int) int { return cmp.Compare(t.Deaths.At[a], t.Deaths.At[b]) })
	for _, d := range m.died {
		c := t.Containers.died(&t.Life.Deaths[d])
		m.byContainer[c] = append(m.byContainer[c], d)
		m.diedAt[c].times = append(m.diedAt[c].times, t.Deaths.At[d])
	}
	width := max(minBlock, (t.Window.To.Sub(t.Window.From)/maxBlocks + time.Second).Truncate(time.Second))
	n := int(t.Window.To.Sub(t.Window.From)/width) + 1
	if t.remembers() {
		m.cells = newCells(nE, nC, n)
	}
	m.out.blocks = blockCounts{width, n, m.cells}
	m.blocks, m.steps = newCalendar(t.Window.From, width), newCalendar(t.Window.From, LoadStep)
	return m
}

// page measures the requests of one slot. Their order matters only to the cases, and where a line may be told of twice: all others are
// taken as they lie.
func (m *measuring) page(page *reqlog.Page) {
	slow := len(m.out.Slow)
	if m.cells != nil {
		first, last := max(page.First, m.t.Window.From), min(page.LastStart, m.t.Window.To)
		if first <= last {
			m.cells.expect(m.blocks.at(first), m.blocks.at(last))
		}
	}
	if page.MayRepeat() || m.cells != nil && m.cells.crowded() {
		page.Sort()
		m.t.linesOf(page, countedLines, m.line)
	} else {
		if m.findDying(page) {
			cases := page.Split(func(r *reqlog.Rec) bool {
				c := m.t.Containers.of[r.Container]
				return c != notLookedAt && m.dying[c]
			})
			cases.Sort()
			m.t.linesOf(&cases, countedLines, m.line)
		}
		m.calmLines(page)
	}
	slices.SortFunc(m.out.Slow[slow:], func(a, b SlowRequest) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Duration, b.Duration), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Container, b.Container),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Source, b.Source))
	})
	m.out.Slow = m.out.Slow[:min(len(m.out.Slow), maxSlow)]
}

// findDying marks the containers to whose cases requests of a slot may belong, and reports whether there are any.
func (m *measuring) findDying(page *reqlog.Page) bool {
	clear(m.dying)
	i := sort.Search(len(m.died), func(i int) bool { return m.t.Deaths.At[m.died[i]] >= page.First })
	found := false
	for ; i < len(m.died) && m.t.Deaths.At[m.died[i]].Sub(page.LastStart) <= inflight.Lookback; i++ {
		m.dying[m.t.Containers.died(&m.t.Life.Deaths[m.died[i]])], found = true, true
	}
	return found
}

// calmLines is line for what belongs to no case. Nearly all of those requests are over in less than a second, at a quiet time.
func (m *measuring) calmLines(page *reqlog.Page) {
	quiet := m.quietFrom(page.First)
	if m.t.Sampled.windows != nil {
		quiet = life.Span{} // what was not fetched is not quiet
	}
	var moved reqlog.Rec
	for i := range page.Len() {
		r := page.At(i)
		if !m.t.within(r) || !m.t.counted(r) {
			continue
		}
		e, c := m.t.Endpoints.of[r.Endpoint], m.t.Containers.of[r.Container]
		dur := r.End.Sub(r.Start)
		if dur >= slowFrom || r.Start < quiet.From || r.Start >= quiet.To || r.End > quiet.To || intake.MayRunOn(r.Outcome) {
			moved = *r
			moved.Endpoint, moved.Container = e, c
			m.line(&moved)
			continue
		}
		bin := inflight.DurationBin(dur.Seconds())
		m.out.Latency.add(r.Start, bin)
		m.count(e, c, r)
		m.out.Base.Durations[e].AddBin(bin)
		m.openFor(e, r.Start, 0, max(dur, 0)) // less than nothing where a line gives a start only
	}
}

// quietFrom is the first time from an instant on in which nothing is unusual where no death of the container itself is near (pressureBefore
// is less than inflight.Lookback).
func (m *measuring) quietFrom(at record.Time) life.Span {
	after := m.t.Quiet.everywhere.spans
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
	m.out.Latency.add(r.Start, bin)
	if intake.MayRunOn(r.Outcome) {
		return // it is among the pending, with what the joins know
	}
	m.count(r.Endpoint, r.Container, r)
	m.countLoad(r)
	if limit, quiet := m.t.quietUntil(r.Container, r.Start); quiet {
		m.out.Base.Durations[r.Endpoint].AddBin(bin)
		m.openUntil(r.Endpoint, r.Start, min(r.End, limit))
	}
	if dur >= slowFrom && r.Outcome == record.Answered {
		m.out.Slow = append(m.out.Slow, SlowRequest{r.Endpoint, r.Container, r.Start, dur, r.Source, r.Line})
	}
	for _, d := range m.nextDeaths(r.Container, r.Start) {
		at := m.t.Deaths.At[d]
		if at.Sub(r.Start) > inflight.Lookback {
			break
		}
		if at.Sub(r.End) <= time.Minute {
			m.out.LastMinute[d]++
		}
		// Answered after the death of its container: clocks differ by that much. It was alive: no suspect.
		m.gathered[d].add(inflight.Request{Endpoint: int(r.Endpoint), Start: r.Start, End: min(r.End, at), Ref: -1})
	}
}

// count counts a request of an endpoint on a container where it belongs by its time.
func (m *measuring) count(endpoint, container uint32, r *reqlog.Rec) {
	m.out.Counts.Total++
	m.out.Counts.PerEndpoint[endpoint]++
	m.out.calls.add(endpoint, m.out.Counts.PerEndpoint[endpoint], container, r.Start)
	if m.cells != nil {
		m.cells.add(endpoint, container, m.blocks.at(r.Start))
	}
	m.out.Load.Steps[m.steps.at(r.Start)]++
	m.out.Serves[container] = true
	if r.Status >= 500 && !r.Retried {
		m.out.Counts.ServerErrors++
		m.out.failures.add(endpoint, r.Start, r.End)
	}
	if bit := r.Path >> (32 - returningBits); m.mayReturn[bit>>6]>>(bit&63)&1 != 0 {
		m.countReturning(r)
	}
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
func (m *measuring) openQuietly(p *Pending, until record.Time) {
	if m.t.Sampled.windows != nil {
		if limit, quiet := m.t.quietUntil(p.Container, p.Start); quiet {
			m.openUntil(p.Endpoint, p.Start, min(until, limit))
		}
		return
	}
	quiet := minus(minus([]life.Span{{From: p.Start, To: until}}, m.t.Quiet.everywhere.spans), m.t.Quiet.before[p.Container].spans)
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
	p := &m.t.Pending[i]
	m.count(p.Endpoint, p.Container, &p.Rec)
	m.countLoad(&p.Rec)
	fails := func() {
		if p.Retried {
			return
		}
		m.out.Counts.Failed++
		if p.User != 0 {
			m.out.Counts.Users[p.User] = struct{}{}
		}
	}
	if p.Outcome != record.OutcomeUnknown && p.Phase == record.Completed {
		fails()
	}
	if p.Outcome == record.Refused {
		return
	}
	end := p.DoneAt()
	p.Death = m.openAt(p, end)
	if d := p.Death; d >= 0 {
		if p.Phase == record.Started {
			fails() // cut by the death, as far as its log tells
		}
		q := inflight.Request{Endpoint: int(p.Endpoint), Start: min(p.Start, m.t.Deaths.At[d]), Ref: i}
		q.Same = sameness(&p.Rec)
		m.gathered[d].add(q)
	}
	until := end
	if until == 0 {
		until = p.Start.Add(p.unknownFor())
	}
	if p.Death >= 0 {
		until = min(until, m.t.Deaths.At[p.Death])
	}
	until = min(until, m.t.Window.To)
	if limit, quiet := m.t.quietUntil(p.Container, p.Start); quiet {
		seen := min(until, limit).Sub(p.Start)
		if p.Phase == record.Completed {
			seen = max(seen, p.End.Sub(p.Start))
		}
		m.out.Base.Durations[p.Endpoint].Add(seen.Seconds())
	}
	m.openQuietly(p, until)
	// It ran elsewhere in its life as well: a request that was given up on and finished later is part of the case's history.
	if p.Death < 0 && end != 0 {
		for _, d := range m.nextDeaths(p.Container, p.Start) {
			at := m.t.Deaths.At[d]
			if at.Sub(p.Start) > inflight.Lookback {
				break
			}
			m.gathered[d].add(inflight.Request{Endpoint: int(p.Endpoint), Start: p.Start, End: min(end, at), Ref: i})
		}
	}
}
