package inflight

import (
	"math/rand/v2"
	"testing"
	"time"
)

// weighed is the result of deaths with these likelihood ratios, by endpoint, each death a moment of its own.
func weighed(lr ...[]float64) *Result {
	r := &Result{Leader: -1, Second: -1}
	for i := range lr[0] {
		r.moments = append(r.moments, i)
	}
	for e := range lr {
		r.Endpoints = append(r.Endpoints, Endpoint{LR: lr[e]})
	}
	r.weigh()
	return r
}

func TestTwoThatKillInTurnAreNoRivals(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 2))
	eps := services()
	b := quiet(rng, eps)
	var cases []Case
	for i := range 6 {
		cases = append(cases, die(rng, eps, t0.Add(time.Duration(i)*2*time.Hour), crash{stages: []stage{{60, 0.04}}, culprit: rare + i%2, age: 25}))
	}
	r := Evaluate(b, cases)
	for _, e := range []int{rare, rare + 1} {
		if p := r.Endpoints[e].Posterior; p < 0.99 {
			t.Errorf("endpoint %d: %v", e, p)
		}
	}
	if r.Leader+r.Second != 2*rare+1 {
		t.Errorf("leader %d and second %d", r.Leader, r.Second)
	}
	if r.LeaveOneOut < 0.9 {
		t.Errorf("with one crash left out %v remains", r.LeaveOneOut)
	}
}

func TestPairs(t *testing.T) {
	no, yes := miss, 20.0
	innocent := []float64{no, no, no, no, no, no, no, no}
	for _, c := range []struct {
		name   string
		lr     [][]float64
		second bool    // whether the leader shares the deaths
		atMost float64 // posterior of the second endpoint
	}{
		{"one alone", [][]float64{{yes, yes, yes, yes, yes, yes, yes, yes}, innocent, innocent}, false, 0.01},
		{"in turn", [][]float64{{yes, no, yes, no, yes, no, yes, no}, {no, yes, no, yes, no, yes, no, yes}, innocent}, true, 1},
		{"a companion", [][]float64{{yes, yes, yes, yes, yes, yes, no, no}, {yes, yes, yes, no, no, no, no, no}, innocent}, false, 0.2},
		{"one death of another", [][]float64{{yes, yes, yes, yes, yes, yes, yes, no}, {no, no, no, no, no, no, no, yes}, innocent}, false, 0.01},
		{"one that says something everywhere", [][]float64{{yes, yes, yes, yes, yes, yes, no, no}, {2, 2, 2, 2, 2, 2, yes, yes}, innocent}, false, 0.5},
	} {
		r := weighed(c.lr...)
		post := make([]float64, len(c.lr))
		for e := range post {
			post[e] = r.Endpoints[e].Posterior
		}
		if r.Leader != 0 || (r.Second == 1) != c.second || !c.second && r.Second != -1 || post[1] > c.atMost || c.second && min(post[0], post[1]) < 0.99 {
			t.Errorf("%s: leader %d, second %d, posteriors %v", c.name, r.Leader, r.Second, post)
		}
		for e := range c.lr {
			if post[e] < 0 || post[e] > 1 {
				t.Errorf("%s: posterior %v", c.name, post[e])
			}
		}
	}
}

// TestAPairOfInnocentsHasAMeanOfOne: over deaths that nobody caused, the likelihood ratio of each endpoint is 1 on average, and so must be
// that of any pair; what is asked of pairs before they are weighed can only take away.
func TestAPairOfInnocentsHasAMeanOfOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 3))
	const worlds, deaths, stands = 40_000, 6, 12.0
	often := (1 - miss) / (stands - miss)
	total, made := 0.0, 0
	for range worlds {
		lr := make([][]float64, 2)
		for e := range lr {
			lr[e] = make([]float64, deaths)
			for i := range lr[e] {
				lr[e][i] = miss
				if rng.Float64() < often {
					lr[e][i] = stands
				}
			}
		}
		r := &Result{Endpoints: []Endpoint{{LR: lr[0]}, {LR: lr[1]}}}
		for _, p := range r.pairs([][]int{{0}, {1}, {2}, {3}, {4}, {5}}) {
			total += p.value(2) / (pairPrior * 2)
			made++
		}
	}
	if mean := total / worlds; made == 0 || mean > 1 {
		t.Errorf("%d pairs, mean %v", made, mean)
	}
}

func TestBegins(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	eps := services()
	b := quiet(rng, eps)
	anew, slow := 0, 0
	const n = 20
	for i := range n {
		at := t0.Add(time.Duration(i) * time.Hour)
		x := Begins(b, []Case{die(rng, eps, at, crash{stages: []stage{{60, 0.02}}, culprit: rare, age: 20}),
			die(rng, eps, at, crash{stages: []stage{{900, 0.1}}, culprit: -1})})
		if x[0].Usual >= 0.9 && x[0].Onset > 20 && x[0].Onset < 180 {
			anew++
		}
		if x[1].Usual >= 0.9 && x[1].Onset < 300 {
			slow++
		}
	}
	if anew < n*8/10 || slow > n/10 {
		t.Errorf("of %d that slowed down at once %d were seen to, of %d that had been slow for long %d", n, anew, n, slow)
	}
}

// TestASuddenDeathIsExpectedOfYoungRequests: what meets an error ends its process soon, so that one that began half a second before stands
// out though its endpoint is not rare; before a slow-down such a one is a victim like another.
func TestASuddenDeathIsExpectedOfYoungRequests(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 1))
	eps := services()
	b := quiet(rng, eps)
	const common = 10 // 0.4 s, once in 44 s
	for sudden, stands := range map[bool]bool{true: true, false: false} {
		c := die(rng, eps, t0, crash{culprit: -1, extra: []Request{{Endpoint: common, Start: t0.Add(-500 * time.Millisecond)}}})
		c.Sudden = sudden
		if lr := Evaluate(b, []Case{c}).Endpoints[common].LR[0]; (lr >= Supported) != stands {
			t.Errorf("sudden %v: likelihood ratio %v", sudden, lr)
		}
	}
}
