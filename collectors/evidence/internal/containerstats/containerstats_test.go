package containerstats

import (
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
)

func FuzzStatistics(f *testing.F) {
	f.Add([]byte(`{"read":"2026-11-16T13:47:57.859Z","name":"/web-1","memory_stats":{"usage":1e308,"stats":{"rss":-1}},"cpu_stats":{"system_cpu_usage":2},"precpu_stats":{"system_cpu_usage":1}}`))
	f.Add([]byte(`{"pods":[{"podRef":{"name":"a"},"containers":[{"memory":{"time":"2026-11-16T13:47:57Z","availableBytes":1e308,"workingSetBytes":1e308}}]}]}`))
	f.Add([]byte("2026-11-03T09:13:32Z " + client + "\n1793870012.5 " + client + "\n[2026-11-03 09:13:32] " + client))
	f.Add([]byte("Tue Nov  3 09:13:32 PM CET 2026\n" + table + "Tue, 03 Nov 2026 09:13:32 +0000\n\x1b[2J\x1b[H" + table + table))
	f.Fuzz(func(t *testing.T, data []byte) {
		formattest.FuzzDocument(t, Docker{}, data)
		formattest.FuzzDocument(t, Kubelet{}, data)
		DockerText{}.Sniff(data)
		sink, _ := formattest.ReadLinesQuietly(DockerText{}, string(data))
		formattest.CheckSane(t, sink)
	})
}
