package pprof

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lastcall/collectors/capture"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"

	"github.com/google/go-cmp/cmp"
)

// openCapture opens the capture in dir, for one run.
func openCapture(t *testing.T, dir string) *capture.Writer {
	t.Helper()
	w, err := capture.Open(dir, capture.Info{Question: "what grows"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// replay is what a capture holds.
func replay(t *testing.T, dir string) *recordtest.Sink {
	t.Helper()
	var sink recordtest.Sink
	if err := capture.New(dir).Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	return &sink
}

func TestARunThatIsCancelledKeepsItsRoundsAndGoesOnFromThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "capture")
	p := newProcess(t, nil)
	o := Options{URLs: []string{p.URL}, Kinds: []Kind{Heap, Goroutine}, Every: time.Second, For: 4 * time.Second}
	asked := func() int { return p.asked["/debug/pprof/heap"] }

	ctx, cancel := context.WithCancel(t.Context())
	first := fast(o)
	first.Capture = openCapture(t, dir)
	first.OnRound = func(round, _ int) {
		if round == 4 {
			cancel() // in the middle of the round, as it is
		}
	}
	c, err := New(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(ctx, record.Query{}, &recordtest.Sink{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	first.Capture.Close()
	got := replay(t, dir)
	if len(got.Profiles) != 6 {
		t.Errorf("%d profiles are kept of three rounds of two", len(got.Profiles))
	}
	if len(got.Coverages) != 2 || got.Coverages[0].Records != 3 || got.Coverages[0].MissingReason != "interrupted after 3 of 5 rounds" {
		t.Errorf("coverage %+v", got.Coverages)
	}

	before := asked()
	second := fast(o)
	second.Capture = openCapture(t, dir)
	live, err := collect(t, second)
	if err != nil {
		t.Fatal(err)
	}
	if n := asked() - before; n != 2 {
		t.Errorf("the second run asked %d times, want the two rounds that are missing", n)
	}
	if err := second.Capture.Finish(); err != nil {
		t.Fatal(err)
	}
	got = replay(t, dir)
	if len(live.Profiles) != 10 || len(got.Profiles) != 10 || len(got.Coverages) != 2 || got.Coverages[0].Records != 5 || got.Coverages[0].MissingReason != "" {
		t.Errorf("%d profiles came, %d are kept, coverage %+v", len(live.Profiles), len(got.Profiles), got.Coverages)
	}

	// What is complete is given as it is.
	before = asked()
	third := fast(o)
	third.Capture = openCapture(t, dir)
	again, err := collect(t, third)
	if err != nil || asked() != before {
		t.Fatalf("a complete capture: %v, asked %d times", err, asked()-before)
	}
	if d := cmp.Diff(live.Coverages, again.Coverages); d != "" || len(again.Profiles) != 10 {
		t.Errorf("%d profiles, coverage (-first +again)\n%s", len(again.Profiles), d)
	}
}

func TestARoundInWhichEverythingFailedIsAskedForAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "capture")
	var down atomic.Bool
	p := newProcess(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := fast(Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, Every: time.Second, For: 2 * time.Second, Capture: openCapture(t, dir)})
	o.OnRound = func(round, _ int) {
		down.Store(round == 2)
		if round == 3 {
			cancel()
		}
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(ctx, record.Query{}, &recordtest.Sink{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	o.Capture.Close()
	if got := replay(t, dir); len(got.Profiles) != 1 || !strings.Contains(got.Coverages[0].MissingReason, "interrupted after 1 of 3 rounds; 1 of 2 fetches failed") {
		t.Errorf("%d profiles, coverage %+v", len(got.Profiles), got.Coverages)
	}
	down.Store(false)
	o.OnRound, o.Capture = nil, openCapture(t, dir)
	if sink, err := collect(t, o); err != nil || len(sink.Profiles) != 3 || sink.Coverages[0].MissingReason != "" {
		t.Errorf("%v, %d profiles, coverage %+v", err, len(sink.Profiles), sink.Coverages)
	}
}

func TestARunThatIsStoppedGivesWhatItHas(t *testing.T) {
	p := newProcess(t, nil)
	stop := make(chan struct{})
	o := Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, Every: time.Hour, For: 10 * time.Hour, Stop: stop}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	sink := &cancelling{cancel: func() { close(stop) }} // after the first profile
	begin := time.Now()
	if err := c.Collect(t.Context(), record.Query{}, sink); err != nil {
		t.Errorf("error %v", err)
	}
	if d := time.Since(begin); d > time.Minute { // an hour, should it wait for the next round
		t.Errorf("took %s", d)
	}
	if len(sink.Profiles) != 1 || len(sink.Coverages) != 1 || sink.Coverages[0].Records != 1 ||
		!strings.HasPrefix(sink.Coverages[0].MissingReason, "interrupted after ") || !strings.HasSuffix(sink.Coverages[0].MissingReason, " of 11 rounds") || len(sink.Warnings) != 0 {
		t.Errorf("%d profiles, coverage %+v, warnings %+v", len(sink.Profiles), sink.Coverages, sink.Warnings)
	}
}

func TestARunThatIsStoppedBeforeAnythingCameIsAnError(t *testing.T) {
	stop := make(chan struct{})
	asked := sync.OnceFunc(func() { close(stop) })
	p := newProcess(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			asked()
			<-r.Context().Done() // it hangs
		})
	})
	c, err := New(Options{URLs: []string{p.URL}, Kinds: []Kind{Heap}, Every: time.Hour, For: time.Hour, Stop: stop})
	if err != nil {
		t.Fatal(err)
	}
	var sink recordtest.Sink
	if err := c.Collect(t.Context(), record.Query{}, &sink); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "before the first profile") {
		t.Errorf("error %v", err)
	}
	if len(sink.Warnings)+len(sink.Coverages) > 0 {
		t.Errorf("warnings %+v, coverage %+v", sink.Warnings, sink.Coverages)
	}
}
