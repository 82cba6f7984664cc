package evidence

import (
	"context"
	"io"

	"lastcall/collectors/internal/panics"
)

// pump reads ahead of a stream that may block for ever (a pipe, a terminal), so that cancellation need not wait for it. The goroutine
// that reads ends with the stream; when that never ends it is left behind, holding one buffer.
type pump struct {
	ctx    context.Context
	full   chan []byte
	empty  chan []byte
	err    error // of the stream, readable once full is closed
	buf    []byte
	unread []byte
}

const pumpBuffer = 256 << 10

func newPump(ctx context.Context, r io.Reader) *pump {
	p := &pump{ctx: ctx, full: make(chan []byte, 2), empty: make(chan []byte, 2)}
	for range cap(p.empty) {
		p.empty <- make([]byte, pumpBuffer)
	}
	go func() {
		defer close(p.full)
		defer panics.Recover("", &p.err)
		for {
			var buf []byte
			select {
			case buf = <-p.empty:
			case <-ctx.Done():
				p.err = ctx.Err()
				return
			}
			n, err := r.Read(buf)
			if n > 0 {
				select {
				case p.full <- buf[:n]:
				case <-ctx.Done():
					p.err = ctx.Err()
					return
				}
			}
			if err != nil {
				p.err = err
				return
			}
		}
	}()
	return p
}

func (p *pump) Read(b []byte) (int, error) {
	for len(p.unread) == 0 {
		if p.buf != nil {
			p.empty <- p.buf[:pumpBuffer] // never blocks: there are no more buffers than room for them
			p.buf = nil
		}
		select {
		case buf, ok := <-p.full:
			if !ok {
				return 0, p.err
			}
			p.buf, p.unread = buf, buf
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(b, p.unread)
	p.unread = p.unread[n:]
	return n, nil
}
