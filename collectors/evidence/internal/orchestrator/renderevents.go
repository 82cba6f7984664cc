package orchestrator

import (
	"bytes"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// renderEvents reads the events of services that Render's API lists, as it answers (each beside its cursor) or one a line:
//
//	{"id":"evt-d3k5","timestamp":"2026-03-17T08:19:18.176Z","serviceId":"srv-cq1m","type":"server_failed",
//	  "details":{"instanceID":"srv-cq1m-bg852","reason":{"oomKilled":{"memoryLimit":"512Mi"},"evicted":false}}}
//
// Source: Render API reference, "List events"; the types of its webhooks.
type renderEvents struct{}

var _ format.LineFormat = renderEvents{}

// Name implements Format.
func (renderEvents) Name() string { return "render-events" }

// OnlyObjects implements format.ObjectsOnly.
func (renderEvents) OnlyObjects() {}

// Sniff implements Format.
func (renderEvents) Sniff(head []byte) int { return format.SniffLines(head, mayBeRenderEvent) }

func mayBeRenderEvent(line []byte) bool {
	return len(line) > 20 && len(line) <= jsondoc.MaxParsed && line[0] == '{' && bytes.Contains(line, []byte(`"serviceId"`)) && bytes.Contains(line, []byte(`"evt-`)) &&
		bytes.Contains(line, []byte(`"timestamp"`)) && bytes.Contains(line, []byte(`"type"`))
}

// NewParser implements LineFormat.
func (renderEvents) NewParser(src *record.Source) format.LineParser {
	return &renderEventParser{src: src}
}

type renderEventParser struct {
	src    *record.Source
	parser fastjson.Parser
}

// ParseLine implements LineParser.
func (p *renderEventParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if !mayBeRenderEvent(line) {
		return false, nil
	}
	o := origin.Origin{Pos: record.Pos{Source: p.src, Line: lineNo}}
	v, err := p.parser.ParseBytes(line)
	if err != nil {
		return true, warning.Tell(sink, o.Pos, "malformed_line", "an event of Render that is broken JSON was left out", line)
	}
	if e := v.Get("event"); e != nil {
		v = e
	}
	kind, details := string(v.GetStringBytes("type")), v.Get("details")
	if o.Time = jsondoc.Time(v.Get("timestamp")); o.Time == 0 || kind == "" {
		return true, warning.Tell(sink, o.Pos, "malformed_line", "an event of Render that has no type or no usable time was left out", line)
	}
	// The names of its instances begin with that of their service.
	if o.Container = jsondoc.Text(jsondoc.FirstOf(details, "instanceID", "instanceId")); len(o.Container) == 0 {
		o.Service = v.GetStringBytes("serviceId")
	}
	if kind == "server_failed" {
		return true, renderFailed(&o, details.Get("reason"), line, sink)
	}
	life, reason := renderLifecycle(kind, details)
	return true, sink.Lifecycle(o.Lifecycle(life, reason, line))
}

// renderFailed makes the record of an instance that ended, by the one reason that Render gives.
func renderFailed(o *origin.Origin, reason *fastjson.Value, line []byte, sink record.Sink) error {
	if oom := reason.Get("oomKilled"); oom != nil && oom.Type() == fastjson.TypeObject || reason.GetBool("oomKilled") {
		c := o.Crash(record.CrashOOMKill, line)
		c.Exited = true
		if limit, ok := parseQuantity(oom.GetStringBytes("memoryLimit")); ok {
			c.LimitBytes = limit
		}
		return sink.Crash(c)
	}
	switch status, ok := jsondoc.Number(reason.Get("nonZeroExit")); {
	case ok && status > 0 && status <= 255:
		return sink.Crash(o.Exited(int(status), "", line))
	case len(reason.GetStringBytes("unhealthy")) > 0:
		return sink.Crash(o.Crash(record.CrashHealthCheck, line))
	case reason.GetBool("evicted"):
		return sink.Lifecycle(o.Stopped(-1, record.Evicted, line))
	case reason.GetBool("earlyExit"):
		return sink.Crash(o.Exited(0, "", line)) // a server that ends need not fail
	case reason.Get("timedOutSeconds") != nil:
		return sink.Lifecycle(o.Lifecycle(record.HealthCheckFailed, "did not listen in time", line))
	}
	return sink.Crash(o.Crash(record.CrashOther, line))
}

// renderLifecycle is what an event means that tells of no death.
func renderLifecycle(kind string, details *fastjson.Value) (record.LifecycleKind, string) {
	switch kind {
	case "server_available":
		return record.Up, ""
	case "server_unhealthy":
		return record.HealthCheckFailed, ""
	case "server_hardware_failure":
		return record.HostDown, ""
	case "server_restarted":
		return record.Restarting, ""
	case "zero_downtime_redeploy_started":
		return record.Cycling, ""
	case "deploy_started":
		return record.Deploy, ""
	case "deploy_ended":
		switch string(jsondoc.Text(jsondoc.FirstOf(details, "deployStatus", "status"))) {
		case "failed", "canceled":
			return record.DeployFinished, "failed"
		}
		return record.DeployFinished, ""
	case "maintenance_started":
		return record.Maintenance, ""
	case "maintenance_ended":
		return record.Maintenance, "over"
	case "autoscaling_started", "autoscaling_ended", "instance_count_changed":
		return record.Scale, ""
	}
	return record.LifecycleOther, kind
}
