package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/analyze/finding"
)

// workerDrain is what Heroku drains of four Sidekiq workers in six hours, on which every run of the job named killer ends in a kill for memory
// after half a minute, and kills come besides at so many random instants. It returns how often a worker died.
func workerDrain(seed uint64, killer string, random int) (drain string, deaths int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	begin := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	type line struct {
		at   float64
		text string
	}
	var lines []line
	say := func(at float64, from, text string) {
		lines = append(lines, line{at, begin.Add(time.Duration(at*1e9)).Format("2006-01-02T15:04:05.000000+00:00") + " " + from + ": " + text + "\n"})
	}
	const span, workers = 6 * 3600.0, 4
	jobs := []struct {
		name       string
		rate, took float64 // runs a second of a worker, seconds
	}{{"MailJob", 0.2, 0.4}, {"ThumbnailJob", 0.1, 2}, {"SyncJob", 0.02, 20}, {"Reports::AnnualJob", 0.0004, 40}, {"CleanupJob", 0.0004, 60}}
	for w := 1; w <= workers; w++ {
		dyno := fmt.Sprintf("[worker.%d]", w)
		type run struct {
			name       string
			start, end float64
		}
		var runs []run
		var kills []float64
		for _, j := range jobs {
			for at := rng.ExpFloat64() / j.rate; at < span; at += rng.ExpFloat64() / j.rate {
				r := run{j.name, at, at + j.took*math.Exp(rng.NormFloat64()/2)}
				if j.name == killer {
					kills = append(kills, at+30)
					r.end = math.Inf(1)
				}
				runs = append(runs, r)
			}
		}
		for range random {
			kills = append(kills, rng.Float64()*span)
		}
		slices.Sort(kills)
		kills = slices.CompactFunc(kills, func(later, earlier float64) bool { return later-earlier < 60 }) // what was open died of the first
		dead := func(from, to float64) bool {                                                              // whether a kill, or the ten seconds until the next life, lie in a stretch
			return slices.ContainsFunc(kills, func(k float64) bool { return from < k+10 && to >= k })
		}
		for i, r := range runs {
			if dead(r.start, r.start) {
				continue
			}
			context := fmt.Sprintf("pid=4 tid=a%d class=%s jid=%d%06d", i%5, r.name, w, i)
			say(r.start, "app"+dyno, context+" INFO: start")
			if !dead(r.start, r.end) {
				say(r.end, "app"+dyno, fmt.Sprintf("%s elapsed=%.3f INFO: done", context, r.end-r.start))
			}
		}
		for _, k := range kills {
			say(k-1, "heroku"+dyno, "Process running mem=1040M(203.1%)")
			say(k-1, "heroku"+dyno, "Error R15 (Memory quota vastly exceeded)")
			say(k-0.5, "heroku"+dyno, "Stopping process with SIGKILL")
			say(k, "heroku"+dyno, "Process exited with status 137")
			say(k+0.1, "heroku"+dyno, "State changed from up to crashed")
			say(k+8, "heroku"+dyno, "State changed from starting to up")
		}
		deaths += len(kills)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text)
	}
	return b.String(), deaths
}

// TestTheJobThatKillsItsWorkerIsNamed: workers that serve no request at all die with one job open, or with none in particular.
func TestTheJobThatKillsItsWorkerIsNamed(t *testing.T) {
	for seed := range uint64(5) {
		for _, c := range []struct {
			killer, want string
			random       int
		}{
			{"Reports::AnnualJob", "JOB /Reports::AnnualJob", 0},
			{"", "", 8},
		} {
			drain, deaths := workerDrain(seed, c.killer, c.random)
			var got struct {
				Verdict finding.Verdict
				Crashes []struct{}
			}
			r := runIn(t, nil, "investigate", write(t, filepath.Join(t.TempDir(), "heroku.log"), drain), "--format", "json", "--quiet")
			if err := json.Unmarshal([]byte(r.out), &got); err != nil {
				t.Fatalf("%v: %s", err, r.errOut)
			}
			if len(got.Crashes) != deaths {
				t.Errorf("seed %d, killer %q: %d crashes of %d", seed, c.killer, len(got.Crashes), deaths)
			}
			sure := got.Verdict.Grade == finding.Likely || got.Verdict.Grade == finding.Conclusive
			accused := ""
			if sure && got.Verdict.Endpoint != nil {
				accused = *got.Verdict.Endpoint
			}
			if accused != c.want {
				t.Errorf("seed %d, killer %q, %d deaths: %q is accused: %s", seed, c.killer, deaths, accused, got.Verdict.Summary)
			}
		}
	}
}
