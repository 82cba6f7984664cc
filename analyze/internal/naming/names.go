// Package naming brings the names together that sources use for one container. Router, application and platform write them in their own
// ways (names.go); a kernel tells of a process (process.go), whose container may be known by the count of restarts only
// (process_count.go); a proxy tells of an address, which may be known by when its connections broke (tie.go).
//
// [Resolve] rewrites the small records of the evidence; of the many requests the names are asked for, by [Canon.Of].
package naming

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strings"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// dotted is Heroku's way to write what others write with a dash.
var dotted = regexp.MustCompile(`^[a-z][a-z0-9_-]*\.[0-9]+$`)

// Resolve brings the names of all records together, and returns what it learned. from and to bound the window that was asked for; 0 where
// it was not.
func Resolve(ev *intake.Evidence, from, to record.Time) (*Canon, error) {
	unclear := namePods(ev)
	tiePods(ev)
	c := newCanon(ev)
	c.unclear = unclear
	var err error
	if c.Tied, err = c.tieByBreaks(ev, from, to); err != nil {
		return nil, err
	}
	named, err := c.apply(ev)
	if err == nil && named && c.Tied == 0 {
		c.Tied, err = c.tieByBreaks(ev, from, to) // now that it is known who died
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Canon brings the names that sources use for one container together: "/web-1", "WEB-1", "web.1" and the id or its first
// twelve digits, once some record names both.
type Canon struct {
	alone map[string]bool   // keys of names without a slash
	alias map[string]string // key of a name or instance id -> display name
	at    map[string]string // network address -> display name
	turns map[string]bool   // addresses that containers had in turn, which stand for all of them
	// counted are the kills whose container is known by the count of its restarts.
	counted map[Sign]bool
	// unclear are the pods, by key, of which nothing tells which of their containers what is told of the pod alone is about.
	unclear map[string][]string
	// Tied is how many containers were known by when their connections broke.
	Tied int
}

// key is how names are compared: without what stands before them in a path (of a control group, an ARN) and in small letters.
func key(name string) string {
	k := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), "/"))
	if before, last, ok := cutLast(k); ok && (HexID(last) || strings.Contains(before, "/") || strings.HasPrefix(before, "arn:")) {
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
func (c *Canon) key(name string) string {
	k := key(name)
	if before, last, ok := cutLast(k); ok && c.alone[last] && !c.alone[before] {
		return last
	}
	return k
}

// HexID reports whether s is a container id, whole or cut to 12 digits or more.
func HexID(s string) bool {
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
func newCanon(ev *intake.Evidence) *Canon {
	c := &Canon{alone: map[string]bool{}, alias: map[string]string{}, at: map[string]string{}, turns: map[string]bool{}}
	eachName(ev, func(name string, _ bool) {
		if k := key(name); !strings.Contains(k, "/") {
			c.alone[k] = true
		}
	})
	shown := map[string]string{}
	platform := map[string]bool{}
	eachName(ev, func(name string, isPlatform bool) {
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
		if name == "" || !HexID(instance) {
			return
		}
		id := instance[:12]
		if HexID(k) && k[:12] == id {
			return // the id itself, whole or cut
		}
		if old, ok := pair[id]; !ok || k < old {
			pair[id] = k
		}
	}
	for i := range ev.Crashes {
		tie(ev.Crashes[i].Container, ev.Crashes[i].Instance)
	}
	for i := range ev.Events {
		tie(ev.Events[i].Container, ev.Events[i].Instance)
		if a := AddressOf(ev.Events[i].Address); a != "" {
			k := c.key(ev.Events[i].Container)
			if other, ok := at[a]; ok && other != k {
				k = "" // an address that two had tells of neither, unless they had it in turn
			}
			at[a] = k
		}
	}
	turns := c.takeTurns(ev)
	for k := range ev.Series {
		tie(k.Container, k.Instance)
	}
	for k, name := range shown {
		if HexID(k) {
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
	for k, a := range turns {
		c.at[a] = a
		c.takeAddress(k, a)
	}
	c.joinProject(ev, shown)
	return c
}

// takeAddress has a container, given by its key, go by an address that others have before and after it.
func (c *Canon) takeAddress(k, address string) {
	c.alias[k], c.turns[address] = address, true
	if HexID(k) {
		c.alias[k[:12]] = address
	}
}

// eachName calls f for every name of a container that some record has, often more than once; platform says that it is a platform's word.
func eachName(ev *intake.Evidence, f func(name string, platform bool)) {
	see := func(name string, platform bool) {
		if name != "" {
			f(name, platform)
		}
	}
	for i := range ev.Crashes {
		see(ev.Crashes[i].Container, true)
	}
	for i := range ev.Events {
		see(ev.Events[i].Container, true)
	}
	for k := range ev.Series {
		see(k.Container, false)
	}
	for raw, n := range ev.Containers {
		if raw != intake.OtherContainers {
			see(n, false)
		}
	}
	for i := range ev.Jobs {
		see(ev.Jobs[i].Container, false)
	}
	for i := range ev.Profiles {
		see(ev.Profiles[i].Container, false)
	}
}

// AddressOf returns the IP address that a name is, without its port; empty when it is none.
func AddressOf(name string) string {
	if a, err := netip.ParseAddrPort(name); err == nil {
		return a.Addr().Unmap().String()
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return a.Unmap().String()
	}
	return ""
}

// Of returns the one name of a container.
func (c *Canon) Of(name string) string {
	if name == "" {
		return ""
	}
	if len(c.at) > 0 {
		if n := c.at[AddressOf(name)]; n != "" {
			return n
		}
	}
	k := c.key(name)
	if n, ok := c.alias[k]; ok {
		return n
	}
	if HexID(k) {
		if n, ok := c.alias[k[:12]]; ok {
			return n
		}
	}
	return name
}

// ofBoth returns the one name of a container and the id of its life, which is its own name where an address stands for it.
func (c *Canon) ofBoth(name, instance string) (string, string) {
	of := c.Of(name)
	if c.turns[of] && of != name {
		instance = cmp.Or(instance, name)
	}
	return of, instance
}

// apply rewrites the names in all small records. A crash or event that names only an instance gets its container; one that names only a
// process, or nobody, is looked at when all have their names; named says that some of these got one.
func (c *Canon) apply(ev *intake.Evidence) (named bool, err error) {
	var processes, words []*record.Crash
	for i := range ev.Crashes {
		k := &ev.Crashes[i]
		if k.Container == "" && k.Instance == "" {
			words = append(words, k)
		} else if k.Container == "" {
			if k.Container = c.Of(k.Instance); k.Container == k.Instance && processID(k.Instance) && c.alias[k.Instance] == "" {
				k.Container = ""
				processes = append(processes, k)
			}
		} else {
			k.Container, k.Instance = c.ofBoth(k.Container, k.Instance)
		}
	}
	for i := range ev.Events {
		k := &ev.Events[i]
		if k.Container == "" && HexID(k.Instance) {
			k.Container = c.Of(k.Instance)
		} else {
			k.Container, k.Instance = c.ofBoth(k.Container, k.Instance)
		}
	}
	for i := range ev.Jobs {
		ev.Jobs[i].Container = c.Of(ev.Jobs[i].Container)
	}
	for i := range ev.Profiles {
		ev.Profiles[i].Container = c.Of(ev.Profiles[i].Container)
	}
	words = slices.DeleteFunc(words, func(k *record.Crash) bool { return k.Exited || k.Time == 0 })
	if len(processes)+len(words) > 0 {
		s := &speech{}
		said := slices.DeleteFunc(slices.Concat(processes, words), func(k *record.Crash) bool { return k.Kind == record.CrashOOMKill && k.Instance != "" }) // by a kernel
		if len(said) > 0 {
			if s, err = c.hear(ev, said); err != nil {
				return false, err
			}
		}
		c.tieProcesses(ev, slices.Clone(processes), s)
		tieWords(ev, words, s)
		named = slices.ContainsFunc(slices.Concat(processes, words), func(k *record.Crash) bool {
			_, process := IsProcess(k.Container)
			return k.Container != "" && !process
		})
	}
	renameMeasured(ev, c.Of)
	return named, nil
}

// rename gives small records other names, those of containers; two that get one name are one.
func rename(ev *intake.Evidence, of func(string) string) {
	for i := range ev.Crashes {
		ev.Crashes[i].Container = of(ev.Crashes[i].Container)
	}
	for i := range ev.Events {
		ev.Events[i].Container = of(ev.Events[i].Container)
	}
	for i := range ev.Jobs {
		ev.Jobs[i].Container = of(ev.Jobs[i].Container)
	}
	for i := range ev.Profiles {
		ev.Profiles[i].Container = of(ev.Profiles[i].Container)
	}
	renameMeasured(ev, of)
}

// renameMeasured is rename for curves and for when instances were seen.
func renameMeasured(ev *intake.Evidence, of func(string) string) {
	merged := map[intake.SeriesKey]*intake.Series{}
	keys := make([]intake.SeriesKey, 0, len(ev.Series))
	for k := range ev.Series {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := keys[i], keys[j]
		if a.Container != b.Container {
			return a.Container < b.Container
		}
		if a.Instance != b.Instance {
			return a.Instance < b.Instance
		}
		if a.Metric != b.Metric {
			return a.Metric < b.Metric
		}
		return a.Format < b.Format
	})
	for _, k := range keys {
		nk := k
		nk.Container = of(k.Container)
		if o := merged[nk]; o != nil {
			o.Points = append(o.Points, ev.Series[k].Points...)
			continue
		}
		merged[nk] = ev.Series[k]
	}
	ev.Series = merged
	seen := map[intake.SeenKey]*intake.Sighting{}
	for k, v := range ev.Seen {
		nk := intake.SeenKey{Container: of(k.Container), Instance: k.Instance}
		if o := seen[nk]; o != nil {
			o.Add(v.First)
			o.Add(v.Last)
			continue
		}
		seen[nk] = v
	}
	ev.Seen = seen
}

// readTwice reports whether two equal records are one line of a file that was given under two names.
func readTwice(a, b record.Pos) bool {
	return a.Source != b.Source && a.Line == b.Line && a.Line != 0
}

// Sort puts the small records into an order that does not depend on how they came in.
func Sort(ev *intake.Evidence) {
	life.SortCrashes(ev.Crashes)
	life.SortEvents(ev.Events)
	sort.SliceStable(ev.Jobs, func(i, j int) bool {
		a, b := &ev.Jobs[i], &ev.Jobs[j]
		if a.Start != b.Start {
			return a.Start < b.Start
		}
		return a.Container+a.Name < b.Container+b.Name
	})
	sort.SliceStable(ev.Profiles, func(i, j int) bool {
		a, b := &ev.Profiles[i], &ev.Profiles[j]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.Name < b.Name
	})
	// Lines that were read twice are one.
	ev.Crashes = slices.CompactFunc(ev.Crashes, func(a, b record.Crash) bool {
		twice := readTwice(a.Pos, b.Pos)
		b.Pos = a.Pos
		return twice && a == b
	})
	ev.Events = slices.CompactFunc(ev.Events, func(a, b record.Lifecycle) bool {
		twice := readTwice(a.Pos, b.Pos)
		b.Pos = a.Pos
		return twice && a == b
	})
	ev.Jobs = slices.CompactFunc(ev.Jobs, func(a, b record.Job) bool {
		twice := readTwice(a.Pos, b.Pos)
		b.Pos = a.Pos
		return twice && a == b
	})
	slices.SortStableFunc(ev.Exposures, func(a, b record.Exposure) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), strings.Compare(a.Container, b.Container), strings.Compare(a.Route, b.Route),
			strings.Compare(a.Method, b.Method), strings.Compare(a.Service, b.Service), cmp.Compare(a.Count, b.Count), cmp.Compare(a.Max, b.Max), cmp.Compare(a.P99, b.P99))
	})
	for _, e := range ev.Series {
		pts := e.Points
		sort.SliceStable(pts, func(i, j int) bool {
			if pts[i].T != pts[j].T {
				return pts[i].T < pts[j].T
			}
			return pts[i].V < pts[j].V
		})
		// The same point from two sources is one point.
		out := pts[:0]
		for i, p := range pts {
			if i > 0 && p.T == out[len(out)-1].T {
				out[len(out)-1].V = p.V
				continue
			}
			out = append(out, p)
		}
		e.Points = out
	}
}
