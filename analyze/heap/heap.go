// Package heap answers which code holds the memory, from heap profiles in pprof form.
//
// [Analyze] takes profiles as they were found, sorts them into series (the profiles of one life of one process, in time order),
// and looks at the whole series rather than at two points of it: every stack is owned by one function of the user's own code,
// the bytes of each owner are followed through the series, and their shape tells a leak from a start-up step, a plateau, a
// filling cache and a sawtooth. A profile that the runtime wrote as memory ran out is compared with what the same code held
// before. Profiles are parsed one at a time and kept as values per stack only, so that memory does not grow with their size on
// disk but with the number of different stacks that hold memory.
//
// The package knows neither requests nor crashes beyond what [Options] says of them, and does no input or output.
package heap

import (
	"context"
	"maps"
	"slices"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// Options are what the caller knows besides the profiles. The zero value is ready to use.
type Options struct {
	// UserCode are prefixes of the user's own code: a module path or package ("github.com/acme/shop", "com.acme") matched
	// against function names, or a folder ("/app/src") matched against file names. Empty: told apart by the conventions of
	// each language (standard library, module cache, node_modules and the like are not the user's).
	UserCode []string
	// Deaths are the deaths of containers. A series ends at one; a profile near one counts most.
	Deaths []Death
	// Endpoints are the templates that have traffic, such as "GET /api/users/{id}".
	Endpoints []string
	// HandlerRoutes maps the name of a handler function, as a profile has it, to its endpoint, where that is known.
	HandlerRoutes map[string]string
	// MaxRows bounds Result.Heap and Result.Goroutines; 0 means 20.
	MaxRows int
	// MaxFlameNodes bounds the flame graph; 0 means 2000.
	MaxFlameNodes int
}

// Death is the end of one life of a container.
type Death struct {
	Container, Instance string
	Time                record.Time
	// ID is the id of the crash in the report, such as "c1".
	ID string
}

// Result is what the profiles say.
type Result struct {
	// Heap are the functions that grew, the one to look at first first. Each byte of growth belongs to one row only.
	Heap []finding.Heap
	// Goroutines are the groups that block or grow, leaks first.
	Goroutines []finding.Goroutines
	// Notes say in sentences what the profiles can and cannot show.
	Notes []string
	// Flame is the growth as a tree of stacks; nil without two comparable profiles.
	Flame *finding.Flame
	// Warnings count profiles that could not be used, and why.
	Warnings []record.Warning
	// Leading is the user's function that keeps growing, or that held the memory as it ran out; nil when nothing does.
	Leading *finding.Heap
	// Confidence grades Leading; Insufficient when it is nil.
	Confidence finding.Grade
	// Reasons say what Confidence rests on.
	Reasons []string
	// Outside is growth that no user code can be named for, because the profile has no stack for it (buffers outside the
	// JavaScript heap, native memory); nil when there is none that matters.
	Outside *finding.Heap
	// Series are the series that were compared, by container and time.
	Series []Series
}

// Series describes the profiles of one life of one process.
type Series struct {
	Container, Instance, Version string
	// SampleType is what was compared, such as "inuse_space".
	SampleType string
	From, To   record.Time
	Profiles   int
	// FirstBytes and LastBytes are the memory in use in the first and last profile.
	FirstBytes, LastBytes int64
	Shape                 finding.Shape
	// OnOOM reports whether the last profile was written as memory ran out.
	OnOOM bool
	// Crash is the id of the death that ended the series; empty when none did.
	Crash string
	// BlindSeconds is the time between the last profile and that death; 0 when there was none.
	BlindSeconds float64
}

const (
	defaultMaxRows       = 20
	defaultMaxFlameNodes = 2000
)

// Analyze reads the profiles and concludes. Profiles that cannot be used are counted in Result.Warnings; an error means that
// ctx was cancelled. The same profiles in any order give the same result.
func Analyze(ctx context.Context, profiles []record.Profile, o Options) (*Result, error) {
	if o.MaxRows <= 0 {
		o.MaxRows = defaultMaxRows
	}
	if o.MaxFlameNodes <= 0 {
		o.MaxFlameNodes = defaultMaxFlameNodes
	}
	a := newAnalysis(o)
	if err := a.load(ctx, profiles); err != nil {
		return nil, err
	}
	return a.conclude(ctx)
}

// conclude compares the profiles that were read.
func (a *analysis) conclude(ctx context.Context) (*Result, error) {
	res := &Result{Confidence: finding.Insufficient}
	lives := a.split()
	a.setReferences(lives)
	compared := lives
	if !slices.ContainsFunc(lives, func(s *series) bool { return len(s.snaps) > 1 || s.alone() }) {
		compared = a.changes()
	}

	weights := make([]float64, a.stacks.len())
	for _, s := range compared {
		a.addGrowth(weights, s)
	}
	own := a.findOwners(weights)
	rows, gross, err := a.rows(ctx, compared, own)
	if err != nil {
		return nil, err
	}
	a.publish(res, rows, gross, own, weights)
	res.Flame = a.flame(rows, compared)
	res.Goroutines = a.goroutines(res)
	a.notesFor(res, lives)
	for _, s := range lives {
		res.Series = append(res.Series, s.describe())
	}
	for _, code := range slices.Sorted(maps.Keys(a.warnings)) {
		res.Warnings = append(res.Warnings, *a.warnings[code])
	}
	return res, nil
}
