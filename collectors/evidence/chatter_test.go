package evidence_test

import (
	"fmt"
	"testing"

	"lastcall/collectors/record"
)

// TestWhatProcessesLogBesideRequestsIsPassedOn: whatever stands before it, with who wrote it and when.
func TestWhatProcessesLogBesideRequestsIsPassedOn(t *testing.T) {
	const text = "building digest of 412 campaigns"
	const at = record.Time(1_795_176_000_123_000_000) // 2026-11-20T12:00:00.123Z
	for name, c := range map[string]struct{ file, line, container string }{
		"Heroku":             {"a.log", "2026-11-20T12:00:00.123000+00:00 app[web.1]: " + text, "web.1"},
		"Scalingo":           {"a.log", "2026-11-20 12:00:00.123000000 +0000 UTC [web-1] " + text, "web-1"},
		"Docker Compose":     {"a.log", "web-1  | 2026-11-20T12:00:00.123Z " + text, "web-1"},
		"kubectl":            {"a.log", "[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T12:00:00.123Z " + text, "web-5d8f7b9c4-x2x9q/app"},
		"stern, coloured":    {"a.log", "\x1b[36mweb-5d8f7b9c4-x2x9q\x1b[0m app 2026-11-20T12:00:00.123Z " + text, "web-5d8f7b9c4-x2x9q"},
		"a file of its own":  {"web-5d8f7b9c4-x2x9q_default_app-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log", "2026-11-20T12:00:00.123Z stdout F " + text, "web-5d8f7b9c4-x2x9q/app"},
		"nobody":             {"a.log", "2026-11-20T12:00:00.123Z " + text, ""},
		"pino":               {"a.log", fmt.Sprintf(`{"level":30,"time":%d,"pid":17,"hostname":"web-1","msg":%q}`, at/1e6, text), "web-1"},
		"pino behind Heroku": {"a.log", fmt.Sprintf(`2026-11-20T12:00:00.123000+00:00 app[web.1]: {"level":30,"time":%d,"pid":17,"hostname":"x","msg":%q}`, at/1e6, text), "web.1"},
		"Datadog": {"a.log", fmt.Sprintf(`{"id":"x","type":"log","attributes":{"timestamp":"2026-11-20T12:00:00.123Z","host":"h","service":"api","message":%q,"tags":["container_name:web-1"],"attributes":{}}}`, text),
			"web-1"},
		"Docker's file": {"a.log", fmt.Sprintf(`{"log":%q,"stream":"stdout","time":"2026-11-20T12:00:00.123Z"}`, text+"\n"), ""},
		"Loki":          {"answer.json", fmt.Sprintf(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"web-1"},"values":[["%d",%q]]}]}}`, at, text), "web-1"},
	} {
		log := c.line
		if c.file != "answer.json" { // a log needs more than chatter to be known for one
			log += "\n" + `1.2.3.4 - - [20/Nov/2026:12:00:01 +0000] "GET /x HTTP/1.1" 200 5` + "\n"
		}
		sink := collectText(t, c.file, log)
		if len(sink.Messages) != 1 {
			t.Errorf("%s: %d messages, warnings %+v", name, len(sink.Messages), sink.Warnings)
			continue
		}
		if m := sink.Messages[0]; m.Time != at || string(m.Container) != c.container || string(m.Text) != text || m.Pos.Line == 0 {
			t.Errorf("%s: %v of %q: %q (line %d)", name, m.Time.Std(), m.Container, m.Text, m.Pos.Line)
		}
	}
}

// TestWhatIsEvidenceIsNoMessage: requests, jobs, last words, events of platforms, and what has no time.
func TestWhatIsEvidenceIsNoMessage(t *testing.T) {
	sink := collectText(t, "a.log", `2026-11-20T12:00:00.000000+00:00 heroku[router]: at=info method=GET path="/x" host=a request_id=1 fwd="1.2.3.4" dyno=web.1 connect=0ms service=5ms status=200 bytes=1 protocol=https
2026-11-20T12:00:01.000000+00:00 heroku[web.1]: State changed from up to crashed
2026-11-20T12:00:01.000000+00:00 app[web.1]: FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
2026-11-20T12:00:02.000000+00:00 app[web.1]: Listening on port 3000
{"level":30,"time":1795176000123,"pid":17,"hostname":"web-1","req":{"id":1,"method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":3,"msg":"request completed"}
{"level":30,"time":1795176000123,"pid":17,"hostname":"web-1","job":"digest","duration":456,"msg":"job completed"}
a line without a time
`)
	if len(sink.Messages) > 0 {
		t.Errorf("messages %+v", sink.Messages)
	}
	if len(sink.Requests) != 2 || len(sink.Jobs) != 1 || len(sink.Crashes) == 0 {
		t.Errorf("%d requests, %d jobs, %d crashes", len(sink.Requests), len(sink.Jobs), len(sink.Crashes))
	}
}
