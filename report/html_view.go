package report

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"lastcall/analyze/finding"
)

// pageView is everything the page shows. All strings are plain text; the template escapes them.
type pageView struct {
	CSP                      string
	Style                    template.CSS
	Script                   template.JS
	Title, Alert             string
	VerdictClass, Headline   string
	Summary                  []word
	Facts                    []fact
	TOC                      []tocEntry
	NoPicture                string
	Lanes                    *lanesView
	LaneData                 []laneData
	Aligned                  *alignedView
	Latency                  *latencyView
	Flame                    *flameView
	CrashCount, SuspectCount string
	NoCrash, NoSuspect       string
	RestartsTitle            string
	Crashes, Restarts        *tableView
	Pattern                  *tableView
	PatternText, PatternNext string
	Accused                  []accusedView
	Others                   *tableView
	Memory                   *tableView
	MemoryNotes              []string
	HasHeap                  bool
	Heap, Goroutines         *tableView
	HeapNotes                []string
	Timeline                 *tableView
	ChecksLead               string
	Checks, Coverage         *tableView
	Missing                  []string
	Warnings                 *tableView
	Actions                  []actionView
	NoActions                string
	Method                   []string
	Redaction, Version       string
}

// word is a word of the summary; Keep holds the name of a container on one line.
type word struct {
	Text string
	Keep bool
}

// splitWords cuts a text into words.
func splitWords(s string) []word {
	var out []word
	for w := range strings.FieldsSeq(s) {
		out = append(out, word{w, len(w) <= 24 && strings.ContainsAny(w, "0123456789")})
	}
	return out
}

// fact is a line below the headline.
type fact struct {
	Name, Text string
	Code       bool
}

// tocEntry is a link to a part of the page.
type tocEntry struct{ ID, Text string }

// accusedView is an accused endpoint.
type accusedView struct {
	Endpoint, Role, Grade, Tag string
	Lines                      []string
	Examples                   *tableView
}

type actionView struct{ Lead, Text, Rule string }

func newPageView(r *finding.Report, o Options) *pageView {
	p := &pageView{Redaction: redactionText(r), Version: clean(o.Version)}
	p.verdict(r, o)
	p.pictures(r)
	p.crashTables(r)
	p.patternTable(r)
	p.suspectTables(r)
	p.memoryTable(r)
	p.heapTables(r)
	p.timelineTable(r, o)
	p.checkTable(r)
	p.coverageTable(r)
	p.warningTable(r)
	p.NoActions = noActions(r)
	for _, a := range r.Actions {
		p.Actions = append(p.Actions, actionView{strings.TrimSpace(actionTitle(a.Kind)), clean(a.Text), clean(a.Rule)})
	}
	for _, m := range r.Method {
		p.Method = append(p.Method, clean(m))
	}
	for _, e := range []struct {
		id, text string
		on       bool
	}{
		{"picture", "Picture", p.Lanes != nil}, {"aligned", "Crashes aligned", p.Aligned != nil}, {"crashes", "Crashes", true}, {"suspects", "Suspects", true},
		{"latency", "Latency", p.Latency != nil}, {"memory", "Memory", true}, {"heap", "Heap growth", p.HasHeap}, {"goroutines", "Goroutines", p.Goroutines != nil},
		{"timeline", "Timeline", true}, {"checks", "Checked", true}, {"missing", "Missing", true}, {"next", "Next", true},
	} {
		if e.on {
			p.TOC = append(p.TOC, tocEntry{e.id, e.text})
		}
	}
	return p
}

func (p *pageView) verdict(r *finding.Report, o Options) {
	v := &r.Verdict
	p.Headline = headline(r)
	if g := besideHeadline(r); g != "" {
		p.Headline += " (" + clean(g) + ")"
	}
	p.Summary = splitWords(summaryOf(r, clean(v.Summary)))
	p.Title = "lastcall: " + strings.ToLower(headline(r))
	if v.Endpoint != nil {
		p.Title += ", " + clean(*v.Endpoint)
	}
	switch headlineStyle(r) {
	case red:
		p.VerdictClass = "bad"
	case green:
		p.VerdictClass = "good"
	default:
		p.VerdictClass = "warn"
	}
	if nothingSeen(r) {
		p.VerdictClass = "unseen"
	}
	if !r.Redacted {
		p.Alert = redactionText(r)
	}
	p.facts(r, o)
}

// facts are the lines below the headline.
func (p *pageView) facts(r *finding.Report, o Options) {
	add := func(name, text string, code bool) {
		if text != "" {
			p.Facts = append(p.Facts, fact{name, text, code})
		}
	}
	for i, c := range causesOf(r) {
		name := "Cause"
		if len(r.Causes) > 1 {
			name = fmt.Sprintf("Cause %d", i+1)
			if i > 0 {
				add(name+", in short", clean(c.Summary), false)
			}
		}
		add(name, causeLine(r, &c), false)
		if c.Endpoint == nil {
			add("Endpoint", "no endpoint is accused", false)
		} else {
			add("Endpoint", clean(*c.Endpoint), true)
			if s := suspectOf(r, *c.Endpoint); s != nil {
				add("Numbers", presenceText(s), false)
			}
		}
		add("Code", codeText(c.Function, c.File), true)
	}
	if r.Impact != nil {
		add("Impact", impactText(r.Impact), false)
	}
	add("Evidence", windowText(r.Window), false)
	if o.Location != nil && !r.Window.From.IsZero() {
		add("Local time", zoneTime(r.Window.From, o.Location)+" to "+zoneTime(r.Window.To, o.Location), false)
	}
	if len(r.Actions) > 0 {
		add("Do first", clean(r.Actions[0].Text), false)
	}
}

func (p *pageView) pictures(r *finding.Report) {
	p.Lanes, p.LaneData = layoutLanes(r)
	if p.Lanes == nil {
		p.NoPicture = "There is nothing to draw: the evidence holds neither memory readings nor requests with a container."
		if nothingSeen(r) {
			p.NoPicture = "Nothing was seen, so there is nothing to draw."
		}
	}
	p.Aligned = layoutAligned(r)
	p.Latency = layoutLatency(r)
	if r.Charts != nil {
		p.Flame = layoutFlame(r.Charts.Flame)
	}
}

func (p *pageView) crashTables(r *finding.Report) {
	p.CrashCount = countText(int64(len(r.Crashes)))
	p.NoCrash = noCrashText(r)
	t := newTable("Id", "Time (UTC)", "Container", "How it died", "#After", "Memory last seen", "Requests "+crashRequestsTitle, "Evidence")
	blame := len(r.Crashes) > 0 && differentBlame(r)
	if blame {
		t.Head = append(t.Head, headCell{Text: "Blamed"})
	}
	for i := range r.Crashes {
		c := &r.Crashes[i]
		up := num(uptimeText(c, "not known"), -1)
		if c.UptimeSeconds != nil {
			up = num(up.Text, *c.UptimeSeconds)
		}
		row := []cell{keep(c.ID), when(c.Time), keep(c.Container), keep(deathText(c)), up, keep(lastMemoryText(c.LastMemory)), keep(crashRequestsText(c.Requests)),
			{Text: crashQuotes(c, r.Redacted), Class: "quote"}}
		if blame {
			row = append(row, cell{Text: blameText(c), Code: c.ExplainedBy != nil})
		}
		t.add(row...)
	}
	p.Crashes = t.done()
	t = newTable("Time (UTC)", "Container", "Reason", "Detail")
	for i := range r.Restarts {
		x := &r.Restarts[i]
		t.add(when(x.Time), keep(x.Container), txt(restartText(x.Reason)), txt(x.Detail))
	}
	p.Restarts, p.RestartsTitle = t.done(), restartsTitle(r.Restarts)
}

// crashQuotes is what the evidence says of a crash: the remark on it, and the first words that are not said twice.
func crashQuotes(c *finding.Crash, redacted bool) string {
	var said []string
	if c.Note != "" {
		said = append(said, clean(c.Note))
	}
	var quotes grouping
	for i := range c.Evidence {
		e := &c.Evidence[i]
		quotes.add("“"+cut(evidenceText(e.Text, redacted), htmlQuote)+"”", "", cite(e.Source, e.Line))
	}
	for _, g := range atMost(quotes.groups, htmlQuotes) {
		said = append(said, g.text+g.where())
	}
	return strings.Join(said, "; ")
}

func (p *pageView) patternTable(r *finding.Report) {
	if r.Pattern == nil {
		return
	}
	p.PatternText, p.PatternNext = patternText(r.Pattern), clean(r.Pattern.Next)
	t := newTable("#Step", "Crash", "Container", "Started (UTC)", "#Ran until the death")
	for i, s := range r.Pattern.Steps {
		t.add(num(strconv.Itoa(i+1), float64(i)), keep(s.Crash), keep(s.Container), when(s.Start), num(durationText(s.Seconds), s.Seconds))
	}
	if p.Pattern = t.done(); p.Pattern == nil {
		p.Pattern = t
	}
}

// gradeTag colours a grade.
func gradeTag(g finding.Grade) string {
	switch {
	case g.Rank() >= finding.Likely.Rank():
		return "t-bad"
	case g == finding.Possible:
		return "t-warn"
	}
	return "t-none"
}

func (p *pageView) suspectTables(r *finding.Report) {
	accused, others := splitSuspects(r)
	p.SuspectCount = countText(int64(len(r.Suspects))) + ", of which accused: " + countText(int64(len(accused)))
	if len(accused) == 0 {
		p.NoSuspect = noSuspectText(r)
	}
	for _, s := range accused {
		a := accusedView{Endpoint: clean(s.Endpoint), Role: clean(string(s.Role)), Grade: clean(string(s.Grade)), Tag: gradeTag(s.Grade)}
		a.Lines = suspectLines(s)
		t := newTable("Crash", "Container", "Started (UTC)", "#Ran", "Outcome", "Path", "User", "Request", "Source")
		for i := range s.Examples {
			e := &s.Examples[i]
			t.add(keep(e.Crash), keep(e.Container), when(e.Start), num(durationText(e.Seconds), e.Seconds), txt(outcomeText(e.Outcome, e.Status)), code(e.Path), keep(e.User), keep(e.RequestID),
				keep(cite(e.Source, e.Line)))
		}
		a.Examples = t.done()
		p.Accused = append(p.Accused, a)
	}
	p.Others = othersTable(others)
}

// othersTable lists the endpoints that were weighed and not accused.
func othersTable(others []*finding.Suspect) *tableView {
	t := newTable("Endpoint", "Part", "#Crashes", "#Quiet windows", "#Effect", "#Requests", "Why")
	for _, s := range others {
		quiet := num("none seen", -1)
		if s.BaselineTotal > 0 {
			quiet = num(quietText(s), s.Baseline)
		}
		effect := num("-", -1)
		if x := effectText(s.Effect); x != "" {
			effect = num(x, s.Effect.Value)
		}
		effect.Class = "right"
		var why []string
		for _, x := range s.Reasons {
			why = append(why, clean(x))
		}
		share := 0.0
		if s.CrashesTotal > 0 {
			share = float64(s.CrashesWith) / float64(s.CrashesTotal)
		}
		part := string(s.Role)
		if s.Role == finding.Culprit { // and not accused: say why
			part += ", " + string(s.Grade)
		}
		t.add(code(s.Endpoint), txt(part), num(withText(s), share), quiet, effect, num(countText(s.Requests), float64(s.Requests)),
			txt(strings.Join(why, " ")))
	}
	return t.done()
}

// suspectLines are the numbers and reasons of an accused endpoint.
func suspectLines(s *finding.Suspect) []string {
	var lines []string
	for _, f := range suspectFacts(s) {
		lines = append(lines, sentenceFirst(f))
	}
	for _, x := range s.Reasons {
		if x = clean(x); x != "" {
			lines = append(lines, x)
		}
	}
	return lines
}

func (p *pageView) memoryTable(r *finding.Report) {
	t := newTable("Container", "Metric", "Shape", "#Floor grows per hour (90%)", "#Highest (of limit)", "#Time to limit (90%)", "#Sample every", "#Blind before death", "From (UTC)", "#For")
	var notes grouping
	for i := range r.Memory {
		m := &r.Memory[i]
		ttl := num(limitTimeText(m), 1e18)
		if m.TimeToLimitSeconds != nil {
			ttl.Sort = strconv.FormatFloat(*m.TimeToLimitSeconds, 'g', -1, 64)
		}
		blind := num("", -1)
		if m.BlindSeconds != nil {
			blind = num(durationText(*m.BlindSeconds), *m.BlindSeconds)
		}
		t.add(keep(m.Container), txt(metricText(m.Metric)), txt(shapeText(m.Shape)), num(slopeText(m), m.SlopeBytesPerHour.Value), num(reachedText(m), m.MaxBytes), ttl,
			num(durationText(m.SampleIntervalSeconds), m.SampleIntervalSeconds), blind, when(m.From), num(durationText(m.To.Sub(m.From).Seconds()), m.To.Sub(m.From).Seconds()))
		if m.Note != "" {
			notes.add(metricText(m.Metric)+": "+clean(m.Note), clean(m.Container), "")
		}
	}
	p.Memory = t.done()
	for _, g := range notes.groups {
		p.MemoryNotes = append(p.MemoryNotes, g.who()+", "+g.text)
	}
}

func (p *pageView) heapTables(r *finding.Report) {
	t := newTable("Function", "File", "#Growth", "#Share", "#Profiles", "More")
	for i := range r.Heap {
		h := &r.Heap[i]
		more := heapStory(h)
		if h.Shape != "" {
			more = strings.TrimSuffix(shapeText(h.Shape)+"; "+more, "; ")
		}
		if h.OnOOM {
			more = strings.TrimPrefix(more+"; seen in a profile written as memory ran out", "; ")
		}
		t.add(code(h.Function), code(heapFile(h)), num(growthText(float64(h.GrowthBytes)), float64(h.GrowthBytes)), num(percentText(h.Share), h.Share),
			num(strconv.Itoa(h.Profiles), float64(h.Profiles)), txt(more))
	}
	p.Heap = t.done()
	for _, n := range r.HeapNotes {
		p.HeapNotes = append(p.HeapNotes, clean(n))
	}
	p.HasHeap = p.Heap != nil || len(p.HeapNotes) > 0 || p.Flame != nil
	t = newTable("Container", "Blocked at", "State", "#First", "#Last", "Leak", "Note")
	for i := range r.Goroutines {
		g := &r.Goroutines[i]
		t.add(keep(g.Container), code(codeText(&g.Function, g.File)), txt(g.State), num(countText(g.First), float64(g.First)), num(countText(g.Last), float64(g.Last)), txt(yesNo(g.Leak)), txt(g.Note))
	}
	p.Goroutines = t.done()
}

func (p *pageView) timelineTable(r *finding.Report, o Options) {
	head := []string{"Time (UTC)"}
	if o.Location != nil {
		head = append(head, "Local time")
	}
	t := newTable(append(head, "What happened", "Observed", "Source")...)
	for i := range r.Timeline {
		e := &r.Timeline[i]
		row := []cell{when(e.Time)}
		if o.Location != nil {
			row = append(row, keep(zoneTime(e.Time, o.Location)))
		}
		what := txt(e.Text)
		switch {
		case e.Kind == finding.EventCrash:
			what.Class = "t-bad"
		case e.Kind.ByPeople():
			what.Text = sentence(string(e.Kind)) + ": " + what.Text
		}
		t.add(append(row, what, keep(observedText(e)), txt(cite(e.Source, e.Line)))...)
	}
	p.Timeline = t.done()
}

func (p *pageView) checkTable(r *finding.Report) {
	t := newTable("Outcome", "What was found", "Rule")
	row := func(c *finding.Check, title string) {
		t.add(cell{Text: title, Tag: outcomeTag(c.Outcome), Class: "keep"}, txt(c.Detail), code(c.Rule))
	}
	for _, g := range checkGroups {
		for _, c := range checksOf(r, g.outcome) {
			row(c, g.title)
		}
	}
	for _, c := range unknownChecks(r) {
		row(c, clean(string(c.Outcome)))
	}
	switch against := len(checksOf(r, finding.Contradicts)); {
	case len(checksOf(r, finding.NotPossible)) == len(r.Checks):
		p.ChecksLead = nothingChecked
	case against == 0:
		p.ChecksLead = nothingAgainst
	default:
		p.ChecksLead = plural(int64(against), "thing speaks", "things speak") + " against the verdict."
	}
	p.Checks = t.done()
}

// outcomeTag colours the outcome of a check.
func outcomeTag(o finding.Outcome) string {
	switch o {
	case finding.Supports:
		return "t-good"
	case finding.Contradicts:
		return "t-bad"
	case finding.NotPossible:
		return "t-warn"
	}
	return "t-none"
}

func (p *pageView) coverageTable(r *finding.Report) {
	t := newTable("Source", "Signal", "From (UTC)", "To (UTC)", "#Records", "Note")
	cover := foldCoverage(r.Coverage)
	for i := range cover {
		c := &cover[i]
		if c.Records == 0 {
			p.Missing = append(p.Missing, clean(c.Signal)+" ("+clean(c.Source)+"): "+missingText(c))
			continue
		}
		from, to := txt(""), txt("")
		if c.From != nil {
			from = when(*c.From)
		}
		if c.To != nil {
			to = when(*c.To)
		}
		t.add(txt(c.Source), txt(c.Signal), from, to, num(countText(c.Records), float64(c.Records)), txt(sampledText(c)))
	}
	p.Coverage = t.done()
}

func (p *pageView) warningTable(r *finding.Report) {
	t := newTable("#Count", "What", "First at", "Example", "Code")
	for i := range r.Warnings {
		w := &r.Warnings[i]
		ex := txt("")
		if w.Example != nil && *w.Example != "" {
			ex = code(cut(clean(*w.Example), htmlExample))
		}
		t.add(num(countText(w.Count), float64(w.Count)), txt(w.Text), txt(cite(w.Source, w.Line)), ex, code(w.Code))
	}
	p.Warnings = t.done()
}
