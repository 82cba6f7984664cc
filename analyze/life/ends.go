package life

import (
	"slices"
	"sort"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// confirmWithin: words that need not be last (a logged exception) count as a death only if a restart follows so soon.
const confirmWithin = 5 * time.Minute

// findEnds finds the deaths and restarts of one container of which some source tells. What is found later (endsByBreaks, endsByNext,
// endsByOwnStarts) rests on what was found before: the better told end comes first.
func (c *container) findEnds(plan schedule) {
	c.schedule = plan
	c.begins = c.starts()
	clusters := c.cluster()
	unseen := c.unseenStarts(clusters)
	for _, k := range clusters {
		c.endOf(k, unseen)
	}
	c.endsByEvents()
	c.restartedThemselves()
}

// endsByNext finds the ends of one container of which all that tells is what followed: another instance, or a start.
func (c *container) endsByNext() {
	c.silentReplacements()
	c.startedAgain()
}

// endOf decides what end the signs of k tell of, if any; unseen are stretches with starts that have no time.
func (c *container) endOf(k *cluster, unseen []Span) {
	d := merge(k.signs, c.begins)
	stop := c.stopOf(&d)
	if asked(&d, stop) {
		c.stoppedAsAsked(&d, stop)
		return
	}
	if d.Kind == record.CrashOther && (d.ExitCode == exitSIGKILL || d.ExitCode == -1) {
		c.whoKilled(&d)
	}
	if within(c.schedule.planned, d.Time) && (d.Kind == record.CrashSigterm || d.Kind == record.CrashExit || d.Kind == record.CrashOther) {
		c.addRestart(Restart{Time: d.Time, Instance: d.Instance, Reason: reasonMaintenance,
			Detail: "ended within a planned window", Pos: d.Signs[0].Pos})
		return
	}
	if !k.fatal && !c.startedAfter(&d) && !within(unseen, d.First) {
		return // words of an error that was survived
	}
	c.addDeath(d)
}

// stopOf returns the request to stop that explains d, or nil. Where the container was asked to stop because it did not answer, that is
// what d is of.
func (c *container) stopOf(d *Death) *record.Lifecycle {
	stop := c.stopBefore(d)
	switch {
	case stop == nil, c.spent(stop, d):
		return nil
	case c.unhealthyBefore(stop):
		if d.Kind == record.CrashSigterm {
			d.Kind = record.CrashOther
		}
		if d.Kind == record.CrashOther {
			c.whoKilled(d)
		}
		return nil
	case !within(c.schedule.planned, d.Time) && c.healed(d, stop):
		return nil
	}
	return stop
}

// asked reports whether d is an end as asked for: by a request to stop, or by its own exit status. What was killed for its memory or its
// health was not asked.
func asked(d *Death, stop *record.Lifecycle) bool {
	switch d.Kind {
	case record.CrashOOMKill, record.CrashHeapLimit, record.CrashHealthCheck:
		return false
	}
	return stop != nil || d.Kind == record.CrashSigterm || d.ExitCode == 0
}

// startedAfter reports whether the container started again after the words of d, and nothing else says why.
func (c *container) startedAfter(d *Death) bool {
	i := sort.Search(len(c.begins), func(i int) bool { return c.begins[i] >= d.First.Add(-clockSlack) })
	if i == len(c.begins) || c.begins[i].Sub(d.First) > confirmWithin {
		return false
	}
	begin := c.begins[i].Add(clockSlack)
	if c.endToldBetween(d.First, begin) {
		return false
	}
	// Whoever says more later has survived; and what it says then may explain the start.
	i = sort.Search(len(c.crashes), func(i int) bool { return c.crashes[i].Time > d.Signs[len(d.Signs)-1].Time })
	return i == len(c.crashes) || c.crashes[i].Time > begin
}

// unseenStarts returns the stretches of time in which the container started more often than its starts have a time, and at least as often as
// something there may be its end: words that a process may survive are then those of an end as well.
func (c *container) unseenStarts(ends []*cluster) (out []Span) {
	first := map[string]record.Time{} // by what tells of the starts
	for _, e := range c.events {
		if e.Kind != record.Up {
			continue
		}
		from, known := first[e.Reason]
		if !known {
			first[e.Reason] = e.Time
		}
		if !known || e.Merged == 0 {
			continue
		}
		n := 0
		for _, k := range ends {
			if k.from > from && k.from < e.Time {
				n++
			}
		}
		if n <= e.Merged+1 {
			out = append(out, Span{from, e.Time})
		}
	}
	return out
}

// endsByEvents finds the ends of which the platform tells in its events, and no crash record does.
func (c *container) endsByEvents() {
	var failed []*record.Lifecycle
	for _, e := range c.events {
		switch e.Kind {
		case record.HealthCheckFailed:
			failed = append(failed, e)
		case record.Unreachable:
			if !c.diedAt.near(e.Time, signGap) {
				c.addDeath(lost(e, failed))
			}
		case record.Stopped:
			if !c.isDeath(e) && !c.restartedAt.near(e.Time, grace) {
				c.stopped(e)
			}
		case record.Stopping:
			// A pod that is put off its node does not come back, and often nothing else tells of its end.
			if e.Reason == record.Evicted && !c.diedAt.near(e.Time, grace) && !c.restartedAt.near(e.Time, grace) {
				c.addRestart(Restart{Time: e.Time, Instance: e.Instance, Reason: finding.Evicted, Detail: e.Text, Pos: e.Pos})
			}
		}
	}
}

// lost makes a death of the event that tells that the platform lost a container; failed are the health checks that failed before.
func lost(e *record.Lifecycle, failed []*record.Lifecycle) Death {
	d := deathOf(e)
	d.Unreachable, d.Exited = true, true
	for _, f := range slices.Backward(failed) {
		if e.Time.Sub(f.Time) > 2*signGap {
			break
		}
		d.Kind = record.CrashHealthCheck
		d.First = min(d.First, f.Time)
		d.Signs = append(d.Signs, signOf(f, record.CrashHealthCheck))
	}
	slices.Reverse(d.Signs)
	return d
}

// isDeath reports whether an end that was asked for is that of a death, and not that of the life before.
func (c *container) isDeath(stopped *record.Lifecycle) bool {
	i, _ := slices.BinarySearch(c.diedAt, stopped.Time.Add(-signGap/2))
	for ; i < len(c.diedAt) && c.diedAt[i] <= stopped.Time.Add(signGap/2); i++ {
		if !c.startBetween(stopped.Time, c.diedAt[i]) {
			return true
		}
	}
	return false
}

// stopped notes the end that an event tells of: a restart, unless its health was the reason.
func (c *container) stopped(e *record.Lifecycle) {
	d := deathOf(e)
	d.ExitCode, d.Signal = e.ExitCode, signalOf(e.ExitCode)
	d.Exited, d.Signs[0].Exited = true, true
	stop := c.stopBefore(&d)
	if stop == nil {
		stop = e
	}
	if !within(c.schedule.planned, e.Time) && c.healed(&d, stop) {
		c.addDeath(d)
		return
	}
	c.addRestart(Restart{Time: e.Time, Instance: e.Instance, Reason: c.reason(e.Time, e.Reason), Detail: e.Text, Pos: e.Pos})
}

// restartedThemselves finds the ends of which a source says that the container was started again, and not how it had ended.
func (c *container) restartedThemselves() {
	for _, e := range c.events {
		if e.Kind == record.LifecycleOther && e.Reason == record.RestartedItself && !c.diedAt.near(e.Time, signGap) && !c.restartedAt.near(e.Time, signGap) {
			c.addRestart(Restart{Time: e.Time, Instance: e.Instance, Reason: finding.StoppedReporting, Pos: e.Pos, Again: true, Times: 1, Detail: e.Text + "; no source says how"})
		}
	}
}
