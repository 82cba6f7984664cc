package containers

import (
	"bytes"
	"strings"
)

// IsTaskID recognises the ids of tasks: 32 hexadecimal digits, among older ones with dashes.
func IsTaskID(s string) bool {
	if len(s) != 32 && len(s) != 36 {
		return false
	}
	return len(strings.ReplaceAll(s, "-", "")) == 32 && IsID(bytes.ReplaceAll([]byte(s), []byte("-"), nil))
}

// PodOf takes the name of a container of a pod apart, "web-0/app"; inner is false where it is the name of something else.
func PodOf(container string) (pod string, inner bool) {
	pod, _, inner = strings.Cut(container, "/")
	return pod, inner && pod != ""
}
