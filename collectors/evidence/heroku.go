package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// herokuPlatform reads what Heroku writes about dynos, and what a dyno writes itself, as `heroku logs` prints it, as a log drain
// delivers it (RFC 5424 with or without the octet count), or behind another syslog header:
//
//	2026-11-17T13:33:28.051376+00:00 heroku[web.4]: Process exited with status 134
//	2026-11-17T13:33:16.797128+00:00 app[web.4]: FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
//	83 <40>1 2026-11-17T13:33:28.051376+00:00 host heroku web.4 - State changed from up to crashed
//	2026-11-17T13:33:20.100000+00:00 heroku[web.4]: source=web.4 dyno=heroku.1.0f sample#memory_rss=511.30MB sample#memory_quota=512.00MB
//
// Sources: Heroku Dev Center, "Error codes", "Log runtime metrics", "Log drains". The router's lines are another format's.
type herokuPlatform struct{}

// Name implements Format.
func (herokuPlatform) Name() string { return "heroku-platform" }

// Sniff implements Format.
func (herokuPlatform) Sniff(head []byte) int {
	return format.SniffLines(head, func(line []byte) bool {
		h, ok := header.Heroku(line)
		return ok && string(h.Proc) != "router"
	})
}

// OnlyText spares the format lines that are JSON objects.
func (herokuPlatform) OnlyText() {}

// Needs implements format.Picky: "heroku[web.1]:", "app[web.1]:".
func (herokuPlatform) Needs() []string { return []string{"hero", "app"} }

// NewParser implements LineFormat.
func (herokuPlatform) NewParser(src *record.Source) format.LineParser {
	return &herokuParser{src: src, dynos: dynoMemory{}}
}

type herokuParser struct {
	src    *record.Source
	words  lastWords
	dynos  dynoMemory
	origin origin.Origin
	told   record.Message
	clock  stamp.Clock // UTC
}

// dynoMemory is the last "Process running mem=…" of each dyno: the R14 and R15 lines that follow do not repeat the numbers. A nil
// map remembers nothing.
type dynoMemory map[string]struct{ used, limit int64 }

// maxDynos bounds what is remembered; beyond it the numbers are left out of R14 and R15.
const maxDynos = 10_000

// Forget implements format.Forgetful.
func (p *herokuParser) Forget() {
	p.words.Forget()
	clear(p.dynos)
}

// ParseLine implements LineParser.
func (p *herokuParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	h, ok := header.HerokuAt(line, &p.clock)
	if !ok || string(h.Proc) == "router" {
		return false, nil
	}
	p.origin = origin.Origin{Pos: record.Pos{Source: p.src, Line: lineNo}, Time: h.Stamp.Time}
	o := &p.origin
	if string(h.App) == "app" && string(h.Proc) != "api" {
		if otherFormatsBody(h.Body) {
			return false, nil
		}
		o.Container = h.Proc
		handled, err := p.words.parse(o, h.Body, sink)
		if handled || err != nil || othersMayTake(h.Body) {
			return handled, err
		}
		p.told = record.Message{Pos: o.Pos, Time: o.Time, Container: h.Proc, Text: h.Body}
		return true, sink.Message(&p.told)
	}
	if !h.Stamp.Zoned {
		if err := warning.Tell(sink, o.Pos, "no_timezone", warning.NoZone, line); err != nil {
			return true, err
		}
	}
	return true, p.dynos.event(o, h.Proc, h.Body, sink)
}

// herokuMessage handles an event as it stands in a message that has lost its own time: "heroku[web.1]: State changed …".
func herokuMessage(o *origin.Origin, msg []byte, words *lastWords, sink record.Sink) (bool, error) {
	app, proc, body, ok := header.HerokuTag(msg)
	if !ok || string(proc) == "router" {
		return false, nil
	}
	ev := *o
	if string(app) == "app" && string(proc) != "api" {
		ev.Container, ev.Instance = proc, nil
		return words.parse(&ev, body, sink)
	}
	return true, dynoMemory(nil).event(&ev, proc, body, sink)
}

// event handles what Heroku says about one dyno (proc "web.1") or the application (proc "api").
func (m dynoMemory) event(o *origin.Origin, proc, body []byte, sink record.Sink) error {
	if string(proc) == "api" {
		o.Container, o.Instance = nil, nil
		return herokuAPI(o, body, sink)
	}
	if !bytes.Equal(o.Container, proc) {
		o.Container, o.Instance = proc, nil
	}
	starts := func(s string) bool { return bytes.HasPrefix(body, []byte(s)) }
	switch {
	case starts("State changed from "):
		return herokuState(o, body, sink)
	case starts("Process exited with status "):
		code, _ := number.IntAfter(body, "status ")
		if origin.PlannedStatus(int(code)) {
			return sink.Lifecycle(o.Stopped(int(code), "", body))
		}
		return sink.Crash(o.Exited(int(code), "", body))
	case starts("Process running mem="):
		return m.running(o, body, sink)
	case bytes.Contains(body, []byte("Error R14")):
		l := o.Lifecycle(record.MemoryPressure, "R14", body)
		l.UsedBytes, l.LimitBytes = m.of(proc)
		return sink.Lifecycle(l)
	case bytes.Contains(body, []byte("Error R15")):
		c := o.Crash(record.CrashOOMKill, body)
		c.UsedBytes, c.LimitBytes = m.of(proc)
		return sink.Crash(c)
	case bytes.Contains(body, []byte("Error R10")):
		// The dyno is killed because it did not listen in time.
		return sink.Crash(o.Crash(record.CrashHealthCheck, body))
	case bytes.Contains(body, []byte("Error R12")):
		return sink.Lifecycle(o.Lifecycle(record.LifecycleOther, "R12", body))
	case starts("Cycling"):
		return sink.Lifecycle(o.Lifecycle(record.Cycling, "", body))
	case starts("Restarting"):
		return sink.Lifecycle(o.Lifecycle(record.Restarting, "", body))
	case starts("Relocating"):
		return sink.Lifecycle(o.Lifecycle(record.Restarting, "relocated", body))
	case starts("Stopping all processes with SIGTERM"):
		return sink.Lifecycle(o.Lifecycle(record.Stopping, "SIGTERM", body))
	case starts("Stopping remaining processes with SIGKILL"):
		return sink.Lifecycle(o.Lifecycle(record.Stopping, "SIGKILL after the exit timeout", body))
	case starts("Stopping process with SIGKILL"):
		// Heroku's sequel to R10 and R15: not asked for by anybody, so no planned stop.
		return sink.Lifecycle(o.Lifecycle(record.LifecycleOther, "SIGKILL", body))
	case starts("Idling"):
		return sink.Lifecycle(o.Lifecycle(record.Stopping, "idle", body))
	case starts("Unidling"):
		return sink.Lifecycle(o.Lifecycle(record.Starting, "was idle", body))
	case bytes.Contains(body, []byte("sample#")):
		return herokuSamples(o, body, sink)
	}
	return nil // "Starting process with command …", "Listening on …": the change of state says it.
}

func herokuState(o *origin.Origin, body []byte, sink record.Sink) error {
	from, rest := cut.Word(body[len("State changed from "):])
	to, ok := bytes.CutPrefix(rest, []byte("to "))
	if !ok {
		return sink.Lifecycle(o.Lifecycle(record.LifecycleOther, "", body))
	}
	to, _ = cut.Word(bytes.TrimSpace(to))
	switch string(to) {
	case "crashed":
		c := o.Crash(record.CrashOther, body)
		c.Exited = true
		return sink.Crash(c)
	case "up":
		return sink.Lifecycle(o.Lifecycle(record.Up, "", body))
	case "starting":
		return sink.Lifecycle(o.Lifecycle(record.Starting, "was "+string(from), body))
	case "down", "complete":
		return sink.Lifecycle(o.Stopped(-1, "", body))
	}
	return sink.Lifecycle(o.Lifecycle(record.LifecycleOther, string(to), body))
}

// running reads "Process running mem=531M(103.8%)". The quota follows from the share, rounded to whole MB since the share has one
// decimal only.
func (m dynoMemory) running(o *origin.Origin, body []byte, sink record.Sink) error {
	b := body[len("Process running mem="):]
	used, n, ok := number.Size(b)
	if !ok || used <= 0 {
		return warning.Tell(sink, o.Pos, "malformed_line", "a memory line without a size", body)
	}
	var limit int64
	if share, ok := number.Float(cut.Between(b[n:], "(", "%")); ok && share > 0 {
		const mb = 1 << 20
		limit = int64(float64(used)/share*100/mb+0.5) * mb
	}
	if m != nil && (len(m) < maxDynos || m[string(o.Container)].used > 0) {
		m[string(o.Container)] = struct{ used, limit int64 }{used, limit}
	}
	return sink.Sample(o.Sample(record.RSS, float64(used)))
}

func (m dynoMemory) of(dyno []byte) (used, limit int64) {
	v := m[string(dyno)]
	return v.used, v.limit
}

// herokuAPI handles what somebody did to the application: releases, scaling, maintenance.
func herokuAPI(o *origin.Origin, body []byte, sink record.Sink) error {
	first, rest := cut.Word(body)
	second, _ := cut.Word(rest)
	has := func(s string) bool { return bytes.Contains(body, []byte(s)) }
	switch {
	case string(first) == "Deploy", string(first) == "Rollback":
		o.Version = bytes.TrimSuffix(second, []byte(","))
		if string(first) == "Rollback" {
			o.Version = cut.Between(body, "to ", " ")
		}
		return sink.Lifecycle(o.Lifecycle(record.Deploy, "", body))
	case string(first) == "Release":
		o.Version = second
		switch {
		case has("complete") || has("succeeded"):
			return sink.Lifecycle(o.Lifecycle(record.DeployFinished, "", body))
		case has("fail"):
			return sink.Lifecycle(o.Lifecycle(record.DeployFinished, "failed", body))
		}
		return sink.Lifecycle(o.Lifecycle(record.Deploy, "release", body))
	case string(first) == "Scaled", string(first) == "Scale":
		return sink.Lifecycle(o.Lifecycle(record.Scale, origin.Quote(rest), body))
	case has("aintenance mode"):
		return sink.Lifecycle(o.Lifecycle(record.Maintenance, "", body))
	case string(first) == "Restart", string(first) == "Restarting":
		return sink.Lifecycle(o.Lifecycle(record.Restarting, "", body))
	}
	return sink.Lifecycle(o.Lifecycle(record.LifecycleOther, "", body))
}

// herokuSamples reads the key=value pairs of log-runtime-metrics. memory_rss is the resident set, which stops at the quota: what exceeds it
// goes to swap and counts as well for R14, R15 and "Process running mem=", so the two make one reading. memory_total, which includes the disk
// cache, stands in for them where they are missing. Load averages are no CPU use and are left out.
func herokuSamples(o *origin.Origin, body []byte, sink record.Sink) error {
	var rss, swap, total, quota int64
	for len(body) > 0 {
		var pair []byte
		pair, body = cut.Word(body)
		key, value, ok := bytes.Cut(pair, []byte("="))
		if !ok {
			continue
		}
		switch string(key) {
		case "source":
			if containers.IsName(value) {
				o.Container = value
			}
		case "dyno":
			o.Instance = value
		case "sample#memory_rss":
			rss, _, _ = number.Size(value)
		case "sample#memory_swap":
			swap, _, _ = number.Size(value)
		case "sample#memory_total":
			total, _, _ = number.Size(value)
		case "sample#memory_quota":
			quota, _, _ = number.Size(value)
		}
	}
	used := rss + swap
	if rss == 0 {
		used = total
	}
	if used > 0 {
		if err := sink.Sample(o.Sample(record.RSS, float64(used))); err != nil {
			return err
		}
	}
	if quota > 0 {
		return sink.Sample(o.Sample(record.MemoryLimit, float64(quota)))
	}
	return nil
}
