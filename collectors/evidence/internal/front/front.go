// Package front reads what stands before the text that a process wrote: which container it is, and when the text was received.
package front

import (
	"bytes"
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// Front is what platforms, container runtimes, kubectl and stern put before the text that a process wrote: which container it is, and when
// they got it. Some loggers write a time at the beginning of their own lines; that is taken as well.
type Front struct {
	Container []byte
	Time      record.Time // 0: none
	Zoned     bool        // the time names its zone
}

// Max bounds where the text of a process may begin.
const Max = 256

// Read reads what stands before the text of a process:
//
//	2026-11-20T08:00:00.123+00:00 app[web.1]:           Heroku
//	2026-11-20 08:00:00.123 +0000 UTC [web-1]           Scalingo
//	web-1  | 2026-11-20T08:00:00.123Z                   docker compose logs -t
//	[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00Z  kubectl logs --prefix --timestamps
//	web-5d8f7b9c4-x2x9q app 2026-11-20T08:00:00Z        stern -t
//	2026-11-20T08:00:00.123Z stdout F                   the files of containerd and CRI-O
//	[Nest] 2647  - 11/20/2026, 8:00:00 AM     LOG       the logger of NestJS
func Read(b []byte, c *stamp.Clock) Front {
	if len(b) == 0 {
		return Front{}
	}
	var f Front
	if b[0] == '[' {
		if container, rest, ok := header.Kubectl(b); ok {
			f.Container, b = container, rest
		}
	} else if _, _, _, ok := c.Read(b); !ok {
		if h, ok := header.HerokuAt(b, c); ok { // behind a priority
			return Front{h.Proc, h.Stamp.Time, h.Stamp.Zoned}
		}
		if bar := bytes.IndexByte(b[:min(len(b), 80)], '|'); bar > 0 {
			if name := bytes.TrimRight(b[:bar], " "); containers.IsName(name) {
				f.Container, b = name, b[bar+1:]
			}
		} else if container, rest, ok := header.Stern(b); ok {
			f.Container, b = container, rest
		} else if pod, rest := cut.Word(b); containers.IsNumbered(pod) { // of a stateful set
			f.Container, b = pod, rest
			if inner, rest := cut.Word(rest); containers.IsName(inner) {
				b = rest
			}
		}
	}
	if at, _, ok := header.Nest(bytes.TrimLeft(b, " ")); ok {
		f.Time = c.Local(at.Time)
		return f
	}
	b = bytes.TrimLeft(b, " [") // loggers put their times in brackets as well
	t, n, zoned, ok := c.Read(b)
	if !ok {
		return f
	}
	f.Time, f.Zoned = t, zoned
	if f.Container != nil {
		return f
	}
	if rest := b[n:]; len(rest) > 2 && rest[0] == ' ' {
		if tag, _, ok := cut.Bracketed(rest[1:]); ok && containers.IsName(tag) && !isLevel(tag) {
			f.Container = tag
		} else if h, ok := header.HerokuAt(b, c); ok {
			f.Container = h.Proc
		}
	}
	return f
}

// isLevel recognises the levels that loggers of Node.js and Elixir write in brackets behind a time, in lower case as containers are.
func isLevel(tag []byte) bool {
	switch string(tag) {
	case "error", "warn", "warning", "info", "http", "verbose", "debug", "silly", "trace", "fatal", "notice", "log":
		return true
	}
	return false
}

// Received is the front of a text of which the line around it says when it was received, as in Docker's log files.
func (f Front) Received(at record.Time) Front {
	if at != 0 {
		f.Time, f.Zoned = at, true
	}
	return f
}

// Container is the container that Docker Compose, `kubectl logs --prefix`, stern, Heroku or Scalingo put before a line; nil where they did
// not. What they put there ends before end.
func Container(line []byte, end int) []byte {
	if container, _, ok := header.Kubectl(line); ok {
		return container
	}
	if container, _, ok := header.Stern(line[:end]); ok {
		return container
	}
	if h, ok := header.Heroku(line[:end]); ok {
		return h.Proc
	}
	if _, tag, _, ok := header.Scalingo(line[:end]); ok {
		return tag
	}
	if bar := bytes.IndexByte(line[:min(end, 80)], '|'); bar > 0 {
		if name := bytes.TrimRight(line[:bar], " "); containers.IsName(name) {
			return name
		}
	}
	return nil
}

// ofFile is implemented by a Sink that knows whose log the file is by its name, nil where it does not.
type ofFile interface{ ContainerOfFile() []byte }

// Server is the container of a line that its server wrote: the one that stands before it, or whose log the file is.
func Server(before []byte, sink record.Sink) []byte {
	if len(before) == 0 {
		if s, ok := sink.(ofFile); ok {
			before = s.ContainerOfFile()
		}
	}
	if len(before) == 0 {
		return nil
	}
	// A proxy within a pod hands on to what is in the pod.
	if pod, _, _ := strings.Cut(string(before), "/"); containers.IsProxy(pod) {
		return nil
	}
	return before
}
