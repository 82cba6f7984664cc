package evidence

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

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
	literal     []byte // ` path="`
	first, mask uint64 // of its first eight bytes, to be compared at once
	quoted      bool
	slot        int // index of keys, -1 for a value nobody wants
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
		switch {
		case p+8 > len(b):
			if end > len(b) || string(b[p:end]) != string(s.literal) {
				return false
			}
		case (binary.LittleEndian.Uint64(b[p:])^s.first)&s.mask != 0:
			return false
		case len(s.literal) > 8:
			if end > len(b) || string(b[p+8:end]) != string(s.literal[8:]) {
				return false
			}
		}
		p = end
		if !s.quoted {
			end = indexFrom(b, p, ' ')
			if s.slot >= 0 {
				l.vals[s.slot] = b[p:end:end]
			}
			p = end
			continue
		}
		end = indexFrom(b, p, '"')
		if end == len(b) || end+1 < len(b) && b[end+1] != ' ' || end > p && b[end-1] == '\\' {
			return false
		}
		if s.slot >= 0 {
			l.vals[s.slot] = b[p:end:end]
		}
		p = end + 1
	}
	return !all || p == len(b)
}

// indexFrom is the index of the first c in b at or after p, or the length of b. Values are short: a call of bytes.IndexByte costs more.
func indexFrom(b []byte, p int, c byte) int {
	pattern := uint64(c) * swarOnes
	for p+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[p:]) ^ pattern
		if found := (x - swarOnes) &^ x & swarHigh; found != 0 {
			return p + bits.TrailingZeros64(found)>>3
		}
		p += 8
	}
	for p < len(b) && b[p] != c {
		p++
	}
	return p
}

// firstEight returns the first eight bytes of a piece as one number, and a mask of those that there are.
func firstEight(piece []byte) (first, mask uint64) {
	for i, c := range piece[:min(len(piece), 8)] {
		first |= uint64(c) << (8 * i)
		mask |= 0xff << (8 * i)
	}
	return first, mask
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
			step := logfmtStep{literal: bytes.Clone(b[start:value]), quoted: quoted, slot: slot}
			step.first, step.mask = firstEight(step.literal)
			l.steps = append(l.steps, step)
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
