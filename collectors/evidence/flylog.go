package evidence

import (
	"bytes"
	"context"
	"io"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// flyLog reads what Fly.io's log shipper and its NATS stream give, an object a line:
//
//	{"event":{"provider":"app"},"fly":{"app":{"instance":"f1ebb097497e5a","name":"shop"},"region":"cdg"},"host":"a1b2","log":{"level":"info"},
//	 "message":"the line","timestamp":"2026-11-20T09:00:00.123456789Z"}
//
// and the entries that `fly logs --json` prints:
//
//	{"level":"info","instance":"f1ebb097497e5a","message":"the line","region":"cdg","timestamp":"2026-11-20T09:00:00Z","meta":{"Event":{"Provider":"app"},…}}
//
// The container is the machine. What its init says of its end stands in such lines as well, and what Fly.io says from around the machine, which
// init cannot where the machine ends as a whole. Source: superfly/fly-log-shipper, README;
// superfly/flyctl, logs/entry.go; superfly/init-snapshot, src/bin/init.
type flyLog struct{ logs []format.LineFormat }

func (flyLog) Requests() {}

// Name implements Format.
func (flyLog) Name() string { return "fly-logs" }

// Sniff implements Format.
func (flyLog) Sniff(head []byte) int {
	if !jsondoc.HasKey(head, "fly", "{") && !(jsondoc.HasKey(head, "instance", `"`) && jsondoc.HasKey(head, "meta", "{")) {
		return 0
	}
	if jsondoc.IsSpread(head) {
		head, _ = io.ReadAll(jsondoc.NewFlattener(bytes.NewReader(head)))
	}
	return sureOfAll(format.SniffLines(head, isFlyLine))
}

// isFlyLine is the cheap test.
func isFlyLine(line []byte) bool {
	has := func(key string) bool { return bytes.Contains(line, []byte(key)) }
	return len(line) > 2 && line[0] == '{' && has(`"message"`) && has(`"timestamp"`) && (has(`"fly"`) || has(`"instance"`) && has(`"region"`) && has(`"meta"`))
}

// flyNames are the application, the machine and who speaks of it: the application itself ("app") or what runs the machine.
func flyNames(v *fastjson.Value) (app, machine, provider string) {
	if v.Get("fly") != nil {
		return string(v.GetStringBytes("fly", "app", "name")), string(v.GetStringBytes("fly", "app", "instance")), string(v.GetStringBytes("event", "provider"))
	}
	return "", string(v.GetStringBytes("instance")), string(jsondoc.Text(jsondoc.FirstOf(jsondoc.FirstOf(v.Get("meta"), "Event", "event"), "Provider", "provider")))
}

// Parse implements WholeFormat.
func (f flyLog) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &flyReader{log: newStoredLog(ctx, src, f.logs, sink)}
	stats, err := format.EachLine(ctx, r, p.line)
	if err == nil {
		err = p.log.tooLong(stats)
	}
	return p.log.close(err)
}

type flyReader struct {
	log      *storedLog
	parser   fastjson.Parser
	last     record.Time
	speakers speakers // by application and machine
}

func (p *flyReader) line(no int64, line []byte) error {
	tell := func(why string) error {
		return warning.Tell(p.log.sink, p.log.pos(no), "malformed_line", why, line)
	}
	switch {
	case line[0] == '{' && len(line) > jsondoc.MaxParsed:
		return tell("a line of Fly.io's log of more than 1 MiB was left out")
	case !isFlyLine(line):
		return p.log.add(no, p.last, nil, line)
	}
	v, err := p.parser.ParseBytes(line)
	if err != nil {
		return tell("a line of Fly.io's log that is broken JSON was left out")
	}
	at, _, ok := stamp.Parse(v.GetStringBytes("timestamp"))
	if !ok {
		return tell("a line of Fly.io's log without a usable time was left out")
	}
	p.last = at
	app, machine, provider := flyNames(v)
	from := p.speakers.of(app+"\x00"+machine, func() *speaker {
		names := metrics.Labels{Container: machine, Service: app}
		if machine == "" {
			names.Container = p.log.file.names.Container
		}
		return newSpeaker(names)
	})
	msg := v.GetStringBytes("message")
	o := origin.Origin{Pos: p.log.pos(no), Time: at, Container: []byte(from.names.Container), Service: []byte(app)}
	if handled, err := flyMessage(&o, msg, p.log.sink); handled || err != nil {
		return err
	}
	if provider != "" && provider != "app" {
		return flyAround(&o, msg, p.log.sink)
	}
	if text, ok := flyKernel(msg); ok {
		return flyKilled(&o, text, p.log.sink)
	}
	return p.log.add(no, at, from, msg)
}

// flySignals are the signals that init names.
var flySignals = [...]struct {
	name   string
	number int
}{{"SIGHUP", 1}, {"SIGINT", 2}, {"SIGILL", 4}, {"SIGABRT", 6}, {"SIGBUS", 7}, {"SIGFPE", 8}, {"SIGKILL", 9}, {"SIGSEGV", 11}, {"SIGTERM", 15}}

// flyMessage takes what the init of a machine says of the process that it runs:
//
//	INFO Main child exited with signal (with signal 'SIGKILL', core dumped? false)
//	INFO Main child exited normally with code: 1
//	INFO Process appears to have been OOM killed!
//	INFO Sending signal SIGINT to main child process w/ PID 314
//	INFO Starting init (commit: 693c179a)...
func flyMessage(o *origin.Origin, msg []byte, sink record.Sink) (bool, error) {
	text, ok := bytes.CutPrefix(bytes.TrimLeft(msg, " "), []byte("INFO "))
	if !ok {
		return false, nil
	}
	switch {
	case cut.HasPrefix(text, "Main child exited with signal "):
		name := cut.Between(text, "with signal '", "'")
		for _, s := range flySignals {
			if string(name) == s.name {
				return true, flyEnd(o, 128+s.number, text, sink)
			}
		}
	case cut.HasPrefix(text, "Main child exited normally with code: "):
		if code, ok := number.IntAfter(text, "code: "); ok && code >= 0 && code <= 255 {
			return true, flyEnd(o, int(code), text, sink)
		}
	case cut.HasPrefix(text, "Process appears to have been OOM killed"):
		c := o.Crash(record.CrashOOMKill, text)
		c.Exited, c.Signal = true, "SIGKILL"
		return true, sink.Crash(c)
	case cut.HasPrefix(text, "Sending signal ") && bytes.Contains(text, []byte(" to main child process")):
		return true, sink.Lifecycle(o.Lifecycle(record.Stopping, "stopped by Fly.io", text))
	case cut.HasPrefix(text, "Starting init "):
		return true, sink.Lifecycle(o.Lifecycle(record.Starting, "", text))
	case cut.HasPrefix(text, "Starting clean up"), cut.HasPrefix(text, "Preparing to run: "), cut.HasPrefix(text, "Umounting "):
		return true, nil
	}
	return false, nil
}

func flyEnd(o *origin.Origin, code int, text []byte, sink record.Sink) error {
	if origin.PlannedStatus(code) {
		return sink.Lifecycle(o.Stopped(code, "", text))
	}
	return sink.Crash(o.Exited(code, "", text))
}
