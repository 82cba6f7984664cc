package verdict

import (
	"fmt"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
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
	waits, asked := q.othersAnswered(deaths, endpoint)
	if 2*waits <= asked {
		return candidate{}, false
	}
	name := q.traffic.Endpoints.Names[endpoint]
	told := finding.Check{Rule: "stall.others-answered", Outcome: finding.Contradicts,
		Detail: fmt.Sprintf("before %d of %d deaths other requests were answered while %s was open: it did not hold the CPU or the event loop", waits, asked, name)}
	return candidate{deaths: deaths, class: byStall, endpoint: -1, named: endpoint, checks: []finding.Check{told}, verdict: finding.Verdict{Cause: finding.Undetermined, Grade: finding.Possible,
		Summary: fmt.Sprintf("Health checks killed %s while requests of %s waited, and others were answered meanwhile, so it seems to hold no CPU. Something that it calls may hang, until waiting requests fill all workers.", q.containersText(deaths), name)}}, true
}

// othersAnswered counts the deaths before which others were answered while a request of an endpoint was open, of those of which that is known.
func (q *inquiry) othersAnswered(deaths []int, endpoint int) (answered, of int) {
	meanwhile, err := q.traffic.AnsweredMeanwhile(deaths, endpoint)
	if err != nil {
		return 0, 0 // the next pass fails alike, and says so
	}
	for _, m := range meanwhile {
		if m.Usual < waitsLeast {
			continue
		}
		of++
		if float64(m.Answered) >= waitsShare*m.Usual {
			answered++
		}
	}
	return answered, of
}

// callersOpen is of how many callers requests of an endpoint were open at a death, in the median.
func (q *inquiry) callersOpen(deaths []int, endpoint int) float64 {
	callers := map[int]map[uint64]bool{}
	for i := range q.traffic.Pending {
		p := &q.traffic.Pending[i]
		if p.Death < 0 || int(p.Endpoint) != endpoint {
			continue
		}
		if callers[p.Death] == nil {
			callers[p.Death] = map[uint64]bool{}
		}
		who := uint64(p.User)
		if who == 0 {
			who = 1<<32 | uint64(i)
		}
		callers[p.Death][who] = true
	}
	n := make([]float64, len(deaths))
	for i, d := range deaths {
		n[i] = float64(len(callers[d]))
	}
	return stat.Median(n)
}

const (
	// hangsCallers and more had requests open at a death, and no more than hangsAnswered of all were answered meanwhile.
	hangsCallers  = 3
	hangsAnswered = 0.2
)

// gathered reports whether requests of an endpoint that are to have killed, at deaths that only requests tell of, gathered before them, of
// several callers, and hardly one was answered on any container meanwhile, or others were: it is as likely that they wait for something that
// hangs, and that what waits fills all workers until a health check kills, as that they kill.
func (q *inquiry) gathered(deaths []int, endpoint int) (candidate, bool) {
	if slices.ContainsFunc(deaths, func(d int) bool { return q.traffic.Life.Deaths[d].Broke == 0 }) {
		return candidate{}, false
	}
	callers := q.callersOpen(deaths, endpoint)
	if callers < hangsCallers {
		return candidate{}, false
	}
	m, err := q.traffic.InTheMeantime(deaths, endpoint)
	if err != nil {
		return candidate{}, false // the next pass fails alike, and says so
	}
	if float64(m.Answered) > hangsAnswered*float64(m.Answered+m.Unanswered) {
		if waits, asked := q.othersAnswered(deaths, endpoint); 2*waits <= asked {
			return candidate{}, false
		}
	}
	name := q.traffic.Endpoints.Names[endpoint]
	detail := fmt.Sprintf("requests of %.0f callers were open at a death (median), and of the %d that began meanwhile on all containers %d were answered", callers, m.Answered+m.Unanswered, m.Answered)
	told := finding.Check{Rule: "stall.gathered", Outcome: finding.Contradicts, Detail: detail}
	return candidate{deaths: deaths, class: byMemory, endpoint: -1, named: endpoint, checks: []finding.Check{told}, verdict: finding.Verdict{Cause: finding.Undetermined, Grade: finding.Possible,
		Summary: fmt.Sprintf("Requests of %s gathered before %s died: %s. Either they kill, or something that it calls hangs, and what waits fills all workers until a health check kills.", name, q.deathsText(deaths), detail)}}, true
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
