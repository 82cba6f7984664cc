package heap

import (
	"cmp"
	"fmt"
	"maps"
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
	// goroutineFrames is how many frames at the inner end of a stack tell what it waits for.
	goroutineFrames = 8
)

// goroutineCount is one goroutine profile, folded to counts per stack and state.
type goroutineCount struct {
	name                string
	time                record.Time
	container, instance string
	process             string
	leaked              bool // every goroutine in it was found unreachable by the runtime
	groups              []goroutineStack
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

// addGoroutines keeps what a goroutine profile says.
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
	g.groups = a.countGoroutines(p, vi)
	a.blocked = append(a.blocked, g)
}

// countGoroutines counts the goroutines of a profile by stack and state, from the column of their counts.
func (a *analysis) countGoroutines(p *profile.Profile, column int) (groups []goroutineStack) {
	type key struct {
		stack int32
		state string
	}
	sums := map[key]*goroutineStack{}
	r := a.stacks.resolver(p)
	for _, s := range p.Sample {
		n := s.Value[column]
		if n <= 0 {
			continue
		}
		k := key{stack: a.stacks.stack(r.frames(s))}
		if v := s.Label["state"]; len(v) > 0 {
			k.state = v[0]
		} else {
			k.state = blockedState(a.stacks, k.stack)
		}
		g := sums[k]
		if g == nil {
			g = &goroutineStack{stack: k.stack, state: k.state}
			sums[k] = g
		}
		g.count += n
		if v := s.NumLabel["minutes"]; len(v) > 0 {
			g.minutes = max(g.minutes, v[0])
		}
	}
	for _, g := range sums {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(x, y goroutineStack) int {
		return cmp.Or(cmp.Compare(x.stack, y.stack), cmp.Compare(x.state, y.state))
	})
	return groups
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
		for _, f := range fs[:min(len(fs), goroutineFrames)] {
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
func (a *analysis) blockedPlace(stack int32) (fn int32, line int64) {
	fs := a.stacks.of(stack)
	for _, f := range fs {
		if a.stacks.fns[f.fn].code == codeUser {
			return f.fn, int64(f.line)
		}
	}
	for _, f := range slices.Backward(fs) {
		if a.stacks.fns[f.fn].name != "runtime.goexit" {
			return f.fn, int64(f.line)
		}
	}
	return a.stacks.function("(no stack)", ""), 0
}

// goroutineRow is a group of goroutines as it is shown.
type goroutineRow struct {
	finding.Goroutines
	growth int64
}

// goroutines groups the blocked goroutines of every container by place and state, and says which groups grow.
func (a *analysis) goroutines(res *Result) []finding.Goroutines {
	var all []goroutineRow
	best := map[string]int{} // place, state and container: one line, of the life that shows it most
	for _, life := range a.goroutineLives() {
		for _, g := range a.goroutineRows(life) {
			id := g.Function + "\x00" + g.State + "\x00" + g.Container
			i, ok := best[id]
			if !ok {
				best[id] = len(all)
				all = append(all, g)
			} else if o := all[i]; g.Leak && !o.Leak || g.Leak == o.Leak && g.growth > o.growth {
				all[i] = g
			}
		}
	}
	slices.SortFunc(all, func(x, y goroutineRow) int {
		return cmp.Or(cmp.Compare(b2i(y.Leak), b2i(x.Leak)), cmp.Compare(y.growth, x.growth), cmp.Compare(y.Last, x.Last),
			cmp.Compare(x.Function, y.Function), cmp.Compare(x.State, y.State), cmp.Compare(x.Container, y.Container))
	})
	var rows []finding.Goroutines
	for _, g := range all[:min(len(all), a.o.MaxRows)] {
		rows = append(rows, g.Goroutines)
	}
	if len(rows) > 0 && rows[0].Leak {
		res.Notes = append(res.Notes, fmt.Sprintf("goroutines leak in %s (%s): %d, then %d", rows[0].Function, rows[0].State, rows[0].First, rows[0].Last))
	}
	return rows
}

// goroutineLives sorts the goroutine profiles into lives of processes, each in time order.
func (a *analysis) goroutineLives() [][]*goroutineCount {
	slices.SortStableFunc(a.blocked, func(x, y *goroutineCount) int {
		return cmp.Or(cmp.Compare(x.container, y.container), cmp.Compare(x.time, y.time), cmp.Compare(x.name, y.name))
	})
	var lives [][]*goroutineCount
	var prev *goroutineCount
	for _, g := range a.blocked {
		same := prev != nil && prev.container == g.container && prev.instance == g.instance && prev.process == g.process && prev.leaked == g.leaked &&
			deathBetween(a.o.Deaths, &snapshot{container: g.container, instance: prev.instance, time: prev.time}, &snapshot{time: g.time}) == nil
		if !same {
			lives = append(lives, nil)
		}
		lives[len(lives)-1] = append(lives[len(lives)-1], g)
		prev = g
	}
	return lives
}

// blockedGroup is what one life of a process shows of the goroutines that wait for one thing at one place.
type blockedGroup struct {
	counts  []float64 // by profile
	lines   map[int64]float64
	minutes int64 // the longest wait
}

// goroutineRows follows the groups of blocked goroutines through one life.
func (a *analysis) goroutineRows(life []*goroutineCount) (rows []goroutineRow) {
	type key struct {
		fn    int32
		state string
	}
	first, last := life[0], life[len(life)-1]
	groups := map[key]*blockedGroup{}
	x := make([]float64, len(life))
	for i, g := range life {
		x[i] = g.time.Sub(first.time).Seconds()
		if i > 0 && x[i] <= x[i-1] {
			x[i] = x[i-1] + 1
		}
		for _, s := range g.groups {
			fn, line := a.blockedPlace(s.stack)
			b := groups[key{fn, s.state}]
			if b == nil {
				b = &blockedGroup{counts: make([]float64, len(life)), lines: map[int64]float64{}}
				groups[key{fn, s.state}] = b
			}
			b.counts[i] += float64(s.count)
			b.lines[line] += float64(s.count)
			b.minutes = max(b.minutes, s.minutes)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(groups), func(x, y key) int { return cmp.Or(cmp.Compare(x.fn, y.fn), cmp.Compare(x.state, y.state)) }) {
		b := groups[k]
		y := b.counts
		g := goroutineRow{Goroutines: finding.Goroutines{Function: a.display(k.fn, 0), State: k.state, First: int64(y[0]), Last: int64(y[len(y)-1]), Container: last.container}}
		g.growth = g.Last - g.First
		g.Leak, g.Note = goroutineVerdict(x, y, k.state, first.leaked)
		if !g.Leak && g.Last < goroutineGroup && g.growth < goroutineGroup {
			continue
		}
		if b.minutes > 0 {
			g.Note = join("; ", g.Note, fmt.Sprintf("one has waited %d minutes", b.minutes))
		}
		if file := a.stacks.fns[k.fn].file; file != "" {
			if top := topKeys(b.lines, 1); len(top) > 0 && top[0] > 0 {
				file += ":" + strconv.FormatInt(top[0], 10)
			}
			g.File = &file
		}
		rows = append(rows, g)
	}
	return rows
}

func join(sep string, parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, sep)
}

// goroutineVerdict says whether a group leaks, from its counts y at seconds x.
func goroutineVerdict(x, y []float64, state string, leaked bool) (leak bool, note string) {
	n, last := len(y), y[len(y)-1]
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
