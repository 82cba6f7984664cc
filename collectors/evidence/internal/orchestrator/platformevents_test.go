package orchestrator_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/record"
)

func TestPlatformEventsTellLivesAndDeaths(t *testing.T) {
	when := formattest.At(t, "2026-11-16T13:47:57.859Z")
	const who = `"time":"2026-11-16T13:47:57.859Z","container":"web-1","container_id":"dc317786f4c66790fb508272"`
	life := func(k record.LifecycleKind, reason string) *record.Lifecycle {
		return &record.Lifecycle{Time: when, Kind: k, ExitCode: -1, Reason: reason, Container: "web-1", Instance: "dc317786f4c66790fb508272"}
	}
	crash := func(k record.CrashKind) *record.Crash {
		return &record.Crash{Time: when, Kind: k, ExitCode: -1, Container: "web-1", Instance: "dc317786f4c66790fb508272"}
	}
	exit := func(k record.CrashKind, code int, signal string) *record.Crash {
		c := crash(k)
		c.Exited, c.ExitCode, c.Signal = true, code, signal
		return c
	}
	withVersion := life(record.Starting, "")
	withVersion.Version = "v311"
	limit := crash(record.CrashOOMKill)
	limit.UsedBytes, limit.LimitBytes = 134234112, 134217728
	stopped := life(record.Stopped, "deploy")
	stopped.ExitCode = 143
	formattest.CheckLines(t, orchestrator.PlatformEvents{}, []formattest.LineCase{
		{Name: "starting with a version", Line: `{` + who + `,"type":"container_starting","version":"v311"}`, Lifecycle: withVersion},
		{Name: "up", Line: `{` + who + `,"type":"container_started","boot_seconds":7.8}`, Lifecycle: life(record.Up, "")},
		{Name: "stopping", Line: `{` + who + `,"type":"container_stopping","reason":"deploy"}`, Lifecycle: life(record.Stopping, "deploy")},
		{Name: "stopped", Line: `{` + who + `,"type":"container_stopped","exit_code":143,"signal":"SIGTERM","reason":"deploy"}`, Lifecycle: stopped},
		{Name: "crashed", Line: `{` + who + `,"type":"container_crashed","exit_code":134,"signal":"SIGABRT","reason":"Error"}`, Crash: exit(record.CrashAbort, 134, "SIGABRT")},
		{Name: "killed for memory", Line: `{` + who + `,"type":"container_crashed","exit_code":137,"signal":"SIGKILL","reason":"OOMKilled"}`, Crash: exit(record.CrashOOMKill, 137, "SIGKILL")},
		{Name: "killed for not answering", Line: `{` + who + `,"type":"container_crashed","exit_code":"137","reason":"Unhealthy"}`, Crash: exit(record.CrashHealthCheck, 137, "SIGKILL")},
		{Name: "a limit exceeded", Line: `{` + who + `,"type":"memory_limit_exceeded","rss":134234112,"limit":134217728}`, Crash: limit},
		{Name: "a liveness kill", Line: `{` + who + `,"type":"liveness_kill","reason":"Unhealthy"}`, Crash: crash(record.CrashHealthCheck)},
		{Name: "a failed health check", Line: `{` + who + `,"type":"health_check_failed","failures":1,"result":"timeout"}`, Lifecycle: life(record.HealthCheckFailed, "timeout")},
		{Name: "lost", Line: `{` + who + `,"type":"container_lost","reason":"HostUnreachable"}`, Lifecycle: life(record.Unreachable, "HostUnreachable")},
		{
			Name:      "a deploy is about the service, and its author stays out of the reason",
			Line:      `{"time":"2026-11-16T13:47:57.859Z","type":"deploy","version":"v312","user":"ci@example.org"}`,
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Deploy, ExitCode: -1, Version: "v312"},
		},
		{
			Name:      "a deploy ends",
			Line:      `{"time":"2026-11-16T13:47:57.859Z","type":"deploy_finished","version":"v312"}`,
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.DeployFinished, ExitCode: -1, Version: "v312"},
		},
		{
			Name:      "members of a dependency",
			Line:      `{"time":"2026-11-16T13:47:57.859Z","type":"service_list_refreshed","service":"directory","instances":["directory-1","directory-3"]}`,
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.MembersChanged, ExitCode: -1, Reason: "directory-1,directory-3", Service: "directory"},
		},
		{
			Name:      "a maintenance window has an end",
			Line:      `{"time":"2026-11-16T13:47:57.859Z","type":"maintenance_scheduled","until":"2026-11-16T15:47:57.859Z"}`,
			Lifecycle: &record.Lifecycle{Time: when, End: when.Add(2 * time.Hour), Kind: record.Maintenance, ExitCode: -1},
		},
		{
			Name:      "a maintenance that is over says so in its reason",
			Line:      `{"time":"2026-11-16T13:47:57.859Z","type":"maintenance_over","app":"shop"}`,
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Maintenance, ExitCode: -1, Reason: "over", Service: "shop"},
		},
		{
			Name:      "a time in milliseconds since 1970",
			Line:      `{"timestamp":1794836877859,"type":"scale"}`,
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Scale, ExitCode: -1},
		},
		{
			Name:  "Scalingo's own word for a crash",
			Line:  `{"created_at":"2026-11-16T13:47:57.859+00:00","type":"app_crashed","app_name":"shop","type_data":{"container_type":"web"}}`,
			Crash: &record.Crash{Time: when, Kind: record.CrashOther, Exited: true, ExitCode: -1, Service: "shop"},
		},
	})
}

func TestPlatformEventsRefuseOtherJSON(t *testing.T) {
	for _, line := range []string{
		`{"level":30,"time":1794836877859,"msg":"x"}`, `{"type":"log","attributes":{}}`, `{"type":"container_crashed"}`, `{"type":`, `[1]`, ``,
	} {
		if sink, _ := formattest.ReadLinesQuietly(orchestrator.PlatformEvents{}, line); len(sink.Crashes)+len(sink.Lifecycles) > 0 {
			t.Errorf("made something of %q", line)
		}
	}
	sink, unhandled := formattest.ReadLines(t, orchestrator.PlatformEvents{}, `{"type":"container_crashed","time":"yesterday"}`)
	if len(unhandled) > 0 || sink.WarningCount("malformed_line") != 1 || len(sink.Crashes) > 0 {
		t.Errorf("an event without a usable time: %+v", sink)
	}
}

func TestScalingosEventListIsRead(t *testing.T) {
	text := `{"events":[
	 {"id":"1","created_at":"2026-11-16T13:47:57.859+00:00","type":"crash","app_name":"shop","type_data":{"container_type":"web"}},
	 {"id":"2","created_at":"2026-11-16T13:50:00.000+00:00","type":"deployment","app_name":"shop","type_data":{"git_ref":"abc","status":"success"}},
	 {"id":"3","created_at":"2026-11-16T13:51:00.000+00:00","type":"new_user","app_name":"shop"}
	],"meta":{"pagination":{"current_page":1}}}`
	recognised(t, text, "platform-event-list")
	sink := formattest.MustRead(t, orchestrator.PlatformEventList{}, "events.json", text)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Pos.Line != 2 || sink.Crashes[0].Service != "shop" {
		t.Errorf("crashes: %+v", sink.Crashes)
	}
	want := []record.Lifecycle{{Time: formattest.At(t, "2026-11-16T13:50:00Z"), Kind: record.DeployFinished, ExitCode: -1, Service: "shop"}}
	if diff := cmp.Diff(want, sink.Lifecycles, formattest.Ignoring()); diff != "" {
		t.Errorf("lifecycle (-want +got):\n%s", diff)
	}
}

func FuzzPlatformEvents(f *testing.F) {
	f.Add(`{"time":"2026-11-16T13:47:57.859Z","type":"container_crashed","container":"web-1","container_id":"dc31","exit_code":134,"signal":"SIGABRT","reason":"Error"}`)
	f.Add(`{"time":"2026-11-16T13:47:57.859Z","type":"memory_limit_exceeded","rss":1e300,"limit":-5}`)
	f.Add(`{"events":[{"created_at":1e99,"type":"crash"}]}`)
	f.Fuzz(func(t *testing.T, line string) {
		formattest.FuzzLine(t, orchestrator.PlatformEvents{}, line)
		formattest.FuzzDocument(t, orchestrator.PlatformEventList{}, []byte(line))
	})
}
