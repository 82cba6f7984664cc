// Package collectors runs several collectors at once into one sink, and says what became of each.
//
// One source that fails is a gap in the coverage and a warning in the report, not the end of the run; only when every source
// fails is that an error. A sink that fails (a full disk) is the end of the run, whichever source it was writing for. The package
// knows no backend: it sees [record.Collector] alone.
package collectors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"lastcall/collectors/internal/panics"
	"lastcall/collectors/record"
)

// Gap is one signal of a source that is missing or not whole, in the source's own words.
type Gap struct {
	// Source is the name of the input; Signal is as in [record.Coverage].
	Source, Signal string
	// Records is how many records came all the same; 0 when the signal is absent.
	Records int64
	// Reason says why.
	Reason string
}

// Outcome is what became of one collector.
type Outcome struct {
	// Name is the collector's.
	Name string
	// Err is why it gave nothing; nil when it gave what it had.
	Err error
	// Gaps are the signals it said to be missing or partial, in the order told.
	Gaps []Gap
	// Elapsed is how long it took.
	Elapsed time.Duration
}

// Outcomes are in the order of the collectors given to [Run].
type Outcomes []Outcome

// Failed returns the outcomes with an error.
func (o Outcomes) Failed() Outcomes {
	var out Outcomes
	for _, x := range o {
		if x.Err != nil {
			out = append(out, x)
		}
	}
	return out
}

// Gaps returns the gaps of all outcomes, in order.
func (o Outcomes) Gaps() []Gap {
	var out []Gap
	for _, x := range o {
		out = append(out, x.Gaps...)
	}
	return out
}

// ErrNoSource is returned by [Run] when it was given no collector.
var ErrNoSource = errors.New("no source of evidence: give files or folders, set DD_API_KEY and DD_APP_KEY, or use --pprof URL")

// Run lets all collectors answer q at once, each into its own fork of sink, and joins the forks in the order of the
// collectors, so that the order of arrival does not matter.
//
// The error is nil when at least one collector succeeded. It is the context's error when the run was cancelled, the first error
// of the sink when that failed, which ends all collectors, and all errors joined when every collector failed. A collector that
// panics would take the evidence of the others with it, so a panic becomes that collector's error.
func Run(ctx context.Context, cs []record.Collector, q record.Query, sink record.Sink) (Outcomes, error) {
	if len(cs) == 0 {
		return nil, ErrNoSource
	}
	outcomes := make(Outcomes, len(cs))
	running, end := context.WithCancel(ctx)
	defer end()
	lost := &sinkFailure{end: end}
	if len(cs) == 1 {
		// One collector gets the sink itself: what it streams need not be held back until a join.
		w := &watch{Sink: sink, lost: lost}
		outcomes[0] = runOne(running, cs[0], q, w)
		outcomes[0].Gaps = w.gaps
	} else {
		forks := make([]*watch, len(cs))
		for i := range cs {
			forks[i] = &watch{Sink: sink.Fork(), lost: lost}
		}
		var wg sync.WaitGroup
		for i, c := range cs {
			wg.Go(func() { outcomes[i] = runOne(running, c, q, forks[i]) })
		}
		wg.Wait()
		for i, f := range forks {
			outcomes[i].Gaps = f.gaps
			_ = lost.note(f.Sink.Join()) // returned below
		}
	}
	if err := ctx.Err(); err != nil {
		return outcomes, context.Cause(ctx)
	}
	if err := lost.first(); err != nil {
		return outcomes, err
	}

	failed := outcomes.Failed()
	if len(failed) == len(outcomes) {
		errs := make([]error, len(failed))
		for i, f := range failed {
			errs[i] = f.Err
			if len(failed) > 1 {
				errs[i] = fmt.Errorf("%s: %w", f.Name, f.Err)
			}
		}
		return outcomes, errors.Join(errs...)
	}
	for _, f := range failed {
		if err := tellFailure(sink, f); err != nil {
			return outcomes, err
		}
	}
	return outcomes, nil
}

func runOne(ctx context.Context, c record.Collector, q record.Query, sink record.Sink) (out Outcome) {
	begin := time.Now()
	out.Name = c.Name()
	defer func() { out.Elapsed = time.Since(begin) }()
	defer panics.Recover(out.Name, &out.Err)
	out.Err = c.Collect(ctx, q, sink)
	return out
}

// tellFailure puts a source that gave nothing into the report: a row in the coverage and a warning.
func tellFailure(sink record.Sink, f Outcome) error {
	reason := strings.TrimSpace(f.Err.Error())
	src := &record.Source{Name: f.Name}
	if err := sink.Cover(&record.Coverage{Source: src, Signal: "all", MissingReason: reason}); err != nil {
		return err
	}
	return sink.Warn(&record.Warning{
		Code: "source_failed", Pos: record.Pos{Source: src}, Count: 1,
		Text: fmt.Sprintf("the source %q gave nothing; the answer rests on the others", f.Name), Example: reason,
	})
}

// sinkFailure remembers the first error of the sink, and ends the run with it: no collector can mend that, and what each says of it
// would read as if its source were at fault. It is safe for several goroutines.
type sinkFailure struct {
	end context.CancelFunc

	mu  sync.Mutex
	err error
}

func (f *sinkFailure) note(err error) error {
	if err == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
		f.end()
	}
	return err
}

func (f *sinkFailure) first() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// watch passes everything on, and remembers the gaps that the collector states and that the sink failed.
type watch struct {
	record.Sink
	lost *sinkFailure
	from *watch // the watch that this one was forked from
	mu   sync.Mutex
	gaps []Gap
}

func (w *watch) Request(x *record.Request) error {
	if err := w.Sink.Request(x); err != nil { // the many: not one call more than needed
		return w.lost.note(err)
	}
	return nil
}

func (w *watch) Sample(x *record.Sample) error       { return w.lost.note(w.Sink.Sample(x)) }
func (w *watch) Crash(x *record.Crash) error         { return w.lost.note(w.Sink.Crash(x)) }
func (w *watch) Lifecycle(x *record.Lifecycle) error { return w.lost.note(w.Sink.Lifecycle(x)) }
func (w *watch) Job(x *record.Job) error             { return w.lost.note(w.Sink.Job(x)) }
func (w *watch) Message(x *record.Message) error     { return w.lost.note(w.Sink.Message(x)) }
func (w *watch) Exposure(x *record.Exposure) error   { return w.lost.note(w.Sink.Exposure(x)) }
func (w *watch) Profile(x *record.Profile) error     { return w.lost.note(w.Sink.Profile(x)) }
func (w *watch) Warn(x *record.Warning) error        { return w.lost.note(w.Sink.Warn(x)) }

func (w *watch) Cover(c *record.Coverage) error {
	if c.MissingReason != "" {
		g := Gap{Signal: c.Signal, Records: c.Records, Reason: c.MissingReason}
		if c.Source != nil {
			g.Source = c.Source.Name
		}
		w.mu.Lock()
		w.gaps = append(w.gaps, g)
		w.mu.Unlock()
	}
	return w.lost.note(w.Sink.Cover(c))
}

func (w *watch) Fork() record.Sink { return &watch{Sink: w.Sink.Fork(), lost: w.lost, from: w} }

func (w *watch) Join() error {
	if w.from != nil {
		w.from.mu.Lock()
		w.from.gaps = append(w.from.gaps, w.gaps...)
		w.from.mu.Unlock()
		return w.lost.note(w.Sink.Join())
	}
	// Not forked by the collector: the Sink contract says that Join does nothing here.
	return nil
}
