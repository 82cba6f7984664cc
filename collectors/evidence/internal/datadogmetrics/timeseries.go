package datadogmetrics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Timeseries reads an answer of Datadog's POST /api/v2/query/timeseries: data.attributes with series[] (group_tags, query_index,
// unit), one shared times[] in milliseconds, and values[][] with nulls. The answer does not name its metrics. They are taken from the request when it was
// saved along ("query" fields anywhere in the document, in order), else from the name of the file; without either
// the series are counted and told of.
type Timeseries struct{}

var _ format.WholeFormat = Timeseries{}

// Name implements Format.
func (Timeseries) Name() string { return "datadog-timeseries" }

// Sniff implements Format.
func (Timeseries) Sniff(head []byte) int {
	if !jsondoc.IsJSON(head) {
		return 0
	}
	has := func(s string) bool { return bytes.Contains(head, []byte(s)) }
	if has(`"timeseries_response"`) || (has(`"group_tags"`) && has(`"query_index"`)) {
		return 95
	}
	return 0
}

// Parse implements WholeFormat.
func (Timeseries) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	d := &timeseriesReader{src: src, sink: sink, w: jsondoc.NewWalker(ctx, r), set: metrics.NewSet(src, sink)}
	d.w.Bound(4 * jsondoc.MaxValue) // the values of all series are one array
	err := d.w.Documents(func(first json.Token) error {
		switch first {
		case json.Delim('{'):
			return d.document()
		case json.Delim('['):
			return d.w.Array(func() error {
				t, err := d.w.Token()
				if err != nil {
					return err
				}
				if err := d.value(t); err != nil {
					return err
				}
				return d.flush()
			})
		}
		return d.w.SkipRest(first)
	})
	if closeErr := d.set.Close(); closeErr != nil {
		return closeErr
	}
	return err
}

type timeseriesReader struct {
	src     *record.Source
	sink    record.Sink
	w       *jsondoc.Walker
	set     *metrics.Set
	n       int64
	queries []string
	answers []timeseriesAttributes
	held    int // points of the answers
}

// maxQueries bounds the queries of a document whose answers are not yet known.
const maxQueries = 10_000

type timeseriesAttributes struct {
	Series []struct {
		GroupTags  []string        `json:"group_tags"`
		QueryIndex int             `json:"query_index"`
		Unit       json.RawMessage `json:"unit"`
	} `json:"series"`
	Times  []float64    `json:"times"`
	Values [][]*float64 `json:"values"`
}

func (d *timeseriesReader) document() error {
	if err := d.w.Object(d.field); err != nil {
		return err
	}
	return d.flush()
}

// field reads one field of the document, whatever the answer is wrapped in.
func (d *timeseriesReader) field(key string) error {
	switch key {
	case "attributes":
		return d.attributes()
	case "errors":
		return metrics.SourceError(d.w, d.src, "the answer of Datadog carries an error", d.sink)
	}
	t, err := d.w.Token()
	if err != nil {
		return err
	}
	if q, ok := t.(string); ok && key == "query" && len(d.queries) < maxQueries {
		d.queries = append(d.queries, q)
	}
	return d.value(t)
}

// attributes reads those of an answer, or looks for queries in those of a request.
func (d *timeseriesReader) attributes() error {
	var a timeseriesAttributes
	err := d.w.ObjectValue(func(key string) error {
		var ok bool
		var err error
		switch key {
		case "series":
			ok, err = d.w.Decode(&a.Series)
		case "times":
			ok, err = d.w.Decode(&a.Times)
		case "values":
			ok, err = d.w.Decode(&a.Values)
		default:
			return d.field(key)
		}
		if err == nil && !ok {
			err = warning.Tell(d.sink, record.Pos{Source: d.src}, "malformed_line", "an answer that is not as Datadog describes it; what could be read of it was used", []byte(key))
		}
		return err
	})
	if err != nil || len(a.Series) == 0 {
		return err
	}
	// Unnamed series weigh as well: a document may hold nothing else.
	d.held += 16*len(a.Series) + len(a.Times)
	for _, v := range a.Values {
		d.held += len(v)
	}
	if d.held > metrics.MaxHeldPoints {
		return fmt.Errorf("one document holds more than %d points; save shorter times apart", metrics.MaxHeldPoints)
	}
	d.answers = append(d.answers, a)
	return nil
}

// value looks into a value that may hold the answer or the request; t is its first token.
func (d *timeseriesReader) value(t json.Token) error {
	switch t {
	case json.Delim('{'):
		return d.w.Object(d.field)
	case json.Delim('['):
		return d.w.Array(func() error {
			t, err := d.w.Token()
			if err != nil {
				return err
			}
			return d.value(t)
		})
	}
	return nil
}

// flush makes samples of the answers gathered.
func (d *timeseriesReader) flush() error {
	for _, a := range d.answers {
		times := make([]record.Time, len(a.Times))
		var unplaced int64
		for i, ms := range a.Times {
			var ok bool
			if times[i], ok = stamp.Epoch(ms); !ok {
				unplaced++
			}
		}
		if err := metrics.TellUnplaced(d.sink, record.Pos{Source: d.src, Line: d.n + 1}, "times", unplaced); err != nil {
			return err
		}
		step := metrics.StepOf(times)
		for i, s := range a.Series {
			d.n++
			if i >= len(a.Values) {
				break
			}
			name := d.metric(s.QueryIndex)
			points := make([]metrics.Point, 0, len(times))
			u, factor := unitIn(s.Unit)
			for j, v := range a.Values[i] {
				if j < len(times) && times[j] != 0 && v != nil {
					points = append(points, metrics.Point{At: times[j].Add(step), Value: *v * factor}) // see Query
				}
			}
			if name == "" {
				err := d.sink.Warn(&record.Warning{
					Code: "unnamed_series", Pos: record.Pos{Source: d.src, Line: d.n}, Count: 1,
					Text: "the answer does not say which metric it holds; save the request beside it, or name the file after the metric",
				})
				if err != nil {
					return err
				}
				continue
			}
			var l metrics.LabelSet
			addTags(&l, s.GroupTags)
			names := l.Resolve()
			if names.Container == "" && len(points) > 0 {
				if err := warning.Tell(d.sink, record.Pos{Source: d.src, Line: d.n}, "no_container", "a series over the whole fleet; ask Datadog for it by the tag that names a container", []byte(name)); err != nil {
					return err
				}
			}
			if err := d.set.Add(name, u, names, d.n, step, points); err != nil {
				return err
			}
		}
	}
	d.answers, d.queries, d.held = nil, nil, 0
	return nil
}

// metric names the series of a query.
func (d *timeseriesReader) metric(index int) string {
	if index >= 0 && index < len(d.queries) {
		return metrics.MetricOfQuery(d.queries[index])
	}
	name := path.Base(strings.ReplaceAll(d.src.Name, "\\", "/"))
	for _, ext := range []string{".gz", ".zst", ".json", ".ndjson"} {
		name = strings.TrimSuffix(name, ext)
	}
	if _, ok := metrics.MeaningOf(name, metrics.NoUnit); ok {
		return name
	}
	return ""
}
