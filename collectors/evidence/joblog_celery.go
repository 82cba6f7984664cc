package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/record"
)

// celeryLog reads the runs that Celery's workers log:
//
//	[2026-11-13 13:48:38,904: INFO/MainProcess] Task app.tasks.render_pdf[8ab8a70f-b9c6-48eb-a990-9e1c3b326797] received
//	[2026-11-13 13:48:39,873: INFO/ForkPoolWorker-2] Task app.tasks.render_pdf[8ab8a70f-b9c6-48eb-a990-9e1c3b326797] succeeded in 0.968150854s: None
//	[2026-11-13 13:48:39,873: ERROR/ForkPoolWorker-2] Task app.tasks.render_pdf[8ab8a70f-b9c6-48eb-a990-9e1c3b326797] raised unexpected: OSError()
//
// What is received waits until a worker is free: Celery does not log when a run begins, so it counts as open from when it was received
// on, whether it killed or not. The times are local and name no zone; that of whoever received the line is taken where there is one.
// Source: Celery celery/app/trace.py, celery/worker/strategy.py; celery/app/defaults.py, worker_log_format.
type celeryLog struct{ zone *time.Location }

func (celeryLog) Needs() []string { return []string{"]"} }
func (celeryLog) OnlyText()       {}
func (celeryLog) Name() string    { return "celery" }

func (f celeryLog) Sniff(head []byte) int {
	if !bytes.Contains(head, celeryTask) {
		return 0
	}
	return format.SniffParser(f, head)
}

func (f celeryLog) NewParser(src *record.Source) format.LineParser {
	return &celeryParser{newJobLog(src, f.zone)}
}

// celeryTask begins what Celery tells of a run, behind what its log format puts before.
var celeryTask = []byte("] Task ")

type celeryParser struct{ jobLog }

func (p *celeryParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser.
func (p *celeryParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	i := bytes.Index(line[:min(len(line), front.Max)], celeryTask)
	if i < 0 {
		return false, nil
	}
	task, tells := cut.Word(line[i+len(celeryTask):])
	name, id, ok := bytes.Cut(bytes.TrimSuffix(task, []byte("]")), []byte("["))
	if !ok || len(name) == 0 || len(id) == 0 || !bytes.HasSuffix(task, []byte("]")) {
		return false, nil
	}
	l := jobLine{name: name, id: id, before: front.Read(line[:i], &p.clock).Received(received)}
	switch {
	case bytes.HasPrefix(tells, []byte("received")):
	case bytes.HasPrefix(tells, []byte("succeeded in ")):
		took, _ := cut.Word(tells[len("succeeded in "):])
		if !bytes.HasSuffix(bytes.TrimSuffix(took, []byte(":")), []byte("s")) {
			return false, nil
		}
		l.ended = true // it did not take from when it was received on, which may be minutes more
	case bytes.HasPrefix(tells, []byte("raised ")), bytes.HasPrefix(tells, []byte("retry: ")), bytes.HasPrefix(tells, []byte("INTERNAL ERROR: ")):
		l.ended = true
	default:
		return false, nil
	}
	return true, p.emit(lineNo, l, line, sink)
}
