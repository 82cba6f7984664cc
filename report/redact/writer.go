package redact

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// Writer masks what is written through it, line by line, and passes it on. It is safe for use by several goroutines. What
// follows the last newline is held back until the line is complete or Flush is called.
type Writer struct {
	mu   sync.Mutex
	w    io.Writer
	line []byte
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// maxLine bounds what a line without an end keeps in memory.
const maxLine = 1 << 20

// Write implements io.Writer. It reports all of p as written unless the underlying writer fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line = append(w.line, p...)
	end := bytes.LastIndexByte(w.line, '\n') + 1
	if end == 0 && len(w.line) > maxLine {
		// At a space, so that no secret is cut in two and shown.
		if end = bytes.LastIndexByte(w.line, ' ') + 1; end == 0 {
			end = len(w.line)
		}
	}
	if err := w.pass(end); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what is held back.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(len(w.line))
}

func (w *Writer) pass(n int) error {
	if n == 0 {
		return nil
	}
	var b strings.Builder
	for l := range strings.Lines(string(w.line[:n])) {
		b.WriteString(Text(l))
	}
	w.line = append(w.line[:0], w.line[n:]...)
	_, err := io.WriteString(w.w, b.String())
	return err
}
