package evidence

import (
	"bytes"
	stdcmp "cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

// said is what a process says, in an entry of the journal.
type said struct{ micros, host, tag, pid, message string }

// asJSON is the entry as `journalctl -o json` prints it, with more fields.
func (s said) asJSON(more string) string {
	return fmt.Sprintf(`{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795165200%s","_HOSTNAME":"%s","SYSLOG_IDENTIFIER":"%s","_PID":"%s"%s,"MESSAGE":%s}`+"\n",
		s.micros, s.host, s.tag, s.pid, more, quoted(s.message))
}

// asText is the entry as `journalctl -o short-iso-precise` prints it.
func (s said) asText() string {
	pid := "[" + s.pid + "]"
	if s.tag == "kernel" {
		pid = ""
	}
	return "2026-11-20T09:00:00." + s.micros + "+0000 " + s.host + " " + s.tag + pid + ": " + s.message + "\n"
}

// inJournal is a story of two machines.
var inJournal = []said{
	{"100000", "node-a", "shop", "17", pinoLine},
	{"110000", "node-a", "php-fpm", "19", `[2026-11-20T09:00:00.110000+00:00] production.INFO: request.end {"id":"b8c2","method":"GET","uri":"\/m","status":200,"ms":42} []`},
	{"120000", "node-b", "shop", "17", `time=2026-11-20T09:00:00.12Z level=INFO msg=done method=GET path=/kv status=200 duration=5ms`},
	{"130000", "node-b", "gunicorn", "18", `10.0.1.48 - - [20/Nov/2026:09:00:00 +0000] "GET /access HTTP/1.1" 200 1595 "-" "curl" 0.067684`},
	{"140000", "lb1", "haproxy", "812", `1.1.1.1:1 [20/Nov/2026:09:00:00.100] front~ back/web-1 0/0/0/20/40 200 1541 - - ---- 5/6/9/1/0 0/0 "GET /proxied HTTP/1.1"`},
	{"150000", "node-a", "shop", "17", `{"level":60,"time":1795165200150,"pid":17,"hostname":"node-a","msg":"` + wordsLine + `"}`},
	{"160000", "node-b", "shop", "17", "panic: runtime error: index out of range"},
	{"170000", "node-b", "shop", "17", "goroutine 1 [running]:"},
	{"180000", "node-b", "systemd", "1", "shop.service: Main process exited, code=exited, status=2/INVALIDARGUMENT"},
	{"181000", "node-b", "systemd", "1", "shop.service: Failed with result 'exit-code'."},
	{"190000", "node-b", "systemd", "1", "shop.service: Scheduled restart job, restart counter is at 1."},
	{"195000", "node-b", "systemd", "1", "Started shop.service - The shop."},
	{"200000", "node-a", "kernel", "0", "Memory cgroup out of memory: Killed process 123 (node) total-vm:1kB, anon-rss:10kB, file-rss:0kB"},
	{"210000", "node-a", "sshd", "99", "Connection closed by 1.2.3.4"},
}

// withoutSource leaves out where records were read.
var withoutSource = cmp.Options{cmpopts.IgnoreTypes(record.Pos{}), cmpopts.EquateEmpty()}

func TestTheJournalTellsTheSameInJSONAsInText(t *testing.T) {
	var text, lines strings.Builder
	for _, s := range inJournal {
		text.WriteString(s.asText())
		lines.WriteString(s.asJSON(""))
	}
	want := readStored(t, "stdin", text.String())
	if got := storedSaid(t, want); !strings.HasPrefix(got, "GET /a of ip-10-0-1-2 at 100ms; GET /m of node-a at 110ms; GET /kv of node-b at 120ms; GET /access of node-b at 0s; GET /proxied of web-1 at 140ms; "+
		"heap_limit of node-a at 150ms; exception of node-b at 160ms; exit of node-b at 180ms; oom_kill of  at 200ms; up of node-b at 195ms") {
		t.Error(got)
	}
	object := strings.ReplaceAll(lines.String(), "}\n", "}")
	for name, given := range map[string]string{
		"json":        lines.String(),
		"json-seq":    "\x1e" + strings.ReplaceAll(strings.TrimSuffix(lines.String(), "\n"), "\n", "\n\x1e"),
		"json-sse":    "data: " + strings.ReplaceAll(strings.TrimSuffix(lines.String(), "\n"), "\n", "\n\ndata: ") + "\n\n",
		"json-pretty": prettyEntries(t, lines.String()),
		"an array":    "[" + strings.ReplaceAll(object, `}{"__CURSOR"`, `},{"__CURSOR"`) + "]",
		"newest last": reversed(lines.String()),
	} {
		t.Run(name, func(t *testing.T) {
			got := readStored(t, "stdin", given)
			for _, s := range []*recordtest.Sink{want, got} {
				slices.SortStableFunc(s.Requests, func(a, b record.Request) int {
					return stdcmp.Or(stdcmp.Compare(a.End, b.End), bytes.Compare(a.Path, b.Path))
				})
				slices.SortStableFunc(s.Crashes, func(a, b record.Crash) int { return stdcmp.Compare(a.Time, b.Time) })
			}
			for kind, diff := range map[string]string{
				"requests":   cmp.Diff(want.Requests, got.Requests, withoutSource),
				"crashes":    cmp.Diff(want.Crashes, got.Crashes, withoutSource),
				"lifecycles": cmp.Diff(want.Lifecycles, got.Lifecycles, withoutSource),
			} {
				if diff != "" {
					t.Errorf("%s (-text +JSON):\n%s", kind, diff)
				}
			}
			if f := got.Coverages[0].Source.Format; f != "journald" {
				t.Errorf("read as %s", f)
			}
		})
	}
}

// prettyEntries is JSON lines as -o json-pretty prints them.
func prettyEntries(t *testing.T, lines string) string {
	t.Helper()
	var out strings.Builder
	for d := json.NewDecoder(strings.NewReader(lines)); d.More(); {
		var v map[string]any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		b, _ := json.MarshalIndent(v, "", "\t")
		out.Write(append(b, '\n'))
	}
	return out.String()
}

func reversed(lines string) string {
	all := strings.SplitAfter(strings.TrimSuffix(lines, "\n"), "\n")
	var out strings.Builder
	for i := range all {
		out.WriteString(strings.TrimSuffix(all[len(all)-1-i], "\n") + "\n")
	}
	return out.String()
}

func TestEntriesOfTheJournalAreOfWhoSpoke(t *testing.T) {
	words := said{"123000", "node-a", "shop", "17", wordsLine}
	for _, c := range []struct{ name, text, want string }{
		{"a process of a machine", words.asJSON(""), "heap_limit of node-a at 123ms"},
		{"a container of Docker", words.asJSON(`,"CONTAINER_NAME":"web-1","CONTAINER_ID_FULL":"` + cid + `"`), "heap_limit of web-1 at 123ms"},
		{"a pod of Kubernetes with Docker", words.asJSON(`,"CONTAINER_NAME":"k8s_app_web-5d8f7b9c4-x2x9q_prod_0a_0"`), "heap_limit of web-5d8f7b9c4-x2x9q/app at 123ms"},
		{"JSON of a container", said{"123000", "node-a", "3f1c", "17", pinoLine}.asJSON(`,"CONTAINER_NAME":"web-1"`), "GET /a of web-1 at 100ms"},
		{"bytes", strings.Replace(words.asJSON(""), quoted(wordsLine), `[112,97,110,105,99,58,32,120]`, 1), "exception of node-a at 123ms"},
		{"a message that was set twice", strings.Replace(words.asJSON(""), quoted(wordsLine), `["panic: x","y"]`, 1), "exception of node-a at 123ms"},
		{"a long message", strings.Replace(words.asJSON(""), quoted(wordsLine), `null`, 1), "no_message 1"},
		{"an empty message", strings.Replace(words.asJSON(""), quoted(wordsLine), `""`, 1), ""},
		{"no machine", strings.Replace(words.asJSON(""), `"_HOSTNAME":"node-a",`, "", 1), "heap_limit of  at 123ms"},
		{"several lines", said{"123000", "node-a", "shop", "17", "hello\n" + wordsLine + "\n\n"}.asJSON(""), "heap_limit of node-a at 123ms; unrecognised_lines 1"},
		{"a unit by its description", said{"123000", "node-a", "systemd", "1", "Started The shop."}.asJSON(`,"UNIT":"shop.service"`), "up of node-a at 123ms"},
		{"no time", strings.Replace(words.asJSON(""), `"1795165200123000"`, `"soon"`, 1), "malformed_line 1"},
		{"broken", strings.Replace(words.asJSON(""), `"_PID"`, `_PID`, 1), "malformed_line 1"},
		{"what journalctl says besides", words.asJSON("") + "-- Boot 3f1c --\n", "heap_limit of node-a at 123ms; unrecognised_lines 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := storedSaid(t, readStored(t, "stdin", c.text)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestWarningsOfTheJournalQuoteNoCommandLines(t *testing.T) {
	entry := said{"123000", "node-a", "shop", "17", "hello"}.asJSON(`,"_CMDLINE":"/usr/bin/api --password hunter2secret"`)
	for _, c := range []struct{ name, text, want string }{
		{"no message", strings.Replace(entry, `"hello"`, `null`, 1), "shop[17]:"},
		{"no time", strings.Replace(entry, `"1795165200123000"`, `"soon"`, 1), `"MESSAGE":"hello"`},
		{"broken", strings.Replace(entry, `"_PID"`, `_PID`, 1), `"MESSAGE":"hello"`},
		{"broken, and no message", strings.Replace(strings.Replace(entry, `"_PID"`, `_PID`, 1), `"MESSAGE"`, `"OTHER"`, 1), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := readStored(t, "stdin", c.text)
			if len(got.Warnings) != 1 {
				t.Fatalf("%+v", got.Warnings)
			}
			if example := got.Warnings[0].Example; strings.Contains(example, "hunter2") || !strings.Contains(example, c.want) {
				t.Errorf("quotes %s", example)
			}
		})
	}
}

func TestWhatSystemdSaysOfServices(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"killed", "shop.service: Main process exited, code=killed, status=9/KILL", "unknown of node-a at 0s"},
		{"dumped", "shop.service: Main process exited, code=dumped, status=6/ABRT", "abort of node-a at 0s"},
		{"failed", "shop.service: Main process exited, code=exited, status=1/FAILURE", "exit of node-a at 0s"},
		{"as Java ends when it is told to", "shop.service: Main process exited, code=exited, status=143/n/a", "stopped of node-a at 0s"},
		{
			"out of memory", "shop.service: A process of this unit has been killed by the OOM killer.\nshop.service: Main process exited, code=killed, status=15/TERM\nshop.service: Failed with result 'oom-kill'.",
			"oom_kill of node-a at 0s; oom_kill of node-a at 0s",
		},
		{"the watchdog", "shop.service: Watchdog timeout (limit 30s)!\nshop.service: Failed with result 'watchdog'.", "health_check of node-a at 0s"},
		{
			"as it was asked to", "Stopping shop.service - The shop...\nshop.service: Main process exited, code=exited, status=1/FAILURE\nshop.service: Failed with result 'exit-code'.\nStopped shop.service - The shop.\nStarted shop.service - The shop.",
			"stopping of node-a at 0s; stopped of node-a at 0s; up of node-a at 0s",
		},
		{
			"one that ends before it is up, as those of timers", "Starting backup.service - Backup...\nbackup.service: Main process exited, code=exited, status=1/FAILURE\nbackup.service: Failed with result 'exit-code'.\nFailed to start backup.service - Backup.",
			"",
		},
		{
			"an older version", "shop.service: Main process exited, code=killed, status=11/SEGV\nshop.service: Scheduled restart job, restart counter is at 2.\nStopped shop.service.\nStarted shop.service.",
			"segfault of node-a at 0s; up of node-a at 0s",
		},
		{
			"killed before it is up", "Starting shop.service - The shop...\nshop.service: Main process exited, code=killed, status=9/KILL\nshop.service: Failed with result 'oom-kill'.\nFailed to start shop.service - The shop.",
			"unknown of node-a at 0s; oom_kill of node-a at 0s",
		},
		{"hung before it is up", "Starting shop.service - The shop...\nshop.service: Failed with result 'watchdog'.", "health_check of node-a at 0s"},
		{
			"one that gives up before it is up, and is tried again", strings.Repeat("Starting shop.service - The shop...\nshop.service: Main process exited, code=exited, status=1/FAILURE\nshop.service: Failed with result 'exit-code'.\nFailed to start shop.service - The shop.\nshop.service: Scheduled restart job, restart counter is at 1.\n", 2) +
				"Stopped shop.service - The shop.\nshop.service: Start request repeated too quickly.\nshop.service: Failed with result 'exit-code'.",
			"exit of node-a at 0s; exit of node-a at 0s",
		},
		{
			"one that was restarted long before somebody stopped it", "shop.service: Scheduled restart job, restart counter is at 1.\nStopping shop.service - The shop...\nStopped shop.service - The shop.\nStarting shop.service - The shop...\nshop.service: Main process exited, code=exited, status=255/EXCEPTION",
			"stopping of node-a at 0s; stopped of node-a at 0s",
		},
		{"one that is stopped while it starts", "Starting shop.service - The shop...\nshop.service: Main process exited, code=killed, status=15/TERM\nshop.service: Deactivated successfully.", ""},
		{
			"started too often after an end for memory", "shop.service: Failed with result 'oom-kill'.\nshop.service: Scheduled restart job, restart counter is at 5.\nshop.service: Start request repeated too quickly.\nshop.service: Failed with result 'oom-kill'.",
			"oom_kill of node-a at 0s",
		},
		{"what runs besides", "snapd.service: Main process exited, code=exited, status=42/n/a\nStarted apt-daily.service - Daily apt download activities.\nuser@1000.service: Main process exited, code=killed, status=9/KILL", ""},
		{"what systemd-run runs", "Started run-u12.service - /bin/true.\nStarted run-r0123456789abcdef0123456789abcdef.service - [systemd-run] /bin/true.\nStarted run-p12-i34.service - /bin/true.", ""},
		{"services whose names begin as those of a machine", killedUnits("user-api", "user", "cloud-gateway", "run-reports", "run-up", "session", "dev-portal@1", "rpc-node", "sys-api", "apt-search", "nfs-ui"), strings.TrimSuffix(strings.Repeat("unknown of node-a at 0s; ", 11), "; ")},
		{"what a machine runs under such names", killedUnits("user@1000", "user-runtime-dir@1000", "cloud-init", "cloud-final", "rpc-statd", "apt-daily-upgrade", "nfs-server", "systemd-fsck@dev-sda1"), ""},
		{"what is no service", "Started session-3.scope - Session 3 of User root.\nReached target multi-user.target - Multi-User System.\ntmp.mount: Deactivated successfully.", ""},
		{"no status", "shop.service: Main process exited, code=exited, status=999/FAILURE", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var text strings.Builder
			for line := range strings.SplitSeq(c.text, "\n") {
				text.WriteString("2026-11-20T09:00:00+0000 node-a systemd[1]: " + line + "\n")
			}
			if got := storedSaid(t, readStored(t, "stdin", text.String())); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	t.Run("another process of that name", func(t *testing.T) {
		if _, left := formattest.ReadLines(t, systemdLog{}, "2026-11-20T09:00:00+0000 node-a systemd[1234]: shop.service: Main process exited, code=killed, status=9/KILL\n"); len(left) != 1 {
			t.Errorf("%q", left)
		}
	})
	t.Run("without a time zone", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "journal.log")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var sink recordtest.Sink
		p := systemdLog{}.NewParser(&record.Source{Name: name})
		if _, err := p.ParseLine(1, []byte("Jan  2 09:00:00 node-a systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL"), &sink); err != nil {
			t.Fatal(err)
		}
		if len(sink.Crashes) != 1 || sink.WarningCount("no_timezone") != 1 || sink.WarningCount("no_year") != 1 {
			t.Errorf("%+v %+v", sink.Crashes, sink.Warnings)
		}
	})
	t.Run("without a year", func(t *testing.T) {
		var sink recordtest.Sink
		p := systemdLog{}.NewParser(&record.Source{})
		if _, err := p.ParseLine(1, []byte("Nov 20 09:00:00 node-a systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL"), &sink); err != nil {
			t.Fatal(err)
		}
		if len(sink.Crashes) != 0 || len(sink.Warnings) != 1 || sink.Warnings[0].Code != "no_time" {
			t.Errorf("%+v %+v", sink.Crashes, sink.Warnings)
		}
	})
}

// killedUnits is what systemd says where services of these names are killed.
func killedUnits(names ...string) string {
	var lines []string
	for _, name := range names {
		lines = append(lines, name+".service: Main process exited, code=killed, status=9/KILL")
	}
	return strings.Join(lines, "\n")
}

func FuzzSystemd(f *testing.F) {
	f.Add("2026-11-20T09:00:00+0000 node-a systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL")
	f.Add("<30>Nov 20 09:00:00 node-a systemd[1]: Stopping shop.service...")
	f.Add("2026-11-20T09:00:00+0000 node-a systemd[1]: shop.service: Failed with result '")
	f.Fuzz(func(t *testing.T, line string) { formattest.FuzzLine(t, systemdLog{}, line) })
}
