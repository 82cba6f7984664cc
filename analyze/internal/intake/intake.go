// Package intake gathers what the questions need: a [Sink] takes records, whatever their order, on any number of goroutines, and
// [Sink.Finish] gives them as [Evidence].
//
// Crashes, lifecycle events, samples and profiles are few and kept; requests are many and kept in compact form (package reqlog), with
// numbers for endpoints, containers and sources. It makes nothing out of them: not even two names of one container are brought
// together here.
package intake

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lastcall/analyze/endpoint"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// shared is what all goroutines write to, each part behind its own lock.
type shared struct {
	endpoints  *endpoint.Table
	containers *containerNames
	log        *reqlog.Log // finished requests, and starts without an id
	unanswered *reqlog.Log // those of the finished ones again that the process may not have been done with
	detailID   atomic.Uint32
	sources    *sources
	service    string // see Options
	ordered    bool   // see Evidence.orderSources
}

// Sink is a [record.Sink]: what one goroutine gathers. Its memory is bounded by what lies around the crashes and by the number of
// endpoints and containers, not by the number of requests.
type Sink struct {
	parent *Sink
	mu     sync.Mutex // guards the parent while a child joins
	all    *shared
	kept   Evidence

	writer   *reqlog.Writer
	broken   *reqlog.Writer // into the log of the unanswered
	ends     *endpoint.Interner
	cache    map[string]named // containers
	near     [64]nearby       // some of those, found without hashing
	nOpen    int
	pathless []reqlog.Rec        // ends without a path whose start was not seen yet
	untimed  []reqlog.Rec        // others without a duration whose start was not seen yet
	begun    map[OpenKey][]begun // starts without an id whose details are kept until their end is seen
	nBegun   int

	ranLongest longestRunning // without an answer; of these details are kept

	lastSource *record.Source
	lastID     uint16
	points     int // of all series
}

// named is a container's name with its id.
type named struct {
	name string
	id   uint32
}

// nearby is a container with the instance that was seen last on it.
type nearby struct {
	named
	seen *Sighting
}

// tally returns the tally at a place, see [TallyOf].
func (s *Sink) tally(at int) *Tally {
	for at >= len(s.kept.Tallies) {
		s.kept.Tallies = append(s.kept.Tallies, nil)
	}
	t := s.kept.Tallies[at]
	if t == nil {
		t = &Tally{}
		s.kept.Tallies[at] = t
	}
	return t
}

// begun is a start line without an id.
type begun struct {
	start  record.Time
	detail uint32
}

// Limits of what is kept.
const (
	defaultMemory = 6 << 20
	// MaxOpen bounds the starts without an end that one goroutine remembers, with what may be quoted of them.
	MaxOpen = 500_000
	// maxUntimed bounds the ends without a duration that one goroutine holds for the starts that others may read while it saw no start
	// itself: most logs with such ends have no starts at all. It is the ends at the beginning of a chunk.
	maxUntimed = 1000
	// longest is how far before its end a start may lie of which the end takes its time: some number their requests from one on in every
	// life of a process, and what a dead one began is ended by none.
	longest = 24 * time.Hour
	// maxPoints bounds the samples kept: 16 bytes each.
	maxPoints = 4_000_000
	// MaxSmall bounds each kind of small record.
	MaxSmall = 500_000
	// maxText bounds quoted lines.
	maxText = 300
)

func newSink(parent *Sink, all *shared) *Sink {
	return &Sink{
		parent: parent, all: all,
		writer: all.log.Writer(), broken: all.unanswered.Writer(), ends: all.endpoints.Interner(), cache: map[string]named{}, begun: map[OpenKey][]begun{},
		kept: Evidence{
			Open: map[OpenKey][]reqlog.Rec{}, Details: map[uint32]Detail{}, Series: map[SeriesKey]*Series{}, Seen: map[SeenKey]*Sighting{},
			Warnings: map[WarningKey]*record.Warning{}, Chatter: newChatter(),
		},
	}
}

// Options say what is gathered.
type Options struct {
	// Service narrows what is kept to one service, and to what platforms say of it ([record.OfPlatform]); empty means all.
	Service string
	// Spool makes a private temporary file for requests that do not fit into MemoryBytes, at most two of them; nil keeps all in memory.
	Spool func() (reqlog.Spool, error)
	// MemoryBytes bounds the requests held in memory; 0 means 6 MB, 110,000 requests. Those that were not answered are held once more,
	// in a quarter of that.
	MemoryBytes int
}

// New returns the first sink; others are its forks.
func New(opts Options) *Sink {
	if opts.MemoryBytes <= 0 {
		opts.MemoryBytes = defaultMemory
	}
	return newSink(nil, &shared{
		endpoints:  endpoint.NewTable(),
		containers: newContainerNames(),
		log:        reqlog.New(opts.MemoryBytes, opts.Spool),
		unanswered: reqlog.New(opts.MemoryBytes/4, opts.Spool),
		sources:    newSources(),
		service:    opts.Service,
	})
}

// Close frees what all sinks hold (temporary files). It may be called more than once.
func (s *Sink) Close() error { return errors.Join(s.all.log.Close(), s.all.unanswered.Close()) }

var _ record.Sink = (*Sink)(nil)

// Request implements record.Sink.
func (s *Sink) Request(r *record.Request) error {
	if s.all.service != "" && s.otherService(string(r.Service)) && !(r.Layer == record.LayerRouter && record.OfPlatform(r.Service)) {
		return nil
	}
	on := s.container(r.Container)
	rec := reqlog.Rec{
		Start: r.Start, End: r.End, ID: hash(r.ID), User: hash32(r.User), Path: hash32(r.Path),
		Endpoint: s.ends.ID(r.Method, r.Path, r.Route), Container: on.id,
		Line: uint32(min(r.Pos.Line, math.MaxUint32)), Source: s.source(r.Pos.Source), Status: uint16(r.Status),
		Layer: r.Layer, Phase: r.Phase, Outcome: r.Outcome, Retried: r.Retried,
	}
	if rec.User == 0 {
		rec.User = hash32(r.Client)
	}
	if rec.Start == 0 {
		rec.Start = rec.End
	}
	if rec.Start > rec.End && rec.End != 0 {
		rec.Start = rec.End
	}
	if len(r.Instance) > 0 && len(r.Container) > 0 {
		if on.seen == nil || on.seen.instance != string(r.Instance) {
			on.seen = s.saw(r)
		}
		on.seen.Add(r.End)
	}
	t := s.tally(TallyOf(rec.Source, rec.Layer))
	t.N++
	t.line(&rec)
	if rec.Container != 0 {
		t.Named++
		if int(rec.Container) >= len(t.Containers) || !t.Containers[rec.Container] {
			t.saw(rec.Container)
		}
	}
	if r.Phase == record.Started {
		s.kept.Starts++
		rec.End = 0
		if rec.ID == 0 {
			return s.begin(&rec, r)
		}
		s.open(&rec, r)
		return nil
	}
	s.kept.Finished[rec.Layer%Layers].Add(rec.Container, rec.Start, rec.End)
	if MayRunOn(rec.Outcome) {
		s.quote(&rec, r)
		s.ranLongest.add(&rec, s.kept.Details)
	}
	pathless := rec.ID != 0 && len(r.Path) == 0 && len(r.Route) == 0
	untimed := rec.ID != 0 && rec.Start == rec.End
	switch {
	case rec.ID != 0 && (pathless || untimed || len(s.kept.Open) > 0):
		switch closed := s.close(&rec, pathless, false); {
		case closed:
		case pathless && len(s.pathless) < MaxOpen: // another goroutine may have read its start
			s.pathless = append(s.pathless, rec)
			return nil
		case untimed && !pathless && len(s.untimed) < MaxOpen && (s.kept.Starts > 0 || len(s.untimed) < maxUntimed):
			s.untimed = append(s.untimed, rec)
			return nil
		}
	case rec.ID == 0 && s.nBegun > 0:
		s.finish(&rec)
	}
	return s.append(&rec, t)
}

// append keeps a finished request, and counts it where it belongs.
func (s *Sink) append(rec *reqlog.Rec, t *Tally) error {
	t.finished(rec)
	if MayRunOn(rec.Outcome) {
		if err := s.broken.Append(rec); err != nil {
			return err
		}
	}
	return s.writer.Append(rec)
}

// findStarts gives finished requests whose lines lack a path or a duration that of their start, which another goroutine read. Those without
// a path whose start is not found are counted as one endpoint that is never accused.
func (s *Sink) findStarts() error {
	for _, q := range [...]*[]reqlog.Rec{&s.pathless, &s.untimed} {
		pathless := q == &s.pathless
		slices.SortFunc(*q, func(a, b reqlog.Rec) int { return reqlog.CompareAll(&a, &b) })
		// Of ends that two sources tell of, a start is that of its own source's, as it is where one goroutine reads both lines.
		closed := make([]bool, len(*q))
		for i := range *q {
			closed[i] = s.close(&(*q)[i], pathless, true)
		}
		for i := range *q {
			rec := &(*q)[i]
			if !closed[i] && !s.close(rec, pathless, false) && pathless {
				s.kept.Left.Paths++
				rec.Endpoint = 0
			}
			if err := s.append(rec, s.tally(TallyOf(rec.Source, rec.Layer))); err != nil {
				return err
			}
		}
		*q = nil
	}
	return errors.Join(s.writer.Flush(), s.broken.Flush())
}

// source returns the id of a source; one goroutine reads one file at a time, so the last answer nearly always holds.
func (s *Sink) source(src *record.Source) uint16 {
	if src != s.lastSource || src == nil {
		s.lastSource, s.lastID = src, s.all.sources.id(src)
	}
	return s.lastID
}

// saw returns what is known of an instance, to be added to. What does not fit is forgotten.
func (s *Sink) saw(r *record.Request) *Sighting {
	x := s.kept.Seen[SeenKey{string(r.Container), string(r.Instance)}] // no allocation: the compiler knows map lookups by string(b)
	if x == nil {
		k := SeenKey{string(r.Container), string(r.Instance)}
		x = &Sighting{instance: k.Instance}
		if len(s.kept.Seen) < MaxSmall {
			s.kept.Seen[k] = x
		}
	}
	return x
}

// open remembers a start line until its end comes.
func (s *Sink) open(rec *reqlog.Rec, r *record.Request) {
	if s.nOpen >= MaxOpen {
		s.kept.Left.Open++
		return
	}
	s.quote(rec, r)
	k := KeyOf(rec)
	s.kept.Open[k] = append(s.kept.Open[k], *rec)
	s.nOpen++
}

// begin keeps a start line without an id among the requests: which end is its own can be told only in the order of time (the
// joins do that), and other goroutines may read it.
func (s *Sink) begin(rec *reqlog.Rec, r *record.Request) error {
	s.kept.Unnamed++
	if s.nBegun < MaxOpen {
		s.quote(rec, r)
		k := KeyOf(rec)
		s.begun[k] = append(s.begun[k], begun{rec.Start, rec.Detail})
		s.nBegun++
	}
	return s.writer.Append(rec)
}

// finish forgets the details of the start that an end without an id says it had, as nothing will be quoted of it.
func (s *Sink) finish(rec *reqlog.Rec) {
	k := KeyOf(rec)
	q := s.begun[k]
	for i := range q {
		if rec.End > rec.Start && q[i].start.Sub(rec.Start).Abs() <= SameStart {
			delete(s.kept.Details, q[i].detail)
			s.begun[k] = slices.Delete(q, i, i+1)
			s.nBegun--
			return
		}
	}
}

// close forgets the start line that an end belongs to, the one that lies closest to the start that the end tells of: some number their
// requests from one on in every life of a process. An end without a path takes that of its start, and one without a duration its time. It
// returns false when there is none; own asks for one of the same source.
func (s *Sink) close(rec *reqlog.Rec, pathless, own bool) bool {
	k := KeyOf(rec)
	q := s.kept.Open[k]
	best := -1
	for i := range q {
		if (!own || q[i].Source == rec.Source) && SameRequest(&q[i], rec) && (best < 0 || q[i].Start.Sub(rec.Start).Abs() < q[best].Start.Sub(rec.Start).Abs()) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	start := q[best]
	if rec.Start == rec.End && beganAt(&start, rec) {
		rec.Start = start.Start
		s.kept.Finished[rec.Layer%Layers].Add(rec.Container, rec.Start, rec.End)
	}
	if pathless {
		rec.Endpoint, rec.Path = start.Endpoint, start.Path
		if rec.User == 0 {
			rec.User = start.User
		}
		if d, ok := s.kept.Details[rec.Detail]; ok {
			of := s.kept.Details[start.Detail]
			d.Path, d.User = of.Path, cmp.Or(d.User, of.User)
			s.kept.Details[rec.Detail] = d
		}
	}
	delete(s.kept.Details, start.Detail)
	if len(q) == 1 {
		delete(s.kept.Open, k)
	} else {
		s.kept.Open[k] = slices.Delete(q, best, best+1)
	}
	s.nOpen--
	return true
}

// beganAt reports whether an end that does not tell how long it took began when a start says. Several services may know one id, and their
// clocks differ.
func beganAt(start, end *reqlog.Rec) bool {
	took := end.End.Sub(start.Start)
	return took > 0 && took <= longest && start.Layer == end.Layer && (end.Path == 0 || start.Path == end.Path)
}

// quote stores what the report may quote of a request.
func (s *Sink) quote(rec *reqlog.Rec, r *record.Request) {
	rec.Detail = s.all.detailID.Add(1)
	user := r.User
	if len(user) == 0 {
		user = r.Client
	}
	s.kept.Details[rec.Detail] = Detail{Path: cut(r.Path), ID: cut(r.ID), User: cut(user)}
}

func cut(b []byte) string {
	if len(b) > maxText {
		b = b[:maxText]
	}
	return string(b)
}

// container looks a container up by its name; the answer holds until the next question.
func (s *Sink) container(name []byte) *nearby {
	place := 0
	if n := len(name); n > 0 {
		// The names of a fleet differ in their last characters.
		place = (int(name[n-1]) + int(name[n/2])<<2) % len(s.near)
	}
	near := &s.near[place]
	if near.name == string(name) {
		return near // also of no name, whose id is 0
	}
	c, ok := s.cache[string(name)]
	if !ok {
		c.name = string(name)
		c.id = s.all.containers.id(c.name)
		if len(s.cache) < MaxSmall {
			s.cache[c.name] = c
		}
	}
	*near = nearby{named: c}
	return near
}

// Sample implements record.Sink.
func (s *Sink) Sample(m *record.Sample) error {
	if s.otherService(m.Service) || m.Metric == record.MetricUnknown || math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
		return nil
	}
	if s.points >= maxPoints {
		s.kept.Left.Points++
		return nil
	}
	s.points++
	k := SeriesKey{m.Container, m.Instance, m.Metric, SourceFormat(m.Pos.Source)}
	e := s.kept.Series[k]
	if e == nil {
		e = &Series{Source: m.Pos.Source}
		s.kept.Series[k] = e
	} else if m.Pos.Source != e.Source && SourceName(m.Pos.Source) < SourceName(e.Source) {
		e.Source = m.Pos.Source
	}
	e.Points = append(e.Points, Point{m.Time, m.Value})
	if m.Instance != "" {
		sk := SeenKey{m.Container, m.Instance}
		if s.kept.Seen[sk] == nil {
			s.kept.Seen[sk] = &Sighting{instance: m.Instance}
		}
		s.kept.Seen[sk].Add(m.Time)
	}
	return nil
}

func (s *Sink) otherService(name string) bool {
	return s.all.service != "" && name != "" && name != s.all.service
}

// keepSmall adds a small record, or counts it where there are too many.
func keepSmall[T any](s *Sink, to []T, x T) []T {
	if len(to) >= MaxSmall {
		s.kept.Left.Small++
		return to
	}
	return append(to, x)
}

// Crash implements record.Sink.
func (s *Sink) Crash(c *record.Crash) error {
	if s.otherService(c.Service) && !record.OfPlatform(c.Service) {
		return nil
	}
	s.kept.Crashes = keepSmall(s, s.kept.Crashes, *c)
	return nil
}

// Lifecycle implements record.Sink.
func (s *Sink) Lifecycle(e *record.Lifecycle) error {
	// What concerns no container concerns all: a deployment has a name of its own, which some sources take for that of a service.
	if e.Container != "" && s.otherService(e.Service) && !record.OfPlatform(e.Service) {
		return nil
	}
	s.kept.Events = keepSmall(s, s.kept.Events, *e)
	return nil
}

// Job implements record.Sink.
func (s *Sink) Job(j *record.Job) error {
	s.kept.Jobs = keepSmall(s, s.kept.Jobs, *j)
	return nil
}

// Message implements record.Sink.
func (s *Sink) Message(m *record.Message) error {
	if len(m.Service) == 0 || !s.otherService(string(m.Service)) {
		s.kept.Chatter.add(m)
	}
	return nil
}

// Exposure implements record.Sink.
func (s *Sink) Exposure(e *record.Exposure) error {
	if !s.otherService(e.Service) {
		s.kept.Exposures = keepSmall(s, s.kept.Exposures, *e)
	}
	return nil
}

// Profile implements record.Sink.
func (s *Sink) Profile(p *record.Profile) error {
	q := *p
	q.Data = append([]byte(nil), p.Data...)
	s.kept.Profiles = append(s.kept.Profiles, q)
	return nil
}

// Warn implements record.Sink.
func (s *Sink) Warn(w *record.Warning) error {
	like := WarningKey{w.Code, w.Text, w.Pos.Source}
	k := s.kept.Warnings[like]
	switch {
	case k != nil:
		k.Count += w.Count
		// The first place, whatever the order.
		if w.Pos.Line != 0 && (k.Pos.Line == 0 || w.Pos.Line < k.Pos.Line) || w.Pos.Line == k.Pos.Line && w.Example < k.Example {
			k.Pos, k.Example = w.Pos, w.Example
		}
	case len(s.kept.Warnings) >= MaxSmall:
		s.kept.Left.Warnings += w.Count
	default:
		one := *w
		s.kept.Warnings[like] = &one
	}
	return nil
}

// Cover implements record.Sink.
func (s *Sink) Cover(c *record.Coverage) error {
	s.kept.Coverage = keepSmall(s, s.kept.Coverage, *c)
	return nil
}

// Fork implements record.Sink.
func (s *Sink) Fork() record.Sink { return newSink(s, s.all) }

// Join implements record.Sink.
func (s *Sink) Join() error {
	if err := errors.Join(s.writer.Flush(), s.broken.Flush()); err != nil {
		return err
	}
	p := s.parent
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept.Left.Open += s.kept.Left.Open
	p.kept.Starts += s.kept.Starts
	p.pathless = append(p.pathless, s.pathless...)
	p.untimed = append(p.untimed, s.untimed...)
	p.kept.Unnamed += s.kept.Unnamed
	p.points += s.points
	p.kept.Left.Points += s.kept.Left.Points
	p.kept.Left.Small += s.kept.Left.Small
	p.kept.Left.Warnings += s.kept.Left.Warnings
	for at, t := range s.kept.Tallies {
		if t != nil {
			p.tally(at).Add(t)
		}
	}
	for layer := range s.kept.Finished {
		for c, x := range s.kept.Finished[layer] {
			p.kept.Finished[layer].Add(uint32(c), x.First, x.Last)
		}
	}
	for k, q := range s.kept.Open {
		p.kept.Open[k] = append(p.kept.Open[k], q...)
		p.nOpen += len(q)
	}
	maps.Copy(p.kept.Details, s.kept.Details)
	p.ranLongest.join(&s.ranLongest, p.kept.Details)
	p.kept.Crashes = append(p.kept.Crashes, s.kept.Crashes...)
	p.kept.Events = append(p.kept.Events, s.kept.Events...)
	p.kept.Jobs = append(p.kept.Jobs, s.kept.Jobs...)
	p.kept.Chatter.join(s.kept.Chatter)
	p.kept.Exposures = append(p.kept.Exposures, s.kept.Exposures...)
	p.kept.Profiles = append(p.kept.Profiles, s.kept.Profiles...)
	for k, e := range s.kept.Series {
		if o := p.kept.Series[k]; o != nil {
			if SourceName(e.Source) < SourceName(o.Source) {
				o.Source = e.Source
			}
			o.Points = append(o.Points, e.Points...)
		} else {
			p.kept.Series[k] = e
		}
	}
	for k, e := range s.kept.Seen {
		o := p.kept.Seen[k]
		if o == nil {
			o = &Sighting{instance: k.Instance}
			p.kept.Seen[k] = o
		}
		o.Add(e.First)
		o.Add(e.Last)
	}
	for _, w := range s.kept.Warnings {
		if err := p.Warn(w); err != nil {
			return err
		}
	}
	p.kept.Coverage = append(p.kept.Coverage, s.kept.Coverage...)
	return nil
}
