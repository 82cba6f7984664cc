// Package prometheus reads the answers of Prometheus and the texts that it scrapes.
package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// Query reads answers of Prometheus's /api/v1/query_range and /api/v1/query: {"status":"success","data":{"resultType":"matrix",
// "result":[{"metric":{"__name__":…,"pod":…},"values":[[1435781430.781,"1"],…]}]}}. Counters of CPU seconds become rates. A series without a
// name, which is what an expression gives, is counted and told of.
type Query struct{}

var _ format.WholeFormat = Query{}

// Name implements Format.
func (Query) Name() string { return "prometheus-query" }

// Sniff implements Format.
func (Query) Sniff(head []byte) int {
	if !jsondoc.IsObject(head) {
		return 0
	}
	if bytes.Contains(head, []byte(`"resultType"`)) && bytes.Contains(head, []byte(`"status"`)) {
		return 95
	}
	return 0
}

// Parse implements WholeFormat.
func (Query) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	p := &queryReader{src: src, sink: sink, w: jsondoc.NewWalker(ctx, r), set: metrics.NewSet(src, sink)}
	err := p.w.Objects(p.field)
	if closeErr := p.close(); closeErr != nil {
		return closeErr
	}
	return err
}

// close emits what is held.
func (p *queryReader) close() error {
	err := p.heap.Close(func(h *metrics.Heap, l metrics.Labels, points []metrics.Point) error {
		if len(points) == 0 {
			p.set.Skip(h.Name, h.Count())
			return nil
		}
		return p.set.AddMeaning(h.Name, h.Meaning, l, h.Line, 0, points)
	})
	if err != nil {
		return err
	}
	return p.set.Close()
}

type queryReader struct {
	src  *record.Source
	sink record.Sink
	w    *jsondoc.Walker
	set  *metrics.Set
	heap metrics.HeapPools
	n    int64
}

func (p *queryReader) field(key string) error {
	switch key {
	case "data":
		return p.w.ObjectValue(p.field)
	case "result":
		return p.w.ArrayValue(p.series)
	case "error", "warnings":
		return metrics.SourceError(p.w, p.src, "the answer of Prometheus carries an error or a warning", p.sink)
	}
	return p.w.Skip()
}

type querySeries struct {
	Metric map[string]string    `json:"metric"`
	Values [][2]json.RawMessage `json:"values"`
	Value  [2]json.RawMessage   `json:"value"`
}

func (p *queryReader) series() error {
	p.n++
	var s querySeries
	ok, err := p.w.Decode(&s)
	if err != nil {
		return err
	}
	if !ok { // A scalar's answer holds bare numbers.
		return nil
	}
	if len(s.Values) == 0 && len(s.Value[0]) > 0 {
		s.Values = append(s.Values, s.Value)
	}
	points := make([]metrics.Point, 0, len(s.Values))
	var unplaced int64
	for _, v := range s.Values {
		at, ok := number.Float(v[0])
		t, isTime := stamp.Epoch(at)
		if !ok || !isTime {
			unplaced++
			continue
		}
		var text string
		if json.Unmarshal(v[1], &text) != nil {
			text = string(v[1])
		}
		x, err := valueOf(text)
		if err != nil {
			continue
		}
		points = append(points, metrics.Point{At: t, Value: x})
	}
	name := s.Metric["__name__"]
	if err := metrics.TellUnplaced(p.sink, record.Pos{Source: p.src, Line: p.n}, name, unplaced); err != nil {
		return err
	}
	if name == "" {
		return p.sink.Warn(&record.Warning{
			Code: "unnamed_series", Pos: record.Pos{Source: p.src, Line: p.n}, Count: 1,
			Text: "the answer does not say which metric it holds; query the metric itself rather than an expression of it",
		})
	}
	var l metrics.LabelSet
	for _, key := range sortedKeys(s.Metric) {
		l.AddProm(key, s.Metric[key])
	}
	m, ok := metrics.MeaningOf(name, metrics.NoUnit)
	if name == "kube_pod_container_resource_limits" {
		m, ok = metrics.Meaning{Metric: record.MemoryLimit, Rank: 40, Scale: 1}, s.Metric["resource"] == "memory"
	}
	pool := ""
	if !ok {
		if m, ok = metrics.HeapPoolMeaning(name); ok {
			pool, ok = l.HeapPool()
		}
	}
	names, own := l.ResolveProm()
	if !ok || !own {
		p.set.Skip(name, len(points))
		return nil
	}
	if m.Pool {
		p.heap.Add(name, m, names, pool, p.n, points...)
		return nil
	}
	return p.set.AddMeaning(name, m, names, p.n, 0, points)
}

// sortedKeys lists the keys of m in order, so that output never depends on that of a map.
func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
