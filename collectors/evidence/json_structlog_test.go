package evidence

import (
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestDjangoStructlogBeginsAndEndsItsRequests(t *testing.T) {
	const rest = `"request_id":"ac75b714-b350-41c7-ac64-4b7659ec58c0","user_id":7,"ip":"1.2.3.4","timestamp":"2026-11-20T08:00:00.1Z","level":"info","logger":"django_structlog.middlewares.request"}`
	want := seen{
		Format: "django-structlog", End: "2026-11-20T08:00:00.1Z", Layer: record.LayerApp, Method: "GET", Path: "/x?a=b",
		ID: "ac75b714-b350-41c7-ac64-4b7659ec58c0", User: "7", Client: "1.2.3.4", RequestsInSink: 1,
	}
	started, finished := want, want
	started.Start, started.Phase = started.End, record.Started
	finished.Outcome, finished.Status, finished.Warnings = record.Answered, 200, "no_duration "
	failed, podStarted := finished, started
	failed.Status, podStarted.Container = 500, "web-5d8f7b9c4-x2x9q/app"
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{"a beginning", `{"request":"GET /x?a=b","event":"request_started",` + rest, started},
		{"of an older version", `{"request":"<WSGIRequest: GET '/x?a=b'>","event":"request_started",` + rest, started},
		{"behind kubectl's prefix", `[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.2Z {"request":"GET /x?a=b","event":"request_started",` + rest, podStarted},
		{"an end", `{"code":200,"request":"GET /x?a=b","event":"request_finished",` + rest, finished},
		{"an exception", `{"code":500,"request":"GET /x?a=b","exception":"Traceback …","event":"request_failed",` + rest, failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := readLine(t, c.line, time.UTC); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
	for _, line := range []string{
		`{"request":"GET /x","event":"cart_emptied",` + rest, `{"request":"GET","event":"request_started",` + rest, `{"request":"get /x","event":"request_started",` + rest,
		`{"request":"<WSGIRequest: GET '","event":"request_started",` + rest, `{"request":"","event":"request_finished",` + rest,
		`{"request":"GET /x","event":"request_started","request_id":"1","timestamp":"noon"}`,
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 {
			t.Errorf("%s: %+v", line, got)
		}
	}
}
