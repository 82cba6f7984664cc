package analyze

import (
	"time"

	"lastcall/collectors/record"
)

// cells counts requests by endpoint, container and block of time, for the memory regression.
//
// Requests come in the order of time, so the counts of one block lie side by side while they are made: a table by block, then by
// endpoint and container, if it is not too large, and otherwise one row per pair, up to maxCells of them.
type cells struct {
	containers, blocks int
	dense              []uint32 // by block, endpoint, container
	sparse             map[uint64][]float64
}

// maxDense bounds the table: 16 MB.
const maxDense = 4 << 20

func newCells(endpoints, containers, blocks int) *cells {
	c := &cells{containers: containers, blocks: blocks}
	if pairs := endpoints * containers; pairs <= maxCells && pairs*blocks <= maxDense {
		c.dense = make([]uint32, pairs*blocks)
	} else {
		c.sparse = map[uint64][]float64{}
	}
	return c
}

// add counts one request; those of a block that there is not are left out.
func (c *cells) add(endpoint, container uint32, block int) {
	if block < 0 || block >= c.blocks {
		return
	}
	if c.dense != nil {
		pairs := len(c.dense) / c.blocks
		c.dense[block*pairs+int(endpoint)*c.containers+int(container)]++
		return
	}
	k := uint64(endpoint)<<32 | uint64(container)
	row := c.sparse[k]
	if row == nil {
		if len(c.sparse) >= maxCells {
			return
		}
		row = make([]float64, c.blocks)
		c.sparse[k] = row
	}
	row[block]++
}

// each calls f with the counts by block of every pair that has any, in no order.
func (c *cells) each(f func(endpoint, container uint32, row []float64)) {
	for k, row := range c.sparse {
		f(uint32(k>>32), uint32(k), row)
	}
	if c.dense == nil {
		return
	}
	pairs := len(c.dense) / c.blocks
	rows := make([][]float64, pairs)
	for b := range c.blocks {
		for p, n := range c.dense[b*pairs : (b+1)*pairs] {
			if n == 0 {
				continue
			}
			if rows[p] == nil {
				rows[p] = make([]float64, c.blocks)
			}
			rows[p][b] = float64(n)
		}
	}
	for p, row := range rows {
		if row != nil {
			f(uint32(p/c.containers), uint32(p%c.containers), row)
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

// deathsOf are the deaths of one container in the order of time, with a place to look from: requests are asked about in the order of
// time as well.
type deathsOf struct {
	at     []record.Time
	deaths []int
	next   int
}

// since returns the deaths from an instant on.
func (d *deathsOf) since(t record.Time) []int {
	for d.next > 0 && d.at[d.next-1] >= t {
		d.next--
	}
	for d.next < len(d.at) && d.at[d.next] < t {
		d.next++
	}
	return d.deaths[d.next:]
}
