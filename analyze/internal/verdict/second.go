package verdict

import (
	"slices"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/traffic"
)

// secondLook returns the traffic with families taken together where that may tell more than the first look did: nothing was accused, and
// memory grows, or of some family one member was open at one death and another one at another. It returns nil otherwise.
func (q *inquiry) secondLook() *traffic.Traffic {
	v := &q.report.Verdict
	grows := q.memory.growth.Gate.Open
	unsure := len(q.traffic.Life.Deaths) >= 2 && (v.Cause == finding.Undetermined || v.Grade.Rank() <= finding.Possible.Rank())
	accuses := func(v finding.Verdict) bool { return v.Endpoint != nil }
	if accuses(*v) || slices.ContainsFunc(q.report.Causes, accuses) || !grows && !unsure {
		return nil
	}
	return q.traffic.WithFamilies(q.measured.Base, grows)
}

// acceptFamily takes the second look where it accuses somebody, and lowers its grade: what is asked twice is found by chance more often. It
// returns false otherwise. Whom it accuses need not be a family: where a third of the traffic has paths that are seen twice, nobody knows
// how long its requests usually take, and so neither when a slow-down began.
func (q *inquiry) acceptFamily() bool {
	r := q.report
	v := &r.Verdict
	if v.Endpoint == nil || v.Grade.Rank() < finding.Likely.Rank() {
		return false
	}
	again := func(v *finding.Verdict) {
		v.Grade = lower(v.Grade, finding.Likely)
		switch {
		case v.Endpoint == nil:
		case q.traffic.Endpoints.Families[*v.Endpoint]:
			v.Summary += " Its paths differ in one segment ({id}), and were taken together after none of them stood out alone."
		default:
			v.Summary += " It stood out after paths of others that differ in one segment were taken together."
		}
	}
	again(v)
	for i := range r.Causes {
		again(&r.Causes[i])
	}
	for i := range r.Suspects {
		r.Suspects[i].Grade = lower(r.Suspects[i].Grade, finding.Likely)
	}
	return true
}
