package scenario

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

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
	stuck  int            // requests that waited for a hung dependency
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
	agony              bool // the heap is full, and it is about to give up

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
	load      float64 // its share of the traffic, requests a second over the last minute or so
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
}

// killer is a request of a burst, stall or poison act at work.
type killer struct {
	act                *actState
	hop                int
	req                *req
	size, ramp, length float64
	progress           float64
	dies               float64 // poison: when the process dies of it
	finished           bool    // answered, its memory stays
	retried            bool
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

func (e *events) Push(x any) { *e = append(*e, x.(event)) }

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
	// It has lived before the window: what it would have kept by now. Had that been too much, it would have died, so it is
	// younger than the text says.
	c.routed = s.http
	room := w.cfg.limit - w.cfg.native - 1.05*w.cfg.base
	if w.cfg.heap > 0 {
		room = math.Min(room, w.cfg.heap-w.cfg.base)
	}
	perSecond := 0.0
	for i := range w.acts {
		a := &w.acts[i]
		if len(a.at) > 0 && a.at[0] > 0 {
			continue
		}
		switch a.kind {
		case "leak":
			perSecond += w.cfg.rate / float64(w.cfg.containers) * w.eps[a.ep].share * a.size
		case "drift":
			perSecond += a.size / 3600
		case "job":
			perSecond += a.size / a.every
		}
	}
	past := -t
	if perSecond*past > 0.6*room {
		past = 0.6 * room / perSecond * w.rng.Float64()
		c.start, c.up = -past, -past
	}
	c.load = w.cfg.rate / float64(w.cfg.containers)
	c.served = c.load * past
	for i := range w.acts {
		a := &w.acts[i]
		if len(a.at) > 0 && a.at[0] > 0 {
			continue
		}
		switch {
		case a.kind == "leak" && s.http:
			c.keep(a, w.cfg.rate/float64(w.cfg.containers)*past*w.eps[a.ep].share*a.size)
		case a.kind == "drift":
			c.jobHeap += a.size * past / 3600
		case a.kind == "job" && s.http:
			c.jobHeap += a.size * math.Floor(past/a.every)
		}
	}
	w.memory(c, 0)
	return c
}

// rise makes a life that has booted serve.
func (w *world) rise(c *life) {
	if c.over {
		return
	}
	c.routed, c.ticks = c.slot.http, c.up
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
	// Who finds a site half dead gives up.
	if up := w.upCount(); up < w.cfg.containers {
		rate *= 0.3 + 0.7*float64(up)/float64(w.cfg.containers)
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
	if a.ep >= 0 && a.probe == 0 && a.tries == 0 {
		w.follow(a)
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
	if a.t >= c.deathAt {
		// It is dead, and the router has not noticed yet.
		w.trace.router = append(w.trace.router, reqLine{
			start: a.t, end: a.t + 0.001 + 0.01*w.rng.Float64(), ep: a.ep, path: a.path, user: a.user, id: id, life: c, status: 503,
			outcome: record.Refused,
		})
		if a.act == nil {
			w.retry(a, a.t+0.01)
		} else {
			b := *a
			b.t += a.act.after * (0.75 + 0.5*w.rng.Float64())
			w.arrive(b)
		}
		return
	}
	r := &req{
		arr: a.t, app0: a.t + 0.001 + 0.004*w.rng.Float64(), ep: a.ep, user: a.user, id: id, path: a.path, tries: a.tries, status: 200,
	}
	work := 0.01 + 0.05*w.rng.Float64()
	switch a.probe {
	case 2:
		r.status = 404
	case 1:
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
			w.stuck++
			if w.rng.Float64() < 0.3 {
				r.status = 500
			}
		} else if e.dep && w.dbSlow > 1 {
			work *= w.dbSlow * lognormal(w.rng, 0, 0.5)
			w.stuck++
		}
	}
	r.vf = c.v + (r.app0-w.now)*c.rate + work
	if c.rate < 1e-9 {
		r.vf = c.v + work
	}
	c.arrived++
	if a.act != nil {
		// No two of them are quite alike.
		r.k = &killer{
			act: a.act, hop: a.hop, req: r, size: a.act.size * (0.95 + 0.4*w.rng.Float64()), ramp: a.act.ramp * lognormal(w.rng, 0, 0.25),
			length: a.act.length * (0.9 + 0.2*w.rng.Float64()),
		}
		switch a.act.kind {
		case "burst", "stall":
			r.vf = math.Inf(1)
			c.killers = append(c.killers, r.k)
			c.ticks = math.Min(c.ticks, w.now)
		case "poison":
			r.vf = math.Inf(1)
			r.k.dies = r.app0 + a.act.ramp*(0.5+w.rng.Float64())
			c.killers = append(c.killers, r.k)
			c.deathAt = math.Min(c.deathAt, r.k.dies)
		}
	}
	if w.cfg.logs.started && c.rate > 0.02 && !c.hung && r.app0 < c.deathAt {
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

// follow lets the page that made a request make another.
func (w *world) follow(a *arrival) {
	for i := range w.acts {
		if f := &w.acts[i]; f.kind == "follow" && f.ep == int(a.ep) && w.rng.Float64() < f.chance {
			w.arrive(arrival{t: a.t + f.after*(0.5+w.rng.Float64()), ep: int32(f.other), user: a.user, tries: 1})
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

func (w *world) upCount() int {
	n := 0
	for _, s := range w.slots {
		if s.http && s.life != nil && !s.life.over && s.life.up <= w.now {
			n++
		}
	}
	return n
}
