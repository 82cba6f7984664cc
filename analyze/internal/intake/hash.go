package intake

import (
	"encoding/binary"
	"math/bits"
)

// hash is a 64-bit hash of an id or path, 0 for nothing. It is the same in every run, as the order among equals follows it. Sixteen bytes
// at a time by one multiplication whose halves are folded (the mixing step of wyhash): ids are short, and there are up to three to a
// request.
func hash(b []byte) uint64 {
	const k1, k2, k3 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3
	fold := func(x, y uint64) uint64 {
		hi, lo := bits.Mul64(x, y)
		return hi ^ lo
	}
	n := len(b)
	h := uint64(n) ^ k3
	var x, y uint64
	switch {
	case n == 0:
		return 0
	case n > 16:
		for i := 0; i < n-16; i += 16 {
			h = fold(binary.LittleEndian.Uint64(b[i:])^k1, binary.LittleEndian.Uint64(b[i+8:])^h)
		}
		// Some bytes are mixed twice: cheaper than one at a time.
		x, y = binary.LittleEndian.Uint64(b[n-16:]), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	default:
		x = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	h = fold(k1^uint64(n), fold(x^k2, y^h))
	if h == 0 {
		h = 1
	}
	return h
}

func hash32(b []byte) uint32 {
	h := hash(b)
	if h == 0 {
		return 0
	}
	v := uint32(h) ^ uint32(h>>32)
	if v == 0 {
		v = 1
	}
	return v
}
