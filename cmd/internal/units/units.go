// Package units reads what people write for times, ages, windows and memory sizes, on the command line and in the config.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Instant reads a point in time: RFC 3339, a date with or without a time (in loc), "now", or an age such as 3h, 90m, 2d
// or 1w, counted back from now.
func Instant(s string, now time.Time, loc *time.Location) (time.Time, error) {
	text := strings.TrimSpace(s)
	if text == "now" {
		return now.UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text)); err == nil {
		return t.UTC(), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t.UTC(), nil
		}
	}
	if d, err := Age(strings.TrimPrefix(text, "-")); err == nil {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a time (2026-11-16T13:30:00Z) nor an age (3h, 90m, 2d)", s)
}

// Age is time.ParseDuration with days and weeks.
func Age(s string) (time.Duration, error) {
	var total time.Duration
	rest := s
	for _, unit := range []struct {
		letter byte
		size   time.Duration
	}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}} {
		i := strings.IndexByte(rest, unit.letter)
		if i < 0 {
			continue
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || n < 0 || n*float64(unit.size) > math.MaxInt64/2 {
			return 0, fmt.Errorf("%q is not a duration such as 90s, 10m, 3h, 2d", s)
		}
		total += time.Duration(n * float64(unit.size))
		rest = rest[i+1:]
	}
	if rest == "" && s != "" {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration such as 90s, 10m, 3h, 2d", s)
	}
	return total + d, nil
}

// Seconds turns a number of seconds into a duration. One that is too long for it becomes the longest, and so does what is no number:
// what lies beyond all time must not come out as the past.
func Seconds(s float64) time.Duration {
	const longest = math.MaxInt64 / float64(time.Second)
	switch {
	case s <= -longest:
		return -math.MaxInt64
	case s < longest:
		return time.Duration(s * float64(time.Second))
	}
	return math.MaxInt64
}

// Span is a window given by the user. A daily one has only clock times, because the day is that of the evidence.
type Span struct {
	from, to time.Time
	daily    bool
	// fromClock and toClock are the offsets from midnight in loc of a daily window.
	fromClock, toClock time.Duration
	loc                *time.Location
}

// ParseSpan reads "A..B", where A and B are instants or clock times (10:06..10:36).
func ParseSpan(s string, now time.Time, loc *time.Location) (Span, error) {
	a, b, ok := strings.Cut(s, "..")
	if !ok {
		return Span{}, fmt.Errorf("%q is not a window; write FROM..TO, such as 10:06..10:36 or 2026-11-16T10:06:00Z..2026-11-16T10:36:00Z", s)
	}
	ca, errA := clock(a)
	cb, errB := clock(b)
	if errA == nil && errB == nil {
		if ca == cb {
			return Span{}, fmt.Errorf("%q is empty: it begins when it ends", s)
		}
		return Span{daily: true, fromClock: ca, toClock: cb, loc: loc}, nil
	}
	from, err := Instant(a, now, loc)
	if err != nil {
		return Span{}, err
	}
	to, err := Instant(b, now, loc)
	if err != nil {
		return Span{}, err
	}
	if !from.Before(to) {
		return Span{}, fmt.Errorf("%q ends before it begins", s)
	}
	return Span{from: from, to: to}, nil
}

func clock(s string) (time.Duration, error) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second, nil
		}
	}
	return 0, fmt.Errorf("%q is not a time of day such as 10:06", s)
}

// In returns the windows of s that touch [from, to], with an end that lies before its begin taken as past midnight.
func (s Span) In(from, to time.Time) [][2]time.Time {
	if !s.daily {
		return [][2]time.Time{{s.from, s.to}}
	}
	var out [][2]time.Time
	// At most a year of days: a log with one stray timestamp must not make thousands of windows.
	day := from.In(s.loc).AddDate(0, 0, -1)
	for range 368 {
		y, m, d := day.Date()
		at := func(c time.Duration) time.Time {
			return time.Date(y, m, d, 0, 0, int(c/time.Second), 0, s.loc)
		}
		begin, end := at(s.fromClock), at(s.toClock)
		if s.toClock < s.fromClock {
			end = time.Date(y, m, d+1, 0, 0, int(s.toClock/time.Second), 0, s.loc)
		}
		if begin.After(to) {
			break
		}
		if !end.Before(from) {
			out = append(out, [2]time.Time{begin.UTC(), end.UTC()})
		}
		day = day.AddDate(0, 0, 1)
	}
	return out
}

// Bytes reads a memory size. Memory comes in powers of two whatever the letter says ("512MB" of a platform is 512 MiB),
// so K, KB and Ki are 1024.
func Bytes(s string) (int64, error) {
	text := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), " ", ""))
	i := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	unit := ""
	if i >= 0 {
		text, unit = text[:i], text[i:]
	}
	shift, ok := map[string]int{
		"": 0, "b": 0, "k": 10, "kb": 10, "ki": 10, "kib": 10, "m": 20, "mb": 20, "mi": 20, "mib": 20,
		"g": 30, "gb": 30, "gi": 30, "gib": 30, "t": 40, "tb": 40, "ti": 40, "tib": 40,
	}[unit]
	n, err := strconv.ParseFloat(text, 64)
	n *= float64(int64(1) << shift)
	if !ok || err != nil || !(n >= 1 && n < math.MaxInt64) {
		return 0, fmt.Errorf("%q is not a size such as 512MB or 1.5GiB", s)
	}
	return int64(n), nil
}
