package evidence

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"time"

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

func (combinedLog) requests()    {}
func (combinedLog) onlyText()    {}
func (combinedLog) Name() string { return "access-log" }

func (f combinedLog) Sniff(head []byte) int {
	p := f.NewParser(&record.Source{})
	return sniffLines(head, func(line []byte) bool {
		handled, _ := p.ParseLine(1, line, discard{})
		return handled
	})
}

func (f combinedLog) NewParser(src *record.Source) LineParser {
	return &combinedParser{clock: clock{zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

type combinedParser struct {
	clock clock
	req   record.Request
	plan  tailPlan
}

// bracketedTime finds "[20/Nov/2026:08:00:00 +0000]" near the beginning of a line, behind client, user and perhaps headers of a
// platform, and returns where it begins and what follows it.
func (c *clock) bracketedTime(line []byte) (t record.Time, start int, rest []byte, ok bool) {
	from := 0
	for range 6 {
		i := bytes.IndexByte(line[from:min(len(line), 512)], '[')
		if i < 0 {
			return 0, 0, nil, false
		}
		start = from + i
		if t, n, ok := c.readAccess(line[start+1:]); ok && start+1+n < len(line) && line[start+1+n] == ']' {
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
	for _, c := range method {
		if (c < 'A' || c > 'Z') && c != '-' {
			return nil, nil, rest, true
		}
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
	l, ok := p.usual(line)
	if !ok {
		if l, ok = p.any(line); !ok {
			return false, nil
		}
	}
	p.req.Pos.Line = lineNo
	if l.method == nil {
		return true, warn(sink, p.req.Pos, "no_request_line", "access log lines of connections that sent no HTTP request; they were left out", line)
	}
	tail := combinedTail{}
	if !tail.read(l.tail, &p.plan) {
		return true, warn(sink, p.req.Pos, "malformed_line", "an access log line whose duration is no time; it was left out", line)
	}
	r := &p.req
	r.Layer, r.Phase, r.Outcome = record.LayerRouter, record.Completed, record.Answered
	r.Method, r.Path, r.Status, r.Client = l.method, l.path, l.status, l.client
	r.ID, r.Container = tail.id, tail.container
	if len(r.Container) == 0 {
		r.Container = tail.upstream
	}
	if l.status >= 499 {
		r.Outcome = routerOutcome(l.status, nil, true)
	}
	switch {
	case !tail.known:
		r.Start, r.End = 0, l.time
		if err := warn(sink, r.Pos, "no_duration", "access log lines without a duration; add request_time (nginx) or %D (Apache) to the log format", line); err != nil {
			return true, err
		}
	case tail.fromStart:
		r.Start, r.End = l.time, l.time+record.Time(tail.took)
	default:
		r.Start, r.End = l.time-record.Time(tail.took), l.time
	}
	if tail.assumed {
		if err := warn(sink, r.Pos, "duration_unit_assumed", "access log lines that end in a whole number; it was taken as microseconds (Apache's %D)", line); err != nil {
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
	tail         []byte // what follows the status
}

// any reads the beginning of any line of the format.
func (p *combinedParser) any(line []byte) (l combinedLine, ok bool) {
	if bytes.IndexByte(line, '"') < 0 {
		return l, false // no request line
	}
	t, start, rest, ok := p.clock.bracketedTime(line)
	if !ok || len(rest) < 8 || rest[0] != ' ' {
		return l, false
	}
	method, path, rest, ok := requestLine(rest[1:])
	if !ok || len(rest) < 4 || rest[0] != ' ' {
		return l, false
	}
	status, ok := statusOf(rest[1:4])
	if !ok || len(rest) > 4 && rest[4] != ' ' {
		return l, false
	}
	return combinedLine{time: t, client: clientOf(line[:start]), method: method, path: pathOfURL(path), status: status, tail: rest[4:]}, true
}

// usual reads the beginning of a line in the shape that nearly all have, `client - - [time] "METHOD path HTTP/1.1" 200 `, and says the
// same of it as any. It is false for every other shape.
func (p *combinedParser) usual(line []byte) (l combinedLine, ok bool) {
	if len(line) < 72 {
		return l, false
	}
	// The client ends at the first blank; no bracket may stand before it.
	space := 0
	for {
		x := binary.LittleEndian.Uint64(line[space:])
		if hasByte(x, '[') {
			return l, false
		}
		y := x ^ ' '*swarOnes
		if found := (y - swarOnes) &^ y & swarHigh; found != 0 {
			space += bits.TrailingZeros64(found) >> 3
			break
		}
		if space += 8; space > 40 {
			return l, false
		}
	}
	const anonymous = ' ' | '-'<<8 | ' '<<16 | '-'<<24 | ' '<<32 | '['<<40
	if space == 0 || binary.LittleEndian.Uint64(line[space:])<<16 != anonymous<<16 {
		return l, false
	}
	at := space + len(" - - [")
	t, n, ok := p.clock.readAccess(line[at:])
	at += n
	if !ok || at+12 > len(line) || line[at] != ']' || line[at+1] != ' ' || line[at+2] != '"' {
		return l, false
	}
	at += len(`] "`)
	// The method: capitals up to a blank.
	x := binary.LittleEndian.Uint64(line[at:])
	y := x ^ ' '*swarOnes
	found := (y - swarOnes) &^ y & swarHigh
	if found == 0 {
		return l, false
	}
	n = bits.TrailingZeros64(found) >> 3
	if mask := uint64(1)<<(8*n) - 1; n == 0 || !areCapitals(x&mask|'A'*swarOnes&^mask) {
		return l, false
	}
	method, path := line[at:at+n:at+n], at+n+1
	// The path: up to the version before the closing quote.
	n = bytes.IndexByte(line[path:], '"')
	quote := path + n
	if n < 9 || quote+6 > len(line) || line[quote-1] == '\\' || line[quote-9] != ' ' || string(line[quote-8:quote-3]) != "HTTP/" ||
		line[quote-3] == ' ' || line[quote-2] == ' ' || line[quote-1] == ' ' {
		return l, false
	}
	if x := binary.LittleEndian.Uint64(line[path:]); hasByte(x, ':') || line[path+8] == ':' {
		return l, false // perhaps a whole URL
	}
	status, ok := statusOf(line[quote+2 : quote+5])
	if !ok || line[quote+1] != ' ' || line[quote+5] != ' ' {
		return l, false
	}
	return combinedLine{
		time: t, client: orNone(line[:space:space]), method: method, path: line[path : quote-9 : quote-9], status: status, tail: line[quote+5:],
	}, true
}

// areCapitals reports whether the eight bytes of x are all between A and Z.
func areCapitals(x uint64) bool {
	below, above := ^(x + (0x80-'A')*swarOnes), x+(0x7f-'Z')*swarOnes // of bytes below 128, by their high bits
	return (x|below|above)&swarHigh == 0
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
	return orNone(head)
}

// combinedTail is what follows the status.
type combinedTail struct {
	took                    time.Duration
	known                   bool // took is
	fromStart               bool // the line's time is that of the beginning
	assumed                 bool // the unit of took is a guess
	container, upstream, id []byte
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
				b = rest
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
		d, ok := durationOf(s.integer, 3)
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
		if _, n := digitRun(word8(b, 1)); n > 0 && n+1 < len(b) && b[n+1] == ' ' {
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
		if d, end, ok = secondsIn(b, 0); !ok || end < len(b) && b[end] != ' ' {
			return nil, false
		}
		if !t.known || !s.seconds {
			t.took, t.known, t.fromStart, s.seconds = d, true, false, true
		}
	case tailInteger:
		if _, end = digitRun(word8(b, 0)); end == 0 || end == 8 || end < len(b) && b[end] != ' ' {
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
		if all&inName == 0 || some&namesOne == 0 || b[0] < 'a' || b[0] > 'z' || t.container != nil || end > 128 || end >= 16 && isRequestID(b[:end]) {
			return nil, false
		}
		t.container = b[:end:end]
	case tailUpstream:
		all, some := inAddress, uint8(0)
		for ; end < len(b) && b[end] != ' '; end++ {
			all &= charClasses[b[end]]
			some |= charClasses[b[end]]
		}
		if all&inAddress == 0 || some&isColon == 0 || !isDigit(b[0]) {
			return nil, false
		}
		if t.upstream == nil {
			t.upstream = b[:end:end]
		}
	case tailID:
		end = indexFrom(b, 0, ' ')
		if !isRequestID(b[:end]) {
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
		if b >= 'a' && b <= 'z' || isDigit(b) || b == '-' || b == '.' || b == '_' {
			c[i] |= inName
		}
		if b == '-' || b == '.' || isDigit(b) {
			c[i] |= namesOne
		}
		if isDigit(b) || b == '.' || b == ':' {
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
				b = b[j+1:]
			}
		}
		return b, tailOther, t.pair(tok[:i], bytes.Trim(value, `",`))
	}
	c := tok[0]
	switch {
	case isDigit(c) || c == '.':
		last := tok[len(tok)-1]
		if last == ',' {
			tok = tok[:len(tok)-1]
		}
		switch {
		case isSeconds(tok):
			if !t.known || !s.seconds {
				d, ok := durationOf(tok, 9)
				if !ok {
					return nil, tailOther, false
				}
				t.took, t.known, t.fromStart, s.seconds = d, true, false, true
			}
			return b, tailSeconds, true
		case isDigits(tok):
			if open == 0 {
				s.integers++
				s.integer = tok
				return b, tailInteger, true
			}
		case last == 's':
			if d, ok := durationWithUnit(tok, 9); ok && !t.known {
				t.took, t.known = d, true
				t.fromStart = s.serverURL // Traefik's format
			}
		case isRequestID(tok):
			t.id = tok
			return b, tailID, true
		case bytes.IndexByte(tok, '/') > 0: // %T/%D
			if i := bytes.IndexByte(tok, '/'); isDigits(tok[:i]) && isDigits(tok[i+1:]) && !t.known {
				d, ok := durationOf(tok[i+1:], 3)
				if !ok {
					return nil, tailOther, false
				}
				t.took, t.known, t.fromStart = d, true, true
			}
		case bytes.IndexByte(tok, ':') > 0 && open == 0:
			if t.upstream == nil {
				t.upstream = tok
			}
			return b, tailUpstream, true
		}
	case isRequestID(tok):
		t.id = tok
		return b, tailID, true
	case open == '"':
		if i := bytes.Index(tok, []byte("://")); i > 0 && i < 8 && t.upstream == nil {
			t.upstream, s.serverURL = tok[i+3:], true
			if j := bytes.IndexByte(t.upstream, '/'); j >= 0 {
				t.upstream = t.upstream[:j]
			}
		}
	case t.container == nil && isContainerName(tok) && bytes.ContainsAny(tok, "-.0123456789"):
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
	if i := bytes.IndexAny(value, ", "); i > 0 {
		value = value[:i]
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
		if !t.known {
			scale = 9
		}
	case "container", "pod", "dyno", "server", "instance", "node", "backend":
		t.container = value
	case "ua", "upstream", "upstream_addr":
		if bytes.IndexByte(value, ':') > 0 && isDigit(value[0]) {
			t.upstream = value
		}
	case "request_id", "req_id", "reqid", "id", "trace_id":
		t.id = value
	}
	if scale < 0 {
		return true
	}
	d, ok := durationWithUnit(value, scale)
	if !ok {
		return false
	}
	t.took, t.known, t.fromStart = d, true, scale == 3
	return true
}

// isSeconds recognises a number with a point, isDigits one without.
func isSeconds(b []byte) bool {
	points := 0
	for _, c := range b {
		if c == '.' {
			points++
		} else if !isDigit(c) {
			return false
		}
	}
	return points == 1 && len(b) > 1
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) > 0
}

// isRequestID recognises a UUID or 16 to 64 hexadecimal digits that are no decimal number.
func isRequestID(b []byte) bool {
	if len(b) < 16 || len(b) > 64 {
		return false
	}
	letters := false
	for _, c := range b {
		switch {
		case isDigit(c) || c == '-':
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			letters = true
		default:
			return false
		}
	}
	return letters
}
