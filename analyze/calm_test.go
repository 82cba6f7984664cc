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
		"put off its node for disk":                       {[]event{{"web-0", 40 * time.Minute, record.Stopping, "Evicted"}}, finding.Undetermined, finding.Insufficient, "1 time(s) a pod was put off its node, “Evicted container app”"},
		"put off its node, as the pod and its event tell": {[]event{{"web-0", 40 * time.Minute, record.Stopping, "Evicted"}, {"web-0", 40*time.Minute + time.Second, record.Stopped, "Evicted"}}, finding.Undetermined, finding.Insufficient, "1 time(s) a pod was put off its node"},
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

// TestNothingIsWrongIsNotSaidOfEndsWithoutTimes: kubectl's tables have ages, and tell of ends all the same.
func TestNothingIsWrongIsNotSaidOfEndsWithoutTimes(t *testing.T) {
	src := &record.Source{Name: "pods.txt", Format: "kubernetes-pods-table"}
	for _, ends := range []int64{0, 3} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			for i := range 60 {
				if err := s.Sample(&record.Sample{Time: dawn.Add(time.Duration(i) * time.Minute), Metric: record.RSS, Value: 100 << 20, Container: "web-0"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Lifecycle(&record.Lifecycle{Time: dawn.Add(time.Minute), Kind: record.Stopped, Container: "web-1", ExitCode: 0}); err != nil { // and something was restarted as asked
				t.Fatal(err)
			}
			if ends > 0 {
				if err := s.Warn(&record.Warning{Code: "untimed_ends", Count: ends, Pos: record.Pos{Source: src, Line: 2}}); err != nil {
					t.Fatal(err)
				}
			}
		})
		if said := strings.Contains(r.Verdict.Summary, "ended 3 time(s)"); said != (ends > 0) || said != (r.Verdict.Cause == finding.Undetermined) {
			t.Errorf("%d ends: %s, %s: %s", ends, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}

// TestAContainerThatThrashesIsNoHungDependency: connections to a container that does not answer are tried again after the same times, as
// calls to a peer that hangs end after the same time.
func TestAContainerThatThrashesIsNoHungDependency(t *testing.T) {
	src := &record.Source{Name: "router.log", Format: "nginx"}
	paths := []string{"/orders", "/carts", "/users/me", "/search", "/prices", "/stocks", "/reviews", "/login"}
	for name, c := range map[string]struct {
		givenUp  time.Duration // when the router begins to give up on requests, against the first constant call
		broken   time.Duration // when all connections of a container break, 0: never
		expected finding.Cause
	}{
		"a peer hangs":                          {0, 0, finding.HungDependency},
		"and long calls are given up on":        {30 * time.Second, 0, finding.HungDependency},
		"hundreds were given up on before":      {-4 * time.Minute, 0, finding.Undetermined},
		"connections of a container break then": {0, 3 * time.Minute, finding.Undetermined},
		"connections broke hours before":        {0, -90 * time.Minute, finding.HungDependency},
	} {
		t.Run(name, func(t *testing.T) {
			const begins = 100 * time.Minute
			r := look(t, analyze.Options{}, func(s record.Sink) {
				line := int64(0)
				give := func(i int, at, took time.Duration, out record.Outcome) {
					line++
					served(t, s, src, line, "web-"+string(rune('1'+i%3)), paths[i%len(paths)], "", dawn.Add(at), took, out)
				}
				for i := range 7200 {
					give(i, time.Duration(i)*time.Second, time.Duration(20+i%300)*time.Millisecond, record.Answered)
				}
				for i := range 60 {
					give(i, begins+time.Duration(i)*time.Second, 15*time.Second+time.Duration(i%40)*time.Millisecond, record.Answered)
				}
				if c.givenUp != 0 {
					for i := range 600 {
						give(i, begins+c.givenUp+time.Duration(i)*time.Second/2-30*time.Second, 30*time.Second, record.GaveUp)
					}
				}
				if c.broken != 0 {
					for i := range 5 {
						give(3*i, begins+c.broken-time.Duration(i)*time.Second, time.Duration(i)*time.Second, record.Cut)
					}
				}
			})
			if r.Verdict.Cause != c.expected {
				t.Errorf("%s, %s: %s", r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
			}
		})
	}
}

// TestWordsOfMemoryThatWereSurvivedAreNoDeath: an exception for want of memory ends a request or a thread.
func TestWordsOfMemoryThatWereSurvivedAreNoDeath(t *testing.T) {
	src := &record.Source{Name: "router.log", Format: "nginx"}
	const when = 60 * time.Minute
	for name, c := range map[string]struct {
		text    string
		pause   time.Duration // without answers, after the words
		again   time.Duration // a start so long after, 0 for none
		crashes int
	}{
		"a request's error":         {"MemoryError", 0, 0, 0},
		"a thread's":                {"java.lang.OutOfMemoryError: Java heap space", 0, 0, 0},
		"V8 aborts":                 {"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", 0, 0, 1},
		"nothing is answered after": {"MemoryError", time.Minute, 0, 1},
		"it started again":          {"MemoryError", 0, 5 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				for i := range 7200 {
					at := time.Duration(i) * time.Second
					if at < when-time.Second || at > when+c.pause {
						served(t, s, src, int64(i), "web-1", "/orders", "", dawn.Add(at), 300*time.Millisecond, record.Answered)
					}
				}
				_ = s.Crash(&record.Crash{Pos: record.Pos{Source: src, Line: 9000}, Time: dawn.Add(when), Kind: record.CrashHeapLimit, ExitCode: -1, Container: "web-1", Text: c.text})
				if c.again > 0 {
					_ = s.Lifecycle(&record.Lifecycle{Pos: record.Pos{Source: src, Line: 9001}, Time: dawn.Add(when + c.again), Kind: record.Up, ExitCode: -1, Container: "web-1"})
				}
			})
			if len(r.Crashes) != c.crashes || r.Verdict.Cause != finding.Undetermined {
				t.Errorf("%d crashes; %s: %s", len(r.Crashes), r.Verdict.Cause, r.Verdict.Summary)
			}
		})
	}
}

// TestManyAnswersOfErrorsAreNotNothing: no container died, and a tenth of all answers are errors.
func TestManyAnswersOfErrorsAreNotNothing(t *testing.T) {
	for every, want := range map[int]finding.Cause{10: finding.Undetermined, 50: finding.None} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			for i := range 2000 {
				q := &record.Request{Pos: record.Pos{Source: routerLog, Line: int64(i + 1)}, Layer: record.LayerRouter, Outcome: record.Answered, Start: dawn.Add(time.Duration(i) * time.Second),
					Status: 200, Method: []byte("GET"), Path: []byte("/api/orders"), Container: []byte("web-1")}
				q.End = q.Start.Add(50 * time.Millisecond)
				if i%every == 0 {
					q.Status = 500
				}
				if err := s.Request(q); err != nil {
					t.Fatal(err)
				}
			}
		})
		if v := r.Verdict; v.Cause != want || (want == finding.Undetermined) != strings.Contains(v.Summary, "200 of 2000 requests were answered with status 5xx") {
			t.Errorf("every %d: %s (%s): %s", every, v.Cause, v.Grade, v.Summary)
		}
	}
}

// TestWhatCouldNotBeReadIsNotNothing: where memory alone is known, a log of no known format may tell of anything.
func TestWhatCouldNotBeReadIsNotNothing(t *testing.T) {
	metrics, log := &record.Source{Name: "metrics.csv"}, &record.Source{Name: "logs/compose.log"}
	for name, c := range map[string]struct {
		unread bool
		grade  finding.Grade
		says   string
	}{
		"all was read":  {false, finding.Likely, "no platform log or events"},
		"a log was not": {true, finding.Possible, "compose.log could not be read"},
	} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			for i := range 60 {
				if err := s.Sample(&record.Sample{Pos: record.Pos{Source: metrics, Line: int64(i + 1)}, Time: dawn.Add(time.Duration(i) * time.Minute), Metric: record.RSS, Value: 100 << 20, Container: "web-0"}); err != nil {
					t.Fatal(err)
				}
			}
			if c.unread {
				if err := s.Warn(&record.Warning{Code: "unknown_format", Pos: record.Pos{Source: log}, Count: 1, Text: "of no known format"}); err != nil {
					t.Fatal(err)
				}
			}
		})
		if r.Verdict.Cause != finding.None || r.Verdict.Grade != c.grade || !strings.Contains(r.Verdict.Summary, c.says) {
			t.Errorf("%s: %s, %s: %s", name, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}

// TestASlowTimeIsNotNothing: where nothing died and all requests took ten times as long for a while, all was not well.
func TestASlowTimeIsNotNothing(t *testing.T) {
	router, metrics := &record.Source{Name: "router.log"}, &record.Source{Name: "metrics.csv"}
	for name, c := range map[string]struct {
		slow  time.Duration // for how long, from the 60th minute on
		times int           // as long as usual
		grade finding.Grade
	}{
		"never":             {0, 1, finding.Likely},
		"for ten minutes":   {10 * time.Minute, 10, finding.Possible},
		"for one minute":    {time.Minute, 10, finding.Likely},
		"twice as long":     {10 * time.Minute, 2, finding.Likely},
		"for half the time": {70 * time.Minute, 10, finding.Likely}, // which is usual, nobody can tell
	} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			for i := range 7200 {
				at, dur := dawn.Add(time.Duration(i)*time.Second), 100*time.Millisecond
				if from := dawn.Add(time.Hour); at >= from && at < from.Add(c.slow) {
					dur *= time.Duration(c.times)
				}
				served(t, s, router, int64(i+1), "web-0", "/a", "", at, dur, record.Answered)
				if i%60 == 0 {
					if err := s.Sample(&record.Sample{Pos: record.Pos{Source: metrics, Line: int64(i + 1)}, Time: at, Metric: record.RSS, Value: 100 << 20, Container: "web-0"}); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		slow := strings.Contains(r.Verdict.Summary, "far longer than usual (median 995 ms, usually 99 ms)")
		if r.Verdict.Cause != finding.None || r.Verdict.Grade != c.grade || slow != (c.grade == finding.Possible) || slow != (len(r.Actions) > 0 && r.Actions[0].Rule == "latency.slow") {
			t.Errorf("%s: %s, %s: %s %v", name, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary, r.Actions)
		}
	}
}

// TestRequestsThatFailAfterARestartAreItsFallout: a deploy restarts all containers, and requests wait in vain for cold caches.
func TestRequestsThatFailAfterARestartAreItsFallout(t *testing.T) {
	router := &record.Source{Name: "router.log", Format: "scalingo-router"}
	platform := &record.Source{Name: "platform.log", Format: "scalingo"}
	for name, c := range map[string]struct {
		restarted int           // of three containers
		fails     time.Duration // when requests begin to fail, after the restart
		want      finding.Cause
	}{
		"as all were restarted":       {3, 10 * time.Second, finding.PlannedRestart},
		"as one of three was":         {1, 10 * time.Second, finding.Undetermined},
		"before they were restarted":  {3, -20 * time.Minute, finding.Undetermined},
		"long after the restart":      {3, 30 * time.Minute, finding.Undetermined},
		"from the restart to the end": {3, 9 * time.Minute, finding.Undetermined},
	} {
		t.Run(name, func(t *testing.T) {
			restart := dawn.Add(time.Hour)
			r := look(t, analyze.Options{}, func(s record.Sink) {
				line := int64(0)
				give := func(container int, at record.Time, took time.Duration, out record.Outcome) {
					line++
					served(t, s, router, line, "web-"+string(rune('1'+container)), "/usual/"+string(rune('a'+line%7)), fmt.Sprint("r", line), at, took, out)
				}
				for i := range 7200 {
					give(i%3, dawn.Add(time.Duration(i)*time.Second), time.Duration(40+i%11)*time.Millisecond, record.Answered)
				}
				for i := range 800 {
					give(i%3, restart.Add(c.fails+time.Duration(i)*300*time.Millisecond), 30*time.Second, record.GaveUp)
				}
				for i := range c.restarted {
					l := record.Lifecycle{Pos: record.Pos{Source: platform, Line: int64(1 + i)}, Time: restart.Add(time.Duration(i) * time.Second), Kind: record.Stopped, Container: "web-" + string(rune('1'+i)), ExitCode: -1, Text: "deploy"}
					if err := s.Lifecycle(&l); err != nil {
						t.Fatal(err)
					}
				}
			})
			if r.Verdict.Cause != c.want || r.Verdict.Grade.Rank() > finding.Possible.Rank() {
				t.Error(brief(r))
			}
		})
	}
}

// TestFailuresAsAFleetRestartsAreTheRestarts: requests that fail as most of a fleet is restarted on purpose are put down to that; answers with
// an error all day are not, whatever a restart cut.
func TestFailuresAsAFleetRestartsAreTheRestarts(t *testing.T) {
	src := &record.Source{Name: "router.log", Format: "heroku"}
	const restarted = 100 * time.Minute
	for name, c := range map[string]struct {
		cut    int // requests that are cut within minutes of the restart
		status int // of every tenth request
		cause  finding.Cause
	}{
		"cut at the restart":             {400, 200, finding.PlannedRestart},
		"answered with errors all day":   {3, 502, finding.Undetermined},
		"cut, and answered with errors ": {400, 502, finding.PlannedRestart},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				line := int64(0)
				give := func(i int, at time.Duration, status int, out record.Outcome) {
					line++
					start := dawn.Add(at)
					if err := s.Request(&record.Request{Pos: record.Pos{Source: src, Line: line}, Layer: record.LayerRouter, Outcome: out, Start: start, End: start.Add(50 * time.Millisecond), Status: status,
						Method: []byte("GET"), Path: []byte("/orders"), Container: []byte(fmt.Sprintf("web-%d", i%4))}); err != nil {
						t.Fatal(err)
					}
				}
				for i := range 6000 {
					status := 200
					if i%10 == 0 {
						status = c.status
					}
					give(i, time.Duration(i)*2*time.Second, status, record.Answered)
				}
				for i := range c.cut {
					give(i, restarted+time.Duration(i)*time.Second/2, 503, record.Cut)
				}
				for i := range 4 {
					name := fmt.Sprintf("web-%d", i)
					for k, kind := range []record.LifecycleKind{record.Stopping, record.Stopped, record.Up} {
						if err := s.Lifecycle(&record.Lifecycle{Pos: record.Pos{Source: src, Line: line + int64(3*i+k+1)}, Time: dawn.Add(restarted + time.Duration(10*i+k)*time.Second), Kind: kind, ExitCode: -1, Container: name}); err != nil {
							t.Fatal(err)
						}
					}
				}
			})
			if r.Verdict.Cause != c.cause || c.cause == finding.PlannedRestart && !strings.Contains(r.Verdict.Summary, "restarted as asked") {
				t.Errorf("%s, %s: %s", r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
			}
		})
	}
}

// TestMemoryThatGrowsAloneIsTold: of five containers one grows for ten hours. It is no leak for that, and it is not nothing.
func TestMemoryThatGrowsAloneIsTold(t *testing.T) {
	src := &record.Source{Name: "metrics.csv", Format: "csv"}
	for _, grows := range []bool{true, false} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			line := int64(0)
			for i := range 600 {
				for k := range 5 {
					line++
					v := 100.0 + float64(i%7)
					if grows && k == 0 {
						v += 0.3 * float64(i)
					}
					if err := s.Sample(&record.Sample{Pos: record.Pos{Source: src, Line: line}, Time: dawn.Add(time.Duration(i) * time.Minute), Metric: record.RSS, Value: v * (1 << 20), Container: fmt.Sprintf("web-%d", k+1)}); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		told := strings.Contains(r.Verdict.Summary, "memory of web-1 grew all the while")
		if r.Verdict.Cause != finding.None || told != grows || grows && r.Verdict.Grade != finding.Possible {
			t.Errorf("grows %v: %s, %s: %s", grows, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}

// TestRequestsThatNeverEndAreToldWhereNothingTellsOfDeaths: without a platform's log, and without words of the runtime, the requests that never
// ended are all that a death leaves. Lines that were lost leave the same of all endpoints, and a stream never ends.
func TestRequestsThatNeverEndAreToldWhereNothingTellsOfDeaths(t *testing.T) {
	src := &record.Source{Name: "app.log", Format: "pino"}
	for _, c := range []struct {
		name string
		lost func(path string, i int) bool // whether the end of a request is missing, the i-th of its path
		told string                        // the platform tells of a life
		says bool
	}{
		{"all end", func(string, int) bool { return false }, "", false},
		{"one in twenty exports", func(path string, i int) bool { return path == "/export" && i%20 == 7 }, "", true},
		{"and a platform that tells of no death", func(path string, i int) bool { return path == "/export" && i%20 == 7 }, "web-1", false},
		{"two exports", func(path string, i int) bool { return path == "/export" && i%60 == 7 }, "", false},
		{"one line of a thousand", func(_ string, i int) bool { return i%500 == 7 }, "", false},
		{"a stream", func(path string, _ int) bool { return path == "/export" }, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				line, of := int64(0), map[string]int{}
				give := func(path string, at record.Time) {
					of[path]++
					for _, phase := range []record.Phase{record.Started, record.Completed} {
						if phase == record.Completed && c.lost(path, of[path]) {
							continue
						}
						line++
						x := record.Request{Pos: record.Pos{Source: src, Line: line}, Layer: record.LayerApp, Phase: phase, Start: at, Method: []byte("GET"), Path: []byte(path),
							ID: fmt.Append(nil, path, of[path]), Container: []byte("web-1")}
						if phase == record.Completed {
							x.End, x.Status, x.Outcome = at.Add(40*time.Millisecond), 200, record.Answered
						}
						if err := s.Request(&x); err != nil {
							t.Fatal(err)
						}
					}
				}
				for i := range 12_000 {
					at := dawn.Add(time.Duration(i) * time.Second)
					give("/usual", at)
					if i%100 == 0 {
						give("/export", at.Add(time.Millisecond))
					}
				}
				for i := range 200 {
					if err := s.Sample(&record.Sample{Time: dawn.Add(time.Duration(i) * time.Minute), Metric: record.RSS, Value: 100 << 20, Container: "web-1"}); err != nil {
						t.Fatal(err)
					}
				}
				if c.told != "" {
					if err := s.Lifecycle(&record.Lifecycle{Time: dawn, Kind: record.Up, Container: c.told, ExitCode: -1}); err != nil {
						t.Fatal(err)
					}
				}
			})
			says := strings.Contains(r.Verdict.Summary, "requests of GET /export began and never ended")
			if says != c.says || says && (r.Verdict.Grade != finding.Possible || r.Verdict.Endpoint != nil) || r.Verdict.Cause != finding.None {
				t.Errorf("%s, %s: %s", r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
			}
		})
	}
}
