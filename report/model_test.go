package report

import (
	"fmt"
	"reflect"
	"time"

	"lastcall/analyze/finding"
)

// filler fills a report by reflection, every field of it, so that a test covers fields that do not exist yet.
type filler struct {
	n int
	// str makes the string of a field; nil makes a plain one.
	str func(structName, field string, n int) string
}

func (f *filler) report() *finding.Report {
	r := &finding.Report{}
	f.fill(reflect.ValueOf(r).Elem(), "", "", 0)
	r.SchemaVersion = finding.SchemaVersion
	return r
}

// enums are the values of the named string types, and of the strings that the contract enumerates.
func enumOf(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[finding.Cause]():
		return []string{"request_burst", "request_leak", "background_leak", "capacity", "cpu_stall", "request_crash", "hung_dependency", "planned_restart", "host_failure", "none", "undetermined"}
	case reflect.TypeFor[finding.Grade]():
		return []string{"conclusive", "likely", "possible", "insufficient"}
	case reflect.TypeFor[finding.Role]():
		return []string{"culprit", "victim", "fallout", "bystander"}
	case reflect.TypeFor[finding.Shape]():
		return []string{"leak", "burst", "plateau", "sawtooth", "flat", "insufficient"}
	case reflect.TypeFor[finding.Outcome]():
		return []string{"supports", "contradicts", "neutral", "not_possible"}
	}
	return nil
}

func fieldEnum(structName, field string) []string {
	switch structName + "." + field {
	case "Report.SchemaVersion":
		return []string{finding.SchemaVersion}
	case "Crash.Kind":
		return []string{"oom_kill", "heap_limit", "abort", "segfault", "exception", "health_check", "exit", "sigterm", "unknown"}
	}
	return nil
}

func (f *filler) fill(v reflect.Value, structName, field string, depth int) {
	f.n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(t0.Add(time.Duration(f.n) * time.Second)))
			return
		}
		for i := range v.NumField() {
			f.fill(v.Field(i), v.Type().Name(), v.Type().Field(i).Name, depth)
		}
	case reflect.Pointer:
		if v.Type() == reflect.TypeFor[*finding.Flame]() && depth > 2 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), structName, field, depth+1)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[[]*finding.Flame]() && depth > 2 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			f.fill(v.Index(i), structName, field, depth+1)
		}
	case reflect.String:
		enum := enumOf(v.Type())
		if enum == nil {
			enum = fieldEnum(structName, field)
		}
		switch {
		case enum != nil:
			v.SetString(enum[f.n%len(enum)])
		case f.str != nil:
			v.SetString(f.str(structName, field, f.n))
		default:
			v.SetString(fmt.Sprintf("%s %d", field, f.n))
		}
	case reflect.Bool:
		v.SetBool(f.n%2 == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n) + 0.5)
	default:
		panic("the model has a new kind of field: " + v.Kind().String())
	}
}
