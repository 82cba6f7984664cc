package verdict

import (
	"fmt"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

const (
	// brokeOffLeast requests of an endpoint broke off: fewer may be chance, or the client's network.
	brokeOffLeast = 3
	// brokeOffChance: connections that a proxy keeps too long break alike for all endpoints.
	brokeOffChance = 1e-4
	// brokeOffRan and brokeOffTimes: they had been at work for so long, and so many times as long as usual. What breaks at once was refused.
	brokeOffRan   = 2.0 // seconds
	brokeOffTimes = 5.0
)

// brokenOff is an endpoint whose requests broke off far more often than those of others.
type brokenOff struct {
	endpoint, n, of, others int
	ran, usual              float64 // seconds, medians
}

// brokeOff finds, where nothing tells of deaths, the endpoint whose requests broke off after they had been at work for unusually long.
func (q *inquiry) brokeOff() (b brokenOff, ok bool) {
	ran := map[int][]float64{}
	all := 0
	for i := range q.traffic.Pending {
		if p := &q.traffic.Pending[i]; p.Outcome == record.Cut && !p.Retried {
			all++
			ran[int(p.Endpoint)] = append(ran[int(p.Endpoint)], p.End.Sub(p.Start).Seconds())
		}
	}
	total := int(q.measured.Counts.Total)
	least := brokeOffChance
	for e, of := range q.measured.Counts.PerEndpoint {
		n := len(ran[e])
		if e == 0 || n < brokeOffLeast || total <= int(of) {
			continue
		}
		usual, took := q.measured.Base.Durations[e].Quantile(0.5), stat.Median(ran[e])
		if took < max(brokeOffRan, brokeOffTimes*usual) {
			continue
		}
		if p := stat.Fisher(n, int(of), all-n, total-int(of)); p < least {
			least, ok = p, true
			b = brokenOff{endpoint: e, n: n, of: int(of), others: all - n, ran: took, usual: usual}
		}
	}
	return b, ok
}

// tellBrokenOff says that requests of an endpoint broke off, as they do when the process that serves them dies.
func (q *inquiry) tellBrokenOff(c *candidate, b *brokenOff) {
	detail := fmt.Sprintf("%d of %d requests of %s broke off after %s (median, usually they take %s), and of all others %d", b.n, b.of, q.traffic.Endpoints.Names[b.endpoint], seconds(b.ran), seconds(b.usual), b.others)
	c.verdict = finding.Verdict{Cause: finding.Undetermined, Grade: finding.Insufficient,
		Summary: "No crash was told of, but " + detail + ": a process that dies leaves that, and no platform log or events say whether one did."}
	c.checks = append(c.checks, finding.Check{Rule: "requests.broke-off", Outcome: finding.Neutral, Detail: detail})
}

func brokenOffRule() finding.Rule {
	return finding.Rule{ID: "requests.broke-off", Title: "Requests that break off", Question: "No source tells of deaths: did requests of one endpoint break off in the middle of their work?",
		Test: "How often connections broke under requests of one endpoint, against those of all others, by Fisher's exact test, and how long those had run against what is usual.",
		Thresholds: []finding.Threshold{{Name: "probability by chance", Value: "less than 0.01 %", Why: "connections that a proxy keeps too long break for all endpoints alike"},
			{Name: "requests", Value: fmt.Sprint(brokeOffLeast), Why: "fewer may be chance"},
			{Name: "at work", Value: fmt.Sprintf("%g s, and %g times the usual median", brokeOffRan, brokeOffTimes), Why: "what breaks at once was refused"}},
		Source: "method of the project", Limits: "It says neither that a process died nor why: nobody is accused by it."}
}
