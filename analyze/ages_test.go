package analyze_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// generations gives three containers that die again and again, each life ages[i] long, with an export of eight seconds open at each death
// that is answered every so often as well.
func generations(t *testing.T, answeredEvery time.Duration, age func(life int) time.Duration, kind record.CrashKind) func(record.Sink) {
	return func(s record.Sink) {
		line := int64(0)
		serve := func(container, path string, start record.Time, dur time.Duration, out record.Outcome) {
			line++
			served(t, s, routerLog, line, container, path, fmt.Sprint("r", line), start, dur, out)
		}
		n := 0
		for w := range 3 {
			web := fmt.Sprintf("web-%d", w+1)
			at := dawn.Add(time.Duration(w) * 70 * time.Second)
			if err := s.Lifecycle(&record.Lifecycle{Time: at, Container: web, Kind: record.Starting}); err != nil {
				t.Fatal(err)
			}
			for range 4 {
				end := at.Add(age(n))
				n++
				for i := 0; at.Add(time.Duration(i)*time.Second) < end.Add(-time.Second); i++ {
					serve(web, []string{"/api/orders", "/api/products", "/api/carts"}[i%3], at.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Answered)
				}
				for x := at.Add(answeredEvery / 2); x < end.Add(-20*time.Second); x = x.Add(answeredEvery) {
					serve(web, "/api/export", x, 3*time.Second, record.Answered)
				}
				serve(web, "/api/export", end.Add(-8*time.Second), 8*time.Second, record.Cut)
				k := killed(web, end)
				if k.Kind = kind; kind == record.CrashExit {
					k.ExitCode = 1
				}
				if err := s.Crash(k); err != nil {
					t.Fatal(err)
				}
				at = end.Add(10 * time.Second)
				if err := s.Lifecycle(&record.Lifecycle{Time: at, Container: web, Kind: record.Starting}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestWhatComesAtTheEndOfEqualLivesIsNotAccused: where each process dies at the same age, a request that it answers at other times may be
// the last straw only. Where lives end at any age, or the request never was answered, it is the culprit.
func TestWhatComesAtTheEndOfEqualLivesIsNotAccused(t *testing.T) {
	equal := func(n int) time.Duration { return 900*time.Second + time.Duration(n*7%5*17)*time.Second }
	any := func(n int) time.Duration { return 200*time.Second + time.Duration(n*7%12*160)*time.Second }
	for name, c := range map[string]struct {
		every   time.Duration
		age     func(int) time.Duration
		kind    record.CrashKind
		accused bool
	}{
		"equal lives":                {5 * time.Minute, equal, record.CrashOOMKill, false},
		"lives of any length":        {5 * time.Minute, any, record.CrashOOMKill, true},
		"equal, and answered seldom": {5 * time.Hour, equal, record.CrashOOMKill, true},
		"equal lives, by an error":   {5 * time.Minute, equal, record.CrashExit, false},
		"any length, by an error":    {5 * time.Minute, any, record.CrashExit, true},
		"equal lives, by a probe":    {5 * time.Minute, equal, record.CrashHealthCheck, false},
	} {
		r := look(t, analyze.Options{}, generations(t, c.every, c.age, c.kind))
		v := r.Verdict
		said := slices.ContainsFunc(r.Checks, func(x finding.Check) bool { return x.Rule == "rival.ages" })
		if (v.Endpoint != nil && *v.Endpoint == "GET /api/export") != c.accused {
			t.Errorf("%s: %s (%s): %s", name, v.Cause, v.Grade, v.Summary)
		}
		if equals := strings.HasPrefix(name, "equal"); said != equals {
			t.Errorf("%s: ages are spoken of: %v", name, said)
		}
		if !c.accused && !strings.Contains(v.Summary, "after the start: 9 lives") {
			t.Errorf("%s: %s", name, v.Summary)
		}
	}
}

// straws gives three containers that die again and again with an export open that mostly does no harm: kills says of the n-th call on a
// container that has lived so long whether it is the last.
func straws(t *testing.T, kills func(n int, age time.Duration) bool) func(record.Sink) {
	return func(s record.Sink) {
		line := int64(0)
		serve := func(container, path string, start record.Time, dur time.Duration, out record.Outcome) {
			line++
			served(t, s, routerLog, line, container, path, fmt.Sprint("r", line), start, dur, out)
		}
		n := 0
		for w := range 3 {
			web := fmt.Sprintf("web-%d", w+1)
			at := dawn.Add(time.Duration(w) * 7 * time.Minute)
			for began := at; at < dawn.Add(8*time.Hour); at = at.Add(time.Second) {
				serve(web, []string{"/api/orders", "/api/products", "/api/carts"}[int(at/1e9)%3], at, 50*time.Millisecond, record.Answered)
				if at.Sub(dawn)/time.Second%373 != time.Duration(w*120) {
					continue
				}
				if n++; !kills(n, at.Sub(began)) {
					serve(web, "/api/export", at, 9*time.Second, record.Answered)
					continue
				}
				serve(web, "/api/export", at, 8*time.Second, record.Cut)
				if err := s.Crash(killed(web, at.Add(8*time.Second))); err != nil {
					t.Fatal(err)
				}
				began = at.Add(20 * time.Second)
				if err := s.Lifecycle(&record.Lifecycle{Time: began, Container: web, Kind: record.Starting}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestWhatKillsOldContainersOnlyIsNotAccused: a request that kills by itself does so at any age of its container, one that comes when memory
// is full already at none but a high one.
func TestWhatKillsOldContainersOnlyIsNotAccused(t *testing.T) {
	for name, c := range map[string]struct {
		kills   func(n int, age time.Duration) bool
		accused bool
	}{
		"only the old, not all at one age": {func(n int, age time.Duration) bool { return age > 70*time.Minute && n*7%5 < 2 }, false},
		"at any age":                       {func(n int, _ time.Duration) bool { return n*11%17 < 3 }, true},
		"nearly each":                      {func(n int, _ time.Duration) bool { return n%5 != 0 && n > 6 }, true},
	} {
		v := look(t, analyze.Options{}, straws(t, c.kills)).Verdict
		if (v.Endpoint != nil && *v.Endpoint == "GET /api/export") != c.accused {
			t.Errorf("%s: %s (%s): %s", name, v.Cause, v.Grade, v.Summary)
		}
	}
}

// TestTheLastStrawOfTwoGenerations: four containers fill up together, twice, at ages that differ. What different callers had sent when each was
// full, and sent all the while without harm, is the last straw; of one caller's tries that cannot be told.
func TestTheLastStrawOfTwoGenerations(t *testing.T) {
	ages := []int{1500, 1760, 2110, 2130, 1420, 2500, 2150, 2590} // seconds, as recorded in a fleet that leaked
	for name, c := range map[string]struct {
		caller func(death int) string
		most   finding.Grade
	}{
		"different callers": {func(d int) string { return fmt.Sprintf("user-%d", d) }, finding.Possible},
		"one caller":        {func(int) string { return "user-7" }, finding.Conclusive},
	} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			line := int64(0)
			give := func(container, path, user string, at record.Time, took time.Duration, out record.Outcome) {
				line++
				if err := s.Request(&record.Request{Pos: record.Pos{Source: routerLog, Line: line}, Layer: record.LayerRouter, Outcome: out, Start: at, End: at.Add(took), Status: 200,
					Method: []byte("GET"), Path: []byte(path), Container: []byte(container), User: []byte(user)}); err != nil {
					t.Fatal(err)
				}
			}
			for w := range 4 {
				web, at := fmt.Sprintf("web-%d", w+1), dawn.Add(time.Duration(w)*2*time.Second)
				for life := range 2 {
					if err := s.Lifecycle(&record.Lifecycle{Time: at, Container: web, Kind: record.Up}); err != nil {
						t.Fatal(err)
					}
					end := at.Add(time.Duration(ages[4*life+w]) * time.Second)
					for x, i := at, 0; x < end.Add(-time.Second); x, i = x.Add(2*time.Second), i+1 {
						give(web, []string{"/orders", "/products", "/carts"}[i%3], fmt.Sprintf("user-%d", 100+i%50), x, 60*time.Millisecond, record.Answered)
					}
					for x, i := at.Add(30*time.Second), 0; x < end.Add(-60*time.Second); x, i = x.Add(50*time.Second), i+1 {
						give(web, "/history", fmt.Sprintf("user-%d", 100+i%50), x, 1200*time.Millisecond, record.Answered)
					}
					give(web, "/history", c.caller(4*life+w), end.Add(-9*time.Second), 9*time.Second, record.Cut)
					if err := s.Crash(killed(web, end)); err != nil {
						t.Fatal(err)
					}
					at = end.Add(4 * time.Second)
				}
			}
		})
		if r.Verdict.Grade.Rank() > c.most.Rank() || c.most == finding.Conclusive && r.Verdict.Endpoint == nil {
			t.Errorf("%s: %s, %s: %s", name, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}
