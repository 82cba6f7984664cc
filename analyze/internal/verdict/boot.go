package verdict

import (
	"fmt"
	"time"
)

const (
	// bootDeaths are the least that say that a container does not come up.
	bootDeaths = 3
	// bootAge is how old a process may have been that never got to serve; where its age is not known it has served nothing at all.
	bootAge = 2 * time.Minute
)

// neverServed reports whether the lives that ended had not come to answer a request, where others do: a release that does not come up, a
// setting or a file that is missing. No request plays a part in that.
func (q *inquiry) neverServed(deaths []int) bool {
	if len(deaths) < bootDeaths || q.measured.Counts.Total == 0 || !q.traffic.Containers.Named {
		return false
	}
	for _, d := range deaths {
		x := &q.traffic.Life.Deaths[d]
		if c := q.traffic.Containers.Index(x.Container); c != 0 && !q.measured.Serves[c] {
			continue
		}
		if x.Uptime <= 0 || x.Uptime > bootAge {
			return false
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
