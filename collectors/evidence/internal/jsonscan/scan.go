// Package jsonscan takes a few wanted values out of logs of one JSON object per line, many lines a second. It knows JSON and nothing of
// what the values mean. A line that is made as lines before it were is read by comparing it with them; see [Scanner].
package jsonscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"lastcall/collectors/evidence/internal/swar"
)

// Scanner takes the wanted values out of JSON objects that come one per line, exactly and once over the bytes.
//
// Two ways lead to the same result. The walk goes through any JSON, knows where it is (a "duration" within another object is not
// the wanted one) and is as strict as encoding/json. The prediction (predict.go) compares the line with what the lines before
// it were made of, and leaves to the walk what differs.
//
// What both agree on: of a key that comes twice the last value counts, and the members of an object that comes twice are merged;
// a dot in a key stands for nesting ("http.url_details.path" within "attributes" is the same as three objects); objects and arrays
// where a value is wanted are ignored; keys are compared exactly, upper and lower case; bytes that are not UTF-8 are kept.
//
// A Scanner is for one goroutine.
type Scanner struct {
	// Values are those of the last line, by slot; what Have does not name is of an older line.
	Values []Value
	// Have are the slots of this line whose last value is a string or a number.
	Have Set
	// Tags are the string elements of the arrays that the spec names; some that WantTag refuses are left out.
	Tags []Value
	// Tagged says whether these arrays have string elements at all.
	Tagged bool
	// WantTag, when set, may refuse tags by their text as it stands in the line. It is to be set before the first line.
	WantTag func(raw []byte) bool

	spec   *Spec
	line   []byte
	root   *node
	anyTag node // stands for elements beyond those that have nodes
	nodes  int
	path   []byte // scratch: dotted path of a key
	key    []byte // scratch: unescaped key
	stack  []byte // scratch: open brackets of a value that is skipped

	predictor
}

// Value is a scalar as it stands in the line: where it begins and ends, of a string without its quotes. Offsets rather than a
// slice, because they are written once per value and line, and pointers cost more.
type Value struct {
	Start, End uint32
	Kind       Kind
	Escaped    bool // a string with escapes
}

// Raw is the text of v as it stands in the line.
func (s *Scanner) Raw(v Value) []byte { return s.line[v.Start:v.End:v.End] }

// Set is a set of slots.
type Set [MaxSlots / 64]uint64

// MaxSlots is how many paths a spec may have.
const MaxSlots = 256

// Put adds a slot, which is 0 to MaxSlots-1.
func (s *Set) Put(slot int16) { s[uint16(slot)>>6&3] |= 1 << (uint16(slot) & 63) }

func (s *Set) drop(slot int16) { s[uint16(slot)>>6&3] &^= 1 << (uint16(slot) & 63) }

// Has reports whether a slot is in the set.
func (s *Set) Has(slot int16) bool { return s[uint16(slot)>>6&3]>>(uint16(slot)&63)&1 != 0 }

// HasAll reports whether all slots of o are in s.
func (s *Set) HasAll(o *Set) bool {
	return s[0]&o[0] == o[0] && s[1]&o[1] == o[1] && s[2]&o[2] == o[2] && s[3]&o[3] == o[3]
}

// HasAny reports whether any slot of o is in s.
func (s *Set) HasAny(o *Set) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

// Kind is what a value is.
type Kind uint8

// The kinds of values.
const (
	Absent Kind = iota
	String
	Number
	Other // true, false, null
)

// Spec says which values are wanted. It is made once and shared.
type Spec struct {
	slots int
	// paths holds, for each wanted dotted path and each of its prefixes, the slot (or -1) and whether something wanted is below.
	paths map[string]wish
}

type wish struct {
	slot  int16
	below bool
	tags  bool // the string elements of an array here are wanted
}

// NewSpec makes a spec of dotted paths; the slot of a path is its index. A path that ends in "[]" asks for the string elements
// of an array instead, and its slot stays empty. There are at most MaxSlots.
func NewSpec(paths ...string) *Spec {
	s := &Spec{slots: len(paths), paths: map[string]wish{"": {slot: -1, below: true}}}
	for i, p := range paths {
		tags := false
		if n := len(p) - 2; n > 0 && p[n:] == "[]" {
			p, tags = p[:n], true
		}
		for j := range p {
			if p[j] == '.' {
				w, ok := s.paths[p[:j]]
				if !ok {
					w.slot = -1
				}
				w.below = true
				s.paths[p[:j]] = w
			}
		}
		w, ok := s.paths[p]
		if !ok {
			w.slot = -1
		}
		if tags {
			w.tags = true
		} else {
			w.slot = int16(i)
		}
		s.paths[p] = w
	}
	return s
}

// node is a place in the objects and arrays: one node per key that leads somewhere wanted, and, as long as the predictor
// learns, one per key and element seen.
type node struct {
	key   []byte
	path  string // dotted
	want  wish
	isTag bool    // an element of an array whose strings are wanted
	kids  []*node // by key
	elems []*node // by index
	after *node   // the sibling that came next last time
	first *node   // the kid that came first last time

	learnt
}

const (
	maxNodes      = 1024 // that nobody wants
	maxKids       = 128  // of one node, likewise
	maxElems      = 64
	maxKey        = 128 // bytes, likewise
	maxDepth      = 10_000
	maxTracedNest = 24
)

// New makes a scanner that has seen no line.
func New(spec *Spec) *Scanner {
	s := &Scanner{spec: spec, Values: make([]Value, spec.slots)}
	s.root = &node{want: spec.paths[""]}
	s.anyTag = node{want: wish{slot: -1}, isTag: true}
	return s
}

var (
	errEnd    = errors.New("the JSON ends early")
	errSyntax = errors.New("the JSON is broken")
	errObject = errors.New("the JSON is no object")
	errDeep   = errors.New("the JSON is nested too deeply")
)

// Scan reads one line. After an error, which says that it is no JSON object, the values are undefined.
func (s *Scanner) Scan(line []byte) error {
	if n, ok := s.Predict(line); ok && n == len(line) {
		s.Recall(line)
		return nil
	}
	return s.scanSlow(line)
}

// scanSlow reads a line that was not predicted.
func (s *Scanner) scanSlow(line []byte) error {
	trace := s.mayLearn()
	if err := s.walk(line, trace); err != nil {
		return err
	}
	if trace && !s.traceFull {
		s.learn(line)
	}
	return nil
}

// begin forgets the values of the last line.
func (s *Scanner) begin(line []byte) {
	s.line = line
	s.Tags, s.Tagged = s.Tags[:0], false
	s.Have = Set{}
}

// walk reads one line the long way.
func (s *Scanner) walk(line []byte, trace bool) error {
	s.begin(line)
	s.tracing, s.traceFull, s.trace = trace, false, s.trace[:0]
	p := s.space(0)
	if p >= len(line) {
		return errEnd
	}
	if uint64(len(line)) > math.MaxUint32 {
		return errSyntax
	}
	if line[p] != '{' {
		return errObject
	}
	p, err := s.object(p+1, s.root, 1)
	if err != nil {
		return err
	}
	if s.space(p) != len(line) {
		return errSyntax
	}
	return nil
}

func (s *Scanner) space(p int) int {
	for p < len(s.line) && (s.line[p] == ' ' || s.line[p] == '\t' || s.line[p] == '\n' || s.line[p] == '\r') {
		p++
	}
	return p
}

// object reads the members of an object after its '{'. Recursion follows wanted or traced nodes only, so that its depth is small.
func (s *Scanner) object(p int, n *node, depth int) (int, error) {
	p = s.space(p)
	if p >= len(s.line) {
		return p, errEnd
	}
	if s.line[p] == '}' {
		return p + 1, nil
	}
	var before *node
	for {
		if p >= len(s.line) {
			return p, errEnd
		}
		if s.line[p] != '"' {
			return p, errSyntax
		}
		end, escaped, err := stringEnd(s.line, p+1)
		if err != nil {
			return p, err
		}
		key := s.line[p+1 : end]
		if escaped {
			s.key = Unescape(s.key[:0], key)
			key = s.key
		}
		kid := s.kid(n, before, key)
		before = kid
		p = s.space(end + 1)
		if p >= len(s.line) {
			return p, errEnd
		}
		if s.line[p] != ':' {
			return p, errSyntax
		}
		p = s.space(p + 1)
		if kid == nil {
			p, err = s.skip(p, depth)
		} else {
			p, err = s.value(p, kid, depth)
		}
		if err != nil {
			return p, err
		}
		p = s.space(p)
		if p >= len(s.line) {
			return p, errEnd
		}
		switch s.line[p] {
		case ',':
			p = s.space(p + 1)
		case '}':
			return p + 1, nil
		default:
			return p, errSyntax
		}
	}
}

// value reads the value at a node.
func (s *Scanner) value(p int, n *node, depth int) (int, error) {
	if p >= len(s.line) {
		return p, errEnd
	}
	switch c := s.line[p]; c {
	case '"':
		end, escaped, err := stringEnd(s.line, p+1)
		if err != nil {
			return p, err
		}
		s.scalar(n, Value{uint32(p + 1), uint32(end), String, escaped})
		return end + 1, nil
	case '{':
		if !n.want.below && !s.following(depth) {
			return s.skip(p, depth)
		}
		return s.object(p+1, n, depth+1)
	case '[':
		if !n.want.tags && !s.following(depth) {
			return s.skip(p, depth)
		}
		return s.array(p+1, n, depth+1)
	default:
		end, kind, err := s.bare(p)
		if err != nil {
			return p, err
		}
		s.scalar(n, Value{uint32(p), uint32(end), kind, false})
		return end, nil
	}
}

// array reads the elements of an array after its '['.
func (s *Scanner) array(p int, n *node, depth int) (int, error) {
	p = s.space(p)
	if p >= len(s.line) {
		return p, errEnd
	}
	if s.line[p] == ']' {
		return p + 1, nil
	}
	for i := 0; ; i++ {
		kid := s.element(n, i)
		var err error
		if kid == nil {
			p, err = s.skip(p, depth)
		} else {
			p, err = s.value(p, kid, depth)
		}
		if err != nil {
			return p, err
		}
		p = s.space(p)
		if p >= len(s.line) {
			return p, errEnd
		}
		switch s.line[p] {
		case ',':
			p = s.space(p + 1)
		case ']':
			return p + 1, nil
		default:
			return p, errSyntax
		}
	}
}

func (s *Scanner) scalar(n *node, v Value) {
	if n.want.slot >= 0 {
		s.set(n.want.slot, v)
	} else if n.isTag && v.Kind == String {
		s.Tags, s.Tagged = append(s.Tags, v), true
	}
	s.note(n, v)
}

func (s *Scanner) set(slot int16, v Value) {
	if v.Kind == Other {
		s.Have.drop(slot)
		return
	}
	s.Have.Put(slot)
	s.Values[slot] = v
}

// kid finds the node of a key, or makes it when it leads to something wanted or the line is traced; otherwise it is nil.
func (s *Scanner) kid(n, before *node, key []byte) *node {
	next := n.first
	if before != nil {
		next = before.after
	}
	if next != nil && string(next.key) == string(key) {
		return next
	}
	for _, k := range n.kids {
		if string(k.key) == string(key) {
			s.order(n, before, k)
			return k
		}
	}
	s.path = append(s.path[:0], n.path...)
	if len(n.path) > 0 || len(key) == 0 { // within the key "" nothing is wanted
		s.path = append(s.path, '.')
	}
	s.path = append(s.path, key...)
	want, wanted := s.spec.paths[string(s.path)]
	if !wanted || len(key) == 0 {
		if !s.tracing {
			return nil
		}
		if s.nodes >= maxNodes || len(n.kids) >= maxKids || len(key) > maxKey {
			s.traceFull = true
			return nil
		}
		s.nodes++
		want = wish{slot: -1}
	}
	k := &node{key: bytes.Clone(key), path: string(s.path), want: want}
	n.kids = append(n.kids, k)
	s.order(n, before, k)
	return k
}

// order remembers which key came after which.
func (s *Scanner) order(n, before, k *node) {
	if before != nil {
		before.after = k
	} else {
		n.first = k
	}
}

// element finds the node of an array's element, or makes it as kid does.
func (s *Scanner) element(n *node, i int) *node {
	if i < len(n.elems) {
		return n.elems[i]
	}
	if i >= maxElems || s.nodes >= maxNodes || !s.tracing {
		s.traceFull = true
		if n.want.tags {
			return &s.anyTag
		}
		return nil
	}
	s.nodes++
	// Elements carry a path that no key can have together with its parents, so that nothing within them is wanted.
	k := &node{path: n.path + "[]", want: wish{slot: -1}, isTag: n.want.tags}
	n.elems = append(n.elems, k)
	return k
}

// following says whether the members of an object or array that nobody wants are looked at for learning.
func (s *Scanner) following(depth int) bool {
	if s.tracing && depth >= maxTracedNest {
		s.traceFull = true
		return false
	}
	return s.tracing
}

// bare reads a number, true, false or null.
func (s *Scanner) bare(p int) (int, Kind, error) { return bareEnd(s.line, p) }

// bareEnd finds the end of the number, true, false or null that begins at b[p].
func bareEnd(b []byte, p int) (int, Kind, error) {
	if c := b[p]; c >= '1' && c <= '9' {
		i := p + 1
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == len(b) || b[i] != '.' && b[i]|0x20 != 'e' {
			return i, Number, nil
		}
	}
	return bareEndSlow(b, p)
}

func bareEndSlow(b []byte, p int) (int, Kind, error) {
	for _, word := range [...]string{"true", "false", "null"} {
		if b[p] == word[0] {
			if end := p + len(word); end <= len(b) && string(b[p:end]) == word {
				return end, Other, nil
			}
			return p, Absent, errSyntax
		}
	}
	i := p
	if b[i] == '-' {
		i++
	}
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	if i == start || b[start] == '0' && i > start+1 {
		return p, Absent, errSyntax
	}
	if i < len(b) && b[i] == '.' {
		i++
		start = i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == start {
			return p, Absent, errSyntax
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == start {
			return p, Absent, errSyntax
		}
	}
	return i, Number, nil
}

// swarSpecial marks, by the highest bit of its byte, the first byte of x that is a quote, a backslash or below 0x20; above the first
// mark there may be false ones. A quote is 0x22 and becomes 0x20 when its second bit is flipped, a blank becomes 0x22, and bytes
// below 0x20 stay there: one comparison finds both.
func swarSpecial(x uint64) uint64 {
	y := x ^ (0x02 * swar.Ones)
	z := x ^ ('\\' * swar.Ones)
	return ((y - 0x21*swar.Ones) | (z - swar.Ones)) &^ x & swar.High
}

// swarUnusual is swarSpecial that may also mark bytes beyond ASCII: two instructions less on every word of a string were a tenth of the
// time of reading JSON.
func swarUnusual(x uint64) uint64 {
	y := x ^ (0x02 * swar.Ones)
	z := x ^ ('\\' * swar.Ones)
	return ((y - 0x21*swar.Ones) | (z - swar.Ones)) & swar.High
}

// stringEnd finds the quote that closes the string whose text begins at b[p], and checks the text as encoding/json does: no
// control characters, only known escapes.
func stringEnd(b []byte, p int) (end int, escaped bool, err error) {
	for p+8 <= len(b) {
		if found := swarSpecial(binary.LittleEndian.Uint64(b[p:])); found != 0 {
			p += bits.TrailingZeros64(found) >> 3
			if b[p] == '"' {
				return p, false, nil
			}
			break
		}
		p += 8
	}
	return stringTail(b, p)
}

// stringTail is stringEnd for the end of the line and strings with escapes.
func stringTail(b []byte, p int) (end int, escaped bool, err error) {
	for p < len(b) {
		c := b[p]
		switch {
		case c == '"':
			return p, escaped, nil
		case c < 0x20:
			return p, escaped, errSyntax
		case c != '\\':
			p++
			continue
		}
		escaped = true
		if p+1 >= len(b) {
			break
		}
		switch b[p+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			p += 2
		case 'u':
			if p+6 > len(b) {
				return p, escaped, errEnd
			}
			if _, ok := hex4(b[p+2 : p+6]); !ok {
				return p, escaped, errSyntax
			}
			p += 6
		default:
			return p, escaped, errSyntax
		}
		for p+8 <= len(b) {
			if found := swarSpecial(binary.LittleEndian.Uint64(b[p:])); found != 0 {
				p += bits.TrailingZeros64(found) >> 3
				break
			}
			p += 8
		}
	}
	return p, escaped, errEnd
}

func hex4(b []byte) (r rune, ok bool) {
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// skip passes over a value that nobody wants, as strictly as the rest.
func (s *Scanner) skip(p, depth int) (int, error) {
	s.stack = s.stack[:0]
	b := s.line
	for {
		// A value begins at p.
		if p >= len(b) {
			return p, errEnd
		}
		switch c := b[p]; c {
		case '{', '[':
			if depth+len(s.stack)+1 > maxDepth {
				return p, errDeep
			}
			s.stack = append(s.stack, c)
			p = s.space(p + 1)
			if p < len(b) && b[p] == c+2 { // '}' and ']' are two after '{' and '['
				s.stack = s.stack[:len(s.stack)-1]
				p++
				break
			}
			if c == '[' {
				continue
			}
			var err error
			if p, err = s.skipKey(p); err != nil {
				return p, err
			}
			continue
		case '"':
			end, _, err := stringEnd(b, p+1)
			if err != nil {
				return p, err
			}
			p = end + 1
		default:
			end, _, err := bareEnd(b, p)
			if err != nil {
				return p, err
			}
			p = end
		}
		// A value ended at p: close what ends here, or go on to the next value.
		for {
			if len(s.stack) == 0 {
				return p, nil
			}
			p = s.space(p)
			if p >= len(b) {
				return p, errEnd
			}
			open := s.stack[len(s.stack)-1]
			if b[p] == open+2 {
				s.stack = s.stack[:len(s.stack)-1]
				p++
				continue
			}
			if b[p] != ',' {
				return p, errSyntax
			}
			p = s.space(p + 1)
			if open == '{' {
				var err error
				if p, err = s.skipKey(p); err != nil {
					return p, err
				}
			}
			break
		}
	}
}

// skipKey passes over `"key":`.
func (s *Scanner) skipKey(p int) (int, error) {
	if p >= len(s.line) {
		return p, errEnd
	}
	if s.line[p] != '"' {
		return p, errSyntax
	}
	end, _, err := stringEnd(s.line, p+1)
	if err != nil {
		return p, err
	}
	p = s.space(end + 1)
	if p >= len(s.line) {
		return p, errEnd
	}
	if s.line[p] != ':' {
		return p, errSyntax
	}
	return s.space(p + 1), nil
}

// Text returns the text of a string or number, without escapes; nil for anything else. With escapes it is valid until the next call
// with the same buffer.
func (s *Scanner) Text(v Value, buf *[]byte) []byte {
	switch {
	case v.Kind != String && v.Kind != Number:
		return nil
	case !v.Escaped:
		return s.Raw(v)
	}
	*buf = Unescape((*buf)[:0], s.Raw(v))
	return *buf
}

// Unescape appends the text of a valid JSON string; halves of surrogate pairs become U+FFFD, as encoding/json has it.
func Unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if n := bytes.IndexByte(raw[i:], '\\'); n != 0 {
			if n < 0 {
				n = len(raw) - i
			}
			dst = append(dst, raw[i:i+n]...)
			if i += n; i == len(raw) {
				break
			}
		}
		i++
		switch raw[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(raw[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					low, _ := hex4(raw[i+3:])
					pair = utf16.DecodeRune(r, low)
				}
				if pair != utf8.RuneError {
					i += 6
				}
				r = pair
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, raw[i])
		}
	}
	return dst
}
