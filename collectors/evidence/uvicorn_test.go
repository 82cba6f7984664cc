package evidence

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestUvicornsLinesAreOfTheTimeAtWhichTheyWereReceived(t *testing.T) {
	const text = `INFO:     10.0.1.193:8417 - "GET /api/x?a=b HTTP/1.1" 200 OK`
	for _, c := range []struct {
		name, line string
		container  string
		zoneless   bool
		want       seen
	}{
		{name: "docker compose logs -t", line: `web-1  | 2026-11-20T08:00:00.5Z ` + text, container: "web-1"},
		{name: "docker logs -t", line: `2026-11-20T08:00:00.5Z ` + text},
		{name: "kubectl logs --prefix --timestamps", line: `[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.5Z ` + text, container: "web-5d8f7b9c4-x2x9q/app"},
		{name: "Heroku", line: `2026-11-20T08:00:00.5+00:00 app[web.1]: ` + text, container: "web.1"},
		{name: "a log config with a time", line: `2026-11-20 08:00:00,500 - INFO - 10.0.1.193:8417 - "GET /api/x?a=b HTTP/1.1" 200`, zoneless: true},
		{name: "in brackets", line: `[2026-11-20 08:00:00.5] ` + text, zoneless: true},
		{name: "FastAPI's command", line: `2026-11-20T08:00:00.5Z       INFO   10.0.1.193:8417 - "GET /api/x?a=b HTTP/1.1" 200`},
		{name: "Docker's files", line: `{"log":"` + strings.ReplaceAll(text, `"`, `\"`) + `\n","stream":"stdout","time":"2026-11-20T08:00:00.5Z"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := seen{End: "2026-11-20T08:00:00.5Z", Status: 200, Method: "GET", Path: "/api/x?a=b", Client: "10.0.1.193", Container: c.container, Warnings: "no_duration"}
			if c.zoneless {
				want.Warnings = "no_duration no_timezone"
			}
			want.Format, want.Layer, want.Outcome, want.RequestsInSink = "uvicorn", record.LayerApp, record.Answered, 1
			got := readLine(t, c.line, time.UTC)
			warnings := strings.Fields(got.Warnings)
			slices.Sort(warnings)
			got.Warnings = strings.Join(warnings, " ")
			if c.name == "Docker's files" {
				got.Format = "uvicorn" // the file is none of Uvicorn's
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestUvicornsLinesWithoutATimeAreToldOf(t *testing.T) {
	for line, warnings := range map[string]string{
		`INFO:     10.0.1.193:8417 - "GET /api/x HTTP/1.1" 404 Not Found`:                              "no_time ",
		`web-1  | INFO:     10.0.1.193:8417 - "GET /api/x HTTP/1.1" 200 OK`:                            "no_time ",
		`2026-11-20T08:00:00Z INFO:     ('10.0.1.193', 8417) - "WebSocket /ws" [accepted]`:             "unrecognised_lines ",
		`2026-11-20T08:00:00Z INFO:     10.0.1.193:8417 - "WebSocket /ws" 403`:                         "unrecognised_lines ",
		`2026-11-20T08:00:00Z INFO:     10.0.1.193:8417 - "GET /x HTTP/1.1" 200 OK in 12ms`:            "unrecognised_lines ",
		`2026-11-20T08:00:00Z said 10:8417 - "GET /x"`:                                                 "unrecognised_lines ",
		`2026-11-20T08:00:00Z x:1 - "`:                                                                 "unrecognised_lines ",
		`2026-11-20T08:00:00Z x:1 - "GET /` + strings.Repeat(`\"`, 1<<16) + ` HTTP/1.1" 999999`:        "unrecognised_lines ",
		`2026-11-20T08:00:00Z x:1 - "GET /x HTTP/1.1" 200 ` + strings.Repeat("A", 1<<16):               "unrecognised_lines ",
		`2026-11-20T08:00:00Z ` + strings.Repeat("x", 300) + `10.0.1.193:8417 - "GET /x HTTP/1.1" 200`: "unrecognised_lines ",
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 || got.Warnings != warnings {
			t.Errorf("%.120s: %+v", line, got)
		}
	}
}
