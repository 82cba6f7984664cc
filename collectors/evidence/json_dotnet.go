package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/format"
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
// They mean what accessDialect's mean; Elapsed is milliseconds. Sources: Serilog.AspNetCore RequestLoggingMiddleware,
// Serilog.Formatting.Compact, Serilog JsonFormatter; ASP.NET Core HostingRequestFinishedLog, .NET JsonConsoleFormatter.
type dotnetLog struct{ *jsonLines }

func newDotnetLog(zone *time.Location) dotnetLog {
	return dotnetLog{newJSONLines(zone, newAccessDialectOf(&dotnetNames))}
}

// forHead implements headed. A log whose head has no such request is spared a second look at every line that others leave.
func (f dotnetLog) forHead(head []byte) format.LineFormat {
	if holdsDotnet(head) {
		return f.jsonLines.forHead(head)
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
