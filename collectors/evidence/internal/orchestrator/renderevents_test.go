package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
)

const renderInstance = "srv-cq1m2h08fa8c73d0b9a0-bg852"

// renderEvent is an event as Render's webhooks and API tell it.
func renderEvent(kind, details string) string {
	return fmt.Sprintf(`{"id":"evt-d3k5","timestamp":"2026-03-17T08:19:18.176Z","serviceId":"srv-cq1m2h08fa8c73d0b9a0","type":%q,"details":{%s}}`, kind, details)
}

func TestRenderTellsHowInstancesEnded(t *testing.T) {
	failed := func(reason string) string {
		return renderEvent("server_failed", `"instanceID":"`+renderInstance+`","reason":{`+reason+`}`)
	}
	for _, c := range []struct{ name, text, want string }{
		{"out of memory", failed(`"oomKilled":{"memoryLimit":"512Mi"},"evicted":false`), "oom_kill -1 of I of "},
		{"without its limit", failed(`"oomKilled":true`), "oom_kill -1 of I of "},
		{"a status", failed(`"nonZeroExit":1,"evicted":false`), "exit 1 of I of "},
		{"a signal", failed(`"nonZeroExit":134`), "abort 134 of I of "},
		{"no status", failed(`"nonZeroExit":"one"`), "unknown -1 of I of "},
		{"health checks", failed(`"unhealthy":"HTTP health check failed (timed out after 5 seconds)"`), "health_check -1 of I of "},
		{"put off its node", failed(`"evicted":true`), "stopped of I"},
		{"an early exit", failed(`"earlyExit":true`), "exit 0 of I of "},
		{"never listened", failed(`"timedOutSeconds":900`), "health_check_failed of I"},
		{"no reason", renderEvent("server_failed", `"instanceID":"`+renderInstance+`"`), "unknown -1 of I of "},
		{"up", renderEvent("server_available", `"instanceID":"`+renderInstance+`"`), "up of I"},
		{"a deploy", renderEvent("deploy_started", `"deployId":"dep-1","trigger":{}`) + "\n" + renderEvent("deploy_ended", `"deployId":"dep-1","deployStatus":"succeeded"`), "deploy of ; deploy_finished of "},
		{"the hardware", renderEvent("server_hardware_failure", ``), "host_down of "},
		{"asked for", renderEvent("server_restarted", `"triggeredByUser":{}`), "restarting of "},
		{"scaled", renderEvent("instance_count_changed", `"fromInstances":2,"toInstances":4`), "scale of "},
		{"something new", renderEvent("edge_cache_purged", ``), "other of "},
		{"no time", strings.Replace(failed(`"evicted":true`), "2026-03-17T08:19:18.176Z", "soon", 1) + "\n" + renderEvent("server_restarted", ``), "restarting of ; malformed_line 1"},
		{"no details", `{"id":"evt-1","timestamp":"2026-03-17T08:19:18Z","serviceId":"srv-1","type":"server_failed","details":null}`, "unknown -1 of  of srv-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			recognised(t, c.text, "render-events")
			sink, left := formattest.ReadLines(t, orchestrator.RenderEvents{}, c.text)
			if len(left) > 0 {
				t.Errorf("left over: %q", left)
			}
			if got, want := nomadSaid(sink), strings.ReplaceAll(c.want, "I", renderInstance); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestRenderTellsTheLimitOfWhatItKilled(t *testing.T) {
	text := renderEvent("server_failed", `"instanceID":"`+renderInstance+`","reason":{"oomKilled":{"memoryLimit":"2Gi"}}`)
	listed := `{"event":` + text + `,"cursor":"abc"}`
	for name, text := range map[string]string{
		"a line": text, "listed": listed, "an answer": "[" + listed + "]", "laid out": "[\n" + pretty(t, listed) + ",\n" + pretty(t, listed) + "]",
	} {
		sink := collect(t, text)
		if len(sink.Crashes) == 0 || len(sink.Warnings) > 0 {
			t.Errorf("%s: %+v, %+v", name, sink.Crashes, sink.Warnings)
		}
		for _, c := range sink.Crashes {
			if c.LimitBytes != 2<<30 || !c.Exited || c.Container != renderInstance {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}

func FuzzRenderEvents(f *testing.F) {
	f.Add(renderEvent("server_failed", `"instanceID":"`+renderInstance+`","reason":{"oomKilled":{"memoryLimit":"512Mi"},"evicted":false}`))
	f.Add(renderEvent("server_failed", `"reason":{"nonZeroExit":1e300}`) + "\n" + renderEvent("deploy_ended", `"deployStatus":"failed"`))
	f.Fuzz(func(t *testing.T, text string) {
		sink, _ := formattest.ReadLinesQuietly(orchestrator.RenderEvents{}, text)
		formattest.CheckSane(t, sink)
	})
}
