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

// phoenixLog reads the lines with which Phoenix and Plug.Logger begin and end a request, which the id of the request ties together
// (metadata: [:request_id], the default of production):
//
//	08:00:00.585 request_id=F7mDPZ2rQ1x3XmQAAAHh [info] POST /api/imports
//	08:00:00.732 request_id=F7mDPZ2rQ1x3XmQAAAHh [info] Sent 202 in 146ms
//	08:00:00.735 request_id=F7mDPZ2rQ1x3XmQAAAHi [info] Chunked 200 in 850µs
//
// Elixir's logger writes the time of day, without a date or a zone: the time is that of whoever received the line, or that a configured
// format puts before it. Source: Plug lib/plug/logger.ex; Phoenix lib/phoenix/logger.ex; Elixir Logger.Formatter.
type phoenixLog struct{ zone *time.Location }

func (phoenixLog) Requests()       {}
func (phoenixLog) Needs() []string { return []string{"["} }
func (phoenixLog) OnlyText()       {}
func (phoenixLog) Name() string    { return "phoenix" }

func (f phoenixLog) Sniff(head []byte) int {
	for _, level := range phoenixLevels {
		if bytes.Contains(head, level) {
			return format.SniffParser(f, head)
		}
	}
	return 0
}

func (f phoenixLog) NewParser(src *record.Source) format.LineParser {
	return &phoenixParser{clock: stamp.Clock{Zone: f.zone}, req: record.Request{Pos: record.Pos{Source: src}}}
}

var (
	phoenixLevels = [...][]byte{[]byte("[info] "), []byte("[debug] ")} // at which requests are logged
	phoenixID     = []byte("request_id=")
)

type phoenixParser struct {
	clock stamp.Clock
	req   record.Request
}

// phoenixLine is a line up to what it tells.
type phoenixLine struct {
	before []byte        // what stands before the time of day
	id     []byte        // nil: none
	day    time.Duration // the time of day
	timed  bool          // there is one
	text   []byte        // behind the level
}

// splitPhoenix finds what Elixir's logger wrote within a line.
func splitPhoenix(line []byte) (l phoenixLine, ok bool) {
	head := line[:min(len(line), 2*front.Max)]
	at := -1
	for _, level := range phoenixLevels {
		if at = bytes.Index(head, level); at >= 0 {
			l.text = bytes.Trim(line[at+len(level):], " ")
			break
		}
	}
	if at < 0 || at > 0 && line[at-1] != ' ' {
		return l, false
	}
	l.before = line[:at]
	dated := false // the word before is a date
	bare := false  // the last time of day has none
	for rest := line[:at]; len(rest) > 0; {
		start := at - len(rest)
		var word []byte
		word, rest = cut.Word(rest)
		if id, ok := bytes.CutPrefix(word, phoenixID); ok && len(id) > 0 {
			l.id = id
			if !bare {
				l.before = line[:start]
			}
			break
		}
		if day, ok := timeOfDay(word); ok {
			l.day, l.timed = day, true
			if bare = !dated; bare {
				l.before = line[:start]
			}
		}
		dated = len(word) == 10 && word[4] == '-' && word[7] == '-'
	}
	return l, true
}

// timeOfDay reads "07:00:00.585".
func timeOfDay(b []byte) (time.Duration, bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, false
	}
	hour, ok1 := number.Digits(b[0:2])
	minute, ok2 := number.Digits(b[3:5])
	second, ok3 := number.Digits(b[6:8])
	nanos, n := stamp.Fraction(b, 8)
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 || n != len(b) {
		return 0, false
	}
	return time.Duration(hour*3600+minute*60+second)*time.Second + time.Duration(nanos), true
}

// withTimeOfDay makes a time that was cut to its second as exact as the time of day that the logger wrote, in whatever zone: zones differ by
// quarters of an hour.
func withTimeOfDay(t record.Time, day time.Duration) record.Time {
	const quarter = 15 * time.Minute
	if t%record.Time(time.Second) != 0 {
		return t
	}
	apart := (day - time.Duration(t)%quarter) % quarter
	switch {
	case apart > quarter/2:
		apart -= quarter
	case apart < -quarter/2:
		apart += quarter
	}
	if apart.Abs() > time.Minute {
		return t // they are of different clocks
	}
	return t.Add(apart)
}

// sent reads "Sent 202 in 146ms" and "Chunked 200 in 850µs".
func sent(text []byte) (status int, took time.Duration, ok bool) {
	rest, found := bytes.CutPrefix(text, []byte("Sent "))
	if !found {
		if rest, found = bytes.CutPrefix(text, []byte("Chunked ")); !found {
			return 0, 0, false
		}
	}
	code, rest := cut.Word(rest)
	if status, ok = number.HTTPStatus(code); !ok {
		return 0, 0, false
	}
	word, rest := cut.Word(rest)
	if string(word) != "in" || !cut.HasSuffix(rest, "s") {
		return 0, 0, false
	}
	took, ok = number.DurationWithUnit(rest, 6)
	return status, took, ok
}

// ParseLine implements LineParser.
func (p *phoenixParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *phoenixParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	l, ok := splitPhoenix(line)
	if !ok {
		return false, nil
	}
	r := &p.req
	*r = record.Request{Pos: record.Pos{Source: r.Pos.Source, Line: lineNo}, Layer: record.LayerApp, ID: l.id}
	var took time.Duration
	if r.Status, took, ok = sent(l.text); ok {
		r.Outcome = record.Answered
	} else {
		method, path := cut.Word(l.text)
		if !request.IsMethod(method) || len(path) == 0 || path[0] != '/' || bytes.IndexByte(path, ' ') >= 0 || l.id == nil && !l.timed {
			return false, nil
		}
		r.Phase, r.Method, r.Path = record.Started, method, path
	}
	if l.id == nil {
		return true, warning.Tell(sink, r.Pos, "no_request_id", "lines of Phoenix without the id of their request, so that nothing ties its end to its beginning; they were left out (set metadata: [:request_id] of the logger)", line)
	}
	before := front.Read(l.before, &p.clock).Received(received)
	if before.Time == 0 {
		return true, warning.Tell(sink, r.Pos, "no_time", "lines of Phoenix with a time of day alone; they were left out: save the log with its timestamps (docker logs -t, kubectl logs --timestamps)", line)
	}
	if !before.Zoned {
		if err := warning.Tell(sink, r.Pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return true, err
		}
	}
	t := before.Time
	if l.timed {
		t = withTimeOfDay(t, l.day)
	}
	r.Container = before.Container
	r.Start, r.End = t-record.Time(took), t
	return true, sink.Request(r)
}
