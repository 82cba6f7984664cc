package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/kernel"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/record"
)

// messageReader reads the messages of structured logs (pino, Datadog) that are no requests: platform lines that travel as messages
// ("[system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 134", "heroku[web.1]: State changed from up to crashed"),
// the last words of runtimes, servers that say they listen. It keeps what a message does not repeat from an earlier one of the same
// container (the heap after the last collection), so a parser owns one. The zero value is ready; it is for one goroutine.
type messageReader struct {
	words lastWords
}

// parse handles a message written at t by a process whose names the log gives; names that are unknown are empty. handled says
// that the message was understood, not that it led to a record.
func (m *messageReader) parse(pos record.Pos, t record.Time, container, instance, service, host, version string, msg []byte, sink record.Sink) (handled bool, err error) {
	o := origin.Origin{
		Pos: pos, Time: t, Container: []byte(container), Instance: []byte(instance), Service: []byte(service), Host: []byte(host),
		Version: []byte(version),
	}
	if len(msg) > 0 && msg[0] == '[' {
		if handled, err = scalingoMessage(&o, msg, sink); handled || err != nil {
			return handled, err
		}
	}
	if handled, err = herokuMessage(&o, msg, &m.words, sink); handled || err != nil {
		return handled, err
	}
	if bytes.Contains(msg, []byte("illed process ")) || bytes.Contains(msg, []byte("oom-kill:")) {
		var k kernel.Report
		if handled, err = k.Line(&o, msg, sink); handled || err != nil {
			return handled, err
		}
	}
	return m.words.parse(&o, msg, sink)
}

// Forget drops what was remembered of earlier messages.
func (m *messageReader) Forget() { m.words.Forget() }

// parseMessage is messageReader.parse without a memory, for sources whose order is not that of time.
func parseMessage(pos record.Pos, t record.Time, container, instance, service, host, version string, msg []byte, sink record.Sink) (handled bool, err error) {
	var m messageReader
	return m.parse(pos, t, container, instance, service, host, version, msg, sink)
}

// messageMayMatter is the cheap test before parseMessage: false for nearly every message of a log, true for every one that
// parseMessage would understand. It allocates nothing.
func messageMayMatter(msg []byte) bool {
	if len(msg) < 6 {
		return false
	}
	switch msg[0] {
	case '[':
		if bytes.HasPrefix(msg, []byte("[system] ")) || bytes.HasPrefix(msg, []byte("[manager] ")) {
			return true
		}
	case 'h', 'a':
		if bytes.HasPrefix(msg, []byte("heroku[")) || bytes.HasPrefix(msg, []byte("app[")) {
			return true
		}
	}
	for {
		i := bytes.IndexByte(msg, '\n')
		if i < 0 {
			return lineMayMatter(msg)
		}
		if lineMayMatter(msg[:i]) {
			return true
		}
		msg = msg[i+1:]
	}
}
