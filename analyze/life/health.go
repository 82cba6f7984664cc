package life

import (
	"slices"
	"strings"
	"time"

	"lastcall/collectors/record"
)

// healTime: who watches over others stops what is unhealthy within this, and starts it again within this.
const healTime = 5 * time.Minute

// atOnce is how soon a machine acts on a container that has become unhealthy; people and their deploys take longer.
const atOnce = 15 * time.Second

// healthState begins the reason of an event that tells of the state of a container's health, as Docker does, and not of one check.
const healthState = "health_status"

// whoKilled looks for the reason of a kill that its own line does not give: failed health checks or memory over quota just before.
func (c *container) whoKilled(d *Death) {
	for _, e := range c.between(d.Time.Add(-2*signGap), d.Time.Add(clockSlack)) {
		switch e.Kind {
		case record.MemoryPressure:
			d.Kind = record.CrashOOMKill
		case record.HealthCheckFailed:
			if d.Kind != record.CrashOOMKill {
				d.Kind = record.CrashHealthCheck
			}
		default:
			continue
		}
		d.First = min(d.First, e.Time)
		d.Signs = append(d.Signs, signOf(e, d.Kind))
	}
	d.sortSigns()
}

// unhealthyBefore reports whether a container was asked to stop because it had failed its health checks: several of them, just before,
// and no other reason is known. A failed readiness check takes a container out of the traffic and stops nothing.
func (c *container) unhealthyBefore(stop *record.Lifecycle) bool {
	if stop.Kind != record.Stopping || c.reason(stop.Time, stop.Reason) != reasonStopped {
		return false
	}
	n := 0
	var last record.Time
	for _, e := range c.between(stop.Time.Add(-2*signGap), stop.Time.Add(clockSlack)) {
		if e.Kind == record.HealthCheckFailed && !strings.Contains(strings.ToLower(e.Reason+e.Text), "readiness") {
			if n == 0 || e.Time.Sub(last) >= time.Second { // else told by a second source
				n++
			}
			last = e.Time
		}
	}
	return n >= 2 && stop.Time.Sub(last) <= grace
}

// healed reports whether d, the end of a stop, is the kill of a container that the platform itself calls unhealthy, which is what it makes of
// all retries, and puts down why. It was killed for that if it had just become so, did not even answer the request to stop, or was started
// again as it was, as those do that watch over others. What is created anew was not, unless it followed at once, as a swarm creates another
// task; nor was what is stopped for a reason that is known.
func (c *container) healed(d *Death, stop *record.Lifecycle) bool {
	state := c.stateOfHealth(min(stop.Time, d.Time))
	if state == nil || state.Kind != record.HealthCheckFailed || c.reason(stop.Time, stop.Reason) != reasonStopped {
		return false
	}
	same, another := c.instancesAround(d)
	waited := stop.Time.Sub(state.Time)
	if another && waited > atOnce || !same && d.ExitCode != exitSIGKILL && waited > grace {
		return false
	}
	if kindRank(d.Kind) < kindRank(record.CrashHealthCheck) {
		d.Kind = record.CrashHealthCheck
	}
	d.First = min(d.First, state.Time)
	d.Signs = slices.Insert(d.Signs, 0, signOf(state, record.CrashHealthCheck))
	d.sortSigns()
	return true
}

// stateOfHealth returns what the platform last said of the health of a container, as a state rather than of one check; nil if that is long
// ago, or of a life before.
func (c *container) stateOfHealth(at record.Time) *record.Lifecycle {
	for _, e := range slices.Backward(c.between(at.Add(-healTime), at)) {
		switch {
		case strings.HasPrefix(e.Reason, healthState):
			return e
		case e.Time < at && (e.Kind == record.Starting || e.Kind == record.Up):
			return nil
		}
	}
	return nil
}

// instancesAround says whether the same instance was started after an end, or another one was created or started around it.
func (c *container) instancesAround(d *Death) (same, another bool) {
	for _, e := range c.between(d.Time.Add(-grace), d.Time.Add(healTime)) {
		if e.Kind == record.Starting || e.Kind == record.Up {
			another = another || differ(e.Instance, d.Instance)
			same = same || e.Time >= d.Time && e.Instance != "" && !differ(e.Instance, d.Instance)
		}
	}
	return same && !another, another
}
