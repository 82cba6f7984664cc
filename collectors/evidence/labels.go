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
