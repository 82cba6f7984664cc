package access

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Morgan reads requests that stand in a line of text as method, path, status and duration: the formats dev, tiny and short of morgan, the
// lines of koa-logger, and what middlewares of that kind write behind the time and the level of a logger:
//
//	web-1  | 2026-11-20T08:00:00.5Z GET /x?a=b 200 5.123 ms - 12
//	2026-11-20T08:00:00.500Z info: GET /x 200 12 - 5.123 ms
//	[Nest] 2647  - 11/20/2026, 8:00:00 AM     LOG [HTTP] GET /x 200 - 5ms
//	2026-11-20T08:00:00.5Z   <-- GET /x
//	2026-11-20T08:00:00.5Z   --> GET /x 200 5ms 1.2kb
//
// The time is that of the end. Without a duration, or behind a scheme and a host, such text is none of these: it may tell of a route, or of
// a call to another service. Sources: github.com/expressjs/morgan index.js, github.com/koajs/logger index.js.
func Morgan(zone *time.Location) format.LineFormat { return morganLog{zone} }

type morganLog struct{ zone *time.Location }

func (morganLog) Requests()       {}
func (morganLog) Needs() []string { return []string{" /"} }
func (morganLog) OnlyText()       {}
func (morganLog) Name() string    { return "morgan" }

func (f morganLog) Sniff(head []byte) int {
	if !bytes.Contains(head, []byte(" /")) {
		return 0
	}
	return format.SniffParser(f, head)
}

func (f morganLog) NewParser(src *record.Source) format.LineParser {
	return &morganParser{clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

type morganParser struct {
	clock stamp.Clock
	req   record.Request
}

func (p *morganParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *morganParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	w, ok := InWords(line)
	if !ok {
		return false, nil
	}
	r := &p.req
	r.Pos.Line = lineNo
	before := front.Read(line[:w.start], &p.clock).Received(received)
	if before.Time == 0 {
		return true, warning.Tell(sink, r.Pos, "no_time", "requests without a time; save the log with its timestamps (docker logs -t, kubectl logs --timestamps)", line)
	}
	if !before.Zoned {
		if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return true, err
		}
	}
	r.Container = before.Container
	w.Fill(r, before.Time)
	return true, sink.Request(r)
}

// Words are what a text tells of a request.
type Words struct {
	start        int // where the method stands
	method, path []byte
	status       int
	took         time.Duration
	phase        record.Phase
	outcome      record.Outcome
}

// InWords finds a request in a line of text; ok is false where there is none. It allocates nothing.
func InWords(text []byte) (w Words, ok bool) {
	var rest []byte
	if w.start, w.method, w.path, rest = methodAndPath(text); w.start < 0 {
		return w, false
	}
	w.phase, w.outcome = record.Completed, record.Answered
	switch string(text[max(w.start-4, 0):w.start]) { // koa-logger's
	case "<-- ":
		w.phase, w.outcome = record.Started, record.OutcomeUnknown
		return w, len(bytes.TrimSpace(rest)) == 0
	case "-x- ":
		w.outcome = record.ClientGone
	}
	w.status, w.took, ok = statusAndDuration(rest)
	return w, ok
}

// Fill makes them a request of an application; at is when the text was written, or received.
func (w *Words) Fill(r *record.Request, at record.Time) {
	r.Layer, r.Phase, r.Outcome = record.LayerApp, w.phase, w.outcome
	r.Method, r.Path, r.Status = w.method, w.path, w.status
	if r.Start, r.End = at-record.Time(w.took), at; w.phase == record.Started {
		r.End = 0
	}
}

// methodAndPath finds "GET /x" near the beginning of a line; start is -1 where there is none. rest is what follows.
func methodAndPath(line []byte) (start int, method, path, rest []byte) {
	for from := 0; ; {
		i := bytes.Index(line[from:min(len(line), front.Max)], []byte(" /"))
		if i < 0 {
			return -1, nil, nil, nil
		}
		space := from + i
		from = space + 1
		start = bytes.LastIndexAny(line[:space], " :]|") + 1
		if method = line[start:space]; !isCommonMethod(method) {
			continue
		}
		path, rest = cut.Word(line[space+1:])
		return start, method, path, rest
	}
}

// isCommonMethod recognises the methods by which a request is told from a sentence.
func isCommonMethod(b []byte) bool {
	switch string(b) {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS":
		return true
	}
	return false
}

// statusAndDuration reads what follows a path: perhaps the version of HTTP or an arrow, the status, and among few words of other kinds (a size, a dash,
// the reason of the status) the first duration with a unit.
func statusAndDuration(rest []byte) (status int, took time.Duration, ok bool) {
	const maxWords = 6
	word, rest := cut.Word(bytes.TrimLeft(rest, " "))
	if cut.HasPrefix(word, "HTTP/") {
		word, rest = cut.Word(bytes.TrimLeft(rest, " "))
	}
	if len(bytes.Trim(word, "-=>:|")) == 0 {
		word, rest = cut.Word(bytes.TrimLeft(rest, " "))
	}
	if status, ok = number.HTTPStatus(bytes.Trim(word, "-:,")); !ok {
		return 0, 0, false
	}
	for range maxWords {
		rest = bytes.TrimLeft(rest, " ")
		if len(rest) == 0 {
			break
		}
		word, rest = cut.Word(rest)
		word = bytes.Trim(word, "()[],+")
		switch {
		case len(word) == 0 || !number.IsDigit(word[0]):
			continue
		case !number.IsDigit(word[len(word)-1]):
			if took, ok = number.DurationWithUnit(word, 0); ok {
				return status, took, true
			}
			continue // "1.2kb"
		}
		unit, _ := cut.Word(rest)
		switch string(bytes.Trim(unit, "()[],")) {
		case "ms":
			took, ok = number.Duration(word, 6)
		case "s":
			took, ok = number.Duration(word, 9)
		default:
			continue // a size
		}
		return status, took, ok
	}
	return 0, 0, false
}
