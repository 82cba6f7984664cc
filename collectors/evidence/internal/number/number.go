// Package number reads the numbers of logs and exports out of bytes: whole and decimal ones, durations, sizes, HTTP statuses and times
// since 1970. It allocates nothing on the usual ways, and is strict: what is no such number, or none that can be believed, is told by
// ok being false, never taken for 0.
package number

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"strconv"

	"lastcall/collectors/evidence/internal/swar"
)

// Decimal reads a whole decimal number, such as "5000000", "297.654", "5e6" or "-1", and returns it times 10^scale, cut towards
// zero. ok is false when b is no number (as JSON writes them, but leading zeros and a leading or closing point are let pass), or
// when the result does not fit.
func Decimal(b []byte, scale int) (v int64, ok bool) {
	i := 0
	neg := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	start, point := i, -1
	for ; i < len(b); i++ {
		c := b[i]
		if c == '.' && point < 0 {
			point = i
			continue
		}
		d := c - '0'
		if d > 9 {
			break
		}
		if i-start < 18 {
			v = v*10 + int64(d)
		}
	}
	digits := i - start
	places := 0
	if point >= 0 {
		digits--
		places = i - point - 1
	}
	if digits == 0 {
		return 0, false
	}
	if i < len(b) || digits > 17 {
		return decimalSlow(b, scale)
	}
	shift := scale - places
	switch {
	case shift >= 0:
		if shift > 18 || v > math.MaxInt64/powersOf10[shift] {
			if v != 0 {
				return 0, false
			}
			shift = 0
		}
		v *= powersOf10[shift]
	default:
		v /= powersOf10[-shift]
	}
	if neg {
		v = -v
	}
	return v, true
}

// Whole reads b[start:end], decimal digits, at most 16 of them. It is for numbers within a line: ok is also false for some that
// stand at its very beginning.
func Whole(b []byte, start, end uint32) (v int64, ok bool) {
	n := end - start
	if n-1 >= 16 || end < 16 || uint64(end) > uint64(len(b)) {
		return 0, false
	}
	last := binary.LittleEndian.Uint64(b[end-8:])
	if n <= 8 {
		last = leadingZeros(last, n)
		return int64(eightDigits(last)), swar.NoDigit(last) == 0
	}
	first := leadingZeros(binary.LittleEndian.Uint64(b[end-16:]), n-8)
	return int64(eightDigits(first)*1e8 + eightDigits(last)), swar.NoDigit(first)|swar.NoDigit(last) == 0
}

// leadingZeros makes all but the last n of eight characters zeros; n is 1 to 8.
func leadingZeros(x uint64, n uint32) uint64 {
	keep := ^uint64(0) << ((64 - 8*n) & 63)
	return x&keep | '0'*swar.Ones&^keep
}

// eightDigits is the number that eight decimal digits make, by adding neighbours two, four and eight at a time.
func eightDigits(x uint64) uint64 {
	x = (x & 0x0f0f0f0f0f0f0f0f) * (10<<8 + 1) >> 8
	x = (x & 0x00ff00ff00ff00ff) * (100<<16 + 1) >> 16
	return (x & 0x0000ffff0000ffff) * (10_000<<32 + 1) >> 32
}

// decimalSlow takes exponents and long numbers, exactly.
func decimalSlow(b []byte, scale int) (int64, bool) {
	if len(b) > 400 || !isDecimal(b) {
		return 0, false
	}
	// An exponent beyond these bounds is nothing that was measured, and must not make big.Rat build a number of that many digits.
	for i, c := range b {
		if c == 'e' || c == 'E' {
			e, ok := Decimal(b[i+1:], 0)
			if !ok || e > 400 || e < -400 {
				return 0, false
			}
		}
	}
	r, ok := new(big.Rat).SetString(string(b))
	if !ok {
		return 0, false
	}
	r.Mul(r, new(big.Rat).SetInt64(powersOf10[scale]))
	q := new(big.Int).Quo(r.Num(), r.Denom())
	if !q.IsInt64() {
		return 0, false
	}
	return q.Int64(), true
}

// isDecimal reports whether b is a decimal number with an optional point and exponent.
func isDecimal(b []byte) bool {
	i := 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	n := 0
	for i < len(b) && IsDigit(b[i]) {
		i++
		n++
	}
	if i < len(b) && b[i] == '.' {
		i++
		for i < len(b) && IsDigit(b[i]) {
			i++
			n++
		}
	}
	if n == 0 {
		return false
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		if i == len(b) {
			return false
		}
		for i < len(b) && IsDigit(b[i]) {
			i++
		}
	}
	return i == len(b)
}

// HTTPStatus reads an HTTP status of three digits.
func HTTPStatus(b []byte) (int, bool) {
	if len(b) != 3 {
		return 0, false
	}
	a, c, d := b[0]-'0', b[1]-'0', b[2]-'0'
	if a < 1 || a > 9 || c > 9 || d > 9 {
		return 0, false
	}
	return int(a)*100 + int(c)*10 + int(d), true
}

// Epoch reads a time as a number since 1970, in nanoseconds, and tells seconds, milliseconds, microseconds and nanoseconds apart by
// its size: each unit covers the years 2000 to 5138, as far as nanoseconds reach. Anything between is no time.
func Epoch(b []byte) (ns int64, ok bool) {
	v, ok := Decimal(b, 0)
	if !ok {
		return 0, false
	}
	const year2000 = 946_684_800
	scale := 0
	switch {
	case v < year2000:
		return 0, false
	case v < 1e11:
		scale = 9
	case v < year2000*1e3:
		return 0, false
	case v < 1e14:
		scale = 6
	case v < year2000*1e6:
		return 0, false
	case v < 1e17:
		scale = 3
	case v < year2000*1e9:
		return 0, false
	}
	if !IsDigits(b) {
		return Decimal(b, scale)
	}
	if v > math.MaxInt64/powersOf10[scale] {
		return 0, false
	}
	return v * powersOf10[scale], true
}

// IsDigits reports whether b is made of decimal digits, at least one.
func IsDigits(b []byte) bool {
	for _, c := range b {
		if !IsDigit(c) {
			return false
		}
	}
	return len(b) > 0
}

// Digits64 reads a whole number of up to 18 digits, and nothing else.
func Digits64(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	v, err := strconv.ParseInt(string(b), 10, 64)
	return v, err == nil && v >= 0
}

// Digits reads a whole number of up to 9 digits, and nothing else.
func Digits(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if !IsDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// IsDigit reports whether c is a decimal digit.
func IsDigit(c byte) bool { return c >= '0' && c <= '9' }

// PowerOf10 is 10^n; n is 0 to 18.
func PowerOf10(n int) int64 { return powersOf10[n] }

var powersOf10 = [...]int64{
	1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// LeadingInt reads a decimal integer at the beginning of b.
func LeadingInt(b []byte) (v int64, n int) {
	for n < len(b) && IsDigit(b[n]) && n < 18 {
		v = v*10 + int64(b[n]-'0')
		n++
	}
	return v, n
}

// IntAfter reads the integer that follows the first occurrence of key, with an optional minus sign.
func IntAfter(b []byte, key string) (int64, bool) {
	i := bytes.Index(b, []byte(key))
	if i < 0 {
		return 0, false
	}
	b = bytes.TrimLeft(b[i+len(key):], " ")
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	v, n := LeadingInt(b)
	if negative {
		v = -v
	}
	return v, n > 0
}

// Float reads a decimal number, strictly; NaN, infinities and hexadecimal are none.
func Float(b []byte) (float64, bool) {
	if len(b) > 40 {
		return 0, false
	}
	return FloatText(string(b))
}

// FloatText is Float for a string.
func FloatText(s string) (float64, bool) {
	if len(s) == 0 || len(s) > 40 {
		return 0, false
	}
	for i := range len(s) {
		if c := s[i]; !IsDigit(c) && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// Size reads a size with its unit, such as "128MB", "1.94GiB", "531M", "31211520kB" or "512.00MB", in bytes. Platforms print
// "MB" for 2^20 bytes (their 128 MB limit is 134 217 728 bytes), and so do kernels and runtimes.
func Size(b []byte) (bytesCount int64, n int, ok bool) {
	for n < len(b) && (IsDigit(b[n]) || b[n] == '.') {
		n++
	}
	v, ok := Float(b[:n])
	if !ok {
		return 0, 0, false
	}
	for n < len(b) && b[n] == ' ' {
		n++
	}
	shift := 0
	if n < len(b) {
		switch b[n] {
		case 'k', 'K':
			shift, n = 10, n+1
		case 'm', 'M':
			shift, n = 20, n+1
		case 'g', 'G':
			shift, n = 30, n+1
		case 't', 'T':
			shift, n = 40, n+1
		}
	}
	if shift > 0 && n < len(b) && b[n] == 'i' {
		n++
	}
	if n < len(b) && (b[n] == 'B' || b[n] == 'b') {
		n++
	}
	v *= float64(int64(1) << shift)
	if v < 0 || v > 1<<62 {
		return 0, 0, false
	}
	return int64(v), n, true
}
