package analyze_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// editor is a sink that changes the places and times of records on their way.
type editor struct {
	to  record.Sink
	pos func(record.Pos) record.Pos
	at  func(record.Time) record.Time
}

func (e editor) edit(p *record.Pos, times ...*record.Time) {
	if e.pos != nil {
		*p = e.pos(*p)
	}
	for _, t := range times {
		if e.at != nil && *t != 0 {
			*t = e.at(*t)
		}
	}
}

func (e editor) Request(x *record.Request) error {
	c := *x
	e.edit(&c.Pos, &c.Start, &c.End)
	return e.to.Request(&c)
}

func (e editor) Sample(x *record.Sample) error {
	c := *x
	e.edit(&c.Pos, &c.Time)
	return e.to.Sample(&c)
}

func (e editor) Crash(x *record.Crash) error {
	c := *x
	e.edit(&c.Pos, &c.Time)
	return e.to.Crash(&c)
}

func (e editor) Lifecycle(x *record.Lifecycle) error {
	c := *x
	e.edit(&c.Pos, &c.Time, &c.End)
	return e.to.Lifecycle(&c)
}

func (e editor) Job(x *record.Job) error {
	c := *x
	e.edit(&c.Pos, &c.Start, &c.End)
	return e.to.Job(&c)
}

func (e editor) Message(x *record.Message) error {
	c := *x
	e.edit(&c.Pos, &c.Time)
	return e.to.Message(&c)
}

func (e editor) Exposure(x *record.Exposure) error {
	c := *x
	e.edit(&c.Pos, &c.From, &c.To)
	return e.to.Exposure(&c)
}

func (e editor) Profile(x *record.Profile) error {
	c := *x
	e.edit(&c.Pos, &c.Time)
	return e.to.Profile(&c)
}

func (e editor) Warn(x *record.Warning) error {
	c := *x
	e.edit(&c.Pos)
	return e.to.Warn(&c)
}

func (e editor) Cover(x *record.Coverage) error {
	c := *x
	p := record.Pos{Source: c.Source}
	e.edit(&p, &c.From, &c.To)
	c.Source = p.Source
	return e.to.Cover(&c)
}

func (e editor) Fork() record.Sink { e.to = e.to.Fork(); return e }
func (e editor) Join() error       { return e.to.Join() }

// TestAFileGivenTwiceChangesNothingButCoverage: the same evidence under another name, before, after or among the first.
func TestAFileGivenTwiceChangesNothingButCoverage(t *testing.T) {
	for _, name := range few() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items, o := recorded(t, name)
			copies := map[*record.Source]*record.Source{}
			second := &recorder{}
			e := editor{to: second, pos: func(p record.Pos) record.Pos {
				if p.Source == nil {
					return p
				}
				if copies[p.Source] == nil {
					copies[p.Source] = &record.Source{Name: p.Source.Name + ".copy", Format: p.Source.Format}
				}
				p.Source = copies[p.Source]
				return p
			}}
			if err := inOrder(items)(e); err != nil {
				t.Fatal(err)
			}
			want := withoutSources(t, concluded(t, o, inOrder(items)))
			both := append(append([]item(nil), items...), second.items...)
			for _, c := range []struct {
				name string
				give func(record.Sink) error
			}{
				{"after", inOrder(both)},
				{"before", inOrder(append(append([]item(nil), second.items...), items...))},
				{"among, over forks", dealt(shuffled(both, 5), 3, 6)},
			} {
				if diff := cmp.Diff(want, withoutSources(t, concluded(t, o, c.give))); diff != "" {
					t.Errorf("%s: %s", c.name, head(diff))
				}
			}
		})
	}
}

// withoutSources is a report as JSON, without coverage and without what the tellers say twice: the places of the evidence.
func withoutSources(t testing.TB, r *finding.Report) any {
	t.Helper()
	c := *r
	c.Coverage = nil
	b, err := json.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(bytes.ReplaceAll(b, []byte(".copy"), nil), &v); err != nil {
		t.Fatal(err)
	}
	for _, k := range v["crashes"].([]any) {
		delete(k.(map[string]any), "evidence")
	}
	return v
}

func head(s string) string {
	if len(s) > 5000 {
		s = s[:5000] + "…"
	}
	return s
}

// TestTimesShiftedByAConstantShiftTimesOnly, and nothing that is concluded from them.
func TestTimesShiftedByAConstantShiftTimesOnly(t *testing.T) {
	clock := regexp.MustCompile(`\d\d:\d\d:\d\d`)
	for _, name := range few() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items, o := recorded(t, name)
			want := concluded(t, o, inOrder(items))
			long := want.Window.To.Sub(want.Window.From) >= 36*time.Hour // base rates by the hour of the day: only days may shift
			for _, by := range []time.Duration{-1000 * 24 * time.Hour, 7*time.Hour + 13*time.Minute + 123456789} {
				if long && by%(24*time.Hour) != 0 {
					continue
				}
				shifted := o
				shifted.Planned = nil
				for _, w := range o.Planned {
					shifted.Planned = append(shifted.Planned, analyze.Window{From: w.From.Add(by), To: w.To.Add(by)})
				}
				got := concluded(t, shifted, func(s record.Sink) error {
					return inOrder(items)(editor{to: s, at: func(t record.Time) record.Time { return t.Add(by) }})
				})
				if diff := cmp.Diff(shift(t, want, 0, clock), shift(t, got, -by, clock)); diff != "" {
					t.Errorf("by %v: %s", by, head(diff))
				}
			}
		})
	}
}

// shift moves all times of a report, and takes clock times out of its sentences.
func shift(t testing.TB, r *finding.Report, by time.Duration, clock *regexp.Regexp) any {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var walk func(v any) any
	walk = func(v any) any {
		switch x := v.(type) {
		case map[string]any:
			for k := range x {
				x[k] = walk(x[k])
			}
		case []any:
			for i := range x {
				x[i] = walk(x[i])
			}
		case string:
			if at, err := time.Parse(time.RFC3339Nano, x); err == nil {
				return at.Add(by).Format(time.RFC3339Nano)
			}
			// Lines are quoted as they were.
			return clock.ReplaceAllString(x, "…")
		}
		return v
	}
	return walk(v)
}

// TestAStrayTimestampDoesNotStretchTheWindow: a clock that was reset, a unit that was mistaken.
func TestAStrayTimestampDoesNotStretchTheWindow(t *testing.T) {
	items, o := recorded(t, "burst_retried_export_walks")
	want := concluded(t, o, inOrder(items))
	year := func(y int) record.Time { return record.TimeOf(time.Date(y, 1, 2, 3, 4, 5, 0, time.UTC)) }
	far := record.Time(1<<63 - 1)
	src := &record.Source{Name: "stray.log", Format: "scalingo-router"}
	for _, c := range []struct {
		name string
		give item
	}{
		{"a request of 1970", func(s record.Sink) error {
			return s.Request(&record.Request{Pos: record.Pos{Source: src, Line: 1}, Layer: record.LayerRouter, Outcome: record.Answered, Start: 1, End: 2e9, Method: []byte("GET"), Path: []byte("/"), Container: []byte("web-1")})
		}},
		{"a request of 1980 without an end", func(s record.Sink) error {
			return s.Request(&record.Request{Pos: record.Pos{Source: src, Line: 1}, Layer: record.LayerApp, Phase: record.Started, Start: year(1980), End: year(1980), Method: []byte("GET"), Path: []byte("/"), ID: []byte("x"), Container: []byte("web-1")})
		}},
		{"a request that ends in 2260", func(s record.Sink) error {
			return s.Request(&record.Request{Pos: record.Pos{Source: src, Line: 1}, Layer: record.LayerRouter, Outcome: record.Answered, Start: year(2260), End: far, Method: []byte("GET"), Path: []byte("/"), Container: []byte("web-1")})
		}},
		{"a request that begins today and ends in 2260", func(s record.Sink) error {
			return s.Request(&record.Request{Pos: record.Pos{Source: src, Line: 1}, Layer: record.LayerRouter, Outcome: record.Answered, Start: record.TimeOf(want.Window.From).Add(time.Minute), End: year(2260), Method: []byte("GET"), Path: []byte("/"), Container: []byte("web-1")})
		}},
		{"a request that began in 1980 and ends today", func(s record.Sink) error {
			return s.Request(&record.Request{Pos: record.Pos{Source: src, Line: 1}, Layer: record.LayerRouter, Outcome: record.Answered, Start: year(1980), End: record.TimeOf(want.Window.From).Add(time.Minute), Method: []byte("GET"), Path: []byte("/"), Container: []byte("web-1")})
		}},
		{"a request before 1970", func(s record.Sink) error {
			return s.Request(&record.Request{Pos: record.Pos{Source: src, Line: 1}, Layer: record.LayerRouter, Outcome: record.Cut, Start: -1e18, End: -1e18 + 5, Method: []byte("GET"), Path: []byte("/"), Container: []byte("web-1")})
		}},
		{"a death of 2200", func(s record.Sink) error {
			return s.Crash(&record.Crash{Pos: record.Pos{Source: src, Line: 1}, Time: year(2200), Exited: true, ExitCode: 137, Kind: record.CrashOther, Container: "web-1"})
		}},
		{"an event of 1970", func(s record.Sink) error {
			return s.Lifecycle(&record.Lifecycle{Pos: record.Pos{Source: src, Line: 1}, Time: 1, Kind: record.Starting, Container: "web-1", ExitCode: -1})
		}},
		{"a sample of 2200 of a known instance", func(s record.Sink) error {
			return s.Sample(&record.Sample{Pos: record.Pos{Source: src, Line: 1}, Time: year(2200), Metric: record.RSS, Value: 1, Container: "web-1", Instance: "4711"})
		}},
		{"a job of 1970", func(s record.Sink) error {
			return s.Job(&record.Job{Pos: record.Pos{Source: src, Line: 1}, Name: "j", Start: 1, End: 2, Container: "web-1"})
		}},
		{"counts of 1970", func(s record.Sink) error {
			return s.Exposure(&record.Exposure{Pos: record.Pos{Source: src, Line: 1}, From: 1, To: 2, Method: "GET", Route: "/", Count: 1})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := concluded(t, o, inOrder(append(append([]item(nil), items...), c.give)))
			if d := got.Window.From.Sub(want.Window.From).Abs() + got.Window.To.Sub(want.Window.To).Abs(); d > 4*time.Hour {
				t.Errorf("the window is %v to %v, without it %v to %v", got.Window.From, got.Window.To, want.Window.From, want.Window.To)
			}
			if diff := cmp.Diff(want.Verdict, got.Verdict); diff != "" {
				t.Error(diff)
			}
			if len(got.Crashes) != len(want.Crashes) || len(got.Restarts) != len(want.Restarts) {
				t.Errorf("%d crashes and %d restarts, want %d and %d", len(got.Crashes), len(got.Restarts), len(want.Crashes), len(want.Restarts))
			}
		})
	}
}

// TestLittleEvidence: what there is least of must not fail, and must not accuse.
func TestLittleEvidence(t *testing.T) {
	src := &record.Source{Name: "log", Format: "scalingo-router"}
	n := int64(0)
	pos := func() record.Pos { n++; return record.Pos{Source: src, Line: n} }
	request := func(at time.Duration, dur time.Duration, outcome record.Outcome) item {
		p := pos()
		return func(s record.Sink) error {
			return s.Request(&record.Request{Pos: p, Layer: record.LayerRouter, Outcome: outcome, Start: dawn.Add(at), End: dawn.Add(at + dur), Status: 200, Method: []byte("GET"),
				Path: []byte("/a"), Container: []byte("web-1")})
		}
	}
	started := func(at time.Duration) item {
		p := pos()
		return func(s record.Sink) error {
			return s.Request(&record.Request{Pos: p, Layer: record.LayerApp, Phase: record.Started, Start: dawn.Add(at), End: dawn.Add(at), Method: []byte("GET"), Path: []byte("/a"), Container: []byte("web-1"), ID: []byte("r")})
		}
	}
	crash := func(at time.Duration, kind record.CrashKind) item {
		p := pos()
		return func(s record.Sink) error {
			return s.Crash(&record.Crash{Pos: p, Time: dawn.Add(at), Exited: true, ExitCode: 137, Kind: kind, Container: "web-1"})
		}
	}
	sample := func(at time.Duration, v float64) item {
		p := pos()
		return func(s record.Sink) error {
			return s.Sample(&record.Sample{Pos: p, Time: dawn.Add(at), Metric: record.RSS, Value: v, Container: "web-1"})
		}
	}
	for _, c := range []struct {
		name  string
		items []item
	}{
		{"nothing", nil},
		{"one request", []item{request(0, time.Second, record.Answered)}},
		{"one request that takes no time", []item{request(0, 0, record.Answered)}},
		{"one start", []item{started(0)}},
		{"one death", []item{crash(0, record.CrashOOMKill)}},
		{"one death and a request that it cut", []item{request(-time.Second, time.Second, record.Cut), crash(0, record.CrashOOMKill)}},
		{"one death and a request at the same instant", []item{request(0, 0, record.Cut), crash(0, record.CrashOOMKill)}},
		{"one death and a start before it", []item{started(-time.Second), crash(0, record.CrashOOMKill)}},
		{"one death after a second of traffic", []item{request(-time.Second, 100*time.Millisecond, record.Answered), request(-900*time.Millisecond, 900*time.Millisecond, record.Cut), crash(0, record.CrashHealthCheck)}},
		{"deaths of all kinds at once", []item{request(-time.Second, time.Second, record.Cut), crash(0, record.CrashOOMKill), crash(10*time.Second, record.CrashException), crash(20*time.Second, record.CrashHealthCheck),
			crash(30*time.Second, record.CrashSegfault), crash(40*time.Second, record.CrashOther)}},
		{"one sample", []item{sample(0, 1e8)}},
		{"one sample and one death", []item{sample(0, 1e8), crash(time.Second, record.CrashOOMKill)}},
		{"samples of zero", []item{sample(0, 0), sample(time.Minute, 0), sample(2*time.Minute, 0), crash(3*time.Minute, record.CrashOOMKill)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, o := range []analyze.Options{{}, {From: dawn.Add(-time.Minute), To: dawn.Add(-time.Minute)}, {From: dawn.Add(time.Hour)}, {Service: "other"}, {LimitBytes: 1}} {
				r := concluded(t, o, inOrder(c.items))
				if r.Verdict.Endpoint != nil || r.Verdict.Summary == "" {
					t.Errorf("verdict %+v", r.Verdict)
				}
				if _, err := json.Marshal(r); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestDeathsOfAStallThatAreDeathsOfMemoryAreGradedByTheirOwnEvidence, whatever else died of memory.
func TestDeathsOfAStallThatAreDeathsOfMemoryAreGradedByTheirOwnEvidence(t *testing.T) {
	src := &record.Source{Name: "log", Format: "scalingo-router"}
	rng := rand.New(rand.NewPCG(1, 1))
	r := &recorder{}
	line := int64(0)
	pos := func() record.Pos { line++; return record.Pos{Source: src, Line: line} }
	for i := range 6000 {
		at := dawn.Add(time.Duration(i) * 2 * time.Second)
		_ = r.Request(&record.Request{Pos: pos(), Layer: record.LayerRouter, Outcome: record.Answered, Start: at, End: at.Add(time.Duration(rng.IntN(300)) * time.Millisecond), Status: 200,
			Method: []byte("GET"), Path: fmt.Appendf(nil, "/ordinary/%c", 'a'+i%20), Container: fmt.Appendf(nil, "web-%d", 1+i%4)})
	}
	// One death of memory on web-1, and three health-check kills with the memory full on the others.
	_ = r.Crash(&record.Crash{Pos: pos(), Time: dawn.Add(time.Hour), Exited: true, ExitCode: 137, Kind: record.CrashOOMKill, Container: "web-1"})
	for k := range 3 {
		at := dawn.Add(time.Hour + time.Duration(k+1)*30*time.Minute)
		name := fmt.Sprintf("web-%d", 2+k)
		_ = r.Request(&record.Request{Pos: pos(), Layer: record.LayerRouter, Outcome: record.Cut, Start: at.Add(-40 * time.Second), End: at, Status: 502, Method: []byte("POST"), Path: []byte("/import"), Container: []byte(name)})
		for m := range 60 {
			used := 1e8 + 1e6*float64(m%3)
			if m == 0 {
				used = 4.9e8
			}
			_ = r.Sample(&record.Sample{Pos: pos(), Time: at.Add(-time.Duration(m) * time.Minute), Metric: record.RSS, Value: used, Container: name})
			_ = r.Sample(&record.Sample{Pos: pos(), Time: at.Add(-time.Duration(m) * time.Minute), Metric: record.MemoryLimit, Value: 5e8, Container: name})
		}
		_ = r.Crash(&record.Crash{Pos: pos(), Time: at, Exited: true, ExitCode: 137, Kind: record.CrashHealthCheck, Container: name})
	}
	rep := concluded(t, analyze.Options{}, inOrder(r.items))
	if rep.Verdict.Endpoint == nil || *rep.Verdict.Endpoint != "POST /import" || rep.Verdict.Cause != finding.RequestBurst {
		t.Error(brief(rep))
	}
}

// TestManyNamesDoNotBlowUp: different paths, ids, instances, containers. A million endpoints of as many containers go through the whole
// program, in cli.
func TestManyNamesDoNotBlowUp(t *testing.T) {
	many := 150_000
	if testing.Short() {
		many = 50_000
	}
	src := &record.Source{Name: "log", Format: "scalingo-router"}
	for _, c := range []struct {
		name string
		n    int
		make func(i int, s record.Sink, q *record.Request) error
	}{
		{"containers", many, func(i int, s record.Sink, q *record.Request) error {
			q.Container = fmt.Appendf(q.Container[:0], "web-%d", i)
			return s.Request(q)
		}},
		{"paths", many, func(i int, s record.Sink, q *record.Request) error {
			q.Path = append(q.Path[:0], "/x/"...)
			for k := i + 1; k > 0; k /= 26 {
				q.Path = append(q.Path, byte('a'+k%26), '-')
			}
			return s.Request(q)
		}},
		{"instances", many, func(i int, s record.Sink, q *record.Request) error {
			q.Instance = fmt.Appendf(q.Instance[:0], "%d", i)
			return s.Request(q)
		}},
		{"starts that never end", many, func(i int, s record.Sink, q *record.Request) error {
			q.ID = fmt.Appendf(q.ID[:0], "%d", i)
			q.Phase, q.Layer = record.Started, record.LayerApp
			return s.Request(q)
		}},
		{"requests that were given up on", many, func(i int, s record.Sink, q *record.Request) error {
			q.ID = fmt.Appendf(q.ID[:0], "%d", i)
			q.Outcome = record.GaveUp
			return s.Request(q)
		}},
		{"memory series", many, func(i int, s record.Sink, q *record.Request) error {
			return s.Sample(&record.Sample{Pos: q.Pos, Time: q.Start, Metric: record.RSS, Value: 1e8, Container: "web-1", Instance: fmt.Sprint(i)})
		}},
		{"times", many, func(i int, s record.Sink, q *record.Request) error {
			q.Start = record.Time(uint64(i) * 0x9E3779B97F4A7C15 >> 1)
			q.End = q.Start
			return s.Request(q)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := analyze.New(analyze.Options{Spool: func() (analyze.Spool, error) { return &memorySpool{}, nil }})
			defer a.Close()
			begun := time.Now()
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_ = a.Crash(&record.Crash{Time: dawn.Add(30 * time.Minute), Exited: true, ExitCode: 137, Kind: record.CrashOOMKill, Container: "web-1"})
			q := &record.Request{Layer: record.LayerRouter, Outcome: record.Answered, Method: []byte("GET"), Path: []byte("/a"), Container: []byte("web-1"), Status: 200}
			for i := range c.n {
				q.Pos = record.Pos{Source: src, Line: int64(i)}
				q.Start = dawn.Add(time.Duration(i) * time.Hour / time.Duration(c.n))
				q.End = q.Start.Add(20 * time.Millisecond)
				if err := c.make(i, a, q); err != nil {
					t.Fatal(err)
				}
			}
			r, err := a.Report()
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(begun)
			runtime.GC()
			runtime.ReadMemStats(&after)
			held := float64(after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc)) / 1e6
			t.Logf("%v, %.0f MB held, %.0f MB allocated in all, %.0f MB from the system", took.Round(time.Millisecond), held, float64(after.TotalAlloc-before.TotalAlloc)/1e6, float64(after.HeapSys)/1e6)
			if took > 60*time.Second || held > 300 {
				t.Errorf("took %v and holds %.0f MB", took, held)
			}
			if r.Verdict.Endpoint != nil {
				t.Errorf("accuses %s", *r.Verdict.Endpoint)
			}
			runtime.KeepAlive(a)
		})
	}
}
