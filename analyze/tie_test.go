package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// TestAContainerIsKnownByItsBrokenConnections: requests name addresses, deaths name pods, and nothing ties the two but time.
func TestAContainerIsKnownByItsBrokenConnections(t *testing.T) {
	own := func(d int) []int { return []int{d % 2} }
	for name, c := range map[string]struct {
		deaths    int
		brokeWith func(death int) []int // the addresses whose connections break at a death
		after     time.Duration         // of the break, from the death
		also      time.Duration         // another death, before the log begins
		often     bool                  // connections to the first address break every few minutes
		names     string                // of what the requests name, with its number
		tied      bool
	}{
		"each at its own deaths":         {deaths: 4, brokeWith: own, tied: true},
		"and one before the log":         {deaths: 4, brokeWith: own, also: 5 * time.Hour, tied: true},
		"all of them, as at a deploy":    {deaths: 4, brokeWith: func(int) []int { return []int{0, 1, 2} }},
		"one at the deaths of two":       {deaths: 4, brokeWith: func(int) []int { return []int{0} }},
		"another one at the second time": {deaths: 4, brokeWith: func(d int) []int { return []int{[]int{0, 1, 2, 0}[d]} }},
		"none":                           {deaths: 4, brokeWith: func(int) []int { return nil }},
		"two deaths may be chance":       {deaths: 2, brokeWith: own},
		"restarted because it died":      {deaths: 4, brokeWith: own, after: 20 * time.Second},
		"one that breaks all the time":   {deaths: 4, brokeWith: func(d int) []int { return []int{0}[:1-d%2] }, often: true},
		"two with one short name":        {deaths: 4, brokeWith: own, names: "unix:/run/%d/app.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.names == "" {
				c.names = "10.0.0.%d:80"
			}
			var sources []*record.Source
			give := func(s record.Sink) {
				for _, src := range sources {
					line := int64(0)
					serve := func(of int, path string, start record.Time, dur time.Duration, out record.Outcome) {
						line++
						served(t, s, src, line, fmt.Sprintf(c.names, of), path, fmt.Sprint("r", line), start, dur, out)
					}
					for i := range 4 * 3600 {
						serve(i%3, "/usual", dawn.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Answered)
						if c.often && i%200 == 0 {
							for range 3 {
								serve(0, "/usual", dawn.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Cut)
							}
						}
					}
					for d := range c.deaths {
						at := dawn.Add(time.Duration(d+1)*45*time.Minute - 2*time.Second + c.after)
						for _, of := range c.brokeWith(d) {
							serve(of, "/export", at.Add(-30*time.Second), 30*time.Second, record.Cut)
							for i := range 2 {
								serve(of, "/usual", at.Add(-time.Duration(i+1)*100*time.Millisecond), time.Duration(i+1)*100*time.Millisecond, record.Cut)
							}
						}
					}
				}
				for d := range c.deaths {
					if err := s.Crash(killed([]string{"pod-a", "pod-b"}[d%2], dawn.Add(time.Duration(d+1)*45*time.Minute))); err != nil {
						t.Fatal(err)
					}
				}
				if c.also != 0 {
					if err := s.Crash(killed("pod-a", dawn.Add(-c.also))); err != nil {
						t.Fatal(err)
					}
				}
			}
			// The same log, given twice, says no more.
			for _, again := range []*record.Source{{Name: "ingress.log", Format: "nginx"}, {Name: "ingress-copy.log", Format: "nginx"}} {
				sources = append(sources, again)
				r := look(t, analyze.Options{}, give)
				said := strings.Contains(strings.Join(r.Method, "\n"), "known by their connections")
				accused := r.Verdict.Endpoint != nil && *r.Verdict.Endpoint == "GET /export"
				if said != c.tied || accused != c.tied {
					t.Errorf("%d sources: tied %v, accused %v: %s", len(sources), said, accused, r.Verdict.Summary)
				}
				if c.tied && !strings.Contains(r.Verdict.Summary, "pod-a") {
					t.Error(r.Verdict.Summary)
				}
			}
		})
	}
}
