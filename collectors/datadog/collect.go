package datadog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"lastcall/collectors/capture"
	"lastcall/collectors/internal/panics"
	"lastcall/collectors/record"
)

// Collector asks Datadog. It may be used more than once, but not at the same time.
type Collector struct {
	o   Options
	api *api
}

var _ record.Collector = (*Collector)(nil)

// New checks the options. Nothing is asked yet.
func New(o Options) (*Collector, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	return &Collector{o: o, api: newAPI(o)}, nil
}

// Name is "datadog".
func (c *Collector) Name() string { return "datadog" }

// Close closes idle connections.
func (c *Collector) Close() { c.api.tr.CloseIdleConnections() }

// Calls returns how many calls have been made.
func (c *Collector) Calls() int { return c.api.tr.Calls() }

// run is one collection.
type run struct {
	*Collector
	q        record.Query
	from, to time.Time
	sink     *tap
	d        discovery
	vol      volumes

	mu      sync.Mutex
	choices []string
	gaps    map[gapKey][]string
	failed  []failure                  // of the questions that were asked and not answered
	known   map[string]map[string]bool // values of the tags that name containers
	ids     map[uint64]struct{}        // hashes of the lines of a sample
	sampled float64                    // fraction of the requests' lines read; 0 means all
	windows []window
	read    int64
}

type gapKey struct{ source, signal string }

// Sources of records. One pointer each, so that records of one signal share it.
type sources struct{ logs, metrics, events, stats, profiles *record.Source }

func newSources() sources {
	return sources{
		logs:     &record.Source{Name: "datadog logs", Format: "datadog-logs"},
		metrics:  &record.Source{Name: "datadog metrics", Format: "datadog-query"},
		events:   &record.Source{Name: "datadog events", Format: "datadog-events"},
		stats:    &record.Source{Name: "datadog statistics", Format: "datadog-aggregate"},
		profiles: &record.Source{Name: "datadog profiles", Format: "datadog-profile"},
	}
}

// window resolves the bounds of q, which an interrupted capture has fixed already.
func (c *Collector) window(q record.Query) (record.Query, time.Time, time.Time) {
	if c.o.Capture != nil {
		if stored := c.o.Capture.Info().Query; stored.From != 0 || stored.To != 0 {
			q.From, q.To = stored.From, stored.To
		}
	}
	to := q.To.Std()
	if to.IsZero() {
		to = c.o.Now().UTC()
	}
	from := q.From.Std()
	if from.IsZero() {
		from = to.Add(-c.o.Window)
	}
	// Metrics are asked in seconds.
	from, to = from.Truncate(time.Second), to.Add(time.Second-1).Truncate(time.Second)
	q.From, q.To = record.TimeOf(from), record.TimeOf(to)
	return q, from, to
}

// Collect implements [record.Collector]. The error is that of the sink, of the context, a [KeysError], or a [NothingError];
// everything else is told in the coverage.
func (c *Collector) Collect(ctx context.Context, q record.Query, sink record.Sink) error {
	q, from, to := c.window(q)
	if !from.Before(to) {
		return fmt.Errorf("Datadog: the window is empty: it begins %s and ends %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	r := &run{Collector: c, q: q, from: from, to: to, gaps: map[gapKey][]string{}, known: map[string]map[string]bool{}, ids: map[uint64]struct{}{}}
	r.sink = newTap(sink)
	if c.o.Plan != nil {
		c.o.Plan(c.Plan(q))
	}
	err := r.collect(ctx)
	if c.o.Done != nil {
		c.o.Done(r.summary())
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (r *run) collect(ctx context.Context) error {
	if err := r.discover(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.series, r.events, r.volumes, r.logs, r.resources, r.histogram, r.profiles} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := r.cover(ctx); err != nil {
		return err
	}
	return r.nothing()
}

// failure is one question that Datadog did not answer.
type failure struct {
	source string
	err    *Error
}

// NothingError means that no record at all came, and that log lines or metrics were asked for in vain: whether there are any is not
// known. A service of which Datadog answers that it has nothing is no error.
type NothingError struct {
	Site   string
	Causes []*Error
	what   []string // was asked for in vain: the source of each cause
}

func (e *NothingError) Error() string {
	const shown = 4
	var b strings.Builder
	fmt.Fprintf(&b, "nothing could be had of Datadog (%s)", e.Site)
	for i, c := range e.Causes[:min(len(e.Causes), shown)] {
		fmt.Fprintf(&b, "; %s: %v", e.what[i], c)
	}
	if n := len(e.Causes) - shown; n > 0 {
		fmt.Fprintf(&b, "; and %d more failures", n)
	}
	return b.String()
}

// Unwrap returns the causes.
func (e *NothingError) Unwrap() []error {
	out := make([]error, len(e.Causes))
	for i, c := range e.Causes {
		out[i] = c
	}
	return out
}

// nothing is a [NothingError] where it applies. Without the rest of what is asked for (events, statistics, profiles) a capture is poorer;
// without both log lines and metrics there is none.
func (r *run) nothing() error {
	for _, row := range r.sink.t.rows() {
		if row.n > 0 {
			return nil
		}
	}
	src := newSources()
	r.mu.Lock()
	defer r.mu.Unlock()
	e := &NothingError{Site: r.api.where()}
	vital := false
	for _, f := range r.failed {
		vital = vital || f.source == src.logs.Name || f.source == src.metrics.Name
		e.Causes, e.what = append(e.Causes, f.err), append(e.what, strings.TrimPrefix(f.source, "datadog "))
	}
	if !vital {
		return nil
	}
	return e
}

func (r *run) summary() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Summary{
		Calls: r.api.tr.Calls(), MaxCalls: r.o.MaxCalls, Waited: r.api.tr.Waited(), Choices: slices.Clone(r.choices),
		LogLines: r.vol.total(), LogLinesRead: r.read,
	}
}

func (r *run) choose(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := fmt.Sprintf(format, args...); !slices.Contains(r.choices, s) {
		r.choices = append(r.choices, s)
	}
}

// gap notes why a signal is missing or partial. It returns err itself when that is more than a gap.
func (r *run) gap(source, signal string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	r.missing(source, signal, err.Error())
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.ContainsFunc(r.failed, func(f failure) bool { return f.source == source && f.err.Error() == e.Error() }) {
		r.failed = append(r.failed, failure{source, e})
	}
	return nil
}

func (r *run) missing(source, signal, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := gapKey{source, signal}
	if !slices.Contains(r.gaps[k], reason) {
		r.gaps[k] = append(r.gaps[k], reason)
	}
}

// left is how many calls the budget still holds.
func (r *run) left() int { return max(r.o.MaxCalls-r.api.tr.Calls(), 0) }

// slice is what one unit of collection writes to.
type slice struct {
	record.Sink
	r    *run
	kept *capture.Slice
	said said
}

// said is what a unit told besides its records, so that a later run tells it too.
type said struct {
	Gaps    []saidGap `json:"gaps,omitempty"`
	Choices []string  `json:"choices,omitempty"`
}

type saidGap struct {
	Source string `json:"source"`
	Signal string `json:"signal"`
	Reason string `json:"reason"`
}

// note keeps v for a later run of the same collection.
func (s *slice) note(v any) error {
	if s.kept == nil {
		return nil
	}
	return s.kept.Note(noteValue, v)
}

func (s *slice) missing(source, signal, reason string) {
	s.r.missing(source, signal, reason)
	s.said.Gaps = append(s.said.Gaps, saidGap{source, signal, reason})
}

func (s *slice) choose(format string, args ...any) {
	s.r.choose(format, args...)
	s.said.Choices = append(s.said.Choices, fmt.Sprintf(format, args...))
}

// Names of notes in a capture.
const (
	noteValue = "value"
	noteSaid  = "said"
)

// slice runs fn as one unit of collection. With a capture, a unit that an earlier run has kept is not asked for again: its records
// come from the capture, its note is decoded into note (a pointer, or nil), and fn is not called. A unit that fails is not kept.
func (r *run) slice(ctx context.Context, key string, to *tap, note any, fn func(s *slice) error) error {
	w := r.o.Capture
	if w == nil {
		return fn(&slice{Sink: to, r: r})
	}
	if !r.kept(key) {
		return r.keep(key, to, fn)
	}
	var bad error
	err := w.Replay(ctx, "datadog/"+key, to, func(name string, v []byte) {
		switch {
		case name == noteValue && note != nil:
			bad = errors.Join(bad, json.Unmarshal(v, note))
		case name == noteSaid:
			var told said
			bad = errors.Join(bad, json.Unmarshal(v, &told))
			for _, g := range told.Gaps {
				r.missing(g.Source, g.Signal, g.Reason)
			}
			for _, c := range told.Choices {
				r.choose("%s", c)
			}
		}
	})
	return errors.Join(err, bad)
}

// keep runs fn and keeps what it gives, in place of what may have been kept before.
func (r *run) keep(key string, to *tap, fn func(s *slice) error) error {
	kept, err := r.o.Capture.Begin("datadog/" + key)
	if err != nil {
		return err
	}
	defer kept.Abort() // also after a panic; nothing happens after the commit
	s := &slice{Sink: tee{to, kept}, r: r, kept: kept}
	if err = fn(s); err == nil && (len(s.said.Gaps) > 0 || len(s.said.Choices) > 0) {
		err = kept.Note(noteSaid, s.said)
	}
	if err != nil {
		return err
	}
	return kept.Commit()
}

// kept reports whether a unit needs no call.
func (r *run) kept(key string) bool {
	return r.o.Capture != nil && r.o.Capture.Done("datadog/"+key)
}

// each runs fn for 0 to n-1, some at once, each with a fork of the sink. Forks are joined in order, whichever ended first.
func (r *run) each(ctx context.Context, n int, fn func(ctx context.Context, i int, to *tap) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(r.o.Concurrency)
	forks := make([]*tap, n)
	for i := range forks {
		forks[i] = r.sink.Fork().(*tap)
		g.Go(func() (err error) {
			defer panics.Recover("Datadog", &err)
			if err := ctx.Err(); err != nil {
				return err
			}
			return fn(ctx, i, forks[i])
		})
	}
	err := g.Wait()
	for _, f := range forks {
		err = errors.Join(err, f.Join())
	}
	return err
}

// cover writes the coverage: per source and signal what came, and why something did not.
func (r *run) cover(context.Context) error {
	rows := r.sink.t.rows()
	for k, reasons := range r.gaps {
		row := rows[k]
		row.reason = strings.Join(reasons, "; ")
		rows[k] = row
	}
	keys := slices.SortedFunc(maps.Keys(rows), func(a, b gapKey) int {
		return strings.Compare(a.source+"\x00"+a.signal, b.source+"\x00"+b.signal)
	})
	src := newSources()
	of := map[string]*record.Source{}
	for _, s := range []*record.Source{src.logs, src.metrics, src.events, src.stats, src.profiles} {
		of[s.Name] = s
	}
	write := func(s *slice) error {
		for _, k := range keys {
			row := rows[k]
			c := record.Coverage{Source: of[k.source], Signal: k.signal, From: row.from, To: row.to, Records: row.n, MissingReason: row.reason}
			if c.Source == nil {
				c.Source = &record.Source{Name: k.source}
			}
			if k.source == src.logs.Name && k.signal == "requests" {
				c.Sampled = r.sampled
			}
			if err := s.Cover(&c); err != nil {
				return err
			}
		}
		for _, w := range r.windows {
			if err := s.Cover(&record.Coverage{
				Source: src.logs, Signal: "requests", Container: w.container, From: record.TimeOf(w.from), To: record.TimeOf(w.to), Records: w.read,
			}); err != nil {
				return err
			}
		}
		return nil
	}
	if r.o.Capture == nil {
		return write(&slice{Sink: r.sink, r: r})
	}
	// Written anew by every run: what was missing the last time may be there now.
	return r.keep("zz-coverage", r.sink, write)
}

// tee writes to two sinks.
type tee struct{ a, b record.Sink }

func (t tee) Request(r *record.Request) error { return errors.Join(t.a.Request(r), t.b.Request(r)) }
func (t tee) Sample(r *record.Sample) error   { return errors.Join(t.a.Sample(r), t.b.Sample(r)) }
func (t tee) Crash(r *record.Crash) error     { return errors.Join(t.a.Crash(r), t.b.Crash(r)) }
func (t tee) Lifecycle(r *record.Lifecycle) error {
	return errors.Join(t.a.Lifecycle(r), t.b.Lifecycle(r))
}
func (t tee) Job(r *record.Job) error           { return errors.Join(t.a.Job(r), t.b.Job(r)) }
func (tee) Message(*record.Message) error       { return nil } // see tap
func (t tee) Exposure(r *record.Exposure) error { return errors.Join(t.a.Exposure(r), t.b.Exposure(r)) }
func (t tee) Profile(r *record.Profile) error   { return errors.Join(t.a.Profile(r), t.b.Profile(r)) }
func (t tee) Warn(r *record.Warning) error      { return errors.Join(t.a.Warn(r), t.b.Warn(r)) }
func (t tee) Cover(r *record.Coverage) error    { return errors.Join(t.a.Cover(r), t.b.Cover(r)) }
func (t tee) Fork() record.Sink                 { return tee{t.a.Fork(), t.b.Fork()} }
func (t tee) Join() error                       { return errors.Join(t.a.Join(), t.b.Join()) }

// tap passes everything on and keeps what later questions depend on: when which container died, and what came.
type tap struct {
	record.Sink
	t *tally
}

func newTap(s record.Sink) *tap {
	return &tap{s, &tally{count: map[gapKey]row{}, memory: map[string][]point{}, restarts: map[string][]point{}, paths: map[string]int{}}}
}

type row struct {
	n        int64
	from, to record.Time
	reason   string
}

type point struct {
	at record.Time
	v  float64
}

// sign is something that says that a container died.
type sign struct {
	at        record.Time
	container string
}

// tally is shared by a tap and its forks. Its bounds are those of what is asked: series of at most a few thousand points, events
// and signs of death.
type tally struct {
	mu       sync.Mutex
	count    map[gapKey]row
	signs    []sign
	memory   map[string][]point // resident memory by container
	restarts map[string][]point // restart and OOM counters by container
	starts   []sign
	sampling bool
	paths    map[string]int // patterns of the paths of requests, by how often
}

const maxSigns = 10_000

// learn begins to keep the patterns of paths, with those already known.
func (t *tally) learn(known map[string]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sampling = true
	for p, n := range known {
		t.pathLocked(p, n)
	}
}

func (t *tally) pathLocked(p string, n int) {
	if p == "" {
		return
	}
	if _, ok := t.paths[p]; ok || len(t.paths) < maxKnownPaths {
		t.paths[p] += n
	}
}

func (t *tally) patterns() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.paths)
}

func (t *tally) add(src *record.Source, signal string, at record.Time) {
	k := gapKey{signal: signal}
	if src != nil {
		k.source = src.Name
	}
	r := t.count[k]
	r.n++
	if at != 0 {
		if r.from == 0 || at < r.from {
			r.from = at
		}
		r.to = max(r.to, at)
	}
	t.count[k] = r
}

func (t *tally) rows() map[gapKey]row {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.count)
}

// locked runs fn with the tally locked. A panic in it must not leave the other goroutines waiting.
func (t *tally) locked(fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fn()
}

func (s *tap) Request(r *record.Request) error {
	s.t.locked(func() {
		s.t.add(r.Pos.Source, "requests", max(r.Start, r.End))
		if s.t.sampling && len(r.Path) > 0 {
			s.t.pathLocked(patternOf(string(r.Path)), 1)
		}
	})
	return s.Sink.Request(r)
}

func (s *tap) Sample(r *record.Sample) error {
	signal := "memory"
	switch r.Metric {
	case record.CPU, record.EventLoopDelayMax, record.EventLoopDelayMean, record.GCPause, record.Goroutines:
		signal = "cpu"
	case record.OOMEvents, record.Restarts:
		signal = "crashes"
	case record.RequestRate:
		signal = "exposure"
	}
	s.t.locked(func() {
		s.t.add(r.Pos.Source, signal, r.Time)
		switch r.Metric {
		case record.RSS, record.WorkingSet:
			if r.Metric == record.RSS || len(s.t.memory[r.Container]) == 0 {
				s.t.memory[r.Container] = append(s.t.memory[r.Container], point{r.Time, r.Value})
			}
		case record.Restarts, record.OOMEvents:
			k := r.Container + "\x00" + r.Metric.String()
			s.t.restarts[k] = append(s.t.restarts[k], point{r.Time, r.Value})
		}
	})
	return s.Sink.Sample(r)
}

func (s *tap) Crash(r *record.Crash) error {
	s.t.locked(func() {
		s.t.add(r.Pos.Source, "crashes", r.Time)
		if r.Kind != record.CrashSigterm && len(s.t.signs) < maxSigns {
			s.t.signs = append(s.t.signs, sign{r.Time, strings.Clone(r.Container)})
		}
	})
	return s.Sink.Crash(r)
}

func (s *tap) Lifecycle(r *record.Lifecycle) error {
	s.t.locked(func() {
		s.t.add(r.Pos.Source, "lifecycle", r.Time)
		if (r.Kind == record.Starting || r.Kind == record.Up) && len(s.t.starts) < maxSigns {
			s.t.starts = append(s.t.starts, sign{r.Time, strings.Clone(r.Container)})
		}
	})
	return s.Sink.Lifecycle(r)
}

func (s *tap) Job(r *record.Job) error {
	s.t.locked(func() { s.t.add(r.Pos.Source, "jobs", r.Start) })
	return s.Sink.Job(r)
}

// Message keeps none: lines are fetched around deaths rather than elsewhere, so that how often one is written at other times is not known.
func (s *tap) Message(*record.Message) error { return nil }

func (s *tap) Exposure(r *record.Exposure) error {
	s.t.locked(func() {
		s.t.add(r.Pos.Source, "exposure", r.From)
		if k := (gapKey{r.Pos.Source.Name, "exposure"}); s.t.count[k].to < r.To {
			row := s.t.count[k]
			row.to = r.To
			s.t.count[k] = row
		}
	})
	return s.Sink.Exposure(r)
}

func (s *tap) Profile(r *record.Profile) error {
	s.t.locked(func() { s.t.add(r.Pos.Source, "profiles", r.Time) })
	return s.Sink.Profile(r)
}

func (s *tap) Fork() record.Sink { return &tap{s.Sink.Fork(), s.t} }

func (s *tap) Join() error { return s.Sink.Join() }

// containers returns the containers that have series, sorted.
func (t *tally) containers() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.memory))
}

// death is when a container died, as far as the signs tell.
type death struct {
	at        time.Time
	container string
}

// sameDeath is how far apart signs of one death can lie: a platform's line lags the last words by up to half a minute.
const sameDeath = 90 * time.Second

// deaths brings the signs of each death together, in order of time. Where no line tells of deaths, counters of restarts and of
// OOM events do, and last the series themselves: silence followed by much less memory.
func (t *tally) deaths() []death {
	t.mu.Lock()
	defer t.mu.Unlock()
	signs := slices.Clone(t.signs)
	for k, ps := range t.restarts {
		name, _, _ := strings.Cut(k, "\x00")
		ps := slices.Clone(ps)
		slices.SortFunc(ps, func(a, b point) int { return cmp.Compare(a.at, b.at) })
		for i := 1; i < len(ps); i++ {
			if ps[i].v > ps[i-1].v {
				signs = append(signs, sign{ps[i].at, name})
			}
		}
	}
	if len(signs) == 0 {
		signs = t.breaksLocked()
	}
	sort.SliceStable(signs, func(i, j int) bool {
		if signs[i].container != signs[j].container {
			return signs[i].container < signs[j].container
		}
		return signs[i].at < signs[j].at
	})
	var out []death
	var last sign
	for _, s := range signs {
		if s.at == 0 {
			continue
		}
		if n := len(out); n == 0 || s.container != last.container || s.at.Sub(last.at) > sameDeath {
			out = append(out, death{s.at.Std(), s.container})
		}
		last = s
	}
	sort.SliceStable(out, func(i, j int) bool {
		if !out[i].at.Equal(out[j].at) {
			return out[i].at.Before(out[j].at)
		}
		return out[i].container < out[j].container
	})
	return out
}

// breaksLocked finds where a series falls silent for more than three of its steps, or not at all, and begins again at less than
// 60 % of what it was.
func (t *tally) breaksLocked() []sign {
	var out []sign
	for _, name := range slices.Sorted(maps.Keys(t.memory)) {
		ps := slices.Clone(t.memory[name])
		slices.SortFunc(ps, func(a, b point) int { return cmp.Compare(a.at, b.at) })
		for i := 1; i < len(ps); i++ {
			if ps[i].v < 0.6*ps[i-1].v {
				out = append(out, sign{ps[i-1].at, name})
			}
		}
	}
	return out
}
