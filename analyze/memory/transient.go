package memory

import (
	"math"
	"slices"
	"time"

	"lastcall/analyze/internal/stat"
)

// A request may need much memory while it runs, and the process give it back only minutes later. Over a few readings that looks like what
// is kept. An explanation that leads is therefore asked what it adds to its own recent traffic, whose memory comes back.

// transientTimes are time constants over which memory that a request needed may come back: allocators give it back after seconds to
// minutes, if at all. The step from one floor to the next stands for those that it is too long to show.
var transientTimes = [...]time.Duration{time.Minute, 4 * time.Minute, 15 * time.Minute}

// transientShare of a typical life is the longest of those times: what stays for a third of a life and more is as good as kept.
const transientShare = 1.0 / 3

// mostRefined bounds the explanations that are asked.
const mostRefined = 40

// refine asks the best explanations what they add to their own recent traffic, until those asked stand before all others.
func (d *design) refine() {
	all := slices.Concat(d.endpoints, d.jobs)
	asked := map[*regressor]bool{}
	for range mostRefined {
		var best *regressor
		for _, r := range all {
			if best == nil || r.logBF > best.logBF {
				best = r
			}
		}
		if best == nil || asked[best] || best.logBF <= 0 {
			return
		}
		asked[best] = true
		d.fitBeside(best, d.recent(best))
	}
}

// recent returns, for each of the times, the recent traffic of a regressor at each floor of each life.
func (d *design) recent(r *regressor) (out [][][]float64) {
	before, longest := 0.0, max(d.unit, transientShare*d.span)
	for _, t := range transientTimes {
		tau := max(t.Hours(), d.unit)
		if tau < 2*before || tau > longest {
			continue
		}
		before = tau
		var col [][]float64
		for l := range d.lives {
			col = append(col, d.faded(&d.lives[l], r, tau))
		}
		out = append(out, col)
	}
	return out
}

// faded returns, for each floor of a life, the requests before it, each counted for what is left of it when it fades with a time constant
// of tau hours.
func (d *design) faded(l *lifeRows, r *regressor, tau float64) []float64 {
	const enough = 5 // time constants, of which the first is looked at
	out := make([]float64, len(l.t))
	cum := r.counts[l.container]
	block := d.ex.Block.Hours()
	keep := math.Exp(-block / tau)
	left, next := 0.0, max(0, int(l.at[0].Sub(d.ex.From)/d.ex.Block)-int(enough*tau/block))
	for i, at := range l.at {
		for ; next < len(cum)-1 && d.ex.From.Add(time.Duration(next+1)*d.ex.Block) <= at; next++ {
			left = left*keep + cum[next+1] - cum[next]
		}
		out[i] = left
	}
	return out
}

// bundle holds the columns of one model under one drift: what is fitted beside a regressor, and last its progress.
type bundle struct {
	cols []cross
	dot  [][]float64 // plain inner products of the columns with one another
}

func (d *design) bundle(dr *drift, r *regressor, beside [][][]float64) *bundle {
	var whitened [][]float64
	for _, b := range beside {
		whitened = append(whitened, d.whiten(dr, func(l, i int) float64 { return b[l][i] }))
	}
	whitened = append(whitened, d.progress(dr, r))
	b := &bundle{}
	for _, x := range whitened {
		b.cols = append(b.cols, d.crossOf(dr, x))
		var dots []float64
		for _, y := range whitened {
			dots = append(dots, stat.Dot(x, y))
		}
		b.dot = append(b.dot, dots)
	}
	return b
}

// products are the inner products of time, memory and a regressor's progress under one noise, with all that is fitted beside them
// projected out: so many columns more than the nuisance.
type products struct {
	tt, ty, yy, xt, xy, xx float64
	more                   int
}

// productsOf projects the nuisance out of everything, and then one column after the other out of those that come after it.
func (d *design) productsOf(nz *noise, b *bundle) products {
	n := len(b.cols)
	t, y := n, n+1
	g := make([][]float64, n+2)
	for i := range g {
		g[i] = make([]float64, n+2)
	}
	withZ := make([][nuisance]float64, n)
	for i, c := range b.cols {
		for z := range nuisance {
			withZ[i][z] = nz.inner(c.with[z], c.parts, nz.drift.parts[z], d.owner)
		}
		ct := nz.inner(c.with[colTime], c.parts, nz.drift.parts[colTime], d.owner)
		cy := nz.inner(c.with[colMem], c.parts, nz.drift.parts[colMem], d.owner)
		for z := range nuisance {
			ct -= withZ[i][z] * nz.wt[z]
			cy -= withZ[i][z] * nz.wy[z]
		}
		g[i][t], g[t][i], g[i][y], g[y][i] = ct, ct, cy, cy
		for j := range i + 1 {
			v := nz.inner(b.dot[i][j], c.parts, b.cols[j].parts, d.owner)
			for z := range nuisance {
				for w := range nuisance {
					v -= withZ[i][z] * nz.inv[z][w] * withZ[j][w]
				}
			}
			g[i][j], g[j][i] = v, v
		}
	}
	g[t][t], g[t][y], g[y][t], g[y][y] = nz.tt, nz.ty, nz.ty, nz.yy
	p := products{}
	own := make([]float64, n)
	for i := range own {
		own[i] = g[i][i]
	}
	for k := range n - 1 {
		if g[k][k] <= 1e-9*own[k] || own[k] <= 0 {
			continue // the others make it already
		}
		p.more++
		for i := k + 1; i < n+2; i++ {
			f := g[i][k] / g[k][k]
			for j := k + 1; j < n+2; j++ {
				g[i][j] -= f * g[k][j]
			}
		}
	}
	x := n - 1
	p.tt, p.ty, p.yy = max(g[t][t], 0), g[t][y], max(g[y][y], 1e-300)
	p.xt, p.xy, p.xx = g[x][t], g[x][y], max(g[x][x], 0)
	return p
}
