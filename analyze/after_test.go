package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// errorsAfter gives three containers that die of an error six times each. before is called for each death, to add requests.
func errorsAfter(t *testing.T, kind record.CrashKind, layer record.Layer, every bool, before func(serve func(path string, ago, dur time.Duration, out record.Outcome))) func(record.Sink) {
	return func(s record.Sink) {
		line := int64(0)
		rng := rand.New(rand.NewPCG(3, 3))
		serve := func(container, path string, start record.Time, dur time.Duration, out record.Outcome) {
			line++
			r := &record.Request{Pos: record.Pos{Source: routerLog, Line: line}, Layer: layer, Outcome: out, Start: start, End: start.Add(dur), Method: []byte("GET"),
				Path: []byte(path), ID: fmt.Append(nil, "r", line), Container: []byte(container)}
			if err := s.Request(r); err != nil {
				t.Fatal(err)
			}
		}
		for w := range 3 {
			web := fmt.Sprintf("web-%d", w+1)
			died := map[int]bool{}
			for n := range 6 {
				died[1500*(n+1)+(n*n*211+w*487)%900] = true
			}
			for i := range 5 * 3600 {
				at := dawn.Add(time.Duration(i) * time.Second)
				serve(web, []string{"/api/orders", "/api/products", "/api/carts"}[i*7%3], at, 50*time.Millisecond, record.Answered)
				if every && i%97 == 40 || !every && rng.IntN(97) == 0 {
					serve(web, "/api/import", at, 300*time.Millisecond, record.Answered)
				}
				if !died[i] {
					continue
				}
				before(func(path string, ago, dur time.Duration, out record.Outcome) {
					serve(web, path, at.Add(-ago-dur), dur, out)
				})
				k := killed(web, at)
				k.Kind, k.ExitCode, k.Signal = kind, 1, ""
				if err := s.Crash(k); err != nil {
					t.Fatal(err)
				}
				if err := s.Lifecycle(&record.Lifecycle{Time: at.Add(500 * time.Millisecond), Container: web, Kind: record.Starting}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestAnErrorAfterTheAnswerIsOfItsRequest: what a request leaves running may end the process when nothing is open any more.
func TestAnErrorAfterTheAnswerIsOfItsRequest(t *testing.T) {
	type serve = func(path string, ago, dur time.Duration, out record.Outcome)
	imported := func(s serve) { s("/api/import", 400*time.Millisecond, 300*time.Millisecond, record.Answered) }
	for name, c := range map[string]struct {
		kind     record.CrashKind
		layer    record.Layer
		before   func(serve)
		want     string
		answered bool
		every    bool // asked at a set pace
	}{
		"answered just before":                       {record.CrashException, record.LayerRouter, imported, "GET /api/import", true, false},
		"and by a signal":                            {record.CrashSegfault, record.LayerRouter, imported, "GET /api/import", true, false},
		"nothing in particular before":               {record.CrashException, record.LayerRouter, func(serve) {}, "", false, false},
		"only finished requests are logged":          {record.CrashException, record.LayerApp, imported, "", false, false},
		"what is busy is answered before everything": {record.CrashException, record.LayerRouter, func(s serve) { s("/api/orders", 3*time.Second, 50*time.Millisecond, record.Answered) }, "", false, false},
		"two always come together": {record.CrashException, record.LayerRouter, func(s serve) {
			imported(s)
			s("/api/preview", 450*time.Millisecond, 100*time.Millisecond, record.Answered)
			s("/api/upload", 450*time.Millisecond, 100*time.Millisecond, record.Answered)
		}, "", false, false},
		"another was open": {record.CrashException, record.LayerRouter, func(s serve) {
			s("/api/form", 8*time.Second, 300*time.Millisecond, record.Answered)
			s("/api/report", 0, 7*time.Second, record.Cut)
		}, "GET /api/report", false, false},
		"asked at a set pace": {record.CrashException, record.LayerRouter, imported, "", false, true},
		"killed for memory":   {record.CrashOOMKill, record.LayerRouter, imported, "", false, false},
	} {
		r := look(t, analyze.Options{}, errorsAfter(t, c.kind, c.layer, c.every, c.before))
		got := ""
		if r.Verdict.Endpoint != nil {
			got = *r.Verdict.Endpoint
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q: %s (%s): %s", name, got, c.want, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
		if said := strings.Contains(r.Verdict.Summary, "after its answer"); said != c.answered {
			t.Errorf("%s: %s", name, r.Verdict.Summary)
		}
		if c.answered && (r.Verdict.Cause != finding.RequestCrash || r.Verdict.Grade != finding.Likely) {
			t.Errorf("%s: %s, %s", name, r.Verdict.Cause, r.Verdict.Grade)
		}
	}
}
