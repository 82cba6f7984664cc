package verdict

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/hang"
	"lastcall/analyze/heap"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

// inquiry is everything the detectors found, for the verdict and the story to draw on.
type inquiry struct {
	opts     Options
	traffic  *traffic.Traffic
	measured *traffic.Measured

	open   openRequests
	memory memoryRead
	heap   *heap.Result // nil where there are no profiles
	hang   *hang.Result // nil where no calls end at one constant duration
	host   hostLost
	untied traffic.Untied
	// shortages are the kills that a kernel or node tells of as those of a machine that ran out of memory.
	shortages map[naming.Sign]bool
	services  map[string]string // by container, where a source tells
	load      []float64         // per death: rank of the load in the 30 s before it, 0..1; NaN when unknown
	breaks    []traffic.Break   // found where nothing died
	failing   []traffic.Failing // looked for where nothing died
	latency   traffic.Singles   // of those that are accused

	said  []finding.Event // what was logged before deaths that nothing explains
	ledBy string          // the first such line, or job, in words

	report *finding.Report
}

// openRequests is what the requests say that were open at the onset of deaths.
type openRequests struct {
	cases   []inflight.Case            // those of Measured, with what memory tells of their onset; by death
	results map[class]*inflight.Result // by class of death, over the cases of that class
	deaths  map[class][]int            // which deaths those are
	later   map[class][]int            // deaths of a class that came later in a long story: they follow from the first ones
}

// memoryRead is what the readings of memory say.
type memoryRead struct {
	lives  []memory.Life
	of     [][]int // per death: which of lives it ended
	curves []memory.Curve
	growth memory.Attribution
	// begun is, by death, how many requests of the endpoint that growth is put down to had begun in the life that ended.
	begun map[int]float64
}

// hostLost is the host that failed, and its deaths; none where no host did.
type hostLost struct {
	candidate candidate
	deaths    []int
}

// class is the kind of explanation that a death asks for.
type class int

const (
	byMemory class = iota // killed for memory, or a kill that nothing else explains
	byStall               // killed because it did not answer
	byFault               // died of an error of its own
	lost                  // vanished: the platform lost it
)

// weighed are the classes whose deaths are asked for open requests, in the order in which equals are told.
var weighed = [...]class{byMemory, byStall, byFault}

func classOf(d *life.Death) class {
	switch {
	case d.Unreachable:
		return lost
	case d.Kind == record.CrashHealthCheck:
		return byStall
	case d.Kind == record.CrashException || d.Kind == record.CrashSegfault || d.Kind == record.CrashExit || d.Kind == record.CrashSigterm:
		return byFault
	}
	return byMemory
}

// Options are what was asked for beside what the traffic knows.
type Options struct {
	// LimitBytes is the memory limit of a container where the evidence does not say it; 0 means unknown.
	LimitBytes int64
}

// Conclude judges the traffic, a second time with families of endpoints taken together where that may tell more. With an error of the
// context the report may be incomplete.
func Conclude(ctx context.Context, t *traffic.Traffic, opts Options) (*finding.Report, error) {
	q, err := look(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	if again := q.secondLook(); again != nil {
		second, err := look(ctx, again, opts)
		if err != nil {
			return nil, err
		}
		if second.acceptFamily() {
			q = second
		}
	}
	q.writeStory()
	return q.report, ctx.Err()
}

// look measures the requests, asks the detectors and decides.
func look(ctx context.Context, t *traffic.Traffic, opts Options) (*inquiry, error) {
	m, err := t.Measure()
	if err != nil {
		return nil, err
	}
	q := &inquiry{opts: opts, traffic: t, measured: m,
		open: openRequests{slices.Clone(m.Cases), map[class]*inflight.Result{}, map[class][]int{}, map[class][]int{}}}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.readServices()
	q.readShortages()
	q.readMemory()
	q.readLoad()
	q.readHang()
	q.report = &finding.Report{SchemaVersion: finding.SchemaVersion, Window: finding.Window{From: t.Window.From.Std(), To: t.Window.To.Std()},
		Checks: []finding.Check{}, Suspects: []finding.Suspect{}}
	q.host.candidate, q.host.deaths = q.hostFailure()
	q.readInflight()
	if err := q.readHeap(ctx); err != nil {
		return nil, err
	}
	q.writeCrashes()
	if err := q.decide(); err != nil {
		return nil, err
	}
	q.tellUntied()
	return q, nil
}

// readServices learns which service a container is of.
func (q *inquiry) readServices() {
	q.services = map[string]string{}
	learn := func(container, service string) {
		if service != "" && q.services[container] == "" {
			q.services[container] = service
		}
	}
	for i := range q.traffic.Life.Deaths {
		learn(q.traffic.Life.Deaths[i].Container, q.traffic.Life.Deaths[i].Service)
	}
	for i := range q.traffic.Life.Lives {
		learn(q.traffic.Life.Lives[i].Container, q.traffic.Life.Lives[i].Service)
	}
}

// readMemory builds the lives with their curves and asks the memory package.
func (q *inquiry) readMemory() {
	q.memory.of = make([][]int, len(q.traffic.Life.Deaths))
	for i := range q.traffic.Life.Lives {
		l := &q.traffic.Life.Lives[i]
		m := memory.Life{Container: l.Container, Instance: l.Instance, Start: l.Start, End: l.End, Planned: l.Planned, Version: l.Version,
			Series: map[record.Metric][]memory.Point{}}
		if l.Death >= 0 {
			d := &q.traffic.Life.Deaths[l.Death]
			m.Died, m.Crash, m.Kind, m.End = true, d.ID(), d.Kind, d.Time
			q.memory.of[l.Death] = append(q.memory.of[l.Death], i)
			if d.Kind == record.CrashHeapLimit {
				m.HeapLimitBytes = d.UsedBytes
			}
			if d.Kind == record.CrashOOMKill || d.Kind == record.CrashOther {
				m.LimitBytes = d.LimitBytes
			}
		}
		from, to := l.Start, l.End
		if from == 0 {
			from = q.traffic.Window.From
		}
		for _, metric := range traffic.MemoryMetrics {
			if pts := q.traffic.PointsOf(l.Container, metric, from, to); len(pts) > 0 {
				m.Series[metric] = pts
			}
		}
		if m.LimitBytes == 0 {
			if pts := q.traffic.PointsOf(l.Container, record.MemoryLimit, from, to); len(pts) > 0 {
				m.LimitBytes = int64(pts[len(pts)-1].V)
			} else {
				m.LimitBytes = q.opts.LimitBytes
			}
		}
		if m.HeapLimitBytes == 0 {
			if pts := q.traffic.PointsOf(l.Container, record.HeapLimit, from, to); len(pts) > 0 {
				m.HeapLimitBytes = int64(pts[len(pts)-1].V)
			}
		}
		q.memory.lives = append(q.memory.lives, m)
	}
	// A heap limit that one death tells is that of the other lives, too: it is a setting of the runtime.
	var heapLimit int64
	for i := range q.memory.lives {
		heapLimit = max(heapLimit, q.memory.lives[i].HeapLimitBytes)
	}
	for i := range q.memory.lives {
		if q.memory.lives[i].HeapLimitBytes == 0 {
			q.memory.lives[i].HeapLimitBytes = heapLimit
		}
	}
	ex := q.measured.Exposure()
	opts := memory.Options{Load: ex.Load()}
	q.memory.curves = memory.Curves(q.memory.lives, opts)
	var jobs []memory.Job
	for i := range q.traffic.Evidence.Jobs {
		j := &q.traffic.Evidence.Jobs[i]
		jobs = append(jobs, memory.Job{Name: j.Name, Container: j.Container, Start: j.Start, End: j.End})
	}
	q.memory.growth = memory.Attribute(q.memory.lives, ex, jobs, opts)
	q.memory.begun = map[int]float64{}
	for d := range q.traffic.Life.Deaths {
		if x := &q.traffic.Life.Deaths[d]; x.Uptime > 0 && q.memory.growth.Endpoint != "" {
			at := q.traffic.Deaths.At[d]
			q.memory.begun[d] = ex.Count(q.memory.growth.Endpoint, x.Container, at.Add(-x.Uptime), at)
		}
	}
	if q.traffic.Sampled.Fraction > 0 && !q.traffic.Sampled.Counted {
		// Most requests were not seen: what they keep cannot be told from what time adds.
		g := &q.memory.growth
		g.Endpoint, g.Grade = "", lower(g.Grade, finding.Possible)
		if g.Gate.Open {
			g.Cause = finding.Undetermined
			g.Explanation = fmt.Sprintf("memory grows, and only %s of the requests were fetched, without counts for the rest: nothing can be said of whose they are", percent(q.traffic.Sampled.Fraction))
		}
	}
}

// readLoad ranks the load just before each death among all stretches of the same length, over the whole fleet: a fleet dies of
// too much load when it has the most to do.
func (q *inquiry) readLoad() {
	fleet := q.measured.Load.Steps
	n := len(fleet)
	q.load = make([]float64, len(q.traffic.Life.Deaths))
	logged := q.measured.Load.Logged
	known := make([]float64, 0, n)
	for k, v := range fleet {
		if logged[k] {
			known = append(known, v)
		}
	}
	slices.Sort(known)
	for d := range q.traffic.Life.Deaths {
		i := int(q.traffic.Deaths.At[d].Sub(q.traffic.Window.From)/traffic.LoadStep) - 1
		if q.measured.Counts.Total == 0 || q.traffic.Sampled.Fraction > 0 || i < 0 || i >= n || !logged[i] {
			q.load[d] = math.NaN()
			continue
		}
		below := sort.SearchFloat64s(known, fleet[i])
		upTo := sort.Search(len(known), func(k int) bool { return known[k] > fleet[i] })
		q.load[d] = float64(below+upTo) / 2 / float64(len(known))
	}
}

// loadRival is the e-value of "the load did it" over some deaths: density 8u^7 of the rank, one factor per chain.
func (q *inquiry) loadRival(deaths []int) float64 {
	e := 1.0
	last := -1
	for _, d := range deaths {
		if math.IsNaN(q.load[d]) || q.open.cases[d].Chain == last {
			continue // deaths of one chain share their load
		}
		last = q.open.cases[d].Chain
		e *= 8 * math.Pow(q.load[d], 7)
	}
	return e
}

const (
	// maxPerStory: of a story with more deaths the first are weighed. Those that follow come with the load and the retries of what died
	// before, so they are no independent evidence, whoever is open at them; but for those that began anew.
	maxPerStory = 8
	// maxAnew bounds the further deaths of a story that are asked whether they began anew.
	maxAnew = 16
	// anewAfter: the slow-down of a death that begins anew is so much later than the death before, and its container worked at its
	// usual pace just before it, as probable as anewUsual.
	anewAfter = time.Minute
	anewUsual = 0.9
)

// readInflight evaluates the open-at-onset evidence per class of death.
func (q *inquiry) readInflight() {
	stories := map[[2]int]int{}
	for d := range q.traffic.Life.Deaths {
		c := classOf(&q.traffic.Life.Deaths[d])
		main, along := q.diedWith(d)
		if along {
			c = classOf(&q.traffic.Life.Deaths[main])
		}
		switch k := [2]int{int(c), q.open.cases[d].Chain}; {
		case c == lost || slices.Contains(q.host.deaths, d):
		case along || stories[k] >= maxPerStory:
			q.open.later[c] = append(q.open.later[c], d)
		default:
			stories[k]++
			q.open.deaths[c] = append(q.open.deaths[c], d)
		}
		q.brackets(d)
	}
	if len(q.measured.Base.Open) > 0 {
		for c := range q.open.later {
			q.beganAnew(c)
		}
	}
	q.untied = q.traffic.Untied()
	for c, deaths := range q.open.deaths {
		if len(q.untied.Dead) > 0 {
			continue // whose requests those are is not known
		}
		// Where many finished requests have no path, the endpoints of the others seem never to be open at a quiet moment.
		if len(q.measured.Base.Open) <= 1 || q.traffic.Evidence.Left.Paths*10 > q.measured.Counts.Total {
			continue
		}
		cases := make([]inflight.Case, len(deaths))
		sudden := c == byFault && !q.mayBeFull(deaths)
		for i, d := range deaths {
			cases[i] = q.open.cases[d]
			cases[i].Sudden = sudden
		}
		q.open.results[c] = inflight.Evaluate(q.measured.Base, cases)
	}
}

// beganAnew moves deaths of a class that follow in a story, but not from it, to those that are weighed.
func (q *inquiry) beganAnew(c class) {
	asked := map[int]int{} // by chain
	var may []int
	var cases []inflight.Case
	for _, d := range q.open.later[c] {
		if _, along := q.diedWith(d); along {
			continue // its pod went
		}
		if x := q.open.cases[d]; x.Time.Sub(q.open.cases[d-1].Time) >= anewAfter && asked[x.Chain] < maxAnew {
			asked[x.Chain]++
			may, cases = append(may, d), append(cases, x)
		}
	}
	for i, b := range inflight.Begins(q.measured.Base, cases) {
		d := may[i]
		if since := cases[i].Time.Sub(q.open.cases[d-1].Time).Seconds() - b.Onset; since >= anewAfter.Seconds() && b.Usual >= anewUsual {
			q.open.deaths[c] = append(q.open.deaths[c], d)
			q.open.later[c] = slices.DeleteFunc(q.open.later[c], func(x int) bool { return x == d })
		}
	}
	slices.Sort(q.open.deaths[c])
}

// brackets looks in the memory curve for the last normal reading before a death and the first one above normal.
func (q *inquiry) brackets(d int) {
	death := &q.traffic.Life.Deaths[d]
	of := q.memory.of[d]
	if len(of) == 0 {
		return
	}
	l := &q.memory.lives[of[len(of)-1]]
	metric := record.RSS
	if death.Kind == record.CrashHeapLimit {
		metric = record.HeapUsed
	}
	pts := l.Series[metric]
	if len(pts) < 8 {
		return
	}
	at := q.traffic.Deaths.At[d]
	var before []float64
	for _, p := range pts {
		if at.Sub(p.T) > 5*time.Minute && (l.Start == 0 || p.T.Sub(l.Start) > time.Minute) {
			before = append(before, p.V)
		}
	}
	if len(before) < 6 {
		return
	}
	sort.Float64s(before)
	lo, hi := before[len(before)/10], before[len(before)*9/10]
	limit := float64(l.LimitBytes)
	if metric == record.HeapUsed && l.HeapLimitBytes > 0 {
		limit = float64(l.HeapLimitBytes)
	}
	threshold := hi + max(0.5*(hi-lo), 0.1*max(limit-hi, 0), 0.05*hi)
	c := &q.open.cases[d]
	for _, p := range pts {
		if p.T > at || at.Sub(p.T) > inflight.Lookback {
			continue
		}
		if p.V <= threshold {
			c.NormalAt, c.Elevated = p.T, 0
		} else if c.Elevated == 0 {
			c.Elevated = p.T
		}
	}
}

// readHang looks for a constant duration among the slow calls.
func (q *inquiry) readHang() {
	calls := make([]hang.Call, len(q.measured.Slow))
	for i, s := range q.measured.Slow {
		calls[i] = hang.Call{Endpoint: int(s.Endpoint), Container: int(s.Container), Start: s.Start, Duration: s.Duration, Ref: i}
	}
	share := make([]float64, len(q.measured.Counts.PerEndpoint))
	for e, n := range q.measured.Counts.PerEndpoint {
		share[e] = float64(n) / float64(max(q.measured.Counts.Total, 1))
	}
	secs := q.traffic.Window.To.Sub(q.traffic.Window.From).Seconds()
	if secs <= 0 {
		return
	}
	q.hang = hang.Constant(calls, share, float64(q.measured.Counts.Total)/secs, q.traffic.Window.From, q.traffic.Window.To)
}

// readHeap asks the heap package.
func (q *inquiry) readHeap(ctx context.Context) error {
	if len(q.traffic.Evidence.Profiles) == 0 {
		return nil
	}
	o := heap.Options{}
	for d := range q.traffic.Life.Deaths {
		x := &q.traffic.Life.Deaths[d]
		o.Deaths = append(o.Deaths, heap.Death{Container: x.Container, Instance: x.Instance, Time: x.Time, ID: x.ID()})
	}
	for e := 1; e < len(q.traffic.Endpoints.Names); e++ {
		if q.measured.Counts.PerEndpoint[e] > 0 {
			o.Endpoints = append(o.Endpoints, q.traffic.Endpoints.Names[e])
		}
	}
	r, err := heap.Analyze(ctx, q.traffic.Evidence.Profiles, o)
	if err != nil {
		return fmt.Errorf("heap profiles: %w", err)
	}
	q.heap = r
	return nil
}
