package traffic

import (
	"cmp"
	"slices"
	"time"

	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

const (
	// maxCaseRequests bounds the finished requests of one case, maxCaseOpen those that never ended.
	// Where there are more than a hundred deaths each gets its part of maxAllCases.
	maxCaseRequests = 20_000
	maxCaseOpen     = 4_000
	maxAllCases     = 2_000_000
	// maxNextDeaths bounds the deaths to whose cases one answered request belongs. Where containers have no names, all die as one.
	maxNextDeaths = 200
)

// writeCases turns what was gathered of each death into its case.
func (m *measuring) writeCases() {
	for d := range m.out.Cases {
		c := &m.out.Cases[d]
		c.Requests = append(m.gathered[d].latest(), m.gathered[d].open...)
		slices.SortStableFunc(c.Requests, func(a, b inflight.Request) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.End, b.End))
		})
		c.Load = m.loadBefore(d, m.gathered[d].load)
		c.Nearby = m.nearbyOf(d)
		if m.gathered[d].cut {
			m.out.CutCases++
		}
	}
	m.chains()
}

// countLoad counts a request as load before the deaths that it is of.
func (m *measuring) countLoad(r *reqlog.Rec) {
	for _, d := range m.nextDeaths(r.Container, r.Start.Add(loadUntil)) {
		if m.t.Deaths.At[d].Sub(r.Start) > loadFrom {
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
	if d := next[maxNextDeaths]; m.t.Deaths.At[d].Sub(from) <= inflight.Lookback {
		m.gathered[d].cut = true
	}
	return next[:maxNextDeaths]
}

// openAt finds the death that a request was open at: the first of its container after its start, unless it had ended before; -1 for none.
func (m *measuring) openAt(p *Pending, end record.Time) int {
	for _, d := range m.deathsFrom(p.Container, p.Start.Add(-5*time.Second)) {
		at := m.t.Deaths.At[d]
		if at < p.Start {
			if m.t.Deaths.cut[d] || at.Add(5*time.Second) < p.Start {
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

// loadFrom and loadUntil bound the time before a death whose traffic is the load: not the last minute, in which a
// container that is about to die may get less.
const (
	loadFrom  = 11 * time.Minute
	loadUntil = time.Minute
)

// loadBefore is the traffic of the container before a death, n requests, over the usual traffic.
func (m *measuring) loadBefore(d, n int) float64 {
	at := m.t.Deaths.At[d]
	secs := at.Add(-loadUntil).Sub(max(at.Add(-loadFrom), m.t.Window.From)).Seconds()
	if m.t.Quiet.AliveSeconds == 0 || secs < 60 || !m.out.Serves[m.t.Containers.died(&m.t.Life.Deaths[d])] {
		return 1
	}
	expected := float64(m.out.Counts.Total) / m.t.Quiet.AliveSeconds * secs
	return min(max((float64(n)+5)/(expected+5), 0.5), 5)
}

// chains numbers deaths that may follow from one another: less than 20 minutes apart.
func (m *measuring) chains() {
	chain := 0
	for d := range m.out.Cases {
		if d > 0 && m.out.Cases[d].Time.Sub(m.out.Cases[d-1].Time) > 20*time.Minute {
			chain++
		}
		m.out.Cases[d].Chain = chain
	}
}
