package life

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lastcall/collectors/record"
)

// anything draws what sources might say of a small fleet over half an hour, much of it at the same instants.
func anything(t *rapid.T) Input {
	in := Input{End: at(2000)}
	containers := []string{"web-1", "web-2", "worker-1", ""}
	sources := []*record.Source{appLog, platform, events, kubectl, nil}
	instant := func() record.Time { return at(float64(rapid.IntRange(0, 180).Draw(t, "instant")) * 10) }
	pick := func(s []string) string { return rapid.SampledFrom(s).Draw(t, "pick") }
	ids := []string{"", "", idA, idB, idAShort, "4711"}
	for range rapid.IntRange(0, 25).Draw(t, "crashes") {
		in.Crashes = append(in.Crashes, record.Crash{
			Pos: record.Pos{Source: rapid.SampledFrom(sources).Draw(t, "source"), Line: int64(rapid.IntRange(0, 3).Draw(t, "line"))}, Time: instant(),
			Kind: rapid.SampledFrom([]record.CrashKind{record.CrashOther, record.CrashOther, record.CrashHeapLimit, record.CrashException, record.CrashOOMKill,
				record.CrashExit, record.CrashSigterm, record.CrashHealthCheck, record.CrashSegfault, record.CrashAbort}).Draw(t, "kind"),
			Exited: rapid.Bool().Draw(t, "exited"), ExitCode: rapid.SampledFrom([]int{-1, 0, 1, 134, 137, 143}).Draw(t, "code"), Signal: pick([]string{"", "SIGKILL", "SIGABRT"}),
			Container: pick(containers), Instance: pick(ids), Version: pick([]string{"", "v1"}), Host: pick([]string{"", "h1", "h2"}), Text: pick([]string{"", "text", "other"}),
			Uptime: time.Duration(rapid.IntRange(0, 2).Draw(t, "uptime")) * time.Minute})
	}
	kinds := []record.LifecycleKind{record.Starting, record.Starting, record.Up, record.Stopping, record.Stopped, record.Restarting, record.Cycling, record.Deploy,
		record.Maintenance, record.HealthCheckFailed, record.Unreachable, record.MemoryPressure, record.Scale}
	for range rapid.IntRange(0, 25).Draw(t, "events") {
		e := record.Lifecycle{Pos: record.Pos{Source: rapid.SampledFrom(sources).Draw(t, "source"), Line: int64(rapid.IntRange(0, 3).Draw(t, "line"))}, Time: instant(),
			Kind: rapid.SampledFrom(kinds).Draw(t, "event"), ExitCode: -1, Container: pick(containers), Instance: pick(ids), Version: pick([]string{"", "v1", "v2"}),
			Reason: pick([]string{"", "deploy", "scale down"}), Text: pick([]string{"", "text"})}
		if e.Kind == record.Maintenance {
			e.End = e.Time.Add(time.Minute)
		}
		in.Events = append(in.Events, e)
	}
	for range rapid.IntRange(0, 8).Draw(t, "seen") {
		a, b := instant(), instant()
		in.Seen = append(in.Seen, Seen{pick(containers), pick(ids), min(a, b), max(a, b)})
	}
	for range rapid.IntRange(0, 1).Draw(t, "planned") {
		a := instant()
		in.Planned = append(in.Planned, Span{a, a.Add(2 * time.Minute)})
	}
	return in
}

func TestTheResultDoesNotDependOnTheOrderOfTheInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anything(t)
		want := Analyze(in)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range 3 {
			mixed := Input{End: in.End, Planned: in.Planned, Crashes: slices.Clone(in.Crashes), Events: slices.Clone(in.Events), Seen: slices.Clone(in.Seen)}
			rng.Shuffle(len(mixed.Crashes), func(i, j int) { mixed.Crashes[i], mixed.Crashes[j] = mixed.Crashes[j], mixed.Crashes[i] })
			rng.Shuffle(len(mixed.Events), func(i, j int) { mixed.Events[i], mixed.Events[j] = mixed.Events[j], mixed.Events[i] })
			rng.Shuffle(len(mixed.Seen), func(i, j int) { mixed.Seen[i], mixed.Seen[j] = mixed.Seen[j], mixed.Seen[i] })
			if diff := cmp.Diff(want, Analyze(mixed)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func TestTheInputIsNotTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anything(t)
		before := fmt.Sprintf("%+v", in)
		Analyze(in)
		if fmt.Sprintf("%+v", in) != before {
			t.Fatal("changed")
		}
	})
}

func TestAFileGivenTwiceTellsOfNothingNew(t *testing.T) {
	copies := map[*record.Source]*record.Source{nil: nil}
	for _, s := range []*record.Source{appLog, platform, events, kubectl} {
		copies[s] = &record.Source{Name: "copy of " + s.Name}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := anything(t)
		// One source, complete in itself: what tells and what only seems to tell apart is not the question here.
		for i := range in.Crashes {
			c := &in.Crashes[i]
			c.Pos.Source = platform
			c.Instance = "" // of two lives at one instant, to which does a line without an id belong?
			if !c.Exited {
				c.ExitCode = -1
			}
		}
		for i := range in.Events {
			in.Events[i].Pos.Source = platform
		}
		twice := Input{End: in.End, Planned: in.Planned, Seen: append(slices.Clone(in.Seen), in.Seen...)}
		twice.Crashes, twice.Events = slices.Clone(in.Crashes), slices.Clone(in.Events)
		for _, c := range in.Crashes {
			c.Pos.Source = copies[c.Pos.Source]
			twice.Crashes = append(twice.Crashes, c)
		}
		for _, e := range in.Events {
			e.Pos.Source = copies[e.Pos.Source]
			twice.Events = append(twice.Events, e)
		}
		a, b := Analyze(in), Analyze(twice)
		if ends(a) != ends(b) || spans(a) != spans(b) || len(a.Deploys) != len(b.Deploys) {
			t.Fatalf("once   %s\n       %s\ntwice  %s\n       %s", ends(a), spans(a), ends(b), spans(b))
		}
	})
}

func TestShiftedTimesShiftTheResultOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anything(t)
		by := time.Duration(rapid.Int64Range(-1e18, 1e18).Draw(t, "by"))
		shifted := Input{End: in.End.Add(by)}
		for _, c := range in.Crashes {
			c.Time = c.Time.Add(by)
			shifted.Crashes = append(shifted.Crashes, c)
		}
		for _, e := range in.Events {
			e.Time, e.End = e.Time.Add(by), e.End.Add(by)
			shifted.Events = append(shifted.Events, e)
		}
		for _, s := range in.Seen {
			shifted.Seen = append(shifted.Seen, Seen{s.Container, s.Instance, s.First.Add(by), s.Last.Add(by)})
		}
		for _, p := range in.Planned {
			shifted.Planned = append(shifted.Planned, Span{p.From.Add(by), p.To.Add(by)})
		}
		a, b := Analyze(in), Analyze(shifted)
		back := cmp.Transformer("back", func(t record.Time) int64 { return int64(t) })
		for i := range b.Deaths {
			d := &b.Deaths[i]
			d.Time, d.First = d.Time.Add(-by), d.First.Add(-by)
			for k := range d.Signs {
				d.Signs[k].Time = d.Signs[k].Time.Add(-by)
			}
		}
		for i := range b.Restarts {
			b.Restarts[i].Time = b.Restarts[i].Time.Add(-by)
		}
		for i := range b.Lives {
			b.Lives[i].Start, b.Lives[i].End = b.Lives[i].Start.Add(-by), b.Lives[i].End.Add(-by)
		}
		for i := range b.Deploys {
			b.Deploys[i].Time = b.Deploys[i].Time.Add(-by)
		}
		a.Planned, b.Planned = nil, nil
		if diff := cmp.Diff(a, b, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestWhatEveryResultHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anything(t)
		r := Analyze(in)
		last := record.Time(0)
		used := map[int]int{}
		for i := range r.Deaths {
			d := &r.Deaths[i]
			if d.Index != i || d.Time < last || d.First > d.Time || len(d.Signs) == 0 || d.Container == "" || d.Kind == record.CrashSigterm {
				t.Fatalf("death %+v", d)
			}
			last = d.Time
			used[i] = 0
		}
		last = 0
		for _, s := range r.Restarts {
			if s.Time < last || s.Reason == "" || s.Container == "" {
				t.Fatalf("restart %+v", s)
			}
			last = s.Time
		}
		for i, l := range r.Lives {
			if l.End < l.Start {
				t.Fatalf("life %+v ends before it begins", l)
			}
			if l.Death >= 0 {
				used[l.Death]++
				if l.Planned || r.Deaths[l.Death].Container != l.Container || r.Deaths[l.Death].Time != l.End {
					t.Fatalf("life %+v of death %+v", l, r.Deaths[l.Death])
				}
			}
			if i > 0 && r.Lives[i-1].Container == l.Container && l.Start < r.Lives[i-1].End {
				t.Fatalf("lives overlap: %+v, %+v", r.Lives[i-1], l)
			}
		}
		for d, n := range used {
			if n != 1 {
				t.Fatalf("death %d ended %d lives", d, n)
			}
		}
	})
}

func TestLargeInputsTakeSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	for _, c := range []struct {
		name string
		in   func() Input
	}{
		{"a hundred thousand logged exceptions", func() Input {
			in := Input{End: at(1e6)}
			for i := range 100_000 {
				in.Crashes = append(in.Crashes, record.Crash{Pos: record.Pos{Source: appLog, Line: int64(i)}, Time: at(float64(i) / 10), Kind: record.CrashException, ExitCode: -1, Container: "web-1"})
			}
			return in
		}},
		{"a hundred thousand signs of one death", func() Input {
			in := Input{End: at(1e6)}
			for i := range 100_000 {
				in.Crashes = append(in.Crashes, record.Crash{Pos: record.Pos{Source: appLog, Line: int64(i)}, Time: at(float64(i) / 2000), Kind: record.CrashHeapLimit, ExitCode: -1, Container: "web-1"})
			}
			return in
		}},
		{"a crash loop of twenty thousand deaths", func() Input {
			s := tell()
			for i := range 20_000 {
				s.event(float64(i)*100, record.HealthCheckFailed).exit(platform, float64(i)*100+20, 137).event(float64(i)*100+25, record.Starting).event(float64(i)*100+30, record.Stopped)
			}
			return s.in
		}},
		{"fifty thousand containers, each replaced by another", func() Input {
			s := tell()
			for i := range 50_000 {
				name := fmt.Sprintf("web-%d", i)
				s.event(float64(i), record.Starting).but(func(e *record.Lifecycle) { e.Container = name })
				s.exit(platform, float64(i)+100, 143+(i%2)*-6).of(name)
				s.in.Seen = append(s.in.Seen, Seen{name, "", at(float64(i)), at(float64(i) + 90)})
			}
			return s.in
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.in()
			begun := time.Now()
			Analyze(in)
			if d := time.Since(begun); d > 10*time.Second {
				t.Errorf("took %v", d)
			} else {
				t.Logf("took %v", d)
			}
		})
	}
}
