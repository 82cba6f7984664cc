package datadogtest

import (
	"fmt"
	"strconv"
	"strings"
)

// Entry is one log line or event as the search sees it.
type Entry interface {
	// ID and At (milliseconds) identify and place it; Message is what free text is looked for in.
	ID() string
	At() int64
	Message() string
	// Value is what a facet holds: "service", "host", "status", "@http.status_code", or the key of a tag. A number comes as float64,
	// a text as string; nil when there is none.
	Value(facet string) any
	// Raw is its JSON as the API gives it.
	Raw() []byte
}

// Query is a parsed search.
type Query func(Entry) bool

// ParseQuery reads the part of Datadog's search syntax that the collector uses: AND, OR, NOT, "-", parentheses, "*", free text and
// quoted phrases, key:value, @attribute:value, key:(a OR b), @attribute:*, and comparisons. What it does not know is an error, as
// it is there.
func ParseQuery(s string) (Query, error) {
	p := &searchParser{s: s}
	q, err := p.or("")
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i < len(p.s) {
		return nil, fmt.Errorf("unexpected %q at %d in %q", p.s[p.i:], p.i, s)
	}
	return q, nil
}

type searchParser struct {
	s string
	i int
}

func (p *searchParser) space() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *searchParser) word(w string) bool {
	p.space()
	rest := p.s[p.i:]
	if strings.HasPrefix(rest, w) && (len(rest) == len(w) || rest[len(w)] == ' ' || rest[len(w)] == '(' || rest[len(w)] == ')') {
		p.i += len(w)
		return true
	}
	return false
}

func (p *searchParser) or(key string) (Query, error) {
	q, err := p.and(key)
	for err == nil && p.word("OR") {
		var r Query
		l := q
		if r, err = p.and(key); err == nil {
			q = func(e Entry) bool { return l(e) || r(e) }
		}
	}
	return q, err
}

func (p *searchParser) and(key string) (Query, error) {
	q, err := p.not(key)
	for err == nil {
		p.space()
		if p.i == len(p.s) || p.s[p.i] == ')' {
			break
		}
		if save := p.i; p.word("OR") {
			p.i = save
			break
		}
		p.word("AND")
		var r Query
		l := q
		if r, err = p.not(key); err == nil {
			q = func(e Entry) bool { return l(e) && r(e) }
		}
	}
	return q, err
}

func (p *searchParser) not(key string) (Query, error) {
	p.space()
	if p.word("NOT") || (p.i < len(p.s) && p.s[p.i] == '-' && key == "") {
		if p.s[p.i] == '-' {
			p.i++
		}
		q, err := p.not(key)
		if err != nil {
			return nil, err
		}
		return func(e Entry) bool { return !q(e) }, nil
	}
	return p.term(key)
}

// value reads a plain or quoted text.
func (p *searchParser) value() (text string, quoted bool, err error) {
	if p.i < len(p.s) && p.s[p.i] == '"' {
		var b strings.Builder
		for p.i++; p.i < len(p.s); p.i++ {
			switch c := p.s[p.i]; c {
			case '\\':
				if p.i++; p.i < len(p.s) {
					b.WriteByte(p.s[p.i])
				}
			case '"':
				p.i++
				return b.String(), true, nil
			default:
				b.WriteByte(c)
			}
		}
		return "", true, fmt.Errorf("a quote is not closed in %q", p.s)
	}
	start := p.i
	var b strings.Builder
	for p.i < len(p.s) && !strings.ContainsRune(" ()\":", rune(p.s[p.i])) {
		c := p.s[p.i]
		if c == '\\' && p.i+1 < len(p.s) {
			p.i++
			c = p.s[p.i]
		} else if c == '*' {
			c = star
		}
		b.WriteByte(c)
		p.i++
	}
	if start == p.i {
		return "", false, fmt.Errorf("nothing to search for at %d in %q", start, p.s)
	}
	return b.String(), false, nil
}

// star stands for an unquoted, unescaped "*" in a parsed value.
const star = '\x01'

// glob compiles a value with stars; nil when it has none.
func glob(text string) func(string) bool {
	parts := strings.Split(text, string(rune(star)))
	if len(parts) == 1 {
		return nil
	}
	return func(s string) bool {
		if !strings.HasPrefix(s, parts[0]) {
			return false
		}
		s = s[len(parts[0]):]
		for _, p := range parts[1 : len(parts)-1] {
			i := strings.Index(s, p)
			if i < 0 {
				return false
			}
			s = s[i+len(p):]
		}
		return strings.HasSuffix(s, parts[len(parts)-1])
	}
}

func (p *searchParser) term(key string) (Query, error) {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '(' {
		p.i++
		q, err := p.or(key)
		if err != nil {
			return nil, err
		}
		p.space()
		if p.i == len(p.s) || p.s[p.i] != ')' {
			return nil, fmt.Errorf("a parenthesis is not closed in %q", p.s)
		}
		p.i++
		return q, nil
	}
	text, quoted, err := p.value()
	if err != nil {
		return nil, err
	}
	if key == "" && !quoted && p.i < len(p.s) && p.s[p.i] == ':' {
		p.i++
		return p.term(text)
	}
	switch {
	case key == "" && text == string(rune(star)):
		return func(Entry) bool { return true }, nil
	case key == "":
		low := strings.ToLower(text)
		// Messages repeat: the answer for the last one is kept. A query is for one scan at a time.
		last, was := "", false
		return func(e Entry) bool {
			if m := e.Message(); m != last {
				last, was = m, strings.Contains(strings.ToLower(m), low)
			}
			return was
		}, nil
	case text == string(rune(star)):
		return func(e Entry) bool { return e.Value(key) != nil }, nil
	}
	if g := glob(text); g != nil {
		return func(e Entry) bool {
			s, ok := e.Value(key).(string)
			return ok && g(s)
		}, nil
	}
	if !quoted {
		for _, op := range []string{">=", "<=", ">", "<"} {
			if rest, ok := strings.CutPrefix(text, op); ok {
				n, err := strconv.ParseFloat(rest, 64)
				if err != nil {
					return nil, fmt.Errorf("no number behind %s in %q", op, p.s)
				}
				return func(e Entry) bool {
					v, ok := e.Value(key).(float64)
					return ok && (op == ">=" && v >= n || op == "<=" && v <= n || op == ">" && v > n || op == "<" && v < n)
				}, nil
			}
		}
	}
	return func(e Entry) bool { return sameValue(e.Value(key), text) }, nil
}

func sameValue(v any, text string) bool {
	switch x := v.(type) {
	case string:
		return strings.EqualFold(x, text)
	case float64:
		n, err := strconv.ParseFloat(text, 64)
		return err == nil && n == x
	case []string:
		for _, s := range x {
			if strings.EqualFold(s, text) {
				return true
			}
		}
	}
	return false
}
