package jsondoc

import (
	"bytes"
	"io"
)

// Flattener makes JSON lines of JSON that was laid out for people: objects over many lines, one after the other or in an array, as
// `jq .` and `docker inspect` print them. Every object becomes one line, on the line where it begins; the lines that it took besides
// stay, empty, so that the number of each line is that of the source. It holds nothing but a few bytes.
type Flattener struct {
	r    io.Reader
	buf  []byte
	in   []byte // what was read into buf and not yet flattened
	made []byte // what the last piece became
	out  []byte // what of it is not yet read
	due  int    // line ends that come after it
	err  error

	depth           int    // of the object that is open
	objects         uint64 // by level, the lowest bit for the innermost: it is an object, no array
	last            byte   // what came before, blanks left out
	fresh           bool   // a line begins
	quoted, escaped bool
	begun, array    bool // anything was seen; the first thing was a bracket
	owed            int  // line ends within the object; due when it ends
	ahead           int  // line ends that were made and the source did not have yet
	full, text      bool // the line holds an object, or text that is none
}

// NewFlattener flattens what it reads of r.
func NewFlattener(r io.Reader) *Flattener { return &Flattener{r: r} }

// IsSpread reports whether a head is that of JSON which does not stand one object a line.
func IsSpread(head []byte) bool {
	b := bytes.TrimLeft(head, " \t\r\n")
	if len(b) < 2 {
		return false
	}
	rest := bytes.TrimLeft(b[1:], " \t\r\n")
	switch b[0] {
	case '{':
		return len(rest) > 0 && rest[0] == '"' && bytes.IndexByte(b[:len(b)-len(rest)], '\n') > 0
	case '[':
		return len(rest) > 0 && rest[0] == '{'
	}
	return false
}

// Read implements io.Reader. The line ends that an object took may be more than fit into memory: they are counted, and made as they
// are read.
func (f *Flattener) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		switch {
		case len(f.out) > 0:
			c := copy(p[n:], f.out)
			f.out = f.out[c:]
			n += c
		case f.due > 0:
			c := min(len(p)-n, f.due)
			for i := range c {
				p[n+i] = '\n'
			}
			f.due -= c
			n += c
		case len(f.in) > 0:
			var c int
			f.out, c = f.flatten(f.made[:0], f.in)
			f.made, f.in = f.out, f.in[c:]
		case n > 0:
			return n, nil
		case f.err != nil:
			return 0, f.err
		default:
			if f.buf == nil {
				f.buf = make([]byte, 32<<10)
			}
			var c int
			c, f.err = f.r.Read(f.buf)
			f.in = f.buf[:c]
		}
	}
	return n, nil
}

// flatten appends what the next bytes become, until line ends are due. It returns how many bytes it took.
func (f *Flattener) flatten(out, b []byte) ([]byte, int) {
	for i, c := range b {
		fresh := f.fresh
		f.fresh = c == '\n'
		if c == '{' && fresh && f.depth > 0 && f.cannotHold() {
			// The object before was cut off: the next is not to be lost with it.
			f.end()
			if f.due > 0 {
				f.fresh = true
				return out, i
			}
		}
		switch {
		case c == '\n' && f.depth > 0:
			f.owed++
			continue
		case c == '\n' && f.ahead > 0:
			f.ahead--
			f.text = false
			continue
		case c == '\n':
			f.full, f.text = false, false
			out = append(out, c)
			continue
		case f.text:
			out = append(out, c)
			continue
		case f.quoted:
			f.quoted = f.escaped || c != '"'
			f.escaped = !f.escaped && c == '\\'
			out = append(out, c)
			continue
		case c == ' ' || c == '\t' || c == '\r':
			continue
		}
		if f.depth == 0 {
			first := !f.begun
			f.begun = true
			if first && c == '[' {
				f.array = true
				continue
			}
			if f.array && (c == ',' || c == ']') {
				continue
			}
			if f.full {
				out = append(out, '\n')
				f.ahead++
			}
			f.full, f.text = c == '{', c != '{'
		}
		f.last = c
		out = append(out, c)
		switch c {
		case '"':
			f.quoted = f.depth > 0
		case '{', '[':
			if f.text {
				continue
			}
			f.depth++
			f.objects <<= 1
			if c == '{' {
				f.objects |= 1
			}
		case '}', ']':
			if f.depth == 0 {
				continue
			}
			f.depth--
			f.objects >>= 1
			if f.depth > 0 {
				continue
			}
			if f.end(); f.due > 0 {
				return out, i + 1
			}
		}
	}
	return out, len(b)
}

// cannotHold reports whether no object may begin within the one that is open where the text is now.
func (f *Flattener) cannotHold() bool {
	switch {
	case f.quoted: // no string holds the end of a line
		return true
	case f.depth > 64 || f.last == ':' || f.last == '[':
		return false
	}
	return f.last != ',' || f.objects&1 == 1
}

// end ends the line of an object; those that it took are due.
func (f *Flattener) end() {
	f.depth, f.objects, f.quoted, f.escaped = 0, 0, false, false
	if f.owed == 0 {
		return
	}
	f.full = false
	early := min(f.owed, f.ahead)
	f.ahead -= early
	f.due, f.owed = f.owed-early, 0
}
