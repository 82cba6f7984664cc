package evidence_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lastcall/collectors/evidence"
	"lastcall/collectors/evidence/evidencetest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func codes(s *recordtest.Sink) map[string]int64 {
	out := map[string]int64{}
	for _, w := range s.Warnings {
		out[w.Code] += w.Count
	}
	return out
}

func TestHostileInputsAreReadAsFarAsTheyGoAndSaidToBeWhatTheyAre(t *testing.T) {
	router := strings.Repeat(evidencetest.Scalingo, 100)
	gz := evidencetest.Pack(t, "gzip", []byte(router))
	zs := evidencetest.Pack(t, "zstd", []byte(router))
	rnd := rand.New(rand.NewPCG(5, 6))
	rubbish := make([]byte, 100_000)
	for i := range rubbish {
		rubbish[i] = byte(rnd.Uint32())
	}
	deep := `{"level":30,"time":1,"a":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + "}\n"
	cases := []struct {
		name     string
		data     []byte
		requests int
		crashes  int
		warnings map[string]int64
		refused  bool
	}{
		{"a whole router log", []byte(router), 100, 0, nil, false},
		{"gzip", gz, 100, 0, nil, false},
		{"zstd", zs, 100, 0, nil, false},
		{"two gzips in one file", append(bytes.Clone(gz), gz...), 200, 0, nil, false},
		{"a gzip without its end", gz[:len(gz)-5], 100, 0, map[string]int64{"truncated_gzip": 1}, false},
		{"a gzip of which only the header is left", gz[:8], 0, 0, map[string]int64{"truncated_gzip": 1, "unknown_format": 1}, true},
		{"rubbish after a gzip", append(bytes.Clone(gz), "tail"...), 100, 0, map[string]int64{"trailing_garbage": 1}, false},
		{"a zstd without its end", zs[:len(zs)-5], 0, 0, map[string]int64{"truncated_zstd": 1, "unknown_format": 1}, true},
		{"nothing at all", nil, 0, 0, map[string]int64{"empty_file": 1}, true},
		{"an empty gzip", evidencetest.Pack(t, "gzip", nil), 0, 0, map[string]int64{"empty_file": 1}, true},
		{"blank lines only", []byte("\n\n \n\r\n"), 0, 0, map[string]int64{"unknown_format": 1}, true},
		{"binary rubbish", rubbish, 0, 0, map[string]int64{"unknown_format": 1}, true},
		{"binary rubbish between lines", []byte(router + "\x00\x01\x02\x03\x04\n" + router), 200, 0, map[string]int64{"binary_line": 1}, false},
		{"NULs after the last line, as a crash of the disk leaves them", []byte(router + strings.Repeat("\x00", 5000)), 100, 0, map[string]int64{"binary_line": 1}, false},
		{"CRLF", []byte(strings.ReplaceAll(router, "\n", "\r\n")), 100, 0, nil, false},
		{"UTF-16", evidencetest.UTF16(router, false), 100, 0, nil, false},
		{"a byte order mark", []byte("\ufeff" + router), 100, 0, nil, false},
		{"a byte order mark before JSON", []byte("\ufeff" + evidencetest.Pino), 1, 0, nil, false},
		{"a line of 20 MB", []byte(router + strings.Repeat("x", 20<<20) + "\n" + router), 200, 0, map[string]int64{"line_too_long": 1}, false},
		{"a line of 10 MB", []byte(router + strings.Repeat("x", 10<<20) + "\n" + router), 200, 0, map[string]int64{"unrecognised_lines": 1}, false},
		{"a JSON line of 10 MB", []byte(evidencetest.Pino + strings.TrimSuffix(evidencetest.Pino, "}\n") + `,"x":"` + strings.Repeat("y", 10<<20) + `"}` + "\n"), 2, 0, nil, false},
		{"JSON nested too deeply", []byte(evidencetest.Pino + deep + evidencetest.Pino), 2, 0, map[string]int64{"malformed_line": 1}, false},
		{"a truncated last line", []byte(router + evidencetest.Scalingo[:100]), 100, 0, map[string]int64{"malformed_line": 1}, false},
		{"a truncated JSON line", []byte(evidencetest.Pino + evidencetest.Pino[:100] + "\n" + evidencetest.Pino), 2, 0, map[string]int64{"malformed_line": 1}, false},
		{"an unescaped newline within JSON", []byte(evidencetest.Pino + `{"level":30,"time":1794835850897,"pid":2,"hostname":"a` + "\n" + `b","msg":"x"}` + "\n" + evidencetest.Pino), 2, 0, map[string]int64{"malformed_line": 1, "unrecognised_lines": 1}, false},
		{"bytes that are not UTF-8", []byte(strings.ReplaceAll(evidencetest.Pino, "/y", "/\xff\xfe")), 1, 0, nil, false},
		{"a mix of all there is", []byte(evidencetest.Scalingo + evidencetest.Heroku + evidencetest.Pino + evidencetest.Datadog + evidencetest.Access + evidencetest.Crash + "chatter\n"), 5, 1, map[string]int64{"unrecognised_lines": 1}, false},
		{"chatter that ends in a crash", []byte(strings.Repeat("just some words\n", 20_000) + evidencetest.Crash), 0, 1, map[string]int64{"unrecognised_lines": 20_000}, false},
		{"a log of chatter alone", []byte(strings.Repeat("just some words\n", 1000)), 0, 0, map[string]int64{"unknown_format": 1}, true},
		{"an unknown JSON document over several lines", []byte("{\n \"scenario\": \"S1\",\n \"note\": \"" + strings.TrimSpace(evidencetest.Crash) + "\"\n}\n"), 0, 0, map[string]int64{"unknown_format": 1}, true},
		{"an unknown JSON document in one line", []byte(`{"scenario":"S1","culprit_endpoint":"GET /x","statuses":{"200":1}}`), 0, 0, map[string]int64{"unknown_format": 1}, true},
		{"an unknown JSON array", []byte(`[1,2,3]`), 0, 0, map[string]int64{"unknown_format": 1}, true},
		{"XML", []byte("<?xml version=\"1.0\"?>\n<a>words</a>\n"), 0, 0, map[string]int64{"unknown_format": 1}, true},
		{"a Datadog answer", []byte(`{"data":[` + strings.TrimSpace(evidencetest.Datadog) + `,` + strings.TrimSpace(evidencetest.Datadog) + `],"meta":{"status":"done"}}`), 2, 0, nil, false},
		{"a pretty-printed Datadog answer", []byte("{\n  \"meta\": {\"page\": {\"after\": \"x]}\\\"\"}},\n  \"data\": [\n    " + strings.ReplaceAll(strings.TrimSpace(evidencetest.Datadog), `,"`, ",\n      \"") + "\n  ]\n}\n"), 1, 0, nil, false},
		{"a truncated Datadog answer", []byte(`{"data":[` + strings.TrimSpace(evidencetest.Datadog) + `,` + evidencetest.Datadog[:100]), 1, 0, map[string]int64{"malformed_document": 1}, false},
		{"a broken element in a Datadog answer", []byte(`{"data":[` + strings.TrimSpace(evidencetest.Datadog) + `,{"id":"x"},` + strings.TrimSpace(evidencetest.Datadog) + `]}`), 2, 0, map[string]int64{"malformed_line": 1}, false},
		{"a bare array of Datadog logs", []byte(`[` + strings.TrimSpace(evidencetest.Datadog) + `]`), 1, 0, nil, false},
		{"an array of pino lines, one per line", []byte("[\n" + strings.TrimSpace(evidencetest.Pino) + ",\n" + strings.TrimSpace(evidencetest.Pino) + "\n]\n"), 2, 0, nil, false},
		{"JSON lines that are indented", []byte("  " + evidencetest.Pino + "\t" + evidencetest.Pino), 2, 0, nil, false},
		{"a time in 1970 and in 9999", []byte(evidencetest.Pino + strings.ReplaceAll(evidencetest.Pino, "1794835850897", "1") + strings.ReplaceAll(evidencetest.Pino, "1794835850897", "253402300799000")), 1, 0, map[string]int64{"malformed_line": 2}, false},
		{"negative and huge durations", []byte(evidencetest.Pino + strings.ReplaceAll(evidencetest.Pino, "2.5", "-1") + strings.ReplaceAll(evidencetest.Pino, "2.5", "1e30")), 1, 0, map[string]int64{"malformed_line": 2}, false},
		{"a status that is none", []byte(evidencetest.Pino + strings.ReplaceAll(evidencetest.Pino, `"statusCode":200`, `"statusCode":99999`)), 1, 0, map[string]int64{"malformed_line": 1}, false},
		{"quotes in a path", []byte(strings.ReplaceAll(evidencetest.Scalingo, `"/x"`, `"/a"b?c="d"`)), 1, 0, nil, false},
		{"a path of 100 kB", []byte(strings.ReplaceAll(evidencetest.Scalingo, `"/x"`, `"/`+strings.Repeat("a", 100_000)+`"`)), 1, 0, nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, t.TempDir(), "input", c.data)
			for _, workers := range []int{1, 3} {
				var s recordtest.Sink
				err := evidence.New(evidence.Options{Paths: []string{path}, Workers: workers}).Collect(t.Context(), record.Query{}, &s)
				var none *evidence.NothingReadError
				if c.refused != errors.As(err, &none) || err != nil && !c.refused {
					t.Fatalf("error %v, want refused: %v", err, c.refused)
				}
				if c.refused && (!strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), ";")) {
					t.Errorf("error %q names neither the path nor what to do", err)
				}
				if len(s.Requests) != c.requests || len(s.Crashes) != c.crashes {
					t.Errorf("%d requests and %d crashes, want %d and %d", len(s.Requests), len(s.Crashes), c.requests, c.crashes)
				}
				want := c.warnings
				if want == nil {
					want = map[string]int64{}
				}
				if diff := cmp.Diff(want, codes(&s)); diff != "" {
					t.Errorf("warnings (-want +got)\n%s", diff)
				}
				if len(s.Coverages) == 0 {
					t.Error("no coverage")
				}
				for _, w := range s.Warnings {
					if w.Text == "" || len(w.Example) > 210 || w.Pos.Source == nil {
						t.Errorf("warning %+v lacks its text or source, or is too long", w)
					}
				}
			}
		})
	}
}

func TestMalformedLinesAreToldWithTheirNumber(t *testing.T) {
	path := write(t, t.TempDir(), "a.log", []byte(strings.Repeat(evidencetest.Pino, 7)+"{broken\n"+strings.Repeat(evidencetest.Pino, 3)+"{broken too\n"))
	s := collect(t, evidence.Options{Paths: []string{path}}, record.Query{})
	if len(s.Warnings) != 1 || s.Warnings[0].Pos.Line != 8 || s.Warnings[0].Count != 2 || s.Warnings[0].Example != "{broken" || s.Warnings[0].Pos.Source.Name != path {
		t.Fatalf("warnings %+v, want two malformed lines, the first of them line 8", s.Warnings)
	}
}

// mixedLog is long enough for many chunks.
func mixedLog(lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		switch i % 7 {
		case 0, 1:
			b.WriteString(strings.Replace(evidencetest.Scalingo, "request_id=1", fmt.Sprint("request_id=s", i), 1))
		case 2:
			b.WriteString(strings.Replace(evidencetest.Heroku, "request_id=2", fmt.Sprint("request_id=h", i), 1))
		case 3:
			b.WriteString(strings.Replace(evidencetest.Pino, `"id":"3"`, fmt.Sprintf(`"id":"p%d"`, i), 1))
		case 4:
			b.WriteString(strings.Replace(evidencetest.Datadog, `"duration"`, fmt.Sprintf(`"x%d":1,"duration"`, i%300), 1))
		case 5:
			b.WriteString(evidencetest.Access)
		case 6:
			fmt.Fprintf(&b, "chatter %d\n", i)
		}
		if i%5000 == 4999 {
			b.WriteString(evidencetest.Crash)
		}
		if i%1000 == 999 {
			at := 1794835850897 + i
			fmt.Fprintf(&b, `{"level":30,"time":%d,"pid":17,"hostname":"web-6","job":"statistics-%d","duration":456,"msg":"job completed"}`+"\n", at, i)
			// A dump in JSON and one in plain text, of a process that has said what its heap holds.
			fmt.Fprintf(&b, `{"level":50,"time":%d,"pid":17,"hostname":"web-6","msg":"[17:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms"}`+"\n", at)
			fmt.Fprintf(&b, `{"level":50,"time":%d,"pid":17,"hostname":"web-6","msg":"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"}`+"\n", at)
			b.WriteString("[17:0xd596c50]   105132 ms: Mark-Compact (reduce) 136.8 (143.6) -> 136.5 (141.6) MB, 19.95 / 0.01 ms\n")
			b.WriteString("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n")
		}
		if i%9999 == 0 {
			b.WriteString("{malformed\n")
		}
	}
	return b.Bytes()
}

func TestTheSameEvidenceGivesTheSameRecordsWhateverTheCoresAndTheWrapping(t *testing.T) {
	dir := t.TempDir()
	data := mixedLog(40_000)
	inputs := map[string][]byte{"plain": data, "gzip": evidencetest.Pack(t, "gzip", data), "zstd": evidencetest.Pack(t, "zstd", data)}
	var want *recordtest.Sink
	for _, kind := range []string{"plain", "gzip", "zstd"} {
		path := write(t, dir, kind+"/log", inputs[kind])
		for _, workers := range []int{1, 2, 5} {
			got := collect(t, evidence.Options{Paths: []string{path}, Workers: workers}, record.Query{})
			for i := range got.Requests {
				got.Requests[i].Pos.Source = nil
			}
			for i := range got.Crashes {
				got.Crashes[i].Pos.Source = nil
			}
			for i := range got.Jobs {
				got.Jobs[i].Pos.Source = nil
			}
			for i := range got.Warnings {
				got.Warnings[i].Pos.Source = nil
			}
			for i := range got.Coverages {
				got.Coverages[i].Source = nil
			}
			if want == nil {
				want = got
				if len(want.Requests) < 30_000 || len(want.Crashes) != 8+2*40 || len(want.Jobs) != 40 {
					t.Fatalf("%d requests, %d crashes and %d jobs", len(want.Requests), len(want.Crashes), len(want.Jobs))
				}
				continue
			}
			if !reflect.DeepEqual(want.Requests, got.Requests) { // cmp.Diff takes too long over so many
				t.Fatalf("%s with %d workers: %d other requests", kind, workers, len(got.Requests))
			}
			if diff := cmp.Diff(want.Crashes, got.Crashes); diff != "" {
				t.Fatalf("%s with %d workers:\n%s", kind, workers, diff)
			}
			if diff := cmp.Diff(want.Jobs, got.Jobs); diff != "" {
				t.Fatalf("%s with %d workers:\n%s", kind, workers, diff)
			}
			if diff := cmp.Diff(want.Warnings, got.Warnings); diff != "" {
				t.Fatalf("%s with %d workers:\n%s", kind, workers, diff)
			}
			if diff := cmp.Diff(want.Coverages, got.Coverages); diff != "" {
				t.Fatalf("%s with %d workers:\n%s", kind, workers, diff)
			}
		}
	}
}

func TestFoldersAreReadRecursivelyWithoutWhatIsHiddenLinkedOrSpecial(t *testing.T) {
	dir := t.TempDir()
	outside := write(t, t.TempDir(), "outside.log", []byte(evidencetest.Scalingo))
	write(t, dir, "b/router.log", []byte(evidencetest.Scalingo))
	write(t, dir, "a.log", []byte(evidencetest.Heroku))
	write(t, dir, ".hidden.log", []byte(evidencetest.Scalingo))
	write(t, dir, ".git/x.log", []byte(evidencetest.Scalingo))
	write(t, dir, "notes.txt", []byte("nothing to see\n"))
	if err := os.Symlink(outside, filepath.Join(dir, "link.log")); err != nil {
		t.Skip("no symbolic links here")
	}
	s := collect(t, evidence.Options{Paths: []string{dir, filepath.Join(dir, "a.log"), dir}}, record.Query{})
	if len(s.Requests) != 2 {
		t.Errorf("%d requests, want those of the two logs, once", len(s.Requests))
	}
	if diff := cmp.Diff(map[string]int64{"symlink_skipped": 1, "unknown_format": 1}, codes(s)); diff != "" {
		t.Error(diff)
	}
	// Whoever names a link wants it read.
	s = collect(t, evidence.Options{Paths: []string{filepath.Join(dir, "link.log")}}, record.Query{})
	if len(s.Requests) != 1 {
		t.Errorf("%d requests from a link that was named, want 1", len(s.Requests))
	}
}

func TestWhatCannotBeReadIsSaidAndTheRestUsed(t *testing.T) {
	dir := t.TempDir()
	good := write(t, dir, "good.log", []byte(evidencetest.Scalingo))
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	paths := []string{good, filepath.Join(dir, "missing.log"), filepath.Join(dir, "empty")}
	want := map[string]int64{"unreadable": 1, "empty_folder": 1}
	if os.Getuid() > 0 {
		locked := write(t, dir, "locked.log", []byte(evidencetest.Scalingo))
		_ = os.Chmod(locked, 0)
		paths = append(paths, locked)
		want["unreadable"]++
	}
	s := collect(t, evidence.Options{Paths: paths}, record.Query{})
	if len(s.Requests) != 1 {
		t.Errorf("%d requests, want that of the good file", len(s.Requests))
	}
	if diff := cmp.Diff(want, codes(s)); diff != "" {
		t.Error(diff)
	}
	reasons := 0
	for _, c := range s.Coverages {
		if c.MissingReason != "" {
			reasons++
		}
	}
	if reasons != len(paths)-1 {
		t.Errorf("%d sources with a reason why they gave nothing, want %d", reasons, len(paths)-1)
	}
}

func TestNothingReadableIsAnErrorThatSaysWhichPathAndWhatToDo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.log")
	var s recordtest.Sink
	err := evidence.New(evidence.Options{Paths: []string{missing}}).Collect(t.Context(), record.Query{}, &s)
	var path *evidence.PathError
	if !errors.As(err, &path) || path.Path != missing || path.Hint == "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want one that names the path, the cause and what to do", err)
	}
	if !path.Permanent() || (&evidence.PathError{Err: &fs.PathError{Op: "read", Path: missing, Err: io.ErrUnexpectedEOF}}).Permanent() {
		t.Error("a file that is not there stays away, a failed read may pass")
	}
	unknown := write(t, t.TempDir(), "x", []byte("just words\n"))
	err = evidence.New(evidence.Options{Paths: []string{unknown}}).Collect(t.Context(), record.Query{}, &s)
	if !errors.Is(err, evidence.ErrUnknownFormat) {
		t.Errorf("error %v, want an unknown format", err)
	}
	err = evidence.New(evidence.Options{Paths: []string{t.TempDir()}}).Collect(t.Context(), record.Query{}, &s)
	if !errors.Is(err, evidence.ErrEmpty) {
		t.Errorf("error %v, want an empty folder", err)
	}
	err = evidence.New(evidence.Options{}).Collect(t.Context(), record.Query{}, &s)
	if err == nil || !strings.Contains(err.Error(), "name some") {
		t.Errorf("error %v, want one that asks for paths", err)
	}
	err = evidence.New(evidence.Options{Paths: []string{"-"}}).Collect(t.Context(), record.Query{}, &s)
	if err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("error %v, want one about standard input", err)
	}
}

func TestStandardInputIsReadLikeAFile(t *testing.T) {
	s := collect(t, evidence.Options{Paths: []string{"-"}, Stdin: bytes.NewReader(evidencetest.Pack(t, "gzip", []byte(evidencetest.Scalingo+evidencetest.Pino)))}, record.Query{})
	if len(s.Requests) != 2 || s.Requests[0].Pos.Source.Name != "stdin" || s.Requests[0].Pos.Line != 1 {
		t.Fatalf("requests %+v, want two from stdin", s.Requests)
	}
}

func TestTheQueryDropsWhatLiesOutsideAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "a.log", []byte(evidencetest.Scalingo+strings.Replace(evidencetest.Scalingo, "13:30:50", "15:30:50", 1)+evidencetest.Crash+evidencetest.Datadog+strings.Replace(evidencetest.Datadog, `"service":"api"`, `"service":"web"`, 1)))
	from, to := time.Date(2026, 11, 16, 13, 0, 0, 0, time.UTC), time.Date(2026, 11, 16, 15, 0, 0, 0, time.UTC)
	q := record.Query{From: record.TimeOf(from), To: record.TimeOf(to), Service: "api"}
	s := collect(t, evidence.Options{Paths: []string{path}}, q)
	if len(s.Requests) != 2 || len(s.Crashes) != 1 {
		t.Errorf("%d requests and %d crashes, want the two and one of that time and service", len(s.Requests), len(s.Crashes))
	}
	var none recordtest.Sink
	q = record.Query{From: record.TimeOf(to.AddDate(1, 0, 0))}
	if err := evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), q, &none); err != nil {
		t.Fatal(err)
	}
	if len(none.Requests) != 0 || len(none.Coverages) != 1 || !strings.Contains(none.Coverages[0].MissingReason, "outside") {
		t.Errorf("coverage %+v, want a reason", none.Coverages)
	}
}

func TestCoverageTellsRecordsAndTimesPerSignal(t *testing.T) {
	path := write(t, t.TempDir(), "a.log", []byte(evidencetest.Scalingo+strings.Replace(evidencetest.Scalingo, "13:30:50", "15:30:50", 1)+evidencetest.Crash))
	s := collect(t, evidence.Options{Paths: []string{path}}, record.Query{})
	if len(s.Coverages) != 2 {
		t.Fatalf("coverage %+v, want one for crashes and one for requests", s.Coverages)
	}
	for _, c := range s.Coverages {
		switch c.Signal {
		case "requests":
			if c.Records != 2 || c.From != s.Requests[0].Start || c.To != s.Requests[1].End || c.Source.Format != "scalingo-router" {
				t.Errorf("coverage %+v of the requests", c)
			}
		case "crashes":
			if c.Records != 1 || c.From != s.Crashes[0].Time || c.To != c.From {
				t.Errorf("coverage %+v of the crashes", c)
			}
		default:
			t.Errorf("coverage %+v", c)
		}
	}
}

func TestArchivesAreReadInPlace(t *testing.T) {
	members := []struct{ name, text string }{
		{"logs/router.log", evidencetest.Scalingo}, {"../escape.log", evidencetest.Heroku}, {"/etc/abs.log", evidencetest.Pino}, {".hidden", evidencetest.Scalingo}, {"__MACOSX/x", evidencetest.Scalingo},
		{"notes.txt", "words\n"},
	}
	var tarred, zipped bytes.Buffer
	tw, zw := tar.NewWriter(&tarred), zip.NewWriter(&zipped)
	for _, m := range members {
		_ = tw.WriteHeader(&tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.text)), Typeflag: tar.TypeReg})
		_, _ = tw.Write([]byte(m.text))
		w, _ := zw.Create(m.name)
		_, _ = w.Write([]byte(m.text))
	}
	_ = tw.WriteHeader(&tar.Header{Name: "link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink})
	_ = tw.Close()
	_ = zw.Close()
	dir := t.TempDir()
	for name, data := range map[string][]byte{"a.tar": tarred.Bytes(), "a.tar.gz": evidencetest.Pack(t, "gzip", tarred.Bytes()), "a.zip": zipped.Bytes()} {
		path := write(t, dir, name, data)
		s := collect(t, evidence.Options{Paths: []string{path}}, record.Query{})
		if len(s.Requests) != 3 {
			t.Errorf("%s: %d requests, want those of its three logs", name, len(s.Requests))
		}
		for _, r := range s.Requests {
			if !strings.HasPrefix(r.Pos.Source.Name, path+"!") || r.Pos.Line != 1 {
				t.Errorf("%s: position %+v", name, *r.Pos.Source)
			}
		}
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 3 {
		t.Errorf("reading archives left %d files, want the three", len(entries))
	}
	broken := write(t, dir, "broken.zip", append([]byte("PK\x03\x04"), zipped.Bytes()[4:200]...))
	var s recordtest.Sink
	if err := evidence.New(evidence.Options{Paths: []string{broken}}).Collect(t.Context(), record.Query{}, &s); err == nil {
		t.Error("a broken zip archive gave no error")
	}
}

func TestProgressGrowsToTheSumOfTheFiles(t *testing.T) {
	dir := t.TempDir()
	data := mixedLog(20_000)
	write(t, dir, "a.log", data)
	write(t, dir, "b.log.gz", evidencetest.Pack(t, "gzip", data))
	var last, sum int64
	o := evidence.Options{Paths: []string{dir}, Progress: func(read, total int64) {
		if read < last || read > total {
			t.Errorf("progress %d of %d after %d", read, total, last)
		}
		last, sum = read, total
	}}
	collect(t, o, record.Query{})
	if last != sum || sum < int64(len(data)) {
		t.Errorf("progress ended at %d of %d", last, sum)
	}
}

func TestCancellationEndsTheCollectionAtOnceAndLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	for i := range 20 {
		write(t, dir, fmt.Sprintf("%d.log", i), mixedLog(20_000))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var last, sum int64
	o := evidence.Options{Paths: []string{dir}, Workers: 3, Progress: func(read, total int64) {
		if last, sum = read, total; read > 5<<20 {
			cancel()
		}
	}}
	var s recordtest.Sink
	err := evidence.New(o).Collect(ctx, record.Query{}, &s)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if last > 10<<20 || sum < 20<<20 {
		t.Errorf("it went on until %d of %d bytes were read", last, sum)
	}
}

func TestCancellationDoesNotWaitForAPipeThatGivesNothing(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	go func() { _, _ = w.Write([]byte(evidencetest.Scalingo)) }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		var s recordtest.Sink
		done <- evidence.New(evidence.Options{Paths: []string{"-"}, Stdin: r}).Collect(ctx, record.Query{}, &s)
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the collection hangs in a pipe")
	}
}

func TestErrorOfTheSinkEndsTheCollection(t *testing.T) {
	broken := errors.New("disk full")
	for _, data := range []string{evidencetest.Scalingo, `{"data":[` + strings.TrimSpace(evidencetest.Datadog) + `]}`, evidencetest.Pino} {
		path := write(t, t.TempDir(), "a.log", []byte(data))
		s := recordtest.Sink{Fail: broken}
		if err := evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, &s); !errors.Is(err, broken) {
			t.Errorf("error %v, want the sink's", err)
		}
	}
}

func TestMemoryStaysBoundedHoweverLongTheInput(t *testing.T) {
	if testing.Short() {
		t.Skip("reads half a gigabyte")
	}
	chunk := benchLog("scalingo", 50_000)
	var peak uint64
	var rounds int
	feed := evidencetest.Reader(func(p []byte) (int, error) {
		if rounds++; rounds%200 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse+m.StackInuse)
		}
		return 0, io.EOF
	})
	parts := make([]io.Reader, 0, 60)
	for range 20 {
		parts = append(parts, bytes.NewReader(chunk))
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := io.MultiReader(append(parts, feed)...)
	sampled := evidencetest.Reader(func(p []byte) (int, error) {
		if rounds++; rounds%64 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse+m.StackInuse)
		}
		return r.Read(p)
	})
	var c counter
	if err := evidence.New(evidence.Options{Paths: []string{"-"}, Stdin: sampled}).Collect(t.Context(), record.Query{}, &c); err != nil {
		t.Fatal(err)
	}
	if c.requests != 20*50_000 {
		t.Fatalf("%d requests", c.requests)
	}
	if grown := int64(peak) - int64(before.HeapInuse); grown > 24<<20 {
		t.Errorf("the heap grew by %d MB over %d MB of input, want less than 24", grown>>20, 20*len(chunk)>>20)
	}
}

func TestRefusalsSayWhatItIsAndWhatToDo(t *testing.T) {
	for _, c := range []struct{ name, text, want, sample string }{
		{"events.txt", "LAST SEEN   TYPE      REASON    OBJECT      MESSAGE\n37m         Warning   BackOff   pod/api-7   Back-off\n", "kubectl get events -o json > events.json", "LAST SEEN"},
		{"all.txt", "NAMESPACE   LAST SEEN   TYPE      REASON    OBJECT      MESSAGE\nshop   37m         Warning   BackOff   pod/api-7   Back-off\n", "kubectl get events -o json", "LAST SEEN"},
		{"top.txt", "NAME    CPU(cores)   MEMORY(bytes)\napi-7   15m          212Mi\n", "as CSV", "MEMORY(bytes)"},
		{"describe.txt", "Name:         api-7\nNamespace:    shop\n    Last State:     Terminated\n", "kubectl get pods -o json", "Name:"},
		{"ps.txt", "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n3f1c   api:1   x   2 hours ago   Up   1   web-1\n", "docker events --since 24h", "IMAGE"},
		{"events.yaml", "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Event\n", "-o json instead of -o yaml", "apiVersion"},
		{"log.html", "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "web page", "DOCTYPE"},
		{"a.log.xz", "\xfd7zXZ\x00\x00\x04rubbish\x00\x00\x00", "xz -dk a.log.xz", ""},
		{"a b.log.bz2", "BZh91AY&SY\x00\x00\x00\x00", "bunzip2 -k 'a b.log.bz2'", ""},
		{"a.7z", "7z\xbc\xaf\x27\x1c\x00\x04\x00\x00", "7z x a.7z", ""},
		{"a.rar", "Rar!\x1a\x07\x01\x00\x00\x00", "unrar x a.rar", ""},
		{"words.txt", "just words\nand more\n", "list of formats", "just words"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, t.TempDir(), c.name, []byte(c.text))
			var s recordtest.Sink
			err := evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, &s)
			refused, ok := errors.AsType[*evidence.PathError](err)
			if !errors.Is(err, evidence.ErrUnknownFormat) || !strings.Contains(err.Error(), c.want) || !ok || !strings.Contains(refused.Sample, c.sample) || !refused.Permanent() {
				t.Errorf("error %v", err)
			}
			// What a report masks is in the sample and the example, nowhere else.
			if c.name == "words.txt" && strings.Contains(err.Error(), c.sample) {
				t.Errorf("error %v", err)
			}
			if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Example, c.sample) || c.name == "words.txt" && strings.Contains(s.Warnings[0].Text, c.sample) {
				t.Errorf("warnings %+v", s.Warnings)
			}
		})
	}
}

func TestAFileThatGivesNothingShowsALine(t *testing.T) {
	line := `{"level":"info","message":"HTTP GET /x","timestamp":"2026-03-10T01:00:00.127Z"}`
	path := write(t, t.TempDir(), "app.log", []byte(strings.Repeat(line+"\n", 9)))
	var s recordtest.Sink
	if err := evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, &s); err != nil {
		t.Fatal(err)
	}
	if s.WarningCount("no_records") != 1 || s.Warnings[0].Example != line || len(s.Coverages) != 1 || !strings.Contains(s.Coverages[0].MissingReason, "duration") {
		t.Errorf("%+v %+v", s.Warnings, s.Coverages)
	}
}

func TestAnEmptyListOfKubernetesIsCalledEmpty(t *testing.T) {
	for list, empty := range map[string]bool{
		"{\n \"apiVersion\": \"v1\",\n \"items\": [],\n \"kind\": \"List\",\n \"metadata\": {\"resourceVersion\": \"\"}\n}\n":   true,
		`{"kind":"EventList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}`:                                  true,
		`{"kind":"List","apiVersion":"v1","items":[{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"}}]}`:            false,
		`{"kind":"List","apiVersion":"v1","items":null}`:                                                                        false,
		`{"kind":"List","apiVersion":"v1","items":[]}{"kind":"List","apiVersion":"v1","items":[{"kind":"Service","items":[]}]}`: false,
	} {
		path := write(t, t.TempDir(), "events.json", []byte(list))
		var s recordtest.Sink
		if err := evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, &s); err != nil {
			t.Fatal(err)
		}
		if s.WarningCount("no_records") != 1 || strings.Contains(s.Warnings[0].Text, "list is empty") != empty || strings.Contains(s.Coverages[0].MissingReason, "list is empty") != empty {
			t.Errorf("%s: %+v %+v", list, s.Warnings, s.Coverages)
		}
	}
}

func TestAFolderThatCannotBeReadIsToldOnce(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0); err != nil {
		t.Fatal(err)
	}
	var s recordtest.Sink
	err := evidence.New(evidence.Options{Paths: []string{dir}}).Collect(t.Context(), record.Query{}, &s)
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, evidence.ErrEmpty) || len(s.Warnings) != 1 {
		t.Errorf("error %v, warnings %+v", err, s.Warnings)
	}
}
