package evidence

import (
	"bytes"
	"strings"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/kernel"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// journald reads `journalctl -o json`: the kernel's reports, and what containers print through Docker's journald driver or a systemd unit:
//
//	{"__REALTIME_TIMESTAMP":"1794836877859982","_HOSTNAME":"node-a","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"Memory cgroup out of memory: Killed process 123 (node) …"}
//	{"__REALTIME_TIMESTAMP":"1794836877859982","CONTAINER_NAME":"web-1","CONTAINER_ID_FULL":"3f1c…","MESSAGE":"FATAL ERROR: Reached heap limit …"}
//
// Source: systemd.journal-fields(7); Docker, "Journald logging driver".
type journald struct{}

// Name implements Format.
func (journald) Name() string { return "journald" }

// OnlyObjects implements format.ObjectsOnly.
func (journald) OnlyObjects() {}

// Sequential implements Sequential: the kernel's report spans entries.
func (journald) Sequential() bool { return true }

// Sniff implements Format.
func (journald) Sniff(head []byte) int { return format.SniffLines(head, isJournal) }

func isJournal(line []byte) bool {
	return len(line) > 2 && len(line) <= jsondoc.MaxParsed && line[0] == '{' && bytes.Contains(line, []byte(`"__REALTIME_TIMESTAMP"`))
}

// NewParser implements LineFormat.
func (journald) NewParser(src *record.Source) format.LineParser { return &journalParser{src: src} }

type journalParser struct {
	src      *record.Source
	parser   fastjson.Parser
	report   kernel.Report
	messages messageReader
}

// Forget implements format.Forgetful.
func (p *journalParser) Forget() {
	p.report = kernel.Report{}
	p.messages.words.Forget()
}

// ParseLine implements LineParser.
func (p *journalParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if !isJournal(line) {
		return false, nil
	}
	pos := record.Pos{Source: p.src, Line: lineNo}
	v, err := p.parser.ParseBytes(line)
	if err != nil {
		return true, warning.Tell(sink, pos, "malformed_line", "an entry of the journal that is broken JSON was left out", line)
	}
	micros, ok := jsondoc.Number(v.Get("__REALTIME_TIMESTAMP"))
	t, isTime := stamp.Epoch(micros)
	if !ok || !isTime {
		return true, warning.Tell(sink, pos, "malformed_line", "an entry of the journal without a usable time was left out", line)
	}
	msg := jsondoc.Text(v.Get("MESSAGE"))
	if bytesOf := v.GetArray("MESSAGE"); bytesOf != nil { // a message that is no UTF-8 comes as numbers
		for _, b := range bytesOf {
			msg = append(msg, byte(b.GetInt()))
		}
	}
	if len(msg) == 0 || msg[0] == '{' {
		return len(msg) == 0, nil
	}
	host := v.GetStringBytes("_HOSTNAME")
	if string(v.GetStringBytes("SYSLOG_IDENTIFIER")) == "kernel" || string(v.GetStringBytes("_TRANSPORT")) == "kernel" {
		o := origin.Origin{Pos: pos, Time: t, Host: host}
		_, err := p.report.Line(&o, msg, sink)
		return true, err
	}
	if !messageMayMatter(msg) {
		return true, nil
	}
	instance := jsondoc.Text(jsondoc.FirstOf(v, "CONTAINER_ID_FULL", "CONTAINER_ID"))
	service := strings.TrimSuffix(string(v.GetStringBytes("_SYSTEMD_UNIT")), ".service")
	container := string(v.GetStringBytes("CONTAINER_NAME"))
	if container == "" {
		instance = jsondoc.Text(v.Get("_PID"))
	} else {
		service = "" // The unit is the runtime's own.
	}
	_, err = p.messages.parse(pos, t, container, string(instance), service, string(host), "", msg, sink)
	return true, err
}
