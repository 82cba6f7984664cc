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
	"cmp"
	"maps"
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
	// negligible is a posterior weight that leaving out one request, of a surprise of 8 at most, cannot make matter.
	negligible = 1e-18
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
	// Nearby is Baseline.Open of quiet moments around the death, of the endpoints for which it is known.
	Nearby map[int][Bins]float64
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
	// Returning is what is known of requests, by Request.Same, that are sent time and again.
	Returning map[uint64]Returning
	// Seconds is the container-seconds that it rests on.
	Seconds float64
}

// Returning is a request that is sent time and again: by a page that polls, or by a client that was not answered.
type Returning struct {
	// Open is the mean number of its requests open at a random moment of one container, those that were answered.
	Open float64
	// Answers are when it was answered, in order.
	Answers []record.Time
}

// answeredWithin reports whether it was answered after one instant and not after another.
func (r Returning) answeredWithin(after, until record.Time) bool {
	i, _ := slices.BinarySearch(r.Answers, after+1)
	return i < len(r.Answers) && r.Answers[i] <= until
}

// Histogram counts durations in logarithmic bins; see DurationBin.
type Histogram struct {
	N    int64
	Bins [256]uint32
}

// DurationBin returns the bin of a duration in seconds: 12 bins to the octave of milliseconds, 6 % wide, up to 38 minutes.
func DurationBin(sec float64) int {
	ms := sec * 1000
	if ms < 1 {
		return 0
	}
	// The octave and the next six bits of the fraction tell the bin but for one edge, without a logarithm: there is one duration to
	// every request of the evidence.
	i := int(math.Float64bits(ms)>>(52-6)) - 1023<<6
	if i >= len(durationBins.first) {
		return 255
	}
	b := int(durationBins.first[i])
	if ms >= durationBins.edges[b+1] {
		b++
	}
	return b
}

// durationBins has the lower edge of each bin in milliseconds, and the first bin that each 64th of an octave reaches.
var durationBins = func() (t struct {
	edges [257]float64
	first [22 << 6]uint8
}) {
	for b := range 256 {
		t.edges[b] = math.Exp2(float64(b-1) / 12)
	}
	t.edges[256] = math.Inf(1)
	for i := range t.first {
		from := math.Float64frombits(uint64(i+1023<<6) << (52 - 6))
		b := 0
		for t.edges[b+1] <= from {
			b++
		}
		t.first[i] = uint8(b)
	}
	return t
}()

// Add counts one duration in seconds.
func (h *Histogram) Add(sec float64) { h.AddBin(DurationBin(sec)) }

// AddBin counts one duration that lies in a bin.
func (h *Histogram) AddBin(bin int) {
	h.N++
	h.Bins[bin]++
}

// Merge adds the durations of another histogram.
func (h *Histogram) Merge(o *Histogram) {
	h.N += o.N
	for b, n := range &o.Bins {
		h.Bins[b] += n
	}
}

// Above returns the share of the durations that lie above a bin, half of those in it included; NaN when empty.
func (h *Histogram) Above(bin int) float64 {
	n := float64(h.Bins[bin]) / 2
	for _, c := range h.Bins[bin+1:] {
		n += float64(c)
	}
	return n / float64(h.N)
}

// OfAge counts the durations that fall into an age bin.
func (h *Histogram) OfAge(bin int) (n int64) {
	to := len(h.Bins) // the last bin of ages takes all that is longer
	if bin+1 < Bins {
		to = DurationBin(Ages[bin+1])
	}
	for _, c := range h.Bins[DurationBin(Ages[bin]):to] {
		n += int64(c)
	}
	return n
}

// Sub takes away durations that were counted.
func (h *Histogram) Sub(o *Histogram) {
	h.N -= o.N
	for b, n := range &o.Bins {
		h.Bins[b] -= n
	}
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

// Quantile returns the q quantile in seconds (the middle of its bin, so within 3 % up to 38 minutes); NaN when empty.
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
	pooled [513]float64    // share of durations at least (i-256) bins above their endpoint's median
	table  []*[256]float64 // per endpoint, when asked for: surprise by duration bin
}

func newSurvival(b *Baseline) *survival {
	s := &survival{tail: make([][257]float64, len(b.Durations)), n: make([]float64, len(b.Durations)), median: make([]int, len(b.Durations)),
		table: make([]*[256]float64, len(b.Durations))}
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
	return s.share(e, DurationBin(x))
}

func (s *survival) share(e, bin int) float64 {
	q := s.pooled[min(512, max(0, bin-s.median[e]+256))]
	return (s.tail[e][bin] + max(q, 1e-4)) / (s.n[e] + 1)
}

// surprise is the cumulative hazard of ending, -ln of the survival: how much patience a request of e has used up after x seconds.
// At the usual pace it grows by 1 until the end on average, whatever the endpoint. It is capped, as the far tail is a guess.
func (s *survival) surprise(e int, x float64) float64 {
	if x <= 0 {
		return 0
	}
	t := s.table[e]
	if t == nil { // asked for far more often than there are bins
		t = new([256]float64)
		for b := range t {
			t[b] = min(maxSurprise, -math.Log(s.share(e, b)))
		}
		s.table[e] = t
	}
	return t[DurationBin(x)]
}

// pace is the model of the slow-down: before the onset requests end at a pace (a factor on their usual hazard of ending), after
// it at a slower one. Both are unknown: a container may have been somewhat slow for long before the onset that matters (a neighbour,
// retries after another death), and that must not be taken for it. The likelihood of an onset needs four sums only.
type pace struct {
	prior                   []float64 // logarithms of the prior weights of the candidate onsets
	before, after           []float64 // surprise spent before and after each of them
	endedBefore, endedAfter []float64 // requests that ended before and after it

	priorSum         []float64 // logarithm of the prior weight of the first k+1 together
	out, stage, last []float64 // scratch of weights
}

// maxSurprise caps the surprise of one request: beyond it the tail of a histogram is a guess.
const maxSurprise = 8

// factor is one pace, its logarithm, and the logarithm of its prior weight.
type factor struct{ pace, log, weight float64 }

// pacesBefore and pacesAfter are averaged over; 1 is the usual pace. After the onset all are as likely, and it must be slower by
// half: each pace before allows those after from pacesFrom on.
var (
	pacesBefore = [...]factor{paced(1, 0.55), paced(0.6, 0.2), paced(0.35, 0.15), paced(0.2, 0.1)}
	pacesAfter  = [...]factor{paced(0.3, 1), paced(0.12, 1), paced(0.05, 1), paced(0.02, 1), paced(0.005, 1)}
	pacesFrom   = [len(pacesBefore)]int{0, 0, 1, 2}
)

func paced(pace, weight float64) factor { return factor{pace, math.Log(pace), math.Log(weight)} }

func newPace(prior []float64) *pace {
	n := len(prior)
	buf := make([]float64, 8*n)
	part := func(i int) []float64 { return buf[i*n : (i+1)*n : (i+1)*n] }
	m := &pace{prior: prior, before: part(0), after: part(1), endedBefore: part(2), endedAfter: part(3),
		priorSum: part(4), out: part(5), stage: part(6), last: part(7)}
	sum := math.Inf(-1)
	for k, p := range prior {
		sum = logSum([]float64{sum, p})
		m.priorSum[k] = sum
	}
	return m
}

// weights returns the posterior of the onsets, valid until the next call; without, when given, is one open request to leave out:
// what of total it had spent before each onset.
//
// A container may slow down in stages: somewhat, minutes ahead, then for good. The stage that matters is the last one. So after the
// best onset a further one is looked for among the candidates nearer to the death, with what lies between as its "before", and taken
// in proportion to how much better it explains what followed.
func (m *pace) weights(total float64, without []float64) []float64 {
	at := func(k int) (before, after float64) {
		if without == nil {
			return m.before[k], m.after[k]
		}
		return m.before[k] - without[k], m.after[k] - (total - without[k])
	}
	share := 1.0
	last := len(m.prior) // candidates below this index are nearer to the death than the stage before
	var baseSpent, baseEnded float64
	for stage := 0; stage < maxStages && (stage == 0 || last > 1); stage++ {
		w := m.stage[:last]
		for k := range w {
			b, a := at(k)
			w[k] = change(b-baseSpent, a, m.endedBefore[k]-baseEnded, m.endedAfter[k]) + m.prior[k]
		}
		evidence := normalise(w) - m.priorSum[last-1]
		if stage == 0 {
			copy(m.out, w)
		} else {
			b, a := at(0)
			// What this stage takes over of the share of the stage before.
			share /= 1 + math.Exp(steady(b+a-baseSpent, m.endedBefore[0]+m.endedAfter[0]-baseEnded)-evidence+stageCost)
			for k, x := range m.last {
				if k < last {
					x -= w[k]
				}
				m.out[k] -= share * x
			}
			if share < 0.01 {
				break
			}
		}
		best := 0
		for k := range w {
			if w[k] > w[best] {
				best = k
			}
		}
		clear(m.last[copy(m.last, w):])
		baseSpent, _ = at(best)
		baseEnded = m.endedBefore[best]
		last = best
	}
	return m.out
}

// maxStages bounds the stages of a slow-down; stageCost is the price of each further one, in natural logarithms.
const (
	maxStages = 3
	stageCost = 3.0
)

// change is the log likelihood of a pace before and a slower one after, averaged over both; steady that of one pace throughout.
// A pair of paces is a product of its sides, so that nine exponentials do for seventeen pairs.
func change(before, after, endedBefore, endedAfter float64) float64 {
	var tops, sums [len(pacesAfter)]float64 // over the paces after from each on: the largest, and their sum relative to it
	top, sum := math.Inf(-1), 0.0
	for j := len(pacesAfter) - 1; j >= 0; j-- {
		p := pacesAfter[j]
		if l := endedAfter*p.log - p.pace*after; l > top {
			top, sum = l, sum*expOf(top-l)+1
		} else {
			sum += expOf(l - top)
		}
		tops[j], sums[j] = top, sum
	}
	top, sum = math.Inf(-1), 0
	for i, p := range pacesBefore {
		from := pacesFrom[i]
		if l := p.weight + endedBefore*p.log - p.pace*before + tops[from]; l > top {
			top, sum = l, sum*expOf(top-l)+sums[from]
		} else {
			sum += expOf(l-top) * sums[from]
		}
	}
	return top + math.Log(sum)
}

func steady(spent, ended float64) float64 {
	var ls [len(pacesBefore) + len(pacesAfter)]float64
	n := 0
	for _, paces := range [][]factor{pacesBefore[:], pacesAfter[:]} {
		for _, p := range paces {
			ls[n] = ended*p.log - p.pace*spent
			n++
		}
	}
	return logSum(ls[:n]) - math.Log(float64(n))
}

// pacesNear are the paces at which a container may have been just before an onset, with their prior weights: nearly always the usual one.
var pacesNear = [...]factor{paced(1, 0.8), paced(0.6, 0.1), paced(0.35, 0.05), paced(0.2, 0.03), paced(0.1, 0.01), paced(0.05, 0.005), paced(0.02, 0.003), paced(0.01, 0.002)}

// nearOnset is how long before an onset its pace is measured, in seconds.
const nearOnset = 120

// paceNear is how likely each of pacesNear is shortly before an onset.
type paceNear [len(pacesNear)]float64

// pacesNearOnsets returns it for each onset, as of requests that spent so much surprise so many ended, and the index of the onset from which
// on the time before each was measured.
func (m *pace) pacesNearOnsets(lags []float64) (near []paceNear, from []int) {
	n := len(lags)
	near, from = make([]paceNear, n), make([]int, n)
	j := 0
	for k := range n {
		for j < n && lags[j] < lags[k]+nearOnset {
			j++
		}
		spent, ended := m.before[k], m.endedBefore[k]
		if j < n {
			spent, ended = spent-m.before[j], ended-m.endedBefore[j]
		}
		from[k] = j
		for i, p := range pacesNear {
			near[k][i] = p.weight + ended*p.log - p.pace*spent
		}
		normalise(near[k][:])
	}
	return near, from
}

// without is how likely the paces are when one request is left out that spent so much surprise in that time, which is at most maxSurprise.
func (l *paceNear) without(own float64) paceNear {
	if own == 0 {
		return *l
	}
	var out paceNear
	sum := 0.0
	for i, p := range pacesNear {
		if l[i] > unlikely {
			out[i] = l[i] * math.Exp(p.pace*own)
			sum += out[i]
		}
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// unlikely is a weight that even the surprise of one request cannot make matter.
const unlikely = 1e-15

// mean is the mean of a value that each pace has.
func (l *paceNear) mean(of *[len(pacesNear)]float64) (sum float64) {
	for i, w := range l {
		sum += w * of[i]
	}
	return sum
}

func logSum(l []float64) float64 {
	top := slices.Max(l)
	sum := 0.0
	for _, x := range l {
		sum += expOf(x - top)
	}
	return top + math.Log(sum)
}

// expOf is math.Exp, but 0 for what would be lost anyway when it is added to 1 or more: most of what is asked for.
func expOf(x float64) float64 {
	if x < -45 {
		return 0
	}
	return math.Exp(x)
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

	moments []int // per case, the number of its moment
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
	r.moments = moments(cases)
	logs := make([]shares, n)
	for e := range r.Endpoints {
		logs[e] = sharesOf(r.Endpoints[e].LR, r.group(all))
	}
	post, nobody := posterior(logs)
	r.Nobody = nobody
	for e := range r.Endpoints {
		ep := &r.Endpoints[e]
		ep.EValue = logs[e].merge()
		ep.Posterior = post[e]
		ep.Blame = blame(ep.LR)
		if r.Leader < 0 || ep.Posterior > r.Endpoints[r.Leader].Posterior {
			r.Leader = e
		}
	}
	lead := &r.Endpoints[r.Leader]
	r.LeaveOneOut = lead.Posterior
	if len(cases) > 1 {
		rest := make([]shares, n)
		sums := make([]float64, n)
		for _, moment := range r.group(all) {
			for e := range sums {
				sums[e] = sum(r.Endpoints[e].LR, moment)
			}
			for _, i := range moment {
				for e := range rest {
					rest[e] = logs[e]
					rest[e].add(sums[e], len(moment), -1)
					rest[e].add(sums[e]-r.Endpoints[e].LR[i], len(moment)-1, 1)
				}
				p, _ := posterior(rest)
				r.LeaveOneOut = min(r.LeaveOneOut, p[r.Leader])
			}
		}
	}
	r.Partners = partners(r)
	r.Same = same(b, surv, cases)
	return r
}

// PosteriorOf recomputes the posteriors over some of the cases, for a second culprit among what the first leaves over.
func (r *Result) PosteriorOf(cases []int) (post []float64, nobody float64) {
	logs := make([]shares, len(r.Endpoints))
	for e := range logs {
		logs[e] = sharesOf(r.Endpoints[e].LR, r.group(cases))
	}
	return posterior(logs)
}

// evaluateCase fills in LR and Oldest of case i and returns the mean onset.
func evaluateCase(b *Baseline, surv *survival, c *Case, i int, eps []Endpoint) float64 {
	lags, prior := onsets(c)
	n := len(lags)
	onset := make([]record.Time, n) // from the latest to the earliest
	for k, lag := range lags {
		onset[k] = c.Time.Add(-time.Duration(lag * 1e9))
		if c.NormalAt != 0 && onset[k] < c.NormalAt.Add(-5*time.Second) {
			prior[k] += math.Log(beforeNormal)
		}
	}
	m := newPace(prior)
	// A request counts in full at all onsets after its end and not at all at those before its start, so only the onsets within its
	// lifetime are looked at one by one. The sums of the rest are held where they begin or end, and made up afterwards.
	ended, begun, finished := make([]float64, n+1), make([]float64, n+1), make([]float64, n+1)
	spent := make([]float64, n)
	spend := func(q *Request) (total float64, till, from int) {
		age := c.Time.Sub(q.Start).Seconds()
		ran := age
		if q.End != 0 {
			ran = q.End.Sub(q.Start).Seconds()
		}
		total = surv.surprise(q.Endpoint, ran)
		till = sort.Search(n, func(k int) bool { return ran > age-lags[k] })
		from = till + sort.Search(n-till, func(k int) bool { return age-lags[till+k] <= 0 })
		for k := till; k < from; k++ {
			spent[k] = min(total, surv.surprise(q.Endpoint, age-lags[k]))
		}
		return total, till, from
	}
	recent := func(q *Request) bool { return c.Time.Sub(q.Start) <= Lookback } // older ones do not tell when things slowed down
	for j := range c.Requests {
		q := &c.Requests[j]
		if !recent(q) {
			continue
		}
		total, till, from := spend(q)
		for k := till; k < from; k++ {
			m.before[k] += spent[k]
			m.after[k] += total - spent[k]
		}
		ended[till] += total
		begun[from] += total
		if q.End != 0 {
			finished[till]++
		}
	}
	all := 0.0
	for k := n - 1; k >= 0; k-- {
		ended[k] += ended[k+1]
		m.before[k] += ended[k+1]
	}
	for _, x := range finished {
		all += x
	}
	since, done := 0.0, 0.0
	for k := range n {
		since += begun[k]
		m.after[k] += since
		done += finished[k]
		m.endedAfter[k] = done
		m.endedBefore[k] = all - done
	}

	load := c.Load
	if load <= 0 {
		load = 1
	}
	rate := func(e, bin int) float64 {
		m := b.Open[e][bin]
		if b.HourOpen != nil {
			m = max(b.HourOpen[e][c.Hour][bin], 1e-12)
		}
		if near, ok := c.Nearby[e]; ok {
			return max(m*load, near[bin]) // the load is in it
		}
		return m * load
	}
	weightSum := 0.0
	for _, p := range ageWeight {
		weightSum += p
	}
	const scale = 1 - miss - late
	base := slices.Clone(m.weights(0, nil))
	constant := make([]float64, n) // log likelihood of one pace after the onset
	for k := range constant {
		constant[k] = steady(m.after[k], m.endedAfter[k])
	}
	near, nearFrom := m.pacesNearOnsets(lags)
	upTo := make([]float64, n+1) // weight of the first k onsets
	for k, w := range base {
		upTo[k+1] = upTo[k] + w
	}
	for j := range c.Requests {
		q := &c.Requests[j]
		ep := &eps[q.Endpoint]
		if q.End != 0 {
			// Ended shortly before the onset, its memory still held.
			lo := sort.Search(n, func(k int) bool { return onset[k].Sub(q.End).Seconds() < lateWindow })
			hi := sort.Search(n, func(k int) bool { return onset[k] < q.End })
			if lo < hi {
				ran := q.End.Sub(q.Start).Seconds()
				bin := BinOf(ran)
				// Where everything takes longer, what took so long is what usually takes less.
				var ended [len(pacesNear)]float64
				for j, p := range pacesNear {
					ended[j] = (surv.completions(q.Endpoint, BinOf(p.pace*ran)) + 1) / b.Seconds
				}
				for k := lo; k < hi; k++ {
					if base[k] < unlikely {
						continue
					}
					ep.LR[i] += base[k] * late * ageWeight[bin] / weightSum / (near[k].mean(&ended) * lateWindow * load)
				}
			}
			continue
		}
		if o := ep.Oldest[i]; o < 0 || q.Start < c.Requests[o].Start {
			ep.Oldest[i] = j
		}
		later := sort.Search(n, func(k int) bool { return onset[k] < q.Start })
		if upTo[later] < negligible || c.Elevated != 0 && c.Elevated < q.Start {
			continue // a victim, whatever it did itself; after a long agony nearly all are
		}
		w, total := base, 0.0
		clear(spent)
		if recent(q) {
			var till, from int
			total, till, from = spend(q)
			for k := range till {
				spent[k] = total
			}
			clear(spent[from:])
			w = m.weights(total, spent)
		}
		// How likely such a request is here if it is the culprit, over how likely it is if it is not. In the first case it began some
		// time before the onset. In the second it began at its usual rate: before the onset, and was still open then as it is at quiet
		// moments; or after it, and did not end at the pace at which others ended. Both are averaged over the onsets before they are
		// compared: an estimate that is a moment late would make guilty whatever the container held when it froze.
		starts := max(float64(b.Durations[q.Endpoint].N+1)/b.Seconds*load, rate(q.Endpoint, 0)/Ages[1])
		guilty, innocent := 0.0, 0.0
		for k := range w {
			t := onset[k]
			if c.Elevated != 0 && t > c.Elevated {
				t = c.Elevated
			}
			if t < q.Start {
				innocent += w[k] * starts * math.Exp(constant[k]-steady(m.after[k]-total, m.endedAfter[k]))
				continue
			}
			if w[k] < unlikely {
				continue
			}
			age := t.Sub(q.Start).Seconds()
			bin := BinOf(age)
			width := Ages[bin+1] - Ages[bin]
			own := spent[k]
			if from := nearFrom[k]; from < n {
				own -= spent[from]
			}
			pace := near[k].without(own)
			for j, share := range pace {
				if share > 0 {
					usual := BinOf(pacesNear[j].pace * age) // what is so old at that pace would usually be so old
					innocent += w[k] * share * rate(q.Endpoint, usual) / (Ages[usual+1] - Ages[usual])
				}
			}
			if age < Ages[Bins] { // the base rates end there: such a request may be open at any moment
				guilty += w[k] * ageWeight[bin] / weightSum / width
			}
		}
		if guilty > 0 {
			ep.LR[i] += scale * guilty / innocent
		}
	}
	for e := range eps {
		if o := eps[e].Oldest[i]; o >= 0 {
			eps[e].Oldest[i] = c.Requests[o].Ref
		}
	}
	mean := 0.0
	for k, lag := range lags {
		mean += base[k] * lag
	}
	return mean
}

// completions is [Histogram.OfAge] of e, in two steps.
func (s *survival) completions(e, bin int) float64 {
	hi := 0.0
	if bin+1 < Bins { // the last bin of ages takes all that is longer
		hi = s.tail[e][DurationBin(Ages[bin+1])]
	}
	return s.tail[e][DurationBin(Ages[bin])] - hi
}

// together is the length of a moment, from its first death on. What is open on one container then is open on the other for the same
// reason, whatever that is: an overload, a neighbour that hangs, the retries of one crowd. Their likelihood ratios are no independent
// evidence; what holds however they depend on one another is their mean (Vovk and Wang, E-values: calibration, combination and
// applications, 2021). Of a sudden death there is no such reason: nothing was slow before it.
const together = time.Minute

// inTime returns the numbers of the cases in the order of their times.
func inTime(cases []Case) []int {
	order := make([]int, len(cases))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cases[a].Time, cases[b].Time) })
	return order
}

// moments numbers the moments of the cases.
func moments(cases []Case) []int {
	out := make([]int, len(cases))
	n, first := -1, record.Time(0)
	for _, i := range inTime(cases) {
		if at := cases[i].Time; n < 0 || at.Sub(first) >= together || cases[i].Sudden {
			n, first = n+1, at
		}
		out[i] = n
	}
	return out
}

// group puts cases of one moment together.
func (r *Result) group(cases []int) [][]int {
	by := map[int]int{}
	var out [][]int
	for _, i := range cases {
		at, ok := by[r.moments[i]]
		if !ok {
			at = len(out)
			by[r.moments[i]] = at
			out = append(out, nil)
		}
		out[at] = append(out[at], i)
	}
	return out
}

// shares holds the logarithm of the product of (1-rho + rho*LR) over the moments of deaths, for each share rho of crashes that an
// endpoint may have caused: 0.05, 0.15 … 0.95.
type shares [10]float64

func shareAt(i int) float64 { return 0.05 + 0.1*float64(i) }

func sharesOf(lr []float64, moments [][]int) (s shares) {
	for _, cases := range moments {
		s.add(sum(lr, cases), len(cases), 1)
	}
	return s
}

func sum(lr []float64, cases []int) (total float64) {
	for _, i := range cases {
		total += lr[i]
	}
	return total
}

// add puts a moment of n deaths in, given the sum of their ratios, or takes it out with a sign of -1.
func (s *shares) add(sum float64, n int, sign float64) {
	if n == 0 {
		return
	}
	for k := range s {
		rho := shareAt(k)
		s[k] += sign * math.Log(1-rho+rho*sum/float64(n))
	}
}

// merge averages the products over the unknown share: the e-value of all cases.
func (s *shares) merge() float64 {
	total := 0.0
	for _, l := range s {
		total += math.Exp(min(l, 600))
	}
	return total / float64(len(s))
}

func posterior(logs []shares) (post []float64, nobody float64) {
	post = make([]float64, len(logs))
	sum := float64(len(logs)) * Prior / (1 - Prior)
	null := sum
	for e := range logs {
		if e > 0 && logs[e] == logs[e-1] { // most endpoints were open at no crash, and are alike
			post[e] = post[e-1]
		} else {
			post[e] = logs[e].merge()
		}
		sum += post[e]
	}
	for e := range post {
		post[e] /= sum
	}
	return post, null / sum
}

// blame estimates the share of crashes due to the endpoint by its best value, then shares each crash between it and the rest.
func blame(lr []float64) []float64 {
	b := make([]float64, len(lr))
	if slices.Max(lr) <= 1 {
		return b // no share of the crashes is likelier than none
	}
	best, bestL := 0.0, 0.0
	for i := 1; i < 100; i++ {
		rho := float64(i) / 100
		l := 0.0
		for _, x := range lr {
			l += math.Log(1 - rho + rho*x)
		}
		if l > bestL {
			best, bestL = rho, l
		}
	}
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
	sort.SliceStable(out, func(i, j int) bool { return r.Endpoints[out[i]].EValue > r.Endpoints[out[j]].EValue })
	return out
}

// hop is a request open at a case.
type hop struct {
	q *Request
	i int
}

// same looks for one request, tried again, open at several deaths: two hops already are strong evidence, as an innocent request
// is rarely retried into each dying container. One that was answered in between was not tried again but sent anew, as by a page that
// polls: the chain begins once more with it.
func same(b *Baseline, surv *survival, cases []Case) *Same {
	order := inTime(cases)
	open := map[uint64][]hop{}
	for _, i := range order {
		for j := range cases[i].Requests {
			q := &cases[i].Requests[j]
			if q.End != 0 || q.Same == 0 {
				continue
			}
			h := open[q.Same]
			if n := len(h); n > 0 && h[n-1].i == i {
				if q.Start < h[n-1].q.Start {
					h[n-1].q = q
				}
				continue
			}
			open[q.Same] = append(h, hop{q, i})
		}
	}
	var best *Same
	for _, k := range slices.Sorted(maps.Keys(open)) {
		for _, chain := range unanswered(open[k], cases, b.Returning[k]) {
			if len(chain) < 2 {
				continue
			}
			s := &Same{Fingerprint: k, Endpoint: chain[0].q.Endpoint, Refs: make([]int, len(cases)), Hops: len(chain)}
			s.EValue = sameEvidence(b, surv, cases, order, chain, s.Refs) / float64(max(1, len(open))*len(cases))
			if best == nil || s.EValue > best.EValue {
				best = s
			}
		}
	}
	if best == nil || best.EValue < 1 {
		return nil
	}
	return best
}

// unanswered cuts the hops of one request, in the order of time, where it was answered in between.
func unanswered(h []hop, cases []Case, r Returning) (chains [][]hop) {
	from := 0
	for j := 1; j < len(h); j++ {
		if r.answeredWithin(cases[h[j-1].i].Time, h[j].q.Start) {
			chains = append(chains, h[from:j])
			from = j
		}
	}
	return append(chains, h[from:])
}

// sameEvidence is how much likelier a chain of hops is of a culprit than of an innocent request, at all deaths from its first on. refs gets
// its requests by case. The rate of the innocent is the chance of just that: a victim of the last crash that was retried and still runs, or
// a request that is sent so often that one is open at any moment.
func sameEvidence(b *Baseline, surv *survival, cases []Case, order []int, chain []hop, refs []int) float64 {
	at := map[int]*Request{}
	for _, x := range chain {
		at[x.i] = x.q
	}
	for i := range refs {
		refs[i] = -1
	}
	e := 1.0
	var prev record.Time
	begun := false
	for _, i := range order {
		c := &cases[i]
		q := at[i]
		switch {
		case !begun && q == nil:
			continue
		case !begun:
			begun = true
			refs[i] = q.Ref
		case q == nil:
			e *= miss
		default:
			age := c.Time.Sub(q.Start).Seconds()
			bin := BinOf(age)
			width := Ages[bin+1] - Ages[bin]
			rate := max(5*width/max(b.Seconds, 1), surv.of(q.Endpoint, c.Time.Sub(prev).Seconds()-6), b.Returning[q.Same].Open)
			e *= miss + 0.95*min(1, ageWeight[bin]/0.15)/rate
			refs[i] = q.Ref
		}
		prev = c.Time
	}
	return e
}
