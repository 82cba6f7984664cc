package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/record"
)

const dockerID = "3f1c9a77d6c2a54c3a2f0b4fd1f0a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6"

func dockerLine(action, attrs string, nano string) string {
	return `{"status":"` + action + `","id":"` + dockerID + `","from":"api:1","Type":"container","Action":"` + action + `","Actor":{"ID":"` + dockerID +
		`","Attributes":{` + attrs + `"image":"api:1","name":"web-1","com.docker.compose.service":"web"}},"scope":"local","time":1794836877,"timeNano":` + nano + `}`
}

func TestEventsOfDockerTellLivesAndDeaths(t *testing.T) {
	when := formattest.At(t, "2026-11-16T13:47:57.85998291Z")
	life := func(k record.LifecycleKind, reason string, code int) *record.Lifecycle {
		return &record.Lifecycle{Time: when, Kind: k, ExitCode: code, Reason: reason, Container: "web-1", Instance: dockerID, Service: "web"}
	}
	const nano = "1794836877859982910"
	formattest.CheckLines(t, orchestrator.DockerEvents{}, []formattest.LineCase{
		{
			Name:  "oom",
			Line:  dockerLine("oom", "", nano),
			Crash: &record.Crash{Time: when, Kind: record.CrashOOMKill, ExitCode: -1, Container: "web-1", Instance: dockerID, Service: "web"},
		},
		{
			Name:  "a death",
			Line:  dockerLine("die", `"exitCode":"134",`, nano),
			Crash: &record.Crash{Time: when, Kind: record.CrashAbort, Exited: true, ExitCode: 134, Signal: "SIGABRT", Container: "web-1", Instance: dockerID, Service: "web"},
		},
		{Name: "an end with 0 is none", Line: dockerLine("die", `"exitCode":"0",`, nano), Lifecycle: life(record.Stopped, "", 0)},
		{Name: "start", Line: dockerLine("start", "", nano), Lifecycle: life(record.Up, "", -1)},
		{Name: "unhealthy", Line: dockerLine("health_status: unhealthy", "", nano), Lifecycle: life(record.HealthCheckFailed, "health_status: unhealthy", -1)},
		{Name: "healthy", Line: dockerLine("health_status: healthy", "", nano), Lifecycle: life(record.LifecycleOther, "health_status: healthy", -1)},
		{Name: "a restart that is over", Line: dockerLine("restart", "", nano), Lifecycle: life(record.LifecycleOther, "restart", -1)},
		{Name: "a signal that asks for something else", Line: dockerLine("kill", `"signal":"1",`, nano)},
		{Name: "a command within the container", Line: dockerLine("exec_die", `"exitCode":"1",`, nano)},
		{
			Name:  "the text of the same",
			Line:  "2026-11-16T13:47:57.859982910Z container die " + dockerID + " (exitCode=139, image=api:1, maintainer=A (B), name=web-1)",
			Crash: &record.Crash{Time: when, Kind: record.CrashSegfault, Exited: true, ExitCode: 139, Signal: "SIGSEGV", Container: "web-1", Instance: dockerID},
		},
	})
}

func TestADeathThatWasAskedForIsNoCrash(t *testing.T) {
	text := strings.Join([]string{
		dockerLine("kill", `"signal":"15",`, "1794836877000000000"),
		dockerLine("kill", `"signal":"9",`, "1794836887000000000"),
		dockerLine("die", `"exitCode":"137",`, "1794836887100000000"),
		dockerLine("start", "", "1794836890000000000"),
		dockerLine("die", `"exitCode":"137",`, "1794836899000000000"),
	}, "\n")
	sink, _ := formattest.ReadLines(t, orchestrator.DockerEvents{}, text)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Pos.Line != 5 {
		t.Errorf("crashes %+v", sink.Crashes)
	}
	var kinds []record.LifecycleKind
	for _, l := range sink.Lifecycles {
		kinds = append(kinds, l.Kind)
	}
	if diff := cmp.Diff([]record.LifecycleKind{record.Stopping, record.Stopping, record.Stopped, record.Up}, kinds); diff != "" {
		t.Errorf("lifecycle (-want +got):\n%s", diff)
	}
}

func FuzzDockerEvents(f *testing.F) {
	f.Add(dockerLine("die", `"exitCode":"137",`, "1794836899000000000"))
	f.Add("2026-11-16T13:47:57.859982910Z container die " + dockerID + " (exitCode=139, image=api:1, name=web-1)")
	f.Add("2026-11-16T13:47:57Z container  (name=)")
	f.Fuzz(func(t *testing.T, line string) { formattest.FuzzLine(t, orchestrator.DockerEvents{}, line) })
}
