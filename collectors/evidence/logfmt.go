package evidence

import "bytes"

// logfmt reads lines of key=value pairs, values bare or in double quotes, such as routers write. It keeps the values of the keys it
// was made for; of a key that comes twice the first counts, because the routers put what the client wrote (referrer, user agent) last.
//
// Lines of one router have the same keys in the same order. The scanner remembers the order of the last line and only compares;
// a line that differs is taken apart key by key.
type logfmt struct {
	keys []string
	core int      // the first so many keys are those of every line; the others are only looked for in a scan of the whole line
	vals [][]byte // by index of keys; nil where the line has none, empty where the value is

	steps []logfmtStep
	until int // number of steps after which a line like the last one has given all core keys; 0: not all
}

// logfmtStep is a piece of text that the line must have, followed by a value.
type logfmtStep struct {
	literal []byte // ` path="`
	quoted  bool
	slot    int // index of keys, -1 for a value nobody wants
}

// newLogfmt makes a scanner for the core keys, which most lines have, and others.
func newLogfmt(core, others []string) *logfmt {
	keys := append(append([]string(nil), core...), others...)
	return &logfmt{keys: keys, core: len(core), vals: make([][]byte, len(keys))}
}

// scan reads the pairs of b. Without all it may leave out what follows once it has all core keys. It returns false when b is not
// made of pairs; the values are then undefined.
func (l *logfmt) scan(b []byte, all bool) bool {
	clear(l.vals)
	if n := len(l.steps); n > 0 {
		part := !all && l.until > 0
		if part {
			n = l.until
		}
		if l.predicted(b, n, !part) {
			return true
		}
		clear(l.vals)
	}
	return l.learn(b)
}

func (l *logfmt) predicted(b []byte, n int, all bool) bool {
	p := 0
	for i := range l.steps[:n] {
		s := &l.steps[i]
		end := p + len(s.literal)
		if end > len(b) || string(b[p:end]) != string(s.literal) {
			return false
		}
		p = end
		if s.quoted {
			e := bytes.IndexByte(b[p:], '"')
			if e < 0 {
				return false
			}
			e += p
			if e+1 < len(b) && b[e+1] != ' ' || e > p && b[e-1] == '\\' {
				return false
			}
			if s.slot >= 0 {
				l.vals[s.slot] = b[p:e:e]
			}
			p = e + 1
			continue
		}
		e := p
		for e < len(b) && b[e] != ' ' {
			if b[e] == '"' {
				return false
			}
			e++
		}
		if s.slot >= 0 {
			l.vals[s.slot] = b[p:e:e]
		}
		p = e
	}
	return !all || p == len(b)
}

// learn takes the line apart pair by pair and remembers their order.
func (l *logfmt) learn(b []byte) bool {
	l.steps = l.steps[:0]
	l.until = 0
	p, found := 0, 0
	for p < len(b) {
		start := p
		for p < len(b) && b[p] == ' ' {
			p++
		}
		key := p
		for p < len(b) && b[p] != '=' && b[p] != ' ' && b[p] != '"' {
			p++
		}
		if p == len(b) {
			return p == key // blanks at the end are fine, a word without a value is not
		}
		if b[p] != '=' || p == key {
			l.steps = l.steps[:0]
			return false
		}
		slot := l.slot(b[key:p])
		p++
		quoted := p < len(b) && b[p] == '"'
		if quoted {
			p++
		}
		value := p
		if quoted {
			p = closingQuote(b, p)
			if p < 0 {
				l.steps = l.steps[:0]
				return false
			}
		} else {
			for p < len(b) && b[p] != ' ' {
				p++
			}
		}
		if slot >= 0 && l.vals[slot] != nil {
			slot = -1 // the first counts
		}
		if slot >= 0 {
			l.vals[slot] = b[value:p:p]
		}
		if len(l.steps) < maxLogfmtSteps {
			l.steps = append(l.steps, logfmtStep{literal: bytes.Clone(b[start:value]), quoted: quoted, slot: slot})
			if slot >= 0 && slot < l.core {
				if found++; found == l.core {
					l.until = len(l.steps)
				}
			}
		}
		if quoted {
			p++
		}
	}
	return true
}

// maxLogfmtSteps bounds what is remembered of a line; a longer one is read whole each time.
const maxLogfmtSteps = 64

// closingQuote finds the quote that ends a value which begins at b[p]: one that is not escaped and is followed by a blank or the end
// of the line, because some routers do not escape quotes.
func closingQuote(b []byte, p int) int {
	for i := p; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			if i+1 == len(b) || b[i+1] == ' ' {
				return i
			}
		}
	}
	return -1
}

func (l *logfmt) slot(key []byte) int {
	for i, k := range l.keys {
		if string(key) == k {
			return i
		}
	}
	return -1
}
