package memory

import (
	"fmt"
	"math"
	"slices"

	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// Gate says whether there is growth to explain.
type Gate struct {
	Open bool
	// Growing of Lives comparable lives grow. GrowthBytes is the median growth of a life, NeededBytes what would count.
	Growing, Lives           int
	GrowthBytes, NeededBytes float64
	// Version is the release whose lives were used; empty when versions are unknown or make no difference.
	Version string
	Why     string
}

// picked are the lives whose growth is to be explained.
type picked struct {
	lives  []Life
	growth Growth
	gate   Gate
}

// pickLives groups lives by version and takes the group that grows most: a leak often arrives with a deploy, and the lives
// before it would speak against every endpoint.
func pickLives(lives []Life, load map[string][]Point) picked {
	groups := map[string][]Life{}
	var names []string
	for _, i := range order(lives) {
		v := lives[i].Version
		if groups[v] == nil {
			names = append(names, v)
		}
		groups[v] = append(groups[v], lives[i])
	}
	slices.Sort(names)
	var best picked
	best.gate.Why = noReadings
	for _, n := range names {
		p := picked{lives: groups[n], growth: GrowthKind(groups[n])}
		p.gate = growthGate(p.lives, p.growth, load)
		if len(names) > 1 {
			p.gate.Version = n
		}
		if p.gate.Lives == 0 {
			continue
		}
		ratio := func(g Gate) float64 { return g.GrowthBytes / max(1, g.NeededBytes) * float64(g.Growing) }
		if best.gate.Lives == 0 || p.gate.Open && !best.gate.Open || p.gate.Open == best.gate.Open && ratio(p.gate) > ratio(best.gate) {
			best = p
		}
	}
	return best
}

const noReadings = "no life of a container has enough memory readings"

// growthGate demands absolute growth: without it the shares of a regression mean nothing.
func growthGate(lives []Life, g Growth, load map[string][]Point) Gate {
	gate := Gate{Lives: g.Lives}
	if g.Lives == 0 {
		gate.Why = noReadings
		return gate
	}
	if g.Metric == record.MetricUnknown {
		gate.Why = "memory does not grow"
		return gate
	}
	gate.Lives = 0
	var growth, need, half []float64
	level := plateaus(lives, g.Metric, load)
	warming, stayed := 0, 0
	for _, l := range lives {
		t, v := l.settled(l.Series[g.Metric])
		if len(v) < minRegressed {
			continue
		}
		ft, fv := floors(t, v)
		tr := stat.FitTrend(ft, fv, intervalLevel)
		if math.IsNaN(tr.Slope) {
			continue
		}
		n := len(ft)
		limit := l.limit(g.Metric)
		if limit == 0 && g.Metric == record.External {
			limit = l.LimitBytes
		}
		gate.Lives++
		share := growthShare
		if g.Where == GrowsNative && t[len(t)-1]-t[0] < shortLife.Hours() {
			share = creepShare
		}
		gr, nd := tr.Slope*(ft[n-1]-ft[0]), share*growthUnit(limit, stat.Median(fv))
		p := level[l.Version]
		switch {
		case gr < nd || tr.Low < 0 || tr.P >= trendP && n >= minFloors:
		case !l.Died && p.lives >= minPlateaus && levelsOff(l, g.Metric, v, ft, fv):
			stayed++
		case !l.Died && p.covers(t[len(t)-1]-t[0], fv[n-1]):
			warming++
		default:
			gate.Growing++
		}
		growth, need = append(growth, gr), append(need, nd)
		if n >= 8 && tr.Slope > 0 {
			half = append(half, stat.FitTrend(ft[n/2:], fv[n/2:], intervalLevel).Slope/tr.Slope)
		}
	}
	if gate.Lives == 0 {
		gate.Why = noReadings
		return gate
	}
	if warming == 0 { // nothing asks what those mean that levelled off
		gate.Growing += stayed
	}
	gate.GrowthBytes, gate.NeededBytes = stat.Median(growth), stat.Median(need)
	switch {
	case gate.GrowthBytes < gate.NeededBytes:
		gate.Why = fmt.Sprintf("memory does not grow enough to speak of: %s in a life, %s would count", size(gate.GrowthBytes), size(gate.NeededBytes))
	case warming > 0 && 2*gate.Growing < gate.Lives:
		gate.Why = fmt.Sprintf("memory grows in %d of %d lives, those that were watched for less long, and is below where others stayed: a warm-up or a filling cache, no leak", warming, gate.Lives)
	case 2*gate.Growing < gate.Lives:
		gate.Why = fmt.Sprintf("memory grows in %d of %d lives only", gate.Growing, gate.Lives)
	case len(half) > 0 && stat.Median(half) < secondHalf:
		gate.Why = "memory grew at first and then levelled off: a warm-up or a filling cache, no leak"
	default:
		gate.Open = true
		gate.Why = fmt.Sprintf("memory grows in %d of %d lives, by %s in a life", gate.Growing, gate.Lives, size(gate.GrowthBytes))
	}
	return gate
}
