package traffic

import (
	"maps"
	"slices"
	"sort"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

// MemoryMetrics are the curves that the memory package reads.
var MemoryMetrics = [...]record.Metric{record.RSS, record.WorkingSet, record.HeapUsed, record.HeapTotal, record.External}

// PointsOf returns one curve of a container between two instants, from the kind of source that has most of it.
func (t *Traffic) PointsOf(container string, metric record.Metric, from, to record.Time) []memory.Point {
	byFormat := map[string][]memory.Point{}
	for _, s := range t.curveOf[curveKey{container, metric}] {
		format := intake.SourceFormat(s.Source)
		for _, p := range s.Points {
			if p.T >= from && p.T <= to {
				byFormat[format] = append(byFormat[format], memory.Point{T: p.T, V: p.V})
			}
		}
	}
	var pts []memory.Point
	for _, format := range slices.Sorted(maps.Keys(byFormat)) {
		if len(byFormat[format]) > len(pts) {
			pts = byFormat[format]
		}
	}
	sort.SliceStable(pts, func(i, j int) bool {
		if pts[i].T != pts[j].T {
			return pts[i].T < pts[j].T
		}
		return pts[i].V < pts[j].V
	})
	return pts
}
