package stat

import "math"

// Fisher is the probability that of n things as many as a, or more, have what a+b of n+m have, if it falls to them by chance: Fisher's exact
// test, one-sided (Fisher 1922). b of the other m have it. It is 1 where there is nothing to compare.
func Fisher(a, n, b, m int) (p float64) {
	have := a + b
	all := logChoose(n+m, have)
	for k := a; k <= min(n, have); k++ {
		if have-k <= m {
			p += math.Exp(logChoose(n, k) + logChoose(m, have-k) - all)
		}
	}
	return min(p, 1)
}

// logChoose is the logarithm of the number of ways to choose k of n.
func logChoose(n, k int) float64 {
	of, _ := math.Lgamma(float64(n + 1))
	chosen, _ := math.Lgamma(float64(k + 1))
	rest, _ := math.Lgamma(float64(n - k + 1))
	return of - chosen - rest
}

// BinomialTail is the probability of at least k successes in n trials of probability p each.
func BinomialTail(k, n int, p float64) (tail float64) {
	switch {
	case k <= 0 || p >= 1:
		return 1
	case p <= 0:
		return 0
	}
	for i := k; i <= n; i++ {
		tail += math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(tail, 1)
}
