package orchestrator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// flattened is laid-out JSON as its lines are read.
func flattened(t testing.TB, text string) string {
	t.Helper()
	out, err := io.ReadAll(jsondoc.NewFlattener(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// FuzzDockerInspect reads what is laid out as Docker lays it out, line by line once it is flat.
func FuzzDockerInspect(f *testing.F) {
	f.Add([]byte(inspected))
	f.Fuzz(func(t *testing.T, data []byte) {
		sink := &recordtest.Sink{}
		p := orchestrator.DockerInspect{}.NewParser(&record.Source{Name: "fuzz"})
		for i, line := range strings.Split(flattened(t, string(data)), "\n") {
			if _, err := p.ParseLine(int64(i+1), []byte(line), sink); err != nil {
				t.Fatal(err)
			}
		}
		formattest.CheckSane(t, sink)
	})
}

// pretty lays JSON lines out as `jq .` does.
func pretty(t testing.TB, jsonLines string) string {
	t.Helper()
	var b bytes.Buffer
	for line := range strings.Lines(jsonLines) {
		if err := json.Indent(&b, []byte(strings.TrimSpace(line)), "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const inspected = `[
    {
        "Id": "3f1c9a77d6c2a54c3a2f0b4fd1f0a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6",
        "Name": "/web-1",
        "State": {"Status": "exited", "Running": false, "OOMKilled": true, "ExitCode": 137, "Error": "",
            "StartedAt": "2026-11-16T13:30:00Z", "FinishedAt": "2026-11-16T13:47:57Z"},
        "RestartCount": 0,
        "HostConfig": {"Memory": 536870912},
        "Config": {"Labels": {"com.docker.compose.service": "web"}}
    },
    {
        "Id": "4f1c9a77d6c2a54c3a2f0b4fd1f0a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6",
        "Name": "/web-2",
        "State": {"Status": "running", "Running": true, "OOMKilled": false, "ExitCode": 0, "Error": "",
            "StartedAt": "2026-11-16T13:50:00Z", "FinishedAt": "2026-11-16T13:49:57Z"},
        "RestartCount": 3,
        "HostConfig": {"Memory": 0, "RestartPolicy": {"Name": "on-failure"}}
    },
    {
        "Id": "5f1c9a77d6c2a54c3a2f0b4fd1f0a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6",
        "Name": "/web-3",
        "State": {"Status": "running", "Running": true, "OOMKilled": false, "ExitCode": 0, "StartedAt": "2026-11-16T13:50:00Z", "FinishedAt": "0001-01-01T00:00:00Z"},
        "RestartCount": 0,
        "HostConfig": {"Memory": 0}
    }
]
`

func TestJSONThatIsLaidOutForPeopleIsRead(t *testing.T) {
	events := dockerLine("kill", `"signal":"15",`, "1794836877000000000") + "\n" + dockerLine("start", "", "1794836890000000000") + "\n" +
		dockerLine("die", `"exitCode":"137",`, "1794837899000000000") + "\n"
	pino := strings.Repeat(`{"level":30,"time":1794836877859,"pid":1,"hostname":"web-1","req":{"method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":12,"msg":"request completed"}`+"\n", 3)
	for _, c := range []struct {
		name, text, format string
		requests, crashes  int
		lines              []int64 // of the crashes
	}{
		{"docker events | jq .", pretty(t, events), "docker-events", 0, 1, []int64{38}},
		{"docker events with blanks", strings.ReplaceAll(events, `":"`, `": "`), "docker-events", 0, 1, []int64{3}},
		{"docker inspect", inspected, "docker-inspect", 0, 2, []int64{2, 11}},
		{"docker inspect | jq -c .[]", flattened(t, inspected), "docker-inspect", 0, 2, []int64{2, 11}},
		{"a log | jq .", pretty(t, pino), "pino", 3, 0, nil},
		{"a log | jq -s .", "[\n" + strings.ReplaceAll(strings.TrimSpace(pino), "\n", ",\n") + "\n]", "pino", 3, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := collect(t, c.text)
			if len(sink.Requests) != c.requests || len(sink.Crashes) != c.crashes {
				t.Fatalf("%d requests, %d crashes, %v", len(sink.Requests), len(sink.Crashes), sink.Warnings)
			}
			for i, x := range sink.Crashes {
				if x.Pos.Line != c.lines[i] {
					t.Errorf("crash %d is said to be on line %d", i, x.Pos.Line)
				}
			}
			for _, x := range sink.Coverages {
				if x.Source.Format != c.format {
					t.Errorf("read as %s", x.Source.Format)
				}
			}
		})
	}
}

func TestContainersThatDockerDescribes(t *testing.T) {
	sink, unhandled := formattest.ReadLines(t, orchestrator.DockerInspect{}, flattened(t, inspected))
	if len(unhandled) > 0 {
		t.Fatalf("not read: %q", unhandled)
	}
	id := func(c string) string { return c + "f1c9a77d6c2a54c3a2f0b4fd1f0a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6" }
	want := []record.Crash{
		{
			Time: formattest.At(t, "2026-11-16T13:47:57Z"), Kind: record.CrashOOMKill, Exited: true, ExitCode: 137, Signal: "SIGKILL", Container: "web-1", Instance: id("3"), Service: "web",
			LimitBytes: 512 << 20, Uptime: formattest.At(t, "2026-11-16T13:47:57Z").Sub(formattest.At(t, "2026-11-16T13:30:00Z")),
		},
		{Time: formattest.At(t, "2026-11-16T13:49:57Z"), Kind: record.CrashOther, Exited: true, ExitCode: -1, Container: "web-2", Instance: id("4")},
	}
	if diff := cmp.Diff(want, sink.Crashes, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.Crashes[0].Text != "OOMKilled, exit code 137" || len(sink.Lifecycles) != 3 || len(sink.Samples) != 1 || sink.WarningCount("earlier_restarts") != 2 {
		t.Errorf("%q %+v %+v %v", sink.Crashes[0].Text, sink.Lifecycles, sink.Samples, sink.Warnings)
	}
}

func TestARestartByDockerAloneIsNoCrash(t *testing.T) {
	for _, c := range []struct {
		name, policy, state string
		restarts            int
		want                string // kind and status of a crash, or the kind and reason of a lifecycle event
	}{
		{"always, and the status is forgotten", "always", `"ExitCode": 0, "OOMKilled": false`, 2, "other ended by itself and was restarted -1"},
		{"unless stopped", "unless-stopped", `"ExitCode": 0, "OOMKilled": false`, 2, "other ended by itself and was restarted -1"},
		{"no policy is told", "", `"ExitCode": 0, "OOMKilled": false`, 2, "other ended by itself and was restarted -1"},
		{"only a failure is restarted", "on-failure", `"ExitCode": 0, "OOMKilled": false`, 2, "crash unknown -1"},
		{"the status is kept", "always", `"ExitCode": 134, "OOMKilled": false`, 2, "crash abort 134"},
		{"a memory kill", "always", `"ExitCode": 0, "OOMKilled": true`, 2, "crash oom_kill -1"},
		{"the status of a stop as asked", "always", `"ExitCode": 143, "OOMKilled": false`, 2, "stopped  143"},
		{"restarted by hand", "always", `"ExitCode": 0, "OOMKilled": false`, 0, "stopped restarted -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink, unhandled := formattest.ReadLines(t, orchestrator.DockerInspect{}, fmt.Sprintf(`{"Id":"3f","Name":"/web-1","State":{"Status":"running",%s,"StartedAt":"2026-11-16T13:50:00Z","FinishedAt":"2026-11-16T13:49:57Z"},"RestartCount":%d,"HostConfig":{"Memory":0,"RestartPolicy":{"Name":%q}}}`+"\n",
				c.state, c.restarts, c.policy))
			if len(unhandled) > 0 {
				t.Fatalf("not read: %q", unhandled)
			}
			var got []string
			for _, x := range sink.Crashes {
				got = append(got, fmt.Sprintf("crash %s %d", x.Kind, x.ExitCode))
				if x.Uptime != 0 {
					t.Errorf("up for %s", x.Uptime)
				}
			}
			for _, x := range sink.Lifecycles {
				if x.Kind != record.Up {
					got = append(got, fmt.Sprintf("%s %s %d", x.Kind, x.Reason, x.ExitCode))
				}
			}
			if untold := sink.WarningCount("earlier_restarts"); strings.HasPrefix(c.want, "other") != (untold == int64(c.restarts)) && c.restarts > 0 {
				t.Errorf("%d restarts are said to be untold", untold)
			}
			if diff := cmp.Diff([]string{c.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDockerTellsAddresses: a proxy names what is behind it by those, of whatever network.
func TestDockerTellsAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		running  bool
		networks string
		want     []string
	}{
		"the default bridge":               {true, `"IPAddress":"172.17.0.2","Networks":{"bridge":{"IPAddress":"172.17.0.2"}}`, []string{"172.17.0.2"}},
		"two networks":                     {true, `"IPAddress":"","Networks":{"back":{"IPAddress":"10.1.0.3"},"front":{"IPAddress":"10.2.0.3"}}`, []string{"10.1.0.3", "10.2.0.3"}},
		"the network of the host":          {true, `"IPAddress":"","Networks":{"host":{"IPAddress":""}}`, nil},
		"no network":                       {true, ``, nil},
		"one that does not run any longer": {false, `"IPAddress":"172.17.0.2"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			sink, unhandled := formattest.ReadLines(t, orchestrator.DockerInspect{}, fmt.Sprintf(`{"Id":"3f","Name":"/web-1","State":{"Running":%v,"ExitCode":0,"StartedAt":"2026-11-16T13:50:00Z","FinishedAt":"0001-01-01T00:00:00Z"},"HostConfig":{},"NetworkSettings":{%s}}`+"\n", c.running, c.networks))
			var got []string
			ups := 0
			for _, l := range sink.Lifecycles {
				if l.Container != "web-1" {
					t.Errorf("%+v", l)
				}
				if l.Kind == record.Up {
					ups++
				}
				if l.Address != "" {
					got = append(got, l.Address)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || ups != 1 || len(unhandled) != 0 {
				t.Errorf("%d starts, %v unhandled (-want +got):\n%s", ups, unhandled, diff)
			}
		})
	}
}
