package verdict

import (
	"fmt"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// explainStall explains deaths by health check: something held the CPU or the event loop, memory was full, or what it called hung.
func (q *inquiry) explainStall(deaths []int) []candidate {
	res := q.open.results[byStall]
	var asked []finding.Check
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
		asked = append(asked, finding.Check{Rule: "stall.memory-flat", Outcome: outcome,
			Detail: fmt.Sprintf("memory was near its limit before %d of %d deaths by health check", short, known)})
	}
	if n, silent := q.silences(deaths); n > 0 {
		outcome := finding.Neutral
		if silent*2 > n {
			outcome = finding.Supports
		}
		asked = append(asked, finding.Check{Rule: "stall.silence", Outcome: outcome,
			Detail: fmt.Sprintf("the runtime's own metrics fell silent %s or more before %d of %d deaths, as they do when the event loop is held", minutes(stallSilence), silent, n)})
	}
	if short*2 > known && known > 0 {
		return following(asked, q.explainMemory(byStall, deaths))
	}
	// A heap that is full is collected without end, far below the limit of the container.
	if q.memory.growth.Gate.Open && 2*q.shapesAt(deaths).leaky > len(deaths) && q.endedFull(deaths) {
		asked = append(asked, finding.Check{Rule: "memory.leak", Outcome: finding.Supports,
			Detail: fmt.Sprintf("memory had grown to one level before each of %s by health check: a full heap is collected without end, and answers nobody", countText(len(deaths), "death"))})
		return following(asked, q.explainMemory(byStall, deaths))
	}
	g := q.gradeInflight(res, deaths)
	g.checks = append(asked, g.checks...)
	age := q.weighAges(byStall, deaths, &g)
	if g.accuses() {
		if c, ok := q.onlyWaits(deaths, res.Leader); ok {
			return []candidate{c.following(g.checks)}
		}
		return q.withSecond(finding.CPUStall, byStall, deaths, res, g)
	}
	if q.hang != nil {
		return []candidate{q.hungCandidate(deaths).following(g.checks)}
	}
	return []candidate{q.withAges(age, q.undetermined(deaths, byStall, res, g))}
}

const (
	// waitsShare of the usual number answered while it was open: it did not hold what answers.
	waitsShare = 0.2
	// waitsLeast answered are usual in the time that it was open, or nothing can be told.
	waitsLeast = 10
)

// onlyWaits reports whether containers went on answering others while a request of an endpoint was open that is to have held their CPU until
// a health check killed them. A request that waits for something that hangs does that, until it and its like fill all workers.
func (q *inquiry) onlyWaits(deaths []int, endpoint int) (candidate, bool) {
	meanwhile, err := q.traffic.AnsweredMeanwhile(deaths, endpoint)
	if err != nil {
		return candidate{}, false // the next pass fails alike, and says so
	}
	waits, asked := 0, 0
	for _, m := range meanwhile {
		if m.Usual < waitsLeast {
			continue
		}
		asked++
		if float64(m.Answered) >= waitsShare*m.Usual {
			waits++
		}
	}
	if asked == 0 || 2*waits <= asked {
		return candidate{}, false
	}
	name := q.traffic.Endpoints.Names[endpoint]
	told := finding.Check{Rule: "stall.others-answered", Outcome: finding.Contradicts,
		Detail: fmt.Sprintf("before %d of %d deaths other requests were answered while %s was open: it did not hold the CPU or the event loop", waits, asked, name)}
	return candidate{deaths: deaths, class: byStall, endpoint: -1, named: endpoint, checks: []finding.Check{told}, verdict: finding.Verdict{Cause: finding.Undetermined, Grade: finding.Possible,
		Summary: fmt.Sprintf("Health checks killed %s while requests of %s waited, and others were answered meanwhile, so it seems to hold no CPU. Something that it calls may hang, until waiting requests fill all workers.", q.containersText(deaths), name)}}, true
}

// silences counts the deaths before which the runtime's readings stopped early.
func (q *inquiry) silences(deaths []int) (n, silent int) {
	for _, d := range deaths {
		x := &q.traffic.Life.Deaths[d]
		pts := q.traffic.PointsOf(x.Container, record.EventLoopDelayMax, x.Time.Add(-x.Uptime), x.Time)
		if len(pts) == 0 {
			pts = q.traffic.PointsOf(x.Container, record.HeapUsed, x.Time.Add(-10*time.Minute), x.Time)
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
