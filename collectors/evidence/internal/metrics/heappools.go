package metrics

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/record"
)

// HeapPools sums the memory pools of JVMs. Micrometer and OpenTelemetry tell of each pool of the heap apart, client_java of the area as a
// whole:
//
//	jvm_memory_used_bytes{area="heap",id="G1 Old Gen",pod="web-1"}
//	jvm_memory_used_bytes{jvm_memory_type="heap",jvm_memory_pool_name="Tenured Gen",pod="web-1"}
//	jvm_memory_used_bytes{area="heap",pod="web-1"}
//
// Only readings of one instant are summed, and only where all pools of the container that the document knows have one: a sum that lacks
// a pool now and then is a curve that jumps. The zero value is ready.
type HeapPools struct {
	heaps map[heapKey]*Heap
	held  int  // points
	over  bool // there were more than can be held: a sum would lack some
}

type heapKey struct {
	metric record.Metric
	labels Labels
}

// Heap is the heap of one JVM, as far as its pools were read.
type Heap struct {
	Name    string // of the metric
	Meaning Meaning
	Line    int64              // of the first
	pools   map[string][]Point // by name; "" is the whole area
}

// HeapPoolMeaning says what the sum over the pools of a metric of this name means; ok is false for all other names.
func HeapPoolMeaning(name string) (m Meaning, ok bool) {
	words, u := UnitOfWords(cut.Words(name))
	if !u.Fits(Bytes) {
		return Meaning{}, false
	}
	joined := strings.Join(words, ".")
	for _, r := range [...]struct {
		words  string
		metric record.Metric
	}{
		{"jvm.memory.used", record.HeapUsed}, {"jvm.memory.bytes.used", record.HeapUsed}, {"jvm.memory.usage", record.HeapUsed},
		{"jvm.memory.max", record.HeapLimit}, {"jvm.memory.bytes.max", record.HeapLimit}, {"jvm.memory.limit", record.HeapLimit},
	} {
		if hasLastWords(joined, r.words) {
			return Meaning{Metric: r.metric, Rank: 38, Scale: u.Scale(), Pool: true}, true
		}
	}
	return Meaning{}, false
}

// HeapPool is the pool that labels name; ok is false for what is no heap's.
func (l *LabelSet) HeapPool() (pool string, ok bool) {
	pool = cmp.Or(l.pool, l.cgroup)
	l.cgroup = "" // Micrometer calls the pool "id"
	return pool, cmp.Or(l.area, l.memoryType) == "heap"
}

// Add takes points of one pool of the container that l names; name and m are those of the metric, line is the number in the document.
func (p *HeapPools) Add(name string, m Meaning, l Labels, pool string, line int64, points ...Point) {
	if p.over = p.over || p.held+len(points) > MaxHeldPoints; p.over {
		return
	}
	p.held += len(points)
	key := heapKey{m.Metric, l}
	h := p.heaps[key]
	if h == nil {
		if p.heaps == nil {
			p.heaps = map[heapKey]*Heap{}
		}
		h = &Heap{Name: strings.Clone(name), Meaning: m, Line: line, pools: map[string][]Point{}}
		p.heaps[key] = h
		p.held += seriesWeight
	}
	if _, known := h.pools[pool]; !known {
		pool = strings.Clone(pool)
		p.held += seriesWeight
	}
	h.pools[pool] = append(h.pools[pool], points...)
}

// Close passes the sums on, in the order in which the document began with each.
func (p *HeapPools) Close(sum func(h *Heap, l Labels, points []Point) error) error {
	keys := slices.SortedFunc(maps.Keys(p.heaps), func(a, b heapKey) int {
		return cmp.Or(cmp.Compare(p.heaps[a].Line, p.heaps[b].Line), cmp.Compare(a.metric, b.metric), cmp.Compare(a.labels.Container, b.labels.Container),
			cmp.Compare(a.labels.Instance, b.labels.Instance))
	})
	for _, key := range keys {
		var points []Point
		if h := p.heaps[key]; !p.over {
			points = h.sum()
		}
		if err := sum(p.heaps[key], key.labels, points); err != nil {
			return err
		}
	}
	*p = HeapPools{}
	return nil
}

// SumHeap is the heap of one instant, of whose pools each has a name and a value; m is the meaning of their metric. ok is false where they
// do not make a heap.
func SumHeap(m Meaning, names []string, values []float64) (sum float64, ok bool) {
	h := Heap{Meaning: m, pools: map[string][]Point{}}
	for i, name := range names {
		h.pools[name] = append(h.pools[name], Point{Value: values[i]})
	}
	if points := h.sum(); len(points) == 1 {
		return points[0].Value, true
	}
	return 0, false
}

// Count is the number of points that were held.
func (h *Heap) Count() (n int) {
	for _, points := range h.pools {
		n += len(points)
	}
	return n
}

// Sum is the heap at the instants at which all its pools were read.
func (h *Heap) sum() []Point {
	if whole, ok := h.pools[""]; ok {
		h.pools = map[string][]Point{"": whole}
	}
	names := slices.Sorted(maps.Keys(h.pools))
	if !slices.ContainsFunc(names, isLastingPool) {
		return nil // new objects only, which come and go with every collection
	}
	read := make([]map[record.Time]float64, len(names))
	for i, name := range names {
		read[i] = onePerInstant(h.pools[name])
	}
	var out []Point
	values := make([]float64, len(names))
	for _, at := range slices.Sorted(maps.Keys(read[0])) {
		known := true
		for i := range names {
			v, ok := read[i][at]
			known = known && ok && !math.IsNaN(v)
			values[i] = v
		}
		if !known {
			continue
		}
		if v, ok := h.at(names, values); ok {
			out = append(out, Point{at, v})
		}
	}
	return out
}

// onePerInstant leaves out what two series of one pool tell differently: those are two JVMs.
func onePerInstant(points []Point) map[record.Time]float64 {
	read := make(map[record.Time]float64, len(points))
	for _, p := range points {
		if v, twice := read[p.At]; twice && v != p.Value {
			p.Value = math.NaN()
		}
		read[p.At] = p.Value
	}
	return read
}

// at is the heap of one instant, of which each pool has the value.
func (h *Heap) at(names []string, values []float64) (float64, bool) {
	if h.Meaning.Metric == record.HeapLimit {
		return heapLimitOf(names, values)
	}
	sum := 0.0
	for _, v := range values {
		if v < 0 {
			return 0, false
		}
		sum += v
	}
	return sum, true
}

// heapLimitOf finds the limit of a heap in those of its pools. Pools without one of their own have -1. Pools may share what they may grow
// to (both generations of ZGC may become the whole heap): only the sum of the three of a heap that is divided for good is its limit, or
// that of a pool that spans it.
func heapLimitOf(names []string, values []float64) (float64, bool) {
	limited, sum := 0, 0.0
	spans, young, survivors, old := false, false, false, false
	for i, v := range values {
		if v <= 0 || v >= 1<<53 {
			continue
		}
		limited++
		sum += v
		name := strings.ToLower(names[i])
		switch {
		case name == "" || name == "zheap" || name == "shenandoah" || name == "epsilon heap" || strings.HasPrefix(name, "g1 old"):
			spans = true
		case strings.HasSuffix(name, "eden space"):
			young = true
		case strings.HasSuffix(name, "survivor space"):
			survivors = true
		case strings.HasSuffix(name, "old gen") || strings.HasSuffix(name, "tenured gen"):
			old = true
		}
	}
	divided := limited == 3 && len(names) == 3 && young && survivors && old
	return sum, limited == 1 && spans || divided
}

// isLastingPool tells the pools in which objects stay from those in which they are made.
func isLastingPool(name string) bool {
	name = strings.ToLower(name)
	for _, young := range [...]string{"eden", "survivor", "nursery", "young"} {
		if strings.Contains(name, young) {
			return false
		}
	}
	return true
}
