package memory

import (
	"fmt"
	"slices"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// jumps finds the bursts at the ends of lives that the limit of the container is no measure of. A heap limit kills at a quarter or a half
// of it, so memory that jumps by a quarter of its own level just before such a death is a burst, unless memory jumps so at other times too.
func jumps(cs []Curve, lives []Life) {
	swings := map[poolKey][]float64{}
	for i := range cs {
		c, l := &cs[i], lives[cs[i].Life]
		if !l.Died || !mayBeOfMemory(l.Kind) || l.Kind == record.CrashOOMKill || c.Shape == finding.ShapeLeak || c.Shape == finding.ShapeBurst || c.Confidence == finding.Insufficient {
			continue
		}
		t, v := hours(l.Series[c.Kind], l.start()), values(l.Series[c.Kind])
		rise, within := lastJump(t, v)
		if rise <= 0 {
			continue
		}
		k := poolKey{c.Kind, l.Version}
		if swings[k] == nil {
			swings[k] = swingsOf(cs, lives, k)
		}
		often := 0
		for _, s := range swings[k] {
			if s >= jumpAlike*rise {
				often++
			}
		}
		if float64(often) > jumpElsewhere*float64(len(swings[k])) {
			continue
		}
		c.Shape = finding.ShapeBurst
		c.Reasons = append([]string{fmt.Sprintf("rose by %s within %s just before the death, as it did at no other time", size(rise), duration(within))}, c.Reasons...)
	}
}

// lastJump returns by how much memory rose at the end of its readings, and within how many hours; 0 when that is nothing.
func lastJump(t, v []float64) (rise, within float64) {
	n := len(v)
	from := slices.IndexFunc(t, func(x float64) bool { return x >= t[n-1]-burstTime.Hours() })
	if from < MinReadings {
		return 0, 0
	}
	_, before := dropWarmUp(t[:from], v[:from])
	if len(before) < MinReadings/2 {
		return 0, 0
	}
	// It must still be up at the end.
	level := stat.Median(before)
	rise = v[n-1] - level
	if rise < max(burstMADs*stat.MAD(before), burstLevel*level) {
		return 0, 0
	}
	half := from
	for i := from; i < n; i++ {
		if v[i] < level+rise/2 {
			half = i
		}
	}
	return rise, t[n-1] - t[half]
}

// swingsOf returns, for each life of a pool, the greatest rise within the time of a burst: after the first minutes, and before the last ones
// where it died.
func swingsOf(cs []Curve, lives []Life, k poolKey) []float64 {
	out := []float64{}
	for i := range cs {
		c, l := &cs[i], lives[cs[i].Life]
		if (poolKey{c.Kind, l.Version}) != k || c.Confidence == finding.Insufficient {
			continue
		}
		t, v := dropWarmUp(hours(l.Series[c.Kind], l.start()), values(l.Series[c.Kind]))
		if l.Died {
			end := slices.IndexFunc(t, func(x float64) bool { return x >= t[len(t)-1]-burstTime.Hours() })
			t, v = t[:end], v[:end]
		}
		greatest := 0.0
		var lowest []int // the readings of the window that none after them is below, in order
		for j := range v {
			for len(lowest) > 0 && v[lowest[len(lowest)-1]] >= v[j] {
				lowest = lowest[:len(lowest)-1]
			}
			lowest = append(lowest, j)
			for t[j]-t[lowest[0]] > burstTime.Hours() {
				lowest = lowest[1:]
			}
			greatest = max(greatest, v[j]-v[lowest[0]])
		}
		out = append(out, greatest)
	}
	return out
}
