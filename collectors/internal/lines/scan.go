package lines

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"sync"
	"time"

	"lastcall/collectors/internal/panics"
)

// Options tune [Scan]; zero values give the defaults.
type Options struct {
	// Workers is the number of goroutines that parse; default: one per core that Go may use.
	Workers int
	// MaxLine is the length in bytes beyond which a line is skipped; default 16 MiB, at least one chunk.
	MaxLine int
	// ChunkBytes is the size of one read; default 512 KiB, rounded up to a multiple of the page.
	ChunkBytes int
}

const (
	defaultMaxLine = 16 << 20
	// defaultChunk is what a core's second-level cache holds: reading, counting and parsing a chunk then go to memory once. With 1 MiB
	// access logs took a sixth longer; with 256 KiB nothing was gained, and more that spans lines is cut.
	defaultChunk = 512 << 10
	page         = 4 << 10
	// headroom is the room before the read area of a buffer for the line that the last chunk cut: longer ones cost a copy.
	headroom = 64 << 10
)

// Worker parses the chunks that one goroutine gets. Chunks come in order within one worker, but not without gaps: what a worker
// keeps from one chunk for the next must not change the result.
type Worker interface {
	// Lines gets whole lines, each with its line end except perhaps the last of the input; first is the 1-based number of the
	// first of them. The data is the worker's until Lines returns.
	Lines(first int64, data []byte) error
}

// Preparer is implemented by workers that want to see the lines before each chunk, so that what a line means may depend on those
// shortly before it and not on which worker got them.
type Preparer interface {
	// Prepare gets whole lines that stand before the chunk that Lines gets next (up to 8 KiB of them); first is the number of the
	// first. It is not called where there are none.
	Prepare(first int64, before []byte)
}

// tailSize is how much of a chunk a Preparer of the next one sees.
const tailSize = 8 << 10

// Stats tells what Scan saw.
type Stats struct {
	// Bytes and Lines count all that was read, decompressed.
	Bytes, Lines int64
	// TooLong is the number of lines that were skipped for their length; FirstTooLong is the number of the first of them, and
	// TooLongHead its beginning (200 bytes).
	TooLong, FirstTooLong int64
	TooLongHead           []byte
}

// Scan reads r to its end and has the lines parsed by as many workers as there are cores. Each worker reads the next chunk
// itself, one at a time under a lock, so that the core that read or decompressed a chunk parses it from its cache, while another
// decompresses the next. newWorker is called before the first read, once per worker, from the calling goroutine.
//
// Scan returns the first error of a worker, a [panics.Error] where one panicked, or ctx.Err() within moments of cancellation, even when r blocks; a worker that is
// blocked in r then ends without touching its Worker again.
func Scan(ctx context.Context, r io.Reader, o Options, newWorker func() Worker) (Stats, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.MaxLine <= 0 {
		o.MaxLine = defaultMaxLine
	}
	if o.ChunkBytes <= 0 {
		o.ChunkBytes = defaultChunk
	}
	o.ChunkBytes = (o.ChunkBytes + page - 1) &^ (page - 1)
	if in, ok := r.(*Reader); ok && in.Whole() {
		o.Workers = 1
		o.ChunkBytes = HeadSize
	}
	o.MaxLine = max(o.MaxLine, o.ChunkBytes)
	s := &splitter{r: r, line: 1, maxLine: o.MaxLine, chunk: o.ChunkBytes}
	errs := make(chan error, o.Workers)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := make([]Worker, o.Workers)
	for i := range workers {
		workers[i] = newWorker()
		if _, ok := workers[i].(Preparer); ok {
			s.keepTail = true
		}
	}
	for _, w := range workers {
		go func() { errs <- work(ctx, s, w) }()
	}
	var first error
	for range workers {
		var err error
		select {
		case err = <-errs:
		case <-ctx.Done():
			// Whoever parses ends with its chunk; whoever hangs in a read is left behind.
			select {
			case err = <-errs:
			case <-time.After(patience):
				if first == nil {
					first = ctx.Err()
				}
				return Stats{}, first
			}
		}
		if err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return s.stats, first
}

// patience is how long a cancelled Scan waits for a worker that does not answer.
const patience = 300 * time.Millisecond

func work(ctx context.Context, s *splitter, w Worker) (err error) {
	defer panics.Recover("", &err)
	buf := make([]byte, headroom+s.chunk)
	before := tail{}
	prepared, _ := w.(Preparer)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, data, more := s.next(ctx, buf, &before)
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(data) > 0 {
			if prepared != nil && len(before.lines) > 0 {
				prepared.Prepare(before.first, before.lines)
			}
			if err := w.Lines(first, data); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// splitter hands out chunks of whole lines.
type splitter struct {
	mu      sync.Mutex
	r       io.Reader
	chunk   int
	maxLine int
	carry   []byte // the beginning of a line that the last chunk cut
	line    int64  // number of the next line
	eof     bool
	skip    bool // within a line that is too long
	stats   Stats

	keepTail bool
	tail     tail // of the last chunk
}

// tail is the end of a chunk: whole lines, and the number of the first.
type tail struct {
	first int64
	lines []byte
}

// set takes the end of data, whose lines end before the one numbered next.
func (t *tail) set(data []byte, next int64) {
	end := data
	if len(end) > tailSize {
		end = end[len(end)-tailSize-1:]
		end = end[bytes.IndexByte(end, '\n')+1:] // the end of data is one, so that there is one
	}
	t.lines = append(t.lines[:0], end...)
	t.first = next - int64(bytes.Count(end, newline))
}

// next fills buf and returns whole lines in it, or in a bigger buffer of its own when a line is longer than the headroom. more is
// false at the end of the input. before gets the end of the chunk before.
func (s *splitter) next(ctx context.Context, buf []byte, before *tail) (first int64, data []byte, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.eof || ctx.Err() != nil {
			return 0, nil, false
		}
		n, err := io.ReadFull(s.r, buf[headroom:headroom+s.chunk])
		s.eof = err != nil
		s.stats.Bytes += int64(n)
		data = buf[headroom : headroom+n]
		end := bytes.LastIndexByte(data, '\n')
		if s.skip {
			if end < 0 {
				if s.eof {
					s.endSkip()
				}
				continue
			}
			data = data[bytes.IndexByte(data, '\n')+1:]
			s.endSkip()
			end = bytes.LastIndexByte(data, '\n')
		}
		if end < 0 && !s.eof {
			s.carry = append(s.carry, data...)
			if len(s.carry) > s.maxLine {
				s.tooLong(s.carry)
				s.skip, s.carry = true, nil
			}
			continue
		}
		var cut []byte
		if !s.eof {
			data, cut = data[:end+1], data[end+1:]
		}
		if len(s.carry) > 0 {
			if n := len(s.carry) + lineLength(data); n > s.maxLine {
				s.tooLong(s.carry)
				s.endSkip()
				data = data[min(n-len(s.carry)+1, len(data)):]
			} else {
				data = s.withCarry(buf, data)
			}
		}
		s.carry = append(s.carry[:0], cut...)
		if len(data) == 0 {
			continue
		}
		first = s.line
		count := int64(bytes.Count(data, newline))
		if data[len(data)-1] != '\n' {
			count++
		}
		s.line += count
		s.stats.Lines += count
		if s.keepTail {
			before.first, before.lines = s.tail.first, append(before.lines[:0], s.tail.lines...)
			if !s.eof {
				s.tail.set(data, s.line)
			}
		}
		return first, data, !s.eof
	}
}

// lineLength is the length of the first line of data.
func lineLength(data []byte) int {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i
	}
	return len(data)
}

// tooLong counts the line that is next as skipped.
func (s *splitter) tooLong(head []byte) {
	s.stats.TooLong++
	if s.stats.FirstTooLong == 0 {
		s.stats.FirstTooLong = s.line
		s.stats.TooLongHead = bytes.Clone(head[:min(len(head), 200)])
	}
}

var newline = []byte{'\n'}

func (s *splitter) endSkip() {
	s.skip = false
	s.line++
	s.stats.Lines++
}

// withCarry puts the cut line of the last chunk before data, which begins at the read area of buf.
func (s *splitter) withCarry(buf, data []byte) []byte {
	if len(s.carry) <= headroom {
		start := headroom - len(s.carry)
		copy(buf[start:], s.carry)
		return buf[start : headroom+len(data)]
	}
	long := make([]byte, 0, len(s.carry)+len(data))
	return append(append(long, s.carry...), data...)
}

// Next cuts the first line off data; the line comes without its end ("\n" or "\r\n").
func Next(data []byte) (line, rest []byte) {
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		line, rest = data, nil
	} else {
		line, rest = data[:i], data[i+1:]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, rest
}
