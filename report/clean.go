package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxString bounds any one string of a report, in runes: evidence may quote a line of ten megabytes.
const maxString = 2000

// clean makes a string from the evidence fit to be shown on one line of a terminal or a page: control characters (escape
// sequences begin with one), characters that change the direction of text or are not seen, and broken UTF-8 are shown as
// what they are (\x1b, \u202e), so that they are seen and do nothing. Newlines and tabs become spaces. Too long strings are
// cut, and say so.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	runes := 0
	for i := 0; i < len(s); {
		if runes == maxString {
			fmt.Fprintf(&b, "… (%s more bytes)", countText(int64(len(s)-i)))
			break
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\r' && strings.HasPrefix(s[i+1:], "\n"):
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case hidden(r) && r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case hidden(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
		i += n
		runes++
	}
	return b.String()
}

func isClean(s string) bool {
	if len(s) > maxString {
		return false
	}
	for _, r := range s {
		if r == utf8.RuneError || hidden(r) {
			return false
		}
	}
	return true
}

// hidden reports whether r acts instead of being seen: C0 and C1 controls, format characters (bidirectional overrides and
// isolates, zero-width characters, tags, byte order marks), line and paragraph separators, private use, unassigned planes'
// non-characters.
func hidden(r rune) bool {
	switch {
	case r >= 0x20 && r < 0x7f:
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
		return true
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0: // fillers that draw nothing
		return true
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef: // variation selectors
		return true
	case r&0xfffe == 0xfffe:
		return true
	}
	return false
}
