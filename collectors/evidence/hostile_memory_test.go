package evidence_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"lastcall/collectors/evidence"
	"lastcall/collectors/evidence/evidencetest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// kept is how many records a Sink got.
type kept struct {
	requests, samples, crashes, lifecycles, jobs int64
	warnings                                     map[string]int64
}

// counts is a Sink that keeps nothing but numbers, so that what a test measures is the reader's memory.
type counts struct {
	kept
	parent *counts
	mu     sync.Mutex // guards kept
}

func (c *counts) Request(*record.Request) error     { c.requests++; return nil }
func (c *counts) Sample(*record.Sample) error       { c.samples++; return nil }
func (c *counts) Crash(*record.Crash) error         { c.crashes++; return nil }
func (c *counts) Lifecycle(*record.Lifecycle) error { c.lifecycles++; return nil }
func (c *counts) Job(*record.Job) error             { c.jobs++; return nil }
func (c *counts) Message(*record.Message) error     { return nil }
func (c *counts) Exposure(*record.Exposure) error   { return nil }
func (c *counts) Profile(*record.Profile) error     { return nil }
func (c *counts) Cover(*record.Coverage) error      { return nil }
func (c *counts) Fork() record.Sink                 { return &counts{parent: c} }
func (c *counts) Warn(w *record.Warning) error {
	if c.warnings == nil {
		c.warnings = map[string]int64{}
	}
	c.warnings[w.Code] += w.Count
	return nil
}

func (c *counts) Join() error {
	p := c.parent
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests, p.samples, p.crashes = p.requests+c.requests, p.samples+c.samples, p.crashes+c.crashes
	p.lifecycles, p.jobs = p.lifecycles+c.lifecycles, p.jobs+c.jobs
	return nil
}

func parts(rs ...any) io.Reader {
	out := make([]io.Reader, len(rs))
	for i, r := range rs {
		switch r := r.(type) {
		case string:
			out[i] = strings.NewReader(r)
		case io.Reader:
			out[i] = r
		}
	}
	return io.MultiReader(out...)
}

// peakHeap runs f and returns by how many bytes the heap grew at most, garbage included.
func peakHeap(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	heap := func() int64 {
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64() + sample[1].Value.Uint64())
	}
	debug.FreeOSMemory()
	before, peak := heap(), int64(0)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			peak = max(peak, heap())
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return peak - before
}

func TestInputsThatWantAllMemoryGetLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("reads several gigabytes")
	}
	const mb = 1 << 20
	const million = 1_000_000
	zeros := string(evidencetest.Pack(t, "gzip", make([]byte, 16*mb)))
	router := strings.Repeat(evidencetest.Scalingo, 400)
	pino := strings.TrimSuffix(evidencetest.Pino, "}\n")
	datadog := strings.TrimSpace(evidencetest.Datadog)
	cases := []struct {
		name    string
		in      func() io.Reader
		limitMB int64
		want    kept
		refused bool
	}{
		{"a line of 256 MB between lines", func() io.Reader {
			return parts(router, evidencetest.Repeat("x", 256*mb), "\n", router)
		}, 80, kept{requests: 800, warnings: map[string]int64{"line_too_long": 1}}, false},
		{"a line of 1 GB without an end", func() io.Reader { return evidencetest.Repeat(strings.Repeat("x", mb), 1024) }, 80,
			kept{warnings: map[string]int64{"unknown_format": 1, "line_too_long": 1}}, true},
		{"a JSON line of 256 MB", func() io.Reader {
			return parts(evidencetest.Pino, pino, `,"x":"`, evidencetest.Repeat("y", 256*mb), "\"}\n", evidencetest.Pino)
		}, 80,
			kept{requests: 2, warnings: map[string]int64{"line_too_long": 1}}, false},
		{"1 GB of NULs in a gzip of 1 MB", func() io.Reader { return evidencetest.Repeat(zeros, 64) }, 40,
			kept{warnings: map[string]int64{"unknown_format": 1}}, true},
		{"router lines before 512 MB of NULs in a gzip of half a megabyte", func() io.Reader {
			return parts(string(evidencetest.Pack(t, "gzip", []byte(router))), evidencetest.Repeat(zeros, 32))
		}, 80, kept{requests: 400, warnings: map[string]int64{"line_too_long": 1}}, false},
		{"a million empty gzip members", func() io.Reader {
			return parts(evidencetest.Repeat(string(evidencetest.Pack(t, "gzip", nil)), million), string(evidencetest.Pack(t, "gzip", []byte(router))))
		}, 40, kept{requests: 400}, false},
		{"JSON lines nested 16 million deep", func() io.Reader {
			return parts(evidencetest.Pino, evidencetest.Repeat("[", 16*mb-100), "\n", `{"level":30,"time":1,"a":`, evidencetest.Repeat("[", 15*mb), "\n", evidencetest.Pino)
		}, 140, kept{requests: 2, warnings: map[string]int64{"malformed_line": 1, "unrecognised_lines": 1}}, false},
		{"JSON lines of millions of small values", func() io.Reader {
			return parts(evidencetest.Pino, `{"level":30,"time":1794835850897,"pid":1,"msg":"job done","job":"x","a":[1`, evidencetest.Repeat(",1", 7*mb), "]}\n", evidencetest.Pino)
		}, 140, kept{requests: 2}, false},
		{"an entry of the journal with millions of small values", func() io.Reader {
			entry := `{"__REALTIME_TIMESTAMP":"1794836877859982","MESSAGE":"x"}` + "\n"
			return parts(entry, `{"__REALTIME_TIMESTAMP":"1794836877859982","a":[1`, evidencetest.Repeat(",1", 7*mb), "]}\n", entry)
		}, 140, kept{warnings: map[string]int64{"malformed_line": 1, "unrecognised_lines": 2}}, false},
		{"an object over 64 million lines", func() io.Reader {
			spread := "{\n" + strings.TrimPrefix(pino, "{")
			return parts(spread, "}\n", spread, evidencetest.Repeat("\n", 64*mb), "}\n", evidencetest.Pino)
		}, 40, kept{requests: 3}, false},
		{"a Datadog answer with an element of 512 MB", func() io.Reader {
			return parts(`{"data":[`, datadog, `,{"id":"`, evidencetest.Repeat("x", 512*mb), `"}]}`)
		}, 120, kept{requests: 1, warnings: map[string]int64{"malformed_document": 1}}, false},
		{"a Datadog answer behind 128 MB of brackets", func() io.Reader {
			return parts(`{"data":[`, datadog, `],"meta":`, evidencetest.Repeat("[", 64*mb), evidencetest.Repeat("]", 64*mb), `}`)
		}, 40, kept{requests: 1}, false},
		{"an array of fifty thousand logs", func() io.Reader { return parts(`[`, datadog, evidencetest.Repeat(","+datadog, 50_000), `]`) }, 40,
			kept{requests: 50_001}, false},
		{"an answer of Prometheus nested 8 million deep", func() io.Reader {
			return parts(`{"status":"success","data":{"resultType":"matrix",`, evidencetest.Repeat(`"data":{"result":[],`, 8*mb))
		}, 40, kept{warnings: map[string]int64{"malformed_document": 1}}, false},
		{"an answer of Prometheus with a value of 512 MB", func() io.Reader {
			return parts(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"`, evidencetest.Repeat("x", 512*mb))
		}, 60, kept{warnings: map[string]int64{"malformed_document": 1}}, false},
		{"an answer of Prometheus behind 512 MB of blanks", func() io.Reader {
			return parts(`{"status":"success","data":{"resultType":"matrix",`, evidencetest.Repeat(" ", 512*mb), `"result":[]}}`)
		}, 60, kept{warnings: map[string]int64{"malformed_document": 1}}, false},
		{"an answer of Prometheus with a hundred thousand containers", func() io.Reader {
			return parts(`{"status":"success","data":{"resultType":"matrix","result":[`, evidencetest.Generate(million/10, func(w *bytes.Buffer, i int) {
				if i > 0 {
					w.WriteByte(',')
				}
				fmt.Fprintf(w, `{"metric":{"__name__":"process_resident_memory_bytes","container_name":"c%d","pod":"p%d"},"values":[[1794836877,"1000000"]]}`, i, i)
			}), `]}}`)
		}, 250, kept{samples: million / 10}, false},
		{"an answer of Loki with a line of 512 MB", func() io.Reader {
			return parts(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[["1795165200123000000","`, evidencetest.Repeat("x", 512*mb))
		}, 60, kept{warnings: map[string]int64{"malformed_document": 1}}, false},
		{"an answer of Loki with 300 000 lines in as many streams", func() io.Reader {
			return parts(`{"status":"success","data":{"resultType":"streams","result":[`, evidencetest.Generate(300_000, func(w *bytes.Buffer, i int) {
				if i > 0 {
					w.WriteByte(',')
				}
				fmt.Fprintf(w, `{"stream":{"pod":"p%d"},"values":[["%d","panic: x"]]}`, i%1000, 1795165200123000000-i)
			}), `]}}`)
		}, 120, kept{crashes: 300_000}, false},
		{"a line of logcli with millions of small values", func() io.Reader {
			entry := `{"labels":{"pod":"web-1"},"line":"panic: x","timestamp":"2026-11-20T09:00:00Z"}` + "\n"
			return parts(entry, `{"line":"x","timestamp":"2026-11-20T09:00:00Z","labels":[1`, evidencetest.Repeat(",1", 7*mb), "]}\n", entry)
		}, 140, kept{crashes: 2, warnings: map[string]int64{"malformed_line": 1}}, false},
		{"an answer of CloudWatch Logs nested 8 million deep", func() io.Reader {
			return parts(`{"events":[{"timestamp":1795165200123,"message":"panic: x","ingestionTime":1},`, evidencetest.Repeat("[", 8*mb))
		}, 60, kept{crashes: 1, warnings: map[string]int64{"malformed_document": 1}}, false},
		{"a kubectl answer of half a million other fields", func() io.Reader {
			return parts(`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[]}`, evidencetest.Generate(million/2, func(w *bytes.Buffer, i int) { fmt.Fprintf(w, `,"f%d":1`, i) }), `}`)
		}, 60, kept{warnings: map[string]int64{"no_records": 1}}, false},
		{"a table with an open quotation mark before 512 MB", func() io.Reader {
			return parts("time,container,rss_bytes\n2026-11-16T13:47:57Z,web-1,1000\n2026-11-16T13:47:57Z,\"web-1,1000\n", evidencetest.Repeat("2026-11-16T13:47:57Z,web-1,1000\n", 16*mb))
		}, 60, kept{samples: 1, warnings: map[string]int64{"malformed_document": 1}}, false},
		{"a table of 256 million columns", func() io.Reader {
			return parts("time,container,rss_bytes\n2026-11-16T13:47:57Z,web-1,1000\n", evidencetest.Repeat(",", 256*mb))
		}, 120, kept{samples: 1, warnings: map[string]int64{"malformed_document": 1}}, false},
		{"a table of 300 000 containers", func() io.Reader {
			return parts("time,container,rss_bytes\n", evidencetest.Generate(300_000, func(w *bytes.Buffer, i int) { fmt.Fprintf(w, "2026-11-16T13:47:57Z,web-%d,1000\n", i) }))
		}, 120, kept{samples: 300_000}, false},
		{"a scrape of a million containers", func() io.Reader {
			return evidencetest.Generate(million, func(w *bytes.Buffer, i int) {
				fmt.Fprintf(w, "process_resident_memory_bytes{pod=\"web-%d\",container=\"app\"} 1e6 1794836877000\n", i)
			})
		}, 200, kept{samples: million}, false},
		{"Docker events of 300 000 containers", func() io.Reader {
			return evidencetest.Generate(300_000, func(w *bytes.Buffer, i int) {
				fmt.Fprintf(w, "2026-11-16T13:47:57.000000000Z container kill %064x (image=x, name=web-%d, signal=15)\n", i, i)
			})
		}, 80, kept{lifecycles: 300_000}, false},
		{"platform lines of 300 000 containers with last words", func() io.Reader {
			return evidencetest.Generate(300_000, func(w *bytes.Buffer, i int) {
				fmt.Fprintf(w, "2026-11-16 13:47:57.859982910 +0000 UTC [web-%d] TypeError: x is no function\n", i)
			})
		}, 80, kept{warnings: map[string]int64{"no_records": 1}}, false},
		{"a million endpoints of a million containers", func() io.Reader {
			return evidencetest.Generate(million, func(w *bytes.Buffer, i int) {
				fmt.Fprintf(w, "2026-11-16 13:30:50.937512207 +0000 UTC [router] method=GET path=\"/x%d/y\" host=h%d request_id=%d container=web-%d from=\"1.2.3.4\" protocol=https status=200 duration=0.503s bytes=990\n", i, i, i, i)
			})
		}, 40, kept{requests: million}, false},
		{"JSON lines of a million endpoints, containers and fields", func() io.Reader {
			return evidencetest.Generate(300_000, func(w *bytes.Buffer, i int) {
				fmt.Fprintf(w, `{"level":30,"time":1794835850897,"pid":%d,"hostname":"web-%d","f%d":{"g%d":%d},"req":{"id":"3","method":"GET","url":"/y%d"},"res":{"statusCode":200},"responseTime":2.5,"msg":"request completed"}`+"\n", i, i, i, i, i, i)
			})
		}, 80, kept{requests: 300_000}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got counts
			var err error
			start := time.Now()
			grown := peakHeap(func() {
				err = evidence.New(evidence.Options{Paths: []string{"-"}, Stdin: c.in(), Workers: 2}).Collect(t.Context(), record.Query{}, &got)
			})
			t.Logf("%d MB, %s", grown>>20, time.Since(start).Round(time.Millisecond))
			if grown > c.limitMB<<20 {
				t.Errorf("the heap grew by %d MB, want at most %d", grown>>20, c.limitMB)
			}
			var none *evidence.NothingReadError
			if c.refused != errors.As(err, &none) || err != nil && !c.refused {
				t.Fatalf("error %v, want refused: %v", err, c.refused)
			}
			w := c.want
			if got.requests != w.requests || got.samples != w.samples || got.crashes != w.crashes || got.lifecycles != w.lifecycles || got.jobs != w.jobs {
				t.Errorf("%d requests, %d samples, %d crashes, %d lifecycles, %d jobs; want %d, %d, %d, %d, %d",
					got.requests, got.samples, got.crashes, got.lifecycles, got.jobs, w.requests, w.samples, w.crashes, w.lifecycles, w.jobs)
			}
			if fmt.Sprint(w.warnings) != fmt.Sprint(got.warnings) {
				t.Errorf("warnings %v, want %v", got.warnings, w.warnings)
			}
			runtime.KeepAlive(&got)
		})
	}
}

func TestAMemberOfAnArchiveThatGrowsAThousandfoldIsReadInLittleMemory(t *testing.T) {
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, err := z.Create("bomb.log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, parts(evidencetest.Scalingo, evidencetest.Repeat("\x00", 128<<20))); err != nil {
		t.Fatal(err)
	}
	w, _ = z.Create("good.log")
	_, _ = io.WriteString(w, evidencetest.Scalingo)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := write(t, t.TempDir(), "a.zip", packed.Bytes())
	var got counts
	grown := peakHeap(func() {
		err = evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, &got)
	})
	if err != nil || got.requests != 2 || got.warnings["line_too_long"] != 1 {
		t.Errorf("%d requests, warnings %v, error %v", got.requests, got.warnings, err)
	}
	if grown > 80<<20 {
		t.Errorf("the heap grew by %d MB over a file of %d kB", grown>>20, packed.Len()>>10)
	}
}

// checkTimes holds the times of records to what their type can hold, and to their order.
func checkTimes(t *testing.T, s *recordtest.Sink) {
	t.Helper()
	in := func(what string, times ...record.Time) {
		for _, at := range times {
			if at < 0 || at.Std().Year() > 2262 {
				t.Errorf("%s at %s", what, at.Std())
			}
		}
	}
	for _, r := range s.Requests {
		in("a request", r.Start, r.End)
		if r.End < r.Start {
			t.Errorf("a request ends %s before it starts", r.Start.Sub(r.End))
		}
	}
	for _, c := range s.Crashes {
		in("a crash", c.Time)
	}
	for _, l := range s.Lifecycles {
		in("an event", l.Time, l.End)
	}
	for _, x := range s.Samples {
		in("a sample", x.Time)
	}
	for _, j := range s.Jobs {
		in("a job", j.Start, j.End)
	}
}

func TestTimesFromTheYear1ToTheYear9999GiveRecordsWhoseTimesAreInOrderOrWarnings(t *testing.T) {
	lines := []string{
		evidencetest.Scalingo, evidencetest.Heroku, evidencetest.Datadog, evidencetest.Access, evidencetest.Crash,
		`{"level":30,"time":"2026-11-16T13:30:50.897Z","pid":2,"hostname":"web-3","req":{"method":"GET","url":"/y"},"res":{"statusCode":200},"responseTime":86400000,"msg":"request completed"}` + "\n",
		"2026-11-16T13:47:57.000000000Z container die 4f (image=x, name=web-1, exitCode=137)\n",
		"2026-11-16T13:47:57Z FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
		"time,container,rss_bytes\n2026-11-16T13:47:57Z,web-1,1000\n",
		`{"id":"A","attributes":{"timestamp":"2026-11-16T14:15:50.772Z","host":"web-4","message":"job done","attributes":{"job":"x","duration":86400000000000000}}}` + "\n",
	}
	numbers := []string{
		evidencetest.Pino,
		strings.Replace(evidencetest.Pino, `"responseTime":2.5`, `"responseTime":86400000`, 1),
		`{"level":30,"time":1794835850897,"pid":17,"hostname":"web-6","job":"x","duration":2000000000,"msg":"job completed"}` + "\n",
		`{"__REALTIME_TIMESTAMP":"1794835850897000","CONTAINER_NAME":"web-1","MESSAGE":"FATAL ERROR: Reached heap limit Allocation failed"}` + "\n",
		"process_resident_memory_bytes{pod=\"web-1\"} 1e6 1794835850897\n",
		"web-1,1794835850897\n",
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"process_resident_memory_bytes","pod":"web-1"},"values":[[1794835850897,"1000000"]]}]}}` + "\n",
		`{"status":"ok","series":[{"metric":"container.memory.usage","scope":"container_name:web-1","pointlist":[[1794835850897,1000]]}]}` + "\n",
	}
	var inputs []string
	for _, l := range lines {
		for _, year := range []string{"0000", "0001", "1600", "1677", "1678", "1969", "1970", "1999", "2038", "2106", "2261", "2262", "2263", "9999"} {
			inputs = append(inputs, strings.ReplaceAll(l, "2026", year))
		}
	}
	for _, l := range numbers {
		for _, n := range []string{"0", "-1", "1", "1000000000", "99999999999", "1000000000000", "9223372036854", "9223372036855", "253402300799000", "9223372036854775807", "9223372036854775808", "1e18", "1e308", "1e999"} {
			inputs = append(inputs, strings.Replace(l, "1794835850897", n, 1))
		}
	}
	dir := t.TempDir()
	for i, text := range inputs {
		path := write(t, dir, fmt.Sprint(i), []byte(text))
		var s recordtest.Sink
		err := evidence.New(evidence.Options{Paths: []string{path}, Workers: 1}).Collect(t.Context(), record.Query{}, &s)
		checkTimes(t, &s)
		if records := len(s.Requests) + len(s.Crashes) + len(s.Lifecycles) + len(s.Samples) + len(s.Jobs); records == 0 && err == nil && len(s.Warnings) == 0 {
			t.Errorf("%q is dropped without a word", text)
		}
		if t.Failed() {
			t.Fatalf("input %q", text)
		}
	}
}
