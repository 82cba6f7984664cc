package traffic

import (
	"cmp"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

const (
	// maxFailures bounds the requests kept that were answered with a server error; where there are more, they are looked at as a whole only.
	maxFailures = 200_000
	// failureGap: errors of an endpoint that lie no further apart are of one stretch.
	failureGap = time.Minute
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

// failingStretch returns the stretch with most of the errors of one endpoint, which are in the order of time; pace is how many requests a
// second it is asked on average.
func failingStretch(of []failure, pace float64, window time.Duration) (Failing, bool) {
	from, to := 0, 0 // the longest run
	for i := 0; i < len(of); {
		n := i + 1
		for n < len(of) && of[n].end.Sub(of[n-1].end) <= failureGap {
			n++
		}
		if n-i > to-from {
			from, to = i, n
		}
		i = n
	}
	run := of[from:to]
	if len(run) < failingLeast {
		return Failing{}, false
	}
	f := Failing{From: run[0].end, To: run[len(run)-1].end, Requests: len(run)}
	long := f.To.Sub(f.From)
	rest := (float64(len(of)-len(run)) + 0.5) / max((window-long).Seconds(), 1)
	if long < failingFor || float64(len(run))/long.Seconds() < failingTimes*rest || float64(len(run)) < failingShare*pace*long.Seconds() {
		return Failing{}, false
	}
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
	if usual >= leastDuration.Seconds() && float64(same) >= oneDuration*float64(len(run)) {
		f.After = time.Duration(usual * 1e9)
	}
	return f, true
}

// FailingRule documents the test.
func FailingRule() finding.Rule {
	return finding.Rule{ID: "errors.stretch", Title: "An endpoint failed for a while", Question: "Did the requests of an endpoint fail for some minutes that do not fail otherwise?",
		Test: "The answers of each endpoint with status 5xx; those no more than a minute apart are one stretch. Where nothing died and nothing else is wrong, the verdict is not that nothing is.",
		Thresholds: []finding.Threshold{{Name: "errors", Value: "50, over at least 3 minutes", Why: "less is an incident of one caller"},
			{Name: "rate", Value: "10 times that of the rest of the time", Why: "some endpoints always fail for some"},
			{Name: "share", Value: "half of what is asked of the endpoint in that time on average", Why: "most of its requests failed"},
			{Name: "one duration", Value: "80% of them within 5%, a second or longer", Why: "a timeout: something that they wait for does not answer"}},
		Source: "method of the project", Limits: "Errors that an application answers with status 200 are not seen."}
}
