package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/access"
	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/jsonscan"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// jsonLines reads logs of one JSON object per line. What the objects mean is a dialect's business (pino, Datadog, Caddy, …); all
// dialects share one scan of the line, so that a log of several costs no more than a log of one.
type jsonLines struct {
	zone     *time.Location
	dialects []jsonDialect
	spec     *jsonscan.Spec
	slots    [][]int16      // by dialect, by index of its paths
	needs    []jsonscan.Set // by dialect
	jobs     jsonscan.Set   // where the name of a job may stand
	// What the head of the log told: see jsonHead.
	units  [tookNames]tookUnit // of durations that name none, by index of their names
	begins map[string]bool     // the kinds of messages at which requests begin
}

// jsonDialect is one way to write a log in JSON.
type jsonDialect interface {
	// name is stable, such as "pino"; it becomes record.Source.Format.
	name() string
	// paths are the dotted paths of the values that the dialect looks at; see jsonscan.NewSpec.
	paths() []string
	// needs are the indexes of paths without which a line is of another dialect.
	needs() []int
	// take handles the line whose values l holds. It returns false when the line is of another dialect.
	take(l *jsonLine, sink record.Sink) (handled bool, err error)
}

// newJSONLines makes the format from dialects; a line goes to the first that takes it.
func newJSONLines(zone *time.Location, dialects ...jsonDialect) *jsonLines {
	f := &jsonLines{zone: zone, dialects: dialects}
	index := map[string]int16{}
	var all []string
	for _, d := range dialects {
		var slots []int16
		for _, p := range d.paths() {
			i, ok := index[p]
			if !ok {
				i = int16(len(all))
				index[p] = i
				all = append(all, p)
			}
			slots = append(slots, i)
		}
		f.slots = append(f.slots, slots)
		var needs jsonscan.Set
		for _, i := range d.needs() {
			needs.Put(slots[i])
		}
		f.needs = append(f.needs, needs)
	}
	for _, p := range jobPaths() {
		i, ok := index[p]
		if !ok {
			i = int16(len(all))
			index[p] = i
			all = append(all, p)
		}
		f.jobs.Put(i)
	}
	f.spec = jsonscan.NewSpec(all...)
	return f
}

func (f *jsonLines) Requests()    {}
func (f *jsonLines) Name() string { return "json" }

func (f *jsonLines) Sniff(head []byte) int {
	score, _ := f.sniff(head)
	return score
}

// Dialect is the name of the dialect that most lines of the head have.
func (f *jsonLines) Dialect(head []byte) string {
	_, name := f.sniff(head)
	return name
}

// ForHead is the format for an input with this head.
func (f *jsonLines) ForHead(head []byte) format.LineFormat {
	if !holdsJSON(head) {
		return f
	}
	p := f.NewParser(&record.Source{}).(*jsonLine)
	p.head = newJSONHead()
	f.sniffWith(p, head)
	of := *f
	of.units, of.begins = p.head.units(), p.head.begins()
	return &of
}

// none is the format without its dialects: it takes no line.
func (f *jsonLines) none() *jsonLines {
	of := *f
	of.dialects = nil
	return &of
}

func holdsJSON(head []byte) bool {
	return bytes.Contains(head, []byte(`{"`)) || bytes.Contains(head, []byte(`{ "`))
}

func (f *jsonLines) sniff(head []byte) (score int, name string) {
	return f.sniffWith(f.NewParser(&record.Source{}).(*jsonLine), head)
}

func (f *jsonLines) sniffWith(p *jsonLine, head []byte) (score int, name string) {
	if !holdsJSON(head) {
		return 0, "json"
	}
	hits := make([]int, len(f.dialects))
	var wrapped dockerLogLine
	score = format.SniffLines(head, func(line []byte) bool {
		handled, _ := p.ParseLine(1, line, record.Discard{})
		if !handled {
			_, inner, ok := unframeJSON(line, &p.clock)
			if !ok {
				if inner, _, ok = wrapped.open(line, &p.clock); !ok {
					return false
				}
			}
			handled, _ = p.ParseLine(1, inner, record.Discard{})
		}
		if handled {
			hits[p.taken]++
		}
		return handled
	})
	// Several dialects may bear one name: what they took counts together.
	best, most := "json", 0
	for i, d := range f.dialects {
		sum := 0
		for j, o := range f.dialects {
			if o.name() == d.name() && hits[j] > 0 {
				sum += hits[j]
			}
		}
		if sum > most && hits[i] > 0 {
			best, most = d.name(), sum
		}
	}
	return score, best
}

func (f *jsonLines) NewParser(src *record.Source) format.LineParser {
	l := &jsonLine{format: f, scan: jsonscan.New(f.spec), src: src}
	l.clock.Zone = f.zone
	l.scan.WantTag = wantedDatadogTag
	return l
}

// frame is what the text around a JSON object says about it: from which container a platform received it. Its time is the object's own.
type frame struct {
	container []byte
	line      []byte // the line as it stands where the object was made of it, to be quoted; nil: the object itself
}

// jsonLine is the parser of one goroutine, and the line it is at.
type jsonLine struct {
	format *jsonLines
	scan   *jsonscan.Scanner
	src    *record.Source
	clock  stamp.Clock
	req    record.Request
	pos    record.Pos
	line   []byte
	frame  frame
	slots  []int16  // of the dialect that looks at the line
	taken  int      // the dialect that took it
	bufs   [16]bufs // by field of the request, for texts with escapes
	router *access.RouterMessages
	tags   datadogTagSet
	sent   jsonRequest    // what send or say got last
	sentBy requestDialect // of a completed request
	said   bool           // it was say

	head *jsonHead // nil: not gathered

	messages messageReader
	jobs     jobReader
	told     record.Message
}

// Forget implements format.Forgetful.
func (l *jsonLine) Forget() { l.messages.Forget() }

type bufs []byte

func (l *jsonLine) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return l.parseFramed(lineNo, frame{}, line, sink)
}

// parseFramed is ParseLine for an object that stood within other text.
func (l *jsonLine) parseFramed(lineNo int64, fr frame, line []byte, sink record.Sink) (bool, error) {
	if len(line) == 0 || line[0] != '{' && line[0] != ' ' && line[0] != '\t' || len(l.format.dialects) == 0 {
		return false, nil
	}
	if l.scan.Scan(line) != nil {
		return false, nil
	}
	return l.scanned(lineNo, fr, line, sink)
}

// parseNext is ParseLine for the line at the beginning of data, if it is one of those that are predicted; otherwise ok is false and
// nothing is done. It returns the length of the line without its end. That spares looking for the end of the line before.
func (l *jsonLine) parseNext(lineNo int64, data []byte, sink record.Sink) (n int, ok, handled bool, err error) {
	n, ok = l.scan.Predict(data)
	if !ok {
		return 0, false, false, nil
	}
	line := data[:n:n]
	shape := l.scan.Shape()
	plan := planOf(shape)
	if plan != nil {
		if done, err := l.planned(plan, lineNo, line, sink); done {
			return n, true, true, err
		}
	}
	l.scan.Recall(line)
	l.sentBy, l.said = nil, false
	handled, err = l.scanned(lineNo, frame{}, line, sink)
	if shape != nil && plan == nil && shape.Tries < maxPlanTries && (l.sentBy != nil || l.said) {
		shape.Tries++
		if plan = l.newPlan(); plan != nil {
			shape.Plan = plan
		}
	}
	return n, true, handled, err
}

// scanned offers the line to the dialects.
func (l *jsonLine) scanned(lineNo int64, fr frame, line []byte, sink record.Sink) (bool, error) {
	l.pos = record.Pos{Source: l.src, Line: lineNo}
	l.line, l.frame = line, fr
	if fr.line != nil {
		l.line = fr.line
	}
	for i, d := range l.format.dialects {
		if !l.scan.Have.HasAll(&l.format.needs[i]) {
			continue
		}
		l.slots = l.format.slots[i]
		handled, err := d.take(l, sink)
		if handled || err != nil {
			l.taken = i
			return handled, err
		}
	}
	return false, nil
}

// has reports whether the line has a string or a number at the dialect's path i.
func (l *jsonLine) has(i int) bool { return l.scan.Have.Has(l.slots[i]) }

// at is the value of the dialect's path i; absent where the line has none.
func (l *jsonLine) at(i int) jsonscan.Value {
	slot := l.slots[i]
	if !l.scan.Have.Has(slot) {
		return jsonscan.Value{}
	}
	return l.scan.Values[slot]
}

// raw is the value of the dialect's path i as it stands in the line; nil where the line has none.
func (l *jsonLine) raw(i int) []byte {
	slot := l.slots[i]
	if !l.scan.Have.Has(slot) {
		return nil
	}
	return l.scan.Raw(l.scan.Values[slot])
}

// text is the text of the first of the paths that has one. field says which buffer to use when it has escapes: the texts of one
// record need different ones.
func (l *jsonLine) text(field, path int, others ...int) []byte {
	if b := l.textAt(field, path); b != nil {
		return b
	}
	for _, i := range others {
		if b := l.textAt(field, i); b != nil {
			return b
		}
	}
	return nil
}

// textAt is the text at one path; nil where the line has none or an empty one.
func (l *jsonLine) textAt(field, path int) []byte {
	slot := l.slots[path]
	if !l.scan.Have.Has(slot) {
		return nil
	}
	v := l.scan.Values[slot]
	switch {
	case v.End == v.Start:
		return nil
	case !v.Escaped:
		return l.scan.Raw(v)
	}
	return l.unescaped(field, v)
}

func (l *jsonLine) unescaped(field int, v jsonscan.Value) []byte {
	return l.scan.Text(v, (*[]byte)(&l.bufs[field]))
}

// The buffers of text.
const (
	bufMethod = iota
	bufPath
	bufRoute
	bufID
	bufContainer
	bufInstance
	bufHost
	bufService
	bufVersion
	bufUser
	bufClient
	bufMessage
	bufUpstream
	bufOther
)

// request resets the parser's request.
func (l *jsonLine) request(layer record.Layer) *record.Request {
	l.req = record.Request{Pos: l.pos, Layer: layer, Outcome: record.Answered}
	return &l.req
}

// lineTime is time for a line that is understood: ok is false, and the line is done with, where the time is none, which is warned of.
func (l *jsonLine) lineTime(v jsonscan.Value, sink record.Sink, what string) (t record.Time, ok bool, err error) {
	if t, ok, err = l.time(v, sink); err == nil && !ok {
		_, err = l.malformed(sink, what+" whose time is none; it was left out")
	}
	return t, ok, err
}

// time reads a time that is a number since 1970 or a text; ok is false when it is neither. A text without a zone is counted.
func (l *jsonLine) time(v jsonscan.Value, sink record.Sink) (record.Time, bool, error) {
	switch v.Kind {
	case jsonscan.Number:
		t, ok := number.Epoch(l.scan.Raw(v))
		return record.Time(t), ok, nil
	case jsonscan.String:
		b := l.unescaped(bufOther, v)
		if len(b) > 4 && number.IsDigit(b[0]) && b[4] != '-' {
			if t, ok := number.Epoch(b); ok {
				return record.Time(t), true, nil
			}
			t, _, ok := l.clock.ReadAccess(b)
			return t, ok, nil
		}
		t, _, zoned, ok := l.clock.Read(b)
		if ok && !zoned {
			return t, true, warning.Tell(sink, l.pos, "no_timezone", warning.NoTimezone, l.line)
		}
		return t, ok, nil
	}
	return 0, false, nil
}

// malformed counts a line that is of a known dialect and yet cannot be used.
func (l *jsonLine) malformed(sink record.Sink, why string) (bool, error) {
	return true, warning.Tell(sink, l.pos, "malformed_line", why, l.line)
}

// message handles a line that is no request: what its message says, and the job that its fields tell of.
func (l *jsonLine) message(t record.Time, container, instance, service, host, version []byte, msg []byte, sink record.Sink) error {
	if s, ok := sink.(*tally); ok {
		s.see(t, container, instance)
		if len(container) == 0 {
			container = s.ContainerOfFile()
		}
	}
	// A job may fail for want of memory: its message counts all the same.
	isJob := false
	if l.scan.Have.HasAny(&l.format.jobs) && len(l.line) <= jsondoc.MaxParsed {
		job, err := l.jobs.parse(l.pos, t, container, instance, l.line, sink)
		if err != nil {
			return err
		}
		isJob = job
	}
	if len(msg) == 0 {
		return nil
	}
	if l.router == nil {
		l.router = access.NewRouterMessages(l.format.zone)
	}
	if handled, err := l.router.Parse(l.pos, t, service, msg, sink); handled || err != nil {
		return err
	}
	if messageMayMatter(msg) || isErrorHead(msg) {
		handled, err := l.messages.parse(l.pos, t, string(container), string(instance), string(service), string(host), string(version), msg, sink)
		if handled || err != nil {
			return err
		}
	}
	if isJob {
		return nil // it is named by more than its message
	}
	if words, ok := access.InWords(msg); ok && bytes.IndexByte(msg, '\n') < 0 {
		r := l.request(record.LayerApp)
		r.Container, r.Instance, r.Service = container, instance, service
		words.Fill(r, t)
		return sink.Request(r)
	}
	l.told = record.Message{Pos: l.pos, Time: t, Container: container, Instance: instance, Service: service, Text: msg}
	return sink.Message(&l.told)
}

// unframeJSON finds the JSON object behind a platform's, a container runtime's, kubectl's or syslog's own text: `… app[web.1]: {…}`,
// `… [web-1] {…}`, `… stdout F {…}`, `web  | {…}`, `web  | 2026-11-20T08:00:00Z {…}`, `[pod/web-5d8f/app] {…}`, `web-5d8f7b9c4-x2x9q app {…}`.
func unframeJSON(line []byte, c *stamp.Clock) (frame, []byte, bool) {
	open := bytes.IndexByte(line, '{')
	if open <= 0 || open > 300 || line[len(line)-1] != '}' {
		return frame{}, nil, false
	}
	inner := line[open:]
	if h, ok := header.Heroku(line); ok && len(h.Body) == len(inner) {
		return frame{container: h.Proc}, inner, true
	}
	if _, tag, body, ok := header.Scalingo(line); ok && len(body) == len(inner) {
		return frame{container: tag}, inner, true
	}
	head := line[:open]
	if container, rest, ok := header.Kubectl(head); ok {
		_, _, _, timed := c.Read(rest)
		return frame{container: container}, inner, timed || len(bytes.TrimSpace(rest)) == 0
	}
	if container, rest, ok := header.Stern(head); ok {
		_, _, _, timed := c.Read(rest)
		return frame{container: container}, inner, timed || len(bytes.TrimSpace(rest)) == 0
	}
	// Behind the time the runtime's own log format has the stream, and "F" for a whole line.
	if _, _, _, ok := c.Read(header.TrimPriority(head)); ok {
		return frame{}, inner, true
	}
	if bar := bytes.IndexByte(head, '|'); bar > 0 {
		name, rest := bytes.TrimSpace(head[:bar]), bytes.TrimSpace(head[bar+1:])
		if _, _, _, timed := c.Read(rest); containers.IsName(name) && (timed || len(rest) == 0) {
			return frame{container: name}, inner, true
		}
	}
	// A pod of a stateful set, as stern puts it before a line.
	if pod, rest := cut.Word(head); containers.IsNumbered(pod) {
		if container, rest := cut.Word(rest); containers.IsName(container) && len(bytes.TrimSpace(rest)) == 0 {
			return frame{container: pod}, inner, true
		}
	}
	if len(head) > 16 {
		if _, ok := stamp.Month(head[:3]); ok {
			return frame{}, inner, true // syslog: the object has its own time
		}
	}
	return frame{}, nil, false
}

// dockerLogLine takes the lines of Docker's log files apart: {"log":"text\n","stream":"stdout","time":"…"}.
type dockerLogLine struct {
	scan *jsonscan.Scanner
	buf  []byte
}

// open returns the text and the time of a line; ok is false when it is none of Docker's.
func (d *dockerLogLine) open(line []byte, c *stamp.Clock) (text []byte, t record.Time, ok bool) {
	if !bytes.HasPrefix(line, []byte(`{"log":"`)) {
		return nil, 0, false
	}
	if d.scan == nil {
		d.scan = jsonscan.New(jsonscan.NewSpec("log", "stream", "time"))
	}
	if d.scan.Scan(line) != nil {
		return nil, 0, false
	}
	for i, v := range d.scan.Values {
		if !d.scan.Have.Has(int16(i)) || v.Kind != jsonscan.String {
			return nil, 0, false
		}
	}
	t, _, _, ok = c.Read(d.scan.Raw(d.scan.Values[2]))
	return bytes.TrimRight(d.scan.Text(d.scan.Values[0], &d.buf), "\r\n"), t, ok
}
