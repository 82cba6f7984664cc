package evidence_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// collectFiles reads files of the given names and texts in one run.
func collectFiles(t *testing.T, files ...[2]string) *recordtest.Sink {
	t.Helper()
	dir, paths := t.TempDir(), []string{}
	for _, f := range files {
		paths = append(paths, filepath.Join(dir, f[0]))
		if err := os.WriteFile(paths[len(paths)-1], []byte(f[1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sink := &recordtest.Sink{}
	if err := evidence.New(evidence.Options{Paths: paths}).Collect(t.Context(), record.Query{}, sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

func servers(sink *recordtest.Sink) (out []string) {
	for _, r := range sink.Requests {
		out = append(out, string(r.Container))
	}
	return out
}

const gunicorn = `89.123.152.124 - - [21/Nov/2026:13:30:45 +0000] "GET / HTTP/1.1" 200 8003 "-" "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X)" 28650`

func TestTheContainerBeforeAnAccessLogLineServedIt(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"Docker Compose", "web-2  | " + gunicorn, "web-2"},
		{"Docker Compose with times", "web-2  | 2026-11-21T13:30:45.123Z " + gunicorn, "web-2"},
		{"kubectl", "[pod/shop-6c8f9d7b5-gx87d/app] " + gunicorn, "shop-6c8f9d7b5-gx87d/app"},
		{"kubectl with times", "[pod/shop-6c8f9d7b5-gx87d/app] 2026-11-21T13:30:45.123Z " + gunicorn, "shop-6c8f9d7b5-gx87d/app"},
		{"Heroku", "2026-11-21T13:30:45.123456+00:00 app[web.2]: " + gunicorn, "web.2"},
		{"Scalingo", "2026-11-21 13:30:45.123456789 +0000 UTC [web-2] " + gunicorn, "web-2"},
		{"a time alone", "2026-11-21T13:30:45.123Z " + gunicorn, ""},
		{"seconds finer than nginx writes them", `web-2  | 89.1.5.1 - - [21/Nov/2026:13:30:45 +0000] "GET / HTTP/1.1" 200 8003 "-" "curl" 0.028651`, "web-2"},
		{"uwsgi", `web-3  | [pid: 29|app: 0|req: 1/1] 10.0.0.9 () {40 vars in 600 bytes} [Fri Nov 20 08:00:00 2026] GET /a => generated 9 bytes in 12 msecs (HTTP/1.1 200) 2 headers in 80 bytes (1 switches on core 0)`, "web-3"},
		{"a proxy, which served nobody", "nginx-1  | " + gunicorn, ""},
		{"the line's own container", `proxy-1  | 89.1.5.1 - - [21/Nov/2026:13:30:45 +0000] "GET / HTTP/1.1" 200 8003 "-" "curl" 0.123 web-1`, "web-1"},
		{"the line's upstream", `web-1  | 89.1.5.1 - - [21/Nov/2026:13:30:45 +0000] "GET / HTTP/1.1" 200 8003 "-" "curl" rt=0.123 ua="10.0.0.5:8080"`, "10.0.0.5:8080"},
		{"a line as nginx writes it", `web-1  | 89.1.5.1 - - [21/Nov/2026:13:30:45 +0000] "GET / HTTP/1.1" 200 8003 "-" "curl" 0.123`, ""},
		{"a bar within the line", `89.1.5.1 - a|b [21/Nov/2026:13:30:45 +0000] "GET / HTTP/1.1" 200 8003 "-" "curl" 28650`, ""},
	} {
		sink := collectText(t, "all.log", c.line+"\n")
		if diff := cmp.Diff([]string{c.want}, servers(sink)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestAFileNamedAfterAContainerIsItsLog(t *testing.T) {
	metrics := [2]string{"metrics.csv", `time,container,rss_bytes
2026-11-21T13:30:28.004Z,web-1,21753856
2026-11-21T13:30:28.009Z,web-10,21749760
2026-11-21T13:30:28.009Z,nginx,21749760
`}
	const killed = "[2026-11-21 13:48:44 +0000] [1] [ERROR] Worker (pid:8) was sent SIGKILL! Perhaps out of memory?\n"
	for _, c := range []struct{ name, file, text, server, dead string }{
		{"its name", "web-1", gunicorn + "\n" + killed, "web-1", "web-1"},
		{"an ending", "web-1.log", gunicorn + "\n" + killed, "web-1", "web-1"},
		{"more than an ending", "web-10.access.log", gunicorn + "\n" + killed, "web-10", "web-10"},
		{"JSON without a name", "web-1.log", `{"level":30,"time":1795277647960,"req":{"method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":12,"msg":"request completed"}
{"level":50,"time":1795277647961,"msg":"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"}
`, "web-1", "web-1"},
		{"lines that name another", "web-1.log", `{"level":30,"time":1795277647960,"hostname":"12a0","req":{"method":"GET","url":"/a"},"res":{"statusCode":200},"responseTime":12,"msg":"request completed"}
{"level":50,"time":1795277647961,"hostname":"12a0","msg":"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"}
`, "12a0", "12a0"},
		{"a name that only begins so", "web-12.log", gunicorn + "\n" + killed, "", ""},
		{"nobody's name", "app.log", gunicorn + "\n" + killed, "", ""},
		{"a proxy's", "nginx.log", gunicorn + "\n", "", "-"},
	} {
		for _, files := range [][][2]string{{metrics, {c.file, c.text}}, {{c.file, c.text}, metrics}} {
			sink := collectFiles(t, files...)
			if diff := cmp.Diff([]string{c.server}, servers(sink)); diff != "" {
				t.Errorf("%s: requests (-want +got):\n%s", c.name, diff)
			}
			if c.dead == "-" {
				continue
			}
			if len(sink.Crashes) != 1 || sink.Crashes[0].Container != c.dead {
				t.Errorf("%s: %+v", c.name, sink.Crashes)
			}
		}
	}
	sink := collectFiles(t, [2]string{"web-5d8f-abcde_shop_app-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log", "2026-11-21T13:30:45.123Z stdout F " + gunicorn + "\n"})
	if diff := cmp.Diff([]string{"web-5d8f-abcde/app"}, servers(sink)); diff != "" {
		t.Errorf("a link of the kubelet's (-want +got):\n%s", diff)
	}
	for file, want := range map[string]string{
		"web-5d8f7b9c4-x2x9q.log": "web-5d8f7b9c4-x2x9q", "web-5d8f7b9c4-x2x9q": "web-5d8f7b9c4-x2x9q", "5d8f7b9c4-x2x9q.log": "",
		"web-access-x2x9q.log": "", "ingress-nginx-5d8f7b9c4-x2x9q.log": "", "web-5d8f7b9c4-queue.log": "",
	} {
		sink = collectFiles(t, [2]string{file, gunicorn + "\n"})
		if diff := cmp.Diff([]string{want}, servers(sink)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	sink = collectFiles(t, [2]string{"web-1.log", gunicorn + "\n"})
	if diff := cmp.Diff([]string{""}, servers(sink)); diff != "" {
		t.Errorf("a name that nothing else tells (-want +got):\n%s", diff)
	}
}
