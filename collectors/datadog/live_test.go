package datadog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lastcall/collectors/datadog"
	"lastcall/collectors/datadog/datadogtest"
	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

// shared finds the recordings that are not part of the repository.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("LASTCALL_SHARED")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				root = filepath.Join(filepath.Dir(dir), "shared")
				break
			}
			if dir == filepath.Dir(dir) {
				t.Skip("no repository root above the test")
			}
		}
	}
	p := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("not here: %s", filepath.Join(parts...))
	}
	return p
}

// options ask the server, quickly.
func options(srv *datadogtest.Server, now time.Time) datadog.Options {
	o := datadog.Options{
		BaseURL: srv.URL, APIKey: datadogtest.APIKey, AppKey: datadogtest.AppKey, Now: func() time.Time { return now },
	}
	o.FastRetry()
	return o
}

func collect(t testing.TB, o datadog.Options, q record.Query) *recordtest.Sink {
	t.Helper()
	s, err := tryCollect(t.Context(), o, q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryCollect(ctx context.Context, o datadog.Options, q record.Query) (*recordtest.Sink, error) {
	c, err := datadog.New(o)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := &recordtest.Sink{}
	return s, c.Collect(ctx, q, s)
}

// query asks about everything in the evidence.
func query(ev datadogtest.Evidence) (record.Query, time.Time) {
	from, to := ev.Span()
	return record.Query{From: record.TimeOf(from), To: record.TimeOf(to.Add(time.Second)), Service: "api", Env: "production"}, to.Add(time.Hour)
}

// requestKeys are the requests, comparable and sorted.
func requestKeys(s *recordtest.Sink) []string {
	var out []string
	for _, r := range s.Requests {
		out = append(out, fmt.Sprintf("%d %d %s %s %d %s %s %d", r.Start, r.End, r.ID, r.Path, r.Status, r.Container, r.Method, r.Phase))
	}
	slices.Sort(out)
	return out
}

func crashKeys(s *recordtest.Sink) []string {
	var out []string
	for _, c := range s.Crashes {
		out = append(out, fmt.Sprintf("%d %s %s %d %s", c.Time, c.Kind, c.Container, c.ExitCode, c.Text))
	}
	for _, l := range s.Lifecycles {
		out = append(out, fmt.Sprintf("%d %s %s %s", l.Time, l.Kind, l.Container, l.Text))
	}
	slices.Sort(out)
	return out
}

// sampleKeys takes the end of the window for that of a bucket that it cuts.
func sampleKeys(s *recordtest.Sink, to record.Time) []string {
	var out []string
	for _, v := range s.Samples {
		out = append(out, fmt.Sprintf("%d %s %s %g", min(v.Time, to), v.Metric, v.Container, v.Value))
	}
	slices.Sort(out)
	return out
}

func offline(t testing.TB, paths ...string) *recordtest.Sink {
	t.Helper()
	s := &recordtest.Sink{}
	if err := evidence.New(evidence.Options{Paths: paths}).Collect(t.Context(), record.Query{}, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// same compares sorted keys; the full difference of tens of thousands of lines would take longer than all the rest.
func same(t testing.TB, what string, want, got []string) {
	t.Helper()
	if slices.Equal(want, got) {
		return
	}
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	t.Errorf("%s differ: %d wanted, %d got; from number %d on (-want +got):\n%s", what, len(want), len(got), i,
		cmp.Diff(want[i:min(i+3, len(want))], got[i:min(i+3, len(got))]))
}

func incidents(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(shared(t, "incidents"), "*", "datadog_logs.ndjson.gz"))
	if err != nil || len(dirs) == 0 {
		t.Skip("no incidents here")
	}
	for i, d := range dirs {
		dirs[i] = filepath.Dir(d)
	}
	if os.Getenv("LASTCALL_LONG") == "" {
		// A few of them: a rolling deploy, a hung dependency, and one with deaths. LASTCALL_LONG=1 takes all.
		dirs = slices.DeleteFunc(dirs, func(d string) bool { return !slices.Contains([]string{"S6-1", "S7-1", "S9-1"}, filepath.Base(d)) })
	}
	return dirs
}

func TestAskedLiveARecordedIncidentGivesTheRecordsOfItsFiles(t *testing.T) {
	for _, dir := range incidents(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ev, err := datadogtest.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			srv := datadogtest.New(ev)
			defer srv.Close()
			q, now := query(ev)
			o := options(srv, now)
			var done datadog.Summary
			var plans []datadog.Plan
			o.Done = func(s datadog.Summary) { done = s }
			o.Plan = func(p datadog.Plan) { plans = append(plans, p) }
			live := collect(t, o, q)
			file := offline(t, filepath.Join(dir, "datadog_logs.ndjson.gz"), filepath.Join(dir, "datadog_metrics.json.gz"))
			same(t, "requests", requestKeys(file), requestKeys(live))
			same(t, "crashes and lifecycle", crashKeys(file), crashKeys(live))
			same(t, "samples", sampleKeys(file, q.To), sampleKeys(live, q.To+1))
			if n := len(srv.Calls()); n != done.Calls || n > 60 {
				t.Errorf("%d calls were made, %d told, 60 allowed", n, done.Calls)
			}
			if len(plans) != 2 || plans[0].Known || !plans[1].Known || plans[1].Calls() < done.Calls || plans[1].Calls() > 60 {
				t.Errorf("plans: %+v", plans)
			}
			t.Logf("%s%s", plans[len(plans)-1], done)
		})
	}
}
