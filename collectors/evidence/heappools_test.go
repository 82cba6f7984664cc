package evidence_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

// promAnswer is an answer of a range query; a series is `metric{labels}` and its values, 30 s apart, "" for none.
func promAnswer(series ...[]string) string {
	var out []string
	for _, s := range series {
		name, inner, _ := strings.Cut(strings.TrimSuffix(s[0], "}"), "{")
		pairs := []string{fmt.Sprintf(`"__name__":%q`, name)}
		for l := range strings.SplitSeq(inner, ",") {
			k, v, _ := strings.Cut(l, "=")
			pairs = append(pairs, fmt.Sprintf("%q:%q", k, v))
		}
		var values []string
		for i, v := range s[1:] {
			if v != "" {
				values = append(values, fmt.Sprintf("[%d,%q]", 1794836870+30*i, v))
			}
		}
		out = append(out, fmt.Sprintf(`{"metric":{%s},"values":[%s]}`, strings.Join(pairs, ","), strings.Join(values, ",")))
	}
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(out, ",\n") + "]}}"
}

// said is what the samples of a metric say: container, seconds after the first instant of promAnswer, value.
func said(samples []record.Sample, m record.Metric) (out []string) {
	for _, s := range samples {
		if s.Metric == m {
			out = append(out, fmt.Sprintf("%s %d %.0f", s.Container, int64(s.Time)/1e9-1794836870, s.Value))
		}
	}
	return out
}

func TestPoolsOfAHeapAreSummed(t *testing.T) {
	for name, c := range map[string]struct {
		series      [][]string
		used, limit []string
	}{
		"Micrometer": {
			series: [][]string{
				{"jvm_memory_used_bytes{pod=web-1,area=heap,id=Eden Space}", "1000", "2000", "3000"},
				{"jvm_memory_used_bytes{pod=web-2,area=heap,id=Tenured Gen}", "7", "", "9"},
				{"jvm_memory_used_bytes{pod=web-1,area=heap,id=Tenured Gen}", "100", "200", "300"},
				{"jvm_memory_used_bytes{pod=web-1,area=heap,id=Survivor Space}", "10", "20", "30"},
				{"jvm_memory_used_bytes{pod=web-1,area=nonheap,id=Metaspace}", "5", "5", "5"},
			},
			used: []string{"web-1 0 1110", "web-1 30 2220", "web-1 60 3330", "web-2 0 7", "web-2 60 9"},
		},
		"a pool that is missing at an instant": {
			series: [][]string{
				{"jvm_memory_used_bytes{pod=web-1,area=heap,id=Eden Space}", "1000", "", "3000", "4000"},
				{"jvm_memory_used_bytes{pod=web-1,area=heap,id=Tenured Gen}", "100", "200", "NaN", "400"},
			},
			used: []string{"web-1 0 1100", "web-1 90 4400"},
		},
		"client_java": {
			series: [][]string{
				{"jvm_memory_used_bytes{instance=10.0.0.7:8080,area=heap}", "1000", "2000"},
				{"jvm_memory_used_bytes{instance=10.0.0.7:8080,area=nonheap}", "50", "60"},
				{"jvm_memory_max_bytes{instance=10.0.0.7:8080,area=heap}", "64000000", "64000000"},
				{"jvm_memory_max_bytes{instance=10.0.0.7:8080,area=nonheap}", "-1", "-1"},
				{"jvm_memory_pool_used_bytes{instance=10.0.0.7:8080,pool=Tenured Gen}", "1", "2"},
			},
			used:  []string{"10.0.0.7:8080 0 1000", "10.0.0.7:8080 30 2000"},
			limit: []string{"10.0.0.7:8080 0 64000000", "10.0.0.7:8080 30 64000000"},
		},
		"client_java without a limit": {
			series: [][]string{{"jvm_memory_bytes_used{pod=a,area=heap}", "1000"}, {"jvm_memory_bytes_max{pod=a,area=heap}", "-1"}},
			used:   []string{"a 0 1000"},
		},
		"OpenTelemetry": {
			series: [][]string{
				{"jvm_memory_used_bytes{pod=web-1,jvm_memory_type=heap,jvm_memory_pool_name=G1 Eden Space}", "1000"},
				{"jvm_memory_used_bytes{pod=web-1,jvm_memory_type=heap,jvm_memory_pool_name=G1 Old Gen}", "100"},
				{"jvm_memory_used_bytes{pod=web-1,jvm_memory_type=non_heap,jvm_memory_pool_name=Metaspace}", "5"},
				{"jvm_memory_limit_bytes{pod=web-1,jvm_memory_type=heap,jvm_memory_pool_name=G1 Old Gen}", "4096000000"},
			},
			used: []string{"web-1 0 1100"}, limit: []string{"web-1 0 4096000000"},
		},
		"OpenTelemetry of old": {
			series: [][]string{
				{"process_runtime_jvm_memory_usage_bytes{pod=web-1,type=heap,pool=G1 Old Gen}", "100"},
				{"process_runtime_jvm_memory_usage_bytes{pod=web-1,type=non_heap,pool=Metaspace}", "5"},
			},
			used: []string{"web-1 0 100"},
		},
		"a limit that one pool has for all": {
			series: [][]string{
				{"jvm_memory_max_bytes{pod=a,area=heap,id=G1 Old Gen}", "4096"},
				{"jvm_memory_max_bytes{pod=a,area=heap,id=G1 Eden Space}", "-1"},
				{"jvm_memory_max_bytes{pod=a,area=heap,id=G1 Survivor Space}", "-1"},
			},
			limit: []string{"a 0 4096"},
		},
		"a heap that is divided for good": {
			series: [][]string{
				{"jvm_memory_max_bytes{pod=a,area=heap,id=Tenured Gen}", "40"},
				{"jvm_memory_max_bytes{pod=a,area=heap,id=Eden Space}", "20"},
				{"jvm_memory_max_bytes{pod=a,area=heap,id=Survivor Space}", "2"},
			},
			limit: []string{"a 0 62"},
		},
		"limits of generations that share the heap, and of a part of one": {
			series: [][]string{
				{"jvm_memory_max_bytes{pod=a,area=heap,id=ZGC Young Generation}", "4096"},
				{"jvm_memory_max_bytes{pod=a,area=heap,id=ZGC Old Generation}", "4096"},
				{"jvm_memory_max_bytes{pod=b,area=heap,id=Tenured Gen}", "40"},
			},
		},
		"new objects only": {
			series: [][]string{{"jvm_memory_used_bytes{pod=a,area=heap,id=G1 Eden Space}", "1", "2"}},
		},
		"two JVMs in one place": {
			series: [][]string{
				{"jvm_memory_used_bytes{pod=a,area=heap,id=Tenured Gen,x=1}", "1", "2"},
				{"jvm_memory_used_bytes{pod=a,area=heap,id=Tenured Gen,x=2}", "5", "2", "3"},
			},
			used: []string{"a 30 2", "a 60 3"},
		},
		"a heap that is told as one besides": {
			series: [][]string{
				{"jvm_memory_used_bytes{pod=a,area=heap,id=Tenured Gen}", "1", "2"},
				{"jvm_memory_heap_used_bytes{pod=a}", "5", "6"},
			},
			used: []string{"a 0 5", "a 30 6"},
		},
		"no area": {
			series: [][]string{{"jvm_memory_used_bytes{pod=a,id=Tenured Gen}", "1", "2"}, {"jvm_memory_used_bytes{pod=a}", "1", "2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sink := collectText(t, "q.json", promAnswer(c.series...))
			if diff := cmp.Diff(c.used, said(sink.Samples, record.HeapUsed)); diff != "" {
				t.Errorf("used (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.limit, said(sink.Samples, record.HeapLimit)); diff != "" {
				t.Errorf("limit (-want +got):\n%s", diff)
			}
			if n := len(sink.Samples); n != len(c.used)+len(c.limit) {
				t.Errorf("%d samples: %+v", n, sink.Samples)
			}
		})
	}
}

func TestPoolsInAnExpositionAreSummedByInstant(t *testing.T) {
	sink := collectText(t, "federate.txt", `# TYPE jvm_memory_used_bytes gauge
jvm_memory_used_bytes{area="heap",id="G1 Eden Space",pod="web-1"} 1000 1794836870000
jvm_memory_used_bytes{area="heap",id="G1 Old Gen",pod="web-1"} 100 1794836870000
jvm_memory_used_bytes{area="nonheap",id="Metaspace",pod="web-1"} 5 1794836870000
jvm_memory_max_bytes{area="heap",id="G1 Old Gen",pod="web-1"} 4096 1794836870000
jvm_memory_max_bytes{area="heap",id="G1 Eden Space",pod="web-1"} -1 1794836870000
jvm_memory_used_bytes{area="heap",id="G1 Eden Space",pod="web-1"} 2000 1794836900000
jvm_memory_used_bytes{area="heap",id="G1 Eden Space",pod="web-1"} 3000 1794836930000
jvm_memory_used_bytes{area="heap",id="G1 Old Gen",pod="web-1"} 300 1794836930000
`)
	if diff := cmp.Diff([]string{"web-1 0 1100", "web-1 60 3300"}, said(sink.Samples, record.HeapUsed)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"web-1 0 4096"}, said(sink.Samples, record.HeapLimit)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	sink = collectText(t, "now.txt", `# TYPE jvm_memory_used_bytes gauge
jvm_memory_used_bytes{area="heap",id="G1 Old Gen",pod="web-1"} 100
`)
	if len(sink.Samples) != 0 || sink.WarningCount("no_time") != 1 {
		t.Errorf("%+v %v", sink.Samples, sink.Warnings)
	}
}

func TestPoolsThatAreColumnsOfATableAreSummed(t *testing.T) {
	column := func(metric, pod, area, pool string) string {
		return fmt.Sprintf(`"%s{pod=""%s"",area=""%s"",id=""%s""}"`, metric, pod, area, pool)
	}
	const used = "jvm_memory_used_bytes"
	sink := collectText(t, "panel.csv", strings.Join([]string{
		"Time", column(used, "web-1", "heap", "G1 Eden Space"), column(used, "web-2", "heap", "Tenured Gen"), column(used, "web-1", "heap", "G1 Old Gen"),
		column(used, "web-1", "nonheap", "Metaspace"), column("jvm_memory_max_bytes", "web-1", "heap", "G1 Old Gen"),
	}, ",")+`
2026-11-16T13:47:50Z,1000,7,100,5,4096
2026-11-16T13:48:20Z,2000,8,,5,4096
2026-11-16T13:48:50Z,2 KiB,,952,5,4096
`)
	if diff := cmp.Diff([]string{"web-1 0 1100", "web-2 0 7", "web-2 30 8", "web-1 60 3000"}, said(sink.Samples, record.HeapUsed)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"web-1 0 4096", "web-1 30 4096", "web-1 60 4096"}, said(sink.Samples, record.HeapLimit)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(sink.Samples) != 7 {
		t.Errorf("%+v", sink.Samples)
	}
}
