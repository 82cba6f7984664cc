package heap

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/klauspost/compress/gzip"

	"lastcall/collectors/record"
)

// bigPair makes two profiles of n samples with the same stacks of depth/4 to depth frames: up to 40 in a large Go service.
func bigPair(tb testing.TB, n, depth int) []record.Profile {
	tb.Helper()
	shape := rand.New(rand.NewPCG(1, 1))
	p := &profile.Profile{PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}, Period: 512 << 10}
	for _, t := range []string{"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"} {
		unit := "bytes"
		if t[len(t)-1] == 's' {
			unit = "count"
		}
		p.SampleType = append(p.SampleType, &profile.ValueType{Type: t, Unit: unit})
	}
	m := &profile.Mapping{ID: 1, File: "/app/server", BuildID: "abc"}
	p.Mapping = []*profile.Mapping{m}
	const fns = 8000
	for i := range fns {
		pkg := fmt.Sprintf("github.com/acme/shop/pkg%d", i%200)
		f := &profile.Function{ID: uint64(i + 1), Name: fmt.Sprintf("%s.Func%d", pkg, i), Filename: fmt.Sprintf("/app/pkg%d/file%d.go", i%200, i%17)}
		f.SystemName = f.Name
		p.Function = append(p.Function, f)
	}
	for i := range 3 * fns {
		p.Location = append(p.Location, &profile.Location{ID: uint64(i + 1), Mapping: m, Address: uint64(0x400000 + 16*i), Line: []profile.Line{{Function: p.Function[i%fns], Line: int64(i % 500)}}})
	}
	for range n {
		s := &profile.Sample{Value: make([]int64, 4), NumLabel: map[string][]int64{"bytes": {64}}}
		for range depth/4 + shape.IntN(depth*3/4) {
			s.Location = append(s.Location, p.Location[shape.IntN(len(p.Location))])
		}
		p.Sample = append(p.Sample, s)
	}
	var out []record.Profile
	for i := range int64(2) {
		p.TimeNanos = 1e18 + i*60e9
		for _, s := range p.Sample {
			v := shape.Int64N(1 << 20)
			copy(s.Value, []int64{v/64 + 10, 3 * v, v / 128, v})
		}
		var b bytes.Buffer
		zw, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
		if err != nil {
			tb.Fatal(err)
		}
		if err := p.WriteUncompressed(zw); err != nil {
			tb.Fatal(err)
		}
		if err := zw.Close(); err != nil {
			tb.Fatal(err)
		}
		out = append(out, record.Profile{Name: fmt.Sprint(i), Data: b.Bytes()})
	}
	return out
}

// TestHugeProfilesStayWithinMemory measures what the analysis takes from the system at its peak, garbage included.
func TestHugeProfilesStayWithinMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes large profiles")
	}
	for _, c := range []struct {
		samples, depth int
		limitMB        uint64
	}{{50_000, 40, 300}, {200_000, 16, 500}} {
		t.Run(fmt.Sprint(c.samples), func(t *testing.T) {
			ps := bigPair(t, c.samples, c.depth)
			debug.FreeOSMemory()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			cpu := cpuSeconds()
			r := run(t, ps, Options{})
			cpu = cpuSeconds() - cpu
			runtime.ReadMemStats(&after)
			if len(r.Series) != 1 || r.Series[0].Profiles != 2 {
				t.Errorf("series %+v", r.Series)
			}
			// What was taken before and given back could be taken again: only the heap in use and what was added counts.
			peak := (after.HeapSys - after.HeapReleased + before.HeapReleased - before.HeapSys + before.HeapInuse) >> 20
			t.Logf("%.2f s CPU, peak %d MB", cpu, peak)
			if peak > c.limitMB {
				t.Errorf("peak %d MB, %d allowed", peak, c.limitMB)
			}
			if c.samples == 50_000 && cpu > 3 { // 2 s is the budget; half as much again for a machine shared with others
				t.Errorf("%.2f s CPU", cpu)
			}
		})
	}
}

func BenchmarkDiffOfTwoProfilesOf50000Samples(b *testing.B) {
	ps := bigPair(b, 50_000, 40)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Analyze(context.Background(), ps, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
