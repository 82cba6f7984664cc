package access

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/outcome"
	"lastcall/collectors/evidence/internal/request"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/swar"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// combinedLog reads the access logs of nginx, the Kubernetes ingress of nginx, Apache and Traefik in their common and combined
// formats with a duration after them, in whatever order people append it:
//
//	1.2.3.4 - - [20/Nov/2026:08:00:00 +0000] "GET /api/x HTTP/1.1" 200 571 "-" "okhttp/4.12.0" 0.123 web-1
//	… "curl/7.54.0" 89 0.001 [default-web-8080] [] 172.17.0.5:8080 59 0.000 200 529a007902362a5f51385a5fa7049884
//	… "-" "-" rt=0.123 uct="0.000" urt="0.120" ua="172.17.0.5:8080"
//	… "-" "curl/7.62.0" 10 "Host-host1" "http://172.19.0.3:5601" 247ms
//	… "-" "curl/7.62.0" 123456
//
// A number with a point is seconds (request_time; a second one is the upstream's), one with a unit what it says, a lone integer
// Apache's %D, microseconds. nginx writes the time of the end, Apache and Traefik that of the beginning; they are told apart by the
// way they write the duration. Sources: nginx ngx_http_log_module, ingress-nginx log format, Apache mod_log_config, Traefik access
// logs.
type combinedLog struct{ zone *time.Location }

func (combinedLog) Requests()       {}
func (combinedLog) Needs() []string { return []string{`"`} }
func (combinedLog) OnlyText()       {}
func (combinedLog) Name() string    { return "access-log" }

func (f combinedLog) Sniff(head []byte) int { return format.SniffParser(f, head) }

func (f combinedLog) NewParser(src *record.Source) format.LineParser {
	return &combinedParser{clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

type combinedParser struct {
	clock stamp.Clock
	req   record.Request
	plan  tailPlan
	names nameMemo
	time  record.Time // that the last usual line has
	text  string      // as it is written there, up to the request line: `20/Nov/2026:08:00:00 +0000] "`
}

// bracketedTime finds "[20/Nov/2026:08:00:00 +0000]" near the beginning of a line, behind client, user and perhaps headers of a
// platform, and returns where it begins and what follows it.
func bracketedTime(c *stamp.Clock, line []byte) (t record.Time, start int, rest []byte, ok bool) {
	from := 0
	for range 6 {
		i := bytes.IndexByte(line[from:min(len(line), 512)], '[')
		if i < 0 {
			return 0, 0, nil, false
		}
		start = from + i
		if t, n, ok := c.ReadAccess(line[start+1:]); ok && start+1+n < len(line) && line[start+1+n] == ']' {
			return t, start, line[start+n+2:], true
		}
		from = start + 1
		if from >= min(len(line), 512) {
			break
		}
	}
	return 0, 0, nil, false
}

// requestLine takes `"GET /path HTTP/1.1"` from the beginning of b.
func requestLine(b []byte) (method, path, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '"' {
		return nil, nil, nil, false
	}
	end := 1
	for {
		i := bytes.IndexByte(b[end:], '"')
		if i < 0 {
			return nil, nil, nil, false
		}
		end += i
		slashes := 0
		for b[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes&1 == 0 {
			break
		}
		end++
	}
	text := b[1:end]
	rest = b[end+1:]
	sp := bytes.IndexByte(text, ' ')
	if sp <= 0 {
		return nil, nil, rest, true // "-", or rubbish that was sent to the port
	}
	method, path = text[:sp], text[sp+1:]
	if i := bytes.LastIndexByte(path, ' '); i >= 0 && bytes.HasPrefix(path[i+1:], []byte("HTTP/")) {
		path = path[:i]
	}
	if !request.IsMethod(method) {
		return nil, nil, rest, true
	}
	return method, path, rest, true
}

// token cuts the next token off b: what is quoted, what is in brackets, or what stands up to the next blank. open is its opening
// character, 0 for a bare one.
func token(b []byte) (tok []byte, open byte, rest []byte) {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	if len(b) == 0 {
		return nil, 0, nil
	}
	closing := byte(' ')
	switch b[0] {
	case '"':
		closing = '"'
	case '[':
		closing = ']'
	case '{':
		closing = '}'
	}
	if closing != ' ' {
		for i := 1; i < len(b); i++ {
			j := bytes.IndexByte(b[i:], closing)
			if j < 0 {
				break
			}
			i += j
			if b[i-1] != '\\' {
				return b[1:i:i], b[0], b[i+1:]
			}
		}
	}
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return b, 0, nil
	}
	return b[:i:i], 0, b[i+1:]
}

func (p *combinedParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	var l combinedLine
	if !p.usual(line, &l) && !p.any(line, &l) {
		return false, nil
	}
	return p.request(lineNo, &l, line, sink)
}

// ParseNext implements format.NextParser.
func (p *combinedParser) ParseNext(lineNo int64, data []byte, sink record.Sink) (n int, ok bool, err error) {
	var l combinedLine
	if len(data) == 0 || data[0] == '{' || !p.usual(data, &l) {
		return 0, false, nil
	}
	n = afterLine(data, l.tail)
	line := data[:n]
	if line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line) - 1; line[n] == '\r' {
		line = line[:n]
	}
	_, err = p.request(lineNo, &l, line, sink)
	return n, true, err
}

// request handles a line that was taken apart up to its tail.
func (p *combinedParser) request(lineNo int64, l *combinedLine, line []byte, sink record.Sink) (bool, error) {
	p.req.Pos.Line = lineNo
	if l.method == nil {
		return true, warning.Tell(sink, p.req.Pos, "no_request_line", "access log lines of connections that sent no HTTP request; they were left out", line)
	}
	tail := combinedTail{}
	if after := line[l.tail:]; !p.usualTail(after, &tail) && !tail.read(after, &p.plan) {
		return true, warning.Tell(sink, p.req.Pos, "malformed_line", "an access log line whose duration is no time; it was left out", line)
	}
	r := &p.req
	r.Layer, r.Phase, r.Outcome = record.LayerRouter, record.Completed, record.Answered
	r.Method, r.Path, r.Status, r.Client = l.method, l.path, l.status, l.client
	r.ID, r.Container = tail.id, tail.container
	if len(r.Container) == 0 {
		if r.Container = tail.upstream; len(r.Container) == 0 && tail.byServer() {
			r.Container = front.Server(l.front, sink)
		}
	}
	if l.status >= 499 {
		r.Outcome = outcome.OfRouter(l.status, nil, true)
	}
	switch {
	case !tail.known:
		r.Start, r.End = 0, l.time
		if err := warning.Tell(sink, r.Pos, "no_duration", "access log lines without a duration; add request_time (nginx) or %D (Apache) to the log format", line); err != nil {
			return true, err
		}
	case tail.fromStart:
		r.Start, r.End = l.time, l.time+record.Time(tail.took)
	default:
		r.Start, r.End = l.time-record.Time(tail.took), l.time
	}
	if tail.assumed {
		if err := warning.Tell(sink, r.Pos, "duration_unit_assumed", "access log lines that end in a whole number; it was taken as microseconds (Apache's %D)", line); err != nil {
			return true, err
		}
	}
	if tail.retried {
		findUpstreams(&tail.tried, line[l.tail:])
	}
	if tail.tried.Several() && tail.known {
		if err := tail.tried.Tell(r, sink); err != nil {
			return true, err
		}
	}
	return true, sink.Request(r)
}

// combinedLine is a line up to its status.
type combinedLine struct {
	time         record.Time
	client       []byte
	method, path []byte // no method: no request came
	status       int
	tail         int    // where it begins: behind the status
	front        []byte // the container that stands before the line
}

// any reads the beginning of any line of the format.
func (p *combinedParser) any(line []byte, l *combinedLine) bool {
	if bytes.IndexByte(line, '"') < 0 {
		return false // no request line
	}
	t, start, rest, ok := bracketedTime(&p.clock, line)
	if !ok || len(rest) < 8 || rest[0] != ' ' {
		return false
	}
	method, path, rest, ok := requestLine(rest[1:])
	if !ok || len(rest) < 4 || rest[0] != ' ' {
		return false
	}
	status, ok := number.HTTPStatus(rest[1:4])
	if !ok || len(rest) > 4 && rest[4] != ' ' {
		return false
	}
	*l = combinedLine{front: front.Container(line, start), time: t, client: clientOf(line[:start]), method: method, path: request.Path(path), status: status, tail: len(line) - len(rest) + 4}
	return true
}

// usual reads the beginning of the line with which b begins in the shape that nearly all have, `client - - [time] "METHOD path HTTP/1.1"
// 200 `, and says the same of it as any. It is false for every other shape.
func (p *combinedParser) usual(b []byte, l *combinedLine) bool {
	// The client ends at the first blank; no bracket may stand before it.
	space := 0
	for {
		if space+8 > len(b) {
			return false
		}
		x := binary.LittleEndian.Uint64(b[space:])
		if swar.HasByte(x, '[') {
			return false
		}
		if found := below(x, ' '+1); found != 0 {
			space += bits.TrailingZeros64(found) >> 3
			break
		}
		if space += 8; space > 40 {
			return false
		}
	}
	at := space + len(" - - [")
	if space == 0 || at+64 > len(b) || string(b[space:at]) != " - - [" {
		return false
	}
	// Many lines are of the same second.
	if n := len(p.text); n > 0 && string(b[at:at+n]) == p.text {
		at += n
	} else if n = p.readTime(b[at:]); n > 0 {
		at += n
	} else {
		return false
	}
	n := capitals(b, at)
	path := at + n + 1
	end := endBelow(b, path, '"'+1)
	for end < len(b) && b[end] == '!' {
		end = endBelow(b, end+1, '"'+1)
	}
	version := end + len(" HTTP/")
	status := version + len(`1.1" `)
	if n == 0 || end == path || status+4 > len(b) || string(b[end:version]) != " HTTP/" || !number.IsDigit(b[version]) || b[version+1] != '.' ||
		!number.IsDigit(b[version+2]) || b[version+3] != '"' || b[version+4] != ' ' || b[status+3] != ' ' {
		return false
	}
	if x := binary.LittleEndian.Uint64(b[path:]); swar.HasByte(x, ':') || b[path+8] == ':' {
		return false // perhaps a whole URL
	}
	var ok bool
	if l.status, ok = number.HTTPStatus(b[status : status+3]); !ok {
		return false
	}
	l.time, l.client, l.method, l.path, l.tail = p.time, request.OrNone(b[:space:space]), b[at:at+n:at+n], b[path:end:end], status+3
	return true
}

// readTime reads the time of a usual line at the beginning of b, and remembers it. It returns where the method begins, 0 where the line is
// another.
func (p *combinedParser) readTime(b []byte) (method int) {
	b = b[:min(len(b), 64)]
	b = b[:afterLine(b, 0)]
	t, n, ok := p.clock.ReadAccess(b)
	if !ok || !cut.HasPrefix(b[n:], `] "`) {
		return 0
	}
	n += len(`] "`)
	p.time, p.text = t, string(b[:n])
	return n
}

// usualTail reads a tail such as ` 571 "-" "okhttp/4.12.0" 0.123 web-1`, and says the same of it as combinedTail.read. It is false for
// every other shape, and has done nothing then.
func (p *combinedParser) usualTail(b []byte, t *combinedTail) bool {
	if len(b) < 20 {
		return false
	}
	_, n := swar.DigitRun(binary.LittleEndian.Uint64(b[1:]))
	at := 1 + n + len(` "-" "`)
	if n == 0 || n == 8 || string(b[1+n:at]) != ` "-" "` {
		return false
	}
	n = bytes.IndexByte(b[at:], '"')
	if at += n; n < 0 || b[at-1] == '\\' || at+4 > len(b) || b[at+1] != ' ' {
		return false
	}
	at += 2
	took, end, ok := time.Duration(0), at+len("0.123"), true
	if f, k := swar.DigitRun(swar.Word8(b, at+2)); k == 3 && number.IsDigit(b[at]) && b[at+1] == '.' { // as nginx writes nearly all
		took = time.Duration(b[at]-'0')*time.Second + time.Duration(f)*time.Millisecond
	} else {
		took, end, ok = number.SecondsIn(b, at)
	}
	if !ok || end < len(b) && (b[end] != ' ' || !p.names.known(b, end+1)) {
		return false
	}
	t.took, t.known = took, true
	if end < len(b) {
		t.container = b[end+1 : len(b) : len(b)]
	}
	return true
}

// nameMemo remembers short names of containers by their bytes: those of the lines before are most of those that come.
type nameMemo [256]struct{ head, last uint64 }

// known reports whether b[from:] is the name of a container and nothing else. It is false for long ones, and for those at the beginning
// of b.
func (m *nameMemo) known(b []byte, from int) bool {
	n := len(b) - from
	if n < 1 || n > 15 || from < 8 {
		return false
	}
	// The length and all bytes, or the first and the last eight: of names alike in these, either none or all are names.
	head, last := ^uint64(n), binary.LittleEndian.Uint64(b[len(b)-8:])
	if n <= 8 {
		last >>= (64 - 8*n) & 63
	} else {
		head = binary.LittleEndian.Uint64(b[from:])
	}
	place := &m[(head^last)*0x9e3779b97f4a7c15>>56]
	if place.last == last && place.head == head && last != 0 {
		return true
	}
	all, some := inName, uint8(0)
	for _, c := range b[from:] {
		all &= charClasses[c]
		some |= charClasses[c]
	}
	if all&inName == 0 || some&namesOne == 0 || b[from] < 'a' || b[from] > 'z' {
		return false
	}
	place.head, place.last = head, last
	return true
}

// clientOf returns the address before "- user".
func clientOf(head []byte) []byte {
	head = bytes.TrimRight(head, " ")
	for range 2 { // user, ident
		i := bytes.LastIndexByte(head, ' ')
		if i < 0 {
			return nil
		}
		head = bytes.TrimRight(head[:i], " ")
	}
	if i := bytes.LastIndexByte(head, ' '); i >= 0 {
		head = head[i+1:]
	}
	return request.OrNone(head)
}

// combinedTail is what follows the status.
type combinedTail struct {
	took                    time.Duration
	known                   bool // took is
	fromStart               bool // the line's time is that of the beginning
	assumed                 bool // the unit of took is a guess
	container, upstream, id []byte
	retried                 bool // several upstreams are listed without a name
	tried                   request.Upstreams
}

// byServer reports whether whoever wrote the line answered the request: Apache's %D, which Tomcat and gunicorn have as well, or a time finer
// than the milliseconds of nginx. A proxy's line says as little about whom it asked as where the proxy itself runs.
func (t *combinedTail) byServer() bool {
	return t.known && (t.fromStart || t.took%time.Millisecond != 0)
}

// tailKind is what a token after the status turned out to be. The lines of one server have the same kinds of tokens in the same
// order, so that a token is tried first for what stood in its place on the line before. Each kind has a cheap test that is true only
// where going through all the possibilities, as combinedTail.token does, gives the same.
type tailKind uint8

const (
	tailOther tailKind = iota // no cheap test
	tailDash
	tailHeader // the referrer or the user agent
	tailBracket
	tailSeconds
	tailInteger
	tailContainer
	tailUpstream
	tailID
)

// tailPlan are the kinds of the tokens of the line before; those beyond its length have no cheap test.
type tailPlan [16]tailKind

// tailState is what the meaning of a token depends on.
type tailState struct {
	quoted, integers   int
	integer            []byte
	seconds, serverURL bool
	listed             bool // an upstream came before, and a comma or colon behind it: after a retry nginx names them all
}

// read goes through the tokens after the status. It is false when what must be the duration is none.
func (t *combinedTail) read(b []byte, plan *tailPlan) bool {
	b = afterSize(b)
	var s tailState
	for i := 0; len(b) > 0; i++ {
		if b[0] == ' ' {
			if b = b[1:]; len(b) == 0 {
				break
			}
		}
		if i < len(plan) {
			if rest, ok := t.expected(b, plan[i], &s); ok {
				b, s.listed = rest, false
				continue
			}
		}
		rest, kind, ok := t.token(b, &s)
		if !ok {
			return false
		}
		if i < len(plan) {
			plan[i] = kind
		}
		b = rest
	}
	if !t.known && s.integers == 1 {
		d, ok := number.Duration(s.integer, 3)
		if !ok {
			return false
		}
		t.took, t.known, t.fromStart, t.assumed = d, true, true, true
	}
	return true
}

// afterSize cuts the number of bytes off, as token does.
func afterSize(b []byte) []byte {
	if len(b) > 1 && b[0] == ' ' {
		if _, n := swar.DigitRun(swar.Word8(b, 1)); n > 0 && n+1 < len(b) && b[n+1] == ' ' {
			return b[n+2:]
		}
	}
	_, _, b = token(b)
	return b
}

// expected takes a token of the kind that is expected off b, which does not begin with a blank. It is false, and has done nothing,
// where the token may be of another.
func (t *combinedTail) expected(b []byte, kind tailKind, s *tailState) (rest []byte, ok bool) {
	end := 0
	switch kind {
	case tailDash:
		if b[0] != '-' {
			return nil, false
		}
		end = 1
	case tailHeader, tailBracket:
		closing := byte('"')
		if kind == tailBracket {
			closing = ']'
			if b[0] != '[' {
				return nil, false
			}
		} else if b[0] != '"' || s.quoted >= 2 {
			return nil, false
		}
		if len(b) < 3 || b[2] != closing { // neither "-" nor as short
			n := bytes.IndexByte(b[1:], closing)
			if n < 0 || b[n] == '\\' {
				return nil, false
			}
			end = n + 2
		} else if end = 3; b[1] == closing {
			end = 2
		} else if b[1] == '\\' {
			return nil, false
		}
		if closing == '"' {
			s.quoted++
		}
		return b[end:], true
	case tailSeconds:
		var d time.Duration
		if d, end, ok = number.SecondsIn(b, 0); !ok || end < len(b) && b[end] != ' ' {
			return nil, false
		}
		if !t.known || !s.seconds {
			t.took, t.known, t.fromStart, s.seconds = d, true, false, true
		}
	case tailInteger:
		if _, end = swar.DigitRun(swar.Word8(b, 0)); end == 0 || end == 8 || end < len(b) && b[end] != ' ' {
			return nil, false
		}
		s.integers++
		s.integer = b[:end:end]
	case tailContainer:
		all, some := inName, uint8(0)
		for ; end < len(b) && b[end] != ' '; end++ {
			all &= charClasses[b[end]]
			some |= charClasses[b[end]]
		}
		if all&inName == 0 || some&namesOne == 0 || b[0] < 'a' || b[0] > 'z' || t.container != nil || end > 128 || end >= 16 && request.IsID(b[:end]) {
			return nil, false
		}
		t.container = b[:end:end]
	case tailUpstream:
		all, some := inAddress, uint8(0)
		for ; end < len(b) && b[end] != ' '; end++ {
			all &= charClasses[b[end]]
			some |= charClasses[b[end]]
		}
		if all&inAddress == 0 || some&isColon == 0 || !number.IsDigit(b[0]) {
			return nil, false
		}
		if t.upstream == nil || s.listed {
			t.upstream = b[:end:end]
		}
	case tailID:
		end = swar.IndexFrom(b, 0, ' ')
		if !request.IsID(b[:end]) {
			return nil, false
		}
		t.id = b[:end:end]
	default:
		return nil, false
	}
	if end == len(b) {
		return nil, true
	}
	return b[end+1:], b[end] == ' '
}

// charClasses tells for each byte in which kinds of tokens it may stand.
var charClasses = func() (c [256]uint8) {
	for i := range c {
		b := byte(i)
		if b >= 'a' && b <= 'z' || number.IsDigit(b) || b == '-' || b == '.' || b == '_' {
			c[i] |= inName
		}
		if b == '-' || b == '.' || number.IsDigit(b) {
			c[i] |= namesOne
		}
		if number.IsDigit(b) || b == '.' || b == ':' {
			c[i] |= inAddress
		}
		if b == ':' {
			c[i] |= isColon
		}
	}
	return c
}()

const (
	inName    uint8 = 1 << iota // of a container
	namesOne                    // tells the name of a container from a word
	inAddress                   // address:port
	isColon
)

// token takes the next token off b, whatever it is. It is false when it must be the duration and is none.
func (t *combinedTail) token(b []byte, s *tailState) (rest []byte, kind tailKind, ok bool) {
	line, listed := b, s.listed
	s.listed = false
	tok, open, b := token(b)
	if len(tok) == 0 || open == '[' || open == '{' || len(tok) == 1 && tok[0] == '-' {
		switch open {
		case '"':
			s.quoted++
			return b, tailHeader, true
		case '[':
			return b, tailBracket, true
		}
		return b, tailDash, true
	}
	if open == '"' {
		s.quoted++
		if s.quoted <= 2 {
			return b, tailHeader, true
		}
	} else if i := bytes.IndexByte(tok, '='); i > 0 {
		value := tok[i+1:]
		if len(value) > 0 && value[0] == '"' && (len(value) == 1 || value[len(value)-1] != '"') {
			// rt="0.1, 0.2": the value has blanks; up to the quote.
			if j := bytes.IndexByte(b, '"'); j >= 0 {
				end := len(line) - len(b)
				value = line[end-1-len(value) : end+j]
				b = b[j+1:]
			}
		}
		return b, tailOther, t.pair(tok[:i], bytes.Trim(value, `",`))
	}
	c := tok[0]
	switch {
	case number.IsDigit(c) || c == '.':
		last := tok[len(tok)-1]
		if last == ',' {
			tok = tok[:len(tok)-1]
		}
		switch {
		case isSeconds(tok):
			if !t.known || !s.seconds {
				d, ok := number.Duration(tok, 9)
				if !ok {
					return nil, tailOther, false
				}
				t.took, t.known, t.fromStart, s.seconds = d, true, false, true
			}
			return b, tailSeconds, true
		case number.IsDigits(tok):
			if open == 0 {
				s.integers++
				s.integer = tok
				return b, tailInteger, true
			}
		case last == 's':
			if d, ok := number.DurationWithUnit(tok, 9); ok && !t.known {
				t.took, t.known = d, true
				t.fromStart = s.serverURL // Traefik's format
			}
		case request.IsID(tok):
			t.id = tok
			return b, tailID, true
		case bytes.IndexByte(tok, '/') > 0: // %T/%D
			if i := bytes.IndexByte(tok, '/'); number.IsDigits(tok[:i]) && number.IsDigits(tok[i+1:]) && !t.known {
				d, ok := number.Duration(tok[i+1:], 3)
				if !ok {
					return nil, tailOther, false
				}
				t.took, t.known, t.fromStart = d, true, true
			}
		case bytes.IndexByte(tok, ':') > 0 && open == 0:
			if t.upstream == nil || listed {
				t.upstream = tok
			}
			s.listed = last == ','
			t.retried = t.retried || s.listed
			return b, tailUpstream, true
		}
	case c == ':' && len(tok) == 1: // between the upstreams of a request and those that it was redirected to
		s.listed = t.upstream != nil
		t.retried = t.retried || s.listed
	case request.IsID(tok):
		t.id = tok
		return b, tailID, true
	case open == '"':
		if i := bytes.Index(tok, []byte("://")); i > 0 && i < 8 && t.upstream == nil {
			t.upstream, s.serverURL = tok[i+3:], true
			if j := bytes.IndexByte(t.upstream, '/'); j >= 0 {
				t.upstream = t.upstream[:j]
			}
		}
	case t.container == nil && containers.IsName(tok) && bytes.ContainsAny(tok, "-.0123456789"):
		t.container = tok
		return b, tailContainer, true
	}
	return b, tailOther, true
}

// pair handles key=value as people write it into log formats.
func (t *combinedTail) pair(key, value []byte) bool {
	if len(value) == 0 || value[0] == '-' {
		return true
	}
	first, list := value, value
	if i := bytes.IndexAny(value, ", "); i > 0 {
		first, value = value[:i], request.LastOfList(value)
	}
	scale := -1
	switch string(key) {
	case "rt", "request_time", "req_time", "reqtime", "duration", "time", "took", "response_time":
		scale = 9
	case "duration_ms", "time_ms", "rt_ms", "request_time_ms":
		scale = 6
	case "D", "duration_us", "time_us":
		scale = 3
	case "urt", "upstream_response_time":
		t.tried.Took = list
		if !t.known {
			scale = 9
		}
	case "container", "pod", "dyno", "server", "instance", "node", "backend":
		t.container = value
	case "ua", "upstream", "upstream_addr":
		if bytes.IndexByte(value, ':') > 0 && number.IsDigit(value[0]) {
			t.upstream, t.tried.Addrs = value, list
		}
	case "us", "upstream_status":
		t.tried.Statuses = list
	case "request_id", "req_id", "reqid", "id", "trace_id":
		t.id = first
	}
	if scale < 0 {
		return true
	}
	d, ok := number.DurationWithUnit(value, scale)
	if !ok {
		return false
	}
	t.took, t.known, t.fromStart = d, true, scale == 3
	return true
}

// isSeconds recognises a number with a point, number.IsDigits one without.
func isSeconds(b []byte) bool {
	points := 0
	for _, c := range b {
		if c == '.' {
			points++
		} else if !number.IsDigit(c) {
			return false
		}
	}
	return points == 1 && len(b) > 1
}
