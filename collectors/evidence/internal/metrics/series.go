package metrics

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Set holds the series of one document until it is known which of several names of one metric to use for a container: a
// document that has both "container.memory.usage" and "runtime.node.mem.rss" must not give a memory curve that jumps between the
// two. What it holds is bounded; a larger document is emitted in parts, each decided by what was seen so far.
type Set struct {
	src    *record.Source
	sink   record.Sink
	series []series
	points int
	best   map[key]int
	// unused counts the points left out, by metric name and reason.
	unused map[string]int64
}

// key is one metric of one life of a container.
type key struct {
	metric              record.Metric
	container, instance string
}

type series struct {
	key      key
	name     string
	meaning  Meaning
	labels   Labels
	line     int64
	interval time.Duration
	points   []Point
}

// Point is a value at a time, as written.
type Point struct {
	At    record.Time
	Value float64
}

// MaxHeldPoints bounds the points in memory (16 bytes each).
const MaxHeldPoints = 2 << 20

// seriesWeight is what a series takes besides its points, in points.
const seriesWeight = 16

// NewSet makes an empty set that passes its samples to sink.
func NewSet(src *record.Source, sink record.Sink) *Set {
	return &Set{src: src, sink: sink, best: map[key]int{}, unused: map[string]int64{}}
}

// Add takes a series whose values are as written. line is the number of the series in its document.
func (s *Set) Add(name string, u Unit, l Labels, line int64, interval time.Duration, points []Point) error {
	m, ok := MeaningOf(name, u)
	if !ok {
		s.Skip(name, len(points))
		return nil
	}
	return s.AddMeaning(name, m, l, line, interval, points)
}

// AddMeaning is Add for a series whose meaning is known.
func (s *Set) AddMeaning(name string, m Meaning, l Labels, line int64, interval time.Duration, points []Point) error {
	if m.Counter {
		points = rate(points)
	}
	key := key{m.Metric, l.Container, l.Instance}
	s.best[key] = max(s.best[key], m.Rank)
	s.series = append(s.series, series{key: key, name: name, meaning: m, labels: l, line: line, interval: interval, points: points})
	s.points += len(points) + seriesWeight
	if s.points >= MaxHeldPoints {
		return s.emit()
	}
	return nil
}

// Skip counts the points of a name that means nothing here.
func (s *Set) Skip(name string, points int) {
	const maxNames = 200
	if _, seen := s.unused[name]; !seen && len(s.unused) >= maxNames {
		name = "others"
	}
	s.unused[strings.Clone(name)] += int64(points)
}

// emit passes on what is held.
func (s *Set) emit() error {
	for i := range s.series {
		x := &s.series[i]
		if x.meaning.Rank < s.best[x.key] {
			s.Skip(x.name, len(x.points))
			continue
		}
		if err := EmitPoints(s.sink, record.Pos{Source: s.src, Line: x.line}, x.meaning, x.labels, x.interval, x.points); err != nil {
			return err
		}
	}
	clear(s.series)
	s.series, s.points = s.series[:0], 0
	return nil
}

// Close emits the rest and tells what was left out.
func (s *Set) Close() error {
	if err := s.emit(); err != nil {
		return err
	}
	names := make([]string, 0, len(s.unused))
	for n := range s.unused {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		err := s.sink.Warn(&record.Warning{
			Code: "metric_not_used", Pos: record.Pos{Source: s.src}, Count: max(1, s.unused[n]), Example: warning.Example([]byte(n)),
			Text: "points of metrics that mean nothing here, have a unit that does not fit, or are told better by another metric of the same container",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// EmitPoints makes samples of points, which are values as written, of the container that l names. What is no measurement is left out.
func EmitPoints(sink record.Sink, pos record.Pos, m Meaning, l Labels, interval time.Duration, points []Point) error {
	sample := record.Sample{
		Pos: pos, Metric: m.Metric, Interval: interval, Container: l.Container, Instance: l.Instance, Service: l.Service, Host: l.Host, Version: l.Version,
	}
	for _, p := range points {
		v, ok := m.Value(p.Value)
		if !ok {
			continue
		}
		sample.Time, sample.Value = p.At, v
		if err := sink.Sample(&sample); err != nil {
			return err
		}
	}
	return nil
}

// Value takes a value as written to the unit of the metric; ok is false for what is no measurement: NaN, infinity, "no limit".
func (m Meaning) Value(v float64) (float64, bool) {
	v *= m.Scale
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0, false
	}
	switch m.Metric {
	case record.MemoryLimit, record.HeapLimit:
		// Kernels and runtimes say "no limit" with 0 or a number near 2^63.
		if v == 0 || v >= 1<<53 {
			return 0, false
		}
	}
	return v, true
}

// TellUnplaced counts points whose time is none.
func TellUnplaced(sink record.Sink, pos record.Pos, name string, points int64) error {
	if points == 0 {
		return nil
	}
	return sink.Warn(&record.Warning{Code: "no_time", Pos: pos, Count: points, Text: warning.NoTime, Example: warning.Example([]byte(name))})
}

// SourceError reads the next value, in which a source says what went wrong with its answer, and tells it; empty ones say nothing.
func SourceError(w *jsondoc.Walker, src *record.Source, what string, sink record.Sink) error {
	var raw json.RawMessage
	if _, err := w.Decode(&raw); err != nil {
		return err
	}
	switch string(raw) {
	case `""`, "null", "[]":
		return nil
	}
	return warning.Tell(sink, record.Pos{Source: src}, "source_error", what+"; its series may be missing or partial", raw)
}

// rate turns a counter's points, in order of time, into its increase per second over the time before each point. A decrease is a
// restart of the counter and gives no point.
func rate(points []Point) []Point {
	out := make([]Point, 0, max(0, len(points)-1))
	for i := 1; i < len(points); i++ {
		dt := points[i].At.Sub(points[i-1].At).Seconds()
		d := points[i].Value - points[i-1].Value
		if dt <= 0 || d < 0 {
			continue
		}
		out = append(out, Point{points[i].At, d / dt})
	}
	return out
}

// StepOf is the commonest distance between successive times: the interval of a rollup, which answers give wrongly or not at all.
// Of equally common ones the smallest counts; fewer than two times have none.
func StepOf(times []record.Time) time.Duration {
	if len(times) < 2 {
		return 0
	}
	deltas := make([]time.Duration, 0, len(times)-1)
	for i := 1; i < len(times); i++ {
		if d := times[i].Sub(times[i-1]); d > 0 {
			deltas = append(deltas, d)
		}
	}
	slices.Sort(deltas)
	var best time.Duration
	most := 0
	for i := 0; i < len(deltas); {
		j := i
		for j < len(deltas) && deltas[j] == deltas[i] {
			j++
		}
		if j-i > most {
			best, most = deltas[i], j-i
		}
		i = j
	}
	return best
}
