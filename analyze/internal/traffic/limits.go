package traffic

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
	// MaxDeaths bounds the deaths; the last ones count.
	MaxDeaths = 4_000
	// MaxFleet bounds the containers: those that died last come first, then those that serve requests, then all others.
	MaxFleet = 10_000
)

// Left is what an analysis did not look at.
type Left struct {
	Deaths, Containers int64 // beyond MaxDeaths and MaxFleet
	Open               int64 // starts without an id that were forgotten because too many stayed open
	Outside            int64 // records that lie far outside the evidence
}

// fleetNames returns the names of the containers: first those that died, the last ones first, then those that serve requests, then all
// others, by name.
func (t *Traffic) fleetNames() []string {
	died := map[string]record.Time{}
	for i := range t.Evidence.Crashes {
		c := &t.Evidence.Crashes[i]
		died[c.Container] = max(died[c.Container], c.Time)
	}
	for i := range t.Evidence.Events {
		if e := &t.Evidence.Events[i]; e.Kind == record.Unreachable {
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
	for raw, name := range t.Evidence.Containers {
		if raw != intake.OtherContainers {
			add(t.Names.Of(name))
		}
	}
	slices.Sort(names[from:])
	from = len(names)
	for i := range t.Evidence.Events {
		add(t.Evidence.Events[i].Container)
	}
	for k := range t.Evidence.Series {
		add(k.Container)
	}
	for k := range t.Evidence.Seen {
		add(k.Container)
	}
	slices.Sort(names[from:])
	return names
}

// leaveOut drops the small records of containers that are not looked at.
func (t *Traffic) leaveOut() {
	strange := func(name string) bool { return name != "" && t.Containers.Index(name) == 0 }
	t.Evidence.Crashes = slices.DeleteFunc(t.Evidence.Crashes, func(c record.Crash) bool { return strange(c.Container) })
	t.Evidence.Events = slices.DeleteFunc(t.Evidence.Events, func(e record.Lifecycle) bool { return strange(e.Container) })
	for k := range t.Evidence.Series {
		if strange(k.Container) {
			delete(t.Evidence.Series, k)
		}
	}
	for k := range t.Evidence.Seen {
		if strange(k.Container) {
			delete(t.Evidence.Seen, k)
		}
	}
}

// notLookedAt is the index of a container that is left out.
const notLookedAt = math.MaxUint32
