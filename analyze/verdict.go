package analyze

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/collectors/record"
)

// Grades of the open-at-onset evidence (method.md 6).
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
	secondBlame      = 0.9  // crashes blamed on the first culprit this much are left out when a second is looked for
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
	by    string // "inflight" or "growth"
}

// decide weighs everything and writes verdict, suspects and checks.
func (q *inquiry) decide() {
	r := q.report
	if q.hang != nil {
		if w, ok := q.inPlanned(q.hang.From, q.hang.To); ok {
			r.Checks = append(r.Checks, finding.Check{Rule: "hang.constant-duration", Outcome: finding.Neutral,
				Detail: fmt.Sprintf("%d calls ended after the same %.2f s, within the planned window %s to %s: something that was down for it was still called", q.hang.Calls, q.hang.Constant.Seconds(), clockTime(w.From), clockTime(w.To))})
			q.hang = nil
		}
	}
	var cands []candidate
	if len(q.life.Deaths) == 0 {
		cands = append(cands, q.calm())
	} else {
		if len(q.ofHost) > 0 {
			cands = append(cands, q.host)
		}
		for _, c := range []class{byMemory, byStall, byFault} {
			if deaths := q.caseOf[c]; len(deaths) > 0 {
				found := q.explain(c, deaths)
				if later := q.later[c]; len(later) > 0 {
					found[0].deaths = append(slices.Clone(found[0].deaths), later...)
					slices.Sort(found[0].deaths)
					found[0].verdict.Summary += fmt.Sprintf(" %d more deaths followed in the same story.", len(later))
				}
				cands = append(cands, found...)
			}
		}
		if c, ok := q.vanished(q.ofHost); ok {
			cands = append(cands, c)
		}
	}
	sort.SliceStable(cands, func(i, j int) bool {
		a, b := &cands[i], &cands[j]
		// What explains most deaths comes first; among those that accuse, the surer one.
		if (a.verdict.Cause == finding.Undetermined) != (b.verdict.Cause == finding.Undetermined) {
			return b.verdict.Cause == finding.Undetermined
		}
		if len(a.deaths) != len(b.deaths) {
			return len(a.deaths) > len(b.deaths)
		}
		return a.verdict.Grade.Rank() > b.verdict.Grade.Rank()
	})
	main := &cands[0]
	for i := range cands {
		q.nameCode(&cands[i])
	}
	r.Verdict = main.verdict
	if len(cands) > 1 {
		for _, c := range cands {
			for _, d := range c.deaths {
				c.verdict.Crashes = append(c.verdict.Crashes, q.life.Deaths[d].ID())
			}
			r.Causes = append(r.Causes, c.verdict)
		}
		r.Verdict = r.Causes[0]
		r.Verdict.Crashes = nil
	}
	for _, c := range cands {
		if c.verdict.Endpoint != nil {
			for _, d := range c.deaths {
				e := *c.verdict.Endpoint
				r.Crashes[d].ExplainedBy = &e
			}
		}
	}
	q.suspects(cands)
	q.serial(main)
	q.generalChecks(main)
	q.plannedTraffic()
}

// gradeInflight grades the leader of an evaluation and says why.
func (q *inquiry) gradeInflight(res *inflight.Result, deaths []int) (g finding.Grade, why []string) {
	if res == nil || res.Leader < 0 {
		return finding.Insufficient, []string{"no requests with a container were seen"}
	}
	lead := &res.Endpoints[res.Leader]
	p := lead.Posterior
	supported := 0
	chains := map[int]bool{}
	for i, d := range deaths {
		if lead.LR[i] >= inflight.Supported {
			supported++
			chains[q.cases[d].Chain] = true
		}
	}
	load := q.loadRival(deaths)
	same := res.Same
	ofLead := same != nil && same.Endpoint == res.Leader
	switch {
	case p >= conclusiveP && supported >= conclusiveCrash && res.LeaveOneOut >= leaveOneOutP && (len(chains) >= 2 || ofLead && same.EValue >= sameLikely):
		g = finding.Conclusive
	case p >= likelyP && (supported >= 2 || p >= conclusiveP):
		g = finding.Likely
	case p >= possibleP:
		g = finding.Possible
	default:
		g = finding.Insufficient
	}
	why = append(why, fmt.Sprintf("probability %s that it is the culprit, over %d crash(es) with %d that support it", percent(p), len(deaths), supported))
	if ofLead && same.EValue >= sameLikely {
		if g.Rank() < finding.Likely.Rank() && p >= possibleP {
			g = finding.Likely
		}
		if same.EValue >= sameConclusive && same.Hops >= 3 && p >= likelyP {
			g = finding.Conclusive
		}
		why = append(why, fmt.Sprintf("one and the same request was open at %d of the crashes, on one container after the other", same.Hops))
	}
	if len(chains) == 1 && len(deaths) > 1 && !(ofLead && same.EValue >= sameLikely) && g == finding.Likely {
		why = append(why, "all crashes are one story within 20 minutes, so they count for less than as many independent ones")
	}
	// A culprit explains its story: when most deaths of the stories that support it do not, it is more likely one of many victims.
	inStories := 0
	for _, d := range deaths {
		if chains[q.cases[d].Chain] {
			inStories++
		}
	}
	if float64(supported) < storyShare*float64(inStories) && !(ofLead && same.EValue >= sameLikely) {
		if g.Rank() > finding.Possible.Rank() {
			g = finding.Possible
		}
		why = append(why, fmt.Sprintf("it supports only %d of the %d deaths that came with them", supported, inStories))
	}
	if load >= rivalE && (load > lead.EValue || float64(supported) < sureShare*float64(len(deaths))) && len(deaths) >= minDeathsForLoad {
		if g.Rank() > finding.Possible.Rank() {
			g = finding.Possible
		}
		why = append(why, "the load was at its peak before the crashes, which explains them as well")
	}
	if len(res.Partners) > 0 {
		names := make([]string, 0, 3)
		for _, e := range res.Partners[:min(3, len(res.Partners))] {
			names = append(names, q.endpoints[e])
		}
		why = append(why, "no crash separates it from "+strings.Join(names, ", "))
		// As good an alternative: say both rather than one.
		if other := res.Endpoints[res.Partners[0]]; other.EValue*3 >= lead.EValue && g.Rank() > finding.Possible.Rank() {
			g = finding.Possible
		}
	}
	if q.primary.layer == record.LayerApp && !q.hasStarts() {
		if g.Rank() > finding.Possible.Rank() {
			g = finding.Possible
		}
		why = append(why, "only finished requests are logged, and the one that kills never finishes")
	}
	return g, why
}

// hasStarts reports whether the evidence could show a request that never ended: starts are logged, or a router cut or gave up.
func (q *inquiry) hasStarts() bool {
	if q.primary.layer == record.LayerRouter {
		return true
	}
	for i := range q.pend {
		if q.pend[i].Phase == record.Started || q.pend[i].Outcome == record.Cut || q.pend[i].Outcome == record.GaveUp {
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

// shapeAtDeath says how memory came to the death: leak or burst or other, by the curves of that life.
func (q *inquiry) shapeAtDeath(d int) finding.Shape {
	id := q.life.Deaths[d].ID()
	best := finding.ShapeInsufficient
	rank := map[finding.Shape]int{finding.ShapeLeak: 5, finding.ShapeBurst: 4, finding.ShapeSawtooth: 2, finding.ShapePlateau: 2, finding.ShapeFlat: 3, finding.ShapeInsufficient: 0}
	for i := range q.curves {
		c := &q.curves[i]
		if c.Crash == id && rank[c.Shape] > rank[best] {
			best = c.Shape
		}
	}
	return best
}

// explainMemory explains deaths of class c as deaths of memory: those of a stall, too, where memory was short.
func (q *inquiry) explainMemory(c class, deaths []int) []candidate {
	leaky, bursty, flat := 0, 0, 0
	for _, d := range deaths {
		switch q.shapeAtDeath(d) {
		case finding.ShapeLeak:
			leaky++
		case finding.ShapeBurst:
			bursty++
		case finding.ShapeFlat, finding.ShapePlateau, finding.ShapeSawtooth:
			flat++
		}
	}
	res := q.burst[c]
	grade, why := q.gradeInflight(res, deaths)
	known := leaky + bursty + flat
	q.check("memory.shape", known > 0, finding.Neutral, fmt.Sprintf("of %d deaths, memory had grown steadily before %d, jumped before %d, and was level when last read before %d", len(deaths), leaky, bursty, flat),
		"no memory readings cover the lives that ended, so a slow leak and a burst cannot be told apart by their curve")
	var leak *candidate
	if q.growth.Gate.Open && 2*leaky >= known && leaky > 0 {
		c := q.explainLeak(deaths, leaky)
		if c.verdict.Cause != finding.Undetermined {
			return []candidate{c}
		}
		leak = &c // memory grows, and nothing says why: a surge of load may do that as well
	}
	// A fleet that dies under too much load dies with its busiest requests open: only the surest accusation stands against that.
	if c, ok := q.capacity(append(slices.Clone(deaths), q.later[c]...)); ok && (grade.Rank() < finding.Likely.Rank() || c.verdict.Grade.Rank() >= finding.Likely.Rank() && grade.Rank() < finding.Conclusive.Rank()) {
		return []candidate{c}
	}
	if leak != nil {
		return []candidate{*leak}
	}
	if grade.Rank() >= finding.Likely.Rank() {
		return q.withSecond(q.howKilled(deaths, bursty), c, deaths, res, grade, why)
	}
	if q.growth.Gate.Open && leaky > 0 {
		c := q.explainLeak(deaths, leaky)
		if c.verdict.Cause != finding.Undetermined {
			c.verdict.Grade = lower(c.verdict.Grade, finding.Possible)
			if c.verdict.Endpoint != nil {
				c.named, c.endpoint, c.verdict.Endpoint = c.endpoint, -1, nil
				c.verdict.Cause = finding.Undetermined
			}
		}
		return []candidate{c}
	}
	return []candidate{q.undetermined(deaths, c, res, grade, why)}
}

// howKilled says how a request killed containers of which no source says that memory was the reason: by memory if the curves jump
// or end near the limit, by holding the event loop if they stay level and the runtime fell silent, and otherwise it cannot be told.
func (q *inquiry) howKilled(deaths []int, bursty int) finding.Cause {
	named, aborted, level, known := 0, 0, 0, 0
	for _, d := range deaths {
		if q.life.Deaths[d].Kind == record.CrashAbort {
			aborted++
		}
		if k := q.life.Deaths[d].Kind; k == record.CrashOOMKill || k == record.CrashHeapLimit {
			named++
		}
		if lm := q.report.Crashes[d].LastMemory; lm != nil && lm.LimitBytes != nil {
			known++
			if lm.Bytes < levelMemory*float64(*lm.LimitBytes) {
				level++
			}
		}
	}
	if 2*named >= len(deaths) || 2*bursty >= len(deaths) {
		return finding.RequestBurst
	}
	if 2*aborted >= len(deaths) {
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "memory.shape", Outcome: finding.NotPossible,
			Detail: "the processes aborted, and neither last words nor memory readings say whether their heap was full"})
		return finding.Undetermined
	}
	n, silent := q.silences(deaths)
	switch {
	case known > 0 && 2*level > known && n > 0 && 2*silent > n:
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "stall.silence", Outcome: finding.Supports,
			Detail: fmt.Sprintf("no source says why the containers were killed, but memory was well below its limit before %d of %d deaths and the runtime's metrics had fallen silent before %d of %d: something held the event loop", level, known, silent, n)})
		return finding.CPUStall
	case known > 0 && 2*level <= known:
		return finding.RequestBurst
	}
	q.report.Checks = append(q.report.Checks, finding.Check{Rule: "stall.silence", Outcome: finding.NotPossible,
		Detail: "no source says why the containers were killed, and no memory readings tell a burst of memory from a held event loop"})
	return finding.Undetermined
}

func lower(g, atMost finding.Grade) finding.Grade {
	if g.Rank() > atMost.Rank() {
		return atMost
	}
	return g
}

// withSecond accuses the leader of its crashes, and looks for a second culprit among the rest.
func (q *inquiry) withSecond(cause finding.Cause, c class, deaths []int, res *inflight.Result, grade finding.Grade, why []string) []candidate {
	lead := &res.Endpoints[res.Leader]
	var mine, rest []int
	var restIdx []int
	same := res.Same
	if same != nil && (same.Endpoint != res.Leader || same.EValue < sameLikely) {
		same = nil
	}
	for i, d := range deaths {
		// The request that came back explains every death that it was open at.
		if lead.Blame[i] >= 0.5 || same != nil && same.Refs[i] >= 0 {
			mine = append(mine, d)
		} else {
			rest = append(rest, d)
			restIdx = append(restIdx, i)
		}
	}
	if len(mine) == 0 {
		mine, rest = deaths, nil
	}
	out := []candidate{q.accuse(cause, c, mine, res, grade, why, deaths)}
	if len(rest) >= 2 {
		post, _ := res.PosteriorOf(restIdx)
		best := -1
		for e, p := range post {
			if e != res.Leader && (best < 0 || p > post[best]) {
				best = e
			}
		}
		if best > 0 && post[best] >= likelyP {
			supported := 0
			for _, i := range restIdx {
				if res.Endpoints[best].LR[i] >= inflight.Supported {
					supported++
				}
			}
			if supported >= 2 {
				out = append(out, candidate{deaths: rest, class: c, endpoint: best, named: best, by: "inflight", verdict: finding.Verdict{
					Cause: cause, Grade: finding.Likely, Endpoint: &q.endpoints[best],
					Summary: fmt.Sprintf("A second culprit: %s was open at the onset of %d of the %d remaining crashes.", q.endpoints[best], supported, len(rest))}})
				return out
			}
		}
	}
	if len(rest) > 0 && len(rest) < len(deaths) {
		out[0].verdict.Summary += fmt.Sprintf(" It does not explain %s.", q.deathsText(rest))
	}
	return out
}

func (q *inquiry) accuse(cause finding.Cause, c class, mine []int, res *inflight.Result, grade finding.Grade, why []string, all []int) candidate {
	name := q.endpoints[res.Leader]
	lead := &res.Endpoints[res.Leader]
	open := 0
	for _, o := range lead.Oldest {
		if o >= 0 {
			open++
		}
	}
	verb := map[finding.Cause]string{
		finding.RequestBurst: "took the memory of", finding.Undetermined: "killed", finding.CPUStall: "held the event loop or CPU of", finding.RequestCrash: "made a crash of",
	}[cause]
	what := q.containersText(mine)
	if cause == finding.RequestCrash {
		verb, what = "crashed", q.containersText(mine)
	}
	s := fmt.Sprintf("%s %s %s: it was open when %d of %d died", name, verb, what, open, len(all))
	if open < len(mine) {
		s = fmt.Sprintf("%s %s %s: it was at work just before %d of %d deaths", name, verb, what, len(mine), len(all))
	}
	if same := res.Same; same != nil && same.Endpoint == res.Leader && same.EValue >= sameLikely {
		s += fmt.Sprintf(", the same request retried from container to container (%d times)", same.Hops)
	}
	v := finding.Verdict{Cause: cause, Grade: grade, Endpoint: &q.endpoints[res.Leader], Summary: s + "."}
	q.report.Checks = append(q.report.Checks, finding.Check{Rule: "burst.open-at-onset", Outcome: finding.Supports, Detail: name + ": " + strings.Join(why, "; ")})
	return candidate{verdict: v, deaths: mine, class: c, endpoint: res.Leader, named: res.Leader, by: "inflight"}
}

// undetermined says that the evidence cannot tell, and what would.
func (q *inquiry) undetermined(deaths []int, c class, res *inflight.Result, grade finding.Grade, why []string) candidate {
	s := fmt.Sprintf("%s died", q.deathsText(deaths))
	if kinds := q.kindsText(deaths); kinds != "" {
		s += " (" + kinds + ")"
	}
	s += ", and the evidence cannot say why"
	named := -1
	switch {
	case q.total == 0:
		s += ": no requests were seen"
	case !q.named:
		s += ": the requests do not say which container served them"
	case q.primary.layer == record.LayerApp && !q.hasStarts():
		s += ": only finished requests are logged, and the request that kills never finishes"
	case res != nil && res.Leader > 0 && grade == finding.Possible:
		named = res.Leader
		s += fmt.Sprintf("; %s comes closest, which is not enough to accuse it", q.endpoints[res.Leader])
	default:
		s += ": no request stands out among those that were open"
	}
	if grade == finding.Possible && named >= 0 {
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "burst.open-at-onset", Outcome: finding.Neutral, Detail: q.endpoints[named] + ": " + strings.Join(why, "; ")})
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

func (q *inquiry) burstOutcome() finding.Outcome {
	if q.primary.layer == record.LayerApp && !q.hasStarts() || !q.named {
		return finding.NotPossible
	}
	return finding.Contradicts
}

// explainLeak uses the regression of memory on requests.
func (q *inquiry) explainLeak(deaths []int, leaky int) candidate {
	g := &q.growth
	c := candidate{deaths: deaths, class: byMemory, endpoint: -1, named: -1, by: "growth"}
	who := "memory"
	switch g.Metric {
	case record.HeapUsed, record.HeapTotal:
		who = "heap memory"
	case record.External:
		who = "memory outside the heap"
	case record.RSS, record.WorkingSet:
		who = "resident memory"
	}
	tail := ""
	if len(deaths) > 0 {
		tail = fmt.Sprintf(" until %s died", q.containersText(deaths))
	}
	q.report.Checks = append(q.report.Checks, finding.Check{Rule: "memory.leak", Outcome: finding.Supports, Detail: g.Gate.Why})
	v := finding.Verdict{Cause: g.Cause, Grade: g.Grade}
	switch g.Cause {
	case finding.RequestLeak:
		if g.Endpoint != "" && g.Grade.Rank() >= finding.Likely.Rank() {
			c.endpoint = q.endpointIndex(g.Endpoint)
			c.named = c.endpoint
			v.Endpoint = &g.Endpoint
			top := g.Endpoints[0]
			v.Summary = fmt.Sprintf("%s leaks: each request keeps about %s (%s to %s), and %s grew%s.", g.Endpoint, mib(top.BytesPerRequest.Value), mib(top.BytesPerRequest.Low), mib(top.BytesPerRequest.High), who, tail)
		} else {
			// Requests leak, and which of them is not settled: the cause is known, and nobody is accused.
			v.Summary = fmt.Sprintf("Requests leak: %s grew%s, and the evidence cannot settle which of them it is.", who, tail)
			if names := q.leakPartners(); len(names) > 0 {
				c.named = q.endpointIndex(names[0])
				v.Summary = fmt.Sprintf("Requests leak: %s grew%s; it is %s, and the evidence cannot tell which.", who, tail, strings.Join(names, " or "))
			}
		}
	case finding.BackgroundLeak:
		v.Summary = fmt.Sprintf("%s%s grows with time, whatever the requests do%s: a background leak, no endpoint is to blame.", strings.ToUpper(who[:1]), who[1:], comma(tail))
		if len(g.Jobs) > 0 && g.Jobs[0].LogBayesFactor > 3 {
			v.Summary = strings.TrimSuffix(v.Summary, ".") + fmt.Sprintf(" (it follows the runs of %s).", g.Jobs[0].Name)
		}
	case finding.Capacity:
		v.Summary = fmt.Sprintf("%s%s follows the load%s: every request takes its share, no endpoint is out of line.", strings.ToUpper(who[:1]), who[1:], comma(tail))
	default:
		v.Cause = finding.Undetermined
	}
	if v.Cause == finding.Undetermined {
		v.Grade = finding.Possible
		v.Summary = fmt.Sprintf("A memory leak: %s grows in %d of %d lives%s, and the evidence cannot say whether requests or background work make it grow.", who, g.Gate.Growing, g.Gate.Lives, tail)
		if len(g.Endpoints) > 0 && g.Endpoints[0].Posterior >= possibleP {
			c.named = q.endpointIndex(g.Endpoints[0].Endpoint)
			v.Summary = strings.TrimSuffix(v.Summary, ".") + fmt.Sprintf("; %s comes closest.", g.Endpoints[0].Endpoint)
		}
	}
	outcome := finding.Supports
	if v.Endpoint == nil {
		outcome = finding.Neutral
	}
	q.report.Checks = append(q.report.Checks, finding.Check{Rule: "leak.attribution", Outcome: outcome, Detail: g.Explanation})
	c.verdict = v
	return c
}

// leakPartners names the endpoints that the growth of memory does not tell apart; nil when there are none or too many to help.
func (q *inquiry) leakPartners() []string {
	g := &q.growth
	if len(g.Endpoints) == 0 || g.Endpoints[0].Posterior < 0.1 || len(g.Endpoints[0].Partners) == 0 || len(g.Endpoints[0].Partners) > 3 {
		return nil
	}
	return append([]string{g.Endpoints[0].Endpoint}, g.Endpoints[0].Partners...)
}

// comma sets a clause apart.
func comma(clause string) string {
	if clause == "" {
		return ""
	}
	return "," + clause
}

func (q *inquiry) endpointIndex(name string) int {
	for i, n := range q.endpoints {
		if n == name {
			return i
		}
	}
	return -1
}

func (q *inquiry) explainStall(deaths []int) []candidate {
	res := q.burst[byStall]
	grade, why := q.gradeInflight(res, deaths)
	short := 0
	known := 0
	for _, d := range deaths {
		if lm := q.report.Crashes[d].LastMemory; lm != nil {
			known++
			if lm.LimitBytes != nil && lm.Bytes >= memoryShort*float64(*lm.LimitBytes) {
				short++
			}
		}
	}
	if known > 0 {
		outcome := finding.Supports
		if short > 0 {
			outcome = finding.Contradicts
		}
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "stall.memory-flat", Outcome: outcome,
			Detail: fmt.Sprintf("memory was near its limit before %d of %d deaths by health check", short, known)})
	}
	if n, silent := q.silences(deaths); n > 0 {
		outcome := finding.Neutral
		if silent*2 > n {
			outcome = finding.Supports
		}
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "stall.silence", Outcome: outcome,
			Detail: fmt.Sprintf("the runtime's own metrics fell silent %s or more before %d of %d deaths, as they do when the event loop is held", minutes(stallSilence), silent, n)})
	}
	if short*2 > known && known > 0 {
		return q.explainMemory(byStall, deaths)
	}
	if grade.Rank() >= finding.Likely.Rank() {
		return q.withSecond(finding.CPUStall, byStall, deaths, res, grade, why)
	}
	if q.hang != nil {
		return []candidate{q.hungCandidate(deaths)}
	}
	return []candidate{q.undetermined(deaths, byStall, res, grade, why)}
}

// silences counts the deaths before which the runtime's readings stopped early.
func (q *inquiry) silences(deaths []int) (n, silent int) {
	for _, d := range deaths {
		x := &q.life.Deaths[d]
		pts := q.pointsOf(x.Container, record.EventLoopDelayMax, x.Time.Add(-x.Uptime), x.Time)
		if len(pts) == 0 {
			pts = q.pointsOf(x.Container, record.HeapUsed, x.Time.Add(-10*time.Minute), x.Time)
		}
		if len(pts) < 3 {
			continue
		}
		n++
		// Readings that come minutes apart are always that old.
		gaps := make([]time.Duration, 0, len(pts))
		for i := 1; i < len(pts); i++ {
			gaps = append(gaps, pts[i].T.Sub(pts[i-1].T))
		}
		slices.Sort(gaps)
		usual := gaps[len(gaps)/2]
		if usual > stallSilence {
			n--
			continue
		}
		if x.Time.Sub(pts[len(pts)-1].T) >= max(stallSilence, usual*5/2) {
			silent++
		}
	}
	return n, silent
}

func (q *inquiry) explainFault(deaths []int) []candidate {
	res := q.burst[byFault]
	grade, why := q.gradeInflight(res, deaths)
	if grade.Rank() >= finding.Likely.Rank() {
		return q.withSecond(finding.RequestCrash, byFault, deaths, res, grade, why)
	}
	c := q.undetermined(deaths, byFault, res, grade, why)
	return []candidate{c}
}

// vanished explains containers that the platform lost.
func (q *inquiry) vanished(ofHost []int) (candidate, bool) {
	var deaths []int
	for d := range q.life.Deaths {
		if classOf(&q.life.Deaths[d]) == lost && !slices.Contains(ofHost, d) {
			deaths = append(deaths, d)
		}
	}
	if len(deaths) == 0 {
		return candidate{}, false
	}
	if q.hang != nil {
		return q.hungCandidate(deaths), true
	}
	if c, ok := q.staleMembers(deaths); ok {
		return c, true
	}
	return candidate{deaths: deaths, class: lost, endpoint: -1, named: -1, verdict: finding.Verdict{Cause: finding.Undetermined, Grade: finding.Possible,
		Summary: fmt.Sprintf("The platform lost %s; whether its host failed or it hung cannot be told.", q.containersText(deaths))}}, true
}

// hungCandidate blames something that hangs.
func (q *inquiry) hungCandidate(deaths []int) candidate {
	h := q.hang
	grade := finding.Likely
	var peers []string
	for d := range q.life.Deaths {
		x := &q.life.Deaths[d]
		if x.Unreachable && x.Time.Sub(h.From).Abs() <= 5*time.Minute {
			peers = append(peers, x.Container)
		}
	}
	s := fmt.Sprintf("Something that requests call hangs: from %s to %s, %d requests on %d endpoints and %d containers ended after the same %.1f s, a client's timeout; no endpoint is to blame.",
		clockTime(h.From), clockTime(h.To), h.Calls, h.Endpoints, h.Containers, h.Constant.Seconds())
	if len(peers) > 0 {
		slices.Sort(peers)
		peers = slices.Compact(peers)
		s = strings.TrimSuffix(s, "; no endpoint is to blame.") + fmt.Sprintf(", beginning as the platform lost %s; no endpoint is to blame.", strings.Join(peers, ", "))
		grade = finding.Conclusive
	}
	return candidate{deaths: deaths, class: lost, endpoint: -1, named: -1, verdict: finding.Verdict{Cause: finding.HungDependency, Grade: grade, Summary: s}}
}

// calm decides when nothing died: a leak that has not crashed yet, a hang, planned restarts, or nothing.
func (q *inquiry) calm() candidate {
	c := candidate{endpoint: -1, named: -1}
	if q.hang != nil {
		return q.hungCandidate(nil)
	}
	leaks := 0
	for i := range q.curves {
		if q.curves[i].Shape == finding.ShapeLeak && q.curves[i].Confidence.Rank() >= finding.Likely.Rank() {
			leaks++
		}
	}
	if q.growth.Gate.Open && leaks > 0 && !q.growthPassed() {
		c := q.explainLeak(nil, leaks)
		if c.verdict.Cause == finding.BackgroundLeak && q.longestGrowth() < sureAlive && !(len(q.growth.Jobs) > 0 && q.growth.Jobs[0].LogBayesFactor > 3) {
			c.verdict.Grade = lower(c.verdict.Grade, finding.Possible)
			c.verdict.Summary += " Nothing has died, and within hours a cache that fills looks the same."
		}
		if c.verdict.Cause != finding.Undetermined {
			return c
		}
		c.verdict.Summary = strings.TrimSuffix(c.verdict.Summary, ".") + "; nothing has died, and a cache that fills looks the same at first."
		return c
	}
	silent, planned := 0, 0
	for _, s := range q.life.Restarts {
		if s.Reason == "stopped_reporting" {
			silent++
		} else {
			planned++
		}
	}
	hasMemory := len(q.curves) > 0
	switch {
	case silent > 0 && silent > planned:
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: fmt.Sprintf("%d container(s) were replaced and no source says why: a platform log or events would tell crashes from deploys.", silent)}
	case planned > 0:
		g := finding.Likely
		if hasMemory && (q.life.Rolling || len(q.life.Deploys) > 0 || len(q.life.Planned) > 0) {
			g = finding.Conclusive
		}
		c.verdict = finding.Verdict{Cause: finding.PlannedRestart, Grade: g, Summary: fmt.Sprintf("Nothing crashed: %d container(s) ended as asked (%s), and nothing else is wrong in what was seen.", planned, q.restartReasons())}
	case q.life.Told && hasMemory:
		c.verdict = finding.Verdict{Cause: finding.None, Grade: finding.Conclusive, Summary: "Nothing wrong in what was seen: no crash, no container short of memory, no leak."}
	case q.life.Told || hasMemory:
		what := "no memory readings were there to show a leak"
		if hasMemory {
			what = "no platform log or events were there to tell of a crash"
		}
		c.verdict = finding.Verdict{Cause: finding.None, Grade: finding.Likely, Summary: "Nothing wrong in what was seen; " + what + "."}
	case q.total > 0:
		c.verdict = finding.Verdict{Cause: finding.None, Grade: finding.Possible, Summary: "The requests show no crash (no connection broke at once on a container), but no platform log and no memory readings were there to tell."}
		if q.cutBursts() > 0 {
			c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: fmt.Sprintf("Connections of a container broke all at once %d time(s), as they do when it dies, and no platform log or events say whether it did.", q.cutBursts())}
		}
	default:
		c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: "Nothing was seen: no crashes, no requests, no memory readings."}
	}
	return c
}

// longestGrowth is the longest time that one life has grown like a leak.
func (q *inquiry) longestGrowth() time.Duration {
	longest := time.Duration(0)
	for i := range q.curves {
		if c := &q.curves[i]; c.Shape == finding.ShapeLeak {
			longest = max(longest, c.To.Sub(c.From))
		}
	}
	return longest
}

// growthPassed reports whether as many lives stayed level since the first one that grew: a leak grows in every life of its release,
// a day's load or a cache does not. Lives before it are no evidence, as a leak may arrive with a deploy.
func (q *inquiry) growthPassed() bool {
	var first time.Time
	for i := range q.curves {
		if c := &q.curves[i]; c.Kind == q.growth.Metric && c.Shape == finding.ShapeLeak && (first.IsZero() || c.From.Before(first)) {
			first = c.From
		}
	}
	grew, level := 0, 0
	for i := range q.curves {
		c := &q.curves[i]
		if c.Kind != q.growth.Metric || c.From.Before(first) || c.Shape == finding.ShapeInsufficient {
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

// cutBursts counts the moments at which several requests of one container broke at once.
func (q *inquiry) cutBursts() int {
	last := map[uint32]record.Time{}
	n := map[uint32]int{}
	bursts := 0
	for i := range q.pend {
		p := &q.pend[i]
		if p.Outcome != record.Cut {
			continue
		}
		if p.End.Sub(last[p.Container]).Abs() <= 2*time.Second {
			n[p.Container]++
			if n[p.Container] == 2 {
				bursts++
			}
		} else {
			n[p.Container] = 0
		}
		last[p.Container] = p.End
	}
	return bursts
}

func (q *inquiry) restartReasons() string {
	count := map[string]int{}
	for _, s := range q.life.Restarts {
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

// nameCode adds what heap profiles know of the code, and lets them raise or lower the grade.
func (q *inquiry) nameCode(c *candidate) {
	h := q.heap
	if h == nil || h.Leading == nil || len(q.life.Deaths) == 0 && c.verdict.Cause != finding.RequestLeak && c.verdict.Cause != finding.BackgroundLeak && c.verdict.Cause != finding.Undetermined {
		return
	}
	switch c.verdict.Cause {
	case finding.RequestBurst, finding.RequestLeak, finding.BackgroundLeak:
	case finding.Undetermined:
		if c.class != byMemory || h.Confidence.Rank() < finding.Likely.Rank() {
			return
		}
	default:
		return
	}
	lead := h.Leading
	if h.Confidence.Rank() < finding.Possible.Rank() {
		return
	}
	c.verdict.Function, c.verdict.File = &lead.Function, lead.File
	sure := h.Confidence.Rank() >= finding.Likely.Rank()
	if c.verdict.Cause == finding.Undetermined && sure {
		c.verdict.Summary += fmt.Sprintf(" Heap profiles show what grew: %s.", lead.Function)
	}
	detail := fmt.Sprintf("%s holds what grew (%s, %d profiles)", lead.Function, mib(float64(lead.GrowthBytes)), lead.Profiles)
	switch {
	case lead.Endpoint == nil || c.named < 0 && c.endpoint < 0:
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "heap.growth", Outcome: finding.Neutral, Detail: detail + "; its name does not tie it to one endpoint"})
	case *lead.Endpoint == q.endpoints[max(c.named, c.endpoint)]:
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "heap.growth", Outcome: finding.Supports, Detail: detail + ", and ties to the same endpoint"})
		// Two independent kinds of evidence for one endpoint: the grade rises by one step.
		switch {
		case !sure:
		case c.endpoint >= 0 && c.verdict.Grade == finding.Likely:
			c.verdict.Grade = finding.Conclusive
		case c.endpoint < 0 && c.verdict.Grade == finding.Possible:
			c.endpoint = c.named
			c.verdict.Endpoint = &q.endpoints[c.named]
			c.verdict.Grade = finding.Likely
			if c.by == "growth" {
				c.verdict.Cause = finding.RequestLeak
				c.verdict.Summary = fmt.Sprintf("%s leaks: both its traffic and the heap profiles (%s) point to it.", q.endpoints[c.named], lead.Function)
			} else {
				c.by = "inflight"
				c.verdict.Cause = q.howKilled(c.deaths, 0)
				c.verdict.Summary = fmt.Sprintf("%s killed %s: both its open requests and the heap profiles (%s) point to it.", q.endpoints[c.named], q.containersText(c.deaths), lead.Function)
			}
		}
	default:
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "heap.growth", Outcome: finding.Contradicts, Detail: detail + ", and its name ties to " + *lead.Endpoint})
		if sure && c.verdict.Grade == finding.Conclusive {
			c.verdict.Grade = finding.Likely
		}
	}
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
	if len(q.life.Deaths) > 0 {
		if q.total > 0 {
			load := q.loadRival(deaths)
			out := finding.Neutral
			detail := fmt.Sprintf("the load just before the crashes was ordinary (e-value of \"the load did it\": %s)", num(load))
			if load >= rivalE {
				detail = fmt.Sprintf("the load was among its highest just before the crashes (e-value %s)", num(load))
				out = finding.Contradicts
				if main.verdict.Cause == finding.Capacity {
					out = finding.Supports
				}
			} else if main.verdict.Cause == finding.Capacity {
				out = finding.Neutral
			}
			r.Checks = append(r.Checks, finding.Check{Rule: "rival.load", Outcome: out, Detail: detail})
		}
		if n := len(q.life.Restarts); n > 0 {
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
	case q.total > 0:
		r.Checks = append(r.Checks, finding.Check{Rule: "hang.constant-duration", Outcome: finding.Neutral, Detail: "no constant duration at which calls of many endpoints end"})
	}
}

func (q *inquiry) hangRise() float64 {
	in := q.hang.To.Sub(q.hang.From).Seconds()
	out := q.to.Sub(q.from).Seconds() - in
	if in <= 0 || out <= 0 {
		return 0
	}
	return float64(q.hang.Calls) / in / ((float64(q.hang.Outside) + 0.5) / out)
}

func (q *inquiry) deathsText(deaths []int) string {
	if len(deaths) == 1 {
		return q.life.Deaths[deaths[0]].Container
	}
	set := q.containersOf(deaths)
	if len(set) == len(deaths) {
		return fmt.Sprintf("%d containers", len(set))
	}
	if len(set) == 1 {
		return fmt.Sprintf("%s, %d times,", set[0], len(deaths))
	}
	return fmt.Sprintf("%d lives of %d containers", len(deaths), len(set))
}

func (q *inquiry) containersOf(deaths []int) []string {
	var set []string
	for _, d := range deaths {
		set = append(set, q.life.Deaths[d].Container)
	}
	slices.Sort(set)
	return slices.Compact(set)
}

func (q *inquiry) containersText(deaths []int) string {
	set := q.containersOf(deaths)
	if len(set) <= 4 {
		if len(set) == 1 {
			return set[0]
		}
		return strings.Join(set[:len(set)-1], ", ") + " and " + set[len(set)-1]
	}
	return fmt.Sprintf("%d containers", len(set))
}

func (q *inquiry) kindsText(deaths []int) string {
	words := map[record.CrashKind]string{record.CrashOOMKill: "killed for memory", record.CrashHeapLimit: "heap limit reached", record.CrashAbort: "aborted",
		record.CrashSegfault: "segmentation fault", record.CrashException: "uncaught exception", record.CrashHealthCheck: "killed by a health check", record.CrashExit: "exited with an error"}
	var set []string
	for _, d := range deaths {
		if w := words[q.life.Deaths[d].Kind]; w != "" {
			set = append(set, w)
		}
	}
	slices.Sort(set)
	return strings.Join(slices.Compact(set), ", ")
}

func percent(p float64) string {
	switch {
	case p >= 0.9995:
		return "over 99.9%"
	case p >= 0.99:
		return fmt.Sprintf("%.1f%%", p*100)
	case p < 0.001:
		return "under 0.1%"
	}
	return fmt.Sprintf("%.0f%%", p*100)
}

func num(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.0e", v)
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) < 0.01:
		return "under 0.01"
	}
	return fmt.Sprintf("%.2g", v)
}

// mib says a size in the units of the report: binary, as memory limits are.
func mib(v float64) string {
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	a := math.Abs(v)
	switch {
	case a >= gib:
		return fmt.Sprintf("%.1f GiB", v/gib)
	case a >= mib:
		return fmt.Sprintf("%.1f MiB", v/mib)
	case a >= kib:
		return fmt.Sprintf("%.0f KiB", v/kib)
	}
	return fmt.Sprintf("%.0f B", v)
}

func clockTime(t record.Time) string { return t.Std().Format("15:04:05") }
