package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
)

const ecsTask = "23e3dc7aec2ba6b66722236aae1f078a"

// ecsTaskText is a task that ended so.
func ecsTaskText(code, reason, stopCode, stopped string) string {
	return `{"tasks":[{"taskArn":"arn:aws:ecs:eu-west-1:123456789012:task/prod/` + ecsTask + `","group":"service:api","cpu":"512","memory":"640",
	"lastStatus":"STOPPED","startedAt":"2026-11-20T08:00:00.268+00:00","containers":[
	{"name":"log_router","lastStatus":"STOPPED","exitCode":0,"memory":"64"},
	{"name":"api","lastStatus":"STOPPED","networkInterfaces":[{"attachmentId":"x","privateIpv4Address":"10.0.0.172"}],` + code + `"reason":"` + reason + `"}],
	"stoppedAt":"2026-11-20T09:00:12Z","stoppingAt":"2026-11-20T09:00:01Z","executionStoppedAt":"2026-11-20T09:00:00Z","stopCode":"` + stopCode + `","stoppedReason":"` + stopped + `"}],"failures":[]}`
}

func TestTasksOfECSTellHowTheyEnded(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{
			"killed for its memory", ecsTaskText(`"exitCode":137,`, "OutOfMemoryError: Container killed due to memory usage", "EssentialContainerExited", "Essential container in task exited"),
			"crash oom_kill 137 SIGKILL 671088640",
		},
		{"aborted", ecsTaskText(`"exitCode":134,`, "", "EssentialContainerExited", "Essential container in task exited"), "crash abort 134 SIGABRT 671088640"},
		{"unhealthy", ecsTaskText(`"exitCode":143,`, "", "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:x)"), "crash health_check 143 SIGTERM 671088640"},
		{"a deployment", ecsTaskText(`"exitCode":137,`, "", "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"), "stopped 137 ServiceSchedulerInitiated"},
		{"asked to end", ecsTaskText(`"exitCode":143,`, "", "UserInitiated", "Task stopped by user"), "stopped 143 UserInitiated"},
		{"done", ecsTaskText(`"exitCode":0,`, "", "EssentialContainerExited", "Essential container in task exited"), "stopped 0 EssentialContainerExited"},
		{"with times as version 1 of the command writes them", strings.NewReplacer(`"2026-11-20T09:00:00Z"`, `1795165200.0`, `"2026-11-20T08:00:00.268+00:00"`, `1795161600.268`, `"2026-11-20T09:00:01Z"`, `1795165201`).Replace(
			ecsTaskText(`"exitCode":134,`, "", "EssentialContainerExited", "Essential container in task exited")), "crash abort 134 SIGABRT 671088640"},
		{"running", ecsTaskText("", "", "", ""), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			recognised(t, c.text, "ecs-tasks")
			sink := formattest.MustRead(t, orchestrator.ECSTasks{}, "tasks.json", c.text)
			got := ""
			const task, at = ecsTask, "2026-11-20T09:00:00Z"
			id := task + "/api"
			if len(sink.Mains) != 1 || sink.Mains[0] != id {
				t.Errorf("the task is there for %v", sink.Mains)
			}
			for _, x := range sink.Crashes {
				if x.Container != id || x.Time != formattest.At(t, at) || !x.Exited || x.Service != "api" || !strings.HasPrefix(x.Text, "exit code ") {
					t.Errorf("%+v", x)
				}
				got += fmt.Sprintf("crash %s %d %s %d", x.Kind, x.ExitCode, x.Signal, x.LimitBytes)
			}
			ups := 0
			for _, x := range sink.Lifecycles {
				switch {
				case x.Kind == "up":
					ups++
					if x.Container == id && (x.Address != "10.0.0.172" || x.Time != formattest.At(t, "2026-11-20T08:00:00.268Z")) {
						t.Errorf("%+v", x)
					}
				case x.Container == id:
					got += fmt.Sprintf("%s %d %s", x.Kind, x.ExitCode, x.Reason)
				case x.Container != task+"/log_router":
					t.Errorf("%+v", x)
				}
			}
			if got != c.want || ups != 2 || len(sink.Samples) != 2 {
				t.Errorf("%q, want %q; %d began, %d samples", got, c.want, ups, len(sink.Samples))
			}
		})
	}
}

func FuzzECSTasks(f *testing.F) {
	f.Add([]byte(ecsTaskText(`"exitCode":137,`, "", "EssentialContainerExited", "")))
	f.Add([]byte(`{"tasks":[{"taskArn":"","containers":[{"exitCode":1e9}]},{"taskArn":"x","containers":[{"exitCode":-1,"memory":"-1"},{"exitCode":1}],"stoppedAt":"1"}],"tasks":{}}`))
	f.Add([]byte(`{"tasks":[{"taskArn":7,"lastStatus":"","containers":"x"},null,[]]}`))
	f.Fuzz(func(t *testing.T, data []byte) { formattest.FuzzDocument(t, orchestrator.ECSTasks{}, data) })
}
