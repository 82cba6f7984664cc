package evidence

import (
	"time"

	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// jobLog makes Jobs of the lines with which a queue's worker tells of its runs. A run is told once, by its end: a line at its beginning is
// known and makes none. It is for one goroutine.
type jobLog struct {
	clock stamp.Clock
	job   record.Job
	names map[string]string // one string for the many lines that bear it
}

func newJobLog(src *record.Source, zone *time.Location) jobLog {
	return jobLog{clock: stamp.Clock{Zone: zone}, job: record.Job{Pos: record.Pos{Source: src}}, names: map[string]string{}}
}

// jobLine is what a line tells of a run.
type jobLine struct {
	before front
	name   []byte
	pid    []byte
	ended  bool
	took   time.Duration // 0: unknown
}

// emit passes on the run of a line. The times of lines that others write between are told by these as well.
func (p *jobLog) emit(lineNo int64, l jobLine, line []byte, sink record.Sink) error {
	pos := record.Pos{Source: p.job.Pos.Source, Line: lineNo}
	container := l.before.container
	if s, ok := sink.(*tally); ok {
		s.see(l.before.time, container, l.pid)
		if len(container) == 0 {
			container = s.containerOfFile()
		}
	}
	if !l.ended {
		return nil
	}
	t := l.before.time
	if t == 0 {
		return warning.Tell(sink, pos, "no_time", "ends of background jobs without a time; they were left out: save the log with its timestamps", line)
	}
	if !l.before.zoned {
		if err := warning.Tell(sink, pos, "no_timezone", warning.NoTimezone, line); err != nil {
			return err
		}
	}
	p.job = record.Job{Pos: pos, Name: p.intern(l.name), Start: t.Add(-l.took), End: t, Container: p.intern(container), Instance: p.intern(l.pid)}
	return sink.Job(&p.job)
}

// intern is the string of a name, cut to what may be quoted.
func (p *jobLog) intern(b []byte) string {
	if s, ok := p.names[string(b)]; ok || len(b) == 0 {
		return s
	}
	s := origin.Quote(b)
	if len(p.names) < maxRemembered {
		p.names[string(b)] = s
	}
	return s
}
