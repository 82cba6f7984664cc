package heap

import (
	"cmp"
	"slices"
	"time"

	"lastcall/analyze/finding"
)

// series are the snapshots of one life of one process, in time order.
type series struct {
	snaps []*snapshot
	death *Death
	blind time.Duration
	total trend
	// reference is what the stacks held before the last snapshot, for a series that ends with a profile written as memory ran
	// out and has nothing before it of its own; nil otherwise.
	reference []stackBytes
	// change is true for a single delta or difference.
	change bool
	// restarted is true when the life was seen to begin in the profiles, rather than told by a death.
	restarted bool
}

// alone reports whether the last snapshot is the only one, so that what stands before it is the reference.
func (s *series) alone() bool { return len(s.snaps) == 1 && (s.oom() || s.change) }

func (s *series) first() *snapshot { return s.snaps[0] }
func (s *series) last() *snapshot  { return s.snaps[len(s.snaps)-1] }
func (s *series) oom() bool        { return s.last().oom }

// times are the seconds since the first snapshot. Snapshots without a time are spaced evenly, their order is known at least;
// known is false then.
func (s *series) times() (x []float64, known bool) {
	x = make([]float64, len(s.snaps))
	known = true
	for i, sn := range s.snaps {
		known = known && sn.time != 0
		if i > 0 {
			known = known && sn.time > s.snaps[i-1].time
		}
	}
	for i, sn := range s.snaps {
		if known {
			x[i] = sn.time.Sub(s.snaps[0].time).Seconds()
		} else {
			x[i] = float64(i)
		}
	}
	return x, known
}

// weight is how much the growth of a series counts: a profile written as memory ran out above all, then one close to a death.
func (s *series) weight() float64 {
	switch {
	case s.oom():
		return 4
	case s.death != nil && len(s.snaps) > 1 && s.blind <= s.interval()*3/2:
		return 2
	}
	return 1
}

func (s *series) interval() time.Duration {
	if len(s.snaps) < 2 {
		return 0
	}
	return s.last().time.Sub(s.first().time) / time.Duration(len(s.snaps)-1)
}

// split groups absolute snapshots into lives. The snapshots are sorted by container and time.
func (a *analysis) split() []*series {
	a.adopt()
	groups := map[string][]*snapshot{}
	var keys []string
	for _, s := range a.heaps {
		if s.measures != absolute {
			continue
		}
		k := s.container + "\x00" + s.instance + "\x00" + s.version + "\x00" + s.process
		if _, ok := groups[k]; !ok {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], s)
	}
	slices.Sort(keys)
	deaths := slices.Clone(a.o.Deaths)
	slices.SortStableFunc(deaths, func(x, y Death) int { return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.ID, y.ID)) })

	var out []*series
	for _, k := range keys {
		var cur *series
		for _, s := range groups[k] {
			if cur != nil {
				switch restarted := a.restarted(cur.last(), s); {
				case restarted:
					cur = &series{restarted: true}
					out = append(out, cur)
				case cur.endsBefore(deaths, s):
					cur = nil
				}
			}
			if cur == nil {
				cur = &series{}
				out = append(out, cur)
			}
			cur.snaps = append(cur.snaps, s)
		}
	}
	slices.SortStableFunc(out, func(x, y *series) int {
		return cmp.Or(cmp.Compare(x.first().container, y.first().container), cmp.Compare(x.first().time, y.first().time), cmp.Compare(x.first().name, y.first().name))
	})
	attachDeaths(out, deaths)
	for _, s := range out {
		x, _ := s.times()
		y := make([]float64, len(s.snaps))
		for i, sn := range s.snaps {
			y[i] = float64(sn.total)
		}
		s.total = fitTrend(x, y, s.last().period, y[len(y)-1])
	}
	return out
}

// adopt gives a profile written at the limit, which another writer makes than the periodic ones, the identity of its container
// where it says none itself and the container leaves no doubt.
func (a *analysis) adopt() {
	type identity struct{ instance, version, process string }
	known := map[string]map[identity]bool{}
	for _, s := range a.heaps {
		if !s.oom {
			if known[s.container] == nil {
				known[s.container] = map[identity]bool{}
			}
			known[s.container][identity{s.instance, s.version, s.process}] = true
		}
	}
	for _, s := range a.heaps {
		if s.oom && s.instance == "" && s.process == "" && len(known[s.container]) == 1 {
			for id := range known[s.container] {
				s.instance, s.version, s.process = id.instance, id.version, id.process
			}
		}
	}
}

// changes returns deltas and differences as series of their own: each says by itself what grew.
func (a *analysis) changes() []*series {
	var out []*series
	for _, s := range a.heaps {
		if s.measures != absolute {
			out = append(out, &series{snaps: []*snapshot{s}, change: true, total: trend{shape: finding.ShapeInsufficient}})
		}
	}
	return out
}

func deathBetween(deaths []Death, before, after *snapshot) *Death {
	for i, d := range deaths {
		if sameContainer(d, before) && d.Time > before.time && d.Time <= after.time {
			return &deaths[i]
		}
	}
	return nil
}

func sameContainer(d Death, s *snapshot) bool {
	return d.Container == s.container && (d.Instance == "" || s.instance == "" || d.Instance == s.instance)
}

// deathLag is how late a platform may date a death, so that the first profile of the next life seems to come before it; and how far
// a profile at the limit may be dated after it, on another clock.
const deathLag = 45 * time.Second

// endsBefore reports whether a death lies between the last snapshot of a life and another, apart from one that was dated late and
// ended the life before.
func (s *series) endsBefore(deaths []Death, after *snapshot) bool {
	d := deathBetween(deaths, s.last(), after)
	return d != nil && !(s.restarted && len(s.snaps) == 1 && d.Time.Sub(s.first().time) < deathLag)
}

// attachDeaths gives each death to the life that it ended: the latest that had begun, or the one before when that life had only
// just begun.
func attachDeaths(lives []*series, deaths []Death) {
	for i, d := range deaths {
		var before, at *series
		for _, s := range lives {
			slack := time.Duration(0)
			if s.oom() {
				slack = deathLag
			}
			if sameContainer(d, s.last()) && s.first().time <= d.Time.Add(slack) {
				before, at = at, s
			}
		}
		if at == nil {
			continue
		}
		if before != nil && before.death == nil && at.restarted && d.Time.Sub(at.first().time) < deathLag {
			at = before
		}
		if at.death == nil {
			at.death = &deaths[i]
			at.blind = max(0, d.Time.Sub(at.last().time))
		}
	}
}

// Restarts that nobody reported are seen in the profiles themselves.
const (
	restartAllocDrop = 0.99 // what a process ever allocated cannot fall; the estimate of it may by rounding
	restartDrop      = 0.8  // memory in use falls to this share or less …
	restartIdentical = 0.1  // … and less than this share of it is byte for byte what it was
)

// restarted reports whether a snapshot belongs to a new life. What a process has allocated never falls. Where the profile does
// not hold that (Node), memory loaded at start stays sampled with exactly the same values for a whole life, and with others in
// the next.
func (a *analysis) restarted(before, after *snapshot) bool {
	if before.alloc > 0 && after.alloc > 0 {
		return float64(after.alloc) < restartAllocDrop*float64(before.alloc)
	}
	if before.total <= 0 || float64(after.total) > restartDrop*float64(before.total) {
		return false
	}
	var same int64
	for _, v := range before.values {
		if v.bytes > 0 && after.at(v.stack) == v.bytes {
			same += v.bytes
		}
	}
	return float64(same) < restartIdentical*float64(max(after.total, 1))
}

// describe turns a series into its public form.
func (s *series) describe() Series {
	d := Series{
		Container: s.last().container, Instance: s.last().instance, Version: s.last().version, SampleType: s.last().sampleType,
		From: s.first().time, To: s.last().time, Profiles: len(s.snaps), FirstBytes: s.first().total, LastBytes: s.last().total,
		Shape: s.total.shape, OnOOM: s.oom(),
	}
	if s.oom() && s.total.shape != finding.ShapeLeak {
		d.Shape = finding.ShapeBurst
	}
	if s.death != nil {
		d.Crash, d.BlindSeconds = s.death.ID, s.blind.Seconds()
	}
	return d
}
