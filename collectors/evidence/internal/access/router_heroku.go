package access

import (
	"bytes"
	"encoding/binary"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/swar"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// herokuRouter reads the router lines of Heroku as `heroku logs` prints them, as a log drain delivers them (RFC 5424, with or
// without the octet count of RFC 6587), or behind another syslog header:
//
//	2026-11-17T11:36:16.702243+00:00 heroku[router]: at=info method=GET path="/api" host=api.example request_id=fec0d52e
//	  fwd="141.139.3.159" dyno=web.2 connect=761ms service=1062ms status=200 bytes=31 protocol=https
//	<158>1 2012-10-11T03:47:20+00:00 host heroku router - at=error code=H12 desc="Request timeout" method=GET path="/" …
//
// The line is written when the request ends; connect and service together are its duration. Source: Heroku Dev Center, "HTTP
// routing" and "Error codes".
type herokuRouter struct{ zone *time.Location }

func (herokuRouter) Requests() {}
func (herokuRouter) OnlyText() {}

// Needs implements format.Picky: a pair, or "heroku[router]:".
func (herokuRouter) Needs() []string { return []string{"=", "hero"} }

func (herokuRouter) Name() string { return "heroku-router" }

func (herokuRouter) Sniff(head []byte) int {
	return format.SniffLines(head, func(line []byte) bool {
		return line[0] != '{' && bytes.Contains(line, []byte("method=")) && bytes.Contains(line, []byte(" path=")) &&
			bytes.Contains(line, []byte(" dyno=")) && bytes.Contains(line, []byte(" service="))
	})
}

func (f herokuRouter) NewParser(src *record.Source) format.LineParser {
	return &herokuRouterParser{
		clock:  stamp.Clock{Zone: f.zone},
		req:    record.Request{Pos: record.Pos{Source: src}},
		info:   newHerokuLogfmt(),
		failed: newHerokuLogfmt(),
	}
}

const (
	herokuAt = iota
	herokuMethod
	herokuPath
	herokuID
	herokuFwd
	herokuDyno
	herokuConnect
	herokuService
	herokuStatus
	herokuCode
)

func newHerokuLogfmt() *logfmt {
	return newLogfmt([]string{"at", "method", "path", "request_id", "fwd", "dyno", "connect", "service", "status"}, []string{"code"})
}

type herokuRouterParser struct {
	clock        stamp.Clock
	head         lineHead
	req          record.Request
	info, failed *logfmt // the two kinds of line have different keys
}

const (
	herokuRouterTag = " heroku[router]: "
	herokuInfo      = "at=info method="
)

// ParseNext implements format.NextParser for the lines of requests that were answered, with the pairs in Heroku's order. It makes of them what
// request does.
func (p *herokuRouterParser) ParseNext(lineNo int64, data []byte, sink record.Sink) (n int, ok bool, err error) {
	r := &p.req
	t, method, ok := p.head.read(data)
	if !ok {
		return 0, false, nil
	}
	idEnd, ok := readUsual(r, data, method)
	client := idEnd + len(` fwd="`)
	if !ok || client >= len(data) || string(data[idEnd:client]) != ` fwd="` {
		return 0, false, nil
	}
	address, clientEnd, ok := addressValue(data, client)
	dyno := clientEnd + len(`" dyno=`)
	if !ok || dyno >= len(data) || string(data[clientEnd+1:dyno]) != " dyno=" {
		return 0, false, nil
	}
	dynoEnd, ok := bareValue(data, dyno)
	connect := dynoEnd + len(" connect=")
	if !ok || connect+32 > len(data) || string(data[dynoEnd:connect]) != " connect=" {
		return 0, false, nil
	}
	waited, k := uint64(data[connect]-'0'), 1 // to connect mostly takes less than ten
	if waited > 9 || data[connect+1] != 'm' {
		waited, k = swar.DigitRun(binary.LittleEndian.Uint64(data[connect:]))
	}
	service := connect + k + len("ms service=")
	if k == 0 || k > 7 || string(data[connect+k:service]) != "ms service=" {
		return 0, false, nil
	}
	served, k := swar.DigitRun(binary.LittleEndian.Uint64(data[service:]))
	status := service + k + len("ms status=")
	if k == 0 || k > 7 || status+4 > len(data) || string(data[service+k:status]) != "ms status=" || data[status+3] != ' ' {
		return 0, false, nil
	}
	if r.Status, ok = number.HTTPStatus(data[status : status+3]); !ok {
		return 0, false, nil
	}
	r.Pos.Line = lineNo
	routerRequest(r, t, time.Duration(waited+served)*time.Millisecond, true)
	r.Container, r.Client = request.OrNone(data[dyno:dynoEnd:dynoEnd]), address
	r.Outcome = record.Answered
	if r.Status == 499 {
		r.Outcome = record.ClientGone
	}
	return afterLine(data, status), true, sink.Request(r)
}

func (p *herokuRouterParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	t, n, zoned, ok := p.clock.Read(line)
	var body []byte
	if ok && len(line) > n+len(herokuRouterTag) && string(line[n:n+len(herokuRouterTag)]) == string(herokuRouterTag) {
		body = line[n+len(herokuRouterTag):]
		if zoned && cut.HasPrefix(body, herokuInfo) {
			p.head.learn(line, t, n, len(line)-len(body)+len(herokuInfo))
		}
	} else if ok && (len(line) <= n || line[n] != ' ' || cut.HasPrefix(line[n:], " app[")) {
		return false, nil
	} else if t, body, zoned, ok = p.unframe(line); !ok {
		return false, nil
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

// unframe finds the router's own text behind other headers. The time is 0 where the line has none.
func (p *herokuRouterParser) unframe(line []byte) (t record.Time, body []byte, zoned, ok bool) {
	if bytes.IndexByte(line, '=') < 0 {
		return 0, nil, false, false // it has no pairs
	}
	if isHerokuRouterBody(line) {
		return 0, line, true, true
	}
	if h, ok := header.HerokuAt(line, &p.clock); ok && string(h.Proc) == "router" && isHerokuRouterBody(h.Body) {
		return h.Stamp.Time, h.Body, h.Stamp.Zoned, true
	}
	if rest, ok := bytes.CutPrefix(line, []byte("heroku[router]: ")); ok && isHerokuRouterBody(rest) {
		return 0, rest, true, true
	}
	return 0, nil, false, false
}

// isHerokuRouterBody tells the router's pairs from other pairs that begin with at=, and from its sentences.
func isHerokuRouterBody(b []byte) bool {
	return (bytes.HasPrefix(b, []byte("at=")) || bytes.HasPrefix(b, []byte("sock="))) && bytes.Contains(b, []byte(" method="))
}

func (p *herokuRouterParser) request(t record.Time, body, line []byte, sink record.Sink) (bool, error) {
	pairs := p.info
	// What the router tells of a failure stands before the method, in one of several ways: `at=error code=H12`, `sock=backend at=error
	// code=H18`, `at=info code=H27`. Only a line that comes to the method at once has no code.
	failed := !cut.HasPrefix(body, herokuInfo)
	if failed {
		pairs = p.failed
	}
	if !pairs.scan(body, failed) {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a router line that is cut or broken; it was left out", line)
	}
	status, ok := number.HTTPStatus(pairs.get(herokuStatus))
	if !pairs.has(herokuMethod) || !pairs.has(herokuPath) || !ok {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a router line without method, path or status; it was left out", line)
	}
	if t == 0 {
		return true, warning.Tell(sink, p.req.Pos, "no_time", noRouterTime, line)
	}
	connect, okConnect := pairs.milliseconds(herokuConnect)
	service, okService := pairs.milliseconds(herokuService)
	if !okConnect || !okService {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a router line whose duration is no time; it was left out", line)
	}
	r := &p.req
	// H10 and the like have no times at all: no dyno was reached, and the line stands for an instant.
	routerRequest(r, t, connect+service, pairs.has(herokuService))
	r.Status = status
	r.Method = request.UpperMethod(pairs.get(herokuMethod))
	r.Path = pairs.get(herokuPath)
	r.ID = pairs.get(herokuID)
	r.Container = request.OrNone(pairs.get(herokuDyno))
	r.Client = request.FirstAddress(pairs.get(herokuFwd))
	r.Outcome = record.Answered
	switch code := pairs.get(herokuCode); {
	case len(code) > 0:
		r.Outcome = herokuOutcome(code)
	case status == 499:
		r.Outcome = record.ClientGone
	}
	return true, sink.Request(r)
}

// herokuOutcome reads the router's error code. Source: Heroku Dev Center, "Heroku Error Codes".
func herokuOutcome(code []byte) record.Outcome {
	switch string(code) {
	case "H12", "H15": // no first byte within 30 s; no byte for 55 s
		return record.GaveUp
	case "H13", "H18", "H24": // closed without response; server request interrupted; forced close
		return record.Cut
	case "H27", "H28": // client request interrupted; client connection idle
		return record.ClientGone
	case "H10", "H11", "H14", "H16", "H19", "H20", "H21", "H22", "H23", "H80", "H81", "H82", "H83":
		return record.Refused // crashed, backlog, no dynos, connection not made, boot timeout, maintenance, …
	case "H17", "H25", "H26": // answered, but badly; H26 is the client's fault
		return record.Answered
	}
	return record.OutcomeUnknown
}
