package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/traffic"
	"lastcall/collectors/record"
)

const (
	// maxTimeline bounds the events of a report; see finding.MainEvents for what stays.
	maxTimeline = 400
	// startsSoon: a start that comes so long after a death, at most, is told as what follows it.
	startsSoon = 10 * time.Minute
)

// timeline is what happened, in the order of time: what sources tell, and what was made out of it.
func (q *inquiry) timeline() []finding.Event {
	events := slices.Concat(q.platformEvents(), q.plannedEvents(), q.restartEvents(), q.deathEvents(), q.requestEvents(), q.said, q.onsetEvents(), q.breakEvents(), q.hangEvents())
	events = slices.DeleteFunc(events, func(e finding.Event) bool { return e.Time.UnixNano() == 0 })
	slices.SortStableFunc(events, func(a, b finding.Event) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Container, b.Container), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Text, b.Text))
	})
	events = slices.CompactFunc(events, func(a, b finding.Event) bool { return a.Time.Equal(b.Time) && a.Text == b.Text })
	if len(events) > maxTimeline {
		all := events
		kept, dropped := finding.MainEvents(all, maxTimeline-1)
		events = append(slices.Clone(kept), finding.Event{Time: all[len(all)-1].Time, Kind: finding.EventMore, Text: fmt.Sprintf("… and %d more events", dropped)})
	}
	if events == nil {
		events = []finding.Event{}
	}
	return events
}

// observed is an event that a record at pos tells of.
func observed(t record.Time, kind finding.EventKind, text string, pos record.Pos, container string) finding.Event {
	return finding.Event{Time: t.Std(), Kind: kind, Text: text, Source: intake.SourceName(pos.Source), Line: pos.Line, Observed: true, Container: container}
}

func (q *inquiry) platformEvents() (out []finding.Event) {
	for _, d := range q.traffic.Life.Deploys {
		text := "deploy"
		if d.Version != "" {
			text = "deploy of " + d.Version
		}
		out = append(out, observed(d.Time, finding.EventDeploy, text, d.Pos, ""))
	}
	for i := range q.traffic.Evidence.Events {
		e := &q.traffic.Evidence.Events[i]
		put := func(kind finding.EventKind, text string) {
			out = append(out, observed(e.Time, kind, text, e.Pos, e.Container))
		}
		switch e.Kind {
		case record.Scale:
			put(finding.EventPlanned, "scaling"+after(e.Reason))
		case record.Maintenance:
			put(finding.EventPlanned, "maintenance"+after(e.Reason))
		case record.MembersChanged:
			put(finding.EventMembers, "list of live instances refreshed: "+clip(e.Text, 120))
		case record.HostDown:
			put(finding.EventHost, "host down"+after(e.Host))
		case record.MemoryPressure:
			put(finding.EventMemory, pressureWords(e))
		}
	}
	return out
}

func pressureWords(e *record.Lifecycle) string {
	switch {
	case e.Reason == traffic.Survived:
		return e.Container + " ran out of memory and went on: " + clip(e.Text, 140)
	case e.Reason == record.NodeOutOfMemory:
		return cmp.Or(e.Host, "the machine") + " ran out of memory"
	case e.Container == "":
		return cmp.Or(e.Host, e.Service, "something") + " is short of memory" + after(e.Reason)
	}
	return e.Container + " is over its memory quota"
}

func (q *inquiry) plannedEvents() (out []finding.Event) {
	for _, w := range q.traffic.Asked.Planned {
		out = append(out, observed(w.From, finding.EventPlanned, "planned window begins (told by the user)", record.Pos{}, ""),
			observed(w.To, finding.EventPlanned, "planned window ends (told by the user)", record.Pos{}, ""))
	}
	return out
}

func (q *inquiry) restartEvents() (out []finding.Event) {
	for i := range q.traffic.Life.Restarts {
		s := &q.traffic.Life.Restarts[i]
		e := observed(s.Time, finding.EventRestart, fmt.Sprintf("%s ended as asked (%s)", s.Container, s.Reason), s.Pos, s.Container)
		switch s.Reason {
		case finding.Evicted:
			e.Text = s.Container + " was put off its node (evicted)"
		case finding.StoppedReporting:
			e.Observed = false
			e.Text = s.Container + " stopped reporting; another instance followed"
			if s.Again {
				e.Text = s.Container + " started again; no source says how it had ended"
			}
		}
		out = append(out, e)
	}
	return out
}

// deathEvents are the last words of those that died, their ends, and the starts that followed.
func (q *inquiry) deathEvents() (out []finding.Event) {
	// By container and by start: a fleet can have hundreds of thousands of lives.
	lives := map[string][]int{}
	for i := range q.traffic.Life.Lives {
		lives[q.traffic.Life.Lives[i].Container] = append(lives[q.traffic.Life.Lives[i].Container], i)
	}
	type begin struct {
		container string
		at        record.Time
	}
	told := map[begin]record.Pos{}
	for i := range q.traffic.Evidence.Events {
		at := begin{q.traffic.Evidence.Events[i].Container, q.traffic.Evidence.Events[i].Time}
		if _, ok := told[at]; !ok {
			told[at] = q.traffic.Evidence.Events[i].Pos
		}
	}
	for d := range q.traffic.Life.Deaths {
		x := &q.traffic.Life.Deaths[d]
		pos := record.Pos{}
		for _, s := range x.Signs {
			pos = s.Pos
			if s.Exited {
				break
			}
		}
		for _, s := range x.Signs {
			if !s.Exited && (s.Kind == record.CrashHeapLimit || s.Kind == record.CrashException || s.Kind == record.CrashSegfault) {
				words := observed(s.Time, finding.EventLastWords, x.Container+": "+clip(s.Text, 140), s.Pos, x.Container)
				words.Crash = x.ID()
				out = append(out, words)
				break
			}
		}
		text := fmt.Sprintf("%s died: %s", x.Container, q.kindWords(x))
		if x.Unreachable {
			text = x.Container + " became unreachable and was moved"
		}
		if x.Unfinished > 0 {
			text = fmt.Sprintf("%s ended with %d request(s) open, and started again", x.Container, x.Unfinished)
		}
		if x.Broke > 0 {
			text = fmt.Sprintf("%s ended: %s", x.Container, x.Signs[0].Text)
		}
		died := observed(x.Time, finding.EventCrash, text, pos, x.Container)
		died.Observed, died.Crash = !x.Inferred(), x.ID()
		out = append(out, died)
		of := lives[x.Container] // in the order of time
		if i := sort.Search(len(of), func(i int) bool { return q.traffic.Life.Lives[of[i]].Start > x.Time }); i < len(of) && q.traffic.Life.Lives[of[i]].Start.Sub(x.Time) < startsSoon {
			start := q.traffic.Life.Lives[of[i]].Start
			e := observed(start, finding.EventStart, x.Container+" starts again", told[begin{x.Container, start}], x.Container)
			if x.Broke > 0 && e.Source == "" {
				e.Text, e.Observed = x.Container+" answers again", false
			}
			out = append(out, e)
		}
	}
	return out
}

// requestEvents are the requests of whoever is accused or comes closest, on the containers that died.
func (q *inquiry) requestEvents() (out []finding.Event) {
	for i := range q.report.Suspects {
		s := &q.report.Suspects[i]
		if s.Role != finding.Culprit && (i > 0 || s.Grade != finding.Possible) {
			continue
		}
		for _, x := range s.Examples {
			e := finding.Event{Time: x.Start, Kind: finding.EventRequest, Text: fmt.Sprintf("%s begins on %s", s.Endpoint, x.Container), Source: x.Source, Line: x.Line, Observed: true, Container: x.Container, Crash: x.Crash}
			out = append(out, e)
			if p := q.find(x); p != nil && x.Outcome == "given_up" {
				e.Time, e.Text = p.End.Std(), fmt.Sprintf("the router gives up on %s on %s; the work may go on", s.Endpoint, x.Container)
				out = append(out, e)
			}
		}
	}
	return out
}

func (q *inquiry) find(x finding.Example) *traffic.Pending {
	for i := range q.traffic.Pending {
		p := &q.traffic.Pending[i]
		if int64(p.Line) == x.Line && q.traffic.Evidence.Sources.Name(p.Source) == x.Source && p.Start.Std().Equal(x.Start) {
			return p
		}
	}
	return nil
}

func (q *inquiry) onsetEvents() (out []finding.Event) {
	for c, res := range q.open.results {
		if res == nil || res.Leader < 0 || res.Endpoints[res.Leader].Posterior < likelyP {
			continue
		}
		for i, d := range q.open.deaths[c] {
			if res.Onsets[i] < 2 {
				continue
			}
			x := &q.traffic.Life.Deaths[d]
			e := observed(q.traffic.Deaths.At[d].Add(-time.Duration(res.Onsets[i]*1e9)), finding.EventOnset, x.Container+" begins to slow down (estimated from its requests)", record.Pos{}, x.Container)
			e.Observed, e.Crash = false, x.ID()
			out = append(out, e)
		}
	}
	return out
}

func (q *inquiry) hangEvents() []finding.Event {
	if q.hang == nil {
		return nil
	}
	refs := q.hang.Refs
	return []finding.Event{
		observed(q.hang.From, finding.EventHang, fmt.Sprintf("requests begin to end after the same %.1f s", q.hang.Constant.Seconds()), q.slowPos(refs[0]), ""),
		observed(q.hang.To, finding.EventHang, fmt.Sprintf("the last request that ends after %.1f s begins", q.hang.Constant.Seconds()), q.slowPos(refs[len(refs)-1]), ""),
	}
}

func (q *inquiry) slowPos(ref int) record.Pos {
	s := &q.measured.Slow[ref]
	return record.Pos{Source: q.traffic.Evidence.Sources[s.Source], Line: int64(s.Line)}
}

// breakEvents are those moments for the timeline, each with the request that had run the longest.
func (q *inquiry) breakEvents() (ev []finding.Event) {
	for _, b := range q.breaks {
		oldest := &q.traffic.Pending[slices.MinFunc(b.Requests, func(i, j int) int { return cmp.Compare(q.traffic.Pending[i].Start, q.traffic.Pending[j].Start) })]
		name := q.traffic.Containers.Names[b.Container]
		if name == "" {
			name = "one container"
		}
		ev = append(ev, finding.Event{Time: b.At.Std(), Kind: finding.EventBroken, Container: q.traffic.Containers.Names[b.Container], Observed: true, Source: q.traffic.Evidence.Sources.Name(oldest.Source), Line: int64(oldest.Line),
			Text: fmt.Sprintf("%d requests on %s break at once; the oldest, %s, had run for %s", len(b.Requests), name, q.traffic.Endpoints.Names[oldest.Endpoint], seconds(oldest.End.Sub(oldest.Start).Seconds()))})
	}
	return ev
}
