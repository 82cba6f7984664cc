package memory

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// Rival is an explanation of growth that blames no endpoint.
type Rival struct {
	// Name is "time only", "all requests equally", or the name of a job.
	Name string
	// LogBayesFactor is against "time only" (natural logarithm); Posterior is its probability among all explanations.
	LogBayesFactor, Posterior float64
	// BytesPerHour (time only), bytes per request (all requests) or per run (job).
	Rate finding.Estimate
}

// EndpointGrowth is one endpoint as an explanation of growth.
type EndpointGrowth struct {
	Endpoint string
	// Requests is how many fell into the readings used, TrafficShare their share of all requests there.
	Requests, TrafficShare float64
	// BytesPerRequest is what stays after one request; ShareOfGrowth is how much of the growth that makes, in [0, 1]. 90 %.
	BytesPerRequest, ShareOfGrowth finding.Estimate
	// LogBayesFactor compares it with "time only", LogVersusAll with "every request leaks the same" (natural logarithms).
	LogBayesFactor, LogVersusAll float64
	Posterior                    float64
	// PlaceboP is how often traffic swapped between containers explains growth as well; nil when it was not, or could not be, tried.
	PlaceboP *float64
	// Partners are endpoints that the evidence cannot tell from this one.
	Partners []string
	// Grade is insufficient unless it stands out; an accusation needs likely or above.
	Grade   finding.Grade
	Reasons []string
}

// Gate says whether there is growth to explain.
type Gate struct {
	Open bool
	// Growing of Lives comparable lives grow. GrowthBytes is the median growth of a life, NeededBytes what would count.
	Growing, Lives           int
	GrowthBytes, NeededBytes float64
	// Version is the release whose lives were used; empty when versions are unknown or make no difference.
	Version string
	Why     string
}

// Attribution is what the regression says.
type Attribution struct {
	Gate   Gate
	Growth Growth
	// Metric was regressed on, over Readings floors of Lives lives of Containers containers.
	Metric                      record.Metric
	Lives, Containers, Readings int
	// Endpoints are ranked by posterior; empty when the gate is shut or there is nothing to compare.
	Endpoints             []EndpointGrowth
	TimeOnly, AllRequests Rival
	Jobs                  []Rival
	// Cause is request_leak, background_leak, capacity (every request, or the load), none (no growth) or undetermined (growth, and
	// the evidence cannot say what). Endpoint is set for request_leak at likely or above.
	Cause       finding.Cause
	Endpoint    string
	Grade       finding.Grade
	Explanation string
}

// Attribute asks whose traffic explains the growth of memory. It regresses the level of the floor, with one intercept per life,
// on the cumulative count of each endpoint at a time, against "time only" and "every request leaks the same"; the noise is white
// plus a random walk ([stat.LocalLevel]), whose ratio is averaged over. Growth comes first: without it there is no answer.
func Attribute(lives []Life, ex Exposure, jobs []Job, o Options) Attribution {
	a := Attribution{Cause: finding.None, Grade: finding.Insufficient}
	pick := pickLives(lives, o)
	a.Gate, a.Growth, a.Metric = pick.gate, pick.growth, pick.growth.Metric
	if !a.Gate.Open {
		a.Explanation = a.Gate.Why
		return a
	}
	a.Cause = finding.Undetermined
	d := newDesign(pick.lives, a.Metric, ex, jobs)
	a.Lives, a.Containers, a.Readings = len(d.lives), d.containers(), d.rows
	if d.rows < minRows || len(ex.Endpoints) == 0 {
		a.Explanation = fmt.Sprintf("memory grows, and there are too few readings with traffic to say what makes it grow (%d, at least %d are needed)", d.rows, minRows)
		return a
	}
	d.evaluate()
	d.fill(&a)
	if len(a.Endpoints) > 0 && a.Endpoints[0].Posterior >= placeboFrom {
		d.placebo(&a, o)
	}
	conclude(&a)
	return a
}

// picked are the lives whose growth is to be explained.
type picked struct {
	lives  []Life
	growth Growth
	gate   Gate
}

// pickLives groups lives by version and takes the group that grows most; a leak often arrives with a deploy, and the lives
// before it would speak against every endpoint.
func pickLives(lives []Life, o Options) picked {
	groups := map[string][]Life{}
	var names []string
	for _, i := range order(lives) {
		v := lives[i].Version
		if groups[v] == nil {
			names = append(names, v)
		}
		groups[v] = append(groups[v], lives[i])
	}
	slices.Sort(names)
	var best picked
	best.gate.Why = "no life of a container has enough memory readings"
	for _, n := range names {
		p := picked{lives: groups[n], growth: GrowthKind(groups[n])}
		p.gate = growthGate(p.lives, p.growth)
		if len(names) > 1 {
			p.gate.Version = n
		}
		if p.gate.Lives == 0 {
			continue
		}
		ratio := func(g Gate) float64 { return g.GrowthBytes / max(1, g.NeededBytes) * float64(g.Growing) }
		if best.gate.Lives == 0 || p.gate.Open && !best.gate.Open || p.gate.Open == best.gate.Open && ratio(p.gate) > ratio(best.gate) {
			best = p
		}
	}
	return best
}

// growthGate demands absolute growth: without it the shares of a regression mean nothing.
func growthGate(lives []Life, g Growth) Gate {
	gate := Gate{}
	if g.Metric == record.MetricUnknown {
		gate.Why = "memory does not grow"
		gate.Lives = g.Lives
		return gate
	}
	var growth, need, half []float64
	for _, l := range lives {
		pts := l.Series[g.Metric]
		t, v := dropWarmUp(hours(pts, l.start()), values(pts))
		if len(v) < minRegressed {
			continue
		}
		ft, fv := floors(t, v)
		tr := stat.FitTrend(ft, fv, intervalLevel)
		if math.IsNaN(tr.Slope) {
			continue
		}
		n := len(ft)
		limit := l.limit(g.Metric)
		if limit == 0 && g.Metric != record.HeapUsed && g.Metric != record.HeapTotal {
			limit = l.LimitBytes
		}
		gate.Lives++
		unit := growthUnit(limit, stat.Median(fv))
		gr := tr.Slope * (ft[n-1] - ft[0])
		nd := max(growthShare*unit, growthMADs*tr.Residual)
		if gr >= nd && (tr.P < trendP || n < minFloors && tr.Low >= 0) {
			gate.Growing++
		}
		growth, need = append(growth, gr), append(need, nd)
		if n >= 8 {
			if h := stat.FitTrend(ft[n/2:], fv[n/2:], intervalLevel).Slope; tr.Slope > 0 {
				half = append(half, h/tr.Slope)
			}
		}
	}
	if gate.Lives == 0 {
		gate.Why = "no life of a container has enough memory readings"
		return gate
	}
	gate.GrowthBytes, gate.NeededBytes = stat.Median(growth), stat.Median(need)
	switch {
	case gate.GrowthBytes < gate.NeededBytes:
		gate.Why = fmt.Sprintf("memory does not grow enough to speak of: %s in a life, %s would count", size(gate.GrowthBytes), size(gate.NeededBytes))
	case 2*gate.Growing < gate.Lives:
		gate.Why = fmt.Sprintf("memory grows in %d of %d lives only", gate.Growing, gate.Lives)
	case len(half) > 0 && stat.Median(half) < secondHalf:
		gate.Why = "memory grew at first and then levelled off: a warm-up or a filling cache, no leak"
	default:
		gate.Open = true
		gate.Why = fmt.Sprintf("memory grows in %d of %d lives, by %s in a life", gate.Growing, gate.Lives, size(gate.GrowthBytes))
	}
	return gate
}

// regressor is one column: cumulative counts of an endpoint, of all requests, or of a job.
type regressor struct {
	name     string
	counts   map[string][]float64 // per container, per block, cumulative with a leading zero
	total    float64              // within the readings used
	logBF    float64
	posts    []float64 // posterior weight of each share of the grid
	g        []float64 // growth fitted at each share
	gsd      []float64
	vectors  [][]float64 // whitened and projected, per noise ratio; kept for partners
	bestQ    int
	bestLogL float64
}

// lifeRows are the floors of one life.
type lifeRows struct {
	container string
	t         []float64 // hours since the life began
	at        []record.Time
	y         []float64
}

// design is the regression.
type design struct {
	ex        Exposure
	lives     []lifeRows
	rows      int
	hours     float64 // sum over lives of the time between first and last floor
	y         []float64
	endpoints []*regressor
	all       *regressor
	jobs      []*regressor
	qs        []float64
	noise     []noise
	logZTime  float64
	timeG     float64
	timeSD    float64
}

// noise is everything that depends on the noise ratio alone.
type noise struct {
	filters []stat.LocalLevel
	logDet  float64
	basis   [][]float64 // nuisance: load, and a start-up that fades
	y, t    []float64   // whitened and projected
	yy, tt  float64
	ty      float64
}

func newDesign(lives []Life, m record.Metric, ex Exposure, jobs []Job) *design {
	d := &design{ex: ex}
	for _, e := range ex.Endpoints {
		d.endpoints = append(d.endpoints, &regressor{name: e.Endpoint, counts: cumulate(e.ByContainer, ex.N)})
	}
	d.all = &regressor{name: "all requests equally", counts: map[string][]float64{}}
	for _, e := range d.endpoints {
		for c, cum := range e.counts {
			if d.all.counts[c] == nil {
				d.all.counts[c] = make([]float64, ex.N+1)
			}
			for i, n := range cum {
				d.all.counts[c][i] += n
			}
		}
	}
	d.jobs = jobRegressors(jobs, ex)

	until := ex.From.Add(time.Duration(ex.N) * ex.Block)
	block := 1
	var per []float64
	for _, l := range lives {
		per = append(per, float64(len(l.Series[m])))
	}
	if len(per) > 0 {
		med := stat.Median(per)
		block = max(1, min(blockReadings, int(med/minFloors)))
		block = max(block, int(med/maxRowsPerLife))
	}
	for _, l := range lives {
		cum := d.all.counts[l.Container]
		if len(cum) == 0 || cum[len(cum)-1] == 0 {
			continue // its traffic was not seen: no count is not a count of nothing
		}
		var pts []Point
		for _, p := range l.Series[m] {
			if p.T >= ex.From && p.T <= until {
				pts = append(pts, p)
			}
		}
		start := l.start()
		t, v := dropWarmUp(hours(pts, start), values(pts))
		ft, fv := stat.BlockMin(t, v, block)
		if len(ft) < minFloorsPerLife {
			continue
		}
		r := lifeRows{container: l.Container, t: ft, y: fv}
		for _, h := range ft {
			r.at = append(r.at, start.Add(time.Duration(h*float64(time.Hour))))
		}
		d.lives = append(d.lives, r)
		d.rows += len(ft) - 1
		d.hours += ft[len(ft)-1] - ft[0]
	}
	for _, r := range append(append([]*regressor{d.all}, d.endpoints...), d.jobs...) {
		for _, l := range d.lives {
			r.total += d.countAt(r.counts[l.container], l.at[len(l.at)-1]) - d.countAt(r.counts[l.container], l.at[0])
		}
	}
	return d
}

func (d *design) containers() int {
	seen := map[string]bool{}
	for _, l := range d.lives {
		seen[l.container] = true
	}
	return len(seen)
}

// cumulate turns block counts into cumulative counts with a leading zero.
func cumulate(by map[string][]float64, n int) map[string][]float64 {
	out := make(map[string][]float64, len(by))
	for c, counts := range by {
		cum := make([]float64, n+1)
		for i := range n {
			cum[i+1] = cum[i]
			if i < len(counts) {
				cum[i+1] += counts[i]
			}
		}
		out[c] = cum
	}
	return out
}

func jobRegressors(jobs []Job, ex Exposure) []*regressor {
	by := map[string]map[string][]float64{}
	var names []string
	for _, j := range jobs {
		at := j.End
		if at == 0 {
			at = j.Start
		}
		if ex.Block <= 0 || at < ex.From {
			continue
		}
		i := int(at.Sub(ex.From) / ex.Block)
		if i >= ex.N {
			continue
		}
		if by[j.Name] == nil {
			by[j.Name] = map[string][]float64{}
			names = append(names, j.Name)
		}
		if by[j.Name][j.Container] == nil {
			by[j.Name][j.Container] = make([]float64, ex.N)
		}
		by[j.Name][j.Container][i]++
	}
	slices.Sort(names)
	var out []*regressor
	for _, n := range names {
		out = append(out, &regressor{name: n, counts: cumulate(by[n], ex.N)})
	}
	return out
}

// countAt interpolates cumulative block counts at an instant.
func (d *design) countAt(cum []float64, at record.Time) float64 {
	if len(cum) == 0 {
		return 0
	}
	x := float64(at.Sub(d.ex.From)) / float64(d.ex.Block)
	if x <= 0 {
		return 0
	}
	i := int(x)
	if i >= len(cum)-1 {
		return cum[len(cum)-1]
	}
	return cum[i] + (x-float64(i))*(cum[i+1]-cum[i])
}

// column whitens one column, life by life; value gives it at reading i of life l.
func (d *design) column(nz *noise, value func(l, i int) float64) []float64 {
	out := make([]float64, 0, d.rows)
	var col []float64
	for k := range d.lives {
		col = col[:0]
		for i := range d.lives[k].t {
			col = append(col, value(k, i))
		}
		out = nz.filters[k].Append(out, col)
	}
	stat.Project(out, nz.basis)
	return out
}

func (d *design) countColumn(nz *noise, r *regressor) []float64 {
	scale := 1 / max(r.total, 1e-9)
	return d.column(nz, func(l, i int) float64 {
		return d.countAt(r.counts[d.lives[l].container], d.lives[l].at[i]) * scale
	})
}

// shares is the grid of the share of growth that a regressor explains; the rest goes with time.
var shareGrid = [...]float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}

// evaluate computes the marginal likelihood of every explanation.
func (d *design) evaluate() {
	var gaps, spans []float64
	for _, l := range d.lives {
		for i := 1; i < len(l.t); i++ {
			gaps = append(gaps, l.t[i]-l.t[i-1])
		}
		spans = append(spans, l.t[len(l.t)-1]-l.t[0])
	}
	unit := max(stat.Median(gaps), 1e-9)
	fade := max(stat.Median(spans)/4, 1e-6)
	window := time.Duration(max(unit, 1.0/60) * float64(time.Hour))
	for _, q := range noiseGrid {
		nz := noise{}
		for _, l := range d.lives {
			f := stat.NewLocalLevel(l.t, q/unit)
			nz.logDet += f.LogDet
			nz.filters = append(nz.filters, f)
		}
		load := d.column(&nz, func(l, i int) float64 {
			c, at := d.all.counts[d.lives[l].container], d.lives[l].at[i]
			return d.countAt(c, at) - d.countAt(c, at.Add(-window))
		})
		start := d.column(&nz, func(l, i int) float64 { return 1 - math.Exp(-d.lives[l].t[i]/fade) })
		nz.basis = stat.Orthonormal([][]float64{load, start})
		nz.y = d.column(&nz, func(l, i int) float64 { return d.lives[l].y[i] })
		nz.t = d.column(&nz, func(l, i int) float64 { return d.lives[l].t[i] / d.hours })
		nz.yy, nz.tt, nz.ty = stat.Dot(nz.y, nz.y), stat.Dot(nz.t, nz.t), stat.Dot(nz.t, nz.y)
		d.noise = append(d.noise, nz)
	}
	// Time only.
	var ls []float64
	bestL := math.Inf(-1)
	for i := range d.noise {
		nz := &d.noise[i]
		l, g, sd := d.logL(nz, nz.tt, nz.ty)
		ls = append(ls, l)
		if l > bestL {
			bestL, d.timeG, d.timeSD = l, g, sd
		}
	}
	d.logZTime = stat.LogSumExp(ls)
	for _, r := range d.regressors() {
		d.fit(r)
	}
}

func (d *design) regressors() []*regressor {
	return append(append([]*regressor{d.all}, d.endpoints...), d.jobs...)
}

// logL is the log likelihood at one noise ratio of one regressor with inner products xx and xy, its growth and its error.
func (d *design) logL(nz *noise, xx, xy float64) (l, g, sd float64) {
	nu := float64(d.rows - len(nz.basis) - 1)
	sse := nz.yy
	if xx > 0 && xy > 0 {
		g = xy / xx
		sse -= xy * xy / xx
	}
	sse = max(sse, 1e-12*nz.yy+1e-300)
	if xx > 0 {
		sd = math.Sqrt(sse / nu / xx)
	}
	return -0.5*nz.logDet - 0.5*nu*math.Log(sse) - 0.5*math.Log(max(xx, 1e-300)/max(nz.tt, 1e-300)), g, sd
}

// fit computes the Bayes factor of a regressor and the posterior of its share.
func (d *design) fit(r *regressor) {
	k := len(shareGrid)
	r.posts, r.g, r.gsd = make([]float64, k), make([]float64, k), make([]float64, k)
	if r.total < minRequests {
		r.logBF = math.Inf(-1)
		return
	}
	per := make([][]float64, k)
	best := make([]float64, k)
	for s := range best {
		best[s] = math.Inf(-1)
	}
	r.bestLogL = math.Inf(-1)
	r.vectors = make([][]float64, len(d.noise))
	for qi := range d.noise {
		nz := &d.noise[qi]
		x := d.countColumn(nz, r)
		r.vectors[qi] = x
		xx, xt, xy := stat.Dot(x, x), stat.Dot(x, nz.t), stat.Dot(x, nz.y)
		for si, s := range shareGrid {
			l, g, sd := d.logL(nz, s*s*xx+2*s*(1-s)*xt+(1-s)*(1-s)*nz.tt, s*xy+(1-s)*nz.ty)
			per[si] = append(per[si], l)
			if l > best[si] {
				best[si], r.g[si], r.gsd[si] = l, g, sd
			}
			if l > r.bestLogL {
				r.bestLogL, r.bestQ = l, qi
			}
		}
	}
	for s := range per {
		r.posts[s] = stat.LogSumExp(per[s])
	}
	z := stat.LogSumExp(r.posts)
	r.logBF = z - math.Log(float64(k)) - d.logZTime
	for s := range r.posts {
		r.posts[s] = math.Exp(r.posts[s] - z)
	}
}

// estimates gives share and growth per unit of a regressor, with 90 % intervals.
func (r *regressor) estimates() (share, rate finding.Estimate) {
	var mean, v1, v2 float64
	for i, p := range r.posts {
		mean += p * shareGrid[i]
		v1 += p * shareGrid[i] * r.g[i]
	}
	for i, p := range r.posts {
		x := shareGrid[i] * r.g[i]
		sd := shareGrid[i] * r.gsd[i]
		v2 += p * ((x-v1)*(x-v1) + sd*sd)
	}
	share = finding.Estimate{Value: mean, Low: gridQuantile(r.posts, 0.05), High: gridQuantile(r.posts, 0.95)}
	z := stat.NormalQuantile(0.95) * math.Sqrt(v2)
	n := max(r.total, 1e-9)
	rate = finding.Estimate{Value: v1 / n, Low: max(0, v1-z) / n, High: (v1 + z) / n}
	return share, rate
}

func gridQuantile(p []float64, q float64) float64 {
	var s float64
	for i, w := range p {
		s += w
		if s >= q {
			return shareGrid[i]
		}
	}
	return shareGrid[len(shareGrid)-1]
}

// fill turns likelihoods into posteriors.
func (d *design) fill(a *Attribution) {
	eligible := 0
	for _, e := range d.endpoints {
		if e.total >= minRequests {
			eligible++
		}
	}
	priorTime, priorJobs := priorTimeOnly, 0.0
	if len(d.jobs) > 0 {
		priorTime, priorJobs = priorTimeOnly/2, priorTimeOnly/2
	}
	logs := []float64{math.Log(priorTime), math.Log(priorAll) + d.all.logBF}
	for _, j := range d.jobs {
		logs = append(logs, math.Log(priorJobs/float64(len(d.jobs)))+j.logBF)
	}
	for _, e := range d.endpoints {
		logs = append(logs, math.Log(priorEndpoints/float64(max(1, eligible)))+e.logBF)
	}
	z := stat.LogSumExp(logs)
	post := func(i int) float64 { return math.Exp(logs[i] - z) }

	zt := stat.NormalQuantile(0.95) * d.timeSD
	a.TimeOnly = Rival{Name: "time only", Posterior: post(0),
		Rate: finding.Estimate{Value: d.timeG / d.hours, Low: max(0, d.timeG-zt) / d.hours, High: (d.timeG + zt) / d.hours}}
	_, rate := d.all.estimates()
	a.AllRequests = Rival{Name: d.all.name, LogBayesFactor: d.all.logBF, Posterior: post(1), Rate: rate}
	for i, j := range d.jobs {
		_, rate := j.estimates()
		a.Jobs = append(a.Jobs, Rival{Name: j.name, LogBayesFactor: j.logBF, Posterior: post(2 + i), Rate: rate})
	}
	slices.SortStableFunc(a.Jobs, func(x, y Rival) int { return cmpDesc(x.Posterior, y.Posterior) })
	for i, e := range d.endpoints {
		if e.total < minRequests {
			continue
		}
		share, rate := e.estimates()
		a.Endpoints = append(a.Endpoints, EndpointGrowth{
			Endpoint: e.name, Requests: e.total, TrafficShare: e.total / max(1, d.all.total),
			BytesPerRequest: rate, ShareOfGrowth: share,
			LogBayesFactor: e.logBF, LogVersusAll: e.logBF - d.all.logBF,
			Posterior: post(2 + len(d.jobs) + i), Grade: finding.Insufficient,
		})
	}
	slices.SortStableFunc(a.Endpoints, func(x, y EndpointGrowth) int {
		if c := cmpDesc(x.LogBayesFactor, y.LogBayesFactor); c != 0 {
			return c
		}
		return strings.Compare(x.Endpoint, y.Endpoint)
	})
	if len(a.Endpoints) > 1 {
		lead := &a.Endpoints[0]
		for _, e := range a.Endpoints[1:] {
			if lead.LogBayesFactor-e.LogBayesFactor < partnerLog && e.LogBayesFactor > partnerLog {
				lead.Partners = append(lead.Partners, e.Endpoint)
			}
		}
	}
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

// placebo swaps the traffic of containers within blocks of time, as the load balancer might have, and counts how often some
// endpoint then explains the growth as well as the leader does.
func (d *design) placebo(a *Attribution, o Options) {
	if d.containers() < 2 {
		return
	}
	lead := d.byName(a.Endpoints[0].Endpoint)
	nz := &d.noise[lead.bestQ]
	score := func(r *regressor) float64 {
		x := d.countColumn(nz, r)
		xx, xt, xy := stat.Dot(x, x), stat.Dot(x, nz.t), stat.Dot(x, nz.y)
		ls := make([]float64, len(shareGrid))
		for si, s := range shareGrid {
			ls[si], _, _ = d.logL(nz, s*s*xx+2*s*(1-s)*xt+(1-s)*(1-s)*nz.tt, s*xy+(1-s)*nz.ty)
		}
		return stat.LogSumExp(ls)
	}
	var tried []*regressor
	for _, e := range a.Endpoints[:min(len(a.Endpoints), placeboEndpoints)] {
		tried = append(tried, d.byName(e.Endpoint))
	}
	observed := score(lead)
	names, groups := d.swapGroups()
	if len(groups) < minSwaps {
		return
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x6c656b)) // fixed stream: the same evidence gives the same report
	hits, draws := 0, o.placebos()
	for range draws {
		perm := make([][]int, len(groups))
		for g, present := range groups {
			perm[g] = rng.Perm(len(present))
		}
		for _, r := range tried {
			if score(d.swapped(r, names, groups, perm)) >= observed {
				hits++
				break
			}
		}
	}
	p := float64(hits+1) / float64(draws+1)
	a.Endpoints[0].PlaceboP = &p
}

func (d *design) byName(name string) *regressor {
	for _, e := range d.endpoints {
		if e.name == name {
			return e
		}
	}
	return nil
}

// swapGroup lists the containers (by index) whose traffic may be swapped between two blocks.
type swapGroup []int

// swapGroups cuts the time of the readings into blocks and says which containers served requests in each.
func (d *design) swapGroups() (names []string, groups []swapGroup) {
	seen := map[string]bool{}
	for _, l := range d.lives {
		if !seen[l.container] {
			seen[l.container] = true
			names = append(names, l.container)
		}
	}
	slices.Sort(names)
	step := d.swapStep()
	for i := 0; i < d.ex.N; i += step {
		j := min(i+step, d.ex.N)
		var g swapGroup
		for c, n := range names {
			cum := d.all.counts[n]
			if cum[j] > cum[i] {
				g = append(g, c)
			}
		}
		groups = append(groups, g)
	}
	return names, groups
}

// swapStep is the width of a swapped block in exposure blocks.
func (d *design) swapStep() int {
	var gaps []float64
	for _, l := range d.lives {
		gaps = append(gaps, (l.t[len(l.t)-1]-l.t[0])/float64(len(l.t)-1))
	}
	return max(1, int(stat.Median(gaps)*float64(time.Hour)/float64(d.ex.Block)))
}

// swapped returns a regressor whose counts are dealt to other containers.
func (d *design) swapped(r *regressor, names []string, groups []swapGroup, perm [][]int) *regressor {
	step := d.swapStep()
	out := &regressor{name: r.name, total: r.total, counts: make(map[string][]float64, len(names))}
	cums := make([][]float64, len(names))
	for c, n := range names {
		cums[c] = make([]float64, d.ex.N+1)
		out.counts[n] = cums[c]
	}
	for g, present := range groups {
		from, to := g*step, min((g+1)*step, d.ex.N)
		for _, c := range present {
			_ = c
		}
		giver := make(map[int]int, len(present))
		for k, c := range present {
			giver[c] = present[perm[g][k]]
		}
		for c := range names {
			src, ok := giver[c]
			if !ok {
				src = c
			}
			cum := r.counts[names[src]]
			for i := from; i < to; i++ {
				n := 0.0
				if len(cum) > 0 {
					n = cum[i+1] - cum[i]
				}
				cums[c][i+1] = cums[c][i] + n
			}
		}
	}
	return out
}

// conclude grades.
func conclude(a *Attribution) {
	rivals := []Rival{a.TimeOnly, a.AllRequests}
	rivals = append(rivals, a.Jobs...)
	slices.SortStableFunc(rivals, func(x, y Rival) int { return cmpDesc(x.Posterior, y.Posterior) })
	if len(a.Endpoints) > 0 && a.Endpoints[0].Posterior >= rivals[0].Posterior {
		e := &a.Endpoints[0]
		e.Reasons = append(e.Reasons,
			fmt.Sprintf("its %.0f requests explain %.0f%% of the growth, at %s each (%s to %s)", e.Requests, 100*e.ShareOfGrowth.Value,
				size(e.BytesPerRequest.Value), size(e.BytesPerRequest.Low), size(e.BytesPerRequest.High)))
		switch {
		case e.Posterior >= conclusiveP && e.ShareOfGrowth.Value >= accuseShare && e.PlaceboP != nil && *e.PlaceboP <= placeboP && len(e.Partners) == 0 && a.Lives >= 3 && a.Containers >= 2:
			e.Grade = finding.Conclusive
		case e.Posterior >= likelyP && e.ShareOfGrowth.Value >= accuseShare && e.PlaceboP != nil && *e.PlaceboP <= placeboP && len(e.Partners) == 0:
			e.Grade = finding.Likely
		case e.Posterior >= possibleP:
			e.Grade = finding.Possible
		}
		if len(e.Partners) > 0 {
			e.Reasons = append(e.Reasons, "the evidence cannot tell it from "+strings.Join(e.Partners, ", "))
		}
		if e.PlaceboP != nil {
			e.Reasons = append(e.Reasons, fmt.Sprintf("with the containers' traffic swapped, some endpoint looks as guilty in %.1f%% of the draws", 100**e.PlaceboP))
		}
		a.Grade = e.Grade
		if e.Grade.Rank() >= finding.Likely.Rank() {
			a.Cause, a.Endpoint = finding.RequestLeak, e.Endpoint
			a.Explanation = fmt.Sprintf("%s keeps about %s per request; that explains %.0f%% of the growth", e.Endpoint, size(e.BytesPerRequest.Value), 100*e.ShareOfGrowth.Value)
		} else {
			a.Explanation = "memory grows; the best explanation is " + e.Endpoint + ", and the evidence does not settle it"
		}
		return
	}
	r := rivals[0]
	endpoints := 0.0
	for _, e := range a.Endpoints {
		endpoints += e.Posterior
	}
	switch {
	case r.Name == a.AllRequests.Name && r.Posterior >= likelyP:
		a.Cause, a.Grade = finding.Capacity, finding.Likely
		a.Explanation = "memory grows with the number of requests, whichever they are"
	case r.Name != a.AllRequests.Name && 1-endpoints-a.AllRequests.Posterior >= likelyP:
		a.Cause, a.Grade = finding.BackgroundLeak, finding.Likely
		a.Explanation = fmt.Sprintf("memory grows with time, by %s an hour, whatever the requests do", size(a.TimeOnly.Rate.Value))
		if r.Name != a.TimeOnly.Name {
			a.Explanation = fmt.Sprintf("memory grows with the runs of the job %s, whatever the requests do", r.Name)
		}
	default:
		a.Explanation = "memory grows; requests and time explain it equally well"
	}
}
