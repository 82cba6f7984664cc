package evidence_test

import (
	"testing"

	"lastcall/collectors/record"
)

func TestAStartInJSONBehindATimeNamesItsContainerOnTheFirstLineAsOnLaterOnes(t *testing.T) {
	const start = `2026-11-21T16:13:51.810049000Z {"level":30,"time":1795277631810,"pid":18,"hostname":"12a07f5331b9","msg":"Server listening at http://0.0.0.0:8080"}
`
	const other = `2026-11-21T16:14:07.960821000Z {"level":30,"time":1795277647960,"pid":19,"hostname":"77f1b2a4cc01","reqId":"req-1","req":{"method":"POST","url":"/cart/items","host":"shop.example","remoteAddress":"96.5.78.74","remotePort":42201},"msg":"incoming request"}
`
	for name, text := range map[string]string{"first": start + other, "last": other + start, "alone": start + start} {
		sink := collectText(t, name+".log", text)
		if len(sink.Lifecycles) == 0 {
			t.Fatalf("%s: no start; warnings %v", name, sink.Warnings)
		}
		for _, l := range sink.Lifecycles {
			if l.Kind != record.Up || l.Reason != record.Listening || l.Container != "12a07f5331b9" || l.Instance != "18" || l.Time != 1795277631810e6 {
				t.Errorf("%s: %+v", name, l)
			}
		}
	}
}

func TestLastWordsThatOnlyEndInABraceAreReadAsText(t *testing.T) {
	sink := collectText(t, "web.log", `2026-11-21T16:13:51Z panic: runtime error: invalid memory address {goroutine 1}
2026-11-21T16:13:52Z Server listening at {"0.0.0.0":8080}
`)
	if len(sink.Crashes) != 1 || sink.Crashes[0].Kind != record.CrashException || len(sink.Lifecycles) != 1 {
		t.Errorf("%+v %+v", sink.Crashes, sink.Lifecycles)
	}
}
