package evidence

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
)

// fileNames are the containers that sources tell of. A file that is named after one, `web-1.log` or `web-1.access.log`, is its log: what
// people save a container at a time often has no name in its lines. The zero value is ready.
type fileNames struct {
	known map[string]struct{}
	last  string // added
}

// maxFileNames bounds the names that are remembered.
const maxFileNames = 10_000

func (n *fileNames) add(container string) {
	if container == n.last || len(n.known) >= maxFileNames {
		return
	}
	n.last = container
	if n.known == nil {
		n.known = map[string]struct{}{}
	}
	n.known[strings.Clone(container)] = struct{}{}
	if pod, inner := containers.PodOf(container); inner {
		n.known[strings.Clone(pod)] = struct{}{}
	}
}

// addAll takes what another knows, who is done.
func (n *fileNames) addAll(other *fileNames) {
	if len(n.known) == 0 {
		*n = *other
		return
	}
	for _, name := range slices.Sorted(maps.Keys(other.known)) { // which are too many must not be chance
		n.add(name)
	}
}

// containerOf is the longest of the names that the name of a file is, or begins with before a dot; nil where it has none. The name of a pod of
// a deployment, `web-5d8f7b9c4-x2x9q.log`, is one though nothing else tells of it.
func (n *fileNames) containerOf(file string) []byte {
	name := cut.BaseName(file)
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '.') {
		if _, ok := n.known[name[:end]]; ok {
			return []byte(name[:end])
		}
	}
	if name, _, _ = strings.Cut(name, "."); isDeployed([]byte(name)) {
		return []byte(name)
	}
	return nil
}

// isDeployed recognises the names of a deployment's pods: the last five letters stand behind the hash of its template.
func isDeployed(pod []byte) bool {
	if !containers.IsPodName(pod) {
		return false
	}
	pod = pod[:bytes.LastIndexByte(pod, '-')]
	hash := pod[bytes.LastIndexByte(pod, '-')+1:]
	return len(hash) >= 6 && len(hash) <= 10 && len(hash) < len(pod) && bytes.ContainsAny(hash, "0123456789")
}
