package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lastcall/collectors/datadog/datadogtest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
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
	return serve(t, ev)
}

// keptServer does the same with an incident of the repository, so that no clone is without the test. Its logs and metrics are put into
// the form that Datadog gives them.
func keptServer(t *testing.T, incident string) (srv *datadogtest.Server, env map[string]string, flags []string) {
	t.Helper()
	return serve(t, rendered(t, filepath.Join(root(t), "testdata", "incidents", incident)))
}

func serve(t *testing.T, ev datadogtest.Evidence) (srv *datadogtest.Server, env map[string]string, flags []string) {
	t.Helper()
	from, to := ev.Span()
	srv = datadogtest.New(ev)
	t.Cleanup(srv.Close)
	env = map[string]string{"DD_API_KEY": datadogtest.APIKey, "DD_APP_KEY": datadogtest.AppKey, "LASTCALL_DATADOG_URL": srv.URL}
	flags = []string{
		"--service", "api", "--from", from.Add(-time.Second).UTC().Format(time.RFC3339), "--to", to.Add(time.Second).UTC().Format(time.RFC3339),
	}
	return srv, env, flags
}

// rendered is an incident in files as Datadog has one: the lines of the router and of the platform as logs of the service, the
// columns of the table as metrics.
func rendered(t *testing.T, dir string) datadogtest.Evidence {
	t.Helper()
	ev := datadogtest.Evidence{Events: datadogtest.Items(nil)}
	var items []*datadogtest.Item
	named := regexp.MustCompile(` container=(\S+)| \[(\w+-\d+)\]`)
	// A platform files its own words under its own names, and a question about one service takes them as well.
	for _, of := range []struct{ log, service string }{{"router.log.zst", "router"}, {"platform.log.zst", "scalingo"}} {
		log, service := of.log, of.service
		n := 0
		for line := range strings.Lines(uncompressed(t, filepath.Join(dir, log))) {
			line = strings.TrimSuffix(line, "\n")
			when, message, _ := strings.Cut(line, " UTC ") // Datadog has the time beside the text
			at, err := time.Parse("2006-01-02 15:04:05 -0700", when)
			if err != nil {
				t.Fatal(err)
			}
			tags := []string{"env:production", "service:" + service}
			if m := named.FindStringSubmatch(line); m != nil {
				tags = append(tags, "container:"+m[1]+m[2])
			}
			n++
			raw, err := json.Marshal(map[string]any{"id": fmt.Sprintf("%s-%07d", log, n), "type": "log", "attributes": map[string]any{
				"timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"), "service": service, "status": "info", "message": message, "tags": tags,
			}})
			if err != nil {
				t.Fatal(err)
			}
			item, err := datadogtest.NewItem(raw)
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, item)
		}
	}
	ev.Logs = datadogtest.NewItems(items)

	rows, err := csv.NewReader(strings.NewReader(uncompressed(t, filepath.Join(dir, "metrics.csv.zst")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	index := map[string]int{}
	for _, row := range rows[1:] {
		at, err := strconv.ParseFloat(row[column["timestamp_ms"]], 64)
		if err != nil {
			t.Fatal(err)
		}
		container := row[column["container"]]
		for _, m := range [][2]string{
			{"rss_bytes", "container.memory.usage"}, {"memory_limit_bytes", "container.memory.limit"}, {"heap_used_bytes", "runtime.node.mem.heap_used"},
		} {
			value, err := strconv.ParseFloat(row[column[m[0]]], 64)
			if err != nil {
				continue // an empty cell
			}
			key := m[1] + container
			i, ok := index[key]
			if !ok {
				i = len(ev.Metrics)
				index[key] = i
				ev.Metrics = append(ev.Metrics, datadogtest.Series{
					Metric: m[1], Tags: []string{"container:" + container, "env:production", "service:api"},
					Unit: json.RawMessage(`[{"family":"bytes","name":"byte","short_name":"B","plural":"bytes","scale_factor":1,"id":2},null]`),
				})
			}
			ev.Metrics[i].Points = append(ev.Metrics[i].Points, [2]float64{at, value})
		}
	}
	return ev
}

func uncompressed(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// overServers runs a test over an incident of the repository, and over a recorded one with structured logs where that is at hand.
func overServers(t *testing.T, test func(t *testing.T, srv *datadogtest.Server, env map[string]string, flags []string)) {
	t.Run("kept", func(t *testing.T) {
		srv, env, flags := keptServer(t, "native-leak")
		test(t, srv, env, flags)
	})
	t.Run("recorded", func(t *testing.T) {
		srv, env, flags := datadogServer(t, "S1-1")
		test(t, srv, env, flags)
	})
}

func TestACaptureReplaysToTheSameBytesAsTheLiveAnswer(t *testing.T) {
	overServers(t, captureReplays)
}

func captureReplays(t *testing.T, _ *datadogtest.Server, env map[string]string, flags []string) {
	live := runIn(t, env, append([]string{"investigate", "--format", "json"}, flags...)...)
	if live.code != 0 {
		t.Fatalf("exit %d\n%s", live.code, live.errOut)
	}
	if strings.Contains(live.out, `"suspects": []`) {
		t.Errorf("the live answer does not rest on the requests:\n%s", live.out[:min(len(live.out), 1500)]+"\n…\n"+live.errOut)
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
	overServers(t, keysAppearNowhere)
}

func keysAppearNowhere(t *testing.T, srv *datadogtest.Server, env map[string]string, flags []string) {
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
	_, env, flags := keptServer(t, "native-leak")
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
	_, env, flags := keptServer(t, "native-leak")
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
