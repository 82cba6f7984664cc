package evidence

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/containerstats"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/prometheus"
	"lastcall/collectors/record"
)

func TestLinesOfAnExpositionAreTakenApart(t *testing.T) {
	const text = `# HELP container_memory_working_set_bytes Current working set in bytes.
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{container="app",id="/kubepods/pod1/x",name="k8s_app_web-0",namespace="shop",pod="web-0"} 1.0485760e+08 1794836877859
container_memory_working_set_bytes{container="istio-proxy",namespace="shop",pod="web-0"} 5 1794836877859
container_memory_working_set_bytes{container="",namespace="shop",pod="web-0"} 7 1794836877859
container_memory_working_set_bytes{container="POD",namespace="shop",pod="web-0"} 8 1794836877859
container_memory_working_set_bytes{id="/system.slice"} 9 1794836877859
container_memory_rss{id="/docker/a59e4e7d3090c04c6ce5a4b7a8bc85228eb9b96ac00b1284643a8c7c11dda661",name="web-1"} 10 1794836877859
container_spec_memory_limit_bytes{container="app",namespace="shop",pod="web-0"} 1.8446744073709552e+19 1794836877859
kube_pod_container_resource_limits{namespace="shop",pod="web-0",container="app",resource="memory",unit="byte"} 1.34217728e+08 1794836877859
kube_pod_container_resource_limits{namespace="shop",pod="web-0",container="app",resource="cpu",unit="core"} 1 1794836877859
kube_pod_container_status_restarts_total{namespace="shop",pod="web-0",container="app"} 4 1794836877859
container_start_time_seconds{container="app",namespace="shop",pod="web-0"} 1.794836e+09 1794836877859
go_memstats_heap_alloc_bytes 5
`
	if f, score := bestFormat([]byte(text)); f == nil || f.Name() != "prometheus-text" || score < 90 {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink, unhandled := formattest.ReadLines(t, prometheus.Text{}, text)
	if len(unhandled) > 0 {
		t.Errorf("unhandled: %q", unhandled)
	}
	when := formattest.At(t, "2026-11-16T13:47:57.859Z")
	want := []record.Sample{
		{Time: when, Metric: record.WorkingSet, Value: 104857600, Container: "web-0/app"},
		{Time: when, Metric: record.WorkingSet, Value: 5, Container: "web-0/istio-proxy"},
		{Time: when, Metric: record.RSS, Value: 10, Container: "web-1", Instance: cid},
		{Time: when, Metric: record.MemoryLimit, Value: 134217728, Container: "web-0/app"},
		{Time: when, Metric: record.Restarts, Value: 4, Container: "web-0/app"},
	}
	if diff := cmp.Diff(want, sink.Samples, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ups := []record.Lifecycle{{Time: formattest.At(t, "2026-11-16T13:33:20Z"), Kind: record.Up, ExitCode: -1, Reason: "start time", Container: "web-0/app"}}
	if diff := cmp.Diff(ups, sink.Lifecycles, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.WarningCount("no_time") != 1 {
		t.Errorf("the value without a time is not told: %v", sink.Warnings)
	}
}

func TestAnAnswerOfARangeQuery(t *testing.T) {
	const text = `{"status":"success","data":{"resultType":"matrix","result":[
	{"metric":{"__name__":"container_memory_working_set_bytes","pod":"web-0","container":"app"},"values":[[1794836877.859,"100"],[1794836892.859,"NaN"],[1794836907.859,"300"]]},
	{"metric":{"__name__":"container_cpu_usage_seconds_total","pod":"web-0","container":"app","cpu":"total"},"values":[[1794836877.859,"10"],[1794836887.859,"15"],[1794836897.859,"1"],[1794836907.859,"3"]]},
	{"metric":{"__name__":"process_resident_memory_bytes","instance":"10.0.0.7:9100","job":"shop"},"values":[[1794836877.859,"7"]]},
	{"metric":{"pod":"web-0"},"values":[[1794836877.859,"1"]]},
	{"metric":{"__name__":"up"},"values":[[1794836877.859,"1"]]}]}}`
	if f, score := bestFormat([]byte(text)); f == nil || f.Name() != "prometheus-query" {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink := formattest.MustRead(t, prometheus.Query{}, "q.json", text)
	t0 := formattest.At(t, "2026-11-16T13:47:57.859Z")
	want := []record.Sample{
		{Time: t0, Metric: record.WorkingSet, Value: 100, Container: "web-0/app"},
		{Time: t0.Add(30 * time.Second), Metric: record.WorkingSet, Value: 300, Container: "web-0/app"},
		{Time: t0.Add(10 * time.Second), Metric: record.CPU, Value: 0.5, Container: "web-0/app"},
		{Time: t0.Add(30 * time.Second), Metric: record.CPU, Value: 0.2, Container: "web-0/app"},
		{Time: t0, Metric: record.RSS, Value: 7, Container: "10.0.0.7:9100"},
	}
	if diff := cmp.Diff(want, sink.Samples, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.WarningCount("unnamed_series") != 1 || sink.WarningCount("metric_not_used") != 1 {
		t.Errorf("%v", sink.Warnings)
	}
}

func TestStatisticsOfDockerAreSamples(t *testing.T) {
	api := `{"read":"2026-11-16T13:47:57.859Z","name":"/web-1","id":"` + cid + `","memory_stats":{"usage":200,"limit":1000,"stats":{"anon":120,"inactive_file":50}},
	"cpu_stats":{"cpu_usage":{"total_usage":3000},"system_cpu_usage":20000,"online_cpus":2},"precpu_stats":{"cpu_usage":{"total_usage":1000},"system_cpu_usage":10000,"online_cpus":2}}
	{"read":"0001-01-01T00:00:00Z","name":"/gone","id":"x","memory_stats":{"usage":5},"cpu_stats":{}}`
	if f, score := bestFormat([]byte(api)); f == nil || f.Name() != "docker-stats" {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink := formattest.MustRead(t, containerstats.Docker{}, "stats.json", api)
	s := record.Sample{Time: formattest.At(t, "2026-11-16T13:47:57.859Z"), Container: "web-1", Instance: cid}
	with := func(m record.Metric, v float64) record.Sample {
		x := s
		x.Metric, x.Value = m, v
		return x
	}
	want := []record.Sample{with(record.RSS, 120), with(record.WorkingSet, 150), with(record.MemoryLimit, 1000), with(record.CPU, 0.4)}
	if diff := cmp.Diff(want, sink.Samples, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.WarningCount("no_time") != 1 {
		t.Errorf("%v", sink.Warnings)
	}
	cli := `{"time":"2026-11-16T13:47:57.859Z","CPUPerc":"12.50%","Container":"` + cid + `","ID":"` + cid + `","MemPerc":"1%","MemUsage":"1.5MiB / 2GiB","Name":"web-1","PIDs":"1"}`
	sink = formattest.MustRead(t, containerstats.Docker{}, "stats.json", cli)
	want = []record.Sample{with(record.WorkingSet, 1.5*(1<<20)), with(record.MemoryLimit, 2<<30), with(record.CPU, 0.125)}
	if diff := cmp.Diff(want, sink.Samples, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheKubeletsSummary(t *testing.T) {
	const text = `{"node":{"nodeName":"node-a","memory":{"workingSetBytes":1}},"pods":[{"podRef":{"name":"web-0","namespace":"shop"},"containers":[
	{"name":"app","startTime":"2026-11-16T13:00:00Z","cpu":{"time":"2026-11-16T13:47:57Z","usageNanoCores":250000000},
	 "memory":{"time":"2026-11-16T13:47:57Z","availableBytes":28,"usageBytes":120,"workingSetBytes":100,"rssBytes":90}}]}]}`
	if f, score := bestFormat([]byte(text)); f == nil || f.Name() != "kubelet-stats" {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink := formattest.MustRead(t, containerstats.Kubelet{}, "summary.json", text)
	s := record.Sample{Time: formattest.At(t, "2026-11-16T13:47:57Z"), Container: "web-0/app", Host: "node-a"}
	with := func(m record.Metric, v float64) record.Sample {
		x := s
		x.Metric, x.Value = m, v
		return x
	}
	want := []record.Sample{with(record.CPU, 0.25), with(record.RSS, 90), with(record.WorkingSet, 100), with(record.MemoryLimit, 128)}
	if diff := cmp.Diff(want, sink.Samples, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(sink.Lifecycles) != 1 || sink.Lifecycles[0].Time != formattest.At(t, "2026-11-16T13:00:00Z") {
		t.Errorf("%+v", sink.Lifecycles)
	}
}

func TestRecordedMetricsOfOthers(t *testing.T) {
	root := formattest.Shared(t, "corpus", "metrics")
	for _, c := range []struct {
		pattern, format string
		samples         bool
	}{
		{"google+cadvisor/lib/metrics/testdata/prometheus_metrics", "prometheus-text", true},
		{"elastic+beats/metricbeat/module/kubernetes/_meta/test/ksm.v*", "prometheus-text", false},
		{"prometheus+prometheus/model/textparse/testdata/*.prom.txt", "prometheus-text", false},
		{"elastic+beats/metricbeat/module/prometheus/query/_meta/test/querymetrics_*.json", "prometheus-query", false},
		{"elastic+beats/metricbeat/module/kubernetes/_meta/test/stats_summary*.json", "kubelet-stats", true},
		{"open-telemetry+opentelemetry-collector-contrib/receiver/kubeletstatsreceiver@v0.164.1/testdata/stats-summary*.json", "kubelet-stats", true},
		{"open-telemetry+opentelemetry-collector-contrib/receiver/dockerstatsreceiver@v0.149.0/testdata/stats.json", "docker-stats", true},
		{"open-telemetry+opentelemetry-collector-contrib/receiver/dockerstatsreceiver@v0.149.0/testdata/mock/*/stats*.json", "docker-stats", true},
	} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(c.pattern)))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no files (%v)", c.pattern, err)
		}
		for _, name := range files {
			data := formattest.File(t, name)
			f, score := bestFormat(headOf(data))
			if f == nil || f.Name() != c.format {
				t.Errorf("%s recognised as %v (%d)", filepath.Base(name), f, score)
				continue
			}
			switch f := f.(type) {
			case format.LineFormat:
				sink, unhandled := formattest.ReadLines(t, f, string(data))
				formattest.CheckSane(t, sink)
				if c.samples && len(sink.Samples) == 0 {
					t.Errorf("%s gives no samples", filepath.Base(name))
				}
				if len(unhandled) > 0 {
					t.Errorf("%s: %d lines unhandled, such as %q", filepath.Base(name), len(unhandled), unhandled[0])
				}
			case format.WholeFormat:
				sink, err := formattest.Read(t, f, name, data)
				formattest.CheckSane(t, sink)
				if err != nil || c.samples && len(sink.Samples) == 0 {
					t.Errorf("%s: %d samples, %v", filepath.Base(name), len(sink.Samples), err)
				}
			}
		}
	}
}
