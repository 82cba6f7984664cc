package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// springLog reads the lines with which Spring's CommonsRequestLoggingFilter begins and ends a request:
//
//	2026-11-20T08:00:00.123Z DEBUG 1 --- [shop] [nio-8080-exec-2] o.s.w.f.CommonsRequestLoggingFilter : Before request [GET /x?a=b, client=1.2.3.4]
//	2026-11-20T08:00:00.181Z DEBUG 1 --- [shop] [nio-8080-exec-2] o.s.w.f.CommonsRequestLoggingFilter : After request [GET /x?a=b, client=1.2.3.4]
//
// Before version 5.2 it writes "[uri=/x?a=b;client=1.2.3.4]". The ends tell neither status nor duration: the beginning is the last of the same
// thread, as a thread of a servlet container serves one request at a time. It is no id of a request, as the next one has the same. Where an
// application logs ends of its own, keyValueLog reads them, and these are left out. Source: Spring Framework, AbstractRequestLoggingFilter.createMessage; Spring Boot's default
// log pattern.
type springLog struct {
	zone  *time.Location
	ended bool // the head has other lines at which requests end
}

func (springLog) Requests() {}

// Sequential implements Sequential: an end takes its beginning from a line before.
func (springLog) Sequential() bool { return true }

func (springLog) OnlyText()       {}
func (springLog) Needs() []string { return []string{"["} }
func (springLog) Name() string    { return "spring" }

func (f springLog) Sniff(head []byte) int {
	if !bytes.Contains(head, springBefore) {
		return 0
	}
	return format.SniffParser(f, head)
}

// ForHead implements format.Headed.
func (f springLog) ForHead(head []byte) format.LineFormat {
	if bytes.Contains(head, springBefore) && mayBePairs(head) {
		ends := newKeyValueLog(f.zone).ForHead(head).NewParser(&record.Source{})
		cut.FirstLines(head, format.SniffedLines, func(line []byte) {
			if !f.ended && springThread(line) != nil {
				f.ended, _ = ends.ParseLine(1, line, record.Discard{})
			}
		})
	}
	return f
}

func (f springLog) NewParser(src *record.Source) format.LineParser {
	return &springParser{springLog: f, clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

var (
	springBefore = []byte("Before request [")
	springAfter  = []byte("After request [")
)

type springParser struct {
	springLog
	clock stamp.Clock
	req   record.Request
	begun map[string]record.Time // by container and thread
	key   []byte
}

// maxThreads bounds the threads whose request is remembered.
const maxThreads = 100_000

// Forget implements format.Forgetful.
func (p *springParser) Forget() { clear(p.begun) }

func (p *springParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *springParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	r := &p.req
	*r = record.Request{Pos: record.Pos{Source: r.Pos.Source, Line: lineNo}, Layer: record.LayerApp}
	head := line[:min(len(line), 2*front.Max)]
	start := bytes.Index(head, springBefore)
	text := springBefore
	if start < 0 {
		start, text = bytes.Index(head, springAfter), springAfter
	}
	if start < 1 || line[start-1] != ' ' || !p.message(line[start+len(text):]) {
		return false, nil
	}
	before := front.Read(line[:start], &p.clock).Received(received)
	if before.Time == 0 {
		return true, warning.Tell(sink, r.Pos, "no_time", "lines of Spring's request logging without a time; they were left out: save the log with its timestamps", line)
	}
	if !before.Zoned {
		if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return true, err
		}
	}
	r.Container, r.End = before.Container, before.Time
	thread := springThread(line[:start])
	p.key = append(append(append(p.key[:0], r.Container...), 0), thread...)
	if &text[0] == &springBefore[0] {
		r.Phase, r.Outcome, r.Start = record.Started, record.OutcomeUnknown, before.Time
		p.begin(thread, r.Start)
		return true, sink.Request(r)
	}
	if p.ended {
		return true, nil
	}
	r.Outcome = record.Answered
	if t, known := p.begun[string(p.key)]; known && t <= r.End {
		r.Start = t
		delete(p.begun, string(p.key))
	} else if err := warning.Tell(sink, r.Pos, "no_duration", "ends of requests in Spring's log whose beginning was not found, so that nothing tells how long they took", line); err != nil {
		return true, err
	}
	return true, sink.Request(r)
}

// begin remembers when a thread, whose key was made, began with a request.
func (p *springParser) begin(thread []byte, at record.Time) {
	if thread == nil || p.ended {
		return
	}
	if p.begun == nil {
		p.begun = map[string]record.Time{}
	}
	if _, known := p.begun[string(p.key)]; known || len(p.begun) < maxThreads {
		p.begun[string(p.key)] = at
	}
}

// message reads what stands in the brackets: "GET /x?a=b, client=1.2.3.4, session=…, user=…, headers=[…], payload=…]".
func (p *springParser) message(b []byte) bool {
	if uri, ok := bytes.CutPrefix(b, []byte("uri=")); ok {
		end := bytes.IndexAny(uri, ";]")
		if end < 1 || uri[0] != '/' {
			return false
		}
		p.req.Path = uri[:end]
		p.req.Client = springValue(uri[end:], ";client=")
		return true
	}
	method, rest := cut.Word(b)
	end := bytes.Index(rest, []byte(", "))
	if last := bytes.LastIndexByte(rest, ']'); end < 0 {
		end = last
	}
	if !request.IsMethod(method) || end < 1 || rest[0] != '/' {
		return false
	}
	p.req.Method, p.req.Path = method, rest[:end]
	p.req.Client = springValue(rest[end:], ", client=")
	return true
}

// springValue is the value behind a key, up to what ends it; nil where there is none.
func springValue(b []byte, key string) []byte {
	rest, ok := bytes.CutPrefix(b, []byte(key))
	if !ok {
		return nil
	}
	if end := bytes.IndexAny(rest, ",;]"); end >= 0 {
		return rest[:end]
	}
	return nil
}

// springThread is the name of the thread that stands in brackets before a message, as Spring Boot's pattern and most others have it: the last
// that ends in a number. Boot cuts it to its last fifteen letters.
func springThread(before []byte) []byte {
	for rest := before[:min(len(before), 2*front.Max)]; ; {
		end := bytes.LastIndexByte(rest, ']')
		if end < 0 {
			return nil
		}
		open := bytes.LastIndexByte(rest[:end], '[')
		if open < 0 {
			return nil
		}
		name := bytes.TrimSpace(rest[open+1 : end])
		if isThread(name) {
			return name
		}
		rest = rest[:open]
	}
}

// isThread recognises "nio-8080-exec-2", "http-nio-8080-exec-10", "XNIO-1 task-3", "qtp1234-56", "tomcat-handler-7".
func isThread(name []byte) bool {
	dash := bytes.LastIndexByte(name, '-')
	if dash < 1 || dash == len(name)-1 || len(name) > 64 || bytes.IndexByte(name, '/') >= 0 {
		return false
	}
	for _, c := range name[dash+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return bytes.Contains(name, []byte("exec")) || bytes.Contains(name, []byte("task")) || bytes.Contains(name, []byte("handler")) ||
		bytes.Contains(name, []byte("thread")) || cut.HasPrefix(name, "qtp") || bytes.Contains(name, []byte("worker"))
}
