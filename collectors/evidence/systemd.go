package evidence

import (
	"bytes"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// systemdLog reads what systemd says of the services of a machine, in the lines of journalctl and syslog:
//
//	2026-11-20T08:00:00+0000 node-a systemd[1]: shop.service: Main process exited, code=dumped, status=6/ABRT
//	2026-11-20T08:00:00+0000 node-a systemd[1]: shop.service: Failed with result 'core-dump'.
//	2026-11-20T08:00:01+0000 node-a systemd[1]: shop.service: Scheduled restart job, restart counter is at 1.
//	2026-11-20T08:00:01+0000 node-a systemd[1]: Started shop.service - The shop.
//
// The container is the machine, the service the unit. What a machine runs besides (see isSystemUnit) is no service, and
// what gives up by itself before it is started, and is not started again, as the units of timers do and what is configured wrongly, does not
// die. Source: systemd, src/core/service.c (service_sigchld_event, service_enter_dead,
// service_enter_restart), src/core/job.c (job_done_message), src/core/unit.c (unit_log_failure).
type systemdLog struct {
	zone *time.Location // of times that name none; nil is UTC
}

// Name implements Format.
func (systemdLog) Name() string { return "systemd" }

// Sequential implements Sequential: a unit that was asked to stop ends as it should.
func (systemdLog) Sequential() bool { return true }

// OnlyText spares the format lines that are JSON objects.
func (systemdLog) OnlyText() {}

// Needs implements format.Picky.
func (systemdLog) Needs() []string { return []string{"["} }

// Sniff implements Format.
func (f systemdLog) Sniff(head []byte) int {
	if !bytes.Contains(head, systemdTag) {
		return 0
	}
	return format.SniffLines(head, func(line []byte) bool { return bytes.Contains(line[:min(len(line), maxJournalHeader)], systemdTag) })
}

var systemdTag = []byte(" systemd[1]: ")

// NewParser implements LineFormat.
func (f systemdLog) NewParser(src *record.Source) format.LineParser {
	return &systemdParser{src: src, clock: stamp.Clock{Zone: f.zone}}
}

type systemdParser struct {
	src   *record.Source
	clock stamp.Clock
	year  func(month, day int) int
	units map[string]unitMemory // by machine and unit
}

// unitMemory is what was said of a unit before.
type unitMemory struct {
	state     unitState
	restarted bool      // by systemd, since it was last stopped by somebody
	gaveUp    *unitExit // before it was started, and not told yet
}

// unitExit is an end that is one of a service only if systemd tries again.
type unitExit struct {
	pos  record.Pos
	time record.Time
	code int
	text []byte
}

// unitState is where a unit is between two states.
type unitState uint8

const (
	unitStarting unitState = iota + 1
	unitStopping
	unitShortOfMemory // one of its processes was killed, for which systemd may stop the others
	unitRefused       // it was started too often
)

// maxUnits bounds the units that are remembered.
const maxUnits = 1000

// Forget implements format.Forgetful.
func (p *systemdParser) Forget() { clear(p.units) }

// ParseLine implements LineParser.
func (p *systemdParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if !bytes.Contains(line[:min(len(line), maxJournalHeader)], systemdTag) {
		return false, nil
	}
	l, ok := readJournal(line, &p.clock)
	if !ok || string(l.tag) != "systemd" || string(l.pid) != "1" {
		return false, nil
	}
	e, ok := readUnitEvent(l.text)
	if !ok || isSystemUnit(e.unit) {
		return true, nil // it is understood, and says nothing of a service
	}
	t, noYear, err := p.time(lineNo, line, sink)
	if err != nil {
		return true, err
	}
	o := origin.Origin{
		Pos: record.Pos{Source: p.src, Line: lineNo}, Time: t, Container: l.host, Host: l.host, Service: []byte(strings.TrimSuffix(e.unit, ".service")),
	}
	if told, err := p.tell(&o, &e, l.text, sink); err != nil || !told || !noYear || t == 0 {
		return true, err
	}
	return true, warning.Tell(sink, o.Pos, "no_year", warning.NoYear, line)
}

// time is that of a line whose header was read.
func (p *systemdParser) time(lineNo int64, line []byte, sink record.Sink) (t record.Time, noYear bool, err error) {
	line = header.TrimPriority(line)
	if t, _, zoned, ok := p.clock.Read(line); ok {
		if !zoned {
			err = warning.TellZone(sink, record.Pos{Source: p.src, Line: lineNo}, p.clock.Zone, line)
		}
		return t, false, err
	}
	if p.year == nil {
		p.year = yearsOf(p.src)
	}
	st, _ := stamp.ReadSyslog(line, p.year)
	if st.Time != 0 {
		err = warning.TellZone(sink, record.Pos{Source: p.src, Line: lineNo}, p.clock.Zone, line)
	}
	return p.clock.Local(st.Time), true, err
}

// tell makes a record of what became of a unit, and remembers what it is on its way to.
func (p *systemdParser) tell(o *origin.Origin, e *unitEvent, text []byte, sink record.Sink) (told bool, err error) {
	key := string(o.Host) + "\x00" + e.unit
	before := p.units[key]
	state := before.state
	p.remember(key, before.after(e.what))
	switch e.what {
	case unitIsStarting, unitIsThrough, unitIsDone, unitIsRefused:
		return false, nil
	case unitIsRestarting:
		if before.gaveUp == nil {
			return false, nil
		}
		o.Pos, o.Time = before.gaveUp.pos, before.gaveUp.time
		return true, sink.Crash(o.Exited(before.gaveUp.code, "", before.gaveUp.text))
	}
	if o.Time == 0 {
		return true, warning.Tell(sink, o.Pos, "no_time", warning.NoTime, text)
	}
	switch e.what {
	case unitIsStopping:
		return true, sink.Lifecycle(o.Lifecycle(record.Stopping, "stopped by systemd", text))
	case unitHasStarted:
		return true, sink.Lifecycle(o.Lifecycle(record.Up, "started by systemd", text))
	case unitHasStopped:
		if state != unitStopping {
			return false, nil // what ended by itself; older versions say this before they start it again
		}
		return true, sink.Lifecycle(o.Stopped(-1, "stopped by systemd", text))
	case unitExited:
		switch planned := origin.PlannedStatus(e.code); {
		case state == unitStopping || planned && (state == unitStarting || state == unitShortOfMemory):
			return false, nil // as it was asked to, of which another line tells
		case state == unitStarting && !e.killed && !before.restarted:
			before.gaveUp = &unitExit{pos: o.Pos, time: o.Time, code: e.code, text: bytes.Clone(text)}
			p.remember(key, before)
			return false, nil
		case planned:
			return true, sink.Lifecycle(o.Stopped(e.code, "", text))
		}
		return true, sink.Crash(o.Exited(e.code, "", text))
	case unitKilledForMemory:
		if state == 0 {
			before.state = unitShortOfMemory
			p.remember(key, before)
		}
		return true, sink.Crash(o.Crash(record.CrashOOMKill, text))
	case unitFailed:
		if state == unitShortOfMemory || state == unitRefused {
			before.state = 0
			p.remember(key, before)
		}
		if state == unitRefused || e.result != "oom-kill" && e.result != "watchdog" {
			return false, nil // the line before told how, or it is said once more of an end before
		}
		kind := record.CrashOOMKill
		if e.result == "watchdog" {
			kind = record.CrashHealthCheck
		}
		c := o.Crash(kind, text)
		c.Exited = true
		return true, sink.Crash(c)
	}
	return false, nil
}

// after is what is remembered of a unit when it takes a turn.
func (m unitMemory) after(what unitTurn) unitMemory {
	switch what {
	case unitIsStarting:
		m.state, m.gaveUp = unitStarting, nil
	case unitIsStopping:
		return unitMemory{state: unitStopping}
	case unitIsRestarting:
		m.state, m.restarted, m.gaveUp = 0, true, nil
	case unitIsRefused:
		m.state, m.gaveUp = unitRefused, nil
	case unitIsThrough:
		m.state = 0 // it may be tried again
	case unitHasStarted, unitHasStopped:
		m.state, m.gaveUp = 0, nil
	case unitIsDone:
		return unitMemory{}
	}
	return m
}

func (p *systemdParser) remember(key string, m unitMemory) {
	if m == (unitMemory{}) {
		delete(p.units, key)
		return
	}
	if p.units == nil {
		p.units = map[string]unitMemory{}
	}
	if _, known := p.units[key]; known || len(p.units) < maxUnits {
		p.units[key] = m
	}
}

// unitEvent is what a line says of a unit.
type unitEvent struct {
	unit   string
	what   unitTurn
	code   int    // of unitExited, 128 and more for signals
	killed bool   // of unitExited, by a signal
	result string // of unitFailed
}

type unitTurn uint8

const (
	unitIsStarting unitTurn = iota + 1
	unitHasStarted
	unitIsStopping
	unitHasStopped
	unitIsDone       // with what it was started for
	unitIsThrough    // with a start that came to nothing
	unitIsRestarting // by itself
	unitIsRefused    // as it was started too often
	unitExited
	unitKilledForMemory
	unitFailed
)

// unitTurns are the words that begin what systemd says of a unit as it starts and stops it.
var unitTurns = [...]struct {
	word string
	what unitTurn
}{
	{"Starting ", unitIsStarting},
	{"Started ", unitHasStarted},
	{"Stopping ", unitIsStopping},
	{"Stopped ", unitHasStopped},
	{"Finished ", unitIsDone},
	{"Failed to start ", unitIsThrough},
}

// readUnitEvent reads what systemd says; false where it is about no service, or does not name it, as before version 249.
func readUnitEvent(text []byte) (e unitEvent, ok bool) {
	for _, t := range unitTurns {
		if rest, ok := bytes.CutPrefix(text, []byte(t.word)); ok {
			unit, rest := cut.Word(rest)
			if len(rest) == 0 {
				unit = bytes.TrimRight(unit, ".")
			}
			return unitEvent{unit: string(unit), what: t.what}, isService(unit)
		}
	}
	unit, rest, ok := bytes.Cut(text, []byte(": "))
	if !ok || !isService(unit) {
		return e, false
	}
	e.unit = string(unit)
	switch {
	case cut.HasPrefix(rest, "Main process exited, code="), cut.HasPrefix(rest, "main process exited, code="):
		e.what = unitExited
		e.code, ok = mainProcessStatus(rest)
		e.killed = !bytes.Contains(rest, exitedByItself)
	case cut.HasPrefix(rest, "Failed with result '"):
		e.what, e.result = unitFailed, string(cut.Between(rest, "'", "'"))
	case cut.HasPrefix(rest, "A process of this unit has been killed by the OOM killer"):
		e.what = unitKilledForMemory
	case cut.HasPrefix(rest, "Scheduled restart job"), cut.HasPrefix(rest, "Service hold-off time over, scheduling restart"):
		e.what = unitIsRestarting
	case cut.HasPrefix(rest, "Start request repeated too quickly"):
		e.what = unitIsRefused
	default:
		ok = false
	}
	return e, ok
}

func isService(unit []byte) bool {
	return cut.HasSuffix(unit, ".service") && bytes.IndexByte(unit, ' ') < 0
}

var exitedByItself = []byte("code=exited")

// mainProcessStatus reads "code=exited, status=1/FAILURE", "code=killed, status=9/KILL" and "code=dumped, status=6/ABRT" as the statuses
// that shells give them.
func mainProcessStatus(b []byte) (int, bool) {
	v, ok := number.IntAfter(b, "status=")
	if !ok || v < 0 || v > 255 {
		return 0, false
	}
	if !bytes.Contains(b, exitedByItself) {
		v += 128
	}
	return int(v), true
}
