package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/valyala/fastjson"

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
		return parseNumber(bytes.TrimSpace(v.GetStringBytes()))
	}
	return 0, false
}

// timeOf reads a time that is an ISO string or a number since the epoch.
func timeOf(v *fastjson.Value) record.Time {
	t, _, ok := parseTime(textOf(v))
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
	ctx context.Context
	dec *json.Decoder
}

func newJSONWalker(ctx context.Context, r io.Reader) *jsonWalker {
	d := json.NewDecoder(r)
	d.UseNumber()
	return &jsonWalker{ctx: ctx, dec: d}
}

// documents calls f at the beginning of each of the concatenated values, with the value's first token already read. f consumes
// the value.
func (w *jsonWalker) documents(f func(first json.Token) error) error {
	for {
		if err := w.ctx.Err(); err != nil {
			return err
		}
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
	for w.dec.More() {
		t, err := w.dec.Token()
		if err != nil {
			return w.broken(err)
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
}

// array calls f for each element of an array whose '[' was read. f consumes the element.
func (w *jsonWalker) array(f func() error) error {
	for w.dec.More() {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := f(); err != nil {
			return err
		}
	}
	return w.close()
}

func (w *jsonWalker) close() error {
	if _, err := w.dec.Token(); err != nil {
		return w.broken(err)
	}
	return nil
}

// arrayValue is array for a value that was not begun; anything but an array is skipped and not ok.
func (w *jsonWalker) arrayValue(f func() error) (ok bool, err error) {
	t, err := w.dec.Token()
	if err != nil {
		return false, w.broken(err)
	}
	if t != json.Delim('[') {
		return false, w.skipRest(t)
	}
	return true, w.array(f)
}

// objectValue is object for a value that was not begun; anything but an object is skipped and not ok.
func (w *jsonWalker) objectValue(f func(key string) error) (ok bool, err error) {
	t, err := w.dec.Token()
	if err != nil {
		return false, w.broken(err)
	}
	if t != json.Delim('{') {
		return false, w.skipRest(t)
	}
	return true, w.object(f)
}

// skip consumes one value.
func (w *jsonWalker) skip() error {
	t, err := w.dec.Token()
	if err != nil {
		return w.broken(err)
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
		var err error
		if t, err = w.dec.Token(); err != nil {
			return w.broken(err)
		}
	}
}

// decode consumes one value into v. A value of another type than v has is no error: ok is false then.
func (w *jsonWalker) decode(v any) (ok bool, err error) {
	err = w.dec.Decode(v)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return false, nil
	}
	if err != nil {
		return false, w.broken(err)
	}
	return true, nil
}

// text consumes one value and returns it when it is a string or number.
func (w *jsonWalker) text() (string, error) {
	t, err := w.dec.Token()
	if err != nil {
		return "", w.broken(err)
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
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
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
