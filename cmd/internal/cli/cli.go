// Package cli is the command line: it turns arguments, environment and config into validated options, lets collectors feed
// the analyzer, and renders its report. It decides nothing about evidence.
//
// One file per command; every command is flags -> options struct -> run. The report goes to stdout and everything else to
// stderr. Exit codes are decided in exit.go, files are written by output.go, and what the terminal can show is found out in
// terminal.go.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"lastcall/cmd/internal/prose"
	"lastcall/report/redact"
)

// System is the world that the program runs in.
type System struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Env            func(name string) string
	Now            func() time.Time
	// Again is closed when the user interrupts a second time; nil: that is not known.
	Again <-chan struct{}
}

// graceAfterCancel is how long a cancelled command may tidy up. Ctrl-C ends the program within a second.
const graceAfterCancel = 600 * time.Millisecond

// Main runs the command line and returns the exit code of the process. When ctx is cancelled, which is the first interrupt, the
// command ends; but for one that takes profiles over some time, which ends the taking and reports what came.
func Main(ctx context.Context, sys System) int {
	a := newApp(sys)
	root := newRoot(a)
	root.SetArgs(sys.Args)

	// What the command works with is cancelled by an interrupt that ends it.
	running, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("internal error: %v\n  this is a bug of lastcall; please report it, with the input if you can share it", p)
			}
		}()
		done <- root.ExecuteContext(running)
	}()
	err := a.await(ctx, done, end)
	a.progress.clear()
	if serr := a.stdout.err; serr != nil && !brokenPipe(serr) && err == nil {
		err = fmt.Errorf("write the report to stdout: %w", serr)
	}
	if brokenPipe(err) {
		err = nil
	}
	if err != nil {
		if _, quiet := errors.AsType[statusError](err); !quiet {
			fmt.Fprintf(a.stderr, "lastcall: %s\n", prose.Lines(explainError(err)))
		}
	}
	return exitCode(err)
}

// await waits for the error that the command ends with, and has it end on an interrupt.
func (a *app) await(ctx context.Context, done <-chan error, end context.CancelCauseFunc) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if a.stopTaking() {
		select {
		case err := <-done:
			return err
		case <-a.sys.Again:
		}
	}
	end(context.Cause(ctx))
	select {
	case err := <-done:
		return err
	case <-time.After(graceAfterCancel):
		return a.abandon(ctx.Err()) // something does not listen; the process ends all the same
	}
}

// app is what all commands share.
type app struct {
	sys    System
	stdout *stickyWriter
	stderr *scrubber
	out    terminal // what stdout can show
	err    terminal // what stderr can show
	log    *slog.Logger

	// Flags of every command.
	configPath              string
	noColor, quiet, verbose bool

	progress *progress

	mu      sync.Mutex
	output  []*wholeFiles // all that were begun
	taking  chan struct{} // closed to end the taking of profiles over time; nil: there is none
	keeping string        // the folder of the capture that is being written; empty: none is
}

func newApp(sys System) *app {
	a := &app{sys: sys, stdout: &stickyWriter{w: sys.Stdout}}
	var secrets []string
	for _, name := range secretVariables {
		secrets = append(secrets, sys.Env(name))
	}
	a.stderr = newScrubber(sys.Stderr, secrets...)
	a.log = slog.New(slog.DiscardHandler)
	a.progress = &progress{}
	return a
}

// newFiles begins a set of output files that a forced end leaves nothing half-written of.
func (a *app) newFiles() *wholeFiles {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := &wholeFiles{}
	a.output = append(a.output, w)
	return w
}

// abandon removes the files that are half-written, while what writes them may still run, and says what had been done.
func (a *app) abandon(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	committed := false
	for _, w := range a.output {
		committed = w.abandon() || committed
	}
	if a.keeping != "" {
		return kept(a.keeping)
	}
	if committed {
		return fmt.Errorf("interrupted after files were written; those that are there are whole (%w)", err)
	}
	return err
}

// secretVariables are the environment variables whose values must never be shown.
var secretVariables = [...]string{"DD_API_KEY", "DD_APP_KEY", "DATADOG_API_KEY", "DATADOG_APP_KEY", "DD_APPLICATION_KEY"}

// ready applies the flags of every command; it runs before any command does.
func (a *app) ready() {
	a.out = look(a.sys.Stdout, a.sys.Env, a.noColor)
	a.err = look(a.sys.Stderr, a.sys.Env, a.noColor)
	level := slog.LevelWarn
	switch {
	case a.quiet:
		level = slog.LevelError
	case a.verbose:
		level = slog.LevelDebug
	}
	a.log = slog.New(slog.NewTextHandler(redact.NewWriter(a.stderr), &slog.HandlerOptions{Level: level, ReplaceAttr: plainAttr}))
	a.progress = newProgress(a.stderr, a.err, a.quiet || a.verbose, a.sys.Now)
}

// plainAttr shortens what slog writes: people read it.
func plainAttr(groups []string, at slog.Attr) slog.Attr {
	if len(groups) == 0 && at.Key == slog.TimeKey {
		return slog.String(slog.TimeKey, at.Value.Time().UTC().Format("15:04:05.000"))
	}
	return at
}

// say writes a line for people to stderr, unless --quiet.
func (a *app) say(format string, args ...any) {
	if a.quiet {
		return
	}
	a.progress.clear()
	fmt.Fprintln(a.stderr, prose.Lines(strings.TrimRight(fmt.Sprintf(format, args...), "\n")))
}

// stdinIsTerminal reports whether a person would have to type the evidence.
func (a *app) stdinIsTerminal() bool {
	f, ok := a.sys.Stdin.(*os.File)
	return ok && look(f, a.sys.Env, true).tty
}
