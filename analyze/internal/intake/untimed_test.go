package intake_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// gather gives each request to the fork of its number, joins them in an order, and returns the finished ones by their ends.
func gather(t *testing.T, forks int, back bool, requests []record.Request, fork func(i int) int) (*intake.Evidence, []reqlog.Rec) {
	t.Helper()
	first := intake.New(intake.Options{})
	t.Cleanup(func() { first.Close() })
	sinks := make([]record.Sink, forks)
	for i := range sinks {
		sinks[i] = first.Fork()
	}
	for i := range requests {
		if err := sinks[fork(i)].Request(&requests[i]); err != nil {
			t.Fatal(err)
		}
	}
	if back {
		slices.Reverse(sinks)
	}
	for _, s := range sinks {
		if err := s.Join(); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := first.Finish()
	if err != nil {
		t.Fatal(err)
	}
	var out []reqlog.Rec
	if err := ev.Log.Each(func(p *reqlog.Page) {
		for i := range p.Len() {
			out = append(out, *p.At(i))
		}
	}); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(out, func(a, b reqlog.Rec) int { return reqlog.CompareAll(&a, &b) })
	return ev, out
}

const untimedAt = record.Time(1_795_161_600_000_000_000)

var untimedSource = &record.Source{Name: "a.log", Format: "django-structlog"}

// untimedPair is a start and an end that does not tell how long it took.
func untimedPair(n int, took time.Duration) (start, end record.Request) {
	start = record.Request{
		Pos: record.Pos{Source: untimedSource, Line: int64(2*n + 1)}, Layer: record.LayerApp, Phase: record.Started, Start: untimedAt.Add(time.Duration(n) * time.Second),
		Method: []byte("GET"), Path: []byte("/export"), ID: fmt.Appendf(nil, "r-%d", n), Container: []byte("web-1"),
	}
	end = start
	end.Pos.Line++
	end.Phase, end.Outcome, end.Status, end.Start, end.End = record.Completed, record.Answered, 200, 0, start.Start.Add(took)
	return start, end
}

// TestEndsWithoutADurationTakeTheTimeOfTheirStart, whichever goroutine read it, and whichever came first.
func TestEndsWithoutADurationTakeTheTimeOfTheirStart(t *testing.T) {
	const n = 50
	var lines []record.Request
	for i := range n {
		start, end := untimedPair(i, 3*time.Second)
		lines = append(lines, start, end)
	}
	for name, fork := range map[string]func(i int) int{
		"one goroutine": func(int) int { return 0 }, "starts and ends apart": func(i int) int { return i % 2 }, "dealt": func(i int) int { return i / 3 % 2 },
	} {
		for _, back := range []bool{false, true} {
			for _, newestFirst := range []bool{false, true} {
				in := slices.Clone(lines)
				if newestFirst {
					slices.Reverse(in)
				}
				ev, got := gather(t, 2, back, in, fork)
				if len(got) != n || len(ev.Open) != 0 {
					t.Fatalf("%s: %d finished, %d open", name, len(got), len(ev.Open))
				}
				for i, r := range got {
					if r.End.Sub(r.Start) != 3*time.Second || r.Start != untimedAt.Add(time.Duration(i)*time.Second) {
						t.Errorf("%s, back %v, newest first %v: %d took %v", name, back, newestFirst, i, r.End.Sub(r.Start))
					}
				}
				if x := ev.Finished[record.LayerApp][got[0].Container]; x.First != untimedAt {
					t.Errorf("%s: the first began at %v", name, x.First)
				}
			}
		}
	}
}

func TestEndsKeepTheirTimeWhereTheStartIsNoneOfTheirs(t *testing.T) {
	start, end := untimedPair(0, 3*time.Second)
	for name, change := range map[string]func(start, end *record.Request){
		"another path":     func(_, e *record.Request) { e.Path = []byte("/other") },
		"another layer":    func(_, e *record.Request) { e.Layer = record.LayerRouter },
		"of an older life": func(_, e *record.Request) { e.End = e.End.Add(48 * time.Hour) },
		"a later start":    func(s, _ *record.Request) { s.Start = s.Start.Add(10 * time.Second) },
		"a duration":       func(_, e *record.Request) { e.Start = e.End - 1e9 },
		"no start":         func(s, _ *record.Request) { s.ID = []byte("other") },
	} {
		s, e := start, end
		change(&s, &e)
		want := e.Start
		if want == 0 {
			want = e.End
		}
		for _, apart := range []int{1, 2} {
			_, got := gather(t, 2, false, []record.Request{s, e}, func(i int) int { return i % apart })
			if len(got) != 1 || got[0].Start != want {
				t.Errorf("%s: %+v, want one that began at %v", name, got, want)
			}
		}
	}
}

// TestEndsOfLogsWithoutStartsAreNotHeld: what waits for a start takes memory.
func TestEndsOfLogsWithoutStartsAreNotHeld(t *testing.T) {
	first := intake.New(intake.Options{})
	defer first.Close()
	const n = 5000
	for i := range n {
		_, end := untimedPair(i, time.Second)
		if err := first.Request(&end); err != nil {
			t.Fatal(err)
		}
	}
	if held := intake.Untimed(first); held != 1000 {
		t.Errorf("%d are held", held)
	}
	ev, err := first.Finish()
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	if err := ev.Log.Each(func(p *reqlog.Page) { all += p.Len() }); err != nil || all != n || ev.Left.Paths != 0 {
		t.Errorf("%d finished, %v", all, err)
	}
}

// TestAFileWithoutDurationsGivenTwiceIsOne: its lines are the same, whatever their starts gave to the ends.
func TestAFileWithoutDurationsGivenTwiceIsOne(t *testing.T) {
	var lines []record.Request
	again := &record.Source{Name: "b.log", Format: "django-structlog"}
	for i := range 20 {
		start, end := untimedPair(i, 3*time.Second)
		lines = append(lines, start, end)
		start.Pos.Source, end.Pos.Source = again, again
		lines = append(lines, start, end)
	}
	ev, got := gather(t, 2, false, lines, func(i int) int { return i % 3 % 2 })
	copies := 0
	for _, x := range ev.Again {
		if x {
			copies++
		}
	}
	if copies != 1 || len(got) != 40 || len(ev.Open) != 0 {
		t.Errorf("%d copies, %d finished, %d open", copies, len(got), len(ev.Open))
	}
	for _, r := range got {
		if r.End.Sub(r.Start) != 3*time.Second {
			t.Errorf("one took %v", r.End.Sub(r.Start))
		}
	}
}

// TestAStartIsOfTheEndInItsOwnSource: another file, which goroutines of its own read, tells of the same ends without their starts.
func TestAStartIsOfTheEndInItsOwnSource(t *testing.T) {
	other := &record.Source{Name: "0.log", Format: "django-structlog"}
	const n = 20
	for name, fork := range map[string]func(i int) int{
		"one goroutine a file":           func(i int) int { return i / (2 * n) },
		"starts and ends read by others": func(i int) int { return i%2 + 2*(i/(2*n)) },
	} {
		for _, back := range []bool{false, true} {
			var requests []record.Request
			for i := range n {
				start, end := untimedPair(i, 3*time.Second)
				requests = append(requests, start, end)
			}
			for i := range n {
				_, end := untimedPair(i, 3*time.Second)
				end.Pos.Source, end.Pos.Line = other, int64(i+1)
				requests = append(requests, end)
			}
			ev, out := gather(t, 4, back, requests, fork)
			for _, r := range out {
				want := time.Duration(0)
				if ev.Sources.Name(r.Source) == untimedSource.Name {
					want = 3 * time.Second
				}
				if got := r.End.Sub(r.Start); got != want {
					t.Errorf("%s, back %v: %v of %s, want %v", name, back, got, ev.Sources.Name(r.Source), want)
				}
			}
			if len(out) != 2*n || len(ev.Open) != 0 {
				t.Errorf("%s, back %v: %d ends, %d open", name, back, len(out), len(ev.Open))
			}
		}
	}
}
