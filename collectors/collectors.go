// Package collectors runs several collectors at once into one sink, and says what became of each.
//
// One source that fails is a gap in the coverage and a warning in the report, not the end of the run; only when every source
// fails is that an error. The package knows no backend: it sees [record.Collector] alone.
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
// The error is nil when at least one collector succeeded. It is the context's error when the run was cancelled, and all
// errors joined when every collector failed. A collector that panics would take the evidence of the others with it, so a
// panic becomes that collector's error.
func Run(ctx context.Context, cs []record.Collector, q record.Query, sink record.Sink) (Outcomes, error) {
	if len(cs) == 0 {
		return nil, ErrNoSource
	}
	outcomes := make(Outcomes, len(cs))
	if len(cs) == 1 {
		// One collector gets the sink itself: what it streams need not be held back until a join.
		w := &watch{Sink: sink}
		outcomes[0] = runOne(ctx, cs[0], q, w)
		outcomes[0].Gaps = w.gaps
	} else {
		forks := make([]*watch, len(cs))
		for i := range cs {
			forks[i] = &watch{Sink: sink.Fork()}
		}
		var wg sync.WaitGroup
		for i, c := range cs {
			wg.Go(func() { outcomes[i] = runOne(ctx, c, q, forks[i]) })
		}
		wg.Wait()
		for i, f := range forks {
			outcomes[i].Gaps = f.gaps
			if err := f.Sink.Join(); err != nil && outcomes[i].Err == nil {
				outcomes[i].Err = err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return outcomes, context.Cause(ctx)
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

// watch passes everything on and remembers the gaps that the collector states.
type watch struct {
	record.Sink
	from *watch // the watch that this one was forked from
	mu   sync.Mutex
	gaps []Gap
}

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
	return w.Sink.Cover(c)
}

func (w *watch) Fork() record.Sink { return &watch{Sink: w.Sink.Fork(), from: w} }

func (w *watch) Join() error {
	if w.from != nil {
		w.from.mu.Lock()
		w.from.gaps = append(w.from.gaps, w.gaps...)
		w.from.mu.Unlock()
		return w.Sink.Join()
	}
	// Not forked by the collector: the Sink contract says that Join does nothing here.
	return nil
}
