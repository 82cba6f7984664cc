package orchestrator_test

import (
	"fmt"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/record/recordtest"
)

// describedWeb is a pod as kubectl describes it.
const describedWeb = `Name:             web-5d8f7b9c4-x2x9q
Namespace:        prod
Priority:         0
Node:             node-a/10.0.1.17
Labels:           app=web
                  version=v7
Status:           Running
IP:               10.42.1.11
Controlled By:    ReplicaSet/web-5d8f7b9c4
Containers:
  app:
    Container ID:   containerd://84d3
    Image:          registry.example.com/web:v7
    State:          Running
      Started:      Tue, 21 Apr 2026 18:00:32 +0200
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Tue, 21 Apr 2026 08:58:21 +0000
      Finished:     Tue, 21 Apr 2026 16:00:30 +0000
    Ready:          True
    Restart Count:  3
    Limits:
      memory:  768Mi
    Environment:  <none>
Conditions:
  Type              Status
  Ready             True
Events:
  Type     Reason     Age                 From     Message
  ----     ------     ----                ----     -------
  Warning  Unhealthy  3m (x5 over 2h)     kubelet  Liveness probe failed: x
`

// toldOf says in short what was read of Kubernetes.
func toldOf(s *recordtest.Sink) string {
	var b strings.Builder
	for _, c := range s.Crashes {
		fmt.Fprintf(&b, "%s of %s at %s exit %d limit %d; ", c.Kind, c.Container, c.Time.Std().Format("15:04:05"), c.ExitCode, c.LimitBytes>>20)
	}
	for _, l := range s.Lifecycles {
		fmt.Fprintf(&b, "%s of %s at %s %s; ", l.Kind, l.Container, l.Time.Std().Format("15:04:05"), l.Address)
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(&b, "%s %d; ", w.Code, w.Count)
	}
	return b.String()
}

func TestPodsAreReadAsKubectlDescribesThem(t *testing.T) {
	const web = "oom_kill of web-5d8f7b9c4-x2x9q/app at 16:00:30 exit 137 limit 768; "
	const lives = "up of web-5d8f7b9c4-x2x9q/app at 08:58:21 10.42.1.11; up of web-5d8f7b9c4-x2x9q/app at 16:00:32 10.42.1.11; "
	sidecar := strings.Replace(describedWeb, "Conditions:\n", "  istio-proxy:\n    State:          Running\n      Started:      Tue, 21 Apr 2026 08:58:20 +0000\n    Restart Count:  0\nConditions:\n", 1)
	for _, c := range []struct{ name, text, want string }{
		{"a pod", describedWeb, web + lives + "relative_times 1; earlier_restarts 2; "},
		{"two pods", describedWeb + "\n\n" + strings.ReplaceAll(describedWeb, "x2x9q", "b4b4b"), web + strings.ReplaceAll(web, "x2x9q", "b4b4b") + lives + strings.ReplaceAll(lives, "x2x9q", "b4b4b") +
			"relative_times 2; earlier_restarts 4; "},
		{"with a companion", sidecar, web + lives + "up of web-5d8f7b9c4-x2x9q/istio-proxy at 08:58:20 ; relative_times 1; earlier_restarts 2; "},
		{"without a time of the end", strings.Replace(describedWeb, "Finished:     Tue, 21 Apr 2026 16:00:30 +0000", "Finished:     soon", 1), lives + "no_time 1; relative_times 1; earlier_restarts 3; "},
		{"cut short", describedWeb[:strings.Index(describedWeb, "    Ready:")], "oom_kill of web-5d8f7b9c4-x2x9q/app at 16:00:30 exit 137 limit 0; " + lives},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := collect(t, c.text)
			if got := toldOf(s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTablesOfEvents(t *testing.T) {
	const aged = "LAST SEEN   TYPE      REASON    OBJECT      MESSAGE\n"
	const podsHead = "NAME   READY   STATUS   RESTARTS   AGE\n"
	const timed = "TIME                   TYPE      REASON       OBJECT        MESSAGE\n"
	for _, c := range []struct{ name, text, want string }{
		{"with times", timed + "2026-11-18T10:29:41Z   Warning   BackOff      pod/web-0     Back-off restarting failed container app in pod web-0_prod(a657eb8d)\n2026-11-18T11:29:50+01:00 Normal    Started      pod/web-0     Started container app\n",
			"unknown of web-0/app at 10:29:41 exit -1 limit 0; up of web-0/app at 10:29:50 ; "},
		{"by the name of the pod alone", timed + "2026-11-18T10:29:41Z   Warning   Unhealthy    web-0     Liveness probe failed: Get \"http://10.42.1.32:8080/healthz\": context deadline exceeded\n", "health_check_failed of web-0 at 10:29:41 10.42.1.32:8080; "},
		{"an age among times", timed + "2026-11-18T10:29:50Z Normal    Started      pod/web-0     Started container app\n2m1s (x8 over 13h)   Warning   BackOff   pod/web-0   Back-off restarting failed container\n", "up of web-0/app at 10:29:50 ; untimed_ends 1; "},
		{"an age that tells of no end", timed + "2026-11-18T10:29:50Z Normal    Started      pod/web-0     Started container app\n2m1s   Warning   Unhealthy   pod/web-0   Readiness probe failed\n", "up of web-0/app at 10:29:50 ; relative_times 1; "},
		{"ages, a merged start and a back-off of one pod, and an old one", aged + "2m1s (x8 over 3d)   Normal   Started   pod/web-0   Started container app\n40s   Warning   BackOff   pod/web-0   Back-off restarting failed container\n5d   Warning   Evicted   pod/web-1   The node was low on resource: memory.\n3m   Normal   Pulled   pod/web-0   x\n",
			"relative_times 2; untimed_ends 7; "},
		{"of all namespaces", "NAMESPACE   " + aged + "shop-day   67m   Warning   NodeNotReady   pod/web-0   Node is not ready\nshop-day   67m   Warning   NodeNotReady   pod/web-1   Node is not ready\n", "untimed_ends 2; "},
		{"pods", podsHead + "web-0   1/1   Running   2 (7h16m ago)   31h\nweb-1   0/1   CrashLoopBackOff   5 (40s ago)   31h\nweb-2   1/1   Running   9 (3d4h ago)   40d\nweb-3   0/1   OOMKilled   0   4m\nweb-4   1/1   Running   0   4m\n", "untimed_ends 8; "},
		{"pods of all namespaces, as older kubectl prints them, and with their nodes", "NAMESPACE   NAME   READY   STATUS   RESTARTS   AGE   IP   NODE\nshop   web-0   1/1   Running   3   31h   10.0.0.1   node-a\nshop   web-1   0/1   CrashLoopBackOff   0   31h   <none>   node-a\n", "untimed_ends 4; "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := collect(t, c.text)
			if got := toldOf(s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func FuzzKubernetesText(f *testing.F) {
	f.Add([]byte(describedWeb))
	f.Add([]byte("TIME TYPE REASON OBJECT MESSAGE\n2026-11-18T10:29:41Z Warning BackOff pod/web-0 Back-off restarting failed container app in pod web-0_prod(a657eb8d)\n2m1s (x8 over 13h) Normal Started pod/web-0 x\n"))
	f.Add([]byte("Name:  a\nNamespace:  b\nContainers:\n  x:\n    State:  Waiting\n      Reason:  CrashLoopBackOff\n    Restart Count:  -1\n    Limits:\n      memory:  1e400\n"))
	f.Add([]byte("NAME READY STATUS RESTARTS AGE\nweb-0 1/1 Running 2 (7h16m ago) 31h\nweb-1 0/1 OOMKilled -1 (x\n"))
	f.Add([]byte("LAST SEEN TYPE REASON OBJECT MESSAGE\n2m1s (x8 over 13h) Normal Started pod/web-0 x\n3d Warning BackOff pod/web-0 restarting failed\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		formattest.FuzzDocument(t, orchestrator.KubernetesDescribe{}, data)
		formattest.FuzzDocument(t, orchestrator.KubernetesTable{}, data)
		formattest.FuzzDocument(t, orchestrator.PodsTable{}, data)
	})
}
