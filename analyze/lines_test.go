package analyze_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/evidence"
	"lastcall/collectors/record"
)

// talking is a service of four containers that log while they work, for four hours, and some of which die without a word.
type talking struct {
	seed   uint64
	deaths []death
	// says makes the lines of a container whose deaths those are, beside what all containers log at random.
	says func(say func(at time.Duration, text string), r *rand.Rand, container int, deaths []time.Duration)
}

type death struct {
	container int
	at        time.Duration
}

const talkingFor = 4 * time.Hour

func (w talking) report(t *testing.T) *finding.Report {
	t.Helper()
	r := rand.New(rand.NewPCG(w.seed, 1))
	src := &record.Source{Name: "app.log", Format: "text"}
	return look(t, analyze.Options{}, func(s record.Sink) {
		line := int64(0)
		for c := range 4 {
			name := fmt.Sprint("web-", c)
			var deaths []time.Duration
			for _, d := range w.deaths {
				if d.container == c {
					deaths = append(deaths, d.at)
				}
			}
			for at := time.Duration(0); at < talkingFor; at += 10 * time.Second {
				line++
				request(t, s, line, name, "/api/orders", dawn.Add(at), 40*time.Millisecond, 200, record.Answered)
			}
			say := func(at time.Duration, text string) {
				if at < 0 || at > talkingFor || slices.ContainsFunc(deaths, func(d time.Duration) bool { return at >= d && at < d+4*time.Second }) {
					return
				}
				line++
				if err := s.Message(&record.Message{Pos: record.Pos{Source: src, Line: line}, Time: dawn.Add(at), Container: []byte(name), Text: []byte(text)}); err != nil {
					t.Fatal(err)
				}
			}
			for k := range 30 { // from every half a minute to every hour
				every := 30 * time.Second << (k % 8)
				for at := time.Duration(r.Float64() * float64(every)); at < talkingFor; at += time.Duration(r.ExpFloat64() * float64(every)) {
					say(at, fmt.Sprintf("%s of %d things", strings.Repeat("work ", k+1), r.IntN(1000)))
				}
			}
			if w.says != nil {
				w.says(say, r, c, deaths)
			}
			for _, d := range deaths {
				line++
				if err := s.Crash(&record.Crash{Pos: record.Pos{Source: &record.Source{Name: "platform.log"}, Line: line}, Time: dawn.Add(d), Exited: true, ExitCode: 137, Kind: record.CrashOther, Container: name}); err != nil {
					t.Fatal(err)
				}
				said(t, s, "platform.log", int((d + 4*time.Second).Seconds()), name, record.Up, "")
			}
		}
	})
}

// before returns what the report tells of lines before deaths.
func before(r *finding.Report) (out []string) {
	for _, c := range r.Checks {
		if c.Rule == "lines.before" {
			out = append(out, c.Detail)
		}
	}
	return out
}

func fiveDeaths() []death {
	return []death{{0, 40 * time.Minute}, {1, 75 * time.Minute}, {0, 110 * time.Minute}, {2, 160 * time.Minute}, {3, 215 * time.Minute}}
}

// TestWhatIsLoggedBeforeDeathsIsTold: a job in the process that no request tells of, at its deaths and now and then.
func TestWhatIsLoggedBeforeDeathsIsTold(t *testing.T) {
	job := func(say func(time.Duration, string), r *rand.Rand, _ int, deaths []time.Duration) {
		for at := time.Duration(r.IntN(40)) * time.Minute; at < talkingFor; at += 40 * time.Minute {
			say(at, fmt.Sprintf("building digest of %d campaigns for user%d@example.org", r.IntN(100), r.IntN(100)))
		}
		for _, d := range deaths {
			say(d-time.Duration(20+r.IntN(20))*time.Second, fmt.Sprintf("building digest of %d campaigns for user%d@example.org", 4000+r.IntN(100), r.IntN(100)))
		}
	}
	w := talking{seed: 3, deaths: fiveDeaths(), says: job}
	r := w.report(t)
	if found := before(r); len(found) != 1 || !strings.Contains(found[0], "before each of 5 deaths, ") {
		t.Errorf("found %q", found)
	}
	if v := r.Verdict; v.Endpoint != nil || !strings.Contains(v.Summary, "building digest of #") {
		t.Errorf("verdict %+v", v)
	}
	told := 0
	for _, e := range r.Timeline {
		if e.Kind == finding.EventSaid {
			told++
			if e.Source != "app.log" || e.Line == 0 || !e.Observed || !strings.HasSuffix(e.Text, "logs “building digest of # campaigns for #”") {
				t.Errorf("event %+v", e)
			}
		}
	}
	if told != 5 {
		t.Errorf("%d events in the timeline, want one for each death", told)
	}
}

// TestLinesThatStandEverywhereTellNothing: what is logged all the time, by all at the deaths, at each start, as an end itself, or before too few.
func TestLinesThatStandEverywhereTellNothing(t *testing.T) {
	for name, w := range map[string]talking{
		"nothing": {seed: 1, deaths: fiveDeaths()},
		"logged every minute": {seed: 2, deaths: fiveDeaths(), says: func(say func(time.Duration, string), _ *rand.Rand, _ int, _ []time.Duration) {
			for at := time.Duration(0); at < talkingFor; at += time.Minute {
				say(at, "tick")
			}
		}},
		"logged by the living as well": {seed: 3, deaths: fiveDeaths(), says: func(say func(time.Duration, string), _ *rand.Rand, _ int, _ []time.Duration) {
			for _, d := range fiveDeaths() {
				say(d.at-30*time.Second, "the database does not answer")
			}
		}},
		"the end itself": {seed: 4, deaths: fiveDeaths(), says: func(say func(time.Duration, string), _ *rand.Rand, _ int, deaths []time.Duration) {
			for _, d := range deaths {
				say(d-100*time.Millisecond, "==== stack trace ====")
			}
		}},
		"a stop": {seed: 5, deaths: fiveDeaths(), says: func(say func(time.Duration, string), _ *rand.Rand, _ int, deaths []time.Duration) {
			for _, d := range deaths {
				say(d-10*time.Second, "SIGTERM received, shutting down")
			}
		}},
		"two deaths": {seed: 6, deaths: fiveDeaths()[:2], says: func(say func(time.Duration, string), _ *rand.Rand, _ int, deaths []time.Duration) {
			for _, d := range deaths {
				say(d-30*time.Second, "building digest")
			}
		}},
		"starts, and deaths soon after": {seed: 7, deaths: []death{{0, 40 * time.Minute}, {0, 41 * time.Minute}, {0, 42*time.Minute + time.Second}, {0, 43*time.Minute + 2*time.Second}, {0, 44*time.Minute + 5*time.Second}},
			says: func(say func(time.Duration, string), _ *rand.Rand, _ int, deaths []time.Duration) {
				say(0, "reading the configuration")
				for _, d := range deaths {
					say(d+6*time.Second, "reading the configuration")
				}
			}},
	} {
		if found := before(w.report(t)); len(found) > 0 {
			t.Errorf("%s: found %q", name, found)
		}
	}
}

// TestChanceSeldomPutsALineBeforeDeaths: deaths at random among 30 lines of all paces.
func TestChanceSeldomPutsALineBeforeDeaths(t *testing.T) {
	found, runs := 0, 60
	for seed := range uint64(runs) {
		r := rand.New(rand.NewPCG(seed, 7))
		var deaths []death
		for range 3 + r.IntN(6) {
			deaths = append(deaths, death{r.IntN(4), time.Duration(10+r.IntN(220)) * time.Minute})
		}
		if f := before(talking{seed: seed, deaths: deaths}.report(t)); len(f) > 0 {
			t.Logf("seed %d: %q", seed, f)
			found++
		}
	}
	if found > 1 { // one in a thousand is what the rule allows
		t.Errorf("found a line in %d of %d", found, runs)
	}
}

// TestOtherServicesInTheSameLogAreNoComparison: a line that is written every few minutes by those who write it at all.
func TestOtherServicesInTheSameLogAreNoComparison(t *testing.T) {
	w := talking{seed: 9, deaths: []death{{0, 40 * time.Minute}, {0, 75 * time.Minute}, {0, 110 * time.Minute}, {0, 145 * time.Minute}, {0, 180 * time.Minute}}, says: func(say func(time.Duration, string), _ *rand.Rand, container int, _ []time.Duration) {
		if container == 0 {
			for at := 4 * time.Minute; at < talkingFor; at += 5 * time.Minute {
				say(at, "flushing")
			}
		}
	}}
	if found := before(w.report(t)); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

// TestTheLogOfOneProcessAloneLeavesALead: nothing names the container, nothing tells of requests, and each life has a number of its own.
func TestTheLogOfOneProcessAloneLeavesALead(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	type line struct {
		at   time.Duration
		text string
	}
	var all []line
	for at := time.Duration(0); at < talkingFor; at += time.Duration(r.ExpFloat64() * 6e9) {
		all = append(all, line{at, []string{"cache refreshed, 5 entries", "flushing", "user 7 logged in"}[r.IntN(3)]})
	}
	pid := 100
	for k := range 12 {
		at := time.Duration(5+20*k)*time.Minute + time.Duration(r.IntN(200))*time.Second
		all = append(all, line{at, fmt.Sprintf("building digest of %d campaigns", 10*k)})
		if k%2 == 0 {
			all = append(all, line{at + 30*time.Second, fmt.Sprintf("[%d:0x5d3a]   105131 ms: Mark-Compact (reduce) 126.8 (133.6) -> 126.5 (131.6) MB, 19.95 / 0.01 ms", pid)},
				line{at + 30*time.Second, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"},
				line{at + 31*time.Second, "server is listening on port 3000"})
			pid += 13
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var text strings.Builder
	for _, l := range all {
		fmt.Fprintf(&text, "%s %s\n", dawn.Add(l.at).Std().Format("2006-01-02T15:04:05.000Z"), l.text)
	}
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	report := look(t, analyze.Options{}, func(s record.Sink) {
		if err := evidence.New(evidence.Options{Paths: []string{path}}).Collect(t.Context(), record.Query{}, s); err != nil {
			t.Fatal(err)
		}
	})
	if found := before(report); len(report.Crashes) != 6 || len(found) != 1 || !strings.Contains(found[0], "before each of 6 deaths, 30 s earlier (0.3 expected by chance), the container had logged “building digest of # campaigns”") {
		t.Errorf("%d deaths, found %q", len(report.Crashes), found)
	}
}
