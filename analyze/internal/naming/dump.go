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
	// wordsAfter is the same for words without any number, which may be of a process that went on.
	wordsAfter = 15 * time.Second
)

// speaker is a container that logged under the number of a process.
type speaker struct {
	container   string
	first, last record.Time
}

// speech is what tells whose words are on which nothing names anybody.
type speech struct {
	ends   []told                   // by themselves, where another source tells of them
	starts []told                   // in the order of time
	first  map[string]record.Time   // since when each container is known to be there
	broke  map[string][]record.Time // when connections broke, by container
	times  []record.Time            // of all such words, in order
}

// hear gathers what tells whose words are.
func (c *Canon) hear(ev *intake.Evidence, words []*record.Crash) (*speech, error) {
	s := &speech{first: c.firstSeen(ev)}
	for _, k := range words {
		s.times = append(s.times, k.Time)
	}
	slices.Sort(s.times)
	for i := range ev.Crashes {
		if k := &ev.Crashes[i]; k.Container != "" && k.Exited && k.Kind != record.CrashOOMKill && !killed(k.ExitCode) {
			s.ends = append(s.ends, told{k.Time, k.Host, k.Container})
		}
	}
	for i := range ev.Events {
		if e := &ev.Events[i]; e.Container != "" && e.Kind == record.Up {
			s.starts = append(s.starts, told{e.Time, e.Host, e.Container})
		}
	}
	slices.SortFunc(s.ends, byTime)
	slices.SortFunc(s.starts, byTime)
	names := make([]string, len(ev.Containers))
	for raw, name := range ev.Containers {
		if raw != intake.OtherContainers {
			names[raw] = c.Of(name)
		}
	}
	cut, err := cutsOf(ev, names)
	if err != nil {
		return nil, err
	}
	s.broke = breaksOf(cut, 1)
	return s, nil
}

// speaker returns whose words were said at an instant: those of the only container that is told to have ended by itself right after, or that
// started again before the next such words, or whose connections broke then. It is empty where that is none or more than one.
func (s *speech) speaker(at record.Time) string {
	if name, some := endedAfter(s.ends, at, wordsAfter); some {
		return name
	}
	if name := s.startedNext(at); name != "" {
		return name
	}
	name := ""
	for other, moments := range s.broke {
		i, _ := slices.BinarySearch(moments, at.Add(-dumpClocks))
		if i == len(moments) || moments[i].Sub(at) > wordsAfter {
			continue
		}
		if name != "" {
			return ""
		}
		name = other
	}
	return name
}

// startedNext returns the only container that was there before and started again after an instant, before the next words.
func (s *speech) startedNext(at record.Time) string {
	until := at.Add(startsAgain)
	if i, _ := slices.BinarySearch(s.times, at.Add(dumpClocks)); i < len(s.times) {
		until = min(until, s.times[i])
	}
	name := ""
	i, _ := slices.BinarySearchFunc(s.starts, at, func(e told, t record.Time) int { return cmp.Compare(e.at, t) })
	for ; i < len(s.starts) && s.starts[i].at <= until; i++ {
		other := s.starts[i].container
		if first, known := s.first[other]; !known || first >= at.Add(-dumpClocks) || other == name {
			continue
		}
		if name != "" {
			return ""
		}
		name = other
	}
	return name
}

// tieDumps gives dumps that name only a process the container that logged under its number, or that its end, its next start or its connections
// tell of. It returns those that remain: where several ends were told right after, one of them is the end of that process, and which is not
// known.
func (c *Canon) tieDumps(ev *intake.Evidence, processes []*record.Crash, s *speech) []*record.Crash {
	by := map[string][]speaker{}
	for k, x := range ev.Seen {
		if name := c.Of(k.Container); name != "" && processID(k.Instance) {
			by[k.Instance] = append(by[k.Instance], speaker{name, x.First, x.Last})
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
			name, some = endedAfter(ends, k.Time, toldAfter)
			if !some {
				name = s.speaker(k.Time)
			}
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
func endedAfter(ends []told, at record.Time, within time.Duration) (name string, some bool) {
	i, _ := slices.BinarySearchFunc(ends, at.Add(-dumpClocks), func(e told, t record.Time) int { return cmp.Compare(e.at, t) })
	for ; i < len(ends) && ends[i].at.Sub(at) <= within; i++ {
		if some && ends[i].container != name {
			return "", true
		}
		name, some = ends[i].container, true
	}
	return name, some
}

// tieWords gives last words on which nothing names anybody their container. Of those that remain there is a warning.
func tieWords(ev *intake.Evidence, words []*record.Crash, s *speech) {
	if !namesSome(ev) {
		return
	}
	const code, text = "container_not_told", "last words of a process that nothing names, in a log of several containers, and no container or more than one is told to have ended then; they were left out: save the log of each by itself, or with names (kubectl logs --prefix)"
	for _, k := range words {
		if name := s.speaker(k.Time); name != "" {
			k.Container = name
			continue
		}
		like := intake.WarningKey{Code: code, Text: text, Source: k.Pos.Source}
		w := ev.Warnings[like]
		if w == nil {
			w = &record.Warning{Code: code, Text: text, Pos: k.Pos, Example: k.Text}
			ev.Warnings[like] = w
		}
		if k.Pos.Line < w.Pos.Line {
			w.Pos, w.Example = k.Pos, k.Text
		}
		w.Count++
	}
}

// killed reports whether an exit status tells of a process that did not end by itself.
func killed(code int) bool { return code == 0 || code == 137 || code == 143 }

// namesSome reports whether some record names a container: where none does there is only one.
func namesSome(ev *intake.Evidence) bool {
	some := false
	eachName(ev, func(string, bool) { some = true })
	return some
}
