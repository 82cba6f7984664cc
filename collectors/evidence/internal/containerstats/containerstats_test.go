package containerstats

import (
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
)

func FuzzStatistics(f *testing.F) {
	f.Add([]byte(`{"read":"2026-11-16T13:47:57.859Z","name":"/web-1","memory_stats":{"usage":1e308,"stats":{"rss":-1}},"cpu_stats":{"system_cpu_usage":2},"precpu_stats":{"system_cpu_usage":1}}`))
	f.Add([]byte(`{"pods":[{"podRef":{"name":"a"},"containers":[{"memory":{"time":"2026-11-16T13:47:57Z","availableBytes":1e308,"workingSetBytes":1e308}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		formattest.FuzzDocument(t, Docker{}, data)
		formattest.FuzzDocument(t, Kubelet{}, data)
	})
}
