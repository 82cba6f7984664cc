package memory

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// Names of the rivals.
const (
	timeOnly    = "time only"
	allRequests = "all requests equally"
	loadOnly    = "load"
)

// Rival is an explanation of growth that blames no endpoint.
type Rival struct {
	// Name is "time only", "all requests equally", "load" (memory goes up and down with the number of requests, and nothing
	// is kept), or the name of a job.
	Name string
	// LogBayesFactor is against "time only" (natural logarithm); Posterior is its probability among all explanations.
	LogBayesFactor, Posterior float64
	// Rate is bytes an hour (time only), per request (all requests) or per run (job); zero for load.
	Rate finding.Estimate
}

// EndpointGrowth is one endpoint as an explanation of growth.
type EndpointGrowth struct {
	Endpoint string
	// Requests is how many fell into the readings used, TrafficShare their share of all requests there.
	Requests, TrafficShare float64
	// BytesPerRequest is what stays after one request; ShareOfGrowth is how much of the growth that makes, in [0, 1]. 90 %.
	BytesPerRequest, ShareOfGrowth finding.Estimate
	// LogBayesFactor compares it with "time only", LogVersusAll with "all requests equally" (natural logarithms).
	LogBayesFactor, LogVersusAll float64
	Posterior                    float64
	// PlaceboP is how often traffic dealt anew between containers explains growth as well; nil when it was not, or could not
	// be, tried.
	PlaceboP *float64
	// Partners are endpoints that the evidence cannot tell from this one.
	Partners []string
	// Grade is insufficient unless it stands out; an accusation needs likely or above.
	Grade   finding.Grade
	Reasons []string
	// Against is what the deaths say against it; empty when they say nothing.
	Against string
}

// Attribution is what the regression says.
type Attribution struct {
	Gate   Gate
	Growth Growth
	// Metric was regressed on, over Readings floors of Lives lives of Containers containers.
	Metric                      record.Metric
	Lives, Containers, Readings int
	// Sticky says that endpoints keep to containers more than a random balancer makes them: containers are then few
	// witnesses, however many readings they give.
	Sticky bool
	// Endpoints are ranked; empty when the gate is shut or there is nothing to compare.
	Endpoints []EndpointGrowth
	// Also holds endpoints that explain a further part of the growth beside the first one.
	Also                        []EndpointGrowth
	TimeOnly, AllRequests, Load Rival
	Jobs                        []Rival
	// Background is the probability that most of the growth goes with time or a job, whatever else goes with some endpoint.
	Background float64
	// Cause is request_leak, background_leak, capacity (memory goes with the load), none (no growth) or undetermined (growth,
	// and the evidence cannot say what). A request_leak without an Endpoint means that requests leak and which ones is not
	// settled (see the Partners of the first), or that all of them do.
	Cause       finding.Cause
	Endpoint    string
	Grade       finding.Grade
	Explanation string
}

// Attribute asks whose traffic explains the growth of memory. It regresses the level of the floor, with one intercept per life,
// on the cumulative count of each endpoint at a time, against time, all requests, jobs and load; see design for the model. Growth
// comes first: without it there is no answer.
func Attribute(lives []Life, ex Exposure, jobs []Job, o Options) Attribution {
	a := Attribution{Cause: finding.None, Grade: finding.Insufficient}
	pick := pickLives(lives, o.Load)
	a.Gate, a.Growth, a.Metric = pick.gate, pick.growth, pick.growth.Metric
	if !a.Gate.Open {
		if a.Gate.Lives == 0 { // nothing seen is not nothing wrong
			a.Cause = finding.Undetermined
		}
		a.Explanation = a.Gate.Why
		return a
	}
	a.Cause = finding.Undetermined
	if len(ex.Endpoints) == 0 || ex.N <= 0 || ex.Block <= 0 {
		a.Explanation = "memory grows, and no requests were seen that could explain it"
		return a
	}
	d := chooseDesign(pick.lives, pick.growth.Metric, newTraffic(ex, jobs))
	if d == nil {
		a.Explanation = fmt.Sprintf("memory grows, and there are too few readings with traffic to say what makes it grow (at least %d are needed)", minRows)
		return a
	}
	a.Metric, a.Lives, a.Containers, a.Readings = d.metric, len(d.lives), len(d.names), d.rows
	d.prepare(noiseGrid[:])
	for _, r := range d.regressors() {
		d.fit(r)
	}
	if d.metric != record.HeapUsed { // whose floors are what a collection left
		d.refine()
	}
	d.fill(&a)
	endpoints := 0.0
	for i := range a.Endpoints {
		endpoints += a.Endpoints[i].Posterior
	}
	if len(a.Endpoints) > 0 && (a.Endpoints[0].Posterior >= placeboFrom || endpoints >= likelyP) {
		e, lead := &a.Endpoints[0], d.ranked()[0]
		a.Sticky = d.sticky()
		e.PlaceboP = d.placebo(lead, o)
		e.Against = d.sameLevel(pick.lives, lead, e.ShareOfGrowth.Value)
		if e.ShareOfGrowth.Value < aloneShare {
			a.Also = d.second(lead)
		}
	}
	conclude(&a)
	return a
}

// chooseDesign takes the floors of the metric that grows; nil when there are too few with traffic.
func chooseDesign(lives []Life, m record.Metric, tr traffic) *design {
	var readings, periods []float64
	for _, l := range lives {
		t, v := l.settled(l.Series[m])
		if len(v) < minRegressed {
			continue
		}
		readings = append(readings, float64(len(v)))
		periods = append(periods, float64(floorBlock(t, v, minFloorsPerLife, blockReadings)))
	}
	if len(readings) == 0 {
		return nil
	}
	per := max(int(stat.Median(periods)), int(stat.Median(readings)/maxRowsPerLife), 1)
	for ; per > 0; per /= 2 {
		if d := newDesign(lives, m, tr, per); d.rows >= minRows {
			d.metric, d.perFloor = m, per
			return d
		}
	}
	return nil
}

// ranked returns the endpoints by evidence.
func (d *design) ranked() []*regressor {
	out := slices.Clone(d.endpoints)
	slices.SortStableFunc(out, func(x, y *regressor) int {
		if c := cmpDesc(x.logBF, y.logBF); c != 0 {
			return c
		}
		return strings.Compare(x.name, y.name)
	})
	return out
}

// fill turns likelihoods into posteriors.
func (d *design) fill(a *Attribution) {
	ranked := slices.DeleteFunc(d.ranked(), func(e *regressor) bool { return e.total < minRequests })
	priorTime, priorJob := priorTimeOnly, 0.0
	if n := len(d.jobs); n > 0 {
		priorTime, priorJob = priorTimeOnly/2, priorTimeOnly/2/float64(n)
	}
	logs := []float64{math.Log(priorTime), math.Log(priorAll) + d.all.logBF, math.Log(priorLoad) + d.logNone - d.logTime}
	for _, j := range d.jobs {
		logs = append(logs, math.Log(priorJob)+j.logBF)
	}
	for _, e := range ranked {
		logs = append(logs, math.Log(priorEndpoints/float64(len(ranked)))+e.logBF)
	}
	z := stat.LogSumExp(logs)
	post := func(i int) float64 { return math.Exp(logs[i] - z) }

	zt := stat.NormalQuantile(0.95) * d.timeSD
	a.TimeOnly = Rival{Name: timeOnly, Posterior: post(0),
		Rate: finding.Estimate{Value: d.timeG / d.hours, Low: max(0, d.timeG-zt) / d.hours, High: (d.timeG + zt) / d.hours}}
	_, rate := d.all.estimates()
	a.AllRequests = Rival{Name: allRequests, LogBayesFactor: d.all.logBF, Posterior: post(1), Rate: rate}
	a.Load = Rival{Name: loadOnly, LogBayesFactor: d.logNone - d.logTime, Posterior: post(2)}
	for i, j := range d.jobs {
		_, rate := j.estimates()
		a.Jobs = append(a.Jobs, Rival{Name: j.name, LogBayesFactor: j.logBF, Posterior: post(3 + i), Rate: rate})
	}
	slices.SortStableFunc(a.Jobs, func(x, y Rival) int { return cmpDesc(x.Posterior, y.Posterior) })
	a.Background = post(0) + post(1)*d.all.minor()
	for i := range d.jobs {
		a.Background += post(3 + i)
	}
	for i, e := range ranked {
		g := d.growthOf(e)
		g.Posterior = post(3 + len(d.jobs) + i)
		a.Background += g.Posterior * e.minor()
		a.Endpoints = append(a.Endpoints, g)
	}
	if len(a.Endpoints) > 1 {
		lead := &a.Endpoints[0]
		for _, e := range a.Endpoints[1:] {
			if lead.LogBayesFactor-e.LogBayesFactor < partnerLog && e.LogBayesFactor > partnerLog {
				lead.Partners = append(lead.Partners, e.Endpoint)
			}
		}
	}
}

func (d *design) growthOf(e *regressor) EndpointGrowth {
	share, rate := e.estimates()
	return EndpointGrowth{
		Endpoint: e.name, Requests: e.total, TrafficShare: e.total / max(1, d.all.total),
		BytesPerRequest: rate, ShareOfGrowth: share,
		LogBayesFactor: e.logBF, LogVersusAll: e.logBF - d.all.logBF,
		Grade: finding.Insufficient,
	}
}

// second looks for endpoints that explain what the leader leaves, with the leader and time both in the model: a partial
// regression under the leader's noise, by the Bayesian information criterion.
func (d *design) second(lead *regressor) []EndpointGrowth {
	nz := &d.noise[lead.best]
	lx := d.progress(nz.drift, lead)
	lc := d.crossOf(nz.drift, lx)
	lt, ly, ll := d.test(nz, lc)
	if ll <= 0 || nz.tt <= 0 {
		return nil
	}
	// Time after the leader, memory after both.
	tt, ty, yy := nz.tt-lt*lt/ll, nz.ty-lt*ly/ll, nz.yy-ly*ly/ll
	if tt > 1e-9*nz.tt {
		yy -= ty * ty / tt
	}
	var out []EndpointGrowth
	nu := float64(max(1, d.rows-nuisance-3))
	for _, e := range d.endpoints {
		if e == lead || e.total < minRequests {
			continue
		}
		x := d.progress(nz.drift, e)
		xt, xy, xx := d.test(nz, d.crossOf(nz.drift, x))
		// The inner product with the leader, nuisance projected out like the rest.
		xl := d.testPair(nz, x, lx)
		xx, xy, xt = xx-xl*xl/ll, xy-xl*ly/ll, xt-xl*lt/ll
		if tt > 1e-9*nz.tt {
			xx, xy = xx-xt*xt/tt, xy-xt*ty/tt
		}
		if xx <= 1e-12 || xy <= 0 || yy <= 0 {
			continue
		}
		g := xy / xx
		rest := max(yy-xy*g, 1e-12*yy)
		bf := 0.5*nu*math.Log(yy/rest) - 0.5*math.Log(float64(d.rows))
		sd := math.Sqrt(rest / nu / xx)
		zq := stat.NormalQuantile(0.95)
		total := max(d.timeG, g)
		share := finding.Estimate{Value: g / total, Low: max(0, g-zq*sd) / total, High: min(1, (g+zq*sd)/total)}
		prior := 0.5 / float64(max(1, len(d.endpoints)-1))
		p := 1 / (1 + (1-0.5)/prior*math.Exp(-bf))
		if p < likelyP || share.Value < secondShare {
			continue
		}
		out = append(out, EndpointGrowth{Endpoint: e.name, Requests: e.total, TrafficShare: e.total / max(1, d.all.total),
			BytesPerRequest: finding.Estimate{Value: g / e.total, Low: max(0, g-zq*sd) / e.total, High: (g + zq*sd) / e.total},
			ShareOfGrowth:   share, LogBayesFactor: bf, LogVersusAll: bf, Posterior: p, Grade: finding.Possible,
			Reasons: []string{fmt.Sprintf("explains a further %.0f%% of the growth beside %s", 100*share.Value, lead.name)}})
	}
	slices.SortStableFunc(out, func(x, y EndpointGrowth) int { return cmpDesc(x.LogBayesFactor, y.LogBayesFactor) })
	// Only the first: the others were not tested against it.
	return out[:min(1, len(out))]
}

func cmpDesc(a, b float64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

// conclude grades.
func conclude(a *Attribution) {
	rivals := append([]Rival{a.TimeOnly, a.AllRequests, a.Load}, a.Jobs...)
	slices.SortStableFunc(rivals, func(x, y Rival) int { return cmpDesc(x.Posterior, y.Posterior) })
	endpoints := 0.0
	for _, e := range a.Endpoints {
		endpoints += e.Posterior
	}
	if len(a.Endpoints) > 0 {
		gradeLead(a)
	}
	top := rivals[0]
	switch {
	case len(a.Endpoints) > 0 && a.Endpoints[0].Grade.Rank() >= finding.Likely.Rank():
		e := a.Endpoints[0]
		a.Cause, a.Endpoint, a.Grade = finding.RequestLeak, e.Endpoint, e.Grade
		a.Explanation = fmt.Sprintf("%s keeps about %s per request; that explains %.0f%% of the growth", e.Endpoint, size(e.BytesPerRequest.Value), 100*e.ShareOfGrowth.Value)
	case a.Background >= likelyP && a.acquitted():
		a.Cause, a.Grade = finding.BackgroundLeak, finding.Likely
		if a.Background >= conclusiveP && a.Lives >= 3 && a.Containers >= 2 && !a.leadIsReal() {
			a.Grade = finding.Conclusive
		}
		a.Explanation = fmt.Sprintf("memory grows with time, by %s an hour, whatever the requests do", size(a.TimeOnly.Rate.Value))
		if top.Name != timeOnly && top.Posterior >= likelyP {
			a.Explanation = fmt.Sprintf("memory grows with the runs of the job %s, by %s each, whatever the requests do", top.Name, size(top.Rate.Value))
		}
	case a.AllRequests.Posterior >= likelyP:
		a.Cause, a.Grade = finding.RequestLeak, finding.Possible
		a.Explanation = fmt.Sprintf("memory grows by about %s per request, whichever the endpoint: look at what all requests share", size(a.AllRequests.Rate.Value))
	case a.Load.Posterior >= likelyP:
		a.Cause, a.Grade = finding.Capacity, finding.Possible
		a.Explanation = "memory goes with the number of requests, up and down; nothing is left that grows"
	case endpoints >= likelyP && a.Endpoints[0].beatsPlacebo() && a.Endpoints[0].Against == "":
		e := a.Endpoints[0]
		a.Cause, a.Grade = finding.RequestLeak, finding.Possible
		a.Explanation = "requests make memory grow, most likely " + strings.Join(append([]string{e.Endpoint}, e.Partners...), " or ") + "; the evidence does not settle which"
	default:
		a.Grade = finding.Insufficient
		a.Explanation = "memory grows; requests and time explain it about equally well"
	}
}

// acquitted reports whether no endpoint may make half of the growth. Where readings are few, time is the likeliest explanation by being
// the simplest one, and that acquits nobody.
func (a *Attribution) acquitted() bool {
	return !slices.ContainsFunc(a.Endpoints, func(e EndpointGrowth) bool {
		return e.ShareOfGrowth.High > accuseShare && e.LogBayesFactor > -partnerLog
	})
}

// leadIsReal reports whether the best endpoint has a part in the growth that chance does not give it. However small that part is: where one
// endpoint keeps memory, others like it may, each too little to be told from time.
func (a *Attribution) leadIsReal() bool {
	return len(a.Endpoints) > 0 && a.Endpoints[0].Posterior >= likelyP && a.Endpoints[0].beatsPlacebo()
}

// beatsPlacebo reports whether traffic dealt anew was tried, and seldom explains growth as well.
func (e *EndpointGrowth) beatsPlacebo() bool { return e.PlaceboP != nil && *e.PlaceboP <= placeboP }

// gradeLead grades the best endpoint.
func gradeLead(a *Attribution) {
	e := &a.Endpoints[0]
	share := e.ShareOfGrowth.Value
	for _, s := range a.Also {
		share += s.ShareOfGrowth.Value
	}
	solid := e.Against == "" && e.beatsPlacebo() && share >= accuseShare && e.ShareOfGrowth.Value >= accuseShare/2 && len(e.Partners) == 0
	switch {
	case e.Posterior >= conclusiveP && solid && !a.Sticky && e.ShareOfGrowth.Value >= accuseShare && a.Lives >= 3 && a.Containers >= 2:
		e.Grade = finding.Conclusive
	case e.Posterior >= likelyP && solid:
		e.Grade = finding.Likely
	case e.Posterior >= possibleP:
		e.Grade = finding.Possible
	}
	if e.Grade == finding.Insufficient {
		return
	}
	e.Reasons = append(e.Reasons, fmt.Sprintf("its %.0f requests explain %.0f%% of the growth, at %s each (%s to %s)", e.Requests, 100*e.ShareOfGrowth.Value,
		size(e.BytesPerRequest.Value), size(e.BytesPerRequest.Low), size(e.BytesPerRequest.High)))
	if len(e.Partners) > 0 {
		e.Reasons = append(e.Reasons, "the evidence cannot tell it from "+strings.Join(e.Partners, ", "))
	}
	if a.Sticky {
		e.Reasons = append(e.Reasons, "containers keep traffic of their own, so that few of them can be compared")
	}
	if e.Against != "" {
		e.Reasons = append(e.Reasons, e.Against)
	}
	if e.PlaceboP != nil {
		e.Reasons = append(e.Reasons, fmt.Sprintf("when the containers' traffic is dealt anew, some endpoint fits as well in %.1f%% of the draws", 100**e.PlaceboP))
	}
}
