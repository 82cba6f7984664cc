package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// dotnetLog reads the requests that ASP.NET Core logs in JSON: as Serilog's request logging writes them, compact or with everything under
// "Properties", and as .NET's own console does.
//
//	{"@t":"2026-11-20T08:00:00.0000000Z","@mt":"HTTP {RequestMethod} {RequestPath} responded {StatusCode} in {Elapsed:0.0000} ms",
//	 "RequestMethod":"GET","RequestPath":"/x","StatusCode":200,"Elapsed":12.3,"RequestId":"0HN5:00000001"}
//	{"Timestamp":"2026-11-20T08:00:00.0000000+00:00","Level":"Information","MessageTemplate":"…","Properties":{"RequestMethod":"GET",…}}
//	{"Timestamp":"2026-11-20T08:00:00.000Z","EventId":2,"LogLevel":"Information","Category":"Microsoft.AspNetCore.Hosting.Diagnostics",
//	 "State":{"ElapsedMilliseconds":12.3,"StatusCode":200,"Method":"GET","Path":"/x",…}}
//
// They mean what accessDialect's mean; Elapsed is milliseconds. Where ASP.NET Core's own line at the beginning of a request is logged besides,
// the scope of the request ties both:
//
//	{"@t":"2026-11-20T08:00:00.0000000Z","@mt":"Request starting {Protocol} {Method} {Scheme}://{Host}{PathBase}{Path}{QueryString} - …",
//	 "Method":"GET","Path":"/x","QueryString":"?a=b","RequestId":"0HN5:00000001","RequestPath":"/x"}
//
// Sources: Serilog.AspNetCore RequestLoggingMiddleware,
// Serilog.Formatting.Compact, Serilog JsonFormatter; ASP.NET Core HostingRequestFinishedLog, .NET JsonConsoleFormatter.
type dotnetLog struct{ *jsonLines }

func newDotnetLog(zone *time.Location) dotnetLog {
	d := dotnetDialect{newAccessDialectOf(&dotnetNames)}
	d.idIn = idOfScopes
	return dotnetLog{newJSONLines(zone, d)}
}

// ForHead implements format.Headed. A log whose head has no such request is spared a second look at every line that others leave.
func (f dotnetLog) ForHead(head []byte) format.LineFormat {
	if holdsDotnet(head) {
		return f.jsonLines.ForHead(head)
	}
	return f.jsonLines.none()
}

func (dotnetLog) Name() string { return "json-access" }

// Sniff leaves what other dialects know as well to them.
func (f dotnetLog) Sniff(head []byte) int {
	if !holdsDotnet(head) {
		return 0
	}
	return f.jsonLines.Sniff(head)
}

func holdsDotnet(head []byte) bool {
	return bytes.Contains(head, []byte("RequestMethod")) && bytes.Contains(head, []byte("Elapsed")) || bytes.Contains(head, []byte("ElapsedMilliseconds"))
}

var dotnetNames = namesOfAccess{
	accessTime:      {"@t", "Timestamp"},
	accessMethod:    {"RequestMethod", "Properties.RequestMethod", "State.Method"},
	accessPath:      {"RequestPath", "Properties.RequestPath", "State.Path"},
	accessStatus:    {"StatusCode", "Properties.StatusCode", "State.StatusCode"},
	accessMillis:    {"Elapsed", "Properties.Elapsed", "State.ElapsedMilliseconds"},
	accessContainer: {"MachineName", "Properties.MachineName"},
	accessID:        {"RequestId", "Properties.RequestId", "@tr"},
	accessClient:    {"ClientIp", "Properties.ClientIp"},
	accessMessage:   {"@m", "@mt", "RenderedMessage", "MessageTemplate", "Message"},
	accessLevel:     {"@l", "Level", "LogLevel"},
}

// dotnetDialect is what the lines of dotnetLog hold: those of accessDialect, and beginnings.
type dotnetDialect struct{ accessDialect }

// The paths behind those of accessDialect, each compact, under "Properties", and as .NET's console has it.
var dotnetBegins = []string{"Method", "Properties.Method", "State.Method", "Path", "Properties.Path", "State.Path"}

func (d dotnetDialect) paths() []string { return append(d.accessDialect.paths(), dotnetBegins...) }

// beginning is where the path of the beginning of a request stands among the paths, given where its method does.
func (d dotnetDialect) beginning(l *jsonLine) (method, path int, ok bool) {
	first := len(l.slots) - len(dotnetBegins)
	for i, n := 0, len(dotnetBegins)/2; i < n; i++ {
		if method, path = first+i, first+i+n; l.has(method) && l.has(path) {
			return method, path, true
		}
	}
	return 0, 0, false
}

// refuses implements refuser.
func (d dotnetDialect) refuses(l *jsonLine) bool {
	_, _, begins := d.beginning(l)
	return !begins && d.accessDialect.refuses(l)
}

func (d dotnetDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	handled, err := d.accessDialect.take(l, sink)
	if handled || err != nil {
		return handled, err
	}
	method, path, ok := d.beginning(l)
	if !ok || !saysStarting(d.text(l, bufMessage, accessMessage)) {
		return false, nil
	}
	t, ok, err := l.lineTime(d.named(l, accessTime), sink, "a request")
	if err != nil || !ok {
		return true, err
	}
	r := l.request(record.LayerApp)
	r.Phase, r.Outcome, r.Start, r.End = record.Started, record.OutcomeUnknown, t, t
	r.Method, r.Path, r.ID = request.UpperMethod(l.text(bufMethod, method)), l.text(bufPath, path), d.text(l, bufID, accessID)
	if r.Container = l.frame.container; len(r.Container) == 0 {
		r.Container = d.served(l, r.Layer)
	}
	if len(r.ID) == 0 {
		r.ID = idOfScopes(l.line)
	}
	if len(r.ID) == 0 {
		return true, warning.Tell(sink, l.pos, "no_request_id", "lines of ASP.NET Core at the beginning of requests without the RequestId that their ends have; they were left out (log the scopes)", l.line)
	}
	d.who(l, r)
	return true, sink.Request(r)
}

// idOfScopes finds the request among the scopes that .NET's console prints with a line where it is told to:
//
//	"Scopes":[{"Message":"…","ConnectionId":"0HN5"},{"Message":"…","RequestId":"0HN5:00000001","RequestPath":"/x"}]
func idOfScopes(line []byte) []byte {
	i := bytes.Index(line, []byte(`"Scopes":[`))
	if i < 0 {
		return nil
	}
	return cut.Between(line[i:], `"RequestId":"`, `"`)
}

// saysStarting recognises the message of the beginning of a request, as a template, rendered, or by the name that older versions log it under.
func saysStarting(msg []byte) bool {
	return cut.HasPrefix(msg, "Request starting ") || string(msg) == "{HostingRequestStartingLog:l}"
}
