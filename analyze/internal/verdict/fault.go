package verdict

import (
	"slices"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// explainFault explains deaths of an error of their own.
func (q *inquiry) explainFault(deaths []int) []candidate {
	if q.grewFull(deaths) {
		return q.explainMemory(byFault, deaths)
	}
	res := q.open.results[byFault]
	g := q.gradeInflight(res, deaths)
	if res != nil && res.Leader > 0 && openAt(res) == 0 {
		g.grade = lower(g.grade, finding.Possible) // what was over is weighed by its answers: see explainAfter
	}
	age := q.weighAges(byFault, deaths, &g)
	if g.accuses() {
		cause := finding.RequestCrash
		if q.mayBeFull(deaths) {
			var asked []finding.Check
			cause, asked = q.howKilled(deaths, q.shapesAt(deaths).bursty)
			g.checks = append(g.checks, asked...)
		}
		return q.withSecond(cause, byFault, deaths, res, g)
	}
	if c, ok := q.explainAfter(deaths); ok {
		return []candidate{c.following(g.checks)}
	}
	if q.onlyExits(deaths) && q.memory.growth.Gate.Open && q.endedFull(deaths) {
		return []candidate{q.explainLeak(deaths, len(deaths)).following(g.checks)}
	}
	return []candidate{q.withAges(age, q.undetermined(deaths, byFault, res, g))}
}

// onlyExits reports whether processes ended with no more than a code: so does a runtime that is told to exit when its memory is full.
func (q *inquiry) onlyExits(deaths []int) bool {
	return !slices.ContainsFunc(deaths, func(d int) bool { return q.traffic.Life.Deaths[d].Kind != record.CrashExit })
}

// grewFull reports whether memory had grown steadily before most of the deaths whose curves are known, and they may be of full memory.
func (q *inquiry) grewFull(deaths []int) bool {
	s := q.shapesAt(deaths)
	return s.leaky > 0 && 2*s.leaky >= s.known && s.leaky > s.bursty && q.memory.growth.Gate.Open && (q.mayBeFull(deaths) || q.onlyExits(deaths) && q.endedFull(deaths))
}

// exitOnFull is the status with which a Java runtime exits when it is told to end at the first OutOfMemoryError; it need not say why.
const exitOnFull = 3

// mayBeFull reports whether most of the deaths are exits that say nothing but that status, of which memory is a usual reason.
func (q *inquiry) mayBeFull(deaths []int) bool {
	n := 0
	for _, d := range deaths {
		if x := &q.traffic.Life.Deaths[d]; x.Kind == record.CrashExit && x.ExitCode == exitOnFull {
			n++
		}
	}
	return 2*n > len(deaths)
}
