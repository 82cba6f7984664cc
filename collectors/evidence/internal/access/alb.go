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

// albLog reads the access logs of an AWS application load balancer:
//
//	https 2023-04-26T12:23:00.186641Z app/my-lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57
//	  "GET https://www.example.com:443/x HTTP/1.1" "curl/7.46.0" - - arn:… "Root=1-58337281-1d84f3d73c47ec4e58577259" …
//
// The time is that of the end; the three durations are seconds, -1 where the target gave no answer, and leave out how long the answer took
// to send. The 22nd field (request_creation_time) says when the request came in, also of those that were cut. Source: AWS documentation,
// "Access logs for your Application Load Balancer".
type albLog struct{ zone *time.Location }

func (albLog) Requests()       {}
func (albLog) OnlyText()       {}
func (albLog) Needs() []string { return []string{`"`} }
func (albLog) Name() string    { return "aws-alb" }

func (f albLog) Sniff(head []byte) int { return format.SniffParser(f, head) }

func (f albLog) NewParser(src *record.Source) format.LineParser {
	return &albParser{clock: stamp.Clock{Zone: f.zone}, created: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

type albParser struct {
	clock, created stamp.Clock
	req            record.Request
}

func (p *albParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	kind, rest := cut.Word(line)
	switch string(kind) {
	case "http", "https", "h2", "ws", "wss", "grpcs":
	default:
		return false, nil
	}
	stamp, rest := cut.Word(rest)
	t, n, _, ok := p.clock.Read(stamp)
	if !ok || n != len(stamp) {
		return false, nil
	}
	_, rest = cut.Word(rest)
	client, rest := cut.Word(rest)
	target, rest := cut.Word(rest)
	var took time.Duration
	known := true
	for range 3 {
		var w []byte
		w, rest = cut.Word(rest)
		if len(w) > 0 && w[0] == '-' {
			known = false
			continue
		}
		d, ok := number.Duration(w, 9)
		if !ok {
			return false, nil
		}
		took += d
	}
	code, rest := cut.Word(rest)
	status, ok := number.HTTPStatus(code)
	if !ok {
		return false, nil
	}
	targetCode, rest := cut.Word(rest)
	_, rest = cut.Word(rest)
	_, rest = cut.Word(rest)
	method, path, rest, ok := requestLine(rest)
	if !ok {
		return false, nil
	}
	p.req.Pos.Line = lineNo
	if method == nil {
		return true, warning.Tell(sink, p.req.Pos, "no_request_line", "access log lines of connections that sent no HTTP request; they were left out", line)
	}
	r := &p.req
	r.Layer, r.Phase = record.LayerRouter, record.Completed
	r.Start, r.End = 0, t
	if known {
		r.Start = t - record.Time(took)
	}
	if at, ok := p.creation(rest); ok && at <= t {
		r.Start = at
	}
	r.Status, r.Method, r.Path = status, method, request.Path(path)
	r.Container, r.Client, r.ID = request.OrNone(target), request.OrNone(client), nil
	if i := bytes.LastIndexByte(client, ':'); i > 0 {
		r.Client = client[:i]
	}
	if i := bytes.Index(rest, []byte(`"Root=`)); i >= 0 {
		r.ID = cut.Between(rest[i:], `"Root=`, `"`)
	}
	switch {
	case status == 460:
		r.Outcome = record.ClientGone
	case bytes.Equal(targetCode, code): // the target's own; "-" where it sent none
		r.Outcome = outcome.PassedOn(status)
	default:
		r.Outcome = outcome.OfRouter(status, nil, len(r.Container) > 0)
	}
	return true, sink.Request(r)
}

// creation reads request_creation_time; rest is what stands after the request. Between them: user agent, cipher, protocol, target group,
// trace, domain, certificate, rule.
func (p *albParser) creation(rest []byte) (t record.Time, ok bool) {
	for range 8 {
		_, _, rest = token(rest)
	}
	stamp, _ := cut.Word(bytes.TrimLeft(rest, " "))
	t, n, _, ok := p.created.Read(stamp)
	return t, ok && n == len(stamp)
}
