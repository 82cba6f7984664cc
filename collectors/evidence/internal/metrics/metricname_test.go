package metrics

import (
	"testing"

	"lastcall/collectors/record"
)

func TestNamesOfMetricsAreKnownWithTheirUnits(t *testing.T) {
	for _, c := range []struct {
		name  string
		unit  Unit
		want  record.Metric
		scale float64
	}{
		{"rss_bytes", NoUnit, record.RSS, 1},
		{"RSS (MB)", NoUnit, record.RSS, 1 << 20},
		{"Memory Usage", NoUnit, record.RSS, 1},
		{"acme.checkout.memory.rss", NoUnit, record.RSS, 1},
		{"runtime.node.mem.rss", Byte, record.RSS, 1},
		{"runtime.python.mem.rss", NoUnit, record.RSS, 1},
		{"container.memory.usage", NoUnit, record.RSS, 1},
		{"docker.mem.rss", NoUnit, record.RSS, 1},
		{"process_resident_memory_bytes", NoUnit, record.RSS, 1},
		{"container_memory_working_set_bytes", NoUnit, record.WorkingSet, 1},
		{"kubernetes.memory.working_set", NoUnit, record.WorkingSet, 1},
		{"runtime.node.mem.heap_used", NoUnit, record.HeapUsed, 1},
		{"heapUsed", NoUnit, record.HeapUsed, 1},
		{"heap_alloc_bytes", NoUnit, record.HeapUsed, 1},
		{"go_memstats_heap_inuse_bytes", NoUnit, record.HeapUsed, 1},
		{"nodejs_heap_size_used_bytes", NoUnit, record.HeapUsed, 1},
		{"jvm.heap_memory", NoUnit, record.HeapUsed, 1},
		{"jvm.heap_memory_max", NoUnit, record.HeapLimit, 1},
		{"jvm.non_heap_memory", NoUnit, record.External, 1},
		{"runtime.go.mem_stats.heap_sys", NoUnit, record.HeapTotal, 1},
		{"external_bytes", NoUnit, record.External, 1},
		{"nodejs_external_memory_bytes", NoUnit, record.External, 1},
		{"memory_limit_bytes", NoUnit, record.MemoryLimit, 1},
		{"kubernetes.memory.limits", NoUnit, record.MemoryLimit, 1},
		{"container_spec_memory_limit_bytes", NoUnit, record.MemoryLimit, 1},
		{"heap_size_limit", NoUnit, record.HeapLimit, 1},
		{"go_memory_limit_bytes", NoUnit, record.HeapLimit, 1},
		{"go.memory.limit", Byte, record.HeapLimit, 1},
		{"go_gc_gomemlimit_bytes", NoUnit, record.HeapLimit, 1},
		{"jvm.memory.heap.used", NoUnit, record.HeapUsed, 1},
		{"jvm.memory.heap.max", NoUnit, record.HeapLimit, 1},
		{"jvm.memory.non-heap.used", NoUnit, record.External, 1},
		{"process.memory.usage", Byte, record.RSS, 1},
		{"dotnet.process.memory.working_set", NoUnit, record.WorkingSet, 1},
		{"runtime.node.heap.total_heap_size", NoUnit, record.HeapTotal, 1},
		{"runtime.node.heap.heap_size_limit", NoUnit, record.HeapLimit, 1},
		{"cpu_percent", NoUnit, record.CPU, 0.01},
		{"container.cpu.usage", NoUnit, record.CPU, 1e-9},
		{"container.cpu.usage", Percent, record.CPU, 0.01},
		{"kubernetes.cpu.usage.total", NoUnit, record.CPU, 1e-9},
		{"cpu_cores", NoUnit, record.CPU, 1},
		{"container_cpu_usage_seconds_total", NoUnit, record.CPU, 1},
		{"event_loop_lag_max_ms", NoUnit, record.EventLoopDelayMax, 1e-3},
		{"runtime.node.event_loop.delay.max", NoUnit, record.EventLoopDelayMax, 1e-9},
		{"runtime.node.event_loop.delay.avg", Millisecond, record.EventLoopDelayMean, 1e-3},
		{"nodejs_eventloop_lag_max_seconds", NoUnit, record.EventLoopDelayMax, 1},
		{"nodejs_eventloop_lag_seconds", NoUnit, record.EventLoopDelayMean, 1},
		{"gc_time_ms", NoUnit, record.GCPause, 1e-3},
		{"runtime.node.gc.pause.sum", NoUnit, record.GCPause, 1e-9},
		{"goroutines", NoUnit, record.Goroutines, 1},
		{"runtime.go.num_goroutine", NoUnit, record.Goroutines, 1},
		{"go_goroutines", NoUnit, record.Goroutines, 1},
		{"container.memory.oom_events", NoUnit, record.OOMEvents, 1},
		{"kubernetes.containers.restarts", NoUnit, record.Restarts, 1},
		{"kube_pod_container_status_restarts_total", NoUnit, record.Restarts, 1},
	} {
		m, ok := MeaningOf(c.name, c.unit)
		if !ok || m.Metric != c.want || m.Scale != c.scale {
			t.Errorf("%s: %v scale %v (%v), want %v scale %v", c.name, m.Metric, m.Scale, ok, c.want, c.scale)
		}
	}
}

func TestNamesThatMeanSomethingElseAreRefused(t *testing.T) {
	for _, name := range []string{
		"system.mem.used", "node_memory_MemTotal_bytes", "redis.mem.rss", "mem_util_percent", "memory_usage_percent", "Memory Usage (%)", "cpu_usage", "cpu",
		"container_memory_max_usage_bytes", "container_memory_failcnt", "go_memstats_alloc_bytes_total", "go_memstats_sys_bytes", "jvm.non_heap_memory_max", "sys_bytes",
		"stack_inuse_bytes", "array_buffers_bytes", "gc_major_count", "num_gc", "kubernetes.memory.requests", "kubernetes.cpu.limits", "kube_pod_container_resource_limits_cpu_cores",
		"process_virtual_memory_bytes", "container_memory_swap", "duration", "value", "", "...", "kubernetes.memory.usage_pct", "docker.mem.in_use", "press", "process_cpu_seconds",
		// Nothing says their unit; a table may look at its values (MeaningOfColumn).
		"memory", "mem", "heap", "used_memory", "container_memory", "process_memory",
	} {
		if m, ok := MeaningOf(name, NoUnit); ok {
			t.Errorf("%q is taken for %v", name, m.Metric)
		}
	}
	if m, ok := MeaningOf("container.memory.usage", Percent); ok {
		t.Errorf("a share is taken for bytes: %v", m)
	}
}

// What runtimes and their exporters tell of parts of a process's memory (a pool, a space, a buffer, a request), and of limits that are not
// the container's. Each comes as several series, or is far from the whole: as resident memory it would be a curve that jumps.
func TestPartsOfAProcessesMemoryAreNotItsMemory(t *testing.T) {
	for from, names := range map[string][]string{
		"OpenTelemetry, JVM": {
			"jvm.memory.used", "jvm.memory.committed", "jvm.memory.limit", "jvm.memory.init", "jvm.memory.used_after_last_gc", "jvm.buffer.memory.used",
			"jvm.buffer.memory.usage", "jvm.buffer.memory.limit", "jvm.buffer.count", "process.runtime.jvm.memory.usage", "process.runtime.jvm.memory.limit",
			"process.runtime.jvm.memory.committed", "process.runtime.jvm.memory.usage_after_last_gc", "process.runtime.jvm.buffer.usage",
			"process.runtime.jvm.buffer.limit", "jvm_memory_used_bytes", "jvm_memory_limit_bytes", "process_runtime_jvm_memory_usage_bytes",
		},
		"OpenTelemetry, Go": {
			"go.memory.used", "go_memory_used_bytes", "go.memory.allocated", "go_memory_allocated_bytes_total", "go.memory.gc.goal", "process.runtime.go.mem.heap_idle",
			"process.runtime.go.mem.heap_released", "process.runtime.go.mem.heap_objects",
		},
		"OpenTelemetry, V8": {
			"v8js.memory.heap.used", "v8js.memory.heap.limit", "v8js_memory_heap_used_bytes", "v8js_memory_heap_limit_bytes", "v8js.memory.heap.space.available_size",
			"v8js.memory.heap.space.physical_size", "v8js.heap.space.available_size",
		},
		"OpenTelemetry, .NET and Python": {
			"dotnet.gc.last_collection.heap.size", "dotnet.gc.last_collection.memory.committed_size", "dotnet.gc.heap.total_allocated",
			"process.runtime.dotnet.gc.heap.size", "process.runtime.dotnet.gc.committed_memory.size", "process.runtime.cpython.memory",
			"process_runtime_cpython_memory_bytes", "process.memory.virtual",
		},
		"Micrometer": {
			"jvm_memory_committed_bytes", "jvm_memory_max_bytes", "jvm_buffer_memory_used_bytes", "jvm_buffer_total_capacity_bytes", "jvm_memory_usage_after_gc_percent",
			"jvm_gc_memory_allocated_bytes_total", "jvm_gc_live_data_size_bytes", "jvm_gc_max_data_size_bytes", "jvm_gc_pause_seconds_sum", "process_cpu_usage",
		},
		"Prometheus' client_java, now and before": {
			"jvm_memory_init_bytes", "jvm_memory_pool_used_bytes", "jvm_memory_pool_max_bytes", "jvm_memory_pool_committed_bytes", "jvm_memory_pool_collection_used_bytes",
			"jvm_buffer_pool_used_bytes", "jvm_buffer_pool_capacity_bytes", "jvm_native_memory_committed_bytes", "jvm_memory_bytes_used", "jvm_memory_bytes_max",
			"jvm_memory_pool_bytes_used", "jvm_memory_pool_allocated_bytes_total",
		},
		"Dropwizard, Flink and Elastic": {
			"jvm.memory.non-heap.max", "jvm.memory.non-heap.committed", "Status.JVM.Memory.NonHeap.Max", "Status.JVM.Memory.NonHeap.Committed",
			"jvm.memory.non_heap.committed", "jvm.memory.pools.G1-Eden-Space.used", "jvm.memory.heap.pool.used", "jvm.memory.heap.pool.max",
		},
		"Datadog's libraries": {
			"jvm.heap_memory_init", "jvm.non_heap_memory_init", "jvm.gc.eden_size", "jvm.gc.old_gen_size", "jvm.buffer_pool.direct.used", "jvm.buffer_pool.direct.capacity",
			"runtime.node.heap.size.by.space", "runtime.node.heap.used_size.by.space", "runtime.node.heap.malloced_memory", "runtime.node.mem.free",
			"runtime.go.mem_stats.stack_inuse", "runtime.go.mem_stats.sys", "runtime.dotnet.mem.committed", "runtime.dotnet.gc.size.gen2", "runtime.dotnet.gc.memory_load",
		},
		"the clients of Prometheus for Go and Node": {
			"go_memstats_stack_inuse_bytes", "go_memstats_mspan_inuse_bytes", "go_memstats_heap_idle_bytes", "go_memstats_heap_released_bytes",
			"go_memory_classes_heap_objects_bytes", "nodejs_heap_space_size_used_bytes", "nodejs_heap_space_size_total_bytes",
		},
		"PHP": {
			"php_memory_usage_bytes", "php_memory_peak_bytes", "php_memory_limit_bytes", "shop_php_memory_usage_bytes", "php_opcache_memory_used_bytes",
			"php_opcache_used_memory_bytes", "phpfpm_process_last_request_memory",
		},
		"cAdvisor, of the graphics card": {"container_accelerator_memory_used_bytes", "nvidia_gpu_memory_used_bytes"},
	} {
		for _, name := range names {
			if m, ok := MeaningOf(name, NoUnit); ok {
				t.Errorf("%s: %q is taken for %v", from, name, m.Metric)
			}
		}
	}
}

func TestTheBestNameOfAMetricIsUsedForEachContainer(t *testing.T) {
	usage, _ := MeaningOf("container.memory.usage", NoUnit)
	process, _ := MeaningOf("runtime.node.mem.rss", NoUnit)
	container, _ := MeaningOf("container.memory.rss", NoUnit)
	if process.Rank <= container.Rank || container.Rank <= usage.Rank {
		t.Errorf("ranks %d, %d, %d", process.Rank, container.Rank, usage.Rank)
	}
}

func FuzzNamesOfMetrics(f *testing.F) {
	f.Add("RSSBytes")
	f.Add("container_cpu_usage_seconds_total")
	f.Fuzz(func(t *testing.T, name string) {
		for u := NoUnit; u <= Count; u++ {
			if m, ok := MeaningOf(name, u); ok && (m.Metric == record.MetricUnknown || m.Scale <= 0) {
				t.Fatalf("%q: %+v", name, m)
			}
		}
	})
}
