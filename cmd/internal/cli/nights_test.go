package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lastcall/cmd/internal/nightly"
)

// month is a small world: what the platform and the metrics of a service say, minute by minute, computed from scratch for
// any window, so that overlapping nights see the same past.
type month struct {
	begin time.Time
	// rss is the memory of a container (0, 1, 2) so long after its start, on a given day, in MiB.
	rss func(container int, sinceStart time.Duration, at time.Time) float64
	// restarts are the planned ends: deploys and daily cycling; crashes are what they are.
	restarts []restart
	crashes  []deadContainer
}

type restart struct {
	at     time.Time
	deploy string // version; empty: the platform's daily restart
}

type deadContainer struct {
	at        time.Time
	container int
}

// write writes the evidence of a window into dir.
func (m month) write(t *testing.T, dir string, from, to time.Time) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var log, csv strings.Builder
	stamp := func(x time.Time) string { return x.UTC().Format("2006-01-02 15:04:05.000000000 +0000 UTC") }
	type event struct {
		at   time.Time
		text string
	}
	var events []event
	for c := range 3 {
		name := fmt.Sprintf("web-%d", c+1)
		life := func(x time.Time) string { return fmt.Sprintf("%012x", uint64(x.Unix())*7+uint64(c)) }
		last := m.begin
		up := func(x time.Time) {
			events = append(events, event{x, fmt.Sprintf("[system] [%s] Starting container %s (%s)", name, name, life(x))},
				event{x.Add(8 * time.Second), fmt.Sprintf("[system] [%s] Container %s (%s) is up, booted in 8.0s", name, name, life(x))})
		}
		for _, r := range m.restarts {
			// One container after the other, as a rolling restart does.
			x := r.at.Add(time.Duration(c) * time.Minute)
			events = append(events, event{x, fmt.Sprintf("[system] [%s] Container %s (%s) stopped with exit status 143", name, name, life(last))})
			last = x.Add(5 * time.Second)
			up(last)
		}
		for _, x := range m.crashes {
			if x.container == c {
				events = append(events, event{x.at, fmt.Sprintf("[system] [%s] Container %s (%s) crashed, exit status 137", name, name, life(last))})
				up(x.at.Add(5 * time.Second))
			}
		}
	}
	for _, r := range m.restarts {
		if r.deploy != "" {
			events = append(events, event{r.at.Add(-30 * time.Second), "[system] Deployment " + r.deploy + " started"})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range events {
		if !e.at.Before(from) && e.at.Before(to) {
			fmt.Fprintf(&log, "%s %s\n", stamp(e.at), e.text)
		}
	}
	csv.WriteString("time,service,container,rss_bytes,memory_limit_bytes\n")
	for x := from.Truncate(5 * time.Minute).Add(5 * time.Minute); x.Before(to); x = x.Add(5 * time.Minute) {
		for c := range 3 {
			start := m.begin
			for _, r := range m.restarts {
				if y := r.at.Add(time.Duration(c)*time.Minute + 5*time.Second); y.Before(x) && y.After(start) {
					start = y
				}
			}
			for _, d := range m.crashes {
				if y := d.at.Add(5 * time.Second); d.container == c && y.Before(x) && y.After(start) {
					start = y
				}
			}
			// The noise depends on the minute alone, so that every night reads the same past.
			noise := rand.New(rand.NewPCG(uint64(x.Unix()), uint64(c))).NormFloat64() * 3
			v := m.rss(c, x.Sub(start), x) + noise
			fmt.Fprintf(&csv, "%s,svc,web-%d,%d,%d\n", x.UTC().Format("2006-01-02T15:04:05Z"), c+1, int64(v*(1<<20)), int64(512<<20))
		}
	}
	write(t, filepath.Join(dir, "platform.log"), log.String())
	write(t, filepath.Join(dir, "metrics.csv"), csv.String())
}

// TestAMonthOfNightsFromEvidenceToExitCode runs thirty nights of three services through the whole program: real evidence files,
// the real analysis, the real state. A slow leak must be told in time and once; a crash once; warm-ups after deploys, a cache that
// fills, a daily rhythm and daily restarts make no noise.
func TestAMonthOfNightsFromEvidenceToExitCode(t *testing.T) {
	if testing.Short() {
		t.Skip("a month takes a while")
	}
	begin := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	on := func(day int, hour float64) time.Time {
		return begin.AddDate(0, 0, day).Add(time.Duration(hour * float64(time.Hour)))
	}
	warm := func(age time.Duration) float64 { return 140 * (1 - math.Exp(-age.Hours()/1.5)) }
	rhythm := func(x time.Time) float64 { return 12 * math.Sin(2*math.Pi*float64(x.Unix()%86400)/86400) }

	var deploys, daily []restart
	for d := -1; d < 32; d++ {
		if d%4 == 0 {
			deploys = append(deploys, restart{on(d, 6), fmt.Sprintf("v%d", 300+d)})
		}
		daily = append(daily, restart{on(d, 1.5), ""})
	}
	services := map[string]month{
		// Warm-up after each deploy, a daily rhythm, and one crash of a container on day 12.
		"steady": {begin.AddDate(0, 0, -2), func(_ int, age time.Duration, x time.Time) float64 { return 90 + warm(age) + rhythm(x) }, deploys,
			[]deadContainer{{on(12, 10), 1}}},
		// A cache that fills over days, and stays.
		"cache": {begin.AddDate(0, 0, -2), func(_ int, age time.Duration, x time.Time) float64 {
			return 80 + 200*(1-math.Exp(-age.Hours()/10)) + rhythm(x)
		}, nil, nil},
		// It grows, but is restarted every day, long before the limit.
		"daily": {begin.AddDate(0, 0, -2), func(_ int, age time.Duration, _ time.Time) float64 { return 100 + 4*age.Hours() }, daily, nil},
		// A leak from the deploy on day 8 on: 2.2 MiB an hour from 120 MiB, which would reach its limit of 512 MiB after 7.4 days;
		// the deploy on day 14 mends it.
		"leaky": {begin.AddDate(0, 0, -2), func(_ int, age time.Duration, x time.Time) float64 {
			v := 120 + rhythm(x)/4
			if x.After(on(8, 6)) && x.Before(on(14, 6)) {
				v += 2.2 * x.Sub(on(8, 6)).Hours()
			}
			return v
		}, []restart{{on(8, 6), "v308"}, {on(14, 6), "v314"}}, nil},
	}
	names := []string{"cache", "daily", "leaky", "steady"}
	dir := t.TempDir()
	var cfg strings.Builder
	cfg.WriteString("version: 1\nfail_on: possible\nretries: 0\nservices:\n")
	for _, n := range names {
		fmt.Fprintf(&cfg, "  - name: %s\n    paths: [%s]\n", n, n)
	}
	path := write(t, filepath.Join(dir, "c.yaml"), cfg.String())
	var told []string
	for day := range 30 {
		now := on(day, 0)
		for _, n := range names {
			services[n].write(t, filepath.Join(dir, n), now.Add(-26*time.Hour), now)
		}
		r := runIn(t, nil, "nightly", "--config", path, "--to", now.Format(time.RFC3339), "--format", "json", "--quiet")
		var night nightly.Night
		if err := json.Unmarshal([]byte(r.out), &night); err != nil {
			t.Fatalf("night %d: exit %d: %v\n%s%s", day, r.code, err, r.out, r.errOut)
		}
		if !night.Complete {
			t.Errorf("night %d is not complete: %+v", day, night.Services)
		}
		for _, f := range night.Findings {
			if f.Reported {
				told = append(told, fmt.Sprintf("%d %s %s %s: %s", day, f.Service, f.Status, f.Kind, f.Summary))
			}
		}
	}
	t.Log("told:\n" + strings.Join(told, "\n"))
	count := func(service string, status nightly.Status, from, to int) (n int) {
		for _, x := range told {
			var day int
			var svc, st string
			if _, err := fmt.Sscanf(x, "%d %s %s", &day, &svc, &st); err == nil && svc == service && st == string(status) && day >= from && day <= to {
				n++
			}
		}
		return n
	}
	for _, n := range names {
		for _, x := range told {
			if (n == "cache" || n == "daily") && strings.Contains(x, " "+n+" ") {
				t.Errorf("a false alarm: %s", x)
			}
		}
	}
	if count("leaky", nightly.New, 9, 12) != 1 || count("leaky", nightly.New, 0, 99) != 1 {
		t.Error("the leak must be told as new once, between the night after its deploy and four days before its limit")
	}
	if count("leaky", nightly.Gone, 15, 18) != 1 {
		t.Error("the leak must be told as gone after the deploy that mends it")
	}
	if count("steady", nightly.New, 13, 13) != 1 || count("steady", nightly.New, 0, 99) != 1 {
		t.Error("the crash must be told once, on the night after it")
	}
}
