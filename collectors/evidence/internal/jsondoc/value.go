package jsondoc

import (
	"bytes"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// FirstOf returns the first of the keys that v has with a value other than null.
func FirstOf(v *fastjson.Value, keys ...string) *fastjson.Value {
	for _, k := range keys {
		if x := v.Get(k); x != nil && x.Type() != fastjson.TypeNull {
			return x
		}
	}
	return nil
}

// Text returns a string or number as text; nil for anything else.
func Text(v *fastjson.Value) []byte {
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

// Number returns a number, also one written as a string.
func Number(v *fastjson.Value) (float64, bool) {
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

// Time reads a time that is an ISO string or a number since the epoch.
func Time(v *fastjson.Value) record.Time {
	t, _, ok := stamp.Parse(Text(v))
	if !ok {
		return 0
	}
	return t
}

// IsObject reports whether the head begins a JSON object.
func IsObject(head []byte) bool {
	b := bytes.TrimLeft(head, " \t\r\n")
	return len(b) > 1 && b[0] == '{'
}

// IsJSON reports whether the head begins a JSON object or array.
func IsJSON(head []byte) bool {
	b := bytes.TrimLeft(head, " \t\r\n")
	return len(b) > 1 && (b[0] == '{' || b[0] == '[')
}
