package life

import (
	"slices"
	"time"

	"lastcall/collectors/record"
)

const (
	// signGap: signs of one container closer than this belong to one death unless a start lies between. The platform's line
	// lags the death by up to 30 s (recorded), the last words come up to 12 s before it, and clocks differ.
	signGap = 75 * time.Second
	// wordsGap: words that a process may survive (a logged exception) closer than this are one event; an application may log an
	// exception every second.
	wordsGap = 15 * time.Second
	// sameSourceGap: two exit lines of one source about one container closer than this are one exit told twice.
	sameSourceGap = 5 * time.Second
	// clockSlack: an event may be stamped this much too early or late against another source.
	clockSlack = 3 * time.Second
	// tellLag: one source may tell of an exit so much later than another, after the container started again.
	tellLag = 40 * time.Second
)

// cluster is the signs of one death, with what decides whether another is of them.
type cluster struct {
	signs []*record.Crash
	// from is the first sign that a process cannot survive, or the first at all while there is none.
	from, last record.Time
	fatal      bool                   // some sign is one that a process cannot survive
	exit       *record.Crash          // the last exit
	told       map[string]record.Time // by source: the last exit that it told of
	instances  []string
}

// cluster brings together the signs that tell of one death. Those of two lives may interleave, where sources lag.
func (c *container) cluster() []*cluster {
	var clusters []*cluster
	for _, s := range c.crashes {
		k := c.clusterOf(clusters, s)
		if k == nil {
			k = &cluster{}
			clusters = append(clusters, k)
		}
		k.add(s)
	}
	return clusters
}

// clusterOf returns the cluster that s belongs to, or nil.
func (c *container) clusterOf(clusters []*cluster, s *record.Crash) *cluster {
	for _, k := range slices.Backward(clusters) {
		if s.Time.Sub(k.last) > signGap {
			break
		}
		if c.sameDeath(k, s) {
			return k
		}
		if !k.otherLife(s) {
			break // only a life that another id sets apart can be looked past
		}
	}
	return nil
}

func (k *cluster) add(s *record.Crash) {
	if len(k.signs) == 0 || fatal(s) && !k.fatal {
		k.from = s.Time
	}
	k.fatal = k.fatal || fatal(s)
	k.last = s.Time
	k.signs = append(k.signs, s)
	if s.Exited {
		k.exit = s
		if k.told == nil {
			k.told = map[string]record.Time{}
		}
		k.told[sourceName(s.Pos)] = s.Time
	}
	if s.Instance != "" && !slices.Contains(k.instances, s.Instance) {
		k.instances = append(k.instances, s.Instance)
	}
}

// sameDeath decides whether sign s tells of the same death as those of k.
func (c *container) sameDeath(k *cluster, s *record.Crash) bool {
	if !k.reaches(s) || k.otherLife(s) {
		return false
	}
	if k.exit == nil {
		// Words of a process that began after the others had been said are not of theirs. An exit may be told late.
		last := k.signs[len(k.signs)-1]
		return s.Exited || !c.startBetween(k.last.Add(clockSlack), s.Time) && !(fatal(last) && fatal(s) && c.startedBetween(last, s))
	}
	told, again := k.told[sourceName(s.Pos)]
	again = again && s.Exited && s.Pos.Source != nil // its source told of an exit already
	if again && s.Time.Sub(told) > sameSourceGap {
		return false
	}
	if s.Time.Sub(k.exit.Time) <= clockSlack || !c.startBetween(k.exit.Time.Add(-clockSlack), s.Time) {
		return true
	}
	return !again && c.toldLate(k, s) // else, after a new start, this is another death
}

// reaches reports whether s is close enough in time.
func (k *cluster) reaches(s *record.Crash) bool {
	gap := s.Time.Sub(k.from)
	switch {
	case k.fatal:
		return gap <= 2*signGap
	case fatal(s):
		return gap <= signGap
	}
	return gap <= wordsGap
}

// otherLife reports whether s is of another life by its id.
func (k *cluster) otherLife(s *record.Crash) bool {
	return slices.ContainsFunc(k.instances, func(id string) bool { return differ(id, s.Instance) })
}

// toldLate reports whether s, after the container has started again, is a late telling of the exit before that start: the same exit status,
// and the source that told of that exit knows of none since.
func (c *container) toldLate(k *cluster, s *record.Crash) bool {
	if !s.Exited || s.ExitCode < 0 || s.ExitCode != k.exit.ExitCode || s.Time.Sub(k.exit.Time) > tellLag {
		return false
	}
	return !c.exitBetween(k.exit.Time.Add(sameSourceGap), s.Time.Add(clockSlack), sourceName(k.exit.Pos))
}

// differ reports whether two instance ids are of the same kind and of different lives. Ids may be cut (a 12 digit prefix).
func differ(a, b string) bool {
	if a == "" || b == "" || a == b {
		return false
	}
	if len(a) >= shortID && len(b) >= shortID {
		return a[:shortID] != b[:shortID]
	}
	return false // a pid against a container id says nothing
}

// fatal reports whether a sign is of an end: it says so, or what it says is always one.
func fatal(s *record.Crash) bool {
	if s.Exited || s.Final {
		return true
	}
	switch s.Kind {
	case record.CrashHeapLimit, record.CrashOOMKill, record.CrashSegfault, record.CrashAbort, record.CrashHealthCheck:
		return true
	}
	return false
}
