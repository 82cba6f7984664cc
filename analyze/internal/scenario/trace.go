package scenario

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"

	"lastcall/collectors/record"
)

// trace is what was written down in a run, by whom, in true time.
type trace struct {
	router, app []reqLine
	events      []platLine
	words       []platLine
	jobs        []jobLine
	samples     []sampleLine
}

// reqLine is a line of the router (written at end) or of the application.
type reqLine struct {
	start, end float64
	ep         int32
	user       uint32
	id         uint64
	path       string
	life       *life
	status     int16
	outcome    record.Outcome
	phase      record.Phase
}

// platLine is a line of the platform, or the last words of a process.
type platLine struct {
	t, until    float64
	life        *life
	name        string
	host        string
	version     string
	kind        record.LifecycleKind // set for lifecycle events
	crash       record.CrashKind     // set for signs of death
	exited      bool
	code        int
	signal      string
	uptime      float64
	used, limit float64
	reason      string
	text        string
}

type jobLine struct {
	name       string
	start, end float64
	life       *life
}

type sampleLine struct {
	t        float64
	metric   record.Metric
	value    float64
	interval float64
	life     *life
	dropped  bool
}

func (w *world) platform(l platLine) {
	w.trace.events = append(w.trace.events, l)
}

func (w *world) word(l platLine) {
	w.trace.words = append(w.trace.words, l)
}

// rollup gathers the points of one bucket of one container.
type rollup struct {
	n                      int
	rss, heap, total, cpu  float64
	rssMax, heapMax, delay float64
	external, runtime      float64
}

// sample takes the measurements due in [t, end).
func (w *world) sample(t, end float64) {
	m := w.cfg.metrics
	if m.every <= 0 {
		return
	}
	if m.rollup == "last" {
		k := math.Ceil(t / m.every)
		if at := k * m.every; at < end && at >= t {
			for _, s := range w.slots {
				if c := s.life; c != nil && !c.over && c.up <= at {
					w.measure(c, at)
				}
			}
		}
		return
	}
	const every = 15.0
	k := math.Ceil(t / every)
	if at := k * every; at >= t && at < end {
		for _, s := range w.slots {
			if c := s.life; c != nil && !c.over && c.up <= at {
				w.gather(c, at)
			}
		}
		if b := math.Floor(at/m.every) * m.every; b == at && at > 0 {
			w.flush(at - m.every)
		}
	}
}

// heapNow is what the runtime would report as used: live, and garbage not yet collected, in a sawtooth over allocations.
func (w *world) heapNow(c *life) float64 {
	saw := math.Mod(c.served*0.37+c.arrived*0.11+w.rng.Float64()*0.5, 1)
	return c.live + w.cfg.young*(0.05+0.95*saw)
}

func (w *world) cpuNow(c *life) float64 {
	cpu := 0.01 + 0.003*c.arrived + 0.02*w.rng.Float64()
	switch {
	case c.hung:
		cpu = 0
	case c.rate < 0.9:
		cpu += (1 - c.rate) * (0.55 + 0.4*w.rng.Float64())
	}
	return math.Min(cpu, 1.2)
}

func (w *world) delayNow(c *life) float64 {
	return (0.03 + 0.15*w.rng.ExpFloat64()) / math.Max(c.rate, 0.02)
}

// measure takes one instantaneous reading.
func (w *world) measure(c *life, at float64) {
	m := w.cfg.metrics
	if c.hung {
		return
	}
	talks := c.rate >= 0.02 || at-c.blocked < 3
	add := func(metric record.Metric, v float64, fromRuntime bool) {
		if fromRuntime {
			c.samples = append(c.samples, len(w.trace.samples))
		}
		w.trace.samples = append(w.trace.samples, sampleLine{t: at, metric: metric, value: v, life: c})
	}
	if !m.self || talks {
		add(record.RSS, c.rss*(1+0.002*w.rng.NormFloat64()), m.self)
		if m.limit {
			add(record.MemoryLimit, w.cfg.limit, false)
		}
		if m.cpu {
			add(record.CPU, w.cpuNow(c), m.self)
		}
	}
	if !talks || !m.heap || w.cfg.runtime == "native" || !c.slot.http {
		return
	}
	used := w.heapNow(c)
	add(record.HeapUsed, used, true)
	add(record.HeapTotal, math.Max(used, c.committed)+2*mib, true)
	add(record.External, 3.5*mib+c.leakExt, true)
	if w.cfg.runtime == "node" {
		add(record.EventLoopDelayMax, w.delayNow(c), true)
	}
	// What could still fall silent is the last two minutes.
	if len(c.samples) > 256 {
		keep := len(c.samples) - 256
		if w.trace.samples[c.samples[keep]].t < at-120 {
			c.samples = append(c.samples[:0], c.samples[keep:]...)
		}
	}
}

// silence drops what the runtime would have reported in the last seconds before a death.
func (w *world) silence(c *life, t float64) {
	if w.cfg.noise.silence <= 0 {
		return
	}
	quiet := 1 + (w.cfg.noise.silence-1)*math.Pow(w.rng.Float64(), 1.5)
	for _, i := range c.samples {
		if w.trace.samples[i].t > t-quiet {
			w.trace.samples[i].dropped = true
		}
	}
	c.samples = nil
}

// gather adds a reading to the bucket of a container.
func (w *world) gather(c *life, at float64) {
	if c.hung {
		return
	}
	r := &c.roll
	r.n++
	r.rss += c.rss
	r.rssMax = math.Max(r.rssMax, c.rss)
	r.cpu += w.cpuNow(c)
	if c.rate >= 0.02 {
		h := w.heapNow(c)
		r.runtime++
		r.heap += h
		r.heapMax = math.Max(r.heapMax, h)
		r.total += math.Max(h, c.committed) + 2*mib
		r.external += 3.5*mib + c.leakExt
		r.delay = math.Max(r.delay, w.delayNow(c))
	}
}

// flush writes the buckets that began at instant from; lives of one container that share a bucket share its points.
func (w *world) flush(from float64) {
	m := w.cfg.metrics
	sum := map[string]*rollup{}
	var names []string
	who := map[string]*life{}
	for _, c := range slices.Backward(w.lives) {
		if c.roll.n == 0 {
			continue
		}
		r := sum[c.name]
		if r == nil {
			r = &rollup{}
			sum[c.name], who[c.name] = r, c
			names = append(names, c.name)
		}
		r.n += c.roll.n
		r.rss += c.roll.rss
		r.cpu += c.roll.cpu
		r.heap += c.roll.heap
		r.total += c.roll.total
		r.external += c.roll.external
		r.runtime += c.roll.runtime
		r.rssMax, r.heapMax = math.Max(r.rssMax, c.roll.rssMax), math.Max(r.heapMax, c.roll.heapMax)
		r.delay = math.Max(r.delay, c.roll.delay)
		c.roll = rollup{}
	}
	sort.Strings(names)
	for _, n := range names {
		r, c := sum[n], who[n]
		add := func(metric record.Metric, v float64) {
			w.trace.samples = append(w.trace.samples, sampleLine{t: from, metric: metric, value: v, interval: m.every, life: c})
		}
		rss, used := r.rss/float64(r.n), r.heap/math.Max(1, r.runtime)
		if m.rollup == "max" {
			rss, used = r.rssMax, r.heapMax
		}
		add(record.RSS, rss)
		if m.limit {
			add(record.MemoryLimit, w.cfg.limit)
		}
		if m.cpu {
			add(record.CPU, r.cpu/float64(r.n))
		}
		if r.runtime == 0 || !m.heap || w.cfg.runtime == "native" || !c.slot.http {
			continue
		}
		add(record.HeapUsed, used)
		add(record.HeapTotal, r.total/r.runtime)
		add(record.External, r.external/r.runtime)
		if w.cfg.runtime == "node" {
			add(record.EventLoopDelayMax, r.delay)
		}
	}
}

// finishSamples writes the last bucket.
func (w *world) finishSamples() {
	if m := w.cfg.metrics; m.every > 0 && m.rollup != "last" {
		w.flush(math.Floor((w.cfg.duration-1)/m.every) * m.every)
	}
}

// emitter turns a trace into records: what is lost is left out, clocks are wrong, lines are out of order.
type emitter struct {
	cfg  *config
	eps  []epSpec
	rng  *rand.Rand
	sink record.Sink

	routes       []string
	id, user, ip []byte
	numbers      map[inLife]int // see numbered
	count        map[*life]int
}

// ordered is one line and the instant by which its source sorts it.
type ordered struct {
	key float64
	i   int32
}

// order gives the lines that are kept in the order of their source: by time, but for some that are shuffled.
func (e *emitter) order(n int, source string, at func(int) float64, lost func(int) bool) []ordered {
	out := make([]ordered, 0, n)
	p := e.cfg.noise.lose[source]
	for i := range n {
		t := at(i)
		if p > 0 && e.rng.Float64() < p || lost != nil && lost(i) || t > e.cfg.duration {
			continue
		}
		if s := e.cfg.noise.shuffle; s > 0 && (source == "router" || source == "app") {
			t += s * (e.rng.Float64() - 0.5)
		}
		out = append(out, ordered{t, int32(i)})
	}
	slices.SortStableFunc(out, func(a, b ordered) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return 0
	})
	return out
}

// skewed converts a true instant to the clock of a source.
func (e *emitter) skewed(source string, t float64) record.Time {
	return e.cfg.instant(t + e.cfg.noise.skew[source])
}

func (e *emitter) requests(lines []reqLine, source, name, format string, layer record.Layer) error {
	src := &record.Source{Name: name, Format: format}
	l := e.cfg.logs
	lost := func(i int) bool {
		x := &lines[i]
		return source == "app" && e.cfg.noise.loseLast > 0 && x.life != nil && x.end > x.life.end-e.cfg.noise.loseLast && x.end <= x.life.end
	}
	var r record.Request
	cover := record.Coverage{Source: src, Signal: "requests"}
	for _, o := range e.order(len(lines), source, func(i int) float64 { return lines[i].end }, lost) {
		x := &lines[o.i]
		r = record.Request{
			Pos: record.Pos{Source: src, Line: cover.Records + 1}, Layer: layer, Phase: x.phase, Outcome: x.outcome,
			Start: e.skewed(source, x.start), End: e.skewed(source, x.end), Status: int(x.status),
			Method: methodGet, Path: []byte(x.path),
		}
		// Logs have milliseconds.
		r.Start, r.End = r.Start-r.Start%1e6, r.End-r.End%1e6
		if x.ep >= 0 {
			r.Method = []byte(e.eps[x.ep].method)
			if layer == record.LayerApp && l.routes {
				r.Route = []byte(e.routes[x.ep])
			}
		}
		if l.ids {
			e.id = appendUUID(e.id[:0], x.id, x.id*0x9e3779b97f4a7c15+0x1234567)
			r.ID = e.id
		}
		if e.cfg.fastify && x.life != nil {
			r.ID = e.numbered(x)
			if x.phase == record.Completed {
				r.Method, r.Path = nil, nil
			}
		}
		if x.life != nil && l.containers {
			if layer == record.LayerApp {
				r.Container, r.Instance = []byte(x.life.app), []byte(x.life.pid)
			} else {
				r.Container = []byte(x.life.name)
			}
		}
		if layer == record.LayerApp && l.users && x.ep >= 0 {
			e.user = strconv.AppendUint(e.user[:0], 100000+uint64(x.user)*37, 10)
			r.User = e.user
		}
		if l.clientIP {
			e.ip = appendIP(e.ip[:0], x.user)
			r.Client = e.ip
		}
		if e.cfg.sayVersion && layer == record.LayerApp && x.life != nil {
			r.Version = []byte(x.life.version)
		}
		seen(&cover, r.End)
		if err := e.sink.Request(&r); err != nil {
			return err
		}
	}
	return e.sink.Cover(&cover)
}

// numbered is the id of a request whose life counts them.
func (e *emitter) numbered(x *reqLine) []byte {
	k := inLife{x.life, x.id}
	if e.numbers[k] == 0 {
		e.count[x.life]++
		e.numbers[k] = e.count[x.life]
	}
	return strconv.AppendInt([]byte("req-"), int64(e.numbers[k]), 36)
}

// inLife is a request of a life.
type inLife struct {
	life *life
	id   uint64
}

var methodGet = []byte("GET")

func seen(c *record.Coverage, t record.Time) {
	if c.Records == 0 || t < c.From {
		c.From = t
	}
	if t > c.To {
		c.To = t
	}
	c.Records++
}

// platform emits lines of the platform or last words of the application.
func (e *emitter) platform(lines []platLine, source, name, format string) error {
	src := &record.Source{Name: name, Format: format}
	life := record.Coverage{Source: src, Signal: "lifecycle"}
	dead := record.Coverage{Source: src, Signal: "crashes"}
	n := int64(0)
	for _, o := range e.order(len(lines), source, func(i int) float64 { return lines[i].t }, nil) {
		x := &lines[o.i]
		n++
		pos := record.Pos{Source: src, Line: n}
		t := e.skewed(source, x.t)
		container, instance, service, host, version := x.name, "", "", x.host, x.version
		if c := x.life; c != nil {
			container, instance, version = c.name, c.id, c.version
			if source == "app" {
				container, instance = c.app, c.pid
			}
			if len(e.cfg.others) > 0 {
				service = c.slot.service
			}
			if e.cfg.hosts > 0 {
				host = c.onHost
			}
		}
		var err error
		if x.crash != "" {
			seen(&dead, t)
			err = e.sink.Crash(&record.Crash{
				Pos: pos, Time: t, Kind: x.crash, Exited: x.exited, ExitCode: x.code, Signal: x.signal, LimitBytes: int64(x.limit),
				UsedBytes: int64(x.used), Uptime: seconds(math.Max(0, x.uptime)), Container: container, Instance: instance, Service: service,
				Host: host, Version: version, Text: x.text,
			})
		} else {
			seen(&life, t)
			ev := &record.Lifecycle{
				Pos: pos, Time: t, Kind: x.kind, ExitCode: -1, Reason: x.reason, Container: container, Instance: instance, Service: service,
				Host: host, Version: version, Text: x.text,
			}
			if x.kind == record.Stopped {
				ev.ExitCode = x.code
			}
			if x.until > 0 {
				ev.End = e.skewed(source, x.until)
			}
			err = e.sink.Lifecycle(ev)
		}
		if err != nil {
			return err
		}
	}
	for _, c := range []*record.Coverage{&life, &dead} {
		if c.Records > 0 || c == &dead && source == "platform" {
			if err := e.sink.Cover(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *emitter) jobs(lines []jobLine, src *record.Source) error {
	cover := record.Coverage{Source: src, Signal: "jobs"}
	for _, o := range e.order(len(lines), "app", func(i int) float64 { return lines[i].end }, nil) {
		x := &lines[o.i]
		j := record.Job{
			Pos: record.Pos{Source: src, Line: cover.Records + 1}, Name: x.name, Start: e.skewed("app", x.start), End: e.skewed("app", x.end),
		}
		if e.cfg.logs.containers {
			j.Container, j.Instance = x.life.app, x.life.pid
		}
		seen(&cover, j.End)
		if err := e.sink.Job(&j); err != nil {
			return err
		}
	}
	if cover.Records == 0 {
		return nil
	}
	return e.sink.Cover(&cover)
}

func (e *emitter) samples(lines []sampleLine) error {
	src := &record.Source{Name: "metrics.csv", Format: "metrics-csv"}
	mem := record.Coverage{Source: src, Signal: "memory"}
	cpu := record.Coverage{Source: src, Signal: "cpu"}
	n := int64(0)
	for _, o := range e.order(len(lines), "metrics", func(i int) float64 { return lines[i].t }, func(i int) bool { return lines[i].dropped }) {
		x := &lines[o.i]
		n++
		s := record.Sample{
			Pos: record.Pos{Source: src, Line: n}, Time: e.skewed("metrics", x.t), Metric: x.metric, Value: math.Round(x.value*1e4) / 1e4,
			Interval: seconds(x.interval),
		}
		if e.cfg.metrics.named {
			s.Container = x.life.app
			if x.interval == 0 {
				s.Instance = x.life.pid
			}
		}
		if len(e.cfg.others) > 0 {
			s.Service = x.life.slot.service
		}
		if e.cfg.hosts > 0 {
			s.Host = x.life.onHost
		}
		if e.cfg.sayVersion {
			s.Version = x.life.version
		}
		c := &mem
		if x.metric == record.CPU || x.metric == record.EventLoopDelayMax {
			c = &cpu
		}
		seen(c, s.Time)
		if err := e.sink.Sample(&s); err != nil {
			return err
		}
	}
	for _, c := range []*record.Coverage{&mem, &cpu} {
		if c.Records > 0 {
			if err := e.sink.Cover(c); err != nil {
				return err
			}
		}
	}
	return nil
}
