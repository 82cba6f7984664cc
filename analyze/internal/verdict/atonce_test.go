package verdict

import (
	"testing"
	"time"

	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/traffic"
	"lastcall/collectors/record"
)

// called builds the calls of an endpoint on one container: each burst begins at a minute, its calls a second apart.
func called(bursts []int, deadly map[int]int) (calls []traffic.Call) {
	at := record.Time(0)
	for b, n := range bursts {
		at = record.Time(time.Duration(b) * time.Hour)
		death := -1
		if d, ok := deadly[b]; ok {
			death = d
		}
		for i := range n {
			calls = append(calls, traffic.Call{Start: at.Add(time.Duration(i) * time.Second), Container: 1, Age: time.Duration(b)*time.Hour + time.Duration(i)*time.Second, Death: death})
		}
	}
	return calls
}

func TestSeveralAtOnceAreToldFromOneAlone(t *testing.T) {
	deadly := map[int]int{5: 0, 10: 1, 15: 2, 20: 3}
	ones := func(with ...int) []int {
		out := make([]int, 24)
		for i := range out {
			out[i] = 1
		}
		for i, n := range with {
			out[5*(i+1)] = n
		}
		return out
	}
	for _, c := range []struct {
		name   string
		bursts []int
		want   bool
	}{
		{"four at each death, one otherwise", ones(4, 5, 4, 6), true},
		{"as many at other times", []int{4, 3, 5, 4, 4, 5, 4, 3, 5, 4, 4, 5, 4, 5, 3, 4, 4, 5, 4, 4, 5, 4, 5, 4}, false},
		{"one alone has killed", ones(4, 1, 5, 6), false},
		{"tried once again at each death", ones(2, 2, 2, 2), false},
		{"too few times without harm", ones(4, 5, 4, 6)[3:11], false},
	} {
		q := &inquiry{traffic: &traffic.Traffic{}, measured: &traffic.Measured{Base: &inflight.Baseline{Durations: make([]inflight.Histogram, 2)}}}
		for range 20 {
			q.measured.Base.Durations[1].Add(2)
		}
		q.open.cases = []inflight.Case{{Chain: 0}, {Chain: 1}, {Chain: 2}, {Chain: 3}}
		calls := called(c.bursts, deadly)
		if got, _ := q.crowdOf(calls, q.spells(1, calls)); got.tells() != c.want {
			t.Errorf("%s: %+v, want %v", c.name, got, c.want)
		}
	}
}
