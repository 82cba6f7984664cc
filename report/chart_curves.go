package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"lastcall/analyze/finding"
)

// curve is a line of a chart, as the path of an SVG.
type curve struct {
	Class, Line, Area, Tip string
}

// limitLine is the limit of one metric: that of the container for RSS, that of the heap for the heap.
type limitLine struct {
	Y          float64
	Class, Tip string
}

// blind is the time between the last reading and a death.
type blind struct {
	X, W float64
	Tip  string
}

// metricClass colours a curve by its metric.
func metricClass(metric string) string {
	switch metric {
	case "rss", "working_set":
		return "m-rss"
	case "heap_used", "heap_total":
		return "m-heap"
	}
	return "m-other"
}

// memoryTop is the top of the memory scale, the same in all lanes: above all readings, and above the limits that are not far
// from them. A limit far above would flatten the curves; it is named at the side instead.
func memoryTop(r *finding.Report) float64 {
	var reading float64
	for i := range r.Charts.Memory {
		for _, p := range r.Charts.Memory[i].Points {
			reading = math.Max(reading, p.V)
		}
	}
	top := reading
	for i := range r.Charts.Memory {
		if l := r.Charts.Memory[i].LimitBytes; l != nil && float64(*l) <= reading*farLimit {
			top = math.Max(top, float64(*l))
		}
	}
	return math.Max(top*headroom, 1)
}

// farLimit is how far above all readings a limit is still drawn.
const farLimit = 1.6

// headroom is left above the highest of what is drawn.
const headroom = 1.08

// addLimit draws the limit of s, once per metric, and words it for the side of the lane.
func (l *lane) addLimit(texts []string, s *finding.Series, top float64) []string {
	limit := float64(*s.LimitBytes)
	name := "limit "
	if metricClass(s.Metric) == "m-heap" {
		name = "heap limit "
	}
	text := name + bytesText(limit)
	if limit <= top {
		y := round2(l.ChartH * (1 - limit/top))
		for i := range l.Limits {
			if l.Limits[i].Class == metricClass(s.Metric) && math.Abs(l.Limits[i].Y-y) < 1 {
				return texts
			}
		}
		l.Limits = append(l.Limits, limitLine{Y: y, Class: metricClass(s.Metric), Tip: text})
	} else {
		text += " ↑"
	}
	if len(texts) > 1 || slices.Contains(texts, text) {
		return texts
	}
	return append(texts, text)
}

// pathOf draws points as the path of an SVG; y maps their values.
func pathOf(pts []finding.Point, axis timeAxis, y func(v float64) float64) string {
	var d strings.Builder
	for i, p := range pts {
		c := byte('L')
		if i == 0 {
			c = 'M'
		}
		d.WriteByte(c)
		d.WriteString(coord(axis.x(p.T)))
		d.WriteByte(' ')
		d.WriteString(coord(y(p.V)))
	}
	return d.String()
}

// drawCurve draws a curve of memory into a plot of height h, the top of which stands for so many bytes.
func drawCurve(s *finding.Series, pts []finding.Point, axis timeAxis, h, top float64) curve {
	line := pathOf(pts, axis, func(v float64) float64 { return round2(h * (1 - math.Min(math.Max(v/top, 0), 1))) })
	c := curve{Class: metricClass(s.Metric), Line: line, Tip: clean(s.Container) + ", " + metricText(s.Metric)}
	if c.Class == "m-rss" {
		c.Area = c.Line + "L" + coord(axis.x(pts[len(pts)-1].T)) + " " + coord(h) + "L" + coord(axis.x(pts[0].T)) + " " + coord(h) + "Z"
	}
	return c
}

func coord(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// blindSpan is what the readings of a life do not show of its end.
func blindSpan(r *finding.Report, s *finding.Series, axis timeAxis) (blind, bool) {
	for i := range r.Crashes {
		c := &r.Crashes[i]
		if s.Crash == "" || c.ID != s.Crash {
			continue
		}
		last := s.Points[len(s.Points)-1].T
		x := axis.x(last)
		if w := axis.x(c.Time) - x; w > 0 {
			return blind{X: x, W: round4(w), Tip: clean(s.Container) + ": no reading in the " + durationText(c.Time.Sub(last).Seconds()) + " before the death"}, true
		}
	}
	return blind{}, false
}

// hasBlind reports whether the death of b is marked already, by another metric of the same life.
func hasBlind(all []blind, b blind) bool {
	for i := range all {
		if math.Abs(all[i].X+all[i].W-b.X-b.W) < 1e-3 {
			return true
		}
	}
	return false
}
