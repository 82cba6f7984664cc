// Package request reads the parts of a request as servers and proxies log them: methods, URLs, ids, the clients and servers that had it.
package request

import (
	"bytes"

	"lastcall/collectors/evidence/internal/number"
)

// Path cuts scheme and host off a URL; a path stays as it is.
func Path(u []byte) []byte {
	i := bytes.Index(u, []byte("://"))
	if i < 0 || i > 8 {
		return u
	}
	rest := u[i+3:]
	if j := bytes.IndexByte(rest, '/'); j >= 0 {
		return rest[j:]
	}
	return []byte("/")
}

// OrNone cuts the dash that stands for nothing.
func OrNone(b []byte) []byte {
	if len(b) == 1 && b[0] == '-' {
		return nil
	}
	return b
}

// UpperMethod returns the method in upper case; most are already.
func UpperMethod(b []byte) []byte {
	for _, c := range b {
		if c >= 'a' && c <= 'z' {
			return bytes.ToUpper(b)
		}
	}
	return b
}

// FirstAddress cuts a list of addresses ("client, proxy1, proxy2") to the client's.
func FirstAddress(b []byte) []byte {
	if i := bytes.IndexByte(b, ','); i >= 0 {
		return bytes.TrimSpace(b[:i])
	}
	return b
}

// LastOfList is the last of the upstreams that nginx names ("10.0.0.1:80, 10.0.0.2:80", and behind a colon those of a redirect within), or of
// their times: it tries one after the other, and the status and the time of the line are those of the last. Where none was left to try it
// names their group, which has no port, and a dash for its time.
func LastOfList(list []byte) []byte {
	last := list
	for rest := list; len(rest) > 0; {
		i := bytes.LastIndexAny(rest, ", ")
		one := rest[i+1:]
		rest = rest[:max(i, 0)]
		switch {
		case bytes.IndexByte(one, ':') > 0:
			return one
		case len(one) == 0 || len(one) == 1 && (one[0] == '-' || one[0] == ':'):
		case len(last) == len(list):
			last = one
		}
	}
	return last
}

// IsID recognises a UUID or 16 to 64 hexadecimal digits that are no decimal number.
func IsID(b []byte) bool {
	if len(b) < 16 || len(b) > 64 {
		return false
	}
	letters := false
	for _, c := range b {
		switch {
		case number.IsDigit(c) || c == '-':
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			letters = true
		default:
			return false
		}
	}
	return letters
}

// IsMethod recognises what may stand where the method of a request does.
func IsMethod(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return len(b) > 0
}
