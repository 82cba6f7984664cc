package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"lastcall/collectors/record"
)

// New returns a Collector, named "capture", that replays the capture in dir: the same records as were written, slices in the
// order of their names. Of a query it honours From and To; the rest was narrowed when the evidence was collected. A damaged
// segment is used as far as it is sound, with a warning; a capture from a newer version is refused with [ErrNewer].
func New(dir string) record.Collector { return &collector{dir} }

type collector struct{ dir string }

// Name is "capture".
func (c *collector) Name() string { return "capture" }

func (c *collector) Collect(ctx context.Context, q record.Query, sink record.Sink) error {
	if err := c.collect(ctx, q, sink); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("capture %s: %w", c.dir, err)
	}
	return nil
}

func (c *collector) collect(ctx context.Context, q record.Query, sink record.Sink) error {
	m, err := readManifest(c.dir)
	if err != nil {
		return err
	}
	files, err := segmentFiles(c.dir)
	if err != nil {
		return err
	}
	self := &record.Source{Name: c.dir, Format: "capture"}
	if !m.Complete {
		if err := sink.Warn(&record.Warning{
			Code: "capture_incomplete", Pos: record.Pos{Source: self}, Count: 1,
			Text: "the collection that wrote this capture did not end: what it had is used; run the same collect command again to fetch the rest",
		}); err != nil {
			return err
		}
	}
	r, err := newReplayer()
	if err != nil {
		return err
	}
	defer r.close()
	to := sink
	if q.From != 0 || q.To != 0 {
		to = &bounded{Sink: sink, from: q.From, to: q.To}
	}
	for _, f := range files {
		d, err := r.segment(ctx, f, to)
		if err != nil {
			if errors.Is(err, errNewerSegment) {
				err = ErrNewer
			}
			return fmt.Errorf("%s: %w", filepath.Base(f), err)
		}
		if !d.any() {
			continue
		}
		text := "a segment of the capture is damaged; it was used as far as it is sound"
		if d.cut {
			text += ", and its end could not be read"
		}
		if err := sink.Warn(&record.Warning{
			Code: "capture_damaged", Pos: record.Pos{Source: &record.Source{Name: f, Format: "capture"}}, Count: max(d.lines, 1),
			Text: text, Example: d.reason,
		}); err != nil {
			return err
		}
	}
	return nil
}

// replayer reads segments; it is for one goroutine.
type replayer struct {
	dec  *decoder
	zstd *zstd.Decoder
}

func newReplayer() (*replayer, error) {
	z, err := newZstdDecoder()
	if err != nil {
		return nil, err
	}
	return &replayer{dec: newDecoder(), zstd: z}, nil
}

func (r *replayer) close() { r.zstd.Close() }

func (r *replayer) segment(ctx context.Context, file string, sink record.Sink) (damage, error) {
	f, err := os.Open(file)
	if err != nil {
		return damage{}, err
	}
	defer f.Close()
	var bad int64
	_, _, d, err := readSegment(ctx, f, r.zstd, func(content []byte) error {
		n, err := r.dec.lines(content, sink)
		bad += n
		return err
	})
	if bad > 0 {
		d.add(bad, "lines that are no records")
	}
	return d, err
}

// verify reads a segment without using it.
func verify(file string, dec *zstd.Decoder) (slice string, d damage, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", damage{}, err
	}
	defer f.Close()
	slice, _, d, err = readSegment(context.Background(), f, dec, nil)
	return slice, d, err
}

// bounded passes only what touches [from, to].
type bounded struct {
	record.Sink
	from, to record.Time
}

// touches reports whether the span from a to b, either of which may be unknown, meets the window.
func (s *bounded) touches(a, b record.Time) bool {
	if a == 0 {
		a = b
	}
	if b == 0 {
		b = a
	}
	return a == 0 || ((s.from == 0 || b >= s.from) && (s.to == 0 || a <= s.to))
}

func (s *bounded) Request(r *record.Request) error {
	if !s.touches(r.Start, r.End) {
		return nil
	}
	return s.Sink.Request(r)
}

func (s *bounded) Sample(r *record.Sample) error {
	if !s.touches(r.Time.Add(-r.Interval), r.Time) {
		return nil
	}
	return s.Sink.Sample(r)
}

func (s *bounded) Crash(r *record.Crash) error {
	if !s.touches(r.Time, r.Time) {
		return nil
	}
	return s.Sink.Crash(r)
}

func (s *bounded) Lifecycle(r *record.Lifecycle) error {
	if !s.touches(r.Time, r.End) {
		return nil
	}
	return s.Sink.Lifecycle(r)
}

func (s *bounded) Job(r *record.Job) error {
	if !s.touches(r.Start, r.End) {
		return nil
	}
	return s.Sink.Job(r)
}

func (s *bounded) Exposure(r *record.Exposure) error {
	if !s.touches(r.From, r.To) {
		return nil
	}
	return s.Sink.Exposure(r)
}

func (s *bounded) Profile(r *record.Profile) error {
	if !s.touches(r.Time, r.Time) {
		return nil
	}
	return s.Sink.Profile(r)
}

func (s *bounded) Fork() record.Sink { return &bounded{s.Sink.Fork(), s.from, s.to} }
