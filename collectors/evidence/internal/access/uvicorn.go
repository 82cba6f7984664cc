package access

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// uvicornLog reads Uvicorn's access lines, which have neither a time nor a duration: the time is that of whoever received them, or that a
// log config puts before them.
//
//	web-1  | 2026-11-03T09:13:36.667211842Z INFO:     10.0.1.193:8417 - "GET /api/x HTTP/1.1" 200 OK
//	2026-11-03 09:13:36,667 - INFO - 10.0.1.193:8417 - "GET /api/x HTTP/1.1" 200
//
// Source: Uvicorn uvicorn/logging.py, AccessFormatter; uvicorn/protocols/http/h11_impl.py.
type uvicornLog struct{ zone *time.Location }

func (uvicornLog) Requests()       {}
func (uvicornLog) Needs() []string { return []string{`"`} }
func (uvicornLog) OnlyText()       {}
func (uvicornLog) Name() string    { return "uvicorn" }

func (f uvicornLog) Sniff(head []byte) int {
	if !bytes.Contains(head, uvicornDash) {
		return 0
	}
	return format.SniffParser(f, head)
}

func (f uvicornLog) NewParser(src *record.Source) format.LineParser {
	return &uvicornParser{clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

// uvicornDash stands between client and request line.
var uvicornDash = []byte(` - "`)

type uvicornParser struct {
	clock stamp.Clock
	req   record.Request
}

func (p *uvicornParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *uvicornParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	dash := bytes.Index(line[:min(len(line), front.Max)], uvicornDash)
	if dash < 0 {
		return false, nil
	}
	start := bytes.LastIndexByte(line[:dash], ' ') + 1
	client := line[start:dash]
	colon := bytes.LastIndexByte(client, ':')
	if colon < 0 || !number.IsDigits(client[colon+1:]) {
		return false, nil
	}
	quoted := line[dash+len(uvicornDash)-1:]
	method, path, rest, ok := requestLine(quoted)
	if !ok || method == nil || len(rest) < 4 || rest[0] != ' ' || !bytes.Contains(quoted[:len(quoted)-len(rest)], []byte(" HTTP/")) {
		return false, nil
	}
	status, ok := number.HTTPStatus(rest[1:4])
	if !ok || !isReason(rest[4:]) {
		return false, nil
	}
	r := &p.req
	r.Pos.Line = lineNo
	before := front.Read(line[:start], &p.clock).Received(received)
	if before.Time == 0 {
		return true, warning.Tell(sink, r.Pos, "no_time", "Uvicorn's access log lines have no time of their own; save the log with its timestamps (docker logs -t, kubectl logs --timestamps)", line)
	}
	if !before.Zoned {
		if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return true, err
		}
	}
	if err := warning.Tell(sink, r.Pos, "no_duration", "Uvicorn's access log lines, which have no duration; log it in a middleware, or add the router's or proxy's log", line); err != nil {
		return true, err
	}
	r.Layer, r.Phase, r.Outcome = record.LayerApp, record.Completed, record.Answered
	r.Start, r.End = 0, before.Time
	r.Method, r.Path, r.Status, r.Client, r.Container = method, request.Path(path), status, client[:colon], before.Container
	return true, sink.Request(r)
}

// isReason recognises what may stand after a status: nothing, or its reason ("Not Found", "I'm a Teapot", "Non-Authoritative Information").
func isReason(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ' ' || len(b) > 64 {
		return false
	}
	for _, c := range b {
		if c != ' ' && c != '-' && c != '\'' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
