// Package bounded reads inputs item by item without trust in how long an item is.
package bounded

import (
	"errors"
	"io"
)

// Reader fails once more than limit bytes were read since the last call of Again: whoever reads item by item cannot be made to
// hold a long one.
type Reader struct {
	r     io.Reader
	limit int
	left  int
	err   error // when it failed
	why   string
}

// New bounds what is read of r to limit bytes for each item; why is the text of the error of one that is longer.
func New(r io.Reader, limit int, why string) *Reader {
	return &Reader{r: r, limit: limit, left: limit, why: why}
}

// Again begins the next item.
func (b *Reader) Again() { b.left = b.limit }

// Bound makes limit the bound of the items to come.
func (b *Reader) Bound(limit int) { b.limit = limit }

// Err is the error of an item that was too long, nil as long as there was none.
func (b *Reader) Err() error { return b.err }

// Read implements io.Reader.
func (b *Reader) Read(p []byte) (int, error) {
	if b.left <= 0 && b.err == nil {
		b.err = errors.New(b.why)
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}
