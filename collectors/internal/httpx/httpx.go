// Package httpx is the one place where a request is retried.
//
// A [Transport] is an [http.RoundTripper] that keeps to a server's quota, backs off from its faults, bounds what it reads and
// counts what it sends. It returns whole bodies: an answer that breaks off is a fault like any other, so a caller never sees
// half of one. It assumes that every request is safe to repeat, as questions are, and is meant for asking, not for changing
// things. It logs method, host, path, status and time, never headers or bodies, and masks the values of query parameters that
// may be secret.
//
// What it does not do: it parses no answers, and it knows no service. Keys stay with one host: see [Transport.Client].
package httpx

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options are the settings of a Transport. The zero value is ready to use.
type Options struct {
	// Base makes the connections; nil means a transport of its own, with verified TLS 1.2 or later and the proxy of the environment.
	Base http.RoundTripper
	// Wait allows waiting for a quota to reset, however long that takes up to MaxWait. Without it, only a reset within ShortWait
	// (default 15 s) is waited for; a later one is a [QuotaError].
	Wait      bool
	ShortWait time.Duration
	// MaxWait bounds a single wait for a quota; default 65 minutes, a little more than the hourly quotas in use.
	MaxWait time.Duration
	// MaxCalls bounds the requests sent, repeated ones included; 0 means no bound. The first past it is a [BudgetError].
	MaxCalls int
	// MaxAttempts (default 6) and MaxElapsed (default 2 minutes, waits for a quota apart) bound the attempts at one request.
	MaxAttempts int
	MaxElapsed  time.Duration
	// AttemptTimeout bounds one attempt, its body included; default 1 minute.
	AttemptTimeout time.Duration
	// BackoffBase (default 500 ms) doubles with every attempt, up to BackoffMax (default 20 s); the wait is drawn between half and
	// the whole of it.
	BackoffBase, BackoffMax time.Duration
	// MaxBody bounds an answer, after decompression; default 64 MiB.
	MaxBody int64
	// JSON asks that 2xx answers that call themselves JSON are JSON as a whole: one that breaks off is retried.
	JSON bool
	// Rand draws from [0, 1); nil means math/rand/v2.
	Rand func() float64
	// Now and Sleep are the clock; nil means the real one. Sleep returns early with the context's error.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Logger gets a debug line per attempt; nil means none.
	Logger *slog.Logger
	// OnCall, when set, is told of every request as it is sent, for progress. It must be safe for concurrent use.
	OnCall func(sent int)
}

// Transport sends requests. It may be used from several goroutines.
type Transport struct {
	o Options

	mu     sync.Mutex
	sent   int
	waited time.Duration
	names  map[string]string // endpoint -> name of its quota
	quotas map[string]*quota // by host and name
}

// quota is what the server last said about one of its limits.
type quota struct {
	name         string
	limit        int
	period       time.Duration
	remaining    int
	reset        time.Time
	hasRemaining bool
}

// New returns a Transport.
func New(o Options) *Transport {
	if o.Base == nil {
		base := http.DefaultTransport.(*http.Transport).Clone()
		base.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		o.Base = base
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.ShortWait, 15*time.Second)
	def(&o.MaxWait, 65*time.Minute)
	def(&o.MaxElapsed, 2*time.Minute)
	def(&o.AttemptTimeout, time.Minute)
	def(&o.BackoffBase, 500*time.Millisecond)
	def(&o.BackoffMax, 20*time.Second)
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 6
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 64 << 20
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Transport{o: o, names: map[string]string{}, quotas: map[string]*quota{}}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Client returns a client over t that follows redirects within one scheme and host only: elsewhere the keys in the headers of
// the request would go along.
func (t *Transport) Client() *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		first := via[0].URL
		if req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
			return &RedirectError{From: first.Host, To: req.URL.Scheme + "://" + req.URL.Host}
		}
		if len(via) >= 5 {
			return errors.New("more than 5 redirects")
		}
		return nil
	}}
}

// Calls returns how many requests have been sent, repeated ones included.
func (t *Transport) Calls() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent
}

// Waited returns how long was spent waiting, for quotas and between attempts.
func (t *Transport) Waited() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waited
}

// CloseIdleConnections closes what is kept for reuse.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.o.Base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// QuotaError means that the server allows no request of this kind before Reset.
type QuotaError struct {
	// Name, Limit and Period are the server's own words; empty or zero when it did not say.
	Name   string
	Limit  int
	Period time.Duration
	// Reset is when the next request is allowed, and Wait how long that is from now.
	Reset time.Time
	Wait  time.Duration
}

func (e *QuotaError) Error() string {
	s := "rate limit"
	if e.Name != "" {
		s += " " + strconv.Quote(e.Name)
	}
	if e.Limit > 0 && e.Period > 0 {
		s += fmt.Sprintf(" (%d requests in %s)", e.Limit, e.Period)
	}
	return fmt.Sprintf("%s is used up until %s, in %s", s, e.Reset.UTC().Format("15:04:05 MST"), e.Wait.Round(time.Second))
}

// BudgetError means that the number of calls allowed has been made.
type BudgetError struct{ MaxCalls int }

func (e *BudgetError) Error() string {
	return fmt.Sprintf("all %d calls allowed have been made", e.MaxCalls)
}

// RedirectError means that the server sent the request to another host, where the keys must not go.
type RedirectError struct{ From, To string }

func (e *RedirectError) Error() string {
	return fmt.Sprintf("%s redirects to %s; keys are not sent to another host", e.From, e.To)
}

// FaultError means that every attempt at a request failed.
type FaultError struct {
	// Attempts is how many were made; Err is the last failure.
	Attempts int
	Err      error
}

func (e *FaultError) Error() string {
	if e.Attempts == 1 {
		return e.Err.Error()
	}
	return fmt.Sprintf("%d attempts failed, the last with: %v", e.Attempts, e.Err)
}

func (e *FaultError) Unwrap() error { return e.Err }

// StatusError is an answer of the server that was a fault, 5xx and the like.
type StatusError struct{ Status int }

func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", e.Status, http.StatusText(e.Status)))
}

// ErrTooLarge means that an answer was larger than Options.MaxBody.
var ErrTooLarge = errors.New("the answer is larger than allowed")

// errTruncatedJSON is retried: the server or a proxy gave up in the middle of its answer.
var errTruncatedJSON = errors.New("the answer is not whole: its JSON breaks off or is malformed")

// RoundTrip sends req until there is an answer to give back: any status that is not the server's own fault or a quota. The body of
// the response is whole and in memory. Errors are a [QuotaError], [BudgetError], [FaultError], or the context's.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	body, err := readRequest(req)
	if err != nil {
		return nil, err
	}
	var spent time.Duration // on attempts and back-off, which MaxElapsed bounds
	for attempt := 1; ; attempt++ {
		if err := t.admit(ctx, req); err != nil {
			return nil, err
		}
		begin := t.o.Now()
		resp, err := t.once(req, body)
		took := t.o.Now().Sub(begin)
		spent += took
		t.log(ctx, req, resp, err, attempt, took)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			t.learn(req, resp)
			if resp.StatusCode == http.StatusTooManyRequests {
				// admit waits for what the quota said; without a word from the server it is a fault to back off from.
				if t.quotaWait(req) > 0 && attempt < t.o.MaxAttempts {
					continue
				}
				err = &StatusError{resp.StatusCode}
			} else if !isFault(resp.StatusCode) {
				return resp, nil
			} else {
				err = &StatusError{resp.StatusCode}
			}
		} else if !retryable(err) {
			return nil, &FaultError{attempt, err}
		}
		delay := t.backoff(attempt, resp)
		if attempt >= t.o.MaxAttempts || spent+delay > t.o.MaxElapsed {
			return nil, &FaultError{attempt, err}
		}
		spent += delay
		if err := t.pause(ctx, delay); err != nil {
			return nil, err
		}
	}
}

func readRequest(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer req.Body.Close()
	b, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	return b, nil
}

// admit waits until the quota allows req and takes one call from the budget.
func (t *Transport) admit(ctx context.Context, req *http.Request) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.mu.Lock()
		q, wait := t.waitLocked(req)
		if wait <= 0 {
			if t.o.MaxCalls > 0 && t.sent >= t.o.MaxCalls {
				t.mu.Unlock()
				return &BudgetError{t.o.MaxCalls}
			}
			t.sent++
			sent := t.sent
			if q != nil && q.hasRemaining && q.remaining > 0 {
				q.remaining--
			}
			t.mu.Unlock()
			if t.o.OnCall != nil {
				t.o.OnCall(sent)
			}
			return nil
		}
		e := &QuotaError{Name: q.name, Limit: q.limit, Period: q.period, Reset: q.reset, Wait: wait}
		t.mu.Unlock()
		if (!t.o.Wait && wait > t.o.ShortWait) || wait > t.o.MaxWait {
			return e
		}
		t.o.Logger.LogAttrs(ctx, slog.LevelDebug, "waiting for the quota", slog.String("quota", e.Name), slog.Duration("wait", wait))
		// A little more than said, and not all at once: clocks differ, and others wait too.
		if err := t.pause(ctx, wait+time.Duration(t.o.Rand()*float64(250*time.Millisecond))); err != nil {
			return err
		}
		// The time said is over, whatever the clock shows: a clock that was set back must not keep us waiting.
		t.mu.Lock()
		if q.reset.Equal(e.Reset) {
			q.hasRemaining = false
		}
		t.mu.Unlock()
	}
}

func endpoint(req *http.Request) string { return req.Method + " " + req.URL.Host + req.URL.Path }

// waitLocked returns the quota that req falls under, if one is known, and how long until it allows another request.
func (t *Transport) waitLocked(req *http.Request) (*quota, time.Duration) {
	q := t.quotas[t.names[endpoint(req)]]
	if q == nil || !q.hasRemaining || q.remaining > 0 {
		return q, 0
	}
	return q, q.reset.Sub(t.o.Now())
}

func (t *Transport) quotaWait(req *http.Request) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, d := t.waitLocked(req)
	return d
}

// learn keeps what the answer says about the quota.
func (t *Transport) learn(req *http.Request, resp *http.Response) {
	h := resp.Header
	reset, resetErr := strconv.ParseFloat(h.Get("X-RateLimit-Reset"), 64)
	if resetErr != nil && resp.StatusCode == http.StatusTooManyRequests {
		reset, resetErr = retryAfter(h, t.o.Now())
	}
	remaining, remainingErr := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if resetErr != nil || reset < 0 || reset > 7*24*3600 {
		return
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		remaining, remainingErr = 0, nil
		// "0 s" after a 429 means within this second.
		reset = max(reset, 1)
	}
	name := h.Get("X-RateLimit-Name")
	key := req.URL.Host + " " + name
	if name == "" {
		key = endpoint(req)
	}
	limit, _ := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	period, _ := strconv.Atoi(h.Get("X-RateLimit-Period"))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names[endpoint(req)] = key
	t.quotas[key] = &quota{
		name: name, limit: limit, period: time.Duration(period) * time.Second, remaining: remaining, hasRemaining: remainingErr == nil,
		reset: t.o.Now().Add(time.Duration(reset * float64(time.Second))),
	}
}

func retryAfter(h http.Header, now time.Time) (seconds float64, err error) {
	v := h.Get("Retry-After")
	if at, e := http.ParseTime(v); e == nil {
		return max(at.Sub(now).Seconds(), 0), nil
	}
	return strconv.ParseFloat(v, 64)
}

// once makes one attempt and reads its whole answer.
func (t *Transport) once(req *http.Request, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), t.o.AttemptTimeout)
	defer cancel()
	r := req.Clone(ctx)
	if body != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	resp, err := t.o.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, t.o.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("the answer breaks off after %d bytes: %w", len(b), err)
	}
	if int64(len(b)) > t.o.MaxBody {
		return nil, fmt.Errorf("%w (%d bytes)", ErrTooLarge, t.o.MaxBody)
	}
	if t.o.JSON && resp.StatusCode/100 == 2 && strings.Contains(resp.Header.Get("Content-Type"), "json") && len(b) > 0 && !json.Valid(b) {
		return nil, errTruncatedJSON
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	resp.ContentLength = int64(len(b))
	return resp, nil
}

func isFault(status int) bool {
	return status == http.StatusRequestTimeout || (status >= 500 && status != http.StatusNotImplemented)
}

// retryable tells the faults that may pass from those that will not.
func retryable(err error) bool {
	if errors.Is(err, ErrTooLarge) {
		return false
	}
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
	)
	return !errors.As(err, &unknown) && !errors.As(err, &host) && !errors.As(err, &invalid) && !errors.As(err, &cert) && !errors.As(err, &record)
}

func (t *Transport) backoff(attempt int, resp *http.Response) time.Duration {
	d := t.o.BackoffMax
	if attempt < 30 {
		d = min(d, t.o.BackoffBase<<(attempt-1))
	}
	d = d/2 + time.Duration(t.o.Rand()*float64(d/2))
	if resp != nil {
		if s, err := retryAfter(resp.Header, t.o.Now()); err == nil && s > 0 && s < 3600 {
			d = max(d, time.Duration(s*float64(time.Second)))
		}
	}
	return d
}

func (t *Transport) pause(ctx context.Context, d time.Duration) error {
	begin := t.o.Now()
	err := t.o.Sleep(ctx, d)
	t.mu.Lock()
	t.waited += t.o.Now().Sub(begin)
	t.mu.Unlock()
	return err
}

func (t *Transport) log(ctx context.Context, req *http.Request, resp *http.Response, err error, attempt int, took time.Duration) {
	if !t.o.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", req.Method), slog.String("url", RedactURL(req.URL)), slog.Int("attempt", attempt),
		slog.Duration("took", took.Round(time.Millisecond)),
	}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode))
		for _, k := range []string{"Name", "Remaining", "Reset"} {
			if v := resp.Header.Get("X-RateLimit-" + k); v != "" {
				attrs = append(attrs, slog.String("quota_"+strings.ToLower(k), v))
			}
		}
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	t.o.Logger.LogAttrs(ctx, slog.LevelDebug, "http", attrs...)
}

// RedactURL returns u for people to read: without user and password, and with the values of query parameters masked whose names
// tell of keys, tokens and the like.
func RedactURL(u *url.URL) string {
	c := *u
	c.User = nil
	c.Fragment = ""
	if c.RawQuery != "" {
		// Kept in order and in its own encoding, parameter by parameter: url.Values would sort it.
		parts := strings.Split(c.RawQuery, "&")
		for i, p := range parts {
			k, _, ok := strings.Cut(p, "=")
			if name, err := url.QueryUnescape(k); err != nil || (ok && secretName(name)) {
				parts[i] = k + "=REDACTED"
			}
		}
		c.RawQuery = strings.Join(parts, "&")
	}
	return c.String()
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, w := range [...]string{"key", "token", "secret", "password", "passwd", "auth", "signature", "credential", "session", "cookie"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return name == "sig" || name == "pwd"
}
