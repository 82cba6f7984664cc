// Package inflight answers "which request was at work when the trouble began", for deaths that come within the lifetime of a
// request: bursts of memory, stalls of the CPU, requests that crash the process.
//
// The evidence is not what ran before a crash but what had begun before the slow-down and never ended, each endpoint against
// how rare it is to find such a request (this endpoint, this age) open at a random quiet moment. That gives a likelihood ratio
// per crash whose mean is 1 under innocence (an e-value): products over crashes and averages over unknowns stay valid with one
// crash as with ten, without asymptotics. The onset of the slow-down is not known; it is averaged over, weighted by how well
// each candidate explains which requests were slow. Victims begin after the onset and drop out; busy endpoints are open all the
// time and so prove little; slow endpoints are often found at a great age, and so prove little there.
//
// Sources: Vovk and Wang, "E-values: calibration, combination and applications" (Annals of Statistics 2021) for the merging;
// Campbell's theorem for the mean of 1; Little's law for the base rate. The package is pure: it knows neither files nor reports.
package inflight

import (
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/collectors/record"
)

// Ages are the lower edges of the age bins, in seconds. Ten times as old is a different request; twice as old is not.
var Ages = [...]float64{0, 1, 3, 10, 30, 100, 300, 1000, 3600}

// Bins is the number of age bins: the last edge closes the last bin.
const Bins = len(Ages) - 1

// ageWeight is how old a culprit is expected to be when the slow-down begins (P1). Its shape hardly matters: flat, short and
// long priors named the same endpoints. With late and miss it sums to 1.
var ageWeight = [Bins]float64{.12, .12, .17, .17, .15, .10, .07, .05}

// Constants of the method.
const (
	// miss is the chance that the culprit is not in the log at all.
	miss = 0.05
	// late is the chance that the culprit had ended within lateWindow before the onset, its memory still held.
	late       = 0.08
	lateWindow = 60.0
	// Prior is the prior probability that no endpoint is at fault.
	Prior = 0.5
	// Lookback is how far before a death requests tell about the onset; older requests count only if they never ended.
	Lookback = 16 * time.Minute
	// beforeNormal weighs onsets that lie before the last metric sample with normal memory.
	beforeNormal = 0.05
)

// Candidate onsets lie lagStep times as far before the death as the one before, from firstLag to Lookback, and just after the start
// of every request: between two starts nothing tells onsets apart, and coarser steps would let the onset fall before the
// culprit's start by accident. The prior is flat in the logarithm of the lag, however the candidates lie.
const (
	firstLag = 0.5
	lagStep  = 1.1
	// maxLags bounds the candidates; of more requests every so many give one.
	maxLags = 800
)

// onsets returns the candidate onsets in seconds before the death, 0 first, and the logarithms of their prior weights.
func onsets(c *Case) (lags, prior []float64) {
	if c.Sudden {
		return []float64{0}, []float64{0}
	}
	for l := firstLag; l <= Lookback.Seconds(); l *= lagStep {
		lags = append(lags, l)
	}
	every := 1 + len(c.Requests)/maxLags
	for j := 0; j < len(c.Requests); j += every {
		if age := c.Time.Sub(c.Requests[j].Start).Seconds(); age > firstLag && age <= Lookback.Seconds() {
			lags = append(lags, age*0.9999)
		}
	}
	lags = append(lags, 0)
	slices.Sort(lags)
	lags = slices.Compact(lags)
	prior = make([]float64, len(lags))
	for k := range lags {
		lo, hi := lags[max(0, k-1)], lags[min(len(lags)-1, k+1)]
		prior[k] = math.Log(max((math.Log(max(hi, firstLag))-math.Log(max(lo, firstLag)))/2, 1e-6))
	}
	prior[0] = math.Log(math.Log(lagStep)) // death at once, without a slow-down
	return lags, prior
}

// BinOf returns the age bin of an age in seconds.
func BinOf(age float64) int {
	for k := Bins - 1; k > 0; k-- {
		if age >= Ages[k] {
			return k
		}
	}
	return 0
}

// Request is one request on a container that died.
type Request struct {
	Endpoint int
	// Start is when it began; End when it ended, 0 if it had not ended when the container died.
	Start, End record.Time
	// Same identifies requests that are one and the same tried again (caller and full path, or request id); 0 when unknown.
	Same uint64
	// Ref is the caller's handle.
	Ref int
}

// Case is one death.
type Case struct {
	// Time is the death on the clock of the requests.
	Time record.Time
	// Requests are those of the container that began within Lookback before the death, and older ones that never ended.
	Requests []Request
	// Load is the traffic of the container before the death over what is usual, 1 when unknown.
	Load float64
	// NormalAt is the last metric sample with normal memory, 0 when unknown; Elevated the first one above normal, 0 when none.
	NormalAt, Elevated record.Time
	// Sudden says that nothing slows down before a death of this kind (an error ends the process at once): the onset is the death.
	Sudden bool
	// Hour is the hour of the day, for base rates by hour.
	Hour int
	// Chain groups deaths that follow from one another (one story); equal numbers, one chain.
	Chain int
}

// Baseline is how the endpoints behave at quiet moments.
type Baseline struct {
	// Open[e][k] is the mean number of open requests of endpoint e in age bin k at a random quiet moment of one container.
	Open [][Bins]float64
	// HourOpen, when not nil, is the same by hour of the day, for evidence that covers 36 hours or more.
	HourOpen [][24][Bins]float64
	// Durations are histograms of durations, by DurationBin.
	Durations []Histogram
	// Seconds is the container-seconds that it rests on.
	Seconds float64
}

// Histogram counts durations in logarithmic bins; see DurationBin.
type Histogram struct {
	N    int64
	Bins [256]uint32
}

// DurationBin returns the bin of a duration in seconds: 12 bins to the octave of milliseconds up to 20 minutes, 7 % wide.
func DurationBin(sec float64) int {
	ms := sec * 1000
	if ms < 1 {
		return 0
	}
	return min(255, 1+int(12*math.Log2(ms)))
}

// Add counts one duration in seconds.
func (h *Histogram) Add(sec float64) {
	h.N++
	h.Bins[DurationBin(sec)]++
}

// Median returns the median bin.
func (h *Histogram) Median() int { return h.quantile(0.5) }

func (h *Histogram) quantile(q float64) int {
	var c int64
	for b, n := range h.Bins {
		c += int64(n)
		if float64(c) >= q*float64(h.N) && c > 0 {
			return b
		}
	}
	return 0
}

// Quantile returns the q quantile in seconds (upper edge of its bin, 6 % coarse); NaN when empty.
func (h *Histogram) Quantile(q float64) float64 {
	if h.N == 0 {
		return math.NaN()
	}
	b := h.quantile(q)
	if b == 0 {
		return 0.001
	}
	return math.Exp2((float64(b)-0.5)/12) / 1000
}

// survival answers "what share of this endpoint's requests takes as long as this".
type survival struct {
	tail   [][257]float64 // per endpoint: count of durations in bins >= b
	n      []float64
	median []int
	pooled [513]float64 // share of durations at least (i-256) bins above their endpoint's median
}

func newSurvival(b *Baseline) *survival {
	s := &survival{tail: make([][257]float64, len(b.Durations)), n: make([]float64, len(b.Durations)), median: make([]int, len(b.Durations))}
	var pool [513]float64
	var total float64
	for e := range b.Durations {
		h := &b.Durations[e]
		s.n[e] = float64(h.N)
		s.median[e] = h.Median()
		for k := 255; k >= 0; k-- {
			s.tail[e][k] = s.tail[e][k+1] + float64(h.Bins[k])
		}
		for k, n := range h.Bins {
			pool[k-s.median[e]+256] += float64(n)
			total += float64(n)
		}
	}
	acc := 0.0
	for i := 512; i >= 0; i-- {
		acc += pool[i]
		if total > 0 {
			s.pooled[i] = acc / total
		} else {
			s.pooled[i] = 1
		}
	}
	return s
}

// of returns the share of requests of e that take x seconds or longer; one pseudo-observation comes from all endpoints together,
// so that a rare endpoint is judged by the shape of the others.
func (s *survival) of(e int, x float64) float64 {
	if x <= 0 {
		return 1
	}
	b := DurationBin(x)
	q := s.pooled[min(512, max(0, b-s.median[e]+256))]
	return (s.tail[e][b] + max(q, 1e-4)) / (s.n[e] + 1)
}

// surprise is the cumulative hazard of ending, -ln of the survival: how much patience a request of e has used up after x seconds.
// At the usual pace it grows by 1 until the end on average, whatever the endpoint. It is capped, as the far tail is a guess.
func (s *survival) surprise(e int, x float64) float64 {
	return min(maxSurprise, -math.Log(s.of(e, x)))
}

// pace is the model of the slow-down: before the onset requests end at a pace (a factor on their usual hazard of ending), after
// it at a slower one. Both are unknown: a container may have been somewhat slow for long before the onset that matters (a neighbour,
// retries after another death), and that must not be taken for it. The likelihood of an onset needs four sums only.
type pace struct {
	before, after           []float64 // surprise spent before and after each candidate onset
	endedBefore, endedAfter []float64 // requests that ended before and after it
}

// maxSurprise caps the surprise of one request: beyond it the tail of a histogram is a guess.
const maxSurprise = 8

// paces are averaged over, with prior weights for those before the onset: 1 is the usual one.
func paces() (before, beforeWeight, after []float64) {
	return []float64{1, 0.6, 0.35, 0.2}, []float64{0.55, 0.2, 0.15, 0.1}, []float64{0.3, 0.12, 0.05, 0.02, 0.005}
}

// slower is how much slower the pace must be after the onset.
const slower = 0.5

func newPace(n int) *pace {
	return &pace{make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
}

// weights returns the posterior of the onsets; without, when given, is one open request to leave out: its total surprise, then what
// it had spent before each onset.
//
// A container may slow down in stages: somewhat, minutes ahead, then for good. The stage that matters is the last one. So after the
// best onset a further one is looked for among the candidates nearer to the death, with what lies between as its "before", and taken
// in proportion to how much better it explains what followed.
func (m *pace) weights(prior, without []float64) []float64 {
	n := len(prior)
	at := func(k int) (before, after float64) {
		before, after = m.before[k], m.after[k]
		if without != nil {
			before -= without[k+1]
			after -= without[0] - without[k+1]
		}
		return before, after
	}
	var out []float64
	share := 1.0
	last := n // candidates below this index are nearer to the death than the stage before
	var baseSpent, baseEnded float64
	for stage := 0; stage < maxStages && (stage == 0 || last > 1); stage++ {
		w := make([]float64, last)
		for k := range w {
			b, a := at(k)
			w[k] = change(b-baseSpent, a, m.endedBefore[k]-baseEnded, m.endedAfter[k]) + prior[k]
		}
		evidence := normalise(w) - logSum(prior[:last])
		if stage == 0 {
			out = make([]float64, n)
			copy(out, w)
		} else {
			b, a := at(0)
			better := share / (1 + math.Exp(steady(b+a-baseSpent, m.endedBefore[0]+m.endedAfter[0]-baseEnded)-evidence+stageCost))
			for k := range out {
				out[k] *= 1 - better/share
				if k < last {
					out[k] += better * w[k]
				}
			}
			share = better
			if better < 0.01 {
				break
			}
		}
		best := 0
		for k := range w {
			if w[k] > w[best] {
				best = k
			}
		}
		baseSpent, _ = at(best)
		baseEnded = m.endedBefore[best]
		last = best
	}
	return out
}

// maxStages bounds the stages of a slow-down; stageCost is the price of each further one, in natural logarithms.
const (
	maxStages = 3
	stageCost = 3.0
)

// change is the log likelihood of a pace before and a slower one after, averaged over both; steady that of one pace throughout.
func change(before, after, endedBefore, endedAfter float64) float64 {
	p0, w0, p1 := paces()
	var ls [20]float64
	n := 0
	for i, x := range p0 {
		for _, y := range p1 {
			if y <= slower*x {
				ls[n] = math.Log(w0[i]) - x*before - y*after + endedBefore*math.Log(x) + endedAfter*math.Log(y)
				n++
			}
		}
	}
	return logSum(ls[:n])
}

func steady(spent, ended float64) float64 {
	p0, _, p1 := paces()
	var ls [10]float64
	n := 0
	for _, x := range append(p0, p1...) {
		ls[n] = -x*spent + ended*math.Log(x)
		n++
	}
	return logSum(ls[:n]) - math.Log(float64(n))
}

func logSum(l []float64) float64 {
	top := slices.Max(l)
	sum := 0.0
	for _, x := range l {
		sum += math.Exp(x - top)
	}
	return top + math.Log(sum)
}

// normalise turns log weights into weights that sum to 1, and returns the logarithm of their sum.
func normalise(w []float64) float64 {
	z := logSum(w)
	for k := range w {
		w[k] = math.Exp(w[k] - z)
	}
	return z
}

// Result is the answer.
type Result struct {
	// Endpoints are per endpoint, in the order of the Baseline.
	Endpoints []Endpoint
	// Nobody is the posterior probability that no endpoint is at fault.
	Nobody float64
	// Leader is the endpoint with the highest posterior, -1 when there is none; Partners are others that no crash separates from it.
	Leader   int
	Partners []int
	// LeaveOneOut is the leader's lowest posterior when any one crash is left out; its posterior itself when there is one crash.
	LeaveOneOut float64
	// Onsets are per case: the weighted mean onset in seconds before the death, for the leader's view.
	Onsets []float64
	// Same is the evidence that one request was retried from crash to crash; nil when there is none.
	Same *Same
}

// Endpoint is the evidence about one endpoint.
type Endpoint struct {
	// LR is the likelihood ratio of each case; EValue merges them over the unknown share of crashes it caused.
	LR     []float64
	EValue float64
	// Posterior is the probability that it is the culprit.
	Posterior float64
	// Blame is per case how much of it falls on this endpoint, in [0, 1].
	Blame []float64
	// Oldest is per case the Ref of its oldest request open at the death, -1 when there was none.
	Oldest []int
}

// Same is evidence of one request that came back.
type Same struct {
	Fingerprint uint64
	Endpoint    int
	EValue      float64
	// Refs are per case the request, -1 where it was not open.
	Refs []int
	Hops int
}

// Evaluate weighs the cases. Only cases of one class of death belong together: give bursts and crashes apart from leaks.
func Evaluate(b *Baseline, cases []Case) *Result {
	n := len(b.Open)
	r := &Result{Leader: -1, Nobody: 1, Endpoints: make([]Endpoint, n), Onsets: make([]float64, len(cases))}
	if n == 0 || len(cases) == 0 {
		return r
	}
	surv := newSurvival(b)
	for e := range r.Endpoints {
		r.Endpoints[e].LR = make([]float64, len(cases))
		r.Endpoints[e].Oldest = make([]int, len(cases))
		for i := range cases {
			r.Endpoints[e].LR[i] = miss
			r.Endpoints[e].Oldest[i] = -1
		}
	}
	for i := range cases {
		r.Onsets[i] = evaluateCase(b, surv, &cases[i], i, r.Endpoints)
	}
	all := make([]int, len(cases))
	for i := range all {
		all[i] = i
	}
	post, nobody := posterior(r.Endpoints, all)
	r.Nobody = nobody
	for e := range r.Endpoints {
		ep := &r.Endpoints[e]
		ep.EValue = merge(ep.LR, all)
		ep.Posterior = post[e]
		ep.Blame = blame(ep.LR)
		if r.Leader < 0 || ep.Posterior > r.Endpoints[r.Leader].Posterior {
			r.Leader = e
		}
	}
	lead := &r.Endpoints[r.Leader]
	r.LeaveOneOut = lead.Posterior
	if len(cases) > 1 {
		for i := range cases {
			rest := slices.DeleteFunc(slices.Clone(all), func(k int) bool { return k == i })
			p, _ := posterior(r.Endpoints, rest)
			r.LeaveOneOut = min(r.LeaveOneOut, p[r.Leader])
		}
	}
	r.Partners = partners(r)
	r.Same = same(b, surv, cases)
	return r
}

// PosteriorOf recomputes the posteriors over some of the cases, for a second culprit among what the first leaves over.
func (r *Result) PosteriorOf(cases []int) (post []float64, nobody float64) {
	return posterior(r.Endpoints, cases)
}

// evaluateCase fills in LR and Oldest of case i and returns the mean onset.
func evaluateCase(b *Baseline, surv *survival, c *Case, i int, eps []Endpoint) float64 {
	lags, prior := onsets(c)
	reqs := c.Requests
	m := newPace(len(lags))
	var el []float64
	own := map[int][]float64{} // surprise spent before each onset by requests that never ended, by index
	for j := range reqs {
		q := &reqs[j]
		age := c.Time.Sub(q.Start).Seconds()
		if age > Lookback.Seconds() {
			continue // older than the question of when things slowed down
		}
		open := q.End == 0
		ran := age
		if !open {
			ran = q.End.Sub(q.Start).Seconds()
		}
		total := surv.surprise(q.Endpoint, ran)
		el = el[:0]
		for _, lag := range lags {
			switch before := age - lag; {
			case before <= 0:
				el = append(el, 0)
			case ran <= before:
				el = append(el, total)
			default:
				el = append(el, min(total, surv.surprise(q.Endpoint, before)))
			}
		}
		for k, lag := range lags {
			m.before[k] += el[k]
			m.after[k] += total - el[k]
			if !open {
				if ran <= age-lag {
					m.endedBefore[k]++
				} else {
					m.endedAfter[k]++
				}
			}
		}
		if open {
			own[j] = append([]float64{total}, el...)
		}
	}
	for k, lag := range lags {
		onset := c.Time.Add(-time.Duration(lag * 1e9))
		if c.NormalAt != 0 && onset < c.NormalAt.Add(-5*time.Second) {
			prior[k] += math.Log(beforeNormal)
		}
	}
	weights := func(without []float64) []float64 { return m.weights(prior, without) }
	load := c.Load
	if load <= 0 {
		load = 1
	}
	rate := func(e, bin int) float64 {
		m := b.Open[e][bin]
		if b.HourOpen != nil {
			m = max(b.HourOpen[e][c.Hour][bin], 1e-12)
		}
		return m * load
	}
	scale := 1 - miss - late
	weightSum := 0.0
	for _, p := range ageWeight {
		weightSum += p
	}
	base := weights(nil)
	for j := range reqs {
		q := &reqs[j]
		ep := &eps[q.Endpoint]
		if q.End == 0 {
			if o := ep.Oldest[i]; o < 0 || q.Start < reqs[o].Start {
				ep.Oldest[i] = j
			}
			w := weights(own[j])
			for k, lag := range lags {
				t := c.Time.Add(-time.Duration(lag * 1e9))
				if c.Elevated != 0 && t > c.Elevated {
					t = c.Elevated
				}
				if t < q.Start {
					continue
				}
				bin := BinOf(t.Sub(q.Start).Seconds())
				ep.LR[i] += w[k] * ageWeight[bin] / weightSum * scale / rate(q.Endpoint, bin)
			}
			continue
		}
		// Ended shortly before the onset, its memory still held.
		ran := q.End.Sub(q.Start).Seconds()
		bin := BinOf(ran)
		lambda := (completions(&b.Durations[q.Endpoint], bin) + 1) / b.Seconds
		for k, lag := range lags {
			onset := c.Time.Add(-time.Duration(lag * 1e9))
			gap := onset.Sub(q.End).Seconds()
			if gap < 0 || gap >= lateWindow {
				continue
			}
			ep.LR[i] += base[k] * late * ageWeight[bin] / weightSum / (lambda * lateWindow * load)
		}
	}
	for e := range eps {
		if o := eps[e].Oldest[i]; o >= 0 {
			eps[e].Oldest[i] = reqs[o].Ref
		}
	}
	mean := 0.0
	for k, lag := range lags {
		mean += base[k] * lag
	}
	return mean
}

// completions counts the durations that fall into an age bin.
func completions(h *Histogram, bin int) float64 {
	lo, hi := DurationBin(Ages[bin]), 256
	if bin+1 < len(Ages) {
		hi = DurationBin(Ages[bin+1])
	}
	var n float64
	for k := lo; k < hi && k < 256; k++ {
		n += float64(h.Bins[k])
	}
	return n
}

// merge averages the product of (1-rho + rho*LR) over the unknown share rho of crashes due to the endpoint.
func merge(lr []float64, cases []int) float64 {
	total := 0.0
	n := 0
	for rho := 0.05; rho < 1; rho += 0.1 {
		l := 0.0
		for _, i := range cases {
			l += math.Log(1 - rho + rho*lr[i])
		}
		total += math.Exp(min(l, 600))
		n++
	}
	return total / float64(n)
}

func posterior(eps []Endpoint, cases []int) (post []float64, nobody float64) {
	post = make([]float64, len(eps))
	sum := float64(len(eps)) * Prior / (1 - Prior)
	null := sum
	for e := range eps {
		post[e] = merge(eps[e].LR, cases)
		sum += post[e]
	}
	for e := range post {
		post[e] /= sum
	}
	return post, null / sum
}

// blame estimates the share of crashes due to the endpoint by its best value, then shares each crash between it and the rest.
func blame(lr []float64) []float64 {
	best, bestL := 0.0, 0.0
	for rho := 0.0; rho < 1; rho += 0.01 {
		l := 0.0
		for _, x := range lr {
			l += math.Log(1 - rho + rho*x)
		}
		if l > bestL {
			best, bestL = rho, l
		}
	}
	b := make([]float64, len(lr))
	for i, x := range lr {
		b[i] = best * x / (1 - best + best*x)
	}
	return b
}

// Supported is the likelihood ratio from which one crash is said to support an endpoint.
const Supported = 5

// partners are the endpoints that support at least 80 % of the crashes that support the leader: no crash separates them.
func partners(r *Result) []int {
	lead := r.Endpoints[r.Leader].LR
	var out []int
	for e := range r.Endpoints {
		if e == r.Leader {
			continue
		}
		both, leads := 0, 0
		for i := range lead {
			if lead[i] >= Supported {
				leads++
				if r.Endpoints[e].LR[i] >= Supported {
					both++
				}
			}
		}
		if leads > 0 && float64(both) >= 0.8*float64(leads) {
			out = append(out, e)
		}
	}
	sort.Slice(out, func(i, j int) bool { return r.Endpoints[out[i]].EValue > r.Endpoints[out[j]].EValue })
	return out
}

// same looks for one request, tried again, open at several deaths: two hops already are strong evidence, as an innocent request
// is rarely retried into each dying container. The second term of the rate is the chance of just that: an innocent victim of
// the last crash that was retried and still runs.
func same(b *Baseline, surv *survival, cases []Case) *Same {
	type hop struct {
		q *Request
		i int
	}
	order := make([]int, len(cases))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(x, y int) bool { return cases[order[x]].Time < cases[order[y]].Time })
	open := map[uint64][]hop{}
	var keys []uint64
	for _, i := range order {
		for j := range cases[i].Requests {
			q := &cases[i].Requests[j]
			if q.End != 0 || q.Same == 0 {
				continue
			}
			h := open[q.Same]
			if len(h) == 0 {
				keys = append(keys, q.Same)
			}
			if n := len(h); n > 0 && h[n-1].i == i {
				if q.Start < h[n-1].q.Start {
					h[n-1].q = q
				}
				open[q.Same] = h
				continue
			}
			open[q.Same] = append(h, hop{q, i})
		}
	}
	tried := 0
	for _, k := range keys {
		if len(open[k]) > 0 {
			tried++
		}
	}
	slices.Sort(keys)
	var best *Same
	for _, k := range keys {
		h := open[k]
		if len(h) < 2 {
			continue
		}
		e := 1.0
		at := map[int]*Request{}
		for _, x := range h {
			at[x.i] = x.q
		}
		var prev record.Time
		begun := false
		s := &Same{Fingerprint: k, Endpoint: h[0].q.Endpoint, Refs: make([]int, len(cases)), Hops: len(h)}
		for i := range s.Refs {
			s.Refs[i] = -1
		}
		for _, i := range order {
			c := &cases[i]
			q := at[i]
			if !begun {
				if q == nil {
					continue
				}
				begun, prev = true, c.Time
				s.Refs[i] = q.Ref
				continue
			}
			if q == nil {
				e *= miss
			} else {
				age := c.Time.Sub(q.Start).Seconds()
				bin := BinOf(age)
				width := Ages[bin+1] - Ages[bin]
				rate := max(5*width/max(b.Seconds, 1), surv.of(q.Endpoint, c.Time.Sub(prev).Seconds()-6))
				e *= miss + 0.95*min(1, ageWeight[bin]/0.15)/rate
				s.Refs[i] = q.Ref
			}
			prev = c.Time
		}
		s.EValue = e / float64(max(1, tried)*len(cases))
		if best == nil || s.EValue > best.EValue {
			best = s
		}
	}
	if best == nil || best.EValue < 1 {
		return nil
	}
	return best
}
