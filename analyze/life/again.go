package life

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// noSourceSays is the detail of an end that only a start tells of.
const noSourceSays = "no source says how it had ended"

// startedAgain finds the ends of which only the next start tells. Kubernetes says what it kills, and its events do not say what ends by
// itself: a container that it started twice, with no end between that anybody tells of, ended once for a reason that is not known.
func (c *container) startedAgain() {
	told, silent := c.endTimes()
	ends := slices.Concat(told, silent)
	slices.Sort(ends)
	for _, starts := range c.kubernetesStarts() {
		explained := explainedStarts(starts, ends)
		for i := 1; i < len(starts); i++ {
			before, start := starts[i-1], starts[i]
			times := untoldEnds(before, start, ends)
			if explained[i] && start.Merged == 0 || times <= 0 || c.endToldBetween(before.Time, start.Time.Add(clockSlack)) {
				continue
			}
			detail := "started again, and " + noSourceSays
			if times == 1 {
				c.again = append(c.again, start)
			} else {
				detail = fmt.Sprintf("started again %d times up to then, and %s", times, noSourceSays)
			}
			c.addRestart(Restart{Time: c.beginOf(start.Time, before.Time), Reason: finding.StoppedReporting, Pos: start.Pos, Again: true, Times: times, Detail: detail})
		}
	}
}

// explainedStarts returns which of the starts followed one of the ends: each end explains one start, the first after it. An end that is told
// late may come after its start.
func explainedStarts(starts []*record.Lifecycle, ends []record.Time) []bool {
	explained := make([]bool, len(starts))
	next := 1
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
	return explained
}

// untoldEnds returns how many ends before a start nobody tells of, its own taken for one of them: the starts that were merged into it have no
// time, and each had an end before it.
func untoldEnds(before, start *record.Lifecycle, ends []record.Time) int {
	n := 1 + start.Merged
	if start.Merged == 0 {
		return n
	}
	for _, t := range ends {
		if t > before.Time && t <= start.Time.Add(tellLag) {
			n--
		}
	}
	return n
}

// beginOf returns when the life began that was up at an instant, and not before another one.
func (c *container) beginOf(up, after record.Time) record.Time {
	if k, found := slices.BinarySearch(c.begins, up); !found && k > 0 && c.begins[k-1] > after && up.Sub(c.begins[k-1]) <= bootTime {
		return c.begins[k-1]
	}
	return up
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

// endTimes returns when the container ended as far as some source tells why, and when all that tells of it is what followed: another
// instance, or the next start.
func (c *container) endTimes() (told, silent instants) {
	for i := range c.deaths {
		told = append(told, c.deaths[i].Time)
	}
	for i := range c.restarts {
		if s := &c.restarts[i]; isSilent(s) || s.TellsOfOne() {
			silent = append(silent, s.Time)
		} else {
			told = append(told, s.Time)
		}
	}
	slices.Sort(told)
	slices.Sort(silent)
	return told, silent
}
