package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsonscan"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/request"
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
// The time is that of the end, as nginx has it. A duration of which neither name nor text tells the unit is milliseconds unless the head
// of the log tells of another (see likelyUnit); it is counted. The head tells as well which lines without a duration are beginnings:
//
//	{"time":"2026-11-20T08:00:00Z","level":"INFO","msg":"request started","method":"GET","path":"/x","request_id":"7f"}
type accessDialect struct {
	names *namesOfAccess
	first [accessValues]int // index among the paths of the first name of each value
	// idIn finds the id of the request in a line that has none under its names; nil where there is nowhere to look.
	idIn func(line []byte) []byte
}

// namesOfAccess are the names of each value.
type namesOfAccess [accessValues][]string

func newAccessDialect() accessDialect { return newAccessDialectOf(&accessNames) }

// newAccessDialectOf is the dialect under other names.
func newAccessDialectOf(names *namesOfAccess) accessDialect {
	d := accessDialect{names: names}
	n := 0
	for i, names := range names {
		d.first[i] = n
		n += len(names)
	}
	return d
}

// The values that accessDialect looks for, each under its names. The names of one value stand together.
var accessNames = namesOfAccess{
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
	accessMicros: {
		"duration_us", "latency_us", "elapsed_us", "took_us", "response_time_us", "durationUs", "duration_usec", "latency_usec", "duration_micros",
		"latency_micros", "elapsed_micros",
	},
	accessNanos:    {"event.duration", "duration_ns", "latency_ns", "elapsed_ns"},
	accessTook:     {"latency_human", "duration_human", "duration", "latency", "elapsed", "response_time", "took"}, // Echo writes two
	accessProxied:  {"upstream_addr", "upstream", "upstream_host"},
	accessTried:    {"upstream_response_time"},
	accessAnswered: {"upstream_status"},
	accessContainer: {
		"kubernetes.pod_name", "kubernetes.pod.name", "pod_name", "pod", "container_name", "container.name", "container", "dyno", "hostname",
		"host.name", "instance", "host", "server",
	},
	accessInstance: {"container_id", "container.id", "pid", "process.pid"},
	accessID: {
		"request_id", "requestId", "req_id", "x_request_id", "reqId", "req.id", "trace_id", "traceId", "trace.id", "http.request_id", "http.request.id",
	},
	accessClient:  {"remote_addr", "client_ip", "clientIp", "remote_ip", "ip", "client.ip", "source.ip", "httpRequest.remoteIp"},
	accessUser:    {"user_id", "userId", "usr.id", "user.id", "remote_user"},
	accessService: {"service", "service.name", "service_name", "app"},
	accessVersion: {"version", "service.version"},
	accessMessage: {"msg", "message", "event"},
	accessLevel:   {"level", "severity", "log.level"},
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
	accessTried    // how long each of the proxied took
	accessAnswered // and its status
	accessContainer
	accessInstance
	accessID
	accessClient
	accessUser
	accessService
	accessVersion
	accessMessage
	accessLevel

	accessValues // how many there are
)

// tookNames is how many names there are of durations whose unit the name does not tell.
const tookNames = 7

func (accessDialect) name() string { return "json-access" }

func (d accessDialect) paths() []string {
	var all []string
	for _, names := range d.names {
		all = append(all, names...)
	}
	return all
}

// named finds the first of the names of a value that the line has.
func (d *accessDialect) named(l *jsonLine, value int) jsonscan.Value {
	v, _ := d.nameOf(l, value)
	return v
}

// nameOf is named, and says which of the names it is.
func (d *accessDialect) nameOf(l *jsonLine, value int) (v jsonscan.Value, name int) {
	first := d.first[value]
	for i := range d.names[value] {
		if v := l.at(first + i); v.End > v.Start {
			return v, i
		}
	}
	return jsonscan.Value{}, 0
}

// hasAny reports whether the line has a value under one of its names, be it empty.
func (d *accessDialect) hasAny(l *jsonLine, value int) bool {
	for i := range d.names[value] {
		if l.has(d.first[value] + i) {
			return true
		}
	}
	return false
}

func (d *accessDialect) text(l *jsonLine, field, value int) []byte {
	v := d.named(l, value)
	if v.Kind == jsonscan.Absent {
		return nil
	}
	return request.OrNone(l.unescaped(field, v))
}

// served is the container that a line of a request names. What stands under "host" or "server" may be whom the client asked for instead,
// the Host header, which proxies and Echo log under these names: that is one name for all containers.
func (d *accessDialect) served(l *jsonLine, layer record.Layer) []byte {
	asked := layer == record.LayerRouter || len(d.names[accessTook]) > 0 && l.has(d.first[accessTook]) // Echo's latency_human
	for i, name := range d.names[accessContainer] {
		v := l.at(d.first[accessContainer] + i)
		if v.End == v.Start {
			continue
		}
		text := request.OrNone(l.unescaped(bufContainer, v))
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

// refuses implements refuser: a line without a duration is no request, unless it may be the beginning of one.
func (d accessDialect) refuses(l *jsonLine) bool {
	for _, value := range [...]int{accessSeconds, accessMillis, accessMicros, accessNanos, accessTook} {
		if d.hasAny(l, value) {
			return false
		}
	}
	return len(l.format.begins) == 0 || !d.hasAny(l, accessID) || !d.hasAny(l, accessMethod)
}

// begin takes a line without a duration that is the beginning of a request, by what the head of the log tells of such lines.
func (d *accessDialect) begin(l *jsonLine, sink record.Sink) (bool, error) {
	if l.head == nil && len(l.format.begins) == 0 || d.named(l, accessStatus).Kind != jsonscan.Absent || isErrorLevel(l.scan.Raw(d.named(l, accessLevel))) {
		return false, nil
	}
	id, method, path := d.text(l, bufID, accessID), request.UpperMethod(d.text(l, bufMethod, accessMethod)), request.Path(d.text(l, bufPath, accessPath))
	when := d.named(l, accessTime)
	if len(id) == 0 || len(method) == 0 || len(path) == 0 || when.Kind == jsonscan.Absent {
		return false, nil
	}
	kind := messageKind(d.text(l, bufMessage, accessMessage), method)
	if l.head == nil && !l.format.begins[string(kind)] {
		return false, nil
	}
	t, ok, err := l.time(when, sink)
	if err != nil || !ok {
		return err != nil, err
	}
	r := l.request(record.LayerApp)
	r.Phase, r.Outcome, r.Start, r.End = record.Started, record.OutcomeUnknown, t, t
	r.Method, r.Path, r.Route, r.ID = method, path, d.text(l, bufRoute, accessRoute), id
	if r.Container = l.frame.container; len(r.Container) == 0 {
		r.Container = d.served(l, r.Layer)
	}
	if l.head != nil {
		l.head.begin(kind, r)
		return false, nil
	}
	d.who(l, r)
	return true, sink.Request(r)
}

// who fills in what a line says of its process and of who asked.
func (d *accessDialect) who(l *jsonLine, r *record.Request) {
	r.Instance, r.User = d.text(l, bufInstance, accessInstance), d.text(l, bufUser, accessUser)
	r.Client = request.FirstAddress(d.text(l, bufClient, accessClient))
	r.Service, r.Version = d.text(l, bufService, accessService), d.text(l, bufVersion, accessVersion)
}

// isErrorLevel recognises the levels of errors: words, and the numbers of pino and bunyan.
func isErrorLevel(level []byte) bool {
	if len(level) == 0 {
		return false
	}
	if n, ok := number.Digits(level); ok {
		return n >= 50
	}
	for _, s := range [...]string{"err", "crit", "fatal", "panic", "alert", "emerg", "severe"} {
		if hasPrefixFold(level, s) {
			return true
		}
	}
	return false
}

func (d accessDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	took, scale := d.named(l, accessSeconds), 9
	name := -1 // of a duration whose unit its name does not tell
	for _, other := range [...]struct{ value, scale int }{{accessMillis, 6}, {accessMicros, 3}, {accessNanos, 0}, {accessTook, -1}} {
		if took.Kind != jsonscan.Absent {
			break
		}
		var i int
		if took, i = d.nameOf(l, other.value); other.value == accessTook {
			name = i
		}
		scale = other.scale
	}
	if took.Kind == jsonscan.Absent {
		return d.begin(l, sink)
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
	t, ok, err := l.lineTime(when, sink, "a request")
	if err != nil || !ok {
		return true, err
	}
	raw := l.scan.Raw(took)
	if took.Escaped {
		raw = l.unescaped(bufOther, took)
	}
	if i := bytes.IndexByte(raw, ','); i > 0 { // of several upstreams
		raw = raw[:i]
	} else if i := bytes.Index(raw, []byte(" :")); i > 0 {
		raw = raw[:i]
	}
	if len(raw) == 0 {
		return l.malformed(sink, "a request whose duration is none; it was left out")
	}
	unnamed := scale < 0 && number.IsDigit(raw[len(raw)-1])
	if scale < 0 {
		scale = 6
	}
	if unnamed {
		u := l.unitOf(name, raw)
		scale = u.scale
		if err := warning.Tell(sink, l.pos, "duration_unit_assumed", u.text, l.line); err != nil {
			return true, err
		}
	}
	duration, known := number.DurationWithUnit(raw, scale)
	if !known {
		// What a clock that was set back measures is less than nothing. The request was there all the same.
		if _, isNumber := number.Float(raw); raw[0] != '-' || len(raw) > 1 && !isNumber {
			return l.malformed(sink, "a request whose duration is none; it was left out")
		}
		if err := warning.Tell(sink, l.pos, "no_duration", "requests in JSON whose duration is none, or less than nothing", l.line); err != nil {
			return true, err
		}
	}
	tried := request.Upstreams{Addrs: d.text(l, bufUpstream, accessProxied)}
	proxied := request.LastOfList(tried.Addrs)
	layer := record.LayerApp
	if len(proxied) > 0 || d.named(l, accessSeconds).Kind != jsonscan.Absent {
		layer = record.LayerRouter
	}
	r := l.request(layer)
	if r.End, r.Status = t, status; known {
		r.Start = t - record.Time(duration)
	}
	r.Method, r.Path, r.Route = request.UpperMethod(method), request.Path(path), route
	switch {
	case len(l.frame.container) > 0:
		r.Container = l.frame.container
	case len(proxied) > 0:
		r.Container = proxied
	default:
		r.Container = d.served(l, layer)
	}
	if r.ID = d.text(l, bufID, accessID); len(r.ID) == 0 && d.idIn != nil {
		r.ID = d.idIn(l.line)
	}
	d.who(l, r)
	if l.head != nil {
		if took, ok := headTookOf(raw, l.scan.Raw(when), l.head.end(r)); ok && unnamed && known {
			l.head.took[name] = append(l.head.took[name], took)
		}
	}
	switch {
	case layer == record.LayerRouter:
		r.Outcome = outcome.OfRouter(status, nil, true)
	case status == 499:
		r.Outcome = record.ClientGone
	}
	if known && len(l.frame.container) == 0 && tried.Several() {
		tried.Took, tried.Statuses = d.text(l, bufMessage, accessTried), d.text(l, bufOther, accessAnswered)
		if err := tried.Tell(r, sink); err != nil {
			return true, err
		}
	}
	return true, sink.Request(r)
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

// ForHead: what a line says needs no head.
func (f jsonMessages) ForHead([]byte) format.LineFormat { return f }

// Sniff is never sure: the messages of any format's log look like this one's.
func (f jsonMessages) Sniff(head []byte) int { return min(f.jsonLines.Sniff(head), 5) }
