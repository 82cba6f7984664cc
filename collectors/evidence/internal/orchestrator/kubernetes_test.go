package orchestrator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/record"
)

const podList = `{"apiVersion":"v1","kind":"List","items":[
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-5d8f-abcde","namespace":"shop","labels":{"app":"shop","version":"v7"}},
 "spec":{"nodeName":"node-a","containers":[
  {"name":"app","resources":{"limits":{"memory":"128Mi","cpu":"1"}}},
  {"name":"istio-proxy","resources":{}}]},
 "status":{"phase":"Running","containerStatuses":[
  {"name":"app","restartCount":3,"containerID":"containerd://aaaa","state":{"running":{"startedAt":"2026-11-16T13:48:10Z"}},
   "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","startedAt":"2026-11-16T13:30:10Z","finishedAt":"2026-11-16T13:47:57Z","containerID":"containerd://bbbb"}}},
  {"name":"istio-proxy","restartCount":1,"containerID":"containerd://cccc","state":{"running":{"startedAt":"2026-11-16T13:30:05Z"}},
   "lastState":{"terminated":{"exitCode":143,"reason":"OOMKilled","startedAt":"2026-11-16T13:00:00Z","finishedAt":"2026-11-16T13:30:00Z","containerID":"containerd://dddd"}}}]}}
]}`

func TestPodsOfOneNameInSeveralNamespacesAreToldOf(t *testing.T) {
	warned := func(list string) (n int64) {
		for _, w := range formattest.MustRead(t, orchestrator.Kubernetes{}, "pods.json", list).Warnings {
			if w.Code == "several_namespaces" {
				n += w.Count
			}
		}
		return n
	}
	event := func(kind, name, space string) string {
		return `{"apiVersion":"v1","kind":"Event","reason":"Killing","lastTimestamp":"2026-11-16T13:47:57Z","involvedObject":{"kind":"` + kind + `","name":"` + name + `","namespace":"` + space + `"}}`
	}
	list := func(items ...string) string {
		return `{"apiVersion":"v1","kind":"List","items":[` + strings.Join(items, ",") + `]}`
	}
	if n := warned(list(event("Pod", "db-0", "prod"), event("Pod", "db-1", "staging"), event("Pod", "db-0", "prod"), event("Deployment", "db-0", "staging"))); n != 0 {
		t.Errorf("%d warnings of names that do not meet", n)
	}
	if n := warned(list(event("Pod", "db-0", "prod"), event("Pod", "db-0", "staging"))); n != 1 {
		t.Errorf("%d warnings of two pods with one name", n)
	}
}

func TestPodsTellHowTheirContainersEnded(t *testing.T) {
	recognised(t, podList, "kubernetes")
	sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "pods.json", podList)
	base := record.Crash{Service: "shop", Host: "node-a", Version: "v7"}
	want := base
	want.Time, want.Kind, want.Exited, want.ExitCode, want.Signal = formattest.At(t, "2026-11-16T13:47:57Z"), record.CrashOOMKill, true, 137, "SIGKILL"
	want.LimitBytes, want.Uptime = 128<<20, 17*time.Minute+47*time.Second
	want.Container, want.Instance = "web-5d8f-abcde/app", "bbbb"
	if diff := cmp.Diff([]record.Crash{want}, sink.Crashes, formattest.Ignoring()); diff != "" {
		t.Errorf("crashes (-want +got):\n%s", diff)
	}
	// A status of a stop as asked is no memory kill, whatever the reason says.
	stopped := 0
	ups := map[string]string{}
	for _, l := range sink.Lifecycles {
		switch l.Kind {
		case record.Stopped:
			stopped++
			if l.Container != "web-5d8f-abcde/istio-proxy" || l.ExitCode != 143 {
				t.Errorf("stopped: %+v", l)
			}
		case record.Up:
			ups[l.Instance] = l.Container
		}
	}
	if stopped != 1 {
		t.Errorf("%d stopped", stopped)
	}
	wantUps := map[string]string{"aaaa": "web-5d8f-abcde/app", "bbbb": "web-5d8f-abcde/app", "cccc": "web-5d8f-abcde/istio-proxy", "dddd": "web-5d8f-abcde/istio-proxy"}
	if diff := cmp.Diff(wantUps, ups); diff != "" {
		t.Errorf("lives (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"web-5d8f-abcde/app"}, sink.Mains); diff != "" {
		t.Errorf("the container that the pod is there for (-want +got):\n%s", diff)
	}
	restarts, limits := 0.0, 0
	for _, s := range sink.Samples {
		if s.Metric == record.Restarts && s.Container == "web-5d8f-abcde/app" {
			restarts = s.Value
		}
		if s.Metric == record.MemoryLimit && s.Value == 128<<20 {
			limits++
		}
	}
	if restarts != 3 || limits != 2 {
		t.Errorf("%v restarts, %d limits", restarts, limits)
	}
}

func TestASinglePodAndACrashLoopAreRead(t *testing.T) {
	text := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0"},"spec":{"containers":[{"name":"app"}]},
	"status":{"containerStatuses":[{"name":"app","restartCount":7,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 5m0s"}},
	"lastState":{"terminated":{"exitCode":1,"reason":"Error","startedAt":"2026-11-16T13:47:50Z","finishedAt":"2026-11-16T13:47:57Z"}}}]}}`
	sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "pod.json", text)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Kind != record.CrashExit || sink.Crashes[0].ExitCode != 1 || sink.Crashes[0].Container != "web-0/app" {
		t.Errorf("crashes %+v", sink.Crashes)
	}
	found := false
	for _, l := range sink.Lifecycles {
		found = found || l.Kind == record.LifecycleOther && l.Reason == "CrashLoopBackOff" && l.Time == formattest.At(t, "2026-11-16T13:47:57Z")
	}
	if !found {
		t.Errorf("no crash loop in %+v", sink.Lifecycles)
	}
	if n := sink.WarningCount("earlier_restarts"); n != 6 {
		t.Errorf("%d restarts said to be untold: %v", n, sink.Warnings)
	}
	if text := sink.Crashes[0].Text; text != "Error, exit code 1, started 2026-11-16T13:47:50Z, finished 2026-11-16T13:47:57Z" {
		t.Errorf("evidence %q", text)
	}
}

// TestPodsTellTheirAddress: an ingress controller names pods by it.
func TestPodsTellTheirAddress(t *testing.T) {
	pod := func(name, phase, spec string) string {
		return `{"kind":"Pod","metadata":{"name":"` + name + `"},"spec":{` + spec + `"containers":[{"name":"app"},{"name":"proxy"}]},"status":{"phase":"` + phase + `","podIP":"10.42.0.11","containerStatuses":[
		{"name":"app","state":{"running":{"startedAt":"2026-11-16T13:47:50Z"}}},{"name":"proxy","state":{"running":{"startedAt":"2026-11-16T13:47:51Z"}}}]}}`
	}
	sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "pods.json", `{"apiVersion":"v1","kind":"List","items":[`+pod("web-0", "Running", "")+`,`+pod("on-the-node", "Running", `"hostNetwork":true,`)+`,`+
		pod("done", "Succeeded", "")+`,`+pod("broken", "Failed", "")+`]}`)
	got := map[string]string{}
	for _, l := range sink.Lifecycles {
		got[l.Container] = l.Address
	}
	want := map[string]string{"web-0/app": "10.42.0.11", "web-0/proxy": "", "on-the-node/app": "", "on-the-node/proxy": "", "done/app": "", "done/proxy": "", "broken/app": "", "broken/proxy": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestAnEvictedPodWasKilledForMemoryWhereItsNodeWasShortOfThat(t *testing.T) {
	for message, want := range map[string]int{
		"The node was low on resource: memory. Container app was using 5Gi, which exceeds its request of 0. ":                   1,
		"The node was low on resource: ephemeral-storage. Container app-memory was using 5Gi, which exceeds its request of 0. ": 0,
		`Usage of EmptyDir volume "memory-cache" exceeds the limit "1Gi". `:                                                     0,
		"Pod was rejected: The node had condition: [MemoryPressure]. ":                                                          0,
	} {
		text, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "pods.json", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0"},"spec":{},
			"status":{"phase":"Failed","reason":"Evicted","startTime":"2026-11-16T10:00:00Z","conditions":[{"type":"DisruptionTarget","status":"True","lastTransitionTime":"2026-11-16T13:47:57Z"}],"message":`+string(text)+`}}]}`)
		if len(sink.Crashes) != want || len(sink.Lifecycles) != 1 {
			t.Fatalf("%q: %d crashes and %d events, want %d and one", message, len(sink.Crashes), len(sink.Lifecycles), want)
		}
		l := sink.Lifecycles[0]
		if want == 0 {
			if l.Kind != record.Stopped {
				t.Errorf("%q: %+v", message, l)
			}
			continue
		}
		c := sink.Crashes[0]
		if !c.Exited || c.UsedBytes != 5<<30 || l.Kind != record.MemoryPressure || l.Reason != record.NodeOutOfMemory || l.Pos != c.Pos || l.Time != c.Time {
			t.Errorf("%q: the death %+v and the shortage of its node %+v", message, c, l)
		}
	}
}

func TestAnEvictedPodEndedWhenItSaysAndNotWhenItBegan(t *testing.T) {
	const (
		low     = `"message":"The node was low on resource: memory."`
		disk    = `"message":"The node was low on resource: ephemeral-storage."`
		ready   = `{"type":"Ready","status":"False","reason":"PodFailed","lastTransitionTime":"2026-11-16T13:48:01Z"}`
		target  = `{"type":"DisruptionTarget","status":"True","reason":"TerminationByKubelet","lastTransitionTime":"2026-11-16T13:47:58Z"}`
		placed  = `{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-11-16T13:00:00Z"}`
		wasUp   = `{"type":"Ready","status":"True","lastTransitionTime":"2026-11-16T13:00:09Z"}`
		ended   = `"containerStatuses":[{"name":"app","restartCount":0,"state":{"terminated":{"exitCode":137,"reason":"Error","startedAt":"2026-11-16T13:00:05Z","finishedAt":"2026-11-16T13:47:59Z"}}}]`
		event   = `{"apiVersion":"v1","kind":"Event","reason":"Evicted","lastTimestamp":"2026-11-16T13:47:57Z","involvedObject":{"kind":"Pod","name":"web-0"},` + low + `}`
		another = `{"apiVersion":"v1","kind":"Event","reason":"Evicted","lastTimestamp":"2026-11-16T13:47:57Z","involvedObject":{"kind":"Pod","name":"web-1"},` + low + `}`
	)
	pod := func(fields string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0"},"spec":{"containers":[{"name":"app"}]},"status":{"phase":"Failed","reason":"Evicted","startTime":"2026-11-16T13:00:00Z",` + fields + `}}`
	}
	for _, c := range []struct {
		name, items string
		deaths      []string // times of the OOM kills
		stops       []string
		noTime      int64
	}{
		{"the disruption", pod(low + `,"conditions":[` + placed + "," + ready + "," + target + `]`), []string{"13:47:58"}, nil, 0},
		{"no longer ready", pod(low + `,"conditions":[` + placed + "," + ready + `]`), []string{"13:48:01"}, nil, 0},
		{"the end of its container", pod(low + "," + ended + `,"conditions":[` + target + `]`), []string{"13:47:59"}, nil, 0},
		{"when it was placed, and became ready, is no end", pod(low + `,"conditions":[` + placed + "," + wasUp + `]`), nil, nil, 1},
		{"nothing but its beginning", pod(low), nil, nil, 1},
		{"nothing but its beginning, for disk", pod(disk), nil, nil, 1},
		{"for disk", pod(disk + `,"conditions":[` + target + `]`), nil, []string{"13:47:58"}, 0},
		{"the event tells of it", pod(low) + "," + event, []string{"13:47:57"}, nil, 0},
		{"the event comes first", event + "," + pod(low), []string{"13:47:57"}, nil, 0},
		{"both tell of it", pod(low+`,"conditions":[`+target+`]`) + "," + event, []string{"13:47:57"}, nil, 0},
		{"the event is of another", pod(low) + "," + another, []string{"13:47:57"}, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "all.json", `{"apiVersion":"v1","kind":"List","items":[`+c.items+`]}`)
			var deaths, stops []string
			for _, x := range sink.Crashes {
				if x.Kind == record.CrashOOMKill {
					deaths = append(deaths, x.Time.Std().Format(time.TimeOnly))
				}
			}
			shortages := 0
			for _, l := range sink.Lifecycles {
				switch l.Kind {
				case record.Stopped:
					stops = append(stops, l.Time.Std().Format(time.TimeOnly))
				case record.MemoryPressure:
					shortages++
				}
			}
			if diff := cmp.Diff(c.deaths, deaths); diff != "" {
				t.Errorf("deaths (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.stops, stops); diff != "" {
				t.Errorf("stops (-want +got):\n%s", diff)
			}
			if shortages != len(deaths) {
				t.Errorf("%d shortages of nodes, %d deaths", shortages, len(deaths))
			}
			if n := sink.WarningCount("no_time"); n != c.noTime {
				t.Errorf("%d pods without a time, want %d", n, c.noTime)
			}
		})
	}
}

func TestEventsOfKubernetesTellLivesAndDeaths(t *testing.T) {
	const pod = `"involvedObject":{"kind":"Pod","name":"web-0"},"lastTimestamp":"2026-11-16T13:47:57Z","source":{"component":"kubelet","host":"node-a"}`
	when := formattest.At(t, "2026-11-16T13:47:57Z")
	life := func(k record.LifecycleKind, reason string) *record.Lifecycle {
		return &record.Lifecycle{Time: when, Kind: k, ExitCode: -1, Reason: reason, Container: "web-0", Host: "node-a"}
	}
	appLife := func(k record.LifecycleKind, reason string) *record.Lifecycle {
		l := life(k, reason)
		l.Container = "web-0/app"
		return l
	}
	crash := func(k record.CrashKind) *record.Crash {
		return &record.Crash{Time: when, Kind: k, ExitCode: -1, Container: "web-0", Host: "node-a"}
	}
	probe := life(record.HealthCheckFailed, "Unhealthy")
	probe.Address = "10.42.1.32:8080"
	evicted := crash(record.CrashOOMKill)
	evicted.UsedBytes = 5 << 30
	onNode := &record.Crash{Time: when, Kind: record.CrashOOMKill, Exited: true, ExitCode: -1, Signal: "SIGKILL", Host: "node-a", Instance: "123", UsedBytes: 130000 << 10}
	for _, c := range []struct {
		name, event string
		crash       *record.Crash
		life        *record.Lifecycle
	}{
		{"a liveness probe kills", pod + `,"reason":"Killing","message":"Container app failed liveness probe, will be restarted"`, &record.Crash{Time: when, Kind: record.CrashHealthCheck, ExitCode: -1, Container: "web-0/app", Host: "node-a"}, nil},
		{"a stop as asked", pod + `,"reason":"Killing","message":"Stopping container app"`, nil, appLife(record.Stopping, "Killing")},
		{"a probe fails", pod + `,"reason":"Unhealthy","message":"Readiness probe failed: HTTP probe failed with statuscode: 503"`, nil, life(record.HealthCheckFailed, "Unhealthy")},
		{"a probe has no answer", pod + `,"reason":"Unhealthy","message":"Liveness probe failed: Get \"http://10.42.1.32:8080/healthz\": context deadline exceeded"`, nil, probe},
		{"a probe is refused", pod + `,"reason":"Unhealthy","message":"Readiness probe failed: dial tcp 10.42.1.32:8080: connect: connection refused"`, nil, probe},
		{"a memory kill", pod + `,"reason":"OOMKilled","message":"Container app was OOMKilled"`, &record.Crash{Time: when, Kind: record.CrashOOMKill, Exited: true, ExitCode: -1, Container: "web-0/app", Host: "node-a"}, nil},
		{"a back-off is an end", pod + `,"reason":"BackOff","message":"Back-off restarting failed container"`, &record.Crash{Time: when, Kind: record.CrashOther, Exited: true, ExitCode: -1, Container: "web-0", Host: "node-a"}, nil},
		{"a back-off of an image is not", pod + `,"reason":"BackOff","message":"Back-off pulling image \"x\""`, nil, nil},
		{"started", pod + `,"reason":"Started","message":"Started container app"`, nil, appLife(record.Up, "Started")},
		{"evicted for memory", pod + `,"reason":"Evicted","message":"The node was low on resource: memory."`, crash(record.CrashOOMKill), life(record.MemoryPressure, record.NodeOutOfMemory)},
		{"evicted for disk", pod + `,"reason":"Evicted","message":"The node was low on resource: ephemeral-storage."`, nil, life(record.Stopping, "Evicted")},
		{"evicted for memory, as newer kubelets say it", pod + `,"reason":"Evicted","message":"The node was low on resource: memory. Threshold quantity: 100Mi, available: 53Mi. Container app was using 5Gi, request is 0, has larger consumption of memory. "`, evicted, life(record.MemoryPressure, record.NodeOutOfMemory)},
		{"evicted for disk, whose user is called after memory", pod + `,"reason":"Evicted","message":"The node was low on resource: ephemeral-storage. Container app-memory was using 5Gi, which exceeds its request of 0. "`, nil, life(record.Stopping, "Evicted")},
		{"evicted for a volume that is called after memory", pod + `,"reason":"Evicted","message":"Usage of EmptyDir volume \"memory-cache\" exceeds the limit \"1Gi\". "`, nil, life(record.Stopping, "Evicted")},
		{"refused by a node that is short of memory: it never ran", pod + `,"reason":"Evicted","message":"The node had condition: [MemoryPressure]. "`, nil, life(record.Stopping, "Evicted")},
		{"pulled says nothing", pod + `,"reason":"Pulled","message":"ok"`, nil, nil},
		{
			"scaling is of the deployment",
			`"involvedObject":{"kind":"Deployment","name":"web"},"lastTimestamp":"2026-11-16T13:47:57Z","reason":"ScalingReplicaSet","message":"Scaled up replica set web-5d8 to 3"`,
			nil, &record.Lifecycle{Time: when, Kind: record.Scale, ExitCode: -1, Reason: "ScalingReplicaSet", Service: "web"},
		},
		{
			"a node that is not ready",
			`"involvedObject":{"kind":"Node","name":"node-a"},"lastTimestamp":"2026-11-16T13:47:57Z","reason":"NodeNotReady","message":"Node node-a status is now: NodeNotReady"`,
			nil, &record.Lifecycle{Time: when, Kind: record.HostDown, ExitCode: -1, Reason: "NodeNotReady", Host: "node-a"},
		},
		{
			"the kernel's words in an event",
			`"involvedObject":{"kind":"Node","name":"node-a"},"lastTimestamp":"2026-11-16T13:47:57Z","reason":"OOMKilling","message":"Memory cgroup out of memory: Killed process 123 (node) total-vm:1048576kB, anon-rss:130000kB, file-rss:0kB, shmem-rss:0kB"`,
			onNode, nil,
		},
		{
			"the newer shape of events",
			`"regarding":{"kind":"Pod","name":"web-0"},"eventTime":"2026-11-16T13:47:57Z","note":"Liveness probe failed","reason":"Unhealthy","deprecatedSource":{"host":"x"},"source":{"host":"node-a"}`,
			nil, life(record.HealthCheckFailed, "Unhealthy"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "events.json", `{"apiVersion":"v1","kind":"EventList","items":[{`+c.event+`}]}`)
			var crashes []record.Crash
			if c.crash != nil {
				crashes = append(crashes, *c.crash)
			}
			var lives []record.Lifecycle
			if c.life != nil {
				lives = append(lives, *c.life)
			}
			if diff := cmp.Diff(crashes, sink.Crashes, formattest.Ignoring()); diff != "" {
				t.Errorf("crashes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(lives, sink.Lifecycles, formattest.Ignoring()); diff != "" {
				t.Errorf("lifecycle (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEventsOfExportersHaveNoKind: they write a line for each.
func TestEventsOfExportersHaveNoKind(t *testing.T) {
	text := `{"metadata":{"name":"web-0.1"},"reason":"Started","message":"Started container app","lastTimestamp":"2026-11-16T13:47:57Z","count":1,"involvedObject":{"kind":"Pod","name":"web-0","fieldPath":"spec.containers{app}"}}
{"metadata":{"name":"web-0.2"},"reason":"Killing","message":"Container app failed liveness probe, will be restarted","lastTimestamp":"2026-11-16T13:50:00Z","count":1,"involvedObject":{"kind":"Pod","name":"web-0","fieldPath":"spec.containers{app}"}}
`
	sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "events.ndjson", text)
	if len(sink.Lifecycles) != 1 || len(sink.Crashes) != 1 || sink.Crashes[0].Kind != record.CrashHealthCheck || sink.Crashes[0].Pos.Line != 2 {
		t.Errorf("%+v %+v", sink.Lifecycles, sink.Crashes)
	}
}

func TestMergedEventsSayWhatIsMissing(t *testing.T) {
	sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "events.json", `{"apiVersion":"v1","kind":"Event","involvedObject":{"kind":"Pod","name":"web-0"},"reason":"Unhealthy",
	"message":"Liveness probe failed","firstTimestamp":"2026-11-16T13:40:00Z","lastTimestamp":"2026-11-16T13:47:57Z","count":16}`)
	if len(sink.Lifecycles) != 2 || sink.Lifecycles[0].Time != formattest.At(t, "2026-11-16T13:40:00Z") || sink.Lifecycles[1].Time != formattest.At(t, "2026-11-16T13:47:57Z") {
		t.Errorf("%+v", sink.Lifecycles)
	}
	if n := sink.WarningCount("merged_events"); n != 14 {
		t.Errorf("%d events said to be missing", n)
	}
}

func TestMergedStartsAreCounted(t *testing.T) {
	sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "events.json", `{"apiVersion":"v1","kind":"Event","involvedObject":{"kind":"Pod","name":"web-0"},"reason":"Started",
	"message":"Started container app","firstTimestamp":"2026-11-16T13:40:00Z","lastTimestamp":"2026-11-16T13:47:57Z","count":5}`)
	want := []record.Lifecycle{
		{Time: formattest.At(t, "2026-11-16T13:40:00Z"), Kind: record.Up, Reason: "Started"},
		{Time: formattest.At(t, "2026-11-16T13:47:57Z"), Kind: record.Up, Reason: "Started", Merged: 3},
	}
	for i := range want {
		want[i].Container, want[i].ExitCode = "web-0/app", -1
	}
	if diff := cmp.Diff(want, sink.Lifecycles, formattest.Ignoring()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventsTellOneStory(t *testing.T) {
	event := func(kind, name, reason, first, last string, count int, msg string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"Event","involvedObject":{"kind":%q,"name":%q,"fieldPath":"spec.containers{app}"},"reason":%q,"firstTimestamp":"2026-11-16T%sZ","lastTimestamp":"2026-11-16T%sZ","count":%d,"source":{"host":"node-a"},"message":%q}`,
			kind, name, reason, first, last, count, msg)
	}
	killed := event("Node", "node-a", "OOMKilling", "13:00:00", "13:00:00", 1, "Memory cgroup out of memory: Killed process 123 (node) total-vm:1kB, anon-rss:1kB")
	backOff := "Back-off restarting failed container app in pod web-0_shop(1)"
	before := func(pod string) string {
		return event("Pod", pod, "Started", "12:40:00", "12:40:00", 1, "Started container app")
	}
	for _, c := range []struct {
		name   string
		events []string
		want   []string // container, kind, time
		code   string
		count  int64
	}{
		{
			"the kernel's kill is of the pod that starts again",
			[]string{killed, event("Pod", "web-0", "Started", "13:00:09", "13:00:09", 1, "Started container app"), before("web-0"), event("Pod", "web-1", "Started", "13:05:00", "13:05:00", 1, "Started container app")},
			[]string{"web-0/app oom_kill 13:00:00"}, "", 0,
		},
		{
			"of two pods that start again it may be either",
			[]string{before("web-0"), before("web-1"), killed, event("Pod", "web-0", "Started", "13:00:09", "13:00:09", 1, "Started container app"), event("Pod", "web-1", "Started", "13:00:20", "13:00:20", 1, "Started container app")},
			[]string{" oom_kill 13:00:00"}, "container_not_told", 1,
		},
		{
			"a pod that is new after the kill is not its victim",
			[]string{killed, event("Pod", "web-9", "Started", "13:00:09", "13:00:09", 1, "Started container app")},
			[]string{" oom_kill 13:00:00"}, "container_not_told", 1,
		},
		{
			"of a new pod and one that was there before, it is that",
			[]string{killed, event("Pod", "web-9", "Started", "13:00:05", "13:00:05", 1, "Started container app"), event("Pod", "web-0", "Unhealthy", "12:59:50", "12:59:50", 1, "Readiness probe failed"), event("Pod", "web-0", "Started", "13:00:09", "13:00:09", 1, "Started container app")},
			[]string{"web-0/app oom_kill 13:00:00"}, "", 0,
		},
		{
			"merged starts, of which the first was before the kill",
			[]string{killed, event("Pod", "web-0", "Started", "12:40:00", "13:00:09", 2, "Started container app")},
			[]string{"web-0/app oom_kill 13:00:00"}, "", 0,
		},
		{
			"a back-off after a death that is told",
			[]string{event("Pod", "web-0", "BackOff", "13:00:04", "13:00:04", 1, backOff), killed, before("web-0")},
			[]string{"web-0/app oom_kill 13:00:00"}, "", 0,
		},
		{
			"merged back-offs, of which the first can be placed",
			[]string{event("Pod", "web-0", "BackOff", "13:00:04", "13:44:00", 7, backOff)},
			[]string{"web-0/app unknown 13:00:04"}, "merged_events", 6,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "events.json", `{"apiVersion":"v1","kind":"List","items":[`+strings.Join(c.events, ",\n")+`]}`)
			var got []string
			for _, x := range sink.Crashes {
				got = append(got, fmt.Sprintf("%s %s %s", x.Container, x.Kind, x.Time.Std().Format("15:04:05")))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if c.code != "" && sink.WarningCount(c.code) != c.count {
				t.Errorf("%v", sink.Warnings)
			}
		})
	}
}

// TestAStartTellsOfWhichContainer: two containers of a pod go by its name, and the start of one is not that of the other.
func TestAStartTellsOfWhichContainer(t *testing.T) {
	for message, want := range map[string]string{"Started container app": "Started container app", "Container started": "Container started: app"} {
		sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "events.json", `{"apiVersion":"v1","kind":"Event","reason":"Started","message":"`+message+`","lastTimestamp":"2026-11-16T13:47:57Z",
			"involvedObject":{"kind":"Pod","name":"web-0","fieldPath":"spec.containers{app}"}}`)
		if len(sink.Lifecycles) != 1 || sink.Lifecycles[0].Text != want || sink.Lifecycles[0].Container != "web-0/app" {
			t.Errorf("%q: %+v", message, sink.Lifecycles)
		}
	}
}

func TestObjectsAreCitedByTheirLine(t *testing.T) {
	// Long enough for the reader to be far ahead of the object that it is at.
	var b strings.Builder
	b.WriteString("{\n \"apiVersion\": \"v1\",\n \"kind\": \"List\",\n \"items\": [")
	const n = 2000
	for i := range n {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n  {\n\n   \"kind\": \"Event\", \"reason\": \"Started\",\n   \"involvedObject\": {\"kind\": \"Pod\", \"name\": \"web-%d\"},\n   \"eventTime\": \"2026-11-16T13:47:57Z\"%s\n  }", i, strings.Repeat("\n", i%7))
	}
	b.WriteString("\n ]\n}\n")
	sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "events.json", b.String())
	if len(sink.Lifecycles) != n {
		t.Fatalf("%d events", len(sink.Lifecycles))
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range sink.Lifecycles {
		if lines[l.Pos.Line-1] != "  {" || !strings.Contains(lines[l.Pos.Line+2], fmt.Sprintf(`"web-%d"`, i)) {
			t.Fatalf("event %d is said to be on line %d: %q", i, l.Pos.Line, lines[l.Pos.Line-1])
		}
	}
	sink = formattest.MustRead(t, orchestrator.Kubernetes{}, "pod.json", "\n\n"+strings.Replace(podList, "\n", "\n\n", 1))
	if len(sink.Crashes) != 1 || sink.Crashes[0].Pos.Line != 5 {
		t.Errorf("%+v", sink.Crashes)
	}
}

func TestATruncatedListIsUsedUpToTheBreak(t *testing.T) {
	whole := strings.Replace(podList, "\n]}", ",\n{\"kind\":\"Pod\",\"metadata\":{\"na", 1)
	sink, err := formattest.Read(t, orchestrator.Kubernetes{}, "pods.json", []byte(whole))
	if err == nil || len(sink.Crashes) != 1 {
		t.Errorf("error %v, %d crashes", err, len(sink.Crashes))
	}
}

func TestQuantitiesOfKubernetesAreReadInBytes(t *testing.T) {
	for in, want := range map[string]int64{"100Mi": 100 << 20, "1Gi": 1 << 30, "128974848": 128974848, "129e6": 129000000, "500M": 500000000, "0.5Gi": 1 << 29, "1500m": 1} {
		if got, ok := orchestrator.ParseQuantity([]byte(in)); !ok || got != want {
			t.Errorf("%s: %d %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "Mi", "1Xi", "-1Mi", "abc"} {
		if got, ok := orchestrator.ParseQuantity([]byte(in)); ok {
			t.Errorf("%q was read as %d", in, got)
		}
	}
}

func TestRecordedPodsAndEventsOfOthers(t *testing.T) {
	dir := formattest.Shared(t, "corpus", "logs", "replicatedhq+troubleshoot", "pkg", "analyze", "files")
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	crashes := map[string][]record.Crash{}
	for _, name := range files {
		data := formattest.File(t, name)
		recognised(t, string(data), "kubernetes")
		sink, err := formattest.Read(t, orchestrator.Kubernetes{}, name, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		formattest.CheckSane(t, sink)
		crashes[filepath.Base(name)] = sink.Crashes
	}
	c := crashes["message-oomkill-pod.json"]
	if len(c) != 1 || c[0].Kind != record.CrashOOMKill || c[0].LimitBytes != 100<<20 || c[0].Container != "oom-kill-job3-gbb89/memory-eater" || c[0].Host != "minikube" ||
		c[0].Time != formattest.At(t, "2023-07-11T04:43:25Z") || c[0].Instance != "84d3d308bb9a5765e637884194e718d297046f156a377cf6145a9397d5e469b7" {
		t.Errorf("the memory kill: %+v", c)
	}
	if len(crashes["message-pod-crashloop-backoff.json"]) == 0 {
		t.Error("no crash in a crash loop")
	}
	for _, quiet := range []string{"default.json", "other.json", "message-image-pull-fail.json", "message-pending-node-affinity.json"} {
		if n := len(crashes[quiet]); n != 0 {
			t.Errorf("%d crashes in %s", n, quiet)
		}
	}
	more, _ := filepath.Glob(filepath.Join(formattest.Shared(t, "corpus", "logs", "fluent+fluent-bit", "tests", "runtime", "data", "in_kubernetes_events"), "*.json"))
	for _, name := range more {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		recognised(t, string(data), "kubernetes")
		if _, err := formattest.Read(t, orchestrator.Kubernetes{}, name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzKubernetes(f *testing.F) {
	f.Add([]byte(podList))
	f.Add([]byte(`{"kind":"Event","involvedObject":{"kind":"Pod","name":"web-0"},"reason":"OOMKilling","message":"Killed process 1 (a) anon-rss:1kB","eventTime":"2026-11-16T13:47:57Z","count":9,"firstTimestamp":"2026-11-16T13:40:57Z"}`))
	f.Add([]byte(`{"items":[{"kind":"Event","involvedObject":{"kind":"Node","name":"n"},"reason":"OOMKilling","message":"x","eventTime":"2026-11-16T13:47:57Z"},
	{"kind":"Event","involvedObject":{"kind":"Pod","name":"p","fieldPath":"spec.initContainers{a}"},"source":{"host":"n"},"reason":"BackOff","message":"Back-off restarting failed","eventTime":"2026-11-16T13:47:59Z"}]}`))
	f.Add([]byte(`{"type":"MODIFIED","object":{"kind":"Pod"}}`))
	f.Add([]byte(`{"items":{"a":[1,{}]},"kind":"Pod","status":[],"metadata":1}`))
	f.Fuzz(func(t *testing.T, data []byte) { formattest.FuzzDocument(t, orchestrator.Kubernetes{}, data) })
}

func TestEventsAreOfTheContainerThatTheyName(t *testing.T) {
	event := func(reason, path, at, msg string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"Event","involvedObject":{"kind":"Pod","name":"web-0","fieldPath":%q},"reason":%q,"firstTimestamp":"2026-11-16T%[3]sZ","lastTimestamp":"2026-11-16T%[3]sZ","count":1,"message":%[4]q}`, path, reason, at, msg)
	}
	const (
		pod       = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0"},"spec":{"containers":[{"name":"app"},{"name":"shipper"}]},"status":{}}`
		proxied   = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0"},"spec":{"containers":[{"name":"istio-proxy"},{"name":"app"}]},"status":{}}`
		app       = "spec.containers{app}"
		shipper   = "spec.containers{shipper}"
		appLoop   = "Back-off restarting failed container app in pod web-0_shop(1)"
		shipLoop  = "Back-off restarting failed container shipper in pod web-0_shop(1)"
		shipProbe = "Container shipper failed liveness probe, will be restarted"
	)
	appBegins, shipperBegins := event("Started", app, "13:00:00", "Started container app"), event("Started", shipper, "13:00:00", "Started container shipper")
	later := event("Started", app, "13:50:00", "Started container app")
	for _, c := range []struct {
		name  string
		items []string
		want  []string // the containers of the deaths
		mains []string
	}{
		{"the only container", []string{event("BackOff", app, "13:47:57", appLoop)}, []string{"web-0/app"}, []string{"web-0/app"}},
		{"nothing is named", []string{event("BackOff", "", "13:47:57", "Back-off restarting failed container")}, []string{"web-0"}, nil},
		{"the main one began first", []string{appBegins, shipperBegins, event("BackOff", app, "13:47:57", appLoop)}, []string{"web-0/app"}, []string{"web-0/app"}},
		{"the other began second", []string{appBegins, shipperBegins, event("BackOff", shipper, "13:47:57", shipLoop)}, []string{"web-0/shipper"}, []string{"web-0/app"}},
		{"its death is told before", []string{event("BackOff", shipper, "13:47:57", shipLoop), shipperBegins, later, event("Created", app, "12:59:59", "Created container app")}, []string{"web-0/shipper"}, []string{"web-0/app"}},
		{"the message alone names it", []string{appBegins, shipperBegins, event("BackOff", "", "13:47:57", shipLoop)}, []string{"web-0/shipper"}, []string{"web-0/app"}},
		{"a probe's message names it", []string{appBegins, shipperBegins, event("Killing", "", "13:47:57", shipProbe)}, []string{"web-0/shipper"}, []string{"web-0/app"}},
		{"the pod says which is its main one", []string{shipperBegins, later, pod, event("BackOff", shipper, "13:47:57", shipLoop)}, []string{"web-0/shipper"}, []string{"web-0/app", "web-0/shipper"}},
		{"the pod comes after its events", []string{event("BackOff", shipper, "13:47:57", shipLoop), event("BackOff", app, "13:58:57", appLoop), pod}, []string{"web-0/shipper", "web-0/app"}, []string{"web-0/app", "web-0/shipper"}},
		{"the first of the pod is a known companion", []string{proxied, event("BackOff", app, "13:47:57", appLoop)}, []string{"web-0/app"}, []string{"web-0/app", "web-0/app"}},
		{"a known companion alone", []string{event("BackOff", "spec.containers{istio-proxy}", "13:47:57", "Back-off restarting failed container istio-proxy in pod web-0_shop(1)")}, []string{"web-0/istio-proxy"}, nil},
		{"an initialisation", []string{event("BackOff", "spec.initContainers{migrate}", "13:47:57", "Back-off restarting failed container migrate in pod web-0_shop(1)"), appBegins}, []string{"web-0/migrate"}, []string{"web-0/app"}},
		{"who was the largest of an evicted pod", []string{appBegins, shipperBegins, event("Evicted", "", "13:47:57", "The node was low on resource: memory. Container shipper was using 5Gi, which exceeds its request of 0. ")}, []string{"web-0"}, []string{"web-0/app"}},
	} {
		sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "all.json", `{"apiVersion":"v1","kind":"List","items":[`+strings.Join(c.items, ",\n")+`]}`)
		var got []string
		for _, x := range sink.Crashes {
			got = append(got, x.Container)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: deaths (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.mains, sink.Mains); diff != "" { // what a description says comes before what began first
			t.Errorf("%s: main containers (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestMergedEventsOfACompanionAreAllItsOwn(t *testing.T) {
	sink := formattest.MustRead(t, orchestrator.Kubernetes{}, "events.json", `{"apiVersion":"v1","kind":"List","items":[
	{"kind":"Event","involvedObject":{"kind":"Pod","name":"web-0","fieldPath":"spec.containers{app}"},"reason":"Started","message":"Started container app","lastTimestamp":"2026-11-16T13:00:00Z"},
	{"kind":"Event","involvedObject":{"kind":"Pod","name":"web-0","fieldPath":"spec.containers{shipper}"},"reason":"Started","message":"Started container shipper","firstTimestamp":"2026-11-16T13:00:01Z","lastTimestamp":"2026-11-16T13:48:07Z","count":4},
	{"kind":"Event","involvedObject":{"kind":"Pod","name":"web-0","fieldPath":"spec.containers{shipper}"},"reason":"BackOff","message":"Back-off restarting failed container shipper in pod web-0","firstTimestamp":"2026-11-16T13:20:00Z","lastTimestamp":"2026-11-16T13:47:57Z","count":3}]}`)
	var got []string
	for _, l := range sink.Lifecycles {
		got = append(got, fmt.Sprint(l.Container, " ", l.Kind, " ", l.Merged))
	}
	if diff := cmp.Diff([]string{"web-0/app up 0", "web-0/shipper up 0", "web-0/shipper up 2"}, got); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
	if len(sink.Crashes) != 1 || sink.Crashes[0].Container != "web-0/shipper" {
		t.Errorf("deaths %+v", sink.Crashes)
	}
}
