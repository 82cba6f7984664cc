package report

import (
	"lastcall/analyze/finding"
)

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

// knownOutcome reports whether checkGroups has an outcome.
func knownOutcome(o finding.Outcome) bool {
	for _, g := range checkGroups {
		if g.outcome == o {
			return true
		}
	}
	return false
}

// checksOf returns the checks with one outcome.
func checksOf(r *finding.Report, o finding.Outcome) (checks []*finding.Check) {
	for i := range r.Checks {
		if r.Checks[i].Outcome == o {
			checks = append(checks, &r.Checks[i])
		}
	}
	return checks
}

// unknownChecks returns those with an outcome that checkGroups has not.
func unknownChecks(r *finding.Report) (checks []*finding.Check) {
	for i := range r.Checks {
		if !knownOutcome(r.Checks[i].Outcome) {
			checks = append(checks, &r.Checks[i])
		}
	}
	return checks
}

const (
	nothingChecked = "Nothing could be checked."
	nothingAgainst = "Nothing that was checked speaks against the verdict."
)
