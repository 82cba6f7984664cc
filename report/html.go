package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

//go:embed page
var pageFiles embed.FS

// Trusted contents of the page itself, as against strings of a report.
type (
	flameStyle  = template.CSS
	flameScript = template.JS
)

// writeHTML writes one self-contained file: no request leaves it, which its content security policy also enforces (only the
// style and the script that are part of this program may act, by their hashes). Charts are drawn here, as SVG, and can be read
// without the script, which adds hover, zoom, search and sorting.
func writeHTML(buf *bytes.Buffer, r *finding.Report, o Options) error {
	t, err := pageTemplates()
	if err != nil {
		return err
	}
	style, err := pageFile("style.css", "flame.css")
	if err != nil {
		return err
	}
	script, err := pageFile("flame.js", "page.js")
	if err != nil {
		return err
	}
	p := newPageView(r, o)
	p.Style, p.Script = template.CSS(style), template.JS(script)
	p.CSP = "default-src 'none'; style-src " + hashSource(style) + "; script-src " + hashSource(script) + "; base-uri 'none'; form-action 'none'"
	if err := t.ExecuteTemplate(buf, "page", p); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}

func pageTemplates() (*template.Template, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"add": func(a, b any) float64 { return round2(number(a) + number(b)) },
		"neg": func(a float64) float64 { return -a },
	}).ParseFS(pageFiles, "page/*.gohtml")
	if err != nil {
		return nil, fmt.Errorf("templates of the report: %w", err)
	}
	return t, nil
}

// number takes the constants of a template as well as fields.
func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

func pageFile(names ...string) (string, error) {
	var b strings.Builder
	for _, n := range names {
		f, err := pageFiles.ReadFile("page/" + n)
		if err != nil {
			return "", fmt.Errorf("files of the report: %w", err)
		}
		b.Write(f)
	}
	return b.String(), nil
}

func hashSource(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

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

func splitWords(s string) []word {
	var out []word
	for w := range strings.FieldsSeq(s) {
		out = append(out, word{w, len(w) <= 24 && strings.ContainsAny(w, "0123456789")})
	}
	return out
}

type fact struct {
	Name, Text string
	Code       bool
}

type tocEntry struct{ ID, Text string }

type accusedView struct {
	Endpoint, Role, Grade, Tag string
	Lines                      []string
	Examples                   *tableView
}

type actionView struct{ Lead, Text, Rule string }

// tableView is one table.
type tableView struct {
	Caption  string
	Sortable bool
	Head     []headCell
	Rows     [][]cell
	More     string
}

type headCell struct {
	Text string
	Num  bool
}

// cell is one cell. Sort, if not empty, is the number by which it sorts; Tag a class that makes it a badge.
type cell struct {
	Text, Class, Sort, Tag string
	Code                   bool
}

// htmlRows bounds a table of the page; a browser stays quick with as many.
const htmlRows = 1000

func newTable(head ...string) *tableView {
	t := &tableView{Sortable: true}
	for _, h := range head {
		// A column of numbers is marked with a leading #.
		text, num := strings.CutPrefix(h, "#")
		t.Head = append(t.Head, headCell{text, num})
	}
	return t
}

func (t *tableView) add(cells ...cell) {
	for i := range cells {
		if i < len(t.Head) && t.Head[i].Num && cells[i].Class == "" {
			cells[i].Class = "num"
		}
	}
	t.Rows = append(t.Rows, cells)
}

// done cuts the table and returns nil when it is empty.
func (t *tableView) done() *tableView {
	if len(t.Rows) == 0 {
		return nil
	}
	if n := len(t.Rows) - htmlRows; n > 0 {
		t.Rows = t.Rows[:htmlRows]
		t.More = "… and " + countText(int64(n)) + " more; JSON has all of them."
	}
	t.Sortable = t.Sortable && len(t.Rows) > 1
	return t
}

func txt(s string) cell  { return cell{Text: clean(s)} }
func keep(s string) cell { return cell{Text: clean(s), Class: "keep"} }
func code(s string) cell { return cell{Text: clean(s), Code: true} }
func num(text string, v float64) cell {
	return cell{Text: text, Sort: strconv.FormatFloat(v, 'g', -1, 64)}
}
func when(t time.Time) cell {
	return cell{Text: dateTime(t.UTC()), Class: "keep", Sort: strconv.FormatInt(t.UnixMilli(), 10)}
}

func newPageView(r *finding.Report, o Options) *pageView {
	p := &pageView{Redaction: redactionText(r), Version: clean(o.Version)}
	p.verdict(r, o)
	p.pictures(r)
	p.crashTables(r)
	p.suspectTables(r)
	p.memoryTables(r)
	p.timelineTable(r, o)
	p.checkTables(r)
	p.coverageTables(r)
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
	if g := string(v.Grade); g != "" && !strings.EqualFold(p.Headline, g) && !nothingSeen(r) {
		p.Headline += " (" + clean(g) + ")"
	}
	summary := clean(v.Summary)
	if nothingSeen(r) {
		summary = nothingSeenText + " " + summary
	}
	p.Summary = splitWords(summary)
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
		add("Local time", r.Window.From.In(o.Location).Format("2006-01-02 15:04:05 MST")+" to "+r.Window.To.In(o.Location).Format("2006-01-02 15:04:05 MST"), false)
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
	p.NoCrash = "No crash was seen."
	if nothingSeen(r) {
		p.NoCrash = "Nothing was seen, so no crash could be."
	}
	t := newTable("Id", "Time (UTC)", "Container", "How it died", "#After", "Memory last seen", "Requests "+crashRequestsTitle, "Evidence")
	blame := len(r.Crashes) > 0 && differentBlame(r)
	if blame {
		t.Head = append(t.Head, headCell{Text: "Blamed"})
	}
	for i := range r.Crashes {
		c := &r.Crashes[i]
		up := num("not known", -1)
		if c.UptimeSeconds != nil {
			up = num(durationText(*c.UptimeSeconds), *c.UptimeSeconds)
		}
		blamed := txt("nobody")
		if c.ExplainedBy != nil {
			blamed = code(*c.ExplainedBy)
		}
		var ev []string
		if c.Note != "" {
			ev = append(ev, clean(c.Note))
		}
		var quotes grouping
		for j := range c.Evidence {
			quotes.add("“"+cut(evidenceText(c.Evidence[j].Text, r.Redacted), 140)+"”", "", cite(c.Evidence[j].Source, c.Evidence[j].Line))
		}
		for j, g := range quotes.groups {
			if j == 2 {
				break
			}
			ev = append(ev, g.text+g.where())
		}
		row := []cell{keep(c.ID), when(c.Time), keep(c.Container), keep(deathText(c)), up, keep(lastMemoryText(c.LastMemory)), keep(crashRequestsText(c.Requests)), {Text: strings.Join(ev, "; "), Class: "quote"}}
		if blame {
			row = append(row, blamed)
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
	if r.Pattern == nil {
		return
	}
	p.PatternText, p.PatternNext = patternText(r.Pattern), clean(r.Pattern.Next)
	t = newTable("#Step", "Crash", "Container", "Started (UTC)", "#Ran until the death")
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
	switch {
	case nothingSeen(r):
		p.NoSuspect = "Nothing was seen, so nobody can be suspected or cleared."
	case len(r.Suspects) == 0 && len(r.Crashes) == 0:
		p.NoSuspect = "There is nothing to suspect a request of."
	case len(r.Suspects) == 0:
		p.NoSuspect = "No endpoint could be weighed; see what is missing."
	case len(accused) == 0:
		p.NoSuspect = "No endpoint is accused."
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
		t.add(code(s.Endpoint), txt(part), num(fmt.Sprintf("%d of %d", s.CrashesWith, s.CrashesTotal), share), quiet, effect, num(countText(s.Requests), float64(s.Requests)),
			txt(strings.Join(why, " ")))
	}
	p.Others = t.done()
}

// suspectLines are the numbers and reasons of an accused endpoint.
func suspectLines(s *finding.Suspect) []string {
	lines := []string{sentenceFirst(presenceText(s))}
	add := func(t string) {
		if t != "" {
			lines = append(lines, t)
		}
	}
	add(sentenceFirst(strengthText(s)))
	if s.LongestSeconds > 0 {
		t := "Longest: took " + durationText(s.LongestSeconds)
		if s.OpenAtDeath > 0 {
			t = "Longest: running for " + durationText(s.LongestSeconds) + " when its container died; " + plural(int64(s.OpenAtDeath), "request", "requests") + " open at deaths"
		}
		add(t)
	}
	if s.BytesPerRequest != nil {
		add("Takes " + bytesEstimate(*s.BytesPerRequest, "") + " per request")
	}
	add(sentenceFirst(trafficText(s)))
	if c := codeText(s.Function, s.File); c != "" {
		add("Code: " + c)
	}
	for _, x := range s.Reasons {
		add(clean(x))
	}
	return lines
}

func (p *pageView) memoryTables(r *finding.Report) {
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
	t = newTable("Function", "File", "#Growth", "#Share", "#Profiles", "More")
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
		leak := "no"
		if g.Leak {
			leak = "yes"
		}
		t.add(keep(g.Container), code(codeText(&g.Function, g.File)), txt(g.State), num(countText(g.First), float64(g.First)), num(countText(g.Last), float64(g.Last)), txt(leak), txt(g.Note))
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
			row = append(row, keep(e.Time.In(o.Location).Format("2006-01-02 15:04:05 MST")))
		}
		what := txt(e.Text)
		switch {
		case e.Kind == finding.EventCrash:
			what.Class = "t-bad"
		case e.Kind.ByPeople():
			what.Text = sentence(string(e.Kind)) + ": " + what.Text
		}
		observed := "observed"
		if !e.Observed {
			observed = "inferred"
		}
		t.add(append(row, what, keep(observed), txt(cite(e.Source, e.Line)))...)
	}
	p.Timeline = t.done()
}

func (p *pageView) checkTables(r *finding.Report) {
	t := newTable("Outcome", "What was found", "Rule")
	against, impossible := 0, 0
	tags := map[finding.Outcome]string{finding.Supports: "t-good", finding.Contradicts: "t-bad", finding.NotPossible: "t-warn"}
	row := func(c *finding.Check, title string) {
		tag := tags[c.Outcome]
		if tag == "" {
			tag = "t-none"
		}
		t.add(cell{Text: title, Tag: tag, Class: "keep"}, txt(c.Detail), code(c.Rule))
	}
	for _, g := range checkGroups {
		for i := range r.Checks {
			if c := &r.Checks[i]; c.Outcome == g.outcome {
				row(c, g.title)
				if g.outcome == finding.Contradicts {
					against++
				}
				if g.outcome == finding.NotPossible {
					impossible++
				}
			}
		}
	}
	for i := range r.Checks {
		if c := &r.Checks[i]; !knownOutcome(c.Outcome) {
			row(c, clean(string(c.Outcome)))
		}
	}
	switch {
	case impossible == len(r.Checks):
		p.ChecksLead = "Nothing could be checked."
	case against == 0:
		p.ChecksLead = "Nothing that was checked speaks against the verdict."
	default:
		p.ChecksLead = plural(int64(against), "thing speaks", "things speak") + " against the verdict."
	}
	p.Checks = t.done()
}

func (p *pageView) coverageTables(r *finding.Report) {
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
	t = newTable("#Count", "What", "First at", "Example", "Code")
	for i := range r.Warnings {
		w := &r.Warnings[i]
		ex := txt("")
		if w.Example != nil && *w.Example != "" {
			ex = code(cut(clean(*w.Example), 200))
		}
		t.add(num(countText(w.Count), float64(w.Count)), txt(w.Text), txt(cite(w.Source, w.Line)), ex, code(w.Code))
	}
	p.Warnings = t.done()
}
