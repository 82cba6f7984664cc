package redact

import (
	"net/netip"
	"regexp"
	"strings"
)

var (
	email      = regexp.MustCompile(`[\p{L}\p{N}._%+'=~-]*[\p{L}\p{N}_](?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}`)
	mac        = regexp.MustCompile(`(?i)\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b`)
	ipv4       = regexp.MustCompile(`\b(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}\b`)
	ipv6       = regexp.MustCompile(`(?i)[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*(?:%[0-9a-z]+)?`)
	homeFolder = regexp.MustCompile(`(?:/home|/Users|[A-Za-z]:\\Users)[/\\][^/\\\s]+[/\\]`)
)

// emails masks e-mail addresses.
func (m masker) emails(s string) string {
	if !strings.Contains(s, "@") && !strings.Contains(s, "%40") {
		return s
	}
	return email.ReplaceAllStringFunc(s, func(v string) string {
		return m.name("email", strings.ToLower(strings.ReplaceAll(v, "%40", "@")))
	})
}

// addresses masks IP and MAC addresses.
func (m masker) addresses(s string) string {
	l := lookAt(s)
	if l.mayHoldMAC() {
		s = mac.ReplaceAllString(s, m.name("mac", ""))
	}
	if strings.Count(s, ":") >= 2 {
		s = replaceIPv6(s, m)
	}
	if !l.mayHoldIPv4() {
		return s
	}
	var b strings.Builder
	last := 0
	for _, loc := range ipv4.FindAllStringIndex(s, -1) {
		// Five numbers with dots are a version, not an address.
		if loc[0] >= 2 && s[loc[0]-1] == '.' && digit(s[loc[0]-2]) || loc[1]+1 < len(s) && s[loc[1]] == '.' && digit(s[loc[1]+1]) {
			continue
		}
		b.WriteString(s[last:loc[0]])
		b.WriteString(m.name("ip", s[loc[0]:loc[1]]))
		last = loc[1]
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

// replaceIPv6 masks what is an address of IPv6, of all that is digits and colons.
func replaceIPv6(s string, m masker) string {
	var b strings.Builder
	last := 0
	for _, loc := range ipv6.FindAllStringIndex(s, -1) {
		from, to := loc[0], loc[1]
		if from > 0 && wordByte(s[from-1]) || to < len(s) && wordByte(s[to]) {
			continue
		}
		v := s[from:to]
		// The colon after an address, and the dot at the end of a sentence, are not part of it.
		for len(v) > 0 && (strings.HasSuffix(v, ".") || strings.HasSuffix(v, ":") && !strings.HasSuffix(v, "::")) {
			v = v[:len(v)-1]
		}
		lead := len(v)
		if !strings.HasPrefix(v, "::") {
			v = strings.TrimLeft(v, ":.")
		}
		lead -= len(v)
		a, err := netip.ParseAddr(v)
		if err != nil || !a.Is6() || !strings.ContainsAny(v, "0123456789") {
			continue
		}
		b.WriteString(s[last : from+lead])
		b.WriteString(m.name("ip", a.String()))
		last = from + lead + len(v)
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}
