package endpoint

import (
	"encoding/binary"
	"math/bits"
)

// paths remembers the templates of paths seen before, as a tree with one node per segment, so that the next path of a known endpoint
// costs one comparison per segment: nothing is copied, and no raw path is kept, only names of segments. What it does not know, and
// all odd paths, go to AppendTemplate; it never answers otherwise than that (see the fuzz test).
type paths struct {
	root    *segment
	methods []string // by index into segment.ends
	nodes   int
}

// segment is a node: a template up to and with one segment.
type segment struct {
	size int // length of the template so far
	// names are the children that are names; more of them than manyNames are in byName.
	names  []name
	byName map[string]*segment
	id     *segment // the child for identifiers
	ends   []uint32 // id + 1 of the endpoint that ends here, by method; 0 where there is none yet
}

// name is one child. first is its text's first eight bytes, or all of them.
type name struct {
	first uint64
	text  string
	to    *segment
}

const (
	// manyNames is from where on children are looked up by hash.
	manyNames = 16
	// maxName bounds the segments that are remembered, and maxMethods the methods: longer ones and more are nothing that repeats.
	maxName    = 64
	maxMethods = 16
	// maxNodes bounds the tree; one that is full is begun anew.
	maxNodes = maxLocal
)

// find walks to the node of a path. It is nil for a path that must be taken apart by AppendTemplate.
func (t *paths) find(path []byte) *segment {
	if len(path) == 0 || path[0] != '/' {
		return nil // perhaps an absolute URL
	}
	if t.root == nil || t.nodes >= maxNodes {
		t.root, t.nodes = &segment{}, 1
	}
	at := t.root
	for p := 0; p < len(path) && path[p] == '/'; {
		for p < len(path) && path[p] == '/' {
			p++
		}
		end := segmentEnd(path, p)
		if end > p {
			if at = t.child(at, path[p:end]); at == nil {
				return nil
			}
		}
		p = end
	}
	return at
}

// child returns the node of one more segment; nil when the template would be one that AppendTemplate cuts.
func (t *paths) child(at *segment, seg []byte) *segment {
	if at.size+1 > maxTemplate || len(seg) > maxName {
		return nil
	}
	first := firstEight(seg)
	for i := range at.names {
		if n := &at.names[i]; n.first == first && len(n.text) == len(seg) && (len(seg) <= 8 || n.text == string(seg)) {
			return n.to
		}
	}
	if at.byName != nil {
		if to := at.byName[string(seg)]; to != nil {
			return to
		}
	}
	if isCommonID(seg) || isID(seg) {
		if at.id == nil {
			at.id = &segment{size: at.size + len("/{id}")}
			t.nodes++
		}
		return at.id
	}
	to := &segment{size: at.size + 1 + len(seg)}
	t.nodes++
	if len(at.names) < manyNames {
		at.names = append(at.names, name{first, string(seg), to})
		return to
	}
	if at.byName == nil {
		at.byName = map[string]*segment{}
	}
	at.byName[string(seg)] = to
	return to
}

// method returns the index of a method, -1 when there are too many.
func (t *paths) method(m []byte) int {
	for i, k := range t.methods {
		if k == string(m) {
			return i
		}
	}
	if len(t.methods) >= maxMethods {
		return -1
	}
	t.methods = append(t.methods, string(m))
	return len(t.methods) - 1
}

// end returns where the id of the endpoint of a method is kept.
func (s *segment) end(method int) *uint32 {
	for method >= len(s.ends) {
		s.ends = append(s.ends, 0)
	}
	return &s.ends[method]
}

const (
	ones = 0x0101010101010101
	high = 0x8080808080808080
)

// segmentEnd is the index of the first '/', '?' or '#' at or after p, or the length of the path.
func segmentEnd(path []byte, p int) int {
	for ; p+8 <= len(path); p += 8 {
		x := binary.LittleEndian.Uint64(path[p:])
		slash := (x | 0x10*ones) ^ '?'*ones // '/' and '?' differ in this bit alone
		hash := x ^ '#'*ones
		if found := ((slash-ones)&^slash | (hash-ones)&^hash) & high; found != 0 {
			return p + bits.TrailingZeros64(found)>>3
		}
	}
	for p < len(path) && path[p] != '/' && path[p] != '?' && path[p] != '#' {
		p++
	}
	return p
}

// firstEight returns the first eight bytes of b, or all of them, as one number.
func firstEight(b []byte) (x uint64) {
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b)
	}
	for i := len(b) - 1; i >= 0; i-- {
		x = x<<8 | uint64(b[i])
	}
	return x
}

// isCommonID reports whether a segment is an identifier of one of the kinds that nearly all are of: digits, a UUID, hexadecimal
// digits. isID says the same of each, in more time.
func isCommonID(seg []byte) bool {
	n := len(seg)
	switch {
	case n < 8:
		for _, c := range seg {
			if c < '0' || c > '9' {
				return false
			}
		}
		return true
	case n == 36 && seg[8] == '-' && seg[13] == '-' && seg[18] == '-' && seg[23] == '-':
		at := binary.LittleEndian.Uint64
		half := binary.LittleEndian.Uint32
		for _, x := range [...]uint64{at(seg), at(seg[24:]), at(seg[28:]), uint64(half(seg[9:])) | uint64(half(seg[14:]))<<32,
			uint64(half(seg[19:]))<<32 | uint64(half(seg[24:]))} {
			if _, hex := digitsOf(x); !hex {
				return false
			}
		}
		return true
	}
	some := uint64(0)
	for p := 0; p < n; p += 8 {
		digits, hex := digitsOf(binary.LittleEndian.Uint64(seg[min(p, n-8):])) // the last eight may be looked at twice
		if !hex {
			return false
		}
		some |= digits
	}
	return some != 0
}

// digitsOf marks the bytes of x that are decimal digits, and reports whether all are hexadecimal digits.
func digitsOf(x uint64) (digits uint64, hex bool) {
	if x&high != 0 {
		return 0, false
	}
	// Of a byte below 128, adding 128-k sets the high bit when it is k or more.
	lower := x | 0x20*ones
	digits = (x + (0x80-'0')*ones) &^ (x + (0x80-'9'-1)*ones) & high
	letters := (lower + (0x80-'a')*ones) &^ (lower + (0x80-'f'-1)*ones) & high
	return digits, digits|letters == high
}
