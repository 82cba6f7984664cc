package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"lastcall/analyze/finding"
)

// Kind is one sort of random incident.
type Kind struct {
	// Name is what Random takes.
	Name string
	// Cause is what usually happens in it (a run may turn out otherwise: see Truth).
	Cause finding.Cause
	// Guilty reports whether there is an endpoint to accuse.
	Guilty bool
	// About is one line.
	About string
	make  func(*maker)
}

// Kinds returns every kind that Random knows, those with a culprit first. There are as many without as with one.
func Kinds() []Kind {
	return []Kind{
		{"burst", finding.RequestBurst, true, "single requests of one endpoint take the memory, different ones each time", (*maker).burst},
		{"burst-hop", finding.RequestBurst, true, "one request, retried by its user, walks from container to container", (*maker).burstHop},
		{"burst-busy", finding.RequestBurst, true, "a request of a busy endpoint, now and then, takes the memory", (*maker).burstBusy},
		{"burst-late", finding.RequestBurst, true, "the request is answered before the death, its memory stays", (*maker).burstLate},
		{"leak", finding.RequestLeak, true, "an endpoint keeps heap with every request", (*maker).leak},
		{"leak-native", finding.RequestLeak, true, "an endpoint keeps memory outside the heap", (*maker).leakNative},
		{"leak-deploy", finding.RequestLeak, true, "a leak that came with a deploy", (*maker).leakDeploy},
		{"leak-early", finding.RequestLeak, true, "a leak that has killed nobody yet", (*maker).leakEarly},
		{"stall", finding.CPUStall, true, "a request holds the event loop until a health check kills", (*maker).stall},
		{"poison", finding.RequestCrash, true, "a request makes the process die, without memory", (*maker).poison},
		{"two-culprits", finding.RequestBurst, true, "two endpoints kill, each in its way", (*maker).twoCulprits},

		{"healthy", finding.None, false, "nothing is wrong", (*maker).healthy},
		{"warmup", finding.None, false, "memory grows after a start, or while a cache fills, and stays", (*maker).warmup},
		{"daily", finding.None, false, "memory and traffic follow the hours of the day", (*maker).daily},
		{"background-leak", finding.BackgroundLeak, false, "memory grows with time, or with a job, whatever the requests do", (*maker).background},
		{"capacity", finding.Capacity, false, "a surge of traffic needs more memory than there is", (*maker).capacity},
		{"hung-dependency", finding.HungDependency, false, "an instance of a dependency hangs; slow requests are its fallout", (*maker).hung},
		{"deploy", finding.PlannedRestart, false, "deploys, scaling, cycling, maintenance", (*maker).deploy},
		{"host-failure", finding.HostFailure, false, "several services of one host die at once", (*maker).hostFailure},
		{"unexplained", finding.Undetermined, false, "containers die of something that nothing tells of", (*maker).unexplained},
		{"pressure", finding.Undetermined, false, "memory that no log tells of runs out; its victims stand around", (*maker).pressure},
		{"crash-loop", finding.Undetermined, false, "a container dies again and again soon after its start", (*maker).crashLoop},
	}
}

// Random composes an incident of a kind (see [Kinds]); the same kind and seed give the same. It panics on an unknown kind,
// which is a mistake in the test that calls it.
func Random(kind string, seed uint64) *Scenario {
	for i, k := range Kinds() {
		if k.Name != kind {
			continue
		}
		m := &maker{rng: rand.New(rand.NewPCG(seed, uint64(i)*1000003+17)), seed: seed}
		m.line("title random %s %d: %s", kind, seed, k.About)
		m.line("kind %s", kind)
		m.line("seed %d", seed*31+uint64(i))
		k.make(m)
		text := strings.Join(m.lines, "\n") + "\n"
		s, err := Parse(text)
		if err != nil {
			panic(fmt.Sprintf("scenario: random %s %d does not parse: %v\n%s", kind, seed, err, text))
		}
		return s
	}
	panic("scenario: unknown kind " + kind)
}

// maker composes the text of a random incident.
type maker struct {
	rng   *rand.Rand
	seed  uint64
	lines []string

	duration   float64
	containers int
	rate       float64
	node       bool
	limit      float64 // MiB
	heap       float64 // MiB; 0: none
	base       float64
	native     float64
	headroom   float64 // MiB of live heap until death
	nativeRoom float64 // MiB outside the heap until death
	taken      map[string]bool
}

func (m *maker) line(format string, a ...any) {
	m.lines = append(m.lines, fmt.Sprintf(format, a...))
}

func (m *maker) between(lo, hi float64) float64 { return lo + (hi-lo)*m.rng.Float64() }

// logBetween is uniform in the logarithm.
func (m *maker) logBetween(lo, hi float64) float64 {
	return lo * math.Exp(m.rng.Float64()*math.Log(hi/lo))
}

func (m *maker) oneOf(s ...string) string { return s[m.rng.IntN(len(s))] }

func (m *maker) chance(p float64) bool { return m.rng.Float64() < p }

func dur(s float64) string {
	if s < 10 {
		return fmt.Sprintf("%.1fs", s)
	}
	return fmt.Sprintf("%.0fs", s)
}

// crashes draws how many crashes there are to be.
func (m *maker) crashes() int {
	switch x := m.rng.Float64(); {
	case x < 0.22:
		return 1
	case x < 0.40:
		return 2
	case x < 0.58:
		return 3
	case x < 0.80:
		return 4 + m.rng.IntN(2)
	}
	return 6 + m.rng.IntN(5)
}

// fleet sets the stage: containers, memory, traffic, endpoints, noise and logs, for a window between lo and hi seconds.
func (m *maker) fleet(lo, hi float64) {
	m.taken = map[string]bool{}
	m.duration = math.Round(m.logBetween(lo, hi))
	m.containers = 2 + m.rng.IntN(11)
	m.line("duration %s", dur(m.duration))
	m.line("start 2026-%02d-%02dT%02d:%02d:%02dZ", 1+m.rng.IntN(11), 1+m.rng.IntN(28), m.rng.IntN(24), m.rng.IntN(60), m.rng.IntN(60))

	naming := "fixed"
	switch x := m.rng.Float64(); {
	case x < 0.15:
		naming = "heroku"
	case x < 0.25:
		naming = "pods"
	case x < 0.32:
		naming = "mixed"
	}
	text := fmt.Sprintf("containers %d naming %s", m.containers, naming)
	if m.chance(0.6) {
		text += " age " + dur(m.logBetween(1200, 40000))
	}
	if m.chance(0.2) {
		text += " say-version"
	}
	m.line("%s", text)

	m.base = m.logBetween(25, 160)
	m.node = m.chance(0.6)
	m.native = m.logBetween(20, 90)
	young := m.base * m.between(0.06, 0.3)
	thrash := m.logBetween(3, 60)
	runtime := "go"
	if m.node {
		runtime = "node"
		m.heap = m.base * m.between(2.2, 6)
		m.limit = (m.heap + m.native) * m.between(1.15, 3)
	} else {
		if m.chance(0.35) {
			runtime = "native"
			thrash = 0
		}
		m.heap = 0
		m.limit = (m.base + m.native) * m.between(1.8, 5)
		if runtime == "go" && m.chance(0.5) {
			m.heap = (m.limit - m.native) * 0.97 // a soft limit: it thrashes, and dies of the container's
		} else {
			thrash = 0
		}
	}
	if m.heap > 0 && m.node {
		m.headroom = m.heap - m.base
	} else {
		m.headroom = m.limit - m.native - (m.base+young)*1.03
	}
	m.nativeRoom = m.limit - m.native - (m.base+young)*1.03
	heap := "none"
	if m.heap > 0 {
		heap = fmt.Sprintf("%.1fMiB", m.heap)
	}
	release := "never"
	if m.chance(0.7) {
		release = dur(m.logBetween(60, 3600))
	}
	m.line("memory runtime %s limit %.0fMiB heap %s base %.1fMiB native %.1fMiB young %.1fMiB wander %.2fMiB release %s thrash %.1f agony %s boot %s",
		runtime, m.limit, heap, m.base, m.native, young, m.headroom*m.logBetween(0.003, 0.05), release, thrash, dur(m.logBetween(0.5, 40)), dur(m.logBetween(3, 45)))
	if m.chance(0.3) {
		m.line("warmup %.1fMiB over %s", m.headroom*m.between(0.02, 0.15), dur(m.logBetween(60, 900)))
	}

	// Traffic: as many requests as there is time for, within reason.
	n := m.logBetween(7000, 36000)
	m.rate = math.Min(14, n/m.duration)
	text = fmt.Sprintf("traffic %.3f/s mix %.2f users %d", m.rate, m.logBetween(0.1, 0.6), int(m.logBetween(30, 2000)))
	if m.duration > 6*3600 || m.chance(0.2) {
		text += fmt.Sprintf(" diurnal %.0f%%", 100*m.between(0.1, 0.7))
	}
	if m.chance(0.6) {
		text += fmt.Sprintf(" bursty %.2f", m.between(0.05, 0.5))
	}
	if m.chance(0.3) {
		text += " probe none"
	}
	m.line("%s", text)
	m.line("endpoints %d", 20+m.rng.IntN(58))
	m.line("router routing %s retry %.0f%% leave %.0f%%", m.oneOf("random", "random", "roundrobin", "leastconn"), 100*m.between(0, 0.8), 100*m.between(0, 0.1))
	if m.chance(0.4) {
		m.line("fallout %s slow %.1f", dur(m.between(30, 240)), m.between(1.2, 4))
	}

	// Innocents that look guilty.
	if m.chance(0.6) {
		m.endpoint("share "+pct(m.between(0.08, 0.2)), "latency "+dur2(m.logBetween(0.05, 0.4)))
	}
	if m.chance(0.5) {
		m.endpoint("share "+pct(m.logBetween(0.001, 0.01)), "latency "+dur2(m.logBetween(1, 15)), "memory 1MiB")
	}
	if m.chance(0.15) {
		m.endpoint("share "+pct(m.logBetween(0.001, 0.01)), "latency "+dur(m.logBetween(30, 300)), "stream")
	}
	if m.chance(0.25) && m.duration > 1800 {
		ep := m.endpoint("share 0.01%", "latency 5s", m.oneOf("stream", ""))
		m.line("batch %s every %s from %s length %s", ep, dur(m.logBetween(600, 7200)), dur(m.between(0, 1500)), dur(m.logBetween(20, 600)))
	}
	m.noise()
}

// distract adds what has nothing to do with the cause.
func (m *maker) distract() {
	if m.chance(0.2) {
		m.line("deploy v%d at %s gap %s", 200+m.rng.IntN(90), dur(m.between(0.05, 0.9)*m.duration), dur(m.between(10, 50)))
	}
	if m.chance(0.12) {
		m.line("surge at %s length %s times %.1f", dur(m.between(0.1, 0.8)*m.duration), dur(m.between(0.05, 0.15)*m.duration), m.between(1.5, 3))
	}
	if m.chance(0.1) {
		m.line("slowdb at %s length %s slow %.0f", dur(m.between(0.1, 0.8)*m.duration), dur(m.between(0.02, 0.08)*m.duration), m.logBetween(5, 40))
	}
	if m.chance(0.2) {
		m.line("job %s every %s length %s logged", m.oneOf("purge-expired-tokens", "send-reminders", "rotate-keys"), dur(m.logBetween(120, 3600)), dur(m.logBetween(0.1, 30)))
	}
	if m.chance(0.1) {
		m.line("kill any at %s exit 137", dur(m.between(0.1, 0.9)*m.duration))
	}
}

func pct(x float64) string { return fmt.Sprintf("%.4f%%", 100*x) }

func dur2(s float64) string { return fmt.Sprintf("%dms", int(s*1000)) }

// endpoint declares an endpoint with a name of its own and returns "METHOD PATH".
func (m *maker) endpoint(opts ...string) string {
	for {
		res, sub := resources[m.rng.IntN(len(resources))], subs[m.rng.IntN(len(subs))]
		param := m.oneOf("{id}", "{id}", "{uuid}", "{rec}", "{hash}", "{slug}")
		method, path := "GET", ""
		switch m.rng.IntN(7) {
		case 0:
			path = "/api/" + res + "/" + param
		case 1:
			method, path = m.oneOf("POST", "PUT", "PATCH"), "/api/"+res+"/"+param+"/"+sub
		case 2:
			path = "/api/" + res + "/" + sub
		case 3:
			path = "/" + res + "/" + param + "/" + sub + "/csv"
		case 4:
			method, path = "POST", "/api/"+res+"/"+sub
		default:
			path = "/api/" + res + "/" + param + "/" + sub
		}
		key := method + " " + path
		if m.taken[method+" "+normalTemplate(path)] {
			continue
		}
		m.taken[method+" "+normalTemplate(path)] = true
		m.line("endpoint %s %s", key, strings.Join(opts, " "))
		return key
	}
}

// noise decides what is written down, and how badly.
func (m *maker) noise() {
	mode := "both"
	switch x := m.rng.Float64(); {
	case x < 0.46:
	case x < 0.68:
		mode = "router"
	case x < 0.80:
		mode = "all"
	case x < 0.89:
		mode = "started"
	default:
		mode = "app"
	}
	if m.chance(0.15) {
		mode += " no-ids"
	}
	if m.chance(0.04) {
		mode += " no-containers"
	}
	if m.chance(0.25) {
		mode += " no-users"
	}
	if m.chance(0.2) {
		mode += " routes"
	}
	if m.chance(0.15) {
		mode += " no-last-words"
	}
	m.line("log %s", mode)

	var every float64
	rollup := "last"
	switch x := m.rng.Float64(); {
	case x < 0.33:
		every = []float64{10, 12, 15}[m.rng.IntN(3)]
	case x < 0.52:
		every = []float64{20, 30}[m.rng.IntN(2)]
	case x < 0.80:
		every = 60
	case x < 0.92:
		every, rollup = 900, m.oneOf("avg", "max", "last")
	default:
		every = 0
	}
	// No more than some ten thousand points: who keeps days of samples keeps coarser ones.
	for every > 0 && m.duration/every*float64(m.containers) > 9000 {
		every *= 2
	}
	if every == 60 || every == 20 {
		rollup = m.oneOf("last", "avg", "avg")
	}
	if every == 0 {
		m.line("metrics none")
	} else {
		text := fmt.Sprintf("metrics %s %s", dur(every), rollup)
		if m.chance(0.25) {
			text += " self"
		}
		if m.chance(0.15) {
			text += " no-heap"
		}
		if m.chance(0.25) {
			text += " no-limit"
		}
		m.line("%s", text)
	}
	if m.chance(0.5) {
		for _, src := range []string{"router", "app", "platform", "metrics"} {
			if m.chance(0.6) {
				sd := 1.0
				if m.chance(0.15) {
					sd = 10
				}
				m.line("skew %s %s", src, fmt.Sprintf("%.2fs", math.Max(-30, math.Min(30, sd*m.rng.NormFloat64()))))
			}
		}
	}
	if m.chance(0.4) {
		m.line("lose %s", pct(m.logBetween(0.0002, 0.01)))
	}
	if m.chance(0.2) {
		m.line("lose-last %s", dur(m.logBetween(0.5, 15)))
	}
	if m.chance(0.3) {
		m.line("shuffle %s", dur(m.logBetween(0.2, 5)))
	}
	m.line("platform-lag %s", m.oneOf("0.3s", "1s", "4s", "8s", "30s"))
	m.line("silence %s", m.oneOf("0s", "5s", "30s", "106s"))
	if m.chance(0.3) {
		m.line("abandoned-logged")
	}
	if m.chance(0.15) {
		m.line("sigterm-crashes")
	}
}

// when spreads n instants over the middle of the window.
func (m *maker) when(n int) string {
	lo, hi := 0.2*m.duration, 0.92*m.duration
	var at []string
	gap := (hi - lo) / float64(n)
	for i := range n {
		at = append(at, dur(lo+gap*(float64(i)+m.rng.Float64())))
	}
	return strings.Join(at, ",")
}

// lethal is the size of a burst that kills.
func (m *maker) lethal() string { return fmt.Sprintf("%.1fMiB", m.headroom*m.between(1.25, 4)) }

func (m *maker) rare() string    { return pct(m.logBetween(0.0003, 0.004)) }
func (m *maker) latency() string { return dur2(m.logBetween(0.08, 2.5)) }

// guilty declares an endpoint that is to be the culprit, and perhaps one that its page calls next.
func (m *maker) guilty(share string) string {
	ep := m.endpoint("share "+share, "latency "+m.latency(), "memory 0.5MiB")
	if m.chance(0.25) {
		m.line("follow %s by %s after %s chance %.0f%%", ep, m.endpoint("share "+pct(m.logBetween(0.0005, 0.02)), "latency "+dur2(m.logBetween(0.05, 0.5))),
			dur2(m.logBetween(0.05, 3)), 100*m.between(0.4, 1))
	}
	return ep
}

// nearMiss lets the same endpoint take a lot without killing.
func (m *maker) nearMiss(ep string) {
	if m.chance(0.3) {
		m.line("burst %s at %s size %.1fMiB ramp %s slow %.1f", ep, m.when(1+m.rng.IntN(3)), m.headroom*m.between(0.2, 0.6), dur(m.logBetween(3, 40)), m.between(1, 3))
	}
}

func (m *maker) slowness() float64 { return m.logBetween(1, 40) }

func (m *maker) burst() {
	m.fleet(1800, 24*3600)
	m.distract()
	ep := m.guilty(m.rare())
	m.line("burst %s at %s size %s ramp %s slow %.1f", ep, m.when(m.crashes()), m.lethal(), dur(m.logBetween(5, 300)), m.slowness())
	m.nearMiss(ep)
}

func (m *maker) burstHop() {
	m.fleet(1500, 4*3600)
	m.distract()
	ep := m.guilty(m.rare())
	m.line("burst %s at %s size %s ramp %s slow %.1f hops %d after %s", ep, dur(m.between(0.2, 0.5)*m.duration), m.lethal(), dur(m.logBetween(5, 90)),
		m.slowness(), 2+m.rng.IntN(6), dur(m.logBetween(3, 150)))
	m.nearMiss(ep)
}

func (m *maker) burstBusy() {
	m.fleet(2400, 12*3600)
	m.distract()
	share := m.between(0.02, 0.12)
	ep := m.guilty(pct(share))
	n := m.crashes()
	m.line("burst %s chance %.7f from %s times %d size %s ramp %s slow %.1f", ep, math.Min(1, 4*float64(n)/(share*m.rate*m.duration)), dur(0.15*m.duration), n,
		m.lethal(), dur(m.logBetween(4, 120)), m.slowness())
}

func (m *maker) burstLate() {
	m.fleet(1800, 12*3600)
	m.distract()
	ep := m.guilty(m.rare())
	m.line("burst %s at %s size %s ramp %s slow %.1f release", ep, m.when(m.crashes()), fmt.Sprintf("%.1fMiB", m.headroom*m.between(1.2, 1.6)),
		dur(m.logBetween(8, 60)), m.between(1, 3))
}

// leakOf writes a leak that fills room MiB about lives times in the window.
func (m *maker) leakOf(room, lives float64, kind string) string {
	share := m.logBetween(0.01, 0.15)
	ep := m.guilty(pct(share))
	perLife := share * m.rate / float64(m.containers) * m.duration / lives
	m.line("leak %s %.1fKiB %s", ep, 1024*room/math.Max(1, perLife), kind)
	return ep
}

// lives is how often a leak fills a container in the window: in all some ten times at most.
func (m *maker) lives() float64 {
	return math.Max(1.1, math.Min(m.between(1.1, 3.5), m.between(5, 12)/float64(m.containers)))
}

func (m *maker) leak() {
	m.fleet(3*3600, 48*3600)
	m.distract()
	m.leakOf(m.headroom, m.lives(), "")
}

func (m *maker) leakNative() {
	m.fleet(3*3600, 48*3600)
	m.distract()
	m.leakOf(m.nativeRoom, m.lives(), m.oneOf("native", "external"))
}

func (m *maker) leakDeploy() {
	m.fleet(4*3600, 48*3600)
	m.distract()
	at := m.between(0.1, 0.35) * m.duration
	m.line("deploy v%d at %s gap %s", 300+m.rng.IntN(90), dur(at), dur(m.between(15, 60)))
	m.leakOf(m.headroom, 1.5*m.lives(), "from "+dur(at))
}

func (m *maker) leakEarly() {
	m.fleet(6*3600, 48*3600)
	m.distract()
	m.leakOf(m.headroom, m.between(0.35, 0.75), "")
}

func (m *maker) stall() {
	m.fleet(1500, 12*3600)
	m.distract()
	ep := m.guilty(m.rare())
	every := m.oneOf("5s", "10s", "20s")
	m.line("health every %s timeout %s failures %d kill", every, m.oneOf("2s", "5s"), 2+m.rng.IntN(3))
	if m.chance(0.5) {
		m.line("stall %s at %s length %s hops %d after %s", ep, dur(m.between(0.2, 0.5)*m.duration), dur(m.between(150, 400)), 1+m.rng.IntN(6), dur(m.logBetween(5, 150)))
	} else {
		m.line("stall %s at %s length %s", ep, m.when(m.crashes()), dur(m.between(150, 400)))
	}
	if m.chance(0.3) {
		m.line("stall %s at %s length %s", ep, m.when(1+m.rng.IntN(3)), dur(m.between(3, 12)))
	}
}

func (m *maker) poison() {
	m.fleet(1200, 12*3600)
	m.distract()
	ep := m.guilty(m.rare())
	code := m.oneOf("1", "1", "139", "134")
	words := ""
	if m.chance(0.6) {
		words = "words"
	}
	if m.chance(0.5) {
		m.line("poison %s at %s exit %s after-start %s hops %d after %s %s", ep, dur(m.between(0.2, 0.5)*m.duration), code, dur2(m.logBetween(0.02, 20)),
			1+m.rng.IntN(7), dur(m.logBetween(2, 120)), words)
	} else {
		m.line("poison %s at %s exit %s after-start %s %s", ep, m.when(m.crashes()), code, dur2(m.logBetween(0.02, 20)), words)
	}
}

func (m *maker) twoCulprits() {
	m.fleet(3*3600, 24*3600)
	m.distract()
	a := m.guilty(m.rare())
	b := m.guilty(m.rare())
	m.line("burst %s at %s size %s ramp %s slow %.1f", a, m.when(2+m.rng.IntN(4)), m.lethal(), dur(m.logBetween(5, 120)), m.slowness())
	if m.chance(0.5) {
		m.line("burst %s at %s size %s ramp %s slow %.1f", b, m.when(2+m.rng.IntN(4)), m.lethal(), dur(m.logBetween(5, 120)), m.slowness())
	} else {
		m.line("poison %s at %s exit 1 after-start 300ms words", b, m.when(2+m.rng.IntN(4)))
	}
}

func (m *maker) healthy() { m.fleet(1200, 48*3600) }

func (m *maker) warmup() {
	m.fleet(3600, 24*3600)
	m.line("deploy v%d at %s gap %s", 300+m.rng.IntN(90), dur(m.between(0.02, 0.3)*m.duration), dur(m.between(15, 60)))
	if m.chance(0.5) {
		m.line("warmup %.1fMiB over %s", m.headroom*m.between(0.3, 0.75), dur(m.logBetween(300, 0.25*m.duration)))
	} else {
		perLife := m.rate / float64(m.containers) * m.duration
		m.line("cache %.1fMiB after %.0f", m.headroom*m.between(0.3, 0.75), perLife*m.between(0.08, 0.3))
	}
}

func (m *maker) daily() {
	m.fleet(24*3600, 48*3600)
	m.line("memory per-rate %.1fMiB", m.headroom*m.between(0.2, 0.55)/(1.7*m.rate/float64(m.containers)))
	if m.chance(0.5) {
		m.line("cycling at %s gap %s", dur(m.between(0.2, 0.6)*m.duration), dur(m.between(120, 900)))
	}
}

func (m *maker) background() {
	m.fleet(3*3600, 48*3600)
	m.distract()
	lives := m.between(0.5, 3.5)
	if m.chance(0.5) {
		m.line("drift %.2fMiB", m.headroom*lives/(m.duration/3600))
		return
	}
	every := m.logBetween(60, m.duration/40)
	logged := ""
	if m.chance(0.6) {
		logged = "logged"
	}
	m.line("job %s every %s leaks %.3fMiB length %s %s", m.oneOf("refresh-usage-statistics", "sync-directory", "purge-sessions", "send-digests"), dur(every),
		m.headroom*lives*every/m.duration, dur(m.logBetween(0.1, 20)), logged)
}

func (m *maker) capacity() {
	m.fleet(3600, 12*3600)
	length := math.Min(m.between(0.05, 0.2)*m.duration, m.between(900, 2400))
	if m.chance(0.5) {
		m.line("router slots %d", 2+m.rng.IntN(6))
	}
	times := m.between(3, 6)
	// At the top of the surge, memory per request a second passes what there is.
	m.line("memory per-rate %.2fMiB", 1.02*m.headroom/(times*m.rate/float64(m.containers)))
	for range 1 + m.rng.IntN(5)/4 {
		m.line("surge at %s length %s times %.1f ramp %s", dur(m.between(0.15, 0.7)*m.duration), dur(length), times, dur(length*m.between(0.3, 0.5)))
	}
}

func (m *maker) hung() {
	m.fleet(1800, 6*3600)
	if m.chance(0.25) {
		m.line("slowdb at %s length %s slow %.0f", dur(m.between(0.2, 0.5)*m.duration), dur(m.between(0.05, 0.2)*m.duration), m.logBetween(10, 80))
		return
	}
	who, announced := "", ""
	if m.chance(0.5) {
		who = fmt.Sprintf("who web-%d replaced %s", 1+m.rng.IntN(m.containers), dur(m.between(30, 120)))
	}
	if m.chance(0.5) {
		announced = "announced"
	}
	m.line("health every 10s timeout 5s failures 3 replace")
	m.line("hang directory-2 at %s length %s timeout %s share %.0f%% %s %s", dur(m.between(0.2, 0.5)*m.duration), dur(m.between(0.1, 0.35)*m.duration),
		m.oneOf("3s", "5s", "10s", "10s", "15s", "20s"), 100*m.between(0.04, 0.5), who, announced)
}

func (m *maker) deploy() {
	m.fleet(1800, 24*3600)
	switch m.rng.IntN(5) {
	case 0:
		m.line("cycling at %s gap %s", dur(m.between(0.1, 0.4)*m.duration), dur(m.between(20, 0.4*m.duration/float64(m.containers))))
	case 1:
		at := m.between(0.2, 0.5) * m.duration
		length := m.between(0.1, 0.3) * m.duration
		announced := ""
		if m.chance(0.6) {
			announced = "announced"
		}
		m.line("maintenance at %s length %s %s", dur(at), dur(length), announced)
	case 2:
		m.line("scale %d at %s", 1+m.rng.IntN(m.containers), dur(m.between(0.2, 0.7)*m.duration))
	default:
		for i := range 1 + m.rng.IntN(3) {
			m.line("deploy v%d at %s gap %s", 310+i, dur(m.between(0.1, 0.8)*m.duration), dur(m.between(10, 50)))
		}
	}
}

func (m *maker) hostFailure() {
	m.fleet(1800, 12*3600)
	m.distract()
	hosts := 2 + m.rng.IntN(3)
	for i, l := range m.lines {
		if strings.HasPrefix(l, "containers ") {
			m.lines[i] = l + fmt.Sprintf(" hosts %d", hosts)
		}
	}
	m.line("service worker %d", hosts)
	m.line("service db %d", hosts)
	announced := ""
	if m.chance(0.5) {
		announced = "announced"
	}
	m.line("host host-%d at %s %s", 1+m.rng.IntN(hosts), dur(m.between(0.2, 0.8)*m.duration), announced)
}

func (m *maker) unexplained() {
	m.fleet(1800, 24*3600)
	m.distract()
	for at := range strings.SplitSeq(m.when(m.crashes()), ",") {
		switch m.rng.IntN(4) {
		case 0:
			m.line("kill any at %s exit 137 reason oom", at)
		case 1:
			m.line("kill any at %s exit 1", at)
		default:
			m.line("kill any at %s exit 137", at)
		}
	}
}

func (m *maker) pressure() {
	m.fleet(1800, 24*3600)
	m.distract()
	for at := range strings.SplitSeq(m.when(m.crashes()), ",") {
		m.line("pressure any at %s size %s ramp %s slow %.1f", at, m.lethal(), dur(m.logBetween(5, 300)), m.slowness())
	}
}

func (m *maker) crashLoop() {
	m.fleet(1800, 12*3600)
	reason := m.oneOf("exit 1", "exit 1 words", "exit 137", "exit 137 reason oom")
	m.line("crashloop web-%d at %s times %d after %s %s", 1+m.rng.IntN(m.containers), dur(m.between(0.2, 0.6)*m.duration), 3+m.rng.IntN(12), dur(m.logBetween(1, 90)), reason)
}
