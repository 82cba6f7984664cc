package heap

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

// figures is how much one function changed between two profiles, in bytes: flat is what it allocated itself, cum what it and everything it
// called allocated.
type figures struct{ Flat, Cum int64 }

// pprofLine is one line of the report of pprof -top with -unit=B: flat, flat%, sum%, cum, cum%, name.
var pprofLine = regexp.MustCompile(`^\s*(-?\d+)B?\s+\S+\s+\S+\s+(-?\d+)B?\s+\S+\s+(.*?)(?: \((?:partial-)?inline\))?$`)

// goToolPprof returns the report of go tool pprof on a pair; nil when the tool is not there.
func goToolPprof(t *testing.T, first, last string) map[string]figures {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not installed")
	}
	cmd := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-top", "-unit=B", "-trim=false", "-nodecount=0", "-symbolize=none", "-sample_index=inuse_space", "-diff_base="+first, last)
	cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("go tool pprof cannot be run here: %v", err)
	}
	rows := map[string]figures{}
	body := false
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if strings.Contains(line, "flat%") {
			body = true
			continue
		}
		m := pprofLine.FindStringSubmatch(line)
		if !body || m == nil {
			continue
		}
		var r figures
		r.Flat, _ = strconv.ParseInt(m[1], 10, 64)
		r.Cum, _ = strconv.ParseInt(m[2], 10, 64)
		rows[m[3]] = r
	}
	if !body {
		t.Fatalf("no rows in the report:\n%s", out)
	}
	return rows
}

// change returns what the analysis of two profiles knows of each function that changed.
func change(t *testing.T, first, last string) map[string]figures {
	t.Helper()
	var profiles []record.Profile
	for i, path := range []string{first, last} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		profiles = append(profiles, record.Profile{Name: path, Data: data, Time: record.Time(i + 1)})
	}
	a := newAnalysis(Options{})
	if err := a.load(t.Context(), profiles); err != nil {
		t.Fatal(err)
	}
	if len(a.heaps) != 2 {
		t.Fatalf("%d heap profiles, warnings %v", len(a.heaps), a.warnings)
	}
	rows := map[string]figures{}
	for i, s := range a.heaps {
		sign := int64(2*i - 1)
		for _, v := range s.values {
			seen := map[string]bool{}
			for depth, f := range a.stacks.of(v.stack) {
				name := a.stacks.fns[f.fn].name
				r := rows[name]
				if depth == 0 {
					r.Flat += sign * v.bytes
				}
				if !seen[name] {
					seen[name] = true
					r.Cum += sign * v.bytes
				}
				rows[name] = r
			}
		}
	}
	maps.DeleteFunc(rows, func(_ string, r figures) bool { return r == figures{} })
	return rows
}

// comparePair checks every row of the report of go tool pprof, and that there are no others.
func comparePair(t *testing.T, first, last string) {
	t.Helper()
	want := goToolPprof(t, first, last)
	maps.DeleteFunc(want, func(_ string, r figures) bool { return r == figures{} }) // the tool lists functions that did not change
	if diff := cmp.Diff(want, change(t, first, last)); diff != "" {
		t.Errorf("(-go tool pprof +here):\n%s", diff)
	}
}

func writeProfile(t *testing.T, m made) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.pb.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := m.profile(t).Write(f); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiguresAgreeWithGoToolPprof(t *testing.T) {
	t.Run("on a made pair with recursion, release and inlining", func(t *testing.T) {
		first := writeProfile(t, made{stacks: map[string]float64{nodeStart: 20, nodeOther: 7, "walk@/a.js:1 < walk@/a.js:1 < walk@/a.js:2 < top@/a.js:9": 3}})
		last := writeProfile(t, made{minute: 5, stacks: map[string]float64{nodeStart: 20, nodeOther: 2, nodeLeak: 31, "walk@/a.js:1 < walk@/a.js:1 < walk@/a.js:2 < top@/a.js:9": 8}})
		comparePair(t, first, last)
	})
	t.Run("on recorded profiles of Node", func(t *testing.T) {
		fs := nodeProfiles(t, "leak")
		comparePair(t, fs[0], fs[len(fs)-1])
	})
	for _, pair := range [][2]string{
		{"profefe+profefe/testdata/collector_heap_1.prof", "profefe+profefe/testdata/collector_heap_2.prof"},
		{"DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/heap.before.pprof", "DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/heap.after.pprof"},
		{"DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/stress-failure.3.before.pprof", "DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/stress-failure.3.after.pprof"},
	} {
		t.Run(filepath.Base(pair[0]), func(t *testing.T) {
			dir := shared(t, "corpus", "profiles")
			comparePair(t, filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1]))
		})
	}
}
