package redact

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
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

// hiding finds escapes of JSON that may hide a part of what is looked for: a slash, and a character by its number. JSON within JSON has
// more backslashes.
var hiding = regexp.MustCompile(`\\+(?:/|u[0-9A-Fa-f]{4})`)

// unhide puts what they stand for in the place of such escapes. What ends a text or an escape stays escaped, and what is no character,
// or is not to be seen, is a blank.
func unhide(s string) string {
	if !strings.Contains(s, `\/`) && !strings.Contains(s, `\u`) {
		return s
	}
	return hiding.ReplaceAllStringFunc(s, func(v string) string {
		if v[len(v)-1] == '/' {
			return "/"
		}
		code, _ := strconv.ParseUint(v[len(v)-4:], 16, 16) // four digits, as found
		switch r := rune(code); {
		case r == '"' || r == '\\':
			return `\` + string(r)
		case utf16.IsSurrogate(r):
			return v
		case !unicode.IsPrint(r):
			return " "
		default:
			return string(r)
		}
	})
}

// escapeEnd stands behind escapes of blanks while a text is masked: JSON is quoted as it was written, and "\n4111" is a number behind the
// end of a line, not a word that begins with n. It is of the private use, and no part of a word.
const escapeEnd = '\uf8f2'

var (
	mark   = strings.NewReplacer(`\n`, `\n`+string(escapeEnd), `\b`, `\b`+string(escapeEnd), `\f`, `\f`+string(escapeEnd), `\r`, `\r`+string(escapeEnd), `\t`, `\t`+string(escapeEnd))
	unmark = strings.NewReplacer(string(escapeEnd), "")
)

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
	header     = regexp.MustCompile(`(?i)\b(authorization|proxy-authorization|cookie|set-cookie|x-api-key|api-key|dd-api-key|dd-application-key|x-auth-token|x-csrf-token|x-xsrf-token)\\?["']?\s*[:=]\s*`)
	secretKey  = regexp.MustCompile(`(?i)(^|[^\w/.-])([\w.-]*(?:pass(?:word|wd|phrase|code)?|pwd|secret|api[_-]?key|app[_-]?key|application[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|encryption[_-]?key|token|session[_-]?id|sessid|csrf|xsrf|signature|credentials?))\\?["']?\s*(?:=>|=|:)\s*`)
	personKey  = regexp.MustCompile(`(?i)(^|[^\w/.-])((?:[\w-]*[._-])?(?:user[_-]?id|uid|user[_-]?name|usr|login|account[_-]?id|customer[_-]?id|member[_-]?id))\\?["']?\s*(?:=>|=|:)\s*`)
	contactKey = regexp.MustCompile(`(?i)(^|[^\w/.-])((?:first|last|full|sur|family|given)[_-]?name|phone(?:[_-]?number)?|mobile|birth[_-]?(?:date|day)|date[_-]?of[_-]?birth|ssn|street|postal[_-]?code|zip[_-]?code|ine)\\?["']?\s*(?:=>|=|:)\s*`)
	email      = regexp.MustCompile(`[\p{L}\p{N}._%+'=~-]*[\p{L}\p{N}_](?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}`)
	uuid       = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	ulid       = regexp.MustCompile(`\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b`)
	hexRun     = regexp.MustCompile(`(?i)\b[0-9a-f]{16,}\b`)
	token      = regexp.MustCompile(`[A-Za-z0-9+/_=-]{24,}`)
	mac        = regexp.MustCompile(`(?i)\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b`)
	ipv4       = regexp.MustCompile(`\b(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}\b`)
	ipv6       = regexp.MustCompile(`(?i)[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*(?:%[0-9a-z]+)?`)
	cardRun    = regexp.MustCompile(`\b\d(?:[ -]?\d){11,}\b`)
	ibanRun    = regexp.MustCompile(`\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,}\b`)
	longID     = regexp.MustCompile(`(?i)[0-9a-f]{13,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	homeFolder = regexp.MustCompile(`(?:/home|/Users|[A-Za-z]:\\Users)[/\\][^/\\\s]+[/\\]`)
)

func shortID(s string) string {
	if s = strings.TrimRight(s[:12], "-"); s == "" {
		return "{id}"
	}
	return s
}

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

var masked = regexp.MustCompile(`^\[(?:secret|jwt|user|personal|email|ip|id|card|iban|mac)\]?$|^(?:user|email|ip|id|request|client|path|value)-\d+$`)

// maskedHere finds a masked value at the start of a string.
var maskedHere = regexp.MustCompile(`^\[(?:secret|jwt|user|personal|email|ip|id|card|iban|mac)\]`)

// isMask reports whether v stands for a masked value already.
func isMask(v string) bool { return masked.MatchString(v) }

func (m masker) emails(s string) string {
	if !strings.Contains(s, "@") && !strings.Contains(s, "%40") {
		return s
	}
	return email.ReplaceAllStringFunc(s, func(v string) string {
		return m.name("email", strings.ToLower(strings.ReplaceAll(v, "%40", "@")))
	})
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

func digit(c byte) bool { return c >= '0' && c <= '9' }

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

func wordByte(c byte) bool {
	return c == '_' || digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// numbers masks card numbers and IBANs that are valid ones.
func (m masker) numbers(s string) string {
	l := lookAt(s)
	if l.mayHoldCard() {
		s = maskGroups(s, cardRun, cardNumber, func(v string) string { return m.name("card", v) })
	}
	if l.mayHoldIBAN() {
		s = maskGroups(s, ibanRun, ibanNumber, func(v string) string { return m.name("iban", v) })
	}
	return s
}

// maskGroups looks in every match of run, which is made of groups with single spaces or dashes between, for consecutive groups
// that are valid together, the longest first: a number may stand beside another.
func maskGroups(s string, run *regexp.Regexp, valid func(string) bool, mask func(string) string) string {
	locs := run.FindAllStringIndex(s, -1)
	if locs == nil {
		return s
	}
	var b strings.Builder
	last := 0
	for _, loc := range locs {
		from := loc[0]
		for from < loc[1] {
			to := from
			for end := min(loc[1], from+48); end > from; {
				if valid(compact(s[from:end])) {
					to = end
					break
				}
				if end = from + strings.LastIndexAny(s[from:end], " -"); end < from {
					break
				}
			}
			if to > from {
				b.WriteString(s[last:from])
				b.WriteString(mask(compact(s[from:to])))
				last, from = to, to
			}
			next := strings.IndexAny(s[from:loc[1]], " -")
			if next < 0 {
				break
			}
			from += next + 1
		}
	}
	b.WriteString(s[last:])
	return b.String()
}

func compact(v string) string { return strings.NewReplacer(" ", "", "-", "").Replace(v) }

// cardNumber checks the length, the leading digits of the known networks, and Luhn's sum. Times in milliseconds or nanoseconds
// begin with a 1, which no card does.
func cardNumber(v string) bool {
	n := len(v)
	if n < 12 || n > 19 {
		return false
	}
	d := make([]byte, n)
	for i := range n {
		if !digit(v[i]) {
			return false
		}
		d[i] = v[i] - '0'
	}
	two := int(d[0])*10 + int(d[1])
	ok := false
	switch {
	case d[0] == 4:
		ok = n == 13 || n == 16 || n == 19
	case two == 34 || two == 37:
		ok = n == 15
	case two == 30 || two == 36 || two == 38 || two == 39:
		ok = n == 14 || n == 16
	case two == 35:
		ok = n == 16
	case two >= 51 && two <= 55, two >= 22 && two <= 27:
		ok = n == 16
	case two == 50, two >= 56 && two <= 69:
		ok = n >= 12 && n <= 19
	}
	if !ok {
		return false
	}
	sum := 0
	for i := range n {
		x := int(d[n-1-i])
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// ibanNumber checks ISO 13616's sum.
func ibanNumber(v string) bool {
	if len(v) < 15 || len(v) > 34 || v[0] < 'A' || v[1] < 'A' || !digit(v[2]) || !digit(v[3]) {
		return false
	}
	r := 0
	for _, c := range v[4:] + v[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = (r*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			r = (r*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return r == 1
}

// replaceSubmatches is ReplaceAllStringFunc with the groups.
func replaceSubmatches(re *regexp.Regexp, s string, f func([]string) string) string {
	var b strings.Builder
	last := 0
	for _, loc := range re.FindAllStringSubmatchIndex(s, -1) {
		p := make([]string, len(loc)/2)
		for i := range p {
			if loc[2*i] >= 0 {
				p[i] = s[loc[2*i]:loc[2*i+1]]
			}
		}
		b.WriteString(s[last:loc[0]])
		b.WriteString(f(p))
		last = loc[1]
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}
