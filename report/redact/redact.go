// Package redact masks personal data and secrets: in a whole report ([Report]), in one string ([Text]), and in a stream of log
// lines ([Writer]).
//
// What is masked: query strings are dropped; ids in paths become {id}; e-mails, IP and MAC addresses, JWTs, bearer tokens,
// API keys and other well-known tokens, cookies and authorization headers, values of keys such as password=, credentials in
// URLs, private keys, card numbers, IBANs, UUIDs and long hexadecimal or base64 strings. In a report, values that the analyzer
// named as sensitive, and the users and request ids of its examples, get stable pseudonyms ("user-1", "request-2", in the
// order in which they first appear), so that "the same user in all four crashes" can still be said.
//
// What stays readable: container names, endpoint templates, versions, functions and files, times. Ids of containers are cut to
// 12 characters, as docker shows them.
//
// Masking goes by form, so it can miss a secret that looks like a word, and may mask a word that looks like a secret; where it
// has to choose it masks.
package redact

import (
	"cmp"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"lastcall/analyze/finding"
	"lastcall/report/internal/walk"
)

// Report returns a redacted deep copy of r, with Redacted set and Sensitive empty. A report that is redacted already keeps its
// pseudonyms.
func Report(r *finding.Report) *finding.Report {
	c := &reportRedactor{names: map[string]int{}, seen: map[string]string{}, templates: map[string]string{}, done: map[job]string{}, keepNames: r.Redacted}
	c.collect(r)
	if r.Pattern != nil && r.Pattern.Kind != "endpoint" && !c.keepNames {
		// The one that the story is about is number 1.
		c.pseudonymAs(kindName(r.Pattern.Kind), r.Pattern.Value)
	}
	out := walk.Copy(r, c.field)
	out.Redacted = true
	out.Sensitive = nil
	return out
}

type job struct {
	class class
	s     string
}

// reportRedactor holds what stands for what in one report.
type reportRedactor struct {
	// sensitive are the values to replace in text, longest first.
	sensitive []finding.Sensitive
	// protected are names that text masking would garble, longest first, each with the form in which it is shown.
	protected [][2]string
	// names counts the pseudonyms given per kind; seen maps kind and value to the pseudonym.
	names map[string]int
	seen  map[string]string
	// patternKind is what the value of the serial pattern is.
	patternKind string
	// templates are the endpoints of the raw paths that are shown; paths are these without their queries, longest first, each as it is shown.
	templates map[string]string
	paths     [][2]string
	// done remembers results: the charts repeat few strings thousands of times.
	done map[job]string
	// keepNames: the report is redacted already, and its pseudonyms stay.
	keepNames bool
}

// collect finds the values to replace and the names to protect.
func (c *reportRedactor) collect(r *finding.Report) {
	if r.Pattern != nil {
		c.patternKind = r.Pattern.Kind
	}
	if !c.keepNames {
		c.collectSensitive(r)
	}
	plain := masker{name: brackets}
	for path := range c.templates {
		if bare := pathOnly(path); strings.Count(bare, "/") > 1 {
			c.paths = append(c.paths, [2]string{bare, c.path(plain, path)})
		}
	}
	longestFirst(c.paths)
	c.collectProtected(r, plain)
}

// collectSensitive finds the values that name somebody, and the raw paths that are shown.
func (c *reportRedactor) collectSensitive(r *finding.Report) {
	known := map[string]bool{}
	add := func(kind, value string) {
		// What has no letter and no digit names nobody: the path of a front page, a dash for no user.
		if value = strings.TrimSpace(value); strings.ContainsFunc(value, alnum) && !known[value] {
			known[value] = true
			c.sensitive = append(c.sensitive, finding.Sensitive{Kind: kindName(kind), Value: value})
		}
	}
	for _, s := range r.Sensitive {
		add(s.Kind, s.Value)
	}
	for i := range r.Suspects {
		for j := range r.Suspects[i].Examples {
			e := &r.Suspects[i].Examples[j]
			add("user", e.User)
			add("request", e.RequestID)
			if e.Path != "" {
				c.templates[e.Path] = r.Suspects[i].Endpoint
			}
		}
	}
	if r.Pattern != nil && r.Pattern.Kind != "endpoint" {
		add(r.Pattern.Kind, r.Pattern.Value)
	}
	sort.SliceStable(c.sensitive, func(i, j int) bool { return len(c.sensitive[i].Value) > len(c.sensitive[j].Value) })
}

// shortestName and longestName bound the names that are protected: less is a word of the language, more a text.
const (
	shortestName = 6
	longestName  = 300
)

// collectProtected finds the names that text would not show as their own class does.
func (c *reportRedactor) collectProtected(r *finding.Report, plain masker) {
	names, checked := map[string]string{}, map[job]bool{}
	walk.Copy(r, func(f walk.Field, s string) string {
		j := job{classes[f], s}
		switch j.class {
		case className, classVersion, classCode, classSource:
		default:
			return s
		}
		if len(s) < shortestName || len(s) > longestName || checked[j] {
			return s
		}
		checked[j] = true
		if shown := plain.class(j.class, s); shown != plain.text(s) || c.touches(s) {
			names[s] = shown
		}
		return s
	})
	for s, shown := range names {
		c.protected = append(c.protected, [2]string{s, shown})
	}
	longestFirst(c.protected)
}

// longestFirst orders names so that one that holds another comes before it.
func longestFirst(names [][2]string) {
	slices.SortFunc(names, func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(len(b[0]), len(a[0])), strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	})
}

// touches reports whether a sensitive value stands inside s.
func (c *reportRedactor) touches(s string) bool {
	for i := range c.sensitive {
		if strings.Contains(s, c.sensitive[i].Value) && s != c.sensitive[i].Value {
			return true
		}
	}
	return false
}

// field is called for every string of the report.
func (c *reportRedactor) field(f walk.Field, s string) string {
	j := job{classes[f], s}
	if out, ok := c.done[j]; ok {
		return out
	}
	out := c.redact(j)
	c.done[j] = out
	return out
}

// redact masks a string as its class is.
func (c *reportRedactor) redact(j job) string {
	m := masker{name: c.pseudonym}
	if c.keepNames {
		m.name = brackets
	}
	switch j.class {
	case classUser, classRequest:
		if c.keepNames {
			return m.text(j.s)
		}
		kind := "user"
		if j.class == classRequest {
			kind = "request"
		}
		return c.pseudonymAs(kind, j.s)
	case classPattern:
		switch {
		case c.keepNames, c.patternKind == "endpoint":
			return m.class(classEndpoint, j.s)
		case c.patternKind == "path":
			return c.pseudonymAs("path", j.s) + " (" + c.path(m, j.s) + ")"
		}
		return c.pseudonymAs(kindName(c.patternKind), j.s)
	case classText:
		return c.text(m, j.s)
	case classPath:
		return c.replaceSensitive(c.path(m, j.s), true)
	case classEndpoint:
		// A template should hold nobody, but one that failed to see an id does.
		return m.class(classEndpoint, c.replaceSensitive(j.s, false))
	}
	return m.class(j.class, j.s)
}

// path masks a raw path. Where its endpoint has a parameter there is a value, whatever it looks like.
func (c *reportRedactor) path(m masker, s string) string {
	_, template, ok := strings.Cut(c.templates[s], " ")
	if !ok {
		return m.path(s)
	}
	return m.path(alignPath(pathOnly(s), template))
}

// text masks prose: names that would be garbled are taken out, values are replaced, the rest is masked by form, and the names
// are put back.
func (c *reportRedactor) text(m masker, s string) string {
	s = unhide(s)
	s = strings.Map(func(r rune) rune {
		if r == holeOpen || r == holeClose {
			return -1 // ours alone
		}
		return r
	}, s)
	for _, p := range c.paths {
		s = replaceWhole(s, p[0], func(int, int) (string, bool) { return p[1], true })
	}
	for i, p := range c.protected {
		if strings.Contains(s, p[0]) {
			s = replaceWhole(s, p[0], func(int, int) (string, bool) { return string(holeOpen) + strconv.Itoa(i) + string(holeClose), true })
		}
	}
	s = stutter.ReplaceAllStringFunc(c.replaceSensitive(s, false), func(v string) string {
		word, name, _ := strings.Cut(v, " ")
		if strings.HasPrefix(name, strings.ToLower(word)+"-") {
			return name
		}
		return v
	})
	return c.fillHoles(m.text(s))
}

// fillHoles puts the names back that were taken out.
func (c *reportRedactor) fillHoles(s string) string {
	if !strings.ContainsRune(s, holeOpen) {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, string(holeOpen))
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		num, after, _ := strings.Cut(rest, string(holeClose))
		if i, err := strconv.Atoi(num); err == nil && i < len(c.protected) {
			b.WriteString(c.protected[i][1])
		}
		s = after
	}
}

// stutter finds "user user-1".
var stutter = regexp.MustCompile(`(?i)\b(?:user|request|client|path) (?:user|request|client|path)-\d+`)

// Private-use characters that stand around a name that was taken out.
const (
	holeOpen  = '\uf8f0'
	holeClose = '\uf8f1'
)
