package traffic

import (
	"slices"
	"sort"
	"time"

	"lastcall/analyze/endpoint"
	"lastcall/analyze/memory"
	"lastcall/collectors/record"
)

const (
	// maxBlocks and minBlock set the width of the blocks in which requests are counted for the memory regression.
	maxBlocks = 720
	minBlock  = 15 * time.Second
	// maxCells bounds (endpoint, container) pairs with block counts: the rest of the endpoints is too rare to tell a leak.
	maxCells = 20_000
)

// remembers reports whether there are readings of memory that traffic could explain.
func (t *Traffic) remembers() bool {
	for k, s := range t.Evidence.Series {
		if slices.Contains(MemoryMetrics[:], k.Metric) && len(s.Points) > 0 {
			return true
		}
	}
	return false
}

// blockCounts are the requests by endpoint, container and block of time.
type blockCounts struct {
	width time.Duration
	n     int    // blocks
	cells *cells // nil where there is no memory that they could explain
}

// Exposure turns the counts of requests by block into what the regression of memory on them takes. It is large, and made at each call.
func (m *Measured) Exposure() memory.Exposure {
	if m.t.Sampled.Fraction > 0 && m.t.Sampled.Counted {
		return m.countedExposure()
	}
	ex := memory.Exposure{From: m.t.Window.From, Block: m.blocks.width, N: m.blocks.n}
	if m.blocks.cells == nil {
		return ex
	}
	by := make([]map[string][]float64, len(m.t.Endpoints.Names))
	m.blocks.cells.each(func(e, c uint32, row []float64) {
		if c == 0 || e == 0 {
			return
		}
		if by[e] == nil {
			by[e] = map[string][]float64{}
		}
		by[e][m.t.Containers.Names[c]] = row
	})
	for e, row := range by {
		if row != nil {
			ex.Endpoints = append(ex.Endpoints, memory.Counts{Endpoint: m.t.Endpoints.Names[e], ByContainer: row})
		}
	}
	return ex
}

// countedExposure builds the counts of the memory regression from what the source computed itself.
func (m *Measured) countedExposure() memory.Exposure {
	ex := memory.Exposure{From: m.t.Window.From, Block: m.blocks.width, N: m.blocks.n}
	type cell struct{ endpoint, container string }
	cells := map[cell][]float64{}
	for i := range m.t.Evidence.Exposures {
		e := &m.t.Evidence.Exposures[i]
		if e.Container == "" || e.Count <= 0 || e.To <= e.From {
			continue
		}
		k := cell{exposureName(e), m.t.Names.Of(e.Container)}
		row := cells[k]
		if row == nil {
			if len(cells) >= maxCells {
				continue
			}
			row = make([]float64, m.blocks.n)
			cells[k] = row
		}
		// Spread evenly over the blocks that the stretch touches.
		lo, hi := max(e.From, m.t.Window.From), min(e.To, m.t.Window.To)
		for b := int(lo.Sub(m.t.Window.From) / m.blocks.width); b < m.blocks.n && hi > lo; b++ {
			from := m.t.Window.From.Add(m.blocks.width * time.Duration(b))
			in := min(hi, from.Add(m.blocks.width)) - max(lo, from)
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
