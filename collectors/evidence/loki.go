package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"io"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// lokiStreams reads the answers of Loki's /loki/api/v1/query_range and /loki/api/v1/query to queries of logs:
//
//	{"status":"success","data":{"resultType":"streams","result":[
//	  {"stream":{"namespace":"prod","pod":"web-5d8f7b9c4-x2x9q","container":"app"},
//	   "values":[["1795165200123456789","the line",{"k8s_pod_name":"…"}],…]}],"stats":{…}}}
//
// Times are nanoseconds since 1970, as text. The third element, which newer versions add, holds what was stored beside the line as structured
// metadata, or, where the query asked for categories, objects of it ("structuredMetadata") and of what the query parsed out of the line
// ("parsed"). The newest line comes first unless the query asked for forward. That an answer was cut at the query's limit does not show.
// Answers to queries of metrics are Prometheus's. Source: Grafana Loki, "HTTP API", "Query logs within a range of time".
type lokiStreams struct{ logs []format.LineFormat }

func (lokiStreams) Requests() {}

// Name implements Format.
func (lokiStreams) Name() string { return "loki" }

// Sniff implements Format. The type of the result stands behind the result where a tool sorted the keys.
func (lokiStreams) Sniff(head []byte) int {
	switch {
	case !jsondoc.IsObject(head):
	case jsondoc.HasKey(head, "resultType", `"streams"`):
		return sureOfStored
	case jsondoc.HasKey(head, "result", "[") && jsondoc.HasKey(head, "stream", "{") && jsondoc.HasKey(head, "values", "[") && !jsondoc.HasKey(head, "resultType", `"`):
		return sureOfStored
	}
	return 0
}

// Parse implements WholeFormat.
func (f lokiStreams) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &lokiReader{w: jsondoc.NewWalker(ctx, r), log: newStoredLog(ctx, src, f.logs, sink)}
	return p.log.close(p.w.Objects(p.field))
}

type lokiReader struct {
	w      *jsondoc.Walker
	log    *storedLog
	labels metrics.LabelSet // of the stream
	from   *speaker         // who bears them
	number int64            // of the entry
}

func (p *lokiReader) field(key string) error {
	switch key {
	case "data":
		return p.w.ObjectValue(p.field)
	case "result":
		return p.w.ArrayValue(p.stream)
	case "warnings", "error":
		line := lineOf(p.w, p.number)
		var raw json.RawMessage
		if _, err := p.w.Decode(&raw); err != nil || len(raw) == 0 || string(raw) == "null" || string(raw) == "[]" || string(raw) == `""` {
			return err
		}
		return warning.Tell(p.log.sink, p.log.pos(line), "source_error", "the answer of Loki carries an error or a warning; its lines may be missing or partial", raw)
	}
	return p.w.Skip()
}

func (p *lokiReader) stream() error {
	p.labels, p.from = metrics.LabelSet{}, nil
	t, err := p.w.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		if err := p.w.SkipRest(t); err != nil {
			return err
		}
		return p.unreadable("a stream of Loki's answer that is none; it was left out")
	}
	return p.w.Object(func(key string) error {
		switch key {
		case "stream":
			err := p.readLabels(&p.labels)
			p.from = p.log.speaker(&p.labels)
			return err
		case "values":
			return p.w.ArrayValue(p.entry)
		}
		return p.w.Skip()
	})
}

// readLabels adds the labels of an object; what the query parsed out of the line is no label of who wrote it.
func (p *lokiReader) readLabels(l *metrics.LabelSet) error {
	return p.w.ObjectValue(func(key string) error {
		switch key {
		case "structuredMetadata":
			return p.readLabels(l)
		case "parsed":
			return p.w.Skip()
		}
		value, err := p.w.Text()
		if err == nil {
			l.AddProm(key, value)
		}
		return err
	})
}

// entry reads [time, line] or [time, line, metadata].
func (p *lokiReader) entry() error {
	t, err := p.w.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		if err := p.w.SkipRest(t); err != nil {
			return err
		}
		return p.unreadable(lokiEntry)
	}
	var at, line string
	from, n := p.from, 0
	isText := true
	err = p.w.Array(func() error {
		n++
		if n == 3 {
			own := p.labels
			if err := p.readLabels(&own); err != nil {
				return err
			}
			if own != p.labels {
				from = p.log.speaker(&own)
			}
			return nil
		}
		if n > 3 {
			return p.w.Skip()
		}
		t, err := p.w.Token()
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if n == 1 {
			at = s
		} else {
			line = s
		}
		isText = isText && ok
		return p.w.SkipRest(t)
	})
	if err != nil {
		return err
	}
	ns, ok := number.Epoch([]byte(at))
	if n < 2 || !isText || !ok {
		return p.unreadable(lokiEntry)
	}
	p.number++
	return p.log.add(lineOf(p.w, p.number), record.Time(ns), from, []byte(line))
}

const lokiEntry = "an entry of Loki's answer that is no time and line; it was left out"

func (p *lokiReader) unreadable(why string) error {
	p.number++
	return warning.Tell(p.log.sink, p.log.pos(lineOf(p.w, p.number)), "malformed_line", why, nil)
}

// lokiLines reads what `logcli query -o jsonl` prints, and the logs that Grafana's Explore saves as JSON, which is an array:
//
//	{"labels":{"pod":"web-5d8f7b9c4-x2x9q"},"line":"the line","timestamp":"2026-11-20T09:00:00.123456789Z"}
//	[{"line":"the line","timestamp":"1795165200123456789","date":"2026-11-20T09:00:00.123Z","fields":{"pod":"web-5d8f7b9c4-x2x9q"}}]
//
// logcli leaves out the labels where it is asked to. Sources: grafana/loki, pkg/logcli/output/jsonl.go; grafana/grafana, logRowsToReadableJson.
type lokiLines struct{ logs []format.LineFormat }

func (lokiLines) Requests() {}

// Name implements Format.
func (lokiLines) Name() string { return "loki-lines" }

// Sniff implements Format.
func (lokiLines) Sniff(head []byte) int {
	if !jsondoc.HasKey(head, "line", `"`) || !jsondoc.HasKey(head, "timestamp", `"`) {
		return 0
	}
	if jsondoc.IsSpread(head) {
		head, _ = io.ReadAll(jsondoc.NewFlattener(bytes.NewReader(head)))
	}
	var parser fastjson.Parser
	return sureOfMost(format.SniffLines(head, func(line []byte) bool { return onlyLokiLine(&parser, line) }))
}

// isLokiLine is the cheap test.
func isLokiLine(line []byte) bool {
	return line[0] == '{' && bytes.Contains(line, []byte(`"line"`)) && bytes.Contains(line, []byte(`"timestamp"`))
}

// onlyLokiLine reports whether an object holds what Loki's have and nothing else: loggers write of which line of the source a message comes
// beside a time as well.
func onlyLokiLine(parser *fastjson.Parser, line []byte) bool {
	if !isLokiLine(line) || len(line) > jsondoc.MaxParsed {
		return false
	}
	v, err := parser.ParseBytes(line)
	if err != nil || v.GetStringBytes("line") == nil || v.GetStringBytes("timestamp") == nil {
		return false
	}
	only := true
	o, _ := v.Object()
	o.Visit(func(key []byte, _ *fastjson.Value) {
		switch string(key) {
		case "line", "timestamp", "labels", "date", "fields":
		default:
			only = false
		}
	})
	return only
}

// Parse implements WholeFormat.
func (f lokiLines) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &lokiLineReader{log: newStoredLog(ctx, src, f.logs, sink)}
	stats, err := format.EachLine(ctx, r, p.line)
	if err == nil {
		err = p.log.tooLong(stats)
	}
	return p.log.close(err)
}

type lokiLineReader struct {
	log      *storedLog
	parser   fastjson.Parser
	last     record.Time // of an entry
	speakers speakers    // by their labels as they stand in the line
}

func (p *lokiLineReader) line(no int64, line []byte) error {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil
	}
	tell := func(why string) error {
		return warning.Tell(p.log.sink, p.log.pos(no), "malformed_line", why, line)
	}
	switch {
	case !isLokiLine(line): // such as what the client says besides
		return p.log.add(no, p.last, nil, line)
	case len(line) > jsondoc.MaxParsed:
		return tell("an entry of Loki of more than 1 MiB was left out")
	}
	v, err := p.parser.ParseBytes(line)
	if err != nil {
		return tell("an entry of Loki that is broken JSON was left out")
	}
	text := v.Get("line")
	at, _, ok := stamp.Parse(v.GetStringBytes("timestamp"))
	if ns, isEpoch := number.Epoch(v.GetStringBytes("timestamp")); isEpoch {
		at, ok = record.Time(ns), true // to the nanosecond
	}
	if text == nil || text.Type() != fastjson.TypeString || !ok {
		return tell(lokiEntry)
	}
	p.last = at
	return p.log.add(no, at, p.speaker(jsondoc.FirstOf(v, "labels", "fields")), text.GetStringBytes())
}

// speaker is who bears the labels, of which those of most lines are the same as before.
func (p *lokiLineReader) speaker(labels *fastjson.Value) *speaker {
	if labels == nil || labels.Type() != fastjson.TypeObject {
		return nil
	}
	return p.speakers.of(string(labels.MarshalTo(nil)), func() *speaker {
		var l metrics.LabelSet
		o, _ := labels.Object()
		o.Visit(func(name []byte, value *fastjson.Value) {
			if value.Type() == fastjson.TypeString {
				l.AddProm(string(name), string(value.GetStringBytes()))
			}
		})
		return p.log.speaker(&l)
	})
}
