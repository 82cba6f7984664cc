package life

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// silentReplacements finds instances that followed one another without any sign of an end: a source that tells of ends is missing.
func (c *container) silentReplacements() {
	// The same instance seen by several sources was there from the first sight to the last.
	by := map[string]Seen{}
	for _, s := range c.seen {
		id := cutID(s.Instance)
		if o, ok := by[id]; ok {
			s.First, s.Last, s.Instance = min(s.First, o.First), max(s.Last, o.Last), wholeID(s.Instance, o.Instance)
		}
		by[id] = s
	}
	seen := slices.SortedFunc(maps.Values(by), func(a, b Seen) int {
		return cmp.Or(cmp.Compare(a.First, b.First), strings.Compare(a.Instance, b.Instance))
	})
	// The id of a process does not follow the id of a container: each kind has a story of its own.
	pids := slices.DeleteFunc(slices.Clone(seen), func(s Seen) bool { return !isPID(s.Instance) })
	seen = slices.DeleteFunc(seen, func(s Seen) bool { return isPID(s.Instance) })
	c.followed(seen)
	c.followed(pids)
}

// followed finds the instances of one kind, in the order of their first sight, that followed one another.
func (c *container) followed(seen []Seen) {
	for i := 1; i < len(seen); i++ {
		a, b := seen[i-1], seen[i]
		if b.First <= a.Last || c.endKnown(a.Last.Add(-signGap), b.First.Add(clockSlack)) {
			continue // side by side, or told
		}
		c.addRestart(Restart{Time: a.Last, Instance: a.Instance, Reason: finding.StoppedReporting,
			Detail: fmt.Sprintf("instance %s was last seen then and %s followed; no source says how it ended", short(a.Instance), short(b.Instance))})
	}
}

// endKnown reports whether an end of the container is known in a stretch of time.
func (c *container) endKnown(from, to record.Time) bool {
	return slices.ContainsFunc(c.deaths, func(d Death) bool { return d.Time >= from && d.First <= to }) ||
		slices.ContainsFunc(c.restarts, func(s Restart) bool { return s.Time >= from && s.Time <= to })
}

// isSilent reports whether all that tells of an end is that another instance followed.
func isSilent(s *Restart) bool { return s.Reason == finding.StoppedReporting && !s.Again }

// explainReplacements gives the ends that no source explains the reason of a deploy when one lies next to them. Not those of what
// was started again in its place: a deploy puts another one there.
func (c *container) explainReplacements() {
	for i := range c.restarts {
		s := &c.restarts[i]
		if isSilent(s) && c.schedule.deployed(s.Time, signGap) {
			s.Reason = reasonDeploy
		}
	}
}

// isPID tells the id of a process from that of a container.
func isPID(id string) bool {
	return len(id) <= len("4194304") && !strings.ContainsFunc(id, func(r rune) bool { return r < '0' || r > '9' })
}

// wholeDocker is how many digits Docker's ids have; those of Cloud Run have more, begin alike, and are never cut.
const wholeDocker = 64

// cutID is the id of a container as most tools print it; other ids stay.
func cutID(id string) string {
	if IsID(id) && len(id) <= wholeDocker {
		return short(id)
	}
	return id
}

// wholeID is the one of two ids of a container that says more: the longer; of two as long the smaller, that their order does not matter.
func wholeID(a, b string) string {
	if c := cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(b, a)); c < 0 {
		return b
	}
	return a
}

// shortID is how many digits of the id of a container most tools print.
const shortID = 12

func short(id string) string {
	if len(id) > shortID {
		return id[:shortID]
	}
	return id
}
