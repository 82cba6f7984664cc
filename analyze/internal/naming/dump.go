package naming

import (
	"cmp"
	"slices"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// A runtime that gives up writes its dump past the logger: in one log of many containers it names the number of its process only. The
// logger's own lines have that number beside the container.

const (
	// lastLine is how long before its dump a process may have logged its last line: a runtime that collects garbage without end logs
	// nothing, for minutes.
	lastLine = 10 * time.Minute
	// dumpClocks is how far apart the clocks of two lines of one log may be.
	dumpClocks = 5 * time.Second
	// toldAfter is how long after a dump its process may be told to have ended.
	toldAfter = 30 * time.Second
)

// speaker is a container that logged under the number of a process.
type speaker struct {
	container   string
	first, last record.Time
}

// tieDumps gives dumps that name only a process the container that logged under its number, or whose end was told right after. It returns
// those that remain: where several ends were told right after, one of them is the end of that process, and which is not known.
func (c *Canon) tieDumps(ev *intake.Evidence, processes []*record.Crash) []*record.Crash {
	by := map[string][]speaker{}
	for k, s := range ev.Seen {
		if name := c.Of(k.Container); name != "" && processID(k.Instance) {
			by[k.Instance] = append(by[k.Instance], speaker{name, s.First, s.Last})
		}
	}
	var ends []told
	for i := range ev.Crashes {
		if k := &ev.Crashes[i]; k.Container != "" && k.Exited {
			ends = append(ends, told{k.Time, k.Host, k.Container})
		}
	}
	slices.SortFunc(ends, byTime)
	return slices.DeleteFunc(processes, func(k *record.Crash) bool {
		if k.Kind == record.CrashOOMKill {
			return false // a kernel's number is not that within the container
		}
		name, some := spokeBefore(by[k.Instance], k.Time), false
		if name == "" && k.Host == "" {
			name, some = endedAfter(ends, k.Time)
		}
		if name != "" {
			k.Container, k.Instance = name, ""
		}
		return name != "" || some // it is the end of one of several, and of which is not known
	})
}

// spokeBefore returns the only container that logged under the number of a process until its dump; empty where there are several, as
// where all processes have the number 1.
func spokeBefore(by []speaker, at record.Time) string {
	name := ""
	for _, s := range by {
		if s.first > at.Add(dumpClocks) || s.last < at.Add(-lastLine) || s.container == name {
			continue
		}
		if name != "" {
			return ""
		}
		name = s.container
	}
	return name
}

// endedAfter returns the only container that was told to have ended right after an instant, empty where there are several, and whether some was.
func endedAfter(ends []told, at record.Time) (name string, some bool) {
	i, _ := slices.BinarySearchFunc(ends, at.Add(-dumpClocks), func(e told, t record.Time) int { return cmp.Compare(e.at, t) })
	for ; i < len(ends) && ends[i].at.Sub(at) <= toldAfter; i++ {
		if some && ends[i].container != name {
			return "", true
		}
		name, some = ends[i].container, true
	}
	return name, some
}
