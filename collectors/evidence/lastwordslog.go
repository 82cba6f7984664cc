package evidence

import (
	"bytes"
	"strings"
	"time"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// lastWordsLog takes, from text logs of any kind, the lines that tell of an end (or of a beginning): plain output of a container, with or
// without a time before it, behind the prefixes that Docker Compose, kubectl and container runtimes put there:
//
//	web-1  | FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
//	web-5d8f7b9c4-x2x9q app FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
//	[pod/web-5d8f/app] 2026-11-16T13:47:57.249Z panic: runtime error: index out of range
//	2026-11-16T13:47:57.249768066Z stderr F java.lang.OutOfMemoryError: Java heap space
//	Nov 16 13:47:57 node-a api[123]: fatal error: runtime: out of memory
//
// It comes last: every other format has been offered the line before. A line without a time gets that of the last line before it
// that had one: nothing is printed after the end, so that it lies close.
type lastWordsLog struct {
	zone *time.Location // of times that name none; nil is UTC
}

// Name implements Format.
func (lastWordsLog) Name() string { return "last-words" }

// Sequential implements Sequential: times and heap sizes come from lines before.
func (lastWordsLog) Sequential() bool { return true }

// Sniff implements Format. Any text may hold last words, so that a head without them says nothing; one with them says little.
func (lastWordsLog) Sniff(head []byte) int {
	found := 0
	cut.FirstLines(head, 2000, func(line []byte) {
		if !lineMayMatter(line) || line[0] == '{' && line[len(line)-1] == '}' {
			return // what stands in JSON is not for this format
		}
		p := splitPlain(line, func(int, int) int { return 2000 })
		if _, ok := signOf(p.body); ok && found < 8 {
			found = 8
		}
	})
	return found
}

// OnlyText spares the format lines that are JSON objects.
func (lastWordsLog) OnlyText() {}

// NewParser implements LineFormat.
func (f lastWordsLog) NewParser(src *record.Source) format.LineParser {
	return &lastWordsParser{src: src, file: containerOfLogFile(src), clock: stamp.Clock{Zone: f.zone}}
}

type lastWordsParser struct {
	src    *record.Source
	file   []byte // container that the file's name tells
	words  lastWords
	origin origin.Origin
	clock  stamp.Clock

	year func(month, day int) int

	panic goPanic

	last     record.Time // of the last line that had a time
	lastLine int64
	sign     int64

	split plainLine // the line that was offered last; of no use once the next one is read
	told  record.Message
}

// Forget implements format.Forgetful.
func (p *lastWordsParser) Forget() {
	p.words.Forget()
	p.panic = goPanic{}
	p.last, p.lastLine, p.sign = 0, 0, 0
}

// surroundings is implemented by a Sink that knows what the lines around said: plain text between structured lines (the dump of a
// process that logs JSON) has neither time nor name of its own. The container is given only when all lines so far were of one.
type surroundings interface {
	lastSeen() (t record.Time, container, instance []byte)
	// ContainerOfFile is the container whose log this is by the name of its file.
	ContainerOfFile() []byte
}

// ParseLine implements LineParser.
func (p *lastWordsParser) ParseLine(lineNo int64, line []byte, sink record.Sink) (bool, error) {
	return p.ParseAt(lineNo, 0, line, sink)
}

// ParseAt implements format.ReceivedParser: the time of whoever received the line stands in for one that names no zone.
func (p *lastWordsParser) ParseAt(lineNo int64, received record.Time, line []byte, sink record.Sink) (bool, error) {
	if p.year == nil {
		p.year = yearsOf(p.src)
	}
	l := splitPlain(line, p.year)
	switch {
	case l.stamp.Zoned:
	case received != 0:
		l.stamp.Time, l.stamp.Zoned, l.noYear = received, true, false
	default:
		l.stamp.Time = p.clock.Local(l.stamp.Time)
	}
	if l.stamp.Time != 0 {
		p.last, p.lastLine = l.stamp.Time, lineNo
	}
	p.split = l
	if p.panic.crash.Time != 0 {
		o := origin.Origin{Pos: record.Pos{Source: p.src, Line: lineNo}, Container: l.container}
		if c := p.panic.next(&o, l.body); c != nil {
			return true, sink.Crash(c)
		}
	}
	matters := lineMayMatter(l.body) && !(l.logged && cut.HasPrefix(l.body, "panic: ")) // one that was recovered
	if !matters && !isUpperStart(l.body) {
		return p.follows(lineNo, l.body), nil
	}
	p.origin = origin.Origin{Pos: record.Pos{Source: p.src, Line: lineNo}, Time: l.stamp.Time, Container: l.container, Host: l.host, Instance: l.pid}
	if len(l.host) > 0 {
		p.origin.Process = l.pid // a machine is no process
	}
	o := &p.origin
	if len(o.Container) == 0 {
		o.Container = p.file
	}
	if o.Time == 0 && p.last != 0 && lineNo-p.lastLine <= memoryLines {
		o.Time = p.last
	}
	if s, ok := sink.(surroundings); ok && matters && (o.Time == 0 || len(o.Container) == 0) {
		t, container, instance := s.lastSeen()
		if o.Time == 0 {
			o.Time = t
		}
		if len(o.Container) == 0 {
			o.Container = container
			if len(o.Instance) == 0 {
				o.Instance = instance
			}
		}
		if len(o.Container) == 0 {
			o.Container = s.ContainerOfFile()
		}
	}
	if !matters {
		p.words.rememberError(o, l.body)
		return p.follows(lineNo, l.body), nil
	}
	handled, err := p.words.parse(o, l.body, sink)
	if err != nil {
		return handled, err
	}
	if !handled {
		return p.follows(lineNo, l.body), nil
	}
	p.sign = lineNo
	p.panic.begin(o, l.body)
	if l.stamp.Time != 0 && !l.stamp.Zoned {
		if err := warning.TellZone(sink, o.Pos, p.clock.Zone, line); err != nil {
			return true, err
		}
	}
	if l.noYear && l.stamp.Time != 0 {
		return true, warning.Tell(sink, o.Pos, "no_year", warning.NoYear, line)
	}
	return true, nil
}

// chatter passes on the line that was offered last, which nobody took, as what a process said. One without a time of its own tells nothing
// that can be placed.
func (p *lastWordsParser) chatter(lineNo int64, sink *tally) error {
	l := &p.split
	if l.stamp.Time == 0 || len(l.body) == 0 {
		return nil
	}
	p.told = record.Message{Pos: record.Pos{Source: p.src, Line: lineNo}, Time: l.stamp.Time, Container: l.container, Text: l.body}
	m := &p.told
	if len(m.Container) == 0 {
		m.Container = p.file
	}
	if len(m.Container) == 0 {
		_, m.Container, m.Instance = sink.lastSeen()
	}
	if len(m.Container) == 0 {
		m.Container = sink.ContainerOfFile()
	}
	return sink.Message(m)
}

// follows reports whether a line belongs to the dump after (or around) last words: known, and without a say.
func (p *lastWordsParser) follows(lineNo int64, body []byte) bool {
	return isTraceLine(body) && (len(body) > 0 && bytes.HasPrefix(body, []byte("<--- ")) || p.sign > 0 && lineNo-p.sign <= memoryLines)
}

func isUpperStart(b []byte) bool { return len(b) > 0 && cut.IsUpper(b[0]) }

// plainLine is a line of text without what was put before it.
type plainLine struct {
	stamp     stamp.Stamp
	noYear    bool
	container []byte
	host, pid []byte
	body      []byte
	logged    bool // with the time as Go's log writes it: by the application, not by its runtime
}

// splitPlain cuts prefixes off: those of Docker Compose and kubectl, a time, the stream tag of a container runtime, the header of syslog.
// year is that of a time which names none.
func splitPlain(line []byte, year func(month, day int) int) plainLine {
	l := plainLine{body: line}
	if bar := bytes.IndexByte(line, '|'); bar > 0 && bar < 80 {
		if name := bytes.TrimRight(line[:bar], " "); containers.IsName(name) {
			l.container, l.body = name, bytes.TrimPrefix(line[bar+1:], []byte(" "))
		}
	} else if container, rest, ok := header.Kubectl(line); ok {
		l.container, l.body = container, rest
	} else if container, rest, ok := header.Stern(line); ok {
		l.container, l.body = container, rest
	}
	body := l.body
	if at, rest, ok := header.Nest(body); ok {
		l.stamp, l.body = at, rest
		return l
	}
	boxed := len(body) > 1 && body[0] == '['
	if boxed {
		body = body[1:]
	}
	st, ok := stamp.Read(body)
	if !ok {
		if st, ok = stamp.ReadSyslog(body, year); ok && !boxed {
			if host, pid, rest, ok := header.SyslogTag(bytes.TrimLeft(body[st.N:], " "), false); ok {
				l.stamp, l.noYear, l.host, l.pid, l.body = st, true, host, pid, rest
			}
		}
		return l
	}
	rest := body[st.N:]
	if boxed {
		if len(rest) == 0 || rest[0] != ']' {
			return l
		}
		rest = rest[1:]
	}
	l.stamp, l.logged = st, body[4] == '/'
	rest = bytes.TrimLeft(rest, " ")
	for _, tag := range []string{"stderr F ", "stdout F ", "stderr P ", "stdout P "} {
		rest = bytes.TrimPrefix(rest, []byte(tag))
	}
	if host, pid, tail, ok := header.SyslogTag(rest, true); ok {
		l.host, l.pid, rest = host, pid, tail
	}
	l.body = rest
	return l
}

// containerOfLogFile is the container whose log a source is by the name that the kubelet gives it; nil where it has another name.
func containerOfLogFile(src *record.Source) []byte {
	if src == nil {
		return nil
	}
	if pod, container := kubeletLog(cut.BaseName(src.Name)); pod != "" {
		return []byte(containers.InPod(pod, container))
	}
	return nil
}

// kubeletLog reads the name of a log that the kubelet links: <pod>_<namespace>_<container>-<64 hex digits>.log. pod is empty for other names.
func kubeletLog(name string) (pod, container string) {
	i := len(name)
	for _, ext := range []string{".gz", ".zst", ".log"} {
		if n := len(name[:i]) - len(ext); n > 0 && name[n:i] == ext {
			i = n
		}
	}
	parts := strings.Split(name[:i], "_")
	if len(parts) != 3 {
		return "", ""
	}
	end := len(parts[2]) - 64 // of the container and a dash
	if end < 2 || !containers.IsID([]byte(parts[2][end:])) {
		return "", ""
	}
	return parts[0], parts[2][:end-1]
}
