package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lastcall/analyze/finding"
)

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{bytesText(0), "0 B"}, {bytesText(812), "812 B"}, {bytesText(1023.6), "1.00 KiB"}, {bytesText(1 << 20), "1.00 MiB"}, {bytesText(1048575), "1.00 MiB"},
		{bytesText(37.5 * mib), "37.5 MiB"}, {bytesText(512 * mib), "512 MiB"}, {bytesText(-3 * mib), "-3.00 MiB"}, {bytesText(1.5 * 1024 * mib), "1.50 GiB"},
		{bytesText(math.MaxFloat64), "unbounded"}, {bytesText(math.NaN()), "?"}, {growthText(mib), "+1.00 MiB"}, {growthText(0), "0 B"},
		{bytesOfText(190*mib, 400*mib), "190 of 400 MiB"}, {bytesOfText(900, 512*mib), "900 B of 512 MiB"},
		{bytesEstimate(finding.Estimate{Value: 74 * mib, Low: 61 * mib, High: 92 * mib}, ""), "74.0 MiB (90%: 61.0 to 92.0)"},
		{bytesEstimate(finding.Estimate{Value: 5, Low: 5, High: 5}, "/h"), "5 B/h"},
		{durationText(0), "0 s"}, {durationText(0.0042), "4.2 ms"}, {durationText(0.45), "450 ms"}, {durationText(0.9999), "1 s"}, {durationText(14.7), "14.7 s"}, {durationText(59.97), "1 min"},
		{durationText(82), "1 min 22 s"}, {durationText(3600), "1 h"}, {durationText(7500), "2 h 05 min"}, {durationText(86399), "1 d"}, {durationText(3*86400 + 4*3600), "3 d 4 h"},
		{durationText(-5), "-5 s"}, {durationText(1e305), "unbounded"},
		{durationEstimate(finding.Estimate{Value: 3.1 * 3600, Low: 2.4 * 3600, High: 4.2 * 3600}), "3.1 h (90%: 2.4 to 4.2)"},
		{percentText(0), "0%"}, {percentText(0.0004), "<0.1%"}, {percentText(0.0073), "0.7%"}, {percentText(0.05), "5%"}, {percentText(0.534), "53%"}, {percentText(0.9961), "99%"},
		{percentText(0.9996), ">99.9%"}, {percentText(1), "100%"}, {percentText(0.998), "99%"},
		{numberText(561234), "560,000"}, {numberText(1234), "1,234"}, {numberText(0.4), "0.4"}, {numberText(3.456), "3.46"}, {numberText(0.0000123), "1e-05"}, {numberText(3e12), "3e+12"},
		{countText(21532), "21,532"}, {countText(-1234567), "-1,234,567"}, {countText(0), "0"}, {countText(999), "999"},
		{plural(1, "crash", "crashes"), "1 crash"}, {plural(0, "crash", "crashes"), "0 crashes"},
		{dateTimeUTC(time.Time{}), "unknown"}, {windowText(finding.Window{}), "no time covered"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestDurationsAreNeverMoreThanTheyAreByMuch(t *testing.T) {
	// No rounding gives "60 s" or "60 min".
	for s := 0.05; s < 1e7; s *= 1.0007 {
		if d := durationText(s); d == "60 s" || d == "1000 ms" || strings.HasPrefix(d, "60 min") || strings.Contains(d, " 60 ") || strings.HasPrefix(d, "24 h") || strings.Contains(d, " 24 h") {
			t.Errorf("%g s is %q", s, d)
		}
	}
}

func TestCleanShowsWhatWouldAct(t *testing.T) {
	for in, want := range map[string]string{
		"plain ascii":            "plain ascii",
		"naïve 日本 “q” ▁█ ✕":      "naïve 日本 “q” ▁█ ✕",
		"\x1b[31mred\x1b[0m":     `\x1b[31mred\x1b[0m`,
		"a\nb\r\nc\td":           "a b c d",
		"bell\x07 del\x7f":       `bell\x07 del\x7f`,
		"c1 \u009b31m":           `c1 \u009b31m`,
		"\u202eevil\u202c":       `\u202eevil\u202c`,
		"zero\u200bwidth\ufeff":  `zero\u200bwidth\ufeff`,
		"line\u2028sep":          `line\u2028sep`,
		"broken \xff\xfe utf8":   `broken \xff\xfe utf8`,
		"tag \U000e0041":         `tag \U000e0041`,
		"osc \x1b]8;;http://x\a": `osc \x1b]8;;http://x\x07`,
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	long := clean(strings.Repeat("x", 1<<20))
	if len(long) > maxString+60 || !strings.Contains(long, "more bytes") {
		t.Errorf("a megabyte became %d bytes", len(long))
	}
}

func TestSparkline(t *testing.T) {
	points := func(v ...float64) []finding.Point {
		var p []finding.Point
		for i, x := range v {
			p = append(p, finding.Point{T: at(time.Duration(i) * time.Minute), V: x})
		}
		return p
	}
	for _, tt := range []struct {
		name string
		in   []finding.Point
		n    int
		want string
	}{
		{"nothing", nil, 8, ""},
		{"one point", points(5), 8, "█"},
		{"rise", points(0, 1, 2, 3, 4, 5, 6, 7), 8, "▁▂▃▄▅▆▇█"},
		{"a flat curve is not blown up", points(100, 101, 100, 101), 4, "████"},
		{"a peak is kept", points(1, 1, 1, 9, 1, 1, 1, 1), 4, "▁█▁▁"},
		{"all zero", points(0, 0, 0), 3, "▁▁▁"},
		{"a gap is blank", append(points(1, 2), finding.Point{T: at(9 * time.Minute), V: 9}), 3, "▂ █"},
	} {
		if got := sparkline(tt.in, tt.n); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestLTTB(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 0, 400).Draw(t, "values")
		n := rapid.IntRange(0, 120).Draw(t, "n")
		var in []finding.Point
		for i, v := range values {
			in = append(in, finding.Point{T: at(time.Duration(i) * time.Second), V: v})
		}
		out := lttb(in, n)
		if n < 3 || len(in) <= n {
			if len(out) != len(in) {
				t.Fatalf("%d points became %d without need", len(in), len(out))
			}
			return
		}
		if len(out) != n || out[0] != in[0] || out[n-1] != in[len(in)-1] {
			t.Fatalf("%d of %d points, want %d with both ends", len(out), len(in), n)
		}
		for i, p := range out {
			if i > 0 && !p.T.After(out[i-1].T) {
				t.Fatalf("point %d is not after the one before", i)
			}
			if in[int(p.T.Sub(t0)/time.Second)] != p {
				t.Fatalf("point %d was not there", i)
			}
		}
	})
	// A single peak survives.
	var in []finding.Point
	for i := range 10000 {
		in = append(in, finding.Point{T: at(time.Duration(i) * time.Second), V: 1})
	}
	in[4321].V = 100
	for _, p := range lttb(in, 50) {
		if p.V == 100 {
			return
		}
	}
	t.Error("the peak is gone")
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		in    string
		width int
		want  string
	}{
		{"one two three", 7, "one two|three"},
		{"fits", 4, "fits"},
		{"", 5, ""},
		{"/api/users/{id}/profile", 12, "/api/users/|{id}/profile"},
		{"aaaaaaaaaaaaaaaaaaaa", 8, "aaaaaaaa|aaaaaaaa|aaaa"},
		{"日本日本", 4, "日本|日本"},
	} {
		if got := strings.Join(wrap(tt.in, tt.width), "|"); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}
