// Package jsondoc reads JSON documents whose shape is only partly known, as streams: fields under one of several names, numbers written
// as strings, lists too long to hold, objects laid out over many lines. Logs of one object per line are read by jsonscan.
package jsondoc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"lastcall/collectors/evidence/internal/bounded"
)

// Walker streams the JSON values of a reader, so that only one element of a long list is held at a time.
type Walker struct {
	ctx   context.Context
	dec   *json.Decoder
	in    *bounded.Reader
	marks *lineMarks
	depth int
}

// Bounds of a document, in bytes and levels.
const (
	// MaxValue bounds one value of a document, which takes up to thirty times its length in memory.
	MaxValue = 4 << 20
	// MaxParsed bounds what is parsed into a tree (of up to a hundred times its length): one event, pod or line.
	MaxParsed = 1 << 20
	// maxWalkDepth bounds how deeply a document may nest.
	maxWalkDepth = 1000
)

var errNested = fmt.Errorf("it nests more than %d levels deep", maxWalkDepth)

// NewWalker walks r from its beginning. An error of it says near which byte the document is broken, or is that of r or ctx.
func NewWalker(ctx context.Context, r io.Reader) *Walker {
	marks := &lineMarks{r: r}
	in := bounded.New(marks, MaxValue, "a value is longer than 4 MiB")
	d := json.NewDecoder(in)
	d.UseNumber()
	return &Walker{ctx: ctx, dec: d, in: in, marks: marks}
}

// Bound makes limit, in bytes, the bound of one value.
func (w *Walker) Bound(limit int) { w.in.Bound(limit) }

// Err is the error of an input that could not be read on, nil where it ended as it should.
func (w *Walker) Err() error {
	if w.in.Err() == nil {
		return nil
	}
	return w.broken(w.in.Err())
}

// Line is the number of the line that the walker is at: that of the end of what was read last.
func (w *Walker) Line() int64 { return w.marks.lineAt(w.dec.InputOffset(), w.dec.Buffered()) }

// LineOf is the number of the line on which a value begins that was just decoded.
func (w *Walker) LineOf(raw []byte) int64 {
	return w.Line() - int64(bytes.Count(raw, []byte("\n")))
}

// lineMarks counts the lines of what is read, in blocks: the decoder reads far ahead of the value that it is at.
type lineMarks struct {
	r     io.Reader
	last  lineMark
	marks []lineMark // the ends of the blocks that may lie ahead of the decoder
}

// lineMark is an offset and the number of line ends before it.
type lineMark struct{ offset, lines int64 }

const (
	lineBlock = 4 << 10
	// maxLineMarks covers more than the decoder ever holds.
	maxLineMarks = 4 * MaxValue / lineBlock
)

func (l *lineMarks) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		block := rest[:min(int64(len(rest)), lineBlock-l.last.offset%lineBlock)]
		rest = rest[len(block):]
		l.last.offset += int64(len(block))
		l.last.lines += int64(bytes.Count(block, []byte("\n")))
		if l.last.offset%lineBlock != 0 {
			continue
		}
		if len(l.marks) == maxLineMarks {
			l.marks = append(l.marks[:0], l.marks[maxLineMarks/2:]...)
		}
		l.marks = append(l.marks, l.last)
	}
	return n, err
}

// lineAt is the number of the line at an offset; ahead is what follows it of what was read.
func (l *lineMarks) lineAt(offset int64, ahead io.Reader) int64 {
	passed, _ := slices.BinarySearchFunc(l.marks, offset, func(m lineMark, at int64) int { return cmp.Compare(m.offset, at) })
	l.marks = append(l.marks[:0], l.marks[passed:]...)
	next := l.last
	if len(l.marks) > 0 {
		next = l.marks[0]
	}
	between := make([]byte, max(0, next.offset-offset))
	n, _ := io.ReadFull(ahead, between)
	return next.lines - int64(bytes.Count(between[:n], []byte("\n"))) + 1
}

// Token reads the next token.
func (w *Walker) Token() (json.Token, error) {
	w.in.Again()
	t, err := w.dec.Token()
	if err != nil {
		return nil, w.broken(err)
	}
	return t, nil
}

// within counts a level of the document while f reads it.
func (w *Walker) within(f func() error) error {
	if w.depth++; w.depth > maxWalkDepth {
		return w.broken(errNested)
	}
	err := f()
	w.depth--
	return err
}

// Documents calls f at the beginning of each of the concatenated values, with the value's first token already read. f consumes
// the value.
func (w *Walker) Documents(f func(first json.Token) error) error {
	for {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		w.in.Again()
		t, err := w.dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return w.broken(err)
		}
		if err := f(t); err != nil {
			return err
		}
	}
}

// Items walks documents that are objects with an array under a name, and calls f at each element of it, which f reads or skips.
func (w *Walker) Items(name string, f func() error) error {
	return w.Objects(func(key string) error {
		if key != name {
			return w.Skip()
		}
		return w.ArrayValue(f)
	})
}

// Objects calls f for each key of the documents that are objects, and skips the others. f consumes the value.
func (w *Walker) Objects(f func(key string) error) error {
	return w.Documents(func(first json.Token) error {
		if first != json.Delim('{') {
			return w.SkipRest(first)
		}
		return w.Object(f)
	})
}

// Object calls f for each key of an object whose '{' was read. f consumes the value.
func (w *Walker) Object(f func(key string) error) error {
	return w.within(func() error {
		for w.More() {
			t, err := w.Token()
			if err != nil {
				return err
			}
			key, ok := t.(string)
			if !ok {
				return w.broken(fmt.Errorf("unexpected %v", t))
			}
			if err := f(key); err != nil {
				return err
			}
		}
		return w.close()
	})
}

// More reports whether the object or array goes on.
func (w *Walker) More() bool {
	w.in.Again()
	return w.dec.More()
}

// Array calls f for each element of an array whose '[' was read. f consumes the element.
func (w *Walker) Array(f func() error) error {
	return w.within(func() error {
		for w.More() {
			if err := w.ctx.Err(); err != nil {
				return err
			}
			if err := f(); err != nil {
				return err
			}
		}
		return w.close()
	})
}

func (w *Walker) close() error {
	_, err := w.Token()
	return err
}

// ArrayValue is array for a value that was not begun; anything but an array is skipped.
func (w *Walker) ArrayValue(f func() error) error {
	t, err := w.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return w.SkipRest(t)
	}
	return w.Array(f)
}

// ObjectValue is object for a value that was not begun; anything but an object is skipped.
func (w *Walker) ObjectValue(f func(key string) error) error {
	t, err := w.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return w.SkipRest(t)
	}
	return w.Object(f)
}

// Skip consumes one value.
func (w *Walker) Skip() error {
	t, err := w.Token()
	if err != nil {
		return err
	}
	return w.SkipRest(t)
}

// SkipRest consumes what remains of the value that t began.
func (w *Walker) SkipRest(t json.Token) error {
	depth := 0
	for {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
		if depth > maxWalkDepth {
			return w.broken(errNested)
		}
		var err error
		if t, err = w.Token(); err != nil {
			return err
		}
	}
}

// Decode consumes one value into v. A value of another type than v has is no error: ok is false then.
func (w *Walker) Decode(v any) (ok bool, err error) {
	w.in.Again()
	err = w.dec.Decode(v)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return false, nil
	}
	if err != nil {
		return false, w.broken(err)
	}
	return true, nil
}

// Text consumes one value and returns it when it is a string or number.
func (w *Walker) Text() (string, error) {
	t, err := w.Token()
	if err != nil {
		return "", err
	}
	switch t := t.(type) {
	case string:
		return t, nil
	case json.Number:
		return t.String(), nil
	case json.Delim:
		return "", w.SkipRest(t)
	case bool:
		return strconv.FormatBool(t), nil
	}
	return "", nil
}

func (w *Walker) broken(err error) error {
	if w.in.Err() != nil {
		err = w.in.Err()
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the JSON document ends early, near byte %d: %w", w.dec.InputOffset(), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("the JSON document is broken near byte %d: %w", w.dec.InputOffset(), err)
}
