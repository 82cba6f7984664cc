package cli

import (
	"os"
	"runtime"
	"sync"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// span is the time that the small signals cover. It is safe for several goroutines.
type span struct {
	mu       sync.Mutex
	from, to record.Time
}

func (s *span) add(from, to record.Time) {
	if from == 0 || to == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == 0 || from < s.from {
		s.from = from
	}
	s.to = max(s.to, to)
}

// clocked passes everything on and learns which days the evidence covers, so that --planned 10:06..10:36 can be an instant.
// Requests, the many, pass untouched but for the coverage that their source states at its end.
type clocked struct {
	record.Sink
	span *span
}

func (c *clocked) Crash(x *record.Crash) error {
	c.span.add(x.Time, x.Time)
	return c.Sink.Crash(x)
}

func (c *clocked) Lifecycle(x *record.Lifecycle) error {
	c.span.add(x.Time, x.Time)
	return c.Sink.Lifecycle(x)
}

func (c *clocked) Cover(x *record.Coverage) error {
	c.span.add(x.From, x.To)
	return c.Sink.Cover(x)
}

func (c *clocked) Fork() record.Sink { return &clocked{c.Sink.Fork(), c.span} }

// newSpool makes a private temporary file that is gone when the program is, however it ends.
func newSpool() (analyze.Spool, error) {
	f, err := os.CreateTemp("", "lastcall-*.spool")
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" {
		// The open file outlives its name.
		if err := os.Remove(f.Name()); err == nil {
			return f, nil
		}
	}
	return &namedSpool{f}, nil
}

// namedSpool is a spool that has to be removed by name.
type namedSpool struct{ *os.File }

func (s *namedSpool) Close() error {
	err := s.File.Close()
	if rerr := os.Remove(s.Name()); err == nil {
		err = rerr
	}
	return err
}
