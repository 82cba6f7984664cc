package inflight

import (
	"math"
	"slices"
)

// pace is the model of the slow-down: before the onset requests end at a pace (a factor on their usual hazard of ending), after
// it at a slower one. Both are unknown: a container may have been somewhat slow for long before the onset that matters (a neighbour,
// retries after another death), and that must not be taken for it. The likelihood of an onset needs four sums only.
type pace struct {
	prior                   []float64 // logarithms of the prior weights of the candidate onsets
	before, after           []float64 // surprise spent before and after each of them
	endedBefore, endedAfter []float64 // requests that ended before and after it

	priorSum         []float64 // logarithm of the prior weight of the first k+1 together
	out, stage, last []float64 // scratch of weights
}

// factor is one pace, its logarithm, and the logarithm of its prior weight.
type factor struct{ pace, log, weight float64 }

// pacesBefore and pacesAfter are averaged over; 1 is the usual pace. After the onset all are as likely, and it must be slower by
// half: each pace before allows those after from pacesFrom on.
var (
	pacesBefore = [...]factor{paced(1, 0.55), paced(0.6, 0.2), paced(0.35, 0.15), paced(0.2, 0.1)}
	pacesAfter  = [...]factor{paced(0.3, 1), paced(0.12, 1), paced(0.05, 1), paced(0.02, 1), paced(0.005, 1)}
	pacesFrom   = [len(pacesBefore)]int{0, 0, 1, 2}
)

func paced(pace, weight float64) factor { return factor{pace, math.Log(pace), math.Log(weight)} }

func newPace(prior []float64) *pace {
	n := len(prior)
	buf := make([]float64, 8*n)
	part := func(i int) []float64 { return buf[i*n : (i+1)*n : (i+1)*n] }
	m := &pace{prior: prior, before: part(0), after: part(1), endedBefore: part(2), endedAfter: part(3),
		priorSum: part(4), out: part(5), stage: part(6), last: part(7)}
	sum := math.Inf(-1)
	for k, p := range prior {
		sum = logSum([]float64{sum, p})
		m.priorSum[k] = sum
	}
	return m
}

// weights returns the posterior of the onsets, valid until the next call; without, when given, is one open request to leave out:
// what of total it had spent before each onset.
//
// A container may slow down in stages: somewhat, minutes ahead, then for good. The stage that matters is the last one. So after the
// best onset a further one is looked for among the candidates nearer to the death, with what lies between as its "before", and taken
// in proportion to how much better it explains what followed.
func (m *pace) weights(total float64, without []float64) []float64 {
	at := func(k int) (before, after float64) {
		if without == nil {
			return m.before[k], m.after[k]
		}
		return m.before[k] - without[k], m.after[k] - (total - without[k])
	}
	share := 1.0
	last := len(m.prior) // candidates below this index are nearer to the death than the stage before
	var baseSpent, baseEnded float64
	for stage := 0; stage < maxStages && (stage == 0 || last > 1); stage++ {
		w := m.stage[:last]
		for k := range w {
			b, a := at(k)
			w[k] = change(b-baseSpent, a, m.endedBefore[k]-baseEnded, m.endedAfter[k]) + m.prior[k]
		}
		evidence := normalise(w) - m.priorSum[last-1]
		if stage == 0 {
			copy(m.out, w)
		} else {
			b, a := at(0)
			// What this stage takes over of the share of the stage before.
			share /= 1 + math.Exp(steady(b+a-baseSpent, m.endedBefore[0]+m.endedAfter[0]-baseEnded)-evidence+stageCost)
			for k, x := range m.last {
				if k < last {
					x -= w[k]
				}
				m.out[k] -= share * x
			}
			if share < 0.01 {
				break
			}
		}
		best := 0
		for k := range w {
			if w[k] > w[best] {
				best = k
			}
		}
		clear(m.last[copy(m.last, w):])
		baseSpent, _ = at(best)
		baseEnded = m.endedBefore[best]
		last = best
	}
	return m.out
}

// maxStages bounds the stages of a slow-down; stageCost is the price of each further one, in natural logarithms.
const (
	maxStages = 3
	stageCost = 3.0
)

// change is the log likelihood of a pace before and a slower one after, averaged over both; steady that of one pace throughout.
// A pair of paces is a product of its sides, so that nine exponentials do for seventeen pairs.
func change(before, after, endedBefore, endedAfter float64) float64 {
	var tops, sums [len(pacesAfter)]float64 // over the paces after from each on: the largest, and their sum relative to it
	top, sum := math.Inf(-1), 0.0
	for j := len(pacesAfter) - 1; j >= 0; j-- {
		p := pacesAfter[j]
		if l := endedAfter*p.log - p.pace*after; l > top {
			top, sum = l, sum*expOf(top-l)+1
		} else {
			sum += expOf(l - top)
		}
		tops[j], sums[j] = top, sum
	}
	top, sum = math.Inf(-1), 0
	for i, p := range pacesBefore {
		from := pacesFrom[i]
		if l := p.weight + endedBefore*p.log - p.pace*before + tops[from]; l > top {
			top, sum = l, sum*expOf(top-l)+sums[from]
		} else {
			sum += expOf(l-top) * sums[from]
		}
	}
	return top + math.Log(sum)
}

func steady(spent, ended float64) float64 {
	var ls [len(pacesBefore) + len(pacesAfter)]float64
	n := 0
	for _, paces := range [][]factor{pacesBefore[:], pacesAfter[:]} {
		for _, p := range paces {
			ls[n] = ended*p.log - p.pace*spent
			n++
		}
	}
	return logSum(ls[:n]) - math.Log(float64(n))
}

// pacesNear are the paces at which a container may have been just before an onset, with their prior weights: nearly always the usual one.
var pacesNear = [...]factor{paced(1, 0.8), paced(0.6, 0.1), paced(0.35, 0.05), paced(0.2, 0.03), paced(0.1, 0.01), paced(0.05, 0.005), paced(0.02, 0.003), paced(0.01, 0.002)}

// nearOnset is how long before an onset its pace is measured, in seconds.
const nearOnset = 120

// paceNear is how likely each of pacesNear is shortly before an onset.
type paceNear [len(pacesNear)]float64

// pacesNearOnsets returns it for each onset, as of requests that spent so much surprise so many ended, and the index of the onset from which
// on the time before each was measured.
func (m *pace) pacesNearOnsets(lags []float64) (near []paceNear, from []int) {
	n := len(lags)
	near, from = make([]paceNear, n), make([]int, n)
	j := 0
	for k := range n {
		for j < n && lags[j] < lags[k]+nearOnset {
			j++
		}
		spent, ended := m.before[k], m.endedBefore[k]
		if j < n {
			spent, ended = spent-m.before[j], ended-m.endedBefore[j]
		}
		from[k] = j
		for i, p := range pacesNear {
			near[k][i] = p.weight + ended*p.log - p.pace*spent
		}
		normalise(near[k][:])
	}
	return near, from
}

// without is how likely the paces are when one request is left out that spent so much surprise in that time, which is at most maxSurprise.
func (l *paceNear) without(own float64) paceNear {
	if own == 0 {
		return *l
	}
	var out paceNear
	sum := 0.0
	for i, p := range pacesNear {
		if l[i] > unlikely {
			out[i] = l[i] * math.Exp(p.pace*own)
			sum += out[i]
		}
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// unlikely is a weight that even the surprise of one request cannot make matter.
const unlikely = 1e-15

// mean is the mean of a value that each pace has.
func (l *paceNear) mean(of *[len(pacesNear)]float64) (sum float64) {
	for i, w := range l {
		sum += w * of[i]
	}
	return sum
}

func logSum(l []float64) float64 {
	top := slices.Max(l)
	sum := 0.0
	for _, x := range l {
		sum += expOf(x - top)
	}
	return top + math.Log(sum)
}

// expOf is math.Exp, but 0 for what would be lost anyway when it is added to 1 or more: most of what is asked for.
func expOf(x float64) float64 {
	if x < -45 {
		return 0
	}
	return math.Exp(x)
}

// normalise turns log weights into weights that sum to 1, and returns the logarithm of their sum.
func normalise(w []float64) float64 {
	z := logSum(w)
	for k := range w {
		w[k] = math.Exp(w[k] - z)
	}
	return z
}
