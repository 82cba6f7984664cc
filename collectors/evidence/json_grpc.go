package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsonscan"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// grpcLog reads the calls that go-grpc-middleware logs in JSON, through whichever logger (zap, zerolog, logrus, slog): where an application
// has it so, with a line at the beginning of each.
//
//	{"level":"info","ts":1794555594.45597,"msg":"started call","protocol":"grpc","grpc.component":"server","grpc.service":"shop.v1.Stock",
//	 "grpc.method":"GetLevel","grpc.method_type":"unary","peer.address":"10.0.1.7:50112","grpc.start_time":"2026-11-13T07:39:54Z"}
//	{"level":"info","ts":1794555594.462864,"msg":"finished call",…,"grpc.code":"OK","grpc.time_ms":"6.894"}
//	{"level":"info","ts":1794555594.462864,"msg":"finished unary call with code OK","grpc.start_time":"2026-11-13T07:39:54Z","system":"grpc",
//	 "span.kind":"server","grpc.service":"shop.v1.Stock","grpc.method":"GetLevel","grpc.code":"OK","grpc.time_ms":6.894}
//
// The same pairs as text are keyValueLog's. A call is a POST of "/service/method", as gRPC has it over HTTP/2. The calls of others that an
// application makes itself ("client") are none of its requests. Sources: go-grpc-middleware v2, interceptors/logging/interceptors.go and
// options.go; v1, logging/zap and logging/logrus, server_interceptors.go and options.go; gRPC, doc/PROTOCOL-HTTP2.md.
type grpcLog struct {
	*jsonLines            // and what else such an application logs, of which others would take the calls as well
	calls      *jsonLines // alone
}

func newGRPCLog(zone *time.Location) grpcLog {
	return grpcLog{
		jsonLines: newJSONLines(zone, grpcDialect{}, pinoDialect{}, newAccessDialect(), pinoChatter{}),
		calls:     newJSONLines(zone, grpcDialect{}),
	}
}

// ForHead implements format.Headed. As in dotnetLog, a log whose head has no call is spared a second look at every line that others leave.
func (f grpcLog) ForHead(head []byte) format.LineFormat {
	if f.hasCall(head) {
		return f.jsonLines.ForHead(head)
	}
	return f.jsonLines.none()
}

func (grpcLog) Name() string { return "go-grpc-middleware" }

// Sniff is surer than that of the dialects that are this format's as well.
func (f grpcLog) Sniff(head []byte) int {
	if !f.hasCall(head) {
		return 0
	}
	return f.jsonLines.Sniff(head) + 1
}

// hasCall reports whether a head has a line of a call.
func (f grpcLog) hasCall(head []byte) bool {
	return bytes.Contains(head, []byte("grpc.service")) && f.calls.Sniff(head) > 0
}

// grpcDialect is what the lines of grpcLog hold.
type grpcDialect struct{}

const (
	grpcService = iota
	grpcMethod
	grpcMessage
	grpcMsg
	grpcTS
	grpcTime
	grpcTimestamp
	grpcAtTimestamp
	grpcCode
	grpcMillis
	grpcDuration
	grpcComponent
	grpcKind
	grpcPeer
	grpcID
	grpcOtherIDs // up to grpcContainer
)

var (
	grpcIDs        = []string{"request_id", "requestId", "request.id", "x-request-id", "trace_id", "traceID", "traceId", "trace.id"}
	grpcContainers = []string{"kubernetes.pod_name", "kubernetes.pod.name", "pod_name", "pod", "hostname"}
)

func (grpcDialect) name() string { return "go-grpc-middleware" }

func (grpcDialect) paths() []string {
	all := []string{
		"grpc.service", "grpc.method", "message", "msg", "ts", "time", "timestamp", "@timestamp", "grpc.code", "grpc.time_ms", "grpc.duration",
		"grpc.component", "span.kind", "peer.address", "grpc.request.id",
	}
	return append(append(all, grpcIDs...), grpcContainers...)
}

func (grpcDialect) needs() []int { return []int{grpcService, grpcMethod} }

func (d grpcDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	if string(l.raw(grpcComponent)) == "client" || string(l.raw(grpcKind)) == "client" {
		return true, nil // what the application asked of others
	}
	msg := l.raw(grpcMsg)
	if msg == nil {
		msg = l.raw(grpcMessage)
	}
	started := string(msg) == "started call"
	code := l.raw(grpcCode)
	if !started && code == nil { // a message of the stream, or of the application while it works on a call
		return false, nil
	}
	var when jsonscan.Value
	for _, i := range [...]int{grpcTS, grpcTime, grpcTimestamp, grpcAtTimestamp} {
		if when = l.at(i); when.Kind != jsonscan.Absent {
			break
		}
	}
	service, method := l.text(bufRoute, grpcService), l.text(bufMethod, grpcMethod)
	if when.Kind == jsonscan.Absent || len(service) == 0 || len(method) == 0 || bytes.IndexByte(service, '/') >= 0 || bytes.IndexByte(method, '/') >= 0 {
		return false, nil
	}
	t, ok, err := l.lineTime(when, sink, "a request")
	if err != nil || !ok {
		return true, err
	}
	path := append(append(append(append(l.bufs[bufPath][:0], '/'), service...), '/'), method...)
	l.bufs[bufPath] = path
	r := l.request(record.LayerApp)
	r.Method, r.Path = grpcPost, path
	if r.ID = l.textAt(bufID, grpcID); r.ID == nil {
		r.ID = d.first(l, bufID, grpcOtherIDs, len(grpcIDs))
	}
	if r.Container = l.frame.container; len(r.Container) == 0 {
		r.Container = d.first(l, bufContainer, grpcOtherIDs+len(grpcIDs), len(grpcContainers))
	}
	r.Client = withoutPort(l.text(bufClient, grpcPeer))
	if started {
		r.Phase, r.Outcome, r.Start, r.End = record.Started, record.OutcomeUnknown, t, t
		return true, sink.Request(r)
	}
	r.End = t
	if r.Status = statusOfGRPC(code); r.Status == 499 {
		r.Outcome = record.ClientGone
	}
	took, ok := d.took(l)
	if !ok {
		if err := warning.Tell(sink, l.pos, "no_duration", "ends of gRPC calls that do not tell how long they took, or not in which unit", l.line); err != nil {
			return true, err
		}
		return true, sink.Request(r)
	}
	r.Start = t - record.Time(took)
	return true, sink.Request(r)
}

var grpcPost = []byte("POST")

// first is the text at the first of n paths that has one.
func (grpcDialect) first(l *jsonLine, field, from, n int) []byte {
	for i := from; i < from+n; i++ {
		if b := l.textAt(field, i); b != nil {
			return b
		}
	}
	return nil
}

// took is how long a call took. A bare "grpc.duration" is of seconds in zap; whole ones may be of any unit.
func (grpcDialect) took(l *jsonLine) (time.Duration, bool) {
	if ms := l.raw(grpcMillis); ms != nil {
		return number.Duration(ms, 6)
	}
	d := l.raw(grpcDuration)
	if number.IsDigits(d) {
		return 0, false
	}
	return number.DurationWithUnit(d, 9)
}

// statusOfGRPC is the HTTP status of a code by its name in Go; 0 for what is none. Sources: googleapis, google/rpc/code.proto ("HTTP
// Mapping"); grpc-go, codes/code_string.go.
func statusOfGRPC(code []byte) int {
	switch string(code) {
	case "OK":
		return 200
	case "InvalidArgument", "FailedPrecondition", "OutOfRange":
		return 400
	case "Unauthenticated":
		return 401
	case "PermissionDenied":
		return 403
	case "NotFound":
		return 404
	case "AlreadyExists", "Aborted":
		return 409
	case "ResourceExhausted":
		return 429
	case "Canceled":
		return 499
	case "Unknown", "Internal", "DataLoss":
		return 500
	case "Unimplemented":
		return 501
	case "Unavailable":
		return 503
	case "DeadlineExceeded":
		return 504
	}
	return 0
}

// withoutPort cuts the port off an address.
func withoutPort(b []byte) []byte {
	i := bytes.LastIndexByte(b, ':')
	if i < 1 || i == len(b)-1 || !number.IsDigits(b[i+1:]) || (bytes.IndexByte(b[:i], ':') >= 0 || b[0] == '[') && b[i-1] != ']' { // of version 6, and no port
		return b
	}
	return bytes.TrimSuffix(bytes.TrimPrefix(b[:i], []byte("[")), []byte("]"))
}
