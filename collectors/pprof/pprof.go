// Package pprof collects profiles: again and again from live processes that serve /debug/pprof ([New]), and from files and
// folders ([Files]). It finds out what a file name says of container and time, and whether bytes look like a profile; what is in
// a profile is the analyzer's to read.
package pprof

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"lastcall/collectors/capture"
	"lastcall/collectors/internal/httpx"
	"lastcall/collectors/internal/panics"
	"lastcall/collectors/record"
)

// Kind is a profile that a live process serves.
type Kind string

// The kinds.
const (
	Heap          Kind = "heap"
	Allocs        Kind = "allocs"
	Goroutine     Kind = "goroutine"
	GoroutineLeak Kind = "goroutineleak" // an experiment in Go 1.26; a process without it is not at fault
)

// Options say what to ask of live processes.
type Options struct {
	// URLs name the processes: "http://host:6060", a folder such as "http://host:6060/internal/pprof", or one profile such as
	// "http://host:6060/debug/pprof/heap". A user and password in them are sent as basic authentication and never shown.
	URLs []string
	// Kinds are what to fetch; empty means heap, goroutine, and goroutineleak where the process has it.
	Kinds []Kind
	// Every and For ask again and again: one round every Every until For has passed, the first at once. Both zero: one round.
	Every, For time.Duration
	// Timeout bounds one answer; default 30 s.
	Timeout time.Duration
	// Header goes with every request (authentication). Its values are never logged, and never sent to another host.
	Header http.Header
	// CA are certificates in PEM to trust besides the system's. Insecure trusts any certificate.
	CA       []byte
	Insecure bool
	// CollectGarbage asks the process to collect before each heap profile, so that it shows what is in use now rather than at the
	// last collection. It costs the process a full collection each time.
	CollectGarbage bool
	// MaxBytes bounds one profile; default 256 MiB.
	MaxBytes int64
	// Base makes the connections; nil means a transport of its own by CA and Insecure.
	Base http.RoundTripper
	// Now and Sleep are the clock; nil means the real one. Sleep returns early with the context's error.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// OnRound, when set, is told before each round, from 1, and how many there will be.
	OnRound func(round, rounds int)
	// Stop, when closed, ends the run: what was taken stands, and the coverage says that it is not all. Nil: only the context ends it.
	Stop <-chan struct{}
	// Capture, when set, keeps what comes, round by round. A run that was cut short goes on from there: the rounds that the capture
	// has are not taken again, and the others follow at once, Every apart.
	Capture *capture.Writer
}

const (
	defaultTimeout  = 30 * time.Second
	defaultMaxBytes = 256 << 20
	maxParallel     = 8 // processes asked at the same time
)

// Collector fetches profiles from live processes.
type Collector struct {
	o       Options
	client  *http.Client
	base    http.RoundTripper
	targets []*target
	whole   int // rounds that were taken whole
}

var _ record.Collector = (*Collector)(nil)

// target is one profile of one process.
type target struct {
	process   int // index into Options.URLs
	kind      Kind
	url       *url.URL
	source    *record.Source
	container string
	optional  bool // its absence is no fault

	tally
}

// New checks the options. An error names the option that is wrong.
func New(o Options) (*Collector, error) {
	if len(o.URLs) == 0 {
		return nil, errors.New("no URL of a process to fetch profiles from; give one such as http://host:6060")
	}
	if (o.Every > 0) != (o.For > 0) || o.Every < 0 || o.For < 0 {
		return nil, errors.New("how far apart and for how long to fetch profiles go together")
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	kinds, optional := o.Kinds, false
	if len(kinds) == 0 {
		kinds, optional = []Kind{Heap, Goroutine, GoroutineLeak}, true
	}
	c := &Collector{o: o}
	if o.Base == nil {
		base := http.DefaultTransport.(*http.Transport).Clone()
		cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure}
		if len(o.CA) > 0 {
			pool, err := x509.SystemCertPool()
			if err != nil {
				pool = x509.NewCertPool()
			}
			if !pool.AppendCertsFromPEM(o.CA) {
				return nil, errors.New("the file of the authority holds no certificate in PEM form")
			}
			cfg.RootCAs = pool
		}
		base.TLSClientConfig = cfg
		base.DisableCompression = true // profiles are gzipped already
		c.base = base
	} else {
		c.base = o.Base
	}
	t := httpx.New(httpx.Options{Base: c.base, MaxAttempts: 2, MaxElapsed: 2 * o.Timeout, AttemptTimeout: o.Timeout, MaxBody: o.MaxBytes, Now: o.Now, Sleep: o.Sleep})
	c.client = t.Client()
	for i, raw := range o.URLs {
		ts, err := targets(raw, kinds, optional, o.CollectGarbage)
		if err != nil {
			return nil, err
		}
		for _, t := range ts {
			t.process = i
			c.targets = append(c.targets, t)
		}
	}
	return c, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// targets turns the URL of a process into the URLs of its profiles.
func targets(raw string, kinds []Kind, optional, gc bool) ([]*target, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The URL itself may hold a password: it is not repeated.
		return nil, errors.New("this is not an http or https URL of a process, such as http://host:6060")
	}
	u.Fragment = ""
	single := Kind(path.Base(u.Path))
	switch {
	case single == Heap || single == Allocs || single == Goroutine || single == GoroutineLeak:
		kinds, optional = []Kind{single}, false
		u.Path = path.Dir(strings.TrimRight(u.Path, "/"))
	case strings.Contains(u.Path, "pprof"):
	default:
		u.Path = strings.TrimRight(u.Path, "/") + "/debug/pprof"
	}
	var out []*target
	for _, k := range kinds {
		v := *u
		v.Path = strings.TrimRight(u.Path, "/") + "/" + string(k)
		v.RawPath = ""
		if gc && k == Heap {
			q := v.Query()
			q.Set("gc", "1")
			v.RawQuery = q.Encode()
		}
		out = append(out, &target{
			kind: k, url: &v, source: &record.Source{Name: httpx.RedactURL(&v), Format: "pprof"}, container: hostPort(u),
			optional: k == GoroutineLeak && optional,
		})
	}
	return out, nil
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	port := "80"
	if u.Scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Name is "pprof".
func (c *Collector) Name() string { return "pprof" }

// fetched is one answer on its way to the sink.
type fetched struct {
	i    int // of the target
	data []byte
	at   time.Time
	err  error
}

// round asks every process once, several at a time, and writes to the sink from this goroutine only. It tells what came of each
// target, also with an error: what had come when the context ended is in the sink, what it kept from coming is no failure.
func (c *Collector) round(ctx context.Context, sink record.Sink) ([]tally, error) {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	out := make(chan fetched)
	slots := make(chan struct{}, maxParallel)
	var wg sync.WaitGroup
	for p := range c.o.URLs {
		wg.Go(func() {
			select {
			case slots <- struct{}{}:
			case <-asking.Done():
				return
			}
			defer func() { <-slots }()
			for i, t := range c.targets {
				if t.process != p || t.Absent {
					continue
				}
				if asking.Err() != nil {
					return
				}
				f := c.fetch(asking, t)
				f.i = i
				out <- f // it is read to the end, whatever happens
			}
		})
	}
	go func() { wg.Wait(); close(out) }()
	got := make([]tally, len(c.targets))
	var err error
	for f := range out {
		if err != nil || f.err != nil && ctx.Err() != nil {
			continue
		}
		if err = c.deliver(sink, f, &got[f.i]); err != nil {
			cancel() // and drain: no goroutine is left behind
		}
	}
	if err != nil {
		return got, err
	}
	return got, ctx.Err()
}

func (c *Collector) fetch(ctx context.Context, t *target) (f fetched) {
	defer panics.Recover("", &f.err)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url.String(), nil)
	if err != nil {
		f.err = err
		return f
	}
	for k, vs := range c.o.Header {
		if http.CanonicalHeaderKey(k) == "Host" && len(vs) > 0 {
			req.Host = vs[0]
			continue
		}
		req.Header[http.CanonicalHeaderKey(k)] = slices.Clone(vs)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		f.err = err
		return f
	}
	defer resp.Body.Close()
	f.at = c.o.Now()
	if resp.StatusCode != http.StatusOK {
		f.err = &statusError{resp.StatusCode}
		return f
	}
	if f.data, err = io.ReadAll(resp.Body); err != nil {
		f.err = err
		return f
	}
	if !LooksLikeProfile(f.data) {
		f.err = errNotAProfile(f.data)
	}
	return f
}

type statusError struct{ status int }

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", e.status, http.StatusText(e.status)))
}

func errNotAProfile(data []byte) error {
	if t := strings.ToLower(string(bytes.TrimSpace(data[:min(len(data), 64)]))); strings.HasPrefix(t, "<") {
		return errors.New("the answer is an HTML page, not a profile")
	}
	if len(data) == 0 {
		return errors.New("the answer is empty")
	}
	return errors.New("the answer is not a profile")
}

func (c *Collector) deliver(sink record.Sink, f fetched, into *tally) error {
	t := c.targets[f.i]
	if f.err != nil {
		var st *statusError
		if t.optional && errors.As(f.err, &st) && (st.status == http.StatusNotFound || st.status == http.StatusBadRequest) {
			into.Absent = true
			return nil
		}
		into.add(tally{Failed: 1, Why: c.explain(f.err)})
		return nil
	}
	now := record.TimeOf(f.at)
	p := record.Profile{Pos: record.Pos{Source: t.source}, Name: t.source.Name, Data: f.data, Time: now, Container: t.container}
	if err := sink.Profile(&p); err != nil {
		return err
	}
	into.add(tally{Got: 1, First: now, Last: now})
	return nil
}

// nothing is the error when nothing came at all.
func (c *Collector) nothing() error {
	var errs []error
	for _, t := range c.targets {
		if t.Got > 0 {
			return nil
		}
		if t.Failed > 0 && !slices.ContainsFunc(errs, func(e error) bool { return strings.HasSuffix(e.Error(), t.Why) }) {
			errs = append(errs, fmt.Errorf("%s: %s", t.source.Name, t.Why))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("the processes serve none of the profiles asked for"))
	}
	return errors.Join(errs...)
}

// tell says what came of each profile. cut is as in finish.
func (c *Collector) tell(sink record.Sink, cut string) error {
	for _, t := range c.targets {
		if t.Absent && t.Got == 0 {
			continue
		}
		cov := record.Coverage{Source: t.source, Signal: "profiles", From: t.First, To: t.Last, Records: t.Got, MissingReason: cut}
		if t.Failed > 0 {
			cov.MissingReason = fmt.Sprintf("%d of %d fetches failed: %s", t.Failed, t.Failed+t.Got, t.Why)
			if cut != "" {
				cov.MissingReason = cut + "; " + cov.MissingReason
			}
			w := record.Warning{Code: "profile_fetch_failed", Pos: record.Pos{Source: t.source}, Count: t.Failed, Text: "a profile could not be fetched from a live process; the others stand", Example: clip(t.Why)}
			if err := sink.Warn(&w); err != nil {
				return err
			}
		}
		if err := sink.Cover(&cov); err != nil {
			return err
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}

// explain turns an error into what is wrong and what to do. It never holds the URL, which may hold a password.
func (c *Collector) explain(err error) string {
	var (
		st       *statusError
		redirect *httpx.RedirectError
		unknown  x509.UnknownAuthorityError
		host     x509.HostnameError
		dns      *net.DNSError
		ue       *url.Error
	)
	switch {
	case errors.As(err, &redirect):
		return redirect.Error() + "; give the URL that it redirects to"
	case errors.As(err, &st) && (st.status == http.StatusUnauthorized || st.status == http.StatusForbidden):
		return st.Error() + ": the process wants authentication; give its header (--pprof-header 'Authorization: …')"
	case errors.As(err, &st) && st.status == http.StatusNotFound:
		return st.Error() + ": no such profile there; import net/http/pprof in the process, or give the URL of the folder that serves the profiles"
	case errors.As(err, &st):
		return st.Error()
	case errors.Is(err, httpx.ErrTooLarge):
		return fmt.Sprintf("the profile is larger than %d MB", c.o.MaxBytes>>20)
	case errors.As(err, &unknown):
		return "the certificate is not trusted; give that of its authority (--pprof-ca FILE)"
	case errors.As(err, &host):
		return "the certificate is for another host name; give the URL with the name that it is for"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return fmt.Sprintf("no answer within %s; the process may be hung, or the network closed", c.o.Timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused); is the process running, and the port the right one?"
	case errors.As(err, &dns):
		return "the host name is not known"
	}
	for errors.As(err, &ue) {
		err = ue.Err // without the URL
	}
	return err.Error()
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
