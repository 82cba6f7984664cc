package report

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"lastcall/analyze/finding"
)

// How much of each list the text shows; the rest is counted. JSON and HTML have all of it.
const (
	textCrashes  = 20
	textSuspects = 12
	textExamples = 6
	textMemory   = 12
	textHeap     = 12
	textTimeline = 40
	textCoverage = 24
	textWarnings = 12
	textList     = 12
	curveColumns = 28
)

// writeText writes the report for a terminal or a paste: the verdict first, then what it rests on.
func writeText(buf *bytes.Buffer, r *finding.Report, o Options) error {
	p := &page{buf: buf, width: o.Width, color: o.Color}
	p.verdict(r)
	p.crashes(r)
	p.pattern(r)
	p.suspects(r)
	p.memory(r)
	p.heap(r)
	p.goroutines(r)
	p.timeline(r)
	p.checks(r)
	p.coverage(r)
	p.warnings(r)
	p.actions(r)
	p.footer(r, o)
	return p.err
}

// page is a text report being written.
type page struct {
	buf   *bytes.Buffer
	width int
	color bool
	err   error // the first layout error
}

// style is a terminal style.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "1;32"
	yellow style = "1;33"
)

func (p *page) paint(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// block writes text wrapped, its first line after first and the others after rest.
func (p *page) block(s style, first, rest, text string) {
	p.styledBlock(plain, s, first, rest, text)
}

func (p *page) styledBlock(prefix, s style, first, rest, text string) {
	indent := max(columns(first), columns(rest))
	for i, line := range wrap(text, max(p.width-indent, minFlexColumn)) {
		lead := first
		if i > 0 {
			lead = rest
		}
		out := p.paint(prefix, lead) + p.paint(s, line)
		p.buf.WriteString(strings.TrimRight(out, " "))
		p.buf.WriteByte('\n')
	}
}

func (p *page) para(text string) { p.block(plain, "  ", "  ", text) }

// field writes "  name      text".
func (p *page) field(name, text string) {
	if text != "" {
		p.styledBlock(dim, plain, fmt.Sprintf("  %-10s", name), strings.Repeat(" ", 12), text)
	}
}

func (p *page) heading(title string) {
	p.buf.WriteByte('\n')
	p.block(bold, "", "", title)
}

// table writes a table, at most limit rows of it, indented by two.
func (p *page) table(cols []column, rows [][]string, limit int) {
	more := 0
	if len(rows) > limit {
		more = len(rows) - limit
		rows = rows[:limit]
	}
	if !fits(cols, rows, p.width-2) {
		p.records(cols, rows)
		p.more(more)
		return
	}
	t, err := table(cols, rows, p.width-2)
	if err != nil && p.err == nil {
		p.err = err
	}
	for line := range strings.Lines(t) {
		p.buf.WriteString(strings.TrimRight("  "+line, " "))
	}
	p.more(more)
}

// records writes rows under each other, where a table would be too wide.
func (p *page) records(cols []column, rows [][]string) {
	for _, r := range rows {
		lead, rest := "  ", "    "
		for i, c := range cols {
			if i >= len(r) || r[i] == "" {
				continue
			}
			t := r[i]
			if i > 0 && c.title != "" {
				t = c.title + ": " + t
			}
			p.block(plain, lead, rest, t)
			lead, rest = "    ", "      "
		}
	}
}

func (p *page) more(n int) {
	if n > 0 {
		p.block(dim, "  ", "  ", fmt.Sprintf("… and %s more", countText(int64(n))))
	}
}

// headlineStyle is by what the reader must feel first.
func headlineStyle(r *finding.Report) style {
	switch {
	case nothingSeen(r), r.Verdict.Cause == finding.Undetermined:
		return yellow
	case r.Verdict.Cause == finding.None, r.Verdict.Cause == finding.PlannedRestart:
		return green
	case r.Verdict.Grade.Rank() >= finding.Likely.Rank():
		return red
	}
	return yellow
}

func (p *page) verdict(r *finding.Report) {
	v := &r.Verdict
	head := headline(r)
	if !strings.EqualFold(head, string(v.Grade)) && v.Grade != "" && !nothingSeen(r) {
		head += " (" + clean(string(v.Grade)) + ")"
	}
	summary := clean(v.Summary)
	if nothingSeen(r) {
		summary = strings.TrimSpace(nothingSeenText + " " + summary)
	}
	p.block(headlineStyle(r), "", "", head+": "+summary)
	if !r.Redacted {
		p.block(yellow, "", "", redactionText(r))
	}
	p.buf.WriteByte('\n')
	p.field("evidence", windowText(r.Window))
	for i, c := range causesOf(r) {
		if len(r.Causes) > 1 {
			if i > 0 {
				p.buf.WriteByte('\n')
			}
			p.field(fmt.Sprintf("cause %d", i+1), causeLine(r, &c))
			if i > 0 {
				p.field("", clean(c.Summary))
			}
		} else {
			p.field("cause", causeLine(r, &c))
		}
		if c.Endpoint != nil {
			p.field("endpoint", clean(*c.Endpoint))
			if s := suspectOf(r, *c.Endpoint); s != nil {
				p.field("numbers", presenceText(s))
			}
		} else {
			p.field("endpoint", "no endpoint is accused")
		}
		p.field("code", codeText(c.Function, c.File))
		if len(r.Causes) > 1 && len(c.Crashes) > 0 {
			p.field("crashes", clean(strings.Join(c.Crashes, ", ")))
		}
	}
	if r.Impact != nil {
		p.field("impact", impactText(r.Impact))
	}
	if len(r.Actions) > 0 {
		p.field("do first", clean(r.Actions[0].Text))
	}
}

func suspectOf(r *finding.Report, endpoint string) *finding.Suspect {
	for i := range r.Suspects {
		if r.Suspects[i].Endpoint == endpoint {
			return &r.Suspects[i]
		}
	}
	return nil
}

func (p *page) crashes(r *finding.Report) {
	p.heading(fmt.Sprintf("CRASHES (%d)", len(r.Crashes)))
	if len(r.Crashes) == 0 {
		if nothingSeen(r) {
			p.para("Nothing was seen, so no crash could be.")
		} else {
			p.para("No crash was seen.")
		}
	} else {
		p.crashTable(r)
	}
	if n := len(r.Restarts); n > 0 {
		p.buf.WriteByte('\n')
		p.para(fmt.Sprintf("%s (%d):", restartsTitle(r.Restarts), n))
		var rows [][]string
		for _, x := range r.Restarts {
			rows = append(rows, []string{dateTime(x.Time.UTC()), clean(x.Container), restartText(x.Reason), clean(x.Detail)})
		}
		p.table([]column{{title: "time (UTC)"}, {title: "container"}, {title: "reason"}, {title: "detail"}}, rows, textList)
	}
}

func (p *page) crashTable(r *finding.Report) {
	blamed := differentBlame(r)
	oneDay := true
	for i := range r.Crashes {
		oneDay = oneDay && day(r.Crashes[i].Time) == day(r.Crashes[0].Time)
	}
	timeTitle := "time (UTC)"
	if oneDay {
		timeTitle = day(r.Crashes[0].Time)
	}
	cols := []column{{title: "id"}, {title: timeTitle}, {title: "container"}, {title: "how it died"}, {title: "after", right: true},
		{title: "memory last seen"}, {title: crashRequestsTitle}}
	if blamed {
		cols = append(cols, column{title: "blamed"})
	}
	var rows [][]string
	for i := range r.Crashes {
		c := &r.Crashes[i]
		up := "not known"
		if c.UptimeSeconds != nil {
			up = durationText(*c.UptimeSeconds)
		}
		when := dateTime(c.Time.UTC())
		if oneDay {
			when = clock(c.Time)
		}
		row := []string{clean(c.ID), when, clean(c.Container), deathText(c), up, lastMemoryText(c.LastMemory), crashRequestsText(c.Requests)}
		if blamed {
			b := "nobody"
			if c.ExplainedBy != nil {
				b = clean(*c.ExplainedBy)
			}
			row = append(row, b)
		}
		rows = append(rows, row)
	}
	p.table(cols, rows, textCrashes)
	var notes, quotes grouping
	for i := range r.Crashes {
		c := &r.Crashes[i]
		if i == textCrashes {
			break
		}
		if c.Note != "" {
			notes.add(clean(c.Note), clean(c.ID), "")
		}
		if len(c.Evidence) > 0 {
			e := &c.Evidence[0]
			quotes.add("“"+cut(evidenceText(e.Text, r.Redacted), 160)+"”", clean(c.ID), cite(e.Source, e.Line))
		}
	}
	for _, g := range notes.groups {
		p.block(plain, "  ", "    ", g.who()+": "+g.text)
	}
	for _, g := range quotes.groups {
		p.block(dim, "  ", "    ", g.who()+": "+g.text+g.where())
	}
}

// grouping gathers lines that say the same of several things, so that they are said once.
type grouping struct{ groups []*group }

type group struct {
	text         string
	names, cites []string
}

func (g *grouping) add(text, name, cite string) {
	for _, x := range g.groups {
		if x.text == text {
			if x.names[len(x.names)-1] != name {
				x.names = append(x.names, name)
			}
			if cite != "" {
				x.cites = append(x.cites, cite)
			}
			return
		}
	}
	n := &group{text: text, names: []string{name}}
	if cite != "" {
		n.cites = []string{cite}
	}
	g.groups = append(g.groups, n)
}

func (g *group) who() string { return strings.Join(g.names, ", ") }

func (g *group) where() string {
	if len(g.cites) == 0 {
		return ""
	}
	return " (" + strings.Join(g.cites, ", ") + ")"
}

// differentBlame reports whether the crashes are not all explained by one endpoint (or by none).
func differentBlame(r *finding.Report) bool {
	first := r.Crashes[0].ExplainedBy
	for i := range r.Crashes {
		b := r.Crashes[i].ExplainedBy
		if (b == nil) != (first == nil) || (b != nil && *b != *first) {
			return true
		}
	}
	return false
}

func (p *page) pattern(r *finding.Report) {
	if r.Pattern == nil {
		return
	}
	p.heading("SERIAL PATTERN")
	p.para(patternText(r.Pattern))
	var rows [][]string
	for i, s := range r.Pattern.Steps {
		rows = append(rows, []string{strconv.Itoa(i + 1), clean(s.Crash), clean(s.Container), dateTime(s.Start.UTC()), durationText(s.Seconds)})
	}
	p.table([]column{{title: "step", right: true}, {title: "crash"}, {title: "container"}, {title: "started (UTC)"}, {title: "ran until the death", right: true}}, rows, textList)
	if r.Pattern.Next != "" {
		p.block(bold, "  ", "  ", "If it goes on: "+clean(r.Pattern.Next))
	}
}

func (p *page) suspects(r *finding.Report) {
	if len(r.Suspects) == 0 {
		p.heading("SUSPECTS (0)")
		switch {
		case nothingSeen(r):
			p.para("Nothing was seen, so nobody can be suspected or cleared.")
		case len(r.Crashes) == 0:
			p.para("There is nothing to suspect a request of.")
		default:
			p.para("No endpoint could be weighed; see what is missing.")
		}
		return
	}
	accused, others := splitSuspects(r)
	p.heading(fmt.Sprintf("SUSPECTS (%d, of which accused: %d)", len(r.Suspects), len(accused)))
	if len(accused) == 0 {
		p.para("No endpoint is accused.")
	}
	for i, s := range accused {
		if i > 0 {
			p.buf.WriteByte('\n')
		}
		p.suspect(i+1, s)
	}
	if len(others) == 0 {
		return
	}
	if len(accused) > 0 {
		p.buf.WriteByte('\n')
		p.para("Also looked at, and not accused:")
	}
	var rows [][]string
	for _, s := range others {
		why := ""
		if len(s.Reasons) > 0 {
			why = clean(s.Reasons[0])
		}
		rows = append(rows, []string{clean(s.Endpoint), clean(string(s.Role)), fmt.Sprintf("%d of %d", s.CrashesWith, s.CrashesTotal), quietText(s), why})
	}
	p.table([]column{{title: "endpoint"}, {title: "part"}, {title: "crashes", right: true}, {title: "quiet windows", right: true}, {title: "why"}}, rows, textSuspects)
}

func quietText(s *finding.Suspect) string {
	if s.BaselineTotal == 0 {
		return "none seen"
	}
	return countText(int64(s.BaselineWith)) + " of " + countText(int64(s.BaselineTotal))
}

// splitSuspects separates the culprits that are accused (likely or above) from all others.
func splitSuspects(r *finding.Report) (accused, others []*finding.Suspect) {
	for i := range r.Suspects {
		s := &r.Suspects[i]
		if s.Role == finding.Culprit && s.Grade.Rank() >= finding.Likely.Rank() {
			accused = append(accused, s)
		} else {
			others = append(others, s)
		}
	}
	return accused, others
}

func (p *page) suspect(n int, s *finding.Suspect) {
	p.block(bold, fmt.Sprintf("  %d. ", n), "     ", clean(s.Endpoint)+" — "+clean(string(s.Role))+", "+clean(string(s.Grade)))
	line := func(t string) {
		if t != "" {
			p.block(plain, "     ", "     ", t)
		}
	}
	line(presenceText(s))
	line(strengthText(s))
	if s.LongestSeconds > 0 {
		t := "longest: running for " + durationText(s.LongestSeconds) + " when its container died"
		if s.OpenAtDeath == 0 {
			t = "longest: took " + durationText(s.LongestSeconds)
		}
		if s.OpenAtDeath > 0 {
			t += "; " + plural(int64(s.OpenAtDeath), "request", "requests") + " open at deaths"
		}
		line(t)
	}
	if s.BytesPerRequest != nil {
		line("takes " + bytesEstimate(*s.BytesPerRequest, "") + " per request")
	}
	line(trafficText(s))
	if c := codeText(s.Function, s.File); c != "" {
		line("code: " + c)
	}
	for _, x := range s.Reasons {
		p.block(plain, "     - ", "       ", clean(x))
	}
	if len(s.Examples) == 0 {
		return
	}
	p.buf.WriteByte('\n')
	users := false
	for i := range s.Examples {
		users = users || s.Examples[i].User != ""
	}
	cols := []column{{title: "crash"}, {title: "container"}, {title: "started (UTC)"}, {title: "ran", right: true}, {title: "outcome"}}
	if users {
		cols = append(cols, column{title: "user"})
	}
	cols = append(cols, column{title: "request"}, column{title: "source"})
	var rows [][]string
	for i := range s.Examples {
		e := &s.Examples[i]
		row := []string{clean(e.Crash), clean(e.Container), clock(e.Start), durationText(e.Seconds), outcomeText(e.Outcome, e.Status)}
		if users {
			row = append(row, clean(e.User))
		}
		row = append(row, exampleID(e), cite(e.Source, e.Line))
		rows = append(rows, row)
	}
	p.table(cols, rows, textExamples)
}

// exampleID is what identifies a request best.
func exampleID(e *finding.Example) string {
	if e.RequestID != "" {
		return clean(e.RequestID)
	}
	return clean(e.Path)
}

func (p *page) memory(r *finding.Report) {
	p.heading("MEMORY")
	rows := memoryCurves(r)
	if len(r.Memory) == 0 && len(rows) == 0 {
		p.para("No memory readings were seen: nothing can be said about its course.")
		return
	}
	if len(rows) > 0 {
		p.para("Up to each death, scaled from the lowest to the highest reading; blind: from the last reading to the death.")
		p.table([]column{{title: "crash"}, {title: "container"}, {title: "metric"}, {title: "from", right: true}, {title: "curve", fixed: true}, {title: "to (of limit)"},
			{title: "blind", right: true}}, rows, textMemory)
	}
	if len(r.Memory) == 0 {
		return
	}
	if len(rows) > 0 {
		p.buf.WriteByte('\n')
	}
	shown, rest := tellingMemory(r.Memory, textMemory)
	rows = nil
	var notes grouping
	for _, m := range shown {
		rows = append(rows, []string{clean(m.Container), metricText(m.Metric), shapeText(m.Shape), slopeText(m), reachedText(m), limitTimeText(m), durationText(m.SampleIntervalSeconds)})
		if m.Note != "" {
			notes.add(metricText(m.Metric)+": "+clean(m.Note), clean(m.Container), "")
		}
	}
	p.table([]column{{title: "container"}, {title: "metric"}, {title: "shape"}, {title: "floor grows per hour (90%)", right: true}, {title: "highest (of limit)", right: true},
		{title: "time to limit (90%)", right: true}, {title: "every", right: true}}, rows, textMemory)
	if rest != "" {
		p.block(dim, "  ", "  ", rest)
	}
	for _, g := range notes.groups {
		p.block(plain, "  ", "    ", g.who()+", "+g.text)
	}
}

// tellingMemory picks at most n curves to show: those that grow towards a limit, then those that ended in a death, then RSS and
// the heap in use, then all others; each in the order given. rest counts the others by their shape.
func tellingMemory(all []finding.Memory, n int) (shown []*finding.Memory, rest string) {
	rank := func(m *finding.Memory) int {
		main := m.Metric == "rss" || m.Metric == "heap_used" || m.Metric == "working_set"
		switch {
		case main && (m.Shape == finding.ShapeLeak || m.TimeToLimitSeconds != nil):
			return 0
		case main && m.Crash != "":
			return 1
		case main:
			return 2
		}
		return 3
	}
	for want := range 4 {
		for i := range all {
			if m := &all[i]; rank(m) == want && len(shown) < n {
				shown = append(shown, m)
			}
		}
	}
	if len(shown) == len(all) {
		return shown, ""
	}
	picked := map[*finding.Memory]bool{}
	for _, m := range shown {
		picked[m] = true
	}
	counts := map[finding.Shape]int{}
	for i := range all {
		if !picked[&all[i]] {
			counts[all[i].Shape]++
		}
	}
	var parts []string
	for _, s := range []finding.Shape{finding.ShapeLeak, finding.ShapeBurst, finding.ShapePlateau, finding.ShapeSawtooth, finding.ShapeFlat, finding.ShapeInsufficient} {
		if counts[s] > 0 {
			parts = append(parts, strconv.Itoa(counts[s])+" "+shapeText(s))
		}
	}
	rest = "… and " + countText(int64(len(all)-len(shown))) + " more"
	if len(parts) > 0 {
		rest += ": " + strings.Join(parts, ", ")
	}
	return shown, rest
}

// memoryCurves are the rows of sparklines: for every crash its curves, as given. A metric that is small beside the others of
// the same life is left out: it did not fill the memory.
func memoryCurves(r *finding.Report) [][]string {
	var rows [][]string
	if r.Charts == nil {
		return nil
	}
	for i := range r.Crashes {
		c := &r.Crashes[i]
		most := 0.0
		var own []*finding.Series
		for j := range r.Charts.Memory {
			s := &r.Charts.Memory[j]
			if s.Crash == c.ID && len(s.Points) > 0 {
				own = append(own, s)
				most = math.Max(most, highest(s))
			}
		}
		for _, s := range own {
			if highest(s) < most/10 {
				continue
			}
			last := s.Points[len(s.Points)-1]
			to := bytesText(last.V)
			if s.LimitBytes != nil && *s.LimitBytes > 0 {
				to = bytesOfText(last.V, float64(*s.LimitBytes))
			}
			rows = append(rows, []string{clean(c.ID), clean(c.Container), metricText(s.Metric), bytesText(s.Points[0].V), sparkline(s.Points, curveColumns), to,
				durationText(max(0, c.Time.Sub(last.T).Seconds()))})
		}
		if len(own) == 0 && c.LastMemory == nil {
			rows = append(rows, []string{clean(c.ID), clean(c.Container), "", "", "no readings of this life", "", ""})
		}
	}
	return rows
}

func highest(s *finding.Series) float64 {
	most := s.Points[0].V
	for _, p := range s.Points {
		most = math.Max(most, p.V)
	}
	return most
}

func slopeText(m *finding.Memory) string {
	if m.Shape == finding.ShapeInsufficient {
		return "not known"
	}
	t := bytesEstimate(m.SlopeBytesPerHour, "")
	if m.SlopeBytesPerHour.Value > 0 {
		t = "+" + t
	}
	return short(t)
}

func reachedText(m *finding.Memory) string {
	s := bytesText(m.MaxBytes)
	if m.LimitBytes != nil && *m.LimitBytes > 0 {
		s += " (" + percentText(m.MaxBytes/float64(*m.LimitBytes)) + ")"
	}
	return s
}

func limitTimeText(m *finding.Memory) string {
	switch {
	case m.Crash != "":
		return "died (" + clean(m.Crash) + ")"
	case m.TimeToLimit != nil:
		return short(durationEstimate(*m.TimeToLimit))
	case m.TimeToLimitSeconds != nil:
		return durationText(*m.TimeToLimitSeconds)
	case m.LimitBytes == nil:
		return "limit not known"
	case m.Shape == finding.ShapeLeak:
		return "not known"
	}
	return "not nearing"
}

func (p *page) heap(r *finding.Report) {
	if len(r.Heap) == 0 && len(r.HeapNotes) == 0 {
		return
	}
	p.heading("HEAP GROWTH")
	if len(r.Heap) > 0 {
		var rows [][]string
		for i := range r.Heap {
			h := &r.Heap[i]
			fn := clean(h.Function)
			if h.OnOOM {
				fn += " (at out of memory)"
			}
			rows = append(rows, []string{fn, heapFile(h), growthText(float64(h.GrowthBytes)), percentText(h.Share), strconv.Itoa(h.Profiles)})
		}
		p.table([]column{{title: "function"}, {title: "file"}, {title: "growth", right: true}, {title: "share", right: true}, {title: "profiles", right: true}}, rows, textHeap)
		for i := range r.Heap {
			if i == textHeap {
				break
			}
			h := &r.Heap[i]
			if t := heapStory(h); t != "" {
				p.block(plain, "  ", "    ", clean(h.Function)+" "+t)
			}
		}
	}
	for _, n := range r.HeapNotes {
		p.block(plain, "  - ", "    ", clean(n))
	}
}

// heapStory says of a function what has no column: who calls it, which endpoint it serves, how it grew.
func heapStory(h *finding.Heap) string {
	var s []string
	if h.Endpoint != nil {
		s = append(s, "serves "+clean(*h.Endpoint))
	}
	if len(h.CalledFrom) > 0 {
		s = append(s, "is called from "+clean(strings.Join(h.CalledFrom, " ← ")))
	}
	if h.SlopeBytesPerHour != nil {
		s = append(s, "grows by "+bytesEstimate(*h.SlopeBytesPerHour, "/h"))
	}
	if h.Containers > 1 {
		s = append(s, "grew in "+strconv.Itoa(h.Containers)+" containers")
	}
	if h.Note != "" {
		s = append(s, clean(h.Note))
	}
	return strings.Join(s, "; ")
}

func heapFile(h *finding.Heap) string {
	if h.File == nil {
		return "not known"
	}
	return cite(*h.File, h.Line)
}

func (p *page) goroutines(r *finding.Report) {
	if len(r.Goroutines) == 0 {
		return
	}
	p.heading("GOROUTINES")
	var rows [][]string
	for i := range r.Goroutines {
		g := &r.Goroutines[i]
		leak := "no"
		if g.Leak {
			leak = "yes"
		}
		rows = append(rows, []string{clean(g.Container), codeText(&g.Function, g.File), clean(g.State), countText(g.First) + " → " + countText(g.Last), leak, clean(g.Note)})
	}
	p.table([]column{{title: "container"}, {title: "blocked at"}, {title: "state"}, {title: "count", right: true}, {title: "leak"}, {title: "note"}}, rows, textList)
}

func (p *page) timeline(r *finding.Report) {
	p.heading("TIMELINE (UTC; ~ is inferred, the rest observed)")
	if len(r.Timeline) == 0 {
		p.para("Nothing to tell.")
		return
	}
	events, more := finding.MainEvents(r.Timeline, textTimeline)
	last := ""
	for i := range events {
		e := &events[i]
		if d := day(e.Time); d != last {
			last = d
			p.block(dim, "  ", "  ", d)
		}
		mark := " "
		if !e.Observed {
			mark = "~"
		}
		s := plain
		if e.Kind == finding.EventCrash {
			s = red
		}
		t := clean(e.Text)
		if c := cite(e.Source, e.Line); c != "" {
			t += " [" + c + "]"
		}
		lead := "  " + clock(e.Time) + " " + mark + " "
		p.block(s, lead, strings.Repeat(" ", columns(lead)), t)
	}
	p.more(more)
}

// checkGroups orders the outcomes as they are shown, with their headings.
var checkGroups = [...]struct {
	outcome finding.Outcome
	mark    string
	title   string
}{
	{finding.Contradicts, "−", "speaks against it"},
	{finding.Supports, "+", "speaks for it"},
	{finding.Neutral, "·", "decides nothing"},
	{finding.NotPossible, "?", "could not be checked"},
}

func (p *page) checks(r *finding.Report) {
	p.heading("WHAT WAS CHECKED")
	if len(r.Checks) == 0 {
		p.para("Nothing could be checked.")
		return
	}
	counts := map[finding.Outcome]int{}
	for i := range r.Checks {
		counts[r.Checks[i].Outcome]++
	}
	switch {
	case counts[finding.NotPossible] == len(r.Checks):
		p.para("Nothing could be checked.")
	case counts[finding.Contradicts] == 0:
		p.para("Nothing that was checked speaks against the verdict.")
	}
	known := 0
	for _, g := range checkGroups {
		if counts[g.outcome] == 0 {
			continue
		}
		known += counts[g.outcome]
		p.block(bold, "  ", "  ", "What "+g.title+":")
		for i := range r.Checks {
			if c := &r.Checks[i]; c.Outcome == g.outcome {
				p.block(plain, "  "+g.mark+" ", "    ", clean(c.Detail)+" ["+clean(c.Rule)+"]")
			}
		}
	}
	if known < len(r.Checks) {
		for i := range r.Checks {
			if c := &r.Checks[i]; !knownOutcome(c.Outcome) {
				p.block(plain, "  · ", "    ", clean(string(c.Outcome))+": "+clean(c.Detail)+" ["+clean(c.Rule)+"]")
			}
		}
	}
	p.block(dim, "  ", "  ", "`lastcall explain RULE` tells what a rule in brackets tests, and why with these thresholds.")
}

func knownOutcome(o finding.Outcome) bool {
	for _, g := range checkGroups {
		if g.outcome == o {
			return true
		}
	}
	return false
}

func (p *page) coverage(r *finding.Report) {
	p.heading("WHAT WAS SEEN AND WHAT IS MISSING")
	if len(r.Coverage) == 0 {
		p.para("No source was read.")
		return
	}
	var rows [][]string
	gaps := 0
	cover := foldCoverage(r.Coverage)
	for i := range cover {
		c := &cover[i]
		if c.Records == 0 {
			gaps++
			continue
		}
		rows = append(rows, []string{clean(c.Source), clean(c.Signal), spanText(c), countText(c.Records), sampledText(c)})
	}
	p.table([]column{{title: "source"}, {title: "signal"}, {title: "time (UTC)"}, {title: "records", right: true}, {title: ""}}, rows, textCoverage)
	if gaps > 0 {
		p.block(bold, "  ", "  ", "Missing:")
		n := 0
		for i := range cover {
			if c := &cover[i]; c.Records == 0 {
				if n++; n > textCoverage {
					p.more(gaps - textCoverage)
					break
				}
				p.block(yellow, "  ! ", "    ", clean(c.Signal)+" ("+clean(c.Source)+"): "+missingText(c))
			}
		}
	}
}

func missingText(c *finding.Coverage) string {
	if c.MissingReason != nil && *c.MissingReason != "" {
		return clean(*c.MissingReason)
	}
	return "no record of it"
}

func spanText(c *finding.Coverage) string {
	if c.From == nil || c.To == nil {
		return ""
	}
	if day(*c.From) == day(*c.To) {
		return dateTime(c.From.UTC()) + " to " + clock(*c.To)
	}
	return dateTime(c.From.UTC()) + " to " + dateTime(c.To.UTC())
}

func sampledText(c *finding.Coverage) string {
	var s []string
	if c.Sampled != nil {
		s = append(s, "a sample of "+percentText(*c.Sampled))
	}
	if c.MissingReason != nil && *c.MissingReason != "" {
		s = append(s, clean(*c.MissingReason))
	}
	return strings.Join(s, "; ")
}

func (p *page) warnings(r *finding.Report) {
	if len(r.Warnings) == 0 {
		return
	}
	p.heading("WARNINGS ABOUT THE INPUT")
	for i := range r.Warnings {
		if i == textWarnings {
			p.more(len(r.Warnings) - textWarnings)
			break
		}
		w := &r.Warnings[i]
		p.block(plain, "  - ", "    ", warningText(w))
	}
}

func warningText(w *finding.Warning) string {
	t := countText(w.Count) + " × " + clean(w.Text)
	if c := cite(w.Source, w.Line); c != "" {
		t += " (first at " + c + ")"
	}
	if w.Example != nil && *w.Example != "" {
		t += ", such as “" + cut(clean(*w.Example), 120) + "”"
	}
	return t + " [" + clean(w.Code) + "]"
}

// cut shortens s to n runes.
func cut(s string, n int) string {
	i := 0
	for at := range s {
		if i == n {
			return s[:at] + "…"
		}
		i++
	}
	return s
}

// actionKinds orders the kinds of actions.
var actionKinds = [...]struct{ kind, title string }{
	{"mitigate", "now"},
	{"fix", "fix"},
	{"observe", "see more next time"},
}

func (p *page) actions(r *finding.Report) {
	p.heading("WHAT TO DO NEXT")
	if len(r.Actions) == 0 {
		p.para(noActions(r))
		return
	}
	for i, a := range r.Actions {
		lead := fmt.Sprintf("%3d. ", i+1)
		t := actionTitle(a.Kind) + clean(a.Text)
		if a.Rule != "" {
			t += " [" + clean(a.Rule) + "]"
		}
		p.block(plain, lead, strings.Repeat(" ", len(lead)), t)
	}
}

func actionTitle(kind string) string {
	for _, k := range actionKinds {
		if k.kind == kind {
			return strings.ToUpper(k.title[:1]) + k.title[1:] + ": "
		}
	}
	return ""
}

func (p *page) footer(r *finding.Report, o Options) {
	if len(r.Method) > 0 {
		p.heading("WHAT THE NUMBERS REST ON")
		for _, m := range r.Method {
			p.block(plain, "  - ", "    ", clean(m))
		}
	}
	p.buf.WriteByte('\n')
	p.block(dim, "", "", redactionText(r))
	if o.Version != "" {
		p.block(dim, "", "", "lastcall "+clean(o.Version))
	}
}
