package endpoint

import (
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Overflow is the name of the endpoint that takes what does not fit into the table.
const Overflow = "(other)"

// value stands in templates for segments that are values.
const value = "{id}"

// Limits of the table.
const (
	// MaxRaw bounds the templates held before collapsing: a million different ones must not take the memory.
	MaxRaw = 50_000
	// MaxEndpoints bounds the endpoints after collapsing: the rest is never accused.
	MaxEndpoints = 5_000
	// minFanout: under one prefix, more than 30 different children, of which at least 80 % have fewer than 3 requests and none
	// of which is 1 % of the prefix's traffic, are values rather than names.
	minFanout   = 30
	rareHits    = 3
	rareShare   = 0.8
	commonShare = 0.01
	// So many whose names are written alike, and have numbers, are values however often each is asked for (see manyNumbered).
	// manyFanout: so many children are values however often each is asked for. Nobody names a thousand siblings, and each product of a
	// shop is asked for a few times a day.
	manyFanout = 1000
	// maxFanout bounds the children that are kept under one prefix, as so many are values: those that come later are taken for values at
	// once. A child that is to keep its name has commonShare of the requests and is among the first, unless it begins late; the bound is
	// above manyFanout for what those who look for weak spots ask for before.
	maxFanout    = 5 * manyFanout
	fanoutDepths = 12
	// maxPlaces bounds the prefixes of which children are counted.
	maxPlaces = 4 * MaxRaw
	// maxLocal bounds one goroutine's memory of the table.
	maxLocal = 2 * MaxRaw
)

// Table interns templates for several goroutines. Ids are dense and start at 0; id 0 is Overflow.
type Table struct {
	mu     sync.RWMutex
	ids    map[string]uint32
	names  []string
	places map[childOf]uint32 // the children of prefixes, which are numbered; 0 is the empty one
	fanout []uint16           // by prefix: how many children it has, values apart
	full   bool               // some template did not fit
}

// childOf is a segment under the prefix of this number.
type childOf struct {
	under   uint32
	segment string
}

// NewTable returns a Table that holds Overflow only.
func NewTable() *Table {
	return &Table{ids: map[string]uint32{Overflow: 0}, names: []string{Overflow}, places: map[childOf]uint32{}, fanout: []uint16{0}}
}

// Interner is one goroutine's way into a Table: lookups that hit need no lock.
type Interner struct {
	table *Table
	local map[string]uint32
	paths paths
	buf   []byte
}

// Interner returns a new Interner of t.
func (t *Table) Interner() *Interner { return &Interner{table: t, local: make(map[string]uint32)} }

// ID returns the id of the template of a request: of its route when it has one, else of its path.
func (in *Interner) ID(method, path, route []byte) uint32 {
	if len(route) == 0 {
		if at := in.paths.find(path); at != nil {
			if m := in.paths.method(method); m >= 0 {
				end := &at.ends[m]
				if *end == 0 {
					*end = in.template(method, path, nil) + 1
				}
				return *end - 1
			}
		}
	}
	return in.template(method, path, route)
}

// template takes a path or route apart and looks its template up.
func (in *Interner) template(method, path, route []byte) uint32 {
	b := append(in.buf[:0], method...)
	if len(method) == 0 {
		b = append(b, "ANY"...)
	}
	b = append(b, ' ')
	if len(route) > 0 {
		b = AppendRoute(b, route)
	} else {
		b = AppendTemplate(b, path)
	}
	in.buf = b
	if id, ok := in.local[string(b)]; ok {
		return id
	}
	id := in.table.intern(string(b))
	if len(in.local) >= maxLocal {
		clear(in.local) // only hostile or raw-id traffic comes here: forget rather than grow
	}
	in.local[string(b)] = id
	return id
}

func (t *Table) intern(name string) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id, ok := t.ids[name]; ok {
		return id
	}
	name, ok := t.narrowed(name)
	if id, known := t.ids[name]; known {
		return id
	}
	if !ok || len(t.names) >= MaxRaw {
		t.full = true
		return 0
	}
	id := uint32(len(t.names))
	t.names = append(t.names, name)
	t.ids[name] = id
	return id
}

// narrowed is a template whose segments are values where their prefix has too many children to be kept; ok is false where it has no place.
func (t *Table) narrowed(name string) (_ string, ok bool) {
	_, path, _ := strings.Cut(name, " /")
	var under uint32
	for rest, depth := path, 0; depth < fanoutDepths && rest != ""; depth++ {
		segment, after, more := strings.Cut(rest, "/")
		next, known := t.places[childOf{under, segment}]
		if !known {
			if segment != value && t.fanout[under] >= maxFanout {
				begin := len(name) - len(rest)
				name = name[:begin] + value + name[begin+len(segment):]
				segment = value
				next, known = t.places[childOf{under, segment}]
			}
			if !known {
				if len(t.fanout) >= maxPlaces {
					return name, false
				}
				next = uint32(len(t.fanout))
				t.fanout = append(t.fanout, 0)
				t.places[childOf{under, segment}] = next
				if segment != value {
					t.fanout[under]++
				}
			}
		}
		under, rest = next, after
		if !more {
			break
		}
	}
	return name, true
}

// Len returns the number of raw templates, Overflow included.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.names)
}

// Full reports whether some template did not fit and counts as Overflow. Which ones do follows from the order in which they came.
func (t *Table) Full() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.full
}

// child is one value of a segment under one prefix.
type child struct {
	n       int64
	entries []int // the templates that have it
}

var locale = regexp.MustCompile(`^[a-z]{2}([-_][A-Za-z]{2})?$`)

// entry is one template on its way to the name of its endpoint.
type entry struct {
	raw    uint32
	method string
	segs   []string
	n      int64 // requests
	// refused says that all of them were answered as if there were no such endpoint: how many there are of these says nothing about others.
	refused bool
}

const (
	// minLocales is how many language codes beside other names make a parameter: two letters may well be a name.
	minLocales = 3
	// localeShare of what is asked for under a language must be under names that most of the languages have.
	localeShare = 0.5
)

// locales returns the children that are language codes, if they are values of one parameter: where there is nothing else, or where several
// have the same below them, as the pages of a site have in each language. At is the place of the children in the templates.
func locales(children map[string]*child, entries []entry, at int) (codes []string) {
	for seg := range children {
		if locale.MatchString(seg) {
			codes = append(codes, seg)
		}
	}
	if len(codes) == len(children) && len(codes) >= 2 {
		return codes
	}
	if len(codes) < minLocales {
		return nil
	}
	below := func(i int) string {
		if segs := entries[i].segs; len(segs) > at+1 {
			return segs[at+1]
		}
		return ""
	}
	has := map[string]int{} // by name below: how many codes
	for _, code := range codes {
		seen := map[string]bool{}
		for _, i := range children[code].entries {
			if name := below(i); !seen[name] {
				seen[name] = true
				has[name]++
			}
		}
	}
	all := len(codes)
	codes = slices.DeleteFunc(codes, func(code string) bool {
		var shared int64
		for _, i := range children[code].entries {
			if 2*has[below(i)] > all {
				shared += entries[i].n
			}
		}
		return float64(shared) < localeShare*float64(children[code].n)
	})
	if len(codes) < minLocales {
		return nil
	}
	return codes
}

// placeRefused gives the templates that only refused requests have the segments at a depth that the others have there. What is none of these
// is a value where there are many.
func placeRefused(entries []entry, depth int) {
	known, strange := map[string]map[string]bool{}, map[string]map[string]bool{}
	put := func(in map[string]map[string]bool, e *entry) {
		prefix := strings.Join(e.segs[:depth], "/")
		if in[prefix] == nil {
			in[prefix] = map[string]bool{}
		}
		in[prefix][e.segs[depth]] = true
	}
	for i := range entries {
		if e := &entries[i]; len(e.segs) > depth {
			if e.refused {
				put(strange, e)
			} else {
				put(known, e)
			}
		}
	}
	if len(strange) == 0 {
		return
	}
	for i := range entries {
		e := &entries[i]
		if !e.refused || len(e.segs) <= depth {
			continue
		}
		prefix := strings.Join(e.segs[:depth], "/")
		if of := known[prefix]; !of[e.segs[depth]] && (of[value] || len(strange[prefix]) > minFanout) {
			e.segs[depth] = value
		}
	}
}

// formOf is what the words and numbers of a segment are written as, where it has both or several: "red-fox-12" and "old-house-by-the-sea-7"
// are "a-0". It is empty for words alone, and for what numbers a name, as "form12" does: there may be many of these.
func formOf(seg string) string {
	form := make([]byte, 0, len(seg))
	numbers := false
	for i := range len(seg) {
		c := seg[i]
		switch {
		case c >= '0' && c <= '9':
			c, numbers = '0', true
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= 0x80:
			c = 'a'
		}
		n := len(form)
		if n > 0 && form[n-1] == c {
			continue
		}
		if c == 'a' && n > 1 && form[n-2] == 'a' && form[n-1] != '0' { // another word
			form = form[:n-1]
			continue
		}
		form = append(form, c)
	}
	if !numbers || len(form) < len("a-0") {
		return ""
	}
	return string(form)
}

// manyNumbered returns the forms with numbers that more than minFanout children have: nobody names so many siblings by numbers, however often
// some of them are asked for.
func manyNumbered(g map[string]*child) map[string]bool {
	count := map[string]int{}
	for seg := range g {
		if form := formOf(seg); form != "" && seg != value {
			count[form]++
		}
	}
	many := map[string]bool{}
	for form, n := range count {
		if n > minFanout {
			many[form] = true
		}
	}
	return many
}

// Collapse looks at all templates with their numbers of requests and returns, for each raw id, the id of its endpoint in names.
// refused tells of which raw templates all requests were answered as if there were no such endpoint; nil where none were.
// names is sorted, so that the answer does not depend on the order in which templates were seen; names[0] is Overflow.
// overflow is how many endpoints were put into Overflow because there are too many.
func (t *Table) Collapse(counts []int64, refused []bool) (of []uint32, names []string, overflow int64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	entries := make([]entry, 0, len(t.names)-1)
	for raw := 1; raw < len(t.names); raw++ {
		method, path, _ := strings.Cut(t.names[raw], " ")
		e := entry{raw: uint32(raw), method: method, segs: strings.Split(strings.TrimPrefix(path, "/"), "/")}
		if raw < len(counts) {
			e.n = counts[raw]
		}
		e.refused = raw < len(refused) && refused[raw]
		entries = append(entries, e)
	}
	// One depth at a time, from the left: what is collapsed at one depth makes equal prefixes for the next.
	for depth := range fanoutDepths {
		groups := map[string]map[string]*child{}
		for i, e := range entries {
			if len(e.segs) <= depth || e.refused {
				continue
			}
			prefix := strings.Join(e.segs[:depth], "/")
			g := groups[prefix]
			if g == nil {
				g = map[string]*child{}
				groups[prefix] = g
			}
			c := g[e.segs[depth]]
			if c == nil {
				c = &child{}
				g[e.segs[depth]] = c
			}
			c.n += e.n
			c.entries = append(c.entries, i)
		}
		for _, g := range groups {
			for _, code := range locales(g, entries, depth) {
				for _, i := range g[code].entries {
					entries[i].segs[depth] = value
				}
				delete(g, code)
			}
			if len(g) <= minFanout {
				continue
			}
			var total int64
			rare := 0
			for seg, c := range g {
				total += c.n
				if c.n < rareHits && seg != value {
					rare++
				}
			}
			many := float64(rare) >= rareShare*float64(len(g)) || len(g) > manyFanout
			numbered := manyNumbered(g)
			for seg, c := range g {
				common := float64(c.n) >= commonShare*float64(total) && c.n >= rareHits
				if seg == value || (!many || common) && !numbered[formOf(seg)] {
					continue
				}
				for _, i := range c.entries {
					entries[i].segs[depth] = value
				}
			}
		}
		placeRefused(entries, depth)
	}
	total := map[string]int64{}
	final := make([]string, len(t.names))
	for _, e := range entries {
		name := e.method + " /" + strings.Join(e.segs, "/")
		final[e.raw] = name
		total[name] += e.n
	}
	all := make([]string, 0, len(total))
	for name := range total {
		all = append(all, name)
	}
	if len(all) > MaxEndpoints {
		sort.Slice(all, func(i, j int) bool {
			if total[all[i]] != total[all[j]] {
				return total[all[i]] > total[all[j]]
			}
			return all[i] < all[j]
		})
		overflow = int64(len(all) - MaxEndpoints)
		all = all[:MaxEndpoints]
	}
	sort.Strings(all)
	names = append([]string{Overflow}, all...)
	index := make(map[string]uint32, len(names))
	for i, n := range names {
		index[n] = uint32(i)
	}
	of = make([]uint32, len(t.names))
	for raw := 1; raw < len(t.names); raw++ {
		of[raw] = index[final[raw]] // 0, Overflow, when cut
	}
	return of, names, overflow
}
