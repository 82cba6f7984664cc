// Package endpoint turns the paths and routes of requests into endpoints: a method and a route template such as
// "GET /api/users/{id}".
//
// It works in two steps. [AppendTemplate] looks at one path alone and replaces the segments that are identifiers by their form
// (numbers, UUIDs, hashes, slugs with an id). [Table] then looks at all templates together and collapses segments that take too
// many values to be names; the number of endpoints is bounded, and what does not fit becomes [Overflow], which is never accused.
package endpoint

// AppendTemplate appends the template of a raw path to dst. The query string and fragment are dropped, scheme and host are
// dropped from absolute URLs, empty segments and a trailing slash are dropped, and identifier-like segments become "{id}".
func AppendTemplate(dst, path []byte) []byte {
	path = trimURL(path)
	n := len(dst)
	for len(path) > 0 {
		if path[0] == '/' {
			path = path[1:]
			continue
		}
		end := 0
		for end < len(path) && path[end] != '/' {
			end++
		}
		seg := path[:end]
		path = path[end:]
		dst = append(dst, '/')
		switch {
		case len(dst)-n > maxTemplate:
			return append(dst, "{more}"...)
		case isID(seg):
			dst = append(dst, "{id}"...)
		default:
			dst = append(dst, seg...)
		}
	}
	if len(dst) == n {
		dst = append(dst, '/')
	}
	return dst
}

// maxTemplate bounds one template; longer paths are cut, as no route of a real application is that long.
const maxTemplate = 512

// AppendRoute appends a route template as the application's router wrote it, with its parameters (":id", "{id}", "<id>",
// "[id]", "*") made "{id}".
func AppendRoute(dst, route []byte) []byte {
	route = trimURL(route)
	n := len(dst)
	for len(route) > 0 {
		if route[0] == '/' {
			route = route[1:]
			continue
		}
		end := 0
		for end < len(route) && route[end] != '/' {
			end++
		}
		seg := route[:end]
		route = route[end:]
		dst = append(dst, '/')
		if isParam(seg) {
			dst = append(dst, "{id}"...)
		} else {
			dst = append(dst, seg...)
		}
		if len(dst)-n > maxTemplate {
			break
		}
	}
	if len(dst) == n {
		dst = append(dst, '/')
	}
	return dst
}

func isParam(seg []byte) bool {
	switch seg[0] {
	case ':', '{', '<', '[', '*', '(':
		return true
	}
	return false
}

// trimURL drops scheme, host, query and fragment.
func trimURL(p []byte) []byte {
	for i, c := range p {
		if c == '?' || c == '#' {
			p = p[:i]
			break
		}
	}
	if len(p) > 7 && p[0] == 'h' && (string(p[:7]) == "http://" || len(p) > 8 && string(p[:8]) == "https://") {
		for i := 8; i < len(p); i++ {
			if p[i] == '/' {
				return p[i:]
			}
		}
		return p[:0]
	}
	return p
}

// The kinds of bytes in a segment; special ones stand in identifiers only.
const (
	letter byte = 1 << iota
	digit
	capital
	punctuation
	special
)

var kindOf = func() (k [256]byte) {
	for c := range k {
		switch {
		case c >= 'a' && c <= 'z':
			k[c] = letter
		case c >= '0' && c <= '9':
			k[c] = digit
		case c >= 'A' && c <= 'Z':
			k[c] = capital
		case c >= 0x80 || c == '@' || c == '=' || c == '%' || c == '~' || c == ';' || c == ',' || c == '+' || c == '!':
			k[c] = special
		default:
			k[c] = punctuation
		}
	}
	return k
}()

// isID reports whether one path segment looks like an identifier rather than a name. The rules, cheapest first:
//
//   - digits only (also with a sign, dot or comma), or digits with a file extension
//   - 8 or more hexadecimal digits with a digit among them; a UUID
//   - an e-mail address, or anything with "@", "=", "%" or "~" in it
//   - 4 or more digits in a row anywhere ("progression-7002501", "order_20260101")
//   - 16 or more letters and digits mixed, or 10 or more of random mixed case ("recMFPHvyDNVAabcd")
//   - a code: 6 or more of capitals and digits with at least one digit ("P-AB12CD"), or capitals mixed with digits
//
// Versions ("v2"), file names and words stay.
func isID(seg []byte) bool {
	n := len(seg)
	if n == uuidLen && seg[8] == '-' && isUUID(seg) {
		return true
	}
	// Most segments are words or numbers: one look at each byte decides.
	kinds := byte(0)
	for _, c := range seg {
		kinds |= kindOf[c]
	}
	switch {
	case kinds&special != 0:
		return true
	case kinds&(digit|capital) == 0:
		return false
	case kinds == digit:
		return true
	}
	var digits, lower, upper, other, run, maxRun, hex, flips, capitals, vowels int
	prevCase := byte(0)
	for _, c := range seg {
		switch {
		case c >= '0' && c <= '9':
			digits++
			run++
			hex++
			if run > maxRun {
				maxRun = run
			}
			continue
		case c >= 'a' && c <= 'z':
			lower++
			if c <= 'f' {
				hex++
			}
			if prevCase == 'U' {
				flips++
			}
			if c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y' {
				vowels++
			}
			prevCase = 'l'
		case c >= 'A' && c <= 'Z':
			upper++
			if c <= 'F' {
				hex++
			}
			if prevCase == 'l' {
				flips++
			}
			if prevCase == 'U' {
				capitals++ // inside a run of capitals
			}
			prevCase = 'U'
		default:
			other++
		}
		run = 0
	}
	switch {
	case digits > 0 && lower+upper == 0:
		return true // 12.5, 2026-01-01, -3
	case hex == n && n >= 8 && digits > 0:
		return true
	case n == 36 && other == 4 && hex == 32:
		return true // UUID
	case maxRun >= 4:
		return true
	case digits > 0 && n >= 16 && (lower > 0 || upper > 0) && digits*8 >= n:
		return true // 16 or more mixed with digits (one in eight at least: "http2-push-promises" stays)
	case n >= 10 && flips >= 4 && other == 0 && (capitals >= 3 || vowels*5 < n):
		return true // random mixed case: unlike camelCase it has runs of capitals, or hardly a vowel
	case n >= 14 && flips >= 6 && other == 0 && lower*10 < 11*(flips+2):
		return true // short humps: words in camel case are longer
	case n >= 14 && flips >= 2 && other == 0 && capitals >= 3 && vowels*4 < n:
		return true
	case digits > 0 && lower == 0 && n >= 6:
		return true // a code in capitals
	case digits >= 2 && flips >= 2 && n >= 8:
		return true // short mixed tokens: "a8Xk2Pq9"
	case digits >= 3 && n >= 10 && lower > 0 && digits*4 >= n && other == 0:
		return true // base36 tokens
	}
	return false
}
