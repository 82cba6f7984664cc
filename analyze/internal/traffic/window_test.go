package traffic

import "testing"

func TestTheDensestRunOfHoursIsTheWindow(t *testing.T) {
	for _, c := range []struct {
		name   string
		hours  map[int64]int64
		lo, hi int64
		ok     bool
	}{
		{"nothing", nil, 0, 0, false},
		{"one hour", map[int64]int64{7: 1}, 7, 7, true},
		{"1970 and 9999 are far away", map[int64]int64{0: 1, 498_000: 90, 498_005: 90, 70_000_000: 3}, 498_000, 498_005, true},
		{"three days are no long gap", map[int64]int64{10: 5, 10 + maxGap: 1}, 10, 10 + maxGap, true},
		{"more are", map[int64]int64{10: 5, 11 + maxGap: 1}, 10, 10, true},
		{"the first of equals", map[int64]int64{10: 5, 1000: 5}, 10, 10, true},
	} {
		if lo, hi, ok := densest(c.hours); lo != c.lo || hi != c.hi || ok != c.ok {
			t.Errorf("%s: %d to %d, %v", c.name, lo, hi, ok)
		}
	}
	long := map[int64]int64{}
	for h := int64(0); h <= 2*maxWindow; h += maxGap {
		long[h] = 1
	}
	if lo, hi, _ := densest(long); hi-lo > maxWindow {
		t.Errorf("%d hours are one window", hi-lo)
	}
}
