package orchestrator_test

import (
	"strings"
	"testing"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// collect reads a text as one of any format.
func collect(t testing.TB, text string) *recordtest.Sink {
	t.Helper()
	var sink recordtest.Sink
	o := evidence.Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)}
	if err := evidence.New(o).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	return &sink
}

// recognised asks that of all formats the one of this name is the surest of a text.
func recognised(t testing.TB, text, name string) {
	t.Helper()
	told := false
	for _, c := range collect(t, text).Coverages {
		if told = true; c.Source.Format != name {
			t.Errorf("recognised as %s, want %s", c.Source.Format, name)
		}
	}
	if !told {
		t.Errorf("nothing says how it was read, want %s", name)
	}
}
