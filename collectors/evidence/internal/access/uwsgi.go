package access

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// uwsgiLog reads uWSGI's request lines:
//
//	[pid: 88185|app: 0|req: 1/1] 127.0.0.1 () {38 vars in 696 bytes} [Sun Mar 13 22:49:12 2016] POST /x => generated 47 bytes in
//	  129 msecs (HTTP/1.1 200) 9 headers in 378 bytes (1 switches on core 3)
//
// The application server writes them, so that only what it finished is there; the time is that of the beginning and names no zone.
// Source: uWSGI documentation, "Formatting uWSGI requests logs".
type uwsgiLog struct{ zone *time.Location }

func (uwsgiLog) Requests()       {}
func (uwsgiLog) Needs() []string { return []string{"="} }
func (uwsgiLog) OnlyText()       {}
func (uwsgiLog) Name() string    { return "uwsgi" }

func (f uwsgiLog) Sniff(head []byte) int { return format.SniffParser(f, head) }

func (f uwsgiLog) NewParser(src *record.Source) format.LineParser {
	return &uwsgiParser{clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

type uwsgiParser struct {
	clock stamp.Clock
	req   record.Request
}

func (p *uwsgiParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	start := bytes.Index(line[:min(len(line), 256)], []byte("[pid: "))
	if start < 0 {
		return false, nil
	}
	b := line[start:]
	arrow := bytes.Index(b, []byte(" => generated "))
	open := bytes.LastIndexByte(b[:max(arrow, 0)], '[')
	if open <= 0 {
		return false, nil
	}
	st, ok := stamp.ReadCtime(b[open+1 : arrow])
	if !ok || open+1+st.N+2 > arrow || b[open+1+st.N] != ']' {
		return false, nil
	}
	method, path := cut.Word(b[open+st.N+3 : arrow])
	rest := b[arrow:]
	spent, unit := cut.Word(cut.Between(rest, "bytes in ", " ("))
	scale := 6
	if string(unit) == "micros" {
		scale = 3
	}
	took, ok := number.Duration(spent, scale)
	status, ok2 := number.HTTPStatus(lastWord(cut.Between(rest, " (HTTP/", ")")))
	if !ok || !ok2 || len(method) == 0 {
		return false, nil
	}
	r := &p.req
	r.Pos.Line = lineNo
	r.Layer, r.Phase, r.Outcome = record.LayerApp, record.Completed, record.Answered
	r.Start = p.clock.Local(st.Time)
	r.End = r.Start + record.Time(took)
	r.Status, r.Method, r.Path = status, method, path
	r.Instance, r.Container = cut.Between(b, "[pid: ", "|"), front.Container(line, start)
	r.Client, _ = cut.Word(bytes.TrimPrefix(b[bytes.IndexByte(b, ']')+1:], []byte(" ")))
	r.Client = request.OrNone(r.Client)
	if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
		return true, err
	}
	return true, sink.Request(r)
}

func lastWord(b []byte) []byte { return b[bytes.LastIndexByte(b, ' ')+1:] }
