package collectors

import (
	"context"
	"errors"
	"strings"
	"testing"

	"lastcall/collectors/record"
	"lastcall/collectors/record/recordtest"

	"github.com/google/go-cmp/cmp"
)

// fake is a collector made of a function.
type fake struct {
	name    string
	collect func(ctx context.Context, sink record.Sink) error
}

func (f fake) Name() string { return f.name }
func (f fake) Collect(ctx context.Context, _ record.Query, sink record.Sink) error {
	return f.collect(ctx, sink)
}

func crash(container string) func(context.Context, record.Sink) error {
	return func(_ context.Context, sink record.Sink) error {
		return sink.Crash(&record.Crash{Container: container, Time: 1})
	}
}

func fail(text string) func(context.Context, record.Sink) error {
	return func(context.Context, record.Sink) error { return errors.New(text) }
}

func TestOneSourceFailingIsAGapNotTheEnd(t *testing.T) {
	sink := &recordtest.Sink{}
	out, err := Run(context.Background(), []record.Collector{fake{"files", crash("web-1")}, fake{"datadog", fail("403 Forbidden")}}, record.Query{}, sink)
	if err != nil {
		t.Fatal(err)
	}
	if failed := out.Failed(); len(failed) != 1 || failed[0].Name != "datadog" {
		t.Errorf("failed: %v", failed)
	}
	if len(sink.Crashes) != 1 || len(sink.Coverages) != 1 || sink.Coverages[0].MissingReason != "403 Forbidden" || len(sink.Warnings) != 1 || sink.Warnings[0].Code != "source_failed" {
		t.Errorf("the sink got %d crashes, coverage %+v, warnings %+v", len(sink.Crashes), sink.Coverages, sink.Warnings)
	}
}

func TestAllSourcesFailingIsAnErrorThatNamesEach(t *testing.T) {
	_, err := Run(context.Background(), []record.Collector{fake{"a", fail("x")}, fake{"b", fail("y")}}, record.Query{}, &recordtest.Sink{})
	if err == nil || err.Error() != "a: x\nb: y" {
		t.Errorf("got %v", err)
	}
	_, err = Run(context.Background(), []record.Collector{fake{"a", fail("x")}}, record.Query{}, &recordtest.Sink{})
	if err == nil || err.Error() != "x" {
		t.Errorf("one alone: got %v", err)
	}
	if _, err := Run(context.Background(), nil, record.Query{}, &recordtest.Sink{}); !errors.Is(err, ErrNoSource) {
		t.Errorf("none: got %v", err)
	}
}

func TestRecordsArriveInTheOrderOfTheCollectorsWhicheverIsFirst(t *testing.T) {
	for _, slow := range []string{"a", "b"} {
		sink := &recordtest.Sink{}
		var cs []record.Collector
		other := make(chan struct{}) // closed when the other is done
		for _, name := range []string{"a", "b"} {
			cs = append(cs, fake{name, func(ctx context.Context, s record.Sink) error {
				if name == slow {
					<-other
				} else {
					defer close(other)
				}
				return crash(name)(ctx, s)
			}})
		}
		if _, err := Run(context.Background(), cs, record.Query{}, sink); err != nil {
			t.Fatal(err)
		}
		got := []string{sink.Crashes[0].Container, sink.Crashes[1].Container}
		if d := cmp.Diff([]string{"a", "b"}, got); d != "" {
			t.Errorf("with %s slow (-want +got)\n%s", slow, d)
		}
	}
}

func TestGapsOfForksAreKept(t *testing.T) {
	c := fake{"datadog", func(_ context.Context, sink record.Sink) error {
		f := sink.Fork()
		if err := f.Cover(&record.Coverage{Source: &record.Source{Name: "datadog logs"}, Signal: "requests", Records: 7, MissingReason: "quota"}); err != nil {
			return err
		}
		if err := f.Join(); err != nil {
			return err
		}
		return sink.Cover(&record.Coverage{Signal: "memory", Records: 9})
	}}
	for _, cs := range [][]record.Collector{{c}, {c, fake{"files", crash("x")}}} {
		sink := &recordtest.Sink{}
		out, err := Run(context.Background(), cs, record.Query{}, sink)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]Gap{{Source: "datadog logs", Signal: "requests", Records: 7, Reason: "quota"}}, out.Gaps()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if len(sink.Coverages) != 2 {
			t.Errorf("the sink got %d coverage rows, want 2", len(sink.Coverages))
		}
	}
}

func TestAPanicIsTheErrorOfThatCollector(t *testing.T) {
	out, err := Run(context.Background(), []record.Collector{
		fake{"files", crash("x")}, fake{"bad", func(context.Context, record.Sink) error { panic("boom") }},
	}, record.Query{}, &recordtest.Sink{})
	if err != nil || out[1].Err == nil || !strings.HasPrefix(out[1].Err.Error(), "bad: internal error at collectors/collectors_test.go:") {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestCancellationIsTheError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Run(ctx, []record.Collector{fake{"a", func(ctx context.Context, _ record.Sink) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}}, record.Query{}, &recordtest.Sink{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// full is a sink that takes nothing, at once or, with atJoin, when its forks are joined.
type full struct {
	record.Discard
	atJoin bool
}

var errFull = errors.New("no space left on device")

func (f full) Crash(*record.Crash) error {
	if f.atJoin {
		return nil
	}
	return errFull
}

func (f full) Fork() record.Sink { return f }

func (f full) Join() error {
	if f.atJoin {
		return errFull
	}
	return nil
}

func TestAFailureOfTheSinkEndsTheRunAndIsNoSourcesFault(t *testing.T) {
	forking := func(ctx context.Context, sink record.Sink) error {
		f := sink.Fork()
		return errors.Join(crash("fork")(ctx, f), f.Join())
	}
	quiet := func(context.Context, record.Sink) error { return nil }
	// This one would go on for ever, and what it says of the end is not what happened.
	waiting := func(ctx context.Context, _ record.Sink) error {
		<-ctx.Done()
		return errors.New("the source went away")
	}
	// This one holds the error of the sink for one of its many troubles.
	forgiving := func(ctx context.Context, sink record.Sink) error {
		_ = crash("x")(ctx, sink)
		return nil
	}
	for name, c := range map[string]struct {
		sink    full
		collect []func(context.Context, record.Sink) error
	}{
		"one alone":         {full{}, []func(context.Context, record.Sink) error{crash("x")}},
		"while another is":  {full{}, []func(context.Context, record.Sink) error{crash("x"), waiting}},
		"in a fork":         {full{}, []func(context.Context, record.Sink) error{forking, waiting}},
		"passed over":       {full{}, []func(context.Context, record.Sink) error{forgiving, quiet}},
		"when it is joined": {full{atJoin: true}, []func(context.Context, record.Sink) error{crash("x"), quiet}},
	} {
		var cs []record.Collector
		for _, f := range c.collect {
			cs = append(cs, fake{"source", f})
		}
		if _, err := Run(t.Context(), cs, record.Query{}, c.sink); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v, want the error of the sink and nothing else", name, err)
		}
	}
}
