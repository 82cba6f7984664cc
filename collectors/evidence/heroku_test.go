package evidence

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/record"
)

func TestHerokusLinesTellLivesAndDeaths(t *testing.T) {
	when := formattest.At(t, "2026-11-17T13:33:28.051376Z")
	const head = "2026-11-17T13:33:28.051376+00:00 "
	formattest.CheckLines(t, herokuPlatform{}, []formattest.LineCase{
		{
			Name:  "an exit has its status",
			Line:  head + "heroku[web.4]: Process exited with status 134",
			Crash: &record.Crash{Time: when, Kind: record.CrashAbort, Exited: true, ExitCode: 134, Signal: "SIGABRT", Container: "web.4"},
		},
		{
			Name:  "a state of crashed has none",
			Line:  head + "heroku[web.4]: State changed from up to crashed",
			Crash: &record.Crash{Time: when, Kind: record.CrashOther, Exited: true, ExitCode: -1, Container: "web.4"},
		},
		{
			Name:  "R15 announces a kill for memory",
			Line:  head + "heroku[web.4]: Error R15 (Memory quota vastly exceeded)",
			Crash: &record.Crash{Time: when, Kind: record.CrashOOMKill, ExitCode: -1, Container: "web.4"},
		},
		{
			Name:      "R14 is pressure",
			Line:      head + "heroku[web.4]: Error R14 (Memory quota exceeded)",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.MemoryPressure, ExitCode: -1, Reason: "R14", Container: "web.4"},
		},
		{
			Name:  "R10 is a kill of what does not answer",
			Line:  head + "heroku[web.4]: Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 60 seconds of launch",
			Crash: &record.Crash{Time: when, Kind: record.CrashHealthCheck, ExitCode: -1, Container: "web.4"},
		},
		{
			Name:      "an exit after SIGTERM is a stop",
			Line:      head + "heroku[web.4]: Process exited with status 143",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Stopped, ExitCode: 143, Container: "web.4"},
		},
		{
			Name:      "cycling is planned",
			Line:      head + "heroku[web.4]: Cycling",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Cycling, ExitCode: -1, Container: "web.4"},
		},
		{
			Name:      "a stop is asked for",
			Line:      head + "heroku[web.4]: Stopping all processes with SIGTERM",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Stopping, ExitCode: -1, Reason: "SIGTERM", Container: "web.4"},
		},
		{
			Name:      "up",
			Line:      head + "heroku[web.4]: State changed from starting to up",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Up, ExitCode: -1, Container: "web.4"},
		},
		{
			Name:      "starting, once for the two lines that tell of it",
			Line:      head + "heroku[web.4]: State changed from crashed to starting\n" + head + "heroku[web.4]: Starting process with command `npm start`",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Starting, ExitCode: -1, Reason: "was crashed", Container: "web.4"},
		},
		{
			Name:      "a deploy of the incidents",
			Line:      head + "heroku[api]: Deploy v312 by user ci@example.org",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Deploy, ExitCode: -1, Version: "v312"},
		},
		{
			Name:      "a deploy as Heroku prints it",
			Line:      head + "app[api]: Deploy 7e2f3aa1 by user ci@example.org",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Deploy, ExitCode: -1, Version: "7e2f3aa1"},
		},
		{
			Name:      "a release is created",
			Line:      head + "app[api]: Release v312 created by user ci@example.org",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Deploy, ExitCode: -1, Reason: "release", Version: "v312"},
		},
		{
			Name:      "a release is complete",
			Line:      head + "heroku[api]: Release v312 complete",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.DeployFinished, ExitCode: -1, Version: "v312"},
		},
		{
			Name:      "scaling",
			Line:      head + "app[api]: Scaled to web@4:Standard-1X by user ci@example.org",
			Lifecycle: &record.Lifecycle{Time: when, Kind: record.Scale, ExitCode: -1, Reason: "to web@4:Standard-1X by user ci@example.org"},
		},
		{
			Name:  "last words of a dyno",
			Line:  head + "app[web.4]: FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
			Crash: &record.Crash{Time: when, Kind: record.CrashHeapLimit, ExitCode: -1, Signal: "SIGABRT", Container: "web.4"},
		},
		{
			Name:  "raw, from a log drain, with its octet count",
			Line:  "83 <40>1 " + head + "host heroku web.4 - State changed from up to crashed",
			Crash: &record.Crash{Time: when, Kind: record.CrashOther, Exited: true, ExitCode: -1, Container: "web.4"},
		},
		{
			Name:  "raw, without it, with structured data",
			Line:  "<190>1 " + head + "host app web.4 - - Error: Segmentation fault\n<190>1 " + head + "host app web.4 - Segmentation fault (core dumped)",
			Crash: &record.Crash{Time: when, Kind: record.CrashSegfault, ExitCode: -1, Signal: "SIGSEGV", Container: "web.4"},
		},
		{
			Name:  "behind a host name",
			Line:  head + "d.1234 heroku[web.4]: Process exited with status 137",
			Crash: &record.Crash{Time: when, Kind: record.CrashOther, Exited: true, ExitCode: 137, Signal: "SIGKILL", Container: "web.4"},
		},
		{Name: "the change of state tells of the start", Line: head + "heroku[web.4]: Starting process with command `npm start`"},
		{Name: "samples of an add-on are nobody's memory", Line: head + "app[heroku-postgres]: source=DATABASE sample#current_transaction=1 sample#memory-postgres=1kB"},
	})
}

func TestHerokuLeavesTheRoutersLines(t *testing.T) {
	for _, line := range []string{
		`2026-11-17T13:33:28.051376+00:00 heroku[router]: at=error code=H13 desc="Connection closed without response" method=GET path="/" dyno=web.4`,
		`2026-11-17T13:33:28.051376+00:00 app[web.4]: {"level":30}`,
		`2026-11-17T13:33:28.051376+00:00 something[web.4]: else`,
	} {
		if _, unhandled := formattest.ReadLines(t, herokuPlatform{}, line); len(unhandled) != 1 {
			t.Errorf("took %q", line)
		}
	}
}

func TestHerokusMemoryLinesGiveUseAndQuota(t *testing.T) {
	sink, unhandled := formattest.ReadLines(t, herokuPlatform{}, `2026-11-17T13:33:28.000000+00:00 heroku[web.4]: Process running mem=531M(103.8%)
2026-11-17T13:33:28.100000+00:00 heroku[web.4]: Error R14 (Memory quota exceeded)
2026-11-17T13:33:29.000000+00:00 heroku[web.5]: Error R14 (Memory quota exceeded)
2026-11-17T13:33:30.000000+00:00 heroku[web.4]: source=web.4 dyno=heroku.2808254.d97d0ea7-cf3d sample#load_avg_1m=2.46 sample#load_avg_5m=1.06
2026-11-17T13:33:30.000000+00:00 heroku[web.4]: source=web.4 dyno=heroku.2808254.d97d0ea7-cf3d sample#memory_total=600.50MB sample#memory_rss=511.25MB sample#memory_cache=0.01MB sample#memory_quota=512.00MB
2026-11-17T13:33:30.500000+00:00 heroku[web.5]: source=web.5 dyno=heroku.1 sample#memory_total=700.50MB sample#memory_rss=511.00MB sample#memory_cache=9.50MB sample#memory_swap=180.00MB
2026-11-17T13:33:31.000000+00:00 heroku[web.4]: Process running mem=1030M(201.2%)
2026-11-17T13:33:31.100000+00:00 heroku[web.4]: Error R15 (Memory quota vastly exceeded)
`)
	if len(unhandled) > 0 {
		t.Fatalf("unhandled: %q", unhandled)
	}
	const mb = 1 << 20
	want := []record.Sample{
		{Time: formattest.At(t, "2026-11-17T13:33:28Z"), Metric: record.RSS, Value: 531 * mb, Container: "web.4"},
		{Time: formattest.At(t, "2026-11-17T13:33:30Z"), Metric: record.RSS, Value: 511.25 * mb, Container: "web.4", Instance: "heroku.2808254.d97d0ea7-cf3d"},
		{Time: formattest.At(t, "2026-11-17T13:33:30Z"), Metric: record.MemoryLimit, Value: 512 * mb, Container: "web.4", Instance: "heroku.2808254.d97d0ea7-cf3d"},
		{Time: formattest.At(t, "2026-11-17T13:33:30.5Z"), Metric: record.RSS, Value: 691 * mb, Container: "web.5", Instance: "heroku.1"},
		{Time: formattest.At(t, "2026-11-17T13:33:31Z"), Metric: record.RSS, Value: 1030 * mb, Container: "web.4"},
	}
	if diff := cmp.Diff(want, sink.Samples, formattest.Ignoring()); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if l := sink.Lifecycles; len(l) != 2 || l[0].UsedBytes != 531*mb || l[0].LimitBytes != 512*mb || l[1].UsedBytes != 0 {
		t.Errorf("R14: %+v", l)
	}
	if c := sink.Crashes; len(c) != 1 || c[0].UsedBytes != 1030*mb || c[0].LimitBytes != 512*mb {
		t.Errorf("R15: %+v", c)
	}
}

func FuzzHerokuLines(f *testing.F) {
	f.Add("2026-11-17T13:33:28.051376+00:00 heroku[web.4]: Process exited with status 134")
	f.Add("83 <40>1 2026-11-17T13:33:28.051376+00:00 host heroku web.4 - State changed from up to crashed")
	f.Add("2026-11-17T13:33:28.051376+00:00 heroku[web.4]: Process running mem=531M(103.8%)\n2026-11-17T13:33:28.051376+00:00 heroku[web.4]: Error R14 (x)")
	f.Add("2026-11-17T13:33:28.051376+00:00 heroku[web.4]: source=web.4 dyno=h.1 sample#memory_rss=511.30MB")
	f.Fuzz(func(t *testing.T, line string) { formattest.FuzzLine(t, herokuPlatform{}, line) })
}
