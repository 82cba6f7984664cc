// Package header takes apart what platforms, syslog, kubectl and stern put before a line: when and by whom it was written.
package header

import (
	"bytes"

	"lastcall/collectors/record"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
)

// HerokuLine is a line of Heroku taken apart.
type HerokuLine struct {
	Stamp           stamp.Stamp
	App, Proc, Body []byte // "heroku" or "app"; "web.1", "api", "router"; the rest
}

// Heroku takes a line apart; a time that names no zone is taken as UTC.
func Heroku(line []byte) (HerokuLine, bool) {
	line = TrimPriority(line)
	st, ok := stamp.Read(line)
	return herokuAfter(line, st, ok)
}

// HerokuAt is Heroku for many lines: the clock remembers the minute, and its zone is that of times that name none.
func HerokuAt(line []byte, c *stamp.Clock) (HerokuLine, bool) {
	line = TrimPriority(line)
	t, n, zoned, ok := c.Read(line)
	return herokuAfter(line, stamp.Stamp{Time: t, N: n, Zoned: zoned}, ok)
}

// herokuAfter takes apart what follows the time.
func herokuAfter(line []byte, st stamp.Stamp, ok bool) (HerokuLine, bool) {
	if !ok || st.N >= len(line) || line[st.N] != ' ' {
		return HerokuLine{}, false
	}
	rest := line[st.N+1:]
	if !bytes.Contains(rest, []byte("heroku")) && !bytes.Contains(rest, []byte("app")) {
		return HerokuLine{}, false // most lines of others
	}
	// The host name of a syslog header may stand between the time and "heroku[…]".
	for range 3 {
		if app, proc, body, ok := HerokuTag(rest); ok {
			return HerokuLine{st, app, proc, body}, true
		}
		var first []byte
		first, rest = cut.Word(rest)
		// RFC 5424: host, "heroku" or "app", "web.4", "-", message.
		if name, tail := cut.Word(rest); isHerokuApp(name) {
			proc, tail := cut.Word(tail)
			if isProcName(proc) && len(tail) > 1 && tail[0] == '-' && tail[1] == ' ' {
				body := bytes.TrimPrefix(tail[2:], []byte("- "))
				return HerokuLine{st, name, proc, body}, true
			}
		}
		if len(first) == 0 || rest == nil {
			break
		}
	}
	return HerokuLine{}, false
}

func isHerokuApp(b []byte) bool { return string(b) == "heroku" || string(b) == "app" }

// isProcName accepts "web.1", "api", "router", "run.1234", "heroku-postgres".
func isProcName(b []byte) bool { return containers.IsName(b) }

// HerokuTag takes "heroku[web.4]: body" apart.
func HerokuTag(b []byte) (app, proc, body []byte, ok bool) {
	open := bytes.IndexByte(b, '[')
	if open < 3 || open > 6 || !isHerokuApp(b[:open]) {
		return nil, nil, nil, false
	}
	end := bytes.IndexByte(b, ']')
	if end < open+2 || end+1 >= len(b) || b[end+1] != ':' || !isProcName(b[open+1:end]) {
		return nil, nil, nil, false
	}
	return b[:open], b[open+1 : end], bytes.TrimPrefix(b[end+2:], []byte(" ")), true
}

// TrimPriority cuts the octet count of RFC 6587 and the priority and version of RFC 5424: "83 <40>1 ".
func TrimPriority(line []byte) []byte {
	b := line
	if _, n := number.LeadingInt(b); n > 0 && n < len(b) && b[n] == ' ' {
		b = b[n+1:]
	}
	if len(b) < 3 || b[0] != '<' {
		return line
	}
	_, n := number.LeadingInt(b[1:])
	if n == 0 || n > 3 || 1+n >= len(b) || b[1+n] != '>' {
		return line
	}
	b = b[2+n:]
	if len(b) > 2 && b[0] == '1' && b[1] == ' ' {
		b = b[2:]
	}
	return b
}

// SyslogTag takes apart what journalctl and syslog put behind the time: "node-a api[123]: ", without the host where there is only one. Behind
// a time that others write as well it may be a sentence or a logger's name ("collector saw: panic: …", "INFO worker[12]: …"): there the
// number of the process must stand in it, and no level before it.
func SyslogTag(b []byte, others bool) (host, pid, rest []byte, ok bool) {
	tag, rest := cut.Word(b)
	if pid, ok := tagPID(tag); ok && len(pid) > 0 {
		return nil, pid, rest, true
	}
	host = tag
	tag, rest = cut.Word(rest)
	pid, ok = tagPID(tag)
	return host, pid, rest, ok && len(host) > 0 && (!others || len(pid) > 0 && !cut.AllUpper(host))
}

// tagPID reads "api[123]:" or "api:".
func tagPID(tag []byte) (pid []byte, ok bool) {
	tag, ok = bytes.CutSuffix(tag, []byte(":"))
	if !ok || len(tag) == 0 {
		return nil, false
	}
	if name, isPID := bytes.CutSuffix(tag, []byte("]")); isPID {
		open := bytes.LastIndexByte(name, '[')
		if open <= 0 || !number.IsDigits(name[open+1:]) {
			return nil, false
		}
		return name[open+1:], true
	}
	return nil, true
}

// Kubectl takes apart what `kubectl logs --prefix` puts before a line, "[pod/web-5d8f/app] ". It names the container as
// the events of Kubernetes do, "web-5d8f/app".
func Kubectl(line []byte) (container, rest []byte, ok bool) {
	tag, rest, ok := cut.Bracketed(line)
	if !ok || !cut.HasPrefix(tag, "pod/") {
		return nil, nil, false
	}
	container = tag[len("pod/"):]
	return container, rest, len(container) > 0
}

// Stern takes apart what stern puts before a line, "web-5d8f7b9c4-x2x9q app ", and the namespace before that where it follows several.
// Only a name as Kubernetes gives it to pods tells that from a sentence, and what follows it may be any word: only known companions are
// named with their pod.
func Stern(line []byte) (container, rest []byte, ok bool) {
	pod, rest := cut.Word(line)
	if !containers.IsPodName(pod) {
		if !containers.IsName(pod) {
			return nil, nil, false
		}
		if pod, rest = cut.Word(rest); !containers.IsPodName(pod) {
			return nil, nil, false
		}
	}
	inner, rest := cut.Word(rest)
	if !containers.IsName(inner) {
		return nil, nil, false
	}
	if record.IsSidecar(string(inner)) {
		pod = append(append(bytes.Clone(pod), '/'), inner...)
	}
	return pod, rest, true
}

// Scalingo takes a line apart: time, first bracketed tag, rest.
func Scalingo(line []byte) (st stamp.Stamp, tag, body []byte, ok bool) {
	st, ok = stamp.Read(line)
	return ScalingoAfter(line, st, ok)
}

// ScalingoAfter takes apart what follows the time.
func ScalingoAfter(line []byte, st stamp.Stamp, ok bool) (_ stamp.Stamp, tag, body []byte, _ bool) {
	if !ok {
		return stamp.Stamp{}, nil, nil, false
	}
	rest := line[st.N:]
	if len(rest) < 3 || rest[0] != ' ' || rest[1] != '[' {
		return stamp.Stamp{}, nil, nil, false
	}
	tag, body, ok = cut.Bracketed(rest[1:])
	return st, tag, body, ok && containers.IsName(tag)
}
