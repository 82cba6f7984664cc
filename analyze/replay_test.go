package analyze_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/analyze/internal/scenario"
	"lastcall/collectors/record"
)

// recorder is a sink that keeps copies of all records, to put them into analyzers in other orders.
type recorder struct{ items []item }

// item is one record of any kind, ready to be given to a sink.
type item func(record.Sink) error

func (r *recorder) Request(q *record.Request) error {
	c := *q
	for _, b := range []*[]byte{&c.Method, &c.Path, &c.Route, &c.ID, &c.Container, &c.Instance, &c.Host, &c.Service, &c.Version, &c.User, &c.Client} {
		*b = bytes.Clone(*b)
	}
	r.items = append(r.items, func(s record.Sink) error { return s.Request(&c) })
	return nil
}

func (r *recorder) Sample(x *record.Sample) error {
	c := *x
	return r.keep(func(s record.Sink) error { return s.Sample(&c) })
}
func (r *recorder) Crash(x *record.Crash) error {
	c := *x
	return r.keep(func(s record.Sink) error { return s.Crash(&c) })
}
func (r *recorder) Lifecycle(x *record.Lifecycle) error {
	c := *x
	return r.keep(func(s record.Sink) error { return s.Lifecycle(&c) })
}
func (r *recorder) Job(x *record.Job) error {
	c := *x
	return r.keep(func(s record.Sink) error { return s.Job(&c) })
}
func (r *recorder) Message(x *record.Message) error {
	c := *x
	c.Container, c.Instance, c.Service, c.Text = bytes.Clone(c.Container), bytes.Clone(c.Instance), bytes.Clone(c.Service), bytes.Clone(c.Text)
	return r.keep(func(s record.Sink) error { return s.Message(&c) })
}
func (r *recorder) Exposure(x *record.Exposure) error {
	c := *x
	return r.keep(func(s record.Sink) error { return s.Exposure(&c) })
}
func (r *recorder) Profile(x *record.Profile) error {
	c := *x
	return r.keep(func(s record.Sink) error { return s.Profile(&c) })
}
func (r *recorder) Warn(x *record.Warning) error {
	c := *x
	return r.keep(func(s record.Sink) error { return s.Warn(&c) })
}
func (r *recorder) Cover(x *record.Coverage) error {
	c := *x
	return r.keep(func(s record.Sink) error { return s.Cover(&c) })
}
func (r *recorder) Fork() record.Sink { return r }
func (r *recorder) Join() error       { return nil }

func (r *recorder) keep(i item) error { r.items = append(r.items, i); return nil }

// recorded returns all records of a scenario of the testdata.
func recorded(t testing.TB, name string) ([]item, analyze.Options) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../testdata/scenarios", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	if err := s.Emit(r); err != nil {
		t.Fatal(err)
	}
	o := analyze.Options{LimitBytes: s.LimitBytes()}
	for _, p := range s.Planned() {
		o.Planned = append(o.Planned, analyze.Window{From: p[0], To: p[1]})
	}
	return r.items, o
}

// concluded gives records to a new analyzer and returns its report.
func concluded(t testing.TB, o analyze.Options, give func(record.Sink) error) *finding.Report {
	t.Helper()
	a := analyze.New(o)
	defer a.Close()
	if err := give(a); err != nil {
		t.Fatal(err)
	}
	r, err := a.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func inOrder(items []item) func(record.Sink) error {
	return func(s record.Sink) error {
		for _, i := range items {
			if err := i(s); err != nil {
				return err
			}
		}
		return nil
	}
}

func shuffled(items []item, seed uint64) []item {
	out := append([]item(nil), items...)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// dealt gives the records to n forked sinks at once, each from a goroutine of its own, joined in any order.
func dealt(items []item, n int, seed uint64) func(record.Sink) error {
	return func(s record.Sink) error {
		rng := rand.New(rand.NewPCG(seed, 2))
		parts := make([][]item, n)
		for _, i := range items {
			k := rng.IntN(n)
			parts[k] = append(parts[k], i)
		}
		errs := make([]error, n)
		var wg sync.WaitGroup
		for k := range parts {
			f := s.Fork()
			wg.Go(func() {
				if errs[k] = inOrder(parts[k])(f); errs[k] == nil {
					errs[k] = f.Join()
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// differs compares two reports by their JSON form, and says where they differ.
func differs(t testing.TB, a, b *finding.Report) string {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(x, y) {
		return ""
	}
	var u, v any
	if err := json.Unmarshal(x, &u); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(y, &v); err != nil {
		t.Fatal(err)
	}
	d := cmp.Diff(u, v)
	if len(d) > 6000 {
		d = d[:6000] + "…"
	}
	return "JSON differs:\n" + d
}
