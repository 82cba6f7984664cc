package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence"
	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func collectText(t *testing.T, name, text string) *recordtest.Sink {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sink := &recordtest.Sink{}
	if err := evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

func TestTheDumpOfAProcessThatLogsJSONTakesItsTimeAndName(t *testing.T) {
	sink := collectText(t, "web.log", `{"level":30,"time":1794836877000,"pid":17,"hostname":"web-1","msg":"hello"}

<--- Last few GCs --->
[17:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
 1: 0xb0b1a0 node::Abort() [node]
`)
	if len(sink.Crashes) != 1 {
		t.Fatalf("%d crashes, warnings %v", len(sink.Crashes), sink.Warnings)
	}
	c := sink.Crashes[0]
	if c.Time != 1794836877000e6 || c.Container != "web-1" || c.Instance != "17" || c.Kind != record.CrashHeapLimit || c.UsedBytes == 0 {
		t.Errorf("%+v", c)
	}
}

func TestADumpBetweenLinesOfSeveralContainersIsNobodysInParticular(t *testing.T) {
	sink := collectText(t, "all.log", `{"level":30,"time":1794836876000,"pid":17,"hostname":"web-1","msg":"hello"}
{"level":30,"time":1794836877000,"pid":18,"hostname":"web-2","msg":"hello"}
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
`)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Container != "" || sink.Crashes[0].Time != 1794836877000e6 {
		t.Errorf("%+v", sink.Crashes)
	}
}

func TestTheNumberOfAProcessStandsBehindWhatIsLeftOfTheReportBefore(t *testing.T) {
	for _, front := range []string{"", "li", ") ", "allocation failure; [1] fi"} {
		sink := collectText(t, "all.log", `{"level":30,"time":1794836876000,"pid":17,"hostname":"web-1","msg":"hello"}
{"level":30,"time":1794836877000,"pid":18,"hostname":"web-2","msg":"hello"}
`+front+`[17:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
`)
		if len(sink.Crashes) != 1 || sink.Crashes[0].Instance != "17" || sink.Crashes[0].UsedBytes == 0 {
			t.Errorf("behind %q: %+v", front, sink.Crashes)
		}
	}
}

func TestJobsThatAnApplicationLogsAreKept(t *testing.T) {
	sink := collectText(t, "app.ndjson", `{"level":30,"time":1794836877000,"pid":17,"hostname":"web-6","job":"refresh-usage-statistics","rows":400,"duration":456,"msg":"job completed"}
{"level":30,"time":1794836878000,"pid":17,"hostname":"web-6","msg":"job completed"}
`)
	if len(sink.Jobs) != 1 || sink.Jobs[0].Name != "refresh-usage-statistics" || sink.Jobs[0].End.Sub(sink.Jobs[0].Start).Milliseconds() != 456 || sink.Jobs[0].Container != "web-6" {
		t.Errorf("%+v", sink.Jobs)
	}
}

func TestPlainTextInDockersLogFilesTakesTheTimeOfItsLine(t *testing.T) {
	sink := collectText(t, "x-json.log", `{"log":"hello\n","stream":"stdout","time":"2026-11-16T13:47:56Z"}
{"log":"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n","stream":"stderr","time":"2026-11-16T13:47:57Z"}
`)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Time != 1794836877000e6 {
		t.Errorf("%+v %v", sink.Crashes, sink.Warnings)
	}
}

func TestAHeapThatALaterDeathToldOfIsNotThatOfAnEarlierOne(t *testing.T) {
	const gc, end = `"[17:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms"`, `"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"`
	line := func(at, msg string) string {
		return `{"level":50,"time":` + at + `,"pid":17,"hostname":"web-1","msg":` + msg + "}\n"
	}
	sink := collectText(t, "newest-first.ndjson", line("1794836877100", end)+line("1794836877000", gc)+line("1794836577100", end))
	if len(sink.Crashes) != 2 || sink.Crashes[0].UsedBytes != 0 || sink.Crashes[1].UsedBytes != 0 {
		t.Errorf("%+v", sink.Crashes)
	}
	sink = collectText(t, "in-order.ndjson", line("1794836877000", gc)+line("1794836877100", end))
	if len(sink.Crashes) != 1 || sink.Crashes[0].UsedBytes == 0 {
		t.Errorf("%+v", sink.Crashes)
	}
}

func TestTheLogsOfEachIncidentTellTheSameJobsAndTheHeapOfEachDeath(t *testing.T) {
	root := formattest.Shared(t, "incidents")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pino, datadog := filepath.Join(root, e.Name(), "app.ndjson.gz"), filepath.Join(root, e.Name(), "datadog_logs.ndjson.gz")
		if _, err := os.Stat(pino); err != nil {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			app := collect(t, evidence.Options{Paths: []string{pino}}, record.Query{})
			for _, c := range app.Crashes {
				if c.Kind == record.CrashHeapLimit && (c.UsedBytes < 60<<20 || c.UsedBytes > 200<<20) {
					t.Errorf("last words of %s at %s say %d bytes of heap", c.Container, c.Time.Std(), c.UsedBytes)
				}
			}
			logs := collect(t, evidence.Options{Paths: []string{datadog}}, record.Query{})
			counts := [2]map[string]int{{}, {}}
			for i, s := range []*recordtest.Sink{app, logs} {
				for _, j := range s.Jobs {
					counts[i][j.Name+" "+j.Container+" "+j.End.Sub(j.Start).Truncate(time.Millisecond).String()]++
				}
			}
			if diff := cmp.Diff(counts[0], counts[1]); diff != "" {
				t.Errorf("jobs (-application +Datadog)\n%s", diff)
			}
			if e.Name() == "S13-1" && len(app.Jobs) != 476 {
				t.Errorf("%d jobs, want 476", len(app.Jobs))
			}
		})
	}
}

func TestADumpThatTheEndOfAChunkCutsIsUnderstood(t *testing.T) {
	const chunk = 1 << 20
	dump := "\n<--- Last few GCs --->\n[17:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms\n" +
		"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xb0b1a0 node::Abort() [node]\n"
	line := `{"level":30,"time":1794836877000,"pid":17,"hostname":"web-1","msg":"hello"}` + "\n"
	for back := 0; back <= len(dump)+len(line); back += 20 {
		var b strings.Builder
		for b.Len()+2*len(line) < chunk-back {
			b.WriteString(line)
		}
		pad := chunk - back - b.Len() - len(line)
		b.WriteString(strings.Replace(line, "hello", "hello"+strings.Repeat("o", pad), 1))
		if b.Len() != chunk-back {
			t.Fatalf("%d bytes before the dump, want %d", b.Len(), chunk-back)
		}
		text := b.String() + dump + strings.Repeat(line, 30_000)
		path := filepath.Join(t.TempDir(), "web.log")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 2} {
			sink := collect(t, evidence.Options{Paths: []string{path}, Workers: workers}, record.Query{})
			if len(sink.Crashes) != 1 {
				t.Fatalf("dump %d bytes before the end of the chunk, %d workers: %d crashes, warnings %v", back, workers, len(sink.Crashes), sink.Warnings)
			}
			c := sink.Crashes[0]
			if c.Container != "web-1" || c.Instance != "17" || c.Time != 1794836877000e6 || c.UsedBytes == 0 || c.Pos.Line != int64(strings.Count(text[:strings.Index(text, "FATAL")], "\n"))+1 {
				t.Errorf("dump %d bytes before the end of the chunk, %d workers: %+v", back, workers, c)
			}
		}
	}
}

// TestNestsDeathsAreOfTheTimeThatItsLinesTell: the last words of V8 have no time of their own.
func TestNestsDeathsAreOfTheTimeThatItsLinesTell(t *testing.T) {
	log := strings.Join([]string{
		`web-1  | [Nest] 2640  - 11/20/2026, 12:06:28 AM     LOG [HTTP] GET /health 200 - 27ms`,
		`web-1  | [Nest] 2640  - 11/20/2026, 12:06:29 AM    WARN [Jobs] nothing to do`,
		`web-1  | FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory`,
	}, "\n")
	got := collectText(t, "app.log", log)
	if len(got.Crashes) != 1 || got.Crashes[0].Container != "web-1" || got.Crashes[0].Time.Std().UTC().Format(time.RFC3339) != "2026-11-20T00:06:29Z" {
		t.Errorf("crashes: %+v", got.Crashes)
	}
}
