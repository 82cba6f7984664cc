package evidence

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"
)

// The predictor of jsonScan. The lines of one service are made of the same pieces: `{"level":30,"time":`, a number,
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
// follows from that alone need be found out once per shape (see jsonPlan).
type jsonPredictor struct {
	start jsonState
	edges []*jsonEdge // by id

	// What follow found in the line: the values between the pieces, and the chain of edges with the kinds of these values.
	steps int
	spans [maxJSONSteps]jsonSpan
	chain [maxJSONSteps * 2]byte

	shapes map[string]*jsonShape // by chain
	recent [16]*jsonShape        // the last one of so many steps

	tracing, traceFull bool
	trace              []jsonToken
	places             []*jsonLearnt // those that have states, to be cleared
	wantTag            func(raw []byte) bool

	size          int // bytes in pieces
	count         int // lines that were tried
	lines, misses int // in the current window
	pause         int // lines to be walked without trying
	relearnt      int
}

// jsonSpan is where a value begins and ends in the line.
type jsonSpan struct{ start, end uint32 }

// jsonShape is what lines that took the same chain of edges have in common.
type jsonShape struct {
	chain string
	plan  *jsonPlan
	tries int // to make a plan
}

// jsonLearnt is what the predictor knows of one place.
type jsonLearnt struct {
	seen, varies bool
	constant     []byte
	kind         jsonKind
	states       [2]*jsonState // after a string; after anything else
}

// jsonState is where the prediction stands after a value.
type jsonState struct {
	edges []*jsonEdge
	first *jsonEdge // the first of edges, or one that leads nowhere
}

// jsonEdge is a piece that may follow, and the value after it.
type jsonEdge struct {
	head, mask uint64 // the first eight bytes of the piece, to be compared at once
	tail       uint64 // its last eight bytes, of a piece of more than eight
	size       int    // of the piece
	piece      []byte
	to         *jsonState // nil: the piece ends the line
	id         uint16     // its index, shifted by jsonStepBits
	slot       int16
	kind       jsonKind // a number stands for all that are no strings; absent: the piece ends the line
	text       bool     // the value is a string
	isTag      bool
	noted      bool        // the value is wanted
	key        uint8       // so many bytes of the value belong to the piece: the key of a tag, "container_id:"
	consts     []jsonConst // the wanted values within the piece
	tagged     bool        // the piece holds a tag
	late       int         // the line that took the edge after others were tried
}

// jsonConst is a wanted value within a piece.
type jsonConst struct {
	slot  int16 // -1: a tag
	value jsonValue
}

// jsonNoEdge is where run stops.
var jsonNoEdge = jsonEdge{size: jsonNowhere}

// What the chain says of the value after an edge, beside the edge.
const (
	jsonStepOther   = 1 // true, false or null
	jsonStepEscaped = 2 // a wanted string with escapes
	jsonStepBits    = 2
)

// jsonToken is one scalar of a line that is traced.
type jsonToken struct {
	node *jsonNode
	jsonValue
}

const (
	maxJSONTokens   = 256
	maxJSONSteps    = maxJSONTokens + 1
	maxJSONEdges    = 12
	maxJSONAllEdges = math.MaxUint16 >> jsonStepBits
	maxJSONTagKeys  = 6  // of one place, before its tags are taken whole
	maxJSONTagKey   = 64 // bytes
	maxJSONConstant = 64
	maxJSONPieces   = 1 << 20
	maxJSONRelearnt = 4096
	maxJSONShapes   = 256
	jsonWindow      = 1024
	jsonPause       = 16 * jsonWindow

	jsonNowhere = 1 << 30 // bytes: more than any line has
)

// predict reads the line at the beginning of data, if it is made of known pieces, and returns its length. The line ends with data or
// with a newline, which is not part of it. What it found is in spans and chain, until recall puts it where the walk does.
func (s *jsonScan) predict(data []byte) (n int, ok bool) {
	if s.pause > 0 {
		s.pause--
		return 0, false
	}
	s.count++
	s.lines++
	if s.lines >= jsonWindow {
		if s.misses > jsonWindow/2 {
			s.pause = jsonPause
		}
		s.lines, s.misses = 0, 0
	}
	if len(s.start.edges) > 0 && len(data) < jsonNowhere {
		if n := s.follow(data); n >= 0 {
			return n, true
		}
	}
	s.misses++
	return 0, false
}

// follow goes from piece to piece and returns where the line ends, -1 when it is made otherwise. Values cannot run over the end of the
// line, because newlines are not allowed in them, and pieces hold none.
func (s *jsonScan) follow(data []byte) int {
	state, p, k := &s.start, 0, 0
	for {
		n, end := s.run(data, state.first, p, k)
		if end >= 0 {
			s.steps = n
			return end
		}
		if n >= maxJSONSteps {
			return -1
		}
		if n > k {
			k = n
			e, _, _ := s.step(k - 1)
			state, p = e.to, int(s.spans[k-1].end)
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
func (s *jsonScan) run(data []byte, e *jsonEdge, p, k int) (steps, end int) {
	base := unsafe.Pointer(unsafe.SliceData(data))
	limit := len(data) - 8
	for uint(k) < maxJSONSteps {
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
		case jsonString:
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
		case jsonNumber:
			// What jsonBareEnd does, for numbers without a minus and an exponent.
			found := swarNoDigit(load8(base, end))
			for found == 0 {
				end += 8
				if end > limit {
					return k, -1
				}
				found = swarNoDigit(load8(base, end))
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
		s.spans[k] = jsonSpan{uint32(q), uint32(end)}
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
func (s *jsonScan) branch(data []byte, state *jsonState, p, k int) (*jsonState, int) {
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
			if end, escaped, err = jsonStringEnd(data, q); err != nil {
				continue
			}
			if escaped && e.noted {
				id |= jsonStepEscaped
			}
		default:
			if q >= len(data) {
				continue
			}
			var kind jsonKind
			if end, kind, err = jsonBareEnd(data, q); err != nil {
				continue
			}
			if kind == jsonOther {
				id |= jsonStepOther
			}
		}
		s.spans[k] = jsonSpan{uint32(q), uint32(end)}
		binary.LittleEndian.PutUint16(s.chain[2*k:], id)
		if i > 0 {
			s.late(state, i)
		}
		return e.to, end
	}
	return nil, -1
}

// late moves an edge that is often taken after others were tried before it.
func (s *jsonScan) late(state *jsonState, i int) {
	e := state.edges[i]
	if s.count-e.late < 4 {
		state.edges[i], state.edges[i-1] = state.edges[i-1], e
		state.first = state.edges[0]
	}
	e.late = s.count
}

// recall puts what follow found of a line where the walk puts it.
func (s *jsonScan) recall(line []byte) {
	s.begin(line)
	from := uint32(0) // of the piece
	for k := range s.steps {
		e, kind, escaped := s.step(k)
		for _, c := range e.consts {
			v := c.value
			v.start += from
			v.end += from
			if c.slot < 0 {
				s.tags = append(s.tags, v)
			} else {
				s.set(c.slot, v)
			}
		}
		s.tagged = s.tagged || e.tagged || e.isTag && e.text
		if e.noted {
			v := jsonValue{s.spans[k].start - uint32(e.key), s.spans[k].end, kind, escaped}
			if e.slot >= 0 {
				s.set(e.slot, v)
			} else if e.text {
				s.tags = append(s.tags, v)
			}
		}
		from = s.spans[k].end
	}
}

// step is the edge that follow took at step k, and the kind of the value after it; of those that are wanted also whether it has escapes.
func (s *jsonScan) step(k int) (e *jsonEdge, kind jsonKind, escaped bool) {
	id := binary.LittleEndian.Uint16(s.chain[2*k:])
	e = s.edges[id>>jsonStepBits]
	switch {
	case e.text:
		return e, jsonString, id&jsonStepEscaped != 0
	case id&jsonStepOther != 0:
		return e, jsonOther, false
	}
	return e, jsonNumber, false
}

// shapeOf returns what is known of lines like the one that follow read; nil when there are too many kinds of lines.
func (s *jsonScan) shapeOf() *jsonShape {
	chain := s.chain[:2*s.steps]
	recent := &s.recent[s.steps%len(s.recent)]
	if *recent != nil && (*recent).chain == string(chain) {
		return *recent
	}
	shape := s.shapes[string(chain)]
	if shape == nil {
		if len(s.shapes) >= maxJSONShapes {
			return nil
		}
		if s.shapes == nil {
			s.shapes = map[string]*jsonShape{}
		}
		shape = &jsonShape{chain: string(chain)}
		s.shapes[shape.chain] = shape
	}
	*recent = shape
	return shape
}

// mayLearn says whether the line that was not predicted is worth learning from.
func (s *jsonScan) mayLearn() bool {
	return s.pause == 0 && s.size < maxJSONPieces && s.relearnt < maxJSONRelearnt
}

// note remembers one scalar of the line that is walked.
func (s *jsonScan) note(n *jsonNode, v jsonValue) {
	if !s.tracing {
		return
	}
	if len(s.trace) >= maxJSONTokens {
		s.traceFull = true
		return
	}
	s.trace = append(s.trace, jsonToken{n, v})
}

// learn takes the pieces of a line that was walked and traced.
func (s *jsonScan) learn(line []byte) {
	changed := false
	for _, t := range s.trace {
		n := t.node
		raw := line[t.start:t.end]
		switch {
		case n.varies:
		case len(raw) > maxJSONConstant:
			n.varies = true
			changed = changed || n.seen
		case !n.seen:
			n.constant, n.kind = bytes.Clone(raw), t.kind
		case n.kind != t.kind || !bytes.Equal(n.constant, raw):
			n.varies, n.constant = true, nil
			changed = true
		}
		n.seen = true
	}
	if changed {
		s.forget()
	}
	state, from := &s.start, uint32(0)
	var consts []jsonConst
	tagged := false
	for _, t := range s.trace {
		n := t.node
		text := t.kind == jsonString
		isTag := n.isTag && text
		if !n.varies {
			tagged = tagged || isTag
			if n.want.slot >= 0 || isTag && s.wantsTag(line[t.start:t.end]) {
				v := t.jsonValue
				v.start -= from
				v.end -= from
				consts = append(consts, jsonConst{n.want.slot, v})
			}
			continue
		}
		after := &n.states[0]
		if !text {
			after = &n.states[1]
		}
		if *after == nil {
			*after = &jsonState{first: &jsonNoEdge}
			s.places = append(s.places, &n.jsonLearnt)
		}
		e := jsonEdge{to: *after, slot: n.want.slot, isTag: n.isTag, text: text, consts: consts, tagged: tagged}
		e.noted = e.slot >= 0 || e.isTag
		if isTag {
			e.key = s.tagKey(state, *after, line[t.start:t.end])
		}
		e.piece = line[from : t.start+uint32(e.key)]
		if !s.add(state, e) {
			return
		}
		state, from, consts, tagged = *after, t.end, nil, false
	}
	s.add(state, jsonEdge{piece: line[from:], slot: -1, consts: consts, tagged: tagged})
}

// tagKey is the length of the key of a tag with its colon, which becomes part of the piece; 0 where it should not.
func (s *jsonScan) tagKey(state, after *jsonState, raw []byte) uint8 {
	n := bytes.IndexByte(raw, ':') + 1
	if n > maxJSONTagKey || bytes.IndexByte(raw[:n], '\\') >= 0 {
		return 0
	}
	others := 0
	for _, e := range state.edges {
		if e.to == after && e.key > 0 && !bytes.HasSuffix(e.piece, raw[:n]) {
			others++
		}
	}
	if others >= maxJSONTagKeys {
		return 0
	}
	return uint8(n)
}

// wantsTag says whether a tag is to be remembered where it is part of a piece.
func (s *jsonScan) wantsTag(raw []byte) bool {
	return s.wantTag == nil || bytes.IndexByte(raw, '\\') >= 0 || s.wantTag(raw)
}

func (s *jsonScan) add(state *jsonState, e jsonEdge) bool {
	for _, o := range state.edges {
		if o.to == e.to && o.text == e.text && bytes.Equal(o.piece, e.piece) {
			return true
		}
	}
	if len(state.edges) >= maxJSONEdges || len(s.edges) >= maxJSONAllEdges || s.size+len(e.piece) > maxJSONPieces {
		return false
	}
	s.size += len(e.piece)
	e.id = uint16(len(s.edges)) << jsonStepBits
	e.piece = bytes.Clone(e.piece)
	e.head, e.mask = firstEight(e.piece)
	if e.size = len(e.piece); e.size > 8 {
		e.tail = binary.LittleEndian.Uint64(e.piece[e.size-8:])
	}
	switch {
	case e.text:
		e.kind = jsonString
	case e.to != nil:
		e.kind = jsonNumber
	}
	state.edges = append(state.edges, &e)
	state.first = state.edges[0]
	s.edges = append(s.edges, &e)
	return true
}

// forget drops all pieces; what is known of the places stays.
func (s *jsonScan) forget() {
	s.relearnt++
	s.start = jsonState{first: &jsonNoEdge}
	for _, l := range s.places {
		l.states = [2]*jsonState{}
	}
	s.places = s.places[:0]
	s.edges = s.edges[:0]
	s.shapes, s.recent = nil, [len(s.recent)]*jsonShape{}
	s.size = 0
}
