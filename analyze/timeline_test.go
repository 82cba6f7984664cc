package analyze_test

import (
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// TestTheTimelineKeepsEveryCrash, also where an autoscaler had its say all day before.
func TestTheTimelineKeepsEveryCrash(t *testing.T) {
	src := &record.Source{Name: "events.json"}
	r := look(t, analyze.Options{}, func(s record.Sink) {
		for i := range 1000 {
			if err := s.Lifecycle(&record.Lifecycle{Pos: record.Pos{Source: src, Line: int64(i)}, Time: dawn.Add(time.Duration(i) * time.Minute), Kind: record.Scale, Reason: "autoscaler", ExitCode: -1}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3 {
			k := killed("web-1", dawn.Add(time.Duration(1000+20*i)*time.Minute))
			k.Pos = record.Pos{Source: src, Line: int64(2000 + i)}
			if err := s.Crash(k); err != nil {
				t.Fatal(err)
			}
		}
	})
	crashes := 0
	for _, e := range r.Timeline {
		if e.Kind == finding.EventCrash {
			crashes++
		}
	}
	last := r.Timeline[len(r.Timeline)-1]
	if len(r.Timeline) != 400 || crashes != 3 || last.Kind != finding.EventMore || !strings.Contains(last.Text, "604 more events") {
		t.Errorf("%d events, %d crashes, the last: %s", len(r.Timeline), crashes, last.Text)
	}
}
