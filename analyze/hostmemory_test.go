package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// TestAMachineThatRanOutOfMemory: whom the kernel kills then need not be who took the memory. A container that held little and had not
// grown is not brought down by the request that happened to be open, however often that was.
func TestAMachineThatRanOutOfMemory(t *testing.T) {
	const mb = 1 << 20
	router, kernel, metrics := &record.Source{Name: "router.log"}, &record.Source{Name: "kern.log"}, &record.Source{Name: "metrics.csv"}
	for name, c := range map[string]struct {
		machine    bool  // the kernel tells of its own shortage
		used       int64 // what the killed process held, in MiB; 0 when not told
		accused    bool
		tells, not string
	}{
		"a container's own limit":       {false, 84, true, "GET /big", "machine"},
		"the machine's":                 {true, 84, false, "as their machine ran out of memory (they held no more than 80.0 MiB of their 400.0 MiB)", "took the memory"},
		"the machine's, and it grew":    {true, 300, true, "GET /big", ""},
		"the machine's, held not known": {true, 0, true, "GET /big", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				line := int64(0)
				for m := range 120 {
					for _, web := range []string{"web-1", "web-2"} {
						at := dawn.Add(time.Duration(m) * time.Minute)
						for _, x := range []record.Sample{{Metric: record.RSS, Value: 80 * mb}, {Metric: record.MemoryLimit, Value: 400 * mb}} {
							x.Pos, x.Time, x.Container = record.Pos{Source: metrics, Line: line}, at, web
							must(s.Sample(&x))
						}
						for i := range 12 {
							line++
							served(t, s, router, line, web, "/ok", fmt.Sprint("r", line), at.Add(time.Duration(5*i)*time.Second), 100*time.Millisecond, record.Answered)
						}
					}
				}
				for i, m := range []int{20, 50, 80, 110} {
					line++
					at, web := dawn.Add(time.Duration(m)*time.Minute), []string{"web-1", "web-2"}[i%2]
					served(t, s, router, line, web, "/big", fmt.Sprint("r", line), at.Add(-20*time.Second), 20*time.Second, record.Cut)
					k := killed(web, at)
					k.Pos, k.UsedBytes = record.Pos{Source: kernel, Line: line}, c.used*mb
					must(s.Crash(k))
					if c.machine {
						must(s.Lifecycle(&record.Lifecycle{Pos: k.Pos, Time: at, Kind: record.MemoryPressure, Reason: record.NodeOutOfMemory, Host: "node-a", ExitCode: -1}))
					}
					must(s.Lifecycle(&record.Lifecycle{Pos: k.Pos, Time: at.Add(time.Second), Kind: record.Up, Container: web, ExitCode: -1}))
				}
			})
			v := r.Verdict
			if c.accused != (v.Endpoint != nil) || !strings.Contains(v.Summary, c.tells) || c.not != "" && strings.Contains(v.Summary, c.not) {
				t.Errorf("accused %v: %s", v.Endpoint != nil, v.Summary)
			}
			if !c.accused && v.Cause != finding.Undetermined {
				t.Errorf("%s", v.Cause)
			}
			for i := range r.Crashes {
				if noted := strings.Contains(r.Crashes[i].Note, "the machine ran out of memory"); noted != c.machine {
					t.Errorf("%s: %q", r.Crashes[i].ID, r.Crashes[i].Note)
				}
			}
			for i := range r.Timeline {
				if text := r.Timeline[i].Text; strings.Contains(text, "quota") || strings.Contains(text, "its memory limit") && c.machine {
					t.Errorf("timeline: %q", text)
				}
			}
		})
	}
}
