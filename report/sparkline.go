package report

import (
	"math"
	"strings"

	"lastcall/analyze/finding"
)

// sparkline draws the points as a row of n block characters, each the largest value of an equal slice of time, so that a peak
// is never lost. The scale runs from the smallest to the largest value; a curve that moves by less than a tenth of its height
// is drawn flat rather than blown up. A slice without a point stays blank: a gap is not a level.
func sparkline(points []finding.Point, n int) string {
	if len(points) == 0 || n <= 0 {
		return ""
	}
	const blocks = "▁▂▃▄▅▆▇█"
	levels := []rune(blocks)
	first, last := points[0].T, points[len(points)-1].T
	span := last.Sub(first).Seconds()
	if len(points) < n {
		n = len(points)
	}
	slot := make([]float64, n)
	has := make([]bool, n)
	lo, hi := points[0].V, points[0].V
	for _, p := range points {
		i := 0
		if span > 0 {
			i = level(p.T.Sub(first).Seconds()/span, n)
		}
		if !has[i] || p.V > slot[i] {
			slot[i], has[i] = p.V, true
		}
		lo, hi = min(lo, p.V), max(hi, p.V)
	}
	if room := hi * 0.1; hi-lo < room {
		lo = hi - room
	}
	var b strings.Builder
	for i, v := range slot {
		switch {
		case !has[i]:
			b.WriteByte(' ')
		case hi <= lo:
			b.WriteRune(levels[0])
		default:
			// Halved, so that the distance of two very large values stays finite.
			b.WriteRune(levels[level((v/2-lo/2)/(hi/2-lo/2), len(levels))])
		}
	}
	return b.String()
}

// level maps a share in [0, 1] to 0..n-1.
func level(share float64, n int) int {
	if !(share > 0) {
		return 0
	}
	return min(n-1, int(math.Min(share, 1)*float64(n)))
}
