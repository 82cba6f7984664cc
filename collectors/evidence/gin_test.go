package evidence

import (
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestGinsLinesAreReadWithWhateverStandsBeforeThem(t *testing.T) {
	const text = `[GIN] 2026/11/20 - 08:00:00 | 200 |  50.140858ms |  169.119.15.195 | GET     "/v1/x?day=2"`
	plain := seen{Start: "2026-11-20T07:59:59.949859142Z", End: "2026-11-20T08:00:00Z", Status: 200, Method: "GET", Path: "/v1/x?day=2", Client: "169.119.15.195", Warnings: "no_timezone "}
	in := func(container string, change func(*seen)) seen {
		w := plain
		w.Container = container
		if change != nil {
			change(&w)
		}
		return w
	}
	received := func(w *seen) {
		w.Start, w.End, w.Warnings = "2026-11-20T08:00:00.449859142Z", "2026-11-20T08:00:00.5Z", ""
	}
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{"alone", text, plain},
		{"kubectl logs --prefix", `[pod/web-5d8f7b9c4-x2x9q/app] ` + text, in("web-5d8f7b9c4-x2x9q/app", nil)},
		{"and --timestamps", `[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.5Z ` + text, in("web-5d8f7b9c4-x2x9q/app", received)},
		{"kubectl logs --timestamps", `2026-11-20T08:00:00.5Z ` + text, in("", received)},
		{"containerd's files", `2026-11-20T08:00:00.5Z stdout F ` + text, in("", received)},
		{"Docker's files", `{"log":"` + strings.ReplaceAll(text, `"`, `\"`) + `\n","stream":"stdout","time":"2026-11-20T08:00:00.5Z"}`, in("", received)},
		{"docker compose logs", `web-1  | ` + text, in("web-1", nil)},
		{"docker compose logs -t", `web-1  | 2026-11-20T08:00:00.5Z ` + text, in("web-1", received)},
		{"stern", `web-5d8f7b9c4-x2x9q app ` + text, in("web-5d8f7b9c4-x2x9q", nil)},
		{"stern on a stateful set", `web-0 app ` + text, in("web-0", nil)},
		{"Heroku", `2026-11-20T08:00:00.500000+00:00 app[web.2]: ` + text, in("web.2", received)},
		{"Heroku's drain", `83 <40>1 2026-11-20T08:00:00.5+00:00 host app web.2 - ` + text, in("web.2", received)},
		{"Scalingo", `2026-11-20 08:00:00.5 +0000 UTC [web-2] ` + text, in("web-2", received)},
		{"coloured", "[GIN] 2026/11/20 - 08:00:00 |\x1b[97;42m 200 \x1b[0m|  50.140858ms |  169.119.15.195 |\x1b[97;44m GET     \x1b[0m \"/v1/x?day=2\"", plain},
		{
			"short, from a new version that shortens durations", `[GIN] 2026/11/20 - 08:00:00 | 200 |      68.5µs |       ::1 | DELETE  "/a \"b\" é"`,
			seen{Start: "2026-11-20T07:59:59.9999315Z", End: "2026-11-20T08:00:00Z", Status: 200, Method: "DELETE", Path: `/a "b" é`, Client: "::1", Warnings: "no_timezone "},
		},
		{
			"long", `[GIN] 2026/11/20 - 08:00:00 | 503 |       1m2s |        10.1.2.3 | GET     "/x"`,
			seen{Start: "2026-11-20T07:58:58Z", End: "2026-11-20T08:00:00Z", Status: 503, Method: "GET", Path: `/x`, Client: "10.1.2.3", Warnings: "no_timezone "},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Format, c.want.Layer, c.want.Outcome, c.want.RequestsInSink = "gin", record.LayerApp, record.Answered, 1
			got := readLine(t, c.line, time.UTC)
			if c.name == "Docker's files" {
				got.Format = "gin" // the file is none of Gin's
			}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestGinsTimesAreOfTheZoneAskedFor(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip(err)
	}
	got := readLine(t, `[GIN] 2026/11/20 - 08:00:00 | 200 | 1s | ::1 | GET "/x"`, paris)
	if got.End != "2026-11-20T07:00:00Z" {
		t.Errorf("ended at %s", got.End)
	}
}

func TestLinesThatOnlyLookLikeGinsAreNoRequests(t *testing.T) {
	for line, warnings := range map[string]string{
		`[GIN-debug] GET    /ping                     --> main.main.func1 (3 handlers)`:                "unrecognised_lines ",
		`[GIN-debug] [WARNING] Running in "debug" mode. Switch to "release" mode in production.`:       "unrecognised_lines ",
		`[GIN] 2026/11/20 - 08:00:00 | 200 |  50.1`:                                                    "malformed_line ",
		`[GIN] 2026/11/20 - 08:00:00 | 200 |  50.1ms |  1.2.3.4 | GET     "/v1/x`:                      "malformed_line ",
		`[GIN] 2026/11/20 - 08:00:00 | 999999 |  50.1ms |  1.2.3.4 | GET     "/v1/x"`:                  "malformed_line ",
		`[GIN] 2026/11/20 - 08:00:00 | 200 |  -50.1ms |  1.2.3.4 | GET     "/v1/x"`:                    "malformed_line ",
		`[GIN] 2026/11/20 - 08:00:00 | 200 |  50.1ms |  1.2.3.4 | GET     "/v1/x" panic "`:             "malformed_line ",
		`[GIN] 2026/13/20 - 08:00:00 | 200 |  50.1ms |  1.2.3.4 | GET     "/v1/x"`:                     "unrecognised_lines ",
		`[GIN] 2026/11/20 - 08:00:00 |||||||||||||||||||||||` + strings.Repeat("|", 1<<16):             "malformed_line ",
		`[GIN] 2026/11/20 - 08:00:00 | 200 | 1s | ` + strings.Repeat(" ", 1<<16) + `| GET     "/v1/x"`: "malformed_line ",
		strings.Repeat("x", 300) + `[GIN] 2026/11/20 - 08:00:00 | 200 | 1s | ::1 | GET     "/v1/x"`:    "unrecognised_lines ",
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 || got.Warnings != warnings {
			t.Errorf("%.120s: %+v", line, got)
		}
	}
}
