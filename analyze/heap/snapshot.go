package heap

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"lastcall/collectors/record"
)

// measures says how the bytes of a snapshot are to be read.
type measures uint8

const (
	absolute measures = iota // memory in use at one instant
	delta                    // change over a span of time (?seconds=N)
	diffed                   // one profile less another: negative values
)

// snapshot is one heap profile, folded to values per stack.
type snapshot struct {
	name                         string
	time                         record.Time
	container, instance, version string
	process                      string // what the profile itself says of the process: pid, build id, binary
	sampleType                   string
	measures                     measures
	span                         time.Duration // of a delta
	period                       int64         // bytes between samples; 0 when unknown
	values                       []stackBytes  // sorted by stack, no zeros
	total                        int64
	alloc                        int64 // cumulative bytes allocated by the process, 0 when the profile has none
	oom                          bool
	labels                       []labelled
	merged                       bool
}

type stackBytes struct {
	stack int32
	bytes int64
}

// labelled is memory of one stack under a label that names an endpoint.
type labelled struct {
	stack    int32
	endpoint string
	bytes    int64
}

// at returns the bytes of a stack.
func (s *snapshot) at(stack int32) int64 {
	i, ok := slices.BinarySearchFunc(s.values, stack, func(v stackBytes, id int32) int { return cmp.Compare(v.stack, id) })
	if !ok {
		return 0
	}
	return s.values[i].bytes
}

// fold turns a parsed profile into a snapshot. A nil snapshot comes with the code and text of the warning.
func (a *analysis) fold(rp *record.Profile, p *profile.Profile) (s *snapshot, code, why string) {
	cols, err := columnsOf(p)
	if err != nil {
		return nil, parseErrorCode(err), "a profile was left out: " + err.Error()
	}
	s = &snapshot{
		name: rp.Name, time: profileTime(rp, p), container: rp.Container, instance: rp.Instance, version: rp.Version,
		sampleType: p.SampleType[cols.live].Type, oom: rp.OnOOM,
	}
	if p.PeriodType != nil && strings.Contains(strings.ToLower(p.PeriodType.Type), "space") || p.Period > 1024 {
		s.period = p.Period
	}
	s.identify(p)
	signs := a.sum(s, p, cols)
	s.merged = s.merged || len(signs.processes) > 1
	switch {
	case signs.base:
		s.measures = diffed
	case (p.DurationNanos > 0 || isDelta(p)) && !signs.proveAbsolute(s):
		s.measures, s.span = delta, time.Duration(p.DurationNanos)
	case signs.negative:
		s.measures = diffed
	}
	return s, "", ""
}

// signs are what the samples of a profile say of what it is, besides their values.
type signs struct {
	base      bool  // pprof's label of a difference
	negative  bool  // some value is
	excess    int64 // bytes that stacks hold above what they ever allocated
	processes map[string]bool
}

// maxProcesses bounds the processes told apart in one profile: more than one is all that matters.
const maxProcesses = 8

// sum adds up the samples of a profile by their stacks.
func (a *analysis) sum(s *snapshot, p *profile.Profile, cols columns) signs {
	r := a.stacks.resolver(p)
	bytes := make(map[int32]int64, len(p.Sample))
	seen := signs{processes: map[string]bool{}}
	for _, sm := range p.Sample {
		v, alloc := cols.bytes(sm)
		s.alloc += alloc
		if v == 0 && (alloc == 0 || a.stacks.full) {
			continue
		}
		// Stacks that hold nothing now are interned too: who else calls a helper tells a helper from a culprit.
		id := a.stacks.stack(r.frames(sm))
		if v == 0 {
			continue
		}
		bytes[id] += v
		s.total += v
		if e := labelEndpoint(sm); e != "" {
			s.labels = append(s.labels, labelled{id, e, v})
		}
		seen.negative = seen.negative || v < 0
		if cols.alloc >= 0 {
			seen.excess += max(0, v-alloc)
		}
		if id := labelProcess(sm); id != "" && len(seen.processes) < maxProcesses {
			seen.processes[id] = true
		}
		if _, ok := sm.Label["pprof::base"]; ok {
			seen.base = true
		}
	}
	s.values = make([]stackBytes, 0, len(bytes))
	for id, v := range bytes {
		if v != 0 {
			s.values = append(s.values, stackBytes{id, v})
		}
	}
	slices.SortFunc(s.values, func(x, y stackBytes) int { return cmp.Compare(x.stack, y.stack) })
	return seen
}

// proveAbsolute reports whether a profile that spans a time holds memory in use nevertheless, as some agents write them. In a
// delta no stack can keep more than it allocated within the time, so an excess proves that the values are older than that; and
// "live" is what it says.
func (seen *signs) proveAbsolute(s *snapshot) bool {
	if seen.negative {
		return false
	}
	return strings.Contains(normalType(s.sampleType), "live") || s.total > 0 && float64(seen.excess) > absoluteExcess*float64(s.total)
}

// absoluteExcess is the share of the memory in use that must be an excess: a little comes of rounding.
const absoluteExcess = 0.05

func isDelta(p *profile.Profile) bool {
	for _, c := range append([]string{p.DocURL}, p.Comments...) {
		if c := strings.ToLower(c); strings.Contains(c, "delta profile") || strings.Contains(c, "?seconds=") || strings.Contains(c, "&seconds=") {
			return true
		}
	}
	return false
}
