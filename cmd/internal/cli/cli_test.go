package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// result is what a run in this process came to.
type result struct {
	code        int
	out, errOut string
}

// at is a moment when the recorded evidence of these tests is fresh.
var at = time.Date(2026, 11, 16, 15, 0, 0, 0, time.UTC)

func runIn(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	code := Main(context.Background(), System{
		Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut,
		Env: func(k string) string { return env[k] }, Now: func() time.Time { return at },
	})
	return result{code, out.String(), errOut.String()}
}

const platformLog = `2026-11-16 13:30:17.952558593 +0000 UTC [system] [web-1] Starting container web-1 (dc317786f4c6)
2026-11-16 13:30:25.716977539 +0000 UTC [system] [web-1] Container web-1 (dc317786f4c6) is up, booted in 7.8s
2026-11-16 13:47:57.859982910 +0000 UTC [system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 137
2026-11-16 13:48:01.999755859 +0000 UTC [system] [web-1] Starting container web-1 (fcd862237af1)
`

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// listener is a server that remembers what it was sent.
type listener struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	ids    []string
}

func listen(t *testing.T, handle http.HandlerFunc) *listener {
	t.Helper()
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.mu.Lock()
		l.bodies = append(l.bodies, string(b))
		l.ids = append(l.ids, r.Header.Get("Idempotency-Key"))
		l.mu.Unlock()
		if handle != nil {
			handle(w, r)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func TestTheNightTellsTheWebhookAndThenTheHeartbeat(t *testing.T) {
	dir := t.TempDir()
	hook, beat := listen(t, nil), listen(t, nil)
	write(t, filepath.Join(dir, "platform.log"), platformLog)
	cfg := write(t, filepath.Join(dir, "c.yaml"), fmt.Sprintf(`version: 1
fail_on: insufficient
heartbeat: {url: "%s/beat"}
webhook: {url: "%s/${TOKEN}"}
reports: reports
services:
  - name: api
    paths: [platform.log]
`, beat.URL, hook.URL))
	env := map[string]string{"TOKEN": "T0PSECRETTOKEN"}
	r := runIn(t, env, "nightly", "--config", cfg)
	if r.code != 3 || len(hook.bodies) != 1 || len(beat.bodies) != 1 {
		t.Fatalf("exit %d, %d messages, %d heartbeats\n%s%s", r.code, len(hook.bodies), len(beat.bodies), r.out, r.errOut)
	}
	var msg map[string]string
	if err := json.Unmarshal([]byte(hook.bodies[0]), &msg); err != nil || !strings.Contains(msg["text"], "NEW api") || len(msg) != 1 {
		t.Errorf("the webhook got %q (%v)", hook.bodies[0], err)
	}
	if hook.ids[0] == "" {
		t.Error("the message has no id")
	}
	for _, name := range []string{"api.html", "api.json"} {
		if _, err := os.Stat(filepath.Join(dir, "reports", name)); err != nil {
			t.Error(err)
		}
	}
	r = runIn(t, env, "nightly", "--config", cfg)
	if r.code != 0 || len(hook.bodies) != 1 || len(beat.bodies) != 2 {
		t.Errorf("second night: exit %d, %d messages, %d heartbeats\n%s", r.code, len(hook.bodies), len(beat.bodies), r.out)
	}
}

// liveProcess serves profiles of this test.
func liveProcess(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func TestAServiceKeepsItsSettingsBesideOneOfItsNameWithAnEnv(t *testing.T) {
	srv := liveProcess(t)
	cfg := write(t, filepath.Join(t.TempDir(), "c.yaml"), fmt.Sprintf(
		"version: 1\nfail_on: never\nservices: [{name: api, pprof: [%q]}, {name: api, env: staging, pprof: [%q]}]\n", srv.URL, srv.URL))
	r := runIn(t, nil, "doctor", "--config", cfg)
	if r.code != 0 || !strings.Contains(r.out, "pprof: api\n") || !strings.Contains(r.out, "pprof: api/staging\n") {
		t.Errorf("doctor: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	if r := runIn(t, nil, "nightly", "--config", cfg); r.code != 0 && r.code != 4 || strings.Contains(r.out, "NOT CHECKED") {
		t.Errorf("nightly: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
}

func TestAnEnvThatNoServiceHasIsSaidWithThoseThatThereAre(t *testing.T) {
	cfg := write(t, filepath.Join(t.TempDir(), "c.yaml"), "version: 1\nservices: [{name: api, paths: [x]}, {name: jobs, env: staging, paths: [x]}]\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"nightly", "--env", "production"}, `lists no service with the env "production"; it lists api, jobs/staging`},
		{[]string{"nightly", "--env", "production", "--service", "jobs"}, `lists no service called "jobs" with the env "production"; it lists`},
		{[]string{"nightly", "--service", "nosuch"}, `lists no service called "nosuch"; it lists`},
	} {
		if r := runIn(t, nil, append(c.args, "--config", cfg)...); r.code != 2 || !strings.Contains(r.errOut, c.want) {
			t.Errorf("%q: exit %d: %s", c.args, r.code, r.errOut)
		}
	}
}

func TestEveryServiceOfANightHasAReportOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "platform.log"), platformLog)
	var cfg strings.Builder
	cfg.WriteString("version: 1\nfail_on: never\nreports: reports\nservices:\n")
	for _, s := range []string{"{name: api, env: prod", "{name: api-prod", "{name: api", "{name: api/prod2", `{name: "api:prod2"`, "{name: api, env: ..", "{name: ..up"} {
		cfg.WriteString("  - " + s + ", paths: [platform.log]}\n")
	}
	if r := runIn(t, nil, "nightly", "--config", write(t, filepath.Join(dir, "c.yaml"), cfg.String())); r.code != 0 && r.code != 4 {
		t.Fatalf("exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	var got []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(path, ".html"); ok {
			got = append(got, filepath.ToSlash(strings.TrimPrefix(name, dir)))
		}
		return err
	})
	want := []string{"%2E./api", "%2E.up", "api", "api%2Fprod2", "api%3Aprod2", "api-prod", "prod/api"}
	for i := range want {
		want[i] = "/reports/" + want[i]
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, d)
	}
}

func TestASlowOrDeadHeartbeatNeverBlocksNorFails(t *testing.T) {
	dir := t.TempDir()
	release := make(chan struct{})
	slow := listen(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	write(t, filepath.Join(dir, "calm.log"), platformLog[:strings.Index(platformLog, "2026-11-16 13:47")])
	for name, url := range map[string]string{"slow": slow.URL + "/SECRETPATH", "dead": "http://127.0.0.1:1/SECRETPATH"} {
		cfg := write(t, filepath.Join(dir, name+".yaml"), fmt.Sprintf(
			"version: 1\nstate: %s\nheartbeat: {url: %q, timeout: 200ms}\nservices: [{name: api, paths: [calm.log]}]\n", name, url))
		begin := time.Now()
		r := runIn(t, nil, "nightly", "--config", cfg)
		if took := time.Since(begin); took > 3*time.Second || r.code != 0 {
			t.Errorf("%s: took %v, exit %d\n%s%s", name, took, r.code, r.out, r.errOut)
		}
		if !strings.Contains(r.errOut, "heartbeat failed") || strings.Contains(r.out+r.errOut, "SECRETPATH") {
			t.Errorf("%s: stderr %q; want the failure without the URL", name, r.errOut)
		}
	}
}

func TestAThresholdIsTheSameInCapitals(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "platform.log"), platformLog)
	cfg := write(t, filepath.Join(dir, "c.yaml"), "version: 1\nservices: [{name: api, paths: [platform.log]}]\n")
	for grade, want := range map[string]int{"Conclusive": 4, "INSUFFICIENT": 3, "Never": 4} {
		if err := os.RemoveAll(filepath.Join(dir, ".lastcall")); err != nil {
			t.Fatal(err)
		}
		if r := runIn(t, nil, "nightly", "--config", cfg, "--fail-on", grade); r.code != want {
			t.Errorf("%s: exit %d, want %d\n%s%s", grade, r.code, want, r.out, r.errOut)
		}
	}
}

func TestAWebhookThatRedirectsIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	other := listen(t, nil)
	hook := listen(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	write(t, filepath.Join(dir, "platform.log"), platformLog)
	cfg := write(t, filepath.Join(dir, "c.yaml"), fmt.Sprintf(
		"version: 1\nfail_on: insufficient\nwebhook: {url: %q}\nservices: [{name: api, paths: [platform.log]}]\n", hook.URL))
	r := runIn(t, nil, "nightly", "--config", cfg)
	if len(other.bodies) != 0 || r.code != 3 || !strings.Contains(r.out, "the webhook did not take the message") {
		t.Errorf("exit %d, the other host got %d requests\n%s", r.code, len(other.bodies), r.out)
	}
}

func TestAVariableThatIsNotSetIsAMistakeInTheConfig(t *testing.T) {
	cfg := write(t, filepath.Join(t.TempDir(), "c.yaml"), "version: 1\nwebhook: {url: \"https://${NOSUCH}/x\"}\nservices: [{name: api, paths: [x]}]\n")
	if r := runIn(t, nil, "nightly", "--config", cfg); r.code != 2 || !strings.Contains(r.errOut, "webhook.url: the environment variable NOSUCH is not set") {
		t.Errorf("exit %d: %s", r.code, r.errOut)
	}
}

func TestDoctorTellsOfWhatIsMissingAndThatIsNoFailure(t *testing.T) {
	srv := liveProcess(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "platform.log"), platformLog)
	for name, c := range map[string]struct{ config, want string }{
		"keys":                       {"services: [{name: api}]", "missing  keys"},
		"a variable of the webhook":  {"webhook: {url: \"https://${NOSUCH}/x\"}\nservices: [{name: api, paths: [platform.log]}]", "missing  webhook.url        the environment variable NOSUCH is not set"},
		"a variable of a process":    {"services: [{name: api, pprof: [\"http://${NOSUCH}\"]}]", "missing  NOSUCH             pprof of the service api: the environment variable NOSUCH is not set"},
		"a variable of Datadog's":    {"datadog: {url: \"https://${NOSUCH}\"}\nservices: [{name: api}]", "datadog.url: the environment variable NOSUCH is not set"},
		"a variable beside files":    {"services: [{name: api, paths: [platform.log], pprof: [\"http://${NOSUCH}\"]}]", "files: api\n  ok       "},
		"a variable of one of them":  {"services: [{name: jobs, pprof: [\"http://${NOSUCH}\"]}, {name: api, pprof: [\"" + srv.URL + "\"]}]", "pprof: api\n  ok"},
		"a file that is to be there": {"services: [{name: api, paths: [nosuch.log]}]", "missing  "},
	} {
		cfg := write(t, filepath.Join(dir, "c.yaml"), "version: 1\n"+c.config+"\n")
		if r := runIn(t, nil, "doctor", "--config", cfg); r.code != 0 || !strings.Contains(r.out, c.want) {
			t.Errorf("%s: exit %d, want 0 and %q\n%s%s", name, r.code, c.want, r.out, r.errOut)
		}
	}
}

func TestTheAuthorityOfAProcessCanBeGiven(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it is refused by one of them
	srv.StartTLS()
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	ca := write(t, filepath.Join(dir, "ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 1, "--pprof-ca FILE"},
		{[]string{"--pprof-ca", ca}, 0, ""},
		{[]string{"--pprof-ca", filepath.Join(dir, "nosuch.pem")}, 2, "--pprof-ca: open "},
		{[]string{"--pprof-ca", write(t, filepath.Join(dir, "no.pem"), "nonsense")}, 2, "no certificate in PEM form"},
	} {
		if r := runIn(t, nil, append([]string{"heap", "--pprof", srv.URL}, c.args...)...); r.code != c.code || !strings.Contains(r.errOut, c.want) {
			t.Errorf("%q: exit %d, want %d and %q\n%s", c.args, r.code, c.code, c.want, r.errOut)
		}
	}
}

// failing is a writer that fails after some bytes, as a disk that runs full.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, fmt.Errorf("no space left on device")
	}
	return len(p), nil
}

func TestAnOutputThatFailsIsFailureForEveryCommand(t *testing.T) {
	for _, args := range [][]string{{"demo"}, {"explain"}, {"version"}, {"completion", "bash"}, {"nightly", "--example"}, {"--help"}, {"investigate", "--help"}} {
		var errOut bytes.Buffer
		code := Main(context.Background(), System{
			Args: args, Stdin: strings.NewReader(""), Stdout: &failing{}, Stderr: &errOut, Env: func(string) string { return "" }, Now: time.Now,
		})
		if code != 1 || !strings.Contains(errOut.String(), "no space left on device") {
			t.Errorf("%q: exit %d, %q", args, code, errOut.String())
		}
	}
}

func TestSecretsAreMaskedWhateverWritesThem(t *testing.T) {
	var b bytes.Buffer
	s := newScrubber(&b, "0123456789abcdef", "short", "")
	s.hide("0123456789abcdefLONGER")
	fmt.Fprint(s, "key=0123456789abcdef, 0123456789abcdefLONGER, short")
	if got, want := b.String(), "key=[secret], [secret], short"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressNeverWraps(t *testing.T) {
	for _, wide := range []int{10, 40, 80} {
		for _, total := range []int64{0, 100} {
			line := progressLine(strings.Repeat("reading ", 20), 150, total, 3*time.Second, wide)
			if n := len([]rune(line)); n >= wide {
				t.Errorf("%d columns in %d: %q", n, wide, line)
			}
		}
	}
	if got, want := progressLine("reading", 50, 100, 2*time.Second, 80), "reading ██████████·········· 50% 2 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCtrlCEndsWithinASecondAndSaysWhatWasDone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT for another process")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "lastcall")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, bin); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "investigate", "-", "--output", "r.md")
	cmd.Dir = dir
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A stream that goes on: the program waits for more when it is interrupted. It is more than a pipe holds, so that the program is
	// reading when it has been written.
	if _, err := io.WriteString(in, strings.Repeat(platformLog, 2000)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	// A second on a machine that has nothing else to do. Without the interrupt it waits for ever.
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errOut.String(), "interrupted") || out.Len() > 0 {
		t.Errorf("%v: exit %d, stdout %q, stderr %q", err, cmd.ProcessState.ExitCode(), out.String(), errOut.String())
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// BenchmarkDemo is the whole demo, from the embedded files to the text: the budget is 0.3 s.
func BenchmarkDemo(b *testing.B) {
	for b.Loop() {
		code := Main(context.Background(), System{
			Args: []string{"demo"}, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
			Env: func(string) string { return "" }, Now: time.Now,
		})
		if code != 0 {
			b.Fatalf("exit %d", code)
		}
	}
}
