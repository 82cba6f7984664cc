package redact

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// replaceWhole replaces the occurrences of v in s that stand as a whole word. f is given where it stands and says what to put
// there, or false to leave it.
func replaceWhole(s, v string, f func(from, to int) (string, bool)) string {
	var b strings.Builder
	last := 0
	for i := 0; i <= len(s)-len(v); {
		j := strings.Index(s[i:], v)
		if j < 0 {
			break
		}
		from := i + j
		to := from + len(v)
		i = from + 1
		if !wholeWord(s, from, to) {
			continue
		}
		if with, ok := f(from, to); ok {
			b.WriteString(s[last:from])
			b.WriteString(with)
			last, i = to, to
		}
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

// wholeWord reports whether s[from:to] is bounded by other than letters and digits (where it begins or ends with one).
func wholeWord(s string, from, to int) bool {
	first, _ := utf8.DecodeRuneInString(s[from:to])
	end, _ := utf8.DecodeLastRuneInString(s[from:to])
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	return !(from > 0 && alnum(first) && alnum(before)) && !(to < len(s) && alnum(end) && alnum(after))
}

func alnum(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var (
	hintBefore        = regexp.MustCompile(`(?i)(?:user|usr|uid|account|customer|client|member|owner|request|req|id|name|login|sub|by|from|for|job|caller)s?["'\\]*\s*[=:#(]?\s*["'\\]*$`)
	prepositionBefore = regexp.MustCompile(`(?i)\b(?:by|from|for)\s$`)

	unitAfter = regexp.MustCompile(`(?i)^(?:[.,]\d|\s*(?:%|[kmgt]?i?b\b|bytes?\b|ms\b|s\b|sec|min|h\b|hours?|days?|requests?|req/s|times|crashes|containers|windows|records|lines|samples|of\b|×))`)
)

// namesSomebody reports whether the value at from..to, taken as a word, is meant as the id of somebody or something, and is
// not a number or a word that happens to be the same.
func namesSomebody(s string, from, to int) bool {
	v := s[from:to]
	if strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsDigit(r) }) {
		// A word. Very short ones are words of the language.
		return len(v) >= 4 || hintBefore.MatchString(s[:from])
	}
	quoted := from > 0 && to < len(s) && strings.IndexByte("\"'`", s[from-1]) >= 0 && s[to] == s[from-1]
	hinted := hintBefore.MatchString(s[:from])
	if quoted || hinted && !(prepositionBefore.MatchString(s[:from]) && unitAfter.MatchString(s[to:])) { // "for 2 hours" names nobody
		return true
	}
	if unitAfter.MatchString(s[to:]) || from > 0 && strings.IndexByte(".,+×", s[from-1]) >= 0 {
		return false
	}
	return len(v) >= 5
}

// replaceSubmatches is ReplaceAllStringFunc with the groups.
func replaceSubmatches(re *regexp.Regexp, s string, f func([]string) string) string {
	var b strings.Builder
	last := 0
	for _, loc := range re.FindAllStringSubmatchIndex(s, -1) {
		p := make([]string, len(loc)/2)
		for i := range p {
			if loc[2*i] >= 0 {
				p[i] = s[loc[2*i]:loc[2*i+1]]
			}
		}
		b.WriteString(s[last:loc[0]])
		b.WriteString(f(p))
		last = loc[1]
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func wordByte(c byte) bool {
	return c == '_' || digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
