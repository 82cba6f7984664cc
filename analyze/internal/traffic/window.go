package traffic

import (
	"maps"
	"slices"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

const (
	// maxGap and maxWindow, in hours: evidence with nothing in between for so long is not of one time, and more than a year is not
	// looked at as one.
	maxGap    = 72
	maxWindow = 400 * 24
)

// bound finds the window of the evidence. A stray timestamp (1970, 9999) must not stretch it, so time is cut into hours, and the
// densest run of hours without a gap of more than three days is kept; what lies outside is counted.
func (t *Traffic) bound() {
	const hour = record.Time(time.Hour)
	hours := map[int64]int64{}
	stats := t.Evidence.Log.Stats()
	t.eachTime(stats, func(at record.Time, weight, _ int64) { hours[int64(at/hour)] += weight })
	for i := range t.Evidence.Jobs {
		if at := t.Evidence.Jobs[i].Start; at != 0 {
			hours[int64(at/hour)]++
		}
	}
	lo, hi, ok := densest(hours)
	if !ok {
		t.Window.From, t.Window.To = t.Asked.From, max(t.Asked.From, t.Asked.To)
		return
	}
	from, to := record.Time(lo)*hour, record.Time(hi+1)*hour
	sp := intake.Span{}
	t.eachTime(stats, func(at record.Time, _, records int64) {
		if at >= from && at < to {
			sp.Add(at)
		} else {
			t.Left.Outside += records
		}
	})
	for _, s := range stats {
		if s.First < from || s.First >= to {
			continue
		}
		sp.Add(s.LastStart)
		if s.Last < to+hour { // a request that ends years later has a wrong time
			sp.Add(s.Last)
		}
	}
	t.cut(sp.First, sp.Last)
}

// eachTime calls f for the times of all records but jobs, those of requests by the slots in which they begin. weight is what a record counts
// for in the choice of the window, records is how many there are.
func (t *Traffic) eachTime(slots []reqlog.Stat, f func(at record.Time, weight, records int64)) {
	see := func(at record.Time, weight int64) {
		if at != 0 {
			f(at, weight, 1)
		}
	}
	for _, s := range slots {
		f(s.First, s.N, s.N)
	}
	for _, q := range t.Evidence.Open {
		for i := range q {
			see(q[i].Start, 1)
		}
	}
	for i := range t.Evidence.Crashes {
		see(t.Evidence.Crashes[i].Time, 1000)
	}
	for i := range t.Evidence.Events {
		see(t.Evidence.Events[i].Time, 10)
	}
	for _, s := range t.Evidence.Series {
		for _, p := range s.Points {
			see(p.T, 1)
		}
	}
	for i := range t.Evidence.Exposures {
		see(t.Evidence.Exposures[i].From, 1)
		see(t.Evidence.Exposures[i].To, 1)
	}
}

// densest returns the first and last of the run of hours without a long gap that weighs most, the first of equals; ok is false where
// nothing weighs anything.
func densest(hours map[int64]int64) (lo, hi int64, ok bool) {
	keys := slices.Sorted(maps.Keys(hours))
	var best, n int64
	for i, j := 0, 0; j < len(keys); j++ {
		if j > 0 && keys[j]-keys[j-1] > maxGap {
			i, n = j, 0
		}
		n += hours[keys[j]]
		for ; keys[j]-keys[i] > maxWindow; i++ {
			n -= hours[keys[i]]
		}
		if n > best {
			best, lo, hi = n, keys[i], keys[j]
		}
	}
	return lo, hi, best > 0
}

// cut bounds the window, by what was asked for as well, and drops the small records outside.
func (t *Traffic) cut(from, to record.Time) {
	t.Window.From, t.Window.To = from, to
	if t.Asked.From != 0 {
		t.Window.From = max(from, t.Asked.From)
	}
	if t.Asked.To != 0 {
		t.Window.To = min(to, t.Asked.To)
	}
	t.Window.To = max(t.Window.From, t.Window.To) // the question may lie outside of the evidence
	t.Evidence.Crashes = slices.DeleteFunc(t.Evidence.Crashes, func(c record.Crash) bool { return c.Time < t.Window.From || c.Time > t.Window.To })
	t.Evidence.Events = slices.DeleteFunc(t.Evidence.Events, func(e record.Lifecycle) bool { return e.Time < t.Window.From || e.Time > t.Window.To })
	for _, s := range t.Evidence.Series {
		s.Points = slices.DeleteFunc(s.Points, func(p intake.Point) bool { return p.T < t.Window.From || p.T > t.Window.To })
	}
}
