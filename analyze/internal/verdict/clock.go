package verdict

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

const (
	// clockStories: so many stories of deaths at least must keep to a clock for it to be told.
	clockStories = 4
	// clockP is how probable it may be at most that deaths come so close to its strokes by chance, over all clocks that are tried.
	clockP = 0.001
)

// clocks are the intervals at which timers are usually set, all of which strike at the full hour, the longest first.
func clocks() []time.Duration {
	return []time.Duration{time.Hour, 30 * time.Minute, 20 * time.Minute, 15 * time.Minute, 10 * time.Minute, 5 * time.Minute}
}

// clock is an interval to whose strokes deaths keep.
type clock struct {
	every       time.Duration
	after, upTo time.Duration // the stroke
	stories     int
}

func (c clock) String() string {
	return fmt.Sprintf("%d stories of deaths begin %.0f to %.0f s after a %s", c.stories, c.after.Seconds(), c.upTo.Seconds(), c.name())
}

// name says when it strikes.
func (c clock) name() string {
	if c.every < time.Hour {
		return fmt.Sprintf("full %.0f minutes of the hour", c.every.Minutes())
	}
	return "full hour"
}

// clockOf finds the clock to which instants keep, if they keep to one. What does not follow a clock lies anywhere between its strokes: that
// n instants all lie within a stretch w of an interval P by chance has probability n·(w/P)ⁿ⁻¹ (the range of points on a circle, Stevens 1939).
func clockOf(at []record.Time) (best clock, ok bool) {
	n := len(at)
	if n < clockStories {
		return clock{}, false
	}
	least := clockP / float64(len(clocks()))
	for _, every := range clocks() {
		phases := make([]time.Duration, n)
		for i, t := range at {
			phases[i] = time.Duration(int64(t) % int64(every))
		}
		slices.Sort(phases)
		first, widest := 0, phases[0]+every-phases[n-1] // the widest gap ends at the first of them
		for i := 1; i < n; i++ {
			if gap := phases[i] - phases[i-1]; gap > widest {
				first, widest = i, gap
			}
		}
		width := every - widest
		if p := float64(n) * math.Pow(float64(width)/float64(every), float64(n-1)); p < least && phases[first] < every/2 {
			least = p
			best, ok = clock{every, phases[first], phases[first] + width, n}, true
		}
	}
	return best, ok
}

// tellClock says of deaths that nothing explains that they keep to a clock, if they do.
func (q *inquiry) tellClock(c *candidate) {
	told := map[int]bool{}
	var at []record.Time
	for _, d := range c.deaths {
		if chain := q.open.cases[d].Chain; !told[chain] {
			told[chain] = true
			at = append(at, q.traffic.Deaths.At[d])
		}
	}
	k, ok := clockOf(at)
	if !ok {
		return
	}
	c.verdict.Summary += fmt.Sprintf(" They keep to a clock: %s; look at what a timer starts then.", k)
	c.checks = append(c.checks, finding.Check{Rule: "rival.clock", Outcome: finding.Supports,
		Detail: k.String() + ": a job, a timer, or whatever is sent then"})
}

func clockRule() finding.Rule {
	return finding.Rule{ID: "rival.clock", Title: "Deaths by the clock", Question: "Do deaths that nothing explains keep to a clock?",
		Test: "The first deaths of the stories, by how long they come after a full hour, 30, 20, 15, 10 and 5 minutes: the probability that so many lie within so short a stretch of such an interval by chance, n·(w/P)ⁿ⁻¹.",
		Thresholds: []finding.Threshold{{Name: "stories", Value: strconv.Itoa(clockStories), Why: "deaths within 20 minutes may follow from one another"},
			{Name: "p", Value: fmt.Sprintf("%g over all intervals", clockP), Why: "six are tried"}},
		Source: "Stevens 1939, the covering of a circle by arcs", Limits: "It tells when to look, not at what: a job, a timer in the process, or a request that is sent then. Retries at a set interval keep to a clock as well."}
}
