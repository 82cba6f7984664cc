package report

import (
	"fmt"
	"math"
	"time"

	"lastcall/analyze/finding"
)

const (
	maxAligned    = 12 // crashes
	alignedLane   = 24.0
	alignedHeight = 120.0 // of the curves
	alignedPoints = 400   // of one curve
	alignedTicks  = 8
	alignedKeys   = 6 // colours of crashes
)

// alignedView is all crashes over each other, at t = 0.
type alignedView struct {
	Width, Height, PlotX, PlotW float64
	ChartY, ChartH              float64
	ZeroX                       float64
	Curves                      []curve
	Lanes                       []alignedRow
	Ticks                       []tick
	AxisY                       float64
	TopText, Label, Metric      string
	Limits                      []limitLine
	Title, Intro                string
	Notes                       []string
}

// alignedRow is one crash: its name, and its requests if there are any.
type alignedRow struct {
	Name, Class string
	Y, H        float64
	Bars        []bar
}

// alignedDrawing is the picture of the crashes while it is laid out.
type alignedDrawing struct {
	r             *finding.Report
	crashes       []finding.Crash
	before, after time.Duration // drawn around each death
	metric        string
	top           float64 // of the memory scale, in bytes; 0 without readings
	view          *alignedView
}

// layoutAligned returns nil when there is no crash with something to draw.
func layoutAligned(r *finding.Report) *alignedView {
	if r.Charts == nil || len(r.Crashes) == 0 {
		return nil
	}
	before := alignedBefore(r)
	v := &alignedView{Width: chartWidth, PlotX: gutter, PlotW: plotWidth, ChartY: 10, ChartH: alignedHeight, Label: "Crashes laid over each other at their time of death"}
	d := &alignedDrawing{r: r, crashes: atMost(r.Crashes, maxAligned), before: before, after: before / 25, metric: tellingMetric(r), view: v}
	if len(r.Crashes) > maxAligned {
		v.Notes = append(v.Notes, fmt.Sprintf("The first %d of %s crashes are drawn.", maxAligned, countText(int64(len(r.Crashes)))))
	}
	d.scale()
	y, withBars := d.rows()
	if len(v.Curves) == 0 && !withBars {
		return nil
	}
	if !withBars {
		y = d.keysOnly()
	}
	v.Title = "The crashes, laid over each other at the death"
	if len(d.crashes) == 1 {
		v.Title = "The crash, up to the death"
	}
	if withBars {
		v.Intro = "What runs up to the red line was there at the death."
	}
	v.AxisY = y
	v.Height = y + axisHeight
	v.Ticks = d.ticks()
	return v
}

// alignedBefore is how far before the deaths is drawn.
func alignedBefore(r *finding.Report) time.Duration {
	if r.Verdict.Cause != finding.RequestLeak && r.Verdict.Cause != finding.BackgroundLeak {
		return zoomSpan(r)
	}
	// A leak shows over the whole life.
	before := time.Minute
	for i := range r.Charts.Memory {
		if s := &r.Charts.Memory[i]; s.Crash != "" && len(s.Points) > 0 {
			before = max(before, s.Points[len(s.Points)-1].T.Sub(s.Points[0].T))
		}
	}
	return before
}

// curvesOf returns the readings of the last life of a container that are drawn.
func (d *alignedDrawing) curvesOf(c *finding.Crash) (curves []*finding.Series) {
	for i := range d.r.Charts.Memory {
		if s := &d.r.Charts.Memory[i]; s.Crash == c.ID && s.Metric == d.metric {
			curves = append(curves, s)
		}
	}
	return curves
}

// scale fixes the top of the memory, and whether its limit is drawn.
func (d *alignedDrawing) scale() {
	var top, limit float64
	for i := range d.crashes {
		c := &d.crashes[i]
		for _, s := range d.curvesOf(c) {
			if s.LimitBytes != nil {
				limit = math.Max(limit, float64(*s.LimitBytes))
			}
			for _, p := range s.Points {
				if !p.T.Before(c.Time.Add(-d.before)) {
					top = math.Max(top, p.V)
				}
			}
		}
	}
	if limit > 0 && limit <= top*farLimit {
		top = math.Max(top, limit)
	} else {
		limit = 0
	}
	d.top = top * headroom
	v := d.view
	if d.top == 0 {
		v.ChartH = 0
		return
	}
	v.Metric = metricText(d.metric)
	v.TopText = bytesText(d.top)
	if limit > 0 {
		v.Limits = []limitLine{{Y: round2(v.ChartH * (1 - limit/d.top)), Class: metricClass(d.metric), Tip: "limit " + bytesText(limit)}}
	}
}

// below is where what stands under the curves begins.
func (d *alignedDrawing) below() float64 {
	if d.top == 0 {
		return d.view.ChartY
	}
	return d.view.ChartY + d.view.ChartH + 10
}

// rows draws each crash, and returns where they end and whether there are requests among them.
func (d *alignedDrawing) rows() (y float64, withBars bool) {
	v := d.view
	bars, _ := chooseBars(d.r.Charts.Requests)
	y = d.below()
	for i := range d.crashes {
		c := &d.crashes[i]
		axis := timeAxis{c.Time.Add(-d.before), c.Time.Add(d.after)}
		v.ZeroX = axis.x(c.Time)
		class := fmt.Sprintf("k%d", i%alignedKeys)
		d.curves(c, axis, class)
		var l lane
		rows := placeBars(&l, untilDeath(bars, c, axis.from), c.Container, axis)
		// What began before the picture is cut at its edge by the SVG itself.
		row := alignedRow{Name: shorten(clean(c.ID)+" "+clean(c.Container), 16), Class: class, Y: y, Bars: l.Bars, H: math.Max(float64(rows)*barHeight, alignedLane)}
		withBars = withBars || len(row.Bars) > 0
		y += row.H + 6
		v.Lanes = append(v.Lanes, row)
	}
	return y, withBars
}

// curves draws the memory of one crash.
func (d *alignedDrawing) curves(c *finding.Crash, axis timeAxis, class string) {
	for _, s := range d.curvesOf(c) {
		var pts []finding.Point
		for _, p := range s.Points {
			if axis.holds(p.T) {
				pts = append(pts, p)
			}
		}
		if len(pts) < 2 {
			continue
		}
		cv := drawCurve(s, lttb(pts, alignedPoints), axis, d.view.ChartH, d.top)
		cv.Class, cv.Area = class, ""
		cv.Tip = clean(c.ID) + ": " + cv.Tip
		d.view.Curves = append(d.view.Curves, cv)
	}
}

// untilDeath returns the requests of a container that were open after an instant, as far as its death.
func untilDeath(bars []finding.Bar, c *finding.Crash, from time.Time) (mine []finding.Bar) {
	for _, b := range bars {
		if b.Container != c.Container || b.Start.After(c.Time) {
			continue
		}
		end := b.Start.Add(seconds(b.Seconds))
		if end.Before(from) {
			continue
		}
		if end.After(c.Time) {
			b.Seconds = c.Time.Sub(b.Start).Seconds()
		}
		mine = append(mine, b)
	}
	return mine
}

// keysOnly makes the rows the legend of the curves, which needs no room for requests; it returns where they end.
func (d *alignedDrawing) keysOnly() float64 {
	y := d.view.ChartY + d.view.ChartH + 10
	for i := range d.view.Lanes {
		d.view.Lanes[i].Y, d.view.Lanes[i].H = y, 0
		y += 16
	}
	return y
}

// ticks marks the time before the death.
func (d *alignedDrawing) ticks() (ticks []tick) {
	before, total := d.before.Seconds(), (d.before + d.after).Seconds()
	step := tickSteps[len(tickSteps)-1]
	for _, s := range tickSteps {
		if before/s <= alignedTicks {
			step = s
			break
		}
	}
	for s := 0.0; s <= before; s += step {
		text := "death"
		if s > 0 {
			text = "-" + durationText(s)
		}
		ticks = append(ticks, tick{X: round2(gutter + (before-s)/total*plotWidth), Text: text})
	}
	return ticks
}

// tellingMetric is the metric by which the memory of the crashes is drawn: the one that came nearest to its limit, else the
// first given.
func tellingMetric(r *finding.Report) string {
	best, share := "", -1.0
	for i := range r.Charts.Memory {
		s := &r.Charts.Memory[i]
		if s.Crash == "" || len(s.Points) < 2 {
			continue
		}
		x := 0.0
		if s.LimitBytes != nil && *s.LimitBytes > 0 {
			x = highest(s) / float64(*s.LimitBytes)
		}
		if x > share && s.Metric != "heap_total" {
			best, share = s.Metric, x
		}
	}
	return best
}
