//go:build unix && !solaris && !aix

package cli

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// interrupted runs lastcall in dir as a process of its own, interrupts it when ready says so, and waits for its end.
func interrupted(t *testing.T, dir string, ready func() bool, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, lastcallBinary(t), args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + t.TempDir(), "GOMAXPROCS=2"}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Errorf("there is nothing to interrupt\n%s", errOut.String())
			break
		}
	}
	begin := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	// A second on a machine that has nothing else to do. Without the interrupt it goes on for an hour.
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("%q took %v to end", args, took)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// watched is a live process that counts how often it was asked for its heap.
func watched(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	inner := liveProcess(t)
	asked = &atomic.Int64{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/heap") {
			asked.Add(1)
		}
		inner.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, asked
}

func TestAnInterruptedCollectionOfProfilesHoldsTheRoundsThatWereTaken(t *testing.T) {
	url, _ := watched(t)
	dir := t.TempDir()
	segments := func(pattern string) int {
		list, err := filepath.Glob(filepath.Join(dir, "capture", "segments", pattern))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	args := []string{"collect", "--pprof", url, "--every", "1s", "--for", "1h", "--output", "capture"}
	for _, rounds := range []int{2, 3} { // the second time it goes on from there
		r := interrupted(t, dir, func() bool { return segments("pprof_round*") >= rounds }, args...)
		if r.code != 1 || r.out != "" || !strings.Contains(r.errOut, "interrupted: what was collected is kept in capture; run the same command again") {
			t.Errorf("exit %d\n%s%s", r.code, r.out, r.errOut)
		}
		if n := segments("pprof_round*"); n < rounds {
			t.Errorf("%d rounds are kept, want at least %d", n, rounds)
		}
	}
	replay := process{bin: lastcallBinary(t), dir: dir, args: []string{"investigate", "capture", "--format", "json"}}.run(t)
	if replay.code != 0 || !strings.Contains(replay.out, `/debug/pprof/heap`) || !strings.Contains(replay.out, "interrupted after") ||
		!strings.Contains(replay.out, "capture_incomplete") {
		t.Errorf("replay: exit %d\n%s%s", replay.code, replay.out, replay.errOut)
	}
}

func TestTheFirstInterruptEndsTheTakingOfProfilesAndWhatCameIsReported(t *testing.T) {
	for _, command := range [][]string{{"heap"}, {"investigate", "--fail-on", "conclusive"}} {
		url, asked := watched(t)
		dir := t.TempDir()
		args := append(command, "--pprof", url, "--every", "1s", "--for", "1h", "--output", "r.json")
		r := interrupted(t, dir, func() bool { return asked.Load() >= 3 }, args...)
		if r.code != 0 || r.out == "" || !strings.Contains(r.errOut, "lastcall: interrupted: no more profiles are taken, and what came is reported") {
			t.Errorf("%q: exit %d\n%s%s", command, r.code, r.out, r.errOut)
		}
		if rep := contents(t, filepath.Join(dir, "r.json")); !strings.Contains(rep, "interrupted after ") || !strings.Contains(rep, " of 3601 rounds") {
			t.Errorf("%q: the coverage does not say that it is not all:\n%s", command, rep)
		}
	}
}

func TestAnInterruptBeforeAnyProfileCameEndsWithoutAReport(t *testing.T) {
	var asked atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Store(true)
		<-r.Context().Done() // it hangs
	}))
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	r := interrupted(t, dir, asked.Load, "heap", "--pprof", srv.URL, "--every", "1s", "--for", "1h", "--output", "r.md")
	if r.code != 1 || r.out != "" || !strings.Contains(r.errOut, "interrupted before the first profile came") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestTheSecondInterruptEndsWithoutAReport: the report of what came goes to a pipe that nobody reads, and would wait for ever.
func TestTheSecondInterruptEndsWithoutAReport(t *testing.T) {
	url, asked := watched(t)
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.md")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	ctx, first := context.WithCancel(t.Context())
	defer first()
	second := make(chan struct{})
	again := sync.OnceFunc(func() { close(second) })
	defer again()
	var out, errOut bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, System{
			Args:  []string{"heap", "--pprof", url, "--every", "1s", "--for", "1h", "--output", filepath.Join(dir, "a.md"), "--output", pipe},
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut, Env: func(string) string { return "" }, Now: time.Now, Again: second,
		})
	}()
	wait := func(what string, until func() bool) {
		t.Helper()
		for begin := time.Now(); !until(); time.Sleep(5 * time.Millisecond) {
			select {
			case got := <-code:
				t.Fatalf("%s: it ended with %d\n%s", what, got, errOut.String())
			default:
			}
			if time.Since(begin) > 30*time.Second {
				t.Fatal(what)
			}
		}
	}
	wait("no profiles are taken", func() bool { return asked.Load() >= 2 })
	first()
	wait("no report is written after the first interrupt", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "a.md.*.tmp"))
		return len(found) == 1
	})
	begin := time.Now()
	again()
	if got := <-code; got != 1 || out.Len() > 0 || !strings.Contains(errOut.String(), "interrupted: nothing was reported") {
		t.Errorf("exit %d, stdout %d bytes, stderr %q", got, out.Len(), errOut.String())
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	// Whoever still writes goes on, and must not bring the files back.
	if _, err := os.ReadFile(pipe); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "pipe.md" {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
