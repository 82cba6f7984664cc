package report

import (
	"bytes"
	"fmt"
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
	textQuote    = 160 // characters
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

// headlineStyle is by what the reader must feel first.
func headlineStyle(r *finding.Report) style {
	switch {
	case nothingSeen(r), r.Verdict.Cause == finding.Undetermined:
		return yellow
	case r.Verdict.Cause.Harmless():
		return green
	case r.Verdict.Grade.Rank() >= finding.Likely.Rank():
		return red
	}
	return yellow
}

func (p *page) verdict(r *finding.Report) {
	head := headline(r)
	if g := besideHeadline(r); g != "" {
		head += " (" + clean(g) + ")"
	}
	p.block(headlineStyle(r), "", "", head+": "+summaryOf(r, clean(r.Verdict.Summary)))
	if !r.Redacted {
		p.block(yellow, "", "", redactionText(r))
	}
	p.buf.WriteByte('\n')
	p.field("evidence", windowText(r.Window))
	for i, c := range causesOf(r) {
		p.cause(r, i, &c)
	}
	if r.Impact != nil {
		p.field("impact", impactText(r.Impact))
	}
	if len(r.Actions) > 0 {
		p.field("do first", clean(r.Actions[0].Text))
	}
}

// cause writes one verdict, the i-th of those of the report.
func (p *page) cause(r *finding.Report, i int, c *finding.Verdict) {
	several := len(r.Causes) > 1
	name := "cause"
	if several {
		name = fmt.Sprintf("cause %d", i+1)
	}
	if i > 0 {
		p.buf.WriteByte('\n')
	}
	p.field(name, causeLine(r, c))
	if i > 0 {
		p.field("", clean(c.Summary))
	}
	if c.Endpoint == nil {
		p.field("endpoint", "no endpoint is accused")
	} else {
		p.field("endpoint", clean(*c.Endpoint))
		if s := suspectOf(r, *c.Endpoint); s != nil {
			p.field("numbers", presenceText(s))
		}
	}
	p.field("code", codeText(c.Function, c.File))
	if several && len(c.Crashes) > 0 {
		p.field("crashes", clean(strings.Join(c.Crashes, ", ")))
	}
}

func (p *page) crashes(r *finding.Report) {
	p.heading(fmt.Sprintf("CRASHES (%d)", len(r.Crashes)))
	if len(r.Crashes) == 0 {
		p.para(noCrashText(r))
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
		when := dateTime(c.Time.UTC())
		if oneDay {
			when = clock(c.Time)
		}
		row := []string{clean(c.ID), when, clean(c.Container), deathText(c), uptimeText(c, "not known"), lastMemoryText(c.LastMemory), crashRequestsText(c.Requests)}
		if blamed {
			row = append(row, blameText(c))
		}
		rows = append(rows, row)
	}
	p.table(cols, rows, textCrashes)
	p.crashNotes(r)
}

// crashNotes says of the crashes of the table what has no column: a remark, and the words of the evidence.
func (p *page) crashNotes(r *finding.Report) {
	var notes, quotes grouping
	for i := range atMost(r.Crashes, textCrashes) {
		c := &r.Crashes[i]
		if c.Note != "" {
			notes.add(clean(c.Note), clean(c.ID), "")
		}
		if len(c.Evidence) > 0 {
			e := &c.Evidence[0]
			quotes.add("“"+cut(evidenceText(e.Text, r.Redacted), textQuote)+"”", clean(c.ID), cite(e.Source, e.Line))
		}
	}
	for _, g := range notes.groups {
		p.block(plain, "  ", "    ", g.who()+": "+g.text)
	}
	for _, g := range quotes.groups {
		p.block(dim, "  ", "    ", g.who()+": "+g.text+g.where())
	}
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
		p.para(noSuspectText(r))
		return
	}
	accused, others := splitSuspects(r)
	p.heading(fmt.Sprintf("SUSPECTS (%d, of which accused: %d)", len(r.Suspects), len(accused)))
	if len(accused) == 0 {
		p.para(noneAccused)
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
		rows = append(rows, []string{clean(s.Endpoint), clean(string(s.Role)), withText(s), quietText(s), clean(firstReason(s))})
	}
	p.table([]column{{title: "endpoint"}, {title: "part"}, {title: "crashes", right: true}, {title: "quiet windows", right: true}, {title: "why"}}, rows, textSuspects)
}

func (p *page) suspect(n int, s *finding.Suspect) {
	p.block(bold, fmt.Sprintf("  %d. ", n), "     ", clean(s.Endpoint)+" — "+clean(string(s.Role))+", "+clean(string(s.Grade)))
	for _, f := range suspectFacts(s) {
		p.block(plain, "     ", "     ", f)
	}
	for _, x := range s.Reasons {
		p.block(plain, "     - ", "       ", clean(x))
	}
	if len(s.Examples) > 0 {
		p.buf.WriteByte('\n')
		p.examples(s)
	}
}

// examples lists the requests of a suspect that were seen at deaths.
func (p *page) examples(s *finding.Suspect) {
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
		for i := range atMost(r.Heap, textHeap) {
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

func (p *page) goroutines(r *finding.Report) {
	if len(r.Goroutines) == 0 {
		return
	}
	p.heading("GOROUTINES")
	var rows [][]string
	for i := range r.Goroutines {
		g := &r.Goroutines[i]
		rows = append(rows, []string{clean(g.Container), codeText(&g.Function, g.File), clean(g.State), blockedText(g), yesNo(g.Leak), clean(g.Note)})
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

func (p *page) checks(r *finding.Report) {
	p.heading("WHAT WAS CHECKED")
	if len(r.Checks) == 0 {
		p.para(nothingChecked)
		return
	}
	switch {
	case len(checksOf(r, finding.NotPossible)) == len(r.Checks):
		p.para(nothingChecked)
	case len(checksOf(r, finding.Contradicts)) == 0:
		p.para(nothingAgainst)
	}
	for _, g := range checkGroups {
		checks := checksOf(r, g.outcome)
		if len(checks) > 0 {
			p.block(bold, "  ", "  ", "What "+g.title+":")
		}
		for _, c := range checks {
			p.block(plain, "  "+g.mark+" ", "    ", clean(c.Detail)+" ["+clean(c.Rule)+"]")
		}
	}
	for _, c := range unknownChecks(r) {
		p.block(plain, "  · ", "    ", clean(string(c.Outcome))+": "+clean(c.Detail)+" ["+clean(c.Rule)+"]")
	}
	p.block(dim, "  ", "  ", "`lastcall explain RULE` tells what a rule in brackets tests, and why with these thresholds.")
}

func (p *page) coverage(r *finding.Report) {
	p.heading("WHAT WAS SEEN AND WHAT IS MISSING")
	if len(r.Coverage) == 0 {
		p.para("No source was read.")
		return
	}
	var rows [][]string
	var gaps []*finding.Coverage
	cover := foldCoverage(r.Coverage)
	for i := range cover {
		c := &cover[i]
		if c.Records == 0 {
			gaps = append(gaps, c)
			continue
		}
		rows = append(rows, []string{clean(c.Source), clean(c.Signal), spanText(c), countText(c.Records), sampledText(c)})
	}
	p.table([]column{{title: "source"}, {title: "signal"}, {title: "time (UTC)"}, {title: "records", right: true}, {title: ""}}, rows, textCoverage)
	if len(gaps) == 0 {
		return
	}
	p.block(bold, "  ", "  ", "Missing:")
	for _, c := range atMost(gaps, textCoverage) {
		p.block(yellow, "  ! ", "    ", clean(c.Signal)+" ("+clean(c.Source)+"): "+missingText(c))
	}
	p.more(len(gaps) - textCoverage)
}

func (p *page) warnings(r *finding.Report) {
	if len(r.Warnings) == 0 {
		return
	}
	p.heading("WARNINGS ABOUT THE INPUT")
	for i := range atMost(r.Warnings, textWarnings) {
		p.block(plain, "  - ", "    ", warningText(&r.Warnings[i]))
	}
	p.more(len(r.Warnings) - textWarnings)
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
