package heap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/google/pprof/profile"
)

// DiffRow is how much one function changed between two profiles, in bytes (or in the unit of the sample type asked for).
type DiffRow struct {
	Function string
	// Flat is what the function allocated itself, Cum what it and everything it called allocated.
	Flat, Cum int64
}

// Diff compares two profiles of one process by function: the same figures as the report of pprof with the first as its
// -diff_base. sampleType is such as "inuse_space"; empty means what measures memory in use. Rows are sorted by the size of the
// flat change, then of the cumulative one, then by name; functions without a change are left out. The error says why two
// profiles cannot be compared.
func Diff(first, last *profile.Profile, sampleType string) ([]DiffRow, error) {
	fi, ff, err := sampleIndex(first, sampleType)
	if err != nil {
		return nil, fmt.Errorf("the first profile: %w", err)
	}
	li, lf, err := sampleIndex(last, sampleType)
	if err != nil {
		return nil, fmt.Errorf("the last profile: %w", err)
	}
	rows := map[string]*DiffRow{}
	seen := map[string]bool{}
	add := func(p *profile.Profile, index int, factor float64, sign int64) {
		names := make(map[*profile.Location][]*DiffRow, len(p.Location))
		for _, l := range p.Location {
			var rs []*DiffRow
			for _, ln := range l.Line {
				if ln.Function != nil {
					rs = append(rs, rowOf(rows, ln.Function.Name))
				}
			}
			if len(rs) == 0 {
				rs = append(rs, rowOf(rows, fmt.Sprintf("%016x", l.Address)))
			}
			names[l] = rs
		}
		for _, s := range p.Sample {
			v := sign * scale(s.Value[index], factor)
			if v == 0 {
				continue
			}
			clear(seen)
			for i, l := range s.Location {
				for j, r := range names[l] {
					if i == 0 && j == 0 {
						r.Flat += v
					}
					if !seen[r.Function] {
						seen[r.Function] = true
						r.Cum += v
					}
				}
			}
		}
	}
	add(first, fi, ff, -1)
	add(last, li, lf, 1)
	var out []DiffRow
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		if r := rows[name]; r.Flat != 0 || r.Cum != 0 {
			out = append(out, *r)
		}
	}
	slices.SortStableFunc(out, func(x, y DiffRow) int {
		return cmp.Or(cmp.Compare(abs(y.Flat), abs(x.Flat)), cmp.Compare(abs(y.Cum), abs(x.Cum)))
	})
	return out, nil
}

func rowOf(rows map[string]*DiffRow, name string) *DiffRow {
	r := rows[name]
	if r == nil {
		r = &DiffRow{Function: name}
		rows[name] = r
	}
	return r
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

// sampleIndex finds a sample type by name, with the factor that turns its values into bytes (1 for what is not bytes).
func sampleIndex(p *profile.Profile, name string) (int, float64, error) {
	if name == "" {
		return SampleType(p)
	}
	for i, t := range p.SampleType {
		if normalType(t.Type) == normalType(name) {
			f, ok := unitBytes(t.Unit)
			if !ok {
				f = 1
			}
			return i, f, nil
		}
	}
	return -1, 0, &ParseError{Code: "no_such_sample_type", Why: fmt.Sprintf("it has no sample type %q", name)}
}
