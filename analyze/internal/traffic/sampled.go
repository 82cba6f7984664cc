package traffic

import (
	"math"

	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// A live source that holds more requests than can be asked for lists those around the deaths and in matched quiet windows, and
// computes counts per endpoint for all the rest. Then base rates rest on the windows alone, and growth of memory is explained by
// the counts: what was not fetched is not taken for silence.

// Sampling is what is known of evidence that was not fetched whole.
type Sampling struct {
	// Fraction of the requests that was fetched, the least of several sources; 0 when all were.
	Fraction float64
	// windows are where all requests of a container were fetched, by name.
	windows map[string][]life.Span
	// Counted is true when counts per container, endpoint and stretch of time cover the rest.
	Counted bool
}

func (t *Traffic) readSampling() {
	s := &t.Sampled
	for i := range t.Evidence.Coverage {
		c := &t.Evidence.Coverage[i]
		if c.Signal != "requests" {
			continue
		}
		if c.Sampled > 0 && c.Sampled < 1 && c.Container == "" && (s.Fraction == 0 || c.Sampled < s.Fraction) {
			s.Fraction = c.Sampled
		}
		if c.Container != "" && c.From != 0 && c.To > c.From {
			if s.windows == nil {
				s.windows = map[string][]life.Span{}
			}
			name := t.Names.Of(c.Container)
			s.windows[name] = append(s.windows[name], life.Span{From: c.From, To: c.To})
		}
	}
	for name := range s.windows {
		s.windows[name] = union(s.windows[name])
	}
	for i := range t.Evidence.Exposures {
		s.Counted = s.Counted || t.Evidence.Exposures[i].Container != ""
	}
}

// fetched cuts the time of a container down to where its requests were fetched.
func (t *Traffic) fetched(container string, alive []life.Span) []life.Span {
	if t.Sampled.Fraction == 0 || t.Sampled.windows == nil {
		return alive
	}
	var out []life.Span
	for _, a := range alive {
		for _, w := range t.Sampled.windows[container] {
			if lo, hi := max(a.From, w.From), min(a.To, w.To); lo < hi {
				out = append(out, life.Span{From: lo, To: hi})
			}
		}
	}
	return out
}

// fetchedUntil reports whether the requests of a container were fetched at an instant, and until when.
func (t *Traffic) fetchedUntil(c uint32, at record.Time) (record.Time, bool) {
	if t.Sampled.Fraction == 0 || t.Sampled.windows == nil {
		return math.MaxInt64, true
	}
	for _, w := range t.Sampled.windows[t.Containers.Names[c]] {
		if w.Contains(at) {
			return w.To, true
		}
	}
	return 0, false
}
