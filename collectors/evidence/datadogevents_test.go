package evidence

import (
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
)

// ddEvent is an event of Datadog's API.
func ddEvent(title, message, tags, more string) string {
	return `{"id":"AgAAAYGCFXAgIVFv","type":"event","attributes":{"timestamp":"2026-11-20T09:00:00.123Z","message":` + quoted(message) + `,"tags":[` + tags + `],"attributes":{"title":` + quoted(title) +
		`,"timestamp":1795165199000,"evt":{"source_id":100}` + more + `}}}`
}

func TestEventsOfDatadogTellOfLivesAndDeaths(t *testing.T) {
	const pod = `"pod_name:web-0","service:shop"`
	for _, c := range []struct{ name, text, want string }{
		{"a kill", ddEvent("Events from the Pod shop/web-0", "1 **OOMKilling**: Memory cgroup out of memory", pod, ""), "oom_kill of web-0 of shop"},
		{"in the words of Amazon ECS", ddEvent("task stopped", "OutOfMemoryError: Container killed due to memory usage", `"task_arn:arn:aws:ecs:eu-west-1:1:task/prod/23e3dc7a"`, `,"service":"api"`), "oom_kill of arn:aws:ecs:eu-west-1:1:task/prod/23e3dc7a of api"},
		{"a monitor tells what others saw", ddEvent("[Triggered] OOMKilled pods", "", pod, `,"monitor_id":7`), ""},
		{"a probe", ddEvent("Unhealthy", "Liveness probe failed: HTTP probe failed", pod, ""), "health_check_failed of web-0 of shop"},
		{"a deployment is of the service", ddEvent("Deployed shop 1.42", "", pod, ""), "deploy_finished of  of shop"},
		{"one that begins", ddEvent("Deploying shop 1.42", "", pod, ""), "deploy of  of shop"},
		{"a machine", ddEvent("Host down", "", "", `,"hostname":"node-a"`), "host_down of node-a of "},
		{"words of a process", ddEvent("log", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", pod, ""), "heap_limit of web-0 of shop"},
		{"nothing of a life", ddEvent("A dashboard was shared", "", pod, ""), ""},
		{"no time", strings.NewReplacer("2026-11-20T09:00:00.123Z", "soon", "1795165199000", "0").Replace(ddEvent("OOMKilled", "", pod, "")), "no_time"},
		{"of other types", strings.Replace(ddEvent("OOMKilled", "", pod, ""), "1795165199000", `"then"`, 1), "malformed_line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, text := range map[string]string{"a line": c.text + "\n", "an answer": `{"data":[` + c.text + `],"meta":{"page":{"after":"x"}}}`, "laid out": indented(t, `{"data":[`+c.text+`]}`)} {
				if f, score := bestFormat([]byte(text)); f == nil || f.Name() != "datadog-events" {
					t.Fatalf("%s is recognised as %v (%d)", name, f, score)
				}
				sink := readLog(t, text, 1)
				var out []string
				told := func(kind any, container, service string, at record.Time) {
					out = append(out, fmt.Sprintf("%s of %s of %s", kind, container, service))
					if at != formattest.At(t, "2026-11-20T09:00:00.123Z") {
						t.Errorf("%s: at %v", name, at)
					}
				}
				for _, x := range sink.Crashes {
					told(x.Kind, x.Container, x.Service, x.Time)
				}
				for _, x := range sink.Lifecycles {
					told(x.Kind, x.Container, x.Service, x.Time)
				}
				for _, w := range sink.Warnings {
					out = append(out, w.Code)
				}
				if got := strings.Join(out, "; "); got != c.want && !(c.want == "" && got == "no_records") {
					t.Errorf("%s: got %q, want %q", name, got, c.want)
				}
			}
		})
	}
}

func FuzzDatadogEvents(f *testing.F) {
	f.Add(ddEvent("OOMKilled", "x", `"pod_name:a","pod_name:","container:b"`, `,"monitor_id":0`))
	f.Add(`{"type":"event","attributes":{"tags":null,"attributes":{"timestamp":9223372036854775807,"title":"deploy"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		sink, _ := formattest.ReadLinesQuietly(datadogEvents{}, text)
		formattest.CheckSane(t, sink)
		formattest.FuzzDocument(t, datadogEventList{}, []byte(text))
	})
}
