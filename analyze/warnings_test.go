package analyze_test

import (
	"fmt"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// TestWarningsAreBoundedAndCounted: each of very many files may have one, and those that are not told are counted.
func TestWarningsAreBoundedAndCounted(t *testing.T) {
	const n = 24_000
	from := time.Now()
	r := look(t, analyze.Options{}, func(s record.Sink) {
		for i := range n {
			w := record.Warning{Code: "empty", Text: "nothing in it", Count: 1, Pos: record.Pos{Source: &record.Source{Name: fmt.Sprintf("%05d.log", i)}}}
			for range 2 { // twice is one with a count
				if err := s.Warn(&w); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	told, lost := int64(0), int64(0)
	for _, w := range r.Warnings {
		if w.Code == "warning_overflow" {
			lost = w.Count
		} else {
			told += w.Count
		}
	}
	if len(r.Warnings) != 10_001 || told != 20_000 || told+lost != 2*n {
		t.Errorf("%d rows: %d told, %d lost", len(r.Warnings), told, lost)
	}
	if took := time.Since(from); took > 10*time.Second {
		t.Errorf("%s", took)
	}
}
