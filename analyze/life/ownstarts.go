package life

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

const (
	// ownBoot: lines of one start (a second port, further workers) lie closer than this.
	ownBoot = time.Minute
	// brokenOff and brokenWithin: a process that ends while so many requests that began so shortly before are open did not end as asked.
	brokenOff    = 3
	brokenWithin = 5 * time.Minute
	// brokenTimes is by how much they must exceed the ends that the log loses anyway.
	brokenTimes = 5
	// brokenEnds: where it is so at most ends, and so many at least, one request each will do. A process that does not yield logs no others.
	brokenEnds = 3
)

// ownEnd is an end that an application's own next start tells of.
type ownEnd struct {
	container *container
	start     *record.Lifecycle
	from      record.Time // the start before
	broken    int         // requests that had begun shortly before and never ended
	silent    bool        // another instance or start was seen to follow as well
}

// endsByOwnStarts finds the ends of which only another start tells: of the application and its metrics, or of Kubernetes. Where requests were
// broken off it is a death of unknown kind; otherwise, and where the fleet was replaced in turn, nobody knows.
func endsByOwnStarts(all []*container, unfinished map[string][]record.Time) {
	var ends []ownEnd
	fleet := 0
	for _, c := range all {
		starts := c.ownStarts()
		if len(starts) > 0 || c.first != 0 {
			fleet++
		}
		ends = append(ends, c.untoldOwnEnds(starts, unfinished[c.name])...)
	}
	inTurn := replacedInTurn(ends, fleet)
	least := leastBroken(ends, inTurn)
	died := map[*container][]Span{} // of whom another instance or start was seen to follow
	for i, x := range ends {
		c, e := x.container, x.start
		if x.broken < least || inTurn[i] {
			if !x.silent { // else it is said already
				c.addRestart(Restart{Time: e.Time, Reason: finding.StoppedReporting, Pos: e.Pos, Again: true, Detail: "started again, and " + noSourceSays})
			}
			continue
		}
		if x.silent {
			died[c] = append(died[c], Span{x.from, e.Time})
		}
		d := deathOf(e)
		d.Time = c.beginOf(e.Time, x.from).Add(-time.Millisecond)
		d.First, d.Unfinished = d.Time, x.broken
		c.addDeath(d)
	}
	for c, spans := range died {
		c.forgetSilent(spans)
	}
}

// untoldOwnEnds returns the ends before such starts of a container that nothing else tells of or explains.
func (c *container) untoldOwnEnds(starts []*record.Lifecycle, unfinished []record.Time) (ends []ownEnd) {
	if len(starts) == 0 {
		return nil
	}
	told, silent := c.endTimes()
	from := c.first
	for i, e := range starts {
		if i > 0 {
			from = starts[i-1].Time
		}
		if from == 0 || e.Time.Sub(from) <= ownBoot || told.anyIn(from+1, e.Time.Add(tellLag)) ||
			c.schedule.deployed(e.Time, signGap) || within(c.schedule.planned, e.Time) || c.endToldBetween(from, e.Time.Add(clockSlack)) {
			continue
		}
		ends = append(ends, ownEnd{container: c, start: e, from: from, broken: brokenBefore(unfinished, from, e.Time), silent: silent.anyIn(from, e.Time)})
	}
	return ends
}

// leastBroken returns how many broken requests tell that an end was a death.
func leastBroken(ends []ownEnd, inTurn map[int]bool) int {
	broken, of := 0, 0
	for i := range ends {
		if !inTurn[i] {
			of++
			if ends[i].broken > 0 {
				broken++
			}
		}
	}
	if broken >= brokenEnds && 3*broken >= 2*of {
		return 1
	}
	return brokenOff
}

// forgetSilent forgets the replacements and starts within some stretches of time, which follow one another: they are known to be deaths.
func (c *container) forgetSilent(spans []Span) {
	c.restarts = slices.DeleteFunc(c.restarts, func(s Restart) bool {
		i := sort.Search(len(spans), func(i int) bool { return spans[i].To >= s.Time })
		return (isSilent(&s) || s.TellsOfOne()) && i < len(spans) && spans[i].Contains(s.Time)
	})
}

// onlyStart reports whether an event says that a process began, of a source that never says how one ended.
func onlyStart(e *record.Lifecycle) bool {
	return e.Kind == record.Up && (e.Reason == record.Listening || e.Reason == record.StartTime)
}

// ownStarts returns the starts that the application tells of, and those after which Kubernetes does not tell how the life before had ended,
// each once.
func (c *container) ownStarts() []*record.Lifecycle {
	var starts, out []*record.Lifecycle
	for _, e := range c.events {
		if onlyStart(e) {
			starts = append(starts, e)
		}
	}
	starts = append(starts, c.again...)
	slices.SortStableFunc(starts, func(a, b *record.Lifecycle) int { return cmp.Compare(a.Time, b.Time) })
	for i, e := range starts {
		if i == 0 || e.Time.Sub(starts[i-1].Time) > ownBoot {
			out = append(out, e)
		}
	}
	return out
}

// brokenBefore counts the requests that began shortly before a new start and never ended, where they are more than the log loses anyway;
// starts are those of the unfinished requests, from is the start of the process before.
func brokenBefore(starts []record.Time, from, at record.Time) int {
	since := max(from, at.Add(-brokenWithin))
	count := func(from, to record.Time) int {
		return sort.Search(len(starts), func(i int) bool { return starts[i] >= to }) - sort.Search(len(starts), func(i int) bool { return starts[i] >= from })
	}
	n := count(since, at)
	if before := since.Sub(from); before > brokenWithin && float64(n) < brokenTimes*float64(count(from, since))*float64(brokenWithin)/float64(before) {
		return 0
	}
	return n
}

// replacedInTurn finds the ends, by their index, at which a fleet was replaced container by container: most of it, each once.
func replacedInTurn(ends []ownEnd, fleet int) map[int]bool {
	order := make([]int, len(ends))
	for i := range order {
		order[i] = i
	}
	at := func(i int) record.Time { return ends[order[i]].start.Time }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ends[a].start.Time, ends[b].start.Time) })
	found := map[int]bool{}
	for i := 0; i < len(order); {
		j, once, again := i, map[*container]bool{}, false
		for ; j < len(order) && (j == i || at(j).Sub(at(j-1)) <= rollGap); j++ {
			c := ends[order[j]].container
			again = again || once[c]
			once[c] = true
		}
		if !again && len(once) >= 2 && float64(len(once)) >= rollShare*float64(fleet) {
			for _, k := range order[i:j] {
				found[k] = true
			}
		}
		i = j
	}
	return found
}
