package scenario

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// step is the resolution, in seconds, at which containers change speed; requests are placed exactly within a step.
const step = 1.0

// world is one run of a scenario.
type world struct {
	cfg *config
	eps []epSpec
	rng *rand.Rand

	now      float64
	lives    []*life
	slots    []*slot
	events   events
	seq      int
	cum      []float64 // cumulative shares of the endpoints, for drawing
	mixes    []float64 // wandering logarithm of each endpoint's share
	burstLog float64   // wandering logarithm of all traffic
	budget   float64   // expected arrivals until the next
	rr       int
	surge    float64
	dbSlow   float64
	fallTill float64
	version  string
	path     []byte
	queue    []arrival

	hang      *act
	hangUntil float64

	acts   []actState
	trace  trace
	deaths []Death
	total  int
	rate   float64        // traffic now, for the fleet
	open   float64        // when traffic begins: once the fleet is up
	killed map[string]int // deaths by culprit
}

// actState is what an act remembers.
type actState struct {
	*act
	done  int
	onset float64 // share of the ramp after which the container slows down
	ended float64 // when the last of it ended
}

// slot is a place in the fleet, in which lives follow each other.
type slot struct {
	service string
	n       int
	http    bool
	life    *life
	crashes []float64
	host    string
	gone    bool // scaled away, or on a host that failed
}

// life is one life of a container.
type life struct {
	slot               *slot
	onHost             string
	name, app          string // as the router and platform have it, and as the application does
	id, pid            string
	version            string
	start, up, end     float64
	routed, hung, over bool

	v, rate   float64 // virtual time of the requests, and how fast it runs
	inflight  []*req  // heap by vf
	killers   []*killer
	served    float64
	ticks     float64 // since when memory was last computed
	infMem    float64
	leakHeap  float64
	leakExt   float64
	leakNat   float64
	jobHeap   float64
	pressure  []*pressure
	wander    float64
	live      float64
	committed float64
	rss       float64
	deathAt   float64
	deathKind record.CrashKind
	fails     int
	nextCheck float64
	blocked   float64 // since when the event loop stands still; 0: it runs
	resumed   float64
	arrived   float64 // arrivals lately, decaying
	grown     map[int]float64

	samples []int // of this life among the trace's runtime samples not yet safe from silence
	roll    rollup
}

type pressure struct {
	act      *actState
	progress float64
}

// req is one request in flight.
type req struct {
	arr, app0 float64
	vf        float64
	ep        int32
	status    int16
	user      uint32
	id        uint64
	path      string
	k         *killer
	tries     int
	gaveUp    bool
	left      bool
	started   bool
	dep       bool
}

// killer is a request of a burst, stall or poison act at work.
type killer struct {
	act      *actState
	hop      int
	req      *req
	progress float64
	dies     float64 // poison: when the process dies of it
	finished bool    // answered, its memory stays
	retried  bool
}

// arrival is a request about to reach the router.
type arrival struct {
	t     float64
	ep    int32
	user  uint32
	path  string
	act   *actState
	hop   int
	tries int
	probe int8 // 1 uptime probe, 2 scanner
	long  float64
}

// event is something that happens at an instant.
type event struct {
	t   float64
	seq int
	do  func()
	a   *arrival
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].t < e[j].t || e[i].t == e[j].t && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

func (w *world) at(t float64, do func()) {
	w.seq++
	heap.Push(&w.events, event{t: t, seq: w.seq, do: do})
}

func (w *world) arrive(a arrival) {
	w.seq++
	heap.Push(&w.events, event{t: a.t, seq: w.seq, a: &a})
}

// newWorld sets the stage.
func newWorld(cfg *config) *world {
	w := &world{
		cfg: cfg, eps: cfg.prepare(), rng: rand.New(rand.NewPCG(cfg.seed, 7)), surge: 1, dbSlow: 1,
		version: cfg.version, killed: map[string]int{},
	}
	w.cum = make([]float64, len(w.eps))
	w.mixes = make([]float64, len(w.eps))
	for i := range w.mixes {
		w.mixes[i] = cfg.mix * w.rng.NormFloat64()
	}
	w.burstLog = cfg.bursty * w.rng.NormFloat64()
	w.remix()
	w.budget = w.rng.ExpFloat64()
	w.acts = make([]actState, len(cfg.acts))
	for i := range cfg.acts {
		w.acts[i] = actState{act: &cfg.acts[i], onset: 0.4 * w.rng.Float64(), ended: math.Inf(-1)}
	}
	add := func(service string, n int, http bool) {
		for i := 1; i <= n; i++ {
			s := &slot{service: service, n: i, http: http}
			if cfg.hosts > 0 {
				s.host = "host-" + strconv.Itoa(1+len(w.slots)%cfg.hosts)
			}
			w.slots = append(w.slots, s)
		}
	}
	add(cfg.service, cfg.containers, true)
	for _, o := range cfg.others {
		add(o.name, o.n, false)
	}
	for i, s := range w.slots {
		if cfg.age > 0 {
			w.bear(s, -cfg.age*(0.6+0.6*w.rng.Float64()), 0)
		} else {
			c := w.bear(s, float64(i/2)*0.4*cfg.boot+0.2*w.rng.Float64(), cfg.boot*lognormal(w.rng, 0, 0.4))
			w.open = max(w.open, c.up+1)
		}
	}
	for i := range w.acts {
		w.schedule(&w.acts[i])
	}
	if cfg.probe > 0 {
		w.probe(w.open + cfg.probe*w.rng.Float64())
	}
	return w
}

// probe sends the uptime probe of instant t, and plans the next.
func (w *world) probe(t float64) {
	w.arrive(arrival{t: t, ep: -1, user: 7, path: "/", probe: 1})
	if next := t + w.cfg.probe; next < w.cfg.duration {
		w.at(next, func() { w.probe(next) })
	}
}

// bear begins a new life in a slot at instant t; boot is how long until it serves.
func (w *world) bear(s *slot, t, boot float64) *life {
	c := &life{
		slot: s, start: t, up: t + boot, end: math.Inf(1), rate: 1, deathAt: math.Inf(1), version: w.version,
		nextCheck: t + boot + w.cfg.health.every*w.rng.Float64(),
	}
	x, y := w.rng.Uint64(), w.rng.Uint64()
	c.id = fmt.Sprintf("%012x", x>>16)
	c.pid = strconv.Itoa(10000 + int(y%50000))
	switch w.cfg.naming {
	case "heroku":
		c.name = s.service + "." + strconv.Itoa(s.n)
		c.app = c.name
	case "pods":
		const letters = "bcdfghjklmnpqrstvwxz2456789"
		tail := make([]byte, 5)
		for i := range tail {
			tail[i] = letters[y>>(8*i)%uint64(len(letters))]
		}
		c.name = s.service + "-" + fmt.Sprintf("%09x", x&0xfffffffff) + "-" + string(tail)
		c.app = c.name
	case "mixed":
		c.name = s.service + "." + strconv.Itoa(s.n)
		c.app = s.service + "-" + strconv.Itoa(s.n)
	default:
		c.name = s.service + "-" + strconv.Itoa(s.n)
		c.app = c.name
	}
	c.onHost = s.host
	s.life = c
	w.lives = append(w.lives, c)
	c.ticks = math.Max(t, 0)
	c.committed = 0.8 * w.cfg.base
	if boot > 0 {
		w.platform(platLine{t: t, life: c, kind: record.Starting, text: "Starting container " + c.name})
		w.at(c.up, func() { w.rise(c) })
		return c
	}
	// It has lived before the window: what it would have kept by now.
	c.routed = s.http
	perSecond := w.cfg.rate / float64(w.cfg.containers) * -t
	c.served = perSecond
	for i := range w.acts {
		a := &w.acts[i]
		switch {
		case a.kind == "leak" && s.http && (len(a.at) == 0 || a.at[0] <= 0):
			c.keep(a, perSecond*w.eps[a.ep].share*a.size)
		case a.kind == "drift" && (len(a.at) == 0 || a.at[0] <= 0):
			c.jobHeap += a.size * -t / 3600
		case a.kind == "job" && (len(a.at) == 0 || a.at[0] <= 0):
			c.jobHeap += a.size * math.Floor(-t/a.every)
		}
	}
	w.memory(c, 0)
	return c
}

func (c *life) keep(a *actState, size float64) {
	switch {
	case a.external:
		c.leakExt += size
	case a.native:
		c.leakNat += size
	default:
		c.leakHeap += size
	}
	if c.grown == nil {
		c.grown = map[int]float64{}
	}
	c.grown[a.ep] += size
}

// rise makes a life that has booted serve.
func (w *world) rise(c *life) {
	if c.over {
		return
	}
	c.routed = c.slot.http
	w.platform(platLine{t: c.up, life: c, kind: record.Up, text: fmt.Sprintf("Container %s is up, booted in %.1fs", c.name, c.up-c.start)})
}

// run lets the world happen.
func (w *world) run() {
	for t := 0.0; t < w.cfg.duration; t += step {
		end := math.Min(t+step, w.cfg.duration)
		w.now = t
		if int(t)%30 == 0 {
			w.wanderTraffic()
		}
		w.queue = w.queue[:0]
		for len(w.events) > 0 && w.events[0].t < end {
			e := heap.Pop(&w.events).(event)
			if e.do != nil {
				e.do()
			} else {
				e.a.t = math.Max(e.a.t, t)
				w.queue = append(w.queue, *e.a)
			}
		}
		w.traffic(t, end)
		slices.SortStableFunc(w.queue, func(a, b arrival) int {
			switch {
			case a.t < b.t:
				return -1
			case a.t > b.t:
				return 1
			}
			return 0
		})
		for i := range w.queue {
			w.route(&w.queue[i])
		}
		for _, s := range w.slots {
			if c := s.life; c != nil && !c.over && c.up <= t {
				w.stepLife(c, t, end)
			}
		}
		w.sample(t, end)
	}
	w.finishSamples()
}

// wanderTraffic lets traffic and its mix wander: an autoregressive walk with a memory of a quarter of an hour.
func (w *world) wanderTraffic() {
	const keep, fresh = 0.967, 0.255 // fresh² = 1 - keep²
	w.burstLog = keep*w.burstLog + fresh*w.cfg.bursty*w.rng.NormFloat64()
	for i := range w.mixes {
		w.mixes[i] = keep*w.mixes[i] + fresh*w.cfg.mix*w.rng.NormFloat64()
	}
	w.remix()
}

func (w *world) remix() {
	sum := 0.0
	for i := range w.eps {
		sum += w.eps[i].share * math.Exp(w.mixes[i])
		w.cum[i] = sum
	}
}

// traffic adds the arrivals of ordinary requests in [t, end).
func (w *world) traffic(t, end float64) {
	cfg := w.cfg
	rate := cfg.rate * math.Exp(w.burstLog-cfg.bursty*cfg.bursty/2) * w.surge
	if cfg.diurnal > 0 {
		hour := float64(cfg.start.Hour()) + float64(cfg.start.Minute())/60 + t/3600
		rate *= 1 + cfg.diurnal*math.Sin(2*math.Pi*(hour-9)/24)
	}
	w.rate = rate
	if t < w.open || rate <= 0 || len(w.cum) == 0 || w.cum[len(w.cum)-1] == 0 {
		return
	}
	for at := t; ; {
		left := (end - at) * rate
		if w.budget > left {
			w.budget -= left
			return
		}
		at += w.budget / rate
		w.budget = w.rng.ExpFloat64()
		a := arrival{t: at}
		u := w.rng.Float64()
		a.user = uint32(float64(cfg.users) * u * u)
		if w.rng.Float64() < cfg.scanners {
			a.ep, a.probe, a.user = -1, 2, 1<<20+uint32(w.rng.IntN(50))
			a.path = scanned[w.rng.IntN(len(scanned))]
		} else {
			x := w.rng.Float64() * w.cum[len(w.cum)-1]
			i, _ := slices.BinarySearch(w.cum, x)
			a.ep = int32(min(i, len(w.cum)-1))
		}
		w.queue = append(w.queue, a)
	}
}

var scanned = []string{"/wp-login.php", "/.env", "/robots.txt", "/favicon.ico", "/.git/config", "/api/v1/pods", "/phpmyadmin/index.php"}

// route gives a request to a container.
func (w *world) route(a *arrival) {
	w.total++
	if a.ep >= 0 {
		if a.path == "" {
			w.path = makePath(w.rng, w.path, &w.eps[a.ep])
			a.path = string(w.path)
		}
		if a.act == nil && a.probe == 0 && a.tries == 0 {
			w.turn(a)
		}
	}
	c := w.pick(a)
	id := w.rng.Uint64()
	if c == nil {
		w.trace.router = append(w.trace.router, reqLine{
			start: a.t, end: a.t + 0.002, ep: a.ep, path: a.path, user: a.user, id: id, status: 503, outcome: record.Refused,
		})
		w.retry(a, a.t+0.002)
		return
	}
	r := &req{
		arr: a.t, app0: a.t + 0.001 + 0.004*w.rng.Float64(), ep: a.ep, user: a.user, id: id, path: a.path, tries: a.tries, status: 200,
	}
	work := 0.01 + 0.05*w.rng.Float64()
	switch {
	case a.probe == 2:
		r.status = 404
	case a.probe == 1:
	default:
		e := &w.eps[a.ep]
		work = e.latency * lognormal(w.rng, 0, e.sigma)
		if w.rng.Float64() < e.tail {
			work *= 3 + 8*w.rng.ExpFloat64()
		}
		if a.long > 0 {
			work = a.long * lognormal(w.rng, 0, 0.15)
		}
		switch x := w.rng.Float64(); {
		case x < 0.001:
			r.status = 404
		case x < 0.0015:
			r.status = 500
		case e.method == "POST":
			r.status = 201
		}
		c.infMem += e.memory
		if w.hang != nil && e.dep && w.rng.Float64() < w.hang.share {
			// The dependency does not answer: the caller's own timeout ends it, then another instance answers, or none.
			work += w.hang.timeout * (1 + 0.01*math.Abs(w.rng.NormFloat64()))
			r.dep = true
			if w.rng.Float64() < 0.3 {
				r.status = 500
			}
		} else if e.dep && w.dbSlow > 1 {
			work *= w.dbSlow * lognormal(w.rng, 0, 0.5)
		}
	}
	r.vf = c.v + (r.app0-w.now)*c.rate + work
	if c.rate < 1e-9 {
		r.vf = c.v + work
	}
	c.arrived++
	if a.act != nil {
		r.k = &killer{act: a.act, hop: a.hop, req: r}
		switch a.act.kind {
		case "burst", "stall":
			r.vf = math.Inf(1)
			c.killers = append(c.killers, r.k)
			c.ticks = math.Min(c.ticks, w.now)
		case "poison":
			r.vf = math.Inf(1)
			r.k.dies = r.app0 + a.act.ramp*(0.5+w.rng.Float64())
			c.killers = append(c.killers, r.k)
		}
	}
	if w.cfg.logs.started && c.rate > 0.02 && !c.hung {
		r.started = true
		w.trace.app = append(w.trace.app, reqLine{
			start: r.app0, end: r.app0, ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, phase: record.Started,
		})
	}
	c.push(r)
}

// turn makes a killer of an ordinary request, by the chance of the acts of its endpoint.
func (w *world) turn(a *arrival) {
	for i := range w.acts {
		s := &w.acts[i]
		if s.ep != int(a.ep) || s.chance == 0 || len(s.at) > 0 && a.t < s.at[0] || s.times > 0 && s.done >= s.times || a.t > s.until {
			continue
		}
		if w.rng.Float64() < s.chance {
			s.done++
			a.act, a.hop = s, 1
			return
		}
	}
}

// pick chooses the container that serves a request; nil when none is up.
func (w *world) pick(a *arrival) *life {
	var up []*life
	var few [16]*life
	up = few[:0]
	for _, s := range w.slots {
		if c := s.life; c != nil && c.routed && !c.over && c.up <= w.now && (a.t < c.deathAt || w.rng.Float64() < 0.3) {
			up = append(up, c)
		}
	}
	if len(up) == 0 {
		return nil
	}
	switch w.cfg.routing {
	case "roundrobin":
		w.rr++
		return up[w.rr%len(up)]
	case "leastconn":
		x, y := up[w.rng.IntN(len(up))], up[w.rng.IntN(len(up))]
		if len(y.inflight) < len(x.inflight) {
			x = y
		}
		return x
	}
	return up[w.rng.IntN(len(up))]
}

// push and pop keep the requests of a life as a heap by virtual end.
func (c *life) push(r *req) {
	c.inflight = append(c.inflight, r)
	i := len(c.inflight) - 1
	for i > 0 {
		p := (i - 1) / 2
		if c.inflight[p].vf <= c.inflight[i].vf {
			break
		}
		c.inflight[p], c.inflight[i] = c.inflight[i], c.inflight[p]
		i = p
	}
}

func (c *life) down(i int) {
	for n := len(c.inflight); ; {
		l := 2*i + 1
		if l >= n {
			return
		}
		if l+1 < n && c.inflight[l+1].vf < c.inflight[l].vf {
			l++
		}
		if c.inflight[i].vf <= c.inflight[l].vf {
			return
		}
		c.inflight[i], c.inflight[l] = c.inflight[l], c.inflight[i]
		i = l
	}
}

func (c *life) pop() *req {
	r := c.inflight[0]
	n := len(c.inflight) - 1
	c.inflight[0] = c.inflight[n]
	c.inflight[n] = nil
	c.inflight = c.inflight[:n]
	c.down(0)
	return r
}

// remove takes r out of the heap.
func (c *life) remove(r *req) {
	for i, x := range c.inflight {
		if x == r {
			n := len(c.inflight) - 1
			c.inflight[i] = c.inflight[n]
			c.inflight[n] = nil
			c.inflight = c.inflight[:n]
			slices.SortFunc(c.inflight, func(a, b *req) int {
				switch {
				case a.vf < b.vf:
					return -1
				case a.vf > b.vf:
					return 1
				}
				return 0
			})
			return
		}
	}
}

// advance lets the requests of c work from instant t to instant end and ends those that are done.
func (w *world) advance(c *life, t, end float64) {
	if end <= t {
		return
	}
	v1 := c.v + (end-t)*c.rate
	for len(c.inflight) > 0 && c.inflight[0].vf <= v1 {
		r := c.pop()
		at := end
		if c.rate > 0 {
			at = t + (r.vf-c.v)/c.rate
		}
		w.complete(c, r, math.Max(at, r.app0+0.0005))
	}
	c.v = v1
}

// stepLife lets one container live from t to end.
func (w *world) stepLife(c *life, t, end float64) {
	stop := math.Min(end, c.deathAt)
	from := t
	if w.cfg.health.every > 0 && c.nextCheck < stop && c.slot.http {
		w.check(c)
		if c.over {
			return
		}
		stop = math.Min(end, c.deathAt)
	}
	for _, k := range c.killers {
		if k.act.kind == "poison" && k.dies < stop {
			stop = math.Max(t, k.dies)
			c.deathAt = stop
		}
	}
	w.advance(c, from, stop)
	w.work(c, stop-from, stop)
	if len(c.inflight) > 0 {
		w.giveUp(c, stop)
	}
	if c.deathAt < end {
		w.killAsPlanned(c)
		return
	}
	hot := len(c.killers) > 0 || len(c.pressure) > 0 || len(c.inflight) > 10 || w.cfg.heap > 0 && c.live > 0.75*w.cfg.heap || c.rss > 0.9*w.cfg.limit
	if hot || end-c.ticks >= 5 {
		w.memory(c, end)
	}
}

// killAsPlanned carries out a death that was foreseen within this step.
func (w *world) killAsPlanned(c *life) {
	for _, k := range c.killers {
		if k.act.kind == "poison" && k.dies <= c.deathAt {
			a := k.act
			kind := record.CrashException
			switch a.code {
			case 139:
				kind = record.CrashSegfault
			case 134:
				kind = record.CrashAbort
			}
			w.die(c, c.deathAt, kind, a.code, finding.RequestCrash, w.eps[a.ep].name(), a.words)
			return
		}
	}
	cause, ep := w.blame(c)
	code := 137
	if c.deathKind == record.CrashHeapLimit {
		code = 134
	}
	w.die(c, c.deathAt, c.deathKind, code, cause, ep, true)
}

// blame says what took the memory of a container that runs out of it.
func (w *world) blame(c *life) (finding.Cause, string) {
	size := w.cfg.limit
	if w.cfg.heap > 0 {
		size = math.Min(size, w.cfg.heap)
	}
	best, cause, ep := 0.12*size, finding.Capacity, ""
	for _, k := range c.killers {
		if m := k.memory(); m > best {
			best, cause, ep = m, finding.RequestBurst, w.eps[k.act.ep].name()
		}
	}
	for _, p := range c.pressure {
		if m := p.act.size * math.Min(1, p.progress); m > best {
			best, cause, ep = m, finding.Undetermined, ""
		}
	}
	for i := range w.acts {
		if m := c.grown[w.acts[i].ep]; w.acts[i].kind == "leak" && m > best {
			best, cause, ep = m, finding.RequestLeak, w.eps[w.acts[i].ep].name()
		}
	}
	if c.jobHeap > best {
		best, cause, ep = c.jobHeap, finding.BackgroundLeak, ""
	}
	return cause, ep
}

// memory of a killer's request.
func (k *killer) memory() float64 {
	if k.act.kind != "burst" {
		return 0
	}
	return k.act.size * math.Min(1, k.progress)
}

// work lets the killers of a container go on for dt and ends those that are done.
func (w *world) work(c *life, dt, end float64) {
	for i := 0; i < len(c.killers); {
		k := c.killers[i]
		done := false
		switch k.act.kind {
		case "burst":
			// It slows itself down too, but less than it slows the others: it is on the processor.
			speed := math.Min(1, 3*c.rate)
			if w.cfg.heap > 0 && c.live > 0.8*w.cfg.heap {
				speed = 1 / (1 + w.cfg.thrash*math.Pow(math.Min(1, (c.live/w.cfg.heap-0.8)/0.2), 2))
			}
			k.progress += dt / k.act.ramp * speed
			if k.act.release && !k.finished && k.progress > 0.6 {
				k.finished = true
				c.remove(k.req)
				w.complete(c, k.req, end)
			}
			done = k.progress >= 1.05
		case "stall":
			k.progress += dt
			done = k.progress >= k.act.length
		case "poison":
			i++
			continue
		}
		if !done {
			i++
			continue
		}
		if !k.finished {
			c.remove(k.req)
			w.complete(c, k.req, end)
		}
		c.killers = slices.Delete(c.killers, i, i+1)
	}
	for i := 0; i < len(c.pressure); {
		p := c.pressure[i]
		p.progress += dt / p.act.ramp
		if p.progress > 1.5 {
			c.pressure = slices.Delete(c.pressure, i, i+1)
			continue
		}
		i++
	}
	w.speed(c, end)
}

// speed sets how fast the requests of a container go on.
func (w *world) speed(c *life, now float64) {
	slow := 1.0
	if w.cfg.heap > 0 && c.live > 0.8*w.cfg.heap {
		x := math.Min(1, (c.live/w.cfg.heap-0.8)/0.2)
		slow += w.cfg.thrash * x * x
	}
	for _, k := range c.killers {
		if k.act.kind == "burst" && k.progress > k.act.onset {
			slow *= math.Max(1, k.act.slow)
		}
	}
	for _, p := range c.pressure {
		slow *= math.Max(1, p.act.slow)
	}
	if now < w.fallTill && w.cfg.falloutSlow > 1 {
		slow *= w.cfg.falloutSlow
	}
	if n := float64(len(c.inflight)); w.cfg.slots > 0 && n > w.cfg.slots {
		slow *= n / w.cfg.slots
	}
	c.rate = 1 / slow
	blocked := c.hung
	for _, k := range c.killers {
		blocked = blocked || k.act.kind == "stall"
	}
	if blocked {
		c.rate = 0
	}
	switch {
	case c.rate < 0.02 && c.blocked == 0:
		c.blocked = now
	case c.rate >= 0.02 && c.blocked != 0:
		c.blocked, c.resumed = 0, now
	}
}

// memory computes the memory of a container at instant t and foresees its death when a limit is passed.
func (w *world) memory(c *life, t float64) {
	cfg := w.cfg
	dt := math.Max(0, t-c.ticks)
	c.ticks = t
	if dt > 0 && cfg.wander > 0 {
		const tau = 1500.0
		c.wander += -c.wander*math.Min(1, dt/tau) + cfg.wander*math.Sqrt(2*dt/tau)*w.rng.NormFloat64()
	}
	c.arrived *= math.Exp(-dt / 20)
	age := math.Max(0, t-c.up)
	live := cfg.base + c.wander + c.infMem + c.leakHeap + c.jobHeap
	if cfg.warmSize > 0 {
		live += cfg.warmSize * (1 - math.Exp(-age/math.Max(1, cfg.warmTau)))
	}
	if cfg.cacheSize > 0 {
		live += cfg.cacheSize * (1 - math.Exp(-c.served/math.Max(1, cfg.cacheReqs)))
	}
	if cfg.perRate > 0 {
		live += cfg.perRate * w.rate / float64(max(1, w.upCount()))
	}
	for _, k := range c.killers {
		live += k.memory()
	}
	for i := range w.acts {
		if a := &w.acts[i]; a.kind == "drift" && (len(a.at) == 0 || t > a.at[0]) && dt > 0 {
			c.jobHeap += a.size * dt / 3600
		}
	}
	for _, p := range c.pressure {
		live += p.act.size * math.Min(1, p.progress)
	}
	c.live = live
	target := live + cfg.young
	switch {
	case target > c.committed:
		c.committed = target
	case cfg.release > 0:
		c.committed += (target - c.committed) * math.Min(1, dt/cfg.release)
	}
	c.rss = cfg.native + 1.03*c.committed + c.leakExt + c.leakNat
	if c.over || t <= 0 || t < c.up || !math.IsInf(c.deathAt, 1) {
		return
	}
	switch {
	case cfg.heap > 0 && cfg.runtime == "node" && live > cfg.heap:
		c.deathAt, c.deathKind = t+step*w.rng.Float64(), record.CrashHeapLimit
	case c.rss > cfg.limit:
		c.deathAt, c.deathKind = t+step*w.rng.Float64(), record.CrashOOMKill
	}
}

func (w *world) upCount() int {
	n := 0
	for _, s := range w.slots {
		if s.http && s.life != nil && !s.life.over && s.life.up <= w.now {
			n++
		}
	}
	return n
}

// complete ends a request that the process answered at instant t.
func (w *world) complete(c *life, r *req, t float64) {
	c.served++
	if r.ep >= 0 {
		c.infMem -= w.eps[r.ep].memory
		w.leak(c, r, t)
	}
	if !r.started && w.cfg.logs.started {
		// The loop stood still as it came: the line is written when the loop runs again.
		w.trace.app = append(w.trace.app, reqLine{
			start: math.Min(t, math.Max(r.app0, c.resumed)), ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, phase: record.Started,
		})
		l := &w.trace.app[len(w.trace.app)-1]
		l.end = l.start
	}
	abandoned := r.gaveUp || r.left
	stream := r.ep >= 0 && w.eps[r.ep].stream
	if !abandoned && !stream && t-r.arr > w.cfg.timeout {
		w.lose(c, r)
		abandoned = true
	}
	if !abandoned || w.cfg.noise.abandonedLog {
		w.trace.app = append(w.trace.app, reqLine{
			start: r.app0, end: t, ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, status: r.status, outcome: record.Answered,
		})
	}
	if !abandoned {
		w.trace.router = append(w.trace.router, reqLine{
			start: r.arr, end: t + 0.001, ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, status: r.status, outcome: record.Answered,
		})
	}
}

// leak keeps what the acts say of a request that ended.
func (w *world) leak(c *life, r *req, t float64) {
	for i := range w.acts {
		a := &w.acts[i]
		if a.kind == "leak" && a.ep == int(r.ep) && (len(a.at) == 0 || t >= a.at[0]) && t < a.until {
			c.keep(a, a.size*lognormal(w.rng, -0.08, 0.4))
		}
	}
}

// giveUp lets the router and the clients give up on requests that take too long, up to instant now.
func (w *world) giveUp(c *life, now float64) {
	for _, r := range c.inflight {
		age := now - r.arr
		if r.gaveUp || r.left || age < 8 {
			continue
		}
		if age < w.cfg.timeout && age >= 8 && age < 8+step && w.rng.Float64() < w.cfg.leave {
			r.left = true
			at := math.Max(r.arr+0.1, now-step*w.rng.Float64())
			w.trace.router = append(w.trace.router, reqLine{
				start: r.arr, end: at, ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, status: 499, outcome: record.ClientGone,
			})
			continue
		}
		if r.ep >= 0 && w.eps[r.ep].stream {
			continue
		}
		if age > w.cfg.timeout {
			w.lose(c, r)
		}
	}
}

// lose writes the router's 504 for a request that is still being worked on.
func (w *world) lose(c *life, r *req) {
	r.gaveUp = true
	at := r.arr + w.cfg.timeout + 0.001 + 0.02*w.rng.ExpFloat64()
	w.trace.router = append(w.trace.router, reqLine{
		start: r.arr, end: at, ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, status: 504, outcome: record.GaveUp,
	})
	w.failed(r, at)
}

// failed lets the client of a request that failed at instant t try again.
func (w *world) failed(r *req, t float64) {
	if k := r.k; k != nil {
		if !k.retried && k.hop < k.act.hops {
			k.retried = true
			w.arrive(arrival{
				t: t + k.act.after*(0.75+0.5*w.rng.Float64()), ep: r.ep, user: r.user, path: r.path, act: k.act, hop: k.hop + 1,
			})
		}
		return
	}
	w.retry(&arrival{ep: r.ep, user: r.user, path: r.path, tries: r.tries}, t)
}

func (w *world) retry(a *arrival, t float64) {
	if a.ep < 0 || a.tries >= 3 || w.rng.Float64() >= w.cfg.retry {
		return
	}
	b := *a
	b.t, b.tries = t+1+3*w.rng.ExpFloat64(), a.tries+1
	w.arrive(b)
}

// die ends a life at instant t.
func (w *world) die(c *life, t float64, kind record.CrashKind, code int, cause finding.Cause, ep string, words bool) {
	w.end(c, t, true)
	w.deaths = append(w.deaths, Death{
		Time: w.cfg.instant(t).Std(), Container: c.name, Instance: c.id, Kind: kind, Cause: cause, Endpoint: ep,
	})
	lag := math.Min(30, w.cfg.noise.platformLag*0.3*w.rng.ExpFloat64())
	if w.rng.IntN(4) == 0 {
		lag = w.cfg.noise.platformLag * w.rng.Float64()
	}
	lag += 0.02
	line := platLine{t: t + lag, life: c, crash: kind, exited: true, code: code, uptime: t - c.up}
	switch kind {
	case record.CrashOOMKill:
		line.signal, line.text = "SIGKILL", fmt.Sprintf("Container %s (%s) crashed, exit status 137 (out of memory)", c.name, c.id)
		used := math.Ceil(c.rss / mib)
		w.platform(platLine{
			t: t - 0.05*w.rng.Float64(), life: c, crash: record.CrashOOMKill, code: -1, used: c.rss, limit: w.cfg.limit,
			text: fmt.Sprintf("Container %s exceeds its memory limit: %.0fMB/%.0fMB, killing", c.name, used, w.cfg.limit/mib),
		})
	case record.CrashHeapLimit:
		// The platform only sees that it aborted; the process' last words say why.
		line.crash, line.signal = record.CrashAbort, "SIGABRT"
		line.text = fmt.Sprintf("Container %s (%s) crashed, exit status 134", c.name, c.id)
		w.word(platLine{
			t: t - 0.1 - 0.4*w.rng.Float64(), life: c, crash: record.CrashHeapLimit, code: -1,
			text: "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
		})
	case record.CrashHealthCheck:
		line.signal, line.text = "SIGKILL", fmt.Sprintf("Container %s (%s) crashed, exit status 137", c.name, c.id)
	default:
		line.crash = record.CrashExit
		switch code {
		case 139:
			line.crash, line.signal = record.CrashSegfault, "SIGSEGV"
		case 134:
			line.crash, line.signal = record.CrashAbort, "SIGABRT"
		case 137:
			line.crash, line.signal = record.CrashOther, "SIGKILL"
		}
		if kind == record.CrashOther {
			line.crash = record.CrashOther
		}
		line.text = fmt.Sprintf("Container %s (%s) crashed, exit status %d", c.name, c.id, code)
		if words {
			text := "Uncaught TypeError: Cannot read properties of undefined (reading 'id')"
			if kind == record.CrashSegfault {
				text = "Segmentation fault (core dumped)"
			}
			w.word(platLine{t: t - 0.02*w.rng.Float64(), life: c, crash: kind, code: -1, text: text})
		}
	}
	w.platform(line)
	s := c.slot
	for len(s.crashes) > 0 && s.crashes[0] < t-600 {
		s.crashes = s.crashes[1:]
	}
	s.crashes = append(s.crashes, t)
	delay := 4 + 0.3*w.rng.Float64()
	for i := 1; i < min(len(s.crashes), 5); i++ {
		delay *= 1.8
	}
	if !s.gone {
		w.reborn(s, t+lag+delay)
	}
	if w.cfg.fallout > 0 {
		w.fallTill = math.Max(w.fallTill, t+w.cfg.fallout*(0.5+w.rng.Float64()))
	}
}

// reborn begins the next life of a slot at instant t.
func (w *world) reborn(s *slot, t float64) {
	w.at(t, func() {
		if s.life == nil || s.life.over {
			w.bear(s, t, w.cfg.boot*lognormal(w.rng, 0, 0.4))
		}
	})
}

// end takes a life out at instant t and ends its requests: those in flight are cut, and what comes later finds nobody.
func (w *world) end(c *life, t float64, silence bool) {
	c.end, c.over, c.routed = t, true, false
	for _, r := range c.inflight {
		switch {
		case r.gaveUp || r.left:
		case r.arr > t:
			w.trace.router = append(w.trace.router, reqLine{
				start: r.arr, end: r.arr + 0.001 + 0.01*w.rng.Float64(), ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, status: 503,
				outcome: record.Refused,
			})
			w.failed(r, r.arr+0.01)
		case t-r.arr > w.cfg.timeout && !(r.ep >= 0 && w.eps[r.ep].stream):
			w.lose(c, r)
		default:
			at := math.Max(r.arr+0.001, t-0.06+0.1*w.rng.Float64())
			w.trace.router = append(w.trace.router, reqLine{
				start: r.arr, end: at, ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, status: 502, outcome: record.Cut,
			})
			w.failed(r, at)
		}
	}
	c.inflight, c.killers, c.pressure = nil, nil, nil
	if silence {
		w.silence(c, t)
	}
}

// check is a health check.
func (w *world) check(c *life) {
	h := w.cfg.health
	at := c.nextCheck
	c.nextCheck += h.every
	if c.rate >= 0.02 {
		c.fails = 0
		return
	}
	c.fails++
	w.platform(platLine{t: at + h.timeout, life: c, kind: record.HealthCheckFailed, text: fmt.Sprintf("Health check failed (%d): timeout", c.fails)})
	if c.fails < h.failures {
		return
	}
	t := at + h.timeout + 0.05*w.rng.Float64()
	w.at(t, func() {
		if c.over || c.rate >= 0.02 {
			return
		}
		cause, ep := finding.HungDependency, ""
		for _, k := range c.killers {
			cause, ep = causeOfAct(k.act.kind), w.eps[k.act.ep].name()
		}
		if !h.kill || c.hung {
			w.replace(c, t)
			return
		}
		w.advance(c, w.now, t)
		w.platform(platLine{t: t, life: c, crash: record.CrashHealthCheck, code: -1, text: "Container " + c.name + " does not answer health checks, killing"})
		w.die(c, t, record.CrashHealthCheck, 137, cause, ep, false)
	})
}

// replace is what a platform does with a container that it has lost: it goes on elsewhere.
func (w *world) replace(c *life, t float64) {
	for _, r := range c.inflight {
		if !r.gaveUp && !r.left && t-r.arr < w.cfg.timeout {
			// Nobody closes the connection of a hung machine: the router waits its time.
			r.gaveUp = true
			at := r.arr + w.cfg.timeout + 0.01*w.rng.ExpFloat64()
			w.trace.router = append(w.trace.router, reqLine{
				start: r.arr, end: at, ep: r.ep, path: r.path, user: r.user, id: r.id, life: c, status: 504, outcome: record.GaveUp,
			})
			w.failed(r, at)
		}
	}
	w.end(c, t, false)
	w.platform(platLine{t: t + 0.01, life: c, kind: record.Unreachable, text: "Container " + c.name + " unreachable, rescheduling"})
	w.reborn(c.slot, t+3+2*w.rng.Float64())
}
