package stamp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// agreeTimes reads a time with a clock that has seen another, and a new one.
func agreeTimes(t *testing.T, before, text []byte) {
	t.Helper()
	for _, read := range []func(c *Clock, b []byte) string{
		func(c *Clock, b []byte) string { t, n, zoned, ok := c.Read(b); return fmt.Sprint(t, n, zoned, ok) },
		func(c *Clock, b []byte) string { t, n, ok := c.ReadAccess(b); return fmt.Sprint(t, n, ok) },
	} {
		zone := time.FixedZone("", 3600)
		remembering, fresh := Clock{Zone: zone}, Clock{Zone: zone}
		read(&remembering, before)
		if got, want := read(&remembering, text), read(&fresh, text); got != want {
			t.Fatalf("%q after %q: %s, without memory %s", text, before, got, want)
		}
	}
}

var timeSeeds = []string{
	"2026-11-16 13:30:50.937512207 +0000 UTC [router] ", "2026-11-16T13:30:50.702243+00:00 heroku", "2026-11-16T13:30:51Z", "2026-11-16 13:30:50,9 +0100 CET x",
	"20/Nov/2026:08:00:00 +0000] ", "20/Nov/2026:08:00:59.127] ", "20/Nov/2026:08:00:59.127 -0130]", "2026-11-16 13:30:50 UTC ", "2026-11-16t13:30:50-01",
}

func FuzzTimesReadTheSameWithAndWithoutMemory(f *testing.F) {
	for _, a := range timeSeeds {
		for _, b := range timeSeeds {
			f.Add([]byte(a), []byte(b))
		}
	}
	f.Fuzz(agreeTimes)
}

// oddTime changes a few bytes of a time.
func oddTime(rnd *rand.Rand, text []byte) []byte {
	const telling = "[] -=.:/,+0123456789GETUZC\x00\xb5"
	b := bytes.Clone(text)
	for range 1 + rnd.IntN(3) {
		at := rnd.IntN(len(b) + 1)
		c := telling[rnd.IntN(len(telling))]
		switch rnd.IntN(6) {
		case 0:
			b = slices.Insert(b, at, c)
		case 1:
			b = slices.Delete(b, at, min(at+1, len(b)))
		case 2:
			b = b[:at]
		default:
			if at < len(b) {
				b[at] = c
			}
		}
	}
	return b
}

func TestOddTimesReadTheSameWithAndWithoutMemory(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	for range 100_000 {
		before := []byte(timeSeeds[rnd.IntN(len(timeSeeds))])
		agreeTimes(t, before, oddTime(rnd, before))
	}
}

func TestTimesOfMillisecondsAreReadAtOnceAsTheyAreReadOtherwise(t *testing.T) {
	const text = "2026-11-20T08:00:05.123Z"
	var c Clock
	if _, _, _, ok := c.Read([]byte(text)); !ok {
		t.Fatal("no time")
	}
	check := func(b []byte) {
		t.Helper()
		var fresh Clock
		got := fmt.Sprint(c.Read(b))
		if want := fmt.Sprint(fresh.Read(b)); got != want {
			t.Fatalf("%q is %s, otherwise %s", b, got, want)
		}
		if _, _, _, ok := c.Read([]byte(text)); !ok {
			t.Fatal("no time")
		}
	}
	for at := 16; at < len(text); at++ {
		for x := range 256 {
			b := []byte(text)
			b[at] = byte(x)
			check(b)
			for next := at + 1; next < len(text); next++ {
				for _, y := range "/:;0569.,-+Zz \x00\xff" {
					pair := bytes.Clone(b)
					pair[next] = byte(y)
					check(pair)
				}
			}
		}
	}
	for ms := range 60_000 {
		check(time.UnixMilli(1795161600000+int64(ms)).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"))
	}
}

func TestClockReadsTheSameWithAndWithoutMemory(t *testing.T) {
	lines := []string{
		"2026-11-16 13:30:50.937512207 +0000 UTC", "2026-11-16 13:30:51.9 +0000 UTC", "2026-11-16 13:30:59 +0000 UTC x",
		"2026-11-16 13:30:50.937512207 +0000 UTCX", "2026-11-16 13:30:50+00:00", "2026-11-16T13:30:50Z", "2026-11-16T13:30:50.123456789123Z",
		"2026-11-16T13:30:50.5+01:30", "2026-11-16T13:30:50.5", "2026-11-16T13:30:60Z", "2026-11-16T13:30:6", "2026-11-16T13:30:50.Z",
		"2026-02-30T13:30:50Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "2026-11-16T13:30:50Z1", "2026-11-16T13:30:5xZ",
	}
	var remembering Clock
	for range 2 {
		for _, prefix := range lines {
			for _, line := range lines {
				remembering.Read([]byte(prefix))
				var fresh Clock
				t1, n1, z1, ok1 := remembering.Read([]byte(line))
				t2, n2, z2, ok2 := fresh.Read([]byte(line))
				if ok1 != ok2 || ok1 && (t1 != t2 || n1 != n2 || z1 != z2) {
					t.Fatalf("%q after %q: %v %d %v %v, without memory %v %d %v %v", line, prefix, t1, n1, z1, ok1, t2, n2, z2, ok2)
				}
			}
		}
	}
}
