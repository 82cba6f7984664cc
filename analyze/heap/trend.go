package heap

import (
	"math"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
)

// Thresholds of the shape of a series, each explained in [Rules].
const (
	minShareOfHeap = 0.05      // growth that matters, of the memory in use at the end
	minGrowthBytes = 256 << 10 // below, nothing is said
	sampledNoise   = 3         // standard deviations of the sampling noise
	defaultPeriod  = 512 << 10 // of Go and V8, when the profile does not say
	stepShare      = 0.7       // of the growth in one interval: a step
	stepOverTime   = 2.5       // and that many times its share of the time
	// stepOverTimeOfTwo is that of two intervals only, where the share of one cannot be so small.
	stepOverTimeOfTwo = 1.3
	keptShare         = 0.4 // of the range kept at the end: below, the memory was given back
	lateShare         = 0.3 // of the growth in the second half of the time: below, it levels off
	lastThirdShare    = 0.1 // of the growth in the last third
	intervalLevel     = 0.9
	minLeakProfiles   = 3 // profiles that a leak takes to be told from a step
	firmLeakProfiles  = 6 // profiles from which the interval of the slope decides
)

// trend is what the bytes of one function, or of the whole heap, do over one series.
type trend struct {
	shape finding.Shape
	kept  float64 // what stayed: the lower of the last two less the lowest before
	// slope is in bytes an hour; nil with fewer than three profiles.
	slope *finding.Estimate
}

// fitTrend describes values y (bytes) at times x (seconds, increasing). period is the sampling period in bytes (0: unknown),
// heap the memory in use in the last profile.
func fitTrend(x, y []float64, period int64, heap float64) trend {
	n := len(y)
	t := trend{shape: finding.ShapeInsufficient}
	if n == 0 {
		return t
	}
	if n < minLeakProfiles {
		t.kept = y[n-1] - y[0]
		return t
	}
	c := courseOf(y)
	t.kept = min(y[n-1], y[n-2]) - c.low
	if f := stat.FitTrend(x, y, intervalLevel); !math.IsNaN(f.Slope) {
		t.slope = &finding.Estimate{Value: f.Slope * 3600, Low: f.Low * 3600, High: f.High * 3600}
	}
	floor := max(minGrowthBytes, minShareOfHeap*heap, sampledNoise*c.noise(period))
	switch swing := c.high - c.low; {
	case swing < floor:
		t.shape = finding.ShapeFlat
	case t.kept < floor || t.kept < keptShare*swing:
		t.shape = c.shapeOfLost(y, floor)
	case x[n-1] <= x[0]:
		t.shape = finding.ShapeInsufficient
	case c.isStep(x, y), levelsOff(x, y):
		t.shape = finding.ShapePlateau
	case t.slope == nil || t.slope.Value <= 0, n >= firmLeakProfiles && t.slope.Low <= 0:
		t.shape = finding.ShapeSawtooth
	default:
		t.shape = finding.ShapeLeak
	}
	return t
}

// course is what a curve went through.
type course struct {
	low, high float64
	up, down  float64 // the sums of all rises and of all falls
	most      float64 // the greatest rise; 0 for none
	mostAt    int     // the value that it led to
}

func courseOf(y []float64) course {
	c := course{low: y[0], high: y[0]}
	for i := 1; i < len(y); i++ {
		d := y[i] - y[i-1]
		if d > 0 {
			c.up += d
		} else {
			c.down -= d
		}
		if d > c.most {
			c.most, c.mostAt = d, i
		}
		c.low, c.high = min(c.low, y[i]), max(c.high, y[i])
	}
	return c
}

// noise is one standard deviation of what sampling adds to a change: every sampled allocation stands for about one period of bytes, so it
// is the root of the bytes that came and went, times the period.
func (c *course) noise(period int64) float64 {
	p := float64(period)
	if p <= 0 {
		p = defaultPeriod
	}
	return math.Sqrt(p * (c.up + c.down))
}

// shapeOfLost is the shape of a curve that did not keep what it gained: it rose at the very end, or gave it back, or shrank.
func (c *course) shapeOfLost(y []float64, floor float64) finding.Shape {
	n := len(y)
	switch {
	case y[n-1]-c.low >= floor && c.mostAt == n-1 && c.most >= stepShare*(c.high-c.low):
		return finding.ShapeBurst
	case y[n-1] < c.low+floor && c.down < floor:
		return finding.ShapeFlat
	}
	return finding.ShapeSawtooth
}

// isStep reports whether one interval holds most of the growth, unless it is as long.
func (c *course) isStep(x, y []float64) bool {
	n := len(y)
	if c.most < stepShare*(y[n-1]-c.low) {
		return false
	}
	over := stepOverTime
	if n == minLeakProfiles {
		over = stepOverTimeOfTwo
	}
	return c.most/max(c.up, 1) >= over*(x[c.mostAt]-x[c.mostAt-1])/(x[n-1]-x[0])
}

// levelsOff reports whether too little of the growth is late.
func levelsOff(x, y []float64) bool {
	return lateGrowth(x, y, 0.5) < lateShare || len(y) >= firmLeakProfiles && lateGrowth(x, y, 2.0/3) < lastThirdShare
}

// lateGrowth is the share of the growth that happened after the given fraction of the time, by interpolation.
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
