package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze/finding"
)

// golden compares got with testdata/name, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; if that is right, run with -update. -want +got:\n%s", path, diff)
	}
}

// cet is a zone that does not depend on the time zone database of the machine.
var cet = time.FixedZone("CET", 3600)

func TestGolden(t *testing.T) {
	for name, r := range fixtures() {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", write(t, r, Options{Version: "1.2.3"}))
			golden(t, name+".md", write(t, r, Options{Format: Markdown, Location: cet, Version: "1.2.3"}))
			if r.Charts == nil { // the others are long, and are the fixtures over again
				golden(t, name+".json", write(t, r, Options{Format: JSON}))
			}
			if name == "leak" {
				golden(t, name+".svg", write(t, r, Options{Format: SVG, Version: "1.2.3"}))
			}
			if name == "undetermined" {
				golden(t, name+".html", write(t, r, Options{Format: HTML, Location: cet, Version: "1.2.3"}))
			}
		})
	}
}

func TestFormatNames(t *testing.T) {
	for name, want := range map[string]Format{"text": Text, "TXT": Text, "markdown": Markdown, "md": Markdown, "json": JSON, " html ": HTML, "svg": SVG, "pdf": "", "": ""} {
		got, err := ParseFormat(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseFormat(%q) = %q, %v", name, got, err)
		}
	}
	for file, want := range map[string]Format{"a.txt": Text, "dir.x/a.MD": Markdown, "a.json": JSON, "a.html": HTML, "a.htm": HTML, "growth.svg": SVG, "a.pdf": "", "a": "", "json": ""} {
		got, err := FormatForFile(file)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("FormatForFile(%q) = %q, %v", file, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), file) {
			t.Errorf("the error does not name the file: %v", err)
		}
	}
}

type brokenWriter struct{ after int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if len(p) > w.after {
		return w.after, errors.New("no space left on device")
	}
	return len(p), nil
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

func TestWriteErrorsAreReturned(t *testing.T) {
	for _, f := range Formats() {
		if err := Write(&brokenWriter{10}, leakReport(), Options{Format: f}); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s on a full disk: %v", f, err)
		}
		if err := Write(shortWriter{}, leakReport(), Options{Format: f}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s on a short write: %v", f, err)
		}
	}
	if err := Write(io.Discard, nil, Options{}); err == nil {
		t.Error("no error without a report")
	}
	if err := Write(io.Discard, leakReport(), Options{Format: "pdf"}); err == nil {
		t.Error("no error for an unknown format")
	}
	if err := Write(io.Discard, healthyReport(), Options{Format: SVG}); !errors.Is(err, ErrNoFlame) {
		t.Errorf("SVG without profiles: %v", err)
	}
}

func TestWriteChangesNothingAndIsTheSameEveryTime(t *testing.T) {
	for name, r := range fixtures() {
		want := fixtures()[name]
		for _, f := range Formats() {
			if f == SVG && (r.Charts == nil || r.Charts.Flame == nil) {
				continue
			}
			a := write(t, r, Options{Format: f, Color: true})
			if b := write(t, r, Options{Format: f, Color: true}); a != b {
				t.Errorf("%s as %s differs from one time to the next", name, f)
			}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Fatalf("%s: writing %s changed the report:\n%s", name, f, diff)
			}
		}
	}
}

func TestRedactedReportWrittenAgainStaysAsItIs(t *testing.T) {
	for name, r := range fixtures() {
		first := write(t, r, Options{Format: JSON})
		back, err := ReadJSON(strings.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, write(t, back, Options{Format: JSON})); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if s := write(t, back, Options{NoRedact: true}); strings.Contains(s, "NOT REDACTED") {
			t.Errorf("%s: a report that is redacted is said not to be", name)
		}
	}
}

func TestEveryFormatSaysWhenItIsNotRedacted(t *testing.T) {
	for _, f := range Formats() {
		open, masked := write(t, leakReport(), Options{Format: f, NoRedact: true}), write(t, leakReport(), Options{Format: f})
		said, silent := "NOT REDACTED", "Redacted:"
		if f == JSON {
			said, silent = `"redacted": false`, `"redacted": true`
		}
		if !strings.Contains(open, said) {
			t.Errorf("%s with NoRedact does not say so", f)
		}
		if strings.Contains(masked, said) || !strings.Contains(masked, silent) {
			t.Errorf("%s does not say that it is redacted", f)
		}
	}
}

func TestAllClearAndNothingSeenNeverLookTheSame(t *testing.T) {
	for _, f := range []Format{Text, Markdown, HTML} {
		clear, none := write(t, healthyReport(), Options{Format: f}), write(t, nothingReport(), Options{Format: f})
		none = strings.Join(strings.Fields(none), " ")
		if !strings.Contains(strings.ToUpper(clear), "NOTHING WRONG IN WHAT WAS SEEN") || strings.Contains(strings.ToUpper(clear), "NOTHING SEEN") {
			t.Errorf("%s of a quiet day is no all-clear:\n%.400s", f, clear)
		}
		if !strings.Contains(strings.ToUpper(none), "NOTHING SEEN") || strings.Contains(strings.ToUpper(none), "NOTHING WRONG IN") || !strings.Contains(none, "not an all-clear") {
			t.Errorf("%s of an empty folder looks like an all-clear:\n%.400s", f, none)
		}
	}
	// An analyzer that calls an empty input healthy is not believed.
	r := nothingReport()
	r.Verdict = finding.Verdict{Cause: finding.None, Grade: finding.Likely, Summary: "No crash."}
	if s := write(t, r, Options{}); !strings.HasPrefix(s, "NOTHING SEEN") {
		t.Errorf("got %.100s", s)
	}
}

func TestTextKeepsToItsWidth(t *testing.T) {
	reports := fixtures()
	reports["every field"] = (&filler{}).report()
	reports["long words"] = (&filler{str: func(_, _ string, n int) string {
		return strings.Repeat("x", n%300) + "/" + strings.Repeat("日本", n%50)
	}}).report()
	for name, r := range reports {
		for _, width := range []int{0, 40, 57, 80, 100, 300, -5} {
			want := width
			switch {
			case width == 0 || width > 100:
				want = 100
			case width < 40:
				want = 40
			}
			for i, l := range strings.Split(write(t, r, Options{Width: width, NoRedact: true}), "\n") {
				if n := columns(l); n > want {
					t.Errorf("%s at width %d: line %d has %d columns: %s", name, width, i+1, n, l)
				}
				if strings.TrimRight(l, " ") != l {
					t.Errorf("%s at width %d: line %d ends in spaces", name, width, i+1)
				}
			}
		}
	}
}

func TestColourOnlyWhenAsked(t *testing.T) {
	for name, r := range fixtures() {
		plain, coloured := write(t, r, Options{}), write(t, r, Options{Color: true})
		if strings.ContainsRune(plain, 0x1b) {
			t.Errorf("%s: colour without asking", name)
		}
		if !strings.ContainsRune(coloured, 0x1b) {
			t.Errorf("%s: no colour", name)
		}
		var b strings.Builder
		for rest := coloured; ; {
			before, after, ok := strings.Cut(rest, "\x1b[")
			b.WriteString(before)
			if !ok {
				break
			}
			_, rest, _ = strings.Cut(after, "m")
		}
		if diff := cmp.Diff(plain, b.String()); diff != "" {
			t.Errorf("%s: colour changes more than the colour:\n%s", name, diff)
		}
	}
}

func TestTextCutsLongLists(t *testing.T) {
	r := burstReport()
	for i := range 500 {
		c := r.Crashes[i%4]
		r.Crashes = append(r.Crashes, c)
		r.Timeline = append(r.Timeline, finding.Event{Time: c.Time, Kind: "memory", Text: "a reading", Observed: true})
		r.Warnings = append(r.Warnings, finding.Warning{Code: "x", Count: 1, Text: "odd"})
	}
	s := write(t, r, Options{})
	if n := strings.Count(s, "\n"); n > 400 {
		t.Errorf("%d lines", n)
	}
	for _, want := range []string{"CRASHES (504)", "… and 484 more", "… and 477 more", "… and 490 more"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if !strings.Contains(s, "web-2 dies: heap limit") {
		t.Error("a crash was cut from the timeline in favour of readings")
	}
}

func TestTextNamesEveryCauseWhenThereAreSeveral(t *testing.T) {
	r := burstReport()
	second := finding.Verdict{Cause: finding.CPUStall, Grade: finding.Possible, Summary: "web-9 was held by a loop.", Crashes: []string{"c9"}}
	r.Causes = []finding.Verdict{r.Verdict, second}
	for _, f := range []Format{Text, Markdown, HTML} {
		s := write(t, r, Options{Format: f})
		for _, want := range []string{"ause 1", "ause 2", "held by a loop"} {
			if !strings.Contains(s, want) {
				t.Errorf("%s lacks %q", f, want)
			}
		}
	}
}

func TestCrashesBlamedOnDifferentEndpointsAreToldApart(t *testing.T) {
	r := burstReport()
	r.Crashes[1].ExplainedBy = new("POST /b")
	r.Crashes[2].ExplainedBy = nil
	for _, f := range []Format{Text, HTML} {
		s := write(t, r, Options{Format: f})
		for _, want := range []string{"POST /b", "nobody"} {
			if !strings.Contains(s, want) {
				t.Errorf("%s lacks %q", f, want)
			}
		}
	}
}

// Every field of the model that says something must reach the reader.
func TestHTMLAndMarkdownShowEveryPartOfTheModel(t *testing.T) {
	// Short marks, which no table wraps.
	marks := map[string]string{}
	r := (&filler{str: func(s, f string, _ int) string {
		if marks[s+f] == "" {
			marks[s+f] = fmt.Sprintf("Z%dZ", len(marks))
		}
		return marks[s+f]
	}}).report()
	// An accused suspect, a coverage gap, and a check of every outcome.
	r.Suspects[0].Role, r.Suspects[0].Grade = finding.Culprit, finding.Likely
	r.Suspects[1].Role = finding.Bystander
	r.Coverage[1].Records = 0
	r.Verdict.Cause = finding.RequestBurst
	r.Causes = nil
	html, md, txt := write(t, r, Options{Format: HTML, NoRedact: true}), write(t, r, Options{Format: Markdown, NoRedact: true}), write(t, r, Options{NoRedact: true})
	for _, part := range []string{"VerdictSummary", "VerdictFunction", "CrashContainer", "CrashID", "EvidenceText", "SuspectEndpoint", "SuspectReasons", "ExampleContainer", "MemoryContainer", "MemoryNote",
		"HeapFunction", "HeapFile", "ReportHeapNotes", "GoroutinesFunction", "GoroutinesNote", "EventText", "EventSource", "CheckDetail", "CheckRule", "CoverageSource", "CoverageMissingReason", "WarningText",
		"WarningExample", "PatternValue", "PatternNext", "StepContainer", "RestartContainer", "RestartDetail", "ActionText", "ActionRule", "ReportMethod"} {
		for name, out := range map[string]string{"html": html, "markdown": md, "text": txt} {
			if marks[part] == "" || !strings.Contains(out, marks[part]) {
				t.Errorf("%s lacks %s", name, part)
			}
		}
	}
}
