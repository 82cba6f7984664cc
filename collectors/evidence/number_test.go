package evidence

import (
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestDurationsAreReadInTheFormsThatProgramsWrite(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0.503s": 503 * time.Millisecond, "18ms": 18 * time.Millisecond, "68us": 68 * time.Microsecond, "68µs": 68 * time.Microsecond,
		"250ns": 250, "1.5m": 90 * time.Second, "2min": 2 * time.Minute, "1500": 1500 * time.Millisecond, "0": 0, "0s": 0,
		"1m2.5s": 62500 * time.Millisecond, "1h0m0s": time.Hour, "2h3m4.005s": 2*time.Hour + 3*time.Minute + 4005*time.Millisecond, "30m0s": 30 * time.Minute, "1h": time.Hour,
	} {
		if got, ok := durationWithUnit([]byte(text), 6); !ok || got != want {
			t.Errorf("%s: %v (%v), want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "s", "-1s", "-1m2s", "1x", "1m2", "1m2q", "9000h0m0s", "1e300h", "1m-2s", "m2s", "12:30"} {
		if got, ok := durationWithUnit([]byte(text), 6); ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestDecimalIsExact(t *testing.T) {
	cases := []struct {
		in    string
		scale int
		want  int64
		ok    bool
	}{
		{"0", 0, 0, true},
		{"5000000", 0, 5_000_000, true},
		{"5e6", 0, 5_000_000, true},
		{"5E+6", 0, 5_000_000, true},
		{"5000000.75", 0, 5_000_000, true},
		{"297.654", 6, 297_654_000, true},
		{"0.016", 9, 16_000_000, true},
		{"-1.5", 9, -1_500_000_000, true},
		{"1794835850897", 6, 1794835850897_000_000, true},
		{"0.1234567891234567", 9, 123_456_789, true},
		{"12345678901234567890", 0, 0, false},
		{"9223372036854775807", 0, 9223372036854775807, true},
		{"9223372036854775808", 0, 0, false},
		{"1e400", 0, 0, false},
		{"1e999999999999", 0, 0, false},
		{"9999999999", 9, 0, false},
		{"", 0, 0, false},
		{".", 0, 0, false},
		{"1.2.3", 0, 0, false},
		{"0x10", 0, 0, false},
		{"Infinity", 0, 0, false},
		{"12a", 0, 0, false},
	}
	for _, c := range cases {
		got, ok := decimal([]byte(c.in), c.scale)
		if got != c.want || ok != c.ok {
			t.Errorf("decimal(%q, %d) = %d, %v, want %d, %v", c.in, c.scale, got, ok, c.want, c.ok)
		}
	}
}

func FuzzDecimalAgreesWithBigRationals(f *testing.F) {
	for _, s := range []string{"5e6", "297.654", "-0.5", "123456789012345678", "1e18", "0.000000000000000001", "1", "12345678", "123456789", "1794835850897", "9999999999999999", "1234567a",
		"0000000012345678", "12345678:2345678", "/2345678"} {
		f.Add(s, 9)
	}
	f.Fuzz(func(t *testing.T, s string, scale int) {
		scale = int(uint(scale) % 10)
		got, ok := decimal([]byte(s), scale)
		if v, whole := wholeNumber([]byte("1234567890123456"+s+"9"), 16, uint32(16+len(s))); whole {
			if d, ok := decimal([]byte(s), 0); !ok || d != v {
				t.Fatalf("wholeNumber(%q) = %d, decimal = %d, %v", s, v, d, ok)
			}
		} else if len(s) > 0 && len(s) <= 16 && isDigits([]byte(s)) {
			t.Fatalf("wholeNumber(%q) did not take digits", s)
		}
		if !isNumber([]byte(s)) {
			if ok {
				t.Fatalf("decimal(%q) took what is no number", s)
			}
			return
		}
		if len(s) > 60 || strings.ContainsAny(s, "eE") && len(s)-strings.IndexAny(s, "eE") > 5 {
			return
		}
		r, valid := new(big.Rat).SetString(s)
		if !valid {
			return
		}
		r.Mul(r, new(big.Rat).SetInt64(powersOf10[scale]))
		want := new(big.Int).Quo(r.Num(), r.Denom())
		if ok != want.IsInt64() || ok && got != want.Int64() {
			if !ok && strings.ContainsAny(s, "eE") {
				return // exponents beyond reason are refused
			}
			t.Fatalf("decimal(%q, %d) = %d, %v, want %s", s, scale, got, ok, want)
		}
	})
}
