package datadog_test

import (
	"bytes"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lastcall/collectors/capture"
	"lastcall/collectors/datadog"
	"lastcall/collectors/datadog/datadogtest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func coverage(s *recordtest.Sink, signal string) (rows []record.Coverage) {
	for _, c := range s.Coverages {
		if c.Signal == signal {
			rows = append(rows, c)
		}
	}
	return rows
}

// missing joins the reasons why a signal is missing or partial.
func missing(s *recordtest.Sink, signal string) string {
	var out []string
	for _, c := range coverage(s, signal) {
		if c.MissingReason != "" {
			out = append(out, c.MissingReason)
		}
	}
	return strings.Join(out, "\n")
}

func TestASmallServiceIsListedWhole(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	o := options(srv, now)
	var sum datadog.Summary
	o.Done = func(s datadog.Summary) { sum = s }
	s := collect(t, o, q)
	if len(s.Requests) != smallRequests {
		t.Errorf("%d requests, want %d: not those of the other application", len(s.Requests), smallRequests)
	}
	for _, r := range s.Requests {
		if string(r.Service) != "api" {
			t.Fatalf("a request of %s", r.Service)
		}
	}
	lines := map[int64]bool{}
	for _, r := range s.Requests {
		if lines[r.Pos.Line] || r.Pos.Line < 1 {
			t.Fatalf("line number %d is no position of its own", r.Pos.Line)
		}
		lines[r.Pos.Line] = true
	}
	if len(s.Crashes) == 0 || s.Crashes[0].Container != "web-2" {
		t.Errorf("crashes: %+v", s.Crashes)
	}
	deploys := 0
	for _, l := range s.Lifecycles {
		if l.Kind == record.Deploy || l.Kind == record.DeployFinished {
			deploys++
		}
	}
	if deploys != 2 {
		t.Errorf("%d deploys, want that of the platform's log and that of the events", deploys)
	}
	if len(s.Exposures) == 0 || s.Exposures[0].Route == "" || s.Exposures[0].Container == "" {
		t.Errorf("no exposure from the custom histogram: %d", len(s.Exposures))
	}
	for _, sig := range []string{"requests", "memory", "crashes", "lifecycle"} {
		if m := missing(s, sig); m != "" || len(coverage(s, sig)) == 0 {
			t.Errorf("%s: missing %q in %d rows", sig, m, len(coverage(s, sig)))
		}
	}
	if sum.LogLinesRead != sum.LogLines || sum.Calls != len(srv.Calls()) {
		t.Errorf("summary: %+v after %d calls", sum, len(srv.Calls()))
	}
	for _, want := range []string{"container.memory.usage", "tag container", "captain.api.duration"} {
		if !strings.Contains(sum.String(), want) {
			t.Errorf("the choices do not tell of %q:\n%s", want, sum)
		}
	}
}

// ofEach counts the calls of each question by itself, from a number of its own: faults that come at each third call of all may otherwise fall
// on every try of one question, where others are asked in step with it.
func ofEach(faults func(n int, r *http.Request) datadogtest.Fault) func(int, *http.Request) datadogtest.Fault {
	var mu sync.Mutex
	asked := map[uint64]int{}
	return func(_ int, r *http.Request) datadogtest.Fault {
		question := fnv.New64a()
		_, _ = io.WriteString(question, r.URL.String())
		_, _ = io.Copy(question, r.Body)
		key := question.Sum64()
		mu.Lock()
		defer mu.Unlock()
		asked[key]++
		return faults(int(key%1000)+asked[key], r)
	}
}

// TestFaults: whatever goes wrong and passes, no record is lost and none comes twice.
func TestFaultsThatPassLoseAndDoubleNothing(t *testing.T) {
	ev, q, now := small(t)
	quota := map[string]string{
		"X-RateLimit-Limit": "10", "X-RateLimit-Period": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1", "X-RateLimit-Name": "logs_public_search_api",
	}
	logs := func(r *http.Request) bool { return r.URL.Path == "/api/v2/logs/events/search" }
	clean := func() *recordtest.Sink {
		srv := datadogtest.New(ev)
		defer srv.Close()
		srv.PageLimit = 400
		o := options(srv, now)
		o.MaxCalls = 2000
		return collect(t, o, q)
	}()
	if len(clean.Requests) != smallRequests {
		t.Fatalf("%d requests without faults", len(clean.Requests))
	}
	for name, faults := range map[string]func(n int, r *http.Request) datadogtest.Fault{
		"429 with headers": func(n int, _ *http.Request) datadogtest.Fault {
			if n%3 == 0 {
				return datadogtest.Fault{Status: 429, Header: quota, Body: `{"errors":["Rate limit of 10 requests in 10 seconds reached. Please try again later."]}`}
			}
			return datadogtest.Fault{}
		},
		"bursts of 5xx": func(n int, _ *http.Request) datadogtest.Fault {
			if n%7 < 3 {
				return datadogtest.Fault{Status: []int{500, 502, 503}[n%3], Body: "<html>oops"}
			}
			return datadogtest.Fault{}
		},
		"reset before the answer": func(n int, _ *http.Request) datadogtest.Fault { return datadogtest.Fault{Reset: n%3 == 1} },
		"reset in the body":       func(n int, _ *http.Request) datadogtest.Fault { return datadogtest.Fault{CutBody: n%3 == 1} },
		"truncated JSON":          func(n int, _ *http.Request) datadogtest.Fault { return datadogtest.Fault{HalfJSON: n%3 == 1} },
		"expired cursors": func(n int, r *http.Request) datadogtest.Fault {
			return datadogtest.Fault{ExpireCursor: logs(r) && n%4 == 0}
		},
		"duplicates": func(n int, r *http.Request) datadogtest.Fault {
			return datadogtest.Fault{Duplicate: logs(r) && n%2 == 0}
		},
		"slow answers": func(n int, _ *http.Request) datadogtest.Fault {
			return datadogtest.Fault{Delay: time.Duration(n%3) * 10 * time.Millisecond}
		},
		"timeouts that pass": func(n int, r *http.Request) datadogtest.Fault { return datadogtest.Fault{Timeout: logs(r) && n%5 == 0} },
		"everything at once": func(n int, r *http.Request) datadogtest.Fault {
			switch n % 11 {
			case 1:
				return datadogtest.Fault{Status: 429, Header: quota, Body: `{"errors":["Rate limit"]}`}
			case 3:
				return datadogtest.Fault{CutBody: true}
			case 5:
				return datadogtest.Fault{HalfJSON: true}
			case 7:
				return datadogtest.Fault{ExpireCursor: true, Duplicate: true}
			case 9:
				return datadogtest.Fault{Status: 503}
			}
			return datadogtest.Fault{Duplicate: logs(r)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := datadogtest.New(ev)
			defer srv.Close()
			srv.PageLimit, srv.Faults = 400, ofEach(faults)
			o := options(srv, now)
			o.MaxCalls = 2000
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			s, err := tryCollect(ctx, o, q)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "requests", requestKeys(clean), requestKeys(s))
			same(t, "crashes", crashKeys(clean), crashKeys(s))
			same(t, "samples", sampleKeys(clean, math.MaxInt64), sampleKeys(s, math.MaxInt64))
			for _, sig := range []string{"requests", "memory", "crashes"} {
				if m := missing(s, sig); m != "" {
					t.Errorf("%s is said to be missing: %s", sig, m)
				}
			}
			if name == "duplicates" && s.WarningCount("duplicate_lines") == 0 {
				t.Error("duplicates are not told of")
			}
		})
	}
}

func TestAPartialAnswerThatStaysPartialIsSaidToBeOne(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	srv.Faults = func(_ int, r *http.Request) datadogtest.Fault {
		return datadogtest.Fault{Timeout: r.URL.Path == "/api/v2/logs/events/search"}
	}
	s := collect(t, options(srv, now), q)
	if m := missing(s, "requests"); !strings.Contains(m, "timed out") || len(s.Requests) == 0 {
		t.Errorf("requests: %d, missing %q", len(s.Requests), m)
	}
}

func TestOneForbiddenEndpointCostsThatSignalOnly(t *testing.T) {
	ev, q, now := small(t)
	for _, c := range []struct{ path, signal, permission string }{
		{"/api/v2/logs/events/search", "requests", "logs_read_data"},
		{"/api/v2/logs/analytics/aggregate", "requests", "logs_read_data"},
		{"/api/v1/query", "memory", "timeseries_query"},
		{"/api/v1/metrics", "memory", "metrics_read"},
		{"/api/v2/events/search", "lifecycle", "events_read"},
	} {
		t.Run(c.path, func(t *testing.T) {
			srv := datadogtest.New(ev)
			defer srv.Close()
			srv.Forbidden = func(p string) bool { return p == c.path }
			s := collect(t, options(srv, now), q)
			if m := missing(s, c.signal); !strings.Contains(m, c.permission) {
				t.Errorf("%s is missing because %q, want the permission %s named", c.signal, m, c.permission)
			}
			if c.signal != "requests" && len(s.Requests) != smallRequests {
				t.Errorf("%d requests, want them all the same", len(s.Requests))
			}
			if c.path == "/api/v1/metrics" && len(s.Samples) < 500 {
				t.Errorf("%d samples: the usual metrics were not asked for", len(s.Samples))
			}
			if c.signal != "memory" && len(s.Samples) == 0 {
				t.Error("no samples, although only another signal is forbidden")
			}
		})
	}
}

func TestWrongKeysAreOneClearSentence(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	for _, c := range []struct{ api, app, want string }{
		{"00000000000000000000000000000000", datadogtest.AppKey, "API key"},
		{datadogtest.APIKey, "0000000000000000000000000000000000000000", "application key"},
	} {
		o := options(srv, now)
		o.APIKey, o.AppKey = c.api, c.app
		_, err := tryCollect(t.Context(), o, q)
		var k *datadog.KeysError
		if !errors.As(err, &k) || k.Which != c.want {
			t.Fatalf("error is %v", err)
		}
		if msg := err.Error(); strings.Contains(msg, "\n") || !strings.Contains(msg, "127.0.0.1") || !strings.Contains(msg, "DD_") || strings.Contains(msg, c.api) {
			t.Errorf("message is %q", msg)
		}
	}
	if _, err := datadog.New(datadog.Options{APIKey: "x"}); !errors.Is(err, datadog.ErrNoKeys) {
		t.Errorf("without a key: %v", err)
	}
	for _, o := range []datadog.Options{
		{APIKey: "secret\nvalue", AppKey: "y"}, {APIKey: "x", AppKey: "y", BaseURL: "http://datadog.example.test"},
		{APIKey: "x", AppKey: "y", BaseURL: "https://user:secret@datadog.example.test"}, {APIKey: "x", AppKey: "y", BaseURL: "datadog"},
	} {
		if _, err := datadog.New(o); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", o.BaseURL, err)
		}
	}
}

func TestASiteThatDoesNotAnswerIsAnErrorInBoundedTime(t *testing.T) {
	_, q, now := small(t)
	srv := datadogtest.New(datadogtest.Evidence{Logs: datadogtest.Items(nil)})
	o := options(srv, now)
	srv.Close()
	var sum datadog.Summary
	o.Done = func(s datadog.Summary) { sum = s }
	if _, err := tryCollect(t.Context(), o, q); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("error is %v", err)
	}
	if sum.Calls == 0 || sum.Calls > 10 {
		t.Errorf("%d calls were tried", sum.Calls)
	}
}

func TestCancellationEndsACollectionAtOnce(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int64
	srv.Faults = func(_ int, r *http.Request) datadogtest.Fault {
		if n.Add(1) == 8 {
			cancel()
			<-r.Context().Done() // no answer: whoever asked must leave
		}
		return datadogtest.Fault{}
	}
	if _, err := tryCollect(ctx, options(srv, now), q); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if asked := n.Load(); asked > 8+8 {
		t.Errorf("%d calls, although it was cancelled at the eighth", asked)
	}
}

func TestASinkThatFailsEndsTheCollection(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	c, err := datadog.New(options(srv, now))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	full := errors.New("no room")
	if err := c.Collect(t.Context(), q, &recordtest.Sink{Fail: full}); !errors.Is(err, full) {
		t.Errorf("error is %v", err)
	}
}

func TestTheBudgetIsKeptAndWhatIsMissingIsSaid(t *testing.T) {
	ev, q, now := small(t)
	for _, calls := range []int{1, 3, 6, 8, 10} {
		srv := datadogtest.New(ev)
		o := options(srv, now)
		o.MaxCalls = calls
		s, err := tryCollect(t.Context(), o, q)
		srv.Close()
		if n := len(srv.Calls()); n > calls {
			t.Errorf("%d calls were made, %d allowed", n, calls)
		}
		if err == nil && len(s.Requests) < smallRequests && !strings.Contains(missing(s, "requests")+missing(s, "memory"), "call") && coverageSampled(s) == 0 {
			t.Errorf("with %d calls: %d requests, and nothing is said of it: %+v", calls, len(s.Requests), s.Coverages)
		}
	}
}

func coverageSampled(s *recordtest.Sink) float64 {
	for _, c := range s.Coverages {
		if c.Sampled > 0 {
			return c.Sampled
		}
	}
	return 0
}

func TestAQuotaThatResetsLaterIsAStatedGapUnlessWaitingIsAllowed(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	srv.Faults = func(_ int, r *http.Request) datadogtest.Fault {
		if r.URL.Path == "/api/v1/query" {
			return datadogtest.Fault{Status: 429, Header: map[string]string{"X-RateLimit-Reset": "1800", "X-RateLimit-Remaining": "0", "X-RateLimit-Name": "metrics_query"}, Body: "{}"}
		}
		return datadogtest.Fault{}
	}
	s := collect(t, options(srv, now), q)
	if m := missing(s, "memory"); !strings.Contains(m, "metrics_query") || !strings.Contains(m, "--wait") {
		t.Errorf("memory is missing because %q", m)
	}
	if len(s.Requests) != smallRequests {
		t.Errorf("%d requests", len(s.Requests))
	}
}

func TestProfilesAreOptionalAndDegrade(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	if s := collect(t, options(srv, now), q); len(s.Profiles) != 0 {
		t.Error("profiles were asked for without the option")
	}
	o := options(srv, now)
	o.Profiles = true
	s := collect(t, o, q)
	if len(s.Profiles) != 2 || !s.Profiles[0].OnOOM || string(s.Profiles[0].Data) != "two" || s.Profiles[0].Container != "web-2" || s.Profiles[0].Name != "heap.pprof" {
		t.Errorf("profiles: %+v", s.Profiles)
	}
	srv.Forbidden = func(p string) bool { return strings.Contains(p, "unstable") }
	s = collect(t, o, q)
	if m := missing(s, "profiles"); !strings.Contains(m, "unofficial") || len(s.Requests) != smallRequests {
		t.Errorf("missing %q, %d requests", m, len(s.Requests))
	}
}

func TestOverridesReachNamesOfOnesOwn(t *testing.T) {
	ev, q, now := small(t)
	for i := range ev.Metrics {
		ev.Metrics[i].Metric = strings.Replace(ev.Metrics[i].Metric, "container.memory.usage", "captain.process.big_number", 1)
		for j, tag := range ev.Metrics[i].Tags {
			ev.Metrics[i].Tags[j] = strings.Replace(tag, "container:", "cell:", 1)
		}
	}
	srv := datadogtest.New(ev)
	defer srv.Close()
	o := options(srv, now)
	o.MetricNames = map[record.Metric]string{record.RSS: "captain.process.big_number"}
	o.ContainerTag = "cell"
	s := collect(t, o, q)
	n := 0
	for _, v := range s.Samples {
		if v.Metric == record.RSS && strings.HasPrefix(v.Container, "web-") {
			n++
		}
	}
	if n < 400 {
		t.Errorf("%d samples of the named metric by the named tag", n)
	}
}

// keep collects into a capture.
func keep(t testing.TB, o datadog.Options, q record.Query, dir string) error {
	t.Helper()
	w, err := capture.Open(dir, capture.Info{Question: "test", Query: q, Tool: "lastcall test", Created: begin})
	if err != nil {
		return err
	}
	o.Capture = w
	if _, err := tryCollect(t.Context(), o, q); err != nil {
		return errors.Join(err, w.Close())
	}
	return w.Finish()
}

func TestACaptureReplaysToTheSameRecordsAndHoldsNoKeys(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	o := options(srv, now)
	o.Profiles = true
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Plan = func(p datadog.Plan) { log.WriteString(p.String()) }
	o.Done = func(s datadog.Summary) { log.WriteString(s.String()) }
	live := collect(t, o, q)
	dir := filepath.Join(t.TempDir(), "c")
	if err := keep(t, o, q, dir); err != nil {
		t.Fatal(err)
	}
	asked := len(srv.Calls())
	got := &recordtest.Sink{}
	if err := capture.New(dir).Collect(t.Context(), record.Query{}, got); err != nil {
		t.Fatal(err)
	}
	same(t, "requests", requestKeys(live), requestKeys(got))
	same(t, "crashes", crashKeys(live), crashKeys(got))
	same(t, "samples", sampleKeys(live, math.MaxInt64), sampleKeys(got, math.MaxInt64))
	if len(got.Exposures) != len(live.Exposures) || len(got.Profiles) != 2 || len(got.Coverages) != len(live.Coverages) {
		t.Errorf("%d exposures, %d profiles, %d rows of coverage; live %d, %d, %d", len(got.Exposures), len(got.Profiles), len(got.Coverages),
			len(live.Exposures), len(live.Profiles), len(live.Coverages))
	}
	if len(srv.Calls()) != asked {
		t.Error("a replay asked Datadog")
	}
	all := log.String()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		all += string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := datadogPlain(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{datadogtest.APIKey, datadogtest.AppKey} {
		if strings.Contains(all, key) || strings.Contains(plain, key) {
			t.Error("a key is in the log or the capture")
		}
	}
	if !strings.Contains(log.String(), "/api/v2/logs/events/search") {
		t.Error("the debug log does not tell of calls")
	}
}

func TestKeysThatAServerQuotesDoNotReachMessages(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	srv.Faults = func(_ int, r *http.Request) datadogtest.Fault {
		if strings.HasPrefix(r.URL.Path, "/api/v2/logs") {
			return datadogtest.Fault{Status: 400, Body: `{"errors":["key ` + datadogtest.APIKey + ` and ` + datadogtest.AppKey + ` are bad"]}`}
		}
		return datadogtest.Fault{}
	}
	s := collect(t, options(srv, now), q)
	m := missing(s, "requests")
	if m == "" || strings.Contains(m, datadogtest.APIKey) || strings.Contains(m, datadogtest.AppKey) {
		t.Errorf("missing: %q", m)
	}
}

func TestPathsWithoutRoutesAreCountedByPatternOverAllLines(t *testing.T) {
	ev := routeless(t)
	_, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	o := options(srv, now)
	sampleOnly(&o)
	s := collect(t, o, q)
	if len(s.Requests) >= smallRequests {
		t.Fatal("all lines were listed: nothing is tested")
	}
	got := map[string]float64{}
	for _, e := range s.Exposures {
		if e.Pos.Source.Name == "datadog statistics" {
			if e.Container == "" || e.Method == "" || e.From >= e.To {
				t.Fatalf("exposure %+v", e)
			}
			got[e.Method+" "+e.Route+" "+e.Container] += e.Count
		}
	}
	for _, c := range []struct{ key, query string }{
		{"GET /api/users/{id} web-1", "service:api container:web-1 @http.r:\"/api/users/:id\""},
		{"GET /api/exports/{id}/csv web-2", "service:api container:web-2 @http.r:\"/api/exports/:id/csv\""},
		{"POST /api/answers web-3", "service:api container:web-3 @http.r:\"/api/answers\""},
	} {
		if want := ev.Count(c.query); want == 0 || got[c.key] != float64(want) {
			t.Errorf("%s: %.0f, want %d", c.key, got[c.key], want)
		}
	}
}

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAPanicIsAnErrorAndLeavesACaptureThatCanGoOn(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	dir := filepath.Join(t.TempDir(), "c")
	o := options(srv, now)
	base := http.DefaultTransport.(*http.Transport).Clone()
	defer base.CloseIdleConnections()
	o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/api/v2/logs/events/search" {
			panic("bob@example.com")
		}
		return base.RoundTrip(r)
	})
	err := keep(t, o, q, dir)
	if err == nil || !strings.HasPrefix(err.Error(), "Datadog: internal error at datadog/") || strings.Contains(err.Error(), "bob") {
		t.Fatalf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "segments", ".tmp-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := keep(t, options(srv, now), q, dir); err != nil {
		t.Error(err)
	}
}

func TestNothingAtAllIsAnErrorOnlyWhereItWasAskedForInVain(t *testing.T) {
	full, q, now := small(t)
	empty := datadogtest.Evidence{Logs: datadogtest.Items(nil)}
	keysOnly := func(p string) bool { return !strings.Contains(p, "validate") }
	for name, c := range map[string]struct {
		ev        datadogtest.Evidence
		forbidden func(path string) bool
		calls     int
		want      []string // in the error; none: no error
	}{
		"everything refused":                     {full, keysOnly, 0, []string{"logs_read_data", "timeseries_query"}},
		"no calls allowed":                       {full, nil, 1, []string{"--max-calls"}},
		"all but the events refused":             {full, func(p string) bool { return keysOnly(p) && p != "/api/v2/events/search" }, 0, nil},
		"all but the metrics refused":            {full, func(p string) bool { return keysOnly(p) && p != "/api/v1/query" }, 0, nil},
		"nothing there":                          {empty, nil, 0, nil},
		"nothing there, logs refused":            {empty, func(p string) bool { return strings.Contains(p, "/logs/") }, 0, []string{"logs_read_data"}},
		"nothing there, only the events refused": {empty, func(p string) bool { return p == "/api/v2/events/search" }, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			srv := datadogtest.New(c.ev)
			defer srv.Close()
			srv.Forbidden = c.forbidden
			o := options(srv, now)
			o.MaxCalls = c.calls
			s, err := tryCollect(t.Context(), o, q)
			var nothing *datadog.NothingError
			if got := errors.As(err, &nothing); got != (c.want != nil) || err != nil && !got {
				t.Fatalf("got %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") {
					t.Errorf("the error does not tell of %q: %v", w, err)
				}
			}
			if c.forbidden != nil && missing(s, "requests")+missing(s, "lifecycle") == "" {
				t.Errorf("nothing is said to be missing: %+v", s.Coverages)
			}
		})
	}
}

// What was refused the first time is asked for again by the run that goes on with the capture.
func TestACollectionThatGotNothingGoesOnOnceItMay(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	srv.Forbidden = func(p string) bool { return !strings.Contains(p, "validate") }
	dir := filepath.Join(t.TempDir(), "c")
	o := options(srv, now)
	var nothing *datadog.NothingError
	if err := keep(t, o, q, dir); !errors.As(err, &nothing) {
		t.Fatalf("got %v", err)
	}
	srv.Forbidden = nil
	if err := keep(t, o, q, dir); err != nil {
		t.Fatal(err)
	}
	got, want := &recordtest.Sink{}, collect(t, o, q)
	if err := capture.New(dir).Collect(t.Context(), record.Query{}, got); err != nil {
		t.Fatal(err)
	}
	same(t, "requests", requestKeys(want), requestKeys(got))
	same(t, "samples", sampleKeys(want, math.MaxInt64), sampleKeys(got, math.MaxInt64))
	if len(got.Coverages) != len(want.Coverages) || missing(got, "memory") != "" {
		t.Errorf("coverage %+v", got.Coverages)
	}
}

// The most calls that counting lines takes: none are indexed, those in flex storage are, and so are the platform's.
func TestThePlanAllowsForCountingInBothTiers(t *testing.T) {
	ev, q, now := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	base := http.DefaultTransport.(*http.Transport).Clone()
	defer base.CloseIdleConnections()
	o := options(srv, now)
	var plans []datadog.Plan
	o.Plan = func(p datadog.Plan) { plans = append(plans, p) }
	counted := 0
	o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path != "/api/v2/logs/analytics/aggregate" || len(plans) > 1 {
			return base.RoundTrip(r)
		}
		counted++
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(body, []byte(`"flex"`)) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"data":{"buckets":[]}}`)), Request: r}, nil
		}
		body = bytes.Replace(body, []byte(`"flex"`), []byte(`"indexes"`), 1)
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return base.RoundTrip(r)
	})
	collect(t, o, q)
	planned := 0
	for _, s := range plans[0].Steps {
		if s.Endpoint == "/api/v2/logs/analytics/aggregate" {
			planned += s.Calls
		}
	}
	if counted != 3 || planned < counted {
		t.Errorf("%d calls to count the lines, at most %d planned", counted, planned)
	}
}
