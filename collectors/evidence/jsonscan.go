package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScan takes the wanted values out of JSON objects that come one per line, exactly and once over the bytes.
//
// Two ways lead to the same result. The walk goes through any JSON, knows where it is (a "duration" within another object is not
// the wanted one) and is as strict as encoding/json. The prediction (jsonpredict.go) compares the line with what the lines before
// it were made of, and leaves to the walk what differs.
//
// What both agree on: of a key that comes twice the last value counts, and the members of an object that comes twice are merged;
// a dot in a key stands for nesting ("http.url_details.path" within "attributes" is the same as three objects); objects and arrays
// where a value is wanted are ignored; keys are compared exactly, upper and lower case; bytes that are not UTF-8 are kept.
type jsonScan struct {
	spec *jsonSpec
	vals []jsonValue // by slot; what have does not name is of an older line
	have jsonSet     // the slots of this line whose last value is a string or a number
	tags []jsonValue // the string elements of the arrays that the spec names; some that wantTag refuses are left out
	// tagged says whether these arrays have string elements at all.
	tagged bool

	line   []byte
	root   *jsonNode
	anyTag jsonNode // stands for elements beyond those that have nodes
	nodes  int
	path   []byte // scratch: dotted path of a key
	key    []byte // scratch: unescaped key
	stack  []byte // scratch: open brackets of a value that is skipped

	jsonPredictor
}

// jsonValue is a scalar as it stands in the line: where it begins and ends, of a string without its quotes. Offsets rather than a
// slice, because they are written once per value and line, and pointers cost more.
type jsonValue struct {
	start, end uint32
	kind       jsonKind
	escaped    bool // a string with escapes
}

// raw is the text of v as it stands in the line.
func (s *jsonScan) raw(v jsonValue) []byte { return s.line[v.start:v.end:v.end] }

// jsonSet is a set of slots.
type jsonSet [maxJSONSlots / 64]uint64

const maxJSONSlots = 256

func (s *jsonSet) put(slot int16)      { s[uint16(slot)>>6&3] |= 1 << (uint16(slot) & 63) }
func (s *jsonSet) drop(slot int16)     { s[uint16(slot)>>6&3] &^= 1 << (uint16(slot) & 63) }
func (s *jsonSet) has(slot int16) bool { return s[uint16(slot)>>6&3]>>(uint16(slot)&63)&1 != 0 }
func (s *jsonSet) all(o *jsonSet) bool {
	return s[0]&o[0] == o[0] && s[1]&o[1] == o[1] && s[2]&o[2] == o[2] && s[3]&o[3] == o[3]
}

func (s *jsonSet) any(o *jsonSet) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

type jsonKind uint8

const (
	jsonAbsent jsonKind = iota
	jsonString
	jsonNumber
	jsonOther // true, false, null
)

// jsonSpec says which values are wanted. It is made once and shared.
type jsonSpec struct {
	slots int
	// paths holds, for each wanted dotted path and each of its prefixes, the slot (or -1) and whether something wanted is below.
	paths map[string]jsonWant
}

type jsonWant struct {
	slot  int16
	below bool
	tags  bool // the string elements of an array here are wanted
}

// newJSONSpec makes a spec of dotted paths; the slot of a path is its index. A path that ends in "[]" asks for the string elements
// of an array instead, and takes no slot of vals.
func newJSONSpec(paths ...string) *jsonSpec {
	s := &jsonSpec{slots: len(paths), paths: map[string]jsonWant{"": {slot: -1, below: true}}}
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

// jsonNode is a place in the objects and arrays: one node per key that leads somewhere wanted, and, as long as the predictor
// learns, one per key and element seen.
type jsonNode struct {
	key   []byte
	path  string // dotted
	want  jsonWant
	isTag bool        // an element of an array whose strings are wanted
	kids  []*jsonNode // by key
	elems []*jsonNode // by index
	after *jsonNode   // the sibling that came next last time
	first *jsonNode   // the kid that came first last time

	jsonLearnt
}

const (
	maxJSONNodes  = 1024 // that nobody wants
	maxJSONKids   = 128  // of one node, likewise
	maxJSONElems  = 64
	maxJSONKey    = 128 // bytes, likewise
	maxJSONDepth  = 10_000
	maxTracedNest = 24
)

func newJSONScan(spec *jsonSpec) *jsonScan {
	s := &jsonScan{spec: spec, vals: make([]jsonValue, spec.slots)}
	s.root = &jsonNode{want: spec.paths[""]}
	s.anyTag = jsonNode{want: jsonWant{slot: -1}, isTag: true}
	return s
}

var (
	errJSONEnd    = errors.New("the JSON ends early")
	errJSONSyntax = errors.New("the JSON is broken")
	errJSONObject = errors.New("the JSON is no object")
	errJSONDeep   = errors.New("the JSON is nested too deeply")
)

// scan reads one line. After an error the values are undefined.
func (s *jsonScan) scan(line []byte) error {
	if n, ok := s.predict(line); ok && n == len(line) {
		s.recall(line)
		return nil
	}
	return s.scanSlow(line)
}

// scanSlow reads a line that was not predicted.
func (s *jsonScan) scanSlow(line []byte) error {
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
func (s *jsonScan) begin(line []byte) {
	s.line = line
	s.tags, s.tagged = s.tags[:0], false
	s.have = jsonSet{}
}

// walk reads one line the long way.
func (s *jsonScan) walk(line []byte, trace bool) error {
	s.begin(line)
	s.tracing, s.traceFull, s.trace = trace, false, s.trace[:0]
	p := s.space(0)
	if p >= len(line) {
		return errJSONEnd
	}
	if uint64(len(line)) > math.MaxUint32 {
		return errJSONSyntax
	}
	if line[p] != '{' {
		return errJSONObject
	}
	p, err := s.object(p+1, s.root, 1)
	if err != nil {
		return err
	}
	if s.space(p) != len(line) {
		return errJSONSyntax
	}
	return nil
}

func (s *jsonScan) space(p int) int {
	for p < len(s.line) && (s.line[p] == ' ' || s.line[p] == '\t' || s.line[p] == '\n' || s.line[p] == '\r') {
		p++
	}
	return p
}

// object reads the members of an object after its '{'. Recursion follows wanted or traced nodes only, so that its depth is small.
func (s *jsonScan) object(p int, n *jsonNode, depth int) (int, error) {
	p = s.space(p)
	if p >= len(s.line) {
		return p, errJSONEnd
	}
	if s.line[p] == '}' {
		return p + 1, nil
	}
	var before *jsonNode
	for {
		if p >= len(s.line) {
			return p, errJSONEnd
		}
		if s.line[p] != '"' {
			return p, errJSONSyntax
		}
		end, escaped, err := jsonStringEnd(s.line, p+1)
		if err != nil {
			return p, err
		}
		key := s.line[p+1 : end]
		if escaped {
			s.key = unescapeJSON(s.key[:0], key)
			key = s.key
		}
		kid := s.kid(n, before, key)
		before = kid
		p = s.space(end + 1)
		if p >= len(s.line) {
			return p, errJSONEnd
		}
		if s.line[p] != ':' {
			return p, errJSONSyntax
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
			return p, errJSONEnd
		}
		switch s.line[p] {
		case ',':
			p = s.space(p + 1)
		case '}':
			return p + 1, nil
		default:
			return p, errJSONSyntax
		}
	}
}

// value reads the value at a node.
func (s *jsonScan) value(p int, n *jsonNode, depth int) (int, error) {
	if p >= len(s.line) {
		return p, errJSONEnd
	}
	switch c := s.line[p]; c {
	case '"':
		end, escaped, err := jsonStringEnd(s.line, p+1)
		if err != nil {
			return p, err
		}
		s.scalar(n, jsonValue{uint32(p + 1), uint32(end), jsonString, escaped})
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
		s.scalar(n, jsonValue{uint32(p), uint32(end), kind, false})
		return end, nil
	}
}

// array reads the elements of an array after its '['.
func (s *jsonScan) array(p int, n *jsonNode, depth int) (int, error) {
	p = s.space(p)
	if p >= len(s.line) {
		return p, errJSONEnd
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
			return p, errJSONEnd
		}
		switch s.line[p] {
		case ',':
			p = s.space(p + 1)
		case ']':
			return p + 1, nil
		default:
			return p, errJSONSyntax
		}
	}
}

func (s *jsonScan) scalar(n *jsonNode, v jsonValue) {
	if n.want.slot >= 0 {
		s.set(n.want.slot, v)
	} else if n.isTag && v.kind == jsonString {
		s.tags, s.tagged = append(s.tags, v), true
	}
	s.note(n, v)
}

func (s *jsonScan) set(slot int16, v jsonValue) {
	if v.kind == jsonOther {
		s.have.drop(slot)
		return
	}
	s.have.put(slot)
	s.vals[slot] = v
}

// kid finds the node of a key, or makes it when it leads to something wanted or the line is traced; otherwise it is nil.
func (s *jsonScan) kid(n, before *jsonNode, key []byte) *jsonNode {
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
		if s.nodes >= maxJSONNodes || len(n.kids) >= maxJSONKids || len(key) > maxJSONKey {
			s.traceFull = true
			return nil
		}
		s.nodes++
		want = jsonWant{slot: -1}
	}
	k := &jsonNode{key: bytes.Clone(key), path: string(s.path), want: want}
	n.kids = append(n.kids, k)
	s.order(n, before, k)
	return k
}

// order remembers which key came after which.
func (s *jsonScan) order(n, before, k *jsonNode) {
	if before != nil {
		before.after = k
	} else {
		n.first = k
	}
}

// element finds the node of an array's element, or makes it as kid does.
func (s *jsonScan) element(n *jsonNode, i int) *jsonNode {
	if i < len(n.elems) {
		return n.elems[i]
	}
	if i >= maxJSONElems || s.nodes >= maxJSONNodes || !s.tracing {
		s.traceFull = true
		if n.want.tags {
			return &s.anyTag
		}
		return nil
	}
	s.nodes++
	// Elements carry a path that no key can have together with its parents, so that nothing within them is wanted.
	k := &jsonNode{path: n.path + "[]", want: jsonWant{slot: -1}, isTag: n.want.tags}
	n.elems = append(n.elems, k)
	return k
}

// following says whether the members of an object or array that nobody wants are looked at for learning.
func (s *jsonScan) following(depth int) bool {
	if s.tracing && depth >= maxTracedNest {
		s.traceFull = true
		return false
	}
	return s.tracing
}

// bare reads a number, true, false or null.
func (s *jsonScan) bare(p int) (int, jsonKind, error) { return jsonBareEnd(s.line, p) }

// jsonBareEnd finds the end of the number, true, false or null that begins at b[p].
func jsonBareEnd(b []byte, p int) (int, jsonKind, error) {
	if c := b[p]; c >= '1' && c <= '9' {
		i := p + 1
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == len(b) || b[i] != '.' && b[i]|0x20 != 'e' {
			return i, jsonNumber, nil
		}
	}
	return jsonBareEndSlow(b, p)
}

func jsonBareEndSlow(b []byte, p int) (int, jsonKind, error) {
	for _, word := range [...]string{"true", "false", "null"} {
		if b[p] == word[0] {
			if end := p + len(word); end <= len(b) && string(b[p:end]) == word {
				return end, jsonOther, nil
			}
			return p, jsonAbsent, errJSONSyntax
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
		return p, jsonAbsent, errJSONSyntax
	}
	if i < len(b) && b[i] == '.' {
		i++
		start = i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == start {
			return p, jsonAbsent, errJSONSyntax
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
			return p, jsonAbsent, errJSONSyntax
		}
	}
	return i, jsonNumber, nil
}

// swarSpecial marks, by the highest bit of its byte, the first byte of x that is a quote, a backslash or below 0x20; above the first
// mark there may be false ones. A quote is 0x22 and becomes 0x20 when its second bit is flipped, a blank becomes 0x22, and bytes
// below 0x20 stay there: one comparison finds both.
func swarSpecial(x uint64) uint64 {
	y := x ^ (0x02 * swarOnes)
	z := x ^ ('\\' * swarOnes)
	return ((y - 0x21*swarOnes) | (z - swarOnes)) &^ x & swarHigh
}

// swarUnusual is swarSpecial that may also mark bytes beyond ASCII: two instructions less on every word of a string were a tenth of the
// time of reading JSON.
func swarUnusual(x uint64) uint64 {
	y := x ^ (0x02 * swarOnes)
	z := x ^ ('\\' * swarOnes)
	return ((y - 0x21*swarOnes) | (z - swarOnes)) & swarHigh
}

// jsonStringEnd finds the quote that closes the string whose text begins at b[p], and checks the text as encoding/json does: no
// control characters, only known escapes.
func jsonStringEnd(b []byte, p int) (end int, escaped bool, err error) {
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
	return jsonStringTail(b, p)
}

// jsonStringTail is jsonStringEnd for the end of the line and strings with escapes.
func jsonStringTail(b []byte, p int) (end int, escaped bool, err error) {
	for p < len(b) {
		c := b[p]
		switch {
		case c == '"':
			return p, escaped, nil
		case c < 0x20:
			return p, escaped, errJSONSyntax
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
				return p, escaped, errJSONEnd
			}
			if _, ok := hex4(b[p+2 : p+6]); !ok {
				return p, escaped, errJSONSyntax
			}
			p += 6
		default:
			return p, escaped, errJSONSyntax
		}
		for p+8 <= len(b) {
			if found := swarSpecial(binary.LittleEndian.Uint64(b[p:])); found != 0 {
				p += bits.TrailingZeros64(found) >> 3
				break
			}
			p += 8
		}
	}
	return p, escaped, errJSONEnd
}

func hex4(b []byte) (r rune, ok bool) {
	for _, c := range b[:4] {
		switch {
		case isDigit(c):
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
func (s *jsonScan) skip(p, depth int) (int, error) {
	s.stack = s.stack[:0]
	b := s.line
	for {
		// A value begins at p.
		if p >= len(b) {
			return p, errJSONEnd
		}
		switch c := b[p]; c {
		case '{', '[':
			if depth+len(s.stack)+1 > maxJSONDepth {
				return p, errJSONDeep
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
			end, _, err := jsonStringEnd(b, p+1)
			if err != nil {
				return p, err
			}
			p = end + 1
		default:
			end, _, err := jsonBareEnd(b, p)
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
				return p, errJSONEnd
			}
			open := s.stack[len(s.stack)-1]
			if b[p] == open+2 {
				s.stack = s.stack[:len(s.stack)-1]
				p++
				continue
			}
			if b[p] != ',' {
				return p, errJSONSyntax
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
func (s *jsonScan) skipKey(p int) (int, error) {
	if p >= len(s.line) {
		return p, errJSONEnd
	}
	if s.line[p] != '"' {
		return p, errJSONSyntax
	}
	end, _, err := jsonStringEnd(s.line, p+1)
	if err != nil {
		return p, err
	}
	p = s.space(end + 1)
	if p >= len(s.line) {
		return p, errJSONEnd
	}
	if s.line[p] != ':' {
		return p, errJSONSyntax
	}
	return s.space(p + 1), nil
}

// text returns the text of a string or number, without escapes; nil for anything else. With escapes it is valid until the next call
// with the same buffer.
func (s *jsonScan) text(v jsonValue, buf *[]byte) []byte {
	switch {
	case v.kind != jsonString && v.kind != jsonNumber:
		return nil
	case !v.escaped:
		return s.raw(v)
	}
	*buf = unescapeJSON((*buf)[:0], s.raw(v))
	return *buf
}

// unescapeJSON appends the text of a valid JSON string; halves of surrogate pairs become U+FFFD, as encoding/json has it.
func unescapeJSON(dst, raw []byte) []byte {
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
