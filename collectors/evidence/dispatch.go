package evidence

import (
	"bytes"
	"context"
	"encoding/json"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/pieces"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/internal/lines"
	"lastcall/collectors/record"
)

// worthScanning reports whether an input whose head no format knows may still hold lines that one knows: text that is no document.
// The crash may stand in the last line of a log that is chatter up to there.
func worthScanning(head []byte) bool {
	if cut.LooksBinary(head) {
		return false
	}
	b := bytes.TrimLeft(head, " \t\r\n")
	if len(b) == 0 {
		return false
	}
	if b[0] != '{' && b[0] != '[' || b[0] == '[' && len(b) > 1 && !bytes.ContainsRune([]byte(" \t\r\n{[]\""), rune(b[1])) {
		return !bytes.HasPrefix(b, []byte("<?xml")) && !bytes.HasPrefix(b, []byte("<!DOCTYPE"))
	}
	// A JSON document over several lines is not a log: sentences within it are not events. One object per line is.
	first, rest, more := bytes.Cut(b, []byte("\n"))
	if !more {
		return b[0] == '{'
	}
	return b[0] == '{' && json.Valid(bytes.TrimSpace(first)) || bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`{"`))
}

// lines reads an input line by line. Every line is offered to the formats in one fixed order, so that the result does not depend on
// what came before it: first the one that was recognised, then the others.
func (r *run) lines(ctx context.Context, src *record.Source, best format.Format, in *lines.Reader, t *tally) (known bool, err error) {
	src.Format = "text"
	head := cut.PlainHead(in.Head())
	if best != nil {
		src.Format = formatName(best, head)
	}
	var chain []format.LineFormat
	sequential := false
	if f, ok := best.(format.LineFormat); ok && !isLast(best) {
		chain = append(chain, f)
	}
	for _, f := range r.formats {
		lf, ok := f.(format.LineFormat)
		if !ok {
			continue
		}
		if s, ok := f.(format.Sequential); ok && s.Sequential() && lf.Sniff(head) > 0 {
			sequential = true
		}
		if f != best || isLast(f) {
			chain = append(chain, lf)
		}
	}
	for i, f := range chain {
		if h, ok := f.(format.Headed); ok {
			chain[i] = h.ForHead(head)
		}
	}
	workers := r.opts.Workers
	if sequential {
		workers = 1
	}
	var all []*dispatcher
	stats, err := lines.Scan(ctx, in, lines.Options{Workers: workers}, func() lines.Worker {
		d := newDispatcher(chain, src, t.Fork().(*tally))
		d.inOrder = sequential
		all = append(all, d)
		return d
	})
	if ctx.Err() != nil {
		return true, ctx.Err() // a worker may still be blocked: its sink is not touched any more
	}
	for _, d := range all {
		if e := d.finish(); e != nil && err == nil {
			err = e
		}
		d.flush()
		known = known || d.handled > 0
		if e := d.sink.Join(); e != nil && err == nil {
			err = e
		}
	}
	if err == nil && stats.TooLong > 0 {
		err = t.Warn(warning.LineTooLong(src, stats))
	}
	return known, err
}

// dispatcher offers lines to parsers, for one goroutine.
type dispatcher struct {
	chain   []format.LineFormat
	inOrder bool // this goroutine sees all lines of the input, in order
	src     *record.Source
	sink    *tally
	text    []format.LineParser // for lines of text
	picky   pickiness           // of text
	behind  []int               // those of text that are also offered what stands behind a header: requests
	json    []format.LineParser // for lines that hold a JSON object
	first   *jsonLine           // the first of json, where it is that
	next    format.NextParser   // the first of text, where it is that
	words   format.LineParser   // the one of text that looks for last words in any line
	chat    *lastWordsParser    // that one
	kept    []format.LineParser // by index of the chain: those that are made once
	used    bool                // lines were parsed
	stale   bool                // the parsers that are made anew for every chunk are of an older one
	ready   bool                // Prepare was called for the next chunk
	clock   stamp.Clock
	wrapped dockerLogLine
	file    *speaker // of Docker's log files
	named   []byte   // the container whose log the input is by its name
	journal journalSpeakers
	plain   []byte // the line without its colours
	handled int64

	messages                   messageReader // of the texts in Docker's log files
	unknown, malformed, binary missed
}

// missed counts lines that no parser took.
type missed struct {
	count   int64
	line    int64 // of the first
	example string
}

func (m *missed) see(lineNo int64, line []byte) {
	if m.count == 0 {
		m.line, m.example = lineNo, warning.Example(line)
	}
	m.count++
}

func newDispatcher(chain []format.LineFormat, src *record.Source, sink *tally) *dispatcher {
	d := &dispatcher{chain: chain, src: src, sink: sink, named: sink.file, picky: newPickiness(chain)}
	d.parsers()
	return d
}

// parsers makes the parsers of the chain. Those of requests are made once, because what they learn from one line is no part of what
// they make of another. The others are made anew for every chunk in which a line is offered to them, unless one goroutine sees them
// all: what they remember must not depend on which goroutine got the chunk before.
func (d *dispatcher) parsers() {
	d.stale = false
	old := d.kept
	d.kept, d.text, d.picky.formats, d.behind, d.json = nil, d.text[:0], d.picky.formats[:0], d.behind[:0], d.json[:0]
	for i, f := range d.chain {
		var p format.LineParser
		if i < len(old) {
			p = old[i]
		}
		if p == nil {
			p = f.NewParser(d.src)
		}
		var keep format.LineParser
		if isRequestFormat(f) {
			keep = p
		}
		d.kept = append(d.kept, keep)
		if _, ok := f.(format.TextOnly); !ok {
			d.json = append(d.json, p)
		}
		_, object := p.(*jsonLine)
		if _, ok := f.(format.ObjectsOnly); !ok && !object {
			if keep != nil {
				d.behind = append(d.behind, len(d.text))
			}
			d.text = append(d.text, p)
			d.picky.add(f, p)
		}
	}
	d.first, d.next, d.words, d.chat = nil, nil, nil, nil
	for _, p := range d.text {
		if w, ok := p.(*lastWordsParser); ok {
			d.words, d.chat = w, w
		}
	}
	if len(d.json) > 0 {
		d.first, _ = d.json[0].(*jsonLine)
	}
	if len(d.text) > 0 {
		d.next, _ = d.text[0].(format.NextParser)
	}
}

// reset forgets what the lines of another chunk said.
func (d *dispatcher) reset() {
	if !d.inOrder && d.used {
		d.stale = true
		for _, p := range d.kept {
			if p, ok := p.(format.Forgetful); ok {
				p.Forget()
			}
		}
		d.messages.Forget()
		d.sink.Forget()
	}
	d.used = true
}

// forget forgets what earlier lines said, where those to come are of another time.
func (d *dispatcher) forget() {
	for _, parsers := range [][]format.LineParser{d.text, d.json} {
		for _, p := range parsers {
			if p, ok := p.(format.Forgetful); ok {
				p.Forget()
			}
		}
	}
	d.messages.Forget()
	d.sink.Forget()
}

// Prepare implements lines.Preparer: it reads the lines before a chunk for what they leave in the parsers' memory, and for nothing
// else. So a dump that the end of a chunk cuts is understood as one within a chunk.
func (d *dispatcher) Prepare(first int64, before []byte) {
	if d.inOrder {
		return
	}
	d.reset()
	kept := *d
	d.sink = newTally(record.Discard{}, d.src, record.Query{})
	d.sink.file = kept.sink.file
	_ = d.each(first, before) // the sink has no errors
	seen := d.sink
	d.sink, d.handled, d.unknown, d.malformed, d.binary = kept.sink, kept.handled, kept.unknown, kept.malformed, kept.binary
	d.sink.seen, d.sink.seenMany = seen.seen, seen.seenMany
	d.sink.seenContainer = append(d.sink.seenContainer[:0], seen.seenContainer...)
	d.sink.seenInstance = append(d.sink.seenInstance[:0], seen.seenInstance...)
	d.ready = true
}

// Lines implements lines.Worker.
func (d *dispatcher) Lines(first int64, data []byte) error {
	if !d.ready {
		d.reset()
	}
	d.ready = false
	return d.each(first, data)
}

func (d *dispatcher) each(first int64, data []byte) error {
	for no := first; len(data) > 0; no++ {
		if d.first != nil && data[0] == '{' {
			n, ok, handled, err := d.first.parseNext(no, data, d.sink)
			if err != nil {
				return err
			}
			if ok && handled {
				d.handled++
				for n < len(data) && data[n] != '\n' { // at most a carriage return
					n++
				}
				data = data[min(n+1, len(data)):]
				continue
			}
		}
		if d.next != nil && data[0] != '{' {
			n, ok, err := d.next.ParseNext(no, data, d.sink)
			if err != nil {
				return err
			}
			if ok {
				d.handled++
				data = data[n:]
				continue
			}
		}
		var line []byte
		line, data = lines.Next(data)
		if len(line) == 0 {
			continue
		}
		if err := d.line(no, line); err != nil {
			return err
		}
	}
	return nil
}

func (d *dispatcher) line(no int64, line []byte) error {
	if d.stale {
		d.parsers()
	}
	d.begin()
	if line[0] != '{' && cut.IsColoured(line) {
		// As Docker Compose and stern colour the names of containers, and loggers their levels.
		if d.plain = cut.AppendPlain(d.plain[:0], line); len(d.plain) == 0 {
			return nil
		}
		line = d.plain
	}
	parsers := d.text
	isJSON := line[0] == '{'
	if line[0] == ' ' || line[0] == '\t' {
		if rest := bytes.TrimLeft(line, " \t"); len(rest) > 0 && rest[0] == '{' {
			line, isJSON = rest, true
		}
	}
	if isJSON {
		parsers = d.json
	}
	var said journalLine
	inJournal := false
	if !isJSON && mayBeJournal(line) {
		if said, inJournal = readJournal(line, &d.clock); inJournal {
			from := d.named
			if len(from) == 0 {
				from = d.journal.of(&said)
			}
			d.sink.within(said.time, from, nil)
		}
	}
	framed := !isJSON && line[len(line)-1] == '}' // perhaps
	var found pieces.Found
	if !isJSON {
		found = d.picky.in(line)
	}
	for i, p := range parsers {
		if !isJSON && !d.picky.may(i, found) {
			continue
		}
		if framed && p == d.words {
			// The object says who wrote its message; for the words alone that is whoever wrote before.
			framed = false
			if handled, err := d.framed(no, frame{}, line); handled || err != nil {
				return d.handles(handled, err)
			}
		}
		if handled, err := p.ParseLine(no, line, d.sink); handled || err != nil {
			return d.handles(handled, err)
		}
	}
	var handled bool
	var err error
	switch {
	case framed:
		handled, err = d.framed(no, frame{}, line)
	case isJSON:
		handled, err = d.docker(no, frame{}, line)
	}
	if !handled && err == nil && inJournal {
		handled, err = d.behindHeader(no, &said)
	}
	if handled || err != nil {
		return d.handles(handled, err)
	}
	return d.miss(no, line, isJSON)
}

// begin forgets the line before.
func (d *dispatcher) begin() {
	if d.chat != nil {
		d.chat.split = plainLine{}
	}
}

// behindHeader offers what a process said behind the header of journalctl or syslog to the formats of requests. Others know such headers.
func (d *dispatcher) behindHeader(no int64, l *journalLine) (handled bool, err error) {
	if len(l.text) == 0 {
		return true, nil
	}
	found := d.picky.in(l.text)
	for _, i := range d.behind {
		p := d.text[i]
		if !d.picky.may(i, found) {
			continue
		}
		if r, ok := p.(format.ReceivedParser); ok {
			handled, err = r.ParseAt(no, l.time, l.text, d.sink)
		} else {
			handled, err = p.ParseLine(no, l.text, d.sink)
		}
		if handled || err != nil {
			return handled, err
		}
	}
	return false, nil
}

// miss counts a line that no parser took.
func (d *dispatcher) miss(no int64, line []byte, isJSON bool) error {
	switch {
	case len(bytes.TrimSpace(line)) == 0:
	case cut.LooksBinary(line):
		d.binary.see(no, line)
	case isJSON && !json.Valid(line):
		d.malformed.see(no, line)
	default:
		d.unknown.see(no, line)
		if d.chat != nil {
			return d.chat.chatter(no, d.sink)
		}
	}
	return nil
}

// handles counts a line that was handled.
func (d *dispatcher) handles(handled bool, err error) error {
	if handled && err == nil {
		d.handled++
	}
	return err
}

// framed offers the JSON object within a line of text, which is around's where the text names nobody.
func (d *dispatcher) framed(no int64, around frame, line []byte) (bool, error) {
	fr, inner, ok := unframeJSON(line, &d.clock)
	if !ok {
		return false, nil
	}
	if len(fr.container) == 0 {
		fr.container = around.container
	}
	for _, p := range d.json {
		j, ok := p.(*jsonLine)
		if !ok {
			continue
		}
		if handled, err := j.parseFramed(no, fr, inner, d.sink); handled || err != nil {
			return handled, err
		}
	}
	return false, nil
}

// docker offers the text within a line of Docker's log files, which is around's.
func (d *dispatcher) docker(no int64, around frame, line []byte) (bool, error) {
	text, t, ok := d.wrapped.open(line, &d.clock)
	if !ok {
		return false, nil
	}
	if len(text) == 0 {
		return true, nil
	}
	if text[0] == '{' {
		for _, p := range d.json {
			if j, ok := p.(*jsonLine); ok {
				if handled, err := j.parseFramed(no, around, text, d.sink); handled || err != nil {
					return handled, err
				}
			}
		}
		return false, nil
	}
	d.sink.see(t, nil, nil)
	if file := d.sink.ContainerOfFile(); d.file == nil || !bytes.Equal(d.file.container, file) {
		d.file = newSpeaker(metrics.Labels{Container: string(file)})
	}
	return d.received(no, t, d.file, text)
}

// stored offers a line that a store of logs received at a time, 0 where it does not say, from a container.
func (d *dispatcher) stored(no int64, t record.Time, from *speaker, line []byte) error {
	d.begin()
	if line[0] != '{' && cut.IsColoured(line) {
		d.plain = cut.AppendPlain(d.plain[:0], line)
		line = d.plain
	}
	if rest := bytes.TrimLeft(line, " \t"); len(rest) == 0 {
		return nil
	} else if rest[0] == '{' {
		line = rest
	}
	isJSON := line[0] == '{'
	var handled bool
	var err error
	if isJSON {
		handled, err = d.storedObject(no, from, line)
	} else {
		handled, err = d.received(no, t, from, line)
	}
	if !handled && err == nil {
		err = d.miss(no, line, isJSON)
	}
	return d.handles(handled, err)
}

// storedObject offers an object that a container logged.
func (d *dispatcher) storedObject(no int64, from *speaker, line []byte) (bool, error) {
	for _, p := range d.json {
		var handled bool
		var err error
		if j, ok := p.(*jsonLine); ok {
			handled, err = j.parseFramed(no, from.frame, line, d.sink)
		} else {
			handled, err = p.ParseLine(no, line, d.sink)
		}
		if handled || err != nil {
			return handled, err
		}
	}
	return d.docker(no, from.frame, line)
}

// received offers a text of which what is around it tells when it was received, and perhaps from whom. One without a time of its own is a
// message first, because a message gets that time.
func (d *dispatcher) received(no int64, t record.Time, from *speaker, text []byte) (bool, error) {
	pos := record.Pos{Source: d.src, Line: no}
	who := &from.names
	_, timed := stamp.Read(text)
	if !timed && (messageMayMatter(text) || isUpperStart(text)) {
		if handled, err := d.messages.parse(pos, t, who.Container, who.Instance, who.Service, who.Host, who.Version, text, d.sink); handled || err != nil {
			if d.chat != nil {
				d.chat.sign = no // the rest of what is told of an end is its own
			}
			return handled, err
		}
	}
	framed := text[len(text)-1] == '}' // perhaps
	found := d.picky.in(text)
	for i, p := range d.text {
		if !d.picky.may(i, found) {
			continue
		}
		var handled bool
		var err error
		if framed && p == d.words {
			framed = false
			if handled, err := d.framed(no, from.frame, text); handled || err != nil {
				return handled, err
			}
		}
		if r, ok := p.(format.ReceivedParser); ok {
			handled, err = r.ParseAt(no, t, text, d.sink)
		} else {
			handled, err = p.ParseLine(no, text, d.sink)
		}
		if handled || err != nil {
			return handled, err
		}
	}
	if timed {
		if l, ok := readJournal(text, &d.clock); ok {
			if handled, err := d.behindHeader(no, &l); handled || err != nil {
				return handled, err
			}
		}
	}
	if timed && messageMayMatter(text) {
		return d.messages.parse(pos, t, who.Container, who.Instance, who.Service, who.Host, who.Version, text, d.sink)
	}
	return false, nil
}

// finish lets the parsers emit what they hold. Where several goroutines share an input none knows all of it, and what one got is chance.
func (d *dispatcher) finish() error {
	if !d.inOrder {
		return nil
	}
	for _, p := range d.text {
		if f, ok := p.(format.Finisher); ok {
			if err := f.Finish(d.sink); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush turns the counts into warnings.
func (d *dispatcher) flush() {
	for _, m := range []struct {
		missed
		code, text string
	}{
		{d.unknown, "unrecognised_lines", "lines that are neither requests nor signs of life or death, such as an application's own chatter; they are looked at only for what stands before deaths"},
		{d.malformed, "malformed_line", "lines that begin as JSON and are broken; they were left out"},
		{d.binary, "binary_line", "lines of binary rubbish; they were left out"},
	} {
		if m.count > 0 {
			_ = d.sink.Warn(&record.Warning{
				Code: m.code, Pos: record.Pos{Source: d.src, Line: m.line}, Count: m.count, Text: m.text, Example: m.example,
			})
		}
	}
}
