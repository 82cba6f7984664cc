package scenario

import (
	"math"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

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
		cause, ep = finding.BackgroundLeak, ""
	}
	return cause, ep
}

// memory of a killer's request.
func (k *killer) memory() float64 {
	if k.act.kind != "burst" {
		return 0
	}
	return k.size * math.Min(1, k.progress)
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
	if dt > 0 {
		c.load += (w.rate/float64(max(1, w.upCount())) - c.load) * (1 - math.Exp(-dt/60))
	}
	age := math.Max(0, t-c.up)
	live := cfg.base + c.wander + c.infMem + c.leakHeap + c.jobHeap
	if cfg.warmSize > 0 {
		live += cfg.warmSize * (1 - math.Exp(-age/math.Max(1, cfg.warmTau)))
	}
	if cfg.cacheSize > 0 {
		live += cfg.cacheSize * (1 - math.Exp(-c.served/math.Max(1, cfg.cacheReqs)))
	}
	if cfg.perRate > 0 {
		live += cfg.perRate * c.load
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
	// Who watches kills within a few per cent.
	c.rss = math.Min(cfg.native+1.03*c.committed+c.leakExt+c.leakNat, 1.04*cfg.limit)
	if c.over || t <= 0 || t < c.up || !math.IsInf(c.deathAt, 1) {
		return
	}
	switch {
	case cfg.heap > 0 && cfg.runtime == "node" && live > cfg.heap:
		// The collector tries to the last, and nothing else runs meanwhile.
		c.agony = true
		c.deathAt = t + step*w.rng.Float64() + cfg.agony*lognormal(w.rng, -0.3, 0.8)
		c.deathKind = record.CrashHeapLimit
	case c.rss > cfg.limit:
		c.deathAt, c.deathKind = t+step*w.rng.Float64(), record.CrashOOMKill
	}
}
