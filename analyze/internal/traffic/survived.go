package traffic

import (
	"slices"
	"strings"
	"time"

	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// What the requests say of lines that look like the end or the beginning of a process: one that answers before and after has neither ended
// nor begun.

const (
	// listenSlack: a request that began so long before a moment, and was answered so long after, was of one process throughout.
	listenSlack = time.Second
	// survivedSoon, survivedLeast: where so many requests begin so soon after words of want of memory and are answered, and nothing begins or
	// ends within survivedAgain, the process survived them.
	survivedSoon  = 10 * time.Second
	survivedLeast = 2
	survivedAgain = 10 * time.Minute
	// Survived is the reason of a shortage of memory that a process survived.
	Survived = "survived"
)

// moments counts what happens around some instants of one container. The instants are sorted.
type moments struct {
	at   []record.Time
	step []int // by how much the count of the instants from here on is higher
}

// add counts one for the instants in [from, to).
func (m *moments) add(from, to record.Time) {
	i, _ := slices.BinarySearch(m.at, from)
	j, _ := slices.BinarySearch(m.at, to)
	if i >= j {
		return
	}
	if m.step == nil {
		m.step = make([]int, len(m.at)+1)
	}
	m.step[i]++
	m.step[j]--
}

// where returns the instants with a count of at least n.
func (m *moments) where(n int) map[record.Time]bool {
	out := map[record.Time]bool{}
	sum := 0
	for i, d := range m.step[:max(0, len(m.step)-1)] {
		if sum += d; sum >= n {
			out[m.at[i]] = true
		}
	}
	return out
}

// unfinishedStarts returns, by container, when the requests began of which only the start was logged.
func (t *Traffic) unfinishedStarts() map[string][]record.Time {
	by := map[string][]record.Time{}
	for i := range t.Pending { // in the order of time
		if p := &t.Pending[i]; p.Phase == record.Started && p.done == 0 && p.Container != 0 {
			by[t.Containers.Names[p.Container]] = append(by[t.Containers.Names[p.Container]], p.Start)
		}
	}
	return by
}

// dropLateListening drops the lines by which an application says that it listens while it answers: where a request that had begun before
// ended after, no process began. Servers open ports late, and consumers listen to queues.
func (t *Traffic) dropLateListening() error {
	spanned := make([]moments, len(t.Containers.Names))
	said := func(e *record.Lifecycle) (container uint32, ok bool) {
		container = t.Containers.Index(e.Container)
		return container, container != 0 && e.Kind == record.Up && e.Reason == record.Listening
	}
	any := false
	for i := range t.Evidence.Events { // in the order of time
		if c, ok := said(&t.Evidence.Events[i]); ok {
			spanned[c].at = append(spanned[c].at, t.Evidence.Events[i].Time)
			any = any || t.spans[c].First != 0 && t.spans[c].First < t.Evidence.Events[i].Time
		}
	}
	if !any {
		return nil
	}
	err := t.lines(t.Evidence.Log.EachUnsorted, completedLines, func(r *reqlog.Rec) {
		if r.Layer != record.LayerRouter && r.Outcome == record.Answered && len(spanned[r.Container].at) > 0 { // a router's may end long after the process did
			spanned[r.Container].add(r.Start.Add(listenSlack), r.End.Add(-listenSlack))
		}
	})
	if err != nil {
		return err
	}
	late := make([]map[record.Time]bool, len(spanned))
	for c := range spanned {
		late[c] = spanned[c].where(1)
	}
	t.Evidence.Events = slices.DeleteFunc(t.Evidence.Events, func(e record.Lifecycle) bool {
		c, ok := said(&e)
		return ok && late[c][e.Time]
	})
	return nil
}

// dropSurvived turns words of want of memory that a process survived from signs of death into signs of pressure: an exception ends a thread
// or a request, and the process goes on answering, with nothing that says that it started again.
func (t *Traffic) dropSurvived() error {
	words := func(c *record.Crash) (container uint32, ok bool) {
		container = t.Containers.Index(c.Container)
		return container, container != 0 && !c.Exited && c.Kind == record.CrashHeapLimit && (strings.Contains(c.Text, "MemoryError") || strings.Contains(c.Text, "OutOfMemoryError"))
	}
	said := map[uint32][]record.Time{}
	for i := range t.Evidence.Crashes { // in the order of time
		if c, ok := words(&t.Evidence.Crashes[i]); ok {
			said[c] = append(said[c], t.Evidence.Crashes[i].Time)
		}
	}
	if len(said) == 0 {
		return nil
	}
	spanned, soon, again := map[uint32]*moments{}, map[uint32]*moments{}, map[uint32]*moments{}
	for c, at := range said {
		spanned[c], soon[c], again[c] = &moments{at: at}, &moments{at: at}, &moments{at: at}
	}
	err := t.lines(t.Evidence.Log.EachUnsorted, completedLines, func(r *reqlog.Rec) {
		if s := spanned[r.Container]; s != nil && r.Outcome == record.Answered {
			s.add(r.Start.Add(listenSlack), r.End.Add(-listenSlack))
			soon[r.Container].add(r.Start.Add(-survivedSoon), min(r.Start, r.End))
		}
	})
	if err != nil {
		return err
	}
	begins := func(container string, at record.Time) {
		if m := again[t.Containers.Index(container)]; m != nil {
			m.add(at.Add(-survivedAgain), at.Add(survivedSoon))
		}
	}
	for i := range t.Evidence.Events {
		switch e := &t.Evidence.Events[i]; e.Kind {
		case record.Up, record.Starting, record.Stopped:
			begins(e.Container, e.Time)
		}
	}
	for i := range t.Evidence.Crashes {
		if c := &t.Evidence.Crashes[i]; c.Exited {
			begins(c.Container, c.Time)
		}
	}
	survived := map[uint32]map[record.Time]bool{}
	for c := range said {
		survived[c] = spanned[c].where(1)
		for at := range soon[c].where(survivedLeast) {
			survived[c][at] = true
		}
		for at := range again[c].where(1) {
			delete(survived[c], at)
		}
	}
	t.Evidence.Crashes = slices.DeleteFunc(t.Evidence.Crashes, func(c record.Crash) bool {
		n, ok := words(&c)
		if !ok || !survived[n][c.Time] {
			return false
		}
		t.Evidence.Events = append(t.Evidence.Events, record.Lifecycle{Pos: c.Pos, Time: c.Time, Kind: record.MemoryPressure, ExitCode: -1, Reason: Survived, Container: c.Container, Instance: c.Instance,
			Service: c.Service, Host: c.Host, Version: c.Version, Text: c.Text})
		return true
	})
	life.SortEvents(t.Evidence.Events)
	return nil
}
