package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// vanished explains containers that the platform lost.
func (q *inquiry) vanished(ofHost []int) (candidate, bool) {
	var deaths []int
	for d := range q.traffic.Life.Deaths {
		if classOf(&q.traffic.Life.Deaths[d]) == lost && !slices.Contains(ofHost, d) {
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
	for d := range q.traffic.Life.Deaths {
		x := &q.traffic.Life.Deaths[d]
		if x.Unreachable && x.Time.Sub(h.From).Abs() <= 5*time.Minute {
			peers = append(peers, x.Container)
		}
	}
	s := fmt.Sprintf("Something that requests call hangs: from %s to %s, %d requests on %d endpoints and %s ended after the same %.1f s, a client's timeout; no endpoint is to blame.",
		clockTime(h.From), clockTime(h.To), h.Calls, h.Endpoints, countText(h.Containers, "container"), h.Constant.Seconds())
	if len(peers) > 0 {
		slices.Sort(peers)
		peers = slices.Compact(peers)
		s = strings.TrimSuffix(s, "; no endpoint is to blame.") + fmt.Sprintf(", beginning as the platform lost %s; no endpoint is to blame.", strings.Join(peers, ", "))
		grade = finding.Conclusive
	}
	if q.reachedNobody() {
		s = fmt.Sprintf("From %s to %s, %d requests on %d endpoints ended after the same %.1f s and reached no container: what waited is before the fleet, or between it and its proxy; no endpoint is to blame.",
			clockTime(h.From), clockTime(h.To), h.Calls, h.Endpoints, h.Constant.Seconds())
		grade = lower(grade, finding.Possible)
	}
	return candidate{deaths: deaths, class: lost, endpoint: -1, named: -1, verdict: finding.Verdict{Cause: finding.HungDependency, Grade: grade, Summary: s}}
}

// reachedShare of the calls of a hang without a container, where others have one: they reached nobody.
const reachedShare = 0.95

// reachedNobody reports whether the calls that end at one constant duration name no container where other requests do.
func (q *inquiry) reachedNobody() bool {
	if !q.traffic.Containers.Named {
		return false
	}
	none := 0
	for _, ref := range q.hang.Refs {
		if q.measured.Slow[ref].Container == 0 {
			none++
		}
	}
	return float64(none) >= reachedShare*float64(len(q.hang.Refs))
}

const (
	// hungCalls of a hang must have begun before a story of deaths, on hungShare of the containers that serve, for the deaths to be its fallout:
	// what waits holds memory. A container that dies makes its callers wait as well, later and on itself alone.
	hungCalls = 10
	hungShare = 0.5
	// hungLead is how long before a story its first calls may have begun.
	hungLead = 10 * time.Minute
)

// hungBefore explains deaths of memory by a hang that had begun on most containers before the first of them.
func (q *inquiry) hungBefore(deaths []int) (candidate, bool) {
	if q.hang == nil || len(deaths) == 0 {
		return candidate{}, false
	}
	within := func(at record.Time) bool {
		return at >= q.hang.From && at <= q.hang.To.Add(hungLead)
	}
	inside := 0
	first := q.traffic.Deaths.At[deaths[0]] // of those within the hang
	for _, d := range deaths {
		if at := q.traffic.Deaths.At[d]; within(at) {
			if inside == 0 || at < first {
				first = at
			}
			inside++
		}
	}
	calls, on := 0, map[uint32]bool{}
	for _, ref := range q.hang.Refs {
		if s := &q.measured.Slow[ref]; s.Start < first && s.Start >= first.Add(-hungLead) {
			calls++
			on[s.Container] = true
		}
	}
	serving := len(q.traffic.ServingAt(first.Add(-time.Second)))
	if 2*inside <= len(deaths) || calls < hungCalls || float64(len(on)) < hungShare*float64(serving) {
		return candidate{}, false
	}
	c := q.hungCandidate(deaths)
	c.verdict.Grade = lower(c.verdict.Grade, finding.Likely)
	c.verdict.Summary = strings.TrimSuffix(c.verdict.Summary, ".") + fmt.Sprintf(". Meanwhile %s died%s, the first when %d such calls had begun on %s: what waits holds memory.", q.deathsText(deaths), q.ofMemory(deaths), calls, countText(len(on), "container"))
	return c, true
}
