package life

import (
	"cmp"
	"sort"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// mark is an instant at which a life begins or ends.
type mark struct {
	at  record.Time
	end bool
	// Of an end:
	death             int // the index of the death, -1 where it is none
	planned           bool
	instance, version string
}

// lives cuts the container's time at its ends. deaths are those of all containers, of which died are its own: each learns of its life what its
// own signs do not say.
func (c *container) lives(deaths []Death, died []int, end record.Time) []Life {
	lives := c.cut(c.marks(deaths, died), end)
	for i := range lives {
		l := &lives[i]
		c.describe(l)
		if l.Death < 0 {
			continue
		}
		d := &deaths[l.Death]
		if d.Uptime == 0 && l.Start != 0 {
			d.Uptime = d.Time.Sub(l.Start)
		}
		d.Version, d.Instance, d.Host, d.Service = cmp.Or(d.Version, l.Version), cmp.Or(d.Instance, l.Instance), cmp.Or(d.Host, l.Host), cmp.Or(d.Service, l.Service)
	}
	return lives
}

// marks returns the starts and ends of the container in time order, an end before the start that follows at once.
func (c *container) marks(deaths []Death, died []int) []mark {
	var marks []mark
	for _, s := range c.begins {
		marks = append(marks, mark{at: s})
	}
	for _, i := range died {
		d := &deaths[i]
		marks = append(marks, mark{at: d.Time, end: true, death: i, instance: d.Instance, version: d.Version})
	}
	for i := range c.restarts {
		s := &c.restarts[i]
		marks = append(marks, mark{at: s.Time, end: true, death: -1, planned: s.Reason != finding.StoppedReporting, instance: s.Instance})
	}
	sort.SliceStable(marks, func(i, j int) bool {
		if marks[i].at != marks[j].at {
			return marks[i].at < marks[j].at
		}
		return marks[i].end && !marks[j].end
	})
	return marks
}

// cut makes the lives between the marks.
func (c *container) cut(marks []mark, end record.Time) []Life {
	var lives []Life
	begun := func(at record.Time) Life { return Life{Container: c.name, Death: -1, Start: at} }
	cur := begun(0)
	// Whether it lives. Before the first mark it did if it was seen to, longer before than clocks and boot explain.
	open := c.first != 0 && (len(marks) == 0 || marks[0].end || c.first < marks[0].at.Add(-signGap))
	for _, m := range marks {
		switch {
		case m.end:
			if n := len(lives); !open && n > 0 {
				cur.Start = lives[n-1].End // an end without a known start: the life began right at the last end
			}
			cur.End, cur.Death, cur.Planned = m.at, m.death, m.planned
			cur.Instance, cur.Version = m.instance, m.version
			lives = append(lives, cur)
			cur, open = begun(0), false
		case !open:
			cur, open = begun(m.at), true
		case cur.Start == 0 && len(lives) == 0 && m.at.Sub(c.first) < signGap:
			cur.Start = m.at
		case cur.Start == 0 || m.at.Sub(cur.Start) > signGap:
			// A second start without an end between: an end that nobody told. Sooner it is a boot told twice.
			cur.End = m.at
			lives = append(lives, cur)
			cur = begun(m.at)
		}
	}
	if n := len(lives); !open && n > 0 && c.last > lives[n-1].End.Add(signGap) {
		cur.Start, open = lives[n-1].End, true // it was seen long after its last end
	}
	if open {
		cur.End = end
		lives = append(lives, cur)
	}
	return lives
}

// describe adds to a life what the events of its starts say of it.
func (c *container) describe(l *Life) {
	for _, e := range c.between(l.Start, l.End-1) {
		if e.Kind == record.Starting || e.Kind == record.Up {
			l.Version, l.Host, l.Service = cmp.Or(l.Version, e.Version), cmp.Or(l.Host, e.Host), cmp.Or(l.Service, e.Service)
			l.Instance = cmp.Or(l.Instance, e.Instance)
		}
	}
}
