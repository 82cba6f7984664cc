// Package verdict judges what was measured: [Conclude] asks the detectors, weighs what they say against the rivals, decides, and writes
// the report.
//
//	inquiry.go   asks the detectors
//	verdict.go   weighs all of it and decides (calm.go, fault.go, memory.go, stall.go, vanished.go: by kind of death)
//	grade.go     how sure the open requests are of whom they point to
//	rivals.go    what else explains deaths (also ages.go, hostmemory.go, lowered.go, planned.go)
//	suspects.go  the ranked rows, with the reason that clears each; pattern.go: one request from crash to crash
//	before.go    what was logged before deaths and seldom elsewhere
//	second.go    a second look, with paths that differ in one segment taken as one, when nothing stood out
//	story.go     all that explains the verdict rather than makes it (crashes.go, timeline.go, actions.go, charts.go)
//
// A question returns its answer, and with it the check that tells it; what was asked on the way to an explanation stays with that one, and
// goes with it when it is not taken. Only [inquiry.decide] and what tells the story write to the report.
package verdict

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// Grades of the open-at-onset evidence.
const (
	conclusiveP      = 0.99
	likelyP          = 0.95
	possibleP        = 0.5
	conclusiveCrash  = 3    // crashes with a likelihood ratio of at least inflight.Supported
	leaveOneOutP     = 0.9  // posterior that must remain when any one crash is left out
	rivalE           = 20   // e-value from which a rival explanation counts
	storyShare       = 0.5  // share of the deaths of its stories that a culprit must support
	sureShare        = 0.8  // share of the deaths that an endpoint must support when the load was at its peak as well
	sameLikely       = 20   // e-value of one request retried from crash to crash
	sameConclusive   = 1000 // the same, with at least three hops
	standsOut        = 10   // how many times the likelihood ratio of the next one that of an endpoint must be to stand out at a death
	hostWindow       = 60 * time.Second
	memoryShort      = 0.9 // share of the limit from which memory, not the CPU, is why a container stops answering
	levelMemory      = 0.6 // share of the limit below which memory was not the reason of a kill
	stallSilence     = 20 * time.Second
	minDeathsForLoad = 2
	sureAlive        = 12 * time.Hour // growth this long, while nothing died, is no cache that fills after a start
)

// candidate is one explanation of some deaths.
type candidate struct {
	verdict  finding.Verdict
	deaths   []int
	class    class
	endpoint int // index, -1 when none is accused
	// named is the best endpoint when it is not accused.
	named int
	by    basis
	after aftermath // where it rests on answers
	// why says how sure the open requests are of its endpoint; checks are what was asked on the way to it, with the answers.
	why    []string
	checks []finding.Check
}

// following returns the explanation with what was asked before it.
func (c candidate) following(checks []finding.Check) candidate {
	c.checks = slices.Concat(checks, c.checks)
	return c
}

// following returns explanations, the first of which tells what was asked before them.
func following(checks []finding.Check, of []candidate) []candidate {
	of[0] = of[0].following(checks)
	return of
}

// explains reports whether it says why, or who.
func (c *candidate) explains() bool {
	return c.verdict.Cause != finding.Undetermined || c.verdict.Endpoint != nil
}

// basis is the kind of evidence that an explanation rests on.
type basis int

const (
	otherBasis     basis = iota
	onOpenRequests       // which were open at the onset of deaths
	onGrowth             // of memory, over lives
	onAnswers            // which came right before deaths
)

// decide weighs everything and writes verdict, suspects and checks.
func (q *inquiry) decide() error {
	r := q.report
	if q.hang != nil {
		if w, ok := q.inPlanned(q.hang.From, q.hang.To); ok {
			r.Checks = append(r.Checks, finding.Check{Rule: "hang.constant-duration", Outcome: finding.Neutral,
				Detail: fmt.Sprintf("%d calls ended after the same %.2f s, within the planned window %s to %s: something that was down for it was still called", q.hang.Calls, q.hang.Constant.Seconds(), clockTime(w.From), clockTime(w.To))})
			q.hang = nil
		}
	}
	var cands []candidate
	if len(q.traffic.Life.Deaths) == 0 {
		cands = append(cands, q.calm())
	} else {
		if len(q.host.deaths) > 0 {
			cands = append(cands, q.host.candidate)
		}
		for _, c := range weighed {
			if deaths := q.open.deaths[c]; len(deaths) > 0 {
				found := q.explain(c, deaths)
				if later := q.open.later[c]; len(later) > 0 {
					q.giveLater(found, later)
				}
				cands = append(cands, found...)
			}
		}
		if c, ok := q.vanished(q.host.deaths); ok {
			cands = append(cands, c)
		}
	}
	for i := range cands {
		if c := &cands[i]; c.verdict.Cause == finding.Undetermined && c.verdict.Endpoint == nil && len(c.deaths) > 0 {
			q.tellClock(c)
		}
		q.tellLines(&cands[i])
		q.nameCode(&cands[i])
		r.Checks = append(r.Checks, cands[i].checks...)
	}
	sort.SliceStable(cands, func(i, j int) bool {
		a, b := &cands[i], &cands[j]
		// What explains most deaths comes first; among those that accuse, the surer one. A request that killed is an explanation,
		// though it is not known how.
		if a.explains() != b.explains() {
			return a.explains()
		}
		if len(a.deaths) != len(b.deaths) {
			return len(a.deaths) > len(b.deaths)
		}
		return a.verdict.Grade.Rank() > b.verdict.Grade.Rank()
	})
	main := &cands[0]
	r.Verdict = main.verdict
	if len(cands) > 1 {
		for _, c := range cands {
			for _, d := range c.deaths {
				c.verdict.Crashes = append(c.verdict.Crashes, q.traffic.Life.Deaths[d].ID())
			}
			r.Causes = append(r.Causes, c.verdict)
		}
		r.Verdict = r.Causes[0]
		r.Verdict.Crashes = nil
		if all := len(q.traffic.Life.Deaths); main.verdict.Cause != finding.Undetermined && 2*len(main.deaths) < all {
			// Who reads no further must not think that all is said.
			r.Verdict.Summary += fmt.Sprintf(" That is %d of %d deaths; the others have causes of their own.", len(main.deaths), all)
		}
	}
	if broke := q.broke(); broke > 0 && broke == len(q.traffic.Life.Deaths) {
		r.Verdict.Summary += " No source tells of the deaths: they are inferred from requests that broke off, as they also do at a stop that does not wait for them."
	}
	for _, c := range cands {
		if c.verdict.Endpoint != nil {
			for _, d := range c.deaths {
				e := *c.verdict.Endpoint
				r.Crashes[d].ExplainedBy = &e
			}
		}
	}
	if err := q.suspects(cands); err != nil {
		return err
	}
	q.serial(main)
	r.Checks = append(r.Checks, q.generalChecks(main)...)
	planned, err := q.plannedTraffic()
	if err != nil {
		return err
	}
	r.Checks = append(r.Checks, planned...)
	// Deaths of several kinds may be asked the same, with the same answer.
	told := map[finding.Check]bool{}
	r.Checks = slices.DeleteFunc(r.Checks, func(c finding.Check) bool {
		again := told[c]
		told[c] = true
		return again
	})
	return nil
}

// giveLater gives deaths that were not weighed, as they follow in a story, to its explanations: each to the culprit whose request was the
// oldest open at it, and to the first where none of them had one.
func (q *inquiry) giveLater(to []candidate, later []int) {
	for _, d := range later {
		best, since := 0, record.Time(0)
		for i := range to {
			for _, r := range q.open.cases[d].Requests {
				if r.End == 0 && r.Endpoint == to[i].endpoint && (since == 0 || r.Start < since) {
					best, since = i, r.Start
				}
			}
		}
		to[best].deaths = append(slices.Clone(to[best].deaths), d)
		slices.Sort(to[best].deaths)
	}
	more := "Another death"
	if len(later) > 1 {
		more = fmt.Sprintf("%d more deaths", len(later))
	}
	to[0].verdict.Summary += " " + more + " followed in the same story."
}

// explain finds the explanation of the deaths of one class; more than one when several culprits share them.
func (q *inquiry) explain(c class, deaths []int) []candidate {
	switch c {
	case byStall:
		return q.explainStall(deaths)
	case byFault:
		return q.explainFault(deaths)
	}
	return q.explainMemory(c, deaths)
}

// byLeader splits the deaths into those that the leader explains and the rest, with their places among the cases.
func byLeader(res *inflight.Result, deaths []int) (mine, rest, restIdx []int) {
	same := res.Same
	if same != nil && (same.Endpoint != res.Leader || same.EValue < sameLikely) {
		same = nil
	}
	for i, d := range deaths {
		// The request that came back explains every death that it was open at.
		if res.Endpoints[res.Leader].Blame[i] >= 0.5 || same != nil && same.Refs[i] >= 0 {
			mine = append(mine, d)
		} else {
			rest = append(rest, d)
			restIdx = append(restIdx, i)
		}
	}
	if len(mine) == 0 {
		return deaths, nil, nil
	}
	return mine, rest, restIdx
}

// secondOf returns the culprit of the cases that the leader leaves over, and how many of them support it; -1 when there is none.
func secondOf(res *inflight.Result, rest []int) (second, supported int) {
	if len(rest) < 2 {
		return -1, 0
	}
	post, _ := res.PosteriorOf(rest)
	best := -1
	for e, p := range post {
		if e != res.Leader && (best < 0 || p > post[best]) {
			best = e
		}
	}
	if best <= 0 || post[best] < likelyP {
		return -1, 0
	}
	for _, i := range rest {
		if res.Endpoints[best].LR[i] >= inflight.Supported {
			supported++
		}
	}
	if supported < 2 {
		return -1, 0
	}
	return best, supported
}

// withSecond accuses the leader of its crashes, and looks for a second culprit among the rest.
func (q *inquiry) withSecond(cause finding.Cause, c class, deaths []int, res *inflight.Result, g graded) []candidate {
	mine, rest, restIdx := byLeader(res, deaths)
	out := []candidate{q.accuse(cause, c, mine, res, g, deaths)}
	if second, supported := secondOf(res, restIdx); second > 0 && (!q.mayAddUp(c, deaths) || !q.strawOf(c, second).late() && !q.strawOf(c, res.Leader, second).late()) {
		out[0].verdict.Summary += fmt.Sprintf(" A second culprit, %s, explains %d of the others.", q.traffic.Endpoints.Names[second], supported)
		return append(out, candidate{deaths: rest, class: c, endpoint: second, named: second, by: onOpenRequests, verdict: finding.Verdict{
			Cause: cause, Grade: finding.Likely, Endpoint: &q.traffic.Endpoints.Names[second],
			Summary: fmt.Sprintf("A second culprit: %s was open at the onset of %d of the %d remaining crashes.", q.traffic.Endpoints.Names[second], supported, len(rest))}})
	}
	if len(rest) > 0 && len(rest) < len(deaths) && openAt(res) < len(deaths) {
		out[0].verdict.Summary += fmt.Sprintf(" It does not explain %d other death(s).", len(rest))
	}
	return out
}

// openAt counts the deaths at which a request of the leader was open.
func openAt(res *inflight.Result) (n int) {
	for _, o := range res.Endpoints[res.Leader].Oldest {
		if o >= 0 {
			n++
		}
	}
	return n
}

func (q *inquiry) accuse(cause finding.Cause, c class, mine []int, res *inflight.Result, g graded, all []int) candidate {
	name := q.traffic.Endpoints.Names[res.Leader]
	open := openAt(res)
	verb := map[finding.Cause]string{
		finding.RequestBurst: "took the memory of", finding.Undetermined: "killed", finding.CPUStall: "held the event loop or CPU of", finding.RequestCrash: "crashed",
	}[cause]
	s := fmt.Sprintf("%s %s %s: it was open when %d of %d died", name, verb, q.containersText(mine), open, len(all))
	if open < len(mine) {
		s = fmt.Sprintf("%s %s %s: it was at work just before %d of %d deaths", name, verb, q.containersText(mine), len(mine), len(all))
	}
	if same := res.Same; same != nil && same.Endpoint == res.Leader && same.EValue >= sameLikely {
		s += fmt.Sprintf(", the same request retried from container to container (%d times)", same.Hops)
	}
	s += "."
	checks := slices.Clone(g.checks)
	if many, ok := q.atOnce(res.Leader); ok {
		s += fmt.Sprintf(" It takes several at once: %d had begun together at the deaths, %d at other times (medians).", many.fatal, many.usual)
		checks = append(checks, finding.Check{Rule: "burst.at-once", Outcome: finding.Supports, Detail: name + ": " + many.String()})
	}
	checks = append(checks, finding.Check{Rule: "burst.open-at-onset", Outcome: finding.Supports, Detail: name + ": " + strings.Join(g.why, "; ")})
	return candidate{verdict: finding.Verdict{Cause: cause, Grade: g.grade, Endpoint: &q.traffic.Endpoints.Names[res.Leader], Summary: s}, deaths: mine, class: c,
		endpoint: res.Leader, named: res.Leader, by: onOpenRequests, why: g.why, checks: checks}
}

// undetermined says that the evidence cannot tell, and what would.
func (q *inquiry) undetermined(deaths []int, c class, res *inflight.Result, g graded) candidate {
	s := q.deathsText(deaths) + " died"
	if kinds := q.kindsText(deaths); kinds != "" {
		s += " (" + kinds + ")"
	}
	if host := q.hostMemory(deaths); 2*len(host.deaths) > len(deaths) {
		s += " as " + host.String() + ", and the evidence cannot say what took it"
	} else {
		s += ", and the evidence cannot say why"
	}
	named, alone := -1, standsAlone(res, deaths)
	switch {
	case q.neverServed(deaths):
		s, alone = q.bootText(deaths, q.kindsText(deaths)), false
	case q.onlyCompanions(deaths):
		s += ": they are companions in their pods, whose own containers went on, and serve no request"
	case q.measured.Counts.Total == 0:
		s += ": no requests were seen"
	case !q.traffic.Containers.Named:
		s += ": the requests do not say which container served them"
	case q.traffic.Layer == record.LayerApp && !q.hasStarts():
		s += ": only finished requests are logged, and the request that kills never finishes"
	case len(q.untied.Dead) > 0: // see tellUntied
	case res != nil && res.Leader > 0 && g.grade == finding.Possible:
		named = res.Leader
		s += fmt.Sprintf("; %s comes closest, which is not enough to accuse it", q.traffic.Endpoints.Names[res.Leader])
	case alone:
		s += fmt.Sprintf("; %s was open, as it seldom is, and %s cannot prove that it killed", q.traffic.Endpoints.Names[res.Leader], fewText(deaths))
	default:
		if e, n := q.thereAtNearlyAll(deaths); e > 0 {
			s += fmt.Sprintf("; %s was open at %d of %d, which is too little to accuse it by what was seen", q.traffic.Endpoints.Names[e], n, len(deaths))
			break
		}
		s += ": no request stands out among those that were open"
	}
	asked := finding.Check{Rule: "burst.open-at-onset", Outcome: finding.Neutral}
	switch {
	case named >= 0:
		asked.Detail = q.traffic.Endpoints.Names[named] + ": " + strings.Join(g.why, "; ")
	case alone:
		asked.Detail = fmt.Sprintf("%s was open at the onset of %s, which is too few (probability that none is at fault: %s)", q.traffic.Endpoints.Names[res.Leader], fewText(deaths), percent(res.Nobody))
	case res != nil && res.Leader >= 0:
		asked.Outcome = q.burstOutcome()
		asked.Detail = fmt.Sprintf("no endpoint was open at the onsets more than chance brings about (probability that none is at fault: %s)", percent(res.Nobody))
	default:
		asked.Outcome, asked.Detail = finding.NotPossible, strings.Join(g.why, "; ")
	}
	grade := finding.Insufficient
	if named >= 0 {
		grade = finding.Possible
	}
	return candidate{verdict: finding.Verdict{Cause: finding.Undetermined, Grade: grade, Summary: s + "."}, deaths: deaths, class: c, endpoint: -1, named: named,
		why: g.why, checks: append(slices.Clone(g.checks), asked)}
}

// onlyCompanions reports whether all that died are companions of pods, of which nothing else died and which serve no request.
func (q *inquiry) onlyCompanions(deaths []int) bool {
	return !slices.ContainsFunc(deaths, func(d int) bool {
		_, companion := life.PodOf(q.traffic.Life.Deaths[d].Container)
		_, together := q.diedWith(d)
		served := q.traffic.Containers.Index(q.traffic.Life.Deaths[d].Container)
		return !companion || together || served != 0 && q.measured.Serves[served]
	})
}

// fewDeaths are too few for an endpoint that was open at each of them to be more than a guess, whatever it is.
const fewDeaths = 2

func fewText(deaths []int) string {
	return [fewDeaths + 1]string{"no death", "one death", "two deaths"}[len(deaths)]
}

// standsAlone reports whether the leader supports each of so few deaths that nothing can repeat over them.
func standsAlone(res *inflight.Result, deaths []int) bool {
	return res != nil && res.Leader > 0 && len(deaths) <= fewDeaths &&
		!slices.ContainsFunc(res.Endpoints[res.Leader].LR, func(lr float64) bool { return lr < inflight.Supported })
}

func (q *inquiry) endpointIndex(name string) int {
	for i, n := range q.traffic.Endpoints.Names {
		if n == name {
			return i
		}
	}
	return -1
}

// generalChecks says what else was looked at.
func (q *inquiry) generalChecks(main *candidate) (checks []finding.Check) {
	deaths := main.deaths
	tell := func(rule string, outcome finding.Outcome, detail string) {
		checks = append(checks, finding.Check{Rule: rule, Outcome: outcome, Detail: detail})
	}
	if len(q.traffic.Life.Deaths) > 0 {
		if q.measured.Counts.Total > 0 {
			load := q.loadRival(deaths)
			out := finding.Neutral
			detail := fmt.Sprintf("the load just before the crashes was ordinary (e-value of \"the load did it\": %s)", num(load))
			if load >= rivalE {
				detail = fmt.Sprintf("the load was among its highest just before the crashes (e-value %s)", num(load))
				out = finding.Contradicts
				if main.verdict.Cause == finding.Capacity {
					out = finding.Supports
				}
			}
			tell("rival.load", out, detail)
		}
		if n := q.broke(); n > 0 {
			tell("death.broken", finding.Neutral, fmt.Sprintf("no source tells of %d of the %d deaths: requests broke off together, none that was open was answered later, and the container answered nobody for longer than usual", n, len(q.traffic.Life.Deaths)))
		}
		if n := len(q.traffic.Life.Restarts); n > 0 {
			tell("rival.planned", finding.Neutral, fmt.Sprintf("%d end(s) of containers were planned or silent (%s) and are left out of the crashes", n, q.restartReasons()))
		} else {
			tell("rival.planned", finding.Neutral, "no planned restart, deploy or maintenance was seen near the crashes")
		}
	}
	switch {
	case q.hang != nil && main.verdict.Cause == finding.HungDependency:
		tell("hang.constant-duration", finding.Supports, fmt.Sprintf("%d calls on %d endpoints ended after %.2f s, %.0f times as often as at other times", q.hang.Calls, q.hang.Endpoints, q.hang.Constant.Seconds(), q.hangRise()))
	case q.hang != nil:
		tell("hang.constant-duration", finding.Neutral, fmt.Sprintf("%d calls on %d endpoints ended after the same %.2f s between %s and %s: a timeout somewhere", q.hang.Calls, q.hang.Endpoints, q.hang.Constant.Seconds(), clockTime(q.hang.From), clockTime(q.hang.To)))
	case q.measured.Counts.Total > 0:
		tell("hang.constant-duration", finding.Neutral, "no constant duration at which calls of many endpoints end")
	}
	return checks
}

func (q *inquiry) hangRise() float64 {
	in := q.hang.To.Sub(q.hang.From).Seconds()
	out := q.traffic.Window.To.Sub(q.traffic.Window.From).Seconds() - in
	if in <= 0 || out <= 0 {
		return 0
	}
	return float64(q.hang.Calls) / in / ((float64(q.hang.Outside) + 0.5) / out)
}

// tellUntied says in the verdict and in the checks that the open requests could not be asked.
func (q *inquiry) tellUntied() {
	if len(q.untied.Dead) == 0 {
		return
	}
	if v := &q.report.Verdict; v.Cause == finding.Undetermined {
		if len(q.untied.Addresses) > 0 {
			v.Summary += " The requests name only addresses, and nothing ties those to what died."
		} else {
			v.Summary += " The requests name the containers of the pods, and nothing tells which of those died."
		}
	}
	for i := range q.report.Checks {
		if c := &q.report.Checks[i]; c.Rule == "burst.open-at-onset" && c.Outcome == finding.NotPossible {
			c.Detail = fmt.Sprintf("the requests name %s, and nothing ties those to %s", listSome(slices.Concat(q.untied.Addresses, q.untied.Containers), 4), listSome(q.untied.Dead, 4))
		}
	}
}
