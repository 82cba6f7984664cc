package intake_test

import (
	"testing"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// TestForksGatherOneEvidence: a start that one goroutine reads gives its path to the end that another one reads, and sources are numbered by
// their names, whichever of the two joins first.
func TestForksGatherOneEvidence(t *testing.T) {
	const at = record.Time(1_795_161_600_000_000_000)
	starts, ends := &record.Source{Name: "b.log", Format: "pino"}, &record.Source{Name: "a.log", Format: "pino"}
	for _, endsFirst := range []bool{false, true} {
		first := intake.New(intake.Options{})
		defer first.Close()
		one, other := first.Fork(), first.Fork()
		start := record.Request{Pos: record.Pos{Source: starts, Line: 1}, Layer: record.LayerApp, Phase: record.Started, Start: at,
			Method: []byte("GET"), Path: []byte("/export"), ID: []byte("r-1"), Container: []byte("web-1")}
		end := record.Request{Pos: record.Pos{Source: ends, Line: 1}, Layer: record.LayerApp, Phase: record.Completed, Outcome: record.Answered, End: at + 1e9, Status: 200,
			ID: []byte("r-1"), Container: []byte("web-1")}
		open := start
		open.ID, open.Pos.Line = []byte("r-2"), 2
		for _, err := range []error{one.Request(&start), one.Request(&open), other.Request(&end)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		join := []record.Sink{one, other}
		if endsFirst {
			join[0], join[1] = other, one
		}
		for _, s := range join {
			if err := s.Join(); err != nil {
				t.Fatal(err)
			}
		}
		ev, err := first.Finish()
		if err != nil {
			t.Fatal(err)
		}
		var finished []reqlog.Rec
		if err := ev.Log.Each(func(p *reqlog.Page) {
			for i := range p.Len() {
				finished = append(finished, *p.At(i))
			}
		}); err != nil {
			t.Fatal(err)
		}
		if len(finished) != 1 || ev.Sources.Name(finished[0].Source) != "a.log" || ev.Containers[finished[0].Container] != "web-1" || ev.Left.Paths != 0 {
			t.Errorf("ends first %v: %+v of sources %v, %d without a path", endsFirst, finished, ev.Sources, ev.Left.Paths)
		}
		if len(ev.Open) != 1 || ev.Starts != 2 {
			t.Errorf("ends first %v: %d open of %d starts", endsFirst, len(ev.Open), ev.Starts)
		}
		for k, open := range ev.Open {
			if len(finished) == 1 && (len(open) != 1 || open[0].Endpoint != finished[0].Endpoint || k != intake.KeyOf(&open[0])) {
				t.Errorf("ends first %v: %+v is open, %+v ended", endsFirst, open, finished)
			}
		}
	}
}

// TestRequestsThatAreRefusedAreCounted: of whatever goroutine.
func TestRequestsThatAreRefusedAreCounted(t *testing.T) {
	src := &record.Source{Name: "a.log", Format: "nginx"}
	first := intake.New(intake.Options{})
	defer first.Close()
	for i, status := range []int{200, 404, 403, 500, 404, 502} {
		out := record.Answered
		if status == 502 {
			out = record.Cut
		}
		fork := first.Fork()
		r := record.Request{Pos: record.Pos{Source: src, Line: int64(i + 1)}, Layer: record.LayerRouter, Phase: record.Completed, Outcome: out, Status: status,
			Start: 1_795_161_600_000_000_000, End: 1_795_161_600_000_000_001, Method: []byte("GET"), Path: []byte("/a"), Container: []byte("web-1")}
		if err := fork.Request(&r); err != nil {
			t.Fatal(err)
		}
		if err := fork.Join(); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := first.Finish()
	if err != nil {
		t.Fatal(err)
	}
	var finished, refused int32
	for _, x := range ev.Tallies {
		if x != nil {
			for _, n := range x.Counts {
				finished += n
			}
			for _, n := range x.Refused {
				refused += n
			}
		}
	}
	if finished != 6 || refused != 3 {
		t.Errorf("%d finished, %d refused", finished, refused)
	}
}
