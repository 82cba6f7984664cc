package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/collectors/record"
)

// graded is how sure the open requests are of their leader, why, and what was asked of it.
type graded struct {
	grade  finding.Grade
	why    []string
	checks []finding.Check
}

// lower lowers the grade to at most another, and says why.
func (g *graded) lower(atMost finding.Grade, why string) {
	g.grade = lower(g.grade, atMost)
	g.why = append(g.why, why)
}

// above reports whether the grade is higher than another.
func (g *graded) above(other finding.Grade) bool { return g.grade.Rank() > other.Rank() }

// accuses reports whether the grade is high enough to accuse, sure whether it is the highest.
func (g *graded) accuses() bool { return g.grade.Rank() >= finding.Likely.Rank() }
func (g *graded) sure() bool    { return g.grade == finding.Conclusive }

func lower(g, atMost finding.Grade) finding.Grade {
	if g.Rank() > atMost.Rank() {
		return atMost
	}
	return g
}

// inferred counts the deaths of which no source tells.
func (q *inquiry) inferred(deaths []int) int {
	n := 0
	for _, d := range deaths {
		if q.traffic.Life.Deaths[d].Inferred() {
			n++
		}
	}
	return n
}

// toldSupport counts the deaths that some source tells of and that support the leader of an evaluation.
func (q *inquiry) toldSupport(res *inflight.Result, deaths []int) (n int) {
	for i, d := range deaths {
		if !q.traffic.Life.Deaths[d].Inferred() && res.Endpoints[res.Leader].LR[i] >= inflight.Supported {
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

// gradeInflight grades the leader of an evaluation.
func (q *inquiry) gradeInflight(res *inflight.Result, deaths []int) (g graded) {
	if res == nil || res.Leader < 0 {
		return graded{grade: finding.Insufficient, why: []string{"no requests with a container were seen"}}
	}
	lead := &res.Endpoints[res.Leader]
	p := lead.Posterior
	s := q.supportOf(res, deaths)
	switch {
	case p >= conclusiveP && s.supported >= conclusiveCrash && res.LeaveOneOut >= leaveOneOutP && (len(s.chains) >= 2 || s.again):
		g.grade = finding.Conclusive
	case p >= likelyP && (s.supported >= 2 || p >= conclusiveP):
		g.grade = finding.Likely
	case p >= possibleP:
		g.grade = finding.Possible
	default:
		g.grade = finding.Insufficient
	}
	g.why = append(g.why, fmt.Sprintf("probability %s that it is the culprit, over %d crash(es) with %d that support it", percent(p), len(deaths), s.supported))
	if s.again {
		if !g.accuses() && p >= possibleP {
			g.grade = finding.Likely
		}
		if res.Same.EValue >= sameConclusive && res.Same.Hops >= 3 && p >= likelyP {
			g.grade = finding.Conclusive
		}
		g.why = append(g.why, fmt.Sprintf("one and the same request was open at %d of the crashes, on one container after the other", res.Same.Hops))
	}
	if len(s.chains) == 1 && len(deaths) > 1 && !s.again && g.grade == finding.Likely {
		g.why = append(g.why, "all crashes are one story, each within 20 minutes of the one before, so they count for less than as many independent ones")
	}
	q.lowerInflight(&g, res, deaths, s)
	return g
}

// lowerInflight lowers the grade of the leader of an evaluation for all that speaks against it, and says what does.
func (q *inquiry) lowerInflight(g *graded, res *inflight.Result, deaths []int, s support) {
	lead := &res.Endpoints[res.Leader]
	// A culprit explains its story: when most deaths of the stories that support it do not, it is more likely one of many victims.
	if float64(s.explained) < storyShare*float64(s.inStories) && !s.again {
		g.lower(finding.Possible, fmt.Sprintf("it supports only %d of the %d deaths that came with them", s.supported, s.inStories))
	}
	if res.Second >= 0 {
		// Two explain more by luck than one: they must leave little over, and the second must stand where the first is not asked.
		_, _, rest := byLeader(res, deaths)
		second, _ := secondOf(res, rest)
		most := finding.Likely
		disputed, of := contested(res, res.Second, q.contestants(deaths))
		if second != res.Second || 2*disputed > of || float64(s.explained) < sureShare*float64(len(deaths)) {
			most = finding.Possible
		}
		g.lower(most, fmt.Sprintf("it and %s share the crashes: %d of %d support one of the two", q.traffic.Endpoints.Names[res.Second], s.explained, len(deaths)))
	}
	if load := q.loadRival(deaths); load >= rivalE && (load > lead.EValue || float64(s.supported) < sureShare*float64(len(deaths))) && len(deaths) >= minDeathsForLoad {
		g.lower(finding.Possible, "the load was at its peak before the crashes, which explains them as well")
	}
	if len(res.Partners) > 0 {
		names := make([]string, 0, 3)
		for _, e := range res.Partners[:min(3, len(res.Partners))] {
			names = append(names, q.traffic.Endpoints.Names[e])
		}
		most := finding.Conclusive
		// As good an alternative: say both rather than one.
		if other := res.Endpoints[res.Partners[0]]; other.EValue*3 >= lead.EValue {
			most = finding.Possible
		}
		g.lower(most, "no crash separates it from "+strings.Join(names, ", "))
	}
	if n := q.inferred(deaths); 2*n > len(deaths) && q.toldSupport(res, deaths) < conclusiveCrash && g.above(finding.Likely) {
		g.lower(finding.Likely, fmt.Sprintf("no source tells of %d of the deaths: they are inferred from requests", n))
	}
	if q.inferred(deaths) == len(deaths) && s.supported < 2 && g.above(finding.Possible) {
		g.lower(finding.Possible, "no source tells that anything died, and one death that is inferred is not enough")
	}
	if n, there := q.atUntoldEnds(res, deaths); n >= untoldEnds && untoldEnds*there <= n && !s.again && g.above(finding.Possible) {
		g.lower(finding.Possible, fmt.Sprintf("containers started again in their place %d more times, of which nobody says why, and it was cut off at %d of those", n, there))
	}
	if m, ok := q.byClock(res, deaths); ok && m.speaksAgainst() && !s.again && g.above(finding.Possible) {
		g.lower(finding.Possible, m.String())
		g.checks = append(g.checks, finding.Check{Rule: "rival.same-stroke", Outcome: finding.Contradicts, Detail: q.traffic.Endpoints.Names[res.Leader] + ": " + m.String()})
	}
	if contested, _ := contested(res, res.Leader, q.contestants(deaths)); 2*contested > s.supported && !s.again && g.above(finding.Possible) {
		g.lower(finding.Possible, fmt.Sprintf("at %d of the %d crashes that support it others stand out as well, as where everything is slow", contested, s.supported))
	}
	if q.traffic.Layer == record.LayerApp && !q.hasStarts() {
		g.lower(finding.Possible, "only finished requests are logged, and the one that kills never finishes")
	}
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
