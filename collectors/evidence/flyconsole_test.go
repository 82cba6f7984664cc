package evidence

import (
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
)

// flyPrinted is a line as fly logs prints it.
func flyPrinted(provider, message string) string {
	return "2026-11-20T09:00:00Z " + provider + "[f1ebb097497e5a] cdg [info]" + message
}

func TestPrintedLinesOfFlyAreOfTheirMachine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a request", flyPrinted("app", strings.Replace(pinoLine, "ip-10-0-1-2", "localhost", 1)), "GET /a of M at 100ms"},
		{"words", flyPrinted("app", wordsLine), "heap_limit of M at 0s"},
		{"the kernel", flyPrinted("app", "[21342.96] Out of memory: Killed process 25 (server) total-vm:8kB, anon-rss:2kB, file-rss:0kB"), "oom_kill of M at 0s"},
		{"an end by a signal", flyPrinted("app", " INFO Main child exited with signal (with signal 'SIGKILL', core dumped? false)"), "unknown of M at 0s"},
		{"an end with a status", flyPrinted("app", " INFO Main child exited normally with code: 134"), "abort of M at 0s"},
		{"a sound end", flyPrinted("app", " INFO Main child exited normally with code: 0"), "stopped of M at 0s"},
		{"out of memory", flyPrinted("app", " INFO Process appears to have been OOM killed!"), "oom_kill of M at 0s"},
		{"a start", flyPrinted("app", " INFO Starting init (commit: 693c179a)..."), "starting of M at 0s"},
		{"the machine ran out of memory", flyPrinted("runner", "machine exited with exit code 137, not requested by user, oom_killed=true"), "oom_kill of M at 0s"},
		{"the machine failed", flyPrinted("runner", "machine exited with exit code 134, not requested by user"), "abort of M at 0s"},
		{"the machine ended well", flyPrinted("runner", "machine exited with exit code 0, not restarting"), "stopped of M at 0s"},
		{"the machine was asked to end", flyPrinted("runner", "machine exited with exit code 137, requested by user"), "stopped of M at 0s"},
		{"the machine runs", flyPrinted("runner", "Machine started in 1.04s"), "up of M at 0s"},
		{"no status", flyPrinted("runner", "machine exited with exit code x"), "malformed_line 1"},
		{"a failed check", flyPrinted("health", "Health check 'servicecheck-00-http-8080' on port 8080 has failed."), "health_check_failed of M at 0s"},
		{"a check", flyPrinted("health", "Health check 'servicecheck-00-http-8080' on port 8080 is now passing."), "platform_lines 1"},
		{"the proxy", flyPrinted("proxy", "could not make HTTP request to instance: connection error"), "platform_lines 1"},
		{"in colours", "\x1b[2m2026-11-20T09:00:00Z\x1b[0m runner[f1ebb097497e5a] \x1b[32mcdg\x1b[0m [\x1b[34minfo\x1b[0m]Machine started in 1.04s", "up of M at 0s"},
		{"chatter, over two lines", flyPrinted("app", "hello") + "\nworld", "unrecognised_lines 2"},
		{"words on a second line", flyPrinted("app", "hello") + "\n" + wordsLine, "heap_limit of M at 0s; unrecognised_lines 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if score := (flyConsole{}).Sniff([]byte(c.text + "\n")); score != sureOfStored {
				t.Errorf("recognised with %d", score)
			}
			if got, want := storedSaid(t, readStored(t, "stdin", c.text+"\n")), strings.ReplaceAll(c.want, "M", "f1ebb097497e5a"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestLinesLikeThoseOfFlyAreOthers(t *testing.T) {
	for _, line := range []string{
		"2026-11-20T09:00:00 app[f1ebb097497e5a] cdg [info]no zone",
		"2026-11-20T09:00:00Z app[web.1]: cdg [info]Heroku",
		"2026-11-20T09:00:00Z app[] cdg [info]no machine",
		"2026-11-20T09:00:00Z app[x] europe [info]no region",
		"2026-11-20T09:00:00Z app[x] cdg info",
		"2026-11-20T09:00:00Z app[x]",
	} {
		if score := (flyConsole{}).Sniff([]byte(line + "\n")); score != 0 {
			t.Errorf("%s: %d", line, score)
		}
	}
}

func FuzzFlyConsole(f *testing.F) {
	f.Add([]byte(flyPrinted("app", pinoLine) + "\n" + flyPrinted("runner", "machine exited with exit code 137, oom_killed=true") + "\nx\n" + wordsLine))
	f.Add([]byte(flyPrinted("app", " INFO Main child exited normally with code: -1") + "\n" + flyPrinted("health", "Health check 'x' has failed")))
	all := formats(nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, w := range all {
			if fly, ok := w.(flyConsole); ok {
				formattest.FuzzDocument(t, fly, data)
			}
		}
	})
}
