package analyze

import (
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// TestAHostThatFailed takes down containers of several services at once, without a reason of their own.
func TestAHostThatFailed(t *testing.T) {
	type end struct {
		container, host string
		kind            record.CrashKind
		exit            int
		after           time.Duration
	}
	const killed, exited, other = 137, 1, record.CrashOther
	for name, c := range map[string]struct {
		ends []end
		want finding.Grade // empty: no host failed
	}{
		"two services of one host":       {[]end{{"web-1", "node-a", other, killed, 0}, {"worker-1", "node-a", other, killed, 5 * time.Second}}, finding.Conclusive},
		"two services, hosts not told":   {[]end{{"web-1", "", other, killed, 0}, {"worker-1", "", other, killed, 5 * time.Second}}, finding.Likely},
		"two services of two hosts":      {[]end{{"web-1", "node-a", other, killed, 0}, {"worker-1", "node-b", other, killed, 0}}, ""},
		"minutes apart":                  {[]end{{"web-1", "node-a", other, killed, 0}, {"worker-1", "node-a", other, killed, 3 * time.Minute}}, ""},
		"one service":                    {[]end{{"web-1", "node-a", other, killed, 0}, {"web-2", "node-a", other, killed, 0}}, ""},
		"the companion of a pod":         {[]end{{"web-5d9c7b6f4-x2x7k", "node-a", other, killed, 0}, {"web-5d9c7b6f4-x2x7k/istio-proxy", "node-a", other, killed, time.Second}}, ""},
		"pods of a DaemonSet":            {[]end{{"agent-x2x7k", "node-a", other, killed, 0}, {"agent-9fzbp", "node-a", other, killed, time.Second}}, ""},
		"an error of each, at one time":  {[]end{{"web-1", "node-a", record.CrashExit, exited, 0}, {"worker-1", "node-a", record.CrashExit, exited, time.Second}}, ""},
		"killed for memory, both":        {[]end{{"web-1", "node-a", record.CrashOOMKill, killed, 0}, {"worker-1", "node-a", record.CrashOOMKill, killed, time.Second}}, ""},
		"two pods with their companions": {[]end{{"web-5d9c7b6f4-x2x7k", "node-a", other, killed, 0}, {"web-5d9c7b6f4-x2x7k/proxy", "node-a", other, killed, 0}, {"jobs-5d9c7b6f4-x2x7k", "node-a", other, killed, time.Second}}, finding.Conclusive},
	} {
		q := &inquiry{report: &finding.Report{}, traffic: &traffic{life: &life.Result{}, Analyzer: &Analyzer{shard: &shard{}}}}
		for i, e := range c.ends {
			q.life.Deaths = append(q.life.Deaths, life.Death{Index: i, Time: record.Time(1_800_000_000_000_000_000).Add(e.after), Container: e.container, Host: e.host, Kind: e.kind, ExitCode: e.exit})
		}
		found, deaths := q.hostFailure()
		if got := found.verdict.Grade; got != c.want || got != "" && found.verdict.Cause != finding.HostFailure {
			t.Errorf("%s: %q of %v, want %q", name, got, deaths, c.want)
		}
	}
}
