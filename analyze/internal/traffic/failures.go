package traffic

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

const (
	// maxFailures bounds the requests kept that were answered with a server error; where there are more, they are looked at as a whole only.
	maxFailures = 200_000
	// failingEdge: a stretch goes on as long as a minute has so much of the errors of its densest ones.
	failingEdge = 0.25
	// A stretch in which an endpoint fails has so many errors over so long a time, at so many times the rate of the rest of the time, and is
	// such a part of what is asked of the endpoint in that time.
	failingLeast = 50
	failingFor   = 3 * time.Minute
	failingTimes = 10
	failingShare = 0.5
	// oneDuration: so large a part of the failed requests took the same time, within this part of it.
	oneDuration   = 0.8
	sameDuration  = 0.05
	leastDuration = time.Second
)

// failure is one request that was answered with a server error.
type failure struct {
	endpoint uint32
	end      record.Time
	took     time.Duration
}

// ManyFailures reports whether more requests were answered with a server error than are looked at one by one.
func (m *Measured) ManyFailures() bool { return m.failures.overflown }

// failures are all of them; overflown says that there were too many.
type failures struct {
	of        []failure
	overflown bool
}

func (f *failures) add(endpoint uint32, start, end record.Time) {
	switch {
	case f.overflown:
	case len(f.of) >= maxFailures:
		f.of, f.overflown = nil, true
	default:
		f.of = append(f.of, failure{endpoint, end, end.Sub(start)})
	}
}

// Failing is a stretch of time in which requests of an endpoint failed that do not fail otherwise.
type Failing struct {
	Endpoint int
	From, To record.Time
	Requests int
	// After is how long nearly all of them took; 0 where they differ.
	After time.Duration
}

// Failing returns, for each endpoint that has one, the stretch with most errors; those with most errors first.
func (m *Measured) Failing(t *Traffic) (out []Failing) {
	of := slices.SortedFunc(slices.Values(m.failures.of), func(a, b failure) int {
		return cmp.Or(cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.end, b.end), cmp.Compare(a.took, b.took))
	})
	for i := 0; i < len(of); {
		n := i + 1
		for n < len(of) && of[n].endpoint == of[i].endpoint {
			n++
		}
		if e := int(of[i].endpoint); e != 0 {
			pace := float64(m.Counts.PerEndpoint[e]) / max(t.Window.To.Sub(t.Window.From).Seconds(), 1)
			if f, ok := failingStretch(of[i:n], pace, t.Window.To.Sub(t.Window.From)); ok {
				f.Endpoint = e
				out = append(out, f)
			}
		}
		i = n
	}
	slices.SortStableFunc(out, func(a, b Failing) int { return cmp.Compare(b.Requests, a.Requests) })
	return out
}

// failingStretch returns the stretch with most of the errors of one endpoint, which are in the order of time: the minutes around the densest
// ones in which it fails about as often. pace is how many requests a second it is asked on average.
func failingStretch(of []failure, pace float64, window time.Duration) (Failing, bool) {
	if len(of) < failingLeast {
		return Failing{}, false
	}
	minute := func(f failure) int { return int(f.end.Sub(of[0].end) / time.Minute) }
	counts := make([]int, minute(of[len(of)-1])+1)
	for _, f := range of {
		counts[minute(f)]++
	}
	const dense = int(failingFor / time.Minute)
	best, at, sum := 0, 0, 0
	for i, n := range counts {
		if sum += n; i >= dense {
			sum -= counts[i-dense]
		}
		if sum > best {
			best, at = sum, i
		}
	}
	least := max(1, int(failingEdge*float64(best)/float64(dense)))
	from, to := at, at
	for from > 0 && (counts[from-1] >= least || at-from < dense-1) {
		from--
	}
	for to+1 < len(counts) && counts[to+1] >= least {
		to++
	}
	run := of[sort.Search(len(of), func(i int) bool { return minute(of[i]) >= from }):sort.Search(len(of), func(i int) bool { return minute(of[i]) > to })]
	f := Failing{From: run[0].end, To: run[len(run)-1].end, Requests: len(run)}
	long := f.To.Sub(f.From)
	rest := (float64(len(of)-len(run)) + 0.5) / max((window-long).Seconds(), 1)
	if len(run) < failingLeast || long < failingFor || float64(len(run))/long.Seconds() < failingTimes*rest || float64(len(run)) < failingShare*pace*long.Seconds() {
		return Failing{}, false
	}
	f.After = oneTimeOf(run)
	return f, true
}

// oneTimeOf is how long nearly all of some failed requests took, 0 where they differ.
func oneTimeOf(run []failure) time.Duration {
	took := make([]float64, len(run))
	for i, x := range run {
		took[i] = x.took.Seconds()
	}
	usual := stat.Median(took)
	same := 0
	for _, s := range took {
		if s >= (1-sameDuration)*usual && s <= (1+sameDuration)*usual {
			same++
		}
	}
	if usual < leastDuration.Seconds() || float64(same) < oneDuration*float64(len(run)) {
		return 0
	}
	return time.Duration(usual * 1e9)
}

// FailingRule documents the test.
func FailingRule() finding.Rule {
	return finding.Rule{ID: "errors.stretch", Title: "An endpoint failed for a while", Question: "Did the requests of an endpoint fail for some minutes that do not fail otherwise?",
		Test: "The answers of each endpoint with status 5xx; a stretch is the three minutes with most, and those around in which a quarter as many fail. Where nothing died and nothing else is wrong, the verdict is not that nothing is.",
		Thresholds: []finding.Threshold{{Name: "errors", Value: "50, over at least 3 minutes", Why: "less is an incident of one caller"},
			{Name: "rate", Value: "10 times that of the rest of the time", Why: "some endpoints always fail for some"},
			{Name: "share", Value: "half of what is asked of the endpoint in that time on average", Why: "most of its requests failed"},
			{Name: "one duration", Value: "80% of them within 5%, a second or longer", Why: "a timeout: something that they wait for does not answer"}},
		Source: "method of the project", Limits: "Errors that an application answers with status 200 are not seen."}
}
