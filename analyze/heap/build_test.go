package heap

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"lastcall/collectors/record"
)

// at0 is when the profiles made here begin.
var at0 = time.Date(2026, 11, 16, 13, 0, 0, 0, time.UTC)

// made is one profile to be made for a test.
type made struct {
	container, instance, version string
	minute                       float64
	types                        string // "inuse_objects/count inuse_space/bytes" unless set
	// stacks map "fn@file:line < caller@file:line" to megabytes of the last sample type.
	stacks  map[string]float64
	alloc   map[string]float64 // in the first sample type, when types begins with alloc_space
	label   map[string]string
	build   string
	comment []string
	oom     bool
	span    time.Duration
	period  int64
	name    string
}

func (m made) profile(t testing.TB) *profile.Profile {
	t.Helper()
	if m.types == "" {
		m.types = "inuse_objects/count inuse_space/bytes"
	}
	p := &profile.Profile{TimeNanos: at0.Add(time.Duration(m.minute * float64(time.Minute))).UnixNano(), DurationNanos: int64(m.span), Comments: m.comment, Period: m.period, PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}}
	if p.Period == 0 {
		p.Period = 4096 // finely sampled: the tests are of the logic, not of the noise
	}
	for s := range strings.FieldsSeq(m.types) {
		typ, unit, _ := strings.Cut(s, "/")
		p.SampleType = append(p.SampleType, &profile.ValueType{Type: typ, Unit: unit})
	}
	if m.build != "" {
		p.Mapping = []*profile.Mapping{{ID: 1, File: "/app/server", BuildID: m.build}}
	}
	b := &builder{p: p, locs: map[string]*profile.Location{}, fns: map[string]*profile.Function{}}
	stacks := map[string]bool{}
	for s := range m.stacks {
		stacks[s] = true
	}
	for s := range m.alloc {
		stacks[s] = true
	}
	for s := range stacks {
		v := make([]int64, len(p.SampleType))
		v[len(v)-1] = int64(m.stacks[s] * 1e6)
		if a, ok := m.alloc[s]; ok {
			v[0] = int64(a * 1e6)
		}
		smp := &profile.Sample{Value: v}
		for k, val := range m.label {
			if smp.Label == nil {
				smp.Label = map[string][]string{}
			}
			smp.Label[k] = []string{val}
		}
		for f := range strings.SplitSeq(s, " < ") {
			name, at, _ := strings.Cut(f, "@")
			file, line := at, int64(0)
			if i := strings.LastIndexByte(at, ':'); i > 0 {
				if n, err := strconv.ParseInt(at[i+1:], 10, 64); err == nil {
					file, line = at[:i], n
				}
			}
			l := b.location(name, file, line)
			if len(p.Mapping) > 0 {
				l.Mapping = p.Mapping[0]
			}
			smp.Location = append(smp.Location, l)
		}
		p.Sample = append(p.Sample, smp)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (m made) record(t testing.TB) record.Profile {
	t.Helper()
	var buf bytes.Buffer
	if err := m.profile(t).Write(&buf); err != nil {
		t.Fatal(err)
	}
	if m.name == "" {
		m.name = fmt.Sprintf("%s_%g.pb.gz", m.container, m.minute)
	}
	return record.Profile{
		Name: m.name, Data: buf.Bytes(), Container: m.container, Instance: m.instance, Version: m.version, OnOOM: m.oom,
		Time: record.TimeOf(at0.Add(time.Duration(m.minute * float64(time.Minute)))),
	}
}

// grows makes a series of profiles of one container, in which the stacks of base stay and those of slope gain so many megabytes
// a minute.
func grows(t testing.TB, container string, n int, base, slope map[string]float64) []record.Profile {
	t.Helper()
	var out []record.Profile
	for i := range n {
		out = append(out, made{container: container, minute: float64(i), stacks: plus(base, slope, float64(i))}.record(t))
	}
	return out
}

func plus(base, slope map[string]float64, minutes float64) map[string]float64 {
	m := map[string]float64{}
	for k, v := range base {
		m[k] += v
	}
	for k, v := range slope {
		m[k] += v * minutes
	}
	return m
}

func run(t testing.TB, ps []record.Profile, o Options) *Result {
	t.Helper()
	r, err := Analyze(t.Context(), ps, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func leading(r *Result) string {
	if r.Leading == nil {
		return ""
	}
	return r.Leading.Function
}

func minute(m float64) record.Time {
	return record.TimeOf(at0.Add(time.Duration(m * float64(time.Minute))))
}
