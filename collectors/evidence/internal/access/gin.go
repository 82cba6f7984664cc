package access

import (
	"bytes"
	"strconv"
	"time"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// ginLog reads the lines that Gin's Logger writes when a request has ended:
//
//	[GIN] 2026/11/11 - 09:00:49 | 200 |  50.140858ms |  169.119.15.195 | GET     "/v1/x?day=2"
//
// Its time is that of the end, cut to the second, and names no zone; the time of whoever received the line, where there is one, does. What
// a handler put into the context as an error stands on the lines after. Source: github.com/gin-gonic/gin logger.go, defaultLogFormatter.
type ginLog struct{ zone *time.Location }

func (ginLog) Requests()       {}
func (ginLog) Needs() []string { return []string{"|"} }
func (ginLog) OnlyText()       {}
func (ginLog) Name() string    { return "gin" }

func (f ginLog) Sniff(head []byte) int {
	if !bytes.Contains(head, ginTag) {
		return 0
	}
	return format.SniffParser(f, head)
}

func (f ginLog) NewParser(src *record.Source) format.LineParser {
	return &ginParser{clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

var ginTag = []byte("[GIN] ")

type ginParser struct {
	clock stamp.Clock // of the fronts
	own   stamp.Clock
	req   record.Request
}

func (p *ginParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *ginParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	start := bytes.Index(line[:min(len(line), front.Max)], ginTag)
	if start < 0 {
		return false, nil
	}
	rest := line[start+len(ginTag):]
	end, ok := p.time(rest)
	if !ok {
		return false, nil
	}
	rest = rest[ginTimeSize:]
	r := &p.req
	r.Pos.Line = lineNo
	var cells [3][]byte // status, latency, client
	for i := range cells {
		bar := bytes.IndexByte(rest[:min(len(rest), 100)], '|')
		if bar < 0 {
			return p.malformed(line, sink)
		}
		cells[i], rest = bytes.TrimSpace(rest[:bar]), rest[bar+1:]
	}
	rest = bytes.TrimLeft(rest, " ")
	space := bytes.IndexByte(rest[:min(len(rest), 32)], ' ')
	if space <= 0 {
		return p.malformed(line, sink)
	}
	method, path := rest[:space], bytes.TrimSpace(rest[space:])
	var ok1, ok2, ok3 bool
	r.Status, ok1 = number.HTTPStatus(cells[0])
	took, ok2 := number.DurationWithUnit(cells[1], 0)
	if r.Path, ok3 = goQuoted(path); !ok1 || !ok2 || !ok3 || !request.IsMethod(method) {
		return p.malformed(line, sink)
	}
	before := front.Read(line[:start], &p.clock).Received(received)
	if before.Zoned {
		end = before.Time
	} else if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
		return true, err
	}
	r.Layer, r.Phase, r.Outcome = record.LayerApp, record.Completed, record.Answered
	r.Start, r.End = end-record.Time(took), end
	r.Method, r.Client, r.Container = method, cells[2], before.Container
	return true, sink.Request(r)
}

func (p *ginParser) malformed(line []byte, sink record.Sink) (bool, error) {
	return true, warning.Tell(sink, p.req.Pos, "malformed_line", "a line of Gin's log that is cut or broken; it was left out", line)
}

const ginTimeSize = len("2026/11/11 - 09:00:49 |")

// time reads "2026/11/11 - 09:00:49 |".
func (p *ginParser) time(b []byte) (record.Time, bool) {
	if len(b) < ginTimeSize || b[4] != '/' || b[7] != '/' || string(b[10:13]) != " - " || b[ginTimeSize-1] != '|' {
		return 0, false
	}
	var iso [19]byte
	copy(iso[:], b[:10])
	iso[4], iso[7], iso[10] = '-', '-', 'T'
	copy(iso[11:], b[13:21])
	p.own.Zone = p.clock.Zone
	t, _, _, ok := p.own.Read(iso[:])
	return t, ok
}

// goQuoted reads a string as Go quotes it, from its first to its last quote.
func goQuoted(b []byte) ([]byte, bool) {
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return nil, false
	}
	if bytes.IndexByte(b, '\\') >= 0 {
		s, err := strconv.Unquote(string(b))
		return []byte(s), err == nil
	}
	b = b[1 : len(b)-1]
	return b, bytes.IndexByte(b, '"') < 0
}
