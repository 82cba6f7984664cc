package access

import (
	"testing"

	"lastcall/collectors/record"
)

func TestGinsLinesCostNoMemory(t *testing.T) {
	p := ginLog{}.NewParser(&record.Source{})
	line := []byte(`[pod/web-5d8f7b9c4-x2x9q/app] 2026-11-20T08:00:00.5Z [GIN] 2026/11/20 - 08:00:00 | 200 |  50.140858ms |  169.119.15.195 | GET     "/v1/x?day=2"`)
	if n := testing.AllocsPerRun(100, func() {
		if ok, _ := p.ParseLine(1, line, record.Discard{}); !ok {
			t.Fatal("not read")
		}
	}); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}
