package naming

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// turnSlack is how much earlier than the end of the one before a container may seem to have begun: sources have clocks of their own.
const turnSlack = 5 * time.Second

// holder is a container that had an address.
type holder struct {
	key         string
	first, last record.Time // when it is told of
	ended       bool
}

// takeTurns returns, by the keys of the containers, the addresses that several had one after the other, as the tasks of a service do in a
// small network. Proxies name those by address alone: it stands for all of them, as "web.1" does for what runs there in turn.
func (c *Canon) takeTurns(ev *intake.Evidence) map[string]string {
	holders := map[string]*holder{} // by key
	had := map[string][]*holder{}   // by address
	see := func(name string, at record.Time, ended bool) *holder {
		k := c.key(name)
		h := holders[k]
		if h == nil {
			h = &holder{key: k, first: at, last: at}
			holders[k] = h
		}
		h.first, h.last, h.ended = min(h.first, at), max(h.last, at), h.ended || ended
		return h
	}
	for i := range ev.Events {
		e := &ev.Events[i]
		if e.Container == "" || e.Time == 0 {
			continue
		}
		h := see(e.Container, e.Time, e.Kind == record.Stopped)
		if a := AddressOf(e.Address); a != "" && !slices.Contains(had[a], h) {
			had[a] = append(had[a], h)
		}
	}
	for i := range ev.Crashes {
		if k := &ev.Crashes[i]; k.Container != "" && k.Time != 0 {
			see(k.Container, k.Time, k.Exited)
		}
	}
	of, shared := map[string]string{}, map[string]bool{}
	for a, hs := range had {
		inTurn := takeTurns(hs)
		for _, h := range hs {
			if _, other := of[h.key]; other || !inTurn {
				shared[h.key] = true // of two addresses, or of one that it had with another
			}
			of[h.key] = a
		}
	}
	for a, hs := range had {
		if len(hs) < 2 || slices.ContainsFunc(hs, func(h *holder) bool { return shared[h.key] }) {
			for _, h := range hs {
				if of[h.key] == a {
					delete(of, h.key)
				}
			}
		}
	}
	return of
}

// takeTurns reports whether each of some holders of an address had ended before the next one began.
func takeTurns(hs []*holder) bool {
	slices.SortFunc(hs, func(a, b *holder) int { return cmp.Or(cmp.Compare(a.first, b.first), strings.Compare(a.key, b.key)) })
	for i, h := range hs[:len(hs)-1] {
		if next := hs[i+1]; !h.ended || h.last > next.first.Add(turnSlack) {
			return false
		}
	}
	return true
}
