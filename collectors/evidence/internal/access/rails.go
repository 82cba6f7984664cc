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

// railsLog reads the lines with which Rails begins and ends a request, which the id of the request ties together (log_tags =
// [:request_id], the default of production):
//
//	I, [2026-11-20T08:00:00.123456 #77]  INFO -- : [5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11] Started GET "/users/7" for 1.2.3.4 at 2026-11-20 08:00:00 +0000
//	I, [2026-11-20T08:00:00.181456 #77]  INFO -- : [5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11] Completed 200 OK in 58ms (Views: 40.4ms | ActiveRecord: 15.3ms)
//	[5b7e9c1a-52b4-4b02-9b3a-0b7c6f0a8d11] ActionController::RoutingError (No route matches [GET] "/wp-login.php"):
//
// The time is that of whoever received the line, else that of Ruby's logger, whose zone the times of the beginnings tell; a beginning has
// one of its own, cut to the second. Of what no route matches there is no other end. Source: Rails railties/lib/rails/rack/logger.rb,
// actionpack/lib/action_controller/log_subscriber.rb, action_dispatch/middleware/debug_exceptions.rb; Ruby Logger::Formatter.
type railsLog struct {
	zone   *time.Location
	offset time.Duration // what the head tells that Ruby's times are behind UTC
	zoned  bool          // the head tells it
}

func (railsLog) Requests() {}
func (railsLog) OnlyText() {}

// Needs implements format.Picky: "Started " and "Completed ", "RoutingError".
func (railsLog) Needs() []string { return []string{"ted ", "utin"} }

func (railsLog) Name() string { return "rails" }

func (f railsLog) Sniff(head []byte) int {
	if !bytes.Contains(head, railsStarted) && !bytes.Contains(head, railsCompleted) {
		return 0
	}
	return format.SniffParser(f, head)
}

// ForHead implements format.Headed.
func (f railsLog) ForHead(head []byte) format.LineFormat {
	if !bytes.Contains(head, railsStarted) {
		return f
	}
	p := f.NewParser(&record.Source{}).(*railsParser)
	cut.FirstLines(head, format.SniffedLines, func(line []byte) {
		if f.zoned {
			return
		}
		l, ok := p.split(line)
		if !ok || l.kind != railsStart || l.ruby == 0 {
			return
		}
		if own, ok := p.started(l.text); ok {
			ruby := record.TimeOf(l.ruby.Std().Truncate(time.Second))
			f.offset, f.zoned = own.Sub(ruby).Round(15*time.Minute), true // as zones are
		}
	})
	return f
}

func (f railsLog) NewParser(src *record.Source) format.LineParser {
	return &railsParser{railsLog: f, clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

var (
	railsStarted   = []byte("Started ")
	railsCompleted = []byte("Completed ")
	railsUnrouted  = []byte("ActionController::RoutingError (No route matches ")
)

// railsKind is what a line of Rails tells.
type railsKind uint8

const (
	railsStart railsKind = iota
	railsEnd
	railsNoRoute
)

type railsParser struct {
	railsLog
	clock stamp.Clock
	ruby  stamp.Clock // reads without a zone
	req   record.Request
}

// railsLine is a line up to what it tells.
type railsLine struct {
	kind   railsKind
	before []byte      // what stands before Rails' own text, and before Ruby's
	ruby   record.Time // of Ruby's logger, as if it were UTC; 0: none
	id     []byte
	text   []byte // behind "Started " or "Completed "
}

// split finds what Rails wrote within a line.
func (p *railsParser) split(line []byte) (l railsLine, ok bool) {
	start := -1
	head := line[:min(len(line), 2*front.Max)]
	for _, k := range [...]struct {
		kind railsKind
		text []byte
	}{{railsStart, railsStarted}, {railsEnd, railsCompleted}, {railsNoRoute, railsUnrouted}} {
		if start = bytes.Index(head, k.text); start >= 0 {
			l.kind, l.text = k.kind, line[start+len(k.text):]
			break
		}
	}
	if start < 0 || start > 0 && line[start-1] != ' ' {
		return l, false
	}
	l.before = line[:start]
	// The id stands in brackets, perhaps with other tags.
	for from := 0; from < start; {
		i := bytes.IndexByte(line[from:start], '[')
		if i < 0 {
			break
		}
		from += i + 1
		if end := bytes.IndexByte(line[from:start], ']'); end > 0 && request.IsID(line[from:from+end]) {
			l.id, l.before = line[from:from+end], line[:from-1]
			break
		}
	}
	// Ruby's logger: "I, [2026-11-20T08:00:00.123456 #77]  INFO -- : ".
	if i := bytes.Index(l.before, []byte(", [")); i > 0 && bytes.IndexByte([]byte("DIWEFA"), l.before[i-1]) >= 0 {
		if t, n, _, ok := p.ruby.Read(l.before[i+3:]); ok && bytes.HasPrefix(l.before[i+3+n:], []byte(" #")) {
			l.ruby, l.before = t, l.before[:i-1]
		}
	}
	return l, true
}

// started reads `GET "/users/7" for 1.2.3.4 at 2026-11-20 08:00:00 +0000` into the request and returns its time.
func (p *railsParser) started(text []byte) (record.Time, bool) {
	method, rest := cut.Word(text)
	at := bytes.LastIndex(rest, []byte(" at "))
	if at < 0 || !request.IsMethod(method) || rest[0] != '"' {
		return 0, false
	}
	t, n, zoned, ok := p.clock.Read(rest[at+4:])
	if !ok || !zoned || len(bytes.TrimSpace(rest[at+4+n:])) > 0 {
		return 0, false
	}
	end := bytes.LastIndex(rest[:at], []byte(`" for `))
	if end < 1 {
		return 0, false
	}
	p.req.Method, p.req.Path, p.req.Client = method, rest[1:end], rest[end+len(`" for `):at]
	return t, true
}

// completed reads `200 OK in 58ms (Views: 40.4ms | ActiveRecord: 15.3ms)`.
func completed(text []byte) (status int, took time.Duration, ok bool) {
	if len(text) < 4 {
		return 0, 0, false
	}
	if status, ok = number.HTTPStatus(text[:3]); !ok {
		return 0, 0, false
	}
	in := bytes.Index(text[:min(len(text), 100)], []byte(" in "))
	if in < 3 || !isReason(text[3:in]) {
		return 0, 0, false
	}
	word, rest := cut.Word(text[in+4:])
	if len(rest) > 0 && rest[0] != '(' || !cut.HasSuffix(word, "ms") {
		return 0, 0, false
	}
	took, ok = number.DurationWithUnit(word, 6)
	return status, took, ok
}

func (p *railsParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *railsParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	l, ok := p.split(line)
	if !ok {
		return false, nil
	}
	r := &p.req
	*r = record.Request{Pos: record.Pos{Source: r.Pos.Source, Line: lineNo}, Layer: record.LayerApp, ID: l.id}
	var own record.Time
	var took time.Duration
	switch l.kind {
	case railsStart:
		if own, ok = p.started(l.text); !ok {
			return false, nil
		}
		r.Phase = record.Started
	case railsEnd:
		if r.Status, took, ok = completed(l.text); !ok {
			return false, nil
		}
		r.Outcome = record.Answered
	case railsNoRoute:
		if l.id == nil {
			return false, nil
		}
		r.Status, r.Outcome = 404, record.Answered
	}
	if l.id == nil {
		return true, warning.Tell(sink, r.Pos, "no_request_id", "lines of Rails without the id of their request, so that nothing ties its end to its beginning; they were left out (set config.log_tags = [:request_id])", line)
	}
	before := front.Read(l.before, &p.clock).Received(received)
	t, zoned := before.Time, before.Zoned
	switch {
	case zoned:
	case own != 0 && l.ruby != 0: // as exact as the one, with the zone of the other
		t, zoned = own+l.ruby%record.Time(time.Second), true
	case own != 0:
		t, zoned = own, true
	case l.ruby != 0 && p.zoned:
		t, zoned = l.ruby.Add(p.offset), true
	case l.ruby != 0:
		t = p.clock.Local(l.ruby)
	}
	if t == 0 {
		if l.kind == railsNoRoute {
			return false, nil
		}
		return true, warning.Tell(sink, r.Pos, "no_time", "ends of Rails' requests without a time; they were left out: save the log with its timestamps", line)
	}
	if !zoned {
		if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return true, err
		}
	}
	r.Container = before.Container
	r.Start, r.End = t-record.Time(took), t
	if l.kind == railsNoRoute {
		r.Start = 0
	}
	return true, sink.Request(r)
}
