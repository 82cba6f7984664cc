package traffic

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"lastcall/analyze/inflight"
	"lastcall/collectors/record"
)

// Paths may hold names of people, tenants or articles, few enough and asked for often enough to look like names of endpoints. Each of them
// is then an endpoint of its own, and where every death meets another one none stands out. So when the first look names nobody, endpoints
// whose paths differ in one segment are taken together, and the evidence is weighed once more.

// family is a path with one segment open.
type family struct {
	name    string   // the path with "{id}" in that place
	before  string   // what comes before that place, without the method
	members []uint32 // endpoints
	deaths  int      // at which some member was open
	open    int      // members that were open at some death
}

const (
	// minFamily is how many different segments make a family: with fewer they may well be names of endpoints.
	minFamily = 3
	// maxSegments bounds the paths that are taken apart.
	maxSegments = 20
	// toCompare is how many requests a place in paths needs, beside those of the most popular members, for their times to be compared.
	toCompare = 60
	// popular bounds what one member weighs in that: it would set the median that it is compared with.
	popular = 20
	// alike: how far from a half the share of its requests that are slower than the median of all may typically be, beyond chance, in a
	// family of values. Endpoints whose medians differ by a factor of two are 0.3 from it (log-normal times, sigma 0.6).
	alike = 0.15
)

// WithFamilies returns the traffic, not yet measured, with families of endpoints taken together: any, or those only of which one member was
// open at one death and another one at another. It returns nil where there is none. base tells how long requests usually take.
func (t *Traffic) WithFamilies(base *inflight.Baseline, anyOf bool) *Traffic {
	openAt := map[uint32]map[int]bool{}
	for i := range t.Pending {
		if p := &t.Pending[i]; p.Death >= 0 && p.Endpoint != 0 {
			if openAt[p.Endpoint] == nil {
				openAt[p.Endpoint] = map[int]bool{}
			}
			openAt[p.Endpoint][p.Death] = true
		}
	}
	all := familiesOf(t.Endpoints.Names)
	values := t.values(base, all)
	var found []*family
	for _, f := range all {
		if !values[f.before] || !t.mayJoin(base, f) {
			continue
		}
		deaths := map[int]bool{}
		for _, e := range f.members {
			if len(openAt[e]) > 0 {
				f.open++
			}
			for d := range openAt[e] {
				deaths[d] = true
			}
		}
		if f.deaths = len(deaths); anyOf || f.open >= 2 && f.deaths >= 2 {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b *family) int {
		return cmp.Or(cmp.Compare(b.deaths, a.deaths), cmp.Compare(len(b.members), len(a.members)), cmp.Compare(a.name, b.name), cmp.Compare(a.before, b.before))
	})
	nameOf := slices.Clone(t.Endpoints.Names)
	taken := map[uint32]bool{}
	names := map[string]bool{}
	for _, f := range found {
		free := slices.DeleteFunc(slices.Clone(f.members), func(e uint32) bool { return taken[e] })
		if len(free) < minFamily {
			continue
		}
		names[f.name] = true
		for _, e := range free {
			taken[e] = true
			nameOf[e] = f.name
		}
	}
	if len(names) == 0 {
		return nil
	}
	return t.renamed(nameOf, names, len(taken))
}

// familiesOf returns the families of some endpoints, in a fixed order.
func familiesOf(endpoints []string) []*family {
	type place struct {
		name string
		at   int
	}
	of := map[place]*family{}
	var list []*family
	for e := 1; e < len(endpoints); e++ {
		method, path, _ := strings.Cut(endpoints[e], " /")
		segs := strings.Split(path, "/")
		if len(segs) > maxSegments || method == record.MethodJob { // jobs are named by their code
			continue
		}
		for i, seg := range segs {
			if seg == "" {
				continue // the root
			}
			segs[i] = "{id}"
			p := place{method + " /" + strings.Join(segs, "/"), i}
			segs[i] = seg
			if of[p] == nil {
				of[p] = &family{name: p.name, before: strings.Join(segs[:i], "/")}
				list = append(list, of[p])
			}
			of[p].members = append(of[p].members, uint32(e))
		}
	}
	return slices.DeleteFunc(list, func(f *family) bool { return len(f.members) < minFamily })
}

// values tells of places in paths whether what stands there is values of a parameter rather than names of endpoints: what is asked for by
// another name takes as long, while endpoints have their own times. Where there are too few requests to tell it is not.
func (t *Traffic) values(base *inflight.Baseline, families []*family) map[string]bool {
	type spread struct{ squares, weight, chance, others float64 }
	at := map[string]*spread{}
	for _, f := range families {
		var all inflight.Histogram
		for _, e := range f.members {
			all.Merge(&base.Durations[e])
		}
		if all.N == 0 {
			continue
		}
		if at[f.before] == nil {
			at[f.before] = &spread{}
		}
		s, usual := at[f.before], all.Median()
		most := int64(0)
		for _, e := range f.members {
			if h := &base.Durations[e]; h.N > 0 {
				// Of those that take as long as all do half are slower than the median, give or take.
				n := float64(h.N)
				w := min(n, popular)
				s.squares += w * math.Pow(h.Above(usual)-0.5, 2)
				s.chance += w / (4 * n) // the variance of a half of n
				s.weight += w
				most = max(most, h.N)
			}
		}
		s.others += float64(all.N - most)
	}
	out := map[string]bool{}
	for before, s := range at {
		if s.others >= toCompare {
			out[before] = (s.squares-s.chance)/s.weight <= alike*alike
		}
	}
	return out
}

// mayJoin reports whether a family may bear its name. Where an endpoint has it already, as its other paths hold ids, the rest must be known
// to be like that one: it would be accused with them.
func (t *Traffic) mayJoin(base *inflight.Baseline, f *family) bool {
	var own *inflight.Histogram
	var rest inflight.Histogram
	for _, e := range f.members {
		if t.Endpoints.Names[e] == f.name {
			own = &base.Durations[e]
		} else {
			rest.Merge(&base.Durations[e])
		}
	}
	if own == nil {
		return true
	}
	if own.N == 0 || rest.N < popular {
		return false
	}
	return math.Abs(rest.Above(own.Median())-0.5) <= 2*alike
}

// renamed returns the traffic, not yet measured, with other names for its endpoints; those with one name are one.
func (t *Traffic) renamed(nameOf []string, families map[string]bool, members int) *Traffic {
	again := *t
	again.Endpoints.Families, again.Endpoints.Joined = families, members
	again.Endpoints.Names = append([]string{nameOf[0]}, slices.Compact(slices.Sorted(slices.Values(nameOf[1:])))...)
	to := make([]uint32, len(nameOf))
	for e, name := range nameOf[1:] {
		at, _ := slices.BinarySearch(again.Endpoints.Names[1:], name)
		to[e+1] = uint32(at + 1)
	}
	again.Endpoints.of = make([]uint32, len(t.Endpoints.of))
	for raw, e := range t.Endpoints.of {
		again.Endpoints.of[raw] = to[e]
	}
	again.Pending = slices.Clone(t.Pending)
	for i := range again.Pending {
		p := &again.Pending[i]
		p.Endpoint, p.Death = to[p.Endpoint], -1
	}
	return &again
}
