package traffic

import (
	"time"

	"lastcall/analyze/inflight"
	"lastcall/collectors/record"
)

// around is how often requests are open at quiet moments of all containers around each death. What is done for half an hour of a day is
// open at every death of that half hour, and seldom over the day: it is no more suspect than what is always there.
type around struct {
	row   []int32 // by endpoint; -1 for those without an unanswered request, which nobody asks for
	sums  [][][inflight.Bins]float64
	quiet []float64 // by death, container-seconds
	// died is all deaths in the order of their times, and ends are the ends of the times around them.
	died []int
	ends cursor
}

const (
	// nearBefore and nearAfter bound the time around a death.
	nearBefore = 20 * time.Minute
	nearAfter  = 10 * time.Minute
	// nearPrior is for how many container-seconds the mean of the whole evidence stands in it.
	nearPrior = 1800
	// maxAround bounds the rows of all deaths together: 13 MB.
	maxAround = 200_000
)

// lookAround makes room for what is near the deaths.
func (m *measuring) lookAround() {
	if len(m.died) == 0 {
		return
	}
	n := &around{row: make([]int32, len(m.t.Endpoints.Names))}
	for e := range n.row {
		n.row[e] = -1
	}
	endpoints := m.t.unansweredEndpoints()
	if len(endpoints)*len(m.died) > maxAround {
		return
	}
	for row, e := range endpoints {
		n.row[e] = int32(row)
	}
	n.died = m.died
	n.sums, n.quiet = make([][][inflight.Bins]float64, len(m.died)), make([]float64, len(m.died))
	for _, d := range m.died {
		n.sums[d] = make([][inflight.Bins]float64, len(endpoints))
		n.ends.times = append(n.ends.times, m.t.Deaths.At[d].Add(nearAfter))
		n.quiet[d] = m.t.quietWithin(m.t.Deaths.At[d].Add(-nearBefore), m.t.Deaths.At[d].Add(nearAfter))
	}
	m.near = n
}

// open counts how long a request was open in one bin of ages, in microseconds, near each of the deaths that it began near.
func (n *around) open(row int, start record.Time, bin int, us float64) {
	for i := n.ends.since(start); i < len(n.died) && n.ends.times[i].Add(-nearBefore-nearAfter) <= start; i++ {
		n.sums[n.died[i]][row][bin] += us
	}
}

// nearbyOf returns the mean number of open requests by endpoint and age near a death, at a random quiet moment of one container.
func (m *measuring) nearbyOf(d int) map[int][inflight.Bins]float64 {
	if m.near == nil {
		return nil
	}
	out := map[int][inflight.Bins]float64{}
	for e, row := range m.near.row {
		if row < 0 {
			continue
		}
		var mean [inflight.Bins]float64
		for k, us := range m.near.sums[d][row] {
			mean[k] = (us*microsecond + nearPrior*m.out.Base.Open[e][k]) / (m.near.quiet[d] + nearPrior)
		}
		out[e] = mean
	}
	return out
}
