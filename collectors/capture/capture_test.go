package capture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"lastcall/collectors/capture"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("LASTCALL_CAPTURE_CHILD"); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

var info = capture.Info{
	Question: "service=api from=3h",
	Query:    record.Query{From: 1_000, To: 2_000_000_000_000_000_000, Service: "api", Env: "production"},
	Tool:     "lastcall test", Created: time.Date(2026, 11, 16, 14, 0, 0, 0, time.UTC),
}

func open(t *testing.T, dir string) *capture.Writer {
	t.Helper()
	w, err := capture.Open(dir, info)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func write(t *testing.T, w *capture.Writer, key string, n int) {
	t.Helper()
	s, err := w.Begin(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(s, key, n); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
}

func fill(s record.Sink, key string, n int) error {
	src := &record.Source{Name: "datadog logs", Format: "datadog-logs"}
	for i := range n {
		err := s.Request(&record.Request{
			Pos: record.Pos{Source: src, Line: int64(i + 1)}, Layer: record.LayerApp, Start: record.Time(1_000 + i), End: record.Time(2_000 + i),
			Method: []byte("GET"), Path: fmt.Appendf(nil, "/api/users/%d?x=%x", i, uint64(i)*0x9e3779b97f4a7c15), ID: fmt.Appendf(nil, "%s-%d", key, i),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func replay(t *testing.T, dir string) *recordtest.Sink {
	t.Helper()
	s := &recordtest.Sink{}
	if err := capture.New(dir).Collect(context.Background(), record.Query{}, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func ids(s *recordtest.Sink) map[string]int {
	m := map[string]int{}
	for _, r := range s.Requests {
		m[string(r.ID)]++
	}
	return m
}

var compareOpts = cmp.Options{
	cmpopts.IgnoreUnexported(recordtest.Sink{}), cmpopts.EquateEmpty(), cmpopts.EquateNaNs(),
	cmp.Comparer(func(a, b *record.Source) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }),
}

func TestEveryRecordTypeComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := filepath.Join(t.TempDir(), "c")
		w, err := capture.Open(dir, info)
		if err != nil {
			rt.Fatal(err)
		}
		s, err := w.Begin("all")
		if err != nil {
			rt.Fatal(err)
		}
		want := &recordtest.Sink{}
		draw(rt, tee{s, want})
		if err := s.Commit(); err != nil {
			rt.Fatal(err)
		}
		if err := w.Finish(); err != nil {
			rt.Fatal(err)
		}
		got := &recordtest.Sink{}
		if err := capture.New(dir).Collect(context.Background(), record.Query{}, got); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got, compareOpts); diff != "" {
			rt.Fatalf("replayed records differ (-written +replayed):\n%s", diff)
		}
	})
}

// tee writes to two sinks.
type tee struct{ a, b record.Sink }

func draw(t *rapid.T, s tee) {
	text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune{'a', '"', '\\', '\n', 0, 0x7f, 'é', '𝄞', 0x2028})),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	raw := rapid.Map(text, func(s string) []byte { return []byte(s) })
	times := rapid.Map(rapid.Int64(), func(v int64) record.Time { return record.Time(v) })
	float := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324}))
	dur := rapid.Map(rapid.Int64(), func(v int64) time.Duration { return time.Duration(v) })
	sources := []*record.Source{nil, {Name: "a", Format: "x"}, {Name: "b \xff", Format: ""}, {Name: "a", Format: "y"}}
	str := func() string { return text.Draw(t, "s") }
	must := func(errs ...error) {
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for range rapid.IntRange(0, 12).Draw(t, "n") {
		pos := record.Pos{Source: rapid.SampledFrom(sources).Draw(t, "src"), Line: rapid.Int64().Draw(t, "line")}
		i64 := func() int64 { return rapid.Int64().Draw(t, "i") }
		switch rapid.IntRange(0, 8).Draw(t, "kind") {
		case 0:
			b := func() []byte { return raw.Draw(t, "b") }
			r := record.Request{
				Pos: pos, Layer: record.Layer(rapid.Uint8().Draw(t, "layer")), Phase: record.Phase(rapid.Uint8().Draw(t, "phase")),
				Outcome: record.Outcome(rapid.Uint8().Draw(t, "outcome")), Retried: rapid.Bool().Draw(t, "retried"), Start: times.Draw(t, "start"), End: times.Draw(t, "end"),
				Status: rapid.Int().Draw(t, "status"), Method: b(), Path: b(), Route: b(), ID: b(), Container: b(), Instance: b(), Host: b(),
				Service: b(), Version: b(), User: b(), Client: b(),
			}
			must(s.a.Request(&r), s.b.Request(&r))
		case 1:
			r := record.Sample{
				Pos: pos, Time: times.Draw(t, "t"), Metric: record.Metric(rapid.IntRange(0, int(record.RequestRate)).Draw(t, "m")),
				Value: float.Draw(t, "v"), Interval: dur.Draw(t, "i"), Container: str(), Instance: str(), Service: str(), Host: str(), Version: str(),
			}
			must(s.a.Sample(&r), s.b.Sample(&r))
		case 2:
			r := record.Crash{
				Pos: pos, Time: times.Draw(t, "t"), Kind: record.CrashKind(str()), Exited: rapid.Bool().Draw(t, "e"), Final: rapid.Bool().Draw(t, "f"), ExitCode: int(i64()), Signal: str(),
				LimitBytes: i64(), UsedBytes: i64(), Uptime: dur.Draw(t, "u"), Container: str(), Instance: str(), Service: str(), Host: str(),
				Version: str(), Text: str(),
			}
			must(s.a.Crash(&r), s.b.Crash(&r))
		case 3:
			r := record.Lifecycle{
				Pos: pos, Time: times.Draw(t, "t"), End: times.Draw(t, "e"), Kind: record.LifecycleKind(str()), ExitCode: -1, UsedBytes: i64(), Merged: 3,
				LimitBytes: i64(), Reason: str(), Container: str(), Instance: str(), Service: str(), Host: str(), Version: str(), Address: str(), Text: str(),
			}
			must(s.a.Lifecycle(&r), s.b.Lifecycle(&r))
		case 4:
			r := record.Job{Pos: pos, Name: str(), Start: times.Draw(t, "s"), End: times.Draw(t, "e"), Container: str(), Instance: str()}
			must(s.a.Job(&r), s.b.Job(&r))
		case 5:
			r := record.Exposure{
				Pos: pos, From: times.Draw(t, "f"), To: times.Draw(t, "to"), Method: str(), Route: str(), Container: str(), Service: str(),
				Count: float.Draw(t, "c"), Errors: float.Draw(t, "er"), P50: float.Draw(t, "p"), P99: float.Draw(t, "q"), Max: float.Draw(t, "m"),
			}
			must(s.a.Exposure(&r), s.b.Exposure(&r))
		case 6:
			r := record.Profile{
				Pos: pos, Name: str(), Data: rapid.SliceOf(rapid.Byte()).Draw(t, "d"), Time: times.Draw(t, "t"), Container: str(), Instance: str(),
				Version: str(), OnOOM: rapid.Bool().Draw(t, "o"),
			}
			must(s.a.Profile(&r), s.b.Profile(&r))
		case 7:
			r := record.Warning{Code: str(), Pos: pos, Count: i64(), Text: str(), Example: str()}
			must(s.a.Warn(&r), s.b.Warn(&r))
		case 8:
			r := record.Coverage{
				Source: pos.Source, Signal: str(), From: times.Draw(t, "f"), To: times.Draw(t, "to"), Records: i64(), MissingReason: str(),
				Sampled: float.Draw(t, "sa"), Container: str(),
			}
			must(s.a.Cover(&r), s.b.Cover(&r))
		}
	}
}

func TestOneSourceStaysOnePointerOverAllSegments(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	write(t, w, "a", 3)
	write(t, w, "b", 3)
	s := replay(t, dir)
	for _, r := range s.Requests {
		if r.Pos.Source != s.Requests[0].Pos.Source {
			t.Fatal("the same source came back as two")
		}
	}
}

func TestTheStandardToolReadsASegment(t *testing.T) {
	dir := t.TempDir()
	write(t, open(t, dir), "logs/2026", 5000)
	files, _ := filepath.Glob(filepath.Join(dir, "segments", "*.ndjson.zst"))
	if len(files) != 1 {
		t.Fatalf("segments: %q", files)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A plain streaming decoder, which knows nothing of chunks, as "zstd -dc" is.
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), `{"t":"request"`); got != 5000 {
		t.Fatalf("%d request lines, want 5000", got)
	}
}

func TestForksWriteToOneSliceConcurrently(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	s, err := w.Begin("forked")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		f := s.Fork()
		wg.Go(func() {
			if err := errors.Join(fill(f, fmt.Sprint(g), 4000), f.Join()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	m := ids(replay(t, dir))
	if len(m) != 16000 {
		t.Fatalf("%d requests came back, want 16000", len(m))
	}
}

func TestASliceIsThereOnlyAfterCommit(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	write(t, w, "one", 10)
	s, err := w.Begin("two")
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(s, "two", 9000); err != nil {
		t.Fatal(err)
	}
	if w.Done("two") || !w.Done("one") || len(replay(t, dir).Requests) != 10 {
		t.Fatal("a slice that was not committed is visible")
	}
	s.Abort()
	if err := s.Commit(); err == nil || w.Done("two") {
		t.Fatal("an aborted slice was committed")
	}
}

func TestACollectionGoesOnWhereItWasKilledAndKeepsItsWindow(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	s, err := w.Begin("plan")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Note("plan", map[string]int{"calls": 7}), s.Commit()); err != nil {
		t.Fatal(err)
	}
	w.Close()

	later := info
	later.Query.From, later.Query.To = 5_000, 6_000 // the same age, hours later
	w, err = capture.Open(dir, later)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.Info().Query != info.Query {
		t.Fatalf("window is %v, want that of the first attempt", w.Info().Query)
	}
	var note string
	if err := w.Replay(t.Context(), "plan", nil, func(n string, v []byte) { note = n + string(v) }); err != nil {
		t.Fatal(err)
	}
	if note != `plan{"calls":7}` {
		t.Fatalf("note is %q", note)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Open(dir, later); !errors.Is(err, capture.ErrOther) {
		t.Fatalf("a complete capture of another window was opened for writing: %v", err)
	}
	again, err := capture.Open(dir, info)
	if err != nil {
		t.Fatalf("a complete capture of the same window: %v", err)
	}
	again.Close()
}

func TestFoldersThatAreSomethingElseAreRefused(t *testing.T) {
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.tex"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Open(foreign, info); !errors.Is(err, capture.ErrNotCapture) {
		t.Errorf("a folder with other files: %v", err)
	}
	other := t.TempDir()
	open(t, other).Close()
	asked := info
	asked.Question = "service=web"
	if _, err := capture.Open(other, asked); !errors.Is(err, capture.ErrOther) {
		t.Errorf("a capture of another question: %v", err)
	}
	file := filepath.Join(foreign, "thesis.tex")
	if _, err := capture.Open(filepath.Join(file, "c"), info); err == nil {
		t.Error("a path below a file was opened")
	}
	if capture.Is(foreign) || capture.Is(file) || !capture.Is(other) {
		t.Error("Is is wrong")
	}
	if err := capture.New(foreign).Collect(t.Context(), record.Query{}, &recordtest.Sink{}); !errors.Is(err, capture.ErrNotCapture) {
		t.Errorf("replay of something else: %v", err)
	}
}

func TestAReadOnlyFolderIsAClearError(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not bind this user")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Open(dir, info); err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("error is %v", err)
	}
}

func TestTwoCollectionsDoNotShareAFolder(t *testing.T) {
	if slices.Contains([]string{"solaris", "illumos", "aix", "plan9"}, runtime.GOOS) {
		t.Skip("no lock on this system")
	}
	dir := t.TempDir()
	w := open(t, dir)
	if _, err := capture.Open(dir, info); !errors.Is(err, capture.ErrBusy) {
		t.Fatalf("second collection: %v", err)
	}
	w.Close()
	open(t, dir)
}

func TestANewerCaptureIsRefusedPolitely(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	p := filepath.Join(dir, "manifest.json")
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, bytes.Replace(b, []byte(`"version": 1`), []byte(`"version": 9`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, openErr := capture.Open(dir, info)
	for _, err := range []error{capture.New(dir).Collect(t.Context(), record.Query{}, &recordtest.Sink{}), openErr} {
		if !errors.Is(err, capture.ErrNewer) || !strings.Contains(err.Error(), "update lastcall") {
			t.Errorf("error is %v", err)
		}
	}
	if !capture.Is(dir) {
		t.Error("a newer capture is not recognised as one")
	}
}

func TestADamagedSegmentIsUsedAsFarAsItIsSound(t *testing.T) {
	const n = 20000
	for name, harm := range map[string]func(b []byte) []byte{
		"cut in the middle":    func(b []byte) []byte { return b[:len(b)/2] },
		"cut before the tail":  func(b []byte) []byte { return b[:len(b)-40] },
		"a flipped bit":        func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"rubbish at the end":   func(b []byte) []byte { return append(b, "rubbish that is longer than a header"...) },
		"a hole of zero bytes": func(b []byte) []byte { clear(b[len(b)/2 : len(b)/2+512]); return b },
		"empty":                func(b []byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := open(t, dir)
			write(t, w, "bad", n)
			write(t, w, "good", 10)
			if err := w.Finish(); err != nil {
				t.Fatal(err)
			}
			f := segment(t, dir, "bad")
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f, harm(b), 0o600); err != nil {
				t.Fatal(err)
			}
			s := replay(t, dir)
			m := ids(s)
			for id, k := range m {
				if k != 1 {
					t.Fatalf("request %s came %d times", id, k)
				}
			}
			if m["good-9"] != 1 {
				t.Error("the sound segment suffered")
			}
			if name != "empty" && m["bad-0"] != 1 {
				t.Error("the sound part was not used")
			}
			if len(s.Warnings) != 1 || s.Warnings[0].Code != "capture_damaged" || s.Warnings[0].Count < 1 || s.Warnings[0].Example == "" {
				t.Errorf("warnings: %+v", s.Warnings)
			}
			w = open(t, dir)
			if w.Done("bad") || !w.Done("good") {
				t.Error("a damaged slice counts as done")
			}
			write(t, w, "bad", n)
			w.Close()
			if s := replay(t, dir); len(s.Requests) != n+10 || len(s.Warnings) != 0 {
				t.Errorf("after mending: %d requests, warnings %+v", len(s.Requests), s.Warnings)
			}
		})
	}
}

func segment(t *testing.T, dir, prefix string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "segments", prefix+"*"))
	if len(files) != 1 {
		t.Fatalf("segments of %q: %q", prefix, files)
	}
	return files[0]
}

func TestReplayHonoursTheWindowAndSaysWhenIncomplete(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	write(t, w, "x", 100) // starts at 1000+i, ends at 2000+i
	w.Close()
	s := &recordtest.Sink{}
	if err := capture.New(dir).Collect(t.Context(), record.Query{From: 1_500, To: 1_049}, s); err != nil {
		t.Fatal(err)
	}
	if len(s.Requests) != 50 {
		t.Errorf("%d requests began by 1049, want 50", len(s.Requests))
	}
	if len(s.Warnings) != 1 || s.Warnings[0].Code != "capture_incomplete" {
		t.Errorf("warnings: %+v", s.Warnings)
	}
}

func TestReplayStopsAtOnceWhenCancelledOrWhenTheSinkFails(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	write(t, w, "x", 100)
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := capture.New(dir).Collect(ctx, record.Query{}, &recordtest.Sink{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	full := errors.New("no room")
	if err := capture.New(dir).Collect(t.Context(), record.Query{}, &recordtest.Sink{Fail: full}); !errors.Is(err, full) {
		t.Errorf("failing sink: %v", err)
	}
}

func TestTheSameRecordsGiveTheSameBytes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		w := open(t, dir)
		write(t, w, "x", 3000)
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(tree(t, a), tree(t, b)); d != "" {
		t.Fatal(d)
	}
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	if err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		m[rel] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// child writes slices until it is killed, or until the disk is full.
func child(dir string) int {
	if os.Getenv("LASTCALL_CAPTURE_FULL") != "" {
		limitFileSize(8 << 10)
	}
	w, err := capture.Open(dir, info)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := range childSlices {
		key := fmt.Sprintf("slice %02d", i)
		if w.Done(key) {
			continue
		}
		s, err := w.Begin(key)
		if err == nil {
			if err = fill(s, key, 2000); err == nil {
				err = s.Commit()
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(key)
	}
	if err := w.Finish(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

const childSlices = 40

func startChild(t *testing.T, dir string, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), append(env, "LASTCALL_CAPTURE_CHILD="+dir)...)
	return cmd
}

func TestKilledAtAnyMomentAndResumedTheCaptureIsTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	want := t.TempDir()
	if out, err := startChild(t, want).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir := t.TempDir()
	kills := 0
	for i := range 60 {
		cmd := startChild(t, dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// From before the first slice to after several: spread without a clock that must be exact.
		timer := time.AfterFunc(time.Duration(3+i*7%29)*time.Millisecond, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		kills++
	}
	if out, err := startChild(t, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("killed %d times", kills)
	if kills < 3 {
		t.Errorf("killed only %d times: the test tested little", kills)
	}
	if d := cmp.Diff(tree(t, want), tree(t, dir)); d != "" {
		t.Fatal("a resumed capture differs from an undisturbed one")
	}
}

func TestAFullDiskIsAClearErrorAndLeavesWhatWasThere(t *testing.T) {
	if !canLimitFileSize {
		t.Skip("no way to fill a disk here")
	}
	dir := t.TempDir()
	w := open(t, dir)
	write(t, w, "before", 100)
	w.Close()
	var stderr bytes.Buffer
	cmd := startChild(t, dir, "LASTCALL_CAPTURE_FULL=1")
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil {
		t.Fatal("the child wrote past the limit")
	}
	for _, want := range []string{dir, "cannot write", "run the same command again"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr %q lacks %q", stderr.String(), want)
		}
	}
	s := replay(t, dir)
	if m := ids(s); m["before-99"] != 1 || len(s.Warnings) != 1 {
		t.Errorf("the capture was harmed: %d requests, %+v", len(m), s.Warnings)
	}
}

func FuzzReplayNeverPanics(f *testing.F) {
	dir := f.TempDir()
	w, err := capture.Open(dir, info)
	if err != nil {
		f.Fatal(err)
	}
	s, err := w.Begin("x")
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(fill(s, "x", 3), s.Note("n", []int{1}), s.Commit(), w.Finish()); err != nil {
		f.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "segments", "*"))
	b, err := os.ReadFile(files[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-9])
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(files[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = capture.New(dir).Collect(context.Background(), record.Query{}, &recordtest.Sink{})
	})
}

func BenchmarkWriteAndReplay(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		dir := b.TempDir()
		w, err := capture.Open(dir, info)
		if err != nil {
			b.Fatal(err)
		}
		s, err := w.Begin("x")
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(fill(s, "x", n), s.Commit(), w.Finish()); err != nil {
			b.Fatal(err)
		}
		if err := capture.New(dir).Collect(context.Background(), record.Query{}, count{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// count takes requests and keeps nothing.
type count struct{ record.Sink }

func (count) Request(*record.Request) error { return nil }
