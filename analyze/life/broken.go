package life

import (
	"fmt"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// Broken is a moment at which a container ended as far as its requests tell: those that it had open broke off, and it answered nobody for
// longer than usual.
type Broken struct {
	Time     record.Time
	Requests int // that broke off
	// Silent is how long it answered nobody afterwards; 0 when it never did again.
	Silent time.Duration
	// Pos is the line of the request that had run the longest.
	Pos record.Pos
}

// String is what the requests tell.
func (b *Broken) String() string {
	brokeOff := "a request broke off"
	if b.Requests > 1 {
		brokeOff = fmt.Sprintf("%d requests broke off at once", b.Requests)
	}
	then := "it answered nobody afterwards"
	if b.Silent > 0 {
		then = fmt.Sprintf("it answered nobody for %.0f s", b.Silent.Seconds())
	}
	return fmt.Sprintf("%s, none that was open was answered later, and %s", brokeOff, then)
}

// endsByBreaks finds the ends of which only requests tell. They are deaths of unknown kind, unless the fleet was replaced in turn, or the
// application logs its starts and tells of none.
func endsByBreaks(all []*container, broken map[string][]Broken) {
	var ends []ownEnd
	var of []*Broken
	for _, c := range all {
		starts := c.ownStarts()
		for i := range broken[c.name] {
			b := &broken[c.name][i]
			if c.schedule.deployed(b.Time, signGap) || within(c.schedule.planned, b.Time) {
				continue
			}
			startsAgain := func(e *record.Lifecycle) bool {
				return e.Time >= b.Time.Add(-clockSlack) && e.Time <= b.Time.Add(startedAgain)
			}
			if len(starts) > 0 && !slices.ContainsFunc(starts, startsAgain) {
				continue
			}
			ends = append(ends, ownEnd{container: c, start: &record.Lifecycle{Time: b.Time, Container: c.name, Pos: b.Pos, Text: b.String()}})
			of = append(of, b)
		}
	}
	inTurn := replacedInTurn(ends, len(all))
	for i, x := range ends {
		if inTurn[i] {
			x.container.addRestart(Restart{Time: x.start.Time, Reason: finding.StoppedReporting, Pos: x.start.Pos, Detail: x.start.Text + "; " + noSourceSays})
			continue
		}
		d := deathOf(x.start)
		d.Broke = of[i].Requests
		x.container.addDeath(d)
		if b := of[i]; b.Silent > 0 && !x.container.startBetween(b.Time, b.Time.Add(startedAgain)) {
			x.container.addBegin(b.Time.Add(b.Silent))
		}
	}
}

// startedAgain is how long a container takes to start again at most, with the longest pause that Kubernetes makes before.
const startedAgain = 6 * time.Minute
