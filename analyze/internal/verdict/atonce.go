package verdict

import (
	"fmt"
	"math"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/analyze/internal/traffic"
)

const (
	// spellLeast is within what time of one another calls of quick endpoints belong together at least; spellMost bounds it for those that
	// take long.
	spellLeast = time.Second
	spellMost  = 2 * time.Minute
	// crowdTimes is how many times as many calls at once there must be at deaths as at other times (medians), where none of those was alone.
	// A client that tries again what kills makes two of one.
	crowdTimes = 3
)

// crowd compares how many calls of one endpoint were at work at once where containers died and where they did not.
type crowd struct {
	stories, harmless int // stories of deaths, and spells that did no harm
	fatal, usual      int // median number of calls in either
	fewest, least     int // where a container died, and lower quartile
	alike             int // harmless spells of at least as many
	p                 float64
}

func (c crowd) tells() bool {
	return c.stories >= strawStories && c.harmless >= strawCalls && c.p <= strawP && c.fewest > 1 && c.fatal >= crowdTimes*c.usual
}

func (c crowd) String() string {
	return fmt.Sprintf("%d had begun together on a container that died (median of %d stories), %d where none did (median of %d times, of which %d had at least as many as most deaths)", c.fatal, c.stories, c.usual, c.harmless, c.alike)
}

// spells groups the calls of an endpoint, told in the order of time, by what belongs together: those on one container of which each begins no
// longer after the one before than they usually take. Beginnings are counted rather than what is open, as on a container that is slow all
// that is open adds up.
func (q *inquiry) spells(e int, calls []traffic.Call) (groups [][]int) {
	within := spellLeast
	if usual := q.measured.Base.Durations[e].Quantile(0.9); !math.IsNaN(usual) {
		within = min(max(time.Duration(usual*1e9), spellLeast), spellMost)
	}
	last := map[uint32]int{} // group by container
	for i, c := range calls {
		if g, ok := last[c.Container]; ok {
			before := calls[groups[g][len(groups[g])-1]]
			if c.Start.Sub(before.Start) <= within && c.Age >= before.Age { // of one life
				groups[g] = append(groups[g], i)
				continue
			}
		}
		last[c.Container] = len(groups)
		groups = append(groups, []int{i})
	}
	return groups
}

// crowdOf asks whether an endpoint kills where many of its calls are at work at once (rank-sum test over spells; its variance takes no
// account of ties, which makes it careful). Deaths of one story are one observation, and what came soon after a death is left out. It returns,
// too, the first calls of the harmless spells of as many as at deaths.
func (q *inquiry) crowdOf(calls []traffic.Call, spells [][]int) (c crowd, alike map[int]bool) {
	var fatal, harmless []float64
	var unharmed [][]int
	first := map[int]int{} // by story: how many began together where a container died first
	for _, spell := range spells {
		chain := -1
		for _, i := range spell {
			if d := calls[i].Death; d >= 0 {
				chain = q.open.cases[d].Chain
			}
		}
		switch {
		case chain >= 0:
			if _, ok := first[chain]; !ok {
				first[chain] = len(spell)
			}
		case !q.afterDeath(calls[spell[0]].Start):
			harmless = append(harmless, float64(len(spell)))
			unharmed = append(unharmed, spell)
		}
	}
	for _, n := range first {
		fatal = append(fatal, float64(n))
	}
	c.stories, c.harmless, c.p = len(fatal), len(harmless), 1
	if len(fatal) == 0 || len(harmless) == 0 {
		return c, nil
	}
	slices.Sort(fatal)
	kills := make([]int, len(fatal))
	for i := range kills {
		kills[i] = i
	}
	if r := rankSum(append(slices.Clone(fatal), harmless...), kills); r.variance > 0 {
		c.p = stat.NormalTail(r.z())
	}
	c.fatal, c.usual, c.fewest, c.least = int(stat.Median(fatal)), int(stat.Median(harmless)), int(fatal[0]), int(fatal[len(fatal)/4])
	alike = map[int]bool{}
	for _, spell := range unharmed {
		if len(spell) >= c.least {
			c.alike++
			alike[spell[0]] = true // which stands for all of them
		}
	}
	return c, alike
}

// atOnce reports whether it takes several requests of an endpoint at once to kill, and how many.
func (q *inquiry) atOnce(e int) (c crowd, ok bool) {
	calls := q.measured.Calls(q.traffic, e)
	c, _ = q.crowdOf(calls, q.spells(e, calls))
	return c, c.tells()
}

func atOnceRule() finding.Rule {
	return finding.Rule{ID: "burst.at-once", Title: "Many at once", Question: "Does it take several requests of the suspect at once to kill a container?",
		Test: "The requests of the suspect on one container that begin within its usual duration of one another are counted, where a container died and where none did (rank sums; of deaths within 20 minutes of one another the first). Where many at once kill, only as many at once that did no harm are compared by the age of their container.",
		Thresholds: []finding.Threshold{{Name: "p", Value: fmt.Sprintf("%g, over %d stories of deaths and %d times that did no harm", strawP, strawStories, strawCalls), Why: "as for the ages"},
			{Name: "times as many", Value: fmt.Sprintf("%d, and never one alone", crowdTimes), Why: "a client that tries again what kills makes two of one"}},
		Source: "Wilcoxon 1945", Limits: "Needs an endpoint that is called seldom enough for each of its requests to be known (2,000 at most)."}
}
