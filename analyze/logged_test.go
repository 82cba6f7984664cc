package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

var routerLog = &record.Source{Name: "router.log", Format: "scalingo-router"}

// The logs of two hours, two days apart, tell of two hours: the days between are neither quiet nor of little load.
func TestATimeWithoutLogsIsNotQuiet(t *testing.T) {
	r := look(t, analyze.Options{}, func(s record.Sink) {
		line := int64(0)
		for day := range 2 {
			begin := dawn.Add(time.Duration(day) * 48 * time.Hour)
			for i := range 3600 {
				line++
				served(t, s, routerLog, line, fmt.Sprint("web-", i%2), "/a", "", begin.Add(time.Duration(i)*time.Second), 20*time.Millisecond, record.Answered)
			}
			for web := range 2 {
				line++
				death := begin.Add(50 * time.Minute)
				served(t, s, routerLog, line, fmt.Sprint("web-", web), "/b", "", death.Add(-30*time.Second), 30*time.Second, record.Cut)
				_ = s.Crash(killed(fmt.Sprint("web-", web), death))
			}
		}
	})
	for _, x := range r.Suspects {
		if x.Endpoint == "GET /b" && x.BaselineTotal > 4*60 {
			t.Errorf("%d quiet moments in four hours of containers", x.BaselineTotal)
		}
	}
	if r.Verdict.Cause == finding.Capacity {
		t.Error(r.Verdict.Summary)
	}
}

// The end of the last request is no reason to leave out the last minutes.
func TestALogThatEndsOnTheFullHourIsReadToItsEnd(t *testing.T) {
	hour := dawn / record.Time(time.Hour) * record.Time(time.Hour)
	r := look(t, analyze.Options{}, func(s record.Sink) {
		for i := range 100 {
			served(t, s, routerLog, int64(i+1), "web-1", "/a", "", hour.Add(-time.Duration(i+1)*time.Second), time.Second, record.Answered)
		}
	})
	if r.Impact.Requests != 100 {
		t.Errorf("%d of 100 requests", r.Impact.Requests)
	}
}

// What one container prints may name nothing, and it can die.
func TestAContainerThatNothingNamesCanDie(t *testing.T) {
	r := look(t, analyze.Options{}, func(s record.Sink) {
		for i := range 600 {
			served(t, s, routerLog, int64(i+1), "", "/a", "", dawn.Add(time.Duration(i)*time.Second), 20*time.Millisecond, record.Answered)
		}
		_ = s.Crash(&record.Crash{Time: dawn.Add(10 * time.Minute), ExitCode: -1, Kind: record.CrashHeapLimit, Text: "FATAL ERROR: Reached heap limit"})
	})
	if len(r.Crashes) != 1 || r.Verdict.Cause == finding.None {
		t.Errorf("%d crashes; %s", len(r.Crashes), r.Verdict.Summary)
	}
}

// Events that tell of no death are no reason to say that nothing is wrong when connections break at once, time and again.
func TestConnectionsThatBreakAtOnceAreNotNothing(t *testing.T) {
	for moments, want := range []finding.Cause{finding.None, finding.None, finding.Undetermined} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			_ = s.Lifecycle(&record.Lifecycle{Time: dawn, Kind: record.Up, Container: "web-1", ExitCode: -1})
			for i := range 3600 {
				served(t, s, routerLog, int64(i+1), "web-1", "/a", "", dawn.Add(time.Duration(i)*time.Second), 20*time.Millisecond, record.Answered)
			}
			for m := range moments {
				for i := range 4 {
					at := dawn.Add(time.Duration(m+1) * 15 * time.Minute)
					served(t, s, routerLog, int64(5000+10*m+i), "web-1", "/a", "", at.Add(-time.Duration(i+1)*time.Second), time.Duration(i+1)*time.Second, record.Cut)
				}
			}
		})
		if r.Verdict.Cause != want {
			t.Errorf("%d moments: %s: %s", moments, r.Verdict.Cause, r.Verdict.Summary)
		}
		var told []string
		for _, e := range r.Timeline {
			if e.Kind == "broken" {
				told = append(told, fmt.Sprintf("%s %s:%d %s", e.Time.Format(time.TimeOnly), e.Source, e.Line, e.Text))
			}
		}
		all := []string{
			"14:28:20 router.log:5003 4 requests on web-1 break at once; the oldest, GET /a, had run for 4.0 s",
			"14:43:20 router.log:5013 4 requests on web-1 break at once; the oldest, GET /a, had run for 4.0 s",
		}
		if diff := cmp.Diff(all[:moments], told, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("timeline (-want +got):\n%s", diff)
		}
	}
}

// Readings alone do not tell whether a container that takes nearly all of its limit died of it in between.
func TestReadingsNearTheLimitAreNoClearAnswer(t *testing.T) {
	for share, want := range map[float64]finding.Grade{0.5: finding.Likely, 0.97: finding.Possible} {
		r := look(t, analyze.Options{LimitBytes: 512 << 20}, func(s record.Sink) {
			for i := range 300 {
				_ = s.Sample(&record.Sample{Time: dawn.Add(time.Duration(i) * time.Minute), Metric: record.RSS, Value: share * (512<<20 - float64(i%7)*1e5), Container: "web-1"})
			}
		})
		if r.Verdict.Cause != finding.None || r.Verdict.Grade != want {
			t.Errorf("at %.2f of the limit: %s (%s): %s", share, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}

// Nor whether one that rose and fell at once was killed.
func TestReadingsThatFallAtOnceAreNoClearAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		high  float64
		told  bool
		grade finding.Grade
	}{"level": {1.1, false, finding.Likely}, "a rise and a fall": {2.5, false, finding.Possible}, "with the platform's log": {2.5, true, finding.Conclusive}} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			if c.told {
				_ = s.Lifecycle(&record.Lifecycle{Time: dawn, Kind: record.Up, Container: "web-1", ExitCode: -1})
			}
			for i := range 300 {
				v := 200e6 + float64(i%7)*1e5
				if i == 150 || i == 151 {
					v *= c.high
				}
				_ = s.Sample(&record.Sample{Time: dawn.Add(time.Duration(i) * time.Minute), Metric: record.RSS, Value: v, Container: "web-1"})
			}
		})
		said := strings.Contains(r.Verdict.Summary, "1 time(s) memory rose far and fell by more than half at once, on web-1")
		if r.Verdict.Cause != finding.None || r.Verdict.Grade != c.grade || said != (c.grade == finding.Possible) {
			t.Errorf("%s: %s (%s): %s", name, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}

// Memory that rises steadily, over and over, to one level and falls to where it began is that of processes that end when they are full, or
// looks the same; to other levels each time it is more likely a collection, and says no more than that it fell.
func TestTeethOfOneHeightAreNotNothing(t *testing.T) {
	for name, c := range map[string]struct {
		spread float64 // of the highest levels
		teeth  int     // of each container
		to     float64 // of the highest level is left
		want   finding.Cause
	}{
		"one level":         {0.03, 3, 0.4, finding.Undetermined},
		"many levels":       {0.30, 3, 0.4, finding.None},
		"too few":           {0.03, 1, 0.4, finding.None},
		"fallen not so far": {0.03, 3, 0.6, finding.None},
	} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			at, high := dawn, 0
			for tooth := range c.teeth {
				for i := range 300 {
					for of := range 2 {
						peak := 300e6 * (1 - c.spread*float64((high+of)%4)/3)
						v := c.to*300e6 + (peak-c.to*300e6)*float64(i)/299
						_ = s.Sample(&record.Sample{Time: at, Metric: record.RSS, Value: v, Container: fmt.Sprintf("web-%d", of+1)})
					}
					at = at.Add(time.Minute)
				}
				high += tooth + 1
			}
		})
		if r.Verdict.Cause != c.want || strings.Contains(r.Verdict.Summary, "rose to one level") != (c.want == finding.Undetermined) {
			t.Errorf("%s: %s (%s): %s", name, r.Verdict.Cause, r.Verdict.Grade, r.Verdict.Summary)
		}
	}
}
