package heap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"lastcall/analyze/finding"
)

// curve makes the bytes that one function holds, as a sampler of one in 512 KiB sees them, at n times one minute apart.
type curve struct {
	name string
	leak bool
	at   func(r *rand.Rand, n int) []float64
}

// poisson draws a count; the normal approximation is good enough above 30.
func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 30 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	l, k, p := math.Exp(-mean), 0.0, 1.0
	for {
		p *= r.Float64()
		if p <= l {
			return k
		}
		k++
	}
}

const sample = 512 << 10

func curves() []curve {
	// held returns the cumulative count of samples kept, when level(f) is the expected number held at fraction f of the time.
	held := func(level func(f float64) float64) func(r *rand.Rand, n int) []float64 {
		return func(r *rand.Rand, n int) []float64 {
			y := make([]float64, n)
			kept := poisson(r, level(0))
			prev := level(0)
			for i := range y {
				l := level(float64(i) / float64(n-1))
				if l > prev {
					kept += poisson(r, l-prev)
				} else {
					kept -= math.Min(kept, poisson(r, prev-l))
				}
				prev = l
				y[i] = kept * sample
			}
			return y
		}
	}
	churn := func(mean float64, f func(r *rand.Rand, n int) []float64) func(r *rand.Rand, n int) []float64 {
		return func(r *rand.Rand, n int) []float64 {
			y := f(r, n)
			for i := range y {
				y[i] += poisson(r, mean) * sample
			}
			return y
		}
	}
	grow := func(to float64) func(f float64) float64 { return func(f float64) float64 { return 4 + to*f } }
	return []curve{
		{"leak of 50 MB", true, held(grow(100))},
		{"leak of 20 MB", true, held(grow(40))},
		{"leak of 50 MB under churn of 5 MB", true, churn(10, held(grow(100)))},
		{"leak that follows the load of the day", true, held(func(f float64) float64 { return 4 + 100*(f-0.6*math.Sin(2*math.Pi*f)/(2*math.Pi)) })},
		{"steady 50 MB", false, held(func(float64) float64 { return 100 })},
		{"churn of 20 MB", false, churn(40, held(func(float64) float64 { return 10 }))},
		{"start-up step of 50 MB", false, held(func(f float64) float64 { return 4 + 100*step(f, 0.3) })},
		{"start-up step late", false, held(func(f float64) float64 { return 4 + 100*step(f, 0.75) })},
		{"start-up in two steps", false, held(func(f float64) float64 { return 4 + 60*step(f, 0.1) + 40*step(f, 0.25) })},
		{"cache that fills, four time constants", false, held(func(f float64) float64 { return 4 + 100*(1-math.Exp(-4*f)) })},
		{"cache that fills by half and stays", false, held(func(f float64) float64 { return 4 + 100*math.Min(1, 2*f) })},
		{"sawtooth of four teeth", false, held(func(f float64) float64 { return 4 + 100*math.Mod(4*f, 1) })},
		{"sawtooth of ten teeth under churn", false, churn(5, held(func(f float64) float64 { return 4 + 100*math.Mod(10*f+0.3, 1) }))},
		{"peak of load", false, held(func(f float64) float64 { return 4 + 100*math.Exp(-50*(f-0.5)*(f-0.5)) })},
	}
}

func step(f, at float64) float64 {
	if f >= at {
		return 1
	}
	return 0
}

// TestShapesOfCurvesAreToldApart sweeps over curves, numbers of profiles and seeds, and counts both kinds of error.
func TestShapesOfCurvesAreToldApart(t *testing.T) {
	const seeds = 100
	for _, c := range curves() {
		for _, n := range []int{3, 4, 5, 6, 8, 12, 24, 60} {
			t.Run(fmt.Sprintf("%s in %d profiles", c.name, n), func(t *testing.T) {
				leaks := 0
				for seed := range uint64(seeds) {
					y := c.at(rand.New(rand.NewPCG(seed, uint64(n))), n)
					x := make([]float64, n)
					for i := range x {
						x[i] = float64(60 * i)
					}
					if fitTrend(x, y, sample, y[n-1]+30e6).shape == finding.ShapeLeak {
						leaks++
					}
				}
				switch {
				case c.leak && n > minLeakProfiles && leaks < 90:
					t.Errorf("called a leak in %d of %d", leaks, seeds)
				case !c.leak && leaks > 4:
					t.Errorf("called a leak in %d of %d, and is none", leaks, seeds)
				}
			})
		}
	}
}

func TestShapesByName(t *testing.T) {
	minutes := func(y ...float64) ([]float64, []float64) {
		x := make([]float64, len(y))
		for i := range y {
			x[i], y[i] = float64(60*i), y[i]*1e6
		}
		return x, y
	}
	for name, c := range map[string]struct {
		y    []float64
		want finding.Shape
	}{
		"one profile says nothing":                         {[]float64{50}, finding.ShapeInsufficient},
		"two profiles say nothing of the shape":            {[]float64{5, 50}, finding.ShapeInsufficient},
		"three that rise evenly are a leak":                {[]float64{5, 25, 50}, finding.ShapeLeak},
		"the same value throughout is flat":                {[]float64{50, 50, 50, 50}, finding.ShapeFlat},
		"one step that stays is a plateau":                 {[]float64{5, 5, 50, 50, 50}, finding.ShapePlateau},
		"a rise at the very end may be a burst":            {[]float64{5, 5, 5, 5, 80}, finding.ShapeBurst},
		"memory that is given back is a sawtooth":          {[]float64{5, 60, 5, 60, 5, 60, 6}, finding.ShapeSawtooth},
		"steps each smaller than the last are a plateau":   {[]float64{5, 45, 65, 75, 80, 82, 83, 84}, finding.ShapePlateau},
		"a fall is flat or a sawtooth, never a leak":       {[]float64{80, 60, 40, 20, 5}, finding.ShapeSawtooth},
		"a leak with one collection in it is still one":    {[]float64{5, 20, 35, 30, 50, 65, 80, 95}, finding.ShapeLeak},
		"identical neighbours (no collection between) too": {[]float64{0, 8, 8, 16, 24, 24, 24, 36, 44}, finding.ShapeLeak},
	} {
		t.Run(name, func(t *testing.T) {
			x, y := minutes(c.y...)
			if got := fitTrend(x, y, sample, 100e6).shape; got != c.want {
				t.Errorf("%v: %s, want %s", c.y, got, c.want)
			}
		})
	}
}

func TestALongGapIsNotAStep(t *testing.T) {
	// Half of the time, and so half of a steady leak and more, passes between two profiles.
	x := []float64{0, 600, 1200, 9000, 9600, 10200}
	y := make([]float64, len(x))
	for i := range x {
		y[i] = 1e4 * x[i]
	}
	if got := fitTrend(x, y, sample, 150e6); got.shape != finding.ShapeLeak {
		t.Errorf("a steady leak with a long gap is %s", got.shape)
	}
}

func TestSlopeIsInBytesAnHourWithItsInterval(t *testing.T) {
	x, y := make([]float64, 10), make([]float64, 10)
	for i := range x {
		x[i], y[i] = float64(i)*600, 5e6+float64(i)*10e6
	}
	got := fitTrend(x, y, sample, y[9])
	if got.slope == nil || math.Abs(got.slope.Value-60e6) > 1 || got.slope.Low > got.slope.Value || got.slope.High < got.slope.Value {
		t.Errorf("slope of 10 MB in 10 minutes: %+v", got.slope)
	}
}
