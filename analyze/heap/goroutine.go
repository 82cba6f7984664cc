package heap

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

const (
	goroutineGroup  = 10    // goroutines at one place, or gained there, from which a group is worth a line
	goroutineFactor = 2     // times the first count, to be called a leak
	goroutineMany   = 10000 // blocked at one place in a single profile: suspicious by itself (LeakProf's threshold)
	maxTextLine     = 1 << 20
)

// goroutineCount is one goroutine profile, folded to counts per stack and state.
type goroutineCount struct {
	name                string
	time                record.Time
	container, instance string
	process             string
	leaked              bool // every goroutine in it was found unreachable by the runtime
	groups              []goroutineStack
	total               int64
}

type goroutineStack struct {
	stack   int32
	state   string
	minutes int64 // longest wait; 0 when unknown
	count   int64
}

func isGoroutineProfile(p *profile.Profile) bool { return goroutineIndex(p) >= 0 }

func goroutineIndex(p *profile.Profile) int {
	for i, t := range p.SampleType {
		switch normalType(t.Type) {
		case "goroutine", "goroutines", "goroutineleak", "goroutine_leak", "goroutineleaks":
			if isCountUnit(t.Unit) {
				return i
			}
		}
	}
	return -1
}

func (a *analysis) addGoroutines(rp *record.Profile, p *profile.Profile) {
	vi := goroutineIndex(p)
	if p.DurationNanos > 0 {
		a.warn("goroutine_delta", rp, "a goroutine profile was left out: it is a delta over a time, not a count")
		return
	}
	var id snapshot
	id.container, id.instance = rp.Container, rp.Instance
	id.identify(p)
	g := &goroutineCount{
		name: rp.Name, time: profileTime(rp, p), container: id.container, instance: id.instance, process: id.process,
		leaked: strings.Contains(normalType(p.SampleType[vi].Type), "leak"),
	}
	type key struct {
		stack int32
		state string
	}
	sums := map[key]*goroutineStack{}
	r := a.stacks.resolver(p)
	for _, s := range p.Sample {
		if s.Value[vi] <= 0 {
			continue
		}
		k := key{stack: a.stacks.stack(r.frames(s))}
		if v := s.Label["state"]; len(v) > 0 {
			k.state = v[0]
		} else {
			k.state = blockedState(a.stacks, k.stack)
		}
		e := sums[k]
		if e == nil {
			e = &goroutineStack{stack: k.stack, state: k.state}
			sums[k] = e
		}
		e.count += s.Value[vi]
		g.total += s.Value[vi]
		if v := s.NumLabel["minutes"]; len(v) > 0 {
			e.minutes = max(e.minutes, v[0])
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(sums), func(x, y key) int { return cmp.Or(cmp.Compare(x.stack, y.stack), cmp.Compare(x.state, y.state)) }) {
		g.groups = append(g.groups, *sums[k])
	}
	a.blocked = append(a.blocked, g)
}

// blockedStates name what a goroutine waits for by the functions of the runtime at the inner end of its stack, in the words of
// a goroutine dump. The first that matches decides; the outer function says more than the semaphore below it.
var blockedStates = []struct{ prefix, state string }{
	{"sync.(*WaitGroup).Wait", "sync.WaitGroup.Wait"}, {"sync.(*Cond).Wait", "sync.Cond.Wait"},
	{"sync.(*RWMutex).", "sync.RWMutex.Lock"}, {"sync.(*Mutex).", "sync.Mutex.Lock"}, {"internal/sync.(*Mutex).", "sync.Mutex.Lock"},
	{"runtime.chanrecv", "chan receive"}, {"runtime.chansend", "chan send"}, {"runtime.selectgo", "select"}, {"runtime.block", "select (no cases)"},
	{"runtime.netpollblock", "IO wait"}, {"internal/poll.runtime_pollWait", "IO wait"}, {"time.Sleep", "sleep"},
	{"runtime.semacquire", "semacquire"}, {"runtime.gcBgMarkWorker", "GC worker"}, {"runtime.notetsleepg", "syscall"}, {"syscall.", "syscall"},
}

func blockedState(s *stacks, stack int32) string {
	fs := s.of(stack)
	for _, b := range blockedStates {
		for _, f := range fs[:min(len(fs), 8)] {
			if strings.HasPrefix(s.fns[f.fn].name, b.prefix) {
				return b.state
			}
		}
	}
	return "running"
}

// waitsForever reports whether nothing outside the program can end a wait: a network peer and a timer can.
func waitsForever(state string) bool {
	for _, p := range []string{"chan ", "select", "sync.", "semacquire"} {
		if strings.HasPrefix(state, p) {
			return true
		}
	}
	return false
}

// blockedPlace is the innermost function of the user's code on a goroutine's stack; without one, the function that the goroutine
// began with.
func (a *analysis) blockedPlace(stack int32) (fn int32, line int64, user bool) {
	fs := a.stacks.of(stack)
	for _, f := range fs {
		if a.stacks.fns[f.fn].code == codeUser {
			return f.fn, int64(f.line), true
		}
	}
	for _, f := range slices.Backward(fs) {
		if a.stacks.fns[f.fn].name != "runtime.goexit" {
			return f.fn, int64(f.line), false
		}
	}
	return a.stacks.function("(no stack)", ""), 0, false
}

// goroutines groups the blocked goroutines of every container by place and state, and says which groups grow.
func (a *analysis) goroutines(res *Result) []finding.Goroutines {
	type series struct{ profiles []*goroutineCount }
	slices.SortStableFunc(a.blocked, func(x, y *goroutineCount) int {
		return cmp.Or(cmp.Compare(x.container, y.container), cmp.Compare(x.time, y.time), cmp.Compare(x.name, y.name))
	})
	var lives []*series
	var prev *goroutineCount
	for _, g := range a.blocked {
		same := prev != nil && prev.container == g.container && prev.instance == g.instance && prev.process == g.process && prev.leaked == g.leaked &&
			deathBetween(a.o.Deaths, &snapshot{container: g.container, instance: prev.instance, time: prev.time}, &snapshot{time: g.time}) == nil
		if !same {
			lives = append(lives, &series{})
		}
		l := lives[len(lives)-1]
		l.profiles = append(l.profiles, g)
		prev = g
	}
	type group struct {
		finding.Goroutines
		growth int64
	}
	var out []group
	best := map[string]int{} // place, state and container: one line, of the life that shows it most
	for _, l := range lives {
		first, last := l.profiles[0], l.profiles[len(l.profiles)-1]
		type key struct {
			fn    int32
			state string
		}
		counts, lines, minutes := map[key][]float64{}, map[key]map[int64]float64{}, map[key]int64{}
		x := make([]float64, len(l.profiles))
		for i, g := range l.profiles {
			x[i] = g.time.Sub(first.time).Seconds()
			if i > 0 && x[i] <= x[i-1] {
				x[i] = x[i-1] + 1
			}
			for _, s := range g.groups {
				fn, line, _ := a.blockedPlace(s.stack)
				k := key{fn, s.state}
				if counts[k] == nil {
					counts[k], lines[k] = make([]float64, len(l.profiles)), map[int64]float64{}
				}
				counts[k][i] += float64(s.count)
				lines[k][line] += float64(s.count)
				minutes[k] = max(minutes[k], s.minutes)
			}
		}
		for k, y := range counts {
			f := a.stacks.fns[k.fn]
			g := finding.Goroutines{Function: a.display(k.fn, 0), State: k.state, First: int64(y[0]), Last: int64(y[len(y)-1]), Container: last.container}
			if f.file != "" {
				file := f.file
				if top := topKeys(lines[k], 1); len(top) > 0 && top[0] > 0 {
					file += ":" + strconv.FormatInt(top[0], 10)
				}
				g.File = &file
			}
			g.Leak, g.Note = a.goroutineVerdict(x, y, k.state, first.leaked, len(l.profiles))
			if minutes[k] > 0 {
				g.Note = join("; ", g.Note, fmt.Sprintf("one has waited %d minutes", minutes[k]))
			}
			growth := g.Last - g.First
			if !g.Leak && g.Last < goroutineGroup && growth < goroutineGroup {
				continue
			}
			id := g.Function + "\x00" + g.State + "\x00" + g.Container
			if i, ok := best[id]; ok {
				if o := out[i]; g.Leak && !o.Leak || g.Leak == o.Leak && growth > o.growth {
					out[i] = group{g, growth}
				}
				continue
			}
			best[id] = len(out)
			out = append(out, group{g, growth})
		}
	}
	slices.SortFunc(out, func(x, y group) int {
		return cmp.Or(cmp.Compare(b2i(y.Leak), b2i(x.Leak)), cmp.Compare(y.growth, x.growth), cmp.Compare(y.Last, x.Last),
			cmp.Compare(x.Function, y.Function), cmp.Compare(x.State, y.State), cmp.Compare(x.Container, y.Container))
	})
	var rows []finding.Goroutines
	for _, g := range out[:min(len(out), a.o.MaxRows)] {
		rows = append(rows, g.Goroutines)
	}
	if len(rows) > 0 && rows[0].Leak {
		res.Notes = append(res.Notes, fmt.Sprintf("goroutines leak in %s (%s): %d, then %d", rows[0].Function, rows[0].State, rows[0].First, rows[0].Last))
	}
	return rows
}

func join(sep string, parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, sep)
}

// goroutineVerdict says whether a group leaks, from its counts y at seconds x.
func (a *analysis) goroutineVerdict(x, y []float64, state string, leaked bool, n int) (leak bool, note string) {
	last := y[len(y)-1]
	if leaked {
		return last > 0, "the runtime found that nothing can wake them"
	}
	growth := last - y[0]
	switch {
	case n >= minLeakProfiles && growth >= goroutineGroup && last >= goroutineFactor*max(y[0], 1):
		const unit = 1 << 20 // counts have no sampling noise: any unit above the smallest growth in bytes will do
		scaled := make([]float64, len(y))
		for i, v := range y {
			scaled[i] = v * unit
		}
		t := fitTrend(x, scaled, 1, last*unit)
		switch {
		case t.shape == finding.ShapeLeak && waitsForever(state):
			return true, fmt.Sprintf("keep adding up over %s and none ends", time.Duration(x[len(x)-1]*float64(time.Second)).Round(time.Second))
		case t.shape == finding.ShapeLeak:
			return false, "keep adding up; they wait for something outside the program, which load can explain"
		case t.shape == finding.ShapePlateau:
			return false, "grew, then stayed"
		}
		return false, "come and go"
	case n < minLeakProfiles && growth >= goroutineGroup:
		return false, fmt.Sprintf("%d profiles: a leak cannot be told from a peak", n)
	case last >= goroutineMany && waitsForever(state):
		return n == 1, "so many blocked at one place are rarely meant"
	}
	return false, ""
}

// Goroutine dumps as text: /debug/pprof/goroutine?debug=2 and the traces of a panic or SIGQUIT.

var (
	dumpHeader  = regexp.MustCompile(`(?m)^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\],]+)(?:, (\d+) minutes)?[^\]]*\]:\s*$`)
	dumpFile    = regexp.MustCompile(`^\t(.+):(\d+)(?: \+0x[0-9a-f]+)?(?: .*)?$`)
	symbolLine  = regexp.MustCompile(`^#\t(0x[0-9a-f]+)\t(.+?)(?:\+0x[0-9a-f]+)?\s+(\S.*):(\d+)\s*$`)
	callArgs    = regexp.MustCompile(`\([^()]*\)$`)
	createdByIn = regexp.MustCompile(` in goroutine \d+$`)
)

func isGoroutineDump(data []byte) bool {
	loc := dumpHeader.FindIndex(data[:min(len(data), 64<<10)])
	return loc != nil && (data[0] < 0x08 || data[0] > 0x7f || loc[0] == 0 || bytes.IndexByte(data[:loc[0]], 0) < 0)
}

// parseGoroutineDump reads a dump into a goroutine profile; the state and the longest wait become labels.
func parseGoroutineDump(data []byte) (*profile.Profile, error) {
	b := newBuilder("goroutine", "count")
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(make([]byte, 0, 64<<10), maxTextLine)
	var cur *profile.Sample
	var name string
	for sc.Scan() {
		line := sc.Text()
		if m := dumpHeader.FindStringSubmatch(line); m != nil {
			cur = &profile.Sample{Value: []int64{1}, Label: map[string][]string{"state": {m[1]}}}
			if min, err := strconv.ParseInt(m[2], 10, 64); err == nil {
				cur.NumLabel = map[string][]int64{"minutes": {min}}
			}
			b.p.Sample = append(b.p.Sample, cur)
			name = ""
			continue
		}
		switch {
		case cur == nil:
		case strings.TrimSpace(line) == "":
			cur = nil
		case strings.HasPrefix(line, "\t"):
			if m := dumpFile.FindStringSubmatch(line); m != nil && name != "" && len(cur.Location) < maxDepth {
				n, _ := strconv.ParseInt(m[2], 10, 64)
				cur.Location = append(cur.Location, b.location(name, m[1], n))
				name = ""
			}
		default:
			name = strings.TrimPrefix(line, "created by ")
			name = createdByIn.ReplaceAllString(name, "")
			name = strings.TrimSpace(callArgs.ReplaceAllString(name, ""))
		}
	}
	if err := sc.Err(); err != nil {
		return nil, &ParseError{Code: "malformed_profile", Why: "the goroutine dump has a line of more than 1 MiB", Err: err}
	}
	if err := b.p.CheckValid(); err != nil {
		return nil, &ParseError{Code: "malformed_profile", Why: "the goroutine dump could not be read", Err: err}
	}
	return b.p, nil
}

// builder makes small profiles from text.
type builder struct {
	p    *profile.Profile
	locs map[string]*profile.Location
	fns  map[string]*profile.Function
}

func newBuilder(typ, unit string) *builder {
	vt := &profile.ValueType{Type: typ, Unit: unit}
	return &builder{p: &profile.Profile{SampleType: []*profile.ValueType{vt}, PeriodType: vt, Period: 1}, locs: map[string]*profile.Location{}, fns: map[string]*profile.Function{}}
}

func (b *builder) location(name, file string, line int64) *profile.Location {
	k := name + "\x00" + file + "\x00" + strconv.FormatInt(line, 10)
	l := b.locs[k]
	if l == nil {
		l = &profile.Location{ID: uint64(len(b.p.Location) + 1), Line: []profile.Line{{Function: b.function(name, file), Line: line}}}
		b.p.Location = append(b.p.Location, l)
		b.locs[k] = l
	}
	return l
}

func (b *builder) function(name, file string) *profile.Function {
	k := name + "\x00" + file
	f := b.fns[k]
	if f == nil {
		f = &profile.Function{ID: uint64(len(b.p.Function) + 1), Name: name, SystemName: name, Filename: file}
		b.p.Function = append(b.p.Function, f)
		b.fns[k] = f
	}
	return f
}

// symbolize names the functions of a legacy text profile (?debug=1) from its comment lines, which the library skips: "#
// 0x46e0a5 main.leak+0x25 /app/main.go:12".
func symbolize(p *profile.Profile, data []byte) {
	if !bytes.Contains(data, []byte("\n#\t0x")) {
		return
	}
	bare := map[uint64]*profile.Location{}
	for _, l := range p.Location {
		if len(l.Line) == 0 {
			bare[l.Address] = l
		}
	}
	if len(bare) == 0 {
		return
	}
	b := &builder{p: p, fns: map[string]*profile.Function{}}
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(make([]byte, 0, 64<<10), maxTextLine)
	done := map[uint64]bool{}
	var block uint64 // address of the lines being read: inlined frames repeat it
	for sc.Scan() {
		m := symbolLine.FindStringSubmatch(sc.Text())
		if m == nil {
			if block != 0 {
				done[block] = true
			}
			block = 0
			continue
		}
		addr, err := strconv.ParseUint(m[1], 0, 64)
		if err != nil {
			continue
		}
		if addr != block && block != 0 {
			done[block] = true
		}
		block = addr
		l := bare[addr]
		if l == nil || done[addr] {
			continue
		}
		n, _ := strconv.ParseInt(m[4], 10, 64)
		l.Line = append(l.Line, profile.Line{Function: b.function(m[2], m[3]), Line: n})
	}
}
