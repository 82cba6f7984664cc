package jsondoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func flat(t testing.TB, text string) string {
	t.Helper()
	out, err := io.ReadAll(NewFlattener(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestObjectsOverManyLinesBecomeLines(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"two objects", "{\n  \"a\": \"b c\",\n  \"d\": [\n    1\n  ]\n}\n{\n  \"a\": 2\n}\n", "{\"a\":\"b c\",\"d\":[1]}\n\n\n\n\n\n{\"a\":2}\n\n\n"},
		{"an array", "[\n  {\n    \"a\": 1\n  },\n  {\"b\": 2}\n]\n", "\n{\"a\":1}\n\n\n{\"b\":2}\n\n"},
		{"an array on one line", "[{\"a\":1},{\"b\":2}]\n{\"c\":3}", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}"},
		{"objects back to back", "{\n\"a\":1\n}{\n\"b\":2\n}\n", "{\"a\":1}\n\n{\"b\":2}\n\n\n"},
		{"brackets and quotes in texts", "{\n \"a\": \"}\\\"{ \\\\\",\n \"b\": 1}\n", "{\"a\":\"}\\\"{ \\\\\",\"b\":1}\n\n\n"},
		{"text between objects", "{\n\"a\": 1\n}\nServer [1] started {\n{\n\"b\": 2\n}\n", "{\"a\":1}\n\n\nServer [1] started {\n{\"b\":2}\n\n\n"},
		{"an object that is cut off", "{\n  \"a\": 1,\n{\n  \"b\": {\n    \"c\": \"x\n{\n  \"d\": 3\n}\n", "{\"a\":1,\n\n{\"b\":{\"c\":\"x\n\n\n{\"d\":3}\n\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, flat(t, c.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			slow, err := io.ReadAll(NewFlattener(iotest.OneByteReader(strings.NewReader(c.text))))
			if err != nil || string(slow) != c.want {
				t.Errorf("byte by byte: %q, %v", slow, err)
			}
		})
	}
}

func FuzzFlatten(f *testing.F) {
	f.Add([]byte("{\n  \"a\": \"b c\",\n  \"d\": [\n    1\n  ]\n}\n{\n  \"a\": 2\n}\n"))
	f.Add([]byte("[\n{\"a\":1},{\"b\":2}\n]\n text"))
	f.Add([]byte("[{\n \"Id\": \"a\",\n \"State\": {\"ExitCode\": 1}\n}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := flat(t, string(data))
		slow, err := io.ReadAll(NewFlattener(iotest.OneByteReader(bytes.NewReader(data))))
		if err != nil || string(slow) != whole {
			t.Fatalf("in pieces: %q\nat once:   %q, %v", slow, whole, err)
		}
		if len(whole) > 2*len(data) {
			t.Fatalf("%d bytes became %d", len(data), len(whole))
		}
		// A document's lines are told by their number: a sound object stands on the line on which it begins.
		var v any
		if json.Unmarshal(data, &v) == nil {
			if _, ok := v.(map[string]any); ok {
				line := bytes.Count(data[:bytes.IndexByte(data, '{')], []byte("\n"))
				var back any
				if err := json.Unmarshal([]byte(strings.Split(whole, "\n")[line]), &back); err != nil || fmt.Sprint(back) != fmt.Sprint(v) {
					t.Fatalf("%q became %q: %v", data, whole, err)
				}
			}
		}
	})
}
