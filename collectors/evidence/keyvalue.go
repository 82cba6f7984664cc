package evidence

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// keyValueLog reads requests that applications log as key=value pairs, behind the text that their loggers put before:
//
//	time=2026-11-20T08:00:00.000Z level=INFO msg="request completed" method=GET path=/x status=200 duration=12.3ms      (Go's slog)
//	time="2026-11-20T08:00:00Z" level=info msg=done method=GET path=/x status=200 duration_ms=12                      (logrus, go-kit)
//	2026/11/20 08:00:00 INFO done method=GET path=/x status=200 duration=12.3ms                                       (Go's log, hclog)
//	I, [2026-11-20T08:00:00.123456 #77]  INFO -- : [5b7e…] method=GET path=/x format=html status=200 duration=58.33   (Rails with lograge)
//	2026-11-15T14:03:07.838Z  INFO 1 --- [nio-8080-exec-2] c.acme.RequestFilter : GET /x completed status=200 duration=30ms (Spring Boot)
//	time=2026-11-20T08:00:00.000Z level=INFO msg="finished call" grpc.service=shop.v1.Stock grpc.method=GetLevel grpc.code=OK grpc.time_ms=12 (grpcLog)
//
// Where no pair names the method, it and the path are words before the pairs, of which one is a status and one a duration. Words before the
// pairs are the message where no pair is, and tell beginnings from ends. The id of a request is also what is just called "id" where the
// head shows that it ties beginnings to ends:
//
//	2026-11-20T08:00:00.243Z INFO  [http] req.start id=3bd593fe method=POST path=/login
//	2026-11-20T08:00:00.449Z INFO  [http] req.end id=3bd593fe method=POST path=/login status=302 took=205ms
//
// Behind the header that journalctl and syslog write, lines without a time of their own have that of the header, which names no year.
//
// The pairs mean what they mean in JSON, so each line is written as JSON and read as such; see accessDialect. Sources: Go log/slog
// TextHandler, logrus TextFormatter, lograge Formatters::KeyValue, Ruby Logger::Formatter, Spring Boot's default log pattern.
type keyValueLog struct {
	json   *jsonLines
	withID *jsonLines // with what is just called "id"
}

func newKeyValueLog(zone *time.Location) keyValueLog {
	return keyValueLog{
		json:   newJSONLines(zone, grpcDialect{}, newAccessDialect()),
		withID: newJSONLines(zone, grpcDialect{}, newAccessDialectOf(&namesWithID)),
	}
}

// namesWithID are the usual names, and "id" as that of a request.
var namesWithID = func() namesOfAccess {
	names := accessNames
	names[accessID] = append(slices.Clone(names[accessID]), "id")
	return names
}()

func (keyValueLog) Requests()       {}
func (keyValueLog) Needs() []string { return []string{"="} }
func (keyValueLog) OnlyText()       {}
func (keyValueLog) Name() string    { return "key-value-log" }

func (f keyValueLog) Sniff(head []byte) int {
	if !mayBePairs(head) {
		return 0
	}
	return format.SniffParser(f, head)
}

func (f keyValueLog) NewParser(src *record.Source) format.LineParser {
	return &keyValueParser{src: src, json: f.json.NewParser(src).(*jsonLine)}
}

// ForHead implements format.Headed.
func (f keyValueLog) ForHead(head []byte) format.LineFormat {
	if !mayBePairs(head) {
		return f
	}
	p := keyValueParser{json: f.json.NewParser(&record.Source{}).(*jsonLine), year: func(int, int) int { return 2000 }} // any does
	var asJSON []byte
	cut.FirstLines(head, format.SniffedLines, func(line []byte) {
		if fr, ok := p.rewrite(line); ok {
			asJSON = append(append(asJSON, fr.object...), '\n')
		}
	})
	json := f.json.ForHead(asJSON).(*jsonLines)
	if len(json.begins) == 0 && bytes.Contains(asJSON, []byte(`"id":`)) {
		if with := f.withID.ForHead(asJSON).(*jsonLines); len(with.begins) > 0 {
			json = with
		}
	}
	f.json = json
	return f
}

// requestKey ends the names under which a request's method is logged: method=, request_method=, http.method=, requestMethod=.
var requestKey = []byte("ethod=")

// mayBePairs reports whether a text has a pair that a request has: of its method, or of its status.
func mayBePairs(b []byte) bool {
	return bytes.Contains(b, requestKey) || bytes.Contains(b, statusWord)
}

var statusWord = []byte("tatus")

type keyValueParser struct {
	src  *record.Source
	json *jsonLine
	buf  []byte
	year func(month, day int) int // of times that name none
}

func (p *keyValueParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	kv, ok := p.rewrite(line)
	if !ok {
		return false, nil
	}
	if kv.lost {
		handled, _ := p.json.parseFramed(lineNo, frame{line: line}, kv.object, record.Discard{})
		if !handled {
			return false, nil
		}
		return true, warning.Tell(sink, record.Pos{Source: p.src, Line: lineNo}, "no_time",
			"requests behind times without a year, of what is no file, cannot be placed and were left out; save them with journalctl -o short-iso", line)
	}
	handled, err := p.json.parseFramed(lineNo, frame{container: kv.container, line: line}, kv.object, sink)
	if handled && err == nil && kv.noYear {
		err = warning.Tell(sink, record.Pos{Source: p.src, Line: lineNo}, "no_year", warning.NoYear, line)
	}
	return handled, err
}

// keyValueLine is a line as JSON, and the container that its platform says wrote it.
type keyValueLine struct {
	container, object []byte
	noYear            bool // its only time has none
	lost              bool // and none is known
}

// rewrite writes a line's pairs as an object, which is valid until the next call. What only stands before the pairs becomes one as well: a
// time, the id of a request in brackets, and method and path where no pair names them. It is false for lines that tell of no request, and
// those of routers.
func (p *keyValueParser) rewrite(line []byte) (kv keyValueLine, ok bool) {
	if !mayBePairs(line) || line[0] == '{' {
		return keyValueLine{}, false
	}
	start := firstPair(line)
	if start < 0 {
		return keyValueLine{}, false
	}
	before := line[:start]
	var method, path []byte
	if !bytes.Contains(line[start:], requestKey) {
		if method, path = requestWords(before); method == nil {
			return keyValueLine{}, false
		}
	}
	b := append(p.buf[:0], '{')
	at, timed := timeBefore(before, &p.json.clock)
	if timed {
		b = appendPair(b, []byte("timestamp"), at, false)
	}
	if id := idBefore(before); id != nil {
		b = appendPair(b, []byte("request_id"), id, false)
	}
	if method == nil && !saysMessage(line[start:]) {
		if msg := messageBefore(before); len(msg) > 0 {
			b = appendPair(b, []byte("msg"), msg, false)
		}
	}
	if method != nil {
		b = appendPair(b, []byte("request_method"), method, false)
		b = appendPair(b, []byte("request_uri"), path, false)
	}
	b, ok = appendPairs(b, line[start:])
	if !ok || method != nil && !hasAny(b, statusPairs) {
		return keyValueLine{}, false
	}
	if !timed && !hasAny(b, timePairs) {
		var at record.Time
		if at, kv.noYear = p.syslogTime(before); kv.noYear {
			kv.lost = at == 0
			b = appendPair(b, []byte("timestamp"), at.Std().AppendFormat(nil, "2006-01-02T15:04:05.999999"), true)
		}
	}
	p.buf = append(b, '}')
	kv.object, kv.container = p.buf, front.Read(before, &p.json.clock).Container
	return kv, !containers.IsProxy(string(kv.container))
}

// saysMessage reports whether one of the pairs is a message.
func saysMessage(pairs []byte) bool {
	for _, name := range accessNames[accessMessage] {
		if i := bytes.Index(pairs, []byte(name)); i >= 0 && i+len(name) < len(pairs) && pairs[i+len(name)] == '=' && (i == 0 || pairs[i-1] == ' ') {
			return true
		}
	}
	return false
}

// messageBefore is the words before the pairs, without what loggers put before a message: times, levels, names and what else stands in
// brackets.
func messageBefore(before []byte) []byte {
	if i := bytes.LastIndex(before, []byte("] ")); i >= 0 {
		before = before[i+2:]
	}
	if i := bytes.LastIndex(before, []byte(": ")); i >= 0 {
		before = before[i+2:]
	}
	before = bytes.TrimSpace(before)
	for len(before) > 0 {
		word, rest := cut.Word(before)
		if !number.IsDigit(before[0]) && !cut.AllUpper(word) {
			break
		}
		before = bytes.TrimLeft(rest, " ")
	}
	return before[:min(len(before), 64)]
}

// requestWords finds a method and a path that stand as words one after the other, `GET /x`; nil where there are none.
func requestWords(b []byte) (method, path []byte) {
	for {
		i := bytes.Index(b, []byte(" /"))
		if i < 0 {
			return nil, nil
		}
		method := bytes.TrimLeft(b[bytes.LastIndexByte(b[:i], ' ')+1:i], `"'([`)
		b = b[i+1:]
		if isHTTPMethod(method) {
			path, _ = cut.Word(b)
			return method, bytes.TrimRight(path, `"',;)]`)
		}
	}
}

func isHTTPMethod(b []byte) bool {
	switch string(b) {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS":
		return true
	}
	return false
}

// statusPairs and timePairs are how the names of a status and of a time stand in an object.
var (
	statusPairs = pairsOf(accessNames[accessStatus])
	timePairs   = pairsOf(accessNames[accessTime])
)

func pairsOf(names []string) (out [][]byte) {
	for _, name := range names {
		out = append(out, []byte(`"`+name+`":`))
	}
	return out
}

// hasAny reports whether an object that was begun has one of some pairs.
func hasAny(object []byte, pairs [][]byte) bool {
	for _, pair := range pairs {
		if bytes.Contains(object, pair) {
			return true
		}
	}
	return false
}

// syslogTime is the time without a year with which journalctl and syslog begin a line; 0 where the year is not known.
func (p *keyValueParser) syslogTime(before []byte) (record.Time, bool) {
	before = header.TrimPriority(before)
	if p.year == nil {
		p.year = yearsOf(p.src)
	}
	st, ok := stamp.ReadSyslog(before, p.year)
	return st.Time, ok
}

// firstPair is where the first key=value of a line begins, -1 where there is none.
func firstPair(line []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], '=')
		if i < 0 {
			return -1
		}
		start := from + i
		for start > 0 && isKeyByte(line[start-1]) {
			start--
		}
		if start < from+i && (start == 0 || line[start-1] == ' ' || line[start-1] == '\t') {
			return start
		}
		from += i + 1
	}
}

func isKeyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || number.IsDigit(c) || c == '_' || c == '.' || c == '-' || c == '@'
}

// timeBefore is the time, as it is written, before the pairs: at the beginning, in the brackets of Ruby's logger, or behind the name that
// kubectl, Docker Compose or stern put before a line.
func timeBefore(before []byte, c *stamp.Clock) (text []byte, ok bool) {
	if _, rest, ok := header.Stern(before); ok {
		before = rest
	}
	for _, at := range [...]int{0, bytes.IndexByte(before, '[') + 1, bytes.IndexByte(before, ']') + 1, bytes.IndexByte(before, '|') + 1} {
		rest := bytes.TrimLeft(before[at:], " ")
		if len(rest) > len("2026/11/20 ") && rest[4] == '/' && rest[7] == '/' { // as Go's log package writes a day
			rest = bytes.Clone(rest[:min(len(rest), 40)])
			rest[4], rest[7] = '-', '-'
		}
		if _, n, _, ok := c.Read(rest); ok {
			return rest[:n], true
		}
	}
	return nil, false
}

// idBefore is the request id that stands in brackets before the pairs, as Rails tags lines with; nil where there is none.
func idBefore(before []byte) []byte {
	for {
		i := bytes.IndexByte(before, '[')
		if i < 0 {
			return nil
		}
		before = before[i+1:]
		if end := bytes.IndexByte(before, ']'); end >= 0 && request.IsID(before[:end]) {
			return before[:end]
		}
	}
}

// appendPairs appends the pairs of b to a JSON object that was begun. It is false where b is not made of pairs.
func appendPairs(to, b []byte) ([]byte, bool) {
	for {
		b = bytes.TrimLeft(b, " \t\r")
		if len(b) == 0 {
			return to, true
		}
		n := 0
		for n < len(b) && isKeyByte(b[n]) {
			n++
		}
		if n == 0 || n == len(b) || b[n] != '=' {
			// A word between pairs.
			if n = bytes.IndexAny(b, " \t"); n < 0 {
				return to, true
			}
			b = b[n:]
			continue
		}
		key := b[:n]
		b = b[n+1:]
		quoted := len(b) > 0 && b[0] == '"'
		var value []byte
		if quoted {
			end := 1
			for end < len(b) && b[end] != '"' {
				if b[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(b) {
				return to, false
			}
			value, b = b[1:end], b[end+1:]
		} else {
			end := bytes.IndexAny(b, " \t\r")
			if end < 0 {
				end = len(b)
			}
			if next, _ := cut.Word(b[min(end+1, len(b)):]); end < len(b) && b[end] == ' ' && number.IsDurationUnit(next) { // duration=12 ms
				end += 1 + len(next)
			}
			value, b = b[:end], b[end:]
		}
		to = appendPair(to, key, value, quoted)
	}
}

// appendPair appends a pair to a JSON object that was begun; a quoted value has the escapes of Go.
func appendPair(to, key, value []byte, quoted bool) []byte {
	if to[len(to)-1] != '{' {
		to = append(to, ',')
	}
	to = append(append(append(to, '"'), key...), '"', ':')
	if !quoted && len(value) > 0 && (value[0] == '-' || number.IsDigit(value[0])) && json.Valid(value) {
		return append(to, value...)
	}
	to = append(to, '"')
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && quoted && i+1 < len(value):
			i++
			switch e := value[i]; e {
			case '"', '\\', 'n', 't', 'r', 'b', 'f', '/':
				to = append(to, '\\', e)
			case 'u':
				if i+4 < len(value) && isHex(value[i+1:i+5]) {
					to = append(to, '\\', 'u')
					break
				}
				to = append(to, "\\\\u"...)
			default: // \x00 and the like, which JSON does not have
				to = append(append(to, '\\', '\\'), e)
			}
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < ' ':
			to = append(to, ' ')
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !number.IsDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
