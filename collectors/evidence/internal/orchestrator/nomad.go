package orchestrator

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// nomadAlloc reads what `nomad alloc status` prints, of one allocation or of several one after the other:
//
//	ID                  = a18b4d5d-1d7e-55ca-8ba5-4e0e5697e7be
//	Eval ID             = cc3bed6a
//	Job ID              = api
//	Task "server" is "running"
//	Recent Events:
//	Time                       Type              Description
//	2026-11-20T09:00:15Z       Started           Task started by client
//	2026-11-20T09:00:00Z       Restarting        Task restarting in 15.489967681s
//	2026-11-20T09:00:00Z       Terminated        Exit Code: 137, Exit Message: "OOM Killed"
//
// An allocation goes by the first eight digits of its id, as its directories and the names in proxies do, and its other tasks by that and
// their own name. The newest event comes first; Nomad keeps the last ten of a task. Source: Nomad command/alloc_status.go,
// nomad/structs/structs.go, TaskEvent.PopulateEventDisplayMessage.
type nomadAlloc struct{ zone *time.Location }

var _ format.WholeFormat = nomadAlloc{}

// Name implements Format.
func (nomadAlloc) Name() string { return "nomad-alloc-status" }

// Sniff implements Format.
func (nomadAlloc) Sniff(head []byte) int {
	var id, eval, events bool
	cut.FirstLines(cut.PlainHead(head), format.SniffedLines, func(line []byte) {
		key, _, ok := nomadField(line)
		id = id || ok && key == "ID"
		eval = eval || ok && key == "Eval ID"
		events = events || cut.HasPrefix(line, "Recent Events:")
	})
	if id && eval && events {
		return 95
	}
	return 0
}

// nomadField reads "Job ID              = api".
func nomadField(line []byte) (key string, value []byte, ok bool) {
	name, value, ok := bytes.Cut(line, []byte("= "))
	if !ok || len(name) < 3 || len(name) > 40 || name[len(name)-1] != ' ' {
		return "", nil, false
	}
	return string(bytes.TrimRight(name, " ")), bytes.TrimSpace(value), true
}

// maxNomadEvents bounds the events of one task that are held; Nomad keeps ten.
const maxNomadEvents = 10_000

// nomadEvent is a line of a table of events.
type nomadEvent struct {
	pos        record.Pos
	at         record.Time
	kind, text string
}

type nomadReader struct {
	src   *record.Source
	sink  record.Sink
	clock stamp.Clock
	plain []byte

	asked, id, job string // of the allocation: what the command was asked for, its id, its job
	main           string // the task that goes by the id alone
	task           string
	limit          int64 // of the memory of the task
	memory         int   // where the column of the memory begins in the next line; 0: it is no table of resources
	table          bool  // within a table of events
	events         []nomadEvent
}

// Parse implements WholeFormat.
func (f nomadAlloc) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &nomadReader{src: src, sink: sink, clock: stamp.Clock{Zone: f.zone}}
	stats, err := format.EachLine(ctx, r, p.line)
	if err == nil {
		err = p.flush()
	}
	if err == nil && stats.TooLong > 0 {
		err = sink.Warn(warning.LineTooLong(src, stats))
	}
	return err
}

func (p *nomadReader) line(no int64, line []byte) error {
	if cut.IsColoured(line) { // as it is in a terminal
		p.plain = cut.AppendPlain(p.plain[:0], line)
		line = p.plain
	}
	if p.memory > 0 {
		p.limit, p.memory = nomadLimit(line, p.memory), 0
		return nil
	}
	if asked, ok := nomadAsked(line); ok {
		err := p.flush()
		p.asked, p.id, p.job, p.main, p.task = asked, "", "", "", ""
		return err
	}
	if key, value, ok := nomadField(line); ok {
		return p.field(key, string(value))
	}
	switch {
	case cut.HasPrefix(line, `Task "`):
		err := p.flush()
		p.begin(string(cut.Between(line, `Task "`, `"`)), bytes.Contains(line, []byte(`" (`)))
		return err
	case cut.HasPrefix(line, "CPU ") && bytes.Contains(line, []byte("Memory ")):
		p.memory = bytes.Index(line, []byte("Memory "))
	case cut.HasPrefix(line, "Recent Events:"):
		p.table = true
	case p.table && !cut.HasPrefix(line, "Time "):
		return p.event(no, line)
	}
	return nil
}

// nomadAsked reads the allocation that a line with the command asks for.
func nomadAsked(line []byte) (string, bool) {
	for _, command := range []string{"nomad alloc status", "nomad alloc-status"} {
		if i := bytes.Index(line, []byte(command+" ")); i >= 0 {
			words := bytes.Fields(line[i+len(command):])
			for _, w := range slices.Backward(words) {
				if len(w) >= 8 && containers.IsID(bytes.ReplaceAll(w, []byte("-"), nil)) {
					return string(w[:8]), true
				}
			}
			return "", true
		}
	}
	return "", false
}

// field takes what is told of the allocation.
func (p *nomadReader) field(key, value string) error {
	switch key {
	case "ID":
		err := p.flush()
		if p.id != "" { // another one, without the command before it
			p.asked = ""
		}
		p.id, p.job, p.main, p.task = value, "", "", ""
		return err
	case "Job ID":
		p.job = value
	}
	return nil
}

// begin takes the beginning of what is told of a task; companion says that it runs before, after or beside the main ones.
func (p *nomadReader) begin(task string, companion bool) {
	p.task = task
	if p.main == "" && !companion && !record.IsSidecar(task) {
		p.main = task
	}
}

// nomadLimit reads "512 MiB" of "0/100 MHz  151 MiB/512 MiB  300 MiB", at a column; 0 where there is none.
func nomadLimit(line []byte, column int) int64 {
	if column >= len(line) {
		return 0
	}
	cell, _, _ := bytes.Cut(line[column:], []byte("  "))
	if _, limit, ok := bytes.Cut(cell, []byte("/")); ok {
		cell = limit
	}
	n, _, ok := number.Size(cell)
	if !ok {
		return 0
	}
	return n
}

// event takes a line of a table of events.
func (p *nomadReader) event(no int64, line []byte) error {
	pos := record.Pos{Source: p.src, Line: no}
	at, n, zoned, ok := p.clock.Read(line)
	kind, text, columns := bytes.Cut(bytes.TrimLeft(line[min(n, len(line)):], " "), []byte("  "))
	if !ok || len(kind) == 0 || !columns && len(kind) == len(line) {
		return warning.Tell(p.sink, pos, "malformed_line", "an event of Nomad without a usable time was left out", line)
	}
	if !zoned {
		if err := warning.TellZone(p.sink, pos, p.clock.Zone, line[:n]); err != nil {
			return err
		}
	}
	if len(p.events) == maxNomadEvents {
		if err := p.tell(); err != nil {
			return err
		}
	}
	p.events = append(p.events, nomadEvent{pos, at, origin.Quote(bytes.TrimSpace(kind)), origin.Quote(bytes.TrimSpace(text))})
	return nil
}

// flush ends what is told of a task.
func (p *nomadReader) flush() error {
	err := p.tell()
	p.table, p.limit, p.memory = false, 0, 0
	return err
}

// short is the id of the allocation as others write it.
func (p *nomadReader) short() string { return p.id[:min(8, len(p.id))] }

// container is the name of the task.
func (p *nomadReader) container() string {
	name := p.asked
	if name == "" || strings.HasPrefix(p.id, name) {
		name = p.short()
	}
	if name != "" && p.task != "" && p.task != p.main {
		name += "/" + p.task
	}
	return name
}

// tell makes the records of the events of a task, oldest first: what was asked of it before it ended decides what its end was.
func (p *nomadReader) tell() error {
	if len(p.events) == 0 {
		return nil
	}
	slices.Reverse(p.events)
	slices.SortStableFunc(p.events, func(a, b nomadEvent) int { return cmp.Compare(a.at, b.at) })
	life := nomadLife{sink: p.sink, limit: p.limit}
	for i := range p.events {
		e := &p.events[i]
		o := origin.Origin{Pos: e.pos, Time: e.at, Container: []byte(p.container()), Instance: []byte(p.short()), Service: []byte(p.job)}
		if err := life.event(&o, e); err != nil {
			return err
		}
	}
	p.events = p.events[:0]
	return nil
}

// nomadLife follows a task through its events.
type nomadLife struct {
	sink      record.Sink
	limit     int64
	asked     bool // to end
	unhealthy bool // that is why
	ended     bool // since it was started
}

func (l *nomadLife) event(o *origin.Origin, e *nomadEvent) error {
	text := []byte(e.kind + ": " + e.text)
	switch e.kind {
	case "Started":
		l.asked, l.unhealthy, l.ended = false, false, false
		return kubernetesUp(o, e.at, l.limit, l.sink)
	case "Terminated":
		l.ended = true
		return l.end(o, e, text)
	case "Killing", "Restart Signaled":
		l.asked = true
		l.unhealthy = l.unhealthy || strings.Contains(e.text, "healthcheck") || strings.Contains(e.text, "unhealthy")
		return l.sink.Lifecycle(o.Lifecycle(record.Stopping, e.text, text))
	case "Killed":
		if l.ended {
			return nil
		}
		l.ended = true
		return l.sink.Lifecycle(o.Stopped(-1, e.text, text))
	case "Restarting":
		if l.ended { // Nomad does so after any end: it was not asked for
			return l.sink.Lifecycle(o.Lifecycle(record.LifecycleOther, e.kind, text))
		}
		return l.sink.Lifecycle(o.Lifecycle(record.Restarting, e.text, text))
	case "Received", "Task Setup", "Driver", "Downloading Artifacts":
		return l.sink.Lifecycle(o.Lifecycle(record.Starting, e.kind, text))
	}
	return l.sink.Lifecycle(o.Lifecycle(record.LifecycleOther, e.kind, text))
}

// end takes `Exit Code: 137, Exit Message: "OOM Killed"` and "Exit Code: 0, Signal: 15".
func (l *nomadLife) end(o *origin.Origin, e *nomadEvent, text []byte) error {
	code := -1
	if n, ok := number.IntAfter(text, "Exit Code: "); ok && n >= 0 && n <= 255 {
		code = int(n)
	}
	if n, ok := number.IntAfter(text, "Signal: "); ok && n > 0 && n < 64 && code <= 0 {
		code = 128 + int(n)
	}
	switch {
	case strings.Contains(e.text, "OOM Killed"):
		c := o.Exited(code, "OOMKilled", text)
		c.LimitBytes = l.limit
		return l.sink.Crash(c)
	case l.unhealthy:
		return l.sink.Crash(o.Exited(code, "failed health checks", text))
	case l.asked, origin.PlannedStatus(code):
		return l.sink.Lifecycle(o.Stopped(code, "", text))
	}
	c := o.Exited(code, "", text)
	c.LimitBytes = l.limit
	return l.sink.Crash(c)
}
