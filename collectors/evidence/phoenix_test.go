package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

func TestPhoenixBeginsAndEndsItsRequests(t *testing.T) {
	const id = "F7mDPZ2rQ1x3XmQAAAHh"
	const started = `08:00:00.585 request_id=` + id + ` [info] POST /api/imports`
	const ended = `08:00:00.732 request_id=` + id + ` [info] Sent 202 in 146ms`
	begin := func(at, container string) seen {
		return seen{Start: at, End: at, Phase: record.Started, Method: "POST", Path: "/api/imports", ID: id, Container: container}
	}
	end := func(start, at, container string) seen {
		return seen{Start: start, End: at, Outcome: record.Answered, Status: 202, ID: id, Container: container}
	}
	zoneless := begin("2026-11-20T08:00:00.585Z", "")
	zoneless.Warnings = "no_timezone "
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{"Heroku knows the time", "2026-11-20T08:00:00.600000+00:00 app[web.1]: " + started, begin("2026-11-20T08:00:00.6Z", "web.1")},
		{"a time that was cut", "2026-11-20T08:00:00Z " + started, begin("2026-11-20T08:00:00.585Z", "")},
		{"a time that was cut, of another zone", "2026-11-20T13:30:00Z " + started, begin("2026-11-20T13:30:00.585Z", "")},
		{"a time that was cut, of the next second", "web-1  | 2026-11-20T08:00:01Z " + started, begin("2026-11-20T08:00:00.585Z", "web-1")},
		{"a time of another clock", "2026-11-20T08:05:00Z " + started, begin("2026-11-20T08:05:00Z", "")},
		{"a date of its own", "2026-11-20 " + started, zoneless},
		{"without a time of day", "2026-11-20T08:00:00.6Z request_id=" + id + " [info] POST /api/imports", begin("2026-11-20T08:00:00.6Z", "")},
		{"with other metadata, at another level", "2026-11-20T08:00:00.6Z 08:00:00.585 user_id=7 request_id=" + id + " remote_ip=1.2.3.4 [debug] POST /api/imports", begin("2026-11-20T08:00:00.6Z", "")},
		{"Scalingo", "2026-11-20 08:00:00.6 +0000 UTC [web-1] " + started, begin("2026-11-20T08:00:00.6Z", "web-1")},
		{"kubectl", "[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.6Z " + started, begin("2026-11-20T08:00:00.6Z", "web-5d8f7b9c4-x2x9q/app")},
		{"an end", "2026-11-20T08:00:00Z " + ended, end("2026-11-20T08:00:00.586Z", "2026-11-20T08:00:00.732Z", "")},
		{"an end in microseconds", "2026-11-20T08:00:00Z " + strings.Replace(ended, "146ms", "500µs", 1), end("2026-11-20T08:00:00.7315Z", "2026-11-20T08:00:00.732Z", "")},
		{"an end in pieces", "2026-11-20T08:00:00Z " + strings.Replace(ended, "Sent", "Chunked", 1), end("2026-11-20T08:00:00.586Z", "2026-11-20T08:00:00.732Z", "")},
		{"in Docker's files", `{"log":"` + ended + `\n","stream":"stdout","time":"2026-11-20T08:00:00.8Z"}`, end("2026-11-20T08:00:00.654Z", "2026-11-20T08:00:00.8Z", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Layer, c.want.RequestsInSink = record.LayerApp, 1
			got := readLine(t, c.line, time.UTC)
			got.Format = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPhoenixLinesThatCannotBePlacedAreToldOf(t *testing.T) {
	const at, id = "2026-11-20T08:00:00Z ", "request_id=F7mDPZ2rQ1x3XmQAAAHh "
	for line, warnings := range map[string]string{
		"08:00:00.585 " + id + "[info] GET /x":                       "no_time ",
		"web-1  | 08:00:00.585 " + id + "[info] Sent 200 in 1ms":     "no_time ",
		at + "08:00:00.585 [info] GET /x":                            "no_request_id ",
		at + "[info] Sent 200 in 1ms":                                "no_request_id ",
		"[info] GET /x":                                              "unrecognised_lines ", // another's logger
		at + id + "[info] Sent 200 in a while":                       "unrecognised_lines ",
		at + id + "[info] Sent 200 mails in 4ms":                     "unrecognised_lines ",
		at + id + "[info] Sent 7 in 4ms":                             "unrecognised_lines ",
		at + id + "[info] GET the door":                              "unrecognised_lines ",
		at + id + "[info] GET /x y":                                  "unrecognised_lines ",
		at + id + "[info] ":                                          "unrecognised_lines ",
		at + id + "[warn] GET /x":                                    "unrecognised_lines ",
		at + id + "x[info] GET /x":                                   "unrecognised_lines ",
		at + strings.Repeat("request_id= ", 1<<12) + "[info] GET /x": "unrecognised_lines ",
	} {
		got := readLine(t, line, time.UTC)
		if warnings == "no_request_id " && got.Warnings == "" {
			got.Warnings = warnings // which readLine does not list
		}
		if got.RequestsInSink != 0 || got.Warnings != warnings {
			t.Errorf("%.120s: %+v", line, got)
		}
	}
}

func TestPhoenixOnFlyIsOfItsMachine(t *testing.T) {
	text := flyPrinted("app", "09:00:00.585 request_id=Fede885b76f5b42deaf9 [info] POST /api/imports") + "\n" +
		flyPrinted("app", "09:00:00.732 request_id=Fede885b76f5b42deaf9 [info] Sent 202 in 146ms") + "\n"
	if got, want := storedSaid(t, readStored(t, "stdin", text)), "POST /api/imports of f1ebb097497e5a at 585ms;   of f1ebb097497e5a at 732ms"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
