package traffic

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCellsCountEveryPairInEveryBlock(t *testing.T) {
	for name, size := range map[string]struct{ endpoints, containers int }{"with a table": {30, 4}, "without": {3, maxTable/2 + 1}} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			const blocks = 7
			c := newCells(size.endpoints, size.containers, blocks)
			want := map[pair][]float64{}
			add := func(p pair, block, n int) {
				for range n {
					c.add(p.endpoint, p.container, block)
				}
				if block < 0 || block >= blocks {
					return
				}
				if want[p] == nil {
					want[p] = make([]float64, blocks)
				}
				want[p][block] += float64(n)
			}
			for i := range 400 { // in the order of time
				add(pair{rng.Uint32N(3), rng.Uint32N(4)}, i/60, 1)
			}
			add(pair{1, 1}, 6, 70_000) // more than one entry of the log holds
			add(pair{2, 2}, 1, 3)      // later, out of order
			add(pair{2, 2}, 9, 3)      // nowhere
			add(pair{2, 3}, -1, 3)
			got := map[pair][]float64{}
			c.each(func(e, k uint32, row []float64) { got[pair{e, k}] = row })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestBlocksThatComeMixedAreWrittenOnce: requests of one slot come in any order, and a log that is shuffled must not make a run of each.
func TestBlocksThatComeMixedAreWrittenOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const blocks, n = 200, 5000
	c := newCells(30, 4, blocks)
	want := make([]float64, blocks)
	for from := 0; from < blocks; from += 20 {
		c.expect(from, from+20)
		for range n {
			block := min(from+rng.IntN(21), blocks-1)
			c.add(1, 1, block)
			want[block]++
		}
	}
	var got []float64
	c.each(func(_, _ uint32, row []float64) { got = row })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(c.runs) > 21*blocks/20+1 {
		t.Errorf("%d runs of %d blocks", len(c.runs), blocks)
	}
}

func TestCellsAreBounded(t *testing.T) {
	c := newCells(maxCells+10, 1, 2)
	for e := range uint32(maxCells + 10) {
		c.add(e, 0, 1)
	}
	n := 0
	c.each(func(uint32, uint32, []float64) { n++ })
	if n != maxCells {
		t.Errorf("%d pairs, %d at most", n, maxCells)
	}
}
