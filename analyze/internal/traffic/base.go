package traffic

import (
	"math"

	"lastcall/analyze/inflight"
)

// baseline turns how long requests were open into how many are, at a random quiet moment: one more request that stays the whole bin
// keeps the likelihood ratio of what was never seen finite.
func (m *measuring) baseline() {
	b := m.out.Base
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
					b.HourOpen[e][h][k] = (b.HourOpen[e][h][k]*microsecond + kappa*mean) / (m.t.Quiet.Seconds/24 + kappa)
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

// muteOverflow gives endpoint 0 so many open requests at any moment that no death speaks against it: it stands for many, and is never accused.
func (m *measuring) muteOverflow() {
	const always = 1e6
	for k := range m.out.Base.Open[0] {
		m.out.Base.Open[0][k] = always
	}
	if m.out.Base.HourOpen == nil {
		return
	}
	for h := range m.out.Base.HourOpen[0] {
		for k := range m.out.Base.HourOpen[0][h] {
			m.out.Base.HourOpen[0][h][k] = always
		}
	}
}

// keepAnswered keeps the durations of answered requests of the endpoints of those that were not, before these are added to them.
func (m *measuring) keepAnswered() {
	m.answered = map[uint32]inflight.Histogram{}
	for _, e := range m.t.unansweredEndpoints() {
		m.answered[e] = m.out.Base.Durations[e]
	}
}

// unansweredEndpoints are the endpoints of the requests that were not answered, each once, but for the one that stands for many.
func (t *Traffic) unansweredEndpoints() (out []uint32) {
	seen := make([]bool, len(t.Endpoints.Names))
	for i := range t.Pending {
		if e := t.Pending[i].Endpoint; e != 0 && !seen[e] {
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
	starts := max(float64(m.out.Base.Durations[e].N)/m.out.Base.Seconds, float64(m.out.Counts.PerEndpoint[e])/max(m.t.Quiet.AliveSeconds, 1))
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
