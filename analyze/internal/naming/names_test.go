package naming

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// TestAContainerIsKnownByItsAddress: proxies name what is behind them by address and port, platforms by name.
func TestAContainerIsKnownByItsAddress(t *testing.T) {
	a := intake.New(intake.Options{})
	for _, e := range []record.Lifecycle{
		{Container: "api-1", Address: "10.42.0.11"},
		{Container: "api-1", Address: "10.42.0.11"}, // told again
		{Container: "api-2", Address: "fd00::12"},
		{Container: "api-3", Address: "10.42.0.13"}, // an address that went from one pod
		{Container: "api-4", Address: "10.42.0.13"}, // to another
		{Container: "api-5"},
	} {
		if err := a.Lifecycle(&e); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	requests := []string{"10.42.0.11:8080", "10.42.0.11", "[fd00::12]:80", "fd00:0::12", "10.42.0.13:8080", "10.42.0.99:8080", "API-5"}
	ev.Containers = requests
	c := newCanon(ev)
	for name, want := range map[string]string{
		"10.42.0.11:8080": "api-1", "10.42.0.11": "api-1", "::ffff:10.42.0.11": "api-1", "[fd00::12]:80": "api-2", "fd00:0::12": "api-2",
		"10.42.0.13:8080": "10.42.0.13:8080", "10.42.0.99:8080": "10.42.0.99:8080", "API-5": "api-5", "": "", "api-1": "api-1",
	} {
		if got := c.Of(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestAKillInAPodIsThatOfItsContainer: Kubernetes keeps the id of the last container of a pod only, and kernels tell of all.
func TestAKillInAPodIsThatOfItsContainer(t *testing.T) {
	id := func(c string) string { return strings.Repeat(c, 64) }
	ev := &intake.Evidence{
		Events: []record.Lifecycle{
			{Container: "api-aaaaa", Pod: "uid-a", Instance: id("a")},
			{Container: "api-bbbbb", Pod: "uid-b"}, {Container: "api-bbbbb/proxy", Pod: "uid-b"},
			{Container: "api-ccccc", Pod: ""},
		},
		Crashes: []record.Crash{
			{Pod: "uid-a", Container: id("1")[:12], Instance: id("1")}, // a container before the last
			{Pod: "uid-a", Instance: "4711"},                           // a process
			{Pod: "uid-b", Container: id("2")[:12], Instance: id("2")}, // one of two
			{Pod: "uid-z", Container: id("3")[:12], Instance: id("3")}, // a pod that nobody names
			{Container: id("4")[:12], Instance: id("4")},
		},
	}
	tiePods(ev)
	for i, want := range []string{"api-aaaaa", "api-aaaaa", id("2")[:12], id("3")[:12], id("4")[:12]} {
		if got := ev.Crashes[i].Container; got != want {
			t.Errorf("kill %d is of %q, want %q", i, got, want)
		}
	}
}

// TestContainersOfAPodAreTheirOwn: every pod of a fleet has a companion of one name, and what a namespace has is the pod.
func TestContainersOfAPodAreTheirOwn(t *testing.T) {
	a := intake.New(intake.Options{})
	for _, name := range []string{"api-aaaaa", "api-aaaaa/envoy", "api-bbbbb/envoy", "api-bbbbb", "prod/api-ccccc", "/web-1", "/docker/0123456789abcdef", "arn:aws:ecs:eu-west-3:1:task/shop/77"} {
		if err := a.Lifecycle(&record.Lifecycle{Container: name}); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	ev.Containers = []string{"api-ccccc", "WEB-1", "0123456789abcdef", "77"}
	c := newCanon(ev)
	for name, want := range map[string]string{
		"api-aaaaa": "api-aaaaa", "api-aaaaa/envoy": "api-aaaaa/envoy", "api-bbbbb/envoy": "api-bbbbb/envoy", "api-ddddd/envoy": "api-ddddd/envoy",
		"api-ccccc": "prod/api-ccccc", "web-1": "/web-1", "0123456789abcdef": "/docker/0123456789abcdef", "77": "arn:aws:ecs:eu-west-3:1:task/shop/77",
	} {
		if got := c.Of(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestAnIDTiesNoNameToItself: a kernel writes the id of a container whole, where others cut it; who else names it is asked for.
func TestAnIDTiesNoNameToItself(t *testing.T) {
	const whole = "32c17803261e84be89a221a65601153cafd6fe415fe8c2a7e7f77a18d2a53e21"
	a := intake.New(intake.Options{})
	for _, k := range []record.Crash{{Container: whole, Instance: whole[:12]}, {Container: "web-3", Instance: whole[:12]}, {Container: whole[:12], Instance: whole}} {
		if err := a.Crash(&k); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	c := newCanon(ev)
	for _, name := range []string{whole, whole[:12], "web-3"} {
		if got := c.Of(name); got != "web-3" {
			t.Errorf("%q is %q", name, got)
		}
	}
}

// evidence gathers records.
func evidence(t *testing.T, crashes []record.Crash, events []record.Lifecycle, names ...string) *intake.Evidence {
	t.Helper()
	a := intake.New(intake.Options{})
	for i := range crashes {
		if err := a.Crash(&crashes[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range events {
		if err := a.Lifecycle(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	ev.Containers = append([]string{"", ""}, names...) // none, and those beyond what is kept
	return ev
}

// Docker Compose prints its lines without the name of the project.
func TestTheNameOfAProjectIsNoOtherContainer(t *testing.T) {
	up := func(names ...string) (out []record.Lifecycle) {
		for _, n := range names {
			out = append(out, record.Lifecycle{Pos: record.Pos{Source: &record.Source{Name: "e", Format: "docker-events"}}, Container: n, Kind: record.Up})
		}
		return out
	}
	said := []record.Crash{{Container: "api-2", Kind: record.CrashHeapLimit}}
	for _, c := range []struct {
		name string
		ev   *intake.Evidence
		want map[string]string
	}{
		{"one project", evidence(t, said, up("shop-api-1", "shop-api-2", "shop-db-1"), "api-1"), map[string]string{"api-1": "shop-api-1", "api-2": "shop-api-2"}},
		{"with underscores", evidence(t, nil, up("shop_api_1"), "api_1"), map[string]string{"api_1": "shop_api_1"}},
		{"two projects", evidence(t, nil, up("shop-api-1", "blog-api-1"), "api-1"), map[string]string{"api-1": "api-1"}},
		{"projects differ", evidence(t, nil, up("shop-api-1", "blog-web-1"), "api-1", "web-1"), map[string]string{"api-1": "api-1", "web-1": "web-1"}},
		{"the short name is one of the engine's", evidence(t, nil, up("shop-api-1", "api-1")), map[string]string{"api-1": "api-1"}},
		{"of another engine", evidence(t, nil, []record.Lifecycle{{Container: "admin-web-1", Kind: record.Up}}, "web-1"), map[string]string{"web-1": "web-1"}},
		{"no number", evidence(t, nil, up("shop-api"), "api"), map[string]string{"api": "api"}},
	} {
		canon := newCanon(c.ev)
		for name, want := range c.want {
			if got := canon.Of(name); got != want {
				t.Errorf("%s: %q is %q, want %q", c.name, name, got, want)
			}
		}
	}
}

// A dump in a log of many containers has the number of its process and no name.
func TestADumpIsOfTheContainerThatLoggedUnderItsNumber(t *testing.T) {
	const at = record.Time(1_700_000_000e9)
	dump := func(pid string) record.Crash {
		return record.Crash{Time: at, Kind: record.CrashHeapLimit, Instance: pid, ExitCode: -1}
	}
	exit := func(after int, container string) record.Crash {
		return record.Crash{Time: at + record.Time(after)*1e9, Container: container, Kind: record.CrashAbort, Exited: true, ExitCode: 134}
	}
	speak := func(ev *intake.Evidence, container, pid string, from, to int) *intake.Evidence {
		s := &intake.Sighting{}
		s.First, s.Last = at+record.Time(from)*1e9, at+record.Time(to)*1e9
		ev.Seen[intake.SeenKey{Container: container, Instance: pid}] = s
		return ev
	}
	for _, c := range []struct {
		name string
		ev   *intake.Evidence
		want string
	}{
		{"one logged under it", speak(speak(evidence(t, []record.Crash{dump("17")}, nil), "web-1", "17", -600, -1), "web-2", "18", -600, 60), "web-1"},
		{"another had it long before", speak(speak(evidence(t, []record.Crash{dump("17")}, nil), "web-1", "17", -9000, -8000), "web-2", "17", -600, -2), "web-2"},
		{"two logged under it", speak(speak(evidence(t, []record.Crash{dump("1")}, nil), "web-1", "1", -600, -1), "web-2", "1", -600, 60), "process 1"},
		{"two logged under it, and the end of one is told", speak(speak(evidence(t, []record.Crash{dump("1"), exit(2, "web-2")}, nil), "web-1", "1", -600, -1), "web-2", "1", -600, -1), "web-2"},
		{"nobody did, and an end is told long after", evidence(t, []record.Crash{dump("17"), exit(200, "web-2")}, nil), "process 17"},
		{"nobody did, and two ends are told right after", evidence(t, []record.Crash{dump("17"), exit(2, "web-2"), exit(9, "web-3")}, nil), ""},
		{"nobody did, and nothing is told", evidence(t, []record.Crash{dump("17")}, nil), "process 17"},
	} {
		if _, err := Resolve(c.ev, 0, 0); err != nil {
			t.Fatal(err)
		}
		if got := c.ev.Crashes[0].Container; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Words without a name and a number are of who ended by itself right then, if that is one.
func TestWordsThatNameNobodyAreOfTheOnlyOneThatEndedThen(t *testing.T) {
	const at = record.Time(1_700_000_000e9)
	words := record.Crash{Time: at, Kind: record.CrashException, ExitCode: -1, Text: "TypeError", Pos: record.Pos{Line: 7}}
	exit := func(after int, container string, code int) record.Crash {
		return record.Crash{Time: at + record.Time(after)*1e9, Container: container, Kind: record.CrashExit, Exited: true, ExitCode: code}
	}
	for _, c := range []struct {
		name    string
		crashes []record.Crash
		want    string
		left    int64
	}{
		{"one ended", []record.Crash{words, exit(2, "web-2", 1), exit(300, "web-1", 1)}, "web-2", 0},
		{"one ended, whose status is not told", []record.Crash{words, exit(2, "web-2", -1)}, "web-2", 0},
		{"two ended", []record.Crash{words, exit(2, "web-2", 1), exit(9, "web-3", 1)}, "", 1},
		{"one ended, another was killed", []record.Crash{words, exit(2, "web-2", 1), exit(9, "web-3", 137)}, "web-2", 0},
		{"one was killed", []record.Crash{words, exit(2, "web-2", 137)}, "", 1},
		{"one ended long after", []record.Crash{words, exit(40, "web-2", 1)}, "", 1},
		{"nobody is named", []record.Crash{words}, "", 0},
		{"words twice", []record.Crash{words, words, exit(300, "web-1", 1)}, "", 2},
	} {
		ev := evidence(t, c.crashes, nil)
		if _, err := Resolve(ev, 0, 0); err != nil {
			t.Fatal(err)
		}
		if got := ev.Crashes[0].Container; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		left := int64(0)
		for like, w := range ev.Warnings {
			if left += w.Count; like.Code != "container_not_told" || w.Example != "TypeError" || w.Pos.Line != 7 {
				t.Errorf("%s: %+v %+v", c.name, like, w)
			}
		}
		if left != c.left {
			t.Errorf("%s: %d warnings, want %d", c.name, left, c.left)
		}
	}
}

// Words are also of the only one that starts again before the next words, as a process of pod after pod has the number 1.
func TestWordsAreOfWhoStartsAgainNext(t *testing.T) {
	const at = record.Time(1_700_000_000e9)
	words := func(after int) record.Crash {
		return record.Crash{Time: at + record.Time(after)*1e9, Kind: record.CrashHeapLimit, ExitCode: -1, Instance: "1"}
	}
	up := func(after int, container string) record.Lifecycle {
		return record.Lifecycle{Time: at + record.Time(after)*1e9, Container: container, Kind: record.Up, Reason: record.Listening}
	}
	before := []record.Lifecycle{up(-600, "web-1"), up(-590, "web-2")}
	for _, c := range []struct {
		name   string
		words  []record.Crash
		starts []record.Lifecycle
		want   []string
	}{
		{"one starts again", []record.Crash{words(0)}, []record.Lifecycle{up(10, "web-1")}, []string{"web-1"}},
		{"one starts twice", []record.Crash{words(0)}, []record.Lifecycle{up(10, "web-1"), up(12, "web-1")}, []string{"web-1"}},
		{"two start again", []record.Crash{words(0)}, []record.Lifecycle{up(10, "web-1"), up(20, "web-2")}, []string{"process 1"}},
		{"two after each other", []record.Crash{words(0), words(30)}, []record.Lifecycle{up(10, "web-1"), up(45, "web-2")}, []string{"web-1", "web-2"}},
		{"two at one time", []record.Crash{words(0), words(2)}, []record.Lifecycle{up(10, "web-1"), up(15, "web-2")}, []string{"process 1", "process 1"}},
		{"a new one starts", []record.Crash{words(0)}, []record.Lifecycle{up(10, "web-9")}, []string{"process 1"}},
		{"one starts long after", []record.Crash{words(0)}, []record.Lifecycle{up(90, "web-1")}, []string{"process 1"}},
	} {
		ev := evidence(t, c.words, slices.Concat(before, c.starts))
		if _, err := Resolve(ev, 0, 0); err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if got := ev.Crashes[i].Container; got != want {
				t.Errorf("%s: words %d are of %q, want %q", c.name, i, got, want)
			}
		}
	}
}

// TestAddressesThatContainersHadInTurn: in a small network the next task has the address of the one that ended.
func TestAddressesThatContainersHadInTurn(t *testing.T) {
	at := func(m int) record.Time {
		return record.Time(1_800_000_000_000_000_000).Add(time.Duration(m) * time.Minute)
	}
	up := func(name, address string, m int) record.Lifecycle {
		return record.Lifecycle{Container: name, Address: address, Time: at(m), Kind: record.Up}
	}
	first, second := strings.Repeat("1a", 16), strings.Repeat("2b", 16)
	for name, c := range map[string]struct {
		events []record.Lifecycle
		died   int    // minute in which the first died; 0: it did not
		want   string // what the address is called
	}{
		"one ends, the next begins":        {[]record.Lifecycle{up(first, "10.0.0.1", 0), up(second, "10.0.0.1", 11)}, 10, "10.0.0.1"},
		"the next begins before":           {[]record.Lifecycle{up(first, "10.0.0.1", 0), up(second, "10.0.0.1", 5)}, 10, "10.0.0.1:80"},
		"nobody says that the first ended": {[]record.Lifecycle{up(first, "10.0.0.1", 0), up(second, "10.0.0.1", 11)}, 0, "10.0.0.1:80"},
		"one has two addresses":            {[]record.Lifecycle{up(first, "10.0.0.1", 0), up(second, "10.0.0.1", 11), up(second, "10.0.0.2", 11)}, 10, "10.0.0.1:80"},
		"only one had it":                  {[]record.Lifecycle{up(first, "10.0.0.1", 0), up(second, "10.0.0.2", 11)}, 10, first},
	} {
		ev := &intake.Evidence{Events: c.events, Containers: []string{"10.0.0.1:80"}}
		if c.died > 0 {
			ev.Crashes = []record.Crash{{Container: first[:12], Instance: first, Time: at(c.died), Exited: true}, {Container: first, Time: at(c.died), Exited: true}}
		}
		canon := newCanon(ev)
		if got := canon.Of("10.0.0.1:80"); got != c.want {
			t.Errorf("%s: the address is %q, want %q", name, got, c.want)
			continue
		}
		canon.apply(ev)
		if len(ev.Crashes) > 0 && c.want == "10.0.0.1" {
			if k := ev.Crashes[1]; k.Container != c.want || k.Instance != first {
				t.Errorf("%s: %q, instance %q", name, k.Container, k.Instance)
			}
		}
	}
}
