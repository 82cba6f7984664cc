package datadog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	dd "github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"lastcall/collectors/internal/httpx"
)

// retryOptions replace what retries draw on, in tests.
type retryOptions struct {
	sleep       func(context.Context, time.Duration) error
	rand        func() float64
	backoffBase time.Duration
	attempt     time.Duration
}

// api makes calls. It may be used from several goroutines.
type api struct {
	o       Options
	tr      *httpx.Transport
	client  *http.Client
	metrics *datadogV1.MetricsApi
	auth    *datadogV1.AuthenticationApi
}

func newAPI(o Options) *api {
	tr := httpx.New(httpx.Options{
		Base: o.Transport, Wait: o.Wait, MaxCalls: o.MaxCalls, JSON: true, Now: o.Now, Logger: o.Logger, OnCall: o.Progress,
		Sleep: o.retry.sleep, Rand: o.retry.rand, BackoffBase: o.retry.backoffBase, AttemptTimeout: o.retry.attempt,
	})
	a := &api{o: o, tr: tr, client: tr.Client()}

	cfg := dd.NewConfiguration()
	// The client checks the site against a list that is as old as it is, and forces https: give it the base URL as the only server.
	cfg.Servers = dd.ServerConfigurations{{URL: o.BaseURL}}
	cfg.OperationServers = nil
	cfg.HTTPClient = a.client
	cfg.UserAgent = userAgent
	cfg.Compress = false // the transport does it, transparently
	cfg.Debug = false    // it would print bodies to the standard logger
	cfg.RetryConfiguration.EnableRetry = false
	c := dd.NewAPIClient(cfg)
	a.metrics, a.auth = datadogV1.NewMetricsApi(c), datadogV1.NewAuthenticationApi(c)
	return a
}

const userAgent = "lastcall"

// keys returns ctx with the keys where the official client looks for them.
func (a *api) keys(ctx context.Context) context.Context {
	return context.WithValue(ctx, dd.ContextAPIKeys, map[string]dd.APIKey{
		"apiKeyAuth": {Key: a.o.APIKey}, "appKeyAuth": {Key: a.o.AppKey},
	})
}

// permissions are those that Datadog's descriptions name for each endpoint.
var permissions = map[string]string{
	pathQuery: "timeseries_query", pathActive: "metrics_read", pathAllTags: "metrics_read", pathLogs: "logs_read_data",
	pathAggregate: "logs_read_data", pathEvents: "events_read", pathScalar: "timeseries_query", pathTimeseries: "timeseries_query",
}

// Paths asked.
const (
	pathValidateKeys = "/api/v2/validate_keys"
	pathValidate     = "/api/v1/validate"
	pathActive       = "/api/v1/metrics"
	pathQuery        = "/api/v1/query"
	pathAllTags      = "/api/v2/metrics/{metric_name}/all-tags"
	pathLogs         = "/api/v2/logs/events/search"
	pathAggregate    = "/api/v2/logs/analytics/aggregate"
	pathEvents       = "/api/v2/events/search"
	pathScalar       = "/api/v2/query/scalar"
	pathTimeseries   = "/api/v2/query/timeseries"
)

// Error is why Datadog did not give what it was asked for.
type Error struct {
	// Endpoint is the path asked; Site the site.
	Endpoint, Site string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Messages are Datadog's own.
	Messages []string
	// Err is the cause when there was no answer.
	Err error
}

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	var (
		quota  *httpx.QuotaError
		budget *httpx.BudgetError
		fault  *httpx.FaultError
	)
	switch {
	case errors.As(e.Err, &quota):
		return fmt.Sprintf("%s; run again then, or allow waiting with --wait", quota)
	case errors.As(e.Err, &budget):
		return fmt.Sprintf("%s; allow more with --max-calls", budget)
	case errors.As(e.Err, &fault):
		return fmt.Sprintf("Datadog (%s) gave no good answer: %v", e.Site, fault)
	case e.Status == http.StatusForbidden || e.Status == http.StatusUnauthorized:
		s := fmt.Sprintf("Datadog (%s) refuses this to these keys (HTTP %d)", e.Site, e.Status)
		if p := permissions[e.Endpoint]; p != "" {
			s += fmt.Sprintf(": the application key needs the permission %q", p)
		}
		return s
	case e.Status != 0:
		s := fmt.Sprintf("Datadog (%s) answers HTTP %d to %s", e.Site, e.Status, e.Endpoint)
		if len(e.Messages) > 0 {
			s += ": " + strings.Join(e.Messages, "; ")
		}
		return s
	}
	return fmt.Sprintf("Datadog (%s): %v", e.Site, e.Err)
}

// isGap reports whether err costs a signal and no more. What is not an [Error] (a sink's failure, a cancelled context) ends
// the collection.
func isGap(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// fail makes an error of a failed call; the context's own error stays itself.
func (a *api) fail(ctx context.Context, endpoint string, status int, body []byte, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := &Error{Endpoint: endpoint, Site: a.where(), Status: status, Err: err}
	if u := new(url.Error); errors.As(err, &u) {
		e.Err = u.Err // without the URL, which says nothing new
	}
	if status != 0 {
		e.Messages = a.messages(body)
	}
	return e
}

// where is the site, or the host where another base URL was given.
func (a *api) where() string {
	if u, err := url.Parse(a.o.BaseURL); err == nil && u.Host != "api."+a.o.Site {
		return u.Host
	}
	return a.o.Site
}

// messages reads the error body: {"errors":["…"]}, with strings or objects in it.
func (a *api) messages(body []byte) []string {
	var v struct {
		Errors []any `json:"errors"`
	}
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	var out []string
	for _, m := range v.Errors {
		s, ok := m.(string)
		if o, isObj := m.(map[string]any); isObj {
			for _, k := range []string{"detail", "title"} {
				if s, ok = o[k].(string); ok && s != "" {
					break
				}
			}
		}
		if ok && s != "" && len(out) < 3 {
			out = append(out, clip(a.scrub(s), 200))
		}
	}
	return out
}

// scrub masks the keys, should the other side quote them.
func (a *api) scrub(s string) string {
	return strings.NewReplacer(a.o.APIKey, "[secret]", a.o.AppKey, "[secret]").Replace(s)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// ask sends one request of our own and returns the body of a good answer.
func (a *api) ask(ctx context.Context, method, base, endpoint, path string, query url.Values, in any) ([]byte, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	u := base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("DD-API-KEY", a.o.APIKey)
	req.Header.Set("DD-APPLICATION-KEY", a.o.AppKey)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, a.fail(ctx, endpoint, 0, nil, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, a.fail(ctx, endpoint, 0, nil, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, a.fail(ctx, endpoint, resp.StatusCode, b, nil)
	}
	return b, nil
}

func (a *api) post(ctx context.Context, endpoint string, in, out any) error {
	b, err := a.ask(ctx, http.MethodPost, a.o.BaseURL, endpoint, endpoint, nil, in)
	if err != nil {
		return err
	}
	return a.decode(ctx, endpoint, b, out)
}

func (a *api) decode(ctx context.Context, endpoint string, b []byte, out any) error {
	if err := json.Unmarshal(b, out); err != nil {
		return a.fail(ctx, endpoint, 0, nil, fmt.Errorf("the answer is not understood: %w", err))
	}
	return nil
}

// official makes an error of what the official client returned, or nil.
func (a *api) official(ctx context.Context, endpoint string, resp *http.Response, err error) error {
	if err == nil {
		return nil
	}
	var g dd.GenericOpenAPIError
	if errors.As(err, &g) && resp != nil {
		if resp.StatusCode/100 != 2 {
			return a.fail(ctx, endpoint, resp.StatusCode, g.ErrorBody, nil)
		}
		return a.fail(ctx, endpoint, 0, nil, fmt.Errorf("the answer is not understood: %s", clip(a.scrub(g.ErrorMessage), 200)))
	}
	return a.fail(ctx, endpoint, 0, nil, err)
}

// KeysError means that Datadog refuses the keys.
type KeysError struct {
	// Which is "API key" or "application key".
	Which string
	// Variable is where it usually comes from.
	Variable string
	Site     string
	Status   int
}

func (e *KeysError) Error() string {
	return fmt.Sprintf("Datadog at %s refuses the %s (HTTP %d): check %s, and DD_SITE if your organisation is on another site than %s",
		e.Site, e.Which, e.Status, e.Variable, e.Site)
}

// Permanent reports that asking again cannot help: somebody has to mend the keys.
func (*KeysError) Permanent() bool { return true }

// validate checks both keys.
func (a *api) validate(ctx context.Context) error {
	body, err := a.ask(ctx, http.MethodGet, a.o.BaseURL, pathValidateKeys, pathValidateKeys, nil, nil)
	if err == nil && !json.Valid(body) { // a page to log in, of a proxy
		return a.fail(ctx, pathValidateKeys, 0, nil, errors.New("the answer is no JSON; is this the address of Datadog's API, and no proxy in between?"))
	}
	var e *Error
	if !errors.As(err, &e) || e.Status == 0 {
		return err
	}
	if e.Status == http.StatusNotFound {
		return a.validateAPIKey(ctx) // a server without the newer check
	}
	if e.Status != http.StatusForbidden && e.Status != http.StatusUnauthorized {
		return err
	}
	if err := a.validateAPIKey(ctx); err != nil {
		return err
	}
	return &KeysError{Which: "application key", Variable: "DD_APP_KEY", Site: a.where(), Status: e.Status}
}

func (a *api) validateAPIKey(ctx context.Context) error {
	v, resp, err := a.auth.Validate(a.keys(ctx))
	err = a.official(ctx, pathValidate, resp, err)
	var e *Error
	switch {
	case err == nil && v.GetValid():
		return nil
	case err == nil:
		return &KeysError{Which: "API key", Variable: "DD_API_KEY", Site: a.where(), Status: resp.StatusCode}
	case errors.As(err, &e) && (e.Status == http.StatusForbidden || e.Status == http.StatusUnauthorized):
		return &KeysError{Which: "API key", Variable: "DD_API_KEY", Site: a.where(), Status: e.Status}
	}
	return err
}
