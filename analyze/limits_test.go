package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// A fleet beyond all bounds is looked at in part: those that died, then those that serve, then the others; the last deaths; and it is
// said how much was left out. Which part does not depend on the order of the evidence.
func TestAFleetBeyondAllBoundsIsLookedAtInPart(t *testing.T) {
	const others, deaths, dead = 12_000, 5_000, 50
	src := &record.Source{Name: "evidence", Format: "metrics-csv"}
	type put func(s record.Sink) error
	var all []put
	for i := range others {
		all = append(all, func(s record.Sink) error {
			return s.Sample(&record.Sample{Pos: record.Pos{Source: src, Line: int64(i + 1)}, Time: dawn.Add(time.Duration(i) * time.Millisecond), Metric: record.RSS, Value: 1e8, Container: fmt.Sprintf("a-%05d", i)})
		})
	}
	for i := range deaths { // names that come last, two minutes apart on each, which makes each a death of its own
		all = append(all, func(s record.Sink) error {
			return s.Crash(&record.Crash{Pos: record.Pos{Source: src, Line: int64(i + 1)}, Time: dawn.Add(time.Duration(i/dead) * 2 * time.Minute).Add(time.Duration(i%dead) * time.Second),
				Exited: true, ExitCode: 137, Kind: record.CrashOOMKill, Container: fmt.Sprintf("z-%02d", i%dead)})
		})
	}
	all = append(all, func(s record.Sink) error {
		at := dawn.Add(time.Minute)
		return s.Request(&record.Request{Pos: record.Pos{Source: src, Line: 1}, Layer: record.LayerRouter, Outcome: record.Answered, Start: at, End: at.Add(time.Second), Status: 200,
			Method: []byte("GET"), Path: []byte("/a"), Container: []byte("y-serves")})
	})
	type seen struct {
		Died, Crashes  int
		First          string
		Counted        bool
		Deaths, Fleets int64
	}
	look := func(order []put) seen {
		a := analyze.New(analyze.Options{})
		defer a.Close()
		for _, f := range order {
			if err := f(a); err != nil {
				t.Fatal(err)
			}
		}
		r, err := a.Report()
		if err != nil {
			t.Fatal(err)
		}
		died := map[string]bool{}
		for _, c := range r.Crashes {
			died[c.Container] = true
		}
		x := seen{Died: len(died), Crashes: len(r.Crashes), First: r.Crashes[0].Time.Format(time.TimeOnly)}
		x.Counted = r.Impact.Requests == 1
		for _, w := range r.Warnings {
			switch w.Code {
			case "death_overflow":
				x.Deaths = w.Count
			case "container_overflow":
				x.Fleets = w.Count
			}
		}
		return x
	}
	want := seen{Died: dead, Crashes: 4000, First: dawn.Add(1000 / dead * 2 * time.Minute).Std().Format(time.TimeOnly), Counted: true, Deaths: 1000, Fleets: others + dead + 1 - 10_000}
	if diff := cmp.Diff(want, look(all)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	mixed := slices.Clone(all)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	if diff := cmp.Diff(want, look(mixed)); diff != "" {
		t.Errorf("in another order (-want +got)\n%s", diff)
	}
}
