package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// stories are scenarios that between them use every kind of evidence: starts and ends of requests, routers that give up, two layers,
// lost and shuffled lines, names in two styles, hangs, leaks, planned windows.
var stories = []string{
	"burst_retried_export_walks",
	"burst_with_lost_and_shuffled_lines",
	"burst_heroku_with_two_names",
	"two_culprits_burst_and_poison",
	"stall_event_loop_until_health_check",
	"hung_dependency_and_stale_list",
	"leak_in_one_endpoint",
	"maintenance_told_by_the_user",
	"background_job_leak",
}

// few are the stories for a test that needs several runs of each.
func few() []string {
	if testing.Short() {
		return stories[:2]
	}
	return []string{"burst_with_lost_and_shuffled_lines", "two_culprits_burst_and_poison", "hung_dependency_and_stale_list", "maintenance_told_by_the_user"}
}

// TestTheReportDoesNotDependOnTheOrderOfTheEvidence: records in any order, through any number of goroutines, give the same bytes.
func TestTheReportDoesNotDependOnTheOrderOfTheEvidence(t *testing.T) {
	names := stories
	if testing.Short() {
		names = few()
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items, o := recorded(t, name)
			want := concluded(t, o, inOrder(items))
			for _, c := range []struct {
				name string
				give func(record.Sink) error
			}{
				{"the same over three forks", dealt(items, 3, 2)},
				{"shuffled over five forks", dealt(shuffled(items, 3), 5, 4)},
			} {
				if diff := differs(t, want, concluded(t, o, c.give)); diff != "" {
					t.Errorf("%s: %s", c.name, diff)
				}
			}
		})
	}
}

// TestATemporaryFileChangesNothing: requests that do not fit into memory give the same report.
func TestATemporaryFileChangesNothing(t *testing.T) {
	items, o := recorded(t, "burst_retried_export_walks")
	want := concluded(t, o, inOrder(items))
	files := 0
	o.MemoryBytes = 100_000
	o.Spool = func() (analyze.Spool, error) { files++; return &memorySpool{}, nil }
	got := concluded(t, o, dealt(items, 3, 2))
	if files != 1 {
		t.Errorf("%d temporary files", files)
	}
	if diff := differs(t, want, got); diff != "" {
		t.Error(diff)
	}
}

type memorySpool struct{ data []byte }

func (m *memorySpool) Write(b []byte) (int, error) { m.data = append(m.data, b...); return len(b), nil }
func (m *memorySpool) ReadAt(b []byte, off int64) (int, error) {
	return copy(b, m.data[off:]), nil
}
func (m *memorySpool) Close() error { return nil }

const dawn = record.Time(1_790_000_000_000_000_000)

// coarse makes evidence as poor as logs can be: whole seconds, few different requests, hardly an id, lines without numbers, several
// sources that tell of the same, names in several styles, two kinds of deaths on the same containers.
func coarse(seed uint64) []item {
	rng := rand.New(rand.NewPCG(seed, 9))
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	instant := func() record.Time { return dawn.Add(time.Duration(rng.IntN(3600)) * time.Second) }
	sources := []*record.Source{{Name: "a.log", Format: "scalingo-router"}, {Name: "b.log", Format: "scalingo-router"}, {Name: "app.ndjson", Format: "pino"},
		{Name: "app2.ndjson", Format: "pino"}, {Name: "metrics.csv", Format: "metrics-csv"}, {Name: "more.csv", Format: "metrics-csv"}, nil}
	pos := func(lo, hi int) record.Pos {
		p := record.Pos{Source: sources[lo+rng.IntN(hi-lo)]}
		if rng.IntN(2) == 0 {
			p.Line = int64(rng.IntN(5))
		}
		return p
	}
	names := []string{"web-1", "web-2", "web.1", "/web-2", "worker-1"}
	ids := []string{"", "", "11", "12", "dc317786f4c66790fb508272", "dc317786f4c6"}
	r := &recorder{}
	paths := []string{"/a", "/b", "/c/1", "/c/2", "/slow", "/slow?x=1"}
	withIDs := rng.IntN(2) == 0
	starts := rng.IntN(2) == 0
	for i := range 300 + rng.IntN(600) {
		at := instant()
		q := record.Request{Pos: pos(0, 2), Layer: record.LayerRouter, Outcome: record.Answered, Start: at, End: at.Add(time.Duration(rng.IntN(3)) * time.Second), Status: 200 + 300*rng.IntN(2),
			Method: []byte(pick("GET", "POST")), Path: []byte(pick(paths...)), Container: []byte(pick(names...)), User: []byte(pick("", "", "u1", "u2")), Instance: []byte(pick(ids...))}
		if rng.IntN(3) == 0 {
			q.Pos, q.Layer = pos(2, 4), record.LayerApp
		}
		switch rng.IntN(20) {
		case 0:
			q.Outcome, q.Status, q.End = record.GaveUp, 504, at.Add(30*time.Second)
		case 1:
			q.Outcome, q.Status = record.Cut, 502
		case 2:
			q.Outcome = record.ClientGone
		case 3:
			q.Outcome, q.Status = record.Refused, 503
		}
		if withIDs {
			q.ID = fmt.Appendf(nil, "r%d", i/2)
		}
		if starts && q.Layer == record.LayerApp && q.Outcome == record.Answered {
			b := q
			b.Phase, b.End, b.Status, b.Outcome = record.Started, b.Start, 0, record.OutcomeUnknown
			_ = r.Request(&b)
			if rng.IntN(6) == 0 {
				continue // never ends
			}
		}
		_ = r.Request(&q)
	}
	for range rng.IntN(8) {
		_ = r.Crash(&record.Crash{Pos: pos(0, 7), Time: instant(), Exited: rng.IntN(2) == 0, ExitCode: rng.IntN(2)*138 - 1, Container: pick(names...), Instance: pick(ids...),
			Kind: record.CrashKind(pick("oom_kill", "heap_limit", "exception", "health_check", "unknown")), Signal: pick("", "SIGKILL"), Host: pick("", "h1", "h2"),
			Service: pick("", "web"), Version: pick("", "v1", "v2"), Text: pick("died", "FATAL ERROR", "")})
	}
	for range rng.IntN(12) {
		_ = r.Lifecycle(&record.Lifecycle{Pos: pos(0, 7), Time: instant(), ExitCode: -1, Container: pick(append(names, "")...), Instance: pick(ids...), Host: pick("", "h1"),
			Kind:   record.LifecycleKind(pick("starting", "up", "stopping", "stopped", "deploy", "health_check_failed", "unreachable", "members_changed", "host_down", "memory_pressure", "scale")),
			Reason: pick("", "deploy", "scale"), Version: pick("", "v1", "v2"), Service: pick("", "web"), Text: pick("", "text", "web-1 left")})
	}
	for range rng.IntN(500) {
		_ = r.Sample(&record.Sample{Pos: pos(4, 7), Time: instant(), Metric: []record.Metric{record.RSS, record.HeapUsed, record.MemoryLimit, record.CPU}[rng.IntN(4)], Value: float64(1+rng.IntN(5)) * 1e8,
			Interval: time.Duration(rng.IntN(2)) * time.Minute, Container: pick(names...), Instance: pick(ids...), Service: pick("", "web"), Host: pick("", "h1"), Version: pick("", "v1")})
	}
	for range rng.IntN(6) {
		at := instant()
		_ = r.Job(&record.Job{Pos: pos(2, 4), Name: pick("clean", "mail"), Start: at, End: at.Add(time.Duration(rng.IntN(60)) * time.Second), Container: pick(names...)})
	}
	for range rng.IntN(6) {
		_ = r.Warn(&record.Warning{Code: pick("malformed_line", "no_timezone"), Pos: pos(0, 7), Count: int64(1 + rng.IntN(3)), Text: "text", Example: pick("one", "two")})
	}
	for range rng.IntN(8) {
		at := instant()
		_ = r.Cover(&record.Coverage{Source: sources[rng.IntN(7)], Signal: pick("requests", "memory"), From: at, To: at.Add(time.Minute), Records: int64(rng.IntN(3)), Sampled: float64(rng.IntN(2)) / 2,
			Container: pick("", "web-1"), MissingReason: pick("", "why")})
	}
	return r.items
}

func TestPoorEvidenceGivesOneReportInAnyOrder(t *testing.T) {
	n := uint64(60)
	if testing.Short() {
		n = 10
	}
	failed := 0
	for seed := range n {
		items := coarse(seed)
		var o analyze.Options
		want := concluded(t, o, inOrder(items))
		for _, c := range []struct {
			name string
			give func(record.Sink) error
		}{
			{"the same again", inOrder(items)},
			{"shuffled", inOrder(shuffled(items, seed))},
			{"shuffled over forks", dealt(shuffled(items, seed+1), 3, seed)},
		} {
			if diff := differs(t, want, concluded(t, o, c.give)); diff != "" && failed < 4 {
				failed++
				t.Errorf("seed %d, %s: %s", seed, c.name, diff)
				break
			}
		}
	}
}
