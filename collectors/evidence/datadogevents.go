package evidence

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// datadogEvents reads events as Datadog's API gives them, one a line:
//
//	{"id":"AgAAAYGC","type":"event","attributes":{"timestamp":"2026-11-18T07:13:14Z","message":"…","tags":["service:api","pod_name:web-0"],
//	  "attributes":{"title":"OOMKilled","service":"api","hostname":"node-a","timestamp":1794985994000}}}
//
// Source: Datadog API, "Search events".
type datadogEvents struct{}

// Name implements Format.
func (datadogEvents) Name() string { return "datadog-events" }

// OnlyObjects implements format.ObjectsOnly.
func (datadogEvents) OnlyObjects() {}

// Sniff implements Format.
func (datadogEvents) Sniff(head []byte) int { return format.SniffLines(head, mayBeDatadogEvent) }

func mayBeDatadogEvent(line []byte) bool {
	return len(line) > 20 && len(line) <= jsondoc.MaxParsed && line[0] == '{' && bytes.Contains(line, []byte(`"attributes"`)) && jsondoc.HasKey(line, "type", `"event"`)
}

// NewParser implements LineFormat.
func (datadogEvents) NewParser(src *record.Source) format.LineParser { return datadogEventParser{src} }

type datadogEventParser struct{ src *record.Source }

// ParseLine implements LineParser.
func (p datadogEventParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if !mayBeDatadogEvent(line) {
		return false, nil
	}
	return true, ParseDatadogEvent(record.Pos{Source: p.src, Line: lineNo}, line, sink)
}

// datadogEventList reads whole answers of that API, {"data":[…],"meta":{…}}.
type datadogEventList struct{}

// Name implements Format.
func (datadogEventList) Name() string { return "datadog-events" }

// Sniff implements Format.
func (datadogEventList) Sniff(head []byte) int {
	if jsondoc.IsObject(head) && jsondoc.HasKey(head, "data", "[") && jsondoc.HasKey(head, "type", `"event"`) && bytes.Contains(head, []byte(`"attributes"`)) {
		return 97
	}
	return 0
}

// Parse implements WholeFormat; the line of a record is the number of its element.
func (datadogEventList) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	return jsondoc.EachElement(ctx, r, "data", func(i int64, element []byte) error {
		return ParseDatadogEvent(record.Pos{Source: src, Line: i}, element, sink)
	})
}

// datadogEvent is one event of the API.
type datadogEvent struct {
	Attributes struct {
		Timestamp  string   `json:"timestamp"`
		Message    string   `json:"message"`
		Tags       []string `json:"tags"`
		Attributes struct {
			Title     string `json:"title"`
			Hostname  string `json:"hostname"`
			Service   string `json:"service"`
			Source    string `json:"source_type_name"`
			Timestamp int64  `json:"timestamp"` // ms
			MonitorID *int64 `json:"monitor_id"`
		} `json:"attributes"`
	} `json:"attributes"`
}

// ParseDatadogEvent makes a record of an item of Datadog's events API that tells of a container's life; other events give none. The error is
// the sink's.
func ParseDatadogEvent(pos record.Pos, item []byte, sink record.Sink) error {
	var e datadogEvent
	if err := json.Unmarshal(item, &e); err != nil {
		return sink.Warn(&record.Warning{
			Code: "malformed_line", Pos: pos, Count: 1, Text: "an event that is not as Datadog describes it; it was left out", Example: warning.Example(item),
		})
	}
	a := &e.Attributes
	t, _, _ := stamp.Parse([]byte(a.Timestamp))
	if t == 0 && a.Attributes.Timestamp > 0 {
		t = record.TimeOf(time.UnixMilli(a.Attributes.Timestamp))
	}
	if t == 0 {
		return sink.Warn(&record.Warning{Code: "no_time", Pos: pos, Count: 1, Text: "an event without a time; it was left out", Example: warning.Example(item)})
	}
	tags := map[string]string{}
	for _, t := range a.Tags {
		if k, v, ok := strings.Cut(t, ":"); ok && tags[k] == "" {
			tags[k] = v
		}
	}
	container := ""
	for _, k := range [...]string{"pod_name", "container", "container_name", "dyno", "task_arn", "kube_container_name"} {
		container = cmp.Or(container, tags[k])
	}
	service, host := a.Attributes.Service, a.Attributes.Hostname
	service, host = cmp.Or(service, tags["service"]), cmp.Or(host, tags["host"])
	container = cmp.Or(container, host)
	title := strings.TrimSpace(a.Attributes.Title)
	text := strings.TrimSpace(title + "\n" + strings.TrimSpace(strings.Trim(a.Message, "% \n")))
	for _, part := range []string{title, a.Message} {
		if part == "" {
			continue
		}
		handled, err := ParseMessage(pos, t, container, tags["container_id"], service, host, tags["version"], []byte(part), sink)
		if handled || err != nil {
			return err
		}
	}
	kind, crash := datadogEventKind(a.Attributes.Source, text, a.Attributes.MonitorID != nil && *a.Attributes.MonitorID != 0)
	if crash != "" {
		return sink.Crash(&record.Crash{
			Pos: pos, Time: t, Kind: crash, ExitCode: -1, Container: container, Instance: tags["container_id"], Service: service, Host: host,
			Version: tags["version"], Text: origin.Quote([]byte(text)),
		})
	}
	if kind == "" {
		return nil
	}
	l := record.Lifecycle{
		Pos: pos, Time: t, Kind: kind, ExitCode: -1, Reason: cut.Clip([]byte(title), 120), Container: container, Instance: tags["container_id"], Service: service,
		Host: host, Version: tags["version"], Text: origin.Quote([]byte(text)),
	}
	if kind == record.Deploy || kind == record.DeployFinished || kind == record.Scale {
		l.Container, l.Instance = "", "" // of the service
	}
	return sink.Lifecycle(&l)
}

// datadogEventKind tells what an event says by the words that Kubernetes, Docker and deploy tools use.
func datadogEventKind(source, text string, monitor bool) (record.LifecycleKind, record.CrashKind) {
	l := []byte(strings.ToLower(source + " " + text))
	has := func(words ...string) bool {
		for _, w := range words {
			if bytes.Contains(l, []byte(w)) {
				return true
			}
		}
		return false
	}
	switch {
	case monitor:
		return "", "" // a monitor tells of what others have seen
	case has("oomkilled", "oomkilling", "oom killed", "oom-kill", "outofmemoryerror: container killed"):
		return "", record.CrashOOMKill
	case has("back-off restarting", "crashloopbackoff"):
		return record.Restarting, ""
	case has("liveness probe failed", "readiness probe failed", "unhealthy"):
		return record.HealthCheckFailed, ""
	case has("evicted", "preempt"):
		return record.Stopping, ""
	case has("nodenotready", "node not ready", "host down"):
		return record.HostDown, ""
	case has("scalingreplicaset", "scaled up", "scaled down", "autoscal"):
		return record.Scale, ""
	case has("deploy"):
		if has("finished", "succeeded", "completed", "deployed") {
			return record.DeployFinished, ""
		}
		return record.Deploy, ""
	case has("maintenance"):
		return record.Maintenance, ""
	case has("killing", "stopping container"):
		return record.Stopping, ""
	case has("started container", "container started"):
		return record.Up, ""
	case has("restart"):
		return record.Restarting, ""
	}
	return "", ""
}
