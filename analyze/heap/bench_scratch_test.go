package heap

import (
	"context"
	"fmt"
	"lastcall/collectors/record"
	"os"
	"runtime"
	"testing"
	"time"
)

func TestBig(t *testing.T) {
	for _, n := range []string{"50000", "200000"} {
		a, err := os.ReadFile("/tmp/pp/big" + n + "a.pb.gz")
		if err != nil {
			t.Skip()
		}
		b, _ := os.ReadFile("/tmp/pp/big" + n + "b.pb.gz")
		runtime.GC()
		t0 := time.Now()
		r, err := Analyze(context.Background(), []record.Profile{{Name: "a", Data: a}, {Name: "b", Data: b}}, Options{})
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(n, time.Since(t0), err, len(r.Heap), r.Series, "sysMB", m.Sys>>20, "heapsys", m.HeapSys>>20)
	}
}
