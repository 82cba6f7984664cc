package intake

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/endpoint"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// Evidence is what was gathered, whatever the order in which it came. It is handed on from one step to the next, each of which may
// change it: names are made one, what lies outside of the window is dropped.
type Evidence struct {
	// Log has the finished requests, and starts without an id; Unanswered those of the finished ones again that the process may not have
	// been done with. Endpoints, containers and sources are raw ids there.
	Log, Unanswered *reqlog.Log
	Endpoints       *endpoint.Table
	Containers      []string // names that requests carry, by raw id; 0 is none, OtherContainers those beyond what is kept
	Sources         Sources  // by id, in the order of their names; 0 is none
	Tallies         []*Tally // by TallyOf; nil where there is no line
	Again           []bool   // by TallyOf: whether these are the lines of another source, given twice

	// Finished says when the finished requests of each container began and ended, by layer and raw container id.
	Finished [Layers]Spans
	Open     map[OpenKey][]reqlog.Rec // starts whose end was not seen
	Unnamed  int64                    // starts without an id
	Starts   int64                    // requests whose start has a line of its own
	Details  map[uint32]Detail        // by reqlog.Rec.Detail

	Crashes   []record.Crash
	Events    []record.Lifecycle
	Jobs      []record.Job
	Chatter   *Chatter
	Exposures []record.Exposure
	Profiles  []record.Profile
	Series    map[SeriesKey]*Series
	Seen      map[SeenKey]*Sighting
	Warnings  map[WarningKey]*record.Warning
	Coverage  []record.Coverage
	Left      LeftOut
}

// LeftOut counts what was left out, as there is too much of it.
type LeftOut struct {
	Points   int64 // memory readings
	Small    int64 // crashes, events, jobs, tables of requests, coverage
	Details  int64 // what may be quoted of requests
	Warnings int64
	Open     int64 // starts that were forgotten because too many stayed open
	Paths    int64 // finished requests without a path whose start was not seen
}

// Finish returns what this sink and all its forks gathered, once they joined. It is for the first of them, which is not to be used
// any more.
func (s *Sink) Finish() (*Evidence, error) {
	if err := s.Join(); err != nil {
		return nil, err
	}
	if err := s.findStarts(); err != nil {
		return nil, err
	}
	ev := &s.kept
	s.ranLongest.cut(ev.Details)
	ev.Left.Details, s.ranLongest.left = ev.Left.Details+s.ranLongest.left, 0
	ev.Log, ev.Unanswered, ev.Endpoints, ev.Containers = s.all.log, s.all.unanswered, s.all.endpoints, s.all.containers.list
	if !s.all.ordered {
		s.all.ordered = true
		ev.Sources = s.all.sources.list
		ev.orderSources()
	}
	ev.findCopies()
	return ev, nil
}

// orderSources numbers the sources by their names.
func (ev *Evidence) orderSources() {
	old := ev.Sources
	order := make([]int, len(old))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order[1:], func(a, b int) int { // the first is none
		return cmp.Or(strings.Compare(SourceName(old[a]), SourceName(old[b])), strings.Compare(SourceFormat(old[a]), SourceFormat(old[b])))
	})
	of := make([]uint16, len(old))
	list := make([]*record.Source, len(old))
	tallies := make([]*Tally, Layers*len(old))
	for n, was := range order {
		of[was], list[n] = uint16(n), old[was]
		if from := was * Layers; from < len(ev.Tallies) {
			copy(tallies[n*Layers:(n+1)*Layers], ev.Tallies[from:])
		}
	}
	ev.Sources, ev.Tallies = list, tallies
	ev.Log.RenumberSources(of)
	ev.Unanswered.RenumberSources(of)
	for _, q := range ev.Open {
		for i := range q {
			q[i].Source = of[q[i].Source]
		}
	}
}

// findCopies finds sources that hold the same lines as another: a file given twice, or under two names. The one with the first name
// counts. Copies of parts are dropped line by line (see reqlog.SameLine).
func (ev *Evidence) findCopies() {
	ev.Again = make([]bool, Layers*len(ev.Sources))
	type lines struct {
		layer  int
		n      int64
		print  uint64
		format string
	}
	first := map[lines]int{}
	name := func(at int) string { return ev.Sources.Name(uint16(at / Layers)) }
	for at, x := range ev.Tallies {
		if x == nil || x.N == 0 {
			continue
		}
		k := lines{layer: at % Layers, n: x.N, print: x.print}
		if s := ev.Sources[at/Layers]; s != nil {
			k.format = s.Format
		}
		other, ok := first[k]
		switch {
		case !ok:
			first[k] = at
		case name(at) < name(other):
			ev.Again[other] = true
			first[k] = at
		default:
			ev.Again[at] = true
		}
	}
}

// OpenKey is what a start and its end have in common: an id on one container, as a request that is tried again elsewhere may keep its
// id; without an id the endpoint.
type OpenKey struct {
	ID        uint64
	Container uint32 // raw id
	Endpoint  uint32 // raw id
}

// Detail is what the report needs of a request that may be cited.
type Detail struct{ Path, ID, User string }

// SeriesKey names one curve. Sources of one format tell of the same readings (a file that was split); those of others measure in
// another way, and between two curves that differ by a tenth memory would seem to jump at every point.
type SeriesKey struct {
	Container, Instance string
	Metric              record.Metric
	Format              string
}

// Series is one curve.
type Series struct {
	Source *record.Source // of several the first by name
	Points []Point        // in the order in which they came, until names.Sort
}

// Point is one reading.
type Point struct {
	T record.Time
	V float64 // in the base unit of its metric
}

// SeenKey names an instance of a container.
type SeenKey struct{ Container, Instance string }

// WarningKey is what warnings have in common that are counted as one.
type WarningKey struct {
	Code, Text string
	Source     *record.Source
}

// Sighting is when an instance was seen.
type Sighting struct {
	Span
	instance string
}

// MayRunOn reports whether the process may not have been done with a request when its line was written, or never had it.
func MayRunOn(o record.Outcome) bool {
	switch o {
	case record.GaveUp, record.ClientGone, record.Cut, record.Refused:
		return true
	}
	return false
}

// sameID is how far apart, by their clocks and beside what it took, the start and the end of one request may lie that have one id.
const sameID = time.Minute

// SameRequest reports whether a start and an end with one id may be of one request. What a router and a process both know is an id that
// does not come again, and their clocks may differ by anything. An end that does not say how long it took may be of any start before.
func SameRequest(start, end *reqlog.Rec) bool {
	return start.Layer != end.Layer || start.Start <= end.End.Add(sameID) && (end.Start == end.End || start.Start >= end.Start.Add(-sameID))
}

// KeyOf returns the key of a start or an end.
func KeyOf(rec *reqlog.Rec) OpenKey {
	if rec.ID != 0 {
		return OpenKey{ID: rec.ID, Container: rec.Container}
	}
	return OpenKey{Container: rec.Container, Endpoint: rec.Endpoint}
}

// SourceName returns the name of a source, empty for none.
func SourceName(s *record.Source) string {
	if s == nil {
		return ""
	}
	return s.Name
}

// SourceFormat returns the format of a source, empty for none.
func SourceFormat(s *record.Source) string {
	if s == nil {
		return ""
	}
	return s.Format
}

// SameStart is how far apart a start line and the start that an end line tells of may lie.
const SameStart = time.Second
