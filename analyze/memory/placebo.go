package memory

import (
	"math/rand/v2"
	"time"

	"lastcall/analyze/internal/stat"
)

// placebo deals the containers' traffic anew, as the load balancer might have, and counts how often some endpoint then explains
// the growth as well as the leader does. With several containers the counts of each stretch of time change places between them
// (what all containers saw together stays); where containers keep clients or endpoints of their own, whole containers change
// places; with one container, traffic moves along the time instead. p is nil when nothing can be done.
func (d *design) placebo(lead *regressor, o Options) *float64 {
	nz := &d.noise[lead.best]
	scores := make([]float64, len(shareGrid))
	score := func(r *regressor) float64 {
		xt, xy, xx := d.test(nz, d.cross(nz.drift, r))
		for i, s := range shareGrid {
			scores[i], _, _ = d.logL(nz, s*s*xx+2*s*(1-s)*xt+(1-s)*(1-s)*nz.tt, s*xy+(1-s)*nz.ty)
		}
		return stat.LogSumExp(scores)
	}
	var tried []*regressor
	for _, e := range d.ranked() {
		if len(tried) < placeboEndpoints && e.total >= minRequests {
			tried = append(tried, e)
		}
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x6c65616b)) // a fixed stream: the same evidence gives the same report
	observed := score(lead)
	step := d.step()
	if d.ex.N/step < minSwaps {
		return nil
	}
	hits, draws := 0, o.placebos()
	sticky := d.sticky()
	for i := range draws {
		if float64(hits) > 2*placeboP*float64(draws) { // clear enough: it will not become rare again
			draws = i
			break
		}
		var deal deal
		switch {
		case len(d.names) == 1:
			deal = d.shift(rng)
		case sticky:
			deal = d.exchange(rng)
		default:
			deal = d.swap(rng, step)
		}
		for _, r := range tried {
			if score(d.dealt(r, deal)) >= observed {
				hits++
				break
			}
		}
	}
	p := float64(hits+1) / float64(draws+1)
	return &p
}

// step is the number of blocks of traffic between two floors.
func (d *design) step() int { return max(1, int(d.unit*float64(time.Hour)/float64(d.ex.Block))) }

// sticky reports whether containers keep clients or endpoints of their own.
func (d *design) sticky() bool { return len(d.names) > 1 && d.stickiness(d.step()) > stickyDispersion }

// deal says whose count container c (an index into names), block i, receives.
type deal func(c, i int) (container, block int)

// swap permutes, in each stretch of step blocks, the containers that served requests in it.
func (d *design) swap(rng *rand.Rand, step int) deal {
	giver := make([][]int, (d.ex.N+step-1)/step)
	var present []int
	for g := range giver {
		i, j := g*step, min((g+1)*step, d.ex.N)
		present = present[:0]
		giver[g] = make([]int, len(d.names))
		for c, n := range d.names {
			giver[g][c] = c
			if cum := d.all.counts[n]; cum[j] > cum[i] {
				present = append(present, c)
			}
		}
		for k, to := range rng.Perm(len(present)) {
			giver[g][present[k]] = present[to]
		}
	}
	return func(c, i int) (int, int) { return giver[i/step][c], i }
}

// exchange permutes whole containers.
func (d *design) exchange(rng *rand.Rand) deal {
	perm := rng.Perm(len(d.names))
	return func(c, i int) (int, int) { return perm[c], i }
}

// stickiness is how unevenly endpoints are spread over containers, over what dealing every request at random gives: the median
// over endpoints of χ² per degree of freedom, about 1 for a random balancer, less for one that takes turns.
func (d *design) stickiness(step int) float64 {
	var ratios []float64
	for _, e := range d.endpoints {
		if e.total < stickyRequests {
			continue
		}
		expected, seen := make([]float64, len(d.names)), make([]float64, len(d.names))
		for i := 0; i < d.ex.N; i += step {
			j := min(i+step, d.ex.N)
			var all, own float64
			for c, n := range d.names {
				k := between(e.counts[n], i, j)
				seen[c] += k
				own += k
				all += between(d.all.counts[n], i, j)
			}
			if all > 0 {
				for c, n := range d.names {
					expected[c] += own * between(d.all.counts[n], i, j) / all
				}
			}
		}
		var chi float64
		for c := range seen {
			if expected[c] > 0 {
				chi += (seen[c] - expected[c]) * (seen[c] - expected[c]) / expected[c]
			}
		}
		ratios = append(ratios, chi/float64(len(d.names)-1))
	}
	if len(ratios) == 0 {
		return 0
	}
	return stat.Median(ratios)
}

// between is the count of blocks i to j.
func between(cum []float64, i, j int) float64 {
	if len(cum) == 0 {
		return 0
	}
	return cum[j] - cum[i]
}

// shift moves all traffic along the time, around the end.
func (d *design) shift(rng *rand.Rand) deal {
	n := d.ex.N
	by := n/10 + rng.IntN(max(1, n-2*(n/10)))
	return func(c, i int) (int, int) { return c, (i + by) % n }
}

// dealt returns a regressor whose counts are dealt anew.
func (d *design) dealt(r *regressor, to deal) *regressor {
	out := &regressor{name: r.name, counts: make(map[string][]float64, len(d.names))}
	cums := make([][]float64, len(d.names))
	for c, n := range d.names {
		cums[c] = r.counts[n]
	}
	for c, n := range d.names {
		cum := make([]float64, d.ex.N+1)
		for i := range d.ex.N {
			from, at := to(c, i)
			cum[i+1] = cum[i]
			if src := cums[from]; len(src) > 0 {
				cum[i+1] += src[at+1] - src[at]
			}
		}
		out.counts[n] = cum
	}
	out.total = d.totalOf(out)
	return out
}
