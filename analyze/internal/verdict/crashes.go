package verdict

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// writeCrashes turns deaths into the report's crashes.
func (q *inquiry) writeCrashes() {
	r := q.report
	r.Crashes = []finding.Crash{}
	requests := q.crashRequests()
	for d := range q.traffic.Life.Deaths {
		x := &q.traffic.Life.Deaths[d]
		c := finding.Crash{ID: x.ID(), Time: x.Time.Std(), Container: x.Container, Instance: ptr(shorten(x.Instance)), Kind: string(x.Kind),
			Signal: ptr(x.Signal), Service: ptr(x.Service), Host: ptr(x.Host), Version: ptr(x.Version), Evidence: []finding.Evidence{}}
		if x.ExitCode >= 0 {
			code := x.ExitCode
			c.ExitCode = &code
		}
		if x.Uptime > 0 {
			up := round(x.Uptime.Seconds(), 3)
			c.UptimeSeconds = &up
		}
		for _, s := range pick(x.Signs) {
			at := s.Time.Std()
			c.Evidence = append(c.Evidence, finding.Evidence{Source: intake.SourceName(s.Pos.Source), Line: s.Pos.Line, Time: &at, Text: clip(s.Text, 200)})
		}
		c.Requests = requests[d]
		c.LastMemory = q.lastMemory(d)
		var notes []string
		if x.AfterDeploy != "" {
			notes = append(notes, fmt.Sprintf("%s after deploy %s", minutes(x.DeployAge), x.AfterDeploy))
		}
		if x.Loop > 0 {
			notes = append(notes, fmt.Sprintf("one of %d deaths of a crash loop", x.Loop))
		}
		if x.Unreachable {
			notes = append(notes, "the platform lost the container and moved it; nothing says that the process died")
		}
		switch {
		case x.Broke > 0:
			notes = append(notes, "inferred from its requests: no source tells of the end")
		case x.Unfinished > 0:
			notes = append(notes, fmt.Sprintf("inferred: it started again, and %d request(s) that it had begun never ended; no source tells how the process ended", x.Unfinished))
		case !x.Exited:
			notes = append(notes, "known by its last words only: no source tells how the process ended")
		}
		if x.Kind == record.CrashExit && x.ExitCode == exitOnFull {
			notes = append(notes, "a Java runtime that is told to exit at an OutOfMemoryError ends with this status")
		}
		if q.ofMachine(x) {
			notes = append(notes, "the machine ran out of memory, not the container")
		}
		if q.traffic.Names.ByCount(x) {
			notes = append(notes, "inferred: the node told of the process only, and the container's restarts were counted")
		}
		c.Note = strings.Join(notes, "; ")
		r.Crashes = append(r.Crashes, c)
	}
	for i := range q.traffic.Life.Restarts {
		s := &q.traffic.Life.Restarts[i]
		r.Restarts = append(r.Restarts, finding.Restart{Time: s.Time.Std(), Container: s.Container, Reason: s.Reason, Detail: clip(s.Detail, 200)})
	}
}

// broke counts the deaths that are inferred from requests that broke off.
func (q *inquiry) broke() (n int) {
	for i := range q.traffic.Life.Deaths {
		if q.traffic.Life.Deaths[i].Broke > 0 {
			n++
		}
	}
	return n
}

// ofMemory is " of memory" where nothing says that some deaths, of class byMemory, were of something else; empty where requests alone tell of
// them, which say nothing of that.
func (q *inquiry) ofMemory(deaths []int) string {
	if slices.ContainsFunc(deaths, func(d int) bool { return q.traffic.Life.Deaths[d].Broke == 0 }) {
		return " of memory"
	}
	return ""
}

// pick chooses at most six signs of a death to quote: the most telling ones, in time order.
func pick(signs []life.Sign) []life.Sign {
	if len(signs) <= 6 {
		return signs
	}
	rank := func(s life.Sign) int {
		n := 0
		if s.Exited {
			n += 2
		}
		if s.Kind != record.CrashOther {
			n += 3
		}
		return n
	}
	idx := make([]int, len(signs))
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(a, b int) bool { return rank(signs[idx[a]]) > rank(signs[idx[b]]) })
	idx = idx[:6]
	sort.Ints(idx)
	out := make([]life.Sign, 0, 6)
	for _, i := range idx {
		out = append(out, signs[i])
	}
	return out
}

// crashRequests counts the requests of each death; nil where there are no requests at all.
func (q *inquiry) crashRequests() []*finding.CrashRequests {
	of := make([]*finding.CrashRequests, len(q.traffic.Life.Deaths))
	if q.measured.Counts.Total == 0 {
		return of
	}
	for d := range of {
		of[d] = &finding.CrashRequests{Finished: q.measured.LastMinute[d]}
	}
	for i := range q.traffic.Pending {
		switch p := &q.traffic.Pending[i]; {
		case p.Death < 0:
		case p.Phase == record.Started:
			of[p.Death].Open++
		case p.Outcome == record.Cut:
			of[p.Death].Cut++
		default:
			of[p.Death].GivenUp++
		}
	}
	return of
}

func (q *inquiry) lastMemory(d int) *finding.LastMemory {
	x := &q.traffic.Life.Deaths[d]
	metrics := []record.Metric{record.RSS, record.WorkingSet, record.HeapUsed}
	if x.Kind == record.CrashHeapLimit {
		metrics = []record.Metric{record.HeapUsed, record.RSS, record.WorkingSet}
	}
	for _, i := range q.memory.of[d] {
		l := &q.memory.lives[i]
		for _, m := range metrics {
			pts := l.Series[m]
			if len(pts) == 0 {
				continue
			}
			p := pts[len(pts)-1]
			lm := &finding.LastMemory{Metric: m.String(), Bytes: p.V, AgeSeconds: round(max(0, x.Time.Sub(p.T).Seconds()), 3)}
			limit := l.LimitBytes
			if m == record.HeapUsed {
				limit = l.HeapLimitBytes
			}
			if limit > 0 {
				lm.LimitBytes = &limit
			}
			return lm
		}
	}
	return nil
}
