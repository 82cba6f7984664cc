package prometheus

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/metrics"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Text reads the text exposition of Prometheus (and OpenMetrics) with timestamps, as cAdvisor, kube-state-metrics and
// federation print it. A line without a time says when nothing happened: it is counted and told of, except for what is itself a
// time (process_start_time_seconds, container_start_time_seconds).
//
// Source: Prometheus documentation, "Exposition formats".
type Text struct{}

var (
	_ format.LineFormat = Text{}
	_ format.Sequential = Text{}
	_ format.TextOnly   = Text{}
	_ format.Forgetful  = (*expositionParser)(nil)
	_ format.Finisher   = (*expositionParser)(nil)
)

// Name implements Format.
func (Text) Name() string { return "prometheus-text" }

// Sniff implements Format.
func (Text) Sniff(head []byte) int {
	comments, lines, mine := 0, 0, 0
	cut.FirstLines(head, 400, func(line []byte) {
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			return
		case line[0] == '#':
			if bytes.HasPrefix(line, []byte("# HELP ")) || bytes.HasPrefix(line, []byte("# TYPE ")) || bytes.Equal(line, []byte("# EOF")) {
				comments++
			}
			return
		}
		lines++
		if _, ok := parseExposition(line); ok {
			mine++
		}
	})
	switch {
	case comments > 0 && mine == lines && lines > 0:
		return 95
	case comments > 1 && mine*10 >= lines*9:
		return 80
	case lines > 0 && mine == lines && bytes.Contains(head, []byte("{")) && bytes.Contains(head, []byte(`="`)):
		return 50
	}
	return 0
}

// OnlyText spares the format lines that are JSON objects.
func (Text) OnlyText() {}

// NewParser implements LineFormat.
func (Text) NewParser(src *record.Source) format.LineParser {
	return &expositionParser{src: src, known: map[string]metrics.Meaning{}}
}

type expositionParser struct {
	src   *record.Source
	known map[string]metrics.Meaning
	heaps metrics.HeapPools
}

// Sequential implements Sequential: which container of a pod goes by its name depends on which came first.
func (Text) Sequential() bool { return true }

// Forget implements format.Forgetful.
func (p *expositionParser) Forget() { p.heaps = metrics.HeapPools{} }

// ParseLine implements LineParser.
func (p *expositionParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	if len(line) > 0 && line[0] == '#' {
		return bytes.HasPrefix(line, []byte("# HELP ")) || bytes.HasPrefix(line, []byte("# TYPE ")) || bytes.HasPrefix(line, []byte("# UNIT ")) || bytes.Equal(line, []byte("# EOF")), nil
	}
	e, ok := parseExposition(line)
	if !ok || (len(e.labels) == 0 && bytes.IndexByte(e.name, '_') < 0) {
		return false, nil // "Retries 3" is a sentence of somebody's log.
	}
	pos := record.Pos{Source: p.src, Line: lineNo}
	name := string(e.name)
	var l metrics.LabelSet
	if name == "process_start_time_seconds" || name == "container_start_time_seconds" {
		metrics.ReadPromLabels(e.labels, l.AddProm)
		return true, p.started(pos, &l, e.value, sink)
	}
	m, known := p.known[name]
	if !known {
		var ok bool
		if m, ok = metrics.MeaningOf(name, metrics.NoUnit); !ok {
			m, _ = metrics.HeapPoolMeaning(name)
		}
		if len(p.known) < 10_000 {
			p.known[name] = m
		}
	}
	if name == "kube_pod_container_resource_limits" {
		resource := ""
		metrics.ReadPromLabels(e.labels, func(k, v string) {
			if k == "resource" {
				resource = v
			}
		})
		if resource == "memory" {
			m = metrics.Meaning{Metric: record.MemoryLimit, Rank: 40, Scale: 1}
		}
	}
	// A counter has no rate in one scrape.
	if m.Metric == record.MetricUnknown || m.Counter {
		return true, nil
	}
	metrics.ReadPromLabels(e.labels, l.AddProm)
	pool := ""
	if m.Pool {
		if pool, ok = l.HeapPool(); !ok {
			return true, nil
		}
	}
	names, ok := l.ResolveProm()
	if !ok {
		return true, nil
	}
	if e.at == 0 {
		return true, warning.Tell(sink, pos, "no_time", "a scrape without timestamps says when nothing happened; its values were left out", line)
	}
	if m.Pool {
		p.heaps.Add(name, m, names, pool, lineNo, metrics.Point{At: e.at, Value: e.value})
		return true, nil
	}
	return true, metrics.EmitPoints(sink, pos, m, names, 0, []metrics.Point{{At: e.at, Value: e.value}})
}

// Finish implements format.Finisher: the pools of one instant may stand anywhere.
func (p *expositionParser) Finish(sink record.Sink) error {
	return p.heaps.Close(func(h *metrics.Heap, l metrics.Labels, points []metrics.Point) error {
		return metrics.EmitPoints(sink, record.Pos{Source: p.src, Line: h.Line}, h.Meaning, l, 0, points)
	})
}

// started tells when a process or container began.
func (p *expositionParser) started(pos record.Pos, l *metrics.LabelSet, at float64, sink record.Sink) error {
	names, ok := l.ResolveProm()
	t, isTime := stamp.Epoch(at)
	if !ok || !isTime || names.Container == "" {
		return nil
	}
	o := origin.Origin{Pos: pos, Time: t, Container: []byte(names.Container), Instance: []byte(names.Instance), Service: []byte(names.Service), Host: []byte(names.Host)}
	return sink.Lifecycle(o.Lifecycle(record.Up, record.StartTime, nil))
}

// exposition is one line: name{labels} value timestamp.
type exposition struct {
	name, labels []byte
	value        float64
	at           record.Time
}

// parseExposition takes a line apart; the labels stay as written.
func parseExposition(line []byte) (exposition, bool) {
	n := 0
	for n < len(line) && isMetricByte(line[n], n) {
		n++
	}
	if n == 0 {
		return exposition{}, false
	}
	e := exposition{name: line[:n]}
	rest := line[n:]
	if len(rest) > 0 && rest[0] == '{' {
		end := endOfLabels(rest)
		if end < 0 {
			return exposition{}, false
		}
		e.labels, rest = rest[1:end], rest[end+1:]
	}
	// An exemplar of OpenMetrics may follow.
	if i := bytes.Index(rest, []byte(" # ")); i >= 0 {
		rest = rest[:i]
	}
	parts := bytes.Fields(rest)
	if len(parts) < 1 || len(parts) > 2 || (len(rest) > 0 && rest[0] != ' ' && rest[0] != '\t') {
		return exposition{}, false
	}
	v, err := strconv.ParseFloat(string(parts[0]), 64)
	if err != nil {
		return exposition{}, false
	}
	e.value = v
	if len(parts) == 2 {
		at, ok := number.Float(parts[1])
		if !ok {
			return exposition{}, false
		}
		if e.at, ok = stamp.Epoch(at); !ok {
			return exposition{}, false
		}
	}
	return e, true
}

func isMetricByte(c byte, i int) bool {
	return c >= 'a' && c <= 'z' || cut.IsUpper(c) || c == '_' || c == ':' || i > 0 && number.IsDigit(c)
}

// endOfLabels finds the closing brace, minding quotes.
func endOfLabels(b []byte) int {
	quoted := false
	for i := 1; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case b[i] == '}' && !quoted:
			return i
		}
	}
	return -1
}

// valueOf reads a value as Prometheus writes it in JSON: a string, which may be NaN or infinite.
func valueOf(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN(), fmt.Errorf("%q is no value: %w", cut.Clip([]byte(s), 40), err)
	}
	return v, nil
}
