package scenario

import (
	"fmt"
	"hash"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// files reads the hand-written scenarios, by name.
func files(t testing.TB) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "scenarios", "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no scenario files found: %v", err)
	}
	out := map[string]string{}
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(n), ".txt")] = string(text)
	}
	return out
}

// digest is a sink that hashes what it is given.
type digest struct {
	record.Discard
	h        hash.Hash64
	buf      []byte
	requests int
	back     int // requests that end before the one before
	last     record.Time
}

func (d *digest) add(format string, a ...any) error {
	d.buf = fmt.Appendf(d.buf[:0], format, a...)
	_, err := d.h.Write(d.buf)
	return err
}

func (d *digest) Request(r *record.Request) error {
	d.requests++
	if r.Pos.Line > 1 && r.End < d.last {
		d.back++
	}
	d.last = r.End
	return d.add("%d %d %d %d %d %d %s %s %s %s %s %s %d\n", r.Layer, r.Phase, r.Outcome, r.Start, r.End, r.Status, r.Method, r.Path, r.ID, r.Container,
		r.User, r.Client, r.Pos.Line)
}

func (d *digest) Sample(x *record.Sample) error {
	return d.add("%d %d %g %s %s %d\n", x.Time, x.Metric, x.Value, x.Container, x.Instance, x.Pos.Line)
}

func (d *digest) Crash(x *record.Crash) error {
	return d.add("%d %s %d %s %s %s\n", x.Time, x.Kind, x.ExitCode, x.Container, x.Instance, x.Text)
}

func (d *digest) Lifecycle(x *record.Lifecycle) error {
	return d.add("%d %d %s %s %s %s\n", x.Time, x.End, x.Kind, x.Container, x.Instance, x.Text)
}

func (d *digest) Job(x *record.Job) error {
	return d.add("%d %d %s %s\n", x.Start, x.End, x.Name, x.Container)
}

func (d *digest) Fork() record.Sink { return d }

// emit runs a text and hashes its records.
func emit(t testing.TB, text string) (*Scenario, *digest) {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	d := &digest{h: fnv.New64a()}
	if err := s.Emit(d); err != nil {
		t.Fatal(err)
	}
	return s, d
}

// watch is a sink that holds every record against the invariants of the world as it comes, and counts.
type watch struct {
	t    *testing.T
	name string
	s    *Scenario

	requests, samples, lifecycles, exits, bad int
	deaths                                    map[string][]record.Time // by container
	exact, stops, streams                     bool
}

// hold emits s and holds its records against what must be so in any world.
func hold(t *testing.T, name string, s *Scenario) *watch {
	t.Helper()
	w := &watch{t: t, name: name, s: s, exact: len(s.cfg.noise.skew) == 0}
	w.streams = slices.ContainsFunc(s.cfg.endpoints, func(e epSpec) bool { return e.stream })
	w.stops = slices.ContainsFunc(s.cfg.acts, func(a act) bool {
		return slices.Contains([]string{"deploy", "cycling", "maintenance", "scale"}, a.kind)
	})
	if err := s.Emit(w); err != nil {
		t.Fatal(err)
	}
	for i, d := range s.Truth.Deaths {
		if d.Kind == "" || d.Cause == "" || d.Container == "" {
			w.complain("death %d is incomplete: %+v", i, d)
		}
		if i > 0 && d.Time.Before(s.Truth.Deaths[i-1].Time) {
			w.complain("deaths are not in order")
		}
	}
	if n := len(s.Truth.Deaths); s.cfg.logs.events && (w.exits > n || w.exits < n-lateDeaths(s, 61*time.Second)) {
		w.complain("%d exits for %d deaths", w.exits, n)
	}
	if w.requests == 0 && (s.cfg.logs.router || s.cfg.logs.app) {
		w.complain("no request")
	}
	return w
}

func (w *watch) complain(format string, a ...any) {
	w.t.Helper()
	if w.bad++; w.bad < 5 {
		w.t.Errorf(w.name+": "+format, a...)
	}
}

func (w *watch) Request(r *record.Request) error {
	if w.deaths == nil { // the truth is complete before the first record
		w.deaths = map[string][]record.Time{}
		for _, d := range w.s.Truth.Deaths {
			w.deaths[d.Container] = append(w.deaths[d.Container], record.TimeOf(d.Time))
		}
	}
	w.requests++
	cfg := &w.s.cfg
	took := r.End.Sub(r.Start)
	switch {
	case r.Start == 0 || r.End < r.Start:
		w.complain("a request begins at %d and ends at %d", r.Start, r.End)
	case r.Phase == record.Started && (r.End != r.Start || r.Status != 0 || r.Layer != record.LayerApp):
		w.complain("a started line that is none: %+v", r)
	case r.Layer == record.LayerRouter && !w.streams && took > seconds(cfg.timeout+0.5):
		w.complain("the router waited %v for %s", took, r.Path)
	case r.Outcome == record.GaveUp && took < seconds(cfg.timeout)-2*time.Millisecond:
		w.complain("the router gave up after %v", took)
	case r.Outcome == record.GaveUp && r.Status != 504, r.Outcome == record.Cut && r.Status != 502, r.Outcome == record.Refused && r.Status != 503:
		w.complain("status %d of outcome %d", r.Status, r.Outcome)
	case r.Layer == record.LayerApp && r.Phase == record.Completed && r.Outcome != record.Answered:
		w.complain("the application logs only what it answered: %+v", r)
	case cfg.logs.containers && r.Outcome != record.Refused && len(r.Container) == 0:
		w.complain("no container in %+v", r)
	case !cfg.logs.ids && len(r.ID) > 0, !cfg.logs.containers && len(r.Container) > 0, len(r.Method) == 0, len(r.Path) == 0:
		w.complain("a line holds what it should not, or lacks what it should: %+v", r)
	}
	if !w.exact {
		return nil
	}
	near := w.stops
	for _, at := range w.deaths[string(r.Container)] {
		near = near || r.End.Sub(at).Abs() < 200*time.Millisecond
		if r.Outcome == record.Answered && r.Start < at.Add(-10*time.Millisecond) && r.End > at.Add(2*time.Millisecond) {
			w.complain("%s of %s was answered across the death of its container at %v", r.Path, r.Container, at.Std())
		}
	}
	if r.Outcome == record.Cut && !near && cfg.logs.containers {
		w.complain("%s of %s was cut at %v, when nothing died", r.Path, r.Container, r.End.Std())
	}
	return nil
}

func (w *watch) Sample(x *record.Sample) error {
	w.samples++
	if x.Value < 0 || x.Time == 0 || x.Metric == record.MetricUnknown {
		w.complain("sample %+v", x)
	}
	if x.Metric == record.RSS && x.Value > 1.3*w.s.cfg.limit {
		w.complain("RSS of %.0f MiB above the limit of %.0f", x.Value/mib, w.s.cfg.limit/mib)
	}
	return nil
}

func (w *watch) Crash(c *record.Crash) error {
	if c.Exited && c.Kind != record.CrashSigterm {
		w.exits++
	}
	if c.Text == "" || c.Container == "" || c.Kind == "" {
		w.complain("crash %+v", c)
	}
	return nil
}

func (w *watch) Lifecycle(l *record.Lifecycle) error {
	w.lifecycles++
	if l.Kind == "" || l.Time == 0 {
		w.complain("lifecycle %+v", l)
	}
	return nil
}

func (w *watch) Job(*record.Job) error           { return nil }
func (w *watch) Message(*record.Message) error   { return nil }
func (w *watch) Exposure(*record.Exposure) error { return nil }
func (w *watch) Profile(*record.Profile) error   { return nil }
func (w *watch) Warn(*record.Warning) error      { return nil }
func (w *watch) Cover(c *record.Coverage) error {
	if c.Source == nil || c.Signal == "" {
		w.complain("coverage %+v", c)
	}
	return nil
}
func (w *watch) Fork() record.Sink { return w }
func (w *watch) Join() error       { return nil }

// lateDeaths counts the deaths whose line may lie past the end of the window.
func lateDeaths(s *Scenario, lag time.Duration) int {
	end, n := s.cfg.start.Add(seconds(s.cfg.duration)), 0
	for _, d := range s.Truth.Deaths {
		if end.Sub(d.Time) < lag {
			n++
		}
	}
	return n
}

func TestEveryScenarioFileParsesAndItsWorldHoldsTogether(t *testing.T) {
	for name, text := range files(t) {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			sink := hold(t, name, s)
			if s.Title == "" || len(s.Expectations()) < 2 {
				t.Errorf("%s has no title or hardly an expectation", name)
			}
			tr := s.Truth
			t.Logf("%s %q also %q tell %v %s; %d requests, %d lines, %d samples, %d deaths", tr.Cause, tr.Endpoint, tr.Also, tr.CanTell, tr.Why,
				tr.Requests, sink.requests, sink.samples, len(tr.Deaths))
			for _, d := range tr.Deaths[:min(12, len(tr.Deaths))] {
				t.Logf("  %s %s %s %s %s", d.Time.Format("15:04:05"), d.Container, d.Kind, d.Cause, d.Endpoint)
			}
			agree(t, s)
		})
	}
}

// agree holds the expectations of a file against a report that tells the truth: a file must not ask for what is not so.
func agree(t *testing.T, s *Scenario) {
	t.Helper()
	tr := &s.Truth
	rep := &finding.Report{Verdict: finding.Verdict{Cause: tr.Cause, Grade: finding.Likely}}
	for range tr.Deaths {
		rep.Crashes = append(rep.Crashes, finding.Crash{})
	}
	for i, c := range tr.Culprits() {
		if i == 0 {
			rep.Verdict.Endpoint = &c
		}
		rep.Suspects = append(rep.Suspects, finding.Suspect{Endpoint: c, Role: finding.Culprit, Grade: finding.Likely})
	}
	if !tr.CanTell {
		rep.Verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient}
		rep.Suspects = nil
	}
	for _, msg := range s.Check(rep) {
		// Roles, restarts, shapes and patterns are the analyzer's to find; the rest follows from the truth.
		what := strings.Fields(msg)[1]
		if slices.Contains([]string{"role", "restarts", "shape", "pattern"}, what) {
			continue
		}
		t.Errorf("the truth itself fails %s", msg)
	}
}

func TestThereAreAtLeastThirtyFilesAndAsManyNegativeAsPositive(t *testing.T) {
	guilty, innocent := 0, 0
	for _, text := range files(t) {
		if strings.Contains(text, "expect no accusation") {
			innocent++
		} else {
			guilty++
		}
	}
	if guilty+innocent < 30 || innocent < guilty {
		t.Errorf("%d accuse, %d do not", guilty, innocent)
	}
}

func TestEmissionIsTheSameEachTime(t *testing.T) {
	var texts []string
	for _, text := range files(t) {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	texts = append(texts[:5], Random("burst", 5).String(), Random("leak", 6).String(), Random("host-failure", 7).String())
	for _, text := range texts {
		a, one := emit(t, text)
		b, two := emit(t, text)
		if one.h.Sum64() != two.h.Sum64() || one.requests == 0 {
			t.Errorf("%s: two runs differ", a.Title)
		}
		if d := cmp.Diff(a.Truth, b.Truth); d != "" {
			t.Errorf("%s: two truths differ: %s", a.Title, d)
		}
	}
}

func TestNoiseChangesTheLinesAndNotTheWorld(t *testing.T) {
	quiet := Random("burst", 3).String()
	quiet = strings.ReplaceAll(quiet, "lose ", "#lose ")
	a, one := emit(t, quiet)
	b, two := emit(t, quiet+"lose 20%\nskew router 5s\nshuffle 4s\n")
	if d := cmp.Diff(a.Truth, b.Truth); d != "" {
		t.Errorf("the world changed: %s", d)
	}
	if r := float64(two.requests) / float64(one.requests); r < 0.75 || r > 0.85 {
		t.Errorf("a fifth lost leaves %.2f", r)
	}
	if two.back < two.requests/20 {
		t.Errorf("only %d lines are out of order", two.back)
	}
}

func TestRandomWorldsHoldTogetherAndAreWhatTheyAreCalled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs scores of worlds")
	}
	as, runs := map[string]int{}, map[string]int{}
	for _, k := range Kinds() {
		for seed := uint64(100); seed < 102; seed++ {
			s := Random(k.Name, seed)
			hold(t, fmt.Sprintf("%s %d", k.Name, seed), s)
			runs[k.Name]++
			if slices.Contains(s.Truth.Accept, k.Cause) && (s.Truth.Endpoint != "") == k.Guilty {
				as[k.Name]++
			}
			if again, err := Parse(s.String()); err != nil {
				t.Errorf("%s %d: its text does not parse: %v", k.Name, seed, err)
			} else if again.cfg.seed != s.cfg.seed || len(again.cfg.acts) != len(s.cfg.acts) {
				t.Errorf("%s %d: its text says something else", k.Name, seed)
			}
		}
	}
	for _, k := range Kinds() {
		if as[k.Name]*2 < runs[k.Name] {
			t.Errorf("%s: only %d of %d worlds are what they are called", k.Name, as[k.Name], runs[k.Name])
		}
	}
}

func TestKindsWithAndWithoutACulpritAreInBalance(t *testing.T) {
	guilty := 0
	for _, k := range Kinds() {
		if k.Guilty {
			guilty++
		}
	}
	if n := len(Kinds()); guilty*2 != n {
		t.Errorf("%d of %d kinds have a culprit", guilty, n)
	}
}

func TestParseRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"duration never", "line 1"},
		{"containerz 3", "unknown directive"},
		{"burst GET /a at 3m size 1MiB ramp 3s", "no declared endpoint"},
		{"endpoint GET a", "no path"},
		{"endpoint GET /a\nburst GET /a size 3MiB ramp 3s", "say when"},
		{"endpoint GET /a\nstall GET /a at 3m", "length"},
		{"expect cause guilt", "unknown cause"},
		{"expect grade > likely", "write >="},
		{"log everything", "unknown mode"},
		{"containers 3 4", "unknown option"},
		{"seed 3 4", "unexpected"},
		{"memory limit 3", "no size"},
		{"traffic 100000/s\nduration 2d", "too many"},
		{"deploy v1", "at when"},
		{"memory heap", "missing"},
		{"metrics", "missing"},
		{"containers 3 naming funny", "none of"},
	} {
		if _, err := Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%q) = %v, want an error with %q", c.text, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range files(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err == nil && s.String() != text {
			t.Error("the text was lost")
		}
	})
}

func TestCheckTellsWhichExpectationsFail(t *testing.T) {
	s, err := Parse("endpoint GET /x/{id}\nexpect cause request_burst\nexpect endpoint GET /x/{id}\nexpect grade >= likely\nexpect crashes 2\n" +
		"expect role POST /y victim\nexpect no accusation\nexpect shape leak\nexpect no shape plateau\nexpect restarts <= 0\nexpect pattern >= 2\n")
	if err != nil {
		t.Fatal(err)
	}
	ep := "GET /x/{id}"
	rep := &finding.Report{
		Verdict:  finding.Verdict{Cause: finding.RequestBurst, Grade: finding.Likely, Endpoint: &ep},
		Crashes:  make([]finding.Crash, 2),
		Suspects: []finding.Suspect{{Endpoint: "POST /y", Role: finding.Victim}},
		Memory:   []finding.Memory{{Shape: finding.ShapeLeak}},
		Pattern:  &finding.Pattern{Steps: make([]finding.Step, 2)},
	}
	if got := s.Check(rep); len(got) != 1 || !strings.HasPrefix(got[0], "expect no accusation") {
		t.Errorf("Check = %q", got)
	}
	if got := s.Check(&finding.Report{}); len(got) != 7 {
		t.Errorf("Check of an empty report = %d: %q", len(got), got)
	}
}

func TestJudge(t *testing.T) {
	right, wrong := "GET /x/{userId}", "GET /y"
	burst := Truth{Cause: finding.RequestBurst, Accept: []finding.Cause{finding.RequestBurst}, Endpoint: "GET /x/{id}", CanTell: true}
	blind := burst
	blind.CanTell = false
	none := Truth{Cause: finding.None, Accept: []finding.Cause{finding.None}, CanTell: true}
	lost := Truth{Cause: finding.Undetermined, Accept: []finding.Cause{finding.Undetermined}, CanTell: true}
	v := func(c finding.Cause, g finding.Grade, e *string) finding.Verdict {
		return finding.Verdict{Cause: c, Grade: g, Endpoint: e}
	}
	for _, c := range []struct {
		name    string
		truth   Truth
		verdict finding.Verdict
		want    Outcome
		accused bool
	}{
		{"the culprit named is right", burst, v(finding.RequestBurst, finding.Likely, &right), Right, false},
		{"an innocent named is wrong", burst, v(finding.RequestBurst, finding.Likely, &wrong), Wrong, true},
		{"an innocent merely possible is undecided", burst, v(finding.RequestBurst, finding.Possible, &wrong), Undecided, false},
		{"undetermined is undecided where it could be told", burst, v(finding.Undetermined, finding.Insufficient, nil), Undecided, false},
		{"undetermined is right where it could not be told", blind, v(finding.Undetermined, finding.Insufficient, nil), Right, false},
		{"none said of an incident is wrong", burst, v(finding.None, finding.Likely, nil), Wrong, false},
		{"another cause is wrong", burst, v(finding.Capacity, finding.Likely, nil), Wrong, false},
		{"another cause with the culprit is wrong, but accuses nobody innocent", burst, v(finding.RequestLeak, finding.Likely, &right), Wrong, false},
		{"the cause without the endpoint is undecided", burst, v(finding.RequestBurst, finding.Likely, nil), Undecided, false},
		{"none is right of a healthy fleet", none, v(finding.None, finding.Likely, nil), Right, false},
		{"an accusation in a healthy fleet is wrong", none, v(finding.RequestLeak, finding.Likely, &wrong), Wrong, true},
		{"undetermined is right of the unexplained", lost, v(finding.Undetermined, finding.Insufficient, nil), Right, false},
		{"host failure said of the unexplained is wrong", lost, v(finding.HostFailure, finding.Likely, nil), Wrong, false},
	} {
		s := &Scenario{Truth: c.truth}
		j := s.Judge(&finding.Report{Verdict: c.verdict})
		if j.Outcome != c.want || j.WrongAccusation != c.accused {
			t.Errorf("%s: got %+v", c.name, j)
		}
	}
}

func BenchmarkEmit(b *testing.B) {
	kinds := Kinds()
	i := uint64(0)
	for b.Loop() {
		s := Random(kinds[i%uint64(len(kinds))].Name, 1000+i)
		i++
		if err := s.Emit(record.Discard{}); err != nil {
			b.Fatal(err)
		}
	}
}
