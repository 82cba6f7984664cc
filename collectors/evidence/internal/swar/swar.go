// Package swar reads eight bytes at once ("SIMD within a register"). Lines hold many short numbers and words: eight bytes are loaded as
// one number, little-endian, and taken apart with arithmetic instead of a loop whose end the processor cannot foresee, which costs more
// than the work in it.
package swar

import (
	"encoding/binary"
	"math/bits"
)

// DigitRun reads the decimal digits with which the eight bytes of x begin: their value, and how many there are.
func DigitRun(x uint64) (v uint64, n int) {
	// A byte is a digit when its high half is 3, and is so still after adding 6. A carry out of a byte harms only those after it.
	other := (x&(0xf0*Ones) ^ 0x30*Ones) | ((x+0x06*Ones)&(0xf0*Ones) ^ 0x30*Ones)
	n = 8
	if other != 0 {
		n = bits.TrailingZeros64(other) >> 3
		if n == 0 {
			return 0, 0
		}
		x <<= 64 - 8*n // leading zeros instead of what follows
	}
	// Pairs of digits, pairs of pairs, and the two halves.
	x = x & (0x0f * Ones) * (1 + 10<<8) >> 8
	x = x & 0x00ff00ff00ff00ff * (1 + 100<<16) >> 16
	return x & 0x0000ffff0000ffff * (1 + 10_000<<32) >> 32, n
}

// Word8 returns the eight bytes at b[p:], with zeros for those beyond its end.
func Word8(b []byte, p int) uint64 {
	if p+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[p:])
	}
	var x uint64
	for i := len(b) - 1; i >= p; i-- {
		x = x<<8 | uint64(b[i])
	}
	return x
}

// IndexFrom is the index of the first c in b at or after p, or the length of b. Values are short: a call of bytes.IndexByte costs more.
func IndexFrom(b []byte, p int, c byte) int {
	pattern := uint64(c) * Ones
	for p+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[p:]) ^ pattern
		if found := (x - Ones) &^ x & High; found != 0 {
			return p + bits.TrailingZeros64(found)>>3
		}
		p += 8
	}
	for p < len(b) && b[p] != c {
		p++
	}
	return p
}

// HasByte reports whether c is one of the eight bytes of x.
func HasByte(x uint64, c byte) bool {
	x ^= uint64(c) * Ones
	return (x-Ones)&^x&High != 0
}

// Bytes to be repeated.
const (
	Ones = 0x0101010101010101 // a 1 in every byte: c*Ones has the byte c eight times
	High = 0x8080808080808080 // the highest bit of every byte
)

// NoDigit marks, by the highest bit of its byte, the first byte of x that is no decimal digit; above the first mark there may be
// false ones.
func NoDigit(x uint64) uint64 {
	x ^= '0' * Ones
	return (x + 0x76*Ones | x) & High
}

// FirstEight returns the first eight bytes of a piece as one number, and a mask of those that there are.
func FirstEight(piece []byte) (first, mask uint64) {
	for i, c := range piece[:min(len(piece), 8)] {
		first |= uint64(c) << (8 * i)
		mask |= 0xff << (8 * i)
	}
	return first, mask
}

// AreCapitals reports whether the eight bytes of x are all between A and Z.
func AreCapitals(x uint64) bool {
	below, above := ^(x + (0x80-'A')*Ones), x+(0x7f-'Z')*Ones // of bytes below 128, by their high bits
	return (x|below|above)&High == 0
}
