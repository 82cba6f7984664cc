package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

// writeMarkdown writes the report as the draft of a postmortem. It keeps to what GitHub, GitLab, Notion, Confluence and Slack
// all take: headings, paragraphs, flat lists, simple tables, code spans; no HTML, no links, no nesting. Everything from the
// evidence passes mdText or mdCode.
func writeMarkdown(buf *bytes.Buffer, r *finding.Report, o Options) error {
	m := &markdown{buf: buf, zone: o.Location}
	m.title(r)
	m.summary(r)
	m.impact(r)
	m.timeline(r)
	m.rootCause(r)
	m.notSeen(r)
	m.actions(r)
	m.appendix(r, o)
	return nil
}

type markdown struct {
	buf  *bytes.Buffer
	zone *time.Location
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(m.buf, format, args...) }

func (m *markdown) heading(level int, text string) {
	if b := m.buf.Bytes(); len(b) > 0 && !bytes.HasSuffix(b, []byte("\n\n")) {
		m.printf("\n")
	}
	m.printf("%s %s\n\n", strings.Repeat("#", level), text)
}

func (m *markdown) item(text string) { m.printf("- %s\n", text) }

// table writes a table of cells that are Markdown already; pipes in them are escaped here.
func (m *markdown) table(head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	line := func(cells []string) {
		for _, c := range cells {
			m.printf("| %s ", mdCell(c))
		}
		m.printf("|\n")
	}
	line(head)
	for range head {
		m.printf("| --- ")
	}
	m.printf("|\n")
	for _, r := range rows {
		line(r)
	}
}

// local is the time in the zone of the reader: "14:47:57 CET"; empty without a zone.
func (m *markdown) local(t time.Time) string {
	if m.zone == nil || t.IsZero() {
		return ""
	}
	return zoneTime(t, m.zone)
}

// both is a time in UTC and in the zone of the reader.
func (m *markdown) both(t time.Time) string {
	s := dateTimeUTC(t)
	if l := m.local(t); l != "" {
		s += " (" + l + ")"
	}
	return s
}

func (m *markdown) title(r *finding.Report) {
	t := "Postmortem draft"
	switch {
	case nothingSeen(r):
		t = "Nothing seen"
	case r.Verdict.Cause == finding.None:
		t = "Nothing wrong in what was seen"
	case r.Verdict.Cause == finding.Undetermined:
		t += ": cause undetermined"
	default:
		t += ": " + mdText(strings.ReplaceAll(string(r.Verdict.Cause), "_", " "))
	}
	m.heading(1, t)
	if !r.Redacted {
		m.printf("**%s**\n\n", redactionText(r))
	}
}

func (m *markdown) summary(r *finding.Report) {
	m.heading(2, "Summary")
	head := sentence(headline(r))
	if g := besideHeadline(r); g != "" {
		head += " (" + mdText(g) + ")"
	}
	m.printf("**%s.** %s\n\n", head, summaryOf(r, mdText(r.Verdict.Summary)))
	if !r.Window.From.IsZero() {
		m.item("Evidence from " + m.both(r.Window.From) + " to " + m.both(r.Window.To))
	}
	for i, v := range causesOf(r) {
		lead := "Cause"
		if len(r.Causes) > 1 {
			lead = fmt.Sprintf("Cause %d", i+1)
		}
		m.item(lead + ": " + mdText(causeLine(r, &v)))
		if i > 0 && v.Summary != "" {
			m.item(lead + ", in one sentence: " + mdText(v.Summary))
		}
		if v.Endpoint != nil {
			t := "Endpoint: " + mdCode(*v.Endpoint)
			if s := suspectOf(r, *v.Endpoint); s != nil {
				t += ", " + presenceText(s)
			}
			m.item(t)
		} else {
			m.item("Endpoint: none is accused")
		}
		if c := codeText(v.Function, v.File); c != "" {
			m.item("Code: " + mdCode(c))
		}
		if len(r.Causes) > 1 && len(v.Crashes) > 0 {
			m.item("Crashes: " + mdText(strings.Join(v.Crashes, ", ")))
		}
	}
}

func (m *markdown) impact(r *finding.Report) {
	m.heading(2, "Impact")
	switch {
	case nothingSeen(r):
		m.printf("Nothing was seen, so nothing can be said.\n")
		return
	case len(r.Crashes) == 0:
		m.item("No crash was seen.")
	default:
		names := distinctContainers(r)
		m.item(plural(int64(len(r.Crashes)), "crash", "crashes") + " of " + plural(int64(len(names)), "container", "containers") + ": " + mdCode(strings.Join(names, ", ")))
	}
	if r.Impact != nil {
		m.item(sentenceFirst(impactText(r.Impact)) + ".")
	} else {
		m.item("No requests were seen, so what users felt is not known.")
	}
}

// mdRows bounds a table of the appendix and of the evidence; a page of Markdown is read by people.
const (
	mdRows     = 50
	mdTimeline = 200
	mdQuote    = 100 // characters
)

func (m *markdown) timeline(r *finding.Report) {
	m.heading(2, "Timeline")
	if len(r.Timeline) == 0 {
		m.printf("Nothing to tell.\n")
		return
	}
	events, more := finding.MainEvents(r.Timeline, mdTimeline)
	head := []string{"Time (UTC)"}
	if m.zone != nil {
		head = append(head, "Local time")
	}
	head = append(head, "What happened", "Observed", "Source")
	var rows [][]string
	for i := range events {
		e := &events[i]
		row := []string{dateTime(e.Time.UTC())}
		if m.zone != nil {
			row = append(row, m.local(e.Time))
		}
		what := mdText(e.Text)
		switch {
		case e.Kind == finding.EventCrash:
			what = "**Crash:** " + what
		case e.Kind.ByPeople():
			what = sentence(string(e.Kind)) + ": " + what
		}
		rows = append(rows, append(row, what, observedText(e), mdCode(cite(e.Source, e.Line))))
	}
	m.table(head, rows)
	m.more(more)
}

func (m *markdown) more(n int) {
	if n > 0 {
		m.printf("\n… and %s more.\n", countText(int64(n)))
	}
}

func (m *markdown) rootCause(r *finding.Report) {
	m.heading(2, "Root cause")
	accused, others := splitSuspects(r)
	if len(accused) == 0 {
		if nothingSeen(r) {
			m.printf("%s\n", nobodyJudged)
		} else {
			m.printf("%s\n", noneAccused)
		}
	}
	for i, s := range accused {
		if i > 0 {
			m.printf("\n")
		}
		m.suspect(s)
	}
	m.pattern(r.Pattern)
	m.curves(r)
	m.heap(r)
	m.checks(r)
	m.others(others)
}

func (m *markdown) pattern(p *finding.Pattern) {
	if p == nil {
		return
	}
	m.heading(3, "Serial pattern")
	m.printf("%s\n\n", mdPattern(p))
	var rows [][]string
	for i, s := range p.Steps {
		rows = append(rows, []string{strconv.Itoa(i + 1), mdCode(s.Container), mdText(s.Crash), dateTime(s.Start.UTC()), durationText(s.Seconds)})
	}
	m.table([]string{"Step", "Container", "Crash", "Started (UTC)", "Ran until the death"}, rows)
	if p.Next != "" {
		m.printf("\nIf it goes on: %s\n", mdText(p.Next))
	}
}

func (m *markdown) curves(r *finding.Report) {
	rows := atMost(memoryCurves(r), mdRows)
	if len(rows) == 0 {
		return
	}
	for _, row := range rows {
		row[0], row[1], row[2] = mdText(row[0]), mdCode(row[1]), mdText(row[2])
		row[4] = mdCode(row[4])
	}
	m.heading(3, "Memory up to each death")
	m.table([]string{"Crash", "Container", "Metric", "From", "Curve", "To (of limit)", "Blind for"}, rows)
}

func (m *markdown) heap(r *finding.Report) {
	if len(r.Heap) == 0 && len(r.HeapNotes) == 0 {
		return
	}
	m.heading(3, "Heap growth")
	var rows [][]string
	for i := range atMost(r.Heap, mdRows) {
		h := &r.Heap[i]
		endpoint := ""
		if h.Endpoint != nil {
			endpoint = mdCode(*h.Endpoint)
		}
		rows = append(rows, []string{mdCode(h.Function), mdCode(heapFile(h)), growthText(float64(h.GrowthBytes)), percentText(h.Share), endpoint, strconv.Itoa(h.Profiles)})
	}
	m.table([]string{"Function", "File", "Growth", "Share", "Endpoint", "Profiles"}, rows)
	m.more(len(r.Heap) - len(rows))
	if len(r.HeapNotes) > 0 {
		m.printf("\n")
	}
	for _, n := range r.HeapNotes {
		m.item(mdText(n))
	}
}

func mdPattern(p *finding.Pattern) string {
	return strings.Replace(mdText(patternText(p)), mdText("("+clean(p.Value)+")"), "("+mdCode(p.Value)+")", 1)
}

func (m *markdown) suspect(s *finding.Suspect) {
	m.printf("%s is the %s (%s).\n\n", mdCode(s.Endpoint), mdText(string(s.Role)), mdText(string(s.Grade)))
	m.item(sentenceFirst(presenceText(s)))
	if t := strengthText(s); t != "" {
		m.item(sentenceFirst(mdText(t)))
	}
	if s.LongestSeconds > 0 {
		m.item("Longest: " + durationText(s.LongestSeconds))
	}
	if s.BytesPerRequest != nil {
		m.item("Memory per request: " + bytesEstimate(*s.BytesPerRequest, ""))
	}
	if t := trafficText(s); t != "" {
		m.item(sentenceFirst(t))
	}
	if c := codeText(s.Function, s.File); c != "" {
		m.item("Code: " + mdCode(c))
	}
	for _, x := range s.Reasons {
		m.item(mdText(x))
	}
	if len(s.Examples) == 0 {
		return
	}
	m.printf("\n")
	var rows [][]string
	for i := range atMost(s.Examples, mdRows) {
		e := &s.Examples[i]
		rows = append(rows, []string{mdText(e.Crash), mdCode(e.Container), dateTime(e.Start.UTC()), durationText(e.Seconds), mdText(outcomeText(e.Outcome, e.Status)),
			mdCode(e.Path), mdCode(e.User), mdCode(e.RequestID), mdCode(cite(e.Source, e.Line))})
	}
	m.table([]string{"Crash", "Container", "Started (UTC)", "Ran", "Outcome", "Path", "User", "Request", "Source"}, rows)
	m.more(len(s.Examples) - len(rows))
}

// checks are what was looked at for and against the verdict; what could not be is said elsewhere.
func (m *markdown) checks(r *finding.Report) {
	if len(r.Checks) == 0 {
		return
	}
	m.heading(3, "What was checked, for and against")
	var rows [][]string
	for _, g := range checkGroups {
		if g.outcome == finding.NotPossible {
			continue
		}
		for _, c := range checksOf(r, g.outcome) {
			rows = append(rows, []string{sentenceFirst(g.title), mdText(c.Detail), mdCode(c.Rule)})
		}
	}
	m.table([]string{"Outcome", "What was found", "Rule"}, rows)
}

// others are the endpoints that were weighed and not accused.
func (m *markdown) others(others []*finding.Suspect) {
	if len(others) == 0 {
		return
	}
	m.heading(3, "Other endpoints")
	var rows [][]string
	for _, s := range atMost(others, mdRows) {
		rows = append(rows, []string{mdCode(s.Endpoint), mdText(string(s.Role)), withText(s), quietText(s), mdText(firstReason(s))})
	}
	m.table([]string{"Endpoint", "Part", "Crashes", "Quiet windows", "Why"}, rows)
	m.more(len(others) - len(rows))
}

// notSeen lists the gaps: what was missing, what could not be checked, what was odd.
func (m *markdown) notSeen(r *finding.Report) {
	m.heading(2, "What could not be seen")
	n := m.buf.Len()
	for i := range r.Coverage {
		c := &r.Coverage[i]
		what := mdText(c.Signal) + " from " + mdCode(c.Source)
		switch {
		case c.Records == 0:
			m.item("Missing: " + what + ": " + mdText(missingText(c)))
		case missing(c):
			m.item("Partly missing: " + what + ": " + mdText(missingText(c)))
		case c.Sampled != nil:
			m.item("Sampled: " + what + ", " + percentText(*c.Sampled))
		}
	}
	for _, c := range checksOf(r, finding.NotPossible) {
		m.item("Could not be checked: " + mdText(c.Detail) + " (" + mdCode(c.Rule) + ")")
	}
	var notes grouping
	for i := range r.Memory {
		if x := &r.Memory[i]; x.Note != "" {
			notes.add(x.Note, clean(x.Container), "")
		}
	}
	for _, g := range notes.groups {
		m.item("Memory of " + mdCode(g.who()) + ": " + mdText(g.text))
	}
	for i := range atMost(r.Warnings, mdRows) {
		m.item("Input: " + mdWarning(&r.Warnings[i]))
	}
	if more := len(r.Warnings) - mdRows; more > 0 {
		m.item(fmt.Sprintf("… and %d more warnings", more))
	}
	if m.buf.Len() == n {
		m.printf("Nothing that was looked for was missing.\n")
	}
}

func mdWarning(w *finding.Warning) string {
	t := countText(w.Count) + " × " + mdText(w.Text)
	if c := cite(w.Source, w.Line); c != "" {
		t += ", first at " + mdCode(c)
	}
	if w.Example != nil && *w.Example != "" {
		t += ", such as " + mdCode(cut(clean(*w.Example), exampleLength))
	}
	return t
}

func (m *markdown) actions(r *finding.Report) {
	m.heading(2, "Action items")
	if len(r.Actions) == 0 {
		m.printf("%s\n", noActions(r))
		return
	}
	for i, a := range r.Actions {
		t := mdText(a.Text)
		if a.Rule != "" {
			t += " (follows from " + mdCode(a.Rule) + ")"
		}
		if k := actionTitle(a.Kind); k != "" {
			t = "**" + strings.TrimSpace(k) + "** " + t
		}
		m.printf("%d. %s\n", i+1, t)
	}
}

func (m *markdown) appendix(r *finding.Report, o Options) {
	m.crashes(r)
	m.restarts(r)
	m.memory(r)
	m.goroutines(r)
	m.seen(r)
	if len(r.Method) > 0 {
		m.printf("\nThe numbers rest on:\n\n")
		for _, x := range r.Method {
			m.item(mdText(x))
		}
	}
	m.printf("\n%s", redactionText(r))
	if o.Version != "" {
		m.printf(" Written by lastcall %s.", mdText(o.Version))
	}
	m.printf("\n")
}

func (m *markdown) crashes(r *finding.Report) {
	if len(r.Crashes) == 0 {
		return
	}
	m.heading(2, "Crashes")
	var rows [][]string
	for i := range atMost(r.Crashes, mdRows) {
		c := &r.Crashes[i]
		said := ""
		if len(c.Evidence) > 0 {
			e := &c.Evidence[0]
			said = mdCode(cut(evidenceText(e.Text, r.Redacted), mdQuote))
			if x := cite(e.Source, e.Line); x != "" {
				said += " in " + mdCode(x)
			}
		}
		rows = append(rows, []string{mdText(c.ID), m.both(c.Time), mdCode(c.Container), mdText(deathText(c)), uptimeText(c, ""), mdText(lastMemoryText(c.LastMemory)), crashRequestsText(c.Requests), said})
	}
	m.table([]string{"Crash", "Time", "Container", "How it died", "After", "Memory last seen", "Requests " + crashRequestsTitle, "Evidence"}, rows)
	m.more(len(r.Crashes) - len(rows))
}

func (m *markdown) restarts(r *finding.Report) {
	if len(r.Restarts) == 0 {
		return
	}
	m.heading(2, restartsTitle(r.Restarts))
	var rows [][]string
	for _, x := range atMost(r.Restarts, mdRows) {
		rows = append(rows, []string{m.both(x.Time), mdCode(x.Container), mdText(restartText(x.Reason)), mdText(x.Detail)})
	}
	m.table([]string{"Time", "Container", "Reason", "Detail"}, rows)
	m.more(len(r.Restarts) - len(rows))
}

func (m *markdown) memory(r *finding.Report) {
	if len(r.Memory) == 0 {
		return
	}
	m.heading(2, "Memory")
	var rows [][]string
	shown, rest := tellingMemory(r.Memory, mdRows)
	for _, x := range shown {
		rows = append(rows, []string{mdCode(x.Container), mdText(metricText(x.Metric)), mdText(shapeText(x.Shape)), slopeText(x), reachedText(x), mdText(limitTimeText(x)), durationText(x.SampleIntervalSeconds)})
	}
	m.table([]string{"Container", "Metric", "Shape", "Floor grows per hour (90%)", "Highest (of limit)", "Time to limit (90%)", "Sample every"}, rows)
	if rest != "" {
		m.printf("\n%s.\n", rest)
	}
}

func (m *markdown) goroutines(r *finding.Report) {
	if len(r.Goroutines) == 0 {
		return
	}
	m.heading(2, "Goroutines")
	var rows [][]string
	for i := range atMost(r.Goroutines, mdRows) {
		g := &r.Goroutines[i]
		rows = append(rows, []string{mdCode(g.Container), mdCode(codeText(&g.Function, g.File)), mdText(g.State), blockedText(g), yesNo(g.Leak), mdText(g.Note)})
	}
	m.table([]string{"Container", "Blocked at", "State", "Count", "Leak", "Note"}, rows)
	m.more(len(r.Goroutines) - len(rows))
}

// seen lists the sources that held something.
func (m *markdown) seen(r *finding.Report) {
	m.heading(2, "What was seen")
	var rows [][]string
	cover := foldCoverage(r.Coverage)
	for i := range cover {
		if c := &cover[i]; c.Records > 0 {
			rows = append(rows, []string{mdCode(c.Source), mdText(c.Signal), spanText(c), countText(c.Records), mdText(sampledText(c))})
		}
	}
	if len(rows) == 0 {
		m.printf("Nothing.\n")
	}
	m.table([]string{"Source", "Signal", "Time (UTC)", "Records", "Note"}, atMost(rows, mdRows))
	m.more(len(rows) - mdRows)
}
