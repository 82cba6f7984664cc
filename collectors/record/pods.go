package record

// IsSidecar knows the companions that meshes and agents put into pods and tasks: none of them is what its pod is there for.
func IsSidecar(container string) bool {
	switch container {
	case "istio-proxy", "istio-init", "linkerd-proxy", "linkerd-init", "envoy", "envoy-sidecar", "consul-connect-envoy-sidecar", "cloud-sql-proxy", "cloudsql-proxy",
		"vault-agent", "datadog-agent", "datadog-init", "fluent-bit", "fluentd", "filebeat", "otel-collector", "otc-container", "jaeger-agent", "kube-rbac-proxy",
		"config-reloader", "aws-for-fluent-bit", "log_router", "ecs-service-connect", "daprd", "oauth2-proxy", "nginx-sidecar":
		return true
	}
	return false
}

// MainOf makes the record that says which container of a pod is the one that the pod is there for, "pod/container". Which of two sources is
// believed follows from by, [Described] or [BegunFirst].
func MainOf(pos Pos, container, by string) *Lifecycle {
	return &Lifecycle{Pos: pos, Kind: MainContainer, Container: container, Reason: by, ExitCode: -1}
}

// Reasons of a MainContainer.
const (
	Described  = "described"   // the pod's own description says it, or lists it first
	BegunFirst = "begun first" // it began first: the kubelet starts containers in the order of the description
)
