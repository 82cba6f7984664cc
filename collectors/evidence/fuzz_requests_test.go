package evidence

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/access"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// seedLines has a line of every request format.
var seedLines = []string{
	`2026-11-16 13:30:50.937512207 +0000 UTC [router] method=GET path="/x" host=h request_id=1 container=web-3 from="1.2.3.4" protocol=https status=200 duration=0.503s bytes=990 error="x"`,
	`2026-11-17T11:36:16.702243+00:00 heroku[router]: at=error code=H12 desc="Request timeout" method=GET path="/api" host=h request_id=2 fwd="1.2.3.4" dyno=web.2 connect=1ms service=2ms status=200 bytes=31`,
	`277 <158>1 2012-10-11T03:47:20+00:00 host heroku router - at=info method=GET path="/" host=h request_id=1 fwd="1.2.3.4" dyno=web.1 connect=1ms service=999ms status=503 bytes=0`,
	`{"level":30,"time":1794835850897,"pid":2,"hostname":"web-3","req":{"id":"3","method":"GET","url":"/y","headers":{"x-request-id":"q"}},"res":{"statusCode":200},"responseTime":2.5,"msg":"request completed"}`,
	`{"id":"A","type":"log","attributes":{"timestamp":"2026-11-16T14:15:50.772Z","host":"web-4","service":"api","message":"m","tags":["container:w","version:1"],"attributes":{"http":{"method":"GET","url_details":{"path":"/z"},"status_code":200},"duration":18776855}}}`,
	`{"_id":"A","date":"2026-11-16T14:15:50.772Z","host":"web-4","service":"api","message":"m\n\"q\"","tags":["container_name:w"],"attributes":{"http.method":"GET","http":{"url_details.path":"\/z","status_code":"200"},"duration":1e6}}`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "okhttp" 0.123 web-1`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 504 571 - "a" 13 "r" "http://172.19.0.6:14008" 247ms`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "a" rt=0.1 ua="10.0.0.5:8080" urt="0.1, 0.2"`,
	`hap haproxy[1]: 1.1.1.1:1 [04/Apr/2024:14:30:18.885] front~ back/web-1 0/0/0/169/170 404 1541 - - ---- 5/6/9/1/0 0/0 {a|"b"} {} "GET /x HTTP/1.1"`,
	`[2016-04-15T20:17:00.310Z] "POST /x HTTP/2" 204 UT 154 0 226 100 "10.0.35.28" "ua" "cc21" "l" "tcp://10.0.2.1:80"`,
	`https 2023-04-26T12:23:01.186641Z app/lb/5 1.1.1.1:4 10.0.0.1:80 0.086 0.900 0.014 200 200 0 57 "GET https://www.example.com:443/r HTTP/1.1" "curl" E T a "Root=1-5"`,
	`2026-11-20T08:00:00Z 08:00:00.585 request_id=F7mDPZ2rQ1x3XmQAAAHh [info] POST /api/imports`,
	`2026-11-20 08:00:00.9 +0000 UTC [web-1] 08:00:00.732 request_id=F7mDPZ2rQ1x3XmQAAAHh [info] Sent 202 in 146ms`,
	`[pid: 88185|app: 0|req: 1/1] 127.0.0.1 () {38 vars in 696 bytes} [Sun Mar 13 22:49:12 2016] POST /u => generated 47 bytes in 129 msecs (HTTP/1.1 200) 9`,
	`{"start_time":"2025-12-31T16:40:00.100Z","method":"GET","path":"/p","response_code":404,"duration":5,"response_flags":"DC","upstream_host":"1:1"}`,
	`{"DownstreamStatus":200,"Duration":357,"RequestMethod":"GET","RequestPath":"/x","ServiceAddr":"1:80","StartUTC":"2021-12-08T09:16:05.1Z"}`,
	`{"ts":1716723772.25,"request":{"client_ip":"1","method":"GET","uri":"/g"},"duration":0.25,"status":200}`,
	`{"time_iso8601":"2026-11-20T08:00:00+00:00","request":"GET /x HTTP/1.1","status":"502","request_time":"0.123"}`,
	`{"log":"{\"level\":30,\"time\":1794835850000,\"pid\":4,\"hostname\":\"w\",\"msg\":\"FATAL ERROR: x\"}\n","stream":"stdout","time":"2026-11-16T13:30:51.1Z"}`,
	`2026-11-16T13:30:51+00:00 app[web.1]: {"level":30,"time":1794835850000,"pid":4,"hostname":"0","req":{"id":"1","method":"GET","url":"/x"},"res":{"statusCode":200},"responseTime":10,"msg":"request completed"}`,
	`I, [2026-11-20T08:00:00.123456 #77]  INFO -- : [5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11] method=GET path="/a\"b" status=200 duration=58.33 n=1e5`,
	`web  | time=2026-11-20T08:00:00.000Z level=INFO msg="a \x00 \u00e9" method=GET path=/x status=200 duration=12.5ms`,
	`1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /x HTTP/1.1" 200 571 "-" "c" 91 0.123 [d] [] 10.0.0.5:80, 10.0.0.6:80 : 10.0.0.7:80 0, 59 : 5 0.100, 0.023 : 0.000 502, 200 : 200 68fa971ce4dfce685fdc01c877bfa645`,
	`web-1  | [Nest] 2647  - 11/20/2026, 4:06:29 PM     LOG [HTTP] GET /x?a=b 200 - 27ms`,
	`2026-11-20T08:00:00.5Z ::1 - GET /x HTTP/1.1 200 12 - 5.500 ms`,
	`2026-11-20T08:00:00.5Z   <-- GET /x`,
	`{"level":"http","message":"GET /x 200 5.5 ms - 12","timestamp":"2026-11-20T08:00:00.500Z"}`,
	`[pod/web-5d8f7b9c4-x2x9q/app] [GIN] 2026/11/11 - 09:00:49 | 200 |  50.140858ms |  169.119.15.195 | GET     "/v1/x?day=2"`,
	`web-1  | 2026-11-11T09:00:49.5Z [GIN] 2026/11/11 - 09:00:49 | 499 |        1m2s |             ::1 | POST    "/a\"b"`,
	`web-1  | 2026-11-03T09:13:36.667211842Z INFO:     10.0.1.193:8417 - "GET /api/x HTTP/1.1" 200 OK`,
	`I, [2026-11-20T08:00:00.123456 #77]  INFO -- : [5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11] Started GET "/users/7" for 1.2.3.4 at 2026-11-20 08:00:00 +0000`,
	`web.1 | I, [2026-11-20T08:00:00.2 #77]  INFO -- : [5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11] Completed 200 OK in 58ms (Views: 40.4ms | ActiveRecord: 15.3ms)`,
	`2026-11-20T08:00:00Z [5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11] ActionController::RoutingError (No route matches [GET] "/x"):`,
	`2026-11-15T14:03:07.838Z  INFO 1 --- [p] [nio-8080-exec-2] c.acme.Filter : GET /v1/x?a=b completed status=200 duration=30ms`,
	`{"@t":"2026-11-20T08:00:00.0000000Z","@mt":"HTTP {RequestMethod}","RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":12.3,"RequestId":"0HN5:00000001"}`,
	`time=2026-11-20T08:00:00.000Z method=GET path=/x status=200 duration=12 µs`,
	`{"code":200,"request":"<WSGIRequest: GET '/x'>","event":"request_finished","request_id":"ac75b714","user_id":7,"timestamp":"2026-11-20T08:00:00.1Z","level":"info"}`,
	`{"level":"info","ts":1794555594.462864,"msg":"finished call","grpc.component":"server","grpc.service":"shop.v1.Stock","grpc.method":"GetLevel","peer.address":"10.0.1.7:50112","grpc.code":"OK","grpc.time_ms":"6.894"}`,
	`time=2026-11-20T08:00:00.000Z level=INFO msg="started call" grpc.service=shop.v1.Stock grpc.method=GetLevel request_id=7`,
	`{"@t":"2026-11-20T08:00:00Z","@mt":"{HostingRequestStartingLog:l}","Method":"GET","Path":"/x","QueryString":"?a=b","RequestId":"0HN5:00000001","RequestPath":"/x"}`,
	`[2026-11-20T08:00:00.165456+00:00] production.INFO: request.end {"id":"b8c2","method":"GET","uri":"\/x?a=b","status":200,"ms":42} []`,
	`2026-11-20T08:00:00+0000 erp01 php8.2-fpm[17]: [2026-11-20 08:00:00] production.DEBUG: request.start {"id":"b8c2","method":"GET","uri":"\/x"} {"a":1}`,
	`2026-11-20T08:00:00.123Z DEBUG 1 --- [shop] [nio-8080-exec-2] c.acme.Filter : Before request [GET /x?a=b, client=1.2.3.4]`,
	`2026-11-20T08:00:00.223Z DEBUG 1 --- [shop] [nio-8080-exec-2] c.acme.Filter : After request [GET /x?a=b, client=1.2.3.4]`,
	`2026-11-20T08:00:00.243Z INFO  [http] req.start id=3bd593fe method=POST path=/login`,
	`{"__REALTIME_TIMESTAMP":"1795165200123000","_HOSTNAME":"node-a","SYSLOG_IDENTIFIER":"shop","_PID":"17","MESSAGE":"GET /x"}`,
	`{"insertId":"6f","labels":{"instanceId":"00bf"},"logName":"projects/a/logs/run.googleapis.com%2Frequests","resource":{"type":"cloud_run_revision"},"timestamp":"2026-11-20T08:00:00Z","httpRequest":{"requestMethod":"GET","requestUrl":"https://h/x","status":503,"latency":"0.1s"},"trace":"projects/a/traces/7f"}`,
	`web  | {"ts":1716723772.25,"request":{"method":"GET","uri":"/g"},"duration":"1.5s","status":0}`,
}

// requestFormats are those of this file's concern.
func requestFormats() []format.LineFormat {
	var out []format.LineFormat
	for _, f := range append(access.Routers(time.UTC), access.Logs(time.UTC)...) {
		out = append(out, f.(format.LineFormat))
	}
	for _, f := range formats(time.UTC) {
		switch f := f.(type) {
		case *jsonLines, monologLog, dotnetLog, grpcLog, keyValueLog, jsonMessages:
			out = append(out, f.(format.LineFormat))
		}
	}
	return out
}

// FuzzRequestLines gives every parser two lines in a row, and the second also to a fresh parser: what a parser learnt from the first
// must not change what it makes of the second.
func FuzzRequestLines(f *testing.F) {
	for i, a := range seedLines {
		f.Add([]byte(a), []byte(seedLines[(i+1)%len(seedLines)]))
		f.Add([]byte(a), []byte(a))
		f.Add([]byte(a), bytes.Replace([]byte(a), []byte("200"), []byte("201"), 1))
	}
	all := requestFormats()
	f.Fuzz(func(t *testing.T, before, line []byte) {
		if bytes.ContainsAny(before, "\n") || bytes.ContainsAny(line, "\n") {
			return
		}
		for _, lf := range all {
			src := &record.Source{Name: lf.Name()}
			parse := func(p format.LineParser) (*recordtest.Sink, bool) {
				var s recordtest.Sink
				handled, err := p.ParseLine(7, line, &s)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range s.Requests {
					if r.Start == 0 && r.End == 0 || r.Start != 0 && r.End != 0 && r.End < r.Start || r.Status < 0 || r.Status > 999 {
						t.Fatalf("%s made %+v of %q", lf.Name(), r, line)
					}
				}
				return &s, handled
			}
			if len(line) == 0 {
				return
			}
			formattest.CheckPicky(t, lf, string(before)+"\n"+string(line))
			remembering := lf.NewParser(src)
			for range 2 {
				if len(before) > 0 {
					_, _ = remembering.ParseLine(1, before, record.Discard{})
				}
			}
			want, wantHandled := parse(lf.NewParser(src))
			got, handled := parse(remembering)
			if handled != wantHandled {
				t.Fatalf("%s after %q: handled %v, fresh %v: %q", lf.Name(), before, handled, wantHandled, line)
			}
			if diff := cmp.Diff(want.Requests, got.Requests); diff != "" {
				t.Fatalf("%s after %q: %q\n%s", lf.Name(), before, line, diff)
			}
			if len(want.Warnings) != len(got.Warnings) || len(want.Crashes) != len(got.Crashes) {
				t.Fatalf("%s after %q: warnings %v and %v: %q", lf.Name(), before, want.Warnings, got.Warnings, line)
			}
		}
	})
}

// FuzzFile gives the collector any bytes as a file.
func FuzzFile(f *testing.F) {
	for i, a := range seedLines {
		f.Add([]byte(a + "\n" + seedLines[(i+3)%len(seedLines)] + "\r\n\n" + a))
	}
	f.Add([]byte(`{"data":[` + seedLines[4] + `],"meta":{}}`))
	f.Add([]byte("2026-11-20T08:00:00Z app[worker.1]: pid=4 tid=6y1 class=A jid=1 elapsed=1.5 INFO: done\n[2026-11-20 08:00:00,500: INFO/X] Task a.b[1] succeeded in 1.5s: None"))
	f.Add([]byte("2026-11-20T08:00:00Z app[x] cdg [info]08:00:00.5 request_id=Fa [info] GET /x\n2026-11-20T08:00:01Z 08:00:00.7 request_id=Fa [info] Sent 200 in 9ms"))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Add([]byte("\xff\xfea\x00\n\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var one, three recordtest.Sink
		for workers, s := range map[int]*recordtest.Sink{1: &one, 3: &three} {
			c := New(Options{Paths: []string{"-"}, Stdin: bytes.NewReader(data), Workers: workers})
			_ = c.Collect(context.Background(), record.Query{}, s)
			s.Sort()
		}
		if len(one.Requests) != len(three.Requests) || len(one.Crashes) != len(three.Crashes) || len(one.Coverages) == 0 && len(one.Warnings) == 0 {
			t.Fatalf("%d and %d requests, %d and %d crashes", len(one.Requests), len(three.Requests), len(one.Crashes), len(three.Crashes))
		}
	})
}
