package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastcall/cmd/internal/nightly"
)

// planted are personal data and secrets as logs carry them. None may come out anywhere.
var planted = map[string]string{
	"an e-mail address": "jane.doe@victim.example",
	"an IPv4 address":   "203.0.113.77",
	"an IPv6 address":   "2001:db8:85a3::8a2e:370:7334",
	"a JWT":             "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
	"a bearer token":    "b3f1c9d27a6e4f508d1b2c3e4f5a6b7c8d9e0f1a",
	"a card number":     "4111 1111 1111 1111",
	"a password":        "hunter2-correct-horse",
	"a session cookie":  "s%3AhVfJ2kq9ZtX0pLmN4bRcYwUe",
	"a cloud key":       "AKIAIOSFODNN7EXAMPLE",
	"an API key":        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
}

// leakyEvidence writes an incident whose every line carries planted values where such lines carry them.
func leakyEvidence(t *testing.T, dir string) {
	t.Helper()
	begin := time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC)
	stamp := func(x time.Time) string { return x.Format("2006-01-02 15:04:05.000000000 +0000 UTC") }
	var router, platform, app, k8s strings.Builder
	fmt.Fprintf(&platform, "%s [system] [web-1] Starting container web-1 (dc317786f4c6)\n", stamp(begin.Add(-time.Minute)))
	for i := range 3600 {
		x := begin.Add(time.Duration(i) * time.Second)
		path := fmt.Sprintf("/api/users/%s/items?token=%s&password=%s", planted["an e-mail address"], planted["a JWT"], planted["a password"])
		if i%3 == 0 {
			path = "/api/status?key=" + planted["a cloud key"]
		}
		fmt.Fprintf(&router, "%s [router] method=GET path=%q host=api.example request_id=%08d-1111-4222-8333-444455556666 container=web-%d from=%q protocol=https status=200 duration=0.1s bytes=10 referer=\"https://u:%s@x.example/\" user_agent=\"curl\"\n",
			stamp(x), path, i, i%2+1, planted["an IPv4 address"], planted["a password"])
		fmt.Fprintf(&app, `{"level":30,"time":%d,"pid":1,"hostname":"web-%d","req":{"id":"%08d-1111-4222-8333-444455556666","method":"GET","url":%q,"remoteAddress":%q,"headers":{"authorization":"Bearer %s","cookie":"session=%s"}},"userId":%q,"res":{"statusCode":200},"responseTime":100,"msg":"request completed"}`+"\n",
			x.UnixMilli(), i%2+1, i, path, planted["an IPv6 address"], planted["a bearer token"], planted["a session cookie"], planted["an e-mail address"])
	}
	death := begin.Add(time.Hour)
	for _, k := range []string{"a bearer token", "an API key"} {
		fmt.Fprintf(&app, `{"level":60,"time":%d,"pid":1,"hostname":"web-1","msg":"Uncaught Error: payment for %s with card %s failed, Authorization: Bearer %s","stack":"Error: api_key=%s\n    at pay (/app/pay.js:1:1)"}`+"\n",
			death.UnixMilli(), planted["an e-mail address"], planted["a card number"], planted[k], planted["an API key"])
	}
	fmt.Fprintf(&router, "%s [router] method=GET path=\"/api/export/%s?session=%s\" host=api.example request_id=99999999-1111-4222-8333-444455556666 container=web-1 from=%q protocol=https status=504 duration=30s bytes=0 referer=\"-\" user_agent=\"curl\"\n",
		stamp(death.Add(-10*time.Second)), planted["an e-mail address"], planted["a session cookie"], planted["an IPv4 address"])
	fmt.Fprintf(&platform, "%s [web-1] FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory (user %s from %s, token %s)\n", stamp(death),
		planted["an e-mail address"], planted["an IPv4 address"], planted["a JWT"])
	fmt.Fprintf(&platform, "%s [system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 134\n", stamp(death.Add(time.Second)))
	fmt.Fprintf(&k8s, `{"kind":"EventList","apiVersion":"v1","items":[{"kind":"Event","metadata":{"name":"web-1.1"},"involvedObject":{"kind":"Pod","name":"web-1"},"reason":"Unhealthy","message":"Liveness probe failed: Get http://%s:8080/health?key=%s: timeout","lastTimestamp":%q,"type":"Warning"}]}`,
		planted["an IPv4 address"], planted["an API key"], death.Format(time.RFC3339))
	for name, text := range map[string]string{"router.log": router.String(), "platform.log": platform.String(), "app.ndjson": app.String(), "events.json": k8s.String()} {
		write(t, filepath.Join(dir, name), text)
	}
	// Lines that nothing can read are quoted in warnings.
	write(t, filepath.Join(dir, "broken.log"), strings.Replace(router.String()[:2000], "status=200", "status="+planted["an API key"], 3)+
		"2026-11-16 12:00:00.000000000 +0000 UTC [router] method=GET path=\"/x?password="+planted["a password"]+"\n")
}

// refusedEvidence writes files that cannot be read, or not to their end, with the planted values where errors and gaps may quote them:
// in the first line, at the break, and in a name.
func refusedEvidence(t *testing.T, unknown, cut string) {
	t.Helper()
	line := fmt.Sprintf("dear %s at %s (%s), password=%s card %s %s %s Bearer %s token=%s cookie: session=%s\n", planted["an e-mail address"], planted["an IPv4 address"],
		planted["an IPv6 address"], planted["a password"], planted["a card number"], planted["a cloud key"], planted["an API key"], planted["a bearer token"],
		planted["a JWT"], planted["a session cookie"])
	write(t, filepath.Join(unknown, "notes.txt"), line)
	write(t, filepath.Join(unknown, planted["an e-mail address"]), line)
	write(t, filepath.Join(unknown, "table.csv"), fmt.Sprintf("time,%s,%s\n2026-11-16T12:00:00Z,1,2\n", planted["an e-mail address"], planted["an API key"]))
	event := fmt.Sprintf(`{"kind":"Event","metadata":{"name":"web-1.1"},"involvedObject":{"kind":"Pod","name":"web-1"},"reason":"Unhealthy","message":%q,"lastTimestamp":"2026-11-16T12:00:00Z","type":"Warning"}`, line)
	write(t, filepath.Join(cut, "events.json"), `{"kind":"EventList","apiVersion":"v1","items":[`+event+`,{"message":"`+strings.TrimSpace(line)+`" `+strings.TrimSpace(line))
}

func TestPlantedSecretsComeOutNowhere(t *testing.T) {
	dir := t.TempDir()
	in, out, unknown, cut := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "unknown"), filepath.Join(dir, "cut")
	for _, d := range []string{in, out, unknown, cut} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	leakyEvidence(t, in)
	refusedEvidence(t, unknown, cut)
	hook := listen(t, nil)
	cfg := write(t, filepath.Join(dir, "c.yaml"), fmt.Sprintf(
		"version: 1\nstate: out/state\nreports: out/reports\nfail_on: never\nwebhook: {url: %q}\nservices: [{name: api, paths: [in]}, {name: unknown, paths: [unknown]}, {name: cut, paths: [cut]}]\n", hook.URL))
	outputs := map[string]string{}
	keep := func(name string, want int, r result) {
		if r.code != want {
			t.Fatalf("%s: exit %d\n%s", name, r.code, r.errOut)
		}
		outputs[name+" stdout"], outputs[name+" stderr"] = r.out, r.errOut
	}
	keep("investigate", 0, runIn(t, nil, "investigate", in, "--verbose", "--output", out+"/r.md", "--output", out+"/r.json", "--output", out+"/r.html", "--output", out+"/r.txt"))
	keep("nightly", 4, runIn(t, map[string]string{"GITHUB_STEP_SUMMARY": out + "/summary.md"}, "nightly", "--config", cfg, "--verbose", "--output", out+"/n.json", "--output", out+"/n.xml", "--output", out+"/n.md"))
	keep("report", 0, runIn(t, nil, "report", out+"/r.json"))
	keep("a file of no known format", 1, runIn(t, nil, "investigate", unknown+"/notes.txt"))
	keep("a table of no known columns", 1, runIn(t, nil, "investigate", unknown+"/table.csv", "--verbose"))
	for i, b := range hook.bodies {
		outputs[fmt.Sprintf("webhook %d", i)] = b
	}
	err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		outputs[path[len(dir):]] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := outputs["a file of no known format stderr"]; !strings.Contains(text, "notes.txt begins: ") || !strings.Contains(text, "[email]") {
		t.Errorf("how the file begins is not shown masked: %s", text)
	}
	if text := outputs["nightly stdout"]; !strings.Contains(text, "NOT CHECKED: ") {
		t.Errorf("the night does not tell of the files that it could not read:\n%s", text)
	}
	// Reading a refused file again would give the same answer, half a minute later.
	if n := strings.Count(outputs["nightly stderr"], "checking unknown"); n != 1 {
		t.Errorf("the files that cannot be read were tried %d times", n)
	}
	if len(outputs) < 19 || len(hook.bodies) == 0 || !strings.Contains(outputs["investigate stdout"], "web-1") {
		t.Fatalf("only %d outputs, %d messages; the report:\n%s", len(outputs), len(hook.bodies), outputs["investigate stdout"])
	}
	for name, text := range outputs {
		for what, value := range planted {
			if i := strings.Index(text, value); i >= 0 {
				t.Errorf("%s holds %s: …%s…", name, what, text[max(0, i-60):min(len(text), i+len(value)+20)])
			}
		}
	}
	// Asked for, they are there, and the report says so.
	r := runIn(t, nil, "investigate", in, "--no-redact", "--format", "json")
	if !strings.Contains(r.out, planted["an e-mail address"]) || !strings.Contains(r.out, `"redacted": false`) {
		t.Error("--no-redact: the report neither holds the data nor says that it is not redacted")
	}
}

// What a night keeps is masked whatever the collectors say.
func TestTheErrorsAndGapsOfANightAreMasked(t *testing.T) {
	cause := errors.New("user " + planted["an e-mail address"])
	res, err := masked(nightly.Result{}, fmt.Errorf("at %s: %w", planted["an IPv4 address"], cause))
	if res.Report != nil || !errors.Is(err, cause) || err.Error() != "at [ip]: user [email]" {
		t.Errorf("%v, %v", res, err)
	}
	res, err = masked(nightly.Result{Gaps: []string{"logs of datadog logs: refused for " + planted["a JWT"]}}, nil)
	if err != nil || len(res.Gaps) != 1 || strings.Contains(res.Gaps[0], planted["a JWT"]) {
		t.Errorf("%v, %v", res, err)
	}
}
