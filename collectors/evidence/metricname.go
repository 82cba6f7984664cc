package evidence

import (
	"strings"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/record"
)

// unit is how the values of a series are written.
type unit uint8

const (
	unitNone unit = iota // none was given
	unitByte
	unitKibibyte
	unitMebibyte
	unitGibibyte
	unitPercent
	unitFraction
	unitCore
	unitMillicore
	unitNanocore
	unitSecond
	unitMillisecond
	unitMicrosecond
	unitNanosecond
	unitCount
)

// scale is the factor to the base unit of the quantity: bytes, cores, seconds, a count.
func (u unit) scale() float64 {
	switch u {
	case unitKibibyte:
		return 1 << 10
	case unitMebibyte:
		return 1 << 20
	case unitGibibyte:
		return 1 << 30
	case unitPercent:
		return 0.01
	case unitMillicore, unitMillisecond:
		return 1e-3
	case unitMicrosecond:
		return 1e-6
	case unitNanocore, unitNanosecond:
		return 1e-9
	}
	return 1
}

// quantity is what a metric measures; only units of the same quantity fit it.
type quantity uint8

const (
	quantityCount quantity = iota
	quantityBytes
	quantityCores
	quantityTime
)

func (u unit) fits(q quantity) bool {
	switch u {
	case unitByte, unitKibibyte, unitMebibyte, unitGibibyte:
		return q == quantityBytes
	case unitPercent:
		return q == quantityCores // 100 % is one core
	case unitCore, unitMillicore, unitNanocore:
		return q == quantityCores
	case unitSecond, unitMillisecond, unitMicrosecond, unitNanosecond:
		return q == quantityTime
	case unitCount:
		return q == quantityCount
	}
	return u == unitNone
}

func quantityOf(m record.Metric) quantity {
	switch m {
	case record.RSS, record.WorkingSet, record.HeapUsed, record.HeapTotal, record.External, record.MemoryLimit, record.HeapLimit:
		return quantityBytes
	case record.CPU:
		return quantityCores
	case record.EventLoopDelayMax, record.EventLoopDelayMean, record.GCPause:
		return quantityTime
	}
	return quantityCount
}

// meaning is what the name of a series says.
type meaning struct {
	metric record.Metric
	// rank orders names of one metric by how well they fit it: where a document has several for one container, the highest is
	// used. "runtime.node.mem.rss" is the resident set, "container.memory.usage" counts the page cache in.
	rank int
	// scale takes a value to the metric's unit.
	scale float64
	// counter is true for a sum since the beginning, of which the rate is wanted (CPU seconds).
	counter bool
	// bare is true for a memory of which nothing says the unit: it may be megabytes or percent as well as bytes.
	bare bool
	// pool is true for the memory of a JVM, of which each pool has a series: see heapPools.
	pool bool
}

// metricRule gives a meaning to the names that end in its words.
type metricRule struct {
	words   string // joined with dots; behind "=" they are the whole name
	metric  record.Metric
	rank    int
	unit    unit // of the values where neither the answer nor the name says; unitNone: people write the name with any
	counter bool
}

// metricRules is the table of known names: those of Datadog's runtime metrics and container checks, prom-client, the Go, JVM and
// process collectors of Prometheus, cAdvisor, kube-state-metrics, and what people call columns. A rule fits a name whose last words
// (without the unit) are its own, so that a prefix of somebody's own ("acme.checkout.memory.rss") does no harm. The first that fits counts.
var metricRules = [...]metricRule{
	// Names that end as those of a whole do, and are parts: each comes as one series for every pool, buffer or space (OpenTelemetry,
	// Micrometer, client_java), which under one metric would be a curve that jumps between them (heapPools sums those of a heap); or it
	// is what one request uses (PHP), or another memory. Their limits are the runtime's own, not the container's.
	{"jvm.memory.used", record.MetricUnknown, 0, unitByte, false},
	{"jvm.memory.usage", record.MetricUnknown, 0, unitByte, false},
	{"jvm.memory.limit", record.MetricUnknown, 0, unitByte, false},
	{"jvm.buffer.memory.used", record.MetricUnknown, 0, unitByte, false},
	{"jvm.buffer.memory.usage", record.MetricUnknown, 0, unitByte, false},
	{"jvm.buffer.memory.limit", record.MetricUnknown, 0, unitByte, false},
	{"non.heap.max", record.MetricUnknown, 0, unitByte, false},
	{"non.heap.committed", record.MetricUnknown, 0, unitByte, false},
	{"v8js.memory.heap.used", record.MetricUnknown, 0, unitByte, false},
	{"v8js.memory.heap.limit", record.MetricUnknown, 0, unitByte, false},
	{"go.memory.used", record.MetricUnknown, 0, unitByte, false},
	{"php.memory.usage", record.MetricUnknown, 0, unitByte, false},
	{"php.memory.limit", record.MetricUnknown, 0, unitByte, false},
	{"opcache.memory.used", record.MetricUnknown, 0, unitByte, false},
	{"accelerator.memory.used", record.MetricUnknown, 0, unitByte, false},
	{"gpu.memory.used", record.MetricUnknown, 0, unitByte, false},
	{"go.memory.limit", record.HeapLimit, 40, unitByte, false}, // GOMEMLIMIT

	// Resident set.
	{"container.memory.rss", record.RSS, 30, unitByte, false},
	{"docker.mem.rss", record.RSS, 30, unitByte, false},
	{"kubernetes.memory.rss", record.RSS, 30, unitByte, false},
	{"pod.memory.rss", record.RSS, 30, unitByte, false},
	{"rss", record.RSS, 40, unitByte, false},
	{"resident.memory", record.RSS, 40, unitByte, false},
	{"resident.set.size", record.RSS, 40, unitByte, false},
	{"resident.size", record.RSS, 40, unitByte, false},
	{"memory.resident", record.RSS, 40, unitByte, false},
	{"memory.usage", record.RSS, 20, unitByte, false},
	{"mem.usage", record.RSS, 20, unitByte, false},
	{"memory.used", record.RSS, 20, unitByte, false},
	{"mem.used", record.RSS, 20, unitByte, false},
	{"container.memory", record.RSS, 15, unitNone, false},
	{"process.memory", record.RSS, 15, unitNone, false},
	{"pod.memory", record.RSS, 15, unitNone, false},
	{"=memory", record.RSS, 15, unitNone, false},
	{"=mem", record.RSS, 15, unitNone, false},
	{"=used.memory", record.RSS, 15, unitNone, false},
	{"memory.working.set", record.WorkingSet, 40, unitByte, false},
	{"working.set", record.WorkingSet, 30, unitByte, false},
	{"workingset", record.WorkingSet, 30, unitByte, false},

	// Managed heap.
	{"non.heap.memory", record.External, 30, unitByte, false},
	{"nonheap.memory", record.External, 30, unitByte, false},
	{"nonheap.used", record.External, 30, unitByte, false},
	{"non.heap.used", record.External, 30, unitByte, false},
	{"non.heap.memory.max", record.MetricUnknown, 0, unitByte, false},
	{"non.heap.memory.committed", record.MetricUnknown, 0, unitByte, false},
	{"heap.memory", record.HeapUsed, 40, unitByte, false},
	{"heap.memory.committed", record.HeapTotal, 40, unitByte, false},
	{"heap.memory.max", record.HeapLimit, 40, unitByte, false},
	{"heap.used", record.HeapUsed, 40, unitByte, false},
	{"used.heap.size", record.HeapUsed, 40, unitByte, false},
	{"used.heap", record.HeapUsed, 40, unitByte, false},
	{"heap.size.used", record.HeapUsed, 40, unitByte, false},
	{"heap.alloc", record.HeapUsed, 40, unitByte, false},
	{"heap.allocated", record.HeapUsed, 35, unitByte, false},
	{"heap.inuse", record.HeapUsed, 30, unitByte, false},
	{"heap.in.use", record.HeapUsed, 30, unitByte, false},
	{"memstats.alloc", record.HeapUsed, 20, unitByte, false},
	{"mem.stats.alloc", record.HeapUsed, 20, unitByte, false},
	{"=heap", record.HeapUsed, 20, unitNone, false},
	{"heap.total", record.HeapTotal, 40, unitByte, false},
	{"heap.size.total", record.HeapTotal, 40, unitByte, false},
	{"total.heap.size", record.HeapTotal, 40, unitByte, false},
	{"heap.sys", record.HeapTotal, 40, unitByte, false},
	{"heap.committed", record.HeapTotal, 40, unitByte, false},
	{"heap.size.limit", record.HeapLimit, 40, unitByte, false},
	{"heap.limit", record.HeapLimit, 40, unitByte, false},
	{"heap.max", record.HeapLimit, 30, unitByte, false},
	{"gomemlimit", record.HeapLimit, 40, unitByte, false},
	{"=external", record.External, 40, unitByte, false},
	{"mem.external", record.External, 40, unitByte, false},
	{"memory.external", record.External, 40, unitByte, false},
	{"external.memory", record.External, 40, unitByte, false},
	{"heap.external", record.External, 40, unitByte, false},

	// Limit of the container.
	{"spec.memory.limit", record.MemoryLimit, 30, unitByte, false},
	{"memory.limit", record.MemoryLimit, 40, unitByte, false},
	{"memory.limits", record.MemoryLimit, 40, unitByte, false},
	{"mem.limit", record.MemoryLimit, 40, unitByte, false},
	{"memory.quota", record.MemoryLimit, 40, unitByte, false},
	{"resource.limits.memory", record.MemoryLimit, 40, unitByte, false},

	// CPU.
	{"cpu.usage.seconds.total", record.CPU, 30, unitSecond, true},
	{"process.cpu.seconds.total", record.CPU, 20, unitSecond, true},
	{"docker.cpu.usage", record.CPU, 30, unitPercent, false},
	{"container.cpu.usage", record.CPU, 40, unitNanocore, false},
	{"kubernetes.cpu.usage.total", record.CPU, 40, unitNanocore, false},
	{"runtime.node.cpu.total", record.CPU, 20, unitPercent, false},
	{"runtime.python.cpu.percent", record.CPU, 20, unitPercent, false},
	{"cpu.usage", record.CPU, 30, unitNone, false},
	{"cpu.used", record.CPU, 30, unitNone, false},
	{"=cpu", record.CPU, 20, unitNone, false},
	{"container.cpu", record.CPU, 20, unitNone, false},
	{"process.cpu", record.CPU, 20, unitNone, false},
	{"pod.cpu", record.CPU, 20, unitNone, false},

	// Event loop.
	{"event.loop.delay.max", record.EventLoopDelayMax, 40, unitNanosecond, false},
	{"eventloop.delay.max", record.EventLoopDelayMax, 40, unitNanosecond, false},
	{"event.loop.lag.max", record.EventLoopDelayMax, 40, unitMillisecond, false},
	{"eventloop.lag.max", record.EventLoopDelayMax, 40, unitMillisecond, false},
	{"event.loop.delay.avg", record.EventLoopDelayMean, 40, unitNanosecond, false},
	{"eventloop.delay.avg", record.EventLoopDelayMean, 40, unitNanosecond, false},
	{"event.loop.delay.mean", record.EventLoopDelayMean, 40, unitNanosecond, false},
	{"eventloop.delay.mean", record.EventLoopDelayMean, 40, unitNanosecond, false},
	{"event.loop.lag.mean", record.EventLoopDelayMean, 40, unitMillisecond, false},
	{"eventloop.lag.mean", record.EventLoopDelayMean, 40, unitMillisecond, false},
	{"event.loop.lag.avg", record.EventLoopDelayMean, 40, unitMillisecond, false},
	{"eventloop.lag.avg", record.EventLoopDelayMean, 40, unitMillisecond, false},
	{"event.loop.lag", record.EventLoopDelayMean, 20, unitMillisecond, false},
	{"eventloop.lag", record.EventLoopDelayMean, 20, unitMillisecond, false},
	{"event.loop.delay", record.EventLoopDelayMean, 20, unitMillisecond, false},

	// Collection.
	{"gc.pause.sum", record.GCPause, 40, unitNanosecond, false},
	{"gc.pause.total", record.GCPause, 30, unitNanosecond, false},
	{"gc.pause.time", record.GCPause, 40, unitMillisecond, false},
	{"gc.pause", record.GCPause, 30, unitMillisecond, false},
	{"gc.time", record.GCPause, 40, unitMillisecond, false},

	// Counts.
	{"goroutines", record.Goroutines, 40, unitCount, false},
	{"num.goroutine", record.Goroutines, 40, unitCount, false},
	{"goroutine.count", record.Goroutines, 40, unitCount, false},
	{"jvm.thread.count", record.Goroutines, 30, unitCount, false},
	{"jvm.threads.current", record.Goroutines, 30, unitCount, false},
	{"oom.events", record.OOMEvents, 40, unitCount, false},
	{"oom.events.total", record.OOMEvents, 40, unitCount, false},
	{"containers.restarts", record.Restarts, 40, unitCount, false},
	{"container.restarts", record.Restarts, 40, unitCount, false},
	{"status.restarts.total", record.Restarts, 40, unitCount, false},
	{"restart.count", record.Restarts, 40, unitCount, false},
	{"request.rate", record.RequestRate, 40, unitCount, false},
	{"requests.per.second", record.RequestRate, 40, unitCount, false},
}

// isForeign knows the first words of names that measure something other than the application's containers: the host, a database.
// "node" begins the host's metrics in Prometheus ("node_memory_…") and is a runtime's name elsewhere ("runtime.node.…").
func isForeign(word string) bool {
	switch word {
	case "system", "node", "host", "machine", "redis", "postgresql", "postgres", "mysql", "elasticsearch", "kafka", "rabbitmq", "mongodb", "nginx", "cluster", "aws", "gcp",
		"azure", "swap":
		return true
	}
	return false
}

// meaningOf says what a series named name measures, its values being in given (unitNone: not said). ok is false for names that
// mean nothing here, and for units that do not fit, such as a memory usage in percent, which is no number of bytes.
func meaningOf(name string, given unit) (meaning, bool) {
	m, ok := meaningOfColumn(name, given)
	if m.bare {
		return meaning{}, false
	}
	return m, ok
}

// meaningOfColumn is meaningOf for what people call the columns of their tables: it also knows names that are bare.
func meaningOfColumn(name string, given unit) (meaning, bool) {
	words := cut.Words(name)
	words, written := unitOfWords(words)
	if len(words) == 0 || len(words) > 16 {
		return meaning{}, false
	}
	if isForeign(words[0]) {
		return meaning{}, false
	}
	joined := strings.Join(words, ".")
	if given == unitNone {
		given = written
	}
	for i := range metricRules {
		r := &metricRules[i]
		if !hasLastWords(joined, r.words) {
			continue
		}
		if r.metric == record.MetricUnknown {
			return meaning{}, false
		}
		u := given
		if u == unitNone {
			u = r.unit
		}
		if r.counter {
			// A counter of seconds is a rate in cores.
			if given != unitNone && !given.fits(quantityTime) {
				return meaning{}, false
			}
			return meaning{metric: r.metric, rank: r.rank, scale: u.scale(), counter: true}, true
		}
		// A CPU use whose unit nothing tells may be cores, percent or nanocores: no honest number can be made of it.
		if !u.fits(quantityOf(r.metric)) || (u == unitNone && r.metric == record.CPU) {
			return meaning{}, false
		}
		return meaning{metric: r.metric, rank: r.rank, scale: u.scale(), bare: u == unitNone && quantityOf(r.metric) == quantityBytes}, true
	}
	return meaning{}, false
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

// unitOfWords takes the unit off the end of a name.
func unitOfWords(words []string) ([]string, unit) {
	n := len(words)
	if n == 0 {
		return words, unitNone
	}
	// "bytes_total" is a sum since the beginning, no level: the ending stays, and no rule has it.
	last := words[n-1]
	if n > 1 && last == "b" && (words[n-2] == "ki" || words[n-2] == "mi" || words[n-2] == "gi") {
		last, n = words[n-2]+last, n-1 // "MiB", cut where its case changes
	}
	u := unitOf(last)
	if u == unitNone {
		return words, unitNone
	}
	words = words[:n-1]
	if n = len(words); n > 0 && (words[n-1] == "in") {
		words = words[:n-1]
	}
	return words, u
}

func unitOf(word string) unit {
	switch word {
	case "byte", "bytes", "b":
		return unitByte
	// Tools that write "MB" for memory divide by 2^20 all but always.
	case "kb", "kib", "kibibyte", "kibibytes", "kilobyte", "kilobytes":
		return unitKibibyte
	case "mb", "mib", "mebibyte", "mebibytes", "megabyte", "megabytes":
		return unitMebibyte
	case "gb", "gib", "gibibyte", "gibibytes", "gigabyte", "gigabytes":
		return unitGibibyte
	case "percent", "pct", "percentage":
		return unitPercent
	case "core", "cores", "vcpu", "vcpus":
		return unitCore
	case "millicore", "millicores", "mcores", "mcpu":
		return unitMillicore
	case "nanocore", "nanocores":
		return unitNanocore
	case "s", "sec", "secs", "second", "seconds":
		return unitSecond
	case "ms", "millis", "millisecond", "milliseconds":
		return unitMillisecond
	case "us", "micros", "microsecond", "microseconds":
		return unitMicrosecond
	case "ns", "nanos", "nanosecond", "nanoseconds":
		return unitNanosecond
	}
	return unitNone
}
