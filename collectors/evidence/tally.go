package evidence

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"sync"

	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/record"
)

// signal is what a record tells of, for coverage.
type signal uint8

const (
	sigRequests signal = iota
	sigMemory
	sigCPU
	sigRuntime
	sigCrashes
	sigLifecycle
	sigJobs
	sigExposure
	sigProfiles
	signals
)

var signalNames = [signals]string{"requests", "memory", "cpu", "runtime", "crashes", "lifecycle", "jobs", "exposure", "profiles"}

func signalOf(m record.Metric) signal {
	switch m {
	case record.RSS, record.WorkingSet, record.HeapUsed, record.HeapTotal, record.External, record.MemoryLimit, record.HeapLimit,
		record.OOMEvents:
		return sigMemory
	case record.CPU:
		return sigCPU
	case record.RequestRate:
		return sigExposure
	}
	return sigRuntime
}

// extent counts records and spans their times.
type extent struct {
	records  int64
	outside  int64 // dropped because the query did not ask for them
	from, to record.Time
}

func (e *extent) see(from, to record.Time) {
	e.records++
	if from != 0 && (e.from == 0 || from < e.from) {
		e.from = from
	}
	if to > e.to {
		e.to = to
	}
}

func (e *extent) add(o extent) {
	e.records += o.records
	e.outside += o.outside
	if o.from != 0 && (e.from == 0 || o.from < e.from) {
		e.from = o.from
	}
	e.to = max(e.to, o.to)
}

// tally stands between the formats and the caller's Sink: it applies the query, counts what passes for the coverage, merges
// warnings, and remembers an error of the Sink to tell it from one of the document. One per goroutine, as the Sink behind it.
type tally struct {
	next    record.Sink
	src     *record.Source
	query   record.Query
	extents [signals]extent
	warns   map[warningKey]*record.Warning
	warned  *record.Warning // the one that came last
	failed  error

	seen                        record.Time // of the last structured line of this chunk
	seenContainer, seenInstance []byte      // of the last that named them, as long as all name one container
	seenMany                    bool        // they name several

	ends  endsTold
	names fileNames // of containers that this source told of
	file  []byte    // the container whose log this is, by the name of the file; see fileNames

	parent *tally
	mu     sync.Mutex // guards joined
	joined []*tally
}

// warningKey tells warnings apart: what is of one code and says something else is another warning.
type warningKey struct{ code, text string }

func newTally(next record.Sink, src *record.Source, q record.Query) *tally {
	return &tally{next: next, src: src, query: q, warns: map[warningKey]*record.Warning{}}
}

func (t *tally) fail(err error) error {
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return err
}

// in reports whether something that lasted from..to is asked for; unknown times are.
func (t *tally) in(s signal, from, to record.Time) bool {
	if from == 0 {
		from = to
	}
	if to == 0 {
		to = from
	}
	if t.query.From != 0 && to != 0 && to < t.query.From || t.query.To != 0 && from > t.query.To {
		t.extents[s].outside++
		return false
	}
	t.extents[s].see(from, to)
	return true
}

// otherService reports whether a record names another service than the one asked for.
func (t *tally) otherService(s signal, service string) bool {
	if t.query.Service == "" || service == "" || service == t.query.Service {
		return false
	}
	t.extents[s].outside++
	return true
}

func (t *tally) Request(r *record.Request) error {
	if r.Layer == record.LayerApp {
		t.see(r.End, r.Container, r.Instance)
	} else {
		t.see(r.End, nil, nil) // whom a proxy asked is not who writes here
	}
	// As the platform's crashes and lives, its router's requests are of whom it serves: without them a death has nothing that was open.
	// Where one export holds the router's lines of several applications, those of the others come in as well.
	if t.query.Service != "" && len(r.Service) > 0 && string(r.Service) != t.query.Service &&
		!(r.Layer == record.LayerRouter && record.OfPlatform(r.Service)) {
		t.extents[sigRequests].outside++
		return nil
	}
	if !t.in(sigRequests, r.Start, r.End) {
		return nil
	}
	if len(r.Container) == 0 && r.Layer == record.LayerApp {
		r.Container = t.ContainerOfFile()
	}
	return t.fail(t.next.Request(r))
}

func (t *tally) Sample(s *record.Sample) error {
	sig := signalOf(s.Metric)
	if t.otherService(sig, s.Service) || !t.in(sig, s.Time.Add(-s.Interval), s.Time) {
		return nil
	}
	t.names.add(s.Container)
	return t.fail(t.next.Sample(s))
}

func (t *tally) Crash(c *record.Crash) error {
	t.ends.add(c.Container, endTold{c.Time, c.Exited, c.Exited && c.Signal == "SIGABRT", c.Pos})
	if !record.OfPlatform(c.Service) && t.otherService(sigCrashes, c.Service) || !t.in(sigCrashes, c.Time, c.Time) {
		return nil
	}
	t.names.add(c.Container)
	return t.fail(t.next.Crash(c))
}

func (t *tally) Lifecycle(l *record.Lifecycle) error {
	if l.Kind == record.MainContainer {
		return t.fail(t.next.Lifecycle(l)) // it happened at no time
	}
	if l.Kind == record.Stopped {
		t.ends.add(l.Container, endTold{l.Time, true, false, l.Pos})
	}
	// A change in the members of another service is a sign about this one.
	if l.Kind != record.MembersChanged && !record.OfPlatform(l.Service) && t.otherService(sigLifecycle, l.Service) ||
		!t.in(sigLifecycle, l.Time, max(l.Time, l.End)) {
		return nil
	}
	t.names.add(l.Container)
	return t.fail(t.next.Lifecycle(l))
}

func (t *tally) Job(j *record.Job) error {
	if !t.in(sigJobs, j.Start, j.End) {
		return nil
	}
	return t.fail(t.next.Job(j))
}

// Message passes what processes said, of which no coverage tells: it proves nothing by itself.
func (t *tally) Message(m *record.Message) error {
	if t.query.From != 0 && m.Time < t.query.From || t.query.To != 0 && m.Time > t.query.To ||
		t.query.Service != "" && len(m.Service) > 0 && string(m.Service) != t.query.Service {
		return nil
	}
	return t.fail(t.next.Message(m))
}

func (t *tally) Exposure(e *record.Exposure) error {
	if t.otherService(sigExposure, e.Service) || !t.in(sigExposure, e.From, e.To) {
		return nil
	}
	return t.fail(t.next.Exposure(e))
}

// see keeps when and by whom the last structured line was written: plain text between such lines has neither time nor name of its own.
func (t *tally) see(at record.Time, container, instance []byte) {
	if at != 0 {
		t.seen = at
	}
	if len(container) == 0 || t.seenMany {
		return
	}
	if !bytes.Equal(t.seenContainer, container) {
		if len(t.seenContainer) > 0 {
			t.seenMany = true
			return
		}
		t.seenContainer = append(t.seenContainer[:0], container...)
	}
	t.seenInstance = append(t.seenInstance[:0], instance...)
}

// within says of whom the next line is, and when it was received, 0 where that is unknown: what stands there without a time or a name of its
// own has these, whatever the lines before said.
func (t *tally) within(at record.Time, container, instance []byte) {
	t.seen, t.seenMany, t.file = at, false, container
	t.seenContainer, t.seenInstance = append(t.seenContainer[:0], container...), append(t.seenInstance[:0], instance...)
}

// lastSeen implements surroundings.
func (t *tally) lastSeen() (at record.Time, container, instance []byte) {
	if t.seenMany {
		return t.seen, nil, nil
	}
	return t.seen, t.seenContainer, t.seenInstance
}

// ContainerOfFile is the container whose log this is by the name of its file; nil where that is unknown, or the lines name others.
func (t *tally) ContainerOfFile() []byte {
	if t.seenMany {
		return nil
	}
	return t.file
}

// Forget implements format.Forgetful.
func (t *tally) Forget() {
	t.seen, t.seenMany = 0, false
	t.seenContainer, t.seenInstance = t.seenContainer[:0], t.seenInstance[:0]
}

// Profile lets profiles of any time pass: a profile from before the window is the base that others are compared with.
func (t *tally) Profile(p *record.Profile) error {
	t.extents[sigProfiles].see(p.Time, p.Time)
	return t.fail(t.next.Profile(p))
}

// Warn merges warnings that say the same; the first case in the source is the example.
func (t *tally) Warn(w *record.Warning) error {
	c := *w
	if c.Pos.Source == nil {
		c.Pos.Source = t.src
	}
	c.Count = max(c.Count, 1)
	if c.Code == orchestrator.EarlierRestarts || c.Text == orchestrator.EvictedWithoutTime {
		t.ends.untold = append(t.ends.untold, c) // until all inputs are read: others may tell of the ends
		return nil
	}
	t.merge(&c)
	return nil
}

// WarnedBefore counts a warning of which there is an earlier case already; otherwise it does nothing.
func (t *tally) WarnedBefore(code, text string, pos record.Pos) bool {
	if t.warned == nil || t.warned.Code != code || t.warned.Text != text {
		t.warned = t.warns[warningKey{code, text}]
	}
	if t.warned == nil || pos.Line < t.warned.Pos.Line {
		return false
	}
	t.warned.Count++
	return true
}

func (t *tally) merge(w *record.Warning) {
	key := warningKey{w.Code, w.Text}
	old := t.warns[key]
	if old == nil {
		c := *w
		t.warns[key] = &c
		return
	}
	count := old.Count + w.Count
	if w.Pos.Line < old.Pos.Line {
		*old = *w
	}
	old.Count = count
}

func (t *tally) Cover(c *record.Coverage) error { return t.fail(t.next.Cover(c)) }

// Fork gives another goroutine its own tally; Join brings its counts back.
func (t *tally) Fork() record.Sink {
	f := newTally(t.next.Fork(), t.src, t.query)
	f.parent, f.file = t, t.file
	return f
}

func (t *tally) Join() error {
	if t.parent == nil {
		return nil
	}
	t.parent.mu.Lock()
	t.parent.joined = append(t.parent.joined, t)
	t.parent.mu.Unlock()
	return t.fail(t.next.Join())
}

// collect adds what the forks counted; to be called once all of them joined.
func (t *tally) collect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.joined {
		f.collect()
		for i := range t.extents {
			t.extents[i].add(f.extents[i])
		}
		for _, w := range f.warns {
			t.merge(w)
		}
		t.names.addAll(&f.names)
		t.ends.addAll(&f.ends)
		_ = t.fail(f.failed)
	}
	t.joined = nil
}

// warnings are the merged ones, in an order that does not depend on that of the lines.
func (t *tally) warnings() []*record.Warning {
	return slices.SortedFunc(maps.Values(t.warns), func(a, b *record.Warning) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text))
	})
}

// report passes on the merged warnings and the coverage of the source. It returns the number of records that passed. missing is
// why there may be none, empty when the formats say enough.
func (t *tally) report(missing string) (int64, error) {
	t.collect()
	for _, w := range t.warnings() {
		if err := t.fail(t.next.Warn(w)); err != nil {
			return 0, err
		}
	}
	var total, outside int64
	for s, e := range t.extents {
		total += e.records
		outside += e.outside
		if e.records == 0 {
			continue
		}
		c := record.Coverage{Source: t.src, Signal: signalNames[s], From: e.from, To: e.to, Records: e.records}
		if err := t.fail(t.next.Cover(&c)); err != nil {
			return total, err
		}
	}
	if total == 0 {
		c := record.Coverage{Source: t.src, Signal: "any", MissingReason: missing}
		if outside > 0 {
			c.MissingReason = "all its records lie outside the time or service asked for"
		} else if missing == "" {
			c.MissingReason = "it holds no records"
		}
		return 0, t.fail(t.next.Cover(&c))
	}
	return total, nil
}
