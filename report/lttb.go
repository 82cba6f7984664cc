package report

import (
	"math"

	"lastcall/analyze/finding"
)

// lttb picks n of the points so that the curve keeps its look: Largest Triangle Three Buckets (Steinarsson, Downsampling Time
// Series for Visual Representation, 2013). The first and the last point are kept, and every point picked is one that was
// there. Points are in the order of their times. It returns points itself when there is nothing to drop.
func lttb(points []finding.Point, n int) []finding.Point {
	if n < 3 || len(points) <= n {
		return points
	}
	x := func(i int) float64 { return points[i].T.Sub(points[0].T).Seconds() }
	out := make([]finding.Point, 0, n)
	out = append(out, points[0])
	bucket := float64(len(points)-2) / float64(n-2)
	last := 0
	for b := range n - 2 {
		from := 1 + int(float64(b)*bucket)
		to := 1 + int(float64(b+1)*bucket)
		// The centre of the next bucket; after the last one stands the last point alone.
		nextFrom, nextTo := to, min(1+int(float64(b+2)*bucket), len(points)-1)
		if b == n-3 {
			to = len(points) - 1
			nextFrom, nextTo = len(points)-1, len(points)
		}
		var cx, cy float64
		for i := nextFrom; i < nextTo; i++ {
			cx += x(i)
			cy += points[i].V
		}
		k := float64(max(1, nextTo-nextFrom))
		cx, cy = cx/k, cy/k
		best, area := from, -1.0
		lx, ly := x(last), points[last].V
		for i := from; i < to; i++ {
			a := math.Abs((lx-cx)*(points[i].V-ly) - (lx-x(i))*(cy-ly))
			if a > area {
				best, area = i, a
			}
		}
		out = append(out, points[best])
		last = best
	}
	return append(out, points[len(points)-1])
}
