package traffic

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/internal/stat"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// latencyBuckets is into how many stretches the window is cut.
const latencyBuckets = 120

// Latencies is the latency of all requests, in buckets over the window.
type Latencies struct {
	buckets calendar
	all     latencyRow
}

// Singles are the latencies of some endpoints by themselves, in the same buckets.
type Singles struct {
	buckets calendar
	rows    map[uint32]*latencyRow // by index of the endpoint
}

// latencyRow has a histogram for each bucket with requests.
type latencyRow [latencyBuckets + 1]*inflight.Histogram

// latencyCalendar is the division of the window into buckets.
func latencyCalendar(window life.Span) calendar {
	return newCalendar(window.From, window.To.Sub(window.From)/latencyBuckets+1)
}

// in returns the histogram of a bucket.
func (row *latencyRow) in(bucket int) *inflight.Histogram {
	b := min(latencyBuckets, bucket)
	if row[b] == nil {
		row[b] = &inflight.Histogram{}
	}
	return row[b]
}

// add counts one request by the bin of its duration.
func (l *Latencies) add(start record.Time, bin int) { l.all.in(l.buckets.at(start)).AddBin(bin) }

// add counts one request if it is of one of the endpoints.
func (s *Singles) add(r *reqlog.Rec) {
	if row := s.rows[r.Endpoint]; row != nil {
		row.in(s.buckets.at(r.Start)).AddBin(inflight.DurationBin(r.End.Sub(r.Start).Seconds()))
	}
}

// Latency is the latency of one endpoint, or of "others", in one bucket.
type Latency struct {
	Endpoint string
	At       record.Time // when the bucket begins
	P50, P99 float64     // seconds
	Count    int64
}

// Rows are the latencies of single endpoints, called by their names by index, and of all others together.
func (l *Latencies) Rows(endpoints []string, singles Singles) []Latency {
	var out []Latency
	put := func(name string, row *latencyRow) {
		for b, h := range row {
			if h != nil && h.N > 0 {
				out = append(out, Latency{name, l.buckets.origin.Add(time.Duration(b) * l.buckets.width), h.Quantile(0.5), h.Quantile(0.99), h.N})
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
	for _, e := range slices.Sorted(maps.Keys(singles.rows)) {
		put(endpoints[e], singles.rows[e])
		for b, h := range singles.rows[e] {
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

// SlowStretch is a time in which requests took much longer than usual; medians in seconds.
type SlowStretch struct {
	From, To      record.Time
	Median, Usual float64
}

// Slowest returns the longest stretch in which the median of all requests, bucket for bucket, was a multiple of what it usually is.
func (l *Latencies) Slowest() (slow SlowStretch, found bool) {
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
		now := SlowStretch{From: l.buckets.origin.Add(time.Duration(b) * l.buckets.width), Usual: usual}
		for ; b < len(of) && of[b] > 0 && of[b] >= slowTimes*usual; b++ {
			now.To = l.buckets.origin.Add(time.Duration(b+1) * l.buckets.width)
			now.Median = max(now.Median, of[b])
		}
		if now.To != 0 && now.To.Sub(now.From) >= slowFor && (!found || now.To.Sub(now.From) > slow.To.Sub(slow.From)) {
			slow, found = now, true
		}
	}
	return slow, found
}

// LatencyRule is the rule of [Latencies.Slowest].
func LatencyRule() finding.Rule {
	return finding.Rule{ID: "latency.slow", Title: "All requests were slow for a while", Question: "Was all well where nothing died?",
		Test: "The median duration of all requests in each of 120 stretches of the window, against the median of those. \"Nothing wrong\" is possible at most where they were slow for long.",
		Thresholds: []finding.Threshold{{Name: "slow", Value: fmt.Sprintf("%d times the usual median", slowTimes), Why: "other endpoints at another hour make twice or three times"},
			{Name: "for", Value: fmt.Sprint(slowFor), Why: "a deploy warms up within minutes"},
			{Name: "requests", Value: fmt.Sprintf("%d in each stretch", slowLeast), Why: "fewer have no steady median"}},
		Source: "simulated outages of a database", Limits: "Where at night other endpoints are asked, which always are slow, it says the same; what is slow on one endpoint only is not seen."}
}
