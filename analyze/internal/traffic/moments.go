package traffic

import (
	"slices"
	"time"

	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// ServingAt returns the containers (indexes) that could serve requests at an instant.
func (t *Traffic) ServingAt(at record.Time) (on []uint32) {
	for c, spans := range t.Quiet.Alive {
		if slices.ContainsFunc(spans, func(s life.Span) bool { return s.From <= at && at <= s.To }) {
			on = append(on, uint32(c))
		}
	}
	return on
}

// DiedOn returns the container (index) of a death.
func (t *Traffic) DiedOn(d int) uint32 { return t.Containers.died(&t.Life.Deaths[d]) }

// Instants are times in order, by container (index).
type Instants map[uint32][]record.Time

// BegunOf tells when calls began.
func BegunOf(calls []Call) Instants {
	b := Instants{}
	for _, c := range calls { // in the order of time
		b[c.Container] = append(b[c.Container], c.Start)
	}
	return b
}

// DeathsBy tells when containers died.
func (t *Traffic) DeathsBy() Instants {
	by := Instants{}
	for d := range t.Life.Deaths {
		c := t.DiedOn(d)
		by[c] = append(by[c], t.Deaths.At[d])
	}
	for _, at := range by {
		slices.Sort(at)
	}
	return by
}

// Within reports whether one of a container lies within so long before an instant.
func (b Instants) Within(c uint32, before time.Duration, at record.Time) bool {
	of := b[c]
	i, _ := slices.BinarySearch(of, at.Add(-before))
	return i < len(of) && of[i] <= at
}
