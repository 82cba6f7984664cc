package evidence

import (
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestMethodPathStatusAndDurationAreReadWithWhateverStandsBeforeThem(t *testing.T) {
	const text = `GET /v1/x?day=2 200 5.5 ms - 12`
	want := func(container string) seen {
		return seen{Start: "2026-11-20T08:00:00.4945Z", End: "2026-11-20T08:00:00.5Z", Status: 200, Method: "GET", Path: "/v1/x?day=2", Container: container}
	}
	unzoned := want("")
	unzoned.Warnings = "no_timezone "
	nest := unzoned
	nest.Start, nest.End = "2026-11-20T15:59:59.9945Z", "2026-11-20T16:00:00Z"
	in := func(w seen, container string) seen {
		w.Container = container
		return w
	}
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{"kubectl logs --prefix --timestamps", `[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.5Z ` + text, want("web-5d8f7b9c4-x2x9q/app")},
		{"containerd's files", `2026-11-20T08:00:00.5Z stdout F ` + text, want("")},
		{"Docker's files", `{"log":"` + text + `\n","stream":"stdout","time":"2026-11-20T08:00:00.5Z"}`, want("")},
		{"docker compose logs -t", `web-1  | 2026-11-20T08:00:00.5Z ` + text, want("web-1")},
		{"Heroku", `2026-11-20T08:00:00.500000+00:00 app[web.2]: ` + text, want("web.2")},
		{"Scalingo", `2026-11-20 08:00:00.5 +0000 UTC [web-2] ` + text, want("web-2")},
		{"winston, as its first example writes", `2026-11-20T08:00:00.500Z info: ` + text, want("")},
		{"a level in brackets is no container", `2026-11-20T08:00:00.500Z [info] ` + text, want("")},
		{"a logger of Java or Python", `2026-11-20 08:00:00,500 INFO http: ` + text, unzoned},
		{"NestJS", `[Nest] 2647  - 11/20/2026, 4:00:00 PM     LOG [HTTP] ` + text, nest},
		{"NestJS in a service of Compose", `web-1  | [Nest] 2647  - 11/20/2026, 4:00:00 PM     LOG [HTTP] ` + text, in(nest, "web-1")},
		{"NestJS on a newer ICU", "[api] 2647  - 11/20/2026, 4:00:00\u202fPM     LOG [HTTP] " + text, nest},
		{"morgan's dev, coloured", "2026-11-20T08:00:00.5Z \x1b[0mGET /v1/x?day=2 \x1b[32m200\x1b[0m 5.500 ms - 12\x1b[0m", want("")},
		{"morgan's tiny", `2026-11-20T08:00:00.5Z GET /v1/x?day=2 200 12 - 5.500 ms`, want("")},
		{"morgan's tiny without a length", `2026-11-20T08:00:00.5Z GET /v1/x?day=2 200 - - 5.500 ms`, want("")},
		{"morgan's short", `2026-11-20T08:00:00.5Z ::1 - GET /v1/x?day=2 HTTP/1.1 200 12 - 5.500 ms`, want("")},
		{"winston's message", `{"level":"http","message":"` + text + `","timestamp":"2026-11-20T08:00:00.500Z"}`, want("")},
		{"pino's message", `{"level":30,"time":1795161600500,"pid":7,"hostname":"web-1","msg":"` + text + `"}`, want("web-1")},
		{"koa-logger", `2026-11-20T08:00:00.5Z   --> GET /v1/x?day=2 200 5.5ms 1.2kb`, want("")},
		{"a size with a unit before", `2026-11-20T08:00:00.5Z GET /v1/x?day=2 200 1.2kb 5.5ms`, want("")},
		{"the reason of the status", `2026-11-20T08:00:00.5Z GET /v1/x?day=2 200 OK in 5.5ms`, want("")},
		{"a duration in brackets", `2026-11-20T08:00:00.5Z GET /v1/x?day=2 - 200 (5.5ms)`, want("")},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Format, c.want.Layer, c.want.Outcome, c.want.RequestsInSink = "morgan", record.LayerApp, record.Answered, 1
			got := readLine(t, c.line, time.UTC)
			if c.line[0] == '{' {
				got.Format, got.Instance = "morgan", "" // the object's, which is not what is looked at here
			}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// What is like a request in words, but tells of none that ended here, or not how long it took.
func TestWordsThatAreNoRequest(t *testing.T) {
	for _, line := range []string{
		`2026-11-20T08:00:00Z GET /x 200 12`,
		`2026-11-20T08:00:00Z GET /x took 12ms`,
		`2026-11-20T08:00:00Z GET https://api.example.com/x 200 12ms`,
		`2026-11-20T08:00:00Z GET /x - - ms - -`,
		`2026-11-20T08:00:00Z Mapped {/x, GET} route`,
		`2026-11-20T08:00:00Z FORGET /x 200 12ms`,
		`2026-11-20T08:00:00Z GET /x 200 1.2kb`,
		`2026-11-20T08:00:00Z GET /x 2000 12ms`,
		`2026-11-20T08:00:00Z get /x 200 12ms`,
		`2026-11-20T08:00:00Z <-- GET /x and more`,
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 {
			t.Errorf("%s: read as %+v", line, got)
		}
	}
}
