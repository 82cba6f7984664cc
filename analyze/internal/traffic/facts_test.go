package traffic_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// TestFactsAreMeasuredBeforeAnythingIsJudged: which requests never ended, which of them were open at a death, when connections broke at once,
// and what was answered meanwhile, from records alone.
func TestFactsAreMeasuredBeforeAnythingIsJudged(t *testing.T) {
	const noon = record.Time(1_795_176_000_000_000_000)
	src := &record.Source{Name: "router.log", Format: "heroku-router"}
	sink := intake.New(intake.Options{})
	defer sink.Close()
	line := int64(0)
	put := func(container, path string, start record.Time, took time.Duration, outcome record.Outcome) {
		line++
		r := record.Request{Pos: record.Pos{Source: src, Line: line}, Layer: record.LayerRouter, Phase: record.Completed, Outcome: outcome, Start: start, End: start.Add(took), Status: 200,
			Method: []byte("GET"), Path: []byte(path), ID: fmt.Appendf(nil, "r-%d", line), Container: []byte(container)}
		if err := sink.Request(&r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 7200 { // two hours before the death, one request a second
		put(fmt.Sprintf("web.%d", i%2+1), "/health", noon.Add(time.Duration(i-7200)*time.Second), 20*time.Millisecond, record.Answered)
	}
	died := noon.Add(time.Second)
	put("web.1", "/export", died.Add(-40*time.Second), 40*time.Second, record.Cut)
	put("web.1", "/users", died.Add(-2*time.Second), 2*time.Second, record.Cut)
	put("web.1", "/users", died.Add(-time.Second), time.Second, record.Cut)
	put("web.2", "/users", died.Add(-time.Second), time.Second, record.Cut) // a client's own
	if err := sink.Crash(&record.Crash{Pos: record.Pos{Source: src, Line: 1}, Time: died.Add(time.Second), Container: "web.1", Kind: record.CrashOOMKill, Exited: true, ExitCode: 137}); err != nil {
		t.Fatal(err)
	}
	ev, err := sink.Finish()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := traffic.New(ev, traffic.Asked{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tr.Measure()
	if err != nil {
		t.Fatal(err)
	}
	export := slices.Index(tr.Endpoints.Names, "GET /export")
	if len(tr.Life.Deaths) != 1 || tr.Deaths.At[0] != died || export <= 0 {
		t.Fatalf("%d deaths, on the clock of the requests at %v; endpoints %v", len(tr.Life.Deaths), tr.Deaths.At, tr.Endpoints.Names)
	}
	var open []string
	for i := range tr.Pending {
		if p := &tr.Pending[i]; p.Death == 0 {
			open = append(open, tr.Endpoints.Names[p.Endpoint]+" on "+tr.Containers.Names[p.Container])
		}
	}
	if want := []string{"GET /export on web.1", "GET /users on web.1", "GET /users on web.1"}; !slices.Equal(open, want) {
		t.Errorf("open at the death: %q, want %q", open, want)
	}
	if breaks := tr.Breaks(); len(breaks) != 1 || breaks[0].At != died || len(breaks[0].Requests) != 3 {
		t.Errorf("%+v", breaks)
	}
	if m.Counts.Total != 7204 || m.Counts.PerEndpoint[export] != 1 || m.Counts.Failed != 4 {
		t.Errorf("%+v", m.Counts)
	}
	while, err := tr.AnsweredMeanwhile([]int{0}, export)
	if err != nil || len(while) != 1 || while[0].Answered < 15 || while[0].Usual < 15 {
		t.Errorf("meanwhile %+v, %v", while, err)
	}
	// At quiet moments none of it was open so long.
	controls, _, err := tr.Controls(map[int]float64{export: 30}, nil)
	if c := controls[export]; err != nil || c.With != 0 || c.Total < 100 {
		t.Errorf("%+v, %v", c, err)
	}
	if a, err := tr.ArrivedIn(life.Span{From: noon.Add(-time.Hour), To: noon.Add(-time.Hour / 2)}); err != nil || a.Total != 1801 || a.Before != 1800 {
		t.Errorf("%+v, %v", a, err)
	}
}
