package evidence

import (
	"bytes"
	"context"
	"io"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/kernel"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// flyConsole reads what `fly logs` prints:
//
//	2026-11-20T09:00:00Z app[f1ebb097497e5a] cdg [info]the line
//	2026-11-20T09:00:00Z app[f1ebb097497e5a] cdg [info] INFO Main child exited with signal (with signal 'SIGKILL', core dumped? false)
//	2026-11-20T09:00:00Z runner[f1ebb097497e5a] cdg [info]machine exited with exit code 137, not requested by user, oom_killed=true
//
// The container is the machine; no line names the application. A message of several lines goes on without a time. Source: superfly/flyctl,
// internal/render/logs.go.
type flyConsole struct{ logs []format.LineFormat }

var _ format.WholeFormat = flyConsole{}

func (flyConsole) Requests() {}

// Name implements Format.
func (flyConsole) Name() string { return "fly-logs-text" }

// Sniff implements Format.
func (flyConsole) Sniff(head []byte) int {
	var clock stamp.Clock
	return sureOfAll(format.SniffLines(cut.PlainHead(head), func(line []byte) bool {
		_, ok := readFlyLine(line, &clock)
		return ok
	}))
}

// flyLine is a line of fly logs, taken apart.
type flyLine struct {
	at                         record.Time
	provider, machine, message []byte
}

// readFlyLine takes a line apart.
func readFlyLine(line []byte, c *stamp.Clock) (l flyLine, ok bool) {
	at, n, zoned, ok := c.Read(line)
	if !ok || !zoned || n >= len(line) || line[n] != ' ' {
		return l, false
	}
	who, rest := cut.Word(line[n+1:])
	open := bytes.IndexByte(who, '[')
	if open < 1 || !cut.HasSuffix(who, "]") || !isLowerWord(who[:open]) || len(who) < open+3 {
		return l, false
	}
	region, rest := cut.Word(rest)
	if len(region) != 3 || !isLowerWord(region) {
		return l, false
	}
	level, message, ok := bytes.Cut(rest, []byte("]"))
	if !ok || len(level) < 2 || level[0] != '[' || !isLowerWord(level[1:]) {
		return l, false
	}
	return flyLine{at, who[:open], who[open+1 : len(who)-1], message}, true
}

// isLowerWord reports whether a text is of lower letters alone.
func isLowerWord(b []byte) bool {
	for _, c := range b {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return len(b) > 0
}

// Parse implements WholeFormat.
func (f flyConsole) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &flyConsoleReader{log: newStoredLog(ctx, src, f.logs, sink)}
	stats, err := format.EachLine(ctx, r, p.line)
	if err == nil {
		err = p.log.tooLong(stats)
	}
	return p.log.close(err)
}

type flyConsoleReader struct {
	log      *storedLog
	clock    stamp.Clock
	plain    []byte
	speakers speakers // by machine

	last record.Time // of the last line that had one
	from *speaker    // who wrote it
}

func (p *flyConsoleReader) line(no int64, line []byte) error {
	if cut.IsColoured(line) { // as it is in a terminal
		p.plain = cut.AppendPlain(p.plain[:0], line)
		line = p.plain
	}
	l, ok := readFlyLine(line, &p.clock)
	if !ok {
		return p.log.add(no, p.last, p.from, line)
	}
	machine := string(l.machine)
	p.last = l.at
	p.from = p.speakers.of(machine, func() *speaker { return newSpeaker(metrics.Labels{Container: machine}) })
	o := origin.Origin{Pos: p.log.pos(no), Time: l.at, Container: []byte(p.from.names.Container)}
	if handled, err := flyMessage(&o, l.message, p.log.sink); handled || err != nil {
		return err
	}
	if string(l.provider) != "app" {
		return flyAround(&o, l.message, p.log.sink)
	}
	if text, ok := flyKernel(l.message); ok {
		return flyKilled(&o, text, p.log.sink)
	}
	return p.log.add(no, l.at, p.from, l.message)
}

// flyKernel recognises the kernel's report of a kill, behind its clock: "[ 5864.708444] Out of memory: Killed process 314 (node) …".
func flyKernel(message []byte) (text []byte, ok bool) {
	i := bytes.Index(message, []byte("Out of memory: Killed process "))
	if i <= 0 || message[0] != '[' {
		return nil, false
	}
	return message[i:], true
}

// flyKilled takes what the kernel of a machine says of the process that it killed. The kernel is the machine's own: other than on a node
// that many share, memory that ran out above the process is still its container's.
func flyKilled(o *origin.Origin, text []byte, sink record.Sink) error {
	c := o.Crash(record.CrashOOMKill, text)
	c.Exited, c.Signal, c.UsedBytes = true, "SIGKILL", kernel.RSSOfKilled(text)
	return sink.Crash(c)
}

// flyAround takes what Fly.io tells of a machine from the outside; the rest of it, such as what its proxy cannot do, is counted. The formats of
// logs are not asked: to them "is your app listening on 0.0.0.0:8080?" would be a start.
//
//	runner: machine exited with exit code 137, not requested by user, oom_killed=true
//	runner: Machine started in 1.04s
//	health: Health check 'servicecheck-00-http-8080' on port 8080 has failed. Your app is not responding properly.
func flyAround(o *origin.Origin, message []byte, sink record.Sink) error {
	text := bytes.TrimSpace(message)
	lower := lowerASCII(text)
	has := func(s string) bool { return bytes.Contains(lower, []byte(s)) }
	switch {
	case cut.HasPrefix(lower, "machine exited with exit code "):
		code, ok := number.IntAfter(lower, "exit code ")
		if !ok || code < 0 || code > 255 {
			return warning.Tell(sink, o.Pos, "malformed_line", "an end of a machine of Fly.io without a usable status was left out", text)
		}
		asked := has("requested by user") && !has("not requested by user") || has("requested_stop=true")
		switch {
		case has("oom_killed=true"):
			return sink.Crash(o.Exited(int(code), "OOMKilled", text))
		case asked:
			return sink.Lifecycle(o.Stopped(int(code), "requested by a user", text))
		}
		return flyEnd(o, int(code), text, sink)
	case cut.HasPrefix(lower, "machine started"):
		return sink.Lifecycle(o.Lifecycle(record.Up, "", text))
	case cut.HasPrefix(lower, "health check ") && (has("has failed") || has("is now failing")):
		return sink.Lifecycle(o.Lifecycle(record.HealthCheckFailed, "health check", text))
	}
	return warning.Tell(sink, o.Pos, "platform_lines", "what Fly.io says of machines, such as what its proxy could not reach, that is the end of none; it was passed over", text)
}
