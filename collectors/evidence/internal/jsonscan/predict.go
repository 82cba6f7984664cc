package jsonscan

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"

	"lastcall/collectors/evidence/internal/swar"
)

// The predictor of Scanner. The lines of one service are made of the same pieces: `{"level":30,"time":`, a number,
// `,"pid":23208,"hostname":"`, a text, and so on. It learns these pieces from lines that the walk has read, and a line that is made
// of them in an order that was seen before is read by comparing the pieces and finding the ends of the values between them.
//
// Why that is exact: a state is the place of the last value (its keys and indexes, not the text before it) and its kind. What may
// follow a value in JSON depends on the brackets open around it, and they follow from its place; so any chain of pieces through the
// states is valid JSON in which each value is at its place, given that the values are valid themselves, which is checked. Fuzzing
// compares prediction and walk, and the walk with encoding/json.
//
// Values are part of the pieces as long as they never changed; the first change makes them values of their own, and the pieces are
// learnt anew. A piece knows the wanted values in it. States are places rather than beginnings of lines, because optional and
// shuffled keys would make too many beginnings.
//
// The chain of edges that a line took is its shape. Lines of one shape have values at the same places and of the same kinds: what
// follows from that alone need be found out once per shape.
type predictor struct {
	start junction
	edges []*edge // by id

	// What follow found in the line: the values between the pieces, and the chain of edges with the kinds of these values.
	steps int
	spans [maxSteps]Span
	chain [maxSteps * 2]byte

	shapes map[string]*Shape // by chain
	recent [16]*Shape        // the last one of so many steps

	tracing, traceFull bool
	trace              []token
	places             []*learnt // those that have states, to be cleared

	size          int // bytes in pieces
	count         int // lines that were tried
	lines, misses int // in the current window
	pause         int // lines to be walked without trying
	relearnt      int
}

// Span is where a value begins and ends in the line.
type Span struct{ Start, End uint32 }

// Shape is what lines that took the same chain of edges have in common.
type Shape struct {
	chain string
	// Plan is what the caller made of the shape, and Tries how often it tried; both begin empty, and are the caller's alone.
	Plan  any
	Tries int
}

// learnt is what the predictor knows of one place.
type learnt struct {
	seen, varies bool
	constant     []byte
	kind         Kind
	states       [2]*junction // after a string; after anything else
}

// junction is where the prediction stands after a value.
type junction struct {
	edges []*edge
	first *edge // the first of edges, or one that leads nowhere
}

// edge is a piece that may follow, and the value after it.
type edge struct {
	head, mask uint64 // the first eight bytes of the piece, to be compared at once
	tail       uint64 // its last eight bytes, of a piece of more than eight
	size       int    // of the piece
	piece      []byte
	to         *junction // nil: the piece ends the line
	id         uint16    // its index, shifted by stepBits
	slot       int16
	kind       Kind // a number stands for all that are no strings; absent: the piece ends the line
	text       bool // the value is a string
	isTag      bool
	noted      bool         // the value is wanted
	key        uint8        // so many bytes of the value belong to the piece: the key of a tag, "container_id:"
	consts     []constValue // the wanted values within the piece
	tagged     bool         // the piece holds a tag
	late       int          // the line that took the edge after others were tried
}

// constValue is a wanted value within a piece.
type constValue struct {
	slot  int16 // -1: a tag
	value Value
}

// noEdge is where run stops.
var noEdge = edge{size: nowhere}

// What the chain says of the value after an edge, beside the edge.
const (
	stepOther   = 1 // true, false or null
	stepEscaped = 2 // a wanted string with escapes
	stepBits    = 2
)

// token is one scalar of a line that is traced.
type token struct {
	node *node
	Value
}

const (
	maxTokens   = 256
	maxSteps    = maxTokens + 1
	maxEdges    = 12
	maxAllEdges = math.MaxUint16 >> stepBits
	maxTagKeys  = 6  // of one place, before its tags are taken whole
	maxTagKey   = 64 // bytes
	maxConstant = 64
	maxPieces   = 1 << 20
	maxRelearnt = 4096
	maxShapes   = 256
	window      = 1024
	pauseLines  = 16 * window

	nowhere = 1 << 30 // bytes: more than any line has
)

// Predict reads the line at the beginning of data, if it is made of known pieces, and returns its length. The line ends with data or
// with a newline, which is not part of it. What it found is in spans and chain: Span, Shape and Places tell of it at once, Values, Have and
// Tags after Recall only.
func (s *Scanner) Predict(data []byte) (n int, ok bool) {
	if s.pause > 0 {
		s.pause--
		return 0, false
	}
	s.count++
	s.lines++
	if s.lines >= window {
		if s.misses > window/2 {
			s.pause = pauseLines
		}
		s.lines, s.misses = 0, 0
	}
	if len(s.start.edges) > 0 && len(data) < nowhere {
		if n := s.follow(data); n >= 0 {
			return n, true
		}
	}
	s.misses++
	return 0, false
}

// follow goes from piece to piece and returns where the line ends, -1 when it is made otherwise. Values cannot run over the end of the
// line, because newlines are not allowed in them, and pieces hold none.
func (s *Scanner) follow(data []byte) int {
	state, p, k := &s.start, 0, 0
	for {
		n, end := s.run(data, state.first, p, k)
		if end >= 0 {
			s.steps = n
			return end
		}
		if n >= maxSteps {
			return -1
		}
		if n > k {
			k = n
			e, _, _ := s.step(k - 1)
			state, p = e.to, int(s.spans[k-1].End)
		}
		if state, p = s.branch(data, state, p, k); p < 0 {
			return -1
		}
		k++
		if state == nil {
			s.steps = k
			return p
		}
	}
}

// run follows the first edges of the states, as far as they go and nothing unusual comes: no escapes, no exponents, no text beyond
// ASCII, not the end of data. The state that it returns is nil at the end of the line.
// This is where the time of reading JSON goes: words of eight bytes are compared and searched at once, and what is wanted of the values
// is left for later, when the whole line is known.
//
// The words are loaded without the checks of slices, which took a third of the time of reading: p and the length of a piece
// are never negative, and nothing is loaded beyond limit+8, the end of data.
func (s *Scanner) run(data []byte, e *edge, p, k int) (steps, end int) {
	base := unsafe.Pointer(unsafe.SliceData(data))
	limit := len(data) - 8
	for uint(k) < maxSteps {
		q := p + e.size
		if q > limit || (load8(base, p)^e.head)&e.mask != 0 {
			return k, -1
		}
		if e.size > 8 {
			if load8(base, q-8) != e.tail {
				return k, -1
			}
			if e.size > 16 {
				at, piece := unsafe.Add(base, p), unsafe.Pointer(unsafe.SliceData(e.piece))
				n := e.size - 8
				o := 8
				for ; o < n-8; o += 16 {
					if load8(at, o) != load8(piece, o) || load8(at, o+8) != load8(piece, o+8) {
						return k, -1
					}
				}
				if o < n && load8(at, o) != load8(piece, o) {
					return k, -1
				}
			}
		}
		end := q
		switch e.kind {
		case String:
			found := swarUnusual(load8(base, end))
			for found == 0 { // two words at a time: 4 % of all
				end += 16
				if end > limit {
					return k, -1
				}
				found = swarUnusual(load8(base, end-8))
				if found != 0 {
					end -= 8
					break
				}
				found = swarUnusual(load8(base, end))
			}
			end += bits.TrailingZeros64(found) >> 3
			if load1(base, end) != '"' {
				return k, -1
			}
		case Number:
			// What bareEnd does, for numbers without a minus and an exponent.
			found := swar.NoDigit(load8(base, end))
			for found == 0 {
				end += 8
				if end > limit {
					return k, -1
				}
				found = swar.NoDigit(load8(base, end))
			}
			end += bits.TrailingZeros64(found) >> 3
			if first := load1(base, q); first-'1' > 8 && (first != '0' || end != q+1) {
				return k, -1
			}
			c := load1(base, end)
			if c == '.' {
				point := end
				for end++; end <= limit && load1(base, end)-'0' <= 9; end++ {
				}
				if end == point+1 || end > limit {
					return k, -1
				}
				c = load1(base, end)
			}
			if c|0x20 == 'e' {
				return k, -1
			}
		default:
			if load1(base, q) != '\n' {
				return k, -1
			}
			binary.LittleEndian.PutUint16(s.chain[2*k:], e.id)
			return k + 1, q
		}
		s.spans[k] = Span{uint32(q), uint32(end)}
		binary.LittleEndian.PutUint16(s.chain[2*k:], e.id)
		p = end
		e = e.to.first
		k++
	}
	return k, -1
}

func load8(base unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(base, i))[:])
}

func load1(base unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(base, i)) }

// branch goes one step from a state, with all its edges and whatever value comes. The state that it returns is nil at the end of the
// line; the place is -1 where no edge goes on.
func (s *Scanner) branch(data []byte, state *junction, p, k int) (*junction, int) {
	for i, e := range state.edges {
		q := p + len(e.piece)
		if q > len(data) || string(data[p:q]) != string(e.piece) {
			continue
		}
		id := e.id
		end := q
		var err error
		switch {
		case e.to == nil:
			if q < len(data) && data[q] != '\n' && (data[q] != '\r' || q+1 < len(data) && data[q+1] != '\n') {
				continue
			}
		case e.text:
			var escaped bool
			if end, escaped, err = stringEnd(data, q); err != nil {
				continue
			}
			if escaped && e.noted {
				id |= stepEscaped
			}
		default:
			if q >= len(data) {
				continue
			}
			var kind Kind
			if end, kind, err = bareEnd(data, q); err != nil {
				continue
			}
			if kind == Other {
				id |= stepOther
			}
		}
		s.spans[k] = Span{uint32(q), uint32(end)}
		binary.LittleEndian.PutUint16(s.chain[2*k:], id)
		if i > 0 {
			s.late(state, i)
		}
		return e.to, end
	}
	return nil, -1
}

// late moves an edge that is often taken after others were tried before it.
func (s *Scanner) late(state *junction, i int) {
	e := state.edges[i]
	if s.count-e.late < 4 {
		state.edges[i], state.edges[i-1] = state.edges[i-1], e
		state.first = state.edges[0]
	}
	e.late = s.count
}

// Recall puts what Predict found of a line, its data up to its length, where the walk puts it: into Values, Have and Tags.
func (s *Scanner) Recall(line []byte) {
	s.begin(line)
	from := uint32(0) // of the piece
	for k := range s.steps {
		e, kind, escaped := s.step(k)
		for _, c := range e.consts {
			v := c.value
			v.Start += from
			v.End += from
			if c.slot < 0 {
				s.Tags = append(s.Tags, v)
			} else {
				s.set(c.slot, v)
			}
		}
		s.Tagged = s.Tagged || e.tagged || e.isTag && e.text
		if e.noted {
			v := Value{s.spans[k].Start - uint32(e.key), s.spans[k].End, kind, escaped}
			if e.slot >= 0 {
				s.set(e.slot, v)
			} else if e.text {
				s.Tags = append(s.Tags, v)
			}
		}
		from = s.spans[k].End
	}
}

// step is the edge that follow took at step k, and the kind of the value after it; of those that are wanted also whether it has escapes.
func (s *Scanner) step(k int) (e *edge, kind Kind, escaped bool) {
	id := binary.LittleEndian.Uint16(s.chain[2*k:])
	e = s.edges[id>>stepBits]
	switch {
	case e.text:
		return e, String, id&stepEscaped != 0
	case id&stepOther != 0:
		return e, Other, false
	}
	return e, Number, false
}

// Span is where the value of step k lies in the line that was predicted last; see [Place].
func (s *Scanner) Span(k int) Span { return s.spans[k] }

// Shape returns what is known of lines like the one that was predicted last; nil when there are too many kinds of lines.
func (s *Scanner) Shape() *Shape {
	chain := s.chain[:2*s.steps]
	recent := &s.recent[s.steps%len(s.recent)]
	if *recent != nil && (*recent).chain == string(chain) {
		return *recent
	}
	shape := s.shapes[string(chain)]
	if shape == nil {
		if len(s.shapes) >= maxShapes {
			return nil
		}
		if s.shapes == nil {
			s.shapes = map[string]*Shape{}
		}
		shape = &Shape{chain: string(chain)}
		s.shapes[shape.chain] = shape
	}
	*recent = shape
	return shape
}

// WalkOnly walks so many lines without a try to predict them.
func (s *Scanner) WalkOnly(lines int) { s.pause = lines }

// mayLearn says whether the line that was not predicted is worth learning from.
func (s *Scanner) mayLearn() bool {
	return s.pause == 0 && s.size < maxPieces && s.relearnt < maxRelearnt
}

// note remembers one scalar of the line that is walked.
func (s *Scanner) note(n *node, v Value) {
	if !s.tracing {
		return
	}
	if len(s.trace) >= maxTokens {
		s.traceFull = true
		return
	}
	s.trace = append(s.trace, token{n, v})
}

// learn takes the pieces of a line that was walked and traced.
func (s *Scanner) learn(line []byte) {
	changed := false
	for _, t := range s.trace {
		n := t.node
		raw := line[t.Start:t.End]
		switch {
		case n.varies:
		case len(raw) > maxConstant:
			n.varies = true
			changed = changed || n.seen
		case !n.seen:
			n.constant, n.kind = bytes.Clone(raw), t.Kind
		case n.kind != t.Kind || !bytes.Equal(n.constant, raw):
			n.varies, n.constant = true, nil
			changed = true
		}
		n.seen = true
	}
	if changed {
		s.forget()
	}
	state, from := &s.start, uint32(0)
	var consts []constValue
	tagged := false
	for _, t := range s.trace {
		n := t.node
		text := t.Kind == String
		isTag := n.isTag && text
		if !n.varies {
			tagged = tagged || isTag
			if n.want.slot >= 0 || isTag && s.wantsTag(line[t.Start:t.End]) {
				v := t.Value
				v.Start -= from
				v.End -= from
				consts = append(consts, constValue{n.want.slot, v})
			}
			continue
		}
		after := &n.states[0]
		if !text {
			after = &n.states[1]
		}
		if *after == nil {
			*after = &junction{first: &noEdge}
			s.places = append(s.places, &n.learnt)
		}
		e := edge{to: *after, slot: n.want.slot, isTag: n.isTag, text: text, consts: consts, tagged: tagged}
		e.noted = e.slot >= 0 || e.isTag
		if isTag {
			e.key = s.tagKey(state, *after, line[t.Start:t.End])
		}
		e.piece = line[from : t.Start+uint32(e.key)]
		if !s.add(state, e) {
			return
		}
		state, from, consts, tagged = *after, t.End, nil, false
	}
	s.add(state, edge{piece: line[from:], slot: -1, consts: consts, tagged: tagged})
}

// tagKey is the length of the key of a tag with its colon, which becomes part of the piece; 0 where it should not.
func (s *Scanner) tagKey(state, after *junction, raw []byte) uint8 {
	n := bytes.IndexByte(raw, ':') + 1
	if n > maxTagKey || bytes.IndexByte(raw[:n], '\\') >= 0 {
		return 0
	}
	others := 0
	for _, e := range state.edges {
		if e.to == after && e.key > 0 && !bytes.HasSuffix(e.piece, raw[:n]) {
			others++
		}
	}
	if others >= maxTagKeys {
		return 0
	}
	return uint8(n)
}

// wantsTag says whether a tag is to be remembered where it is part of a piece.
func (s *Scanner) wantsTag(raw []byte) bool {
	return s.WantTag == nil || bytes.IndexByte(raw, '\\') >= 0 || s.WantTag(raw)
}

func (s *Scanner) add(state *junction, e edge) bool {
	for _, o := range state.edges {
		if o.to == e.to && o.text == e.text && bytes.Equal(o.piece, e.piece) {
			return true
		}
	}
	if len(state.edges) >= maxEdges || len(s.edges) >= maxAllEdges || s.size+len(e.piece) > maxPieces {
		return false
	}
	s.size += len(e.piece)
	e.id = uint16(len(s.edges)) << stepBits
	e.piece = bytes.Clone(e.piece)
	e.head, e.mask = swar.FirstEight(e.piece)
	if e.size = len(e.piece); e.size > 8 {
		e.tail = binary.LittleEndian.Uint64(e.piece[e.size-8:])
	}
	switch {
	case e.text:
		e.kind = String
	case e.to != nil:
		e.kind = Number
	}
	state.edges = append(state.edges, &e)
	state.first = state.edges[0]
	s.edges = append(s.edges, &e)
	return true
}

// forget drops all pieces; what is known of the places stays.
func (s *Scanner) forget() {
	s.relearnt++
	s.start = junction{first: &noEdge}
	for _, l := range s.places {
		l.states = [2]*junction{}
	}
	s.places = s.places[:0]
	s.edges = s.edges[:0]
	s.shapes, s.recent = nil, [len(s.recent)]*Shape{}
	s.size = 0
}
