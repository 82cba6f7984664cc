package datadog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// eventPages bounds the pages of events.
const eventPages = 3

// events lists deploys, restarts, Kubernetes events and monitor transitions.
func (r *run) events(ctx context.Context) error {
	src := newSources().events
	query := "*"
	if r.q.Service != "" {
		query = "service:" + quote(r.q.Service)
		if fleet := r.fleet(); len(fleet) > 0 && len(fleet) <= 60 {
			query = fmt.Sprintf("(%s OR %s:(%s))", query, r.d.tag(), quoteAll(fleet))
		}
	}
	query = r.withEnv(query)
	err := r.slice(ctx, "11-events", r.sink, nil, func(s *slice) error {
		n := int64(0)
		out, err := r.api.list(ctx, pathEvents, listing{query: query, from: r.from, to: r.to, last: true, pages: eventPages}, func(at time.Time, _ string, item []byte) error {
			n++
			return parseEvent(record.Pos{Source: src, Line: n}, at, item, s)
		})
		if err != nil {
			return err
		}
		if out.truncated {
			s.missing(src.Name, "lifecycle", fmt.Sprintf("more events than %d pages hold: read up to %s", eventPages, out.until.Format("15:04:05")))
		}
		if out.partial != "" {
			s.missing(src.Name, "lifecycle", out.partial)
		}
		return nil
	})
	return r.gap(src.Name, "lifecycle", err)
}

func (d *discovery) tag() string {
	if d.ContainerTag == "" {
		return "container_name"
	}
	return d.ContainerTag
}

// event is one event of the API.
type event struct {
	Attributes struct {
		Message    string   `json:"message"`
		Tags       []string `json:"tags"`
		Attributes struct {
			Title      string `json:"title"`
			Hostname   string `json:"hostname"`
			Service    string `json:"service"`
			Source     string `json:"source_type_name"`
			Timestamp  int64  `json:"timestamp"`
			MonitorID  *int64 `json:"monitor_id"`
			Status     string `json:"status"`
			Duration   int64  `json:"duration"`
			EventTitle string `json:"event_object"`
		} `json:"attributes"`
	} `json:"attributes"`
}

// parseEvent makes a record of an event that tells of a container's life; other events give none.
func parseEvent(pos record.Pos, at time.Time, item []byte, sink record.Sink) error {
	var e event
	if err := json.Unmarshal(item, &e); err != nil {
		return sink.Warn(&record.Warning{
			Code: "malformed_line", Pos: pos, Count: 1, Text: "an event that is not as Datadog describes it; it was left out", Example: clip(string(item), 200),
		})
	}
	a := &e.Attributes
	if at.IsZero() && a.Attributes.Timestamp > 0 {
		at = time.UnixMilli(a.Attributes.Timestamp)
	}
	if at.IsZero() {
		return sink.Warn(&record.Warning{Code: "no_time", Pos: pos, Count: 1, Text: "an event without a time; it was left out", Example: clip(string(item), 200)})
	}
	tags := map[string]string{}
	for _, t := range a.Tags {
		if k, v, ok := strings.Cut(t, ":"); ok && tags[k] == "" {
			tags[k] = v
		}
	}
	container := ""
	for _, k := range containerTags {
		if container == "" && k != "container_id" && k != "host" {
			container = tags[k]
		}
	}
	service, host := a.Attributes.Service, a.Attributes.Hostname
	if service == "" {
		service = tags["service"]
	}
	if host == "" {
		host = tags["host"]
	}
	if container == "" {
		container = host
	}
	t := record.TimeOf(at)
	title := strings.TrimSpace(a.Attributes.Title)
	text := strings.TrimSpace(title + "\n" + strings.TrimSpace(strings.Trim(a.Message, "% \n")))
	for _, part := range []string{title, a.Message} {
		if part == "" {
			continue
		}
		handled, err := evidence.ParseMessage(pos, t, container, tags["container_id"], service, host, tags["version"], []byte(part), sink)
		if handled || err != nil {
			return err
		}
	}
	kind, crash := eventKind(a.Attributes.Source, text, a.Attributes.MonitorID != nil && *a.Attributes.MonitorID != 0)
	if crash != "" {
		return sink.Crash(&record.Crash{
			Pos: pos, Time: t, Kind: crash, ExitCode: -1, Container: container, Instance: tags["container_id"], Service: service, Host: host,
			Version: tags["version"], Text: clip(text, 300),
		})
	}
	if kind == "" {
		return nil
	}
	l := record.Lifecycle{
		Pos: pos, Time: t, Kind: kind, ExitCode: -1, Reason: clip(title, 120), Container: container, Instance: tags["container_id"], Service: service,
		Host: host, Version: tags["version"], Text: clip(text, 300),
	}
	if kind == record.Deploy || kind == record.DeployFinished || kind == record.Scale {
		l.Container, l.Instance = "", "" // of the service
	}
	return sink.Lifecycle(&l)
}

// eventKind tells what an event says by the words that Kubernetes, Docker and deploy tools use.
func eventKind(source, text string, monitor bool) (record.LifecycleKind, record.CrashKind) {
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
	case has("oomkilled", "oomkilling", "oom killed", "oom-kill"):
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
