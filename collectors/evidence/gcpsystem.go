package evidence

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/record"
)

// system reads what Cloud Run says of its instances:
//
//	Memory limit of 512 MiB exceeded with 530 MiB used. Consider increasing the memory limit, see https://…
//	Container called exit(134).
//	Uncaught signal: 6, pid=1, tid=1, fault_addr=0.
//	Container terminated on signal 9.
//	Starting new instance. Reason: AUTOSCALING - Instance started due to …
//	Default STARTUP TCP probe succeeded after 1 attempt for container "app-1" on port 8080.
//	Shutting down user disabled instance
//	LIVENESS HTTP probe failed 3 times consecutively for container "app-1" on port 8080 path "/". The instance has been shut down.
//
// False where it says something else. Source: Cloud Run, "Troubleshooting", "Container health checks", "Instance scaling log".
func (p *gcpReader) system(e *gcpEntry, text []byte) (bool, error) {
	o := p.origin(e, e.time)
	sink := p.log.sink
	has := func(s string) bool { return bytes.Contains(text, []byte(s)) }
	switch {
	case cut.HasPrefix(text, "Memory limit of "), tookTooMuchMemory(text):
		p.ends.ofInstance(gcpInstanceKey(e, e.time))
		return true, sink.Crash(cloudRunMemory(&o, text))
	case cut.HasPrefix(text, "Container called exit("):
		return p.ended(&o, text, "exit(", 0)
	case cut.HasPrefix(text, "Uncaught signal: "):
		return p.ended(&o, text, "signal: ", 128)
	case cut.HasPrefix(text, "Container terminated on signal "):
		return p.ended(&o, text, "on signal ", 128)
	case cut.HasPrefix(text, "Starting new instance. Reason: "):
		reason, _ := cut.Word(text[len("Starting new instance. Reason: "):])
		return true, sink.Lifecycle(o.Lifecycle(record.Starting, string(reason), text))
	case has(" probe succeeded after "):
		return true, sink.Lifecycle(o.Lifecycle(record.Up, record.Listening, text))
	case has("LIVENESS ") && has(" probe failed ") && has("has been shut down"):
		c := o.Crash(record.CrashHealthCheck, text)
		c.Exited = true
		return true, sink.Crash(c)
	case cut.HasPrefix(text, "Shutting down "):
		return true, sink.Lifecycle(o.Lifecycle(record.Stopping, "shut down by Cloud Run", text))
	case has("LIVENESS ") && has(" probe failed "):
		return true, sink.Lifecycle(o.Lifecycle(record.HealthCheckFailed, "liveness", text))
	}
	return false, nil
}

// origin is where an entry comes from, about a moment.
func (p *gcpReader) origin(e *gcpEntry, at record.Time) origin.Origin {
	names := &e.from.names
	return origin.Origin{
		Pos: p.log.pos(e.line), Time: at, Container: []byte(names.Container), Service: []byte(names.Service), Version: []byte(names.Version),
	}
}

// tookTooMuchMemory knows what Cloud Run says of a request whose instance it ended for that.
func tookTooMuchMemory(text []byte) bool {
	return bytes.Contains(text, []byte("found to be using too much memory and was terminated"))
}

// gcpEnds are the ends of instances that are told with their requests: once for each that was open, while an instance ends once. The zero
// value is ready.
type gcpEnds struct {
	told map[string]bool // by gcpInstanceKey, of which the log of the system tells
	held map[string]*record.Crash
}

// gcpInstanceKey is one for all that is said of the end of an instance: its id, else what a service says within a minute.
func gcpInstanceKey(e *gcpEntry, at record.Time) string {
	if id := e.value.GetStringBytes("labels", "instanceId"); len(id) > 0 {
		return string(id)
	}
	names := &e.from.names
	return strings.Join([]string{names.Service, names.Version, names.Container, at.Std().Format("2006-01-02T15:04")}, "\x00")
}

// ofInstance takes an end that was told of the instance itself.
func (g *gcpEnds) ofInstance(key string) {
	if g.told == nil {
		g.told = map[string]bool{}
	}
	if len(g.told) < maxFailures {
		g.told[key] = true
	}
}

// ofRequest takes an end that was told with a request. The last one counts, as some are told with the time at which the request came.
func (g *gcpEnds) ofRequest(key string, o origin.Origin, text []byte) {
	if c := g.held[key]; c != nil && c.Time >= o.Time || c == nil && len(g.held) >= maxFailures {
		return
	}
	if g.held == nil {
		g.held = map[string]*record.Crash{}
	}
	g.held[key] = cloudRunMemory(&o, text)
}

// close tells of the ends of which the log of the system does not.
func (g *gcpEnds) close(sink record.Sink) error {
	for key := range g.told {
		delete(g.held, key)
	}
	for _, c := range slices.SortedFunc(maps.Values(g.held), func(a, b *record.Crash) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) }) {
		if err := sink.Crash(c); err != nil {
			return err
		}
	}
	return nil
}

// cloudRunMemory is the end of an instance that took more memory than it may.
func cloudRunMemory(o *origin.Origin, text []byte) *record.Crash {
	c := o.Crash(record.CrashOOMKill, text)
	c.Exited, c.Signal = true, "SIGKILL"
	c.LimitBytes = cloudRunSize(text, "Memory limit of ")
	c.UsedBytes = cloudRunSize(text, " exceeded with ")
	return c
}

// cloudRunSize reads "512 MiB", as earlier "512M", behind some words; 0 where there is none.
func cloudRunSize(text []byte, words string) int64 {
	i := bytes.Index(text, []byte(words))
	if i < 0 {
		return 0
	}
	mib, n := number.LeadingInt(text[i+len(words):])
	if rest := text[i+len(words)+n:]; n == 0 || mib > 1<<30 || !cut.HasPrefix(rest, " MiB") && !cut.HasPrefix(rest, "M ") {
		return 0
	}
	return mib << 20
}

// ended makes a record of an end whose status stands behind some words; signals are told from statuses by what is added to them.
func (p *gcpReader) ended(o *origin.Origin, text []byte, words string, signal int) (bool, error) {
	v, ok := number.IntAfter(text, words)
	if !ok || v < 0 || v > 255 {
		return false, nil
	}
	code := int(v) + signal
	if origin.PlannedStatus(code) {
		return true, p.log.sink.Lifecycle(o.Stopped(code, "", text))
	}
	return true, p.log.sink.Crash(o.Exited(code, "", text))
}
