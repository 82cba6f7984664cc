package report

import (
	"math"
	"strconv"
	"strings"

	"lastcall/analyze/finding"
)

// The words for the model's terms, one place for all formats.

// causeText says a cause in plain words.
func causeText(c finding.Cause) string {
	switch c {
	case finding.RequestBurst:
		return "one request, or a few at once, took the memory within their own lifetime"
	case finding.RequestLeak:
		return "memory kept per request of an endpoint adds up"
	case finding.BackgroundLeak:
		return "memory grows whatever the requests do"
	case finding.Capacity:
		return "no leak: the load simply exceeds the limit"
	case finding.CPUStall:
		return "a request holds the CPU or the event loop until a health check kills"
	case finding.RequestCrash:
		return "a request makes the process die; memory plays no part"
	case finding.HungDependency:
		return "something hangs, and the slow requests are its fallout"
	case finding.PlannedRestart:
		return "deploy, scaling or maintenance"
	case finding.HostFailure:
		return "several services of one host at once"
	case finding.None:
		return "nothing wrong in what was seen"
	case finding.Undetermined:
		return "something is wrong, and the evidence cannot say what"
	}
	return clean(strings.ReplaceAll(string(c), "_", " "))
}

// causeLine is the cause of a verdict with its id, for the facts below the headline.
func causeLine(r *finding.Report, v *finding.Verdict) string {
	if nothingSeen(r) {
		return "not known, because nothing was seen (" + clean(string(v.Cause)) + ")"
	}
	text := causeText(v.Cause)
	if v.Cause == finding.Undetermined && v.Endpoint != nil {
		text = "a request killed, and the evidence cannot say how: by memory, by holding the CPU or by an error"
	}
	s := text + " (" + clean(string(v.Cause))
	if len(r.Causes) > 1 {
		s += ", " + clean(string(v.Grade))
	}
	return s + ")"
}

// kindText names a kind of death.
func kindText(kind string) string {
	switch kind {
	case "oom_kill":
		return "OOM kill"
	case "heap_limit":
		return "heap limit"
	case "exception":
		return "uncaught exception"
	case "health_check":
		return "health check kill"
	case "sigterm":
		return "SIGTERM"
	case "unknown", "":
		return "unknown cause"
	}
	return clean(strings.ReplaceAll(kind, "_", " "))
}

// deathText is the kind with exit code and signal: "heap limit, exit 134, SIGABRT".
func deathText(c *finding.Crash) string {
	s := kindText(c.Kind)
	if c.ExitCode != nil {
		if c.Kind == "exit" {
			s += " " + strconv.Itoa(*c.ExitCode)
		} else {
			s += ", exit " + strconv.Itoa(*c.ExitCode)
		}
	}
	if c.Signal != nil && *c.Signal != "" && !implied(c.ExitCode, *c.Signal) {
		s += ", " + clean(*c.Signal)
	}
	return s
}

// implied reports whether the exit code already says the signal (128 + its number).
func implied(code *int, signal string) bool {
	if code == nil {
		return false
	}
	switch signal {
	case "SIGABRT":
		return *code == 134
	case "SIGKILL":
		return *code == 137
	case "SIGSEGV":
		return *code == 139
	case "SIGTERM":
		return *code == 143
	}
	return false
}

// headline is the first words of a report. An all-clear, an empty input and an open question never look alike.
func headline(r *finding.Report) string {
	switch {
	case nothingSeen(r):
		return "NOTHING SEEN"
	case r.Verdict.Cause == finding.None:
		return "NOTHING WRONG IN WHAT WAS SEEN"
	case r.Verdict.Cause == finding.Undetermined && r.Verdict.Endpoint == nil:
		return "UNDETERMINED"
	case r.Verdict.Cause == finding.PlannedRestart:
		return "PLANNED RESTART"
	}
	if r.Verdict.Grade.Rank() == 0 {
		return "INSUFFICIENT EVIDENCE"
	}
	return strings.ToUpper(clean(string(r.Verdict.Grade)))
}

// nothingSeen reports whether the evidence held no records at all.
func nothingSeen(r *finding.Report) bool {
	if len(r.Crashes) > 0 || len(r.Memory) > 0 || len(r.Suspects) > 0 || len(r.Heap) > 0 {
		return false
	}
	for i := range r.Coverage {
		if r.Coverage[i].Records > 0 {
			return false
		}
	}
	return true
}

// nothingSeenText explains an empty input.
const nothingSeenText = "The evidence holds no usable records, so nothing can be said: this is not an all-clear."

// causesOf returns the verdicts to show: all causes if there are several, else the one verdict.
func causesOf(r *finding.Report) []finding.Verdict {
	if len(r.Causes) > 1 {
		return r.Causes
	}
	return []finding.Verdict{r.Verdict}
}

// codeText is "computeProfile, src/export.js", or empty.
func codeText(function, file *string) string {
	var p []string
	if function != nil && *function != "" {
		p = append(p, clean(*function))
	}
	if file != nil && *file != "" {
		p = append(p, clean(*file))
	}
	return strings.Join(p, ", ")
}

// cite is "platform.log:25".
func cite(source string, line int64) string {
	if source == "" {
		return ""
	}
	if line > 0 {
		return clean(source) + ":" + strconv.FormatInt(line, 10)
	}
	return clean(source)
}

// presenceText is the arithmetic of a suspect: "open at death in 4 of 4 crashes; in 3 of 412 comparable quiet windows (0.7%)".
func presenceText(s *finding.Suspect) string {
	lead := "open at death in "
	if s.Effect.Measure == "share_of_growth" {
		lead = "at work before "
	}
	t := lead + strconv.Itoa(s.CrashesWith) + " of " + plural(int64(s.CrashesTotal), "crash", "crashes")
	if s.CrashesTotal == 0 {
		t = "no crash to compare with"
	}
	if s.BaselineTotal == 0 && s.Effect.Measure == "share_of_growth" {
		return t // leaks are weighed over the whole window, not against quiet parts of it
	}
	if s.BaselineTotal > 0 {
		return t + "; in " + countText(int64(s.BaselineWith)) + " of " + plural(int64(s.BaselineTotal), "comparable quiet window", "comparable quiet windows") +
			" (" + percentText(s.Baseline) + ")"
	}
	return t + "; no comparable quiet window was seen"
}

// strengthText is the effect with its corrected p and posterior probability; empty when the method gave none.
func strengthText(s *finding.Suspect) string {
	var p []string
	if e := effectText(s.Effect); e != "" {
		p = append(p, e)
	}
	if s.PAdjusted != nil {
		p = append(p, "p "+pText(*s.PAdjusted)+", corrected for the number of endpoints")
	}
	if s.Probability != nil {
		// No evidence makes it certain, whatever the arithmetic rounds to.
		p = append(p, "probability "+percentText(math.Min(*s.Probability, 0.9999)))
	}
	return strings.Join(p, "; ")
}

func pText(p float64) string {
	if p < 0.0001 {
		return "below 0.0001"
	}
	return numberText(p)
}

// trafficText is "70 requests seen, 0.3% of the traffic".
func trafficText(s *finding.Suspect) string {
	if s.Requests == 0 {
		return ""
	}
	return plural(s.Requests, "request", "requests") + " seen, " + percentText(s.TrafficShare) + " of the traffic"
}

// outcomeText words what became of a request.
func outcomeText(o string, status int) string {
	var s string
	switch o {
	case "answered":
		s = "answered"
	case "given_up":
		s = "gave up"
	case "client_gone":
		s = "client left"
	default:
		s = strings.ReplaceAll(clean(o), "_", " ")
	}
	if status != 0 {
		s += ", " + strconv.Itoa(status)
	}
	return s
}

// crashRequestsText is "1 / 34 / 21", under crashRequestsTitle.
func crashRequestsText(q *finding.CrashRequests) string {
	if q == nil {
		return "not known"
	}
	return strconv.Itoa(q.Open) + " / " + strconv.Itoa(q.GivenUp) + " / " + strconv.Itoa(q.Cut)
}

const crashRequestsTitle = "open/gave up/cut"

// lastMemoryText is "RSS 190 of 400 MiB"; "not known" without a reading.
func lastMemoryText(m *finding.LastMemory) string {
	if m == nil {
		return "not known"
	}
	name := metricText(m.Metric)
	if m.Metric == "heap_used" {
		name = "heap"
	}
	if m.LimitBytes != nil && *m.LimitBytes > 0 {
		return name + " " + bytesOfText(m.Bytes, float64(*m.LimitBytes))
	}
	return name + " " + bytesText(m.Bytes)
}

// metricText names a metric for people: "rss" is "RSS", "heap_used" is "heap used".
func metricText(m string) string {
	m = strings.ReplaceAll(clean(m), "_", " ")
	if strings.EqualFold(m, "rss") {
		return "RSS"
	}
	return m
}

// restartsTitle says over a list of ends of containers what they have in common. Of some nobody says how they ended.
func restartsTitle(restarts []finding.Restart) string {
	unexplained := 0
	for i := range restarts {
		if restarts[i].Reason == finding.StoppedReporting {
			unexplained++
		}
	}
	switch unexplained {
	case 0:
		return "Ends that are no crashes"
	case len(restarts):
		return "Ends that no source explains"
	}
	return "Ends that are no crashes, or that no source explains"
}

// restartText names why a container ended that did not crash.
func restartText(reason string) string {
	if reason == finding.StoppedReporting {
		return "stopped reporting (no end seen)"
	}
	return strings.ReplaceAll(clean(reason), "_", " ")
}

// patternText says what walked from container to container.
func patternText(p *finding.Pattern) string {
	what := map[string]string{"request": "the same request", "path": "the same path", "user": "the same user", "endpoint": "the same endpoint"}[p.Kind]
	if what == "" {
		what = "the same " + clean(p.Kind)
	}
	s := strings.ToUpper(what[:1]) + what[1:] + " (" + clean(p.Value) + ") was running at " + plural(int64(len(p.Steps)), "death", "deaths")
	seen := map[string]bool{}
	for _, x := range p.Steps {
		seen[x.Container] = true
	}
	s += ", on " + plural(int64(len(seen)), "container", "containers")
	if p.SpacingSeconds > 0 {
		s += ", " + durationText(p.SpacingSeconds) + " apart (median)"
	}
	return s + "."
}

// impactText says what users felt, in short sentences.
func impactText(m *finding.Impact) string {
	s := "no request of " + countText(m.Requests) + " failed"
	if m.Failed > 0 {
		s = countText(m.Failed) + " of " + plural(m.Requests, "request", "requests") + " failed"
		if m.Requests > 0 {
			s += " (" + percentText(float64(m.Failed)/float64(m.Requests)) + ": cut, given up on or refused)"
		}
	}
	s += "; " + plural(m.ServerErrors, "answer", "answers") + " with status 5xx"
	if m.Users > 0 {
		s += "; " + plural(m.Users, "user or client address", "users or client addresses") + " affected"
	}
	if m.DownSeconds > 0 {
		s += "; containers down for " + durationText(m.DownSeconds) + " in sum"
	}
	return s
}

// redactionText says what was done about personal data.
func redactionText(r *finding.Report) string {
	if r.Redacted {
		return "Redacted: personal data and secrets are masked; pseudonyms such as user-1 are stable within this report; --no-redact, given when the evidence is read, shows whom to block."
	}
	return "NOT REDACTED: this report may hold personal data and secrets of your users. Do not pass it on."
}

// shapeText names a curve.
func shapeText(s finding.Shape) string {
	switch s {
	case finding.ShapePlateau:
		return "plateau"
	case finding.ShapeInsufficient:
		return "too few samples"
	}
	return clean(string(s))
}

// missing reports whether the coverage row stands for something that was not there.
func missing(c *finding.Coverage) bool {
	return c.Records == 0 || (c.MissingReason != nil && *c.MissingReason != "")
}

// noActions stands where no action follows.
func noActions(r *finding.Report) string {
	if r.Verdict.Cause.Harmless() && r.Verdict.Grade.Rank() >= finding.Likely.Rank() {
		return "Nothing needs to be done."
	}
	return "Nothing follows from this evidence."
}
