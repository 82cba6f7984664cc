package evidence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestRequestsOfASPNETCoreAreRead(t *testing.T) {
	want := seen{
		Format: "json-access", Start: "2026-11-20T07:59:59.9877Z", End: "2026-11-20T08:00:00Z", Layer: record.LayerApp, Outcome: record.Answered,
		Status: 200, Method: "GET", Path: "/x", ID: "0HN5:00000001", RequestsInSink: 1,
	}
	const compact = `{"@t":"2026-11-20T08:00:00.0000000Z","@mt":"HTTP {RequestMethod} {RequestPath} responded {StatusCode} in {Elapsed:0.0000} ms","@r":["12.3000"],"RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":12.3,"SourceContext":"Serilog.AspNetCore.RequestLoggingMiddleware","RequestId":"0HN5:00000001"}`
	for _, c := range []struct{ name, line, container, id string }{
		{"Serilog, compact", compact, "", "0HN5:00000001"},
		{"behind Docker Compose", "api-1  | 2026-11-20T08:00:00.1Z " + compact, "api-1", "0HN5:00000001"},
		{"with the name of the machine", compact[:len(compact)-1] + `,"MachineName":"api-7d4"}`, "api-7d4", "0HN5:00000001"},
		{
			"Serilog, with properties",
			`{"Timestamp":"2026-11-20T09:00:00.0000000+01:00","Level":"Information","MessageTemplate":"HTTP {RequestMethod}","Properties":{"RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":12.3,"RequestId":"0HN5:00000001"}}`,
			"", "0HN5:00000001",
		},
		{
			".NET's console",
			`{"Timestamp":"2026-11-20T08:00:00.000Z","EventId":2,"LogLevel":"Information","Category":"Microsoft.AspNetCore.Hosting.Diagnostics","Message":"Request finished HTTP/1.1 GET http://h/x - 200 - - 12.3ms","State":{"ElapsedMilliseconds":12.3,"StatusCode":200,"Protocol":"HTTP/1.1","Method":"GET","Scheme":"http","Host":"h","Path":"/x"}}`,
			"", "",
		},
		{
			".NET's console with scopes",
			`{"Timestamp":"2026-11-20T08:00:00.000Z","EventId":2,"LogLevel":"Information","Category":"Microsoft.AspNetCore.Hosting.Diagnostics","Message":"Request finished HTTP/1.1 GET http://h/x - 200 - - 12.3ms","State":{"ElapsedMilliseconds":12.3,"StatusCode":200,"Protocol":"HTTP/1.1","Method":"GET","Scheme":"http","Host":"h","Path":"/x"},"Scopes":[{"Message":"RequestPath:/x RequestId:0HN5:00000001","RequestId":"0HN5:00000001","RequestPath":"/x"}]}`,
			"", "0HN5:00000001",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := want
			want.Container, want.ID = c.container, c.id
			if got := readLine(t, c.line, time.UTC); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestBeginningsOfRequestsOfASPNETCoreAreRead(t *testing.T) {
	const end = `{"@t":"2026-11-20T08:00:01Z","@mt":"HTTP {RequestMethod} {RequestPath} responded {StatusCode} in {Elapsed:0.0000} ms","RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":12.3,"RequestId":"0HN5:00000002"}`
	const begin = `{"@t":"2026-11-20T08:00:00Z","@mt":"MESSAGE","Protocol":"HTTP/1.1","Method":"POST","Scheme":"http","Host":"h","Path":"/x","QueryString":"?a=b","EventId":{"Id":1},"SourceContext":"Microsoft.AspNetCore.Hosting.Diagnostics","RequestId":"0HN5:00000001","RequestPath":"/x"}`
	console := func(more string) string {
		return `{"Timestamp":"2026-11-20T08:00:00Z","EventId":1,"LogLevel":"Information","Category":"Microsoft.AspNetCore.Hosting.Diagnostics","Message":"Request starting HTTP/1.1 POST http://h/x?a=b - - -","State":{"Message":"Request starting HTTP/1.1 POST http://h/x?a=b - - -","Protocol":"HTTP/1.1","Method":"POST","Scheme":"http","Host":"h","PathBase":"","Path":"/x","QueryString":"?a=b"}` + more + "}"
	}
	starting := strings.Replace(begin, "MESSAGE", "Request starting {Protocol} {Method} {Scheme}://{Host}{PathBase}{Path}{QueryString} - {ContentType} {ContentLength}", 1)
	for _, c := range []struct{ name, line, want string }{
		{"a template", starting, "POST /x 0HN5:00000001 of "},
		{"behind Docker Compose", "api-1  | 2026-11-20T08:00:00.1Z " + starting, "POST /x 0HN5:00000001 of api-1"},
		{"an older version", strings.Replace(begin, "MESSAGE", "{HostingRequestStartingLog:l}", 1), "POST /x 0HN5:00000001 of "},
		{"rendered", strings.Replace(begin, `"@mt":"MESSAGE"`, `"@m":"Request starting HTTP/1.1 POST http://h/x?a=b - - -"`, 1), "POST /x 0HN5:00000001 of "},
		{"with properties", `{"Timestamp":"2026-11-20T08:00:00Z","Level":"Information","MessageTemplate":"Request starting {Protocol}","Properties":{"Method":"POST","Path":"/x","RequestId":"0HN5:00000001"}}`, "POST /x 0HN5:00000001 of "},
		{".NET's console", console(`,"Scopes":[{"Message":"ConnectionId:0HN5","ConnectionId":"0HN5"},{"Message":"RequestPath:/x RequestId:0HN5:00000001","RequestId":"0HN5:00000001","RequestPath":"/x"}]`), "POST /x 0HN5:00000001 of "},
		{".NET's console without scopes", console(""), "no_request_id"},
		{"without its scope", strings.Replace(starting, `"RequestId":"0HN5:00000001",`, "", 1), "no_request_id"},
		{"another message with a method", strings.Replace(begin, "MESSAGE", "Sending {Method}", 1), "unrecognised_lines"},
		{"no time", strings.Replace(starting, "2026-11-20T08:00:00Z", "soon", 1), "malformed_line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readStored(t, "stdin", end+"\n"+c.line+"\n"+end+"\n")
			got := ""
			for _, r := range s.Requests {
				if r.Phase == record.Started {
					got = fmt.Sprintf("%s %s %s of %s", r.Method, r.Path, r.ID, r.Container)
				}
			}
			for _, w := range s.Warnings {
				got += w.Code
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestWhatElseASPNETCoreLogsIsNoRequest(t *testing.T) {
	for line, warnings := range map[string]string{
		`{"@t":"2026-11-20T08:00:00.0000000Z","@mt":"Executed DbCommand ({elapsed}ms)","RequestPath":"/x","RequestId":"0HN5:00000001","RequestMethod":"GET","Elapsed":"x"}`: "malformed_line ",
		`{"@t":"2026-11-20T08:00:00.0000000Z","@mt":"Executing endpoint","RequestPath":"/x","RequestId":"0HN5:00000001"}`:                                                   "unrecognised_lines ",
		`{"RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":12.3}`:                                                                                        "unrecognised_lines ",
		`{"@t":"2026-11-20T08:00:00Z","RequestMethod":"GET","RequestPath":"/x","StatusCode":200000,"Elapsed":12.3}`:                                                         "unrecognised_lines ",
		`{"@t":"yesterday","RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":12.3}`:                                                                       "malformed_line ",
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 || got.Warnings != warnings {
			t.Errorf("%.120s: %+v", line, got)
		}
	}
}

// A cut request's duration may be none; that it was there is known all the same.
func TestRequestsWithoutASoundDurationAreThere(t *testing.T) {
	for _, took := range []string{`-0.186`, `"-0.186"`, `"-"`} {
		got := readLine(t, `{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"POST","request_uri":"/x","status":502,"request_time":`+took+`,"upstream_addr":"172.18.0.5:8080","upstream_response_time":"-","upstream_status":"502"}`, time.UTC)
		want := seen{
			Format: "json-access", End: "2026-11-20T08:00:00Z", Layer: record.LayerRouter, Outcome: record.Cut, Status: 502, Method: "POST", Path: "/x",
			Container: "172.18.0.5:8080", RequestsInSink: 1, Warnings: "no_duration ",
		}
		if got != want {
			t.Errorf("%s: got  %+v\nwant %+v", took, got, want)
		}
	}
	for _, took := range []string{`"-x"`, `"--1"`, `"later"`, `""`} {
		got := readLine(t, `{"time":"2026-11-20T08:00:00+00:00","method":"POST","path":"/x","status":502,"request_time":`+took+`}`, time.UTC)
		if got.RequestsInSink != 0 {
			t.Errorf("%s: %+v", took, got)
		}
	}
}

func TestDurationsInJSONSayTheirUnits(t *testing.T) {
	for took, start := range map[string]string{
		`"duration":"12 ms"`: "07:59:59.988Z", `"duration":"12\u00b5s"`: "07:59:59.999988Z", "\"duration\":\"12\u00b5s\"": "07:59:59.999988Z", `"duration":"1.5 s"`: "07:59:58.5Z",
		`"duration_usec":12`: "07:59:59.999988Z", `"durationUs":12`: "07:59:59.999988Z", `"latency_micros":"12"`: "07:59:59.999988Z", `"request_time":"0.5, 0.1 : 2"`: "07:59:59.5Z",
	} {
		got := readLine(t, `{"time":"2026-11-20T08:00:00Z","method":"GET","path":"/x","status":200,`+took+`}`, time.UTC)
		if got.Start != "2026-11-20T"+start || got.Warnings != "" {
			t.Errorf("%s: %+v", took, got)
		}
	}
}
