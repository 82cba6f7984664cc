package stat

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// bruteGLS solves y = intercept + b·x with the covariance of white noise plus a random walk, by inverting the matrix.
func bruteGLS(t, x, y []float64, q float64) (b, rss float64) {
	n := len(t)
	v := make([][]float64, n)
	for i := range v {
		v[i] = make([]float64, 2*n)
		for j := range n {
			v[i][j] = q * (min(t[i], t[j]) - t[0])
			if i == j {
				v[i][j]++
			}
		}
		v[i][n+i] = 1
	}
	for p := range n { // Gauss and Jordan; positive definite, no pivoting needed
		d := v[p][p]
		for j := range 2 * n {
			v[p][j] /= d
		}
		for i := range n {
			if f := v[i][p]; i != p && f != 0 {
				for j := range 2 * n {
					v[i][j] -= f * v[p][j]
				}
			}
		}
	}
	dot := func(a, c func(int) float64) (s float64) {
		for i := range n {
			for j := range n {
				s += a(i) * v[i][n+j] * c(j)
			}
		}
		return s
	}
	one := func(int) float64 { return 1 }
	fx, fy := func(i int) float64 { return x[i] }, func(i int) float64 { return y[i] }
	oo, ox, oy := dot(one, one), dot(one, fx), dot(one, fy)
	xx, xy, yy := dot(fx, fx)-ox*ox/oo, dot(fx, fy)-ox*oy/oo, dot(fy, fy)-oy*oy/oo
	return xy / xx, yy - xy*xy/xx
}

func TestLocalLevelEqualsGeneralisedLeastSquaresByMatrixInversion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 12).Draw(t, "n")
		q := rapid.SampledFrom([]float64{0, 0.01, 0.3, 2, 50}).Draw(t, "q")
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 1))
		at, x, y := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range at {
			if i > 0 {
				at[i] = at[i-1] + 0.1 + rng.Float64()
				x[i] = x[i-1] + rng.Float64()
			}
			y[i] = 3*x[i] + rng.NormFloat64()
		}
		l := NewLocalLevel(at, q)
		wx, wy := l.Append(nil, x), l.Append(nil, y)
		b := Dot(wx, wy) / Dot(wx, wx)
		rss := Dot(wy, wy) - b*b*Dot(wx, wx)
		bb, brss := bruteGLS(at, x, y, q)
		if math.Abs(b-bb) > 1e-6*(1+math.Abs(bb)) || math.Abs(rss-brss) > 1e-6*(1+brss) {
			t.Fatalf("q %g: slope %g, residual %g; by inversion %g, %g", q, b, rss, bb, brss)
		}
	})
}

func TestLocalLevelRemovesALevel(t *testing.T) {
	at := []float64{0, 1, 2.5, 3, 7}
	l := NewLocalLevel(at, 0.4)
	for _, v := range l.Append(nil, []float64{8, 8, 8, 8, 8}) {
		if math.Abs(v) > 1e-12 {
			t.Errorf("a constant leaves %g", v)
		}
	}
	if got := NewLocalLevel([]float64{1}, 1).Append(nil, []float64{3}); len(got) != 0 {
		t.Errorf("one reading leaves %v", got)
	}
}

func TestTheLikelihoodFindsHowMuchALevelDrifts(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, truth := range []float64{0, 0.1, 10} {
		n := 400
		at, y := make([]float64, n), make([]float64, n)
		level := 0.0
		for i := range at {
			at[i] = float64(i)
			level += math.Sqrt(truth) * rng.NormFloat64()
			y[i] = level + rng.NormFloat64()
		}
		best, bestQ := math.Inf(-1), -1.0
		for _, q := range []float64{0, 0.01, 0.1, 1, 10, 100} {
			l := NewLocalLevel(at, q)
			w := l.Append(nil, y)
			if ll := -0.5*l.LogDet - 0.5*float64(n-1)*math.Log(Dot(w, w)); ll > best {
				best, bestQ = ll, q
			}
		}
		if bestQ < truth/10.1 || bestQ > max(truth*10.1, 0.01) {
			t.Errorf("drift %g taken for %g", truth, bestQ)
		}
	}
}

func TestProjectionLeavesNothingOfTheBasis(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 8))
	cols := make([][]float64, 4)
	for i := range cols {
		cols[i] = make([]float64, 20)
		for j := range cols[i] {
			cols[i][j] = rng.NormFloat64()
		}
	}
	for j := range cols[3] {
		cols[3][j] = cols[0][j] - 2*cols[1][j] // adds nothing
	}
	b := Orthonormal(cols)
	if len(b) != 3 {
		t.Fatalf("%d directions, want 3", len(b))
	}
	v := append([]float64(nil), cols[2]...)
	v[0] += 5
	Project(v, b)
	for _, c := range cols {
		if d := math.Abs(Dot(v, c)); d > 1e-9 {
			t.Errorf("%g left", d)
		}
	}
}

func TestLogSumExpSurvivesHugeExponents(t *testing.T) {
	if got := LogSumExp([]float64{1e4, 1e4}); math.Abs(got-(1e4+math.Ln2)) > 1e-9 {
		t.Errorf("got %g", got)
	}
	if !math.IsInf(LogSumExp(nil), -1) {
		t.Error("a sum of nothing")
	}
}
