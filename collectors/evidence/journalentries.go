package evidence

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// journalEntries reads the journal as `journalctl -o json` prints it, and with -o json-pretty, json-seq and json-sse:
//
//	{"__REALTIME_TIMESTAMP":"1794836877859982","_HOSTNAME":"node-a","SYSLOG_IDENTIFIER":"api","_PID":"123","MESSAGE":"the line"}
//	{"__REALTIME_TIMESTAMP":"1794836877859982","CONTAINER_NAME":"web-1","CONTAINER_ID_FULL":"3f1c…","MESSAGE":"the line"}
//	{"__REALTIME_TIMESTAMP":"1794836877859982","SYSLOG_IDENTIFIER":"systemd","_PID":"1","UNIT":"shop.service","MESSAGE":"Started The shop."}
//
// Times are microseconds since 1970, as text. A message that is no UTF-8 is an array of its bytes, a long one null unless --all was given. What
// a process of the machine says is read behind the header with which `-o short-iso-precise` prints it, so that both tell the same; what a
// container says, as the line of that container. Sources: systemd, "Journal JSON Format"; systemd.journal-fields(7); Docker, "Journald
// logging driver".
type journalEntries struct{ logs []format.LineFormat }

func (journalEntries) Requests() {}

// Name implements Format.
func (journalEntries) Name() string { return "journald" }

// Sniff implements Format.
func (journalEntries) Sniff(head []byte) int {
	if !jsondoc.HasKey(head, "__REALTIME_TIMESTAMP", "") {
		return 0
	}
	head, _ = io.ReadAll(flatEntries(bytes.NewReader(head), head))
	return sureOfAll(format.SniffLines(head, func(line []byte) bool { return isJournal(journalObject(line)) }))
}

// flatEntries gives entries one a line, whose head is given. Those of json-seq have a control character before each.
func flatEntries(r io.Reader, head []byte) io.Reader {
	if bytes.HasPrefix(head, []byte("\x1e")) || !jsondoc.IsSpread(head) {
		return r
	}
	return jsondoc.NewFlattener(r)
}

// journalObject is a line without what json-seq and json-sse put before an object.
func journalObject(line []byte) []byte {
	line = bytes.TrimPrefix(line, []byte("\x1e"))
	return bytes.TrimSpace(bytes.TrimPrefix(line, []byte("data: ")))
}

// Parse implements WholeFormat.
func (f journalEntries) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &journalReader{log: newStoredLog(ctx, src, f.logs, sink)}
	stats, err := format.EachLine(ctx, r, p.entry)
	if err == nil {
		err = p.log.tooLong(stats)
	}
	return p.log.close(err)
}

type journalReader struct {
	log      *storedLog
	parser   fastjson.Parser
	last     record.Time // of an entry
	speakers speakers    // by machine, program and container
	text     []byte
	key      []byte
}

func (p *journalReader) entry(no int64, line []byte) error {
	if line = journalObject(line); len(line) == 0 {
		return nil
	}
	tell := func(why string) error {
		return warning.Tell(p.log.sink, p.log.pos(no), "malformed_line", why, messageField(line))
	}
	switch {
	case line[0] == '{' && len(line) > jsondoc.MaxParsed:
		return tell("an entry of the journal of more than 1 MiB was left out")
	case !isJournal(line): // such as what journalctl says besides
		return p.log.add(no, p.last, nil, line)
	}
	v, err := p.parser.ParseBytes(line)
	if err != nil {
		return tell("an entry of the journal that is broken JSON was left out")
	}
	micros, ok := jsondoc.Number(v.Get("__REALTIME_TIMESTAMP"))
	at, isTime := stamp.Epoch(micros)
	if !ok || !isTime {
		return tell("an entry of the journal without a usable time was left out")
	}
	p.last = at
	msg := journalMessage(v)
	if msg == nil {
		return warning.Tell(p.log.sink, p.log.pos(no), "no_message", "entries of the journal without their message, which journalctl leaves out where it is long; ask for them with --all",
			p.header(nil, at, journalWord(v, "_HOSTNAME"), journalWord(v, "SYSLOG_IDENTIFIER", "_COMM"), journalWord(v, "_PID", "SYSLOG_PID")))
	}
	return p.add(no, at, v, msg)
}

// messageField is the message in an entry that may be broken, as it stands there. The rest of an entry is not for reports: it has the command
// lines of processes, with the passwords that were given to them.
func messageField(line []byte) []byte {
	i := bytes.Index(line, []byte(`"MESSAGE"`))
	if i < 0 {
		return nil
	}
	line = line[i:]
	for _, end := range [...]string{`,"`, `, "`, `"_`} {
		if before, _, ok := bytes.Cut(line, []byte(end)); ok {
			line = before
		}
	}
	return line
}

// journalMessage is the message of an entry, nil where it has none. A field that was set more than once is an array of its values.
func journalMessage(v *fastjson.Value) []byte {
	m := v.Get("MESSAGE")
	msg := []byte{}
	switch {
	case m == nil:
		return msg
	case m.Type() == fastjson.TypeNull:
		return nil
	case m.Type() != fastjson.TypeArray:
		return append(msg, jsondoc.Text(m)...)
	}
	for _, b := range m.GetArray() {
		if b.Type() == fastjson.TypeString {
			return append(msg, b.GetStringBytes()...)
		}
		msg = append(msg, byte(b.GetInt()))
	}
	return msg
}

// add hands a message on as the line or the lines that it is.
func (p *journalReader) add(no int64, at record.Time, v *fastjson.Value, msg []byte) error {
	host, tag := journalWord(v, "_HOSTNAME"), journalWord(v, "SYSLOG_IDENTIFIER", "_COMM")
	pid := journalWord(v, "_PID", "SYSLOG_PID")
	container := jsondoc.Text(v.Get("CONTAINER_NAME"))
	instance := jsondoc.Text(jsondoc.FirstOf(v, "CONTAINER_ID_FULL", "CONTAINER_ID"))
	p.key = append(append(append(append(append(p.key[:0], host...), 0), tag...), 0), container...)
	p.key = append(append(p.key, 0), instance...)
	from := p.speakers.of(string(p.key), func() *speaker { return p.speaker(host, tag, container, instance) })
	if len(container) > 0 || len(host) == 0 || len(tag) == 0 {
		return p.log.add(no, at, from, msg)
	}
	if string(tag) == "systemd" && string(pid) == "1" {
		msg = withUnit(msg, v.GetStringBytes("UNIT"))
	}
	p.text = p.text[:0]
	for rest := msg; len(rest) > 0; {
		var line []byte
		if line, rest, _ = bytes.Cut(rest, []byte("\n")); len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		p.text = append(p.header(p.text, at, host, tag, pid), line...)
		p.text = append(p.text, '\n')
	}
	return p.log.add(no, at, from, p.text)
}

// header appends what journalctl prints before a message.
func (*journalReader) header(b []byte, at record.Time, host, tag, pid []byte) []byte {
	b = at.Std().AppendFormat(b, "2006-01-02T15:04:05.000000-07:00")
	b = append(append(append(append(b, ' '), host...), ' '), tag...)
	if len(pid) > 0 && string(tag) != "kernel" {
		b = append(append(append(b, '['), pid...), ']')
	}
	return append(b, ": "...)
}

// speaker is whose entries have these fields. Kubernetes' containers have names such as k8s_app_web-5d8f7b9c4-x2x9q_prod_<uid>_0 with Docker.
func (p *journalReader) speaker(host, tag, container, instance []byte) *speaker {
	names := metrics.Labels{Container: strings.TrimPrefix(string(container), "/"), Instance: string(instance), Host: string(host)}
	if parts := strings.Split(names.Container, "_"); len(parts) >= 5 && parts[0] == "k8s" {
		names.Container = containers.InPod(parts[2], parts[1])
	}
	if len(container) > 0 {
		return newSpeaker(names)
	}
	of := &speaker{container: p.log.file.container, names: metrics.Labels{Host: string(host)}}
	if len(of.container) == 0 {
		of.container = bytes.Clone(containerOfJournal(host, tag)) // the entry is not kept
	}
	of.names.Container = string(of.container)
	return of
}

// withUnit is what systemd says of a unit, with its name, which versions before 249 leave out where they give its description.
func withUnit(msg, unit []byte) []byte {
	if !isService(unit) || bytes.Contains(msg, unit) {
		return msg
	}
	for _, t := range unitTurns {
		if rest, ok := bytes.CutPrefix(msg, []byte(t.word)); ok {
			return append(append(append([]byte(t.word), unit...), " - "...), rest...)
		}
	}
	return msg
}

// journalWord is the first of the fields that an entry has, as a word.
func journalWord(v *fastjson.Value, fields ...string) []byte {
	b := jsondoc.Text(jsondoc.FirstOf(v, fields...))
	if word, rest := cut.Word(b); len(rest) > 0 {
		return word
	}
	return b
}
