package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// Thresholds of the rivals that clear endpoints; see ownRules.
const (
	// hostPools: containers of so many different services that end together share a host rather than a request.
	hostPools = 2
	// peakRank and peakRise: the load before the deaths must be among the highest, and so many times the usual.
	peakRank = 0.95
	peakRise = 2
	// surgeRise is how many times the usual the load must be where it rose no sooner than containers died.
	surgeRise = 4
	// loadLeast is how many requests of a stretch, or of a step in a surge, make a load: of fewer some more are chance, or who tries again.
	loadLeast = 20
	// peakLead before a death is part of the surge; minUsual stretches before that are needed to know the usual.
	peakLead = 15 * time.Minute
	minUsual = 6
	// mostStretches of the time before a story are compared with the load just before it: those of three and a half days, or as many of a longer
	// time.
	mostStretches = 2000
	// peakWindow is the stretch before the first death of a story over which the load is taken.
	peakWindow = 5 * time.Minute
	// firstOfSignals: exit statuses from here on tell of a signal.
	firstOfSignals = 128
	// withinPod is how far apart the containers of one pod may end when it goes: they are given as much time to stop by default.
	withinPod = 30 * time.Second
	// fleetShare: so much of a pool must have died for its load to be the cause.
	fleetShare = 0.5
)

// unexplainedEnds are the deaths that have no reason of their own.
func (q *inquiry) unexplainedEnds() (unexplained []int) {
	for d := range q.traffic.Life.Deaths {
		x := &q.traffic.Life.Deaths[d]
		if _, with := q.diedWith(d); with {
			continue // one pod went, whatever it had within it
		}
		// A process that ended with a status of its own was not taken down by its host.
		byItself := x.Kind == record.CrashExit && x.ExitCode > 0 && x.ExitCode < firstOfSignals
		if x.Unreachable || x.Kind == record.CrashOther || x.Kind == record.CrashHealthCheck || x.Kind == record.CrashExit && !byItself || x.Kind == record.CrashSigterm {
			unexplained = append(unexplained, d)
		}
	}
	return unexplained
}

// endedTogether returns the most of some deaths, in the order of time, that came within hostWindow, of several services, and which services
// those are.
func (q *inquiry) endedTogether(unexplained []int) ([]int, map[string]bool) {
	var best []int
	bestPools := map[string]bool{}
	for i := range unexplained {
		group := []int{}
		pools := map[string]bool{}
		for _, d := range unexplained[i:] {
			x := &q.traffic.Life.Deaths[d]
			if x.Time.Sub(q.traffic.Life.Deaths[unexplained[i]].Time) > hostWindow {
				break
			}
			group = append(group, d)
			pools[podPool(x)] = true
		}
		if len(pools) >= hostPools && len(group) > len(best) {
			best, bestPools = group, pools
		}
	}
	return best, bestPools
}

// endAgain reports whether containers of the services that ended together at some deaths ended together at another time as well: one that
// takes the other along does so again and again, a host seldom.
func (q *inquiry) endAgain(best, unexplained []int, pools map[string]bool) bool {
	first, last := q.traffic.Life.Deaths[best[0]].Time, q.traffic.Life.Deaths[best[len(best)-1]].Time
	others := slices.DeleteFunc(slices.Clone(unexplained), func(d int) bool {
		x := &q.traffic.Life.Deaths[d]
		return !pools[podPool(x)] || x.Time >= first.Add(-hostWindow) && x.Time <= last.Add(hostWindow)
	})
	again, _ := q.endedTogether(others)
	return len(again) > 0
}

// hostDown returns the word of the platform that a host went down near a death of some, one of that host where both are named.
func (q *inquiry) hostDown(deaths []int) *record.Lifecycle {
	for i := range q.traffic.Evidence.Events {
		if e := &q.traffic.Evidence.Events[i]; e.Kind == record.HostDown && slices.ContainsFunc(deaths, func(d int) bool { return q.nearHostDown(d, e) }) {
			return e
		}
	}
	return nil
}

func (q *inquiry) nearHostDown(d int, e *record.Lifecycle) bool {
	x := &q.traffic.Life.Deaths[d]
	return x.Time.Sub(e.Time).Abs() <= 2*hostWindow && (e.Host == "" || x.Host == "" || e.Host == x.Host)
}

// hostFailure looks for containers of several services, or of one named host, that ended together without a reason of their own.
func (q *inquiry) hostFailure() (candidate, []int) {
	unexplained := q.unexplainedEnds()
	best, bestPools := q.endedTogether(unexplained)
	down := q.hostDown(best)
	if len(best) == 0 {
		if down = q.hostDown(unexplained); down != nil {
			for _, d := range unexplained {
				if q.nearHostDown(d, down) {
					best = append(best, d)
					bestPools[podPool(&q.traffic.Life.Deaths[d])] = true
				}
			}
		}
	}
	if len(best) < 2 && (down == nil || len(best) == 0) {
		return candidate{}, nil
	}
	if q.hang != nil && q.hang.From.Sub(q.traffic.Life.Deaths[best[0]].Time).Abs() <= 5*time.Minute {
		return candidate{}, nil // what followed is the story: calls to what was lost hang
	}
	if c, ok := q.staleMembers(best); ok {
		return c, best
	}
	hosts := map[string]bool{}
	named := 0
	for _, d := range best {
		if h := q.traffic.Life.Deaths[d].Host; h != "" {
			hosts[h] = true
			named++
		}
	}
	grade := finding.Likely
	who, name := countText(len(best), "container"), "A host"
	if len(bestPools) > 1 {
		who += fmt.Sprintf(" of %d different services", len(bestPools))
	}
	if len(hosts) == 1 {
		name = "The host " + slices.Collect(maps.Keys(hosts))[0]
	}
	detail := fmt.Sprintf("%s ended within %s, and nothing else says why", who, minutes(hostWindow))
	switch {
	case named == len(best) && len(hosts) > 1:
		return candidate{}, nil // on different hosts: no host failure
	case named == len(best) && len(hosts) == 1:
		grade = finding.Conclusive
		detail += ", all on one host"
	case down != nil:
		grade = finding.Conclusive
		detail += ", as the platform told of a host that went down"
	case q.endAgain(best, unexplained, bestPools):
		return candidate{}, nil
	case !slices.ContainsFunc(best, func(d int) bool { return q.traffic.Life.Deaths[d].Unreachable }) && q.allKilled(best):
		grade = finding.Possible
		detail += ", but each was killed by a signal, as happens to what takes too much memory, and no host is named"
	}
	asked := finding.Check{Rule: "rival.host", Outcome: finding.Supports, Detail: detail}
	return candidate{deaths: best, class: lost, endpoint: -1, named: -1, checks: []finding.Check{asked}, verdict: finding.Verdict{Cause: finding.HostFailure, Grade: grade,
		Summary: fmt.Sprintf("%s failed: %s ended within %s of each other; no request is to blame.", name, who, minutes(hostWindow))}}, best
}

// allKilled reports whether all of some deaths are ends by SIGKILL of which nobody says more.
func (q *inquiry) allKilled(deaths []int) bool {
	return !slices.ContainsFunc(deaths, func(d int) bool {
		x := &q.traffic.Life.Deaths[d]
		return x.Kind != record.CrashExit || x.ExitCode != firstOfSignals+9
	})
}

// podPool is what a container is one of, where a pod counts as one whatever it has within it.
func podPool(d *life.Death) string {
	pod, _ := life.PodOf(d.Container)
	return life.Pool(pod, d.Service)
}

// diedWith returns the death of the pod that the container of a death is a companion in, if both came together.
func (q *inquiry) diedWith(d int) (main int, together bool) {
	x := &q.traffic.Life.Deaths[d]
	pod, companion := life.PodOf(x.Container)
	if !companion {
		return d, false
	}
	deaths := q.traffic.Life.Deaths // in the order of time
	o := sort.Search(len(deaths), func(i int) bool { return deaths[i].Time >= x.Time.Add(-withinPod) })
	for ; o < len(deaths) && deaths[o].Time <= x.Time.Add(withinPod); o++ {
		if deaths[o].Container == pod {
			return o, true
		}
	}
	return d, false
}

// staleAfter: a list of live instances that is refreshed this long after it lost a member was stale meanwhile.
const staleAfter = 2 * time.Minute

// staleMembers looks for a list of live instances that noticed a lost member only long after it was lost: meanwhile its clients
// went on calling what hung.
func (q *inquiry) staleMembers(deaths []int) (candidate, bool) {
	for _, d := range deaths {
		x := &q.traffic.Life.Deaths[d]
		pool := q.poolOf(x.Container)
		for i := range q.traffic.Evidence.Events {
			e := &q.traffic.Evidence.Events[i]
			if e.Kind != record.MembersChanged || e.Time.Sub(x.Time) < staleAfter {
				continue
			}
			if !refreshedWithout(e, x.Container, pool) {
				continue
			}
			asked := finding.Check{Rule: "hang.stale-members", Outcome: finding.Supports,
				Detail: fmt.Sprintf("%s was lost at %s, and the list of live instances of %s was refreshed without it only %s later", x.Container, clockTime(x.Time), pool, minutes(e.Time.Sub(x.Time)))}
			return candidate{deaths: deaths, class: lost, endpoint: -1, named: -1, checks: []finding.Check{asked}, verdict: finding.Verdict{Cause: finding.HungDependency, Grade: finding.Likely,
				Summary: fmt.Sprintf("%s hung and was lost, and its clients kept it on their list of live instances for %s: slow requests meanwhile are fallout, no endpoint is to blame.", q.containersText(deaths), minutes(e.Time.Sub(x.Time)))}}, true
		}
	}
	return candidate{}, false
}

// refreshedWithout reports whether a list of the live instances of a pool was refreshed and does not name a container.
func refreshedWithout(e *record.Lifecycle, container, pool string) bool {
	names := strings.FieldsFunc(e.Text+" "+e.Service+" "+e.Container+" "+e.Reason, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	})
	ofPool := false
	for _, name := range names {
		name = strings.TrimRight(name, ".")
		if name == container {
			return false
		}
		ofPool = ofPool || name == pool || life.Pool(name, "") == pool
	}
	return ofPool
}

// capacity asks whether the load simply exceeded the limit: most of a pool dies, the load just before each story was among its
// highest and well above the usual, and no endpoint is out of line.
func (q *inquiry) capacity(deaths []int) (candidate, bool) {
	if q.measured.Counts.Total == 0 || len(deaths) < 2 || q.traffic.Sampled.Fraction > 0 {
		return candidate{}, false // where only windows were fetched, the load between them is not known
	}
	died, fleet := q.pool(deaths)
	if float64(died) < fleetShare*float64(max(fleet, 1)) {
		return candidate{}, false
	}
	w := int(peakWindow / traffic.LoadStep)
	load := q.loadBy()
	stories, peaks, surges := 0, 0, 0
	minRise, minRank, minSurge := math.Inf(1), 1.0, math.Inf(1)
	last := -1
	for at, d := range deaths {
		if q.open.cases[d].Chain == last {
			continue
		}
		last = q.open.cases[d].Chain
		i := q.loadStep(d)
		usual := load.usual(i, w)
		if len(usual) < minUsual {
			continue
		}
		stories++
		now := load.within(i-w, i)
		rank := float64(sort.SearchFloat64s(usual, now)) / float64(len(usual))
		median := max(usual[len(usual)/2], 1)
		if rank >= peakRank && now >= max(peakRise*median, loadLeast) {
			peaks++
			minRise, minRank = min(minRise, now/median), min(minRank, rank)
		}
		end := i
		for _, later := range deaths[at:] {
			if q.open.cases[later].Chain == last {
				end = max(end, q.loadStep(later))
			}
		}
		if rise := load.surge(i, end, median/float64(w)); rise >= surgeRise {
			surges++
			minSurge = min(minSurge, rise)
		}
	}
	v := finding.Verdict{Cause: finding.Capacity, Grade: finding.Possible}
	detail := ""
	switch {
	case 2*peaks > stories:
		if peaks == stories && died >= 3 {
			v.Grade = finding.Likely
		}
		detail = fmt.Sprintf("the load in the %s before %d of %d stories was %.1f times the usual, above %.0f %% of all such stretches; %d of %d containers died", minutes(peakWindow), peaks, stories, minRise, 100*minRank, died, fleet)
		v.Summary = fmt.Sprintf("The load exceeded what the containers can hold: %d of %d died%s as the load was %.1f times the usual, and no endpoint is out of line.", died, fleet, q.ofMemory(deaths), minRise)
	case 2*surges > stories:
		detail = fmt.Sprintf("the load was %.1f times the usual within a minute of the first death of %d of %d stories, and while containers died; %d of %d did", minSurge, surges, stories, died, fleet)
		v.Summary = fmt.Sprintf("The load was %.1f times the usual while %d of %d containers died, again and again: more than they can hold, unless callers that try again make it; no endpoint is out of line.", minSurge, died, fleet)
	default:
		return candidate{}, false
	}
	return candidate{deaths: deaths, class: byMemory, endpoint: -1, named: -1, verdict: v,
		checks: []finding.Check{{Rule: "capacity.peak", Outcome: finding.Supports, Detail: detail}}}, true
}

// pool counts the containers that died, and those that serve in the same pools.
func (q *inquiry) pool(deaths []int) (dead, fleet int) {
	died, pools := map[string]bool{}, map[string]bool{}
	for _, d := range deaths {
		x := &q.traffic.Life.Deaths[d]
		if _, process := naming.IsProcess(x.Container); process {
			continue
		}
		died[x.Container] = true
		pool := q.poolOf(x.Container)
		pools[pool] = true
		if life.Nameless(x.Container) {
			pools[life.UnknownPool] = true // those that go by ids or addresses and whose service nobody tells may be of it
		}
	}
	all := maps.Clone(died)
	for name := range q.serving() {
		if pools[q.poolOf(name)] {
			all[name] = true
		}
	}
	return len(died), len(all)
}

// loadStep is the step of the load in which a death lies.
func (q *inquiry) loadStep(d int) int {
	return int(q.traffic.Deaths.At[d].Sub(q.traffic.Window.From) / traffic.LoadStep)
}

// loadBy is the load, added up.
func (q *inquiry) loadBy() loadBy {
	l := loadBy{upTo: make([]float64, len(q.measured.Load.Steps)+1), logged: q.measured.Load.Logged}
	for i, v := range q.measured.Load.Steps {
		l.upTo[i+1] = l.upTo[i] + v
	}
	return l
}

// loadBy has the requests before each step of the load.
type loadBy struct {
	upTo   []float64
	logged []bool
}

// within is the number of requests from one step to before another.
func (l loadBy) within(from, to int) float64 { return l.upTo[to] - l.upTo[from] }

// usual returns, in order, the requests of stretches of w steps before the trouble that leads to step i: the surge itself, and the retries
// after it, are not the usual. It is empty where the load before i is not known.
func (l loadBy) usual(i, w int) (usual []float64) {
	if i < w || i >= len(l.upTo) {
		return nil
	}
	until := i - int(peakLead/traffic.LoadStep)
	for k := w; k <= until; k += max(1, w/2, (until-w)/mostStretches) {
		if l.logged[k-w] && l.logged[k-1] {
			usual = append(usual, l.within(k-w, k))
		}
	}
	slices.Sort(usual)
	return usual
}

// surge is how many times the usual load of a step there was within a minute of step i, or from there to the end, whichever is less.
func (l loadBy) surge(i, end int, usual float64) float64 {
	near := int(time.Minute / traffic.LoadStep)
	n := len(l.upTo) - 1
	most := 0.0
	for k := max(i-near, 0); k <= min(i+near, n-1); k++ {
		most = max(most, l.within(k, k+1))
	}
	end = min(end+1, n)
	if end <= i || most < loadLeast {
		return 0
	}
	return min(most, l.within(i, end)/float64(end-i)) / usual
}

// serving returns the containers that serve requests.
func (q *inquiry) serving() map[string]bool {
	names := map[string]bool{}
	for c, serves := range q.measured.Serves {
		if c != 0 && serves {
			names[q.traffic.Containers.Names[c]] = true
		}
	}
	return names
}

// poolOf is what a container is one of, as far as any source says; see [life.Pool].
func (q *inquiry) poolOf(container string) string {
	return life.Pool(container, q.services[container])
}
