package datadog

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// Plan is what will be asked.
type Plan struct {
	// Site is where.
	Site string
	// Service, Env, From and To are about what.
	Service, Env string
	From, To     time.Time
	// MaxCalls bounds the calls; the sum of the steps is never above it.
	MaxCalls int
	// Known is false before anything has been asked: the number of log lines then still decides between listing and sampling.
	Known bool
	Steps []Step
}

// Step is one purpose.
type Step struct {
	// Signal is what it gives: "keys", "discovery", "memory", "lifecycle", "exposure", "requests", "profiles".
	Signal string
	// Purpose says why, in words.
	Purpose string
	// Endpoint is the path asked.
	Endpoint string
	// Calls is how many calls; AtMost says that it may be fewer. What must be asked again (a quota, a query that timed out) comes on top,
	// as do further pages where Datadog gives fewer groups at once than it may; MaxCalls bounds these as well.
	Calls  int
	AtMost bool
	// Spent says that these calls have been made already.
	Spent bool
}

// Calls is the number of calls of all steps.
func (p Plan) Calls() int {
	n := 0
	for _, s := range p.Steps {
		n += s.Calls
	}
	return n
}

// String returns the plan for people, several lines.
func (p Plan) String() string {
	var b strings.Builder
	most := ""
	for _, s := range p.Steps {
		if s.AtMost {
			most = "at most "
		}
	}
	who := p.Service
	if who == "" {
		who = "all services"
	}
	if p.Env != "" {
		who += " (" + p.Env + ")"
	}
	fmt.Fprintf(&b, "Plan: %s%d of %d calls to Datadog (%s) about %s, %s to %s\n", most, p.Calls(), p.MaxCalls, p.Site, who,
		p.From.UTC().Format("2006-01-02 15:04:05"), p.To.UTC().Format("2006-01-02 15:04:05 MST"))
	for _, s := range p.Steps {
		n := strconv.Itoa(s.Calls)
		if s.AtMost {
			n = "≤ " + n
		}
		done := ""
		if s.Spent {
			done = " (done)"
		}
		fmt.Fprintf(&b, "  %5s  %-10s %s%s\n", n, s.Signal, s.Purpose, done)
	}
	return b.String()
}

// Plan returns what Collect will ask about q, as far as that is known before the first call.
func (c *Collector) Plan(q record.Query) Plan {
	q, from, to := c.window(q)
	p := Plan{Site: c.api.where(), Service: q.Service, Env: q.Env, From: from, To: to, MaxCalls: c.o.MaxCalls}
	spans, step := seriesSpans(from, to)
	for _, s := range []Step{
		{Signal: "keys", Purpose: "check both keys", Endpoint: pathValidateKeys, Calls: 1},
		{Signal: "discovery", Purpose: "which metrics the service has, and which tag names its containers", Endpoint: pathActive, Calls: len(c.o.scopes(q)) + 3, AtMost: true}, // tags of one metric, and of two histograms
		{Signal: "memory", Purpose: fmt.Sprintf("memory and CPU per container, the peak of every %s", step), Endpoint: pathQuery, Calls: len(spans)},
		{Signal: "lifecycle", Purpose: "deploys, restarts, Kubernetes events", Endpoint: pathEvents, Calls: eventPages, AtMost: true},
		{Signal: "requests", Purpose: "how many log lines there are", Endpoint: pathAggregate, Calls: 3, AtMost: true}, // indexed, else in flex storage; and those of the platform
	} {
		p.add(s)
	}
	if c.o.Profiles {
		p.add(Step{Signal: "profiles", Purpose: "heap profiles, those written at a death first", Endpoint: pathProfiles, Calls: profileCalls, AtMost: true})
	}
	p.add(Step{
		Signal: "requests", Purpose: "all log lines if these calls can list them, else statistics and windows around the deaths", Endpoint: pathLogs,
		Calls: c.o.MaxCalls, AtMost: true,
	})
	return p
}

// add appends a step, with no more calls than are left.
func (p *Plan) add(s Step) {
	if room := p.MaxCalls - p.Calls(); s.Calls > room {
		s.Calls, s.AtMost = room, true
	}
	if s.Calls > 0 {
		p.Steps = append(p.Steps, s)
	}
}

// refined is the plan once the volumes are known.
func (r *run) refined() Plan {
	p := r.Plan(r.q)
	p.Known = true
	p.Steps = []Step{{Signal: "discovery", Purpose: "keys, metrics, events, number of log lines", Endpoint: pathActive, Calls: r.api.tr.Calls(), Spent: true}}
	add := p.add
	total := r.vol.total()
	switch {
	case total == 0:
	case r.vol.All:
		n := 0
		for _, pc := range r.vol.Pieces {
			n += pagesOf(pc.Lines)
		}
		add(Step{Signal: "requests", Purpose: fmt.Sprintf("all %d log lines, in %d pieces", total, len(r.vol.Pieces)), Endpoint: pathLogs, Calls: n})
	default:
		add(Step{Signal: "requests", Purpose: "a page of lines, to find the attributes", Endpoint: pathLogs, Calls: 1})
		add(Step{Signal: "crashes", Purpose: "lines that speak of deaths and starts", Endpoint: pathLogs, Calls: signPages, AtMost: true})
		add(Step{Signal: "exposure", Purpose: "counts and percentiles per endpoint, computed by Datadog", Endpoint: pathAggregate, Calls: 3 * maxAggregatePages, AtMost: true})
		add(Step{Signal: "requests", Purpose: "the slowest requests of the whole window", Endpoint: pathLogs, Calls: slowPages + 2, AtMost: true})
	}
	if total > 0 && !r.vol.All {
		add(Step{Signal: "exposure", Purpose: "counts by patterns of paths, should the lines carry no route", Endpoint: pathTimeseries, Calls: maxPatterns / patternsPerCall, AtMost: true})
	}
	if r.d.Histogram != nil {
		add(Step{Signal: "exposure", Purpose: "counts per endpoint from " + r.d.Histogram.Base, Endpoint: pathQuery, Calls: 1})
	}
	if r.o.Profiles {
		add(Step{Signal: "profiles", Purpose: "heap profiles, those written at a death first", Endpoint: pathProfiles, Calls: profileCalls, AtMost: true})
	}
	if total > 0 && !r.vol.All {
		add(Step{
			Signal: "requests", Purpose: fmt.Sprintf("windows around deaths and matched quiet ones: a sample of %d lines", total), Endpoint: pathLogs,
			Calls: p.MaxCalls, AtMost: true,
		})
	}
	return p
}

// Summary is what was asked and chosen.
type Summary struct {
	// Calls is how many calls were made, repeated ones included, of MaxCalls allowed; Waited is the time spent waiting for quotas
	// and between attempts.
	Calls, MaxCalls int
	Waited          time.Duration
	// Choices are what was found out or taken for granted, a sentence each: "memory from container.memory.usage".
	Choices []string
	// LogLines is how many log lines there are in the window, as far as known, and LogLinesRead how many were read.
	LogLines, LogLinesRead int64
}

// String returns the summary for people, several lines.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Datadog: %d of %d calls made", s.Calls, s.MaxCalls)
	if s.Waited >= time.Second {
		fmt.Fprintf(&b, ", %s spent waiting", s.Waited.Round(time.Second))
	}
	if s.LogLines > 0 {
		fmt.Fprintf(&b, ", %d of %d log lines read", s.LogLinesRead, s.LogLines)
	}
	b.WriteByte('\n')
	for _, c := range s.Choices {
		fmt.Fprintf(&b, "  %s\n", c)
	}
	return b.String()
}
