package analyze

import (
	"cmp"
	"math"
	"slices"
	"strings"

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

// notLookedAt is the index of a container that is left out, and otherContainers the number of the names beyond maxContainers.
const (
	notLookedAt     = math.MaxUint32
	otherContainers = 1
)

// fleetNames returns the names of the containers: first those that died, the last ones first, then those that serve requests, then all
// others, by name.
func (t *traffic) fleetNames() []string {
	died := map[string]record.Time{}
	for i := range t.crashes {
		c := &t.crashes[i]
		died[c.Container] = max(died[c.Container], c.Time)
	}
	for i := range t.events {
		if e := &t.events[i]; e.Kind == record.Unreachable {
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
	for raw, name := range t.all.containers.list {
		if raw != otherContainers {
			add(t.canon.of(name))
		}
	}
	slices.Sort(names[from:])
	from = len(names)
	for i := range t.events {
		add(t.events[i].Container)
	}
	for k := range t.series {
		add(k.container)
	}
	for k := range t.seen {
		add(k.container)
	}
	slices.Sort(names[from:])
	return names
}

// leaveOut drops the small records of containers that are not looked at.
func (t *traffic) leaveOut() {
	strange := func(name string) bool { return name != "" && t.containerIndex(name) == 0 }
	t.crashes = slices.DeleteFunc(t.crashes, func(c record.Crash) bool { return strange(c.Container) })
	t.events = slices.DeleteFunc(t.events, func(e record.Lifecycle) bool { return strange(e.Container) })
	for k := range t.series {
		if strange(k.container) {
			delete(t.series, k)
		}
	}
	for k := range t.seen {
		if strange(k.container) {
			delete(t.seen, k)
		}
	}
}
