// Package traffic measures what was gathered: facts about requests and those that served them, for others to judge. It works in steps:
//
//	traffic.go   numbers for endpoints and containers, what is looked at (limits.go, window.go, sampled.go)
//	lines.go     whose lines count, and the passes over them
//	join.go      router and application lines of one request brought together: which never ended
//	lives.go     deaths, restarts, lives (package life), on the clock of the requests; survived.go: what was none
//	quiet.go     which moments are quiet
//	measure.go   the pass over all requests: how often each endpoint is open, at each age, at a quiet moment (base.go, around.go,
//	             returning.go); the requests before each death (cases.go); counts for the regression of memory (cells.go, exposure.go)
//	controls.go  passes that answer one question each (also breaks.go, untied.go, curves.go)
//	families.go  paths that differ in one segment taken as one, for a second look
//
// [New] makes the first steps, [Traffic.Measure] the pass. A [Traffic] may be measured again under other names of endpoints.
package traffic

import (
	"slices"
	"sort"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// curveKey names one curve of a container.
type curveKey struct {
	container string
	metric    record.Metric
}

// Asked is what was asked for.
type Asked struct {
	// From and To bound the window; zero means what the evidence covers.
	From, To record.Time
	// Planned are windows in which restarts were planned.
	Planned []life.Span
}

// Traffic is what the evidence tells of requests and of those that served them, before the pass that measures them: names, whose lines
// count, which requests were not answered, lives and deaths, and which moments are quiet.
type Traffic struct {
	Evidence *intake.Evidence // small records in order, one name for each container, none outside of Window
	Names    *naming.Canon
	Asked    Asked
	Window   life.Span // of the evidence, as far as it was asked for

	Endpoints  Endpoints
	Containers Containers
	Layer      record.Layer                  // whose lines count
	groups     map[group]int64               // lines
	useGroup   []bool                        // by intake.TallyOf: whether these lines are counted
	curveOf    map[curveKey][]*intake.Series // of all instances of a container, in no order
	spans      intake.Spans                  // per container, when its requests began and ended
	Sampled    Sampling

	Pending []Pending // in the order of their starts
	Life    *life.Result
	Deaths  Deaths
	Quiet   Quiet

	Left   Left
	copies bool // some line was read twice
}

// New finds all that can be known before the requests are measured. The evidence belongs to it from then on.
func New(ev *intake.Evidence, asked Asked) (*Traffic, error) {
	t := &Traffic{Evidence: ev, Asked: asked}
	if err := t.prepare(); err != nil {
		return nil, err
	}
	if err := t.lives(); err != nil {
		return nil, err
	}
	return t, nil
}

// Endpoints are the endpoints by index, the first of which stands for all that did not fit into the table.
type Endpoints struct {
	Names    []string // in the order of the alphabet, but for the first
	of       []uint32 // raw endpoint id -> index
	Overflow int64    // endpoints that did not fit
	// Families are the names that stand for several paths which differ in one segment, and Joined is how many endpoints those were; nil and 0
	// but in a second look (see [Traffic.WithFamilies]).
	Families map[string]bool
	Joined   int
}

// Containers are the containers by index, in the order of their names; 0 is none.
type Containers struct {
	Names []string
	of    []uint32 // raw container id -> index, or notLookedAt
	Named bool     // requests name their container, or there is only one; else all are looked at as one, of index 0
}

// prepare maps ids, chooses whose lines count, and joins what the other lines know.
func (t *Traffic) prepare() error {
	var err error
	if t.Names, err = naming.Resolve(t.Evidence, t.Asked.From, t.Asked.To); err != nil {
		return err
	}
	fleet := t.fleetNames()
	if len(fleet) == 0 && len(t.Evidence.Crashes) > 0 {
		// A log of one container, as kubectl prints it, names none.
		for i := range t.Evidence.Crashes {
			t.Evidence.Crashes[i].Container = soleName
		}
		fleet = []string{soleName}
	}
	naming.Sort(t.Evidence)
	t.curveOf = map[curveKey][]*intake.Series{}
	for k, s := range t.Evidence.Series {
		t.curveOf[curveKey{k.Container, k.Metric}] = append(t.curveOf[curveKey{k.Container, k.Metric}], s)
	}
	t.Endpoints.of, t.Endpoints.Names, t.Endpoints.Overflow = t.Evidence.Endpoints.Collapse(t.endpointCounts(), t.refusedAlways())
	for len(t.Endpoints.of) < t.Evidence.Endpoints.Len() {
		t.Endpoints.of = append(t.Endpoints.of, 0)
	}
	t.bound()
	t.mapContainers(fleet)
	t.readSampling()
	t.chooseGroups()
	return t.join()
}

// endpointCounts counts requests by raw endpoint id. A router and an application tell of the same ones: the layer that tells of more
// counts, for each endpoint.
func (t *Traffic) endpointCounts() []int64 {
	counts := make([]int64, t.Evidence.Endpoints.Len())
	for layer := range intake.Layers {
		of := make([]int64, len(counts))
		for at := layer; at < len(t.Evidence.Tallies); at += intake.Layers {
			if x := t.Evidence.Tallies[at]; x != nil && !t.Evidence.Again[at] {
				for e, n := range x.Counts[:min(len(x.Counts), len(of))] {
					of[e] += int64(n)
				}
			}
		}
		for e, n := range of {
			counts[e] = max(counts[e], n)
		}
	}
	return counts
}

// refusedAlways tells, by raw endpoint id, of which endpoints all requests were answered as if there were no such endpoint. What began and
// never ended was not.
func (t *Traffic) refusedAlways() []bool {
	refused := make([]bool, t.Evidence.Endpoints.Len())
	left := make([]int64, len(refused)) // requests that were not
	for at, x := range t.Evidence.Tallies {
		if x == nil || t.Evidence.Again[at] {
			continue
		}
		for e, n := range x.Counts[:min(len(x.Counts), len(left))] {
			left[e] += int64(n)
		}
		for e, n := range x.Refused[:min(len(x.Refused), len(left))] {
			left[e] -= int64(n)
			refused[e] = refused[e] || n > 0
		}
	}
	for _, starts := range t.Evidence.Open {
		for i := range starts {
			left[starts[i].Endpoint]++
		}
	}
	for e := range refused {
		refused[e] = refused[e] && left[e] == 0
	}
	return refused
}

// mapContainers gives the first of the fleet dense indexes in the order of their names; 0 is none. The records of the others are left
// out.
func (t *Traffic) mapContainers(fleet []string) {
	t.Containers.Names = append([]string{""}, fleet[:min(len(fleet), MaxFleet)]...)
	sort.Strings(t.Containers.Names)
	t.Containers.of = make([]uint32, len(t.Evidence.Containers))
	for raw, n := range t.Evidence.Containers {
		t.Containers.of[raw] = t.Containers.Index(t.Names.Of(n))
		if n != "" && t.Containers.of[raw] == 0 || raw == intake.OtherContainers {
			t.Containers.of[raw] = notLookedAt
		}
	}
	if n := len(fleet) - MaxFleet; n > 0 {
		t.Left.Containers = int64(n)
		t.leaveOut()
	}
}

// Index returns the index of a container; 0 when it is none of these.
func (c *Containers) Index(name string) uint32 {
	i, ok := slices.BinarySearch(c.Names, name)
	if !ok {
		return 0
	}
	return uint32(i)
}

// soleName is the name of the only container there is when nothing names it.
const soleName = "the container"

// soleContainer returns the container that all requests must be of when there is only one; 0 otherwise.
func (t *Traffic) soleContainer() uint32 {
	if len(t.Containers.Names) == 2 && t.Left.Containers == 0 {
		return 1
	}
	return 0
}
