package verdict

import (
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/hang"
	"lastcall/analyze/internal/reqlog"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

func TestALoadThatRisesWithTheDeathsIsASurge(t *testing.T) {
	flat := func(n int) (steps []float64) {
		for range n {
			steps = append(steps, 100)
		}
		return steps
	}
	for _, c := range []struct {
		name    string
		steps   []float64
		i, end  int
		atLeast float64
		below   float64
	}{
		{"high from the first death on", append(flat(40), 1300, 1300, 1300, 1300), 40, 43, 12, 14},
		{"one minute only, as where a few try again", append(flat(40), 1300, 100, 100, 100, 100, 100, 100, 100), 40, 47, 0, 4},
		{"high only long after", append(flat(46), 1300, 1300), 40, 47, 0, 4},
		{"nothing logged after the death", flat(40), 40, 40, 0, 4},
	} {
		l := loadBy{upTo: []float64{0}}
		for _, n := range c.steps {
			l.upTo = append(l.upTo, l.upTo[len(l.upTo)-1]+n)
		}
		if got := l.surge(c.i, c.end, 100); got < c.atLeast || got >= c.below {
			t.Errorf("%s: %g, want %g to %g", c.name, got, c.atLeast, c.below)
		}
	}
}

func TestWhatIsStillOpenIsNoLeak(t *testing.T) {
	for _, c := range []struct {
		name  string
		begun float64 // in each life
		open  int     // at each death
		held  bool
	}{
		{"most wait", 30, 25, true},
		{"a few are slow at the end", 1000, 25, false},
		{"one of two", 2, 1, false},
	} {
		q := &inquiry{traffic: &traffic.Traffic{Endpoints: traffic.Endpoints{Names: []string{"", "POST /pay"}}}}
		q.memory.begun = map[int]float64{}
		deaths := []int{0, 1, 2, 3}
		for _, d := range deaths {
			q.memory.begun[d] = c.begun
			for range c.open {
				q.traffic.Pending = append(q.traffic.Pending, traffic.Pending{Rec: reqlog.Rec{Endpoint: 1}, Death: d})
			}
		}
		leak := candidate{endpoint: 1, verdict: finding.Verdict{Cause: finding.RequestLeak}}
		if got := q.heldOpen(&leak, deaths); (got != "") != c.held {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestDeathsAmidAHangAreItsFalloutOnlyWhereItCameFirst(t *testing.T) {
	from := record.Time(1e18)
	for _, c := range []struct {
		name string
		died time.Duration // after the first call
		on   int           // containers that call
		want bool
	}{
		{"on all containers, before the first death", 5 * time.Minute, 4, true},
		{"after the first death", -time.Minute, 4, false},
		{"on one container of four", 5 * time.Minute, 1, false},
		{"long over", 3 * time.Hour, 4, false},
	} {
		q := &inquiry{report: &finding.Report{}, traffic: &traffic.Traffic{Life: &life.Result{}}, measured: &traffic.Measured{}}
		q.traffic.Window = life.Span{From: from.Add(-time.Hour), To: from.Add(4 * time.Hour)}
		q.traffic.Containers.Names = []string{"", "a", "b", "c", "d"}
		var alive [][]life.Span
		for range q.traffic.Containers.Names {
			alive = append(alive, []life.Span{q.traffic.Window})
		}
		alive[0] = nil
		q.traffic.Quiet.Alive = alive
		q.hang = &hang.Result{From: from, To: from.Add(20 * time.Minute), Constant: 10 * time.Second, Endpoints: 8, Containers: c.on}
		for i := range 40 {
			q.hang.Refs = append(q.hang.Refs, i)
			q.measured.Slow = append(q.measured.Slow, traffic.SlowRequest{Container: uint32(1 + i%c.on), Start: from.Add(time.Duration(i) * time.Second), Duration: 10 * time.Second})
		}
		q.hang.Calls = len(q.hang.Refs)
		for i, name := range q.traffic.Containers.Names[1:] {
			at := from.Add(c.died + time.Duration(i)*time.Second)
			q.traffic.Life.Deaths = append(q.traffic.Life.Deaths, life.Death{Container: name, Time: at, Kind: record.CrashOOMKill})
			q.traffic.Deaths.At = append(q.traffic.Deaths.At, at)
		}
		if got, ok := q.hungBefore([]int{0, 1, 2, 3}); ok != c.want || ok && got.verdict.Cause != finding.HungDependency {
			t.Errorf("%s: %v %s", c.name, ok, got.verdict.Summary)
		}
	}
}
