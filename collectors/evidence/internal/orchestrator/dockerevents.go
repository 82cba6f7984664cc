package orchestrator

import (
	"bytes"
	"time"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// dockerEvents reads `docker events --format json` (and '{{json .}}'), and the text that plain `docker events` prints:
//
//	{"status":"die","id":"3f1c…","from":"api:1","Type":"container","Action":"die","Actor":{"ID":"3f1c…","Attributes":{"exitCode":"137","name":"web-1"}},"time":1794836877,"timeNano":1794836877859982910}
//	2026-11-16T13:47:57.859982910Z container die 3f1c… (exitCode=137, image=api:1, name=web-1)
//
// Source: Docker Engine API, "Monitor events"; moby daemon/events.
type dockerEvents struct{}

// Name implements Format.
func (dockerEvents) Name() string { return "docker-events" }

// Needs implements format.Picky: " container ", "Actor" of an object.
func (dockerEvents) Needs() []string { return []string{"tain", "Act"} }

// Sequential implements Sequential: whether a death was asked for is told by the kill before it.
func (dockerEvents) Sequential() bool { return true }

// Sniff implements Format.
func (dockerEvents) Sniff(head []byte) int {
	return format.SniffLines(head, func(line []byte) bool { return isDockerJSON(line) || isDockerText(line) })
}

func isDockerJSON(line []byte) bool {
	return len(line) > 20 && len(line) <= jsondoc.MaxParsed && line[0] == '{' && hasTextAt(line, `"Type":`) && hasTextAt(line, `"Action":`) && bytes.Contains(line, []byte(`"Actor"`))
}

// hasTextAt reports whether a key of a JSON line has a text.
func hasTextAt(line []byte, key string) bool {
	i := bytes.Index(line, []byte(key))
	if i < 0 {
		return false
	}
	rest := bytes.TrimLeft(line[i+len(key):], " ")
	return len(rest) > 0 && rest[0] == '"'
}

func isDockerText(line []byte) bool {
	st, ok := stamp.Read(line)
	if !ok || !st.Zoned {
		return false
	}
	rest := line[st.N:]
	if !bytes.HasPrefix(rest, []byte(" container ")) || !bytes.HasSuffix(rest, []byte(")")) {
		return false
	}
	open := bytes.IndexByte(rest, '(')
	return open > 0 && bytes.Contains(rest[open:], []byte("name="))
}

// NewParser implements LineFormat.
func (dockerEvents) NewParser(src *record.Source) format.LineParser {
	return &dockerParser{src: src, asked: map[string]record.Time{}}
}

type dockerParser struct {
	src    *record.Source
	parser fastjson.Parser
	asked  map[string]record.Time // when a container was last asked to stop, by id
}

const (
	// askedFor is how long after a request to stop a death still counts as its answer: Docker itself kills after 10 s by default,
	// Compose and Swarm files often say minutes.
	askedFor = 5 * time.Minute
	maxAsked = 10_000
)

// Forget implements format.Forgetful.
func (p *dockerParser) Forget() { clear(p.asked) }

// ParseLine implements LineParser.
func (p *dockerParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	pos := record.Pos{Source: p.src, Line: lineNo}
	switch {
	case isDockerJSON(line):
		v, err := p.parser.ParseBytes(line)
		if err != nil {
			return true, warning.Tell(sink, pos, "malformed_line", "a Docker event that is broken JSON was left out", line)
		}
		return true, p.json(pos, v, sink)
	case isDockerText(line):
		return true, p.text(pos, line, sink)
	}
	return false, nil
}

// dockerEvent is one event of a container.
type dockerEvent struct {
	action, detail      []byte // "health_status", "unhealthy"
	exitCode, signal    []byte
	service, name, node []byte
}

func (p *dockerParser) json(pos record.Pos, v *fastjson.Value, sink record.Sink) error {
	if string(v.GetStringBytes("Type")) != "container" {
		return nil
	}
	o := origin.Origin{Pos: pos, Instance: v.GetStringBytes("Actor", "ID")}
	if f, ok := jsondoc.Number(v.Get("timeNano")); ok && f > 0 {
		// The number has more digits than a float64 holds.
		n, err := v.Get("timeNano").Int64()
		if err == nil {
			o.Time = record.Time(n)
		}
	}
	if o.Time == 0 {
		o.Time = jsondoc.Time(v.Get("time"))
	}
	attrs := v.Get("Actor", "Attributes")
	ev := dockerEvent{name: jsondoc.Text(attrs.Get("name")), exitCode: jsondoc.Text(attrs.Get("exitCode")), signal: jsondoc.Text(attrs.Get("signal"))}
	ev.service = jsondoc.Text(jsondoc.FirstOf(attrs, "com.docker.compose.service", "com.docker.swarm.service.name"))
	ev.node = jsondoc.Text(attrs.Get("com.docker.swarm.node.id"))
	ev.action, ev.detail, _ = bytes.Cut(v.GetStringBytes("Action"), []byte(": "))
	return p.event(&o, ev, dockerEventText(v), sink)
}

// dockerEventText writes an event as plain `docker events` does, with what tells of the container.
func dockerEventText(v *fastjson.Value) []byte {
	id := v.GetStringBytes("Actor", "ID")
	b := append([]byte("container "), v.GetStringBytes("Action")...)
	b = append(append(b, ' '), id[:min(12, len(id))]...)
	open := " ("
	attrs := v.Get("Actor", "Attributes")
	for _, key := range []string{"execDuration", "exitCode", "image", "name", "signal"} {
		if value := jsondoc.Text(attrs.Get(key)); len(value) > 0 {
			b = append(append(append(append(b, open...), key...), '='), value...)
			open = ", "
		}
	}
	if open == ", " {
		b = append(b, ')')
	}
	return b
}

func (p *dockerParser) text(pos record.Pos, line []byte, sink record.Sink) error {
	st, _ := stamp.Read(line)
	rest := line[st.N+len(" container "):]
	open := bytes.Index(rest, []byte(" ("))
	if open < 0 {
		return nil
	}
	head, attrs := rest[:open], rest[open+2:len(rest)-1]
	space := bytes.LastIndexByte(head, ' ')
	if space < 0 {
		return nil
	}
	o := origin.Origin{Pos: pos, Time: st.Time, Instance: head[space+1:]}
	var ev dockerEvent
	ev.action, ev.detail, _ = bytes.Cut(head[:space], []byte(": "))
	for len(attrs) > 0 {
		var pair []byte
		pair, attrs, _ = bytes.Cut(attrs, []byte(", "))
		key, value, _ := bytes.Cut(pair, []byte("="))
		switch string(key) {
		case "name":
			ev.name = value
		case "exitCode":
			ev.exitCode = value
		case "signal":
			ev.signal = value
		case "com.docker.compose.service", "com.docker.swarm.service.name":
			ev.service = value
		}
	}
	return p.event(&o, ev, line, sink)
}

func (p *dockerParser) event(o *origin.Origin, ev dockerEvent, line []byte, sink record.Sink) error {
	o.Container, o.Service, o.Host = ev.name, ev.service, ev.node
	if o.Time == 0 {
		return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, line)
	}
	id := string(o.Instance)
	switch string(ev.action) {
	case "oom":
		delete(p.asked, id)
		return sink.Crash(o.Crash(record.CrashOOMKill, line))
	case "die":
		code := -1
		if n, ok := number.Digits64(ev.exitCode); ok && n < 256 {
			code = int(n)
		}
		asked, ok := p.asked[id]
		delete(p.asked, id)
		if origin.PlannedStatus(code) || (ok && o.Time.Sub(asked) >= 0 && o.Time.Sub(asked) <= askedFor) {
			return sink.Lifecycle(o.Stopped(code, "", line))
		}
		return sink.Crash(o.Exited(code, "", line))
	case "kill":
		var reason string
		switch string(ev.signal) {
		case "15", "SIGTERM", "TERM":
			reason = "SIGTERM"
		case "9", "SIGKILL", "KILL":
			reason = "SIGKILL"
		case "2", "SIGINT", "INT":
			reason = "SIGINT"
		case "3", "SIGQUIT", "QUIT":
			reason = "SIGQUIT"
		default:
			return nil // A signal that asks for something else, such as SIGHUP.
		}
		if len(p.asked) < maxAsked {
			p.asked[id] = o.Time
		}
		return sink.Lifecycle(o.Lifecycle(record.Stopping, reason, line))
	case "create":
		return sink.Lifecycle(o.Lifecycle(record.Starting, "", line))
	case "start":
		delete(p.asked, id)
		return sink.Lifecycle(o.Lifecycle(record.Up, "", line))
	case "restart":
		// Told when it is over, after the stop and the start: no order to end for what dies next.
		return sink.Lifecycle(o.Lifecycle(record.LifecycleOther, "restart", line))
	case "health_status":
		// No single failed check, but what Docker makes of all retries.
		switch string(ev.detail) {
		case "unhealthy":
			return sink.Lifecycle(o.Lifecycle(record.HealthCheckFailed, "health_status: unhealthy", line))
		case "healthy":
			return sink.Lifecycle(o.Lifecycle(record.LifecycleOther, "health_status: healthy", line))
		}
	}
	return nil
}
