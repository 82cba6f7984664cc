package hang

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

const (
	from = record.Time(1_790_000_000_000_000_000)
	span = 2 * time.Hour
	rate = 5.0 // requests a second over all
)

// world is two hours of a fleet of 6 containers and 20 endpoints, of which the slow calls are kept.
type world struct {
	rng   *rand.Rand
	calls []Call
	share []float64
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1))}
	sum := 0.0
	for e := range 20 {
		w.share = append(w.share, 1/float64(e+1))
		sum += 1 / float64(e+1)
	}
	for e := range w.share {
		w.share[e] /= sum
	}
	return w
}

// endpoint draws one by its share of the traffic.
func (w *world) endpoint() int {
	u := w.rng.Float64()
	for e, s := range w.share {
		if u -= s; u < 0 {
			return e
		}
	}
	return len(w.share) - 1
}

func (w *world) call(e int, start time.Duration, sec float64) {
	if sec < 1 {
		return
	}
	w.calls = append(w.calls, Call{Endpoint: e, Container: w.rng.IntN(6), Start: from.Add(start), Duration: time.Duration(sec * 1e9), Ref: len(w.calls)})
}

// ordinary adds the slow tail that any traffic has.
func (w *world) ordinary(n int) *world {
	for range n {
		w.call(w.endpoint(), time.Duration(w.rng.Float64()*float64(span)), math.Exp(0.9*w.rng.NormFloat64()))
	}
	return w
}

// stuck adds calls that wait for something else: n of them between two moments, at a constant, and the rest of their own work.
func (w *world) stuck(n int, a, b time.Duration, constant float64) *world {
	for range n {
		w.call(w.endpoint(), a+time.Duration(w.rng.Float64()*float64(b-a)), constant+math.Exp(-3+0.8*w.rng.NormFloat64()))
	}
	return w
}

func (w *world) find() *Result {
	return Constant(w.calls, w.share, rate, from, from.Add(span))
}

func TestATimeoutIsFound(t *testing.T) {
	for _, c := range []struct {
		name     string
		n        int
		a, b     time.Duration
		constant float64
		ordinary int
	}{
		{"five seconds, for ten minutes", 120, 40 * time.Minute, 50 * time.Minute, 5, 300},
		{"two seconds, for twenty minutes", 300, 20 * time.Minute, 40 * time.Minute, 2, 300},
		{"thirty seconds, few of them", 60, 30 * time.Minute, 40 * time.Minute, 30, 300},
		{"at the beginning", 100, 0, 8 * time.Minute, 10, 300},
		{"among thousands of slow calls of all lengths", 900, 40 * time.Minute, 55 * time.Minute, 6, 20_000},
		{"with nothing else slow", 100, 60 * time.Minute, 70 * time.Minute, 15, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(5) {
				w := newWorld(seed).ordinary(c.ordinary).stuck(c.n, c.a, c.b, c.constant)
				r := w.find()
				if r == nil {
					t.Fatalf("seed %d: not found", seed)
				}
				if s := r.Constant.Seconds(); s < c.constant*0.99 || s > c.constant*1.05 {
					t.Errorf("seed %d: constant %v, want %v s", seed, r.Constant, c.constant)
				}
				if r.From < from.Add(c.a-2*time.Minute) || r.To > from.Add(c.b+2*time.Minute) {
					t.Errorf("seed %d: from %v to %v after the beginning, want %v to %v", seed, r.From.Sub(from), r.To.Sub(from), c.a, c.b)
				}
				if r.Calls != len(r.Refs) || float64(r.Calls) < 0.6*float64(c.n) || r.Endpoints < 8 || r.Containers != 6 || r.Share <= 0 {
					t.Errorf("seed %d: %+v", seed, *r)
				}
				last := record.Time(0)
				for _, ref := range r.Refs {
					k := w.calls[ref]
					if k.Start < last || k.Start < r.From || k.Start > r.To || k.Duration < r.Constant-10*time.Millisecond {
						t.Fatalf("seed %d: ref %d is %+v", seed, ref, k)
					}
					last = k.Start
				}
			}
		})
	}
}

func TestOtherSlownessIsNoTimeout(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(w *world)
	}{
		{"nothing at all", func(*world) {}},
		{"an ordinary tail", func(w *world) { w.ordinary(3000) }},
		{"a smooth hump of slow calls", func(w *world) {
			w.ordinary(300)
			for range 300 {
				w.call(w.endpoint(), 40*time.Minute+time.Duration(w.rng.Float64()*float64(10*time.Minute)), 5*math.Exp(0.25*w.rng.NormFloat64()))
			}
		}},
		{"a narrow smooth hump", func(w *world) {
			w.ordinary(300)
			for range 300 {
				w.call(w.endpoint(), 40*time.Minute+time.Duration(w.rng.Float64()*float64(10*time.Minute)), 5*math.Exp(0.08*w.rng.NormFloat64()))
			}
		}},
		{"a frozen container that lets go of everything at once", func(w *world) {
			w.ordinary(300)
			for range 200 {
				held := 8 * w.rng.Float64()
				w.call(w.endpoint(), 40*time.Minute-time.Duration(held*1e9), held)
			}
		}},
		{"a container frozen for as long as a burst of requests took to come in", func(w *world) {
			w.ordinary(300)
			for range 100 {
				held := 10 + 0.2*w.rng.Float64()
				w.call(w.endpoint(), 40*time.Minute-time.Duration(held*1e9), held)
			}
		}},
		{"one endpoint that takes five seconds", func(w *world) {
			w.ordinary(300)
			for range 200 {
				w.call(17, 40*time.Minute+time.Duration(w.rng.Float64()*float64(10*time.Minute)), 5+0.05*w.rng.Float64())
			}
		}},
		{"three endpoints that take five seconds", func(w *world) {
			w.ordinary(300)
			for i := range 300 {
				w.call(15+i%3, 40*time.Minute+time.Duration(w.rng.Float64()*float64(10*time.Minute)), 5+0.05*w.rng.Float64())
			}
		}},
		{"long polling that is always there", func(w *world) {
			w.ordinary(300)
			for range 2000 {
				w.call(w.endpoint(), time.Duration(w.rng.Float64()*float64(span)), 25+0.1*w.rng.Float64())
			}
		}},
		{"a handful of calls", func(w *world) { w.ordinary(300).stuck(15, 40*time.Minute, 42*time.Minute, 5) }},
		{"calls too rare to be an incident", func(w *world) { w.stuck(40, 5*time.Minute, 100*time.Minute, 5) }},
		{"calls of less than a second and a bit", func(w *world) { w.ordinary(300).stuck(200, 40*time.Minute, 50*time.Minute, 1.1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(8) {
				w := newWorld(seed)
				c.make(w)
				if r := w.find(); r != nil {
					t.Errorf("seed %d: found %v from %v to %v: %d calls on %d endpoints", seed, r.Constant, r.From.Sub(from), r.To.Sub(from), r.Calls, r.Endpoints)
				}
			}
		})
	}
}

func TestTheOrderOfCallsDoesNotMatter(t *testing.T) {
	w := newWorld(3).ordinary(2000).stuck(300, 40*time.Minute, 50*time.Minute, 5)
	// Whole seconds, as many logs have them: many calls are equal in time.
	for i := range w.calls {
		w.calls[i].Start = w.calls[i].Start / 1e9 * 1e9
		w.calls[i].Duration = w.calls[i].Duration.Round(10 * time.Millisecond)
	}
	want := w.find()
	if want == nil {
		t.Fatal("not found")
	}
	for range 5 {
		w.rng.Shuffle(len(w.calls), func(i, j int) { w.calls[i], w.calls[j] = w.calls[j], w.calls[i] })
		if diff := cmp.Diff(want, w.find()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWhatItIsGivenIsNotTouched(t *testing.T) {
	w := newWorld(4).ordinary(500).stuck(100, 40*time.Minute, 50*time.Minute, 5)
	before := slices.Clone(w.calls)
	w.find()
	if diff := cmp.Diff(before, w.calls); diff != "" {
		t.Error(diff)
	}
}

func TestOddEvidenceIsNoTimeout(t *testing.T) {
	w := newWorld(5).stuck(100, 40*time.Minute, 50*time.Minute, 5)
	for _, c := range []struct {
		name     string
		rate     float64
		from, to record.Time
		share    []float64
	}{
		{"the evidence ends as it begins", rate, from, from, w.share},
		{"the evidence ends before it begins", rate, from.Add(span), from, w.share},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := Constant(w.calls, c.share, c.rate, c.from, c.to); r != nil {
				t.Errorf("found %+v", r.Constant)
			}
		})
	}
	if r := Constant(w.calls, nil, 0, from, from.Add(span)); r == nil {
		t.Error("not found where neither shares nor the rate are known")
	}
	var same []Call
	for i := range 100 {
		same = append(same, Call{Endpoint: i % 10, Start: from, Duration: 5 * time.Second, Ref: i})
	}
	if r := Constant(same, w.share, rate, from, from.Add(span)); r != nil {
		t.Errorf("calls that begin and end together are no timeout: %+v", *r)
	}
	var zero []Call
	for i := range 100 {
		zero = append(zero, Call{Endpoint: i % 10, Start: from.Add(time.Duration(i) * time.Second), Duration: time.Duration(-i), Ref: i})
	}
	if r := Constant(zero, w.share, rate, from, from.Add(span)); r != nil {
		t.Errorf("found %+v", *r)
	}
}

func TestHundredsOfThousandsOfSlowCalls(t *testing.T) {
	w := newWorld(6).ordinary(900_000).stuck(20_000, 40*time.Minute, 55*time.Minute, 6)
	begun := time.Now()
	r := Constant(w.calls, w.share, 100*rate, from, from.Add(span))
	if d := time.Since(begun); d > 8*time.Second && !testing.Short() { // the race detector takes its time
		t.Errorf("took %v", d)
	}
	if r == nil {
		t.Error("not found")
	}
}
