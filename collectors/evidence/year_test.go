package evidence

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// TestATimeWithoutAYearIsOfTheYearOfTheOtherEvidence, whenever the file was written last: it may have been unpacked, or its machine's clock be
// wrong. What lies in an archive was never written here at all.
func TestATimeWithoutAYearIsOfTheYearOfTheOtherEvidence(t *testing.T) {
	const (
		messages = "Dec 31 23:59:58 host kernel: [ 5864.7] Out of memory: Killed process 123 (node) total-vm:1kB, anon-rss:130000kB, file-rss:10kB\n"
		access   = `1.2.3.4 - - [01/Jan/2027:00:00:01 +0000] "GET /w HTTP/1.1" 200 571 "-" "okhttp" 0.123` + "\n"
		pino     = `{"level":30,"time":1798761590897,"pid":2,"hostname":"web-3","req":{"id":"3","method":"GET","url":"/y"},"res":{"statusCode":200},"responseTime":2.5,"msg":"request completed"}` + "\n"
	)
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	if err := w.WriteHeader(&tar.Header{Name: "messages", Mode: 0o600, Size: int64(len(messages))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(messages)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string]string{
		"beside what is much older": {"pod.json": `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","creationTimestamp":"2026-06-01T00:00:00Z"},"spec":{},"status":{}}`, "messages": messages},
		"beside an access log":      {"a.log": access, "messages": messages},
		"before an access log":      {"messages": messages, "z.log": access},
		"beside times in numbers":   {"a.log": pino, "messages": messages},
		"in one file":               {"all.log": messages + access},
		"in an archive":             {"a.log": access, "b.tar": packed.String()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range files {
				path := filepath.Join(dir, file)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				written := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
				if name == "beside what is much older" {
					written = time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
				}
				if err := os.Chtimes(path, written, written); err != nil {
					t.Fatal(err)
				}
			}
			var sink recordtest.Sink
			if err := New(Options{Paths: []string{dir}}).Collect(t.Context(), record.Query{}, &sink); err != nil {
				t.Fatal(err)
			}
			if len(sink.Crashes) != 1 || sink.Crashes[0].Time != formattest.At(t, "2026-12-31T23:59:58Z") || sink.WarningCount("no_year") != 1 {
				t.Errorf("%+v, %+v", sink.Crashes, sink.Warnings)
			}
		})
	}
}
