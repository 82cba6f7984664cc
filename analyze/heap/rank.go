package heap

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

const (
	leadingShare  = 0.25 // of the growth, to be named
	majorityShare = 0.5  // of the growth, to be named with some confidence
	totalFollows  = 0.5  // of a function's growth that the heap as a whole must show, else it replaced something else
	rowShare      = 0.005
	fitShare      = 0.01
	outsideShare  = 0.25
	maxCallers    = 3
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

// seriesRow is one owner in one series.
type seriesRow struct {
	s      *series
	trend  trend
	shape  finding.Shape
	growth float64
	share  float64 // of the positive growth of the series
	first  float64
	last   float64
	// counts reports whether it leaks or burst here, and with a share that matters.
	counts bool
}

func (r *row) suspicious() bool { return r.leaks+r.bursts+r.jumps > 0 }

func (a *analysis) conclude(ctx context.Context) (*Result, error) {
	res := &Result{Confidence: finding.Insufficient}
	lives := a.split()
	a.setReferences(lives)
	compared := lives
	if !slices.ContainsFunc(lives, func(s *series) bool { return len(s.snaps) > 1 || s.alone() }) {
		compared = a.changes()
	}

	weights := make([]float64, a.stacks.len())
	for _, s := range compared {
		a.addGrowth(weights, s)
	}
	own := a.findOwners(weights)
	rows, gross, err := a.rows(ctx, compared, own)
	if err != nil {
		return nil, err
	}
	a.publish(res, rows, gross, own, weights)
	res.Flame = a.flame(rows, compared)
	res.Goroutines = a.goroutines(res)
	a.notesFor(res, lives)
	for _, s := range lives {
		res.Series = append(res.Series, s.describe())
	}
	for _, code := range slices.Sorted(maps.Keys(a.warnings)) {
		res.Warnings = append(res.Warnings, *a.warnings[code])
	}
	return res, nil
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

// seriesRows follows the owners through one series.
func (a *analysis) seriesRows(s *series, own *owners) map[int32]*seriesRow {
	n := len(s.snaps)
	if n == 1 && !s.alone() {
		return nil
	}
	offset := 0
	if n == 1 {
		offset = 1 // the reference stands before it
	}
	curves := map[int32][]float64{}
	addTo := func(i int, vs []stackBytes) {
		for _, v := range vs {
			fn, _ := own.owner(v.stack)
			c := curves[fn]
			if c == nil {
				c = make([]float64, n+offset)
				curves[fn] = c
			}
			c[i] += float64(v.bytes)
		}
	}
	if offset == 1 {
		addTo(0, s.reference)
	}
	for i, sn := range s.snaps {
		addTo(i+offset, sn.values)
	}
	x, known := s.times()
	if offset == 1 {
		x = []float64{0, 1}
	}
	heap := float64(s.last().total)
	out := make(map[int32]*seriesRow, len(curves))
	var positive float64
	for fn, y := range curves {
		sr := &seriesRow{s: s, first: y[0], last: y[len(y)-1], shape: finding.ShapeInsufficient}
		sr.growth = sr.last - sr.first
		sr.trend = trend{shape: finding.ShapeInsufficient, growth: sr.growth}
		if slices.Max(y)-slices.Min(y) >= fitShare*heap {
			sr.trend = fitTrend(x, y, s.last().period, heap)
			sr.shape = sr.trend.shape
			if s.oom() {
				a.atLimit(sr, x, y, s.last().period)
			}
			if !known {
				sr.trend.slope = nil // the order is known, not the pace
			}
			if sr.shape == finding.ShapeLeak && !s.oom() && s.total.kept < totalFollows*sr.trend.kept {
				sr.shape = finding.ShapeFlat // it replaced something else: the heap as a whole did not grow
			}
			if sr.shape == finding.ShapeBurst && s.death == nil && !s.oom() {
				sr.shape = finding.ShapeInsufficient // one rise at the very end: it may fall again
			}
		} else if n >= minLeakProfiles {
			sr.shape = finding.ShapeFlat
		}
		out[fn] = sr
	}
	for _, sr := range out {
		positive += max(0, sr.growth)
	}
	for _, sr := range out {
		if positive > 0 {
			sr.share = max(0, sr.growth) / positive
		}
	}
	return out
}

// atLimit describes an owner in a series whose last profile was written as memory ran out: a leak that led there, or a rise
// since the profile before.
func (a *analysis) atLimit(sr *seriesRow, x, y []float64, period int64) {
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
			sr.growth, sr.shape, sr.first = rise, finding.ShapeBurst, y[n-2]
			return
		}
	}
}

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

// publish writes the rows into the result and chooses the leading one.
func (a *analysis) publish(res *Result, rows []*row, gross float64, own *owners, weights []float64) {
	res.Heap = []finding.Heap{}
	join := a.newJoiner()
	var leading *row
	for _, r := range rows {
		if len(res.Heap) >= a.o.MaxRows {
			break
		}
		if gross <= 0 || r.gross < rowShare*gross || r.best.growth <= 0 {
			continue
		}
		h := a.heapRow(r, gross, own, weights, join)
		res.Heap = append(res.Heap, h)
		switch {
		case !r.suspicious():
		case r.user && leading == nil && r.best.share >= leadingShare:
			leading, res.Leading = r, new(h)
		case !r.user && res.Outside == nil && r.best.share >= outsideShare:
			res.Outside = new(h)
		}
	}
	if leading != nil {
		res.Confidence, res.Reasons = a.grade(leading, rows)
	}
}

func (a *analysis) heapRow(r *row, gross float64, own *owners, weights []float64, join *joiner) finding.Heap {
	b := r.best
	line, callers, flat, cum := a.detail(r, own, weights)
	h := finding.Heap{
		Function: a.display(r.fn, line), GrowthBytes: int64(b.growth), Share: r.gross / gross, Profiles: r.profiles, Line: line,
		FlatBytes: flat, CumBytes: cum, SlopeBytesPerHour: b.trend.slope, Shape: b.shape, Containers: len(r.containers),
		CalledFrom: callers, OnOOM: b.s.oom(),
	}
	if r.profiles == 0 {
		h.Profiles = len(b.s.snaps)
	}
	if f := a.stacks.fns[r.fn].file; f != "" {
		h.File = &f
	}
	if r.user {
		h.Endpoint = join.endpoint(r.fn, own, weights)
	}
	h.Note = a.rowNote(r)
	return h
}

// detail looks at the stacks of a row: the line that grew most, who calls it, and its flat and cumulative growth in the series
// where it shows most.
func (a *analysis) detail(r *row, own *owners, weights []float64) (line int64, callers []string, flat, cum int64) {
	lines, from := map[int64]float64{}, map[string]float64{}
	name := a.stacks.fns[r.fn].name
	var seg []int32
	for i, g := range weights {
		id := int32(i)
		if g <= 0 {
			continue
		}
		if fn, _ := own.owner(id); fn != r.fn {
			continue
		}
		for _, f := range a.stacks.of(id) {
			if f.fn == r.fn {
				lines[int64(f.line)] += g
				break
			}
		}
		seg = own.paths.of(seg, id)
		for j := slices.Index(seg, r.fn) + 1; j > 0 && j < len(seg); j++ {
			if seg[j] != r.fn && !own.shared[seg[j]] {
				name := a.display(seg[j], 0)
				if f := a.stacks.fns[seg[j]]; f.name == a.stacks.fns[r.fn].name && f.file != "" {
					name += " (" + f.file + ")"
				}
				from[name] += g
				break
			}
		}
	}
	if top := topKeys(lines, 1); len(top) > 0 {
		line = top[0]
	}
	callers = topKeys(from, maxCallers)
	d := func(vs []stackBytes, sign int64) {
		for _, v := range vs {
			fs := a.stacks.of(v.stack)
			if len(fs) > 0 && a.stacks.fns[fs[0].fn].name == name {
				flat += sign * v.bytes
			}
			for _, f := range fs {
				if f.fn == r.fn {
					cum += sign * v.bytes
					break
				}
			}
		}
	}
	before, after := a.endpoints(r.best)
	d(after, 1)
	d(before, -1)
	return line, callers, flat, cum
}

// endpoints returns the values that the growth of a row was measured between.
func (a *analysis) endpoints(sr *seriesRow) (before, after []stackBytes) {
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

func (a *analysis) rowNote(r *row) string {
	b := r.best
	var parts []string
	switch {
	case b.shape == finding.ShapeBurst && b.s.oom() && len(b.s.snaps) == 1 && b.s.reference == nil:
		parts = append(parts, "held as memory ran out; no earlier profile to compare with")
	case b.shape == finding.ShapeBurst && b.s.oom() && len(b.s.snaps) == 1:
		parts = append(parts, "held as memory ran out, more than in ordinary profiles")
	case b.shape == finding.ShapeBurst && b.s.oom():
		parts = append(parts, "rose between the last ordinary profile and the one written as memory ran out")
	case b.shape == finding.ShapeBurst:
		parts = append(parts, "rose in the last profile before the death")
	case b.shape == finding.ShapePlateau:
		parts = append(parts, "grew, then stayed: a start-up step or a cache that fills")
	case b.shape == finding.ShapeSawtooth:
		parts = append(parts, "gives memory back")
	case b.s.change && b.s.last().measures == delta:
		parts = append(parts, fmt.Sprintf("change within the %s that the profile spans", b.s.last().span.Round(time.Second)))
	case b.s.change:
		parts = append(parts, "the profile is a difference already")
	case b.shape == finding.ShapeInsufficient && len(b.s.snaps) == 2:
		parts = append(parts, "two profiles: a leak cannot be told from a step")
	case b.shape == finding.ShapeInsufficient:
		parts = append(parts, "one rise at the end: it may fall again")
	}
	if !r.user {
		f := a.stacks.fns[r.fn]
		switch {
		case f.name == "(external)":
			parts = append(parts, "memory outside the JavaScript heap (Buffers, zlib, native add-ons), for which the profile has no stack")
		case f.code == codePseudo:
			parts = append(parts, "not code")
		default:
			parts = append(parts, "no frame of the user's own code on these stacks")
		}
	}
	return strings.Join(parts, "; ")
}

// grade says how sure the leading function is.
func (a *analysis) grade(r *row, rows []*row) (finding.Grade, []string) {
	b := r.best
	share := b.share
	var reasons []string
	add := func(f string, args ...any) { reasons = append(reasons, fmt.Sprintf(f, args...)) }
	g := finding.Possible
	name := a.display(r.fn, 0)
	switch {
	case r.bursts > 0:
		add("%s: %.0f %% of what was gained up to the profile written as memory ran out", name, 100*share)
		if share >= majorityShare {
			g = finding.Likely
			if r.bursts+r.leaks >= 2 {
				g = finding.Conclusive
				add("the same in %d profiles written at the limit", r.bursts)
			}
		}
		if len(b.s.snaps) == 1 && b.s.reference == nil {
			g = finding.Possible
			add("no earlier profile to compare with")
		}
	case r.leaks > 0:
		add("%s keeps growing: %.0f %% of the growth", name, 100*share)
		if share >= majorityShare && r.firm {
			g = finding.Likely
			if r.leaks >= 2 {
				g = finding.Conclusive
			}
		}
		if !r.firm {
			add("no series has %d profiles: a step cannot be ruled out", firmLeakProfiles)
			if r.leaks >= 3 && share >= majorityShare {
				g = finding.Likely
			}
		}
		if r.leaks > 1 {
			add("in %d lives of %d containers", r.leaks, len(r.containers))
		}
	default:
		add("%s rose in the last profile before a death", name)
	}
	for _, o := range rows {
		if o != r && o.user && o.suspicious() && o.score >= 0.6*r.score {
			add("%s grows nearly as much", a.display(o.fn, 0))
			if g.Rank() > finding.Possible.Rank() {
				g = lower(g)
			}
			break
		}
	}
	return g, reasons
}

func lower(g finding.Grade) finding.Grade {
	switch g {
	case finding.Conclusive:
		return finding.Likely
	case finding.Likely:
		return finding.Possible
	}
	return finding.Insufficient
}

// notesFor says what the profiles can and cannot show.
func (a *analysis) notesFor(res *Result, lives []*series) {
	note := func(f string, args ...any) { res.Notes = append(res.Notes, fmt.Sprintf(f, args...)) }
	var deltas, diffs, single, pairs, merged int
	for _, s := range a.heaps {
		switch s.measures {
		case delta:
			deltas++
		case diffed:
			diffs++
		}
		if s.merged {
			merged++
		}
	}
	for _, s := range lives {
		switch {
		case len(s.snaps) == 1 && !s.oom():
			single++
		case len(s.snaps) == 2:
			pairs++
		}
	}
	if deltas > 0 {
		note("%d profiles are deltas (they span a time, as ?seconds=N makes them): they say what changed within it, not what is in use, and are compared with no other", deltas)
	}
	if diffs > 0 {
		note("%d profiles are differences already (they hold negative values): they are compared with no other", diffs)
	}
	if merged > 0 {
		note("%d profiles seem merged from several processes: the leak of one hides in the sum", merged)
	}
	if len(lives) > 0 && single == len(lives) {
		note("no life of a process has two profiles: growth cannot be told")
		a.holdings(note, lives)
	} else if len(lives) > 0 && single+pairs == len(lives) && res.Leading == nil {
		note("no life of a process has %d profiles: growth can be shown, but a leak cannot be told from a step", minLeakProfiles)
	}
	if res.Outside != nil {
		note("%s grew by %s: %s", res.Outside.Function, megabytes(res.Outside.GrowthBytes), res.Outside.Note)
	}
	died, between, visible := 0, 0, 0
	var longest time.Duration
	for _, s := range lives {
		if s.death == nil {
			continue
		}
		died++
		switch {
		case s.oom():
			visible++
		case s.total.shape != finding.ShapeLeak:
			between++
			longest = max(longest, s.blind)
		}
	}
	if between > 0 && visible == 0 && (res.Leading == nil || res.Leading.Shape != finding.ShapeLeak) {
		note("%d of %d containers died between two profiles (up to %s after the last one) without growth before: what grew then is in no profile", between, died, longest.Round(time.Second))
	}
	if res.Leading == nil && res.Outside == nil && len(lives) > single+pairs {
		note("nothing in the heap profiles keeps growing")
	}
	slices.Sort(a.notes)
	res.Notes = append(res.Notes, slices.Compact(a.notes)...)
}

// holdings names what single profiles hold, where there is no growth to rank.
func (a *analysis) holdings(note func(string, ...any), lives []*series) {
	held := make([]float64, a.stacks.len())
	for _, s := range lives {
		for _, v := range s.last().values {
			held[v.stack] += float64(v.bytes)
		}
	}
	own := a.findOwners(held)
	for i, s := range lives {
		if i == 5 {
			note("… and %d more", len(lives)-i)
			return
		}
		byName := map[string]float64{}
		for _, v := range s.last().values {
			fn, _ := own.owner(v.stack)
			byName[a.display(fn, 0)] += float64(v.bytes)
		}
		var top []string
		for _, n := range topKeys(byName, 3) {
			top = append(top, n+" "+megabytes(int64(byName[n])))
		}
		note("%s holds %s: %s", s.last().name, megabytes(s.last().total), strings.Join(top, ", "))
	}
}

func megabytes(b int64) string { return fmt.Sprintf("%.1f MB", float64(b)/1e6) }
