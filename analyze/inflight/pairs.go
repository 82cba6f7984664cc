package inflight

import (
	"math"
	"slices"
)

// Constants of pairs.
const (
	// pairPrior is the prior probability that two endpoints share the deaths, over that of one: two faults of one kind in one hour are
	// rare, but for a release that brought both.
	pairPrior = 0.1
	// pairApart is how many deaths each of a pair must explain that the other does not.
	pairApart = 2
	// maxPaired bounds the endpoints that may be of a pair: the best ones.
	maxPaired = 8
)

// pair is the hypothesis that two endpoints share the deaths: the logarithm of the product of (1-ra-rb + ra*LRa + rb*LRb) over the
// moments, for each two shares ra and rb of crashes that they may have caused. Two culprits that kill in turn are rivals where each is
// weighed alone: every death of the one speaks against the other.
type pair struct {
	a, b int
	logs [pairShares]float64
}

// pairShares is the number of two shares that sum to at most 1.
const pairShares = len(shares{}) * (len(shares{}) + 1) / 2

// add puts a moment of n deaths in, given the sums of the ratios, or takes it out with a sign of -1.
func (p *pair) add(sumA, sumB float64, n int, sign float64) {
	if n == 0 {
		return
	}
	k := 0
	for i := range len(shares{}) {
		for j := range len(shares{}) - i {
			ra, rb := shareAt(i), shareAt(j)
			p.logs[k] += sign * math.Log(max(1-ra-rb, 0)+(ra*sumA+rb*sumB)/float64(n))
			k++
		}
	}
}

// value is the e-value of a pair times its prior odds, on the scale on which one endpoint of n has 1.
func (p *pair) value(n int) float64 {
	total := 0.0
	for _, l := range p.logs {
		total += math.Exp(min(l, 600))
	}
	return pairPrior * 2 / float64(n-1) * total / float64(pairShares)
}

// pairs are the pairs that are worth a look over some moments: each of the two supports deaths that the other says nothing of.
func (r *Result) pairs(moments [][]int) (out []pair) {
	cases := slices.Concat(moments...)
	var able []int
	supports := make([]int, len(r.Endpoints))
	for e := range r.Endpoints {
		for _, i := range cases {
			if r.Endpoints[e].LR[i] >= Supported {
				supports[e]++
			}
		}
		if supports[e] >= pairApart {
			able = append(able, e)
		}
	}
	slices.SortStableFunc(able, func(a, b int) int { return supports[b] - supports[a] })
	able = able[:min(len(able), maxPaired)]
	for i, a := range able {
		for _, b := range able[:i] {
			p := pair{a: min(a, b), b: max(a, b)}
			lrA, lrB := r.Endpoints[p.a].LR, r.Endpoints[p.b].LR
			if !apart(cases, lrA, lrB) || !apart(cases, lrB, lrA) {
				continue
			}
			for _, cases := range moments {
				p.add(sum(lrA, cases), sum(lrB, cases), len(cases), 1)
			}
			out = append(out, p)
		}
	}
	return out
}

// apart reports whether a supports enough deaths that b says nothing of.
func apart(cases []int, a, b []float64) bool {
	n := 0
	for _, i := range cases {
		if a[i] >= Supported && b[i] < 1 {
			n++
		}
	}
	return n >= pairApart
}

// second returns the endpoint that makes the most probable pair with the leader, where pairs make most of what speaks for it; -1
// otherwise.
func second(leader int, logs []shares, pairs []pair) int {
	best, of, total := 0.0, -1, 0.0
	for k := range pairs {
		p := &pairs[k]
		if p.a != leader && p.b != leader {
			continue
		}
		v := p.value(len(logs))
		total += v
		if v > best {
			best, of = v, p.a+p.b-leader
		}
	}
	if total > logs[leader].merge() {
		return of
	}
	return -1
}
