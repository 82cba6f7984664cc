package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/datadog/datadogtest"

	"github.com/google/go-cmp/cmp"
)

// recorded finds a recorded incident that is not part of the repository.
func recorded(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("LASTCALL_SHARED")
	if dir == "" {
		dir = filepath.Join(filepath.Dir(root(t)), "shared")
	}
	dir = filepath.Join(dir, "incidents", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the recorded incident %s is not on this machine; set LASTCALL_SHARED", name)
	}
	return dir
}

// datadogServer serves a recorded incident as Datadog would, and returns the environment and flags that reach it.
func datadogServer(t *testing.T, incident string) (srv *datadogtest.Server, env map[string]string, flags []string) {
	t.Helper()
	ev, err := datadogtest.Load(recorded(t, incident))
	if err != nil {
		t.Fatal(err)
	}
	from, to := ev.Span()
	srv = datadogtest.New(ev)
	t.Cleanup(srv.Close)
	env = map[string]string{"DD_API_KEY": datadogtest.APIKey, "DD_APP_KEY": datadogtest.AppKey, "LASTCALL_DATADOG_URL": srv.URL}
	flags = []string{
		"--service", "api", "--from", from.Add(-time.Second).UTC().Format(time.RFC3339), "--to", to.Add(time.Second).UTC().Format(time.RFC3339),
	}
	return srv, env, flags
}

func TestACaptureReplaysToTheSameBytesAsTheLiveAnswer(t *testing.T) {
	_, env, flags := datadogServer(t, "S1-1")
	live := runIn(t, env, append([]string{"investigate", "--format", "json"}, flags...)...)
	if live.code != 0 {
		t.Fatalf("exit %d\n%s", live.code, live.errOut)
	}
	if !strings.Contains(live.errOut, "Plan:") || !strings.Contains(live.errOut, "calls made") {
		t.Errorf("stderr says neither the plan nor what was spent:\n%s", live.errOut)
	}
	dir := filepath.Join(t.TempDir(), "capture")
	if r := runIn(t, env, append([]string{"collect", "--output", dir}, flags...)...); r.code != 0 {
		t.Fatalf("collect: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	replay := runIn(t, nil, append([]string{"investigate", dir, "--format", "json"}, flags...)...)
	if replay.code != 0 {
		t.Fatalf("replay: exit %d\n%s", replay.code, replay.errOut)
	}
	if d := cmp.Diff(live.out, replay.out); d != "" {
		t.Errorf("the replay differs (-live +replay)\n%s", d)
	}
	// Without flags too: the capture knows its window.
	if r := runIn(t, nil, "investigate", dir); r.code != 0 || !strings.Contains(r.out, "CRASHES") {
		t.Errorf("replay without flags: exit %d\n%s", r.code, r.errOut)
	}
	// A second collect of the same question asks nothing again; of another one is refused.
	if r := runIn(t, env, append([]string{"collect", "--output", dir, "--env", "other"}, flags...)...); r.code != 2 {
		t.Errorf("another question into the same folder: exit %d\n%s", r.code, r.errOut)
	}
}

func TestKeysAppearNowhere(t *testing.T) {
	srv, env, flags := datadogServer(t, "S1-1")
	dir := t.TempDir()
	capture, output := filepath.Join(dir, "capture"), filepath.Join(dir, "r.html")
	var all strings.Builder
	for _, args := range [][]string{
		append([]string{"collect", "--verbose", "--output", capture}, flags...),
		append([]string{"investigate", "--verbose", "--output", output}, flags...),
		append([]string{"doctor", "--verbose"}, flags[:2]...),
		{"investigate", "--verbose", "--service", "api", "--from", "3h", "--datadog-url", srv.URL + "/nosuch", "--max-calls", "2"},
	} {
		r := runIn(t, env, args...)
		all.WriteString(r.out + r.errOut)
	}
	wrong := map[string]string{"DD_API_KEY": "wrongwrongwrongwrongwrongwrong01", "DD_APP_KEY": "wrongwrongwrongwrongwrongwrongwrongwrong", "LASTCALL_DATADOG_URL": srv.URL}
	r := runIn(t, wrong, append([]string{"investigate", "--verbose"}, flags...)...)
	if r.code != 1 || !strings.Contains(r.errOut, "key") {
		t.Errorf("wrong keys: exit %d\n%s", r.code, r.errOut)
	}
	all.WriteString(r.out + r.errOut)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{datadogtest.APIKey, datadogtest.AppKey, wrong["DD_API_KEY"], wrong["DD_APP_KEY"]} {
		if strings.Contains(all.String(), key) {
			t.Errorf("the key %s… appears in output, logs or files", key[:4])
		}
	}
}

func TestDoctorSaysWhatIsThere(t *testing.T) {
	_, env, flags := datadogServer(t, "S1-1")
	r := runIn(t, env, append([]string{"doctor"}, flags...)...)
	if r.code != 0 || !strings.Contains(r.out, "ok       api key") || !strings.Contains(r.out, "memory metrics") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	env["DD_APP_KEY"] = "wrongwrongwrongwrongwrongwrongwrongwrong"
	if r := runIn(t, env, append([]string{"doctor"}, flags...)...); r.code != 1 || !strings.Contains(r.out, "to do:") {
		t.Errorf("a wrong key: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
}

func TestTheNightOverDatadog(t *testing.T) {
	_, env, flags := datadogServer(t, "S8-1")
	dir := t.TempDir()
	beat := listen(t, nil)
	cfg := write(t, filepath.Join(dir, "c.yaml"), fmt.Sprintf("version: 1\nheartbeat: {url: %q}\nservices: [{name: api}]\n", beat.URL))
	args := append([]string{"nightly", "--config", cfg}, flags[2:]...)
	r := runIn(t, env, args...)
	if r.code != 3 || !strings.Contains(r.out, "NEW") || !strings.Contains(r.out, "attestations") || len(beat.bodies) != 1 {
		t.Errorf("first night: exit %d, %d heartbeats\n%s%s", r.code, len(beat.bodies), r.out, r.errOut)
	}
	if r := runIn(t, env, args...); r.code != 0 || strings.Contains(r.out, "NEW") {
		t.Errorf("second night: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	// Keys that do not hold any more: said, not tried again, no heartbeat.
	env["DD_API_KEY"] = "wrongwrongwrongwrongwrongwrong01"
	if r := runIn(t, env, args...); r.code != 1 || !strings.Contains(r.out, "NOT CHECKED") || len(beat.bodies) != 2 {
		t.Errorf("keys refused: exit %d, %d heartbeats\n%s%s", r.code, len(beat.bodies), r.out, r.errOut)
	} else if n := strings.Count(r.errOut, "checking api"); n != 1 {
		t.Errorf("refused keys were tried %d times", n)
	}
}
