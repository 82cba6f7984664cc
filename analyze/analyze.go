// Package analyze is the engine: it takes records, weighs rival explanations, and builds the report.
package analyze

import (
	"lastcall/analyze/finding"
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
	// Service narrows the analysis to one service; empty means all.
	Service string
}

// Window is a span of time.
type Window struct{ From, To record.Time }

// Analyzer is a [record.Sink] that gathers what the questions need. Its memory is bounded by what lies around the crashes and
// by the number of endpoints, not by the number of requests.
type Analyzer struct{}

// New returns an Analyzer.
func New(opts Options) *Analyzer { return &Analyzer{} }

// Close frees what the Analyzer holds (temporary files). It may be called more than once.
func (a *Analyzer) Close() error { return nil }

// Report concludes. The same records, in any order, give the same report.
func (a *Analyzer) Report() (*finding.Report, error) { return &finding.Report{}, nil }

// Rules returns every rule that a report can cite, in the order in which they are asked.
func Rules() []finding.Rule { return nil }
