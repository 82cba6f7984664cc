package evidence

import (
	"bytes"
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
	t, start, rest, ok := p.clock.bracketedTime(line)
	if !ok || len(rest) < 8 || rest[0] != ' ' {
		return false, nil
	}
	method, path, rest, ok := requestLine(rest[1:])
	if !ok || len(rest) < 4 || rest[0] != ' ' {
		return false, nil
	}
	status, ok := statusOf(rest[1:4])
	if !ok || len(rest) > 4 && rest[4] != ' ' {
		return false, nil
	}
	p.req.Pos.Line = lineNo
	if method == nil {
		return true, warn(sink, p.req.Pos, "no_request_line", "access log lines of connections that sent no HTTP request; they were left out", line)
	}
	tail := combinedTail{}
	if !tail.read(rest[4:]) {
		return true, warn(sink, p.req.Pos, "malformed_line", "an access log line whose duration is no time; it was left out", line)
	}
	r := &p.req
	r.Layer, r.Phase = record.LayerRouter, record.Completed
	r.Method, r.Path, r.Status = method, pathOfURL(path), status
	r.ID, r.Container = tail.id, tail.container
	if len(r.Container) == 0 {
		r.Container = tail.upstream
	}
	r.Client = clientOf(line[:start])
	r.Outcome = routerOutcome(status, nil, true)
	switch {
	case !tail.known:
		r.Start, r.End = 0, t
		if err := warn(sink, r.Pos, "no_duration", "access log lines without a duration; add request_time (nginx) or %D (Apache) to the log format", line); err != nil {
			return true, err
		}
	case tail.fromStart:
		r.Start, r.End = t, t+record.Time(tail.took)
	default:
		r.Start, r.End = t-record.Time(tail.took), t
	}
	if tail.assumed {
		if err := warn(sink, r.Pos, "duration_unit_assumed", "access log lines that end in a whole number; it was taken as microseconds (Apache's %D)", line); err != nil {
			return true, err
		}
	}
	return true, sink.Request(r)
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

// read goes through the tokens after the status. It is false when what must be the duration is none.
func (t *combinedTail) read(b []byte) bool {
	_, _, b = token(b) // bytes
	quoted, integers := 0, 0
	var integer []byte
	seconds, serverURL := false, false
	for len(b) > 0 {
		var tok []byte
		var open byte
		tok, open, b = token(b)
		if len(tok) == 0 || open == '[' || open == '{' || len(tok) == 1 && tok[0] == '-' {
			if open == '"' {
				quoted++
			}
			continue
		}
		if open == '"' {
			quoted++
			if quoted <= 2 {
				continue // referrer, user agent
			}
		} else if i := bytes.IndexByte(tok, '='); i > 0 {
			value := tok[i+1:]
			if len(value) > 0 && value[0] == '"' && (len(value) == 1 || value[len(value)-1] != '"') {
				// rt="0.1, 0.2": the value has blanks; up to the quote.
				if j := bytes.IndexByte(b, '"'); j >= 0 {
					b = b[j+1:]
				}
			}
			if !t.pair(tok[:i], bytes.Trim(value, `",`)) {
				return false
			}
			continue
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
				if !t.known || !seconds {
					d, ok := durationOf(tok, 9)
					if !ok {
						return false
					}
					t.took, t.known, t.fromStart, seconds = d, true, false, true
				}
			case isDigits(tok):
				if open == 0 {
					integers++
					integer = tok
				}
			case last == 's':
				if d, ok := durationWithUnit(tok, 9); ok && !t.known {
					t.took, t.known = d, true
					t.fromStart = serverURL // Traefik's format
				}
			case isRequestID(tok):
				t.id = tok
			case bytes.IndexByte(tok, '/') > 0: // %T/%D
				if i := bytes.IndexByte(tok, '/'); isDigits(tok[:i]) && isDigits(tok[i+1:]) && !t.known {
					d, ok := durationOf(tok[i+1:], 3)
					if !ok {
						return false
					}
					t.took, t.known, t.fromStart = d, true, true
				}
			case bytes.IndexByte(tok, ':') > 0 && open == 0:
				if t.upstream == nil {
					t.upstream = tok
				}
			}
		case isRequestID(tok):
			t.id = tok
		case open == '"':
			if i := bytes.Index(tok, []byte("://")); i > 0 && i < 8 && t.upstream == nil {
				t.upstream, serverURL = tok[i+3:], true
				if j := bytes.IndexByte(t.upstream, '/'); j >= 0 {
					t.upstream = t.upstream[:j]
				}
			}
		case t.container == nil && isContainerName(tok) && bytes.ContainsAny(tok, "-.0123456789"):
			t.container = tok
		}
	}
	if !t.known && integers == 1 {
		d, ok := durationOf(integer, 3)
		if !ok {
			return false
		}
		t.took, t.known, t.fromStart, t.assumed = d, true, true, true
	}
	return true
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
