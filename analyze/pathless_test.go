package analyze_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// appLine is a line of the application's: a start with a path, or an end that may have none.
func appLine(t *testing.T, s record.Sink, line int64, id, path string, start, end record.Time) {
	t.Helper()
	r := &record.Request{Pos: record.Pos{Source: nodeLog, Line: line}, Layer: record.LayerApp, Phase: record.Started, Start: start, End: start,
		Container: []byte("web-1"), ID: []byte(id)}
	if path != "" {
		r.Method, r.Path = []byte("GET"), []byte(path)
	}
	if end != 0 {
		r.Phase, r.Outcome, r.End, r.Status = record.Completed, record.Answered, end, 200
	}
	if err := s.Request(r); err != nil {
		t.Fatal(err)
	}
}

var nodeLog = &record.Source{Name: "app.log", Format: "pino"}

// fastify gives what a Node.js framework logs by default: ends that have no path, and ids that begin anew with every life. One request,
// always the same and always open, is there at each of two deaths; another one is there only then.
func fastify(t *testing.T, even, odd record.Sink) {
	t.Helper()
	line := int64(0)
	for life := range 2 {
		begin := dawn.Add(time.Duration(life) * 2 * time.Hour)
		death := begin.Add(time.Hour)
		n := 0
		next := func() string { n++; return fmt.Sprint("req-", n) }
		for at := begin; at < death; at = at.Add(5 * time.Second) {
			id := next()
			line += 2
			appLine(t, even, line, id, "/api/items/7", at, 0)
			appLine(t, odd, line+1, id, "", at, at.Add(50*time.Millisecond))
			if at.Sub(begin)%time.Minute == 0 { // polls for three minutes
				id, line = next(), line+2
				appLine(t, even, line, id, "/api/live", at, 0)
				if end := at.Add(3 * time.Minute); end <= death {
					appLine(t, odd, line+1, id, "", at, end)
				}
			}
		}
		line++
		appLine(t, even, line, next(), "/api/export", death.Add(-30*time.Second), 0)
		if err := even.Crash(killed("web-1", death)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEndsWithoutAPathHaveThatOfTheirStart(t *testing.T) {
	reports := map[string]string{}
	for _, how := range []string{"one goroutine", "two goroutines"} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			if how == "one goroutine" {
				fastify(t, s, s)
				return
			}
			even, odd := s.Fork(), s.Fork()
			fastify(t, even, odd)
			for _, f := range []record.Sink{odd, even} {
				if err := f.Join(); err != nil {
					t.Fatal(err)
				}
			}
		})
		out, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		reports[how] = string(out)
		if strings.Contains(string(out), "ANY /") || slices.ContainsFunc(r.Warnings, func(w finding.Warning) bool { return w.Code == "no_path" }) {
			t.Errorf("%s: some ends have no path", how)
		}
		for _, s := range r.Suspects {
			switch s.Endpoint {
			case "GET /api/live": // always open
				if s.BaselineWith*2 < s.BaselineTotal || s.Grade != finding.Insufficient {
					t.Errorf("%s: %s is open in %d of %d quiet moments, grade %s", how, s.Endpoint, s.BaselineWith, s.BaselineTotal, s.Grade)
				}
			case "GET /api/export": // its start in the first life has the id of a request of the second
				if s.OpenAtDeath != 2 {
					t.Errorf("%s: %s was open at %d deaths, want 2", how, s.Endpoint, s.OpenAtDeath)
				}
			}
		}
	}
	if diff := cmp.Diff(reports["one goroutine"], reports["two goroutines"]); diff != "" {
		t.Error(diff)
	}
}

// Without the starts nobody knows what the ends are of, and nothing is weighed.
func TestEndsWithoutAnyPathAccuseNobody(t *testing.T) {
	r := look(t, analyze.Options{}, func(s record.Sink) {
		for i := range 3600 {
			at := dawn.Add(time.Duration(i) * time.Second)
			appLine(t, s, int64(i+1), fmt.Sprint("id-", i), "", at, at.Add(30*time.Second))
		}
		for d := range 4 {
			death := dawn.Add(time.Duration(d+1) * 14 * time.Minute)
			appLine(t, s, int64(5000+d), fmt.Sprint("open-", d), "/api/live", death.Add(-30*time.Second), 0)
			_ = s.Crash(killed("web-1", death))
		}
	})
	if r.Verdict.Endpoint != nil || !slices.ContainsFunc(r.Warnings, func(w finding.Warning) bool { return w.Code == "no_path" && w.Count == 3600 }) {
		t.Errorf("%s: %s; warnings %+v", r.Verdict.Grade, r.Verdict.Summary, r.Warnings)
	}
}
