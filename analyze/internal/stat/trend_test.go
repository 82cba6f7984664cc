package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func noisy(rng *rand.Rand, n int, slope, noise, phi float64) (x, y []float64) {
	e := 0.0
	for i := range n {
		e = phi*e + noise*math.Sqrt(1-phi*phi)*rng.NormFloat64()
		x, y = append(x, float64(i)), append(y, 100+slope*float64(i)+e)
	}
	return x, y
}

func TestTheSlopeSurvivesOutliersThatBreakLeastSquares(t *testing.T) {
	x, y := noisy(rand.New(rand.NewPCG(1, 1)), 100, 2, 1, 0)
	for i := 0; i < 100; i += 5 {
		y[i] += 5000
	}
	tr := FitTrend(x, y, 0.9)
	if math.Abs(tr.Slope-2) > 0.2 {
		t.Errorf("slope %g, want about 2", tr.Slope)
	}
	if tr.Low > 2 || tr.High < 2 {
		t.Errorf("interval [%g, %g] misses 2", tr.Low, tr.High)
	}
}

func TestTheIntervalOfTheSlopeCoversTheTruthAboutAsOftenAsItSays(t *testing.T) {
	for _, c := range []struct {
		name     string
		phi      float64
		at, most float64
	}{{"independent errors", 0, 0.85, 0.95}, {"errors that resemble their neighbours", 0.5, 0.75, 1}} {
		rng := rand.New(rand.NewPCG(2, 3))
		hits, runs := 0, 400
		for range runs {
			x, y := noisy(rng, 48, 0.3, 5, c.phi)
			if tr := FitTrend(x, y, 0.9); tr.Low <= 0.3 && 0.3 <= tr.High {
				hits++
			}
		}
		if got := float64(hits) / float64(runs); got < c.at || got > c.most {
			t.Errorf("%s: covered in %.2f of the runs, want %.2f to %.2f", c.name, got, c.at, c.most)
		}
	}
}

func TestTheTrendTestRarelySeesTrendsThatAreNotThere(t *testing.T) {
	for _, c := range []struct {
		name string
		phi  float64
		most float64
	}{{"independent errors", 0, 0.03}, {"errors that resemble their neighbours", 0.5, 0.06}} {
		rng := rand.New(rand.NewPCG(5, 6))
		alarms, runs := 0, 500
		for range runs {
			x, y := noisy(rng, 48, 0, 5, c.phi)
			if FitTrend(x, y, 0.9).P < 0.01 {
				alarms++
			}
		}
		if got := float64(alarms) / float64(runs); got > c.most {
			t.Errorf("%s: %.3f of flat series alarm at p < 0.01, at most %.2f expected", c.name, got, c.most)
		}
	}
}

func TestMannKendallWithoutCorrelationEqualsTheTextbook(t *testing.T) {
	// S and Var by hand: 5 points, one tie of two, 9 of 10 pairs rise.
	y := []float64{1, 2, 2, 3, 4}
	x := []float64{0, 1, 2, 3, 4}
	mk := MannKendallHR(x, y, 0.75)
	if mk.S != 9 {
		t.Errorf("S = %g, want 9", mk.S)
	}
	if want := (5.0*4*15 - 2*1*9) / 18; math.Abs(mk.Var-want) > 1e-9 {
		t.Errorf("variance %g, want %g", mk.Var, want)
	}
}

func TestSeriesTooShortForATrendGiveNoNumbers(t *testing.T) {
	for _, c := range []struct{ x, y []float64 }{{nil, nil}, {[]float64{1}, []float64{2}}, {[]float64{1, 2}, []float64{1, 2}}, {[]float64{1, 1, 1}, []float64{1, 2, 3}}} {
		if tr := FitTrend(c.x, c.y, 0.9); !math.IsNaN(tr.Slope) || !math.IsNaN(tr.Low) {
			t.Errorf("%v %v: %+v", c.x, c.y, tr)
		}
	}
}

func TestASlopeOfManyPointsAgreesWithAllPairs(t *testing.T) {
	x, y := noisy(rand.New(rand.NewPCG(7, 7)), 2500, 0.01, 20, 0.3)
	s := pairSlopes(x, y)
	slices.Sort(s)
	want := Quantile(s, 0.5)
	if got := FitTrend(x, y, 0.9).Slope; math.Abs(got-want) > 0.05*math.Abs(want)+0.0005 {
		t.Errorf("thinned slope %g, all pairs %g", got, want)
	}
}

func TestTrendFollowsShiftsAndScalesOfItsInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 40).Draw(t, "n")
		y := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), n, n).Draw(t, "y")
		a, b := rapid.Float64Range(0.1, 10).Draw(t, "scale"), rapid.Float64Range(-1e3, 1e3).Draw(t, "shift")
		x, z := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], z[i] = float64(i), a*y[i]+b
		}
		p, q := FitTrend(x, y, 0.9), FitTrend(x, z, 0.9)
		tol := 1e-6 * (1 + math.Abs(a*p.Slope))
		if math.Abs(a*p.Slope-q.Slope) > tol || p.Low > p.Slope || p.Slope > p.High || q.P < 0 || q.P > 1 {
			t.Fatalf("scaled %+v, original %+v", q, p)
		}
	})
}

func TestBlockMinKeepsEveryMinimumAndItsPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "n")
		size := rapid.IntRange(0, 9).Draw(t, "size")
		y := rapid.SliceOfN(rapid.Float64Range(0, 100), n, n).Draw(t, "y")
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(i)
		}
		fx, fy := BlockMin(x, y, size)
		if n == 0 {
			if len(fx) != 0 {
				t.Fatal("floors of nothing")
			}
			return
		}
		if slices.Min(y) != slices.Min(fy) {
			t.Fatalf("lowest floor %g, lowest value %g", slices.Min(fy), slices.Min(y))
		}
		for i := range fx {
			if y[int(fx[i])] != fy[i] || i > 0 && fx[i] <= fx[i-1] {
				t.Fatalf("floor %d at %g is not a reading in order", i, fx[i])
			}
		}
		if s := max(size, 1); len(fx) > n/s+1 || len(fx) < max(1, n/(2*s)) {
			t.Fatalf("%d floors of %d readings by %d", len(fx), n, s)
		}
	})
}

func TestLineStepAgreesWithTryingEveryStep(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 50 {
		n := 4 + rng.IntN(20)
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], y[i] = float64(i)+0.3*rng.Float64(), 10*rng.NormFloat64()
		}
		sse := func(v []float64) (s float64) {
			m := Mean(v)
			for _, a := range v {
				s += (a - m) * (a - m)
			}
			return s
		}
		want := sse(y)
		for k := 2; k <= n-2; k++ {
			want = min(want, sse(y[:k])+sse(y[k:]))
		}
		_, got, _ := LineStep(x, y)
		if math.Abs(got-want) > 1e-6*(1+want) {
			t.Fatalf("step SSE %g, by trying all %g", got, want)
		}
	}
	x, y := noisy(rng, 40, 3, 1, 0)
	if line, step, _ := LineStep(x, y); step < line {
		t.Error("a step explains a straight line better than a line")
	}
	for i := range y {
		y[i] = 10
		if i >= 17 {
			y[i] = 50
		}
	}
	if line, step, at := LineStep(x, y); step > 0.01*line || at != 17 {
		t.Errorf("a step at 17: line %g, step %g at %d", line, step, at)
	}
}

func TestQuantilesLieWhereTheySay(t *testing.T) {
	s := []float64{1, 2, 3, 4, 5}
	for q, want := range map[float64]float64{0: 1, 0.25: 2, 0.5: 3, 0.75: 4, 1: 5, 0.125: 1.5, -1: 1, 2: 5} {
		if got := Quantile(s, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("a median of nothing")
	}
	if got := MAD([]float64{1, 1, 1, 1, 1000}); got != 0 {
		t.Errorf("deviation %g, one outlier must not move it", got)
	}
}

func TestRanksShareTies(t *testing.T) {
	if got := Ranks([]float64{3, 1, 3, 2}); !slices.Equal(got, []float64{3.5, 1, 3.5, 2}) {
		t.Errorf("ranks %v", got)
	}
}

func TestNormalQuantileInvertsTheTail(t *testing.T) {
	for _, p := range []float64{0.5, 0.9, 0.95, 0.975, 0.995} {
		if got := 1 - NormalTail(NormalQuantile(p)); math.Abs(got-p) > 1e-9 {
			t.Errorf("p %g gives %g back", p, got)
		}
	}
}
