package datadog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"lastcall/collectors/capture"
	"lastcall/collectors/datadog"
	"lastcall/collectors/datadog/datadogtest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

const childEnv = "LASTCALL_DATADOG_CHILD"

// child collects from the server named by the environment into a capture, until it ends or is killed.
func child(dir string) int {
	q := record.Query{From: record.TimeOf(begin), To: record.TimeOf(begin.Add(smallMinutes * time.Minute)), Service: "api", Env: "production"}
	w, err := capture.Open(dir, capture.Info{Question: "test", Query: q, Tool: "lastcall test", Created: begin})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	o := datadog.Options{
		BaseURL: os.Getenv("LASTCALL_CHILD_URL"), APIKey: datadogtest.APIKey, AppKey: datadogtest.AppKey, MaxCalls: 500, Profiles: true,
		Now: func() time.Time { return begin.Add(2 * time.Hour) }, Capture: w,
	}
	o.FastRetry()
	c, err := datadog.New(o)
	if err == nil {
		defer c.Close()
		if err = c.Collect(context.Background(), q, &recordtest.Sink{}); err == nil {
			err = w.Finish()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func startChild(t *testing.T, url, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+dir, "LASTCALL_CHILD_URL="+url)
	return cmd
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	if err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		m[rel] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// gate lets so many calls of a child pass and tells when it holds the next one.
type gate struct {
	left    atomic.Int64
	once    sync.Once
	reached chan struct{}
}

func TestKilledAtRandomMomentsACollectResumesToTheSameCapture(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	ev, _, _ := small(t)
	srv := datadogtest.New(ev)
	defer srv.Close()
	srv.PageLimit = 300
	var hold atomic.Pointer[gate]
	srv.Faults = func(_ int, r *http.Request) datadogtest.Fault {
		if g := hold.Load(); g != nil && g.left.Add(-1) < 0 {
			g.once.Do(func() { close(g.reached) })
			<-r.Context().Done() // until whoever asked is killed
			return datadogtest.Fault{Reset: true}
		}
		return datadogtest.Fault{}
	}
	srv.Calls() // takes the lock that orders what was set here before what the server reads of it
	want := filepath.Join(t.TempDir(), "want")
	if out, err := startChild(t, srv.URL, want).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	undisturbed := len(srv.Calls())
	dir := filepath.Join(t.TempDir(), "killed")
	kills := 0
	for kills < 20 {
		// Killed once it waits for the answer to the call after so many, the first before any: moments spread over the collection, however
		// slow the machine is.
		g := &gate{reached: make(chan struct{})}
		g.left.Store(int64(kills))
		hold.Store(g)
		cmd := startChild(t, srv.URL, dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		var err error
		select {
		case <-g.reached:
			time.Sleep(time.Duration(kills%5) * time.Millisecond) // what was answered before is being written
			cmd.Process.Kill()
			err = <-ended
		case err = <-ended:
		}
		var exit *exec.ExitError
		if err == nil {
			break // it was done
		}
		if !errors.As(err, &exit) || exit.Exited() {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		kills++
	}
	hold.Store(nil)
	resumed := len(srv.Calls())
	if out, err := startChild(t, srv.URL, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("killed %d times; %d calls undisturbed, %d by the last run alone", kills, undisturbed, len(srv.Calls())-resumed)
	if kills < 5 {
		t.Errorf("killed only %d times", kills)
	}
	if d := cmp.Diff(tree(t, want), tree(t, dir)); d != "" {
		t.Errorf("the capture differs from an undisturbed one: %.500s", d)
	}
	done := len(srv.Calls())
	if out, err := startChild(t, srv.URL, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := len(srv.Calls()) - done; n != 0 {
		t.Errorf("%d calls were made although everything is there", n)
	}
}

// datadogPlain returns all segments of a capture, decompressed.
func datadogPlain(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "segments", "*.zst"))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		z, err := zstd.NewReader(f)
		if err == nil {
			_, err = z.WriteTo(&out)
			z.Close()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}
