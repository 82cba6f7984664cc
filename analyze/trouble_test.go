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

// request passes a request on.
func request(t *testing.T, s record.Sink, line int64, container, path string, start record.Time, dur time.Duration, status int, out record.Outcome) {
	t.Helper()
	if err := s.Request(&record.Request{Pos: record.Pos{Source: routerLog, Line: line}, Layer: record.LayerRouter, Outcome: out, Status: status, Start: start, End: start.Add(dur),
		Method: []byte("GET"), Path: []byte(path), ID: fmt.Append(nil, "r", line), Container: []byte(container)}); err != nil {
		t.Fatal(err)
	}
}

// TestAnEndpointThatFailsForAWhileIsNotNothing: nobody dies, and for twenty minutes what one endpoint calls does not answer.
func TestAnEndpointThatFailsForAWhileIsNotNothing(t *testing.T) {
	const from, to = 6000, 7200
	for name, c := range map[string]struct {
		fails func(i int) (status int, took time.Duration)
		cause finding.Cause
		says  string
	}{
		"after one timeout": {func(i int) (int, time.Duration) {
			if i >= from && i < to {
				return 504, 30 * time.Second
			}
			return 200, 90 * time.Millisecond
		}, finding.Undetermined, "each after 30 s: a timeout"},
		"at once": {func(i int) (int, time.Duration) {
			if i >= from && i < to {
				return 500, time.Duration(i%90) * time.Millisecond
			}
			return 200, 90 * time.Millisecond
		}, finding.Undetermined, "GET /api/search failed (133 with status 5xx), and nothing says why"},
		"always": {func(int) (int, time.Duration) { return 503, 5 * time.Millisecond }, finding.None, ""},
		"now and then": {func(i int) (int, time.Duration) {
			if i/9%60 == 0 {
				return 500, 90 * time.Millisecond
			}
			return 200, 90 * time.Millisecond
		}, finding.None, ""},
		"never": {func(int) (int, time.Duration) { return 200, 90 * time.Millisecond }, finding.None, ""},
	} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			line := int64(0)
			for i := range 3 * 3600 {
				for _, path := range []string{"/api/orders", "/api/carts", "/api/users/me"} {
					line++
					request(t, s, line, fmt.Sprint("web-", i%3), path, dawn.Add(time.Duration(i)*time.Second), 40*time.Millisecond, 200, record.Answered)
				}
				if i%9 == 0 {
					line++
					status, took := c.fails(i)
					request(t, s, line, fmt.Sprint("web-", i%3), "/api/search", dawn.Add(time.Duration(i)*time.Second), took, status, record.Answered)
				}
			}
		})
		if r.Verdict.Cause != c.cause || !strings.Contains(r.Verdict.Summary, c.says) {
			t.Errorf("%s: %s, %s: %s", name, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}

// TestWhatNeverServedWasKilledByNoRequest: a release that misses a file dies before it answers, while the one before serves.
func TestWhatNeverServedWasKilledByNoRequest(t *testing.T) {
	for name, c := range map[string]struct {
		serves bool // the new one, before it dies
		deaths int
		boots  bool
	}{
		"never came up":      {false, 6, true},
		"served before":      {true, 6, false},
		"two deaths are few": {false, 2, false},
	} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			line := int64(0)
			for i := range 3600 {
				line++
				request(t, s, line, fmt.Sprint("old-", i%3), "/api/orders", dawn.Add(time.Duration(i)*time.Second), 40*time.Millisecond, 200, record.Answered)
			}
			for n := range c.deaths {
				at := dawn.Add(time.Duration(600+300*n) * time.Second)
				if err := s.Lifecycle(&record.Lifecycle{Time: at, Container: "new-1", Kind: record.Starting}); err != nil {
					t.Fatal(err)
				}
				if c.serves {
					line++
					request(t, s, line, "new-1", "/api/orders", at.Add(2*time.Second), 40*time.Millisecond, 200, record.Answered)
				}
				k := killed("new-1", at.Add(4*time.Second))
				k.Kind, k.ExitCode, k.Signal = record.CrashException, 1, ""
				if err := s.Crash(k); err != nil {
					t.Fatal(err)
				}
			}
		})
		if says := strings.Contains(r.Verdict.Summary, "does not come up"); says != c.boots || r.Verdict.Endpoint != nil {
			t.Errorf("%s: %s: %s", name, r.Verdict.Cause, r.Verdict.Summary)
		}
	}
}

// TestALeakThatAHealthCheckEndsIsALeak: a full heap is collected without end, and answers no probe, far below the limit of the container.
func TestALeakThatAHealthCheckEndsIsALeak(t *testing.T) {
	for name, c := range map[string]struct {
		memory func(age time.Duration, notes int) float64 // MiB
		cause  finding.Cause
	}{
		"memory grows to one level": {func(_ time.Duration, notes int) float64 { return 90 + 0.5*float64(notes) }, finding.RequestLeak},
		"memory stays level":        {func(time.Duration, int) float64 { return 120 }, finding.Undetermined},
	} {
		r := look(t, analyze.Options{LimitBytes: 2 << 30}, func(s record.Sink) {
			rng := rand.New(rand.NewPCG(7, 7))
			line := int64(0)
			for w := range 3 {
				web := fmt.Sprint("web-", w)
				began, notes := dawn, 0
				for at := dawn; at < dawn.Add(9*time.Hour); at = at.Add(time.Second) {
					line++
					path := "/api/orders"
					if rng.IntN(25) == 0 {
						path = "/api/notes"
						notes++
					}
					request(t, s, line, web, path, at, 40*time.Millisecond, 200, record.Answered)
					if int(at.Sub(dawn)/time.Second)%60 == 0 {
						mib := c.memory(at.Sub(began), notes) + 3*rng.Float64()
						if err := s.Sample(&record.Sample{Time: at, Metric: record.RSS, Value: mib * (1 << 20), Container: web}); err != nil {
							t.Fatal(err)
						}
					}
					if notes < 480 {
						continue
					}
					k := killed(web, at.Add(500*time.Millisecond))
					k.Kind = record.CrashHealthCheck
					if err := s.Crash(k); err != nil {
						t.Fatal(err)
					}
					began, notes = at.Add(time.Second), 0
					if err := s.Lifecycle(&record.Lifecycle{Time: began, Container: web, Kind: record.Starting}); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		if r.Verdict.Cause != c.cause || c.cause == finding.RequestLeak && (r.Verdict.Endpoint == nil || *r.Verdict.Endpoint != "GET /api/notes") {
			t.Errorf("%s: %s, %s: %s", name, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}

// TestMemoryThatFallsToWhereItBeganIsNotNothing: nothing but readings of memory, which tell of no restart.
func TestMemoryThatFallsToWhereItBeganIsNotNothing(t *testing.T) {
	for name, c := range map[string]struct {
		top   func(n int) float64 // MiB, of the n-th rise
		low   float64
		cause finding.Cause
	}{
		"to one level, and back":    {func(int) float64 { return 400 }, 100, finding.Undetermined},
		"to any level":              {func(n int) float64 { return 250 + 90*float64(n%3) }, 100, finding.None},
		"to where it had not begun": {func(int) float64 { return 400 }, 170, finding.None},
	} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			n := 0
			for w := range 3 {
				mib, top := 100.0, c.top(n)
				for i := range 720 {
					if mib += 0.9; mib > top {
						n++
						mib, top = c.low, c.top(n)
					}
					if err := s.Sample(&record.Sample{Time: dawn.Add(time.Duration(i) * time.Minute), Metric: record.RSS, Value: mib * (1 << 20), Container: fmt.Sprint("web-", w)}); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		if r.Verdict.Cause != c.cause {
			t.Errorf("%s: %s, %s: %s", name, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}

// TestWhatWasTriedElsewhereIsNoFailedRequest: the caller of a request that a proxy took from a container that died to another got an answer.
func TestWhatWasTriedElsewhereIsNoFailedRequest(t *testing.T) {
	for name, c := range map[string]struct {
		retried bool
		failed  int64
	}{"tried elsewhere": {true, 0}, "not": {false, 10}} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			for i := range 3600 {
				q := record.Request{Pos: record.Pos{Source: routerLog, Line: int64(i + 1)}, Layer: record.LayerRouter, Outcome: record.Answered, Status: 200,
					Start: dawn.Add(time.Duration(i) * time.Second), End: dawn.Add(time.Duration(i)*time.Second + 40*time.Millisecond),
					Method: []byte("GET"), Path: []byte("/a"), ID: fmt.Append(nil, "r", i), Container: fmt.Append(nil, "web-", i%3)}
				if i%360 == 7 {
					q.Outcome, q.Status, q.Retried = record.Cut, 502, c.retried
				}
				if err := s.Request(&q); err != nil {
					t.Fatal(err)
				}
			}
		})
		if r.Impact == nil || r.Impact.Failed != c.failed || r.Impact.ServerErrors != c.failed {
			t.Errorf("%s: %+v", name, r.Impact)
		}
	}
}
