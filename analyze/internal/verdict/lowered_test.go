package verdict

import (
	"strings"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

// TestALimitThatWasLowered: what two killed containers needed, others had taken before under a higher limit, and lived.
func TestALimitThatWasLowered(t *testing.T) {
	const mb = 1 << 20
	at := func(m int) record.Time {
		return record.Time(1_800_000_000_000_000_000).Add(time.Duration(m) * time.Minute)
	}
	lived := func(container string, start int, limit, top float64, died bool) memory.Life {
		return memory.Life{Container: container, Start: at(start), Died: died, LimitBytes: int64(limit * mb),
			Series: map[record.Metric][]memory.Point{record.RSS: {{T: at(start + 1), V: 40 * mb}, {T: at(start + 20), V: top * mb}}}}
	}
	for name, c := range map[string]struct {
		before, top float64 // the limit of the lives before, and what they took
		died        bool    // whether those died as well
		kind        record.CrashKind
		grade       finding.Grade // empty: nothing is said
	}{
		"lowered":                     {400, 113, false, record.CrashOOMKill, finding.Likely},
		"as before":                   {128, 113, false, record.CrashOOMKill, ""},
		"lowered, with room":          {400, 60, false, record.CrashOOMKill, ""},
		"those before died as well":   {400, 113, true, record.CrashOOMKill, ""},
		"no limit is known of before": {0, 113, false, record.CrashOOMKill, ""},
		"not killed for memory":       {400, 113, false, record.CrashExit, ""},
	} {
		q := &inquiry{report: &finding.Report{}, traffic: &traffic.Traffic{Life: &life.Result{}},
			memory: memoryRead{of: [][]int{{2}, {3}}, lives: []memory.Life{lived("web-1", 0, c.before, c.top, c.died), lived("web-2", 0, c.before, c.top, c.died), lived("web-1", 30, 128, 119, true), lived("web-2", 30, 128, 119, true)}}}
		for _, web := range []string{"web-1", "web-2"} {
			q.traffic.Life.Deaths = append(q.traffic.Life.Deaths, life.Death{Container: web, Time: at(55), Kind: c.kind})
		}
		found, ok := q.limitLowered([]int{0, 1})
		if v := found.verdict; ok != (c.grade != "") || v.Grade != c.grade || ok && (v.Cause != finding.Capacity || v.Endpoint != nil || !strings.Contains(v.Summary, "from 400.0 MiB to 128.0 MiB")) {
			t.Errorf("%s: %v %+v", name, ok, v)
		}
	}
}

// TestTheLimitOfAnotherServiceWasNotLowered: ids say nothing of what a container is one of.
func TestTheLimitOfAnotherServiceWasNotLowered(t *testing.T) {
	const mb = 1 << 20
	start := record.Time(1_800_000_000_000_000_000)
	lived, died := "148e272c49d189", "148e272c49d190"
	for name, c := range map[string]struct {
		services map[string]string
		lowered  bool
	}{
		"of two services":      {map[string]string{lived: "reports", died: "shop"}, false},
		"of one":               {map[string]string{lived: "shop", died: "shop"}, true},
		"of which one is told": {map[string]string{lived: "reports"}, false},
		"of which none is":     {nil, true},
	} {
		q := &inquiry{report: &finding.Report{}, services: c.services,
			traffic: &traffic.Traffic{Life: &life.Result{Deaths: []life.Death{{Container: died, Time: start.Add(time.Hour), Kind: record.CrashOOMKill}}}},
			memory: memoryRead{of: [][]int{{1}}, lives: []memory.Life{
				{Container: lived, Start: start, LimitBytes: 2048 * mb, Series: map[record.Metric][]memory.Point{record.RSS: {{T: start.Add(time.Minute), V: 900 * mb}}}},
				{Container: died, Start: start.Add(time.Minute), Died: true, LimitBytes: 512 * mb}}}}
		if _, ok := q.limitLowered([]int{0}); ok != c.lowered {
			t.Errorf("%s: %v", name, ok)
		}
	}
}
