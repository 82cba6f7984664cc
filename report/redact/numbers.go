package redact

import (
	"regexp"
	"strings"
)

var (
	cardRun = regexp.MustCompile(`\b\d(?:[ -]?\d){11,}\b`)
	ibanRun = regexp.MustCompile(`\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,}\b`)
)

// numbers masks card numbers and IBANs that are valid ones.
func (m masker) numbers(s string) string {
	l := lookAt(s)
	if l.mayHoldCard() {
		s = maskGroups(s, cardRun, cardNumber, func(v string) string { return m.name("card", v) })
	}
	if l.mayHoldIBAN() {
		s = maskGroups(s, ibanRun, ibanNumber, func(v string) string { return m.name("iban", v) })
	}
	return s
}

// maskGroups looks in every match of run, which is made of groups with single spaces or dashes between, for consecutive groups
// that are valid together, the longest first: a number may stand beside another.
func maskGroups(s string, run *regexp.Regexp, valid func(string) bool, mask func(string) string) string {
	locs := run.FindAllStringIndex(s, -1)
	if locs == nil {
		return s
	}
	var b strings.Builder
	last := 0
	for _, loc := range locs {
		from := loc[0]
		for from < loc[1] {
			to := from
			for end := min(loc[1], from+48); end > from; {
				if valid(compact(s[from:end])) {
					to = end
					break
				}
				if end = from + strings.LastIndexAny(s[from:end], " -"); end < from {
					break
				}
			}
			if to > from {
				b.WriteString(s[last:from])
				b.WriteString(mask(compact(s[from:to])))
				last, from = to, to
			}
			next := strings.IndexAny(s[from:loc[1]], " -")
			if next < 0 {
				break
			}
			from += next + 1
		}
	}
	b.WriteString(s[last:])
	return b.String()
}

// compact is a number without what stands between its groups.
func compact(v string) string { return strings.NewReplacer(" ", "", "-", "").Replace(v) }

// cardNumber checks the length, the leading digits of the known networks, and Luhn's sum. Times in milliseconds or nanoseconds
// begin with a 1, which no card does.
func cardNumber(v string) bool {
	n := len(v)
	if n < 12 || n > 19 {
		return false
	}
	d := make([]byte, n)
	for i := range n {
		if !digit(v[i]) {
			return false
		}
		d[i] = v[i] - '0'
	}
	two := int(d[0])*10 + int(d[1])
	ok := false
	switch {
	case d[0] == 4:
		ok = n == 13 || n == 16 || n == 19
	case two == 34 || two == 37:
		ok = n == 15
	case two == 30 || two == 36 || two == 38 || two == 39:
		ok = n == 14 || n == 16
	case two == 35:
		ok = n == 16
	case two >= 51 && two <= 55, two >= 22 && two <= 27:
		ok = n == 16
	case two == 50, two >= 56 && two <= 69:
		ok = n >= 12 && n <= 19
	}
	if !ok {
		return false
	}
	sum := 0
	for i := range n {
		x := int(d[n-1-i])
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// ibanNumber checks ISO 13616's sum.
func ibanNumber(v string) bool {
	if len(v) < 15 || len(v) > 34 || v[0] < 'A' || v[1] < 'A' || !digit(v[2]) || !digit(v[3]) {
		return false
	}
	r := 0
	for _, c := range v[4:] + v[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = (r*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			r = (r*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return r == 1
}
