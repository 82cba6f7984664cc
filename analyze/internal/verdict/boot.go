package verdict

import (
	"fmt"
	"sort"
	"time"
)

const (
	// bootDeaths are the least that say that a container does not come up.
	bootDeaths = 3
	// bootAge is how old a process may have been that never got to serve; where its container has served nothing at all, it dies again and again.
	bootAge = 2 * time.Minute
	// bootAgain is how far apart the deaths of a crash loop are at most: platforms wait for five minutes.
	bootAgain = 10 * time.Minute
)

// neverServed reports whether the lives that ended had not come to answer a request, where others do: a release that does not come up, a
// setting or a file that is missing. No request plays a part in that.
func (q *inquiry) neverServed(deaths []int) bool {
	if len(deaths) < bootDeaths || q.measured.Counts.Total == 0 || !q.traffic.Containers.Named {
		return false
	}
	for _, d := range deaths {
		x := &q.traffic.Life.Deaths[d]
		c := q.traffic.Containers.Index(x.Container)
		if x.Uptime <= bootAgain && (c == 0 || !q.measured.Serves[c]) && q.diesAgain(d) {
			continue
		}
		if x.Uptime <= 0 || x.Uptime > bootAge {
			return false // a worker serves nothing, and lives for long
		}
		began := q.traffic.Deaths.At[d].Add(-x.Uptime)
		for _, r := range q.open.cases[d].Requests {
			if r.Start > began {
				return false
			}
		}
	}
	return true
}

// diesAgain reports whether the container of a death dies again, or died before, within bootAgain.
func (q *inquiry) diesAgain(d int) bool {
	deaths := q.traffic.Life.Deaths // in the order of time
	x := &deaths[d]
	o := sort.Search(len(deaths), func(i int) bool { return deaths[i].Time >= x.Time.Add(-bootAgain) })
	for ; o < len(deaths) && deaths[o].Time <= x.Time.Add(bootAgain); o++ {
		if deaths[o].Container == x.Container && deaths[o].Time != x.Time {
			return true
		}
	}
	return false
}

// bootText says that containers do not come up.
func (q *inquiry) bootText(deaths []int, kinds string) string {
	s := q.deathsText(deaths) + " died"
	if kinds != "" {
		s += " (" + kinds + ")"
	}
	s += " before answering a single request: what was started there does not come up, and no request is to blame"
	if after := q.traffic.Life.Deaths[deaths[0]].AfterDeploy; after != "" {
		s += fmt.Sprintf(" (the first after %s)", after)
	}
	return s
}
