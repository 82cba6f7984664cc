package traffic

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

const (
	// cutEarly and cutLate bound how far the lines of cut requests may lie from the death as the platform tells it.
	cutEarly = 15 * time.Second
	cutLate  = 40 * time.Second
	// wordsLead: last words this long before the exit line are the better time of death.
	wordsLead = 40 * time.Second
)

// Deaths are the deaths of life.Result on the clock of the requests, by index.
type Deaths struct {
	At   []record.Time
	cut  []bool          // at comes from requests that were cut
	Skew []time.Duration // of those, by how much the platform's clock is ahead
}

// lives asks the life package, then sets each death on the clock of the requests.
func (t *Traffic) lives() error {
	if err := t.dropLateListening(); err != nil {
		return err
	}
	if err := t.dropSurvived(); err != nil {
		return err
	}
	in := life.Input{Crashes: t.Evidence.Crashes, Events: t.Evidence.Events, Unfinished: t.unfinishedStarts(), End: t.Window.To}
	in.Planned = append(in.Planned, t.Asked.Planned...)
	var err error
	if in.Broke, err = t.brokenEnds(); err != nil {
		return err
	}
	for k, s := range t.Evidence.Seen {
		if s.First <= t.Window.To && s.Last >= t.Window.From { // one stray time must not make it seem at work for years
			in.Seen = append(in.Seen, life.Seen{Container: k.Container, Instance: k.Instance, First: max(s.First, t.Window.From), Last: min(s.Last, t.Window.To)})
		}
	}
	byC := map[string]*intake.Span{}
	for k, s := range t.Evidence.Series {
		if len(s.Points) == 0 {
			continue
		}
		if byC[k.Container] == nil {
			byC[k.Container] = &intake.Span{}
		}
		byC[k.Container].Add(s.Points[0].T)
		byC[k.Container].Add(s.Points[len(s.Points)-1].T)
	}
	for i, s := range t.spans {
		if i > 0 && s.First != 0 {
			in.Seen = append(in.Seen, life.Seen{Container: t.Containers.Names[i], First: s.First, Last: s.Last})
		}
	}
	for c, s := range byC {
		in.Seen = append(in.Seen, life.Seen{Container: c, First: s.First, Last: s.Last})
	}
	slices.SortFunc(in.Seen, func(a, b life.Seen) int {
		return cmp.Or(strings.Compare(a.Container, b.Container), strings.Compare(a.Instance, b.Instance), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	})
	t.Life = life.Analyze(in)
	t.Left.Deaths = int64(t.Life.KeepLast(MaxDeaths))
	t.alignDeaths()
	t.pressureWindows()
	return nil
}

// alignDeaths finds each death on the clock of the requests: where the connections of a container broke at once.
func (t *Traffic) alignDeaths() {
	n := len(t.Life.Deaths)
	t.Deaths.At = make([]record.Time, n)
	t.Deaths.cut = make([]bool, n)
	broken := make([][]record.Time, len(t.Containers.Names)) // when connections broke, by container
	for i := range t.Pending {
		if p := &t.Pending[i]; p.Outcome == record.Cut {
			broken[p.Container] = append(broken[p.Container], p.End)
		}
	}
	for _, at := range broken {
		slices.Sort(at)
	}
	for d := range t.Life.Deaths {
		death := &t.Life.Deaths[d]
		c := t.Containers.died(death)
		t.Deaths.At[d] = death.Time
		if !death.Unreachable && death.Kind != record.CrashHealthCheck {
			for _, s := range death.Signs {
				if !s.Exited && death.Time.Sub(s.Time) >= 0 && death.Time.Sub(s.Time) <= wordsLead &&
					(s.Kind == record.CrashHeapLimit || s.Kind == record.CrashOOMKill || s.Kind == record.CrashSegfault || s.Kind == record.CrashException) {
					t.Deaths.At[d] = s.Time
				}
			}
		}
		first, _ := slices.BinarySearch(broken[c], t.Deaths.At[d].Add(-cutEarly))
		end, _ := slices.BinarySearch(broken[c], death.Time.Add(cutLate)+1)
		cuts := broken[c][first:max(first, end)]
		if len(cuts) == 0 {
			continue
		}
		// The densest second: cuts after the death (connections tried on a dead container) trickle in later.
		best, at := 0, cuts[0]
		for i := range cuts {
			j := i
			for j+1 < len(cuts) && cuts[j+1].Sub(cuts[i]) <= 2*time.Second {
				j++
			}
			if j-i+1 > best {
				best, at = j-i+1, cuts[(i+j)/2]
			}
		}
		t.Deaths.At[d], t.Deaths.cut[d] = at, true
		t.Deaths.Skew = append(t.Deaths.Skew, death.Time.Sub(at))
	}
}

// died returns the index of the container of a death.
func (c *Containers) died(d *life.Death) uint32 {
	if !c.Named {
		return 0
	}
	return c.Index(d.Container)
}
