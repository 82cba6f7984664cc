package units

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 16, 14, 0, 0, 0, time.UTC)

func TestInstant(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-11-16T13:30:00Z":           "2026-11-16T13:30:00Z",
		"2026-11-16T14:30:00+01:00":      "2026-11-16T13:30:00Z",
		"2026-11-16t13:30:00z":           "2026-11-16T13:30:00Z",
		"2026-11-16T13:30:00.123456789Z": "2026-11-16T13:30:00.123456789Z",
		"2026-11-16 14:30":               "2026-11-16T13:30:00Z", // in the zone given
		"2026-11-16":                     "2026-11-15T23:00:00Z",
		"now":                            "2026-11-16T14:00:00Z",
		"3h":                             "2026-11-16T11:00:00Z",
		"-3h":                            "2026-11-16T11:00:00Z",
		"90m":                            "2026-11-16T12:30:00Z",
		"2d":                             "2026-11-14T14:00:00Z",
		"1w2d3h":                         "2026-11-07T11:00:00Z",
		" 1.5d ":                         "2026-11-15T02:00:00Z",
	} {
		got, err := Instant(text, now, paris)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: got %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "3", "3 bananas", "h", "d", "2026-13-01", "9999999w", "-", "1d-3h"} {
		if got, err := Instant(text, now, paris); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"512MB": 512 << 20, "512m": 512 << 20, "512 MiB": 512 << 20, "1.5GiB": 3 << 29, "1g": 1 << 30, "1048576": 1 << 20, "2Ki": 2048, "7b": 7,
	} {
		if got, err := Bytes(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "lots", "-1MB", "0", "1XB", "MB", "1e30", "99999999TB", "1.2.3MB", "NaN", "inf"} {
		if got, err := Bytes(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestSecondsNeverTurnRound(t *testing.T) {
	for s, want := range map[float64]time.Duration{
		0: 0, 1.5: 1500 * time.Millisecond, -2: -2 * time.Second, 9.3e9: math.MaxInt64, 1e300: math.MaxInt64, math.Inf(1): math.MaxInt64,
		-1e300: -math.MaxInt64, math.Inf(-1): -math.MaxInt64, math.NaN(): math.MaxInt64,
	} {
		if got := Seconds(s); got != want {
			t.Errorf("%v: got %v, want %v", s, got, want)
		}
	}
}

func TestClockWindowsAreOfTheDaysOfTheEvidence(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)
	to := time.Date(2026, 11, 17, 9, 10, 0, 0, time.UTC)
	for text, want := range map[string][]string{
		"10:06..10:36": {"2026-11-16T09:06:00Z..2026-11-16T09:36:00Z", "2026-11-17T09:06:00Z..2026-11-17T09:36:00Z"},
		"23:50..00:20": {"2026-11-16T22:50:00Z..2026-11-16T23:20:00Z"},
		"2026-11-16T10:06:00Z..2026-11-16T10:36:00Z": {"2026-11-16T10:06:00Z..2026-11-16T10:36:00Z"},
	} {
		s, err := ParseSpan(text, now, paris)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range s.In(from, to) {
			got = append(got, w[0].Format(time.RFC3339)+".."+w[1].Format(time.RFC3339))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", text, d)
		}
	}
	for _, text := range []string{"", "10:06", "10:06..10:06", "10:06..25:00", "3h..5h", "..", "a..b"} {
		if _, err := ParseSpan(text, now, paris); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}

func TestAStrayTimestampDoesNotMakeThousandsOfWindows(t *testing.T) {
	s, err := ParseSpan("10:00..11:00", now, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.In(time.Unix(0, 0), now)); n > 400 {
		t.Errorf("%d windows", n)
	}
}

func FuzzInstant(f *testing.F) {
	for _, s := range []string{"3h", "2d", "2026-11-16T13:30:00Z", "10:06..10:36", "1w", "512MB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := Age(s); err == nil && d < 0 {
			t.Errorf("%q: a negative age %v", s, d)
		}
		if n, err := Bytes(s); err == nil && n <= 0 {
			t.Errorf("%q: %d bytes", s, n)
		}
		_, _ = Instant(s, now, time.UTC)
		if w, err := ParseSpan(s, now, time.UTC); err == nil {
			for _, x := range w.In(now.Add(-72*time.Hour), now) {
				if !x[0].Before(x[1]) {
					t.Errorf("%q: window %v", s, x)
				}
			}
		}
	})
}
