package stamp

import (
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestTheFirstTimeOfATextHasAYear(t *testing.T) {
	for text, want := range map[string]string{
		`Nov 16 13:47:57 web-1 kernel: puma invoked oom-killer`:                      "",
		`1.2.3.4 - - [16/Nov/2026:13:47:57 +0000] "GET /w HTTP/1.1" 200`:             "2026-11-16T13:47:57Z",
		`{"level":30,"time":1794836877859,"pid":2}`:                                  "2026-11-16T13:47:57.859Z",
		`{"id":11794836877859,"time":"2026-11-16T14:47:57+01:00"}`:                   "2026-11-16T13:47:57Z",
		"-- Journal begins at Mon 2025-11-03 09:00:00 UTC. --\nNov 16 13:47:57 a":    "",
		"-- Boot 2025-11-03 09:00:00 --\n2026-11-16 13:47:57 a":                      "2026-11-16T13:47:57Z",
		"chatter\n2026/11/16 13:47:57 listening\n2027/11/16 13:47:57":                "2026-11-16T13:47:57Z",
		`released 2026-11-16, port 8080, 17948368778590 bytes, 0001-01-01T00:00:00Z`: "",
	} {
		var at record.Time
		if want != "" {
			v, err := time.Parse(time.RFC3339Nano, want)
			if err != nil {
				t.Fatal(err)
			}
			at = record.TimeOf(v)
		}
		if got := FirstIn([]byte(text)); got != at {
			t.Errorf("%q: %v, want %s", text, got.Std(), want)
		}
	}
}

func TestTheNearestYearOfADate(t *testing.T) {
	year := NearestYear(record.TimeOf(time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC)))
	for _, c := range []struct{ month, day, want int }{{12, 31, 2026}, {1, 2, 2027}, {1, 19, 2027}, {11, 20, 2026}, {6, 1, 0}, {11, 16, 0}} {
		if got := year(c.month, c.day); got != c.want {
			t.Errorf("%d/%d is of %d, want %d", c.month, c.day, got, c.want)
		}
	}
}
