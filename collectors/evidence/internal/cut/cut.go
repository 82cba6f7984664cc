// Package cut takes text apart at what stands between its pieces: lines, words, brackets, the parts of a name. What it returns lies in
// the text that it was given, but for names in lower case.
package cut

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"lastcall/collectors/evidence/internal/number"
)

// FirstLines calls f with up to max whole lines of the head and returns how many it gave. A last line that may be cut is left
// out unless it is the only one.
func FirstLines(head []byte, max int, f func(line []byte)) int {
	n := 0
	for n < max && len(head) > 0 {
		i := bytes.IndexByte(head, '\n')
		if i < 0 {
			if n == 0 || len(head) < 4096 {
				f(bytes.TrimSuffix(head, []byte("\r")))
				n++
			}
			return n
		}
		f(bytes.TrimSuffix(head[:i], []byte("\r")))
		n++
		head = head[i+1:]
	}
	return n
}

// FirstLine is the text before the first line end, or all of it.
func FirstLine(head []byte) []byte {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return line
}

// Between returns what lies between the first occurrences of open and, after it, of end; nil where there is none of one of them.
func Between(b []byte, open, end string) []byte {
	i := bytes.Index(b, []byte(open))
	if i < 0 {
		return nil
	}
	b = b[i+len(open):]
	j := bytes.Index(b, []byte(end))
	if j < 0 {
		return nil
	}
	return b[:j]
}

// Bracketed takes "[tag] rest" apart; ok is false where the tag is empty or never ends.
func Bracketed(b []byte) (tag, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '[' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b, ']')
	if end < 2 {
		return nil, nil, false
	}
	return b[1:end], bytes.TrimPrefix(b[end+1:], []byte(" ")), true
}

// escape begins the sequences with which terminals are told of colours.
const escape = 0x1b

// IsColoured reports whether a colour is set within the first bytes of a line, where whoever prints it puts the names of containers.
func IsColoured(line []byte) bool {
	i := bytes.IndexByte(line[:min(len(line), 128)], escape)
	return i >= 0 && i+1 < len(line) && line[i+1] == '['
}

// AppendPlain appends text without its sequences that set a colour or clear a line ("\x1b[33m", "\x1b[0K"); other bytes stay.
func AppendPlain(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, escape)
		if i < 0 {
			return append(dst, text...)
		}
		end := i + 1
		if end < len(text) && text[end] == '[' {
			for end++; end < len(text) && (number.IsDigit(text[end]) || text[end] == ';' || text[end] == ':'); {
				end++
			}
			if end < len(text) && (text[end] == 'm' || text[end] == 'K') {
				dst, text = append(dst, text[:i]...), text[end+1:]
				continue
			}
		}
		dst, text = append(dst, text[:end]...), text[end:]
	}
}

// Word returns the text up to the first space, and what follows it.
func Word(b []byte) (first, rest []byte) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return b, nil
	}
	return b[:i], b[i+1:]
}

// Words cuts a name at everything but letters and digits, and where lower case changes to upper ("heapUsed"), into lower case.
// A percent sign is the word "percent".
func Words(name string) []string {
	var words []string
	start := -1
	flush := func(end int) {
		if start >= 0 {
			words = append(words, strings.ToLower(name[start:end]))
			start = -1
		}
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z' || number.IsDigit(c):
			// "RSSBytes" is RSS and Bytes.
			if start >= 0 && i-start >= 2 && !number.IsDigit(c) && IsUpper(name[i-1]) && IsUpper(name[i-2]) {
				flush(i - 1)
				start = i - 1
			}
			if start < 0 {
				start = i
			}
		case IsUpper(c):
			if start >= 0 && (name[i-1] >= 'a' && name[i-1] <= 'z' || number.IsDigit(name[i-1])) {
				flush(i)
			}
			if start < 0 {
				start = i
			}
		case c == '%':
			flush(i)
			words = append(words, "percent")
		default:
			flush(i)
		}
	}
	flush(len(name))
	return words
}

// HasPrefix reports whether b begins with s; of a constant s the compiler makes a comparison of words.
func HasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// HasSuffix reports whether b ends with s.
func HasSuffix(b []byte, s string) bool { return len(b) >= len(s) && string(b[len(b)-len(s):]) == s }

// ContainsFold reports whether b contains the lower-case ASCII word s, whatever the case of b.
func ContainsFold(b []byte, s string) bool {
	for i := 0; i+len(s) <= len(b); i++ {
		j := 0
		for j < len(s) && b[i+j]|0x20 == s[j] || j < len(s) && b[i+j] == s[j] {
			j++
		}
		if j == len(s) {
			return true
		}
	}
	return false
}

// IsUpper reports whether c is one of A to Z.
func IsUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// AllUpper reports whether b is made of capitals, at least one.
func AllUpper(b []byte) bool {
	for _, c := range b {
		if !IsUpper(c) {
			return false
		}
	}
	return len(b) > 0
}

// BaseName is the last element of a path, an archive's member or a URL's.
func BaseName(name string) string {
	if i := strings.LastIndexAny(name, `/\!`); i >= 0 {
		return name[i+1:]
	}
	return name
}

// Clip is b without blanks around it, cut to limit bytes; where it is longer it ends with an ellipsis, and never within a character.
func Clip(b []byte, limit int) string {
	b = bytes.TrimSpace(b)
	if len(b) <= limit {
		return string(b)
	}
	end := limit
	for end > limit-utf8.UTFMax && !utf8.RuneStart(b[end]) {
		end--
	}
	return string(b[:end]) + "…"
}
