// Package walk copies a [finding.Report] deeply by reflection and offers every string in it to a function on the way, so that
// a field added to the model tomorrow is copied, redacted and normalised without anybody remembering it. It knows nothing of
// what the strings mean.
package walk

import (
	"math"
	"reflect"
	"time"

	"lastcall/analyze/finding"
)

// Field names the struct field that a string stands in ("Crash", "Container"); a string in a slice has the field of the
// slice.
type Field struct{ Struct, Name string }

// Copy returns a deep copy of r in which every string s has been replaced by str(field, s), in the order in which the fields
// are declared and the slices are filled. Times are in UTC, without monotonic reading; slices that the JSON form always has
// are non-nil; floats are finite, because JSON has no other (±Inf become the largest values, NaN 0);
// for the same reason times are within the years 1 to 9999. Fields that are never
// written out (tag json:"-") keep their strings.
func Copy(r *finding.Report, str func(Field, string) string) *finding.Report {
	c := copier{str: str}
	out := &finding.Report{}
	c.copy(reflect.ValueOf(out).Elem(), reflect.ValueOf(r).Elem(), Field{}, true)
	return out
}

type copier struct {
	str func(Field, string) string
}

var timeType = reflect.TypeFor[time.Time]()

// copy sets dst to a copy of src. visible is false below a field that is never written out.
func (c copier) copy(dst, src reflect.Value, f Field, visible bool) {
	switch src.Kind() {
	case reflect.Struct:
		if src.Type() == timeType {
			dst.Set(reflect.ValueOf(inCalendar(src.Interface().(time.Time).Round(0).UTC())))
			return
		}
		t := src.Type()
		for i := range t.NumField() {
			sf := t.Field(i)
			if !sf.IsExported() {
				continue
			}
			tag := sf.Tag.Get("json")
			c.copy(dst.Field(i), src.Field(i), Field{t.Name(), sf.Name}, visible && tag != "-")
			if d := dst.Field(i); d.Kind() == reflect.Slice && d.IsNil() && tag != "-" && !omitted(tag) {
				d.Set(reflect.MakeSlice(d.Type(), 0, 0))
			}
		}
	case reflect.Pointer:
		if src.IsNil() {
			return
		}
		dst.Set(reflect.New(src.Type().Elem()))
		c.copy(dst.Elem(), src.Elem(), f, visible)
	case reflect.Slice:
		if src.IsNil() {
			return
		}
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		for i := range src.Len() {
			c.copy(dst.Index(i), src.Index(i), f, visible)
		}
	case reflect.String:
		if s := src.String(); visible && s != "" {
			dst.SetString(c.str(f, s))
		} else {
			dst.SetString(s)
		}
	case reflect.Float64, reflect.Float32:
		dst.SetFloat(finite(src.Float()))
	default:
		dst.Set(src)
	}
}

// omitted reports whether the tag says omitempty.
func omitted(tag string) bool {
	const o = ",omitempty"
	return len(tag) >= len(o) && tag[len(tag)-len(o):] == o
}

func finite(v float64) float64 {
	switch {
	case math.IsNaN(v):
		return 0
	case math.IsInf(v, 1):
		return math.MaxFloat64
	case math.IsInf(v, -1):
		return -math.MaxFloat64
	}
	return v
}

// inCalendar holds t within the years that RFC 3339 can write: a zone may push a time of the year 9999 out of it.
func inCalendar(t time.Time) time.Time {
	switch y := t.Year(); {
	case y < 1:
		return time.Time{}
	case y > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return t
}
