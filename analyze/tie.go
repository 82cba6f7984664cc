package analyze

import (
	"fmt"
	"slices"
	"time"

	"lastcall/analyze/finding"
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
)

// tieByBreaks makes names for containers that only requests know those of containers that died and that no request knows, and returns how
// many there were.
func (t *traffic) tieByBreaks() (tied int, err error) {
	strange, served := t.strangers()
	if !slices.ContainsFunc(strange, func(name string) bool { return name != "" }) {
		return 0, nil
	}
	signs := t.signsOfUnserved(served)
	if len(signs) == 0 || len(signs) > maxTied {
		return 0, nil
	}
	breaks, err := t.breaksOf(strange)
	if err != nil {
		return 0, err
	}
	// Who broke at all deaths of a container, and for how many containers that is so.
	candidates, claims := map[string][]string{}, map[string]int{}
	deaths := map[string]int{}
	for name, at := range signs {
		slices.Sort(at)
		each := inRuns(at, oneDeath, itself)
		deaths[name] = len(each)
		for other, moments := range breaks {
			missed := func(signs []record.Time) bool {
				return !slices.ContainsFunc(signs, func(s record.Time) bool { return meets(moments, s) })
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
			if !meets(signs[name], m) {
				elsewhere++
			}
		}
		if 2*elsewhere <= len(breaks[of[0]]) {
			names[of[0]] = name
			pairs += deaths[name]
		}
	}
	if pairs < minTies {
		return 0, nil
	}
	for raw, other := range strange {
		if name := names[other]; name != "" && other != "" {
			t.canon.alias[t.canon.key(t.ev.Containers[raw])] = name
		}
	}
	return len(names), nil
}

// strangers returns, by raw id, the names of containers that only requests know, and all names that requests know.
func (t *traffic) strangers() (strange []string, served map[string]bool) {
	known := map[string]bool{} // to anything but requests
	for i := range t.ev.Crashes {
		known[t.canon.of(t.ev.Crashes[i].Container)] = true
	}
	for i := range t.ev.Events {
		known[t.canon.of(t.ev.Events[i].Container)] = true
	}
	for k := range t.ev.Series {
		known[t.canon.of(k.Container)] = true
	}
	strange, served = make([]string, len(t.ev.Containers)), map[string]bool{}
	for raw, name := range t.ev.Containers {
		if raw == intake.OtherContainers || name == "" {
			continue
		}
		name = t.canon.of(name)
		served[name] = true
		if !known[name] {
			strange[raw] = name
		}
	}
	return strange, served
}

// untied returns what died and the addresses that requests name, where no request names what died and nothing ties those addresses to
// any container: the dead may have served any of these requests or none, so that who was not seen at a death was not cleared by it.
func (t *traffic) untied() (dead, addresses []string) {
	if !t.named || len(t.life.Deaths) == 0 {
		return nil, nil
	}
	for i := range t.life.Deaths {
		d := &t.life.Deaths[i]
		if c := t.deathContainer(d); c != 0 && t.spans[c].First != 0 {
			return nil, nil // it served
		}
		dead = append(dead, d.Container)
	}
	strange, _ := t.strangers()
	for _, name := range strange {
		if addressOf(name) != "" {
			addresses = append(addresses, name)
		}
	}
	if len(addresses) == 0 {
		return nil, nil
	}
	slices.Sort(dead)
	slices.Sort(addresses)
	return slices.Compact(dead), slices.Compact(addresses)
}

// tellUntied says in the verdict and in the checks that the open requests could not be asked.
func (q *inquiry) tellUntied() {
	if len(q.strangeDead) == 0 {
		return
	}
	if v := &q.report.Verdict; v.Cause == finding.Undetermined {
		v.Summary += " The requests name only addresses, and nothing ties those to what died."
	}
	for i := range q.report.Checks {
		if c := &q.report.Checks[i]; c.Rule == "burst.open-at-onset" && c.Outcome == finding.NotPossible {
			c.Detail = fmt.Sprintf("the requests name %s, and nothing ties those addresses to %s", listSome(q.strangeAddresses, 4), listSome(q.strangeDead, 4))
		}
	}
}

// signsOfUnserved returns the times of the signs of death of each container that no request knows. Those at which there are no requests
// are left out: they cannot have broken any.
func (t *traffic) signsOfUnserved(served map[string]bool) map[string][]record.Time {
	var logged intake.Span
	for _, s := range t.ev.Log.Stats() {
		logged.Add(s.First)
		logged.Add(s.Last)
	}
	from, to := max(logged.First, t.asked.From), logged.Last
	if t.asked.To != 0 {
		to = min(to, t.asked.To)
	}
	signs := map[string][]record.Time{}
	for i := range t.ev.Crashes {
		c := &t.ev.Crashes[i]
		if name := t.canon.of(c.Container); name != "" && !served[name] && c.Time >= from && c.Time <= to {
			signs[name] = append(signs[name], c.Time)
		}
	}
	return signs
}

// breaksOf returns when several connections of some containers, named by raw id, broke at once.
func (t *traffic) breaksOf(names []string) (map[string][]record.Time, error) {
	type told struct {
		name string
		by   group // two may tell of the same requests
	}
	broken := map[told][]record.Time{}
	last := reqlog.Rec{}
	err := t.ev.Unanswered.Each(func(page *reqlog.Page) {
		for i := range page.Len() {
			r := page.At(i)
			if r.Outcome != record.Cut || names[r.Container] == "" || t.ev.Again[intake.TallyOf(r.Source, r.Layer)] || reqlog.SameLine(&last, r) {
				continue
			}
			last = *r
			k := told{names[r.Container], group{r.Layer, intake.SourceFormat(t.ev.Sources[r.Source])}}
			broken[k] = append(broken[k], r.End)
		}
	})
	moments := map[string][]record.Time{}
	for k, times := range broken {
		slices.Sort(times)
		for _, at := range inRuns(times, breakGap, itself) {
			if len(at) >= minBroken {
				moments[k.name] = append(moments[k.name], at[0])
			}
		}
	}
	for name, at := range moments {
		slices.Sort(at)
		once := at[:0]
		for _, run := range inRuns(at, breakGap, itself) {
			once = append(once, run[0])
		}
		moments[name] = once
	}
	return moments, err
}

func itself(at record.Time) record.Time { return at }

// meets reports whether one of some instants lies near another one.
func meets(times []record.Time, at record.Time) bool {
	return slices.ContainsFunc(times, func(t record.Time) bool { return t.Sub(at).Abs() <= tieWithin })
}
