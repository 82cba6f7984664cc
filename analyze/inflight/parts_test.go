package inflight

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lastcall/collectors/record"
)

func TestAgesFallIntoBinsByTheirLowerEdges(t *testing.T) {
	for _, c := range []struct {
		age  float64
		want int
	}{{-5, 0}, {0, 0}, {0.999, 0}, {1, 1}, {2.9, 1}, {3, 2}, {29, 3}, {30, 4}, {999, 6}, {1000, 7}, {3600, 7}, {1e9, 7}} {
		if got := BinOf(c.age); got != c.want {
			t.Errorf("BinOf(%v) = %d, want %d", c.age, got, c.want)
		}
	}
	sum := miss + late
	weights := 0.0
	for _, p := range ageWeight {
		weights += p
	}
	if sum += (1 - miss - late) * weights / weights; math.Abs(sum-1) > 1e-12 {
		t.Errorf("the ways in which a culprit may be there sum to %v", sum)
	}
}

func TestDurationBinsGrowWithTheDurationAndAreSixPercentWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := math.Exp(rapid.Float64Range(math.Log(1e-9), math.Log(1e7)).Draw(t, "a"))
		f := rapid.Float64Range(1, 3).Draw(t, "factor")
		x, y := DurationBin(a), DurationBin(a*f)
		if x < 0 || y > 255 || x > y {
			t.Fatalf("bins %d, %d of %v, %v", x, y, a, a*f)
		}
		if a >= 0.001 && a*f < 2000 && math.Abs(float64(y-x)-12*math.Log2(f)) > 1 {
			t.Fatalf("a factor of %v is %d bins", f, y-x)
		}
	})
	for _, sec := range []float64{0, -1, -1e300, 1e300} {
		if b := DurationBin(sec); b < 0 || b > 255 {
			t.Errorf("DurationBin(%v) = %d", sec, b)
		}
	}
}

func TestQuantilesLieWithinThreePercentOfTheRealOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n := rapid.IntRange(1, 400).Draw(t, "n")
		var h Histogram
		var all []float64
		for range n {
			d := math.Exp(rng.NormFloat64()*2 - 1)
			d = min(max(d, 0.0011), 2000)
			h.Add(d)
			all = append(all, d)
		}
		slices.Sort(all)
		last := 0.0
		for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 1} {
			got := h.Quantile(q)
			want := all[max(0, int(math.Ceil(q*float64(n)))-1)]
			if r := got / want; r < 0.96 || r > 1.04 {
				t.Fatalf("quantile %v of %d durations is %v, want %v", q, n, got, want)
			}
			if got < last {
				t.Fatalf("quantile %v is below a lower one", q)
			}
			last = got
		}
		if h.N != int64(n) {
			t.Fatalf("N = %d", h.N)
		}
	})
	var none Histogram
	if !math.IsNaN(none.Quantile(0.5)) || none.Median() != 0 {
		t.Error("an empty histogram has a median")
	}
}

func TestSurvivalFallsWithTheDurationAndNeverReachesZero(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	eps := services()
	b := quiet(rng, eps)
	b.Durations = append(b.Durations, Histogram{}) // never seen
	b.Open = append(b.Open, [Bins]float64{})
	s := newSurvival(b)
	for e := range b.Durations {
		last, spent := 1.0, 0.0
		for x := 0.0005; x < 5000; x *= 1.2 {
			p, u := s.of(e, x), s.surprise(e, x)
			if p > last+1e-12 || p <= 0 || p > 1+1e-12 {
				t.Fatalf("endpoint %d: %v of its requests take %v s or more, after %v", e, p, x, last)
			}
			if u < spent-1e-12 || u > maxSurprise || math.Abs(u-min(maxSurprise, -math.Log(p))) > 1e-9 {
				t.Fatalf("endpoint %d: surprise %v after %v s, where %v survive", e, u, x, p)
			}
			last, spent = p, u
		}
		if s.of(e, 0) != 1 || s.of(e, -3) != 1 || s.surprise(e, 0) != 0 {
			t.Errorf("endpoint %d: a request that has not begun has spent patience", e)
		}
		sum := 0.0
		for bin := range Bins {
			sum += s.completions(e, bin)
		}
		if sum != float64(b.Durations[e].N) {
			t.Errorf("endpoint %d: the age bins hold %v of %d completions", e, sum, b.Durations[e].N)
		}
	}
	half := s.of(0, b.Durations[0].Quantile(0.5))
	if half < 0.4 || half > 0.6 {
		t.Errorf("%v of the requests take as long as the median", half)
	}
}

// TestChangeIsTheAverageOverPairsOfPaces holds the factored form to its definition.
func TestChangeIsTheAverageOverPairsOfPaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.SampledFrom([]float64{1, 30, 1000, 20000}).Draw(t, "scale")
		draw := func(name string) float64 { return scale * rapid.Float64Range(0, 1).Draw(t, name) }
		before, after, eb, ea := draw("before"), draw("after"), math.Round(draw("ended before")), math.Round(draw("ended after"))
		var ls []float64
		for _, x := range pacesBefore {
			for _, y := range pacesAfter {
				if y.pace <= 0.5*x.pace {
					ls = append(ls, x.weight-x.pace*before-y.pace*after+eb*math.Log(x.pace)+ea*math.Log(y.pace))
				}
			}
		}
		want, got := logSum(ls), change(before, after, eb, ea)
		if math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
			t.Fatalf("change(%v, %v, %v, %v) = %v, want %v", before, after, eb, ea, got, want)
		}
	})
}

func TestWeightsOfOnsetsSumToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "candidates")
		prior := make([]float64, n)
		for k := range prior {
			prior[k] = rapid.Float64Range(-12, 0).Draw(t, "prior")
		}
		m := newPace(prior)
		total, ended := 0.0, 0.0
		for k := n - 1; k >= 0; k-- { // towards the death more and more is spent before
			m.before[k], m.endedBefore[k] = total, ended
			total += rapid.Float64Range(0, 40).Draw(t, "spent")
			ended += float64(rapid.IntRange(0, 20).Draw(t, "ended"))
		}
		own := make([]float64, n)
		for k := range n {
			m.after[k], m.endedAfter[k] = total-m.before[k], ended-m.endedBefore[k]
			own[k] = min(m.before[k], 3)
		}
		for _, without := range [][]float64{nil, own} {
			sum := 0.0
			for _, w := range m.weights(min(total, 3), without) {
				if w < -1e-9 || math.IsNaN(w) {
					t.Fatalf("weight %v", w)
				}
				sum += w
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Fatalf("weights sum to %v", sum)
			}
		}
	})
}

func TestCandidateOnsetsFallBetweenAnyTwoStarts(t *testing.T) {
	c := &Case{Time: t0}
	starts := []float64{700, 300, 120, 119.5, 40, 12.2, 12.1, 3, 0.7}
	for _, s := range starts {
		c.Requests = append(c.Requests, Request{Start: t0.Add(-secs(s))})
	}
	lags, prior := onsets(c)
	if lags[0] != 0 || !slices.IsSorted(lags) || len(lags) != len(prior) || lags[len(lags)-1] > Lookback.Seconds() {
		t.Fatalf("lags %v", lags)
	}
	for i := 1; i < len(starts); i++ {
		if !slices.ContainsFunc(lags, func(l float64) bool { return l > starts[i] && l < starts[i-1] }) {
			t.Errorf("no onset between the starts %v and %v seconds before the death", starts[i-1], starts[i])
		}
	}
	for k, p := range prior {
		if math.IsNaN(p) || math.IsInf(p, 0) {
			t.Errorf("prior of lag %v is %v", lags[k], p)
		}
	}
	for i := range 50_000 {
		c.Requests = append(c.Requests, Request{Start: t0.Add(-time.Duration(i) * time.Millisecond)})
	}
	if lags, _ := onsets(c); len(lags) > 1000 {
		t.Errorf("%d candidates of 50,000 requests", len(lags))
	}
}

// naive is the evidence of one request by its definition: all sums made anew for every onset.
func naive(b *Baseline, c *Case) []float64 {
	surv := newSurvival(b)
	lags, prior := onsets(c)
	for k, lag := range lags {
		if c.NormalAt != 0 && c.Time.Add(-secs(lag)) < c.NormalAt.Add(-5*time.Second) {
			prior[k] += math.Log(beforeNormal)
		}
	}
	fill := func(without int) *pace {
		m := newPace(prior)
		for j, q := range c.Requests {
			age := c.Time.Sub(q.Start).Seconds()
			if j == without || age > Lookback.Seconds() {
				continue
			}
			ran := age
			if q.End != 0 {
				ran = q.End.Sub(q.Start).Seconds()
			}
			total := surv.surprise(q.Endpoint, ran)
			for k, lag := range lags {
				spent := 0.0
				switch before := age - lag; {
				case before <= 0:
				case ran <= before:
					spent = total
				default:
					spent = min(total, surv.surprise(q.Endpoint, before))
				}
				m.before[k] += spent
				m.after[k] += total - spent
				if q.End != 0 && ran <= age-lag {
					m.endedBefore[k]++
				} else if q.End != 0 {
					m.endedAfter[k]++
				}
			}
		}
		return m
	}
	// The mean of f over the paces before onset k, by what requests spent and ended in the two minutes before it.
	overPaces := func(m, ends *pace, k int, f func(pace float64) float64) float64 {
		spent, ended := m.before[k], ends.endedBefore[k]
		for j := range lags {
			if lags[j] >= lags[k]+120 {
				spent, ended = spent-m.before[j], ended-ends.endedBefore[j]
				break
			}
		}
		var logs []float64
		for _, p := range pacesNear {
			logs = append(logs, p.weight+ended*math.Log(p.pace)-p.pace*spent)
		}
		z, mean := logSum(logs), 0.0
		for i, p := range pacesNear {
			mean += math.Exp(logs[i]-z) * f(p.pace)
		}
		return mean
	}
	all := fill(-1)
	base := slices.Clone(all.weights(0, nil))
	out := make([]float64, len(b.Open))
	sum := 0.0
	for _, p := range ageWeight {
		sum += p
	}
	for e := range out {
		out[e] = miss
	}
	for j, q := range c.Requests {
		h := &b.Durations[q.Endpoint]
		if q.End != 0 {
			for k, lag := range lags {
				if gap := c.Time.Add(-secs(lag)).Sub(q.End).Seconds(); gap >= 0 && gap < lateWindow {
					ran := q.End.Sub(q.Start).Seconds()
					ended := overPaces(all, all, k, func(pace float64) float64 {
						n, bin := 1.0, BinOf(pace*ran)
						for d := DurationBin(Ages[bin]); d < 256 && (bin == Bins-1 || d < DurationBin(Ages[bin+1])); d++ {
							n += float64(h.Bins[d])
						}
						return n
					})
					out[q.Endpoint] += base[k] * late * ageWeight[BinOf(ran)] / sum / (ended / b.Seconds * lateWindow * c.Load)
				}
			}
			continue
		}
		others := fill(j)
		w := others.weights(0, nil)
		guilty, innocent := 0.0, 0.0
		for k, lag := range lags {
			t := c.Time.Add(-secs(lag))
			if c.Elevated != 0 && t > c.Elevated {
				t = c.Elevated
			}
			if t < q.Start {
				starts := max(float64(h.N+1)/b.Seconds, b.Open[q.Endpoint][0]) * c.Load
				innocent += w[k] * starts * math.Exp(steady(all.after[k], all.endedAfter[k])-steady(others.after[k], others.endedAfter[k]))
				continue
			}
			age := t.Sub(q.Start).Seconds()
			bin := BinOf(age)
			width := Ages[bin+1] - Ages[bin]
			innocent += w[k] * c.Load * overPaces(others, all, k, func(pace float64) float64 {
				usual := BinOf(pace * age)
				return b.Open[q.Endpoint][usual] / (Ages[usual+1] - Ages[usual])
			})
			if age < 3600 {
				guilty += w[k] * ageWeight[bin] / sum / width
			}
		}
		if guilty > 0 {
			out[q.Endpoint] += (1 - miss - late) * guilty / innocent
		}
	}
	return out
}

// TestEvaluateIsItsDefinition: what is skipped, summed ahead or cut short changes nothing beyond rounding.
func TestEvaluateIsItsDefinition(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 3))
		eps := services()
		b := quiet(rng, eps)
		k := crash{culprit: rng.IntN(len(eps)), age: 60 * rng.Float64()}
		switch seed % 4 {
		case 1:
			k.stages = []stage{{100 * rng.Float64(), 0.05}}
		case 2:
			k.stages = []stage{{400, 0.4}, {50, 0.04}}
		case 3:
			k.stages = []stage{{80, 0.001}}
		}
		k.extra = []Request{{Endpoint: 5, Start: t0.Add(-17 * time.Minute)}, {Endpoint: 6, Start: t0.Add(-2 * time.Hour)}, {Endpoint: 7, Start: t0}}
		c := die(rng, eps, t0, k)
		c.Load = []float64{1, 2, 0.5}[seed%3]
		if seed%2 == 0 {
			c.NormalAt, c.Elevated = t0.Add(-70*time.Second), t0.Add(-15*time.Second)
		}
		want := naive(b, &c)
		r := Evaluate(b, []Case{c})
		for e, w := range want {
			if got := r.Endpoints[e].LR[0]; math.Abs(math.Log(got/w)) > 1e-6 {
				t.Errorf("seed %d: endpoint %d has a ratio of %v, by its definition %v", seed, e, got, w)
			}
		}
	}
}

func TestMemoryReadingsBracketTheOnset(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	eps := services()
	b := quiet(rng, eps)
	c := die(rng, eps, t0, crash{stages: []stage{{200, 0.3}}, culprit: rare, age: 30})
	free := Evaluate(b, []Case{c})
	c.NormalAt = t0.Add(-30 * time.Second)
	bound := Evaluate(b, []Case{c})
	if bound.Onsets[0] >= free.Onsets[0] {
		t.Errorf("a normal reading 30 s before the death leaves the onset at %v s (%v s without it)", bound.Onsets[0], free.Onsets[0])
	}
	c.NormalAt = 0
	late := c
	late.Requests = append(slices.Clone(c.Requests), Request{Endpoint: rare + 1, Start: t0.Add(-3 * time.Second)})
	late.Elevated = t0.Add(-10 * time.Second)
	if lr := Evaluate(b, []Case{late}).Endpoints[rare+1].LR[0]; lr > 1 {
		t.Errorf("a request that began after memory had risen has a ratio of %v", lr)
	}
}

func TestBaseRatesOfTheHourExplainAJob(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	eps := services()
	b := quiet(rng, eps)
	c := die(rng, eps, t0, crash{stages: []stage{{60, 0.05}}, culprit: rare, age: 25})
	c.Hour = 3
	plain := Evaluate(b, []Case{c}).Endpoints[rare].LR[0]
	b.HourOpen = make([][24][Bins]float64, len(eps))
	for e := range eps {
		for h := range 24 {
			b.HourOpen[e][h] = b.Open[e]
		}
	}
	for k := range Bins {
		b.HourOpen[rare][3][k] = 0.5 // at three o'clock it always runs
	}
	atThree := Evaluate(b, []Case{c}).Endpoints[rare].LR[0]
	c.Hour = 4
	atFour := Evaluate(b, []Case{c}).Endpoints[rare].LR[0]
	if math.Abs(atFour/plain-1) > 1e-9 || atThree > plain/20 {
		t.Errorf("ratio %v, at its own hour %v, at another %v", plain, atThree, atFour)
	}
}

func TestLoadMakesOpenRequestsLessTelling(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	eps := services()
	b := quiet(rng, eps)
	c := die(rng, eps, t0, crash{stages: []stage{{60, 0.05}}, culprit: rare, age: 25})
	last := math.Inf(1)
	for _, load := range []float64{0.5, 1, 2, 5} {
		c.Load = load
		lr := Evaluate(b, []Case{c}).Endpoints[rare].LR[0]
		if lr >= last {
			t.Errorf("at %v times the usual load the ratio is %v, %v at less", load, lr, last)
		}
		last = lr
	}
	c.Load = 0
	zero := Evaluate(b, []Case{c}).Endpoints[rare].LR[0]
	c.Load = 1
	if one := Evaluate(b, []Case{c}).Endpoints[rare].LR[0]; zero != one {
		t.Errorf("an unknown load gives %v, the usual one %v", zero, one)
	}
}

func TestARequestThatEndedJustBeforeTheOnsetIsHalfASuspect(t *testing.T) {
	rng := rand.New(rand.NewPCG(24, 1))
	eps := services()
	b := quiet(rng, eps)
	with := func(end time.Duration) float64 {
		c := die(rand.New(rand.NewPCG(3, 3)), eps, t0, crash{stages: []stage{{30, 0.05}}, culprit: -1,
			extra: []Request{{Endpoint: rare, Start: t0.Add(-end - 8*time.Second), End: t0.Add(-end), Ref: 4}}})
		return Evaluate(b, []Case{c}).Endpoints[rare].LR[0]
	}
	just, long := with(40*time.Second), with(5*time.Minute)
	if just < 1.2 || long > 0.2 {
		t.Errorf("ended 10 s before the onset: ratio %v; minutes before it: %v", just, long)
	}
	if r := Evaluate(b, []Case{{Time: t0, Requests: []Request{{Endpoint: rare, Start: t0.Add(-time.Minute), End: t0.Add(-50 * time.Second)}}}}); r.Endpoints[rare].Oldest[0] != -1 {
		t.Error("a finished request is shown as open")
	}
}

func TestBlameIsSharedByTheCrashesThatSupportIt(t *testing.T) {
	b := blame([]float64{50, 0.05, 80, 0.05})
	if b[0] < 0.9 || b[2] < 0.9 || b[1] > 0.1 || b[3] > 0.1 {
		t.Errorf("blame %v", b)
	}
	for _, none := range [][]float64{{0.05}, {1, 1}, {0.9, 0.2}} {
		for _, x := range blame(none) {
			if x != 0 {
				t.Errorf("blame %v for ratios %v", x, none)
			}
		}
	}
}

func TestEvidenceIsMergedOverTheUnknownShareOfCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "cases")
		lr := make([]float64, n)
		all := make([][]int, n)
		for i := range lr {
			lr[i], all[i] = math.Exp(rapid.Float64Range(-3, 12).Draw(t, "log ratio")), []int{i}
		}
		want := 0.0
		for k := range 10 {
			rho, p := 0.05+0.1*float64(k), 1.0
			for _, x := range lr {
				p *= 1 - rho + rho*x
			}
			want += p / 10
		}
		s := sharesOf(lr, all)
		if got := s.merge(); math.Abs(got/want-1) > 1e-9 {
			t.Fatalf("merged %v, want %v", got, want)
		}
		back := s
		back.add(lr[n-1], 1, -1)
		if rest := sharesOf(lr, all[:n-1]); math.Abs(back.merge()/rest.merge()-1) > 1e-6 {
			t.Fatalf("taking a case out gives %v, leaving it out %v", back.merge(), rest.merge())
		}
	})
}

func TestDeathsOfOneMomentCountAsOne(t *testing.T) {
	at := func(secs ...float64) (cases []Case) {
		for _, s := range secs {
			cases = append(cases, Case{Time: record.Time(1e18).Add(time.Duration(s * 1e9))})
		}
		return cases
	}
	for _, c := range []struct {
		secs []float64
		want []int
	}{
		{[]float64{0, 600, 1200}, []int{0, 1, 2}},
		{[]float64{0, 20, 59, 60, 119, 500}, []int{0, 0, 0, 1, 1, 2}},
		{[]float64{130, 0, 50, 80}, []int{1, 0, 0, 1}}, // in whatever order
	} {
		if got := moments(at(c.secs...)); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.secs, got, c.want)
		}
	}
	lr := []float64{30, 10, 50, 200}
	apart := sharesOf(lr, [][]int{{0}, {1}, {2}, {3}})
	together := sharesOf(lr, [][]int{{0, 1, 2}, {3}})
	mean := sharesOf([]float64{30, 200}, [][]int{{0}, {1}})
	if together != mean || together.merge() >= apart.merge() {
		t.Errorf("together %v, as their mean %v, apart %v", together.merge(), mean.merge(), apart.merge())
	}
}

func TestHundredsOfCrashesNeitherOverflowNorTakeLong(t *testing.T) {
	lr := make([]float64, 2000)
	all := make([][]int, len(lr))
	for i := range lr {
		lr[i], all[i] = 1e4, []int{i}
	}
	s := sharesOf(lr, all)
	other := sharesOf(make([]float64, len(lr)), all)
	post, nobody := posterior([]shares{s, other}, nil)
	if math.IsNaN(post[0]) || post[0] < 0.99 || nobody > 0.01 {
		t.Errorf("posterior %v, nobody %v", post, nobody)
	}
	rng := rand.New(rand.NewPCG(30, 1))
	eps := services()
	b := quiet(rng, eps)
	b.Open = append(b.Open, make([][Bins]float64, 3000)...)
	for e := len(eps); e < len(b.Open); e++ {
		b.Open[e] = b.Open[rare]
	}
	b.Durations = append(b.Durations, make([]Histogram, 3000)...)
	var cases []Case
	for i := range 300 {
		at := t0.Add(time.Duration(i) * time.Minute)
		cases = append(cases, Case{Time: at, Load: 1, Requests: []Request{{Endpoint: rare, Start: at.Add(-20 * time.Second)}}})
	}
	begun := time.Now()
	r := Evaluate(b, cases)
	if d := time.Since(begun); d > 8*time.Second {
		t.Errorf("300 crashes and 3000 endpoints take %v", d)
	}
	if r.Leader != rare || r.LeaveOneOut < 0.99 {
		t.Errorf("leader %d, leave-one-out %v", r.Leader, r.LeaveOneOut)
	}
}

func FuzzEvaluate(f *testing.F) {
	f.Add(int64(10), int64(0), int64(5), int64(100), uint8(3), false)
	f.Add(int64(-10), int64(1<<62), int64(1<<62), int64(-5), uint8(200), true)
	f.Fuzz(func(t *testing.T, age, end, at, normal int64, e uint8, sudden bool) {
		eps := services()[:5]
		b := &Baseline{Open: make([][Bins]float64, len(eps)), Durations: make([]Histogram, len(eps)), Seconds: 1000}
		for i := range eps {
			for k := range Bins {
				b.Open[i][k] = 0.01
			}
		}
		c := Case{Time: record.Time(at), Sudden: sudden, NormalAt: record.Time(normal), Requests: []Request{
			{Endpoint: int(e) % 5, Start: record.Time(at).Add(-time.Duration(age)), End: record.Time(end)},
			{Endpoint: 1, Start: record.Time(at)}}}
		r := Evaluate(b, []Case{c})
		for i := range r.Endpoints {
			if p := r.Endpoints[i].Posterior; math.IsNaN(p) || p < 0 || p > 1 {
				t.Fatalf("posterior %v", p)
			}
		}
	})
}
