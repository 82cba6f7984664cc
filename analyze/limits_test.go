package analyze_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze"
	"lastcall/analyze/finding"
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
	seenIn := func(order []put) seen {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			for _, f := range order {
				if err := f(s); err != nil {
					t.Fatal(err)
				}
			}
		})
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
	if diff := cmp.Diff(want, seenIn(all)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	mixed := slices.Clone(all)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	if diff := cmp.Diff(want, seenIn(mixed)); diff != "" {
		t.Errorf("in another order (-want +got)\n%s", diff)
	}
}

// look gives records to an Analyzer and returns its report.
func look(t *testing.T, opts analyze.Options, give func(s record.Sink)) *finding.Report {
	t.Helper()
	a := analyze.New(opts)
	defer a.Close()
	give(a)
	r, err := a.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// served gives one request of the router's.
func served(t *testing.T, s record.Sink, src *record.Source, line int64, container, path, id string, start record.Time, dur time.Duration, out record.Outcome) {
	t.Helper()
	if err := s.Request(&record.Request{Pos: record.Pos{Source: src, Line: line}, Layer: record.LayerRouter, Outcome: out, Start: start, End: start.Add(dur), Status: 200,
		Method: []byte("GET"), Path: []byte(path), Container: []byte(container), ID: []byte(id)}); err != nil {
		t.Fatal(err)
	}
}

func killed(container string, at record.Time) *record.Crash {
	return &record.Crash{Time: at, Exited: true, ExitCode: 137, Kind: record.CrashOOMKill, Container: container}
}

// Records that tell of no death must not push out those that do.
func TestNoiseDoesNotPushOutDeaths(t *testing.T) {
	r := look(t, analyze.Options{}, func(s record.Sink) {
		for i := range 3 {
			_ = s.Crash(killed("web-1", dawn.Add(time.Duration(10+10*i)*time.Minute)))
		}
		for i := range 10_000 {
			_ = s.Crash(&record.Crash{Time: dawn.Add(time.Hour + time.Duration(i)*2*time.Second), ExitCode: -1, Kind: record.CrashException, Container: "worker-1", Text: "panic: recovered"})
			_ = s.Lifecycle(&record.Lifecycle{Time: dawn.Add(time.Hour + time.Duration(i)*4*time.Second), Kind: record.MemoryPressure, Container: "web-2", ExitCode: -1})
		}
	})
	if len(r.Crashes) != 3 {
		t.Errorf("%d crashes, want 3", len(r.Crashes))
	}
}

func TestContainersThatAreLeftOutAreLeftOutOfAllCounts(t *testing.T) {
	src := &record.Source{Name: "router.log", Format: "scalingo-router"}
	r := look(t, analyze.Options{}, func(s record.Sink) {
		for i := range 24_000 {
			served(t, s, src, int64(i+1), fmt.Sprintf("web-%05d", i%12_000), "/a", "", dawn.Add(time.Duration(i)*10*time.Millisecond), time.Second, record.Answered)
		}
		_ = s.Lifecycle(&record.Lifecycle{Time: dawn.Add(time.Minute), Kind: record.Unreachable, Container: "zz-lost", ExitCode: -1})
	})
	// The lost one is looked at, although it served nothing and its name comes last.
	if r.Impact.Requests != 2*9_999 || len(r.Crashes) != 1 || r.Crashes[0].Container != "zz-lost" {
		t.Errorf("%d requests, crashes %+v", r.Impact.Requests, r.Crashes)
	}
}

// Requests without a container are of the only one that there is; one that is only seen outside of the window is one as well.
func TestAWindowDoesNotMakeAContainerTheOnlyOne(t *testing.T) {
	src := &record.Source{Name: "router.log", Format: "scalingo-router"}
	r := look(t, analyze.Options{From: dawn, To: dawn.Add(10 * time.Minute)}, func(s record.Sink) {
		for i := range 600 {
			served(t, s, src, int64(i+1), "", "/a", "", dawn.Add(time.Duration(i)*time.Second), time.Second, record.Answered)
		}
		served(t, s, src, 700, "", "/b", "", dawn.Add(295*time.Second), 5*time.Second, record.Cut)
		_ = s.Crash(killed("web-1", dawn.Add(5*time.Minute)))
		_ = s.Lifecycle(&record.Lifecycle{Time: dawn.Add(-4 * time.Minute), Kind: record.Up, Container: "web-2", ExitCode: -1})
	})
	if !slices.ContainsFunc(r.Warnings, func(w finding.Warning) bool { return w.Code == "no_container" && w.Count == 601 }) {
		t.Errorf("warnings %+v", r.Warnings)
	}
}

// Logs that overlap hold a line twice: which of the two is cited must not depend on which came first.
func TestWhichCopyOfALineIsCitedDoesNotDependOnTheOrder(t *testing.T) {
	a, b := &record.Source{Name: "a.log", Format: "scalingo-router"}, &record.Source{Name: "b.log", Format: "scalingo-router"}
	for name, lineInB := range map[string]int64{"with another number": 52, "with the same number": 500} {
		report := func(order ...*record.Source) string {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				for _, src := range order {
					f := s.Fork()
					line := int64(500)
					if src == b {
						line = lineInB
					}
					for i := range 200 {
						served(t, f, src, int64(i+1), "web-1", "/ok", fmt.Sprint(src.Name, i), dawn.Add(time.Duration(i)*time.Second+time.Duration(line)), 50*time.Millisecond, record.Answered)
					}
					served(t, f, src, line, "web-1", "/killer", "same", dawn.Add(195*time.Second), 8*time.Second, record.Cut)
					if err := f.Join(); err != nil {
						t.Fatal(err)
					}
				}
				_ = s.Crash(killed("web-1", dawn.Add(203*time.Second)))
			})
			out, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(out, []byte("/killer")) {
				t.Fatal("the line is not cited at all")
			}
			return string(out)
		}
		if diff := cmp.Diff(report(a, b), report(b, a)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
