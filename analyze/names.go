package analyze

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// names interns the container names that requests carry. Id 0 is the empty name.
type names struct {
	mu   sync.Mutex
	ids  map[string]uint32
	list []string
}

func newNames() *names {
	return &names{ids: map[string]uint32{"": 0}, list: []string{"", "(other)"}} // by number: none, otherContainers
}

func (n *names) id(name string) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[name]; ok {
		return id
	}
	if len(n.list) >= maxContainers {
		return otherContainers
	}
	id := uint32(len(n.list))
	n.ids[name] = id
	n.list = append(n.list, name)
	return id
}

// maxContainers bounds the names of containers.
const maxContainers = 1 << 20

// dotted is Heroku's way to write what others write with a dash.
var dotted = regexp.MustCompile(`^[a-z][a-z0-9_-]*\.[0-9]+$`)

// canon brings the names that sources use for one container together: "/web-1", "WEB-1", "web.1" and the id or its first
// twelve digits, once some record names both.
type canon struct {
	alone map[string]bool   // keys of names without a slash
	alias map[string]string // key of a name or instance id -> display name
	at    map[string]string // network address -> display name
	// counted are the kills whose container is known by the count of its restarts.
	counted map[sign]bool
}

// key is how names are compared: without what stands before them in a path (of a control group, an ARN) and in small letters.
func key(name string) string {
	k := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), "/"))
	if before, last, ok := cutLast(k); ok && (hexID(last) || strings.Contains(before, "/") || strings.HasPrefix(before, "arn:")) {
		k = last
	}
	if dotted.MatchString(k) {
		k = strings.Replace(k, ".", "-", 1)
	}
	return k
}

// cutLast cuts a name at its last slash.
func cutLast(name string) (before, last string, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// key is the key of a name that may be two. "pod/sidecar" is a container of its own, and each pod has one of that name, while
// "namespace/pod" is the pod: which it is follows from what has a name by itself.
func (c *canon) key(name string) string {
	k := key(name)
	if before, last, ok := cutLast(k); ok && c.alone[last] && !c.alone[before] {
		return last
	}
	return k
}

// hexID reports whether s is a container id, whole or cut to 12 digits or more.
func hexID(s string) bool {
	if len(s) < 12 || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// newCanon learns from everything that names a container. What platforms say decides how a name is shown, then the first in
// alphabetical order.
func newCanon(s *shard, requestNames []string) *canon {
	c := &canon{alone: map[string]bool{}, alias: map[string]string{}, at: map[string]string{}}
	s.eachName(requestNames, func(name string, _ bool) {
		if k := key(name); !strings.Contains(k, "/") {
			c.alone[k] = true
		}
	})
	shown := map[string]string{}
	platform := map[string]bool{}
	s.eachName(requestNames, func(name string, isPlatform bool) {
		k := c.key(name)
		old, ok := shown[k]
		switch {
		case !ok, isPlatform && !platform[k], isPlatform == platform[k] && name < old:
			shown[k] = name
			platform[k] = isPlatform
		}
	})
	pair, at := map[string]string{}, map[string]string{}
	tie := func(name, instance string) {
		instance = strings.ToLower(instance)
		k := c.key(name)
		if name == "" || !hexID(instance) {
			return
		}
		id := instance[:12]
		if hexID(k) && k[:12] == id {
			return // the id itself, whole or cut
		}
		if old, ok := pair[id]; !ok || k < old {
			pair[id] = k
		}
	}
	for i := range s.crashes {
		tie(s.crashes[i].Container, s.crashes[i].Instance)
	}
	for i := range s.events {
		tie(s.events[i].Container, s.events[i].Instance)
		if a := addressOf(s.events[i].Address); a != "" {
			k := c.key(s.events[i].Container)
			if other, ok := at[a]; ok && other != k {
				k = "" // an address that two had tells of neither
			}
			at[a] = k
		}
	}
	for k := range s.series {
		tie(k.container, k.instance)
	}
	for k, name := range shown {
		if hexID(k) {
			if real, ok := pair[k[:12]]; ok {
				c.alias[k] = shown[real]
				continue
			}
		}
		c.alias[k] = name
	}
	for id, real := range pair {
		if _, ok := c.alias[id]; !ok {
			c.alias[id] = shown[real]
		}
	}
	for a, k := range at {
		if k != "" {
			c.at[a] = shown[k]
		}
	}
	return c
}

// eachName calls f for every name of a container that some record has, often more than once; platform says that it is a platform's word.
func (s *shard) eachName(requestNames []string, f func(name string, platform bool)) {
	see := func(name string, platform bool) {
		if name != "" {
			f(name, platform)
		}
	}
	for i := range s.crashes {
		see(s.crashes[i].Container, true)
	}
	for i := range s.events {
		see(s.events[i].Container, true)
	}
	for k := range s.series {
		see(k.container, false)
	}
	for raw, n := range requestNames {
		if raw != otherContainers {
			see(n, false)
		}
	}
	for i := range s.jobs {
		see(s.jobs[i].Container, false)
	}
	for i := range s.profiles {
		see(s.profiles[i].Container, false)
	}
}

// addressOf returns the IP address that a name is, without its port; empty when it is none.
func addressOf(name string) string {
	if a, err := netip.ParseAddrPort(name); err == nil {
		return a.Addr().Unmap().String()
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return a.Unmap().String()
	}
	return ""
}

// of returns the one name of a container.
func (c *canon) of(name string) string {
	if name == "" {
		return ""
	}
	if len(c.at) > 0 {
		if n := c.at[addressOf(name)]; n != "" {
			return n
		}
	}
	k := c.key(name)
	if n, ok := c.alias[k]; ok {
		return n
	}
	if hexID(k) {
		if n, ok := c.alias[k[:12]]; ok {
			return n
		}
	}
	return name
}

// apply rewrites the names in all small records. A crash or event that names only an instance gets its container; one that names only a
// process is looked at when all have their names.
func (c *canon) apply(s *shard) {
	var processes []*record.Crash
	for i := range s.crashes {
		k := &s.crashes[i]
		if k.Container == "" && k.Instance != "" {
			if k.Container = c.of(k.Instance); k.Container == k.Instance && processID(k.Instance) && c.alias[k.Instance] == "" {
				k.Container = ""
				processes = append(processes, k)
			}
		} else {
			k.Container = c.of(k.Container)
		}
	}
	for i := range s.events {
		k := &s.events[i]
		if k.Container == "" && hexID(k.Instance) {
			k.Container = c.of(k.Instance)
		} else {
			k.Container = c.of(k.Container)
		}
	}
	for i := range s.jobs {
		s.jobs[i].Container = c.of(s.jobs[i].Container)
	}
	for i := range s.profiles {
		s.profiles[i].Container = c.of(s.profiles[i].Container)
	}
	c.tieProcesses(s, processes)
	merged := map[seriesKey]*series{}
	keys := make([]seriesKey, 0, len(s.series))
	for k := range s.series {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := keys[i], keys[j]
		if a.container != b.container {
			return a.container < b.container
		}
		if a.instance != b.instance {
			return a.instance < b.instance
		}
		if a.metric != b.metric {
			return a.metric < b.metric
		}
		return a.format < b.format
	})
	for _, k := range keys {
		nk := k
		nk.container = c.of(k.container)
		if o := merged[nk]; o != nil {
			o.points = append(o.points, s.series[k].points...)
			continue
		}
		merged[nk] = s.series[k]
	}
	s.series = merged
	seen := map[seenKey]*sighting{}
	for k, v := range s.seen {
		nk := seenKey{c.of(k.container), k.instance}
		if o := seen[nk]; o != nil {
			o.add(v.first)
			o.add(v.last)
			continue
		}
		seen[nk] = v
	}
	s.seen = seen
}

// readTwice reports whether two equal records are one line of a file that was given under two names.
func readTwice(a, b record.Pos) bool {
	return a.Source != b.Source && a.Line == b.Line && a.Line != 0
}

// sortSmall puts the small records into an order that does not depend on how they came in.
func sortSmall(s *shard) {
	life.SortCrashes(s.crashes)
	life.SortEvents(s.events)
	sort.SliceStable(s.jobs, func(i, j int) bool {
		a, b := &s.jobs[i], &s.jobs[j]
		if a.Start != b.Start {
			return a.Start < b.Start
		}
		return a.Container+a.Name < b.Container+b.Name
	})
	sort.SliceStable(s.profiles, func(i, j int) bool {
		a, b := &s.profiles[i], &s.profiles[j]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.Name < b.Name
	})
	// Lines that were read twice are one.
	s.crashes = slices.CompactFunc(s.crashes, func(a, b record.Crash) bool {
		twice := readTwice(a.Pos, b.Pos)
		b.Pos = a.Pos
		return twice && a == b
	})
	s.events = slices.CompactFunc(s.events, func(a, b record.Lifecycle) bool {
		twice := readTwice(a.Pos, b.Pos)
		b.Pos = a.Pos
		return twice && a == b
	})
	s.jobs = slices.CompactFunc(s.jobs, func(a, b record.Job) bool {
		twice := readTwice(a.Pos, b.Pos)
		b.Pos = a.Pos
		return twice && a == b
	})
	slices.SortStableFunc(s.exposures, func(a, b record.Exposure) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), strings.Compare(a.Container, b.Container), strings.Compare(a.Route, b.Route),
			strings.Compare(a.Method, b.Method), strings.Compare(a.Service, b.Service), cmp.Compare(a.Count, b.Count), cmp.Compare(a.Max, b.Max), cmp.Compare(a.P99, b.P99))
	})
	for _, e := range s.series {
		pts := e.points
		sort.SliceStable(pts, func(i, j int) bool {
			if pts[i].t != pts[j].t {
				return pts[i].t < pts[j].t
			}
			return pts[i].v < pts[j].v
		})
		// The same point from two sources is one point.
		out := pts[:0]
		for i, p := range pts {
			if i > 0 && p.t == out[len(out)-1].t {
				out[len(out)-1].v = p.v
				continue
			}
			out = append(out, p)
		}
		e.points = out
	}
}
