package report

import (
	"strings"

	"lastcall/analyze/finding"
)

// The words for the model's terms, one place for all formats: of the verdict here, of what it rests on in the files beside.

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

// besideHeadline is the grade, where the headline does not say it already; else empty.
func besideHeadline(r *finding.Report) string {
	grade := string(r.Verdict.Grade)
	if strings.EqualFold(headline(r), grade) || nothingSeen(r) {
		return ""
	}
	return grade
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

// summaryOf puts before the summary of the verdict, which is in the format of the report already, what an empty input means.
func summaryOf(r *finding.Report, summary string) string {
	if nothingSeen(r) {
		return strings.TrimSpace(nothingSeenText + " " + summary)
	}
	return summary
}

// causesOf returns the verdicts to show: all causes if there are several, else the one verdict.
func causesOf(r *finding.Report) []finding.Verdict {
	if len(r.Causes) > 1 {
		return r.Causes
	}
	return []finding.Verdict{r.Verdict}
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

// actionKinds orders the kinds of actions.
var actionKinds = [...]struct{ kind, title string }{
	{"mitigate", "now"},
	{"fix", "fix"},
	{"observe", "see more next time"},
}

// actionTitle names a kind of action, with a colon; empty for one that is not known.
func actionTitle(kind string) string {
	for _, k := range actionKinds {
		if k.kind == kind {
			return strings.ToUpper(k.title[:1]) + k.title[1:] + ": "
		}
	}
	return ""
}

// noActions stands where no action follows.
func noActions(r *finding.Report) string {
	if r.Verdict.Cause.Harmless() && r.Verdict.Grade.Rank() >= finding.Likely.Rank() {
		return "Nothing needs to be done."
	}
	return "Nothing follows from this evidence."
}

// sentence capitalises s, which is of ours, as "Request burst".
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
}

// sentenceFirst begins s, which is of ours, with a capital.
func sentenceFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// observedText says whether an event was seen or concluded.
func observedText(e *finding.Event) string {
	if e.Observed {
		return "observed"
	}
	return "inferred"
}
