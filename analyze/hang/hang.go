// Package hang answers "do calls end at one constant duration": the mark that a client timeout leaves when a peer hangs without
// dying. Slow requests then are fallout, spread over endpoints and containers like the traffic itself, and no endpoint is to blame.
package hang

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/collectors/record"
)

// Thresholds; see the rule hang.constant-duration.
const (
	// minCalls and minEndpoints: so many slow calls on so many endpoints, else one slow endpoint would do.
	minCalls     = 20
	minEndpoints = 4
	// shortest is the shortest constant that can be told: calls shorter than a second are not looked at, and the search compares
	// with durations a third below.
	shortest = 1.35
	// sharp: so much of the peak lies in the third next to its lower edge, which a smooth hump does not reach.
	sharp = 0.42
	// edge: by so many standard deviations more calls lie in that third than in as much just below it, where a hump has about as many.
	edge = 3
	// falls: at most so many times as many calls lie in as much just above the peak: the flank of a hump goes on.
	falls = 0.5
	// minOfEndpoint: an endpoint with a smaller share of the calls is there by chance.
	minOfEndpoint = 0.02
	// minShare: rarer calls than this share of all requests in the window are no incident.
	minShare = 0.01
	// maxTogether: when more of the calls than this end within togetherWindow, a frozen container let go of them at once.
	maxTogether    = 0.3
	togetherWindow = 5 * time.Second
	// apart: lower edges of peaks closer than this are not tried apart.
	apart = 1.002
	// width is how wide the peak may be: a timeout plus the rest of the request's work.
	width = 1.06
	// peak is how much denser the peak must be than its surroundings on both sides.
	peak = 4
	// windowShare of the calls lie in the window, so that a stray one does not stretch it.
	windowShare = 0.96
	// maxTopShare: no endpoint may hold more of the peak than this above its share of the traffic.
	maxTopShare = 0.5
	// minRise is how many times as frequent such calls must be inside their window as outside.
	minRise = 10
)

// Call is one slow request that was answered.
type Call struct {
	Endpoint, Container int
	Start               record.Time
	Duration            time.Duration
	Ref                 int
}

// Result is a constant duration at which calls end.
type Result struct {
	// Constant is the lower edge of the peak.
	Constant time.Duration
	// From and To bound the calls; Calls, Endpoints and Containers count them.
	From, To                     record.Time
	Calls, Endpoints, Containers int
	// Share is their share of all requests in the window, Outside how many ended so outside of it.
	Share   float64
	Outside int
	// Refs are the calls, in time order.
	Refs []int
}

// Constant looks for such a duration; it returns nil when there is none. trafficShare gives each endpoint's share of all
// requests; rate is requests a second over all; from and to bound the evidence.
func Constant(calls []Call, trafficShare []float64, rate float64, from, to record.Time) *Result {
	if len(calls) < minCalls {
		return nil
	}
	byDur := make([]int, len(calls))
	for i := range byDur {
		byDur[i] = i
	}
	slices.SortFunc(byDur, func(a, b int) int {
		x, y := &calls[a], &calls[b]
		return cmp.Or(cmp.Compare(x.Duration, y.Duration), compare(x, y))
	})
	dur := make([]float64, len(calls))
	for i, k := range byDur {
		dur[i] = calls[k].Duration.Seconds()
	}
	count := func(lo, hi float64) int { return sort.SearchFloat64s(dur, hi) - sort.SearchFloat64s(dur, lo) }
	best, bestAt, tried, ordinary := 0.0, -1.0, 0.0, 0.0
	for _, d := range dur {
		if d < shortest || d < tried*apart {
			continue
		}
		tried = d
		n := count(d, d*width)
		if n < minCalls {
			continue
		}
		// Density per unit of log duration, below and above the peak. Below it there is nothing of a timeout's own; above, a tail.
		below := float64(count(d/1.35, d/1.01)) / math.Log(1.35/1.01)
		above := float64(count(d*1.5, d*2)) / math.Log(2/1.5)
		here := float64(n) / math.Log(width)
		if here < peak*below || here < peak*above {
			continue
		}
		expected := below * math.Log(width)
		third := 1 + (width-1)/3
		first, before := float64(count(d, d*third)), float64(count(d/third, d))
		if float64(n) < expected+5*math.Sqrt(expected+1) || first < sharp*float64(n) || first-before < edge*math.Sqrt(first+before+1) ||
			float64(count(d*width, d*width*width)) > falls*float64(n) {
			continue
		}
		if score := first - 2*before; score > best {
			best, bestAt, ordinary = score, d, expected
		}
	}
	if bestAt < 0 {
		return nil
	}
	lo, hi := sort.SearchFloat64s(dur, bestAt), sort.SearchFloat64s(dur, bestAt*width)
	in := append([]int(nil), byDur[lo:hi]...)
	slices.SortFunc(in, func(a, b int) int { return compare(&calls[a], &calls[b]) })
	// The window: the shortest that holds nearly all of the peak, but for the calls that are there by the ordinary tail, at any time.
	most := max(minCalls, int(windowShare*(float64(len(in))-ordinary)))
	a, b := 0, len(in)-1
	for i := 0; i+most <= len(in); i++ {
		if calls[in[i+most-1]].Start-calls[in[i]].Start < calls[in[b]].Start-calls[in[a]].Start {
			a, b = i, i+most-1
		}
	}
	r := &Result{Constant: time.Duration(bestAt * 1e9).Round(10 * time.Millisecond), From: calls[in[a]].Start, To: calls[in[b]].Start}
	perEp, perC := map[int]int{}, map[int]int{}
	for _, k := range in {
		c := &calls[k]
		if c.Start < r.From || c.Start > r.To {
			r.Outside++
			continue
		}
		r.Calls++
		perEp[c.Endpoint]++
		perC[c.Container]++
		r.Refs = append(r.Refs, c.Ref)
	}
	r.Endpoints, r.Containers = len(perEp), len(perC)
	spread := 0
	for _, n := range perEp {
		if float64(n) >= minOfEndpoint*float64(r.Calls) {
			spread++
		}
	}
	if r.Calls < minCalls || spread < minEndpoints || together(calls, in) > maxTogether {
		return nil
	}
	for e, n := range perEp {
		share := 0.0
		if e < len(trafficShare) {
			share = trafficShare[e]
		}
		if float64(n)/float64(r.Calls) > maxTopShare+share {
			return nil
		}
	}
	inside := r.To.Sub(r.From).Seconds()
	outside := to.Sub(from).Seconds() - inside
	if inside <= 0 {
		return nil
	}
	if rate > 0 {
		r.Share = float64(r.Calls) / (rate * inside)
		if r.Share < minShare {
			return nil
		}
	}
	if outside < 0.1*inside {
		return nil // always there: a slow endpoint's habit (long polling), or the evidence is too short to tell
	}
	if rIn, rOut := float64(r.Calls)/inside, (float64(r.Outside)+0.5)/outside; rIn < minRise*rOut {
		return nil
	}
	return r
}

// compare orders calls by their starts, and equal ones in any order that is always the same.
func compare(x, y *Call) int {
	return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.Endpoint, y.Endpoint), cmp.Compare(x.Container, y.Container), cmp.Compare(x.Ref, y.Ref))
}

// together returns the largest share of the calls that end within one short window.
func together(calls []Call, in []int) float64 {
	ends := make([]record.Time, 0, len(in))
	for _, k := range in {
		ends = append(ends, calls[k].Start.Add(calls[k].Duration))
	}
	slices.Sort(ends)
	best, lo := 0, 0
	for hi := range ends {
		for ends[hi].Sub(ends[lo]) > togetherWindow {
			lo++
		}
		best = max(best, hi-lo+1)
	}
	return float64(best) / float64(max(1, len(ends)))
}
