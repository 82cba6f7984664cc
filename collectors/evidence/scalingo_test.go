package evidence

import (
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
)

func TestScalingosLinesTellLivesAndDeaths(t *testing.T) {
	when := formattest.At(t, "2026-11-16T13:47:57.85998291Z")
	const head = "2026-11-16 13:47:57.859982910 +0000 UTC "
	formattest.CheckLines(t, scalingoPlatform{}, []formattest.LineCase{
		{
			Name:  "a crash has its status, container and instance",
			Line:  head + "[system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 134",
			Crash: &record.Crash{Time: when, Kind: record.CrashAbort, Exited: true, ExitCode: 134, Signal: "SIGABRT", Container: "web-1", Instance: "dc317786f4c6"},
		},
		{
			Name:  "the platform is named in full",
			Line:  head + "[scalingo-platform] [web-1] Container web-1 crashed, exit code 134",
			Crash: &record.Crash{Time: when, Kind: record.CrashAbort, Exited: true, ExitCode: 134, Signal: "SIGABRT", Container: "web-1"},
		},
		{
			Name:  "out of memory is said by the platform",
			Line:  head + "[system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 137 (out of memory)",
			Crash: &record.Crash{Time: when, Kind: record.CrashOOMKill, Exited: true, ExitCode: 137, Signal: "SIGKILL", Container: "web-1", Instance: "dc317786f4c6"},
		},
		{
			Name:  "137 alone is a kill by anybody",
			Line:  head + "[system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 137",
			Crash: &record.Crash{Time: when, Kind: record.CrashOther, Exited: true, ExitCode: 137, Signal: "SIGKILL", Container: "web-1", Instance: "dc317786f4c6"},
		},
		{
			Name:  "an exit with 1 is an exit and no more",
			Line:  head + "[system] [worker-12] Container worker-12 (dc317786f4c6) crashed, exit status 1",
			Crash: &record.Crash{Time: when, Kind: record.CrashExit, Exited: true, ExitCode: 1, Container: "worker-12", Instance: "dc317786f4c6"},
		},
		{
			Name:  "the memory limit is named before the kill",
			Line:  head + "[system] [web-1] Container web-1 exceeds its memory limit: 129MB/128MB, killing",
			Crash: &record.Crash{Time: when, Kind: record.CrashOOMKill, ExitCode: -1, Container: "web-1", UsedBytes: 129 << 20, LimitBytes: 128 << 20},
		},
		{
			Name:  "a kill by the health check is announced",
			Line:  head + "[system] [web-6] Container does not answer health checks, killing",
			Crash: &record.Crash{Time: when, Kind: record.CrashHealthCheck, ExitCode: -1, Container: "web-6"},
		},
		{
			Name:      "a failed health check is no crash",
			Line:      head + "[system] [web-6] Health check failed (2): timeout",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.HealthCheckFailed, ExitCode: -1, Reason: "timeout", Container: "web-6"},
		},
		{
			Name:      "starting",
			Line:      head + "[system] [web-6] Starting container web-6 (fcd862237af1)",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Starting, ExitCode: -1, Container: "web-6", Instance: "fcd862237af1"},
		},
		{
			Name:      "up, with a pod's name",
			Line:      head + "[system] [api-dc317786f-k4nnr] Container api-dc317786f-k4nnr (90fb508272d8) is up, booted in 7s",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Up, ExitCode: -1, Container: "api-dc317786f-k4nnr", Instance: "90fb508272d8"},
		},
		{
			Name:      "the reason of a stop is no instance",
			Line:      head + "[system] [web-1] Stopping container web-1 (deploy)",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Stopping, ExitCode: -1, Reason: "deploy", Container: "web-1"},
		},
		{
			Name:      "a stop as asked is no crash",
			Line:      head + "[system] [web-1] Container web-1 (dc317786f4c6) stopped, exit status 143",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Stopped, ExitCode: 143, Container: "web-1", Instance: "dc317786f4c6"},
		},
		{
			Name:      "a lost container is no crash of its process",
			Line:      head + "[system] [directory-2] Container directory-2 unreachable, rescheduling",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Unreachable, ExitCode: -1, Reason: "unreachable", Container: "directory-2"},
		},
		{
			Name:      "a deployment begins",
			Line:      head + "[manager] Deployment of v347 by ci@example.org started",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Deploy, ExitCode: -1, Version: "v347"},
		},
		{
			Name:      "a deployment ends",
			Line:      head + "[manager] Deployment of v347 finished",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.DeployFinished, ExitCode: -1, Version: "v347"},
		},
		{
			Name:      "a deployment fails",
			Line:      head + "[manager] Deployment of v347 failed",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.DeployFinished, ExitCode: -1, Reason: "failed", Version: "v347"},
		},
		{
			Name:      "a dependency's list changes",
			Line:      head + "[manager] Service list of directory refreshed: directory-1,directory-3",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.MembersChanged, ExitCode: -1, Reason: "directory-1,directory-3", Service: "directory"},
		},
		{
			Name:      "scaling",
			Line:      head + "[manager] Scaling web from 4 to 8 containers",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Scale, ExitCode: -1, Reason: "Scaling web from 4 to 8 containers"},
		},
		{
			Name:      "an event that is not understood is kept as such",
			Line:      head + "[system] [web-1] Something new happened",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.LifecycleOther, ExitCode: -1, Container: "web-1"},
		},
		{
			Name:  "last words of a container",
			Line:  head + "[web-1] FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
			Crash: &record.Crash{Time: when, Kind: record.CrashHeapLimit, ExitCode: -1, Signal: "SIGABRT", Container: "web-1"},
		},
		{Name: "chatter of a container says nothing", Line: head + "[web-1] npm start"},
	})
}

func TestScalingoLeavesTheLinesOfOtherFormats(t *testing.T) {
	for _, line := range []string{
		`2026-11-16 13:47:57.859982910 +0000 UTC [router] method=GET path="/" host=a request_id=1 container=web-1 status=200 duration=0.016s bytes=1`,
		`2026-11-16 13:47:57.859982910 +0000 UTC [web-1] {"level":30,"time":1,"msg":"x"}`,
		`2026-11-16 13:47:57 [ERROR] something`,
		`no line of a platform`,
	} {
		if _, unhandled := formattest.ReadLines(t, scalingoPlatform{}, line); len(unhandled) != 1 {
			t.Errorf("took %q", line)
		}
	}
}

func TestScalingoKeepsTheHeapAfterTheLastCollection(t *testing.T) {
	sink, _ := formattest.ReadLines(t, scalingoPlatform{}, `2026-11-16 13:47:57.1 +0000 UTC [web-1] [23082:0xd596c50]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms  (average mu = 0.723, current mu = 0.837) fi[23082:0xd596c50]   105231 ms: Mark-Compact 126.9 (131.0) -> 125.5 (132.3) MB, 272.07 / 0.00 ms  (average mu
2026-11-16 13:47:57.1 +0000 UTC [web-2] [23083:0xd596c50]   105131 ms: Scavenge 90.0 (133.6) -> 80.0 (131.6) MB, 19.95 / 0.01 ms
2026-11-16 13:47:57.2 +0000 UTC [web-1] FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory
2026-11-16 13:47:57.3 +0000 UTC [web-3] FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
`)
	if len(sink.Crashes) != 2 {
		t.Fatalf("%d crashes", len(sink.Crashes))
	}
	heap := 125.5
	if got := sink.Crashes[0].UsedBytes; got != int64(heap*(1<<20)) {
		t.Errorf("heap of web-1: %d", got)
	}
	if got := sink.Crashes[1].UsedBytes; got != 0 {
		t.Errorf("heap of web-3, of which nothing is known: %d", got)
	}
}

func FuzzScalingoLines(f *testing.F) {
	f.Add("2026-11-16 13:47:57.859982910 +0000 UTC [system] [web-1] Container web-1 (dc317786f4c6) crashed, exit status 134")
	f.Add("2026-11-16 13:47:57.859982910 +0000 UTC [manager] Deployment of v347 by ci@example.org started")
	f.Add("2026-11-16 13:47:57 +0000 UTC [web-1] FATAL ERROR: Reached heap limit Allocation failed")
	f.Fuzz(func(t *testing.T, line string) { formattest.FuzzLine(t, scalingoPlatform{}, line) })
}
