package intake

import (
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// Tally is what the request lines of one layer in one source are, for the choice of whose lines count.
type Tally struct {
	N, Named   int64   // lines, and those of them that name their container
	Containers []bool  // by raw container id
	Counts     []int32 // finished requests by raw endpoint id
	Refused    []int32 // those that were answered as if there were no such endpoint
	// print is the sum of a hash of each line, whatever their order: what a file given twice has twice.
	print uint64
}

// Layers is how many values record.Layer has.
const Layers = 3

// TallyOf is the place of a tally: a source may hold lines of several layers.
func TallyOf(source uint16, layer record.Layer) int { return int(source)*Layers + int(layer)%Layers }

// Add adds what another one counted.
func (t *Tally) Add(o *Tally) {
	t.N += o.N
	t.Named += o.Named
	t.print += o.print
	for e, n := range o.Counts {
		if n != 0 {
			count(&t.Counts, uint32(e), n)
		}
	}
	for e, n := range o.Refused {
		if n != 0 {
			count(&t.Refused, uint32(e), n)
		}
	}
	for c, seen := range o.Containers {
		if seen {
			t.saw(uint32(c))
		}
	}
}

func (t *Tally) saw(c uint32) {
	for int(c) >= len(t.Containers) {
		t.Containers = append(t.Containers, make([]bool, 64)...)
	}
	t.Containers[c] = true
}

// finished counts a finished request.
func (t *Tally) finished(r *reqlog.Rec) {
	count(&t.Counts, r.Endpoint, 1)
	if r.Outcome == record.Answered {
		switch r.Status {
		case 400, 403, 404, 405, 410, 444: // as those who look for weak spots are answered, whatever they ask for
			count(&t.Refused, r.Endpoint, 1)
		}
	}
}

func count(counts *[]int32, e uint32, n int32) {
	for int(e) >= len(*counts) {
		*counts = append(*counts, make([]int32, 64)...)
	}
	(*counts)[e] += n
}

// line adds the print of one line.
func (t *Tally) line(r *reqlog.Rec) {
	const m = 0xc6a4a7935bd1e995
	h := uint64(r.Start)*m ^ uint64(r.End)
	h = (h ^ h>>47 ^ r.ID) * m
	h = (h ^ h>>47 ^ (uint64(r.Path)<<32 | uint64(r.Line))) * m
	h = (h ^ h>>47 ^ (uint64(r.User)<<32 | uint64(r.Status)<<8 | uint64(r.Outcome)<<4 | uint64(r.Phase))) * m
	t.print += h ^ h>>47
}

// Spans are the spans of things that have small numbers, by number; a span may be of nothing.
type Spans []Span

// Add makes the span of a number hold two instants.
func (s *Spans) Add(of uint32, from, to record.Time) {
	for int(of) >= len(*s) {
		*s = append(*s, make(Spans, 16)...)
	}
	x := &(*s)[of]
	x.Add(from)
	x.Add(to)
}

// Span is from the first to the last of some instants; both are 0 where there are none.
type Span struct{ First, Last record.Time }

// Add makes a span hold an instant; 0 is none.
func (s *Span) Add(t record.Time) {
	if t == 0 {
		return
	}
	if s.First == 0 || t < s.First {
		s.First = t
	}
	if t > s.Last {
		s.Last = t
	}
}
