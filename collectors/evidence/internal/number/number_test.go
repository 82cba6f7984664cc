package number

import (
	"math/big"
	"strings"
	"testing"
)

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
		got, ok := Decimal([]byte(c.in), c.scale)
		if got != c.want || ok != c.ok {
			t.Errorf("Decimal(%q, %d) = %d, %v, want %d, %v", c.in, c.scale, got, ok, c.want, c.ok)
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
		got, ok := Decimal([]byte(s), scale)
		if v, whole := Whole([]byte("1234567890123456"+s+"9"), 16, uint32(16+len(s))); whole {
			if d, ok := Decimal([]byte(s), 0); !ok || d != v {
				t.Fatalf("Whole(%q) = %d, Decimal = %d, %v", s, v, d, ok)
			}
		} else if len(s) > 0 && len(s) <= 16 && IsDigits([]byte(s)) {
			t.Fatalf("Whole(%q) did not take digits", s)
		}
		if !isDecimal([]byte(s)) {
			if ok {
				t.Fatalf("Decimal(%q) took what is no number", s)
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
			t.Fatalf("Decimal(%q, %d) = %d, %v, want %s", s, scale, got, ok, want)
		}
	})
}
