package datadog

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// Turning answers into records is package evidence's; this file only brings overridden names into the shape it knows.

// plainNames are names that package evidence reads as the given metric, whatever the metric was called.
var plainNames = map[record.Metric]string{
	record.RSS: "memory.rss", record.WorkingSet: "memory.working_set", record.HeapUsed: "heap.used", record.HeapTotal: "heap.total",
	record.External: "memory.external", record.MemoryLimit: "memory.limit", record.HeapLimit: "heap.limit", record.CPU: "container.cpu.usage",
	record.EventLoopDelayMax: "event_loop.delay.max", record.EventLoopDelayMean: "event_loop.delay.avg", record.GCPause: "gc.pause.sum",
	record.Goroutines: "goroutines", record.OOMEvents: "oom_events", record.Restarts: "containers.restarts", record.RequestRate: "request.rate",
}

// parseSeries passes the samples of a v1 answer on. rename maps metric names to those that package evidence knows; tag, when set,
// is a tag that names the container under a name of its own.
func parseSeries(ctx context.Context, src *record.Source, body []byte, rename map[string]string, tag string, sink record.Sink) error {
	if len(rename) > 0 || tag != "" {
		var doc map[string]json.RawMessage
		var series []map[string]json.RawMessage
		if json.Unmarshal(body, &doc) == nil && json.Unmarshal(doc["series"], &series) == nil {
			for _, s := range series {
				var name, scope string
				var tags []string
				if json.Unmarshal(s["metric"], &name) == nil && rename[name] != "" {
					s["metric"] = quoted(rename[name])
				}
				if tag == "" {
					continue
				}
				if json.Unmarshal(s["tag_set"], &tags) == nil {
					for i, t := range tags {
						if v, ok := strings.CutPrefix(t, tag+":"); ok {
							tags[i] = "container_name:" + v
						}
					}
					s["tag_set"], _ = json.Marshal(tags)
				}
				if json.Unmarshal(s["scope"], &scope) == nil {
					parts := strings.Split(scope, ",")
					for i, t := range parts {
						if v, ok := strings.CutPrefix(t, tag+":"); ok {
							parts[i] = "container_name:" + v
						}
					}
					s["scope"] = quoted(strings.Join(parts, ","))
				}
			}
			if b, err := json.Marshal(series); err == nil {
				doc["series"] = b
				if b, err := json.Marshal(doc); err == nil {
					body = b
				}
			}
		}
	}
	return evidence.ParseDatadogQuery(ctx, src, bytes.NewReader(body), sink)
}

func quoted(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always marshals
	return b
}

// logParser parses log items. It is for one goroutine.
type logParser struct {
	p    evidence.LineParser
	attr Attributes
}

func newLogParser(src *record.Source, attr Attributes) *logParser {
	return &logParser{p: evidence.NewDatadogLogParser(src), attr: attr}
}

func (p *logParser) parse(line int64, item []byte, sink record.Sink) (handled bool, err error) {
	if !p.attr.empty() {
		item = p.attr.standard(item)
	}
	return p.p.ParseLine(line, item, sink)
}

// standard returns the item with the attributes named in a put where Datadog's standard attributes are. An item that lacks them,
// or is not understood, comes back as it was.
func (a Attributes) standard(item []byte) []byte {
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(item))
	dec.UseNumber()
	if dec.Decode(&doc) != nil {
		return item
	}
	outer, _ := doc["attributes"].(map[string]any)
	attrs, _ := outer["attributes"].(map[string]any)
	if outer == nil {
		return item
	}
	if attrs == nil {
		attrs = map[string]any{}
		outer["attributes"] = attrs
	}
	changed := false
	move := func(from string, to ...string) {
		if from == "" {
			return
		}
		if v, ok := lookup(attrs, from); ok {
			store(attrs, v, to...)
			changed = true
		}
	}
	if path, unit, _ := strings.Cut(a.Duration, ":"); path != "" {
		if v, ok := lookup(attrs, path); ok {
			if ns, ok := nanoseconds(v, unit); ok {
				attrs["duration"] = ns
				changed = true
			}
		}
	}
	move(a.Route, "http", "route")
	move(a.Path, "http", "url_details", "path")
	move(a.Method, "http", "method")
	move(a.Status, "http", "status_code")
	move(a.RequestID, "http", "request_id")
	if a.Container != "" {
		tags, _ := outer["tags"].([]any)
		if key, ok := strings.CutPrefix(a.Container, "tag:"); ok {
			for i, t := range tags {
				if s, ok := t.(string); ok {
					if v, ok := strings.CutPrefix(s, key+":"); ok {
						tags[i] = "container_name:" + v
						changed = true
					}
				}
			}
		} else if v, ok := lookup(attrs, a.Container); ok {
			if s, ok := v.(string); ok && s != "" {
				outer["tags"] = append(slices.Clone(tags), "container_name:"+s)
				changed = true
			}
		}
	}
	if !changed {
		return item
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return item
	}
	return b
}

// lookup finds a path such as "http.route", which may be nested, flat, or partly so.
func lookup(m map[string]any, path string) (any, bool) {
	if v, ok := m[path]; ok && v != nil {
		return v, true
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '.' {
			continue
		}
		if in, ok := m[path[:i]].(map[string]any); ok {
			if v, ok := lookup(in, path[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

func store(m map[string]any, v any, path ...string) {
	for _, k := range path[:len(path)-1] {
		in, ok := m[k].(map[string]any)
		if !ok {
			in = map[string]any{}
			m[k] = in
		}
		m = in
	}
	m[path[len(path)-1]] = v
}

// nanoseconds reads a duration in the unit given; Datadog's own is the nanosecond.
func nanoseconds(v any, unit string) (int64, bool) {
	var f float64
	switch x := v.(type) {
	case json.Number:
		n, err := x.Float64()
		if err != nil {
			return 0, false
		}
		f = n
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(x), 64)
		if err != nil {
			return 0, false
		}
		f = n
	default:
		return 0, false
	}
	switch unit {
	case "s":
		f *= 1e9
	case "ms":
		f *= 1e6
	case "us", "µs":
		f *= 1e3
	}
	if f < 0 || f > 1<<62 || f != f {
		return 0, false
	}
	return int64(f), true
}
