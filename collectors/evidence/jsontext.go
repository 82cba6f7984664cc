package evidence

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

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// The helpers in this file read JSON whose shape is only partly known: fields under one of several names, numbers written as
// strings, documents too large to hold.

// firstOf returns the first of the keys that v has with a value other than null.
func firstOf(v *fastjson.Value, keys ...string) *fastjson.Value {
	for _, k := range keys {
		if x := v.Get(k); x != nil && x.Type() != fastjson.TypeNull {
			return x
		}
	}
	return nil
}

// textOf returns a string or number as text; nil for anything else.
func textOf(v *fastjson.Value) []byte {
	if v == nil {
		return nil
	}
	switch v.Type() {
	case fastjson.TypeString:
		return v.GetStringBytes()
	case fastjson.TypeNumber:
		return v.MarshalTo(nil)
	}
	return nil
}

// numberOf returns a number, also one written as a string.
func numberOf(v *fastjson.Value) (float64, bool) {
	if v == nil {
		return 0, false
	}
	switch v.Type() {
	case fastjson.TypeNumber:
		f, err := v.Float64()
		return f, err == nil
	case fastjson.TypeString:
		return number.Float(bytes.TrimSpace(v.GetStringBytes()))
	}
	return 0, false
}

// timeOf reads a time that is an ISO string or a number since the epoch.
func timeOf(v *fastjson.Value) record.Time {
	t, _, ok := stamp.Parse(textOf(v))
	if !ok {
		return 0
	}
	return t
}

// looksLikeObject reports whether the head begins a JSON object, and looksLikeJSON an object or array.
func looksLikeObject(head []byte) bool {
	b := bytes.TrimLeft(head, " \t\r\n")
	return len(b) > 1 && b[0] == '{'
}

func looksLikeJSON(head []byte) bool {
	b := bytes.TrimLeft(head, " \t\r\n")
	return len(b) > 1 && (b[0] == '{' || b[0] == '[')
}

// jsonWalker streams the JSON values of a reader, so that only one element of a long list is held at a time.
type jsonWalker struct {
	ctx   context.Context
	dec   *json.Decoder
	in    *bounded
	marks *lineMarks
	depth int
}

const (
	// maxValue bounds one value of a document, which takes up to thirty times its length in memory.
	maxValue = 4 << 20
	// maxParsed bounds what is parsed into a tree (of up to a hundred times its length): one event, pod or line.
	maxParsed = 1 << 20
	// maxWalkDepth bounds how deeply a document may nest.
	maxWalkDepth = 1000
)

var errNested = fmt.Errorf("it nests more than %d levels deep", maxWalkDepth)

func newJSONWalker(ctx context.Context, r io.Reader) *jsonWalker {
	marks := &lineMarks{r: r}
	in := newBounded(marks, maxValue, "a value is longer than 4 MiB")
	d := json.NewDecoder(in)
	d.UseNumber()
	return &jsonWalker{ctx: ctx, dec: d, in: in, marks: marks}
}

// line is the number of the line that the walker is at: that of the end of what was read last.
func (w *jsonWalker) line() int64 { return w.marks.lineAt(w.dec.InputOffset(), w.dec.Buffered()) }

// lineOf is the number of the line on which a value begins that was just decoded.
func (w *jsonWalker) lineOf(raw []byte) int64 {
	return w.line() - int64(bytes.Count(raw, []byte("\n")))
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
	maxLineMarks = 4 * maxValue / lineBlock
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

// token reads the next token.
func (w *jsonWalker) token() (json.Token, error) {
	w.in.again()
	t, err := w.dec.Token()
	if err != nil {
		return nil, w.broken(err)
	}
	return t, nil
}

// within counts a level of the document while f reads it.
func (w *jsonWalker) within(f func() error) error {
	if w.depth++; w.depth > maxWalkDepth {
		return w.broken(errNested)
	}
	err := f()
	w.depth--
	return err
}

// bounded fails once more than limit bytes were read since the last call of again: whoever reads item by item cannot be made to
// hold a long one.
type bounded struct {
	r     io.Reader
	limit int
	left  int
	err   error // when it failed
	why   string
}

func newBounded(r io.Reader, limit int, why string) *bounded {
	return &bounded{r: r, limit: limit, left: limit, why: why}
}

func (b *bounded) again() { b.left = b.limit }

func (b *bounded) Read(p []byte) (int, error) {
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

// documents calls f at the beginning of each of the concatenated values, with the value's first token already read. f consumes
// the value.
func (w *jsonWalker) documents(f func(first json.Token) error) error {
	for {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		w.in.again()
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

// object calls f for each key of an object whose '{' was read. f consumes the value.
func (w *jsonWalker) object(f func(key string) error) error {
	return w.within(func() error {
		for w.more() {
			t, err := w.token()
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

// more reports whether the object or array goes on.
func (w *jsonWalker) more() bool {
	w.in.again()
	return w.dec.More()
}

// array calls f for each element of an array whose '[' was read. f consumes the element.
func (w *jsonWalker) array(f func() error) error {
	return w.within(func() error {
		for w.more() {
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

func (w *jsonWalker) close() error {
	_, err := w.token()
	return err
}

// arrayValue is array for a value that was not begun; anything but an array is skipped.
func (w *jsonWalker) arrayValue(f func() error) error {
	t, err := w.token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return w.skipRest(t)
	}
	return w.array(f)
}

// objectValue is object for a value that was not begun; anything but an object is skipped.
func (w *jsonWalker) objectValue(f func(key string) error) error {
	t, err := w.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return w.skipRest(t)
	}
	return w.object(f)
}

// skip consumes one value.
func (w *jsonWalker) skip() error {
	t, err := w.token()
	if err != nil {
		return err
	}
	return w.skipRest(t)
}

// skipRest consumes what remains of the value that t began.
func (w *jsonWalker) skipRest(t json.Token) error {
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
		if t, err = w.token(); err != nil {
			return err
		}
	}
}

// decode consumes one value into v. A value of another type than v has is no error: ok is false then.
func (w *jsonWalker) decode(v any) (ok bool, err error) {
	w.in.again()
	err = w.dec.Decode(v)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return false, nil
	}
	if err != nil {
		return false, w.broken(err)
	}
	return true, nil
}

// text consumes one value and returns it when it is a string or number.
func (w *jsonWalker) text() (string, error) {
	t, err := w.token()
	if err != nil {
		return "", err
	}
	switch t := t.(type) {
	case string:
		return t, nil
	case json.Number:
		return t.String(), nil
	case json.Delim:
		return "", w.skipRest(t)
	case bool:
		return strconv.FormatBool(t), nil
	}
	return "", nil
}

func (w *jsonWalker) broken(err error) error {
	if w.in.err != nil {
		err = w.in.err
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the JSON document ends early, near byte %d: %w", w.dec.InputOffset(), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("the JSON document is broken near byte %d: %w", w.dec.InputOffset(), err)
}

// sortedKeys lists the keys of m in order, so that output never depends on that of a map.
func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
