package analyze_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// sharedFolder finds the recorded incidents beside the repository, or skips.
func sharedFolder(t testing.TB, sub string) string {
	t.Helper()
	roots := []string{os.Getenv("LASTCALL_SHARED")}
	if wd, err := os.Getwd(); err == nil {
		for d := wd; d != filepath.Dir(d); d = filepath.Dir(d) {
			roots = append(roots, filepath.Join(d, "shared"))
		}
	}
	for _, r := range roots {
		if r == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(r, sub)); err == nil {
			return filepath.Join(r, sub)
		}
	}
	t.Skipf("no %s beside the repository: set LASTCALL_SHARED", sub)
	return ""
}

type truth struct {
	Scenario string  `json:"scenario"`
	Cause    string  `json:"cause_kind"`
	Endpoint *string `json:"culprit_endpoint"`
	Culprits []struct {
		Endpoint string `json:"endpoint"`
	} `json:"culprits"`
	Crashes []struct {
		Container string `json:"container"`
	} `json:"crashes"`
}

var param = regexp.MustCompile(`:[A-Za-z]+`)

func (tr truth) endpoints() []string {
	var out []string
	for _, c := range tr.Culprits {
		out = append(out, param.ReplaceAllString(c.Endpoint, "{id}"))
	}
	return out
}

// causeOf translates the recordings' words into the contract's.
func causeOf(kind string) []finding.Cause {
	switch kind {
	case "none":
		return []finding.Cause{finding.None}
	case "spike":
		return []finding.Cause{finding.RequestBurst}
	case "leak", "native_leak":
		return []finding.Cause{finding.RequestLeak}
	case "job_leak":
		return []finding.Cause{finding.BackgroundLeak}
	case "hung_dependency":
		return []finding.Cause{finding.HungDependency}
	case "restart":
		return []finding.Cause{finding.PlannedRestart, finding.None}
	case "cpu_block":
		return []finding.Cause{finding.CPUStall}
	}
	return nil
}

// subsets are the mixes of files that people save.
var subsets = []struct {
	name  string
	files []string
}{
	{"everything", []string{"router.log", "app.ndjson", "platform.log", "platform.ndjson", "metrics.csv", "datadog_metrics.json", "datadog_logs.ndjson", "profiles"}},
	{"router+platform", []string{"router.log", "platform.log"}},
	{"router+events", []string{"router.log", "platform.ndjson"}},
	{"router+platform+metrics", []string{"router.log", "platform.log", "metrics.csv"}},
	{"router+platform+datadog-metrics", []string{"router.log", "platform.log", "datadog_metrics.json"}},
	{"app+events", []string{"app.ndjson", "platform.ndjson"}},
	{"app+events+metrics", []string{"app.ndjson", "platform.ndjson", "metrics.csv"}},
	{"datadog", []string{"datadog_logs.ndjson", "datadog_metrics.json"}},
	{"datadog+router", []string{"datadog_logs.ndjson", "datadog_metrics.json", "router.log"}},
	{"router", []string{"router.log"}},
	{"router+metrics", []string{"router.log", "metrics.csv"}},
	{"app", []string{"app.ndjson"}},
	{"platform", []string{"platform.log"}},
	{"metrics", []string{"metrics.csv"}},
	{"profiles+platform", []string{"profiles", "platform.log"}},
	{"logs", []string{"router.log", "app.ndjson", "platform.log"}},
}

func investigate(t testing.TB, paths []string) *finding.Report {
	t.Helper()
	a := analyze.New(analyze.Options{})
	defer a.Close()
	c := evidence.New(evidence.Options{Paths: paths})
	if err := c.Collect(context.Background(), record.Query{}, a); err != nil {
		t.Fatal(err)
	}
	r, err := a.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecordedIncidents holds the verdict on every recorded incident, for every mix of its files: right, or undetermined where
// the mix cannot tell; never an innocent endpoint.
func TestRecordedIncidents(t *testing.T) {
	root := sharedFolder(t, "incidents")
	dirs, _ := filepath.Glob(filepath.Join(root, "*", "ground_truth.json"))
	var lines []string
	for _, f := range dirs {
		dir := filepath.Dir(f)
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var tr truth
		if err := json.Unmarshal(b, &tr); err != nil {
			t.Fatal(err)
		}
		for _, s := range subsets {
			var paths []string
			for _, name := range s.files {
				m, _ := filepath.Glob(filepath.Join(dir, name+"*"))
				paths = append(paths, m...)
			}
			t.Run(filepath.Base(dir)+"/"+s.name, func(t *testing.T) {
				r := investigate(t, paths)
				right := false
				for _, c := range causeOf(tr.Cause) {
					right = right || r.Verdict.Cause == c
				}
				ok := map[string]bool{}
				for _, e := range tr.endpoints() {
					ok[e] = true
				}
				for _, v := range append([]finding.Verdict{r.Verdict}, r.Causes...) {
					if v.Endpoint != nil && v.Grade.Rank() >= finding.Likely.Rank() && !ok[*v.Endpoint] {
						t.Errorf("accuses %s, which is innocent\n%s", *v.Endpoint, brief(r))
					}
				}
				state := "WRONG"
				switch {
				case right && (len(ok) == 0 || r.Verdict.Endpoint != nil):
					state = "right"
				case r.Verdict.Cause == finding.Undetermined || r.Verdict.Cause == finding.None && r.Verdict.Grade.Rank() <= finding.Likely.Rank() && s.name != "everything":
					state = "undecided"
				}
				lines = append(lines, fmt.Sprintf("%-6s %-32s %-9s %-16s %-12s %-55s crashes %d/%d", filepath.Base(dir), s.name, state, r.Verdict.Cause, r.Verdict.Grade, deref(r.Verdict.Endpoint), len(r.Crashes), len(tr.Crashes)))
				if state == "WRONG" || s.name == "everything" && state != "right" {
					t.Errorf("want %v %v, got\n%s", causeOf(tr.Cause), tr.endpoints(), brief(r))
				}
			})
		}
	}
	sort.Strings(lines)
	t.Log("\n" + strings.Join(lines, "\n"))
}

// TestKeptIncidents holds the verdict on the recorded incidents that the repository carries (testdata/incidents).
func TestKeptIncidents(t *testing.T) {
	for _, c := range []struct {
		name     string
		cause    finding.Cause
		endpoint string
		grade    finding.Grade // at least
		crashes  int
		says     string // of the summary
	}{
		{"native-leak", finding.RequestLeak, "GET /api/sessions/{id}/attestations", finding.Likely, 8, ""},
		{"background-job", finding.BackgroundLeak, "-", finding.Likely, 8, ""},
		{"blocked-event-loop", finding.CPUStall, "POST /api/sessions/{id}/candidates", finding.Likely, 5, ""},
		{"hung-host", finding.HungDependency, "-", finding.Likely, 2, ""},
		// Two that kill in turn, in one chain of deaths.
		{"two-culprits", finding.RequestBurst, "POST /api/merge/{id}", finding.Likely, 16, "A second culprit, GET /api/audits/{id}/csv"},
		// A background leak fills a JVM's heap; GET /api/graphs/{id} allocates much for a moment, so that it is open at most deaths, and
		// resident memory rises at it. It keeps nothing.
		{"last-straw", finding.BackgroundLeak, "-", finding.Possible, 20, "no endpoint is to blame"},
		// Every request keeps 32 KB, whichever the endpoint; POST /v2/labels needs 18 to 40 MB while it runs, and resident memory, read every
		// ten seconds, comes back over minutes. Simulated by someone who did not know the rules.
		{"given-back-slowly", finding.Undetermined, "-", finding.Possible, 3, "cannot say whether requests or background work"},
		// What POST /api/payments/intents calls hangs; it waits until all workers do, and health checks kill.
		{"waiting-workers", finding.Undetermined, "-", finding.Possible, 21, "while requests of POST /api/payments/intents waited"},
		// Only the application's logs: it listens again with requests left open, and nothing says why it ended.
		{"silent-restarts", finding.Undetermined, "POST /coupons/{id}/validate", finding.Likely, 5, "open when 5 of 5 died"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := investigate(t, []string{filepath.Join("..", "testdata", "incidents", c.name)})
			if r.Verdict.Cause != c.cause || deref(r.Verdict.Endpoint) != c.endpoint || r.Verdict.Grade.Rank() < c.grade.Rank() || len(r.Crashes) != c.crashes || !strings.Contains(r.Verdict.Summary, c.says) {
				t.Errorf("want %s %s %s with %d crashes, got\n%s", c.cause, c.endpoint, c.grade, c.crashes, brief(r))
			}
		})
	}
}
