package analyze_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// TestAContainerIsKnownByItsBrokenConnections: requests name addresses, deaths name pods, and nothing ties the two but time.
func TestAContainerIsKnownByItsBrokenConnections(t *testing.T) {
	own := func(d int) []int { return []int{d % 2} }
	for name, c := range map[string]struct {
		deaths    int
		brokeWith func(death int) []int // the addresses whose connections break at a death
		after     time.Duration         // of the break, from the death
		also      time.Duration         // another death, before the log begins
		often     bool                  // connections to the first address break every few minutes
		names     string                // of what the requests name, with its number
		single    bool                  // only one connection breaks at each death
		machine   bool                  // deaths name a process and its machine
		own       bool                  // the application logs what it answered under the names of those that die
		unhealthy bool                  // they are killed because they fail their health checks, and no crash is told
		tied      bool
	}{
		"each at its own deaths":              {deaths: 4, brokeWith: own, tied: true},
		"and one before the log":              {deaths: 4, brokeWith: own, also: 5 * time.Hour, tied: true},
		"all of them, as at a deploy":         {deaths: 4, brokeWith: func(int) []int { return []int{0, 1, 2} }},
		"one at the deaths of two":            {deaths: 4, brokeWith: func(int) []int { return []int{0} }},
		"another one at the second time":      {deaths: 4, brokeWith: func(d int) []int { return []int{[]int{0, 1, 2, 0}[d]} }},
		"none":                                {deaths: 4, brokeWith: func(int) []int { return nil }},
		"two deaths may be chance":            {deaths: 2, brokeWith: own},
		"restarted because it died":           {deaths: 4, brokeWith: own, after: 20 * time.Second},
		"one that breaks all the time":        {deaths: 4, brokeWith: func(d int) []int { return []int{0}[:1-d%2] }, often: true},
		"one connection, many deaths":         {deaths: 6, brokeWith: own, single: true, tied: true},
		"one connection, two deaths each":     {deaths: 4, brokeWith: own, single: true},
		"one connection, 10 s later":          {deaths: 6, brokeWith: own, single: true, after: 10 * time.Second},
		"with a log of the application's own": {deaths: 4, brokeWith: own, own: true, tied: true},
		"processes of machines":               {deaths: 4, brokeWith: own, machine: true, tied: true},
		"killed as they do not answer":        {deaths: 4, brokeWith: own, unhealthy: true, tied: true},
		"two with one short name":             {deaths: 4, brokeWith: own, names: "unix:/run/%d/app.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.names == "" {
				c.names = "10.0.0.%d:80"
			}
			var sources []*record.Source
			app := &record.Source{Name: "app.log", Format: "pino"}
			give := func(s record.Sink) {
				for _, src := range sources {
					serve := serving(t, s, src, c.names)
					for i := range 4 * 3600 {
						serve(i%3, "/usual", dawn.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Answered)
						if c.own && i%3 < 2 {
							at := dawn.Add(time.Duration(i) * time.Second)
							if err := s.Request(&record.Request{Pos: record.Pos{Source: app, Line: int64(i + 1)}, Layer: record.LayerApp, Start: at, End: at.Add(49 * time.Millisecond), Status: 200,
								Method: []byte("GET"), Path: []byte("/usual"), Container: []byte([]string{"pod-a", "pod-b"}[i%3])}); err != nil {
								t.Fatal(err)
							}
						}
						if c.often && i%200 == 0 {
							for range 3 {
								serve(0, "/usual", dawn.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Cut)
							}
						}
					}
					for d := range c.deaths {
						at := dawn.Add(time.Duration(d+1)*45*time.Minute - 2*time.Second + c.after)
						for _, of := range c.brokeWith(d) {
							serve(of, "/export", at.Add(-30*time.Second), 30*time.Second, record.Cut)
							for i := range 2 {
								if c.single {
									continue
								}
								serve(of, "/usual", at.Add(-time.Duration(i+1)*100*time.Millisecond), time.Duration(i+1)*100*time.Millisecond, record.Cut)
							}
						}
					}
				}
				for d := range c.deaths {
					death := killed([]string{"pod-a", "pod-b"}[d%2], dawn.Add(time.Duration(d+1)*45*time.Minute))
					if c.unhealthy {
						for kind, at := range map[record.LifecycleKind]record.Time{record.HealthCheckFailed: death.Time.Add(-time.Second), record.Stopped: death.Time, record.Up: death.Time.Add(3 * time.Second)} {
							e := record.Lifecycle{Pos: death.Pos, Time: at, Kind: kind, Container: death.Container, ExitCode: 137}
							if kind == record.HealthCheckFailed {
								e.Reason = "health_status: unhealthy"
							}
							if err := s.Lifecycle(&e); err != nil {
								t.Fatal(err)
							}
						}
						continue
					}
					if c.machine {
						death.Host, death.Container, death.Instance = death.Container, "", fmt.Sprint(4000+d)
					}
					if err := s.Crash(death); err != nil {
						t.Fatal(err)
					}
				}
				if c.also != 0 {
					if err := s.Crash(killed("pod-a", dawn.Add(-c.also))); err != nil {
						t.Fatal(err)
					}
				}
			}
			// The same log, given twice, says no more.
			for _, again := range []*record.Source{{Name: "ingress.log", Format: "nginx"}, {Name: "ingress-copy.log", Format: "nginx"}} {
				sources = append(sources, again)
				r := look(t, analyze.Options{}, give)
				said := strings.Contains(strings.Join(r.Method, "\n"), "known by their connections")
				accused := r.Verdict.Endpoint != nil && *r.Verdict.Endpoint == "GET /export"
				if said != c.tied || accused != c.tied {
					t.Errorf("%d sources: tied %v, accused %v: %s", len(sources), said, accused, r.Verdict.Summary)
				}
				if c.tied && !strings.Contains(r.Verdict.Summary, "pod-a") {
					t.Error(r.Verdict.Summary)
				}
			}
		})
	}
}

// TestTasksAreKnownByTheAddressAtWhichConnectionsBroke: each dies once, and another one follows at its address.
func TestTasksAreKnownByTheAddressAtWhichConnectionsBroke(t *testing.T) {
	own := func(d int) []int { return []int{d % 2} }
	src := &record.Source{Name: "alb.log", Format: "aws-alb"}
	for name, c := range map[string]struct {
		deaths    int
		brokeWith func(death int) []int // the addresses whose connections break at a death
		broken    int                   // connections each time
		after     time.Duration         // of the break, from the death
		often     bool                  // connections to the third address break every few minutes
		early     bool                  // a task is measured before the one died that had its address
		tied      bool
		name      string // of the first that died
	}{
		"each at its own":            {deaths: 6, brokeWith: own, broken: 1, tied: true, name: "10.0.0.0:80"},
		"one at each":                {deaths: 3, brokeWith: func(d int) []int { return []int{d} }, broken: 1, tied: true, name: "04e35ca1db671209ec4f55060f1c989f"},
		"some without a connection":  {deaths: 6, brokeWith: func(d int) []int { return []int{d % 2}[:min(1, d)] }, broken: 1, tied: true},
		"most without a connection":  {deaths: 6, brokeWith: func(d int) []int { return []int{d % 2}[:d%6/4] }, broken: 1},
		"two addresses at each":      {deaths: 6, brokeWith: func(int) []int { return []int{0, 1} }, broken: 1},
		"connections break often":    {deaths: 6, brokeWith: own, broken: 1, often: true},
		"two deaths may be chance":   {deaths: 2, brokeWith: own, broken: 1},
		"two at one address":         {deaths: 6, brokeWith: own, broken: 1, early: true},
		"one connection, 10 s later": {deaths: 6, brokeWith: own, broken: 1, after: 10 * time.Second},
		"three, 10 s later":          {deaths: 6, brokeWith: own, broken: 3, after: 10 * time.Second, tied: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				serve := serving(t, s, src, "10.0.0.%d:80")
				for i := range 5 * 3600 {
					at := dawn.Add(time.Duration(i) * time.Second)
					serve(i%3, "/usual", at, 50*time.Millisecond, record.Answered)
					if c.often && i%200 == 0 {
						serve(2, "/usual", at, 50*time.Millisecond, record.Cut)
					}
				}
				for d := range c.deaths {
					at := dawn.Add(time.Duration(d+1) * 45 * time.Minute)
					task := fmt.Sprintf("%d4e35ca1db671209ec4f55060f1c989f", d)
					from := at.Add(-40 * time.Minute)
					if c.early {
						from = dawn
					}
					if err := s.Sample(&record.Sample{Metric: record.RSS, Value: 200e6, Time: from, Container: task}); err != nil {
						t.Fatal(err)
					}
					if err := s.Crash(killed(task, at)); err != nil {
						t.Fatal(err)
					}
					for _, of := range c.brokeWith(d) {
						for i := range c.broken {
							end := at.Add(c.after - time.Duration(i)*100*time.Millisecond)
							serve(of, []string{"/export", "/usual"}[min(i, 1)], end.Add(-30*time.Second), 30*time.Second, record.Cut)
						}
					}
				}
			})
			if c.name != "" && (len(r.Crashes) == 0 || r.Crashes[0].Container != c.name) {
				t.Errorf("crashes %+v, want the first of %s", r.Crashes, c.name)
			}
			said := strings.Contains(strings.Join(r.Method, "\n"), "known by their connections")
			accused := r.Verdict.Endpoint != nil && *r.Verdict.Endpoint == "GET /export"
			if said != c.tied || accused != (c.tied && c.after == 0) { // what broke later need not be what was open
				t.Errorf("tied %v, accused %v: %s", said, accused, r.Verdict.Summary)
			}
		})
	}
}

// serving returns what gives a log's next line: a request of a container by its number, named as names has it.
func serving(t *testing.T, s record.Sink, src *record.Source, names string) func(of int, path string, start record.Time, dur time.Duration, out record.Outcome) {
	line := int64(0)
	return func(of int, path string, start record.Time, dur time.Duration, out record.Outcome) {
		t.Helper()
		line++
		served(t, s, src, line, fmt.Sprintf(names, of), path, fmt.Sprint("r", line), start, dur, out)
	}
}

// TestNobodyIsClearedByRequestsOfUnknownContainers: two deaths are too few to tie addresses by time, and where no source does, nobody knows
// what was open on the dead.
func TestNobodyIsClearedByRequestsOfUnknownContainers(t *testing.T) {
	src := &record.Source{Name: "access.log", Format: "nginx"}
	for name, c := range map[string]struct {
		names  string // of what the requests name, with its number
		told   bool   // some source ties the addresses to names
		untied bool
	}{
		"addresses that nothing ties":          {"10.0.0.%d:80", false, true},
		"addresses that a source ties":         {"10.0.0.%d:80", true, false},
		"names, of which those that died none": {"web-%d", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				serve := serving(t, s, src, c.names)
				for i := range 2 * 3600 {
					serve(i%3, "/usual", dawn.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Answered)
					if i%600 == 0 {
						serve(i/600%3, "/slow", dawn.Add(time.Duration(i)*time.Second), 5*time.Second, record.Answered)
					}
				}
				for d := range 2 {
					at := dawn.Add(time.Duration(d+1) * 40 * time.Minute)
					serve(0, "/export", at.Add(-30*time.Second), 30*time.Second, record.Cut)
					if err := s.Crash(killed("pod-0", at)); err != nil {
						t.Fatal(err)
					}
				}
				for i := range 3 {
					l := record.Lifecycle{Time: dawn, Kind: record.Up, Container: fmt.Sprintf("pod-%d", i), ExitCode: -1}
					if c.told {
						l.Address = fmt.Sprintf("10.0.0.%d", i)
					}
					if err := s.Lifecycle(&l); err != nil {
						t.Fatal(err)
					}
				}
			})
			warned := false
			for _, w := range r.Warnings {
				warned = warned || w.Code == "untied_addresses" && strings.Contains(w.Text, "10.0.0.0:80") && strings.Contains(w.Text, "pod-0")
			}
			cleared := false
			for _, s := range r.Suspects {
				cleared = cleared || strings.Contains(strings.Join(s.Reasons, "\n"), "is innocent")
			}
			burst := finding.Outcome("")
			for _, k := range r.Checks {
				if k.Rule == "burst.open-at-onset" {
					burst = k.Outcome
				}
			}
			if warned != c.untied || c.untied && cleared || (burst == finding.NotPossible) != c.untied {
				t.Errorf("warned %v, cleared %v, burst %q: %s", warned, cleared, burst, r.Verdict.Summary)
			}
			if said := strings.Contains(r.Verdict.Summary, "only addresses"); said != c.untied {
				t.Error(r.Verdict.Summary)
			}
			if c.told && !strings.Contains(r.Verdict.Summary, "/export") {
				t.Error(r.Verdict.Summary)
			}
		})
	}
}

// TestARequestIsNotOpenInAnotherContainerOfThePod: a platform tells of the death of a pod, and requests of two containers within it. The one
// that was open is accused where something says that it was the dead container's, and nobody where nothing does.
func TestARequestIsNotOpenInAnotherContainerOfThePod(t *testing.T) {
	const pod = "web-5d8f7b9c4-x2x9q"
	src := &record.Source{Name: "loki.json", Format: "loki"}
	for _, c := range []struct {
		name, main string // the container that the pod's description names
		accused    bool
		untied     bool
	}{
		{"the dead one's", pod + "/api", true, false},
		{"the other's", pod + "/gateway", false, false},
		{"nobody knows whose", "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := look(t, analyze.Options{}, func(s record.Sink) {
				serve := serving(t, s, src, pod+"/%.0s"+"api")
				gateway := serving(t, s, &record.Source{Name: "gateway.json", Format: "loki"}, pod+"/%.0s"+"gateway")
				for i := range 5 * 3600 {
					at := dawn.Add(time.Duration(i) * time.Second)
					serve(0, "/usual", at, 50*time.Millisecond, record.Answered)
					gateway(0, "/front", at, 60*time.Millisecond, record.Answered)
				}
				for d := range 5 {
					at := dawn.Add(time.Duration(d+1) * 50 * time.Minute)
					if err := s.Request(&record.Request{Pos: record.Pos{Source: src, Line: int64(100_000 + d)}, Layer: record.LayerApp, Phase: record.Started, Start: at.Add(-30 * time.Second),
						Method: []byte("GET"), Path: []byte("/export"), ID: fmt.Append(nil, "export", d), Container: []byte(pod + "/api")}); err != nil {
						t.Fatal(err)
					}
					if err := s.Crash(killed(pod, at)); err != nil {
						t.Fatal(err)
					}
				}
				if c.main != "" {
					if err := s.Lifecycle(record.MainOf(record.Pos{}, c.main, record.Described)); err != nil {
						t.Fatal(err)
					}
				}
			})
			if accused := r.Verdict.Endpoint != nil && *r.Verdict.Endpoint == "GET /export"; accused != c.accused {
				t.Errorf("accused %v: %s", accused, r.Verdict.Summary)
			}
			warned := slices.ContainsFunc(r.Warnings, func(w finding.Warning) bool { return w.Code == "main_container_unknown" })
			if said := strings.Contains(r.Verdict.Summary, "nothing tells which of those died"); said != c.untied || warned != c.untied {
				t.Errorf("warned %v, said %v: %s", warned, said, r.Verdict.Summary)
			}
		})
	}
}

// TestWordsAreOfWhoseConnectionsBroke: a dump in the log of a whole service names nobody, and the router tells whose requests broke off then.
func TestWordsAreOfWhoseConnectionsBroke(t *testing.T) {
	for name, c := range map[string]struct {
		broke []int // containers
		after time.Duration
		want  string
	}{
		"of one":          {[]int{1}, time.Second, "web-1"},
		"of two":          {[]int{1, 2}, time.Second, "process 1"},
		"of none":         {nil, 0, "process 1"},
		"of one, earlier": {[]int{1}, -time.Minute, "process 1"},
	} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			serve := serving(t, s, routerLog, "web-%d")
			for i := range 3600 {
				serve(i%3, "/usual", dawn.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Answered)
			}
			at := dawn.Add(30 * time.Minute)
			for _, of := range c.broke {
				serve(of, "/export", at.Add(c.after-20*time.Second), 20*time.Second, record.Cut)
			}
			if err := s.Crash(&record.Crash{Pos: record.Pos{Source: &record.Source{Name: "all.log"}, Line: 7}, Time: at, Kind: record.CrashHeapLimit, Instance: "1", ExitCode: -1}); err != nil {
				t.Fatal(err)
			}
		})
		if len(r.Crashes) != 1 || r.Crashes[0].Container != c.want {
			t.Errorf("%s: %+v", name, r.Crashes)
		}
	}
}
