package verdict

import (
	"fmt"
	"math"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/stat"
	"lastcall/analyze/internal/traffic"
	"lastcall/collectors/record"
)

const (
	// agesAlike is the standard deviation of the ages at death over their mean up to which something seems to add up over a life.
	// Requests that kill come at any age: between events that do not wait for one another it is 1.
	agesAlike = 0.1
	// agesDiffer is the distance of their quartiles over their median from which what grows with time alone is contradicted: at one rate
	// and one limit lives are alike, but for deaths that a source puts down to the wrong container.
	agesDiffer = 0.3
	// agesLives is how many lives are needed that began when another had died: those that a deploy began end at like ages if anything
	// ends them within an hour of one another.
	agesLives = 5
	// apartTimes is by how much the beginnings of lives must be further apart than their ages differ, for their likeness to say anything
	// where no death began them: what begins together, as with a deploy, and ends together is of one age by itself.
	apartTimes = 2
	// strawAge is the share of a life up to which the last request of a suspect may have run: one that came with the restart and killed
	// again, as the tries of a job do, makes ages alike by itself.
	strawAge = 0.5
)

// ages are how old processes were when they died.
type ages struct {
	n    int
	mean time.Duration
	// spread is the standard deviation over the mean; quartiles their distance over the median.
	spread, quartiles float64
}

func (a ages) alike() bool { return a.n >= agesLives && a.spread <= agesAlike }

func (a ages) differ() bool { return a.n >= agesLives && a.quartiles >= agesDiffer }

func (a ages) String() string {
	return fmt.Sprintf("%d lives that did not begin together each ended after %s, within %s", a.n, minutes(a.mean.Round(time.Second)), percent(a.spread))
}

// agesAt returns the ages at deaths of processes that a death before had begun, or, where those are few, of all whose beginning is known if
// they did not begin together.
func (q *inquiry) agesAt(deaths []int) ages {
	first := map[string]record.Time{}      // death of each container
	for d := range q.traffic.Life.Deaths { // in the order of time
		x := &q.traffic.Life.Deaths[d]
		if _, ok := first[x.Container]; !ok {
			first[x.Container] = x.Time
		}
	}
	var old, any, begun []float64
	for _, d := range deaths {
		x := &q.traffic.Life.Deaths[d]
		if x.Uptime <= 0 {
			continue
		}
		any, begun = append(any, x.Uptime.Seconds()), append(begun, x.Time.Add(-x.Uptime).Sub(q.traffic.Window.From).Seconds())
		if x.Time.Sub(first[x.Container]) >= x.Uptime {
			old = append(old, x.Uptime.Seconds())
		}
	}
	if len(old) < agesLives && stat.Deviation(begun) >= apartTimes*stat.Deviation(any) {
		if a := agesOf(any); a.alike() {
			return a
		}
	}
	return agesOf(old)
}

func agesOf(old []float64) (a ages) {
	a.n = len(old)
	if a.n < 2 {
		return a
	}
	slices.Sort(old)
	mean, n := stat.Mean(old), float64(a.n)
	a.mean = time.Duration(mean * 1e9)
	a.spread = stat.Deviation(old) * math.Sqrt((n-1)/n) / mean // of these lives, not of others that they stand for
	a.quartiles = (old[3*a.n/4] - old[a.n/4]) / old[a.n/2]
	return a
}

// agesDiffer reports whether lives whose memory is known ended at ages that growth with time alone does not make.
func (q *inquiry) agesDiffer(deaths []int) (finding.Check, bool) {
	age := q.agesAt(slices.DeleteFunc(slices.Clone(deaths), func(d int) bool { return q.shapeAtDeath(d) == finding.ShapeInsufficient }))
	if !age.differ() {
		return finding.Check{}, false
	}
	return finding.Check{Rule: "rival.ages", Outcome: finding.Contradicts,
		Detail: fmt.Sprintf("%d lives that did not begin together each ended after %s on average, half of them further apart than %s of that: what grows with time alone ends them at one age", age.n, minutes(age.mean.Round(time.Second)), percent(age.quartiles))}, true
}

// lastStraw reports whether the leader may have been no more than what came when memory was full already, where lives end at one age:
// it is answered in such lives as well. all are the deaths, of which those weighed are the cases.
func (q *inquiry) lastStraw(a ages, res *inflight.Result, weighed, all []int) bool {
	if !a.alike() || res == nil || res.Leader < 0 || q.measured.Counts.PerEndpoint[res.Leader] < int64(len(all)+a.n) {
		return false
	}
	ran, open := 0, 0
	for i, d := range weighed {
		o := res.Endpoints[res.Leader].Oldest[i]
		if o < 0 || q.traffic.Life.Deaths[d].Uptime <= 0 {
			continue
		}
		open++
		if age := q.traffic.Deaths.At[d].Sub(q.traffic.Pending[o].Start); float64(age) > strawAge*float64(q.traffic.Life.Deaths[d].Uptime) {
			ran++
		}
	}
	return 2*ran <= open
}

const (
	// strawP is how probable it may be at most that the calls at which containers died are as old as they are by chance, for them to be
	// called late.
	strawP = 0.01
	// strawStories and strawCalls: of so few stories of deaths, or with so few calls that did no harm, nothing is said.
	strawStories = 3
	strawCalls   = 10
)

// straw compares the calls of endpoints at which containers died with those that did no harm.
type straw struct {
	stories, harmless int
	fatal, usual      time.Duration // median age of the container at either
	p                 float64
}

func (s straw) late() bool {
	return s.stories >= strawStories && s.harmless >= strawCalls && s.p <= strawP
}

func (s straw) String() string {
	return fmt.Sprintf("%d other requests did no harm, on containers that had lived for %s (median), where those that died had for %s: it may be the last straw of what adds up over a life",
		s.harmless, minutes(s.usual.Round(time.Second)), minutes(s.fatal.Round(time.Second)))
}

// strawOf asks whether endpoints kill at any age of a container, as a request does that kills by itself: those that do are then a random
// sample of all. One that only comes when memory is full already kills those alone that lived long (rank-sum test, Wilcoxon 1945; of several
// endpoints each is ranked for itself, van Elteren 1960). The deaths of one story are one observation; of those that ask for memory, which is what adds up, only those are by what may be one request,
// tried again.
func (q *inquiry) strawOf(kind class, endpoints ...int) (s straw) {
	if s.p = 1; !q.traffic.Containers.Named {
		return s // nothing tells how old the container of a call was
	}
	var harmless, fatal []float64    // ages in seconds
	told := map[int][]traffic.Call{} // by story
	var over ranked                  // of the ranks of fatal calls
	for _, e := range endpoints {
		var ages []float64
		var kills []int // indexes of ages
		calls := q.measured.Calls(q.traffic, e)
		crowd, alike := q.crowdOf(calls, q.spells(e, calls))
		many := crowd.tells() // at once kill, and are to be compared
		for i, c := range calls {
			age := c.Age.Seconds()
			switch {
			case c.Death < 0 && (many && !alike[i] || q.afterDeath(c.Start)):
				// Perhaps what was tried again, on a container that has just started.
				continue
			case c.Death < 0:
				harmless = append(harmless, age)
			case slices.ContainsFunc(told[q.open.cases[c.Death].Chain], func(o traffic.Call) bool { return kind != byMemory || mayBeRetry(o, c) }):
				continue
			default:
				told[q.open.cases[c.Death].Chain] = append(told[q.open.cases[c.Death].Chain], c)
				fatal = append(fatal, age)
				kills = append(kills, len(ages))
			}
			ages = append(ages, age)
		}
		over = over.plus(rankSum(ages, kills))
	}
	s.stories, s.harmless = len(fatal), len(harmless)
	if over.variance > 0 {
		s.fatal, s.usual = time.Duration(stat.Median(fatal)*1e9), time.Duration(stat.Median(harmless)*1e9)
		s.p = stat.NormalTail(over.z())
	}
	return s
}

// mayBeRetry reports whether two requests may be one that was tried again: of one caller, or of one path where the callers are not known.
func mayBeRetry(a, b traffic.Call) bool {
	if a.User != 0 && b.User != 0 {
		return a.User == b.User
	}
	return a.Path == 0 || b.Path == 0 || a.Path == b.Path
}

// ranked is by how much the ranks of some values lie above those of all, with the variance that chance gives it.
type ranked struct{ sum, variance float64 }

// rankSum ranks the values at some indexes among all.
func rankSum(values []float64, of []int) (r ranked) {
	ranks := stat.Ranks(values)
	k, n := float64(len(of)), float64(len(values))
	for _, i := range of {
		r.sum += ranks[i] - (n+1)/2
	}
	r.variance = k * (n - k) * (n + 1) / 12
	return r
}

func (r ranked) plus(o ranked) ranked { return ranked{r.sum + o.sum, r.variance + o.variance} }

// z is the standard score; there is none without variance.
func (r ranked) z() float64 { return r.sum / math.Sqrt(r.variance) }

// afterDeath reports whether an instant lies so soon after a death that what killed may be tried again.
func (q *inquiry) afterDeath(at record.Time) bool {
	return slices.ContainsFunc(q.traffic.Deaths.At, func(died record.Time) bool { return at >= died && at.Sub(died) <= traffic.PressureAfter })
}

// jumped reports whether memory is known to have jumped before most of the deaths whose curves are known.
func (q *inquiry) jumped(deaths []int) bool {
	s := q.shapesAt(deaths)
	return 2*s.bursty > s.known
}

// mayAddUp reports whether what ends lives may add up over them: not where memory is known to have jumped before most of the deaths, or, where
// it is memory that they ask for, to have been level.
func (q *inquiry) mayAddUp(c class, deaths []int) bool {
	s := q.shapesAt(deaths)
	return !q.jumped(deaths) && (c != byMemory || 2*(s.bursty+s.level) <= s.known)
}

// weighAges lowers the grade of the leader of a class where the ages at death say that it may be no more than the last straw.
func (q *inquiry) weighAges(c class, deaths []int, g *graded) ages {
	res := q.open.results[c]
	if res != nil && res.Leader > 0 && g.above(finding.Insufficient) && q.mayAddUp(c, deaths) {
		who, culprits := q.traffic.Endpoints.Names[res.Leader], []int{res.Leader}
		if res.Second >= 0 {
			who, culprits = who+" and "+q.traffic.Endpoints.Names[res.Second], append(culprits, res.Second)
		}
		if s := q.strawOf(c, culprits...); s.late() {
			g.lower(finding.Possible, s.String())
			g.checks = append(g.checks, finding.Check{Rule: "rival.ages", Outcome: finding.Contradicts, Detail: who + ": " + s.String()})
		}
	}
	all := append(slices.Clone(deaths), q.open.later[c]...)
	again := res != nil && res.Leader > 0 && q.supportOf(res, deaths).again
	age := q.agesOfClass(c, all, again)
	if !age.alike() {
		return age
	}
	outcome := finding.Neutral
	if q.lastStraw(age, res, deaths, all) {
		if g.above(finding.Insufficient) {
			outcome = finding.Contradicts
			g.lower(finding.Possible, age.String()+", and it was answered in them as well")
		}
	}
	g.checks = append(g.checks, finding.Check{Rule: "rival.ages", Outcome: outcome, Detail: age.String() + ", whatever was asked of them: what ends them adds up with time"})
	return age
}

// agesOfClass returns the ages at the deaths of a class; again is true where one request came back at them.
func (q *inquiry) agesOfClass(c class, deaths []int, again bool) ages {
	if c == byFault && (again || !q.onlyExits(deaths)) {
		deaths = q.firstOfStories(deaths)
	}
	return q.agesAt(deaths)
}

// firstOfStories leaves one death of each story. What is tried again meets one container after the other: when it is sent a second time,
// those lives are of one age for that alone. Memory that fills does the same to all containers by themselves; an error that nobody catches
// seldom comes of what adds up.
func (q *inquiry) firstOfStories(deaths []int) (first []int) {
	told := map[int]bool{}
	for _, d := range slices.Sorted(slices.Values(deaths)) {
		if chain := q.open.cases[d].Chain; !told[chain] {
			told[chain] = true
			first = append(first, d)
		}
	}
	return first
}

// withAges says of an undetermined verdict that lives end at one age, if they do.
func (q *inquiry) withAges(age ages, c candidate) candidate {
	if age.alike() {
		c.verdict.Summary += fmt.Sprintf(" What ends them adds up with time, or comes at a set time after the start: %s.", age)
	}
	return c
}

func agesRule() finding.Rule {
	return finding.Rule{ID: "rival.ages", Title: "Ages at death", Question: "Did the processes die at one age, whatever was asked of them?",
		Test: "The ages at death of the processes that began when another had died, or, where those are too few, of all that began at times further apart than their ages differ. What adds up over a life ends each at about the same age; requests that kill come at any age. A suspect that is answered at least once in such a life may be the last straw only. Where ages differ, the ages of the containers at the requests of the suspect that died with them are compared with those at its requests that did no harm, but for those soon after a death (rank sums): what kills by itself kills at any age. The deaths within 20 minutes of one another count once, but for those for memory by requests of different callers, which are nobody's tries again. Two suspects that share the deaths are compared together, the calls of each with its own. Of deaths by errors that nobody caught, or by errors where one request came again and again, within 20 minutes of one another, the first counts: what is tried again on one container after the other makes their ages alike.",
		Thresholds: []finding.Threshold{{Name: "standard deviation over mean", Value: "10%, of at least 5 lives", Why: "between events that do not wait for one another it is 100%"},
			{Name: "beginnings that no death made", Value: fmt.Sprintf("%d times as far apart as the ages differ (standard deviations)", apartTimes), Why: "what a deploy begins together may end together, whatever ends it"},
			{Name: "old containers only", Value: fmt.Sprintf("p %g, over %d stories of deaths and %d harmless requests, where memory did not jump", strawP, strawStories, strawCalls), Why: "a wrong accusation is worse than none"},
			{Name: "against a background leak: distance of the quartiles over the median", Value: "30%", Why: "at one rate, up to one limit, lives are alike; recorded ones differ by 1% to 6%"},
			{Name: "the suspect ran for", Value: "at most half of the life, at half of the deaths", Why: "a job that is tried again at once makes ages alike by itself"}},
		Source: "recorded incidents, of both kinds; Wilcoxon 1945, van Elteren 1960", Limits: "What a timer sends every few minutes, now and then with too large an answer, ends lives at like ages as well: it is not accused."}
}
