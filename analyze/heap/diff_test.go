package heap

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

// pprofLine is one line of the report of pprof -top with -unit=B: flat, flat%, sum%, cum, cum%, name.
var pprofLine = regexp.MustCompile(`^\s*(-?\d+)B?\s+\S+\s+\S+\s+(-?\d+)B?\s+\S+\s+(.*?)(?: \((?:partial-)?inline\))?$`)

// goToolPprof returns the report of go tool pprof on a pair; nil when the tool is not there.
func goToolPprof(t *testing.T, first, last, sampleType string) map[string]DiffRow {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not installed")
	}
	cmd := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-top", "-unit=B", "-trim=false", "-nodecount=0", "-symbolize=none", "-sample_index="+sampleType, "-diff_base="+first, last)
	cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("go tool pprof cannot be run here: %v", err)
	}
	rows := map[string]DiffRow{}
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
		r := DiffRow{Function: m[3]}
		r.Flat, _ = strconv.ParseInt(m[1], 10, 64)
		r.Cum, _ = strconv.ParseInt(m[2], 10, 64)
		rows[r.Function] = r
	}
	if !body {
		t.Fatalf("no rows in the report:\n%s", out)
	}
	return rows
}

// comparePair checks every row of the report of go tool pprof, and that there are no others.
func comparePair(t *testing.T, first, last, sampleType string) {
	t.Helper()
	want := goToolPprof(t, first, last, sampleType)
	got := map[string]DiffRow{}
	rows, err := Diff(parseFile(t, first), parseFile(t, last), sampleType)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		got[r.Function] = r
	}
	for name, r := range want {
		if r.Flat == 0 && r.Cum == 0 {
			delete(want, name) // the tool lists functions that did not change
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-go tool pprof +here):\n%s", diff)
	}
}

func parseFile(t *testing.T, path string) *profile.Profile {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
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
		comparePair(t, first, last, "inuse_space")
	})
	t.Run("on recorded profiles of Node", func(t *testing.T) {
		fs := nodeProfiles(t, "leak")
		comparePair(t, fs[0], fs[len(fs)-1], "inuse_space")
		comparePair(t, fs[0], fs[len(fs)-1], "inuse_objects")
	})
	for _, pair := range [][2]string{
		{"profefe+profefe/testdata/collector_heap_1.prof", "profefe+profefe/testdata/collector_heap_2.prof"},
		{"DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/heap.before.pprof", "DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/heap.after.pprof"},
		{"DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/stress-failure.3.before.pprof", "DataDog+dd-trace-go/profiler/internal/fastdelta/testdata/stress-failure.3.after.pprof"},
	} {
		t.Run(filepath.Base(pair[0]), func(t *testing.T) {
			dir := shared(t, "corpus", "profiles")
			for _, typ := range []string{"inuse_space", "alloc_space"} {
				comparePair(t, filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1]), typ)
			}
		})
	}
}

func TestDiffRefusesWhatCannotBeCompared(t *testing.T) {
	heap := made{stacks: map[string]float64{nodeOther: 1}}.profile(t)
	cpu := made{types: "cpu/nanoseconds", stacks: map[string]float64{nodeOther: 1}}.profile(t)
	if _, err := Diff(heap, cpu, ""); err == nil || !strings.Contains(err.Error(), "the last profile: it measures cpu/nanoseconds") {
		t.Errorf("error %v", err)
	}
	if _, err := Diff(heap, heap, "alloc_space"); err == nil || !strings.Contains(err.Error(), `no sample type "alloc_space"`) {
		t.Errorf("error %v", err)
	}
}
