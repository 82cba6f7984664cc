package prometheus

import (
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
)

func TestSentencesAreNoExposition(t *testing.T) {
	for _, line := range []string{"Retries 3", "GET /a 200", "listening on :80", "a{b} c", `x{y="z`, "2026-11-16T13:47:57Z x 1", ""} {
		if _, handled := formattest.ReadLinesQuietly(Text{}, line); handled > 0 {
			t.Errorf("took %q", line)
		}
	}
}

func FuzzPrometheus(f *testing.F) {
	f.Add(`container_memory_rss{id="/docker/x",name="we\"b",pod="p",container="c"} 1e3 1794836877859 # {a="b"} 1`)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"process_resident_memory_bytes"},"values":[[1794836877.859,"+Inf"],[1,2],["x",null]]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"container_cpu_usage_seconds_total"},"value":[1794836877.859,"1"]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		formattest.FuzzLine(t, Text{}, text)
		formattest.FuzzDocument(t, Query{}, []byte(text))
	})
}
