package naming

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// Kubernetes merges the starts of a container into a first and a last one and keeps its last end only, but it counts its restarts, and how
// many starts it merged. Where the kills that a node tells of are exactly as many as the restarts that nothing explains of the containers
// there, they are one another's.

const (
	// longestBackOff is how long after its end a container may be started again, or be said to wait for that: Kubernetes waits up to
	// five minutes.
	longestBackOff = 6 * time.Minute
	// maxOpenKills bounds the kills of one machine that are compared with counts.
	maxOpenKills = 1_000
	// The main process of a container that ran into its limit holds most of what the limit allows; one that holds less is a child of it,
	// after whose end the container may live on, and one that holds more is of another container. The limit may have been rounded, and
	// pages that are shared with others count in full.
	leastOfLimit, mostOfLimit = 0.5, 1.1
)

// processName is what a killed process is called that no container is known of.
func processName(pid, host string) string {
	if host == "" {
		return "process " + pid
	}
	return "process " + pid + " on " + host
}

// IsProcess reports whether a name is of a process and no container's, and on which machine it was.
func IsProcess(name string) (host string, ok bool) {
	rest, ok := strings.CutPrefix(name, "process ")
	if !ok {
		return "", false
	}
	pid, host, _ := strings.Cut(rest, " on ")
	return host, processID(pid)
}

// Sign is a record of a crash: a document without line breaks has all its records on one line.
type Sign struct {
	Pos record.Pos
	At  record.Time
}

// openKill is a kill on a machine of which only the process is known: all processes killed at one moment, as a container may have several.
type openKill struct {
	crashes []*record.Crash
	at      record.Time
	used    int64
}

// owed is a container that was restarted more often between two instants than its ends are told.
type owed struct {
	container string
	from, to  record.Time
	n         int
	whole     []intake.Span // stretches in which it is known not to have ended
	limit     float64
	forMemory bool // a source tells that it was killed for memory, at some time
	kills     []int
}

// tieByCount gives the kills of each machine that nothing else ties to the containers that owe restarts. It returns those that remain.
func (c *Canon) tieByCount(ev *intake.Evidence, open []*record.Crash, first map[string]record.Time) []*record.Crash {
	var names []string // of machines
	by := map[string][]*openKill{}
	for _, k := range open {
		if k.Kind != record.CrashOOMKill || k.Host == "" {
			continue
		}
		of := by[k.Host]
		if of == nil {
			names = append(names, k.Host)
		}
		if n := len(of); n > 0 && k.Time.Sub(of[n-1].crashes[len(of[n-1].crashes)-1].Time) <= killClocks {
			of[n-1].crashes = append(of[n-1].crashes, k)
			of[n-1].used = max(of[n-1].used, k.UsedBytes)
			continue
		}
		by[k.Host] = append(of, &openKill{[]*record.Crash{k}, k.Time, k.UsedBytes})
	}
	if len(by) == 0 {
		return open
	}
	counts := c.restartCounts(ev)
	if len(counts) == 0 {
		return open
	}
	told := newHistories(ev)
	limits := c.limits(ev, counts)
	slices.Sort(names)
	tied := map[*record.Crash]bool{}
	// deal returns of whom each of the kills of a machine is; nil where the count does not say it.
	deal := func(host string, kills []*openKill) []*owed {
		if len(kills) > maxOpenKills {
			return nil
		}
		var pods []*owed
		for _, h := range told {
			switch points := counts[h.container]; {
			case h.host == "" || !sameHost(h.host, host):
			case len(points) == 0:
				if h.restartedUnexplained(first[h.container], kills) {
					return nil
				}
			default:
				if p := h.owes(points, first[h.container], kills); p != nil {
					p.limit = limits[h.container]
					pods = append(pods, p)
				}
			}
		}
		return forced(pods, kills)
	}
	for _, host := range names {
		kills := by[host]
		of := deal(host, kills)
		if of == nil { // two that died at one moment may have been two containers
			kills = apart(kills)
			of = deal(host, kills)
		}
		for i, p := range of {
			if p == nil {
				continue
			}
			for _, k := range kills[i].crashes {
				k.Container, k.Instance = p.container, ""
				forgetUntold(ev, k.Pos)
				tied[k] = true
				if c.counted == nil {
					c.counted = map[Sign]bool{}
				}
				c.counted[Sign{k.Pos, k.Time}] = true
			}
		}
	}
	return slices.DeleteFunc(open, func(k *record.Crash) bool { return tied[k] })
}

// apart takes every process that was killed for a kill of its own.
func apart(kills []*openKill) []*openKill {
	list := make([]*openKill, 0, len(kills))
	for _, k := range kills {
		for _, of := range k.crashes {
			list = append(list, &openKill{[]*record.Crash{of}, of.Time, of.UsedBytes})
		}
	}
	return list
}

// restartCounts returns the restarts of each container as they were counted, in the order of time; where nobody counted them, as its starts
// were when they were merged.
func (c *Canon) restartCounts(ev *intake.Evidence) map[string][]intake.Point {
	counts := map[string][]intake.Point{}
	for k, of := range ev.Series {
		if name := c.Of(k.Container); k.Metric == record.Restarts && name != "" {
			counts[name] = append(counts[name], of.Points...)
		}
	}
	for name, points := range mergedStarts(ev) {
		if counts[name] == nil {
			counts[name] = points
		}
	}
	for _, points := range counts {
		slices.SortFunc(points, func(a, b intake.Point) int { return cmp.Or(cmp.Compare(a.T, b.T), cmp.Compare(a.V, b.V)) })
	}
	return counts
}

// mergedStarts returns how often each container had been started again at each start that has a time, of those with starts that have none.
func mergedStarts(ev *intake.Evidence) map[string][]intake.Point {
	type teller struct{ container, reason string } // other sources may tell of the same starts in their own words
	starts := map[teller][]*record.Lifecycle{}
	for i := range ev.Events {
		if e := &ev.Events[i]; e.Kind == record.Up && e.Container != "" {
			of := teller{e.Container, e.Reason}
			starts[of] = append(starts[of], e)
		}
	}
	counts := map[string][]intake.Point{}
	for of, list := range starts {
		if !slices.ContainsFunc(list, func(e *record.Lifecycle) bool { return e.Merged > 0 }) {
			continue
		}
		slices.SortFunc(list, func(a, b *record.Lifecycle) int { return cmp.Compare(a.Time, b.Time) })
		n := 0
		for i, e := range list {
			if i > 0 {
				n += e.Merged + 1
			}
			counts[of.container] = append(counts[of.container], intake.Point{T: e.Time, V: float64(n)})
		}
	}
	return counts
}

// limits returns the highest memory limit of each container that has a count.
func (c *Canon) limits(ev *intake.Evidence, counts map[string][]intake.Point) map[string]float64 {
	limits := map[string]float64{}
	for k, of := range ev.Series {
		if k.Metric != record.MemoryLimit {
			continue
		}
		if name := c.Of(k.Container); counts[name] != nil {
			for _, p := range of.Points {
				limits[name] = max(limits[name], p.V)
			}
		}
	}
	return limits
}

// history is what is told of a container: where it is, when it started, and when and how it ended.
type history struct {
	container, host string
	starts          instants
	ends            []*record.Crash
	stops           instants
}

// newHistories returns what is told of the containers whose only machine is known, by name.
func newHistories(ev *intake.Evidence) []*history {
	by := map[string]*history{}
	moved := map[string]bool{}
	see := func(container, host string) *history {
		if container == "" {
			return &history{}
		}
		h := by[container]
		if h == nil {
			h = &history{container: container}
			by[container] = h
		}
		moved[container] = moved[container] || !sameHost(h.host, host)
		if len(host) > len(h.host) {
			h.host = host
		}
		return h
	}
	for i := range ev.Crashes {
		k := &ev.Crashes[i]
		if h := see(k.Container, k.Host); k.Exited || k.Kind == record.CrashOOMKill {
			h.ends = append(h.ends, k)
		}
	}
	for i := range ev.Events {
		e := &ev.Events[i]
		switch h := see(e.Container, e.Host); e.Kind {
		case record.Up:
			h.starts = append(h.starts, e.Time)
		case record.Stopped:
			h.stops = append(h.stops, e.Time)
		}
	}
	list := make([]*history, 0, len(by))
	for name, h := range by {
		if moved[name] || h.host == "" {
			continue
		}
		slices.Sort(h.starts)
		slices.Sort(h.stops)
		slices.SortFunc(h.ends, func(a, b *record.Crash) int { return cmp.Compare(a.Time, b.Time) })
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b *history) int { return strings.Compare(a.container, b.container) })
	return list
}

// vague reports whether a sign says that its container had ended some time before: Kubernetes tells so while it waits to start it again.
func vague(k *record.Crash) bool {
	return k.Kind == record.CrashOther && k.ExitCode < 0 && k.Signal == ""
}

// owes compares the restarts that were counted with the ends that are told. It returns nil where none is missing, where no kill lies within,
// and where the counts contradict one another.
func (h *history) owes(points []intake.Point, first record.Time, kills []*openKill) *owed {
	if !slices.IsSortedFunc(points, func(a, b intake.Point) int { return cmp.Compare(a.V, b.V) }) {
		return nil
	}
	last := points[len(points)-1]
	p := &owed{container: h.container, from: first, to: last.T}
	// Of two counts only what came between; of one, all since the container was first seen: if it has older restarts, the numbers differ.
	base := 0.0
	for _, x := range points {
		if x.T >= kills[0].at {
			break
		}
		p.from, base = x.T, x.V
	}
	// What ended after the last start is not restarted yet.
	if i, _ := slices.BinarySearch(h.starts, last.T+1); i > 0 {
		p.to = h.starts[i-1]
	}
	if first == 0 || p.from >= p.to {
		return nil
	}
	within := func(t record.Time) bool { return t > p.from && t < p.to }
	told := 0
	var before record.Time
	for _, k := range h.ends {
		if k.Uptime > 0 {
			p.whole = append(p.whole, intake.Span{First: k.Time.Add(-k.Uptime), Last: k.Time.Add(-killClocks)})
		}
		p.forMemory = p.forMemory || k.Kind == record.CrashOOMKill
		if !within(k.Time) || before != 0 && k.Time.Sub(before) <= killClocks || vague(k) && h.endedBefore(k, kills) {
			continue
		}
		before = k.Time
		told++
	}
	for i, t := range h.stops {
		if within(t) && (i == 0 || t.Sub(h.stops[i-1]) > killClocks) {
			told++
		}
	}
	n := last.V - base - float64(told)
	if n < 1 || n > maxOpenKills || n != math.Trunc(n) || !slices.ContainsFunc(kills, func(k *openKill) bool { return within(k.at) }) {
		return nil
	}
	p.n = int(n)
	return p
}

// endedBefore reports whether something else may be the end that a vague sign comes of.
func (h *history) endedBefore(after *record.Crash, kills []*openKill) bool {
	near := func(t record.Time) bool {
		return t >= after.Time.Add(-longestBackOff) && t <= after.Time.Add(killClocks)
	}
	return slices.ContainsFunc(h.ends, func(k *record.Crash) bool { return !vague(k) && near(k.Time) }) ||
		slices.ContainsFunc(kills, func(k *openKill) bool { return near(k.at) })
}

// restartedUnexplained reports whether a container whose restarts nobody counted started again among the kills, and no end is told that it
// comes of: any of the kills may be its own.
func (h *history) restartedUnexplained(first record.Time, kills []*openKill) bool {
	for _, at := range h.starts {
		if at.Sub(first) <= startsAgain || at < kills[0].at || at.Sub(kills[len(kills)-1].at) > longestBackOff {
			continue
		}
		explained := func(t record.Time) bool { return t <= at && at.Sub(t) <= longestBackOff }
		if !slices.ContainsFunc(h.ends, func(k *record.Crash) bool { return explained(k.Time) }) && !slices.ContainsFunc(h.stops, explained) {
			return true
		}
	}
	return false
}

// may reports whether a kill can be one of the container's ends.
func (p *owed) may(k *openKill) bool {
	if !p.forMemory || k.at <= p.from || k.at >= p.to {
		return false
	}
	for _, w := range p.whole {
		if k.at > w.First && k.at < w.Last {
			return false
		}
	}
	return k.used <= 0 || p.limit <= 0 || float64(k.used) >= leastOfLimit*p.limit && float64(k.used) <= mostOfLimit*p.limit
}

// forced returns for each kill of a machine the container whose end it is in every way to deal the kills out; nil where there are several
// ways, where the number of kills is another than that of the restarts owed, and where they do not fit together.
func forced(pods []*owed, kills []*openKill) []*owed {
	of := make([]*owed, len(kills))
	need, among := 0, 0
	for _, p := range pods {
		need += p.n
	}
	ways := make([]int, len(kills))
	for i, k := range kills {
		in := false
		for _, p := range pods {
			in = in || k.at > p.from && k.at < p.to
			if p.may(k) {
				p.kills = append(p.kills, i)
				ways[i]++
			}
		}
		if !in {
			continue
		}
		if among++; ways[i] == 0 {
			return nil
		}
	}
	if need != among {
		return nil
	}
	take := func(p *owed, i int) {
		of[i] = p
		p.n--
		for _, o := range pods {
			o.kills = slices.DeleteFunc(o.kills, func(x int) bool { return x == i })
		}
	}
	for again := true; again; {
		again = false
		for _, p := range pods {
			if p.n < 0 || p.n > len(p.kills) {
				return nil
			}
			if p.n == 0 {
				for _, i := range p.kills {
					ways[i]--
				}
				again = again || len(p.kills) > 0
				p.kills = nil
				continue
			}
			for _, i := range slices.Clone(p.kills) {
				if ways[i] == 1 || p.n == len(p.kills) {
					take(p, i)
					again = true
				}
			}
		}
	}
	return of
}

// ByCount reports whether a death is known to be its container's by the count of restarts only.
func (c *Canon) ByCount(d *life.Death) bool {
	return slices.ContainsFunc(d.Signs, func(s life.Sign) bool { return c.counted[Sign{s.Pos, s.Time}] })
}

// Counted is how many kills are known to be their containers' by the count of restarts only.
func (c *Canon) Counted() int { return len(c.counted) }
