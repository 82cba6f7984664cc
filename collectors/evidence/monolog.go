package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// monologLog reads the requests that PHP's applications log with Monolog (Laravel, Symfony) in its default line, where the context tells of
// one:
//
//	[2026-11-20T08:00:00.123456+00:00] production.INFO: request.start {"id":"b8c2","method":"GET","uri":"\/x?a=b"} []
//	[2026-11-20T08:00:00.165456+00:00] production.INFO: request.end {"id":"b8c2","method":"GET","uri":"\/x?a=b","status":200,"ms":42} []
//
// The names in the context are the application's own: they mean what they mean in JSON, so that each line is written as JSON and read as such
// (see accessDialect). The time of whoever received the line stands in for one without a zone, as versions before 2 write it. Source:
// Monolog, LineFormatter::SIMPLE_FORMAT.
type monologLog struct{ json *jsonLines }

func newMonologLog(zone *time.Location) monologLog {
	return monologLog{newJSONLines(zone, newAccessDialectOf(&monologNames))}
}

// monologNames are the usual names, and those that only a context that was made for it has: nothing else stands beside them.
var monologNames = func() namesOfAccess {
	names := namesWithID
	names[accessMillis] = append(append([]string(nil), names[accessMillis]...), "ms", "time_ms", "runtime_ms", "execution_time_ms")
	names[accessStatus] = append(append([]string(nil), names[accessStatus]...), "code")
	names[accessID] = append(append([]string(nil), names[accessID]...), "uid")
	return names
}()

func (monologLog) Requests()       {}
func (monologLog) OnlyText()       {}
func (monologLog) Needs() []string { return []string{"{"} }
func (monologLog) Name() string    { return "monolog" }

func (f monologLog) Sniff(head []byte) int {
	if !holdsMonolog(head) {
		return 0
	}
	return format.SniffParser(f, head)
}

// holdsMonolog is the cheap test.
func holdsMonolog(head []byte) bool {
	return bytes.Contains(head, []byte("] ")) && (bytes.Contains(head, []byte(".INFO: ")) || bytes.Contains(head, []byte(".DEBUG: ")) || bytes.Contains(head, []byte(".NOTICE: ")))
}

// ForHead implements format.Headed.
func (f monologLog) ForHead(head []byte) format.LineFormat {
	if !holdsMonolog(head) {
		return f
	}
	p := f.NewParser(&record.Source{}).(*monologParser)
	var asJSON []byte
	cut.FirstLines(head, format.SniffedLines, func(line []byte) {
		if _, object, ok := p.rewrite(0, line); ok {
			asJSON = append(append(asJSON, object...), '\n')
		}
	})
	return monologLog{f.json.ForHead(asJSON).(*jsonLines)}
}

func (f monologLog) NewParser(src *record.Source) format.LineParser {
	return &monologParser{json: f.json.NewParser(src).(*jsonLine)}
}

type monologParser struct {
	json *jsonLine
	buf  []byte
}

func (p *monologParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *monologParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	container, object, ok := p.rewrite(received, line)
	if !ok {
		return false, nil
	}
	return p.json.parseFramed(lineNo, frame{container: container, line: line}, object, sink)
}

// monologLine is a line taken apart.
type monologLine struct {
	before, time, level, message, context []byte
}

// rewrite writes a line as an object, which is valid until the next call. It is false for lines of others, without a context, and for those
// that handed the request on.
func (p *monologParser) rewrite(received record.Time, line []byte) (container, object []byte, ok bool) {
	l, ok := readMonolog(line, &p.json.clock)
	if !ok {
		return nil, nil, false
	}
	before := front.Read(l.before, &p.json.clock).Received(received)
	if containers.IsProxy(string(before.Container)) {
		return nil, nil, false
	}
	b := append(p.buf[:0], `{"timestamp":"`...)
	if _, _, zoned, _ := p.json.clock.Read(l.time); !zoned && before.Time != 0 && before.Zoned {
		b = before.Time.Std().AppendFormat(b, time.RFC3339Nano)
	} else {
		b = append(b, l.time...)
	}
	b = append(b, `","level":"`...)
	b = append(append(b, l.level...), '"')
	b = appendPair(b, []byte("msg"), l.message, false)
	b = append(append(b, ','), l.context[1:]...)
	p.buf = b
	return before.Container, b, true
}

// readMonolog takes a line apart, whatever stands before it.
func readMonolog(line []byte, c *stamp.Clock) (l monologLine, ok bool) {
	head := line[:min(len(line), front.Max)]
	for from := 0; ; {
		i := bytes.Index(head[from:], []byte("] "))
		if i < 0 {
			return l, false
		}
		end := from + i
		from = end + 2
		channel, rest, found := bytes.Cut(line[from:], []byte(": "))
		dot := bytes.LastIndexByte(channel, '.')
		open := bytes.LastIndexByte(head[:end], '[')
		if !found || open < 0 || dot < 1 || !isMonologLevel(channel[dot+1:]) || bytes.IndexByte(channel, ' ') >= 0 {
			continue
		}
		if _, n, _, ok := c.Read(line[open+1 : end]); !ok || n != end-open-1 {
			continue
		}
		l.before, l.time, l.level = line[:open], line[open+1:end], channel[dot+1:]
		return l, l.split(rest)
	}
}

// split finds the context behind a message: the first object with which a key begins and which ends where an object or a list of what was
// added by others begins, which ends the line.
func (l *monologLine) split(rest []byte) bool {
	rest = bytes.TrimRight(rest, " \r")
	open := bytes.Index(rest, []byte(`{"`))
	if open < 0 {
		return false
	}
	l.message = bytes.TrimSpace(rest[:open])
	context := rest[open:]
	switch i := bytes.LastIndex(context, []byte(`} {"`)); {
	case bytes.HasSuffix(context, []byte("} []")):
		context = context[:len(context)-len(" []")]
	case i > 0 && context[len(context)-1] == '}':
		context = context[:i+1]
	}
	l.context = context
	return context[len(context)-1] == '}' && len(context) > 2
}

// isMonologLevel knows Monolog's names of levels.
func isMonologLevel(b []byte) bool {
	switch string(b) {
	case "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY":
		return true
	}
	return false
}
