//go:build unix && !solaris && !aix

package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// lastcallBinary is this test's binary under the name that makes it lastcall (see TestMain).
func lastcallBinary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "lastcall")
	if err := os.Symlink(self, bin); err != nil {
		t.Skipf("the program cannot be linked to: %v", err)
	}
	return bin
}

// process is one run of lastcall as a process of its own.
type process struct {
	bin, dir string
	args     []string
	stdin    io.Reader
	env      []string
}

// ended is what a process came to.
type ended struct {
	result
	peak int64         // bytes; 0 where it is not known
	took time.Duration // on the clock
	left []string      // files in its folder for temporary files
}

// run starts the process with a folder of its own for temporary files, without keys, and waits; a process that takes more than a
// minute is killed.
func (p process) run(t *testing.T) ended {
	t.Helper()
	temp := t.TempDir()
	peak := filepath.Join(t.TempDir(), "peak")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.bin, p.args...)
	cmd.Dir, cmd.Stdin = p.dir, p.stdin
	// What the machine lends to tests must not reach the program.
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + temp, "TMPDIR=" + temp, "GOMAXPROCS=2", peakVariable + "=" + peak,
	}, p.env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.WaitDelay = time.Second // a stream that is not read to its end does not hold the test
	begin := time.Now()
	err := cmd.Run()
	e := ended{result: result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}, took: time.Since(begin)}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited && !errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%q did not end within a minute", p.args)
	}
	if b, err := os.ReadFile(peak); err == nil {
		kb, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		e.peak = kb << 10
	}
	entries, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range entries {
		e.left = append(e.left, x.Name())
	}
	return e
}

// inert fails the test when a text that goes to a terminal could do anything there.
func inert(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s is not UTF-8", what)
	}
	for i, r := range text {
		if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0xfeff ||
			r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			t.Errorf("%s holds U+%04X: %q", what, r, text[max(0, i-40):min(len(text), i+40)])
			return
		}
	}
}

func TestAnInterruptWhileFilesAreWrittenLeavesNothingHalfWritten(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.md")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	old := write(t, filepath.Join(dir, "b.md"), "the report of yesterday")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errOut bytes.Buffer
	code := make(chan int, 1)
	begin := time.Now()
	go func() {
		// Nobody reads the pipe: the program waits there, with two files written that are not yet in their places.
		code <- Main(ctx, System{
			Args: []string{"demo", "--output", filepath.Join(dir, "a.md"), "--output", old, "--output", pipe}, Stdin: strings.NewReader(""),
			Stdout: &out, Stderr: &errOut, Env: func(string) string { return "" }, Now: time.Now,
		})
	}()
	for {
		if found, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(found) == 2 {
			break
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatal("the files are not being written")
		}
		time.Sleep(5 * time.Millisecond)
	}
	begin = time.Now()
	cancel()
	if got := <-code; got != 1 || !strings.Contains(errOut.String(), "as they were") || out.Len() > 0 {
		t.Errorf("exit %d, stdout %d bytes, stderr %q", got, out.Len(), errOut.String())
	}
	// A second on a machine that has nothing else to do. Without the interrupt it waits for ever.
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	// Whoever still writes goes on, and must not bring the files back.
	if _, err := os.ReadFile(pipe); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "b.md" || entries[1].Name() != "pipe.md" {
		t.Errorf("left are %v (%v), want what was there before", entries, err)
	}
	if b, err := os.ReadFile(old); err != nil || string(b) != "the report of yesterday" {
		t.Errorf("the old report is %q (%v)", b, err)
	}
}
