package verdict

import (
	"testing"

	"lastcall/analyze/inflight"
)

func TestADeathIsContestedWhereAnotherEndpointStandsOutToo(t *testing.T) {
	lr := func(x ...float64) inflight.Endpoint { return inflight.Endpoint{LR: x} }
	for _, c := range []struct {
		name   string
		result inflight.Result
		want   int
	}{
		{"alone", inflight.Result{Leader: 1, Endpoints: []inflight.Endpoint{lr(0.05, 0.05, 0.05), lr(40, 30, 20), lr(1, 2, 4.9)}}, 0},
		{"one by chance", inflight.Result{Leader: 1, Endpoints: []inflight.Endpoint{lr(0.05, 0.05, 0.05), lr(40, 30, 20), lr(0.05, 8, 0.05)}}, 1},
		{"everything is slow", inflight.Result{Leader: 0, Endpoints: []inflight.Endpoint{lr(40, 30, 20), lr(9, 0.5, 6), lr(0.1, 12, 0.1)}}, 3},
		{"far above the others", inflight.Result{Leader: 0, Endpoints: []inflight.Endpoint{lr(90, 400, 70), lr(9, 30, 6)}}, 0},
		{"of other deaths", inflight.Result{Leader: 2, Endpoints: []inflight.Endpoint{lr(0.05, 0.05, 0.05), lr(0.05, 80, 60), lr(40, 0.05, 2)}}, 0},
	} {
		if got, _ := contested(&c.result, c.result.Leader, 1); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
