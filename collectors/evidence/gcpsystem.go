package evidence

import (
	"bytes"

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
	names := &e.from.names
	o := origin.Origin{
		Pos: p.log.pos(e.line), Time: e.time, Container: []byte(names.Container), Service: []byte(names.Service), Version: []byte(names.Version),
	}
	sink := p.log.sink
	has := func(s string) bool { return bytes.Contains(text, []byte(s)) }
	switch {
	case cut.HasPrefix(text, "Memory limit of "), has("found to be using too much memory and was terminated"):
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
