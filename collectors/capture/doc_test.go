package capture

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

// documented reads the members of every type of line from the table in doc.go, sorted.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(b), "says what it is:\n//\n")
	table, _, end := strings.Cut(table, "\n//\n")
	if !ok || !end {
		t.Fatal("doc.go has no table of the types of lines")
	}
	table = strings.ReplaceAll(table, "\n//\t           ", " ") // lines that go on
	out := map[string][]string{}
	for row := range strings.SplitSeq(table, "\n") {
		kind, rest, _ := strings.Cut(strings.TrimPrefix(row, "//\t"), " ")
		rest, _, _ = strings.Cut(rest, ":") // what it means follows
		rest = regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(rest, "")
		for name := range strings.SplitSeq(rest, ",") {
			out[kind] = append(out[kind], strings.TrimSpace(name))
		}
		slices.Sort(out[kind])
	}
	return out
}

// fill sets every field of a struct to something that is written.
func fill(v reflect.Value) {
	for _, f := range v.Fields() {
		switch f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(1)
		case reflect.Uint8:
			f.SetUint(1)
		case reflect.Float64:
			f.SetFloat(1)
		case reflect.Slice:
			f.SetBytes([]byte("x"))
		case reflect.Struct:
			fill(f)
		case reflect.Pointer:
			f.Set(reflect.ValueOf(&record.Source{Name: "x", Format: "x"}))
		default:
			panic("a field of a kind that no record had: " + f.Kind().String())
		}
	}
}

func filled[T any]() *T {
	v := new(T)
	fill(reflect.ValueOf(v).Elem())
	return v
}

func TestTheDocumentationNamesWhatIsWritten(t *testing.T) {
	c := chunk{sources: map[*record.Source]int{}}
	c.request(filled[record.Request]())
	c.sample(filled[record.Sample]())
	c.crash(filled[record.Crash]())
	c.lifecycle(filled[record.Lifecycle]())
	c.job(filled[record.Job]())
	c.exposure(filled[record.Exposure]())
	c.profile(filled[record.Profile]())
	c.warning(filled[record.Warning]())
	c.coverage(filled[record.Coverage]())
	c.note("x", []byte("1"))
	written := map[string][]string{}
	for line := range strings.Lines(string(c.buf)) {
		members := map[string]any{}
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatal(err)
		}
		kind := members["t"].(string)
		for _, common := range []string{"t", "s", "line"} {
			delete(members, common)
		}
		written[kind] = slices.Sorted(maps.Keys(members))
	}
	if diff := cmp.Diff(written, documented(t)); diff != "" {
		t.Errorf("doc.go says something else than what is written (-written +documented):\n%s", diff)
	}
}
