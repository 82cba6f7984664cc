package report

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/finding"
)

const (
	maxLatencyNames  = 3
	maxLatencyPoints = 1000
	latencyHeight    = 180.0
	// othersName stands for all endpoints but those named.
	othersName = "others"
)

// latencyView compares the latency of the suspect with that of all others, on a logarithmic scale.
type latencyView struct {
	Width, Height, PlotX, PlotW, ChartY, ChartH, AxisY float64
	Lines                                              []curve
	Rules                                              []latencyRule
	Ticks                                              []tick
	Deaths                                             []mark
	Names                                              []legendEntry
	FromMillis, ToMillis                               int64
	Label                                              string
	Notes                                              []string
}

// latencyRule is a line across, at a power of ten.
type latencyRule struct {
	Y, TextY float64
	Text     string
}

func layoutLatency(r *finding.Report) *latencyView {
	if r.Charts == nil || len(r.Charts.Latency) == 0 {
		return nil
	}
	lat := r.Charts.Latency
	axis, ok := axisOf(r)
	if !ok {
		axis = latencyAxis(lat)
	}
	scale, ok := latencyScaleOf(lat)
	if !ok {
		return nil
	}
	v := &latencyView{Width: chartWidth, PlotX: gutter, PlotW: plotWidth, ChartY: 10, ChartH: latencyHeight, AxisY: 10 + latencyHeight, Ticks: axis.ticks(),
		FromMillis: axis.from.UnixMilli(), ToMillis: axis.to.UnixMilli(), Label: "Latency of the suspect and of all others over time, logarithmic"}
	v.Height = v.AxisY + axisHeight
	for d := scale.low; d <= scale.high; d++ {
		y := v.ChartY + scale.y(math.Pow(10, d))
		v.Rules = append(v.Rules, latencyRule{Y: round2(y), TextY: round2(y + 4), Text: durationText(math.Pow(10, d))})
	}
	for i, n := range v.chooseNames(lat) {
		v.draw(lat, n, i, axis, scale)
	}
	for i := range r.Crashes {
		if c := &r.Crashes[i]; axis.holds(c.Time) {
			v.Deaths = append(v.Deaths, mark{X: axis.x(c.Time), Tip: deathTip(c)})
		}
	}
	return v
}

// latencyAxis spans the latencies alone.
func latencyAxis(lat []finding.Latency) timeAxis {
	axis := timeAxis{lat[0].T, lat[0].T}
	for i := range lat {
		if lat[i].T.Before(axis.from) {
			axis.from = lat[i].T
		}
		if lat[i].T.After(axis.to) {
			axis.to = lat[i].T
		}
	}
	if !axis.to.After(axis.from) {
		axis.to = axis.from.Add(time.Minute)
	}
	return axis
}

// latencyScale is a logarithmic scale between two powers of ten, of seconds.
type latencyScale struct{ low, high float64 }

// latencyScaleOf spans all latencies; ok is false when there is none.
func latencyScaleOf(lat []finding.Latency) (s latencyScale, ok bool) {
	least, most := math.Inf(1), 0.0
	for i := range lat {
		for _, x := range []float64{lat[i].P50, lat[i].P99} {
			if x > 0 {
				least, most = math.Min(least, x), math.Max(most, x)
			}
		}
	}
	if most == 0 {
		return s, false
	}
	s = latencyScale{math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))}
	if s.high <= s.low {
		s.high = s.low + 1
	}
	return s, true
}

// y returns the place of a latency in the plot.
func (s latencyScale) y(seconds float64) float64 {
	return round2(latencyHeight * (1 - (math.Log10(math.Max(seconds, math.Pow(10, s.low)))-s.low)/(s.high-s.low)))
}

// chooseNames returns the endpoints to draw: the suspect first, the others last.
func (v *latencyView) chooseNames(lat []finding.Latency) []string {
	var names []string
	seen := map[string]bool{}
	for i := range lat {
		if n := lat[i].Endpoint; !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	sort.SliceStable(names, func(i, j int) bool { return names[i] != othersName && names[j] == othersName })
	if n := len(names); n > maxLatencyNames {
		v.Notes = append(v.Notes, fmt.Sprintf("%d of %d endpoints are drawn.", maxLatencyNames, n))
		names = slices.Concat(names[:maxLatencyNames-1], names[n-1:])
	}
	return names
}

// draw adds the lines of one endpoint, the i-th.
func (v *latencyView) draw(lat []finding.Latency, name string, i int, axis timeAxis, scale latencyScale) {
	class, text := fmt.Sprintf("l%d", i), clean(name)
	if name == othersName {
		class, text = "l-others", "all others"
	}
	var p50, p99 []finding.Point
	for j := range lat {
		if lat[j].Endpoint == name && lat[j].Count > 0 {
			p50 = append(p50, finding.Point{T: lat[j].T, V: lat[j].P50})
			p99 = append(p99, finding.Point{T: lat[j].T, V: lat[j].P99})
		}
	}
	if len(p50) > 0 {
		v.Lines = append(v.Lines,
			curve{Class: class, Line: pathOf(lttb(p99, maxLatencyPoints), axis, scale.y), Tip: clean(name) + ", p99"},
			curve{Class: class + " half", Line: pathOf(lttb(p50, maxLatencyPoints), axis, scale.y), Tip: clean(name) + ", median"})
	}
	v.Names = append(v.Names, legendEntry{class, text})
}
