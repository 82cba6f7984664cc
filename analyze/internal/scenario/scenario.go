package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// Scenario is one synthetic incident. It is made by [Parse] or [Random].
type Scenario struct {
	// Title is one line about what happens.
	Title string
	// Kind is the kind that Random was asked for; empty for a parsed text that does not say.
	Kind string
	// Truth is what really happened; its Deaths and all that depends on them are complete after Emit.
	Truth Truth

	cfg    config
	expect []expectation
	text   string
}

// String returns the text that the scenario was parsed from; [Parse] of it gives the same scenario.
func (s *Scenario) String() string { return s.text }

// Expectations returns the lines of the text that begin with expect.
func (s *Scenario) Expectations() []string {
	out := make([]string, len(s.expect))
	for i, e := range s.expect {
		out[i] = e.text
	}
	return out
}

// Planned returns the windows that the text announces out of band ("planned" lines), as a user would with --planned.
func (s *Scenario) Planned() [][2]record.Time {
	var out [][2]record.Time
	for _, p := range s.cfg.planned {
		out = append(out, [2]record.Time{s.cfg.instant(p[0]), s.cfg.instant(p[1])})
	}
	return out
}

// LimitBytes returns the memory limit that the text tells out of band ("told-limit" line), as a user would with --limit; 0 is
// none.
func (s *Scenario) LimitBytes() int64 { return s.cfg.toldLimit }

// Truth is what really happened in a scenario.
type Truth struct {
	// Cause is the main cause.
	Cause finding.Cause
	// Endpoint is the culprit, such as "GET /api/x/{id}", the one with most deaths first; empty: nobody is to be accused.
	Endpoint string
	// Also are further culprits.
	Also []string
	// CanTell reports whether the evidence emitted can hold the culprit (or the cause, where no endpoint is to blame). Where
	// it is false, Why says what is missing, and "undetermined" is a right answer.
	CanTell bool
	Why     string
	// Accept are the causes that a verdict may rightly give; the first is Cause.
	Accept []finding.Cause
	// Deaths are all unplanned deaths, in order of time.
	Deaths []Death
	// Requests counts the requests that reached the router.
	Requests int
}

// Death is one unplanned death of a container, in true time.
type Death struct {
	Time                time.Time
	Container, Instance string
	Kind                record.CrashKind
	Cause               finding.Cause
	// Endpoint is the culprit; empty when none is.
	Endpoint string
}

// Culprits returns all endpoints that may be accused.
func (t *Truth) Culprits() []string {
	if t.Endpoint == "" {
		return nil
	}
	return append([]string{t.Endpoint}, t.Also...)
}

// Guilty reports whether an accusation of endpoint, as a report names it, is right.
func (t *Truth) Guilty(endpoint string) bool {
	for _, c := range t.Culprits() {
		if sameEndpoint(c, endpoint) {
			return true
		}
	}
	return false
}

// Outcome is how a report compares with the truth.
type Outcome string

// The outcomes.
const (
	Right     Outcome = "right"
	Undecided Outcome = "undecided"
	Wrong     Outcome = "wrong"
)

// Judgement is the comparison of one report with the truth.
type Judgement struct {
	Outcome Outcome
	Cause   finding.Cause
	Grade   finding.Grade
	// Accused are the endpoints accused (likely or above) by the verdict, by further verdicts or as culprit among the suspects.
	Accused []string
	// WrongAccusation is set when one of them is innocent.
	WrongAccusation bool
	// EndpointRight is set when one of them is a culprit.
	EndpointRight bool
	// CauseRight is set when the cause is one that the truth accepts.
	CauseRight bool
	Why        string
}

// Judge compares a report with the truth. Call it after Emit. Undecided is a report that commits itself to nothing (cause
// undetermined, or a grade below likely) although the evidence could tell; where it could not, the same is Right. Wrong is an
// innocent accused, or another cause given as likely or above, or "none" said of an incident.
func (s *Scenario) Judge(rep *finding.Report) Judgement {
	t := &s.Truth
	j := Judgement{Cause: rep.Verdict.Cause, Grade: rep.Verdict.Grade, Accused: accused(rep)}
	for _, a := range j.Accused {
		if t.Guilty(a) {
			j.EndpointRight = true
		} else {
			j.WrongAccusation = true
		}
	}
	for _, c := range t.Accept {
		j.CauseRight = j.CauseRight || c == rep.Verdict.Cause
	}
	sure := rep.Verdict.Grade.Rank() >= finding.Likely.Rank()
	switch {
	case j.WrongAccusation:
		j.Outcome, j.Why = Wrong, "accused "+strings.Join(j.Accused, ", ")
	case j.CauseRight && t.Endpoint != "" && j.EndpointRight:
		j.Outcome = Right
	case j.CauseRight && t.Endpoint == "" && (sure || rep.Verdict.Cause == finding.Undetermined || rep.Verdict.Cause == finding.None):
		j.Outcome = Right
	case rep.Verdict.Cause == finding.Undetermined || (!sure && rep.Verdict.Cause != finding.None):
		j.Outcome, j.Why = Undecided, fmt.Sprintf("%s (%s)", rep.Verdict.Cause, rep.Verdict.Grade)
		if !t.CanTell {
			j.Outcome = Right
		}
	case j.CauseRight:
		j.Outcome, j.Why = Undecided, fmt.Sprintf("%s (%s) without the endpoint", rep.Verdict.Cause, rep.Verdict.Grade)
		if !t.CanTell {
			j.Outcome = Right
		}
	default:
		j.Outcome, j.Why = Wrong, fmt.Sprintf("%s (%s) instead of %s", rep.Verdict.Cause, rep.Verdict.Grade, t.Cause)
	}
	return j
}

// accused lists the endpoints that the report accuses, each once.
func accused(rep *finding.Report) []string {
	var out []string
	add := func(e string) {
		if slices.Contains(out, e) {
			return
		}
		out = append(out, e)
	}
	for _, v := range append([]finding.Verdict{rep.Verdict}, rep.Causes...) {
		if v.Endpoint != nil && v.Grade.Rank() >= finding.Likely.Rank() {
			add(*v.Endpoint)
		}
	}
	for _, s := range rep.Suspects {
		if s.Role == finding.Culprit && s.Grade.Rank() >= finding.Likely.Rank() {
			add(s.Endpoint)
		}
	}
	return out
}

// sameEndpoint compares a template with an endpoint as a report has it: parameters match whatever they are called, and a
// value that was left where a parameter belongs matches too (that is the templating's fault, not a wrong accusation).
func sameEndpoint(truth, reported string) bool {
	tm, tp, ok1 := strings.Cut(truth, " ")
	rm, rp, ok2 := strings.Cut(reported, " ")
	if !ok1 || !ok2 || tm != rm {
		return false
	}
	ts, rs := strings.Split(tp, "/"), strings.Split(rp, "/")
	if len(ts) != len(rs) {
		return false
	}
	for i := range ts {
		if ts[i] != rs[i] && !strings.HasPrefix(ts[i], "{") {
			return false
		}
	}
	return true
}

// expectation is one expect line.
type expectation struct {
	text  string
	check func(*finding.Report) string
}

// Check returns the expectations that rep does not meet, each as a sentence; none means that all are met.
func (s *Scenario) Check(rep *finding.Report) []string {
	var out []string
	for _, e := range s.expect {
		if msg := e.check(rep); msg != "" {
			out = append(out, e.text+": "+msg)
		}
	}
	return out
}
