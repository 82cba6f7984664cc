package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"lastcall/collectors"
	"lastcall/collectors/capture"
	"lastcall/collectors/record"

	"github.com/spf13/cobra"
)

func newCollect(a *app) *cobra.Command {
	var (
		qf  queryFlags
		lf  liveFlags
		dir string
	)
	cmd := &cobra.Command{
		Use:   "collect --output DIR",
		Short: "Pull the evidence of the live sources and keep it as a capture that investigate replays",
		Long: `Pull the same evidence as ` + "`lastcall investigate`" + ` would and keep it in a folder: documented, compressed, checksummed, without
keys. ` + "`lastcall investigate DIR`" + ` replays it, offline and for ever, with the same result. It is written as it comes: killed at any
moment and started again with the same flags, it goes on where it was. Of profiles (--every, --for) it keeps round by round;
started again, it takes the rounds that are missing.`,
		Example: `  lastcall collect --service api --from 3h --output incident-0716
  lastcall investigate incident-0716`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usagef("collect needs --output DIR, the folder for the capture")
			}
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			now := a.sys.Now()
			loc := cfg.Timezone.Location
			if loc == nil {
				loc = time.UTC
			}
			q, err := qf.query(now, loc)
			if err != nil {
				return err
			}
			live, err := lf.options(a, cfg, pick(cfg, &q))
			if err != nil {
				return err
			}
			if live.datadog == nil && live.pprof == nil {
				_, err := a.sources(nil, live, loc)
				return err
			}
			// The window is resolved once: an interrupted collection goes on with the window it began with.
			if q.To == 0 {
				q.To = record.TimeOf(now)
			}
			if q.From == 0 {
				q.From = q.To.Add(-defaultLiveWindow)
			}
			return a.collect(cmd.Context(), dir, question(qf, q, live), q, live)
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "the `DIR` for the capture: new, empty, or one that was interrupted")
	_ = cmd.MarkFlagDirname("output")
	qf.register(cmd)
	lf.register(cmd)
	return cmd
}

// defaultLiveWindow is how far back a live source is asked when nobody says.
const defaultLiveWindow = 3 * time.Hour

// question is what was asked: the window in the words of the user, and whom, for what, with the settings of flags, environment and
// config. The same question means the same capture. It holds no keys and no headers, and not how hard is tried (calls, waiting).
func question(qf queryFlags, q record.Query, live liveOptions) string {
	ask := map[string]any{"from": qf.from, "to": qf.to, "service": q.Service, "env": q.Env}
	if d := live.datadog; d != nil {
		ask["datadog"] = map[string]any{
			"site": d.site, "url": bareURL(d.url), "metrics": d.metrics, "attributes": d.attributes, "container_tag": d.containerTag,
			"related": d.related, "profiles": d.profiles,
		}
	}
	if p := live.pprof; p != nil {
		var urls []string
		for _, u := range p.urls {
			urls = append(urls, bareURL(u))
		}
		ask["pprof"] = map[string]any{"urls": urls, "every": p.every.String(), "for": p.during.String()}
	}
	b, err := json.Marshal(ask)
	if err != nil {
		return "" // strings, numbers and maps of strings marshal
	}
	return string(b)
}

// bareURL is a URL without what may be secret in it: user, password and query.
func bareURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || s == "" {
		return "" // checked before
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func (a *app) collect(ctx context.Context, dir, ask string, q record.Query, live liveOptions) (err error) {
	w, err := capture.Open(dir, capture.Info{Question: ask, Query: q, Tool: "lastcall " + readBuild().version, Created: a.sys.Now()})
	if err != nil {
		if errors.Is(err, capture.ErrOther) || errors.Is(err, capture.ErrNotCapture) {
			return usagef("--output %s: %w", dir, err)
		}
		return err
	}
	a.keep(dir)
	defer a.keep("")
	defer func() {
		if cerr := w.Close(); err == nil && cerr != nil {
			err = cerr
		}
	}()
	if w.Info().Query != q {
		a.say("going on with the collection that was begun at %s", w.Info().Created.UTC().Format(time.RFC3339))
	}
	q = w.Info().Query

	var sources []record.Collector
	if live.datadog != nil {
		c, err := a.datadogTo(*live.datadog, w)
		if err != nil {
			return err
		}
		sources = append(sources, c)
	}
	if live.pprof != nil {
		c, err := a.pprofTo(*live.pprof, w)
		if err != nil {
			return err
		}
		sources = append(sources, c)
	}
	a.progress.begin("collecting")
	count := &counter{}
	outcomes, err := collectors.Run(ctx, sources, q, count)
	a.progress.clear()
	if ctx.Err() != nil {
		return kept(dir)
	}
	if err != nil {
		return incomplete(dir, err)
	}
	failed := outcomes.Failed()
	for _, f := range failed {
		a.say("lastcall: the source %q gave nothing: %v", f.Name, f.Err)
	}
	for _, g := range outcomes.Gaps() {
		a.say("lastcall: %s of %s: %s", g.Signal, g.Source, g.Reason)
	}
	if len(failed) > 0 {
		return incomplete(dir, fmt.Errorf("%d of %d sources failed", len(failed), len(sources)))
	}
	if err := w.Finish(); err != nil {
		return err
	}
	if count.total() == 0 {
		a.say("lastcall: no source has anything of this service and window; `lastcall doctor` with the same flags says what there is")
	}
	_, err = fmt.Fprintf(a.stdout, "%s is complete: %d records between %s and %s\nReplay it with: lastcall investigate %s\n", dir, count.total(),
		q.From.Std().Format(time.RFC3339), q.To.Std().Format(time.RFC3339), dir)
	return err
}

// incomplete says that a capture is not whole, why, and how it becomes so.
func incomplete(dir string, err error) error {
	return fmt.Errorf("%s is incomplete: %w\n  what came is kept; when that is mended, run the same command again and it goes on from there", dir, err)
}

// kept says what was done when a collection is interrupted.
func kept(dir string) error {
	return fmt.Errorf("interrupted: what was collected is kept in %s; run the same command again and it goes on from there (%w)", dir, context.Canceled)
}

// keep notes which capture is being written, for whoever has to say so when this command does not come to it.
func (a *app) keep(dir string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keeping = dir
}
