package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// TestWhatAClockSendsIsComparedAtItsStrokes: a light call comes each half hour, and something else kills a container at the full hour. At
// quiet moments neither is there, so the two seem to go together; at the strokes of the clock the call is no rarer where nobody died.
func TestWhatAClockSendsIsComparedAtItsStrokes(t *testing.T) {
	const containers, hours = 3, 15
	for name, c := range map[string]struct {
		kills    bool // the call kills, else what kills picks anyone
		endpoint bool
	}{
		"something else kills":  {false, false},
		"the call itself kills": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 12))
			router := &record.Source{Name: "router.log", Format: "scalingo-router"}
			with := 0
			r := look(t, analyze.Options{}, func(s record.Sink) {
				line := int64(0)
				give := func(container int, path string, at record.Time, took time.Duration, out record.Outcome) {
					line++
					served(t, s, router, line, fmt.Sprintf("web-%d", container), path, fmt.Sprint("r", line), at, took, out)
				}
				from := record.Time(dawn.Std().Truncate(time.Hour).UnixNano())
				for i := range hours * 3600 {
					give(i%containers, fmt.Sprintf("/ordinary/%c", 'a'+rng.IntN(20)), from.Add(time.Duration(i)*time.Second), time.Duration(20+rng.IntN(300))*time.Millisecond, record.Answered)
				}
				for half := 1; half < 2*hours; half++ {
					at := from.Add(time.Duration(half) * 30 * time.Minute)
					on := rng.IntN(containers)
					victim := rng.IntN(containers)
					if c.kills {
						victim = on
					}
					died := at.Add(8*time.Second + time.Duration(rng.IntN(3000))*time.Millisecond)
					deadly := half%2 == 0
					if deadly && on == victim {
						with++
						give(on, "/cron/tidy", at, died.Sub(at), record.Cut)
					} else {
						give(on, "/cron/tidy", at, 16*time.Second, record.Answered)
					}
					if deadly {
						_ = s.Crash(&record.Crash{Time: died, Exited: true, ExitCode: 137, Kind: record.CrashOOMKill, Container: fmt.Sprintf("web-%d", victim)})
					}
				}
			})
			if with < 4 {
				t.Fatalf("the call was there at %d deaths: the test asks nothing", with)
			}
			if accused := r.Verdict.Endpoint != nil; accused != c.endpoint {
				t.Fatal(brief(r))
			}
			against := false
			for _, check := range r.Checks {
				against = against || check.Rule == "rival.same-stroke"
			}
			if against == c.endpoint {
				t.Errorf("the comparison at the strokes stands against it: %v\n%s", against, brief(r))
			}
		})
	}
}
