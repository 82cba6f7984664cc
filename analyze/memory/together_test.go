package memory

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// shortLives generates a fleet whose containers die every hour or two and are measured every quarter of an hour; form is the level of
// memory, as a share of the limit, by age (hours), time (hours) and how much of its life has passed.
func shortLives(rng *rand.Rand, containers, rounds int, noise float64, form func(age, at, passed float64) float64) []Life {
	const limit, every = 512e6, 0.25
	from := record.TimeOf(time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC))
	time := func(h float64) record.Time { return from.Add(time.Duration(h * float64(time.Hour))) }
	var out []Life
	for c := range containers {
		at := 0.3 * rng.Float64()
		tick := every * rng.Float64()
		for r := range rounds {
			length := 0.8 + 0.8*rng.Float64() // seven readings at most
			l := Life{Container: fmt.Sprintf("web-%d", c), Instance: fmt.Sprintf("%d-%d", c, r), Start: time(at), End: time(at + length), LimitBytes: limit,
				Died: true, Kind: record.CrashOOMKill, Crash: fmt.Sprintf("c%d-%d", c, r)}
			var heap, rss []Point
			for h := tick + every*math.Ceil((at-tick)/every); h < at+length; h += every {
				v := limit * (0.3 + form(h-at, h, (h-at)/length) + noise*rng.NormFloat64())
				heap = append(heap, Point{time(h), v})
				rss = append(rss, Point{time(h), v + 0.1*limit})
			}
			l.Series = map[record.Metric][]Point{record.HeapUsed: heap, record.RSS: rss}
			out = append(out, l)
			at += length + 0.01
		}
	}
	return out
}

func leaksIn(lives []Life) (leaks, curves int) {
	for _, c := range Curves(lives, Options{}) {
		if c.Shape == finding.ShapeLeak {
			leaks++
		}
		curves++
	}
	return leaks, curves
}

func TestLivesWithFewReadingsAreReadTogether(t *testing.T) {
	const fleets = 300
	cases := []struct {
		name             string
		containers       int
		rounds           int
		noise            float64
		form             func(rng *rand.Rand) func(age, at, passed float64) float64
		atLeast, atMost  float64 // share of fleets in which some life is called a leak
		mostOfTheirLives bool
	}{
		{name: "a leak to the limit", containers: 6, rounds: 3, noise: 0.02, atLeast: 0.98, atMost: 1, mostOfTheirLives: true,
			form: always(func(_, _, passed float64) float64 { return 0.6 * passed })},
		{name: "a leak in a noisy heap", containers: 6, rounds: 3, noise: 0.08, atLeast: 0.7, atMost: 1,
			form: always(func(_, _, passed float64) float64 { return 0.6 * passed })},
		{name: "a leak of four containers that died once", containers: 4, rounds: 2, noise: 0.02, atLeast: 0.7, atMost: 1,
			form: always(func(_, _, passed float64) float64 { return 0.6 * passed })},
		{name: "nothing", containers: 6, rounds: 3, noise: 0.03, atMost: 0.01,
			form: always(func(_, _, _ float64) float64 { return 0 })},
		{name: "a warm-up of minutes", containers: 6, rounds: 3, noise: 0.02, atMost: 0.01,
			form: always(func(age, _, _ float64) float64 { return 0.3 * (1 - math.Exp(-age*12)) })},
		{name: "a cache filled in half of an hour", containers: 6, rounds: 3, noise: 0.02, atMost: 0.01,
			form: always(func(age, _, _ float64) float64 { return 0.3 * (1 - math.Exp(-age*6)) })},
		{name: "load that rises all day", containers: 6, rounds: 3, noise: 0.02, atMost: 0.02,
			form: always(func(_, at, _ float64) float64 { return 0.1 * at })},
		{name: "bursts at the end that some readings catch", containers: 6, rounds: 3, noise: 0.02, atMost: 0.01,
			form: always(func(_, _, passed float64) float64 {
				if passed > 0.85 {
					return 0.5
				}
				return 0
			})},
		{name: "a step once in a life", containers: 6, rounds: 3, noise: 0.02, atMost: 0.05,
			form: func(rng *rand.Rand) func(age, at, passed float64) float64 {
				step, last := 0.0, 2.0
				return func(_, _, passed float64) float64 {
					if passed < last { // another life
						step = rng.Float64()
					}
					last = passed
					if passed > step {
						return 0.2
					}
					return 0
				}
			}},
		{name: "a level that drifts", containers: 6, rounds: 3, atMost: 0.05,
			form: func(rng *rand.Rand) func(age, at, passed float64) float64 {
				level, last := 0.0, 2.0
				return func(_, _, passed float64) float64 {
					if passed < last {
						level = 0
					}
					last = passed
					level += 0.08 * rng.NormFloat64()
					return level
				}
			}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			called, leaks, curves := 0, 0, 0
			for seed := range uint64(fleets) {
				rng := rand.New(rand.NewPCG(seed, 5))
				n, of := leaksIn(shortLives(rng, c.containers, c.rounds, c.noise, c.form(rng)))
				if n > 0 {
					called++
				}
				leaks, curves = leaks+n, curves+of
			}
			share := float64(called) / fleets
			t.Logf("%.3f of the fleets, %.2f of the curves", share, float64(leaks)/float64(curves))
			if share < c.atLeast || share > c.atMost {
				t.Errorf("in %.3f of the fleets something is called a leak, want %g to %g", share, c.atLeast, c.atMost)
			}
			if c.mostOfTheirLives && leaks*10 < curves*8 {
				t.Errorf("%d of %d curves are called leaks", leaks, curves)
			}
		})
	}
}

func TestLivesWithFewReadingsAreNoLeakWhereNothingDiedOrOnlyPagesCreep(t *testing.T) {
	leak := func(_, _, passed float64) float64 { return 0.6 * passed }
	for name, c := range map[string]struct {
		grow   func(age, at, passed float64) float64
		change func(*Life)
		want   bool
	}{
		"a leak":                          {leak, func(*Life) {}, true},
		"a leak of unnamed versions":      {leak, func(l *Life) { l.Version = "v2" }, true},
		"containers stopped on purpose":   {leak, func(l *Life) { l.Died, l.Planned, l.Crash = false, true, "" }, false},
		"resident memory that creeps up":  {func(_, _, passed float64) float64 { return 0.08 * passed }, func(l *Life) { delete(l.Series, record.HeapUsed) }, false},
		"a heap that grows as slowly":     {func(_, _, passed float64) float64 { return 0.08 * passed }, func(*Life) {}, true},
		"lives whose containers are gone": {leak, func(l *Life) { l.Container += l.Instance }, false},
	} {
		lives := shortLives(rand.New(rand.NewPCG(1, 1)), 6, 3, 0.004, c.grow)
		for i := range lives {
			c.change(&lives[i])
		}
		if n, of := leaksIn(lives); n > 0 != c.want {
			t.Errorf("%s: %d of %d curves are called leaks", name, n, of)
		}
	}
}

func always(form func(age, at, passed float64) float64) func(*rand.Rand) func(age, at, passed float64) float64 {
	return func(*rand.Rand) func(age, at, passed float64) float64 { return form }
}
