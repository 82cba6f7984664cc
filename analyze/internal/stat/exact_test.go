package stat

import (
	"math"
	"testing"
)

func TestFisherAgreesWithTheTextbook(t *testing.T) {
	for _, c := range []struct {
		a, n, b, m int
		want       float64
	}{
		{3, 4, 1, 4, 17.0 / 70}, // the lady tasting tea
		{4, 4, 0, 4, 1.0 / 70},
		{0, 5, 3, 5, 1},
		{5, 5, 5, 5, 1},
		{2, 2, 0, 0, 1}, // nobody to compare with
		{5, 5, 22, 55, 0.0148},
	} {
		if got := Fisher(c.a, c.n, c.b, c.m); math.Abs(got-c.want) > 5e-5 {
			t.Errorf("Fisher(%d of %d, %d of %d) = %g, want %g", c.a, c.n, c.b, c.m, got, c.want)
		}
	}
}
