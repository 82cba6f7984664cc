// Package evidencetest makes evidence for tests: sound lines of each kind, for the tests to spoil, and inputs of any length.
package evidencetest

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Sound lines, each of one request unless its name says otherwise.
const (
	Scalingo = `2026-11-16 13:30:50.937512207 +0000 UTC [router] method=GET path="/x" host=h request_id=1 container=web-3 from="1.2.3.4" protocol=https status=200 duration=0.503s bytes=990` + "\n"
	Heroku   = `2026-11-17T11:36:16.702243+00:00 heroku[router]: at=info method=GET path="/api" host=h request_id=2 fwd="1.2.3.4" dyno=web.2 connect=1ms service=2ms status=200 bytes=31 protocol=https` + "\n"
	Pino     = `{"level":30,"time":1794835850897,"pid":2,"hostname":"web-3","req":{"id":"3","method":"GET","url":"/y"},"res":{"statusCode":200},"responseTime":2.5,"msg":"request completed"}` + "\n"
	Datadog  = `{"id":"A","type":"log","attributes":{"timestamp":"2026-11-16T14:15:50.772Z","host":"web-4","service":"api","message":"m","tags":[],"attributes":{"http":{"method":"GET","url_details":{"path":"/z"},"status_code":200},"duration":18776855}}}` + "\n"
	Access   = `1.2.3.4 - - [20/Nov/2026:08:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "okhttp" 0.123 web-1` + "\n"
	Crash    = `2026-11-16 13:47:57.859982910 +0000 UTC [system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 134` + "\n"
	// TableHead begins a table of memory, of which TableRow is a row.
	TableHead = "time,container,rss_bytes\n"
	TableRow  = "2026-11-16T13:47:57Z,web-1,1000000\n"
)

// Pack compresses data; kind is "gzip" or "zstd".
func Pack(t testing.TB, kind string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		t.Fatalf("no way to pack as %q", kind)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// UTF16 encodes a text, with a byte order mark.
func UTF16(text string, bigEndian bool) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		if bigEndian {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

// Reader is a function that reads.
type Reader func(p []byte) (int, error)

// Read implements io.Reader.
func (f Reader) Read(p []byte) (int, error) { return f(p) }

// Repeat gives unit n times, without holding more than some 64 kB of copies.
func Repeat(unit string, n int64) io.Reader {
	block := strings.Repeat(unit, max(1, (64<<10)/len(unit)))
	left := n * int64(len(unit))
	rest := ""
	return Reader(func(p []byte) (int, error) {
		if rest == "" {
			if left == 0 {
				return 0, io.EOF
			}
			rest = block[:min(int64(len(block)), left)]
			left -= int64(len(rest))
		}
		k := copy(p, rest)
		rest = rest[k:]
		return k, nil
	})
}

// Generate gives what f writes for 0 to n-1.
func Generate(n int, f func(w *bytes.Buffer, i int)) io.Reader {
	var b bytes.Buffer
	i := 0
	return Reader(func(p []byte) (int, error) {
		for ; b.Len() < 64<<10 && i < n; i++ {
			f(&b, i)
		}
		return b.Read(p)
	})
}
