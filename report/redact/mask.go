package redact

import (
	"strings"
)

// Text masks personal data and secrets in one string, by their form: "[email]", "[ip]", "[secret]". It is for log lines and
// messages; in a report [Report] does more.
func Text(s string) string { return masker{name: brackets}.text(s) }

// brackets is the name of a masked value where no pseudonyms are kept.
func brackets(kind, _ string) string { return "[" + kind + "]" }

// masker masks by form. name says what stands for a value of a kind (email, ip, id, user, secret, card, iban, mac).
type masker struct {
	name func(kind, value string) string
}

// class masks a string as those of its class are.
func (m masker) class(c class, s string) string {
	switch c {
	case classText, classEndpoint:
		return m.text(s)
	case classPath:
		return m.path(s)
	case classCode:
		return m.code(s)
	case classSource:
		return m.addresses(homeFolder.ReplaceAllString(m.code(s), "~/"))
	case className:
		return longID.ReplaceAllStringFunc(m.addresses(m.code(s)), shortID)
	case classVersion:
		return longID.ReplaceAllStringFunc(m.code(s), shortID)
	}
	return m.text(s)
}

// text applies everything.
func (m masker) text(s string) string {
	s = unhide(s)
	if strings.Contains(s, `\`) && !strings.ContainsRune(s, escapeEnd) {
		return unmark.Replace(m.plain(mark.Replace(s)))
	}
	return m.plain(s)
}

// plain is text without escapes. The order matters: what has a name around it (headers, keys) before what is told by its form alone, long
// forms before short ones.
func (m masker) plain(s string) string {
	s = m.secrets(s)
	s = m.emails(s)
	s = dropQueries(s)
	s = templatePaths(s)
	s = m.ids(s)
	s = m.addresses(s)
	return m.numbers(s)
}

// code masks what can be nothing but a secret or an address of a person, and leaves identifiers alone.
func (m masker) code(s string) string {
	return dropQueries(m.emails(m.secrets(s)))
}

// path templates a raw path.
func (m masker) path(s string) string {
	return m.text(templateSegments(pathOnly(s)))
}
