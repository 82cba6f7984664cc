package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// saySomething passes one message and returns what was made of it.
func saySomething(t testing.TB, msg string) *recordtest.Sink {
	t.Helper()
	sink := &recordtest.Sink{}
	if !messageMayMatter([]byte(msg)) {
		return sink
	}
	src := &record.Source{Name: "x"}
	if _, err := parseMessage(record.Pos{Source: src, Line: 1}, formattest.At(t, "2026-11-16T13:47:57Z"), "web-1", "", "api", "", "v1", []byte(msg), sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

func TestLastWordsOfRuntimesAreDeaths(t *testing.T) {
	for msg, kind := range map[string]record.CrashKind{
		"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory":                             record.CrashHeapLimit,
		"FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory":      record.CrashHeapLimit,
		"FATAL ERROR: CALL_AND_RETRY_LAST Allocation failed - process out of memory":                                    record.CrashHeapLimit,
		"FATAL ERROR: v8::FromJust Maybe value is Nothing.":                                                             record.CrashAbort,
		"# Fatal JavaScript out of memory: Reached heap limit":                                                          record.CrashHeapLimit,
		"# Fatal error in v8::ToLocalChecked":                                                                           record.CrashAbort,
		"TypeError: x is not a function\nNode.js v20.20.2":                                                              record.CrashException,
		"            triggerUncaughtException(err, true /* fromPromise */);":                                            record.CrashException,
		"[UnhandledPromiseRejection: This error originated either by throwing inside of an async function":              record.CrashException,
		"fatal error: runtime: out of memory":                                                                           record.CrashHeapLimit,
		"runtime: out of memory: cannot allocate 4194304-byte block (129499136 in use)":                                 record.CrashHeapLimit,
		"runtime: goroutine stack exceeds 1000000000-byte limit":                                                        record.CrashException,
		"fatal error: concurrent map writes":                                                                            record.CrashException,
		"fatal error: all goroutines are asleep - deadlock!":                                                            record.CrashException,
		"fatal error: stack overflow":                                                                                   record.CrashException,
		"fatal error: unexpected signal during runtime execution":                                                       record.CrashSegfault,
		"panic: runtime error: index out of range [5] with length 3":                                                    record.CrashException,
		"SIGSEGV: segmentation violation":                                                                               record.CrashSegfault,
		"java.lang.OutOfMemoryError: Java heap space":                                                                   record.CrashHeapLimit,
		"Exception in thread \"main\" java.lang.OutOfMemoryError: GC overhead limit exceeded":                           record.CrashHeapLimit,
		"Exception in thread \"http-1\" java.lang.OutOfMemoryError: Metaspace":                                          record.CrashHeapLimit,
		"java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits": record.CrashException,
		"Terminating due to java.lang.OutOfMemoryError: Java heap space":                                                record.CrashHeapLimit,
		"# A fatal error has been detected by the Java Runtime Environment:":                                            record.CrashAbort,
		"#  SIGSEGV (0xb) at pc=0x00007f, pid=1, tid=2":                                                                 record.CrashSegfault,
		"# There is insufficient memory for the Java Runtime Environment to continue.":                                  record.CrashHeapLimit,
		"MemoryError": record.CrashHeapLimit,
		"MemoryError: Unable to allocate 1.00 GiB for an array with shape (1,) and data type float64":      record.CrashHeapLimit,
		"Fatal Python error: Segmentation fault":                                                           record.CrashSegfault,
		"Fatal Python error: Cannot recover from stack overflow.":                                          record.CrashAbort,
		"[FATAL] failed to allocate memory (NoMemoryError)":                                                record.CrashHeapLimit,
		"app.rb:3:in `*': failed to allocate memory (NoMemoryError)":                                       record.CrashHeapLimit,
		"app.rb:3: [BUG] Segmentation fault at 0x0000000000000000":                                         record.CrashSegfault,
		"malloc(): corrupted top size":                                                                     record.CrashAbort,
		"free(): invalid pointer":                                                                          record.CrashAbort,
		"double free or corruption (!prev)":                                                                record.CrashAbort,
		"corrupted size vs. prev_size":                                                                     record.CrashAbort,
		"*** stack smashing detected ***: terminated":                                                      record.CrashAbort,
		"Segmentation fault (core dumped)":                                                                 record.CrashSegfault,
		"Aborted (core dumped)":                                                                            record.CrashAbort,
		"terminate called after throwing an instance of 'std::bad_alloc'":                                  record.CrashHeapLimit,
		"terminate called after throwing an instance of 'std::runtime_error'":                              record.CrashAbort,
		"memory allocation of 1073741824 bytes failed":                                                     record.CrashHeapLimit,
		"thread 'main' panicked at src/main.rs:3:5:":                                                       record.CrashException,
		"Unhandled exception. System.OutOfMemoryException: Exception of type":                              record.CrashHeapLimit,
		"Unhandled exception. System.NullReferenceException: Object reference not set":                     record.CrashException,
		"[2026-11-16 13:47:57 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:17)":                               record.CrashHealthCheck,
		"[2026-11-16 13:47:57 +0000] [1] [ERROR] Worker (pid:17) was sent SIGKILL! Perhaps out of memory?": record.CrashOther,
		"DAMN ! worker 1 (pid: 17) died, killed by signal 9 :( trying respawn ...":                         record.CrashOther,
		"[2026-11-16 13:47:57 +0000] [1] [ERROR] Worker (pid:17) exited with code 1":                       record.CrashExit,
		"[2026-11-16 13:47:57 +0000] [1] [ERROR] Worker (pid:17) exited with code 3.":                      record.CrashExit,
		"Killed": record.CrashOther,
		"Memory cgroup out of memory: Killed process 123 (node) total-vm:1kB, anon-rss:130000kB, file-rss:10kB": record.CrashOOMKill,
	} {
		sink := saySomething(t, msg)
		if len(sink.Crashes) != 1 {
			t.Errorf("%q gives %d signs", msg, len(sink.Crashes))
			continue
		}
		c := sink.Crashes[0]
		if c.Kind != kind || c.Text == "" || c.ExitCode != -1 || (c.Container != "web-1" && kind != record.CrashOOMKill) {
			t.Errorf("%q: %+v", msg, c)
		}
		// Only a master that outlived its worker, and the kernel, know that something ended.
		if over := strings.Contains(msg, "was sent SIG") || strings.Contains(msg, "DAMN") || strings.Contains(msg, "exited with code") || strings.Contains(msg, "Killed process"); c.Exited != over {
			t.Errorf("%q: exited %v", msg, c.Exited)
		}
	}
}

func TestWordsThatAreNoLastOnesAreNoDeaths(t *testing.T) {
	for _, msg := range []string{
		"request completed", "FATAL ERROR: database is down, retrying", "http: panic serving 10.0.0.7:123: runtime error", "fatal error: foo.h: No such file or directory",
		"recovered from panic: boom", "Using Node.js v20.20.2 and npm 10", "Node.js v20.20.2 is required", "user asked for memory usage", "Killed 3 stale sessions", "PHP Fatal error:  Uncaught Error",
		"(node:17) UnhandledPromiseRejectionWarning: Error: x", "out of memory tables were refreshed", "Segmentation of customers done", "process exited cleanly",
		"* connected (pid:9)", "Aborted by user", "stopped listening on 8080", "server failed: listening on 8080: error", "not listening on port 80", "malloc tuning enabled",
		"Worker (pid:17) booted", "Worker (pid:17) exited with code 0", "Worker (pid:17) exited with code", "thread 'worker-3' panicked at src/main.rs:3:5:", "Memory cgroup limits read",
	} {
		sink := saySomething(t, msg)
		if len(sink.Crashes) > 0 {
			t.Errorf("%q gives the sign %+v", msg, sink.Crashes[0])
		}
		for _, l := range sink.Lifecycles {
			t.Errorf("%q gives %+v", msg, l)
		}
	}
}

func TestAnErrorToldInPassingIsPressureNotADeath(t *testing.T) {
	for _, msg := range []string{
		"ERROR ExportJob - export failed: java.lang.OutOfMemoryError: Java heap space",
		"Caused by: java.lang.OutOfMemoryError: Java heap space",
		"job 17 rescued NoMemoryError, retrying",
		"caught MemoryError: could not load table",
	} {
		sink := saySomething(t, msg)
		if len(sink.Crashes) != 0 || len(sink.Lifecycles) != 1 || sink.Lifecycles[0].Kind != record.MemoryPressure {
			t.Errorf("%q: %+v %+v", msg, sink.Crashes, sink.Lifecycles)
		}
	}
}

func TestServersThatListenAreUp(t *testing.T) {
	for _, msg := range []string{
		"Server listening at http://0.0.0.0:38067", "listening on :39403", "Listening on http://0.0.0.0:8080", "Uvicorn running on http://0.0.0.0:8000",
		"Tomcat started on port(s): 8080 (http)", "[INFO] Listening at: http://0.0.0.0:8000 (1)", "Server started on port 3000",
		"Started Application in 15.537 seconds (process running for 17.264)",
		"INFO 1 --- [           main] c.acme.Application                       : Started Application in 2 seconds (JVM running for 3.1)",
	} {
		sink := &recordtest.Sink{}
		if !messageMayMatter([]byte(msg)) {
			t.Errorf("%q is thought not to matter", msg)
			continue
		}
		if _, err := parseMessage(record.Pos{Source: &record.Source{}, Line: 3}, 5, "web-1", "23082", "api", "h", "v311", []byte(msg), sink); err != nil {
			t.Fatal(err)
		}
		want := []record.Lifecycle{{Time: 5, Kind: record.Up, Reason: record.Listening, ExitCode: -1, Container: "web-1", Instance: "23082", Service: "api", Host: "h", Version: "v311"}}
		if diff := cmp.Diff(want, sink.Lifecycles, formattest.Ignoring()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", msg, diff)
		}
	}
}

func TestWhatIsSaidOfAStartIsNotAlwaysOne(t *testing.T) {
	for _, msg := range []string{
		"Started Application in 15.537 seconds", "Started import in 2 seconds (process running for 9)s", "Started Application in 1.5 seconds (process running for 7200.3)",
		"Started Application in no seconds (process running for 3)", "Started the import in 2 seconds (process running for 3)", "Started A in 2 minutes (process running for 3)",
		"ReStarted A in 2 seconds (process running for 3)", "Started A in 2 seconds (thread running for 3)", "Started A in 2 seconds (process running for )",
		"Started A in NaN seconds (JVM running for NaN)", "Started  in 2 seconds (JVM running for 3)", "job 7 running for 3 s", "Started A in 2 seconds (process running for 3",
	} {
		if sink := saySomething(t, msg); len(sink.Lifecycles) != 0 || len(sink.Crashes) != 0 {
			t.Errorf("%q: %+v", msg, sink.Lifecycles)
		}
	}
}

func TestPlatformLinesThatTravelAsMessages(t *testing.T) {
	when := formattest.At(t, "2026-11-16T13:47:57Z")
	for _, c := range []struct {
		msg  string
		want record.Crash
	}{
		{"[system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 134", record.Crash{Time: when, Kind: record.CrashAbort, Exited: true, ExitCode: 134, Signal: "SIGABRT", Container: "web-1", Instance: "dc317786f4c6", Service: "api", Version: "v1"}},
		{"heroku[web.1]: State changed from up to crashed", record.Crash{Time: when, Kind: record.CrashOther, Exited: true, ExitCode: -1, Container: "web.1", Service: "api", Version: "v1"}},
		{"app[web.1]: FATAL ERROR: Reached heap limit Allocation failed", record.Crash{Time: when, Kind: record.CrashHeapLimit, ExitCode: -1, Signal: "SIGABRT", Container: "web.1", Service: "api", Version: "v1"}},
	} {
		sink := saySomething(t, c.msg)
		if diff := cmp.Diff([]record.Crash{c.want}, sink.Crashes, formattest.Ignoring()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.msg, diff)
		}
	}
}

func TestAMessageOfManyLinesGivesOneSign(t *testing.T) {
	sink := saySomething(t, "/app/index.js:10\n    throw new TypeError('x');\n    ^\n\nTypeError: Cannot read properties of undefined (reading 'id')\n    at Object.<anonymous> (/app/index.js:10:9)\n\nNode.js v20.20.2\n")
	if len(sink.Crashes) != 1 || sink.Crashes[0].Kind != record.CrashException || !strings.HasPrefix(sink.Crashes[0].Text, "TypeError: Cannot read") {
		t.Errorf("%+v", sink.Crashes)
	}
	sink = saySomething(t, "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d\nexit status 2")
	if len(sink.Crashes) != 1 {
		t.Errorf("%d signs of one panic", len(sink.Crashes))
	}
}

func TestPlainOutputTakesNamesAndTimesFromWhatStandsBeforeIt(t *testing.T) {
	text := `web-1  | 2026-11-16T13:47:50Z serving
web-1  | FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
[pod/web-5d8f/app] 2026-11-16T13:47:57.249Z panic: boom
2026-11-16T13:47:58.249768066Z stderr F java.lang.OutOfMemoryError: Java heap space
2026-11-16 13:47:59 Segmentation fault
`
	sink, _ := formattest.ReadLines(t, lastWordsLog{}, text)
	want := []record.Crash{
		{Time: formattest.At(t, "2026-11-16T13:47:50Z"), Kind: record.CrashHeapLimit, ExitCode: -1, Signal: "SIGABRT", Container: "web-1"},
		{Time: formattest.At(t, "2026-11-16T13:47:57.249Z"), Kind: record.CrashException, ExitCode: -1, Container: "web-5d8f/app"},
		{Time: formattest.At(t, "2026-11-16T13:47:58.249768066Z"), Kind: record.CrashHeapLimit, ExitCode: -1},
		{Time: formattest.At(t, "2026-11-16T13:47:59Z"), Kind: record.CrashSegfault, ExitCode: -1, Signal: "SIGSEGV"},
	}
	if diff := cmp.Diff(want, sink.Crashes, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sink.WarningCount("no_timezone") != 1 {
		t.Errorf("the time without a zone is not told: %v", sink.Warnings)
	}
}

func TestLastWordsAreFoundBehindTheHeaderOfTheJournalAndOfSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syslog")
	read := func(text string) *recordtest.Sink {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		written := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
		sink := &recordtest.Sink{}
		if err := New(Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, sink); err != nil {
			t.Fatal(err)
		}
		return sink
	}
	when := formattest.At(t, "2026-11-16T13:47:57Z")
	for _, c := range []struct {
		name, text string
		want       record.Crash
	}{
		{
			"journalctl -o short-iso",
			"2026-11-16T13:47:57+0000 node-a api[123]: panic: boom\n2026-11-16T13:47:57+0000 node-a api[123]: goroutine 1 [running]:\n",
			record.Crash{Time: when, Kind: record.CrashException, ExitCode: -1, Host: "node-a", Container: "node-a", Instance: "123"},
		},
		{
			"journalctl, of Go's runtime",
			"Nov 16 13:47:50 node-a systemd[1]: Started api.\nNov 16 13:47:57 node-a api[123]: fatal error: runtime: out of memory\n",
			record.Crash{Time: when, Kind: record.CrashHeapLimit, ExitCode: -1, Host: "node-a", Container: "node-a", Instance: "123"},
		},
		{
			"syslog without the number of the process",
			"Nov 16 13:47:57 node-a java: java.lang.OutOfMemoryError: Java heap space\n",
			record.Crash{Time: when, Kind: record.CrashHeapLimit, ExitCode: -1, Host: "node-a"},
		},
		{
			"syslog without the host",
			"Nov 16 13:47:57 gunicorn[77]: MemoryError\n",
			record.Crash{Time: when, Kind: record.CrashHeapLimit, ExitCode: -1, Instance: "77"},
		},
		{
			"what another process said is not the reason of this one",
			"Nov 16 13:47:56 node-a web[7]: TypeError: of another\nNov 16 13:47:56 node-a api[123]: RangeError: its own\nNov 16 13:47:56 node-a web[7]: TypeError: of another\n" +
				"Nov 16 13:47:57 node-a api[123]: Node.js v20.20.2\n",
			record.Crash{Time: when, Kind: record.CrashException, Final: true, ExitCode: -1, Host: "node-a", Container: "node-a", Instance: "123", Text: "RangeError: its own · Node.js v20.20.2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := read(c.text)
			if len(sink.Crashes) == 1 && c.want.Text == "" {
				sink.Crashes[0].Text = ""
			}
			if diff := cmp.Diff([]record.Crash{c.want}, sink.Crashes, cmpopts.IgnoreFields(record.Crash{}, "Pos")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if noYear := sink.WarningCount("no_year") == 1; noYear != strings.HasPrefix(c.text, "Nov") {
				t.Errorf("warnings %v", sink.Warnings)
			}
		})
	}
	for _, text := range []string{
		"2026-11-16T13:47:57Z the shipper said: panic: no more\n2026-11-16T13:47:57Z FATAL ERROR: Reached heap limit\n", // a sentence is no header
		"2026-11-16T13:47:57Z collector saw: fatal error: of somebody\nFATAL ERROR: Reached heap limit\n",
		"2026-11-16T13:47:57Z INFO worker[12]: panic: of a job, which was caught\nFATAL ERROR: Reached heap limit\n",
		"seen api[123]: panic: boom\n2026-11-16T13:47:57Z FATAL ERROR: Reached heap limit\n", // nor without a time
	} {
		if sink := read(text); len(sink.Crashes) != 1 || !strings.HasPrefix(sink.Crashes[0].Text, "FATAL ERROR") {
			t.Errorf("%q: %+v", text, sink.Crashes)
		}
	}
}

func TestLastWordsWithoutAnyTimeAreCountedNotPlaced(t *testing.T) {
	sink, unhandled := formattest.ReadLines(t, lastWordsLog{}, "FATAL ERROR: Reached heap limit Allocation failed\n 1: 0xb0b1a0 node::Abort() [node]\n----- Native stack trace -----\n")
	if len(sink.Crashes) != 0 || sink.WarningCount("no_time") != 1 || len(unhandled) != 0 {
		t.Errorf("%+v, unhandled %q", sink, unhandled)
	}
}

// aware is a Sink that knows what the lines around said.
type aware struct{ *recordtest.Sink }

func (aware) lastSeen() (record.Time, []byte, []byte) { return 42, []byte("web-7"), []byte("23082") }

func (aware) ContainerOfFile() []byte { return nil }

func TestPlainOutputBetweenStructuredLinesTakesTheirTimeAndName(t *testing.T) {
	sink := &recordtest.Sink{}
	p := lastWordsLog{}.NewParser(&record.Source{})
	if _, err := p.ParseLine(1, []byte("FATAL ERROR: Reached heap limit Allocation failed"), aware{sink}); err != nil {
		t.Fatal(err)
	}
	want := []record.Crash{{Time: 42, Kind: record.CrashHeapLimit, ExitCode: -1, Signal: "SIGABRT", Container: "web-7", Instance: "23082"}}
	if diff := cmp.Diff(want, sink.Crashes, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheNameOfAKubeletsLogIsTheContainer(t *testing.T) {
	name := "/var/log/containers/web-5d8f-abcde_shop_app-" + cid + ".log"
	if got := string(containerOfLogFile(&record.Source{Name: name})); got != "web-5d8f-abcde/app" {
		t.Errorf("%q", got)
	}
	for _, other := range []string{"app.log", "a_b_c.log", "web-1.log", ""} {
		if got := containerOfLogFile(&record.Source{Name: other}); got != nil {
			t.Errorf("%q gives %q", other, got)
		}
	}
}

func TestJobsAreReadFromPinoAndDatadog(t *testing.T) {
	end := formattest.At(t, "2026-11-16T13:47:57Z")
	for _, c := range []struct{ name, line, want string }{
		{"pino, milliseconds", `{"level":30,"time":1,"pid":17197,"hostname":"web-6","job":"refresh-usage-statistics","rows":400,"duration":456,"msg":"job completed"}`, "456ms"},
		{"Datadog, nanoseconds", `{"id":"1","attributes":{"message":"job completed","attributes":{"job":"refresh-usage-statistics","duration":456000000}}}`, "456ms"},
		{"an object with a name", `{"job":{"id":7,"name":"refresh-usage-statistics"},"msg":"job started"}`, "0s"},
	} {
		sink := &recordtest.Sink{}
		var r jobReader
		if ok, err := r.parse(record.Pos{}, end, []byte("web-6"), []byte("17197"), []byte(c.line), sink); !ok || err != nil {
			t.Errorf("%s: %v %v", c.name, ok, err)
			continue
		}
		j := sink.Jobs[0]
		if j.Name != "refresh-usage-statistics" || j.End != end || j.End.Sub(j.Start).String() != c.want || j.Container != "web-6" || j.Instance != "17197" {
			t.Errorf("%s: %+v", c.name, j)
		}
	}
	var r jobReader
	for _, line := range []string{`{"job":"x","msg":"hello"}`, `{"msg":"job completed","duration":3}`, `{"job":3,"duration":1}`, `{"job":`, `[]`} {
		sink := &recordtest.Sink{}
		if ok, _ := r.parse(record.Pos{}, end, nil, nil, []byte(line), sink); ok {
			t.Errorf("%s gives a job", line)
		}
	}
}

func FuzzThePrefilterNeverHidesASign(f *testing.F) {
	for _, s := range []string{
		"FATAL ERROR: Reached heap limit Allocation failed", "panic: x", "Killed", "Node.js v", "[system]", "a\nNode.js v20.1.0\nb", "java.lang.OutOfMemoryError: x", "[system] [web-1] Starting container web-1",
		"heroku[web.1]: Cycling", "[1:0x] 5 ms: Scavenge 1.0 (2.0) -> 1.0 (2.0) MB", "x Worker (pid:1) was sent SIGKILL!", "Killed process 1 (a) anon-rss:1kB",
		"Exception in thread x java.lang.OutOfMemoryError", "listening on :1", "Uvicorn running on x", "#  SIGBUS", "munmap_chunk(): invalid pointer", "realloc(): x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, msg string) {
		sink := &recordtest.Sink{}
		src := &record.Source{}
		if _, err := parseMessage(record.Pos{Source: src, Line: 1}, 5, "web-1", "", "", "", "", []byte(msg), sink); err != nil {
			t.Fatal(err)
		}
		formattest.CheckSane(t, sink)
		if len(sink.Crashes)+len(sink.Lifecycles)+len(sink.Samples) > 0 && !messageMayMatter([]byte(msg)) {
			t.Fatalf("%q gives a record, and the prefilter would have hidden it", msg)
		}
		for line := range strings.SplitSeq(msg, "\n") {
			line = strings.TrimRight(line, "\r")
			_, sign := signOf([]byte(line))
			_, _, gc := heapAfterGC([]byte(line))
			if (sign || gc || isListening([]byte(line))) && !lineMayMatter([]byte(line)) {
				t.Fatalf("%q matters and is thought not to", line)
			}
			if anywhereMatters([]byte(line)) && telltales.In([]byte(line)) == 0 {
				t.Fatalf("%q holds a needle and none of the pieces", line)
			}
		}
	})
}

// TestEveryTelltaleIsFound: one that had no place in the set would hide a sign.
func TestEveryTelltaleIsFound(t *testing.T) {
	for _, p := range telltaleTexts {
		for before := range 12 {
			for after := range 3 {
				if line := strings.Repeat("a", before) + p + strings.Repeat("z", after); telltales.In([]byte(line)) == 0 {
					t.Errorf("%q is not found in %q", p, line)
				}
			}
		}
		broken := p[:2] + "_" + p[2:] + "_" + p[:3]
		if telltales.In([]byte(broken)) != 0 {
			t.Errorf("%q holds no piece", broken)
		}
	}
	if telltales.In(nil) != 0 {
		t.Error("nothing holds a piece")
	}
}

func FuzzPlainOutput(f *testing.F) {
	f.Add("web-1  | 2026-11-16T13:47:50Z serving\nweb-1 | FATAL ERROR: Reached heap limit Allocation failed")
	f.Add("[pod/web/app] [2026-11-16T13:47:50Z] panic: x")
	f.Fuzz(func(t *testing.T, text string) { formattest.FuzzLine(t, lastWordsLog{}, text) })
}

func TestThePrefilterAllocatesNothing(t *testing.T) {
	msgs := [][]byte{[]byte("request completed"), []byte("a longer message of an application that says nothing of interest, 42 rows in 17 ms"), []byte("listening on :1")}
	if n := testing.AllocsPerRun(100, func() {
		for _, m := range msgs {
			messageMayMatter(m)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMessageMayMatter(b *testing.B) {
	msg := []byte("GET /api/campaigns/48211/profiles answered for user 115838 from cache in 17 ms, 42 rows, tenant 12, feature flags a,b,c, trace 6c203d84-76a2-4b5d")
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if messageMayMatter(msg) {
			b.Fatal("it does not")
		}
	}
}

// In a log of many containers the dump of one names none; its number is the one under which the others know it.
func TestADumpThatNamesNoContainerTellsTheNumberOfItsProcess(t *testing.T) {
	sink := readLog(t, `{"level":30,"time":1794836876000,"pid":18,"hostname":"web-2","msg":"hello"}
{"level":30,"time":1794836877000,"pid":17,"hostname":"web-1","msg":"hello"}

<--- Last few GCs --->
[18:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
`, 1)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Container != "" || sink.Crashes[0].Instance != "18" {
		t.Errorf("%+v", sink.Crashes)
	}
}

// The version of Node.js ends the report of an uncaught error; some print it as they start.
func TestTheVersionOfNodeIsAnEndOnlyBehindAnError(t *testing.T) {
	item := func(ms int, msg string) string {
		return fmt.Sprintf(`{"id":"A","type":"log","attributes":{"timestamp":"2026-11-16T13:53:43.%03dZ","host":"h","service":"web","message":%q,"tags":["pod_name:web-1"],"attributes":{}}}`, ms, msg) + "\n"
	}
	words := func(ms int, msg string) string {
		return fmt.Sprintf("web-1  | 2026-11-16T13:53:43.%03dZ %s\n", ms, msg)
	}
	for _, c := range []struct {
		name, log string
		deaths    int
	}{
		{"an error and the version", words(1, "TypeError: x") + words(2, "    at a.js:1:2") + words(5, "Node.js v20.20.2"), 1},
		{"the version as it starts", words(1, "Node.js v20.20.2") + words(5, "Server listening on port 3000"), 0},
		{"an error long before", words(1, "TypeError: x") + strings.Replace(words(5, "Node.js v20.20.2"), "13:53", "14:53", 1), 0},
		{"items, oldest first", item(1, "Error: Cannot find module 'x'") + item(5, "Node.js v20.20.2"), 1},
		{"items, newest first", item(5, "Node.js v20.20.2") + item(1, "Error: Cannot find module 'x'"), 1},
		{"items, another error before", item(900, "Node.js v20.20.2") + strings.Replace(item(1, "Error: no"), "13:53:43", "13:53:03", 1), 0},
		{"items, the version as it starts", item(1, "Node.js v20.20.2") + item(5, "ready"), 0},
	} {
		sink := readLog(t, c.log, 1)
		if len(sink.Crashes) != c.deaths || c.deaths > 0 && !sink.Crashes[0].Final {
			t.Errorf("%s: %+v", c.name, sink.Crashes)
		}
	}
}
