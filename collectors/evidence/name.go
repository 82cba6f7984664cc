package evidence

import "bytes"

// bracketed takes "[tag] rest" apart.
func bracketed(b []byte) (tag, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '[' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b, ']')
	if end < 2 {
		return nil, nil, false
	}
	return b[1:end], bytes.TrimPrefix(b[end+1:], []byte(" ")), true
}

// isContainerName reports whether b could name a container: letters, digits, dashes, dots and underscores, beginning with a letter
// or digit. Log levels and thread names in brackets are told apart from it by the letters of containers being lower case.
func isContainerName(b []byte) bool {
	if len(b) == 0 || len(b) > 128 {
		return false
	}
	for i, c := range b {
		if c >= 'a' && c <= 'z' || isDigit(c) || i > 0 && (c == '-' || c == '.' || c == '_') {
			continue
		}
		return false
	}
	return b[0] >= 'a' && b[0] <= 'z'
}

// isNumbered recognises the names that stateful sets give their pods, "web-0".
func isNumbered(b []byte) bool {
	i := bytes.LastIndexByte(b, '-')
	return i > 0 && len(b)-i <= 5 && isDigits(b[i+1:]) && isContainerName(b)
}

// isHexID reports whether b looks like a container id, whole or shortened.
func isHexID(b []byte) bool {
	if len(b) < 8 || len(b) > 64 {
		return false
	}
	for _, c := range b {
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// containerOfCgroup finds the container id in a cgroup path: /docker/<id>, …/docker-<id>.scope, …/cri-containerd-<id>.scope,
// /kubepods/burstable/pod<uid>/<id>, /ecs/<task>/<id>, …/crio-<id>.scope, …/libpod-<id>.scope.
func containerOfCgroup(path []byte) []byte {
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
		if len(part) == 64 && isHexID(part) {
			found = part
		}
	}
	return found
}
