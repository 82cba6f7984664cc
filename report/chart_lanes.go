package report

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

const (
	laneGap    = 14.0
	laneHeight = 62.0 // of the memory of a container that died
	calmHeight = 40.0 // of the others
	bareHeight = 16.0 // where there are no readings
	crashRoom  = 22.0 // above, for the names of the crashes
	maxLanes   = 40
	maxEvents  = 40
	maxZooms   = maxAligned
	maxPoints  = 24000 // of all curves together
	minPoints  = 60    // of one curve
	mostPoints = 1500  // of one curve
)

// lanesView is the main picture: one lane per container.
type lanesView struct {
	Width, Height         float64
	PlotX, PlotW, AxisY   float64
	Lanes                 []lane
	Ticks                 []tick
	Events                []mark // deploys and planned steps, across all lanes
	Notes                 []string
	FromMillis, ToMillis  int64
	Metrics               []legendEntry
	Roles                 []legendEntry
	Crashes               []crashZoom
	HasBars, HasMemory    bool
	CrossTop, CrossBottom float64
	Label                 string
}

// lane is one container: its memory above, its requests below.
type lane struct {
	Name             string
	Y, H, ChartH     float64
	NameY            float64
	ScaleTexts       []scaleText
	Dead             bool
	Curves           []curve
	Limits           []limitLine
	LimitText        string
	Bars             []bar
	Deaths, Restarts []mark
	Blinds           []blind
}

// scaleText is a line at the side of a lane.
type scaleText struct {
	Y    float64
	Text string
}

// legendEntry explains a colour.
type legendEntry struct{ Class, Text string }

// crashZoom is a button that zooms in on a crash.
type crashZoom struct {
	ID, Container string
	From, To      float64 // in plot units
}

// laneData is what the script needs to read the curves out.
type laneData struct {
	Name   string      `json:"name"`
	Y      float64     `json:"y"`
	H      float64     `json:"h"`
	Curves []curveData `json:"curves"`
}

// curveData is one curve of a lane.
type curveData struct {
	Metric string  `json:"metric"`
	Limit  float64 `json:"limit"`
	// T is milliseconds since the start of the axis; V bytes.
	T []int64   `json:"t"`
	V []float64 `json:"v"`
}

// lanesDrawing is the main picture while it is laid out.
type lanesDrawing struct {
	r        *finding.Report
	axis     timeAxis
	bars     []finding.Bar
	top      float64 // of the memory scale, in bytes
	perCurve int     // points
	view     *lanesView
	reduced  bool              // some curve was thinned out
	metrics  map[string]string // drawn, by their class
	roles    map[string]bool   // drawn, by their class
}

// layoutLanes returns nil when there is neither memory nor a request to draw.
func layoutLanes(r *finding.Report) (*lanesView, []laneData) {
	if r.Charts == nil {
		return nil, nil
	}
	axis, ok := axisOf(r)
	if !ok {
		return nil, nil
	}
	d := &lanesDrawing{r: r, axis: axis, top: memoryTop(r), perCurve: pointsPerCurve(r), metrics: map[string]string{}, roles: map[string]bool{},
		view: &lanesView{Width: chartWidth, PlotX: gutter, PlotW: plotWidth, FromMillis: axis.from.UnixMilli(), ToMillis: axis.to.UnixMilli()}}
	names := d.chooseLanes()
	d.chooseBars()
	dead := map[string]bool{}
	for i := range r.Crashes {
		dead[r.Crashes[i].Container] = true
	}
	var data []laneData
	y := crashRoom
	for _, name := range names {
		l, ld := d.lane(name, y, dead[name])
		y += l.H + laneGap
		d.view.Lanes = append(d.view.Lanes, l)
		data = append(data, ld)
	}
	if d.reduced {
		d.note("Long curves are thinned out for drawing (LTTB), peaks kept.")
	}
	d.frame(y)
	return d.view, data
}

func (d *lanesDrawing) note(text string) { d.view.Notes = append(d.view.Notes, text) }

// chooseLanes returns the containers to draw.
func (d *lanesDrawing) chooseLanes() []string {
	names := laneNames(d.r)
	if len(names) > maxLanes {
		d.note(fmt.Sprintf("%s of %s containers are drawn, those that died first; the tables have all of them.", countText(maxLanes), countText(int64(len(names)))))
		names = names[:maxLanes]
	}
	return names
}

func (d *lanesDrawing) chooseBars() {
	bars, dropped := chooseBars(d.r.Charts.Requests)
	if dropped > 0 {
		d.note(fmt.Sprintf("%s of %s requests are drawn: those of the suspects and around crashes, then the longest.", countText(int64(len(bars))), countText(int64(len(bars)+dropped))))
	}
	d.bars = bars
}

// pointsPerCurve shares the points that a browser draws quickly among the curves.
func pointsPerCurve(r *finding.Report) int {
	curves := 0
	for i := range r.Charts.Memory {
		curves += min(1, len(r.Charts.Memory[i].Points))
	}
	if curves == 0 {
		return mostPoints
	}
	return min(max(minPoints, maxPoints/curves), mostPoints)
}

// lane lays out one container from y down: its memory, below it its requests.
func (d *lanesDrawing) lane(name string, y float64, dead bool) (lane, laneData) {
	l := lane{Name: shorten(clean(name), 15), Y: y, Dead: dead, ChartH: calmHeight}
	if dead {
		l.ChartH = laneHeight
	}
	ld := laneData{Name: clean(name), Y: y, Curves: []curveData{}}
	d.memory(&l, &ld, name)
	rows := placeBars(&l, d.bars, name, d.axis)
	d.view.HasBars = d.view.HasBars || rows > 0
	for i := range l.Bars {
		d.roles[l.Bars[i].Class] = true
	}
	l.H = l.ChartH + 3 + float64(rows)*barHeight
	ld.H = l.H
	d.ends(&l, name)
	l.NameY = y + 14
	for i, t := range strings.Split(l.LimitText, "; ") {
		l.ScaleTexts = append(l.ScaleTexts, scaleText{y + 28 + float64(i)*12, t})
	}
	return l, ld
}

// memory draws the curves of a container.
func (d *lanesDrawing) memory(l *lane, ld *laneData, name string) {
	var own []*finding.Series
	most := 0.0
	for i := range d.r.Charts.Memory {
		if s := &d.r.Charts.Memory[i]; s.Container == name && len(s.Points) > 0 {
			own = append(own, s)
			most = math.Max(most, highest(s))
		}
	}
	var limits []string
	for _, s := range own {
		class := metricClass(s.Metric)
		// What is small beside the others did not fill the memory, and would only be a line along the bottom.
		if class == "m-other" && highest(s) < most/smallCurve {
			continue
		}
		pts := lttb(s.Points, d.perCurve)
		d.reduced = d.reduced || len(pts) < len(s.Points)
		l.Curves = append(l.Curves, drawCurve(s, pts, d.axis, l.ChartH, d.top))
		cd := curveData{Metric: metricText(s.Metric)}
		if s.LimitBytes != nil && *s.LimitBytes > 0 {
			cd.Limit = float64(*s.LimitBytes)
			limits = l.addLimit(limits, s, d.top)
		}
		if b, ok := blindSpan(d.r, s, d.axis); ok && !hasBlind(l.Blinds, b) {
			l.Blinds = append(l.Blinds, b)
		}
		for _, p := range pts {
			cd.T = append(cd.T, p.T.UnixMilli()-d.view.FromMillis)
			cd.V = append(cd.V, math.Round(p.V))
		}
		ld.Curves = append(ld.Curves, cd)
		d.metrics[class] = metricText(s.Metric)
		d.view.HasMemory = true
	}
	if len(l.Curves) == 0 {
		l.LimitText, l.ChartH = "no memory readings", bareHeight
		return
	}
	l.LimitText = strings.Join(limits, "; ")
}

// ends marks the deaths and restarts of a container.
func (d *lanesDrawing) ends(l *lane, name string) {
	for i := range d.r.Crashes {
		if c := &d.r.Crashes[i]; c.Container == name {
			x := d.axis.x(c.Time)
			l.Deaths = append(l.Deaths, mark{X: x, OuterX: outer(x), ID: clean(c.ID), Tip: deathTip(c) + "\n" + deathText(c)})
		}
	}
	for i := range d.r.Restarts {
		if x := &d.r.Restarts[i]; x.Container == name && d.axis.holds(x.Time) {
			l.Restarts = append(l.Restarts, mark{X: d.axis.x(x.Time), Tip: clean(name) + ": " + restartText(x.Reason) + "\n" + dateTimeUTC(x.Time) + "\n" + clean(x.Detail)})
		}
	}
}

// deathTip is what a chart says over the mark of a death.
func deathTip(c *finding.Crash) string {
	return clean(c.ID) + ": " + clean(c.Container) + " died\n" + dateTimeUTC(c.Time)
}

// frame adds what stands around the lanes, which end at y.
func (d *lanesDrawing) frame(y float64) {
	v, r, axis := d.view, d.r, d.axis
	v.CrossTop, v.CrossBottom, v.AxisY = crashRoom, y, y
	v.Height = y + axisHeight
	v.Ticks = axis.ticks()
	for i := range r.Timeline {
		if e := &r.Timeline[i]; e.Kind.ByPeople() && axis.holds(e.Time) && len(v.Events) < maxEvents {
			x := axis.x(e.Time)
			v.Events = append(v.Events, mark{X: x, OuterX: outer(x), Tip: clean(string(e.Kind)) + ": " + clean(e.Text) + "\n" + dateTimeUTC(e.Time)})
		}
	}
	for _, c := range []string{"m-rss", "m-heap", "m-other"} {
		if t, ok := d.metrics[c]; ok {
			v.Metrics = append(v.Metrics, legendEntry{c, t})
		}
	}
	for _, e := range []legendEntry{{"q-culprit", "request of the culprit"}, {"q-victim", "of a victim"}, {"q-fallout", "fallout"}, {"q-other", "other request"}} {
		if d.roles[e.Class] {
			v.Roles = append(v.Roles, e)
		}
	}
	around := zoomSpan(r)
	for i := range atMost(r.Crashes, maxZooms) {
		c := &r.Crashes[i]
		v.Crashes = append(v.Crashes, crashZoom{ID: clean(c.ID), Container: clean(c.Container),
			From: math.Max(0, axis.x(c.Time.Add(-around))), To: math.Min(plotUnits, axis.x(c.Time.Add(around/4)))})
	}
	v.Label = plural(int64(len(v.Lanes)), "container", "containers") + " over time, from " + dateTimeUTC(axis.from) + " to " + dateTimeUTC(axis.to) + ", with " +
		plural(int64(len(r.Crashes)), "crash", "crashes")
}

// laneNames orders the containers: those that died, by their first death, then the others by name.
func laneNames(r *finding.Report) []string {
	seen := map[string]bool{}
	var dead, rest []string
	for i := range r.Crashes {
		if n := r.Crashes[i].Container; !seen[n] {
			seen[n] = true
			dead = append(dead, n)
		}
	}
	add := func(n string) {
		if !seen[n] {
			seen[n] = true
			rest = append(rest, n)
		}
	}
	for i := range r.Charts.Memory {
		add(r.Charts.Memory[i].Container)
	}
	for i := range r.Charts.Requests {
		add(r.Charts.Requests[i].Container)
	}
	sort.SliceStable(rest, func(i, j int) bool { return naturalLess(rest[i], rest[j]) })
	return append(dead, rest...)
}

// naturalLess orders web-2 before web-10.
func naturalLess(a, b string) bool {
	na, nb := strings.TrimRight(a, "0123456789"), strings.TrimRight(b, "0123456789")
	if na != nb {
		return a < b
	}
	x, _ := strconv.Atoi(a[len(na):])
	y, _ := strconv.Atoi(b[len(nb):])
	if x != y {
		return x < y
	}
	return a < b
}

// shorten cuts a name to n characters.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// zoomSpan is how far before a death it becomes interesting: a good deal longer than the requests that were open at one.
func zoomSpan(r *finding.Report) time.Duration {
	longest := 0.0
	if r.Charts != nil {
		for i := range r.Charts.Requests {
			if b := &r.Charts.Requests[i]; b.Crash != "" && b.Role == finding.Culprit {
				longest = math.Max(longest, b.Seconds)
			}
		}
	}
	if longest == 0 {
		return 10 * time.Minute
	}
	return seconds(math.Min(math.Max(longest*1.6, 30), 3600))
}
