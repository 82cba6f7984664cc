package evidence

import (
	"bytes"
	"slices"
	"time"

	"lastcall/collectors/evidence/internal/jsonscan"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// accessDialect reads requests that nginx and applications write in JSON under names of their own choice: a time, a path, a duration
// under one of the usual names, and what else there is.
//
//	{"time_iso8601":"2026-11-20T08:00:00+00:00","request_method":"GET","request_uri":"/x","status":"200","request_time":"0.123",
//	 "upstream_addr":"10.0.0.5:8080"}
//	{"timestamp":"2026-11-20T08:00:00Z","level":"info","http.method":"GET","http.route":"/x/:id","http.status_code":200,"duration_ms":12}
//
// The time is that of the end, as nginx has it. A duration of which neither name nor text tells the unit is milliseconds, or nanoseconds
// where it is a whole number that fits no other (see unnamedUnits); it is counted.
type accessDialect struct {
	first [len(accessNames)]int // index among the paths of the first name of each value
}

func newAccessDialect() accessDialect {
	var d accessDialect
	n := 0
	for i, names := range accessNames {
		d.first[i] = n
		n += len(names)
	}
	return d
}

// The values that accessDialect looks for, each under its names. The names of one value stand together.
var accessNames = [...][]string{
	accessTime: {"time_iso8601", "msec", "timestamp", "@timestamp", "time", "ts", "datetime", "date", "time_local"},
	accessMethod: {
		"request_method", "method", "http_method", "http.method", "http.request.method", "verb", "httpRequest.requestMethod", "req.method", "meta.req.method",
	},
	accessPath: {
		"request_uri", "uri", "path", "url", "request_path", "http.target", "http.path", "http.url", "url.path", "url.original",
		"httpRequest.requestUrl", "req.url", "meta.req.url",
	},
	accessLine:  {"request"},
	accessRoute: {"route", "http.route"},
	accessStatus: {
		"status", "status_code", "statusCode", "response_status", "http.status_code", "http.response.status_code", "httpRequest.status",
		"res.statusCode", "meta.res.statusCode",
	},
	accessSeconds: {
		"request_time", "response_time_s", "duration_s", "duration_seconds", "elapsed_seconds", "request_duration_seconds", "httpRequest.latency",
	},
	accessMillis: {
		"duration_ms", "durationMs", "duration_millis", "elapsed_ms", "latency_ms", "latencyMs", "took_ms", "response_time_ms",
		"responseTime", "response-time", "request_duration_ms", "res.responseTime", "meta.responseTime",
	},
	accessMicros:  {"duration_us", "latency_us", "elapsed_us"},
	accessNanos:   {"event.duration", "duration_ns", "latency_ns", "elapsed_ns"},
	accessTook:    {"latency_human", "duration_human", "duration", "latency", "elapsed", "response_time", "took"}, // Echo writes two
	accessProxied: {"upstream_addr", "upstream", "upstream_host"},
	accessContainer: {
		"kubernetes.pod_name", "kubernetes.pod.name", "pod_name", "pod", "container_name", "container.name", "container", "dyno", "hostname",
		"host.name", "instance", "host", "server",
	},
	accessInstance: {"container_id", "container.id", "pid", "process.pid"},
	accessID:       {"request_id", "requestId", "req_id", "x_request_id", "trace_id", "traceId", "trace.id", "http.request_id", "http.request.id"},
	accessClient:   {"remote_addr", "client_ip", "clientIp", "remote_ip", "ip", "client.ip", "source.ip", "httpRequest.remoteIp"},
	accessUser:     {"user_id", "userId", "usr.id", "user.id", "remote_user"},
	accessService:  {"service", "service.name", "service_name", "app"},
	accessVersion:  {"version", "service.version"},
	accessMessage:  {"msg", "message"},
}

const (
	accessTime = iota
	accessMethod
	accessPath
	accessLine
	accessRoute
	accessStatus
	accessSeconds
	accessMillis
	accessMicros
	accessNanos
	accessTook
	accessProxied
	accessContainer
	accessInstance
	accessID
	accessClient
	accessUser
	accessService
	accessVersion
	accessMessage
)

func (accessDialect) name() string { return "json-access" }

func (accessDialect) paths() []string {
	var all []string
	for _, names := range accessNames {
		all = append(all, names...)
	}
	return all
}

// named finds the first of the names of a value that the line has.
func (d *accessDialect) named(l *jsonLine, value int) jsonscan.Value {
	first := d.first[value]
	for i := range accessNames[value] {
		if v := l.at(first + i); v.End > v.Start {
			return v
		}
	}
	return jsonscan.Value{}
}

func (d *accessDialect) text(l *jsonLine, field, value int) []byte {
	v := d.named(l, value)
	if v.Kind == jsonscan.Absent {
		return nil
	}
	return orNone(l.unescaped(field, v))
}

// served is the container that a line of a request names. What stands under "host" or "server" may be whom the client asked for instead,
// the Host header, which proxies and Echo log under these names: that is one name for all containers.
func (d *accessDialect) served(l *jsonLine, layer record.Layer) []byte {
	asked := layer == record.LayerRouter || l.has(d.first[accessTook]) // Echo's latency_human
	for i, name := range accessNames[accessContainer] {
		v := l.at(d.first[accessContainer] + i)
		if v.End == v.Start {
			continue
		}
		text := orNone(l.unescaped(bufContainer, v))
		if (name == "host" || name == "server") && isHostHeader(text, asked) {
			if name == "server" && layer == record.LayerRouter && len(text) > 0 && number.IsDigit(text[0]) && bytes.IndexByte(text, ':') > 0 {
				return text // address and port of an upstream
			}
			continue
		}
		return text
	}
	return nil
}

// isHostHeader tells what a client asked for from the name of a machine or container. Machines have dots in their names as well; asked says
// that the line is of a writer who means the client's.
func isHostHeader(name []byte, asked bool) bool {
	return string(name) == "localhost" || bytes.IndexByte(name, ':') >= 0 || asked && bytes.IndexByte(name, '.') >= 0
}

func (accessDialect) needs() []int { return nil }

// refuses implements refuser: a line without a duration is no request.
func (d accessDialect) refuses(l *jsonLine) bool {
	for _, value := range [...]int{accessSeconds, accessMillis, accessMicros, accessNanos, accessTook} {
		for i := range accessNames[value] {
			if l.has(d.first[value] + i) {
				return false
			}
		}
	}
	return true
}

func (d accessDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	took, scale := d.named(l, accessSeconds), 9
	for _, other := range [...]struct{ value, scale int }{{accessMillis, 6}, {accessMicros, 3}, {accessNanos, 0}, {accessTook, -1}} {
		if took.Kind != jsonscan.Absent {
			break
		}
		took, scale = d.named(l, other.value), other.scale
	}
	if took.Kind == jsonscan.Absent {
		return false, nil
	}
	when := d.named(l, accessTime)
	if when.Kind == jsonscan.Absent {
		return false, nil
	}
	method, path, route := d.text(l, bufMethod, accessMethod), d.text(l, bufPath, accessPath), d.text(l, bufRoute, accessRoute)
	if path == nil && route == nil {
		// nginx's $request: the whole request line.
		text := d.text(l, bufPath, accessLine)
		m, rest, ok := bytes.Cut(text, []byte(" "))
		if !ok || len(rest) == 0 || rest[0] != '/' {
			return false, nil
		}
		if i := bytes.LastIndex(rest, []byte(" HTTP/")); i > 0 {
			rest = rest[:i]
		}
		method, path = m, rest
	}
	statusText := d.named(l, accessStatus)
	status, ok := number.HTTPStatus(l.scan.Raw(statusText))
	if !ok && (statusText.Kind == jsonscan.Number || method == nil) {
		return false, nil
	}
	t, ok, err := l.time(when, sink)
	if err != nil {
		return true, err
	}
	if !ok {
		return l.malformed(sink, "a request whose time is none; it was left out")
	}
	raw := l.scan.Raw(took)
	if i := bytes.IndexAny(raw, ", "); i > 0 {
		raw = raw[:i]
	}
	if scale < 0 {
		scale = 6
		if n := len(raw); number.IsDigit(raw[n-1]) {
			text := "durations that name no unit; they were taken as milliseconds"
			if l.inNanoseconds(raw) {
				scale, text = 0, "durations that name no unit; they were taken as nanoseconds, in which Go counts, because in milliseconds they would be hours"
			}
			if err := warning.Tell(sink, l.pos, "duration_unit_assumed", text, l.line); err != nil {
				return true, err
			}
		}
	}
	duration, ok := number.DurationWithUnit(raw, scale)
	if !ok {
		return l.malformed(sink, "a request whose duration is none; it was left out")
	}
	proxied := lastOfList(d.text(l, bufOther, accessProxied))
	layer := record.LayerApp
	if len(proxied) > 0 || d.named(l, accessSeconds).Kind != jsonscan.Absent {
		layer = record.LayerRouter
	}
	r := l.request(layer)
	r.Start, r.End, r.Status = t-record.Time(duration), t, status
	r.Method, r.Path, r.Route = upperMethod(method), pathOfURL(path), route
	switch {
	case len(l.frame.container) > 0:
		r.Container = l.frame.container
	case len(proxied) > 0:
		r.Container = proxied
	default:
		r.Container = d.served(l, layer)
	}
	r.Instance, r.ID, r.User = d.text(l, bufInstance, accessInstance), d.text(l, bufID, accessID), d.text(l, bufUser, accessUser)
	r.Client = firstAddress(d.text(l, bufClient, accessClient))
	r.Service, r.Version = d.text(l, bufService, accessService), d.text(l, bufVersion, accessVersion)
	switch {
	case layer == record.LayerRouter:
		r.Outcome = outcome.OfRouter(status, nil, true)
	case status == 499:
		r.Outcome = record.ClientGone
	}
	return true, sink.Request(r)
}

// unnamedUnits gathers the whole numbers of durations whose unit a log does not tell. Go's loggers write a time.Duration as nanoseconds
// ("duration":1009547000), nearly all others milliseconds, and one line alone does not say which: 3,600,000 is an hour that kills or 3.6
// ms. The lines of the head together do, which are the same whichever goroutine reads the rest.
type unnamedUnits struct{ seen []int64 }

const (
	aDay            = int64(24 * time.Hour / time.Millisecond)     // of milliseconds, which no request takes; or 86 ms
	aQuarterOfHour  = int64(1000 * time.Second / time.Millisecond) // or 1 ms
	someMinutes     = int64(100 * time.Second / time.Millisecond)  // or 0.1 ms
	minUnnamedUnits = 5
)

// nanoseconds reports whether in milliseconds half of the requests would take a quarter of an hour, or some minutes and one of them a day.
// One stream that was open for hours, or many that were for minutes, do not bring that about.
func (u *unnamedUnits) nanoseconds() bool {
	if len(u.seen) < minUnnamedUnits {
		return false
	}
	slices.Sort(u.seen)
	half := u.seen[len(u.seen)/2]
	return half >= aQuarterOfHour || half >= someMinutes && u.seen[len(u.seen)-1] >= aDay
}

// inNanoseconds says whether a number that names no unit is of nanoseconds.
func (l *jsonLine) inNanoseconds(raw []byte) bool {
	if !number.IsDigits(raw) {
		return false // Go's are whole
	}
	v, ok := number.Decimal(raw, 0)
	if ok && l.unnamed != nil {
		l.unnamed.seen = append(l.unnamed.seen, v)
	}
	return ok && (l.format.nanos || v >= aDay)
}

// messageDialect reads what an application says in JSON under names of its own choice, for the last words of a process among it.
// Other formats are asked before it.
type messageDialect struct{ accessDialect }

func (messageDialect) name() string { return "json-log" }

func (d messageDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	when, message := d.named(l, accessTime), d.named(l, accessMessage)
	if when.Kind == jsonscan.Absent || message.Kind != jsonscan.String {
		return false, nil
	}
	t, ok, err := l.time(when, sink)
	if err != nil || !ok {
		return err != nil, err
	}
	container := d.text(l, bufContainer, accessContainer)
	var host []byte
	if len(l.frame.container) > 0 {
		container, host = l.frame.container, container
	}
	return true, l.message(t, container, d.text(l, bufInstance, accessInstance), d.text(l, bufService, accessService), host,
		d.text(l, bufVersion, accessVersion), l.unescaped(bufMessage, message), sink)
}

// jsonMessages is the format of messageDialect alone.
type jsonMessages struct{ *jsonLines }

func (jsonMessages) last()        {}
func (jsonMessages) Name() string { return "json-log" }

// Sniff is never sure: the messages of any format's log look like this one's.
func (f jsonMessages) Sniff(head []byte) int { return min(f.jsonLines.Sniff(head), 5) }
