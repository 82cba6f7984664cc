package orchestrator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
)

// ecsEvent is an event as EventBridge passes it on.
func ecsEvent(kind, detail string) string {
	return `{"version":"0","id":"3317b2af-7005-947d-b652-f55e762e571a","detail-type":"` + kind + `","source":"aws.ecs","account":"123456789012","time":"2026-11-20T09:00:13Z",` +
		`"region":"eu-west-1","resources":["arn:aws:ecs:eu-west-1:123456789012:task/prod/` + ecsTask + `"],"detail":{` + detail + `}}`
}

// ecsChange is one of a task.
func ecsChange(status, code, more string) string {
	return ecsEvent("ECS Task State Change", `"taskArn":"arn:aws:ecs:eu-west-1:123456789012:task/prod/`+ecsTask+`","group":"service:api","memory":"512","cpu":"256","lastStatus":"`+status+`",
"containers":[{"name":"api","lastStatus":"`+status+`"`+code+`,"networkInterfaces":[{"privateIpv4Address":"10.0.0.172"}]}]`+more)
}

func TestStateChangesOfECSTellHowTasksEnded(t *testing.T) {
	const (
		began  = `,"startedAt":"2026-11-20T08:00:00.268Z"`
		ending = began + `,"stopCode":"EssentialContainerExited","stoppedReason":"Essential container in task exited","stoppingAt":"2026-11-20T09:00:05Z"`
		ended  = ending + `,"executionStoppedAt":"2026-11-20T09:00:02Z","stoppedAt":"2026-11-20T09:00:12Z"`
		killed = `,"exitCode":137,"reason":"OutOfMemoryError: Container killed due to memory usage"`
	)
	line := func(text string) string { return strings.ReplaceAll(text, "\n", "") + "\n" }
	pending, running := line(ecsChange("PENDING", "", "")), line(ecsChange("RUNNING", "", began))
	stopping, stopped := line(ecsChange("DEPROVISIONING", killed, ending)), line(ecsChange("STOPPED", killed, ended))
	for _, c := range []struct{ name, text, want string }{
		{"pending", pending, ""},
		{"running", running, "up of T/api"},
		{"a life", pending + running + stopping + stopped, "oom_kill 137 of T/api of api; up of T/api; up of T/api; up of T/api"},
		{"a deployment of the service", line(ecsEvent("ECS Deployment State Change", `"eventType":"INFO","eventName":"SERVICE_DEPLOYMENT_IN_PROGRESS","reason":"ECS deployment ecs-svc/1 in progress."`)) +
			line(ecsEvent("ECS Deployment State Change", `"eventName":"SERVICE_DEPLOYMENT_COMPLETED"`)), "deploy of ; deploy_finished of "},
		{"asked to end", line(ecsChange("STOPPED", `,"exitCode":137`, strings.Replace(ended, "EssentialContainerExited", "UserInitiated", 1))), "up of T/api; stopped of T/api"},
		{"another kind", line(ecsEvent("ECS Service Action", `"eventType":"INFO","eventName":"SERVICE_STEADY_STATE"`)), ""},
		{"a memory that is a number", line(strings.Replace(ecsChange("STOPPED", killed, ended), `"memory":"512"`, `"memory":512`, 1)), "oom_kill 137 of T/api of api; up of T/api; malformed_line 1"},
		{"cut", line(ecsChange("STOPPED", killed, ended)[:700]), "malformed_line 1"},
		{"of no time", line(strings.Replace(ecsEvent("ECS Deployment State Change", `"eventName":"SERVICE_DEPLOYMENT_FAILED"`), "2026-", "soon ", 1)), "no_time 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink, unhandled := formattest.ReadLines(t, orchestrator.ECSStateChanges{}, c.text)
			if got, want := nomadSaid(sink), strings.ReplaceAll(c.want, "T", ecsTask); got != want || len(unhandled) > 0 {
				t.Errorf("got %s, want %s; %q", got, want, unhandled)
			}
			for _, x := range sink.Crashes {
				if x.Time != formattest.At(t, "2026-11-20T09:00:02Z") || x.LimitBytes != 512<<20 && len(sink.Warnings) == 0 || !x.Exited {
					t.Errorf("%+v", x)
				}
			}
		})
	}
	text := running + stopped
	recognised(t, text, "ecs-state-changes")
	// As a group of logs gives them back, and laid out for people.
	var stored []string
	for _, l := range []string{running, stopped} {
		message, err := json.Marshal(strings.TrimSpace(l))
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, fmt.Sprintf(`{"logStreamName":"a1b2","timestamp":1795165213000,"message":%s,"ingestionTime":1795165214000,"eventId":"%d"}`, message, len(stored)))
	}
	for name, text := range map[string]string{"stored": `{"events":[` + strings.Join(stored, ",") + `],"searchedLogStreams":[]}`, "laid out": pretty(t, text)} {
		if sink := collect(t, text); len(sink.Crashes) != 1 || len(sink.Warnings) > 0 || sink.Crashes[0].Container != ecsTask+"/api" {
			t.Errorf("%s: %+v, %+v", name, sink.Crashes, sink.Warnings)
		}
	}
}

func FuzzECSStateChanges(f *testing.F) {
	f.Add(strings.ReplaceAll(ecsChange("STOPPED", `,"exitCode":137`, `,"startedAt":"2026-11-20T08:00:00Z","stoppedAt":1e300`), "\n", ""))
	f.Add(ecsEvent("ECS Deployment State Change", `"eventName":7,"containers":[null,{"exitCode":-1}]`))
	f.Fuzz(func(t *testing.T, text string) {
		sink, _ := formattest.ReadLinesQuietly(orchestrator.ECSStateChanges{}, text)
		formattest.CheckSane(t, sink)
	})
}
