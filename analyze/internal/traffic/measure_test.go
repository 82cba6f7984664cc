package traffic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// TestMostRequestsNeedNoOrder: what is counted as it lies is what a pass in the order of time counts, whatever lies where: deaths of some
// containers and none of others, requests that last for hours, that were not answered, lines read twice, requests without ids.
func TestMostRequestsNeedNoOrder(t *testing.T) {
	const morning = record.Time(1_795_161_600_000_000_000)
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 4))
		hours := []int{3, 40}[seed%2]
		long := time.Duration(hours) * time.Hour
		src := &record.Source{Name: "router.log", Format: "heroku-router"}
		a := intake.New(intake.Options{})
		at := func() record.Time { return morning.Add(time.Duration(rng.Int64N(int64(long)))) }
		for range rng.IntN(6) {
			_ = a.Crash(&record.Crash{Pos: record.Pos{Source: src, Line: 1}, Time: at(), Container: fmt.Sprintf("web.%d", rng.IntN(3)), Exited: true, ExitCode: 137, Kind: record.CrashOOMKill})
		}
		if seed%3 == 0 {
			for i := range 20 {
				_ = a.Sample(&record.Sample{Pos: record.Pos{Source: src}, Time: morning.Add(time.Duration(i) * long / 20), Metric: record.RSS, Value: 1e8, Container: "web.1"})
			}
		}
		for i := range 20_000 {
			r := record.Request{Pos: record.Pos{Source: src, Line: int64(i + 1)}, Layer: record.LayerRouter, Outcome: record.Answered, Start: at(), Status: 200 + 300*(rng.IntN(50)/49),
				Method: []byte("GET"), Path: fmt.Appendf(nil, "/%c", 'a'+rng.IntN(5)), Container: fmt.Appendf(nil, "web.%d", rng.IntN(8))}
			if rng.IntN(4) > 0 {
				r.ID = fmt.Appendf(nil, "%x", rng.Uint64())
			}
			took := time.Duration(rng.ExpFloat64() * 2e8)
			switch rng.IntN(200) {
			case 0:
				took = time.Duration(rng.Int64N(int64(long)))
			case 1:
				took *= 20
			case 2:
				r.Outcome = record.Outcome(rng.IntN(int(record.Refused) + 1))
			}
			r.End = r.Start.Add(took)
			_ = a.Request(&r)
			if seed > 8 && rng.IntN(3000) == 0 {
				_ = a.Request(&r)
			}
		}
		ev, err := a.Finish()
		if err != nil {
			t.Fatal(err)
		}
		tr := &Traffic{Evidence: ev}
		if err := tr.prepare(); err != nil {
			t.Fatal(err)
		}
		tr.lives()
		measured := func(page func(*measuring, *reqlog.Page)) *measuring {
			m := tr.newMeasuring()
			if err := ev.Log.EachUnsorted(func(p *reqlog.Page) { page(m, p) }); err != nil {
				t.Fatal(err)
			}
			return m
		}
		got := measured((*measuring).page)
		want := measured(func(m *measuring, p *reqlog.Page) {
			p.Sort()
			m.t.linesOf(p, countedLines, m.line)
		})
		if want.out.Counts.Total < 19_000 || len(want.out.Slow) == 0 {
			t.Fatalf("seed %d: %d requests, %d slow ones", seed, want.out.Counts.Total, len(want.out.Slow))
		}
		of := func(m *measuring) map[string]any {
			slow := slices.Clone(m.out.Slow)
			slices.SortFunc(slow, func(a, b SlowRequest) int { return int(a.Line) - int(b.Line) })
			rows := map[pair][]float64{}
			if m.cells != nil {
				m.cells.each(func(e, c uint32, row []float64) { rows[pair{e, c}] = row })
			}
			return map[string]any{"open": m.open, "by hour": m.openByHour, "durations": m.out.Base.Durations, "cases": m.gathered, "load": m.out.Load.Steps, "requests": m.out.Counts.PerEndpoint, "total": m.out.Counts.Total,
				"slow": slow, "errors": m.out.Counts.ServerErrors, "serves": m.out.Serves, "latency": m.out.Latency.all, "last minute": m.out.LastMinute, "cells": rows}
		}
		if diff := cmp.Diff(of(want), of(got), cmp.AllowUnexported(caseRequests{}, SlowRequest{}, pair{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("seed %d: in order (-) and as they lie (+):\n%s", seed, diff)
		}
	}
}
