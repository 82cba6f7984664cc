package cli

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestMain lets the test binary be lastcall, so that the scripts run whole processes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lastcall": func() {
		code := runAsMain()
		tellPeak()
		os.Exit(code)
	}})
}

// runAsMain does what cmd/lastcall/main.go does.
func runAsMain() int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, again := Interrupts()
	return Main(ctx, System{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Getenv, Now: time.Now, Again: again})
}

// peakVariable names a file in which a lastcall that a test started leaves how much memory it had at most.
const peakVariable = "LASTCALL_TEST_PEAK"

// tellPeak writes the largest resident set of this process to the file that a test asked for. Not what the kernel tells the parent:
// that counts the test's own memory too, which the child shared until it became lastcall.
func tellPeak() {
	into := os.Getenv(peakVariable)
	if into == "" {
		return
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return // not Linux
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_ = os.WriteFile(into, []byte(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB"))), 0o600)
		}
	}
}

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestScripts(t *testing.T) {
	dir := root(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(dir, "testdata", "scripts"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// A machine that tests run on must not lend its keys, its colours or its CI to the scripts.
			for _, v := range []string{
				"DD_API_KEY", "DD_APP_KEY", "DATADOG_API_KEY", "DATADOG_APP_KEY", "DD_SITE", "DATADOG_SITE", "LASTCALL_DATADOG_URL",
				"GITHUB_STEP_SUMMARY", "NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLUMNS",
			} {
				env.Setenv(v, "")
			}
			env.Setenv("REPO", dir)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			if path, ok := strings.CutPrefix(cond, "exists:"); ok {
				_, err := os.Stat(path)
				return err == nil, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": scriptCode,
			"sh":   scriptShell,
		},
	})
}

// scriptCode is "code N command…": the command must end with exit code N. What it wrote can be looked at as after exec.
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	expectCode(ts, want, ts.Exec(args[1], args[2:]...))
}

// scriptShell is "sh N 'script'": for pipes and redirections.
func scriptShell(ts *testscript.TestScript, neg bool, args []string) {
	if runtime.GOOS == "windows" {
		ts.Fatalf("sh is not for Windows; guard it with [!windows]")
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sh N 'script'")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	expectCode(ts, want, ts.Exec("sh", "-c", args[1]))
}

func expectCode(ts *testscript.TestScript, want int, err error) {
	got := 0
	if ee, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ee.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
