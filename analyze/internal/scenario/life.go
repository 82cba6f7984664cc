package scenario

import (
	"math"
	"slices"

	"lastcall/collectors/record"
)

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
			k.progress += dt / k.ramp * speed
			if k.act.release && !k.finished && k.progress > 0.6 {
				k.finished = true
				c.remove(k.req)
				w.complete(c, k.req, end)
			}
			done = k.progress >= 1.05
		case "stall":
			k.progress += dt
			done = k.progress >= k.length
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
	if c.agony {
		slow = math.Max(slow, 60)
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
		w.lose(c, r, t)
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
		if age < 8+step && (r.k == nil || r.k.act.hops == 0) && w.rng.Float64() < w.cfg.leave {
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
			w.lose(c, r, now)
		}
	}
}

// lose writes the router's 504 for a request that is still being worked on at instant now.
func (w *world) lose(c *life, r *req, now float64) {
	r.gaveUp = true
	at := r.arr + w.cfg.timeout
	at += math.Min(0.02*w.rng.ExpFloat64(), math.Max(0, now-at))
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
