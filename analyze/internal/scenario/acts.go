package scenario

import (
	"fmt"
	"math"
	"strings"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// schedule plans what an act does.
func (w *world) schedule(a *actState) {
	from := 0.0
	if len(a.at) > 0 {
		from = a.at[0]
	}
	switch a.kind {
	case "burst", "stall", "poison":
		w.scheduleKiller(a, from)
	case "batch":
		for t := from; t < w.cfg.duration; t += a.every {
			w.arrive(arrival{t: t + 3*w.rng.Float64(), ep: int32(a.ep), user: 3, long: a.length})
		}
	case "job":
		for i := range w.slots {
			if s := w.slots[i]; s.http {
				w.job(a, s, from+a.every*w.rng.Float64())
			}
		}
	case "surge":
		for _, t := range a.at {
			// Traffic swells over a tenth of the time (or what the text says) and ebbs likewise.
			edge := a.length / 10
			if a.ramp > 0 {
				edge = math.Min(a.ramp, a.length/2)
			}
			for i := 0; i <= 10; i++ {
				f := float64(i) / 10
				w.at(t+f*edge, func() { w.surge = 1 + (a.share-1)*f })
				w.at(t+a.length-edge+f*edge, func() { w.surge = 1 + (a.share-1)*(1-f) })
			}
		}
	case "slowdb":
		for _, t := range a.at {
			w.at(t, func() { w.dbSlow = a.slow })
			w.at(t+a.length, func() { w.dbSlow = 1 })
		}
	case "pressure", "kill", "crashloop":
		for _, t := range a.at {
			w.at(t, func() { w.strike(a, t) })
		}
	case "hang":
		for _, t := range a.at {
			w.at(t, func() { w.beginHang(a, t) })
		}
	case "host":
		for _, t := range a.at {
			w.at(t, func() { w.failHost(a, t) })
		}
	case "deploy", "cycling", "maintenance", "scale":
		for _, t := range a.at {
			w.at(t, func() { w.plan(a, t) })
		}
	}
}

func (w *world) scheduleKiller(a *actState, from float64) {
	send := func(t float64) {
		a.done++
		w.arrive(arrival{t: t, ep: int32(a.ep), user: uint32(w.rng.IntN(w.cfg.users)), act: a, hop: 1})
	}
	switch {
	case a.chance > 0: // made of ordinary requests, by turn
	case a.every > 0:
		t := from
		for n := 0; a.times == 0 || n < a.times; n++ {
			t += a.every * (0.4 + 1.2*w.rng.Float64())
			if t >= w.cfg.duration {
				break
			}
			send(t)
		}
	default:
		for _, t := range a.at {
			send(t)
		}
	}
}

// job runs a job in the container of a slot at instant t, and plans its next run.
func (w *world) job(a *actState, s *slot, t float64) {
	w.at(t, func() {
		next := t + a.every*(0.98+0.04*w.rng.Float64())
		if c := s.life; c != nil && !c.over && c.up <= t && c.rate > 0.02 {
			length := math.Max(0.02, a.length*lognormal(w.rng, 0, 0.3))
			c.jobHeap += a.size * lognormal(w.rng, -0.02, 0.2)
			if a.logged && w.cfg.logs.app {
				w.trace.jobs = append(w.trace.jobs, jobLine{name: a.who, start: t, end: t + length, life: c})
			}
		}
		if next < w.cfg.duration {
			w.job(a, s, next)
		}
	})
}

// find returns the life that who names: a container, or any that is up.
func (w *world) find(who string) *life {
	var up []*life
	for _, s := range w.slots {
		c := s.life
		if c == nil || c.over || c.up > w.now {
			continue
		}
		if who == "any" && s.http || who == fmt.Sprintf("%s-%d", s.service, s.n) {
			up = append(up, c)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return up[w.rng.IntN(len(up))]
}

// strike is a death or a pressure that comes from nothing that a log tells of.
func (w *world) strike(a *actState, t float64) {
	c := w.find(a.who)
	if c == nil {
		return
	}
	switch a.kind {
	case "pressure":
		c.pressure = append(c.pressure, &pressure{act: a})
	case "kill":
		w.strikeDown(c, a, t)
	case "crashloop":
		s := c.slot
		w.strikeDown(c, a, t)
		var again func(n int)
		again = func(n int) {
			if n >= a.times {
				return
			}
			var poll func(t float64)
			poll = func(t float64) {
				if c := s.life; c != nil && !c.over && c.up <= t {
					w.at(c.up+a.after*(0.8+0.4*w.rng.Float64()), func() {
						if !c.over {
							w.strikeDown(c, a, math.Max(w.now, c.up))
						}
						again(n + 1)
					})
					return
				}
				if t < w.cfg.duration {
					w.at(t+2, func() { poll(t + 2) })
				}
			}
			poll(w.now)
		}
		again(1)
	}
}

func (w *world) strikeDown(c *life, a *actState, t float64) {
	if c.over {
		return
	}
	w.advance(c, w.now, t)
	switch a.reason {
	case "oom":
		w.die(c, t, record.CrashOOMKill, 137, finding.Undetermined, "", false)
	case "unhealthy":
		w.platform(platLine{t: t, life: c, crash: record.CrashHealthCheck, code: -1, text: "Container " + c.name + " does not answer health checks, killing"})
		w.die(c, t, record.CrashHealthCheck, 137, finding.Undetermined, "", false)
	default:
		kind := record.CrashOther
		if a.code == 1 {
			kind = record.CrashException
		}
		w.die(c, t, kind, a.code, finding.Undetermined, "", a.words)
	}
}

// beginHang lets an instance of the dependency hang, and with it perhaps a container of the fleet on the same machine.
func (w *world) beginHang(a *actState, t float64) {
	peer, who, _ := strings.Cut(a.who, " ")
	w.hang, w.hangUntil = a.act, t+a.length
	if who != "" {
		if c := w.find(who); c != nil {
			c.hung = true
			w.speed(c, t)
			w.at(t+math.Max(10, a.replaced), func() {
				if c.over {
					return
				}
				w.replace(c, t+math.Max(10, a.replaced))
			})
		}
	}
	if a.announced {
		gone := t + math.Max(10, a.replaced) + 3
		w.at(gone, func() {
			w.platform(platLine{t: gone, name: peer, kind: record.Unreachable, text: "Container " + peer + " unreachable, rescheduling"})
		})
	}
	end := t + a.length
	w.at(end, func() {
		w.hang = nil
		if a.announced {
			w.platform(platLine{t: end, kind: record.MembersChanged, text: "Service list of " + strings.TrimRight(peer, "-0123456789") + " refreshed"})
		}
	})
}

// failHost takes all containers of a host down at once.
func (w *world) failHost(a *actState, t float64) {
	if a.announced {
		w.platform(platLine{t: t + 20 + 10*w.rng.Float64(), host: a.who, kind: record.HostDown, text: "Host " + a.who + " is down"})
	}
	for _, s := range w.slots {
		c := s.life
		if s.host != a.who || c == nil || c.over {
			continue
		}
		if c.up <= t {
			w.advance(c, w.now, t)
		}
		w.die(c, t+0.3*w.rng.Float64(), record.CrashOther, 137, finding.HostFailure, "", false)
		// It comes back on another machine.
		s.host = fmt.Sprintf("host-%d", 1+(s.n+7)%max(2, w.cfg.hosts+1))
		if s.host == a.who {
			s.host = "host-0"
		}
	}
}

// plan carries out what people or the platform planned: containers are asked to stop, one after the other or all at once.
func (w *world) plan(a *actState, t float64) {
	var todo []*slot
	for _, s := range w.slots {
		if s.http && s.life != nil {
			todo = append(todo, s)
		}
	}
	gap := a.gap
	switch a.kind {
	case "deploy":
		w.version = a.who
		w.platform(platLine{t: t, kind: record.Deploy, version: a.who, text: "Deployment of " + a.who + " by ci@example.org started"})
		if gap == 0 {
			gap = 25
		}
		end := t + gap*float64(len(todo)) + 20
		w.at(end, func() {
			w.platform(platLine{t: end, kind: record.DeployFinished, version: a.who, text: "Deployment of " + a.who + " finished"})
		})
	case "cycling":
		if gap == 0 {
			gap = 600
		}
	case "maintenance":
		if a.announced {
			w.platform(platLine{t: t, until: t + a.length, kind: record.Maintenance, text: "Scheduled maintenance of the platform"})
		}
		gap = a.length / float64(len(todo)+1)
	case "scale":
		w.platform(platLine{t: t, kind: record.Scale, text: fmt.Sprintf("Scaled %s to %d", w.cfg.service, a.times)})
		up := 0
		for _, s := range w.slots {
			if !s.http {
				continue
			}
			up++
			if up > a.times {
				s.gone = true
				w.stop(s, t+0.5*w.rng.Float64(), "scale down")
			}
		}
		for n := up; n < a.times; n++ {
			s := &slot{service: w.cfg.service, n: n + 1, http: true}
			w.slots = append(w.slots, s)
			w.reborn(s, t+1+float64(n-up))
		}
		return
	}
	for i, s := range todo {
		when := t + gap*float64(i)*(0.9+0.2*w.rng.Float64())
		w.at(when, func() { w.stop(s, when, a.kind) })
	}
}

// stop asks the container of a slot to stop: it gets no new requests, has ten seconds for those in flight, and then ends.
func (w *world) stop(s *slot, t float64, why string) {
	c := s.life
	if c == nil || c.over {
		return
	}
	c.routed = false
	kind, text := record.Stopping, fmt.Sprintf("Stopping container %s (%s)", c.name, why)
	if why == "cycling" {
		kind, text = record.Cycling, "Cycling container "+c.name
	}
	w.platform(platLine{t: t, life: c, kind: kind, reason: why, text: text})
	end := t + 1.5 + 2*w.rng.Float64()
	if n := len(c.inflight); n > 0 && w.rng.IntN(3) == 0 {
		end += 7
	}
	w.at(end, func() {
		if c.over {
			return
		}
		if c.up <= end {
			w.advance(c, w.now, end)
		}
		w.end(c, end, false)
		line := platLine{t: end + 0.05, life: c, kind: record.Stopped, code: 143, reason: why,
			text: fmt.Sprintf("Container %s (%s) stopped, exit status 143", c.name, c.id)}
		if w.cfg.noise.sigtermCrash {
			line.kind, line.crash, line.exited, line.signal = "", record.CrashSigterm, true, "SIGTERM"
			line.uptime = end - c.up
		}
		w.platform(line)
		if !s.gone {
			w.reborn(s, end+4+0.3*w.rng.Float64())
		}
	})
}
