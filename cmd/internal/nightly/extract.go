package nightly

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/cmd/internal/prose"
	"lastcall/cmd/internal/units"
)

// Kind tells trouble that has happened from trouble that is on its way.
type Kind string

// The kinds.
const (
	Crashes Kind = "crashes" // containers died
	Leak    Kind = "leak"    // memory heads for its limit; nothing has died of it yet
	Trouble Kind = "trouble" // something is wrong without a death: a hung dependency, a host
)

// checked is what one check of one service came to, reduced to what the comparison needs. It is kept in the state while a
// run is under way.
type checked struct {
	Service string    `json:"service"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	// Error is why the check failed; Gaps is what it could not see. It is complete when both are empty.
	Error string   `json:"error,omitempty"`
	Gaps  []string `json:"gaps,omitempty"`
	// Unseen is the time before From that no check has looked at. It makes the night incomplete, once: the next night goes on from
	// To all the same, as it could not reach that far back either.
	Unseen  string          `json:"unseen,omitempty"`
	Verdict finding.Verdict `json:"verdict"`
	Crashes []CrashLine     `json:"crashes,omitempty"`
	Found   []found         `json:"found,omitempty"`
	Signals []string        `json:"signals,omitempty"`
	Deploys []Deploy        `json:"deploys,omitempty"`
}

func (c *checked) complete() bool { return c.Error == "" && len(c.Gaps) == 0 }

// CrashLine is one crash, short.
type CrashLine struct {
	Time      time.Time `json:"time"`
	Container string    `json:"container"`
	Kind      string    `json:"kind"`
	Endpoint  *string   `json:"endpoint"`
	// Finding is the key of the finding that explains it.
	Finding string `json:"finding,omitempty"`
}

// Deploy is one deploy.
type Deploy struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// found is one finding of one check.
type found struct {
	Key      string        `json:"key"`
	Kind     Kind          `json:"kind"`
	Cause    finding.Cause `json:"cause"`
	Grade    finding.Grade `json:"grade"`
	Endpoint *string       `json:"endpoint,omitempty"`
	Function *string       `json:"function,omitempty"`
	Summary  string        `json:"summary"`
	// Begins is when it is first seen in the evidence.
	Begins time.Time `json:"begins"`
	// Limit is the time to the memory limit; nil when it is not known or does not apply.
	Limit      *finding.Estimate `json:"limit,omitempty"`
	Containers []string          `json:"containers,omitempty"`
}

// freshness is how near to the end of the window a container must have been seen to count as alive.
const freshness = 30 * time.Minute

// dailyRestart is the age that no container reaches where something restarts each of them every day (24 h, with some hours of
// jitter).
const dailyRestart = 27 * time.Hour

// loneLeak is how long the life of a single container must be for its growth to be called a leak when the verdict does not: a
// daily rhythm looks like growth for half a day (the same growth in two containers needs no such wait).
const loneLeak = 24 * time.Hour

// extract reduces a report to findings. horizon bounds how far ahead a leak is of interest.
func extract(service string, from, to time.Time, r *finding.Report, gaps []string, horizon time.Duration) *checked {
	c := &checked{Service: service, From: from, To: to, Gaps: gaps, Verdict: r.Verdict}
	verdicts := r.Causes
	if len(verdicts) == 0 {
		verdicts = []finding.Verdict{r.Verdict}
	}
	leaks := living(r, horizon)
	explained := map[string]string{}
	for _, v := range verdicts {
		if v.Cause.Harmless() || v.Cause == "" {
			continue
		}
		crashes := crashesOf(r, v, len(verdicts) == 1)
		f := found{
			Key: key(v), Cause: v.Cause, Grade: v.Grade, Endpoint: v.Endpoint, Function: v.Function,
			Summary: prose.Plain(v.Summary), Kind: Trouble,
		}
		growing := v.Cause == finding.RequestLeak || v.Cause == finding.BackgroundLeak
		switch {
		case len(crashes) > 0:
			f.Kind, f.Begins = Crashes, crashes[0].Time
			for _, x := range crashes {
				explained[x.ID] = f.Key
				f.Containers = append(f.Containers, x.Container)
			}
			if growing {
				f.Limit = shortest(leaks)
			}
		case growing:
			f.Kind = Leak
			f.Limit = shortest(leaks)
			if f.Limit == nil && hasTimeToLimit(r) {
				continue // it grows, but so slowly that it is of no interest within the horizon
			}
			f.Begins, f.Containers = leakBegin(leaks, r)
			leaks = nil // told
		case v.Cause == finding.Undetermined:
			continue // nothing died: what the evidence could not tell is said by the verdict and by the gaps
		default:
			f.Begins = r.Window.From
		}
		f.Containers = unique(f.Containers)
		c.Found = append(c.Found, f)
	}
	// Memory that heads for its limit while the verdict is about something else, or about nothing.
	if _, containers := leakBegin(leaks, r); len(containers) < 2 {
		leaks = slices.DeleteFunc(leaks, func(m finding.Memory) bool { return m.To.Sub(m.From) < loneLeak })
	}
	if len(leaks) > 0 && !slices.ContainsFunc(c.Found, func(f found) bool { return f.Limit != nil }) {
		begin, containers := leakBegin(leaks, r)
		c.Found = append(c.Found, found{
			Key: "leak", Kind: Leak, Cause: finding.Undetermined, Grade: finding.Possible, Begins: begin, Containers: containers,
			Limit:   shortest(leaks),
			Summary: fmt.Sprintf("The memory of %s grows and heads for its limit; the evidence does not say why.", prose.Count(len(containers), "container", "containers")),
		})
	}
	for _, x := range r.Crashes {
		if x.Kind == "sigterm" {
			continue // by itself no crash
		}
		c.Crashes = append(c.Crashes, CrashLine{x.Time, prose.Plain(x.Container), x.Kind, x.ExplainedBy, explained[x.ID]})
	}
	for _, e := range r.Timeline {
		if e.Kind == finding.EventDeploy && e.Container == "" {
			c.Deploys = append(c.Deploys, Deploy{e.Time, prose.Plain(e.Text)})
		}
	}
	for _, cov := range r.Coverage {
		if cov.Records > 0 {
			c.Signals = append(c.Signals, cov.Signal)
		}
	}
	c.Signals = unique(c.Signals)
	if len(c.Signals) == 0 && len(r.Crashes) == 0 {
		c.Gaps = append(c.Gaps, "no record of any kind was seen for this service in this window; check its name, env and sources with `lastcall doctor`")
	}
	return c
}

// key names a finding so that it is the same every night: by its cause and by who is to blame, never by container, time or
// number, which change.
func key(v finding.Verdict) string {
	parts := []string{string(v.Cause)}
	switch {
	case v.Endpoint != nil:
		parts = append(parts, *v.Endpoint)
	case v.Function != nil:
		parts = append(parts, *v.Function)
	}
	return strings.Join(parts, " ")
}

func crashesOf(r *finding.Report, v finding.Verdict, only bool) []finding.Crash {
	var out []finding.Crash
	for _, x := range r.Crashes {
		if x.Kind == "sigterm" {
			continue
		}
		if only && len(v.Crashes) == 0 || slices.Contains(v.Crashes, x.ID) {
			out = append(out, x)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Time.Before(out[j].Time) })
	return out
}

// living are the leaks of containers that are alive, reach their limit within the horizon, and are not taken away by a daily
// restart before that. A restart that was no deploy, within the window, is taken for a daily one: if it was not, the next
// night sees none, and there is time until then, because the limit lies beyond the next restart.
func living(r *finding.Report, horizon time.Duration) []finding.Memory {
	var last time.Time
	for _, m := range r.Memory {
		if m.To.After(last) {
			last = m.To
		}
	}
	daily := map[string]bool{}
	for _, x := range r.Restarts {
		if x.Reason == "cycling" || x.Reason == "stopped" || x.Reason == "maintenance" {
			daily[x.Container] = true
		}
	}
	var out []finding.Memory
	for _, m := range r.Memory {
		if m.Shape != finding.ShapeLeak || m.Crash != "" || m.TimeToLimitSeconds == nil || last.Sub(m.To) > freshness {
			continue
		}
		left := units.Seconds(*m.TimeToLimitSeconds)
		if left > horizon || daily[m.Container] && left > dailyRestart-m.To.Sub(m.From) {
			continue
		}
		out = append(out, m)
	}
	return out
}

func hasTimeToLimit(r *finding.Report) bool {
	return slices.ContainsFunc(r.Memory, func(m finding.Memory) bool { return m.TimeToLimitSeconds != nil })
}

func shortest(leaks []finding.Memory) *finding.Estimate {
	var out *finding.Estimate
	for _, m := range leaks {
		if out == nil || *m.TimeToLimitSeconds < out.Value {
			e := finding.Estimate{Value: *m.TimeToLimitSeconds, Low: *m.TimeToLimitSeconds, High: *m.TimeToLimitSeconds}
			if m.TimeToLimit != nil {
				e = *m.TimeToLimit
			}
			out = &e
		}
	}
	return out
}

func leakBegin(leaks []finding.Memory, r *finding.Report) (time.Time, []string) {
	begin := r.Window.From
	var containers []string
	for i, m := range leaks {
		if i == 0 || m.From.Before(begin) {
			begin = m.From
		}
		containers = append(containers, prose.Plain(m.Container))
	}
	return begin, unique(containers)
}

func unique(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
