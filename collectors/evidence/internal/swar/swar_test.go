package swar

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// Bytes are added to side by side: no byte may change what is said of its neighbour.
func TestCapitalsAreToldWhateverStandsBesideThem(t *testing.T) {
	capital := func(c int) bool { return c >= 'A' && c <= 'Z' }
	for place := range 7 {
		for c := range 256 {
			for d := range 256 {
				x := uint64('M')*Ones&^(0xffff<<(8*place)) | (uint64(c)|uint64(d)<<8)<<(8*place)
				if got := AreCapitals(x); got != (capital(c) && capital(d)) {
					t.Fatalf("bytes %#x and %#x at %d: %v", c, d, place, got)
				}
			}
		}
	}
}

func TestDigitsReadAtOnceAreThoseReadOneByOne(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	const bytesOfNumbers = "0123456789012345678901234567890123456789.ms ,:/;\x00\xff\x3a\x2f\xfa"
	for range 200_000 {
		b := make([]byte, rnd.IntN(20))
		for i := range b {
			b[i] = bytesOfNumbers[rnd.IntN(len(bytesOfNumbers))]
		}
		n := 0
		for n < len(b) && n < 8 && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		want, _ := strconv.ParseUint("0"+string(b[:n]), 10, 64)
		if v, k := DigitRun(Word8(b, 0)); v != want || k != n {
			t.Fatalf("%q: %d of %d digits, want %d of %d", b, v, k, want, n)
		}
		if at := bytes.IndexByte(append(slices.Clip(b), ' '), ' '); IndexFrom(b, 0, ' ') != at {
			t.Fatalf("%q: a blank at %d, want %d", b, IndexFrom(b, 0, ' '), at)
		}
	}
}
