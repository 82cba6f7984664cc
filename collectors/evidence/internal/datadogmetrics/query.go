// Package datadogmetrics reads the answers of Datadog's APIs of metrics.
package datadogmetrics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Query reads an answer of Datadog's GET /api/v1/query: series[] with metric, scope, tag_set, unit and
// pointlist [[ms, value|null], …]. An answer can be 200 and still carry an error, which is told.
//
// A point is stamped with the beginning of its bucket, and what was read in it was read later: of the bucket in which a container died the
// reading may be of the process that followed. So a sample has the time of the bucket's end (as in Timeseries): no life gets what
// was read of the next one. What the next one may get of the one before it, the sample's interval tells.
type Query struct{}

var _ format.WholeFormat = Query{}

// Name implements Format.
func (Query) Name() string { return "datadog-query" }

// Sniff implements Format.
func (Query) Sniff(head []byte) int {
	if !jsondoc.IsJSON(head) {
		return 0
	}
	has := func(s string) bool { return bytes.Contains(head, []byte(s)) }
	switch {
	case has(`"pointlist"`) && (has(`"metric"`) || has(`"scope"`)):
		return 95
	case has(`"series"`) && (has(`"from_date"`) || has(`"res_type"`)):
		return 90
	}
	return 0
}

// Parse implements WholeFormat.
func (Query) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	d := &queryReader{src: src, sink: sink, w: jsondoc.NewWalker(ctx, r), set: metrics.NewSet(src, sink)}
	err := d.w.Documents(func(first json.Token) error {
		switch first {
		case json.Delim('{'):
			return d.answer()
		case json.Delim('['): // several answers in one array
			return d.w.Array(func() error {
				return d.w.ObjectValue(d.field)
			})
		}
		return d.w.SkipRest(first)
	})
	// What a broken document held before the break is used.
	if closeErr := d.set.Close(); closeErr != nil {
		return closeErr
	}
	return err
}

type queryReader struct {
	src  *record.Source
	sink record.Sink
	w    *jsondoc.Walker
	set  *metrics.Set
	n    int64
}

func (d *queryReader) answer() error { return d.w.Object(d.field) }

func (d *queryReader) field(key string) error {
	switch key {
	case "series":
		return d.w.ArrayValue(d.series)
	case "error", "errors":
		return metrics.SourceError(d.w, d.src, "the answer of Datadog carries an error", d.sink)
	case "status":
		s, err := d.w.Text()
		if err != nil || s == "" || s == "ok" {
			return err
		}
		return warning.Tell(d.sink, record.Pos{Source: d.src}, "source_error", "the answer of Datadog has a status other than ok; its series may be missing or partial", []byte(s))
	}
	return d.w.Skip()
}

// querySeries is one series of the answer.
type querySeries struct {
	Metric      string          `json:"metric"`
	DisplayName string          `json:"display_name"`
	Scope       string          `json:"scope"`
	TagSet      []string        `json:"tag_set"`
	Unit        json.RawMessage `json:"unit"`
	Interval    json.RawMessage `json:"interval"`
	Pointlist   [][]*float64    `json:"pointlist"`
}

func (d *queryReader) series() error {
	d.n++
	var s querySeries
	ok, err := d.w.Decode(&s)
	if err != nil {
		return err
	}
	pos := record.Pos{Source: d.src, Line: d.n}
	if !ok {
		return warning.Tell(d.sink, pos, "malformed_line", "a series that is not as Datadog describes it; what could be read of it was used", []byte(s.Metric))
	}
	name := s.Metric
	if name == "" {
		name = s.DisplayName
	}
	times := make([]record.Time, 0, len(s.Pointlist))
	points := make([]metrics.Point, 0, len(s.Pointlist))
	var unplaced int64
	for _, p := range s.Pointlist {
		if len(p) < 1 || p[0] == nil {
			unplaced++
			continue
		}
		t, ok := stamp.Epoch(*p[0])
		if !ok {
			unplaced++
			continue
		}
		times = append(times, t)
		if len(p) > 1 && p[1] != nil {
			points = append(points, metrics.Point{At: t, Value: *p[1]})
		}
	}
	if err := metrics.TellUnplaced(d.sink, pos, name, unplaced); err != nil {
		return err
	}
	var l metrics.LabelSet
	addTags(&l, strings.Split(s.Scope, ","))
	addTags(&l, s.TagSet)
	names := l.Resolve()
	if names.Container == "" && len(points) > 0 {
		err := warning.Tell(d.sink, pos, "no_container", "a series over the whole fleet; ask Datadog for it by the tag that names a container", []byte(fmt.Sprintf("%s{%s}", name, s.Scope)))
		if err != nil {
			return err
		}
	}
	u, factor := unitIn(s.Unit)
	bucket := bucketOf(metrics.StepOf(times), s.Interval)
	for i := range points {
		points[i].At = points[i].At.Add(bucket)
		points[i].Value *= factor
	}
	return d.set.Add(name, u, names, d.n, bucket, points)
}

// bucketOf is how long the buckets of a series are: the interval of the answer, unless the points are closer. Where an agent reports more
// seldom than there are buckets the points are further apart, and a lone point tells nothing. Buckets are longer than 20,000 only in
// milliseconds, which the description promises and no recorded answer has.
func bucketOf(step time.Duration, interval json.RawMessage) time.Duration {
	v, ok := number.Float(interval)
	if !ok || v <= 0 || v > 1e9 {
		return step
	}
	told := number.Seconds(v)
	if v >= 20_000 && v != 86_400 {
		told /= 1000
	}
	if step == 0 || told < step {
		return told
	}
	return step
}

// addTags adds "key:value" tags; "*" and tags without a value say nothing.
func addTags(l *metrics.LabelSet, tags []string) {
	for _, t := range tags {
		key, value, ok := strings.Cut(strings.TrimSpace(t), ":")
		if ok && value != "*" {
			l.Add(key, value)
		}
	}
}

// unitIn reads the unit of a series: an array of up to two objects (the second divides), one object, or null. The scale factor
// that comes with it is used rather than a table of names, since it is what Datadog counts with.
func unitIn(raw json.RawMessage) (metrics.Unit, float64) {
	type info struct {
		Family      string   `json:"family"`
		Name        string   `json:"name"`
		ScaleFactor *float64 `json:"scale_factor"`
	}
	var list []*info
	if json.Unmarshal(raw, &list) != nil {
		var one info
		if json.Unmarshal(raw, &one) != nil {
			return metrics.NoUnit, 1
		}
		list = []*info{&one}
	}
	if len(list) == 0 || list[0] == nil || list[0].Name == "" {
		return metrics.NoUnit, 1
	}
	if len(list) > 1 && list[1] != nil && list[1].Name != "" {
		// "byte per second" is no level; "nanosecond per second" is a share of a core.
		if list[0].Family == "time" && list[1].Family == "time" {
			return metrics.Core, factorOf(list[0].ScaleFactor, 1) / factorOf(list[1].ScaleFactor, 1)
		}
		return metrics.Fraction, 1
	}
	switch list[0].Family {
	case "bytes":
		return metrics.Byte, factorOf(list[0].ScaleFactor, metrics.UnitOf(list[0].Name).Scale())
	case "time":
		return metrics.Second, factorOf(list[0].ScaleFactor, metrics.UnitOf(list[0].Name).Scale())
	case "percentage":
		if list[0].Name == "percent" {
			return metrics.Percent, 1
		}
		return metrics.Fraction, 1
	case "cpu":
		switch list[0].Name {
		case "nanocore":
			return metrics.Nanocore, 1
		case "millicore":
			return metrics.Millicore, 1
		case "microcore":
			return metrics.Core, 1e-6
		case "core", "kilocore", "megacore", "gigacore":
			return metrics.Core, factorOf(list[0].ScaleFactor, 1)
		}
	case "general", "memory", "system", "network", "database", "frequency", "logging":
		return metrics.Count, 1
	}
	return metrics.NoUnit, 1
}

func factorOf(f *float64, otherwise float64) float64 {
	if f == nil || *f <= 0 {
		return otherwise
	}
	return *f
}
