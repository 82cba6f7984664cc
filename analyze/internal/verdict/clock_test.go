package verdict

import (
	"math/rand/v2"
	"testing"
	"time"

	"lastcall/collectors/record"
)

func TestDeathsKeepToAClock(t *testing.T) {
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	at := func(clock ...string) (out []record.Time) {
		for _, c := range clock {
			x, err := time.Parse(time.TimeOnly, c)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, record.TimeOf(day.Add(time.Duration(x.Hour())*time.Hour+time.Duration(x.Minute())*time.Minute+time.Duration(x.Second())*time.Second)))
		}
		return out
	}
	for name, c := range map[string]struct {
		at    []record.Time
		every time.Duration
	}{
		"a job every twenty minutes":          {at("10:20:10", "10:40:09", "12:00:09", "15:00:06"), 20 * time.Minute},
		"a job every hour, after two minutes": {at("10:02:10", "13:02:09", "14:01:40", "15:02:30", "19:02:01"), time.Hour},
		"every five minutes":                  {at("10:05:03", "11:20:02", "13:35:04", "15:10:01", "16:50:05"), 5 * time.Minute},
		"too few":                             {at("10:20:10", "10:40:10", "12:00:10"), 0},
		"at any time":                         {at("10:20:10", "10:41:09", "12:07:09", "15:13:06", "16:48:00"), 0},
		"half of them":                        {at("10:20:10", "10:40:10", "12:00:10", "15:13:06", "16:48:00"), 0},
		"none":                                {nil, 0},
	} {
		got, ok := clockOf(c.at)
		if got.every != c.every || ok != (c.every != 0) {
			t.Errorf("%s: %v (%+v)", name, got.every, got)
		}
	}
}

// TestFewDeathsKeepToAClockByChance: one in a thousand may.
func TestFewDeathsKeepToAClockByChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	found := 0
	const trials = 20_000
	for range trials {
		at := make([]record.Time, 4+rng.IntN(8))
		for i := range at {
			at[i] = record.Time(1_800_000_000_000_000_000 + rng.Int64N(int64(24*time.Hour)))
		}
		if _, ok := clockOf(at); ok {
			found++
		}
	}
	if found > 2*clockP*trials {
		t.Errorf("%d of %d", found, trials)
	}
}
