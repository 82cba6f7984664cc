package scenario

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"lastcall/analyze/finding"
)

// Parse reads the text of a scenario: one directive a line, # begins a comment, order does not matter except that an endpoint
// is declared before it is used. Durations are Go's (90s, 2h) or days (2d), sizes 64KiB, 30MiB, 1GiB, shares 0.3% or 0.003.
//
// World:
//
//	title WORDS · seed N · start RFC3339 · duration D
//	containers N [service NAME] [naming fixed|heroku|pods|mixed] [hosts N] [version V] [say-version] [age D] · service NAME N (others of the fleet)
//	memory [runtime node|go|native] [limit S] [heap S|none] [base S] [native S] [young S] [wander S] [release D|never] [per-rate S] [thrash X] [agony D] [boot D]
//	warmup S over D · cache S after N (requests)
//	traffic N/s [diurnal P] [bursty X] [mix X] [users N] [scanners P] [probe D|none]
//	endpoints N (generated, Zipf-like) · endpoint METHOD PATH [share P] [latency D] [sigma X] [tail P] [memory S] [ids N] [dep] [stream]
//	router [timeout D] [routing random|roundrobin|leastconn] [retry P] [leave P] [slots N] · fallout D slow X
//	health every D timeout D failures N (kill|replace)
//
// What happens (instants are offsets from the start; EP is METHOD PATH of a declared endpoint; a list of instants has commas):
//
//	burst EP WHEN size S ramp D [slow X] [hops N after D] [release]     takes S within D of its own progress
//	leak EP SIZE [from D] [until D] [external|native]                    keeps SIZE per request
//	stall EP WHEN length D [hops N after D]                              holds the event loop for D
//	poison EP WHEN [exit N] [after-start D] [hops N after D] [words]     makes the process die
//	   WHEN: at D,D,… | every D [from D] [times N] | chance P [from D] [times N] (each ordinary request of EP)
//	job NAME every D [leaks S] [length D] [logged] [from D] · drift SIZE (per hour) [from D]
//	surge at D length D times X [ramp D] · batch EP every D [from D] length D
//	follow EP by EP after D [chance P] (a page makes another request)
//	pressure WHO at D size S ramp D (memory that no log tells of) · kill WHO at D exit N [reason WORD]
//	hang PEER at D length D timeout D share P [who CONTAINER replaced D] [announced]
//	deploy V at D gap D · cycling at D gap D · maintenance at D length D [announced] · scale N at D
//	crashloop WHO at D times N after D exit N · host NAME at D [announced] · slowdb at D length D slow X
//	   WHO: a container such as web-2, or any
//
// What is written down:
//
//	log router|app|both|started|all [no-ids] [no-containers] [no-users] [no-clients] [routes] [no-events] [no-last-words]
//	   (started: the application's started and completed lines; all: those and the router's)
//	metrics D|none [last|avg|max] [self] [no-heap] [no-cpu] [no-limit] [no-containers]
//	skew SOURCE D · lose P [SOURCE] · lose-last D · shuffle D · platform-lag D · silence D · abandoned-logged · sigterm-crashes
//	   SOURCE: router, app, platform, metrics
//	planned D..D · told-limit S    (told by the user, not in the evidence)
//
// Expectations:
//
//	expect cause CAUSE | one-of CAUSE,… · expect endpoint EP · expect no accusation · expect accused EP · expect not-accused EP
//	expect grade >= GRADE | <= GRADE · expect crashes [>=|<=] N · expect restarts [>=|<=] N · expect role EP ROLE[,ROLE…] · expect pattern [>=|<=] N
//	expect shape SHAPE[,…] (of some life's memory) · expect no shape SHAPE
func Parse(text string) (*Scenario, error) {
	s := &Scenario{cfg: defaultConfig(), text: text}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		a := &args{words: strings.Fields(line)}
		if len(a.words) == 0 {
			continue
		}
		word := a.next()
		if err := s.directive(word, a); err != nil {
			return nil, fmt.Errorf("scenario: line %d (%s): %w", i+1, strings.TrimSpace(line), err)
		}
		if len(a.words) > 0 {
			return nil, fmt.Errorf("scenario: line %d (%s): unexpected %q", i+1, strings.TrimSpace(line), a.words[0])
		}
	}
	if s.cfg.duration <= 0 || s.cfg.duration > 8*86400 {
		return nil, errors.New("scenario: duration must be above 0 and at most 8 days")
	}
	if n := s.cfg.duration * s.cfg.rate; n > 3e6 {
		return nil, fmt.Errorf("scenario: %.0f requests are too many: lower the traffic or the duration", n)
	}
	for _, v := range []struct{ what, got, allowed string }{
		{"naming", s.cfg.naming, "fixed heroku pods mixed"}, {"runtime", s.cfg.runtime, "node go native"},
		{"routing", s.cfg.routing, "random roundrobin leastconn"},
	} {
		if !slices.Contains(strings.Fields(v.allowed), v.got) {
			return nil, fmt.Errorf("scenario: %s %q is none of %s", v.what, v.got, v.allowed)
		}
	}
	return s, nil
}

// args are the words of a line that are left.
type args struct {
	words []string
	err   error
}

func (a *args) next() string {
	if len(a.words) == 0 {
		if a.err == nil {
			a.err = errors.New("a word is missing at the end")
		}
		return ""
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w
}

func (a *args) fail(what, got string) {
	if a.err == nil {
		a.err = fmt.Errorf("%q is no %s", got, what)
	}
}

func (a *args) dur() float64 {
	w := a.next()
	if v, ok := parseDur(w); ok {
		return v
	}
	a.fail("duration", w)
	return 0
}

func parseDur(w string) (float64, bool) {
	if d, ok := strings.CutSuffix(w, "d"); ok {
		v, err := strconv.ParseFloat(d, 64)
		return v * 86400, err == nil
	}
	d, err := time.ParseDuration(w)
	return d.Seconds(), err == nil
}

func (a *args) durs() []float64 {
	var out []float64
	for w := range strings.SplitSeq(a.next(), ",") {
		v, ok := parseDur(w)
		if !ok {
			a.fail("duration", w)
		}
		out = append(out, v)
	}
	return out
}

func (a *args) num() float64 {
	w := a.next()
	v, err := strconv.ParseFloat(strings.TrimSuffix(w, "/s"), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		a.fail("number", w)
	}
	return v
}

func (a *args) int() int { return int(a.num()) }

func (a *args) share() float64 {
	w := a.next()
	p, pct := strings.CutSuffix(w, "%")
	v, err := strconv.ParseFloat(p, 64)
	if err != nil || v < 0 {
		a.fail("share", w)
	}
	if pct {
		v /= 100
	}
	return v
}

func (a *args) size() float64 {
	w := a.next()
	for _, u := range []struct {
		suffix string
		mult   float64
	}{{"GiB", 1 << 30}, {"MiB", mib}, {"KiB", 1024}, {"B", 1}} {
		if n, ok := strings.CutSuffix(w, u.suffix); ok {
			v, err := strconv.ParseFloat(n, 64)
			if err != nil {
				break
			}
			return v * u.mult
		}
	}
	a.fail("size", w)
	return 0
}

// is takes the next word when it is w.
func (a *args) is(w string) bool {
	if len(a.words) == 0 || a.words[0] != w {
		return false
	}
	a.words = a.words[1:]
	return true
}

// opts reads the rest of the line as options: a name, then what its function reads.
func (a *args) opts(m map[string]func()) error {
	for len(a.words) > 0 && a.err == nil {
		w := a.next()
		f, ok := m[w]
		if !ok {
			return fmt.Errorf("unknown option %q", w)
		}
		f()
	}
	return a.err
}

// endpoint reads METHOD PATH of a declared endpoint.
func (s *Scenario) endpoint(a *args) int {
	key := a.next() + " " + a.next()
	for i := range s.cfg.endpoints {
		if s.cfg.endpoints[i].key() == key {
			return i
		}
	}
	a.fail("declared endpoint", key)
	return -1
}

func (s *Scenario) directive(word string, a *args) error {
	c := &s.cfg
	set := func(p *float64, f func() float64) func() { return func() { *p = f() } }
	on := func(p *bool, v bool) func() { return func() { *p = v } }
	switch word {
	case "title":
		s.Title, a.words = strings.Join(a.words, " "), nil
	case "kind":
		s.Kind = a.next()
	case "seed":
		c.seed = uint64(a.num())
	case "start":
		t, err := time.Parse(time.RFC3339, a.next())
		if err != nil {
			return err
		}
		c.start = t.UTC()
	case "duration":
		c.duration = a.dur()
	case "containers":
		c.containers = a.int()
		if c.containers < 1 || c.containers > 200 {
			return errors.New("1 to 200 containers")
		}
		return a.opts(map[string]func(){
			"service": func() { c.service = a.next() }, "naming": func() { c.naming = a.next() }, "hosts": func() { c.hosts = a.int() },
			"version": func() { c.version = a.next() }, "say-version": on(&c.sayVersion, true), "age": set(&c.age, a.dur),
		})
	case "service":
		c.others = append(c.others, otherService{a.next(), a.int()})
	case "memory":
		return a.opts(map[string]func(){
			"runtime": func() { c.runtime = a.next() }, "limit": set(&c.limit, a.size), "base": set(&c.base, a.size),
			"heap": func() {
				if c.heap = 0; !a.is("none") {
					c.heap = a.size()
				}
			},
			"native": set(&c.native, a.size), "young": set(&c.young, a.size), "wander": set(&c.wander, a.size),
			"release": func() {
				if c.release = 0; !a.is("never") {
					c.release = a.dur()
				}
			},
			"per-rate": set(&c.perRate, a.size), "thrash": set(&c.thrash, a.num), "agony": set(&c.agony, a.dur), "boot": set(&c.boot, a.dur),
		})
	case "warmup":
		c.warmSize = a.size()
		return a.opts(map[string]func(){"over": set(&c.warmTau, a.dur)})
	case "cache":
		c.cacheSize = a.size()
		return a.opts(map[string]func(){"after": set(&c.cacheReqs, a.num)})
	case "traffic":
		c.rate = a.num()
		return a.opts(map[string]func(){
			"diurnal": set(&c.diurnal, a.share), "bursty": set(&c.bursty, a.num), "mix": set(&c.mix, a.num),
			"users": func() { c.users = max(1, a.int()) }, "scanners": set(&c.scanners, a.share),
			"probe": func() {
				if c.probe = 0; !a.is("none") {
					c.probe = a.dur()
				}
			},
		})
	case "endpoints":
		c.generated = a.int()
	case "endpoint":
		e := epSpec{method: a.next(), path: a.next(), latency: 0.1, sigma: 0.6, tail: 0.005, memory: 0.15 * mib, weight: 0.1}
		if !strings.HasPrefix(e.path, "/") {
			return fmt.Errorf("%q is no path", e.path)
		}
		err := a.opts(map[string]func(){
			"share": set(&e.share, a.share), "latency": set(&e.latency, a.dur), "sigma": set(&e.sigma, a.num), "tail": set(&e.tail, a.share),
			"memory": set(&e.memory, a.size), "ids": func() { e.ids = max(1, a.int()) }, "dep": on(&e.dep, true), "stream": on(&e.stream, true),
		})
		c.endpoints = append(c.endpoints, e)
		return err
	case "router":
		return a.opts(map[string]func(){
			"timeout": set(&c.timeout, a.dur), "routing": func() { c.routing = a.next() }, "retry": set(&c.retry, a.share),
			"leave": set(&c.leave, a.share), "slots": set(&c.slots, a.num),
		})
	case "fallout":
		c.fallout = a.dur()
		return a.opts(map[string]func(){"slow": set(&c.falloutSlow, a.num)})
	case "health":
		h := &c.health
		return a.opts(map[string]func(){
			"every": set(&h.every, a.dur), "timeout": set(&h.timeout, a.dur), "failures": func() { h.failures = a.int() },
			"kill": on(&h.kill, true), "replace": on(&h.kill, false),
		})
	case "log":
		return s.logDirective(a)
	case "metrics":
		m := &c.metrics
		if m.every = 0; !a.is("none") {
			m.every = a.dur()
		}
		return a.opts(map[string]func(){
			"last": func() { m.rollup = "last" }, "avg": func() { m.rollup = "avg" }, "max": func() { m.rollup = "max" },
			"self": on(&m.self, true), "no-heap": on(&m.heap, false), "no-cpu": on(&m.cpu, false), "no-limit": on(&m.limit, false),
			"no-containers": on(&m.named, false),
		})
	case "skew":
		src := a.next()
		c.noise.skew[src] = a.dur()
	case "lose":
		p := a.share()
		if len(a.words) > 0 {
			c.noise.lose[a.next()] = p
		} else {
			c.noise.lose["router"], c.noise.lose["app"] = p, p
		}
	case "lose-last":
		c.noise.loseLast = a.dur()
	case "shuffle":
		c.noise.shuffle = a.dur()
	case "platform-lag":
		c.noise.platformLag = a.dur()
	case "silence":
		c.noise.silence = a.dur()
	case "abandoned-logged":
		c.noise.abandonedLog = true
	case "sigterm-crashes":
		c.noise.sigtermCrash = true
	case "planned":
		from, to, _ := strings.Cut(a.next(), "..")
		f, ok1 := parseDur(from)
		t, ok2 := parseDur(to)
		if !ok1 || !ok2 {
			return errors.New("a window is such as 10m..40m")
		}
		c.planned = append(c.planned, [2]float64{f, t})
	case "told-limit":
		c.toldLimit = int64(a.size())
	case "expect":
		e, err := s.expectation(a)
		s.expect = append(s.expect, e)
		return err
	default:
		return s.actDirective(word, a)
	}
	return a.err
}

func (s *Scenario) logDirective(a *args) error {
	l := &s.cfg.logs
	l.router, l.app, l.started = false, false, false
	switch mode := a.next(); mode {
	case "router":
		l.router = true
	case "app":
		l.app = true
	case "both":
		l.router, l.app = true, true
	case "started":
		l.app, l.started = true, true
	case "all":
		l.router, l.app, l.started = true, true, true
	case "none":
	default:
		return fmt.Errorf("unknown mode %q", mode)
	}
	off := func(p *bool) func() { return func() { *p = false } }
	return a.opts(map[string]func(){
		"no-ids": off(&l.ids), "no-containers": off(&l.containers), "no-users": off(&l.users), "no-clients": off(&l.clientIP),
		"routes": func() { l.routes = true }, "no-events": off(&l.events), "no-last-words": off(&l.lastWords),
	})
}

func (s *Scenario) actDirective(word string, a *args) error {
	x := act{kind: word, ep: -1, until: math.Inf(1)}
	c := &s.cfg
	set := func(p *float64, f func() float64) func() { return func() { *p = f() } }
	from := func() { x.at = []float64{a.dur()} }
	switch word {
	case "burst", "leak", "stall", "poison", "batch":
		x.ep = s.endpoint(a)
	case "follow":
		x.ep = s.endpoint(a)
		if by := a.next(); by != "by" {
			a.fail(`word, "by" was expected`, by)
		}
		x.other = s.endpoint(a)
		x.chance = 1
	case "deploy", "hang", "kill", "pressure", "crashloop", "host", "job":
		x.who = a.next()
	case "scale":
		x.times = a.int()
	case "drift", "cycling", "maintenance", "surge", "slowdb":
	default:
		return fmt.Errorf("unknown directive %q", word)
	}
	switch word {
	case "leak", "drift":
		x.size = a.size()
	case "poison":
		x.code, x.ramp = 1, 0.2
	}
	if word == "burst" {
		x.slow = 3
	}
	if a.err != nil {
		return a.err
	}
	err := a.opts(map[string]func(){
		"at": func() { x.at = a.durs() }, "from": from, "every": set(&x.every, a.dur), "until": set(&x.until, a.dur),
		"times": func() {
			v := a.num()
			x.times, x.share = int(v), v
		},
		"chance": set(&x.chance, a.share), "hops": func() { x.hops = a.int() }, "after": set(&x.after, a.dur),
		"size": set(&x.size, a.size), "ramp": set(&x.ramp, a.dur), "length": set(&x.length, a.dur), "slow": set(&x.slow, a.num),
		"release": func() { x.release = true }, "external": func() { x.external = true }, "native": func() { x.native = true },
		"exit": func() { x.code = a.int() }, "reason": func() { x.reason = a.next() }, "who": func() { x.who = x.who + " " + a.next() },
		"gap": set(&x.gap, a.dur), "logged": func() { x.logged = true }, "announced": func() { x.announced = true },
		"timeout": set(&x.timeout, a.dur), "share": set(&x.share, a.share), "replaced": set(&x.replaced, a.dur), "leaks": set(&x.size, a.size),
		"after-start": set(&x.ramp, a.dur), "words": func() { x.words = true },
	})
	if err != nil {
		return err
	}
	switch {
	case (word == "burst" || word == "pressure") && (x.size <= 0 || x.ramp <= 0):
		return errors.New("size and ramp are needed")
	case (word == "burst" || word == "stall" || word == "poison") && len(x.at) == 0 && x.every == 0 && x.chance == 0:
		return errors.New("say when: at, every or chance")
	case (word == "stall" || word == "surge" || word == "hang" || word == "maintenance" || word == "batch" || word == "slowdb") && x.length <= 0:
		return errors.New("length is needed")
	case (word == "job" || word == "batch") && x.every <= 0:
		return errors.New("every is needed")
	case (word == "deploy" || word == "kill" || word == "pressure" || word == "surge" || word == "host" || word == "hang" ||
		word == "maintenance" || word == "cycling" || word == "scale" || word == "crashloop" || word == "slowdb") && len(x.at) == 0:
		return errors.New("say at when")
	}
	c.acts = append(c.acts, x)
	return nil
}

func (s *Scenario) expectation(a *args) (expectation, error) {
	e := expectation{text: "expect " + strings.Join(a.words, " ")}
	bound := func() (string, int) {
		op := "="
		if len(a.words) > 1 && (a.words[0] == ">=" || a.words[0] == "<=") {
			op = a.next()
		}
		return op, a.int()
	}
	holds := func(op string, got, want int) bool {
		return op == "=" && got == want || op == ">=" && got >= want || op == "<=" && got <= want
	}
	ep := func() string { return a.next() + " " + a.next() }
	switch what := a.next(); what {
	case "cause":
		w := a.next()
		if w == "one-of" {
			w = a.next()
		}
		var want []finding.Cause
		for n := range strings.SplitSeq(w, ",") {
			if !knownCause(finding.Cause(n)) {
				return e, fmt.Errorf("unknown cause %q", n)
			}
			want = append(want, finding.Cause(n))
		}
		e.check = func(r *finding.Report) string {
			if slices.Contains(want, r.Verdict.Cause) {
				return ""
			}
			return fmt.Sprintf("is %s (%s)", r.Verdict.Cause, r.Verdict.Grade)
		}
	case "endpoint":
		want := ep()
		e.check = func(r *finding.Report) string {
			if r.Verdict.Endpoint == nil {
				return "the verdict names none"
			}
			if *r.Verdict.Endpoint != want {
				return "is " + *r.Verdict.Endpoint
			}
			return ""
		}
	case "accused", "not-accused":
		want := ep()
		e.check = func(r *finding.Report) string {
			got := false
			for _, x := range accused(r) {
				got = got || x == want
			}
			if got != (what == "accused") {
				return fmt.Sprintf("accused are %q", accused(r))
			}
			return ""
		}
	case "grade":
		op, w := a.next(), finding.Grade(a.next())
		if w.Rank() == 0 && w != finding.Insufficient || op != ">=" && op != "<=" {
			return e, errors.New("write >= or <= and a grade")
		}
		e.check = func(r *finding.Report) string {
			if !holds(op, r.Verdict.Grade.Rank(), w.Rank()) {
				return "is " + string(r.Verdict.Grade)
			}
			return ""
		}
	case "no":
		switch w := a.next(); w {
		case "accusation":
			e.check = func(r *finding.Report) string {
				if got := accused(r); len(got) > 0 {
					return fmt.Sprintf("accused are %q", got)
				}
				return ""
			}
		case "shape":
			shape := finding.Shape(a.next())
			e.check = func(r *finding.Report) string {
				for _, m := range r.Memory {
					if m.Shape == shape {
						return fmt.Sprintf("%s of %s is", m.Metric, m.Container)
					}
				}
				return ""
			}
		default:
			return e, fmt.Errorf("no %q", w)
		}
	case "shape":
		shapes := strings.Split(a.next(), ",")
		e.check = func(r *finding.Report) string {
			for _, m := range r.Memory {
				if slices.Contains(shapes, string(m.Shape)) {
					return ""
				}
			}
			return "no curve has it"
		}
	case "crashes", "restarts", "pattern":
		op, n := bound()
		e.check = func(r *finding.Report) string {
			got := len(r.Crashes)
			switch what {
			case "restarts":
				got = len(r.Restarts)
			case "pattern":
				got = 0
				if r.Pattern != nil {
					got = len(r.Pattern.Steps)
				}
			}
			if !holds(op, got, n) {
				return fmt.Sprintf("are %d", got)
			}
			return ""
		}
	case "role":
		want, roles := ep(), strings.Split(a.next(), ",")
		e.check = func(r *finding.Report) string {
			for _, x := range r.Suspects {
				if x.Endpoint != want {
					continue
				}
				if slices.Contains(roles, string(x.Role)) {
					return ""
				}
				return "is " + string(x.Role)
			}
			return "not among the suspects"
		}
	default:
		return e, fmt.Errorf("unknown expectation %q", what)
	}
	return e, a.err
}

func knownCause(c finding.Cause) bool {
	switch c {
	case finding.RequestBurst, finding.RequestLeak, finding.BackgroundLeak, finding.Capacity, finding.CPUStall, finding.RequestCrash,
		finding.HungDependency, finding.PlannedRestart, finding.HostFailure, finding.None, finding.Undetermined:
		return true
	}
	return false
}
