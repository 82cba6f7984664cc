package inflight

import (
	"math"
)

// shares holds the logarithm of the product of (1-rho + rho*LR) over the moments of deaths, for each share rho of crashes that an
// endpoint may have caused: 0.05, 0.15 … 0.95.
type shares [10]float64

func shareAt(i int) float64 { return 0.05 + 0.1*float64(i) }

func sharesOf(lr []float64, moments [][]int) (s shares) {
	for _, cases := range moments {
		s.add(sum(lr, cases), len(cases), 1)
	}
	return s
}

func sum(lr []float64, cases []int) (total float64) {
	for _, i := range cases {
		total += lr[i]
	}
	return total
}

// add puts a moment of n deaths in, given the sum of their ratios, or takes it out with a sign of -1.
func (s *shares) add(sum float64, n int, sign float64) {
	if n == 0 {
		return
	}
	for k := range s {
		rho := shareAt(k)
		s[k] += sign * math.Log(1-rho+rho*sum/float64(n))
	}
}

// merge averages the products over the unknown share: the e-value of all cases.
func (s *shares) merge() float64 {
	total := 0.0
	for _, l := range s {
		total += math.Exp(min(l, 600))
	}
	return total / float64(len(s))
}

// posterior returns how probable it is of each endpoint that it is a culprit, alone or as one of a pair, and that none is.
func posterior(logs []shares, pairs []pair) (post []float64, nobody float64) {
	post = make([]float64, len(logs))
	sum := float64(len(logs)) * Prior / (1 - Prior)
	null := sum
	for e := range logs {
		if e > 0 && logs[e] == logs[e-1] { // most endpoints were open at no crash, and are alike
			post[e] = post[e-1]
		} else {
			post[e] = logs[e].merge()
		}
		sum += post[e]
	}
	for k := range pairs {
		p := &pairs[k]
		value := p.value(len(logs))
		post[p.a] += value
		post[p.b] += value
		sum += value
	}
	for e := range post {
		post[e] /= sum
	}
	return post, null / sum
}
