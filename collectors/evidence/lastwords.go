package evidence

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/pieces"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// lastWords recognises what runtimes write as they die, line by line. It remembers, per container, the last report of the garbage
// collector and the last error line, because the line that tells of the end does not repeat them. The zero value is ready.
//
// Every sign it gives has Exited=false: words come before the end, and some are words of a process that lives on (a Java thread or
// a Python request that ran out of memory). A text that only mentions such an error in passing, as an application does that caught
// and logged it, is given as memory pressure, not as a crash.
//
// Sources: V8 (src/api/api.cc FatalProcessOutOfMemory, src/heap/gc-tracer.cc), Node (src/node_errors.cc), Go (runtime/panic.go,
// runtime/mheap.go, runtime/stack.go), OpenJDK (share/utilities/debug.cpp, vmError.cpp), CPython (pylifecycle.c), Ruby (gc.c,
// error.c), glibc (malloc/malloc.c), .NET, gunicorn (arbiter.py), uWSGI (core/master_utils.c).
type lastWords struct {
	said map[string]*remembered
}

// Forget drops what was remembered. Where several goroutines read one file, it is called at the beginning of each chunk, so that
// the result does not depend on who read which.
func (w *lastWords) Forget() { clear(w.said) }

type remembered struct {
	heapUsed int64       // bytes after the last collection
	pid      string      // of the process that told of it
	error    string      // "TypeError: …"
	banner   record.Time // of Node.js' version, without an error before it
	line     int64       // where either was read
	time     record.Time
}

// belongs reports whether what was remembered was said shortly before o. Logs that were fetched newest first would otherwise give a
// death what a later one said.
func (m *remembered) belongs(o *origin.Origin) bool {
	if o.Pos.Line-m.line > memoryLines {
		return false
	}
	after := o.Time.Sub(m.time)
	return m.time == 0 || o.Time == 0 || after > -time.Second && after < time.Minute
}

const (
	// maxRemembered bounds the containers remembered, memoryLines the distance over which a remembered line still belongs.
	maxRemembered = 1000
	memoryLines   = 400
)

// sign is what one line tells.
type sign struct {
	kind     record.CrashKind
	used     int64
	signal   string
	exited   bool
	final    bool // see record.Crash
	banner   bool // it is an end only behind an error, as others write the same as they start
	pid      []byte
	pressure bool // an error told in passing: memory is short, nothing is dead
}

// parse handles one line or message; a message of several lines gives at most one sign.
func (w *lastWords) parse(o *origin.Origin, text []byte, sink record.Sink) (bool, error) {
	handled := false
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		line = bytes.TrimRight(line, "\r")
		done, took, err := w.line(o, line, sink)
		handled = handled || took
		if err != nil || done {
			return handled, err
		}
	}
	return handled, nil
}

// line handles a single line; done means that it held a sign.
func (w *lastWords) line(o *origin.Origin, line []byte, sink record.Sink) (done, handled bool, err error) {
	if !lineMayMatter(line) {
		return w.error(o, line, sink)
	}
	if used, pid, ok := heapAfterGC(line); ok {
		if m := w.remember(o); m != nil {
			m.heapUsed, m.pid, m.line, m.time = used, string(pid), o.Pos.Line, o.Time
		}
		return false, true, nil
	}
	if s, ok := signOf(line); ok {
		return true, true, w.emit(o, s, line, sink)
	}
	if isListening(line) {
		return true, true, sink.Lifecycle(o.Lifecycle(record.Up, record.Listening, line))
	}
	return w.error(o, line, sink)
}

// bannerAfter is how far Node.js' version may lie behind the error that it ends the report of.
const bannerAfter = 2 * time.Second

// error remembers a line that is an error. Where the version that ends its report was read before, it is the sign of the end.
func (w *lastWords) error(o *origin.Origin, line []byte, sink record.Sink) (done, handled bool, err error) {
	if !w.rememberError(o, line) {
		return false, false, nil
	}
	m := w.said[string(o.Speaker())]
	if m == nil || m.banner == 0 || m.banner.Sub(o.Time) < 0 || m.banner.Sub(o.Time) > bannerAfter {
		return false, false, nil
	}
	c := o.Crash(record.CrashException, line)
	c.Final = true
	*m = remembered{}
	return true, true, sink.Crash(c)
}

func (w *lastWords) emit(o *origin.Origin, s sign, line []byte, sink record.Sink) error {
	if s.pressure {
		return sink.Lifecycle(o.Lifecycle(record.MemoryPressure, "told by the application", line))
	}
	t, held := sink.(*tally)
	if held = held && s.signal == "SIGABRT" && len(o.Container) > 0; o.Time == 0 && !held {
		return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, line)
	}
	if m := w.said[string(o.Speaker())]; s.banner && (m == nil || m.error == "" || !m.belongs(o)) {
		// Where lines come newest first, the error is yet to come.
		if m := w.remember(o); m != nil {
			m.banner = o.Time
		}
		return nil
	}
	c := o.Crash(s.kind, line)
	c.UsedBytes, c.Signal, c.Exited, c.Final = s.used, s.signal, s.exited, s.final
	if len(s.pid) > 0 && c.Instance == "" {
		c.Instance = string(s.pid)
	}
	if m := w.said[string(o.Speaker())]; m != nil && m.belongs(o) {
		if s.kind == record.CrashHeapLimit && s.used == 0 {
			c.UsedBytes = m.heapUsed
		}
		if s.kind == record.CrashHeapLimit && c.Container == "" && c.Instance == "" {
			c.Instance = m.pid
		}
		if s.kind == record.CrashException && m.error != "" {
			c.Text = origin.Quote([]byte(m.error + " · " + c.Text))
		}
		*m = remembered{}
	}
	if o.Time == 0 {
		t.ends.words = append(t.ends.words, c) // others may tell when
		return nil
	}
	return sink.Crash(c)
}

func (w *lastWords) remember(o *origin.Origin) *remembered {
	m := w.said[string(o.Speaker())]
	if m == nil {
		if len(w.said) >= maxRemembered {
			return nil
		}
		if w.said == nil {
			w.said = map[string]*remembered{}
		}
		m = &remembered{}
		w.said[string(o.Speaker())] = m
	}
	return m
}

// isErrorHead recognises the first line of the report of an error: a name that ends in "Error", and a colon or a blank.
func isErrorHead(line []byte) bool {
	if len(line) < 6 || !cut.IsUpper(line[0]) {
		return false
	}
	n := 0
	for n < len(line) && (line[n] >= 'a' && line[n] <= 'z' || cut.IsUpper(line[n]) || line[n] == '_') {
		n++
	}
	return n < len(line) && (line[n] == ':' || line[n] == ' ') && bytes.HasSuffix(line[:n], []byte("Error"))
}

// rememberError keeps a line such as "TypeError: Cannot read properties of undefined", and reports whether this is one.
func (w *lastWords) rememberError(o *origin.Origin, line []byte) bool {
	if !isErrorHead(line) {
		return false
	}
	m := w.remember(o)
	if m != nil {
		m.error, m.line, m.time = origin.Quote(line), o.Pos.Line, o.Time
	}
	return m != nil
}

// lineMayMatter is the cheap test that spares nearly all lines the full one. It must be true for every line that signOf,
// heapAfterGC and isListening know (a fuzz test holds that); it allocates nothing.
func lineMayMatter(line []byte) bool {
	if len(line) < 6 {
		return false
	}
	switch line[0] {
	case 'F', 'f', 'p', 'N', 'm', 'd', 'c', 'S', 't', 'K', 'A', 'U', '*', '#', 'r', 'M':
		if lineStartMatters(line) {
			return true
		}
	}
	return telltales.In(line) != 0 && anywhereMatters(line)
}

// telltales are four bytes of each needle of anywhereMatters, those that are rarest in ordinary text. A log of much chatter is mostly lines
// that hold none.
var telltales = pieces.New(telltaleTexts[:]...)

var telltaleTexts = [...]string{"mory", "(pid", "umpe", "ghtE", ") ->", "L ER", "eRej", "oom-", "SEGV", "gmen", "sten", "unni", "rted", "d pr", "rver"}

// telling are the bytes, rare enough in ordinary text, at which anywhereMatters looks closer: one for each of its needles.
var telling = [256]bool{'y': true, '(': true, '>': true, ':': true, 'V': true, 'f': true, 'g': true, 'd': true, 'v': true}

// anywhereMatters looks for the needles that may stand anywhere in a line, in one pass.
func anywhereMatters(line []byte) bool {
	for i, c := range line {
		if !telling[c] {
			continue
		}
		before, after := line[:i], line[i+1:]
		switch c {
		case 'y':
			if cut.HasSuffix(before, "emor") {
				return true // out of memory, OutOfMemoryError, MemoryError, failed to allocate memory
			}
		case '(':
			if cut.HasPrefix(after, "pid:") || cut.HasPrefix(after, "core dumped)") || cut.HasSuffix(before, "ncaughtException") {
				return true
			}
		case '>':
			if cut.HasSuffix(before, ") -") {
				return true // of a collection
			}
		case ':':
			if cut.HasSuffix(before, "FATAL ERROR") || cut.HasSuffix(before, "nhandledPromiseRejection") || cut.HasSuffix(before, "oom-kill") {
				return true
			}
		case 'V':
			if cut.HasSuffix(before, "SIGSEG") {
				return true
			}
		case 'f':
			if cut.HasSuffix(before, "egmentation ") {
				return true
			}
		case 'g':
			if cut.HasSuffix(before, "istenin") || cut.HasSuffix(before, "runnin") {
				return true
			}
		case 'd':
			if cut.HasSuffix(before, "starte") || cut.HasSuffix(before, "ille") && cut.HasPrefix(after, " process ") {
				return true
			}
		case 'v':
			if cut.HasSuffix(before, "ser") && cut.HasPrefix(after, "er ") || cut.HasSuffix(before, "Ser") && cut.HasPrefix(after, "er ") {
				return true
			}
		}
	}
	return false
}

// lineStarts are the beginnings that matter, by their first letters.
var lineStarts = [...][]byte{
	[]byte("FATAL ERROR"), []byte("Fatal Python error"), []byte("fatal error: "), []byte("panic: "), []byte("Node.js v"), []byte("malloc"),
	[]byte("munmap_chunk()"), []byte("double free"), []byte("corrupted "), []byte("terminate called"), []byte("thread 'main' panicked"), []byte("Killed"),
	[]byte("Aborted"), []byte("Unhandled exception"), []byte("Unhandled Exception"), []byte("*** "), []byte("# "), []byte("#  SIG"), []byte("free(): "),
	[]byte("realloc(): "), []byte("runtime: "), []byte("SIGSEGV: "), []byte("MemoryError"), []byte("DAMN ! worker"), []byte("Segmentation fault"),
}

func lineStartMatters(line []byte) bool {
	for _, s := range lineStarts {
		if line[0] == s[0] && bytes.HasPrefix(line, s) {
			return true
		}
	}
	return false
}

// signOf recognises the lines by which a process says that it is going.
func signOf(line []byte) (sign, bool) {
	starts := func(s string) bool { return bytes.HasPrefix(line, []byte(s)) }
	has := func(s string) bool { return bytes.Contains(line, []byte(s)) }
	if s, ok := nodeSign(line); ok {
		return s, true
	}
	if s, ok := goSign(line); ok {
		return s, true
	}
	if s, ok := javaSign(line); ok {
		return s, true
	}
	switch {
	// Python
	case starts("Fatal Python error"):
		if has("egmentation fault") {
			return sign{kind: record.CrashSegfault, signal: "SIGSEGV"}, true
		}
		if has("MemoryError") || has("out of memory") {
			return sign{kind: record.CrashHeapLimit}, true
		}
		return sign{kind: record.CrashAbort}, true
	case string(bytes.TrimSpace(line)) == "MemoryError", starts("MemoryError: "):
		return sign{kind: record.CrashHeapLimit}, true
	case has(" MemoryError: ") || has("NoMemoryError") && !has("failed to allocate memory (NoMemoryError)"):
		return sign{pressure: true}, true
	// Ruby
	case has("failed to allocate memory (NoMemoryError)"):
		return sign{kind: record.CrashHeapLimit}, true
	case has("[BUG] Segmentation fault"):
		return sign{kind: record.CrashSegfault, signal: "SIGSEGV"}, true
	// .NET
	case starts("Unhandled exception. "), starts("Unhandled Exception: "):
		if has("OutOfMemoryException") {
			return sign{kind: record.CrashHeapLimit}, true
		}
		return sign{kind: record.CrashException, final: true}, true
	// Rust
	case starts("memory allocation of ") && has(" bytes failed"):
		return sign{kind: record.CrashHeapLimit, signal: "SIGABRT"}, true
	case starts("thread 'main' panicked"):
		return sign{kind: record.CrashException}, true
	// C and C++
	case starts("terminate called"):
		if has("std::bad_alloc") {
			return sign{kind: record.CrashHeapLimit, signal: "SIGABRT"}, true
		}
		return sign{kind: record.CrashAbort, signal: "SIGABRT"}, true
	case starts("malloc(): "), starts("malloc_consolidate(): "), starts("free(): "), starts("realloc(): "), starts("munmap_chunk(): "),
		starts("double free or corruption"), starts("corrupted size vs. prev_size"), starts("corrupted double-linked list"),
		starts("*** stack smashing detected ***"), starts("*** buffer overflow detected ***"), starts("*** Error in `"), starts("Aborted (core dumped)"):
		return sign{kind: record.CrashAbort, signal: "SIGABRT"}, true
	case starts("Segmentation fault"):
		return sign{kind: record.CrashSegfault, signal: "SIGSEGV"}, true
	case string(bytes.TrimSpace(line)) == "Killed":
		return sign{kind: record.CrashOther, signal: "SIGKILL"}, true
	}
	return workerSign(line)
}

// nodeSign knows V8 and Node.
func nodeSign(line []byte) (sign, bool) {
	has := func(s string) bool { return bytes.Contains(line, []byte(s)) }
	if i := bytes.Index(line, []byte("FATAL ERROR: ")); i >= 0 {
		rest := line[i+len("FATAL ERROR: "):]
		switch {
		case bytes.Contains(rest, []byte("Allocation failed")), bytes.Contains(rest, []byte("heap limit")), bytes.Contains(rest, []byte("JavaScript heap out of memory")),
			bytes.Contains(rest, []byte("process out of memory")):
			return sign{kind: record.CrashHeapLimit, signal: "SIGABRT"}, true
		case bytes.HasPrefix(rest, []byte("v8::")), bytes.HasPrefix(rest, []byte("napi_")), bytes.HasPrefix(rest, []byte("Error::")), bytes.HasPrefix(rest, []byte("node::")),
			bytes.HasPrefix(rest, []byte("HandleScope::")), bytes.HasPrefix(rest, []byte("ThreadSafeFunction")):
			return sign{kind: record.CrashAbort, signal: "SIGABRT"}, true
		}
		return sign{}, false
	}
	switch {
	case bytes.HasPrefix(line, []byte("# Fatal JavaScript out of memory")), bytes.HasPrefix(line, []byte("# Fatal javascript OOM in")),
		bytes.HasPrefix(line, []byte("# Fatal process out of memory")):
		return sign{kind: record.CrashHeapLimit}, true
	case bytes.HasPrefix(line, []byte("# Fatal error in ")):
		return sign{kind: record.CrashAbort}, true
	case len(line) > len("Node.js v") && bytes.HasPrefix(line, []byte("Node.js v")) && len(line) < 40 && number.IsDigit(line[len("Node.js v")]) && bytes.IndexByte(bytes.TrimSpace(line[8:]), ' ') < 0:
		// Node (17 and later) ends the report of an uncaught error with its version, and prints it nowhere else.
		return sign{kind: record.CrashException, final: true, banner: true}, true
	case has("triggerUncaughtException("), has("[UnhandledPromiseRejection: "):
		return sign{kind: record.CrashException}, true
	}
	return sign{}, false
}

// goSign knows the Go runtime. The runtime's own reports begin the line; a panic that a server recovered does not ("http: panic
// serving …").
func goSign(line []byte) (sign, bool) {
	starts := func(s string) bool { return bytes.HasPrefix(line, []byte(s)) }
	switch {
	case starts("runtime: out of memory"):
		s := sign{kind: record.CrashHeapLimit}
		if v := cut.Between(line, "(", " in use)"); v != nil {
			if n, ok := number.Digits64(v); ok {
				s.used = n
			}
		}
		return s, true
	case starts("runtime: goroutine stack exceeds"):
		return sign{kind: record.CrashException, final: true}, true
	case starts("panic: "):
		return sign{kind: record.CrashException}, true
	case starts("SIGSEGV: segmentation violation"):
		return sign{kind: record.CrashSegfault, signal: "SIGSEGV"}, true
	case starts("fatal error: "):
		rest := line[len("fatal error: "):]
		for _, s := range []string{"runtime: out of memory", "runtime: cannot allocate", "out of memory", "cannot allocate memory", "failed to reserve", "arena already"} {
			if bytes.HasPrefix(rest, []byte(s)) {
				return sign{kind: record.CrashHeapLimit}, true
			}
		}
		if bytes.HasPrefix(rest, []byte("unexpected signal")) || bytes.HasPrefix(rest, []byte("fault")) {
			return sign{kind: record.CrashSegfault, signal: "SIGSEGV"}, true
		}
		for _, s := range []string{
			"concurrent map", "all goroutines are asleep", "stack overflow", "stack not a power", "sync: ", "runtime: ", "found ", "checkptr: ", "too many",
			"bad ", "sweep", "s.allocCount", "invalid ", "attempting to", "morestack", "systemstack", "mcentral", "mspan", "wirep", "schedule:", "exitsyscall",
			"thread exhaustion", "unlock of unlocked", "no module data", "self deadlock", "workbuf", "marking free object", "gc",
		} {
			if bytes.HasPrefix(rest, []byte(s)) {
				return sign{kind: record.CrashException, final: true}, true
			}
		}
	}
	return sign{}, false
}

// javaSign knows the JVM. An OutOfMemoryError ends a thread, not always the process, and applications log those they caught.
func javaSign(line []byte) (sign, bool) {
	starts := func(s string) bool { return bytes.HasPrefix(line, []byte(s)) }
	has := func(s string) bool { return bytes.Contains(line, []byte(s)) }
	switch {
	case starts("# A fatal error has been detected by the Java Runtime Environment"):
		return sign{kind: record.CrashAbort, signal: "SIGABRT"}, true
	case starts("#  SIGSEGV"), starts("#  SIGBUS"), starts("#  SIGILL"):
		return sign{kind: record.CrashSegfault}, true
	case starts("# There is insufficient memory for the Java Runtime Environment"):
		return sign{kind: record.CrashHeapLimit}, true
	case !has("java.lang.OutOfMemoryError"):
		return sign{}, false
	case starts("Aborting due to "):
		return sign{kind: record.CrashHeapLimit, signal: "SIGABRT"}, true
	case starts("java.lang.OutOfMemoryError"), starts("Exception in thread "), starts("Terminating due to "), starts("Error: A fatal exception"):
		if has("native thread") || has("Requested array size") {
			return sign{kind: record.CrashException}, true
		}
		return sign{kind: record.CrashHeapLimit}, true
	}
	return sign{pressure: true}, true
}

// workerSign knows masters that outlive their workers and tell how those died.
func workerSign(line []byte) (sign, bool) {
	pid := cut.Between(line, "(pid:", ")")
	pid = bytes.TrimSpace(pid)
	if n, ok := number.Digits64(pid); !ok || n <= 0 {
		return sign{}, false
	}
	switch {
	case bytes.Contains(line, []byte("WORKER TIMEOUT")):
		return sign{kind: record.CrashHealthCheck, pid: pid}, true
	case bytes.Contains(line, []byte("was sent SIGKILL")):
		return sign{kind: record.CrashOther, signal: "SIGKILL", exited: true, pid: pid}, true
	case bytes.Contains(line, []byte("was sent SIGSEGV")):
		return sign{kind: record.CrashSegfault, signal: "SIGSEGV", exited: true, pid: pid}, true
	case bytes.Contains(line, []byte("exited with code ")):
		v, ok := number.IntAfter(line, "exited with code ")
		return sign{kind: record.CrashExit, exited: true, pid: pid}, ok && v > 0
	case bytes.HasPrefix(line, []byte("DAMN ! worker")):
		s := sign{kind: record.CrashOther, exited: true, pid: pid}
		if v, ok := number.IntAfter(line, "killed by signal "); ok {
			s.signal = origin.SignalName(int(v))
		}
		return s, true
	}
	return sign{}, false
}

// heapAfterGC reads V8's report of a collection, "[23082:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, …",
// and returns the bytes in use after the last one on the line (V8's MB are 2^20 bytes), and the number of the process, nil where it is
// not told.
func heapAfterGC(line []byte) (used int64, pid []byte, ok bool) {
	i := bytes.LastIndex(line, []byte(") -> "))
	if i < 0 || !bytes.Contains(line[:i], []byte(" ms: ")) {
		return 0, nil, false
	}
	rest := line[i+len(") -> "):]
	first, rest := cut.Word(rest)
	mb, ok := number.Float(first)
	if !ok || mb <= 0 || mb > 1e7 || !bytes.Contains(rest, []byte("MB")) {
		return 0, nil, false
	}
	if id, _, found := bytes.Cut(line, []byte(":0x")); found {
		// V8 keeps the last bytes of its reports only, and what is left of the one before may stand in front: "li[1152:0x286a9db0]".
		if open := bytes.LastIndexByte(id, '['); open >= 0 && len(id) > open+1 && number.IsDigits(id[open+1:]) {
			pid = id[open+1:]
		}
	}
	return int64(mb * (1 << 20)), pid, true
}

// isListening recognises a server that says it is up. Long lines and denials are not that.
func isListening(line []byte) bool {
	if len(line) > 200 {
		return false
	}
	has := func(s string) bool { return bytes.Contains(line, []byte(s)) }
	switch {
	case has("ebugger "):
		return false // of a process that runs already
	case has("istening on ") || has("istening at ") || has("istening at: ") || has("istening: ") || has("istening to port"):
		return !has("top") && !has("not ") && !has("no longer") && !has("ailed") && !has("rror")
	case has("erver started"), has("erver running at "), has("erver running on "), has("erver is running"), has("erver is listening"):
		return !has("ailed") && !has("not ")
	case has("Uvicorn running on "), has("Tomcat started on port"), has("Netty started on port"):
		return true
	case has(" running for "):
		return isSpringStarted(line)
	}
	return false
}

// isSpringStarted recognises the line with which Spring Boot says that an application is up, which also those without a server of its own
// write: "Started Application in 15.537 seconds (process running for 17.264)", "(JVM running for 17.264)" before version 3. Source: Spring
// Boot StartupInfoLogger.
func isSpringStarted(line []byte) bool {
	i := bytes.LastIndex(line, []byte("Started "))
	if i < 0 || i > 0 && line[i-1] != ' ' {
		return false
	}
	name, rest := cut.Word(line[i+len("Started "):])
	rest, ok := bytes.CutPrefix(rest, []byte("in "))
	if !ok || len(name) == 0 {
		return false
	}
	took, rest := cut.Word(rest)
	rest, ok = bytes.CutPrefix(rest, []byte("seconds ("))
	if !ok {
		return false
	}
	who, rest := cut.Word(rest)
	uptime, ok := bytes.CutPrefix(bytes.TrimRight(rest, " "), []byte("running for "))
	if !ok || string(who) != "process" && string(who) != "JVM" {
		return false
	}
	uptime, ok = bytes.CutSuffix(uptime, []byte(")"))
	seconds, tookIs := number.Float(took)
	running, uptimeIs := number.Float(uptime)
	return ok && tookIs && uptimeIs && running < seconds+60 // what runs for longer began something anew within one process
}

// isTraceLine recognises the lines of a stack trace or crash dump that follow last words; they say nothing more, but are no
// unknown lines either.
func isTraceLine(line []byte) bool {
	b := bytes.TrimLeft(line, " \t")
	switch {
	case len(b) == 0:
		return true
	case len(b) < len(line) && (bytes.HasPrefix(b, []byte("at ")) || bytes.HasPrefix(b, []byte("/")) || bytes.HasPrefix(b, []byte("File \"")) || bytes.HasPrefix(b, []byte("... "))):
		return true
	case bytes.HasPrefix(b, []byte("<--- ")), bytes.HasPrefix(b, []byte("----- ")), bytes.HasPrefix(b, []byte("==== ")), bytes.HasPrefix(b, []byte("goroutine ")),
		bytes.HasPrefix(b, []byte("created by ")), bytes.HasPrefix(b, []byte("Traceback (most recent call last)")), bytes.HasPrefix(b, []byte("Caused by: ")),
		bytes.HasPrefix(b, []byte("node:internal/")), bytes.HasPrefix(b, []byte("[signal ")), bytes.HasPrefix(b, []byte("exit status ")):
		return true
	}
	// " 1: 0xb0b1a0 node::Abort() [node]"
	_, n := number.LeadingInt(b)
	return n > 0 && bytes.HasPrefix(b[n:], []byte(": 0x"))
}
