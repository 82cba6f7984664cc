// Package containers knows what containers and pods are called: by people, Docker, Kubernetes and cgroups.
package containers

import (
	"bytes"
	"slices"

	"lastcall/collectors/evidence/internal/cut"
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

// InPod is the name under which what is told of a container of a pod is filed, "pod/container"; one of both may be empty. Which container of
// a pod is the one that it is there for is not asked here: sources tell of them in any order, and some of one of them alone. What tells
// that by a description says so ([record.MainContainer]).
func InPod(pod, container string) string {
	switch {
	case pod == "":
		return container
	case container == "" || container == pod:
		return pod
	}
	return pod + "/" + container
}

// IsProxy knows the names of containers that hand requests on to others.
func IsProxy(container string) bool {
	return slices.ContainsFunc(cut.Words(container), func(word string) bool {
		switch word {
		case "nginx", "httpd", "apache", "traefik", "caddy", "haproxy", "envoy", "varnish", "proxy", "ingress", "gateway", "balancer", "loadbalancer", "lb", "router":
			return true
		}
		return false
	})
}
