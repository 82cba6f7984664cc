package inflight

import (
	"maps"
	"slices"
	"time"

	"lastcall/collectors/record"
)

// hop is a request open at a case.
type hop struct {
	q *Request
	i int
}

const (
	// regularAnswers is how many answers tell at what intervals a request is sent, regularWithin how far from their median another one is, and
	// multipleWithin how far from a multiple of it, where those in between went elsewhere or were left out.
	regularAnswers = 4
	regularWithin  = 0.5
	multipleWithin = 0.02
	// atOnce is within what time answers are of one sending.
	atOnce = 10 * time.Second
)

// same looks for one request, tried again, open at several deaths: two hops already are strong evidence, as an innocent request
// is rarely retried into each dying container. One that was answered in between, or came no sooner than it does anyway, was not tried again
// but sent anew, as by a page that polls or by a clock: the chain begins once more with it.
func same(b *Baseline, surv *survival, cases []Case) *Same {
	order := inTime(cases)
	open := map[uint64][]hop{}
	for _, i := range order {
		for j := range cases[i].Requests {
			q := &cases[i].Requests[j]
			if q.End != 0 || q.Same == 0 {
				continue
			}
			h := open[q.Same]
			if n := len(h); n > 0 && h[n-1].i == i {
				if q.Start < h[n-1].q.Start {
					h[n-1].q = q
				}
				continue
			}
			open[q.Same] = append(h, hop{q, i})
		}
	}
	var best *Same
	for _, k := range slices.Sorted(maps.Keys(open)) {
		for _, chain := range unanswered(open[k], cases, b.Returning[k]) {
			if len(chain) < 2 {
				continue
			}
			s := &Same{Fingerprint: k, Endpoint: chain[0].q.Endpoint, Refs: make([]int, len(cases)), Hops: len(chain)}
			s.EValue = sameEvidence(b, surv, cases, order, chain, s.Refs) / float64(max(1, len(open))*len(cases))
			if best == nil || s.EValue > best.EValue {
				best = s
			}
		}
	}
	if best == nil || best.EValue < 1 {
		return nil
	}
	return best
}

// unanswered cuts the hops of one request, in the order of time, where it was answered in between or sent anew.
func unanswered(h []hop, cases []Case, r Returning) (chains [][]hop) {
	from := 0
	for j := 1; j < len(h); j++ {
		if r.answeredWithin(cases[h[j-1].i].Time, h[j].q.Start) || r.onTime(h[j].q.Start.Sub(h[j-1].q.Start)) {
			chains = append(chains, h[from:j])
			from = j
		}
	}
	return append(chains, h[from:])
}

// sameEvidence is how much likelier a chain of hops is of a culprit than of an innocent request, at all deaths from its first on. refs gets
// its requests by case. The rate of the innocent is the chance of just that: a victim of the last crash that was retried and still runs, or
// a request that is sent so often that one is open at any moment.
func sameEvidence(b *Baseline, surv *survival, cases []Case, order []int, chain []hop, refs []int) float64 {
	at := map[int]*Request{}
	for _, x := range chain {
		at[x.i] = x.q
	}
	for i := range refs {
		refs[i] = -1
	}
	e := 1.0
	var prev record.Time
	begun := false
	for _, i := range order {
		c := &cases[i]
		q := at[i]
		switch {
		case !begun && q == nil:
			continue
		case !begun:
			begun = true
			refs[i] = q.Ref
		case q == nil:
			e *= miss
		default:
			age := c.Time.Sub(q.Start).Seconds()
			bin := BinOf(age)
			width := Ages[bin+1] - Ages[bin]
			rate := max(5*width/max(b.Seconds, 1), surv.of(q.Endpoint, c.Time.Sub(prev).Seconds()-6), b.Returning[q.Same].Open)
			e *= miss + 0.95*min(1, ageWeight[bin]/0.15)/rate
			refs[i] = q.Ref
		}
		prev = c.Time
	}
	return e
}
