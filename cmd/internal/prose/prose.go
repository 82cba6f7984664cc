// Package prose makes text for terminals and pages out of words that may come from logs, and so from anybody.
package prose

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Plain makes s one harmless line: control characters (escape sequences begin with one), characters that turn the direction
// of text or cannot be seen, and broken UTF-8 become a visible mark; white space becomes a space.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
			return '\u00b7'
		}
		return r
	}, s)
}

// Lines is Plain for a text of several lines, such as an error with what to do next: newlines stay.
func Lines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Plain(l)
	}
	return strings.Join(lines, "\n")
}

// Markdown makes s plain text inside Markdown (CommonMark, GFM): nothing in it is markup, a link, a mention or HTML.
func Markdown(s string) string {
	var b strings.Builder
	var last rune
	for _, r := range Plain(s) {
		before := last
		last = r
		switch r {
		case '.': // "www." makes a link
			if before == 'w' || before == 'W' {
				b.WriteByte('\\')
			}
			b.WriteByte('.')
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '@', ':': // no mentions, and no bare URLs or emoji codes
			fmt.Fprintf(&b, "&#%d;", r)
		case '\\', '`', '*', '_', '{', '}', '[', ']', '(', ')', '#', '+', '-', '!', '|', '~', '$', '^', '=':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Wrap breaks text at spaces into lines of at most width columns, each begun with indent and ended with a newline. A word
// that is longer stands on a line of its own.
func Wrap(text, indent string, width int) string {
	var b strings.Builder
	for para := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line, used := indent, 0
		for word := range strings.FieldsSeq(para) {
			n := utf8.RuneCountInString(word)
			if used > 0 && utf8.RuneCountInString(line)+1+n > width {
				b.WriteString(line + "\n")
				line, used = indent, 0
			}
			if used > 0 {
				line += " "
			}
			line += word
			used++
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// Span says a duration in the one or two units that matter: "50 s", "12 min", "31 h", "4 days".
func Span(d time.Duration) string {
	switch {
	case d == math.MinInt64:
		return Span(d + 1) // it has no positive counterpart
	case d < 0:
		return "-" + Span(-d)
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// Count says how many: "1 crash", "3 crashes".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Minute writes an instant as people read it, in UTC.
func Minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }
