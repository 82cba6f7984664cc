package number

import (
	"testing"
	"time"
)

func TestDurationsAreReadInTheFormsThatProgramsWrite(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0.503s": 503 * time.Millisecond, "18ms": 18 * time.Millisecond, "68us": 68 * time.Microsecond, "68µs": 68 * time.Microsecond,
		"12\u00b5s": 12 * time.Microsecond, "12 \u03bcs": 12 * time.Microsecond, "12 ms": 12 * time.Millisecond, "1.5 seconds": 1500 * time.Millisecond, "7usec": 7 * time.Microsecond,
		"250ns": 250, "1.5m": 90 * time.Second, "2min": 2 * time.Minute, "1500": 1500 * time.Millisecond, "0": 0, "0s": 0,
		"1m2.5s": 62500 * time.Millisecond, "1h0m0s": time.Hour, "2h3m4.005s": 2*time.Hour + 3*time.Minute + 4005*time.Millisecond, "30m0s": 30 * time.Minute, "1h": time.Hour,
	} {
		if got, ok := DurationWithUnit([]byte(text), 6); !ok || got != want {
			t.Errorf("%s: %v (%v), want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "s", "-1s", "-1m2s", "1x", "1m2", "1m2q", "9000h0m0s", "1e300h", "1m-2s", "m2s", "12:30", "12  ms", "12 ", " ms", "12\xb5s"} {
		if got, ok := DurationWithUnit([]byte(text), 6); ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
