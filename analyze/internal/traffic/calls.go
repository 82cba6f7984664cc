package traffic

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"lastcall/collectors/record"
)

const (
	// maxCalls bounds the calls that are kept of one endpoint: of those with more none is.
	maxCalls = 2000
	// minCalls are kept of each where there are many endpoints, up to allCalls of all.
	minCalls = 20
	allCalls = 200_000
)

// callStart is one request of an endpoint that is called rarely.
type callStart struct {
	start     record.Time
	container uint32
}

// calls are the requests of the endpoints that are called rarely.
type calls struct {
	most int
	of   [][]callStart // by index of the endpoint; nil where there were too many
}

func newCalls(endpoints int) calls {
	return calls{most: min(max(allCalls/max(endpoints, 1), minCalls), maxCalls), of: make([][]callStart, endpoints)}
}

// add adds the n-th request of an endpoint.
func (c *calls) add(endpoint uint32, n int64, container uint32, start record.Time) {
	if n <= int64(c.most) {
		c.of[endpoint] = append(c.of[endpoint], callStart{start, container})
	} else if c.of[endpoint] != nil {
		c.of[endpoint] = nil
	}
}

// Call is one request of an endpoint, whatever became of it.
type Call struct {
	Start     record.Time
	Container uint32 // index
	// Age is how long its container had lived when it began, as far as the evidence goes back.
	Age time.Duration
	// Death is the one that it was open at, -1 for none; of those with one the caller and the path are known as far as they are logged.
	Death      int
	User, Path uint32 // hashes; 0 where not known
}

// Calls returns the requests of an endpoint in the order of time; none where it is called too often for each to be known.
func (m *Measured) Calls(t *Traffic, endpoint int) []Call {
	if endpoint <= 0 || endpoint >= len(m.calls.of) {
		return nil
	}
	began := t.beginnings()
	at := map[callStart]*Pending{}
	for i := range t.Pending {
		if p := &t.Pending[i]; p.Death >= 0 && int(p.Endpoint) == endpoint {
			at[callStart{p.Start, p.Container}] = p
		}
	}
	starts := slices.SortedFunc(slices.Values(m.calls.of[endpoint]), func(a, b callStart) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.container, b.container))
	})
	out := make([]Call, len(starts))
	for i, s := range starts {
		out[i] = Call{Start: s.start, Container: s.container, Age: s.start.Sub(t.Window.From), Death: -1}
		if p := at[s]; p != nil {
			out[i].Death, out[i].User, out[i].Path = p.Death, p.User, p.Path
		}
		of := began[s.container]
		if n := sort.Search(len(of), func(i int) bool { return of[i] > s.start }); n > 0 {
			out[i].Age = s.start.Sub(of[n-1])
		}
	}
	return out
}

// beginnings returns, by container, when its lives began and its deaths were, in order.
func (t *Traffic) beginnings() [][]record.Time {
	out := make([][]record.Time, len(t.Containers.Names))
	for i := range t.Life.Lives {
		l := &t.Life.Lives[i]
		if c := t.Containers.Index(l.Container); c != 0 && l.Start != 0 {
			out[c] = append(out[c], l.Start)
		}
	}
	for d := range t.Life.Deaths {
		if c := t.Containers.Index(t.Life.Deaths[d].Container); c != 0 {
			out[c] = append(out[c], t.Deaths.At[d])
		}
	}
	for _, of := range out {
		slices.Sort(of)
	}
	return out
}
