// Package nightly is the night watch: it has several services checked, compares what was found with the nights before, and
// tells people only what is new, worse or gone.
//
// It does not look at evidence; [Deps].Check does, and returns a finding.Report. The night goes in this order, so that a kill
// at any moment loses nothing and repeats next to nothing:
//
//  1. take the lock, read the state;
//  2. check each service, keeping each result in the state as it comes (an interrupted run goes on from there); try those
//     that failed again;
//  3. compare, and save the new state together with the message for people (the outbox);
//  4. post, print, and strike the message from the outbox. Printing comes last, so that it can say that posting failed. A kill
//     between the webhook's answer and the note of it posts that one message again, with the same id; a kill before the
//     printing is noted prints it again;
//  5. call the heartbeat if, and only if, everything was checked completely and the outbox is empty.
package nightly

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/cmd/internal/prose"
)

// Service is one service to check.
type Service struct {
	// ID names it: "api/production".
	ID string
	// Window is how far back each night looks at least.
	Window time.Duration
	// Horizon is how far ahead a leak is of interest.
	Horizon time.Duration
	// FailOn is the grade from which a finding that is told makes the exit code 3; empty: none does.
	FailOn finding.Grade
}

// Options are the settings of a night.
type Options struct {
	Services []Service
	// Retries is how often failed checks are tried again, after all the others.
	Retries int
	// Remind is after how long an unchanged finding is told again; 0: never.
	Remind time.Duration
}

// Result is what a check came to.
type Result struct {
	// Report is redacted: what is in it goes into state, messages and files.
	Report *finding.Report
	// Gaps say what should have been seen and was not, each as a sentence, redacted; none when the check was complete.
	Gaps []string
}

// Deps is the world of a night.
type Deps struct {
	// Check looks at one service. An error means that nothing could be seen; its text is kept and sent, and so redacted.
	Check func(ctx context.Context, s Service, from, to time.Time) (Result, error)
	Store Store
	Now   func() time.Time
	// Sleep waits, or returns the context's error.
	Sleep func(ctx context.Context, d time.Duration) error
	// Print shows the night to people and machines.
	Print func(*Night) error
	// Post sends a message to the webhook; nil when there is none.
	Post func(ctx context.Context, id, text string) error
	// Beat calls the heartbeat; nil when there is none.
	Beat func(ctx context.Context) error
	Log  *slog.Logger
}

// Night is what one run came to; its JSON form is the format for machines.
type Night struct {
	SchemaVersion string    `json:"schema_version"`
	Run           string    `json:"run"` // id of the run
	Started       time.Time `json:"started"`
	Finished      time.Time `json:"finished"`
	// Complete: every service was checked completely, and nothing is left to deliver from the nights before.
	Complete bool           `json:"complete"`
	Services []ServiceNight `json:"services"`
	// Findings are what is told now first, then what is known and unchanged.
	Findings []Finding `json:"findings"`
	// Notes are remarks about the run itself (resumed, clock, state).
	Notes []string `json:"notes"`
	// Undelivered are messages of runs that were interrupted before they could tell people; they are told now.
	Undelivered []string `json:"undelivered,omitempty"`
	ExitCode    int      `json:"exit_code"`

	// undeliveredAlert is set when one of them reached the threshold.
	undeliveredAlert bool
}

// ServiceNight is one service in one night.
type ServiceNight struct {
	Service string    `json:"service"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	// Status is "ok", "incomplete" or "failed"; whether something was found stands in the findings.
	Status  string          `json:"status"`
	Error   *string         `json:"error"`
	Gaps    []string        `json:"gaps"`
	Verdict finding.Verdict `json:"verdict"`
	// Since is the end of the last complete check; crashes after it are new. Nil on the first night.
	Since        *time.Time  `json:"since"`
	CrashesSince []CrashLine `json:"crashes_since"`
	LastDeploy   *Deploy     `json:"last_deploy"`
}

// Exit codes of a night, as in the contract.
const (
	exitDone       = 0
	exitFailed     = 1
	exitFindings   = 3
	exitIncomplete = 4
)

// overlap is how far a night looks back over the end of the last one: logs and events arrive late.
const overlap = time.Hour

// A month without runs must not ask for a month of logs. After an outage a night looks back over lookbackWindows windows at most,
// and over lookbackLeast where that is more: a service that is looked at every night and has a window of an hour needs all of the day.
const (
	lookbackWindows = 7
	lookbackLeast   = 7 * 24 * time.Hour
)

// Run watches for one night.
func Run(ctx context.Context, o Options, d Deps) (*Night, error) {
	now := d.Now().UTC().Truncate(time.Second)
	unlock, err := d.Store.lock(now)
	if err != nil {
		return nil, err
	}
	defer unlock()
	st, note, err := d.Store.load()
	if err != nil {
		return nil, err
	}
	n := &Night{SchemaVersion: "1", Run: now.Format("20060102T150405Z"), Started: now, Services: []ServiceNight{}, Findings: []Finding{}, Notes: []string{}}
	n.note(note)
	if st.LastRun.Sub(now) > 5*time.Minute {
		n.note(fmt.Sprintf("the clock stands at %s, before the last run (%s): it was set back, or one of the two is wrong", prose.Minute(now), prose.Minute(st.LastRun)))
	}
	if err := check(ctx, o, d, st, n, now); err != nil {
		return nil, err
	}
	conclude(o, st, n, now)

	// From here on the night is decided; what remains is to tell it.
	undelivered := st.Outbox
	if text := Message(n); text != "" {
		alert := slices.ContainsFunc(n.Findings, func(f Finding) bool { return f.Alert })
		st.Outbox = append(slices.Clone(undelivered), message{ID: d.Store.messageID(n.Run, text), Text: text, Posted: d.Post == nil, Alert: alert})
	}
	for _, m := range undelivered {
		if !m.Printed {
			n.Undelivered = append(n.Undelivered, m.Text)
			n.undeliveredAlert = n.undeliveredAlert || m.Alert
		}
	}
	st.LastRun, st.Pending = now, nil
	if err := d.Store.save(st); err != nil {
		return nil, fmt.Errorf("%w\n  nothing was reported, so that the next run can", err)
	}
	return n, tell(ctx, d, st, n)
}

// check has every service looked at, those that an interrupted run had done excepted.
func check(ctx context.Context, o Options, d Deps, st *state, n *Night, now time.Time) error {
	if p := st.Pending; p != nil {
		if age := now.Sub(p.Started); age >= 0 && age < pendingMaxAge {
			if len(p.Checked) > 0 {
				n.note(fmt.Sprintf("an interrupted run of %s had checked %s; this one goes on from there",
					prose.Minute(p.Started), prose.Count(len(p.Checked), "service", "services")))
			}
		} else {
			st.Pending = nil
		}
	}
	if st.Pending == nil {
		st.Pending = &pendingRun{Started: now}
	}
	done := map[string]*checked{}
	for _, c := range st.Pending.Checked {
		done[c.Service] = c
	}

	var open []Service
	for _, s := range o.Services {
		if done[s.ID] == nil {
			open = append(open, s)
		}
	}
	failures := map[string]error{}
	for round := 0; len(open) > 0; round++ {
		if round > 0 {
			wait := time.Duration(round*round) * 5 * time.Second
			d.Log.Info("trying again", "services", len(open), "in", wait)
			if err := d.Sleep(ctx, wait); err != nil {
				return interrupted(err, len(done), len(o.Services))
			}
		}
		var failed []Service
		for _, s := range open {
			from, to, unseen := window(s, st.Services[s.ID], now)
			res, err := d.Check(ctx, s, from, to)
			if ctx.Err() != nil {
				return interrupted(context.Cause(ctx), len(done), len(o.Services))
			}
			if err != nil {
				d.Log.Warn("the check failed", "service", s.ID, "error", err)
				failures[s.ID] = err
				if !permanent(err) {
					failed = append(failed, s)
				}
				continue
			}
			c := extract(s.ID, from, to, res.Report, res.Gaps, s.Horizon)
			c.Gaps = append(c.Gaps, silent(st.Services[s.ID], c)...)
			c.Unseen = unseen
			done[s.ID] = c
			delete(failures, s.ID)
			st.Pending.Checked = append(st.Pending.Checked, c)
			if err := d.Store.save(st); err != nil {
				return err
			}
		}
		if open = failed; round >= o.Retries {
			break
		}
	}

	for _, s := range o.Services {
		c := done[s.ID]
		if c == nil {
			from, to, _ := window(s, st.Services[s.ID], now)
			c = &checked{Service: s.ID, From: from, To: to, Error: prose.Plain(failures[s.ID].Error())}
			st.Pending.Checked = append(st.Pending.Checked, c)
		}
	}
	return nil
}

func interrupted(err error, done, all int) error {
	return fmt.Errorf("interrupted: %d of %d services were checked and are kept; run the same command again within %s and it goes on from there (%w)",
		done, all, prose.Span(pendingMaxAge), err)
}

// permanent reports whether trying again cannot help. Of several errors that are joined, one that may pass is worth another try.
func permanent(err error) bool {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		causes := joined.Unwrap()
		return len(causes) > 0 && !slices.ContainsFunc(causes, func(c error) bool { return !permanent(c) })
	}
	var said interface{ Permanent() bool }
	if errors.As(err, &said) {
		return said.Permanent()
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

// window is the time to look at: the service's window, and more when the last complete check is longer ago. unseen says which time
// since that check lies too far back to be looked at; empty when none does.
func window(s Service, st *serviceState, now time.Time) (from, to time.Time, unseen string) {
	from = now.Add(-s.Window)
	if st == nil || st.CheckedTo.IsZero() {
		return from, now, ""
	}
	if since := st.CheckedTo.Add(-overlap); since.Before(from) {
		from = since
	}
	back := max(lookbackWindows*s.Window, lookbackLeast)
	if earliest := now.Add(-back); from.Before(earliest) {
		from = earliest
	}
	if st.CheckedTo.Before(from) {
		unseen = fmt.Sprintf("not looked at: %s to %s (a night looks back over %s at most)", prose.Minute(st.CheckedTo), prose.Minute(from), prose.Span(back))
	}
	return from, now, unseen
}

// silent finds signals that the last complete check saw and this one does not.
func silent(st *serviceState, c *checked) []string {
	if st == nil || len(c.Signals) == 0 {
		return nil
	}
	var out []string
	for _, s := range st.Signals {
		// Crashes, deploys and profiles come when they come; only what flows all the time can fall silent.
		if (s == "requests" || s == "memory" || s == "cpu" || s == "exposure") && !slices.Contains(c.Signals, s) {
			out = append(out, fmt.Sprintf("%s: seen until %s, and not any more", s, prose.Minute(st.CheckedTo)))
		}
	}
	return out
}

// conclude compares every check with the nights before.
func conclude(o Options, st *state, n *Night, now time.Time) {
	byID := map[string]*checked{}
	for _, c := range st.Pending.Checked {
		byID[c.Service] = c
	}
	failed := 0
	n.Complete = true
	for _, s := range o.Services {
		c := byID[s.ID]
		sv := st.Services[s.ID]
		if sv == nil {
			sv = &serviceState{}
			st.Services[s.ID] = sv
		}
		row := ServiceNight{Service: s.ID, From: c.From, To: c.To, Status: "ok", Gaps: c.Gaps, Verdict: c.Verdict, CrashesSince: []CrashLine{}}
		if c.Unseen != "" {
			row.Gaps = append([]string{c.Unseen}, row.Gaps...)
		}
		if row.Gaps == nil {
			row.Gaps = []string{}
		}
		if t := sv.CheckedTo; !t.IsZero() {
			row.Since = &t
		}
		switch {
		case c.Error != "":
			row.Status, row.Error = "failed", &c.Error
			row.Verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient, Summary: "The check failed: nothing was seen."}
			failed++
		case len(row.Gaps) > 0:
			row.Status = "incomplete"
		}
		if c.Error == "" {
			findings, fresh := compare(sv, c, now, s.FailOn, o.Remind)
			n.Findings = append(n.Findings, findings...)
			row.CrashesSince = append(row.CrashesSince, fresh...)
		}
		row.LastDeploy = sv.Deploy
		n.Complete = n.Complete && row.Status == "ok"
		n.Services = append(n.Services, row)
	}
	sortFindings(n.Findings)
	if failed == len(o.Services) {
		n.note("no service could be checked")
	}
}

// tell prints and posts what the outbox holds, and calls the heartbeat when nothing is left to do.
func tell(ctx context.Context, d Deps, st *state, n *Night) error {
	var postErrs []error
	for i := range st.Outbox {
		m := &st.Outbox[i]
		if m.Posted {
			continue
		}
		if d.Post == nil {
			m.Posted = true
			continue
		}
		if err := d.Post(ctx, m.ID, m.Text); err != nil {
			postErrs = append(postErrs, err)
			continue
		}
		m.Posted = true
		if err := d.Store.save(st); err != nil {
			return err
		}
	}
	if len(postErrs) > 0 {
		n.Complete = false
		n.note(fmt.Sprintf("the webhook did not take the message; it is kept for the next run (%s)", prose.Plain(errors.Join(postErrs...).Error())))
	}
	n.Finished = d.Now().UTC().Truncate(time.Second)
	n.ExitCode = exitFor(n)
	if err := d.Print(n); err != nil {
		return err
	}
	for i := range st.Outbox {
		st.Outbox[i].Printed = true
	}
	st.Outbox = slices.DeleteFunc(st.Outbox, func(m message) bool { return m.Printed && m.Posted })
	if err := d.Store.save(st); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("interrupted after the report: the heartbeat was not called (%w)", err)
	}
	if n.Complete && d.Beat != nil {
		if err := d.Beat(ctx); err != nil {
			// The night is done and told; a heartbeat that does not listen changes nothing about that.
			d.Log.Warn("the heartbeat failed", "error", err)
		}
	}
	return nil
}

func exitFor(n *Night) int {
	failed := 0
	for _, s := range n.Services {
		if s.Status == "failed" {
			failed++
		}
	}
	switch {
	case n.undeliveredAlert || slices.ContainsFunc(n.Findings, func(f Finding) bool { return f.Alert }):
		return exitFindings
	case failed > 0 && failed == len(n.Services):
		return exitFailed
	case !n.Complete || slices.ContainsFunc(n.Findings, unexplained):
		return exitIncomplete
	}
	return exitDone
}

// unexplained reports whether a finding is news for which the evidence was not enough: containers died, and nobody knows why.
// That is no finding at a grade, and it is not "nothing wrong" either.
func unexplained(f Finding) bool {
	return f.Reported && f.Status != Gone && f.Kind == Crashes && f.Cause == finding.Undetermined
}

func (n *Night) note(text string) {
	if text = strings.TrimSpace(text); text != "" {
		n.Notes = append(n.Notes, text)
	}
}
