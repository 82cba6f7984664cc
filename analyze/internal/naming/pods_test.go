package naming

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// TestTheMainContainerGoesByItsPod: whatever the order in which sources tell of the containers of a pod, and whether they name them.
func TestTheMainContainerGoesByItsPod(t *testing.T) {
	const pod = "web-5d8f7b9c4-x2x9q"
	says := func(container, by string) record.Lifecycle { return *record.MainOf(record.Pos{}, container, by) }
	for _, c := range []struct {
		name     string
		events   []record.Lifecycle // beside a death of the pod, which names no container
		series   []string
		requests []string
		want     []string
		warned   int
	}{
		{"the only one", nil, []string{pod + "/api"}, []string{pod + "/api"}, []string{pod}, 0},
		{"but for a known companion", nil, []string{pod + "/istio-proxy", pod + "/api"}, nil, []string{pod, pod + "/istio-proxy"}, 0},
		{"one is described", []record.Lifecycle{says(pod+"/gateway", record.BegunFirst), says(pod+"/api", record.Described)}, []string{pod + "/api"}, []string{pod + "/gateway"}, []string{pod, pod + "/gateway"}, 0},
		{"the one that is described is told of by the pod's name only", []record.Lifecycle{says(pod+"/api", record.Described)}, []string{pod + "/worker"}, []string{pod}, []string{pod, pod + "/worker"}, 0},
		{"a companion is described", []record.Lifecycle{says(pod+"/envoy", record.Described)}, []string{pod + "/envoy", pod + "/api"}, nil, []string{pod, pod + "/api"}, 0},
		{"one began first", []record.Lifecycle{says(pod+"/api", record.BegunFirst)}, []string{pod + "/api", pod + "/gateway"}, []string{pod + "/gateway"}, []string{pod, pod + "/gateway"}, 0},
		{"one has requests", nil, []string{pod + "/statsd", pod + "/api"}, []string{pod + "/api"}, []string{pod, pod + "/statsd"}, 0},
		{"each has requests", nil, []string{pod + "/api"}, []string{pod + "/gateway", pod + "/api"}, []string{pod, pod + "/api", pod + "/gateway"}, 1},
		{"none has requests", nil, []string{pod + "/api", pod + "/gateway"}, nil, []string{pod, pod + "/api", pod + "/gateway"}, 1},
		{"pods of a namespace", nil, []string{"shop/web-0", "shop/web-1"}, []string{"web-0"}, []string{"shop/web-0", "shop/web-1", pod}, 0},
		{"a namespace with one pod", nil, []string{"shop/web-0"}, nil, []string{"shop/web-0", pod}, 0},
		{"a stateful set", nil, []string{"db-0/postgres", "db-1/postgres"}, []string{"db-0"}, []string{"db-0", "db-1", pod}, 0},
		{"a task, and another container of its name", nil, []string{"23e3dc7aec2ba6b66722236aae1f078a/api", "33e3dc7aec2ba6b66722236aae1f078b/api", "api"}, nil,
			[]string{"23e3dc7aec2ba6b66722236aae1f078a", "33e3dc7aec2ba6b66722236aae1f078b", "api", pod}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := &intake.Evidence{
				Events: c.events, Crashes: []record.Crash{{Container: pod}}, Containers: append([]string{"", "(other)"}, c.requests...),
				Series: map[intake.SeriesKey]*intake.Series{}, Warnings: map[intake.WarningKey]*record.Warning{},
			}
			for _, s := range c.series {
				ev.Series[intake.SeriesKey{Container: s}] = &intake.Series{}
			}
			namePods(ev)
			canon := newCanon(ev)
			canon.apply(ev)
			got := map[string]bool{ev.Crashes[0].Container: true}
			for k := range ev.Series {
				got[k.Container] = true
			}
			for _, name := range ev.Containers[2:] {
				got[canon.Of(name)] = true
			}
			if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(ev.Warnings) != c.warned || len(ev.Events) != 0 {
				t.Errorf("%d warnings, want %d; events %v", len(ev.Warnings), c.warned, ev.Events)
			}
		})
	}
}
