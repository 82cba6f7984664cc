package record

import "testing"

func TestServicesOfThePlatform(t *testing.T) {
	for service, want := range map[string]bool{
		"router": true, "heroku": true, "ingress-nginx": true, "kube-system": true, "traefik.prod": true, "Scalingo": true,
		"api": false, "": false, "routerless": false, "payments": false, "docker2": false, "orchestrators": false, "a-service-of-orchestrators-": false,
	} {
		if got := OfPlatform(service); got != want {
			t.Errorf("%q: %v", service, got)
		}
	}
}
