package evidence

import (
	"bytes"
	"time"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/record"
)

// sidekiqLog reads the runs that Sidekiq (6 and later) logs, as text and in JSON:
//
//	2026-11-04T13:27:46.464Z pid=34695 tid=6y1 class=OrderMailJob jid=36fba97eb31c4248a1d9229f INFO: start
//	2026-11-04T13:27:46.845Z pid=34695 tid=6y1 class=OrderMailJob jid=36fba97eb31c4248a1d9229f elapsed=0.381 INFO: done
//	{"ts":"2026-11-04T13:27:46.845Z","pid":34695,"tid":"6y1","lvl":"INFO","msg":"done","ctx":{"class":"OrderMailJob","jid":"36fb…","elapsed":"0.381"}}
//
// On Heroku it leaves the time to the platform. A run that raises ends with "fail". Source: Sidekiq lib/sidekiq/logger.rb, job_logger.rb.
type sidekiqLog struct{ zone *time.Location }

func (sidekiqLog) Needs() []string { return []string{"jid"} }
func (sidekiqLog) Name() string    { return "sidekiq" }

func (f sidekiqLog) Sniff(head []byte) int {
	if !bytes.Contains(head, []byte(" jid=")) && !bytes.Contains(head, sidekiqKey) {
		return 0
	}
	return format.SniffParser(f, head)
}

func (f sidekiqLog) NewParser(src *record.Source) format.LineParser {
	return &sidekiqParser{jobLog: newJobLog(src, f.zone)}
}

type sidekiqParser struct {
	jobLog
	json fastjson.Parser
}

var sidekiqKey = []byte(`"jid"`)

func (p *sidekiqParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *sidekiqParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	var l jobLine
	var ok bool
	if n := len(line); n > 0 && line[n-1] == '}' {
		l, ok = p.object(line, received)
	} else if l, ok = p.text(line); ok {
		l.before = l.before.Received(received)
	}
	if !ok {
		return false, nil
	}
	return true, p.emit(lineNo, l, line, sink)
}

// sidekiqWord reads what Sidekiq says of a run.
func sidekiqWord(word []byte) (ended, ok bool) {
	switch string(word) {
	case "start":
		return false, true
	case "done", "fail":
		return true, true
	}
	return false, false
}

// text reads a line of text.
func (p *sidekiqParser) text(line []byte) (l jobLine, ok bool) {
	colon := len(line) - len(": done")
	if bytes.HasSuffix(line, []byte(": start")) {
		colon--
	}
	if colon < 0 || line[colon] != ':' {
		return l, false
	}
	if l.ended, ok = sidekiqWord(line[colon+2:]); !ok || line[colon+1] != ' ' {
		return l, false
	}
	start := bytes.Index(line[:min(colon, front.Max)], []byte("pid="))
	if start < 0 || start > 0 && line[start-1] != ' ' {
		return l, false
	}
	var elapsed []byte
	for rest := line[start:colon]; len(rest) > 0; {
		var word []byte
		word, rest = cut.Word(rest)
		key, value, _ := bytes.Cut(word, []byte("="))
		switch string(key) {
		case "pid":
			l.pid = value
		case "class":
			l.name = value
		case "jid":
			l.id = value
		case "elapsed":
			elapsed = value
		}
	}
	if len(l.name) == 0 || len(l.id) == 0 {
		return l, false
	}
	l.took = jobTook(elapsed)
	l.before = front.Read(line[:start], &p.clock)
	return l, true
}

// object reads a line in JSON, and what stands before it.
func (p *sidekiqParser) object(line []byte, received record.Time) (l jobLine, ok bool) {
	if len(line) > jsondoc.MaxParsed || !bytes.Contains(line, sidekiqKey) {
		return l, false
	}
	open := bytes.IndexByte(line, '{')
	if open < 0 || open > front.Max {
		return l, false
	}
	v, err := p.json.ParseBytes(line[open:])
	if err != nil {
		return l, false
	}
	ctx := v.Get("ctx")
	if l.ended, ok = sidekiqWord(v.GetStringBytes("msg")); !ok || ctx == nil {
		return l, false
	}
	if l.name, l.id = ctx.GetStringBytes("class"), ctx.GetStringBytes("jid"); len(l.name) == 0 || len(l.id) == 0 {
		return l, false
	}
	if pid := v.Get("pid"); pid != nil && pid.Type() == fastjson.TypeNumber {
		l.pid = pid.MarshalTo(nil)
	}
	if seconds, ok := jsondoc.Number(ctx.Get("elapsed")); ok && seconds > 0 && seconds <= maxJob.Seconds() {
		l.took = time.Duration(seconds * float64(time.Second))
	}
	l.before = front.Read(line[:open], &p.clock).Received(received)
	if t, _, zoned, ok := p.clock.Read(v.GetStringBytes("ts")); ok { // its own
		l.before.Time, l.before.Zoned = t, zoned
	}
	return l, true
}

// jobTook reads seconds; 0 where there are none.
func jobTook(seconds []byte) time.Duration {
	if d, ok := number.Duration(seconds, 9); ok && d <= maxJob {
		return d
	}
	return 0
}
