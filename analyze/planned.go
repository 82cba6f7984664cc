package analyze

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// plannedSlack is how far beyond a planned window its effects may reach.
const plannedSlack = 2 * time.Minute

// inPlanned returns the planned window that holds a stretch of time, but for the slack.
func (q *inquiry) inPlanned(from, to record.Time) (life.Span, bool) {
	for _, w := range q.traffic.life.Planned {
		if from >= w.From.Add(-plannedSlack) && to <= w.To.Add(plannedSlack) {
			return w, true
		}
	}
	return life.Span{}, false
}

// plannedTraffic says, of every planned window, what should have stopped and did not: which endpoints still had requests, from how
// many callers, and which connections broke or hung instead of being drained.
func (q *inquiry) plannedTraffic() error {
	for _, w := range q.traffic.life.Planned {
		per := map[uint32]int{}
		users := map[uint32]struct{}{}
		total, broken, slow := 0, 0, 0
		var before int
		span := w.To.Sub(w.From)
		err := q.traffic.each(func(r *reqlog.Rec) {
			if r.Start < w.From && r.Start >= w.From.Add(-span) {
				before++
			}
			if r.Start < w.From || r.Start > w.To {
				return
			}
			total++
			per[r.Endpoint]++
			if r.User != 0 {
				users[r.User] = struct{}{}
			}
			switch r.Outcome {
			case record.Cut, record.GaveUp, record.Refused:
				broken++
			case record.Answered:
				if r.End.Sub(r.Start) >= 10*slowFrom {
					slow++
				}
			}
		})
		if err != nil {
			return err
		}
		if q.traffic.total == 0 {
			continue
		}
		detail := fmt.Sprintf("planned window %s to %s: ", clockTime(w.From), clockTime(w.To))
		if total == 0 {
			detail += "no request arrived, the traffic had stopped"
		} else {
			type row struct {
				e uint32
				n int
			}
			rows := make([]row, 0, len(per))
			for e, n := range per {
				rows = append(rows, row{e, n})
			}
			sort.Slice(rows, func(i, j int) bool {
				if rows[i].n != rows[j].n {
					return rows[i].n > rows[j].n
				}
				return q.traffic.endpoints[rows[i].e] < q.traffic.endpoints[rows[j].e]
			})
			var names []string
			for _, x := range rows[:min(3, len(rows))] {
				names = append(names, fmt.Sprintf("%s (%d)", q.traffic.endpoints[x.e], x.n))
			}
			detail += fmt.Sprintf("%d requests still arrived (%d in as long a time before) on %d endpoints from %d callers, most on %s", total, before, len(per), len(users), strings.Join(names, ", "))
			if broken > 0 {
				detail += fmt.Sprintf("; %d were cut, given up on or refused instead of being drained", broken)
			}
			if slow > 0 {
				detail += fmt.Sprintf("; %d took 10 s or more", slow)
			}
		}
		q.report.Checks = append(q.report.Checks, finding.Check{Rule: "planned.traffic", Outcome: finding.Neutral, Detail: detail})
	}
	return nil
}
