package memory

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"lastcall/collectors/record"
)

// world generates the memory and traffic of a fleet with a planted cause. It is deliberately not the model that the package
// fits: garbage is collected in saw teeth, load and caches take memory of their own, and noise drifts.
type world struct {
	name       string
	kind       string // "endpoint", "two", "time", "job", "all", "healthy", "warmup", "cache", "load", "drift"
	share      float64
	containers int
	rps        float64       // of the fleet
	life       time.Duration // time to the limit for a leak
	span       time.Duration
	every      time.Duration // sampling
	goHeap     bool          // garbage up to the size of the live heap
	gc         float64       // garbage amplitude, share of the limit
	drift      float64       // sd of slow drift, share of the limit
	heavy      bool          // leak per request is heavy tailed
	sticky     bool          // endpoints prefer containers
	bursty     bool          // traffic of endpoints comes in bursts
	partner    bool          // another endpoint always comes along
	roundRobin bool          // counts are dealt evenly
	lost       float64       // share of requests that the log misses
	deploy     bool          // the leak arrives with a version half way
	hidden     bool          // the log does not show the culprit
	paced      float64       // spread of the pace of a leak between containers (they keep it)
	endpoints  int           // 0: 40
	spikes     bool          // unrelated requests take a lot of memory for a while
	needs      float64       // of the limit: what an innocent endpoint needs for a while, and the process gives back slowly
	returns    time.Duration // time constant of that
	steps      bool          // unrelated requests leave a lot of memory once in a while
	seed       uint64
}

func (w world) String() string {
	return fmt.Sprintf("%s share=%g n=%d rps=%g life=%s span=%s every=%s go=%v gc=%g drift=%g seed=%d", w.kind, w.share, w.containers, w.rps, w.life, w.span, w.every, w.goHeap, w.gc, w.drift, w.seed)
}

const worldLimit = 512e6

type fleet struct {
	lives   []Life
	ex      Exposure
	jobs    []Job
	culprit map[string]bool
	keeps   map[string]float64 // bytes per request that each endpoint keeps
}

func (w world) run() (f fleet) {
	rng := rand.New(rand.NewPCG(w.seed, 99))
	endpoints := 40
	if w.endpoints > 0 {
		endpoints = w.endpoints
	}
	block := 10 * time.Second
	if w.span > 6*time.Hour {
		block = time.Minute
	}
	n := int(w.span / block)
	dt := block.Seconds()

	weights := make([]float64, endpoints)
	var sum float64
	for e := range weights {
		weights[e] = 1 / math.Pow(float64(e+1), 1.1)
		sum += weights[e]
	}
	for e := range weights {
		weights[e] /= sum
	}
	f = fleet{culprit: map[string]bool{}, keeps: map[string]float64{}}
	name := func(e int) string { return fmt.Sprintf("GET /e%02d", e) }
	leak := make([]float64, endpoints) // bytes per request
	// Bytes an hour for a life to reach the limit from 35 % of it.
	perHour := 0.63 * worldLimit / w.life.Hours()
	perContainerHour := w.rps * 3600 / float64(w.containers)
	culprit := -1
	place := func(e int, share, part float64) {
		rest := 1 - weights[e]
		for i := range weights {
			if i != e {
				weights[i] *= (1 - share) / rest
			}
		}
		weights[e] = share
		leak[e] = part * perHour / (perContainerHour * share)
		f.culprit[name(e)] = !w.hidden
	}
	if w.hidden {
		defer func() { f.culprit = map[string]bool{} }()
	}
	switch w.kind {
	case "endpoint":
		culprit = 3 + rng.IntN(endpoints-3)
		place(culprit, w.share, 1)
	case "two":
		culprit = 3 + rng.IntN(10)
		place(culprit, w.share, 0.5)
		place(culprit+12, w.share*0.7, 0.5)
	case "all":
		for e := range leak {
			leak[e] = perHour / perContainerHour
		}
	case "bysize": // every request leaks, some more than others
		var s float64
		for e := range leak {
			leak[e] = math.Exp(rng.NormFloat64())
			s += leak[e] * weights[e]
		}
		for e := range leak {
			leak[e] *= perHour / perContainerHour / s
		}
		for e := range leak { // one that makes half of the growth is to blame, whatever the others do
			if leak[e]*weights[e]*perContainerHour > 0.5*perHour {
				f.culprit[name(e)] = true
			}
		}
	}
	for e := range leak {
		f.keeps[name(e)] = leak[e]
	}
	const needy = 2 // of the busier ones, and no culprit
	phase := make([]float64, endpoints)
	amp := make([]float64, endpoints)
	for e := range phase {
		phase[e], amp[e] = rng.Float64()*2*math.Pi, 0.3*rng.Float64()
	}
	prefer := make([][]float64, w.containers)
	for c := range prefer {
		prefer[c] = make([]float64, endpoints)
		for e := range prefer[c] {
			prefer[c][e] = 1
			if w.sticky {
				prefer[c][e] = math.Exp(0.5 * rng.NormFloat64())
			}
		}
	}

	from := record.TimeOf(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	f.ex = Exposure{From: from, Block: block, N: n}
	counts := make([][][]float64, endpoints) // endpoint, container, block
	for e := range counts {
		counts[e] = make([][]float64, w.containers)
		by := map[string][]float64{}
		for c := range counts[e] {
			counts[e][c] = make([]float64, n)
			by[fmt.Sprintf("web-%d", c+1)] = make([]float64, n)
		}
		f.ex.Endpoints = append(f.ex.Endpoints, Counts{Endpoint: name(e), ByContainer: by})
	}

	type state struct {
		life     *Life
		start    int
		retained float64
		garbage  float64
		drift    float64
		cache    float64
		base     float64
		nextJob  int
		down     int
		needed   float64
		rate     float64
		slope    float64
	}
	pace := make([]float64, w.containers)
	for c := range pace {
		pace[c] = math.Exp(w.paced * rng.NormFloat64())
	}
	spike := make([]int, w.containers)
	st := make([]*state, w.containers)
	sampleEvery := max(1, int(w.every/block))
	begin := func(c, i int, version string) *state {
		return &state{life: &Life{Container: fmt.Sprintf("web-%d", c+1), Instance: fmt.Sprintf("%d-%d", c, i), Start: from.Add(time.Duration(i) * block),
			Series: map[record.Metric][]Point{}, LimitBytes: worldLimit, HeapLimitBytes: worldLimit, Version: version},
			start: i, base: worldLimit * (0.28 + 0.02*rng.Float64()), nextJob: i + rng.IntN(max(1, int(time.Minute/block))), slope: math.Exp(0.3 * rng.NormFloat64())}
	}
	end := func(s *state, i int, died bool) {
		s.life.End = from.Add(time.Duration(i) * block)
		s.life.Died, s.life.Planned = died, !died
		if died {
			s.life.Kind = record.CrashOOMKill
		}
		f.lives = append(f.lives, *s.life)
	}
	version := "v1"
	for c := range st {
		st[c] = begin(c, -rng.IntN(60), version)
	}
	burst := make([]float64, endpoints)
	for e := range burst {
		burst[e] = 1
	}
	offset := make([]int, w.containers)
	for c := range offset {
		offset[c] = rng.IntN(sampleEvery)
	}
	jobEvery := max(1, int(time.Minute/block))
	for i := range n {
		day := float64(i) * dt / 86400
		load := 1 + 0.4*math.Sin(2*math.Pi*day)
		if w.kind == "load" {
			load = 1 + 0.8*math.Sin(2*math.Pi*day*3)
		}
		if w.kind == "rampload" {
			load = 0.5 + 1.5*float64(i)/float64(n)
		}
		if w.deploy && i == n/3 {
			version = "v2"
			for c := range st {
				end(st[c], i, false)
				st[c] = begin(c, i, version)
			}
		}
		leaking := !w.deploy || version == "v2"
		for e := range endpoints {
			if w.bursty && i%6 == 0 {
				burst[e] = 1
				if rng.Float64() < 0.1 {
					burst[e] = 8
				}
			}
			lambda := w.rps * dt * weights[e] * load * burst[e] * (1 + amp[e]*math.Sin(2*math.Pi*day*4+phase[e]))
			for c := range w.containers {
				if st[c].down > 0 {
					continue
				}
				counts[e][c][i] = poisson(rng, lambda*prefer[c][e]/float64(w.containers))
			}
			if w.roundRobin {
				total := 0.0
				for c := range w.containers {
					total += counts[e][c][i]
				}
				for c := range w.containers {
					counts[e][c][i] = math.Floor((total + float64((c+i)%w.containers)) / float64(w.containers))
				}
			}
		}
		if w.partner && culprit >= 0 {
			for c := range w.containers {
				counts[(culprit+1)%endpoints][c][i] = counts[culprit][c][i]
			}
		}
		for c := range w.containers {
			s := st[c]
			cname := s.life.Container
			if s.down > 0 {
				s.down--
				if s.down == 0 {
					st[c] = begin(c, i, version)
				}
				continue
			}
			requests := 0.0
			for e := range endpoints {
				k := counts[e][c][i]
				requests += k
				if leaking && leak[e] > 0 && k > 0 {
					for range int(k) {
						x := leak[e]
						if w.heavy {
							x *= math.Exp(1.2*rng.NormFloat64() - 0.72)
						}
						s.retained += x
					}
				}
				seen := k
				if w.lost > 0 {
					seen = 0
					for range int(k) {
						if rng.Float64() > w.lost {
							seen++
						}
					}
				}
				if w.hidden && leak[e] > 0 {
					seen = 0
				}
				f.ex.Endpoints[e].ByContainer[cname][i] = seen
			}
			age := float64(i-s.start) * dt / 3600
			h := dt / 3600
			switch w.kind {
			case "time":
				s.retained += perHour * h * pace[c]
			case "drift": // grows by itself, at a pace of its own and with random steps
				s.retained += perHour*h*s.slope + 0.02*worldLimit*math.Sqrt(h/w.life.Hours())*rng.NormFloat64()
			case "job":
				if i >= s.nextJob {
					s.nextJob += jobEvery
					s.retained += perHour / 60
					at := from.Add(time.Duration(i) * block)
					f.jobs = append(f.jobs, Job{"refresh", cname, at, at}, Job{"purge", fmt.Sprintf("web-%d", 1+rng.IntN(w.containers)), at, at})
				}
			case "cache": // fills with each distinct key
				s.cache += requests * (1 - s.cache) / (w.life.Hours() * perContainerHour / 6)
				s.retained = 0.3 * worldLimit * s.cache
			case "warmup":
				s.retained = 0.3 * worldLimit * (1 - math.Exp(-age/(w.life.Hours()/8)))
			}
			s.rate += 0.3 * (requests/dt - s.rate)
			perReq := 0.02 * worldLimit / (w.rps / float64(w.containers))
			if w.kind == "load" || w.kind == "rampload" {
				perReq *= 8
			}
			live := s.base + s.retained + perReq*s.rate + 0.03*worldLimit*(1-math.Exp(-age*12))
			phi := math.Exp(-dt / 1800)
			s.drift = phi*s.drift + math.Sqrt(1-phi*phi)*w.drift*worldLimit*rng.NormFloat64()
			live += s.drift
			if w.spikes {
				if spike[c] == 0 && rng.Float64() < dt/3600/w.life.Hours()*4 {
					spike[c] = 1 + rng.IntN(max(1, int(5*time.Minute/block)))
				}
				if spike[c] > 0 {
					spike[c]--
					live += 0.15 * worldLimit
				}
			}
			if w.needs > 0 {
				// What several need at once adds up; what one gave back another may have.
				if k := counts[needy][c][i]; k > 0 {
					s.needed = max(s.needed, math.Sqrt(k)*w.needs*worldLimit)
				}
				live += s.needed
				s.needed *= math.Exp(-dt / w.returns.Seconds())
			}
			if w.steps && rng.Float64() < h/w.life.Hours()*2 {
				s.retained += 0.05 * worldLimit * rng.Float64()
			}
			room := w.gc * worldLimit
			if w.goHeap {
				room = 0.6 * live
			}
			s.garbage += requests * 0.15 * worldLimit / (perContainerHour / 60) * 0.5
			if s.garbage > room {
				s.garbage = room * 0.1 * rng.Float64()
			}
			if live >= worldLimit {
				end(s, i, true)
				s.down = max(1, int(30*time.Second/block))
				continue
			}
			if (i+offset[c])%sampleEvery == 0 {
				at := from.Add(time.Duration(i)*block + block/2)
				if w.needs == 0 { // what a process gives back slowly is no part of the heap
					s.life.Series[record.HeapUsed] = append(s.life.Series[record.HeapUsed], Point{at, min(live+s.garbage, worldLimit)})
				}
				s.life.Series[record.RSS] = append(s.life.Series[record.RSS], Point{at, min(worldLimit, live+room+30e6)})
			}
		}
	}
	for _, s := range st {
		if s.down == 0 {
			s.life.End = 0
			f.lives = append(f.lives, *s.life)
		}
	}
	return f
}

func poisson(rng *rand.Rand, lambda float64) float64 {
	if lambda <= 0 {
		return 0
	}
	if lambda > 30 {
		return max(0, math.Round(lambda+math.Sqrt(lambda)*rng.NormFloat64()))
	}
	l, k, p := math.Exp(-lambda), 0.0, 1.0
	for {
		p *= rng.Float64()
		if p <= l {
			return k
		}
		k++
	}
}
