package analyze

import (
	"maps"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/reqlog"
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
