package heap

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

const (
	rowShare   = 0.005 // of the growth, to be a row of the result
	maxCallers = 3
	// nearly is the share of the leading growth from which another function lowers the confidence.
	nearly = 0.6
)

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

// heapRow words a row.
func (a *analysis) heapRow(r *row, gross float64, own *owners, weights []float64, join *joiner) finding.Heap {
	b := r.best
	line, callers := a.grewAt(r, own, weights)
	flat, cum := a.flatAndCum(r)
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

// grewAt looks at the stacks of a row: the line that grew most, and who calls it.
func (a *analysis) grewAt(r *row, own *owners, weights []float64) (line int64, callers []string) {
	lines, from := map[int64]float64{}, map[string]float64{}
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
		if caller, ok := own.callerOf(r.fn, seg); ok {
			from[a.callerName(r.fn, caller)] += g
		}
	}
	if top := topKeys(lines, 1); len(top) > 0 {
		line = top[0]
	}
	return line, topKeys(from, maxCallers)
}

// callerOf returns the function that called fn, of the user's code on one stack, innermost first; helpers that all kinds of work share say
// nothing.
func (o *owners) callerOf(fn int32, seg []int32) (caller int32, ok bool) {
	at := slices.Index(seg, fn)
	if at < 0 {
		return 0, false
	}
	for _, caller := range seg[at+1:] {
		if caller != fn && !o.shared[caller] {
			return caller, true
		}
	}
	return 0, false
}

// callerName names a caller of fn, with its file where the name alone would be that of fn.
func (a *analysis) callerName(fn, caller int32) string {
	name := a.display(caller, 0)
	if f := a.stacks.fns[caller]; f.name == a.stacks.fns[fn].name && f.file != "" {
		name += " (" + f.file + ")"
	}
	return name
}

// flatAndCum returns the flat and cumulative growth of a row in the series where it shows most.
func (a *analysis) flatAndCum(r *row) (flat, cum int64) {
	name := a.stacks.fns[r.fn].name
	add := func(vs []stackBytes, sign int64) {
		for _, v := range vs {
			fs := a.stacks.of(v.stack)
			if len(fs) > 0 && a.stacks.fns[fs[0].fn].name == name {
				flat += sign * v.bytes
			}
			if slices.ContainsFunc(fs, func(f frame) bool { return f.fn == r.fn }) {
				cum += sign * v.bytes
			}
		}
	}
	before, after := r.best.endpoints()
	add(after, 1)
	add(before, -1)
	return flat, cum
}

// rowNote says of a row what its numbers do not.
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
		if o != r && o.user && o.suspicious() && o.score >= nearly*r.score {
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
