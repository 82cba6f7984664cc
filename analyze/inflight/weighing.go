package inflight

import (
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/collectors/record"
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

// weighing is the view of one case: how probable each candidate onset is, and what that makes of a request.
type weighing struct {
	*Baseline
	*Case
	surv     *survival
	lags     []float64     // seconds before the death
	onset    []record.Time // from the latest to the earliest
	pace     *pace
	base     []float64 // weights of the onsets, with all requests
	upTo     []float64 // weight of the first k onsets
	constant []float64 // log likelihood of one pace after the onset
	near     []paceNear
	nearFrom []int
	load     float64
	weight   *[Bins]float64 // how old a culprit is expected to be
	ages     float64        // sum of that
	spent    []float64      // scratch: what one request had spent of its surprise before each onset
}

func newWeighing(b *Baseline, surv *survival, c *Case) *weighing {
	lags, prior := onsets(c)
	n := len(lags)
	w := &weighing{Baseline: b, Case: c, surv: surv, lags: lags, onset: make([]record.Time, n), spent: make([]float64, n), load: c.Load}
	for k, lag := range lags {
		w.onset[k] = c.Time.Add(-time.Duration(lag * 1e9))
		if c.NormalAt != 0 && w.onset[k] < c.NormalAt.Add(-5*time.Second) {
			prior[k] += math.Log(beforeNormal)
		}
	}
	if w.load <= 0 {
		w.load = 1
	}
	w.weight = &ageWeight
	if c.Sudden {
		w.weight = &suddenWeight
	}
	for _, p := range w.weight {
		w.ages += p
	}
	w.pace = newPace(prior)
	w.spendAll()
	w.base = slices.Clone(w.pace.weights(0, nil))
	w.constant = make([]float64, n)
	for k := range w.constant {
		w.constant[k] = steady(w.pace.after[k], w.pace.endedAfter[k])
	}
	w.near, w.nearFrom = w.pace.pacesNearOnsets(lags)
	w.upTo = make([]float64, n+1)
	for k, x := range w.base {
		w.upTo[k+1] = w.upTo[k] + x
	}
	return w
}

// recent: older requests do not tell when things slowed down.
func (w *weighing) recent(q *Request) bool { return w.Time.Sub(q.Start) <= Lookback }

// spend fills in w.spent for the onsets within the lifetime of a request, [till, from); total is what it spent by its end.
func (w *weighing) spend(q *Request) (total float64, till, from int) {
	n := len(w.lags)
	age := w.Time.Sub(q.Start).Seconds()
	ran := age
	if q.End != 0 {
		ran = q.End.Sub(q.Start).Seconds()
	}
	total = w.surv.surprise(q.Endpoint, ran)
	till = sort.Search(n, func(k int) bool { return ran > age-w.lags[k] })
	from = till + sort.Search(n-till, func(k int) bool { return age-w.lags[till+k] <= 0 })
	for k := till; k < from; k++ {
		w.spent[k] = min(total, w.surv.surprise(q.Endpoint, age-w.lags[k]))
	}
	return total, till, from
}

// spendAll fills in what all requests spent, and how many ended, before and after each onset. A request counts in full at all onsets
// after its end and not at all at those before its start, so only the onsets within its lifetime are looked at one by one. The sums of
// the rest are held where they begin or end, and made up afterwards.
func (w *weighing) spendAll() {
	m, n := w.pace, len(w.lags)
	ended, begun, finished := make([]float64, n+1), make([]float64, n+1), make([]float64, n+1)
	for j := range w.Requests {
		q := &w.Requests[j]
		if !w.recent(q) {
			continue
		}
		total, till, from := w.spend(q)
		for k := till; k < from; k++ {
			m.before[k] += w.spent[k]
			m.after[k] += total - w.spent[k]
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
}

// rate is the mean number of open requests of an endpoint in an age bin at a quiet moment such as this one.
func (w *weighing) rate(e, bin int) float64 {
	m := w.Baseline.Open[e][bin]
	if w.HourOpen != nil {
		m = max(w.HourOpen[e][w.Hour][bin], 1e-12)
	}
	if near, ok := w.Nearby[e]; ok {
		return max(m*w.load, near[bin]) // the load is in it
	}
	return m * w.load
}

// ended adds to a likelihood ratio what a request says that ended shortly before the onset, its memory still held.
func (w *weighing) ended(q *Request, lr *float64) {
	n := len(w.onset)
	lo := sort.Search(n, func(k int) bool { return w.onset[k].Sub(q.End).Seconds() < lateWindow })
	hi := sort.Search(n, func(k int) bool { return w.onset[k] < q.End })
	if lo >= hi {
		return
	}
	ran := q.End.Sub(q.Start).Seconds()
	bin := BinOf(ran)
	// Where everything takes longer, what took so long is what usually takes less.
	var ended [len(pacesNear)]float64
	for j, p := range pacesNear {
		ended[j] = (w.surv.completions(q.Endpoint, BinOf(p.pace*ran)) + 1) / w.Seconds
	}
	for k := lo; k < hi; k++ {
		if w.base[k] < unlikely {
			continue
		}
		*lr += w.base[k] * late * w.weight[bin] / w.ages / (w.near[k].mean(&ended) * lateWindow * w.load)
	}
}

// open adds to a likelihood ratio what a request says that was open at the death.
//
// How likely such a request is here if it is the culprit, over how likely it is if it is not. In the first case it began some time
// before the onset. In the second it began at its usual rate: before the onset, and was still open then as it is at quiet moments; or
// after it, and did not end at the pace at which others ended. Both are averaged over the onsets before they are compared: an estimate
// that is a moment late would make guilty whatever the container held when it froze.
func (w *weighing) open(q *Request, lr *float64) {
	const scale = 1 - miss - late
	n := len(w.onset)
	later := sort.Search(n, func(k int) bool { return w.onset[k] < q.Start })
	if w.upTo[later] < negligible || w.Elevated != 0 && w.Elevated < q.Start {
		return // a victim, whatever it did itself; after a long agony nearly all are
	}
	weights, total := w.base, 0.0
	clear(w.spent)
	if w.recent(q) {
		var till, from int
		total, till, from = w.spend(q)
		for k := range till {
			w.spent[k] = total
		}
		clear(w.spent[from:])
		weights = w.pace.weights(total, w.spent)
	}
	starts := max(float64(w.Durations[q.Endpoint].N+1)/w.Seconds*w.load, w.rate(q.Endpoint, 0)/Ages[1])
	guilty, innocent := 0.0, 0.0
	for k := range weights {
		t := w.onset[k]
		if w.Elevated != 0 && t > w.Elevated {
			t = w.Elevated
		}
		if t < q.Start {
			innocent += weights[k] * starts * math.Exp(w.constant[k]-steady(w.pace.after[k]-total, w.pace.endedAfter[k]))
			continue
		}
		if weights[k] < unlikely {
			continue
		}
		age := t.Sub(q.Start).Seconds()
		bin := BinOf(age)
		width := Ages[bin+1] - Ages[bin]
		own := w.spent[k]
		if from := w.nearFrom[k]; from < n {
			own -= w.spent[from]
		}
		pace := w.near[k].without(own)
		for j, share := range pace {
			if share > 0 {
				usual := BinOf(pacesNear[j].pace * age) // what is so old at that pace would usually be so old
				innocent += weights[k] * share * w.rate(q.Endpoint, usual) / (Ages[usual+1] - Ages[usual])
			}
		}
		if age < Ages[Bins] { // the base rates end there: such a request may be open at any moment
			guilty += weights[k] * w.weight[bin] / w.ages / width
		}
	}
	if guilty > 0 {
		*lr += scale * guilty / innocent
	}
}

// usualBefore is the probability that the container was at its usual pace, or nearly, just before the onset.
func (w *weighing) usualBefore() (p float64) {
	for k := range w.lags {
		p += w.base[k] * (w.near[k][0] + w.near[k][1])
	}
	return p
}

// meanOnset is the mean onset in seconds before the death.
func (w *weighing) meanOnset() (mean float64) {
	for k, lag := range w.lags {
		mean += w.base[k] * lag
	}
	return mean
}
