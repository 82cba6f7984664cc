// Package metrics knows what metrics are called and who was measured: names and units of Datadog, Prometheus, runtimes and people, labels
// and tags, and which of several series of one container to believe. What documents look like is the business of the formats.
package metrics

import (
	"strings"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/record"
)

// Unit is how the values of a series are written.
type Unit uint8

// The units that are known.
const (
	NoUnit Unit = iota // none was given
	Byte
	Kibibyte
	Mebibyte
	Gibibyte
	Percent
	Fraction
	Core
	Millicore
	Nanocore
	Second
	Millisecond
	Microsecond
	Nanosecond
	Count
)

// Scale is the factor to the base unit of the quantity: bytes, cores, seconds, a count.
func (u Unit) Scale() float64 {
	switch u {
	case Kibibyte:
		return 1 << 10
	case Mebibyte:
		return 1 << 20
	case Gibibyte:
		return 1 << 30
	case Percent:
		return 0.01
	case Millicore, Millisecond:
		return 1e-3
	case Microsecond:
		return 1e-6
	case Nanocore, Nanosecond:
		return 1e-9
	}
	return 1
}

// Quantity is what a metric measures; only units of the same quantity fit it.
type Quantity uint8

// The quantities that metrics have.
const (
	Counts Quantity = iota
	Bytes
	Cores
	Times
)

// Fits reports whether values of a quantity may be written in u; they may be in none.
func (u Unit) Fits(q Quantity) bool {
	switch u {
	case Byte, Kibibyte, Mebibyte, Gibibyte:
		return q == Bytes
	case Percent:
		return q == Cores // 100 % is one core
	case Core, Millicore, Nanocore:
		return q == Cores
	case Second, Millisecond, Microsecond, Nanosecond:
		return q == Times
	case Count:
		return q == Counts
	}
	return u == NoUnit
}

// QuantityOf is what a metric measures.
func QuantityOf(m record.Metric) Quantity {
	switch m {
	case record.RSS, record.WorkingSet, record.HeapUsed, record.HeapTotal, record.External, record.MemoryLimit, record.HeapLimit:
		return Bytes
	case record.CPU:
		return Cores
	case record.EventLoopDelayMax, record.EventLoopDelayMean, record.GCPause:
		return Times
	}
	return Counts
}

// Meaning is what the name of a series says.
type Meaning struct {
	Metric record.Metric
	// Rank orders names of one metric by how well they fit it: where a document has several for one container, the highest is
	// used. "runtime.node.mem.rss" is the resident set, "container.memory.usage" counts the page cache in.
	Rank int
	// Scale takes a value to the metric's unit.
	Scale float64
	// Counter is true for a sum since the beginning, of which the rate is wanted (CPU seconds).
	Counter bool
	// Bare is true for a memory of which nothing says the unit: it may be megabytes or percent as well as bytes.
	Bare bool
	// Pool is true for the memory of a JVM, of which each pool has a series: see HeapPools.
	Pool bool
}

// metricRule gives a meaning to the names that end in its words.
type metricRule struct {
	words   string // joined with dots; behind "=" they are the whole name
	metric  record.Metric
	rank    int
	unit    Unit // of the values where neither the answer nor the name says; NoUnit: people write the name with any
	counter bool
}

// metricRules is the table of known names: those of Datadog's runtime metrics and container checks, prom-client, the Go, JVM and
// process collectors of Prometheus, cAdvisor, kube-state-metrics, and what people call columns. A rule fits a name whose last words
// (without the unit) are its own, so that a prefix of somebody's own ("acme.checkout.memory.rss") does no harm. The first that fits counts.
var metricRules = [...]metricRule{
	// Names that end as those of a whole do, and are parts: each comes as one series for every pool, buffer or space (OpenTelemetry,
	// Micrometer, client_java), which under one metric would be a curve that jumps between them (HeapPools sums those of a heap); or it
	// is what one request uses (PHP), or another memory. Their limits are the runtime's own, not the container's.
	{"jvm.memory.used", record.MetricUnknown, 0, Byte, false},
	{"jvm.memory.usage", record.MetricUnknown, 0, Byte, false},
	{"jvm.memory.limit", record.MetricUnknown, 0, Byte, false},
	{"jvm.buffer.memory.used", record.MetricUnknown, 0, Byte, false},
	{"jvm.buffer.memory.usage", record.MetricUnknown, 0, Byte, false},
	{"jvm.buffer.memory.limit", record.MetricUnknown, 0, Byte, false},
	{"non.heap.max", record.MetricUnknown, 0, Byte, false},
	{"non.heap.committed", record.MetricUnknown, 0, Byte, false},
	{"v8js.memory.heap.used", record.MetricUnknown, 0, Byte, false},
	{"v8js.memory.heap.limit", record.MetricUnknown, 0, Byte, false},
	{"go.memory.used", record.MetricUnknown, 0, Byte, false},
	{"php.memory.usage", record.MetricUnknown, 0, Byte, false},
	{"php.memory.limit", record.MetricUnknown, 0, Byte, false},
	{"opcache.memory.used", record.MetricUnknown, 0, Byte, false},
	{"accelerator.memory.used", record.MetricUnknown, 0, Byte, false},
	{"gpu.memory.used", record.MetricUnknown, 0, Byte, false},
	{"go.memory.limit", record.HeapLimit, 40, Byte, false}, // GOMEMLIMIT

	// Resident set.
	{"container.memory.rss", record.RSS, 30, Byte, false},
	{"docker.mem.rss", record.RSS, 30, Byte, false},
	{"kubernetes.memory.rss", record.RSS, 30, Byte, false},
	{"pod.memory.rss", record.RSS, 30, Byte, false},
	{"rss", record.RSS, 40, Byte, false},
	{"resident.memory", record.RSS, 40, Byte, false},
	{"resident.set.size", record.RSS, 40, Byte, false},
	{"resident.size", record.RSS, 40, Byte, false},
	{"memory.resident", record.RSS, 40, Byte, false},
	{"memory.usage", record.RSS, 20, Byte, false},
	{"mem.usage", record.RSS, 20, Byte, false},
	{"memory.used", record.RSS, 20, Byte, false},
	{"mem.used", record.RSS, 20, Byte, false},
	{"container.memory", record.RSS, 15, NoUnit, false},
	{"process.memory", record.RSS, 15, NoUnit, false},
	{"pod.memory", record.RSS, 15, NoUnit, false},
	{"=memory", record.RSS, 15, NoUnit, false},
	{"=mem", record.RSS, 15, NoUnit, false},
	{"=used.memory", record.RSS, 15, NoUnit, false},
	{"memory.working.set", record.WorkingSet, 40, Byte, false},
	{"working.set", record.WorkingSet, 30, Byte, false},
	{"workingset", record.WorkingSet, 30, Byte, false},

	// Managed heap.
	{"non.heap.memory", record.External, 30, Byte, false},
	{"nonheap.memory", record.External, 30, Byte, false},
	{"nonheap.used", record.External, 30, Byte, false},
	{"non.heap.used", record.External, 30, Byte, false},
	{"non.heap.memory.max", record.MetricUnknown, 0, Byte, false},
	{"non.heap.memory.committed", record.MetricUnknown, 0, Byte, false},
	{"heap.memory", record.HeapUsed, 40, Byte, false},
	{"heap.memory.committed", record.HeapTotal, 40, Byte, false},
	{"heap.memory.max", record.HeapLimit, 40, Byte, false},
	{"heap.used", record.HeapUsed, 40, Byte, false},
	{"used.heap.size", record.HeapUsed, 40, Byte, false},
	{"used.heap", record.HeapUsed, 40, Byte, false},
	{"heap.size.used", record.HeapUsed, 40, Byte, false},
	{"heap.alloc", record.HeapUsed, 40, Byte, false},
	{"heap.allocated", record.HeapUsed, 35, Byte, false},
	{"heap.inuse", record.HeapUsed, 30, Byte, false},
	{"heap.in.use", record.HeapUsed, 30, Byte, false},
	{"memstats.alloc", record.HeapUsed, 20, Byte, false},
	{"mem.stats.alloc", record.HeapUsed, 20, Byte, false},
	{"=heap", record.HeapUsed, 20, NoUnit, false},
	{"heap.total", record.HeapTotal, 40, Byte, false},
	{"heap.size.total", record.HeapTotal, 40, Byte, false},
	{"total.heap.size", record.HeapTotal, 40, Byte, false},
	{"heap.sys", record.HeapTotal, 40, Byte, false},
	{"heap.committed", record.HeapTotal, 40, Byte, false},
	{"heap.size.limit", record.HeapLimit, 40, Byte, false},
	{"heap.limit", record.HeapLimit, 40, Byte, false},
	{"heap.max", record.HeapLimit, 30, Byte, false},
	{"gomemlimit", record.HeapLimit, 40, Byte, false},
	{"=external", record.External, 40, Byte, false},
	{"mem.external", record.External, 40, Byte, false},
	{"memory.external", record.External, 40, Byte, false},
	{"external.memory", record.External, 40, Byte, false},
	{"heap.external", record.External, 40, Byte, false},

	// Limit of the container.
	{"spec.memory.limit", record.MemoryLimit, 30, Byte, false},
	{"memory.limit", record.MemoryLimit, 40, Byte, false},
	{"memory.limits", record.MemoryLimit, 40, Byte, false},
	{"mem.limit", record.MemoryLimit, 40, Byte, false},
	{"memory.quota", record.MemoryLimit, 40, Byte, false},
	{"resource.limits.memory", record.MemoryLimit, 40, Byte, false},

	// CPU.
	{"cpu.usage.seconds.total", record.CPU, 30, Second, true},
	{"process.cpu.seconds.total", record.CPU, 20, Second, true},
	{"docker.cpu.usage", record.CPU, 30, Percent, false},
	{"container.cpu.usage", record.CPU, 40, Nanocore, false},
	{"kubernetes.cpu.usage.total", record.CPU, 40, Nanocore, false},
	{"runtime.node.cpu.total", record.CPU, 20, Percent, false},
	{"runtime.python.cpu.percent", record.CPU, 20, Percent, false},
	{"cpu.usage", record.CPU, 30, NoUnit, false},
	{"cpu.used", record.CPU, 30, NoUnit, false},
	{"=cpu", record.CPU, 20, NoUnit, false},
	{"container.cpu", record.CPU, 20, NoUnit, false},
	{"process.cpu", record.CPU, 20, NoUnit, false},
	{"pod.cpu", record.CPU, 20, NoUnit, false},

	// Event loop.
	{"event.loop.delay.max", record.EventLoopDelayMax, 40, Nanosecond, false},
	{"eventloop.delay.max", record.EventLoopDelayMax, 40, Nanosecond, false},
	{"event.loop.lag.max", record.EventLoopDelayMax, 40, Millisecond, false},
	{"eventloop.lag.max", record.EventLoopDelayMax, 40, Millisecond, false},
	{"event.loop.delay.avg", record.EventLoopDelayMean, 40, Nanosecond, false},
	{"eventloop.delay.avg", record.EventLoopDelayMean, 40, Nanosecond, false},
	{"event.loop.delay.mean", record.EventLoopDelayMean, 40, Nanosecond, false},
	{"eventloop.delay.mean", record.EventLoopDelayMean, 40, Nanosecond, false},
	{"event.loop.lag.mean", record.EventLoopDelayMean, 40, Millisecond, false},
	{"eventloop.lag.mean", record.EventLoopDelayMean, 40, Millisecond, false},
	{"event.loop.lag.avg", record.EventLoopDelayMean, 40, Millisecond, false},
	{"eventloop.lag.avg", record.EventLoopDelayMean, 40, Millisecond, false},
	{"event.loop.lag", record.EventLoopDelayMean, 20, Millisecond, false},
	{"eventloop.lag", record.EventLoopDelayMean, 20, Millisecond, false},
	{"event.loop.delay", record.EventLoopDelayMean, 20, Millisecond, false},

	// Collection.
	{"gc.pause.sum", record.GCPause, 40, Nanosecond, false},
	{"gc.pause.total", record.GCPause, 30, Nanosecond, false},
	{"gc.pause.time", record.GCPause, 40, Millisecond, false},
	{"gc.pause", record.GCPause, 30, Millisecond, false},
	{"gc.time", record.GCPause, 40, Millisecond, false},

	// Counts.
	{"goroutines", record.Goroutines, 40, Count, false},
	{"num.goroutine", record.Goroutines, 40, Count, false},
	{"goroutine.count", record.Goroutines, 40, Count, false},
	{"jvm.thread.count", record.Goroutines, 30, Count, false},
	{"jvm.threads.current", record.Goroutines, 30, Count, false},
	{"oom.events", record.OOMEvents, 40, Count, false},
	{"oom.events.total", record.OOMEvents, 40, Count, false},
	{"containers.restarts", record.Restarts, 40, Count, false},
	{"container.restarts", record.Restarts, 40, Count, false},
	{"status.restarts.total", record.Restarts, 40, Count, false},
	{"restart.count", record.Restarts, 40, Count, false},
	{"request.rate", record.RequestRate, 40, Count, false},
	{"requests.per.second", record.RequestRate, 40, Count, false},
}

// IsForeign knows the first words of names that measure something other than the application's containers: the host, a database.
// "node" begins the host's metrics in Prometheus ("node_memory_…") and is a runtime's name elsewhere ("runtime.node.…").
func IsForeign(word string) bool {
	switch word {
	case "system", "node", "host", "machine", "redis", "postgresql", "postgres", "mysql", "elasticsearch", "kafka", "rabbitmq", "mongodb", "nginx", "cluster", "aws", "gcp",
		"azure", "swap":
		return true
	}
	return false
}

// MeaningOf says what a series named name measures, its values being in given (NoUnit: not said). ok is false for names that
// mean nothing here, and for units that do not fit, such as a memory usage in percent, which is no number of bytes.
func MeaningOf(name string, given Unit) (Meaning, bool) {
	m, ok := MeaningOfColumn(name, given)
	if m.Bare {
		return Meaning{}, false
	}
	return m, ok
}

// MeaningOfColumn is MeaningOf for what people call the columns of their tables: it also knows names that are bare.
func MeaningOfColumn(name string, given Unit) (Meaning, bool) {
	words := cut.Words(name)
	words, written := UnitOfWords(words)
	if len(words) == 0 || len(words) > 16 {
		return Meaning{}, false
	}
	if IsForeign(words[0]) {
		return Meaning{}, false
	}
	joined := strings.Join(words, ".")
	if given == NoUnit {
		given = written
	}
	for i := range metricRules {
		r := &metricRules[i]
		if !hasLastWords(joined, r.words) {
			continue
		}
		if r.metric == record.MetricUnknown {
			return Meaning{}, false
		}
		u := given
		if u == NoUnit {
			u = r.unit
		}
		if r.counter {
			// A counter of seconds is a rate in cores.
			if given != NoUnit && !given.Fits(Times) {
				return Meaning{}, false
			}
			return Meaning{Metric: r.metric, Rank: r.rank, Scale: u.Scale(), Counter: true}, true
		}
		// A CPU use whose unit nothing tells may be cores, percent or nanocores: no honest number can be made of it.
		if !u.Fits(QuantityOf(r.metric)) || (u == NoUnit && r.metric == record.CPU) {
			return Meaning{}, false
		}
		return Meaning{Metric: r.metric, Rank: r.rank, Scale: u.Scale(), Bare: u == NoUnit && QuantityOf(r.metric) == Bytes}, true
	}
	return Meaning{}, false
}

// hasLastWords reports whether name is, or ends in, the words of last.
func hasLastWords(name, last string) bool {
	if whole, ok := strings.CutPrefix(last, "="); ok {
		return name == whole
	}
	if !strings.HasSuffix(name, last) {
		return false
	}
	return len(name) == len(last) || name[len(name)-len(last)-1] == '.'
}

// UnitOfWords takes the unit off the end of a name.
func UnitOfWords(words []string) ([]string, Unit) {
	n := len(words)
	if n == 0 {
		return words, NoUnit
	}
	// "bytes_total" is a sum since the beginning, no level: the ending stays, and no rule has it.
	last := words[n-1]
	if n > 1 && last == "b" && (words[n-2] == "ki" || words[n-2] == "mi" || words[n-2] == "gi") {
		last, n = words[n-2]+last, n-1 // "MiB", cut where its case changes
	}
	u := UnitOf(last)
	if u == NoUnit {
		return words, NoUnit
	}
	words = words[:n-1]
	if n = len(words); n > 0 && (words[n-1] == "in") {
		words = words[:n-1]
	}
	return words, u
}

// UnitOf reads a unit in lower case, "mib" or "seconds"; it is NoUnit for any other word.
func UnitOf(word string) Unit {
	switch word {
	case "byte", "bytes", "b":
		return Byte
	// Tools that write "MB" for memory divide by 2^20 all but always.
	case "kb", "kib", "kibibyte", "kibibytes", "kilobyte", "kilobytes":
		return Kibibyte
	case "mb", "mib", "mebibyte", "mebibytes", "megabyte", "megabytes":
		return Mebibyte
	case "gb", "gib", "gibibyte", "gibibytes", "gigabyte", "gigabytes":
		return Gibibyte
	case "percent", "pct", "percentage":
		return Percent
	case "core", "cores", "vcpu", "vcpus":
		return Core
	case "millicore", "millicores", "mcores", "mcpu":
		return Millicore
	case "nanocore", "nanocores":
		return Nanocore
	case "s", "sec", "secs", "second", "seconds":
		return Second
	case "ms", "millis", "millisecond", "milliseconds":
		return Millisecond
	case "us", "micros", "microsecond", "microseconds":
		return Microsecond
	case "ns", "nanos", "nanosecond", "nanoseconds":
		return Nanosecond
	}
	return NoUnit
}
