package heap

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
)

const (
	// carries is the share of what a piece of work keeps that a function deeper in it must carry to be named instead of it.
	carries = 0.6
	// manyCallers is from how many functions a function must be called to be a shared helper; fewCallers where its file says so …
	manyCallers = 3
	fewCallers  = 2
	// … unless it grows for so many of them at once: with at least ownCallers that each make up aCaller of its growth, and none
	// that makes up oneCaller, it is the helper itself that keeps what it is given.
	ownCallers = 3
	aCaller    = 0.15
	oneCaller  = 0.6
	// entryShare is the share of all growth from which a piece of work is looked at closely.
	entryShare = 0.001
	// sharedRounds bounds the search for helpers of helpers.
	sharedRounds = 3
)

// sharedFile matches files that by their name or folder serve everybody.
var sharedFile = regexp.MustCompile(`(?i)(^|/)(shared|common|utils?|helpers?|support|lib|libs|toolkit|infra|infrastructure)(/|\.[a-z]+$)`)

// owners assigns every stack to one function: the innermost of the user's own code that carries most of what the piece of work
// keeps. Starting at the function that a framework or the runtime called (the entry), it goes inwards as long as one function
// carries most of it, past helpers that all kinds of work share. So it names the function that a person would: neither
// main, nor the string helper that happened to allocate. A function that goes on after an await begins a stack of its own; it
// belongs to the piece of work that called it elsewhere.
type owners struct {
	a *analysis
	// of is by stack; -1 where there is none of the user's code.
	of    []int32
	paths *paths
	// shared are the helpers that all kinds of work use, by function.
	shared []bool
}

// segment appends the functions of the user's code that make up the innermost piece of work of a stack, innermost first. A
// function without a name counts as the one it is written in, where that is on the stack.
func (a *analysis) segment(dst []int32, stack int32) []int32 {
	fs := a.stacks.of(stack)
	base, begun := len(dst), false
	for i, f := range fs {
		fn := a.stacks.fns[f.fn]
		switch {
		case fn.code == codeUser:
			begun = true
			id := f.fn
			if anonymous(fn.name) {
				id = a.named(fs[i:])
			}
			if n := len(dst); n == base || dst[n-1] != id {
				dst = append(dst, id)
			}
		case begun && a.class.dispatches(fn):
			return dst
		}
	}
	return dst
}

// named returns the nearest caller of the first frame in the same file that has a name: the function it is written in; or the
// first frame's own function.
func (a *analysis) named(fs []frame) int32 {
	f := a.stacks.fns[fs[0].fn]
	for _, fr := range fs[1:] {
		if g := a.stacks.fns[fr.fn]; g.file == f.file && g.code == codeUser && !anonymous(g.name) {
			return fr.fn
		}
	}
	return fs[0].fn
}

// firsts keeps the first few different functions, each plus one; zero is none.
type firsts [manyCallers]int32

func (s *firsts) see(fn int32) {
	for i, e := range s {
		if e == fn+1 {
			return
		}
		if e == 0 {
			s[i] = fn + 1
			return
		}
	}
}

func (s *firsts) atLeast(n int) bool { return s[n-1] != 0 }

// paths are the segments of all stacks, made once and walked in several passes.
type paths struct {
	fns    []int32
	offset []int32
	// parent is the caller of a function where stacks show one caller only; -1 otherwise.
	parent []int32
}

// of appends the functions of the user's code behind a stack, innermost first, to dst[:0]: its segment, and past its entry the
// callers that other stacks show.
func (p *paths) of(dst []int32, stack int32) []int32 {
	dst = append(dst[:0], p.fns[p.offset[stack]:p.offset[stack+1]]...)
	if len(dst) == 0 {
		return dst
	}
	for range maxAwaits {
		up := p.parent[dst[len(dst)-1]]
		if up < 0 || slices.Contains(dst, up) {
			break
		}
		dst = append(dst, up)
	}
	return dst
}

// maxAwaits bounds the callers that are added past the entry of a stack.
const maxAwaits = 8

func (a *analysis) newPaths() *paths {
	n := int32(a.stacks.len())
	p := &paths{offset: make([]int32, 1, n+1), parent: make([]int32, len(a.stacks.fns))}
	for id := range n {
		p.fns = a.segment(p.fns, id)
		p.offset = append(p.offset, int32(len(p.fns)))
	}
	callers := make([]firsts, len(a.stacks.fns))
	for id := range n {
		seg := p.fns[p.offset[id]:p.offset[id+1]]
		for i := range len(seg) - 1 {
			callers[seg[i]].see(seg[i+1])
		}
	}
	for fn := range p.parent {
		p.parent[fn] = -1
		f := a.stacks.fns[fn]
		// A Go stack is whole: what begins it was called by nobody.
		if c := callers[fn]; c.atLeast(1) && !c.atLeast(2) && languageOf(f.name, f.file) != langGo {
			p.parent[fn] = c[0] - 1
		}
	}
	return p
}

// findOwners decides from the growth of each stack, summed over all series by their weight.
func (a *analysis) findOwners(growth []float64) *owners {
	o := &owners{a: a, of: make([]int32, a.stacks.len()), paths: a.newPaths(), shared: make([]bool, len(a.stacks.fns))}
	w := o.workOf(growth)
	for range sharedRounds {
		if !o.findShared(growth, w) {
			break
		}
	}
	cum := o.growthThrough(growth, w)
	var seg []int32
	for id := range o.of {
		o.of[id] = -1
		own := int(o.paths.offset[id+1] - o.paths.offset[id]) // functions that are on the stack itself
		if own > 0 {
			seg = o.paths.of(seg, int32(id))
			o.of[id] = seg[o.carrier(seg, own, w, cum)]
		}
	}
	return o
}

// work is the growth of each piece of work, by its entry.
type work struct {
	whole []float64
	total float64 // of all
}

func (o *owners) workOf(growth []float64) work {
	w := work{whole: make([]float64, len(o.a.stacks.fns))}
	var seg []int32
	for id, g := range growth {
		w.total += max(0, g)
		if seg = o.paths.of(seg, int32(id)); len(seg) > 0 {
			w.whole[seg[len(seg)-1]] += g
		}
	}
	return w
}

// matters reports whether a piece of work is looked at closely.
func (w *work) matters(entry int32) bool {
	return w.whole[entry] > 0 && w.whole[entry] >= entryShare*w.total
}

// growthThrough returns the growth through each function of the pieces of work that matter, by entry and function.
func (o *owners) growthThrough(growth []float64, w work) map[[2]int32]float64 {
	cum := map[[2]int32]float64{}
	var seg []int32
	for id, g := range growth {
		if seg = o.paths.of(seg, int32(id)); g == 0 || len(seg) == 0 {
			continue
		}
		entry := seg[len(seg)-1]
		if !w.matters(entry) {
			continue
		}
		for i, fn := range seg {
			if !slices.Contains(seg[:i], fn) {
				cum[[2]int32{entry, fn}] += g
			}
		}
	}
	return cum
}

// carrier returns the place in seg, among the first own of it, of the function that carries most of what the piece of work keeps.
func (o *owners) carrier(seg []int32, own int, w work, cum map[[2]int32]float64) int {
	entry := seg[len(seg)-1]
	if !w.matters(entry) { // little or nothing grew here: the innermost that is no helper
		at := 0
		for at < own-1 && o.shared[seg[at]] {
			at++
		}
		return at
	}
	at := len(seg) - 1
	for i := len(seg) - 2; i >= 0 && cum[[2]int32{entry, seg[i]}] >= carries*w.whole[entry]; i-- {
		if !o.shared[seg[i]] {
			at = i
		}
	}
	return min(at, own-1)
}

// findShared looks for helpers among the functions not known as such, by who calls them past known helpers. It reports whether it
// found any.
func (o *owners) findShared(growth []float64, w work) bool {
	a := o.a
	callers := make([]firsts, len(a.stacks.fns))
	by := map[[2]int32]float64{} // growth of a function by caller
	through := map[int32]float64{}
	var seg []int32
	for id := range int32(a.stacks.len()) {
		if seg = o.paths.of(seg, id); len(seg) < 2 {
			continue
		}
		big := growth[id] != 0 && w.matters(seg[len(seg)-1])
		caller := seg[len(seg)-1] // the nearest that is no helper
		for i := len(seg) - 2; i >= 0; i-- {
			fn := seg[i]
			if fn == caller {
				continue
			}
			callers[fn].see(caller)
			if big && !slices.Contains(seg[:i], fn) {
				by[[2]int32{fn, caller}] += growth[id]
				through[fn] += growth[id]
			}
			if !o.shared[fn] {
				caller = fn
			}
		}
	}
	most, growing := map[int32]float64{}, map[int32]int{}
	for k, g := range by {
		most[k[0]] = max(most[k[0]], g)
		if g > 0 && g >= aCaller*through[k[0]] {
			growing[k[0]]++
		}
	}
	found := false
	for f := range callers {
		fn := int32(f)
		many := callers[f].atLeast(manyCallers) || callers[f].atLeast(fewCallers) && sharedFile.MatchString(a.stacks.fns[f].file)
		if many && !o.shared[fn] && (growing[fn] < ownCallers || most[fn] >= oneCaller*through[fn]) {
			o.shared[fn] = true
			found = true
		}
	}
	return found
}

// owner returns the function that a stack counts for, and whether it is the user's code. A stack without any counts for its
// innermost frame of a library, or for its innermost frame.
func (o *owners) owner(stack int32) (fn int32, user bool) {
	if fn := o.of[stack]; fn >= 0 {
		return fn, true
	}
	fs := o.a.stacks.of(stack)
	if len(fs) == 0 {
		return o.a.stacks.function("(no stack)", ""), false
	}
	for _, f := range fs {
		if o.a.stacks.fns[f.fn].code == codeLibrary {
			return f.fn, false
		}
	}
	return fs[0].fn, false
}

// display is the name of a function for a person.
func (a *analysis) display(fn int32, line int64) string {
	f := a.stacks.fns[fn]
	if !anonymous(f.name) {
		return f.name
	}
	if f.file == "" {
		return "(anonymous)"
	}
	if m := anonymousPosition.FindStringSubmatch(f.name); m != nil {
		return fmt.Sprintf("(anonymous) %s:%s", path.Base(f.file), m[1])
	}
	if line > 0 {
		return fmt.Sprintf("(anonymous) %s:%d", path.Base(f.file), line)
	}
	return "(anonymous) " + path.Base(f.file)
}

// topKeys returns the keys of the n largest positive values, largest first, ties by key.
func topKeys[K cmp.Ordered](m map[K]float64, n int) []K {
	keys := slices.SortedFunc(maps.Keys(m), func(x, y K) int { return cmp.Or(cmp.Compare(m[y], m[x]), cmp.Compare(x, y)) })
	var out []K
	for _, k := range keys {
		if len(out) == n || m[k] <= 0 {
			break
		}
		out = append(out, k)
	}
	return out
}
