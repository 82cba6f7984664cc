//go:build !race

// Not with the race detector: it brings the Datadog client, which takes minutes to compile for it.

package analyze_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/datadog"
	"lastcall/collectors/datadog/datadogtest"
	"lastcall/collectors/record"
)

// TestTheLiveVerdictEqualsTheOfflineOne serves each recorded incident as Datadog would and asks it: the verdict must be that of
// the saved files, and with too few calls to fetch every line it may know less, but must not say what is wrong.
func TestTheLiveVerdictEqualsTheOfflineOne(t *testing.T) {
	root := sharedFolder(t, "incidents")
	dirs, _ := filepath.Glob(filepath.Join(root, "*", "ground_truth.json"))
	for _, f := range dirs {
		dir := filepath.Dir(f)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if name := filepath.Base(dir); os.Getenv("LASTCALL_LONG") == "" && name != "S6-1" && name != "S8-1" {
				t.Skip("set LASTCALL_LONG=1 for all incidents")
			}
			offline := investigate(t, globs(dir, "datadog_logs.ndjson", "datadog_metrics.json"))
			ev, err := datadogtest.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			srv := datadogtest.New(ev)
			defer srv.Close()
			for _, calls := range []int{60, 26} {
				live := ask(t, srv, offline.Window, calls)
				t.Logf("%d calls: %s", calls, line(live))
				if calls == 60 && line(live) != line(offline) {
					t.Errorf("live:    %s\noffline: %s", line(live), line(offline))
				}
				if calls == 60 {
					continue
				}
				unknown := live.Verdict.Cause == finding.Undetermined || live.Verdict.Grade.Rank() <= finding.Possible.Rank()
				if live.Verdict.Cause != offline.Verdict.Cause && !unknown {
					t.Errorf("with %d calls: %s\noffline: %s", calls, line(live), line(offline))
				}
				if e := live.Verdict.Endpoint; e != nil && deref(offline.Verdict.Endpoint) != *e {
					t.Errorf("with %d calls %s is accused, offline %s", calls, *e, deref(offline.Verdict.Endpoint))
				}
			}
		})
	}
}

func line(r *finding.Report) string {
	return fmt.Sprintf("%s %s %s, %d crashes", r.Verdict.Cause, r.Verdict.Grade, deref(r.Verdict.Endpoint), len(r.Crashes))
}

func globs(dir string, names ...string) []string {
	var out []string
	for _, n := range names {
		m, _ := filepath.Glob(filepath.Join(dir, n+"*"))
		out = append(out, m...)
	}
	return out
}

func ask(t *testing.T, srv *datadogtest.Server, w finding.Window, calls int) *finding.Report {
	t.Helper()
	c, err := datadog.New(datadog.Options{BaseURL: srv.URL, APIKey: datadogtest.APIKey, AppKey: datadogtest.AppKey, MaxCalls: calls,
		Now: func() time.Time { return w.To.Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a := analyze.New(analyze.Options{})
	defer a.Close()
	q := record.Query{From: record.TimeOf(w.From.Add(-time.Second)), To: record.TimeOf(w.To.Add(time.Second)), Service: "api", Env: "production"}
	if err := c.Collect(t.Context(), q, a); err != nil && !strings.Contains(err.Error(), "budget") {
		t.Fatal(err)
	}
	r, err := a.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}
