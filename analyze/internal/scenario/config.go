package scenario

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

const mib = 1 << 20

// config is a scenario's text, understood. Times are seconds from the start, sizes bytes.
type config struct {
	seed     uint64
	start    time.Time
	duration float64

	service    string
	containers int
	naming     string // fixed (web-1), heroku (web.1), pods (a new name for each life), mixed (router and platform differ from application)
	hosts      int
	others     []otherService
	version    string
	sayVersion bool // application lines and samples carry the version

	people  int  // see Scenario.NamePeople
	fastify bool // see Scenario.Fastify

	runtime              string  // node, go, native
	limit, heap          float64 // limits of the container and of the heap; heap 0: none
	base, native, young  float64 // live heap when idle, memory outside it, garbage between collections
	wander               float64 // standard deviation of the slow wander of live heap
	release              float64 // seconds after which committed heap is given back; 0: never
	perRate              float64 // bytes of live heap per request a second (pools, buffers)
	thrash               float64 // slowdown at a full heap
	agony                float64 // typical seconds from a full heap to the end
	warmSize, warmTau    float64
	cacheSize, cacheReqs float64
	boot                 float64 // typical seconds to boot
	age                  float64 // the first lives began this long before the start

	rate, diurnal, bursty, mix float64
	users                      int
	scanners                   float64 // share of traffic that scanners make
	probe                      float64 // seconds between probes of GET /; 0: none
	generated                  int
	endpoints                  []epSpec
	timeout                    float64
	retry                      float64 // chance that a client retries a failed request
	leave                      float64 // chance that a client of a request over 10 s leaves
	routing                    string  // random, roundrobin, leastconn
	slots                      float64 // requests that a container works on at full speed; 0: any
	fallout, falloutSlow       float64
	health                     healthSpec

	acts    []act
	planned [][2]float64

	logs    logSpec
	metrics metricSpec
	noise   noiseSpec

	toldLimit int64
}

type otherService struct {
	name string
	n    int
}

type healthSpec struct {
	every, timeout float64
	failures       int
	kill           bool
}

// epSpec is one endpoint.
type epSpec struct {
	method, path string
	weight       float64 // relative share of those without share
	share        float64 // of all traffic, when set
	latency      float64 // median seconds
	sigma        float64 // of the logarithm
	tail         float64 // share of requests from the heavy tail
	memory       float64 // bytes held while one is in flight
	dep          bool    // calls the dependency that a hang act hangs
	stream       bool    // the first byte comes at once: the router does not time out
	query        bool
	ids          int
	people       int // see Scenario.NamePeople

	segs []string
}

func (e *epSpec) key() string { return e.method + " " + e.path }

// name is the endpoint as a report has it.
func (e *epSpec) name() string { return e.method + " " + normalTemplate(e.path) }

// act is one thing that happens; which fields count depends on kind.
type act struct {
	kind  string
	ep    int // index into config.endpoints; -1: none
	other int // another endpoint

	at     []float64 // instants
	every  float64
	until  float64
	times  int     // how often at most; 0: no bound
	chance float64 // of each ordinary request of ep

	hops  int     // the same request is sent again, at most so often in all
	after float64 // seconds from the failure the client saw to the next try

	size, ramp float64
	length     float64 // how long it lasts
	slow       float64 // slowdown of the container meanwhile
	release    bool    // burst: the request ends before the death, its memory stays
	external   bool    // leak: outside the heap, and reported as external
	native     bool    // leak: outside the heap, and reported by nobody

	code      int    // exit code
	reason    string // words of the platform
	who       string // container, host, peer, version, job, service
	gap       float64
	logged    bool
	announced bool
	timeout   float64
	share     float64
	replaced  float64
	words     bool
}

type logSpec struct {
	router, app, started      bool
	ids, containers, users    bool
	routes, events, lastWords bool
	clientIP                  bool
}

type metricSpec struct {
	every  float64 // 0: none
	rollup string  // last, avg, max
	self   bool    // RSS is reported by the process too, and falls silent with it
	heap   bool
	cpu    bool
	limit  bool
	named  bool // samples name their container
}

type noiseSpec struct {
	skew         map[string]float64 // by source
	lose         map[string]float64
	loseLast     float64
	shuffle      float64
	platformLag  float64
	silence      float64 // longest silence of runtime metrics before a death
	abandonedLog bool    // the application logs requests that the router gave up on
	sigtermCrash bool    // stops are reported as exits with SIGTERM
}

func defaultConfig() config {
	return config{
		seed: 1, start: time.Date(2026, 11, 16, 9, 0, 0, 0, time.UTC), duration: 45 * 60,
		service: "web", containers: 6, naming: "fixed", version: "v311",
		runtime: "node", limit: 400 * mib, heap: 160 * mib, base: 34 * mib, native: 52 * mib, young: 5 * mib, wander: 1 * mib,
		release: 900, thrash: 12, agony: 8, boot: 10, age: 0,
		rate: 5, mix: 0.25, users: 400, scanners: 0.0015, probe: 30, timeout: 30, retry: 0.5, leave: 0.02,
		routing: "random",
		logs: logSpec{router: true, app: true, ids: true, containers: true, users: true, events: true, lastWords: true,
			clientIP: true},
		metrics: metricSpec{every: 10, rollup: "last", heap: true, cpu: true, limit: true, named: true},
		noise:   noiseSpec{skew: map[string]float64{}, lose: map[string]float64{}, platformLag: 1, silence: 30},
	}
}

// instant converts seconds from the start.
func (c *config) instant(sec float64) record.Time {
	return record.TimeOf(c.start).Add(seconds(sec))
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

// prepare completes the endpoints: generates those asked for and turns weights into shares.
func (c *config) prepare() []epSpec {
	eps := append([]epSpec(nil), c.endpoints...)
	taken := map[string]bool{}
	for i := range eps {
		taken[eps[i].method+" "+normalTemplate(eps[i].path)] = true
	}
	rng := rand.New(rand.NewPCG(c.seed, 11))
	for _, e := range genEndpoints(rng, c.generated, taken) {
		dup := false
		for i := range c.endpoints {
			dup = dup || c.endpoints[i].name() == e.name()
		}
		if !dup {
			eps = append(eps, e)
		}
	}
	given, weights := 0.0, 0.0
	for i := range eps {
		given += eps[i].share
		if eps[i].share == 0 {
			weights += eps[i].weight
		}
	}
	for i := range eps {
		e := &eps[i]
		if e.share == 0 && weights > 0 {
			e.share = math.Max(0, 1-given) * e.weight / weights
		}
		e.segs, e.people = strings.Split(e.path, "/"), c.people
		if e.ids == 0 {
			e.ids = 40 + rng.IntN(4000)
		}
		if c.generated > 0 && i >= len(c.endpoints) {
			e.dep = rng.IntN(10) < 6
		}
	}
	return eps
}

// lognormal draws from a lognormal with the given median of 1 when mu is 0.
func lognormal(rng *rand.Rand, mu, sigma float64) float64 {
	return math.Exp(mu + sigma*rng.NormFloat64())
}

// causeOfAct is what a culprit act is called when it kills.
func causeOfAct(kind string) finding.Cause {
	switch kind {
	case "burst":
		return finding.RequestBurst
	case "leak":
		return finding.RequestLeak
	case "stall":
		return finding.CPUStall
	case "poison":
		return finding.RequestCrash
	case "job", "drift":
		return finding.BackgroundLeak
	case "host":
		return finding.HostFailure
	case "hang":
		return finding.HungDependency
	}
	return finding.Undetermined
}
