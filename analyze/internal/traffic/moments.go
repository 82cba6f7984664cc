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

// Dies reports whether a container died within a span.
func (t *Traffic) Dies(c uint32, from, to record.Time) bool {
	for d := range t.Life.Deaths {
		if at := t.Deaths.At[d]; at >= from && at <= to && t.DiedOn(d) == c {
			return true
		}
	}
	return false
}

// DiedOn returns the container (index) of a death.
func (t *Traffic) DiedOn(d int) uint32 { return t.Containers.died(&t.Life.Deaths[d]) }

// Begun tells when calls began, by container.
type Begun map[uint32][]record.Time

// BegunOf tells when the calls of an endpoint began, in the order of time.
func BegunOf(calls []Call) Begun {
	b := Begun{}
	for _, c := range calls {
		b[c.Container] = append(b[c.Container], c.Start)
	}
	return b
}

// Within reports whether a call began on a container within so long before an instant.
func (b Begun) Within(c uint32, before time.Duration, at record.Time) bool {
	of := b[c]
	i, _ := slices.BinarySearch(of, at.Add(-before))
	return i < len(of) && of[i] <= at
}
