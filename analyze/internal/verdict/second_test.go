package verdict

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// TestTheSecondLookIsTakenWhereItAccuses: whom it accuses need not be of those that were taken together; it is never surer than likely.
func TestTheSecondLookIsTakenWhereItAccuses(t *testing.T) {
	family, other := "GET /b/{id}", "POST /boards/{id}/snapshot"
	for _, c := range []struct {
		endpoint *string
		grade    finding.Grade
		taken    bool
		says     string
	}{
		{&family, finding.Conclusive, true, "were taken together after none of them stood out alone"},
		{&other, finding.Conclusive, true, "after paths of others that differ in one segment were taken together"},
		{&other, finding.Possible, false, ""},
		{nil, finding.Likely, false, ""},
	} {
		r := &finding.Report{Verdict: finding.Verdict{Endpoint: c.endpoint, Grade: c.grade}, Suspects: []finding.Suspect{{Grade: finding.Conclusive}}}
		q := &inquiry{traffic: &traffic.Traffic{Endpoints: traffic.Endpoints{Families: map[string]bool{family: true}}}, report: r}
		if taken := q.acceptFamily(); taken != c.taken {
			t.Errorf("%+v: taken %v", c, taken)
		}
		if c.taken && (r.Verdict.Grade != finding.Likely || r.Suspects[0].Grade != finding.Likely || !strings.Contains(r.Verdict.Summary, c.says)) {
			t.Errorf("%+v: %+v", c, r.Verdict)
		}
	}
}

// TestOneByChanceDoesNotContestASuddenDeath: nothing is slow before it, and what is rare stands out where chance has it open.
func TestOneByChanceDoesNotContestASuddenDeath(t *testing.T) {
	for _, c := range []struct {
		kind record.CrashKind
		exit int
		want int
	}{{record.CrashSegfault, -1, 2}, {record.CrashExit, 1, 2}, {record.CrashExit, 3, 1}, {record.CrashOOMKill, 137, 1}} {
		q := &inquiry{traffic: &traffic.Traffic{Life: &life.Result{Deaths: []life.Death{{Kind: c.kind, ExitCode: c.exit}}}}}
		if n := q.contestants([]int{0}); n != c.want {
			t.Errorf("%s %d: %d, want %d", c.kind, c.exit, n, c.want)
		}
	}
	res := &inflight.Result{Endpoints: []inflight.Endpoint{{LR: []float64{20, 20, 20}}, {LR: []float64{9, 0.1, 9}}, {LR: []float64{0.1, 0.1, 9}}}}
	for least, want := range map[int]int{1: 2, 2: 1} {
		if n, of := contested(res, 0, least); n != want || of != 3 {
			t.Errorf("of %d: %d, by %d others: want %d", of, n, least, want)
		}
	}
}

// TestAgesAtDeath: the first life of a container began before the evidence or with a deploy, and a kill that a source puts down to the
// wrong container does not make the others differ.
func TestAgesAtDeath(t *testing.T) {
	deaths := func(uptimes ...time.Duration) *inquiry {
		r := &life.Result{}
		at := record.Time(1_800_000_000_000_000_000)
		for _, u := range uptimes {
			at = at.Add(u + 10*time.Second)
			r.Deaths = append(r.Deaths, life.Death{Container: "web-1", Time: at, Uptime: u})
		}
		return &inquiry{traffic: &traffic.Traffic{Life: r}}
	}
	m := time.Minute
	for name, c := range map[string]struct {
		uptimes       []time.Duration
		n             int
		alike, differ bool
	}{
		"alike":                             {[]time.Duration{90 * m, 8 * m, 8*m + 10*time.Second, 8 * m, 7*m + 50*time.Second, 8 * m}, 5, true, false},
		"of any length":                     {[]time.Duration{90 * m, 2 * m, 19 * m, 5 * m, 11 * m, 7 * m}, 5, false, true},
		"too few":                           {[]time.Duration{8 * m, 8 * m, 8 * m, 8 * m}, 3, false, false},
		"of which the first began whenever": {[]time.Duration{8 * m, 8 * m, 8 * m, 8 * m, 8 * m}, 5, true, false},
		"one of them wrong":                 {[]time.Duration{90 * m, 8 * m, 8 * m, time.Second, 8 * m, 8 * m, 8 * m, 8 * m, 8 * m}, 8, false, false},
		"not known":                         {[]time.Duration{90 * m, 0, 0, 0, 0, 0, 0}, 0, false, false},
	} {
		q := deaths(c.uptimes...)
		all := make([]int, len(c.uptimes))
		for i := range all {
			all[i] = i
		}
		if a := q.agesAt(all); a.n != c.n || a.alike() != c.alike || a.differ() != c.differ {
			t.Errorf("%s: %+v, alike %v, differ %v", name, a, a.alike(), a.differ())
		}
	}
}

// TestLivesThatBeganTogetherAreOfOneAgeByThemselves: each container dies once, so that no death began its life.
func TestLivesThatBeganTogetherAreOfOneAgeByThemselves(t *testing.T) {
	m := time.Minute
	for name, c := range map[string]struct {
		begun []time.Duration
		ages  []time.Duration
		alike bool
	}{
		"a deploy, and an end soon after one another": {[]time.Duration{0, m, 2 * m, 3 * m, 4 * m, 5 * m}, []time.Duration{300 * m, 310 * m, 290 * m, 305 * m, 295 * m, 300 * m}, false},
		"at any time, and an age":                     {[]time.Duration{0, 60 * m, 100 * m, 130 * m, 200 * m, 290 * m}, []time.Duration{300 * m, 310 * m, 290 * m, 305 * m, 295 * m, 300 * m}, true},
		"at any time, and an end together":            {[]time.Duration{0, 60 * m, 100 * m, 130 * m, 200 * m, 290 * m}, []time.Duration{600 * m, 540 * m, 500 * m, 470 * m, 400 * m, 310 * m}, false},
		"too few":                                     {[]time.Duration{0, 60 * m, 100 * m, 130 * m}, []time.Duration{300 * m, 310 * m, 290 * m, 305 * m}, false},
	} {
		r, all := &life.Result{}, []int(nil)
		for i, age := range c.ages {
			all = append(all, i)
			r.Deaths = append(r.Deaths, life.Death{Container: fmt.Sprintf("web-%d", i), Time: record.Time(1_800_000_000_000_000_000).Add(c.begun[i] + age), Uptime: age})
		}
		q := &inquiry{traffic: &traffic.Traffic{Life: r}}
		if a := q.agesAt(all); a.alike() != c.alike {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestFewDeathsProveNothing: an endpoint that was open at the only death, as it seldom is, is told of; one that was not stands for nobody.
func TestFewDeathsProveNothing(t *testing.T) {
	res := func(leader int, lr ...float64) *inflight.Result {
		return &inflight.Result{Leader: leader, Endpoints: []inflight.Endpoint{{}, {LR: lr}}}
	}
	for name, c := range map[string]struct {
		res    *inflight.Result
		deaths []int
		want   bool
	}{
		"open at the only one":   {res(1, 40), []int{0}, true},
		"open at both":           {res(1, 40, 9), []int{0, 1}, true},
		"open at one of two":     {res(1, 40, 0.1), []int{0, 1}, false},
		"as it often is":         {res(1, 1.2), []int{0}, false},
		"deaths that may repeat": {res(1, 40, 40, 40), []int{0, 1, 2}, false},
		"nobody leads":           {res(-1, 40), []int{0}, false},
		"nothing was weighed":    {nil, []int{0}, false},
	} {
		if got := standsAlone(c.res, c.deaths); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
