package memory

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

var t0 = record.TimeOf(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))

// series makes readings of a formula, of hours since the start, with a little noise.
func series(length, every time.Duration, seed uint64, f func(h float64) float64) []Point {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []Point
	for d := time.Duration(0); d < length; d += every {
		out = append(out, Point{t0.Add(d), f(d.Hours()) + 1e6*math.Abs(rng.NormFloat64())})
	}
	return out
}

func life(c string, pts []Point) Life {
	return Life{Container: c, Start: t0, LimitBytes: 500e6, Series: map[record.Metric][]Point{record.RSS: pts}}
}

func TestShapesOfLives(t *testing.T) {
	flat := func(float64) float64 { return 200e6 }
	leak := func(h float64) float64 { return 150e6 + 200e6*h }
	day := 24 * time.Hour
	for _, c := range []struct {
		name  string
		lives []Life
		load  map[string][]Point
		want  finding.Shape
	}{
		{"a flat curve is flat", []Life{life("a", series(time.Hour, 30*time.Second, 1, flat))}, nil, finding.ShapeFlat},
		{"steady growth in two containers is a leak", []Life{
			life("a", series(time.Hour, 30*time.Second, 1, leak)), life("b", series(time.Hour, 30*time.Second, 2, leak))}, nil, finding.ShapeLeak},
		{"a third of the limit in a day is a leak of one container", []Life{
			life("a", series(day, 5*time.Minute, 1, func(h float64) float64 { return 150e6 + 6e6*h }))}, nil, finding.ShapeLeak},
		{"modest growth in one short life is too little to tell", []Life{
			life("a", series(time.Hour, 30*time.Second, 1, func(h float64) float64 { return 150e6 + 40e6*h }))}, nil, finding.ShapeInsufficient},
		{"one container that grows among four that do not is too little to tell", []Life{
			life("a", series(time.Hour, 30*time.Second, 1, func(h float64) float64 { return 150e6 + 40e6*h })), life("b", series(time.Hour, 30*time.Second, 2, flat)),
			life("c", series(time.Hour, 30*time.Second, 3, flat)), life("d", series(time.Hour, 30*time.Second, 4, flat))}, nil, finding.ShapeInsufficient},
		{"a warm-up is a plateau", []Life{
			life("a", series(2*time.Hour, 30*time.Second, 1, func(h float64) float64 { return 250e6 - 130e6*math.Exp(-h/0.2) })),
			life("b", series(2*time.Hour, 30*time.Second, 2, func(h float64) float64 { return 250e6 - 130e6*math.Exp(-h/0.2) }))}, nil, finding.ShapePlateau},
		{"one big allocation that stays is a plateau", []Life{
			life("a", series(2*time.Hour, 30*time.Second, 1, func(h float64) float64 {
				if h > 1.2 {
					return 300e6
				}
				return 200e6
			}))}, nil, finding.ShapePlateau},
		{"a rise within a minute that falls back is a burst", []Life{
			life("a", series(time.Hour, 10*time.Second, 1, func(h float64) float64 {
				if h > 0.5 && h < 0.52 {
					return 450e6
				}
				return 200e6
			}))}, nil, finding.ShapeBurst},
		{"garbage collection is a saw tooth", []Life{
			life("a", series(time.Hour, 10*time.Second, 1, func(h float64) float64 { return 150e6 + 100e6*math.Mod(h*12, 1) }))}, nil, finding.ShapeSawtooth},
		{"memory that follows a rising load is flat", []Life{
			life("a", series(2*time.Hour, 30*time.Second, 1, func(h float64) float64 { return 100e6 + 1e6*rampLoad(h) })),
			life("b", series(2*time.Hour, 30*time.Second, 2, func(h float64) float64 { return 100e6 + 1e6*rampLoad(h) }))},
			map[string][]Point{"a": loadSeries(), "b": loadSeries()}, finding.ShapeFlat},
		{"a daily wave of the load is no leak", []Life{
			life("a", series(2*day, 5*time.Minute, 1, func(h float64) float64 { return 200e6 + 60e6*math.Sin(h/24*2*math.Pi) }))}, nil, finding.ShapeFlat},
		{"a morning of growth everywhere, the load not known, is too little to tell", []Life{
			life("a", series(6*time.Hour, time.Minute, 1, func(h float64) float64 { return 200e6 + 60e6*math.Sin(h/24*2*math.Pi) })),
			life("b", series(6*time.Hour, time.Minute, 2, func(h float64) float64 { return 200e6 + 60e6*math.Sin(h/24*2*math.Pi) }))}, nil, finding.ShapeInsufficient},
		{"five readings say nothing", []Life{life("a", series(5*time.Minute, time.Minute, 1, leak))}, nil, finding.ShapeInsufficient},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Curves(c.lives, Options{Load: c.load})[0]
			if got.Shape != c.want && !(c.want == finding.ShapeFlat && got.Shape == finding.ShapeSawtooth) {
				t.Errorf("got %s, want %s: %v", got.Shape, c.want, got.Reasons)
			}
		})
	}
}

func rampLoad(h float64) float64 { return 40 + 40*h + 25*math.Sin(9*h) }

func loadSeries() []Point {
	var out []Point
	for d := time.Duration(0); d < 2*time.Hour; d += 30 * time.Second {
		out = append(out, Point{t0.Add(d), rampLoad(d.Hours())})
	}
	return out
}

func TestALeakSaysWhenItsLimitComes(t *testing.T) {
	leak := func(h float64) float64 { return 100e6 + 100e6*h }
	cs := Curves([]Life{life("a", series(2*time.Hour, 30*time.Second, 1, leak)), life("b", series(2*time.Hour, 30*time.Second, 2, leak))}, Options{})
	c := cs[0]
	if c.TimeToLimitSeconds == nil || c.TimeToLimit == nil {
		t.Fatalf("no forecast: %+v", c)
	}
	// 97 % of 500 MB is reached at 3.85 h, 1.85 h after the last reading.
	if got, want := *c.TimeToLimitSeconds, 1.85*3600; math.Abs(got-want) > 0.05*want {
		t.Errorf("%.0f s, want about %.0f", got, want)
	}
	if e := c.TimeToLimit; e.Low > e.Value || e.Value > e.High || e.Low <= 0 {
		t.Errorf("interval %+v", e)
	}
	if s := c.SlopeBytesPerHour; s.Low > 100e6 || s.High < 100e6 {
		t.Errorf("slope %+v misses 100 MB an hour", s)
	}
}

// TestALeakKnownByItsSiblingsSaysWhenItsLimitComes: seen alone its growth levelled off.
func TestALeakKnownByItsSiblingsSaysWhenItsLimitComes(t *testing.T) {
	leak := func(h float64) float64 { return 100e6 + 100e6*h }
	steps := func(h float64) float64 { return 100e6 + 100e6*min(h, 1.5) }
	var lives []Life
	for i, name := range []string{"a", "b", "c"} {
		lives = append(lives, life(name, series(2*time.Hour, 30*time.Second, uint64(i), leak)))
	}
	lives = append(lives, life("d", series(2*time.Hour, 30*time.Second, 9, steps)))
	if alone := Curves(lives[3:], Options{})[0]; alone.Shape != finding.ShapePlateau || alone.TimeToLimit != nil {
		t.Fatalf("alone it is %s, limit in %v", alone.Shape, alone.TimeToLimit)
	}
	c := Curves(lives, Options{})[3]
	if c.Shape != finding.ShapeLeak || c.TimeToLimit == nil || c.TimeToLimitSeconds == nil {
		t.Fatalf("%s, limit in %v: %v", c.Shape, c.TimeToLimit, c.Reasons)
	}
	if e := *c.TimeToLimit; e.Low > e.Value || e.Value > e.High || e.High > maxAhead || e.Value < 3600 || e.Value > 4*3600 {
		t.Errorf("%+v", e)
	}
}

func TestALifeThatDiedHasNoForecastAndSaysHowLongNobodyLooked(t *testing.T) {
	l := life("a", series(time.Hour, 15*time.Minute, 1, func(float64) float64 { return 215e6 }))
	l.Died, l.Kind, l.Crash, l.End = true, record.CrashOOMKill, "c1", t0.Add(60*time.Minute)
	c := Curves([]Life{l}, Options{})[0]
	if c.BlindSeconds == nil || *c.BlindSeconds != 900 {
		t.Fatalf("blind %v, want 900", c.BlindSeconds)
	}
	if c.TimeToLimitSeconds != nil || c.Crash != "c1" {
		t.Errorf("%+v", c.Memory)
	}
	for _, w := range []string{"at least 18 MiB a minute, or a burst", "every 15 minutes", "the requests can"} {
		if !strings.Contains(c.Note, w) {
			t.Errorf("note %q lacks %q", c.Note, w)
		}
	}
}

func TestTheBoundIsTakenOnTheLimitThatWasMet(t *testing.T) {
	pts := series(time.Hour, 5*time.Minute, 1, func(float64) float64 { return 100e6 })
	l := life("a", pts)
	l.Series[record.HeapUsed], l.HeapLimitBytes = pts, 200e6
	l.Died, l.End = true, t0.Add(time.Hour)
	for kind, want := range map[record.CrashKind]string{record.CrashHeapLimit: "heap_used", record.CrashOOMKill: "rss", record.CrashHealthCheck: "", record.CrashOther: ""} {
		l.Kind = kind
		for _, c := range Curves([]Life{l}, Options{}) {
			if got := c.Note != ""; got != (c.Metric == want) {
				t.Errorf("died of %s: %s says %q", kind, c.Metric, c.Note)
			}
		}
	}
}

func TestAHeapLimitIsLearntFromTheDeathsThatMetIt(t *testing.T) {
	leak := func(h float64) float64 { return 30e6 + 40e6*h }
	dead := Life{Container: "a", Start: t0, End: t0.Add(time.Hour), Died: true, Kind: record.CrashHeapLimit, Series: map[record.Metric][]Point{record.HeapUsed: series(time.Hour, 30*time.Second, 1, leak)}}
	lives := Life{Container: "b", Start: t0, Series: map[record.Metric][]Point{record.HeapUsed: series(40*time.Minute, 30*time.Second, 2, leak)}}
	c := Curves([]Life{dead, lives}, Options{})[1]
	if c.LimitBytes == nil || *c.LimitBytes < 69e6 || *c.LimitBytes > 74e6 || c.TimeToLimitSeconds == nil {
		t.Fatalf("limit %v, forecast %v; want about 70 MB and a forecast", c.LimitBytes, c.TimeToLimitSeconds)
	}
	// A burst tells nothing of the limit: its last reading may be anywhere.
	dead.Series[record.HeapUsed] = series(time.Hour, 30*time.Second, 1, func(float64) float64 { return 30e6 })
	if c := Curves([]Life{dead, lives}, Options{})[1]; c.LimitBytes != nil {
		t.Errorf("limit %d learnt from a burst", *c.LimitBytes)
	}
}

func TestResidentMemoryThatCreepsWhileTheHeapStaysIsNoLeak(t *testing.T) {
	var lives []Life
	for i, c := range []string{"a", "b", "c"} {
		l := life(c, series(time.Hour, 30*time.Second, uint64(i), func(h float64) float64 { return 100e6 + 30e6*h }))
		l.Series[record.HeapUsed] = series(time.Hour, 30*time.Second, uint64(i)+9, func(float64) float64 { return 40e6 })
		lives = append(lives, l)
	}
	for _, c := range Curves(lives, Options{}) {
		if c.Shape == finding.ShapeLeak {
			t.Errorf("%s: %v", c.Metric, c.Reasons)
		}
	}
}

func TestGrowthKindTellsHeapFromWhatLiesOutside(t *testing.T) {
	up, flat := func(h float64) float64 { return 50e6 + 100e6*h }, func(float64) float64 { return 40e6 }
	for _, c := range []struct {
		name                string
		rss, heap, external func(float64) float64
		want                Where
	}{
		{"the heap grows", up, up, flat, GrowsHeap},
		{"buffers grow", up, flat, up, GrowsExternal},
		{"native memory grows", up, flat, flat, GrowsNative},
		{"resident memory grows and nothing else is known", up, nil, nil, GrowsUnknown},
		{"only the heap is known", nil, up, nil, GrowsHeap},
		{"nothing is known", nil, nil, nil, GrowsNowhere},
	} {
		l := Life{Container: "a", Start: t0, Series: map[record.Metric][]Point{}}
		for m, f := range map[record.Metric]func(float64) float64{record.RSS: c.rss, record.HeapUsed: c.heap, record.External: c.external} {
			if f != nil {
				l.Series[m] = series(time.Hour, 30*time.Second, uint64(m), f)
			}
		}
		if got := GrowthKind([]Life{l}); got.Where != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.Where, c.want)
		}
	}
}

func TestNothingAndNonsenseDoNotPanic(t *testing.T) {
	Shapes(nil, Options{})
	Attribute(nil, Exposure{}, nil, Options{})
	rapid.Check(t, func(t *rapid.T) {
		var lives []Life
		for range rapid.IntRange(0, 4).Draw(t, "lives") {
			l := Life{Container: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "container"), Died: rapid.Bool().Draw(t, "died"), Series: map[record.Metric][]Point{},
				Start: record.Time(rapid.SampledFrom([]int64{0, int64(t0), int64(t0.Add(time.Hour))}).Draw(t, "start")), LimitBytes: rapid.SampledFrom([]int64{0, 1, 1e9}).Draw(t, "limit")}
			if rapid.Bool().Draw(t, "ends") {
				l.End = t0.Add(rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Hour}).Draw(t, "end"))
			}
			for _, m := range metrics {
				at := t0
				for range rapid.IntRange(0, 30).Draw(t, "readings") {
					at = at.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "gap")) * time.Second)
					l.Series[m] = append(l.Series[m], Point{at, rapid.SampledFrom([]float64{0, 1, 5e8, 1e15}).Draw(t, "v")})
				}
			}
			lives = append(lives, l)
		}
		ex := Exposure{From: t0, Block: time.Minute, N: rapid.IntRange(0, 40).Draw(t, "n")}
		for _, e := range []string{"x", "y"} {
			counts := rapid.SliceOfN(rapid.Float64Range(0, 9), 0, 50).Draw(t, "counts")
			ex.Endpoints = append(ex.Endpoints, Counts{Endpoint: e, ByContainer: map[string][]float64{"a": counts, "b": nil}})
		}
		o := Options{Load: ex.Load(), Placebos: 5}
		for _, m := range Shapes(lives, o) {
			for _, v := range []float64{m.SlopeBytesPerHour.Value, m.SlopeBytesPerHour.Low, m.SlopeBytesPerHour.High} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("slope %+v does not fit into JSON", m.SlopeBytesPerHour)
				}
			}
		}
		a := Attribute(lives, ex, []Job{{"j", "a", t0, 0}, {"j", "z", 0, 0}}, o)
		for _, e := range a.Endpoints {
			if math.IsNaN(e.Posterior) || math.IsNaN(e.BytesPerRequest.Value) || math.IsInf(e.BytesPerRequest.High, 0) {
				t.Fatalf("%+v", e)
			}
		}
		if d := cmp.Diff(a.Endpoints, Attribute(lives, ex, []Job{{"j", "a", t0, 0}, {"j", "z", 0, 0}}, o).Endpoints); d != "" {
			t.Fatal(d)
		}
	})
}

func TestEveryRuleSaysWhatItTestsAndWhenItCannot(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.ID == "" || r.Title == "" || r.Question == "" || r.Test == "" || r.Source == "" || r.Limits == "" || len(r.Thresholds) == 0 {
			t.Errorf("%q is a duplicate or lacks something", r.ID)
		}
		seen[r.ID] = true
		for _, th := range r.Thresholds {
			if th.Name == "" || th.Value == "" || th.Why == "" {
				t.Errorf("%s: %+v", r.ID, th)
			}
		}
	}
}
