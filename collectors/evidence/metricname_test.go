package evidence

import (
	"testing"

	"lastcall/collectors/record"
)

func TestNamesOfMetrics(t *testing.T) {
	for _, c := range []struct {
		name  string
		unit  unit
		want  record.Metric
		scale float64
	}{
		{"rss_bytes", unitNone, record.RSS, 1},
		{"RSS (MB)", unitNone, record.RSS, 1 << 20},
		{"Memory Usage", unitNone, record.RSS, 1},
		{"acme.checkout.memory.rss", unitNone, record.RSS, 1},
		{"runtime.node.mem.rss", unitByte, record.RSS, 1},
		{"runtime.python.mem.rss", unitNone, record.RSS, 1},
		{"container.memory.usage", unitNone, record.RSS, 1},
		{"docker.mem.rss", unitNone, record.RSS, 1},
		{"process_resident_memory_bytes", unitNone, record.RSS, 1},
		{"container_memory_working_set_bytes", unitNone, record.WorkingSet, 1},
		{"kubernetes.memory.working_set", unitNone, record.WorkingSet, 1},
		{"runtime.node.mem.heap_used", unitNone, record.HeapUsed, 1},
		{"heapUsed", unitNone, record.HeapUsed, 1},
		{"heap_alloc_bytes", unitNone, record.HeapUsed, 1},
		{"go_memstats_heap_inuse_bytes", unitNone, record.HeapUsed, 1},
		{"nodejs_heap_size_used_bytes", unitNone, record.HeapUsed, 1},
		{"jvm.heap_memory", unitNone, record.HeapUsed, 1},
		{"jvm.heap_memory_max", unitNone, record.HeapLimit, 1},
		{"jvm.non_heap_memory", unitNone, record.External, 1},
		{"runtime.go.mem_stats.heap_sys", unitNone, record.HeapTotal, 1},
		{"external_bytes", unitNone, record.External, 1},
		{"nodejs_external_memory_bytes", unitNone, record.External, 1},
		{"memory_limit_bytes", unitNone, record.MemoryLimit, 1},
		{"kubernetes.memory.limits", unitNone, record.MemoryLimit, 1},
		{"container_spec_memory_limit_bytes", unitNone, record.MemoryLimit, 1},
		{"heap_size_limit", unitNone, record.HeapLimit, 1},
		{"cpu_percent", unitNone, record.CPU, 0.01},
		{"container.cpu.usage", unitNone, record.CPU, 1e-9},
		{"container.cpu.usage", unitPercent, record.CPU, 0.01},
		{"kubernetes.cpu.usage.total", unitNone, record.CPU, 1e-9},
		{"cpu_cores", unitNone, record.CPU, 1},
		{"container_cpu_usage_seconds_total", unitNone, record.CPU, 1},
		{"event_loop_lag_max_ms", unitNone, record.EventLoopDelayMax, 1e-3},
		{"runtime.node.event_loop.delay.max", unitNone, record.EventLoopDelayMax, 1e-9},
		{"runtime.node.event_loop.delay.avg", unitMillisecond, record.EventLoopDelayMean, 1e-3},
		{"nodejs_eventloop_lag_max_seconds", unitNone, record.EventLoopDelayMax, 1},
		{"nodejs_eventloop_lag_seconds", unitNone, record.EventLoopDelayMean, 1},
		{"gc_time_ms", unitNone, record.GCPause, 1e-3},
		{"runtime.node.gc.pause.sum", unitNone, record.GCPause, 1e-9},
		{"goroutines", unitNone, record.Goroutines, 1},
		{"runtime.go.num_goroutine", unitNone, record.Goroutines, 1},
		{"go_goroutines", unitNone, record.Goroutines, 1},
		{"container.memory.oom_events", unitNone, record.OOMEvents, 1},
		{"kubernetes.containers.restarts", unitNone, record.Restarts, 1},
		{"kube_pod_container_status_restarts_total", unitNone, record.Restarts, 1},
	} {
		m, ok := meaningOf(c.name, c.unit)
		if !ok || m.metric != c.want || m.scale != c.scale {
			t.Errorf("%s: %v scale %v (%v), want %v scale %v", c.name, m.metric, m.scale, ok, c.want, c.scale)
		}
	}
}

func TestNamesThatMeanSomethingElse(t *testing.T) {
	for _, name := range []string{
		"system.mem.used", "node_memory_MemTotal_bytes", "redis.mem.rss", "mem_util_percent", "memory_usage_percent", "Memory Usage (%)", "cpu_usage", "cpu",
		"container_memory_max_usage_bytes", "container_memory_failcnt", "go_memstats_alloc_bytes_total", "go_memstats_sys_bytes", "jvm.non_heap_memory_max", "sys_bytes",
		"stack_inuse_bytes", "array_buffers_bytes", "gc_major_count", "num_gc", "kubernetes.memory.requests", "kubernetes.cpu.limits", "kube_pod_container_resource_limits_cpu_cores",
		"process_virtual_memory_bytes", "container_memory_swap", "duration", "value", "", "...", "kubernetes.memory.usage_pct", "docker.mem.in_use", "press", "process_cpu_seconds",
		// Nothing says their unit; a table may look at its values (meaningOfColumn).
		"memory", "mem", "heap", "used_memory", "container_memory", "process_memory",
	} {
		if m, ok := meaningOf(name, unitNone); ok {
			t.Errorf("%q is taken for %v", name, m.metric)
		}
	}
	if m, ok := meaningOf("container.memory.usage", unitPercent); ok {
		t.Errorf("a share is taken for bytes: %v", m)
	}
}

func TestTheBestNameOfAMetricIsUsedForEachContainer(t *testing.T) {
	usage, _ := meaningOf("container.memory.usage", unitNone)
	process, _ := meaningOf("runtime.node.mem.rss", unitNone)
	container, _ := meaningOf("container.memory.rss", unitNone)
	if process.rank <= container.rank || container.rank <= usage.rank {
		t.Errorf("ranks %d, %d, %d", process.rank, container.rank, usage.rank)
	}
}

func FuzzNamesOfMetrics(f *testing.F) {
	f.Add("RSSBytes")
	f.Add("container_cpu_usage_seconds_total")
	f.Fuzz(func(t *testing.T, name string) {
		for u := unitNone; u <= unitCount; u++ {
			if m, ok := meaningOf(name, u); ok && (m.metric == record.MetricUnknown || m.scale <= 0) {
				t.Fatalf("%q: %+v", name, m)
			}
		}
	})
}
