package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/analyze/finding"
)

var update = flag.Bool("update", false, "write the golden files and the schema")

func write(t *testing.T, r *finding.Report, o Options) string {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, r, o); err != nil {
		t.Fatalf("Write %s: %v", o.Format, err)
	}
	return buf.String()
}

func TestJSONComesBackAsItWas(t *testing.T) {
	reports := fixtures()
	reports["every field"] = (&filler{}).report()
	for i := range 20 {
		reports[fmt.Sprintf("every field, %d", i)] = (&filler{n: i * 31}).report()
	}
	for name, r := range reports {
		t.Run(name, func(t *testing.T) {
			got, err := ReadJSON(strings.NewReader(write(t, r, Options{Format: JSON, NoRedact: true})))
			if err != nil {
				t.Fatal(err)
			}
			// What is never written out does not come back; an empty list and none are the same.
			if diff := cmp.Diff(r, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(finding.Report{}, "Sensitive")); diff != "" {
				t.Errorf("-written +read:\n%s", diff)
			}
		})
	}
}

func TestJSONOfEmptyReportHasAllLists(t *testing.T) {
	var m map[string]any
	if err := json.Unmarshal([]byte(write(t, &finding.Report{}, Options{Format: JSON})), &m); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"crashes", "suspects", "memory", "heap", "timeline", "checks", "coverage", "warnings", "actions"} {
		if _, ok := m[k].([]any); !ok {
			t.Errorf("%s is %v, want a list", k, m[k])
		}
	}
	if m["schema_version"] != finding.SchemaVersion {
		t.Errorf("schema_version is %v", m["schema_version"])
	}
}

func TestJSONHoldsInfinities(t *testing.T) {
	r := &finding.Report{Suspects: []finding.Suspect{{Role: finding.Culprit, Grade: finding.Likely, Effect: finding.Effect{Value: math.Inf(1), Low: math.NaN(), High: math.Inf(-1)}}}}
	got, err := ReadJSON(strings.NewReader(write(t, r, Options{Format: JSON})))
	if err != nil {
		t.Fatal(err)
	}
	want := finding.Effect{Value: math.MaxFloat64, Low: 0, High: -math.MaxFloat64}
	if got.Suspects[0].Effect != want {
		t.Errorf("got %v, want %v", got.Suspects[0].Effect, want)
	}
	if s := write(t, r, Options{}); !strings.Contains(s, "unbounded") {
		t.Errorf("text does not word the infinity:\n%s", s)
	}
}

func TestReadJSONRefusesPolitely(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "is empty"},
		{"blank", " \n", "is empty"},
		{"no JSON", "VERDICT: x", "not a report in JSON: line 1"},
		{"cut", `{"schema_version":"1","verdict":{`, "not a report in JSON"},
		{"a list", `[1]`, "not a report in JSON: line 1: it is an array, which does not belong there; give a file written with --format json"},
		{"a version that is a number", `{"schema_version":1}`, "not a report in JSON: line 1: schema_version is a number"},
		{"other JSON", `{"a":1}`, "no report (schema_version or verdict is missing)"},
		{"newer", `{"schema_version":"2","verdict":"of another shape"}`, "newer version of this program (schema 2, this one reads 1)"},
		{"much newer", `{"schema_version":"10.1","verdict":{}}`, "newer version"},
		{"odd version", `{"schema_version":"x\u001b[31m","verdict":{}}`, `unknown schema version`},
		{"older", `{"schema_version":"0","verdict":{}}`, `unknown schema version "0"`},
		{"wrong type", "{\"schema_version\":\"1\",\"verdict\":{},\n\"crashes\":[{\"id\":7}]}", "line 2: crashes.id is a number, which does not belong there"},
		{"bad time", `{"schema_version":"1","verdict":{},"window":{"from":"yesterday"}}`, "read the report"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadJSON(strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if err != nil && strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("the error carries an escape sequence: %q", err)
			}
		})
	}
}

func TestReadJSONTakesAdditionsAndByteOrderMark(t *testing.T) {
	r, err := ReadJSON(strings.NewReader("\xef\xbb\xbf" + `{"schema_version":"1","verdict":{"cause":"none","new":1},"more":[]}`))
	if err != nil || r.Verdict.Cause != finding.None {
		t.Errorf("got %v, %v", r, err)
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"schema_version":"1","verdict":{"cause":"none","grade":"likely","endpoint":null,"summary":"x"},"charts":{"flame":{"name":"a","children":[null]}}}`))
	f.Add([]byte(`{"schema_version":"1","verdict":{},"crashes":[{"time":"9999-12-31T23:59:59Z"}],"charts":{"memory":[{"points":[{"t":"0001-01-01T00:00:00Z","v":-1e308},{"v":1e308}]}],"requests":[{"seconds":1e300},{"seconds":-1}],"latency":[{"p50":-1,"p99":1e300,"count":1}]},"pattern":{}}`))
	for _, r := range []*finding.Report{undeterminedReport(), nothingReport()} {
		var buf bytes.Buffer
		if err := Write(&buf, r, Options{Format: JSON}); err != nil {
			f.Fatal(err)
		}
		f.Add(buf.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ReadJSON(bytes.NewReader(b))
		if err != nil {
			return
		}
		// Whatever was read can be rendered.
		for _, format := range []Format{Text, Markdown, JSON, HTML} {
			var buf bytes.Buffer
			if err := Write(&buf, r, Options{Format: format}); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
	})
}

// The schema.

func readSchema(t *testing.T) (schema map[string]any) {
	t.Helper()
	b, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSchemaCoversTheModel(t *testing.T) {
	want := buildSchema(t)
	if *update {
		b, err := json.MarshalIndent(want, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("schema.json", append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("schema.json written; run again without -update")
	}
	got := readSchema(t)
	// Descriptions come from the doc comments of the model and may lag behind them; all else must agree.
	var model map[string]any
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &model); err != nil {
		t.Fatal(err)
	}
	stripDescriptions(got)
	stripDescriptions(model)
	if diff := cmp.Diff(model, got); diff != "" {
		t.Errorf("schema.json does not fit the model; run `go test ./report -run TestSchema -update`. -model +schema:\n%s", diff)
	}
}

func TestReportsFitTheSchema(t *testing.T) {
	schema := readSchema(t)
	reports := fixtures()
	for i := range 12 { // so that every value of every enumeration comes up
		reports[fmt.Sprintf("every field, %d", i)] = (&filler{n: i}).report()
	}
	for name, r := range reports {
		for _, plain := range []bool{false, true} {
			var doc any
			if err := json.Unmarshal([]byte(write(t, r, Options{Format: JSON, NoRedact: plain})), &doc); err != nil {
				t.Fatal(err)
			}
			for _, e := range validate(schema, schema, doc, "$") {
				t.Errorf("%s: %s", name, e)
			}
		}
	}
}

func TestSchemaRefusesWhatIsWrong(t *testing.T) {
	schema := readSchema(t)
	for name, change := range map[string]func(m map[string]any){
		"missing list":  func(m map[string]any) { delete(m, "crashes") },
		"null list":     func(m map[string]any) { m["crashes"] = nil },
		"unknown cause": func(m map[string]any) { m["verdict"].(map[string]any)["cause"] = "gremlins" },
		"wrong type":    func(m map[string]any) { m["redacted"] = "yes" },
		"bad time":      func(m map[string]any) { m["window"].(map[string]any)["from"] = "noon" },
	} {
		var doc map[string]any
		if err := json.Unmarshal([]byte(write(t, burstReport(), Options{Format: JSON})), &doc); err != nil {
			t.Fatal(err)
		}
		change(doc)
		if len(validate(schema, schema, doc, "$")) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}

func stripDescriptions(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["description"].(string); ok {
			delete(v, "description")
		}
		for _, x := range v {
			stripDescriptions(x)
		}
	case []any:
		for _, x := range v {
			stripDescriptions(x)
		}
	}
}

// buildSchema derives the schema from the model by reflection, with its doc comments as descriptions.
func buildSchema(t *testing.T) map[string]any {
	t.Helper()
	docs := modelDocs(t)
	defs := map[string]any{}
	var typeOf func(rt reflect.Type, owner, field string) map[string]any
	typeOf = func(rt reflect.Type, owner, field string) map[string]any {
		switch {
		case rt == reflect.TypeFor[time.Time]():
			return map[string]any{"type": "string", "format": "date-time"}
		case enumOf(rt) != nil:
			return map[string]any{"type": "string", "enum": enumOf(rt)}
		}
		switch rt.Kind() {
		case reflect.Struct:
			name := rt.Name()
			if _, ok := defs[name]; !ok {
				def := map[string]any{"type": "object"}
				defs[name] = def
				props, required := map[string]any{}, []string{}
				for sf := range rt.Fields() {
					tag := sf.Tag.Get("json")
					if tag == "-" {
						continue
					}
					key, opts, _ := strings.Cut(tag, ",")
					p := typeOf(sf.Type, name, sf.Name)
					if d := docs[name+"."+sf.Name]; d != "" {
						p["description"] = d
					}
					props[key] = p
					if opts != "omitempty" {
						required = append(required, key)
					}
				}
				def["properties"] = props
				def["required"] = required
				if d := docs[name]; d != "" {
					def["description"] = d
				}
			}
			return map[string]any{"$ref": "#/$defs/" + name}
		case reflect.Pointer:
			return map[string]any{"anyOf": []any{typeOf(rt.Elem(), owner, field), map[string]any{"type": "null"}}}
		case reflect.Slice:
			return map[string]any{"type": "array", "items": typeOf(rt.Elem(), owner, field)}
		case reflect.String:
			s := map[string]any{"type": "string"}
			if e := fieldEnum(owner, field); e != nil {
				s["enum"] = e
			}
			return s
		case reflect.Bool:
			return map[string]any{"type": "boolean"}
		case reflect.Int, reflect.Int64:
			return map[string]any{"type": "integer"}
		case reflect.Float64:
			return map[string]any{"type": "number"}
		}
		t.Fatalf("the model has a new kind of field: %s", rt)
		return nil
	}
	typeOf(reflect.TypeFor[finding.Report](), "", "")
	root := defs["Report"].(map[string]any)
	delete(defs, "Report")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "lastcall report, schema version " + finding.SchemaVersion
	root["$defs"] = defs
	return root
}

// modelDocs reads the doc comments of the model: "Crash" and "Crash.Kind".
func modelDocs(t *testing.T) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../analyze/finding/finding.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	put := func(key string, groups ...*ast.CommentGroup) {
		for _, g := range groups {
			if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
				docs[key] = text
				return
			}
		}
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			ts, ok := s.(*ast.TypeSpec)
			if !ok {
				continue
			}
			put(ts.Name.Name, ts.Doc, g.Doc)
			st, ok := ts.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range st.Fields.List {
				for _, n := range field.Names {
					put(ts.Name.Name+"."+n.Name, field.Doc, field.Comment)
				}
			}
		}
	}
	return docs
}

// validate checks the part of JSON Schema that schema.json uses.
func validate(root, schema map[string]any, v any, at string) []string {
	var errs []string
	fail := func(format string, args ...any) { errs = append(errs, at+": "+fmt.Sprintf(format, args...)) }
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		return validate(root, root["$defs"].(map[string]any)[name].(map[string]any), v, at)
	}
	if choices, ok := schema["anyOf"].([]any); ok {
		var last []string
		for _, s := range choices {
			if last = validate(root, s.(map[string]any), v, at); len(last) == 0 {
				return nil
			}
			errs = append(errs, last...)
		}
		return errs
	}
	switch schema["type"] {
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			fail("%T is no object", v)
			return errs
		}
		for _, k := range schema["required"].([]any) {
			if _, ok := m[k.(string)]; !ok {
				fail("%s is missing", k)
			}
		}
		props := schema["properties"].(map[string]any)
		for k, x := range m {
			p, ok := props[k].(map[string]any)
			if !ok {
				fail("%s is not in the schema", k)
				continue
			}
			errs = append(errs, validate(root, p, x, at+"."+k)...)
		}
	case "array":
		a, ok := v.([]any)
		if !ok {
			fail("%T is no list", v)
			return errs
		}
		for i, x := range a {
			errs = append(errs, validate(root, schema["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case "string":
		s, ok := v.(string)
		if !ok {
			fail("%T is no string", v)
			return errs
		}
		if e, ok := schema["enum"].([]any); ok && !slices.Contains(e, v) {
			fail("%q is none of %v", s, e)
		}
		if schema["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339, s); err != nil || !strings.HasSuffix(s, "Z") {
				fail("%q is no time in UTC", s)
			}
		}
	case "integer":
		if f, ok := v.(float64); !ok || f != math.Trunc(f) {
			fail("%v is no integer", v)
		}
	case "number":
		if _, ok := v.(float64); !ok {
			fail("%v is no number", v)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			fail("%v is no boolean", v)
		}
	case "null":
		if v != nil {
			fail("%v is not null", v)
		}
	default:
		fail("the schema has an unknown type %v", schema["type"])
	}
	return errs
}
