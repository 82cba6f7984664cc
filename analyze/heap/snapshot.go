package heap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path"
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
	pos                          record.Pos
	time                         record.Time
	container, instance, version string
	process                      string // what the profile itself says of the process: pid, build id, binary
	sampleType                   string
	language                     language
	measures                     measures
	span                         time.Duration // of a delta
	period                       int64         // bytes between samples; 0 when unknown
	values                       []stackBytes  // sorted by stack, no zeros
	total, objects               int64
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

type analysis struct {
	o         Options
	stacks    *stacks
	class     classifier
	heaps     []*snapshot
	blocked   []*goroutineCount
	warnings  map[string]*record.Warning
	notes     []string
	languages map[language]bool
}

func newAnalysis(o Options) *analysis {
	return &analysis{o: o, stacks: newStacks(), warnings: map[string]*record.Warning{}, languages: map[language]bool{}}
}

func (a *analysis) warn(code string, p *record.Profile, text string) {
	w := a.warnings[code]
	if w == nil {
		w = &record.Warning{Code: code, Pos: p.Pos, Text: text, Example: clip(p.Name, 200)}
		a.warnings[code] = w
	}
	w.Count++
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// load parses the profiles one at a time, in an order that does not depend on theirs.
func (a *analysis) load(ctx context.Context, profiles []record.Profile) error {
	order := make([]int, len(profiles))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		p, q := &profiles[i], &profiles[j]
		return cmp.Or(cmp.Compare(p.Container, q.Container), cmp.Compare(p.Time, q.Time), cmp.Compare(p.Name, q.Name),
			cmp.Compare(len(p.Data), len(q.Data)), slices.Compare(p.Data, q.Data))
	})
	for n, i := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n > 0 && sameProfile(&profiles[order[n-1]], &profiles[i]) {
			a.warn("duplicate_profile", &profiles[i], "the same profile was given more than once; it counts once")
			continue
		}
		a.add(&profiles[i])
	}
	a.class = newClassifier(a.stacks.fns, a.o.UserCode)
	for i := range a.stacks.fns {
		f := &a.stacks.fns[i]
		f.code = a.class.classify(f.name, f.file)
	}
	slices.SortStableFunc(a.heaps, func(x, y *snapshot) int {
		return cmp.Or(cmp.Compare(x.container, y.container), cmp.Compare(x.time, y.time), cmp.Compare(x.name, y.name))
	})
	return nil
}

func sameProfile(p, q *record.Profile) bool {
	return p.Container == q.Container && p.Time == q.Time && slices.Equal(p.Data, q.Data)
}

func (a *analysis) add(rp *record.Profile) {
	p, err := Parse(rp.Data)
	if err != nil {
		why := err.Error()
		if pe, ok := errors.AsType[*ParseError](err); ok {
			why = pe.Why
		}
		a.warn(parseErrorCode(err), rp, "a profile could not be read: "+why)
		return
	}
	if isGoroutineProfile(p) {
		a.addGoroutines(rp, p)
		return
	}
	s, code, why := a.fold(rp, p)
	if s == nil {
		a.warn(code, rp, why)
		return
	}
	a.heaps = append(a.heaps, s)
}

// liveTypes are the sample types that measure memory in use, by their name in lower case with underscores, best first.
var liveTypes = []string{"inuse_space", "inuse_bytes", "live_space", "live_bytes", "live_size", "heap_live_size", "heap_live_space",
	"live", "heap_space", "space", "heap"}

// countTypes measure objects in use.
var countTypes = []string{"inuse_objects", "live_objects", "heap_live_samples", "objects"}

// allocTypes measure what was ever allocated.
var allocTypes = []string{"alloc_space", "alloc_bytes", "alloc_size", "alloc_in_new_tlab_bytes", "alloc"}

func normalType(t string) string {
	t = strings.ReplaceAll(strings.ToLower(t), "-", "_")
	if i := strings.LastIndexByte(t, ':'); i >= 0 { // memory:alloc_in_new_tlab_bytes
		t = t[i+1:]
	}
	return t
}

// unitBytes returns how many bytes one unit is.
func unitBytes(unit string) (float64, bool) {
	switch strings.ToLower(unit) {
	case "bytes", "byte", "b", "":
		return 1, true
	case "kb", "kib", "kilobytes", "kilobyte", "kibibytes":
		return 1 << 10, true
	case "mb", "mib", "megabytes", "megabyte", "mebibytes":
		return 1 << 20, true
	case "gb", "gib", "gigabytes", "gigabyte", "gibibytes":
		return 1 << 30, true
	}
	return 0, false
}

// pick returns the index of the first sample type of the list that has a fitting unit, -1 if there is none.
func pick(types []*profile.ValueType, want []string, fits func(unit string) bool) int {
	for _, w := range want {
		for i, t := range types {
			if normalType(t.Type) == w && fits(t.Unit) {
				return i
			}
		}
	}
	return -1
}

func isByteUnit(u string) bool  { _, ok := unitBytes(u); return ok && u != "" }
func isCountUnit(u string) bool { return u == "count" || u == "objects" || u == "samples" || u == "" }

// SampleType returns the index of the sample type that measures memory in use, in bytes, and the factor that turns its values
// into bytes. It goes by type and unit, not by position; the error says what the profile holds instead.
func SampleType(p *profile.Profile) (index int, factor float64, err error) {
	i := pick(p.SampleType, liveTypes, isByteUnit)
	if i < 0 { // a legacy profile may have no units
		i = pick(p.SampleType, liveTypes[:7], func(u string) bool { return u == "" })
	}
	if i >= 0 {
		f, _ := unitBytes(p.SampleType[i].Unit)
		return i, f, nil
	}
	var have []string
	for _, t := range p.SampleType {
		have = append(have, t.Type+"/"+t.Unit)
	}
	switch {
	case pick(p.SampleType, allocTypes, isByteUnit) >= 0:
		return -1, 0, &ParseError{Code: "no_live_heap", Why: fmt.Sprintf("it holds allocations only (%s): they say what allocates, not what is kept; take a heap profile of live objects", strings.Join(have, ", "))}
	case pick(p.SampleType, countTypes, isCountUnit) >= 0:
		return -1, 0, &ParseError{Code: "no_live_heap", Why: fmt.Sprintf("it counts objects but not bytes (%s)", strings.Join(have, ", "))}
	}
	return -1, 0, &ParseError{Code: "not_a_heap_profile", Why: fmt.Sprintf("it measures %s, not memory", strings.Join(have, ", "))}
}

// fold turns a parsed profile into a snapshot. A nil snapshot comes with the code and text of the warning.
func (a *analysis) fold(rp *record.Profile, p *profile.Profile) (s *snapshot, code, why string) {
	vi, factor, err := SampleType(p)
	if err != nil {
		return nil, parseErrorCode(err), "a profile was left out: " + err.Error()
	}
	s = &snapshot{
		name: rp.Name, pos: rp.Pos, time: profileTime(rp, p), container: rp.Container, instance: rp.Instance, version: rp.Version,
		sampleType: p.SampleType[vi].Type, oom: rp.OnOOM, language: profileLanguage(p),
	}
	if p.PeriodType != nil && strings.Contains(strings.ToLower(p.PeriodType.Type), "space") || p.Period > 1024 {
		s.period = p.Period
	}
	s.identify(p)
	oi := pick(p.SampleType, countTypes, isCountUnit)
	ai := pick(p.SampleType, allocTypes, isByteUnit)

	r := a.stacks.resolver(p)
	sums := make(map[int32]int64, len(p.Sample))
	var negative, excess int64
	ids := map[string]bool{}
	for _, sm := range p.Sample {
		v := scale(sm.Value[vi], factor)
		if ai >= 0 {
			s.alloc += sm.Value[ai]
		}
		if oi >= 0 {
			s.objects += sm.Value[oi]
		}
		if v == 0 && (ai < 0 || sm.Value[ai] == 0 || a.stacks.full) {
			continue
		}
		// Stacks that hold nothing now are interned too: who else calls a helper tells a helper from a culprit.
		id := a.stacks.stack(r.frames(sm))
		if v == 0 {
			continue
		}
		if v < 0 {
			negative++
		}
		if ai >= 0 {
			excess += max(0, v-sm.Value[ai])
		}
		sums[id] += v
		s.total += v
		if e := labelEndpoint(sm); e != "" {
			s.labels = append(s.labels, labelled{id, e, v})
		}
		if id := labelProcess(sm); id != "" && len(ids) < 8 {
			ids[id] = true
		}
		if _, ok := sm.Label["pprof::base"]; ok {
			s.measures = diffed
		}
	}
	s.values = make([]stackBytes, 0, len(sums))
	for id, v := range sums {
		if v != 0 {
			s.values = append(s.values, stackBytes{id, v})
		}
	}
	slices.SortFunc(s.values, func(x, y stackBytes) int { return cmp.Compare(x.stack, y.stack) })
	s.merged = s.merged || len(ids) > 1
	switch {
	case s.measures == diffed:
	case (p.DurationNanos > 0 || isDelta(p)) && !provenAbsolute(p.SampleType[vi].Type, negative, excess, s.total):
		s.measures, s.span = delta, time.Duration(p.DurationNanos)
	case negative > 0:
		s.measures = diffed
	}
	a.languages[s.language] = true
	return s, "", ""
}

// provenAbsolute reports whether a profile that spans a time holds memory in use nevertheless, as some agents write them. In a
// delta no stack can keep more than it allocated within the time, so an excess proves that the values are older than that; and
// "live" is what it says.
func provenAbsolute(sampleType string, negative, excess, total int64) bool {
	if negative > 0 {
		return false
	}
	return strings.Contains(normalType(sampleType), "live") || total > 0 && float64(excess) > 0.05*float64(total)
}

func scale(v int64, factor float64) int64 {
	if factor == 1 {
		return v
	}
	return int64(min(max(float64(v)*factor, -math.MaxInt64/2), math.MaxInt64/2))
}

func isDelta(p *profile.Profile) bool {
	for _, c := range append([]string{p.DocURL}, p.Comments...) {
		if c := strings.ToLower(c); strings.Contains(c, "delta profile") || strings.Contains(c, "?seconds=") || strings.Contains(c, "&seconds=") {
			return true
		}
	}
	return false
}

// profileTime is when the profile was taken. The profile's own time is finer than that of a file name, but some writers leave
// it out or give the time of serving; what the collector knows decides when the two differ by more than a file name rounds.
func profileTime(rp *record.Profile, p *profile.Profile) record.Time {
	own := record.Time(max(p.TimeNanos, 0))
	if rp.Time == 0 {
		return own
	}
	if d := own.Sub(rp.Time); own != 0 && d > -time.Minute && d < time.Minute {
		return own
	}
	return rp.Time
}

func profileLanguage(p *profile.Profile) language {
	var count [langNative + 1]int
	for _, f := range p.Function {
		count[languageOf(f.Name, f.Filename)]++
	}
	best := langUnknown
	for l := langGo; l <= langNative; l++ {
		if count[l] > 0 && (best == langUnknown || count[l] > count[best]) {
			best = l
		}
	}
	return best
}

// identify reads what the profile says of its process. Comments such as "pid: 123" are customary, not standard.
func (s *snapshot) identify(p *profile.Profile) {
	var id []string
	pids := map[string]bool{}
	for _, c := range p.Comments {
		k, v, ok := cutKey(c)
		if !ok {
			continue
		}
		switch k {
		case "pid", "process_id", "runtime_id", "runtime-id", "process.pid":
			if len(pids) == 0 {
				id = append(id, k+"="+v)
				if s.instance == "" {
					s.instance = v
				}
			}
			pids[v] = true
		case "start", "started", "start_time", "boot_id":
			id = append(id, k+"="+v)
		case "container", "host", "hostname", "pod", "instance":
			if s.container == "" {
				s.container = v
			}
		case "version", "build", "build_id", "service.version":
			if s.version == "" {
				s.version = v
			}
			id = append(id, k+"="+v)
		}
	}
	s.merged = len(pids) > 1
	if len(p.Mapping) > 0 && p.Mapping[0] != nil {
		m := p.Mapping[0]
		if m.BuildID != "" {
			id = append(id, "build="+m.BuildID)
		} else if m.File != "" {
			id = append(id, "binary="+path.Clean(m.File))
		}
		builds := map[string]bool{}
		for _, m := range p.Mapping {
			if m.BuildID != "" && path.Ext(m.File) == "" && path.Base(m.File) == path.Base(p.Mapping[0].File) {
				builds[m.BuildID] = true
			}
		}
		s.merged = s.merged || len(builds) > 1
	}
	s.process = strings.Join(id, " ")
}

func cutKey(c string) (k, v string, ok bool) {
	i := strings.IndexAny(c, ":=")
	if i <= 0 || i > 24 {
		return "", "", false
	}
	k, v = strings.ToLower(strings.TrimSpace(c[:i])), strings.TrimSpace(c[i+1:])
	return k, v, v != "" && !strings.ContainsAny(k, " \t")
}

func labelProcess(s *profile.Sample) string {
	for _, k := range []string{"pid", "process_id", "runtime-id", "runtime_id", "instance", "hostname", "pod"} {
		if v := s.Label[k]; len(v) == 1 {
			return k + "=" + v[0]
		}
		if v := s.NumLabel[k]; len(v) == 1 {
			return fmt.Sprintf("%s=%d", k, v[0])
		}
	}
	return ""
}
