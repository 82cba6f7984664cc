package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// traffic makes requests as a router tells of them: in the order of their ends, over ten containers and some two hundred endpoints
// whose paths hold numbers and UUIDs, 70 a second.
func traffic(n int) []record.Request {
	rng := rand.New(rand.NewPCG(3, 3))
	src := &record.Source{Name: "router.log", Format: "heroku-router"}
	nouns := []string{"users", "orders", "teams", "reports", "sessions", "invoices", "events", "webhooks", "comments", "files", "roles", "plans", "keys"}
	noun := func() string { return nouns[rng.IntN(len(nouns))] }
	uuid := func() string {
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<16), rng.IntN(1<<16), rng.Uint64N(1<<48))
	}
	methods := [][]byte{[]byte("GET"), []byte("GET"), []byte("GET"), []byte("POST"), []byte("PUT")}
	reqs := make([]record.Request, n)
	at := record.Time(1_795_161_600_000_000_000)
	for i := range reqs {
		at += record.Time(rng.Int64N(28)) * 1e6
		path := "/api/v1/" + noun()
		switch rng.IntN(4) {
		case 0:
			path += fmt.Sprintf("/%d", rng.IntN(2_000_000))
		case 1:
			path += fmt.Sprintf("/%s/%s", uuid(), noun())
		case 2:
			path += fmt.Sprintf("/%s?page=%d&limit=20", noun(), rng.IntN(50))
		}
		took := record.Time(rng.ExpFloat64() * 2e8)
		reqs[i] = record.Request{Start: at - took, End: at, Method: methods[rng.IntN(len(methods))], Path: []byte(path), ID: []byte(uuid()),
			Client: fmt.Appendf(nil, "%d.%d.%d.%d", rng.IntN(200), rng.IntN(256), rng.IntN(256), rng.IntN(256)), Container: fmt.Appendf(nil, "web.%d", rng.IntN(10)+1),
			Status: 200, Layer: record.LayerRouter, Phase: record.Completed, Outcome: record.Answered, Pos: record.Pos{Source: src, Line: int64(i + 1)}}
	}
	return reqs
}

// BenchmarkRequests measures what the analysis of one request costs: when it comes (template, hashes, spool), and when the report is
// made (three passes, one of them sorted). The requests are beyond what is held in memory, so that most go through the spool. They
// are the same some thousands again and again, later each time: a request that comes was just read, and is in the cache.
func BenchmarkRequests(b *testing.B) {
	const rounds = 50
	reqs := traffic(10_000)
	first := reqs[0].End
	length := reqs[len(reqs)-1].End - first
	dir := b.TempDir()
	var taken, concluded time.Duration
	b.ReportAllocs()
	for b.Loop() {
		a := analyze.New(analyze.Options{Spool: func() (analyze.Spool, error) { return os.Create(filepath.Join(dir, "spool")) }})
		began := time.Now()
		for d := range 4 {
			at := first + rounds*length*record.Time(d+1)/5
			if err := a.Crash(&record.Crash{Time: at, Container: fmt.Sprintf("web.%d", d+1), Kind: record.CrashOOMKill, Pos: reqs[0].Pos}); err != nil {
				b.Fatal(err)
			}
		}
		s := a.Fork()
		for range rounds {
			for i := range reqs {
				r := &reqs[i]
				if err := s.Request(r); err != nil {
					b.Fatal(err)
				}
				r.Start, r.End = r.Start+length, r.End+length
			}
		}
		for i := range reqs {
			reqs[i].Start, reqs[i].End = reqs[i].Start-rounds*length, reqs[i].End-rounds*length
		}
		if err := s.Join(); err != nil {
			b.Fatal(err)
		}
		taken += time.Since(began)
		began = time.Now()
		if r, err := a.Report(); err != nil || len(r.Crashes) != 4 {
			b.Fatal(err)
		}
		concluded += time.Since(began)
		if err := a.Close(); err != nil {
			b.Fatal(err)
		}
	}
	n := float64(b.N) * rounds * float64(len(reqs))
	b.ReportMetric(float64(taken.Nanoseconds())/n, "ns/request-taken")
	b.ReportMetric(float64(concluded.Nanoseconds())/n, "ns/request-concluded")
}
