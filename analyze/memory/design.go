package memory

import (
	"math"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// design is the regression of memory on what may explain its growth.
//
// Rows are the floors of memory in the lives that are compared. A model says that memory = a level of each life + growth ×
// (share × progress of the regressor + (1 - share) × progress of time) + what goes with load and start-up, where progress runs
// from 0 to 1 over all lives together, so that every model must explain the same growth and none has a parameter more. The
// share is averaged over a grid, the noise over a grid of three numbers: how much the level drifts against the error of one
// reading, and how much the pace of growth differs between lives and between containers for reasons of its own.
type design struct {
	traffic
	lives []lifeRows
	// owner[l] is the index in names of the container of life l.
	owner []int
	names []string
	// metric and perFloor say what the floors were taken of: the readings per floor.
	metric   record.Metric
	perFloor int
	rows     int
	hours    float64 // sum over lives of the time between the first and the last floor

	noise []noise
	unit  float64 // hours between floors, typically
	span  float64 // hours from the first floor of a life to the last, typically
	// logNone is the marginal likelihood of no growth besides load and start-up, logTime that of growth with time.
	logNone, logTime float64
	timeG, timeSD    float64
	// load is the evidence that memory answers to load, in the model without growth; see noise.
	load float64
}

// lifeRows are the floors of one life.
type lifeRows struct {
	container string
	t         []float64 // hours since the life began
	at        []record.Time
	y         []float64
}

// regressor is one explanation: cumulative counts of an endpoint, of all requests, or of the runs of a job.
type regressor struct {
	name   string
	counts map[string][]float64 // per container and block, cumulative with a leading zero
	total  float64              // within the readings used
	logBF  float64              // against time only
	post   []float64            // posterior of each share of the grid
	g, gsd []float64            // growth fitted at each share, and its error
	best   int                  // the noise under which it fits best
	bestL  float64
}

// noise is everything that depends on the noise alone. Whitening for drift is done on the columns ([stat.LocalLevel]); the
// random paces enter as corrections of rank one to inner products (Sherman, Morrison and Woodbury).
type noise struct {
	drift  *drift
	life   []float64 // per life: κ/(1+κ|t|²)
	shrink []float64 // per life: 1/(1+κ|t|²)
	cont   []float64 // per container, likewise; nil when containers keep no pace of their own
	logDet float64
	// inv is the inverse of the nuisance block, wt and wy its products with time and memory.
	inv    [nuisance][nuisance]float64
	wt, wy [nuisance]float64
	// tt, ty and yy are inner products of time and memory once the nuisance is projected out.
	tt, ty, yy float64
	// load is twice the log likelihood ratio of the load columns over start-up alone, without growth; its sign is the response's.
	load float64
}

// drift holds what depends on the drift ratio alone: the columns after whitening.
type drift struct {
	filters []stat.LocalLevel
	logDet  float64
	cols    [columns][]float64
	parts   [columns][]float64 // per life: inner product with time in that life
	ends    []int              // row at which each life ends
}

// The columns: what fades after a start, the load of the last minutes (two widths), time, and memory itself.
const (
	nuisance = 3
	colTime  = nuisance
	colMem   = nuisance + 1
	columns  = nuisance + 2
)

// traffic is what the designs of one attribution share: cumulative counts.
type traffic struct {
	ex              Exposure
	endpoints, jobs []*regressor
	all             *regressor
}

func newTraffic(ex Exposure, jobs []Job) traffic {
	tr := traffic{ex: ex, jobs: jobRegressors(jobs, ex), all: &regressor{name: allRequests, counts: map[string][]float64{}}}
	for _, e := range ex.Endpoints {
		tr.endpoints = append(tr.endpoints, &regressor{name: e.Endpoint, counts: cumulate(e.ByContainer, ex.N)})
	}
	for _, e := range tr.endpoints {
		for c, cum := range e.counts {
			if tr.all.counts[c] == nil {
				tr.all.counts[c] = make([]float64, ex.N+1)
			}
			for i, n := range cum {
				tr.all.counts[c][i] += n
			}
		}
	}
	return tr
}

// newDesign takes floors of perFloor readings each. The regressors belong to the design that was made last.
func newDesign(lives []Life, m record.Metric, tr traffic, perFloor int) *design {
	d := &design{traffic: tr}
	d.addRows(lives, m, perFloor)
	for _, r := range d.regressors() {
		r.total = d.totalOf(r)
	}
	return d
}

// addRows takes the floors of the lives whose traffic was seen.
func (d *design) addRows(lives []Life, m record.Metric, perFloor int) {
	until := d.ex.From.Add(time.Duration(d.ex.N) * d.ex.Block)
	index := map[string]int{}
	for _, l := range lives {
		cum := d.all.counts[l.Container]
		if len(cum) == 0 || cum[len(cum)-1] == 0 {
			continue // its traffic was not seen: no count is not a count of nothing
		}
		var pts []Point
		for _, p := range l.Series[m] {
			if p.T >= d.ex.From && p.T <= until {
				pts = append(pts, p)
			}
		}
		start := l.start()
		t, v := l.settled(pts)
		ft, fv := stat.BlockMin(t, v, perFloor)
		if len(ft) < minFloorsPerLife {
			continue
		}
		r := lifeRows{container: l.Container, t: ft, y: fv}
		for _, h := range ft {
			r.at = append(r.at, start.Add(time.Duration(h*float64(time.Hour))))
		}
		if _, ok := index[l.Container]; !ok {
			index[l.Container] = len(d.names)
			d.names = append(d.names, l.Container)
		}
		d.owner = append(d.owner, index[l.Container])
		d.lives = append(d.lives, r)
		d.rows += len(ft) - 1
		d.hours += ft[len(ft)-1] - ft[0]
	}
}

func (d *design) regressors() []*regressor {
	return slices.Concat([]*regressor{d.all}, d.endpoints, d.jobs)
}

func (d *design) totalOf(r *regressor) float64 {
	var s float64
	for _, l := range d.lives {
		cum := r.counts[l.container]
		s += d.countAt(cum, l.at[len(l.at)-1]) - d.countAt(cum, l.at[0])
	}
	return s
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

// jobRegressors counts the runs of each job as requests are counted: at their end, on their container.
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
	out := make([]*regressor, len(names))
	for i, n := range names {
		out[i] = &regressor{name: n, counts: cumulate(by[n], ex.N)}
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

// whiten makes a column of one value per floor and whitens it life by life.
func (d *design) whiten(dr *drift, value func(l, i int) float64) []float64 {
	out := make([]float64, 0, d.rows)
	var col []float64
	for k := range d.lives {
		col = col[:0]
		for i := range d.lives[k].t {
			col = append(col, value(k, i))
		}
		out = dr.filters[k].Append(out, col)
	}
	return out
}

// progress is the column of a regressor, from 0 to 1 over all lives.
func (d *design) progress(dr *drift, r *regressor) []float64 {
	scale := 1 / max(r.total, 1e-9)
	return d.whiten(dr, func(l, i int) float64 {
		return d.countAt(r.counts[d.lives[l].container], d.lives[l].at[i]) * scale
	})
}

// partsOf is the inner product of a column with time, life by life.
func (dr *drift) partsOf(col []float64) []float64 {
	t := dr.cols[colTime]
	out := make([]float64, len(dr.ends))
	from := 0
	for l, to := range dr.ends {
		out[l] = stat.Dot(t[from:to], col[from:to])
		from = to
	}
	return out
}

// inner is the inner product of two columns under the noise, from their plain inner product and their parts.
func (nz *noise) inner(plain float64, a, b []float64, owner []int) float64 {
	for l, c := range nz.life {
		plain -= c * a[l] * b[l]
	}
	if len(nz.cont) == 0 {
		return plain
	}
	sa, sb := make([]float64, len(nz.cont)), make([]float64, len(nz.cont))
	for l, w := range nz.shrink {
		sa[owner[l]] += w * a[l]
		sb[owner[l]] += w * b[l]
	}
	for c, k := range nz.cont {
		plain -= k * sa[c] * sb[c]
	}
	return plain
}

// prepare builds the noise grid and fits the models without a regressor.
func (d *design) prepare(qs []float64) {
	var gaps, spans []float64
	for _, l := range d.lives {
		for i := 1; i < len(l.t); i++ {
			gaps = append(gaps, l.t[i]-l.t[i-1])
		}
		spans = append(spans, l.t[len(l.t)-1]-l.t[0])
	}
	d.unit = max(stat.Median(gaps), 1e-9)
	d.span = stat.Median(spans)
	fade := max(d.span*startUpFade, 1e-6)
	short := time.Duration(max(d.unit, 1.0/60) * float64(time.Hour))
	long := max(3*short, loadWindow)
	rate := func(w time.Duration) func(l, i int) float64 {
		return func(l, i int) float64 {
			c, at := d.all.counts[d.lives[l].container], d.lives[l].at[i]
			return (d.countAt(c, at) - d.countAt(c, at.Add(-w))) / w.Hours()
		}
	}
	containerTaus := paceGrid[:]
	if len(d.names) < 2 || len(d.names) == len(d.lives) {
		containerTaus = paceGrid[:1]
	}
	for _, q := range qs {
		dr := &drift{}
		for _, l := range d.lives {
			f := stat.NewLocalLevel(l.t, q/d.unit)
			dr.logDet += f.LogDet
			dr.filters = append(dr.filters, f)
			end := len(l.t) - 1
			if n := len(dr.ends); n > 0 {
				end += dr.ends[n-1]
			}
			dr.ends = append(dr.ends, end)
		}
		dr.cols = [columns][]float64{
			d.whiten(dr, func(l, i int) float64 { return 1 - math.Exp(-d.lives[l].t[i]/fade) }),
			d.whiten(dr, rate(short)),
			d.whiten(dr, rate(long)),
			d.whiten(dr, func(l, i int) float64 { return d.lives[l].t[i] / d.hours }),
			d.whiten(dr, func(l, i int) float64 { return d.lives[l].y[i] }),
		}
		for i := range dr.parts {
			dr.parts[i] = dr.partsOf(dr.cols[i])
		}
		plain := d.noiseOf(dr, 0, 0)
		_, g, sd := d.logL(&plain, plain.tt, plain.ty)
		pace := 0.0 // growth over the standard deviation of one reading's error
		if sd > 0 {
			pace = g / (sd * math.Sqrt(plain.tt))
		}
		for _, tl := range paceGrid {
			for _, tc := range containerTaus {
				d.noise = append(d.noise, d.noiseOf(dr, tl*tl*pace*pace, tc*tc*pace*pace))
			}
		}
	}
	var none, with []float64
	best, bestNone := math.Inf(-1), math.Inf(-1)
	for i := range d.noise {
		nz := &d.noise[i]
		l0, _, _ := d.logL(nz, 0, 0)
		none = append(none, l0)
		if l0 > bestNone {
			bestNone, d.load = l0, nz.load
		}
		l, g, sd := d.logL(nz, nz.tt, nz.ty)
		with = append(with, l)
		if l > best {
			best, d.timeG, d.timeSD = l, g, sd
		}
	}
	// The pace of growth is one parameter that "none" does not have.
	d.logNone = stat.LogSumExp(none) + 0.5*math.Log(float64(max(2, d.rows)))
	d.logTime = stat.LogSumExp(with)
}

// noiseOf prepares one noise: random paces of variance kl per life and kc per container, over the error of one reading.
func (d *design) noiseOf(dr *drift, kl, kc float64) noise {
	nz := noise{drift: dr, logDet: dr.logDet}
	tp := dr.parts[colTime]
	nz.life, nz.shrink = make([]float64, len(tp)), make([]float64, len(tp))
	for l, tt := range tp {
		nz.life[l], nz.shrink[l] = kl/(1+kl*tt), 1/(1+kl*tt)
		nz.logDet += math.Log1p(kl * tt)
	}
	if kc > 0 {
		left := make([]float64, len(d.names))
		for l, tt := range tp {
			left[d.owner[l]] += nz.shrink[l] * tt
		}
		nz.cont = make([]float64, len(d.names))
		for c, tt := range left {
			nz.cont[c] = kc / (1 + kc*tt)
			nz.logDet += math.Log1p(kc * tt)
		}
	}
	inner := func(i, j int) float64 {
		return nz.inner(stat.Dot(dr.cols[i], dr.cols[j]), dr.parts[i], dr.parts[j], d.owner)
	}
	var z [nuisance][nuisance]float64
	var zt, zy [nuisance]float64
	for i := range nuisance {
		for j := range nuisance {
			z[i][j] = inner(i, j)
		}
		zt[i], zy[i] = inner(i, colTime), inner(i, colMem)
	}
	nz.inv = invert(z)
	for i := range nuisance {
		for j := range nuisance {
			nz.wt[i] += nz.inv[i][j] * zt[j]
			nz.wy[i] += nz.inv[i][j] * zy[j]
		}
	}
	nz.tt, nz.ty, nz.yy = inner(colTime, colTime), inner(colTime, colMem), inner(colMem, colMem)
	start := nz.yy
	if z[0][0] > 0 {
		start -= zy[0] * zy[0] / z[0][0]
	}
	for i := range nuisance {
		nz.tt -= zt[i] * nz.wt[i]
		nz.ty -= zt[i] * nz.wy[i]
		nz.yy -= zy[i] * nz.wy[i]
	}
	nz.tt, nz.yy = max(nz.tt, 0), max(nz.yy, 1e-300)
	nz.load = float64(d.rows) * math.Log(max(start, nz.yy)/nz.yy)
	if nz.wy[1]+nz.wy[2] < 0 {
		nz.load = -nz.load
	}
	return nz
}

// invert inverts a small positive matrix by Gauss and Jordan; a column that the others already make stays out, as if it were
// not there.
func invert(a [nuisance][nuisance]float64) (inv [nuisance][nuisance]float64) {
	var use []int
	reduced := a // Schur complements, to see what each column adds
	for p := range nuisance {
		if reduced[p][p] <= 1e-9*a[p][p] || a[p][p] <= 0 {
			continue
		}
		use = append(use, p)
		for i := p + 1; i < nuisance; i++ {
			f := reduced[i][p] / reduced[p][p]
			for j := p + 1; j < nuisance; j++ {
				reduced[i][j] -= f * reduced[p][j]
			}
		}
	}
	var m [nuisance][2 * nuisance]float64
	n := len(use)
	for i, p := range use {
		for j, q := range use {
			m[i][j] = a[p][q]
		}
		m[i][n+i] = 1
	}
	for p := range n {
		d := m[p][p]
		for j := range 2 * n {
			m[p][j] /= d
		}
		for i := range n {
			if i == p {
				continue
			}
			f := m[i][p]
			for j := range 2 * n {
				m[i][j] -= f * m[p][j]
			}
		}
	}
	for i, p := range use {
		for j, q := range use {
			inv[p][q] = m[i][n+j]
		}
	}
	return inv
}

// cross holds the plain inner products of a regressor with the columns, which all noises of one drift share.
type cross struct {
	with  [columns]float64
	self  float64
	parts []float64
}

func (d *design) cross(dr *drift, r *regressor) cross { return d.crossOf(dr, d.progress(dr, r)) }

func (d *design) crossOf(dr *drift, x []float64) cross {
	c := cross{parts: dr.partsOf(x), self: stat.Dot(x, x)}
	for i, col := range dr.cols {
		c.with[i] = stat.Dot(col, x)
	}
	return c
}

// test returns the inner products of a regressor with time, memory and itself under one noise, the nuisance projected out.
func (d *design) test(nz *noise, x cross) (xt, xy, xx float64) {
	var xz [nuisance]float64
	for i := range nuisance {
		xz[i] = nz.inner(x.with[i], x.parts, nz.drift.parts[i], d.owner)
	}
	xt = nz.inner(x.with[colTime], x.parts, nz.drift.parts[colTime], d.owner)
	xy = nz.inner(x.with[colMem], x.parts, nz.drift.parts[colMem], d.owner)
	xx = nz.inner(x.self, x.parts, x.parts, d.owner)
	for i := range nuisance {
		xt -= xz[i] * nz.wt[i]
		xy -= xz[i] * nz.wy[i]
		for j := range nuisance {
			xx -= xz[i] * nz.inv[i][j] * xz[j]
		}
	}
	return xt, xy, max(xx, 0)
}

// testPair is the inner product of two regressors under one noise, the nuisance projected out.
func (d *design) testPair(nz *noise, x, y []float64) float64 {
	cx, cy := d.crossOf(nz.drift, x), d.crossOf(nz.drift, y)
	v := nz.inner(stat.Dot(x, y), cx.parts, cy.parts, d.owner)
	for i := range nuisance {
		for j := range nuisance {
			v -= nz.inner(cx.with[i], cx.parts, nz.drift.parts[i], d.owner) * nz.inv[i][j] * nz.inner(cy.with[j], cy.parts, nz.drift.parts[j], d.owner)
		}
	}
	return v
}

// logL is the log likelihood of a regressor with inner products xx and xy under one noise, with its growth (never negative) and the
// error of that.
func (d *design) logL(nz *noise, xx, xy float64) (l, g, sd float64) {
	return d.logBeside(nz, products{tt: nz.tt, yy: nz.yy}, xx, xy)
}

// logBeside is logL where more columns are fitted, each of which costs what the Bayesian information criterion asks; see products.
func (d *design) logBeside(nz *noise, p products, xx, xy float64) (l, g, sd float64) {
	nu := float64(max(1, d.rows-nuisance-1))
	sse := p.yy
	if xx > 0 && xy > 0 {
		g = xy / xx
		sse -= xy * g
	}
	sse = max(sse, 1e-12*p.yy)
	if xx > 0 {
		sd = math.Sqrt(sse / nu / xx)
	}
	l = -0.5*nz.logDet - 0.5*nu*math.Log(sse) - 0.5*float64(p.more)*math.Log(float64(max(2, d.rows)))
	if xx > 0 && p.tt > 0 {
		l -= 0.5 * math.Log(xx/p.tt)
	}
	return l, g, sd
}

// fit computes the Bayes factor of a regressor against time only, and the posterior of its share.
func (d *design) fit(r *regressor) {
	k := len(shareGrid)
	r.post, r.g, r.gsd = make([]float64, k), make([]float64, k), make([]float64, k)
	r.logBF, r.bestL = math.Inf(-1), math.Inf(-1)
	if r.total >= minRequests {
		d.fitBeside(r, nil)
	}
}

// fitBeside is fit where the regressor and time are compared without more, and with other columns, of one value per floor and life, fitted
// beside either: whether those are needed is averaged over.
func (d *design) fitBeside(r *regressor, beside [][][]float64) {
	k := len(shareGrid)
	r.bestL = math.Inf(-1)
	per := make([][]float64, k)
	var timeOnly []float64
	best := make([]float64, k)
	for s := range best {
		best[s] = math.Inf(-1)
	}
	compare := func(i int, p products, prior float64) {
		nz := &d.noise[i]
		l, _, _ := d.logBeside(nz, p, p.tt, p.ty)
		timeOnly = append(timeOnly, l+prior)
		for si, s := range shareGrid {
			l, gr, sd := d.logBeside(nz, p, s*s*p.xx+2*s*(1-s)*p.xt+(1-s)*(1-s)*p.tt, s*p.xy+(1-s)*p.ty)
			l += prior
			per[si] = append(per[si], l)
			if l > best[si] {
				best[si], r.g[si], r.gsd[si] = l, gr, sd
			}
			if l > r.bestL {
				r.bestL, r.best = l, i
			}
		}
	}
	var alone, more *bundle
	for i := range d.noise {
		nz := &d.noise[i]
		if i == 0 || nz.drift != d.noise[i-1].drift {
			alone = d.bundle(nz.drift, r, nil)
			if beside != nil {
				more = d.bundle(nz.drift, r, beside)
			}
		}
		compare(i, d.productsOf(nz, alone), 0)
		if more != nil {
			compare(i, d.productsOf(nz, more), math.Log(priorTransient))
		}
	}
	for s := range per {
		r.post[s] = stat.LogSumExp(per[s])
	}
	z := stat.LogSumExp(r.post)
	r.logBF = z - math.Log(float64(k)) - stat.LogSumExp(timeOnly)
	for s := range r.post {
		r.post[s] = math.Exp(r.post[s] - z)
	}
}

// shareGrid is averaged over: the share of growth that a regressor explains; the rest goes with time.
var shareGrid = [...]float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}

// estimates gives share and growth per unit of a regressor, with 90 % intervals.
func (r *regressor) estimates() (share, rate finding.Estimate) {
	var mean, m, v float64
	for i, p := range r.post {
		mean += p * shareGrid[i]
		m += p * shareGrid[i] * r.g[i]
	}
	for i, p := range r.post {
		x, sd := shareGrid[i]*r.g[i], shareGrid[i]*r.gsd[i]
		v += p * ((x-m)*(x-m) + sd*sd)
	}
	v += systematic * systematic * m * m
	share = finding.Estimate{Value: mean, Low: gridQuantile(r.post, 0.05), High: gridQuantile(r.post, 0.95)}
	z := stat.NormalQuantile(0.95) * math.Sqrt(v)
	n := max(r.total, 1e-9)
	rate = finding.Estimate{Value: m / n, Low: max(0, m-z) / n, High: (m + z) / n}
	return share, rate
}

// minor is the posterior probability that the regressor makes less than half of the growth.
func (r *regressor) minor() float64 {
	var s float64
	for i, p := range r.post {
		if shareGrid[i] < accuseShare {
			s += p
		}
	}
	return s
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
