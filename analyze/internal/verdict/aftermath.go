package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/stat"
	"lastcall/collectors/record"
)

// What a request leaves running may fail when the request itself is over: a promise that nobody awaits, a timer, a thread. The process then
// dies of an error with nothing open, right after an answer.

// afterWithin are how soon after an answer such an error comes, as an endpoint whose requests are counted on.
var afterWithin = [...]time.Duration{time.Second, 5 * time.Second, 30 * time.Second}

const (
	// afterHit is how probable the answer of a culprit is before a death.
	afterHit = 0.9
	// afterRecent is how long before that the pace of an endpoint on the container is taken: its usual one may be far less than that of a
	// busy hour.
	afterRecent = 10 * time.Minute
	// mostByChance: more probable than that an answer is never said to be.
	mostByChance = 0.95
	// afterLeast is at how many deaths, and at what part of them, an answer must have come before.
	afterLeast = 3
	afterShare = 0.8
	// afterYoung: a process that is no older answers what it is asked at its start, whatever kills it.
	afterYoung = 2 * time.Minute
	// afterFatal of the requests of an endpoint, at least, come before a death; of afterEven, the standard deviation of the times between its
	// requests over their mean, or less, they come at a set pace, and what runs at that pace dies at their side.
	afterFatal = 0.02
	afterEven  = 0.3
	// priorAfter is the probability beforehand that an answered request is what killed, where none that was open did.
	priorAfter = 0.1
)

// rateRatio is the measure of the effect: deaths right after an answer, over those that chance brings about.
const rateRatio = "rate_ratio"

// aftermath is an endpoint that was answered right before deaths.
type aftermath struct {
	endpoint  int
	logE      float64 // natural logarithm of the e-value
	posterior float64
	within    time.Duration // of afterWithin, that which tells most
	with, of  int           // deaths
	chance    float64       // at how many of them it would have been by chance
}

// lastAnswers are what was answered before one death.
type lastAnswers struct {
	ago    map[int]time.Duration // by endpoint, the last one
	recent map[int]int           // by endpoint, how many within afterRecent, without the last
}

func (q *inquiry) answersBefore(d int) lastAnswers {
	x := &q.open.cases[d]
	a := lastAnswers{map[int]time.Duration{}, map[int]int{}}
	for i := range x.Requests {
		r := &x.Requests[i]
		if r.End == 0 || r.End > x.Time {
			continue
		}
		ago := x.Time.Sub(r.End)
		if last, ok := a.ago[r.Endpoint]; !ok || ago < last {
			a.ago[r.Endpoint] = ago
		}
		if ago <= afterRecent {
			a.recent[r.Endpoint]++
		}
	}
	for e := range a.recent {
		a.recent[e]--
	}
	return a
}

// aftermathOf looks for an endpoint that was answered right before deaths more often than chance brings about: per death, the probability
// of an answer so soon before it if the endpoint kills, over that at its pace (Poisson). Ages are averaged over, endpoints share the
// probability beforehand.
func (q *inquiry) aftermathOf(deaths []int) (best aftermath, ok bool) {
	if len(deaths) < afterLeast || q.burstOutcome() == finding.NotPossible || q.traffic.Quiet.AliveSeconds <= 0 {
		return best, false // the request that kills would not be seen, and what comes before it would
	}
	answers := make([]lastAnswers, len(deaths))
	suspects := map[int]int{} // endpoint -> deaths before which it was answered in time
	for i, d := range deaths {
		answers[i] = q.answersBefore(d)
		for e, ago := range answers[i].ago {
			if e > 0 && ago <= afterWithin[len(afterWithin)-1] {
				suspects[e]++
			}
		}
	}
	prior := math.Log(priorAfter / float64(max(len(q.traffic.Endpoints.Names)-1, 1)))
	logs := []float64{math.Log(1 - priorAfter)} // of nobody, and of the suspects with their e-values
	for _, e := range slices.Sorted(maps.Keys(suspects)) {
		n := suspects[e]
		if float64(n) < afterShare*float64(len(deaths)) {
			continue
		}
		x := q.weighAfter(e, deaths, answers)
		logs = append(logs, prior+x.logE) // also of what cannot be accused, as it may be what the others come with
		if q.unevenly(e, n) && (best.endpoint == 0 || x.logE > best.logE) {
			best = x
		}
	}
	if best.endpoint == 0 {
		return best, false
	}
	best.posterior = math.Exp(prior + best.logE - stat.LogSumExp(logs))
	return best, best.posterior >= conclusiveP && best.with >= afterLeast && float64(best.with) >= afterShare*float64(len(deaths))
}

// unevenly reports whether an endpoint is asked at no set pace, and so seldom that the n deaths matter among its requests.
func (q *inquiry) unevenly(e, n int) bool {
	calls := q.measured.Calls(q.traffic, e)
	if len(calls) == 0 || float64(n) < afterFatal*float64(len(calls)) {
		return false
	}
	last := map[uint32]record.Time{}
	var gaps []float64
	for _, c := range calls {
		if before, ok := last[c.Container]; ok {
			gaps = append(gaps, c.Start.Sub(before).Seconds())
		}
		last[c.Container] = c.Start
	}
	return len(gaps) == 0 || stat.Deviation(gaps) > afterEven*stat.Mean(gaps)
}

// weighAfter returns what the answers of an endpoint say.
func (q *inquiry) weighAfter(e int, deaths []int, answers []lastAnswers) aftermath {
	x := aftermath{endpoint: e, of: len(deaths)}
	usual := float64(q.measured.Counts.PerEndpoint[e]) / q.traffic.Quiet.AliveSeconds
	most := math.Inf(-1)
	var values []float64
	for _, within := range afterWithin {
		value, with, chance := 0.0, 0, 0.0
		for i := range deaths {
			pace := max(usual, float64(answers[i].recent[e])/afterRecent.Seconds())
			p := min(max(1-math.Exp(-pace*within.Seconds()), 1e-6), mostByChance)
			chance += p
			if ago, ok := answers[i].ago[e]; ok && ago <= within {
				value += math.Log(afterHit / p)
				with++
			} else {
				value += math.Log((1 - afterHit) / (1 - p))
			}
		}
		values = append(values, value-math.Log(float64(len(afterWithin))))
		if value > most {
			most, x.within, x.with, x.chance = value, within, with, chance
		}
	}
	x.logE = stat.LogSumExp(values)
	return x
}

// describe writes what the answers say of the endpoint instead of what open requests do.
func (a *aftermath) describe(s *finding.Suspect) {
	n, chance := float64(a.with), math.Max(a.chance, 1e-6)
	off := stat.NormalQuantile(0.95) * math.Sqrt(n)
	s.CrashesWith, s.Baseline, s.BaselineWith, s.BaselineTotal = a.with, 0, 0, 0
	s.Effect = finding.Effect{Measure: rateRatio, Value: sig(n / chance), Low: sig((n - off) / chance), High: sig((n + off) / chance)}
	p := round(a.posterior, 4)
	s.Probability, s.PAdjusted = &p, nil
	s.Reasons = append(s.Reasons, fmt.Sprintf("answered within %s before %d of %d deaths, where its pace brings that about before %s", seconds(a.within.Seconds()), a.with, a.of, num(a.chance)))
}

// afterAnswers reports whether the accused endpoints are those whose answers came right before deaths.
func (q *inquiry) afterAnswers(endpoints []string) bool {
	return slices.ContainsFunc(q.report.Suspects, func(s finding.Suspect) bool {
		return s.Role == finding.Culprit && s.Effect.Measure == rateRatio && slices.Contains(endpoints, s.Endpoint)
	})
}

// explainAfter accuses an endpoint whose answers came right before the deaths, if there is one.
func (q *inquiry) explainAfter(deaths []int) (candidate, bool) {
	for _, d := range deaths {
		if k := q.traffic.Life.Deaths[d].Kind; k != record.CrashException && k != record.CrashSegfault && k != record.CrashExit && k != record.CrashAbort {
			return candidate{}, false
		}
	}
	if q.mayBeFull(deaths) || q.agesOfClass(byFault, deaths, false).alike() {
		return candidate{}, false
	}
	old := slices.DeleteFunc(slices.Clone(deaths), func(d int) bool {
		x := &q.traffic.Life.Deaths[d]
		return x.Uptime > 0 && x.Uptime <= afterYoung
	})
	a, ok := q.aftermathOf(old)
	if !ok {
		return candidate{}, false
	}
	name := q.traffic.Endpoints.Names[a.endpoint]
	detail := fmt.Sprintf("%s had been answered within %s before %d of %d deaths, where its pace brings that about before %s (probability %s)",
		name, seconds(a.within.Seconds()), a.with, a.of, num(a.chance), percent(a.posterior))
	asked := finding.Check{Rule: "crash.after-answer", Outcome: finding.Supports, Detail: detail}
	return candidate{deaths: deaths, class: byFault, endpoint: a.endpoint, named: a.endpoint, by: onAnswers, after: a, checks: []finding.Check{asked}, verdict: finding.Verdict{
		Cause: finding.RequestCrash, Grade: finding.Likely, Endpoint: &q.traffic.Endpoints.Names[a.endpoint],
		Summary: fmt.Sprintf("%s crashed %s after its answer: it had been answered within %s before %d of %d deaths, and no request was open at them that explains it.",
			name, q.containersText(old), seconds(a.within.Seconds()), a.with, a.of)}}, true
}

func afterRule() finding.Rule {
	return finding.Rule{ID: "crash.after-answer", Title: "Answered right before the crash", Question: "Did a request leave something running that killed the process when the request was over?",
		Test: "Where no open request explains the deaths by an error: for each endpoint, how soon before each death a request of it was answered on that container. The probability of that if it kills, over that at its pace (the higher of its usual one and that of the ten minutes before), multiplied over the deaths and averaged over three times; endpoints share the probability beforehand.",
		Thresholds: []finding.Threshold{{Name: "answered before", Value: "1 s, 5 s or 30 s; at least 3 deaths, and 80% of them", Why: "an error that nobody awaits comes at once, or with a timer"},
			{Name: "probability", Value: "0.99, of 0.1 beforehand for all endpoints", Why: "what is open kills more often than what is over"},
			{Name: "left out", Value: fmt.Sprintf("deaths within %s of a start, endpoints asked at a set pace (deviation of the gaps up to %g of their mean), of whose requests under %g%% come before a death, or that are asked too often for each to be known", afterYoung, afterEven, 100*afterFatal), Why: "what comes at each start, or at each minute, comes before every death at the start, or of what runs each minute"},
			{Name: "grade", Value: "likely at most", Why: "what always comes before the culprit looks alike"}},
		Source: "Poisson arrivals; Vovk and Wang 2021 for e-values", Limits: "Needs a log in which open requests are seen, or the request that was open would be missing and the one before it be accused."}
}
