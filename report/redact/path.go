package redact

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dropQueries cuts the query string, and a fragment that carries values, off everything that looks like a path or a URL.
func dropQueries(s string) string {
	if !strings.ContainsAny(s, "?#") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		j := strings.IndexAny(s[i:], "?#")
		if j < 0 {
			b.WriteString(s[i:])
			break
		}
		j += i
		b.WriteString(s[i:j])
		end := queryEnd(s, j)
		if end == j {
			b.WriteByte(s[j])
			end = j + 1
		}
		i = end
	}
	return b.String()
}

// queryEnd finds the end of the query or fragment that begins at i; it is i when what stands there is none: a question mark
// that ends a sentence, an optional parameter of a route ("/:id?/edit"), a colour.
func queryEnd(s string, i int) int {
	if i+1 >= len(s) || s[i+1] == '/' {
		return i
	}
	// What stands before: a word that reaches back to a slash is a path.
	start := i
	for start > 0 {
		r, n := utf8.DecodeLastRuneInString(s[:start])
		if unicode.IsSpace(r) || strings.ContainsRune("\"'`<>|", r) {
			break
		}
		start -= n
	}
	quote := byte(0)
	if start > 0 && strings.IndexByte("\"'`", s[start-1]) >= 0 {
		quote = s[start-1]
	}
	end := i + 1
	for end < len(s) {
		r, n := utf8.DecodeRuneInString(s[end:])
		if unicode.IsSpace(r) || r == '"' || r == '`' || r == '<' || r == '>' || quote != 0 && r == rune(quote) || unicode.IsControl(r) || r == '”' {
			break
		}
		end += n
	}
	// Punctuation of the sentence stays.
	for end > i+1 && strings.IndexByte(").,;:!'\\", s[end-1]) >= 0 {
		end--
	}
	q := s[i+1 : end]
	if q == "" {
		return i
	}
	inPath := strings.Contains(s[start:i], "/")
	if strings.Contains(q, "=") || inPath && s[i] == '?' {
		return end
	}
	return i
}

// pathRun finds paths in prose: a slash at the start of a word, or after a scheme and a host.
var pathRun = regexp.MustCompile("(^|[\\s\"'`(=,:\\[<{“]|[A-Za-z][A-Za-z0-9+.-]*://[^\\s/\"'<>]+)((?:/[^\\s/\"'`<>()?,;“”]*)+)")

// templatePaths puts {id} for the ids in the paths of a text.
func templatePaths(s string) string {
	if !strings.Contains(s, "/") {
		return s
	}
	return replaceSubmatches(pathRun, s, func(p []string) string { return p[1] + templateSegments(p[2]) })
}

// pathOnly is a raw path without its query and fragment.
func pathOnly(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return s[:i]
	}
	return s
}

// alignPath puts {id} for the segments of a path in whose place the template of its endpoint has a parameter.
func alignPath(path, template string) string {
	segs, of := strings.Split(path, "/"), strings.Split(template, "/")
	for i := range segs {
		if i >= len(of) {
			break
		}
		switch t := of[i]; {
		case strings.HasPrefix(t, "*"), strings.HasPrefix(t, "{") && strings.HasSuffix(t, "*}"):
			return strings.Join(append(segs[:i:i], "{id}"), "/") // the rest, whatever it is
		case strings.HasPrefix(t, ":"), strings.HasPrefix(t, "{"), strings.HasPrefix(t, "<"), strings.HasPrefix(t, "["):
			segs[i] = "{id}"
		}
	}
	return strings.Join(segs, "/")
}

// templateSegments puts {id} for the segments of a path that are ids.
func templateSegments(path string) string {
	if !strings.Contains(path, "/") {
		return path
	}
	seg := strings.Split(path, "/")
	for i, x := range seg {
		core := strings.TrimRight(x, ".:!]”") // of the sentence around it
		if isID(core) {
			seg[i] = "{id}" + x[len(core):]
		}
	}
	return strings.Join(seg, "/")
}

var (
	hexID    = regexp.MustCompile(`(?i)^[0-9a-f]{8,}$`)
	slugID   = regexp.MustCompile(`^\d{3,}[-_.]|[-_]\d{3,}$`)
	fileName = regexp.MustCompile(`\.[A-Za-z][A-Za-z0-9]{0,4}(?::\d+)*$`)
)

// isID reports whether a path segment names one thing rather than a kind of thing.
func isID(x string) bool {
	if x == "" || x[0] == ':' || x[0] == '{' {
		return false
	}
	digits, letters := 0, 0
	for i := range len(x) {
		switch {
		case digit(x[i]):
			digits++
		case wordByte(x[i]) && x[i] != '_':
			letters++
		}
	}
	switch {
	case digits > 0 && letters == 0:
		return true // 42, 2026-11-16, 1,2,3
	case strings.Contains(x, "@"), strings.Contains(x, "%40"), strings.Contains(x, "%"):
		return true // e-mails and other typed-in values
	case uuid.MatchString(x):
		return true
	case digits > 0 && hexID.MatchString(x):
		return true
	case fileName.MatchString(x):
		return false // report.csv, profile.go:57
	case digits > 0 && slugID.MatchString(x):
		return true
	case digits >= 2 && letters > 0 && len(x) >= 16:
		return true
	}
	return looksRandom(x, 16)
}

// percentEncode is how a value stands in a URL.
func percentEncode(v string) string { return url.QueryEscape(v) }
