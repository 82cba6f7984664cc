package analyze

import (
	"math"
	"sort"
	"time"

	"lastcall/analyze/endpoint"
	"lastcall/analyze/life"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

// A live source that holds more requests than can be asked for lists those around the deaths and in matched quiet windows, and
// computes counts per endpoint for all the rest. Then base rates rest on the windows alone, and growth of memory is explained by
// the counts: what was not fetched is not taken for silence.

// sampling is what is known of evidence that was not fetched whole.
type sampling struct {
	// fraction of the requests that was fetched; 0 when all were.
	fraction float64
	// windows are where all requests of a container were fetched, by name.
	windows map[string][]life.Span
	// counted is true when counts per container, endpoint and stretch of time cover the rest.
	counted bool
}

func (t *traffic) readSampling() {
	s := &t.sampled
	for i := range t.ev.Coverage {
		c := &t.ev.Coverage[i]
		if c.Signal != "requests" {
			continue
		}
		if c.Sampled > 0 && c.Sampled < 1 && c.Container == "" {
			s.fraction = c.Sampled
		}
		if c.Container != "" && c.From != 0 && c.To > c.From {
			if s.windows == nil {
				s.windows = map[string][]life.Span{}
			}
			name := t.canon.Of(c.Container)
			s.windows[name] = append(s.windows[name], life.Span{From: c.From, To: c.To})
		}
	}
	for name := range s.windows {
		s.windows[name] = union(s.windows[name])
	}
	for i := range t.ev.Exposures {
		s.counted = s.counted || t.ev.Exposures[i].Container != ""
	}
}

// fetched cuts the time of a container down to where its requests were fetched.
func (t *traffic) fetched(container string, alive []life.Span) []life.Span {
	if t.sampled.fraction == 0 || t.sampled.windows == nil {
		return alive
	}
	var out []life.Span
	for _, a := range alive {
		for _, w := range t.sampled.windows[container] {
			if lo, hi := max(a.From, w.From), min(a.To, w.To); lo < hi {
				out = append(out, life.Span{From: lo, To: hi})
			}
		}
	}
	return out
}

// fetchedUntil reports whether the requests of a container were fetched at an instant, and until when.
func (t *traffic) fetchedUntil(c uint32, at record.Time) (record.Time, bool) {
	if t.sampled.fraction == 0 || t.sampled.windows == nil {
		return math.MaxInt64, true
	}
	for _, w := range t.sampled.windows[t.containers[c]] {
		if w.Contains(at) {
			return w.To, true
		}
	}
	return 0, false
}

// countedExposure builds the counts of the memory regression from what the source computed itself.
func (t *traffic) countedExposure() memory.Exposure {
	ex := memory.Exposure{From: t.from, Block: t.block, N: t.nBlocks}
	type cell struct{ endpoint, container string }
	cells := map[cell][]float64{}
	for i := range t.ev.Exposures {
		e := &t.ev.Exposures[i]
		if e.Container == "" || e.Count <= 0 || e.To <= e.From {
			continue
		}
		k := cell{exposureName(e), t.canon.Of(e.Container)}
		row := cells[k]
		if row == nil {
			if len(cells) >= maxCells {
				continue
			}
			row = make([]float64, t.nBlocks)
			cells[k] = row
		}
		// Spread evenly over the blocks that the stretch touches.
		lo, hi := max(e.From, t.from), min(e.To, t.to)
		for b := int(lo.Sub(t.from) / t.block); b < t.nBlocks && hi > lo; b++ {
			from := t.from.Add(t.block * time.Duration(b))
			in := min(hi, from.Add(t.block)) - max(lo, from)
			if in <= 0 {
				break
			}
			row[b] += e.Count * float64(in) / float64(e.To-e.From)
		}
	}
	by := map[string]map[string][]float64{}
	for k, row := range cells {
		if by[k.endpoint] == nil {
			by[k.endpoint] = map[string][]float64{}
		}
		by[k.endpoint][k.container] = row
	}
	names := make([]string, 0, len(by))
	for n := range by {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		ex.Endpoints = append(ex.Endpoints, memory.Counts{Endpoint: n, ByContainer: by[n]})
	}
	return ex
}

// exposureName is the endpoint of a computed count, named as requests are.
func exposureName(e *record.Exposure) string {
	b := append([]byte(e.Method), ' ')
	if e.Method == "" {
		b = []byte("ANY ")
	}
	route := []byte(e.Route)
	// A resource may carry its method: "GET /users/{id}".
	for i, c := range route {
		if c == ' ' {
			b, route = append(append(b[:0], route[:i]...), ' '), route[i+1:]
			break
		}
		if c == '/' {
			break
		}
	}
	return string(endpoint.AppendTemplate(b, endpoint.AppendRoute(nil, route)))
}
