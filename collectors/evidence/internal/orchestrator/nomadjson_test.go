package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
)

// nomadAllocation is an allocation as JSON, with the states of its tasks.
func nomadAllocation(states string) string {
	return `{"ID":"a18b4d5d-1d7e-55ca-8ba5-4e0e5697e7be","Namespace":"default","EvalID":"cc3bed6a-0000-0000-0000-000000000000","Name":"api.web[0]","NodeID":"n","JobID":"api",` +
		`"Job":{"TaskGroups":[{"Name":"web","Tasks":[{"Name":"a-warm-up","Lifecycle":{"Hook":"prestart"}},{"Name":"server","Lifecycle":null}]}]},` +
		`"AllocatedResources":{"Tasks":{"server":{"Cpu":{"CpuShares":500},"Memory":{"MemoryMB":512,"MemoryMaxMB":0}}}},` +
		`"ClientStatus":"running","TaskStates":{` + states + `}}`
}

// nomadState is the state of a task with these events, a second apart.
func nomadState(task string, restarts int, events ...string) string {
	var b strings.Builder
	for i, e := range events {
		if i > 0 {
			b.WriteByte(',')
		}
		kind, text, _ := strings.Cut(e, ": ")
		fmt.Fprintf(&b, `{"Type":%q,"Time":%d,"DisplayMessage":%q,"Details":{},"ExitCode":0}`, kind, 1795165200000000000+int64(i)*1e9, text)
	}
	return fmt.Sprintf(`%q:{"State":"running","Failed":false,"Restarts":%d,"StartedAt":"2026-11-20T09:00:00Z","Events":[%s]}`, task, restarts, b.String())
}

func TestAllocationsOfNomadAsJSONTellHowTheirTasksEnded(t *testing.T) {
	const (
		started = "Started: Task started by client"
		oom     = `Terminated: Exit Code: 137, Exit Message: "OOM Killed"`
		failed  = `Terminated: Exit Code: 2, Exit Message: "Docker container exited with non-zero exit code: 2"`
		again   = "Restarting: Task restarting in 15.489967681s"
		sent    = "Killing: Sent interrupt. Waiting 5s before force killing"
		sigkill = `Terminated: Exit Code: 137`
	)
	for _, c := range []struct{ name, states, want string }{
		{"out of memory, and again", nomadState("server", 1, started, oom, again, started), "oom_kill 137 of a18b4d5d of api; up of a18b4d5d; other of a18b4d5d; up of a18b4d5d"},
		{"two tasks", nomadState("server", 0, started) + "," + nomadState("a-warm-up", 0, failed), "exit 2 of a18b4d5d/a-warm-up of api; up of a18b4d5d"},
		{"asked to end", nomadState("server", 0, started, sent, sigkill), "up of a18b4d5d; stopping of a18b4d5d; stopped of a18b4d5d"},
		{"more restarts than events", nomadState("server", 5, oom, again, started), "oom_kill 137 of a18b4d5d of api; other of a18b4d5d; up of a18b4d5d; earlier_restarts 4"},
		{"of an older version", strings.Replace(nomadState("server", 0, "Terminated: "), `"ExitCode":0`, `"ExitCode":134,"Message":"x"`, 1), "abort 134 of a18b4d5d of api"},
		{"without a time", strings.Replace(nomadState("server", 0, oom), "1795165200000000000", "0", 1), "malformed_line 1"},
		{"of other types", `"server":{"Events":{}}`, "malformed_line 1"},
		{"none", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := nomadAllocation(c.states)
			sink, unhandled := formattest.ReadLines(t, orchestrator.NomadJSON{}, text)
			if got := nomadSaid(sink); got != c.want || len(unhandled) > 0 {
				t.Errorf("got %s, want %s; %q", got, c.want, unhandled)
			}
			for _, x := range sink.Crashes {
				if x.Kind == "oom_kill" && x.LimitBytes != 512<<20 {
					t.Errorf("limit %d", x.LimitBytes)
				}
			}
		})
	}
	text := nomadAllocation(nomadState("server", 1, started, oom))
	recognised(t, text, "nomad-allocations")
	for name, text := range map[string]string{"laid out": pretty(t, text), "a list": "[" + text + "]", "a list that is laid out": "[\n" + pretty(t, text) + "]"} {
		recognised(t, text, "nomad-allocations")
		if sink := collect(t, text); len(sink.Crashes) != 1 || len(sink.Warnings) > 0 {
			t.Errorf("%s: %+v, %+v", name, sink.Crashes, sink.Warnings)
		}
	}
}

func FuzzNomadJSON(f *testing.F) {
	f.Add(nomadAllocation(nomadState("server", 3, `Terminated: Exit Code: 137, Exit Message: "OOM Killed"`, "Killing: unhealthy")))
	f.Add(`{"EvalID":"","TaskStates":{"":{"Restarts":9223372036854775807,"Events":[{"Time":9223372036854775807,"Type":"Terminated","ExitCode":-1,"Signal":999}]}},"AllocatedResources":{"Tasks":{"":{"Memory":{"MemoryMB":-1}}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		sink, _ := formattest.ReadLinesQuietly(orchestrator.NomadJSON{}, text)
		formattest.CheckSane(t, sink)
	})
}
