package heap

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// Stacks of a Node.js service, innermost first.
const (
	nodeStart = "loadAll@/app/src/catalogue.js:5 < (anonymous:L#1:C#1)@/app/server.js:1 < Module._compile@node:internal/modules/cjs/loader:1483"
	nodeLeak  = "remember@/app/src/orders/order-cache.js:7 < getOrder@/app/src/orders/get-order.js:3 < (anonymous)@"
	nodeOther = "list@/app/src/users/list-users.js:9 < next@/app/node_modules/router/index.js:10"
)

var nodeEndpoints = []string{"GET /api/orders/{id}", "GET /api/users", "POST /api/carts", "GET /api/products/{id}/reviews", "GET /api/carts/export"}

func TestALeakIsNamedWithItsFileLineCallerAndEndpoint(t *testing.T) {
	r := run(t, grows(t, "web-1", 8, map[string]float64{nodeStart: 20, nodeOther: 1}, map[string]float64{nodeLeak: 6}), Options{Endpoints: nodeEndpoints})
	if r.Leading == nil {
		t.Fatalf("nothing leads; notes %q", r.Notes)
	}
	l := r.Leading
	if l.Function != "remember" || l.File == nil || *l.File != "/app/src/orders/order-cache.js" || l.Line != 7 {
		t.Errorf("named %s %v:%d", l.Function, l.File, l.Line)
	}
	if diff := cmp.Diff([]string{"getOrder"}, l.CalledFrom); diff != "" {
		t.Errorf("callers (-want +got):\n%s", diff)
	}
	if l.Endpoint == nil || *l.Endpoint != "GET /api/orders/{id}" {
		t.Errorf("endpoint %v", l.Endpoint)
	}
	if l.GrowthBytes != 42e6 || l.FlatBytes != 42e6 || l.CumBytes != 42e6 || l.Share != 1 || l.Profiles != 8 || l.Containers != 1 || l.Shape != finding.ShapeLeak {
		t.Errorf("figures %+v", l)
	}
	if s := l.SlopeBytesPerHour; s == nil || s.Value != 360e6 {
		t.Errorf("slope %+v, want 360 MB an hour", s)
	}
	if r.Confidence != finding.Likely {
		t.Errorf("confidence %s %q", r.Confidence, r.Reasons)
	}
	if r.Heap[0].Function != "remember" {
		t.Errorf("first row %s", r.Heap[0].Function)
	}
}

func TestTheSameLeakInTwoContainersIsConclusive(t *testing.T) {
	var ps []record.Profile
	for _, c := range []string{"web-1", "web-2"} {
		ps = append(ps, grows(t, c, 8, map[string]float64{nodeStart: 20}, map[string]float64{nodeLeak: 6})...)
	}
	r := run(t, ps, Options{})
	if r.Confidence != finding.Conclusive || r.Leading.Containers != 2 || r.Leading.Profiles != 16 {
		t.Errorf("%s, %+v", r.Confidence, r.Leading)
	}
}

func TestTwoLeaksOfOneSizeLowerTheConfidence(t *testing.T) {
	other := "keep@/app/src/users/keep.js:4 < listUsers@/app/src/users/list-users.js:9 < next@/app/node_modules/router/index.js:10"
	r := run(t, grows(t, "web-1", 8, map[string]float64{nodeStart: 20}, map[string]float64{nodeLeak: 6, other: 5}), Options{})
	if r.Confidence.Rank() > finding.Possible.Rank() || len(r.Heap) < 2 {
		t.Errorf("%s with rows %v", r.Confidence, r.Heap)
	}
}

func TestNothingLeaksInAHealthyProcess(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var ps []record.Profile
	for i := range 12 {
		ps = append(ps, made{container: "web-1", minute: float64(i), stacks: map[string]float64{nodeStart: 20, nodeOther: 1 + 2*r.Float64(), nodeLeak: 2 * r.Float64()}}.record(t))
	}
	got := run(t, ps, Options{Endpoints: nodeEndpoints})
	if got.Leading != nil || got.Confidence != finding.Insufficient || !slices.Contains(got.Notes, "nothing in the heap profiles keeps growing") {
		t.Errorf("leading %s, %s, %q", leading(got), got.Confidence, got.Notes)
	}
}

func TestAFunctionThatReplacesAnotherDoesNotLeak(t *testing.T) {
	r := run(t, grows(t, "web-1", 8, map[string]float64{nodeStart: 20, nodeOther: 50}, map[string]float64{nodeLeak: 5, nodeOther: -5}), Options{})
	if r.Leading != nil {
		t.Errorf("%s leads although the heap does not grow", leading(r))
	}
}

func TestTheOrderOfTheProfilesDoesNotMatter(t *testing.T) {
	var ps []record.Profile
	for _, c := range []string{"web-1", "web-2", "web-3"} {
		ps = append(ps, grows(t, c, 5, map[string]float64{nodeStart: 20, nodeOther: 3}, map[string]float64{nodeLeak: 6, nodeOther: 0.5})...)
	}
	ps = append(ps, record.Profile{Name: "bad"}, record.Profile{Name: "worse", Data: []byte("<html>")})
	o := Options{Endpoints: nodeEndpoints, Deaths: []Death{{Container: "web-2", Time: minute(5), ID: "c1"}}}
	want := run(t, ps, o)
	for seed := range uint64(8) {
		rand.New(rand.NewPCG(seed, 9)).Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
		if diff := cmp.Diff(want, run(t, ps, o)); diff != "" {
			t.Fatalf("another order, another result (-first +other):\n%s", diff)
		}
	}
}

func TestAProfileGivenTwiceCountsOnce(t *testing.T) {
	ps := grows(t, "web-1", 4, map[string]float64{nodeStart: 20}, map[string]float64{nodeLeak: 6})
	r := run(t, append(ps, ps[1]), Options{})
	if r.Series[0].Profiles != 4 || warning(r, "duplicate_profile") != 1 {
		t.Errorf("%d profiles, warnings %v", r.Series[0].Profiles, r.Warnings)
	}
}

func warning(r *Result, code string) int64 {
	for _, w := range r.Warnings {
		if w.Code == code {
			return w.Count
		}
	}
	return 0
}

func TestADeathBeginsANewLife(t *testing.T) {
	var ps []record.Profile
	for i := range 12 {
		ps = append(ps, made{container: "web-1", minute: float64(i), stacks: plus(map[string]float64{nodeStart: 20}, map[string]float64{nodeLeak: 6}, float64(i%6))}.record(t))
	}
	r := run(t, ps, Options{Deaths: []Death{{Container: "web-1", Time: minute(5.5), ID: "c1"}}})
	if len(r.Series) != 2 || r.Series[0].Crash != "c1" || r.Series[0].BlindSeconds != 30 || r.Series[1].Crash != "" {
		t.Errorf("series %+v", r.Series)
	}
	if leading(r) != "remember" {
		t.Errorf("leading %q", leading(r))
	}
}

func TestARestartNobodyReportedIsSeen(t *testing.T) {
	t.Run("in Go, by what was ever allocated falling", func(t *testing.T) {
		var ps []record.Profile
		for i := range 10 {
			stacks := map[string]float64{"main.keep@/app/main.go:5 < main.handle@/app/main.go:9 < net/http.HandlerFunc.ServeHTTP@/usr/local/go/src/net/http/server.go:1": 5 + 5*float64(i%5)}
			alloc := map[string]float64{}
			for k, v := range stacks {
				alloc[k] = 3 * v
			}
			ps = append(ps, made{container: "a", minute: float64(i), types: "alloc_space/bytes inuse_space/bytes", stacks: stacks, alloc: alloc}.record(t))
		}
		if r := run(t, ps, Options{}); len(r.Series) != 2 || leading(r) != "main.keep" {
			t.Errorf("%d series, leading %q", len(r.Series), leading(r))
		}
	})
	t.Run("in Node, by start-up memory that changed", func(t *testing.T) {
		var ps []record.Profile
		for i := range 10 {
			start := 20.0
			if i >= 5 {
				start = 18.5 // sampled anew
			}
			ps = append(ps, made{container: "a", minute: float64(i), stacks: plus(map[string]float64{nodeStart: start}, map[string]float64{nodeLeak: 10}, 1+float64(i%5))}.record(t))
		}
		if r := run(t, ps, Options{}); len(r.Series) != 2 || leading(r) != "remember" {
			t.Errorf("%d series, leading %q", len(r.Series), leading(r))
		}
	})
	t.Run("but a sawtooth of one process is one life", func(t *testing.T) {
		var ps []record.Profile
		for i := range 10 {
			ps = append(ps, made{container: "a", minute: float64(i), stacks: plus(map[string]float64{nodeStart: 20}, map[string]float64{nodeLeak: 10}, 1+float64(i%5))}.record(t))
		}
		if r := run(t, ps, Options{}); len(r.Series) != 1 || r.Leading != nil {
			t.Errorf("%d series, leading %q", len(r.Series), leading(r))
		}
	})
}

func TestADeathThatIsDatedLateEndsTheLifeBefore(t *testing.T) {
	var ps []record.Profile
	for i := range 12 {
		start := 20.0
		if i >= 6 {
			start = 18.5
		}
		ps = append(ps, made{container: "a", minute: float64(i), stacks: plus(map[string]float64{nodeStart: start}, map[string]float64{nodeLeak: 10}, 1+float64(i%6))}.record(t))
	}
	// The first profile of the second life is of minute 6; the platform dates the death 20 s later.
	r := run(t, ps, Options{Deaths: []Death{{Container: "a", Time: minute(6.33), ID: "c1"}}})
	if len(r.Series) != 2 || r.Series[0].Crash != "c1" || r.Series[0].Profiles != 6 || r.Series[1].Crash != "" || r.Series[1].Profiles != 6 {
		t.Errorf("series %+v", r.Series)
	}
}

func TestARiseInTheLastProfileBeforeADeathIsPossible(t *testing.T) {
	base := map[string]float64{nodeStart: 20, nodeOther: 2}
	ps := append(grows(t, "a", 5, base, nil), made{container: "a", minute: 5, stacks: plus(base, map[string]float64{nodeLeak: 80}, 1)}.record(t))
	r := run(t, ps, Options{Deaths: []Death{{Container: "a", Time: minute(5.2), ID: "c1"}}})
	if leading(r) != "remember" || r.Confidence != finding.Possible || r.Leading.Shape != finding.ShapeBurst {
		t.Errorf("leading %q, %s, %+v", leading(r), r.Confidence, r.Heap)
	}
	if r := run(t, ps, Options{}); r.Leading != nil {
		t.Errorf("%s leads, and nobody died: it may fall again", leading(r))
	}
}

func TestALegacyHeapProfileHasItsNames(t *testing.T) {
	keep := make([][]byte, 200)
	for i := range keep {
		keep[i] = make([]byte, 1<<20)
	}
	var text, proto bytes.Buffer
	runtime.GC()
	if err := pprof.Lookup("heap").WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	if err := pprof.Lookup("heap").WriteTo(&proto, 0); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(keep)
	p, err := Parse(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	q, err := Parse(proto.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	held := func(p *profile.Profile) (bytes int64, line int64) {
		i, _, err := SampleType(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Sample {
			for _, l := range s.Location {
				for _, ln := range l.Line {
					if strings.HasSuffix(ln.Function.Name, ".TestALegacyHeapProfileHasItsNames") {
						bytes, line = bytes+s.Value[i], ln.Line
					}
				}
			}
		}
		return bytes, line
	}
	tb, tl := held(p)
	pb, pl := held(q)
	if tl == 0 || tl != pl || tb < 150<<20 || max(tb-pb, pb-tb) > pb/10 {
		t.Errorf("as text %d bytes at line %d, as a protocol buffer %d at %d", tb, tl, pb, pl)
	}
}

func TestDifferentProgramsAreNotOneSeries(t *testing.T) {
	for name, change := range map[string]func(i int, m *made){
		"build":    func(i int, m *made) { m.build = strings.Repeat("a", i+1) },
		"version":  func(i int, m *made) { m.version = strings.Repeat("v", i+1) },
		"instance": func(i int, m *made) { m.instance = strings.Repeat("x", i+1) },
		"pid":      func(i int, m *made) { m.comment = []string{"pid: " + strings.Repeat("7", i+1)} },
	} {
		t.Run(name, func(t *testing.T) {
			var ps []record.Profile
			for i := range 6 {
				m := made{minute: float64(i), stacks: map[string]float64{nodeLeak: 10 + 30*float64(i)}}
				change(i, &m)
				ps = append(ps, m.record(t))
			}
			if r := run(t, ps, Options{}); len(r.Series) != 6 || r.Leading != nil || len(r.Heap) != 0 {
				t.Errorf("%d series, leading %q, %d rows", len(r.Series), leading(r), len(r.Heap))
			}
		})
	}
}

func TestAProfileAtTheLimitNamesTheBurst(t *testing.T) {
	burst := map[string]float64{
		"compute@/app/src/export/compute.js:6 < map@ < exportAll@/app/src/export/export-all.js:17 < (anonymous)@":                                     60,
		"acquire@/app/src/infrastructure/db.js:9 < compute@/app/src/export/compute.js:6 < map@ < exportAll@/app/src/export/export-all.js:17":          25,
		"(anonymous:L#8:C#3)@/app/src/export/compute.js:8 < compute@/app/src/export/compute.js:6 < runNextTicks@node:internal/process/task_queues:58": 8,
	}
	base := map[string]float64{nodeStart: 20, nodeOther: 2}
	o := Options{Deaths: []Death{{Container: "web-1", Time: minute(3.2), ID: "c1"}}}
	before := grows(t, "web-1", 3, base, nil)
	oom := made{container: "web-1", minute: 3.1, oom: true, stacks: plus(base, burst, 1)}.record(t)

	t.Run("against the profiles before it", func(t *testing.T) {
		r := run(t, append(slices.Clone(before), oom), o)
		if leading(r) != "compute" || r.Confidence != finding.Likely || !r.Leading.OnOOM || r.Leading.Shape != finding.ShapeBurst {
			t.Fatalf("leading %q, %s, %+v", leading(r), r.Confidence, r.Leading)
		}
		if r.Leading.GrowthBytes != 93e6 {
			t.Errorf("growth %d: the helper and the callback count for the function they work for", r.Leading.GrowthBytes)
		}
	})
	t.Run("against other containers when it is alone in its life", func(t *testing.T) {
		r := run(t, append(grows(t, "web-2", 3, base, nil), oom), o)
		if leading(r) != "compute" {
			t.Fatalf("leading %q", leading(r))
		}
		if r.Leading.GrowthBytes != 93e6 {
			t.Errorf("growth %d", r.Leading.GrowthBytes)
		}
	})
	t.Run("by itself, with less confidence", func(t *testing.T) {
		r := run(t, []record.Profile{oom}, o)
		if leading(r) != "compute" || r.Confidence != finding.Possible {
			t.Errorf("leading %q, %s", leading(r), r.Confidence)
		}
	})
	t.Run("twice is conclusive", func(t *testing.T) {
		second := made{container: "web-2", minute: 3.1, oom: true, stacks: plus(base, burst, 1)}.record(t)
		r := run(t, slices.Concat(before, []record.Profile{oom}, grows(t, "web-2", 3, base, nil), []record.Profile{second}), o)
		if r.Confidence != finding.Conclusive {
			t.Errorf("%s %q", r.Confidence, r.Reasons)
		}
	})
	t.Run("even when its writer says less of the process than the others", func(t *testing.T) {
		var ps []record.Profile
		for i := range 3 {
			ps = append(ps, made{container: "web-1", minute: float64(i), comment: []string{"pid=7"}, stacks: base}.record(t))
		}
		if r := run(t, append(ps, oom), o); len(r.Series) != 1 || leading(r) != "compute" {
			t.Errorf("%d series, leading %q", len(r.Series), leading(r))
		}
	})
}

func TestALeakUpToTheLimitIsALeakNotABurst(t *testing.T) {
	ps := grows(t, "web-1", 8, map[string]float64{nodeStart: 20}, map[string]float64{nodeLeak: 6})
	ps = append(ps, made{container: "web-1", minute: 7.4, oom: true, stacks: plus(map[string]float64{nodeStart: 20, nodeOther: 3}, map[string]float64{nodeLeak: 6}, 7.4)}.record(t))
	r := run(t, ps, Options{})
	if leading(r) != "remember" || r.Leading.Shape != finding.ShapeLeak {
		t.Errorf("%+v", r.Leading)
	}
}

func TestGrowthOutsideTheHeapNamesNoCode(t *testing.T) {
	r := run(t, grows(t, "web-1", 8, map[string]float64{nodeStart: 20, nodeOther: 2}, map[string]float64{"(external)@": 12}), Options{})
	if r.Leading != nil || r.Outside == nil || r.Outside.Function != "(external)" || !strings.Contains(strings.Join(r.Notes, "\n"), "no stack") {
		t.Errorf("leading %q, outside %v, notes %q", leading(r), r.Outside, r.Notes)
	}
}

func TestDyingBetweenTwoProfilesIsSaid(t *testing.T) {
	r := run(t, grows(t, "web-1", 4, map[string]float64{nodeStart: 20}, nil), Options{Deaths: []Death{{Container: "web-1", Time: minute(3.9), ID: "c1"}}})
	if r.Leading != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "died between two profiles") {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestDeltasAndDifferencesAreNeverReadAsAbsolute(t *testing.T) {
	goStack := "main.keep@/app/main.go:5 < main.main@/app/main.go:9"
	t.Run("a span of time is a delta", func(t *testing.T) {
		var ps []record.Profile
		for i := range 6 {
			ps = append(ps, made{minute: float64(i), span: 30 * time.Second, stacks: map[string]float64{goStack: 10 + 10*float64(i)}}.record(t))
		}
		r := run(t, ps, Options{})
		if r.Leading != nil || len(r.Series) != 0 || !strings.Contains(strings.Join(r.Notes, "\n"), "6 profiles are deltas") {
			t.Errorf("leading %q, %d series, notes %q", leading(r), len(r.Series), r.Notes)
		}
		if len(r.Heap) == 0 || r.Heap[0].Shape != finding.ShapeInsufficient || !strings.Contains(r.Heap[0].Note, "within the 30s") {
			t.Errorf("rows %+v", r.Heap)
		}
	})
	t.Run("unless it holds more than was allocated in that time", func(t *testing.T) {
		var ps []record.Profile
		for i := range 6 {
			ps = append(ps, made{minute: float64(i), span: time.Minute, types: "alloc_space/bytes inuse_space/bytes", alloc: map[string]float64{goStack: 5}, stacks: map[string]float64{goStack: 10 + 10*float64(i)}}.record(t))
		}
		if r := run(t, ps, Options{}); leading(r) != "main.keep" {
			t.Errorf("leading %q, notes %q", leading(r), r.Notes)
		}
	})
	t.Run("negative values are a difference", func(t *testing.T) {
		r := run(t, []record.Profile{made{stacks: map[string]float64{goStack: 30, nodeOther: -5}}.record(t)}, Options{})
		if r.Leading != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "differences already") || len(r.Heap) != 1 || r.Heap[0].GrowthBytes != 30e6 {
			t.Errorf("notes %q, rows %v", r.Notes, r.Heap)
		}
	})
}

func TestSampleTypesAreChosenByNameAndUnit(t *testing.T) {
	for name, c := range map[string]struct {
		types string
		want  string
		err   string
	}{
		"Go":                         {types: "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes", want: "inuse_space"},
		"Go in another order":        {types: "inuse_space/bytes inuse_objects/count alloc_space/bytes", want: "inuse_space"},
		"V8":                         {types: "objects/count space/bytes", want: "space"},
		"JVM live heap":              {types: "alloc-samples/count alloc-size/bytes heap-live-samples/count heap-live-size/bytes", want: "heap-live-size"},
		".NET":                       {types: "cpu/nanoseconds alloc-size/bytes inuse-objects/count inuse-space/bytes", want: "inuse-space"},
		"async-profiler live":        {types: "live/bytes", want: "live"},
		"Rust in kilobytes":          {types: "inuse_space/kilobytes", want: "inuse_space"},
		"allocations only":           {types: "alloc_space/bytes", err: "allocations only"},
		"objects only":               {types: "inuse_objects/count", err: "counts objects"},
		"CPU":                        {types: "samples/count cpu/nanoseconds", err: "not memory"},
		"a live type that is a time": {types: "live/nanoseconds", err: "not memory"},
	} {
		t.Run(name, func(t *testing.T) {
			p := made{types: c.types, stacks: map[string]float64{nodeOther: 1}}.profile(t)
			i, _, err := SampleType(p)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || p.SampleType[i].Type != c.want {
				t.Errorf("chose %v, %v", i, err)
			}
		})
	}
}

func TestUnitsAndPeriodsAreReconciled(t *testing.T) {
	var ps []record.Profile
	for i := range 8 {
		m := made{container: "a", minute: float64(i), stacks: map[string]float64{nodeLeak: 10 * float64(i+1)}}
		if i%2 == 1 { // the same memory in kilobytes, sampled at another rate
			m.types, m.period = "inuse_space/kilobytes", 1<<16
			m.stacks = map[string]float64{nodeLeak: 10 * float64(i+1) / 1024}
		}
		ps = append(ps, m.record(t))
	}
	r := run(t, ps, Options{})
	if leading(r) != "remember" || len(r.Series) != 1 || max(r.Leading.GrowthBytes-70e6, 70e6-r.Leading.GrowthBytes) > 2048 {
		t.Errorf("%+v in %d series", r.Leading, len(r.Series))
	}
}

func TestMergedProfilesAreRecognised(t *testing.T) {
	p := made{stacks: map[string]float64{nodeOther: 10, nodeLeak: 5}}.profile(t)
	for i, s := range p.Sample {
		s.NumLabel = map[string][]int64{"pid": {int64(100 + i)}}
	}
	var buf bytes.Buffer
	if err := p.Write(&buf); err != nil {
		t.Fatal(err)
	}
	r := run(t, []record.Profile{{Name: "merged", Data: buf.Bytes()}}, Options{})
	if !strings.Contains(strings.Join(r.Notes, "\n"), "merged from several processes") {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestWhatIsNoProfileIsRefusedInWords(t *testing.T) {
	var whole bytes.Buffer
	if err := (made{stacks: map[string]float64{nodeStart: 20, nodeLeak: 5}}).profile(t).Write(&whole); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := (made{stacks: map[string]float64{nodeStart: 20, nodeLeak: 5}}).profile(t).WriteUncompressed(&raw); err != nil {
		t.Fatal(err)
	}
	var emptyGzip bytes.Buffer
	zw := gzip.NewWriter(&emptyGzip)
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data       []byte
		code, says string
	}{
		"an empty file":           {nil, "empty_profile", "does not mean that no memory was in use"},
		"an empty gzip":           {emptyGzip.Bytes(), "empty_profile", "0 bytes"},
		"a gzip cut short":        {whole.Bytes()[:whole.Len()-20], "truncated_gzip", "cut short"},
		"a profile cut short":     {raw.Bytes()[:raw.Len()-7], "malformed_profile", "fetch it again"},
		"a login page":            {[]byte("<!DOCTYPE html><html><body>Sign in</body></html>"), "html_not_profile", "HTML page"},
		"jemalloc's own text":     {[]byte("heap_v2/524288\n  t*: 1: 8 [0: 0]\n"), "jemalloc_heap_v2", "jeprof"},
		"an error in JSON":        {[]byte(`{"error":"unauthorized"}`), "json_not_profile", "JSON"},
		"a V8 snapshot":           {[]byte(`{"snapshot":{"meta":{}}}`), "heap_snapshot", "snapshot"},
		"a Java heap dump":        {[]byte("JAVA PROFILE 1.0.2\x00"), "hprof", "hprof"},
		"a zip archive":           {[]byte("PK\x03\x04rest"), "archive", "unpack"},
		"bytes without any sense": {[]byte("\x01\x02\x03 nonsense"), "malformed_profile", "not a complete pprof profile"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.data)
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Code != c.code || !strings.Contains(pe.Why, c.says) {
				t.Fatalf("error %v, want %s saying %q", err, c.code, c.says)
			}
			r := run(t, []record.Profile{{Name: "x", Data: c.data}}, Options{})
			if warning(r, c.code) != 1 {
				t.Errorf("warnings %v", r.Warnings)
			}
		})
	}
}

func TestOddWrappingsAreRead(t *testing.T) {
	var raw, once, twice bytes.Buffer
	p := made{stacks: map[string]float64{nodeStart: 20}}.profile(t)
	if err := p.WriteUncompressed(&raw); err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct{ from, to *bytes.Buffer }{{&raw, &once}, {&once, &twice}} {
		zw := gzip.NewWriter(w.to)
		zw.Write(w.from.Bytes())
		zw.Close()
	}
	for name, b := range map[string]*bytes.Buffer{"uncompressed": &raw, "gzipped": &once, "gzipped twice": &twice} {
		if _, err := Parse(b.Bytes()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASmallFileThatExpandsWithoutBoundIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("compresses a quarter of a gigabyte")
	}
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range maxProfileBytes>>20 + 1 {
		zw.Write(zeros)
	}
	zw.Close()
	_, err := Parse(b.Bytes())
	var pe *ParseError
	if !errors.As(err, &pe) || pe.Code != "huge_profile" {
		t.Errorf("%d bytes that expand to more than %d MB: %v", b.Len(), maxProfileBytes>>20, err)
	}
}

func TestProfilesWithoutATimeKeepTheirOrderByName(t *testing.T) {
	var ps []record.Profile
	for i := range 6 {
		m := made{stacks: map[string]float64{nodeLeak: 10 * float64(i+1)}, name: "heap." + string(rune('1'+i))}
		rp := m.record(t)
		p := m.profile(t)
		p.TimeNanos = 0
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		rp.Data, rp.Time = b.Bytes(), 0
		ps = append(ps, rp)
	}
	slices.Reverse(ps)
	r := run(t, ps, Options{})
	if leading(r) != "remember" || r.Leading.GrowthBytes != 50e6 {
		t.Errorf("%+v", r.Leading)
	}
	if r.Leading != nil && r.Leading.SlopeBytesPerHour != nil {
		t.Errorf("a slope an hour without times: %+v", r.Leading.SlopeBytesPerHour)
	}
}

func TestCancellationIsTheError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Analyze(ctx, grows(t, "a", 3, nil, map[string]float64{nodeLeak: 1}), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestNoProfilesAreNoFault(t *testing.T) {
	r := run(t, nil, Options{})
	if r.Leading != nil || len(r.Heap) != 0 || r.Heap == nil {
		t.Errorf("%+v", r)
	}
}

func TestRulesAreWhole(t *testing.T) {
	for _, r := range Rules() {
		if r.ID == "" || r.Title == "" || r.Question == "" || r.Test == "" || r.Source == "" || r.Limits == "" || len(r.Thresholds) == 0 {
			t.Errorf("rule %q lacks something: %+v", r.ID, r)
		}
	}
}
