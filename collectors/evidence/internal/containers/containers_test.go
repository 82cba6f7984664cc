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

func TestCgroupPathsNameThePod(t *testing.T) {
	const uid = "44156c93-e108-531a-8ea8-c9e0e3a6d6d4"
	for path, want := range map[string]string{
		"/kubepods/burstable/pod" + uid + "/" + strings.Repeat("0123456789abcdef", 4): uid,
		"/kubepods/burstable/pod" + uid:                                               uid,
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod44156c93_e108_531a_8ea8_c9e0e3a6d6d4.slice/cri-containerd-ea7b.scope": uid,
		"/kubepods/burstable/pod12/ea7b":       "",
		"/kubepods/burstable/pod" + uid + "00": "",
		"/system.slice/podman.service":         "",
		"":                                     "",
	} {
		if got := string(PodOfCgroup([]byte(path))); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestAContainerIsNamedWithItsPod(t *testing.T) {
	for _, c := range []struct{ pod, container, want string }{
		{"web-0", "app", "web-0/app"},
		{"web-0", "", "web-0"},
		{"web-0", "web-0", "web-0"},
		{"", "alone", "alone"},
	} {
		if got := InPod(c.pod, c.container); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.container, c.pod, got, c.want)
		}
	}
}
