package heap

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"lastcall/collectors/record"
)

// analysis is what is known of all profiles.
type analysis struct {
	o        Options
	stacks   *stacks
	class    classifier
	heaps    []*snapshot
	blocked  []*goroutineCount
	warnings map[string]*record.Warning
}

func newAnalysis(o Options) *analysis {
	return &analysis{o: o, stacks: newStacks(), warnings: map[string]*record.Warning{}}
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
