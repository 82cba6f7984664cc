// Package memory reads memory curves. It answers two questions: how memory behaves in each life of each container ([Curves],
// [Shapes]), and whose requests explain its growth ([Attribute]).
//
// Everything here is pure: no clock, no input or output, and the same input gives the same output. Sizes are bytes, slopes bytes
// per hour.
package memory

import (
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// Point is one reading, in bytes.
type Point struct {
	T record.Time
	V float64
}

// Life is one life of one container: from a start to a death or a stop.
type Life struct {
	Container, Instance string
	// Start and End bound it; 0 means unknown, and then the first and last reading stand in. End is the death or stop.
	Start, End record.Time
	// Died says that a crash ended it, Planned that a planned stop did; both false when it still ran at the end of the evidence.
	Died, Planned bool
	// Crash is the id of the crash that ended it; empty when none did. Kind is how it died; empty when unknown.
	Crash string
	Kind  record.CrashKind
	// Series holds the readings of RSS, WorkingSet, HeapUsed, HeapTotal and External, sorted by time.
	Series map[record.Metric][]Point
	// LimitBytes is the limit of the container, HeapLimitBytes that of the managed heap; 0 means unknown.
	LimitBytes, HeapLimitBytes int64
	// Version is the release that ran; lives of one version are compared with each other. Empty when unknown.
	Version string
}

// start and end are the bounds of the life, the readings standing in for what is unknown.
func (l Life) start() record.Time {
	if l.Start != 0 {
		return l.Start
	}
	var t record.Time
	for _, s := range l.Series {
		if len(s) > 0 && (t == 0 || s[0].T < t) {
			t = s[0].T
		}
	}
	return t
}

func (l Life) end() record.Time {
	if l.End != 0 {
		return l.End
	}
	var t record.Time
	for _, s := range l.Series {
		if len(s) > 0 && s[len(s)-1].T > t {
			t = s[len(s)-1].T
		}
	}
	return t
}

// limit is the limit that applies to a metric; 0 when unknown.
func (l Life) limit(m record.Metric) int64 {
	switch m {
	case record.HeapUsed, record.HeapTotal:
		return l.HeapLimitBytes
	case record.RSS, record.WorkingSet:
		return l.LimitBytes
	}
	return 0
}

// Metrics are those that this package reads, in the order in which they are reported.
var metrics = [...]record.Metric{record.RSS, record.WorkingSet, record.HeapUsed, record.HeapTotal, record.External}

// Options are settings; the zero value is ready to use.
type Options struct {
	// Load is the request rate of each container over time (any unit), which tells growth from mere load; nil when unknown.
	// [Exposure.Load] makes it from counts.
	Load map[string][]Point
	// Seed starts the random draws of the placebo; the same seed gives the same result.
	Seed uint64
	// Placebos is how many times the containers' traffic is swapped; 0 means 99.
	Placebos int
}

func (o Options) placebos() int {
	if o.Placebos > 0 {
		return o.Placebos
	}
	return 99
}

// Curve is the reading of one metric of one life.
type Curve struct {
	finding.Memory
	// Life is the index of the life in the input; Kind is the metric.
	Life int
	Kind record.Metric
	// Confidence is how sure a growth is not a passing phase: conclusive and likely need a day of life, or a second life or
	// container that grew alike; other shapes carry the confidence that the number of readings gives.
	Confidence finding.Grade
	// Growth is the rise of the floor over the readings used, bytes.
	Growth float64
	// Reasons say what decided the shape, most important first.
	Reasons []string
	// Alone is true where it grew far and went on growing, and lives like it did not: it is not called a leak for that alone.
	Alone bool

	few      bool              // it has too few readings to be judged alone, and enough to be judged with others
	unslowed bool              // the second half grows about as fast as the whole
	ahead    *finding.Estimate // the time to the limit if it goes on so, whatever the shape
}

// Leaks reports whether the curve is called a leak, and that is likely at least.
func (c *Curve) Leaks() bool {
	return c.Shape == finding.ShapeLeak && c.Confidence.Rank() >= finding.Likely.Rank()
}

// Shapes describes every metric of every life, ordered by container, start and metric.
func Shapes(lives []Life, o Options) []finding.Memory {
	curves := Curves(lives, o)
	out := make([]finding.Memory, len(curves))
	for i, c := range curves {
		out[i] = c.Memory
	}
	return out
}

// Counts are the requests of one endpoint, per container, in consecutive blocks of time.
type Counts struct {
	Endpoint string
	// ByContainer[container][i] is the number of requests in block i of the [Exposure]; a missing container means none.
	ByContainer map[string][]float64
}

// Exposure is the traffic: how many requests of which endpoint each container worked on, in N blocks of width Block from From.
type Exposure struct {
	From      record.Time
	Block     time.Duration
	N         int
	Endpoints []Counts
}

// Count returns how many requests of an endpoint began on a container within a span, those of blocks that it touches in part taken whole.
func (ex Exposure) Count(endpoint, container string, from, to record.Time) (n float64) {
	if ex.Block <= 0 {
		return 0
	}
	for _, e := range ex.Endpoints {
		if e.Endpoint != endpoint {
			continue
		}
		counts := e.ByContainer[container]
		first, last := int(from.Sub(ex.From)/ex.Block), int(to.Sub(ex.From)/ex.Block)
		for b := max(first, 0); b <= last && b < len(counts); b++ {
			n += counts[b]
		}
	}
	return n
}

// Load returns the request rate per second of each container, one point per block at its middle.
func (ex Exposure) Load() map[string][]Point {
	if ex.Block <= 0 || ex.N <= 0 {
		return nil
	}
	sums := map[string][]float64{}
	for _, e := range ex.Endpoints {
		for c, counts := range e.ByContainer {
			if sums[c] == nil {
				sums[c] = make([]float64, ex.N)
			}
			for i, n := range counts[:min(len(counts), ex.N)] {
				sums[c][i] += n
			}
		}
	}
	load := make(map[string][]Point, len(sums))
	for c, s := range sums {
		pts := make([]Point, len(s))
		for i, n := range s {
			pts[i] = Point{ex.From.Add(time.Duration(i)*ex.Block + ex.Block/2), n / ex.Block.Seconds()}
		}
		load[c] = pts
	}
	return load
}

// Job is one run of background work, a rival of requests.
type Job struct {
	Name, Container string
	Start, End      record.Time
}

// order returns the indices of the lives by container, start and instance.
func order(lives []Life) []int {
	idx := make([]int, len(lives))
	for i := range idx {
		idx[i] = i
	}
	slices.SortStableFunc(idx, func(a, b int) int {
		la, lb := lives[a], lives[b]
		switch {
		case la.Container != lb.Container:
			if la.Container < lb.Container {
				return -1
			}
			return 1
		case la.start() != lb.start():
			if la.start() < lb.start() {
				return -1
			}
			return 1
		case la.Instance < lb.Instance:
			return -1
		case la.Instance > lb.Instance:
			return 1
		}
		return 0
	})
	return idx
}
