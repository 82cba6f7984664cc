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
	methods []string   // by index into segment.ends
	near    [32]method // to be tried first, by their ends
	nodes   int
	// begins remembers where beginnings of paths lead that are names alone, such as "/api/v1/users": one look for what would be a step
	// for each segment. The next one that has its place takes it.
	begins [1 << beginBits]beginning
}

// method is a method and its index.
type method struct {
	text  string
	index int
}

const (
	beginBits = 9
	beginMax  = 24 // bytes of a beginning
)

// beginning is the first n bytes of a path, the masks of those, and the node that they lead to.
type beginning struct {
	a, b, c             uint64
	maskA, maskB, maskC uint64
	n                   int
	to                  *segment
}

// segment is a node: a template up to and with one segment.
type segment struct {
	id    *segment           // the child for identifiers
	size  int                // length of the template so far
	names names              // the children that are names
	ends  [maxMethods]uint32 // id + 1 of the endpoint that ends here, by method; 0 where there is none yet
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
	maxMethods = 8
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
	if len(path) < 8 {
		return t.walk(t.root, path, 0)
	}
	a, b, c := binary.LittleEndian.Uint64(path), wordAt(path, 8), uint64(0)
	if len(path) > 16 {
		c = wordAt(path, 16)
	}
	// What follows a slash in the second eight bytes has no part in the place, and digits there have none: they may be an identifier's.
	slash := b ^ '/'*ones
	slash = (slash - ones) &^ slash & high
	letters := b & (slash ^ (slash - 1)) & (b >> 6 & ones * 0xff)
	known := &t.begins[(a*0x9e3779b97f4a7c15+letters*0xc2b2ae3d27d4eb4f)>>(64-beginBits)]
	if n := known.n; (a^known.a)&known.maskA|(b^known.b)&known.maskB|(c^known.c)&known.maskC == 0 &&
		(n == len(path) || n < len(path) && endsSegment[path[n]]) && known.to != nil {
		return t.walk(known.to, path, n)
	}
	if n := beginOf(path); n > 0 {
		if to := t.walk(t.root, path[:n], 0); to != nil {
			mask := func(from int) uint64 { return 1<<(8*max(n-from, 0)) - 1 }
			*known = beginning{a, b, c, mask(0), mask(8), mask(16), n, to}
		}
	}
	return t.walk(t.root, path, 0)
}

// beginOf returns how many bytes of a path beginnings remembers: names up to the one that reaches beyond the first eight bytes, or to the
// first identifier.
func beginOf(path []byte) (n int) {
	for n < 8 && n < len(path) && path[n] == '/' {
		end := segmentEnd(path, n+1)
		if seg := path[n+1 : end]; end > beginMax || len(seg) > 0 && (seg[0] >= '0' && seg[0] <= '9' || isID(seg)) {
			break
		}
		n = end
	}
	return n
}

// endsSegment has the bytes after which a segment cannot go on.
var endsSegment = [256]bool{'/': true, '?': true, '#': true}

// wordAt returns the eight bytes of a path at p, with zeros for those beyond its end.
func wordAt(path []byte, p int) (x uint64) {
	switch n := len(path); {
	case p+8 <= n:
		return binary.LittleEndian.Uint64(path[p:])
	case n >= 8:
		return binary.LittleEndian.Uint64(path[n-8:]) >> (8 * (p + 8 - n))
	}
	for i := len(path) - 1; i >= p; i-- {
		x = x<<8 | uint64(path[i])
	}
	return x
}

// walk goes on from a node with what follows path[:p]: nothing, a query, or a slash.
func (t *paths) walk(at *segment, path []byte, p int) *segment {
	for p < len(path) && path[p] == '/' {
		p++
		// The first eight bytes tell where most segments end, and what they are.
		first := wordAt(path, p)
		k := min(boundary(first), len(path)-p)
		end := p + k
		if k < 8 {
			first &= 1<<(8*k) - 1
			if k == 0 {
				continue
			}
			if at.id != nil && areDigits(first|'0'*ones<<(8*k)) && at.size+1 <= maxTemplate {
				at, p = at.id, end
				continue
			}
		} else if at.id != nil && beginsWithUUID(path[p:]) && at.size+1 <= maxTemplate {
			at, p = at.id, p+uuidLen
			continue
		} else {
			end = segmentEnd(path, end)
		}
		if at = t.child(at, path[p:end], first); at == nil {
			return nil
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
			at.id = &segment{size: at.size + len("/{id}")}
			t.nodes++
		}
		return at.id
	}
	to := &segment{size: at.size + 1 + len(seg)}
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
	place := uint(0)
	if n := len(m); n > 0 {
		place = uint(m[0]) + uint(m[n-1]) + uint(n)
	}
	near := &t.near[place%uint(len(t.near))]
	if near.text == string(m) && len(m) > 0 {
		return near.index
	}
	i := slices.Index(t.methods, string(m))
	if i < 0 {
		if len(t.methods) >= maxMethods {
			return -1
		}
		i = len(t.methods)
		t.methods = append(t.methods, string(m))
	}
	*near = method{t.methods[i], i}
	return i
}

const (
	ones = 0x0101010101010101
	high = 0x8080808080808080
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
	for {
		k := boundary(wordAt(path, p))
		if k < 8 || p+8 >= len(path) {
			return min(p+k, len(path))
		}
		p += 8
	}
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
	return len(path) >= uuidLen && path[8] == '-' && (len(path) == uuidLen || endsSegment[path[uuidLen]]) && isUUID(path[:uuidLen])
}

// isUUID reports whether a segment of that length is a UUID. It takes the dashes out and looks at everything else at once.
func isUUID(p []byte) bool {
	const (
		dashes1, bytes1 = '-' | '-'<<40, 0xff | 0xff<<40 // of p[8:16]
		dashes2, bytes2 = '-'<<16 | '-'<<56, 0xff<<16 | 0xff<<56
		toDigit         = '-' ^ '0'
	)
	at := binary.LittleEndian.Uint64
	a, b, c, d, e := at(p), at(p[8:]), at(p[16:]), at(p[24:]), at(p[28:])
	if b&bytes1 != dashes1 || c&bytes2 != dashes2 || (a|b|c|d|e)&high != 0 {
		return false
	}
	return hexDigits(a)&hexDigits(b^(toDigit|toDigit<<40))&hexDigits(c^(toDigit<<16|toDigit<<56))&hexDigits(d)&hexDigits(e)&high == high
}

// hexDigits sets the high bit of each byte of x that is a hexadecimal digit, where all are below 128.
func hexDigits(x uint64) uint64 {
	// Adding 128-k sets the high bit of a byte that is k or more.
	lower := x | 0x20*ones
	return (x+(0x80-'0')*ones)&^(x+(0x80-'9'-1)*ones) | (lower+(0x80-'a')*ones)&^(lower+(0x80-'f'-1)*ones)
}

// areDigits reports whether the eight bytes of x are decimal digits: their high halves are 3, and still are after adding 6.
func areDigits(x uint64) bool {
	return ((x^0x30*ones)|((x+0x06*ones)^0x30*ones))&(0xf0*ones) == 0
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
