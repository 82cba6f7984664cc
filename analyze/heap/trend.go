package heap

import (
	"math"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
)

// Thresholds of the shape of a series, each explained in [Rules].
const (
	minShareOfHeap   = 0.05      // growth that matters, of the memory in use at the end
	minGrowthBytes   = 256 << 10 // below, nothing is said
	sampledNoise     = 3         // standard deviations of the sampling noise
	defaultPeriod    = 512 << 10 // of Go and V8, when the profile does not say
	stepShare        = 0.7       // of the growth in one interval: a step
	stepOverTime     = 2.5       // and that many times its share of the time
	keptShare        = 0.4       // of the range kept at the end: below, the memory was given back
	lateShare        = 0.3       // of the growth in the second half of the time: below, it levels off
	lastThirdShare   = 0.1       // of the growth in the last third
	intervalLevel    = 0.9
	minLeakProfiles  = 3 // profiles that a leak takes to be told from a step
	firmLeakProfiles = 6 // profiles from which the interval of the slope decides
)

// trend is what the bytes of one function, or of the whole heap, do over one series.
type trend struct {
	shape  finding.Shape
	growth float64 // last less first
	kept   float64 // what stayed: the lower of the last two less the lowest before
	// slope is in bytes an hour; nil with fewer than three profiles.
	slope *finding.Estimate
	// gaveBack is the share of everything gained that was lost again, in [0, 1].
	gaveBack float64
	// jump reports a rise in the last interval that makes up most of the growth.
	jump bool
}

// fitTrend describes values y (bytes) at times x (seconds, increasing). period is the sampling period in bytes (0: unknown),
// heap the memory in use in the last profile.
func fitTrend(x, y []float64, period int64, heap float64) trend {
	n := len(y)
	t := trend{shape: finding.ShapeInsufficient}
	if n == 0 {
		return t
	}
	t.growth = y[n-1] - y[0]
	low, high := y[0], y[0]
	var up, down, most float64
	var mostAt int
	for i := 1; i < n; i++ {
		d := y[i] - y[i-1]
		if d > 0 {
			up += d
		} else {
			down -= d
		}
		if d > most {
			most, mostAt = d, i
		}
		low, high = min(low, y[i]), max(high, y[i])
	}
	if up > 0 {
		t.gaveBack = min(1, down/up)
	}
	if n < minLeakProfiles {
		t.kept = t.growth
		return t
	}
	t.kept = min(y[n-1], y[n-2]) - low
	if f := stat.FitTrend(x, y, intervalLevel); !math.IsNaN(f.Slope) {
		t.slope = &finding.Estimate{Value: f.Slope * 3600, Low: f.Low * 3600, High: f.High * 3600}
	}
	p := float64(period)
	if p <= 0 {
		p = defaultPeriod
	}
	// Every sampled allocation stands for about one period of bytes, so the noise of a change is the root of the bytes that
	// came and went, times the period.
	floor := max(minGrowthBytes, minShareOfHeap*heap, sampledNoise*math.Sqrt(p*(up+down)))
	swing := high - low
	span := x[n-1] - x[0]
	switch {
	case swing < floor:
		t.shape = finding.ShapeFlat
	case t.kept < floor || t.kept < keptShare*swing:
		t.shape = finding.ShapeSawtooth
		if y[n-1]-low >= floor && mostAt == n-1 && most >= stepShare*swing {
			t.jump = true
			t.shape = finding.ShapeBurst
		}
		if t.shape == finding.ShapeSawtooth && y[n-1] < low+floor && down < floor {
			t.shape = finding.ShapeFlat
		}
	case span <= 0:
		t.shape = finding.ShapeInsufficient
	case most >= stepShare*(y[n-1]-low) && most/max(up, 1) >= stepOverTime*(x[mostAt]-x[mostAt-1])/span || most >= stepShare*(y[n-1]-low) && n == minLeakProfiles && most/max(up, 1) >= 1.3*(x[mostAt]-x[mostAt-1])/span:
		t.shape = finding.ShapePlateau
	case lateGrowth(x, y, 0.5) < lateShare, n >= firmLeakProfiles && lateGrowth(x, y, 2.0/3) < lastThirdShare:
		t.shape = finding.ShapePlateau
	case t.slope == nil || t.slope.Value <= 0:
		t.shape = finding.ShapeSawtooth
	case n >= firmLeakProfiles && t.slope.Low <= 0:
		t.shape = finding.ShapeSawtooth
	default:
		t.shape = finding.ShapeLeak
	}
	return t
}

// lateGrowth is the share of the growth that happened after the given fraction of the time, by interpolation. The level at the
// end is the mean of the last two values, against one stray reading.
func lateGrowth(x, y []float64, from float64) float64 {
	n := len(y)
	at := x[0] + from*(x[n-1]-x[0])
	v := y[n-1]
	for i := 1; i < n; i++ {
		if x[i] >= at {
			v = y[i]
			if d := x[i] - x[i-1]; d > 0 {
				v = y[i-1] + (y[i]-y[i-1])*(at-x[i-1])/d
			}
			break
		}
	}
	g := y[n-1] - y[0]
	if g <= 0 {
		return 0
	}
	return (y[n-1] - v) / g
}
