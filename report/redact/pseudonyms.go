package redact

import (
	"strconv"
	"strings"
)

// replaceSensitive replaces the known values by their pseudonyms wherever they stand as a whole word. A value that is a plain
// number or very short is replaced only where the words around it say that it is an id: "42" is also a count. always lifts
// that (paths).
func (c *reportRedactor) replaceSensitive(s string, always bool) string {
	for _, v := range c.sensitive {
		for _, form := range forms(v.Value) {
			if !strings.Contains(s, form) {
				continue
			}
			text := s
			s = replaceWhole(s, form, func(from, to int) (string, bool) {
				if from > 0 && text[from-1] == '/' && (always || len(form) >= 4 || namesSomebody(text, from, to)) {
					return "{id}", true
				}
				if !always && !namesSomebody(text, from, to) {
					return "", false
				}
				if v.Kind == "path" {
					return c.pseudonymAs("path", v.Value) + " (" + c.path(masker{name: c.pseudonym}, v.Value) + ")", true
				}
				return c.pseudonymAs(v.Kind, v.Value), true
			})
		}
	}
	return s
}

// forms are the ways in which a value is written: as it is, and percent-encoded.
func forms(v string) []string {
	if e := percentEncode(v); e != v {
		return []string{v, e}
	}
	return []string{v}
}

// kindName is by what pseudonyms of a kind are named.
func kindName(kind string) string {
	switch kind {
	case "user", "request", "client", "path":
		return kind
	}
	return "value"
}

// pseudonym names a value found by its form: "email-1".
func (c *reportRedactor) pseudonym(kind, value string) string {
	for i := range c.sensitive {
		if c.sensitive[i].Value == value {
			return c.pseudonymAs(c.sensitive[i].Kind, value)
		}
	}
	switch kind {
	case "email", "ip", "id", "user":
		return c.pseudonymAs(kind, value)
	}
	return brackets(kind, value) // secrets are not to be told apart
}

// pseudonymAs returns the pseudonym of value, giving it the next number of its kind when it is new. A value has one pseudonym
// whatever it is found as.
func (c *reportRedactor) pseudonymAs(kind, value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	if n, ok := c.seen[value]; ok {
		return n
	}
	c.names[kind]++
	n := kind + "-" + strconv.Itoa(c.names[kind])
	c.seen[value] = n
	return n
}
