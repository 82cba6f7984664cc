package evidence

import (
	"strings"
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestCallsOfGRPCAreRequests(t *testing.T) {
	const (
		call = `"protocol":"grpc","grpc.component":"server","grpc.service":"shop.v1.Stock","grpc.method":"GetLevel","grpc.method_type":"unary","peer.address":"10.0.1.7:50112","grpc.start_time":"2026-11-20T08:00:00Z"`
		v2   = `{"level":"info","ts":1795161600.5,"msg":"finished call",` + call + `,"grpc.code":"OK","grpc.time_ms":"12.5"}`
		slog = `time=2026-11-20T08:00:00.500Z level=INFO msg="finished call" protocol=grpc grpc.component=server grpc.service=shop.v1.Stock grpc.method=GetLevel grpc.method_type=unary peer.address=10.0.1.7:50112 grpc.code=OK grpc.time_ms=12.5`
	)
	finished := seen{
		Format: "go-grpc-middleware", Start: "2026-11-20T08:00:00.4875Z", End: "2026-11-20T08:00:00.5Z", Layer: record.LayerApp, Outcome: record.Answered,
		Status: 200, Method: "POST", Path: "/shop.v1.Stock/GetLevel", Client: "10.0.1.7", RequestsInSink: 1,
	}
	started := finished
	started.Start, started.Phase, started.Outcome, started.Status, started.ID = started.End, record.Started, 0, 0, "31a5ade7"
	of := func(s seen, change func(*seen)) seen { change(&s); return s }
	for _, c := range []struct {
		name, line string
		want       seen
	}{
		{"an end, version 2", v2, finished},
		{"behind kubectl's prefix", `[pod/stock-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.6Z ` + v2, of(finished, func(s *seen) { s.Container = "stock-5d8f7b9c4-x2x9q/app" })},
		{
			"a beginning", `{"level":"info","ts":1795161600.5,"msg":"started call",` + call + `,"grpc.request.id":"31a5ade7","grpc.time_ms":"0.012"}`,
			started,
		},
		{
			"version 1 with zap", `{"level":"info","ts":1795161600.5,"caller":"zap/options.go:212","msg":"finished unary call with code OK","grpc.start_time":"2026-11-20T08:00:00Z","system":"grpc","span.kind":"server","grpc.service":"shop.v1.Stock","grpc.method":"GetLevel","peer.address":"10.0.1.7:50112","grpc.code":"OK","grpc.time_ms":12.5}`,
			finished,
		},
		{
			"version 1 with logrus", `{"grpc.code":"Unavailable","grpc.method":"GetLevel","grpc.service":"shop.v1.Stock","grpc.time_ms":12.5,"level":"warning","msg":"finished streaming call with code Unavailable","peer.address":"[::1]:50112","span.kind":"server","time":"2026-11-20T08:00:00.5Z"}`,
			of(finished, func(s *seen) { s.Status, s.Client = 503, "::1" }),
		},
		{
			"a duration with its unit", `{"time":"2026-11-20T08:00:00.5Z","level":"INFO","msg":"finished call",` + call + `,"grpc.code":"Canceled","grpc.duration":"12.5ms"}`,
			of(finished, func(s *seen) { s.Status, s.Outcome = 499, record.ClientGone }),
		},
		{
			"a duration in seconds", `{"time":"2026-11-20T08:00:00.5Z","level":"INFO","msg":"finished call",` + call + `,"grpc.code":"Code(17)","grpc.duration":0.0125}`,
			of(finished, func(s *seen) { s.Status = 0 }),
		},
		{
			"a duration of no unit", `{"time":"2026-11-20T08:00:00.5Z","level":"INFO","msg":"finished call",` + call + `,"grpc.code":"OK","grpc.duration":12500000}`,
			of(finished, func(s *seen) { s.Start, s.Warnings = "", "no_duration " }),
		},
		{"no duration", `{"time":"2026-11-20T08:00:00.5Z","msg":"finished call",` + call + `,"grpc.code":"OK"}`, of(finished, func(s *seen) { s.Start, s.Warnings = "", "no_duration " })},
		{"pairs of slog", slog, of(finished, func(s *seen) { s.Format = "key-value-log" })},
		{
			"pairs of logrus", `time="2026-11-20T08:00:00.5Z" level=info msg="started call" grpc.method=GetLevel grpc.request.id=31a5ade7 grpc.service=shop.v1.Stock peer.address="10.0.1.7:50112"`,
			of(started, func(s *seen) { s.Format = "key-value-log" }),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := readLine(t, c.line, time.UTC); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestWhatElseIsSaidOfGRPCIsNoRequest(t *testing.T) {
	const end = `"time":"2026-11-20T08:00:00.5Z","msg":"finished call","grpc.code":"OK","grpc.time_ms":"12.5"}`
	for line, warnings := range map[string]string{
		`{"grpc.service":"shop.v1.Stock","grpc.method":"GetLevel","grpc.component":"client",` + end:                                 "",
		`{"grpc.service":"shop.v1.Stock","grpc.method":"GetLevel","span.kind":"client",` + end:                                      "",
		`{"grpc.service":"shop.v1.Stock","grpc.method":"GetLevel","ts":1795161600.5,"msg":"request received","grpc.time_ms":"0.1"}`: "",
		`{"grpc.service":"shop.v1.Stock","grpc.method":"GetLevel","msg":"started call"}`:                                            "unrecognised_lines ",
		`{"grpc.service":"","grpc.method":"GetLevel",` + end:                                                                        "",
		`{"grpc.service":"a/b","grpc.method":"GetLevel",` + end:                                                                     "",
		`{"grpc.service":"a","grpc.method":"../x",` + end:                                                                           "",
		`{"grpc.service":"a","grpc.method":"b","msg":"finished call","ts":"noon","grpc.code":"OK"}`:                                 "malformed_line ",
		`{"grpc.service":["a"],"grpc.method":{},` + end:                                                                             "",
		`time=2026-11-20T08:00:00.5Z msg="request received" grpc.service=a grpc.method=b`:                                           "unrecognised_lines ",
		`{"grpc.service":"` + strings.Repeat(`\u002f`, 1<<12) + `","grpc.method":"b",` + end:                                        "",
	} {
		if got := readLine(t, line, time.UTC); got.RequestsInSink != 0 || got.Warnings != warnings {
			t.Errorf("%.150s: %+v", line, got)
		}
	}
	hostile := readLine(t, `{"grpc.service":"`+strings.Repeat("a", 1<<16)+`","grpc.method":"b\"\u0000","peer.address":":::",`+end, time.UTC)
	if hostile.RequestsInSink != 1 || hostile.Client != ":::" || len(hostile.Path) != 1<<16+5 {
		t.Errorf("%.100v", hostile)
	}
}

func TestAddressesLoseTheirPorts(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.1.7:50112": "10.0.1.7", "[::1]:80": "::1", "::1": "::1", "2001:db8::7:8": "2001:db8::7:8", "": "", ":": ":", "bufconn": "bufconn", "[:1": "[:1", "x:": "x:",
	} {
		if got := string(withoutPort([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
