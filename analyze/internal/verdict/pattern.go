package verdict

import (
	"fmt"
	"sort"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/traffic"
	"lastcall/collectors/record"
)

// serial writes the pattern of one request, user or endpoint that walks from container to container.
func (q *inquiry) serial(main *candidate) {
	res := q.open.results[main.class]
	if res == nil || len(main.deaths) < 2 {
		return
	}
	deaths := q.open.deaths[main.class]
	p := &finding.Pattern{}
	var refs []int
	switch {
	case res.Same != nil && res.Same.EValue >= sameLikely:
		refs = res.Same.Refs
		p.Kind = "request"
	case main.endpoint > 0:
		refs = res.Endpoints[main.endpoint].Oldest
		p.Kind, p.Value = "endpoint", q.traffic.Endpoints.Names[main.endpoint]
		if q.oneRequest(refs) {
			p.Kind, p.Value = "request", ""
		}
	default:
		return
	}
	var times []record.Time
	for i, ref := range refs {
		if ref < 0 {
			continue
		}
		d := deaths[i]
		r := &q.traffic.Pending[ref]
		if p.Value == "" {
			if det, ok := q.traffic.Evidence.Details[r.Detail]; ok {
				p.Value = det.Path
				if det.User != "" {
					p.Value += " of user " + det.User
					q.sensitive("user", det.User)
				}
				q.sensitivePath(det.Path)
			} else {
				p.Value = q.traffic.Endpoints.Names[r.Endpoint]
			}
		}
		p.Steps = append(p.Steps, finding.Step{Crash: q.traffic.Life.Deaths[d].ID(), Container: q.traffic.Life.Deaths[d].Container, Start: r.Start.Std(),
			Seconds: round(max(0, q.traffic.Deaths.At[d].Sub(r.Start).Seconds()), 3)})
		times = append(times, q.traffic.Deaths.At[d])
	}
	if len(p.Steps) < 2 {
		return
	}
	gaps := make([]float64, 0, len(times))
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]).Seconds())
	}
	sort.Float64s(gaps)
	p.SpacingSeconds = round(gaps[len(gaps)/2], 1)
	hit := map[string]bool{}
	for _, s := range p.Steps {
		hit[s.Container] = true
	}
	var spared []string
	pool := q.poolOf(p.Steps[0].Container)
	for _, n := range q.traffic.Containers.Names {
		if n != "" && !hit[n] && q.poolOf(n) == pool {
			spared = append(spared, n)
		}
	}
	if len(spared) > 0 && p.Kind == "request" {
		p.Next = fmt.Sprintf("if it is sent again, the next container dies about %s after the last; not yet hit: %s", minutes(time.Duration(p.SpacingSeconds*1e9)), listSome(spared, 6))
	}
	q.report.Pattern = p
}

// oneRequest reports whether all these requests have one path and one caller.
func (q *inquiry) oneRequest(refs []int) bool {
	n := 0
	var first *traffic.Pending
	for _, ref := range refs {
		if ref < 0 {
			continue
		}
		r := &q.traffic.Pending[ref]
		if r.User == 0 || r.Path == 0 || first != nil && (r.User != first.User || r.Path != first.Path) {
			return false
		}
		first = r
		n++
	}
	return n >= 2
}
