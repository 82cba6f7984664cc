package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// TestAPlannedWindowTellsWhoStillCame: requests with ids, all of them answered, have callers as well.
func TestAPlannedWindowTellsWhoStillCame(t *testing.T) {
	o := analyze.Options{Planned: []analyze.Window{{From: dawn.Add(10 * time.Minute), To: dawn.Add(20 * time.Minute)}}}
	r := look(t, o, func(s record.Sink) {
		for i := range 1800 {
			q := record.Request{Pos: record.Pos{Source: routerLog, Line: int64(i + 1)}, Layer: record.LayerRouter, Outcome: record.Answered, Start: dawn.Add(time.Duration(i) * time.Second),
				End: dawn.Add(time.Duration(i)*time.Second + 20*time.Millisecond), Status: 200, Method: []byte("GET"), Path: []byte("/a"), Container: []byte("web-1"),
				ID: fmt.Appendf(nil, "r%d", i), Client: fmt.Appendf(nil, "10.0.0.%d", i%17)}
			if err := s.Request(&q); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Lifecycle(&record.Lifecycle{Time: dawn.Add(15 * time.Minute), Kind: record.Stopped, Container: "web-1", ExitCode: 143}); err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range r.Checks {
		if strings.Contains(c.Detail, "601 requests still arrived") && strings.Contains(c.Detail, "from 17 callers") {
			return
		}
	}
	t.Errorf("%+v", r.Checks)
}
