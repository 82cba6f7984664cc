package evidence

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/tables"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestTablesAreReadInTheFormsThatPeopleSave(t *testing.T) {
	t0, t1 := formattest.At(t, "2026-11-14T09:17:43.869Z"), formattest.At(t, "2026-11-14T09:17:53.869Z")
	one := record.Sample{Time: t0, Container: "web-1", Instance: "30036", Service: "api"}
	with := func(s record.Sample, m record.Metric, v float64) record.Sample {
		s.Metric, s.Value = m, v
		return s
	}
	for _, c := range []struct {
		name, text string
		want       []record.Sample
	}{
		{
			"wide, with empty cells",
			"time,timestamp_ms,service,container,pid,rss_bytes,memory_limit_bytes,cpu_percent,heap_used_bytes,event_loop_lag_max_ms,gc_major_count\n" +
				"2026-11-14T09:17:43.869Z,1794647863869,api,web-1,30036,88797184,419430400,,32422992,401.1,0\n",
			[]record.Sample{with(one, record.RSS, 88797184), with(one, record.MemoryLimit, 419430400), with(one, record.HeapUsed, 32422992), with(one, record.EventLoopDelayMax, 0.4011)},
		},
		{
			"wide, of Go, where two columns measure the heap",
			"time,container,rss_bytes,heap_inuse_bytes,heap_alloc_bytes,goroutines\n2026-11-14T09:17:43.869Z,web-1,100,60,50,7\n",
			[]record.Sample{
				{Time: t0, Container: "web-1", Metric: record.RSS, Value: 100},
				{Time: t0, Container: "web-1", Metric: record.HeapUsed, Value: 50},
				{Time: t0, Container: "web-1", Metric: record.Goroutines, Value: 7},
			},
		},
		{
			"long, with units",
			"time,container,metric,value,unit\n2026-11-14T09:17:43.869Z,web-1,container.memory.usage,128,MiB\n2026-11-14T09:17:53.869Z,web-1,container.cpu.usage,50,percent\n2026-11-14T09:17:53.869Z,web-1,queue.depth,50,\n",
			[]record.Sample{
				{Time: t0, Container: "web-1", Metric: record.RSS, Value: 128 << 20},
				{Time: t1, Container: "web-1", Metric: record.CPU, Value: 0.5},
			},
		},
		{
			"semicolons, milliseconds, megabytes, CRLF and a byte order mark",
			"\ufefftimestamp_ms;pod;RSS (MB)\r\n1794647863869;web-5d8f;1.5\r\n",
			[]record.Sample{{Time: t0, Container: "web-5d8f", Metric: record.RSS, Value: 1.5 * (1 << 20)}},
		},
		{
			"tabs",
			"time\tname\theap_used\n2026-11-14T09:17:43.869Z\tweb 1\t5\n",
			[]record.Sample{{Time: t0, Container: "web 1", Metric: record.HeapUsed, Value: 5}},
		},
		{
			"columns named after series",
			"Time,\"runtime.node.mem.rss{container:web-1,service:api}\",\"runtime.node.mem.rss{container:web-2}\"\n2026-11-14T09:17:43.869Z,5,6\n",
			[]record.Sample{{Time: t0, Container: "web-1", Service: "api", Metric: record.RSS, Value: 5}, {Time: t0, Container: "web-2", Metric: record.RSS, Value: 6}},
		},
		{
			"a column named after a series beside one of the row's container",
			"time,container,\"rss_bytes{container=\"\"web-1\"\"}\",heap_used_bytes\n2026-11-14T09:17:43.869Z,web-9,5,6\n",
			[]record.Sample{{Time: t0, Container: "web-1", Metric: record.RSS, Value: 5}, {Time: t0, Container: "web-9", Metric: record.HeapUsed, Value: 6}},
		},
		{
			"a container's id is its instance",
			"time,container_id,memory_usage_bytes\n2026-11-14T09:17:43.869Z,dc317786f4c6,5\n",
			[]record.Sample{{Time: t0, Container: "dc317786f4c6", Instance: "dc317786f4c6", Metric: record.RSS, Value: 5}},
		},
		{
			"a series' labels in the header, quoted as Prometheus does",
			"\"Time\",\"container_memory_usage_bytes{pod=\\\"api-7\\\", namespace=\\\"shop\\\"}\"\n\"2026-11-14T09:17:43.869Z\",\"5\"\n",
			[]record.Sample{{Time: t0, Container: "api-7", Metric: record.RSS, Value: 5}},
		},
		{
			"a series' labels in the header, quoted as CSV does, for spreadsheets",
			"sep=;\r\n\"Time\";\"container_memory_working_set_bytes{pod=\"\"api-7\"\", namespace=\"\"shop\"\"}\"\r\n1794647863869;5\r\n",
			[]record.Sample{{Time: t0, Container: "api-7", Metric: record.WorkingSet, Value: 5}},
		},
		{
			"a series' labels in the header, not quoted at all",
			"Time,{__name__=\"process_resident_memory_bytes\", container=\"web-1\"},process_resident_memory_bytes{container=\"web-2\"}\n2026-11-14T09:17:43.869Z,5,6\n",
			[]record.Sample{{Time: t0, Container: "web-1", Metric: record.RSS, Value: 5}, {Time: t0, Container: "web-2", Metric: record.RSS, Value: 6}},
		},
		{
			"a row a point of a series",
			"Series;Time;Value\ncontainer_memory_working_set_bytes{namespace=\"shop\", pod=\"api-7\"};2026-11-14T09:17:43.869Z;5\n",
			[]record.Sample{{Time: t0, Container: "api-7", Metric: record.WorkingSet, Value: 5}},
		},
		{
			"groups of tags beside a metric",
			"timestamp,group,kubernetes.memory.usage\n1794647863869,\"pod_name:api-7,env:prod\",5\n1794647873869,web-1,6\n",
			[]record.Sample{{Time: t0, Container: "api-7", Metric: record.RSS, Value: 5}, {Time: t1, Container: "web-1", Metric: record.RSS, Value: 6}},
		},
		{
			"megabytes, short names and percent",
			"time,container,memory_mb,heap_used_mb,cpu_percent,mem_percent\n2026-11-14T09:17:43.869Z,web-1,2,1,50,80\n",
			[]record.Sample{
				{Time: t0, Container: "web-1", Metric: record.RSS, Value: 2 << 20}, {Time: t0, Container: "web-1", Metric: record.HeapUsed, Value: 1 << 20},
				{Time: t0, Container: "web-1", Metric: record.CPU, Value: 0.5},
			},
		},
		{
			"bytes, the short way",
			"time,container,mem_bytes,cpu\n2026-11-14T09:17:43.869Z,web-1,7,12.5%\n",
			[]record.Sample{{Time: t0, Container: "web-1", Metric: record.RSS, Value: 7}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if f, score := bestFormat([]byte(strings.TrimPrefix(c.text, "\ufeff"))); f == nil || f.Name() != "metrics-csv" {
				t.Fatalf("recognised as %v (%d)", f, score)
			}
			sink := formattest.MustRead(t, tables.Metrics{}, "m.csv", c.text)
			if diff := cmp.Diff(c.want, sink.Samples, formattest.Ignoring()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestATableOfSomethingElseIsRefusedWithAReason(t *testing.T) {
	text := ",machine_id,mem_util_percent,label\n2018-01-01 00:00:00,m_1935,84.0,Normal\n"
	f, score := bestFormat([]byte(text))
	if f == nil || f.Name() != "metrics-csv" || score >= 50 {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	if _, err := formattest.Read(t, tables.Metrics{}, "m.csv", []byte(text)); err == nil || !strings.Contains(err.Error(), "mem_util_percent") {
		t.Errorf("error %v", err)
	}
	for _, other := range []string{"a,b\n1,2\n", "plain text\nof a log\n", "2021-01-04 00:06:55.123 UTC,user,db,1\n2021-01-04 00:06:56.123 UTC,user,db,1\n", "", ",0\n0,31.8\n", "GET /a,b 200\n"} {
		if f, score := bestFormat([]byte(other)); f != nil && strings.HasSuffix(f.Name(), "-csv") {
			t.Errorf("%q recognised as %s (%d)", other, f.Name(), score)
		}
	}
}

func TestWhatATableMeasuresIsNotGuessedSilently(t *testing.T) {
	wide := "\"Time\",\"web-1\",\"web-2\"\n2026-11-14 09:17:43,%[1]s,%[1]s\n"
	for _, c := range []struct {
		file, text string
		want       record.Metric // none: refused
		unit       float64
	}{
		{"Memory.csv", fmt.Sprintf(wide, "215384916"), record.RSS, 1 << 20},
		{"Memory.csv", fmt.Sprintf(wide, "512 MiB"), record.RSS, 512 << 20},
		{"Memory.csv", fmt.Sprintf(wide, "0") + "2026-11-14 09:17:53,215384916,215384916\n", record.RSS, 0}, // not up yet
		{"Heap used-data-2026-11-14 09_17_43.csv", fmt.Sprintf(wide, "215384916"), record.HeapUsed, 1 << 20},
		{"working_set.csv", fmt.Sprintf(wide, "215384916"), record.WorkingSet, 1 << 20},
		{"memory_mb.csv", fmt.Sprintf(wide, "205"), record.RSS, 205 << 20},
		{"memory.csv", "Time,{container=\"web-1\"},{container=\"web-2\"}\n2026-11-14T09:17:43.869Z,512 MiB,1.5 GiB\n2026-11-14T09:17:53.869Z,,0.5 TiB\n", record.RSS, 512 << 20},
		{"memory.csv", "Series;Time;Value\nweb-1;2026-11-14T09:17:43.869Z;5 MiB\n", record.RSS, 5 << 20},
		{"x/kubernetes.memory.usage.csv", "timestamp,group,value\n1794647863869,pod_name:web-1,215384916\n", record.RSS, 1 << 20},
		{"memory.csv", "time,container,value\n2026-11-14 09:17:43,web-1,512 MiB\n", record.RSS, 512 << 20},
		// Megabytes or percent.
		{"Memory.csv", fmt.Sprintf(wide, "41"), record.MetricUnknown, 0},
		{"Memory.csv", fmt.Sprintf(wide, "41%"), record.MetricUnknown, 0},
		// Nothing says memory: disks and networks are counted in as large numbers, and in bytes.
		{"data.csv", fmt.Sprintf(wide, "215384916"), record.MetricUnknown, 0},
		{"data.csv", fmt.Sprintf(wide, "512 MiB"), record.MetricUnknown, 0},
		{"external.csv", fmt.Sprintf(wide, "215384916"), record.MetricUnknown, 0},
		{"data.csv", "Time,{container=\"web-1\"}\n2026-11-14T09:17:43.869Z,512 MiB\n", record.MetricUnknown, 0},
		{"data.csv", "Series;Time;Value\nweb-1;2026-11-14T09:17:43.869Z;5 MiB\n", record.MetricUnknown, 0},
		{"data.csv", "time,container,value\n2026-11-14 09:17:43,web-1,512 MiB\n", record.MetricUnknown, 0},
		{"data.csv", "time,container,value\n2026-11-14 09:17:43,web-1,215384916\n", record.MetricUnknown, 0},
		{"data.csv", fmt.Sprintf(wide, "41"), record.MetricUnknown, 0},
		{"data.csv", fmt.Sprintf(wide, "41 MB/s"), record.MetricUnknown, 0},
		{"Network received-data.csv", fmt.Sprintf(wide, "215384916"), record.MetricUnknown, 0},
		{"Network memory-data.csv", fmt.Sprintf(wide, "215384916"), record.MetricUnknown, 0},
		{"Network received-data.csv", fmt.Sprintf(wide, "512 MiB"), record.MetricUnknown, 0},
		{"memory.csv", "time,disk_free,disk_total\n2026-11-14 09:17:43,215384916,215384916\n", record.MetricUnknown, 0},
		{"data.csv", "time,region,value\n2026-11-14 09:17:43,eu,41\n", record.MetricUnknown, 0},
	} {
		if f, score := bestFormat([]byte(c.text)); f == nil || f.Name() != "metrics-csv" {
			t.Errorf("%q recognised as %v (%d)", c.text, f, score)
		}
		sink, err := formattest.Read(t, tables.Metrics{}, c.file, []byte(c.text))
		if c.want == record.MetricUnknown {
			if err == nil && sink.WarningCount("metric_not_used") == 0 || len(sink.Samples) > 0 {
				t.Errorf("%s, %q: %v, taken as %+v", c.file, c.text, err, sink.Samples)
			}
			continue
		}
		if err != nil || len(sink.Samples) == 0 || sink.Samples[0].Metric != c.want || sink.Samples[0].Container != "web-1" || sink.Samples[0].Value < c.unit {
			t.Errorf("%s, %q: %v, %+v", c.file, c.text, err, sink.Samples)
		}
		if sink.WarningCount("metric_assumed") == 0 {
			t.Errorf("%s, %q: nothing was told: %v", c.file, c.text, sink.Warnings)
		}
	}
}

// Machines of Fly.io, allocations of Nomad and tasks of Amazon ECS are called by numbers that may begin with a digit.
func TestColumnsAreNamedByIDs(t *testing.T) {
	for id, taken := range map[string]bool{
		"23baa2ab6053cc": true, "b1b7a8465ecc22": true, "5456bd7a": true, "5456bd7a-1d7e-55ca-8ba5-4e0e5697e7be": true, "23e3dc7aec2ba6b66722236aae1f078a": true,
		"20261114091743": false, "12345678": false, "1234-5678": false, "23baa2": false,
	} {
		text := "Time,web-1," + id + "\n2026-11-14 09:17:43,215384916,215384916\n"
		sink := formattest.MustRead(t, tables.Metrics{}, "memory.csv", text)
		if got := len(sink.Samples) == 2 && sink.Samples[1].Container == id; got != taken {
			t.Errorf("%s: taken %v, want %v: %+v", id, got, taken, sink.Samples)
		}
	}
}

func TestATableThatGivesNothingIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.csv")
	if err := os.WriteFile(path, []byte("time,alpha,beta\n2026-11-14 09:17:43,41,42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sink := &recordtest.Sink{}
	err := New(Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, sink)
	if err == nil || !strings.Contains(err.Error(), "alpha, beta") || !strings.Contains(err.Error(), "rss_bytes{container=") || sink.WarningCount("table_not_used") != 1 {
		t.Errorf("%v, %v", err, sink.Warnings)
	}
}

func TestListsOfCrashesAreRead(t *testing.T) {
	bare := "web-1,1794836877860\nweb-4,1794836997074\n"
	if f, score := bestFormat([]byte(bare)); f == nil || f.Name() != "crashes-csv" {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink := formattest.MustRead(t, tables.Crashes{}, "crashes.csv", bare)
	want := []record.Crash{
		{Time: formattest.At(t, "2026-11-16T13:47:57.86Z"), Kind: record.CrashOther, Exited: true, ExitCode: -1, Container: "web-1"},
		{Time: formattest.At(t, "2026-11-16T13:49:57.074Z"), Kind: record.CrashOther, Exited: true, ExitCode: -1, Container: "web-4"},
	}
	if diff := cmp.Diff(want, sink.Crashes, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.Crashes[0].Pos.Line != 1 || sink.Crashes[1].Pos.Line != 2 {
		t.Errorf("lines %d, %d", sink.Crashes[0].Pos.Line, sink.Crashes[1].Pos.Line)
	}
	headed := "time,container,container_id,exit_code,reason\n2026-11-16T13:47:57.86Z,web-1,dc317786f4c6,137,OOMKilled\n,web-2,x,1,\n"
	if f, score := bestFormat([]byte(headed)); f == nil || f.Name() != "crashes-csv" {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink = formattest.MustRead(t, tables.Crashes{}, "crashes.csv", headed)
	want = []record.Crash{{Time: formattest.At(t, "2026-11-16T13:47:57.86Z"), Kind: record.CrashOOMKill, Exited: true, ExitCode: 137, Signal: "SIGKILL", Container: "web-1", Instance: "dc317786f4c6"}}
	if diff := cmp.Diff(want, sink.Crashes, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.WarningCount("malformed_line") != 1 {
		t.Errorf("%v", sink.Warnings)
	}
}

func TestRecordedMemorySeriesOfOthers(t *testing.T) {
	root := formattest.Shared(t, "corpus", "memory-series", "BenjaminCarpenter480+memorytools", "data")
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".csv") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 3 {
		t.Fatalf("%d series", len(files))
	}
	for _, name := range files {
		data := formattest.File(t, name)
		if f, score := bestFormat(headOf(data)); f == nil || f.Name() != "metrics-csv" || score < 80 {
			t.Errorf("%s recognised as %v (%d)", filepath.Base(name), f, score)
			continue
		}
		sink, err := formattest.Read(t, tables.Metrics{}, name, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		formattest.CheckSane(t, sink)
		rows := strings.Count(strings.TrimSpace(string(data)), "\n")
		if len(sink.Samples) != rows {
			t.Errorf("%s: %d samples of %d rows, warnings %v", filepath.Base(name), len(sink.Samples), rows, sink.Warnings)
		}
		for _, s := range sink.Samples {
			if s.Metric != record.RSS || s.Container == "" || s.Instance == "" || s.Value > 1<<40 {
				t.Fatalf("%s: %+v", filepath.Base(name), s)
			}
		}
	}
}
