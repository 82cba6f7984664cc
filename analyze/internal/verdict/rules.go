package verdict

import (
	"fmt"

	"lastcall/analyze/finding"
	"lastcall/analyze/hang"
	"lastcall/analyze/heap"
	"lastcall/analyze/inflight"
	"lastcall/analyze/internal/naming"
	"lastcall/analyze/internal/traffic"
	"lastcall/analyze/life"
	"lastcall/analyze/memory"
)

// Rules returns every rule that a report can cite, in the order in which they are asked.
func Rules() []finding.Rule {
	var r []finding.Rule
	r = append(r, life.Rules()...)
	r = append(r, naming.Rules()...)
	r = append(r, inflight.Rules()...)
	r = append(r, memory.Rules()...)
	r = append(r, heap.Rules()...)
	r = append(r, hang.Rules()...)
	r = append(r, ownRules()...)
	return r
}

func ownRules() []finding.Rule {
	return []finding.Rule{
		{ID: "rival.load", Title: "Load as a rival", Question: "Did the containers die because the load was at its peak?",
			Test:       "The number of requests in the 30 seconds before each death is ranked among all stretches of 30 seconds (0 the lowest, 1 the highest). Under no connection ranks are uniform; 8·rank⁷ is then an e-value, multiplied over stories (deaths within 20 minutes share their load).",
			Thresholds: []finding.Threshold{{Name: "e-value", Value: "20", Why: "by Markov's inequality reached by chance in at most 1 of 20 incidents; above the best endpoint it lowers an accusation to possible"}},
			Source:     "Vovk and Wang 2021 for e-values; the density is a choice that favours the highest ranks", Limits: "One story cannot reach the threshold."},
		agesRule(),
		atOnceRule(),
		clockRule(),
		linesBeforeRule(),
		momentRule(),
		afterRule(),
		{ID: "stall.memory-flat", Title: "Memory at a death by health check", Question: "Did the container stop answering because memory was short?",
			Test:       "The last reading before the death is compared with the limit.",
			Thresholds: []finding.Threshold{{Name: "share of the limit", Value: "0.9", Why: "a collector that thrashes holds the CPU as well; then memory is the cause"}}, Source: "golang/go#58106 on GC death spirals", Limits: "Needs memory readings and a limit."},
		{ID: "stall.silence", Title: "Runtime metrics fall silent", Question: "Was the event loop held?",
			Test:       "A runtime that cannot run its timers reports nothing: the age of its last reading at the death.",
			Thresholds: []finding.Threshold{{Name: "silence", Value: "20 s", Why: "recorded: blocked loops are silent for 50 to 106 s before a death, others for 1 to 30 s"}}, Source: "recorded incidents", Limits: "Coarse metrics are always that old."},
		{ID: "stall.gathered", Title: "Requests that gather", Question: "Only requests tell of the deaths: did the requests of the suspect kill, or did they wait for something else?",
			Test: "Of how many callers requests of the endpoint were open at a death, and what became of those, on all containers, that began meanwhile. Where they gathered and hardly one was answered, or where others were, nobody is accused.",
			Thresholds: []finding.Threshold{{Name: "callers", Value: fmt.Sprintf("%d, in the median of the deaths", hangsCallers), Why: "what kills does so alone, or one caller tries it again"},
				{Name: "answered", Value: fmt.Sprintf("%.0f %% at most", 100*hangsAnswered), Why: "an ordinary request of an endpoint that kills now and then is answered elsewhere"},
				{Name: "others answered", Value: fmt.Sprintf("%.0f %% of the usual number", 100*waitsShare), Why: "as for stalls"}},
			Source: "a recorded incident: workers that wait for a peer until a health check kills", Limits: "An endpoint that kills with several requests at once is not accused where no platform log tells of the deaths."},
		{ID: "stall.others-answered", Title: "Other requests while the suspect was open", Question: "Did a request hold the CPU or the event loop, or did it wait for something else?",
			Test: "From two seconds after the beginning of the oldest request of the suspect that was open at a death by health check, to the death: how many others the container answered that began later, against what it had answered in the five minutes before.",
			Thresholds: []finding.Threshold{
				{Name: "others answered", Value: "20% of the usual number, before more than half of the deaths", Why: "a held event loop answers nobody; requests that wait fill the workers one by one"},
				{Name: "at least", Value: "10 s, and 10 requests usual in that time", Why: "less tells nothing"}},
			Source: "recorded incidents, of both kinds", Limits: "A container of many processes goes on with the others while one is held."},
		{ID: "planned.traffic", Title: "Traffic within a planned window", Question: "What should have stopped for the maintenance and did not?",
			Test:       "The requests that began within each planned window (told with --planned, or announced by the platform): endpoints, callers, and how many were cut, given up on, refused or slow.",
			Thresholds: []finding.Threshold{{Name: "slow", Value: "10 s", Why: "a request that waits for what is down, rather than an ordinary one"}}, Source: "method of the project", Limits: "Callers are counted by user or address, where the log has one."},
		{ID: "rival.host", Title: "Host failure", Question: "Did a host take several services with it?",
			Test:       "Containers of at least two services that ended within the window for no reason of their own: lost by the platform, ended by a signal or a health check; or any that ended within two windows of the platform's word that their host went down. It is conclusive where all were on one host that is named, or the platform told of it; possible where all that is known is that each was killed; nothing where they were on different hosts, or where the same services end together again and again.",
			Thresholds: []finding.Threshold{{Name: "window", Value: "60 s", Why: "health checks notice a lost host within three intervals"}}, Source: "method of the project", Limits: "Needs a platform log that names several services."},
		{ID: "capacity.peak", Title: "Load above what fits", Question: "Did the load simply exceed the limit?",
			Test: "The number of requests in the 5 minutes before the first death of each story, against all such stretches up to 15 minutes before; the share of the pool that died. An accusation that is conclusive stands against it. Where the load rises only within a minute of the first death, and stays high while containers die, it is possible: those who try again may make it.",
			Thresholds: []finding.Threshold{{Name: "rank", Value: "95 %", Why: "the highest stretches only"}, {Name: "rise", Value: fmt.Sprintf("twice the median; %d times where it is no older than the deaths", surgeRise), Why: "a fleet has headroom for its ordinary peaks"},
				{Name: "requests", Value: fmt.Sprintf("%d in the stretch, or in a step of the surge", loadLeast), Why: "where few come, some more are chance"}, {Name: "fleet", Value: "half of the pool", Why: "too much load meets all containers"}},
			Source: "method of the project", Limits: "Needs at least half an hour of requests before the deaths. Retries after a first death raise the load: the stretch ends at the first death."},
		loweredRule(),
		stillOpenRule(),
		hostMemoryRule(),
		{ID: "leak.calm", Title: "A leak that has killed nothing", Question: "Nothing died: is what grows a leak, or a cache that fills and a process that warms up?",
			Test:       "The probability that an endpoint leaks is taken with lower odds beforehand where nothing died of memory.",
			Thresholds: []finding.Threshold{{Name: "odds", Value: fmt.Sprint(calmOdds), Why: "in generated fleets that only warm up, one in some hundred accused somebody without it"}, {Name: "likely, conclusive", Value: fmt.Sprintf("%g, %g", likelyP, conclusiveP), Why: "as elsewhere"}},
			Source:     "method of the project", Limits: "A small leak is told a day later."},
		afterRestartRule(),
		brokenOffRule(),
		unendedRule(),
		traffic.LatencyRule(),
		traffic.FailingRule(),
		traffic.BrokenRule(),
		{ID: "hang.stale-members", Title: "A list of live instances that did not notice", Question: "Did clients go on calling an instance that was gone?",
			Test:       "A container that the platform lost, and a refresh of the list of live instances of its service, without it, only later.",
			Thresholds: []finding.Threshold{{Name: "delay", Value: "2 min", Why: "health checks take a dead instance off a list within a minute or so"}}, Source: "recorded incidents", Limits: "Needs a platform log that tells of such lists."},
		{ID: "evidence.starts", Title: "Starts of requests", Question: "Could the evidence show a request that never ended?",
			Test:   "Start lines in the application's log, or a router's log that says when it gave up or a connection broke.",
			Source: "survivorship bias: span exporters, endpoint counters and completion lines know finished requests only", Limits: "Without them nobody is accused of a burst."},
		{ID: "evidence.requests", Title: "Requests", Question: "Were requests seen at all?", Test: "Any request line.", Source: "-", Limits: "-"},
		{ID: "evidence.container", Title: "Requests name their container", Question: "Can a request be tied to the container that died?", Test: "At least half of the request lines name a container, or there is only one.", Source: "-", Limits: "-"},
		{ID: "evidence.memory", Title: "Memory readings", Question: "Is there a curve to tell a leak from a burst?", Test: "At least eight readings of a life, or three in each of several lives that died.", Source: "-", Limits: "-"},
		{ID: "evidence.platform", Title: "Platform log or events", Question: "Does a source tell crashes from stops?", Test: "Any exit line or lifecycle event.", Source: "-", Limits: "-"},
	}
}
