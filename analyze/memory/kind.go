package memory

import (
	"math"

	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// Where tells which part of the memory grows.
type Where string

// The parts.
const (
	GrowsNowhere  Where = "none"
	GrowsHeap     Where = "heap"     // the managed heap: what a heap profile shows
	GrowsExternal Where = "external" // outside the managed heap, known to the runtime: buffers, streams
	GrowsNative   Where = "native"   // resident memory only: native code, fragmentation
	GrowsUnknown  Where = "unknown"  // resident memory grows and nothing tells what it holds
)

// Growth says which part grows, and how fast: medians over lives of the floors' slopes, bytes per hour, NaN where not measured.
type Growth struct {
	Where               Where
	Metric              record.Metric // the most telling metric for attribution; MetricUnknown when nothing grows
	RSS, Heap, External float64
	Lives               int // lives with readings enough
}

// GrowthKind tells growth of the heap from growth outside it.
func GrowthKind(lives []Life) Growth {
	slope := func(ms ...record.Metric) (float64, record.Metric, int) {
		for _, m := range ms {
			var s []float64
			for _, l := range lives {
				t, v := l.settled(l.Series[m])
				if len(v) < minRegressed {
					continue
				}
				ft, fv := floors(t, v)
				if tr := stat.FitTrend(ft, fv, intervalLevel); !math.IsNaN(tr.Slope) {
					s = append(s, tr.Slope)
				}
			}
			if len(s) > 0 {
				return stat.Median(s), m, len(s)
			}
		}
		return math.NaN(), record.MetricUnknown, 0
	}
	g := Growth{Where: GrowsNowhere}
	var rssM, heapM record.Metric
	var nr, nh int
	g.RSS, rssM, nr = slope(record.RSS, record.WorkingSet)
	g.Heap, heapM, nh = slope(record.HeapUsed, record.HeapTotal)
	g.External, _, _ = slope(record.External)
	g.Lives = max(nr, nh)
	reference := max(zeroNaN(g.RSS), zeroNaN(g.Heap), zeroNaN(g.External))
	switch {
	case reference <= 0:
	case g.Heap > 0 && g.Heap >= partShare*reference && !(g.External > g.Heap):
		g.Where, g.Metric = GrowsHeap, heapM
	case g.External > 0 && g.External >= partShare*reference:
		g.Where, g.Metric = GrowsExternal, record.External
	case math.IsNaN(g.Heap):
		g.Where, g.Metric = GrowsUnknown, rssM
	default:
		g.Where, g.Metric = GrowsNative, rssM
	}
	return g
}

func zeroNaN(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return x
}
