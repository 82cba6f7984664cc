package evidence_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// counter is a Sink that only counts, so that a benchmark measures reading alone.
type counter struct {
	requests, malformed int64
	parent              *counter
}

func (c *counter) Request(*record.Request) error     { c.requests++; return nil }
func (c *counter) Sample(*record.Sample) error       { return nil }
func (c *counter) Crash(*record.Crash) error         { return nil }
func (c *counter) Lifecycle(*record.Lifecycle) error { return nil }
func (c *counter) Job(*record.Job) error             { return nil }
func (c *counter) Message(*record.Message) error     { return nil }
func (c *counter) Exposure(*record.Exposure) error   { return nil }
func (c *counter) Profile(*record.Profile) error     { return nil }
func (c *counter) Cover(*record.Coverage) error      { return nil }
func (c *counter) Fork() record.Sink                 { return &counter{parent: c} }
func (c *counter) Warn(w *record.Warning) error {
	if w.Code != "unrecognised_lines" {
		c.malformed += w.Count
	}
	return nil
}
func (c *counter) Join() error {
	if c.parent != nil {
		c.parent.requests += c.requests
		c.parent.malformed += c.malformed
	}
	return nil
}

// benchLog writes n lines of one format about the same kind of traffic: templated paths, ids, addresses, durations.
func benchLog(format string, n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 7))
	var b bytes.Buffer
	t := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	agents := []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		"okhttp/4.12.0", "axios/1.7.7", "python-requests/2.32.3",
	}
	for range n {
		t = t.Add(time.Duration(rnd.IntN(30)) * time.Millisecond)
		id := fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", rnd.Uint32(), rnd.IntN(1<<16), rnd.IntN(1<<16), rnd.IntN(1<<16), rnd.Uint64N(1<<48))
		path := fmt.Sprintf("/api/v1/users/%d/orders/%d", rnd.IntN(2_000_000), rnd.IntN(1000))
		ms, container, status := rnd.IntN(900), rnd.IntN(12)+1, []int{200, 200, 200, 201, 404}[rnd.IntN(5)]
		ip := fmt.Sprintf("%d.%d.%d.%d", rnd.IntN(200)+2, rnd.IntN(256), rnd.IntN(256), rnd.IntN(256))
		ua := agents[rnd.IntN(len(agents))]
		chatter := rnd.IntN(100) < 8
		switch format {
		case "scalingo":
			fmt.Fprintf(&b, "%s [router] method=GET path=\"%s\" host=api.example request_id=%s container=web-%d from=\"%s\" protocol=https status=%d duration=0.%03ds bytes=%d referer=\"-\" user_agent=\"%s\"\n",
				t.Format("2006-01-02 15:04:05.000000000 +0000 UTC"), path, id, container, ip, status, ms, rnd.IntN(30_000), ua)
		case "heroku":
			stamp := t.Format("2006-01-02T15:04:05.000000+00:00")
			if chatter {
				fmt.Fprintf(&b, "%s app[web.%d]: cache refresh finished in 12ms\n", stamp, container)
				continue
			}
			fmt.Fprintf(&b, "%s heroku[router]: at=info method=GET path=\"%s\" host=api.example request_id=%s fwd=\"%s\" dyno=web.%d connect=0ms service=%dms status=%d bytes=%d protocol=https\n",
				stamp, path, id, ip, container, ms, status, rnd.IntN(30_000))
		case "pino":
			if chatter {
				fmt.Fprintf(&b, `{"level":30,"time":%d,"pid":17,"hostname":"web-%d","tenant":%d,"msg":"cache refresh \"finished\" in 12ms"}`+"\n", t.UnixMilli(), container, rnd.IntN(300_000))
				continue
			}
			fmt.Fprintf(&b, `{"level":30,"time":%d,"pid":17,"hostname":"web-%d","req":{"id":"%s","method":"GET","url":"%s","query":{},"params":{},"headers":{"host":"api.example","user-agent":"%s","accept":"application/json","x-request-id":"%s"},"remoteAddress":"%s","remotePort":%d},"res":{"statusCode":%d,"headers":{"content-type":"application/json; charset=utf-8","content-length":"%d"}},"responseTime":%d,"msg":"request completed"}`+"\n",
				t.UnixMilli(), container, id, path, ua, id, ip, 1024+rnd.IntN(60_000), status, rnd.IntN(30_000), ms)
		case "datadog":
			if chatter {
				fmt.Fprintf(&b, `{"_id":"AZ%s","date":"%s","service":"api","host":"ip-10-0-1-2","source":"nodejs","status":"info","message":"cache refresh finished for tenant %d, \"hits\"=431","tags":["env:production","source:nodejs","container_id:%s","container_name:web-%d","version:2026.11.3"],"attributes":{"logger":{"name":"app"},"pid":17,"dd":{"trace_id":"%d"}}}`+"\n",
					id, t.Format("2006-01-02T15:04:05.000Z"), rnd.IntN(300_000), id, container, rnd.Uint64())
				continue
			}
			fmt.Fprintf(&b, `{"_id":"AZ%s","date":"%s","service":"api","host":"ip-10-0-1-2","source":"nodejs","status":"info","message":"GET %s %d %dms","tags":["env:production","source:nodejs","container_id:%s","container_name:web-%d","image_name:registry.example/api","version:2026.11.3","region:eu-west-3"],"attributes":{"http":{"method":"GET","status_code":%d,"url":"https://api.example%s","url_details":{"scheme":"https","host":"api.example","path":"%s"},"useragent":"%s","request_id":"%s","version":"1.1"},"duration":%d,"network":{"bytes_written":%d,"client":{"ip":"%s"}},"usr":{"id":"%d","plan":"pro"},"dd":{"trace_id":"%d","span_id":"%d"}}}`+"\n",
				id, t.Format("2006-01-02T15:04:05.000Z"), path, status, ms, id, container, status, path, path, ua, id, ms*1_000_000, rnd.IntN(30_000), ip, rnd.IntN(300_000), rnd.Uint64(), rnd.Uint64())
		case "access":
			fmt.Fprintf(&b, "%s - - [%s] \"GET %s HTTP/1.1\" %d %d \"-\" \"%s\" 0.%03d web-%d\n", ip, t.Format("02/Jan/2006:15:04:05 -0700"), path, status, rnd.IntN(30_000), ua, ms, container)
		}
	}
	return b.Bytes()
}

func BenchmarkRead(b *testing.B) {
	const lines = 100_000
	for _, format := range []string{"scalingo", "heroku", "pino", "datadog", "access"} {
		data := benchLog(format, lines)
		for _, wrap := range []string{"plain", "gzip", "zstd"} {
			packed := data
			switch wrap {
			case "gzip":
				var out bytes.Buffer
				w := gzip.NewWriter(&out)
				_, _ = w.Write(data)
				_ = w.Close()
				packed = out.Bytes()
			case "zstd":
				var out bytes.Buffer
				w, _ := zstd.NewWriter(&out)
				_, _ = w.Write(data)
				_ = w.Close()
				packed = out.Bytes()
			}
			b.Run(format+"/"+wrap, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					var c counter
					err := evidence.New(evidence.Options{Paths: []string{"-"}, Stdin: struct{ io.Reader }{bytes.NewReader(packed)}}).Collect(b.Context(), record.Query{}, &c)
					if err != nil {
						b.Fatal(err)
					}
					if c.requests < lines*9/10 || c.malformed > 0 {
						b.Fatalf("%d requests, %d warnings", c.requests, c.malformed)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
			})
		}
	}
}
