package report

import (
	"math"
	"strconv"
	"strings"

	"lastcall/analyze/finding"
)

// metricText names a metric for people: "rss" is "RSS", "heap_used" is "heap used".
func metricText(m string) string {
	m = strings.ReplaceAll(clean(m), "_", " ")
	if strings.EqualFold(m, "rss") {
		return "RSS"
	}
	return m
}

// shapeText names a curve.
func shapeText(s finding.Shape) string {
	switch s {
	case finding.ShapePlateau:
		return "plateau"
	case finding.ShapeInsufficient:
		return "unclear"
	}
	return clean(string(s))
}

// slopeText is the growth of the floor per hour, under a title that says so.
func slopeText(m *finding.Memory) string {
	if m.Shape == finding.ShapeInsufficient {
		return "not known"
	}
	t := bytesEstimate(m.SlopeBytesPerHour, "")
	if m.SlopeBytesPerHour.Value > 0 {
		t = "+" + t
	}
	return short(t)
}

// reachedText is the highest reading, of its limit.
func reachedText(m *finding.Memory) string {
	s := bytesText(m.MaxBytes)
	if m.LimitBytes != nil && *m.LimitBytes > 0 {
		s += " (" + percentText(m.MaxBytes/float64(*m.LimitBytes)) + ")"
	}
	return s
}

// limitTimeText is when a curve meets its limit.
func limitTimeText(m *finding.Memory) string {
	switch {
	case m.Crash != "":
		return "died (" + clean(m.Crash) + ")"
	case m.TimeToLimit != nil:
		return short(durationEstimate(*m.TimeToLimit))
	case m.TimeToLimitSeconds != nil:
		return durationText(*m.TimeToLimitSeconds)
	case m.LimitBytes == nil:
		return "limit not known"
	case m.Shape == finding.ShapeLeak:
		return "not known"
	}
	return "not nearing"
}

// tellingMemory picks at most n curves to show: those that grow towards a limit, then those that ended in a death, then RSS and
// the heap in use, then all others; each in the order given. rest counts the others by their shape.
func tellingMemory(all []finding.Memory, n int) (shown []*finding.Memory, rest string) {
	rank := func(m *finding.Memory) int {
		main := m.Metric == "rss" || m.Metric == "heap_used" || m.Metric == "working_set"
		switch {
		case main && (m.Shape == finding.ShapeLeak || m.TimeToLimitSeconds != nil):
			return 0
		case main && m.Crash != "":
			return 1
		case main:
			return 2
		}
		return 3
	}
	for want := range 4 {
		for i := range all {
			if m := &all[i]; rank(m) == want && len(shown) < n {
				shown = append(shown, m)
			}
		}
	}
	if len(shown) == len(all) {
		return shown, ""
	}
	picked := map[*finding.Memory]bool{}
	for _, m := range shown {
		picked[m] = true
	}
	counts := map[finding.Shape]int{}
	for i := range all {
		if !picked[&all[i]] {
			counts[all[i].Shape]++
		}
	}
	var parts []string
	for _, s := range []finding.Shape{finding.ShapeLeak, finding.ShapeBurst, finding.ShapePlateau, finding.ShapeSawtooth, finding.ShapeFlat, finding.ShapeInsufficient} {
		if counts[s] > 0 {
			parts = append(parts, strconv.Itoa(counts[s])+" "+shapeText(s))
		}
	}
	rest = "… and " + countText(int64(len(all)-len(shown))) + " more"
	if len(parts) > 0 {
		rest += ": " + strings.Join(parts, ", ")
	}
	return shown, rest
}

// smallCurve: a curve so many times below the highest of the same container did not fill its memory.
const smallCurve = 10

// memoryCurves are the rows of sparklines: for every crash its curves, as given. A metric that is small beside the others of
// the same life is left out: it did not fill the memory.
func memoryCurves(r *finding.Report) [][]string {
	var rows [][]string
	if r.Charts == nil {
		return nil
	}
	for i := range r.Crashes {
		c := &r.Crashes[i]
		most := 0.0
		var own []*finding.Series
		for j := range r.Charts.Memory {
			s := &r.Charts.Memory[j]
			if s.Crash == c.ID && len(s.Points) > 0 {
				own = append(own, s)
				most = math.Max(most, highest(s))
			}
		}
		for _, s := range own {
			if highest(s) < most/smallCurve {
				continue
			}
			last := s.Points[len(s.Points)-1]
			to := bytesText(last.V)
			if s.LimitBytes != nil && *s.LimitBytes > 0 {
				to = bytesOfText(last.V, float64(*s.LimitBytes))
			}
			rows = append(rows, []string{clean(c.ID), clean(c.Container), metricText(s.Metric), bytesText(s.Points[0].V), sparkline(s.Points, curveColumns), to,
				durationText(max(0, c.Time.Sub(last.T).Seconds()))})
		}
		if len(own) == 0 && c.LastMemory == nil {
			rows = append(rows, []string{clean(c.ID), clean(c.Container), "", "", "no readings of this life", "", ""})
		}
	}
	return rows
}

// highest returns the highest reading of a curve, which has one.
func highest(s *finding.Series) float64 {
	most := s.Points[0].V
	for _, p := range s.Points {
		most = math.Max(most, p.V)
	}
	return most
}

// heapStory says of a function what has no column: who calls it, which endpoint it serves, how it grew.
func heapStory(h *finding.Heap) string {
	var s []string
	if h.Endpoint != nil {
		s = append(s, "serves "+clean(*h.Endpoint))
	}
	if len(h.CalledFrom) > 0 {
		s = append(s, "is called from "+clean(strings.Join(h.CalledFrom, " ← ")))
	}
	if h.SlopeBytesPerHour != nil {
		s = append(s, "grows by "+bytesEstimate(*h.SlopeBytesPerHour, "/h"))
	}
	if h.Containers > 1 {
		s = append(s, "grew in "+strconv.Itoa(h.Containers)+" containers")
	}
	if h.Note != "" {
		s = append(s, clean(h.Note))
	}
	return strings.Join(s, "; ")
}

// heapFile is where a function stands.
func heapFile(h *finding.Heap) string {
	if h.File == nil {
		return "not known"
	}
	return cite(*h.File, h.Line)
}

// blockedText is how many goroutines were blocked at a place, first and last.
func blockedText(g *finding.Goroutines) string {
	return countText(g.First) + " → " + countText(g.Last)
}
