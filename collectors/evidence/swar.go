package evidence

import (
	"encoding/binary"
	"math/bits"
)

// Lines hold many short numbers. Eight bytes are read at once and taken apart with arithmetic instead of a loop whose end the
// processor cannot foresee, which costs more than the work in it.

// digitRun reads the decimal digits with which the eight bytes of x begin: their value, and how many there are.
func digitRun(x uint64) (v uint64, n int) {
	// A byte is a digit when its high half is 3, and is so still after adding 6. A carry out of a byte harms only those after it.
	other := (x&(0xf0*swarOnes) ^ 0x30*swarOnes) | ((x+0x06*swarOnes)&(0xf0*swarOnes) ^ 0x30*swarOnes)
	n = 8
	if other != 0 {
		n = bits.TrailingZeros64(other) >> 3
		if n == 0 {
			return 0, 0
		}
		x <<= 64 - 8*n // leading zeros instead of what follows
	}
	// Pairs of digits, pairs of pairs, and the two halves.
	x = x & (0x0f * swarOnes) * (1 + 10<<8) >> 8
	x = x & 0x00ff00ff00ff00ff * (1 + 100<<16) >> 16
	return x & 0x0000ffff0000ffff * (1 + 10_000<<32) >> 32, n
}

// word8 returns the eight bytes at b[p:], with zeros for those beyond its end.
func word8(b []byte, p int) uint64 {
	if p+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[p:])
	}
	var x uint64
	for i := len(b) - 1; i >= p; i-- {
		x = x<<8 | uint64(b[i])
	}
	return x
}

// indexFrom is the index of the first c in b at or after p, or the length of b. Values are short: a call of bytes.IndexByte costs more.
func indexFrom(b []byte, p int, c byte) int {
	pattern := uint64(c) * swarOnes
	for p+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[p:]) ^ pattern
		if found := (x - swarOnes) &^ x & swarHigh; found != 0 {
			return p + bits.TrailingZeros64(found)>>3
		}
		p += 8
	}
	for p < len(b) && b[p] != c {
		p++
	}
	return p
}

// hasByte reports whether c is one of the eight bytes of x.
func hasByte(x uint64, c byte) bool {
	x ^= uint64(c) * swarOnes
	return (x-swarOnes)&^x&swarHigh != 0
}

const (
	swarOnes = 0x0101010101010101
	swarHigh = 0x8080808080808080
)

// swarNoDigit marks, by the highest bit of its byte, the first byte of x that is no decimal digit; above the first mark there may be
// false ones.
func swarNoDigit(x uint64) uint64 {
	x ^= '0' * swarOnes
	return (x + 0x76*swarOnes | x) & swarHigh
}

// firstEight returns the first eight bytes of a piece as one number, and a mask of those that there are.
func firstEight(piece []byte) (first, mask uint64) {
	for i, c := range piece[:min(len(piece), 8)] {
		first |= uint64(c) << (8 * i)
		mask |= 0xff << (8 * i)
	}
	return first, mask
}

// areCapitals reports whether the eight bytes of x are all between A and Z.
func areCapitals(x uint64) bool {
	below, above := ^(x + (0x80-'A')*swarOnes), x+(0x7f-'Z')*swarOnes // of bytes below 128, by their high bits
	return (x|below|above)&swarHigh == 0
}
