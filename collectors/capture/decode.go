package capture

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"lastcall/collectors/record"
)

// decoder turns lines back into records. It is for one goroutine; the records it passes on are valid until the next line.
type decoder struct {
	parser  fastjson.Parser
	chunk   map[int]*record.Source           // sources by their number in the current chunk
	sources map[record.Source]*record.Source // one pointer per distinct source, over all chunks and segments
	req     record.Request
	blob    []byte
	notes   func(name string, value []byte)
}

func newDecoder() *decoder {
	return &decoder{chunk: map[int]*record.Source{}, sources: map[record.Source]*record.Source{}}
}

// lines passes every record of one chunk's content to sink. bad counts lines that are no record.
func (d *decoder) lines(content []byte, sink record.Sink) (bad int64, err error) {
	clear(d.chunk)
	for len(content) > 0 {
		line, rest, _ := bytes.Cut(content, []byte{'\n'})
		content = rest
		if len(line) == 0 {
			continue
		}
		if err := d.line(line, sink); err != nil {
			if e := new(badLineError); errors.As(err, &e) {
				bad++
				continue
			}
			return bad, err
		}
	}
	return bad, nil
}

type badLineError struct{ reason string }

func (e *badLineError) Error() string { return e.reason }

func (d *decoder) line(line []byte, sink record.Sink) error {
	v, err := d.parser.ParseBytes(line)
	if err != nil {
		return &badLineError{err.Error()}
	}
	o := object{v: v}
	pos := record.Pos{Source: d.chunk[int(o.int("s"))], Line: o.int("line")}
	switch kind := o.str("t"); kind {
	case "source":
		src := record.Source{Name: o.str("name"), Format: o.str("format")}
		p, ok := d.sources[src]
		if !ok {
			p = &src
			d.sources[src] = p
		}
		d.chunk[int(o.int("i"))] = p
	case "request":
		r := &d.req
		*r = record.Request{
			Pos:   pos,
			Layer: valueOf[record.Layer](layerNames[:], o.str("layer")), Phase: valueOf[record.Phase](phaseNames[:], o.str("phase")),
			Outcome: valueOf[record.Outcome](outcomeNames[:], o.str("outcome")), Retried: o.bool("retried"),
			Start: record.Time(o.int("start")), End: record.Time(o.int("end")), Status: int(o.int("status")),
			Method: o.bytes("method"), Path: o.bytes("path"), Route: o.bytes("route"), ID: o.bytes("id"), Container: o.bytes("container"),
			Instance: o.bytes("instance"), Host: o.bytes("host"), Service: o.bytes("service"), Version: o.bytes("version"),
			User: o.bytes("user"), Client: o.bytes("client"),
		}
		if o.err == nil {
			return sink.Request(r)
		}
	case "sample":
		r := record.Sample{
			Pos: pos, Time: record.Time(o.int("time")), Metric: record.MetricOf(o.str("metric")), Value: o.float("value", 0),
			Interval:  time.Duration(o.int("interval")),
			Container: o.str("container"), Instance: o.str("instance"), Service: o.str("service"), Host: o.str("host"), Version: o.str("version"),
		}
		if o.err == nil {
			return sink.Sample(&r)
		}
	case "crash":
		r := record.Crash{
			Pos: pos, Time: record.Time(o.int("time")), Kind: record.CrashKind(o.str("kind")), Exited: o.bool("exited"), Final: o.bool("final"),
			ExitCode: int(o.int("exit_code")), Signal: o.str("signal"), LimitBytes: o.int("limit_bytes"), UsedBytes: o.int("used_bytes"),
			Uptime:    time.Duration(o.int("uptime")),
			Container: o.str("container"), Instance: o.str("instance"), Service: o.str("service"), Host: o.str("host"), Version: o.str("version"),
			Pod: o.str("pod"), Text: o.str("text"),
		}
		if o.err == nil {
			return sink.Crash(&r)
		}
	case "lifecycle":
		r := record.Lifecycle{
			Pos: pos, Time: record.Time(o.int("time")), End: record.Time(o.int("end")), Kind: record.LifecycleKind(o.str("kind")),
			ExitCode: int(o.int("exit_code")), UsedBytes: o.int("used_bytes"), LimitBytes: o.int("limit_bytes"), Merged: int(o.int("merged")), Reason: o.str("reason"),
			Container: o.str("container"), Instance: o.str("instance"), Service: o.str("service"), Host: o.str("host"), Version: o.str("version"),
			Address: o.str("address"), Pod: o.str("pod"), Text: o.str("text"),
		}
		if o.err == nil {
			return sink.Lifecycle(&r)
		}
	case "job":
		r := record.Job{
			Pos: pos, Name: o.str("name"), Start: record.Time(o.int("start")), End: record.Time(o.int("end")),
			Container: o.str("container"), Instance: o.str("instance"),
		}
		if o.err == nil {
			return sink.Job(&r)
		}
	case "exposure":
		r := record.Exposure{
			Pos: pos, From: record.Time(o.int("from")), To: record.Time(o.int("to")), Method: o.str("method"), Route: o.str("route"),
			Container: o.str("container"), Service: o.str("service"), Count: o.float("count", 0), Errors: o.float("errors", 0),
			P50: o.float("p50", math.NaN()), P99: o.float("p99", math.NaN()), Max: o.float("max", math.NaN()),
		}
		if o.err == nil {
			return sink.Exposure(&r)
		}
	case "profile":
		d.blob = o.base64("data", d.blob[:0])
		r := record.Profile{
			Pos: pos, Name: o.str("name"), Data: d.blob, Time: record.Time(o.int("time")), Container: o.str("container"),
			Instance: o.str("instance"), Version: o.str("version"), OnOOM: o.bool("on_oom"),
		}
		if o.err == nil {
			return sink.Profile(&r)
		}
	case "warning":
		r := record.Warning{Code: o.str("code"), Pos: pos, Count: o.int("count"), Text: o.str("text"), Example: o.str("example")}
		if o.err == nil {
			return sink.Warn(&r)
		}
	case "coverage":
		r := record.Coverage{
			Source: pos.Source, Signal: o.str("signal"), From: record.Time(o.int("from")), To: record.Time(o.int("to")),
			Records: o.int("records"), MissingReason: o.str("missing_reason"), Sampled: o.float("sampled", 0), Container: o.str("container"),
		}
		if o.err == nil {
			return sink.Cover(&r)
		}
	case "note":
		if d.notes != nil {
			if value := v.Get("value"); value != nil {
				d.notes(o.str("name"), value.MarshalTo(nil))
			}
		}
	case "":
		return &badLineError{"no type"}
	default:
		// A line type of a later minor addition: not ours to understand.
	}
	return o.err
}

// object reads members of one line; the first member of a wrong type is remembered in err.
type object struct {
	v   *fastjson.Value
	err error
}

func (o *object) fail(k string) {
	if o.err == nil {
		o.err = &badLineError{fmt.Sprintf("member %q has the wrong type", k)}
	}
}

func (o *object) int(k string) int64 {
	m := o.v.Get(k)
	if m == nil {
		return 0
	}
	n, err := m.Int64()
	if err != nil {
		o.fail(k)
	}
	return n
}

func (o *object) bool(k string) bool {
	m := o.v.Get(k)
	if m == nil {
		return false
	}
	b, err := m.Bool()
	if err != nil {
		o.fail(k)
	}
	return b
}

func (o *object) float(k string, absent float64) float64 {
	m := o.v.Get(k)
	if m == nil {
		return absent
	}
	if m.Type() == fastjson.TypeString {
		switch string(m.GetStringBytes()) {
		case "NaN":
			return math.NaN()
		case "+Inf":
			return math.Inf(1)
		case "-Inf":
			return math.Inf(-1)
		}
	}
	if m.Type() != fastjson.TypeNumber {
		o.fail(k)
		return 0
	}
	// Not Value.Float64: it is fast, but may miss by the last bit.
	f, err := strconv.ParseFloat(string(m.MarshalTo(nil)), 64)
	if err != nil {
		o.fail(k)
	}
	return f
}

// bytes returns a text; it is valid until the next line is parsed.
func (o *object) bytes(k string) []byte {
	m := o.v.Get(k)
	if m == nil {
		return nil
	}
	if a, err := m.Array(); err == nil && len(a) == 1 {
		s, err := a[0].StringBytes()
		if err == nil {
			if b, err := base64.StdEncoding.AppendDecode(nil, s); err == nil {
				return b
			}
		}
	} else if s, err := m.StringBytes(); err == nil {
		return s
	}
	o.fail(k)
	return nil
}

func (o *object) str(k string) string { return string(o.bytes(k)) }

func (o *object) base64(k string, dst []byte) []byte {
	b, err := base64.StdEncoding.AppendDecode(dst, o.bytes(k))
	if err != nil {
		o.fail(k)
	}
	return b
}
