package analyze_test

import (
	"slices"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// TestAProcessIsNoContainer: a node tells of the process that it killed, another source of the pod, and that is one death.
func TestAProcessIsNoContainer(t *testing.T) {
	const at = 30 * time.Minute
	kill := func(after time.Duration, host, pid string) record.Crash {
		return record.Crash{Time: dawn.Add(at + after), Kind: record.CrashOOMKill, Exited: true, ExitCode: -1, Signal: "SIGKILL", Host: host, Instance: pid}
	}
	end := func(pod string, after time.Duration, host string, code int) record.Crash {
		kind := record.CrashOther
		if code == 1 {
			kind = record.CrashExit
		}
		return record.Crash{Time: dawn.Add(at + after), Kind: kind, Exited: true, ExitCode: code, Host: host, Container: pod}
	}
	up := func(pod string, after time.Duration, host string) record.Lifecycle {
		return record.Lifecycle{Time: dawn.Add(at + after), Kind: record.Up, Reason: "Started", Container: pod, Host: host, ExitCode: -1, Text: "Started container app"}
	}
	for name, c := range map[string]struct {
		crashes []record.Crash
		events  []record.Lifecycle
		want    []string // container and kind of each death
	}{
		"the pod's own end":                      {[]record.Crash{kill(0, "node-a", "4711"), end("web-0", 2*time.Second, "node-a", 137)}, nil, []string{"web-0 oom_kill"}},
		"the pod's end, of no known machine":     {[]record.Crash{kill(0, "node-a", "4711"), end("web-0", 0, "", 137)}, nil, []string{"web-0 oom_kill"}},
		"the machine's name with its domain":     {[]record.Crash{kill(0, "node-a", "4711"), end("web-0", 0, "node-a.example.org", 137)}, nil, []string{"web-0 oom_kill"}},
		"several processes of one pod":           {[]record.Crash{kill(0, "node-a", "4711"), kill(0, "node-a", "4712"), end("web-0", time.Second, "node-a", 137)}, nil, []string{"web-0 oom_kill"}},
		"two pods of one machine":                {[]record.Crash{kill(0, "node-a", "4711"), kill(4*time.Second, "node-a", "99"), end("web-0", 0, "node-a", 137), end("web-1", 4*time.Second, "node-a", 137)}, nil, []string{"web-0 oom_kill", "web-1 oom_kill"}},
		"an end on another machine":              {[]record.Crash{kill(0, "node-a", "4711"), end("web-0", 0, "node-b", 137)}, nil, []string{"process 4711 on node-a oom_kill", "web-0 unknown"}},
		"an end at another time":                 {[]record.Crash{kill(0, "node-a", "4711"), end("web-0", 2*time.Minute, "node-a", 137)}, nil, []string{"process 4711 on node-a oom_kill", "web-0 unknown"}},
		"an end by an error of its own":          {[]record.Crash{kill(0, "node-a", "4711"), end("web-0", 0, "node-a", 1)}, nil, []string{"process 4711 on node-a oom_kill", "web-0 exit"}},
		"a pod that starts again":                {[]record.Crash{kill(0, "node-a", "4711")}, []record.Lifecycle{up("web-0", -20*time.Minute, "node-a"), up("web-0", time.Second, "node-a")}, []string{"web-0 oom_kill"}},
		"a pod that is created then":             {[]record.Crash{kill(0, "node-a", "4711")}, []record.Lifecycle{up("web-0", time.Second, "node-a")}, []string{"process 4711 on node-a oom_kill"}},
		"two pods that start again":              {[]record.Crash{kill(0, "node-a", "4711")}, []record.Lifecycle{up("web-0", -20*time.Minute, "node-a"), up("web-1", -20*time.Minute, "node-a"), up("web-0", time.Second, "node-a"), up("web-1", 2*time.Second, "node-a")}, []string{"process 4711 on node-a oom_kill"}},
		"a pod that starts after its own end":    {[]record.Crash{kill(0, "node-a", "4711"), end("web-0", 20*time.Second, "node-a", 1)}, []record.Lifecycle{up("web-0", -20*time.Minute, "node-a"), up("web-0", 21*time.Second, "node-a")}, []string{"process 4711 on node-a oom_kill", "web-0 exit"}},
		"nothing, and several processes at once": {[]record.Crash{kill(0, "node-a", "4711"), kill(time.Second, "node-a", "4712"), kill(0, "node-b", "4711")}, nil, []string{"process 4711 on node-a oom_kill", "process 4711 on node-b oom_kill"}},
		"nothing, at two times":                  {[]record.Crash{kill(0, "node-a", "4711"), kill(10*time.Minute, "node-a", "4712")}, nil, []string{"process 4711 on node-a oom_kill", "process 4712 on node-a oom_kill"}},
	} {
		t.Run(name, func(t *testing.T) {
			src := &record.Source{Name: "events.json", Format: "kubernetes"}
			r := look(t, analyze.Options{}, func(s record.Sink) {
				for i := range c.crashes {
					k := c.crashes[i]
					k.Pos = record.Pos{Source: src, Line: int64(i + 1)}
					if k.Container != "" {
						k.Pos.Source = routerLog // of another source
					} else if err := s.Warn(&record.Warning{Code: "container_not_told", Pos: k.Pos, Count: 1, Text: "no pod"}); err != nil {
						t.Fatal(err)
					}
					if err := s.Crash(&k); err != nil {
						t.Fatal(err)
					}
				}
				for i := range c.events {
					e := c.events[i]
					e.Pos = record.Pos{Source: src, Line: int64(100 + i)}
					if err := s.Lifecycle(&e); err != nil {
						t.Fatal(err)
					}
				}
			})
			var got []string
			for _, d := range r.Crashes {
				got = append(got, d.Container+" "+string(d.Kind))
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			untold := int64(0)
			for i := range c.crashes {
				if k := &c.crashes[i]; k.Container == "" && slices.Contains(got, "process "+k.Instance+" on "+k.Host+" oom_kill") {
					untold++
				}
			}
			warned := int64(0)
			for _, w := range r.Warnings {
				if w.Code == "container_not_told" {
					warned += w.Count
				}
			}
			if warned < untold || untold == 0 && warned != 0 {
				t.Errorf("%d warnings of %d processes that are known by nothing else", warned, untold)
			}
		})
	}
}
