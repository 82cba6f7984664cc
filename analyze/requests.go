package analyze

import (
	"cmp"
	"container/heap"
	"maps"
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// Constants of the joins.
const (
	// lostAfter: a start that never ended in the log, on a container that did not die, counts as open for this long. Logs that
	// lose lines so make their endpoints look open often, and weaken accusations by themselves.
	lostAfter = time.Hour
	// abandonedAfter is the same for a request that the router gave up on or whose client left: the process goes on with it for
	// minutes at most (recorded: up to 100 s), and holding each for an hour would hide real culprits.
	abandonedAfter = 10 * time.Minute
	// pressureBefore and pressureAfter: the time around a death in which everything is slow is no base rate.
	pressureBefore = 15 * time.Minute
	pressureAfter  = 5 * time.Minute
	// cutEarly and cutLate bound how far the lines of cut requests may lie from the death as the platform tells it.
	cutEarly = 15 * time.Second
	cutLate  = 40 * time.Second
	// wordsLead: last words this long before the exit line are the better time of death.
	wordsLead = 40 * time.Second
	// minQuietShare: when less of the time than this is quiet, the pressure window before deaths is shortened.
	minQuietShare = 0.3
	// unloggedAfter: so long without a request of anyone is a time without logs, or one in which there was nothing to compare with.
	unloggedAfter = 30 * time.Minute
	// maxGap and maxWindow, in hours: evidence with nothing in between for so long is not of one time, and more than a year is not
	// looked at as one.
	maxGap    = 72
	maxWindow = 400 * 24
	// maxCaseRequests bounds the finished requests of one case, maxCaseOpen those that never ended.
	// Where there are more than a hundred deaths each gets its part of maxAllCases.
	maxCaseRequests = 20_000
	maxCaseOpen     = 4_000
	maxAllCases     = 2_000_000
	// maxNextDeaths bounds the deaths to whose cases one answered request belongs. Where containers have no names, all die as one.
	maxNextDeaths = 200
	// maxSlow bounds the slow requests kept to look for a constant timeout.
	maxSlow = 300_000
	// slowFrom is what counts as slow there.
	slowFrom = time.Second
	// maxBlocks and minBlock set the width of the blocks in which requests are counted for the memory regression.
	maxBlocks = 720
	minBlock  = 15 * time.Second
	// maxCells bounds (endpoint, container) pairs with block counts: the rest of the endpoints is too rare to tell a leak.
	maxCells = 20_000
)

// pending is a request that did not end with an answer as the primary log has it, or whose end is not known.
type pending struct {
	reqlog.Rec
	// done is when the application says it finished; 0 when it never said so.
	done record.Time
	// death is the index of the death it was open at, -1 for none.
	death int
}

// end returns when the process was done with the request: 0 when that is not known.
func (p *pending) end() record.Time {
	if p.done != 0 {
		return p.done
	}
	if p.Phase == record.Completed && p.Outcome == record.Cut {
		return p.End
	}
	if p.Outcome == record.Refused {
		return p.End
	}
	return 0
}

// unknownFor is how long a request without a known end counts as open.
func (p *pending) unknownFor() time.Duration {
	if p.Phase == record.Started {
		return lostAfter
	}
	return abandonedAfter
}

// group is a set of sources of one layer and format: two groups of one layer tell of the same requests.
type group struct {
	layer  record.Layer
	format string
}

// curveKey names one curve of a container.
type curveKey struct {
	container string
	metric    record.Metric
}

// traffic is what the passes over the requests find.
type traffic struct {
	ev         *intake.Evidence
	asked      Options
	from, to   record.Time
	canon      *naming.Canon
	epOf       []uint32 // raw endpoint id -> index in endpoints
	endpoints  []string
	overflow   int64
	contOf     []uint32 // raw container id -> index in containers
	containers []string
	named      bool                          // requests name their container
	curveOf    map[curveKey][]*intake.Series // of all instances of a container, in no order
	primary    group
	groups     map[group]int64
	useGroup   []bool       // by tallyOf: whether these lines are counted
	spans      intake.Spans // per container, when its requests began and ended
	outside    int64        // records dropped because they lie far outside the evidence
	left       left
	copies     bool // some line was read twice

	sampled sampling
	pend    []pending
	life    *life.Result
	deathAt []record.Time // per death, on the clock of the requests
	cutAt   []bool        // deathAt comes from cut requests
	skew    []time.Duration

	alive      [][]life.Span // per container, when it could serve requests
	everywhere pressure      // after deaths
	before     []pressure    // per container, before its own deaths
	lookback   time.Duration
	aliveSecs  float64
	quietSecs  float64

	base       *inflight.Baseline
	cases      []inflight.Case // per death
	lastMinute []int           // per death, the requests answered in the last minute before it
	slow       []slowRequest
	block      time.Duration
	nBlocks    int
	cells      *cells
	latency    *latencies
	total      int64
	perEp      []int64
	failed     int64
	errors5xx  int64
	users      map[uint32]struct{}
	fleet      []float64 // requests per loadStep, over all containers
	serves     []bool    // by container: whether it serves requests

	familyOf   map[string]bool // endpoints that are families; see families
	inFamilies int             // endpoints before they were taken together
}

// slowRequest is one slow answered request, for the search for a constant timeout.
type slowRequest struct {
	endpoint, container uint32
	start               record.Time
	dur                 time.Duration
	source              uint16
	line                uint32
}

// loadStep is the resolution of the load before a death.
const loadStep = 30 * time.Second

// bound finds the window of the evidence. A stray timestamp (1970, 9999) must not stretch it, so time is cut into hours, and the
// densest run of hours without a gap of more than three days is kept; what lies outside is counted.
func (t *traffic) bound() {
	const hour = record.Time(time.Hour)
	hours := map[int64]int64{}
	stats := t.ev.Log.Stats()
	t.eachTime(stats, func(at record.Time, weight, _ int64) { hours[int64(at/hour)] += weight })
	for i := range t.ev.Jobs {
		if at := t.ev.Jobs[i].Start; at != 0 {
			hours[int64(at/hour)]++
		}
	}
	lo, hi, ok := densest(hours)
	if !ok {
		t.from, t.to = t.asked.From, max(t.asked.From, t.asked.To)
		return
	}
	from, to := record.Time(lo)*hour, record.Time(hi+1)*hour
	sp := intake.Span{}
	t.eachTime(stats, func(at record.Time, _, records int64) {
		if at >= from && at < to {
			sp.Add(at)
		} else {
			t.outside += records
		}
	})
	for _, s := range stats {
		if s.First < from || s.First >= to {
			continue
		}
		sp.Add(s.LastStart)
		if s.Last < to+hour { // a request that ends years later has a wrong time
			sp.Add(s.Last)
		}
	}
	t.cut(sp.First, sp.Last)
}

// eachTime calls f for the times of all records but jobs, those of requests by the slots in which they begin. weight is what a record counts
// for in the choice of the window, records is how many there are.
func (t *traffic) eachTime(slots []reqlog.Stat, f func(at record.Time, weight, records int64)) {
	see := func(at record.Time, weight int64) {
		if at != 0 {
			f(at, weight, 1)
		}
	}
	for _, s := range slots {
		f(s.First, s.N, s.N)
	}
	for _, q := range t.ev.Open {
		for i := range q {
			see(q[i].Start, 1)
		}
	}
	for i := range t.ev.Crashes {
		see(t.ev.Crashes[i].Time, 1000)
	}
	for i := range t.ev.Events {
		see(t.ev.Events[i].Time, 10)
	}
	for _, s := range t.ev.Series {
		for _, p := range s.Points {
			see(p.T, 1)
		}
	}
	for i := range t.ev.Exposures {
		see(t.ev.Exposures[i].From, 1)
		see(t.ev.Exposures[i].To, 1)
	}
}

// densest returns the first and last of the run of hours without a long gap that weighs most, the first of equals; ok is false where
// nothing weighs anything.
func densest(hours map[int64]int64) (lo, hi int64, ok bool) {
	keys := slices.Sorted(maps.Keys(hours))
	var best, n int64
	for i, j := 0, 0; j < len(keys); j++ {
		if j > 0 && keys[j]-keys[j-1] > maxGap {
			i, n = j, 0
		}
		n += hours[keys[j]]
		for ; keys[j]-keys[i] > maxWindow; i++ {
			n -= hours[keys[i]]
		}
		if n > best {
			best, lo, hi = n, keys[i], keys[j]
		}
	}
	return lo, hi, best > 0
}

// cut bounds the window, by what was asked for as well, and drops the small records outside.
func (t *traffic) cut(from, to record.Time) {
	t.from, t.to = from, to
	if t.asked.From != 0 {
		t.from = max(from, t.asked.From)
	}
	if t.asked.To != 0 {
		t.to = min(to, t.asked.To)
	}
	t.to = max(t.from, t.to) // the question may lie outside of the evidence
	t.ev.Crashes = slices.DeleteFunc(t.ev.Crashes, func(c record.Crash) bool { return c.Time < t.from || c.Time > t.to })
	t.ev.Events = slices.DeleteFunc(t.ev.Events, func(e record.Lifecycle) bool { return e.Time < t.from || e.Time > t.to })
	for _, s := range t.ev.Series {
		s.Points = slices.DeleteFunc(s.Points, func(p intake.Point) bool { return p.T < t.from || p.T > t.to })
	}
}

// each visits every counted request line once, in time order: exact duplicates, lines outside the window and lines of groups
// that tell of the same requests again are passed over. Endpoint and Container are indexes into t.endpoints and t.containers.
func (t *traffic) each(f func(r *reqlog.Rec)) error { return t.lines(t.ev.Log.Each, countedLines, f) }

// which lines a pass is for.
type which int

const (
	allLines       which = iota // starts as well
	completedLines              // also of groups that tell of the same requests again
	countedLines
)

// lines calls f, over a pass of the log, for the lines of every page that linesOf visits.
func (t *traffic) lines(pass func(func(*reqlog.Page)) error, w which, f func(r *reqlog.Rec)) error {
	return pass(func(page *reqlog.Page) { t.linesOf(page, w, f) })
}

// linesOf calls f for the lines within the window on containers that are looked at; where the page is in order, for none that is told
// twice. The record is f's until it returns.
func (t *traffic) linesOf(page *reqlog.Page, w which, f func(r *reqlog.Rec)) {
	var r reqlog.Rec // one for all of them, as it goes to the heap
	last := &reqlog.Rec{}
	for i := range page.Len() {
		raw := page.At(i)
		if !t.within(raw) {
			continue
		}
		if page.Sorted() && reqlog.SameLine(last, raw) {
			t.copies = true
			continue
		}
		last = raw
		if w >= completedLines && raw.Phase != record.Completed || w == countedLines && !t.counted(raw) {
			continue
		}
		r = *raw
		r.Endpoint = t.epOf[raw.Endpoint]
		r.Container = t.contOf[raw.Container]
		f(&r)
	}
}

// within reports whether a line, as it came, lies in the window, on a container that is looked at, and is of no source given twice.
func (t *traffic) within(raw *reqlog.Rec) bool {
	return raw.Start >= t.from && raw.Start <= t.to && !t.ev.Again[intake.TallyOf(raw.Source, raw.Layer)] && t.contOf[raw.Container] != notLookedAt
}

// counted reports whether a line is one of countedLines.
func (t *traffic) counted(raw *reqlog.Rec) bool {
	return raw.Phase == record.Completed && t.useGroup[intake.TallyOf(raw.Source, raw.Layer)]
}

// prepare maps ids, chooses whose lines count, and joins what the other lines know.
func (t *traffic) prepare() error {
	var err error
	if t.canon, err = naming.Resolve(t.ev, t.asked.From, t.asked.To); err != nil {
		return err
	}
	fleet := t.fleetNames()
	if len(fleet) == 0 && len(t.ev.Crashes) > 0 {
		// A log of one container, as kubectl prints it, names none.
		for i := range t.ev.Crashes {
			t.ev.Crashes[i].Container = soleName
		}
		fleet = []string{soleName}
	}
	naming.Sort(t.ev)
	t.curveOf = map[curveKey][]*intake.Series{}
	for k, s := range t.ev.Series {
		t.curveOf[curveKey{k.Container, k.Metric}] = append(t.curveOf[curveKey{k.Container, k.Metric}], s)
	}
	t.epOf, t.endpoints, t.overflow = t.ev.Endpoints.Collapse(t.endpointCounts())
	for len(t.epOf) < t.ev.Endpoints.Len() {
		t.epOf = append(t.epOf, 0)
	}
	t.bound()
	t.mapContainers(fleet)
	t.readSampling()
	t.chooseGroups()
	return t.join()
}

// endpointCounts counts requests by raw endpoint id. A router and an application tell of the same ones: the layer that tells of more
// counts, for each endpoint.
func (t *traffic) endpointCounts() []int64 {
	counts := make([]int64, t.ev.Endpoints.Len())
	for layer := range intake.Layers {
		of := make([]int64, len(counts))
		for at := layer; at < len(t.ev.Tallies); at += intake.Layers {
			if x := t.ev.Tallies[at]; x != nil && !t.ev.Again[at] {
				for e, n := range x.Counts[:min(len(x.Counts), len(of))] {
					of[e] += int64(n)
				}
			}
		}
		for e, n := range of {
			counts[e] = max(counts[e], n)
		}
	}
	return counts
}

// mapContainers gives the first of the fleet dense indexes in the order of their names; 0 is none. The records of the others are left
// out.
func (t *traffic) mapContainers(fleet []string) {
	t.containers = append([]string{""}, fleet[:min(len(fleet), maxFleet)]...)
	sort.Strings(t.containers)
	t.contOf = make([]uint32, len(t.ev.Containers))
	for raw, n := range t.ev.Containers {
		t.contOf[raw] = t.containerIndex(t.canon.Of(n))
		if n != "" && t.contOf[raw] == 0 || raw == intake.OtherContainers {
			t.contOf[raw] = notLookedAt
		}
	}
	if n := len(fleet) - maxFleet; n > 0 {
		t.left.containers = int64(n)
		t.leaveOut()
	}
}

func (t *traffic) containerIndex(name string) uint32 {
	i, ok := slices.BinarySearch(t.containers, name)
	if !ok {
		return 0
	}
	return uint32(i)
}

// chooseGroups decides whose lines count as the requests. The router's view is preferred: it sees every request and when it gave
// up on it. Another group is counted as well only where it tells of other containers.
func (t *traffic) chooseGroups() {
	list := t.ev.Sources
	by := map[group]*intake.Tally{}
	groupOf := make([]group, intake.Layers*len(list))
	for at, x := range t.ev.Tallies {
		if x == nil || t.ev.Again[at] {
			continue
		}
		g := group{layer: record.Layer(at % intake.Layers)}
		if src := list[at/intake.Layers]; src != nil {
			g.format = src.Format
		}
		groupOf[at] = g
		if by[g] == nil {
			by[g] = &intake.Tally{}
		}
		by[g].Add(x)
	}
	groups := make([]group, 0, len(by))
	t.groups = map[group]int64{}
	for g, e := range by {
		groups = append(groups, g)
		t.groups[g] = e.N
	}
	score := func(g group) float64 {
		e := by[g]
		s := float64(e.Named) + 0.1*float64(e.N-e.Named)
		if g.layer == record.LayerRouter {
			s *= 3
		}
		return s
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(score(b), score(a)), cmp.Compare(a.layer, b.layer), cmp.Compare(a.format, b.format))
	})
	use := map[group]bool{}
	covered := map[uint32]bool{}
	for i, g := range groups {
		e := by[g]
		if i == 0 {
			t.primary = g
			t.named = e.Named*2 >= e.N
		} else {
			fresh, all := 0, 0
			for raw, seen := range e.Containers {
				if seen && t.contOf[raw] != notLookedAt {
					all++
					if !covered[t.contOf[raw]] {
						fresh++
					}
				}
			}
			if all == 0 || fresh*2 < all {
				continue
			}
		}
		use[g] = true
		for raw, seen := range e.Containers {
			if seen {
				covered[t.contOf[raw]] = true
			}
		}
	}
	t.useGroup = make([]bool, len(groupOf))
	for at, g := range groupOf {
		t.useGroup[at] = use[g]
	}
	if !t.named {
		// Without names all containers are one: whatever is open anywhere at a death may be its cause.
		only := t.soleContainer()
		for i := range t.contOf {
			if t.contOf[i] == 0 {
				t.contOf[i] = only
			}
		}
		t.named = only != 0
	}
}

// soleName is the name of the only container there is when nothing names it.
const soleName = "the container"

// soleContainer returns the container that all requests must be of when there is only one; 0 otherwise.
func (t *traffic) soleContainer() uint32 {
	if len(t.containers) == 2 && t.left.containers == 0 {
		return 1
	}
	return 0
}

// join gathers the requests without an answer and looks up what the application says of them.
func (t *traffic) join() error {
	// Starts without an end that has their id.
	left := map[uint64]bool{}
	starts, err := t.unfinished()
	if err != nil {
		return err
	}
	keys := make([]intake.OpenKey, 0, len(t.ev.Open))
	for k := range t.ev.Open {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b intake.OpenKey) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	for _, k := range keys {
		q := t.ev.Open[k]
		slices.SortFunc(q, func(a, b reqlog.Rec) int { return reqlog.CompareAll(&a, &b) })
		q = slices.DeleteFunc(q, func(r reqlog.Rec) bool {
			return r.Start < t.from || r.Start > t.to || t.ev.Again[intake.TallyOf(r.Source, r.Layer)]
		})
		if t.contOf[k.Container] == notLookedAt {
			continue
		}
		for _, r := range slices.CompactFunc(q, func(a, b reqlog.Rec) bool { return reqlog.SameLine(&a, &b) }) {
			r.Endpoint, r.Container = t.epOf[r.Endpoint], t.contOf[r.Container]
			left[r.ID] = true
			starts = append(starts, r)
		}
	}
	if err := t.findSpans(); err != nil {
		return err
	}
	// Nothing here depends on the order but for duplicates, which are dropped after sorting.
	err = t.lines(t.ev.Unanswered.EachUnsorted, countedLines, func(r *reqlog.Rec) {
		t.pend = append(t.pend, pending{Rec: *r, death: -1})
	})
	slices.SortFunc(t.pend, comparePending)
	t.pend = slices.CompactFunc(t.pend, func(a, b pending) bool { return reqlog.SameLine(&a.Rec, &b.Rec) })
	apps := false
	for g := range t.groups {
		apps = apps || g.layer == record.LayerApp
	}
	// A request that is tried again elsewhere may keep its id: what is said of it is of one container, where that is known.
	byID := map[idAt]int{}
	for i := range t.pend {
		if p := &t.pend[i]; p.ID != 0 && apps {
			byID[idAt{p.ID, p.Container}] = i
			byID[idAt{p.ID, anywhere}] = i
		}
	}
	if err != nil {
		return err
	}
	ended := map[idAt][]reqlog.Rec{}
	if len(byID) > 0 || len(left) > 0 {
		err = t.lines(t.ev.Log.EachUnsorted, completedLines, func(r *reqlog.Rec) {
			if r.ID == 0 {
				return
			}
			if left[r.ID] && (r.Layer == record.LayerApp || r.Outcome == record.Answered) {
				ended[idAt{r.ID, r.Container}] = append(ended[idAt{r.ID, r.Container}], *r)
				ended[idAt{r.ID, anywhere}] = append(ended[idAt{r.ID, anywhere}], *r)
			}
			if !t.useGroup[intake.TallyOf(r.Source, r.Layer)] || r.Layer == record.LayerApp && t.primary.layer != record.LayerApp {
				i, ok := byID[idAt{r.ID, r.Container}]
				if !ok {
					i, ok = byID[idAt{r.ID, 0}]
				}
				if !ok && r.Container == 0 {
					i, ok = byID[idAt{r.ID, anywhere}]
				}
				if ok && r.Layer == record.LayerApp && t.pend[i].Layer != record.LayerApp {
					t.pend[i].done = max(t.pend[i].done, r.End)
					if r.Container != 0 && t.pend[i].Container == 0 {
						t.pend[i].Container = r.Container
					}
				}
			}
		})
		if err != nil {
			return err
		}
	}
	told := func(m map[idAt][]reqlog.Rec, r *reqlog.Rec) bool {
		of := func(container uint32) bool {
			return slices.ContainsFunc(m[idAt{r.ID, container}], func(end reqlog.Rec) bool { return intake.SameRequest(r, &end) })
		}
		return of(r.Container) || of(0) || r.Container == 0 && of(anywhere)
	}
	seen := map[idAt][]reqlog.Rec{}
	for i := range t.pend {
		if p := &t.pend[i]; left[p.ID] {
			seen[idAt{p.ID, p.Container}] = append(seen[idAt{p.ID, p.Container}], p.Rec)
			seen[idAt{p.ID, anywhere}] = append(seen[idAt{p.ID, anywhere}], p.Rec)
		}
	}
	for _, r := range starts {
		if r.ID != 0 && (told(ended, &r) || told(seen, &r)) {
			continue
		}
		t.pend = append(t.pend, pending{Rec: r, death: -1})
	}
	slices.SortFunc(t.pend, comparePending)
	return nil
}

// findSpans finds when the requests of each container began and ended, as far as they lie within the window.
func (t *traffic) findSpans() error {
	t.spans = make(intake.Spans, len(t.containers))
	// What was gathered by layer holds where all lines of a layer count, or none, and none lies outside.
	var counted, left [intake.Layers]bool
	for at, x := range t.ev.Tallies {
		if x != nil && x.N > 0 {
			use := t.useGroup[at] && !t.ev.Again[at]
			counted[at%intake.Layers] = counted[at%intake.Layers] || use
			left[at%intake.Layers] = left[at%intake.Layers] || !use
		}
	}
	known := true
	for layer, on := range t.ev.Finished {
		known = known && !(counted[layer] && left[layer])
		if !counted[layer] {
			continue
		}
		for raw, s := range on {
			if s.First != 0 && t.contOf[raw] != notLookedAt {
				known = known && s.First >= t.from && s.Last <= t.to
				t.spans.Add(t.contOf[raw], s.First, s.Last)
			}
		}
	}
	if known {
		return nil
	}
	clear(t.spans)
	return t.lines(t.ev.Log.EachUnsorted, countedLines, func(r *reqlog.Rec) {
		t.spans.Add(r.Container, r.Start, min(r.End, t.to))
	})
}

// idAt is an id on one container.
type idAt struct {
	id        uint64
	container uint32
}

// anywhere stands for all containers of an id.
const anywhere = math.MaxUint32

// unfinished pairs starts and ends that carry no ids, in the order of time, and returns the starts that got no end. An end that says
// how long it took closes the start that lies there, another one the oldest of its endpoint and container, so that what stays open is
// as young as it can be: ages are lower bounds.
func (t *traffic) unfinished() ([]reqlog.Rec, error) {
	if t.ev.Unnamed == 0 {
		return nil, nil
	}
	type key struct {
		intake.OpenKey
		layer record.Layer
	}
	open := map[key][]reqlog.Rec{}
	n := 0
	var ends endHeap
	closeUntil := func(at record.Time) {
		for len(ends) > 0 && ends[0].End < at {
			e := heap.Pop(&ends).(reqlog.Rec)
			k := key{intake.KeyOf(&e), e.Layer}
			q := open[k]
			if len(q) == 0 || q[0].Start > e.End {
				continue
			}
			i := 0
			if e.End > e.Start {
				i = slices.IndexFunc(q, func(s reqlog.Rec) bool { return s.Start.Sub(e.Start).Abs() <= intake.SameStart })
			}
			if i >= 0 {
				open[k] = slices.Delete(q, i, i+1)
				n--
			}
		}
	}
	err := t.lines(t.ev.Log.Each, allLines, func(r *reqlog.Rec) {
		if r.ID != 0 || !t.useGroup[intake.TallyOf(r.Source, r.Layer)] {
			return // what a router tells of as well is told by its lines
		}
		closeUntil(r.Start)
		switch {
		case r.Phase == record.Completed:
			heap.Push(&ends, *r)
		case n >= intake.MaxOpen:
			t.ev.Left.Open++
		default:
			k := key{intake.KeyOf(r), r.Layer}
			open[k] = append(open[k], *r)
			n++
		}
	})
	closeUntil(math.MaxInt64)
	var left []reqlog.Rec
	for _, q := range open {
		left = append(left, q...)
	}
	slices.SortFunc(left, func(a, b reqlog.Rec) int { return reqlog.CompareAll(&a, &b) })
	return left, err
}

// endHeap holds ends, the earliest first.
type endHeap []reqlog.Rec

func (h endHeap) Len() int { return len(h) }

func (h endHeap) Less(i, j int) bool {
	return h[i].End < h[j].End || h[i].End == h[j].End && reqlog.CompareAll(&h[i], &h[j]) < 0
}

func (h endHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *endHeap) Push(x any) { *h = append(*h, x.(reqlog.Rec)) }

func (h *endHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func comparePending(a, b pending) int { return reqlog.CompareAll(&a.Rec, &b.Rec) }

// lives asks the life package, then sets each death on the clock of the requests.
func (t *traffic) lives() error {
	if err := t.dropLateListening(); err != nil {
		return err
	}
	if err := t.dropSurvived(); err != nil {
		return err
	}
	in := life.Input{Crashes: t.ev.Crashes, Events: t.ev.Events, Unfinished: t.unfinishedStarts(), End: t.to}
	for _, w := range t.asked.Planned {
		in.Planned = append(in.Planned, life.Span{From: w.From, To: w.To})
	}
	for k, s := range t.ev.Seen {
		if s.First <= t.to && s.Last >= t.from { // one stray time must not make it seem at work for years
			in.Seen = append(in.Seen, life.Seen{Container: k.Container, Instance: k.Instance, First: max(s.First, t.from), Last: min(s.Last, t.to)})
		}
	}
	byC := map[string]*intake.Span{}
	for k, s := range t.ev.Series {
		if len(s.Points) == 0 {
			continue
		}
		if byC[k.Container] == nil {
			byC[k.Container] = &intake.Span{}
		}
		byC[k.Container].Add(s.Points[0].T)
		byC[k.Container].Add(s.Points[len(s.Points)-1].T)
	}
	for i, s := range t.spans {
		if i > 0 && s.First != 0 {
			in.Seen = append(in.Seen, life.Seen{Container: t.containers[i], First: s.First, Last: s.Last})
		}
	}
	for c, s := range byC {
		in.Seen = append(in.Seen, life.Seen{Container: c, First: s.First, Last: s.Last})
	}
	sort.Slice(in.Seen, func(i, j int) bool {
		a, b := in.Seen[i], in.Seen[j]
		if a.Container != b.Container {
			return a.Container < b.Container
		}
		if a.Instance != b.Instance {
			return a.Instance < b.Instance
		}
		return a.First < b.First
	})
	t.life = life.Analyze(in)
	t.left.deaths = int64(t.life.KeepLast(maxDeaths))
	t.alignDeaths()
	return nil
}

// alignDeaths finds each death on the clock of the requests: where the connections of a container broke at once.
func (t *traffic) alignDeaths() {
	n := len(t.life.Deaths)
	t.deathAt = make([]record.Time, n)
	t.cutAt = make([]bool, n)
	broken := make([][]record.Time, len(t.containers)) // when connections broke, by container
	for i := range t.pend {
		if p := &t.pend[i]; p.Outcome == record.Cut {
			broken[p.Container] = append(broken[p.Container], p.End)
		}
	}
	for _, at := range broken {
		slices.Sort(at)
	}
	for d := range t.life.Deaths {
		death := &t.life.Deaths[d]
		c := t.deathContainer(death)
		t.deathAt[d] = death.Time
		if !death.Unreachable && death.Kind != record.CrashHealthCheck {
			for _, s := range death.Signs {
				if !s.Exited && death.Time.Sub(s.Time) >= 0 && death.Time.Sub(s.Time) <= wordsLead &&
					(s.Kind == record.CrashHeapLimit || s.Kind == record.CrashOOMKill || s.Kind == record.CrashSegfault || s.Kind == record.CrashException) {
					t.deathAt[d] = s.Time
				}
			}
		}
		first, _ := slices.BinarySearch(broken[c], t.deathAt[d].Add(-cutEarly))
		end, _ := slices.BinarySearch(broken[c], death.Time.Add(cutLate)+1)
		cuts := broken[c][first:max(first, end)]
		if len(cuts) == 0 {
			continue
		}
		// The densest second: cuts after the death (connections tried on a dead container) trickle in later.
		best, at := 0, cuts[0]
		for i := range cuts {
			j := i
			for j+1 < len(cuts) && cuts[j+1].Sub(cuts[i]) <= 2*time.Second {
				j++
			}
			if j-i+1 > best {
				best, at = j-i+1, cuts[(i+j)/2]
			}
		}
		t.deathAt[d], t.cutAt[d] = at, true
		t.skew = append(t.skew, death.Time.Sub(at))
	}
}

func (t *traffic) deathContainer(d *life.Death) uint32 {
	if !t.named {
		return 0
	}
	return t.containerIndex(d.Container)
}
