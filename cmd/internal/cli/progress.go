package cli

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// progress shows one line on stderr while something takes long, on a terminal only. It says what is being done, for how
// long, and how far it is where the whole is known. All methods may be called on a progress that shows nothing.
type progress struct {
	w    io.Writer
	now  func() time.Time
	show bool
	wide int

	what  atomic.Pointer[string]
	done  atomic.Int64
	total atomic.Int64

	mu    sync.Mutex
	drawn bool
	stop  chan struct{}
}

// quickWork is not worth a progress line.
const quickWork = 400 * time.Millisecond

func newProgress(w io.Writer, t terminal, silent bool, now func() time.Time) *progress {
	wide := t.width
	if wide <= 0 {
		wide = 80
	}
	return &progress{w: w, now: now, show: t.tty && !silent, wide: wide}
}

// begin shows progress until end or clear.
func (p *progress) begin(what string) {
	p.what.Store(&what)
	p.done.Store(0)
	p.total.Store(0)
	if !p.show {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		return
	}
	p.stop = make(chan struct{})
	go p.run(p.stop, p.now())
}

// set says how far the work is; total 0 means that the whole is unknown.
func (p *progress) set(done, total int64) {
	p.done.Store(done)
	p.total.Store(total)
}

func (p *progress) run(stop chan struct{}, begin time.Time) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		elapsed := p.now().Sub(begin)
		if elapsed < quickWork {
			continue
		}
		line := progressLine(*p.what.Load(), p.done.Load(), p.total.Load(), elapsed, p.wide)
		p.mu.Lock()
		if p.stop == stop {
			fmt.Fprint(p.w, "\r\x1b[K"+line)
			p.drawn = true
		}
		p.mu.Unlock()
	}
}

// progressLine is at most wide-1 columns, so that no terminal wraps it.
func progressLine(what string, done, total int64, elapsed time.Duration, wide int) string {
	line := what
	if total > 0 {
		const cells = 20
		filled := int(min(done, total) * cells / total)
		bar := make([]rune, cells)
		for i := range bar {
			bar[i] = '·'
			if i < filled {
				bar[i] = '█'
			}
		}
		line += fmt.Sprintf(" %s %d%%", string(bar), min(done, total)*100/total)
	}
	line += fmt.Sprintf(" %.0f s", elapsed.Seconds())
	if r := []rune(line); len(r) > wide-1 {
		line = string(r[:max(wide-1, 0)])
	}
	return line
}

// clear takes the line away and ends the progress.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
