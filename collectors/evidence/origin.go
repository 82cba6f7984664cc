package evidence

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"lastcall/collectors/record"
)

// origin is when, where and by whom a piece of text was written: what every record made from it has in common. Names stay bytes
// until a record is made, because most lines make none.
type origin struct {
	pos                                         record.Pos
	time                                        record.Time
	container, instance, service, host, version []byte
	address                                     []byte // of the container, where a lifecycle event tells it
}

func (o *origin) crash(kind record.CrashKind, text []byte) *record.Crash {
	return &record.Crash{
		Pos: o.pos, Time: o.time, Kind: kind, ExitCode: -1,
		Container: string(o.container), Instance: string(o.instance), Service: string(o.service), Host: string(o.host),
		Version: string(o.version), Text: clip(text),
	}
}

// speaker is who says something: the container, or the process where no container is named.
func (o *origin) speaker() []byte {
	if len(o.container) > 0 {
		return o.container
	}
	return o.instance
}

// exited is a crash that says with which status the process ended. reason is the source's own word, which may decide the kind.
func (o *origin) exited(code int, reason string, text []byte) *record.Crash {
	kind, signal := kindOfExit(code, reason)
	c := o.crash(kind, text)
	c.Exited, c.ExitCode, c.Signal = true, code, signal
	return c
}

func (o *origin) lifecycle(kind record.LifecycleKind, reason string, text []byte) *record.Lifecycle {
	return &record.Lifecycle{
		Pos: o.pos, Time: o.time, Kind: kind, ExitCode: -1, Reason: reason,
		Container: string(o.container), Instance: string(o.instance), Service: string(o.service), Host: string(o.host),
		Version: string(o.version), Text: clip(text),
	}
}

func (o *origin) stopped(code int, reason string, text []byte) *record.Lifecycle {
	l := o.lifecycle(record.Stopped, reason, text)
	l.ExitCode = code
	return l
}

func (o *origin) sample(metric record.Metric, value float64) *record.Sample {
	return &record.Sample{
		Pos: o.pos, Time: o.time, Metric: metric, Value: value,
		Container: string(o.container), Instance: string(o.instance), Service: string(o.service), Host: string(o.host),
		Version: string(o.version),
	}
}

// kindOfExit says what an exit status alone tells. Statuses above 128 are 128 + signal, as shells and container runtimes report
// them. 137 is SIGKILL by anybody; only the reason can make it a memory kill.
func kindOfExit(code int, reason string) (record.CrashKind, string) {
	signal := signalOfExit(code)
	r := strings.ToLower(reason)
	switch {
	case strings.Contains(r, "oom") || strings.Contains(r, "out of memory") || strings.Contains(r, "memory limit"):
		return record.CrashOOMKill, signal
	case strings.Contains(r, "unhealthy") || strings.Contains(r, "liveness") || strings.Contains(r, "health check") || strings.Contains(r, "healthcheck"):
		return record.CrashHealthCheck, signal
	}
	switch signal {
	case "SIGABRT":
		return record.CrashAbort, signal
	case "SIGSEGV", "SIGBUS", "SIGILL":
		return record.CrashSegfault, signal
	case "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT":
		return record.CrashSigterm, signal
	case "":
		if code >= 0 {
			return record.CrashExit, ""
		}
	}
	return record.CrashOther, signal
}

func signalOfExit(code int) string {
	if code <= 128 {
		return ""
	}
	return signalName(code - 128)
}

// signalName names the signals that end containers (numbers as on Linux); others are given by number.
func signalName(n int) string {
	switch n {
	case 1:
		return "SIGHUP"
	case 2:
		return "SIGINT"
	case 3:
		return "SIGQUIT"
	case 4:
		return "SIGILL"
	case 6:
		return "SIGABRT"
	case 7:
		return "SIGBUS"
	case 8:
		return "SIGFPE"
	case 9:
		return "SIGKILL"
	case 11:
		return "SIGSEGV"
	case 15:
		return "SIGTERM"
	}
	if n > 0 && n <= 64 {
		return "signal " + strconv.Itoa(n)
	}
	return ""
}

// plannedStatus reports whether a process that ended with this status ended as one that was asked to.
func plannedStatus(code int) bool { return code == 0 || code == 143 || code == 130 }

// quoteLimit bounds the text that a record quotes, exampleLimit that of a warning.
const (
	quoteLimit   = 300
	exampleLimit = 200
)

func clip(b []byte) string { return clipTo(b, quoteLimit) }

func clipTo(b []byte, limit int) string {
	b = bytes.TrimSpace(b)
	if len(b) <= limit {
		return string(b)
	}
	cut := limit
	for cut > limit-utf8.UTFMax && !utf8.RuneStart(b[cut]) {
		cut--
	}
	return string(b[:cut]) + "…"
}

// warn reports one occurrence.
func warn(sink record.Sink, pos record.Pos, code, text string, example []byte) error {
	if t, ok := sink.(*tally); ok && t.warnedBefore(code, text, pos) {
		return nil // what every line of a log has would otherwise cost a copy of each
	}
	return sink.Warn(&record.Warning{Code: code, Pos: pos, Count: 1, Text: text, Example: clipTo(example, exampleLimit)})
}

// The texts of the warnings that several formats share.
const (
	noZoneText = "timestamps without a time zone; they were taken as UTC"
	noTimeText = "a sign of a crash or a value without a time cannot be placed and was left out; save the log with timestamps"
	noYearText = "timestamps without a year; it was taken from the modification time of the file"
)

// firstLines calls f with up to max whole lines of the head and returns how many it gave. A last line that may be cut is left
// out unless it is the only one.
func firstLines(head []byte, max int, f func(line []byte)) int {
	n := 0
	for n < max && len(head) > 0 {
		i := bytes.IndexByte(head, '\n')
		if i < 0 {
			if n == 0 || len(head) < 4096 {
				f(bytes.TrimSuffix(head, []byte("\r")))
				n++
			}
			return n
		}
		f(bytes.TrimSuffix(head[:i], []byte("\r")))
		n++
		head = head[i+1:]
	}
	return n
}

// sniffLines scores a line format: 0 when no line of the head is its own, else 10 to 95 with the share of lines that are. Empty
// lines do not count.
func sniffLines(head []byte, mine func(line []byte) bool) int {
	lines, hits := 0, 0
	firstLines(head, 400, func(line []byte) {
		if len(bytes.TrimSpace(line)) == 0 {
			return
		}
		lines++
		if mine(line) {
			hits++
		}
	})
	if hits == 0 {
		return 0
	}
	return 10 + 85*hits/lines
}

// sniffParser is sniffLines for a format whose parser tells at once whether a line is its own.
func sniffParser(f LineFormat, head []byte) int {
	p := f.NewParser(&record.Source{})
	return sniffLines(head, func(line []byte) bool {
		handled, _ := p.ParseLine(1, line, record.Discard{})
		return handled
	})
}

// between returns what lies between the first occurrences of open and, after it, of end.
func between(b []byte, open, end string) []byte {
	i := bytes.Index(b, []byte(open))
	if i < 0 {
		return nil
	}
	b = b[i+len(open):]
	j := bytes.Index(b, []byte(end))
	if j < 0 {
		return nil
	}
	return b[:j]
}

// word returns the text up to the first space, and what follows it.
func word(b []byte) (first, rest []byte) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return b, nil
	}
	return b[:i], b[i+1:]
}

// leadingInt reads a decimal integer at the beginning of b.
func leadingInt(b []byte) (v int64, n int) {
	for n < len(b) && isDigit(b[n]) && n < 18 {
		v = v*10 + int64(b[n]-'0')
		n++
	}
	return v, n
}

// intAfter reads the integer that follows the first occurrence of key, with an optional minus sign.
func intAfter(b []byte, key string) (int64, bool) {
	i := bytes.Index(b, []byte(key))
	if i < 0 {
		return 0, false
	}
	b = bytes.TrimLeft(b[i+len(key):], " ")
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	v, n := leadingInt(b)
	if negative {
		v = -v
	}
	return v, n > 0
}

// parseNumber reads a decimal number, strictly; NaN, infinities and hexadecimal are none.
func parseNumber(b []byte) (float64, bool) {
	if len(b) > 40 {
		return 0, false
	}
	return parseNumberText(string(b))
}

func parseNumberText(s string) (float64, bool) {
	if len(s) == 0 || len(s) > 40 {
		return 0, false
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// parseSize reads a size with its unit, such as "128MB", "1.94GiB", "531M", "31211520kB" or "512.00MB", in bytes. Platforms print
// "MB" for 2^20 bytes (their 128 MB limit is 134 217 728 bytes), and so do kernels and runtimes.
func parseSize(b []byte) (bytesCount int64, n int, ok bool) {
	for n < len(b) && (isDigit(b[n]) || b[n] == '.') {
		n++
	}
	v, ok := parseNumber(b[:n])
	if !ok {
		return 0, 0, false
	}
	for n < len(b) && b[n] == ' ' {
		n++
	}
	shift := 0
	if n < len(b) {
		switch b[n] {
		case 'k', 'K':
			shift, n = 10, n+1
		case 'm', 'M':
			shift, n = 20, n+1
		case 'g', 'G':
			shift, n = 30, n+1
		case 't', 'T':
			shift, n = 40, n+1
		}
	}
	if shift > 0 && n < len(b) && b[n] == 'i' {
		n++
	}
	if n < len(b) && (b[n] == 'B' || b[n] == 'b') {
		n++
	}
	v *= float64(int64(1) << shift)
	if v < 0 || v > 1<<62 {
		return 0, 0, false
	}
	return int64(v), n, true
}

func seconds(v float64) time.Duration {
	if v <= 0 || v > 1e9 {
		return 0
	}
	return time.Duration(v * float64(time.Second))
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
func hasSuffix(b []byte, s string) bool { return len(b) >= len(s) && string(b[len(b)-len(s):]) == s }
