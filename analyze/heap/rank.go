package heap

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"lastcall/analyze/finding"
)

// Shares of the growth from which a function is named; see [Rules].
const (
	leadingShare  = 0.25 // of the growth, to be named
	majorityShare = 0.5  // of the growth, to be named with some confidence
	outsideShare  = 0.25 // of the growth, to be said although no user code can be named for it; or of the heap, by a rise before a death
)

// row gathers one owner over all series.
type row struct {
	fn         int32
	user       bool
	score      float64 // weighted growth in the series where it leaks or burst
	growth     float64 // weighted growth in all
	gross      float64 // bytes, unweighted, positive growth over all series
	leaks      int     // series in which it leaks
	bursts     int     // series that ended at the memory limit and in which it rose last
	jumps      int     // series that ended with a death and in which it rose last
	containers map[string]bool
	profiles   int
	best       *seriesRow // where it shows most
	firm       bool       // some leak rests on enough profiles
}

func (r *row) suspicious() bool { return r.leaks+r.bursts+r.jumps > 0 }

// rows follows every owner through every series.
func (a *analysis) rows(ctx context.Context, lives []*series, own *owners) (rows []*row, gross float64, err error) {
	byFn := map[int32]*row{}
	for _, s := range lives {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		srs := a.seriesRows(s, own)
		for _, fn := range slices.Sorted(maps.Keys(srs)) {
			sr := srs[fn]
			r := byFn[fn]
			if r == nil {
				r = &row{fn: fn, user: a.stacks.fns[fn].code == codeUser, containers: map[string]bool{}}
				byFn[fn] = r
			}
			r.add(sr)
			gross += max(0, sr.growth)
		}
	}
	for _, fn := range slices.Sorted(maps.Keys(byFn)) {
		if r := byFn[fn]; r.gross > 0 {
			rows = append(rows, r)
		}
	}
	name := func(r *row) string { f := a.stacks.fns[r.fn]; return f.name + "\x00" + f.file }
	slices.SortStableFunc(rows, func(x, y *row) int {
		return cmp.Or(cmp.Compare(b2i(y.suspicious()), b2i(x.suspicious())), cmp.Compare(y.score, x.score), cmp.Compare(y.growth, x.growth),
			cmp.Compare(name(x), name(y)))
	})
	return rows, gross, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// add counts what one series shows of the owner.
func (r *row) add(sr *seriesRow) {
	s := sr.s
	w := s.weight()
	r.growth += w * sr.growth
	r.gross += max(0, sr.growth)
	switch {
	case sr.shape == finding.ShapeLeak && sr.share >= leadingShare/2:
		r.leaks++
		r.firm = r.firm || len(s.snaps) >= firmLeakProfiles
		sr.counts = true
	case sr.shape == finding.ShapeBurst && s.oom() && sr.share >= leadingShare/2:
		r.bursts++
		sr.counts = true
	case sr.shape == finding.ShapeBurst && !s.oom() && sr.share >= majorityShare && sr.growth >= outsideShare*float64(s.last().total):
		r.jumps++
		sr.counts = true
	}
	if sr.counts {
		r.score += w * sr.growth
	}
	if sr.growth > 0 && (sr.counts || sr.shape != finding.ShapeFlat) {
		r.containers[s.last().container] = true
		r.profiles += len(s.snaps)
	}
	if r.best == nil || sr.shows() > r.best.shows() {
		r.best = sr
	}
}

// shows orders the series by how well an owner is seen to grow in them: first those where it leaks or burst, then by growth.
func (sr *seriesRow) shows() float64 {
	v := sr.growth * sr.s.weight()
	if sr.counts {
		v += 1e18 // above any growth in bytes
	}
	return v
}
