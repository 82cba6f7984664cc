package redact

import (
	"regexp"
	"strings"
)

var (
	uuid   = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	ulid   = regexp.MustCompile(`\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b`)
	hexRun = regexp.MustCompile(`(?i)\b[0-9a-f]{16,}\b`)
	token  = regexp.MustCompile(`[A-Za-z0-9+/_=-]{24,}`)
	longID = regexp.MustCompile(`(?i)[0-9a-f]{13,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// shortID cuts the id of a container to what docker shows of it.
func shortID(s string) string {
	if s = strings.TrimRight(s[:12], "-"); s == "" {
		return "{id}"
	}
	return s
}

// ids masks UUIDs, long hexadecimal numbers and strings that look random.
func (m masker) ids(s string) string {
	if !lookAt(s).mayHoldID() {
		return s
	}
	s = uuid.ReplaceAllStringFunc(s, func(v string) string { return m.name("id", strings.ToLower(v)) })
	s = ulid.ReplaceAllStringFunc(s, func(v string) string {
		if !strings.ContainsAny(v, "0123456789") || !strings.ContainsAny(v, "ABCDEFGHJKMNPQRSTVWXYZ") {
			return v
		}
		return m.name("id", v)
	})
	s = hexRun.ReplaceAllStringFunc(s, func(v string) string {
		letters := strings.ContainsAny(v, "abcdefABCDEF")
		digits := strings.ContainsAny(v, "0123456789")
		switch {
		case len(v) >= 32 && (letters && digits || len(v) == 32 || len(v) == 40 || len(v) == 64):
			return m.name("secret", v) // API keys, digests, trace ids: not to be told apart
		case letters && digits:
			return m.name("id", strings.ToLower(v))
		}
		return v
	})
	return token.ReplaceAllStringFunc(s, func(v string) string {
		if looksRandom(v, 24) {
			return m.name("secret", v)
		}
		return v
	})
}

// looksRandom tells a random string from words joined together: in a random one the kind of character changes at every second
// character or so, in camelCase, paths and pod names it does not.
func looksRandom(v string, minLen int) bool {
	if len(v) < minLen {
		return false
	}
	kind := func(c byte) int {
		switch {
		case c >= '0' && c <= '9':
			return 1
		case c >= 'A' && c <= 'Z':
			return 2
		case c >= 'a' && c <= 'z':
			return 3
		}
		return 0
	}
	var count [4]int
	changes, run, longest := 0, 0, 0
	for i := range len(v) {
		k := kind(v[i])
		count[k]++
		if k == 0 {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
		if i == 0 || kind(v[i-1]) == 0 || kind(v[i-1]) == k {
			continue
		}
		// A single capital before small letters begins a word.
		if k == 3 && kind(v[i-1]) == 2 && (i == 1 || kind(v[i-2]) != 2) {
			continue
		}
		changes++
	}
	n := len(v) - count[0]
	if n == 0 {
		return false
	}
	share := float64(changes) / float64(n)
	if count[2] > 0 && count[3] > 0 {
		// Mixed case: base64 changes at every second character, camel case once a word. The secret keys of AWS have a length
		// of their own.
		return share >= 0.4 || count[1] >= 3 && share >= 0.3 || len(v) == 40 && count[1] > 0 && count[2] >= 8 && count[3] >= 8
	}
	// One case and digits: base32 and the like, in one run. A pod name has short runs ("7d9f8b6c5d-x2x4z").
	return count[1] >= 3 && share >= 0.3 && longest >= 20
}
