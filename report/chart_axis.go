package report

import (
	"math"
	"time"

	"lastcall/analyze/finding"
)

// The charts of the HTML report, laid out here and drawn by a template as SVG. In every chart with a time axis the plot is an SVG
// of its own inside, plotUnits wide, that is stretched to its place: zooming is a change of its viewBox.

const (
	chartWidth = 1160.0
	gutter     = 118.0 // names and scales at the left
	plotWidth  = chartWidth - gutter - 12
	plotUnits  = 1000.0
	axisHeight = 26.0
	maxTicks   = 40
)

// timeAxis maps times to plot units.
type timeAxis struct{ from, to time.Time }

// x returns the place of a time in plot units.
func (a timeAxis) x(t time.Time) float64 {
	return round4(t.Sub(a.from).Seconds() / a.to.Sub(a.from).Seconds() * plotUnits)
}

// holds reports whether a time lies on the axis.
func (a timeAxis) holds(t time.Time) bool { return !t.Before(a.from) && !t.After(a.to) }

// outer turns plot units into those of the drawing around the plot.
func outer(x float64) float64 { return round2(gutter + x/plotUnits*plotWidth) }

func round4(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// tick is a mark of a time axis, in the units of the outer drawing.
type tick struct {
	X    float64
	Text string
}

// tickSteps are the distances between marks, in seconds.
var tickSteps = [...]float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000}

// ticks marks round times.
func (a timeAxis) ticks() []tick {
	span := a.to.Sub(a.from).Seconds()
	step := tickSteps[len(tickSteps)-1]
	for _, s := range tickSteps {
		if span/s <= 9 {
			step = s
			break
		}
	}
	d := time.Duration(step * float64(time.Second))
	var out []tick
	for t := a.from.UTC().Truncate(d); !t.After(a.to); t = t.Add(d) {
		if t.Before(a.from) {
			continue
		}
		layout := "15:04:05"
		switch {
		case step >= 86400:
			layout = "2 Jan"
		case step >= 60 && t.Hour() == 0 && t.Minute() == 0:
			layout = "2 Jan"
		case step >= 60:
			layout = "15:04"
		}
		out = append(out, tick{X: outer(a.x(t)), Text: t.Format(layout)})
		if len(out) > maxTicks {
			break
		}
	}
	return out
}

// mark is an instant on a chart.
type mark struct {
	X, OuterX float64
	ID, Tip   string
}

// axisOf spans everything that is drawn; ok is false when nothing is.
func axisOf(r *finding.Report) (a timeAxis, ok bool) {
	grow := func(t time.Time) {
		if t.IsZero() {
			return
		}
		if !ok || t.Before(a.from) {
			a.from = t
		}
		if !ok || t.After(a.to) {
			a.to = t
		}
		ok = true
	}
	for i := range r.Charts.Memory {
		if p := r.Charts.Memory[i].Points; len(p) > 0 {
			grow(p[0].T)
			grow(p[len(p)-1].T)
		}
	}
	for i := range r.Charts.Requests {
		b := &r.Charts.Requests[i]
		grow(b.Start)
		grow(b.Start.Add(seconds(b.Seconds)))
	}
	if !ok {
		return a, false
	}
	for i := range r.Crashes {
		grow(r.Crashes[i].Time)
	}
	if !a.to.After(a.from) {
		a.to = a.from.Add(time.Minute)
	}
	// A little room, so that nothing sits on the edge.
	pad := a.to.Sub(a.from) / 100
	a.from, a.to = a.from.Add(-pad), a.to.Add(pad)
	return a, true
}

// seconds converts without overflow.
func seconds(s float64) time.Duration {
	const most = 1e9
	return time.Duration(math.Min(math.Max(s, -most), most) * float64(time.Second))
}
