package heap

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// shared finds recordings that are kept outside the repository: in $LASTCALL_SHARED, or in a folder "shared" beside it.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	dir := os.Getenv("LASTCALL_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir = filepath.Join(append([]string{dir}, parts...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no recordings at %s; set LASTCALL_SHARED", dir)
	}
	return dir
}

// readProfiles reads profiles named like "web-1_20261116T134756Z_oom.pb.gz", or by any other name.
func readProfiles(t testing.TB, pattern string) []record.Profile {
	t.Helper()
	fs, err := filepath.Glob(pattern)
	if err != nil || len(fs) == 0 {
		t.Fatalf("no profiles at %s (%v)", pattern, err)
	}
	var out []record.Profile
	for _, f := range fs {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		p := record.Profile{Name: filepath.Base(f), Data: data, OnOOM: strings.Contains(f, "_oom")}
		if c, rest, ok := strings.Cut(p.Name, "_"); ok && len(rest) >= 16 {
			if at, err := time.Parse("20060102T150405Z", rest[:16]); err == nil {
				p.Container, p.Time = c, record.TimeOf(at)
			}
		}
		out = append(out, p)
	}
	return out
}

// truth is what is known of a recorded incident, for tests only.
type truth struct {
	CulpritFunction *string `json:"culprit_function"`
	CulpritEndpoint *string `json:"culprit_endpoint"`
	Crashes         []struct {
		Time      time.Time `json:"time"`
		Container string    `json:"container"`
	} `json:"crashes"`
}

// incident reads the profiles of a recorded incident, what is known of it, and the options as the rest of the evidence gives them.
func incident(t testing.TB, dir string) ([]record.Profile, truth, Options) {
	t.Helper()
	var g truth
	var meta struct {
		Routes []struct{ Method, Path string } `json:"routes"`
	}
	for name, into := range map[string]any{"ground_truth.json": &g, "meta.json": &meta} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	var o Options
	for _, c := range g.Crashes {
		o.Deaths = append(o.Deaths, Death{Container: c.Container, Time: record.TimeOf(c.Time), ID: "c"})
	}
	for _, r := range meta.Routes {
		o.Endpoints = append(o.Endpoints, r.Method+" "+template(r.Path))
	}
	return readProfiles(t, filepath.Join(dir, "profiles", "*")), g, o
}

func template(path string) string {
	segs := strings.Split(path, "/")
	for i, s := range segs {
		if strings.HasPrefix(s, ":") {
			segs[i] = "{id}"
		}
	}
	return strings.Join(segs, "/")
}

// TestRecordedIncidents asks of every incident with a culprit function that it is the first of the user's code, or that the
// notes say why the profiles cannot show it; and of every other that nothing is called a leak.
func TestRecordedIncidents(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(shared(t, "incidents"), "*", "profiles"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ps, g, o := incident(t, dir)
			r := run(t, ps, o)
			switch {
			case g.CulpritFunction == nil:
				if r.Leading != nil {
					t.Errorf("%s leads, and nothing leaks", leading(r))
				}
			case r.Leading == nil:
				if len(r.Notes) == 0 {
					t.Errorf("%s is not named, and the notes do not say why", *g.CulpritFunction)
				}
				t.Logf("not named: %q", r.Notes)
			case r.Leading.Function != *g.CulpritFunction:
				t.Errorf("%s leads, want %s", r.Leading.Function, *g.CulpritFunction)
			default:
				for _, h := range r.Heap {
					if h.Function == *g.CulpritFunction {
						break
					}
					if h.File != nil && strings.HasPrefix(*h.File, "/app/") && !strings.Contains(*h.File, "node_modules") {
						t.Errorf("%s stands before it", h.Function)
					}
				}
				if r.Confidence.Rank() < finding.Likely.Rank() {
					t.Errorf("%s with %s only", r.Leading.Function, r.Confidence)
				}
				if e := r.Leading.Endpoint; e != nil && (g.CulpritEndpoint == nil || *e != strings.SplitN(*g.CulpritEndpoint, " ", 2)[0]+" "+template(strings.SplitN(*g.CulpritEndpoint, " ", 2)[1])) {
					t.Errorf("tied to %s", *e)
				}
			}
		})
	}
}

// TestRecordedIncidentsWithoutCrashes: the profiles alone, as `heap` has them.
func TestRecordedIncidentsByTheirProfilesAlone(t *testing.T) {
	dir := shared(t, "incidents")
	for name, want := range map[string]string{"S1-1": "computeParticipantProfile", "S2-2": "watchContentRefresh", "S12-1": "main.cacheProfile", "S13-1": "refreshUsageStatistics", "S0-1": "", "S6-1": "", "S7-1": "", "S8-1": "", "S9-1": ""} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Skip("not there")
			}
			if got := leading(run(t, readProfiles(t, filepath.Join(dir, name, "profiles", "*")), Options{})); got != want {
				t.Errorf("%q leads, want %q", got, want)
			}
		})
	}
}

// TestNothingInTheCorpusIsCalledALeak: real profiles of other projects, of which none is a leak that can be told.
func TestNothingInTheCorpusIsCalledALeak(t *testing.T) {
	dir := shared(t, "corpus", "profiles")
	for name, c := range map[string]struct {
		files string
		says  string        // in a note or warning
		shape finding.Shape // of the first row
	}{
		"a start-up step":               {"parca-dev+parca/pkg/query/testdata/many/*", "nothing in the heap profiles keeps growing", finding.ShapePlateau},
		"a pair that grew":              {"profefe+profefe/testdata/collector_heap_*.prof", "cannot be told from a step", finding.ShapeInsufficient},
		"a pair that fell":              {"DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/stress-failure.2.*", "cannot be told from a step", ""},
		"a small pair":                  {"DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/heap.*r*.pprof", "", ""},
		"different builds":              {"Borislavv+advanced-cache/heap*", "no life of a process has two profiles", ""},
		"deltas":                        {"evmos+testing/*.prof", "2 profiles are deltas", finding.ShapeInsufficient},
		"a difference":                  {"conprof+conprof/api/testdata/diff.pb.gz", "differences already", ""},
		"jemalloc's text":               {"felixge+pprofutils/internal/legacy/test-fixtures/jemalloc.heap", "jeprof", ""},
		"malformed input":               {"DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/fuzz/FuzzDelta/*", "not a complete pprof profile", ""},
		"older formats":                 {"google+pprof/profile/testdata/*", "", finding.ShapeInsufficient},
		"goroutines as text":            {"uber-go+goleak/internal/stack/testdata/*", "", ""},
		"one heap of a controller":      {"Azure+eno/heap.pprof", "holds 23.7 MB", ""},
		"absolute values over a minute": {"DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/big-heap.pprof", "holds 1866.6 MB", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, readProfiles(t, filepath.Join(dir, c.files)), Options{})
			if r.Leading != nil || r.Outside != nil {
				t.Errorf("%s leads, outside %v", leading(r), r.Outside)
			}
			text := strings.Join(r.Notes, "\n")
			for _, w := range r.Warnings {
				text += "\n" + w.Text
			}
			if !strings.Contains(text, c.says) {
				t.Errorf("does not say %q:\n%s", c.says, text)
			}
			if c.shape != "" && (len(r.Heap) == 0 || r.Heap[0].Shape != c.shape) {
				t.Errorf("rows %+v", r.Heap)
			}
		})
	}
	t.Run("the pair that grew names what grew", func(t *testing.T) {
		r := run(t, readProfiles(t, filepath.Join(dir, "profefe+profefe/testdata/collector_heap_*.prof")), Options{})
		if !strings.HasSuffix(r.Heap[0].Function, "pprofutil.SampleAddLabel") {
			t.Errorf("first row %s", r.Heap[0].Function)
		}
	})
}

// nodeProfiles returns the recordings of a Node.js service in the repository, see testdata/profiles/node/README.md.
func nodeProfiles(t testing.TB, mode string) []string {
	t.Helper()
	fs, err := filepath.Glob(filepath.Join("..", "..", "testdata", "profiles", "node", mode, "*.pb.gz"))
	if err != nil || len(fs) < 3 {
		t.Fatalf("recordings %q are missing (%v)", mode, err)
	}
	return fs
}

func TestRecordingsOfANodeService(t *testing.T) {
	o := Options{Endpoints: []string{"GET /api/products/{id}", "GET /api/orders/{id}/invoice", "GET /api/carts/export", "POST /api/carts"}}
	for mode, c := range map[string]struct {
		function, endpoint string
		shape              finding.Shape
	}{
		"leak":  {"rememberInvoice", "GET /api/orders/{id}/invoice", finding.ShapeLeak},
		"burst": {"loadCart", "GET /api/carts/export", finding.ShapeBurst},
		"cache": {},
	} {
		t.Run(mode, func(t *testing.T) {
			r := run(t, readProfiles(t, filepath.Join(filepath.Dir(nodeProfiles(t, mode)[0]), "*.pb.gz")), o)
			if leading(r) != c.function {
				t.Fatalf("%q leads, want %q; rows %+v", leading(r), c.function, r.Heap)
			}
			if c.function == "" {
				return
			}
			if r.Leading.Shape != c.shape || r.Confidence.Rank() < finding.Likely.Rank() {
				t.Errorf("%s, %s", r.Leading.Shape, r.Confidence)
			}
			if e := r.Leading.Endpoint; e == nil || *e != c.endpoint {
				t.Errorf("endpoint %v, want %s", r.Leading, c.endpoint)
			}
			if r.Leading.File == nil || !strings.HasPrefix(*r.Leading.File, "/srv/shop/src/") || r.Leading.Line == 0 {
				t.Errorf("file %v line %d", r.Leading.File, r.Leading.Line)
			}
		})
	}
}
