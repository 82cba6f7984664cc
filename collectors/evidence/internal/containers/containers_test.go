package containers

import (
	"strings"
	"testing"
)

func TestCgroupPathsNameTheContainer(t *testing.T) {
	cid := strings.Repeat("0123456789abcdef", 4)
	for path, want := range map[string]string{
		"/docker/" + cid:                         cid,
		"/system.slice/docker-" + cid + ".scope": cid,
		"/kubepods.slice/kubepods-burstable.slice/cri-containerd-" + cid + ".scope":       cid,
		"/kubepods/burstable/pod1234/" + cid:                                              cid,
		"/ecs/task/" + cid:                                                                cid,
		"/system.slice/containerd.service/kubepods-besteffort-pod1:cri-containerd:" + cid: cid,
		"/lxc/39004/ns/system.slice/docker-" + cid + ".scope":                             cid,
		"/user.slice/user-504.slice/session-2.scope":                                      "",
		"/system.slice/nginx.service":                                                     "",
		"":                                                                                "",
	} {
		if got := string(OfCgroup([]byte(path))); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}
