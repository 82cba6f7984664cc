package pprof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lastcall/collectors/record"
)

// Keys of slices, and the name of a note, in a capture.
const (
	endKey    = "pprof/end"
	noteTally = "tally" // []tally, one for each target
)

// roundKey is the key of round r, from 0. Slices are replayed in the order of their names.
func roundKey(r int) string { return fmt.Sprintf("pprof/round-%06d", r+1) }

// tally is what came of one target.
type tally struct {
	Got   int64       `json:"got,omitempty"`
	First record.Time `json:"first,omitempty"`
	Last  record.Time `json:"last,omitempty"`
	// Failed counts the fetches that failed, and Why says why the first one did.
	Failed int64  `json:"failed,omitempty"`
	Why    string `json:"why,omitempty"`
	// Absent: the process does not have this profile, and need not.
	Absent bool `json:"absent,omitempty"`
}

func (t *tally) add(x tally) {
	t.Got += x.Got
	t.Failed += x.Failed
	if t.First == 0 {
		t.First = x.First
	}
	if x.Last != 0 {
		t.Last = x.Last
	}
	if t.Why == "" {
		t.Why = x.Why
	}
	t.Absent = t.Absent || x.Absent
}

func (c *Collector) add(got []tally) {
	for i := range min(len(got), len(c.targets)) {
		c.targets[i].add(got[i])
	}
}

func profiles(got []tally) (n int64) {
	for _, x := range got {
		n += x.Got
	}
	return n
}

// Collect fetches the rounds and pushes every profile as it comes. A process that fails in a round is asked again in the next. The
// window of q does not apply: a live process knows only now.
//
// A run that is cancelled is an error, and what a capture has of it are the rounds that were whole. A run that is ended by
// Options.Stop is none: the coverage says that it was cut short.
func (c *Collector) Collect(ctx context.Context, _ record.Query, sink record.Sink) error {
	if t, ok := c.base.(interface{ CloseIdleConnections() }); ok && c.o.Base == nil {
		defer t.CloseIdleConnections()
	}
	taking, end := context.WithCancel(ctx)
	defer end()
	if c.o.Stop != nil {
		go func() {
			select {
			case <-c.o.Stop:
				end()
			case <-taking.Done():
			}
		}()
	}
	rounds := 1
	if c.o.Every > 0 {
		rounds += int(c.o.For / c.o.Every)
	}
	open, err := c.resume(ctx, rounds, sink)
	if err != nil {
		return cancelled(ctx, err)
	}
	c.whole = rounds - len(open)
	begin := c.o.Now()
	for i, r := range open {
		if i > 0 {
			err = c.o.Sleep(taking, begin.Add(time.Duration(i)*c.o.Every).Sub(c.o.Now()))
		}
		if err == nil {
			if c.o.OnRound != nil {
				c.o.OnRound(r+1, rounds)
			}
			err = c.take(taking, r, sink)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		return cancelled(ctx, c.finish(ctx, sink, ""))
	}
	if taking.Err() == nil || !errors.Is(err, taking.Err()) {
		return err // of the sink, or of the capture
	}
	cut := fmt.Sprintf("interrupted after %d of %d rounds", c.whole, rounds)
	switch {
	case ctx.Err() != nil:
		if c.o.Capture != nil && c.whole > 0 {
			// Whoever replays what there is shall know that there was to be more. Nothing waits for the answer but this error.
			if err := c.finish(ctx, record.Discard{}, cut); err != nil && !errors.Is(err, ctx.Err()) {
				return errors.Join(ctx.Err(), err)
			}
		}
		return ctx.Err()
	case c.profiles() == 0:
		return fmt.Errorf("interrupted before the first profile came (%w)", taking.Err())
	}
	return c.finish(ctx, sink, cut)
}

func cancelled(ctx context.Context, err error) error {
	if e := ctx.Err(); e != nil {
		return e
	}
	return err
}

// profiles is how many came of all targets.
func (c *Collector) profiles() (n int64) {
	for _, t := range c.targets {
		n += t.Got
	}
	return n
}

// resume gives the rounds that the capture has to the sink, and returns those that are still to be taken.
func (c *Collector) resume(ctx context.Context, rounds int, sink record.Sink) (open []int, err error) {
	w := c.o.Capture
	for r := range rounds {
		if w == nil || !w.Done(roundKey(r)) {
			open = append(open, r)
			continue
		}
		var bad error
		err := w.Replay(ctx, roundKey(r), sink, func(name string, value []byte) {
			if name == noteTally {
				var got []tally
				bad = errors.Join(bad, json.Unmarshal(value, &got))
				c.add(got)
			}
		})
		if err := errors.Join(err, bad); err != nil {
			return nil, err
		}
	}
	if w != nil && w.Info().Complete && len(open) < rounds {
		return nil, nil // rounds that gave nothing then cannot be had now
	}
	return open, nil
}

// take takes a round. With a capture it is a slice of its own, all of it or nothing, and one that gave nothing is not kept: the same
// run, started again, asks anew.
func (c *Collector) take(ctx context.Context, r int, sink record.Sink) error {
	w := c.o.Capture
	if w == nil {
		got, err := c.round(ctx, sink)
		c.add(got)
		if err == nil {
			c.whole++
		}
		return err
	}
	slice, err := w.Begin(roundKey(r))
	if err != nil {
		return err
	}
	defer slice.Abort() // after the commit it does nothing
	got, err := c.round(ctx, slice)
	if err != nil {
		return err
	}
	if profiles(got) == 0 {
		c.add(got)
		return nil
	}
	if err := slice.Note(noteTally, got); err != nil {
		return err
	}
	if err := slice.Commit(); err != nil {
		return err
	}
	c.add(got)
	c.whole++
	return w.Replay(ctx, roundKey(r), sink, nil)
}

// finish tells what came of each target, as a slice of its own where there is a capture. Nothing at all is an error. cut says how
// the run was cut short; empty: it was not.
func (c *Collector) finish(ctx context.Context, sink record.Sink, cut string) error {
	if err := c.nothing(); err != nil {
		return err
	}
	w := c.o.Capture
	if w == nil {
		return c.tell(sink, cut)
	}
	if !w.Info().Complete || !w.Done(endKey) {
		slice, err := w.Begin(endKey)
		if err != nil {
			return err
		}
		defer slice.Abort()
		if err := c.tell(slice, cut); err != nil {
			return err
		}
		if err := slice.Commit(); err != nil {
			return err
		}
	}
	return w.Replay(ctx, endKey, sink, nil)
}
