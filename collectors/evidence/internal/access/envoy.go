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

// envoyLog reads Envoy's and Istio's default text format:
//
//	[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c" "locations"
//	  "tcp://10.0.2.1:80"
//	[2020-11-25T21:26:18.409Z] "GET /status HTTP/1.1" 418 - via_upstream - "-" 0 135 4 4 "-" "curl/7.73.0" "84961386" "httpbin:8000"
//	  "127.0.0.1:80" inbound|8000|| …
//
// The time is that of the beginning, the duration milliseconds. Source: Envoy documentation, "Access logging"; Istio, "Envoy Access
// Logs".
type envoyLog struct{ zone *time.Location }

func (envoyLog) Requests()       {}
func (envoyLog) Needs() []string { return []string{`"`} }
func (envoyLog) OnlyText()       {}
func (envoyLog) Name() string    { return "envoy" }

func (f envoyLog) Sniff(head []byte) int { return format.SniffParser(f, head) }

func (f envoyLog) NewParser(src *record.Source) format.LineParser {
	return &envoyParser{clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

type envoyParser struct {
	clock stamp.Clock
	req   record.Request
}

func (p *envoyParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	i := bytes.Index(line[:min(len(line), 256)], []byte(`] "`))
	if i < 20 {
		return false, nil
	}
	open := bytes.LastIndexByte(line[:i], '[')
	if open < 0 {
		return false, nil
	}
	t, n, zoned, ok := p.clock.Read(line[open+1 : i])
	if !ok || n != i-open-1 {
		return false, nil
	}
	method, path, rest, ok := requestLine(line[i+2:])
	if !ok || len(rest) < 5 || rest[0] != ' ' {
		return false, nil
	}
	code, rest := cut.Word(rest[1:])
	flags, rest := cut.Word(rest)
	status, ok := number.HTTPStatus(code)
	if !ok && string(code) != "0" {
		return false, nil
	}
	// Of the four numbers in a row, the third is the duration.
	var numbers [4][]byte
	count := 0
	for count < 4 {
		tok, open, tail := token(rest)
		if tok == nil && tail == nil {
			return false, nil
		}
		rest = tail
		switch {
		case open == 0 && number.IsDigits(tok), open == 0 && count == 3 && string(tok) == "-":
			numbers[count] = tok
			count++
		default:
			count = 0
		}
	}
	p.req.Pos.Line = lineNo
	if method == nil {
		return true, warning.Tell(sink, p.req.Pos, "no_request_line", "access log lines of connections that sent no HTTP request; they were left out", line)
	}
	d, ok := number.Duration(numbers[2], 6)
	if !ok {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "an Envoy line whose duration is no time; it was left out", line)
	}
	var quoted [5][]byte // client, user agent, request id, authority, upstream
	for i := range quoted {
		tok, open, tail := token(rest)
		if open != '"' {
			break
		}
		quoted[i], rest = tok, tail
	}
	r := &p.req
	r.Layer, r.Phase = record.LayerRouter, record.Completed
	r.Start, r.End = t, t+record.Time(d)
	r.Status, r.Method, r.Path = status, method, request.Path(path)
	r.Client, r.ID = request.OrNone(request.FirstAddress(quoted[0])), request.OrNone(quoted[2])
	r.Container = request.OrNone(bytes.TrimPrefix(quoted[4], []byte("tcp://")))
	r.Outcome = outcome.OfEnvoy(flags, status, len(r.Container) > 0)
	if !zoned {
		if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return true, err
		}
	}
	return true, sink.Request(r)
}
