package life

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

const (
	// grace: a kill this soon after a request to stop is the end of that stop, not a crash. It is the longest usual grace period.
	grace = 60 * time.Second
	// deployTime is how long a deploy may take to replace the containers.
	deployTime = 15 * time.Minute
	// sameDeploy: what two sources tell of deploys closer than this, of one version or of none, is one deploy.
	sameDeploy = 10 * time.Minute
)

// Reasons of finding.Restart.
const (
	reasonDeploy      = "deploy"
	reasonScale       = "scale"
	reasonCycling     = "cycling"
	reasonMaintenance = "maintenance"
	reasonStopped     = "stopped" // on request, and nothing says why
)

// schedule is what may explain an end of any container: the deploys, and the windows in which ends are planned.
type schedule struct {
	deploys []Deploy
	planned []Span
}

// deployed reports whether an instant lies within a deploy, or so shortly before it.
func (s schedule) deployed(at record.Time, slack time.Duration) bool {
	return slices.ContainsFunc(s.deploys, func(d Deploy) bool { return at >= d.Time.Add(-slack) && at <= d.Time.Add(deployTime) })
}

func deploys(events []record.Lifecycle) []Deploy {
	var out []Deploy
	for i := range events {
		e := &events[i]
		if e.Kind != record.Deploy {
			continue
		}
		told := false // by another source already
		for k := len(out) - 1; k >= 0 && !told && e.Time.Sub(out[k].Time) < sameDeploy; k-- {
			if told = e.Version == out[k].Version || e.Version == "" || out[k].Version == ""; told {
				out[k].Version = cmp.Or(out[k].Version, e.Version)
			}
		}
		if !told {
			out = append(out, Deploy{Time: e.Time, Version: e.Version, Pos: e.Pos, Text: e.Text})
		}
	}
	return out
}

// announced returns the maintenance windows that events tell of: with an end, or begun by one event and ended by the next that
// says so.
func announced(events []record.Lifecycle) []Span {
	var out []Span
	var open record.Time
	for i := range events {
		e := &events[i]
		if e.Kind != record.Maintenance {
			continue
		}
		over := maintenanceOver(e)
		switch {
		case e.End > e.Time:
			out = append(out, Span{e.Time, e.End})
		case over && open != 0:
			out = append(out, Span{open, e.Time})
			open = 0
		case !over && open == 0:
			open = e.Time
		}
	}
	return out
}

// maintenanceOver reports whether an event of a maintenance says that it is over. It does so in whole words: "discovery-api", "failover" and
// "extended" hold some of them. The text of an event that came as JSON is all of its fields, names among them; what it says is its reason.
func maintenanceOver(e *record.Lifecycle) bool {
	text := e.Reason
	if !strings.HasPrefix(e.Text, "{") {
		text += " " + e.Text
	}
	text = strings.ToLower(text)
	before := ""
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./", r)
	}) {
		word = strings.Trim(word, "-_./")
		switch word {
		case "finish", "finishes", "finished", "ended", "complete", "completes", "completed", "disable", "disables", "disabled":
			return true
		case "over": // not what is handed over
			switch before {
			case "", "is", "now", "maintenance", "window":
				return true
			}
		}
		before = word
	}
	return strings.Contains(text, "mode off")
}

// stopBefore returns the request to stop that d is the end of, or nil.
func (c *container) stopBefore(d *Death) *record.Lifecycle {
	near := c.between(d.Time.Add(-grace), d.Time.Add(clockSlack))
	for _, n := range slices.Backward(near) {
		switch n.Kind {
		case record.Stopping, record.Cycling, record.Restarting:
			return n
		}
	}
	return nil
}

// spent reports whether a stop had ended the container before, and it had started again: one stop is one end, and what starts after it and
// fails, as a release that does not come up, has crashed. Both ends are of one source: another may tell of the first one late.
func (c *container) spent(stop *record.Lifecycle, d *Death) bool {
	told := func(at record.Time, p record.Pos) bool {
		return at >= stop.Time.Add(-clockSlack) && c.startBetween(at, d.First) &&
			slices.ContainsFunc(d.Signs, func(s Sign) bool { return s.Exited && sourceName(s.Pos) == sourceName(p) })
	}
	for _, e := range c.between(stop.Time.Add(-clockSlack), d.First) {
		if e.Kind == record.Stopped && told(e.Time, e.Pos) {
			return true
		}
	}
	i := sort.Search(len(c.crashes), func(i int) bool { return c.crashes[i].Time >= stop.Time.Add(-clockSlack) })
	for ; i < len(c.crashes) && c.crashes[i].Time < d.First; i++ {
		if s := c.crashes[i]; s.Exited && told(s.Time, s.Pos) {
			return true
		}
	}
	return false
}

// stoppedAsAsked notes d as the end of a stop, which is nil where only its exit status tells of one.
func (c *container) stoppedAsAsked(d *Death, stop *record.Lifecycle) {
	if c.restartedAt.near(d.Time, grace) {
		return // told already
	}
	word, detail := "", d.Signs[0].Text
	if stop != nil {
		word, detail = stop.Reason, stop.Text
		if stop.Kind == record.Cycling {
			word = reasonCycling
		}
	}
	c.addRestart(Restart{Time: d.Time, Instance: d.Instance, Reason: c.reason(d.Time, word), Detail: detail, Pos: d.Signs[0].Pos})
}

// reason returns why a container was stopped: what the source's own word says, else what else was going on.
func (c *container) reason(at record.Time, word string) string {
	w := strings.ToLower(word)
	switch {
	case word == record.Evicted:
		return finding.Evicted
	case strings.Contains(w, "deploy") || strings.Contains(w, "release") || strings.Contains(w, "rollout"):
		return reasonDeploy
	case strings.Contains(w, "scale") || strings.Contains(w, "scaling"):
		return reasonScale
	case strings.Contains(w, "cycl") || strings.Contains(w, "daily"):
		return reasonCycling
	case strings.Contains(w, "maintenance") || strings.Contains(w, "planned") && !strings.Contains(w, "unplanned"):
		return reasonMaintenance
	}
	for _, e := range c.between(at.Add(-2*grace), at.Add(2*grace)) {
		if e.Kind == record.Cycling {
			return reasonCycling
		}
	}
	if c.schedule.deployed(at, clockSlack) {
		return reasonDeploy
	}
	return reasonStopped
}
