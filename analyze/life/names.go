package life

import (
	"cmp"
	"net/netip"
	"regexp"
	"strings"
)

// A Deployment appends to the name of a pod the hash of its template, which has digits, and a random part; others append the random part
// alone, of an alphabet that makes no words (k8s.io/apimachinery/pkg/util/rand).
var (
	deploymentSuffix = regexp.MustCompile(`-[a-z0-9]{6,10}-[a-z0-9]{5}$`)
	randomSuffix     = regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{5}$`)
)

// PodOf returns the pod of a companion, which is named with it ("web-5d9c7b6f4-x2x7k/istio-proxy"), and whether the name is of one: the main
// container of a pod goes by the pod's name.
func PodOf(name string) (pod string, companion bool) {
	pod, inner, found := strings.Cut(name, "/")
	if !found || inner == "" || cutSuffix(pod) == pod {
		return name, false
	}
	return pod, true
}

// cutSuffix cuts off what tells a container from the others like it; it returns the name itself where there is nothing of that.
func cutSuffix(name string) string {
	if i := deploymentSuffix.FindStringIndex(name); i != nil && strings.ContainsAny(name[i[0]:i[1]-len("-x2x7k")], "0123456789") {
		return name[:i[0]]
	}
	if i := randomSuffix.FindStringIndex(name); i != nil {
		return name[:i[0]]
	}
	return strings.TrimRight(strings.TrimRight(name, "0123456789"), "-._")
}

// An id of an instance: Docker cuts its 64 digits to 12, Cloud Run and App Engine have more than 64.
var instanceID = regexp.MustCompile(`^[0-9a-f]{12,}$`)

// What Nomad prints of the id of an allocation; names are of letters alone, or of few digits.
var allocationID = regexp.MustCompile(`^[0-9a-f]{8}$`)

// UnknownPool is the pool of containers that go by ids or addresses and whose service no source tells.
const UnknownPool = "container"

// IsID reports whether a container goes by an id, which says nothing of what it is one of.
func IsID(name string) bool { return instanceID.MatchString(name) }

// Nameless reports whether a container goes by an id or an address.
func Nameless(name string) bool {
	if IsID(name) || allocationID.MatchString(name) && strings.ContainsAny(name, "0123456789") && strings.ContainsAny(name, "abcdef") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	if err != nil {
		_, err = netip.ParseAddrPort(name)
	}
	return err == nil
}

// Pool returns what a container is one of: its name without the number or the pod suffix ("web-3", "web.3" and
// "web-5d9c7b6f4-x2x7k" are of "web"), else its service. Companions of pods are of pools of their own ("web/istio-proxy").
func Pool(name, service string) string {
	if Nameless(name) {
		return cmp.Or(service, UnknownPool)
	}
	if pod, companion := PodOf(name); companion {
		return cutSuffix(pod) + name[len(pod):] // it is not what serves there
	}
	if n := cutSuffix(name); n != "" && n != name {
		return n
	}
	return cmp.Or(service, name)
}
