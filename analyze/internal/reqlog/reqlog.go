// Package reqlog holds the requests of an analysis in a compact form, cut into slots of time.
//
// The questions need several passes over all requests, in time order, with the deaths known; the evidence is read once, in
// whatever order, by several goroutines. So each goroutine appends fixed-size records to a Writer; the Log sorts them into
// slots of five minutes; a pass visits one slot after another, each sorted, so that the result depends neither on the order of
// the input nor on the number of goroutines. Records beyond a bound in memory go to a temporary file (see Spool).
package reqlog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sync"
	"unsafe"

	"lastcall/collectors/record"
)

// Rec is one request line in compact form.
type Rec struct {
	Start, End record.Time // End is 0 for a start that never got an end
	ID         uint64      // hash of the request id; 0 when it has none
	User, Path uint32      // hashes of the caller and of the raw path; 0 when unknown
	Endpoint   uint32
	Container  uint32
	Line       uint32 // saturates
	Detail     uint32 // 1-based index into the details; 0 when none is kept
	Source     uint16
	Status     uint16
	Layer      record.Layer
	Phase      record.Phase
	Outcome    record.Outcome
	Retried    bool
}

const recSize = int(unsafe.Sizeof(Rec{}))

// slotWidth is the time of one slot. Five minutes at 500 requests a second are 8 MB.
const slotWidth = record.Time(5 * 60 * 1e9)

// Spool is a temporary file: what is written at its end is read back at random.
type Spool interface {
	io.ReaderAt
	io.Writer
	io.Closer
}

// Log is the whole.
type Log struct {
	mu    sync.Mutex
	limit int // bytes in memory
	spool func() (Spool, error)
	file  Spool
	off   int64
	inMem int
	slots map[int64]*slot
	free  [][]Rec // chunks to use again
	err   error

	sources []uint16 // see RenumberSources
}

// slot is one stretch of time: records in memory, and runs of records in the spool.
type slot struct {
	chunks [][]Rec
	runs   []run
	stat   Stat
}

// Stat is what is known of a slot without reading it.
type Stat struct {
	// N is the number of records; First is their earliest start, LastStart the latest, Last their latest end (or start).
	N                      int64
	First, LastStart, Last record.Time
}

type run struct {
	off int64
	n   int
}

// New returns a Log that holds at most limit bytes of records in memory when spool is given; without a spool all stays in memory.
func New(limit int, spool func() (Spool, error)) *Log {
	return &Log{limit: limit, spool: spool, slots: map[int64]*slot{}}
}

// Writer is one goroutine's way into the Log.
type Writer struct {
	log  *Log
	open [writerSlots]filling // by the last bits of the slot
}

// filling is the records of one slot that a Writer gathers before it takes the lock.
type filling struct {
	key  int64
	recs []Rec
}

// writerSlots is a power of two. Requests come in the order of their ends, those of a file mostly in that of time, so few slots are at
// work at once.
const writerSlots = 4

// Writer returns a new Writer.
func (l *Log) Writer() *Writer { return &Writer{log: l} }

// Append adds one record.
func (w *Writer) Append(r *Rec) error {
	key := slotOf(r.Start)
	f := &w.open[key&(writerSlots-1)]
	if f.key != key || len(f.recs) == chunkRecs {
		if err := w.log.take(f); err != nil {
			return err
		}
		f.key = key
	}
	f.recs = append(f.recs, *r)
	return nil
}

// Flush hands over what the Writer holds.
func (w *Writer) Flush() error {
	var err error
	for i := range w.open {
		err = cmp.Or(err, w.log.take(&w.open[i]))
	}
	return err
}

// take moves the records of a Writer to their slot. A full chunk becomes the slot's as it is, and another takes its place.
func (l *Log) take(f *filling) error {
	recs := f.recs
	f.recs = recs[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || len(recs) == 0 {
		return l.err
	}
	s := l.slots[f.key]
	if s == nil {
		s = &slot{}
		l.slots[f.key] = s
	}
	for i := range recs {
		s.stat.add(&recs[i])
	}
	if len(recs) == chunkRecs {
		l.inMem += cap(recs) * recSize
		s.chunks = slices.Insert(s.chunks, max(0, len(s.chunks)-1), recs) // the last one may not be full
		f.recs = l.chunk()
	} else {
		l.put(s, recs)
	}
	if l.spool != nil && l.inMem > l.limit {
		l.err = l.spill()
	}
	return l.err
}

// chunkRecs is the size of a chunk: records of a slot are kept in pieces that are used again once spilled, as one slice that grows
// would leave twice its size behind. Pieces of 100 kB are written in two thirds of the time of such of 30. The first chunks of a slot are
// smaller, from firstChunk on: months of a quiet service are tens of thousands of slots with a few records each.
const (
	chunkRecs  = 2048
	firstChunk = 8
)

func (l *Log) put(s *slot, recs []Rec) {
	for len(recs) > 0 {
		n := len(s.chunks)
		if n == 0 || len(s.chunks[n-1]) == cap(s.chunks[n-1]) {
			size := firstChunk
			if n > 0 {
				size = min(2*cap(s.chunks[n-1]), chunkRecs)
			}
			size = min(max(size, len(recs)), chunkRecs)
			var c []Rec
			if size == chunkRecs {
				c = l.chunk()
			} else {
				c = make([]Rec, 0, size)
			}
			l.inMem += cap(c) * recSize
			s.chunks = append(s.chunks, c)
			n++
		}
		c := s.chunks[n-1]
		k := min(len(recs), cap(c)-len(c))
		s.chunks[n-1] = append(c, recs[:k]...)
		recs = recs[k:]
	}
}

// chunk returns an empty one of full size.
func (l *Log) chunk() []Rec {
	n := len(l.free)
	if n == 0 {
		return make([]Rec, 0, chunkRecs)
	}
	c := l.free[n-1]
	l.free = l.free[:n-1]
	return c
}

func (s *Stat) add(r *Rec) {
	if s.N == 0 || r.Start < s.First {
		s.First = r.Start
	}
	if s.N == 0 || r.Start > s.LastStart {
		s.LastStart = r.Start
	}
	s.Last = max(s.Last, r.Start, r.End)
	s.N++
}

// RenumberSources gives the sources other numbers, of[n] for n, from the next pass on. Numbers are given as sources come, and the order
// of what is equal otherwise must not depend on that.
func (l *Log) RenumberSources(of []uint16) { l.sources = of }

// Stats returns what is known of the slots, in time order.
func (l *Log) Stats() []Stat {
	out := make([]Stat, 0, len(l.slots))
	for _, key := range sortedKeys(l.slots) {
		out = append(out, l.slots[key].stat)
	}
	return out
}

// spill writes all records in memory to the spool.
func (l *Log) spill() error {
	if l.file == nil {
		f, err := l.spool()
		if err != nil {
			return fmt.Errorf("requests do not fit into memory and no temporary file could be made: %w", err)
		}
		l.file = f
	}
	for _, key := range sortedKeys(l.slots) {
		s := l.slots[key]
		for _, c := range s.chunks {
			b := asBytes(c)
			if _, err := l.file.Write(b); err != nil {
				return fmt.Errorf("write temporary file of requests: %w (is the disk of the temporary folder full? set TMPDIR)", err)
			}
			if n := len(s.runs); n > 0 && s.runs[n-1].off+int64(s.runs[n-1].n*recSize) == l.off {
				s.runs[n-1].n += len(c)
			} else {
				s.runs = append(s.runs, run{l.off, len(c)})
			}
			l.off += int64(len(b))
			if cap(c) >= chunkRecs {
				l.free = append(l.free, c[:0])
			}
		}
		clear(s.chunks) // small ones are not used again
		s.chunks = s.chunks[:0]
	}
	l.inMem = 0
	return nil
}

// Page is the records of one slot, in some order. It is valid during the call that it is passed to.
type Page struct {
	Stat
	recs   []Rec
	order  []key // of all records, or nil for the order in which they lie
	from   record.Time
	sorter *sorter
	prints *prints
}

// Len returns the number of records.
func (p *Page) Len() int { return len(p.recs) }

// Sorted reports whether the records are in order, so that what is equal lies side by side.
func (p *Page) Sorted() bool { return p.order != nil }

// Sort puts the records in the order of their starts (and of everything else, so that the order is total).
func (p *Page) Sort() {
	if p.order == nil {
		p.order = p.sorter.sort(p.recs, p.from)
	}
}

// Split takes the records that are wanted out of a page that is not in order, and returns them as a page of their own.
func (p *Page) Split(wanted func(*Rec) bool) Page {
	n := len(p.recs)
	for i := 0; i < n; {
		if wanted(&p.recs[i]) {
			n--
			p.recs[i], p.recs[n] = p.recs[n], p.recs[i]
		} else {
			i++
		}
	}
	out := *p
	p.recs, out.recs = p.recs[:n], p.recs[n:]
	return out
}

// MayRepeat reports whether some line may be told of twice (see [SameLine]). It costs a tenth of the order that would show it.
func (p *Page) MayRepeat() bool { return p.prints.repeat(p.recs) }

// At returns the i-th record.
func (p *Page) At(i int) *Rec {
	if p.order != nil {
		i = int(p.order[i].at)
	}
	return &p.recs[i]
}

// Each calls f for every slot in time order with its records sorted. It must not run while Writers do. Every call sorts: that costs
// less than to keep what is sorted in the spool.
func (l *Log) Each(f func(*Page)) error {
	return l.EachUnsorted(func(p *Page) {
		p.Sort()
		f(p)
	})
}

// EachUnsorted is Each without the order, for passes whose result does not depend on it.
func (l *Log) EachUnsorted(f func(*Page)) error {
	if l.err != nil {
		return l.err
	}
	var buf []Rec
	var order sorter
	var told prints
	for _, key := range sortedKeys(l.slots) {
		s := l.slots[key]
		n := 0
		for _, c := range s.chunks {
			n += len(c)
		}
		for _, r := range s.runs {
			n += r.n
		}
		buf = slices.Grow(buf[:0], n)[:n]
		at := 0
		for _, c := range s.chunks {
			at += copy(buf[at:], c)
		}
		for _, r := range s.runs {
			if _, err := l.file.ReadAt(asBytes(buf[at:at+r.n]), r.off); err != nil {
				return fmt.Errorf("read temporary file of requests: %w", err)
			}
			at += r.n
		}
		if l.sources != nil {
			for i := range buf {
				buf[i].Source = l.sources[buf[i].Source]
			}
		}
		f(&Page{Stat: s.stat, recs: buf, from: record.Time(key) * slotWidth, sorter: &order, prints: &told})
	}
	return nil
}

// errClosed answers Writers that still hold records when the Log is gone, as in a collection that was cancelled.
var errClosed = errors.New("the analysis is over")

// Close removes the spool. Nothing can be added after.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = errClosed
	}
	l.slots = map[int64]*slot{}
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}

func slotOf(t record.Time) int64 {
	k := t / slotWidth
	if t < 0 {
		k--
	}
	return int64(k)
}

func sortedKeys(m map[int64]*slot) []int64 {
	keys := make([]int64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// compare is an order that does not depend on arrival. Ids given in order of arrival come last: they only bring together what is equal
// otherwise, such as two readings of one line.
func compare(a, b *Rec) int {
	// Starts nearly always decide; cmp.Or would look at everything else as well.
	if a.Start != b.Start {
		if a.Start < b.Start {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Layer, b.Layer),
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.User, b.User), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Outcome, b.Outcome),
		cmp.Compare(a.Line, b.Line), cmp.Compare(a.Phase, b.Phase),
		cmp.Compare(a.Container, b.Container), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Source, b.Source))
}

// SameLine reports whether two records are of one line that was read twice.
func SameLine(a, b *Rec) bool {
	if a.Start != b.Start || a.End != b.End || a.ID != b.ID || a.Path != b.Path || a.User != b.User || a.Status != b.Status ||
		a.Layer != b.Layer || a.Outcome != b.Outcome || a.Phase != b.Phase || a.Container != b.Container || a.Endpoint != b.Endpoint {
		return false
	}
	return a.ID != 0 || a.Source != b.Source && a.Line == b.Line
}

// CompareAll orders records by their times, then by all else that they hold.
func CompareAll(a, b *Rec) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.User, b.User), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Phase, b.Phase),
		cmp.Compare(a.Line, b.Line), cmp.Compare(a.Source, b.Source))
}

// prints finds records that may be of one line; it keeps its memory for the next slot.
type prints struct {
	table []uint32 // open addressing, 0 is free
}

// repeat reports whether any two records may be of one line. It may say so of two that are not, once in some thousand slots.
func (p *prints) repeat(recs []Rec) bool {
	const m = 0xc6a4a7935bd1e995
	wide := bits.Len(uint(2 * len(recs)))
	size := 1 << wide
	p.table = slices.Grow(p.table[:0], size)[:size]
	clear(p.table)
	for i := range recs {
		r := &recs[i]
		h := (uint64(r.Start)*m ^ r.ID) * m
		h = (h ^ h>>47 ^ (uint64(r.Path)<<32 | uint64(r.User))) * m
		if r.ID == 0 {
			h = (h ^ uint64(r.Line)) * m // those without an id are the same line only where they have one number
		}
		tag, at := uint32(h>>16)|1, int(h>>(64-wide)) // the upper bits are the better mixed
		for ; p.table[at] != 0; at = (at + 1) & (size - 1) {
			if p.table[at] == tag {
				return true
			}
		}
		p.table[at] = tag
	}
	return false
}

// asBytes views records as bytes: the spool never leaves this process, so their layout in memory will do.
func asBytes(r []Rec) []byte {
	if len(r) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&r[0])), len(r)*recSize)
}
