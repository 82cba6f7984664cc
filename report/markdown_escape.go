package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mdCell escapes the pipes of a cell; an empty cell holds a dash, because some editors drop empty ones.
func mdCell(s string) string {
	if s == "" {
		return "-"
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] == '|' && !backslashed(s, i) {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// backslashed reports whether the byte at i stands after an odd number of backslashes.
func backslashed(s string, i int) bool {
	n := 0
	for i > n && s[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// mdCode writes s as a code span, in which nothing acts.
func mdCode(s string) string {
	s = strings.TrimSpace(clean(s))
	if s == "" {
		return ""
	}
	// A fence longer than any run of backticks inside.
	run, longest := 0, 0
	for i := range len(s) {
		if s[i] == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	if s[0] == '`' || s[len(s)-1] == '`' {
		s = " " + s + " "
	}
	// A backslash before a pipe would escape the escape of the pipe in a table.
	return fence + strings.ReplaceAll(s, `\|`, `\ |`) + fence
}

// mdText writes prose so that nothing in it acts: no emphasis, link, image, HTML, entity, heading, list, mention or formula.
// Words that renderers turn into links or mentions by themselves (URLs, addresses, @names, #123) become code spans, for no
// escape stops those.
func mdText(s string) string {
	words := strings.Fields(clean(s))
	for i, w := range words {
		switch {
		case linkish(w):
			words[i] = mdCode(w)
		default:
			words[i] = mdEscape(w)
		}
	}
	t := strings.Join(words, " ")
	if t == "" {
		return ""
	}
	// What would begin a block at the start of a list item.
	if strings.IndexByte("#>-+=:", t[0]) >= 0 {
		return `\` + t
	}
	digits := 0
	for digits < len(t) && t[digits] >= '0' && t[digits] <= '9' {
		digits++
	}
	if digits > 0 && digits < len(t) && (t[digits] == '.' || t[digits] == ')') && (digits+1 == len(t) || t[digits+1] == ' ') {
		return t[:digits] + `\` + t[digits:]
	}
	return t
}

// linkish reports whether a renderer would link the word, or notify somebody.
func linkish(w string) bool {
	l := strings.ToLower(w)
	if strings.Contains(l, "://") || strings.Contains(l, "www.") || strings.Contains(l, "mailto:") || strings.Contains(l, "xmpp:") || strings.Contains(w, "@") {
		return true
	}
	for _, mark := range []byte("#!") { // issues and merge requests
		if i := strings.IndexByte(w, mark); i >= 0 && i+1 < len(w) && w[i+1] >= '0' && w[i+1] <= '9' {
			return true
		}
	}
	return false
}

// mdEscape escapes what acts inside a line.
func mdEscape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '`', '*', '[', ']', '<', '~', '$':
			b.WriteByte('\\')
		case '_':
			// Between letters it is a part of a name and never emphasis.
			before, _ := utf8.DecodeLastRuneInString(s[:i])
			after, _ := utf8.DecodeRuneInString(s[i+1:])
			if !letterOrDigit(before) || !letterOrDigit(after) {
				b.WriteByte('\\')
			}
		case '&':
			if j := strings.IndexByte(s[i:], ';'); j > 1 {
				b.WriteByte('\\')
			}
		case '\\':
			if i+1 < len(s) && s[i+1] < utf8.RuneSelf && !letterOrDigit(rune(s[i+1])) || i+1 == len(s) {
				b.WriteByte('\\')
			}
		case '|':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func letterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
