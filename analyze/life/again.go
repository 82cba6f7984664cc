package life

import (
	"cmp"
	"fmt"
	"maps"
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

// startedAgain finds the ends of which only the next start tells. Kubernetes says what it kills, and its events do not say what ends by
// itself: a container that it started twice, with no end between that anybody tells of, ended once for a reason that is not known.
func (c *container) startedAgain() {
	var ends []record.Time
	for i := range c.deaths {
		ends = append(ends, c.deaths[i].Time)
	}
	for i := range c.restarts {
		ends = append(ends, c.restarts[i].Time)
	}
	slices.Sort(ends)
	for _, starts := range c.kubernetesStarts() {
		explained := make([]bool, len(starts))
		next := 1 // each end explains one start
		for _, t := range ends {
			if t <= starts[0].Time {
				continue // of the life before
			}
			for next < len(starts) && starts[next].Time < t.Add(-tellLag) {
				next++
			}
			if next < len(starts) {
				explained[next] = true
				next++
			}
		}
		for i := 1; i < len(starts); i++ {
			a, b := starts[i-1], starts[i]
			// Starts that were merged have no time, and each had an end before it.
			times := 1 + b.Merged
			if b.Merged > 0 {
				for _, t := range ends {
					if t > a.Time && t <= b.Time.Add(tellLag) {
						times--
					}
				}
			}
			if explained[i] && b.Merged == 0 || times <= 0 || c.askedBetween(a.Time, b.Time.Add(clockSlack)) {
				continue
			}
			at := b.Time
			if k, found := slices.BinarySearch(c.begins, at); !found && k > 0 && c.begins[k-1] > a.Time && at.Sub(c.begins[k-1]) <= bootTime {
				at = c.begins[k-1]
			}
			detail := "started again, and no source says how it had ended"
			if times > 1 {
				detail = fmt.Sprintf("started again %d times up to then, and no source says how it had ended", times)
			}
			c.restart(Restart{Time: at, Reason: finding.StoppedReporting, Pos: b.Pos, Again: true, Times: times, Detail: detail})
		}
	}
}

// askedBetween reports whether the platform told of a stop, or that it lost the container, between two instants.
func (c *container) askedBetween(from, to record.Time) bool {
	return slices.ContainsFunc(c.between(from, to), func(e *record.Lifecycle) bool {
		switch e.Kind {
		case record.Stopping, record.Stopped, record.Restarting, record.Cycling, record.Unreachable:
			return true
		}
		return false
	})
}

// kubernetesStarts returns the starts that Kubernetes tells of, by what was started, each once and in time order. Its events come of the
// containers of a pod, some of which go by the pod's name: those have different texts. The state of a pod is of its main container.
func (c *container) kubernetesStarts() [][]*record.Lifecycle {
	events, state := map[string][]*record.Lifecycle{}, []*record.Lifecycle(nil)
	for _, e := range c.events {
		switch {
		case e.Kind != record.Up:
		case e.Reason == "Started":
			events[e.Text] = append(events[e.Text], e)
		case e.Reason == "startedAt":
			state = append(state, e)
		}
	}
	var out [][]*record.Lifecycle
	for _, text := range slices.Sorted(maps.Keys(events)) {
		of := events[text]
		if len(events) == 1 { // so it is the same container
			of, state = append(of, state...), nil
			slices.SortStableFunc(of, func(a, b *record.Lifecycle) int { return cmp.Compare(a.Time, b.Time) })
		}
		out = append(out, once(of))
	}
	if len(state) > 0 {
		out = append(out, once(state))
	}
	return out
}

// once leaves out the starts that are told a second time. One source tells of each once; another one may have another clock.
func once(starts []*record.Lifecycle) []*record.Lifecycle {
	out := starts[:0]
	for _, e := range starts {
		if n := len(out); n > 0 {
			last := out[n-1]
			again := e.Text != "" && e.Text == last.Text && sourceName(e.Pos) == sourceName(last.Pos) && e.Time > last.Time
			if !again && e.Time.Sub(last.Time) <= signGap {
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

// ownEnd is an end that an application's own next start tells of.
type ownEnd struct {
	container *container
	start     *record.Lifecycle
	from      record.Time // the start before
	broken    int         // requests that had begun shortly before and never ended
	silent    bool        // another instance was seen to follow as well
}

// endsByOwnStarts finds the ends of which only the application and its metrics tell, by another start. Where requests were broken off it is
// a death of unknown kind; otherwise, and where the fleet was replaced in turn, nobody knows.
func endsByOwnStarts(all []*container, deploys []Deploy, planned []Span, unfinished map[string][]record.Time) {
	var ends []ownEnd
	fleet := 0
	for _, c := range all {
		starts := c.ownStarts()
		if len(starts) > 0 || c.first != 0 {
			fleet++
		}
		if len(starts) == 0 {
			continue
		}
		told, silent := c.endTimes()
		for i, e := range starts {
			from := c.first
			if i > 0 {
				from = starts[i-1].Time
			}
			if from == 0 || e.Time.Sub(from) <= ownBoot || anyWithin(told, from+1, e.Time.Add(tellLag)) ||
				deployed(deploys, e.Time) || in(planned, e.Time) || c.askedBetween(from, e.Time.Add(clockSlack)) {
				continue
			}
			ends = append(ends, ownEnd{container: c, start: e, from: from, broken: brokenBefore(unfinished[c.name], from, e.Time), silent: anyWithin(silent, from, e.Time)})
		}
	}
	inTurn := replacedInTurn(ends, fleet)
	broken, of := 0, 0
	for i := range ends {
		if !inTurn[i] {
			of++
			if ends[i].broken > 0 {
				broken++
			}
		}
	}
	least := brokenOff
	if broken >= brokenEnds && 3*broken >= 2*of {
		least = 1
	}
	died := map[*container][]Span{}
	for i, x := range ends {
		c, e := x.container, x.start
		if x.broken < least || inTurn[i] {
			if !x.silent { // else it is said already
				c.restart(Restart{Time: e.Time, Reason: finding.StoppedReporting, Pos: e.Pos, Again: true, Detail: "started again, and no source says how it had ended"})
			}
			continue
		}
		if x.silent {
			died[c] = append(died[c], Span{x.from, e.Time})
		}
		at := e.Time.Add(-time.Millisecond)
		c.addDeath(Death{Time: at, First: at, Container: c.name, Instance: e.Instance, Kind: record.CrashOther, ExitCode: -1,
			Service: e.Service, Host: e.Host, Version: e.Version, Unfinished: x.broken,
			Signs: []Sign{{Pos: e.Pos, Time: e.Time, Kind: record.CrashOther, Text: e.Text}}})
	}
	for c, spans := range died {
		c.restarts = slices.DeleteFunc(c.restarts, func(s Restart) bool {
			// The spans follow one another.
			i := sort.Search(len(spans), func(i int) bool { return spans[i].To >= s.Time })
			return isSilent(&s) && i < len(spans) && spans[i].Contains(s.Time)
		})
	}
}

// endTimes returns when the container ended as far as some source tells why, and when all that tells of it is that another instance
// followed; both sorted.
func (c *container) endTimes() (told, silent []record.Time) {
	for i := range c.deaths {
		told = append(told, c.deaths[i].Time)
	}
	for i := range c.restarts {
		if s := &c.restarts[i]; isSilent(s) {
			silent = append(silent, s.Time)
		} else {
			told = append(told, s.Time)
		}
	}
	slices.Sort(told)
	slices.Sort(silent)
	return told, silent
}

// deployed reports whether an end that no source explains came with a deploy.
func deployed(deploys []Deploy, at record.Time) bool {
	return slices.ContainsFunc(deploys, func(d Deploy) bool { return at >= d.Time.Add(-signGap) && at <= d.Time.Add(deployTime) })
}

// isSilent reports whether all that tells of an end is that another instance followed.
func isSilent(s *Restart) bool { return s.Reason == finding.StoppedReporting && !s.Again }

// anyWithin reports whether one of some sorted instants lies in a stretch of time, ends included.
func anyWithin(at []record.Time, from, to record.Time) bool {
	i, _ := slices.BinarySearch(at, from)
	return i < len(at) && at[i] <= to
}

// onlyStart reports whether an event says that a process began, of a source that never says how one ended.
func onlyStart(e *record.Lifecycle) bool {
	return e.Kind == record.Up && (e.Reason == record.Listening || e.Reason == record.StartTime)
}

// ownStarts returns the starts that the application tells of, each once.
func (c *container) ownStarts() []*record.Lifecycle {
	var out []*record.Lifecycle
	last := record.Time(0)
	for _, e := range c.events {
		if !onlyStart(e) {
			continue
		}
		if len(out) == 0 || e.Time.Sub(last) > ownBoot {
			out = append(out, e)
		}
		last = e.Time
	}
	return out
}

// brokenBefore counts the requests that began shortly before a new start and never ended, where they are more than the log loses anyway;
// from is the start before.
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
