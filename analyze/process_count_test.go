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

// counted is what Kubernetes tells of pods: their starts, restarts and last end, and of their nodes' kills only the process.
type counted struct {
	crashes []record.Crash
	events  []record.Lifecycle
	samples []record.Sample
}

func minute(n float64) record.Time { return dawn.Add(time.Duration(n * float64(time.Minute))) }

func (c *counted) kill(host string, rss int64, at ...float64) *counted {
	for _, m := range at {
		c.crashes = append(c.crashes, record.Crash{Time: minute(m), Kind: record.CrashOOMKill, Exited: true, ExitCode: -1, Signal: "SIGKILL", Host: host,
			Instance: fmt.Sprint(1000 + int(10*m)), UsedBytes: rss << 20, Text: "Memory cgroup out of memory: Killed process"})
	}
	return c
}

// pod was first started at from; its last life but one went from start to end, and ended so; it was restarted so often until it began anew.
func (c *counted) pod(name, host string, from, start, end float64, kind record.CrashKind, restarts int) *counted {
	up := func(m float64) {
		c.events = append(c.events, record.Lifecycle{Time: minute(m), Kind: record.Up, Reason: "startedAt", Container: name, Host: host, ExitCode: -1})
	}
	up(from)
	last := from
	if restarts > 0 {
		up(start)
		last = end + 0.1
		up(last)
		c.crashes = append(c.crashes, record.Crash{Time: minute(end), Kind: kind, Exited: true, ExitCode: 137, Host: host, Container: name, Uptime: minute(end).Sub(minute(start))})
	}
	return c.count(name, host, last, restarts).sample(name, host, last, record.MemoryLimit, 200<<20)
}

func (c *counted) count(name, host string, at float64, restarts int) *counted {
	return c.sample(name, host, at, record.Restarts, float64(restarts))
}

func (c *counted) sample(name, host string, at float64, m record.Metric, v float64) *counted {
	c.samples = append(c.samples, record.Sample{Time: minute(at), Metric: m, Value: v, Container: name, Host: host})
	return c
}

func (c *counted) again(name, host string, at ...float64) *counted {
	for _, m := range at {
		c.events = append(c.events, record.Lifecycle{Time: minute(m), Kind: record.Up, Reason: "Started", Container: name, Host: host, ExitCode: -1})
	}
	return c
}

// merged is a container that was started at from and to, and so often between.
func (c *counted) merged(name, host string, from, to float64, between int) *counted {
	c.again(name, host, from, to)
	c.events[len(c.events)-1].Merged = between
	return c
}

func (c *counted) report(t *testing.T) *finding.Report {
	src := &record.Source{Name: "events.json", Format: "kubernetes"}
	return look(t, analyze.Options{}, func(s record.Sink) {
		for i := range c.crashes {
			k := c.crashes[i]
			k.Pos = record.Pos{Source: src, Line: 1} // a document without line breaks
			if k.Container == "" {
				if err := s.Warn(&record.Warning{Code: "container_not_told", Pos: k.Pos, Count: 1, Text: "no pod"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Crash(&k); err != nil {
				t.Fatal(err)
			}
		}
		for i := range c.events {
			e := c.events[i]
			e.Pos = record.Pos{Source: src, Line: int64(1000 + i)}
			if err := s.Lifecycle(&e); err != nil {
				t.Fatal(err)
			}
		}
		for i := range c.samples {
			x := c.samples[i]
			x.Pos = record.Pos{Source: src, Line: int64(2000 + i)}
			if err := s.Sample(&x); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestKillsAreDealtOutByCount: the kills of a node are those of its pods where the numbers are the same and leave one way only.
func TestKillsAreDealtOutByCount(t *testing.T) {
	const oom = record.CrashOOMKill
	none := func() *counted { return &counted{} }
	web0 := func(kills ...float64) *counted { // was restarted four times: one end is told
		return none().kill("node-a", 190, kills...).pod("web-0", "node-a", 1, 42, 60, oom, 4)
	}
	for name, c := range map[string]struct {
		given *counted
		want  string // of whom each kill before minute 59 is, in order: the last digit of the pod, or a dash
	}{
		"as many kills as restarts":                   {web0(10, 20, 40), "000"},
		"another pod without restarts":                {web0(10, 20, 40).pod("web-1", "node-a", 1, 0, 0, oom, 0), "000"},
		"a kill of another deployment":                {web0(10, 20, 30, 40), "----"},
		"restarts before the evidence":                {web0(10, 20), "--"},
		"a restart that was no kill, and is told":     {none().kill("node-a", 190, 10, 20).pod("web-0", "node-a", 1, 42, 60, oom, 4).end("web-0", "node-a", 30, 1), "00"},
		"the pod is on another node":                  {none().kill("node-b", 190, 10, 20, 40).pod("web-0", "node-a", 1, 42, 60, oom, 4), "---"},
		"kills before the pod began":                  {none().kill("node-a", 190, 10, 20, 40).pod("web-0", "node-a", 15, 42, 60, oom, 4), "---"},
		"kills on the node after the count":           {web0(10, 20, 40, 61), "000-"},
		"a pod that nothing says died of memory":      {none().kill("node-a", 190, 10, 20, 40).pod("web-0", "node-a", 1, 42, 60, record.CrashExit, 4), "---"},
		"a process that holds little":                 {none().kill("node-a", 190, 10, 40).kill("node-a", 60, 20).pod("web-0", "node-a", 1, 42, 60, oom, 4), "---"},
		"a process that holds more than the pod may":  {none().kill("node-a", 190, 10, 40).kill("node-a", 400, 20).pod("web-0", "node-a", 1, 42, 60, oom, 4), "---"},
		"a kill while the container lived on":         {web0(10, 20, 50), "---"},
		"several processes at once":                   {web0(10, 10.02, 20, 40), "0000"},
		"two pods that both restarted":                {web0(10, 20, 38, 40).pod("web-1", "node-a", 1, 43, 60, oom, 2), "----"},
		"two pods that restarted at different times":  {web0(10, 20, 40, 50).pod("web-1", "node-a", 43, 52, 59, oom, 2), "0001"},
		"two pods of which the lives leave one way":   {none().kill("node-a", 190, 10, 20, 30, 40).pod("web-0", "node-a", 1, 35, 60, oom, 4).pod("web-1", "node-a", 31, 42, 60, oom, 2), "0001"},
		"an old restart of another pod":               {web0(10, 20, 40).pod("web-1", "node-a", 1, 2, 5, record.CrashExit, 3), "000"},
		"an unexplained restart of another pod":       {web0(10, 20, 40).pod("web-1", "node-a", 1, 45, 60, record.CrashExit, 2), "---"},
		"another pod without a count started again":   {web0(10, 20, 40).again("web-1", "node-a", 1, 15, 30), "---"},
		"another pod without a count did not":         {web0(10, 20, 40).again("web-1", "node-a", 1), "000"},
		"two counts: older restarts are set apart":    {none().kill("node-a", 190, 10, 20, 40).pod("web-0", "node-a", 1, 42, 60, oom, 11).count("web-0", "", 5, 7), "000"},
		"counts that contradict one another":          {web0(10, 20, 40).count("web-0", "", 5, 7), "---"},
		"no count at all":                             {none().kill("node-a", 190, 10, 20, 40).again("web-0", "node-a", 1, 60), "---"},
		"the machine's name with its domain":          {none().kill("node-a", 190, 10, 20, 40).pod("web-0", "node-a.example.org", 1, 42, 60, oom, 4), "000"},
		"a pod of two machines is none of Kubernetes": {web0(10, 20, 40).again("web-0", "node-b", 2), "---"},
		"two pods at one moment":                      {web0(10, 20, 40).kill("node-a", 380, 40.03).pod("web-1", "node-a", 1, 42, 60, oom, 2).sample("web-1", "node-a", 60, record.MemoryLimit, 400<<20), "0001"},
		"two at one moment that may be either's":      {none().kill("node-a", 190, 40, 40.03).pod("web-0", "node-a", 1, 42, 60, oom, 2).pod("web-1", "node-a", 1, 42, 60, oom, 2), "--"},
		"starts that were merged are counted":         {none().kill("node-a", 190, 10, 20, 40).merged("web-0", "node-a", 1, 60, 3).killed("web-0", "node-a", 59.9), "000"},
		"fewer starts were merged than kills":         {none().kill("node-a", 190, 10, 20, 40).merged("web-0", "node-a", 1, 60, 2).killed("web-0", "node-a", 59.9), "---"},
		"more starts were merged than kills":          {none().kill("node-a", 190, 10, 20, 40).merged("web-0", "node-a", 1, 60, 4).killed("web-0", "node-a", 59.9), "---"},
		"a count of restarts is asked before starts":  {web0(10, 20, 40).merged("web-0", "node-a", 1, 60.1, 7), "000"},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.given.report(t)
			var kills []record.Crash
			for _, k := range c.given.crashes {
				if k.Container == "" {
					kills = append(kills, k)
				}
			}
			slices.SortFunc(kills, func(a, b record.Crash) int { return int((a.Time - b.Time) / 1e6) })
			var got strings.Builder
			open := int64(0)
			for _, k := range kills {
				of, nearest := "?", 5*time.Second
				for _, d := range r.Crashes {
					away := record.TimeOf(d.Time).Sub(k.Time).Abs()
					if away > nearest || d.Container == "" {
						continue
					}
					nearest = away
					if of = "-"; strings.HasPrefix(d.Container, "web-") {
						of = d.Container[4:]
						if !strings.Contains(d.Note, "restarts were counted") {
							t.Errorf("the report does not say how %s is known: %q", d.ID, d.Note)
						}
					}
				}
				if of == "-" {
					open++
				}
				got.WriteString(of)
			}
			for _, d := range r.Crashes {
				if d.ExitCode != nil && strings.Contains(d.Note, "restarts were counted") {
					t.Errorf("%s is told by its pod, and the report says: %q", d.ID, d.Note)
				}
			}
			if got.String() != c.want {
				t.Errorf("got %s, want %s", got.String(), c.want)
			}
			told := int64(0)
			for _, w := range r.Warnings {
				if w.Code == "container_not_told" {
					told += w.Count
				}
			}
			if told != open {
				t.Errorf("%d warnings of %d kills that are known by nothing else", told, open)
			}
		})
	}
}

func (c *counted) end(name, host string, at float64, code int) *counted {
	c.crashes = append(c.crashes, record.Crash{Time: minute(at), Kind: record.CrashExit, Exited: true, ExitCode: code, Host: host, Container: name})
	return c
}

func (c *counted) killed(name, host string, at float64) *counted {
	c.crashes = append(c.crashes, record.Crash{Time: minute(at), Kind: record.CrashOOMKill, Exited: true, ExitCode: 137, Host: host, Container: name})
	return c
}

// TestProcessesAreNotCountedAsContainers: a process whose container is not told may be of one that is counted already.
func TestProcessesAreNotCountedAsContainers(t *testing.T) {
	c := (&counted{}).kill("node-a", 190, 10, 20, 30, 40).kill("node-b", 190, 15, 25).pod("web-0", "node-a", 1, 42, 60, record.CrashOOMKill, 4)
	r := c.report(t)
	if want := "web-0 and 6 processes on node-a and node-b whose containers no source names died"; !strings.Contains(r.Verdict.Summary, want) {
		t.Errorf("got  %q\nwant %q", r.Verdict.Summary, want)
	}
	said := strings.Join(r.Method, "\n")
	for _, want := range []string{"1 containers were seen, 1 of them died.", "Beside those died 6 processes"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
}
