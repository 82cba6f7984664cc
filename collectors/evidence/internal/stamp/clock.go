package stamp

import (
	"encoding/binary"
	"time"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/swar"
	"lastcall/collectors/record"
)

// Clock reads the times of lines that are mostly written in the same minute as the line before: it remembers what the text of that
// minute and of its zone mean, and reads the rest. The zero value is ready; a Clock is for one goroutine.
type Clock struct {
	Zone *time.Location // of times that name none; nil is UTC

	minute [2]uint64  // "2026-11-16 13:30", and a colon after it
	suffix zoneSuffix // what follows the fraction: "Z", "+00:00", " +0000 UTC"
	base   record.Time

	accessMinute [2]uint64 // "20/Nov/2026:08:0", and what belongs to it
	accessDigit  byte      // the minute's last digit
	accessSuffix zoneSuffix
	accessBase   record.Time
}

// zoneSuffix is the text of a zone, up to 16 bytes, to be compared at once.
type zoneSuffix struct {
	first, second         uint64
	firstMask, secondMask uint64
	size                  int
	blank, named          bool // it begins with a blank; it ends with a name: " +0100 CET"
}

func newZoneSuffix(b []byte) zoneSuffix {
	z := zoneSuffix{size: len(b), blank: b[0] == ' ', named: !number.IsDigit(b[len(b)-1]) && b[0] == ' '}
	z.first, z.firstMask = swar.FirstEight(b)
	z.second, z.secondMask = swar.FirstEight(b[min(8, len(b)):])
	return z
}

// at reports whether b has the zone at p, and nothing after it that could belong to another.
func (z *zoneSuffix) at(b []byte, p int) bool {
	switch end := p + z.size; {
	case end > len(b):
		return false
	case end == len(b):
	case z.named && b[end] != ' ', z.blank && !z.named && b[end] == ' ': // a name ends at a blank; one may follow an offset
		return false
	case continuesZone(b[end]):
		return false
	}
	return (swar.Word8(b, p)^z.first)&z.firstMask == 0 && (z.secondMask == 0 || (swar.Word8(b, p+8)^z.second)&z.secondMask == 0)
}

// Read takes a time such as "2026-11-16 13:30:50.937512207 +0000 UTC" or RFC 3339 from the beginning of b and says how long it is.
// zoned is false when the text named no zone and that of the clock was taken.
func (c *Clock) Read(b []byte) (t record.Time, n int, zoned, ok bool) {
	if c.base != 0 && len(b) >= 19 && binary.LittleEndian.Uint64(b) == c.minute[0] && binary.LittleEndian.Uint64(b[8:]) == c.minute[1] && b[16] == ':' {
		if len(b) == 24 && c.suffix.first == 'Z' {
			if t, ok := secondsUTC(binary.LittleEndian.Uint64(b[16:])); ok {
				return c.base + t, 24, true, true
			}
		}
		s1, s2 := b[17]-'0', b[18]-'0'
		if s1 <= 5 && s2 <= 9 {
			nanos, n := Fraction(b, 19)
			if c.suffix.at(b, n) {
				return c.base + record.Time(int64(s1*10+s2)*1e9+nanos), n + c.suffix.size, true, true
			}
		}
	}
	return c.readSlow(b)
}

// secondsUTC reads the eight bytes ":05.937Z", with which most times in JSON end; ok is false for any others.
func secondsUTC(x uint64) (t record.Time, ok bool) {
	d := x ^ 0x5a_303030_2e_3030_3a // what is left are the digits: less than 16, also after adding 6, of which the first is below 6
	if (d|(d+0x00_060606_00_060a_00))&0xff_f0f0f0_ff_f0f0_ff != 0 {
		return 0, false
	}
	seconds := d>>8&15*10 + d>>16&15
	millis := d>>32&15*100 + d>>40&15*10 + d>>48&15
	return record.Time(seconds*1e9 + millis*1e6), true
}

func (c *Clock) readSlow(b []byte) (record.Time, int, bool, bool) {
	s, ok := Read(b)
	if !ok {
		return 0, 0, false, false
	}
	if !s.Zoned {
		return c.Local(s.Time), s.N, false, true
	}
	nanos, n := Fraction(b, 19)
	if b[17] <= '5' && s.N > n && s.N-n <= 16 {
		c.minute = [2]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
		c.suffix = newZoneSuffix(b[n:s.N])
		c.base = s.Time - record.Time(int64((b[17]-'0')*10+b[18]-'0')*1e9+nanos)
	}
	return s.Time, s.N, true, true
}

// continuesZone reports whether c could belong to a longer zone than the remembered one.
func continuesZone(c byte) bool {
	return c == '+' || c == '-' || c == ':' || number.IsDigit(c) || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// Fraction reads ".937512207" at b[n:] as nanoseconds and returns where it ends; further digits are cut.
func Fraction(b []byte, n int) (int64, int) {
	if n+1 >= len(b) || (b[n] != '.' && b[n] != ',') {
		return 0, n
	}
	v, k := swar.DigitRun(swar.Word8(b, n+1))
	if k == 0 {
		return 0, n
	}
	n += 1 + k
	nanos := int64(v) * number.PowerOf10(9-k)
	if k < 8 {
		return nanos, n
	}
	if n < len(b) && number.IsDigit(b[n]) {
		nanos += int64(b[n] - '0')
		for n++; n < len(b) && number.IsDigit(b[n]); {
			n++
		}
	}
	return nanos, n
}

// Local takes a time that was read as UTC to the zone of the clock.
func (c *Clock) Local(t record.Time) record.Time {
	if c.Zone == nil || c.Zone == time.UTC || t == 0 {
		return t
	}
	u := t.Std()
	return record.TimeOf(time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), c.Zone))
}

// ReadAccess takes a time as access logs write it, "20/Nov/2026:08:00:00 +0000" or with a fraction "14/Jan/2015:12:48:57.127", from the
// beginning of b and says how long it is. Without a zone that of the clock is taken.
func (c *Clock) ReadAccess(b []byte) (t record.Time, n int, ok bool) {
	if len(b) < 20 {
		return 0, 0, false
	}
	if c.accessBase != 0 && binary.LittleEndian.Uint64(b) == c.accessMinute[0] && binary.LittleEndian.Uint64(b[8:]) == c.accessMinute[1] &&
		b[16] == c.accessDigit && b[17] == ':' {
		s1, s2 := b[18]-'0', b[19]-'0'
		if s1 <= 5 && s2 <= 9 {
			nanos, n := Fraction(b, 20)
			if c.accessSuffix.at(b, n) {
				return c.accessBase + record.Time(int64(s1*10+s2)*1e9+nanos), n + c.accessSuffix.size, true
			}
		}
	}
	if b[2] != '/' || b[6] != '/' || b[11] != ':' || b[14] != ':' || b[17] != ':' {
		return 0, 0, false
	}
	day, ok1 := number.Digits(b[0:2])
	month, ok2 := Month(b[3:6])
	year, ok3 := number.Digits(b[7:11])
	hour, ok4 := number.Digits(b[12:14])
	minute, ok5 := number.Digits(b[15:17])
	second, ok6 := number.Digits(b[18:20])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return 0, 0, false
	}
	nanos, n := Fraction(b, 20)
	offset, used, zoned, ok := readZone(b[n:])
	if !ok {
		return 0, 0, false
	}
	if !zoned {
		t, ok := instant(year, month, day, hour, minute, second, int(nanos), 0)
		return c.Local(t), n, ok
	}
	t, ok = instant(year, month, day, hour, minute, second, int(nanos), offset)
	if ok && second < 60 && used <= 16 {
		c.accessMinute = [2]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
		c.accessDigit = b[16]
		c.accessSuffix = newZoneSuffix(b[n : n+used])
		c.accessBase = t - record.Time(int64(second)*1e9+nanos)
	}
	return t, n + used, ok
}
