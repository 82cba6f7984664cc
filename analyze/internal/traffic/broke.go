package traffic

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

const (
	// brokeSlack is for the times of access logs, which are whole seconds, and for lines written a moment late.
	brokeSlack = 2 * time.Second
	// brokeWithin is how long the connections of a process take to break at most.
	brokeWithin = 5 * time.Second
	// brokeUsual is the time before that says how often the container is usually asked, at least brokeLeast of it.
	brokeUsual = 5 * time.Minute
	brokeLeast = time.Minute
	// A container that ended answers nobody until it has started again: so many requests, by its usual rate, must have failed to come
	// meanwhile where a single connection broke, or two, and so many where more did. By chance they fail to come once in 1,100 times, in 20.
	brokeMissed     = 7
	brokeMissedMany = 3
	// maxBroke moments of one container are no deaths.
	maxBroke = 200
	// nobody: where nobody at all was answered for so long, the log has a gap rather than the container a silence. A silence is looked at for
	// brokeLong at most: a container that is the only one, and comes back later than that, may have no log meanwhile.
	nobody    = time.Minute
	brokeLong = 10 * time.Minute
)

// brokeMoment is a moment at which connections to a container broke.
type brokeMoment struct {
	from, to record.Time
	open     int         // the requests that broke and had begun before
	oldest   int         // of these, in Traffic.Pending
	survived bool        // some other request was open then and went on
	usual    int         // requests in brokeUsual before
	next     record.Time // when the next one that was answered began; 0 for never
}

// brokenEnds finds, by container, the moments at which it ended as far as requests tell: those that it had open broke off together, none of
// them was answered afterwards, and it answered nobody for longer than its usual pace explains. Only where no source would tell of ends:
// it takes a pass over all requests.
func (t *Traffic) brokenEnds() (map[string][]life.Broken, error) {
	if !t.Containers.Named || len(t.Evidence.Crashes) > 0 || life.TellOfEnds(nil, t.Evidence.Events) || t.Sampled.Fraction > 0 {
		return nil, nil // where only windows were fetched, what is silent may be what was not
	}
	moments := t.brokeMoments()
	if len(moments) == 0 {
		return nil, nil
	}
	served := newSeconds(t.Window.From, t.Window.To)
	err := t.lines(t.Evidence.Log.EachUnsorted, countedLines, func(r *reqlog.Rec) {
		if r.Outcome == record.Answered {
			served.add(r.Start)
		}
		if of := moments[r.Container]; of != nil && r.Outcome != record.Refused {
			seeBroken(of, r)
		}
	})
	if err != nil {
		return nil, err
	}
	out := map[string][]life.Broken{}
	for c, of := range moments {
		// Where nothing was answered up to the next moment, it is silent beyond that.
		for i := len(of) - 2; i >= 0; i-- {
			if of[i].next == 0 {
				of[i].next = of[i+1].next
			}
		}
		for i := range of {
			if b, ok := t.brokenEnd(c, &of[i], served); ok {
				out[t.Containers.Names[c]] = append(out[t.Containers.Names[c]], b)
			}
		}
	}
	return out, nil
}

// brokeMoments returns the moments at which connections broke, by container, each in the order of time.
func (t *Traffic) brokeMoments() map[uint32][]brokeMoment {
	on := map[uint32][]int{}
	for i := range t.Pending {
		if p := &t.Pending[i]; p.Outcome == record.Cut && p.Container != 0 {
			on[p.Container] = append(on[p.Container], i)
		}
	}
	moments := map[uint32][]brokeMoment{}
	for c, cut := range on {
		end := func(i int) record.Time { return t.Pending[i].End }
		slices.SortStableFunc(cut, func(a, b int) int { return cmp.Compare(end(a), end(b)) })
		runs := naming.InRuns(cut, naming.BreakGap, end)
		if len(runs) > maxBroke {
			continue
		}
		for _, run := range runs {
			m := brokeMoment{from: end(run[0]), to: end(run[len(run)-1]), oldest: run[0]}
			for _, i := range run {
				if t.Pending[i].Start <= m.from {
					m.open++
				}
				if t.Pending[i].Start < t.Pending[m.oldest].Start {
					m.oldest = i
				}
			}
			if m.to.Sub(m.from) <= brokeWithin {
				moments[c] = append(moments[c], m)
			}
		}
	}
	return moments
}

// seeBroken notes what a request says of the moments of its container.
func seeBroken(of []brokeMoment, r *reqlog.Rec) {
	first := sort.Search(len(of), func(i int) bool { return of[i].from > r.Start })
	for i := first; i < len(of) && of[i].from.Sub(r.Start) <= brokeUsual; i++ {
		of[i].usual++
	}
	for i := first; i < len(of) && of[i].to < r.End.Add(-brokeSlack); i++ {
		if of[i].from > r.Start.Add(brokeSlack) {
			of[i].survived = true
		}
	}
	if r.Outcome == record.Answered && first > 0 {
		if m := &of[first-1]; r.Start > m.to && (m.next == 0 || r.Start < m.next) {
			m.next = r.Start
		}
	}
}

// brokenEnd reports whether a container ended at a moment.
func (t *Traffic) brokenEnd(c uint32, m *brokeMoment, served *seconds) (life.Broken, bool) {
	alive := min(brokeUsual, m.from.Sub(max(t.spans[c].First, t.Window.From)))
	if m.survived || m.open == 0 || alive < brokeLeast {
		return life.Broken{}, false
	}
	silent := cmp.Or(m.next, t.Window.To).Sub(m.to)
	heard := min(silent, brokeLong)
	if len(t.Containers.Names) > 2 {
		heard = served.until(m.to, m.to.Add(heard)).Sub(m.to)
	} else if silent > brokeLong {
		return life.Broken{}, false
	}
	missed, least := float64(m.usual)*heard.Seconds()/alive.Seconds(), float64(brokeMissed)
	if m.open >= naming.MinBroken {
		least = brokeMissedMany
	}
	if missed < least {
		return life.Broken{}, false
	}
	p := &t.Pending[m.oldest]
	b := life.Broken{Time: m.from, Requests: m.open, Pos: record.Pos{Source: t.Evidence.Sources[p.Source], Line: int64(p.Line)}}
	if m.next != 0 {
		b.Silent = silent
	}
	return b, true
}

// seconds are those of a window in which something happened.
type seconds struct {
	from record.Time
	in   []uint64 // a bit for each
}

func newSeconds(from, to record.Time) *seconds {
	return &seconds{from: from, in: make([]uint64, max(0, int64(to.Sub(from)/time.Second))/64+1)}
}

func (s *seconds) add(at record.Time) {
	if i := int64(at.Sub(s.from) / time.Second); i >= 0 && i/64 < int64(len(s.in)) {
		s.in[i/64] |= 1 << (i % 64)
	}
}

// until returns the last instant up to which it happened again and again, no longer than nobody apart.
func (s *seconds) until(from, to record.Time) record.Time {
	last := from
	for at := from; at <= to && at.Sub(last) < nobody; at = at.Add(time.Second) {
		if i := int64(at.Sub(s.from) / time.Second); i >= 0 && i/64 < int64(len(s.in)) && s.in[i/64]&(1<<(i%64)) != 0 {
			last = at
		}
	}
	if to.Sub(last) < nobody {
		return to
	}
	return last
}

// BrokenRule documents the test.
func BrokenRule() finding.Rule {
	return finding.Rule{ID: "death.broken", Title: "Deaths that only requests tell of", Question: "No platform log or events were given: do the requests show that containers died?",
		Test: "Where no source would tell of an end: moments at which the requests that a container had open broke off (502, H13, a reset), none that was open went on beyond them, and the container answered nobody for longer than its usual pace explains. " +
			"Most of a fleet in turn, once each, is no sign of deaths but of a replacement; an application that logs its starts must log one.",
		Thresholds: []finding.Threshold{
			{Name: "one or two requests", Value: fmt.Sprintf("%d requests missed, by the rate of the five minutes before", brokeMissed), Why: "a connection that the router kept too long breaks alone, and the container goes on answering; by chance nobody comes for so long once in 1,100 times"},
			{Name: "more", Value: fmt.Sprintf("%d requests missed", brokeMissedMany), Why: "that they break together and none is left says most of it"},
			{Name: "a gap of the log", Value: "a minute in which nobody at all is answered", Why: "then it is not the container that is silent"},
			{Name: "together", Value: fmt.Sprintf("%g s apart", naming.BreakGap.Seconds()), Why: "recorded: a process that ends breaks all within milliseconds; access logs tell whole seconds"}},
		Source: "recorded incidents: of 37 deaths 30 are found in the log of the router alone, and nothing that was none", Limits: "Blind where nothing was open, or the container is back before the next request comes. It says that a process ended, not how: likely at best."}
}
