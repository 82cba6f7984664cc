package metrics

import (
	"bytes"
	"strconv"

	"lastcall/collectors/evidence/internal/containers"
)

// ReadPromLabels calls f for each label="value".
func ReadPromLabels(b []byte, f func(key, value string)) {
	for len(b) > 0 {
		b = bytes.TrimLeft(b, ", \t")
		eq := bytes.IndexByte(b, '=')
		if eq < 0 || eq+1 >= len(b) || b[eq+1] != '"' {
			return
		}
		key := string(bytes.TrimSpace(b[:eq]))
		value := b[eq+2:]
		end := 0
		for end < len(value) && value[end] != '"' {
			if value[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(value) {
			return
		}
		text := string(value[:end])
		if bytes.IndexByte(value[:end], '\\') >= 0 {
			if s, err := strconv.Unquote(`"` + text + `"`); err == nil {
				text = s
			}
		}
		f(key, text)
		b = value[end+1:]
	}
}

// AddProm is Add for the labels of Prometheus, where cAdvisor calls the container "name", "id" is a path of a cgroup, and the
// empty container is the sum over a pod.
func (l *LabelSet) AddProm(key, value string) {
	switch key {
	case "name":
		if l.container == "" {
			l.container = value
		}
	case "id":
		l.cgroup = value
		if id := containers.OfCgroup([]byte(value)); id != nil {
			l.instance = string(id)
		}
	case "cpu":
		l.cpu = value
	case "area", "jvm_memory_type", "jvm.memory.type":
		l.area = value
	case "type":
		l.memoryType = value
	case "pool", "jvm_memory_pool_name", "jvm.memory.pool.name":
		l.pool = value
	case "container", "container_name":
		l.hasContainer = true
		if value != "" {
			l.kubeContainer = value
		}
	case "job":
	default:
		l.Add(key, value)
	}
}

// ResolveProm is Resolve for the labels of Prometheus; ok is false for series that are no container's own: the pause container, the
// sum over a pod or a slice of the machine, one of several CPUs.
func (l *LabelSet) ResolveProm() (Labels, bool) {
	switch {
	case l.kubeContainer == "POD":
		return Labels{}, false
	case l.cpu != "" && l.cpu != "total":
		return Labels{}, false
	case l.area != "" && l.area != "heap":
		return Labels{}, false
	case l.pod != "" && l.kubeContainer == "" && (l.hasContainer || l.cgroup != ""):
		return Labels{}, false
	case l.cgroup != "" && l.pod == "" && l.container == "" && l.kubeContainer == "" && l.instance == "":
		return Labels{}, false
	}
	if l.pod != "" {
		l.container = "" // cAdvisor's "name" is the runtime's own: k8s_app_web-1_default_…
	}
	out := l.Resolve()
	return out, true
}
