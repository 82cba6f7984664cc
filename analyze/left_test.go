package analyze_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// tired is a temporary file of which one read fails, the n-th.
type tired struct {
	memorySpool
	n, reads int
}

var errTired = errors.New("the disk is tired")

func (s *tired) ReadAt(b []byte, off int64) (int, error) {
	if s.reads++; s.reads == s.n {
		return 0, errTired
	}
	return s.memorySpool.ReadAt(b, off)
}

// TestNoPassGoesOnWithHalfOfTheRequests: whichever pass it is that cannot read its requests, there is no report that looks whole.
func TestNoPassGoesOnWithHalfOfTheRequests(t *testing.T) {
	report := func(n int) (reads int, err error) {
		spool := &tired{n: n}
		a := analyze.New(analyze.Options{MemoryBytes: 1 << 10, Spool: func() (analyze.Spool, error) { return spool, nil }})
		defer a.Close()
		src := &record.Source{Name: "router.log"}
		q := &record.Request{Layer: record.LayerRouter, Phase: record.Completed, Outcome: record.Answered, Method: []byte("GET"), Status: 200}
		for i := range 20_000 {
			q.Pos = record.Pos{Source: src, Line: int64(i + 1)}
			q.Start = dawn.Add(time.Duration(i) * 500 * time.Millisecond)
			q.End = q.Start.Add(20 * time.Millisecond)
			q.Path, q.Container, q.Outcome = []byte("/a"), fmt.Appendf(nil, "web-%d", i%4), record.Answered
			if i%4000 == 3999 { // open at a death
				q.Path, q.End, q.Outcome = []byte("/export"), q.Start.Add(30*time.Second), record.GaveUp
				container := fmt.Sprintf("web-%d", i%4)
				if err := a.Crash(&record.Crash{Time: q.Start.Add(40 * time.Second), Exited: true, ExitCode: 137, Kind: record.CrashOOMKill, Container: container}); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.Request(q); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Lifecycle(&record.Lifecycle{Kind: record.Maintenance, Time: dawn.Add(time.Hour), End: dawn.Add(time.Hour + 10*time.Minute)}); err != nil {
			t.Fatal(err)
		}
		_, err = a.Report()
		return spool.reads, err
	}
	reads, err := report(0)
	if err != nil || reads == 0 {
		t.Fatal(reads, err)
	}
	for n := 1; n <= reads; n += 1 + reads/200 {
		if _, err := report(n); !errors.Is(err, errTired) {
			t.Fatalf("read %d of %d: %v", n, reads, err)
		}
	}
}

// TestSlowAnswersLeaveRoomForWhatIsCited: what was answered is never cited with its path and caller, however much of it is slow.
func TestSlowAnswersLeaveRoomForWhatIsCited(t *testing.T) {
	if testing.Short() {
		t.Skip("a quarter of a million requests")
	}
	a := analyze.New(analyze.Options{})
	defer a.Close()
	src := &record.Source{Name: "router.log"}
	q := &record.Request{Pos: record.Pos{Source: src}, Layer: record.LayerRouter, Phase: record.Completed, Outcome: record.Answered, Method: []byte("GET"), Path: []byte("/slow"), Container: []byte("web-1"), Status: 200}
	for i := range 250_000 {
		q.Pos.Line++
		q.Start = dawn.Add(time.Duration(i) * 10 * time.Millisecond)
		q.End = q.Start.Add(2 * time.Second)
		if err := a.Request(q); err != nil {
			t.Fatal(err)
		}
	}
	q.Pos.Line++
	q.Path, q.ID, q.User, q.Outcome = []byte("/export?all=1"), []byte("r-1"), []byte("judy"), record.GaveUp
	q.Start = dawn.Add(2500 * time.Second)
	q.End = q.Start.Add(30 * time.Second)
	if err := a.Request(q); err != nil {
		t.Fatal(err)
	}
	if err := a.Crash(&record.Crash{Time: q.End.Add(5 * time.Second), Exited: true, ExitCode: 137, Kind: record.CrashOOMKill, Container: "web-1"}); err != nil {
		t.Fatal(err)
	}
	r, err := a.Report()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Suspects {
		if s.Endpoint == "GET /export" && len(s.Examples) > 0 {
			if x := s.Examples[0]; x.Path != "/export?all=1" || x.RequestID != "r-1" || x.User != "judy" {
				t.Errorf("%+v", x)
			}
			return
		}
	}
	t.Errorf("no example of it: %+v", r.Suspects)
}

// TestReadingsOfSeveralFilesAreNotLost: only what is left out is counted, and each file may hold as much.
func TestReadingsOfSeveralFilesAreNotLost(t *testing.T) {
	if testing.Short() {
		t.Skip("four million readings")
	}
	a := analyze.New(analyze.Options{})
	defer a.Close()
	for f := range 3 {
		s := a.Fork()
		m := &record.Sample{Pos: record.Pos{Source: &record.Source{Name: fmt.Sprint(f)}}, Metric: record.RSS, Container: fmt.Sprint("web-", f)}
		for i := range 1_400_000 {
			m.Time, m.Value = dawn.Add(time.Duration(i)*time.Millisecond), 1e8
			if err := s.Sample(m); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Join(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := a.Report()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range r.Warnings {
		if strings.HasSuffix(w.Code, "_overflow") {
			t.Errorf("%+v", w)
		}
	}
}
