package stat

import "math"

// LocalLevel is the noise of a curve that is read with error and that also drifts: y_i = level_i + white noise, where the level
// takes a random step between readings. It turns such a curve, and every regressor of it, into values whose noise is
// independent and of equal variance, without its first reading: generalised least squares with a free intercept, computed by
// the Kalman filter with a diffuse start (Durbin and Koopman, Time Series Analysis by State Space Methods, chapters 2 and 5).
type LocalLevel struct {
	gain []float64 // of reading i, i ≥ 1
	isd  []float64 // 1/sqrt(variance of the innovation i)
	// LogDet is the sum of the logarithms of the innovations' variances, in units of the white noise's.
	LogDet float64
}

// NewLocalLevel prepares the filter for readings at times t (not decreasing). q is the variance of the random step per unit of
// time over the variance of one reading's error: 0 is pure white noise around a constant, large is a pure random walk.
func NewLocalLevel(t []float64, q float64) LocalLevel {
	n := len(t)
	l := LocalLevel{}
	if n < 2 {
		return l
	}
	l.gain, l.isd = make([]float64, n-1), make([]float64, n-1)
	p := 1.0
	for i := 1; i < n; i++ {
		p += q * max(t[i]-t[i-1], 0)
		f := p + 1
		l.gain[i-1] = p / f
		l.isd[i-1] = 1 / math.Sqrt(f)
		l.LogDet += math.Log(f)
		p *= 1 - l.gain[i-1]
	}
	return l
}

// Append whitens one column of len(t) values and appends the len(t)-1 results to dst.
func (l LocalLevel) Append(dst, col []float64) []float64 {
	if len(l.gain) == 0 || len(col) == 0 {
		return dst
	}
	a := col[0]
	for i, k := range l.gain {
		v := col[i+1] - a
		dst = append(dst, v*l.isd[i])
		a += k * v
	}
	return dst
}

// Dot returns the inner product of two vectors of equal length.
func Dot(a, b []float64) float64 {
	var s float64
	for i, x := range a {
		s += x * b[i]
	}
	return s
}

// Orthonormal returns an orthonormal basis of the span of the columns (modified Gram–Schmidt, twice); columns that add nothing
// are left out.
func Orthonormal(cols [][]float64) [][]float64 {
	var basis [][]float64
	for _, c := range cols {
		v := append([]float64(nil), c...)
		before := Dot(v, v)
		Project(v, basis)
		Project(v, basis)
		n := Dot(v, v)
		if n <= 1e-10*before || n == 0 {
			continue
		}
		s := 1 / math.Sqrt(n)
		for i := range v {
			v[i] *= s
		}
		basis = append(basis, v)
	}
	return basis
}

// Project removes from v, in place, its part in the span of an orthonormal basis.
func Project(v []float64, basis [][]float64) {
	for _, b := range basis {
		d := Dot(v, b)
		for i := range v {
			v[i] -= d * b[i]
		}
	}
}

// LogSumExp returns ln Σ exp(x) without overflow; -Inf when empty.
func LogSumExp(xs []float64) float64 {
	m := math.Inf(-1)
	for _, x := range xs {
		m = max(m, x)
	}
	if math.IsInf(m, 0) {
		return m
	}
	var s float64
	for _, x := range xs {
		s += math.Exp(x - m)
	}
	return m + math.Log(s)
}
