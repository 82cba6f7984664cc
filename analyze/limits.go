package analyze

import (
	"slices"

	"lastcall/collectors/record"
)

// What one analysis looks at. Its cost grows with containers, and with deaths times endpoints; a fleet that goes beyond is looked at in
// part, the same part whatever the order of the evidence, and the report says so.
const (
	// maxSigns bounds the records of deaths, of which one death may have three; the last ones count.
	maxSigns = 4_000
	// maxEvents bounds starts, stops and deploys; the last ones count.
	maxEvents = 20_000
	// maxFleet bounds the containers.
	maxFleet = 10_000
)

// left is what an analysis did not look at.
type left struct{ signs, events, containers int64 }

// limit leaves out what goes beyond. The small records are in the order of time, and lie in the window.
func (t *traffic) limit() {
	if n := len(t.crashes) - maxSigns; n > 0 {
		t.left.signs, t.crashes = int64(n), t.crashes[n:]
	}
	if n := len(t.events) - maxEvents; n > 0 {
		t.left.events, t.events = int64(n), t.events[n:]
	}
	fleet := t.fleetNames()
	if len(fleet) <= maxFleet {
		return
	}
	t.left.containers = int64(len(fleet) - maxFleet)
	stays := map[string]bool{"": true}
	for _, name := range fleet[:maxFleet] {
		stays[name] = true
	}
	t.crashes = slices.DeleteFunc(t.crashes, func(c record.Crash) bool { return !stays[c.Container] })
	t.events = slices.DeleteFunc(t.events, func(e record.Lifecycle) bool { return !stays[e.Container] })
	for k := range t.series {
		if !stays[k.container] {
			delete(t.series, k)
		}
	}
	for k := range t.seen {
		if !stays[k.container] {
			delete(t.seen, k)
		}
	}
}

// fleetNames returns the containers: first those that died, then those that served requests, then all others, by name.
func (t *traffic) fleetNames() []string {
	var names []string
	known := map[string]bool{"": true}
	from := 0
	add := func(name string) {
		if !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	done := func() {
		slices.Sort(names[from:])
		from = len(names)
	}
	for i := range t.crashes {
		add(t.crashes[i].Container)
	}
	done()
	for _, raw := range t.all.containers.list {
		add(t.canon.of(raw))
	}
	done()
	for i := range t.events {
		add(t.events[i].Container)
	}
	for k := range t.series {
		add(k.container)
	}
	for k := range t.seen {
		add(k.container)
	}
	done()
	return names
}
