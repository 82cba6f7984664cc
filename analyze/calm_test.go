package analyze_test

import (
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// TestNothingIsWrongOnlyWhereEveryEndIsExplained: a container that was started twice has ended in between.
func TestNothingIsWrongOnlyWhereEveryEndIsExplained(t *testing.T) {
	src := &record.Source{Name: "events.json", Format: "kubernetes"}
	type event struct {
		pod  string
		at   time.Duration
		kind record.LifecycleKind
		why  string
	}
	for name, c := range map[string]struct {
		events []event
		cause  finding.Cause
		grade  finding.Grade
		says   string
	}{
		"a first start":          {[]event{{"web-0", time.Minute, record.Up, "Started"}}, finding.None, finding.Conclusive, ""},
		"started again":          {[]event{{"web-0", time.Minute, record.Up, "Started"}, {"web-0", 40 * time.Minute, record.Up, "Started"}}, finding.Undetermined, finding.Insufficient, "kubectl get pods"},
		"deleted and there anew": {[]event{{"web-0", time.Minute, record.Up, "Started"}, {"web-0", 39 * time.Minute, record.Stopping, "Killing"}, {"web-0", 40 * time.Minute, record.Up, "Started"}}, finding.None, finding.Conclusive, ""},
		"a rollout": {[]event{{"web-0", 40 * time.Minute, record.Stopped, ""}, {"web-1", 41 * time.Minute, record.Up, "Started"}},
			finding.PlannedRestart, finding.Likely, "nothing else is wrong"},
		"a rollout, and one that started again": {[]event{{"web-0", 40 * time.Minute, record.Stopped, ""}, {"web-1", 41 * time.Minute, record.Up, "Started"}, {"web-1", 50 * time.Minute, record.Up, "Started"}},
			finding.PlannedRestart, finding.Possible, "no source says why 1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				for i := range 60 {
					if err := s.Sample(&record.Sample{Pos: record.Pos{Source: src, Line: int64(i + 1)}, Time: dawn.Add(time.Duration(i) * time.Minute), Metric: record.RSS, Value: 100 << 20, Container: "web-0"}); err != nil {
						t.Fatal(err)
					}
				}
				for i, e := range c.events {
					l := record.Lifecycle{Pos: record.Pos{Source: src, Line: int64(100 + i)}, Time: dawn.Add(e.at), Kind: e.kind, Reason: e.why, Container: e.pod, ExitCode: -1, Text: e.why + " container app"}
					if err := s.Lifecycle(&l); err != nil {
						t.Fatal(err)
					}
				}
			})
			if r.Verdict.Cause != c.cause || r.Verdict.Grade != c.grade || !strings.Contains(r.Verdict.Summary, c.says) {
				t.Errorf("%s, %s: %s", r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
			}
		})
	}
}
