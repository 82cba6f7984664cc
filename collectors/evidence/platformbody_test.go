package evidence

import (
	"strings"
	"testing"
)

// TestLinesOfApplicationsAmongThoseOfTheirPlatformAreRead: where the platform writes most lines, its format gets them first.
func TestLinesOfApplicationsAmongThoseOfTheirPlatformAreRead(t *testing.T) {
	const id = "5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11"
	for body, want := range map[string]string{
		`[` + id + `] Started GET "/x" for 1.2.3.4 at 2026-11-20 08:00:00 +0000`:                   "request",
		`[` + id + `] Completed 200 OK in 58ms (Views: 40.4ms)`:                                    "request",
		`[` + id + `] ActionController::RoutingError (No route matches [GET] "/x"):`:               "request",
		`[GIN] 2026/11/20 - 08:00:00 | 200 |  50.1ms |  169.119.15.195 | GET     "/v1/x"`:          "request",
		`INFO 1 --- [exec-2] c.acme.Filter : GET /v1/x completed status=200 duration=30ms`:         "request",
		`msg="finished call" grpc.service=a.B grpc.method=C grpc.code=OK grpc.time_ms=12`:          "request",
		`pid=4 tid=6y1 class=A jid=1 elapsed=1.5 INFO: done`:                                       "request",
		`[2026-11-20 08:00:00,500: INFO/ForkPoolWorker-2] Task a.b[1] succeeded in 1.5s: None`:     "request",
		`FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory jid=1 `: "crash",
		`panic: Completed with status 1`:                                                           "crash",
		`we have Started to think`:                                                                 "",
	} {
		for platform, prefix := range map[string]string{
			"heroku": "2026-11-20T08:00:00.500000+00:00 app[web.1]: ", "scalingo": "2026-11-20 08:00:00.500 +0000 UTC [web-1] ",
		} {
			lines := []string{"2026-11-20T08:00:00.400000+00:00 heroku[web.1]: State changed from starting to up", prefix + body}
			if platform == "scalingo" {
				lines[0] = "2026-11-20 08:00:00.400 +0000 UTC [system] [web-1] Container web-1 is up"
			}
			sink := readWorker(t, lines[0], lines[0], lines[0], lines[1])
			var got string
			switch {
			case len(sink.Requests) > 0:
				got = "request " + string(sink.Requests[0].Container)
			case len(sink.Crashes) > 0:
				got = "crash " + sink.Crashes[0].Container
			}
			container := map[string]string{"heroku": "web.1", "scalingo": "web-1"}[platform]
			if want := strings.TrimSpace(want + " " + map[bool]string{true: container}[want != ""]); got != want {
				t.Errorf("%s, %s: %q, want %q; warnings %v", platform, body, got, want, sink.Warnings)
			}
		}
	}
}
