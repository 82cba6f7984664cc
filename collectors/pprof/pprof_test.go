package pprof

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	httppprof "net/http/pprof"
	"net/url"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process serves profiles as a Go service does, and counts what it is asked for.
type process struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
	seen  []http.Header
}

func newProcess(t *testing.T, wrap func(http.Handler) http.Handler) *process {
	t.Helper()
	mux := http.NewServeMux()
	for _, k := range []string{"heap", "allocs", "goroutine"} {
		mux.Handle("/debug/pprof/"+k, httppprof.Handler(k))
	}
	p := &process{asked: map[string]int{}}
	var h http.Handler = mux
	if wrap != nil {
		h = wrap(h)
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked[r.URL.RequestURI()]++
		p.seen = append(p.seen, r.Header.Clone())
		p.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// fast makes waits end at once, so that nothing here depends on time.
func fast(o Options) Options {
	var at atomic.Int64
	at.Store(time.Date(2026, 11, 16, 13, 0, 0, 0, time.UTC).UnixNano())
	o.Now = func() time.Time { return time.Unix(0, at.Load()).UTC() }
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		at.Add(int64(max(d, 0)))
		return ctx.Err()
	}
	return o
}

func collect(t *testing.T, o Options) (*recordtest.Sink, error) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var sink recordtest.Sink
	return &sink, c.Collect(t.Context(), record.Query{}, &sink)
}

func TestOneRoundFetchesHeapAndGoroutines(t *testing.T) {
	p := newProcess(t, nil)
	sink, err := collect(t, fast(Options{URLs: []string{p.URL}}))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(p.URL)
	if len(sink.Profiles) != 2 {
		t.Fatalf("%d profiles", len(sink.Profiles))
	}
	for i, kind := range []string{"heap", "goroutine"} {
		got := sink.Profiles[i]
		if got.Container != u.Host || got.Name != p.URL+"/debug/pprof/"+kind || got.Time != record.TimeOf(time.Date(2026, 11, 16, 13, 0, 0, 0, time.UTC)) || !LooksLikeProfile(got.Data) {
			t.Errorf("%s of %s at %v, %d bytes", got.Name, got.Container, got.Time.Std(), len(got.Data))
		}
	}
	// This process has no goroutineleak profile: asked once, and no fault.
	if p.asked["/debug/pprof/goroutineleak"] != 1 || len(sink.Warnings) != 0 {
		t.Errorf("asked %v, warnings %v", p.asked, sink.Warnings)
	}
	if len(sink.Coverages) != 2 || sink.Coverages[0].Signal != "profiles" || sink.Coverages[0].Records != 1 || sink.Coverages[0].MissingReason != "" {
		t.Errorf("coverage %+v", sink.Coverages)
	}
}

func TestRoundsFollowTheClock(t *testing.T) {
	p := newProcess(t, nil)
	var rounds []int
	o := fast(Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, Every: 30 * time.Second, For: 2 * time.Minute, OnRound: func(r, n int) { rounds = append(rounds, r*10+n) }})
	sink, err := collect(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rounds, []int{15, 25, 35, 45, 55}) || len(sink.Profiles) != 5 {
		t.Fatalf("rounds %v, %d profiles", rounds, len(sink.Profiles))
	}
	for i := 1; i < 5; i++ {
		if d := sink.Profiles[i].Time.Sub(sink.Profiles[i-1].Time); d != 30*time.Second {
			t.Errorf("round %d came %s after the one before", i+1, d)
		}
	}
	if c := sink.Coverages[0]; c.Records != 5 || c.To.Sub(c.From) != 2*time.Minute {
		t.Errorf("coverage %+v", c)
	}
}

func TestURLsOfProcesses(t *testing.T) {
	for in, want := range map[string]string{
		"http://host:6060":                        "http://host:6060/debug/pprof/heap",
		"http://host:6060/":                       "http://host:6060/debug/pprof/heap",
		"host:6060":                               "http://host:6060/debug/pprof/heap",
		"http://host:6060/debug/pprof/":           "http://host:6060/debug/pprof/heap",
		"https://host/internal":                   "https://host/internal/debug/pprof/heap",
		"https://host/internal/pprof":             "https://host/internal/pprof/heap",
		"http://host:6060/debug/pprof/heap":       "http://host:6060/debug/pprof/heap",
		"http://host:6060/debug/pprof/allocs?x=1": "http://host:6060/debug/pprof/allocs?x=1",
		"http://me:secret@host:6060":              "http://host:6060/debug/pprof/heap",
		"http://host:6060?token=secret":           "http://host:6060/debug/pprof/heap?token=REDACTED",
	} {
		c, err := New(Options{URLs: []string{in}})
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := c.targets[0].source.Name; got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	for _, bad := range []string{"", "ftp://host", "/debug/pprof", "http://"} {
		if _, err := New(Options{URLs: []string{bad}}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := New(Options{URLs: []string{"http://me:secret@%zz"}}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an error that repeats the password: %v", err)
	}
	if _, err := New(Options{URLs: []string{"http://h"}, Every: time.Second}); err == nil {
		t.Error("an interval without a duration is taken")
	}
	if _, err := New(Options{URLs: []string{"http://h"}, CA: []byte("nonsense")}); err == nil {
		t.Error("a certificate that is none is taken")
	}
}

func TestHeadersAndCredentialsAreSentAndNotShown(t *testing.T) {
	p := newProcess(t, nil)
	u, _ := url.Parse(p.URL)
	u.User = url.UserPassword("me", "hunter2")
	sink, err := collect(t, fast(Options{URLs: []string{u.String()}, Kinds: []Kind{Heap, "nothing"}, Header: http.Header{"x-token": {"s3cret"}}}))
	if err != nil {
		t.Fatal(err)
	}
	if h := p.seen[0]; h.Get("X-Token") != "s3cret" || !strings.HasPrefix(h.Get("Authorization"), "Basic ") {
		t.Errorf("headers %v", h)
	}
	if text := fmt.Sprintf("%+v %+v %s %s", sink.Coverages, sink.Warnings, sink.Profiles[0].Name, sink.Profiles[0].Pos.Source.Name); strings.Contains(text, "hunter2") || strings.Contains(text, "s3cret") {
		t.Errorf("a secret is shown: %s", text)
	}
}

func TestRedirectsDoNotCarryHeadersToAnotherHost(t *testing.T) {
	var got atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	t.Cleanup(other.Close)
	p := newProcess(t, func(http.Handler) http.Handler {
		return http.RedirectHandler(other.URL+"/debug/pprof/heap", http.StatusFound)
	})
	_, err := collect(t, fast(Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, Header: http.Header{"Authorization": {"Bearer s3cret"}}}))
	if err == nil || !strings.Contains(err.Error(), "redirects to") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
	if got.Load() != 0 {
		t.Error("the other host was asked")
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	status := func(code int) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		}
	}
	body := func(s string) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) })
		}
	}
	for name, c := range map[string]struct {
		wrap func(http.Handler) http.Handler
		says string
	}{
		"no authentication":   {status(401), "--pprof-header"},
		"forbidden":           {status(403), "--pprof-header"},
		"not there":           {status(404), "import net/http/pprof"},
		"a fault":             {status(500), "HTTP status 500"},
		"a login page":        {body("<html>Sign in</html>"), "HTML page"},
		"an empty answer":     {body(""), "empty"},
		"something else":      {body("hello, world"), "not a profile"},
		"larger than allowed": {body(strings.Repeat("x", 5000)), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProcess(t, c.wrap)
			_, err := collect(t, fast(Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, MaxBytes: 4096}))
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), p.URL) {
				t.Errorf("error %v, want one that says %q and where", err, c.says)
			}
		})
	}
	t.Run("nothing listens", func(t *testing.T) {
		p := newProcess(t, nil)
		p.Close()
		_, err := collect(t, fast(Options{URLs: []string{p.URL}}))
		if err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no answer in time", func(t *testing.T) {
		release := make(chan struct{})
		p := newProcess(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-release:
				case <-r.Context().Done():
				}
			})
		})
		defer close(release)
		_, err := collect(t, Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, Timeout: 30 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "no answer within 30ms") {
			t.Errorf("error %v", err)
		}
	})
}

func TestCertificatesAreVerifiedUnlessTold(t *testing.T) {
	s := httptest.NewTLSServer(httppprof.Handler("heap"))
	t.Cleanup(s.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if _, err := collect(t, fast(Options{URLs: []string{s.URL}, Kinds: []Kind{Heap}})); err == nil || !strings.Contains(err.Error(), "not trusted") || !strings.Contains(err.Error(), "--pprof-ca") {
		t.Errorf("an unknown certificate: %v", err)
	}
	// The certificate is for 127.0.0.1 and example.com.
	other := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	if _, err := collect(t, fast(Options{URLs: []string{other}, Kinds: []Kind{Heap}, CA: ca})); err == nil || !strings.Contains(err.Error(), "another host name") {
		t.Errorf("the certificate of another: %v", err)
	}
	for name, o := range map[string]Options{"with its authority": {CA: ca}, "insecure": {Insecure: true}} {
		o.URLs, o.Kinds = []string{s.URL}, []Kind{Heap}
		if sink, err := collect(t, fast(o)); err != nil || len(sink.Profiles) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneProcessThatFailsDoesNotEndTheOthers(t *testing.T) {
	good := newProcess(t, nil)
	bad := newProcess(t, func(http.Handler) http.Handler { return http.NotFoundHandler() })
	sink, err := collect(t, fast(Options{URLs: []string{bad.URL, good.URL}, Kinds: []Kind{Heap}, Every: time.Second, For: time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	if len(sink.Profiles) != 2 || len(sink.Warnings) != 1 || sink.Warnings[0].Count != 2 {
		t.Fatalf("%d profiles, warnings %+v", len(sink.Profiles), sink.Warnings)
	}
	if c := sink.Coverages[0]; c.Records != 0 || !strings.Contains(c.MissingReason, "2 of 2 fetches failed") {
		t.Errorf("coverage %+v", c)
	}
}

func TestAProcessThatRecoversIsAskedAgain(t *testing.T) {
	var n atomic.Int64
	p := newProcess(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) <= 1 {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	sink, err := collect(t, fast(Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, Every: time.Second, For: 2 * time.Second}))
	if err != nil || len(sink.Profiles) != 2 || !strings.Contains(sink.Coverages[0].MissingReason, "1 of 3 fetches failed") {
		t.Errorf("%v, %d profiles, %+v", err, len(sink.Profiles), sink.Coverages)
	}
}

func TestCancellationEndsTheWatchAtOnceAndKeepsWhatCame(t *testing.T) {
	p := newProcess(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	c, err := New(Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, Every: time.Hour, For: 10 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	sink := &cancelling{cancel: cancel}
	begin := time.Now()
	if err := c.Collect(ctx, record.Query{}, sink); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if d := time.Since(begin); d > time.Minute { // an hour, should it wait for the next round
		t.Errorf("took %s", d)
	}
	if len(sink.Profiles) != 1 {
		t.Errorf("%d profiles kept", len(sink.Profiles))
	}
}

// cancelling cancels as soon as it has a profile.
type cancelling struct {
	recordtest.Sink
	cancel func()
}

func (c *cancelling) Profile(p *record.Profile) error {
	defer c.cancel()
	return c.Sink.Profile(p)
}

func TestASinkThatFailsEndsTheCollection(t *testing.T) {
	p, q := newProcess(t, nil), newProcess(t, nil)
	c, err := New(fast(Options{URLs: []string{p.URL, q.URL}}))
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	if err := c.Collect(t.Context(), record.Query{}, &recordtest.Sink{Fail: full}); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

func TestCollectGarbageAsksForItWithTheHeapOnly(t *testing.T) {
	p := newProcess(t, nil)
	if _, err := collect(t, fast(Options{URLs: []string{p.URL}, CollectGarbage: true})); err != nil {
		t.Fatal(err)
	}
	if p.asked["/debug/pprof/heap?gc=1"] != 1 || p.asked["/debug/pprof/goroutine"] != 1 {
		t.Errorf("asked %v", p.asked)
	}
}

func TestWhatLooksLikeAProfile(t *testing.T) {
	var gz, text, debug2 bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&gz, 0); err != nil {
		t.Fatal(err)
	}
	if err := pprof.Lookup("heap").WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	if err := pprof.Lookup("goroutine").WriteTo(&debug2, 2); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"a gzipped profile":      {gz.Bytes(), true},
		"its beginning":          {gz.Bytes()[:min(gz.Len(), 600)], true},
		"a legacy text":          {text.Bytes(), true},
		"a goroutine dump":       {debug2.Bytes(), true},
		"jemalloc's text":        {[]byte("heap_v2/524288\n"), true}, // to be refused in words, not silently
		"nothing":                {nil, false},
		"a page":                 {[]byte("<html><body>x</body></html>"), false},
		"a log line":             {[]byte("2026-11-16T13:30:50Z method=GET path=/api\n"), false},
		"JSON":                   {[]byte(`{"time":1}`), false},
		"a line break and text":  {[]byte("\n\tindented text that begins with the byte of a field\n"), false},
		"a gzip that is no gzip": {[]byte("\x1f\x8b\x00\x00"), false},
	} {
		if got := LooksLikeProfile(c.data); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzLooksLikeProfile(f *testing.F) {
	var gz bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&gz, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(gz.Bytes())
	f.Add([]byte("heap profile: 1: 2 [3: 4] @ heap/1"))
	f.Add([]byte{0x0a, 0x04, 0x08, 0x01, 0x10, 0x02, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		LooksLikeProfile(data)
		FromName(string(data))
	})
}

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAPanicCostsOneFetch(t *testing.T) {
	p := newProcess(t, nil)
	sink, err := collect(t, fast(Options{URLs: []string{p.URL}, Kinds: []Kind{Heap, Goroutine}, Base: roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/heap") {
			panic("bob@example.com")
		}
		return http.DefaultTransport.RoundTrip(r)
	})}))
	if err != nil {
		t.Fatal(err)
	}
	if len(sink.Profiles) != 1 || len(sink.Warnings) != 1 || !strings.Contains(sink.Warnings[0].Example, "internal error at pprof/pprof_test.go:") ||
		strings.Contains(sink.Warnings[0].Example, "bob") {
		t.Errorf("%d profiles, warnings %+v", len(sink.Profiles), sink.Warnings)
	}
}
