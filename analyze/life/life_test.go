package life

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/record"
)

// The tests tell their stories in seconds after noon.
const noon = record.Time(1_790_000_000_000_000_000)

func at(sec float64) record.Time { return noon.Add(time.Duration(sec * 1e9)) }

var (
	appLog   = &record.Source{Name: "app.ndjson"}
	platform = &record.Source{Name: "platform.log"}
	events   = &record.Source{Name: "platform.ndjson"}
	kubectl  = &record.Source{Name: "pods.json"}
)

const (
	idA      = "dc317786f4c66790fb508272aaaa"
	idAShort = "dc317786f4c6"
	idB      = "fcd862237af1789b434eecb9bbbb"
)

// story is what the sources said of web-1, unless it names another container.
type story struct {
	in   Input
	line int64
}

func tell() *story { return &story{in: Input{End: at(7200)}} }

func (s *story) pos(src *record.Source) record.Pos {
	s.line++
	return record.Pos{Source: src, Line: s.line}
}

// words adds last words of the process.
func (s *story) words(t float64, kind record.CrashKind) *story {
	s.in.Crashes = append(s.in.Crashes, record.Crash{Pos: s.pos(appLog), Time: at(t), Kind: kind, ExitCode: -1, Container: "web-1", Text: "words of " + string(kind)})
	return s
}

// exit adds a line of a platform that the process ended.
func (s *story) exit(src *record.Source, t float64, code int) *story {
	s.in.Crashes = append(s.in.Crashes, record.Crash{Pos: s.pos(src), Time: at(t), Kind: record.CrashOther, Exited: true, ExitCode: code, Container: "web-1",
		Text: fmt.Sprintf("exited with %d", code)})
	return s
}

// crash changes the last sign.
func (s *story) crash(f func(*record.Crash)) *story { f(&s.in.Crashes[len(s.in.Crashes)-1]); return s }

func (s *story) of(container string) *story {
	return s.crash(func(c *record.Crash) { c.Container = container })
}

func (s *story) id(instance string) *story {
	return s.crash(func(c *record.Crash) { c.Instance = instance })
}

func (s *story) event(t float64, kind record.LifecycleKind) *story {
	s.in.Events = append(s.in.Events, record.Lifecycle{Pos: s.pos(platform), Time: at(t), Kind: kind, ExitCode: -1, Container: "web-1", Text: string(kind)})
	return s
}

// but changes the last event.
func (s *story) but(f func(*record.Lifecycle)) *story { f(&s.in.Events[len(s.in.Events)-1]); return s }

func (s *story) because(reason string) *story {
	return s.but(func(e *record.Lifecycle) { e.Reason = reason })
}

// maintenance adds what a platform says of a window.
func (s *story) maintenance(t float64, reason, text string) *story {
	return s.event(t, record.Maintenance).because(reason).but(func(e *record.Lifecycle) { e.Container, e.Text = "", text })
}

// listens adds the application's own word that it serves.
func (s *story) listens(t float64) *story {
	return s.event(t, record.Up).because(record.Listening).but(func(e *record.Lifecycle) { e.Pos.Source = appLog })
}

// health adds the state that Docker says a container to be in.
func (s *story) health(t float64, state string) *story {
	kind := record.LifecycleOther
	if state == "unhealthy" {
		kind = record.HealthCheckFailed
	}
	return s.event(t, kind).because("health_status: " + state)
}

// stopped adds a request to stop, and the end ten seconds later.
func (s *story) stopped(t float64, code int) *story {
	return s.event(t-10, record.Stopping).because("SIGTERM").event(t, record.Stopped).but(func(e *record.Lifecycle) { e.ExitCode, e.Instance = code, idA })
}

// up adds a start of an instance.
func (s *story) up(t float64, instance string) *story {
	return s.event(t, record.Up).but(func(e *record.Lifecycle) { e.Instance = instance })
}

// started adds what Kubernetes says of a start, in its events or in the state of a pod.
func (s *story) started(t float64, text string) *story {
	if text == "" {
		return s.event(t, record.Up).because("startedAt").but(func(e *record.Lifecycle) { e.Pos.Source, e.Text = kubectl, "" })
	}
	return s.event(t, record.Up).because("Started").but(func(e *record.Lifecycle) { e.Pos.Source, e.Text = events, "Started container "+text })
}

// merged says of the last event that it stands for so many more since the one before.
func (s *story) merged(n int) *story {
	return s.but(func(e *record.Lifecycle) { e.Merged = n })
}

func (s *story) seen(instance string, from, to float64) *story {
	s.in.Seen = append(s.in.Seen, Seen{"web-1", instance, at(from), at(to)})
	return s
}

func (s *story) planned(from, to float64) *story {
	s.in.Planned = append(s.in.Planned, Span{at(from), at(to)})
	return s
}

// ends says a result in one line: "heap_limit 134 @30.0", "restart deploy @5.0", in time order of each.
func ends(r *Result) string {
	var out []string
	for i := range r.Deaths {
		d := &r.Deaths[i]
		s := string(d.Kind)
		if d.Container != "web-1" {
			s = d.Container + " " + s
		}
		if d.ExitCode >= 0 {
			s += fmt.Sprintf(" %d", d.ExitCode)
		}
		if d.Unreachable {
			s += " unreachable"
		}
		out = append(out, fmt.Sprintf("%s @%.1f", s, d.Time.Sub(noon).Seconds()))
	}
	for _, x := range r.Restarts {
		s := "restart " + x.Reason
		if x.Container != "web-1" {
			s = x.Container + " " + s
		}
		out = append(out, fmt.Sprintf("%s @%.1f", s, x.Time.Sub(noon).Seconds()))
	}
	return strings.Join(out, "; ")
}

func TestEndsOfContainers(t *testing.T) {
	for _, c := range []struct {
		name string
		s    *story
		want string
	}{
		// One death, many tellers.
		{"last words and the platform's line half a minute later are one death",
			tell().words(0, record.CrashHeapLimit).exit(platform, 30, 134), "heap_limit 134 @30.0"},
		{"three sources tell of one death, one of them in whole seconds",
			tell().words(0.6, record.CrashHeapLimit).exit(platform, 0.9, 134).id(idAShort).exit(events, 0.95, 134).id(idA).exit(kubectl, 0, 134), "heap_limit 134 @0.0"},
		{"words stamped after the exit by another clock belong to it",
			tell().exit(platform, 0, 134).words(4, record.CrashHeapLimit), "heap_limit 134 @0.0"},
		{"the kernel's report, the exit and the words are one memory kill",
			tell().words(-2, record.CrashOOMKill).exit(platform, 0, 137).exit(events, 0.4, 137), "oom_kill 137 @0.0"},
		{"an exit that one source tells 30 s late, after the next start, is still the same",
			tell().exit(events, 0, 137).event(2, record.Starting).exit(platform, 30, 137), "unknown 137 @0.0"},
		{"an exit told late, after the next start, is set at the last words before that",
			tell().words(0, record.CrashHeapLimit).event(4, record.Starting).exit(platform, 30, 134), "heap_limit 134 @0.0"},
		{"one exit told twice by one source is one",
			tell().exit(platform, 0, 1).exit(platform, 3, 1), "exit 1 @0.0"},

		// Two deaths.
		{"two deaths with a start between are two, however close",
			tell().exit(platform, 0, 1).event(4, record.Starting).exit(platform, 40, 1), "exit 1 @0.0; exit 1 @40.0"},
		{"two deaths told by two sources each are two",
			tell().exit(platform, 0, 1).exit(events, 0.3, 1).event(4, record.Starting).exit(platform, 30, 1).exit(events, 30.3, 1), "exit 1 @0.0; exit 1 @30.0"},
		{"without a start, one source still does not tell of one exit twice within a minute",
			tell().exit(platform, 0, 1).exit(events, 0.3, 1).exit(platform, 40, 1).exit(events, 40.3, 1), "exit 1 @0.0; exit 1 @40.0"},
		{"a late line with another exit status is another death",
			tell().exit(events, 0, 137).event(2, record.Starting).exit(platform, 30, 1), "unknown 137 @0.0; exit 1 @30.0"},
		{"a late line is that of the second death where the first source knows of a second",
			tell().exit(events, 0, 1).event(2, record.Starting).exit(events, 25, 1).exit(platform, 26, 1), "exit 1 @0.0; exit 1 @25.0"},
		{"different ids are different lives, seconds apart",
			tell().exit(platform, 0, 137).id(idA).exit(platform, 4, 137).id(idB), "unknown 137 @0.0; unknown 137 @4.0"},
		{"signs of two lives that interleave are put where they belong",
			tell().exit(platform, 0, 137).id(idA).exit(platform, 1, 137).id(idB).exit(events, 2, 137).id(idA).exit(events, 3, 137).id(idB), "unknown 137 @0.0; unknown 137 @1.0"},
		{"a cut id is the same life as the whole one",
			tell().exit(platform, 0, 137).id(idAShort).exit(events, 4, 137).id(idA), "unknown 137 @0.0"},
		{"a pid and a container id say nothing of each other",
			tell().words(0, record.CrashHeapLimit).id("4711").exit(events, 4, 134).id(idA), "heap_limit 134 @4.0"},
		{"words of the next life are not words of the last",
			tell().words(0, record.CrashHeapLimit).event(10, record.Starting).words(50, record.CrashHeapLimit).event(60, record.Starting), "heap_limit @0.0; heap_limit @50.0"},
		{"a log that has a start between two ends has two, however close",
			tell().listens(-60).words(0, record.CrashHeapLimit).listens(1.2).words(12, record.CrashHeapLimit).listens(13).words(25, record.CrashHeapLimit),
			"heap_limit @0.0; heap_limit @12.0; heap_limit @25.0"},
		{"without a start between words of an end are those of one",
			tell().listens(-60).words(0, record.CrashHeapLimit).words(12, record.CrashHeapLimit), "heap_limit @12.0"},
		{"a start that another clock tells of within seconds may be older",
			tell().words(0, record.CrashHeapLimit).event(1.2, record.Up).words(12, record.CrashHeapLimit), "heap_limit @0.0"},
		{"a process that listens twice is one where it said nothing of an end between",
			tell().listens(-60).words(-30, record.CrashException).listens(-29).words(0, record.CrashHeapLimit), "heap_limit @0.0"},
		{"two minutes apart are two deaths even without anything between",
			tell().exit(platform, 0, 137).exit(events, 120, 137), "unknown 137 @0.0; unknown 137 @120.0"},
		{"containers do not share their deaths",
			tell().exit(platform, 0, 137).exit(platform, 1, 137).of("web-2"), "unknown 137 @0.0; web-2 unknown 137 @1.0"},

		// Ends that are no deaths.
		{"143 alone is a stop", tell().exit(platform, 0, 143), "restart stopped @0.0"},
		{"exit 0 is a stop", tell().exit(platform, 0, 0), "restart stopped @0.0"},
		{"a SIGTERM is a stop", tell().exit(platform, 0, -1).crash(func(c *record.Crash) { c.Kind = record.CrashSigterm }), "restart stopped @0.0"},
		{"an error logged while stopping is no death of it", tell().words(-3, record.CrashException).exit(platform, 0, 143), "restart stopped @0.0"},
		{"an exit as asked, for a deploy", tell().event(-5, record.Stopping).because("deploy").exit(platform, 0, 143), "restart deploy @0.0"},
		{"an error code after a request to stop is the end of that stop", tell().event(-5, record.Stopping).exit(platform, 0, 1), "restart stopped @0.0"},
		{"an unplanned restart is none that was planned", tell().event(-30, record.Stopping).because("unplanned restart by operator").exit(platform, 0, 137), "restart stopped @0.0"},
		{"a kill after the grace period is the end of a stop", tell().event(-30, record.Stopping).because("scale down").exit(platform, 0, 137), "restart scale @0.0"},
		{"a kill long after a request to stop is not", tell().event(-300, record.Stopping).exit(platform, 0, 137), "unknown 137 @0.0"},
		{"the daily cycling", tell().event(-8, record.Cycling).exit(platform, 0, 143), "restart cycling @0.0"},
		{"cycling that ends with a kill", tell().event(-30, record.Cycling).exit(platform, 0, 137), "restart cycling @0.0"},
		{"a stop told by an event alone", tell().event(0, record.Stopped).because("deploy"), "restart deploy @0.0"},
		{"a stop told by exit and event is one", tell().exit(platform, 0, 143).event(1, record.Stopped), "restart stopped @0.0"},
		{"a stopped event after a death is that death", tell().exit(platform, 0, 137).event(5, record.Stopped), "unknown 137 @0.0"},
		{"a stop minutes after a deploy is of the deploy", tell().event(-120, record.Deploy).but(func(e *record.Lifecycle) { e.Container, e.Version = "", "v2" }).exit(platform, 0, 143), "restart deploy @0.0"},
		{"a memory kill while stopping is a death all the same", tell().event(-20, record.Stopping).words(-1, record.CrashOOMKill).exit(platform, 0, 137), "oom_kill 137 @0.0"},
		{"a heap limit while stopping is a death all the same", tell().event(-20, record.Stopping).words(-1, record.CrashHeapLimit).exit(platform, 0, 134), "heap_limit 134 @0.0"},

		// Why it was killed.
		{"137 after failed health checks is by them",
			tell().event(-60, record.HealthCheckFailed).event(-40, record.HealthCheckFailed).event(-20, record.HealthCheckFailed).exit(platform, 0, 137), "health_check 137 @0.0"},
		{"137 long after a failed health check is not",
			tell().event(-600, record.HealthCheckFailed).exit(platform, 0, 137), "unknown 137 @0.0"},
		{"a request to stop because of failed health checks is a death by them",
			tell().event(-60, record.HealthCheckFailed).event(-40, record.HealthCheckFailed).event(-20, record.HealthCheckFailed).event(-19, record.Stopping).because("SIGTERM").exit(platform, 0, 143),
			"health_check 143 @0.0"},
		{"a deploy that stops an unhealthy container is a deploy",
			tell().event(-60, record.HealthCheckFailed).event(-40, record.HealthCheckFailed).event(-19, record.Stopping).because("deploy").exit(platform, 0, 143), "restart deploy @0.0"},
		{"failed readiness checks stop nothing",
			tell().event(-60, record.HealthCheckFailed).because("Readiness probe failed").event(-40, record.HealthCheckFailed).because("Readiness probe failed").event(-19, record.Stopping).exit(platform, 0, 143),
			"restart stopped @0.0"},
		{"unhealthy, a request to stop that is not answered, and started again", tell().health(-40, "unhealthy").stopped(0, 137).up(1, idA).health(20, "healthy"), "health_check 137 @0.0"},
		{"unhealthy, and stopped for that in order", tell().health(-40, "unhealthy").stopped(0, 143), "health_check 143 @0.0"},
		{"unhealthy for minutes, and started again by a healer", tell().health(-200, "unhealthy").stopped(0, 143).up(1, idA), "health_check 143 @0.0"},
		{"unhealthy for minutes, and not even a request to stop was answered", tell().health(-200, "unhealthy").stopped(0, 137), "health_check 137 @0.0"},
		{"unhealthy, told to stop, and the exit is told by another source", tell().health(-200, "unhealthy").event(-10, record.Stopping).exit(kubectl, 0, 137).id(idA).up(1, idA), "health_check 137 @0.0"},
		{"unhealthy for minutes, and stopped in order", tell().health(-200, "unhealthy").stopped(0, 143), "restart stopped @0.0"},
		{"unhealthy long ago", tell().health(-600, "unhealthy").stopped(0, 137).up(1, idA), "restart stopped @0.0"},
		{"unhealthy, but healthy since", tell().health(-50, "unhealthy").health(-30, "healthy").stopped(0, 137).up(1, idA), "restart stopped @0.0"},
		{"unhealthy in the life before", tell().health(-50, "unhealthy").up(-30, idA).stopped(0, 137).up(1, idA), "restart stopped @0.0"},
		{"never unhealthy, and restarted by hand", tell().health(-600, "healthy").stopped(0, 137).up(1, idA), "restart stopped @0.0"},
		{"unhealthy, and stopped by a deploy", tell().health(-40, "unhealthy").event(-30, record.Deploy).but(func(e *record.Lifecycle) { e.Container = "" }).stopped(0, 137).up(1, idA), "restart deploy @0.0"},
		{"unhealthy, and created anew by a deploy that nobody tells of", tell().health(-40, "unhealthy").stopped(0, 137).up(3, idB), "restart stopped @0.0"},
		{"unhealthy, and another task put in its place at once", tell().health(-14, "unhealthy").stopped(0, 137).up(3, idB), "health_check 137 @0.0"},
		{"unhealthy, and stopped in a planned window", tell().planned(-60, 60).health(-40, "unhealthy").stopped(0, 137).up(1, idA), "restart stopped @0.0"},
		{"memory over quota, then 137, is a memory kill", tell().event(-20, record.MemoryPressure).exit(platform, 0, 137), "oom_kill 137 @0.0"},
		{"memory over quota outweighs failed health checks",
			tell().event(-30, record.MemoryPressure).event(-20, record.HealthCheckFailed).exit(platform, 0, 137), "oom_kill 137 @0.0"},
		{"memory over quota that was survived is no death", tell().event(-20, record.MemoryPressure), ""},
		{"137 alone says only that somebody killed it", tell().exit(platform, 0, 137), "unknown 137 @0.0"},
		{"an error that was logged before a kill did not kill",
			tell().words(-20, record.CrashException).event(-10, record.HealthCheckFailed).exit(platform, 0, 137), "health_check 137 @0.0"},
		{"134 is an abort", tell().exit(platform, 0, 134), "abort 134 @0.0"},
		{"139 is a segmentation fault", tell().exit(platform, 0, 139), "segfault 139 @0.0"},
		{"another code is an exit", tell().exit(platform, 0, 7), "exit 7 @0.0"},
		{"an exception with exit 1 is an exception", tell().words(-1, record.CrashException).exit(platform, 0, 1), "exception 1 @0.0"},

		// One stop is one end.
		{"a release that ends soon after it came up has crashed",
			tell().event(-30, record.Stopping).because("deploy").event(-20, record.Stopped).event(-18, record.Starting).exit(platform, 0, 139), "segfault 139 @0.0; restart stopped @-20.0"},
		{"and so has what crashed again",
			tell().event(-40, record.Stopping).because("deploy").event(-35, record.Stopped).event(-33, record.Starting).exit(platform, -20, 1).event(-10, record.Starting).exit(platform, 0, 1), "exit 1 @-20.0; exit 1 @0.0; restart stopped @-35.0"},
		{"another source tells late of the end that was asked for",
			tell().event(-30, record.Stopping).because("deploy").event(-20, record.Stopped).event(-18, record.Starting).exit(kubectl, 0, 137), "restart deploy @0.0"},

		// Errors that were survived.
		{"a caught exception is no death", tell().words(0, record.CrashException), ""},
		{"an exception with a start soon after is one", tell().words(0, record.CrashException).event(3, record.Starting), "exception @0.0"},
		{"an exception with a start ten minutes later is none", tell().words(0, record.CrashException).event(600, record.Starting), ""},
		{"an exception survived until a deploy is none",
			tell().words(0, record.CrashException).event(60, record.Stopping).because("deploy").exit(platform, 65, 143).event(70, record.Starting), "restart deploy @65.0"},
		{"an exception survived until a memory kill is none",
			tell().words(0, record.CrashException).exit(platform, 120, 137).event(125, record.Starting), "unknown 137 @120.0"},
		{"of many logged exceptions the last before a start is the death",
			tell().words(0, record.CrashException).words(40, record.CrashException).words(80, record.CrashException).event(82, record.Starting), "exception @80.0"},
		{"last words need no start", tell().words(0, record.CrashHeapLimit), "heap_limit @0.0"},

		// Lost by the platform.
		{"a container that became unreachable", tell().event(0, record.Unreachable), "unknown unreachable @0.0"},
		{"unreachable and told twice is once", tell().event(0, record.Unreachable).event(20, record.Unreachable), "unknown unreachable @0.0"},
		{"unreachable after failed health checks", tell().event(-30, record.HealthCheckFailed).event(0, record.Unreachable), "health_check unreachable @0.0"},
		{"unreachable after its death is that death", tell().exit(platform, 0, 137).event(30, record.Unreachable), "unknown 137 @0.0"},
		{"stopped after it became unreachable is that death", tell().event(0, record.Unreachable).event(20, record.Stopped), "unknown unreachable @0.0"},

		// Replaced without a word.
		{"another instance follows and nobody says why", tell().seen("11", -600, 0).seen("12", 10, 600), "restart stopped_reporting @0.0"},
		{"another instance follows a death", tell().seen("11", -600, 0).exit(platform, 5, 137).seen("12", 20, 600), "unknown 137 @5.0"},
		{"another instance follows a stop", tell().seen("11", -600, 0).exit(platform, 5, 143).seen("12", 20, 600), "restart stopped @5.0"},
		{"two kinds of ids over the same time are no replacement", tell().seen("11", -600, 600).seen(idA, -590, 610), ""},
		{"one instance seen twice is no replacement", tell().seen("11", -600, 0).seen("11", 100, 600), ""},
		{"an id and its first digits are one instance", tell().seen(idA, -600, 0).seen(idAShort, 100, 600), ""},
		{"pods that begin alike are not", tell().seen("shop-6c8f9d7b5-aaaaa", -600, 0).seen("shop-6c8f9d7b5-bbbbb", 10, 600), "restart stopped_reporting @0.0"},
		{"another instance after a deploy", tell().event(-30, record.Deploy).but(func(e *record.Lifecycle) { e.Container = "" }).seen("11", -600, 0).seen("12", 10, 600), "restart deploy @0.0"},

		// Started again without a word.
		{"a first start", tell().started(0, "app").seen("", 5, 3600), ""},
		{"a first start that the state of the pod tells as well", tell().started(0, "app").started(-1, "").seen("", 5, 3600), ""},
		{"started again in its place", tell().started(0, "app").started(600, "app"), "restart stopped_reporting @600.0"},
		{"the end lies where the next start began", tell().started(0, "app").event(598, record.Starting).started(600, "app"), "restart stopped_reporting @598.0"},
		{"words before a start that was merged with others", tell().started(-600, "app").words(0, record.CrashException).words(1000, record.CrashException).started(2000, "app").merged(2).exit(kubectl, 1999, 1),
			"exception @0.0; exception @1000.0; exit 1 @1999.0"},
		{"more words than starts: some were survived", tell().started(-600, "app").words(0, record.CrashException).words(1000, record.CrashException).words(1400, record.CrashException).started(2000, "app").merged(1).exit(kubectl, 1999, 1),
			"exit 1 @1999.0; restart stopped_reporting @2000.0"},
		{"words before starts of their own times", tell().started(-600, "app").words(0, record.CrashException).exit(kubectl, 1999, 1).started(2000, "app"), "exit 1 @1999.0"},
		{"Docker says that it restarted what ended by itself", tell().event(0, record.LifecycleOther).because(record.RestartedItself), "restart stopped_reporting @0.0"},
		{"Docker says so of an end that is told", tell().exit(platform, 0, 1).event(0.1, record.LifecycleOther).because(record.RestartedItself), "exit 1 @0.0"},
		{"started again within seconds", tell().started(0, "app").started(7, "app").seen("", 9, 3600), "restart stopped_reporting @7.0"},
		{"started again, and the state of the pod tells of the second start", tell().started(0, "app").started(600, ""), "restart stopped_reporting @600.0"},
		{"an event given twice", tell().started(0, "app").started(0, "app"), ""},
		{"a pod that was deleted and is there again under its name", tell().started(0, "app").event(580, record.Stopping).because("Killing").started(600, "app"), ""},
		{"a pod whose sandbox changed", tell().started(0, "app").event(580, record.Restarting).started(600, "app"), ""},
		{"started again after its death", tell().started(0, "app").exit(platform, 598, 137).started(600, "app"), "unknown 137 @598.0"},
		{"started again after its death, which is told late", tell().started(0, "app").started(600, "app").exit(platform, 620, 137), "unknown 137 @620.0"},
		{"started again after an exit as asked", tell().started(0, "app").exit(platform, 598, 143).started(600, "app"), "restart stopped @598.0"},
		{"started again twice, and one death is told", tell().started(0, "app").exit(platform, 598, 137).started(600, "app").started(1200, "app"), "unknown 137 @598.0; restart stopped_reporting @1200.0"},
		{"a death before the first start explains no later one", tell().exit(platform, -2, 137).started(0, "app").started(600, "app"), "unknown 137 @-2.0; restart stopped_reporting @600.0"},
		{"another container of the same pod, started after a long pull", tell().started(0, "app").started(120, "web").started(0, ""), ""},
		{"a line that the process listens is no start of Kubernetes", tell().event(0, record.Up).event(600, record.Up), ""},
		{"a deploy does not start again in its place", tell().started(0, "app").event(590, record.Deploy).but(func(e *record.Lifecycle) { e.Container = "" }).started(600, "app"),
			"restart stopped_reporting @600.0"},

		// Planned.
		{"an end within a planned window is maintenance", tell().planned(-60, 60).exit(platform, 0, 1), "restart maintenance @0.0"},
		{"a kill within a planned window is maintenance", tell().planned(-60, 60).exit(platform, 0, 137), "restart maintenance @0.0"},
		{"a memory kill within a planned window is a death", tell().planned(-60, 60).words(-1, record.CrashOOMKill).exit(platform, 0, 137), "oom_kill 137 @0.0"},
		{"an end outside of a planned window is a death", tell().planned(60, 120).exit(platform, 0, 137), "unknown 137 @0.0"},
		{"a maintenance window that the platform announces counts as well",
			tell().event(-60, record.Maintenance).but(func(e *record.Lifecycle) { e.Container, e.End = "", at(60) }).exit(platform, 0, 137), "restart maintenance @0.0"},
		{"a window between two events of an application whose name holds what an end is told by",
			tell().maintenance(-60, "", `{"app":"discovery-api","type":"maintenance_started"}`).maintenance(60, "over", `{"app":"discovery-api","type":"maintenance_ended"}`).exit(platform, 0, 137),
			"restart maintenance @0.0"},
		{"a window between two sentences",
			tell().maintenance(-60, "", "Maintenance of roll-over-api has begun: failover of its database").maintenance(60, "", "Maintenance is over.").exit(platform, 0, 137),
			"restart maintenance @0.0"},
		{"what is handed over begins",
			tell().maintenance(-60, "", "Maintenance started, traffic handed over to eu-2").maintenance(60, "", "Maintenance finished").exit(platform, 0, 137), "restart maintenance @0.0"},
		{"a window that was extended is not over", tell().maintenance(-60, "", "Maintenance on").maintenance(-30, "", "Maintenance extended").
			maintenance(60, "", "Maintenance completed").exit(platform, 0, 137), "restart maintenance @0.0"},
		{"a window between the two modes of Heroku", tell().maintenance(-60, "", "Maintenance mode on by a@b.example").maintenance(60, "", "Maintenance mode off by a@b.example").
			exit(platform, 0, 137), "restart maintenance @0.0"},
		{"an end after the window is a death", tell().maintenance(-60, "", "Maintenance mode on").maintenance(-30, "", "Maintenance mode off").exit(platform, 0, 137),
			"unknown 137 @0.0"},

		{"nothing", tell(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Analyze(c.s.in)
			if got := ends(r); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestADeathCarriesWhatItsSignsSay(t *testing.T) {
	s := tell().words(0, record.CrashHeapLimit).crash(func(c *record.Crash) { c.UsedBytes = 128 << 20 }).
		exit(platform, 1, 134).id(idAShort).crash(func(c *record.Crash) { c.Host, c.Service = "h1", "web" }).
		exit(events, 1.5, 134).id(idA).crash(func(c *record.Crash) { c.Uptime, c.LimitBytes, c.Version = 20*time.Minute, 512<<20, "v3" })
	r := Analyze(s.in)
	if len(r.Deaths) != 1 {
		t.Fatal(ends(r))
	}
	d := r.Deaths[0]
	if d.ID() != "c1" || d.First != at(0) || d.Time != at(1) || d.Instance != idA || d.Signal != "SIGABRT" || !d.Exited || d.Uptime != 20*time.Minute ||
		d.LimitBytes != 512<<20 || d.UsedBytes != 128<<20 || d.Host != "h1" || d.Service != "web" || d.Version != "v3" || len(d.Signs) != 3 {
		t.Errorf("%+v", d)
	}
	for i := 1; i < len(d.Signs); i++ {
		if d.Signs[i].Time < d.Signs[i-1].Time {
			t.Error("signs are not in time order")
		}
	}
	if !r.Told {
		t.Error("a source that tells of exits is not said to be there")
	}
	if Analyze(tell().words(0, record.CrashHeapLimit).in).Told {
		t.Error("words alone are no source that would tell of every death")
	}
}

func TestCrashLoops(t *testing.T) {
	loop := func(gaps ...float64) []int {
		s := tell()
		now := 0.0
		for _, g := range append([]float64{0}, gaps...) {
			now += g
			s.exit(platform, now, 1).event(now+5, record.Starting)
		}
		s.exit(platform, 100, 1).of("web-2")
		var out []int
		for _, d := range Analyze(s.in).Deaths {
			if d.Container == "web-1" {
				out = append(out, d.Loop)
			} else if d.Loop != 0 {
				t.Error("another container is drawn into the loop")
			}
		}
		return out
	}
	for _, c := range []struct {
		name string
		gaps []float64
		want []int
	}{
		{"one death is no loop", nil, []int{0}},
		{"two deaths are no loop", []float64{60}, []int{0, 0}},
		{"three deaths of short lives are one", []float64{60, 120}, []int{3, 3, 3}},
		{"a long life ends a loop", []float64{60, 120, 1200}, []int{3, 3, 3, 0}},
		{"two loops", []float64{30, 30, 1200, 30, 30, 30}, []int{3, 3, 3, 4, 4, 4, 4}},
		{"three long lives are no loop", []float64{1200, 1200}, []int{0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, loop(c.gaps...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDeploysAreNotedOnWhatDiesAfterThem(t *testing.T) {
	deploy := func(s *story, t float64, version string) *story {
		return s.event(t, record.Deploy).but(func(e *record.Lifecycle) { e.Container, e.Version = "", version })
	}
	for _, c := range []struct {
		name    string
		s       *story
		want    string
		age     time.Duration
		deploys int
	}{
		{"six minutes after", deploy(tell(), -360, "v312").exit(platform, 0, 137), "v312", 6 * time.Minute, 1},
		{"half an hour later it is not said", deploy(tell(), -1900, "v312").exit(platform, 0, 137), "", 0, 1},
		{"a deploy after the death is none before it", deploy(tell(), 60, "v312").exit(platform, 0, 137), "", 0, 1},
		{"without a version", deploy(tell(), -60, "").exit(platform, 0, 137), "a deploy", time.Minute, 1},
		{"the latest of two", deploy(deploy(tell(), -1500, "v1"), -300, "v2").exit(platform, 0, 137), "v2", 5 * time.Minute, 2},
		{"one deploy told by two sources", deploy(deploy(tell(), -360, "v312"), -350, "v312").exit(platform, 0, 137), "v312", 6 * time.Minute, 1},
		{"one deploy told by two sources, one of which knows no version", deploy(deploy(tell(), -360, ""), -350, "v312").exit(platform, 0, 137), "v312", 6 * time.Minute, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Analyze(c.s.in)
			if len(r.Deaths) != 1 || r.Deaths[0].AfterDeploy != c.want || r.Deaths[0].DeployAge != c.age || len(r.Deploys) != c.deploys {
				t.Errorf("%s: after deploy %q by %v, %d deploys", ends(r), r.Deaths[0].AfterDeploy, r.Deaths[0].DeployAge, len(r.Deploys))
			}
		})
	}
}

// spans says lives in short: "[start end) death 0" with ? for an unknown start.
func spans(r *Result) string {
	var out []string
	for _, l := range r.Lives {
		start := "?"
		if l.Start != 0 {
			start = fmt.Sprintf("%.0f", l.Start.Sub(noon).Seconds())
		}
		s := fmt.Sprintf("%s %s..%.0f", l.Container, start, l.End.Sub(noon).Seconds())
		if l.Death >= 0 {
			s += fmt.Sprintf(" died %s", r.Deaths[l.Death].ID())
		}
		if l.Planned {
			s += " planned"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestLivesAreCutAtStartsAndEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		s    *story
		want string
	}{
		{"a container that is only seen lives from before the evidence to its end", tell().seen("", 0, 3600), "web-1 ?..7200"},
		{"a start and nothing else", tell().event(10, record.Starting).seen("", 20, 3600), "web-1 10..7200"},
		{"starting and up are one start", tell().event(10, record.Starting).event(30, record.Up).seen("", 40, 3600), "web-1 10..7200"},
		{"up alone is a start", tell().event(10, record.Up).seen("", 12, 3600), "web-1 10..7200"},
		{"a death ends a life and a start begins the next",
			tell().event(10, record.Starting).seen("", 20, 3600).exit(platform, 1000, 137).event(1005, record.Starting), "web-1 10..1000 died c1; web-1 1005..7200"},
		{"a life that began before the evidence", tell().seen("", 0, 3600).exit(platform, 1000, 137).event(1005, record.Starting), "web-1 ?..1000 died c1; web-1 1005..7200"},
		{"a death of a container of which nothing else is seen", tell().exit(platform, 1000, 137), "web-1 ?..1000 died c1"},
		{"a death without a known start after it: work that goes on is another life",
			tell().seen("", 0, 3600).exit(platform, 1000, 137), "web-1 ?..1000 died c1; web-1 1000..7200"},
		{"a planned end", tell().event(10, record.Starting).seen("", 20, 3600).event(995, record.Stopping).because("deploy").exit(platform, 1000, 143).event(1005, record.Starting),
			"web-1 10..1000 planned; web-1 1005..7200"},
		{"a crash loop", tell().event(0, record.Starting).exit(platform, 20, 1).event(25, record.Starting).exit(platform, 45, 1).event(50, record.Starting).exit(platform, 70, 1),
			"web-1 0..20 died c1; web-1 25..45 died c2; web-1 50..70 died c3"},
		{"a second start without an end that anybody tells of", tell().event(0, record.Starting).seen("", 5, 3600).event(1000, record.Starting), "web-1 0..1000; web-1 1000..7200"},
		{"a start without a word ends the life before it, which was not planned", tell().started(0, "app").seen("", 5, 3600).started(1000, "app"), "web-1 0..1000; web-1 1000..7200"},
		{"a silent replacement is an end that is not planned", tell().seen("11", 0, 1000).seen("12", 1010, 3600), "web-1 ?..1000; web-1 1000..7200"},
		{"an exit told after the next start ends the life before it",
			tell().event(0, record.Starting).seen("", 5, 3600).words(1000, record.CrashHeapLimit).event(1004, record.Starting).exit(platform, 1030, 134), "web-1 0..1000 died c1; web-1 1004..7200"},
		{"nothing after a stop is no life", tell().event(0, record.Starting).seen("", 5, 900).exit(platform, 1000, 143), "web-1 0..1000 planned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := spans(Analyze(c.s.in)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestALifeKnowsItsVersionAndADeathItsUptime(t *testing.T) {
	s := tell().event(0, record.Starting).but(func(e *record.Lifecycle) { e.Version, e.Instance, e.Host = "v1", idA, "h1" }).
		exit(platform, 600, 137).event(605, record.Starting).but(func(e *record.Lifecycle) { e.Version, e.Instance = "v2", idB })
	r := Analyze(s.in)
	if len(r.Lives) != 2 || r.Lives[0].Version != "v1" || r.Lives[1].Version != "v2" || r.Lives[0].Instance != idA || r.Lives[1].Instance != idB {
		t.Errorf("%+v", r.Lives)
	}
	if d := r.Deaths[0]; d.Uptime != 10*time.Minute || d.Version != "v1" || d.Host != "h1" || d.Instance != idA {
		t.Errorf("%+v", d)
	}
}

func TestARollingRestartGoesThroughTheFleet(t *testing.T) {
	roll := func(n int, gap float64) *Result {
		s := tell()
		for i := range 4 {
			name := fmt.Sprintf("web-%d", i+1)
			s.in.Seen = append(s.in.Seen, Seen{Container: name, First: at(0), Last: at(7000)})
			if i < n {
				s.exit(platform, 100+gap*float64(i), 143).of(name)
			}
		}
		return Analyze(s.in)
	}
	for _, c := range []struct {
		name string
		n    int
		gap  float64
		want bool
	}{{"all of it", 4, 60, true}, {"one container", 1, 60, false}, {"none", 0, 60, false}, {"one an hour", 4, 1500, false}} {
		t.Run(c.name, func(t *testing.T) {
			if got := roll(c.n, c.gap).Rolling; got != c.want {
				t.Errorf("rolling: %v", got)
			}
		})
	}
}

func TestPoolsAreNamesWithoutNumbers(t *testing.T) {
	for _, c := range []struct{ name, service, want string }{
		{"web-3", "", "web"},
		{"web.3", "", "web"},
		{"web3", "", "web"},
		{"web_12", "shop", "web"},
		{"web-5d9c7b6f4-x2x7k", "", "web"},
		{"api-gateway-6b7f9c8d5f-abcde", "", "api-gateway"},
		{"agent-x2x7k", "", "agent"},
		{"order-processor-x2x7k", "", "order-processor"},
		{"order-processor-queue", "", "order-processor-queue"},
		{"web-frontend-nginx", "", "web-frontend-nginx"},
		{"web-5d9c7b6f4-x2x7k/istio-proxy", "", "web/istio-proxy"},
		{"web-0/istio-proxy", "", "web/istio-proxy"},
		{"heroku/web.1", "", "heroku/web"},
		{"148e272c49d189", "", UnknownPool},
		{"148e272c49d189", "shop", "shop"},
		{strings.Repeat("00bf4bf02d", 12) + "42", "shop", "shop"}, // as Cloud Run names its instances
		{"worker", "", "worker"},
		{"worker", "jobs", "jobs"},
		{"", "jobs", "jobs"},
		{"", "", ""},
		{"12", "", "12"},
		{"12", "jobs", "jobs"},
	} {
		if got := Pool(c.name, c.service); got != c.want {
			t.Errorf("Pool(%q, %q) = %q, want %q", c.name, c.service, got, c.want)
		}
	}
}
