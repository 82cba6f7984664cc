package stat

import (
	"math"
	"slices"
)

// madToSigma scales a median absolute deviation to the standard deviation of a normal distribution: 1/Φ⁻¹(3/4).
const madToSigma = 1.4826022185056018

// Median returns the median of xs, NaN when empty. xs is not changed.
func Median(xs []float64) float64 {
	s := slices.Clone(xs)
	slices.Sort(s)
	return Quantile(s, 0.5)
}

// MAD returns the median absolute deviation from the median, scaled to the standard deviation of a normal distribution; NaN
// when xs is empty.
func MAD(xs []float64) float64 {
	m := Median(xs)
	d := make([]float64, len(xs))
	for i, x := range xs {
		d[i] = math.Abs(x - m)
	}
	return madToSigma * Median(d)
}

// Quantile returns the q-quantile of sorted values by linear interpolation between order statistics (Hyndman and Fan's type
// 7); NaN when there are none. q outside [0, 1] is clamped.
func Quantile(sorted []float64, q float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	h := min(max(q, 0), 1) * float64(n-1)
	i := int(h)
	if i+1 >= n {
		return sorted[n-1]
	}
	return sorted[i] + (h-float64(i))*(sorted[i+1]-sorted[i])
}

// BlockMin cuts a series into consecutive blocks of size points and returns the position and value of the minimum of each: the
// floor of a curve that garbage collection makes a sawtooth. A last block of less than half the size joins the one before.
// The position is that of the minimum itself, not of the block, so that a floor is dated when it was seen.
func BlockMin(x, y []float64, size int) (fx, fy []float64) {
	n := len(y)
	if size < 1 {
		size = 1
	}
	for i := 0; i < n; {
		end := i + size
		if n-end < (size+1)/2 {
			end = n
		}
		at := i
		for j := i + 1; j < end; j++ {
			if y[j] < y[at] {
				at = j
			}
		}
		fx, fy = append(fx, x[at]), append(fy, y[at])
		i = end
	}
	return fx, fy
}

// Deviation is the standard deviation of a sample; 0 for fewer than two values.
func Deviation(xs []float64) float64 {
	if len(xs) < 2 {
		return 0
	}
	m, s := Mean(xs), 0.0
	for _, x := range xs {
		s += (x - m) * (x - m)
	}
	return math.Sqrt(s / float64(len(xs)-1))
}
