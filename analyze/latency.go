package analyze

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// latencyBuckets is into how many stretches the window is cut.
const latencyBuckets = 120

// latencies gathers the latency of all requests, and then of some endpoints by themselves, in buckets over the window.
type latencies struct {
	buckets calendar
	all     latencyRow
	singles map[uint32]*latencyRow
}

// latencyRow has a histogram for each bucket with requests.
type latencyRow [latencyBuckets + 1]*inflight.Histogram

func newLatencies(from, to record.Time) *latencies {
	return &latencies{buckets: newCalendar(from, to.Sub(from)/latencyBuckets+1), singles: map[uint32]*latencyRow{}}
}

// bucket returns the histogram of an instant.
func (l *latencies) bucket(row *latencyRow, at record.Time) *inflight.Histogram {
	b := min(latencyBuckets, l.buckets.at(at))
	if row[b] == nil {
		row[b] = &inflight.Histogram{}
	}
	return row[b]
}

// add counts one request by the bin of its duration.
func (l *latencies) add(start record.Time, bin int) { l.bucket(&l.all, start).AddBin(bin) }

// single asks for an endpoint by itself; addSingle counts a request if it is of one of those.
func (l *latencies) single(endpoint uint32) { l.singles[endpoint] = &latencyRow{} }

func (l *latencies) addSingle(r *reqlog.Rec) {
	if row := l.singles[r.Endpoint]; row != nil {
		l.bucket(row, r.Start).AddBin(inflight.DurationBin(r.End.Sub(r.Start).Seconds()))
	}
}

// rows are the latencies of the single endpoints and of all others together.
func (l *latencies) rows(endpoints []string) []finding.Latency {
	var out []finding.Latency
	put := func(name string, row *latencyRow) {
		for b, h := range row {
			if h != nil && h.N > 0 {
				out = append(out, finding.Latency{Endpoint: name, T: l.buckets.origin.Add(time.Duration(b) * l.buckets.width).Std(), P50: round(h.Quantile(0.5), 4), P99: round(h.Quantile(0.99), 4), Count: h.N})
			}
		}
	}
	var others latencyRow
	for b, h := range l.all {
		if h != nil {
			sum := *h
			others[b] = &sum
		}
	}
	for _, e := range slices.Sorted(maps.Keys(l.singles)) {
		put(endpoints[e], l.singles[e])
		for b, h := range l.singles[e] {
			if h != nil {
				others[b].Sub(h)
			}
		}
	}
	put("others", &others)
	return out
}

const (
	// slowTimes as long as usual the median request took for at least slowFor, with slowLeast requests in each bucket: not all was well then.
	slowTimes = 5
	slowFor   = 3 * time.Minute
	slowLeast = 20
)

// slowStretch is a time in which requests took much longer than usual; medians in seconds.
type slowStretch struct {
	from, to      record.Time
	median, usual float64
}

// slowest returns the longest stretch in which the median of all requests, bucket for bucket, was a multiple of what it usually is.
func (l *latencies) slowest() (slow slowStretch, found bool) {
	var of [len(l.all)]float64 // by bucket, the median where it is steady
	var medians []float64
	for b, h := range l.all {
		if h != nil && h.N >= slowLeast {
			of[b] = h.Quantile(0.5)
			medians = append(medians, of[b])
		}
	}
	if len(medians) == 0 {
		return slow, false
	}
	usual := stat.Median(medians)
	for b := 0; b < len(of); b++ {
		now := slowStretch{from: l.buckets.origin.Add(time.Duration(b) * l.buckets.width), usual: usual}
		for ; b < len(of) && of[b] > 0 && of[b] >= slowTimes*usual; b++ {
			now.to = l.buckets.origin.Add(time.Duration(b+1) * l.buckets.width)
			now.median = max(now.median, of[b])
		}
		if now.to != 0 && now.to.Sub(now.from) >= slowFor && (!found || now.to.Sub(now.from) > slow.to.Sub(slow.from)) {
			slow, found = now, true
		}
	}
	return slow, found
}

func latencyRule() finding.Rule {
	return finding.Rule{ID: "latency.slow", Title: "All requests were slow for a while", Question: "Was all well where nothing died?",
		Test: "The median duration of all requests in each of 120 stretches of the window, against the median of those. \"Nothing wrong\" is possible at most where they were slow for long.",
		Thresholds: []finding.Threshold{{Name: "slow", Value: fmt.Sprintf("%d times the usual median", slowTimes), Why: "other endpoints at another hour make twice or three times"},
			{Name: "for", Value: fmt.Sprint(slowFor), Why: "a deploy warms up within minutes"},
			{Name: "requests", Value: fmt.Sprintf("%d in each stretch", slowLeast), Why: "fewer have no steady median"}},
		Source: "simulated outages of a database", Limits: "Where at night other endpoints are asked, which always are slow, it says the same; what is slow on one endpoint only is not seen."}
}
