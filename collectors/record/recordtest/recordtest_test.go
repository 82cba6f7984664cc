package recordtest_test

import (
	"sync"
	"testing"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestSinkKeepsDeepCopiesOfReusedRecords(t *testing.T) {
	var s recordtest.Sink
	path := []byte("/a")
	r := record.Request{Path: path, End: 1}
	if err := s.Request(&r); err != nil {
		t.Fatal(err)
	}
	copy(path, "/b")
	r.End = 2
	if got := s.Requests[0]; string(got.Path) != "/a" || got.End != 1 {
		t.Fatalf("kept %+v, want the record as it was at the call", got)
	}
}

func TestForksOfSeveralGoroutinesJoinIntoTheRoot(t *testing.T) {
	var s recordtest.Sink
	var wg sync.WaitGroup
	for w := range 8 {
		f := s.Fork()
		wg.Go(func() {
			for i := range 10 {
				_ = f.Request(&record.Request{End: 1, Pos: record.Pos{Line: int64(w*10 + i)}})
			}
			if err := f.Join(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.Sort()
	if len(s.Requests) != 80 || s.OpenForks() != 0 {
		t.Fatalf("%d requests, %d forks open, want 80 and 0", len(s.Requests), s.OpenForks())
	}
	for i, r := range s.Requests {
		if r.Pos.Line != int64(i) {
			t.Fatalf("line %d at %d after Sort", r.Pos.Line, i)
		}
	}
}

func TestSecondJoinOfAForkIsAnError(t *testing.T) {
	var s recordtest.Sink
	f := s.Fork()
	if err := f.Join(); err != nil {
		t.Fatal(err)
	}
	if err := f.Join(); err == nil {
		t.Fatal("second Join gave no error")
	}
}
