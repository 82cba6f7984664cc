package reqlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"lastcall/collectors/record"
)

const start = record.Time(1_790_000_000_000_000_000)

// tempFile is a spool in a folder, which Close removes.
type tempFile struct {
	*os.File
	closed int
}

func (f *tempFile) Close() error {
	f.closed++
	return errors.Join(f.File.Close(), os.Remove(f.Name()))
}

func inFolder(t testing.TB, dir string) (func() (Spool, error), *[]*tempFile) {
	t.Helper()
	made := &[]*tempFile{}
	return func() (Spool, error) {
		f, err := os.CreateTemp(dir, "spool")
		if err != nil {
			return nil, err
		}
		s := &tempFile{File: f}
		*made = append(*made, s)
		return s, nil
	}, made
}

// some makes requests over some hours, many at equal times, and all different.
func some(rng *rand.Rand, n int) []Rec {
	recs := make([]Rec, n)
	for i := range recs {
		at := start.Add(0) + record.Time(rng.Int64N(4*3600))*1e9
		recs[i] = Rec{Start: at, End: at + record.Time(rng.Int64N(3))*1e9, ID: uint64(rng.IntN(3)), User: uint32(rng.IntN(3)), Path: uint32(rng.IntN(5)),
			Endpoint: uint32(rng.IntN(4)), Container: uint32(rng.IntN(4)), Line: uint32(i), Detail: uint32(i), Source: uint16(rng.IntN(2)), Status: uint16(200 + rng.IntN(3)),
			Layer: record.Layer(rng.IntN(3)), Phase: record.Phase(rng.IntN(2)), Outcome: record.Outcome(rng.IntN(5))}
	}
	return recs
}

// fill appends records through one writer.
func fill(t testing.TB, l *Log, recs []Rec) {
	t.Helper()
	w := l.Writer()
	for i := range recs {
		if err := w.Append(&recs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

func inOrder(p *Page) []Rec {
	out := make([]Rec, p.Len())
	for i := range out {
		out[i] = *p.At(i)
	}
	return out
}

// slots reads all of a log, slot by slot.
func slots(t testing.TB, each func(func(*Page)) error) [][]Rec {
	t.Helper()
	var out [][]Rec
	if err := each(func(p *Page) { out = append(out, inOrder(p)) }); err != nil {
		t.Fatal(err)
	}
	return out
}

// differ says where two readings of a log differ first; cmp takes seconds for so many records.
func differ(a, b [][]Rec) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d slots and %d", len(a), len(b))
	}
	for i := range a {
		if len(a[i]) != len(b[i]) {
			return fmt.Sprintf("slot %d: %d records and %d", i, len(a[i]), len(b[i]))
		}
		for k := range a[i] {
			if a[i][k] != b[i][k] {
				return fmt.Sprintf("slot %d, record %d: %+v and %+v", i, k, a[i][k], b[i][k])
			}
		}
	}
	return ""
}

func TestSlotsAreInTimeOrderAndHoldEachRecordOnce(t *testing.T) {
	recs := some(rand.New(rand.NewPCG(1, 1)), 5000)
	recs[7].Start, recs[7].End = -5e9, -4e9 // before 1970
	recs[8].Start, recs[8].End = -300e9, 0
	l := New(1<<30, nil)
	defer l.Close()
	fill(t, l, recs)
	var all []Rec
	last := record.Time(-1 << 62)
	for _, s := range slots(t, l.Each) {
		if len(s) == 0 {
			t.Fatal("an empty slot")
		}
		for _, r := range s {
			if r.Start < last {
				t.Fatalf("%v after %v", r.Start, last)
			}
			last = r.Start
		}
		if d := s[len(s)-1].Start - s[0].Start; d >= slotWidth {
			t.Fatalf("a slot of %d s", d/1e9)
		}
		all = append(all, s...)
	}
	byLine := func(a, b Rec) int { return int(a.Line) - int(b.Line) }
	slices.SortFunc(all, byLine)
	if diff := cmp.Diff(recs, all); diff != "" {
		t.Error(diff)
	}
}

func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		recs := some(rng, rapid.IntRange(0, 300).Draw(rt, "n"))
		want := New(1<<30, nil)
		fill(t, want, recs)
		mixed := slices.Clone(recs)
		rng.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		got := New(1<<30, nil)
		fill(t, got, mixed)
		if diff := differ(slots(t, want.Each), slots(t, got.Each)); diff != "" {
			rt.Fatal(diff)
		}
		if diff := cmp.Diff(want.Stats(), got.Stats()); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// TestEqualLinesOfTwoContainersStandTogether: what tells a line that was read twice from two requests looks at neighbours only.
func TestEqualLinesOfTwoContainersStandTogether(t *testing.T) {
	for seed := range uint64(20) {
		l := New(1<<30, nil)
		var recs []Rec
		for i := range 40 {
			recs = append(recs, Rec{Start: start, End: start, Path: 1, Line: 17, Container: uint32(i % 2), Endpoint: uint32(i % 4 / 2), Source: uint16(i)})
		}
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
		fill(t, l, recs)
		s := slots(t, l.Each)[0]
		changes := 0
		for i := 1; i < len(s); i++ {
			if s[i].Container != s[i-1].Container || s[i].Endpoint != s[i-1].Endpoint {
				changes++
			}
		}
		if changes != 3 {
			t.Fatalf("lines of four kinds alternate %d times", changes)
		}
	}
}

func TestWritersOfSeveralGoroutinesFillOneLog(t *testing.T) {
	recs := some(rand.New(rand.NewPCG(3, 3)), 40_000)
	want := New(1<<30, nil)
	fill(t, want, recs)
	spool, _ := inFolder(t, t.TempDir())
	got := New(400_000, spool)
	defer got.Close()
	var wg sync.WaitGroup
	for part := range slices.Chunk(recs, 7001) {
		wg.Go(func() {
			w := got.Writer()
			for i := range part {
				if err := w.Append(&part[i]); err != nil {
					t.Error(err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if diff := differ(slots(t, want.Each), slots(t, got.Each)); diff != "" {
		t.Error(diff)
	}
}

func TestATemporaryFileGivesTheSameSlotsAsMemory(t *testing.T) {
	recs := some(rand.New(rand.NewPCG(4, 4)), 30_000)
	want := New(1<<30, nil)
	fill(t, want, recs)
	inMemory := slots(t, want.Each)
	for _, limit := range []int{1, 100_000, 1 << 20, 1 << 30} {
		dir := t.TempDir()
		spool, made := inFolder(t, dir)
		l := New(limit, spool)
		fill(t, l, recs)
		if spilled := len(*made) > 0; spilled != (limit < 1<<30) {
			t.Errorf("limit %d: %d files", limit, len(*made))
		}
		for pass := range 3 { // the first sorts
			if diff := differ(inMemory, slots(t, l.Each)); diff != "" {
				t.Errorf("limit %d, pass %d: %s", limit, pass, diff)
			}
		}
		if diff := cmp.Diff(want.Stats(), l.Stats()); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
		// Without the order there are the same records.
		unsorted := slots(t, l.EachUnsorted)
		for i := range unsorted {
			slices.SortFunc(unsorted[i], func(a, b Rec) int { return compare(&a, &b) })
		}
		if diff := differ(inMemory, unsorted); diff != "" {
			t.Errorf("limit %d, unsorted: %s", limit, diff)
		}
		if len(*made) > 1 {
			t.Errorf("limit %d: %d files, want one", limit, len(*made))
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("Close leaves %q", left)
		}
		if err := l.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		for _, f := range *made {
			if f.closed != 1 {
				t.Errorf("a file was closed %d times", f.closed)
			}
		}
	}
}

func TestUnsortedPassesMayComeFirst(t *testing.T) {
	recs := some(rand.New(rand.NewPCG(5, 5)), 3000)
	for _, limit := range []int{1000, 1 << 30} {
		spool, _ := inFolder(t, t.TempDir())
		l := New(limit, spool)
		fill(t, l, recs)
		n := 0
		for _, s := range slots(t, l.EachUnsorted) {
			n += len(s)
		}
		if n != len(recs) {
			t.Errorf("limit %d: %d records of %d", limit, n, len(recs))
		}
		for _, s := range slots(t, l.Each) {
			if !slices.IsSortedFunc(s, func(a, b Rec) int { return compare(&a, &b) }) {
				t.Errorf("limit %d: not in order after an unsorted pass", limit)
			}
		}
		l.Close()
	}
}

func TestRecordsAfterAPassAreSeenInTheNext(t *testing.T) {
	recs := some(rand.New(rand.NewPCG(6, 6)), 4000)
	want := New(1<<30, nil)
	fill(t, want, recs)
	for _, limit := range []int{1000, 1 << 30} {
		spool, _ := inFolder(t, t.TempDir())
		l := New(limit, spool)
		fill(t, l, recs[:1500])
		slots(t, l.Each)
		fill(t, l, recs[1500:])
		if diff := differ(slots(t, want.Each), slots(t, l.Each)); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
		l.Close()
	}
}

func TestStatsTellOfTheSlotsWithoutReadingThem(t *testing.T) {
	l := New(1<<30, nil)
	at := start / slotWidth * slotWidth
	fill(t, l, []Rec{{Start: at + 9e9, End: at + 20e9}, {Start: at + 3e9, End: at + 4e9}, {Start: at + slotWidth, End: 0}})
	want := []Stat{{N: 2, First: at + 3e9, LastStart: at + 9e9, Last: at + 20e9}, {N: 1, First: at + slotWidth, LastStart: at + slotWidth, Last: at + slotWidth}}
	if diff := cmp.Diff(want, l.Stats()); diff != "" {
		t.Error(diff)
	}
}

// full is a spool whose disk is full after so many writes, or that cannot be read.
type full struct {
	writes   int
	readable bool
	data     []byte
	closed   bool
}

var errFull = errors.New("no space left on device")

func (f *full) Write(b []byte) (int, error) {
	if f.writes--; f.writes < 0 {
		return 0, errFull
	}
	f.data = append(f.data, b...)
	return len(b), nil
}

func (f *full) ReadAt(b []byte, off int64) (int, error) {
	if !f.readable {
		return 0, errors.New("input/output error")
	}
	return copy(b, f.data[off:]), nil
}

func (f *full) Close() error { f.closed = true; return nil }

func TestAFailingTemporaryFileIsAnError(t *testing.T) {
	recs := some(rand.New(rand.NewPCG(7, 7)), 20_000)
	write := func(l *Log) error {
		w := l.Writer()
		for i := range recs {
			if err := w.Append(&recs[i]); err != nil {
				return err
			}
		}
		return w.Flush()
	}
	t.Run("that cannot be made", func(t *testing.T) {
		l := New(1000, func() (Spool, error) { return nil, os.ErrPermission })
		err := write(l)
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "temporary file") {
			t.Errorf("got %v", err)
		}
		if err := l.Each(func(*Page) {}); !errors.Is(err, os.ErrPermission) {
			t.Errorf("a pass after that: %v", err)
		}
		if err := write(l); !errors.Is(err, os.ErrPermission) {
			t.Errorf("another writer after that: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("whose disk is full", func(t *testing.T) {
		f := &full{writes: 2}
		l := New(1000, func() (Spool, error) { return f, nil })
		if err := write(l); !errors.Is(err, errFull) || !strings.Contains(err.Error(), "TMPDIR") {
			t.Errorf("got %v", err)
		}
		if err := l.Each(func(*Page) {}); !errors.Is(err, errFull) {
			t.Errorf("a pass after that: %v", err)
		}
		if err := l.Close(); err != nil || !f.closed {
			t.Errorf("closed %v, %v", f.closed, err)
		}
	})
	t.Run("that cannot be read", func(t *testing.T) {
		f := &full{writes: 1 << 30}
		l := New(1000, func() (Spool, error) { return f, nil })
		if err := write(l); err != nil {
			t.Fatal(err)
		}
		if err := l.Each(func(*Page) {}); err == nil || !strings.Contains(err.Error(), "read temporary file") {
			t.Errorf("got %v", err)
		}
	})
}

func TestNothingIsTakenOnceClosed(t *testing.T) {
	spool, made := inFolder(t, t.TempDir())
	l := New(100, spool)
	w := l.Writer()
	recs := some(rand.New(rand.NewPCG(8, 8)), 10)
	for i := range recs {
		recs[i].Start = start // of one slot, which the writer holds
		if err := w.Append(&recs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// A goroutine that was cancelled may still hand over what it holds: that must not make another file.
	if err := w.Flush(); err == nil || len(*made) > 0 {
		t.Errorf("a flush after Close: %v, %d files", err, len(*made))
	}
}

// TestMonthsOfAQuietServiceFitIntoMemory: what counts is what is there, not how far apart it lies.
func TestMonthsOfAQuietServiceFitIntoMemory(t *testing.T) {
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	l := New(1<<30, nil)
	w := l.Writer()
	const n = 180 * 24 * 12
	for i := range n {
		if err := w.Append(&Rec{Start: start + record.Time(i)*slotWidth, Line: uint32(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if d := (held() - before) / n; d > 1500 {
		t.Errorf("a request by itself takes %d bytes", d)
	}
	runtime.KeepAlive(l)
}

func TestAWriterWithoutRecordsCostsNothing(t *testing.T) {
	l := New(1<<30, nil)
	if n := testing.AllocsPerRun(100, func() {
		if err := l.Writer().Flush(); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
	if slots(t, l.Each) != nil {
		t.Error("an empty log has slots")
	}
}

// BenchmarkAppend adds requests in the order of their ends, as a log has them, more than are held in memory.
func BenchmarkAppend(b *testing.B) {
	spool, _ := inFolder(b, b.TempDir())
	l := New(8<<20, spool)
	w := l.Writer()
	b.ReportAllocs()
	r := Rec{}
	for i := 0; b.Loop(); i++ {
		r.End = start + record.Time(i)*14_400_000
		r.Start = r.End - record.Time(i*7919%997)*1e6
		if err := w.Append(&r); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

// Records of one slot are sorted by place, which must say what comparing says: also where all begin at once, and at the slot's ends.
func TestSortingByPlaceIsSortingByComparing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var s sorter
	for _, n := range []int{0, 1, 2, 3, 10, 1000, 5000} {
		for _, spread := range []int64{1, 5, 1e9, int64(slotWidth)} {
			for _, from := range []record.Time{0, 600 * slotWidth, -3 * slotWidth} {
				got := some(rng, n)
				for i := range got {
					got[i].Start = from + record.Time(rng.Int64N(spread))
					if i%7 == 0 {
						got[i].Start = from + slotWidth - 1
					}
				}
				want := slices.Clone(got)
				slices.SortFunc(want, func(a, b Rec) int { return compare(&a, &b) })
				got = inOrder(&Page{recs: got, order: s.sort(got, from)})
				if diff := differ([][]Rec{want}, [][]Rec{got}); diff != "" {
					t.Fatalf("%d records over %d ns from %d: %s", n, spread, from, diff)
				}
			}
		}
	}
}

func BenchmarkEach(b *testing.B) {
	rng := rand.New(rand.NewPCG(9, 9))
	l := New(1<<30, nil)
	w := l.Writer()
	const n = 200_000
	for i := range n { // in the order of their ends, as a router logs
		at := start + record.Time(i)*14e6
		if err := w.Append(&Rec{Start: at - record.Time(rng.Int64N(9e8)), End: at, Line: uint32(i)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := l.Each(func(*Page) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// TestAPageTellsWhetherSomeLineMayBeTwice: it must say so of every line that is, and hardly ever of pages where none is.
func TestAPageTellsWhetherSomeLineMayBeTwice(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	var p prints
	wrong := 0
	for i := range 2000 {
		recs := some(rng, 1+rng.IntN(500))
		for k := range recs {
			if recs[k].ID != 0 {
				recs[k].ID = rng.Uint64() | 1
			}
		}
		if p.repeat(recs) {
			wrong++
		}
		twice := recs[rng.IntN(len(recs))]
		twice.Detail++
		if twice.ID == 0 {
			twice.Source++
		} else {
			twice.Line++
		}
		if !SameLine(&twice, &twice) && twice.ID != 0 {
			t.Fatal("a line is not the same as itself")
		}
		recs = append(recs, twice)
		rng.Shuffle(len(recs), func(a, b int) { recs[a], recs[b] = recs[b], recs[a] })
		if !p.repeat(recs) {
			t.Fatalf("page %d: a line that is told of twice was not seen: %+v", i, twice)
		}
	}
	if wrong > 2 {
		t.Errorf("%d of 2000 pages without such lines seem to have some", wrong)
	}
	if p.repeat(nil) {
		t.Error("a page without lines has one twice")
	}
}

func TestASplitPageLosesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	for n := range 50 {
		recs := some(rng, n)
		page := Page{recs: slices.Clone(recs)}
		wanted := func(r *Rec) bool { return r.Container == 1 }
		of := page.Split(wanted)
		for i := range of.Len() {
			if !wanted(of.At(i)) {
				t.Fatalf("%+v was not wanted", of.At(i))
			}
		}
		for i := range page.Len() {
			if wanted(page.At(i)) {
				t.Fatalf("%+v was wanted", page.At(i))
			}
		}
		both := append(inOrder(&page), inOrder(&of)...)
		slices.SortFunc(both, func(a, b Rec) int { return int(a.Line) - int(b.Line) })
		if diff := cmp.Diff(recs, both, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	}
}
