package analyze

import (
	"slices"

	"lastcall/analyze/internal/reqlog"
	"lastcall/collectors/record"
)

// A proxy may name what is behind it by addresses, and nothing that was given ties those to the names of the containers that died. But
// when one dies its connections break: the only one whose connections broke at each of its deaths, and at no death of another, is it.

// tieByBreaks makes names for containers that only requests know those of containers that died and that no request knows, and returns how
// many there were.
func (t *traffic) tieByBreaks() (tied int, err error) {
	known := map[string]bool{} // to anything but requests
	for i := range t.crashes {
		known[t.canon.of(t.crashes[i].Container)] = true
	}
	for i := range t.events {
		known[t.canon.of(t.events[i].Container)] = true
	}
	for k := range t.series {
		known[t.canon.of(k.container)] = true
	}
	served := map[string]bool{}
	strange := make([]bool, len(t.all.containers.list)) // by raw id
	any := false
	for raw, name := range t.all.containers.list {
		if raw == otherContainers || name == "" {
			continue
		}
		served[t.canon.of(name)] = true
		strange[raw] = !known[t.canon.of(name)]
		any = any || strange[raw]
	}
	deaths := map[string][]record.Time{}
	for i := range t.crashes {
		if name := t.canon.of(t.crashes[i].Container); name != "" && !served[name] {
			deaths[name] = append(deaths[name], t.crashes[i].Time)
		}
	}
	if !any || len(deaths) == 0 || len(deaths) > maxTied {
		return 0, nil
	}
	broken := map[uint32][]record.Time{}
	err = t.all.unanswered.EachUnsorted(func(page *reqlog.Page) {
		for i := range page.Len() {
			if r := page.At(i); r.Outcome == record.Cut && strange[r.Container] {
				broken[r.Container] = append(broken[r.Container], r.End)
			}
		}
	})
	if err != nil {
		return 0, err
	}
	for _, times := range broken {
		slices.Sort(times)
	}
	// Who broke at all deaths of a container, and for how many containers that is so.
	candidates, claims := map[string][]uint32{}, map[uint32]int{}
	for name, at := range deaths {
		for raw, times := range broken {
			if !slices.ContainsFunc(at, func(d record.Time) bool { return !brokeAt(times, d) }) {
				candidates[name] = append(candidates[name], raw)
				claims[raw]++
			}
		}
	}
	for name, of := range candidates {
		if len(of) == 1 && claims[of[0]] == 1 {
			t.canon.alias[key(t.all.containers.list[of[0]])] = name
			tied++
		}
	}
	return tied, nil
}

// maxTied bounds the containers that are looked for.
const maxTied = 1000

// brokeAt reports whether several connections broke at once around a death.
func brokeAt(times []record.Time, death record.Time) bool {
	from, _ := slices.BinarySearch(times, death.Add(-cutEarly))
	for i := from; i+minBroken <= len(times) && times[i] <= death.Add(cutLate); i++ {
		if times[i+minBroken-1].Sub(times[i]) <= breakGap {
			return true
		}
	}
	return false
}
