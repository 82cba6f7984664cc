package verdict

import (
	"fmt"
	"slices"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// actions follow from the verdict and from what was missing.
func (q *inquiry) actions() {
	r := q.report
	add := func(kind, rule, text string) {
		r.Actions = append(r.Actions, finding.Action{Kind: kind, Rule: rule, Text: text})
	}
	r.Actions = []finding.Action{}
	v := &r.Verdict
	causes := q.accusedBy()
	for _, c := range causes {
		q.actionsFor(c.cause, c.endpoints, add)
	}
	if slow, ok := q.measured.Latency.Slowest(); ok && v.Cause.Harmless() {
		add("observe", "latency.slow", fmt.Sprintf("Look at what requests waited for from %s to %s: a database, something else that they call, the machine.", clockTime(slow.From), clockTime(slow.To)))
	}
	if v.Cause == finding.Undetermined {
		if q.ledBy != "" && v.Endpoint == nil {
			add("fix", "lines.before", "Look at what was worked on just before each death by "+q.ledBy+".")
		}
		switch {
		case v.Endpoint != nil:
			add("mitigate", "burst.open-at-onset", "Limit or switch off "+listAll(causes[0].endpoints)+" until it is known how it kills, and block the request or caller shown in the examples.")
			add("observe", "memory.shape", "Keep the last words of the process and readings of its heap: they tell memory from a held event loop.")
		case len(q.traffic.Life.Deaths) > 0 && q.memory.growth.Gate.Open:
			add("mitigate", "memory.leak", "Restart the containers in turn before they reach the limit, until it is known what grows.")
		}
	}
	if v.Cause == finding.Undetermined && len(q.failing) > 0 {
		f := q.failing[0]
		add("observe", "errors.stretch", fmt.Sprintf("Look at what requests of %s waited for or ran into from %s to %s: a database, something else that they call, an error in the log.", q.traffic.Endpoints.Names[f.Endpoint], clockTime(f.From), clockTime(f.To)))
	}
	neverServed := q.neverServed(q.allDeaths())
	if (len(q.traffic.Life.Deaths) > 0 || v.Cause == finding.Undetermined) && !neverServed {
		if q.measured.Counts.Total > 0 && q.traffic.Layer == record.LayerApp && !q.hasStarts() {
			add("observe", "evidence.starts", "Log the start of requests (or save the router's log): the request that kills never logs its end.")
		}
		if q.measured.Counts.Total == 0 {
			add("observe", "evidence.requests", "Add the router's log or the application's request log of the hour before the crashes.")
		}
		if q.measured.Counts.Total > 0 && !q.traffic.Containers.Named {
			add("observe", "evidence.container", "Let the request log say which container served each request.")
		}
		if !q.traffic.Life.Told {
			add("observe", "evidence.platform", "Add the platform's log or events: they tell a crash from a deploy.")
		}
		if len(q.memory.curves) == 0 {
			add("observe", "evidence.memory", "Add memory readings of each container (RSS and heap, every minute or finer).")
		}
		for i := range r.Memory {
			if r.Memory[i].SampleIntervalSeconds >= 300 {
				add("observe", "memory.blind", fmt.Sprintf("Sample memory every minute or finer: readings %s apart cannot show a burst.", minutes(time.Duration(r.Memory[i].SampleIntervalSeconds*1e9))))
				break
			}
		}
		if q.heap == nil && (v.Cause == finding.RequestLeak || v.Cause == finding.BackgroundLeak || v.Cause == finding.Undetermined && q.memory.growth.Gate.Open) {
			add("observe", "heap.growth", "Take two heap profiles of one container some minutes apart and add them: they name the code.")
		}
	}
	if n := len(q.traffic.Life.Deaths); n > 0 && v.Cause == finding.Undetermined && v.Endpoint == nil {
		at := make([]string, 0, n)
		faults, machine := 0, 0
		for d := range q.traffic.Life.Deaths {
			at = append(at, clockTime(q.traffic.Life.Deaths[d].Time))
			if classOf(&q.traffic.Life.Deaths[d]) == byFault {
				faults++
			}
			if q.ofMachine(&q.traffic.Life.Deaths[d]) {
				machine++
			}
		}
		if n <= fewDeaths && len(r.Suspects) > 0 && r.Suspects[0].CrashesWith == n {
			add("observe", "burst.open-at-onset", "Look at the request of "+r.Suspects[0].Endpoint+" that was open at "+listSome(at, 2)+", and at what it asked for: with so few deaths it is a guess.")
		}
		switch {
		case neverServed:
			add("fix", "burst.open-at-onset", "Read the first error that the processes wrote as they started, near "+listSome(at, 3)+", and go back to the release before if there was one.")
		case q.onlyCompanions(q.allDeaths()):
			add("fix", "burst.open-at-onset", "Look at what the companion needs, and at its limit: requests play no part in it.")
		case 2*machine > n:
			add("mitigate", "rival.host-memory", "Look at what else takes memory on the machine at "+listSome(at, 3)+" (the kernel's log lists every process and who asked), and reserve what the containers need.")
		case 2*faults > n:
			add("observe", "burst.open-at-onset", "Read what the processes wrote just before "+listSome(at, 3)+": they ended by an error, and its first line and trace say where.")
		case len(q.untied.Containers) > 0:
			add("observe", "burst.open-at-onset", "Save what tells which container of the pods died (kubectl get pods -o json), and ask again with it.")
		case q.ledBy == "":
			add("observe", "burst.open-at-onset", "Look at what the processes do without a request just before "+listSome(at, 3)+" (jobs, timers, consumers), and let the runtime write a heap snapshot when memory runs out.")
		}
	}
}

// accused are the endpoints of one cause.
type accused struct {
	cause     finding.Cause
	endpoints []string
}

// accusedBy returns the causes of the report, the main one first, each once, with the endpoints that are accused of it.
func (q *inquiry) accusedBy() (out []accused) {
	causes := q.report.Causes
	if len(causes) == 0 {
		causes = []finding.Verdict{q.report.Verdict}
	}
	for _, v := range causes {
		i := slices.IndexFunc(out, func(a accused) bool { return a.cause == v.Cause })
		if i < 0 {
			i = len(out)
			out = append(out, accused{cause: v.Cause})
		}
		if v.Endpoint != nil {
			out[i].endpoints = append(out[i].endpoints, *v.Endpoint)
		}
	}
	return out
}

// actionsFor says what to do about one cause.
func (q *inquiry) actionsFor(cause finding.Cause, endpoints []string, add func(kind, rule, text string)) {
	ep := "what these requests share" // several endpoints, or all, and none of them accused
	are := "it is"
	if len(endpoints) > 0 {
		ep = listAll(endpoints)
	}
	if len(endpoints) > 1 {
		are = "they are"
	}
	switch cause {
	case finding.RequestBurst:
		add("mitigate", "burst.open-at-onset", "Limit or switch off "+ep+" until "+are+" fixed, and block the request or caller shown in the examples.")
		add("fix", "burst.open-at-onset", "In the code of "+ep+", look for work over a whole collection at once (Promise.all over a list, loading all rows): stream it or bound its concurrency, and cap the size.")
		add("fix", "burst.open-at-onset", "Let the process stop working on a request once the router has given up on it, and do not let clients retry it without a limit.")
	case finding.RequestLeak:
		add("mitigate", "leak.attribution", "Restart the containers in turn before they reach the limit, until the leak is fixed.")
		add("fix", "leak.attribution", "In the code of "+ep+", look for what is kept after the answer: caches without bound, listeners, timers, maps at module level.")
	case finding.BackgroundLeak:
		add("mitigate", "leak.time-only", "Restart the containers in turn before they reach the limit, until the leak is fixed.")
		add("fix", "leak.time-only", "Look at what runs without a request: timers, jobs, consumers, metric buffers; compare two heap profiles some minutes apart.")
	case finding.Capacity:
		add("mitigate", "rival.load", "Add containers or raise the memory limit; limit concurrency per container.")
	case finding.CPUStall:
		add("mitigate", "stall.silence", "Limit or switch off "+ep+", and block the request shown in the examples.")
		add("fix", "stall.silence", "In the code of "+ep+", look for work that never yields: regular expressions on user input, parsing, sorting, synchronous crypto; move it to a worker or bound its input.")
	case finding.RequestCrash:
		if q.afterAnswers(endpoints) {
			add("mitigate", "crash.after-answer", "Limit or switch off "+ep+" until "+are+" fixed.")
			add("fix", "crash.after-answer", "In the code of "+ep+", look for what goes on after the answer (a promise that nobody awaits, a timer, a thread) and handle its error; the last words in the crash's evidence say which.")
			return
		}
		add("mitigate", "burst.open-at-onset", "Block the request shown in the examples.")
		add("fix", "burst.open-at-onset", "Handle the error that ends the process in the code of "+ep+"; the last words in the crash's evidence say which.")
	case finding.HungDependency:
		add("mitigate", "hang.constant-duration", "Take the instance that hangs out of the list of live instances, or restart its clients so that they forget it.")
		add("fix", "hang.constant-duration", "Give calls a shorter timeout with one retry on another instance, and let health checks take hung instances off the list.")
	case finding.HostFailure:
		add("fix", "rival.host", "Spread the containers of one service over several hosts.")
	}
}
