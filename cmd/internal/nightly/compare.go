package nightly

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/finding"
	"lastcall/cmd/internal/prose"
	"lastcall/cmd/internal/units"
)

// Status is a finding against the nights before.
type Status string

// The statuses.
const (
	New    Status = "new"
	Back   Status = "back" // it was gone
	Worse  Status = "worse"
	Same   Status = "same"
	Better Status = "better"
	Gone   Status = "gone"
)

// Thresholds of the comparison. They decide what is worth waking people for, not what is true.
const (
	// sameCrash is how far two nights may differ about the time of one crash: sources of one death lag by up to 30 s, and a
	// window may cut one of them off.
	sameCrash = 60 * time.Second
	// urgent: a leak that reaches its limit within this time is told again, for now it is a matter of today.
	urgent = 24 * time.Hour
	// goneAfter is how many complete checks in a row must not see a finding before it is called gone. One is not enough: a
	// culprit may simply not have been asked for that night.
	goneAfter = 2
)

// Finding is a finding of a night, compared with the nights before.
type Finding struct {
	// ID is the same every night.
	ID       string        `json:"id"`
	Service  string        `json:"service"`
	Kind     Kind          `json:"kind"`
	Status   Status        `json:"status"`
	Cause    finding.Cause `json:"cause"`
	Grade    finding.Grade `json:"grade"`
	Endpoint *string       `json:"endpoint"`
	Function *string       `json:"function,omitempty"`
	Summary  string        `json:"summary"`
	// Change says what changed against the last run; empty when nothing did.
	Change string `json:"change,omitempty"`
	// Reported is whether this run tells people; a finding that has not changed stays quiet.
	Reported bool `json:"reported"`
	// Alert is whether it counts for the exit code: reported, and at or above the threshold.
	Alert     bool      `json:"alert"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// CrashesSince counts its crashes since the last run.
	CrashesSince int      `json:"crashes_since"`
	Containers   []string `json:"containers,omitempty"`
	// TimeToLimit is in seconds; nil when there is none.
	TimeToLimit *finding.Estimate `json:"time_to_limit_seconds,omitempty"`
	// Deploy says how it stands to the last deploy; empty when no deploy is known.
	Deploy string `json:"deploy,omitempty"`
}

// compare puts a check beside what is known, and brings what is known up to date.
func compare(st *serviceState, c *checked, now time.Time, failOn finding.Grade, remind time.Duration) (findings []Finding, fresh []CrashLine) {
	if st.Findings == nil {
		st.Findings = map[string]*known{}
	}
	for _, d := range c.Deploys {
		if st.Deploy == nil || d.Time.After(st.Deploy.Time) {
			st.Deploy = &Deploy{d.Time, d.Text}
		}
	}
	fresh = st.unseen(c.Crashes)
	perFinding := map[string]int{}
	for _, x := range fresh {
		perFinding[x.Finding]++
	}

	present := map[string]bool{}
	for _, f := range c.Found {
		n := perFinding[f.Key]
		if f.Kind == Crashes && n == 0 && f.Limit == nil {
			continue // all its crashes were counted on nights before: this is no news and no presence
		}
		present[f.Key] = true
		k, named := st.adopt(f, c.Found)
		out := Finding{
			ID: c.Service + " " + f.Key, Service: c.Service, Kind: f.Kind, Cause: f.Cause, Grade: f.Grade, Endpoint: f.Endpoint,
			Function: f.Function, Summary: f.Summary, FirstSeen: f.Begins, LastSeen: c.To, CrashesSince: n, Containers: f.Containers,
			TimeToLimit: f.Limit,
		}
		if k != nil && !k.Gone && k.FirstSeen.Before(out.FirstSeen) {
			out.FirstSeen = k.FirstSeen
		}
		out.Deploy = againstDeploy(st.Deploy, out.FirstSeen)
		out.Status, out.Change = judge(k, f, n, c.To)
		if named && out.Status != Back {
			out.Status, out.Change = Worse, join("known before without a name", out.Change)
		}
		out.Reported = out.Status == New || out.Status == Back || out.Status == Worse
		if !out.Reported && remind > 0 && now.Sub(k.ReportedAt) >= remind {
			out.Reported = true
			out.Change = join(out.Change, "unchanged for "+prose.Span(now.Sub(k.ReportedAt))+"; said again as asked")
		}
		out.Alert = out.Reported && failOn != "" && f.Grade.Rank() >= failOn.Rank()
		remember(st, k, f, out, n, now)
		findings = append(findings, out)
	}
	if c.complete() {
		findings = append(findings, st.vanished(c, present, now)...)
		st.CheckedTo = c.To
		st.Signals = c.Signals
	}
	st.note(fresh, now)
	sortFindings(findings)
	return findings, fresh
}

// adopt finds what is known of f. A finding that was known without a name ("a leak, and the evidence does not say whose") and
// is named tonight is the same finding, not a new one beside an old one that is gone.
func (st *serviceState) adopt(f found, all []found) (k *known, named bool) {
	if k := st.Findings[f.Key]; k != nil || f.Endpoint == nil && f.Function == nil {
		return k, false
	}
	for _, bare := range []string{string(f.Cause), string(finding.Undetermined), "leak"} {
		k := st.Findings[bare]
		if k == nil || k.Gone || slices.ContainsFunc(all, func(o found) bool { return o.Key == bare }) {
			continue
		}
		delete(st.Findings, bare)
		st.Findings[f.Key] = k
		return k, true
	}
	return nil, false
}

// judge tells what has become of a finding that was seen tonight.
func judge(k *known, f found, crashes int, at time.Time) (Status, string) {
	switch {
	case k == nil:
		return New, ""
	case k.Gone:
		return Back, "it was gone; last seen " + prose.Minute(k.LastSeen)
	}
	var worse, better string
	if f.Kind == Crashes && crashes > 0 && k.Kind != Crashes {
		worse = join(worse, "now containers die of it")
	}
	if f.Grade.Rank() > k.Grade.Rank() {
		worse = join(worse, fmt.Sprintf("now %s, was %s", f.Grade, k.Grade))
	}
	if k.Crashes > 0 && crashes >= 2*k.Crashes && crashes >= k.Crashes+2 {
		worse = join(worse, fmt.Sprintf("%s since the last run, at most %d a night before", prose.Count(crashes, "crash", "crashes"), k.Crashes))
	}
	if f.Limit != nil {
		left, told := units.Seconds(f.Limit.Value), units.Seconds(k.TimeToLimit)
		expected := told - max(at.Sub(k.ReportedAt), 0) // a clock that was set back has taken no time
		switch {
		case told == 0:
			worse = join(worse, "the memory limit is now in sight, in about "+prose.Span(left))
		case left < urgent && told >= urgent:
			worse = join(worse, "about "+prose.Span(left)+" to the memory limit")
		case left < expected/2 && expected-left > 6*time.Hour:
			worse = join(worse, fmt.Sprintf("about %s to the memory limit, sooner than the %s that were expected", prose.Span(left), prose.Span(expected)))
		}
	}
	if worse != "" {
		return Worse, worse
	}
	if f.Grade.Rank() < k.Grade.Rank() {
		better = join(better, fmt.Sprintf("now %s, was %s", f.Grade, k.Grade))
	}
	if f.Kind == Crashes && k.LastCrashes >= 2 && crashes*2 <= k.LastCrashes {
		better = join(better, fmt.Sprintf("%s since the last run, %d before", prose.Count(crashes, "crash", "crashes"), k.LastCrashes))
	}
	if better != "" {
		return Better, better
	}
	return Same, ""
}

// remember brings the known finding up to date. What people were told is only moved when they are told.
func remember(st *serviceState, k *known, f found, out Finding, crashes int, now time.Time) {
	if k == nil || k.Gone {
		k = &known{FirstSeen: out.FirstSeen}
		st.Findings[f.Key] = k
	}
	k.Cause, k.Endpoint, k.Function, k.Summary = f.Cause, f.Endpoint, f.Function, f.Summary
	k.LastSeen, k.LastCrashes, k.Missing, k.Gone = out.LastSeen, crashes, 0, false
	if k.Kind != Crashes {
		k.Kind = f.Kind
	}
	if out.Reported {
		k.ReportedAt = now
		k.Crashes = max(k.Crashes, crashes)
		// The highest grade told stays: a grade that goes up and down every other night is one piece of news, not many.
		if f.Grade.Rank() > k.Grade.Rank() || k.Grade == "" {
			k.Grade = f.Grade
		}
		if f.Limit != nil && (k.TimeToLimit == 0 || f.Limit.Value < k.TimeToLimit) {
			k.TimeToLimit = f.Limit.Value
		}
	}
}

// vanished finds what is known and was not there tonight.
func (st *serviceState) vanished(c *checked, present map[string]bool, now time.Time) []Finding {
	var out []Finding
	for _, key := range sortedKeys(st.Findings) {
		k := st.Findings[key]
		if present[key] {
			continue
		}
		if k.Gone {
			if now.Sub(k.LastSeen) > forgetGone {
				delete(st.Findings, key)
			}
			continue
		}
		k.Missing++
		k.LastCrashes = 0
		if k.Missing < goneAfter {
			continue
		}
		k.Gone = true
		out = append(out, Finding{
			ID: c.Service + " " + key, Service: c.Service, Kind: k.Kind, Status: Gone, Cause: k.Cause, Grade: k.Grade,
			Endpoint: k.Endpoint, Function: k.Function, Summary: k.Summary, Reported: true,
			Change:    fmt.Sprintf("not seen in %d complete checks; last seen %s", k.Missing, prose.Minute(k.LastSeen)),
			FirstSeen: k.FirstSeen, LastSeen: k.LastSeen, Deploy: goneDeploy(st.Deploy, k.LastSeen),
		})
	}
	return out
}

// unseen returns the crashes that were not counted before.
func (st *serviceState) unseen(crashes []CrashLine) []CrashLine {
	var out []CrashLine
	taken := make([]bool, len(st.Seen))
	for _, x := range crashes {
		known := false
		for i, s := range st.Seen {
			if !taken[i] && s.Container == x.Container && x.Time.Sub(s.Time).Abs() <= sameCrash {
				known, taken[i] = true, true
				break
			}
		}
		if !known {
			out = append(out, x)
		}
	}
	return out
}

// note remembers crashes as counted, within bounds.
func (st *serviceState) note(fresh []CrashLine, now time.Time) {
	for _, x := range fresh {
		st.Seen = append(st.Seen, seenCrash{x.Container, x.Time})
	}
	sort.SliceStable(st.Seen, func(i, j int) bool { return st.Seen[i].Time.Before(st.Seen[j].Time) })
	st.Seen = slices.DeleteFunc(st.Seen, func(s seenCrash) bool { return now.Sub(s.Time) > seenFor })
	if n := len(st.Seen); n > maxSeen {
		st.Seen = slices.Clone(st.Seen[n-maxSeen:])
	}
}

// againstDeploy says whether trouble began with the last deploy.
func againstDeploy(d *Deploy, begins time.Time) string {
	switch {
	case d == nil:
		return ""
	case begins.Before(d.Time):
		return fmt.Sprintf("older than the last deploy (%s, %s)", d.Text, prose.Minute(d.Time))
	}
	return fmt.Sprintf("began %s after the last deploy (%s, %s)", prose.Span(begins.Sub(d.Time)), d.Text, prose.Minute(d.Time))
}

func goneDeploy(d *Deploy, last time.Time) string {
	if d == nil || d.Time.Before(last) {
		return ""
	}
	return fmt.Sprintf("not seen since the last deploy (%s, %s)", d.Text, prose.Minute(d.Time))
}

// sortFindings puts what is told first, by urgency, and keeps the rest in a fixed order.
func sortFindings(list []Finding) {
	rank := map[Status]int{New: 0, Back: 1, Worse: 2, Better: 3, Gone: 4, Same: 5}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.Reported != b.Reported {
			return a.Reported
		}
		if rank[a.Status] != rank[b.Status] {
			return rank[a.Status] < rank[b.Status]
		}
		if a.Grade != b.Grade {
			return a.Grade.Rank() > b.Grade.Rank()
		}
		return a.ID < b.ID
	})
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
