package cli

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"lastcall/cmd/internal/config"
	"lastcall/cmd/internal/units"
	"lastcall/collectors/record"

	"github.com/spf13/cobra"
)

// liveFlags say how to reach the live sources.
type liveFlags struct {
	datadogURL, site string
	maxCalls         int
	wait             bool
	metrics          []string
	attributes       []string
	containerTag     string
	related          []string
	profiles         bool

	pprof       []string
	pprofHeader []string
	pprofCA     string
	every       string
	during      string
}

// What --metric and --attribute can override.
var (
	metricNames = []string{
		"rss", "working_set", "heap_used", "heap_total", "external", "memory_limit", "heap_limit", "cpu", "event_loop_delay_max",
		"event_loop_delay_mean", "gc_pause", "goroutines", "oom_events", "restarts", "duration",
	}
	attributeNames = []string{"method", "path", "route", "status", "duration", "request_id", "container"}
)

func (f *liveFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.datadogURL, "datadog-url", "", "base `URL` of Datadog's API (default: of the site; LASTCALL_DATADOG_URL)")
	fl.StringVar(&f.site, "site", "", "Datadog `SITE`, such as datadoghq.eu (default DD_SITE, else datadoghq.com)")
	fl.IntVar(&f.maxCalls, "max-calls", 0, "make at most this many calls to Datadog (default 60)")
	fl.BoolVar(&f.wait, "wait", false, "wait for Datadog's quota to come back, which can take an hour, rather than do without")
	fl.StringArrayVar(&f.metrics, "metric", nil, "the Datadog metric for something, `NAME=METRIC`, such as rss=captain.api.memory.rss (repeatable)")
	fl.StringArrayVar(&f.attributes, "attribute", nil, "the log attribute for something, `NAME=ATTRIBUTE`, such as route=http.route (repeatable)")
	fl.StringVar(&f.containerTag, "container-tag", "", "the metric tag that names a container, such as pod_name")
	fl.StringArrayVar(&f.related, "related-service", nil, "a Datadog `SERVICE` whose logs tell of the same containers, such as the router's (repeatable; default: found by name)")
	fl.BoolVar(&f.profiles, "profiles", false, "also take heap profiles of Datadog's profiler (an unofficial API)")
	f.registerPprof(cmd)
}

// registerPprof adds the flags of live processes alone.
func (f *liveFlags) registerPprof(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.pprof, "pprof", nil, "a live process with net/http/pprof, `URL` such as http://host:6060 (repeatable)")
	fl.StringArrayVar(&f.pprofHeader, "pprof-header", nil, "`HEADER` for --pprof, such as 'Authorization: Bearer …' (repeatable)")
	fl.StringVar(&f.pprofCA, "pprof-ca", "", "certificate of an authority (PEM) to trust for --pprof besides the system's, `FILE`")
	fl.StringVar(&f.every, "every", "", "take profiles again and again, this far apart, such as 30s")
	fl.StringVar(&f.during, "for", "", "take profiles for so long, such as 10m")
}

// liveOptions are liveFlags with environment and config, checked.
type liveOptions struct {
	datadog *datadogOptions // nil: no keys
	pprof   *pprofOptions   // nil: no URL
	// missingKeys says which key is missing when only one of the two is there.
	missingKeys string
}

type datadogOptions struct {
	apiKey, appKey string
	site, url      string
	maxCalls       int
	wait           bool
	metrics        map[string]string
	attributes     map[string]string
	containerTag   string
	related        []string
	profiles       bool
}

type pprofOptions struct {
	urls    []string
	headers http.Header
	ca      []byte // PEM
	every   time.Duration
	during  time.Duration
	// reported: a report follows at once. An interrupt of a run that goes on for some time ends the taking, and not the command.
	reported bool
}

// defaultMaxCalls is what a verdict on a large service takes.
const defaultMaxCalls = 60

// pick finds the service of the config that a query is about, and completes the query from it. The zero Service: none.
func pick(cfg *config.Config, q *record.Query) config.Service {
	svc, ok := cfg.Pick(q.Service, q.Env)
	if ok {
		q.Service, q.Env = svc.Name, either(q.Env, svc.Env)
	}
	return svc
}

// options checks the flags. What the config says of the service svc is taken where no flag says otherwise.
func (f *liveFlags) options(a *app, cfg *config.Config, svc config.Service) (liveOptions, error) {
	var o liveOptions
	var err error
	d := &datadogOptions{
		apiKey: either(a.sys.Env("DD_API_KEY"), a.sys.Env("DATADOG_API_KEY")),
		appKey: either(a.sys.Env("DD_APP_KEY"), a.sys.Env("DATADOG_APP_KEY"), a.sys.Env("DD_APPLICATION_KEY")),
		site:   either(f.site, cfg.Datadog.Site, a.sys.Env("DD_SITE"), a.sys.Env("DATADOG_SITE"), "datadoghq.com"),
		url:    either(f.datadogURL, a.sys.Env("LASTCALL_DATADOG_URL")),

		containerTag: either(f.containerTag, cfg.Datadog.ContainerTag), related: f.related,
		profiles: f.profiles || svc.Profiles, maxCalls: defaultMaxCalls, wait: f.wait || cfg.Wait,
	}
	if d.url == "" {
		if d.url, err = cfg.Datadog.URL.Expand(a.sys.Env); err != nil {
			return o, usagef("%s: datadog.url: %w", cfg.Path, err)
		}
	}
	if d.url != "" {
		u, err := url.Parse(d.url)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return o, usagef("--datadog-url: this is not an http or https URL")
		}
	}
	if strings.ContainsAny(d.site, "/: @") {
		return o, usagef("--site %s: give the bare site, such as datadoghq.eu; for another base URL use --datadog-url", d.site)
	}
	if len(d.related) == 0 {
		d.related = svc.RelatedServices
	}
	switch {
	case f.maxCalls < 0:
		return o, usagef("--max-calls %d: a number of calls cannot be negative", f.maxCalls)
	case f.maxCalls > 0:
		d.maxCalls = f.maxCalls
	case svc.MaxCalls > 0:
		d.maxCalls = svc.MaxCalls
	}
	if d.metrics, err = merged("--metric", f.metrics, cfg.Datadog.Metrics, metricNames); err != nil {
		return o, err
	}
	if d.attributes, err = merged("--attribute", f.attributes, cfg.Datadog.Attributes, attributeNames); err != nil {
		return o, err
	}
	switch {
	case d.apiKey != "" && d.appKey != "":
		o.datadog = d
	case d.apiKey != "":
		o.missingKeys = "DD_API_KEY is set but DD_APP_KEY is not: reading needs an application key as well"
	case d.appKey != "":
		o.missingKeys = "DD_APP_KEY is set but DD_API_KEY is not: both are needed"
	}
	o.pprof, err = f.pprofOptions(a, svc)
	return o, err
}

func (f *liveFlags) pprofOptions(a *app, svc config.Service) (*pprofOptions, error) {
	p := &pprofOptions{headers: http.Header{}}
	urls := f.pprof
	if len(urls) == 0 {
		for _, t := range svc.Pprof {
			s, err := t.Expand(a.sys.Env)
			if err != nil {
				return nil, usagef("pprof of the service %s: %w", svc.ID(), err)
			}
			urls = append(urls, s)
		}
	}
	for _, s := range urls {
		if !strings.Contains(s, "://") {
			s = "http://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, usagef("--pprof: this is not an http or https URL such as http://host:6060")
		}
		if pw, ok := u.User.Password(); ok {
			a.stderr.hide(pw)
		}
		p.urls = append(p.urls, s)
	}
	for _, h := range f.pprofHeader {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" {
			return nil, usagef("--pprof-header: write 'Name: value'")
		}
		a.stderr.hide(value)
		p.headers.Add(name, value)
	}
	if f.pprofCA != "" {
		var err error
		if p.ca, err = os.ReadFile(f.pprofCA); err != nil {
			return nil, usagef("--pprof-ca: %w", err)
		}
	}
	for _, x := range []struct {
		flag, text string
		into       *time.Duration
	}{{"--every", f.every, &p.every}, {"--for", f.during, &p.during}} {
		if x.text == "" {
			continue
		}
		d, err := units.Age(x.text)
		if err != nil {
			return nil, usagef("%s: %w", x.flag, err)
		}
		*x.into = d
	}
	switch {
	case (p.every > 0) != (p.during > 0):
		return nil, usagef("--every and --for go together: how far apart, and for how long")
	case p.every > 0 && p.every < time.Second:
		return nil, usagef("--every %s: profiles closer than a second burden the process more than they show", f.every)
	case p.every > p.during:
		return nil, usagef("--every %s is longer than --for %s", f.every, f.during)
	}
	if len(p.urls) == 0 {
		if len(f.pprofHeader) > 0 || len(f.pprofCA) > 0 || p.every > 0 {
			return nil, usagef("--every, --for, --pprof-header and --pprof-ca are for --pprof URL, which is not given")
		}
		return nil, nil
	}
	return p, nil
}

// merged takes overrides of the config and, over them, of flags.
func merged(flag string, list []string, base map[string]string, known []string) (map[string]string, error) {
	out, err := keyValues(flag, list, known)
	if err != nil {
		return nil, err
	}
	for k, v := range base {
		if _, ok := out[k]; !ok {
			out[k] = v
		}
	}
	return out, nil
}

// either returns the first that is not empty.
func either(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
