package verdict

import (
	"fmt"
	"slices"
	"strings"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

// shapeAtDeath says how memory came to the death: leak or burst or other, by the curves of that life.
func (q *inquiry) shapeAtDeath(d int) finding.Shape {
	id := q.traffic.Life.Deaths[d].ID()
	best := finding.ShapeInsufficient
	rank := map[finding.Shape]int{finding.ShapeLeak: 5, finding.ShapeBurst: 4, finding.ShapeSawtooth: 2, finding.ShapePlateau: 2, finding.ShapeFlat: 3, finding.ShapeInsufficient: 0}
	for i := range q.memory.curves {
		c := &q.memory.curves[i]
		if c.Crash == id && rank[c.Shape] > rank[best] {
			best = c.Shape
		}
	}
	return best
}

// shapes counts deaths by how memory came to them.
type shapes struct {
	leaky, bursty, level int
	known                int // all of these
}

func (q *inquiry) shapesAt(deaths []int) (s shapes) {
	for _, d := range deaths {
		switch q.shapeAtDeath(d) {
		case finding.ShapeLeak:
			s.leaky++
		case finding.ShapeBurst:
			s.bursty++
		case finding.ShapeFlat, finding.ShapePlateau, finding.ShapeSawtooth:
			s.level++
		}
	}
	s.known = s.leaky + s.bursty + s.level
	return s
}

const (
	// fullAlike and fullTimes: memory was full at deaths at which it had grown to so many times its beginning, each time to the same level
	// but for such a part.
	fullAlike  = 0.15
	fullTimes  = 2
	fullDeaths = 3
)

// endedFull reports whether the lives that ended had grown to one level, which is then a limit, whatever the process said as it ended.
func (q *inquiry) endedFull(deaths []int) bool {
	var highest []float64
	for _, d := range deaths {
		id := q.traffic.Life.Deaths[d].ID()
		best := -1
		for i := range q.memory.curves {
			if c := &q.memory.curves[i]; c.Crash == id && c.Samples >= memory.MinReadings && (best < 0 || c.MaxBytes > q.memory.curves[best].MaxBytes) {
				best = i
			}
		}
		if best < 0 {
			continue
		}
		if c := &q.memory.curves[best]; c.MaxBytes < fullTimes*c.FirstBytes {
			return false
		}
		highest = append(highest, q.memory.curves[best].MaxBytes)
	}
	if len(highest) < fullDeaths || 2*len(highest) < len(deaths) {
		return false
	}
	return slices.Max(highest)-slices.Min(highest) <= fullAlike*stat.Median(highest)
}

// noShape says why the curves of memory before deaths tell nothing.
func (q *inquiry) noShape(deaths []int) string {
	most := 0
	for _, d := range deaths {
		for i := range q.memory.curves {
			if c := &q.memory.curves[i]; c.Crash == q.traffic.Life.Deaths[d].ID() {
				most = max(most, c.Samples)
			}
		}
	}
	why := "no memory readings cover the lives that ended"
	switch {
	case most >= memory.MinReadings:
		why = "memory rose in the lives that ended, and it is not certain that it would have gone on, or rose for more than the load"
	case most > 0:
		why = fmt.Sprintf("the lives that ended have %d memory readings at most, where %d are needed, and do not grow alike", most, memory.MinReadings)
	}
	return why + ", so a slow leak and a burst cannot be told apart by their curve"
}

// explainMemory explains deaths of class c as deaths of memory: those of a stall, too, where memory was short.
func (q *inquiry) explainMemory(c class, deaths []int) []candidate {
	shape := q.shapesAt(deaths)
	leaky, bursty, known := shape.leaky, shape.bursty, shape.known
	res := q.open.results[c]
	g := q.gradeInflight(res, deaths)
	all := append(slices.Clone(deaths), q.open.later[c]...)
	age := q.weighAges(c, deaths, &g)
	host := q.hostMemory(deaths)
	host.tell(&g, deaths)
	if host.most(deaths) {
		g.lower(finding.Possible, host.String())
	}
	curves := finding.Check{Rule: "memory.shape", Outcome: finding.Neutral,
		Detail: fmt.Sprintf("of %s, memory had grown steadily before %d, jumped before %d, and was level when last read before %d", countText(len(deaths), "death"), leaky, bursty, shape.level)}
	if known == 0 {
		curves.Outcome, curves.Detail = finding.NotPossible, q.noShape(deaths)
	}
	g.checks = append(g.checks, curves)
	none := func() candidate {
		return q.withAges(age, q.undetermined(deaths, c, res, g))
	}
	if host.most(deaths) {
		return []candidate{none()}
	}
	var leak *candidate
	asked := g.checks // but for what is asked of a leak, which tells nothing of the load
	if q.memory.growth.Gate.Open && 2*leaky >= known && leaky > bursty {
		c := q.explainLeak(deaths, leaky).following(g.checks)
		if held := q.heldOpen(&c, deaths); held != "" {
			g.checks = append(slices.Clone(g.checks), finding.Check{Rule: "leak.still-open", Outcome: finding.Contradicts, Detail: held})
		} else if c.verdict.Cause != finding.Undetermined {
			return []candidate{c}
		} else {
			leak = &c // memory grows, and nothing says why: a surge of load may do that as well
		}
	}
	// A fleet that dies under too much load dies with its busiest requests open: only the surest accusation stands against that.
	if c, ok := q.capacity(all); ok && (!g.accuses() || c.verdict.Grade.Rank() >= finding.Likely.Rank() && !g.sure()) {
		return []candidate{c.following(asked)}
	}
	if leak != nil {
		return []candidate{*leak}
	}
	if g.accuses() {
		if c, ok := q.gathered(deaths, res.Leader); ok {
			return []candidate{c.following(g.checks)}
		}
		how, asked := q.howKilled(deaths, bursty)
		g.checks = append(slices.Clone(g.checks), asked...)
		return q.withSecond(how, c, deaths, res, g)
	}
	if q.memory.growth.Gate.Open && leaky > bursty {
		c := q.explainLeak(deaths, leaky).following(g.checks)
		if c.verdict.Cause != finding.Undetermined {
			c.verdict.Grade = lower(c.verdict.Grade, finding.Possible)
		}
		if c.verdict.Endpoint != nil {
			c.named, c.endpoint, c.verdict.Endpoint = c.endpoint, -1, nil
			c.verdict.Cause = finding.Undetermined
			c.verdict.Summary = fmt.Sprintf("A memory leak: memory grows in %d of %d lives, but had grown steadily before %d of %d deaths only; %s comes closest, which is not enough to accuse it.",
				q.memory.growth.Gate.Growing, q.memory.growth.Gate.Lives, leaky, len(deaths), q.traffic.Endpoints.Names[c.named])
		}
		return []candidate{c}
	}
	if c, ok := q.limitLowered(deaths); ok {
		return []candidate{c.following(g.checks)}
	}
	if c, ok := q.hungBefore(deaths); ok {
		return []candidate{c.following(g.checks)}
	}
	return []candidate{none()}
}

// howKilled says how a request killed containers of which no source says that memory was the reason: by memory if the curves jump
// or end near the limit, by holding the event loop if they stay level and the runtime fell silent, and otherwise it cannot be told.
func (q *inquiry) howKilled(deaths []int, bursty int) (finding.Cause, []finding.Check) {
	named, aborted, level, known := 0, 0, 0, 0
	for _, d := range deaths {
		if q.traffic.Life.Deaths[d].Kind == record.CrashAbort {
			aborted++
		}
		if k := q.traffic.Life.Deaths[d].Kind; k == record.CrashOOMKill || k == record.CrashHeapLimit {
			named++
		}
		if lm := q.report.Crashes[d].LastMemory; lm != nil && lm.LimitBytes != nil {
			known++
			if lm.Bytes < levelMemory*float64(*lm.LimitBytes) {
				level++
			}
		}
	}
	// Those of which only the next start tells are of no other kind.
	if told := len(deaths) - q.inferred(deaths); told > 0 && 2*named >= told || 2*bursty >= len(deaths) {
		return finding.RequestBurst, nil
	}
	if 2*aborted >= len(deaths) {
		return finding.Undetermined, []finding.Check{{Rule: "memory.shape", Outcome: finding.NotPossible,
			Detail: "the processes aborted, and neither last words nor memory readings say whether their heap was full"}}
	}
	n, silent := q.silences(deaths)
	switch {
	case known > 0 && 2*level > known && n > 0 && 2*silent > n:
		return finding.CPUStall, []finding.Check{{Rule: "stall.silence", Outcome: finding.Supports,
			Detail: fmt.Sprintf("no source says why the containers were killed, but memory was well below its limit before %d of %d deaths and the runtime's metrics had fallen silent before %d of %d: something held the event loop", level, known, silent, n)}}
	case known > 0 && 2*level <= known:
		return finding.RequestBurst, nil
	}
	return finding.Undetermined, []finding.Check{{Rule: "stall.silence", Outcome: finding.NotPossible,
		Detail: "no source says why the containers were killed, and no memory readings tell a burst of memory from a held event loop"}}
}

func (q *inquiry) burstOutcome() finding.Outcome {
	if q.traffic.Layer == record.LayerApp && !q.hasStarts() || !q.traffic.Containers.Named {
		return finding.NotPossible
	}
	return finding.Contradicts
}

// explainLeak uses the regression of memory on requests.
func (q *inquiry) explainLeak(deaths []int, leaky int) candidate {
	g := &q.memory.growth
	c := candidate{deaths: deaths, class: byMemory, endpoint: -1, named: -1, by: onGrowth}
	who := "memory"
	switch g.Metric {
	case record.HeapUsed, record.HeapTotal:
		who = "heap memory"
	case record.External:
		who = "memory outside the heap"
	case record.RSS, record.WorkingSet:
		who = "resident memory"
	}
	tail := ""
	if len(deaths) > 0 {
		tail = fmt.Sprintf(" until %s died", q.containersText(deaths))
	}
	c.checks = append(c.checks, finding.Check{Rule: "memory.leak", Outcome: finding.Supports, Detail: g.Gate.Why})
	v := finding.Verdict{Cause: g.Cause, Grade: g.Grade}
	switch g.Cause {
	case finding.RequestLeak:
		if g.Endpoint != "" && g.Grade.Rank() >= finding.Likely.Rank() {
			c.endpoint = q.endpointIndex(g.Endpoint)
			c.named = c.endpoint
			v.Endpoint = &g.Endpoint
			top := g.Endpoints[0]
			v.Summary = fmt.Sprintf("%s leaks: each request keeps about %s (%s to %s), and %s grew%s.", g.Endpoint, mib(top.BytesPerRequest.Value), mib(top.BytesPerRequest.Low), mib(top.BytesPerRequest.High), who, tail)
		} else {
			// Requests leak, and which of them is not settled: the cause is known, and nobody is accused.
			v.Summary = fmt.Sprintf("Requests leak: %s grew%s, and the evidence cannot settle which of them it is.", who, tail)
			if names := q.leakPartners(); len(names) > 0 {
				c.named = q.endpointIndex(names[0])
				v.Summary = fmt.Sprintf("Requests leak: %s grew%s; it is %s, and the evidence cannot tell which.", who, tail, strings.Join(names, " or "))
			}
		}
	case finding.BackgroundLeak:
		v.Summary = fmt.Sprintf("%s%s grows with time, whatever the requests do%s: a background leak, no endpoint is to blame.", strings.ToUpper(who[:1]), who[1:], comma(tail))
		if len(g.Jobs) > 0 && g.Jobs[0].LogBayesFactor > 3 {
			v.Summary = strings.TrimSuffix(v.Summary, ".") + fmt.Sprintf(" (it follows the runs of %s).", g.Jobs[0].Name)
		}
	case finding.Capacity:
		v.Summary = fmt.Sprintf("%s%s follows the load%s: every request takes its share, no endpoint is out of line.", strings.ToUpper(who[:1]), who[1:], comma(tail))
	default:
		v.Cause = finding.Undetermined
	}
	uneven, differ := finding.Check{}, false
	if v.Cause == finding.BackgroundLeak {
		uneven, differ = q.agesDiffer(deaths)
	}
	switch {
	case differ:
		c.checks = append(c.checks, uneven)
		v.Cause, v.Grade = finding.Undetermined, finding.Possible
		v.Summary = fmt.Sprintf("%s%s grew%s, but not with time alone, as lives ended at very different ages; the evidence cannot say what makes it grow.", strings.ToUpper(who[:1]), who[1:], tail)
	case v.Cause == finding.Undetermined:
		v.Grade = finding.Possible
		v.Summary = fmt.Sprintf("A memory leak: %s grows in %d of %d lives%s, and the evidence cannot say whether requests or background work make it grow.", who, g.Gate.Growing, g.Gate.Lives, tail)
		if len(g.Endpoints) > 0 && g.Endpoints[0].Posterior >= possibleP {
			c.named = q.endpointIndex(g.Endpoints[0].Endpoint)
			v.Summary = strings.TrimSuffix(v.Summary, ".") + fmt.Sprintf("; %s comes closest.", g.Endpoints[0].Endpoint)
		}
	}
	outcome := finding.Supports
	if v.Endpoint == nil {
		outcome = finding.Neutral
	}
	c.checks = append(c.checks, finding.Check{Rule: "leak.attribution", Outcome: outcome, Detail: g.Explanation})
	c.verdict = v
	return c
}

const (
	// heldShare of the requests of a life still open when it ended: what they hold is no leak.
	heldShare = 0.5
	// heldDeaths are needed for it to be said, and heldLeast requests at each.
	heldDeaths = 3
	heldLeast  = 3
)

// heldOpen says, of a leak that is put down to an endpoint, that most of its requests had not ended when containers died, if so: what a leak
// leaves behind is of requests that are over. It is empty where they had, or nothing is known of it.
func (q *inquiry) heldOpen(c *candidate, deaths []int) string {
	if c.verdict.Cause != finding.RequestLeak || c.endpoint <= 0 {
		return ""
	}
	open := map[int]float64{}
	for i := range q.traffic.Pending {
		if p := &q.traffic.Pending[i]; p.Death >= 0 && int(p.Endpoint) == c.endpoint {
			open[p.Death]++
		}
	}
	known, held := 0, 0
	var counts []float64
	for _, d := range deaths {
		if begun := q.memory.begun[d]; begun > 0 {
			known++
			if open[d] >= max(heldShare*begun, heldLeast) {
				held++
				counts = append(counts, open[d])
			}
		}
	}
	if known < heldDeaths || 2*held <= known {
		return ""
	}
	return fmt.Sprintf("memory grows with %s, but at %d of %d deaths most of its requests of that life were still open (%.0f of them, median): they hold the memory while they wait, and a leak keeps it when they are over",
		q.traffic.Endpoints.Names[c.endpoint], held, known, stat.Median(counts))
}

func stillOpenRule() finding.Rule {
	return finding.Rule{ID: "leak.still-open", Title: "Requests that hold memory while they wait", Question: "Is the memory kept by requests that are over, or held by those that are not?",
		Test:       "Of the endpoint that growth is put down to: how many of the requests that began in the life that ended were still open at its end.",
		Thresholds: []finding.Threshold{{Name: "open", Value: fmt.Sprintf("%.0f%% of them, and at least %d, at most of %d deaths or more", 100*heldShare, heldLeast, heldDeaths), Why: "what leaks is over; few requests of a life wait at its end when only the collector is slow"}},
		Source:     "Little's law: what is open is what arrives, times how long it takes", Limits: "Needs lives whose beginning is known. Why they wait is not in it: see hang.constant-duration."}
}

// leakPartners names the endpoints that the growth of memory does not tell apart; nil when there are none or too many to help.
func (q *inquiry) leakPartners() []string {
	g := &q.memory.growth
	if len(g.Endpoints) == 0 || g.Endpoints[0].Posterior < 0.1 || len(g.Endpoints[0].Partners) == 0 || len(g.Endpoints[0].Partners) > 3 {
		return nil
	}
	return append([]string{g.Endpoints[0].Endpoint}, g.Endpoints[0].Partners...)
}

// nameCode adds what heap profiles know of the code, and lets them raise or lower the grade.
func (q *inquiry) nameCode(c *candidate) {
	h := q.heap
	if h == nil || h.Leading == nil || len(q.traffic.Life.Deaths) == 0 && c.verdict.Cause != finding.RequestLeak && c.verdict.Cause != finding.BackgroundLeak && c.verdict.Cause != finding.Undetermined {
		return
	}
	switch c.verdict.Cause {
	case finding.RequestBurst, finding.RequestLeak, finding.BackgroundLeak:
	case finding.Undetermined:
		if c.class != byMemory || h.Confidence.Rank() < finding.Likely.Rank() {
			return
		}
	default:
		return
	}
	lead := h.Leading
	if h.Confidence.Rank() < finding.Possible.Rank() {
		return
	}
	c.verdict.Function, c.verdict.File = &lead.Function, lead.File
	sure := h.Confidence.Rank() >= finding.Likely.Rank()
	if c.verdict.Cause == finding.Undetermined && sure {
		c.verdict.Summary += fmt.Sprintf(" Heap profiles show what grew: %s.", lead.Function)
	}
	detail := fmt.Sprintf("%s holds what grew (%s, %d profiles)", lead.Function, mib(float64(lead.GrowthBytes)), lead.Profiles)
	switch {
	case lead.Endpoint == nil || c.named < 0 && c.endpoint < 0:
		c.checks = append(c.checks, finding.Check{Rule: "heap.growth", Outcome: finding.Neutral, Detail: detail + "; its name does not tie it to one endpoint"})
	case *lead.Endpoint == q.traffic.Endpoints.Names[max(c.named, c.endpoint)]:
		c.checks = append(c.checks, finding.Check{Rule: "heap.growth", Outcome: finding.Supports, Detail: detail + ", and ties to the same endpoint"})
		// Two independent kinds of evidence for one endpoint: the grade rises by one step.
		switch {
		case !sure:
		case c.endpoint >= 0 && c.verdict.Grade == finding.Likely:
			c.verdict.Grade = finding.Conclusive
		case c.endpoint < 0 && c.verdict.Grade == finding.Possible:
			c.endpoint = c.named
			c.verdict.Endpoint = &q.traffic.Endpoints.Names[c.named]
			c.verdict.Grade = finding.Likely
			if c.by == onGrowth {
				c.verdict.Cause = finding.RequestLeak
				c.verdict.Summary = fmt.Sprintf("%s leaks: both its traffic and the heap profiles (%s) point to it.", q.traffic.Endpoints.Names[c.named], lead.Function)
			} else {
				c.by = onOpenRequests
				var asked []finding.Check
				c.verdict.Cause, asked = q.howKilled(c.deaths, 0)
				c.checks = append(c.checks, asked...)
				c.verdict.Summary = fmt.Sprintf("%s killed %s: both its open requests and the heap profiles (%s) point to it.", q.traffic.Endpoints.Names[c.named], q.containersText(c.deaths), lead.Function)
			}
		}
	default:
		c.checks = append(c.checks, finding.Check{Rule: "heap.growth", Outcome: finding.Contradicts, Detail: detail + ", and its name ties to " + *lead.Endpoint})
		if sure && c.verdict.Grade == finding.Conclusive {
			c.verdict.Grade = finding.Likely
		}
	}
}
