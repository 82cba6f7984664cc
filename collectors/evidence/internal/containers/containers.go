// Package containers knows what containers and pods are called: by people, Docker, Kubernetes and cgroups.
package containers

import (
	"bytes"
	"strings"

	"lastcall/collectors/evidence/internal/number"
)

// IsName reports whether b could name a container: letters, digits, dashes, dots and underscores, beginning with a letter
// or digit. Log levels and thread names in brackets are told apart from it by the letters of containers being lower case.
func IsName(b []byte) bool {
	if len(b) == 0 || len(b) > 128 {
		return false
	}
	for i, c := range b {
		if c >= 'a' && c <= 'z' || number.IsDigit(c) || i > 0 && (c == '-' || c == '.' || c == '_') {
			continue
		}
		return false
	}
	return b[0] >= 'a' && b[0] <= 'z'
}

// IsNumbered recognises the names that stateful sets give their pods, "web-0".
func IsNumbered(b []byte) bool {
	i := bytes.LastIndexByte(b, '-')
	return i > 0 && len(b)-i <= 5 && number.IsDigits(b[i+1:]) && IsName(b)
}

// IsID reports whether b looks like a container id, whole or shortened.
func IsID(b []byte) bool {
	if len(b) < 8 || len(b) > 64 {
		return false
	}
	for _, c := range b {
		if !number.IsDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// OfCgroup finds the container id in a cgroup path: /docker/<id>, …/docker-<id>.scope, …/cri-containerd-<id>.scope,
// /kubepods/burstable/pod<uid>/<id>, /ecs/<task>/<id>, …/crio-<id>.scope, …/libpod-<id>.scope.
func OfCgroup(path []byte) []byte {
	var found []byte
	for len(path) > 0 {
		path = bytes.TrimPrefix(path, []byte("/"))
		part := path
		if i := bytes.IndexByte(path, '/'); i >= 0 {
			part, path = path[:i], path[i:]
		} else {
			path = nil
		}
		part = bytes.TrimSuffix(part, []byte(".scope"))
		if i := bytes.LastIndexByte(part, '-'); i >= 0 {
			part = part[i+1:]
		}
		if i := bytes.LastIndexByte(part, ':'); i >= 0 {
			part = part[i+1:]
		}
		if len(part) == 64 && IsID(part) {
			found = part
		}
	}
	return found
}

// PodOfCgroup finds the UID of a Kubernetes pod in a cgroup path, with dashes: /kubepods/burstable/pod<uid>/<id>, and in slices of systemd,
// which writes them as underscores, …-pod44156c93_e108_531a_8ea8_c9e0e3a6d6d4.slice/…
func PodOfCgroup(path []byte) []byte {
	const uid = len("44156c93-e108-531a-8ea8-c9e0e3a6d6d4")
	for rest := path; ; {
		i := bytes.Index(rest, []byte("pod"))
		if i < 0 || len(rest) < i+len("pod")+uid {
			return nil
		}
		rest = rest[i+len("pod"):]
		id := bytes.ReplaceAll(rest[:uid], []byte("_"), []byte("-"))
		if hex := bytes.ReplaceAll(id, []byte("-"), nil); len(hex) == 32 && IsID(hex) && (len(rest) == uid || rest[uid] == '/' || rest[uid] == '.') {
			return id
		}
	}
}

// IsPodName recognises the names that Kubernetes makes: they end in five letters or digits, none of them a vowel.
func IsPodName(b []byte) bool {
	n := len(b) - 6
	if n < 1 || b[n] != '-' {
		return false
	}
	for _, c := range b[n+1:] {
		if bytes.IndexByte([]byte("bcdfghjklmnpqrstvwxz2456789"), c) < 0 {
			return false
		}
	}
	return IsName(b)
}

// MaxPods bounds the pods remembered; further ones go by their own name whatever the container.
const MaxPods = 100_000

// IsSidecar knows the companions that meshes and agents put into pods.
func IsSidecar(container string) bool {
	switch container {
	case "istio-proxy", "istio-init", "linkerd-proxy", "linkerd-init", "envoy", "envoy-sidecar", "consul-connect-envoy-sidecar", "cloud-sql-proxy", "cloudsql-proxy",
		"vault-agent", "datadog-agent", "datadog-init", "fluent-bit", "fluentd", "filebeat", "otel-collector", "otc-container", "jaeger-agent", "kube-rbac-proxy",
		"config-reloader", "aws-for-fluent-bit", "log_router", "ecs-service-connect", "daprd", "oauth2-proxy", "nginx-sidecar":
		return true
	}
	return false
}

// PodNames gives what is told of the containers of pods the names under which all of it is filed: the main container of a pod is the pod, the
// others are "pod/container". The main one is that which the pod's own description names, otherwise the first that is seen and is no known
// companion. The zero value is ready.
type PodNames struct {
	main map[string]string
}

// SetMain says which container of a pod is its main one.
func (p *PodNames) SetMain(pod, container string) {
	if _, known := p.main[pod]; container == "" || !known && len(p.main) >= MaxPods {
		return
	}
	if p.main == nil {
		p.main = map[string]string{}
	}
	p.main[strings.Clone(pod)] = strings.Clone(container)
}

// Main is the main container of a pod; empty where it is not known yet.
func (p *PodNames) Main(pod string) string { return p.main[pod] }

// Name is the name of a container of a pod; one of both may be empty.
func (p *PodNames) Name(pod, container string) string {
	main, known := p.main[pod]
	switch {
	case pod == "":
		return container
	case container == "" || container == pod || known && main == container:
		return pod
	case known || IsSidecar(container):
		return pod + "/" + container
	}
	p.SetMain(pod, container)
	return pod
}
