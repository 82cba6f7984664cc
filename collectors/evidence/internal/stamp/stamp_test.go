package stamp

import (
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestStampsAreExact(t *testing.T) {
	for _, c := range []struct {
		in, want string
		n        int
		zoned    bool
	}{
		{"2026-11-16 13:47:57.859982910 +0000 UTC [x]", "2026-11-16T13:47:57.85998291Z", 39, true},
		{"2026-11-16 13:47:57 +0100 CET x", "2026-11-16T12:47:57Z", 29, true},
		{"2026-11-16T13:47:57+00:00 ERROR x", "2026-11-16T13:47:57Z", 25, true},
		{"2026-11-16T13:47:57.1-05:30", "2026-11-16T19:17:57.1Z", 27, true},
		{"2026-11-16T13:47:57,123 INFO", "2026-11-16T13:47:57.123Z", 23, false},
		{"2024-02-29T23:59:59.9999999999Z", "2024-02-29T23:59:59.999999999Z", 31, true},
		{"1999-12-31 00:00:00", "1999-12-31T00:00:00Z", 19, false},
		{"2026-11-16T13:47:57Z ALERT", "2026-11-16T13:47:57Z", 20, true},
		{"2026-11-16 13:47:57 +0000 ALERT", "2026-11-16T13:47:57Z", 25, true},
	} {
		got, ok := Read([]byte(c.in))
		want, err := time.Parse(time.RFC3339Nano, c.want)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || got.Time != record.TimeOf(want) || got.N != c.n || got.Zoned != c.zoned {
			t.Errorf("%q: %v n=%d zoned=%v ok=%v", c.in, got.Time.Std(), got.N, got.Zoned, ok)
		}
	}
	for _, in := range []string{"", "2026-13-16T13:47:57Z", "2026-02-30T13:47:57Z", "2026-11-16", "2026-11-16T24:00:00Z", "2026-11-16T13:47:57+19:00", "20261116134757", "0001-01-01T00:00:00Z"} {
		if got, ok := Read([]byte(in)); ok {
			t.Errorf("%q was read as %v", in, got.Time.Std())
		}
	}
}

func FuzzStampsAgreeWithTheStandardLibrary(f *testing.F) {
	f.Add(int64(1794836877859982910))
	f.Add(int64(1e17))
	f.Fuzz(func(t *testing.T, ns int64) {
		want := time.Unix(0, ns).UTC()
		if want.Year() < 1973 || want.Year() > 2259 {
			return
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999 -0700 MST", "2006/01/02 15:04:05.999999999"} {
			text := want.Format(layout)
			got, ok := Read([]byte(text))
			if !ok || int64(got.Time) != ns || got.N != len(text) {
				t.Fatalf("%q: %d (%v), want %d", text, got.Time, ok, ns)
			}
		}
	})
}
