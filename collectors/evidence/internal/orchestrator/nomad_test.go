package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/record/recordtest"
)

// nomadText is what nomad alloc status prints of an allocation with these events.
func nomadText(events ...string) string {
	return `ID                  = a18b4d5d-1d7e-55ca-8ba5-4e0e5697e7be
Eval ID             = cc3bed6a
Name                = api.web[0]
Job ID              = api
Client Status       = running

Task "server" is "running"
Task Resources:
CPU        Memory           Disk     Addresses
0/100 MHz  151 MiB/512 MiB  300 MiB

Recent Events:
Time                       Type              Description
` + strings.Join(events, "\n") + "\n"
}

// nomadSaid is what was read, in short.
func nomadSaid(s *recordtest.Sink) string {
	var out []string
	for _, c := range s.Crashes {
		out = append(out, fmt.Sprintf("%s %d of %s of %s", c.Kind, c.ExitCode, c.Container, c.Service))
	}
	for _, l := range s.Lifecycles {
		out = append(out, fmt.Sprintf("%s of %s", l.Kind, l.Container))
	}
	for _, w := range s.Warnings {
		out = append(out, fmt.Sprintf("%s %d", w.Code, max(w.Count, 1)))
	}
	return strings.Join(out, "; ")
}

func TestAllocationsOfNomadTellHowTheirTasksEnded(t *testing.T) {
	const (
		started  = `2026-11-20T08:00:00Z       Started           Task started by client`
		sent     = `2026-11-20T08:59:55Z       Killing           Sent interrupt. Waiting 5s before force killing`
		failed   = `2026-11-20T09:00:00Z       Terminated        Exit Code: 2, Exit Message: "Docker container exited with non-zero exit code: 2"`
		again    = `2026-11-20T09:00:00Z       Restarting        Task restarting in 15.489967681s`
		oom      = `2026-11-20T09:00:00Z       Terminated        Exit Code: 137, Exit Message: "OOM Killed"`
		sigkill  = `2026-11-20T09:00:00Z       Terminated        Exit Code: 137, Exit Message: "Docker container exited with non-zero exit code: 137"`
		signal   = `2026-11-20T09:00:00Z       Terminated        Exit Code: 0, Signal: 6`
		done     = `2026-11-20T09:00:00Z       Terminated        Exit Code: 0`
		killed   = `2026-11-20T09:00:01Z       Killed            Task successfully killed`
		sick     = `2026-11-20T08:59:55Z       Restart Signaled  healthcheck: check "alive" unhealthy`
		asked    = `2026-11-20T08:59:55Z       Restart Signaled  User requested running tasks to restart`
		received = `2026-11-20T07:59:00Z       Received          Task received by client`
	)
	for _, c := range []struct{ name, text, want string }{
		{"failed", nomadText(again, failed, started), "exit 2 of a18b4d5d of api; up of a18b4d5d; other of a18b4d5d"},
		{"out of memory", nomadText(oom, started), "oom_kill 137 of a18b4d5d of api; up of a18b4d5d"},
		{"killed", nomadText(sigkill), "unknown 137 of a18b4d5d of api"},
		{"by a signal", nomadText(signal), "abort 134 of a18b4d5d of api"},
		{"done", nomadText(done, received), "starting of a18b4d5d; stopped of a18b4d5d"},
		{"asked to end", nomadText(killed, sigkill, sent, started), "up of a18b4d5d; stopping of a18b4d5d; stopped of a18b4d5d"},
		{"asked to end, without a status", nomadText(killed, sent), "stopping of a18b4d5d; stopped of a18b4d5d"},
		{"asked to start again", nomadText(again, sigkill, asked), "stopping of a18b4d5d; stopped of a18b4d5d; other of a18b4d5d"},
		{"failed its checks", nomadText(sigkill, sick), "health_check 137 of a18b4d5d of api; stopping of a18b4d5d"},
		{"another event", nomadText(`2026-11-20T09:00:00Z       Not Restarting    Exceeded allowed attempts`), "other of a18b4d5d"},
		{"a time without a zone", nomadText(strings.Replace(oom, "00Z", "00 ", 1)), "oom_kill 137 of a18b4d5d of api; no_timezone 1"},
		{"no time", nomadText(`soon       Terminated        Exit Code: 2`), "malformed_line 1"},
		{"cut", nomadText(`2026-11-20T09:00:00Z`), "malformed_line 1"},
		{"named by the command", "$ nomad alloc status 106aab79\n" + nomadText(oom), "oom_kill 137 of 106aab79 of api"},
		{"named by the command in full", "$ nomad alloc status -verbose a18b4d5d-1d7e-55ca-8ba5-4e0e5697e7be\n" + nomadText(oom), "oom_kill 137 of a18b4d5d of api"},
		{"named by less", "$ nomad alloc status a18\n" + nomadText(oom), "oom_kill 137 of a18b4d5d of api"},
		{"two allocations", nomadText(done) + "\n" + strings.Replace(nomadText(oom), "a18b4d5d", "50a191be", 1), "oom_kill 137 of 50a191be of api; stopped of a18b4d5d"},
		{"another task", nomadText(done) + "\nTask \"proxy\" (prestart sidecar) is \"running\"\nRecent Events:\nTime  Type  Description\n" + failed, "exit 2 of a18b4d5d/proxy of api; stopped of a18b4d5d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			recognised(t, c.text, "nomad-alloc-status")
			sink := formattest.MustRead(t, orchestrator.NomadAlloc{}, "alloc.txt", c.text)
			if got := nomadSaid(sink); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			for _, x := range sink.Crashes {
				if x.Kind == "oom_kill" && x.LimitBytes != 512<<20 {
					t.Errorf("limit %d", x.LimitBytes)
				}
			}
		})
	}
}

func FuzzNomadAlloc(f *testing.F) {
	f.Add([]byte("nomad alloc status 1\n" + nomadText(`2026-11-20T09:00:00Z  Terminated  Exit Code: 2`, "x", "2026-11-20T09:00:00Z")))
	f.Add([]byte("ID  = \nCPU  Memory \nCPU 1\nTask \"\nRecent Events:\n2026-11-20 09:00:00  Killing  unhealthy\n2026-11-20 09:00:00 Terminated  Signal: 99"))
	f.Fuzz(func(t *testing.T, data []byte) { formattest.FuzzDocument(t, orchestrator.NomadAlloc{}, data) })
}
