package access

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"time"

	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/swar"
)

// logfmt reads lines of key=value pairs, values bare or in double quotes, such as routers write. It keeps the values of the keys it
// was made for; of a key that comes twice the first counts, because the routers put what the client wrote (referrer, user agent) last.
//
// Lines of one router have the same keys in the same order. The scanner remembers the order of the last line and only compares;
// a line that differs is taken apart key by key.
type logfmt struct {
	keys []string
	core int    // the first so many keys are those of every line; the others are only looked for in a scan of the whole line
	line []byte // the last one scanned
	vals []span // of the line, by index of keys

	steps []logfmtStep
	until int // number of steps after which a line like the last one has given all core keys; 0: not all
}

// span is a piece of a line: where it begins and ends. A negative beginning stands for none. Unlike a slice it holds no pointer, and
// costs nothing to write while the garbage is collected.
type span struct{ from, to int32 }

// logfmtStep is a piece of text that the line must have, followed by a value.
type logfmtStep struct {
	first, second         uint64 // the first sixteen bytes of the piece, to be compared at once
	firstMask, secondMask uint64 // those of them that there are
	end                   uint64 // eight times the byte that ends the value
	size                  int    // of the piece
	slot                  int    // index of keys, -1 for a value nobody wants
	quoted                bool
	literal               []byte // ` path="`
}

// newLogfmt makes a scanner for the core keys, which most lines have, and others.
func newLogfmt(core, others []string) *logfmt {
	keys := append(append([]string(nil), core...), others...)
	return &logfmt{keys: keys, core: len(core), vals: make([]span, len(keys))}
}

// maxLogfmt bounds the length of a line, so that places in it fit a span.
const maxLogfmt = 1 << 30

// scan reads the pairs of b. Without all it leaves out what follows once it has all core keys, and any others. It returns false when b
// is not made of pairs; the values are then undefined. They are valid as long as b is.
func (l *logfmt) scan(b []byte, all bool) bool {
	if len(b) > maxLogfmt {
		return false
	}
	l.line = b
	if n := len(l.steps); n > 0 {
		part := !all && l.until > 0
		if part {
			n = l.until
		}
		if l.predicted(b, n, !part) {
			for i := l.core; part && i < len(l.vals); i++ {
				l.vals[i].from = -1
			}
			return true
		}
	}
	return l.learn(b, all)
}

// has reports whether the line has a value of a key, be it empty.
func (l *logfmt) has(slot int) bool { return l.vals[slot].from >= 0 }

// get returns the value of a key: nil where the line has none.
func (l *logfmt) get(slot int) []byte {
	v := l.vals[slot]
	if v.from < 0 {
		return nil
	}
	return l.line[v.from:v.to:v.to]
}

// milliseconds reads the duration of a key, whose unit is milliseconds unless it says another. It is 0 where the line has none.
func (l *logfmt) milliseconds(slot int) (time.Duration, bool) {
	v := l.vals[slot]
	if v.from < 0 || v.from == v.to {
		return 0, true
	}
	return number.MillisecondsIn(l.line, int(v.from), int(v.to))
}

// seconds reads the duration of a key, whose unit is seconds unless it says another. It is false where the line has none.
func (l *logfmt) seconds(slot int) (time.Duration, bool) {
	v := l.vals[slot]
	if v.from < 0 {
		return 0, false
	}
	if d, end, ok := number.SecondsIn(l.line, int(v.from)); ok && end+1 == int(v.to) && l.line[end] == 's' {
		return d, true
	}
	return number.DurationWithUnit(l.get(slot), 9)
}

// predicted reads a line like the one that was learnt from. Keys that that one did not have are absent from l.vals already.
func (l *logfmt) predicted(b []byte, n int, all bool) bool {
	p := 0
	vals := l.vals
	steps := l.steps[:n]
	for i := range steps {
		s := &steps[i]
		if p+16 <= len(b) {
			w := b[p : p+16 : p+16]
			if (binary.LittleEndian.Uint64(w)^s.first)&s.firstMask|(binary.LittleEndian.Uint64(w[8:])^s.second)&s.secondMask != 0 {
				return false
			}
			if s.size > 16 && !bytes.HasPrefix(b[p+16:], s.literal[16:]) {
				return false
			}
		} else if !bytes.HasPrefix(b[p:], s.literal) {
			return false
		}
		p += s.size
		end := p
		for {
			if end+8 > len(b) {
				for c := byte(s.end); end < len(b) && b[end] != c; {
					end++
				}
				break
			}
			x := binary.LittleEndian.Uint64(b[end:]) ^ s.end
			if found := (x - swar.Ones) &^ x & swar.High; found != 0 {
				end += bits.TrailingZeros64(found) >> 3
				break
			}
			end += 8
		}
		if s.slot >= 0 {
			vals[s.slot] = span{int32(p), int32(end)}
		}
		if s.quoted {
			if end == len(b) || end+1 < len(b) && b[end+1] != ' ' || end > p && b[end-1] == '\\' {
				return false
			}
			p = end + 1
			continue
		}
		if p < len(b) && b[p] == '"' {
			return false
		}
		p = end
	}
	return !all || p == len(b)
}

// learn takes the line apart pair by pair and remembers their order.
func (l *logfmt) learn(b []byte, all bool) bool {
	l.steps = l.steps[:0]
	l.until = 0
	for i := range l.vals {
		l.vals[i].from = -1
	}
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
		if slot >= 0 && l.has(slot) {
			slot = -1 // the first counts
		}
		if slot >= 0 {
			l.vals[slot] = span{int32(value), int32(p)}
		}
		if len(l.steps) < maxLogfmtSteps {
			l.steps = append(l.steps, newLogfmtStep(b[start:value], quoted, slot))
			if slot >= 0 && slot < l.core {
				if found++; found == l.core {
					l.until = len(l.steps)
				}
			}
		}
		if quoted {
			p++
		}
		if !all && found == l.core {
			// What a line like this one would not be read for must not decide about this one.
			for i := l.core; i < len(l.vals); i++ {
				l.vals[i].from = -1
			}
			return true
		}
	}
	return true
}

func newLogfmtStep(literal []byte, quoted bool, slot int) logfmtStep {
	s := logfmtStep{literal: bytes.Clone(literal), size: len(literal), quoted: quoted, slot: slot, end: ' ' * swar.Ones}
	s.first, s.firstMask = swar.FirstEight(literal)
	s.second, s.secondMask = swar.FirstEight(literal[min(8, len(literal)):])
	if quoted {
		s.end = '"' * swar.Ones
	}
	return s
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
