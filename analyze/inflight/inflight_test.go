package inflight

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"lastcall/collectors/record"
)

// TestInnocentsHaveRatiosOfOneAtMost is the promise that everything rests on: over deaths that no request caused, the likelihood ratio
// of an innocent endpoint is 1 on average or less, whether the container slowed down before its death or not, and hardly ever does
// one endpoint look guilty. It is less where a culprit might have an age that the endpoint's requests never reach.
func TestInnocentsHaveRatiosOfOneAtMost(t *testing.T) {
	// All ages occur at every endpoint, as often as a culprit is expected to have them: nothing is lost there, and the mean is 1.
	var everyAge []service
	for range 12 {
		everyAge = append(everyAge, service{rate: 1.0 / 40, median: 60, sigma: 2})
	}
	for _, c := range []struct {
		name    string
		eps     []service
		atLeast float64
		stages  func(rng *rand.Rand) []stage
	}{
		{"deaths out of the blue", services(), 0.1, func(*rand.Rand) []stage { return nil }},
		{"deaths out of the blue, with requests of all ages", everyAge, 0.6, func(*rand.Rand) []stage { return nil }},
		{"deaths after a slow-down", services(), 0.1, func(rng *rand.Rand) []stage { return []stage{{10 + 200*rng.Float64(), 0.03 + 0.1*rng.Float64()}} }},
		{"deaths after a slow-down, with requests of all ages", everyAge, 0.6, func(rng *rand.Rand) []stage { return []stage{{100 + 100*rng.Float64(), 0.03}} }},
		{"deaths after a slow-down in two stages", services(), 0.1, func(rng *rand.Rand) []stage {
			return []stage{{300 + 300*rng.Float64(), 0.5}, {10 + 100*rng.Float64(), 0.05}}
		}},
		{"deaths of a container that stands still", services(), 0.1, func(rng *rand.Rand) []stage { return []stage{{30 + 60*rng.Float64(), 0.001}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := 200
			if len(c.eps) == len(everyAge) {
				n = 40 // hundreds of open requests each
			}
			rng := rand.New(rand.NewPCG(7, 7))
			b := quiet(rng, c.eps)
			var ratios []float64
			suspicious, accused := 0, 0
			for range n {
				r := Evaluate(b, []Case{die(rng, c.eps, t0, crash{stages: c.stages(rng), culprit: -1})})
				top := 0.0
				for e := range r.Endpoints {
					ratios = append(ratios, r.Endpoints[e].LR[0])
					top = max(top, r.Endpoints[e].EValue)
				}
				if top >= 20*float64(len(c.eps)) {
					suspicious++
				}
				if r.Endpoints[r.Leader].Posterior >= 0.95 {
					accused++
				}
			}
			m := mean(ratios)
			t.Logf("mean likelihood ratio %.3f, suspicious %d, posterior above 0.95 %d of %d", m, suspicious, accused, n)
			if m > 1.3 || m < c.atLeast {
				t.Errorf("the mean likelihood ratio of innocents is %.3f", m)
			}
			if suspicious*20 > n {
				t.Errorf("an innocent reached an e-value of 20 per endpoint in %d of %d deaths, want at most 1 in 20", suspicious, n)
			}
			if accused*100 > n {
				t.Errorf("an innocent reached a posterior of 0.95 in %d of %d deaths", accused, n)
			}
		})
	}
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

func TestACulpritIsFoundAndMoreCrashesMakeItSurer(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	eps := services()
	b := quiet(rng, eps)
	const runs = 40
	last := 0.0
	for _, n := range []int{1, 2, 4} {
		first, sum, loo := 0, 0.0, 0.0
		for range runs {
			var cases []Case
			for i := range n {
				cases = append(cases, die(rng, eps, t0.Add(time.Duration(i)*3*time.Hour), crash{
					stages: []stage{{20 + 100*rng.Float64(), 0.05}}, culprit: rare, age: 4 + 40*rng.Float64()}))
			}
			r := Evaluate(b, cases)
			if r.Leader == rare {
				first++
			}
			sum += r.Endpoints[rare].Posterior
			loo += r.LeaveOneOut
			if n == 1 && r.LeaveOneOut != r.Endpoints[r.Leader].Posterior {
				t.Fatalf("with one crash, leave-one-out is %v, want the posterior %v", r.LeaveOneOut, r.Endpoints[r.Leader].Posterior)
			}
			if n > 1 && r.LeaveOneOut > r.Endpoints[r.Leader].Posterior+1e-12 {
				t.Fatalf("leaving a crash out raises the posterior: %v > %v", r.LeaveOneOut, r.Endpoints[r.Leader].Posterior)
			}
			for e := range r.Endpoints {
				for i, x := range r.Endpoints[e].Blame {
					if x < 0 || x > 1 || math.IsNaN(x) {
						t.Fatalf("blame of endpoint %d for crash %d is %v", e, i, x)
					}
				}
			}
		}
		m := sum / runs
		t.Logf("%d crash(es): first in %d of %d, mean posterior %.4f, leave-one-out %.4f", n, first, runs, m, loo/runs)
		if first < runs*9/10 {
			t.Errorf("%d crash(es): the culprit leads in %d of %d runs", n, first, runs)
		}
		if m < last {
			t.Errorf("%d crash(es): mean posterior %.4f is below %.4f with fewer", n, m, last)
		}
		last = m
	}
	if last < 0.99 {
		t.Errorf("after four crashes the mean posterior is %.4f", last)
	}
}

func TestWhatBeganAfterTheOnsetIsAVictim(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	eps := services()
	b := quiet(rng, eps)
	below := 0
	const runs = 50
	for range runs {
		// Ninety seconds of standing still; a rare endpoint is asked for in the middle of it.
		victim := Request{Endpoint: rare + 1, Start: t0.Add(-40 * time.Second), Ref: 7}
		r := Evaluate(b, []Case{die(rng, eps, t0, crash{stages: []stage{{90, 0.02}}, culprit: rare, age: 20, extra: []Request{victim}})})
		if r.Endpoints[rare+1].LR[0] < 1 {
			below++
		}
		if r.Endpoints[rare+1].Oldest[0] != 7 {
			t.Fatalf("the victim's request is not the oldest open one: %d", r.Endpoints[rare+1].Oldest[0])
		}
		if r.Endpoints[rare].Posterior < r.Endpoints[rare+1].Posterior {
			t.Errorf("a victim stands above the culprit: %v, %v", r.Endpoints[rare+1], r.Endpoints[rare])
		}
	}
	if below < runs*9/10 {
		t.Errorf("a request that began after the onset has a ratio below 1 in %d of %d deaths only", below, runs)
	}
}

func TestTheUsualAreNotAccused(t *testing.T) {
	eps := services()
	for _, c := range []struct {
		name string
		e    int
		age  float64
	}{
		{"a batch that runs for minutes, always", batch, 300},
		{"an export that is always slow", slowExport, 10},
		{"an endpoint that is busy", 0, 0.02},
		{"an endpoint that is busy and now and then slow", 3, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, 1))
			b := quiet(rng, eps)
			accused := 0
			for range 60 {
				// It is open at each of two onsets, as it may well be by chance; the culprit is not in the log.
				cases := []Case{
					die(rng, eps, t0, crash{stages: []stage{{60, 0.05}}, culprit: c.e, age: c.age}),
					die(rng, eps, t0.Add(5*time.Hour), crash{stages: []stage{{60, 0.05}}, culprit: c.e, age: c.age * 1.2}),
				}
				r := Evaluate(b, cases)
				if r.Endpoints[c.e].Posterior >= 0.95 {
					accused++
				}
			}
			if accused > 1 {
				t.Errorf("accused in %d of 60 pairs of deaths", accused)
			}
		})
	}
}

func TestTheOnsetIsThatOfTheLastStage(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 4))
	eps := services()
	b := quiet(rng, eps)
	var errs []float64
	later := 0
	const runs = 40
	for range runs {
		// Half the usual pace for eight minutes, then a twentieth for 90 seconds; the culprit begins in between.
		r := Evaluate(b, []Case{die(rng, eps, t0, crash{stages: []stage{{480, 0.5}, {90, 0.03}}, culprit: rare, age: 30})})
		errs = append(errs, math.Abs(math.Log(r.Onsets[0]/90)))
		if r.Onsets[0] < 240 {
			later++
		}
		if r.Leader == rare && r.Endpoints[rare].LR[0] < 1 {
			t.Errorf("the culprit leads with a ratio of %v", r.Endpoints[rare].LR[0])
		}
	}
	slices.Sort(errs)
	if m := errs[runs/2]; m > math.Log(1.5) {
		t.Errorf("the onset is off by a factor of %.2f in the middle of %d deaths", math.Exp(m), runs)
	}
	if later < runs*8/10 {
		t.Errorf("the onset lies in the severe stage in %d of %d deaths", later, runs)
	}
}

func TestOneRequestThatComesBackIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	eps := services()
	b := quiet(rng, eps)
	const pill = 0xfeed
	story := func(open ...bool) []Case {
		var cases []Case
		for i, o := range open {
			at := t0.Add(time.Duration(i) * 4 * time.Minute)
			var extra []Request
			if o {
				extra = append(extra, Request{Endpoint: rare, Start: at.Add(-50 * time.Second), Same: pill, Ref: 100 + i})
			}
			// Others are open too, each once.
			for k := range 5 {
				extra = append(extra, Request{Endpoint: k, Start: at.Add(-secs(float64(1 + k))), Same: uint64(1 + 10*i + k), Ref: k})
			}
			cases = append(cases, die(rng, eps, at, crash{stages: []stage{{30, 0.05}}, culprit: -1, extra: extra}))
		}
		return cases
	}
	for _, c := range []struct {
		name    string
		open    []bool
		hops    int
		atLeast float64
	}{
		{"twice is something", []bool{true, true}, 2, 20},
		{"three times is hard evidence", []bool{true, true, true}, 3, 1000},
		{"a crash without it weakens it", []bool{true, true, false, true}, 3, 20},
		{"once is nothing", []bool{true, false, false}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Evaluate(b, story(c.open...))
			if c.hops == 0 {
				if r.Same != nil {
					t.Fatalf("found %+v", r.Same)
				}
				return
			}
			if r.Same == nil || r.Same.Fingerprint != pill || r.Same.Endpoint != rare || r.Same.Hops != c.hops {
				t.Fatalf("got %+v", r.Same)
			}
			if r.Same.EValue < c.atLeast {
				t.Errorf("e-value %v, want %v or more", r.Same.EValue, c.atLeast)
			}
			for i, o := range c.open {
				want := -1
				if o {
					want = 100 + i
				}
				if r.Same.Refs[i] != want {
					t.Errorf("crash %d: ref %d, want %d", i, r.Same.Refs[i], want)
				}
			}
		})
	}
	full, broken := Evaluate(b, story(true, true, true, true)).Same, Evaluate(b, story(true, true, false, true)).Same
	if full.EValue <= broken.EValue {
		t.Errorf("four in a row (%v) prove no more than three of four (%v)", full.EValue, broken.EValue)
	}
}

func TestARetriedVictimIsNoSameRequest(t *testing.T) {
	// Every request that one death cuts is tried again at once and is open at the next death, seconds later: that is what victims do.
	rng := rand.New(rand.NewPCG(4, 4))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 2 {
		at := t0.Add(time.Duration(i) * 3 * time.Second)
		var extra []Request
		for k := range 12 {
			extra = append(extra, Request{Endpoint: slowExport, Start: at.Add(-2500 * time.Millisecond), Same: uint64(100 + k), Ref: k})
		}
		cases = append(cases, die(rng, eps, at, crash{culprit: -1, extra: extra}))
	}
	if s := Evaluate(b, cases).Same; s != nil && s.EValue >= 20 {
		t.Errorf("retried victims of a quick second death look like a poison pill: %+v", s)
	}
}

func TestPosteriorOfSomeCasesFindsASecondCulprit(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 6 {
		k := crash{stages: []stage{{60, 0.04}}, culprit: rare, age: 25}
		if i >= 3 {
			k.culprit = rare + 1
		}
		cases = append(cases, die(rng, eps, t0.Add(time.Duration(i)*2*time.Hour), k))
	}
	r := Evaluate(b, cases)
	if r.Leader != rare && r.Leader != rare+1 {
		t.Fatalf("leader %d", r.Leader)
	}
	for half, want := range map[int]int{0: rare, 3: rare + 1} {
		post, nobody := r.PosteriorOf([]int{half, half + 1, half + 2})
		if best := argmax(post); best != want || post[best] < 0.95 {
			t.Errorf("cases %d to %d: endpoint %d with %v, want %d", half, half+2, best, post[best], want)
		}
		sum := nobody
		for _, p := range post {
			sum += p
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("posteriors sum to %v", sum)
		}
	}
	all, nobody := r.PosteriorOf([]int{0, 1, 2, 3, 4, 5})
	for e := range all {
		if math.Abs(all[e]-r.Endpoints[e].Posterior) > 1e-9 {
			t.Errorf("over all cases, endpoint %d has %v, and %v in the result", e, all[e], r.Endpoints[e].Posterior)
		}
	}
	if math.Abs(nobody-r.Nobody) > 1e-9 {
		t.Errorf("nobody: %v and %v", nobody, r.Nobody)
	}
}

func argmax(x []float64) int {
	best := 0
	for i := range x {
		if x[i] > x[best] {
			best = i
		}
	}
	return best
}

func TestLeaveOneOutIsThePosteriorWithoutTheBestCrash(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 1))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 4 {
		cases = append(cases, die(rng, eps, t0.Add(time.Duration(i)*2*time.Hour), crash{stages: []stage{{60, 0.04}}, culprit: rare, age: 10 * float64(i)}))
	}
	r := Evaluate(b, cases)
	want := math.Inf(1)
	for i := range cases {
		rest := slices.Delete([]int{0, 1, 2, 3}, i, i+1)
		post, _ := r.PosteriorOf(rest)
		want = min(want, post[r.Leader])
	}
	if math.Abs(r.LeaveOneOut-min(want, r.Endpoints[r.Leader].Posterior)) > 1e-9 {
		t.Errorf("leave-one-out is %v, want %v", r.LeaveOneOut, want)
	}
}

func TestNothingToGoOnAccusesNobody(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	eps := services()
	b := quiet(rng, eps)
	empty := &Baseline{Open: make([][Bins]float64, len(eps)), Durations: make([]Histogram, len(eps)), Seconds: 1}
	for e := range empty.Open {
		for k := range Bins {
			empty.Open[e][k] = min(Ages[k+1]-Ages[k], 600)
		}
	}
	open := Case{Time: t0, Requests: []Request{{Endpoint: 3, Start: t0.Add(-10 * time.Second)}, {Endpoint: 4, Start: t0}, {Endpoint: 5, Start: t0, End: t0}}}
	for _, c := range []struct {
		name  string
		b     *Baseline
		cases []Case
	}{
		{"no endpoints", &Baseline{Seconds: 1}, []Case{{Time: t0}}},
		{"no deaths", b, nil},
		{"a death without requests", b, []Case{{Time: t0}}},
		{"deaths without requests", b, []Case{{Time: t0}, {Time: t0}, {Time: t0.Add(time.Hour)}}},
		{"a sudden death without requests", b, []Case{{Time: t0, Sudden: true}}},
		{"no quiet time at all", empty, []Case{open, open}},
		{"no quiet time and a sudden death", empty, []Case{{Time: t0, Sudden: true, Requests: open.Requests}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Evaluate(c.b, c.cases)
			if r.Nobody < 0.5 || r.Nobody > 1 || len(r.Onsets) != len(c.cases) {
				t.Errorf("nobody has %v, onsets %v", r.Nobody, r.Onsets)
			}
			for e := range r.Endpoints {
				if p := r.Endpoints[e].Posterior; math.IsNaN(p) || p > 0.5 {
					t.Errorf("endpoint %d has a posterior of %v", e, p)
				}
			}
		})
	}
}

func TestRequestsOlderThanTheLookback(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 1))
	eps := services()
	b := quiet(rng, eps)
	base := die(rng, eps, t0, crash{stages: []stage{{60, 0.04}}, culprit: -1})
	with := func(q Request) *Result {
		c := base
		c.Requests = append(slices.Clone(base.Requests), q)
		return Evaluate(b, []Case{c})
	}
	without := Evaluate(b, []Case{base})
	t.Run("count when they never ended", func(t *testing.T) {
		r := with(Request{Endpoint: rare, Start: t0.Add(-20 * time.Minute), Ref: 5})
		if r.Endpoints[rare].LR[0] < 5 || r.Endpoints[rare].Oldest[0] != 5 {
			t.Errorf("a rare request that runs for 20 minutes has a ratio of %v, oldest %d", r.Endpoints[rare].LR[0], r.Endpoints[rare].Oldest[0])
		}
		if r.Onsets[0] != without.Onsets[0] {
			t.Errorf("it moves the onset from %v to %v", without.Onsets[0], r.Onsets[0])
		}
	})
	t.Run("do not count once they ended", func(t *testing.T) {
		r := with(Request{Endpoint: rare, Start: t0.Add(-40 * time.Minute), End: t0.Add(-30 * time.Minute), Ref: 5})
		if r.Endpoints[rare].LR[0] != without.Endpoints[rare].LR[0] || r.Endpoints[rare].Oldest[0] >= 0 {
			t.Errorf("a request that ended before the lookback has a ratio of %v", r.Endpoints[rare].LR[0])
		}
	})
	t.Run("prove nothing beyond an hour, where base rates end", func(t *testing.T) {
		r := with(Request{Endpoint: rare, Start: t0.Add(-9 * time.Hour), Ref: 5})
		if r.Endpoints[rare].LR[0] > 1 {
			t.Errorf("a connection that is open for nine hours has a ratio of %v", r.Endpoints[rare].LR[0])
		}
	})
}

func TestASuddenDeathJudgesByWhatIsOpenThen(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 3 {
		c := die(rng, eps, t0.Add(time.Duration(i)*time.Hour), crash{culprit: rare, age: 0.5})
		c.Sudden = true
		cases = append(cases, c)
	}
	r := Evaluate(b, cases)
	if r.Leader != rare || r.Endpoints[rare].Posterior < 0.95 {
		t.Errorf("leader %d, posterior of the culprit %v", r.Leader, r.Endpoints[rare].Posterior)
	}
	for i, o := range r.Onsets {
		if o != 0 {
			t.Errorf("crash %d: onset %v seconds before a sudden death", i, o)
		}
	}
}

func TestInseparablePartnersAreNamed(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 1))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 3 {
		at := t0.Add(time.Duration(i) * time.Hour)
		cases = append(cases, die(rng, eps, at, crash{stages: []stage{{60, 0.04}}, culprit: rare, age: 25,
			extra: []Request{{Endpoint: rare + 1, Start: at.Add(-86 * time.Second), Ref: 3}}}))
	}
	r := Evaluate(b, cases)
	other := rare + rare + 1 - r.Leader
	if (r.Leader != rare && r.Leader != rare+1) || !slices.Contains(r.Partners, other) {
		t.Errorf("leader %d, partners %v: a call and the call it makes cannot be told apart", r.Leader, r.Partners)
	}
}

// TestTheResultDoesNotDependOnTheOrderOfCases: with the cases the other way round all numbers are the same.
func TestTheResultDoesNotDependOnTheOrderOfCases(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 3 {
		cases = append(cases, die(rng, eps, t0.Add(time.Duration(i)*time.Hour), crash{stages: []stage{{60, 0.04}}, culprit: rare, age: 25,
			extra: []Request{{Endpoint: 2, Start: t0.Add(time.Duration(i)*time.Hour - 20*time.Second), Same: 9, Ref: i}}}))
	}
	back := slices.Clone(cases)
	slices.Reverse(back)
	a, z := Evaluate(b, cases), Evaluate(b, back)
	for e := range a.Endpoints {
		if math.Abs(a.Endpoints[e].Posterior-z.Endpoints[e].Posterior) > 1e-9 {
			t.Errorf("endpoint %d: %v and %v", e, a.Endpoints[e].Posterior, z.Endpoints[e].Posterior)
		}
	}
	if a.Same == nil || z.Same == nil || math.Abs(a.Same.EValue/z.Same.EValue-1) > 1e-9 {
		t.Errorf("same request: %+v and %+v", a.Same, z.Same)
	}
}

// BenchmarkEvaluate is a fleet that dies 31 times under full traffic, with many requests open.
func BenchmarkEvaluate(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	eps := services()
	base := quiet(rng, eps)
	for i := range eps {
		eps[i].rate *= 20
	}
	for _, open := range []float64{20, 90} {
		var cases []Case
		n := 0
		for i := range 31 {
			c := die(rng, eps, t0.Add(time.Duration(i)*time.Hour), crash{stages: []stage{{open, 0.03}}, culprit: rare, age: 30})
			if len(c.Requests) > 20_000 {
				c.Requests = c.Requests[:20_000]
			}
			n += len(c.Requests)
			cases = append(cases, c)
		}
		b.Run(fmt.Sprintf("31 deaths, %d requests, %v s slow", n, open), func(b *testing.B) {
			for b.Loop() {
				Evaluate(base, cases)
			}
		})
	}
}

// TestASlowContainerMakesNoSuspects: memory short for many minutes makes everything take longer, and what is usually fast is open at every
// death, old for its kind.
func TestASlowContainerMakesNoSuspects(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	eps := services()[:8]
	for e := range eps {
		eps[e] = service{rate: 1.0 / float64(1+e), median: 0.05 * float64(1+e), sigma: 0.4}
	}
	b := quiet(rng, eps)
	for _, pace := range []float64{0.4, 0.2, 0.1, 0.05} {
		var cases []Case
		for i := range 9 {
			at := t0.Add(time.Duration(i) * time.Hour)
			cases = append(cases, die(rng, eps, at, crash{stages: []stage{{900, pace}, {5 * rng.Float64(), pace / 10}}, culprit: -1}))
		}
		r := Evaluate(b, cases)
		if p := r.Endpoints[r.Leader].Posterior; p >= 0.95 {
			t.Errorf("at a pace of %v endpoint %d is accused (%.3f), with ratios of %.1f", pace, r.Leader, p, r.Endpoints[r.Leader].LR)
		}
	}
}

// TestACulpritInASlowContainerIsFound: who is old beyond what the pace makes of it stays suspect.
func TestACulpritInASlowContainerIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 6 {
		at := t0.Add(time.Duration(i) * time.Hour)
		cases = append(cases, die(rng, eps, at, crash{stages: []stage{{900, 0.4}, {20, 0.05}}, culprit: rare, age: 60}))
	}
	if r := Evaluate(b, cases); r.Leader != rare || r.Endpoints[rare].Posterior < 0.95 {
		t.Errorf("the leader is %d, the culprit at %.3f", r.Leader, r.Endpoints[rare].Posterior)
	}
}

// TestAPollingPageIsNoRetriedRequest: its request is open at every death, and was answered in between.
func TestAPollingPageIsNoRetriedRequest(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	eps := services()
	b := quiet(rng, eps)
	const page = 0xfeed
	var cases []Case
	var answers []record.Time
	for i := range 5 {
		at := t0.Add(time.Duration(i) * 10 * time.Minute)
		cases = append(cases, die(rng, eps, at, crash{stages: []stage{{30, 0.05}}, culprit: -1, extra: []Request{{Endpoint: rare, Start: at.Add(-50 * time.Second), Same: page, Ref: i}}}))
		answers = append(answers, at.Add(3*time.Minute))
	}
	if s := Evaluate(b, cases).Same; s == nil || s.Hops != 5 || s.EValue < 1000 {
		t.Fatalf("without answers it is %+v", s)
	}
	b.Returning = map[uint64]Returning{page: {Open: 0.01, Answers: answers}}
	if s := Evaluate(b, cases).Same; s != nil {
		t.Errorf("answered in between: %+v", s)
	}
	// Answered once, before the last two.
	b.Returning = map[uint64]Returning{page: {Open: 0.0001, Answers: answers[2:3]}}
	if s := Evaluate(b, cases).Same; s == nil || s.Hops != 3 || s.Refs[3] != -1 {
		t.Errorf("answered once: %+v", s)
	}
	// Answered in all the hours before, every ten minutes, and as the deaths come then: a clock sends it.
	answers = answers[:0]
	for i := range 20 {
		answers = append(answers, t0.Add(time.Duration(i-30)*10*time.Minute))
	}
	b.Returning = map[uint64]Returning{page: {Open: 0.0001, Answers: answers}}
	if s := Evaluate(b, cases).Same; s != nil {
		t.Errorf("sent by a clock: %+v", s)
	}
	// Answered in all the hours before, every hour: it came back sooner.
	for i := range answers {
		answers[i] = t0.Add(time.Duration(i-30) * time.Hour)
	}
	if s := Evaluate(b, cases).Same; s == nil || s.Hops != 5 {
		t.Errorf("sooner than it comes anyway: %+v", s)
	}
	// Never answered between deaths, and yet always there: long polls, most of which are answered.
	b.Returning = map[uint64]Returning{page: {Open: 0.5}}
	if s := Evaluate(b, cases).Same; s != nil && s.EValue >= 20 {
		t.Errorf("always open: %+v", s)
	}
}

// TestWhatIsOpenEverywhereThenIsNoSuspect: a batch of half an hour is seldom open over the day, and always around the deaths.
func TestWhatIsOpenEverywhereThenIsNoSuspect(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 15))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 4 {
		at := t0.Add(time.Duration(i) * 7 * time.Minute)
		cases = append(cases, die(rng, eps, at, crash{stages: []stage{{20, 0.05}}, culprit: rare, age: 60}))
	}
	if p := Evaluate(b, cases).Endpoints[rare].Posterior; p < 0.95 {
		t.Fatalf("nothing is known of the time around: %.3f", p)
	}
	for i := range cases {
		near := b.Open[rare]
		near[3], near[4], near[5] = 0.2, 0.3, 0.2
		cases[i].Nearby = map[int][Bins]float64{rare: near}
	}
	if p := Evaluate(b, cases).Endpoints[rare].Posterior; p >= 0.5 {
		t.Errorf("open everywhere then: %.3f", p)
	}
}
