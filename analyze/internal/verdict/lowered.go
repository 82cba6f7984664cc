package verdict

import (
	"fmt"

	"lastcall/analyze/finding"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

const (
	// loweredTimes: a limit that was so many times as high before was lowered, and not told by another source in other units.
	loweredTimes = 1.25
	// neededShare of the new limit that was needed under the old one leaves no room for what any request takes for a moment.
	neededShare = 0.8
)

// limitLowered asks whether containers died of a limit that is lower than one under which they had lived with as much memory.
func (q *inquiry) limitLowered(deaths []int) (candidate, bool) {
	type survivor struct {
		pool  string
		start record.Time
		limit int64
		top   float64 // the highest reading
	}
	var lived []survivor
	for i := range q.memory.lives {
		l := &q.memory.lives[i]
		if l.Died || l.LimitBytes == 0 {
			continue
		}
		x := survivor{q.poolOf(l.Container), l.Start, l.LimitBytes, 0}
		for _, m := range []record.Metric{record.RSS, record.WorkingSet} {
			for _, p := range l.Series[m] {
				x.top = max(x.top, p.V)
			}
		}
		lived = append(lived, x)
	}
	var now, before int64
	needed, explained := 0.0, 0
	for _, d := range deaths {
		of := q.memory.of[d]
		if len(of) == 0 || q.traffic.Life.Deaths[d].Kind != record.CrashOOMKill {
			continue
		}
		died := &q.memory.lives[of[len(of)-1]]
		limit, pool := float64(died.LimitBytes), q.poolOf(died.Container)
		if pool == life.UnknownPool && len(q.services) > 0 {
			continue // whether what lived was of the same service is not known
		}
		met := false
		for _, x := range lived {
			if limit == 0 || float64(x.limit) < loweredTimes*limit || x.start >= died.Start || x.pool != pool || x.top < neededShare*limit {
				continue
			}
			met = true
			if x.top > needed {
				needed, now, before = x.top, died.LimitBytes, x.limit
			}
		}
		if met {
			explained++
		}
	}
	if explained == 0 || 2*explained <= len(deaths) {
		return candidate{}, false
	}
	grade := finding.Possible
	if explained >= 2 && explained == len(deaths) {
		grade = finding.Likely
	}
	asked := finding.Check{Rule: "capacity.limit-lowered", Outcome: finding.Supports,
		Detail: fmt.Sprintf("%d of %d that died for memory had a limit of %s; containers like them had taken %s before, with a limit of %s, and lived", explained, len(deaths), mib(float64(now)), mib(needed), mib(float64(before)))}
	return candidate{deaths: deaths, class: byMemory, endpoint: -1, named: -1, checks: []finding.Check{asked}, verdict: finding.Verdict{Cause: finding.Capacity, Grade: grade,
		Summary: fmt.Sprintf("The memory limit was lowered from %s to %s, and %s died of it: as much as %s had been taken before.", mib(float64(before)), mib(float64(now)), q.containersText(deaths), mib(needed))}}, true
}

func loweredRule() finding.Rule {
	return finding.Rule{ID: "capacity.limit-lowered", Title: "A limit that was lowered", Question: "Did containers die of a limit that is lower than before?",
		Test: "The memory limit of the lives that were killed for memory, against that of earlier lives of the same service that were not, and the highest resident memory or working set of those.",
		Thresholds: []finding.Threshold{{Name: "limit before", Value: "1.25 times the new one", Why: "less is a matter of units and rounding"},
			{Name: "memory before", Value: "80% of the new limit", Why: "the rest is what any request takes for a moment"}},
		Source: "recorded incidents", Limits: "Needs memory readings, and limits that the evidence tells for both times."}
}
