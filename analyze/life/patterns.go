package life

import (
	"cmp"
	"time"

	"lastcall/collectors/record"
)

const (
	// loopGap and loopDeaths: so many deaths of one container, each life shorter than loopGap, are one crash loop. Kubernetes waits at most
	// so long before it starts one again.
	loopGap    = 5 * time.Minute
	loopDeaths = 3
	// rollGap and rollShare: ends of most of the fleet, once each, closer than this are a rolling restart.
	rollGap   = 5 * time.Minute
	rollShare = 0.6
	// afterDeploy: a first death this soon after a deploy is said as such.
	afterDeploy = 30 * time.Minute
)

// noteLoops tells each death how many are in its crash loop; deathsOf are the indices of the deaths of each container.
func (r *Result) noteLoops(deathsOf map[string][]int) {
	for _, idx := range deathsOf {
		for a := 0; a < len(idx); {
			b := a
			for b+1 < len(idx) && r.Deaths[idx[b+1]].Time.Sub(r.Deaths[idx[b]].Time) <= loopGap {
				b++
			}
			if n := b - a + 1; n >= loopDeaths {
				for k := a; k <= b; k++ {
					r.Deaths[idx[k]].Loop = n
				}
			}
			a = b + 1
		}
	}
}

func (r *Result) noteDeploys() {
	for i := range r.Deaths {
		d := &r.Deaths[i]
		for _, dep := range r.Deploys {
			if age := d.Time.Sub(dep.Time); age >= 0 && age <= afterDeploy {
				d.AfterDeploy, d.DeployAge = cmp.Or(dep.Version, "a deploy"), age
			}
		}
	}
}

// rolling reports whether the planned ends went through most of the fleet one after another.
func rolling(restarts []Restart, fleet int) bool {
	ended := map[string]bool{}
	most := func() bool {
		// Where each deploy brings new names the fleet looks twice its size.
		return len(ended) >= 2 && float64(len(ended)) >= rollShare*float64(max(fleet/2, 1))
	}
	var last record.Time
	for _, s := range restarts {
		if last != 0 && s.Time.Sub(last) > rollGap {
			if most() {
				return true
			}
			clear(ended)
		}
		ended[s.Container] = true
		last = s.Time
	}
	return most()
}
