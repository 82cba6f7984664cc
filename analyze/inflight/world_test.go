package inflight

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"lastcall/collectors/record"
)

// A small world to try the method in: one container's traffic as Poisson processes with lognormal durations, quiet time to take base
// rates from, and deaths before which everything slows down.

// service is one endpoint of the world.
type service struct {
	rate   float64 // requests a second on one container
	median float64 // seconds
	sigma  float64 // of the logarithm of the duration
}

const (
	quietSeconds = 2e5
	t0           = record.Time(1_800_000_000_000_000_000)
)

// services: a few busy and many rare endpoints, one that is always slow and one nightly batch.
func services() []service {
	var s []service
	for i := range 24 {
		s = append(s, service{rate: 0.25 / float64(1+i), median: []float64{0.03, 0.1, 0.4, 1.2}[i%4], sigma: 0.7})
	}
	s = append(s, service{rate: 1.0 / 300, median: 12, sigma: 0.6})   // a slow export
	s = append(s, service{rate: 1.0 / 3000, median: 400, sigma: 0.4}) // a batch
	s = append(s, service{rate: 1.0 / 5000, median: 6, sigma: 0.8})   // rare: the usual culprit
	s = append(s, service{rate: 1.0 / 20000, median: 2, sigma: 0.8})
	return s
}

const (
	slowExport = 24
	batch      = 25
	rare       = 26
)

func (s service) draw(rng *rand.Rand) float64 { return s.median * math.Exp(s.sigma*rng.NormFloat64()) }

func poisson(rng *rand.Rand, mean float64) int {
	n := 0
	for t := rng.ExpFloat64(); t < mean; t += rng.ExpFloat64() {
		n++
	}
	return n
}

// quiet measures base rates over quiet time as the analysis does.
func quiet(rng *rand.Rand, eps []service) *Baseline {
	b := &Baseline{Open: make([][Bins]float64, len(eps)), Durations: make([]Histogram, len(eps)), Seconds: quietSeconds}
	for e, s := range eps {
		for range poisson(rng, s.rate*quietSeconds) {
			d := s.draw(rng)
			b.Durations[e].Add(d)
			for k := range Bins {
				b.Open[e][k] += max(0, min(d, Ages[k+1])-Ages[k])
			}
		}
		for k := range Bins {
			b.Open[e][k] = (b.Open[e][k] + min(Ages[k+1]-Ages[k], 600)) / quietSeconds
		}
	}
	return b
}

// stage is a slow-down: from so many seconds before the death the container works at this pace.
type stage struct{ before, pace float64 }

// crash is one death to simulate.
type crash struct {
	stages  []stage   // earliest first; none: no slow-down
	culprit int       // -1: nobody
	age     float64   // of the culprit at the last onset
	extra   []Request // placed as they are
}

// die simulates the requests around one death at time at.
func die(rng *rand.Rand, eps []service, at record.Time, k crash) Case {
	const since = 4000.0 // seconds before the death, so that old requests are there as well
	c := Case{Time: at, Load: 1, Hour: 12}
	// The work that the container still does from so many seconds before its death on, in seconds at the usual pace.
	left := func(from float64) float64 {
		total, at := 0.0, 0.0
		for i := len(k.stages) - 1; i >= 0 && at < from; i-- {
			until := min(k.stages[i].before, from)
			total += (until - at) * k.stages[i].pace
			at = until
		}
		return total + from - at
	}
	// And back: when so much work is left.
	when := func(work float64) float64 {
		at := 0.0
		for _, v := range slices.Backward(k.stages) {
			span := v.before - at
			if work <= span*v.pace {
				return at + work/v.pace
			}
			work -= span * v.pace
			at = v.before
		}
		return at + work
	}
	for e, s := range eps {
		for range poisson(rng, s.rate*since) {
			start := rng.Float64() * since
			q := Request{Endpoint: e, Start: at.Add(-secs(start)), Ref: -1}
			if rest := left(start) - s.draw(rng); rest >= 0 {
				if start > Lookback.Seconds() {
					continue
				}
				q.End = at.Add(-secs(when(rest)))
			}
			c.Requests = append(c.Requests, q)
		}
	}
	if k.culprit >= 0 {
		onset := 0.0
		if n := len(k.stages); n > 0 {
			onset = k.stages[n-1].before
		}
		c.Requests = append(c.Requests, Request{Endpoint: k.culprit, Start: at.Add(-secs(onset + k.age)), Ref: 1000})
	}
	c.Requests = append(c.Requests, k.extra...)
	slices.SortStableFunc(c.Requests, func(a, b Request) int { return int(min(1, max(-1, a.Start-b.Start))) })
	return c
}

func secs(s float64) time.Duration { return time.Duration(s * 1e9) }
