package cli

import (
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lastcall/collectors/datadog/datadogtest"
)

func TestACaptureIsOfWhatWasAsked(t *testing.T) {
	a, b := liveProcess(t), liveProcess(t)
	host := strings.TrimPrefix(a.URL, "http://")
	first := []string{"--pprof", "http://user:firstSecret@" + host + "?token=firstToken"}
	for name, other := range map[string][]string{
		"another process": {"--pprof", b.URL},
		"more processes":  {"--pprof", a.URL, "--pprof", b.URL},
		"another path":    {"--pprof", a.URL + "/pprof"},
		"other times":     {"--pprof", a.URL, "--every", "1s", "--for", "1s"},
	} {
		dir := filepath.Join(t.TempDir(), "capture")
		collect := func(args []string) result {
			return runIn(t, nil, append([]string{"collect", "--output", dir}, args...)...)
		}
		if r := collect(first); r.code != 0 || !strings.Contains(r.out, "is complete: 2 records") {
			t.Fatalf("exit %d\n%s%s", r.code, r.out, r.errOut)
		}
		if r := collect(other); r.code != 2 || !strings.Contains(r.errOut, "another question") || strings.Contains(r.errOut, "irst") {
			t.Errorf("%s: exit %d\n%s%s", name, r.code, r.out, r.errOut)
		}
		// What is secret is not part of the question.
		if r := collect([]string{"--pprof", "http://user:newSecret@" + host + "?token=newToken"}); r.code != 0 {
			t.Errorf("new password: exit %d\n%s%s", r.code, r.out, r.errOut)
		}
		manifest := contents(t, filepath.Join(dir, "manifest.json"))
		if strings.Contains(manifest, "Secret") || strings.Contains(manifest, "Token") || !strings.Contains(manifest, host) {
			t.Errorf("the manifest is %s", manifest)
		}
	}
}

func TestTheQuestionHoldsTheSettingsAsTheyCameToBe(t *testing.T) {
	dir := t.TempDir()
	ask := func(env map[string]string, lf liveFlags, config string) string {
		t.Helper()
		a := newApp(System{Env: func(k string) string {
			return either(env[k], map[string]string{"DD_API_KEY": "firstSecretKey", "DD_APP_KEY": "secondSecretKey"}[k])
		}})
		a.configPath = config
		cfg, err := a.loadConfig()
		if err != nil {
			t.Fatal(err)
		}
		qf := queryFlags{service: "api", from: "3h"}
		q, err := qf.query(at, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		live, err := lf.options(a, cfg, pick(cfg, &q))
		if err != nil {
			t.Fatal(err)
		}
		return question(qf, q, live)
	}
	config := func(name, text string) string {
		return write(t, filepath.Join(dir, name), "version: 1\nservices: [{name: api, related_services: [router]}]\n"+text)
	}
	seen := map[string]string{}
	for name, got := range map[string]string{
		"nothing":    ask(nil, liveFlags{}, ""),
		"site":       ask(nil, liveFlags{site: "datadoghq.eu"}, ""),
		"URL":        ask(map[string]string{"LASTCALL_DATADOG_URL": "https://u:urlSecret@proxy.example/datadog?x=urlSecret"}, liveFlags{}, ""),
		"metric":     ask(nil, liveFlags{metrics: []string{"rss=a.b"}}, ""),
		"related":    ask(nil, liveFlags{}, config("plain.yaml", "")),
		"the config": ask(nil, liveFlags{}, config("metrics.yaml", "datadog: {metrics: {rss: c.d}}\n")),
	} {
		if before, twice := seen[got]; twice {
			t.Errorf("%s and %s are one question: %s", name, before, got)
		}
		seen[got] = name
		if strings.Contains(got, "Secret") {
			t.Errorf("the question holds a secret: %s", got)
		}
	}
	if a, b := ask(map[string]string{"DD_SITE": "datadoghq.eu"}, liveFlags{}, ""), ask(nil, liveFlags{site: "datadoghq.eu"}, ""); a != b {
		t.Errorf("the environment and the flag ask two questions:\n%s\n%s", a, b)
	}
}

func TestACaptureOfWhichEverythingWasRefusedIsNotCompleteAndGoesOn(t *testing.T) {
	var open atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", func(w http.ResponseWriter, r *http.Request) {
		if !open.Load() {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		pprof.Index(w, r)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	dir := filepath.Join(t.TempDir(), "capture")
	args := []string{"collect", "--output", dir, "--pprof", srv.URL}
	r := runIn(t, nil, args...)
	if r.code != 1 || r.out != "" || !strings.Contains(r.errOut, dir+" is incomplete: ") || !strings.Contains(r.errOut, "HTTP status 403") ||
		!strings.Contains(r.errOut, "run the same command again") {
		t.Errorf("refused: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	if manifest := contents(t, filepath.Join(dir, "manifest.json")); !strings.Contains(manifest, `"complete": false`) {
		t.Errorf("the manifest is %s", manifest)
	}
	open.Store(true)
	if r := runIn(t, nil, args...); r.code != 0 || !strings.Contains(r.out, "is complete: 2 records") {
		t.Errorf("allowed: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
}

func TestACaptureForWhichTheKeysWereRefusedGoesOn(t *testing.T) {
	_, env, flags := keptServer(t, "native-leak")
	dir := filepath.Join(t.TempDir(), "capture")
	args := append([]string{"collect", "--output", dir}, flags...)
	env["DD_API_KEY"] = "wrongwrongwrongwrongwrongwrong01"
	if r := runIn(t, env, args...); r.code != 1 || r.out != "" || !strings.Contains(r.errOut, "is incomplete: ") {
		t.Errorf("refused: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	env["DD_API_KEY"] = datadogtest.APIKey
	if r := runIn(t, env, args...); r.code != 0 || !strings.Contains(r.out, "is complete: ") {
		t.Errorf("allowed: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
}

// TestACaptureForWhichEveryQuestionWasRefusedGoesOn: the same command asks again, and what it gets is what a fresh capture has.
func TestACaptureForWhichEveryQuestionWasRefusedGoesOn(t *testing.T) {
	srv, env, flags := keptServer(t, "native-leak")
	srv.Forbidden = func(path string) bool { return !strings.Contains(path, "validate") }
	dir := filepath.Join(t.TempDir(), "capture")
	args := append([]string{"collect", "--output", dir}, flags...)
	r := runIn(t, env, args...)
	if r.code != 1 || r.out != "" || !strings.Contains(r.errOut, "is incomplete: ") {
		t.Errorf("refused: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	if r := runIn(t, env, append([]string{"investigate"}, flags...)...); r.code != 1 {
		t.Errorf("investigate: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	srv.Forbidden = nil
	if r := runIn(t, env, args...); r.code != 0 || !strings.Contains(r.out, "is complete: ") || strings.Contains(r.out, " 0 records") {
		t.Errorf("allowed: exit %d\n%s%s", r.code, r.out, r.errOut)
	}
	dirs := filepath.Join(t.TempDir(), "fresh")
	if r := runIn(t, env, append([]string{"collect", "--output", dirs}, flags...)...); r.code != 0 {
		t.Errorf("fresh: exit %d\n%s", r.code, r.errOut)
	}
	x := runIn(t, nil, "investigate", dir, "--format", "json")
	y := runIn(t, nil, "investigate", dirs, "--format", "json")
	if strings.ReplaceAll(x.out, dir, "D") != strings.ReplaceAll(y.out, dirs, "D") {
		t.Errorf("the capture that went on differs from a fresh one: %d and %d bytes", len(x.out), len(y.out))
	}
}
