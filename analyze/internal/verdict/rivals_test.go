package verdict

import (
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// TestAHostTakesWhatIsOnItOnce: what takes its companion along does so each time, and a word of a host at another time tells nothing.
func TestAHostTakesWhatIsOnItOnce(t *testing.T) {
	at := func(m int) record.Time {
		return record.Time(1_800_000_000_000_000_000).Add(time.Duration(m) * time.Minute)
	}
	died := func(m int, kind record.CrashKind, host string, names ...string) (deaths []life.Death) {
		for i, name := range names {
			deaths = append(deaths, life.Death{Container: name, Time: at(m).Add(time.Duration(i) * 10 * time.Second), Kind: kind, ExitCode: 137, Host: host, Unreachable: kind == record.CrashOther})
		}
		return deaths
	}
	both := func(a, b []life.Death) []life.Death { return append(a, b...) }
	for name, c := range map[string]struct {
		deaths []life.Death
		down   int // minute in which the platform says that a host went down; 0: never
		on     string
		grade  finding.Grade // empty: no host failed
	}{
		"two services vanish":                  {died(10, record.CrashOther, "", "web-1", "worker-1"), 0, "", finding.Likely},
		"two services are killed":              {died(10, record.CrashExit, "", "web-1", "worker-1"), 0, "", finding.Possible},
		"on one host":                          {died(10, record.CrashExit, "node-1", "web-1", "worker-1"), 0, "", finding.Conclusive},
		"the platform says so":                 {died(10, record.CrashExit, "", "web-1", "worker-1"), 9, "", finding.Conclusive},
		"it says so of another host":           {died(10, record.CrashExit, "node-1", "web-1"), 9, "node-2", ""},
		"it says so hours before":              {died(400, record.CrashExit, "", "web-1", "worker-1"), 9, "", finding.Possible},
		"they end together again":              {both(died(10, record.CrashExit, "", "web-1", "worker-1"), died(40, record.CrashExit, "", "web-2", "worker-2")), 0, "", ""},
		"they vanish together again":           {both(died(10, record.CrashOther, "", "web-1", "worker-1"), died(40, record.CrashOther, "", "web-2", "worker-2")), 0, "", ""},
		"others end together at another time":  {both(died(10, record.CrashOther, "", "web-1", "worker-1"), died(40, record.CrashOther, "", "db-2", "queue-2")), 0, "", finding.Likely},
		"one of a service ends, and no others": {died(10, record.CrashOther, "", "web-1"), 0, "", ""},
	} {
		q := &inquiry{report: &finding.Report{}, traffic: &traffic.Traffic{Life: &life.Result{Deaths: c.deaths}, Evidence: &intake.Evidence{}}}
		if c.down > 0 {
			q.traffic.Evidence.Events = []record.Lifecycle{{Kind: record.HostDown, Time: at(c.down), Host: c.on}}
		}
		found, deaths := q.hostFailure()
		if found.verdict.Grade != c.grade || (len(deaths) > 0) != (c.grade != "") {
			t.Errorf("%s: %q, of %d deaths", name, found.verdict.Grade, len(deaths))
		}
	}
}

// TestAFleetOfIdsIsCounted: an id says nothing of the service, and who died is one of the fleet.
func TestAFleetOfIdsIsCounted(t *testing.T) {
	ids := []string{"", "148e272c49d189", "148e272c49d190", "148e272c49d191", "148e272c49d192"}
	q := &inquiry{
		services: map[string]string{ids[1]: "shop", ids[2]: "shop", ids[4]: "reports"},
		traffic:  &traffic.Traffic{Life: &life.Result{Deaths: []life.Death{{Container: ids[1]}, {Container: ids[2]}, {Container: "web-9"}}}, Containers: traffic.Containers{Names: ids}},
		measured: &traffic.Measured{Serves: []bool{true, true, true, true, true}},
	}
	if died, fleet := q.pool([]int{0}); died != 1 || fleet != 3 {
		t.Errorf("%d of %d died; the fourth is of another service, of the third nobody says", died, fleet)
	}
	if died, fleet := q.pool([]int{2}); died != 1 || fleet != 1 {
		t.Errorf("%d of %d died; it is alone", died, fleet)
	}
}

// TestACompanionThatDiesFirstIsOfItsPod: there is no death before the first.
func TestACompanionThatDiesFirstIsOfItsPod(t *testing.T) {
	at := record.Time(1_800_000_000_000_000_000)
	q := &inquiry{
		open: openRequests{cases: []inflight.Case{{Time: at}, {Time: at.Add(5 * time.Second)}}, deaths: map[class][]int{byMemory: {1}}, later: map[class][]int{byMemory: {0}}},
		traffic: &traffic.Traffic{Life: &life.Result{Deaths: []life.Death{{Container: "web-5d9c7b6f4-x2x7k/istio-proxy", Time: at},
			{Container: "web-5d9c7b6f4-x2x7k", Time: at.Add(5 * time.Second)}}}},
		measured: &traffic.Measured{},
	}
	q.beganAnew(byMemory)
	if later := q.open.later[byMemory]; len(later) != 1 || len(q.open.deaths[byMemory]) != 1 {
		t.Errorf("later %v, weighed %v", later, q.open.deaths[byMemory])
	}
}

// TestTriedAgainMakesAgesAlike: the first death of each story counts where errors end processes.
func TestTriedAgainMakesAgesAlike(t *testing.T) {
	q := &inquiry{open: openRequests{cases: []inflight.Case{{Chain: 0}, {Chain: 0}, {Chain: 1}, {Chain: 1}, {Chain: 2}}}}
	first := q.firstOfStories([]int{4, 0, 1, 2, 3})
	if len(first) != 3 || first[0] != 0 || first[1] != 2 || first[2] != 4 {
		t.Errorf("%v", first)
	}
}

func TestAListIsOfThePoolThatItNames(t *testing.T) {
	for _, c := range []struct {
		name  string
		event record.Lifecycle
		want  bool
	}{
		{"without it", record.Lifecycle{Service: "web", Reason: "web-1,web-3"}, true},
		{"without any", record.Lifecycle{Text: "Service list of web refreshed"}, true},
		{"a sentence", record.Lifecycle{Text: "members are now web-1, web-3."}, true},
		{"with it", record.Lifecycle{Service: "web", Reason: "web-1,web-2"}, false},
		{"with it, between blanks", record.Lifecycle{Text: "members of web: web-1 web-2 web-3"}, false},
		{"with it, at the end of a sentence", record.Lifecycle{Text: "members are now web-1 and web-2."}, false},
		{"with one whose name begins alike", record.Lifecycle{Service: "web", Reason: "web-1,web-20"}, true},
		{"of a pool whose name begins alike", record.Lifecycle{Service: "webhooks", Reason: "webhooks-1,webhooks-3"}, false},
		{"of another", record.Lifecycle{Service: "db", Reason: "db-1"}, false},
	} {
		if got := refreshedWithout(&c.event, "web-2", "web"); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
