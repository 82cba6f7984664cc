package evidence

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

// A request that killed its container and was answered by the next one has a single line, of the end.
func TestEveryServerThatNginxTriedHadTheRequest(t *testing.T) {
	const (
		text = `1.2.3.4 - - [20/Nov/2026:08:00:30 +0000] "GET /x HTTP/1.1" 200 571 "-" "curl/8" `
		json = `{"time_iso8601":"2026-11-20T08:00:30+00:00","request_method":"GET","request_uri":"/x","status":"200","request_time":"13.000",`
	)
	type tried struct {
		Container, Start, End string
		Outcome               record.Outcome
		Status                int
	}
	one := func(container, start string) []tried {
		return []tried{{container, "2026-11-20T08:00:" + start + "Z", "2026-11-20T08:00:30Z", record.Answered, 200}}
	}
	both := []tried{
		{"10.0.0.1:80", "2026-11-20T08:00:17Z", "2026-11-20T08:00:29Z", record.Cut, 502},
		{"10.0.0.2:80", "2026-11-20T08:00:29Z", "2026-11-20T08:00:30Z", record.Answered, 200},
	}
	unknown := []tried{both[0], both[1]}
	unknown[0].Status = 0
	for _, c := range []struct {
		name, line string
		want       []tried
	}{
		{"the ingress", text + `91 13.000 [default-web-8080] [] 10.0.0.1:80, 10.0.0.2:80 0, 571 12.000, 1.000 502, 200 68fa971ce4dfce685fdc01c877bfa645`, both},
		{"lists with names", text + `rt=13.000 ua="10.0.0.1:80, 10.0.0.2:80" urt="12.000, 1.000" us="502, 200"`, both},
		{"lists with names, without the status", text + `rt=13.000 ua="10.0.0.1:80, 10.0.0.2:80" urt="12.000, 1.000"`, unknown},
		{"JSON", json + `"upstream_addr":"10.0.0.1:80, 10.0.0.2:80","upstream_response_time":"12.000, 1.000","upstream_status":"502, 200"}`, both},
		{"JSON with escapes", json + `"upstream_addr":"10.0.0.1:80,\u002010.0.0.2:80","upstream_response_time":"12.000,\u00201.000","upstream_status":"502,\u0020200"}`, both},
		{"the first did not answer in time, the second does not listen", text + `rt=13.000 ua="10.0.0.1:80, 10.0.0.2:80, 10.0.0.3:80" urt="10.000, 0.000, 3.000" us="504, 502, 200"`, []tried{
			{"10.0.0.1:80", "2026-11-20T08:00:17Z", "2026-11-20T08:00:27Z", record.GaveUp, 504},
			{"10.0.0.2:80", "2026-11-20T08:00:27Z", "2026-11-20T08:00:27Z", record.Refused, 502},
			{"10.0.0.3:80", "2026-11-20T08:00:27Z", "2026-11-20T08:00:30Z", record.Answered, 200},
		}},
		{"an answer sent it to another", text + `rt=13.000 ua="10.0.0.1:80 : 10.0.0.2:80" urt="12.000 : 1.000"`, []tried{
			{"10.0.0.1:80", "2026-11-20T08:00:17Z", "2026-11-20T08:00:29Z", record.Answered, 0}, both[1],
		}},
		{"one server", text + `rt=13.000 ua="10.0.0.1:80" urt="12.000" us="200"`, one("10.0.0.1:80", "17")},
		{"no server left, and their group's name", text + `rt=13.000 ua="10.0.0.1:80, backend" urt="12.000, -" us="502, 502"`, one("10.0.0.1:80", "17")},
		{"no times", json + `"upstream_addr":"10.0.0.1:80, 10.0.0.2:80"}`, one("10.0.0.2:80", "17")},
		{"lists that do not fit", text + `rt=13.000 ua="10.0.0.1:80, 10.0.0.2:80" urt="12.000" us="502, 200"`, one("10.0.0.2:80", "17")},
		{"times longer than the request", text + `rt=13.000 ua="10.0.0.1:80, 10.0.0.2:80" urt="12.000, 9.000" us="502, 200"`, one("10.0.0.2:80", "17")},
		{"a time that is none", text + `rt=13.000 ua="10.0.0.1:80, 10.0.0.2:80" urt="x, 9.000" us="502, 200"`, one("10.0.0.2:80", "17")},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := readLog(t, c.line+"\n", 1)
			var got []tried
			for i, r := range sink.Requests {
				if last := i == len(sink.Requests)-1; r.Retried == last {
					t.Errorf("request %d: retried %v", i, r.Retried)
				}
				got = append(got, tried{string(r.Container), asText(r.Start), asText(r.End), r.Outcome, r.Status})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(sink.Warnings) > 0 {
				t.Errorf("warnings %v", sink.Warnings)
			}
		})
	}
}
