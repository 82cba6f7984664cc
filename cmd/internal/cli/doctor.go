package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"lastcall/cmd/internal/config"
	"lastcall/cmd/internal/prose"
	"lastcall/collectors/record"

	"github.com/spf13/cobra"
)

// examination is what doctor found at one place.
type examination struct {
	// Place is "config", "datadog", "pprof", "files", "environment"; Service is empty when it is not about one.
	Place   string  `json:"place"`
	Service string  `json:"service,omitempty"`
	Checks  []check `json:"checks"`
	// broken: something that is set up does not work (keys refused, a process that does not answer). What is merely not there
	// is told, and no failure of doctor's.
	broken bool
}

// check is one line of doctor's. Health is "ok", "partial", "missing", "refused", "failed", "skipped".
type check struct {
	Name   string `json:"name"`
	Health string `json:"health"`
	Detail string `json:"detail"`
	// Without says what cannot be answered; Remedy what to do.
	Without string `json:"without,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

func newDoctor(a *app) *cobra.Command {
	var (
		qf     queryFlags
		lf     liveFlags
		format string
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is there (keys, permissions, metrics, logs, tags, profiles) and what cannot be answered without the rest",
		Long: `Look at the live sources and at the config file, and say what is there, what is missing, what cannot be answered without
it, and what to do about it. With --config the file is checked first; a mistake is shown with its line. Without --service,
every service of the config is looked at.

Exit codes: 0 looked, and told, also of what is missing (keys, variables that the config names, files); 1 something that is
set up does not work (keys refused, no answer); 2 the config is wrong.`,
		Example: `  lastcall doctor --service api
  lastcall doctor --config lastcall.yaml
  lastcall doctor --pprof http://localhost:6060`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return usagef("--format %s: doctor writes text or json", format)
			}
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			found, err := a.examine(cmd.Context(), cfg, qf, lf)
			if err != nil {
				return err
			}
			if format == "json" {
				b, err := json.MarshalIndent(found, "", "  ")
				if err != nil {
					return err
				}
				if _, err := a.stdout.Write(append(b, '\n')); err != nil {
					return err
				}
			} else if _, err := a.stdout.Write([]byte(examinationText(found))); err != nil {
				return err
			}
			for _, e := range found {
				if e.broken {
					return statusError(exitFailed)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "text", "format on stdout: text or json")
	complete(cmd, "format", "text", "json")
	qf.register(cmd)
	lf.register(cmd)
	return cmd
}

func (a *app) examine(ctx context.Context, cfg *config.Config, qf queryFlags, lf liveFlags) ([]examination, error) {
	var out []examination
	services := cfg.Services
	switch {
	case qf.service != "":
		s, ok := cfg.Pick(qf.service, qf.env)
		if !ok {
			s = config.Service{Name: qf.service, Env: qf.env}
		}
		services = []config.Service{s}
	case qf.env != "":
		// One that is listed without an env is looked at as it is in this one.
		services = append(cfg.Select("", qf.env), slices.DeleteFunc(cfg.Select("", ""), func(s config.Service) bool { return s.Env != "" })...)
		if len(services) == 0 && len(cfg.Services) > 0 {
			return nil, noService(cfg, qf.service, qf.env)
		}
	}
	if a.configPath != "" {
		out = append(out, a.examineConfig(cfg))
	}
	if len(services) == 0 {
		services = []config.Service{{}} // no service in particular
	}
	for _, s := range services {
		found, err := a.examineService(ctx, cfg, s, qf, lf)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// What doctor says of a variable that the config names and that is not set.
const (
	withoutVariable = "nightly refuses to run"
	setVariable     = "set it in the environment of the nightly job"
)

// examineConfig looks at what the config needs around it; the file itself has been read without a mistake.
func (a *app) examineConfig(cfg *config.Config) examination {
	e := examination{Place: "config"}
	e.Checks = append(e.Checks, check{Name: a.configPath, Health: "ok", Detail: "valid; " + prose.Count(len(cfg.Services), "service", "services")})
	for _, x := range []struct {
		key string
		url config.Text
	}{{"heartbeat.url", cfg.Heartbeat.URL}, {"webhook.url", cfg.Webhook.URL}} {
		if x.url == "" {
			continue
		}
		if _, err := x.url.Expand(a.sys.Env); err != nil {
			e.Checks = append(e.Checks, check{x.key, "missing", err.Error(), withoutVariable, setVariable})
		} else {
			e.Checks = append(e.Checks, check{Name: x.key, Health: "ok", Detail: "set (it is not called now)"})
		}
	}
	return e
}

func (a *app) examineService(ctx context.Context, cfg *config.Config, s config.Service, qf queryFlags, lf liveFlags) ([]examination, error) {
	var out []examination
	loc := reportOptions{location: cfg.Timezone.Location}.zone()
	qf.service, qf.env = s.Name, either(qf.env, s.Env)
	q, err := qf.query(a.sys.Now(), loc)
	if err != nil {
		return nil, err
	}
	if len(s.Paths) > 0 {
		out = append(out, examineFiles(cfg, s))
	}
	live, err := lf.options(a, cfg, s)
	if unset, ok := errors.AsType[*config.UnsetError](err); ok {
		// As with keys: what is not there is told, and the other services are looked at.
		return append(out, examination{Place: "environment", Service: s.ID(), Checks: []check{{
			strings.Join(unset.Names, ", "), "missing", err.Error(), withoutVariable, setVariable,
		}}}), nil
	}
	if err != nil {
		return nil, err
	}
	if live.pprof != nil {
		out = append(out, a.examinePprof(ctx, s, *live.pprof))
	}
	wanted := s.Datadog == nil && len(s.Paths) == 0 || s.Datadog != nil && *s.Datadog
	switch {
	case live.datadog != nil && wanted:
		e, err := a.examineDatadog(ctx, s, *live.datadog, q)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	case wanted && (live.pprof == nil || live.missingKeys != ""):
		detail := either(live.missingKeys, "DD_API_KEY and DD_APP_KEY are not set")
		out = append(out, examination{Place: "datadog", Service: s.ID(), Checks: []check{{
			"keys", "missing", detail, "anything without files: logs, metrics and events come from Datadog",
			"make both keys in Datadog under Organization Settings and set DD_API_KEY and DD_APP_KEY (and DD_SITE, such as datadoghq.eu); or give files to `lastcall investigate`",
		}}})
	}
	return out, ctx.Err()
}

func examineFiles(cfg *config.Config, s config.Service) examination {
	e := examination{Place: "files", Service: s.ID()}
	for _, p := range s.Paths {
		p = cfg.Abs(p)
		if _, err := os.Stat(p); err != nil {
			e.Checks = append(e.Checks, check{p, "missing", plainPathError(err).Error(), "anything about this service", "let something put the files there before the night watch runs"})
			continue
		}
		e.Checks = append(e.Checks, check{Name: p, Health: "ok", Detail: "there"})
	}
	return e
}

func (a *app) examinePprof(ctx context.Context, s config.Service, o pprofOptions) examination {
	e := examination{Place: "pprof", Service: s.ID()}
	o.every, o.during = 0, 0
	for i, u := range o.urls {
		one := o
		one.urls = []string{u}
		c := check{Name: fmt.Sprintf("process %d", i+1), Health: "ok"}
		count := &counter{}
		coll, err := a.pprofCollector(one)
		if err == nil {
			err = coll.Collect(ctx, record.Query{}, count)
		}
		if err != nil {
			e.broken = true
			c.Health, c.Detail = "failed", err.Error()
			c.Without = "which code of this process holds the memory"
			c.Remedy = "import net/http/pprof there, and give the address of that server; --pprof-header for authentication"
		} else {
			c.Detail = fmt.Sprintf("%d profiles taken", count.total())
		}
		e.Checks = append(e.Checks, c)
	}
	return e
}

func examinationText(found []examination) string {
	var b strings.Builder
	for i, e := range found {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(e.Place)
		if e.Service != "" {
			b.WriteString(": " + e.Service)
		}
		b.WriteString("\n")
		for _, c := range e.Checks {
			fmt.Fprintf(&b, "  %-8s %-18s %s\n", c.Health, c.Name, c.Detail)
			if c.Without != "" {
				fmt.Fprintf(&b, "  %-8s %-18s without it: %s\n", "", "", c.Without)
			}
			if c.Remedy != "" {
				fmt.Fprintf(&b, "  %-8s %-18s to do: %s\n", "", "", c.Remedy)
			}
		}
	}
	return b.String()
}
