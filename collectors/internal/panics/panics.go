// Package panics turns the panic of a goroutine into an error: else it would end the program, and with it what all other sources gave,
// and print whatever evidence its value holds.
package panics

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
)

// Error says that this program has a bug, and where. It does not hold the value of the panic unless that is known to quote nothing of
// what was read.
type Error struct {
	// In names the collector or the input; empty where whoever gets the error names it.
	In string
	// What went wrong: the words of the Go runtime, such as "index out of range [5] with length 3", or the type of the value.
	What string
	// Where is a file of this program and a line, such as "evidence/logfmt.go:120".
	Where string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("internal error at %s: %s; this is a bug of lastcall: please report it, with the input if you can share it", e.Where, e.What)
	if e.In != "" {
		text = e.In + ": " + text
	}
	return text
}

// Recover is to be deferred by itself: when the goroutine panics, it sets err to an [*Error]. It belongs at the top of a goroutine, not
// around every line.
func Recover(in string, err *error) {
	if v := recover(); v != nil {
		*err = &Error{In: in, What: what(v), Where: where()}
	}
}

// what describes the value of a panic. Only the words of the runtime are known to be free of evidence: a message that a library made up
// may quote what it was given.
func what(v any) string {
	if e, ok := v.(error); ok {
		if r, ok := errors.AsType[runtime.Error](e); ok {
			return strings.TrimPrefix(r.Error(), "runtime error: ")
		}
	}
	return fmt.Sprintf("panic with a value of type %T", v)
}

const (
	module = "lastcall/"
	self   = module + "collectors/internal/panics.Recover"
)

// where is the innermost call of this program's own below the panic.
func where() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for panicked := false; ; {
		f, more := frames.Next()
		switch {
		case f.Function == self:
			panicked = true
		case panicked && strings.HasPrefix(f.Function, module):
			return fmt.Sprintf("%s/%s:%d", path.Base(path.Dir(f.File)), path.Base(f.File), f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
