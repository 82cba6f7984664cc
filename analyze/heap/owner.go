package heap

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
)

const (
	// carries is the share of what a piece of work keeps that a function deeper in it must carry to be named instead of it.
	carries = 0.6
	// manyEntries is in how many different pieces of work a function must be seen to be a shared helper …
	manyEntries = 3
	// entryShare is the share of all growth from which a piece of work is looked at closely.
	entryShare = 0.001
	// oneEntry … and the share of its growth that one of them must make up: then that one is to blame, not the helper.
	oneEntry = 0.8
)

// owners assigns every stack to one function: the innermost of the user's own code that carries most of what the piece of work
// keeps. Starting at the function that a framework or the runtime called (the entry), it goes inwards as long as one function
// carries most of it, past helpers that all kinds of work share. So it names the function that a person would: neither
// main, nor the string helper that happened to allocate.
type owners struct {
	a *analysis
	// entryOf and of are by stack; -1 where there is none of the user's code.
	entryOf, of []int32
	// shared are the helpers that all kinds of work use.
	shared map[int32]bool
}

// segment appends the functions of the user's code that make up the innermost piece of work of a stack, innermost first.
func (a *analysis) segment(dst []int32, stack int32) []int32 {
	for _, f := range a.stacks.of(stack) {
		fn := a.stacks.fns[f.fn]
		if fn.code == codeUser {
			dst = append(dst, f.fn)
		} else if len(dst) > 0 && a.class.dispatches(fn) {
			break
		}
	}
	return dst
}

// findOwners decides from the growth of each stack, summed over all series by their weight.
func (a *analysis) findOwners(growth []float64) *owners {
	n := a.stacks.len()
	o := &owners{a: a, entryOf: make([]int32, n), of: make([]int32, n), shared: map[int32]bool{}}
	// Segments are walked three times rather than kept: they are as many as stacks.
	var seg []int32
	whole := map[int32]float64{} // by entry
	var total float64
	for id := range int32(n) {
		seg = a.segment(seg[:0], id)
		o.entryOf[id], o.of[id] = -1, -1
		if len(seg) > 0 {
			o.entryOf[id] = seg[len(seg)-1]
			whole[o.entryOf[id]] += growth[id]
		}
		total += max(0, growth[id])
	}
	matters := func(entry int32) bool { return whole[entry] > 0 && whole[entry] >= entryShare*total }

	entries := make([][manyEntries]int32, len(a.stacks.fns)) // the first entries each function was seen under, less one for none
	through := make([]float64, len(a.stacks.fns))
	cum := map[[2]int32]float64{} // growth through a function, by entry
	for id := range int32(n) {
		entry := o.entryOf[id]
		if entry < 0 {
			continue
		}
		seg = a.segment(seg[:0], id)
		g := growth[id]
		big := matters(entry)
		for i, fn := range seg {
			if slices.Contains(seg[:i], fn) {
				continue
			}
			if fn != entry {
				see(&entries[fn], entry+1)
			}
			through[fn] += g
			if big && g != 0 {
				cum[[2]int32{entry, fn}] += g
			}
		}
	}
	most := map[int32]float64{}
	for k, g := range cum {
		if k[0] != k[1] {
			most[k[1]] = max(most[k[1]], g)
		}
	}
	for fn, seen := range entries {
		if f := int32(fn); seen[manyEntries-1] != 0 && most[f] >= oneEntry*through[f] {
			o.shared[f] = true
		}
	}
	for id := range int32(n) {
		entry := o.entryOf[id]
		if entry < 0 {
			continue
		}
		seg = a.segment(seg[:0], id)
		var at int
		if matters(entry) {
			at = len(seg) - 1
			for i := len(seg) - 2; i >= 0 && cum[[2]int32{entry, seg[i]}] >= carries*whole[entry]; i-- {
				if !o.shared[seg[i]] {
					at = i
				}
			}
		} else { // little or nothing grew here: the innermost that is no helper
			for at < len(seg)-1 && o.shared[seg[at]] {
				at++
			}
		}
		o.of[id] = o.named(id, seg[at])
	}
	return o
}

// see notes an entry, unless it is known or there are enough.
func see(seen *[manyEntries]int32, entry int32) {
	for i, e := range seen {
		if e == entry {
			return
		}
		if e == 0 {
			seen[i] = entry
			return
		}
	}
}

// named replaces a function without a name by the nearest caller in the same file that has one: the function it is written in.
func (o *owners) named(stack, fn int32) int32 {
	f := o.a.stacks.fns[fn]
	if !anonymous(f.name) {
		return fn
	}
	met := false
	for _, fr := range o.a.stacks.of(stack) {
		if fr.fn == fn {
			met = true
			continue
		}
		if g := o.a.stacks.fns[fr.fn]; met && g.file == f.file && g.code == codeUser && !anonymous(g.name) {
			return fr.fn
		}
	}
	return fn
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
