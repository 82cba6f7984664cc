package redact

import (
	"strings"
	"unicode/utf8"
)

// looks is what one look at a string tells of it. An expression reads the whole string, at some ten nanoseconds a byte, and most strings of
// a report hold nothing that it could match: it is asked only where this says that it may (see FuzzLooks).
type looks struct {
	run      int // the longest run of letters, digits and what tokens are made of beside them
	digits   int
	capitals int
	dots     int
	joints   int // colons and dashes
	names    bool
}

// lookAt looks at a string.
func lookAt(s string) (l looks) {
	run := 0
	for i := range len(s) {
		inRun := true
		switch c := s[i]; {
		case digit(c):
			l.digits++
		case c >= 'A' && c <= 'Z':
			l.capitals++
		case c >= 'a' && c <= 'z', c == '_', c == '/', c == '+':
		case c == '-':
			l.joints++
		case c == '.':
			l.dots++
		case c == ':':
			l.joints++
			l.names = l.names || namedBefore(s, i)
			inRun = false
		case c == '=':
			l.names = l.names || namedBefore(s, i)
		default:
			inRun = false
		}
		if inRun {
			run++
			l.run = max(l.run, run)
		} else {
			run = 0
		}
	}
	return l
}

// namedBefore reports whether the ':' or '=' at s[i] may stand behind a name, perhaps in quotes, that ends in a letter.
func namedBefore(s string, i int) bool {
	before := strings.TrimRight(s[:i], " \t\n\f\r")
	before = strings.TrimRight(before, `"'\`)
	if before == "" {
		return false
	}
	c := before[len(before)-1]
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf // case folding knows letters beyond ASCII
}

// The least that the expressions need.
func (l looks) mayHoldWellKnown() bool { return l.run >= len("xoxb-12345678") }
func (l looks) mayHoldID() bool        { return l.run >= 16 } // hexRun's
func (l looks) mayHoldMAC() bool       { return l.joints >= 5 }
func (l looks) mayHoldIPv4() bool      { return l.dots >= 3 && l.digits >= 4 }
func (l looks) mayHoldCard() bool      { return l.digits >= 12 }
func (l looks) mayHoldIBAN() bool      { return l.digits >= 2 && l.digits+l.capitals >= 15 }

// mayHoldScheme reports whether one of the words of scheme may be in the text.
func mayHoldScheme(s string) bool {
	for i := range len(s) {
		for _, word := range [...]string{"bearer", "basic", "digest", "token", "apikey"} {
			if mayBegin(s[i:], word) {
				return true
			}
		}
	}
	return false
}

// mayBegin reports whether s may begin with a word in small or capital letters. Case folding knows letters beyond ASCII.
func mayBegin(s, word string) bool {
	for i := range min(len(s), len(word)) {
		if s[i] >= utf8.RuneSelf {
			return i > 0
		}
		if s[i]|0x20 != word[i] {
			return false
		}
	}
	return len(s) >= len(word)
}
