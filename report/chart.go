package report

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

// The charts of the HTML report, laid out here and drawn by a template as SVG. In every chart with a time axis the plot is an SVG
// of its own inside, plotUnits wide, that is stretched to its place: zooming is a change of its viewBox.

const (
	chartWidth  = 1160.0
	gutter      = 118.0 // names and scales at the left
	plotWidth   = chartWidth - gutter - 12
	plotUnits   = 1000.0
	laneGap     = 14.0
	axisHeight  = 26.0
	barHeight   = 6.0
	barRows     = 10
	laneHeight  = 62.0
	calmHeight  = 40.0
	maxLanes    = 40
	maxBars     = 4000
	maxPoints   = 24000 // of all curves together
	minPoints   = 60    // of one curve
	maxAligned  = 12
	alignedLane = 24.0
)

// timeAxis maps times to plot units.
type timeAxis struct{ from, to time.Time }

func (a timeAxis) x(t time.Time) float64 {
	return round4(t.Sub(a.from).Seconds() / a.to.Sub(a.from).Seconds() * plotUnits)
}

func round4(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// tick is a mark of a time axis, in the units of the outer drawing.
type tick struct {
	X    float64
	Text string
}

// tickSteps are the distances between marks, in seconds.
var tickSteps = [...]float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000}

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
		out = append(out, tick{X: round2(gutter + a.x(t)/plotUnits*plotWidth), Text: t.Format(layout)})
		if len(out) > 40 {
			break
		}
	}
	return out
}

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

type curve struct {
	Class, Line, Area, Tip string
}

type bar struct {
	X, Y, W    float64
	Class, Tip string
}

type scaleText struct {
	Y    float64
	Text string
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

type mark struct {
	X, OuterX float64
	ID, Tip   string
}

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

type curveData struct {
	Metric string  `json:"metric"`
	Limit  float64 `json:"limit"`
	// T is milliseconds since the start of the axis; V bytes.
	T []int64   `json:"t"`
	V []float64 `json:"v"`
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

// roleClass colours a request by the part of its endpoint.
func roleClass(r finding.Role) string {
	switch r {
	case finding.Culprit:
		return "q-culprit"
	case finding.Victim:
		return "q-victim"
	case finding.Fallout:
		return "q-fallout"
	}
	return "q-other"
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

// layoutLanes returns nil when there is neither memory nor a request to draw.
func layoutLanes(r *finding.Report) (*lanesView, []laneData) {
	if r.Charts == nil {
		return nil, nil
	}
	axis, ok := axisOf(r)
	if !ok {
		return nil, nil
	}
	v := &lanesView{Width: chartWidth, PlotX: gutter, PlotW: plotWidth, FromMillis: axis.from.UnixMilli(), ToMillis: axis.to.UnixMilli()}
	names := laneNames(r)
	if len(names) > maxLanes {
		v.Notes = append(v.Notes, fmt.Sprintf("%s of %s containers are drawn, those that died first; the tables have all of them.", countText(maxLanes), countText(int64(len(names)))))
		names = names[:maxLanes]
	}
	bars, dropped := chooseBars(r.Charts.Requests)
	if dropped > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%s of %s requests are drawn: those of the suspects and around crashes, then the longest.", countText(int64(len(bars))), countText(int64(len(bars)+dropped))))
	}
	curves := 0
	for i := range r.Charts.Memory {
		curves += min(1, len(r.Charts.Memory[i].Points))
	}
	perCurve := maxPoints
	if curves > 0 {
		perCurve = max(minPoints, maxPoints/curves)
	}
	perCurve = min(perCurve, 1500)
	top := memoryTop(r)
	dead := map[string]bool{}
	for i := range r.Crashes {
		dead[r.Crashes[i].Container] = true
	}
	metrics, roles := map[string]string{}, map[string]bool{}
	var data []laneData
	y := 22.0 // room for the names of the crashes
	reduced := false
	for _, name := range names {
		l := lane{Name: shorten(clean(name), 15), Y: y, Dead: dead[name], ChartH: calmHeight}
		if l.Dead {
			l.ChartH = laneHeight
		}
		ld := laneData{Name: clean(name), Y: y, Curves: []curveData{}}
		var limits []string
		most := 0.0
		for i := range r.Charts.Memory {
			if s := &r.Charts.Memory[i]; s.Container == name && len(s.Points) > 0 {
				most = math.Max(most, highest(s))
			}
		}
		for i := range r.Charts.Memory {
			s := &r.Charts.Memory[i]
			if s.Container != name || len(s.Points) == 0 {
				continue
			}
			// What is small beside the others did not fill the memory, and would only be a line along the bottom.
			if class := metricClass(s.Metric); class == "m-other" && highest(s) < most/10 {
				continue
			}
			pts := lttb(s.Points, perCurve)
			reduced = reduced || len(pts) < len(s.Points)
			l.Curves = append(l.Curves, drawCurve(s, pts, axis, l.ChartH, top))
			cd := curveData{Metric: metricText(s.Metric)}
			if s.LimitBytes != nil && *s.LimitBytes > 0 {
				cd.Limit = float64(*s.LimitBytes)
				limits = l.addLimit(limits, s, top)
			}
			if b, ok := blindSpan(r, s, axis); ok && !hasBlind(l.Blinds, b) {
				l.Blinds = append(l.Blinds, b)
			}
			for _, p := range pts {
				cd.T = append(cd.T, p.T.UnixMilli()-v.FromMillis)
				cd.V = append(cd.V, math.Round(p.V))
			}
			ld.Curves = append(ld.Curves, cd)
			metrics[metricClass(s.Metric)] = metricText(s.Metric)
			v.HasMemory = true
		}
		if len(l.Curves) == 0 {
			l.LimitText = "no memory readings"
			l.ChartH = 16
		} else {
			l.LimitText = strings.Join(limits, "; ")
		}
		rows := placeBars(&l, bars, name, axis)
		if rows > 0 {
			v.HasBars = true
		}
		for i := range l.Bars {
			roles[l.Bars[i].Class] = true
		}
		l.H = l.ChartH + 3 + float64(rows)*barHeight
		for i := range r.Crashes {
			if c := &r.Crashes[i]; c.Container == name {
				x := axis.x(c.Time)
				l.Deaths = append(l.Deaths, mark{X: x, OuterX: round2(gutter + x/plotUnits*plotWidth), ID: clean(c.ID),
					Tip: clean(c.ID) + ": " + clean(name) + " died\n" + dateTimeUTC(c.Time) + "\n" + deathText(c)})
			}
		}
		for i := range r.Restarts {
			if x := &r.Restarts[i]; x.Container == name && !x.Time.Before(axis.from) && !x.Time.After(axis.to) {
				l.Restarts = append(l.Restarts, mark{X: axis.x(x.Time), Tip: clean(name) + ": " + restartText(x.Reason) + "\n" + dateTimeUTC(x.Time) + "\n" + clean(x.Detail)})
			}
		}
		l.NameY = y + 14
		for i, t := range strings.Split(l.LimitText, "; ") {
			l.ScaleTexts = append(l.ScaleTexts, scaleText{y + 28 + float64(i)*12, t})
		}
		ld.H = l.H
		y += l.H + laneGap
		v.Lanes = append(v.Lanes, l)
		data = append(data, ld)
	}
	if reduced {
		v.Notes = append(v.Notes, "Long curves are thinned out for drawing (LTTB), peaks kept.")
	}
	for i := range r.Timeline {
		e := &r.Timeline[i]
		if e.Kind.ByPeople() && !e.Time.Before(axis.from) && !e.Time.After(axis.to) {
			x := axis.x(e.Time)
			v.Events = append(v.Events, mark{X: x, OuterX: round2(gutter + x/plotUnits*plotWidth), Tip: clean(string(e.Kind)) + ": " + clean(e.Text) + "\n" + dateTimeUTC(e.Time)})
			if len(v.Events) == 40 {
				break
			}
		}
	}
	v.AxisY = y
	v.CrossTop, v.CrossBottom = 22, y
	v.Height = y + axisHeight
	v.Ticks = axis.ticks()
	for _, c := range []string{"m-rss", "m-heap", "m-other"} {
		if t, ok := metrics[c]; ok {
			v.Metrics = append(v.Metrics, legendEntry{c, t})
		}
	}
	for _, e := range []legendEntry{{"q-culprit", "request of the culprit"}, {"q-victim", "of a victim"}, {"q-fallout", "fallout"}, {"q-other", "other request"}} {
		if roles[e.Class] {
			v.Roles = append(v.Roles, e)
		}
	}
	around := zoomSpan(r)
	for i := range r.Crashes {
		if i == maxAligned {
			break
		}
		c := &r.Crashes[i]
		v.Crashes = append(v.Crashes, crashZoom{ID: clean(c.ID), Container: clean(c.Container),
			From: math.Max(0, axis.x(c.Time.Add(-around))), To: math.Min(plotUnits, axis.x(c.Time.Add(around/4)))})
	}
	v.Label = plural(int64(len(v.Lanes)), "container", "containers") + " over time, from " + dateTimeUTC(axis.from) + " to " + dateTimeUTC(axis.to) + ", with " +
		plural(int64(len(r.Crashes)), "crash", "crashes")
	return v, data
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

func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
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
	return math.Max(top*1.08, 1)
}

// farLimit is how far above all readings a limit is still drawn.
const farLimit = 1.6

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

func drawCurve(s *finding.Series, pts []finding.Point, axis timeAxis, h, top float64) curve {
	var line strings.Builder
	for i, p := range pts {
		c := byte('L')
		if i == 0 {
			c = 'M'
		}
		line.WriteByte(c)
		line.WriteString(coord(axis.x(p.T)))
		line.WriteByte(' ')
		line.WriteString(coord(round2(h * (1 - math.Min(math.Max(p.V/top, 0), 1)))))
	}
	c := curve{Class: metricClass(s.Metric), Line: line.String(), Tip: clean(s.Container) + ", " + metricText(s.Metric)}
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

// chooseBars keeps at most maxBars requests: those open at a crash and those of culprits first, then the longest.
func chooseBars(all []finding.Bar) (kept []finding.Bar, dropped int) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	rank := func(b *finding.Bar) int {
		switch {
		case b.Role == finding.Culprit && b.Crash != "":
			return 0
		case b.Crash != "":
			return 1
		case b.Role == finding.Culprit:
			return 2
		}
		return 3
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, b := &all[order[i]], &all[order[j]]
		if x, y := rank(a), rank(b); x != y {
			return x < y
		}
		if a.Seconds != b.Seconds {
			return a.Seconds > b.Seconds
		}
		return a.Start.Before(b.Start)
	})
	if len(order) > maxBars {
		dropped = len(order) - maxBars
		order = order[:maxBars]
	}
	for _, i := range order {
		kept = append(kept, all[i])
	}
	return kept, dropped
}

// placeBars stacks the requests of a container so that they do not cover each other, the culprit's at the top, and returns the
// number of rows.
func placeBars(l *lane, bars []finding.Bar, name string, axis timeAxis) int {
	var mine []*finding.Bar
	for i := range bars {
		if bars[i].Container == name {
			mine = append(mine, &bars[i])
		}
	}
	sort.SliceStable(mine, func(i, j int) bool {
		if a, b := mine[i].Role == finding.Culprit, mine[j].Role == finding.Culprit; a != b {
			return a
		}
		return mine[i].Start.Before(mine[j].Start)
	})
	type span struct{ from, to float64 }
	var rows [barRows][]span
	used := 0
	const gap = 0.4
	for _, b := range mine {
		from, to := axis.x(b.Start), axis.x(b.Start.Add(seconds(b.Seconds)))
		row := barRows - 1
	search:
		for k := range rows {
			for _, v := range slices.Backward(rows[k]) {
				if from < v.to+gap && to+gap > v.from {
					continue search
				}
			}
			row = k
			break
		}
		rows[row] = append(rows[row], span{from, to})
		used = max(used, row+1)
		l.Bars = append(l.Bars, bar{X: from, Y: float64(row) * barHeight, W: round4(math.Max(to-from, 0.02)), Class: roleClass(b.Role), Tip: barTip(b)})
	}
	return used
}

// barTip is the evidence behind a bar.
func barTip(b *finding.Bar) string {
	role := string(b.Role)
	if role == "" {
		role = "other"
	}
	s := clean(b.Endpoint) + " (" + clean(role) + ")\n" + clean(b.Container) + ", " + dateTimeUTC(b.Start) + "\nran " + durationText(b.Seconds) + ", " + outcomeText(b.Outcome, 0)
	if b.Crash != "" {
		s += ", at crash " + clean(b.Crash)
	}
	if c := cite(b.Source, b.Line); c != "" {
		s += "\n" + c
	}
	return s
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

type alignedRow struct {
	Name, Class string
	Y, H        float64
	Bars        []bar
}

// layoutAligned returns nil when there is no crash with something to draw.
func layoutAligned(r *finding.Report) *alignedView {
	if r.Charts == nil || len(r.Crashes) == 0 {
		return nil
	}
	before := zoomSpan(r)
	if r.Verdict.Cause == finding.RequestLeak || r.Verdict.Cause == finding.BackgroundLeak {
		// A leak shows over the whole life.
		before = 0
		for i := range r.Charts.Memory {
			if s := &r.Charts.Memory[i]; s.Crash != "" && len(s.Points) > 0 {
				before = max(before, s.Points[len(s.Points)-1].T.Sub(s.Points[0].T))
			}
		}
		before = max(before, time.Minute)
	}
	v := &alignedView{Width: chartWidth, PlotX: gutter, PlotW: plotWidth, ChartY: 10, ChartH: 120, Label: "Crashes laid over each other at their time of death"}
	crashes := r.Crashes
	if len(crashes) > maxAligned {
		v.Notes = append(v.Notes, fmt.Sprintf("The first %d of %s crashes are drawn.", maxAligned, countText(int64(len(crashes)))))
		crashes = crashes[:maxAligned]
	}
	var top, limit float64
	metric := tellingMetric(r)
	for i := range crashes {
		for j := range r.Charts.Memory {
			s := &r.Charts.Memory[j]
			if s.Crash != crashes[i].ID || s.Metric != metric {
				continue
			}
			if s.LimitBytes != nil {
				limit = math.Max(limit, float64(*s.LimitBytes))
			}
			for _, p := range s.Points {
				if !p.T.Before(crashes[i].Time.Add(-before)) {
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
	top *= 1.08
	after := before / 25
	bars, _ := chooseBars(r.Charts.Requests)
	y := v.ChartY + v.ChartH + 10
	if top == 0 {
		v.ChartH, y = 0, v.ChartY
	} else {
		v.Metric = metricText(metric)
		v.TopText = bytesText(top)
		if limit > 0 {
			v.Limits = []limitLine{{Y: round2(v.ChartH * (1 - limit/top)), Class: metricClass(metric), Tip: "limit " + bytesText(limit)}}
		}
	}
	drawn, withBars := false, false
	for i := range crashes {
		c := &crashes[i]
		axis := timeAxis{c.Time.Add(-before), c.Time.Add(after)}
		v.ZeroX = axis.x(c.Time)
		class := fmt.Sprintf("k%d", i%6)
		for j := range r.Charts.Memory {
			s := &r.Charts.Memory[j]
			if s.Crash != c.ID || s.Metric != metric {
				continue
			}
			var pts []finding.Point
			for _, p := range s.Points {
				if !p.T.Before(axis.from) && !p.T.After(axis.to) {
					pts = append(pts, p)
				}
			}
			if len(pts) < 2 {
				continue
			}
			cv := drawCurve(s, lttb(pts, 400), axis, v.ChartH, top)
			cv.Class, cv.Area = class, ""
			cv.Tip = clean(c.ID) + ": " + cv.Tip
			v.Curves = append(v.Curves, cv)
			drawn = true
		}
		row := alignedRow{Name: shorten(clean(c.ID)+" "+clean(c.Container), 16), Class: class, Y: y}
		var l lane
		var mine []finding.Bar
		for _, b := range bars {
			if b.Container != c.Container || b.Start.After(c.Time) {
				continue
			}
			end := b.Start.Add(seconds(b.Seconds))
			if end.Before(axis.from) {
				continue
			}
			if end.After(c.Time) {
				b.Seconds = c.Time.Sub(b.Start).Seconds()
			}
			mine = append(mine, b)
		}
		rows := placeBars(&l, mine, c.Container, axis)
		// What began before the picture is cut at its edge by the SVG itself.
		row.Bars, row.H = l.Bars, math.Max(float64(rows)*barHeight, alignedLane)
		withBars = withBars || len(row.Bars) > 0
		drawn = drawn || withBars
		y += row.H + 6
		v.Lanes = append(v.Lanes, row)
	}
	if !drawn {
		return nil
	}
	if !withBars {
		// Curves alone: the rows are their legend, and need no room.
		y = v.ChartY + v.ChartH + 10
		for i := range v.Lanes {
			v.Lanes[i].Y, v.Lanes[i].H = y, 0
			y += 16
		}
	}
	v.Title = "The crashes, laid over each other at the death"
	if len(crashes) == 1 {
		v.Title = "The crash, up to the death"
	}
	if withBars {
		v.Intro = "What runs up to the red line was there at the death."
	}
	v.AxisY = y
	v.Height = y + axisHeight
	total := (before + after).Seconds()
	for _, step := range tickSteps {
		if before.Seconds()/step > 8 && step < tickSteps[len(tickSteps)-1] {
			continue
		}
		for s := 0.0; s <= before.Seconds(); s += step {
			text := "death"
			if s > 0 {
				text = "-" + durationText(s)
			}
			v.Ticks = append(v.Ticks, tick{X: round2(gutter + (before.Seconds()-s)/total*plotWidth), Text: text})
		}
		break
	}
	return v
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

type latencyRule struct {
	Y, TextY float64
	Text     string
}

const (
	maxLatencyNames  = 3
	maxLatencyPoints = 1000
)

func layoutLatency(r *finding.Report) *latencyView {
	if r.Charts == nil || len(r.Charts.Latency) == 0 {
		return nil
	}
	axis, ok := axisOf(r)
	lat := r.Charts.Latency
	if !ok {
		axis = timeAxis{lat[0].T, lat[0].T}
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
	}
	v := &latencyView{Width: chartWidth, PlotX: gutter, PlotW: plotWidth, ChartY: 10, ChartH: 180}
	var names []string
	seen := map[string]bool{}
	lo, hi := math.Inf(1), 0.0
	for i := range lat {
		if n := lat[i].Endpoint; !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
		for _, x := range []float64{lat[i].P50, lat[i].P99} {
			if x > 0 {
				lo, hi = math.Min(lo, x), math.Max(hi, x)
			}
		}
	}
	if hi == 0 {
		return nil
	}
	// The suspect first, the others last.
	sort.SliceStable(names, func(i, j int) bool { return names[i] != "others" && names[j] == "others" })
	if len(names) > maxLatencyNames {
		v.Notes = append(v.Notes, fmt.Sprintf("%d of %d endpoints are drawn.", maxLatencyNames, len(names)))
		keep := append([]string{}, names[:maxLatencyNames-1]...)
		names = append(keep, names[len(names)-1])
	}
	low, high := math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	if high <= low {
		high = low + 1
	}
	y := func(s float64) float64 {
		return round2(v.ChartH * (1 - (math.Log10(math.Max(s, math.Pow(10, low)))-low)/(high-low)))
	}
	for d := low; d <= high; d++ {
		v.Rules = append(v.Rules, latencyRule{Y: round2(v.ChartY + y(math.Pow(10, d))), TextY: round2(v.ChartY + y(math.Pow(10, d)) + 4), Text: durationText(math.Pow(10, d))})
	}
	for i, n := range names {
		class := fmt.Sprintf("l%d", i)
		if n == "others" {
			class = "l-others"
		}
		var p50, p99 []finding.Point
		for j := range lat {
			if lat[j].Endpoint == n && lat[j].Count > 0 {
				p50 = append(p50, finding.Point{T: lat[j].T, V: lat[j].P50})
				p99 = append(p99, finding.Point{T: lat[j].T, V: lat[j].P99})
			}
		}
		for k, pts := range [][]finding.Point{p99, p50} {
			if len(pts) == 0 {
				continue
			}
			var d strings.Builder
			for j, p := range lttb(pts, maxLatencyPoints) {
				c := byte('L')
				if j == 0 {
					c = 'M'
				}
				d.WriteByte(c)
				d.WriteString(coord(axis.x(p.T)) + " " + coord(y(p.V)))
			}
			cv := curve{Class: class, Line: d.String(), Tip: clean(n) + ", p99"}
			if k == 1 {
				cv.Class += " half"
				cv.Tip = clean(n) + ", median"
			}
			v.Lines = append(v.Lines, cv)
		}
		text := clean(n)
		if n == "others" {
			text = "all others"
		}
		v.Names = append(v.Names, legendEntry{class, text})
	}
	for i := range r.Crashes {
		c := &r.Crashes[i]
		if !c.Time.Before(axis.from) && !c.Time.After(axis.to) {
			v.Deaths = append(v.Deaths, mark{X: axis.x(c.Time), Tip: clean(c.ID) + ": " + clean(c.Container) + " died\n" + dateTimeUTC(c.Time)})
		}
	}
	v.FromMillis, v.ToMillis = axis.from.UnixMilli(), axis.to.UnixMilli()
	v.AxisY = v.ChartY + v.ChartH
	v.Height = v.AxisY + axisHeight
	v.Ticks = axis.ticks()
	v.Label = "Latency of the suspect and of all others over time, logarithmic"
	return v
}
