package evidence

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// flyText is a line of Fly.io's log.
func flyText(provider, message string) string {
	return `{"event":{"provider":"` + provider + `"},"fly":{"app":{"instance":"f1ebb097497e5a","name":"shop"},"region":"cdg"},"host":"a1b2","log":{"level":"info"},"message":` +
		quoted(message) + `,"timestamp":"` + storedAt + `"}`
}

func TestLinesOfFlyAreOfTheirMachine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a request", flyText("app", strings.Replace(pinoLine, "ip-10-0-1-2", "localhost", 1)), "GET /a of M at 100ms"},
		{"words", flyText("app", wordsLine), "heap_limit of M at 123ms"},
		{"the kernel", flyText("app", "[21342.96] Out of memory: Killed process 25 (server) total-vm:8kB, anon-rss:2kB, file-rss:0kB"), "oom_kill of M at 123ms"},
		{"an end by a signal", flyText("app", " INFO Main child exited with signal (with signal 'SIGKILL', core dumped? false)"), "unknown of M at 123ms"},
		{"an end with a status", flyText("app", " INFO Main child exited normally with code: 134"), "abort of M at 123ms"},
		{"a sound end", flyText("app", " INFO Main child exited normally with code: 0"), "stopped of M at 123ms"},
		{"out of memory", flyText("app", " INFO Process appears to have been OOM killed!"), "oom_kill of M at 123ms"},
		{"asked to stop", flyText("app", " INFO Sending signal SIGINT to main child process w/ PID 314"), "stopping of M at 123ms"},
		{"a start", flyText("app", " INFO Starting init (commit: 693c179a)..."), "starting of M at 123ms"},
		{"no signal", flyText("app", " INFO Main child exited with signal (with signal 'X', core dumped? false)"), "unrecognised_lines 1"},
		{"no status", flyText("app", " INFO Main child exited normally with code: x"), "unrecognised_lines 1"},
		{"what runs the machine", flyText("runner", "Pulling container image registry.fly.io/shop:deployment-1"), "platform_lines 1"},
		{"what the proxy could not reach", flyText("proxy", "[PC01] instance refused connection. is your app listening on 0.0.0.0:8080?"), "platform_lines 1"},
		{"an end told from outside", flyText("runner", "machine exited with exit code 137, not restarting"), "unknown of M at 123ms"},
		{"a sound end told from outside", flyText("runner", "machine exited with exit code 0, not restarting"), "stopped of M at 123ms"},
		{"an end told from outside, and no status", flyText("runner", "machine exited with exit code x"), "malformed_line 1"},
		{"an application that says the same", flyText("app", "machine exited with exit code 137, not restarting"), "unrecognised_lines 1"},
		{"a health check", flyText("health", "Health check 'servicecheck-00-http-8080' on port 8080 has failed. Your app is not responding properly."), "health_check_failed of M at 123ms"},
		{"a health check that passes", flyText("health", "Health check 'servicecheck-00-http-8080' on port 8080 is now passing."), "platform_lines 1"},
		{"chatter", flyText("app", "hello"), "unrecognised_lines 1"},
		{"no time", strings.Replace(flyText("app", "x"), storedAt, "soon", 1), "malformed_line 1"},
		{"broken", strings.Replace(flyText("app", "x"), `"cdg"`, `cdg`, 1), "malformed_line 1"},
		{"of other types", `{"fly":{"app":7},"message":"` + wordsLine + `","timestamp":"` + storedAt + `"}`, "heap_limit of  at 123ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := strings.ReplaceAll(c.want, "M", "f1ebb097497e5a")
			if got := storedSaid(t, readStored(t, "stdin", c.text+"\n")); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if entry := flyEntry(c.text); entry != "" {
				if got := storedSaid(t, readStored(t, "stdin", indented(t, entry))); got != want {
					t.Errorf("as fly logs --json prints it: got %s, want %s", got, want)
				}
			}
		})
	}
}

// flyEntry is what `fly logs --json` prints of a line of flyText; empty where it is none.
func flyEntry(text string) string {
	var line struct {
		Event struct{ Provider string }
		Fly   struct{ App struct{ Instance string } }

		Message, Timestamp string
	}
	if json.Unmarshal([]byte(text), &line) != nil {
		return ""
	}
	return fmt.Sprintf(`{"level":"info","instance":%q,"message":%s,"region":"cdg","timestamp":%q,"meta":{"Instance":"","Region":"","Event":{"Provider":%q},"URL":{"Full":""}}}`,
		line.Fly.App.Instance, quoted(line.Message), line.Timestamp, line.Event.Provider)
}
