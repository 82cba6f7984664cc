package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/endpoint"
	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/traffic"
	"lastcall/collectors/record"
)

const (
	maxSuspects = 12
	maxExamples = 5
)

// suspectRow is an endpoint to be told of. The higher the score, the earlier: the accused are far above all others.
type suspectRow struct {
	e       int
	score   float64
	c       *candidate
	culprit bool
	hang    bool
}

// suspectRows are the rows by endpoint.
type suspectRows map[int]*suspectRow

// add adds an endpoint, or raises its score; nil for one that stands for many.
func (rows suspectRows) add(e int, score float64, c *candidate) *suspectRow {
	if e <= 0 {
		return nil
	}
	x := rows[e]
	if x == nil {
		x = &suspectRow{e: e, c: c}
		rows[e] = x
	}
	x.score = max(x.score, score)
	return x
}

// openings are, by endpoint, the requests that were open at deaths, and these deaths.
type openings struct {
	n      []int
	deaths []map[int]bool
}

// suspects writes the ranked rows: the accused, those that come closest, and the cleared with the reason that clears them.
func (q *inquiry) suspects(cands []candidate) error {
	open := q.openings()
	list := q.rankSuspects(cands, open)
	ages := map[int]float64{}
	for _, x := range list {
		ages[x.e] = q.ageAtDeath(x.e)
	}
	culprits := map[uint32]bool{}
	for _, c := range cands {
		if c.endpoint > 0 {
			culprits[uint32(c.endpoint)] = true
		}
	}
	controls := map[int]traffic.Control{}
	if q.measured.Counts.Total > 0 {
		var err error
		if controls, q.latency, err = q.traffic.Controls(ages, culprits); err != nil {
			return err
		}
	}
	for _, x := range list {
		s := finding.Suspect{Endpoint: q.traffic.Endpoints.Names[x.e], Role: finding.Bystander, Grade: finding.Insufficient, CrashesTotal: len(q.traffic.Life.Deaths),
			CrashesWith: len(open.deaths[x.e]), OpenAtDeath: open.n[x.e], Requests: q.measured.Counts.PerEndpoint[x.e], Examples: []finding.Example{}, Reasons: []string{}}
		s.TrafficShare = round(float64(q.measured.Counts.PerEndpoint[x.e])/float64(max(q.measured.Counts.Total, 1)), 5)
		if c := controls[x.e]; c.Total > 0 {
			s.Baseline, s.BaselineWith, s.BaselineTotal = round(float64(c.With)/float64(c.Total), 5), c.With, c.Total
		}
		s.Examples, s.LongestSeconds = q.examples(x.e)
		q.describe(&s, x.e, x.culprit, x.hang, x.c, controls[x.e])
		q.report.Suspects = append(q.report.Suspects, s)
	}
	return nil
}

// rankSuspects chooses the endpoints to be told of.
func (q *inquiry) rankSuspects(cands []candidate, open openings) []*suspectRow {
	rows := suspectRows{}
	for i := range cands {
		c := &cands[i]
		if c.endpoint > 0 {
			x := rows.add(c.endpoint, 1e9-float64(i), c)
			x.culprit, x.c = true, c
		}
		if c.by == onGrowth {
			for j, g := range q.memory.growth.Endpoints[:min(4, len(q.memory.growth.Endpoints))] {
				rows.add(q.endpointIndex(g.Endpoint), 10+g.Posterior-float64(j)*1e-3, c)
			}
		}
	}
	for _, c := range weighed {
		res := q.open.results[c]
		if res == nil {
			continue
		}
		var cand *candidate
		for i := range cands {
			if cands[i].class == c {
				cand = &cands[i]
			}
		}
		for e := 1; e < len(res.Endpoints); e++ {
			if ep := &res.Endpoints[e]; ep.Posterior > 0.02 {
				rows.add(e, 1+ep.Posterior, cand)
			}
		}
	}
	// The busiest among those open at deaths, and the slowest: what people will ask about.
	for i, e := range open.busiest(6) {
		rows.add(e, 0.5-float64(i)*1e-3, nil)
	}
	if len(q.traffic.Life.Deaths) > 0 || q.hang != nil {
		if e := q.slowest(); e > 0 {
			rows.add(e, 0.1, nil)
		}
	}
	for i, e := range q.hanging(5) {
		if x := rows.add(e, 0.4-float64(i)*1e-3, nil); x != nil {
			x.hang = true
		}
	}
	list := slices.SortedFunc(maps.Values(rows), func(a, b *suspectRow) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(q.traffic.Endpoints.Names[a.e], q.traffic.Endpoints.Names[b.e]))
	})
	return list[:min(len(list), maxSuspects)]
}

func (q *inquiry) openings() openings {
	o := openings{make([]int, len(q.traffic.Endpoints.Names)), make([]map[int]bool, len(q.traffic.Endpoints.Names))}
	for i := range q.traffic.Pending {
		d, e := q.traffic.Pending[i].Death, q.traffic.Pending[i].Endpoint
		if d < 0 {
			continue
		}
		o.n[e]++
		if o.deaths[e] == nil {
			o.deaths[e] = map[int]bool{}
		}
		o.deaths[e][d] = true
	}
	return o
}

// busiest returns up to n endpoints, those first that were open at most deaths.
func (o openings) busiest(n int) []int {
	var order []int
	for e := 1; e < len(o.n); e++ {
		if o.n[e] > 0 {
			order = append(order, e)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(len(o.deaths[b]), len(o.deaths[a])), cmp.Compare(o.n[b], o.n[a]))
	})
	return order[:min(n, len(order))]
}

// hanging returns up to n endpoints of calls that ended at the constant timeout, those with most first.
func (q *inquiry) hanging(n int) []int {
	if q.hang == nil {
		return nil
	}
	calls := map[int]int{}
	for _, ref := range q.hang.Refs {
		calls[int(q.measured.Slow[ref].Endpoint)]++
	}
	order := slices.SortedFunc(maps.Keys(calls), func(a, b int) int { return cmp.Or(cmp.Compare(calls[b], calls[a]), cmp.Compare(a, b)) })
	return order[:min(n, len(order))]
}

// slowest returns the endpoint with the highest median latency among those with some traffic.
func (q *inquiry) slowest() int {
	best, at := -1.0, 0
	for e := 1; e < len(q.measured.Base.Durations); e++ {
		if h := &q.measured.Base.Durations[e]; h.N >= 5 {
			if m := h.Quantile(0.5); m > best {
				best, at = m, e
			}
		}
	}
	return at
}

// ageAtDeath is the youngest of the endpoint's oldest requests over the deaths that it was open at, seconds; 0 when none.
func (q *inquiry) ageAtDeath(e int) float64 {
	oldest := map[int]float64{}
	for i := range q.traffic.Pending {
		p := &q.traffic.Pending[i]
		if p.Death >= 0 && int(p.Endpoint) == e {
			oldest[p.Death] = max(oldest[p.Death], q.traffic.Deaths.At[p.Death].Sub(p.Start).Seconds())
		}
	}
	age := math.Inf(1)
	for _, a := range oldest {
		if a > 0 { // one that began as the container died is as old as nothing
			age = min(age, a)
		}
	}
	if math.IsInf(age, 1) {
		return 0
	}
	return age
}

// examples are the requests to look at: the oldest one open at each death, then the longest.
func (q *inquiry) examples(e int) (ex []finding.Example, longest float64) {
	ex = []finding.Example{}
	type cand struct {
		i   int
		age float64
	}
	per := map[int]cand{}
	for i := range q.traffic.Pending {
		p := &q.traffic.Pending[i]
		if int(p.Endpoint) != e || p.Death < 0 {
			continue
		}
		age := q.traffic.Deaths.At[p.Death].Sub(p.Start).Seconds()
		longest = max(longest, age)
		if c, ok := per[p.Death]; !ok || age > c.age {
			per[p.Death] = cand{i, age}
		}
	}
	deaths := make([]int, 0, len(per))
	for d := range per {
		deaths = append(deaths, d)
	}
	slices.Sort(deaths)
	for _, d := range deaths[:min(len(deaths), maxExamples)] {
		ex = append(ex, q.example(per[d].i, per[d].age, d))
	}
	if len(ex) == 0 {
		h := &q.measured.Base.Durations[e]
		if h.N > 0 {
			longest = round(h.Quantile(1), 3)
		}
	}
	return ex, round(max(longest, 0), 3)
}

func (q *inquiry) example(i int, age float64, d int) finding.Example {
	p := &q.traffic.Pending[i]
	x := finding.Example{Container: q.traffic.Containers.Names[p.Container], Start: p.Start.Std(), Seconds: round(max(age, 0), 3), Outcome: outcomeWord(p), Status: int(p.Status),
		Source: q.traffic.Evidence.Sources.Name(p.Source), Line: int64(p.Line)}
	if d >= 0 {
		x.Crash = q.traffic.Life.Deaths[d].ID()
	}
	if det, ok := q.traffic.Evidence.Details[p.Detail]; ok {
		x.Path, x.RequestID, x.User = det.Path, det.ID, det.User
		q.sensitive("request", det.ID)
		q.sensitive("user", det.User)
		q.sensitivePath(det.Path)
	}
	return x
}

// sensitivePath remembers a path that holds an identifier or a query; "/users/me" tells of nobody.
func (q *inquiry) sensitivePath(path string) {
	if template := string(endpoint.AppendTemplate(nil, []byte(path))); template != path && template != strings.TrimSuffix(path, "/") {
		q.sensitive("path", path)
	}
}

func (q *inquiry) sensitive(kind, value string) {
	if value == "" {
		return
	}
	s := finding.Sensitive{Kind: kind, Value: value}
	if !slices.Contains(q.report.Sensitive, s) {
		q.report.Sensitive = append(q.report.Sensitive, s)
	}
}

func outcomeWord(p *traffic.Pending) string {
	switch {
	case p.Phase == record.Started:
		return "open"
	case p.Outcome == record.GaveUp:
		return "given_up"
	case p.Outcome == record.Cut:
		return "cut"
	case p.Outcome == record.ClientGone:
		return "client_gone"
	}
	return "answered"
}

// describe decides role and grade of one row and says why.
func (q *inquiry) describe(s *finding.Suspect, e int, culprit, hung bool, c *candidate, ctl traffic.Control) {
	arithmetic := ""
	if s.CrashesWith > 0 {
		arithmetic = fmt.Sprintf("open at death in %d of %d crashes", s.CrashesWith, s.CrashesTotal)
		if ctl.Total > 0 {
			arithmetic += fmt.Sprintf("; as old (%s or more) in %d of %d comparable quiet windows", seconds(ctl.Age), ctl.With, ctl.Total)
		}
	}
	res, deaths := q.strongest(e)
	effectOf(s, e, res)
	q.describeGrowth(s, culprit, c)
	switch {
	case culprit:
		s.Role, s.Grade = finding.Culprit, c.verdict.Grade
		switch c.by {
		case onAnswers:
			c.after.describe(s)
			s.Reasons = append(s.Reasons, "what it leaves running ends the process when its request is over: none need be open at the death")
		case onOpenRequests:
			s.Reasons = append(append(s.Reasons, arithmetic), c.why...)
		default:
			s.Reasons = append(s.Reasons, "a leak needs no request open at the death: what counts is what its requests leave behind")
		}
		if c.verdict.Function != nil {
			s.Function, s.File = c.verdict.Function, c.verdict.File
		}
	case hung:
		s.Role = finding.Fallout
		n := 0
		for _, ref := range q.hang.Refs {
			if int(q.measured.Slow[ref].Endpoint) == e {
				n++
			}
		}
		s.Reasons = append(s.Reasons, fmt.Sprintf("%d of its calls ended after the same %.1f s as calls of %d other endpoints: they waited for something else", n, q.hang.Constant.Seconds(), q.hang.Endpoints-1))
	case c != nil && c.named == e && c.endpoint < 0:
		s.Grade = finding.Possible
		if arithmetic != "" {
			s.Reasons = append(s.Reasons, arithmetic)
		}
		s.Reasons = append(s.Reasons, "comes closest, but not close enough to be accused")
	default:
		q.clear(s, e, res, deaths, arithmetic)
	}
	s.Reasons = slices.DeleteFunc(s.Reasons, func(r string) bool { return r == "" })
}

// strongest returns the evaluation in which an endpoint is the most probable culprit, with its deaths; nil where it is in none.
func (q *inquiry) strongest(e int) (res *inflight.Result, deaths []int) {
	for _, c := range weighed {
		r := q.open.results[c]
		if r == nil || e >= len(r.Endpoints) {
			continue
		}
		if res == nil || r.Endpoints[e].Posterior > res.Endpoints[e].Posterior {
			res, deaths = r, q.open.deaths[c]
		}
	}
	return res, deaths
}

// effectOf writes what an evaluation says of an endpoint; nil says nothing.
func effectOf(s *finding.Suspect, e int, res *inflight.Result) {
	if res == nil {
		s.Effect = finding.Effect{Measure: "likelihood_ratio", Value: 1, Low: 1, High: 1}
		return
	}
	ep := &res.Endpoints[e]
	s.Effect = finding.Effect{Measure: "likelihood_ratio", Value: sig(geomean(ep.LR)), Low: sig(slices.Min(ep.LR)), High: sig(slices.Max(ep.LR))}
	p := round(ep.Posterior, 4)
	s.Probability = &p
	// The e-value, divided by the number of endpoints, bounds the p-value (Markov): corrected for all of them.
	adj := sig(min(1, float64(len(res.Endpoints)-1)/math.Max(ep.EValue, 1e-9)))
	s.PAdjusted = &adj
}

// describeGrowth writes what the regression of memory says of an endpoint: instead of all else where c, the explanation that it is told
// for, rests on that.
func (q *inquiry) describeGrowth(s *finding.Suspect, culprit bool, c *candidate) {
	for i := range q.memory.growth.Endpoints {
		g := &q.memory.growth.Endpoints[i]
		if g.Endpoint != s.Endpoint {
			continue
		}
		if g.BytesPerRequest.Value > 0 && (culprit || g.Posterior > 0.05) {
			b := g.BytesPerRequest
			s.BytesPerRequest = &finding.Estimate{Value: math.Round(b.Value), Low: math.Round(b.Low), High: math.Round(b.High)}
		}
		if c != nil && c.by == onGrowth {
			s.Effect = finding.Effect{Measure: "share_of_growth", Value: sig(g.ShareOfGrowth.Value), Low: sig(g.ShareOfGrowth.Low), High: sig(g.ShareOfGrowth.High)}
			p := round(g.Posterior, 4)
			s.Probability = &p
			s.PAdjusted = nil
			if g.PlaceboP != nil {
				pp := round(*g.PlaceboP, 4)
				s.PAdjusted = &pp
			}
			s.Reasons = append(s.Reasons, g.Reasons...)
			if culprit {
				s.CrashesWith = len(c.deaths)
			}
		}
	}
}

const (
	// thereShare of the deaths, and of thereLeast or more: an endpoint that is open at so many without being busy is not cleared by the lack of
	// times to compare with.
	thereShare = 0.8
	thereLeast = 3
	// busyShare of all requests: some of it is open at any moment.
	busyShare = 0.05
	// thereUsually of the time one is open that takes no longer than nine of ten: streams are always there.
	thereUsually = 0.1
)

// oftenThere reports whether an endpoint was open at so many deaths, and is asked so seldom, that it is not cleared.
func (q *inquiry) oftenThere(e, with, of int) bool {
	requests := float64(q.measured.Counts.PerEndpoint[e])
	open := 0.0 // of the time
	if h := &q.measured.Base.Durations[e]; h.N > 0 {
		open = requests / max(q.traffic.Quiet.AliveSeconds, 1) * h.Quantile(0.9)
	}
	return of >= thereLeast && float64(with) >= thereShare*float64(of) && requests < busyShare*float64(q.measured.Counts.Total) && open < thereUsually
}

// thereAtNearlyAll returns the endpoint that was open at nearly all deaths, though it is asked seldom; the one at most, -1 where there is none.
func (q *inquiry) thereAtNearlyAll(deaths []int) (endpoint, with int) {
	open := q.openings()
	endpoint = -1
	for e := 1; e < len(open.deaths); e++ {
		n := 0
		for _, d := range deaths {
			if open.deaths[e][d] {
				n++
			}
		}
		if n > with && q.oftenThere(e, n, len(deaths)) {
			endpoint, with = e, n
		}
	}
	return endpoint, with
}

// clear says why an endpoint is not to blame.
func (q *inquiry) clear(s *finding.Suspect, e int, res *inflight.Result, deaths []int, arithmetic string) {
	// A victim: what was open had mostly begun after the slow-down.
	after, open := 0, 0
	if res != nil {
		onset := make(map[int]record.Time, len(deaths))
		for i, d := range deaths {
			onset[d] = q.traffic.Deaths.At[d].Add(-time.Duration(res.Onsets[i] * 1e9))
		}
		for k := range q.traffic.Pending {
			p := &q.traffic.Pending[k]
			if p.Death < 0 || int(p.Endpoint) != e {
				continue
			}
			if at, ok := onset[p.Death]; ok {
				open++
				if p.Start >= at.Add(-time.Second) {
					after++
				}
			}
		}
	}
	usual := q.measured.Base.Durations[e].Quantile(0.5)
	switch {
	case open > 0 && 3*after >= 2*open && s.LongestSeconds > 5*max(usual, 0.1):
		s.Role = finding.Victim
		s.Reasons = append(s.Reasons, fmt.Sprintf("%d of the %d open requests began after the slow-down; usually it takes %s", after, open, seconds(usual)), arithmetic)
	case s.CrashesWith == 0:
		if len(q.untied.Dead) > 0 {
			s.Reasons = append(s.Reasons, "nothing tells which requests were open when a container died; usually it takes "+seconds(usual))
			break
		}
		s.Reasons = append(s.Reasons, "never open when a container died; usually it takes "+seconds(usual))
		if q.measured.Base.Durations[e].N > 0 && usual >= 1 {
			s.Reasons[len(s.Reasons)-1] += ", always, and is innocent"
		}
	case s.TrafficShare >= busyShare:
		s.Reasons = append(s.Reasons, fmt.Sprintf("busy (%.0f%% of all requests): some of it is open at any moment", 100*s.TrafficShare), arithmetic)
	case q.oftenThere(e, s.CrashesWith, s.CrashesTotal) && 3*after < open:
		s.Reasons = append(s.Reasons, "open at nearly all deaths, since before the slow-down, and seldom otherwise: not cleared, and not accused", arithmetic)
	case open > 0 && usual < 1 && s.LongestSeconds > 10*usual:
		s.Role = finding.Victim
		s.Reasons = append(s.Reasons, fmt.Sprintf("usually takes %s; it was slow only on containers about to die", seconds(usual)), arithmetic)
	case len(q.traffic.Life.Deaths) == 1:
		s.Reasons = append(s.Reasons, "there is one crash only, over which nothing can repeat", arithmetic)
	default:
		s.Reasons = append(s.Reasons, "its presence does not repeat over the crashes more than chance brings about", arithmetic)
	}
}

func geomean(x []float64) float64 {
	l := 0.0
	for _, v := range x {
		l += math.Log(max(v, 1e-9))
	}
	return math.Exp(l / float64(max(len(x), 1)))
}
