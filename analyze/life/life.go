// Package life answers "what lived, what died, and of what": it brings the signs that several sources give of one death together,
// tells deaths from planned ends, and cuts the time of each container into lives.
//
// It knows nothing of requests. Input is what the sources said (record.Crash, record.Lifecycle, and when each instance was
// seen at work); output is in time order and does not depend on the order of the input.
package life

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// Thresholds of the package; see Rules.
const (
	// signGap: signs of one container closer than this belong to one death unless a start lies between. The platform's line
	// lags the death by up to 30 s (recorded), the last words come up to 12 s before it, and clocks differ.
	signGap = 75 * time.Second
	// wordsGap: words that a process may survive (a logged exception) closer than this are one event; an application may log an
	// exception every second.
	wordsGap = 15 * time.Second
	// sameSourceGap: two exit lines of one source about one container closer than this are one exit told twice.
	sameSourceGap = 5 * time.Second
	// clockSlack: an event may be stamped this much too early or late against another source.
	clockSlack = 3 * time.Second
	// confirmWithin: words that need not be last (a logged exception) count as a death only if a restart follows so soon.
	confirmWithin = 5 * time.Minute
	// tellLag: one source may tell of an exit so much later than another, after the container started again.
	tellLag = 40 * time.Second
	// bootTime is how long a container may take from the start of its start to being up.
	bootTime = 3 * time.Minute
	// grace: a kill this soon after a request to stop is the end of that stop, not a crash.
	grace = 60 * time.Second
	// healTime: who watches over others stops what is unhealthy within this, and starts it again within this.
	healTime = 5 * time.Minute
	// loopGap and loopDeaths: so many deaths of one container, each life shorter than loopGap, are one crash loop.
	loopGap    = 5 * time.Minute
	loopDeaths = 3
	// deployTime is how long a deploy may take to replace the containers.
	deployTime = 15 * time.Minute
	// rollGap and rollShare: ends of most of the fleet, once each, closer than this are a rolling restart.
	rollGap   = 5 * time.Minute
	rollShare = 0.6
	// afterDeploy: a first death this soon after a deploy is said as such.
	afterDeploy = 30 * time.Minute
)

// healthState begins the reason of an event that tells of the state of a container's health, as Docker does, and not of one check.
const healthState = "health_status"

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
	// End is the end of the evidence.
	End record.Time
}

// Death is one death of one container, however many sources told of it.
type Death struct {
	// Index is its place in time order, from 0.
	Index int
	// Time is when the process ended, by the sign that is closest to the end; First is the first sign of it.
	Time, First record.Time
	Container   string
	// Instance is the id of the life that ended; empty when unknown.
	Instance string
	Kind     record.CrashKind
	// ExitCode is -1 when unknown.
	ExitCode               int
	Signal                 string
	LimitBytes             int64
	UsedBytes              int64
	Uptime                 time.Duration
	Service, Host, Version string
	// Signs are the records it rests on, in time order.
	Signs []Sign
	// Exited reports whether a source said that the process ended (as against last words only).
	Exited bool
	// Loop is the number of deaths of the crash loop that it belongs to; 0 when it belongs to none.
	Loop int
	// AfterDeploy names the deploy (version or text) shortly before; empty when there was none. DeployAge is the time since.
	AfterDeploy string
	DeployAge   time.Duration
	// Unreachable is true when the platform lost the container rather than seeing it die.
	Unreachable bool
	// Unfinished, when not 0, is how many requests the process had begun and never ended before it started again, which is all that tells
	// of its end.
	Unfinished int
}

// ID returns the id used in reports.
func (d *Death) ID() string { return fmt.Sprintf("c%d", d.Index+1) }

// Sign is one record that tells of a death.
type Sign struct {
	Pos    record.Pos
	Time   record.Time
	Kind   record.CrashKind
	Exited bool
	Text   string
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
	crashes := slices.Clone(in.Crashes)
	events := slices.Clone(in.Events)
	SortCrashes(crashes)
	SortEvents(events)
	r := &Result{}
	for i := range events {
		r.Told = r.Told || !onlyStart(&events[i])
	}
	for i := range crashes {
		r.Told = r.Told || crashes[i].Exited
	}
	r.Deploys = deploys(events)

	byC := map[string]*container{}
	get := func(name string) *container {
		c := byC[name]
		if c == nil {
			c = &container{name: name}
			byC[name] = c
		}
		return c
	}
	for i := range crashes {
		if c := &crashes[i]; c.Container != "" {
			k := get(c.Container)
			k.crashes = append(k.crashes, c)
		}
	}
	for i := range events {
		if e := &events[i]; e.Container != "" {
			k := get(e.Container)
			k.events = append(k.events, e)
		}
	}
	for _, s := range in.Seen {
		if s.Container != "" {
			k := get(s.Container)
			if s.Instance != "" {
				k.seen = append(k.seen, s)
			}
			if k.first == 0 || s.First < k.first {
				k.first = s.First
			}
			k.last = max(k.last, s.Last)
		}
	}
	for name := range byC {
		r.Containers = append(r.Containers, name)
	}
	sort.Strings(r.Containers)
	planned := slices.Clone(in.Planned)
	planned = append(planned, announced(events)...)
	r.Planned = planned
	all := make([]*container, 0, len(r.Containers))
	for _, name := range r.Containers {
		all = append(all, byC[name])
		byC[name].analyze(r.Deploys, planned)
	}
	endsByOwnStarts(all, r.Deploys, planned, in.Unfinished)
	for _, c := range all {
		r.Deaths = append(r.Deaths, c.deaths...)
		r.Restarts = append(r.Restarts, c.restarts...)
	}
	r.explainSilentReplacements()
	sort.SliceStable(r.Deaths, func(i, j int) bool {
		a, b := &r.Deaths[i], &r.Deaths[j]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.Container < b.Container
	})
	sort.SliceStable(r.Restarts, func(i, j int) bool {
		a, b := &r.Restarts[i], &r.Restarts[j]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.Container < b.Container
	})
	for i := range r.Deaths {
		r.Deaths[i].Index = i
	}
	r.noteLoops()
	r.noteDeploys()
	r.Rolling = rolling(r.Restarts, len(r.Containers))
	for _, c := range byC {
		c.deathIdx, c.restarts = nil, nil
	}
	for i := range r.Deaths {
		c := byC[r.Deaths[i].Container]
		c.deathIdx = append(c.deathIdx, i)
	}
	for i := range r.Restarts {
		c := byC[r.Restarts[i].Container]
		c.restarts = append(c.restarts, r.Restarts[i])
	}
	for _, name := range r.Containers {
		r.Lives = append(r.Lives, byC[name].lives(r, in.End)...)
	}
	return r
}

// announced returns the maintenance windows that events tell of: with an end, or begun by one event and ended by the next that
// says so.
func announced(events []record.Lifecycle) []Span {
	var out []Span
	var open record.Time
	for i := range events {
		e := &events[i]
		if e.Kind != record.Maintenance {
			continue
		}
		over := tellsEnd(e)
		switch {
		case e.End > e.Time:
			out = append(out, Span{e.Time, e.End})
		case over && open != 0:
			out = append(out, Span{open, e.Time})
			open = 0
		case !over && open == 0:
			open = e.Time
		}
	}
	return out
}

// tellsEnd reports whether an event of a maintenance says that it is over. It does so in whole words: "discovery-api", "failover" and
// "extended" hold some of them. The text of an event that came as JSON is all of its fields, names among them; what it says is its reason.
func tellsEnd(e *record.Lifecycle) bool {
	text := e.Reason
	if !strings.HasPrefix(e.Text, "{") {
		text += " " + e.Text
	}
	text = strings.ToLower(text)
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./", r)
	}) {
		switch strings.Trim(word, "-_./") {
		case "finish", "finishes", "finished", "ended", "complete", "completes", "completed", "over", "disable", "disables", "disabled":
			return true
		}
	}
	return strings.Contains(text, "mode off")
}

type container struct {
	name        string
	crashes     []*record.Crash
	events      []*record.Lifecycle
	seen        []Seen
	first, last record.Time

	begins      []record.Time // see starts
	deaths      []Death
	restarts    []Restart
	diedAt      instants
	restartedAt instants
	deathIdx    []int // of its deaths in the result
}

// starts returns the instants at which a new life of the container is known to begin: a Starting event, or an Up event without one
// shortly before.
func (c *container) starts() []record.Time {
	var s []record.Time
	for _, e := range c.events {
		switch e.Kind {
		case record.Starting:
			s = append(s, e.Time)
		case record.Up:
			if len(s) == 0 || e.Time.Sub(s[len(s)-1]) > bootTime {
				s = append(s, e.Time)
			}
		}
	}
	slices.Sort(s)
	return s
}

// analyze finds the deaths and restarts of one container.
func (c *container) analyze(deploys []Deploy, planned []Span) {
	c.begins = c.starts()
	clusters := c.cluster()
	unseen := c.unseenStarts(clusters)
	for _, k := range clusters {
		d := merge(k.signs, c.begins)
		stop := c.stopBefore(d)
		if stop != nil && c.spent(stop, d) {
			stop = nil
		}
		if stop != nil && c.unhealthyBefore(stop, deploys) {
			stop = nil // asked to stop because it did not answer
			if d.Kind == record.CrashSigterm {
				d.Kind = record.CrashOther
			}
			if d.Kind == record.CrashOther {
				c.whoKilled(&d)
			}
		} else if stop != nil && !in(planned, d.Time) && c.healed(&d, stop, deploys) {
			stop = nil
		}
		if stop != nil || d.Kind == record.CrashSigterm || d.ExitCode == 0 && d.Kind != record.CrashOOMKill && d.Kind != record.CrashHealthCheck {
			if d.Kind != record.CrashOOMKill && d.Kind != record.CrashHeapLimit && d.Kind != record.CrashHealthCheck {
				c.addRestart(d, stop, deploys)
				continue
			}
		}
		if d.Kind == record.CrashOther && (d.ExitCode == 137 || d.ExitCode == -1) {
			c.whoKilled(&d)
		}
		if in(planned, d.Time) && (d.Kind == record.CrashSigterm || d.Kind == record.CrashExit || d.Kind == record.CrashOther) {
			c.restart(Restart{Time: d.Time, Instance: d.Instance, Reason: "maintenance",
				Detail: "ended within a planned window", Pos: d.Signs[0].Pos})
			continue
		}
		if !k.sure && !c.startedAfter(d) && !in(unseen, d.First) {
			continue // words of an error that was survived
		}
		c.addDeath(d)
	}
	var failed []*record.Lifecycle
	for _, e := range c.events {
		switch e.Kind {
		case record.HealthCheckFailed:
			failed = append(failed, e)
		case record.Unreachable:
			if c.diedAt.near(e.Time, signGap) {
				continue
			}
			d := Death{Time: e.Time, First: e.Time, Container: c.name, Instance: e.Instance, Kind: record.CrashOther, ExitCode: -1,
				Service: e.Service, Host: e.Host, Version: e.Version, Unreachable: true, Exited: true,
				Signs: []Sign{{Pos: e.Pos, Time: e.Time, Kind: record.CrashOther, Text: e.Text}}}
			for i := len(failed) - 1; i >= 0 && e.Time.Sub(failed[i].Time) <= 2*signGap; i-- {
				f := failed[i]
				d.Kind = record.CrashHealthCheck
				d.First = min(d.First, f.Time)
				d.Signs = append(d.Signs, Sign{Pos: f.Pos, Time: f.Time, Kind: record.CrashHealthCheck, Text: f.Text})
			}
			slices.Reverse(d.Signs)
			c.addDeath(d)
		case record.Stopped:
			if c.isDeath(e) || c.restartedAt.near(e.Time, grace) {
				continue
			}
			d := Death{Time: e.Time, First: e.Time, Container: c.name, Instance: e.Instance, Kind: record.CrashOther, ExitCode: e.ExitCode,
				Signal: signalOf(e.ExitCode), Service: e.Service, Host: e.Host, Version: e.Version, Exited: true,
				Signs: []Sign{{Pos: e.Pos, Time: e.Time, Kind: record.CrashOther, Exited: true, Text: e.Text}}}
			stop := c.stopBefore(d)
			if stop == nil {
				stop = e
			}
			if !in(planned, e.Time) && c.healed(&d, stop, deploys) {
				c.addDeath(d)
				continue
			}
			c.restart(Restart{Time: e.Time, Instance: e.Instance,
				Reason: c.reason(e.Time, e.Reason, deploys), Detail: e.Text, Pos: e.Pos})
		}
	}
	for _, e := range c.events {
		if e.Kind == record.LifecycleOther && e.Reason == record.RestartedItself && !c.diedAt.near(e.Time, signGap) && !c.restartedAt.near(e.Time, signGap) {
			c.restart(Restart{Time: e.Time, Instance: e.Instance, Reason: finding.StoppedReporting, Pos: e.Pos, Again: true, Times: 1, Detail: e.Text + "; no source says how"})
		}
	}
	c.silentReplacements()
	c.startedAgain()
}

// cluster is the signs of one death, with what decides whether another is of them.
type cluster struct {
	signs []*record.Crash
	// from is the first sign that a process cannot survive, or the first at all while there is none.
	from, last record.Time
	sure       bool
	exit       *record.Crash          // the last exit
	told       map[string]record.Time // by source: the last exit that it told of
	instances  []string
}

func (k *cluster) add(s *record.Crash) {
	sure := s.Exited || fatal(s.Kind)
	if len(k.signs) == 0 || sure && !k.sure {
		k.from = s.Time
	}
	k.sure = k.sure || sure
	k.last = s.Time
	k.signs = append(k.signs, s)
	if s.Exited {
		k.exit = s
		if k.told == nil {
			k.told = map[string]record.Time{}
		}
		k.told[sourceName(s.Pos)] = s.Time
	}
	if s.Instance != "" && !slices.Contains(k.instances, s.Instance) {
		k.instances = append(k.instances, s.Instance)
	}
}

// other reports whether s is of another life by its id.
func (k *cluster) other(s *record.Crash) bool {
	return slices.ContainsFunc(k.instances, func(id string) bool { return differ(id, s.Instance) })
}

// cluster brings together the signs that tell of one death. Those of two lives may interleave, where sources lag.
func (c *container) cluster() []*cluster {
	var clusters []*cluster
	for _, s := range c.crashes {
		var at *cluster
		for i := len(clusters) - 1; i >= 0 && s.Time.Sub(clusters[i].last) <= signGap; i-- {
			if c.sameDeath(clusters[i], s) {
				at = clusters[i]
				break
			}
			if !clusters[i].other(s) {
				break // only a life that another id sets apart can be looked past
			}
		}
		if at == nil {
			at = &cluster{}
			clusters = append(clusters, at)
		}
		at.add(s)
	}
	return clusters
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

func (c *container) addDeath(d Death) {
	c.deaths = append(c.deaths, d)
	c.diedAt.add(d.Time)
}

func (c *container) restart(r Restart) {
	r.Container = c.name
	c.restarts = append(c.restarts, r)
	c.restartedAt.add(r.Time)
}

// startedAfter reports whether the container started again after the words of d, and nothing else says why.
func (c *container) startedAfter(d Death) bool {
	i := sort.Search(len(c.begins), func(i int) bool { return c.begins[i] >= d.First.Add(-clockSlack) })
	if i == len(c.begins) || c.begins[i].Sub(d.First) > confirmWithin {
		return false
	}
	begin := c.begins[i].Add(clockSlack)
	for _, e := range c.between(d.First, begin) {
		switch e.Kind {
		case record.Stopping, record.Stopped, record.Restarting, record.Cycling, record.Unreachable:
			return false
		}
	}
	// Whoever says more later has survived; and what it says then may explain the start.
	i = sort.Search(len(c.crashes), func(i int) bool { return c.crashes[i].Time > d.Signs[len(d.Signs)-1].Time })
	return i == len(c.crashes) || c.crashes[i].Time > begin
}

// unseenStarts returns the stretches of time in which the container started more often than its starts have a time, and at least as often as
// something there may be its end: words that a process may survive are then those of an end as well.
func (c *container) unseenStarts(ends []*cluster) (out []Span) {
	first := map[string]record.Time{} // by what tells of the starts
	for _, e := range c.events {
		if e.Kind != record.Up {
			continue
		}
		from, known := first[e.Reason]
		if !known {
			first[e.Reason] = e.Time
		}
		if !known || e.Merged == 0 {
			continue
		}
		n := 0
		for _, k := range ends {
			if k.from > from && k.from < e.Time {
				n++
			}
		}
		if n <= e.Merged+1 {
			out = append(out, Span{from, e.Time})
		}
	}
	return out
}

// between returns the events of a stretch of time, ends included.
func (c *container) between(from, to record.Time) []*record.Lifecycle {
	lo := sort.Search(len(c.events), func(i int) bool { return c.events[i].Time >= from })
	hi := sort.Search(len(c.events), func(i int) bool { return c.events[i].Time > to })
	return c.events[lo:max(lo, hi)]
}

// silentReplacements finds instances that followed one another without any sign of an end: a source that tells of ends is missing.
func (c *container) silentReplacements() {
	// The same instance seen by several sources was there from the first sight to the last.
	by := map[string]Seen{}
	for _, s := range c.seen {
		id := cutID(s.Instance)
		if o, ok := by[id]; ok {
			s.First, s.Last = min(s.First, o.First), max(s.Last, o.Last)
		}
		by[id] = s
	}
	seen := make([]Seen, 0, len(by))
	for _, s := range by {
		seen = append(seen, s)
	}
	sort.Slice(seen, func(i, j int) bool {
		if seen[i].First != seen[j].First {
			return seen[i].First < seen[j].First
		}
		return seen[i].Instance < seen[j].Instance
	})
	// The id of a process does not follow the id of a container: each kind has a story of its own.
	pids := slices.DeleteFunc(slices.Clone(seen), func(s Seen) bool { return !isPID(s.Instance) })
	seen = slices.DeleteFunc(seen, func(s Seen) bool { return isPID(s.Instance) })
	c.followed(seen)
	c.followed(pids)
}

// isPID tells the id of a process from that of a container.
func isPID(id string) bool {
	return len(id) <= len("4194304") && !strings.ContainsFunc(id, func(r rune) bool { return r < '0' || r > '9' })
}

// cutID is the id of a container as most tools print it; other ids stay.
func cutID(id string) string {
	if containerID.MatchString(id) {
		return short(id)
	}
	return id
}

// followed finds the instances of one kind, in the order of their first sight, that followed one another.
func (c *container) followed(seen []Seen) {
	for i := 1; i < len(seen); i++ {
		a, b := seen[i-1], seen[i]
		if b.First <= a.Last {
			continue // side by side
		}
		known := false
		for k := range c.deaths {
			if d := &c.deaths[k]; d.Time >= a.Last.Add(-signGap) && d.First <= b.First.Add(clockSlack) {
				known = true
			}
		}
		for k := range c.restarts {
			if s := &c.restarts[k]; s.Time >= a.Last.Add(-signGap) && s.Time <= b.First.Add(clockSlack) {
				known = true
			}
		}
		if !known {
			c.restart(Restart{Time: a.Last, Instance: a.Instance, Reason: finding.StoppedReporting,
				Detail: fmt.Sprintf("instance %s was last seen then and %s followed; no source says how it ended", short(a.Instance), short(b.Instance))})
		}
	}
}

// explainSilentReplacements gives the ends that no source explains the reason of a deploy when one lies next to them. Not those of what
// was started again in its place: a deploy puts another one there.
func (r *Result) explainSilentReplacements() {
	for i := range r.Restarts {
		s := &r.Restarts[i]
		if isSilent(s) && deployed(r.Deploys, s.Time) {
			s.Reason = "deploy"
		}
	}
}

// whoKilled looks for the reason of a kill that its own line does not give: failed health checks or memory over quota just before.
func (c *container) whoKilled(d *Death) {
	for _, e := range c.between(d.Time.Add(-2*signGap), d.Time.Add(clockSlack)) {
		switch e.Kind {
		case record.MemoryPressure:
			d.Kind = record.CrashOOMKill
		case record.HealthCheckFailed:
			if d.Kind != record.CrashOOMKill {
				d.Kind = record.CrashHealthCheck
			}
		default:
			continue
		}
		d.First = min(d.First, e.Time)
		d.Signs = append(d.Signs, Sign{Pos: e.Pos, Time: e.Time, Kind: d.Kind, Text: e.Text})
	}
	sort.SliceStable(d.Signs, func(i, j int) bool { return d.Signs[i].Time < d.Signs[j].Time })
}

// stopBefore returns the request to stop that d is the end of, or nil.
func (c *container) stopBefore(d Death) *record.Lifecycle {
	near := c.between(d.Time.Add(-grace), d.Time.Add(clockSlack))
	for _, n := range slices.Backward(near) {
		switch n.Kind {
		case record.Stopping, record.Cycling, record.Restarting:
			return n
		}
	}
	return nil
}

// unhealthyBefore reports whether a container was asked to stop because it had failed its health checks: several of them, just before,
// and no other reason is known. A failed readiness check takes a container out of the traffic and stops nothing.
func (c *container) unhealthyBefore(stop *record.Lifecycle, deploys []Deploy) bool {
	if stop.Kind != record.Stopping || c.reason(stop.Time, stop.Reason, deploys) != "stopped" {
		return false
	}
	n := 0
	var last record.Time
	for _, e := range c.between(stop.Time.Add(-2*signGap), stop.Time.Add(clockSlack)) {
		if e.Kind == record.HealthCheckFailed && !strings.Contains(strings.ToLower(e.Reason+e.Text), "readiness") {
			if n == 0 || e.Time.Sub(last) >= time.Second { // else told by a second source
				n++
			}
			last = e.Time
		}
	}
	return n >= 2 && stop.Time.Sub(last) <= grace
}

// healed reports whether d, the end of a stop, is the kill of a container that the platform itself calls unhealthy, which is what it makes of
// all retries, and puts down why. It was killed for that if it had just become so, did not even answer the request to stop, or
// was started again as it was, as those do that watch over others. What is created anew, or is stopped for a reason that is known, was not.
func (c *container) healed(d *Death, stop *record.Lifecycle, deploys []Deploy) bool {
	state := c.stateOfHealth(min(stop.Time, d.Time))
	if state == nil || state.Kind != record.HealthCheckFailed || c.reason(stop.Time, stop.Reason, deploys) != "stopped" {
		return false
	}
	same, another := c.instancesAround(d)
	if another || !same && d.ExitCode != 137 && stop.Time.Sub(state.Time) > grace {
		return false
	}
	if kindRank(d.Kind) < kindRank(record.CrashHealthCheck) {
		d.Kind = record.CrashHealthCheck
	}
	d.First = min(d.First, state.Time)
	d.Signs = append([]Sign{{Pos: state.Pos, Time: state.Time, Kind: record.CrashHealthCheck, Text: state.Text}}, d.Signs...)
	sort.SliceStable(d.Signs, func(i, j int) bool { return d.Signs[i].Time < d.Signs[j].Time })
	return true
}

// stateOfHealth returns what the platform last said of the health of a container, as a state rather than of one check; nil if that is long
// ago, or of a life before.
func (c *container) stateOfHealth(at record.Time) *record.Lifecycle {
	for _, e := range slices.Backward(c.between(at.Add(-healTime), at)) {
		switch {
		case strings.HasPrefix(e.Reason, healthState):
			return e
		case e.Time < at && (e.Kind == record.Starting || e.Kind == record.Up):
			return nil
		}
	}
	return nil
}

// instancesAround says whether the same instance was started after an end, or another one was created or started around it.
func (c *container) instancesAround(d *Death) (same, another bool) {
	for _, e := range c.between(d.Time.Add(-grace), d.Time.Add(healTime)) {
		if e.Kind == record.Starting || e.Kind == record.Up {
			another = another || differ(e.Instance, d.Instance)
			same = same || e.Time >= d.Time && e.Instance != "" && !differ(e.Instance, d.Instance)
		}
	}
	return same && !another, another
}

func (c *container) addRestart(d Death, stop *record.Lifecycle, deploys []Deploy) {
	if c.restartedAt.near(d.Time, grace) {
		return
	}
	reason, detail := "", d.Signs[0].Text
	if stop != nil {
		reason, detail = stop.Reason, stop.Text
		if stop.Kind == record.Cycling {
			reason = "cycling"
		}
	}
	c.restart(Restart{Time: d.Time, Instance: d.Instance, Reason: c.reason(d.Time, reason, deploys),
		Detail: detail, Pos: d.Signs[0].Pos})
}

func (c *container) reason(t record.Time, word string, deploys []Deploy) string {
	w := strings.ToLower(word)
	switch {
	case strings.Contains(w, "deploy") || strings.Contains(w, "release") || strings.Contains(w, "rollout"):
		return "deploy"
	case strings.Contains(w, "scale") || strings.Contains(w, "scaling"):
		return "scale"
	case strings.Contains(w, "cycl") || strings.Contains(w, "daily"):
		return "cycling"
	case strings.Contains(w, "maintenance") || strings.Contains(w, "planned"):
		return "maintenance"
	}
	for _, e := range c.between(t.Add(-2*grace), t.Add(2*grace)) {
		if e.Kind == record.Cycling {
			return "cycling"
		}
	}
	for _, d := range deploys {
		if t >= d.Time.Add(-clockSlack) && t <= d.Time.Add(deployTime) {
			return "deploy"
		}
	}
	return "stopped"
}

// sameDeath decides whether sign s tells of the same death as those of k.
func (c *container) sameDeath(k *cluster, s *record.Crash) bool {
	sure := s.Exited || fatal(s.Kind)
	switch gap := s.Time.Sub(k.from); {
	case k.sure && gap > 2*signGap, !k.sure && sure && gap > signGap, !k.sure && !sure && gap > wordsGap:
		return false
	}
	if k.other(s) {
		return false
	}
	if k.exit == nil {
		// Words of a process that began after the others had been said are not of theirs. An exit may be told late.
		return s.Exited || !c.startBetween(k.last.Add(clockSlack), s.Time)
	}
	told, ok := k.told[sourceName(s.Pos)]
	ok = ok && s.Exited && s.Pos.Source != nil
	if ok && s.Time.Sub(told) > sameSourceGap {
		return false
	}
	if s.Time.Sub(k.exit.Time) <= clockSlack || !c.startBetween(k.exit.Time.Add(-clockSlack), s.Time) {
		return true
	}
	// After a new start this is another death, unless s tells late of the one before: another source, the same exit status, and the
	// source that told of that exit knows of none since.
	if !s.Exited || ok || s.Time.Sub(k.exit.Time) > tellLag || s.ExitCode != k.exit.ExitCode || s.ExitCode < 0 {
		return false
	}
	return !c.exitBetween(k.exit.Time.Add(sameSourceGap), s.Time.Add(clockSlack), sourceName(k.exit.Pos))
}

// isDeath reports whether an end that was asked for is that of a death, and not that of the life before.
func (c *container) isDeath(stopped *record.Lifecycle) bool {
	i := sort.Search(len(c.diedAt), func(i int) bool { return c.diedAt[i] >= stopped.Time.Add(-signGap/2) })
	for ; i < len(c.diedAt) && c.diedAt[i] <= stopped.Time.Add(signGap/2); i++ {
		if !c.startBetween(stopped.Time, c.diedAt[i]) {
			return true
		}
	}
	return false
}

// spent reports whether a stop had ended the container before, and it had started again: one stop is one end, and what starts after it and
// fails, as a release that does not come up, has crashed. Both ends are of one source: another may tell of the first one late.
func (c *container) spent(stop *record.Lifecycle, d Death) bool {
	told := func(at record.Time, p record.Pos) bool {
		return at >= stop.Time.Add(-clockSlack) && c.startBetween(at, d.First) &&
			slices.ContainsFunc(d.Signs, func(s Sign) bool { return s.Exited && sourceName(s.Pos) == sourceName(p) })
	}
	for _, e := range c.between(stop.Time.Add(-clockSlack), d.First) {
		if e.Kind == record.Stopped && told(e.Time, e.Pos) {
			return true
		}
	}
	i := sort.Search(len(c.crashes), func(i int) bool { return c.crashes[i].Time >= stop.Time.Add(-clockSlack) })
	for ; i < len(c.crashes) && c.crashes[i].Time < d.First; i++ {
		if k := c.crashes[i]; k.Exited && told(k.Time, k.Pos) {
			return true
		}
	}
	return false
}

// exitBetween reports whether the source tells of an exit between two instants.
func (c *container) exitBetween(a, b record.Time, source string) bool {
	i := sort.Search(len(c.crashes), func(i int) bool { return c.crashes[i].Time > a })
	for ; i < len(c.crashes) && c.crashes[i].Time <= b; i++ {
		if s := c.crashes[i]; s.Exited && sourceName(s.Pos) == source {
			return true
		}
	}
	return false
}

// startBetween reports whether a life is known to begin between two instants.
func (c *container) startBetween(a, b record.Time) bool {
	i := sort.Search(len(c.begins), func(i int) bool { return c.begins[i] > a })
	return i < len(c.begins) && c.begins[i] < b
}

func sourceName(p record.Pos) string {
	if p.Source == nil {
		return ""
	}
	return p.Source.Name
}

// differ reports whether two instance ids are of the same kind and of different lives. Ids may be cut (a 12 digit prefix).
func differ(a, b string) bool {
	if a == "" || b == "" || a == b {
		return false
	}
	if len(a) >= 12 && len(b) >= 12 {
		return a[:12] != b[:12]
	}
	return false // a pid against a container id says nothing
}

// kindRank orders what signs say of one death: the more specific wins.
func kindRank(k record.CrashKind) int {
	switch k {
	case record.CrashOOMKill:
		return 9
	case record.CrashHeapLimit:
		return 8
	case record.CrashHealthCheck:
		return 7
	case record.CrashSegfault:
		return 6
	case record.CrashException:
		return 5
	case record.CrashAbort:
		return 4
	case record.CrashSigterm:
		return 3
	case record.CrashExit:
		return 2
	}
	return 1
}

// fatal reports whether a sign of this kind is always of an end, even if it does not say so.
func fatal(k record.CrashKind) bool {
	switch k {
	case record.CrashHeapLimit, record.CrashOOMKill, record.CrashSegfault, record.CrashAbort, record.CrashHealthCheck:
		return true
	}
	return false
}

// merge makes one death of its signs; begins are the starts of the container.
func merge(signs []*record.Crash, begins []record.Time) Death {
	d := Death{Container: signs[0].Container, ExitCode: -1, First: signs[0].Time, Kind: record.CrashOther}
	for _, s := range signs {
		d.Signs = append(d.Signs, Sign{Pos: s.Pos, Time: s.Time, Kind: s.Kind, Exited: s.Exited, Text: s.Text})
		if kindRank(s.Kind) > kindRank(d.Kind) {
			d.Kind = s.Kind
		}
		if s.ExitCode >= 0 && d.ExitCode <= 0 {
			d.ExitCode = s.ExitCode
		}
		d.Signal = first(d.Signal, s.Signal)
		if len(s.Instance) > len(d.Instance) {
			d.Instance = s.Instance
		}
		d.Service, d.Host, d.Version = first(d.Service, s.Service), first(d.Host, s.Host), first(d.Version, s.Version)
		d.LimitBytes = max(d.LimitBytes, s.LimitBytes)
		d.UsedBytes = max(d.UsedBytes, s.UsedBytes)
		d.Uptime = max(d.Uptime, s.Uptime)
		// The first line that says the process ended is the nearest to its end: later ones are tellings of it.
		if s.Exited && (!d.Exited || s.Time < d.Time) {
			d.Time, d.Exited = s.Time, true
		}
	}
	if !d.Exited {
		d.Time = signs[len(signs)-1].Time
	}
	// An exit told after the next life had begun was told late: the last words before that are nearer to it.
	if i := sort.Search(len(begins), func(i int) bool { return begins[i] > d.First }); i < len(begins) && begins[i] < d.Time {
		for _, s := range signs {
			if s.Time <= begins[i] {
				d.Time = s.Time
			}
		}
	}
	// A process that was killed did not die of the error that it logged.
	if d.Kind == record.CrashException && (d.ExitCode == 137 || d.ExitCode == 143) {
		d.Kind = record.CrashOther
	}
	if d.Kind == record.CrashOther || d.Kind == record.CrashExit {
		switch d.ExitCode {
		case 134:
			d.Kind = record.CrashAbort
		case 139, 135, 132:
			d.Kind = record.CrashSegfault
		case 143:
			d.Kind = record.CrashSigterm
		case -1, 0, 137: // 137 alone is a kill by somebody, not yet a memory kill
		default:
			d.Kind = record.CrashExit
		}
	}
	if d.Signal == "" {
		d.Signal = signalOf(d.ExitCode)
	}
	return d
}

// signalOf names the signal that an exit status tells of; empty when it tells of none.
func signalOf(code int) string {
	switch code {
	case 132:
		return "SIGILL"
	case 134:
		return "SIGABRT"
	case 135:
		return "SIGBUS"
	case 137:
		return "SIGKILL"
	case 139:
		return "SIGSEGV"
	case 143:
		return "SIGTERM"
	}
	return ""
}

func deploys(events []record.Lifecycle) []Deploy {
	var out []Deploy
	for i := range events {
		e := &events[i]
		if e.Kind != record.Deploy {
			continue
		}
		told := false // by another source already
		for k := len(out) - 1; k >= 0 && !told && e.Time.Sub(out[k].Time) < 10*time.Minute; k-- {
			if told = e.Version == out[k].Version || e.Version == "" || out[k].Version == ""; told {
				out[k].Version = first(out[k].Version, e.Version)
			}
		}
		if !told {
			out = append(out, Deploy{Time: e.Time, Version: e.Version, Pos: e.Pos, Text: e.Text})
		}
	}
	return out
}

// KeepLast forgets all deaths but the last n, and returns how many those were. The lives that they ended are as those whose end nothing
// explains.
func (r *Result) KeepLast(n int) (forgotten int) {
	forgotten = max(0, len(r.Deaths)-n)
	r.Deaths = r.Deaths[forgotten:]
	for i := range r.Deaths {
		r.Deaths[i].Index = i
	}
	for i := range r.Lives {
		if l := &r.Lives[i]; l.Death >= 0 {
			l.Death = max(l.Death-forgotten, -1)
		}
	}
	return forgotten
}

func (r *Result) noteLoops() {
	by := map[string][]int{}
	for i := range r.Deaths {
		by[r.Deaths[i].Container] = append(by[r.Deaths[i].Container], i)
	}
	for _, idx := range by {
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
				d.AfterDeploy, d.DeployAge = first(dep.Version, "a deploy"), age
			}
		}
	}
}

// rolling reports whether the planned ends went through most of the fleet one after another.
func rolling(restarts []Restart, fleet int) bool {
	ended := map[string]bool{}
	var last record.Time
	for _, s := range restarts {
		if last != 0 && s.Time.Sub(last) > rollGap {
			if float64(len(ended)) >= rollShare*float64(max(fleet/2, 1)) && len(ended) >= 2 {
				return true
			}
			clear(ended)
		}
		ended[s.Container] = true
		last = s.Time
	}
	// Where each deploy brings new names the fleet looks twice its size.
	return len(ended) >= 2 && float64(len(ended)) >= rollShare*float64(max(fleet/2, 1))
}

// lives cuts the container's time at its ends.
func (c *container) lives(r *Result, end record.Time) []Life {
	type mark struct {
		t     record.Time
		end   bool
		death int
		plan  bool
		inst  string
		ver   string
	}
	var marks []mark
	for _, s := range c.begins {
		marks = append(marks, mark{t: s})
	}
	for _, i := range c.deathIdx {
		d := &r.Deaths[i]
		marks = append(marks, mark{t: d.Time, end: true, death: i, inst: d.Instance, ver: d.Version})
	}
	for i := range c.restarts {
		s := &c.restarts[i]
		marks = append(marks, mark{t: s.Time, end: true, death: -1, plan: s.Reason != finding.StoppedReporting, inst: s.Instance})
	}
	sort.SliceStable(marks, func(i, j int) bool {
		if marks[i].t != marks[j].t {
			return marks[i].t < marks[j].t
		}
		return marks[i].end && !marks[j].end
	})
	var lives []Life
	cur := Life{Container: c.name, Death: -1}
	open := c.first != 0 && (len(marks) == 0 || marks[0].end || c.first < marks[0].t.Add(-signGap))
	for _, m := range marks {
		switch {
		case m.end && open:
			cur.End, cur.Death, cur.Planned, cur.Instance = m.t, m.death, m.plan, first(cur.Instance, m.inst)
			cur.Version = first(cur.Version, m.ver)
			lives = append(lives, cur)
			cur, open = Life{Container: c.name, Death: -1}, false
		case m.end && !open:
			// An end without a known start: the life began before the evidence, or right at the last end.
			cur.End, cur.Death, cur.Planned, cur.Instance, cur.Version = m.t, m.death, m.plan, m.inst, m.ver
			if n := len(lives); n > 0 {
				cur.Start = lives[n-1].End
			}
			lives = append(lives, cur)
			cur = Life{Container: c.name, Death: -1}
		case !m.end && open && cur.Start == 0 && len(lives) == 0 && m.t.Sub(c.first) < signGap:
			cur.Start = m.t
		case !m.end && open:
			// A second start without an end between: boot told twice, or an end that nobody told.
			if m.t.Sub(cur.Start) > signGap && cur.Start != 0 {
				cur.End = m.t
				lives = append(lives, cur)
				cur = Life{Container: c.name, Death: -1, Start: m.t}
			} else if cur.Start == 0 {
				cur.End = m.t
				lives = append(lives, cur)
				cur = Life{Container: c.name, Death: -1, Start: m.t}
			}
		default:
			cur = Life{Container: c.name, Death: -1, Start: m.t}
			open = true
		}
	}
	if open {
		cur.End = end
		lives = append(lives, cur)
	} else if n := len(lives); n > 0 && c.last > lives[n-1].End.Add(signGap) {
		cur.Start, cur.End = lives[n-1].End, end
		lives = append(lives, cur)
	}
	for i := range lives {
		l := &lives[i]
		for _, e := range c.between(l.Start, l.End-1) {
			if e.Kind == record.Starting || e.Kind == record.Up {
				l.Version, l.Host, l.Service = first(l.Version, e.Version), first(l.Host, e.Host), first(l.Service, e.Service)
				l.Instance = first(l.Instance, e.Instance)
			}
		}
		if l.Death >= 0 {
			d := &r.Deaths[l.Death]
			if d.Uptime == 0 && l.Start != 0 {
				d.Uptime = d.Time.Sub(l.Start)
			}
			d.Version, d.Instance, d.Host, d.Service = first(d.Version, l.Version), first(d.Instance, l.Instance), first(d.Host, l.Host), first(d.Service, l.Service)
		}
	}
	return lives
}

// crashLess and eventLess order by time, then by everything else: the result must not depend on the order of the input.
func crashLess(a, b *record.Crash) bool {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Container, b.Container), compareBool(a.Exited, b.Exited), cmp.Compare(a.Kind, b.Kind),
		comparePos(a.Pos, b.Pos), strings.Compare(a.Text, b.Text), cmp.Compare(a.ExitCode, b.ExitCode), strings.Compare(a.Signal, b.Signal),
		strings.Compare(a.Instance, b.Instance), strings.Compare(a.Service, b.Service), strings.Compare(a.Host, b.Host), strings.Compare(a.Version, b.Version)) < 0
}

func eventLess(a, b *record.Lifecycle) bool {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Container, b.Container), cmp.Compare(a.Kind, b.Kind), comparePos(a.Pos, b.Pos),
		strings.Compare(a.Text, b.Text), strings.Compare(a.Reason, b.Reason), cmp.Compare(a.End, b.End), cmp.Compare(a.ExitCode, b.ExitCode),
		strings.Compare(a.Instance, b.Instance), strings.Compare(a.Service, b.Service), strings.Compare(a.Host, b.Host), strings.Compare(a.Version, b.Version)) < 0
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func comparePos(a, b record.Pos) int {
	return cmp.Or(strings.Compare(sourceName(a), sourceName(b)), cmp.Compare(a.Line, b.Line))
}

func in(spans []Span, t record.Time) bool {
	for _, s := range spans {
		if s.Contains(t) {
			return true
		}
	}
	return false
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// A Deployment appends to the name of a pod the hash of its template, which has digits, and a random part; others append the random part
// alone, of an alphabet that makes no words (k8s.io/apimachinery/pkg/util/rand).
var (
	deploymentSuffix = regexp.MustCompile(`-[a-z0-9]{6,10}-[a-z0-9]{5}$`)
	randomSuffix     = regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{5}$`)
)

// PodOf returns the pod of a companion, which is named with it ("web-5d9c7b6f4-x2x7k/istio-proxy"), and whether the name is of one: the main
// container of a pod goes by the pod's name.
func PodOf(name string) (pod string, companion bool) {
	pod, inner, found := strings.Cut(name, "/")
	if !found || inner == "" || cutSuffix(pod) == pod {
		return name, false
	}
	return pod, true
}

// cutSuffix cuts off what tells a container from the others like it; it returns the name itself where there is nothing of that.
func cutSuffix(name string) string {
	if i := deploymentSuffix.FindStringIndex(name); i != nil && strings.ContainsAny(name[i[0]:i[1]-len("-x2x7k")], "0123456789") {
		return name[:i[0]]
	}
	if i := randomSuffix.FindStringIndex(name); i != nil {
		return name[:i[0]]
	}
	return strings.TrimRight(strings.TrimRight(name, "0123456789"), "-._")
}

var containerID = regexp.MustCompile(`^[0-9a-f]{12,64}$`)

// Pool returns what a container is one of: its name without the number or the pod suffix ("web-3", "web.3" and
// "web-5d9c7b6f4-x2x7k" are of "web"), else its service. Companions of pods are of pools of their own ("web/istio-proxy").
func Pool(name, service string) string {
	if containerID.MatchString(name) {
		return first(service, "container") // an id says nothing of what it is one of
	}
	if pod, companion := PodOf(name); companion {
		return cutSuffix(pod) + name[len(pod):] // it is not what serves there
	}
	if n := cutSuffix(name); n != "" && n != name {
		return n
	}
	return first(service, name)
}

// SortCrashes and SortEvents put records into an order that does not depend on how they came in.
func SortCrashes(c []record.Crash) {
	sort.SliceStable(c, func(i, j int) bool { return crashLess(&c[i], &c[j]) })
}

// SortEvents is SortCrashes for lifecycle events.
func SortEvents(e []record.Lifecycle) {
	sort.SliceStable(e, func(i, j int) bool { return eventLess(&e[i], &e[j]) })
}
