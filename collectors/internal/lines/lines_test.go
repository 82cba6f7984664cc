package lines_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"lastcall/collectors/internal/lines"
)

// numbered is one line as a worker saw it.
type numbered struct {
	No   int64
	Text string
}

type collector struct {
	mu  *sync.Mutex
	out *[]numbered
}

func (c collector) Lines(first int64, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for no := first; len(data) > 0; no++ {
		var line []byte
		line, data = lines.Next(data)
		*c.out = append(*c.out, numbered{no, string(line)})
	}
	return nil
}

func scan(t *testing.T, r io.Reader, o lines.Options) ([]numbered, lines.Stats) {
	t.Helper()
	var mu sync.Mutex
	var out []numbered
	stats, err := lines.Scan(t.Context(), r, o, func() lines.Worker { return collector{&mu, &out} })
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	slices.SortFunc(out, func(a, b numbered) int { return int(a.No - b.No) })
	return out, stats
}

func reference(text string) []numbered {
	var out []numbered
	text = strings.TrimSuffix(text, "\n")
	for i, l := range strings.Split(text, "\n") {
		out = append(out, numbered{int64(i + 1), strings.TrimSuffix(l, "\r")})
	}
	return out
}

func compress(t *testing.T, kind, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	switch kind {
	case "plain":
		b.WriteString(text)
	case "gzip":
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
	case "gzip of two members":
		for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} {
			w := gzip.NewWriter(&b)
			_, _ = w.Write([]byte(part))
			_ = w.Close()
		}
	case "zstd":
		w, _ := zstd.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
	case "zstd of two frames":
		for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} {
			w, _ := zstd.NewWriter(&b)
			_, _ = w.Write([]byte(part))
			_ = w.Close()
		}
	case "UTF-8 with byte order mark":
		b.WriteString("\ufeff" + text)
	case "UTF-16 LE", "UTF-16 BE", "UTF-16 LE without mark":
		units := utf16.Encode([]rune(text))
		if kind != "UTF-16 LE without mark" {
			units = append([]uint16{0xfeff}, units...)
		}
		for _, u := range units {
			if kind == "UTF-16 BE" {
				b.Write([]byte{byte(u >> 8), byte(u)})
			} else {
				b.Write([]byte{byte(u), byte(u >> 8)})
			}
		}
	}
	return b.Bytes()
}

func TestEveryLineComesOnceWithItsNumberWhateverTheWrapping(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&b, "line %d %s", i+1, strings.Repeat("é𝄞x", rnd.IntN(20)))
		switch rnd.IntN(100) {
		case 0:
			b.WriteString(strings.Repeat("y", rnd.IntN(100_000)))
		case 1:
			b.WriteByte('\r')
		case 2:
			b.WriteString("\n")
		}
		b.WriteByte('\n')
	}
	texts := map[string]string{
		"ends with a newline":    b.String(),
		"ends without a newline": b.String() + "last",
		"one line":               "ab",
		"a long last line":       "ab\n" + strings.Repeat("z", 300_000),
	}
	kinds := []string{
		"plain", "gzip", "gzip of two members", "zstd", "zstd of two frames", "UTF-8 with byte order mark", "UTF-16 LE", "UTF-16 BE",
		"UTF-16 LE without mark",
	}
	for name, text := range texts {
		want := reference(text)
		for _, kind := range kinds {
			if kind == "UTF-16 LE without mark" && len(text) < 16 {
				continue
			}
			data := compress(t, kind, text)
			if kind == "UTF-16 LE without mark" {
				// Recognised by its zeros only where the text is mostly Latin.
				text := strings.Map(func(r rune) rune { return min(r, 'é') }, text)
				data = compress(t, kind, "plain Latin text at the beginning, more than a kilobyte of it\n"+strings.Repeat("x", 1024)+"\n"+text)
				want = reference("plain Latin text at the beginning, more than a kilobyte of it\n" + strings.Repeat("x", 1024) + "\n" + text)
			} else {
				want = reference(text)
			}
			for _, workers := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%s/%d workers", name, kind, workers), func(t *testing.T) {
					in, err := lines.NewReader(bytes.NewReader(data))
					if err != nil {
						t.Fatal(err)
					}
					defer in.Close()
					got, stats := scan(t, in, lines.Options{Workers: workers, ChunkBytes: 8 << 10})
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatal(diff[:min(len(diff), 2000)])
					}
					if stats.Lines != int64(len(want)) || len(in.Problems()) != 0 {
						t.Fatalf("%d lines counted, want %d; problems %v", stats.Lines, len(want), in.Problems())
					}
				})
			}
		}
	}
}

func TestDamagedInputGivesWhatCouldBeReadAndSaysSo(t *testing.T) {
	var b strings.Builder
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 50_000 {
		fmt.Fprintf(&b, "line %d %x\n", i+1, rnd.Uint64())
	}
	text := b.String()
	gz, zs := compress(t, "gzip", text), compress(t, "zstd", text)
	flipped := bytes.Clone(gz)
	flipped[len(gz)/2] ^= 0xff
	cases := []struct {
		name, code string
		data       []byte
		minLines   int
	}{
		{"a truncated gzip", "truncated_gzip", gz[:len(gz)*2/3], 10_000},
		{"a gzip cut in its header", "truncated_gzip", gz[:5], 0},
		{"a gzip without its checksum", "truncated_gzip", gz[:len(gz)-4], 49_000},
		{"a gzip with a flipped byte", "corrupt_gzip", flipped, 1_000},
		{"a truncated zstd", "truncated_zstd", zs[:len(zs)*2/3], 10_000},
		{"rubbish after a gzip", "trailing_garbage", append(bytes.Clone(gz), "rubbish"...), 50_000},
		{"rubbish after a zstd", "trailing_garbage", append(bytes.Clone(zs), "rubbish"...), 50_000},
		{"UTF-16 with an odd number of bytes", "truncated_utf16", append(compress(t, "UTF-16 LE", text), 'x'), 50_000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in, err := lines.NewReader(bytes.NewReader(c.data))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			got, _ := scan(t, in, lines.Options{Workers: 2, ChunkBytes: 64 << 10})
			if len(in.Problems()) != 1 || in.Problems()[0].Code != c.code {
				t.Fatalf("problems %+v, want one with code %s", in.Problems(), c.code)
			}
			if len(got) < c.minLines {
				t.Fatalf("%d lines, want at least %d", len(got), c.minLines)
			}
			want := reference(text)
			for i, l := range got[:c.minLines] { // the lines just before the damage may be garbled
				if l != want[i] {
					t.Fatalf("line %d is %+v, want %+v", i, l, want[i])
				}
			}
		})
	}
}

func TestLinesBeyondTheLimitAreSkippedAndCountedWithTheirNumber(t *testing.T) {
	const limit = 64 << 10
	long := func(n int) string { return strings.Repeat("x", n) }
	text := "first\n" + long(limit) + "\n" + long(limit+1) + "\nfourth\n" + long(10*limit) + "\nsixth\n\n" + long(3*limit)
	for _, workers := range []int{1, 2} {
		got, stats := scan(t, strings.NewReader(text), lines.Options{Workers: workers, ChunkBytes: 16 << 10, MaxLine: limit})
		want := []numbered{{1, "first"}, {2, long(limit)}, {4, "fourth"}, {6, "sixth"}, {7, ""}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff[:min(len(diff), 2000)])
		}
		if stats.TooLong != 3 || stats.FirstTooLong != 3 || stats.Lines != 8 {
			t.Fatalf("stats %+v, want 3 lines too long of 8, the first of them line 3", stats)
		}
	}
}

func TestScanKeepsMemoryBoundedOnOneEndlessLine(t *testing.T) {
	endless := io.LimitReader(zeros{}, 300<<20)
	_, stats := scan(t, endless, lines.Options{Workers: 1})
	if stats.TooLong != 1 || stats.Bytes != 300<<20 {
		t.Fatalf("stats %+v, want one line too long", stats)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestCancellationEndsAScanWhoseInputBlocks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := blocking{cancel, make(chan struct{})}
	defer close(r.end)
	// Else it would hang here.
	if _, err := lines.Scan(ctx, r, lines.Options{Workers: 2}, func() lines.Worker { return failing{} }); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
}

// blocking gives nothing until the end of the test; reading it cancels the scan.
type blocking struct {
	cancel context.CancelFunc
	end    chan struct{}
}

func (b blocking) Read([]byte) (int, error) {
	b.cancel()
	<-b.end
	return 0, io.EOF
}

type failing struct{ err error }

func (f failing) Lines(int64, []byte) error { return f.err }

func TestErrorOfAWorkerEndsTheScan(t *testing.T) {
	broken := errors.New("disk full")
	_, err := lines.Scan(t.Context(), zeros2(), lines.Options{Workers: 3}, func() lines.Worker { return failing{broken} })
	if !errors.Is(err, broken) {
		t.Fatalf("error %v, want the worker's", err)
	}
}

func zeros2() io.Reader { return strings.NewReader(strings.Repeat("line\n", 1<<20)) }

func TestReaderFailsOnlyWhenNothingCouldBeRead(t *testing.T) {
	broken := errors.New("input/output error")
	if _, err := lines.NewReader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Fatalf("error %v, want the cause", err)
	}
	in, err := lines.NewReader(io.MultiReader(strings.NewReader("a\nb\n"), iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := scan(t, in, lines.Options{})
	if len(got) != 2 || len(in.Problems()) != 1 || in.Problems()[0].Code != "read_error" {
		t.Fatalf("lines %v, problems %v", got, in.Problems())
	}
}

func FuzzScanAgreesWithSplitting(f *testing.F) {
	f.Add([]byte("a\r\nb\n\nc"), 1)
	f.Add([]byte("\n"), 2)
	f.Fuzz(func(t *testing.T, data []byte, workers int) {
		text := strings.Repeat(string(data), 1+4*page/(len(data)+1))
		var mu sync.Mutex
		var got []numbered
		stats, err := lines.Scan(t.Context(), strings.NewReader(text), lines.Options{Workers: 1 + workers&3, ChunkBytes: page, MaxLine: page},
			func() lines.Worker { return collector{&mu, &got} })
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b numbered) int { return int(a.No - b.No) })
		var want []numbered
		for _, l := range reference(text) {
			if len(l.Text) <= page {
				want = append(want, l)
			}
		}
		if text == "" {
			want = nil
		}
		if int64(len(got))+stats.TooLong != stats.Lines {
			t.Fatalf("%d lines and %d too long, but %d counted", len(got), stats.TooLong, stats.Lines)
		}
		if stats.TooLong == 0 {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

const page = 4 << 10

// preparing is a collector that also keeps what it saw before each chunk.
type preparing struct {
	collector
	before *[]numbered
	last   *[]int64 // numbers of the last lines before chunks
	next   *[]int64 // numbers of the first lines of the chunks after them
	ready  bool
}

func (p *preparing) Prepare(first int64, before []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = true
	no := first
	for ; len(before) > 0; no++ {
		var line []byte
		line, before = lines.Next(before)
		*p.before = append(*p.before, numbered{no, string(line)})
	}
	*p.last = append(*p.last, no-1)
}

func (p *preparing) Lines(first int64, data []byte) error {
	p.mu.Lock()
	if p.ready {
		*p.next = append(*p.next, first)
	}
	p.ready = false
	p.mu.Unlock()
	return p.collector.Lines(first, data)
}

func TestPreparersSeeTheLinesBeforeTheirChunk(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "line %d %s\n", i, strings.Repeat("x", i%97))
	}
	want := reference(b.String())
	for _, workers := range []int{1, 3} {
		var mu sync.Mutex
		var out, before []numbered
		var last, next []int64
		o := lines.Options{Workers: workers, ChunkBytes: 16 << 10}
		_, err := lines.Scan(t.Context(), strings.NewReader(b.String()), o, func() lines.Worker {
			return &preparing{collector: collector{&mu, &out}, before: &before, last: &last, next: &next}
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != len(want) || len(before) < 2000 {
			t.Fatalf("%d lines and %d before chunks", len(out), len(before))
		}
		for _, n := range before {
			if want[n.No-1] != n {
				t.Fatalf("line %d before a chunk is %q, want %q", n.No, n.Text, want[n.No-1].Text)
			}
		}
		slices.Sort(last)
		slices.Sort(next)
		for i := range last {
			if last[i]+1 != next[i] {
				t.Fatalf("lines up to %d before the chunk that begins with %d", last[i], next[i])
			}
		}
	}
}

func TestLinesThatEndInCarriageReturnsAloneAreLines(t *testing.T) {
	long := strings.Repeat("some text of a line\r", 10_000) // beyond the head
	for in, want := range map[string]string{
		"a\rb\r": "a\nb\n", long: strings.ReplaceAll(long, "\r", "\n"), "a\rb\nc\r": "a\rb\nc\r", "a\r\nb\r\n": "a\r\nb\r\n", "\x00\ra\r": "\x00\ra\r", "plain": "plain",
	} {
		r, err := lines.NewReader(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != want {
			t.Errorf("%.20q: %.20q (%d bytes), %v", in, got, len(got), err)
		}
		r.Close()
	}
}

type panicking struct{}

func (panicking) Lines(first int64, data []byte) error {
	if bytes.Contains(data, []byte("bob")) {
		var none []int
		none[first]++
	}
	return nil
}

func TestAPanicOfAWorkerIsTheErrorOfTheScan(t *testing.T) {
	r, err := lines.NewReader(strings.NewReader(strings.Repeat("line\n", 200_000) + "bob@example.com\n" + strings.Repeat("line\n", 200_000)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = lines.Scan(t.Context(), r, lines.Options{Workers: 4}, func() lines.Worker { return panicking{} })
	if err == nil || !strings.Contains(err.Error(), "internal error at lines/lines_test.go:") || strings.Contains(err.Error(), "bob") {
		t.Errorf("got %v", err)
	}
}
