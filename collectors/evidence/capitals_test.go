package evidence

import "testing"

// Bytes are added to side by side: no byte may change what is said of its neighbour.
func TestCapitalsAreToldWhateverStandsBesideThem(t *testing.T) {
	capital := func(c int) bool { return c >= 'A' && c <= 'Z' }
	for place := range 7 {
		for c := range 256 {
			for d := range 256 {
				x := uint64('M')*swarOnes&^(0xffff<<(8*place)) | (uint64(c)|uint64(d)<<8)<<(8*place)
				if got := areCapitals(x); got != (capital(c) && capital(d)) {
					t.Fatalf("bytes %#x and %#x at %d: %v", c, d, place, got)
				}
			}
		}
	}
}
