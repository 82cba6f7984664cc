package evidence_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

func TestColoursAndTimesThatDockerComposePutsBeforeALineAreNoPartOfIt(t *testing.T) {
	const (
		request = `{"level":30,"time":1795277647960,"pid":1,"hostname":"12a07f5331b9","req":{"id":"a","method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":12,"msg":"request completed"}`
		death   = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
		when    = "2026-11-21T16:14:07.960821000Z "
	)
	for _, c := range []struct{ name, line, server, dead string }{
		{"plain", "prod-api-2     | " + request, "prod-api-2", ""},
		{"with a time", "prod-api-2     | " + when + request, "prod-api-2", ""},
		{"with a time that names a zone", "api-2  | 2026-11-21T17:14:07.96+01:00 " + request, "api-2", ""},
		{"coloured up to the bar", "\x1b[33mprod-api-2     |\x1b[0m " + request, "prod-api-2", ""},
		{"coloured with the blank", "\x1b[33mprod-api-2  | \x1b[0m" + request, "prod-api-2", ""},
		{"coloured, with a time", "\x1b[38;5;214mprod-api-2  |\x1b[0m " + when + request, "prod-api-2", ""},
		{"a line that CI cleared first", "\x1b[0K\x1b[36;1mapi-1 |\x1b[0m " + request, "api-1", ""},
		{"an access log", "\x1b[33mapi-2  |\x1b[0m " + gunicorn, "api-2", ""},
		{"stern", "\x1b[95mshop-6c8f9d7b5-gx87d\x1b[0m \x1b[95mapp\x1b[0m " + request, "shop-6c8f9d7b5-gx87d", ""},
		{"last words", "\x1b[33mapi-2  |\x1b[0m " + when + death, "", "api-2"},
		{"last words in red", "api-2  | " + when + "\x1b[31m" + death + "\x1b[0m", "", "api-2"},
		{"a sentence before the bar is no name", "no name  | " + when + request, "", ""},
		{"what stands behind the bar is no time", "api-2  | hello " + request, "", ""},
		{"an escape that is no colour", "\x1b]0;title\x07api-2  | " + request, "", ""},
	} {
		sink := collectText(t, "compose.log", c.line+"\n"+gunicorn+"\n")
		want := []string{c.server, ""}
		if c.server == "" {
			want = want[1:]
		}
		if diff := cmp.Diff(want, servers(sink)); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", c.name, diff)
		}
		var dead []string
		for _, x := range sink.Crashes {
			if x.Kind != record.CrashHeapLimit || strings.Contains(x.Text, "\x1b") {
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

func TestALogOfColouredLinesAloneIsRecognised(t *testing.T) {
	const request = `{"level":30,"time":1795277647960,"pid":1,"hostname":"x","req":{"id":"a","method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":12,"msg":"request completed"}`
	for _, prefix := range []string{"\x1b[33mprod-api-2     |\x1b[0m ", "prod-api-2     | 2026-11-21T16:14:07.960821000Z "} {
		sink := collectText(t, "compose.log", strings.Repeat(prefix+request+"\n", 20))
		if len(sink.Requests) != 20 || len(sink.Warnings) != 0 {
			t.Errorf("%q: %d requests, want 20; warnings %+v", prefix, len(sink.Requests), sink.Warnings)
		}
		for _, c := range sink.Coverages {
			if c.Source.Format != "pino" {
				t.Errorf("%q: format %q", prefix, c.Source.Format)
			}
		}
	}
}

func TestEscapesWithinMessagesStayAsTheyAre(t *testing.T) {
	const path = "/a\x1b[31mb"
	line := `1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET ` + path + ` HTTP/1.1" 200 571 "-" "` + strings.Repeat("x", 128) + `" 0.123 web-1`
	pad := strings.Repeat("1", 100)
	sink := collectText(t, "access.log", gunicorn+"\n"+pad+line+"\n")
	found := false
	for _, r := range sink.Requests {
		found = found || string(r.Path) == path
	}
	if !found {
		t.Errorf("no request of the path %q among %d", path, len(sink.Requests))
	}
}
