package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// TestARequestThatWaitsHoldsNoCPU: health checks kill containers whose workers all wait for a peer as they kill one whose event loop is held.
// What tells them apart is whether others were answered meanwhile.
func TestARequestThatWaitsHoldsNoCPU(t *testing.T) {
	const open = 80 * time.Second
	for name, c := range map[string]struct {
		answers  time.Duration // how long after the request began others are still answered
		endpoint bool
	}{
		"the event loop is held":          {0, true},
		"workers fill up":                 {60 * time.Second, false},
		"nothing but the last second":     {3 * time.Second, true},
		"others are answered to the last": {open, false},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(4, 4))
			router := &record.Source{Name: "router.log", Format: "scalingo-router"}
			r := look(t, analyze.Options{}, func(s record.Sink) {
				line := int64(0)
				give := func(container, path string, at record.Time, took time.Duration, out record.Outcome) {
					line++
					served(t, s, router, line, container, path, fmt.Sprint("r", line), at, took, out)
				}
				deaths := map[string][]time.Duration{"web-1": {40 * time.Minute, 100 * time.Minute}, "web-2": {70 * time.Minute}, "web-3": {130 * time.Minute}}
				for i := range 16000 {
					container := fmt.Sprintf("web-%d", 1+i%4)
					at := time.Duration(i) * 600 * time.Millisecond
					held := false
					for _, d := range deaths[container] {
						held = held || at > d-open+c.answers && at < d+20*time.Second
					}
					if !held {
						give(container, fmt.Sprintf("/ordinary/%c", 'a'+rng.IntN(20)), dawn.Add(at), time.Duration(20+rng.IntN(300))*time.Millisecond, record.Answered)
					}
				}
				for i := range 200 {
					give(fmt.Sprintf("web-%d", 1+i%4), "/pay", dawn.Add(time.Duration(i)*45*time.Second), 700*time.Millisecond, record.Answered)
				}
				for container, of := range deaths {
					for _, d := range of {
						give(container, "/pay", dawn.Add(d-open), open, record.Cut)
						_ = s.Crash(&record.Crash{Time: dawn.Add(d), Exited: true, ExitCode: 137, Kind: record.CrashHealthCheck, Container: container})
					}
				}
			})
			v := r.Verdict
			if accused := v.Endpoint != nil; accused != c.endpoint || accused && (*v.Endpoint != "GET /pay" || v.Cause != finding.CPUStall) {
				t.Fatal(brief(r))
			}
			if !c.endpoint && !strings.Contains(v.Summary, "waited") {
				t.Error(v.Summary)
			}
		})
	}
}
