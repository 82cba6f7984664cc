package orchestrator

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// kubernetesPod makes the records of one pod: how its containers ended last (status.containerStatuses[].lastState and .state), since
// when they run, their memory limit and number of restarts.
func kubernetesPod(pos record.Pos, v *fastjson.Value, sink *kubernetesStory) error {
	meta, spec, status := v.Get("metadata"), v.Get("spec"), v.Get("status")
	if meta == nil || status == nil {
		return nil
	}
	labels := meta.Get("labels")
	base := origin.Origin{
		Pos: pos, Container: meta.GetStringBytes("name"), Service: podService(labels), Version: podVersion(labels),
		Host: spec.GetStringBytes("nodeName"), Pod: meta.GetStringBytes("uid"),
	}
	// On the node's network the address is that of many, and what has ended keeps one that is given out again.
	phase := string(status.GetStringBytes("phase"))
	if !spec.GetBool("hostNetwork") && phase != "Succeeded" && phase != "Failed" {
		base.Address = status.GetStringBytes("podIP")
	}
	limits := map[string]int64{}
	main := ""
	for _, c := range spec.GetArray("containers") {
		name := string(c.GetStringBytes("name"))
		if main == "" || record.IsSidecar(main) && !record.IsSidecar(name) {
			main = name
		}
		if l, ok := parseQuantity(jsondoc.Text(c.Get("resources", "limits", "memory"))); ok && l > 0 {
			limits[name] = l
		}
	}
	if def := meta.GetStringBytes("annotations", "kubectl.kubernetes.io/default-container"); len(def) > 0 {
		main = string(def)
	}
	if main != "" {
		if err := sink.Sink.Lifecycle(record.MainOf(pos, containers.InPod(string(base.Container), main), record.Described)); err != nil {
			return err
		}
	}
	for _, list := range []string{"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"} {
		for _, c := range status.GetArray(list) {
			o := base
			name := string(c.GetStringBytes("name"))
			o.Container = []byte(containers.InPod(string(base.Container), name))
			if list != "containerStatuses" || (main != "" && name != main) {
				o.Address = nil // a proxy reaches the main one
			}
			if err := kubernetesContainer(&o, c, limits[name], sink); err != nil {
				return err
			}
		}
	}
	if reason := status.GetStringBytes("reason"); string(reason) == "Evicted" {
		return kubernetesEvicted(&base, status, sink)
	}
	if t := jsondoc.Time(meta.Get("deletionTimestamp")); t != 0 {
		base.Time = t
		return sink.Lifecycle(base.Lifecycle(record.Stopping, "deleted", nil))
	}
	return nil
}

// kubernetesContainer makes the records of one container status. limit is in bytes, 0 when there is none.
func kubernetesContainer(o *origin.Origin, c *fastjson.Value, limit int64, sink record.Sink) error {
	var latest record.Time
	ends := 0
	current := bareID(c.GetStringBytes("containerID"))
	for _, state := range []string{"lastState", "state"} {
		t := c.Get(state, "terminated")
		if t == nil || t.Type() != fastjson.TypeObject {
			continue
		}
		ev := *o
		ev.Instance = bareID(t.GetStringBytes("containerID"))
		started, finished := jsondoc.Time(t.Get("startedAt")), jsondoc.Time(t.Get("finishedAt"))
		latest = max(latest, started, finished)
		if err := kubernetesUp(&ev, started, limit, sink); err != nil {
			return err
		}
		if finished == 0 {
			if err := warning.Tell(sink, o.Pos, "no_time", warning.NoTime, terminatedText(t)); err != nil {
				return err
			}
			continue
		}
		ends++
		ev.Time = finished
		if err := kubernetesTerminated(&ev, t, started, limit, sink); err != nil {
			return err
		}
	}
	if r := c.Get("state", "running"); r != nil {
		ev := *o
		ev.Instance = current
		started := jsondoc.Time(r.Get("startedAt"))
		latest = max(latest, started)
		if err := kubernetesUp(&ev, started, limit, sink); err != nil {
			return err
		}
	}
	ev := *o
	ev.Time = latest
	// The end that it waits after is told by lastState: this is no order to restart, which would make it a planned one.
	if w := c.Get("state", "waiting"); w != nil && string(w.GetStringBytes("reason")) == "CrashLoopBackOff" {
		if latest == 0 {
			return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, w.GetStringBytes("message"))
		}
		if err := sink.Lifecycle(ev.Lifecycle(record.LifecycleOther, "CrashLoopBackOff", w.GetStringBytes("message"))); err != nil {
			return err
		}
	}
	restarts, ok := jsondoc.Number(c.Get("restartCount"))
	if !ok || latest == 0 {
		return nil
	}
	if c.Get("state", "terminated") != nil && ends > 0 {
		ends-- // it has not been started again
	}
	if untold := int64(min(restarts, 1<<31)) - int64(ends); untold > 0 {
		err := sink.Warn(&record.Warning{
			Code: EarlierRestarts, Pos: o.Pos, Count: untold, Example: string(o.Container),
			Text: "restarts of containers of which Kubernetes keeps no end: a pod tells of the last one only; the events tell of some more (kubectl get events -o json)",
		})
		if err != nil {
			return err
		}
	}
	return sink.Sample(ev.Sample(record.Restarts, restarts))
}

// kubernetesUp tells that a life of the container began at started, and under which limit.
func kubernetesUp(o *origin.Origin, started record.Time, limit int64, sink record.Sink) error {
	if started == 0 {
		return nil
	}
	ev := *o
	ev.Time = started
	up := ev.Lifecycle(record.Up, "startedAt", nil)
	up.Address = string(ev.Address)
	if err := sink.Lifecycle(up); err != nil {
		return err
	}
	if limit > 0 {
		return sink.Sample(ev.Sample(record.MemoryLimit, float64(limit)))
	}
	return nil
}

func kubernetesTerminated(o *origin.Origin, t *fastjson.Value, started record.Time, limit int64, sink record.Sink) error {
	code := t.GetInt("exitCode")
	reason := string(t.GetStringBytes("reason"))
	text := terminatedText(t)
	// The runtime reads "OOMKilled" from a counter of the cgroup that does not go back: with a status of a stop as asked it is no
	// memory kill of this process.
	if origin.PlannedStatus(code) {
		return sink.Lifecycle(o.Stopped(code, reason, text))
	}
	c := o.Exited(code, reason, text)
	if n := t.GetInt("signal"); n > 0 {
		c.Signal = origin.SignalName(n)
	}
	c.LimitBytes = limit
	if d := o.Time.Sub(started); started != 0 && d > 0 && d < 10*365*24*time.Hour {
		c.Uptime = d
	}
	return sink.Crash(c)
}

// terminatedText puts the end of a container into words.
func terminatedText(t *fastjson.Value) []byte {
	var b []byte
	if reason := t.GetStringBytes("reason"); len(reason) > 0 {
		b = append(append(b, reason...), ", "...)
	}
	b = strconv.AppendInt(append(b, "exit code "...), int64(t.GetInt("exitCode")), 10)
	for _, x := range []struct{ key, word string }{{"signal", "signal"}, {"startedAt", "started"}, {"finishedAt", "finished"}} {
		if v := jsondoc.Text(t.Get(x.key)); len(v) > 0 && string(v) != "0" {
			b = append(append(append(append(b, ", "...), x.word...), ' '), v...)
		}
	}
	if msg := bytes.TrimSpace(t.GetStringBytes("message")); len(msg) > 0 {
		b = append(append(b, ": "...), msg...)
	}
	return b
}

// EvictedWithoutTime is told of pods that the kubelet put off their node, where nothing says when. It has one pod for an example.
const EvictedWithoutTime = "pods that were evicted and do not tell when; the events do (kubectl get events -o json)"

// kubernetesEvicted tells of a pod that the kubelet put off its node. Only its own words make that a memory kill, and then the node was
// short of memory.
func kubernetesEvicted(o *origin.Origin, status *fastjson.Value, sink *kubernetesStory) error {
	msg := status.GetStringBytes("message")
	o.Time = evictionTime(status)
	if !evictedForMemory(msg) {
		return sink.evict(evictedPod{stop: o.Stopped(-1, record.Evicted, msg)})
	}
	c, shortage := evictedCrash(o, msg)
	c.Exited = true
	return sink.evict(evictedPod{crash: c, shortage: shortage})
}

// evictedCrash is the death of a pod that was put off for the memory of its node, and the shortage of the node beside it.
func evictedCrash(o *origin.Origin, msg []byte) (*record.Crash, *record.Lifecycle) {
	c := o.Crash(record.CrashOOMKill, msg)
	c.UsedBytes = evictedUsage(msg)
	return c, o.Lifecycle(record.MemoryPressure, record.NodeOutOfMemory, msg)
}

// evictedUsage is what the largest container of an evicted pod held, in bytes, by "Container app was using 218275Ki, request is 128Mi"; 0
// where the kubelet does not say it.
func evictedUsage(msg []byte) (most int64) {
	for {
		_, rest, ok := bytes.Cut(msg, []byte(" was using "))
		if !ok {
			return most
		}
		end := bytes.IndexAny(rest, ", ")
		if end < 0 {
			end = len(rest)
		}
		if n, ok := parseQuantity(rest[:end]); ok {
			most = max(most, n)
		}
		msg = rest
	}
}

// evictionTime is when an evicted pod ended: as its containers tell, or since when it is disrupted, or no longer ready; 0 where none of them
// is told. It never is its startTime.
func evictionTime(status *fastjson.Value) (at record.Time) {
	for _, c := range status.GetArray("containerStatuses") {
		at = max(at, jsondoc.Time(c.Get("state", "terminated", "finishedAt")))
	}
	for _, kind := range []string{"DisruptionTarget", "Ready", "ContainersReady"} {
		for _, c := range status.GetArray("conditions") {
			over := string(c.GetStringBytes("status")) == "True" == (kind == "DisruptionTarget")
			if at == 0 && over && string(c.GetStringBytes("type")) == kind {
				at = jsondoc.Time(c.Get("lastTransitionTime"))
			}
		}
	}
	return at
}
