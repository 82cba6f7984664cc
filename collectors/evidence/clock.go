package evidence

import (
	"time"

	"lastcall/collectors/record"
)

// clock reads the times of lines that are mostly written in the same minute as the line before: it remembers what the text of that
// minute and of its zone mean, and reads the rest.
type clock struct {
	zone *time.Location // of times that name none; nil is UTC

	minute [17]byte // "2026-11-16 13:30:"
	suffix []byte   // what follows the fraction: "Z", "+00:00", " +0000 UTC"
	base   record.Time

	accessMinute [18]byte // "20/Nov/2026:08:00:", and what belongs to it
	accessSuffix []byte
	accessBase   record.Time
}

// read takes a time such as "2026-11-16 13:30:50.937512207 +0000 UTC" or RFC 3339 from the beginning of b and says how long it is.
// zoned is false when the text named no zone and that of the clock was taken.
func (c *clock) read(b []byte) (t record.Time, n int, zoned, ok bool) {
	if c.base != 0 && len(b) >= 19 && string(b[:17]) == string(c.minute[:]) {
		s1, s2 := b[17]-'0', b[18]-'0'
		if s1 <= 5 && s2 <= 9 {
			nanos, n := fraction(b, 19)
			if end := n + len(c.suffix); end <= len(b) && string(b[n:end]) == string(c.suffix) &&
				(end == len(b) || !continuesZone(b[end]) && !(b[end] == ' ' && c.suffix[0] == ' ' && isDigit(b[end-1]))) {
				return c.base + record.Time(int64(s1*10+s2)*1e9+nanos), end, true, true
			}
		}
	}
	return c.readSlow(b)
}

func (c *clock) readSlow(b []byte) (record.Time, int, bool, bool) {
	s, ok := readStamp(b)
	if !ok {
		return 0, 0, false, false
	}
	if !s.zoned {
		return c.local(s.time), s.n, false, true
	}
	nanos, n := fraction(b, 19)
	if b[17] <= '5' && s.n > n && s.n-n <= 16 {
		copy(c.minute[:], b[:17])
		c.suffix = append(c.suffix[:0], b[n:s.n]...)
		c.base = s.time - record.Time(int64((b[17]-'0')*10+b[18]-'0')*1e9+nanos)
	}
	return s.time, s.n, true, true
}

// continuesZone reports whether c could belong to a longer zone than the remembered one.
func continuesZone(c byte) bool {
	return c == '+' || c == '-' || c == ':' || isDigit(c) || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// fraction reads ".937512207" at b[n:] as nanoseconds and returns where it ends; further digits are cut.
func fraction(b []byte, n int) (int64, int) {
	if n+1 >= len(b) || (b[n] != '.' && b[n] != ',') || !isDigit(b[n+1]) {
		return 0, n
	}
	n++
	var v int64
	start := n
	for n < len(b) && n < start+9 {
		d := b[n] - '0'
		if d > 9 {
			break
		}
		v = v*10 + int64(d)
		n++
	}
	v *= powersOf10[9-(n-start)]
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	return v, n
}

var powersOf10 = [...]int64{
	1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// local takes a time that was read as UTC to the zone of the clock.
func (c *clock) local(t record.Time) record.Time {
	if c.zone == nil || c.zone == time.UTC || t == 0 {
		return t
	}
	u := t.Std()
	return record.TimeOf(time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), c.zone))
}

const noTimezoneText = "the time names no zone; it was taken as UTC unless told otherwise"

// readAccess takes a time as access logs write it, "20/Nov/2026:08:00:00 +0000" or with a fraction "14/Jan/2015:12:48:57.127", from the
// beginning of b and says how long it is. Without a zone that of the clock is taken.
func (c *clock) readAccess(b []byte) (t record.Time, n int, ok bool) {
	if len(b) < 20 {
		return 0, 0, false
	}
	if c.accessBase != 0 && string(b[:18]) == string(c.accessMinute[:]) {
		s1, s2 := b[18]-'0', b[19]-'0'
		if s1 <= 5 && s2 <= 9 {
			nanos, n := fraction(b, 20)
			if end := n + len(c.accessSuffix); end <= len(b) && string(b[n:end]) == string(c.accessSuffix) && (end == len(b) || !continuesZone(b[end])) {
				return c.accessBase + record.Time(int64(s1*10+s2)*1e9+nanos), end, true
			}
		}
	}
	day, ok1 := digits(b[0:2])
	month, ok2 := monthOf(b[3:6])
	year, ok3 := digits(b[7:11])
	hour, ok4 := digits(b[12:14])
	minute, ok5 := digits(b[15:17])
	second, ok6 := digits(b[18:20])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || b[2] != '/' || b[6] != '/' || b[11] != ':' || b[14] != ':' || b[17] != ':' {
		return 0, 0, false
	}
	nanos, n := fraction(b, 20)
	offset, used, zoned, ok := readZone(b[n:])
	if !ok {
		return 0, 0, false
	}
	if !zoned {
		t, ok := instant(year, month, day, hour, minute, second, int(nanos), 0)
		return c.local(t), n, ok
	}
	t, ok = instant(year, month, day, hour, minute, second, int(nanos), offset)
	if ok && second < 60 && used <= 16 {
		copy(c.accessMinute[:], b[:18])
		c.accessSuffix = append(c.accessSuffix[:0], b[n:n+used]...)
		c.accessBase = t - record.Time(int64(second)*1e9+nanos)
	}
	return t, n + used, ok
}
