package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
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
