package verdict

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/stat"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

// calm decides when nothing died: a leak that has not crashed yet, a hang, planned restarts, or nothing.
func (q *inquiry) calm() candidate {
	c := candidate{endpoint: -1, named: -1}
	q.breaks, q.failing = q.traffic.Breaks(), q.measured.Failing(q.traffic)
	if q.hang != nil && !q.hangIsFallout() {
		return q.hungCandidate(nil)
	}
	silent, again, planned := 0, 0, 0
	var evicted []life.Restart
	for _, s := range q.traffic.Life.Restarts {
		switch {
		case s.Reason == finding.Evicted:
			evicted = append(evicted, s)
		case s.Reason != finding.StoppedReporting:
			planned++
		case s.Again:
			again += max(1, s.Times)
			silent++
		default:
			silent++
		}
	}
	died := "nothing has died"
	if silent > 0 {
		died = fmt.Sprintf("no source says how %d containers ended", silent)
	}
	leaks := 0
	for i := range q.memory.curves {
		if q.memory.curves[i].Leaks() {
			leaks++
		}
	}
	if q.memory.growth.Gate.Open && leaks > 0 && !q.growthPassed() {
		c := q.explainLeak(nil, leaks)
		if c.verdict.Cause == finding.BackgroundLeak && q.longestGrowth() < sureAlive && !(len(q.memory.growth.Jobs) > 0 && q.memory.growth.Jobs[0].LogBayesFactor > 3) {
			c.verdict.Grade = lower(c.verdict.Grade, finding.Possible)
			c.verdict.Summary += " " + strings.ToUpper(died[:1]) + died[1:] + ", and within hours a cache that fills looks the same."
		}
		if c.verdict.Cause == finding.RequestLeak && c.endpoint > 0 && silent == 0 {
			q.doubtLeak(&c, died)
		}
		if c.verdict.Cause != finding.Undetermined {
			return c
		}
		c.verdict.Summary = strings.TrimSuffix(c.verdict.Summary, ".") + "; " + died + ", and a cache that fills looks the same at first."
		return c
	}
	q.calmWithout(&c, silent, again, planned)
	if c.verdict.Cause.Harmless() {
		many := func(n int64) bool {
			return n >= failedLeast && float64(n) >= failedShare*float64(q.measured.Counts.Total)
		}
		how := ""
		switch {
		case many(q.measured.Counts.Failed):
			how = fmt.Sprintf("%d of %d requests failed (cut, given up on or refused)", q.measured.Counts.Failed, q.measured.Counts.Total)
			if after, ok := q.failedAfterRestarts(); ok {
				c.verdict = finding.Verdict{Cause: finding.PlannedRestart, Grade: finding.Possible, Summary: "No crash was seen, but " + how + ": " + after}
				c.checks = append(c.checks, finding.Check{Rule: "errors.after-restart", Outcome: finding.Supports, Detail: after})
				return c
			}
		case many(q.measured.Counts.ServerErrors) || q.measured.ManyFailures():
			how = fmt.Sprintf("%d of %d requests were answered with status 5xx", q.measured.Counts.ServerErrors, q.measured.Counts.Total)
		}
		if how != "" {
			c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: "No crash was seen, but " + how + ", and nothing says why."}
			return c
		}
	}
	if len(evicted) > 0 && c.verdict.Cause.Harmless() {
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: fmt.Sprintf("Nothing crashed, but %d time(s) a pod was put off its node, “%s”, and nothing says what used it up.", len(evicted), clip(strings.TrimSpace(evicted[0].Detail), 160))}
		return c
	}
	if len(q.failing) > 0 && c.verdict.Cause.Harmless() {
		q.tellFailing(&c)
		return c
	}
	if times, on := q.shortOfMemory(); times > 0 && c.verdict.Cause == finding.None {
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient,
			Summary: fmt.Sprintf("Nothing died, but memory ran short %d time(s), on %s, and the evidence cannot say why.", times, listSome(on, 4))}
		return c
	}
	if names := q.unread(); len(names) > 0 && (q.measured.Counts.Total == 0 || !q.traffic.Life.Told) && c.verdict.Cause.Harmless() {
		c.verdict.Grade = lower(c.verdict.Grade, finding.Possible)
		c.verdict.Summary += fmt.Sprintf(" Of what was given, %s could not be read: what it tells is not known.", listSome(names, 3))
	}
	if b, ok := q.brokeOff(); ok && c.verdict.Cause.Harmless() && !q.traffic.Life.Told {
		q.tellBrokenOff(&c, &b)
		return c
	}
	if e, n, all := q.neverEnded(); n > 0 && c.verdict.Cause.Harmless() && !q.traffic.Life.Told {
		began := fmt.Sprintf("%d of %d requests of %s began and never ended by the log, and of all others %d: a process that dies leaves that, and so does a caller that goes away.",
			n, q.measured.Counts.PerEndpoint[e], q.traffic.Endpoints.Names[e], all-n)
		c.checks = append(c.checks, finding.Check{Rule: "requests.unended", Outcome: finding.Neutral, Detail: began})
		if q.falls().times() > 1 {
			c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: "No crash was told of, but memory fell at once from far above its usual level, and " + began}
			return c
		}
		c.verdict.Grade = lower(c.verdict.Grade, finding.Possible)
		c.verdict.Summary += " But " + began
	}
	if slow, ok := q.measured.Latency.Slowest(); ok && c.verdict.Cause.Harmless() {
		c.verdict.Grade = lower(c.verdict.Grade, finding.Possible)
		c.verdict.Summary += fmt.Sprintf(" But from %s to %s requests took far longer than usual (median %s, usually %s), and nothing says why.", clockTime(slow.From), clockTime(slow.To), seconds(slow.Median), seconds(slow.Usual))
	}
	if n, of := q.growing(); n > 0 && c.verdict.Cause.Harmless() {
		// It was not enough for a leak, and it is not nothing either.
		c.verdict.Grade = lower(c.verdict.Grade, finding.Likely)
		c.verdict.Summary += fmt.Sprintf(" Memory grew in lives of %d of %d containers: too little to call it a leak.", n, of)
	}
	if alone := q.grewAlone(); len(alone) > 0 && c.verdict.Cause.Harmless() {
		c.verdict.Grade = lower(c.verdict.Grade, finding.Possible)
		c.verdict.Summary += fmt.Sprintf(" But memory of %s grew all the while, and that of others like it did not: look at it.", listSome(alone, 4))
	}
	return c
}

const (
	// warmWithin is how long after containers are restarted on purpose their requests may fail for it: caches are cold, queues fill.
	warmWithin = 10 * time.Minute
	// warmShare of the requests that failed must have begun then, and warmFleet of the containers been restarted within warmWithin.
	warmShare = 0.9
	warmFleet = 0.5
)

// failedAfterRestarts says that nearly all requests that failed did so as most of the fleet had been restarted on purpose, if so.
func (q *inquiry) failedAfterRestarts() (string, bool) {
	var failed []record.Time
	for i := range q.traffic.Pending {
		if p := &q.traffic.Pending[i]; failedOutcome(p.Outcome) {
			failed = append(failed, p.End)
		}
	}
	slices.Sort(failed)
	serving := 0
	for _, serves := range q.measured.Serves[1:] {
		if serves {
			serving++
		}
	}
	var asked []*life.Restart
	for i := range q.traffic.Life.Restarts {
		if s := &q.traffic.Life.Restarts[i]; s.Reason != finding.StoppedReporting && s.Reason != finding.Evicted {
			asked = append(asked, s)
		}
	}
	slices.SortStableFunc(asked, func(a, b *life.Restart) int { return cmp.Compare(a.Time, b.Time) })
	most, fleet, from := 0, 0, record.Time(0)
	who := map[string]int{} // restarted from the i-th on, within warmWithin
	next := 0
	for i, first := range asked {
		to := first.Time.Add(warmWithin)
		for ; next < len(asked) && asked[next].Time <= to; next++ {
			who[asked[next].Container]++
		}
		if float64(len(who)) >= warmFleet*float64(serving) {
			lo, _ := slices.BinarySearch(failed, first.Time)
			hi, _ := slices.BinarySearch(failed, to+1)
			if hi-lo > most {
				most, fleet, from = hi-lo, len(who), first.Time
			}
		}
		if who[asked[i].Container]--; who[asked[i].Container] == 0 {
			delete(who, asked[i].Container)
		}
	}
	if most == 0 || float64(most) < warmShare*float64(len(failed)) {
		return "", false
	}
	return fmt.Sprintf("%d of the %d failed within %s of %s, when %d of %d containers were restarted as asked (%s), unless what was released then is why.",
		most, len(failed), minutes(warmWithin), clockTime(from), fleet, max(serving, fleet), q.restartReasons()), true
}

// failedOutcome reports whether a request ended without an answer of its container.
func failedOutcome(o record.Outcome) bool {
	return o == record.Cut || o == record.GaveUp || o == record.Refused
}

func afterRestartRule() finding.Rule {
	return finding.Rule{ID: "errors.after-restart", Title: "Requests that fail after a restart", Question: "Nothing crashed: did requests fail because the fleet was restarted on purpose?",
		Test: "Of the requests that were cut, given up on or refused, how many were so after a planned restart of most containers.",
		Thresholds: []finding.Threshold{{Name: "share", Value: fmt.Sprintf("%.0f%% within %s", 100*warmShare, minutes(warmWithin)), Why: "caches are cold, connections are opened anew, queues fill"},
			{Name: "fleet", Value: fmt.Sprintf("%.0f%% of the containers that serve", 100*warmFleet), Why: "one that is replaced leaves the rest to serve"}},
		Source: "method of the project", Limits: "What else began with the release looks the same: possible at most."}
}

// tellFailing says that requests of some endpoints failed for a while, of which nothing else tells.
func (q *inquiry) tellFailing(c *candidate) {
	failing := q.failing
	from, to, n := failing[0].From, failing[0].To, 0
	after, same := failing[0].After, true
	names := make([]string, len(failing))
	for i, f := range failing {
		from, to, n = min(from, f.From), max(to, f.To), n+f.Requests
		same = same && f.After > 0 && f.After.Round(time.Second) == after.Round(time.Second)
		names[i] = q.traffic.Endpoints.Names[f.Endpoint]
	}
	what := fmt.Sprintf("from %s to %s most requests of %s failed (%d with status 5xx)", clockTime(from), clockTime(to), listSome(names, 3), n)
	planned := c.verdict.Cause == finding.PlannedRestart
	c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: "No crash was seen, but " + what + ", and nothing says why."}
	if same {
		c.verdict.Grade = finding.Possible
		c.verdict.Summary = fmt.Sprintf("No crash was seen, but %s, each after %s: a timeout. Something that they wait for did not answer, and nothing says what.", what, seconds(after.Seconds()))
	}
	if planned {
		c.verdict.Summary += fmt.Sprintf(" %d container(s) ended as asked (%s).", len(q.traffic.Life.Restarts), q.restartReasons())
	}
	c.checks = append(c.checks, finding.Check{Rule: "errors.stretch", Outcome: finding.Neutral, Detail: what})
}

// calmOdds are the odds of a leak where nothing died, against where memory killed: most of what grows on a calm day fills or warms up, and the
// endpoint that is asked most meanwhile fits by chance more often.
const calmOdds = 0.05

// doubtLeak lowers the grade of a leak that has killed nothing.
func (q *inquiry) doubtLeak(c *candidate, died string) {
	p := q.memory.growth.Endpoints[0].Posterior
	p = p * calmOdds / (p*calmOdds + 1 - p)
	if p < conclusiveP {
		c.checks = append(c.checks, finding.Check{Rule: "leak.calm", Outcome: finding.Contradicts,
			Detail: fmt.Sprintf("%s, and most of what grows on a calm day fills or warms up: the probability of this leak is %s rather than %s", died, percent(p), percent(q.memory.growth.Endpoints[0].Posterior))})
	}
	switch {
	case p >= conclusiveP:
	case p >= likelyP:
		c.verdict.Grade = lower(c.verdict.Grade, finding.Likely)
	default:
		name := *c.verdict.Endpoint
		c.endpoint, c.verdict.Endpoint, c.verdict.Grade = -1, nil, finding.Possible
		c.verdict.Summary = fmt.Sprintf("Requests may leak: memory grows in %d of %d lives, and %s comes closest; %s, and a cache that fills looks the same at first.",
			q.memory.growth.Gate.Growing, q.memory.growth.Gate.Lives, name, died)
	}
}

const (
	// failedShare of all requests, and failedLeast of them: not all is well, whoever died.
	failedShare = 0.05
	failedLeast = 50
	// failedBefore: what failed so long before the first call of a hang, and failedTimes as often, was not made by it.
	failedBefore = time.Minute
	failedTimes  = 3
)

// hangIsFallout reports whether more than a hang went on at its time: connections of a container broke all at once, and nobody says that
// none died, or the router had given up on many more requests since before. A container that does not answer makes constant durations of
// its own: connections to it are tried again after 1, 3, 7 and 15 seconds.
func (q *inquiry) hangIsFallout() bool {
	from, to := q.hang.From.Add(-traffic.PressureBefore), q.hang.To.Add(traffic.PressureBefore)
	if !q.traffic.Life.Told && slices.ContainsFunc(q.breaks, func(b traffic.Break) bool { return b.At >= from && b.At <= to }) {
		return true
	}
	n, before := 0, 0
	for i := range q.traffic.Pending {
		if p := &q.traffic.Pending[i]; p.Outcome == record.GaveUp && p.End >= from && p.End <= q.hang.To {
			n++
			if p.End < q.hang.From.Add(-failedBefore) {
				before++
			}
		}
	}
	return n >= failedTimes*q.hang.Calls && 2*before >= n
}

const (
	// unendedLeast: fewer requests that never end are lines that were lost.
	unendedLeast = 3
	// unendedMost of an endpoint's requests, or of all: it is how they are logged (streams, a log of starts).
	unendedMost, unendedOfAll = 0.5, 0.01
	// unendedChance: lines that are lost are lost of all endpoints alike.
	unendedChance = 1e-4
	// mayYetEnd is how long before the end of the evidence a request may have begun that is still being served.
	mayYetEnd = 10 * time.Minute
)

// neverEnded finds the endpoint whose requests began and never ended far more often than those of others, where nearly all do end. n is how
// many of its, all how many there are; n is 0 where there is none.
func (q *inquiry) neverEnded() (endpoint, n, all int) {
	if !q.hasStarts() {
		return 0, 0, 0
	}
	unended := make([]int, len(q.measured.Counts.PerEndpoint))
	for i := range q.traffic.Pending {
		if p := &q.traffic.Pending[i]; p.Phase == record.Started && p.DoneAt() == 0 && p.Start < q.traffic.Window.To.Add(-mayYetEnd) && p.Endpoint > 0 && int(p.Endpoint) < len(unended) {
			unended[p.Endpoint]++
			all++
		}
	}
	total := int(q.measured.Counts.Total)
	if all == 0 || float64(all) > unendedOfAll*float64(total) {
		return 0, 0, 0
	}
	best := unendedChance
	for e, a := range unended {
		of := int(q.measured.Counts.PerEndpoint[e])
		if a < unendedLeast || float64(a) > unendedMost*float64(of) || total <= of {
			continue
		}
		if p := stat.Fisher(a, of, all-a, total-of); p < best {
			best, endpoint, n = p, e, a
		}
	}
	return endpoint, n, all
}

func unendedRule() finding.Rule {
	return finding.Rule{ID: "requests.unended", Title: "Requests that never end", Question: "No source tells of deaths: does the log show requests that began and never ended?",
		Test: "How often requests of one endpoint never ended, against those of all others, by Fisher's exact test.",
		Thresholds: []finding.Threshold{{Name: "probability by chance", Value: "less than 0.01 %", Why: "lines that are lost are lost of all endpoints alike"},
			{Name: "requests", Value: fmt.Sprintf("%d at least, at most %.0f%% of the endpoint's and %.0f%% of all", unendedLeast, 100*unendedMost, 100*unendedOfAll), Why: "streams are logged as they begin, and some log starts alone"}},
		Source: "method of the project", Limits: "A caller that goes away leaves the same in many logs: nobody is accused by it."}
}

// unread returns the sources of which nothing was understood.
func (q *inquiry) unread() (names []string) {
	for like := range q.traffic.Evidence.Warnings {
		if like.Code == "unknown_format" || like.Code == "unreadable" || like.Code == "table_not_used" {
			names = append(names, path.Base(intake.SourceName(like.Source)))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// untimedEnds counts the ends of containers of which a source keeps no time.
func (q *inquiry) untimedEnds() (n int64) {
	for like, w := range q.traffic.Evidence.Warnings {
		if like.Code == "untimed_ends" {
			n += w.Count
		}
	}
	return n
}

// shortOfMemory counts how often a source told that memory ran short, and names the containers.
func (q *inquiry) shortOfMemory() (times int, on []string) {
	for i := range q.traffic.Evidence.Events {
		if e := &q.traffic.Evidence.Events[i]; e.Kind == record.MemoryPressure && e.Container != "" {
			times++
			on = append(on, e.Container)
		}
	}
	slices.Sort(on)
	return times, slices.Compact(on)
}

// growing counts the containers of which some life grew like a leak, by any metric, of those whose memory could be read.
func (q *inquiry) growing() (n, of int) {
	grew := map[string]bool{}
	for i := range q.memory.curves {
		if c := &q.memory.curves[i]; c.Confidence != finding.Insufficient {
			grew[c.Container] = grew[c.Container] || c.Leaks()
		}
	}
	for _, g := range grew {
		if g {
			n++
		}
	}
	return n, len(grew)
}

// grewAlone names the containers whose memory grew far and went on growing, where those like them did not.
func (q *inquiry) grewAlone() (names []string) {
	for i := range q.memory.curves {
		if c := &q.memory.curves[i]; c.Alone {
			names = append(names, c.Container)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// calmWithout decides when nothing died and memory shows no leak.
func (q *inquiry) calmWithout(c *candidate, silent, again, planned int) {
	hasMemory, noMemory := q.memoryRead()
	switch untimed := q.untimedEnds(); {
	case untimed > 0:
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: fmt.Sprintf("Containers ended %d time(s), and the table that tells it says neither when nor how: save what has times (kubectl get pods -o json, kubectl get events -o json; docker inspect).", untimed)}
	case again > 0 && silent > planned:
		// Kubernetes tells of what it stops, so these ended by themselves or were killed for memory.
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: fmt.Sprintf("Containers started again %d time(s), and no source says how they ended before: the platform's log tells it, and of the last end of each kubectl get pods -o json or docker inspect.", again)}
	case silent > 0 && silent > planned:
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: fmt.Sprintf("%d container(s) were replaced and no source says why: a platform log or events would tell crashes from deploys.", silent)}
	case planned > 0:
		g := finding.Likely
		if hasMemory && (q.traffic.Life.Rolling || len(q.traffic.Life.Deploys) > 0 || len(q.traffic.Life.Planned) > 0) {
			g = finding.Conclusive
		}
		c.verdict = finding.Verdict{Cause: finding.PlannedRestart, Grade: g, Summary: fmt.Sprintf("Nothing crashed: %d container(s) ended as asked (%s), and nothing else is wrong in what was seen.", planned, q.restartReasons())}
		if !hasMemory {
			c.verdict.Summary = strings.TrimSuffix(c.verdict.Summary, ".") + "; " + noMemory + " to show a leak."
		}
		if silent > 0 {
			c.verdict.Grade = finding.Possible
			c.verdict.Summary = fmt.Sprintf("No crash was told of: %d container(s) ended as asked, but no source says why %d other(s) ended.", planned, silent)
		}
	case q.traffic.Life.Told && hasMemory:
		c.verdict = finding.Verdict{Cause: finding.None, Grade: finding.Conclusive, Summary: "Nothing wrong in what was seen: no crash, no container short of memory, no leak."}
	case !q.traffic.Life.Told && len(q.breaks) > 0, !hasMemory && len(q.breaks) > 1:
		// One may be a connection of the router's own that went away; two are not, even where events tell of no death.
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: fmt.Sprintf("Connections of a container broke all at once %d time(s), as they do when it dies, and no platform log or events say that it did.", len(q.breaks))}
	case q.traffic.Life.Told || hasMemory:
		what := noMemory + " to show a leak"
		if hasMemory {
			what = "no platform log or events were there to tell of a crash"
		}
		c.verdict = finding.Verdict{Cause: finding.None, Grade: finding.Likely, Summary: "Nothing wrong in what was seen; " + what + "."}
		container, share := q.nearestToLimit()
		fallen := q.falls()
		switch {
		case q.traffic.Life.Told:
		case share >= nearLimit:
			c.verdict.Grade = finding.Possible
			c.verdict.Summary = fmt.Sprintf("No leak was seen, but %s took %.0f %% of its limit, and %s.", container, 100*share, what)
		case fallen.asRestarted():
			c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Possible,
				Summary: fmt.Sprintf("Memory rose to one level (%s) %d times and fell at once to where it had begun, on %s, as it does where processes end when they are full and start again; a cache that is emptied at a size looks the same, and %s.",
					mib(stat.Median(fallen.from)), fallen.times(), listSome(fallen.on, 4), what)}
		case fallen.times() > 0:
			c.verdict.Grade = finding.Possible
			c.verdict.Summary = fmt.Sprintf("No leak was seen, but %d time(s) memory rose far and fell by more than half at once, on %s: a collection does that, and so does a kill for memory; %s.",
				fallen.times(), listSome(fallen.on, 4), what)
		}
	case q.measured.Counts.Total > 0:
		c.verdict = finding.Verdict{Cause: finding.None, Grade: finding.Possible, Summary: "The requests show no crash (no connections of a container broke at once), but no platform log was there to tell, and " + noMemory + "."}
	case len(q.traffic.Evidence.Profiles) > 0:
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: "Profiles alone tell what took memory, not who asked for it: no crashes, no requests and no memory readings were seen."}
	default:
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: fmt.Sprintf("Nothing was seen%s: no crashes, no requests, no memory readings.", q.windowAsked())}
	}
}

// memoryRead reports whether a leak would show: half of the containers that were measured have a life with readings enough. missing says
// why not.
func (q *inquiry) memoryRead() (ok bool, missing string) {
	read := map[string]bool{}
	most := 0
	for i := range q.memory.curves {
		c := &q.memory.curves[i]
		read[c.Container] = read[c.Container] || c.Confidence != finding.Insufficient
		most = max(most, c.Samples)
	}
	if most == 0 {
		return false, "no memory readings were there"
	}
	n := 0
	for _, r := range read {
		if r {
			n++
		}
	}
	if 2*n >= len(read) {
		return true, ""
	}
	return false, fmt.Sprintf("too few memory readings were there (%d in a life at most)", most)
}

// nearLimit: a container that took so much of its limit may have died of it between two readings; many runtimes also live there.
const nearLimit = 0.95

// nearestToLimit returns the container whose memory came closest to its limit, and the share of it that it took; 0 when no limit is known.
func (q *inquiry) nearestToLimit() (container string, share float64) {
	for i := range q.memory.curves {
		c := &q.memory.curves[i]
		if (c.Kind == record.RSS || c.Kind == record.WorkingSet) && c.LimitBytes != nil && *c.LimitBytes > 0 {
			if s := c.MaxBytes / float64(*c.LimitBytes); s > share {
				container, share = c.Container, s
			}
		}
	}
	return container, share
}

const (
	// farAbove: memory that is so many times its median is far above its usual level.
	farAbove = 1.5
	// fallenTo: of a reading so much is left in the next one.
	fallenTo = 0.5
	// exactlyAlike: levels that lie so near together are one limit; what memory is read at before a kill differs by a reading's growth.
	exactlyAlike = 0.05
	// begunAgain: of the first reading a process has so much when it begins anew.
	begunAgain = 1.3
)

// falls are how often the resident memory of containers fell at once from far above its usual level.
type falls struct {
	on   []string
	from []float64 // bytes, of each fall
	back int       // those to where the memory of the container had begun
	far  int       // those from far above the usual level of the container
}

func (f falls) times() int { return len(f.from) }

// asRestarted reports whether these look like processes that ended when they were full: from one level each, to where they had begun. A level
// that is exact need not be far above the usual one: memory that rises steadily is half as high as that at most times.
func (f falls) asRestarted() bool {
	if len(f.from) < fullDeaths || f.back < len(f.from) {
		return false
	}
	apart := (slices.Max(f.from) - slices.Min(f.from)) / stat.Median(f.from)
	return apart <= exactlyAlike || apart <= fullAlike && f.far == len(f.from)
}

func (q *inquiry) falls() (f falls) {
	for i := range q.memory.lives {
		l := &q.memory.lives[i]
		pts := l.Series[record.RSS]
		if len(pts) == 0 {
			pts = l.Series[record.WorkingSet]
		}
		pts = slices.DeleteFunc(slices.Clone(pts), func(p memory.Point) bool { return p.V <= 0 }) // of a process that is not there
		values := make([]float64, len(pts))
		for k, p := range pts {
			values[k] = p.V
		}
		slices.Sort(values)
		n := len(f.from)
		for k := 1; k < len(pts); k++ {
			was := pts[k-1].V
			far, back := was >= farAbove*values[len(values)/2], pts[k].V <= begunAgain*pts[0].V
			if pts[k].V > fallenTo*was || !far && !back {
				continue
			}
			f.from = append(f.from, was)
			if far {
				f.far++
			}
			if back {
				f.back++
			}
		}
		if len(f.from) > n {
			f.on = append(f.on, l.Container)
		}
	}
	slices.Sort(f.on)
	f.on = slices.Compact(f.on)
	return f
}

// windowAsked says which window was asked for, with a blank before; empty when none was.
func (q *inquiry) windowAsked() string {
	const form = "2006-01-02 15:04:05"
	switch from, to := q.traffic.Asked.From, q.traffic.Asked.To; {
	case from != 0 && to != 0:
		return fmt.Sprintf(" from %s to %s UTC", from.Std().Format(form), to.Std().Format(form))
	case from != 0:
		return fmt.Sprintf(" since %s UTC", from.Std().Format(form))
	case to != 0:
		return fmt.Sprintf(" until %s UTC", to.Std().Format(form))
	}
	return ""
}

// longestGrowth is the longest time that one life has grown like a leak.
func (q *inquiry) longestGrowth() time.Duration {
	longest := time.Duration(0)
	for i := range q.memory.curves {
		if c := &q.memory.curves[i]; c.Shape == finding.ShapeLeak {
			longest = max(longest, c.To.Sub(c.From))
		}
	}
	return longest
}

// growthPassed reports whether as many lives stayed level since the first one that grew: a leak grows in every life of its release,
// a day's load or a cache does not. Lives before it are no evidence, as a leak may arrive with a deploy.
func (q *inquiry) growthPassed() bool {
	var first time.Time
	for i := range q.memory.curves {
		if c := &q.memory.curves[i]; c.Kind == q.memory.growth.Metric && c.Shape == finding.ShapeLeak && (first.IsZero() || c.From.Before(first)) {
			first = c.From
		}
	}
	grew, level := 0, 0
	for i := range q.memory.curves {
		c := &q.memory.curves[i]
		if c.Kind != q.memory.growth.Metric || c.From.Before(first) || c.Shape == finding.ShapeInsufficient {
			continue
		}
		if c.Shape == finding.ShapeLeak {
			grew++
		} else {
			level++
		}
	}
	return level >= grew
}

func (q *inquiry) restartReasons() string {
	count := map[string]int{}
	for _, s := range q.traffic.Life.Restarts {
		count[s.Reason]++
	}
	keys := make([]string, 0, len(count))
	for k := range count {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		keys[i] = fmt.Sprintf("%s: %d", k, count[k])
	}
	return strings.Join(keys, ", ")
}
