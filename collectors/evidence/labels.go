package evidence

import (
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
)

// labels are the names that a series or a row carries, sorted out of tags, labels or columns.
type labels struct {
	container, instance, service, host, version string
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
	case "pod", "pod.name", "kube.pod.name", "kube.pod", "kubernetes.pod.name":
		return labelPod
	case "container", "container.name", "dyno", "display.container.name", "task.arn", "container.label.com.docker.compose.service":
		return labelContainer
	case "kube.container.name", "kubernetes.container.name":
		return labelKubeContainer
	case "container.id", "containerid", "runtime.id", "instance.id":
		return labelInstance
	case "pid", "process.id", "process.pid":
		return labelPID
	case "process", "process.name", "proc", "command", "comm":
		return labelProcess
	case "instance":
		return labelTarget
	case "host", "hostname", "node", "node.name", "machine.id", "host.name", "machine":
		return labelHost
	case "service", "app", "service.name", "application", "kube.deployment":
		return labelService
	case "version", "release":
		return labelVersion
	}
	return labelNone
}

// labelSet gathers labels and decides which of them names the container.
type labelSet struct {
	pod, container, kubeContainer, instance, pid, process, target, host, service, version string
	// Of Prometheus only: the path of the cgroup, the number of the CPU, the area of the JVM's memory (also what OpenTelemetry calls its
	// type) and the pool, whether there was a container label at all.
	cgroup, cpu, area, memoryType, pool string
	hasContainer                        bool
	prom                                bool // they were written in its manner
}

func (l *labelSet) add(name, value string) {
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

// resolve names the container by the most exact label there is: the pod (with its container), the container, the process, the
// container's id, the scraped target, and the host last, which stands for a container only where each runs on one of its own.
func (l *labelSet) resolve(pods *containers.PodNames) labels {
	out := labels{instance: l.instance, service: l.service, host: l.host, version: l.version}
	if out.instance == "" {
		out.instance = l.pid
	}
	inner := l.kubeContainer
	switch {
	case l.pod != "":
		if inner == "" {
			inner = l.container
		}
		out.container = pods.Name(l.pod, inner)
	case l.container != "":
		out.container = l.container
	case l.kubeContainer != "":
		out.container = l.kubeContainer
	case l.process != "":
		out.container = l.process
	case l.instance != "":
		out.container = l.instance
	case l.target != "":
		out.container = l.target
	default:
		out.container = l.host
	}
	// Docker prints a leading slash.
	out.container = strings.TrimPrefix(out.container, "/")
	return out
}

// splitSeries takes the name of a series apart, as dashboards and query languages write it: `rss{pod="web-1"}`, "rss{pod_name:web-1}",
// `{pod="web-1"}`. ok is false for anything else.
func splitSeries(name string) (metric string, own labelSet, ok bool) {
	open := strings.IndexByte(name, '{')
	if open < 0 || !strings.HasSuffix(name, "}") {
		return "", labelSet{}, false
	}
	inner := name[open+1 : len(name)-1]
	metric = metricOfQuery(name)
	if strings.Contains(inner, `="`) {
		readPromLabels([]byte(inner), func(key, value string) {
			if key == "__name__" {
				metric = value
				return
			}
			own.addProm(key, value)
		})
		own.prom = true
		return metric, own, true
	}
	own.addTags(inner)
	return metric, own, true
}

// addMany adds what a cell of several labels says: `{pod="web-1"}`, "pod_name:web-1,env:prod", or the bare name of a container.
func (l *labelSet) addMany(cell string) {
	cell = strings.TrimSpace(cell)
	if inner, ok := strings.CutPrefix(cell, "{"); ok && strings.HasSuffix(inner, "}") {
		cell = inner[:len(inner)-1]
	}
	switch {
	case strings.Contains(cell, `="`):
		readPromLabels([]byte(cell), l.addProm)
	case strings.ContainsAny(cell, ":="):
		l.addTags(cell)
	case l.pod == "" && l.container == "" && cell != "*":
		l.container = cell
	}
}

// addTags adds "key:value" and "key=value", separated by commas.
func (l *labelSet) addTags(tags string) {
	for tag := range strings.SplitSeq(tags, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(tag), "=")
		if !ok {
			key, value, _ = strings.Cut(strings.TrimSpace(tag), ":")
		}
		l.add(strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"`))
	}
}

// resolveWritten is resolveProm for labels in the manner of Prometheus, and resolve for others, which are always a container's own.
func (l *labelSet) resolveWritten(pods *containers.PodNames) (labels, bool) {
	if l.prom {
		return l.resolveProm(pods)
	}
	return l.resolve(pods), true
}

// metricOfQuery takes the metric out of a query such as "max:runtime.node.mem.heap_used{service:api} by {container}.rollup(max, 20)".
func metricOfQuery(q string) string {
	brace := strings.IndexByte(q, '{')
	if brace < 0 {
		brace = len(q)
	}
	q = q[:brace]
	start := strings.LastIndexAny(q, ":( ,")
	return strings.TrimSpace(q[start+1:])
}
