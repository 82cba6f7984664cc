package datadog

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lastcall/collectors/capture"
	"lastcall/collectors/record"
)

// Options are the settings of a [Collector].
type Options struct {
	// Site is Datadog's site, such as "datadoghq.eu"; empty means "datadoghq.com".
	Site string
	// BaseURL replaces https://api.SITE, for proxies and tests: scheme and host, with a path prefix if need be.
	BaseURL string
	// APIKey and AppKey authenticate. They are sent in headers to the base URL and nowhere else.
	APIKey, AppKey string
	// MaxCalls bounds the calls, repeated ones included; 0 means 60.
	MaxCalls int
	// Wait allows waiting for a rate limit to reset, which can take an hour; resets within 15 s are always waited for.
	Wait bool
	// Concurrency bounds the calls under way at once; 0 means 4.
	Concurrency int
	// MetricNames overrides which metric gives a kind of sample, such as record.RSS: "captain.api.memory.rss".
	MetricNames map[record.Metric]string
	// DurationMetric overrides the name of the histogram of request durations tagged with the route, such as "captain.api.duration".
	DurationMetric string
	// ContainerTag overrides the tag that names a container, such as "pod_name".
	ContainerTag string
	// Attributes overrides which log attributes hold what.
	Attributes Attributes
	// RelatedServices are services whose lines about the same containers are asked for too (platform, router); empty means that
	// they are found by their names.
	RelatedServices []string
	// Profiles asks for heap profiles too. The API for that is unofficial and may fail; then only that signal is missing.
	Profiles bool
	// Window is the window of a query without bounds; 0 means 3 h. It ends now.
	Window time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger gets debug lines; nil means none. Keys, headers and bodies are never logged.
	Logger *slog.Logger
	// Plan, when set, is told what will be asked, before the first call and again when volumes are known.
	Plan func(Plan)
	// Done, when set, is told what was asked and chosen, at the end of every Collect.
	Done func(Summary)
	// Progress, when set, is told of every call as it is sent. It must be safe for concurrent use.
	Progress func(sent int)
	// Capture, when set, keeps what is collected, and gives back what an interrupted collection has already kept.
	Capture *capture.Writer
	// Transport makes the connections; nil means verified TLS and the proxy of the environment.
	Transport http.RoundTripper
	// AppURL replaces https://app.SITE, where profiles are; empty means BaseURL when that is set.
	AppURL string

	// Sleep and Rand replace the clock and the dice of retries in tests.
	retry retryOptions
}

// Attributes are log attributes by their path, such as "http.url_details.path" or "ctx.took_ms". Empty members are found out.
type Attributes struct {
	// Duration may carry the unit after a colon: "took:ms"; without one it is nanoseconds, as Datadog's own is.
	Duration                               string
	Route, Path, Method, Status, RequestID string
	// Container names an attribute, or with the prefix "tag:" a tag.
	Container string
}

func (a Attributes) empty() bool { return a == Attributes{} }

const (
	defaultSite        = "datadoghq.com"
	defaultMaxCalls    = 60
	defaultConcurrency = 4
	defaultWindow      = 3 * time.Hour
)

// ErrNoKeys means that a key is missing.
var ErrNoKeys = errors.New("Datadog needs an API key and an application key: set DD_API_KEY and DD_APP_KEY")

// complete checks o and fills in the defaults.
func (o Options) complete() (Options, error) {
	if o.APIKey == "" || o.AppKey == "" {
		return o, ErrNoKeys
	}
	for _, k := range []struct{ name, key string }{{"DD_API_KEY", o.APIKey}, {"DD_APP_KEY", o.AppKey}} {
		// A key with a line end or a space cannot stand in a header; the error must not quote it.
		if strings.ContainsFunc(k.key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return o, fmt.Errorf("%s holds a space, a line end or another character that keys do not have: set it again", k.name)
		}
	}
	o.Site = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(o.Site)), "/")
	o.Site = strings.TrimPrefix(o.Site, "https://")
	for _, p := range []string{"app.", "api."} {
		o.Site = strings.TrimPrefix(o.Site, p)
	}
	if o.Site == "" {
		o.Site = defaultSite
	}
	if o.BaseURL == "" {
		o.BaseURL = "https://api." + o.Site
		if o.AppURL == "" {
			o.AppURL = "https://app." + o.Site
		}
	} else if o.AppURL == "" {
		o.AppURL = o.BaseURL
	}
	for _, raw := range []*string{&o.BaseURL, &o.AppURL} {
		u, err := url.Parse(*raw)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return o, fmt.Errorf("the Datadog URL must be like https://api.datadoghq.com (site %q)", o.Site)
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return o, errors.New("the Datadog URL must hold neither user, password, query nor fragment")
		}
		if u.Scheme == "http" && !isLoopback(u.Hostname()) {
			return o, fmt.Errorf("the Datadog URL must be https: over http anyone between here and %s could read the keys", u.Host)
		}
		*raw = strings.TrimSuffix(u.String(), "/")
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = defaultMaxCalls
	}
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}
