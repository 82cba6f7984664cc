// Package stamp reads the times with which logs and exports stamp what they tell: ISO 8601 and RFC 3339, Go's own form, those of syslog,
// dmesg and access logs, and numbers since 1970. A time without a zone is told as such, one without a year is given it by the caller, and
// none is taken from the clock of the machine.
package stamp

import (
	"bytes"
	"math"
	"time"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/record"
)

// Stamp is a time read at the beginning of some text.
type Stamp struct {
	Time record.Time
	// N is the number of bytes the time took, without a following space.
	N int
	// Zoned is false when the text has no zone and was taken as UTC.
	Zoned bool
}

// Read reads an ISO 8601 / RFC 3339 time, or one in the forms in which Go and Scalingo print times ("2026-11-16 13:47:57.85 +0000 UTC") and
// in which Go's log and nginx' errors begin ("2026/11/16 13:47:57.85"), from the beginning of b. It allocates nothing. Fractions beyond
// nanoseconds are cut. A date alone is not a time.
func Read(b []byte) (Stamp, bool) {
	if len(b) < 19 || b[13] != ':' || b[16] != ':' {
		return Stamp{}, false
	}
	dashed := b[4] == '-' && b[7] == '-' && (b[10] == 'T' || b[10] == ' ' || b[10] == 't')
	if !dashed && !(b[4] == '/' && b[7] == '/' && b[10] == ' ') {
		return Stamp{}, false
	}
	year, ok1 := number.Digits(b[0:4])
	month, ok2 := number.Digits(b[5:7])
	day, ok3 := number.Digits(b[8:10])
	hour, ok4 := number.Digits(b[11:13])
	minute, ok5 := number.Digits(b[14:16])
	second, ok6 := number.Digits(b[17:19])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return Stamp{}, false
	}
	n := 19
	nanos := 0
	if n+1 < len(b) && (b[n] == '.' || b[n] == ',') && number.IsDigit(b[n+1]) {
		scale := 100_000_000
		for n++; n < len(b) && number.IsDigit(b[n]); n++ {
			nanos += int(b[n]-'0') * scale
			scale /= 10
		}
	}
	offset, used, zoned, ok := readZone(b[n:])
	if !ok {
		return Stamp{}, false
	}
	t, ok := instant(year, month, day, hour, minute, second, nanos, offset)
	return Stamp{Time: t, N: n + used, Zoned: zoned}, ok
}

// readZone reads "Z", "+01:00", "+0100", "+01", " +0000 UTC", " UTC" or nothing, and returns the offset in seconds east of UTC.
func readZone(b []byte) (offset, used int, zoned, ok bool) {
	i := 0
	if isSpacedOffset(b) {
		i++
	}
	switch {
	case i < len(b) && (b[i] == 'Z' || b[i] == 'z'):
		return 0, i + 1, true, true
	case i+2 < len(b) && (b[i] == '+' || b[i] == '-') && number.IsDigit(b[i+1]) && number.IsDigit(b[i+2]):
		hours, _ := number.Digits(b[i+1 : i+3])
		minutes, end := 0, i+3
		rest := b[end:]
		if len(rest) > 0 && rest[0] == ':' {
			rest = rest[1:]
		}
		if len(rest) >= 2 && number.IsDigit(rest[0]) && number.IsDigit(rest[1]) {
			minutes, _ = number.Digits(rest[:2])
			end = len(b) - len(rest) + 2
		}
		if hours > 18 || minutes > 59 {
			return 0, 0, false, false
		}
		offset = hours*3600 + minutes*60
		if b[i] == '-' {
			offset = -offset
		}
		// Go prints the zone's name after its offset ("+0000 UTC", "+0100 CET").
		if tail := b[end:]; i == 1 && len(tail) > 3 && tail[0] == ' ' {
			name, _ := cut.Word(tail[1:])
			if string(name) == "UTC" || (len(name) >= 3 && len(name) <= 4 && name[len(name)-1] == 'T' && cut.AllUpper(name)) {
				end += 1 + len(name)
			}
		}
		return offset, end, true, true
	case bytes.HasPrefix(b, []byte(" UTC")):
		return 0, 4, true, true
	}
	return 0, 0, false, true
}

// isSpacedOffset reports whether b begins with an offset behind a blank. It must be whole, " +0000" or " +00:00": a shorter one may be a
// number of its own.
func isSpacedOffset(b []byte) bool {
	if len(b) < 6 || b[0] != ' ' || b[1] != '+' && b[1] != '-' || !number.IsDigit(b[2]) || !number.IsDigit(b[3]) || !number.IsDigit(b[5]) {
		return false
	}
	return number.IsDigit(b[4]) || b[4] == ':' && len(b) > 6 && number.IsDigit(b[6])
}

// monthNames are the English abbreviations that syslog, dmesg and access logs use, in any locale that keeps them.
const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

// Month reads an English abbreviation such as "Nov"; it returns 1 to 12.
func Month(b []byte) (int, bool) {
	for m := range 12 {
		if string(b) == monthNames[3*m:3*m+3] {
			return m + 1, true
		}
	}
	return 0, false
}

// ReadSyslog reads "Jan  5 15:19:27" (RFC 3164), which has neither year nor zone; year is what the caller makes of it.
func ReadSyslog(b []byte, year func(month, day int) int) (Stamp, bool) {
	if len(b) < 15 || b[3] != ' ' || b[6] != ' ' || b[9] != ':' || b[12] != ':' {
		return Stamp{}, false
	}
	month, ok := Month(b[0:3])
	if !ok {
		return Stamp{}, false
	}
	d := b[4:6]
	if d[0] == ' ' {
		d = d[1:]
	}
	day, ok1 := number.Digits(d)
	hour, ok2 := number.Digits(b[7:9])
	minute, ok3 := number.Digits(b[10:12])
	second, ok4 := number.Digits(b[13:15])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return Stamp{}, false
	}
	n, nanos := 15, 0
	if n+1 < len(b) && b[n] == '.' && number.IsDigit(b[n+1]) {
		scale := 100_000_000
		for n++; n < len(b) && number.IsDigit(b[n]); n++ {
			nanos += int(b[n]-'0') * scale
			scale /= 10
		}
	}
	y := year(month, day)
	if y == 0 {
		return Stamp{Time: 0, N: n}, true
	}
	t, ok := instant(y, month, day, hour, minute, second, nanos, 0)
	return Stamp{Time: t, N: n}, ok
}

// ReadCtime reads "Tue Aug 12 03:54:03 2025" (dmesg -T), the weekday in any language; it has no zone.
func ReadCtime(b []byte) (Stamp, bool) {
	space := bytes.IndexByte(b, ' ')
	if space < 1 || space > 6 || len(b) < space+21 || b[space+16] != ' ' {
		return Stamp{}, false
	}
	year, ok := number.Digits(b[space+17 : space+21])
	if !ok {
		return Stamp{}, false
	}
	s, ok := ReadSyslog(b[space+1:space+16], func(int, int) int { return year })
	s.N = space + 21
	return s, ok && s.Time != 0
}

// minYear is the first year that is believed: earlier ones are zero values ("0001-01-01", "1970-01-01") and lost clocks, and what a
// request took never reaches from there to before 1970, where times of records begin.
const minYear = 1972

func instant(year, month, day, hour, minute, second, nanos, offset int) (record.Time, bool) {
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60 || year < minYear || year > 2260 {
		return 0, false
	}
	days := daysBefore(year, month) + day - 1
	sec := int64(days)*86400 + int64(hour*3600+minute*60+second-offset)
	return record.Time(sec*1e9 + int64(nanos)), true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysBefore is the number of days from 1970-01-01 to the first of the month (Howard Hinnant's days_from_civil).
func daysBefore(year, month int) int {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	yoe := year - era*400
	doy := (153*(month-3) + 2) / 5
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

// Epoch takes a number of seconds, milliseconds, microseconds or nanoseconds since 1970 and tells them apart by size: each
// unit covers the years 1973 to 5138 without overlap. Fractions count down to a microsecond. ok is false for numbers that are no such time.
func Epoch(v float64) (record.Time, bool) {
	switch {
	case math.IsNaN(v) || v < 1e8:
		return 0, false
	case v < 1e11:
		return record.Time(int64(math.Round(v*1e6)) * 1e3), v < 9.2e9
	case v < 1e14:
		return record.Time(int64(math.Round(v*1e3)) * 1e3), v < 9.2e12
	case v < 1e17:
		return record.Time(int64(math.Round(v)) * 1e3), v < 9.2e15
	case v < 9.2e18:
		return record.Time(v), true
	}
	return 0, false
}

// Parse reads a time as a cell or JSON string holds it: ISO, or a number since the epoch.
func Parse(b []byte) (t record.Time, zoned, ok bool) {
	b = bytes.TrimSpace(b)
	if s, ok := Read(b); ok {
		return s.Time, s.Zoned, s.N == len(b)
	}
	if v, ok := number.Float(b); ok {
		t, ok := Epoch(v)
		return t, true, ok
	}
	return 0, false, false
}

// FirstIn returns the first time with a year, or in milliseconds since 1970, that stands anywhere in a text; 0 where there is none. What
// journalctl says of its journal ("-- Journal begins at …") may be of years before.
func FirstIn(text []byte) record.Time {
	var c Clock
	aside := false
	for i, b := range text {
		if i == 0 || text[i-1] == '\n' {
			aside = cut.HasPrefix(text[i:], "-- ")
		}
		if aside || !number.IsDigit(b) || i > 0 && number.IsDigit(text[i-1]) {
			continue
		}
		rest := text[i:]
		if s, ok := Read(rest); ok {
			return s.Time
		}
		if t, _, ok := c.ReadAccess(rest); ok {
			return t
		}
		const millis = len("1794836877859")
		if b == '1' && len(rest) >= millis && number.IsDigits(rest[:millis]) && (len(rest) == millis || !number.IsDigit(rest[millis])) {
			if v, ok := number.Digits64(rest[:millis]); ok {
				return record.Time(v * 1e6)
			}
		}
	}
	return 0
}

// nearBy is how far from a time that the evidence tells a date may lie to be taken for one of its year: what is saved of one incident is of
// weeks, while when a container was made, or a certificate ends, lies any time off.
const nearBy = 31 * 24 * time.Hour

// NearestYear gives a year to dates without one: that in which the date lies near to a time, 0 where it does in none.
func NearestYear(near record.Time) func(month, day int) int {
	at := near.Std().UTC()
	return func(month, day int) int {
		best, least := 0, nearBy
		for y := at.Year() - 1; y <= at.Year()+1; y++ {
			if d := time.Date(y, time.Month(month), day, 12, 0, 0, 0, time.UTC).Sub(at).Abs(); d < least {
				best, least = y, d
			}
		}
		return best
	}
}

// YearFinder gives a year to dates without one: that of the latest occurrence of the date that is not after `now` (plus a day, for
// zones). now comes from the evidence itself, never from the clock of the machine that reads it.
func YearFinder(now time.Time) func(month, day int) int {
	if now.IsZero() {
		return func(int, int) int { return 0 }
	}
	limit := now.UTC().Add(24 * time.Hour)
	return func(month, day int) int {
		y := limit.Year()
		if month > int(limit.Month()) || (month == int(limit.Month()) && day > limit.Day()) {
			y--
		}
		return y
	}
}

// ReadUS reads "11/24/2026, 4:06:03 PM", as JavaScript's Date.toLocaleString writes a time for the United States, which is what a container
// without a locale is. Newer versions of ICU put a narrow space before the last word. It has no zone.
func ReadUS(b []byte) (Stamp, bool) {
	var part [6]int // month, day, year, hour, minute, second
	n := 0
	for i, sep := range [...]string{"/", "/", ", ", ":", ":", ""} {
		from := n
		for n < len(b) && n-from < 4 && number.IsDigit(b[n]) {
			n++
		}
		v, ok := number.Digits(b[from:n])
		if !ok || n == from || !cut.HasPrefix(b[n:], sep) {
			return Stamp{}, false
		}
		part[i] = v
		n += len(sep)
	}
	switch {
	case cut.HasPrefix(b[n:], " "):
		n++
	case cut.HasPrefix(b[n:], "\u202f"):
		n += len("\u202f")
	default:
		return Stamp{}, false
	}
	hour := part[3] % 12
	switch {
	case part[3] < 1 || part[3] > 12:
		return Stamp{}, false
	case cut.HasPrefix(b[n:], "PM"):
		hour += 12
	case !cut.HasPrefix(b[n:], "AM"):
		return Stamp{}, false
	}
	t, ok := instant(part[2], part[0], part[1], hour, part[4], part[5], 0, 0)
	return Stamp{Time: t, N: n + len("AM")}, ok
}
