package life

import (
	"fmt"
	"testing"
	"time"

	"lastcall/collectors/record"
)

// TestAStartThatKubernetesTellsOfEndsWhatHadRequestsOpen: the application's own line of the same start comes seconds later, or not at all.
func TestAStartThatKubernetesTellsOfEndsWhatHadRequestsOpen(t *testing.T) {
	started := func(s float64) record.Lifecycle {
		return record.Lifecycle{Time: at(s), Kind: record.Up, Reason: "Started", Container: "web-1", ExitCode: -1, Text: "Started container web"}
	}
	starting := func(s float64) record.Lifecycle {
		e := started(s)
		e.Kind, e.Reason = record.Starting, "Created"
		return e
	}
	listens := func(s float64) record.Lifecycle {
		return record.Lifecycle{Time: at(s), Kind: record.Up, Reason: record.Listening, Container: "web-1", ExitCode: -1, Text: "listening on port 8080"}
	}
	open := []record.Time{at(2900), at(2950), at(2990)}
	for name, c := range map[string]struct {
		events        []record.Lifecycle
		open          []record.Time
		deaths, again int
		at            float64
	}{
		"it alone":                              {[]record.Lifecycle{started(0), started(3000)}, open, 1, 0, 3000},
		"both":                                  {[]record.Lifecycle{started(0), listens(4), started(3000), listens(3004)}, open, 1, 0, 3000},
		"both, from the second start on":        {[]record.Lifecycle{listens(4), starting(3000), started(3000), listens(3004)}, open, 1, 0, 3000},
		"with nothing open":                     {[]record.Lifecycle{started(0), listens(4), started(3000), listens(3004)}, nil, 0, 1, 0},
		"of an end that another source told of": {[]record.Lifecycle{started(0), {Time: at(2999), Kind: record.Stopping, Container: "web-1", ExitCode: -1}, started(3000)}, open, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := Analyze(Input{Events: c.events, Seen: []Seen{{Container: "web-1", First: at(1), Last: at(7000)}}, Unfinished: map[string][]record.Time{"web-1": c.open}, End: at(7200)})
			again := 0
			for i := range r.Restarts {
				if r.Restarts[i].Again {
					again++
				}
			}
			if len(r.Deaths) != c.deaths || again != c.again {
				t.Fatalf("%d deaths, %d started again: %+v %+v", len(r.Deaths), again, r.Deaths, r.Restarts)
			}
			if c.deaths > 0 && at(c.at).Sub(r.Deaths[0].Time) != time.Millisecond {
				t.Errorf("died at %v, want just before %v", r.Deaths[0].Time, at(c.at))
			}
		})
	}
}

// Only the applications' own logs: a line when a server listens, and requests that begin and end.
func TestAnApplicationThatListensAgainHasEnded(t *testing.T) {
	listens := func(times map[string][]float64) (out []record.Lifecycle) {
		for c, of := range times {
			for _, s := range of {
				out = append(out, record.Lifecycle{Time: at(s), Kind: record.Up, Reason: record.Listening, Container: c, ExitCode: -1, Text: "listening on port 8080"})
			}
		}
		return out
	}
	open := func(times map[string][]float64) map[string][]record.Time {
		out := map[string][]record.Time{}
		for c, of := range times {
			for _, s := range of {
				out[c] = append(out[c], at(s))
			}
		}
		return out
	}
	fleet := func(in *Input, n int) {
		for i := range n {
			in.Seen = append(in.Seen, Seen{Container: fmt.Sprintf("web-%d", i+1), First: at(1), Last: at(7000)})
		}
	}
	type times = map[string][]float64
	for name, c := range map[string]struct {
		listens, open times
		change        func(*Input)
		deaths, again int
	}{
		"a start":                              {times{"web-1": {0}}, nil, nil, 0, 0},
		"two ports of one start":               {times{"web-1": {0, 4, 20}}, nil, nil, 0, 0},
		"a start in the middle of its log":     {times{"web-1": {3000}}, nil, nil, 0, 1},
		"again, with nothing open":             {times{"web-1": {0, 3000}}, nil, nil, 0, 1},
		"again, with requests broken off":      {times{"web-1": {0, 3000}}, times{"web-1": {2900, 2950, 2990}}, nil, 1, 0},
		"again, with one request broken off":   {times{"web-1": {0, 3000}}, times{"web-1": {2990}}, nil, 0, 1},
		"one broken off at each of three ends": {times{"web-1": {0, 3000, 5000}, "web-2": {0, 1000}}, times{"web-1": {2990, 4990}, "web-2": {960}}, nil, 3, 0},
		"one broken off at one of three ends":  {times{"web-1": {0, 3000, 5000}, "web-2": {0, 1000}}, times{"web-1": {2990}}, nil, 0, 3},
		"a log that loses ends anyway": {times{"web-1": {0, 3000}}, times{"web-1": {100, 300, 500, 700, 900, 1100, 1300, 1500, 1700, 1900, 2100, 2300, 2500, 2690,
			2800, 2900, 2990}}, nil, 0, 1},
		"requests broken off long before":    {times{"web-1": {0, 3000}}, times{"web-1": {2000, 2001, 2002}}, nil, 0, 1},
		"requests of the log's end":          {times{"web-1": {0}}, times{"web-1": {6990, 6995, 6999}}, nil, 0, 0},
		"all replaced in turn, connections":  {times{"web-1": {0, 3000}, "web-2": {0, 3060}, "web-3": {0, 3120}}, times{"web-1": {2990, 2991, 2992}, "web-2": {3050, 3051, 3052}, "web-3": {3110, 3111, 3112}}, nil, 0, 3},
		"two of three one after the other":   {times{"web-1": {0, 3000}, "web-2": {0, 3400}, "web-3": {0}}, times{"web-1": {2990, 2991, 2992}, "web-2": {3390, 3391, 3392}}, nil, 2, 0},
		"two deploys that replaced them all": {times{"web-1": {0, 3000, 5000}, "web-2": {0, 3060, 5060}}, times{"web-1": {2990, 2991, 2992, 4990, 4991, 4992}, "web-2": {3050, 3051, 3052, 5050, 5051, 5052}}, nil, 0, 4},
		"after a deploy that a source tells of": {times{"web-1": {0, 3000}}, times{"web-1": {2990, 2991, 2992}}, func(in *Input) {
			in.Events = append(in.Events, record.Lifecycle{Time: at(2900), Kind: record.Deploy, Version: "v2"})
		}, 0, 0},
		"asked to stop": {times{"web-1": {0, 3000}}, times{"web-1": {2990, 2991, 2992}}, func(in *Input) {
			in.Events = append(in.Events, record.Lifecycle{Time: at(2980), Kind: record.Stopping, Container: "web-1", ExitCode: -1})
		}, 0, 0},
		"a death that a source tells of": {times{"web-1": {0, 3000}}, times{"web-1": {2990, 2991, 2992}}, func(in *Input) {
			in.Crashes = append(in.Crashes, record.Crash{Time: at(2995), Kind: record.CrashOOMKill, Exited: true, ExitCode: 137, Container: "web-1"})
		}, 1, 0},
		"another instance was seen to follow": {times{"web-1": {0, 3000}}, times{"web-1": {2990, 2991, 2992}}, func(in *Input) {
			in.Seen = append(in.Seen, Seen{"web-1", "17", at(1), at(2992)}, Seen{"web-1", "23", at(3000), at(7000)})
		}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Events: listens(c.listens), Unfinished: open(c.open), End: at(7200)}
			fleet(&in, max(len(c.listens), 1))
			if c.change != nil {
				c.change(&in)
			}
			r := Analyze(in)
			again := 0
			for _, s := range r.Restarts {
				if s.Again {
					again++
				}
			}
			if len(r.Deaths) != c.deaths || again != c.again {
				t.Errorf("%d deaths and %d ends that nobody tells of, want %d and %d", len(r.Deaths), again, c.deaths, c.again)
			}
			if c.change == nil && r.Told {
				t.Error("the lines of an application tell of no death")
			}
		})
	}
}
