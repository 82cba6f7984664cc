package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"unicode/utf8"

	"lastcall/collectors/evidence"
	"lastcall/report/redact"
)

// The exit codes, as the contract has them. Scripts rely on them.
const (
	exitDone       = 0 // done, nothing at or above the threshold
	exitFailed     = 1 // could not do it
	exitUsage      = 2 // wrong usage or config
	exitFindings   = 3 // findings at or above --fail-on
	exitIncomplete = 4 // done, but the evidence was incomplete and nothing reached the threshold (nightly)
)

// usageError is a mistake in the command line or the config file: the user can mend it without looking at the world.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// statusError ends a command that did its work with a code other than 0. It prints nothing: the report has said it all.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// exitCode maps the error of a command to the code of the process. It is the only place that does.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if s, ok := errors.AsType[statusError](err); ok {
		return int(s)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// explainError turns an error into what is printed: what, where, why, and what to do next where that is known.
func explainError(err error) string {
	msg := err.Error()
	var refused []*evidence.PathError
	if e, ok := errors.AsType[*evidence.NothingReadError](err); ok {
		refused = e.Paths
		for _, p := range refused {
			cause := p.Err.Error() // may quote the names of a table's columns
			msg = strings.ReplaceAll(msg, cause, redact.Text(cause))
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		// A command that has something to say of what it did wraps the cancellation.
		if msg == context.Canceled.Error() {
			return "interrupted: nothing was reported, and files named with --output are as they were"
		}
	case errors.Is(err, context.DeadlineExceeded):
		return msg + "\n  a source did not answer in time; try again, or ask for a shorter window with --from and --to"
	case errors.Is(err, syscall.ENOSPC):
		return msg + "\n  free some space, or write elsewhere; files named with --output are whole or not there"
	case errors.Is(err, fs.ErrPermission):
		return msg + "\n  the permission is missing; check the owner and mode of the file and of its folder"
	}
	return msg + firstLines(refused)
}

// firstLines shows how files that were refused begin, masked: often that is enough to see what was saved by mistake.
func firstLines(paths []*evidence.PathError) string {
	const files, length = 5, 120 // at most
	var b strings.Builder
	shown := 0
	for _, p := range paths {
		if p.Sample == "" {
			continue
		}
		if shown++; shown > files {
			break
		}
		line := redact.Text(p.Sample) // before it is cut: half of a secret cannot be told any more
		if len(line) > length {
			end := length
			for !utf8.RuneStart(line[end]) {
				end--
			}
			line = line[:end] + "…"
		}
		fmt.Fprintf(&b, "\n  %s begins: %q", p.Path, line)
	}
	return b.String()
}

// brokenPipe reports whether err is the reader of our output having gone away, which is no failure of ours.
func brokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
