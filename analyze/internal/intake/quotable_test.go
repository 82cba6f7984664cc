package intake_test

import (
	"fmt"
	"maps"
	"testing"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// More requests go unanswered than can be cited: those that ran longest can, however many goroutines read them and in whichever order.
func TestOfManyUnansweredRequestsTheLongestMayBeCited(t *testing.T) {
	const (
		many = 350_000
		kept = 100_000
		at   = record.Time(1_795_161_600_000_000_000)
	)
	src := &record.Source{Name: "a.log", Format: "nginx"}
	took := func(i int) record.Time { return record.Time(i*7919%many) * 1e6 }
	read := func(forks int, backwards bool) (paths map[string]int, left int64) {
		first := intake.New(intake.Options{})
		defer first.Close()
		sinks := []record.Sink{first}
		for len(sinks) < forks {
			sinks = append(sinks, first.Fork())
		}
		for n := range many {
			i := n
			if backwards {
				i = many - 1 - n
			}
			end := at + record.Time(i)*1e6
			r := record.Request{Pos: record.Pos{Source: src, Line: int64(i + 1)}, Layer: record.LayerRouter, Phase: record.Completed, Outcome: record.Cut, Status: 502,
				Start: end - took(i), End: end, Method: []byte("GET"), Path: fmt.Appendf(nil, "/x/%d", i), Container: []byte("web-1")}
			if err := sinks[n/1000%len(sinks)].Request(&r); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range sinks[1:] {
			if err := s.Join(); err != nil {
				t.Fatal(err)
			}
		}
		ev, err := first.Finish()
		if err != nil {
			t.Fatal(err)
		}
		paths = map[string]int{}
		for _, d := range ev.Details {
			paths[d.Path]++
		}
		return paths, ev.Left.Details
	}
	want := map[string]int{}
	for i := range many {
		if took(i) >= (many-kept)*1e6 {
			want[fmt.Sprintf("/x/%d", i)] = 1
		}
	}
	for _, c := range []struct {
		forks     int
		backwards bool
	}{{1, false}, {1, true}, {3, false}} {
		if got, left := read(c.forks, c.backwards); !maps.Equal(got, want) || left != many-kept {
			t.Errorf("%+v: %d of %d kept, %d left out", c, len(got), len(want), left)
		}
	}
}
