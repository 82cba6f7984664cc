package memory

import (
	"fmt"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// plateau is where lives of one version stopped growing by themselves.
type plateau struct {
	lives int
	level float64 // bytes: the lowest at which one of them stayed
	hours float64 // the longest that one of them took to get there
}

// plateaus finds, by version, the level at which lives stopped growing that did not die, with as much to do as before. Where the load is not
// known there are none: what leaks with the requests stands still at night as well.
func plateaus(lives []Life, m record.Metric, load map[string][]Point) map[string]plateau {
	out := map[string]plateau{}
	for _, l := range lives {
		t, v := l.settled(l.Series[m])
		if l.Died || len(v) < MinReadings || load[l.Container] == nil {
			continue
		}
		ft, fv := floors(t, v)
		last := len(fv) - len(fv)/3 - 1
		if !levelsOff(l, m, v, ft, fv) || !staysBusy(l, load[l.Container], t[0], ft[last], t[len(t)-1]) {
			continue
		}
		p, level := out[l.Version], stat.Median(fv[last:])
		if p.lives == 0 || level < p.level {
			p.level = level
		}
		p.lives++
		p.hours = max(p.hours, riseTime(ft, fv))
		out[l.Version] = p
	}
	return out
}

// riseTime is how long floors took to most of their rise.
func riseTime(ft, fv []float64) float64 {
	low, high := slices.Min(fv), slices.Max(fv)
	i := slices.IndexFunc(fv, func(x float64) bool { return x >= low+plateauRisen*(high-low) })
	return ft[i] - ft[0]
}

// staysBusy reports whether the load from an hour of a life on to the end was about that of the whole.
func staysBusy(l Life, load []Point, from, late, to float64) bool {
	at := func(h float64) record.Time { return l.start().Add(time.Duration(h * float64(time.Hour))) }
	whole := meanLoad(load, at(from), at(to))
	return whole > 0 && meanLoad(load, at(late), at(to)) >= plateauLoad*whole
}

// levelsOff reports whether a curve with these floors grew and then stayed.
func levelsOff(l Life, m record.Metric, v, ft, fv []float64) bool {
	tr, level := stat.FitTrend(ft, fv, intervalLevel), stat.Median(fv)
	shape, reasons := leakRule(ft, fv, tr, growthUnit(l.limit(m), level))
	if shape == "" {
		shape, _ = quietRule(values(l.Series[m]), v, level, reasons)
	}
	return shape == finding.ShapePlateau
}

// covers reports whether a life that was watched for so long, and whose floor is at so much now, is one that warms up: others of its
// version took as long to rise, and stayed at more. One that goes on rising for longer than they did leaks.
func (p plateau) covers(hours, floor float64) bool {
	return p.lives >= minPlateaus && hours <= p.hours && floor <= p.level
}

// warmUps takes the name "leak" from lives that only do what older ones did before they stopped growing.
func warmUps(cs []Curve, lives []Life, o Options) {
	of := map[record.Metric]map[string]plateau{}
	for i := range cs {
		c := &cs[i]
		if c.Shape != finding.ShapeLeak {
			continue
		}
		l := lives[c.Life]
		if of[c.Kind] == nil {
			of[c.Kind] = plateaus(lives, c.Kind, o.Load)
		}
		p := of[c.Kind][l.Version]
		t, v := l.settled(l.Series[c.Kind])
		if _, fv := floors(t, v); !l.Died && p.covers(t[len(t)-1]-t[0], fv[len(fv)-1]) {
			c.demote(p.why())
		}
	}
}

func (p plateau) why() string {
	return fmt.Sprintf("it grows, and %d other lives rose for up to %s and stayed at %s or more: it warms up", p.lives, duration(p.hours), size(p.level))
}
