package endpoint

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// paths remembers the templates of paths seen before, as a tree with one node per segment, so that the next path of a known endpoint
// costs one comparison per segment: nothing is copied, and no raw path is kept, only names of segments. What it does not know, and
// all odd paths, go to AppendTemplate; it never answers otherwise than that (see the fuzz test).
type paths struct {
	root    *segment
	methods []string  // by index into segment.ends
	near    [32]uint8 // indexes of methods by their ends, to be tried first
	nodes   int
	// begins remembers where beginnings of paths lead that are names alone, such as "/api/v1/users/": one look for what would be a step
	// for each segment. The next one that has its place takes it.
	begins [1 << beginBits]beginning
}

const beginBits = 9

// beginning is the first sixteen bytes of a path, with zeros after the last slash among them, and the node that they lead to.
type beginning struct {
	a, b uint64
	to   *segment
}

// segment is a node: a template up to and with one segment.
type segment struct {
	size  int      // length of the template so far
	hasID bool     // some segment so far is an identifier
	names names    // the children that are names
	id    *segment // the child for identifiers
	ends  []uint32 // id + 1 of the endpoint that ends here, by method; 0 where there is none yet
}

// names is a hash table of children, with open addressing, at most half full.
type names struct {
	table []name // of a power of two; an empty place has no segment
	shift uint8  // of a hash, to get a place
	n     int
}

// name is one child. first is its text's first eight bytes, or all of them.
type name struct {
	first uint64
	text  string
	to    *segment
}

const (
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
		clear(t.begins[:])
	}
	if len(path) < 16 {
		return t.walk(t.root, path)
	}
	a, b, n := begin(path)
	known := &t.begins[(a*0x9e3779b97f4a7c15^b*0xc2b2ae3d27d4eb4f)>>(64-beginBits)]
	if known.a != a || known.b != b {
		to := t.walk(t.root, path[:n])
		if to == nil || to.hasID { // of those there are too many
			return t.walk(t.root, path)
		}
		*known = beginning{a, b, to}
	}
	return t.walk(known.to, path[n-1:])
}

// begin returns the first sixteen bytes of a path that begins with a slash, with zeros after the last slash among them, and how many
// bytes there are up to it: no more than the first slash when a query begins among them.
func begin(path []byte) (a, b uint64, n int) {
	a, b = binary.LittleEndian.Uint64(path), binary.LittleEndian.Uint64(path[8:])
	if hasQuery(a) || hasQuery(b) {
		return '/', 0, 1
	}
	if in := slashes(b); in != 0 {
		k := bits.Len64(in) // up to and with the last slash
		return a, b & (^uint64(0) >> (64 - k)), 8 + k/8
	}
	k := bits.Len64(slashes(a))
	return a & (^uint64(0) >> (64 - k)), 0, k / 8
}

// slashes marks the bytes of x that are slashes, no others.
func slashes(x uint64) uint64 {
	y := x ^ '/'*ones
	return ^((y&rest + rest) | y | rest)
}

// hasQuery reports whether a byte of x is '?' or '#'.
func hasQuery(x uint64) bool {
	q, h := x^'?'*ones, x^'#'*ones
	return ((q-ones)&^q|(h-ones)&^h)&high != 0
}

// walk goes on from a node with the rest of a path, which begins with a slash.
func (t *paths) walk(at *segment, path []byte) *segment {
	for p := 0; p < len(path) && path[p] == '/'; {
		p++
		// The first eight bytes tell where most segments end, and what they are.
		var first uint64
		var end int
		if p+8 <= len(path) {
			first = binary.LittleEndian.Uint64(path[p:])
			if k := boundary(first); k < 8 {
				end = p + k
				first &= 1<<(8*k) - 1
			} else if at.id != nil && beginsWithUUID(path[p:]) && at.size+1 <= maxTemplate {
				at, p = at.id, p+uuidLen
				continue
			} else {
				end = segmentEnd(path, p+8)
			}
		} else {
			end = segmentEnd(path, p)
			for i := end - 1; i >= p; i-- {
				first = first<<8 | uint64(path[i])
			}
		}
		if end > p {
			if at = t.child(at, path[p:end], first); at == nil {
				return nil
			}
		}
		p = end
	}
	return at
}

// child returns the node of one more segment, whose first eight bytes or all of them are first; nil when the template would be one
// that AppendTemplate cuts.
func (t *paths) child(at *segment, seg []byte, first uint64) *segment {
	if at.size+1 > maxTemplate || len(seg) > maxName {
		return nil
	}
	// An identifier is never among the names: where most segments are either, the likelier is asked for first.
	if c := byte(first); c >= '0' && c <= '9' && at.id != nil && isCommonID(seg, first) {
		return at.id
	}
	if to := at.names.find(seg, first); to != nil {
		return to
	}
	if isCommonID(seg, first) || isID(seg) {
		if at.id == nil {
			at.id = &segment{size: at.size + len("/{id}"), hasID: true}
			t.nodes++
		}
		return at.id
	}
	to := &segment{size: at.size + 1 + len(seg), hasID: at.hasID}
	t.nodes++
	at.names.add(name{first, string(seg), to})
	return to
}

func (c *names) find(seg []byte, first uint64) *segment {
	if c.n == 0 {
		return nil
	}
	for i := place(first, c.shift); ; i++ {
		n := &c.table[i&(len(c.table)-1)]
		if n.to == nil || n.first == first && len(n.text) == len(seg) && (len(seg) <= 8 || n.text == string(seg)) {
			return n.to
		}
	}
}

func (c *names) add(n name) {
	if 2*(c.n+1) > len(c.table) {
		old := c.table
		c.table = make([]name, max(4, 2*len(old)))
		c.shift = uint8(64 - bits.Len(uint(len(c.table)-1)))
		for _, o := range old {
			if o.to != nil {
				c.put(o)
			}
		}
	}
	c.put(n)
	c.n++
}

func (c *names) put(n name) {
	i := place(n.first, c.shift)
	for c.table[i&(len(c.table)-1)].to != nil {
		i++
	}
	c.table[i&(len(c.table)-1)] = n
}

// place is where to look first: the upper bits of a product (Knuth's multiplicative hashing).
func place(first uint64, shift uint8) int { return int(first * 0x9e3779b97f4a7c15 >> shift) }

// method returns the index of a method, -1 when there are too many.
func (t *paths) method(m []byte) int {
	place := 0
	if n := len(m); n > 0 {
		place = (int(m[0]) + int(m[n-1]) + n) % len(t.near)
	}
	near := &t.near[place]
	if i := int(*near); i < len(t.methods) && t.methods[i] == string(m) {
		return i
	}
	i := slices.Index(t.methods, string(m))
	if i < 0 {
		if len(t.methods) >= maxMethods {
			return -1
		}
		i = len(t.methods)
		t.methods = append(t.methods, string(m))
	}
	*near = uint8(i)
	return i
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
	rest = 0x7f7f7f7f7f7f7f7f
)

// boundary is the number of bytes of x before the first '/', '?' or '#', 8 when there is none.
func boundary(x uint64) int {
	slash := (x | 0x10*ones) ^ '?'*ones // '/' and '?' differ in this bit alone
	hash := x ^ '#'*ones
	found := ((slash-ones)&^slash | (hash-ones)&^hash) & high
	return bits.TrailingZeros64(found) >> 3
}

// segmentEnd is the index of the first '/', '?' or '#' at or after p, or the length of the path.
func segmentEnd(path []byte, p int) int {
	for ; p+8 <= len(path); p += 8 {
		if k := boundary(binary.LittleEndian.Uint64(path[p:])); k < 8 {
			return p + k
		}
	}
	for p < len(path) && path[p] != '/' && path[p] != '?' && path[p] != '#' {
		p++
	}
	return p
}

// isCommonID reports whether a segment is an identifier of one of the kinds that nearly all are of: digits, a UUID, hexadecimal
// digits. isID says the same of each, in more time. first is the first eight bytes, or all of them.
func isCommonID(seg []byte, first uint64) bool {
	n := len(seg)
	if n < 8 {
		digits, _ := digitsOf(first | '0'*ones<<(8*n))
		return digits == high
	}
	if n == uuidLen && isUUID(seg) {
		return true
	}
	some, hex := digitsOf(first)
	for p := 8; hex && p < n; p += 8 {
		var digits uint64
		digits, hex = digitsOf(binary.LittleEndian.Uint64(seg[min(p, n-8):])) // some of the last eight are looked at twice
		some |= digits
	}
	return hex && some != 0
}

const uuidLen = len("01234567-89ab-cdef-0123-456789abcdef")

// beginsWithUUID reports whether the first segment of a path is a UUID.
func beginsWithUUID(path []byte) bool {
	if len(path) < uuidLen || len(path) > uuidLen && path[uuidLen] != '/' && path[uuidLen] != '?' && path[uuidLen] != '#' {
		return false
	}
	return isUUID(path[:uuidLen])
}

// isUUID reports whether a segment of that length is a UUID.
func isUUID(p []byte) bool {
	if p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-' {
		return false
	}
	at := binary.LittleEndian.Uint64
	half := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(p[i:])) }
	return isHex(at(p)) && isHex(at(p[24:])) && isHex(at(p[28:])) && isHex(half(9)|half(14)<<32) && isHex(half(19)|half(24)<<32)
}

func isHex(x uint64) bool {
	_, hex := digitsOf(x)
	return hex
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
