package heap

import (
	"maps"
	"slices"

	"lastcall/analyze/finding"
)

const (
	totalFollows = 0.5  // of a function's growth that the heap as a whole must show, else it replaced something else
	fitShare     = 0.01 // of the heap that a function must gain or lose, to be looked at
)

// seriesRow is one owner in one series.
type seriesRow struct {
	s      *series
	trend  trend
	shape  finding.Shape
	growth float64
	share  float64 // of the positive growth of the series
	// counts reports whether it leaks or burst here, and with a share that matters.
	counts bool
}

// setReferences gives a profile written at the limit that is alone in its life something to be compared with: the mean of what
// the stacks held in the ordinary profiles of the same container, or of all containers of the same program.
func (a *analysis) setReferences(lives []*series) {
	for _, s := range lives {
		if len(s.snaps) > 1 || !s.oom() {
			continue
		}
		var same, all []*snapshot
		for _, l := range lives {
			for _, sn := range l.snaps {
				if sn.oom || sn.process != s.last().process || sn.version != s.last().version {
					continue
				}
				all = append(all, sn)
				if sn.container == s.last().container {
					same = append(same, sn)
				}
			}
		}
		if len(same) == 0 {
			same = all
		}
		s.reference = meanOf(same)
	}
}

// meanOf returns what each stack holds in the mean of some snapshots.
func meanOf(snaps []*snapshot) []stackBytes {
	if len(snaps) == 0 {
		return nil
	}
	sum := map[int32]int64{}
	for _, s := range snaps {
		for _, v := range s.values {
			sum[v.stack] += v.bytes
		}
	}
	out := make([]stackBytes, 0, len(sum))
	for _, id := range slices.Sorted(maps.Keys(sum)) {
		out = append(out, stackBytes{id, sum[id] / int64(len(snaps))})
	}
	return out
}

// addGrowth adds the growth of each stack in one series: what the late profiles hold less the mean of the early ones, and for a
// series that ends at the limit the last less the ones before.
func (a *analysis) addGrowth(sum []float64, s *series) {
	w := s.weight()
	add := func(vs []stackBytes, f float64) {
		for _, v := range vs {
			sum[v.stack] += f * float64(v.bytes)
		}
	}
	n := len(s.snaps)
	switch {
	case s.alone():
		add(s.last().values, w)
		add(s.reference, -w)
	case n == 1:
	case s.oom():
		add(s.last().values, w)
		add(s.snaps[n-2].values, -w/2)
		add(s.first().values, -w/2)
	case n < minLeakProfiles+1:
		add(s.last().values, w)
		add(s.first().values, -w)
	default:
		// What the late profiles all hold: what is only passing through is not in every one of them.
		k := max(2, n/4)
		for _, v := range s.last().values {
			b := v.bytes
			for _, sn := range s.snaps[n-k : n-1] {
				b = min(b, sn.at(v.stack))
			}
			sum[v.stack] += w * float64(b)
		}
		for _, sn := range s.snaps[:k-1] {
			add(sn.values, -w/float64(k-1))
		}
	}
}

// seriesRows follows the owners through one series.
func (a *analysis) seriesRows(s *series, own *owners) map[int32]*seriesRow {
	n := len(s.snaps)
	if n == 1 && !s.alone() {
		return nil
	}
	x, known := s.times()
	if s.alone() {
		x = []float64{0, 1} // the reference stands before it
	}
	heap := float64(s.last().total)
	curves := s.curves(own)
	out := make(map[int32]*seriesRow, len(curves))
	for fn, y := range curves {
		sr := &seriesRow{s: s, growth: y[len(y)-1] - y[0], shape: finding.ShapeInsufficient}
		switch {
		case slices.Max(y)-slices.Min(y) >= fitShare*heap:
			sr.fit(x, y)
			if !known {
				sr.trend.slope = nil // the order is known, not the pace
			}
		case n >= minLeakProfiles:
			sr.shape = finding.ShapeFlat
		}
		out[fn] = sr
	}
	share(out)
	return out
}

// curves returns the bytes of each owner in each snapshot of a series, that of the reference first where the only snapshot has one.
func (s *series) curves(own *owners) map[int32][]float64 {
	points := make([][]stackBytes, 0, len(s.snaps)+1)
	if s.alone() {
		points = append(points, s.reference)
	}
	for _, sn := range s.snaps {
		points = append(points, sn.values)
	}
	curves := map[int32][]float64{}
	for i, vs := range points {
		for _, v := range vs {
			fn, _ := own.owner(v.stack)
			c := curves[fn]
			if c == nil {
				c = make([]float64, len(points))
				curves[fn] = c
			}
			c[i] += float64(v.bytes)
		}
	}
	return curves
}

// fit tells the shape of an owner in a series from its bytes y at seconds x.
func (sr *seriesRow) fit(x, y []float64) {
	s := sr.s
	sr.trend = fitTrend(x, y, s.last().period, float64(s.last().total))
	sr.shape = sr.trend.shape
	if s.oom() {
		sr.atLimit(x, y, s.last().period)
		return
	}
	switch {
	case sr.shape == finding.ShapeLeak && s.total.kept < totalFollows*sr.trend.kept:
		sr.shape = finding.ShapeFlat // it replaced something else: the heap as a whole did not grow
	case sr.shape == finding.ShapeBurst && s.death == nil:
		sr.shape = finding.ShapeInsufficient // one rise at the very end: it may fall again
	}
}

// atLimit describes an owner in a series whose last profile was written as memory ran out: a leak that led there, or a rise
// since the profile before.
func (sr *seriesRow) atLimit(x, y []float64, period int64) {
	n := len(y)
	if sr.shape == finding.ShapeLeak {
		return
	}
	if n > minLeakProfiles {
		if t := fitTrend(x[:n-1], y[:n-1], period, y[n-2]); t.shape == finding.ShapeLeak && y[n-1] >= y[n-2] && t.kept >= y[n-1]-y[n-2] {
			sr.trend, sr.shape = t, finding.ShapeLeak
			return
		}
	}
	if n >= 2 {
		if rise := y[n-1] - y[n-2]; rise >= fitShare*float64(sr.s.last().total) && rise > 0 {
			sr.growth, sr.shape = rise, finding.ShapeBurst
			return
		}
	}
}

// share tells each owner its share of the positive growth of a series.
func share(rows map[int32]*seriesRow) {
	var positive float64
	for _, sr := range rows {
		positive += max(0, sr.growth)
	}
	if positive <= 0 {
		return
	}
	for _, sr := range rows {
		sr.share = max(0, sr.growth) / positive
	}
}

// endpoints returns the values that the growth of a row was measured between.
func (sr *seriesRow) endpoints() (before, after []stackBytes) {
	s := sr.s
	n := len(s.snaps)
	switch {
	case n == 1:
		return s.reference, s.last().values
	case sr.shape == finding.ShapeBurst:
		return s.snaps[n-2].values, s.last().values
	}
	return s.first().values, s.last().values
}
