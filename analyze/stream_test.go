package analyze_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// routerLines writes n lines of a Heroku router, 500 a second over ten dynos, with one culprit that runs for 40 s before each of
// three deaths: the stream of an incident that nobody would keep in memory.
type routerLines struct {
	n, i int
	at   time.Time
	buf  []byte
	rest []byte
}

func (r *routerLines) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.i >= r.n {
			return 0, io.EOF
		}
		r.buf = r.buf[:0]
		for k := 0; k < 500 && r.i < r.n; k++ {
			r.line()
		}
		r.rest = r.buf
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *routerLines) line() {
	i := r.i
	r.i++
	t := r.at.Add(time.Duration(i) * 2 * time.Millisecond)
	dyno := i%10 + 1
	path, service, status, code := fmt.Sprintf("/api/users/%d/things/%d", i*7919%100000, i%13), 20+i*31%90, 200, ""
	for d := 1; d <= 3; d++ {
		if i == d*r.n/4 {
			path, service, status, code, dyno = fmt.Sprintf("/api/reports/%d/export", i), 40000, 503, ` code=H13 desc="Connection closed without response"`, d
		}
	}
	level := "info"
	if code != "" {
		level = "error"
	}
	r.buf = fmt.Appendf(r.buf, "%s heroku[router]: at=%s%s method=GET path=\"%s\" host=a.example request_id=%08x-1111-4222-8333-%012x fwd=\"10.0.%d.%d\" dyno=web.%d connect=1ms service=%dms status=%d bytes=812 protocol=https\n",
		t.Format("2006-01-02T15:04:05.000000+00:00"), level, code, path, i, i, i%250, i%199, dyno, service, status)
	if code != "" {
		r.buf = fmt.Appendf(r.buf, "%s heroku[web.%d]: Process exited with status 137\n%s heroku[web.%d]: Error R15 (Memory quota vastly exceeded)\n",
			t.Add(time.Millisecond).Format("2006-01-02T15:04:05.000000+00:00"), dyno, t.Format("2006-01-02T15:04:05.000000+00:00"), dyno)
	}
}

// stream runs n lines through collector and analyzer as the command does, and returns the report and the highest heap in use.
func stream(tb testing.TB, n int) (*finding.Report, uint64) {
	tb.Helper()
	dir := tb.TempDir()
	spool := func() (analyze.Spool, error) { return os.Create(filepath.Join(dir, "spool")) }
	a := analyze.New(analyze.Options{Spool: spool})
	defer a.Close()
	runtime.GC() // what other tests left behind does not count
	var peak atomic.Uint64
	done := make(chan struct{})
	go func() {
		defer close(done)
		var m runtime.MemStats
		for range 100_000 {
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case done <- struct{}{}:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	c := evidence.New(evidence.Options{Paths: []string{"-"}, Stdin: &routerLines{n: n, at: time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)}})
	if err := c.Collect(context.Background(), record.Query{}, a); err != nil {
		tb.Fatal(err)
	}
	r, err := a.Report()
	if err != nil {
		tb.Fatal(err)
	}
	<-done
	return r, peak.Load()
}

func TestAMillionLinesNeedNoMoreMemoryThanTheirCrashes(t *testing.T) {
	if testing.Short() {
		t.Skip("a million lines")
	}
	n := 1_000_000
	if os.Getenv("LASTCALL_LONG") != "" {
		n = 10_000_000
	}
	r, peak := stream(t, n)
	if got := deref(r.Verdict.Endpoint); got != "GET /api/reports/{id}/export" || len(r.Crashes) != 3 {
		t.Errorf("%s\n%s", got, brief(r))
	}
	t.Logf("%d lines, %d MiB of heap at most", n, peak>>20)
	if peak > 64<<20 {
		t.Errorf("%d MiB of heap, 64 at most", peak>>20)
	}
}

func BenchmarkTenMillionRouterLines(b *testing.B) {
	for b.Loop() {
		_, peak := stream(b, 10_000_000)
		b.ReportMetric(float64(peak>>20), "MiB-peak")
		b.ReportMetric(10_000_000/b.Elapsed().Seconds(), "lines/s")
	}
}
