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
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// Ages are the lower edges of the age bins, in seconds. Ten times as old is a different request; twice as old is not.
var Ages = [...]float64{0, 1, 3, 10, 30, 100, 300, 1000, 3600}

// Bins is the number of age bins: the last edge closes the last bin.
const Bins = len(Ages) - 1

// ageWeight is how old a culprit is expected to be when the slow-down begins (P1). Its shape hardly matters: flat, short and
// long priors named the same endpoints. With late and miss it sums to 1.
var ageWeight = [Bins]float64{.12, .12, .17, .17, .15, .10, .07, .05}

// suddenWeight is the same for what ends the process at once: an error comes soon after the request that meets it.
var suddenWeight = [Bins]float64{.4, .2, .15, .1, .06, .04, .03, .02}

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

// onTime reports whether a request that came so long after the last came when it does anyway, as what a clock sends: after its usual
// interval, or nearly exactly after a multiple of it. What is sent to several containers at once is one sending.
func (r Returning) onTime(gap time.Duration) bool {
	return onTime(gap, r.Answers) || onTime(gap, sendings(r.Answers))
}

func onTime(gap time.Duration, answers []record.Time) bool {
	if len(answers) < regularAnswers {
		return false
	}
	gaps := make([]float64, len(answers)-1)
	for i := range gaps {
		gaps[i] = answers[i+1].Sub(answers[i]).Seconds()
	}
	times := gap.Seconds() / stat.Median(gaps)
	return math.Abs(times-1) <= regularWithin || math.Abs(times-max(math.Round(times), 1)) <= multipleWithin
}

// sendings returns the first of answers that come at once.
func sendings(answers []record.Time) (firsts []record.Time) {
	for _, at := range answers {
		if n := len(firsts); n == 0 || at.Sub(firsts[n-1]) > atOnce {
			firsts = append(firsts, at)
		}
	}
	return firsts
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
	// Second is the endpoint that shares the deaths with the leader, where that the two did is most of what speaks for the leader; -1
	// where the leader stands for itself.
	Second int
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
	r := &Result{Leader: -1, Second: -1, Nobody: 1, Endpoints: make([]Endpoint, n), Onsets: make([]float64, len(cases))}
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
	r.moments = moments(cases)
	r.weigh()
	r.Same = same(b, surv, cases)
	return r
}

// weigh fills in what follows from the likelihood ratios of the cases and from which of them are of one moment.
func (r *Result) weigh() {
	n, all := len(r.Endpoints), make([]int, len(r.moments))
	for i := range all {
		all[i] = i
	}
	logs := make([]shares, n)
	for e := range r.Endpoints {
		logs[e] = sharesOf(r.Endpoints[e].LR, r.group(all))
	}
	pairs := r.pairs(r.group(all))
	post, nobody := posterior(logs, pairs)
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
	r.Second = second(r.Leader, logs, pairs)
	r.LeaveOneOut = lead.Posterior
	if len(all) > 1 {
		rest := make([]shares, n)
		restPairs := slices.Clone(pairs)
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
				for k, p := range pairs {
					p.add(sums[p.a], sums[p.b], len(moment), -1)
					p.add(sums[p.a]-r.Endpoints[p.a].LR[i], sums[p.b]-r.Endpoints[p.b].LR[i], len(moment)-1, 1)
					restPairs[k] = p
				}
				p, _ := posterior(rest, restPairs)
				r.LeaveOneOut = min(r.LeaveOneOut, p[r.Leader])
			}
		}
	}
	r.Partners = partners(r)
}

// Beginning is how the slow-down before a death began.
type Beginning struct {
	// Onset is the mean onset in seconds before the death.
	Onset float64
	// Usual is the probability that the container worked at its usual pace, or nearly, for two minutes before it.
	Usual float64
}

// Begins tells how the slow-down before each case began, in the order of the cases.
func Begins(b *Baseline, cases []Case) []Beginning {
	out := make([]Beginning, len(cases))
	if len(cases) == 0 {
		return out
	}
	surv := newSurvival(b)
	for i := range cases {
		w := newWeighing(b, surv, &cases[i])
		out[i] = Beginning{w.meanOnset(), w.usualBefore()}
	}
	return out
}

// PosteriorOf recomputes the posteriors over some of the cases, for a second culprit among what the first leaves over.
func (r *Result) PosteriorOf(cases []int) (post []float64, nobody float64) {
	logs := make([]shares, len(r.Endpoints))
	for e := range logs {
		logs[e] = sharesOf(r.Endpoints[e].LR, r.group(cases))
	}
	return posterior(logs, r.pairs(r.group(cases)))
}

// evaluateCase fills in LR and Oldest of case i and returns the mean onset.
func evaluateCase(b *Baseline, surv *survival, c *Case, i int, eps []Endpoint) float64 {
	w := newWeighing(b, surv, c)
	for j := range c.Requests {
		q := &c.Requests[j]
		ep := &eps[q.Endpoint]
		if q.End != 0 {
			w.ended(q, &ep.LR[i])
			continue
		}
		if o := ep.Oldest[i]; o < 0 || q.Start < c.Requests[o].Start {
			ep.Oldest[i] = j
		}
		w.open(q, &ep.LR[i])
	}
	for e := range eps {
		if o := eps[e].Oldest[i]; o >= 0 {
			eps[e].Oldest[i] = c.Requests[o].Ref
		}
	}
	return w.meanOnset()
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
