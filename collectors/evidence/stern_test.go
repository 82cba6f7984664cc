package evidence_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

func TestWhatSternPutsBeforeALineNamesThePod(t *testing.T) {
	const (
		pod     = "shop-6c8f9d7b5-gx87d"
		request = `{"level":30,"time":1795277647960,"pid":1,"hostname":"12a07f5331b9","req":{"id":"a","method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":12,"msg":"request completed"}`
		bare    = `{"level":30,"time":1795277647960,"req":{"id":"a","method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":12,"msg":"request completed"}`
		death   = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
		when    = "2026-11-21T16:14:07.960821000Z "
	)
	for _, c := range []struct{ name, line, server, dead string }{
		{"JSON", pod + " app " + request, pod, ""},
		{"JSON behind a time", pod + " app " + when + request, pod, ""},
		{"JSON of all namespaces", "shop " + pod + " app " + request, pod, ""},
		{"of a stateful set", "web-0 app " + request, "web-0", ""},
		{"of a companion", pod + " istio-proxy " + request, pod + "/istio-proxy", ""},
		{"as kubectl puts it", "[pod/" + pod + "/app] " + request, pod + "/app", ""},
		{"as kubectl puts it, behind a time", "[pod/" + pod + "/app] " + when + request, pod + "/app", ""},
		{"an access log", pod + " app " + gunicorn, pod, ""},
		{"last words behind a time", pod + " app " + when + death, "", pod},
		{"last words in JSON", pod + ` app {"level":50,"time":1795277647961,"msg":"` + death + `"}`, "", pod},
		{"words before JSON that name no pod", "info http-server " + bare, "", ""},
		{"a sentence before last words", "retry-later now " + when + death, "", ""},
	} {
		sink := collectText(t, "all.log", c.line+"\n"+gunicorn+"\n")
		want := []string{c.server, ""}
		if c.server == "" {
			want = want[1:]
		}
		if diff := cmp.Diff(want, servers(sink)); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", c.name, diff)
		}
		var dead []string
		for _, x := range sink.Crashes {
			if x.Kind != record.CrashHeapLimit {
				t.Errorf("%s: %+v", c.name, x)
			}
			dead = append(dead, x.Container)
		}
		wantDead := []string{c.dead}
		if c.dead == "" {
			wantDead = nil
		}
		if diff := cmp.Diff(wantDead, dead); diff != "" {
			t.Errorf("%s: deaths (-want +got):\n%s", c.name, diff)
		}
	}
}
