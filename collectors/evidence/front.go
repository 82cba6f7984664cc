package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// front is what platforms, container runtimes, kubectl and stern put before the text that a process wrote: which container it is, and when
// they got it. Some loggers write a time at the beginning of their own lines; that is taken as well.
type front struct {
	container []byte
	time      record.Time // 0: none
	zoned     bool        // the time names its zone
}

// maxFront bounds where the text of a process may begin.
const maxFront = 256

// readFront reads what stands before the text of a process:
//
//	2026-11-20T08:00:00.123+00:00 app[web.1]:           Heroku
//	2026-11-20 08:00:00.123 +0000 UTC [web-1]           Scalingo
//	web-1  | 2026-11-20T08:00:00.123Z                   docker compose logs -t
//	[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00Z  kubectl logs --prefix --timestamps
//	web-5d8f7b9c4-x2x9q app 2026-11-20T08:00:00Z        stern -t
//	2026-11-20T08:00:00.123Z stdout F                   the files of containerd and CRI-O
func readFront(b []byte, c *stamp.Clock) front {
	if len(b) == 0 {
		return front{}
	}
	var f front
	if b[0] == '[' {
		if container, rest, ok := header.Kubectl(b); ok {
			f.container, b = container, rest
		}
	} else if _, _, _, ok := c.Read(b); !ok {
		if h, ok := header.HerokuAt(b, c); ok { // behind a priority
			return front{h.Proc, h.Stamp.Time, h.Stamp.Zoned}
		}
		if bar := bytes.IndexByte(b[:min(len(b), 80)], '|'); bar > 0 {
			if name := bytes.TrimRight(b[:bar], " "); containers.IsName(name) {
				f.container, b = name, b[bar+1:]
			}
		} else if container, rest, ok := header.Stern(b); ok {
			f.container, b = container, rest
		} else if pod, rest := cut.Word(b); containers.IsNumbered(pod) { // of a stateful set
			f.container, b = pod, rest
			if inner, rest := cut.Word(rest); containers.IsName(inner) {
				b = rest
			}
		}
	}
	b = bytes.TrimLeft(b, " [") // loggers put their times in brackets as well
	t, n, zoned, ok := c.Read(b)
	if !ok {
		return f
	}
	f.time, f.zoned = t, zoned
	if f.container != nil {
		return f
	}
	if rest := b[n:]; len(rest) > 2 && rest[0] == ' ' {
		if tag, _, ok := cut.Bracketed(rest[1:]); ok && containers.IsName(tag) {
			f.container = tag
		} else if h, ok := header.HerokuAt(b, c); ok {
			f.container = h.Proc
		}
	}
	return f
}

// received is the front of a text of which the line around it says when it was received, as in Docker's log files.
func (f front) received(at record.Time) front {
	if at != 0 {
		f.time, f.zoned = at, true
	}
	return f
}
