package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// TestAContainerIsKnownByItsBrokenConnections: requests name addresses, deaths name pods, and nothing ties the two but time.
func TestAContainerIsKnownByItsBrokenConnections(t *testing.T) {
	for name, c := range map[string]struct {
		brokeWith func(death int) []int // the addresses whose connections break at a death
		tied      bool
	}{
		"each at its own deaths":         {func(d int) []int { return []int{d % 2} }, true},
		"all of them, as at a deploy":    {func(int) []int { return []int{0, 1, 2} }, false},
		"one at the deaths of two":       {func(int) []int { return []int{0} }, false},
		"another one at the second time": {func(d int) []int { return []int{[]int{0, 1, 2, 0}[d]} }, false},
		"none":                           {func(int) []int { return nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				line := int64(0)
				serve := func(of int, path string, start record.Time, dur time.Duration, out record.Outcome) {
					line++
					served(t, s, routerLog, line, fmt.Sprintf("10.0.0.%d:80", of), path, fmt.Sprint("r", line), start, dur, out)
				}
				for i := range 4 * 3600 {
					serve(i%3, "/usual", dawn.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Answered)
				}
				for d := range 4 {
					at := dawn.Add(time.Duration(d+1) * 45 * time.Minute)
					for _, of := range c.brokeWith(d) {
						serve(of, "/export", at.Add(-30*time.Second), 30*time.Second, record.Cut)
						for i := range 3 {
							serve(of, "/usual", at.Add(-time.Duration(i+1)*100*time.Millisecond), time.Duration(i+1)*100*time.Millisecond, record.Cut)
						}
					}
					if err := s.Crash(killed([]string{"pod-a", "pod-b"}[d%2], at.Add(2*time.Second))); err != nil {
						t.Fatal(err)
					}
				}
			})
			said := strings.Contains(strings.Join(r.Method, "\n"), "known by their connections")
			accused := r.Verdict.Endpoint != nil && *r.Verdict.Endpoint == "GET /export"
			if said != c.tied || accused != c.tied {
				t.Errorf("tied %v, accused %v: %s", said, accused, r.Verdict.Summary)
			}
			if c.tied && (r.Crashes[0].Container != "pod-a" || !strings.Contains(r.Verdict.Summary, "pod-a")) {
				t.Errorf("%s: %s", r.Crashes[0].Container, r.Verdict.Summary)
			}
		})
	}
}
