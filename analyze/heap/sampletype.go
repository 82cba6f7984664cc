package heap

import (
	"fmt"
	"math"
	"strings"

	"github.com/google/pprof/profile"
)

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

// columns are what of a profile is read.
type columns struct {
	live   int     // the index of the memory in use among the values of a sample
	factor float64 // turns it into bytes
	alloc  int     // the index of what was ever allocated; -1 when the profile does not hold it
}

func columnsOf(p *profile.Profile) (columns, error) {
	live, factor, err := SampleType(p)
	if err != nil {
		return columns{}, err
	}
	return columns{live: live, factor: factor, alloc: pick(p.SampleType, allocTypes, isByteUnit)}, nil
}

// bytes returns what a sample holds and what it ever allocated, 0 where the profile does not say.
func (c columns) bytes(s *profile.Sample) (live, alloc int64) {
	if c.alloc >= 0 {
		alloc = s.Value[c.alloc]
	}
	return scale(s.Value[c.live], c.factor), alloc
}

func scale(v int64, factor float64) int64 {
	if factor == 1 {
		return v
	}
	return int64(min(max(float64(v)*factor, -math.MaxInt64/2), math.MaxInt64/2))
}
