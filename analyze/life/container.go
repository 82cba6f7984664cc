package life

import (
	"slices"
	"sort"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// bootTime is how long a container may take from the start of its start to being up.
const bootTime = 3 * time.Minute

// container is what the sources said of one container, and how it ended each time as far as that is known by now.
type container struct {
	name        string
	schedule    schedule
	crashes     []*record.Crash     // in time order
	events      []*record.Lifecycle // in time order
	seen        []Seen              // with an instance
	first, last record.Time         // of any sight of it; 0 for never

	begins      []record.Time       // see starts
	again       []*record.Lifecycle // starts by Kubernetes before which the container had ended once, and nobody tells how
	deaths      []Death
	restarts    []Restart
	diedAt      instants
	restartedAt instants
}

// containers sorts what the sources said by the containers that they said it of; they are in the order of their names.
func containers(crashes []record.Crash, events []record.Lifecycle, seen []Seen) []*container {
	by := map[string]*container{}
	var all []*container
	get := func(name string) *container {
		c := by[name]
		if c == nil {
			c = &container{name: name}
			by[name] = c
			all = append(all, c)
		}
		return c
	}
	for i := range crashes {
		if s := &crashes[i]; s.Container != "" {
			c := get(s.Container)
			c.crashes = append(c.crashes, s)
		}
	}
	for i := range events {
		if e := &events[i]; e.Container != "" {
			c := get(e.Container)
			c.events = append(c.events, e)
		}
	}
	for _, s := range seen {
		if s.Container != "" {
			get(s.Container).see(s)
		}
	}
	slices.SortFunc(all, func(a, b *container) int { return strings.Compare(a.name, b.name) })
	return all
}

func (c *container) see(s Seen) {
	if s.Instance != "" {
		c.seen = append(c.seen, s)
	}
	if c.first == 0 || s.First < c.first {
		c.first = s.First
	}
	c.last = max(c.last, s.Last)
}

// starts returns the instants at which a new life of the container is known to begin: a Starting event, or an Up event without one
// shortly before, or behind words in the same log that are always those of an end.
func (c *container) starts() []record.Time {
	var s []record.Time
	var last *record.Lifecycle
	for _, e := range c.events {
		switch e.Kind {
		case record.Starting:
			s, last = append(s, e.Time), e
		case record.Up:
			if last == nil || e.Time.Sub(last.Time) > bootTime || c.endedBetween(last, e) {
				s, last = append(s, e.Time), e
			}
		}
	}
	slices.Sort(s)
	return s
}

// endedBetween reports whether the log that tells of two starts has the last words of an end between them.
func (c *container) endedBetween(from, to *record.Lifecycle) bool {
	i := sort.Search(len(c.crashes), func(i int) bool { return c.crashes[i].Time >= from.Time })
	for ; i < len(c.crashes) && c.crashes[i].Time <= to.Time; i++ {
		if s := c.crashes[i]; fatal(s) && liesBetween(s.Pos, from.Pos, to.Pos) {
			return true
		}
	}
	return false
}

// startedBetween reports whether the log that tells of two ends has a start between them, however soon after the first: within one log the order
// of the lines is that of what happened.
func (c *container) startedBetween(from, to *record.Crash) bool {
	return slices.ContainsFunc(c.between(from.Time, to.Time), func(e *record.Lifecycle) bool {
		return (e.Kind == record.Starting || e.Kind == record.Up) && liesBetween(e.Pos, from.Pos, to.Pos)
	})
}

// liesBetween reports whether a line lies between two others of its source, oldest or newest first.
func liesBetween(p, a, b record.Pos) bool {
	return p.Source != nil && p.Source == a.Source && p.Source == b.Source && (a.Line < p.Line && p.Line < b.Line || b.Line < p.Line && p.Line < a.Line)
}

func (c *container) addDeath(d Death) {
	c.deaths = append(c.deaths, d)
	c.diedAt.add(d.Time)
}

// addBegin notes that a life had begun by an instant.
func (c *container) addBegin(at record.Time) {
	i, _ := slices.BinarySearch(c.begins, at)
	c.begins = slices.Insert(c.begins, i, at)
}

func (c *container) addRestart(r Restart) {
	r.Container = c.name
	c.restarts = append(c.restarts, r)
	c.restartedAt.add(r.Time)
}

// between returns the events of a stretch of time, ends included.
func (c *container) between(from, to record.Time) []*record.Lifecycle {
	lo := sort.Search(len(c.events), func(i int) bool { return c.events[i].Time >= from })
	hi := sort.Search(len(c.events), func(i int) bool { return c.events[i].Time > to })
	return c.events[lo:max(lo, hi)]
}

// startBetween reports whether a life is known to begin between two instants.
func (c *container) startBetween(a, b record.Time) bool {
	i := sort.Search(len(c.begins), func(i int) bool { return c.begins[i] > a })
	return i < len(c.begins) && c.begins[i] < b
}

// exitBetween reports whether the source tells of an exit between two instants.
func (c *container) exitBetween(a, b record.Time, source string) bool {
	i := sort.Search(len(c.crashes), func(i int) bool { return c.crashes[i].Time > a })
	for ; i < len(c.crashes) && c.crashes[i].Time <= b; i++ {
		if s := c.crashes[i]; s.Exited && sourceName(s.Pos) == source {
			return true
		}
	}
	return false
}

// endToldBetween reports whether the platform told of a stop, or that it lost the container, in a stretch of time, ends included.
func (c *container) endToldBetween(from, to record.Time) bool {
	return slices.ContainsFunc(c.between(from, to), func(e *record.Lifecycle) bool {
		switch e.Kind {
		case record.Stopping, record.Stopped, record.Restarting, record.Cycling, record.Unreachable:
			return true
		}
		return false
	})
}

func sourceName(p record.Pos) string {
	if p.Source == nil {
		return ""
	}
	return p.Source.Name
}
