package intake

import (
	"bytes"
	"fmt"
	"testing"
)

// TestHashesOfDifferentIDsDiffer: a change of one bit or of the length changes the hash, and of a million similar ids no two have one.
func TestHashesOfDifferentIDsDiffer(t *testing.T) {
	if hash(nil) != 0 || hash32(nil) != 0 {
		t.Error("nothing has a hash")
	}
	for n := 1; n <= 70; n++ {
		b := bytes.Repeat([]byte{'a'}, n)
		h := hash(b)
		for i := range 8 * n {
			b[i/8] ^= 1 << (i % 8)
			if hash(b) == h {
				t.Errorf("%d bytes: bit %d does not matter", n, i)
			}
			b[i/8] ^= 1 << (i % 8)
		}
		if hash(b[:n-1]) == h {
			t.Errorf("%d bytes: the length does not matter", n)
		}
	}
	seen := make(map[uint64]string, 1_000_000)
	for i := range 250_000 {
		for _, id := range []string{fmt.Sprint(i), fmt.Sprintf("req-%d", i), fmt.Sprintf("%08x-0000-4000-8000-%012x", i/500, i%500), fmt.Sprintf("/api/v1/users/%d/orders", i)} {
			h := hash([]byte(id))
			if other := seen[h]; other != "" {
				t.Fatalf("%q and %q have one hash", id, other)
			}
			seen[h] = id
		}
	}
}
