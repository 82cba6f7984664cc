package nightly

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lastcall/analyze/finding"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

// rig is a world of nights: what is true of the services, and what fails on which night.
type rig struct {
	t     *testing.T
	store Store
	now   time.Time
	world func(service string, from, to time.Time) *finding.Report

	check func(service string, call int) error // a fault instead of an answer
	gaps  func(service string) []string
	post  func() error
	print func() error
	beat  func() error
	slept time.Duration

	nights  []*Night
	posted  []string // texts that the webhook took
	postIDs []string
	beats   int
	calls   map[string]int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{t: t, store: Store{t.TempDir()}, now: t0, calls: map[string]int{}}
}

var errKilled = errors.New("killed")

// night runs one night; a panic with errKilled in a dependency stands for kill -9 at that point.
func (r *rig) night(services ...Service) (n *Night, err error) {
	r.t.Helper()
	r.calls = map[string]int{}
	defer func() {
		if p := recover(); p != nil {
			if p != any(errKilled) {
				panic(p)
			}
			n, err = nil, errKilled
			// The system gives the lock back when a process ends; the same process has to open it anew.
			_ = os.Remove(filepath.Join(r.store.Dir, "lock"))
		}
	}()
	n, err = Run(context.Background(), Options{Services: services, Retries: 2}, Deps{
		Check: func(_ context.Context, s Service, from, to time.Time) (Result, error) {
			r.calls[s.ID]++
			if r.check != nil {
				if err := r.check(s.ID, r.calls[s.ID]); err != nil {
					return Result{}, err
				}
			}
			var gaps []string
			if r.gaps != nil {
				gaps = r.gaps(s.ID)
			}
			return Result{Report: r.world(s.ID, from, to), Gaps: gaps}, nil
		},
		Store: r.store, Now: func() time.Time { return r.now },
		Sleep: func(_ context.Context, d time.Duration) error { r.slept += d; return nil },
		Print: func(*Night) error {
			if r.print != nil {
				return r.print()
			}
			return nil
		},
		Post: func(_ context.Context, id, text string) error {
			if r.post != nil {
				if err := r.post(); err != nil {
					return err
				}
			}
			r.posted, r.postIDs = append(r.posted, text), append(r.postIDs, id)
			return nil
		},
		Beat: func(context.Context) error {
			r.beats++
			if r.beat != nil {
				return r.beat()
			}
			return nil
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		r.nights = append(r.nights, n)
	}
	return n, err
}

func svc(id string) Service {
	return Service{ID: id, Window: 24 * time.Hour, Horizon: 7 * 24 * time.Hour, FailOn: finding.Likely}
}

// healthy is a report of a service with nothing wrong.
func healthy(from, to time.Time) *finding.Report {
	n := int64(1000)
	r := &finding.Report{
		Window:  finding.Window{From: from, To: to},
		Verdict: finding.Verdict{Cause: finding.None, Grade: finding.Likely, Summary: "Nothing wrong in what was seen."},
	}
	for _, s := range []string{"requests", "memory"} {
		r.Coverage = append(r.Coverage, finding.Coverage{Source: "datadog", Signal: s, From: &from, To: &to, Records: n})
	}
	return r
}

// dying adds crashes for which an endpoint is to blame.
func dying(r *finding.Report, endpoint string, grade finding.Grade, times ...time.Time) *finding.Report {
	for i, t := range times {
		if t.Before(r.Window.From) || t.After(r.Window.To) {
			continue
		}
		r.Crashes = append(r.Crashes, finding.Crash{ID: fmt.Sprintf("c%d", len(r.Crashes)+1), Time: t, Container: fmt.Sprintf("web-%d", i%4+1), Kind: "oom_kill", ExplainedBy: &endpoint})
	}
	if len(r.Crashes) > 0 {
		r.Verdict = finding.Verdict{Cause: finding.RequestBurst, Grade: grade, Endpoint: &endpoint, Summary: endpoint + " took the memory."}
	}
	return r
}

// leaking adds a container whose memory reaches its limit in left.
func leaking(r *finding.Report, endpoint string, left time.Duration) *finding.Report {
	s := left.Seconds()
	r.Memory = append(r.Memory, finding.Memory{
		Container: "web-1", Metric: "rss", Shape: finding.ShapeLeak, TimeToLimitSeconds: &s, From: r.Window.From, To: r.Window.To,
		TimeToLimit: &finding.Estimate{Value: s, Low: s * 0.7, High: s * 1.5},
	})
	r.Verdict = finding.Verdict{Cause: finding.RequestLeak, Grade: finding.Likely, Endpoint: &endpoint, Summary: "Memory kept by " + endpoint + " adds up."}
	return r
}

func statuses(n *Night) []string {
	var out []string
	for _, f := range n.Findings {
		mark := ""
		if f.Reported {
			mark = "!"
		}
		out = append(out, string(f.Status)+mark+" "+f.ID)
	}
	return out
}

func day(n int) time.Time { return t0.AddDate(0, 0, n) }

func TestAFindingIsToldOnceAndThenStaysQuietUntilItChanges(t *testing.T) {
	r := newRig(t)
	crash := func(d, h int) time.Time { return day(d).Add(time.Duration(h) * time.Hour) }
	times := []time.Time{
		crash(-1, 2), crash(0, 3), crash(1, 4), crash(2, 5), // one a day
		crash(3, 1), crash(3, 2), crash(3, 3), crash(3, 4), // four on one day
	}
	r.world = func(_ string, from, to time.Time) *finding.Report {
		return dying(healthy(from, to), "GET /export", finding.Likely, times...)
	}
	const id = "api request_burst GET /export"
	for d, want := range []struct {
		findings []string
		exit     int
		crashes  int
	}{
		{[]string{"new! " + id}, 3, 1},
		{[]string{"same " + id}, 0, 1},
		{[]string{"same " + id}, 0, 1},
		{[]string{"same " + id}, 0, 1},
		{[]string{"worse! " + id}, 3, 4},
		{nil, 0, 0},
		{[]string{"gone! " + id}, 0, 0},
		{nil, 0, 0},
	} {
		r.now = day(d)
		n, err := r.night(svc("api"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.findings, statuses(n)); diff != "" || n.ExitCode != want.exit {
			t.Errorf("night %d: exit %d, want %d (-want +got)\n%s", d, n.ExitCode, want.exit, diff)
		}
		if got := len(n.Services[0].CrashesSince); got != want.crashes {
			t.Errorf("night %d: %d crashes since the last run, want %d", d, got, want.crashes)
		}
	}
	if len(r.posted) != 3 {
		t.Errorf("%d messages were posted, want new, worse and gone:\n%s", len(r.posted), strings.Join(r.posted, "\n"))
	}
	if r.beats != 8 {
		t.Errorf("the heartbeat was called %d times, want on all 8 nights", r.beats)
	}
}

func TestWhatIsGoneAndComesBackIsToldAgain(t *testing.T) {
	r := newRig(t)
	r.world = func(_ string, from, to time.Time) *finding.Report {
		return dying(healthy(from, to), "GET /export", finding.Likely, day(-1).Add(5*time.Hour), day(9).Add(5*time.Hour))
	}
	var got []string
	for d := range 12 {
		r.now = day(d)
		n, err := r.night(svc("api"))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statuses(n) {
			got = append(got, fmt.Sprintf("%d %s", d, strings.Fields(s)[0]))
		}
	}
	want := []string{"0 new!", "2 gone!", "10 back!"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestALeakIsToldInTimeAndAgainWhenItIsADayAway(t *testing.T) {
	r := newRig(t)
	// It grows for three weeks and reaches the limit on day 20.
	r.world = func(_ string, from, to time.Time) *finding.Report {
		return leaking(healthy(from, to), "POST /jobs", day(20).Sub(to))
	}
	var got []string
	for d := range 20 {
		r.now = day(d)
		n, err := r.night(svc("api"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range n.Findings {
			if f.Reported {
				got = append(got, fmt.Sprintf("%d %s %s", d, f.Status, f.Change))
			}
		}
	}
	if d := cmp.Diff([]string{"13 new "}, got); d != "" {
		t.Fatalf("want it told seven days before and then quiet until the last day (-want +got)\n%s", d)
	}
	r.now = day(19).Add(6 * time.Hour)
	n, err := r.night(svc("api"))
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Findings) != 1 || n.Findings[0].Status != Worse || n.Findings[0].Change != "about 18 h to the memory limit" {
		t.Errorf("18 hours before the limit: %+v", n.Findings)
	}
}

func TestALimitBeyondAllTimeIsNoAlarm(t *testing.T) {
	r := newRig(t)
	left, high := 1e12, 1e12
	r.world = func(_ string, from, to time.Time) *finding.Report {
		rep := leaking(healthy(from, to), "POST /jobs", 0)
		rep.Memory[0].TimeToLimitSeconds, rep.Memory[0].TimeToLimit = &left, &finding.Estimate{Value: left, Low: left, High: high}
		return rep
	}
	if n, err := r.night(svc("api")); err != nil || len(n.Findings) != 0 || n.ExitCode != exitDone {
		t.Errorf("30,000 years before the limit: %v, %+v", err, n)
	}
	// An upper bound that far away is said all the same.
	left = 3 * 24 * 3600
	if n, err := r.night(svc("api")); err != nil || len(r.posted) != 1 || !strings.Contains(r.posted[0], "between 3 days and 106752 days") {
		t.Errorf("%v, %+v, %q", err, n, r.posted)
	}
}

func TestTroubleIsSetAgainstTheLastDeploy(t *testing.T) {
	r := newRig(t)
	deploy := day(-1).Add(10 * time.Hour)
	r.world = func(_ string, from, to time.Time) *finding.Report {
		rep := dying(healthy(from, to), "GET /x", finding.Conclusive, deploy.Add(6*time.Minute), day(1))
		if deploy.After(from) {
			rep.Timeline = append(rep.Timeline, finding.Event{Time: deploy, Kind: "deploy", Text: "Deploy v312", Observed: true})
		}
		return rep
	}
	n, err := r.night(svc("api"))
	if err != nil {
		t.Fatal(err)
	}
	want := "began 6 min after the last deploy (Deploy v312, 2026-10-31 13:00 UTC)"
	if got := n.Findings[0].Deploy; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnIncompleteCheckNeitherAdvancesNorCallsTheHeartbeat(t *testing.T) {
	r := newRig(t)
	r.world = func(_ string, from, to time.Time) *finding.Report { return healthy(from, to) }
	if _, err := r.night(svc("api")); err != nil {
		t.Fatal(err)
	}
	r.now = day(1)
	r.gaps = func(string) []string { return []string{"requests: the quota was used up after half of the window"} }
	n, err := r.night(svc("api"))
	if err != nil {
		t.Fatal(err)
	}
	if n.ExitCode != exitIncomplete || n.Complete || r.beats != 1 {
		t.Errorf("exit %d, complete %v, %d heartbeats; want 4, false, 1", n.ExitCode, n.Complete, r.beats)
	}
	r.now, r.gaps = day(3), nil
	n, err = r.night(svc("api"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.Services[0].From, day(0).Add(-overlap); !got.Equal(want) {
		t.Errorf("the next check begins at %v, want %v: at the end of the last complete one", got, want)
	}
}

// TestEveryHourIsLookedAtOrSaidNotToBe: whatever the window and however long ago the last complete check was.
func TestEveryHourIsLookedAtOrSaidNotToBe(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		window, since time.Duration // the window of the service; how long ago the night before was
		unseen        string
	}{
		{time.Hour, time.Hour, ""},
		{time.Hour, day, ""}, // every night, with the window of an hour
		{time.Hour, 7*day - overlap, ""},
		{time.Hour, 10 * day, "not looked at: 2026-11-01 03:00 UTC to 2026-11-04 03:00 UTC (a night looks back over 7 days at most)"},
		{day, day, ""},
		{day, 10 * day, "not looked at: 2026-11-01 03:00 UTC to 2026-11-04 03:00 UTC (a night looks back over 7 days at most)"},
		{2 * day, 10 * day, ""},
		{2 * day, 15 * day, "not looked at: 2026-11-01 03:00 UTC to 2026-11-02 03:00 UTC (a night looks back over 14 days at most)"},
	} {
		t.Run(fmt.Sprintf("%v after %v", c.window, c.since), func(t *testing.T) {
			r := newRig(t)
			r.world = func(_ string, from, to time.Time) *finding.Report { return healthy(from, to) }
			s := svc("api")
			s.Window = c.window
			for range 2 {
				if _, err := r.night(s); err != nil {
					t.Fatal(err)
				}
				r.now = r.now.Add(c.since)
			}
			row := r.nights[1].Services[0]
			if c.unseen == "" {
				if row.From.After(t0) || len(row.Gaps) > 0 || r.nights[1].ExitCode != exitDone || r.beats != 2 {
					t.Errorf("looked from %v on, gaps %q, exit %d, %d heartbeats; want all since %v", row.From, row.Gaps, r.nights[1].ExitCode, r.beats, t0)
				}
				return
			}
			if d := cmp.Diff([]string{c.unseen}, row.Gaps); d != "" || row.Status != "incomplete" || r.nights[1].ExitCode != exitIncomplete || r.beats != 1 {
				t.Errorf("status %s, exit %d, %d heartbeats; gaps (-want +got)\n%s", row.Status, r.nights[1].ExitCode, r.beats, d)
			}
			// It is said once: no later night can look there.
			r.now = t0.Add(c.since + time.Hour)
			if n, err := r.night(s); err != nil || n.ExitCode != exitDone || r.beats != 2 {
				t.Errorf("the night after: %v, %+v, %d heartbeats", err, n, r.beats)
			}
		})
	}
}

func TestASignalThatFallsSilentIsAGap(t *testing.T) {
	r := newRig(t)
	r.world = func(_ string, from, to time.Time) *finding.Report {
		rep := healthy(from, to)
		if to.After(day(0)) {
			rep.Coverage = rep.Coverage[:1]
		}
		return rep
	}
	for d := range 2 {
		r.now = day(d)
		if _, err := r.night(svc("api")); err != nil {
			t.Fatal(err)
		}
	}
	got := r.nights[1].Services[0].Gaps
	want := []string{"memory: seen until 2026-11-01 03:00 UTC, and not any more"}
	if d := cmp.Diff(want, got); d != "" || r.nights[1].ExitCode != exitIncomplete {
		t.Errorf("exit %d (-want +got)\n%s", r.nights[1].ExitCode, d)
	}
}

func TestAServiceThatFailsIsTriedAgainAndThenSaidToHaveFailed(t *testing.T) {
	r := newRig(t)
	r.world = func(_ string, from, to time.Time) *finding.Report { return healthy(from, to) }
	r.check = func(s string, call int) error {
		if s == "flaky" && call == 1 || s == "down" {
			return errors.New("503 from everywhere")
		}
		return nil
	}
	n, err := r.night(svc("flaky"), svc("down"), svc("fine"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range n.Services {
		got = append(got, s.Service+" "+s.Status)
	}
	if d := cmp.Diff([]string{"flaky ok", "down failed", "fine ok"}, got); d != "" || n.ExitCode != exitIncomplete || r.beats != 0 {
		t.Errorf("exit %d, %d heartbeats (-want +got)\n%s", n.ExitCode, r.beats, d)
	}
	if d := cmp.Diff(map[string]int{"flaky": 2, "down": 3, "fine": 1}, r.calls); d != "" {
		t.Errorf("calls (-want +got)\n%s", d)
	}
	r.check = func(string, int) error { return errors.New("503 from everywhere") }
	if n, err = r.night(svc("down")); err != nil || n.ExitCode != exitFailed {
		t.Errorf("all failed: %v, %v; want exit code 1", n, err)
	}
}

// hopeless is an error that says of itself that trying again cannot help.
type hopeless struct{ error }

func (hopeless) Permanent() bool { return true }

func TestWhatCannotGetBetterIsNotTriedAgain(t *testing.T) {
	passing := errors.New("503 from everywhere")
	for _, c := range []struct {
		err  error
		want int // calls
	}{
		{hopeless{errors.New("an unknown format")}, 1},
		{fmt.Errorf("files: %w", errors.Join(hopeless{errors.New("an unknown format")}, hopeless{errors.New("empty")})), 1},
		{errors.Join(hopeless{errors.New("an unknown format")}, passing), 3},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, 1},
		{&os.PathError{Op: "read", Path: "x", Err: syscall.EIO}, 3},
		{passing, 3},
	} {
		r := newRig(t)
		r.check = func(string, int) error { return c.err }
		n, err := r.night(svc("api"))
		if err != nil || n.ExitCode != exitFailed || r.calls["api"] != c.want || (r.slept > 0) != (c.want > 1) {
			t.Errorf("%v: %v, %d calls, slept %v; want %d", c.err, err, r.calls["api"], r.slept, c.want)
		}
	}
}

func TestAnInterruptedRunGoesOnFromThere(t *testing.T) {
	r := newRig(t)
	r.world = func(_ string, from, to time.Time) *finding.Report {
		return dying(healthy(from, to), "GET /x", finding.Likely, day(0).Add(-time.Hour))
	}
	r.check = func(s string, _ int) error {
		if s == "b" {
			panic(errKilled)
		}
		return nil
	}
	if _, err := r.night(svc("a"), svc("b")); !errors.Is(err, errKilled) {
		t.Fatalf("got %v", err)
	}
	r.check = nil
	n, err := r.night(svc("a"), svc("b"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"b": 1}, r.calls); d != "" {
		t.Errorf("calls after the kill (-want +got)\n%s", d)
	}
	if len(n.Findings) != 2 || n.ExitCode != exitFindings {
		t.Errorf("got %v, exit %d; want both findings", statuses(n), n.ExitCode)
	}
}

func TestRunsThatOverlapArePrevented(t *testing.T) {
	r := newRig(t)
	unlock, err := r.store.lock(t0)
	if err != nil {
		t.Fatal(err)
	}
	r.world = func(_ string, from, to time.Time) *finding.Report { return healthy(from, to) }
	_, err = r.night(svc("api"))
	if _, ok := errors.AsType[*ErrOverlap](err); !ok || !strings.Contains(err.Error(), "process") {
		t.Errorf("got %v, want an overlap that names the other process", err)
	}
	unlock()
	if _, err := r.night(svc("api")); err != nil {
		t.Errorf("after the other run ended: %v", err)
	}
}

func TestAWebhookThatFailsIsTriedTheNextNightAndHoldsTheHeartbeat(t *testing.T) {
	r := newRig(t)
	r.world = func(_ string, from, to time.Time) *finding.Report {
		return dying(healthy(from, to), "GET /x", finding.Likely, day(0).Add(-time.Hour))
	}
	r.post = func() error { return errors.New("502") }
	n, err := r.night(svc("api"))
	if err != nil || n.Complete || n.ExitCode != exitFindings || r.beats != 0 {
		t.Fatalf("%v, %+v, %d heartbeats", err, n, r.beats)
	}
	r.now, r.post = day(1), nil
	n, err = r.night(svc("api"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.posted) != 1 || !strings.HasPrefix(r.postIDs[0], "20261101T030000Z-") || r.beats != 1 || n.ExitCode != exitDone || len(n.Undelivered) != 0 {
		t.Errorf("posted %q with ids %q, %d heartbeats, exit %d; want the message of the first night, once", r.posted, r.postIDs, r.beats, n.ExitCode)
	}
}

func TestNightsOfOneSecondHaveMessagesOfTheirOwn(t *testing.T) {
	ids := map[string]bool{}
	for _, service := range []string{"api", "api", "jobs"} {
		r := newRig(t)
		r.world = func(_ string, from, to time.Time) *finding.Report {
			return dying(healthy(from, to), "GET /x", finding.Likely, day(0).Add(-time.Hour))
		}
		if _, err := r.night(svc(service)); err != nil || len(r.postIDs) != 1 {
			t.Fatalf("%v, posted %q", err, r.posted)
		}
		ids[r.postIDs[0]] = true
	}
	if len(ids) != 3 {
		t.Errorf("three nights with states of their own have the ids %v", ids)
	}
}

func TestADamagedStateFallsBackToTheOneBefore(t *testing.T) {
	r := newRig(t)
	r.world = func(_ string, from, to time.Time) *finding.Report {
		return dying(healthy(from, to), "GET /x", finding.Likely, day(0).Add(-time.Hour))
	}
	for d := range 2 {
		r.now = day(d)
		if _, err := r.night(svc("api")); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(r.store.Dir, stateName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(data, []byte("request_burst"), []byte("request_bursT"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	r.now = day(2)
	n, err := r.night(svc("api"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(n.Notes, "the state file is damaged; the one before it was used") || slices.Contains(statuses(n), "new! api request_burst GET /x") {
		t.Errorf("notes %q, findings %q", n.Notes, statuses(n))
	}
	if err := os.WriteFile(path, []byte(`{"format":"lastcall-nightly","version":9,"sha256":"","state":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.night(svc("api")); err == nil || !strings.Contains(err.Error(), "newer lastcall") {
		t.Errorf("a newer state: %v", err)
	}
}

// TestThirtyNights simulates a month of four services with faults in between, and counts: every real problem told once and in
// time, no false alarm, the heartbeat exactly on complete nights.
func TestThirtyNights(t *testing.T) {
	r := newRig(t)
	at := func(d int, h float64) time.Time { return day(d).Add(time.Duration(h * float64(time.Hour))) }
	leakDeploy := at(8, 5)
	killer := []time.Time{at(5, 6), at(5, 6.2), at(12, 10), at(13, 10), at(20, 4), at(20, 5), at(20, 6), at(20, 7)}
	r.world = func(s string, from, to time.Time) *finding.Report {
		rep := healthy(from, to)
		// Every service is deployed every other day; the platform restarts each container once a day.
		for d := -2; d < 34; d++ {
			if x := at(d, 5); d%2 == 0 && x.After(from) && x.Before(to) {
				rep.Timeline = append(rep.Timeline, finding.Event{Time: x, Kind: "deploy", Text: fmt.Sprintf("Deploy v%d", 300+d)})
			}
			if x := at(d, 7); x.After(from) && x.Before(to) {
				rep.Restarts = append(rep.Restarts, finding.Restart{Time: x, Container: "web-1", Reason: "cycling"})
			}
		}
		switch s {
		case "burst": // a culprit that strikes on four days
			return dying(rep, "GET /export", finding.Likely, killer...)
		case "leak": // leaks from a deploy on, without daily restarts, and is mended by a deploy on day 26
			rep.Restarts = nil
			if to.After(leakDeploy.Add(24*time.Hour)) && to.Before(at(26, 5)) {
				return leaking(rep, "POST /jobs", at(25, 3).Sub(to))
			}
		case "cycled": // grows every day, and is restarted long before the limit
			left := 40 * time.Hour
			leaking(rep, "GET /cache", left)
			rep.Memory[0].From = to.Add(-20 * time.Hour)
			rep.Verdict = finding.Verdict{Cause: finding.None, Grade: finding.Likely}
		case "warm": // warm-up after each deploy, and a cache that fills
			rep.Memory = append(rep.Memory, finding.Memory{Container: "web-1", Shape: finding.ShapePlateau, From: from, To: to})
		}
		return rep
	}
	services := []Service{svc("burst"), svc("leak"), svc("cycled"), svc("warm")}

	outage := map[int]bool{7: true, 14: true}          // Datadog is down
	quota := map[int]bool{3: true, 21: true}           // used up half-way through one service
	killedIn := map[int]string{10: "warm", 17: "leak"} // killed while that service is checked; started again an hour later
	complete, told := 0, map[string][]int{}
	for d := range 31 {
		r.now = day(d)
		switch d {
		case 18: // the clock is a day behind
			r.now = day(d - 1)
		case 23: // and once three days ahead
			r.now = day(d + 3)
		}
		r.check, r.gaps, r.print = nil, nil, nil
		if outage[d] {
			r.check = func(string, int) error { return errors.New("connection refused") }
		}
		if quota[d] {
			r.gaps = func(s string) []string {
				if s == "cycled" {
					return []string{"requests: quota used up"}
				}
				return nil
			}
		}
		if s := killedIn[d]; s != "" {
			r.check = func(x string, _ int) error {
				if x == s {
					panic(errKilled)
				}
				return nil
			}
			if _, err := r.night(services...); !errors.Is(err, errKilled) {
				t.Fatalf("night %d: %v", d, err)
			}
			r.check, r.now = nil, r.now.Add(time.Hour)
		}
		if d == 27 { // the disk is full where the report goes, after the state was saved; the next night tells what this one could not
			r.print = func() error { return errors.New("no space left on device") }
		}
		beats := r.beats
		n, err := r.night(services...)
		if d == 27 {
			if err == nil || r.beats != beats {
				t.Errorf("night %d: %v; a night that could not tell is not complete", d, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("night %d: %v", d, err)
		}
		if n.Complete {
			complete++
		}
		if (r.beats == beats+1) != n.Complete {
			t.Errorf("night %d: complete %v, heartbeat %v", d, n.Complete, r.beats == beats+1)
		}
		if wantComplete := !outage[d] && !quota[d]; n.Complete != wantComplete {
			t.Errorf("night %d: complete %v, want %v (%+v)", d, n.Complete, wantComplete, n.Services)
		}
		for _, f := range n.Findings {
			if f.Reported {
				k := string(f.Status) + " " + f.ID
				told[k] = append(told[k], d)
			}
		}
	}

	for k, days := range told {
		if !strings.Contains(k, " burst ") && !strings.Contains(k, " leak ") {
			t.Errorf("false alarm: %s on nights %v", k, days)
		}
	}
	const burst, leak = "burst request_burst GET /export", "leak request_leak POST /jobs"
	once := func(k string, from, to int) {
		t.Helper()
		if days := told[k]; len(days) != 1 || days[0] < from || days[0] > to {
			t.Errorf("%s: told on nights %v, want once between %d and %d", k, days, from, to)
		}
	}
	once("new "+burst, 6, 6)  // strikes on day 5: told the night after
	once("new "+leak, 18, 19) // seven days before its limit on day 25
	if r.nights[0].Findings == nil || len(r.nights[0].Findings) != 0 {
		t.Errorf("first night: %v", r.nights[0].Findings)
	}
	if len(told["back "+burst]) == 0 {
		t.Errorf("the culprit strikes again after a week of quiet: %v", told)
	}
	st, _, err := r.store.load()
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Outbox) != 0 || st.Pending != nil {
		t.Errorf("left over: outbox %v, pending %v", st.Outbox, st.Pending)
	}
	info, err := os.Stat(filepath.Join(r.store.Dir, stateName))
	if err != nil || info.Size() > 32<<10 {
		t.Errorf("the state after a month: %v, %v; want under 32 KiB", info.Size(), err)
	}
	t.Logf("%d complete nights of 31, told: %v", complete, told)
}

func TestWhatMachinesReadIsWellFormedWhateverTheEvidenceSays(t *testing.T) {
	evil := "GET /<script>alert(1)</script>|`rm`\x1b[31m\x00\u202e]]>&[x](http://e)"
	r := newRig(t)
	r.world = func(_ string, from, to time.Time) *finding.Report {
		return dying(healthy(from, to), evil, finding.Likely, day(0).Add(-time.Hour))
	}
	r.gaps = func(string) []string { return []string{"gap " + evil} }
	n, err := r.night(svc("api"), svc("b"))
	if err != nil {
		t.Fatal(err)
	}
	n.Notes = append(n.Notes, evil)
	var js, junit, md, text bytes.Buffer
	for _, err := range []error{WriteJSON(&js, n), WriteJUnit(&junit, n), WriteMarkdown(&md, n), WriteText(&text, n, 100)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var back Night
	if err := json.Unmarshal(js.Bytes(), &back); err != nil {
		t.Error(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(junit.Bytes(), &suites); err != nil {
		t.Errorf("%v\n%s", err, junit.String())
	}
	if suites.Failures != 2 || suites.Errors != 2 || suites.Tests != 4 {
		t.Errorf("tests %d, failures %d, errors %d; want 4, 2, 2", suites.Tests, suites.Failures, suites.Errors)
	}
	for name, out := range map[string]string{"markdown": md.String(), "text": text.String(), "junit": junit.String()} {
		if strings.ContainsAny(out, "\x1b\x00\u202e") {
			t.Errorf("%s carries control characters:\n%q", name, out)
		}
	}
	if strings.Contains(md.String(), "<script") || strings.Contains(md.String(), "](http") {
		t.Errorf("markdown carries markup:\n%s", md.String())
	}
	for line := range strings.Lines(text.String()) {
		if len([]rune(line)) > 101 {
			t.Errorf("a line of %d columns: %q", len([]rune(line)), line)
		}
	}
}
