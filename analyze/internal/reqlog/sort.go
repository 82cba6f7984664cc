package reqlog

import (
	"math/bits"
	"slices"

	"lastcall/collectors/record"
)

// sorter puts the records of one slot in order; it keeps its memory for the next.
//
// Starts are spread over the slot, so that a record's place follows from its start but for a few neighbours: count how many begin in
// each of some stretches of the slot, put each record's key into its stretch, and mend the order within them. That is linear, and the
// records themselves, four times the size of a key, stay where they are.
type sorter struct {
	ends []uint32 // by stretch, where its keys end
	keys []key
}

// key stands for a record, in the order of starts.
type key struct {
	start record.Time
	at    uint32 // which record
}

const (
	// slotBits is enough for the nanoseconds of a slot.
	slotBits = 39
	// maxStretchBits bounds the stretches: 256 kB.
	maxStretchBits = 16
	// fewKeys is up to where mending by insertion is faster than slices.SortFunc.
	fewKeys = 24
)

// sort returns the keys, in order, of records that begin at from or within slotWidth after it. They hold until the next call.
func (s *sorter) sort(recs []Rec, from record.Time) []key {
	n := len(recs)
	stretchBits := min(max(bits.Len(uint(n))-2, 0), maxStretchBits)
	stretches := 1 << stretchBits
	shift := slotBits - stretchBits
	stretch := func(r *Rec) int {
		// Starts outside of the slot, which there are none of, would only cost time.
		return min(max(int((r.Start-from)>>shift), 0), stretches-1)
	}
	s.ends = slices.Grow(s.ends[:0], stretches+1)[:stretches+1]
	clear(s.ends)
	for i := range recs {
		s.ends[stretch(&recs[i])+1]++
	}
	for k := range stretches {
		s.ends[k+1] += s.ends[k]
	}
	// ends[k] is where stretch k begins, and moves to its end as its keys come.
	s.keys = slices.Grow(s.keys[:0], n)[:n]
	for i := range recs {
		k := stretch(&recs[i])
		s.keys[s.ends[k]] = key{recs[i].Start, uint32(i)}
		s.ends[k]++
	}
	begin := 0
	for _, end := range s.ends[:stretches] {
		switch k := s.keys[begin:end]; {
		case len(k) > fewKeys:
			slices.SortFunc(k, func(a, b key) int { return compareKeys(recs, a, b) })
		case len(k) > 1:
			insert(recs, k)
		}
		begin = int(end)
	}
	return s.keys
}

// compareKeys is compare by keys.
func compareKeys(recs []Rec, a, b key) int {
	// Starts nearly always decide.
	if a.start != b.start {
		if a.start < b.start {
			return -1
		}
		return 1
	}
	return compare(&recs[a.at], &recs[b.at])
}

// insert sorts a few keys.
func insert(recs []Rec, keys []key) {
	for i := 1; i < len(keys); i++ {
		k, j := keys[i], i
		for ; j > 0 && compareKeys(recs, k, keys[j-1]) < 0; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = k
	}
}
