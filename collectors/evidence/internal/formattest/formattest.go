// Package formattest reads with one format, without a collector around it, and holds what is true of whatever is read.
package formattest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// ReadLines runs a line format over text; lines that it did not handle are returned.
func ReadLines(t testing.TB, f format.LineFormat, text string) (*recordtest.Sink, []string) {
	t.Helper()
	sink := &recordtest.Sink{}
	p := f.NewParser(&record.Source{Name: "test.log", Format: f.Name()})
	var unhandled []string
	var n int64
	scanner := bufio.NewScanner(strings.NewReader(text))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		n++
		handled, err := p.ParseLine(n, scanner.Bytes(), sink)
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		if !handled && len(bytes.TrimSpace(scanner.Bytes())) > 0 {
			unhandled = append(unhandled, scanner.Text())
		}
	}
	return sink, unhandled
}

// Read runs a document format over text, with the name of its file.
func Read(t testing.TB, f format.WholeFormat, name string, data []byte) (*recordtest.Sink, error) {
	t.Helper()
	sink := &recordtest.Sink{}
	err := f.Parse(context.Background(), &record.Source{Name: name, Format: f.Name()}, bytes.NewReader(data), sink)
	return sink, err
}

// MustRead is Read for documents that are sound.
func MustRead(t testing.TB, f format.WholeFormat, name, text string) *recordtest.Sink {
	t.Helper()
	sink, err := Read(t, f, name, []byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return sink
}

// At reads an RFC 3339 time.
func At(t testing.TB, s string) record.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatalf("bad time in test: %v", err)
	}
	return record.TimeOf(v)
}

// Shared finds material that lies beside the repository and is not part of it; the test is skipped where it is absent.
func Shared(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("LASTCALL_SHARED")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				root = filepath.Join(dir, "..", "shared")
				break
			}
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: set LASTCALL_SHARED to the folder that holds it", filepath.Join(parts...))
	}
	return path
}

// File reads a file, gzipped or not.
func File(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		data, err = os.ReadFile(path + ".gz")
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 2 && data[0] == 0x1f && data[1] == 0x8b {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// ReadLinesQuietly is ReadLines for any input, also lines beyond the scanner's size.
func ReadLinesQuietly(f format.LineFormat, text string) (*recordtest.Sink, int) {
	sink := &recordtest.Sink{}
	p := f.NewParser(&record.Source{Name: "fuzz", Format: f.Name()})
	handled := 0
	for i, line := range strings.Split(text, "\n") {
		if ok, _ := p.ParseLine(int64(i+1), []byte(line), sink); ok {
			handled++
		}
	}
	return sink, handled
}

// CheckSane holds what is true of any records, whatever was read.
func CheckSane(t testing.TB, s *recordtest.Sink) {
	t.Helper()
	for _, c := range s.Crashes {
		if c.Pos.Source == nil || c.Kind == "" || c.ExitCode < -255 || len(c.Text) > origin.QuoteLimit+8 || c.UsedBytes < 0 || c.LimitBytes < 0 || c.Uptime < 0 {
			t.Fatalf("crash %+v", c)
		}
	}
	for _, l := range s.Lifecycles {
		if l.Pos.Source == nil || l.Kind == "" || len(l.Text) > origin.QuoteLimit+8 || l.UsedBytes < 0 || l.LimitBytes < 0 {
			t.Fatalf("lifecycle %+v", l)
		}
	}
	for _, x := range s.Samples {
		if x.Pos.Source == nil || x.Time == 0 || x.Metric == record.MetricUnknown || math.IsNaN(x.Value) || math.IsInf(x.Value, 0) || x.Interval < 0 {
			t.Fatalf("sample %+v", x)
		}
	}
	for _, w := range s.Warnings {
		if w.Code == "" || w.Text == "" || w.Count < 1 || len(w.Example) > warning.ExampleLimit+8 {
			t.Fatalf("warning %+v", w)
		}
	}
}

// FuzzDocument holds the same for documents; that a broken one is an error is all that is asked besides.
func FuzzDocument(t *testing.T, f format.WholeFormat, data []byte) {
	t.Helper()
	f.Sniff(data)
	sink := &recordtest.Sink{}
	_ = f.Parse(context.Background(), &record.Source{Name: "fuzz", Format: f.Name()}, bytes.NewReader(data), sink)
	CheckSane(t, sink)
}

// FuzzLine holds what is true of every line: no panic, the same result twice, records with a place and sane values.
func FuzzLine(t *testing.T, f format.LineFormat, line string) {
	t.Helper()
	a, _ := ReadLinesQuietly(f, line)
	b, _ := ReadLinesQuietly(f, line)
	if diff := cmp.Diff(a.Crashes, b.Crashes, cmpopts.IgnoreFields(record.Crash{}, "Pos")); diff != "" {
		t.Fatalf("read twice, read differently:\n%s", diff)
	}
	CheckSane(t, a)
	CheckPicky(t, f, line)
}

// CheckPicky reads a text twice, once without the lines that hold nothing of what the format needs: what it makes of the others, and
// which it takes, must be the same. It does nothing for formats that are not format.Picky.
func CheckPicky(t testing.TB, f format.LineFormat, text string) {
	t.Helper()
	picky, ok := f.(format.Picky)
	if !ok {
		return
	}
	needs := picky.Needs()
	src := &record.Source{Name: "picky", Format: f.Name()}
	var all, some recordtest.Sink
	everything, spared := f.NewParser(src), f.NewParser(src)
	gathering, _ := spared.(format.Gathering)
	no := int64(0)
	for line := range strings.SplitSeq(text, "\n") {
		no++
		if line = strings.TrimSuffix(line, "\r"); len(line) == 0 {
			continue
		}
		took, err := everything.ParseLine(no, []byte(line), &all)
		if err != nil {
			t.Fatal(err)
		}
		offered := gathering != nil && gathering.Gathers() || slices.ContainsFunc(needs, func(s string) bool { return strings.Contains(line, s) })
		if took && !offered {
			t.Fatalf("%s takes a line that holds none of %q: %q", f.Name(), needs, line)
		}
		if offered {
			if again, _ := spared.ParseLine(no, []byte(line), &some); again != took {
				t.Fatalf("%s takes %q only if it was offered what came before: %v", f.Name(), line, took)
			}
		}
	}
	if diff := cmp.Diff(&all, &some, cmpopts.IgnoreUnexported(recordtest.Sink{})); diff != "" {
		t.Fatalf("%s makes something of lines that hold none of %q:\n%s", f.Name(), needs, diff)
	}
}
