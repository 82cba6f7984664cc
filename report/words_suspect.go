package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"lastcall/analyze/finding"
)

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

// suspectOf finds an endpoint among the suspects; nil when it is none.
func suspectOf(r *finding.Report, endpoint string) *finding.Suspect {
	for i := range r.Suspects {
		if r.Suspects[i].Endpoint == endpoint {
			return &r.Suspects[i]
		}
	}
	return nil
}

// noSuspectText stands where no suspect is listed.
func noSuspectText(r *finding.Report) string {
	switch {
	case nothingSeen(r):
		return nobodyJudged
	case len(r.Suspects) > 0:
		return noneAccused
	case len(r.Crashes) == 0:
		return "There is nothing to suspect a request of."
	}
	return "No endpoint could be weighed; see what is missing."
}

const (
	noneAccused  = "No endpoint is accused."
	nobodyJudged = "Nothing was seen, so nobody can be suspected or cleared."
)

// presenceText is the arithmetic of a suspect: "open at death in 4 of 4 crashes; in 3 of 412 comparable quiet windows (0.7%)".
func presenceText(s *finding.Suspect) string {
	lead := "open at death in "
	switch s.Effect.Measure {
	case "share_of_growth":
		lead = "at work before "
	case "rate_ratio":
		lead = "answered right before "
	}
	t := lead + strconv.Itoa(s.CrashesWith) + " of " + plural(int64(s.CrashesTotal), "crash", "crashes")
	if s.CrashesTotal == 0 {
		t = "no crash to compare with"
	}
	if s.BaselineTotal == 0 && (s.Effect.Measure == "share_of_growth" || s.Effect.Measure == "rate_ratio") {
		return t // weighed over the whole window, not against quiet parts of it
	}
	if s.BaselineTotal > 0 {
		return t + "; in " + countText(int64(s.BaselineWith)) + " of " + plural(int64(s.BaselineTotal), "comparable quiet window", "comparable quiet windows") +
			" (" + percentText(s.Baseline) + ")"
	}
	return t + "; no comparable quiet window was seen"
}

// withText is "4 of 4": at how many crashes a suspect was open.
func withText(s *finding.Suspect) string {
	return fmt.Sprintf("%d of %d", s.CrashesWith, s.CrashesTotal)
}

// quietText is "3 of 412": in how many comparable quiet windows a suspect was open.
func quietText(s *finding.Suspect) string {
	if s.BaselineTotal == 0 {
		return "none seen"
	}
	return countText(int64(s.BaselineWith)) + " of " + countText(int64(s.BaselineTotal))
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

// effectText words the size of an association; empty when there is none.
func effectText(e finding.Effect) string {
	if e.Measure == "" && e.Value == 0 {
		return ""
	}
	f := numberText
	var lead string
	switch e.Measure {
	case "likelihood_ratio":
		lead = "likelihood ratio "
	case "odds_ratio":
		lead = "odds ratio "
	case "rate_ratio":
		lead = "times as often as chance brings about: "
	case "share_of_growth":
		lead, f = "share of the growth ", percentText
	default:
		if lead = strings.ReplaceAll(clean(e.Measure), "_", " "); lead != "" {
			lead += " "
		}
	}
	return lead + estimateText(finding.Estimate{Value: e.Value, Low: e.Low, High: e.High}, f)
}

func pText(p float64) string {
	if p < 0.0001 {
		return "below 0.0001"
	}
	return numberText(p)
}

// longestText is how long the longest request of a suspect took; empty when that is not known.
func longestText(s *finding.Suspect) string {
	switch {
	case s.LongestSeconds <= 0:
		return ""
	case s.OpenAtDeath > 0:
		return "longest: running for " + durationText(s.LongestSeconds) + " when its container died; " + plural(int64(s.OpenAtDeath), "request", "requests") + " open at deaths"
	}
	return "longest: took " + durationText(s.LongestSeconds)
}

// trafficText is "70 requests seen, 0.3% of the traffic".
func trafficText(s *finding.Suspect) string {
	if s.Requests == 0 {
		return ""
	}
	return plural(s.Requests, "request", "requests") + " seen, " + percentText(s.TrafficShare) + " of the traffic"
}

// suspectFacts are the numbers of an accused endpoint, in the order in which they convince.
func suspectFacts(s *finding.Suspect) []string {
	facts := []string{presenceText(s), strengthText(s), longestText(s)}
	if s.BytesPerRequest != nil {
		facts = append(facts, "takes "+bytesEstimate(*s.BytesPerRequest, "")+" per request")
	}
	facts = append(facts, trafficText(s))
	if c := codeText(s.Function, s.File); c != "" {
		facts = append(facts, "code: "+c)
	}
	return slices.DeleteFunc(facts, func(f string) bool { return f == "" })
}

// firstReason is the reason to show where there is room for one.
func firstReason(s *finding.Suspect) string {
	if len(s.Reasons) == 0 {
		return ""
	}
	return s.Reasons[0]
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

// exampleID is what identifies a request best.
func exampleID(e *finding.Example) string {
	if e.RequestID != "" {
		return clean(e.RequestID)
	}
	return clean(e.Path)
}
