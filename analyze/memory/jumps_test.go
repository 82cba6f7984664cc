package memory

import (
	"math/rand/v2"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// A heap of 130 MiB in a container of 512: the container's limit says nothing of what a burst is.
func TestAJumpBeforeADeathIsABurstWhereMemoryJumpsAtNoOtherTime(t *testing.T) {
	lives := func(kind record.CrashKind, died bool, form func(i int, noise float64) float64) []Life {
		rng := rand.New(rand.NewPCG(2, 2))
		var out []Life
		for c := range 4 {
			from := record.TimeOf(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
			l := Life{Container: string(rune('a' + c)), Start: from, End: from.Add(45 * time.Minute), Died: died, Kind: kind, Crash: "c", LimitBytes: 512 << 20}
			var pts []Point
			for i := range 90 {
				pts = append(pts, Point{from.Add(time.Duration(i) * 30 * time.Second), 1e6 * form(i, rng.NormFloat64())})
			}
			l.Series = map[record.Metric][]Point{record.RSS: pts}
			out = append(out, l)
		}
		return out
	}
	jump := func(i int, noise float64) float64 {
		if i >= 88 {
			return 130 + noise
		}
		return 81 + noise
	}
	for name, c := range map[string]struct {
		kind  record.CrashKind
		died  bool
		form  func(int, float64) float64
		burst bool
	}{
		"a full heap":                {record.CrashHeapLimit, true, jump, true},
		"an abort that says nothing": {record.CrashAbort, true, jump, true},
		"killed for the limit":       {record.CrashOOMKill, true, jump, false}, // from a fifth of the limit, that jump is not what filled it
		"an error of its own":        {record.CrashException, true, jump, false},
		"lives on":                   {"", false, jump, false},
		"a level that wavers":        {record.CrashAbort, true, func(i int, noise float64) float64 { return 81 + 12*noise }, false},
		"jumps at other times as well": {record.CrashAbort, true, func(i int, noise float64) float64 {
			if i%40 == 30 || i >= 88 {
				return 130 + noise
			}
			return 81 + noise
		}, false},
		"a jump that is over": {record.CrashAbort, true, func(i int, noise float64) float64 {
			if i == 84 {
				return 130 + noise
			}
			return 81 + noise
		}, false},
	} {
		n := 0
		for _, x := range Curves(lives(c.kind, c.died, c.form), Options{}) {
			if x.Shape == finding.ShapeBurst {
				n++
			}
		}
		if c.burst && n != 4 || !c.burst && n != 0 {
			t.Errorf("%s: %d of 4 lives end in a burst, want %v", name, n, c.burst)
		}
	}
}
