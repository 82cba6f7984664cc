package verdict

import (
	"fmt"
	"slices"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// notGrown is how many times its last reading a process may hold when it is killed and be said not to have grown since.
const notGrown = 1.5

// hostMemory is what is known of deaths that came when the memory of their machine ran out, and not that of their container. Who is killed
// then is chosen by its size and score, and need not be who took the memory.
type hostMemory struct {
	deaths []int
	// small counts those that are known to have held little of their own limit at the kill, and no more than before.
	small int
	// held and limit are of that which had the largest share of its limit by its last reading, in bytes; 0 where no readings say it.
	held, limit float64
}

// readShortages finds the records that tell of a machine that ran out of memory; the one of who was killed stands at the same place.
func (q *inquiry) readShortages() {
	q.shortages = map[naming.Sign]bool{}
	for i := range q.traffic.Evidence.Events {
		if e := &q.traffic.Evidence.Events[i]; e.Kind == record.MemoryPressure && e.Reason == record.NodeOutOfMemory {
			q.shortages[naming.Sign{Pos: e.Pos, At: e.Time}] = true
		}
	}
}

// ofMachine reports whether a container was killed because its machine ran out of memory.
func (q *inquiry) ofMachine(d *life.Death) bool {
	return slices.ContainsFunc(d.Signs, func(s life.Sign) bool {
		return s.Kind == record.CrashOOMKill && q.shortages[naming.Sign{Pos: s.Pos, At: s.Time}]
	})
}

// hostMemory looks at the deaths, of those given, that came of their machine's shortage.
func (q *inquiry) hostMemory(deaths []int) (h hostMemory) {
	for _, d := range deaths {
		x := &q.traffic.Life.Deaths[d]
		if !q.ofMachine(x) {
			continue
		}
		h.deaths = append(h.deaths, d)
		last := q.report.Crashes[d].LastMemory
		if last == nil || last.LimitBytes == nil || *last.LimitBytes == 0 {
			continue
		}
		limit := float64(*last.LimitBytes)
		if h.limit == 0 || last.Bytes/limit > h.held/h.limit {
			h.held, h.limit = last.Bytes, limit
		}
		if used := float64(x.UsedBytes); used > 0 && used < levelMemory*limit && used <= notGrown*last.Bytes {
			h.small++
		}
	}
	return h
}

// most reports whether the machine explains most of the deaths: it ran short, and those it killed had neither grown nor come near their
// own limits.
func (h *hostMemory) most(deaths []int) bool { return 2*h.small > len(deaths) }

func (h *hostMemory) String() string {
	s := "their machine ran out of memory"
	if h.limit > 0 {
		s += fmt.Sprintf(" (they held no more than %s of their %s)", mib(h.held), mib(h.limit))
	}
	return s
}

// tell writes down what was found, if anything was.
func (h *hostMemory) tell(g *graded, deaths []int) {
	if len(h.deaths) == 0 {
		return
	}
	outcome := finding.Neutral
	if h.most(deaths) {
		outcome = finding.Contradicts
	}
	g.checks = append(g.checks, finding.Check{Rule: "rival.host-memory", Outcome: outcome,
		Detail: fmt.Sprintf("at %d of %d deaths ", len(h.deaths), len(deaths)) + h.String() + fmt.Sprintf("; %d are known to have held little of their limit when killed, and no more than before", h.small)})
}

func hostMemoryRule() finding.Rule {
	return finding.Rule{ID: "rival.host-memory", Title: "The machine ran out of memory", Question: "Was the container killed for the memory of its machine?",
		Test: "Kills that the kernel or the node tells of as its own shortage (no memory cgroup, SystemOOM), and what the killed process held, against the container's limit and its last reading.",
		Thresholds: []finding.Threshold{{Name: "held", Value: fmt.Sprintf("under %.0f%% of the limit", 100*levelMemory), Why: "a container that fills its limit is killed for that"},
			{Name: "grown", Value: fmt.Sprintf("%g times the last reading", notGrown), Why: "what grew more since may be what took the machine's memory"}},
		Source: "Linux kernel documentation (the OOM killer chooses by size and oom_score_adj); Kubernetes documentation (node out of memory)",
		Limits: "Which other process took the memory is in the kernel's log, and not looked at."}
}
