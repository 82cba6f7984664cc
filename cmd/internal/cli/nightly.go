package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/cmd/internal/config"
	"lastcall/cmd/internal/nightly"
	"lastcall/collectors"
	"lastcall/report"
	"lastcall/report/redact"

	"github.com/spf13/cobra"
)

// Defaults of the night watch; lastcall.example.yaml documents them.
const (
	defaultConfigName       = "lastcall.yaml"
	defaultState            = ".lastcall"
	defaultWindow           = 24 * time.Hour
	defaultHorizon          = 7 * 24 * time.Hour
	defaultRetries          = 2
	defaultHeartbeatTimeout = 5 * time.Second
	defaultWebhookTimeout   = 10 * time.Second
)

type nightlyFlags struct {
	format  string
	outputs []string
	failOn  string
	example bool
	query   queryFlags
	live    liveFlags
}

func newNightly(a *app) *cobra.Command {
	var f nightlyFlags
	cmd := &cobra.Command{
		Use:   "nightly --config FILE",
		Short: "The check that a CI job runs every night over the services in the config file",
		Long: `Check the services of the config file, compare with the nights before, and tell what is new, worse or gone. A finding
that has been told stays quiet until it changes. What was seen and told is kept in the state folder.

Exit codes: 0 nothing new at or above the threshold; 3 something new or worse at or above it; 4 nothing reached it, but
some evidence was incomplete, or containers died and it cannot say why; 1 nothing could be checked, or another run is at work; 2 the config is wrong.`,
		Example: `  lastcall nightly --example > lastcall.yaml
  lastcall doctor --config lastcall.yaml
  lastcall nightly --config lastcall.yaml --output night.json --output junit.xml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.example {
				_, err := a.stdout.Write(config.Example())
				return err
			}
			run, err := a.newNight(f)
			if err != nil {
				return err
			}
			return run.watch(cmd.Context())
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.format, "format", "f", "text", "format on stdout: text, markdown, json or junit")
	fl.StringArrayVarP(&f.outputs, "output", "o", nil, "also write the night to `FILE`, whole or not at all; .txt .md .json, or .xml for JUnit (repeatable)")
	registerFailOn(cmd, &f.failOn, "something new", finding.Likely)
	fl.BoolVar(&f.example, "example", false, "print a config file with every key, documented")
	complete(cmd, "format", "text", "markdown", "json", "junit")
	f.query.register(cmd)
	f.live.register(cmd)
	return cmd
}

// night is a run of the night watch, checked and ready.
type night struct {
	*app
	cfg      *config.Config
	format   string
	outputs  []outputFile
	location *time.Location
	now      func() time.Time
	window   time.Duration // 0: of the service
	services []config.Service
	live     liveFlags
	failOn   finding.Grade
	beatURL  string
	postURL  string
}

func (a *app) newNight(f nightlyFlags) (*night, error) {
	if a.configPath == "" {
		if _, err := os.Stat(defaultConfigName); err != nil {
			return nil, usagef("nightly needs a config file: --config FILE, or %s in this folder\n  `lastcall nightly --example > %s` writes one to start from", defaultConfigName, defaultConfigName)
		}
		a.configPath = defaultConfigName
	}
	cfg, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	n := &night{app: a, cfg: cfg, now: a.sys.Now, live: f.live, location: cfg.Timezone.Location}
	if n.location == nil {
		n.location = time.UTC
	}
	if n.format, err = nightFormat(f.format); err != nil {
		return nil, err
	}
	n.outputs, err = outputFiles(f.outputs, func(path string) (report.Format, error) {
		format, err := nightFormat(strings.TrimPrefix(filepath.Ext(path), "."))
		if err != nil {
			return "", usagef("--output %s: end the name in .txt, .md, .json or .xml", path)
		}
		return report.Format(format), nil
	})
	if err != nil {
		return nil, err
	}
	if f.failOn != "" {
		if n.failOn, err = config.ParseGrade(f.failOn); err != nil {
			return nil, usagef("--fail-on: %w", err)
		}
	}
	q, err := f.query.query(a.sys.Now(), n.location)
	if err != nil {
		return nil, err
	}
	if q.To != 0 {
		to := q.To.Std()
		n.now = func() time.Time { return to }
	}
	if q.From != 0 {
		if n.window = n.now().Sub(q.From.Std()); n.window <= 0 {
			return nil, usagef("--from %s is not before now", f.query.from)
		}
	}
	if n.services = cfg.Select(q.Service, q.Env); len(n.services) == 0 {
		return nil, noService(cfg, q.Service, q.Env)
	}
	for _, x := range []struct {
		key  string
		url  config.Text
		into *string
	}{{"heartbeat.url", cfg.Heartbeat.URL, &n.beatURL}, {"webhook.url", cfg.Webhook.URL, &n.postURL}} {
		if *x.into, err = x.url.Expand(a.sys.Env); err != nil {
			return nil, usagef("%s: %s: %w", cfg.Path, x.key, err)
		}
	}
	// Everything that a service needs is checked before the first one is looked at.
	for _, s := range n.services {
		if _, err := n.investigation(s, time.Time{}, time.Time{}); err != nil {
			if _, ok := errors.AsType[*usageError](err); ok {
				return nil, fmt.Errorf("service %s: %w", s.ID(), err)
			}
		}
	}
	return n, nil
}

// noService says that the config lists no service that the flags ask for, and which ones it lists.
func noService(cfg *config.Config, name, env string) error {
	what := "no service"
	if name != "" {
		what += fmt.Sprintf(" called %q", name)
	}
	if env != "" {
		what += fmt.Sprintf(" with the env %q", env)
	}
	const shown = 10
	var ids []string
	for _, s := range cfg.Services[:min(len(cfg.Services), shown)] {
		ids = append(ids, s.ID())
	}
	if more := len(cfg.Services) - shown; more > 0 {
		ids = append(ids, fmt.Sprintf("and %d more", more))
	}
	return usagef("%s lists %s; it lists %s", cfg.Path, what, strings.Join(ids, ", "))
}

func nightFormat(s string) (string, error) {
	switch strings.ToLower(s) {
	case "text", "txt":
		return "text", nil
	case "markdown", "md":
		return "markdown", nil
	case "json":
		return "json", nil
	case "junit", "xml":
		return "junit", nil
	}
	return "", usagef("--format %s: the night is written as text, markdown, json or junit; for pages of each service set `reports` in the config", s)
}

func (n *night) watch(ctx context.Context) error {
	byID := map[string]config.Service{}
	o := nightly.Options{Retries: defaultRetries, Remind: time.Duration(n.cfg.Remind)}
	if n.cfg.Retries != nil {
		o.Retries = *n.cfg.Retries
	}
	for _, s := range n.services {
		byID[s.ID()] = s
		w := nightly.Service{
			ID: s.ID(), Window: s.Window.Or(n.cfg.Window.Or(defaultWindow)), Horizon: n.cfg.Horizon.Or(defaultHorizon),
			FailOn: finding.Grade(either(string(n.failOn), string(s.FailOn), string(n.cfg.FailOn), string(finding.Likely))),
		}
		if n.window > 0 {
			w.Window = n.window
		}
		if w.FailOn == config.Never {
			w.FailOn = ""
		}
		o.Services = append(o.Services, w)
	}
	d := nightly.Deps{
		Check: func(ctx context.Context, s nightly.Service, from, to time.Time) (nightly.Result, error) {
			n.say("checking %s", s.ID)
			res, err := n.check(ctx, byID[s.ID], from, to)
			return masked(res, err)
		},
		Store: nightly.Store{Dir: n.cfg.Abs(either(n.cfg.State, defaultState))},
		Now:   n.now, Sleep: sleep, Print: n.print, Log: n.log,
	}
	if n.postURL != "" {
		d.Post = n.post
	}
	if n.beatURL != "" {
		d.Beat = n.beat
	}
	res, err := nightly.Run(ctx, o, d)
	if err != nil {
		return err
	}
	if res.ExitCode != exitDone {
		return statusError(res.ExitCode)
	}
	return nil
}

// investigation is the question about one service, from the config and the flags.
func (n *night) investigation(s config.Service, from, to time.Time) (investigation, error) {
	inv := investigation{zone: n.location}
	qf := queryFlags{service: s.Name, env: s.Env}
	if !from.IsZero() {
		qf.from, qf.to = from.Format(time.RFC3339), to.Format(time.RFC3339)
	}
	var err error
	if inv.query, err = qf.query(to, n.location); err != nil {
		return inv, err
	}
	af := analysisFlags{}
	for _, p := range s.Planned {
		af.planned = append(af.planned, string(p))
	}
	if inv.analysis, err = af.options(to, n.location); err != nil {
		return inv, err
	}
	inv.analysis.limitBytes = int64(s.Limit)
	// The calls of the night are shared between the services, unless one has its own number.
	live := n.live
	if live.maxCalls == 0 && s.MaxCalls == 0 && n.cfg.MaxCalls > 0 {
		live.maxCalls = max(n.cfg.MaxCalls/len(n.services), 1)
	}
	lo, err := live.options(n.app, n.cfg, s)
	if err != nil {
		return inv, err
	}
	if useDatadog := len(s.Paths) == 0; s.Datadog != nil && !*s.Datadog || s.Datadog == nil && !useDatadog {
		lo.datadog = nil
	}
	var paths []string
	for _, p := range s.Paths {
		paths = append(paths, n.cfg.Abs(p))
	}
	files := liveOptions{pprof: lo.pprof, missingKeys: lo.missingKeys}
	if len(paths) > 0 {
		if inv.sources, err = n.sources(paths, files, n.location); err != nil {
			return inv, err
		}
		if lo.datadog != nil {
			c, err := n.datadogCollector(*lo.datadog)
			if err != nil {
				return inv, err
			}
			inv.sources = append(inv.sources, c)
			return inv, nil
		}
		// What lies in the folder of a service is of that service, whatever its lines call it.
		inv.query.Service, inv.query.Env = "", ""
		return inv, nil
	}
	inv.sources, err = n.sources(nil, lo, n.location)
	return inv, err
}

// check looks at one service.
func (n *night) check(ctx context.Context, s config.Service, from, to time.Time) (nightly.Result, error) {
	inv, err := n.investigation(s, from, to)
	if err != nil {
		return nightly.Result{}, err
	}
	rep, outcomes, err := n.analyze(ctx, inv)
	if err != nil {
		return nightly.Result{}, err
	}
	if n.cfg.Reports != "" {
		if err := n.writeReports(s, rep); err != nil {
			return nightly.Result{}, err
		}
	}
	return nightly.Result{Report: redact.Report(rep), Gaps: gaps(outcomes)}, nil
}

// masked is what a check came to, without personal data and secrets: from here on it goes into the state, the outputs and messages.
// What collectors say should hold none; the night does not rest on that.
func masked(res nightly.Result, err error) (nightly.Result, error) {
	if err != nil {
		return nightly.Result{}, &maskedError{err}
	}
	for i, g := range res.Gaps {
		res.Gaps[i] = redact.Text(g)
	}
	return res, nil
}

// maskedError is an error whose text may be kept and sent.
type maskedError struct{ err error }

func (e *maskedError) Error() string { return redact.Text(e.err.Error()) }
func (e *maskedError) Unwrap() error { return e.err }

// gaps says what makes a check incomplete: a source that failed, and a signal of which only a part came. A signal that is
// not there at all is no gap by itself (many services have no heap profiles); the night watch finds those that fall silent.
func gaps(outcomes collectors.Outcomes) []string {
	var out []string
	for _, f := range outcomes.Failed() {
		out = append(out, fmt.Sprintf("%s: %v", f.Name, f.Err))
	}
	for _, g := range outcomes.Gaps() {
		if g.Records > 0 {
			out = append(out, fmt.Sprintf("%s of %s: %s", g.Signal, g.Source, g.Reason))
		}
	}
	return out
}

func (n *night) writeReports(s config.Service, rep *finding.Report) error {
	// A folder for each env: names that are joined by a sign can meet.
	dir := filepath.Join(n.cfg.Abs(n.cfg.Reports), fileName(s.Env))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("make the folder for the reports: %w", err)
	}
	name := fileName(s.Name)
	files := n.newFiles()
	defer files.discard()
	for ext, format := range map[string]report.Format{".html": report.HTML, ".json": report.JSON} {
		err := files.add(filepath.Join(dir, name+ext), func(w io.Writer) error {
			return report.Write(w, rep, n.options(reportOptions{location: n.cfg.Timezone.Location}, format, terminal{}))
		})
		if err != nil {
			return err
		}
	}
	return files.commit()
}

// fileName makes the name of a file out of that of a service: different names stay different, and none leads out of the folder.
func fileName(s string) string {
	var b strings.Builder
	for i, r := range s {
		if strings.ContainsRune(`/\:*?"<>|%`, r) || r < ' ' || r == '.' && i == 0 {
			fmt.Fprintf(&b, "%%%02X", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// print writes the night to the files, to the summary of a GitHub job, and to stdout.
func (n *night) print(res *nightly.Night) error {
	write := func(w io.Writer, format string, width int) error {
		switch format {
		case "markdown":
			return nightly.WriteMarkdown(w, res)
		case "json":
			return nightly.WriteJSON(w, res)
		case "junit":
			return nightly.WriteJUnit(w, res)
		}
		return nightly.WriteText(w, res, width)
	}
	files := n.newFiles()
	defer files.discard()
	for _, o := range n.outputs {
		if err := files.add(o.path, func(w io.Writer) error { return write(w, string(o.format), 100) }); err != nil {
			return err
		}
	}
	if err := files.commit(); err != nil {
		return err
	}
	if path := n.sys.Env("GITHUB_STEP_SUMMARY"); path != "" {
		if err := appendTo(path, func(w io.Writer) error { return write(w, "markdown", 0) }); err != nil {
			// A summary is a convenience; the result of the night does not hang on it.
			n.say("lastcall: the job summary was not written: %v", err)
		}
	}
	return write(n.stdout, n.format, n.textWidth())
}

func appendTo(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// post sends a message to the webhook, in the form that Slack, Mattermost and Teams take.
func (n *night) post(ctx context.Context, id, text string) error {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return err
	}
	return call(ctx, http.MethodPost, n.postURL, n.cfg.Webhook.Timeout.Or(defaultWebhookTimeout), bytes.NewReader(body), id)
}

func (n *night) beat(ctx context.Context) error {
	return call(ctx, http.MethodGet, n.beatURL, n.cfg.Heartbeat.Timeout.Or(defaultHeartbeatTimeout), nil, "")
}

// call makes one request within timeout. Its errors do not show the URL, which is a secret of its own.
func call(ctx context.Context, method, target string, timeout time.Duration, body io.Reader, id string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return errors.New("the URL is not valid")
	}
	req.Header.Set("User-Agent", "lastcall/"+readBuild().version)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if id != "" {
		req.Header.Set("Idempotency-Key", id)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects, which is not followed: the body is for the host in the config alone")
	}}
	res, err := client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s answered %s", req.URL.Host, res.Status)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
