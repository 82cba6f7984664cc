package scenario

import (
	"fmt"
	"math"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

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
	for i := 1; i < min(len(s.crashes), 8); i++ {
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
		case t-r.arr > w.cfg.timeout && !(r.ep >= 0 && w.eps[r.ep].stream):
			w.lose(c, r, t)
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
	due := at + h.timeout + 0.05*w.rng.Float64()
	w.at(due, func() {
		if c.over || c.rate >= 0.02 {
			return
		}
		t := math.Max(due, w.now)
		cause, ep := finding.HungDependency, ""
		if !c.hung {
			cause, ep = w.blame(c)
		}
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
