package redact

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----.*?(-----END [A-Z0-9 ]*-----|$)`)
	jwt        = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)*`)
	scheme     = regexp.MustCompile(`(?i)\b(bearer|basic|digest|token|apikey)([ \t]+|%20)([A-Za-z0-9._~+/=-]{8,})`)
	userinfo   = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@"'<>]*@`)
	// wellKnown are tokens with a prefix of their own: AWS, GitHub, GitLab, Slack, Stripe, Google, npm, PyPI, SendGrid,
	// DigitalOcean, Shopify, Vault, OpenAI and the like, Datadog's newer keys, age.
	wellKnown = regexp.MustCompile(`\b(?:` + strings.Join([]string{
		`(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[0-9A-Z]{16}`,
		`gh[a-z]_[A-Za-z0-9]{16,}`, `github_pat_[A-Za-z0-9_]{20,}`, `gl[a-z]{2,5}-[A-Za-z0-9_-]{16,}`,
		`xox[a-z]-[A-Za-z0-9-]{8,}`, `xapp-[A-Za-z0-9-]{8,}`, `hooks\.slack\.com/services/[A-Za-z0-9/_-]+`,
		`[spr]k_(?:live|test)_[A-Za-z0-9]{8,}`, `whsec_[A-Za-z0-9+/=]{16,}`, `sk-[A-Za-z0-9_-]{16,}`,
		`AIza[0-9A-Za-z_-]{30,}`, `ya29\.[0-9A-Za-z_-]{16,}`, `npm_[A-Za-z0-9]{20,}`, `pypi-[A-Za-z0-9_-]{16,}`,
		`SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`, `do[opr]_v1_[a-f0-9]{32,}`, `shp[a-z]{2}_[A-Fa-f0-9]{20,}`,
		`hv[sbr]\.[A-Za-z0-9_-]{16,}`, `dd[a-z]{2,4}_[A-Za-z0-9]{20,}`, `AGE-SECRET-KEY-1[0-9A-Z]{20,}`,
	}, "|") + `)`)
	header    = regexp.MustCompile(`(?i)\b(authorization|proxy-authorization|cookie|set-cookie|x-api-key|api-key|dd-api-key|dd-application-key|x-auth-token|x-csrf-token|x-xsrf-token)\\?["']?\s*[:=]\s*`)
	secretKey = regexp.MustCompile(`(?i)(^|[^\w/.-])([\w.-]*(?:pass(?:word|wd|phrase|code)?|pwd|secret|api[_-]?key|app[_-]?key|application[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|encryption[_-]?key|secret[_-]?key|signing[_-]?key|token|session[_-]?id|sessid|csrf|xsrf|signature|credentials?)|(?:[\w-]*[._-])?(?:session|sid|otp|auth))\\?["']?\s*(?:=>|=|:)\s*`)
	personKey = regexp.MustCompile(`(?i)(^|[^\w/.-])((?:[\w-]*[._-])?(?:user[_-]?id|uid|user[_-]?name|usr|login|account[_-]?id|customer[_-]?id|member[_-]?id))\\?["']?\s*(?:=>|=|:)\s*`)
	// userKey is a key alone: "user: 3" are words, and `"user":"judy"` and "user=judy" are somebody.
	userKey = regexp.MustCompile(`(?i)(^|[^\w/.-])(user)(?:\\?["']\s*:\s*|=)`)
	// flag is an option of a command that is given a secret, and userFlag one that is given a name and a secret.
	flag       = regexp.MustCompile(`(?i)(--[\w-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|api-?key|access-?key|private-?key|secret-?key) +["']?)([^\s"'-][^\s"']*)`)
	userFlag   = regexp.MustCompile(`((?:^|\s)(?:-u|--user) +["']?)([^\s"'-][^\s"':]*:[^\s"']+)`)
	contactKey = regexp.MustCompile(`(?i)(^|[^\w/.-])((?:first|last|full|sur|family|given)[_-]?name|phone(?:[_-]?number)?|mobile|birth[_-]?(?:date|day)|date[_-]?of[_-]?birth|ssn|street|postal[_-]?code|zip[_-]?code|ine)\\?["']?\s*(?:=>|=|:)\s*`)
)

// secrets masks what has a name or a form of its own.
func (m masker) secrets(s string) string {
	secret := m.name("secret", "")
	// Cheap looks first: most strings hold none of it, and every expression reads the whole string.
	if strings.Contains(s, "-----BEGIN") {
		s = privateKey.ReplaceAllString(s, secret)
	}
	l := lookAt(s)
	if l.names {
		s = maskValues(s, header, true, func(string, string) string { return secret })
	}
	if strings.Contains(s, "eyJ") {
		s = jwt.ReplaceAllString(s, m.name("jwt", ""))
	}
	if mayHoldScheme(s) {
		s = replaceSubmatches(scheme, s, func(p []string) string {
			if !looksRandom(p[3], 8) && !strings.ContainsAny(p[3], "0123456789=") {
				return p[0] // "basic authentication"
			}
			return p[1] + p[2] + secret
		})
	}
	if strings.Contains(s, "://") {
		s = userinfo.ReplaceAllString(s, "${1}"+strings.ReplaceAll(secret, "$", "$$")+"@")
	}
	if strings.Contains(s, "--") {
		s = flag.ReplaceAllString(s, "${1}"+strings.ReplaceAll(secret, "$", "$$"))
	}
	if strings.Contains(s, "-u") {
		s = userFlag.ReplaceAllString(s, "${1}"+strings.ReplaceAll(secret, "$", "$$"))
	}
	if l.mayHoldWellKnown() {
		s = wellKnown.ReplaceAllString(s, strings.ReplaceAll(secret, "$", "$$"))
	}
	if !l.names {
		return s
	}
	s = maskValues(s, secretKey, false, func(string, string) string { return secret })
	s = maskValues(s, personKey, false, func(k, v string) string {
		if strings.HasSuffix(k, " UID:") && strings.Trim(v, "0123456789") == "" && strings.Contains(s, "-rss:") {
			return v // the kernel tells as which user of the machine a process ran that it killed
		}
		return m.name("user", v)
	})
	s = maskValues(s, userKey, false, func(_, v string) string {
		if strings.HasPrefix(v, "{") {
			return v // what is known of the user, each by its own name
		}
		return m.name("user", v)
	})
	return maskValues(s, contactKey, false, func(string, string) string { return m.name("personal", "") })
}

// maskValues replaces the value after every match of key. A value is a quoted string (also with escaped quotes, as in JSON
// inside of a log line), a bracketed list, or a word; with rest, an unquoted one goes on to the end of the line.
func maskValues(s string, key *regexp.Regexp, rest bool, mask func(key, value string) string) string {
	loc := key.FindStringSubmatchIndex(s)
	if loc == nil {
		return s
	}
	var b strings.Builder
	for loc != nil {
		name := s[loc[0]:loc[1]]
		from, to := valueAt(s, loc[1], rest)
		b.WriteString(s[:from])
		if v := s[from:to]; v != "" {
			if isMask(v) {
				b.WriteString(v)
			} else {
				b.WriteString(mask(name, v))
			}
		}
		s = s[to:]
		if s == "" {
			break
		}
		loc = key.FindStringSubmatchIndex(s)
	}
	b.WriteString(s)
	return b.String()
}

// valueAt finds the value that begins at i: from and to are without its quotes.
func valueAt(s string, i int, rest bool) (from, to int) {
	if i >= len(s) {
		return i, i
	}
	if loc := maskedHere.FindStringIndex(s[i:]); loc != nil {
		return i, i + loc[1]
	}
	open := i
	closer := ""
	switch {
	case s[i] == '"' || s[i] == '\'' || s[i] == '`':
		closer, open = s[i:i+1], i+1
	case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\''):
		closer, open = s[i:i+2], i+2
	case s[i] == '[' && !rest:
		if j := strings.IndexByte(s[i:], ']'); j > 0 {
			return i, i + j + 1
		}
		return i, len(s)
	case s[i] == '{' && !rest:
		if j := strings.IndexByte(s[i:], '}'); j > 0 {
			return i, i + j + 1
		}
		return i, len(s)
	}
	if closer != "" {
		for j := open; j < len(s); {
			if strings.HasPrefix(s[j:], closer) {
				return open, j
			}
			if s[j] == '\\' && len(closer) == 1 {
				j++ // the next character is escaped
			}
			j++
		}
		return open, len(s) // never closed: a cut line
	}
	j := i
	for j < len(s) {
		r, n := utf8.DecodeRuneInString(s[j:])
		if r == '\n' || r == '\r' || (rest && r == '"') || (!rest && (unicode.IsSpace(r) || strings.ContainsRune("\"',;&)}]<>", r))) {
			break
		}
		j += n
	}
	return i, j
}

// kinds are what masked values are named by: in brackets, and as pseudonyms.
const (
	bracketKinds   = `(?:secret|jwt|user|personal|email|ip|id|card|iban|mac)`
	pseudonymKinds = `(?:user|email|ip|id|request|client|path|value)`
)

var masked = regexp.MustCompile(`^\[` + bracketKinds + `\]?$|^` + pseudonymKinds + `-\d+$`)

// maskedHere finds a masked value at the start of a string.
var maskedHere = regexp.MustCompile(`^\[` + bracketKinds + `\]`)

// isMask reports whether v stands for a masked value already.
func isMask(v string) bool { return masked.MatchString(v) }
