package naming

import (
	"cmp"
	"slices"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// A proxy may name what is behind it by addresses, and nothing that was given ties those to the names of the containers that died. But
// when one dies its connections break: the only one whose connections broke at each of its deaths, at no death of another and hardly ever
// else, is it.

const (
	// maxTied bounds the containers that are looked for.
	maxTied = 1000
	// minTies is how many deaths must meet a break for any to be taken for no coincidence.
	minTies = 3
	// oneDeath: what is told of a container within this is one death, of which one sign has to lie near the break.
	oneDeath = time.Minute
	// tieWithin is how far the two may lie apart: what is restarted because another one died breaks later.
	tieWithin = 15 * time.Second
	// oneWithin is the same where one connection that breaks has to do, as where requests are few; then each container must have died
	// minTies times.
	oneWithin = 3 * time.Second
)

// tieByBreaks makes names for containers that only requests know those of containers that died and that no request knows, and returns how
// many there were.
func (c *Canon) tieByBreaks(ev *intake.Evidence, from, to record.Time) (tied int, err error) {
	strange, served := c.Strangers(ev)
	if !slices.ContainsFunc(strange, func(name string) bool { return name != "" }) {
		return 0, nil
	}
	if routed, ok := c.routedOnly(ev, strange); ok {
		served = routed
	}
	signs := c.signsOfUnserved(ev, from, to, served)
	if len(signs) == 0 || len(signs) > maxTied {
		return 0, nil
	}
	cut, err := cutsOf(ev, strange)
	if err != nil {
		return 0, err
	}
	names := pair(signs, breaksOf(cut, MinBroken), tieWithin, 1)
	if len(names) == 0 {
		names = pair(signs, breaksOf(cut, 1), oneWithin, minTies)
	}
	for raw, other := range strange {
		if name := names[other]; name != "" && other != "" {
			c.alias[c.key(ev.Containers[raw])] = name
		}
	}
	if len(names) > 0 {
		return len(names), nil
	}
	first := c.firstSeen(ev)
	turns := inTurn(signs, first, breaksOf(cut, MinBroken), tieWithin)
	if len(turns) == 0 {
		turns = inTurn(signs, first, breaksOf(cut, 1), oneWithin)
	}
	had := map[string]int{}
	for _, address := range turns {
		had[address]++
	}
	for name, address := range turns {
		if had[address] > 1 {
			c.takeAddress(c.key(name), address)
			continue
		}
		for raw, other := range strange { // nobody else had it
			if other == address {
				c.alias[c.key(ev.Containers[raw])] = name
			}
		}
	}
	return len(turns), nil
}

// pair finds whose connections broke at each death of a container, at no death of another and hardly ever else, by the names of both; only for
// containers that died so many times at least. It finds none where all of them together died too seldom.
func pair(signs, breaks map[string][]record.Time, within time.Duration, least int) map[string]string {
	// Who broke at all deaths of a container, and for how many containers that is so.
	candidates, claims := map[string][]string{}, map[string]int{}
	deaths := map[string]int{}
	for name, at := range signs {
		slices.Sort(at)
		each := InRuns(at, oneDeath, itself)
		deaths[name] = len(each)
		if len(each) < least {
			continue
		}
		for other, moments := range breaks {
			missed := func(signs []record.Time) bool {
				return !slices.ContainsFunc(signs, func(s record.Time) bool { return meets(moments, s, within) })
			}
			if !slices.ContainsFunc(each, missed) {
				candidates[name] = append(candidates[name], other)
				claims[other]++
			}
		}
	}
	pairs := 0
	names := map[string]string{}
	for name, of := range candidates {
		if len(of) != 1 || claims[of[0]] != 1 {
			continue
		}
		elsewhere := 0
		for _, m := range breaks[of[0]] {
			if !meets(signs[name], m, within) {
				elsewhere++
			}
		}
		if 2*elsewhere <= len(breaks[of[0]]) {
			names[of[0]] = name
			pairs += deaths[name]
		}
	}
	if pairs < minTies {
		return nil
	}
	return names
}

// inTurn finds where each of some containers was that died once, as tasks do that others follow at the same address: the only address at which
// connections broke then. It finds none where that is so of fewer than half of the containers or of the breaks, or where two were at one
// address at a time. first says when each container was seen first.
func inTurn(signs map[string][]record.Time, first map[string]record.Time, breaks map[string][]record.Time, within time.Duration) map[string]string {
	type moment struct {
		address string
		at      record.Time
	}
	claims := map[moment][]string{}
	for name, at := range signs {
		slices.Sort(at)
		if len(InRuns(at, oneDeath, itself)) != 1 {
			continue
		}
		var met []moment
		for address, moments := range breaks {
			i := slices.IndexFunc(moments, func(m record.Time) bool { return meets(at, m, within) })
			if i >= 0 {
				met = append(met, moment{address, moments[i]})
			}
		}
		if len(met) == 1 && AddressOf(met[0].address) != "" {
			claims[met[0]] = append(claims[met[0]], name)
		}
	}
	of, before := map[string]string{}, map[string][]string{}
	for m, names := range claims {
		if len(names) == 1 {
			of[names[0]] = m.address
			before[m.address] = append(before[m.address], names[0])
		}
	}
	all := 0
	for _, moments := range breaks {
		all += len(moments)
	}
	if len(of) < minTies || 2*len(of) < len(signs) || 2*len(of) < all {
		return nil
	}
	for _, names := range before {
		slices.SortFunc(names, func(a, b string) int { return cmp.Compare(signs[a][0], signs[b][0]) })
		for i, name := range names[1:] {
			if seen, ok := first[name]; ok && seen < signs[names[i]][0].Add(-turnSlack) {
				return nil
			}
		}
	}
	return of
}

// Strangers returns, by raw id, the names of containers that only requests know, and all names that requests know.
func (c *Canon) Strangers(ev *intake.Evidence) (strange []string, served map[string]bool) {
	known := map[string]bool{} // to anything but requests
	for i := range ev.Crashes {
		known[c.Of(ev.Crashes[i].Container)] = true
	}
	for i := range ev.Events {
		known[c.Of(ev.Events[i].Container)] = true
	}
	for k := range ev.Series {
		known[c.Of(k.Container)] = true
	}
	strange, served = make([]string, len(ev.Containers)), map[string]bool{}
	for raw, name := range ev.Containers {
		if raw == intake.OtherContainers || name == "" {
			continue
		}
		name = c.Of(name)
		served[name] = true
		if !known[name] {
			strange[raw] = name
		}
	}
	return strange, served
}

// routedOnly returns the names that a router's lines know, where those that only requests know are known to a router alone: then what the
// application logs under a name of its own, as that of its machine, may be served under an address.
func (c *Canon) routedOnly(ev *intake.Evidence, strange []string) (routed map[string]bool, ok bool) {
	routed = map[string]bool{}
	for layer := range ev.Finished {
		for raw, seen := range ev.Finished[layer] {
			if raw == intake.OtherContainers || raw >= len(ev.Containers) || seen.First == 0 {
				continue
			}
			if record.Layer(layer) == record.LayerRouter {
				routed[c.Of(ev.Containers[raw])] = true
			} else if strange[raw] != "" {
				return nil, false
			}
		}
	}
	return routed, true
}

// signsOfUnserved returns the times at which each container that no request knows died or was killed. Those at which there are no requests
// are left out: they cannot have broken any.
func (c *Canon) signsOfUnserved(ev *intake.Evidence, from, to record.Time, served map[string]bool) map[string][]record.Time {
	var logged intake.Span
	for _, s := range ev.Log.Stats() {
		logged.Add(s.First)
		logged.Add(s.Last)
	}
	from = max(logged.First, from)
	if to == 0 {
		to = logged.Last
	}
	to = min(to, logged.Last)
	signs := map[string][]record.Time{}
	sign := func(name string, at record.Time) {
		if name != "" && !served[name] && at >= from && at <= to {
			signs[name] = append(signs[name], at)
		}
	}
	shared := sharedMachines(ev)
	for i := range ev.Crashes {
		k := &ev.Crashes[i]
		name := c.Of(k.Container)
		if name == "" && processID(k.Instance) && !shared[k.Host] {
			name = c.Of(k.Host)
		}
		sign(name, k.Time)
	}
	// What a stop has to kill, or a failed health check, breaks connections as well.
	for i := range ev.Events {
		if e := &ev.Events[i]; e.Kind == record.Stopped && e.ExitCode == 128+9 {
			sign(c.Of(e.Container), e.Time)
		}
	}
	return signs
}

// teller is who tells of a container's requests: sources of two layers or formats may tell of the same ones.
type teller struct {
	name   string
	layer  record.Layer
	format string
}

// cutsOf returns when connections of some containers, named by raw id, broke.
func cutsOf(ev *intake.Evidence, names []string) (map[teller][]record.Time, error) {
	broken := map[teller][]record.Time{}
	last := reqlog.Rec{}
	err := ev.Unanswered.Each(func(page *reqlog.Page) {
		for i := range page.Len() {
			r := page.At(i)
			if r.Outcome != record.Cut || names[r.Container] == "" || ev.Again[intake.TallyOf(r.Source, r.Layer)] || reqlog.SameLine(&last, r) {
				continue
			}
			last = *r
			k := teller{names[r.Container], r.Layer, intake.SourceFormat(ev.Sources[r.Source])}
			broken[k] = append(broken[k], r.End)
		}
	})
	for _, times := range broken {
		slices.Sort(times)
	}
	return broken, err
}

// breaksOf returns when so many connections of a container, or more, broke at once.
func breaksOf(broken map[teller][]record.Time, least int) map[string][]record.Time {
	moments := map[string][]record.Time{}
	for k, times := range broken {
		for _, at := range InRuns(times, BreakGap, itself) {
			if len(at) >= least {
				moments[k.name] = append(moments[k.name], at[0])
			}
		}
	}
	for name, at := range moments {
		slices.Sort(at)
		once := at[:0]
		for _, run := range InRuns(at, BreakGap, itself) {
			once = append(once, run[0])
		}
		moments[name] = once
	}
	return moments
}

func itself(at record.Time) record.Time { return at }

// meets reports whether one of some instants lies near another one.
func meets(times []record.Time, at record.Time, within time.Duration) bool {
	return slices.ContainsFunc(times, func(t record.Time) bool { return t.Sub(at).Abs() <= within })
}

const (
	// BreakGap is within which connections break at once.
	BreakGap = 2 * time.Second
	// MinBroken is how many make it a moment of the container's rather than of a client's.
	MinBroken = 3
)

// InRuns cuts what is in the order of some instants where more than a gap lies between two.
func InRuns[T any](all []T, gap time.Duration, at func(T) record.Time) (runs [][]T) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && at(all[n]).Sub(at(all[n-1])) <= gap {
			n++
		}
		runs = append(runs, all[:n:n])
		all = all[n:]
	}
	return runs
}
