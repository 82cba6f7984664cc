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

// appWorld is an application log of four containers over two hours: every request logs its start and its end.
type appWorld struct {
	r    *recorder
	rng  *rand.Rand
	src  *record.Source
	line int64
	ids  bool
}

func newAppWorld(ids bool) *appWorld {
	return newAppWorldBut(ids, func(string, record.Time, record.Time) bool { return false })
}

// newAppWorldBut leaves out some of the ordinary requests.
func newAppWorldBut(ids bool, skip func(container string, start, end record.Time) bool) *appWorld {
	w := &appWorld{r: &recorder{}, rng: rand.New(rand.NewPCG(5, 5)), src: &record.Source{Name: "app.ndjson", Format: "pino"}, ids: ids}
	for i := range 8000 {
		at := dawn.Add(time.Duration(i) * 900 * time.Millisecond)
		container, path, dur := fmt.Sprintf("web-%d", 1+i%4), fmt.Sprintf("/ordinary/%c", 'a'+w.rng.IntN(20)), time.Duration(20+w.rng.IntN(400))*time.Millisecond
		if !skip(container, at, at.Add(dur)) {
			w.request(container, "GET", path, fmt.Sprintf("r%d", i), at, dur)
		}
	}
	return w
}

func (w *appWorld) request(container, method, path, id string, at record.Time, dur time.Duration) {
	w.line++
	q := record.Request{Pos: record.Pos{Source: w.src, Line: w.line}, Layer: record.LayerApp, Phase: record.Started, Start: at, End: at, Method: []byte(method), Path: []byte(path), Container: []byte(container)}
	if w.ids {
		q.ID = []byte(id)
	}
	_ = w.r.Request(&q)
	if dur < 0 {
		return // it never ends
	}
	w.line++
	q.Pos.Line, q.Phase, q.Outcome, q.Status, q.End = w.line, record.Completed, record.Answered, 200, at.Add(dur)
	_ = w.r.Request(&q)
}

func (w *appWorld) death(container string, at record.Time) {
	w.line++
	_ = w.r.Crash(&record.Crash{Pos: record.Pos{Source: w.src, Line: w.line}, Time: at, Exited: true, ExitCode: 137, Kind: record.CrashOOMKill, Container: container})
}

// TestStartsAreTiedToTheirEnds, with ids and without, in files read in any order by any number of goroutines.
func TestStartsAreTiedToTheirEnds(t *testing.T) {
	for _, ids := range []bool{true, false} {
		t.Run(fmt.Sprintf("with ids %v", ids), func(t *testing.T) {
			w := newAppWorld(ids)
			for i, c := range []string{"web-1", "web-2", "web-3"} {
				at := dawn.Add(time.Duration(30+20*i) * time.Minute)
				w.request(c, "POST", "/import", fmt.Sprintf("k%d", i), at.Add(-50*time.Second), -1)
				w.death(c, at)
			}
			// Elsewhere the same endpoint does its work.
			for i := range 10 {
				w.request("web-4", "POST", "/import", fmt.Sprintf("i%d", i), dawn.Add(time.Duration(10*i)*time.Minute), 3*time.Second)
			}
			want := concluded(t, analyze.Options{}, inOrder(w.r.items))
			if v := want.Verdict; v.Endpoint == nil || *v.Endpoint != "POST /import" || v.Cause != finding.RequestBurst {
				t.Fatal(brief(want))
			}
			for _, c := range want.Crashes {
				if c.Requests == nil || c.Requests.Open != 1 {
					t.Errorf("crash %s: %+v, want one open", c.ID, c.Requests)
				}
			}
			if ex := want.Suspects[0].Examples; len(ex) != 3 || ex[0].Seconds != 50 || ex[0].Path != "/import" {
				t.Errorf("examples %+v", ex)
			}
			for seed := range uint64(3) {
				if diff := differs(t, want, concluded(t, analyze.Options{}, dealt(shuffled(w.r.items, seed), 4, seed))); diff != "" {
					t.Errorf("seed %d: %s", seed, diff)
				}
			}
		})
	}
}

// TestARequestMayKeepItsIDWhereItIsTriedAgain: what ends on the last container has not ended on those that it killed.
func TestARequestMayKeepItsIDWhereItIsTriedAgain(t *testing.T) {
	w := newAppWorld(true)
	for i, c := range []string{"web-1", "web-2", "web-3"} {
		at := dawn.Add(time.Duration(60+3*i) * time.Minute)
		w.request(c, "POST", "/import", "one-trace", at.Add(-50*time.Second), -1)
		w.death(c, at)
	}
	w.request("web-4", "POST", "/import", "one-trace", dawn.Add(70*time.Minute), 2*time.Second)
	r := concluded(t, analyze.Options{}, inOrder(w.r.items))
	open := 0
	for _, c := range r.Crashes {
		if c.Requests != nil {
			open += c.Requests.Open
		}
	}
	if open != 3 || r.Verdict.Endpoint == nil || *r.Verdict.Endpoint != "POST /import" {
		t.Errorf("%d of 3 are open at the deaths\n%s", open, brief(r))
	}
}

// TestTheLastLineOfTheEvidenceMayBeAStart: the window reaches as far as what is seen.
func TestTheLastLineOfTheEvidenceMayBeAStart(t *testing.T) {
	for _, ids := range []bool{true, false} {
		w := newAppWorld(ids)
		last := dawn.Add(3 * time.Hour)
		w.request("web-1", "POST", "/import", "last", last, -1)
		if r := concluded(t, analyze.Options{}, inOrder(w.r.items)); !r.Window.To.Equal(last.Std()) {
			t.Errorf("ids %v: the window ends at %v, the last line is of %v", ids, r.Window.To, last.Std())
		}
	}
}

// TestAnApplicationAloneTellsOfItsDeaths: its log is all there is, and a process that is killed says nothing.
func TestAnApplicationAloneTellsOfItsDeaths(t *testing.T) {
	listens := func(w *appWorld, container string, at record.Time) {
		w.line++
		_ = w.r.Lifecycle(&record.Lifecycle{Pos: record.Pos{Source: w.src, Line: w.line}, Time: at, Kind: record.Up, Reason: record.Listening, Container: container, ExitCode: -1, Text: "Server listening at 8080"})
	}
	ends := []struct {
		container string
		at        time.Duration
	}{{"web-1", 30 * time.Minute}, {"web-2", 50 * time.Minute}, {"web-1", 80 * time.Minute}}
	quiet := func() *appWorld { // nothing is answered on a container in the minute before it ends
		return newAppWorldBut(true, func(container string, start, end record.Time) bool {
			for _, e := range ends {
				if container == e.container && end > dawn.Add(e.at-time.Minute) && start < dawn.Add(e.at) {
					return true
				}
			}
			return false
		})
	}
	t.Run("one request at each end", func(t *testing.T) {
		w := quiet()
		for i, e := range ends {
			w.request(e.container, "POST", "/import", fmt.Sprintf("k%d", i), dawn.Add(e.at-time.Minute), -1)
			listens(w, e.container, dawn.Add(e.at))
		}
		r := concluded(t, analyze.Options{}, inOrder(w.r.items))
		if v := r.Verdict; v.Endpoint == nil || *v.Endpoint != "POST /import" || v.Grade != finding.Likely || len(r.Crashes) != 3 {
			t.Error(brief(r))
		}
	})
	t.Run("nothing open at the ends", func(t *testing.T) {
		w := quiet()
		for _, e := range ends {
			listens(w, e.container, dawn.Add(e.at))
		}
		r := concluded(t, analyze.Options{}, inOrder(w.r.items))
		if v := r.Verdict; v.Cause != finding.Undetermined || v.Grade != finding.Insufficient || len(r.Crashes) != 0 || len(r.Restarts) != 3 {
			t.Error(brief(r))
		}
	})
	t.Run("a port that is opened late", func(t *testing.T) {
		w := newAppWorld(true)
		for _, e := range ends {
			w.request(e.container, "GET", "/stream", "s"+e.at.String(), dawn.Add(e.at-5*time.Second), 10*time.Second)
			listens(w, e.container, dawn.Add(e.at))
		}
		r := concluded(t, analyze.Options{}, inOrder(w.r.items))
		if v := r.Verdict; v.Cause != finding.None || len(r.Restarts) != 0 {
			t.Error(brief(r))
		}
	})
}

// TestWhereAllThatBeganEnded the log has starts nevertheless, and nobody is told to log them.
func TestWhereAllThatBeganEnded(t *testing.T) {
	w := newAppWorld(true)
	for i, c := range []string{"web-1", "web-2", "web-3"} {
		w.death(c, dawn.Add(time.Duration(30+20*i)*time.Minute+500*time.Millisecond))
	}
	r := concluded(t, analyze.Options{}, inOrder(w.r.items))
	if r.Verdict.Endpoint != nil || strings.Contains(r.Verdict.Summary, "only finished requests are logged") {
		t.Error(r.Verdict.Summary)
	}
	for _, a := range r.Actions {
		if a.Rule == "evidence.starts" {
			t.Errorf("advice: %s", a.Text)
		}
	}
}
