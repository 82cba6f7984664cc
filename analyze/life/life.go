// Package life answers "what lived, what died, and of what": it brings the signs that several sources give of one death together,
// tells deaths from planned ends, and cuts the time of each container into lives.
//
// It knows nothing of requests. Input is what the sources said (record.Crash, record.Lifecycle, and when each instance was
// seen at work); output is in time order and does not depend on the order of the input.
//
// Each question has its file: which signs tell of one death (cluster), what they say of it together (death), how each end of a container
// came about (ends) and whether it was asked for (planned) or due to its health (health), which ends only the next life tells of (replaced,
// again, ownstarts) or broken requests (broken), what the ends of a fleet have in common (patterns), and how they cut its time into lives (lives).
package life

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// Span is a stretch of time.
type Span struct{ From, To record.Time }

// Contains reports whether t is in s, ends included.
func (s Span) Contains(t record.Time) bool { return t >= s.From && t <= s.To }

// Seen is when one instance (container id or pid) of a container was first and last seen at work (samples, log lines).
type Seen struct {
	Container, Instance string
	First, Last         record.Time
}

// Input is what the sources said. Container names are canonical already.
type Input struct {
	Crashes []record.Crash
	Events  []record.Lifecycle
	Seen    []Seen
	Planned []Span
	// Unfinished are, by container and in time order, the starts of the requests that a log tells of and whose ends it does not.
	Unfinished map[string][]record.Time
	// Broke are, by container and in time order, the moments at which requests tell that it ended; empty where a source would tell of ends.
	Broke map[string][]Broken
	// End is the end of the evidence.
	End record.Time
}

// Restart is an end of a container that is no crash.
type Restart struct {
	Time                record.Time
	Container, Instance string
	// Reason is one of those of finding.Restart.
	Reason, Detail string
	Pos            record.Pos
	// Again is true when only the start that followed tells of it.
	Again bool
	// Times is of how many ends the start tells, at least one, where Again is true: others may have no time.
	Times int
}

// TellsOfOne reports whether all that is known of the end is that one start followed, and when.
func (s *Restart) TellsOfOne() bool {
	return s.Reason == finding.StoppedReporting && s.Again && s.Times == 1
}

// Life is the time of one container from a start to an end.
type Life struct {
	Container, Instance, Version, Host, Service string
	// Start is 0 when the life began before the evidence; End is its end, or the end of the evidence.
	Start, End record.Time
	// Death is the index of the death that ended it, -1 for none. Planned is true when it ended as asked.
	Death   int
	Planned bool
}

// Deploy is one deploy of a service.
type Deploy struct {
	Time    record.Time
	Version string
	Pos     record.Pos
	Text    string
}

// Result is the answer.
type Result struct {
	Deaths   []Death
	Restarts []Restart
	Lives    []Life
	Deploys  []Deploy
	// Rolling is true when the planned restarts went through most of the fleet one after another.
	Rolling bool
	// Containers are all names, sorted.
	Containers []string
	// Planned are the windows told by the user or announced by the platform.
	Planned []Span
	// Told is true when some source would have told of a death (a platform log, events, a pod list).
	Told bool
}

// Analyze answers.
func Analyze(in Input) *Result {
	crashes, events := slices.Clone(in.Crashes), slices.Clone(in.Events)
	SortCrashes(crashes)
	SortEvents(events)
	plan := schedule{deploys: deploys(events), planned: append(slices.Clone(in.Planned), announced(events)...)}
	r := &Result{Deploys: plan.deploys, Planned: plan.planned, Told: TellOfEnds(crashes, events)}

	all := containers(crashes, events, in.Seen)
	for _, c := range all {
		r.Containers = append(r.Containers, c.name)
		c.findEnds(plan)
	}
	endsByBreaks(all, in.Broke)
	for _, c := range all {
		c.endsByNext()
	}
	endsByOwnStarts(all, in.Unfinished)
	for _, c := range all {
		c.explainReplacements()
		r.Deaths = append(r.Deaths, c.deaths...)
		r.Restarts = append(r.Restarts, c.restarts...)
	}
	r.sortEnds()

	deathsOf := r.deathsByContainer()
	r.noteLoops(deathsOf)
	r.noteDeploys()
	r.Rolling = rolling(r.Restarts, len(all))
	for _, c := range all {
		r.Lives = append(r.Lives, c.lives(r.Deaths, deathsOf[c.name], in.End)...)
	}
	return r
}

// TellOfEnds reports whether a source is among these that would have told of a death.
func TellOfEnds(crashes []record.Crash, events []record.Lifecycle) bool {
	return slices.ContainsFunc(events, func(e record.Lifecycle) bool { return !onlyStart(&e) }) ||
		slices.ContainsFunc(crashes, func(c record.Crash) bool { return c.Exited })
}

// sortEnds puts deaths and restarts in time order, and gives each death its index.
func (r *Result) sortEnds() {
	slices.SortStableFunc(r.Deaths, func(a, b Death) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Container, b.Container))
	})
	slices.SortStableFunc(r.Restarts, func(a, b Restart) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Container, b.Container))
	})
	r.numberDeaths()
}

func (r *Result) numberDeaths() {
	for i := range r.Deaths {
		r.Deaths[i].Index = i
	}
}

// deathsByContainer returns the indices of the deaths of each container.
func (r *Result) deathsByContainer() map[string][]int {
	by := map[string][]int{}
	for i := range r.Deaths {
		by[r.Deaths[i].Container] = append(by[r.Deaths[i].Container], i)
	}
	return by
}

// KeepLast forgets all deaths but the last n, and returns how many those were. The lives that they ended are as those whose end nothing
// explains.
func (r *Result) KeepLast(n int) (forgotten int) {
	forgotten = max(0, len(r.Deaths)-n)
	r.Deaths = r.Deaths[forgotten:]
	r.numberDeaths()
	for i := range r.Lives {
		if l := &r.Lives[i]; l.Death >= 0 {
			l.Death = max(l.Death-forgotten, -1)
		}
	}
	return forgotten
}

func within(spans []Span, t record.Time) bool {
	return slices.ContainsFunc(spans, func(s Span) bool { return s.Contains(t) })
}

// instants is a sorted set of times.
type instants []record.Time

func (s *instants) add(t record.Time) {
	i, _ := slices.BinarySearch(*s, t)
	*s = slices.Insert(*s, i, t)
}

// near reports whether one of them lies so close to t.
func (s instants) near(t record.Time, within time.Duration) bool {
	i, _ := slices.BinarySearch(s, t)
	return i < len(s) && s[i].Sub(t) <= within || i > 0 && t.Sub(s[i-1]) <= within
}

// anyIn reports whether one of them lies in a stretch of time, ends included.
func (s instants) anyIn(from, to record.Time) bool {
	i, _ := slices.BinarySearch(s, from)
	return i < len(s) && s[i] <= to
}
