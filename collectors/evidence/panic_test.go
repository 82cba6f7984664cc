package evidence

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lastcall/collectors/evidence/evidencetest"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// trap is a format with a bug that an input which begins with its word brings to light.
type trap struct{ word string }

func (trap) Name() string { return "trap" }

func (f trap) spring() int {
	var none []int
	return none[len(f.word)]
}

type sniffTrap struct{ trap }

func (f sniffTrap) Sniff(head []byte) int {
	if strings.Contains(string(head), f.word) {
		return f.spring()
	}
	return 0
}

type lineTrap struct{ trap }

func (lineTrap) Sniff([]byte) int                             { return 0 }
func (f lineTrap) NewParser(*record.Source) format.LineParser { return f }

func (f lineTrap) ParseLine(_ int64, line []byte, _ record.Sink) (bool, error) {
	if strings.Contains(string(line), f.word) {
		f.spring()
	}
	return false, nil
}

type wholeTrap struct{ trap }

func (f wholeTrap) Sniff(head []byte) int {
	if strings.Contains(string(head), f.word) {
		return 100
	}
	return 0
}

func (f wholeTrap) Parse(_ context.Context, src *record.Source, _ io.Reader, sink record.Sink) error {
	err := sink.Crash(&record.Crash{Pos: record.Pos{Source: src, Line: 1}, Time: 1, ExitCode: -1})
	f.spring()
	return err
}

func TestABugInOneFormatCostsNoOtherInput(t *testing.T) {
	const secret = "bob@example.com"
	for name, c := range map[string]struct {
		format format.Format
		bad    string
		used   bool // what came before is
	}{
		"sniffing":                         {sniffTrap{trap{secret}}, evidencetest.Scalingo + secret + "\n", false},
		"a line":                           {lineTrap{trap{secret}}, evidencetest.Scalingo + secret + "\n", true},
		"the first line":                   {lineTrap{trap{secret}}, secret + "\n", false},
		"a line of more than one can hold": {lineTrap{trap{secret}}, strings.Repeat(evidencetest.Scalingo, 20_000) + secret + "\n", true},
		"a document":                       {wholeTrap{trap{secret}}, secret + "\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			bad, good := filepath.Join(dir, "bad.log"), filepath.Join(dir, "good.log")
			for path, text := range map[string]string{bad: c.bad, good: evidencetest.Crash} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			collector := New(Options{Paths: []string{bad, good}, Workers: 2})
			collector.formats = append([]format.Format{c.format}, collector.formats...)
			var sink recordtest.Sink
			if err := collector.Collect(t.Context(), record.Query{}, &sink); err != nil {
				t.Fatal(err)
			}
			if n := sink.OpenForks(); n != 0 {
				t.Errorf("%d forked sinks were not joined", n)
			}
			fromGood, fromBad := 0, len(sink.Requests)
			for _, x := range sink.Crashes {
				if x.Pos.Source.Name == good {
					fromGood++
				} else {
					fromBad++
				}
			}
			if fromGood != 1 {
				t.Errorf("%d crashes from the sound input, want 1", fromGood)
			}
			if used := fromBad > 0; used != c.used {
				t.Errorf("%d records from the input with the bug", fromBad)
			}
			warned, missing := false, false
			for _, w := range sink.Warnings {
				if w.Code == "internal_error" && w.Pos.Source.Name == bad && strings.Contains(w.Text+w.Example, "evidence/panic_test.go:") {
					warned = true
				}
				if w.Code == "internal_error" && strings.Contains(w.Text+w.Example, "bob") {
					t.Errorf("the warning quotes the evidence: %+v", w)
				}
			}
			for _, v := range sink.Coverages {
				missing = missing || v.Source.Name == bad && strings.Contains(v.MissingReason, "internal error")
			}
			if !warned || !missing {
				t.Errorf("nothing tells of the bug: %+v, %+v", sink.Warnings, sink.Coverages)
			}
		})
	}
}

func TestABugWithoutOtherInputsIsTheError(t *testing.T) {
	collector := New(Options{Paths: []string{"-"}, Stdin: strings.NewReader("word\n")})
	collector.formats = append([]format.Format{lineTrap{trap{"word"}}}, collector.formats...)
	err := collector.Collect(t.Context(), record.Query{}, &recordtest.Sink{})
	if err == nil || !strings.Contains(err.Error(), "stdin: internal error at evidence/panic_test.go:") {
		t.Errorf("got %v", err)
	}
}
