package memory

import (
	"fmt"
	"slices"

	"lastcall/analyze/internal/stat"
)

// sameLevel asks what the deaths say of an explanation. Containers that die for want of memory die at one level, so whatever fills them
// must have done as much by each death. Where what the endpoint and time did together varies far more from death to death than the ages
// do, it is time that fills them: a managed heap touches new pages when a request needs many at once, and resident memory then steps up
// with the requests of an endpoint that keeps nothing. It returns why, or nothing.
func (d *design) sameLevel(lives []Life, e *regressor, share float64) string {
	var ages, counts, levels []float64
	for _, l := range lives {
		cum, s := e.counts[l.Container], l.Series[d.metric]
		if !l.Died || !mayBeOfMemory(l.Kind) || l.Start == 0 || l.End == 0 || l.Start < d.ex.From || len(cum) == 0 || len(s) == 0 {
			continue
		}
		ages = append(ages, l.End.Sub(l.Start).Hours())
		counts = append(counts, d.countAt(cum, l.End)-d.countAt(cum, l.Start))
		levels = append(levels, s[len(s)-1].V)
	}
	if len(ages) < levelDeaths || slices.Max(levels)-slices.Min(levels) > levelAlike*stat.Median(levels) {
		return ""
	}
	age, count := stat.Mean(ages), stat.Mean(counts)
	if age <= 0 || count <= 0 {
		return ""
	}
	done := make([]float64, len(ages))
	for i := range done {
		done[i] = (1-share)*ages[i]/age + share*counts[i]/count
	}
	if stat.Deviation(done) <= levelTimes*stat.Deviation(ages)/age {
		return ""
	}
	return fmt.Sprintf("%d lives ended at one level, after %s to %s and %.0f to %.0f of its requests: what filled them goes with time",
		len(ages), duration(slices.Min(ages)), duration(slices.Max(ages)), slices.Min(counts), slices.Max(counts))
}
