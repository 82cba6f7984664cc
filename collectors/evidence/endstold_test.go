package evidence_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"
)

func dockerDeaths(container string, times ...string) (out string) {
	for _, at := range times {
		out += fmt.Sprintf("2026-11-16T%s.859982910Z container oom 3f1c4e5d6a7b (image=api:1, name=%s)\n", at, container)
		out += fmt.Sprintf("2026-11-16T%s.959982910Z container die 3f1c4e5d6a7b (exitCode=137, image=api:1, name=%s)\n", at, container)
	}
	return out
}

func inspected(container string, restarts int, finished string) string {
	return fmt.Sprintf(`{"Id":"3f1c4e5d6a7b","Name":"/%s","RestartCount":%d,"State":{"Running":true,"OOMKilled":false,"ExitCode":0,"StartedAt":"2026-11-16T14:00:01Z","FinishedAt":"2026-11-16T%s.96Z"},"HostConfig":{"Memory":134217728,"RestartPolicy":{"Name":"on-failure"}},"Config":{}}`+"\n", container, restarts, finished)
}

func TestRestartsOfWhichAnotherSourceTellsTheEndsAreNotMissing(t *testing.T) {
	pod := func(restarts int) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1"},"spec":{"containers":[{"name":"app"}]},"status":{"containerStatuses":[{"name":"app","restartCount":%d,"state":{"running":{"startedAt":"2026-11-16T14:00:01Z"}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","startedAt":"2026-11-16T13:00:00Z","finishedAt":"2026-11-16T14:00:00Z"}}}]}}`, restarts)
	}
	event := func(reason, msg, at string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"Event","involvedObject":{"kind":"Pod","name":"web-1"},"reason":%q,"message":%q,"firstTimestamp":%[3]q,"lastTimestamp":%[3]q,"count":1}`, reason, msg, at)
	}
	list := func(items ...string) string {
		return `{"apiVersion":"v1","kind":"List","items":[` + strings.Join(items, ",") + `]}`
	}
	const liveness, backOff = "Container app failed liveness probe, will be restarted", "Back-off restarting failed container app in pod web-1"
	for _, c := range []struct {
		name  string
		files [][2]string
		want  int64
	}{
		{"alone", [][2]string{{"inspect.json", inspected("web-1", 4, "14:00:00")}}, 3},
		{"all of them", [][2]string{
			{"inspect.json", inspected("web-1", 4, "14:00:00")},
			{"events.txt", dockerDeaths("web-1", "13:47:57", "13:50:00", "13:55:00", "14:00:00")},
		}, 0},
		{"all but one", [][2]string{
			{"inspect.json", inspected("web-1", 4, "14:00:00")}, {"events.txt", dockerDeaths("web-1", "13:50:00", "13:55:00", "14:00:00")},
		}, 1},
		{"those before the last", [][2]string{
			{"inspect.json", inspected("web-1", 3, "14:00:00")}, {"events.txt", dockerDeaths("web-1", "13:50:00", "13:55:00")},
		}, 0},
		{"the last only", [][2]string{
			{"inspect.json", inspected("web-1", 3, "14:00:00")}, {"events.txt", dockerDeaths("web-1", "14:00:00")},
		}, 2},
		{"of another container", [][2]string{
			{"inspect.json", inspected("web-1", 3, "14:00:00") + inspected("web-3", 2, "14:00:00")},
			{"events.txt", dockerDeaths("web-2", "13:50:00", "13:55:00", "14:00:00")},
		}, 3},
		{"of a pod", [][2]string{{"pods.json", list(pod(3))}}, 2},
		{"of a pod, by its events", [][2]string{
			{"pods.json", list(pod(3))},
			{"events.json", list(event("Unhealthy", "Liveness probe failed", "2026-11-16T13:29:50Z"), event("Killing", liveness, "2026-11-16T13:30:00Z"), event("BackOff", backOff, "2026-11-16T13:30:20Z"),
				event("Killing", liveness, "2026-11-16T13:45:00Z"), event("BackOff", backOff, "2026-11-16T14:00:15Z"))},
		}, 0},
		{"of a pod, in one list with its events", [][2]string{
			{"all.json", list(pod(3), "\n"+event("Killing", liveness, "2026-11-16T13:30:00Z"), "\n"+event("BackOff", backOff, "2026-11-16T13:45:00Z"))},
		}, 0},
		{"of a pod, some by its events", [][2]string{
			{"pods.json", list(pod(5))}, {"events.json", list(event("BackOff", backOff, "2026-11-16T13:30:20Z"), event("BackOff", backOff, "2026-11-16T14:00:15Z"))},
		}, 3},
	} {
		for _, files := range [][][2]string{c.files, reversed(c.files)} {
			sink := collectFiles(t, files...)
			if n := warned(sink); n != c.want {
				t.Errorf("%s: %d, want %d; crashes %+v", c.name, n, c.want, sink.Crashes)
			}
		}
	}
}

func warned(sink *recordtest.Sink) int64 { return sink.WarningCount("earlier_restarts") }

func reversed(files [][2]string) (out [][2]string) {
	for _, f := range files {
		out = append([][2]string{f}, out...)
	}
	return out
}

func TestLastWordsWithoutATimeAreOfTheAbortsThatEventsTellOf(t *testing.T) {
	const compose = `web-1  | hello
web-2  | hello
web-1  | <--- Last few GCs --->
web-1  | [17:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms
web-1  | FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
web-1  | hello
web-1  | FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
`
	die := func(container, at string, code int) string {
		return fmt.Sprintf("2026-11-16T%s.959982910Z container die 3f1c4e5d6a7b (exitCode=%d, image=api:1, name=%s)\n", at, code, container)
	}
	told := func(sink *recordtest.Sink) (out []string) {
		for _, c := range sink.Crashes {
			if c.Kind == record.CrashHeapLimit {
				out = append(out, fmt.Sprintf("%s %s %d", c.Container, c.Time.Std().UTC().Format("15:04:05"), c.UsedBytes>>20))
			}
		}
		return out
	}
	for _, c := range []struct {
		name, events string
		want         []string
		lost         int64
	}{
		{"as many", die("web-1", "13:47:57", 134) + die("web-2", "13:48:00", 134) + die("web-1", "13:50:00", 134), []string{"web-1 13:47:57 126", "web-1 13:50:00 0"}, 0},
		{"and others of another kind", die("web-1", "13:47:57", 134) + die("web-1", "13:48:00", 137) + die("web-1", "13:50:00", 134), []string{"web-1 13:47:57 126", "web-1 13:50:00 0"}, 0},
		{"more than words", die("web-1", "13:47:57", 134) + die("web-1", "13:50:00", 134) + die("web-1", "13:55:00", 134), nil, 2},
		{"of another container", die("web-2", "13:47:57", 134) + die("web-2", "13:50:00", 134), nil, 2},
	} {
		files := [][2]string{{"compose.log", compose}, {"events.txt", c.events}}
		for _, files := range [][][2]string{files, reversed(files)} {
			sink := collectFiles(t, files...)
			if diff := cmp.Diff(c.want, told(sink)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
			if n := sink.WarningCount("no_time"); n != c.lost {
				t.Errorf("%s: %d without a time", c.name, n)
			}
		}
	}
}

func TestAnEvictedPodWithoutATimeIsMissingUnlessItsEventIsThere(t *testing.T) {
	const (
		pods  = `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1"},"spec":{},"status":{"phase":"Failed","reason":"Evicted","startTime":"2026-11-16T13:00:00Z","message":"The node was low on resource: memory."}}]}`
		event = `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Event","involvedObject":{"kind":"Pod","name":"%s"},"reason":"Evicted","message":"The node was low on resource: memory.","lastTimestamp":"2026-11-16T13:47:57Z"}]}`
	)
	for _, c := range []struct {
		name, of string
		deaths   int
		missing  int64
	}{{"its own", "web-1", 1, 0}, {"that of another", "web-2", 1, 1}} {
		for _, names := range [][2]string{{"a-pods.json", "b-events.json"}, {"b-pods.json", "a-events.json"}} {
			sink := collectFiles(t, [2]string{names[0], pods}, [2]string{names[1], fmt.Sprintf(event, c.of)})
			if len(sink.Crashes) != c.deaths || sink.WarningCount("no_time") != c.missing {
				t.Errorf("%s: %d deaths and %d without a time, want %d and %d", c.name, len(sink.Crashes), sink.WarningCount("no_time"), c.deaths, c.missing)
			}
		}
	}
}
