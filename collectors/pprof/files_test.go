package pprof

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestNames(t *testing.T) {
	at := func(s string) record.Time {
		tm, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return record.TimeOf(tm)
	}
	for name, want := range map[string]Named{
		"web-1_20261116T134756Z.pb.gz":                     {Container: "web-1", Time: at("2026-11-16T13:47:56Z")},
		"web-1_20261116T134756Z_oom.pb.gz":                 {Container: "web-1", Time: at("2026-11-16T13:47:56Z"), OnOOM: true},
		"web.1_20261117T114352Z.pb.gz":                     {Container: "web.1", Time: at("2026-11-17T11:43:52Z")},
		"api-00c7b95d8-6f9gh_20261114T154216Z.pb.gz":       {Container: "api-00c7b95d8-6f9gh", Time: at("2026-11-14T15:42:16Z")},
		"web-1_20261118T094756Z_goroutine.pb.gz":           {Container: "web-1", Time: at("2026-11-18T09:47:56Z")},
		"heap-2026-11-16T13:47:56.25Z-web-3.pprof":         {Container: "web-3", Time: at("2026-11-16T13:47:56.25Z")},
		"heap_web-3_2026-11-16_13-47-56.prof":              {Container: "web-3", Time: at("2026-11-16T13:47:56Z")},
		"20261116-134756-heap.pb.gz":                       {Time: at("2026-11-16T13:47:56Z")},
		"1644509272337470000.pb.gz":                        {Time: at("2022-02-10T16:07:52.33747Z")},
		"heap.1644509272.out":                              {Time: at("2022-02-10T16:07:52Z")},
		"pod-a.1644509272337.on_oom.pprof":                 {Container: "pod-a", Time: at("2022-02-10T16:07:52.337Z"), OnOOM: true},
		"heap.2.faa0bb8074.out":                            {},
		"collector_heap_1.prof":                            {},
		"heap.tar.gz":                                      {},
		"pprof.server.alloc_objects.inuse_space.001.pb.gz": {},
		"near-heap-limit.pb.gz":                            {OnOOM: true},
		"room_20261116T134756Z.pb.gz":                      {Container: "room", Time: at("2026-11-16T13:47:56Z")}, // no oom in room
		"heap_20269916T134756Z.pb.gz":                      {},
		"web_9999999999.pb.gz":                             {}, // no time of a profile
	} {
		if got := FromName(filepath.Join("some", "folder", name)); got != want {
			t.Errorf("%s: %+v (%v), want %+v", name, got, got.Time.Std(), want)
		}
	}
}

// heapProfile is a real one, of this process.
func heapProfile(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&b, 0); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func names(s *recordtest.Sink, dir string) string {
	var out []string
	for _, p := range s.Profiles {
		rel, err := filepath.Rel(dir, p.Name)
		if err != nil {
			rel = p.Name
		}
		out = append(out, filepath.ToSlash(rel)+"="+p.Container)
	}
	return strings.Join(out, " ")
}

func TestAFolderGivesWhatLooksLikeAProfile(t *testing.T) {
	dir, heap := t.TempDir(), heapProfile(t)
	write(t, dir, map[string][]byte{
		"profiles/web-1_20261116T134756Z.pb.gz": heap, "profiles/web-2_20261116T134756Z_oom.pb.gz": heap, "heap.tar.gz": heap, "no-extension": heap,
		"empty.pb.gz": nil, "router.log": []byte("at=info method=GET\n"), "notes.txt": []byte("hello"), ".hidden.pb.gz": heap, ".git/x.pb.gz": heap,
		"goroutines.txt": []byte("goroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\n"),
	})
	var sink recordtest.Sink
	if err := Files([]string{dir}).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	base := filepath.Base(dir)
	want := "empty.pb.gz=" + base + " goroutines.txt=" + base + " heap.tar.gz=" + base + " no-extension=" + base + " profiles/web-1_20261116T134756Z.pb.gz=web-1 profiles/web-2_20261116T134756Z_oom.pb.gz=web-2"
	if got := names(&sink, dir); got != want {
		t.Errorf("profiles\n%s\nwant\n%s", got, want)
	}
	if !sink.Profiles[5].OnOOM || sink.Profiles[4].OnOOM {
		t.Error("on_oom is not told by the name")
	}
	if len(sink.Warnings) != 1 || sink.Warnings[0].Code != "not_a_profile" || sink.Warnings[0].Count != 2 {
		t.Errorf("warnings %+v", sink.Warnings)
	}
	if c := sink.Coverages[0]; c.Records != 6 || c.Signal != "profiles" || c.From == 0 {
		t.Errorf("coverage %+v", c)
	}
}

func TestContainersComeFromFoldersWhenThereAreSeveral(t *testing.T) {
	dir, heap := t.TempDir(), heapProfile(t)
	write(t, dir, map[string][]byte{"web-1/profiles/heap1.prof": heap, "web-1/profiles/heap2.prof": heap, "web-2/heap1.prof": heap})
	var sink recordtest.Sink
	if err := Files([]string{dir}).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	if got, want := names(&sink, dir), "web-1/profiles/heap1.prof=web-1 web-1/profiles/heap2.prof=web-1 web-2/heap1.prof=web-2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFilesOfOneFolderAreOfOneContainer(t *testing.T) {
	dir, heap := t.TempDir(), heapProfile(t)
	write(t, dir, map[string][]byte{"heap.1.aaa.out": heap, "heap.2.bbb.out": heap})
	var sink recordtest.Sink
	if err := Files([]string{filepath.Join(dir, "heap.2.bbb.out"), filepath.Join(dir, "heap.1.aaa.out")}).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	if got, want := names(&sink, dir), "heap.2.bbb.out= heap.1.aaa.out="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFilesNamedOneByOneAreComparedAcrossFolders(t *testing.T) {
	dir, heap := t.TempDir(), heapProfile(t)
	write(t, dir, map[string][]byte{"before/heap.pb.gz": heap, "after/heap.pb.gz": heap})
	var sink recordtest.Sink
	if err := Files([]string{filepath.Join(dir, "before", "heap.pb.gz"), filepath.Join(dir, "after", "heap.pb.gz")}).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	if got, want := names(&sink, dir), "before/heap.pb.gz= after/heap.pb.gz="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestAFileNamedThatIsNoProfile is an error where it is all there is; what is called a profile is the analyzer's to refuse.
func TestAFileNamedThatIsNoProfile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"x.log": []byte("no profile at all"), "heap.pb.gz": heapProfile(t), "cut.pb.gz": []byte("no profile at all")})
	for _, c := range []struct {
		files            []string
		wrong            string
		profiles, warned int
	}{
		{[]string{"x.log"}, "not a profile; give files that", 0, 0},
		{[]string{"x.log", "heap.pb.gz"}, "", 1, 1},
		{[]string{"cut.pb.gz"}, "", 1, 0},
	} {
		var paths []string
		for _, f := range c.files {
			paths = append(paths, filepath.Join(dir, f))
		}
		var sink recordtest.Sink
		err := Files(paths).Collect(t.Context(), record.Query{}, &sink)
		if (err != nil) != (c.wrong != "") || err != nil && !strings.Contains(err.Error(), c.wrong) || len(sink.Profiles) != c.profiles || len(sink.Warnings) != c.warned {
			t.Errorf("%v: %v, %d profiles, %+v", c.files, err, len(sink.Profiles), sink.Warnings)
		}
	}
}

func TestCompressedFiles(t *testing.T) {
	dir, heap := t.TempDir(), heapProfile(t)
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	zw.Write(heap)
	zw.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zst := enc.EncodeAll(heap, nil)
	enc.Close()
	write(t, dir, map[string][]byte{"a.pb.gz.gz": gz.Bytes(), "b.pb.zst": zst, "c.pb.zst": zst[:len(zst)/2]})
	var sink recordtest.Sink
	if err := Files([]string{dir}).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.Profiles) != 2 || !bytes.Equal(sink.Profiles[1].Data, heap) {
		t.Errorf("%d profiles", len(sink.Profiles))
	}
	if len(sink.Warnings) != 1 || sink.Warnings[0].Code != "truncated_zstd" {
		t.Errorf("warnings %+v", sink.Warnings)
	}
}

func TestTheWindowLeavesOutWhatLiesOutside(t *testing.T) {
	dir, heap := t.TempDir(), heapProfile(t)
	write(t, dir, map[string][]byte{"a_20261116T120000Z.pb.gz": heap, "a_20261116T130000Z.pb.gz": heap, "a_20261116T140000Z.pb.gz": heap, "undated.pb.gz": heap})
	q := record.Query{From: record.TimeOf(time.Date(2026, 11, 16, 12, 30, 0, 0, time.UTC)), To: record.TimeOf(time.Date(2026, 11, 16, 13, 30, 0, 0, time.UTC))}
	var sink recordtest.Sink
	if err := Files([]string{dir}).Collect(t.Context(), q, &sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.Profiles) != 2 || !strings.Contains(sink.Coverages[0].MissingReason, "2 profiles lie outside") {
		t.Errorf("%d profiles, %+v", len(sink.Profiles), sink.Coverages)
	}
}

func TestPathsThatGiveNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"x.log": []byte("text")})
	for name, c := range map[string]struct {
		paths []string
		says  string
	}{
		"a path that is not there": {[]string{filepath.Join(dir, "nothing.pb.gz")}, "give profiles or folders that are there"},
		"a folder without any":     {[]string{dir}, "no profile in"},
	} {
		var sink recordtest.Sink
		if err := Files(c.paths).Collect(t.Context(), record.Query{}, &sink); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One that is not there beside one that is: a warning.
	write(t, dir, map[string][]byte{"good.pb.gz": heapProfile(t)})
	var sink recordtest.Sink
	if err := Files([]string{filepath.Join(dir, "nothing.pb.gz"), filepath.Join(dir, "good.pb.gz")}).Collect(t.Context(), record.Query{}, &sink); err != nil || len(sink.Warnings) != 1 || len(sink.Profiles) != 1 {
		t.Errorf("%v, %+v", err, sink.Warnings)
	}
}

func TestFilesHonoursCancellation(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"good.pb.gz": heapProfile(t)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Files([]string{dir}).Collect(ctx, record.Query{}, &recordtest.Sink{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
