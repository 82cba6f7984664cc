package stat

import (
	"math"
	"slices"
	"sort"
)

// Trend is a straight line through a series, by methods that a few outliers do not move.
type Trend struct {
	// Slope is the median of the slopes of all pairs of points (Theil and Sen), in units of y per unit of x; Low and High
	// bound it at the confidence asked for.
	Slope, Low, High float64
	// Intercept is the median of y - Slope·x.
	Intercept float64
	// S is Kendall's score (pairs that rise less pairs that fall) and P its two-sided p-value, with the variance corrected
	// for serial correlation by Hamed and Rao.
	S, P float64
	// Residual is the scaled median absolute deviation of the points from the line.
	Residual float64
}

// maxTrendPoints bounds the number of points of which all pairs are formed; longer series are first thinned to group medians.
const maxTrendPoints = 1500

// FitTrend fits a [Trend] at the two-sided confidence level (0.9 gives a 90 % interval). x must not decrease. The interval is Sen's
// (1968): order statistics of the pairwise slopes at (N ± z·sqrt(Var S))/2, with Hamed and Rao's variance, so that it is wider
// when neighbouring points resemble each other. Series longer than 1500 points are thinned to medians of equal groups. With
// fewer than three points, or no two different x, all fields are NaN.
func FitTrend(x, y []float64, level float64) Trend {
	x, y = thin(x, y, maxTrendPoints)
	nan := math.NaN()
	slopes := pairSlopes(x, y)
	if len(x) < 3 || len(slopes) == 0 {
		return Trend{nan, nan, nan, nan, nan, nan, nan}
	}
	slices.Sort(slopes)
	t := Trend{Slope: Quantile(slopes, 0.5)}
	resid := make([]float64, len(x))
	for i := range x {
		resid[i] = y[i] - t.Slope*x[i]
	}
	t.Intercept = Median(resid)
	t.Residual = MAD(resid)

	mk := MannKendallHR(x, y, t.Slope)
	t.S, t.P = mk.S, mk.P
	t.Low, t.High = slopeInterval(slopes, mk.Var, level)
	return t
}

// Segment is one of several series.
type Segment struct{ X, Y []float64 }

// FitTogether fits the trend that several short series have in common, each with a level of its own: the seasonal Kendall test and slope
// of Hirsch, Slack and Smith (1982), of which pairs of points within one series count only. Serial correlation is not corrected for:
// series of a few points do not show it. Intercept and Residual are NaN; without two points with different x in any series all fields are.
func FitTogether(segments []Segment, level float64) Trend {
	nan := math.NaN()
	t := Trend{nan, nan, nan, nan, nan, nan, nan}
	var slopes []float64
	var s, v float64
	for _, g := range segments {
		slopes = append(slopes, pairSlopes(g.X, g.Y)...)
		ss, vv := kendall(g.Y)
		s, v = s+ss, v+vv
	}
	if len(slopes) == 0 {
		return t
	}
	slices.Sort(slopes)
	t.Slope, t.S, t.P = Quantile(slopes, 0.5), s, kendallP(s, v)
	t.Low, t.High = slopeInterval(slopes, v, level)
	return t
}

// slopeInterval is Sen's (1968): order statistics of the sorted slopes at (N ± z·sqrt(Var S))/2.
func slopeInterval(slopes []float64, variance, level float64) (low, high float64) {
	n := len(slopes)
	c := NormalQuantile((1+level)/2) * math.Sqrt(variance)
	lo := int(math.Floor((float64(n) - c) / 2))
	hi := int(math.Ceil((float64(n)+c)/2)) - 1
	return slopes[min(max(lo, 0), n-1)], slopes[min(max(hi, 0), n-1)]
}

// pairSlopes returns the slopes of all pairs of points with different x.
func pairSlopes(x, y []float64) []float64 {
	s := make([]float64, 0, len(x)*(len(x)-1)/2+1)
	for i := range x {
		for j := i + 1; j < len(x); j++ {
			if d := x[j] - x[i]; d > 0 {
				s = append(s, (y[j]-y[i])/d)
			}
		}
	}
	return s
}

// thin replaces a long series by the medians of at most n equal groups.
func thin(x, y []float64, n int) (tx, ty []float64) {
	if len(x) <= n {
		return x, y
	}
	for g := range n {
		i, j := g*len(x)/n, (g+1)*len(x)/n
		tx, ty = append(tx, Median(x[i:j])), append(ty, Median(y[i:j]))
	}
	return tx, ty
}

// MannKendall is the result of the trend test.
type MannKendall struct {
	S   float64 // pairs that rise less pairs that fall
	Var float64 // variance of S without a trend
	P   float64 // two-sided
}

// maxHidden is the strongest correlation that a short series can hide from the test of significance.
const maxHidden = 0.5

// MannKendallHR tests for a monotonic trend with the variance correction of Hamed and Rao (1998) for serial correlation:
// autocorrelations of the ranks of the series less its slope count where they are significant at 5 %. In short series that misses
// the lags that are there and not significant, so where the first one is, the correction is at least that of a first-order
// process with it, unbiased (Marriott and Pope 1954) and no more than 0.5: beyond, the significant lags show, and what looks like
// stronger correlation is often a daily wave around a trend. It only ever widens. Ties are accounted for.
func MannKendallHR(x, y []float64, slope float64) MannKendall {
	n := len(y)
	if n < 3 {
		return MannKendall{P: 1, Var: 0}
	}
	fn := float64(n)
	s, v := kendall(y)

	resid := make([]float64, n)
	for i := range y {
		resid[i] = y[i] - slope*x[i]
	}
	ranks := Ranks(resid)
	var corr, first, phi float64
	bound := 1.96 / math.Sqrt(fn)
	for lag := 1; lag < n-3; lag++ {
		r := Autocorrelation(ranks, lag)
		k := fn - float64(lag)
		w := k * (k - 1) * (k - 2)
		if math.Abs(r) > bound {
			corr += w * r
			if lag == 1 {
				phi = min(r+(1+4*r)/fn, maxHidden)
			}
		}
		if phi > 0 {
			first += w * math.Pow(phi, float64(lag))
		}
	}
	if n > 3 {
		v *= max(1, 1+2/(fn*(fn-1)*(fn-2))*max(corr, first))
	}
	return MannKendall{S: s, Var: v, P: kendallP(s, v)}
}

// kendall returns Kendall's score of a series, pairs that rise less pairs that fall, and its variance without a trend; ties are accounted
// for.
func kendall(y []float64) (s, v float64) {
	n := len(y)
	for i := range y {
		for j := i + 1; j < n; j++ {
			switch {
			case y[j] > y[i]:
				s++
			case y[j] < y[i]:
				s--
			}
		}
	}
	fn := float64(n)
	v = fn * (fn - 1) * (2*fn + 5)
	sorted := slices.Clone(y)
	slices.Sort(sorted)
	for i := 0; i < n; {
		j := i
		for j < n && sorted[j] == sorted[i] {
			j++
		}
		t := float64(j - i)
		v -= t * (t - 1) * (2*t + 5)
		i = j
	}
	v /= 18
	return s, v
}

// kendallP is the two-sided p-value of a score, with the correction for continuity.
func kendallP(s, v float64) float64 {
	z := 0.0
	if v > 0 {
		switch {
		case s > 0:
			z = (s - 1) / math.Sqrt(v)
		case s < 0:
			z = (s + 1) / math.Sqrt(v)
		}
	}
	return 2 * NormalTail(math.Abs(z))
}

// Ranks returns the ranks of xs from 1, ties sharing their mean rank.
func Ranks(xs []float64) []float64 {
	idx := make([]int, len(xs))
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(a, b int) bool { return xs[idx[a]] < xs[idx[b]] })
	r := make([]float64, len(xs))
	for i := 0; i < len(idx); {
		j := i
		for j < len(idx) && xs[idx[j]] == xs[idx[i]] {
			j++
		}
		for k := i; k < j; k++ {
			r[idx[k]] = float64(i+j+1) / 2
		}
		i = j
	}
	return r
}

// Autocorrelation returns the sample autocorrelation of xs at a lag; 0 where it is undefined.
func Autocorrelation(xs []float64, lag int) float64 {
	n := len(xs)
	if lag < 0 || lag >= n {
		return 0
	}
	m := Mean(xs)
	var num, den float64
	for i, x := range xs {
		den += (x - m) * (x - m)
		if i+lag < n {
			num += (x - m) * (xs[i+lag] - m)
		}
	}
	if den == 0 {
		return 0
	}
	return num / den
}

// Mean returns the arithmetic mean, NaN when empty.
func Mean(xs []float64) float64 {
	var s float64
	for _, x := range xs {
		s += x
	}
	return s / float64(len(xs))
}

// NormalTail returns P(Z > z) for a standard normal Z.
func NormalTail(z float64) float64 { return 0.5 * math.Erfc(z/math.Sqrt2) }

// NormalQuantile returns the p-quantile of the standard normal distribution.
func NormalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// LineStep compares two descriptions of a series: a straight line (least squares) and one step between two levels. It returns
// the sums of squared residuals and, for the step, the index of the first point after it (0 when there are fewer than 4 points).
// A single event such as a big allocation that stays gives StepSSE well below LineSSE.
func LineStep(x, y []float64) (lineSSE, stepSSE float64, at int) {
	n := len(y)
	if n == 0 {
		return 0, 0, 0
	}
	mx, my := Mean(x), Mean(y)
	var xx, xy, yy float64
	for i := range y {
		dx, dy := x[i]-mx, y[i]-my
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	lineSSE = yy
	if xx > 0 {
		lineSSE = max(0, yy-xy*xy/xx)
	}
	// SSE of a step = yy − (between-groups sum of squares), from prefix sums of centred values.
	stepSSE = yy
	var left float64
	for k := 1; k < n; k++ {
		left += y[k-1] - my
		if k < 2 || n-k < 2 {
			continue // one point is no level
		}
		if s := yy - left*left*(1/float64(k)+1/float64(n-k)); s < stepSSE {
			stepSSE, at = max(0, s), k
		}
	}
	return lineSSE, stepSSE, at
}
