// Package analyze is the engine: it takes records, asks its detectors, weighs rival explanations, and builds the report.
//
// Data passes once, in one direction, through layers that know only what came before them:
//
//	internal/intake   gathers: an [Analyzer] is a record.Sink that hands on what comes to it
//	internal/naming   one container, many names: which are of one
//	internal/traffic  measures: which requests never ended, lives and deaths (package life), which moments are quiet, how often requests of
//	                  each endpoint are open then, the requests before each death
//	internal/verdict  judges: asks the detectors, weighs what they say, decides, and tells the story
//
// Detectors are packages of their own, each for one question. They know neither each other nor the layers:
//
//	life              what died, what was only restarted
//	inflight          open-at-onset evidence per endpoint
//	memory            shapes of memory and whose traffic explains the growth
//	heap              which code holds the memory
//	hang              calls that end at one constant duration
//
// It is pure: no clock, no network, and randomness only from fixed seeds. The same records in any order give the same report. It
// does not format: the report package does.
package analyze

import (
	"context"
	"fmt"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/internal/verdict"
	"lastcall/analyze/life"
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
	opts     Options
	gathered *intake.Sink // the first: forks are its own
}

// New returns an Analyzer.
func New(opts Options) *Analyzer {
	return &Analyzer{opts: opts, gathered: intake.New(intake.Options{Service: opts.Service, Spool: opts.Spool, MemoryBytes: opts.MemoryBytes})}
}

// Close frees what the Analyzer holds (temporary files). It may be called more than once.
func (a *Analyzer) Close() error { return a.gathered.Close() }

var _ record.Sink = (*Analyzer)(nil)

// Request implements record.Sink.
func (a *Analyzer) Request(r *record.Request) error { return a.gathered.Request(r) }

// Sample implements record.Sink.
func (a *Analyzer) Sample(s *record.Sample) error { return a.gathered.Sample(s) }

// Crash implements record.Sink.
func (a *Analyzer) Crash(c *record.Crash) error { return a.gathered.Crash(c) }

// Lifecycle implements record.Sink.
func (a *Analyzer) Lifecycle(e *record.Lifecycle) error { return a.gathered.Lifecycle(e) }

// Job implements record.Sink.
func (a *Analyzer) Job(j *record.Job) error { return a.gathered.Job(j) }

// Message implements record.Sink.
func (a *Analyzer) Message(m *record.Message) error { return a.gathered.Message(m) }

// Exposure implements record.Sink.
func (a *Analyzer) Exposure(e *record.Exposure) error { return a.gathered.Exposure(e) }

// Profile implements record.Sink.
func (a *Analyzer) Profile(p *record.Profile) error { return a.gathered.Profile(p) }

// Warn implements record.Sink.
func (a *Analyzer) Warn(w *record.Warning) error { return a.gathered.Warn(w) }

// Cover implements record.Sink.
func (a *Analyzer) Cover(c *record.Coverage) error { return a.gathered.Cover(c) }

// Fork implements record.Sink.
func (a *Analyzer) Fork() record.Sink { return a.gathered.Fork() }

// Join implements record.Sink.
func (a *Analyzer) Join() error { return a.gathered.Join() }

func (w Window) valid() error {
	if w.To < w.From {
		return fmt.Errorf("window ends (%v) before it begins (%v)", w.To.Std(), w.From.Std())
	}
	return nil
}

// Plan adds windows in which restarts were planned to those of [Options], before [Analyzer.Report]. It is for windows that are
// known only once the evidence has been read: "10:06..10:36" is of the days that the evidence covers.
func (a *Analyzer) Plan(windows ...Window) { a.opts.Planned = append(a.opts.Planned, windows...) }

// Report concludes. The same records, in any order, give the same report. It may be called once, after all goroutines joined.
func (a *Analyzer) Report() (*finding.Report, error) { return a.ReportContext(context.Background()) }

// ReportContext is Report with a context: cancelling it ends the work with the context's error.
func (a *Analyzer) ReportContext(ctx context.Context) (*finding.Report, error) {
	asked := traffic.Asked{From: a.opts.From, To: a.opts.To}
	for _, w := range a.opts.Planned {
		if err := w.valid(); err != nil {
			return nil, err
		}
		asked.Planned = append(asked.Planned, life.Span(w))
	}
	gathered, err := a.gathered.Finish()
	if err != nil {
		return nil, err
	}
	measurable, err := traffic.New(gathered, asked)
	if err != nil {
		return nil, err
	}
	return verdict.Conclude(ctx, measurable, verdict.Options{LimitBytes: a.opts.LimitBytes})
}

// Rules returns every rule that a report can cite, in the order in which they are asked.
func Rules() []finding.Rule { return verdict.Rules() }
