package evidence

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

// seriesSet holds the series of one document until it is known which of several names of one metric to use for a container: a
// document that has both "container.memory.usage" and "runtime.node.mem.rss" must not give a memory curve that jumps between the
// two. What it holds is bounded; a larger document is emitted in parts, each decided by what was seen so far.
type seriesSet struct {
	src    *record.Source
	sink   record.Sink
	series []series
	points int
	best   map[seriesKey]int
	// unused counts the points left out, by metric name and reason.
	unused map[string]int64
}

// seriesKey is one metric of one life of a container.
type seriesKey struct {
	metric              record.Metric
	container, instance string
}

type series struct {
	key      seriesKey
	name     string
	meaning  meaning
	labels   labels
	line     int64
	interval time.Duration
	points   []point
}

type point struct {
	at    record.Time
	value float64
}

// maxHeldPoints bounds the points in memory (16 bytes each).
const maxHeldPoints = 2 << 20

// seriesWeight is what a series takes besides its points, in points.
const seriesWeight = 16

func newSeriesSet(src *record.Source, sink record.Sink) *seriesSet {
	return &seriesSet{src: src, sink: sink, best: map[seriesKey]int{}, unused: map[string]int64{}}
}

// add takes a series whose values are as written. line is the number of the series in its document.
func (s *seriesSet) add(name string, u unit, l labels, line int64, interval time.Duration, points []point) error {
	m, ok := meaningOf(name, u)
	if !ok {
		s.skip(name, len(points))
		return nil
	}
	return s.addMeaning(name, m, l, line, interval, points)
}

// addMeaning is add for a series whose meaning is known.
func (s *seriesSet) addMeaning(name string, m meaning, l labels, line int64, interval time.Duration, points []point) error {
	if m.counter {
		points = rate(points)
	}
	key := seriesKey{m.metric, l.container, l.instance}
	s.best[key] = max(s.best[key], m.rank)
	s.series = append(s.series, series{key: key, name: name, meaning: m, labels: l, line: line, interval: interval, points: points})
	s.points += len(points) + seriesWeight
	if s.points >= maxHeldPoints {
		return s.emit()
	}
	return nil
}

// skip counts the points of a name that means nothing here.
func (s *seriesSet) skip(name string, points int) {
	const maxNames = 200
	if _, seen := s.unused[name]; !seen && len(s.unused) >= maxNames {
		name = "others"
	}
	s.unused[strings.Clone(name)] += int64(points)
}

// emit passes on what is held.
func (s *seriesSet) emit() error {
	for i := range s.series {
		x := &s.series[i]
		if x.meaning.rank < s.best[x.key] {
			s.skip(x.name, len(x.points))
			continue
		}
		if err := emitPoints(s.sink, record.Pos{Source: s.src, Line: x.line}, x.meaning, x.labels, x.interval, x.points); err != nil {
			return err
		}
	}
	clear(s.series)
	s.series, s.points = s.series[:0], 0
	return nil
}

// close emits the rest and tells what was left out.
func (s *seriesSet) close() error {
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

func emitPoints(sink record.Sink, pos record.Pos, m meaning, l labels, interval time.Duration, points []point) error {
	sample := record.Sample{
		Pos: pos, Metric: m.metric, Interval: interval, Container: l.container, Instance: l.instance, Service: l.service, Host: l.host, Version: l.version,
	}
	for _, p := range points {
		v, ok := m.value(p.value)
		if !ok {
			continue
		}
		sample.Time, sample.Value = p.at, v
		if err := sink.Sample(&sample); err != nil {
			return err
		}
	}
	return nil
}

// value takes a value as written to the unit of the metric; ok is false for what is no measurement: NaN, infinity, "no limit".
func (m meaning) value(v float64) (float64, bool) {
	v *= m.scale
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0, false
	}
	switch m.metric {
	case record.MemoryLimit, record.HeapLimit:
		// Kernels and runtimes say "no limit" with 0 or a number near 2^63.
		if v == 0 || v >= 1<<53 {
			return 0, false
		}
	}
	return v, true
}

// tellUnplaced counts points whose time is none.
func tellUnplaced(sink record.Sink, pos record.Pos, name string, points int64) error {
	if points == 0 {
		return nil
	}
	return sink.Warn(&record.Warning{Code: "no_time", Pos: pos, Count: points, Text: warning.NoTime, Example: warning.Example([]byte(name))})
}

// sourceError reads the next value, in which a source says what went wrong with its answer, and tells it; empty ones say nothing.
func sourceError(w *jsondoc.Walker, src *record.Source, what string, sink record.Sink) error {
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
func rate(points []point) []point {
	out := make([]point, 0, max(0, len(points)-1))
	for i := 1; i < len(points); i++ {
		dt := points[i].at.Sub(points[i-1].at).Seconds()
		d := points[i].value - points[i-1].value
		if dt <= 0 || d < 0 {
			continue
		}
		out = append(out, point{points[i].at, d / dt})
	}
	return out
}

// stepOf is the commonest distance between successive times: the interval of a rollup, which answers give wrongly or not at all.
// Of equally common ones the smallest counts; fewer than two times have none.
func stepOf(times []record.Time) time.Duration {
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
