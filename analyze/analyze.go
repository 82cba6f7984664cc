// Package analyze is the engine: it takes records, asks its detectors, weighs rival explanations, and builds the report.
//
// Data passes once, in one direction. An [Analyzer] is a record.Sink: crashes, lifecycle events, samples and profiles are few and
// kept; requests are many and kept in compact form (internal/reqlog). [Analyzer.Report] then works in steps, each a file here:
//
//	names.go     one container, many names: canonical names (tie.go: those that only time ties); endpoints after collapsing
//	life         deaths, restarts, lives (package life)
//	requests.go  joins of router and application lines: which requests were open when a container died
//	baseline.go  which moments are quiet
//	measure.go   the pass over all requests: how often each endpoint is open, at each age, at a quiet moment; the cases; counts
//	inflight     open-at-onset evidence per endpoint (package inflight)
//	memory       shapes of memory and whose traffic explains the growth (package memory)
//	heap         which code holds the memory (package heap)
//	hang         calls that end at one constant duration (package hang)
//	verdict.go   weighs all of it: cause, endpoint, grade, checks (verdict_*.go: by kind of death)
//	families.go  a second look, with paths that differ in one segment taken as one, when nothing stood out
//	story.go     timeline, pattern, impact, actions, charts (breaks.go: when connections broke)
//
// It is pure: no clock, no network, and randomness only from fixed seeds. The same records in any order give the same report. It
// does not format: the report package does.
package analyze

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lastcall/analyze/endpoint"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// Options are the analyzer's settings. The zero value is ready to use.
type Options struct {
	// LimitBytes is the memory limit of a container where the evidence does not say it; 0 means unknown.
	LimitBytes int64
	// Planned are windows in which restarts were planned, told by the user.
	Planned []Window
	// From and To bound the window of the report; zero means what the evidence covers.
	From, To record.Time
	// Service narrows the analysis to one service, and to what platforms say of it ([record.OfPlatform]); empty means all.
	Service string
	// Spool makes a private temporary file for requests that do not fit into MemoryBytes, at most two of them; nil keeps all in memory.
	Spool func() (Spool, error)
	// MemoryBytes bounds the requests held in memory; 0 means 6 MB, 110,000 requests. Those that were not answered are held once more,
	// in a quarter of that.
	MemoryBytes int
}

// Spool is a temporary file for what does not fit into memory; Close removes it.
type Spool = reqlog.Spool

// Window is a span of time.
type Window struct{ From, To record.Time }

// Analyzer is a [record.Sink] that gathers what the questions need. Its memory is bounded by what lies around the crashes and
// by the number of endpoints and containers, not by the number of requests.
type Analyzer struct {
	*shard
	opts Options
	all  *shared
}

// shared is what all goroutines write to, each part behind its own lock.
type shared struct {
	endpoints  *endpoint.Table
	containers *names
	log        *reqlog.Log // finished requests, and starts without an id
	unanswered *reqlog.Log // those of the finished ones again that the process may not have been done with
	detailID   atomic.Uint32
	sources    *sources
}

// shard is what one goroutine gathers.
type shard struct {
	parent *shard
	mu     sync.Mutex // guards the parent while a child joins
	all    *shared
	opts   *Options

	writer   *reqlog.Writer
	broken   *reqlog.Writer // into the log of the unanswered
	ends     *endpoint.Interner
	cache    map[string]named // containers
	near     [64]nearby       // some of those, found without hashing
	opened   map[openKey][]reqlog.Rec
	nOpen    int
	pathless []reqlog.Rec        // ends without a path whose start was not seen yet
	lost     int64               // those of them that have none
	begun    map[openKey][]begun // starts without an id whose details are kept until their end is seen
	nBegun   int
	unnamed  int64 // starts without an id
	details  map[uint32]detail

	tallies    []*tally      // by tallyOf
	finished   [layers]spans // when the finished requests of each container began and ended, by layer and raw container id
	lastSource *record.Source
	lastID     uint16
	requests   int64
	starts     int64 // requests whose start has a line of its own
	dropped    int64 // open starts forgotten because too many stayed open
	crashes    []record.Crash
	events     []record.Lifecycle
	jobs       []record.Job
	exposures  []record.Exposure
	profiles   []record.Profile
	series     map[seriesKey]*series
	points     int
	// What was left out because there is too much of it: memory readings, small records, and what may be cited of requests.
	lostPoints, lostSmall, lostDetails, lostWarnings int64
	seen                                             map[seenKey]*sighting
	warnings                                         map[warningKey]*record.Warning
	coverage                                         []record.Coverage
}

// named is a container's name with its id.
type named struct {
	name string
	id   uint32
}

// nearby is a container with the instance that was seen last on it.
type nearby struct {
	named
	seen *sighting
}

// tally is what the request lines of one layer in one source are, for the choice of whose lines count.
type tally struct {
	n, named   int64
	containers []bool  // by raw container id
	counts     []int32 // finished requests by raw endpoint id
	// print is the sum of a hash of each line, whatever their order: what a file given twice has twice.
	print uint64
}

const layers = 3

// tallyOf is the place of a tally: a source may hold lines of several layers.
func tallyOf(source uint16, layer record.Layer) int { return int(source)*layers + int(layer)%layers }

func (t *tally) add(o *tally) {
	t.n += o.n
	t.named += o.named
	t.print += o.print
	for e, n := range o.counts {
		if n != 0 {
			t.count(uint32(e), n)
		}
	}
	for c, seen := range o.containers {
		if seen {
			t.saw(uint32(c))
		}
	}
}

func (t *tally) saw(c uint32) {
	for int(c) >= len(t.containers) {
		t.containers = append(t.containers, make([]bool, 64)...)
	}
	t.containers[c] = true
}

func (t *tally) count(e uint32, n int32) {
	for int(e) >= len(t.counts) {
		t.counts = append(t.counts, make([]int32, 64)...)
	}
	t.counts[e] += n
}

// line adds the print of one line.
func (t *tally) line(r *reqlog.Rec) {
	const m = 0xc6a4a7935bd1e995
	h := uint64(r.Start)*m ^ uint64(r.End)
	h = (h ^ h>>47 ^ r.ID) * m
	h = (h ^ h>>47 ^ (uint64(r.Path)<<32 | uint64(r.Line))) * m
	h = (h ^ h>>47 ^ (uint64(r.User)<<32 | uint64(r.Status)<<8 | uint64(r.Outcome)<<4 | uint64(r.Phase))) * m
	t.print += h ^ h>>47
}

func (s *shard) tally(at int) *tally {
	for at >= len(s.tallies) {
		s.tallies = append(s.tallies, nil)
	}
	t := s.tallies[at]
	if t == nil {
		t = &tally{}
		s.tallies[at] = t
	}
	return t
}

// openKey is what a start and its end have in common: an id on one container, as a request that is tried again elsewhere may keep its
// id; without an id the endpoint.
type openKey struct {
	id        uint64
	container uint32
	endpoint  uint32
}

// begun is a start line without an id.
type begun struct {
	start  record.Time
	detail uint32
}

// detail is what the report needs of a request that may be cited.
type detail struct{ path, id, user string }

// seriesKey names one curve. Sources of one format tell of the same readings (a file that was split); those of others measure in
// another way, and between two curves that differ by a tenth memory would seem to jump at every point.
type seriesKey struct {
	container, instance string
	metric              record.Metric
	format              string
}

type series struct {
	source   *record.Source
	interval int64
	points   []point
	service  string
	host     string
	version  string
}

type point struct {
	t    record.Time
	v    float64
	line int64
}

type seenKey struct{ container, instance string }

// warningKey is what warnings have in common that are counted as one.
type warningKey struct {
	code, text string
	source     *record.Source
}

// spans are the spans of things that have small numbers.
type spans []span

func (s *spans) add(of uint32, from, to record.Time) {
	for int(of) >= len(*s) {
		*s = append(*s, make(spans, 16)...)
	}
	x := &(*s)[of]
	x.add(from)
	x.add(to)
}

// sighting is when an instance was seen.
type sighting struct {
	span
	instance string
}

type span struct{ first, last record.Time }

func (s *span) add(t record.Time) {
	if t == 0 {
		return
	}
	if s.first == 0 || t < s.first {
		s.first = t
	}
	if t > s.last {
		s.last = t
	}
}

// Limits of what is kept.
const (
	defaultMemory = 6 << 20
	// maxDetails bounds the requests that one goroutine keeps the path, id and caller of, as they may be cited: those that were not
	// answered. It is about 30 MB.
	maxDetails = 200_000
	// maxOpen bounds the starts without an end that one goroutine remembers.
	maxOpen = 500_000
	// maxPoints bounds the samples kept: 24 bytes each.
	maxPoints = 4_000_000
	// maxSmall bounds each kind of small record.
	maxSmall = 500_000
	// maxWarnings bounds those that are told.
	maxWarnings = 10_000
	// maxText bounds quoted lines.
	maxText = 300
)

// New returns an Analyzer.
func New(opts Options) *Analyzer {
	if opts.MemoryBytes <= 0 {
		opts.MemoryBytes = defaultMemory
	}
	all := &shared{
		endpoints:  endpoint.NewTable(),
		containers: newNames(),
		log:        reqlog.New(opts.MemoryBytes, opts.Spool),
		unanswered: reqlog.New(opts.MemoryBytes/4, opts.Spool),
		sources:    newSources(),
	}
	a := &Analyzer{opts: opts, all: all}
	a.shard = newShard(nil, all, &a.opts)
	return a
}

func newShard(parent *shard, all *shared, opts *Options) *shard {
	return &shard{
		parent: parent, all: all, opts: opts,
		writer: all.log.Writer(), broken: all.unanswered.Writer(), ends: all.endpoints.Interner(), cache: map[string]named{}, opened: map[openKey][]reqlog.Rec{}, begun: map[openKey][]begun{},
		details: map[uint32]detail{}, series: map[seriesKey]*series{}, seen: map[seenKey]*sighting{},
		warnings: map[warningKey]*record.Warning{},
	}
}

// Close frees what the Analyzer holds (temporary files). It may be called more than once.
func (a *Analyzer) Close() error { return errors.Join(a.all.log.Close(), a.all.unanswered.Close()) }

var _ record.Sink = (*Analyzer)(nil)

// hash is a 64-bit hash of an id or path, 0 for nothing. It is the same in every run, as the order among equals follows it. Sixteen bytes
// at a time by one multiplication whose halves are folded (the mixing step of wyhash): ids are short, and there are up to three to a
// request.
func hash(b []byte) uint64 {
	const k1, k2, k3 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3
	fold := func(x, y uint64) uint64 {
		hi, lo := bits.Mul64(x, y)
		return hi ^ lo
	}
	n := len(b)
	h := uint64(n) ^ k3
	var x, y uint64
	switch {
	case n == 0:
		return 0
	case n > 16:
		for i := 0; i < n-16; i += 16 {
			h = fold(binary.LittleEndian.Uint64(b[i:])^k1, binary.LittleEndian.Uint64(b[i+8:])^h)
		}
		// Some bytes are mixed twice: cheaper than one at a time.
		x, y = binary.LittleEndian.Uint64(b[n-16:]), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	default:
		x = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	h = fold(k1^uint64(n), fold(x^k2, y^h))
	if h == 0 {
		h = 1
	}
	return h
}

func hash32(b []byte) uint32 {
	h := hash(b)
	if h == 0 {
		return 0
	}
	v := uint32(h) ^ uint32(h>>32)
	if v == 0 {
		v = 1
	}
	return v
}

// Request implements record.Sink.
func (s *shard) Request(r *record.Request) error {
	if s.opts.Service != "" && s.otherService(string(r.Service)) && !(r.Layer == record.LayerRouter && record.OfPlatform(r.Service)) {
		return nil
	}
	s.requests++
	on := s.container(r.Container)
	rec := reqlog.Rec{
		Start: r.Start, End: r.End, ID: hash(r.ID), User: hash32(r.User), Path: hash32(r.Path),
		Endpoint: s.ends.ID(r.Method, r.Path, r.Route), Container: on.id,
		Line: uint32(min(r.Pos.Line, math.MaxUint32)), Source: s.source(r.Pos.Source), Status: uint16(r.Status),
		Layer: r.Layer, Phase: r.Phase, Outcome: r.Outcome,
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
		on.seen.add(r.End)
	}
	t := s.tally(tallyOf(rec.Source, rec.Layer))
	t.n++
	t.line(&rec)
	if rec.Container != 0 {
		t.named++
		if int(rec.Container) >= len(t.containers) || !t.containers[rec.Container] {
			t.saw(rec.Container)
		}
	}
	if r.Phase == record.Started {
		s.starts++
		rec.End = 0
		if rec.ID == 0 {
			return s.begin(&rec, r)
		}
		s.open(&rec, r)
		return nil
	}
	s.finished[rec.Layer%layers].add(rec.Container, rec.Start, rec.End)
	if mayRunOn(rec.Outcome) {
		s.keep(&rec, r)
	}
	pathless := rec.ID != 0 && len(r.Path) == 0 && len(r.Route) == 0
	switch {
	case rec.ID != 0 && (pathless || len(s.opened) > 0):
		if !s.close(&rec, pathless) && pathless && len(s.pathless) < maxOpen {
			s.pathless = append(s.pathless, rec) // another goroutine may have read its start
			return nil
		}
	case rec.ID == 0 && s.nBegun > 0:
		s.finish(&rec)
	}
	return s.append(&rec, t)
}

// append keeps a finished request, and counts it where it belongs.
func (s *shard) append(rec *reqlog.Rec, t *tally) error {
	t.count(rec.Endpoint, 1)
	if mayRunOn(rec.Outcome) {
		if err := s.broken.Append(rec); err != nil {
			return err
		}
	}
	return s.writer.Append(rec)
}

// findPaths gives finished requests whose lines have no path that of their start, which another goroutine read. Those without a start
// that tells are counted as one endpoint that is never accused.
func (s *shard) findPaths() error {
	slices.SortFunc(s.pathless, func(a, b reqlog.Rec) int { return comparePending(pending{Rec: a}, pending{Rec: b}) })
	for i := range s.pathless {
		rec := &s.pathless[i]
		if !s.close(rec, true) {
			s.lost++
			rec.Endpoint = 0
		}
		if err := s.append(rec, s.tally(tallyOf(rec.Source, rec.Layer))); err != nil {
			return err
		}
	}
	s.pathless = nil
	return errors.Join(s.writer.Flush(), s.broken.Flush())
}

// mayRunOn reports whether the process may not have been done with a request when its line was written, or never had it.
func mayRunOn(o record.Outcome) bool {
	switch o {
	case record.GaveUp, record.ClientGone, record.Cut, record.Refused:
		return true
	}
	return false
}

// source returns the id of a source; one goroutine reads one file at a time, so the last answer nearly always holds.
func (s *shard) source(src *record.Source) uint16 {
	if src != s.lastSource || src == nil {
		s.lastSource, s.lastID = src, s.all.sources.id(src)
	}
	return s.lastID
}

// saw returns what is known of an instance, to be added to. What does not fit is forgotten.
func (s *shard) saw(r *record.Request) *sighting {
	x := s.seen[seenKey{string(r.Container), string(r.Instance)}] // no allocation: the compiler knows map lookups by string(b)
	if x == nil {
		k := seenKey{string(r.Container), string(r.Instance)}
		x = &sighting{instance: k.instance}
		if len(s.seen) < maxSmall {
			s.seen[k] = x
		}
	}
	return x
}

// open remembers a start line until its end comes.
func (s *shard) open(rec *reqlog.Rec, r *record.Request) {
	if s.nOpen >= maxOpen {
		s.dropped++
		return
	}
	s.keep(rec, r)
	k := keyOf(rec)
	s.opened[k] = append(s.opened[k], *rec)
	s.nOpen++
}

// begin keeps a start line without an id among the requests: which end is its own can be told only in the order of time (see
// unfinished), and other goroutines may read it.
func (s *shard) begin(rec *reqlog.Rec, r *record.Request) error {
	s.unnamed++
	if s.nBegun < maxOpen {
		s.keep(rec, r)
		k := keyOf(rec)
		s.begun[k] = append(s.begun[k], begun{rec.Start, rec.Detail})
		s.nBegun++
	}
	return s.writer.Append(rec)
}

// finish forgets the details of the start that an end without an id says it had, as nothing will be quoted of it.
func (s *shard) finish(rec *reqlog.Rec) {
	k := keyOf(rec)
	q := s.begun[k]
	for i := range q {
		if rec.End > rec.Start && q[i].start.Sub(rec.Start).Abs() <= sameStart {
			delete(s.details, q[i].detail)
			s.begun[k] = slices.Delete(q, i, i+1)
			s.nBegun--
			return
		}
	}
}

// close forgets the start line that an end belongs to, the one that lies closest to the start that the end tells of: some number their
// requests from one on in every life of a process. An end without a path takes that of its start. It returns false when there is none.
func (s *shard) close(rec *reqlog.Rec, pathless bool) bool {
	k := keyOf(rec)
	q := s.opened[k]
	best := -1
	for i := range q {
		if sameRequest(&q[i], rec) && (best < 0 || q[i].Start.Sub(rec.Start).Abs() < q[best].Start.Sub(rec.Start).Abs()) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	start := q[best]
	if pathless {
		rec.Endpoint, rec.Path = start.Endpoint, start.Path
		if rec.User == 0 {
			rec.User = start.User
		}
		if d, ok := s.details[rec.Detail]; ok {
			of := s.details[start.Detail]
			d.path, d.user = of.path, cmp.Or(d.user, of.user)
			s.details[rec.Detail] = d
		}
	}
	delete(s.details, start.Detail)
	if len(q) == 1 {
		delete(s.opened, k)
	} else {
		s.opened[k] = slices.Delete(q, best, best+1)
	}
	s.nOpen--
	return true
}

// sameID is how far apart, by their clocks and beside what it took, the start and the end of one request may lie that have one id.
const sameID = time.Minute

// sameRequest reports whether a start and an end with one id may be of one request. What a router and a process both know is an id that
// does not come again, and their clocks may differ by anything. An end that does not say how long it took may be of any start before.
func sameRequest(start, end *reqlog.Rec) bool {
	return start.Layer != end.Layer || start.Start <= end.End.Add(sameID) && (end.Start == end.End || start.Start >= end.Start.Add(-sameID))
}

func keyOf(rec *reqlog.Rec) openKey {
	if rec.ID != 0 {
		return openKey{id: rec.ID, container: rec.Container}
	}
	return openKey{container: rec.Container, endpoint: rec.Endpoint}
}

// keep stores what the report may quote of a request.
func (s *shard) keep(rec *reqlog.Rec, r *record.Request) {
	if len(s.details) >= maxDetails {
		s.lostDetails++
		return
	}
	rec.Detail = s.all.detailID.Add(1)
	user := r.User
	if len(user) == 0 {
		user = r.Client
	}
	s.details[rec.Detail] = detail{path: cut(r.Path), id: cut(r.ID), user: cut(user)}
}

func cut(b []byte) string {
	if len(b) > maxText {
		b = b[:maxText]
	}
	return string(b)
}

// container looks a container up by its name; the answer holds until the next question.
func (s *shard) container(name []byte) *nearby {
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
		if len(s.cache) < maxSmall {
			s.cache[c.name] = c
		}
	}
	*near = nearby{named: c}
	return near
}

// Sample implements record.Sink.
func (s *shard) Sample(m *record.Sample) error {
	if s.otherService(m.Service) || m.Metric == record.MetricUnknown || math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
		return nil
	}
	if s.points >= maxPoints {
		s.lostPoints++
		return nil
	}
	s.points++
	k := seriesKey{m.Container, m.Instance, m.Metric, posFormat(m.Pos.Source)}
	e := s.series[k]
	if e == nil {
		e = &series{source: m.Pos.Source, interval: int64(m.Interval), service: m.Service, host: m.Host, version: m.Version}
		s.series[k] = e
	} else if m.Pos.Source != e.source && posName(m.Pos.Source) < posName(e.source) {
		e.source = m.Pos.Source
	}
	e.points = append(e.points, point{m.Time, m.Value, m.Pos.Line})
	if m.Instance != "" {
		sk := seenKey{m.Container, m.Instance}
		if s.seen[sk] == nil {
			s.seen[sk] = &sighting{instance: m.Instance}
		}
		s.seen[sk].add(m.Time)
	}
	return nil
}

func (s *shard) otherService(name string) bool {
	return s.opts.Service != "" && name != "" && name != s.opts.Service
}

// keepSmall adds a small record, or counts it where there are too many.
func keepSmall[T any](s *shard, to []T, x T) []T {
	if len(to) >= maxSmall {
		s.lostSmall++
		return to
	}
	return append(to, x)
}

// Crash implements record.Sink.
func (s *shard) Crash(c *record.Crash) error {
	if s.otherService(c.Service) && !record.OfPlatform(c.Service) {
		return nil
	}
	s.crashes = keepSmall(s, s.crashes, *c)
	return nil
}

// Lifecycle implements record.Sink.
func (s *shard) Lifecycle(e *record.Lifecycle) error {
	// What concerns no container concerns all: a deployment has a name of its own, which some sources take for that of a service.
	if e.Container != "" && s.otherService(e.Service) && !record.OfPlatform(e.Service) {
		return nil
	}
	s.events = keepSmall(s, s.events, *e)
	return nil
}

// Job implements record.Sink.
func (s *shard) Job(j *record.Job) error {
	s.jobs = keepSmall(s, s.jobs, *j)
	return nil
}

// Exposure implements record.Sink.
func (s *shard) Exposure(e *record.Exposure) error {
	if !s.otherService(e.Service) {
		s.exposures = keepSmall(s, s.exposures, *e)
	}
	return nil
}

// Profile implements record.Sink.
func (s *shard) Profile(p *record.Profile) error {
	q := *p
	q.Data = append([]byte(nil), p.Data...)
	s.profiles = append(s.profiles, q)
	return nil
}

// Warn implements record.Sink.
func (s *shard) Warn(w *record.Warning) error {
	like := warningKey{w.Code, w.Text, w.Pos.Source}
	k := s.warnings[like]
	switch {
	case k != nil:
		k.Count += w.Count
		// The first place, whatever the order.
		if w.Pos.Line != 0 && (k.Pos.Line == 0 || w.Pos.Line < k.Pos.Line) || w.Pos.Line == k.Pos.Line && w.Example < k.Example {
			k.Pos, k.Example = w.Pos, w.Example
		}
	case len(s.warnings) >= maxSmall:
		s.lostWarnings += w.Count
	default:
		one := *w
		s.warnings[like] = &one
	}
	return nil
}

// Cover implements record.Sink.
func (s *shard) Cover(c *record.Coverage) error {
	s.coverage = keepSmall(s, s.coverage, *c)
	return nil
}

// Fork implements record.Sink.
func (s *shard) Fork() record.Sink { return newShard(s, s.all, s.opts) }

// Join implements record.Sink.
func (s *shard) Join() error {
	if err := errors.Join(s.writer.Flush(), s.broken.Flush()); err != nil {
		return err
	}
	p := s.parent
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests += s.requests
	p.dropped += s.dropped
	p.starts += s.starts
	p.pathless = append(p.pathless, s.pathless...)
	p.unnamed += s.unnamed
	p.points += s.points
	p.lostPoints += s.lostPoints
	p.lostSmall += s.lostSmall
	p.lostWarnings += s.lostWarnings
	p.lostDetails += s.lostDetails
	for at, t := range s.tallies {
		if t != nil {
			p.tally(at).add(t)
		}
	}
	for layer := range s.finished {
		for c, x := range s.finished[layer] {
			p.finished[layer].add(uint32(c), x.first, x.last)
		}
	}
	for k, q := range s.opened {
		p.opened[k] = append(p.opened[k], q...)
		p.nOpen += len(q)
	}
	maps.Copy(p.details, s.details)
	p.crashes = append(p.crashes, s.crashes...)
	p.events = append(p.events, s.events...)
	p.jobs = append(p.jobs, s.jobs...)
	p.exposures = append(p.exposures, s.exposures...)
	p.profiles = append(p.profiles, s.profiles...)
	for k, e := range s.series {
		if o := p.series[k]; o != nil {
			if posName(e.source) < posName(o.source) {
				o.source = e.source
			}
			o.points = append(o.points, e.points...)
		} else {
			p.series[k] = e
		}
	}
	for k, e := range s.seen {
		o := p.seen[k]
		if o == nil {
			o = &sighting{instance: k.instance}
			p.seen[k] = o
		}
		o.add(e.first)
		o.add(e.last)
	}
	for _, w := range s.warnings {
		if err := p.Warn(w); err != nil {
			return err
		}
	}
	p.coverage = append(p.coverage, s.coverage...)
	return nil
}

func posName(s *record.Source) string {
	if s == nil {
		return ""
	}
	return s.Name
}

func posFormat(s *record.Source) string {
	if s == nil {
		return ""
	}
	return s.Format
}

// sources gives sources small ids.
type sources struct {
	mu   sync.RWMutex
	ids  map[*record.Source]uint16
	list []*record.Source

	ordered bool // see orderSources
}

func newSources() *sources {
	return &sources{ids: map[*record.Source]uint16{nil: 0}, list: []*record.Source{nil}}
}

func (s *sources) id(src *record.Source) uint16 {
	s.mu.RLock()
	id, ok := s.ids[src]
	s.mu.RUnlock()
	if ok {
		return id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.ids[src]; ok {
		return id
	}
	if len(s.list) >= math.MaxUint16 {
		return 0
	}
	id = uint16(len(s.list))
	s.ids[src] = id
	s.list = append(s.list, src)
	return id
}

func (s *sources) name(id uint16) string { return posName(s.list[id]) }

func (w Window) valid() error {
	if w.To < w.From {
		return fmt.Errorf("window ends (%v) before it begins (%v)", w.To.Std(), w.From.Std())
	}
	return nil
}
