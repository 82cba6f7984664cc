package access

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// haproxyLog reads HAProxy's HTTP log, behind syslog headers or without:
//
//	Apr  4 14:30:19 hap-1 haproxy[3946303]: 192.168.1.1:55032 [04/Apr/2024:14:30:18.885] front~ back/web-1 0/0/0/169/169 404 1541
//	  - - ---- 5715/616/96/15/0 0/0 "GET /x HTTP/1.1"
//
// The time is that of the beginning, in the zone of the machine; the last of the five timers is the whole duration in milliseconds.
// The four letters of the termination state say who ended the request. Source: HAProxy configuration manual, 8.2.3 and 8.5.
type haproxyLog struct{ zone *time.Location }

func (haproxyLog) Requests()       {}
func (haproxyLog) Needs() []string { return []string{`"`} }
func (haproxyLog) OnlyText()       {}
func (haproxyLog) Name() string    { return "haproxy" }

func (f haproxyLog) Sniff(head []byte) int { return format.SniffParser(f, head) }

func (f haproxyLog) NewParser(src *record.Source) format.LineParser {
	return &haproxyParser{clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

type haproxyParser struct {
	clock stamp.Clock
	req   record.Request
}

func (p *haproxyParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if bytes.IndexByte(line, '"') < 0 {
		return false, nil // no request line
	}
	t, start, rest, ok := bracketedTime(&p.clock, line)
	if !ok || len(rest) < 20 || rest[0] != ' ' || rest[1] == '"' {
		return false, nil
	}
	// frontend backend/server [more] timers status bytes cookie cookie state connections queues {…} {…} "request"
	_, rest = cut.Word(rest[1:])
	server, rest := cut.Word(rest)
	slash := bytes.LastIndexByte(server, '/')
	if slash < 0 {
		return false, nil
	}
	var took []byte
	for range 4 {
		var w []byte
		w, rest = cut.Word(rest)
		if bytes.Count(w, []byte("/")) == 4 {
			took = w[bytes.LastIndexByte(w, '/')+1:]
			break
		}
	}
	if took == nil {
		return false, nil
	}
	statusText, rest := cut.Word(rest)
	_, rest = cut.Word(rest)
	_, rest = cut.Word(rest)
	_, rest = cut.Word(rest)
	state, rest := cut.Word(rest)
	if len(state) != 4 {
		return false, nil
	}
	quote := bytes.IndexByte(rest, '"')
	if quote < 0 {
		return false, nil
	}
	// Captured headers stand in braces before the request and may hold quotes.
	if i := bytes.LastIndex(rest, []byte(`} "`)); i >= 0 && i+2 > quote {
		quote = i + 2
	}
	method, path, _, ok := requestLine(rest[quote:])
	if !ok {
		return false, nil
	}
	p.req.Pos.Line = lineNo
	if method == nil {
		return true, warning.Tell(sink, p.req.Pos, "no_request_line", "access log lines of connections that sent no HTTP request; they were left out", line)
	}
	d, ok := number.Duration(bytes.TrimPrefix(took, []byte("+")), 6)
	if !ok {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a HAProxy line whose total time is none; it was left out", line)
	}
	r := &p.req
	r.Layer, r.Phase = record.LayerRouter, record.Completed
	r.Start, r.End = t, t+record.Time(d)
	r.Status, _ = number.HTTPStatus(statusText)
	r.Method, r.Path = method, request.Path(path)
	r.Container = server[slash+1:]
	if string(r.Container) == "<NOSRV>" {
		r.Container = nil
	}
	client := bytes.TrimRight(line[:start], " ")
	if i := bytes.LastIndexByte(client, ' '); i >= 0 {
		client = client[i+1:]
	}
	if i := bytes.LastIndexByte(client, ':'); i > 0 {
		client = client[:i]
	}
	r.Client = request.OrNone(client)
	r.Outcome = haproxyOutcome(state, r.Status, len(r.Container) > 0)
	if line[start+1+20] == '.' {
		if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return true, err
		}
	}
	return true, sink.Request(r)
}

// haproxyOutcome reads the termination state: who ended the request, and in which phase.
func haproxyOutcome(state []byte, status int, backend bool) record.Outcome {
	phase := state[1]
	switch state[0] {
	case 'C', 'c':
		return record.ClientGone
	case 'S':
		if phase == 'C' || phase == 'Q' || !backend {
			return record.Refused
		}
		return record.Cut
	case 's':
		if phase == 'C' || phase == 'Q' {
			return record.Refused
		}
		return record.GaveUp
	case 'R', 'D', 'U', 'K':
		return record.Refused
	case 'P', 'L', 'I':
		return record.Answered
	case '-': // the session ended as it should
		if backend {
			return outcome.PassedOn(status)
		}
	}
	return outcome.OfRouter(status, nil, backend)
}
