// Package verdict judges what was measured: [Conclude] asks the detectors, weighs what they say against the rivals, decides, and writes
// the report.
//
//	inquiry.go   asks the detectors
//	verdict.go   weighs all of it: cause, endpoint, grade, checks (calm.go, fault.go, memory.go: by kind of death)
//	rivals.go    what else explains deaths (also ages.go, hostmemory.go, lowered.go, planned.go)
//	suspects.go  the ranked rows, with the reason that clears each; pattern.go: one request from crash to crash
//	second.go    a second look, with paths that differ in one segment taken as one, when nothing stood out
//	story.go     all that explains the verdict rather than makes it (crashes.go, timeline.go, actions.go, charts.go)
//
// It reads what was gathered and measured, and changes none of it.
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
		q.nameCode(&cands[i])
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
	q.generalChecks(main)
	if err := q.plannedTraffic(); err != nil {
		return err
	}
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

// inferred counts the deaths of which only the start after them tells.
func (q *inquiry) inferred(deaths []int) int {
	n := 0
	for _, d := range deaths {
		if q.traffic.Life.Deaths[d].Unfinished > 0 {
			n++
		}
	}
	return n
}

// toldSupport counts the deaths that some source tells of and that support the leader of an evaluation.
func (q *inquiry) toldSupport(res *inflight.Result, deaths []int) (n int) {
	for i, d := range deaths {
		if q.traffic.Life.Deaths[d].Unfinished == 0 && res.Endpoints[res.Leader].LR[i] >= inflight.Supported {
			n++
		}
	}
	return n
}

// support is what speaks for the leader of an evaluation.
type support struct {
	supported, explained int          // deaths that support it; those that support it or the one that it shares the deaths with
	chains               map[int]bool // the stories of those
	inStories            int          // deaths of these stories
	// again is true where one and the same request of the leader was open at death after death.
	again bool
}

func (q *inquiry) supportOf(res *inflight.Result, deaths []int) support {
	s := support{chains: map[int]bool{}}
	s.again = res.Same != nil && res.Same.Endpoint == res.Leader && res.Same.EValue >= sameLikely
	for i, d := range deaths {
		own := res.Endpoints[res.Leader].LR[i] >= inflight.Supported
		if own {
			s.supported++
		}
		if own || res.Second >= 0 && res.Endpoints[res.Second].LR[i] >= inflight.Supported {
			s.explained++
			s.chains[q.open.cases[d].Chain] = true
		}
	}
	for _, d := range deaths {
		if s.chains[q.open.cases[d].Chain] {
			s.inStories++
		}
	}
	return s
}

// gradeInflight grades the leader of an evaluation and says why.
func (q *inquiry) gradeInflight(res *inflight.Result, deaths []int) (g finding.Grade, why []string) {
	if res == nil || res.Leader < 0 {
		return finding.Insufficient, []string{"no requests with a container were seen"}
	}
	lead := &res.Endpoints[res.Leader]
	p := lead.Posterior
	s := q.supportOf(res, deaths)
	switch {
	case p >= conclusiveP && s.supported >= conclusiveCrash && res.LeaveOneOut >= leaveOneOutP && (len(s.chains) >= 2 || s.again):
		g = finding.Conclusive
	case p >= likelyP && (s.supported >= 2 || p >= conclusiveP):
		g = finding.Likely
	case p >= possibleP:
		g = finding.Possible
	default:
		g = finding.Insufficient
	}
	why = append(why, fmt.Sprintf("probability %s that it is the culprit, over %d crash(es) with %d that support it", percent(p), len(deaths), s.supported))
	if s.again {
		if g.Rank() < finding.Likely.Rank() && p >= possibleP {
			g = finding.Likely
		}
		if res.Same.EValue >= sameConclusive && res.Same.Hops >= 3 && p >= likelyP {
			g = finding.Conclusive
		}
		why = append(why, fmt.Sprintf("one and the same request was open at %d of the crashes, on one container after the other", res.Same.Hops))
	}
	if len(s.chains) == 1 && len(deaths) > 1 && !s.again && g == finding.Likely {
		why = append(why, "all crashes are one story, each within 20 minutes of the one before, so they count for less than as many independent ones")
	}
	g, less := q.lowerInflight(res, deaths, s, g)
	return g, append(why, less...)
}

// lowerInflight lowers the grade of the leader of an evaluation for all that speaks against it, and says what does.
func (q *inquiry) lowerInflight(res *inflight.Result, deaths []int, s support, g finding.Grade) (_ finding.Grade, why []string) {
	lead := &res.Endpoints[res.Leader]
	// A culprit explains its story: when most deaths of the stories that support it do not, it is more likely one of many victims.
	if float64(s.explained) < storyShare*float64(s.inStories) && !s.again {
		g = lower(g, finding.Possible)
		why = append(why, fmt.Sprintf("it supports only %d of the %d deaths that came with them", s.supported, s.inStories))
	}
	if res.Second >= 0 {
		// Two explain more by luck than one: they must leave little over, and the second must stand where the first is not asked.
		_, _, rest := byLeader(res, deaths)
		second, _ := secondOf(res, rest)
		g = lower(g, finding.Likely)
		disputed, of := contested(res, res.Second, q.contestants(deaths))
		if second != res.Second || 2*disputed > of || float64(s.explained) < sureShare*float64(len(deaths)) {
			g = lower(g, finding.Possible)
		}
		why = append(why, fmt.Sprintf("it and %s share the crashes: %d of %d support one of the two", q.traffic.Endpoints.Names[res.Second], s.explained, len(deaths)))
	}
	if load := q.loadRival(deaths); load >= rivalE && (load > lead.EValue || float64(s.supported) < sureShare*float64(len(deaths))) && len(deaths) >= minDeathsForLoad {
		g = lower(g, finding.Possible)
		why = append(why, "the load was at its peak before the crashes, which explains them as well")
	}
	if len(res.Partners) > 0 {
		names := make([]string, 0, 3)
		for _, e := range res.Partners[:min(3, len(res.Partners))] {
			names = append(names, q.traffic.Endpoints.Names[e])
		}
		why = append(why, "no crash separates it from "+strings.Join(names, ", "))
		// As good an alternative: say both rather than one.
		if other := res.Endpoints[res.Partners[0]]; other.EValue*3 >= lead.EValue {
			g = lower(g, finding.Possible)
		}
	}
	if n := q.inferred(deaths); 2*n > len(deaths) && q.toldSupport(res, deaths) < conclusiveCrash && g.Rank() > finding.Likely.Rank() {
		g = finding.Likely
		why = append(why, fmt.Sprintf("no source tells of %d of the deaths: containers started again with requests open", n))
	}
	if n, there := q.atUntoldEnds(res, deaths); n >= untoldEnds && untoldEnds*there <= n && !s.again && g.Rank() > finding.Possible.Rank() {
		g = finding.Possible
		why = append(why, fmt.Sprintf("containers started again in their place %d more times, of which nobody says why, and it was cut off at %d of those", n, there))
	}
	if m, ok := q.byClock(res, deaths); ok && m.speaksAgainst() && !s.again && g.Rank() > finding.Possible.Rank() {
		g = finding.Possible
		why = append(why, m.String())
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "rival.same-stroke", Outcome: finding.Contradicts, Detail: q.traffic.Endpoints.Names[res.Leader] + ": " + m.String()})
	}
	if contested, _ := contested(res, res.Leader, q.contestants(deaths)); 2*contested > s.supported && !s.again && g.Rank() > finding.Possible.Rank() {
		g = finding.Possible
		why = append(why, fmt.Sprintf("at %d of the %d crashes that support it others stand out as well, as where everything is slow", contested, s.supported))
	}
	if q.traffic.Layer == record.LayerApp && !q.hasStarts() {
		g = lower(g, finding.Possible)
		why = append(why, "only finished requests are logged, and the one that kills never finishes")
	}
	return g, why
}

// untoldEnds is how many ends that nobody tells of speak against what was there at no more than a third of them.
const untoldEnds = 3

// atUntoldEnds counts the ends of which all that is known is that the platform started the container again in its place, and those at which
// requests of the leader, or of the one that shares the deaths with it, were cut off. Of what kills at the deaths that are told of much the
// same is expected there, but not of what fails its health checks: Kubernetes always tells of that.
func (q *inquiry) atUntoldEnds(res *inflight.Result, deaths []int) (n, there int) {
	if slices.ContainsFunc(deaths, func(d int) bool { return q.traffic.Life.Deaths[d].Kind == record.CrashHealthCheck }) {
		return 0, 0
	}
	cut := map[string][]record.Time{} // when requests of theirs ended, or are last known to be open
	for i := range q.traffic.Pending {
		p := &q.traffic.Pending[i]
		if e := int(p.Endpoint); p.Container != 0 && (e == res.Leader || e == res.Second) {
			name := q.traffic.Containers.Names[p.Container]
			cut[name] = append(cut[name], max(p.Start, p.End))
		}
	}
	for i := range q.traffic.Life.Restarts {
		s := &q.traffic.Life.Restarts[i]
		if !s.TellsOfOne() {
			continue
		}
		n++
		if slices.ContainsFunc(cut[s.Container], func(t record.Time) bool { return t > s.Time.Add(-restartDelay) && t < s.Time.Add(restartSlack) }) {
			there++
		}
	}
	return n, there
}

const (
	// restartDelay is how long Kubernetes waits at most before it starts again what ended, and a minute; restartSlack is for clocks, and for
	// lines of requests to what was down.
	restartDelay = 6 * time.Minute
	restartSlack = 5 * time.Second
)

// contested counts the deaths that support an endpoint and, not much less, as many others as least as well, of all that support it. A culprit
// stands out alone, but for what happens to be sent with it; where a container has been slow for so long that base rates say little, many do.
func contested(res *inflight.Result, of, least int) (n, supported int) {
	for i, lr := range res.Endpoints[of].LR {
		if lr < inflight.Supported {
			continue
		}
		supported++
		others := 0
		for e := range res.Endpoints {
			if x := res.Endpoints[e].LR[i]; e != of && x >= inflight.Supported && x*standsOut > lr {
				others++
			}
		}
		if others >= least {
			n++
		}
	}
	return n, supported
}

// contestants is how many others must stand out at a death for it to be contested. Before an error that ends a process at once nothing is
// slow, and what is rare enough stands out where chance has it open: one of those tells nothing.
func (q *inquiry) contestants(deaths []int) int {
	if len(deaths) > 0 && classOf(&q.traffic.Life.Deaths[deaths[0]]) == byFault && !q.mayBeFull(deaths) {
		return 2
	}
	return 1
}

// hasStarts reports whether the evidence could show a request that never ended: starts are logged, or a router cut or gave up.
func (q *inquiry) hasStarts() bool {
	if q.traffic.Layer == record.LayerRouter || 2*q.traffic.Evidence.Starts > q.measured.Counts.Total {
		return true // also where all those that began ended
	}
	for i := range q.traffic.Pending {
		if q.traffic.Pending[i].Phase == record.Started || q.traffic.Pending[i].Outcome == record.Cut || q.traffic.Pending[i].Outcome == record.GaveUp {
			return true
		}
	}
	return false
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

func lower(g, atMost finding.Grade) finding.Grade {
	if g.Rank() > atMost.Rank() {
		return atMost
	}
	return g
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
func (q *inquiry) withSecond(cause finding.Cause, c class, deaths []int, res *inflight.Result, grade finding.Grade, why []string) []candidate {
	mine, rest, restIdx := byLeader(res, deaths)
	out := []candidate{q.accuse(cause, c, mine, res, grade, why, deaths)}
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

func (q *inquiry) accuse(cause finding.Cause, c class, mine []int, res *inflight.Result, grade finding.Grade, why []string, all []int) candidate {
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
	v := finding.Verdict{Cause: cause, Grade: grade, Endpoint: &q.traffic.Endpoints.Names[res.Leader], Summary: s + "." + q.tellAtOnce(res.Leader)}
	q.report.Checks = append(q.report.Checks, finding.Check{Rule: "burst.open-at-onset", Outcome: finding.Supports, Detail: name + ": " + strings.Join(why, "; ")})
	return candidate{verdict: v, deaths: mine, class: c, endpoint: res.Leader, named: res.Leader, by: onOpenRequests}
}

// undetermined says that the evidence cannot tell, and what would.
func (q *inquiry) undetermined(deaths []int, c class, res *inflight.Result, grade finding.Grade, why []string) candidate {
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
	case res != nil && res.Leader > 0 && grade == finding.Possible:
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
	if grade == finding.Possible && named >= 0 {
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "burst.open-at-onset", Outcome: finding.Neutral, Detail: q.traffic.Endpoints.Names[named] + ": " + strings.Join(why, "; ")})
	} else if alone {
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "burst.open-at-onset", Outcome: finding.Neutral,
			Detail: fmt.Sprintf("%s was open at the onset of %s, which is too few (probability that none is at fault: %s)", q.traffic.Endpoints.Names[res.Leader], fewText(deaths), percent(res.Nobody))})
	} else if res != nil && res.Leader >= 0 {
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "burst.open-at-onset", Outcome: q.burstOutcome(), Detail: fmt.Sprintf("no endpoint was open at the onsets more than chance brings about (probability that none is at fault: %s)", percent(res.Nobody))})
	} else {
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "burst.open-at-onset", Outcome: finding.NotPossible, Detail: strings.Join(why, "; ")})
	}
	g := finding.Insufficient
	if named >= 0 {
		g = finding.Possible
	}
	return candidate{verdict: finding.Verdict{Cause: finding.Undetermined, Grade: g, Summary: s + "."}, deaths: deaths, class: c, endpoint: -1, named: named}
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

func (q *inquiry) check(rule string, possible bool, outcome finding.Outcome, detail, missing string) {
	if !possible {
		outcome, detail = finding.NotPossible, missing
	}
	q.report.Checks = append(q.report.Checks, finding.Check{Rule: rule, Outcome: outcome, Detail: detail})
}

// generalChecks says what else was looked at.
func (q *inquiry) generalChecks(main *candidate) {
	deaths := main.deaths
	r := q.report
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
			r.Checks = append(r.Checks, finding.Check{Rule: "rival.load", Outcome: out, Detail: detail})
		}
		if n := len(q.traffic.Life.Restarts); n > 0 {
			r.Checks = append(r.Checks, finding.Check{Rule: "rival.planned", Outcome: finding.Neutral, Detail: fmt.Sprintf("%d end(s) of containers were planned or silent (%s) and are left out of the crashes", n, q.restartReasons())})
		} else {
			r.Checks = append(r.Checks, finding.Check{Rule: "rival.planned", Outcome: finding.Neutral, Detail: "no planned restart, deploy or maintenance was seen near the crashes"})
		}
	}
	switch {
	case q.hang != nil && main.verdict.Cause == finding.HungDependency:
		r.Checks = append(r.Checks, finding.Check{Rule: "hang.constant-duration", Outcome: finding.Supports, Detail: fmt.Sprintf("%d calls on %d endpoints ended after %.2f s, %.0f times as often as at other times", q.hang.Calls, q.hang.Endpoints, q.hang.Constant.Seconds(), q.hangRise())})
	case q.hang != nil:
		r.Checks = append(r.Checks, finding.Check{Rule: "hang.constant-duration", Outcome: finding.Neutral, Detail: fmt.Sprintf("%d calls on %d endpoints ended after the same %.2f s between %s and %s: a timeout somewhere", q.hang.Calls, q.hang.Endpoints, q.hang.Constant.Seconds(), clockTime(q.hang.From), clockTime(q.hang.To))})
	case q.measured.Counts.Total > 0:
		r.Checks = append(r.Checks, finding.Check{Rule: "hang.constant-duration", Outcome: finding.Neutral, Detail: "no constant duration at which calls of many endpoints end"})
	}
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
