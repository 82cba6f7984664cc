package heap_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/heap"
	"lastcall/collectors/pprof"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// leakyService builds and starts the service of testdata/leaky and returns its address.
func leakyService(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not installed")
	}
	bin := filepath.Join(t.TempDir(), "leaky")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./testdata/leaky").CombinedOutput(); err != nil {
		t.Fatalf("building the service: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), bin)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the service did not say where it listens: %v", err)
	}
	return strings.TrimSpace(addr)
}

// TestALeakIsNamedInARunningService watches a real process under traffic, as --pprof does.
func TestALeakIsNamedInARunningService(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs a service")
	}
	addr := leakyService(t)
	round := 0
	c, err := pprof.New(pprof.Options{
		URLs: []string{"http://" + addr}, Every: 150 * time.Millisecond, For: 1200 * time.Millisecond, CollectGarbage: true,
		OnRound: func(int, int) { // traffic before every round, so that the test does not depend on the speed of the machine
			round++
			for i := range 6 {
				for _, path := range []string{fmt.Sprintf("/api/reports/%d", round*10+i), fmt.Sprintf("/api/users/%d", i)} {
					resp, err := http.Get("http://" + addr + path)
					if err != nil {
						t.Errorf("traffic: %v", err)
						return
					}
					resp.Body.Close()
				}
				resp, err := http.Post("http://"+addr+"/api/notifications", "text/plain", nil)
				if err != nil {
					t.Errorf("traffic: %v", err)
					return
				}
				resp.Body.Close()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var sink recordtest.Sink
	if err := c.Collect(t.Context(), record.Query{}, &sink); err != nil {
		t.Fatal(err)
	}
	r, err := heap.Analyze(t.Context(), sink.Profiles, heap.Options{Endpoints: []string{"GET /api/reports/{id}", "GET /api/users/{id}", "POST /api/notifications"}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Leading == nil {
		t.Fatalf("nothing leads in %d profiles; rows %+v, notes %q", len(sink.Profiles), r.Heap, r.Notes)
	}
	if r.Leading.Function != "main.rememberReport" && r.Leading.Function != "main.getReport" || r.Leading.Shape != finding.ShapeLeak {
		t.Errorf("%s leads (%s)", r.Leading.Function, r.Leading.Shape)
	}
	if e := r.Leading.Endpoint; e == nil || *e != "GET /api/reports/{id}" {
		t.Errorf("endpoint %v", e)
	}
	if r.Leading.File == nil || !strings.HasSuffix(*r.Leading.File, "testdata/leaky/main.go") || r.Leading.Line == 0 {
		t.Errorf("file %v:%d", r.Leading.File, r.Leading.Line)
	}
	if r.Confidence.Rank() < finding.Likely.Rank() {
		t.Errorf("%s: %q", r.Confidence, r.Reasons)
	}
	if len(r.Goroutines) == 0 || r.Goroutines[0].Function != "main.postNotification.func1" || r.Goroutines[0].State != "chan send" || !r.Goroutines[0].Leak {
		t.Errorf("goroutines %+v", r.Goroutines)
	}
}
