package naming

import "lastcall/analyze/internal/intake"

// tiePods names what a kernel killed in a pod of Kubernetes after the container of that pod, where no source tells of two: the pod keeps its
// UID when its container is started again under another id, and of the ids before the last no description is kept.
func tiePods(ev *intake.Evidence) {
	names := map[string]string{}
	learn := func(pod, container string) {
		if pod == "" || container == "" || HexID(container) {
			return
		}
		if old, known := names[pod]; known && old != container {
			container = ""
		}
		names[pod] = container
	}
	for i := range ev.Events {
		learn(ev.Events[i].Pod, ev.Events[i].Container)
	}
	for i := range ev.Crashes {
		learn(ev.Crashes[i].Pod, ev.Crashes[i].Container)
	}
	for i := range ev.Crashes {
		k := &ev.Crashes[i]
		if name := names[k.Pod]; name != "" && (k.Container == "" || HexID(k.Container)) {
			k.Container = name
		}
	}
}
