package traffic

import (
	"math"
	"time"

	"lastcall/collectors/record"
)

// cells counts requests by endpoint, container and block of time, for the memory regression.
//
// Requests come slot by slot, so only the counts of a few blocks are at work, in little memory; when others begin they are appended to a log
// of those that are not zero. A row per pair would be written all over, once per request.
type cells struct {
	endpoints, containers, blocks int
	index                         []uint16          // by endpoint and container, the number of the pair; 0 when it has none yet
	sparse                        map[uint64]uint16 // the same where the table would be too large
	pairs                         []pair            // by number; the first is none
	open                          []openBlock       // from the block first on
	first                         int
	log                           []cellCount
	runs                          []cellRun
}

// openBlock is a block whose requests come.
type openBlock struct {
	now     []uint32 // by number of the pair
	touched []uint16 // which of them are not zero
}

type pair struct{ endpoint, container uint32 }

// cellCount is what one pair had in one block; more than fit are several.
type cellCount struct{ pair, n uint16 }

// cellRun is a piece of the log, up to end, of one block.
type cellRun struct{ block, end int }

// maxTable bounds the table of pairs: 2 MB.
const maxTable = 1 << 20

func newCells(endpoints, containers, blocks int) *cells {
	c := &cells{endpoints: endpoints, containers: containers, blocks: blocks, pairs: make([]pair, 1)}
	if endpoints*containers <= maxTable {
		c.index = make([]uint16, endpoints*containers)
	} else {
		c.sparse = map[uint64]uint16{}
	}
	return c
}

// expect says which blocks the next requests lie in, in any order.
func (c *cells) expect(first, last int) {
	c.flush()
	c.first = first
	for len(c.open) < last-first+1 {
		c.open = append(c.open, openBlock{})
	}
}

// add counts one request; those of a block that there is not, or of a pair beyond maxCells, are left out.
func (c *cells) add(endpoint, container uint32, block int) {
	if block < c.first || block >= c.first+len(c.open) {
		c.expect(block, block)
	}
	var at uint16
	if c.index != nil {
		at = c.index[int(endpoint)*c.containers+int(container)]
	} else {
		at = c.sparse[uint64(endpoint)<<32|uint64(container)]
	}
	if at == 0 {
		if at = c.number(endpoint, container); at == 0 {
			return
		}
	}
	o := &c.open[block-c.first]
	if len(o.now) <= int(at) {
		o.now = append(o.now, make([]uint32, len(c.pairs)-len(o.now))...)
	}
	if o.now[at] == 0 {
		o.touched = append(o.touched, at)
	}
	o.now[at]++
}

// crowded reports whether there may be more pairs than are counted: then it matters which come first.
func (c *cells) crowded() bool { return c.endpoints*c.containers > maxCells }

func (c *cells) number(endpoint, container uint32) uint16 {
	if len(c.pairs) > maxCells {
		return 0
	}
	at := uint16(len(c.pairs))
	c.pairs = append(c.pairs, pair{endpoint, container})
	if c.index != nil {
		c.index[int(endpoint)*c.containers+int(container)] = at
	} else {
		c.sparse[uint64(endpoint)<<32|uint64(container)] = at
	}
	return at
}

// flush writes the counts of the open blocks to the log.
func (c *cells) flush() {
	for i := range c.open {
		o, block := &c.open[i], c.first+i
		if len(o.touched) == 0 {
			continue
		}
		for _, at := range o.touched {
			for o.now[at] > 0 {
				n := min(o.now[at], math.MaxUint16)
				o.now[at] -= n
				if block >= 0 && block < c.blocks {
					c.log = append(c.log, cellCount{at, uint16(n)})
				}
			}
		}
		o.touched = o.touched[:0]
		c.runs = append(c.runs, cellRun{block, len(c.log)})
	}
}

// each calls f with the counts by block of every pair that has any.
func (c *cells) each(f func(endpoint, container uint32, row []float64)) {
	c.flush()
	rows := make([][]float64, len(c.pairs))
	begin := 0
	for _, r := range c.runs {
		for _, n := range c.log[begin:r.end] {
			if rows[n.pair] == nil {
				rows[n.pair] = make([]float64, c.blocks)
			}
			rows[n.pair][r.block] += float64(n.n)
		}
		begin = r.end
	}
	for at, row := range rows {
		if row != nil {
			f(c.pairs[at].endpoint, c.pairs[at].container, row)
		}
	}
}

// calendar is a division of time into steps of one width. It remembers the step of the last instant asked for: those that follow
// are nearly always in it or in the next, and a division for each costs more than all else that is done with it.
type calendar struct {
	from, to record.Time // of the last step
	step     int
	origin   record.Time
	width    time.Duration
}

func newCalendar(origin record.Time, width time.Duration) calendar {
	return calendar{origin: origin, from: origin, to: origin.Add(width), width: width}
}

// at returns the number of the step that an instant at or after the origin lies in.
func (c *calendar) at(t record.Time) int {
	if t < c.from || t >= c.to {
		c.step = int(t.Sub(c.origin) / c.width)
		c.from = c.origin.Add(time.Duration(c.step) * c.width)
		c.to = c.from.Add(c.width)
	}
	return c.step
}

// cursor is a place in instants that are in order. Questions come in the order of time as well, so the next answer is looked for from
// the last one on.
type cursor struct {
	times []record.Time
	next  int
}

// since returns the index of the first instant that is not before t.
func (c *cursor) since(t record.Time) int {
	for c.next > 0 && c.times[c.next-1] >= t {
		c.next--
	}
	for c.next < len(c.times) && c.times[c.next] < t {
		c.next++
	}
	return c.next
}
