package nightly

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"lastcall/cmd/internal/prose"
	"lastcall/cmd/internal/units"
)

// Message is the short text for people: what is new, worse, back or gone. It is empty when there is nothing to tell.
func Message(n *Night) string {
	var b strings.Builder
	for _, f := range n.Findings {
		if f.Reported {
			fmt.Fprintf(&b, "%s %s: %s\n", strings.ToUpper(string(f.Status)), prose.Plain(f.Service), headline(f))
			for _, extra := range details(f) {
				fmt.Fprintf(&b, "  %s\n", extra)
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "lastcall, night of " + prose.Minute(n.Started) + "\n" + b.String()
}

func headline(f Finding) string {
	return fmt.Sprintf("%s (%s, %s)", strings.TrimSuffix(prose.Plain(f.Summary), "."), f.Cause, f.Grade)
}

// details are what else is to be said of a finding, each as a line.
func details(f Finding) []string {
	var out []string
	if f.Change != "" {
		out = append(out, prose.Plain(f.Change))
	}
	if f.Kind == Crashes && f.CrashesSince > 0 {
		out = append(out, prose.Count(f.CrashesSince, "crash", "crashes")+" since the last run")
	}
	if f.TimeToLimit != nil && f.Status != Gone {
		t := f.TimeToLimit
		text := "reaches the memory limit in about " + seconds(t.Value)
		if t.Low < t.High {
			text += fmt.Sprintf(" (between %s and %s)", seconds(t.Low), seconds(t.High))
		}
		out = append(out, text)
	}
	if len(f.Containers) > 0 && f.Kind == Leak {
		shown := f.Containers
		if len(shown) > 6 {
			shown = shown[:6]
		}
		text := "on " + prose.Plain(strings.Join(shown, ", "))
		if len(shown) < len(f.Containers) {
			text += fmt.Sprintf(" and %d more", len(f.Containers)-len(shown))
		}
		out = append(out, text)
	}
	if f.Deploy != "" {
		out = append(out, prose.Plain(f.Deploy))
	}
	return out
}

func seconds(s float64) string { return prose.Span(units.Seconds(s)) }

// WriteText writes the night for a terminal, at most width columns wide.
func WriteText(w io.Writer, n *Night, width int) error {
	var b bytes.Buffer
	for i, text := range n.Undelivered {
		if i == 0 {
			b.WriteString("An interrupted run did not come to say this:\n\n")
		}
		for line := range strings.Lines(text) {
			b.WriteString("  " + line)
		}
		b.WriteString("\n")
	}
	told, quiet := split(n.Findings)
	if len(told) == 0 {
		b.WriteString(calm(n) + "\n")
	}
	for i, f := range told {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(hang(fmt.Sprintf("%-7s", strings.ToUpper(string(f.Status))), prose.Plain(f.Service)+": "+headline(f), width))
		for _, x := range details(f) {
			b.WriteString(prose.Wrap(x, "        ", width))
		}
	}
	if len(quiet) > 0 {
		b.WriteString("\nKnown, and told before:\n")
		for _, f := range quiet {
			text := prose.Plain(f.Service) + ": " + headline(f) + "; first seen " + prose.Minute(f.FirstSeen)
			if f.Change != "" {
				text += "; " + prose.Plain(f.Change)
			} else if f.CrashesSince > 0 {
				text += "; " + prose.Count(f.CrashesSince, "crash", "crashes") + " since the last run"
			}
			b.WriteString(hang(fmt.Sprintf("%-7s", f.Status), text, width))
		}
	}
	b.WriteString("\nServices:\n")
	for _, s := range n.Services {
		b.WriteString(hang("", serviceLine(s), width))
		for _, c := range firstCrashes(s) {
			b.WriteString(prose.Wrap(c, "          ", width))
		}
	}
	for _, x := range n.Notes {
		b.WriteString(prose.Wrap("Note: "+prose.Plain(x), "", width))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// calm says why nothing is told: nothing wrong, or nothing seen, which never look the same.
func calm(n *Night) string {
	failed, incomplete := 0, 0
	for _, s := range n.Services {
		switch s.Status {
		case "failed":
			failed++
		case "incomplete":
			incomplete++
		}
	}
	switch {
	case failed == len(n.Services):
		return "No service could be checked. This says nothing about how they are."
	case failed+incomplete > 0:
		return fmt.Sprintf("Nothing new in what was seen, but %d of %s could not be checked completely.", failed+incomplete, prose.Count(len(n.Services), "service", "services"))
	case len(n.Findings) > 0:
		return "Nothing new; what is known has not changed."
	}
	return "Nothing wrong in what was seen."
}

func split(list []Finding) (told, quiet []Finding) {
	for _, f := range list {
		if f.Reported {
			told = append(told, f)
		} else {
			quiet = append(quiet, f)
		}
	}
	return told, quiet
}

func serviceLine(s ServiceNight) string {
	text := prose.Plain(s.Service) + ": "
	switch {
	case s.Error != nil:
		return text + "NOT CHECKED: " + prose.Plain(*s.Error)
	case len(s.CrashesSince) > 0:
		text += prose.Count(len(s.CrashesSince), "crash", "crashes")
	default:
		text += "no crash"
	}
	if s.Since != nil {
		text += " since " + prose.Minute(*s.Since)
	} else {
		text += " between " + prose.Minute(s.From) + " and " + prose.Minute(s.To) + " (first check)"
	}
	if s.LastDeploy != nil {
		text += "; last deploy " + prose.Minute(s.LastDeploy.Time)
	}
	if len(s.Gaps) > 0 {
		text += "; INCOMPLETE: " + prose.Plain(strings.Join(s.Gaps, "; "))
	}
	return text
}

// maxCrashLines bounds the crashes that are listed per service; the JSON form has them all.
const maxCrashLines = 8

func firstCrashes(s ServiceNight) []string {
	var out []string
	for i, c := range s.CrashesSince {
		if i == maxCrashLines {
			out = append(out, fmt.Sprintf("and %d more", len(s.CrashesSince)-i))
			break
		}
		text := c.Time.UTC().Format("2006-01-02 15:04:05") + "  " + c.Container + "  " + c.Kind
		if c.Endpoint != nil {
			text += "  " + prose.Plain(*c.Endpoint)
		}
		out = append(out, text)
	}
	return out
}

// hang wraps text with label in front of its first line.
func hang(label, text string, width int) string {
	indent := strings.Repeat(" ", len(label)+1)
	if label == "" {
		indent = "    "
	}
	body := prose.Wrap(text, indent, width)
	if label == "" {
		return "  " + strings.TrimLeft(body, " ")
	}
	return label + body[len(label):]
}

// WriteJSON writes the night for machines.
func WriteJSON(w io.Writer, n *Night) error {
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteMarkdown writes the night for a page, such as the summary of a GitHub job.
func WriteMarkdown(w io.Writer, n *Night) error {
	var b bytes.Buffer
	b.WriteString("## lastcall: night of " + prose.Minute(n.Started) + "\n\n")
	for _, text := range n.Undelivered {
		b.WriteString("An interrupted run did not come to say this:\n\n")
		for line := range strings.Lines(text) {
			b.WriteString("> " + prose.Markdown(strings.TrimSpace(line)) + "  \n")
		}
		b.WriteString("\n")
	}
	told, quiet := split(n.Findings)
	if len(told) == 0 {
		b.WriteString(calm(n) + "\n\n")
	}
	for _, f := range told {
		fmt.Fprintf(&b, "- **%s** %s: %s\n", strings.ToUpper(string(f.Status)), prose.Markdown(f.Service), prose.Markdown(headline(f)))
		for _, x := range details(f) {
			fmt.Fprintf(&b, "  - %s\n", prose.Markdown(x))
		}
	}
	if len(told) > 0 {
		b.WriteString("\n")
	}
	if len(quiet) > 0 {
		fmt.Fprintf(&b, "<details><summary>%s told before</summary>\n\n", prose.Count(len(quiet), "finding", "findings"))
		for _, f := range quiet {
			fmt.Fprintf(&b, "- %s %s: %s, first seen %s\n", f.Status, prose.Markdown(f.Service), prose.Markdown(headline(f)), prose.Minute(f.FirstSeen))
		}
		b.WriteString("\n</details>\n\n")
	}
	b.WriteString("| service | state | crashes since the last run | verdict |\n| --- | --- | ---: | --- |\n")
	for _, s := range n.Services {
		status := s.Status
		switch {
		case s.Error != nil:
			status += ": " + *s.Error
		case len(s.Gaps) > 0:
			status += ": " + strings.Join(s.Gaps, "; ")
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s |\n", prose.Markdown(s.Service), prose.Markdown(status), len(s.CrashesSince), prose.Markdown(s.Verdict.Summary))
	}
	for i, x := range n.Notes {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString("- " + prose.Markdown(x) + "\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// The JUnit form, as CI systems read it: one suite per service, one case per question.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Failure *junitResult `xml:"failure,omitempty"`
		Error   *junitResult `xml:"error,omitempty"`
		Skipped *junitResult `xml:"skipped,omitempty"`
		Output  string       `xml:"system-out,omitempty"`
	}
	junitResult struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the night as JUnit XML. A finding that counts for the exit code is a failure; one that is known or below
// the threshold is skipped, with its text; a check that failed or was incomplete is an error.
func WriteJUnit(w io.Writer, n *Night) error {
	all := junitSuites{Name: "lastcall nightly"}
	for _, s := range n.Services {
		suite := junitSuite{Name: prose.Plain(s.Service), Timestamp: n.Started.UTC().Format("2006-01-02T15:04:05")}
		add := func(c junitCase) {
			c.Class = "lastcall." + suite.Name
			suite.Tests++
			switch {
			case c.Failure != nil:
				suite.Failures++
			case c.Error != nil:
				suite.Errors++
			case c.Skipped != nil:
				suite.Skipped++
			}
			suite.Cases = append(suite.Cases, c)
		}
		evidence := junitCase{Name: "the evidence is complete"}
		switch {
		case s.Error != nil:
			evidence.Error = &junitResult{Message: prose.Plain(*s.Error), Type: "failed"}
		case len(s.Gaps) > 0:
			evidence.Error = &junitResult{Message: prose.Plain(strings.Join(s.Gaps, "; ")), Type: "incomplete"}
		}
		add(evidence)
		found := false
		for _, f := range n.Findings {
			if f.Service != s.Service || f.Status == Gone {
				continue
			}
			found = true
			c := junitCase{Name: prose.Plain(strings.TrimPrefix(f.ID, f.Service+" "))}
			text := prose.Plain(string(f.Status) + ": " + headline(f))
			res := &junitResult{Message: text, Type: string(f.Cause), Text: strings.Join(details(f), "\n")}
			if f.Alert {
				c.Failure = res
			} else {
				c.Skipped = res
			}
			add(c)
		}
		if !found && s.Error == nil {
			add(junitCase{Name: "nothing wrong in what was seen", Output: prose.Plain(s.Verdict.Summary)})
		}
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Errors += suite.Errors
		all.Skipped += suite.Skipped
		all.Suites = append(all.Suites, suite)
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(append([]byte(xml.Header), b...), '\n'))
	return err
}
