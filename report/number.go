package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

// How every number in a report is worded. Sizes are binary with IEC names (KiB, MiB, GiB): container and heap limits are
// round in them (512 MiB), and so do `docker stats`, Kubernetes and Datadog count. A space stands before a unit, none before %.

// unbounded is from where on a bound is worded as none; JSON has no infinity, and the largest float stands for it.
const unbounded = 1e300

// bytesText words a size to three significant digits: "812 B", "37.5 MiB", "1.50 GiB", "-3.00 MiB".
func bytesText(v float64) string {
	if math.IsNaN(v) {
		return "?"
	}
	if math.Abs(v) >= unbounded {
		return "unbounded"
	}
	u, div := binaryUnit(v)
	return inUnit(v, u, div) + " " + binaryUnits[u]
}

// binaryUnits are the units of sizes, each 1024 of the one before.
var binaryUnits = [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}

// binaryUnit finds the unit in which v is read best: its index, and what to divide by.
func binaryUnit(v float64) (unit int, div float64) {
	div = 1
	// 1023.5 and not 1024: it would be rounded to "1024 KiB".
	for math.Abs(v)/div >= 1023.5 && unit < len(binaryUnits)-1 {
		div *= 1024
		unit++
	}
	return unit, div
}

// bytesOfText words a size and its limit in one unit: "190 of 400 MiB".
func bytesOfText(v, limit float64) string {
	if math.Abs(v) >= unbounded || math.Abs(limit) >= unbounded || v < limit/1024 {
		return bytesText(v) + " of " + bytesText(limit)
	}
	u, div := binaryUnit(max(v, limit))
	return inUnit(v, u, div) + " of " + inUnit(limit, u, div) + " " + binaryUnits[u]
}

// inUnit writes v/div with the digits that its unit deserves.
func inUnit(v float64, unit int, div float64) string {
	if unit == 0 {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	return digits3(v / div)
}

// bytesEstimate words a size with its interval in one unit: "74.0 MiB (90%: 61.0 to 92.0)".
func bytesEstimate(e finding.Estimate, suffix string) string {
	if math.Abs(e.Value) >= unbounded || math.Abs(e.Low) >= unbounded || math.Abs(e.High) >= unbounded {
		return estimateText(e, bytesText)
	}
	u, div := binaryUnit(max(math.Abs(e.Value), math.Abs(e.Low), math.Abs(e.High)))
	if math.Abs(e.Value) > 0 && math.Abs(e.Value) < div/20 && u > 0 {
		u, div = u-1, div/1024
	}
	s := inUnit(e.Value, u, div) + " " + binaryUnits[u] + suffix
	if e.Low == e.High {
		return s
	}
	return s + " (90%: " + inUnit(e.Low, u, div) + " to " + inUnit(e.High, u, div) + ")"
}

// short drops the "90%:" of an interval, for a column whose title says it.
func short(interval string) string { return strings.Replace(interval, "(90%: ", "(", 1) }

// growthText words a change of a size with its sign: "+37.5 MiB".
func growthText(v float64) string {
	if v > 0 {
		return "+" + bytesText(v)
	}
	return bytesText(v)
}

// digits3 writes v with three significant digits and no exponent.
func digits3(v float64) string {
	prec := 0
	switch a := math.Abs(v); {
	case a < 9.995:
		prec = 2
	case a < 99.95:
		prec = 1
	}
	s := strconv.FormatFloat(v, 'f', prec, 64)
	if prec == 0 {
		return grouped(s)
	}
	return s
}

// numberText writes a plain number (a ratio, a likelihood) to two or three digits: "0.012", "3.4", "56,000".
func numberText(v float64) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "?"
	case a >= unbounded:
		return "unbounded"
	case a == 0:
		return "0"
	case a < 0.001:
		return strconv.FormatFloat(v, 'g', 1, 64)
	case a < 1:
		return strconv.FormatFloat(v, 'g', 2, 64)
	case a < 100:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a < 1e9:
		// Two digits are as much as a likelihood ratio is worth.
		p := math.Pow(10, math.Floor(math.Log10(a))-1)
		if a < 10_000 {
			p = 1
		}
		return grouped(strconv.FormatFloat(math.Round(v/p)*p, 'f', 0, 64))
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// countText writes a count with thousands: "21,532".
func countText(n int64) string { return grouped(strconv.FormatInt(n, 10)) }

func grouped(s string) string {
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	var b strings.Builder
	if neg {
		b.WriteByte('-')
	}
	for i, c := range []byte(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// plural is "1 crash", "21 crashes".
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return countText(n) + " " + many
}

// percentText words a share in [0, 1]; what is not quite none or all is not said to be.
func percentText(share float64) string {
	p := share * 100
	switch {
	case math.IsNaN(p):
		return "?"
	case p == 0:
		return "0%"
	case p > 0 && p < 0.1:
		return "<0.1%"
	case p > 99.9 && p < 100:
		return ">99.9%"
	case math.Abs(p) < 10:
		return strings.TrimSuffix(strconv.FormatFloat(p, 'f', 1, 64), ".0") + "%"
	}
	s := strconv.FormatFloat(p, 'f', 0, 64)
	if p < 100 && s == "100" {
		s = "99"
	}
	return s + "%"
}

// durationText words seconds in at most two units: "450 ms", "14.7 s", "1 min 22 s", "2 h 05 min", "3 d 4 h".
func durationText(s float64) string {
	switch {
	case math.IsNaN(s):
		return "?"
	case math.Abs(s) >= unbounded:
		return "unbounded"
	case s < 0:
		return "-" + durationText(-s)
	case s == 0:
		return "0 s"
	case s < 0.9995:
		ms := s * 1000
		if ms < 9.95 {
			return strings.TrimSuffix(strconv.FormatFloat(ms, 'f', 1, 64), ".0") + " ms"
		}
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case s < 59.95:
		return strings.TrimSuffix(strconv.FormatFloat(s, 'f', 1, 64), ".0") + " s"
	}
	if s > 1e9*86400 {
		return "unbounded"
	}
	n := int64(math.Round(s))
	switch {
	case n < 3600:
		if n%60 == 0 {
			return strconv.FormatInt(n/60, 10) + " min"
		}
		return strconv.FormatInt(n/60, 10) + " min " + strconv.FormatInt(n%60, 10) + " s"
	case n < 86400-30:
		m := (n + 30) / 60
		if m%60 == 0 {
			return strconv.FormatInt(m/60, 10) + " h"
		}
		return strconv.FormatInt(m/60, 10) + " h " + two(m%60) + " min"
	}
	h := (n + 1800) / 3600
	if h%24 == 0 {
		return countText(h/24) + " d"
	}
	return countText(h/24) + " d " + strconv.FormatInt(h%24, 10) + " h"
}

func two(n int64) string {
	if n < 10 {
		return "0" + strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n, 10)
}

// durationEstimate words a duration with its interval in one unit: "3.1 h (90%: 2.4 to 4.2)".
func durationEstimate(e finding.Estimate) string {
	unit, div := "s", 1.0
	switch v := math.Abs(e.Value); {
	case v >= 2*86400:
		unit, div = "d", 86400
	case v >= 3600:
		unit, div = "h", 3600
	case v >= 60:
		unit, div = "min", 60
	}
	f := func(v float64) string {
		if math.Abs(v) >= unbounded {
			return "unbounded"
		}
		return numberText(math.Round(v/div*10) / 10)
	}
	if e.Low == e.High {
		return f(e.Value) + " " + unit
	}
	return f(e.Value) + " " + unit + " (90%: " + f(e.Low) + " to " + f(e.High) + ")"
}

// estimateText words a value with its interval, each through f: "12.0 MiB (90%: 10.1 MiB to 14.9 MiB)".
func estimateText(e finding.Estimate, f func(float64) string) string {
	if e.Low == e.High {
		return f(e.Value)
	}
	return f(e.Value) + " (90%: " + f(e.Low) + " to " + f(e.High) + ")"
}

// dateTime is "2026-11-16 13:47:57", in the zone of t.
func dateTime(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.Format("2006-01-02 15:04:05")
}

// dateTimeUTC is "2026-11-16 13:47:57 UTC".
func dateTimeUTC(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return dateTime(t.UTC()) + " UTC"
}

// zoneTime is "2026-11-16 14:47:57 CET", in the zone of a reader.
func zoneTime(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04:05 MST")
}

// clock is "13:47:57", in UTC.
func clock(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("15:04:05")
}

// day is "2026-11-16", in UTC.
func day(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02")
}

// windowText words a span: "2026-11-16 13:30:17 to 14:16:15 UTC (46 min)".
func windowText(w finding.Window) string {
	if w.From.IsZero() || w.To.IsZero() {
		return "no time covered"
	}
	to := dateTime(w.To.UTC())
	if day(w.From) == day(w.To) {
		to = clock(w.To)
	}
	return dateTime(w.From.UTC()) + " to " + to + " UTC (" + durationText(w.To.Sub(w.From).Seconds()) + ")"
}
