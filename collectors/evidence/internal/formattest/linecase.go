package formattest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/record"
)

// Ignoring leaves out of comparisons what every record repeats.
func Ignoring() cmp.Options {
	return cmp.Options{
		cmpopts.IgnoreFields(record.Crash{}, "Pos", "Text"), cmpopts.IgnoreFields(record.Lifecycle{}, "Pos", "Text"), cmpopts.IgnoreFields(record.Sample{}, "Pos"),
		cmpopts.IgnoreFields(record.Job{}, "Pos"), cmpopts.EquateEmpty(),
	}
}

// LineCase is one line and the one record it gives, or none.
type LineCase struct {
	Name      string
	Line      string
	Crash     *record.Crash
	Lifecycle *record.Lifecycle
}

// CheckLines reads one line after the other.
func CheckLines(t *testing.T, f format.LineFormat, cases []LineCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			sink, unhandled := ReadLines(t, f, c.Line)
			if len(unhandled) > 0 {
				t.Fatalf("not handled: %q", unhandled)
			}
			var crashes []record.Crash
			if c.Crash != nil {
				crashes = []record.Crash{*c.Crash}
			}
			var lives []record.Lifecycle
			if c.Lifecycle != nil {
				lives = []record.Lifecycle{*c.Lifecycle}
			}
			if diff := cmp.Diff(crashes, sink.Crashes, Ignoring()); diff != "" {
				t.Errorf("crashes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(lives, sink.Lifecycles, Ignoring()); diff != "" {
				t.Errorf("lifecycle (-want +got):\n%s", diff)
			}
			for _, x := range sink.Crashes {
				if x.Pos.Line == 0 || x.Pos.Source == nil || x.Text == "" {
					t.Errorf("crash without position or text: %+v", x)
				}
			}
		})
	}
}
