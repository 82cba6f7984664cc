package intake

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"lastcall/collectors/record"
)

const (
	// MaxSayings is how often a line may be written for its times to be kept: what is said all the time tells nothing of a moment.
	MaxSayings = 2000
	// maxChatter bounds the sayings that are kept, where each different line weighs as much as lineWeight of them.
	maxChatter = 300_000
	lineWeight = 16
	// maxSpeakers bounds the containers: nothing is kept of more, as it would depend on which came first.
	maxSpeakers = 10_000
	// saidWords and saidBytes are how far into a line it is told from others.
	saidWords = 12
	saidBytes = 160
)

// Saying is one time that a line was written.
type Saying struct {
	Time      record.Time
	Line      int64
	Source    *record.Source
	Container uint32 // of Chatter.Containers
}

// Spoken is a line as it was written again and again, but for what differed: numbers, values, what stood in quotes.
type Spoken struct {
	Text  string // with a # for what differs
	Count int64
	Times []Saying // nil where there were more than MaxSayings; in no order
	left  bool     // it is not kept
}

// weight is what the line takes of maxChatter. It never falls.
func (s *Spoken) weight() int { return lineWeight + int(min(s.Count, MaxSayings)) }

// Chatter is what processes logged beside their requests. Where there is too much of it the lines with the lowest hashes are kept, which are
// the same whatever the order in which they came.
type Chatter struct {
	Containers []string // 0 is none
	ids        map[string]uint32
	lines      map[uint64]*Spoken
	kept       highest // the hashes of lines
	weight     int
	below      uint64 // where it is not 0, lines whose hash is not less are left out
	Spans      Spans  // of all that containers said, by number
	buf        []byte
	known      []knownShape // by the lowest bits of the shape
	rest       Spoken       // stands for all that is left out
	last       uint32       // the container that spoke last
	silent     bool         // there are too many containers
}

func newChatter() *Chatter {
	return &Chatter{Containers: []string{""}, ids: map[string]uint32{"": 0}, lines: map[uint64]*Spoken{}, rest: Spoken{left: true}}
}

// add keeps a message.
func (c *Chatter) add(m *record.Message) {
	if string(m.Container) != c.Containers[c.last] && !c.silent {
		c.last = c.id(m.Container)
	}
	if m.Time == 0 || c.silent {
		return
	}
	c.Spans.Add(c.last, m.Time, m.Time)
	s := c.spoken(m.Text)
	if s.left {
		return
	}
	before := s.weight()
	s.say(1, Saying{m.Time, m.Pos.Line, m.Pos.Source, c.last})
	c.weight += s.weight() - before
	c.bound()
}

// knownShape is what lines are told as that are alike but for the digits at their places.
type knownShape struct {
	shape uint64
	line  *Spoken
}

// knownShapes is how many shapes are remembered; shapeBytes bounds the lines that have one.
const (
	knownShapes = 1 << 10
	shapeBytes  = 256
)

// spoken is the line that a text is told as. Most are known by their shape, which spares looking at their words.
func (c *Chatter) spoken(text []byte) *Spoken {
	shape := shapeOf(text)
	if shape == 0 {
		return c.find(text)
	}
	if c.known == nil {
		c.known = make([]knownShape, knownShapes)
	}
	k := &c.known[shape%knownShapes]
	if k.shape != shape {
		k.shape, k.line = shape, c.find(text)
	}
	return k.line // what is left out remains so
}

// find is spoken for a text of any shape.
func (c *Chatter) find(text []byte) *Spoken {
	c.buf = appendSpoken(c.buf[:0], text)
	h := hash(c.buf)
	if h == 0 || c.below != 0 && h >= c.below {
		return &c.rest
	}
	s := c.lines[h]
	if s == nil {
		s = &Spoken{Text: string(c.buf)}
		c.keep(h, s)
	}
	return s
}

// shapeOf is a hash of a text that is the same whatever its digits are; 0 where the text has none.
func shapeOf(text []byte) uint64 {
	n := len(text)
	if n < 8 || n > shapeBytes {
		return 0
	}
	h := uint64(n)
	for i := 0; i < n-8; i += 8 {
		h = mixShape(h, binary.LittleEndian.Uint64(text[i:]))
	}
	return max(mixShape(h, binary.LittleEndian.Uint64(text[n-8:])), 1)
}

func mixShape(h, x uint64) uint64 {
	const low7, high = 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	t := x ^ 0x3030303030303030                          // digits are less than ten now
	digits := ^(t&low7 + 0x7676767676767676) & ^t & high // their high bits
	x &^= digits>>7 | digits>>6 | digits>>5 | digits>>4  // each is a zero
	hi, lo := bits.Mul64(h^x^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return hi ^ lo
}

// id numbers a container.
func (c *Chatter) id(name []byte) uint32 {
	id, ok := c.ids[string(name)]
	switch {
	case ok:
		return id
	case len(c.Containers) > maxSpeakers:
		*c = Chatter{Containers: []string{""}, silent: true}
		return 0
	}
	id = uint32(len(c.Containers))
	c.Containers = append(c.Containers, string(name))
	c.ids[c.Containers[id]] = id
	return id
}

func (c *Chatter) keep(h uint64, s *Spoken) {
	c.lines[h] = s
	heap.Push(&c.kept, h)
	c.weight += s.weight()
}

func (s *Spoken) say(n int64, times ...Saying) {
	if s.Count += n; s.Count > MaxSayings {
		s.Times = nil
		return
	}
	s.Times = append(s.Times, times...)
}

// bound leaves out the lines with the highest hashes while there is too much.
func (c *Chatter) bound() {
	for c.weight > maxChatter {
		c.below = heap.Pop(&c.kept).(uint64)
		c.drop(c.below)
	}
}

// drop leaves out a line.
func (c *Chatter) drop(h uint64) {
	s := c.lines[h]
	c.weight -= s.weight()
	s.left, s.Times = true, nil
	delete(c.lines, h)
}

// join adds what another one kept, which is not to be used any more.
func (c *Chatter) join(o *Chatter) {
	if c.silent || o.silent {
		*c = Chatter{Containers: []string{""}, silent: true}
		return
	}
	of := make([]uint32, len(o.Containers))
	for i, name := range o.Containers {
		if of[i] = c.id([]byte(name)); c.silent {
			return
		}
		if i < len(o.Spans) {
			c.Spans.Add(of[i], o.Spans[i].First, o.Spans[i].Last)
		}
	}
	if o.below != 0 && (c.below == 0 || o.below < c.below) {
		c.below = o.below
		for len(c.kept) > 0 && c.kept[0] >= c.below {
			c.drop(heap.Pop(&c.kept).(uint64))
		}
	}
	for h, from := range o.lines {
		if c.below != 0 && h >= c.below {
			continue
		}
		for i := range from.Times {
			from.Times[i].Container = of[from.Times[i].Container]
		}
		s := c.lines[h]
		if s == nil {
			c.keep(h, from)
			continue
		}
		before := s.weight()
		s.say(from.Count, from.Times...)
		c.weight += s.weight() - before
	}
	c.bound()
}

// Lines returns the lines in the order of their texts, those that were said too often among them.
func (c *Chatter) Lines() []*Spoken {
	return slices.SortedFunc(maps.Values(c.lines), func(a, b *Spoken) int { return strings.Compare(a.Text, b.Text) })
}

// highest is a heap of hashes with the highest first.
type highest []uint64

func (h highest) Len() int           { return len(h) }
func (h highest) Less(i, j int) bool { return h[i] > h[j] }
func (h highest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *highest) Push(x any)        { *h = append(*h, x.(uint64)) }
func (h *highest) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// appendSpoken appends the first words of a line, with a # for those that hold a digit or an address, for the value behind an equals sign
// and for what stands in quotes. Several that follow one another are one.
func appendSpoken(dst, text []byte) []byte {
	start := len(dst)
	hidden := false // the last word is a # alone
	for i, words := 0, 0; words < saidWords; words++ {
		for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
			i++
		}
		if i == len(text) {
			break
		}
		end, same, whole := spokenWord(text, i)
		word := text[i : i+same]
		i = end
		if same == 0 && hidden {
			words--
			continue
		}
		if len(dst)-start+len(word)+2 > saidBytes {
			break
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if dst = append(dst, word...); !whole {
			dst = append(dst, '#')
		}
		hidden = same == 0
	}
	return dst
}

// longestWord: what is longer is no word.
const longestWord = 48

// spokenWord finds the end of the word that begins at i, and how much of it is the same from line to line: the whole, what stands up to an
// equals sign, the segments of a path before one that differs, or nothing. What stands in quotes is one word with what surrounds it.
func spokenWord(text []byte, i int) (end, same int, whole bool) {
	differs, segment := -1, i // where it begins that differs
	for end = i; end < len(text) && differs < 0; end++ {
		switch c := text[end]; {
		case c == ' ' || c == '\t':
			return wordTo(i, end)
		case c-'0' < 10 || c == '@':
			differs, same = end, segment-i
		case c == '=' && end > i:
			differs, same = end+1, end+1-i
		case c == '/':
			segment = end + 1
		case end == i && (c == '"' || c == '\'' || c == '`') && bytes.IndexByte(text[i+1:], c) >= 0:
			differs = i
		}
	}
	if differs < 0 {
		return wordTo(i, end)
	}
	if same > longestWord {
		same = 0
	}
	if differs < len(text) {
		if q := text[differs]; q == '"' || q == '\'' || q == '`' {
			differs += max(bytes.IndexByte(text[differs+1:], q)+1, 0)
		}
	}
	end = len(text)
	if n := bytes.IndexByte(text[differs:], ' '); n >= 0 {
		end = differs + n
	}
	return end, same, false
}

// wordTo is a word without anything that differs; what is too long is none.
func wordTo(i, end int) (_, same int, whole bool) {
	if end-i > longestWord {
		return end, 0, false
	}
	return end, end - i, true
}
