package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/record"
)

// goPanic follows the lines after "panic: …", which the Go runtime writes as it ends the process, and a handler that recovered from one may
// write as well:
//
//	panic: runtime error: invalid memory address or nil pointer dereference
//	[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x8a61f2]
//
//	goroutine 22807 [running]:
//	example.com/blog/internal/feed.(*Builder).Build.func1()
//		/src/internal/feed/builder.go:97 +0x232
//	created by example.com/blog/internal/feed.(*Builder).Build in goroutine 22797
//
// The runtime alone writes of a signal, and of a panic that was recovered and made again. The stack that a handler writes is its own: it
// begins with the function that made it, or has the panic among its first calls. Source: Go runtime/panic.go (printpanics, dopanic_m),
// runtime/debug/stack.go.
type goPanic struct {
	crash  record.Crash // what was told of it
	frames int          // calls of its stack so far
	stack  bool         // it has begun
}

const (
	// panicLines is how far a line of the report may lie behind the first: a message may have several.
	panicLines = 60
	// handlerFrames are as many calls as lie between a panic and the handler that writes its stack.
	handlerFrames = 4
)

// begin takes a line that begins the report, if it is one whose end may be told; the record was passed on.
func (p *goPanic) begin(o *origin.Origin, line []byte) {
	*p = goPanic{}
	if cut.HasPrefix(line, "panic: ") && o.Time != 0 {
		p.crash = *o.Crash(record.CrashException, line)
	}
}

// next takes a line after it, and returns the record of an end once that is certain.
func (p *goPanic) next(o *origin.Origin, line []byte) *record.Crash {
	if p.crash.Time == 0 || o.Pos.Line-p.crash.Pos.Line > panicLines || len(o.Container) > 0 && string(o.Container) != p.crash.Container {
		return nil
	}
	switch {
	case cut.HasPrefix(line, "[signal SIG"), cut.HasPrefix(line, "\tpanic: ") && bytes.Contains([]byte(p.crash.Text), []byte(" [recovered")):
		return p.end()
	case !p.stack:
		p.stack = cut.HasPrefix(line, "goroutine ") && bytes.Contains(line, []byte(" [running"))
	case cut.HasPrefix(line, "runtime/debug."), cut.HasPrefix(line, "panic("):
		*p = goPanic{} // it was recovered
	case len(line) == 0, cut.HasPrefix(line, "created by "), cut.HasPrefix(line, "exit status "), cut.HasPrefix(line, "goroutine "):
		if p.frames > 0 {
			return p.end()
		}
		*p = goPanic{}
	case line[0] != '\t':
		if p.frames++; p.frames == handlerFrames {
			return p.end()
		}
	}
	return nil
}

func (p *goPanic) end() *record.Crash {
	c := p.crash
	*p = goPanic{}
	c.Final = true
	return &c
}
