package orchestrator

import (
	"bytes"
	"cmp"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/kernel"
	"lastcall/collectors/evidence/internal/origin"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// kubernetesEvent makes the records of one event (v1 or events.k8s.io/v1). Kubernetes merges equal events and keeps the first and the
// last time: a merged event gives a record for each of the two, and a warning that those between have no time of their own.
func kubernetesEvent(pos record.Pos, v *fastjson.Value, sink *kubernetesStory) error {
	obj := v.Get("involvedObject")
	if obj == nil {
		obj = v.Get("regarding")
	}
	kind, name := string(obj.GetStringBytes("kind")), obj.GetStringBytes("name")
	reason := string(v.GetStringBytes("reason"))
	msg := jsondoc.Text(jsondoc.FirstOf(v, "message", "note"))
	first := jsondoc.Time(jsondoc.FirstOf(v, "firstTimestamp", "deprecatedFirstTimestamp"))
	last := jsondoc.Time(jsondoc.FirstOf(v, "lastTimestamp", "deprecatedLastTimestamp"))
	if t := jsondoc.Time(v.Get("series", "lastObservedTime")); t != 0 {
		last = t
	}
	if last == 0 {
		last = jsondoc.Time(v.Get("eventTime"))
	}
	if last == 0 {
		last = jsondoc.Time(v.Get("metadata", "creationTimestamp"))
	}
	count := max(v.GetInt("count"), v.GetInt("deprecatedCount"), v.GetInt("series", "count"))
	if first == 0 && count > 1 {
		first = jsondoc.Time(v.Get("eventTime"))
	}
	e := kubernetesEventRead{
		origin: origin.Origin{Pos: pos, Time: last, Host: v.GetStringBytes("source", "host")},
		kind:   kind, reason: reason, msg: msg, first: first, last: last, count: count,
	}
	o := &e.origin
	switch kind {
	case "Pod":
		o.Container, o.Pod = name, obj.GetStringBytes("uid")
	case "Node":
		o.Host = name
	default:
		o.Service = name
	}
	path := obj.GetStringBytes("fieldPath")
	if inner := innerContainer(path); reason == "Started" && !bytes.Contains(msg, inner) {
		e.msg = append(append(bytes.Clone(msg), ": "...), inner...) // newer kubelets leave it to the field
	}
	if kind != "Pod" || !e.matters() {
		return e.tell(sink)
	}
	if e.inner = innerContainer(path); len(e.inner) == 0 {
		e.inner = containerInMessage(reason, msg)
	} else if list, _, _ := bytes.Cut(path, []byte("{")); string(list) != "spec.containers" {
		o.Container = append(append(bytes.Clone(name), '/'), e.inner...) // an initialisation ("spec.initContainers{migrate}")
		e.inner = nil
	}
	if len(e.inner) == 0 {
		return e.tell(sink)
	}
	return sink.ofContainer(&e)
}

// kubernetesEventRead is an event taken apart. Its origin names the pod until it is known which of its containers it is about.
type kubernetesEventRead struct {
	origin       origin.Origin
	inner        []byte // the name of a container of the pod; empty: it is about the pod
	kind, reason string
	msg          []byte
	first, last  record.Time
	count        int
}

func (e *kubernetesEventRead) isBackOff() bool {
	return e.reason == "BackOff" && bytes.Contains(bytes.ToLower(e.msg), []byte("restarting failed"))
}

// matters reports whether the event makes any record.
func (e *kubernetesEventRead) matters() bool {
	return e.isBackOff() || kubernetesReason(e.kind, e.reason, e.msg) != nil
}

// begins reports whether the event tells that a container began.
func (e *kubernetesEventRead) begins() bool { return e.reason == "Started" || e.reason == "Created" }

// since is the first time of the event.
func (e *kubernetesEventRead) since() record.Time {
	if e.first != 0 {
		return e.first
	}
	return e.last
}

// beginsBefore reports whether the container of an event began before that of another: what tells of a beginning, then what was told first.
func (e *kubernetesEventRead) beginsBefore(o *kubernetesEventRead) bool {
	if e.begins() != o.begins() {
		return e.begins()
	}
	return cmp.Or(cmp.Compare(e.since(), o.since()), cmp.Compare(e.origin.Pos.Line, o.origin.Pos.Line)) < 0
}

// tell makes the records.
func (e *kubernetesEventRead) tell(sink *kubernetesStory) error {
	if e.isBackOff() {
		return kubernetesBackOff(&e.origin, e.first, e.count, e.msg, sink)
	}
	emit := kubernetesReason(e.kind, e.reason, e.msg)
	if emit == nil {
		return nil
	}
	o, msg := &e.origin, e.msg
	if e.last == 0 {
		return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, msg)
	}
	if e.reason == "Evicted" {
		sink.evictionTold(string(o.Container))
	}
	if e.count > 1 && e.first != 0 && e.first < e.last {
		early := *o
		early.Time = e.first
		if err := emit(&early, sink); err != nil {
			return err
		}
		if e.count > 2 {
			if err := mergedEvents(o.Pos, e.count-2, msg, sink); err != nil {
				return err
			}
			if e.reason == "Started" { // how often it was restarted tells whose the kills of its node are
				l := o.Lifecycle(record.Up, e.reason, msg)
				l.Merged = e.count - 2
				return sink.Lifecycle(l)
			}
		}
	}
	return emit(o, sink)
}

// kubernetesBackOff makes the record of a container that ended by itself and waits to be started again. The event comes seconds after
// the end when it is the first; those that were merged with it come up to five minutes after, too late to place the others.
func kubernetesBackOff(o *origin.Origin, first record.Time, count int, msg []byte, sink *kubernetesStory) error {
	if first != 0 {
		o.Time = first
	}
	if o.Time == 0 {
		return warning.Tell(sink, o.Pos, "no_time", warning.NoTime, msg)
	}
	if count > 1 {
		if err := mergedEvents(o.Pos, count-1, msg, sink); err != nil {
			return err
		}
	}
	c := o.Crash(record.CrashOther, msg)
	c.Exited = true
	return sink.backOff(c)
}

// mergedEvents tells of events whose times are lost.
func mergedEvents(pos record.Pos, missing int, msg []byte, sink record.Sink) error {
	return sink.Warn(&record.Warning{
		Code: "merged_events", Pos: pos, Count: int64(missing), Example: warning.Example(msg),
		Text: "Kubernetes merged equal events and kept only the first and the last time; those between are missing",
	})
}

// innerContainer is the name in a field path such as "spec.containers{app}"; empty when there is none.
func innerContainer(path []byte) []byte {
	_, rest, _ := bytes.Cut(path, []byte("{"))
	return bytes.TrimSuffix(rest, []byte("}"))
}

// containerInMessage is the container that a message of the kubelet is about ("Back-off restarting failed container app in pod …"), where
// no field names it; empty where it names none.
func containerInMessage(reason string, msg []byte) []byte {
	switch reason {
	case "BackOff", "Killing", "Started", "Created", "OOMKilled", "OOMKill":
	default:
		return nil // "Container app was using 5Gi" tells who was the largest of an evicted pod
	}
	i := bytes.Index(msg, []byte("ontainer "))
	if i < 0 || i > 0 && msg[i-1]|0x20 != 'c' {
		return nil
	}
	name, _ := cut.Word(msg[i+len("ontainer "):])
	name = bytes.Trim(name, `"',:.`)
	switch string(name) {
	case "will", "failed", "was", "is", "has", "in", "with", "and", "runtime", "definition", "process":
		return nil
	}
	if !containers.IsName(name) {
		return nil
	}
	return name
}

// kubernetesReason says what an event means; nil for the many that mean nothing here (Scheduled, Pulled, FailedMount, …).
func kubernetesReason(kind, reason string, msg []byte) func(*origin.Origin, record.Sink) error {
	has := func(s string) bool { return bytes.Contains(bytes.ToLower(msg), []byte(s)) }
	life := func(k record.LifecycleKind) func(*origin.Origin, record.Sink) error {
		return func(o *origin.Origin, sink record.Sink) error { return sink.Lifecycle(o.Lifecycle(k, reason, msg)) }
	}
	crash := func(k record.CrashKind) func(*origin.Origin, record.Sink) error {
		return func(o *origin.Origin, sink record.Sink) error { return sink.Crash(o.Crash(k, msg)) }
	}
	switch reason {
	case "OOMKilled", "OOMKill":
		return func(o *origin.Origin, sink record.Sink) error {
			c := o.Crash(record.CrashOOMKill, msg)
			c.Exited = true
			return sink.Crash(c)
		}
	case "OOMKilling":
		return func(o *origin.Origin, sink record.Sink) error {
			var k kernel.Report
			if handled, err := k.Line(o, msg, sink); handled || err != nil {
				return err
			}
			return sink.Crash(o.Crash(record.CrashOOMKill, msg))
		}
	case "SystemOOM":
		return func(o *origin.Origin, sink record.Sink) error {
			c := o.Crash(record.CrashOOMKill, msg)
			c.Exited, c.Signal = true, "SIGKILL"
			if pid := bytes.TrimSpace(cut.Between(append(bytes.Clone(msg), ','), "pid: ", ",")); len(pid) > 0 {
				c.Instance = string(pid)
			}
			if err := sink.Crash(c); err != nil {
				return err
			}
			return sink.Lifecycle(o.Lifecycle(record.MemoryPressure, record.NodeOutOfMemory, msg))
		}
	case "Killing":
		switch {
		case has("liveness probe") || has("startup probe") || has("unhealthy"):
			return crash(record.CrashHealthCheck)
		case has("definition changed"):
			return life(record.Restarting)
		}
		return life(record.Stopping)
	case "Unhealthy", "ProbeError", "ProbeWarning":
		return func(o *origin.Origin, sink record.Sink) error {
			failed := o.Lifecycle(record.HealthCheckFailed, reason, msg)
			failed.Address = probed(msg)
			return sink.Lifecycle(failed)
		}
	case "SandboxChanged":
		return life(record.Restarting)
	case "Started":
		return life(record.Up)
	case "Created":
		if kind == "Pod" {
			return life(record.Starting)
		}
		return nil
	case "Evicted":
		if !evictedForMemory(msg) {
			return life(record.Stopping)
		}
		return func(o *origin.Origin, sink record.Sink) error {
			c, shortage := evictedCrash(o, msg)
			if err := sink.Crash(c); err != nil {
				return err
			}
			return sink.Lifecycle(shortage)
		}
	case "Preempted", "Preempting", "TaintManagerEviction":
		if has("cancelling") {
			return nil
		}
		return life(record.Stopping)
	case "ScalingReplicaSet", "SuccessfulRescale":
		return life(record.Scale)
	case "DeploymentRollback":
		return life(record.Deploy)
	case "NodeNotReady", "NodeNotSchedulable", "Rebooted", "NodeShutdown", "Shutdown", "KubeletNotReady":
		if reason == "NodeNotSchedulable" {
			return life(record.Maintenance)
		}
		if kind == "Pod" {
			return life(record.Unreachable)
		}
		return life(record.HostDown)
	case "NodeLost":
		return life(record.Unreachable)
	case "NodeHasInsufficientMemory", "EvictionThresholdMet":
		if reason == "EvictionThresholdMet" && !has("memory") {
			return nil
		}
		return life(record.MemoryPressure)
	}
	return nil
}

// probed is the address at which a probe met the container or did not ("Get \"http://10.42.1.32:8080/healthz\": …", "dial tcp
// 10.42.1.32:8080: …"); empty where the probe was a command.
func probed(msg []byte) string {
	for _, before := range []string{"://", "dial tcp "} {
		if i := bytes.Index(msg, []byte(before)); i >= 0 {
			rest := msg[i+len(before):]
			if end := bytes.IndexAny(rest, "/\" "); end >= 0 {
				rest = rest[:end]
			}
			return string(bytes.TrimSuffix(rest, []byte(":")))
		}
	}
	return ""
}

// evictedForMemory reports whether the kubelet put a pod off for memory. It names the resource in one way; "memory" elsewhere is the name
// of a container or volume, or the condition of a node that refused a pod, which then never ran.
func evictedForMemory(msg []byte) bool {
	return bytes.Contains(msg, []byte("low on resource: memory"))
}
