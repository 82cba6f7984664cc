package evidence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsonscan"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// seen is a request in a form that is easy to write down: times as text, names as strings.
type seen struct {
	Format                              string
	Start, End                          string
	Layer                               record.Layer
	Phase                               record.Phase
	Outcome                             record.Outcome
	Status                              int
	Method, Path, Route, ID             string
	Container, Instance, Host, Service  string
	Version, User, Client               string
	Warnings                            string
	Crashes, Lifecycles, RequestsInSink int
}

func asText(t record.Time) string {
	if t == 0 {
		return ""
	}
	return t.Std().Format(time.RFC3339Nano)
}

// readLine reads one line as a file of its own would be.
func readLine(t *testing.T, line string, zone *time.Location) seen {
	t.Helper()
	var sink recordtest.Sink
	src := &record.Source{Name: "x.log"}
	all := formats(zone)
	run := &run{Collector: &Collector{formats: all}}
	best := run.recognise([]byte(line))
	var chain []format.LineFormat
	out := seen{}
	if f, ok := best.(format.LineFormat); ok {
		out.Format = formatName(f, []byte(line))
		chain = append(chain, f)
	}
	for _, f := range all {
		if lf, ok := f.(format.LineFormat); ok && f != best {
			chain = append(chain, lf)
		}
	}
	tally := newTally(&sink, src, record.Query{})
	d := newDispatcher(chain, src, tally)
	for range 2 { // the second time the line is one that was learnt
		if err := d.Lines(1, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	d.flush()
	if len(sink.Requests) == 2 {
		if diff := cmp.Diff(sink.Requests[0], sink.Requests[1], cmp.AllowUnexported()); diff != "" {
			t.Errorf("the line gives another request when it comes again:\n%s", diff)
		}
	}
	out.Crashes, out.Lifecycles, out.RequestsInSink = len(sink.Crashes), len(sink.Lifecycles), len(sink.Requests)/2
	for _, code := range []string{
		"no_timezone", "malformed_line", "no_time", "no_duration", "duration_unit_assumed", "no_request_line", "unrecognised_lines", "binary_line",
	} {
		for _, w := range tally.warnings() {
			if w.Code != code {
				continue
			}
			if w.Count != 2 || w.Pos.Line != 1 || w.Pos.Source != src || w.Text == "" {
				t.Errorf("warning %+v, want two on line 1 with a text", w)
			}
			out.Warnings += code + " "
		}
	}
	if len(sink.Requests) == 0 {
		return out
	}
	r := sink.Requests[0]
	out.Start, out.End, out.Layer, out.Phase, out.Outcome, out.Status = asText(r.Start), asText(r.End), r.Layer, r.Phase, r.Outcome, r.Status
	out.Method, out.Path, out.Route, out.ID = string(r.Method), string(r.Path), string(r.Route), string(r.ID)
	out.Container, out.Instance, out.Host, out.Service = string(r.Container), string(r.Instance), string(r.Host), string(r.Service)
	out.Version, out.User, out.Client = string(r.Version), string(r.User), string(r.Client)
	return out
}

func TestRequestLinesAreReadWithWhatTheySay(t *testing.T) {
	const router, app = record.LayerRouter, record.LayerApp
	cases := []struct {
		name, line string
		want       seen
	}{
		{
			"a Scalingo router line",
			`2026-11-16 13:30:50.937512207 +0000 UTC [router] method=GET path="/api/campaigns/68005?a=b" host=api.example request_id=99e0e240-1582 container=web-3 from="162.167.52.211" protocol=https status=200 duration=0.503s bytes=990 referer="-" user_agent="Mozilla/5.0 (status=500 duration=9s)"`,
			seen{Format: "scalingo-router", Start: "2026-11-16T13:30:50.434512207Z", End: "2026-11-16T13:30:50.937512207Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/api/campaigns/68005?a=b", ID: "99e0e240-1582", Container: "web-3", Client: "162.167.52.211", RequestsInSink: 1},
		},
		{
			"a Scalingo router line that gave up",
			`2026-11-16 13:47:05.7 +0000 UTC [router] method=GET path="/x" host=h request_id=6c container=web-1 from="1.2.3.4" protocol=https status=504 duration=30.006s bytes=0 referer="-" user_agent="-" error="Request timeout"`,
			seen{Format: "scalingo-router", Start: "2026-11-16T13:46:35.694Z", End: "2026-11-16T13:47:05.7Z", Layer: router, Outcome: record.GaveUp, Status: 504, Method: "GET", Path: "/x", ID: "6c", Container: "web-1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Scalingo router line that was cut",
			`2026-11-16 13:47:05 +0100 CET [router] method=GET path="/x" host=h request_id=6c container=web-1 from="1.2.3.4" protocol=https status=502 duration=2s bytes=0 error="Connection closed without response"`,
			seen{Format: "scalingo-router", Start: "2026-11-16T12:47:03Z", End: "2026-11-16T12:47:05Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/x", ID: "6c", Container: "web-1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Scalingo router line that was refused",
			`2026-11-16 13:47:05 +0000 UTC [router] method=GET path="/x" host=h request_id=6c container=web-1 from="1.2.3.4" protocol=https status=503 duration=0.2s bytes=0 error="Backend connection refused"`,
			seen{Format: "scalingo-router", Start: "2026-11-16T13:47:04.8Z", End: "2026-11-16T13:47:05Z", Layer: router, Outcome: record.Refused, Status: 503, Method: "GET", Path: "/x", ID: "6c", Container: "web-1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Scalingo router line behind a syslog header",
			`134 <134>1 2026-11-16T13:47:05Z my-app router - - method=GET path="/x" host=h request_id=6c container=web-1 from="1.2.3.4" protocol=https status=200 duration=1s bytes=0`,
			seen{Format: "scalingo-router", Start: "2026-11-16T13:47:04Z", End: "2026-11-16T13:47:05Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "6c", Container: "web-1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Scalingo router line without a time",
			`[router] method=GET path="/x" host=h request_id=6c container=web-1 from="1.2.3.4" protocol=https status=200 duration=1s bytes=0`,
			seen{Format: "scalingo-router", Warnings: "no_time "},
		},
		{
			"a Scalingo router line whose time has no zone",
			`2026-11-16 13:47:05.5 [router] method=GET path="/x" host=h request_id=6c container=web-1 from="1.2.3.4" protocol=https status=200 duration=1s bytes=0`,
			seen{Format: "scalingo-router", Start: "2026-11-16T13:47:04.5Z", End: "2026-11-16T13:47:05.5Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "6c", Container: "web-1", Client: "1.2.3.4", RequestsInSink: 1, Warnings: "no_timezone "},
		},
		{
			"a Scalingo router line that is cut short",
			`2026-11-16 13:47:05.5 +0000 UTC [router] method=GET path="/x" host=h request_id=6c container=web-1 from="1.2.3`,
			seen{Warnings: "malformed_line "},
		},
		{
			"a Heroku router line",
			`2026-11-17T11:36:16.702243+00:00 heroku[router]: at=info method=GET path="/api" host=api.example request_id=fec0d52e fwd="141.139.3.159, 10.0.0.1" dyno=web.2 connect=761ms service=1062ms status=200 bytes=31 protocol=https`,
			seen{Format: "heroku-router", Start: "2026-11-17T11:36:14.879243Z", End: "2026-11-17T11:36:16.702243Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/api", ID: "fec0d52e", Container: "web.2", Client: "141.139.3.159", RequestsInSink: 1},
		},
		{
			"a Heroku H12",
			`2026-11-17T13:32:27.728745+00:00 heroku[router]: at=error code=H12 desc="Request timeout" method=POST path="/api/x" host=api.example request_id=008d fwd="162.167.52.211" dyno=web.4 connect=0ms service=30018ms status=503 bytes=0 protocol=https`,
			seen{Format: "heroku-router", Start: "2026-11-17T13:31:57.710745Z", End: "2026-11-17T13:32:27.728745Z", Layer: router, Outcome: record.GaveUp, Status: 503, Method: "POST", Path: "/api/x", ID: "008d", Container: "web.4", Client: "162.167.52.211", RequestsInSink: 1},
		},
		{
			"a Heroku H13 in logplex framing",
			`277 <158>1 2012-10-11T03:47:20+00:00 host heroku router - at=error code=H13 desc="Connection closed without response" method=GET path="/" host=h request_id=1 fwd="1.2.3.4" dyno=web.1 connect=1ms service=999ms status=503 bytes=0`,
			seen{Format: "heroku-router", Start: "2012-10-11T03:47:19Z", End: "2012-10-11T03:47:20Z", Layer: router, Outcome: record.Cut, Status: 503, Method: "GET", Path: "/", ID: "1", Container: "web.1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Heroku H10, which reached no dyno",
			`2026-11-17T13:32:27+00:00 heroku[router]: at=error code=H10 desc="App crashed" method=GET path="/" host=h request_id=1 fwd="1.2.3.4" dyno= connect= service= status=503 bytes= protocol=https`,
			seen{Format: "heroku-router", Start: "2026-11-17T13:32:27Z", End: "2026-11-17T13:32:27Z", Layer: router, Outcome: record.Refused, Status: 503, Method: "GET", Path: "/", ID: "1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Heroku H27",
			`2026-11-17T13:32:27+00:00 heroku[router]: at=info code=H27 desc="Client Request Interrupted" method=GET path="/" host=h request_id=1 fwd="1.2.3.4" dyno=web.1 connect=0ms service=1000ms status=499 bytes=0 protocol=https`,
			seen{Format: "heroku-router", Start: "2026-11-17T13:32:26Z", End: "2026-11-17T13:32:27Z", Layer: router, Outcome: record.ClientGone, Status: 499, Method: "GET", Path: "/", ID: "1", Container: "web.1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Heroku H18: the dyno's end of the connection broke",
			`2026-11-17T13:32:27+00:00 heroku[router]: sock=backend at=error code=H18 desc="Server Request Interrupted" method=GET path="/export" host=h request_id=1 fwd="1.2.3.4" dyno=web.1 connect=1ms service=18449ms status=503 bytes=0 protocol=https`,
			seen{Format: "heroku-router", Start: "2026-11-17T13:32:08.55Z", End: "2026-11-17T13:32:27Z", Layer: router, Outcome: record.Cut, Status: 503, Method: "GET", Path: "/export", ID: "1", Container: "web.1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Heroku H27 that names the socket: the client's end of the connection broke",
			`2026-11-17T13:32:27+00:00 heroku[router]: sock=client at=warning code=H27 desc="Client Request Interrupted" method=POST path="/" host=h request_id=1 fwd="1.2.3.4" dyno=web.1 connect=1ms service=449ms status=499 bytes=0 protocol=https`,
			seen{Format: "heroku-router", Start: "2026-11-17T13:32:26.55Z", End: "2026-11-17T13:32:27Z", Layer: router, Outcome: record.ClientGone, Status: 499, Method: "POST", Path: "/", ID: "1", Container: "web.1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a completed pino line",
			`{"level":30,"time":1794835850897,"pid":23208,"hostname":"web-3","req":{"id":"99e0","method":"GET","url":"/api/x?q=1","remoteAddress":"162.167.52.211"},"userId":"115838","res":{"statusCode":200},"responseTime":297.654,"msg":"request completed"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:50.599346Z", End: "2026-11-16T13:30:50.897Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/api/x?q=1", ID: "99e0", Container: "web-3", Instance: "23208", User: "115838", Client: "162.167.52.211", RequestsInSink: 1},
		},
		{
			"a started pino line",
			`{"level":30,"time":1794835850897,"pid":23208,"hostname":"web-3","req":{"id":"99e0","method":"get","url":"/api/x"},"msg":"incoming request"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:50.897Z", End: "2026-11-16T13:30:50.897Z", Layer: app, Phase: record.Started, Status: 0, Method: "GET", Path: "/api/x", ID: "99e0", Container: "web-3", Instance: "23208", RequestsInSink: 1},
		},
		{
			"what an application says while it works on a request",
			`{"level":30,"time":1794835850897,"pid":23208,"hostname":"web-3","req":{"id":"99e0","method":"GET","url":"/api/x"},"msg":"loaded 12 rows"}`,
			seen{Format: "pino"},
		},
		{
			"a hapi-pino response with its route",
			`{"level":30,"time":1794835850000,"pid":1,"hostname":"web-3","req":{"id":"a:1","method":"get","url":"/users/5","headers":{"x-request-id":"abc"}},"res":{"statusCode":404},"route":"/users/{id}","responseTime":12,"msg":"[response] get /users/5 404 (12ms)"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.988Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 404, Method: "GET", Path: "/users/5", Route: "/users/{id}", ID: "abc", Container: "web-3", Instance: "1", RequestsInSink: 1},
		},
		{
			"Fastify's completion, which names no path",
			`{"level":30,"time":1794835850000,"pid":1,"hostname":"web-3","reqId":"req-1","res":{"statusCode":200},"responseTime":5e1,"msg":"request completed"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.95Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 200, ID: "req-1", Container: "web-3", Instance: "1", RequestsInSink: 1},
		},
		{
			"restify's audit log in bunyan",
			`{"name":"api","hostname":"web-3","pid":7,"level":30,"req":{"method":"GET","url":"/a\/b \u00e9","id":"x"},"res":{"statusCode":200},"latency":250,"msg":"handled: 200","time":"2026-11-16T13:30:50.000Z","v":0}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.75Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/a/b é", ID: "x", Container: "web-3", Instance: "7", RequestsInSink: 1},
		},
		{
			"pino within Heroku's log: the dyno is the container",
			`2026-11-16T13:30:51+00:00 app[web.1]: {"level":30,"time":1794835850000,"pid":4,"hostname":"0f1e2d3c","req":{"id":"1","method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":10,"msg":"request completed"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.99Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "1", Container: "web.1", Instance: "4", Host: "0f1e2d3c", RequestsInSink: 1},
		},
		{
			"pino within Scalingo's log",
			`2026-11-16 13:30:51.1 +0000 UTC [web-2] {"level":30,"time":1794835850000,"pid":4,"hostname":"my-app-web-2","req":{"id":"1","method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":10,"msg":"request completed"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.99Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "1", Container: "web-2", Instance: "4", Host: "my-app-web-2", RequestsInSink: 1},
		},
		{
			"pino behind kubectl logs --prefix",
			`[pod/web-5d8f/app] {"level":30,"time":1794835850000,"pid":4,"hostname":"web-5d8f","req":{"id":"1","method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":10,"msg":"request completed"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.99Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "1", Container: "web-5d8f/app", Instance: "4", Host: "web-5d8f", RequestsInSink: 1},
		},
		{
			"pino behind kubectl logs --prefix --timestamps",
			`[pod/web-5d8f/app] 2026-11-16T13:30:50.123456789Z {"level":30,"time":1794835850000,"pid":4,"hostname":"web-5d8f","req":{"id":"1","method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":10,"msg":"request completed"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.99Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "1", Container: "web-5d8f/app", Instance: "4", Host: "web-5d8f", RequestsInSink: 1},
		},
		{
			"pino of a companion behind kubectl logs --prefix",
			`[pod/web-5d8f/oauth2-proxy] {"level":30,"time":1794835850000,"pid":4,"hostname":"web-5d8f","req":{"id":"1","method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":10,"msg":"request completed"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.99Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "1", Container: "web-5d8f/oauth2-proxy", Instance: "4", Host: "web-5d8f", RequestsInSink: 1},
		},
		{
			"a sentence with an object behind kubectl logs --prefix",
			`[pod/web-5d8f/app] request done {"level":30,"time":1794835850000,"pid":4,"hostname":"web-5d8f","req":{"id":"1","method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":10,"msg":"request completed"}`,
			seen{Warnings: "unrecognised_lines "},
		},
		{
			"pino within Docker's log file",
			`{"log":"{\"level\":30,\"time\":1794835850000,\"pid\":4,\"hostname\":\"web-2\",\"req\":{\"id\":\"1\",\"method\":\"GET\",\"url\":\"/x\"},\"res\":{\"statusCode\":200},\"responseTime\":10,\"msg\":\"request completed\"}\n","stream":"stdout","time":"2026-11-16T13:30:51.1Z"}`,
			seen{Format: "pino", Start: "2026-11-16T13:30:49.99Z", End: "2026-11-16T13:30:50Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "1", Container: "web-2", Instance: "4", RequestsInSink: 1},
		},
		{
			"a pino line whose responseTime overflows",
			`{"level":30,"time":1794835850000,"pid":1,"hostname":"web-3","req":{"id":"1","method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":1e300,"msg":"request completed"}`,
			seen{Format: "pino", Warnings: "malformed_line "},
		},
		{
			"a truncated JSON line",
			`{"level":30,"time":1794835850000,"pid":1,"hostname":"web-3","req":{"id":"1","method":"GE`,
			seen{Warnings: "malformed_line "},
		},
		{
			"an item of Datadog's Logs List",
			`{"id":"AgAA","type":"log","attributes":{"timestamp":"2026-11-16T14:15:50.772Z","host":"i-123","service":"api","status":"info","message":"request completed","tags":["env:production","service:api","container:web-4","container_id:0123456789ab","source:nodejs","version:v311"],"attributes":{"http":{"method":"GET","url":"https://api.example/api/x?y=1","request_id":"b65f","url_details":{"host":"api.example","path":"/api/x"},"status_code":200},"network":{"client":{"ip":"173.211.143.106"}},"usr":{"id":"250461"},"duration":18776855}}}`,
			seen{Format: "datadog-logs", Start: "2026-11-16T14:15:50.753223145Z", End: "2026-11-16T14:15:50.772Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/api/x", ID: "b65f", Container: "web-4", Instance: "0123456789ab", Host: "i-123", Service: "api", Version: "v311", User: "250461", Client: "173.211.143.106", RequestsInSink: 1},
		},
		{
			"a Datadog archive line with flat keys, numbers as text and decoys",
			`{"attributes":{"db":{"duration":987654321,"http":{"method":"PUT"}},"http.method":"get","http":{"status_code":"200","url_details.path":"\/api\/x"},"duration":"5e6"},"_id":"AZ","date":"2026-11-20T08:00:00.001Z","service":"api","host":"ip-10-0-1-2","message":"x {\"duration\":1}","tags":["kube_container_name:api","pod_name:api-1-abc","env:p"]}`,
			seen{Format: "datadog-logs", Start: "2026-11-20T07:59:59.996Z", End: "2026-11-20T08:00:00.001Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/api/x", Container: "api-1-abc", Host: "ip-10-0-1-2", Service: "api", RequestsInSink: 1},
		},
		{
			"of a key that comes twice the last value counts",
			`{"_id":"AZ","date":"2026-11-20T08:00:00Z","service":"api","host":"h","tags":[],"attributes":{"http":{"method":"GET","status_code":200,"url_details":{"path":"/a"}},"duration":1,"duration":5000000.75,"http":{"url_details":{"path":"/b"}}}}`,
			seen{Format: "datadog-logs", Start: "2026-11-20T07:59:59.995Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/b", Container: "h", Host: "h", Service: "api", RequestsInSink: 1},
		},
		{
			"pino shipped to Datadog as it was",
			`{"id":"A","type":"log","attributes":{"timestamp":"2026-11-16T14:15:50Z","host":"h","service":"api","message":"request completed","tags":["container_name:web-1"],"attributes":{"level":30,"hostname":"x","pid":4,"req":{"id":"r1","method":"GET","url":"/x"},"res":{"statusCode":500},"responseTime":1500}}}`,
			seen{Format: "datadog-logs", Start: "2026-11-16T14:15:48.5Z", End: "2026-11-16T14:15:50Z", Layer: app, Outcome: record.Answered, Status: 500, Method: "GET", Path: "/x", ID: "r1", Container: "web-1", Instance: "4", Host: "h", Service: "api", RequestsInSink: 1},
		},
		{
			"a router line that travels as a Datadog message",
			`{"id":"A","type":"log","attributes":{"timestamp":"2026-11-16T14:15:50Z","host":"d.1","service":"heroku","message":"at=error code=H12 desc=\"Request timeout\" method=GET path=\"/x\" host=h request_id=9 fwd=\"1.2.3.4\" dyno=web.1 connect=0ms service=30000ms status=503 bytes=0","tags":[],"attributes":{}}}`,
			seen{Format: "datadog-logs", Start: "2026-11-16T14:15:20Z", End: "2026-11-16T14:15:50Z", Layer: router, Outcome: record.GaveUp, Status: 503, Method: "GET", Path: "/x", ID: "9", Container: "web.1", Service: "heroku", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a Heroku H18 that travels as a Datadog message",
			`{"id":"A","type":"log","attributes":{"timestamp":"2026-11-16T14:15:50Z","host":"d.1","service":"heroku","message":"sock=backend at=error code=H18 desc=\"Server Request Interrupted\" method=GET path=\"/x\" host=h request_id=9 fwd=\"1.2.3.4\" dyno=web.1 connect=0ms service=3000ms status=503 bytes=0","tags":[],"attributes":{}}}`,
			seen{Format: "datadog-logs", Start: "2026-11-16T14:15:47Z", End: "2026-11-16T14:15:50Z", Layer: router, Outcome: record.Cut, Status: 503, Method: "GET", Path: "/x", ID: "9", Container: "web.1", Service: "heroku", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"a crash that travels as a Datadog message",
			`{"id":"A","type":"log","attributes":{"timestamp":"2026-11-16T13:53:43.316Z","host":"web-4","service":"platform","status":"error","message":"[system] [web-4] Container web-4 (cd0e2c10b6ed) crashed, exit status 134","tags":["container:web-4"],"attributes":{}}}`,
			seen{Format: "datadog-logs", Crashes: 2},
		},
		{
			"nginx with request_time and the container",
			`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /api/x?page=1 HTTP/1.1" 200 571 "-" "okhttp/4.12.0" 0.123 web-1`,
			seen{Format: "access-log", Start: "2026-11-20T08:00:00.877Z", End: "2026-11-20T08:00:01Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/api/x?page=1", Container: "web-1", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"nginx with named times and an upstream that timed out",
			`1.2.3.4 - bob [20/Nov/2026:10:00:30 +0200] "POST /x HTTP/2.0" 504 0 "-" "a \"b\"" rt=30.001 uct="0.001" urt="30.000" ua="10.0.0.5:8080" id=529a007902362a5f51385a5fa7049884`,
			seen{Format: "access-log", Start: "2026-11-20T07:59:59.999Z", End: "2026-11-20T08:00:30Z", Layer: router, Outcome: record.GaveUp, Status: 504, Method: "POST", Path: "/x", ID: "529a007902362a5f51385a5fa7049884", Container: "10.0.0.5:8080", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"nginx with quoted times and several upstreams",
			`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /x HTTP/1.1" 499 0 "-" "curl/8" "1.1.1.1, 2.2.2.2" "0.500" "0.100, 0.400"`,
			seen{Format: "access-log", Start: "2026-11-20T08:00:00.5Z", End: "2026-11-20T08:00:01Z", Layer: router, Outcome: record.ClientGone, Status: 499, Method: "GET", Path: "/x", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"the ingress of nginx",
			`192.168.64.1 - - [07/Feb/2020:11:49:15 +0000] "GET /products/42 HTTP/1.1" 200 59 "-" "curl/7.54.0" 91 0.250 [default-web-8080] [] 172.17.0.5:8080 59 0.240 200 68fa971ce4dfce685fdc01c877bfa645`,
			seen{Format: "access-log", Start: "2020-02-07T11:49:14.75Z", End: "2020-02-07T11:49:15Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/products/42", ID: "68fa971ce4dfce685fdc01c877bfa645", Container: "172.17.0.5:8080", Client: "192.168.64.1", RequestsInSink: 1},
		},
		{
			"nginx with named lists of upstreams, and without the time of the request",
			`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /x HTTP/1.1" 200 571 "-" "curl/8" ua="172.17.0.5:8080, 172.17.0.6:8080" urt="0.100, 0.023"`,
			seen{Format: "access-log", Start: "2026-11-20T08:00:00.977Z", End: "2026-11-20T08:00:01Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Container: "172.17.0.6:8080", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"nginx with a named list whose last server was not reached",
			`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /x HTTP/1.1" 502 571 "-" "curl/8" rt=0.123 ua="172.17.0.5:8080, backend" urt="0.100, -"`,
			seen{Format: "access-log", Start: "2026-11-20T08:00:00.877Z", End: "2026-11-20T08:00:01Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/x", Container: "172.17.0.5:8080", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"Apache with %D, whose time is the beginning",
			`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /x HTTP/1.1" 200 571 "-" "curl/8" 123456`,
			seen{Format: "access-log", Start: "2026-11-20T08:00:01Z", End: "2026-11-20T08:00:01.123456Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Client: "1.2.3.4", RequestsInSink: 1, Warnings: "duration_unit_assumed "},
		},
		{
			"Apache's combinedio: two sizes are no duration",
			`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /x HTTP/1.1" 200 571 "-" "curl/8" 123 456`,
			seen{Format: "access-log", End: "2026-11-20T08:00:01Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Client: "1.2.3.4", RequestsInSink: 1, Warnings: "no_duration "},
		},
		{
			"Traefik's common log, whose time is the beginning",
			`70.29.80.15 - - [28/Feb/2018:17:30:33 +0000] "GET /en/ HTTP/2.0" 200 2814 - "Mozilla/5.0 (iPhone)" 13 "Host-host1-com-0" "http://172.19.0.6:14008" 247ms`,
			seen{Format: "access-log", Start: "2018-02-28T17:30:33Z", End: "2018-02-28T17:30:33.247Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/en/", Container: "172.19.0.6:14008", Client: "70.29.80.15", RequestsInSink: 1},
		},
		{
			"rubbish sent to the port",
			`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "\x16\x03\x01" 400 571 "-" "-" 0.123`,
			seen{Format: "access-log", Warnings: "no_request_line "},
		},
		{
			"HAProxy behind syslog",
			`Apr  4 14:30:19 hap-1 haproxy[3946303]: 192.168.1.1:55032 [04/Apr/2024:14:30:18.885] front~ back/web-1 0/0/0/169/170 404 1541 - - ---- 5715/616/96/15/0 0/0 {a|"b"} {} "PROPFIND /x%20y HTTP/1.1"`,
			seen{Format: "haproxy", Start: "2024-04-04T14:30:18.885Z", End: "2024-04-04T14:30:19.055Z", Layer: router, Outcome: record.Answered, Status: 404, Method: "PROPFIND", Path: "/x%20y", Container: "web-1", Client: "192.168.1.1", RequestsInSink: 1, Warnings: "no_timezone "},
		},
		{
			"HAProxy without a server",
			`127.0.0.1:35982 [10/Dec/2018:12:01:46.395] http http/<NOSRV> 0/-1/-1/-1/5 503 213 - - SC-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`,
			seen{Format: "haproxy", Start: "2018-12-10T12:01:46.395Z", End: "2018-12-10T12:01:46.4Z", Layer: router, Outcome: record.Refused, Status: 503, Method: "GET", Path: "/", Client: "127.0.0.1", RequestsInSink: 1, Warnings: "no_timezone "},
		},
		{
			"HAProxy when the server died",
			`127.0.0.1:35982 [10/Dec/2018:12:01:46.395] http back/web-2 0/0/1/-1/+5000 502 213 - - SH-- 1/1/0/0/0 0/0 "GET /a HTTP/1.1"`,
			seen{Format: "haproxy", Start: "2018-12-10T12:01:46.395Z", End: "2018-12-10T12:01:51.395Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/a", Container: "web-2", Client: "127.0.0.1", RequestsInSink: 1, Warnings: "no_timezone "},
		},
		{
			"HAProxy when the server answered that something behind it gave up",
			`127.0.0.1:35982 [10/Dec/2018:12:01:46.395] http back/web-2 0/0/1/4999/5000 504 213 - - ---- 1/1/0/0/0 0/0 "GET /a HTTP/1.1"`,
			seen{Format: "haproxy", Start: "2018-12-10T12:01:46.395Z", End: "2018-12-10T12:01:51.395Z", Layer: router, Outcome: record.Answered, Status: 504, Method: "GET", Path: "/a", Container: "web-2", Client: "127.0.0.1", RequestsInSink: 1, Warnings: "no_timezone "},
		},
		{
			"HAProxy when the server answered that something behind it broke off",
			`127.0.0.1:35982 [10/Dec/2018:12:01:46.395] http back/web-2 0/0/1/4999/5000 502 213 - - ---- 1/1/0/0/0 0/0 "GET /a HTTP/1.1"`,
			seen{Format: "haproxy", Start: "2018-12-10T12:01:46.395Z", End: "2018-12-10T12:01:51.395Z", Layer: router, Outcome: record.Answered, Status: 502, Method: "GET", Path: "/a", Container: "web-2", Client: "127.0.0.1", RequestsInSink: 1, Warnings: "no_timezone "},
		},
		{
			"HAProxy when the server, a proxy of its own, says that the client left",
			`127.0.0.1:35982 [10/Dec/2018:12:01:46.395] http back/web-2 0/0/1/4999/5000 499 213 - - ---- 1/1/0/0/0 0/0 "GET /a HTTP/1.1"`,
			seen{Format: "haproxy", Start: "2018-12-10T12:01:46.395Z", End: "2018-12-10T12:01:51.395Z", Layer: router, Outcome: record.ClientGone, Status: 499, Method: "GET", Path: "/a", Container: "web-2", Client: "127.0.0.1", RequestsInSink: 1, Warnings: "no_timezone "},
		},
		{
			"Envoy's text format",
			`[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c" "locations" "tcp://10.0.2.1:80"`,
			seen{Format: "envoy", Start: "2016-04-15T20:17:00.31Z", End: "2016-04-15T20:17:00.536Z", Layer: router, Outcome: record.Answered, Status: 204, Method: "POST", Path: "/api/v1/locations", ID: "cc21d9b0-cf5c", Container: "10.0.2.1:80", Client: "10.0.35.28", RequestsInSink: 1},
		},
		{
			"Istio's text format when the upstream died",
			`[2020-11-25T21:26:18.409Z] "GET /status HTTP/1.1" 503 UC upstream_reset_before_response_started{connection_termination} - "-" 0 95 1500 - "-" "curl/7.73.0" "84961386" "httpbin:8000" "10.1.1.1:80" inbound|8000|| - 10.1.1.1:80`,
			seen{Format: "envoy", Start: "2020-11-25T21:26:18.409Z", End: "2020-11-25T21:26:19.909Z", Layer: router, Outcome: record.Cut, Status: 503, Method: "GET", Path: "/status", ID: "84961386", Container: "10.1.1.1:80", RequestsInSink: 1},
		},
		{
			"Istio's text format when the upstream answered that something behind it gave up",
			`[2020-11-25T21:26:18.409Z] "GET /status HTTP/1.1" 504 - via_upstream - "-" 0 95 1500 - "-" "curl/7.73.0" "84961386" "httpbin:8000" "10.1.1.1:80" inbound|8000|| - 10.1.1.1:80`,
			seen{Format: "envoy", Start: "2020-11-25T21:26:18.409Z", End: "2020-11-25T21:26:19.909Z", Layer: router, Outcome: record.Answered, Status: 504, Method: "GET", Path: "/status", ID: "84961386", Container: "10.1.1.1:80", RequestsInSink: 1},
		},
		{
			"Istio's text format when the upstream answered that something behind it broke off",
			`[2020-11-25T21:26:18.409Z] "GET /status HTTP/1.1" 502 - via_upstream - "-" 0 95 1500 - "-" "curl/7.73.0" "84961386" "httpbin:8000" "10.1.1.1:80" inbound|8000|| - 10.1.1.1:80`,
			seen{Format: "envoy", Start: "2020-11-25T21:26:18.409Z", End: "2020-11-25T21:26:19.909Z", Layer: router, Outcome: record.Answered, Status: 502, Method: "GET", Path: "/status", ID: "84961386", Container: "10.1.1.1:80", RequestsInSink: 1},
		},
		{
			"Istio's text format when the proxy gave up",
			`[2020-11-25T21:26:18.409Z] "GET /status HTTP/1.1" 504 UT response_timeout - "-" 0 95 1500 - "-" "curl/7.73.0" "84961386" "httpbin:8000" "10.1.1.1:80" inbound|8000|| - 10.1.1.1:80`,
			seen{Format: "envoy", Start: "2020-11-25T21:26:18.409Z", End: "2020-11-25T21:26:19.909Z", Layer: router, Outcome: record.GaveUp, Status: 504, Method: "GET", Path: "/status", ID: "84961386", Container: "10.1.1.1:80", RequestsInSink: 1},
		},
		{
			"Istio's text format when no upstream answered, and no flag says why",
			`[2020-11-25T21:26:18.409Z] "GET /status HTTP/1.1" 504 - - - "-" 0 95 1500 - "-" "curl/7.73.0" "84961386" "httpbin:8000" "-" inbound|8000|| - 10.1.1.1:80`,
			seen{Format: "envoy", Start: "2020-11-25T21:26:18.409Z", End: "2020-11-25T21:26:19.909Z", Layer: router, Outcome: record.GaveUp, Status: 504, Method: "GET", Path: "/status", ID: "84961386", RequestsInSink: 1},
		},
		{
			"Envoy's JSON format when the upstream answered that something behind it gave up",
			`{"duration":11,"method":"GET","response_code":504,"response_flags":"-","start_time":"2025-12-31T16:37:40.479Z","upstream_host":"10.42.0.82:8080","path":"/x","x-request-id":"abc"}`,
			seen{Format: "envoy", Start: "2025-12-31T16:37:40.479Z", End: "2025-12-31T16:37:40.49Z", Layer: router, Outcome: record.Answered, Status: 504, Method: "GET", Path: "/x", ID: "abc", Container: "10.42.0.82:8080", RequestsInSink: 1},
		},
		{
			"Envoy's JSON format without flags, which leaves open who broke off",
			`{"duration":11,"method":"GET","response_code":502,"start_time":"2025-12-31T16:37:40.479Z","upstream_host":"10.42.0.82:8080","path":"/x","x-request-id":"abc"}`,
			seen{Format: "envoy", Start: "2025-12-31T16:37:40.479Z", End: "2025-12-31T16:37:40.49Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/x", ID: "abc", Container: "10.42.0.82:8080", RequestsInSink: 1},
		},
		{
			"Envoy's JSON format in a container's log",
			`2025-12-31T17:37:40.493035218+01:00 stdout F {":authority":"www.example.com","duration":11,"method":"GET","protocol":"HTTP/2","response_code":200,"response_flags":"-","start_time":"2025-12-31T16:37:40.479Z","upstream_host":"10.42.0.82:8080","x-envoy-origin-path":"/x","x-forwarded-for":"10.0.0.12","x-request-id":"abc"}`,
			seen{Format: "envoy", Start: "2025-12-31T16:37:40.479Z", End: "2025-12-31T16:37:40.49Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", ID: "abc", Container: "10.42.0.82:8080", Client: "10.0.0.12", RequestsInSink: 1},
		},
		{
			"Traefik's JSON format",
			`{"ClientHost":"172.17.0.1","DownstreamStatus":200,"Duration":357313000,"OriginStatus":200,"RequestMethod":"GET","RequestPath":"/x","ServiceAddr":"172.17.0.3:80","ServiceName":"test@docker","ServiceURL":{"Scheme":"http","Host":"172.17.0.3:80"},"StartUTC":"2021-12-08T09:16:05.1Z","level":"info","msg":"","time":"2021-12-08T09:16:05Z"}`,
			seen{Format: "traefik", Start: "2021-12-08T09:16:05.1Z", End: "2021-12-08T09:16:05.457313Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Container: "172.17.0.3:80", Service: "test@docker", Client: "172.17.0.1", RequestsInSink: 1},
		},
		{
			"Caddy",
			`{"level":"info","ts":1716723772.25,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"10.5.1.1","client_ip":"10.10.10.117","proto":"HTTP/2.0","method":"GET","host":"h","uri":"/g?x"},"bytes_read":0,"user_id":"","duration":0.25,"size":3768,"status":200}`,
			seen{Format: "caddy", Start: "2024-05-26T11:42:52Z", End: "2024-05-26T11:42:52.25Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/g?x", Client: "10.10.10.117", RequestsInSink: 1},
		},
		{
			"nginx in JSON",
			`{"time_iso8601":"2026-11-20T08:00:00+00:00","remote_addr":"1.2.3.4","request_method":"GET","request_uri":"/x","status":"502","request_time":"0.123","upstream_addr":"10.0.0.5:8080","request_id":"abc"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:59.877Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/x", ID: "abc", Container: "10.0.0.5:8080", Client: "1.2.3.4", RequestsInSink: 1},
		},
		{
			"nginx in JSON with the request line and local time",
			`{"time_local":"20/Nov/2026:09:00:00 +0100","request":"GET /x?y HTTP/1.1","status":200,"request_time":1.5,"hostname":"web-1"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.5Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x?y", Container: "web-1", RequestsInSink: 1},
		},
		{
			"an application's own JSON with a unit",
			`{"timestamp":"2026-11-20T08:00:00Z","level":"info","message":"served","http":{"method":"GET","route":"/x/:id","status_code":200},"path":"/x/5","duration":"1.5s","kubernetes":{"pod_name":"api-1"},"trace_id":"t"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.5Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x/5", Route: "/x/:id", ID: "t", Container: "api-1", RequestsInSink: 1},
		},
		{
			"express-winston",
			`{"level":"info","message":"HTTP GET /x","meta":{"req":{"url":"/x","method":"GET","originalUrl":"/x"},"res":{"statusCode":200},"responseTime":1500},"timestamp":"2026-11-20T08:00:00Z"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.5Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", RequestsInSink: 1},
		},
		{
			"an application's own JSON without a unit",
			`{"time":"2026-11-20T08:00:00Z","level":"INFO","msg":"request","method":"GET","path":"/x","status":200,"duration":1500}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.5Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", RequestsInSink: 1, Warnings: "duration_unit_assumed "},
		},
		{
			"Echo's own JSON, in nanoseconds and in words",
			`{"time":"2026-11-20T08:00:00Z","id":"","remote_ip":"10.0.0.1","method":"GET","uri":"/x","status":200,"error":"","latency":1009547000,"latency_human":"1.009547s","bytes_in":0,"bytes_out":5}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.990453Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Client: "10.0.0.1", RequestsInSink: 1},
		},
		{
			"Echo's own JSON of a long request",
			`{"time":"2026-11-20T08:00:00Z","method":"GET","uri":"/x","status":200,"latency":3662500000000,"latency_human":"1h1m2.5s"}`,
			seen{Format: "json-access", Start: "2026-11-20T06:58:57.5Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", RequestsInSink: 1},
		},
		{
			"a whole number without a unit that would be more than a day of milliseconds",
			`{"time":"2026-11-20T08:00:00Z","level":"INFO","msg":"request","method":"GET","path":"/x","status":200,"duration":1009547000}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.990453Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", RequestsInSink: 1, Warnings: "duration_unit_assumed "},
		},
		{
			"nginx in JSON with the Host header, and no upstream",
			`{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"GET","request_uri":"/x","status":"200","request_time":"0.123","host":"api.example.com","upstream_addr":"-"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:59.877Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", RequestsInSink: 1},
		},
		{
			"nginx in JSON with the name of its server",
			`{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"GET","request_uri":"/x","status":"200","request_time":"0.123","server":"api.example.com"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:59.877Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", RequestsInSink: 1},
		},
		{
			"a proxy in JSON with the server that answered",
			`{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"GET","request_uri":"/x","status":"200","request_time":"0.123","server":"web-1"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:59.877Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Container: "web-1", RequestsInSink: 1},
		},
		{
			"a proxy in JSON with the address of the server that answered",
			`{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"GET","request_uri":"/x","status":"200","request_time":"0.123","server":"10.0.0.5:8080"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:59.877Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Container: "10.0.0.5:8080", RequestsInSink: 1},
		},
		{
			"Echo on a developer's machine: the Host header",
			`{"time":"2026-11-20T08:00:00Z","host":"localhost:1323","method":"GET","uri":"/x","status":200,"latency_human":"1.5s"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.5Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", RequestsInSink: 1},
		},
		{
			"Echo behind a domain: the Host header",
			`{"time":"2026-11-20T08:00:00Z","host":"api.example.com","method":"GET","uri":"/x","status":200,"latency_human":"1.5s"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.5Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", RequestsInSink: 1},
		},
		{
			"Echo with the container beside the Host header",
			`{"time":"2026-11-20T08:00:00Z","host":"api.example.com","hostname":"web-1","method":"GET","uri":"/x","status":200,"latency_human":"1.5s"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.5Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Container: "web-1", RequestsInSink: 1},
		},
		{
			"nginx in JSON after a retry: the last upstream answered",
			`{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"GET","request_uri":"/x","status":"200","request_time":"0.123","upstream_addr":"10.0.0.1:80, 10.0.0.2:80"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:59.877Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Container: "10.0.0.2:80", RequestsInSink: 1},
		},
		{
			"nginx in JSON after a redirect within",
			`{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"GET","request_uri":"/x","status":"200","request_time":"0.123","upstream_addr":"10.0.0.1:80, unix:/tmp/a.sock : 10.0.0.3:80"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:59.877Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Container: "10.0.0.3:80", RequestsInSink: 1},
		},
		{
			"nginx in JSON when no server was left to try, and it names their group",
			`{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"GET","request_uri":"/x","status":"502","request_time":"0.123","upstream_addr":"10.0.0.1:80, backend"}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:59.877Z", End: "2026-11-20T08:00:00Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/x", Container: "10.0.0.1:80", RequestsInSink: 1},
		},
		{
			"an application's own JSON with the machine that it runs on",
			`{"time":"2026-11-20T08:00:00Z","host":"ip-10-0-1-2.ec2.internal","method":"GET","path":"/x","status":200,"duration_ms":1500}`,
			seen{Format: "json-access", Start: "2026-11-20T07:59:58.5Z", End: "2026-11-20T08:00:00Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/x", Container: "ip-10-0-1-2.ec2.internal", RequestsInSink: 1},
		},
		{
			"an AWS load balancer",
			`https 2023-04-26T12:23:01.186641Z app/my-lb/50dc 192.168.1.11:44740 10.0.0.1:80 0.086 0.900 0.014 200 200 0 57 "GET https://www.example.com:443/robots.txt HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn:x "Root=1-58337281-1d84" "www.example.com"`,
			seen{Format: "aws-alb", Start: "2023-04-26T12:23:00.186641Z", End: "2023-04-26T12:23:01.186641Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/robots.txt", ID: "1-58337281-1d84", Container: "10.0.0.1:80", Client: "192.168.1.11", RequestsInSink: 1},
		},
		{
			"an AWS load balancer that says when the request came in, before a long answer",
			`h2 2023-04-26T12:23:41.186641Z app/my-lb/50dc 192.168.1.11:44740 10.0.0.1:80 0.086 0.900 0.014 200 200 0 57 "GET https://www.example.com:443/export HTTP/2.0" "a \"quoted\" agent" ECDHE TLSv1.2 arn:x "Root=1-58337281-1d84" "www.example.com" "-" 1 2023-04-26T12:23:00.186641Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"`,
			seen{Format: "aws-alb", Start: "2023-04-26T12:23:00.186641Z", End: "2023-04-26T12:23:41.186641Z", Layer: router, Outcome: record.Answered, Status: 200, Method: "GET", Path: "/export", ID: "1-58337281-1d84", Container: "10.0.0.1:80", Client: "192.168.1.11", RequestsInSink: 1},
		},
		{
			"an AWS load balancer whose target broke off",
			`https 2023-04-26T12:23:31.186641Z app/my-lb/50dc 192.168.1.11:44740 10.0.0.1:80 0.001 -1 -1 502 - 0 57 "GET https://www.example.com:443/export HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn:x "Root=1-58337281-1d84" "www.example.com" "-" 1 2023-04-26T12:23:00.186641Z "forward" "-" "-" "10.0.0.1:80" "-" "-" "-"`,
			seen{Format: "aws-alb", Start: "2023-04-26T12:23:00.186641Z", End: "2023-04-26T12:23:31.186641Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/export", ID: "1-58337281-1d84", Container: "10.0.0.1:80", Client: "192.168.1.11", RequestsInSink: 1},
		},
		{
			"an AWS load balancer whose target broke off, and that does not say when the request came in",
			`https 2023-04-26T12:23:31.186641Z app/my-lb/50dc 192.168.1.11:44740 10.0.0.1:80 0.001 -1 -1 502 - 0 57 "GET https://www.example.com:443/export HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn:x "Root=1-58337281-1d84" "www.example.com" "-" 1 - "forward" "-"`,
			seen{Format: "aws-alb", End: "2023-04-26T12:23:31.186641Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/export", ID: "1-58337281-1d84", Container: "10.0.0.1:80", Client: "192.168.1.11", RequestsInSink: 1},
		},
		{
			"an AWS load balancer whose target itself answered that something behind it gave up",
			`https 2023-04-26T12:23:01.186641Z app/my-lb/50dc 192.168.1.11:44740 10.0.0.1:80 0.086 0.900 0.014 504 504 0 57 "GET https://www.example.com:443/x HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn:x "Root=1-58337281-1d84" "www.example.com"`,
			seen{Format: "aws-alb", Start: "2023-04-26T12:23:00.186641Z", End: "2023-04-26T12:23:01.186641Z", Layer: router, Outcome: record.Answered, Status: 504, Method: "GET", Path: "/x", ID: "1-58337281-1d84", Container: "10.0.0.1:80", Client: "192.168.1.11", RequestsInSink: 1},
		},
		{
			"an AWS load balancer whose target itself answered that something behind it broke off",
			`https 2023-04-26T12:23:01.186641Z app/my-lb/50dc 192.168.1.11:44740 10.0.0.1:80 0.086 0.900 0.014 502 502 0 57 "GET https://www.example.com:443/x HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn:x "Root=1-58337281-1d84" "www.example.com"`,
			seen{Format: "aws-alb", Start: "2023-04-26T12:23:00.186641Z", End: "2023-04-26T12:23:01.186641Z", Layer: router, Outcome: record.Answered, Status: 502, Method: "GET", Path: "/x", ID: "1-58337281-1d84", Container: "10.0.0.1:80", Client: "192.168.1.11", RequestsInSink: 1},
		},
		{
			"an AWS load balancer that could not use what its target sent",
			`https 2023-04-26T12:23:01.186641Z app/my-lb/50dc 192.168.1.11:44740 10.0.0.1:80 0.086 0.900 0.014 502 200 0 57 "GET https://www.example.com:443/x HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn:x "Root=1-58337281-1d84" "www.example.com"`,
			seen{Format: "aws-alb", Start: "2023-04-26T12:23:00.186641Z", End: "2023-04-26T12:23:01.186641Z", Layer: router, Outcome: record.Cut, Status: 502, Method: "GET", Path: "/x", ID: "1-58337281-1d84", Container: "10.0.0.1:80", Client: "192.168.1.11", RequestsInSink: 1},
		},
		{
			"uWSGI",
			`[pid: 88185|app: 0|req: 1/1] 127.0.0.1 () {38 vars in 696 bytes} [Sun Mar 13 22:49:12 2016] POST /update_metrics => generated 47 bytes in 129 msecs (HTTP/1.1 200) 9 headers in 378 bytes (1 switches on core 3)`,
			seen{Format: "uwsgi", Start: "2016-03-13T22:49:12Z", End: "2016-03-13T22:49:12.129Z", Layer: app, Outcome: record.Answered, Status: 200, Method: "POST", Path: "/update_metrics", Instance: "88185", Client: "127.0.0.1", RequestsInSink: 1, Warnings: "no_timezone "},
		},
		{
			"chatter",
			`the quick brown fox`,
			seen{Warnings: "unrecognised_lines "},
		},
		{
			"binary rubbish",
			"\x00\x01\x02\x03\x04\x05\x06\x07",
			seen{Warnings: "binary_line "},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := readLine(t, c.line, nil)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWholeNumbersWithoutAUnitAreOfTheUnitThatFitsTheirLog(t *testing.T) {
	for _, c := range []struct {
		name      string
		durations []int64
		want      []time.Duration
	}{
		{
			"Go's structured log: nanoseconds, the short ones as well",
			[]int64{1_200_345, 350_120, 84_000_001, 2_750_000, 31_009_547_000, 990_210, 4_100_300},
			[]time.Duration{1_200_345, 350_120, 84_000_001, 2_750_000, 31_009_547_000, 990_210, 4_100_300},
		},
		{
			"milliseconds, one of them of half an hour",
			[]int64{12, 350, 84, 1_800_000, 30_000, 99, 410},
			[]time.Duration{12e6, 350e6, 84e6, 1800e9, 30e9, 99e6, 410e6},
		},
		{
			"milliseconds of streams that stay open for minutes",
			[]int64{300_000, 120_000, 600_000, 299_000, 240_000},
			[]time.Duration{300e9, 120e9, 600e9, 299e9, 240e9},
		},
		{
			"too few lines to tell",
			[]int64{2_000_000, 300_000},
			[]time.Duration{2000e9, 300e9},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			for i, d := range c.durations {
				fmt.Fprintf(&log, `{"time":"2026-11-20T08:%02d:00Z","level":"INFO","msg":"request","method":"GET","path":"/x","status":200,"duration":%d}`+"\n", i, d)
			}
			var sink recordtest.Sink
			if err := New(Options{Paths: []string{"-"}, Stdin: strings.NewReader(log.String())}).Collect(t.Context(), record.Query{}, &sink); err != nil {
				t.Fatal(err)
			}
			var got []time.Duration
			for _, r := range sink.Requests {
				got = append(got, r.End.Sub(r.Start))
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if sink.WarningCount("duration_unit_assumed") != int64(len(c.want)) {
				t.Errorf("warnings %v", sink.Warnings)
			}
		})
	}
}

func TestTimesWithoutAZoneAreTakenInTheZoneThatWasNamed(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no zone data")
	}
	got := readLine(t, `127.0.0.1:35982 [10/Jul/2018:12:01:46.395] http back/web-2 0/0/1/4/5 200 213 - - ---- 1/1/0/0/0 0/0 "GET /a HTTP/1.1"`, paris)
	if got.Start != "2018-07-10T10:01:46.395Z" {
		t.Errorf("start %s, want two hours earlier in UTC", got.Start)
	}
	got = readLine(t, `2026-01-16 13:47:05 [router] method=GET path="/x" host=h request_id=6c container=web-1 from="1.2.3.4" protocol=https status=200 duration=1s bytes=0`, paris)
	if got.End != "2026-01-16T12:47:05Z" {
		t.Errorf("end %s, want one hour earlier in UTC", got.End)
	}
}

func TestAllDialectsTogetherWantNoMoreValuesThanTheScanHasRoomFor(t *testing.T) {
	for _, f := range formats(nil) {
		j, ok := f.(*jsonLines)
		if !ok {
			continue
		}
		if slots := len(jsonscan.New(j.spec).Values); slots > jsonscan.MaxSlots {
			t.Errorf("%d slots, room for %d", slots, jsonscan.MaxSlots)
		}
	}
}
