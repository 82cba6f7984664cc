package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestRequestsAreReadFromPairsAsLoggersWriteThem(t *testing.T) {
	const end = "2026-11-20T08:00:00Z"
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{
			"slog",
			`time=2026-11-20T08:00:00.000Z level=INFO msg="request completed" method=GET path=/api/x?page=1 status=200 duration=12.5ms request_id=529a007902362a5f`,
			seen{Start: "2026-11-20T07:59:59.9875Z", End: end, Status: 200, Method: "GET", Path: "/api/x?page=1", ID: "529a007902362a5f"},
		},
		{
			"logrus behind Docker Compose",
			`web-1  | time="2026-11-20T08:00:00Z" level=info msg="handled \"x\"" http_method=post path="/a b" status=500 duration_ms=1500 remote_ip=10.9.8.7`,
			seen{Start: "2026-11-20T07:59:58.5Z", End: end, Status: 500, Method: "POST", Path: "/a b", Container: "web-1", Client: "10.9.8.7"},
		},
		{
			"Go's log package: the time stands before the message",
			`2026/11/20 08:00:00 INFO handled method=GET path=/x status=200 duration=1.5s`,
			seen{Start: "2026-11-20T07:59:58.5Z", End: end, Status: 200, Method: "GET", Path: "/x", Warnings: "no_timezone"},
		},
		{
			"lograge behind Ruby's logger with a tag",
			`I, [2026-11-20T08:00:00.000000 #77]  INFO -- : [5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11] method=GET path=/users/7 format=html controller=UsersController action=show status=200 duration=58.50 view=40.43 db=15.26`,
			seen{Start: "2026-11-20T07:59:59.9415Z", End: end, Status: 200, Method: "GET", Path: "/users/7", ID: "5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11", Warnings: "duration_unit_assumed no_timezone"},
		},
		{
			"lograge on Heroku",
			`2026-11-20T08:00:00.000000+00:00 app[web.2]: method=GET path=/users/7 format=html controller=UsersController action=show status=200 duration=58.50`,
			seen{Start: "2026-11-20T07:59:59.9415Z", End: end, Status: 200, Method: "GET", Path: "/users/7", Container: "web.2", Warnings: "duration_unit_assumed"},
		},
		{
			"a pod's log with its prefix, and go-kit's names",
			`[pod/web-5d8f7b9c4-x2x9q/app] ts=2026-11-20T08:00:00Z caller=http.go:12 level=info method=GET uri=/x status_code=204 took=3ms`,
			seen{Start: "2026-11-20T07:59:59.997Z", End: end, Status: 204, Method: "GET", Path: "/x", Container: "web-5d8f7b9c4-x2x9q/app"},
		},
		{
			"Spring Boot's text, with method and path as words",
			`2026-11-20T08:00:00.000Z  INFO 1 --- [patients] [nio-8080-exec-2] c.acme.web.RequestLoggingFilter          : GET /v1/x?from=2026-04-15 completed status=200 duration=30ms`,
			seen{Start: "2026-11-20T07:59:59.97Z", End: end, Status: 200, Method: "GET", Path: "/v1/x?from=2026-04-15"},
		},
		{
			"a unit that stands apart",
			`time=2026-11-20T08:00:00.000Z method=GET path=/x duration=30 ms status=200`,
			seen{Start: "2026-11-20T07:59:59.97Z", End: end, Status: 200, Method: "GET", Path: "/x"},
		},
		{
			"a unit in the name",
			`time=2026-11-20T08:00:00.000Z method=GET path=/x duration_usec=30000 status=200`,
			seen{Start: "2026-11-20T07:59:59.97Z", End: end, Status: 200, Method: "GET", Path: "/x"},
		},
		{
			"behind kubectl's prefix",
			`[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.000Z  INFO 1 --- [main] c.acme.Filter : Served "POST /v1/x" status=201 duration_us=30000`,
			seen{Start: "2026-11-20T07:59:59.97Z", End: end, Status: 201, Method: "POST", Path: "/v1/x", Container: "web-5d8f7b9c4-x2x9q/app"},
		},
		{
			"on Heroku",
			`2026-11-20T08:00:00.000000+00:00 app[web.1]: 2026-11-20 08:00:00 INFO DELETE /v1/x, status_code=204 took=30ms`,
			seen{Start: "2026-11-20T07:59:59.97Z", End: end, Status: 204, Method: "DELETE", Path: "/v1/x", Container: "web.1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Format, c.want.Layer, c.want.Outcome, c.want.RequestsInSink = "key-value-log", record.LayerApp, record.Answered, 1
			got := readLine(t, c.line, time.UTC)
			warnings := strings.Fields(got.Warnings)
			slices.Sort(warnings)
			if got.Warnings = strings.Join(warnings, " "); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestPairsBehindATimeWithoutAYear(t *testing.T) {
	const syslog, pairs = "Nov 20 08:00:00 web01 api[12]: ", "level=INFO msg=done method=GET path=/x status=200 duration=12ms"
	file := filepath.Join(t.TempDir(), "j.log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	modified := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(file, modified, modified); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, source, line, want string }{
		{"the year is that of the file", file, syslog + pairs, "ended 2026-11-20T08:00:00Z; no_timezone; no_year"},
		{"behind a priority", file, "<30>" + syslog + pairs, "ended 2026-11-20T08:00:00Z; no_timezone; no_year"},
		{"method and path before the pairs", file, syslog + "INFO GET /x done status=200 duration=12ms", "ended 2026-11-20T08:00:00Z; no_timezone; no_year"},
		{"a time of its own is better", file, syslog + "time=2026-11-20T07:00:00.5Z " + pairs, "ended 2026-11-20T07:00:00.5Z"},
		{"no year is known", "", syslog + pairs, "no_time"},
		{"no year is known, and no request", "", syslog + "level=INFO msg=calling method=GET path=/x", ""},
		{"no day", file, "Nov 31 08:00:00 web01 api[12]: " + pairs, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sink recordtest.Sink
			p := newKeyValueLog(time.UTC).NewParser(&record.Source{Name: c.source})
			if _, err := p.ParseLine(1, []byte(c.line), &sink); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range sink.Requests {
				got = append(got, "ended "+r.End.Std().UTC().Format(time.RFC3339Nano))
			}
			for _, w := range sink.Warnings {
				got = append(got, w.Code)
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPairsThatAreNoRequestAreNone(t *testing.T) {
	for _, line := range []string{
		`time=2026-11-20T08:00:00.000Z level=INFO msg="listening" addr=:8080`,
		`time=2026-11-20T08:00:00.000Z level=INFO msg="calling" method=GET url=https://example.com/x`,
		`time=2026-11-20T08:00:00.000Z level=INFO msg="request started" method=GET path=/x request_id=529a007902362a5f`,
		`time=2026-11-20T08:00:00.000Z level=INFO method=GET path="/x status=200 duration=12ms`,
		`level=INFO msg="no time" method=GET path=/x status=200 duration=12ms`,
		`2026-11-20T08:00:00Z  INFO GET /v1/x completed status=200`,
		`2026-11-20T08:00:00Z  INFO GET /v1/x completed duration=30ms`,
		`2026-11-20T08:00:00Z  INFO GET /v1/x completed db_status=1 duration=30ms`,
		`2026-11-20T08:00:00Z  INFO calling GET https://x.example/y status=200 duration=30ms`,
		`2026-11-20T08:00:00Z  INFO Get /v1/x status=200 duration=30ms`,
		`2026-11-20T08:00:00Z  INFO reindexed /var/data status=200 duration=30ms`,
		`GET /v1/x status=200 duration=30ms`,
		` /status= / /`, `GET  / status="`, strings.Repeat(" /", 1<<16) + " status=200 duration=30ms", strings.Repeat("a=/b ", 1<<14) + "status",
		`method=`, `=method=`, `method="`, `method=\`, "method=\x00 \\x=\"\\",
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// As in JSON, which lines are beginnings and of which unit durations are is decided from the head of the log.
func TestTheHeadOfALogOfPairsTellsItsBeginningsAndUnits(t *testing.T) {
	var log strings.Builder
	for i := range 30 {
		at := time.Date(2026, 11, 20, 8, 0, i, 0, time.UTC)
		fmt.Fprintf(&log, "time=%s level=INFO msg=\"request started\" method=GET path=/x/%d request_id=%016x\n", at.Format(time.RFC3339Nano), i, i+1<<60)
		if i < 29 {
			fmt.Fprintf(&log, "time=%s level=INFO msg=\"request completed\" method=GET path=/x/%d request_id=%016x status=200 duration=%d\n",
				at.Add(300*time.Millisecond).Format(time.RFC3339Nano), i, i+1<<60, 300*time.Millisecond)
		}
	}
	sink := readLog(t, log.String(), 2)
	started, completed := 0, 0
	for _, r := range sink.Requests {
		switch r.Phase {
		case record.Started:
			started++
		case record.Completed:
			completed++
			if d := r.End.Sub(r.Start); d != 300*time.Millisecond {
				t.Fatalf("took %v", d)
			}
		}
	}
	if started != 30 || completed != 29 {
		t.Errorf("%d began and %d ended", started, completed)
	}
	if n := sink.WarningCount("unrecognised_lines"); n != 0 {
		t.Errorf("%d lines were not read", n)
	}
}
