package verdict

import (
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/traffic"
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
		q := &inquiry{report: &finding.Report{}, traffic: &traffic.Traffic{Life: &life.Result{}, Evidence: &intake.Evidence{}}}
		for i, e := range c.ends {
			q.traffic.Life.Deaths = append(q.traffic.Life.Deaths, life.Death{Index: i, Time: record.Time(1_800_000_000_000_000_000).Add(e.after), Container: e.container, Host: e.host, Kind: e.kind, ExitCode: e.exit})
		}
		found, deaths := q.hostFailure()
		if got := found.verdict.Grade; got != c.want || got != "" && found.verdict.Cause != finding.HostFailure {
			t.Errorf("%s: %q of %v, want %q", name, got, deaths, c.want)
		}
	}
}

// TestACompanionThatDiesAlone is not its pod's death, and is told as what it is.
func TestACompanionThatDiesAlone(t *testing.T) {
	at := record.Time(1_800_000_000_000_000_000)
	const pod = "web-5d9c7b6f4-x2x7k"
	for name, c := range map[string]struct {
		deaths []life.Death
		want   bool
	}{
		"alone":              {[]life.Death{{Time: at, Container: pod + "/shipper"}}, true},
		"with its pod":       {[]life.Death{{Time: at, Container: pod + "/shipper"}, {Time: at.Add(time.Second), Container: pod}}, false},
		"long before it":     {[]life.Death{{Time: at, Container: pod + "/shipper"}, {Time: at.Add(time.Hour), Container: pod}}, false},
		"a container":        {[]life.Death{{Time: at, Container: pod}}, false},
		"companions of two":  {[]life.Death{{Time: at, Container: pod + "/shipper"}, {Time: at.Add(time.Hour), Container: "web-5d9c7b6f4-9fzbp/shipper"}}, true},
		"a name with a path": {[]life.Death{{Time: at, Container: "heroku/web.1"}}, false},
	} {
		q := &inquiry{traffic: &traffic.Traffic{Life: &life.Result{Deaths: c.deaths}}}
		var all []int
		for d := range c.deaths {
			all = append(all, d)
		}
		if got := q.onlyCompanions(all); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
