package evidence

import (
	"bytes"
	"strings"

	"lastcall/collectors/evidence/internal/access"
	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/front"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// scalingoPlatform reads what Scalingo itself writes into an application's log, and what a container writes to its own output:
//
//	2026-11-16 13:47:57.859982910 +0000 UTC [system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 134
//	2026-11-14 15:06:27.738330078 +0000 UTC [manager] Deployment of v347 by ci@example.org started
//	2026-11-16 13:47:57.249768066 +0000 UTC [web-1] FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
//
// The router's lines in the same log are another format's.
type scalingoPlatform struct{}

// Name implements Format.
func (scalingoPlatform) Name() string { return "scalingo-platform" }

// Sniff implements Format.
func (scalingoPlatform) Sniff(head []byte) int {
	return format.SniffLines(head, func(line []byte) bool {
		_, tag, _, ok := header.Scalingo(line)
		return ok && !isScalingoRouter(tag)
	})
}

// OnlyText spares the format lines that are JSON objects.
func (scalingoPlatform) OnlyText() {}

// Needs implements format.Picky: "[web-1]".
func (scalingoPlatform) Needs() []string { return []string{"["} }

// NewParser implements LineFormat.
func (scalingoPlatform) NewParser(src *record.Source) format.LineParser {
	return &scalingoParser{src: src}
}

type scalingoParser struct {
	src    *record.Source
	words  lastWords
	origin origin.Origin
	told   record.Message
	clock  stamp.Clock // UTC
}

// Forget implements format.Forgetful.
func (p *scalingoParser) Forget() { p.words.Forget() }

// ParseLine implements LineParser.
func (p *scalingoParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	// No time holds a bracket, so that the first one must begin the tag: that spares the lines of others the rest.
	open := bytes.IndexByte(line, '[')
	if open < 1 || line[open-1] != ' ' {
		return false, nil
	}
	t, n, zoned, ok := p.clock.Read(line)
	_, tag, body, ok := header.ScalingoAfter(line, stamp.Stamp{Time: t, N: n, Zoned: zoned}, ok)
	if !ok || isScalingoRouter(tag) {
		return false, nil
	}
	p.origin = origin.Origin{Pos: record.Pos{Source: p.src, Line: lineNo}, Time: t}
	o := &p.origin
	if isScalingoPlatform(tag) {
		_, err := scalingoEvent(o, tag, body, sink)
		return true, err
	}
	if otherFormatsBody(body) {
		return false, nil
	}
	o.Container = tag
	handled, err := p.words.parse(o, body, sink)
	if handled || err != nil || othersMayTake(body) {
		return handled, err
	}
	p.told = record.Message{Pos: o.Pos, Time: t, Container: tag, Text: body}
	return true, sink.Message(&p.told)
}

// isScalingoPlatform recognises the tags under which the platform itself speaks; what copies its log may name it in full.
func isScalingoPlatform(tag []byte) bool {
	switch string(tag) {
	case "system", "manager", "platform", "scalingo", "scalingo-platform":
		return true
	}
	return false
}

func isScalingoRouter(tag []byte) bool {
	return string(tag) == "router" || bytes.HasPrefix(tag, []byte("router-"))
}

// otherFormatsBody reports whether what a container printed belongs to another format: structured logs and request lines.
func otherFormatsBody(body []byte) bool {
	return len(body) > 0 && body[0] == '{' || bytes.Contains(body, []byte("method=")) || bytes.Contains(body, []byte(" HTTP/1."))
}

// othersMayTake reports whether what a container printed, and what is none of its last words, may be a line of another format.
func othersMayTake(body []byte) bool {
	head := body[:min(len(body), 2*front.Max)]
	return access.MayBeOfFramework(head) || bytes.Contains(head, []byte(" jid=")) || bytes.Contains(head, celeryTask) || bytes.Contains(body, statusWord)
}

// scalingoMessage handles an event as it stands in a message that has lost its own time: "[system] [web-1] Container web-1 …".
func scalingoMessage(o *origin.Origin, msg []byte, sink record.Sink) (bool, error) {
	tag, body, ok := cut.Bracketed(msg)
	if !ok || !isScalingoPlatform(tag) || !cut.HasPrefix(msg[len(tag)+2:], " ") {
		return false, nil
	}
	return scalingoEvent(o, tag, body, sink)
}

// scalingoEvent handles what follows "[system]" or "[manager]". The sentences are matched by their words, not by whole patterns, so
// that another wording of the same event is still understood; an event that is not understood is kept as such.
func scalingoEvent(o *origin.Origin, tag, body []byte, sink record.Sink) (bool, error) {
	ev := *o
	text := body
	if string(tag) == "manager" {
		// A Datadog log names a host of its own ("platform") for these; they are about the whole service.
		ev.Container, ev.Instance = nil, nil
		return true, scalingoManager(&ev, text, sink)
	}
	if name, rest, ok := cut.Bracketed(body); ok {
		ev.Container, ev.Instance, text = name, nil, rest
	}
	if name, id := containerAndID(text); name != nil {
		ev.Container = name
		ev.Instance = id
	}
	has := func(s string) bool { return bytes.Contains(text, []byte(s)) }
	switch {
	case has("crashed"):
		code := int64(-1)
		for _, key := range []string{"exit status", "exit code", "status:"} {
			if v, ok := number.IntAfter(text, key); ok {
				code = v
				break
			}
		}
		return true, sink.Crash(ev.Exited(int(code), string(text), text))
	case has("memory limit") && (has("exceed") || has("kill")):
		c := ev.Crash(record.CrashOOMKill, text)
		c.UsedBytes, c.LimitBytes = usedOfLimit(text)
		return true, sink.Crash(c)
	case has("health check") && has("kill"):
		return true, sink.Crash(ev.Crash(record.CrashHealthCheck, text))
	case bytes.HasPrefix(text, []byte("Health check failed")):
		reason := text
		if i := bytes.Index(text, []byte(": ")); i >= 0 {
			reason = text[i+2:]
		}
		return true, sink.Lifecycle(ev.Lifecycle(record.HealthCheckFailed, origin.Quote(reason), text))
	case has("unreachable") || has("rescheduling"):
		return true, sink.Lifecycle(ev.Lifecycle(record.Unreachable, "unreachable", text))
	case has(" stopped"):
		code := -1
		if v, ok := number.IntAfter(text, "exit status"); ok {
			code = int(v)
		}
		return true, sink.Lifecycle(ev.Stopped(code, "", text))
	case bytes.HasPrefix(text, []byte("Stopping")):
		return true, sink.Lifecycle(ev.Lifecycle(record.Stopping, parenthesised(text), text))
	case bytes.HasPrefix(text, []byte("Starting")):
		return true, sink.Lifecycle(ev.Lifecycle(record.Starting, "", text))
	case bytes.HasPrefix(text, []byte("Restarting")):
		return true, sink.Lifecycle(ev.Lifecycle(record.Restarting, parenthesised(text), text))
	case has("is up") || has("booted in"):
		return true, sink.Lifecycle(ev.Lifecycle(record.Up, "", text))
	}
	return true, scalingoManager(&ev, text, sink)
}

// scalingoManager handles events about a whole service.
func scalingoManager(ev *origin.Origin, text []byte, sink record.Sink) error {
	lower := lowerASCII(text)
	has := func(s string) bool { return bytes.Contains(lower, []byte(s)) }
	switch {
	case has("deployment of ") || bytes.HasPrefix(lower, []byte("deploy")):
		version, _ := cut.Word(text[max(0, bytes.Index(lower, []byte(" of "))+4):])
		if has(" of ") {
			ev.Version = version
		}
		kind := record.Deploy
		reason := ""
		switch {
		case has("fail") || has("error") || has("abort"):
			kind, reason = record.DeployFinished, "failed"
		case has("finished") || has("succeeded") || has("complete") || has("success"):
			kind = record.DeployFinished
		}
		return sink.Lifecycle(ev.Lifecycle(kind, reason, text))
	case has("service list of "):
		service, _ := cut.Word(text[bytes.Index(lower, []byte("service list of "))+len("service list of "):])
		ev.Service = service
		members := ""
		if i := bytes.Index(text, []byte(": ")); i >= 0 {
			members = origin.Quote(text[i+2:])
		}
		return sink.Lifecycle(ev.Lifecycle(record.MembersChanged, members, text))
	case has("maintenance"):
		return sink.Lifecycle(ev.Lifecycle(record.Maintenance, "", text))
	case has("scal"):
		return sink.Lifecycle(ev.Lifecycle(record.Scale, origin.Quote(text), text))
	case has("restart"):
		return sink.Lifecycle(ev.Lifecycle(record.Restarting, parenthesised(text), text))
	case has("host") && (has("down") || has("lost") || has("fail")):
		return sink.Lifecycle(ev.Lifecycle(record.HostDown, "", text))
	}
	return sink.Lifecycle(ev.Lifecycle(record.LifecycleOther, "", text))
}

// containerAndID finds "container NAME (ID)"; the id is nil when the parenthesis holds something else ("(deploy)").
func containerAndID(text []byte) (name, id []byte) {
	i := bytes.Index(text, []byte("ontainer "))
	if i < 0 {
		return nil, nil
	}
	name, rest := cut.Word(text[i+len("ontainer "):])
	if !containers.IsName(name) || !bytes.ContainsAny(name, "-.0123456789") {
		return nil, nil
	}
	if len(rest) > 2 && rest[0] == '(' {
		if end := bytes.IndexByte(rest, ')'); end > 0 && containers.IsID(rest[1:end]) {
			id = rest[1:end]
		}
	}
	return name, id
}

// parenthesised returns the last "(…)" of a text.
func parenthesised(text []byte) string {
	i := bytes.LastIndexByte(text, '(')
	if i < 0 {
		return ""
	}
	j := bytes.IndexByte(text[i:], ')')
	if j < 0 {
		return ""
	}
	return strings.TrimSpace(string(text[i+1 : i+j]))
}

// usedOfLimit reads the first "128MB/128MB" of a text.
func usedOfLimit(text []byte) (used, limit int64) {
	slash := bytes.IndexByte(text, '/')
	if slash < 0 {
		return 0, 0
	}
	start := slash
	for start > 0 && text[start-1] != ' ' && text[start-1] != '(' {
		start--
	}
	u, n, ok1 := number.Size(text[start:slash])
	l, _, ok2 := number.Size(text[slash+1:])
	if !ok1 || !ok2 || n != slash-start {
		return 0, 0
	}
	return u, l
}

// lowerASCII lowers the letters of ASCII and leaves all else as it is, so that places in it are places in the text: bytes.ToLower
// writes three bytes for one that is no UTF-8.
func lowerASCII(text []byte) []byte {
	out := bytes.Clone(text)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}
