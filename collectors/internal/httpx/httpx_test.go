package httpx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lastcall/collectors/internal/httpx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is one step of a script: a response, or an error.
type answer struct {
	status int
	header map[string]string
	body   io.Reader
	err    error
}

// script answers requests in order, the last answer again and again, and remembers when each came and what it held.
type script struct {
	mu      sync.Mutex
	answers []answer
	times   []time.Time
	bodies  []string
	headers []http.Header
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	s.times, s.bodies, s.headers = append(s.times, time.Now()), append(s.bodies, string(body)), append(s.headers, req.Header)
	a := s.answers[min(len(s.times), len(s.answers))-1]
	if a.err != nil {
		return nil, a.err
	}
	h := http.Header{"Content-Type": {"application/json"}}
	for k, v := range a.header {
		h.Set(k, v)
	}
	if a.body == nil {
		a.body = strings.NewReader(`{"ok":true}`)
	}
	return &http.Response{StatusCode: a.status, Header: h, Body: io.NopCloser(a.body), Request: req}, nil
}

func ask(ctx context.Context, tr *httpx.Transport) (string, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.example.test/api/v2/logs?from=1", strings.NewReader(`{"q":1}`))
	if err != nil {
		return "", 0, err
	}
	resp, err := tr.Client().Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), resp.StatusCode, err
}

func quota(remaining, reset string) map[string]string {
	return map[string]string{
		"X-RateLimit-Limit": "10", "X-RateLimit-Period": "10", "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset,
		"X-RateLimit-Name": "logs_public_search_api",
	}
}

// torn gives a little and then breaks.
func torn(err error) io.Reader {
	return io.MultiReader(strings.NewReader(`{"data":[`), errReader{err})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestFaultsThatPassAreRetriedWithTheSameBody(t *testing.T) {
	for name, bad := range map[string]answer{
		"500":                      {status: 500},
		"503 with Retry-After":     {status: 503, header: map[string]string{"Retry-After": "3"}},
		"429 without a word":       {status: 429},
		"connection refused":       {err: syscall.ECONNREFUSED},
		"reset in the body":        {status: 200, body: torn(syscall.ECONNRESET)},
		"body shorter than length": {status: 200, body: torn(io.ErrUnexpectedEOF)},
		"truncated JSON":           {status: 200, body: strings.NewReader(`{"data":[{"id":"a`)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []answer{bad, {status: 200}}}
				tr := httpx.New(httpx.Options{Base: s, JSON: true})
				begin := time.Now()
				body, status, err := ask(t.Context(), tr)
				if err != nil || status != 200 || body != `{"ok":true}` {
					t.Fatalf("got %q, %d, %v", body, status, err)
				}
				if len(s.bodies) != 2 || s.bodies[0] != `{"q":1}` || s.bodies[1] != s.bodies[0] {
					t.Errorf("bodies sent: %q", s.bodies)
				}
				if d := time.Since(begin); d < 250*time.Millisecond || d > 4*time.Second {
					t.Errorf("took %v", d)
				}
				if tr.Calls() != 2 || tr.Waited() == 0 {
					t.Errorf("calls %d, waited %v", tr.Calls(), tr.Waited())
				}
			})
		})
	}
}

func TestBackoffDoublesWithJitterAndEndsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{status: 502}}}
		draws := 0
		tr := httpx.New(httpx.Options{Base: s, Rand: func() float64 { draws++; return float64(draws%2) * 0.999 }, MaxElapsed: 30 * time.Second, MaxAttempts: 20})
		begin := time.Now()
		_, _, err := ask(t.Context(), tr)
		var fault *httpx.FaultError
		var status *httpx.StatusError
		if !errors.As(err, &fault) || !errors.As(err, &status) || status.Status != 502 {
			t.Fatalf("error is %v", err)
		}
		if d := time.Since(begin); d > 30*time.Second {
			t.Errorf("went on for %v", d)
		}
		for i := 2; i < len(s.times); i++ {
			base := min(500*time.Millisecond<<(i-1), 20*time.Second)
			if gap := s.times[i].Sub(s.times[i-1]); gap < base/2 || gap > base {
				t.Errorf("gap %d is %v, want between %v and %v", i, gap, base/2, base)
			}
		}
		if draws < 4 {
			t.Errorf("jitter drawn %d times", draws)
		}
	})
}

func TestAnswersThatAreNoFaultComeBackAtOnce(t *testing.T) {
	for _, code := range []int{200, 202, 400, 401, 403, 404, 422, 501} {
		s := &script{answers: []answer{{status: code, body: strings.NewReader(`{"errors":["x"]}`)}}}
		_, status, err := ask(t.Context(), httpx.New(httpx.Options{Base: s}))
		if err != nil || status != code || len(s.times) != 1 {
			t.Errorf("%d: got %d, %v after %d attempts", code, status, err, len(s.times))
		}
	}
}

func TestAQuotaUsedUpIsWaitedForOnlyWhenAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{status: 429, header: quota("0", "600")}, {status: 200}}}
		_, _, err := ask(t.Context(), httpx.New(httpx.Options{Base: s}))
		var q *httpx.QuotaError
		if !errors.As(err, &q) || q.Name != "logs_public_search_api" || q.Limit != 10 || q.Period != 10*time.Second {
			t.Fatalf("error is %v", err)
		}
		if want := time.Now().Add(600 * time.Second); !q.Reset.Equal(want) {
			t.Errorf("reset %v, want %v", q.Reset, want)
		}
		if msg := q.Error(); !strings.Contains(msg, "in 10m0s") || !strings.Contains(msg, "UTC") {
			t.Errorf("message is %q", msg)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{status: 429, header: quota("0", "600")}, {status: 200}}}
		begin := time.Now()
		if _, status, err := ask(t.Context(), httpx.New(httpx.Options{Base: s, Wait: true})); err != nil || status != 200 {
			t.Fatalf("got %d, %v", status, err)
		}
		if d := time.Since(begin); d < 600*time.Second || d > 601*time.Second {
			t.Errorf("waited %v, want ten minutes", d)
		}
	})
}

func TestAShortResetIsAlwaysWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{status: 429, header: quota("0", "1")}, {status: 429, header: quota("0", "1")}, {status: 200, header: quota("9", "1")}}}
		if _, status, err := ask(t.Context(), httpx.New(httpx.Options{Base: s})); err != nil || status != 200 {
			t.Fatalf("got %d, %v", status, err)
		}
		if gap := s.times[1].Sub(s.times[0]); gap < time.Second || gap > 1300*time.Millisecond {
			t.Errorf("gap is %v", gap)
		}
	})
}

func TestTheLastRemainingCallIsFollowedByAWaitNotByA429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{status: 200, header: quota("1", "8")}, {status: 200, header: quota("0", "8")}, {status: 200, header: quota("9", "10")}}}
		tr := httpx.New(httpx.Options{Base: s})
		for range 3 {
			if _, _, err := ask(t.Context(), tr); err != nil {
				t.Fatal(err)
			}
		}
		if gap := s.times[2].Sub(s.times[1]); gap < 8*time.Second {
			t.Errorf("third call came %v after the quota was used up, want 8 s", gap)
		}
	})
}

func TestAClockThatStandsStillDoesNotKeepWaiting(t *testing.T) {
	s := &script{answers: []answer{{status: 429, header: quota("0", "5")}, {status: 429, header: quota("0", "5")}, {status: 200}}}
	naps := 0
	tr := httpx.New(httpx.Options{
		Base: s, Now: func() time.Time { return time.Unix(1e9, 0) }, Sleep: func(context.Context, time.Duration) error { naps++; return nil },
	})
	if _, status, err := ask(t.Context(), tr); err != nil || status != 200 || naps != 2 {
		t.Errorf("got %d, %v after %d waits", status, err, naps)
	}
}

func TestConcurrentCallsDoNotOvershootAKnownQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{status: 200, header: quota("3", "5")}, {status: 200}}}
		tr := httpx.New(httpx.Options{Base: s})
		begin := time.Now()
		if _, _, err := ask(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if _, _, err := ask(t.Context(), tr); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		early := 0
		for _, at := range s.times[1:] {
			if at.Sub(begin) < 5*time.Second {
				early++
			}
		}
		if early != 3 {
			t.Errorf("%d calls before the reset, want the 3 that remained", early)
		}
	})
}

func TestTheBudgetBoundsWhatIsSentRetriesIncluded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{status: 200}, {status: 500}}}
		tr := httpx.New(httpx.Options{Base: s, MaxCalls: 3})
		if _, _, err := ask(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		_, _, err := ask(t.Context(), tr)
		var b *httpx.BudgetError
		if !errors.As(err, &b) || b.MaxCalls != 3 || len(s.times) != 3 || tr.Calls() != 3 {
			t.Fatalf("error %v after %d requests", err, len(s.times))
		}
	})
}

func TestCancellationEndsEveryWaitAtOnce(t *testing.T) {
	for name, a := range map[string]answer{"a quota": {status: 429, header: quota("0", "3000")}, "a back-off": {status: 500}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				begin := time.Now()
				_, _, err := ask(ctx, httpx.New(httpx.Options{Base: &script{answers: []answer{a}}, Wait: true}))
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error is %v", err)
				}
				if d := time.Since(begin); d > 100*time.Millisecond {
					t.Errorf("took %v more than it should", d-100*time.Millisecond)
				}
			})
		})
	}
}

func TestASlowAnswerIsGivenUpOnAndAskedAgain(t *testing.T) {
	var n int
	var mu sync.Mutex
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		first := n == 1
		mu.Unlock()
		if first {
			select {
			case <-r.Context().Done():
			case <-release:
			}
			return
		}
		io.WriteString(w, `{}`)
	}))
	defer srv.Close()
	defer close(release)
	tr := httpx.New(httpx.Options{AttemptTimeout: 50 * time.Millisecond, BackoffBase: time.Millisecond})
	defer tr.CloseIdleConnections()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	resp, err := tr.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if tr.Calls() != 2 {
		t.Errorf("%d calls, want 2", tr.Calls())
	}
}

func TestRedirectsNeverCarryKeysToAnotherHost(t *testing.T) {
	var leaked http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { leaked = r.Header }))
	defer other.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL+"/steal", http.StatusTemporaryRedirect)
		case "/near":
			http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
		default:
			fmt.Fprint(w, r.Header.Get("DD-API-KEY"))
		}
	}))
	defer srv.Close()
	tr := httpx.New(httpx.Options{})
	defer tr.CloseIdleConnections()
	do := func(path string) (string, error) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
		req.Header.Set("DD-API-KEY", "hunter2")
		resp, err := tr.Client().Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	_, err := do("/away")
	var red *httpx.RedirectError
	if !errors.As(err, &red) || leaked != nil {
		t.Errorf("error %v, headers at the other host %v", err, leaked)
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Error("the error holds the key")
	}
	if got, err := do("/near"); err != nil || got != "hunter2" {
		t.Errorf("redirect within the host: %q, %v", got, err)
	}
}

func TestAnUnverifiedCertificateIsRefusedWithoutRetry(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer srv.Close()
	tr := httpx.New(httpx.Options{})
	defer tr.CloseIdleConnections()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	resp, err := tr.Client().Do(req)
	if err == nil {
		resp.Body.Close()
		t.Fatal("the certificate was accepted")
	}
	var fault *httpx.FaultError
	if !errors.As(err, &fault) || fault.Attempts != 1 || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error is %v", err)
	}
}

func TestAnAnswerThatIsTooLargeIsRefused(t *testing.T) {
	s := &script{answers: []answer{{status: 200, body: io.LimitReader(zeros{}, 1<<30)}}}
	_, _, err := ask(t.Context(), httpx.New(httpx.Options{Base: s, MaxBody: 1000}))
	if !errors.Is(err, httpx.ErrTooLarge) || len(s.times) != 1 {
		t.Errorf("error %v after %d attempts", err, len(s.times))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestLogsHoldNeitherHeadersNorKeysNorBodies(t *testing.T) {
	var out bytes.Buffer
	s := &script{answers: []answer{{status: 500}, {status: 200, header: quota("5", "3")}}}
	tr := httpx.New(httpx.Options{
		Base: s, Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Sleep: func(context.Context, time.Duration) error { return nil },
	})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"https://user:s3cr3t@api.example.test/p?from=1&api_key=s3cr3t&X-Token=s3cr3t&sig=s3cr3t", strings.NewReader("s3cr3t"))
	req.Header.Set("DD-API-KEY", "s3cr3t")
	resp, err := tr.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if s := out.String(); strings.Contains(s, "s3cr3t") || !strings.Contains(s, "from=1") || strings.Count(s, "msg=http") != 2 {
		t.Errorf("log is %s", s)
	}
}

func FuzzRedactURLMasksWhatIsNamedAKey(f *testing.F) {
	f.Add("https://h/p?api_key=VALUE&a=b")
	f.Add("https://u:VALUE@h/p?x=1;api%5Fkey=VALUE")
	f.Add("https://h/?application_key=VALUE&%zz=VALUE")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		u.RawQuery = "api_key=TOPSECRET&" + u.RawQuery + "&dd-Application-KEY=TOPSECRET"
		u.User = url.UserPassword("u", "TOPSECRET")
		if strings.Contains(httpx.RedactURL(u), "TOPSECRET") && !strings.Contains(raw, "TOPSECRET") {
			t.Errorf("%q", httpx.RedactURL(u))
		}
	})
}
