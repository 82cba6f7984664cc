package verdict

import (
	"sort"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

const (
	maxChartPoints = 400
	maxBars        = 3000
)

// charts gathers what the pictures need, downsampled.
func (q *inquiry) charts() {
	c := &finding.Charts{Memory: q.memoryChart(), Requests: q.requestBars()}
	if len(q.traffic.Life.Deaths) > 0 && q.measured.Counts.Total > 0 {
		for _, l := range q.measured.Latency.Rows(q.traffic.Endpoints.Names, q.latency) {
			c.Latency = append(c.Latency, finding.Latency{Endpoint: l.Endpoint, T: l.At.Std(), P50: round(l.P50, 4), P99: round(l.P99, 4), Count: l.Count})
		}
	}
	if q.heap != nil {
		c.Flame = q.heap.Flame
	}
	q.report.Charts = c
}

// memoryChart are the curves of each life.
func (q *inquiry) memoryChart() (out []finding.Series) {
	for i := range q.memory.lives {
		l := &q.memory.lives[i]
		for _, m := range []record.Metric{record.RSS, record.WorkingSet, record.HeapUsed, record.External} {
			pts := l.Series[m]
			if len(pts) < 2 {
				continue
			}
			s := finding.Series{Container: l.Container, Instance: shorten(l.Instance), Metric: m.String(), Crash: l.Crash}
			limit := l.LimitBytes
			if m == record.HeapUsed {
				limit = l.HeapLimitBytes
			}
			if limit > 0 && m != record.External {
				s.LimitBytes = &limit
			}
			step := float64(len(pts)-1) / float64(maxChartPoints-1)
			if step < 1 {
				step = 1
			}
			// Keep the highest reading of each stretch: peaks matter more than averages.
			for x := 0.0; int(x) < len(pts); x += step {
				lo, hi := int(x), min(len(pts), max(int(x)+1, int(x+step)))
				top := lo
				for k := lo; k < hi; k++ {
					if pts[k].V > pts[top].V {
						top = k
					}
				}
				s.Points = append(s.Points, finding.Point{T: pts[top].T.Std(), V: pts[top].V})
			}
			out = append(out, s)
		}
	}
	return out
}

// requestBars are the requests that were open at deaths, and those of the first suspects.
func (q *inquiry) requestBars() (bars []finding.Bar) {
	shown := map[int]finding.Role{}
	for i, s := range q.report.Suspects {
		if s.Role == finding.Culprit || i < 3 {
			shown[q.endpointIndex(s.Endpoint)] = s.Role
		}
	}
	for i := range q.traffic.Pending {
		p := &q.traffic.Pending[i]
		role, ok := shown[int(p.Endpoint)]
		if !ok && p.Death < 0 {
			continue
		}
		if !ok {
			role = finding.Bystander
		}
		end := p.DoneAt()
		if end == 0 {
			end = max(p.End, p.Start)
		}
		b := finding.Bar{Container: q.traffic.Containers.Names[p.Container], Endpoint: q.traffic.Endpoints.Names[p.Endpoint], Role: role, Start: p.Start.Std(), Outcome: outcomeWord(p),
			Source: q.traffic.Evidence.Sources.Name(p.Source), Line: int64(p.Line)}
		if p.Death >= 0 {
			end = q.traffic.Deaths.At[p.Death]
			b.Crash = q.traffic.Life.Deaths[p.Death].ID()
		}
		b.Seconds = round(max(0, end.Sub(p.Start).Seconds()), 3)
		if len(bars) < maxBars || role == finding.Culprit {
			bars = append(bars, b)
		}
	}
	culprits := map[int]bool{}
	for e, role := range shown {
		if role == finding.Culprit {
			culprits[e] = true
		}
	}
	for i := range q.measured.Slow {
		s := &q.measured.Slow[i]
		if culprits[int(s.Endpoint)] && len(bars) < 2*maxBars {
			bars = append(bars, finding.Bar{Container: q.traffic.Containers.Names[s.Container], Endpoint: q.traffic.Endpoints.Names[s.Endpoint], Role: finding.Culprit, Start: s.Start.Std(),
				Seconds: round(s.Duration.Seconds(), 3), Outcome: "answered", Source: q.traffic.Evidence.Sources.Name(s.Source), Line: int64(s.Line)})
		}
	}
	sort.SliceStable(bars, func(i, j int) bool {
		if !bars[i].Start.Equal(bars[j].Start) {
			return bars[i].Start.Before(bars[j].Start)
		}
		return bars[i].Container < bars[j].Container
	})
	return bars
}
