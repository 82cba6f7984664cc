package analyze_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// breaking is a service whose router tells all that is known of it: each of some containers is asked once a second for an hour.
type breaking struct {
	containers int
	quiet      func(container, second int) bool // nobody is asked, as nobody answers
	more       func(s record.Sink, line func() int64)
}

func (b breaking) report(t *testing.T) *finding.Report {
	t.Helper()
	return look(t, analyze.Options{}, func(s record.Sink) {
		n := int64(0)
		line := func() int64 { n++; return n }
		for i := range 3600 {
			for c := range b.containers {
				if b.quiet == nil || !b.quiet(c, i) {
					path := []string{"/api/orders", "/api/carts", "/api/users/me"}[i%3]
					request(t, s, line(), fmt.Sprint("web-", c), path, dawn.Add(time.Duration(i)*time.Second), 40*time.Millisecond, 200, record.Answered)
				}
			}
		}
		b.more(s, line)
	})
}

// said passes on what happened to a container.
func said(t *testing.T, s record.Sink, source string, second int, container string, kind record.LifecycleKind, reason string) {
	t.Helper()
	e := record.Lifecycle{Pos: record.Pos{Source: &record.Source{Name: source}, Line: int64(second)}, Time: dawn.Add(time.Duration(second) * time.Second), Container: container, Kind: kind, Reason: reason}
	if err := s.Lifecycle(&e); err != nil {
		t.Fatal(err)
	}
}

// TestDeathsAreSeenInRequestsWhereNothingElseTells: requests that break off together, with none left, before a silence.
func TestDeathsAreSeenInRequestsWhereNothingElseTells(t *testing.T) {
	const at = 1800
	died := dawn.Add(at * time.Second).Add(500 * time.Millisecond)
	silent := func(from, to int) func(c, i int) bool {
		return func(c, i int) bool { return c == 1 && i > from && i <= to }
	}
	cut := func(t *testing.T, s record.Sink, line func() int64, container string, n int) {
		for k := range n {
			request(t, s, line(), container, "/api/export", died.Add(-time.Duration(k+3)*time.Second), time.Duration(k+3)*time.Second, 502, record.Cut)
		}
	}
	for name, c := range map[string]struct {
		quiet   func(c, i int) bool
		more    func(s record.Sink, line func() int64)
		crashes int
	}{
		"several break, and it is silent":           {silent(at, at+6), func(s record.Sink, line func() int64) { cut(t, s, line, "web-1", 4) }, 1},
		"several break, and it goes on answering":   {nil, func(s record.Sink, line func() int64) { cut(t, s, line, "web-1", 4) }, 0},
		"one breaks, and it is silent for long":     {silent(at, at+12), func(s record.Sink, line func() int64) { cut(t, s, line, "web-1", 1) }, 1},
		"one breaks, and it is silent for a moment": {silent(at, at+4), func(s record.Sink, line func() int64) { cut(t, s, line, "web-1", 1) }, 0},
		"one breaks, and it never answers again":    {silent(at, 3600), func(s record.Sink, line func() int64) { cut(t, s, line, "web-1", 1) }, 1},
		"nothing breaks, and it is silent":          {silent(at, at+60), func(record.Sink, func() int64) {}, 0},
		"it breaks as the evidence begins":          {func(c, i int) bool { return c == 1 && i < at+30 }, func(s record.Sink, line func() int64) { cut(t, s, line, "web-1", 4) }, 0},
		"another request that was open then goes on": {silent(at, at+20), func(s record.Sink, line func() int64) {
			cut(t, s, line, "web-1", 4)
			request(t, s, line(), "web-1", "/api/stream", died.Add(-10*time.Second), 15*time.Second, 200, record.Answered)
		}, 0},
		"the router gives up on one later": {silent(at, at+60), func(s record.Sink, line func() int64) {
			cut(t, s, line, "web-1", 4)
			request(t, s, line(), "web-1", "/api/stream", died.Add(-10*time.Second), 30*time.Second, 504, record.GaveUp)
		}, 0},
		"a platform tells of ends, and not of this one": {silent(at, at+60), func(s record.Sink, line func() int64) {
			cut(t, s, line, "web-1", 4)
			said(t, s, "platform.log", 60, "web-2", record.Stopped, "stopped")
		}, 0},
		"its application logs that it starts again": {silent(at, at+20), func(s record.Sink, line func() int64) {
			cut(t, s, line, "web-1", 4)
			for _, sec := range []int{1, at + 18} {
				said(t, s, "app.log", sec, "web-1", record.Up, record.Listening)
			}
		}, 1},
		"the log of all has a gap then":                                  {func(_, i int) bool { return i > at && i <= at+900 }, func(s record.Sink, line func() int64) { cut(t, s, line, "web-1", 4) }, 0},
		"nobody is answered for half a minute, and it is not for longer": {func(c, i int) bool { return i > at && i <= at+30 || c == 1 && i > at && i <= at+50 }, func(s record.Sink, line func() int64) { cut(t, s, line, "web-1", 4) }, 1},
		"its application logs that it starts again, soon after it had": {silent(at, at+20), func(s record.Sink, line func() int64) {
			cut(t, s, line, "web-1", 4)
			for _, sec := range []int{1, at - 90, at + 18} {
				said(t, s, "app.log", sec, "web-1", record.Up, record.Listening)
			}
		}, 1},
		"its application logs its starts, and none then": {silent(at, at+20), func(s record.Sink, line func() int64) {
			cut(t, s, line, "web-1", 4)
			said(t, s, "app.log", 1, "web-1", record.Up, record.Listening)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := breaking{containers: 4, quiet: c.quiet, more: c.more}.report(t)
			if len(r.Crashes) != c.crashes {
				t.Fatalf("%d crashes, want %d: %s", len(r.Crashes), c.crashes, r.Verdict.Summary)
			}
			if c.crashes == 0 {
				return
			}
			x := r.Crashes[0]
			if x.Container != "web-1" || !x.Time.Equal(died.Std()) || x.ExitCode != nil || !strings.Contains(x.Note, "inferred") || len(x.Evidence) != 1 || x.Evidence[0].Line == 0 {
				t.Errorf("%+v", x)
			}
			if r.Verdict.Cause != finding.Undetermined || r.Verdict.Endpoint != nil || !strings.Contains(r.Verdict.Summary, "No source tells of the deaths") {
				t.Errorf("one death accuses: %+v", r.Verdict)
			}
			i := slices.IndexFunc(r.Timeline, func(e finding.Event) bool { return e.Kind == finding.EventCrash })
			if i < 0 || r.Timeline[i].Observed {
				t.Errorf("timeline %+v", r.Timeline)
			}
		})
	}
}

// TestWhoKillsIsNamedByTheRouterAlone: the same request open at each of four deaths that only requests tell of. A fleet that is replaced in
// turn looks alike, and nobody is accused of that.
func TestWhoKillsIsNamedByTheRouterAlone(t *testing.T) {
	const silence = 12
	for name, c := range map[string]struct {
		containers int
		at         []int // seconds, of container i modulo their number
		accused    bool
	}{
		"again and again":          {3, []int{700, 1400, 2100, 2800}, true},
		"the whole fleet, in turn": {4, []int{700, 800, 900, 1000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := breaking{
				containers: c.containers,
				quiet: func(container, second int) bool {
					for i, at := range c.at {
						if container == i%c.containers && second > at && second <= at+silence {
							return true
						}
					}
					return false
				},
				more: func(s record.Sink, line func() int64) {
					for i, at := range c.at {
						died := dawn.Add(time.Duration(at)*time.Second + 500*time.Millisecond)
						for k := range 3 {
							path, ran := "/api/export/all", 25*time.Second
							if k > 0 {
								path, ran = "/api/orders", time.Duration(300*k)*time.Millisecond
							}
							request(t, s, line(), fmt.Sprint("web-", i%c.containers), path, died.Add(-ran), ran, 502, record.Cut)
						}
					}
				},
			}.report(t)
			if !c.accused {
				if r.Verdict.Endpoint != nil || len(r.Crashes) > 0 || len(r.Restarts) != len(c.at) || r.Verdict.Cause != finding.Undetermined {
					t.Fatalf("%d crashes, %d restarts, %+v", len(r.Crashes), len(r.Restarts), r.Verdict)
				}
				return
			}
			if len(r.Crashes) != len(c.at) || r.Verdict.Endpoint == nil || *r.Verdict.Endpoint != "GET /api/export/all" || r.Verdict.Grade != finding.Likely || r.Verdict.Cause != finding.Undetermined {
				t.Fatalf("%d crashes, %+v", len(r.Crashes), r.Verdict)
			}
			if !slices.ContainsFunc(r.Checks, func(c finding.Check) bool { return c.Rule == "death.broken" }) {
				t.Errorf("checks %+v", r.Checks)
			}
		})
	}
}

// TestRecordedRoutersAlone: of the recordings in the repository, one whose router shows who held the event loop, one in which requests
// waited for a peer that hung until health checks killed (who waits did not kill), and one whose metrics tell of the same ends once more.
func TestRecordedRoutersAlone(t *testing.T) {
	for name, c := range map[string]struct {
		files    []string
		crashes  int
		restarts int
		endpoint string
		says     string
	}{
		"blocked-event-loop": {[]string{"router.log.zst"}, 5, 0, "POST /api/sessions/{id}/candidates", "No source tells of the deaths"},
		"waiting-workers":    {[]string{"router.log.zst"}, 21, 0, "", "POST /api/payments/intents gathered"},
		"hung-host":          {[]string{"router.log.zst"}, 0, 0, "", "hangs"},
		"native-leak":        {[]string{"router.log.zst", "metrics.csv.zst"}, 4, 4, "GET /api/sessions/{id}/attestations", "leaks"},
	} {
		var paths []string
		for _, f := range c.files {
			paths = append(paths, filepath.Join("..", "testdata", "incidents", name, f))
		}
		r := investigate(t, paths)
		got := ""
		if r.Verdict.Endpoint != nil {
			got = *r.Verdict.Endpoint
		}
		if len(r.Crashes) != c.crashes || len(r.Restarts) != c.restarts || got != c.endpoint || !strings.Contains(r.Verdict.Summary, c.says) {
			t.Errorf("%s: %d crashes, %q accused: %s", name, len(r.Crashes), got, r.Verdict.Summary)
		}
	}
}

// TestRequestsThatBreakOffAreNotNothing: nothing names containers, and nothing tells of deaths.
func TestRequestsThatBreakOffAreNotNothing(t *testing.T) {
	for name, c := range map[string]struct {
		broke func(path string, i int) (ran time.Duration) // of the i-th request of a path; 0: it is answered
		told  bool                                         // a platform tells of a container
		says  string
	}{
		"exports in the middle of their work": {func(path string, i int) time.Duration {
			if path == "/export" && i%15 == 7 {
				return 20 * time.Second
			}
			return 0
		}, false, "4 of 60 requests of GET /export broke off after 20 s"},
		"and a platform that tells of no death": {func(path string, i int) time.Duration {
			if path == "/export" && i%15 == 7 {
				return 20 * time.Second
			}
			return 0
		}, true, ""},
		"two of them": {func(path string, i int) time.Duration {
			if path == "/export" && i%30 == 7 {
				return 20 * time.Second
			}
			return 0
		}, false, ""},
		"exports as they begin": {func(path string, i int) time.Duration {
			if path == "/export" && i%15 == 7 {
				return 300 * time.Millisecond
			}
			return 0
		}, false, ""},
		"what takes so long anyway": {func(path string, i int) time.Duration {
			if path == "/slow" && i%15 == 7 {
				return 20 * time.Second
			}
			return 0
		}, false, ""},
		"all alike": {func(_ string, i int) time.Duration {
			if i%60 == 7 {
				return 20 * time.Second
			}
			return 0
		}, false, ""},
		"none": {func(string, int) time.Duration { return 0 }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				line, of := int64(0), map[string]int{}
				give := func(path string, at record.Time, took time.Duration) {
					line++
					of[path]++
					status, outcome := 200, record.Answered
					if ran := c.broke(path, of[path]); ran > 0 {
						status, outcome, took = 502, record.Cut, ran
					}
					request(t, s, line, "", path, at, took, status, outcome)
				}
				for i := range 6000 {
					at := dawn.Add(time.Duration(i) * time.Second)
					give("/usual", at, 40*time.Millisecond)
					if i%100 == 0 {
						give("/export", at, time.Second)
						give("/slow", at, 15*time.Second)
					}
				}
				if c.told {
					said(t, s, "platform.log", 60, "web-2", record.Stopped, "stopped")
				}
			})
			if got := r.Verdict.Cause == finding.Undetermined; got != (c.says != "") || r.Verdict.Endpoint != nil || !strings.Contains(r.Verdict.Summary, c.says) {
				t.Errorf("%+v", r.Verdict)
			}
		})
	}
}
