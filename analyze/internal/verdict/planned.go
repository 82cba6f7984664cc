package verdict

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// plannedSlack is how far beyond a planned window its effects may reach.
const plannedSlack = 2 * time.Minute

// inPlanned returns the planned window that holds a stretch of time, but for the slack.
func (q *inquiry) inPlanned(from, to record.Time) (life.Span, bool) {
	for _, w := range q.traffic.Life.Planned {
		if from >= w.From.Add(-plannedSlack) && to <= w.To.Add(plannedSlack) {
			return w, true
		}
	}
	return life.Span{}, false
}

// plannedTraffic says, of every planned window, what should have stopped and did not: which endpoints still had requests, from how
// many callers, and which connections broke or hung instead of being drained.
func (q *inquiry) plannedTraffic() (checks []finding.Check, err error) {
	for _, w := range q.traffic.Life.Planned {
		a, err := q.traffic.ArrivedIn(w)
		if err != nil {
			return nil, err
		}
		if q.measured.Counts.Total == 0 {
			continue
		}
		detail := fmt.Sprintf("planned window %s to %s: ", clockTime(w.From), clockTime(w.To))
		if a.Total == 0 {
			detail += "no request arrived, the traffic had stopped"
		} else {
			type row struct {
				e uint32
				n int
			}
			rows := make([]row, 0, len(a.PerEndpoint))
			for e, n := range a.PerEndpoint {
				rows = append(rows, row{e, n})
			}
			sort.Slice(rows, func(i, j int) bool {
				if rows[i].n != rows[j].n {
					return rows[i].n > rows[j].n
				}
				return q.traffic.Endpoints.Names[rows[i].e] < q.traffic.Endpoints.Names[rows[j].e]
			})
			var names []string
			for _, x := range rows[:min(3, len(rows))] {
				names = append(names, fmt.Sprintf("%s (%d)", q.traffic.Endpoints.Names[x.e], x.n))
			}
			detail += fmt.Sprintf("%d requests still arrived (%d in as long a time before) on %d endpoints from %d callers, most on %s", a.Total, a.Before, len(a.PerEndpoint), len(a.Users), strings.Join(names, ", "))
			if a.Broken > 0 {
				detail += fmt.Sprintf("; %d were cut, given up on or refused instead of being drained", a.Broken)
			}
			if a.Slow > 0 {
				detail += fmt.Sprintf("; %d took 10 s or more", a.Slow)
			}
		}
		checks = append(checks, finding.Check{Rule: "planned.traffic", Outcome: finding.Neutral, Detail: detail})
	}
	return checks, nil
}
