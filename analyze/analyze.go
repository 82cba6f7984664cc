// Package analyze is the engine: it takes records, asks its detectors, weighs rival explanations, and builds the report.
//
// Data passes once, in one direction. An [Analyzer] is a record.Sink that hands on what comes to package internal/intake, which
// gathers it. [Analyzer.Report] then works in steps, each a package or a file here:
//
//	naming       one container, many names (package internal/naming)
//	traffic      requests, lives and deaths; which moments are quiet, how often each endpoint is open then (package internal/traffic)
//	inflight     open-at-onset evidence per endpoint (package inflight)
//	memory       shapes of memory and whose traffic explains the growth (package memory)
//	heap         which code holds the memory (package heap)
//	hang         calls that end at one constant duration (package hang)
//	verdict.go   weighs all of it: cause, endpoint, grade, checks (verdict_*.go: by kind of death)
//	second.go    a second look, with paths that differ in one segment taken as one, when nothing stood out
//	story.go     timeline, pattern, impact, actions, charts
//
// It is pure: no clock, no network, and randomness only from fixed seeds. The same records in any order give the same report. It
// does not format: the report package does.
package analyze

import (
	"fmt"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// Options are the analyzer's settings. The zero value is ready to use.
type Options struct {
	// LimitBytes is the memory limit of a container where the evidence does not say it; 0 means unknown.
	LimitBytes int64
	// Planned are windows in which restarts were planned, told by the user.
	Planned []Window
	// From and To bound the window of the report; zero means what the evidence covers.
	From, To record.Time
	// Service narrows the analysis to one service, and to what platforms say of it ([record.OfPlatform]); empty means all.
	Service string
	// Spool makes a private temporary file for requests that do not fit into MemoryBytes, at most two of them; nil keeps all in memory.
	Spool func() (Spool, error)
	// MemoryBytes bounds the requests held in memory; 0 means 6 MB, 110,000 requests. Those that were not answered are held once more,
	// in a quarter of that.
	MemoryBytes int
}

// Spool is a temporary file for what does not fit into memory; Close removes it.
type Spool = reqlog.Spool

// Window is a span of time.
type Window struct{ From, To record.Time }

// Analyzer is a [record.Sink] that gathers what the questions need. Its memory is bounded by what lies around the crashes and
// by the number of endpoints and containers, not by the number of requests.
type Analyzer struct {
	Opts     Options
	Gathered *intake.Sink // the first: forks are its own
}

// New returns an Analyzer.
func New(opts Options) *Analyzer {
	return &Analyzer{Opts: opts, Gathered: intake.New(intake.Options{Service: opts.Service, Spool: opts.Spool, MemoryBytes: opts.MemoryBytes})}
}

// Close frees what the Analyzer holds (temporary files). It may be called more than once.
func (a *Analyzer) Close() error { return a.Gathered.Close() }

var _ record.Sink = (*Analyzer)(nil)

// Request implements record.Sink.
func (a *Analyzer) Request(r *record.Request) error { return a.Gathered.Request(r) }

// Sample implements record.Sink.
func (a *Analyzer) Sample(s *record.Sample) error { return a.Gathered.Sample(s) }

// Crash implements record.Sink.
func (a *Analyzer) Crash(c *record.Crash) error { return a.Gathered.Crash(c) }

// Lifecycle implements record.Sink.
func (a *Analyzer) Lifecycle(e *record.Lifecycle) error { return a.Gathered.Lifecycle(e) }

// Job implements record.Sink.
func (a *Analyzer) Job(j *record.Job) error { return a.Gathered.Job(j) }

// Exposure implements record.Sink.
func (a *Analyzer) Exposure(e *record.Exposure) error { return a.Gathered.Exposure(e) }

// Profile implements record.Sink.
func (a *Analyzer) Profile(p *record.Profile) error { return a.Gathered.Profile(p) }

// Warn implements record.Sink.
func (a *Analyzer) Warn(w *record.Warning) error { return a.Gathered.Warn(w) }

// Cover implements record.Sink.
func (a *Analyzer) Cover(c *record.Coverage) error { return a.Gathered.Cover(c) }

// Fork implements record.Sink.
func (a *Analyzer) Fork() record.Sink { return a.Gathered.Fork() }

// Join implements record.Sink.
func (a *Analyzer) Join() error { return a.Gathered.Join() }

func (w Window) Valid() error {
	if w.To < w.From {
		return fmt.Errorf("window ends (%v) before it begins (%v)", w.To.Std(), w.From.Std())
	}
	return nil
}
