package number

import (
	"time"

	"lastcall/collectors/evidence/internal/swar"
)

// MaxDuration bounds what is believed to be the duration of a request: anything longer is a broken line.
const MaxDuration = 366 * 24 * time.Hour

// Duration reads a number of units of 10^-(9-scale) seconds (scale 9: seconds, 6: milliseconds, 0: nanoseconds).
func Duration(b []byte, scale int) (time.Duration, bool) {
	v, ok := Decimal(b, scale)
	if !ok || v < 0 || v > int64(MaxDuration) {
		return 0, false
	}
	return time.Duration(v), true
}

// DurationWithUnit reads "0.503s", "18ms", "18 ms", "68us", "1.5m", and "1m2.5s", as Go writes what takes longer than a minute; a bare number
// is of 10^-(9-scale) seconds.
func DurationWithUnit(b []byte, scale int) (time.Duration, bool) {
	n := len(b)
	for n > 0 && !IsDigit(b[n-1]) && b[n-1] != '.' {
		n--
	}
	unit := b[n:]
	if len(unit) > 1 && unit[0] == ' ' {
		unit = unit[1:]
	}
	switch own, ok := scaleOf(unit); {
	case ok:
		scale = own
	case len(unit) == 0:
	case string(unit) == "m" || string(unit) == "min":
		d, ok := Duration(b[:n], 9)
		if !ok || d > MaxDuration/60 {
			return 0, false
		}
		return 60 * d, true
	default:
		return compoundDuration(b)
	}
	if d, ok := Duration(b[:n], scale); ok {
		return d, true
	}
	return compoundDuration(b)
}

// scaleOf is the scale of a unit of durations: see Duration.
func scaleOf(unit []byte) (scale int, ok bool) {
	switch string(unit) {
	case "s", "sec", "secs", "seconds":
		return 9, true
	case "ms", "msec", "msecs", "millis", "milliseconds":
		return 6, true
	case "us", "\u00b5s", "\u03bcs", "usec", "usecs", "micros", "microseconds": // the sign of micro, and the Greek letter
		return 3, true
	case "ns", "nanos", "nanoseconds":
		return 0, true
	}
	return 0, false
}

// IsDurationUnit reports whether b is a unit of durations of a second or less.
func IsDurationUnit(b []byte) bool {
	_, ok := scaleOf(b)
	return ok
}

// MillisecondsIn reads a value such as "279ms" at b[from:to], as routers write it; other shapes are left to DurationWithUnit.
func MillisecondsIn(b []byte, from, to int) (time.Duration, bool) {
	v, n := swar.DigitRun(swar.Word8(b, from))
	if n == 0 || n > 7 || to-from != n+2 || b[to-2] != 'm' || b[to-1] != 's' {
		return DurationWithUnit(b[from:to], 6)
	}
	return time.Duration(v) * time.Millisecond, true
}

// SecondsIn reads a number with a point, such as "0.503", at b[from:], up to 7 digits before and after it. It returns where the number
// ends; false says that there is none of that shape.
func SecondsIn(b []byte, from int) (d time.Duration, end int, ok bool) {
	v, n := swar.DigitRun(swar.Word8(b, from))
	p := from + n
	if n == 0 || n > 7 || p >= len(b) || b[p] != '.' {
		return 0, 0, false
	}
	p++
	f, k := swar.DigitRun(swar.Word8(b, p))
	if k == 0 || k > 7 {
		return 0, 0, false
	}
	return time.Duration(v)*time.Second + time.Duration(int64(f)*powersOf10[9-k]), p + k, true
}

// compoundDuration reads a duration of several units.
func compoundDuration(b []byte) (time.Duration, bool) {
	if len(b) > 64 {
		return 0, false
	}
	d, err := time.ParseDuration(string(b))
	return d, err == nil && d >= 0 && d <= MaxDuration
}

// Seconds is a number of seconds as a duration; 0 for what is none above zero, or more than 30 years.
func Seconds(v float64) time.Duration {
	if v <= 0 || v > 1e9 {
		return 0
	}
	return time.Duration(v * float64(time.Second))
}
