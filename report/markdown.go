package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

// mdCell escapes the pipes of a cell; an empty cell holds a dash, because some editors drop empty ones.
func mdCell(s string) string {
	if s == "" {
		return "-"
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] == '|' && !backslashed(s, i) {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// backslashed reports whether the byte at i stands after an odd number of backslashes.
func backslashed(s string, i int) bool {
	n := 0
	for i > n && s[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// mdCode writes s as a code span, in which nothing acts.
func mdCode(s string) string {
	s = strings.TrimSpace(clean(s))
	if s == "" {
		return ""
	}
	// A fence longer than any run of backticks inside.
	run, longest := 0, 0
	for i := range len(s) {
		if s[i] == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	if s[0] == '`' || s[len(s)-1] == '`' {
		s = " " + s + " "
	}
	// A backslash before a pipe would escape the escape of the pipe in a table.
	return fence + strings.ReplaceAll(s, `\|`, `\ |`) + fence
}

// mdText writes prose so that nothing in it acts: no emphasis, link, image, HTML, entity, heading, list, mention or formula.
// Words that renderers turn into links or mentions by themselves (URLs, addresses, @names, #123) become code spans, for no
// escape stops those.
func mdText(s string) string {
	words := strings.Fields(clean(s))
	for i, w := range words {
		switch {
		case linkish(w):
			words[i] = mdCode(w)
		default:
			words[i] = mdEscape(w)
		}
	}
	t := strings.Join(words, " ")
	if t == "" {
		return ""
	}
	// What would begin a block at the start of a list item.
	if strings.IndexByte("#>-+=:", t[0]) >= 0 {
		return `\` + t
	}
	digits := 0
	for digits < len(t) && t[digits] >= '0' && t[digits] <= '9' {
		digits++
	}
	if digits > 0 && digits < len(t) && (t[digits] == '.' || t[digits] == ')') && (digits+1 == len(t) || t[digits+1] == ' ') {
		return t[:digits] + `\` + t[digits:]
	}
	return t
}

// linkish reports whether a renderer would link the word, or notify somebody.
func linkish(w string) bool {
	l := strings.ToLower(w)
	if strings.Contains(l, "://") || strings.Contains(l, "www.") || strings.Contains(l, "mailto:") || strings.Contains(l, "xmpp:") || strings.Contains(w, "@") {
		return true
	}
	for _, mark := range []byte("#!") { // issues and merge requests
		if i := strings.IndexByte(w, mark); i >= 0 && i+1 < len(w) && w[i+1] >= '0' && w[i+1] <= '9' {
			return true
		}
	}
	return false
}

// mdEscape escapes what acts inside a line.
func mdEscape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '`', '*', '[', ']', '<', '~', '$':
			b.WriteByte('\\')
		case '_':
			// Between letters it is a part of a name and never emphasis.
			before, _ := utf8.DecodeLastRuneInString(s[:i])
			after, _ := utf8.DecodeRuneInString(s[i+1:])
			if !letterOrDigit(before) || !letterOrDigit(after) {
				b.WriteByte('\\')
			}
		case '&':
			if j := strings.IndexByte(s[i:], ';'); j > 1 {
				b.WriteByte('\\')
			}
		case '\\':
			if i+1 < len(s) && s[i+1] < utf8.RuneSelf && !letterOrDigit(rune(s[i+1])) || i+1 == len(s) {
				b.WriteByte('\\')
			}
		case '|':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func letterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// local is the time in the zone of the reader: "14:47:57 CET"; empty without a zone.
func (m *markdown) local(t time.Time) string {
	if m.zone == nil || t.IsZero() {
		return ""
	}
	return t.In(m.zone).Format("2006-01-02 15:04:05 MST")
}

// both is a time in UTC and in the zone of the reader.
func (m *markdown) both(t time.Time) string {
	s := dateTimeUTC(t)
	if l := m.local(t); l != "" {
		s += " (" + l + ")"
	}
	return s
}

// sentence capitalises s, which is of ours, as "Request burst".
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
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
	summary := mdText(r.Verdict.Summary)
	if nothingSeen(r) {
		summary = strings.TrimSpace(nothingSeenText + " " + summary)
	}
	head := sentence(headline(r))
	if g := string(r.Verdict.Grade); g != "" && !strings.EqualFold(head, g) && !nothingSeen(r) {
		head += " (" + mdText(g) + ")"
	}
	m.printf("**%s.** %s\n\n", head, summary)
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

func sentenceFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// distinctContainers are the containers that crashed, in the order in which they first did.
func distinctContainers(r *finding.Report) []string {
	var names []string
	seen := map[string]bool{}
	for i := range r.Crashes {
		if n := clean(r.Crashes[i].Container); !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names
}

// mdRows bounds a table of the appendix and of the evidence; a page of Markdown is read by people.
const (
	mdRows     = 50
	mdTimeline = 200
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
		observed := "observed"
		if !e.Observed {
			observed = "inferred"
		}
		rows = append(rows, append(row, what, observed, mdCode(cite(e.Source, e.Line))))
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
			m.printf("Nothing was seen, so nobody can be suspected or cleared.\n")
		} else {
			m.printf("No endpoint is accused.\n")
		}
	}
	for i, s := range accused {
		if i > 0 {
			m.printf("\n")
		}
		m.suspect(s)
	}
	if p := r.Pattern; p != nil {
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
	if rows := mdCurves(r); len(rows) > 0 {
		m.heading(3, "Memory up to each death")
		m.table([]string{"Crash", "Container", "Metric", "From", "Curve", "To (of limit)", "Blind for"}, rows)
	}
	if len(r.Heap) > 0 || len(r.HeapNotes) > 0 {
		m.heading(3, "Heap growth")
		var rows [][]string
		for i := range r.Heap {
			if i == mdRows {
				break
			}
			h := &r.Heap[i]
			ep := ""
			if h.Endpoint != nil {
				ep = mdCode(*h.Endpoint)
			}
			rows = append(rows, []string{mdCode(h.Function), mdCode(heapFile(h)), growthText(float64(h.GrowthBytes)), percentText(h.Share), ep, strconv.Itoa(h.Profiles)})
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
	m.rivals(r, others)
}

func mdPattern(p *finding.Pattern) string {
	return strings.Replace(mdText(patternText(p)), mdText("("+clean(p.Value)+")"), "("+mdCode(p.Value)+")", 1)
}

func mdCurves(r *finding.Report) [][]string {
	rows := memoryCurves(r)
	if len(rows) > mdRows {
		rows = rows[:mdRows]
	}
	for _, row := range rows {
		row[0], row[1], row[2] = mdText(row[0]), mdCode(row[1]), mdText(row[2])
		row[4] = mdCode(row[4])
	}
	return rows
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
	for i := range s.Examples {
		if i == mdRows {
			break
		}
		e := &s.Examples[i]
		rows = append(rows, []string{mdText(e.Crash), mdCode(e.Container), dateTime(e.Start.UTC()), durationText(e.Seconds), mdText(outcomeText(e.Outcome, e.Status)),
			mdCode(e.Path), mdCode(e.User), mdCode(e.RequestID), mdCode(cite(e.Source, e.Line))})
	}
	m.table([]string{"Crash", "Container", "Started (UTC)", "Ran", "Outcome", "Path", "User", "Request", "Source"}, rows)
	m.more(len(s.Examples) - len(rows))
}

// rivals are the other explanations and endpoints that were weighed.
func (m *markdown) rivals(r *finding.Report, others []*finding.Suspect) {
	if len(r.Checks) > 0 {
		m.heading(3, "What was checked, for and against")
		var rows [][]string
		for _, g := range checkGroups {
			for i := range r.Checks {
				if c := &r.Checks[i]; c.Outcome == g.outcome && g.outcome != finding.NotPossible {
					rows = append(rows, []string{sentenceFirst(g.title), mdText(c.Detail), mdCode(c.Rule)})
				}
			}
		}
		m.table([]string{"Outcome", "What was found", "Rule"}, rows)
	}
	if len(others) > 0 {
		m.heading(3, "Other endpoints")
		var rows [][]string
		for i, s := range others {
			if i == mdRows {
				break
			}
			why := ""
			if len(s.Reasons) > 0 {
				why = mdText(s.Reasons[0])
			}
			rows = append(rows, []string{mdCode(s.Endpoint), mdText(string(s.Role)), fmt.Sprintf("%d of %d", s.CrashesWith, s.CrashesTotal), quietText(s), why})
		}
		m.table([]string{"Endpoint", "Part", "Crashes", "Quiet windows", "Why"}, rows)
		m.more(len(others) - len(rows))
	}
}

// notSeen lists the gaps: what was missing, what could not be checked, what was odd.
func (m *markdown) notSeen(r *finding.Report) {
	m.heading(2, "What could not be seen")
	n := m.buf.Len()
	for i := range r.Coverage {
		c := &r.Coverage[i]
		switch {
		case c.Records == 0:
			m.item("Missing: " + mdText(c.Signal) + " from " + mdCode(c.Source) + ": " + mdText(missingText(c)))
		case missing(c):
			m.item("Partly missing: " + mdText(c.Signal) + " from " + mdCode(c.Source) + ": " + mdText(missingText(c)))
		case c.Sampled != nil:
			m.item("Sampled: " + mdText(c.Signal) + " from " + mdCode(c.Source) + ", " + percentText(*c.Sampled))
		}
	}
	for i := range r.Checks {
		if c := &r.Checks[i]; c.Outcome == finding.NotPossible {
			m.item("Could not be checked: " + mdText(c.Detail) + " (" + mdCode(c.Rule) + ")")
		}
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
	for i := range r.Warnings {
		if i == mdRows {
			m.item(fmt.Sprintf("… and %d more warnings", len(r.Warnings)-i))
			break
		}
		w := &r.Warnings[i]
		t := "Input: " + countText(w.Count) + " × " + mdText(w.Text)
		if c := cite(w.Source, w.Line); c != "" {
			t += ", first at " + mdCode(c)
		}
		if w.Example != nil && *w.Example != "" {
			t += ", such as " + mdCode(cut(clean(*w.Example), 120))
		}
		m.item(t)
	}
	if m.buf.Len() == n {
		m.printf("Nothing that was looked for was missing.\n")
	}
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
	if len(r.Crashes) > 0 {
		m.heading(2, "Crashes")
		var rows [][]string
		for i := range r.Crashes {
			if i == mdRows {
				break
			}
			c := &r.Crashes[i]
			up, ev := "", ""
			if c.UptimeSeconds != nil {
				up = durationText(*c.UptimeSeconds)
			}
			if len(c.Evidence) > 0 {
				ev = mdCode(cut(evidenceText(c.Evidence[0].Text, r.Redacted), 100))
				if x := cite(c.Evidence[0].Source, c.Evidence[0].Line); x != "" {
					ev += " in " + mdCode(x)
				}
			}
			rows = append(rows, []string{mdText(c.ID), m.both(c.Time), mdCode(c.Container), mdText(deathText(c)), up, mdText(lastMemoryText(c.LastMemory)), crashRequestsText(c.Requests), ev})
		}
		m.table([]string{"Crash", "Time", "Container", "How it died", "After", "Memory last seen", "Requests " + crashRequestsTitle, "Evidence"}, rows)
		m.more(len(r.Crashes) - len(rows))
	}
	if len(r.Restarts) > 0 {
		m.heading(2, restartsTitle(r.Restarts))
		var rows [][]string
		for i, x := range r.Restarts {
			if i == mdRows {
				break
			}
			rows = append(rows, []string{m.both(x.Time), mdCode(x.Container), mdText(restartText(x.Reason)), mdText(x.Detail)})
		}
		m.table([]string{"Time", "Container", "Reason", "Detail"}, rows)
		m.more(len(r.Restarts) - len(rows))
	}
	if len(r.Memory) > 0 {
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
	if len(r.Goroutines) > 0 {
		m.heading(2, "Goroutines")
		var rows [][]string
		for i := range r.Goroutines {
			if i == mdRows {
				break
			}
			g := &r.Goroutines[i]
			leak := "no"
			if g.Leak {
				leak = "yes"
			}
			rows = append(rows, []string{mdCode(g.Container), mdCode(codeText(&g.Function, g.File)), mdText(g.State), countText(g.First) + " → " + countText(g.Last), leak, mdText(g.Note)})
		}
		m.table([]string{"Container", "Blocked at", "State", "Count", "Leak", "Note"}, rows)
		m.more(len(r.Goroutines) - len(rows))
	}
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
	more := 0
	if len(rows) > mdRows {
		more, rows = len(rows)-mdRows, rows[:mdRows]
	}
	m.table([]string{"Source", "Signal", "Time (UTC)", "Records", "Note"}, rows)
	m.more(more)
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
