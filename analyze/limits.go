package analyze

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// What one analysis looks at. Its cost grows with containers, and with deaths times endpoints; a fleet that goes beyond is looked at in
// part, the same part whatever the order of the evidence, and the report says so.
const (
	// maxDeaths bounds the deaths; the last ones count.
	maxDeaths = 4_000
	// maxFleet bounds the containers: those that died last come first, then those that serve requests, then all others.
	maxFleet = 10_000
)

// left is what an analysis did not look at.
type left struct {
	deaths, containers int64
	cases              int64 // deaths before which there were more requests than are looked at one by one
}

// fleetNames returns the names of the containers: first those that died, the last ones first, then those that serve requests, then all
// others, by name.
func (t *traffic) fleetNames() []string {
	died := map[string]record.Time{}
	for i := range t.ev.Crashes {
		c := &t.ev.Crashes[i]
		died[c.Container] = max(died[c.Container], c.Time)
	}
	for i := range t.ev.Events {
		if e := &t.ev.Events[i]; e.Kind == record.Unreachable {
			died[e.Container] = max(died[e.Container], e.Time)
		}
	}
	known := map[string]bool{"": true}
	var names []string
	add := func(name string) {
		if !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	for name := range died {
		add(name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(died[b], died[a]), strings.Compare(a, b)) })
	from := len(names)
	for raw, name := range t.ev.Containers {
		if raw != intake.OtherContainers {
			add(t.canon.Of(name))
		}
	}
	slices.Sort(names[from:])
	from = len(names)
	for i := range t.ev.Events {
		add(t.ev.Events[i].Container)
	}
	for k := range t.ev.Series {
		add(k.Container)
	}
	for k := range t.ev.Seen {
		add(k.Container)
	}
	slices.Sort(names[from:])
	return names
}

// leaveOut drops the small records of containers that are not looked at.
func (t *traffic) leaveOut() {
	strange := func(name string) bool { return name != "" && t.containerIndex(name) == 0 }
	t.ev.Crashes = slices.DeleteFunc(t.ev.Crashes, func(c record.Crash) bool { return strange(c.Container) })
	t.ev.Events = slices.DeleteFunc(t.ev.Events, func(e record.Lifecycle) bool { return strange(e.Container) })
	for k := range t.ev.Series {
		if strange(k.Container) {
			delete(t.ev.Series, k)
		}
	}
	for k := range t.ev.Seen {
		if strange(k.Container) {
			delete(t.ev.Seen, k)
		}
	}
}

// notLookedAt is the index of a container that is left out.
const notLookedAt = math.MaxUint32
