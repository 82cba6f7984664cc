package evidence

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The predictor of jsonScan. The lines of one service are made of the same pieces: `{"level":30,"time":`, a number,
// `,"pid":23208,"hostname":"`, a text, and so on. It learns these pieces from lines that the walk has read, and a line that is made
// of them in an order that was seen before is read by comparing the pieces and finding the ends of the values between them.
//
// Why that is exact: a state is the place of the last value (its keys and indexes, not the text before it) and its kind. What may
// follow a value in JSON depends on the brackets open around it, and they follow from its place; so any chain of pieces through the
// states is valid JSON in which each value is at its place, given that the values are valid themselves, which is checked. Wanted
// values are never part of a piece. Fuzzing compares prediction and walk, and the walk with encoding/json.
//
// Values that nobody wants are part of the pieces as long as they never changed; the first change makes them values of their own,
// and the pieces are learnt anew. States are places rather than beginnings of lines, because optional and shuffled keys would make
// too many beginnings.
type jsonPredictor struct {
	start jsonState

	tracing, traceFull bool
	trace              []jsonToken
	places             []*jsonLearnt // those that have states, to be cleared
	wantTag            func(raw []byte) bool

	size          int // bytes in pieces
	lines, misses int // in the current window
	pause         int // lines to be walked without trying
	relearnt      int
}

// jsonLearnt is what the predictor knows of one place.
type jsonLearnt struct {
	seen, varies bool
	constant     []byte
	kind         jsonKind
	states       [2]*jsonState // after a string; after anything else
}

// jsonState is where the prediction stands after a value.
type jsonState struct{ edges []jsonEdge }

// jsonEdge is a piece that may follow, and the value after it.
type jsonEdge struct {
	piece       []byte
	first, mask uint64     // its first eight bytes, to be compared at once
	last        uint64     // its last eight bytes, of a piece of more than eight
	to          *jsonState // nil: the piece ends the line
	slot        int16
	isTag       bool
	text        bool // the value is a string
}

// jsonToken is one scalar of a line that is traced.
type jsonToken struct {
	node *jsonNode
	jsonValue
}

const (
	maxJSONTokens   = 256
	maxJSONEdges    = 12
	maxJSONConstant = 64
	maxJSONPieces   = 1 << 20
	maxJSONRelearnt = 4096
	jsonWindow      = 1024
	jsonPause       = 16 * jsonWindow
)

// predict reads the line at the beginning of data, if it is made of known pieces, and returns its length. The line ends with data or
// with a newline, which is not part of it.
func (s *jsonScan) predict(data []byte) (n int, ok bool) {
	if s.pause > 0 {
		s.pause--
		return 0, false
	}
	s.lines++
	if s.lines >= jsonWindow {
		if s.misses > jsonWindow/2 {
			s.pause = jsonPause
		}
		s.lines, s.misses = 0, 0
	}
	if len(s.start.edges) > 0 {
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
	s.begin(data)
	state := &s.start
	p := 0
next:
	for {
		edges := state.edges
		for i := range edges {
			e := &edges[i]
			q := p + len(e.piece)
			switch {
			case p+8 > len(data):
				if q > len(data) || string(data[p:q]) != string(e.piece) {
					continue
				}
			case (binary.LittleEndian.Uint64(data[p:])^e.first)&e.mask != 0:
				continue
			case len(e.piece) > 8:
				if q > len(data) || binary.LittleEndian.Uint64(data[q-8:]) != e.last ||
					len(e.piece) > 16 && string(data[p+8:q-8]) != string(e.piece[8:len(e.piece)-8]) {
					continue
				}
			}
			if e.to == nil {
				if q == len(data) || data[q] == '\n' || data[q] == '\r' && (q+1 == len(data) || data[q+1] == '\n') {
					return q
				}
				continue
			}
			v := jsonValue{start: uint32(q), kind: jsonString}
			end := q
			if e.text {
				// What jsonStringEnd does, for a string without escapes that does not end with the input.
				for end+8 <= len(data) {
					found := swarSpecial(binary.LittleEndian.Uint64(data[end:]))
					if found == 0 {
						end += 8
						continue
					}
					end += bits.TrailingZeros64(found) >> 3
					break
				}
				if end >= len(data) || data[end] != '"' {
					var err error
					if end, v.escaped, err = jsonStringTail(data, end); err != nil {
						continue
					}
				}
			} else {
				if q >= len(data) {
					continue
				}
				var err error
				if end, v.kind, err = jsonBareEnd(data, q); err != nil {
					continue
				}
			}
			v.end = uint32(end)
			p = end
			switch {
			case e.slot < 0:
				if e.isTag && e.text {
					s.tags = append(s.tags, v)
				}
			case v.kind == jsonOther:
				s.have.drop(e.slot)
			default:
				s.have.put(e.slot)
				s.vals[e.slot] = v
			}
			state = e.to
			if i > 0 { // the likely ones first
				edges[i], edges[i-1] = edges[i-1], edges[i]
			}
			continue next
		}
		return -1
	}
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
		case n.want.slot >= 0, len(raw) > maxJSONConstant:
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
	for _, t := range s.trace {
		n := t.node
		text := t.kind == jsonString
		if !n.varies && !(n.isTag && text && s.wantsTag(line[t.start:t.end])) {
			continue
		}
		after := &n.states[0]
		if !text {
			after = &n.states[1]
		}
		if *after == nil {
			*after = &jsonState{}
			s.places = append(s.places, &n.jsonLearnt)
		}
		if !s.add(state, jsonEdge{piece: line[from:t.start], to: *after, slot: n.want.slot, isTag: n.isTag, text: text}) {
			return
		}
		state, from = *after, t.end
	}
	s.add(state, jsonEdge{piece: line[from:], slot: -1})
}

// wantsTag says whether a tag must not become part of a piece.
func (s *jsonScan) wantsTag(raw []byte) bool {
	return s.wantTag == nil || bytes.IndexByte(raw, '\\') >= 0 || s.wantTag(raw)
}

func (s *jsonScan) add(state *jsonState, e jsonEdge) bool {
	for i := range state.edges {
		if o := &state.edges[i]; o.to == e.to && o.text == e.text && bytes.Equal(o.piece, e.piece) {
			return true
		}
	}
	if len(state.edges) >= maxJSONEdges || s.size+len(e.piece) > maxJSONPieces {
		return false
	}
	s.size += len(e.piece)
	e.piece = bytes.Clone(e.piece)
	e.first, e.mask = firstEight(e.piece)
	if n := len(e.piece); n > 8 {
		e.last = binary.LittleEndian.Uint64(e.piece[n-8:])
	}
	state.edges = append(state.edges, e)
	return true
}

// forget drops all pieces; what is known of the places stays.
func (s *jsonScan) forget() {
	s.relearnt++
	s.start.edges = nil
	for _, l := range s.places {
		l.states = [2]*jsonState{}
	}
	s.places = s.places[:0]
	s.size = 0
}
