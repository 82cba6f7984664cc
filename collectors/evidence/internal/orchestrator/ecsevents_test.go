package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
)

// ecsEventsText are the events of a service, the newest first, a second apart.
func ecsEventsText(messages ...string) string {
	var b strings.Builder
	for i, m := range messages {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `    {"id": "e521d2d6-e25d-544b-8c01-dcf0e4ce9758", "createdAt": "2026-11-20T09:00:%02d.666+00:00", "message": %q}`, len(messages)-i, m)
	}
	return "{\n  \"events\": [\n" + b.String() + "\n  ]\n}\n"
}

func TestServicesOfECSTellWhatTheirSchedulerDid(t *testing.T) {
	const (
		started   = "(service api) has started 1 tasks: (task " + ecsTask + ")."
		stopped   = "(service api) has stopped 1 running tasks: (task " + ecsTask + ")."
		failed    = "(service api) (task " + ecsTask + ") failed container health checks."
		unhealthy = "(service api) (task " + ecsTask + ") (port 80) is unhealthy in (target-group arn:x) due to (reason Health checks failed)"
		steady    = "(service api) has reached a steady state."
		completed = "(service api) (deployment ecs-svc/1) deployment completed."
	)
	for _, c := range []struct{ name, text, want string }{
		{"a start", ecsEventsText(steady, started), "starting of T; other of "},
		{"a stop", ecsEventsText(stopped, started), "starting of T; stopping of T"},
		{"failed checks of the container", ecsEventsText(stopped, failed), "health_check -1 of T of api; other of T"},
		{"failed checks of the load balancer", ecsEventsText(stopped, unhealthy), "health_check -1 of T of api; health_check_failed of T"},
		{"both", ecsEventsText(stopped, unhealthy, failed), "health_check -1 of T of api; health_check_failed of T; other of T"},
		{"unhealthy, and never stopped", ecsEventsText(steady, unhealthy), "health_check_failed of T; other of "},
		{"a deployment", ecsEventsText(completed), "deploy_finished of "},
		{"two tasks", ecsEventsText("(service api) has started 2 tasks: (task " + ecsTask + ") (task 0" + ecsTask[1:] + ")."), "starting of T; starting of 0" + ecsTask[1:]},
		{"no task", ecsEventsText("(service api) has started 1 tasks: (task x)."), "other of "},
		{"the service itself", `{"services":[{"serviceName":"api","deployments":[{"id":"ecs-svc/1","createdAt":"x"}],"events":` +
			strings.TrimSuffix(strings.TrimPrefix(ecsEventsText(started), "{\n  \"events\":"), "}\n") + `}],"failures":[]}`, "starting of T"},
		{"seconds since 1970", strings.Replace(ecsEventsText(started), `"2026-11-20T09:00:01.666+00:00"`, "1795165201.666", 1), "starting of T"},
		{"no time", strings.Replace(ecsEventsText(started), "2026-", "soon ", 1), "malformed_line 1"},
		{"of other types", `{"events":[{"createdAt":"2026-11-20T09:00:00Z","message":"(service api) x"},{"createdAt":"2026-11-20T09:00:00Z","message":7},null]}`, "other of ; malformed_line 1; malformed_line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			recognised(t, c.text, "ecs-service-events")
			sink := formattest.MustRead(t, orchestrator.ECSEvents{}, "events.json", c.text)
			if got, want := nomadSaid(sink), strings.ReplaceAll(c.want, "T", ecsTask); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			for _, l := range sink.Lifecycles {
				if l.Service != "api" {
					t.Errorf("%+v", l)
				}
			}
		})
	}
}

func FuzzECSEvents(f *testing.F) {
	f.Add([]byte(ecsEventsText("(service api) has stopped 1 running tasks: (task "+ecsTask+").", "(service api) (task "+ecsTask+") failed container health checks.")))
	f.Add([]byte(`{"services":[{"events":[{"createdAt":1,"message":"(service (task "},7]},{}],"events":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) { formattest.FuzzDocument(t, orchestrator.ECSEvents{}, data) })
}
