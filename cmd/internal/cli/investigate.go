package cli

import (
	"context"
	"fmt"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/cmd/internal/config"
	"lastcall/collectors"
	"lastcall/collectors/record"

	"github.com/spf13/cobra"
)

// investigation is a question with where to look for its answer.
type investigation struct {
	query    record.Query
	analysis analysisOptions
	sources  []record.Collector
	zone     *time.Location
}

func newInvestigate(a *app) *cobra.Command {
	var (
		rf reportFlags
		qf queryFlags
		af analysisFlags
		lf liveFlags
	)
	cmd := &cobra.Command{
		Use:   "investigate [PATH…]",
		Short: "Evidence in, verdict out: which request killed which containers, how sure, and why",
		Long: `Read evidence and say which request killed which containers, how sure that is, and why.

A PATH is a file, a folder (read with all that is in it), a capture made by ` + "`lastcall collect`" + `, or - for stdin. Router
logs, application logs, platform events, metrics and heap profiles are recognised by what is in them, plain, gzip or
zstd, in any mix. Without a PATH the evidence is pulled from Datadog (DD_API_KEY, DD_APP_KEY) and from --pprof URLs. While
profiles are taken with --every and --for, Ctrl-C ends the taking and what came is reported; a second one ends without a
report.`,
		Example: `  lastcall investigate router.log app.ndjson.gz platform.log metrics.csv
  lastcall investigate ./incident --planned 10:06..10:36 --output postmortem.md
  lastcall investigate --service api --env production --from 3h`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			ro, err := rf.options(cfg.Timezone)
			if err != nil {
				return err
			}
			now := a.sys.Now()
			var inv investigation
			inv.zone = ro.zone()
			if inv.query, err = qf.query(now, inv.zone); err != nil {
				return err
			}
			if inv.analysis, err = af.options(now, inv.zone); err != nil {
				return err
			}
			live, err := lf.options(a, cfg, pick(cfg, &inv.query))
			if err != nil {
				return err
			}
			if live.pprof != nil {
				live.pprof.reported = true
			}
			if inv.sources, err = a.sources(args, live, inv.zone); err != nil {
				return err
			}
			return a.investigate(cmd.Context(), inv, ro)
		},
	}
	qf.register(cmd)
	af.register(cmd)
	rf.register(cmd)
	lf.register(cmd)
	return cmd
}

// loadConfig reads the file of --config; without one, an empty config.
func (a *app) loadConfig() (*config.Config, error) {
	if a.configPath == "" {
		return &config.Config{}, nil
	}
	c, err := config.Load(a.configPath)
	if err != nil {
		return nil, &usageError{err}
	}
	for _, t := range []config.Text{c.Heartbeat.URL, c.Webhook.URL} {
		if s, err := t.Expand(a.sys.Env); err == nil {
			a.stderr.hide(s)
		}
	}
	return c, nil
}

// investigate collects, analyzes, renders, and tells by its error which exit code follows.
func (a *app) investigate(ctx context.Context, inv investigation, ro reportOptions) error {
	rep, outcomes, err := a.analyze(ctx, inv)
	if err != nil {
		return err
	}
	for _, f := range outcomes.Failed() {
		a.say("lastcall: the source %q gave nothing: %v", f.Name, f.Err)
	}
	if err := a.render(rep, ro); err != nil {
		return err
	}
	if reaches(rep, inv.analysis.failOn) {
		return statusError(exitFindings)
	}
	return nil
}

// analyze lets the sources feed the analyzer, and has it conclude.
func (a *app) analyze(ctx context.Context, inv investigation) (*finding.Report, collectors.Outcomes, error) {
	an := analyze.New(analyze.Options{
		LimitBytes: inv.analysis.limitBytes, From: inv.query.From, To: inv.query.To, Service: inv.query.Service,
		Spool: newSpool,
	})
	defer an.Close()
	begin := a.sys.Now()
	clock := &span{}
	a.progress.begin("reading")
	outcomes, err := collectors.Run(ctx, inv.sources, inv.query, &clocked{Sink: an, span: clock})
	a.progress.clear()
	if err != nil {
		return nil, outcomes, interruption(ctx, err, "while the evidence was read; nothing was reported")
	}
	for _, o := range outcomes {
		a.log.Debug("source done", "name", o.Name, "took", o.Elapsed.Round(time.Millisecond), "gaps", len(o.Gaps))
	}
	an.Plan(inv.planned(clock)...)
	a.progress.begin("weighing")
	defer a.progress.clear()
	rep, err := an.ReportContext(ctx)
	if err != nil {
		return nil, outcomes, interruption(ctx, err, "while the evidence was weighed; nothing was reported")
	}
	a.log.Debug("report ready", "took", a.sys.Now().Sub(begin).Round(time.Millisecond))
	return rep, outcomes, nil
}

// interruption says what was done when a command is ended by the user.
func interruption(ctx context.Context, err error, what string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted %s, and files named with --output are as they were (%w)", what, context.Canceled)
	}
	return err
}

// planned turns the windows of --planned into instants: clock times are of the days that the evidence covers.
func (inv investigation) planned(s *span) []analyze.Window {
	from, to := inv.query.From.Std(), inv.query.To.Std()
	if from.IsZero() {
		from = s.from.Std()
	}
	if to.IsZero() {
		to = s.to.Std()
	}
	var out []analyze.Window
	for _, p := range inv.analysis.planned {
		for _, w := range p.In(from, to) {
			out = append(out, analyze.Window{From: record.TimeOf(w[0]), To: record.TimeOf(w[1])})
		}
	}
	return out
}
