package metrics

import (
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
)

// Labels are the names that a series or a row carries, sorted out of tags, labels or columns.
type Labels struct {
	Container, Instance, Service, Host, Version string
}

// labelKind says what a tag or column names.
type labelKind uint8

const (
	labelNone labelKind = iota
	labelPod
	labelContainer
	labelKubeContainer // a container within a pod
	labelInstance
	labelPID
	labelProcess
	labelTarget // what Prometheus scraped: "10.0.0.7:9100"
	labelHost
	labelService
	labelVersion
)

// labelKindOf knows the names that Datadog, Prometheus exporters and people give to labels.
func labelKindOf(name string) labelKind {
	switch strings.Join(cut.Words(name), ".") {
	case "pod", "pod.name", "kube.pod.name", "kube.pod", "kubernetes.pod.name", "k8s.pod.name":
		return labelPod
	case "container", "container.name", "dyno", "display.container.name", "task.arn", "container.label.com.docker.compose.service":
		return labelContainer
	case "kube.container.name", "kubernetes.container.name", "k8s.container.name":
		return labelKubeContainer
	case "container.id", "containerid", "runtime.id", "instance.id":
		return labelInstance
	case "pid", "process.id", "process.pid":
		return labelPID
	case "process", "process.name", "proc", "command", "comm":
		return labelProcess
	case "instance":
		return labelTarget
	case "host", "hostname", "node", "node.name", "machine.id", "host.name", "machine", "k8s.node.name":
		return labelHost
	case "service", "app", "service.name", "application", "kube.deployment":
		return labelService
	case "version", "release":
		return labelVersion
	}
	return labelNone
}

// LabelSet gathers labels and decides which of them names the container. The zero value is ready.
type LabelSet struct {
	pod, container, kubeContainer, instance, pid, process, target, host, service, version string
	// Of Prometheus only: the path of the cgroup, the number of the CPU, the area of the JVM's memory (also what OpenTelemetry calls its
	// type) and the pool, whether there was a container label at all.
	cgroup, cpu, area, memoryType, pool string
	hasContainer                        bool
	prom                                bool // they were written in its manner
}

// IsLabel reports whether a tag or column of this name names who was measured.
func IsLabel(name string) bool { return labelKindOf(name) != labelNone }

// Add adds a label; values that stand for none are left out.
func (l *LabelSet) Add(name, value string) {
	if value == "" || value == "N/A" {
		return
	}
	switch labelKindOf(name) {
	case labelPod:
		l.pod = value
	case labelContainer:
		l.container = value
	case labelKubeContainer:
		l.kubeContainer = value
	case labelInstance:
		l.instance = value
	case labelPID:
		l.pid = value
	case labelProcess:
		l.process = value
	case labelTarget:
		l.target = value
	case labelHost:
		l.host = value
	case labelService:
		l.service = value
	case labelVersion:
		l.version = value
	}
}

// Resolve names the container by the most exact label there is: the pod (with its container), the container, the process, the
// container's id, the scraped target, and the host last, which stands for a container only where each runs on one of its own.
func (l *LabelSet) Resolve() Labels {
	out := Labels{Instance: l.instance, Service: l.service, Host: l.host, Version: l.version}
	if out.Instance == "" {
		out.Instance = l.pid
	}
	inner := l.kubeContainer
	switch {
	case l.pod != "":
		if inner == "" {
			inner = l.container
		}
		out.Container = containers.InPod(l.pod, inner)
	case l.container != "":
		out.Container = l.container
	case l.kubeContainer != "":
		out.Container = l.kubeContainer
	case l.process != "":
		out.Container = l.process
	case l.instance != "":
		out.Container = l.instance
	case l.target != "":
		out.Container = l.target
	default:
		out.Container = l.host
	}
	// Docker prints a leading slash.
	out.Container = strings.TrimPrefix(out.Container, "/")
	return out
}

// SplitSeries takes the name of a series apart, as dashboards and query languages write it: `rss{pod="web-1"}`, "rss{pod_name:web-1}",
// `{pod="web-1"}`. ok is false for anything else.
func SplitSeries(name string) (metric string, own LabelSet, ok bool) {
	open := strings.IndexByte(name, '{')
	if open < 0 || !strings.HasSuffix(name, "}") {
		return "", LabelSet{}, false
	}
	inner := name[open+1 : len(name)-1]
	metric = MetricOfQuery(name)
	if strings.Contains(inner, `="`) {
		ReadPromLabels([]byte(inner), func(key, value string) {
			if key == "__name__" {
				metric = value
				return
			}
			own.AddProm(key, value)
		})
		own.prom = true
		return metric, own, true
	}
	own.addTags(inner)
	return metric, own, true
}

// AddMany adds what a cell of several labels says: `{pod="web-1"}`, "pod_name:web-1,env:prod", or the bare name of a container.
func (l *LabelSet) AddMany(cell string) {
	cell = strings.TrimSpace(cell)
	if inner, ok := strings.CutPrefix(cell, "{"); ok && strings.HasSuffix(inner, "}") {
		cell = inner[:len(inner)-1]
	}
	switch {
	case strings.Contains(cell, `="`):
		ReadPromLabels([]byte(cell), l.AddProm)
	case strings.ContainsAny(cell, ":="):
		l.addTags(cell)
	case l.pod == "" && l.container == "" && cell != "*":
		l.container = cell
	}
}

// addTags adds "key:value" and "key=value", separated by commas.
func (l *LabelSet) addTags(tags string) {
	for tag := range strings.SplitSeq(tags, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(tag), "=")
		if !ok {
			key, value, _ = strings.Cut(strings.TrimSpace(tag), ":")
		}
		l.Add(strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"`))
	}
}

// ResolveWritten is ResolveProm for labels in the manner of Prometheus, and Resolve for others, which are always a container's own.
func (l *LabelSet) ResolveWritten() (Labels, bool) {
	if l.prom {
		return l.ResolveProm()
	}
	return l.Resolve(), true
}

// MetricOfQuery takes the metric out of a query such as "max:runtime.node.mem.heap_used{service:api} by {container}.rollup(max, 20)".
func MetricOfQuery(q string) string {
	brace := strings.IndexByte(q, '{')
	if brace < 0 {
		brace = len(q)
	}
	q = q[:brace]
	start := strings.LastIndexAny(q, ":( ,")
	return strings.TrimSpace(q[start+1:])
}
