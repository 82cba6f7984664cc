package verdict

import (
	"fmt"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/stat"
	"lastcall/analyze/internal/traffic"
	"lastcall/collectors/record"
)

const (
	// momentApart: deaths that come within this of one another are of one moment.
	momentApart = time.Minute
	// momentSlack is added to how long the suspect had run at the deaths; momentMost bounds it.
	momentSlack = 5 * time.Second
	momentMost  = 10 * time.Minute
	// mostMoments bounds the moments that are looked at, evenly.
	mostMoments = 1000
	// momentWith is on how many containers that lived on the suspect must have been at work for the comparison to say something.
	momentWith = 2
	// momentTimes is how many times as often the suspect must begin at strokes of the clock as at other times to keep to it.
	momentTimes = 3
	// momentP is how probable it may be at most that of containers that died no more had the suspect at work than of those that lived on.
	momentP = 0.01
)

// byClock compares containers that died with those that lived on, at the strokes of the clock that the deaths keep to, by whether the suspect
// was at work. What else the clock starts kills with or without it.
type byClock struct {
	clock            clock
	died, with       int
	lived, livedWith int
	p                float64 // that so many of those that died had it by chance (Fisher's exact test)
}

func (m byClock) speaksAgainst() bool { return m.livedWith >= momentWith && m.p > momentP }

func (m byClock) String() string {
	return fmt.Sprintf("the deaths keep to a clock (the %s), and so does it: when it struck, it had just begun on %d of %d containers that died and on %d of %d that lived on, which chance makes with probability %s",
		m.clock.name(), m.with, m.died, m.livedWith, m.lived, probability(m.p))
}

func probability(p float64) string {
	if p < 0.001 {
		return "under 0.001"
	}
	return fmt.Sprintf("%.2g", p)
}

// byClock makes that comparison for the leader of an evaluation; false where the deaths keep to no clock, or its calls are not known or do not.
func (q *inquiry) byClock(res *inflight.Result, deaths []int) (m byClock, ok bool) {
	var ages []time.Duration   // of the suspect at the deaths
	var firsts []record.Time   // deaths of each moment
	for i, d := range deaths { // in the order of time
		at := q.traffic.Deaths.At[d]
		if o := res.Endpoints[res.Leader].Oldest[i]; o >= 0 {
			ages = append(ages, at.Sub(q.traffic.Pending[o].Start))
		}
		if n := len(firsts); n == 0 || at.Sub(firsts[n-1]) > momentApart {
			firsts = append(firsts, at)
		}
	}
	calls := q.measured.Calls(q.traffic, res.Leader)
	if m.clock, ok = clockOf(firsts); !ok || len(ages) == 0 || len(calls) == 0 {
		return m, false
	}
	slices.Sort(ages)
	within := min(ages[3*len(ages)/4]+momentSlack, momentMost)
	if !m.clock.kept(calls, within) {
		return m, false
	}
	begun := traffic.BegunOf(calls)
	for _, d := range deaths {
		m.died++
		if begun.Within(q.traffic.DiedOn(d), within, q.traffic.Deaths.At[d]) {
			m.with++
		}
	}
	moments := append(slices.Clone(firsts), q.otherStrokes(m.clock, firsts)...)
	died := q.traffic.DeathsBy()
	after := max(2*within, momentApart) // what dies in the same moment did not live on
	for i := 0; i < len(moments); i += 1 + len(moments)/mostMoments {
		at := moments[i]
		for _, c := range q.traffic.ServingAt(at) {
			// What began as late as on those that died has as long again to kill.
			if c == 0 || died.Within(c, momentApart+after, at.Add(after)) {
				continue
			}
			m.lived++
			if begun.Within(c, within, at) {
				m.livedWith++
			}
		}
	}
	m.p = stat.Fisher(m.with, m.died, m.livedWith, m.lived)
	return m, true
}

// kept reports whether calls keep to the clock: whether more than chance makes of them begin within so long before the end of its stroke.
func (c clock) kept(calls []traffic.Call, within time.Duration) bool {
	n := 0
	for _, call := range calls {
		if since := (time.Duration(int64(call.Start)%int64(c.every)) - (c.upTo - within) + c.every) % c.every; since <= within {
			n++
		}
	}
	return float64(n) >= momentTimes*float64(len(calls))*float64(within)/float64(c.every)
}

// otherStrokes returns when the clock struck and nothing died.
func (q *inquiry) otherStrokes(k clock, deaths []record.Time) (strokes []record.Time) {
	from, to := q.traffic.Window.From, q.traffic.Window.To
	for at := from.Add(-time.Duration(int64(from)%int64(k.every)) + k.upTo); at <= to && len(strokes) < mostStretches; at = at.Add(k.every) {
		if at >= from && !slices.ContainsFunc(deaths, func(d record.Time) bool { return d.Sub(at).Abs() < k.every/2 }) {
			strokes = append(strokes, at)
		}
	}
	return strokes
}

func momentRule() finding.Rule {
	return finding.Rule{ID: "rival.same-stroke", Title: "At the same stroke of the clock", Question: "Deaths keep to a clock, and so does the suspect: do containers that die have it at work more often than those that live on?",
		Test: "At each stroke at which a container died, and at those at which none did: whether a request of the suspect had begun on each container within the time that it had run at three quarters of the deaths. Those that died are compared with those that lived on for as long again (Fisher's exact test).",
		Thresholds: []finding.Threshold{{Name: "the suspect keeps to it", Value: fmt.Sprintf("%d times as many of its requests begin then as at other times", momentTimes), Why: "what comes at any time is compared with quiet moments"}, {Name: "p", Value: fmt.Sprintf("%g, else possible at most", momentP), Why: "a job that runs at the same second kills whatever is there; at quiet moments neither is"},
			{Name: "at work without a death", Value: fmt.Sprintf("on %d containers", momentWith), Why: "without any there is nothing to compare"}},
		Source: "Fisher 1922; matched controls: Mantel and Haenszel 1959", Limits: "A culprit that is sent by a clock, to two containers in turn, and kills only now and then is not accused before some ten deaths."}
}
