package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// platformEvents reads the events of a platform as JSON lines, one event a line:
//
//	{"time":"2026-11-16T13:47:57.859Z","type":"container_crashed","container":"web-1","container_id":"dc31…","exit_code":134,"signal":"SIGABRT","reason":"Error"}
//
// and under the names that Scalingo's API and webhooks give them (app_crashed, app_crashed_repeated, app_deployed, restart, scale, with
// "created_at" and "type_data").
type platformEvents struct {
	zone *time.Location // of times that name none; nil is UTC
}

// Name implements Format.
func (platformEvents) Name() string { return "platform-events" }

// OnlyObjects implements format.ObjectsOnly.
func (platformEvents) OnlyObjects() {}

// Sniff implements Format.
func (platformEvents) Sniff(head []byte) int {
	var parser fastjson.Parser
	return format.SniffLines(head, func(line []byte) bool { return isPlatformEvent(&parser, line) })
}

func isPlatformEvent(parser *fastjson.Parser, line []byte) bool {
	if len(line) < 10 || len(line) > jsondoc.MaxParsed || line[0] != '{' || !bytes.Contains(line, []byte(`"type"`)) {
		return false
	}
	v, err := parser.ParseBytes(line)
	if err != nil {
		return false
	}
	return eventKind(v.GetStringBytes("type")) != eventNone && jsondoc.FirstOf(v, eventTimes...) != nil
}

// eventTimes are the fields that may hold the time of an event.
var eventTimes = []string{"time", "created_at", "timestamp", "date", "ts", "@timestamp"}

// NewParser implements LineFormat.
func (f platformEvents) NewParser(src *record.Source) format.LineParser {
	return &platformEventsParser{src: src, clock: stamp.Clock{Zone: f.zone}}
}

type platformEventsParser struct {
	src    *record.Source
	clock  stamp.Clock
	parser fastjson.Parser
}

// ParseLine implements LineParser.
func (p *platformEventsParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	b := bytes.TrimLeft(line, " \t")
	if len(b) < 10 || len(b) > jsondoc.MaxParsed || b[0] != '{' || !bytes.Contains(b, []byte(`"type"`)) {
		return false, nil
	}
	v, err := p.parser.ParseBytes(b)
	if err != nil {
		return false, nil
	}
	return platformEvent(record.Pos{Source: p.src, Line: lineNo}, v, b, &p.clock, sink)
}

// platformEventList reads the answer of Scalingo's events API: {"events":[…],"meta":…}.
type platformEventList struct {
	zone *time.Location // of times that name none; nil is UTC
}

// Name implements Format.
func (platformEventList) Name() string { return "platform-event-list" }

// Sniff implements Format.
func (platformEventList) Sniff(head []byte) int {
	if !jsondoc.IsObject(head) || !bytes.Contains(head, []byte(`"events"`)) || !bytes.Contains(head, []byte(`"type"`)) {
		return 0
	}
	for rest := head; ; {
		i := bytes.Index(rest, []byte(`"type"`))
		if i < 0 {
			return 0
		}
		rest = bytes.TrimLeft(rest[i+len(`"type"`):], ": \t\r\n")
		if len(rest) > 1 && rest[0] == '"' && eventKind(cut.Between(rest, `"`, `"`)) != eventNone {
			return 85
		}
	}
}

// Parse implements WholeFormat.
func (f platformEventList) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	w := jsondoc.NewWalker(ctx, r)
	var parser fastjson.Parser
	clock := stamp.Clock{Zone: f.zone}
	return w.Items("events", func() error {
		var raw json.RawMessage
		if _, err := w.Decode(&raw); err != nil {
			return err
		}
		n := w.LineOf(raw)
		if len(raw) > jsondoc.MaxParsed {
			return warning.Tell(sink, record.Pos{Source: src, Line: n}, "malformed_line", "an event of more than 1 MiB was left out", raw)
		}
		v, err := parser.ParseBytes(raw)
		if err != nil {
			return nil
		}
		_, err = platformEvent(record.Pos{Source: src, Line: n}, v, raw, &clock, sink)
		return err
	})
}

// event says what a type of event means.
type event uint8

const (
	eventNone event = iota
	eventStarting
	eventUp
	eventStopping
	eventStopped
	eventCrashed
	eventRepeated
	eventLost
	eventMemoryLimit
	eventMemoryPressure
	eventHealthFailed
	eventLivenessKill
	eventDeploy
	eventDeployFinished
	eventDeployFailed
	eventScale
	eventRestart
	eventCycling
	eventMaintenance
	eventMaintenanceOver
	eventMembers
	eventHostDown
)

// eventKind knows the types of events. Those of Scalingo are as its API and its webhooks spell them.
func eventKind(name []byte) event {
	switch string(name) {
	case "container_starting", "container_created", "instance_starting":
		return eventStarting
	case "container_started", "container_up", "container_running", "instance_started", "app_started":
		return eventUp
	case "container_stopping", "instance_stopping":
		return eventStopping
	case "container_stopped", "instance_stopped", "stop_app", "app_stopped":
		return eventStopped
	case "container_crashed", "container_died", "instance_crashed", "app_crashed", "crash":
		return eventCrashed
	case "app_crashed_repeated", "repeated_crash":
		return eventRepeated
	case "container_lost", "container_unreachable", "instance_lost":
		return eventLost
	case "memory_limit_exceeded", "oom", "oom_kill", "oom_killed", "container_oom":
		return eventMemoryLimit
	case "memory_quota_exceeded", "memory_pressure":
		return eventMemoryPressure
	case "health_check_failed", "healthcheck_failed", "readiness_failed", "liveness_failed":
		return eventHealthFailed
	case "liveness_kill", "health_check_kill", "healthcheck_kill":
		return eventLivenessKill
	case "deploy", "deployment", "deploy_started", "deployment_started":
		return eventDeploy
	case "deploy_finished", "deployment_finished", "app_deployed", "deploy_succeeded":
		return eventDeployFinished
	case "deploy_failed", "deployment_failed":
		return eventDeployFailed
	case "scale", "app_scaled", "scaled", "autoscale", "scale_up", "scale_down":
		return eventScale
	case "restart", "app_restarted", "container_restarting", "restarting":
		return eventRestart
	case "cycling", "container_cycling":
		return eventCycling
	case "maintenance", "maintenance_started", "maintenance_scheduled", "maintenance_planned", "maintenance_announced":
		return eventMaintenance
	case "maintenance_finished", "maintenance_finish", "maintenance_ended", "maintenance_end", "maintenance_completed", "maintenance_complete",
		"maintenance_over", "maintenance_disabled":
		return eventMaintenanceOver
	case "service_list_refreshed", "members_changed":
		return eventMembers
	case "host_down", "host_lost", "host_failed", "node_down", "node_lost":
		return eventHostDown
	}
	if bytes.HasPrefix(name, []byte("maintenance_")) {
		return eventMaintenance
	}
	return eventNone
}

// platformEvent makes the record of one event; handled is false for JSON that is no event.
func platformEvent(pos record.Pos, v *fastjson.Value, raw []byte, c *stamp.Clock, sink record.Sink) (bool, error) {
	kind := eventKind(v.GetStringBytes("type"))
	if kind == eventNone {
		return false, nil
	}
	at := jsondoc.FirstOf(v, eventTimes...)
	if at == nil {
		return false, nil
	}
	t, zoned, ok := stamp.Parse(jsondoc.Text(at))
	if !ok {
		return true, warning.Tell(sink, pos, "malformed_line", "an event whose time cannot be read was left out", raw)
	}
	if !zoned {
		t = c.Local(t)
		if err := warning.TellZone(sink, pos, c.Zone, raw); err != nil {
			return true, err
		}
	}
	f := fieldsOf(v)
	o := origin.Origin{
		Pos: pos, Time: t,
		Container: f.text("container", "container_name", "instance", "pod", "dyno"),
		Instance:  f.text("container_id", "instance_id"),
		Service:   f.text("service", "app", "app_name"),
		Host:      f.text("host", "node"),
		Version:   f.text("version", "release"),
	}
	switch kind {
	case eventCrashed, eventRepeated, eventMemoryLimit, eventLivenessKill:
		return true, sink.Crash(f.crash(kind, &o, raw))
	}
	return true, sink.Lifecycle(f.lifecycle(kind, &o, raw))
}

// eventFields reads an event. Scalingo keeps what belongs to the type of event in an object of its own.
type eventFields struct{ event, data *fastjson.Value }

func fieldsOf(v *fastjson.Value) eventFields {
	data := v.Get("type_data")
	if data == nil || data.Type() != fastjson.TypeObject {
		data = v
	}
	return eventFields{v, data}
}

func (f eventFields) text(keys ...string) []byte {
	if x := jsondoc.Text(jsondoc.FirstOf(f.event, keys...)); x != nil {
		return x
	}
	return jsondoc.Text(jsondoc.FirstOf(f.data, keys...))
}

// number is a positive one, 0 where there is none.
func (f eventFields) number(keys ...string) int64 {
	for _, from := range []*fastjson.Value{f.event, f.data} {
		if n, ok := jsondoc.Number(jsondoc.FirstOf(from, keys...)); ok && n > 0 && n <= 1<<62 {
			return int64(n)
		}
	}
	return 0
}

func (f eventFields) memory() (used, limit int64) {
	return f.number("rss", "used", "memory"), f.number("limit", "memory_limit", "quota")
}

// exitCode is -1 where it is unknown.
func (f eventFields) exitCode() int {
	if x := jsondoc.FirstOf(f.event, "exit_code", "exit_status", "status_code"); x != nil {
		if n, ok := jsondoc.Number(x); ok && n >= -255 && n <= 255 {
			return int(n)
		}
	}
	return -1
}

func (f eventFields) reason() string {
	return string(f.text("reason", "cause", "result", "message"))
}

func (f eventFields) crash(kind event, o *origin.Origin, raw []byte) *record.Crash {
	switch kind {
	case eventLivenessKill:
		return o.Crash(record.CrashHealthCheck, raw)
	case eventMemoryLimit:
		c := o.Crash(record.CrashOOMKill, raw)
		c.UsedBytes, c.LimitBytes = f.memory()
		return c
	}
	c := o.Exited(f.exitCode(), f.reason(), raw)
	if s := f.text("signal"); len(s) > 0 {
		c.Signal = string(s)
	}
	if up := jsondoc.FirstOf(f.event, "uptime", "uptime_seconds", "uptime_s"); up != nil {
		if n, ok := jsondoc.Number(up); ok {
			c.Uptime = number.Seconds(n)
		}
	}
	c.UsedBytes, c.LimitBytes = f.memory()
	return c
}

func (f eventFields) lifecycle(kind event, o *origin.Origin, raw []byte) *record.Lifecycle {
	life, reason := lifecycleOf(kind), f.reason()
	switch kind {
	case eventDeploy:
		// Scalingo's API tells of a deployment when it is over.
		if status := string(f.data.GetStringBytes("status")); status != "" {
			life = record.DeployFinished
			if strings.Contains(status, "error") || strings.Contains(status, "fail") || strings.Contains(status, "crash") {
				reason = "failed"
			}
		}
	case eventDeployFailed:
		reason = "failed"
	case eventMaintenanceOver:
		reason = "over"
	case eventMembers:
		if list := f.event.GetArray("instances"); list != nil {
			names := make([]string, 0, len(list))
			for _, x := range list {
				names = append(names, string(jsondoc.Text(x)))
			}
			reason = origin.Quote([]byte(strings.Join(names, ",")))
		}
	}
	l := o.Lifecycle(life, reason, raw)
	if life == record.Stopped {
		l.ExitCode = f.exitCode()
	}
	l.UsedBytes, l.LimitBytes = f.memory()
	l.End = jsondoc.Time(jsondoc.FirstOf(f.event, "end", "until", "ends_at", "window_end"))
	return l
}

// lifecycleOf is what an event that tells of no death means.
func lifecycleOf(kind event) record.LifecycleKind {
	switch kind {
	case eventStarting:
		return record.Starting
	case eventUp:
		return record.Up
	case eventStopping:
		return record.Stopping
	case eventStopped:
		return record.Stopped
	case eventLost:
		return record.Unreachable
	case eventMemoryPressure:
		return record.MemoryPressure
	case eventHealthFailed:
		return record.HealthCheckFailed
	case eventDeploy:
		return record.Deploy
	case eventDeployFinished, eventDeployFailed:
		return record.DeployFinished
	case eventScale:
		return record.Scale
	case eventRestart:
		return record.Restarting
	case eventCycling:
		return record.Cycling
	case eventMaintenance, eventMaintenanceOver:
		return record.Maintenance
	case eventMembers:
		return record.MembersChanged
	case eventHostDown:
		return record.HostDown
	}
	return record.LifecycleOther
}
