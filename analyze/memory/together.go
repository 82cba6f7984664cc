package memory

import (
	"fmt"
	"slices"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// poolKey names the lives that are read together: those of one version, in one metric.
type poolKey struct {
	kind    record.Metric
	version string
}

// together reads the lives that have too few readings to be judged alone, as those of containers that die every hour and are measured
// every quarter of an hour have. What none of them can show all of them may: that memory rises for as long as a life lasts, in the first
// half of it and in the second, and begins from below in the next.
func together(cs []Curve, lives []Life) {
	pools := map[poolKey][]int{}
	var keys []poolKey
	for i := range cs {
		if !cs[i].few {
			continue
		}
		k := poolKey{cs[i].Kind, lives[cs[i].Life].Version}
		if pools[k] == nil {
			keys = append(keys, k)
		}
		pools[k] = append(pools[k], i)
	}
	if len(keys) == 0 {
		return
	}
	next := nextLives(lives)
	read := map[poolKey]pooled{}
	for _, k := range keys {
		read[k] = poolLives(cs, lives, next, pools[k])
	}
	for _, k := range keys {
		p := read[k]
		why := p.refuse(growthNeeded(k, read))
		for n, i := range pools[k] {
			c := &cs[i]
			switch {
			case why != "":
				c.Reasons = append(c.Reasons, fmt.Sprintf("of %d lives with few readings together: %s", len(p.alike), why))
			case p.alike[n]:
				c.Shape, c.Confidence = finding.ShapeLeak, finding.Likely
				c.SlopeBytesPerHour = finding.Estimate{Value: p.whole.Slope, Low: p.whole.Low, High: p.whole.High}
				c.Growth = p.whole.Slope * c.To.Sub(c.From).Hours()
				c.Reasons = append([]string{fmt.Sprintf("%d of %d lives with few readings rise for as long as they last (p %.1g together), and begin from below again", p.rising(), len(p.alike), p.whole.P)}, c.Reasons...)
			}
		}
	}
}

// pooled is what the lives of one pool show together.
type pooled struct {
	whole, early, late stat.Trend // of all readings, and of the two halves of each life
	alike              []bool     // by life: it rises, about as fast as the others
	growth             []float64  // by life: the rise over its readings, at the common slope, as a share of what growth is measured against
	even               float64    // what the rises keep without the greatest step of each life, against what even growth would
	died               int        // lives that ended in a death
	restarts, fell     int        // ends after which readings go on, and those after which memory was lower
}

func (p *pooled) rising() int {
	n := 0
	for _, a := range p.alike {
		if a {
			n++
		}
	}
	return n
}

// poolLives reads the lives of some curves; next is of [nextLives].
func poolLives(cs []Curve, lives []Life, next, of []int) pooled {
	p := pooled{alike: make([]bool, len(of)), growth: make([]float64, len(of))}
	var whole, early, late []stat.Segment
	for _, i := range of {
		l := lives[cs[i].Life]
		t, v := l.settled(l.Series[cs[i].Kind])
		n := len(t)
		whole = append(whole, stat.Segment{X: t, Y: v})
		early = append(early, stat.Segment{X: t[:(n+1)/2], Y: v[:(n+1)/2]})
		late = append(late, stat.Segment{X: t[n/2:], Y: v[n/2:]})
		if l.Died {
			p.died++
		}
	}
	p.whole, p.early, p.late = stat.FitTogether(whole, intervalLevel), stat.FitTogether(early, intervalLevel), stat.FitTogether(late, intervalLevel)
	kept, wouldKeep := 0.0, 0.0
	for n, i := range of {
		c, s := &cs[i], whole[n]
		last := len(s.Y) - 1
		greatest := 0.0
		for j := range last {
			greatest = max(greatest, s.Y[j+1]-s.Y[j])
		}
		kept += s.Y[last] - s.Y[0] - greatest
		wouldKeep += (s.Y[last] - s.Y[0]) * (1 - 1/float64(last))
		rise := p.whole.Slope * (s.X[len(s.X)-1] - s.X[0])
		p.growth[n] = rise / growthUnitOf(*c)
		own := stat.FitTogether([]stat.Segment{s}, intervalLevel)
		p.alike[n] = own.S > 0 && own.Slope > alikeShare*p.whole.Slope
		if next[c.Life] < 0 {
			continue
		}
		if after := lives[next[c.Life]].Series[c.Kind]; len(after) > 0 {
			p.restarts++
			if c.LastBytes-after[0].V > rise/2 {
				p.fell++
			}
		}
	}
	p.even = kept / wouldKeep
	return p
}

// nextLives returns, for each life, the index of the next one of its container; -1 for the last.
func nextLives(lives []Life) []int {
	next := make([]int, len(lives))
	last := -1
	for _, i := range order(lives) {
		next[i] = -1
		if last >= 0 && lives[last].Container == lives[i].Container {
			next[last] = i
		}
		last = i
	}
	return next
}

// growthNeeded is the share of the limit by which the lives of a pool must grow: more for resident memory while the heap does not grow or
// is not known.
func growthNeeded(k poolKey, pools map[poolKey]pooled) float64 {
	if k.kind != record.RSS && k.kind != record.WorkingSet {
		return growthShare
	}
	heap, ok := pools[poolKey{record.HeapUsed, k.version}]
	if ok && heap.refuse(growthShare) == "" {
		return growthShare
	}
	return creepShare
}

// refuse says why a pool shows no leak; nothing when it shows one.
func (p *pooled) refuse(need float64) string {
	n := len(p.alike)
	switch {
	case n < minPooled:
		return "too few lives"
	case 2*p.died < n:
		return "most of them did not die"
	case !(p.whole.P < trendP && p.whole.Slope > 0):
		return "they do not rise together"
	case stat.Median(slices.Clone(p.growth)) < need:
		return "they rise by too little"
	case float64(p.rising()) < mostAlike*float64(n):
		return "some rise and some do not"
	case !p.steady(p.early), !p.steady(p.late):
		return "they rise in one half of their time only"
	case !(p.even >= evenGrowth):
		return "they rise in one step"
	case p.restarts < minRestarts || float64(p.fell) < mostAlike*float64(p.restarts):
		return "memory does not begin from below in the next life"
	}
	return ""
}

// steady reports whether half of the time of the lives rises like the whole.
func (p *pooled) steady(half stat.Trend) bool {
	return half.P < halfP && half.Slope >= secondHalf*p.whole.Slope
}
