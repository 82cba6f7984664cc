package access

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// scalingoRouter reads the router lines of Scalingo, with the platform's time in front, behind a syslog header, or in a log drain:
//
//	2026-11-16 13:30:50.937512207 +0000 UTC [router] method=GET path="/api/x" host=api.example request_id=99e0e240 container=web-3
//	  from="162.167.52.211" protocol=https status=200 duration=0.503s bytes=990 referer="-" user_agent="…"
//
// The line is written when the request ends. Source: Scalingo documentation, "Router logs".
type scalingoRouter struct{ zone *time.Location }

func (scalingoRouter) Requests() {}
func (scalingoRouter) OnlyText() {}

// Needs implements format.Picky: a pair, or "[router]".
func (scalingoRouter) Needs() []string { return []string{"=", "["} }

func (scalingoRouter) Name() string { return "scalingo-router" }

func (scalingoRouter) Sniff(head []byte) int {
	return format.SniffLines(head, func(line []byte) bool {
		return line[0] != '{' && bytes.Contains(line, []byte("method=")) && bytes.Contains(line, []byte(" path=")) &&
			bytes.Contains(line, []byte(" container=")) && bytes.Contains(line, []byte(" duration="))
	})
}

func (f scalingoRouter) NewParser(src *record.Source) format.LineParser {
	return &scalingoRouterParser{
		clock:  stamp.Clock{Zone: f.zone},
		req:    record.Request{Pos: record.Pos{Source: src}},
		logfmt: newScalingoLogfmt(),
	}
}

const (
	scalingoMethod = iota
	scalingoPath
	scalingoID
	scalingoContainer
	scalingoFrom
	scalingoStatus
	scalingoDuration
	scalingoError
)

func newScalingoLogfmt() *logfmt {
	return newLogfmt([]string{"method", "path", "request_id", "container", "from", "status", "duration"}, []string{"error"})
}

type scalingoRouterParser struct {
	clock  stamp.Clock
	head   lineHead
	req    record.Request
	logfmt *logfmt
}

const scalingoTag = " [router] "

var methodKey = []byte("method=")

func (p *scalingoRouterParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	// No time holds a bracket, so that the first one must begin the tag: that spares most lines of others the rest.
	if open := bytes.IndexByte(line, '['); (open < 0 || !cut.HasPrefix(line[open:], scalingoTag[1:])) && !bytes.Contains(line, methodKey) {
		return false, nil
	}
	t, n, zoned, ok := p.clock.Read(line)
	var body []byte
	if ok && len(line) > n+len(scalingoTag) && string(line[n:n+len(scalingoTag)]) == string(scalingoTag) {
		body = line[n+len(scalingoTag):]
		if zoned && bytes.HasPrefix(body, methodKey) {
			p.head.learn(line, t, n, len(line)-len(body)+len(methodKey))
		}
	} else {
		if t, body, zoned, ok = p.unframe(line); !ok {
			return false, nil
		}
	}
	p.req.Pos.Line = lineNo
	switch done, err := p.request(t, body, line, sink); {
	case err != nil || !done:
		return done, err
	case !zoned && t != 0:
		return true, warning.Tell(sink, p.req.Pos, "no_timezone", warning.NoTimezone, line)
	}
	return true, nil
}

// ParseNext implements format.NextParser for the lines of requests that were answered, with the pairs in Scalingo's order. It makes of them what
// request does.
func (p *scalingoRouterParser) ParseNext(lineNo int64, data []byte, sink record.Sink) (n int, ok bool, err error) {
	r := &p.req
	t, method, ok := p.head.read(data)
	if !ok {
		return 0, false, nil
	}
	idEnd, ok := readUsual(r, data, method)
	container := idEnd + len(" container=")
	if !ok || container >= len(data) || string(data[idEnd:container]) != " container=" {
		return 0, false, nil
	}
	containerEnd, ok := bareValue(data, container)
	client := containerEnd + len(` from="`)
	if !ok || client >= len(data) || string(data[containerEnd:client]) != ` from="` {
		return 0, false, nil
	}
	address, clientEnd, ok := addressValue(data, client)
	protocol := clientEnd + len(`" protocol=`)
	if !ok || protocol >= len(data) || string(data[clientEnd+1:protocol]) != " protocol=" {
		return 0, false, nil
	}
	protocolEnd, ok := bareValue(data, protocol)
	status := protocolEnd + len(" status=")
	duration := status + len("200 duration=")
	if !ok || duration >= len(data) || string(data[protocolEnd:status]) != " status=" || string(data[status+3:duration]) != " duration=" {
		return 0, false, nil
	}
	took, durationEnd, ok := number.SecondsIn(data, duration)
	if !ok || durationEnd+2 > len(data) || string(data[durationEnd:durationEnd+2]) != "s " {
		return 0, false, nil
	}
	if r.Status, ok = number.HTTPStatus(data[status : status+3]); !ok || r.Status >= 499 { // for those it asks for a reason, which follows
		return 0, false, nil
	}
	r.Pos.Line = lineNo
	routerRequest(r, t, took, true)
	r.ID, r.Container, r.Client = request.OrNone(r.ID), request.OrNone(data[container:containerEnd:containerEnd]), address
	r.Outcome = record.Answered
	return afterLine(data, durationEnd), true, sink.Request(r)
}

// unframe finds the router's own text behind a syslog header or a lone tag. The time is 0 where the line has none.
func (p *scalingoRouterParser) unframe(line []byte) (t record.Time, body []byte, zoned, ok bool) {
	if !bytes.Contains(line, methodKey) {
		return 0, nil, false, false
	}
	rest := header.TrimPriority(line)
	t, n, zoned, ok := p.clock.Read(rest)
	if ok {
		rest = rest[n:]
	}
	if bytes.HasPrefix(rest, methodKey) && bytes.Contains(rest, []byte(" container=")) {
		return t, rest, zoned, true
	}
	near := rest[:min(len(rest), 200)]
	for _, tag := range [...]string{"[router] ", "router - - ", "router - ", "[router]: ", "router: "} {
		if i := bytes.Index(near, []byte(tag)); i >= 0 {
			body := rest[i+len(tag):]
			if bytes.HasPrefix(body, methodKey) {
				return t, body, zoned, true
			}
		}
	}
	return 0, nil, false, false
}

// request handles the pairs of a router line that was written at t. It is false when they are not such a line's.
func (p *scalingoRouterParser) request(t record.Time, body, line []byte, sink record.Sink) (bool, error) {
	if !p.logfmt.scan(body, false) {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a router line that is cut or broken; it was left out", line)
	}
	v := p.logfmt
	status, ok := number.HTTPStatus(v.get(scalingoStatus))
	if !v.has(scalingoMethod) || !v.has(scalingoPath) || !ok {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a router line without method, path or status; it was left out", line)
	}
	if status >= 499 && v.until > 0 && !v.scan(body, true) {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a router line that is cut or broken; it was left out", line)
	}
	if t == 0 {
		return true, warning.Tell(sink, p.req.Pos, "no_time", noRouterTime, line)
	}
	took, known := v.seconds(scalingoDuration)
	if !known && len(v.get(scalingoDuration)) > 0 {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a router line whose duration is no time; it was left out", line)
	}
	r := &p.req
	routerRequest(r, t, took, known)
	r.Status = status
	r.Method = request.UpperMethod(v.get(scalingoMethod))
	r.Path = v.get(scalingoPath)
	r.ID = request.OrNone(v.get(scalingoID))
	r.Container = request.OrNone(v.get(scalingoContainer))
	r.Client = request.FirstAddress(v.get(scalingoFrom))
	r.Outcome = record.Answered
	if status >= 499 {
		r.Outcome = outcome.OfRouter(status, v.get(scalingoError), len(r.Container) > 0)
	}
	return true, sink.Request(r)
}
