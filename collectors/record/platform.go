package record

// OfPlatform reports whether a service is one that speaks about containers rather than runs in them: under such names platforms, proxies
// and runtimes file their words about everybody's containers ("router", "heroku", "ingress-nginx"). A question about one service takes
// those as well: without them a death has no end that is told, and nothing that was open. It allocates nothing, as it is asked per request.
func OfPlatform[T string | []byte](service T) bool {
	var word [len("orchestrator")]byte
	n := 0
	for i := range len(service) + 1 {
		c := byte('-')
		if i < len(service) {
			c = service[i]
		}
		switch {
		case c == '-' || c == '_' || c == '.' || c == '/' || c == ' ':
			if n <= len(word) && platformWord(word[:n]) {
				return true
			}
			n = 0
		case n < len(word):
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			word[n] = c
			n++
		default:
			n = len(word) + 1 // longer than any
		}
	}
	return false
}

func platformWord(w []byte) bool {
	switch string(w) {
	case "platform", "system", "router", "heroku", "scalingo", "kubernetes", "kubelet", "kube", "k8s", "docker", "containerd", "crio", "kernel",
		"journald", "systemd", "ecs", "fargate", "nomad", "nginx", "ingress", "haproxy", "traefik", "envoy", "caddy", "loadbalancer", "elb", "alb",
		"logplex", "runtime", "supervisor", "watchdog", "orchestrator":
		return true
	}
	return false
}
