package naming

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// A kernel or a node tells of the process that it killed for memory, often without the container. Another source may tell of the end of that
// container, of its next start, or how often it was started again (see tieByCount); else it is known by the process and the machine, as a
// process is no container.

const (
	// killClocks is how far a kill may lie from the end of its container as another source tells it: both are often in whole seconds, and
	// a node's monitor has a clock of its own.
	killClocks = 5 * time.Second
	// startsAgain is how soon after a kill its container is started again, unless it has to wait because it died before.
	startsAgain = time.Minute
)

// processID reports whether s is the number of a process.
func processID(s string) bool {
	return s != "" && len(s) <= 10 && strings.Trim(s, "0123456789") == ""
}

// told is an end or a start of a container on a machine.
type told struct {
	at              record.Time
	host, container string
}

// instants are times in order.
type instants []record.Time

func byTime(a, b told) int {
	return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.container, b.container), strings.Compare(a.host, b.host))
}

// tieProcesses gives crashes that name only a process their container, or a name of their own. All other records have theirs.
func (c *Canon) tieProcesses(ev *intake.Evidence, processes []*record.Crash, s *speech) {
	if len(processes) == 0 {
		return
	}
	if processes = c.tieDumps(ev, processes, s); len(processes) == 0 {
		return
	}
	slices.SortFunc(processes, func(a, b *record.Crash) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.Host, b.Host), strings.Compare(a.Instance, b.Instance))
	})
	var ends, starts []told
	ended := map[string]instants{} // of whatever
	for i := range ev.Crashes {
		// Who was killed for memory ended by a signal; what ended otherwise in the same second is another matter.
		k := &ev.Crashes[i]
		if k.Container != "" && k.Exited {
			ended[k.Container] = append(ended[k.Container], k.Time)
		}
		if k.Container != "" && (k.Kind == record.CrashOOMKill || k.Exited && (k.ExitCode == 137 || k.ExitCode < 0)) {
			ends = append(ends, told{k.Time, k.Host, k.Container})
		}
	}
	for i := range ev.Events {
		switch e := &ev.Events[i]; {
		case e.Container == "":
		case e.Kind == record.Up && e.Host != "":
			starts = append(starts, told{e.Time, e.Host, e.Container})
		case e.Kind == record.Stopping || e.Kind == record.Stopped:
			ended[e.Container] = append(ended[e.Container], e.Time)
		}
	}
	for _, at := range ended {
		slices.Sort(at)
	}
	slices.SortFunc(ends, byTime)
	slices.SortFunc(starts, byTime)
	var first map[string]record.Time
	var open []*record.Crash
	for i, k := range processes {
		if k.Kind == record.CrashOOMKill && i < maxTied {
			name := endedWith(ends, k)
			if name == "" && k.Host != "" {
				if first == nil {
					first = c.firstSeen(ev)
				}
				name = startedAfter(starts, ended, first, k)
			}
			if name != "" {
				k.Container, k.Instance = name, "" // the number says nothing of the container's life
				forgetUntold(ev, k.Pos)
				continue
			}
		}
		open = append(open, k)
	}
	last := map[string]*record.Crash{} // by machine: the last kill that was not tied
	for _, k := range c.tieByCount(ev, c.tieMachines(ev, open), first) {
		k.Container = processName(k.Instance, k.Host)
		if k.Kind == record.CrashOOMKill {
			// Several processes that are killed at one moment on one machine are usually of one container.
			if o := last[k.Host]; o != nil && k.Time.Sub(o.Time) <= killClocks {
				k.Container = o.Container
			}
			last[k.Host] = k
		}
	}
}

// sharedMachines are those on which containers are known that have names of their own.
func sharedMachines(ev *intake.Evidence) map[string]bool {
	shared := map[string]bool{}
	note := func(host, container string) {
		if host != "" && container != "" && container != host {
			shared[host] = true
		}
	}
	for i := range ev.Crashes {
		note(ev.Crashes[i].Host, ev.Crashes[i].Container)
	}
	for i := range ev.Events {
		note(ev.Events[i].Host, ev.Events[i].Container)
	}
	return shared
}

// tieMachines gives processes their machine, where that serves or is measured under its own name and holds no container with another: a
// service that systemd runs. It returns those that are left.
func (c *Canon) tieMachines(ev *intake.Evidence, processes []*record.Crash) (left []*record.Crash) {
	known := map[string]bool{}
	for raw, name := range ev.Containers {
		if raw != intake.OtherContainers && name != "" {
			known[c.Of(name)] = true
		}
	}
	for k := range ev.Series {
		known[c.Of(k.Container)] = true
	}
	shared := sharedMachines(ev)
	for _, k := range processes {
		if k.Host == "" || shared[k.Host] || !known[c.Of(k.Host)] {
			left = append(left, k)
			continue
		}
		k.Container, k.Instance = c.Of(k.Host), ""
		forgetUntold(ev, k.Pos)
	}
	return left
}

// endedWith returns the container whose own end lies nearest to a kill, on the same machine where both are known; empty when none does.
func endedWith(ends []told, k *record.Crash) string {
	i, _ := slices.BinarySearchFunc(ends, k.Time.Add(-killClocks), func(e told, t record.Time) int { return cmp.Compare(e.at, t) })
	name, nearest := "", time.Duration(math.MaxInt64)
	for ; i < len(ends) && ends[i].at.Sub(k.Time) <= killClocks; i++ {
		if d := ends[i].at.Sub(k.Time).Abs(); d < nearest && sameHost(ends[i].host, k.Host) {
			name, nearest = ends[i].container, d
		}
	}
	return name
}

// startedAfter returns the only container of the machine that was there before a kill and started soon after it, with no end of its own
// that explains the start; empty when there is none or more than one.
func startedAfter(starts []told, ended map[string]instants, first map[string]record.Time, k *record.Crash) string {
	i, _ := slices.BinarySearchFunc(starts, k.Time.Add(-killClocks), func(e told, t record.Time) int { return cmp.Compare(e.at, t) })
	name := ""
	for ; i < len(starts) && starts[i].at.Sub(k.Time) <= startsAgain; i++ {
		x := starts[i]
		if at, known := first[x.container]; !known || at >= k.Time.Add(-killClocks) || !sameHost(x.host, k.Host) {
			continue // created then
		}
		of := ended[x.container]
		j, _ := slices.BinarySearch(of, x.at+1)
		explained := j > 0 && x.at.Sub(of[j-1]) <= startsAgain
		if explained || x.container == name {
			continue
		}
		if name != "" {
			return ""
		}
		name = x.container
	}
	return name
}

// sameHost reports whether two names may be of one machine: with its domain or without, or one of them not known.
func sameHost(a, b string) bool {
	return a == "" || b == "" || a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// firstSeen returns since when each container is known to be there.
func (c *Canon) firstSeen(ev *intake.Evidence) map[string]record.Time {
	first := map[string]record.Time{}
	see := func(name string, at record.Time) {
		if name = c.Of(name); name == "" || at == 0 {
			return
		}
		if old, known := first[name]; !known || at < old {
			first[name] = at
		}
	}
	for i := range ev.Crashes {
		see(ev.Crashes[i].Container, ev.Crashes[i].Time)
	}
	for i := range ev.Events {
		see(ev.Events[i].Container, ev.Events[i].Time)
	}
	for k, of := range ev.Series {
		for _, p := range of.Points {
			see(k.Container, p.T)
		}
	}
	for layer := range ev.Finished {
		for raw, x := range ev.Finished[layer] {
			if raw != intake.OtherContainers && raw < len(ev.Containers) {
				see(ev.Containers[raw], x.First)
			}
		}
	}
	return first
}

// forgetUntold takes back the warning that nothing says whose kill this was: another source does.
func forgetUntold(ev *intake.Evidence, pos record.Pos) {
	var of *record.Warning
	for like, w := range ev.Warnings {
		if like.Code == "container_not_told" && like.Source == pos.Source && (of == nil || w.Text < of.Text) {
			of = w
		}
	}
	if of == nil {
		return
	}
	if of.Count--; of.Count <= 0 {
		delete(ev.Warnings, intake.WarningKey{Code: of.Code, Text: of.Text, Source: pos.Source})
	}
}
