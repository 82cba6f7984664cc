package evidence

import (
	"time"

	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// jobLog makes requests of the lines with which a queue's worker tells of its runs: a worker serves runs as a web server serves requests, one
// process several at a time, and one of them may take it down. The runs of a timer inside a web server are Jobs (see jobReader).
// It is for one goroutine.
type jobLog struct {
	clock stamp.Clock
	req   record.Request
}

func newJobLog(src *record.Source, zone *time.Location) jobLog {
	return jobLog{
		clock: stamp.Clock{Zone: zone},
		req:   record.Request{Pos: record.Pos{Source: src}, Layer: record.LayerApp, Method: []byte(record.MethodJob)},
	}
}

// jobLine is what a line tells of a run.
type jobLine struct {
	before   front.Front
	name, id []byte
	pid      []byte
	ended    bool
	took     time.Duration // 0: unknown
}

// emit passes on what a line tells of a run.
func (p *jobLog) emit(lineNo int64, l jobLine, line []byte, sink record.Sink) error {
	pos := record.Pos{Source: p.req.Pos.Source, Line: lineNo}
	container, t := l.before.Container, l.before.Time
	if s, ok := sink.(*tally); ok {
		s.see(t, container, l.pid)
		if len(container) == 0 {
			container = s.ContainerOfFile()
		}
	}
	if t == 0 {
		return warning.Tell(sink, pos, "no_time", "lines of background jobs without a time; they were left out: save the log with its timestamps", line)
	}
	if !l.before.Zoned {
		if err := warning.Tell(sink, pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return err
		}
	}
	r := &p.req
	r.Pos.Line, r.Start, r.End, r.Route, r.ID, r.Container, r.Instance = lineNo, t, t, l.name, l.id, container, l.pid
	r.Phase = record.Started
	if l.ended {
		r.Phase, r.Start = record.Completed, t.Add(-l.took)
	}
	return sink.Request(r)
}
