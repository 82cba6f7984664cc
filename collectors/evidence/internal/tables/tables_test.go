package tables

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
)

func TestBadRowsAreCounted(t *testing.T) {
	sink := formattest.MustRead(t, Metrics{}, "m.csv", "time,container,rss_bytes\n2026-11-14T09:17:43Z,web-1,1\nyesterday,web-1,2\n2026-11-14T09:17:44Z,web-1,many\n2026-11-14T09:17:45Z\n\n2026-11-14 09:17:46,web-1,NaN\n2026-11-14 09:17:47,web-1,-5\n2026-11-14 09:17:48,web-1,7\n")
	if len(sink.Samples) != 2 || sink.Samples[1].Value != 7 || sink.Samples[1].Pos.Line != 9 {
		t.Errorf("%+v", sink.Samples)
	}
	if sink.WarningCount("malformed_line") != 2 || sink.WarningCount("no_timezone") != 1 {
		t.Errorf("%v", sink.Warnings)
	}
}

func TestBareNamesOfMemoryAreBytesOnlyWhereTheValuesCanBe(t *testing.T) {
	wide := "time,container,%s\n2026-11-14T09:17:43Z,web-1,0\n2026-11-14T09:17:53Z,web-1,%s\n2026-11-14T09:18:03Z,web-1,900000000\n"
	long := "time,container,metric,value\n2026-11-14T09:17:43Z,web-1,%s,0\n2026-11-14T09:17:53Z,web-1,%s\n2026-11-14T09:18:03Z,web-1,%[1]s,900000000\n"
	for _, c := range []struct {
		name, cell string
		want       float64 // 0: refused
	}{
		{"memory", "215384916", 215384916},
		{"memory", "205 MiB", 205 << 20},
		{"memory", "205", 0},
		{"memory", "41%", 0},
		{"memory", "210336", 0}, // kilobytes
		{"mem", "205", 0},
		{"heap", "129", 0},
		{"heap", "135266304", 135266304},
		{"used_memory", "205", 0},
		{"container_memory", "205", 0},
		{"memory_limit", "320", 0},
		{"mem_limit", "335544320", 335544320},
		{"heap_limit", "320", 0},
		{"memory_limit_mb", "320", 320 << 20},
		{"memory_mb", "205", 205 << 20},
		{"memory_bytes", "205", 205},
		{"rss", "205", 205},
		{"heap_used", "205", 205},
	} {
		for _, text := range []string{fmt.Sprintf(wide, c.name, c.cell), fmt.Sprintf(long, c.name, c.name+","+c.cell)} {
			sink, err := formattest.Read(t, Metrics{}, "m.csv", []byte(text))
			if c.want == 0 {
				told := err != nil && strings.Contains(err.Error(), "memory_mb") || sink.WarningCount("column_without_unit") > 0
				for _, s := range sink.Samples {
					told = told && s.Value == 0
				}
				if !told {
					t.Errorf("%q: %v, %v, taken as %+v", text, err, sink.Warnings, sink.Samples)
				}
				continue
			}
			if err != nil || !slices.ContainsFunc(sink.Samples, func(s record.Sample) bool { return s.Value == c.want }) || sink.WarningCount("column_without_unit") > 0 {
				t.Errorf("%q: %v, %+v", text, err, sink.Samples)
			}
		}
	}
	// The other columns are used.
	sink := formattest.MustRead(t, Metrics{}, "m.csv", "time,container,rss_mb,memory,memory_limit,{pod=\"x\"}\n2026-11-14T09:17:43Z,web-1,129,41,320,5\n")
	if len(sink.Samples) != 1 || sink.Samples[0].Value != 129<<20 || sink.WarningCount("column_without_unit") != 2 {
		t.Errorf("%+v %v", sink.Samples, sink.Warnings)
	}
	// A series' own name follows the same rule.
	if sink, err := formattest.Read(t, Metrics{}, "m.csv", []byte("Time,memory{container=\"web-1\"}\n2026-11-14T09:17:43Z,129\n")); err == nil {
		t.Errorf("%+v", sink.Samples)
	}
}

func TestTablesAreReadInTheZoneThatIsAskedFor(t *testing.T) {
	zone := time.FixedZone("UTC+9", 9*3600)
	metrics, err := formattest.Read(t, Metrics{zone}, "m.csv", []byte("time,container,rss_bytes\n2026-11-14 18:17:43,web-1,5\n2026-11-14 18:17,web-1,5\n2026-11-14T09:17:43Z,web-1,6\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := formattest.At(t, "2026-11-14T09:17:43Z")
	if len(metrics.Samples) != 3 || metrics.Samples[0].Time != want || metrics.Samples[1].Time != formattest.At(t, "2026-11-14T09:17:00Z") || metrics.Samples[2].Time != want {
		t.Errorf("%+v", metrics.Samples)
	}
	if metrics.WarningCount("no_timezone") != 1 || !strings.Contains(metrics.Warnings[0].Text, "UTC+9") {
		t.Errorf("%v", metrics.Warnings)
	}
	crashes, err := formattest.Read(t, Crashes{zone}, "c.csv", []byte("time,container,exit_code\n2026-11-14 18:17:43,web-1,137\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(crashes.Crashes) != 1 || crashes.Crashes[0].Time != want || crashes.WarningCount("no_timezone") != 1 {
		t.Errorf("%+v %v", crashes.Crashes, crashes.Warnings)
	}
}

// rowsReader writes rows as they are read: a table larger than memory should be.
type rowsReader struct {
	n, max int
	rest   []byte
}

func (r *rowsReader) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.n == r.max {
			return 0, io.EOF
		}
		if r.n == 0 {
			r.rest = append(r.rest, "time,container,pid,rss_bytes,heap_used_bytes\n"...)
		}
		r.n++
		r.rest = fmt.Appendf(r.rest, "%d,web-%d,%d,%d,%d\n", 1794647863869+int64(r.n)*10, r.n%8, r.n%8+100, r.n, r.n/2)
	}
	n := copy(b, r.rest)
	r.rest = r.rest[:copy(r.rest, r.rest[n:])]
	return n, nil
}

func BenchmarkTables(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := (Metrics{}).Parse(b.Context(), &record.Source{Name: "m.csv"}, &rowsReader{max: 10_000}, record.Discard{}); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzTables(f *testing.F) {
	f.Add([]byte("time,timestamp_ms,service,container,pid,rss_bytes\n2026-11-14T09:17:43.869Z,1794647863869,api,web-1,30036,88797184\n"))
	f.Add([]byte("time;container;metric;value;unit\n1794647863869;web-1;rss;1e308;GiB\n"))
	f.Add([]byte("web-1,1794836877860\n"))
	f.Add([]byte("sep=;\nTime;\"{pod=\\\"a\\\"}\";{a=\"b\";c=\"d\"}\n2026-11-14 09:17;512 MiB;5%\n"))
	f.Add([]byte("Series;Time;Value\nrss{pod=\"a\"};2026-11-14T09:17:43Z;5\n{pod=\"b\"};1794647863869;5 GiB\nweb-1;1794647863869;9999999\n"))
	f.Add([]byte("time,container,metric,value\n1794647863869,web-1,memory,0\n1794647863869,web-1,memory,512\n1794647863869,web-1,mem_limit,9999999\n"))
	f.Add([]byte("timestamp,group,value\n1794647863869,\"pod_name:a,env:b\",9999999\n"))
	f.Add([]byte("time,\"rss{container:a}\"\n\"2026-11-14T09:17:43.869Z\",\"5\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		formattest.FuzzDocument(t, Metrics{}, data)
		formattest.FuzzDocument(t, Crashes{}, data)
	})
}
